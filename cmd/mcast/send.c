/* send - instruction records, or one payload, to the vnep-edge that lives on the state folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcast.h"
#include "vnep/buf.h"
#include "vnep/coapmake.h"
#include "vnep/num.h"
#include "vnep/recjson.h"

enum { PAYLOAD_MAX = 65536, WAIT_MAX_S = 86400 };

const struct vnep_option mcast_send_options[] = { MCAST_SELECTION,
	{ "payload", 0, VNEP_ARG_ONE, "FILE", "one instruction: this UDP payload", NULL },
	{ "not-after", 0, VNEP_ARG_ONE, "TIME", "with --payload: who sleeps longer does not get it",
		NULL },
	{ "wait", 'w', VNEP_ARG_ONE, "SECONDS",
		"collect answers, ask once more who gave none; exit 1 if somebody is missing",
		NULL },
	{ 0 } };

struct sending {
	struct vnep_client *client;
	uint64_t lines;
};

static int read_wait(struct vnep_cli *cli, uint64_t *ms)
{
	const char *text = vnep_cli_str(cli, "wait", NULL);
	char *end;
	double s;

	*ms = 0;
	if (!text)
		return 0;
	s = strtod(text, &end);
	if (*end || end == text || !(s > 0) || s > WAIT_MAX_S)
		return vnep_err_set(&cli->err, VNEP_EUSAGE,
			"--wait: \"%s\" is not a number of seconds up to %d", text, WAIT_MAX_S);
	*ms = (uint64_t)(s * 1000 + 0.5);
	*ms += !*ms;
	return 0;
}

static int read_payload(struct vnep_cli *cli, const char *path, struct vnep_buf *out)
{
	bool stdin_too = !strcmp(path, "-");
	int fd = stdin_too ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	ssize_t n = 1;

	if (fd < 0)
		return vnep_err_sys(&cli->err, errno, "cannot read %s", path);
	while (!rc && n) {
		uint8_t *at = vnep_buf_reserve(out, PAYLOAD_MAX);

		n = at ? read(fd, at, PAYLOAD_MAX) : -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = vnep_err_sys(&cli->err, at ? errno : ENOMEM, "cannot read %s", path);
		else
			out->len += (size_t)n;
		if (!rc && out->len > PAYLOAD_MAX)
			rc = vnep_err_set(&cli->err, VNEP_ETOOBIG,
				"%s: more than %d octets: no frame holds that", path, PAYLOAD_MAX);
	}
	if (!stdin_too)
		close(fd);
	return rc;
}

static int send_payload(struct vnep_cli *cli, struct sending *sending)
{
	struct vnep_instruction instruction = { .content_format = VNEP_COAP_NO_FORMAT };
	const char *until = vnep_cli_str(cli, "not-after", NULL);
	struct vnep_buf payload = { 0 }, line = { 0 };
	int rc = read_payload(cli, vnep_cli_str(cli, "payload", "-"), &payload);

	if (!rc && until)
		rc = vnep_wall_parse(until, &instruction.not_after, &cli->err);
	if (!rc) {
		instruction.payload = payload.data;
		instruction.payload_len = payload.len;
		vnep_instruction_encode(&line, &instruction);
		rc = line.rc ? vnep_err_sys(&cli->err, ENOMEM, "instruction")
			     : vnep_client_send(sending->client, (const char *)line.data,
				       line.len - 1, &cli->err);
	}
	vnep_buf_release(&line);
	vnep_buf_release(&payload);
	return rc;
}

static int send_record(
	struct vnep_cli *cli, struct vnep_json *json, const char *text, size_t len, void *arg)
{
	struct sending *sending = arg;

	(void)json;
	sending->lines++;
	return vnep_client_send(sending->client, text, len, &cli->err);
}

static int check_usage(const struct vnep_cli *cli, struct vnep_err *err)
{
	if (vnep_cli_has(cli, "payload") && cli->argc)
		return vnep_err_set(err, VNEP_EUSAGE, "--payload, or files with instructions");
	if (vnep_cli_has(cli, "not-after") && !vnep_cli_has(cli, "payload"))
		return vnep_err_set(err, VNEP_EUSAGE, "--not-after goes with --payload");
	if (vnep_cli_has(cli, "payload") && !vnep_cli_has(cli, "group") &&
		!vnep_cli_has(cli, "vpc") && !vnep_cli_has(cli, "region") &&
		!vnep_cli_has(cli, "match"))
		return vnep_err_set(
			err, VNEP_EUSAGE, "for whom? --group, or --vpc, --region, --match");
	return 0;
}

static int send_all(struct vnep_cli *cli, struct sending *sending, const struct vnep_json *request)
{
	bool single = vnep_cli_has(cli, "payload");
	char *members = mcast_members(request);
	int worst = 0,
	    rc = members ? vnep_client_request(sending->client, "mcast.send", members, &cli->err)
			 : vnep_err_sys(&cli->err, ENOMEM, "request");

	free(members);
	if (!rc)
		rc = single ? send_payload(cli, sending)
			    : vnep_cli_read(cli, false, send_record, sending);
	if (!rc)
		rc = vnep_client_end(sending->client, &cli->err);
	if (!rc)
		rc = mcast_answers(cli, sending->client, &worst);
	return rc > 0 && worst && (single || sending->lines == 1) ? worst : rc;
}

int mcast_send(struct vnep_cli *cli)
{
	struct sending sending = { 0 };
	struct vnep_json *request = NULL;
	uint64_t wait_ms;
	int rc = check_usage(cli, &cli->err);

	if (!rc)
		rc = read_wait(cli, &wait_ms);
	if (rc)
		return rc;
	if (cli->dry_run)
		return mcast_plan(cli);
	rc = mcast_request(cli, wait_ms, &request);
	if (!rc)
		rc = vnep_client_open(&sending.client, cli->state, &cli->err);
	if (!rc && !sending.client) {
		rc = vnep_err_set(&cli->err, VNEP_EUNAVAIL,
			"no vnep-edge lives on %s: it knows who is awake", cli->state);
		vnep_err_hint(&cli->err, "vnep-mcast plan says from the map who would get it");
	}
	if (!rc)
		rc = send_all(cli, &sending, request);
	if (rc == 0 || rc == 1)
		mcast_say_scope(cli, request);
	vnep_client_close(sending.client);
	vnep_json_free(request);
	return rc;
}
