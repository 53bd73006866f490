/* listen - what devices reported by MLD: the members of a group beside it, and each change as it happens. */
#include <errno.h>
#include <stdlib.h>

#include "mcast.h"

const struct vnep_option mcast_members_options[] = {
	{ "group", 'g', VNEP_ARG_ONE, "GROUP", "of this group", NULL }, { 0 }
};

/* request is freed. */
static int ask(struct vnep_cli *cli, const char *verb, struct vnep_json *request)
{
	struct vnep_client *client = NULL;
	int worst = 0, rc = vnep_client_open(&client, cli->state, &cli->err);
	char *members = request ? mcast_members(request) : NULL;

	vnep_json_free(request);
	if (!rc && request && !members)
		rc = vnep_err_sys(&cli->err, ENOMEM, "request");
	if (!rc && !client) {
		rc = vnep_err_set(&cli->err, VNEP_EUNAVAIL,
			"no vnep-edge lives on %s: it hears what devices report", cli->state);
		vnep_err_hint(&cli->err, "vnep-mcast plan says from the map who is a member");
	}
	if (!rc)
		rc = vnep_client_request(client, verb, members, &cli->err);
	if (!rc)
		rc = vnep_client_end(client, &cli->err);
	if (!rc)
		rc = mcast_answers(cli, client, &worst);
	vnep_client_close(client);
	free(members);
	return rc;
}

int mcast_show_members(struct vnep_cli *cli)
{
	struct vnep_json *request;

	if (!vnep_cli_has(cli, "group"))
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "of which group? --group");
	request = vnep_json_object();
	if (!request || vnep_json_set_str(request, "group", vnep_cli_str(cli, "group", ""))) {
		vnep_json_free(request);
		return vnep_err_sys(&cli->err, ENOMEM, "request");
	}
	return ask(cli, "mcast.members", request);
}

int mcast_watch(struct vnep_cli *cli)
{
	return ask(cli, "mcast.watch", NULL);
}
