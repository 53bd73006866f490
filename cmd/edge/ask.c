/* ask - the verbs that ask the daemon and print what it says. */
#include "edge.h"
#include "vnep/client.h"
#include "vnep/json.h"
#include "vnep/ndjson.h"
#include "vnep/out.h"

/* Lines of the answer to each; error records to standard error, as ours, or into cli->err. */
static int take_answer(struct vnep_cli *cli, struct vnep_client *client, enum edge_ask_how how,
	edge_line_cb *each, void *arg)
{
	int rc, exit_status = 0;
	const char *line;
	size_t len;

	while ((rc = vnep_client_next(client, how == EDGE_ASK_FOLLOW, &line, &len, &exit_status,
			&cli->err)) == 1) {
		struct vnep_err told = { 0 };

		if (vnep_client_told(line, len, &told)) {
			if (how == EDGE_ASK_QUIETLY)
				cli->err = told;
			else
				vnep_cli_error(cli, &told);
			continue;
		}
		rc = each(cli, line, len, arg);
		if (rc)
			break;
	}
	return rc ? rc : exit_status;
}

int edge_ask(struct vnep_cli *cli, const char *verb, const char *members, enum edge_ask_how how,
	edge_line_cb *each, void *arg)
{
	struct vnep_client *client = NULL;
	int rc = vnep_client_open(&client, cli->state, &cli->err);

	if (!rc && !client) {
		vnep_err_set(&cli->err, VNEP_EUNAVAIL, "no vnep-edge lives on %s", cli->state);
		vnep_err_hint(
			&cli->err, "start one with vnep-edge run, or name its folder with --state");
		return VNEP_EUNAVAIL;
	}
	if (!rc)
		rc = vnep_client_request(client, verb, members, &cli->err);
	if (!rc)
		rc = vnep_client_end(client, &cli->err);
	if (!rc)
		rc = take_answer(cli, client, how, each, arg);
	vnep_client_close(client);
	return rc;
}

struct printing {
	struct vnep_buf out;
	bool flush;
};

static int print_line(struct vnep_cli *cli, const char *line, size_t len, void *arg)
{
	struct printing *p = arg;

	vnep_buf_put(&p->out, line, len);
	vnep_buf_put(&p->out, "\n", 1);
	return p->out.rc ? p->out.rc : vnep_out_records(cli, &p->out, p->flush);
}

static int ask(struct vnep_cli *cli, const char *verb, const char *members, bool follow)
{
	struct printing p = { .flush = follow };
	int rc = edge_ask(
		cli, verb, members, follow ? EDGE_ASK_FOLLOW : EDGE_ASK_ONCE, print_line, &p);

	vnep_buf_release(&p.out);
	return rc;
}

/* "dev":[the operands], and what the verb's options add. */
static int ask_devices(struct vnep_cli *cli, const char *verb, bool attach)
{
	struct vnep_buf buf = { 0 };
	struct vnep_jw w = { .buf = &buf };
	uint64_t vlan = 0;
	int rc = 0;

	vnep_jw_array(&w, "dev");
	for (unsigned i = 0; i < cli->argc; i++)
		vnep_jw_str(&w, NULL, cli->argv[i]);
	vnep_jw_end_array(&w);
	if (attach) {
		vnep_jw_opt_str(&w, "port", vnep_cli_str(cli, "port", NULL));
		vnep_jw_opt_str(&w, "addr", vnep_cli_str(cli, "addr", NULL));
		if (vnep_cli_has(cli, "vlan"))
			rc = vnep_cli_u64(cli, "vlan", 0, 4094, &vlan);
		if (!rc && vnep_cli_has(cli, "vlan"))
			vnep_jw_u64(&w, "vlan", vlan);
	}
	if (!rc)
		rc = buf.rc ? buf.rc : ask(cli, verb, vnep_buf_str(&buf), false);
	vnep_buf_release(&buf);
	return rc;
}

int edge_status(struct vnep_cli *cli)
{
	return cli->argc ? ask_devices(cli, "status", false) : ask(cli, "status", NULL, false);
}

int edge_watch(struct vnep_cli *cli)
{
	return ask(cli, "watch", NULL, true);
}

int edge_attach(struct vnep_cli *cli)
{
	return ask_devices(cli, "attach", true);
}

int edge_detach(struct vnep_cli *cli)
{
	return ask_devices(cli, "detach", false);
}

int edge_reload(struct vnep_cli *cli)
{
	return ask(cli, "reload", NULL, false);
}

int edge_stop(struct vnep_cli *cli)
{
	return ask(cli, "stop", NULL, false);
}
