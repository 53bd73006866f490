/*
 * client - talk to the vnep-edge of a state folder.
 *
 * The edge may answer while we still send (journal.append answers each line): sending therefore polls both
 * directions and keeps what comes in, or two full socket buffers would wait for each other for ever.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vnep/client.h"
#include "vnep/err.h"
#include "vnep/json.h"
#include "vnep/ndjson.h"
#include "vnep/state.h"

enum { DEADLINE_MS = 10000 };

struct vnep_client {
	int fd;
	bool finished; /* the edge closed its side */
	struct vnep_lines lines;
};

static int unavailable(struct vnep_err *err, const char *why)
{
	vnep_err_set(
		err, VNEP_EUNAVAIL, "the vnep-edge of this state folder does not answer: %s", why);
	vnep_err_hint(err, "see whether it runs, then try again");
	return VNEP_EUNAVAIL;
}

int vnep_client_open(struct vnep_client **out, const char *state, struct vnep_err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct vnep_state_owner owner;
	struct vnep_client *client;
	int rc = vnep_state_owner(state, &owner, err);

	*out = NULL;
	if (rc == VNEP_ENOTFOUND || (!rc && !owner.socket[0]))
		return 0;
	if (rc)
		return rc;
	client = calloc(1, sizeof *client);
	if (!client)
		return vnep_err_sys(err, ENOMEM, "control socket");
	vnep_lines_init(&client->lines);
	memcpy(to.sun_path, owner.socket, sizeof owner.socket);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof to)) {
		rc = errno;
		vnep_client_close(client);
		if (rc == EACCES || rc == EPERM)
			return vnep_err_set(err, VNEP_EPRIV,
				"no permission for the control socket %s", owner.socket);
		return unavailable(err, strerror(rc));
	}
	*out = client;
	return 0;
}

void vnep_client_close(struct vnep_client *client)
{
	if (!client)
		return;
	if (client->fd >= 0)
		close(client->fd);
	vnep_lines_release(&client->lines);
	free(client);
}

/* Take what the edge has said. */
static int receive(struct vnep_client *client, struct vnep_err *err)
{
	char chunk[65536];
	ssize_t n = recv(client->fd, chunk, sizeof chunk, MSG_DONTWAIT);

	if (n > 0)
		return vnep_lines_feed(&client->lines, chunk, (size_t)n);
	if (n == 0)
		client->finished = true;
	else if (errno != EAGAIN && errno != EINTR)
		return unavailable(err, strerror(errno));
	return 0;
}

static int send_all(struct vnep_client *client, const void *data, size_t len, struct vnep_err *err)
{
	const char *at = data;

	while (len) {
		struct pollfd p = { client->fd, POLLOUT | (client->finished ? 0 : POLLIN), 0 };
		ssize_t n;
		int rc = poll(&p, 1, DEADLINE_MS);

		if (rc == 0)
			return unavailable(err, "it takes nothing for 10 seconds");
		if (rc < 0 && errno != EINTR)
			return unavailable(err, strerror(errno));
		if (p.revents & POLLIN && (rc = receive(client, err)))
			return rc;
		if (!(p.revents & (POLLOUT | POLLHUP | POLLERR)))
			continue;
		n = send(client->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EPIPE)
			return 0; /* it has ended early: its last line says why */
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return unavailable(err, strerror(errno));
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int vnep_client_request(
	struct vnep_client *client, const char *verb, const char *members, struct vnep_err *err)
{
	struct vnep_buf buf = { 0 };
	struct vnep_jw w;
	int rc;

	vnep_jw_record(&w, &buf, "request");
	vnep_jw_str(&w, "verb", verb);
	if (members && *members) {
		vnep_buf_put_str(&buf, ",");
		vnep_buf_put_str(&buf, members);
	}
	vnep_jw_end_record(&w);
	rc = buf.rc ? vnep_err_sys(err, ENOMEM, "request")
		    : send_all(client, buf.data, buf.len, err);
	vnep_buf_release(&buf);
	return rc;
}

int vnep_client_send(struct vnep_client *client, const char *line, size_t len, struct vnep_err *err)
{
	int rc = send_all(client, line, len, err);

	return rc ? rc : send_all(client, "\n", 1, err);
}

int vnep_client_end(struct vnep_client *client, struct vnep_err *err)
{
	if (shutdown(client->fd, SHUT_WR) && errno != ENOTCONN)
		return unavailable(err, strerror(errno));
	return 0;
}

/* Is it the line that ends an answer? */
static bool is_done(const char *line, size_t len, int *exit_status)
{
	static const char start[] = "{\"type\":\"done\"";
	struct vnep_json *json = NULL;

	if (len < sizeof start - 1 || memcmp(line, start, sizeof start - 1) ||
		vnep_json_parse(line, len, &json, NULL))
		return false;
	*exit_status = (int)vnep_json_get_int(json, "exit", 3);
	vnep_json_free(json);
	return true;
}

int vnep_client_next_within(struct vnep_client *client, int ms, const char **line, size_t *len,
	int *exit_status, struct vnep_err *err)
{
	for (;;) {
		struct pollfd p = { client->fd, POLLIN, 0 };
		int rc = vnep_lines_next(&client->lines, line, len);

		if (rc == 1)
			return is_done(*line, *len, exit_status) ? 0 : 1;
		if (rc < 0)
			return unavailable(err, "it sent a line that is too long");
		if (client->finished)
			return unavailable(
				err, "it closed the connection in the middle of an answer");
		rc = poll(&p, 1, ms);
		if (rc == 0)
			return -ETIMEDOUT;
		if (rc < 0 && errno != EINTR)
			return unavailable(err, strerror(errno));
		rc = receive(client, err);
		if (rc)
			return rc;
	}
}

int vnep_client_next(struct vnep_client *client, int wait_forever, const char **line, size_t *len,
	int *exit_status, struct vnep_err *err)
{
	int rc = vnep_client_next_within(
		client, wait_forever ? -1 : DEADLINE_MS, line, len, exit_status, err);

	return rc == -ETIMEDOUT ? unavailable(err, "it is silent for 10 seconds") : rc;
}

/* The code that a tool would have had for this exit status. */
static int code_of(int64_t exit_status)
{
	switch (exit_status) {
	case 1: return VNEP_ENOTFOUND;
	case 2: return VNEP_EVALUE;
	case 4: return VNEP_ECONFLICT;
	case 5: return VNEP_EUNAVAIL;
	default: return VNEP_EKERNEL;
	}
}

bool vnep_client_told(const char *line, size_t len, struct vnep_err *err)
{
	static const char start[] = "{\"type\":\"error\"";
	struct vnep_json *json = NULL;

	if (len < sizeof start - 1 || memcmp(line, start, sizeof start - 1) ||
		vnep_json_parse(line, len, &json, NULL))
		return false;
	*err = (struct vnep_err){ 0 };
	vnep_err_set(err, code_of(vnep_json_get_int(json, "exit", 3)), "%s",
		vnep_json_get_str(json, "detail", vnep_json_get_str(json, "title", "")));
	vnep_err_hint(err, "%s", vnep_json_get_str(json, "hint", ""));
	vnep_err_place(err, vnep_json_get_str(json, "file", NULL),
		(unsigned)vnep_json_get_int(json, "line", 0),
		(unsigned)vnep_json_get_int(json, "column", 0));
	vnep_json_free(json);
	return true;
}
