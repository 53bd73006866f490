/* apply - plan, apply and verify: one comparison, three uses. */
#include <linux/netlink.h>
#include <net/if.h>
#include <unistd.h>

#include "acl.h"
#include "vnep/recjson.h"
#include "vnep/rtnl.h"

const struct vnep_option acl_plan_options[] = { ACL_PORT_OPTIONS, ACL_MAP_OPTION, { 0 } };
const struct vnep_option acl_apply_options[] = {
	ACL_PORT_OPTIONS,
	ACL_MAP_OPTION,
	{ "follow", 'f', VNEP_ARG_NONE, NULL,
		"stay, and do what changes: in the map, or by `vnep-map watch` on standard input",
		NULL },
	{ 0 },
};
const struct vnep_option acl_verify_options[] = {
	ACL_PORT_OPTIONS,
	ACL_MAP_OPTION,
	{ "repair", 0, VNEP_ARG_NONE, NULL, "make it so: what apply would do", NULL },
	{ 0 },
};

/* Ports that are not there are a mistake of the command line: nothing is tried. */
int acl_check_ports(struct vnep_cli *cli, const struct vnep_acl_config *config)
{
	for (unsigned i = 0; i <= config->access_count; i++) {
		const char *port = i < config->access_count ? config->access[i] : config->core;

		if (!if_nametoindex(port))
			return vnep_err_set(&cli->err, VNEP_EUSAGE, "no such port: \"%s\"", port);
	}
	return 0;
}

int acl_make_journal_port(struct vnep_cli *cli, const struct vnep_acl_config *config)
{
	struct vnep_nl *route = NULL;
	bool made = false;
	int rc = vnep_nl_open(&route, NETLINK_ROUTE, &cli->err);

	if (!rc)
		rc = vnep_rtnl_journal_port(route, config->journal_port, &made, &cli->err);
	vnep_nl_close(route);
	if (!rc && made)
		vnep_cli_say(cli, "made the journal port %s", config->journal_port);
	return rc;
}

int acl_do_apply(struct vnep_cli *cli, const struct vnep_acl_config *config, struct vnep_acl *acl)
{
	struct vnep_buf out;
	uint64_t changes = 0;
	int rc = acl_make_journal_port(cli, config);

	if (!rc)
		rc = vnep_acl_apply(acl, &changes, &cli->err);
	if (rc)
		return rc;
	vnep_buf_init(&out);
	vnep_stat_encode(&out, "vnep_acl_changes", NULL, NULL, changes);
	rc = vnep_out_records(cli, &out, false);
	vnep_buf_release(&out);
	return rc;
}

/* How many differences there are is what the tool prints, not an error of its own. */
static int compare(struct vnep_cli *cli, struct vnep_acl *acl, bool verify)
{
	int rc = verify ? vnep_acl_verify(acl, acl_emit, cli, &cli->err)
			: vnep_acl_plan(acl, acl_emit, cli, &cli->err);

	if (rc != VNEP_EDIFFERS)
		return rc;
	vnep_cli_say(cli, "%s", cli->err.text);
	cli->err = (struct vnep_err){ 0 };
	return verify ? 1 : 0;
}

static int with_wanted(struct vnep_cli *cli, struct vnep_acl_config *config, struct vnep_acl **acl)
{
	int rc = acl_config(cli, true, config);

	if (!rc)
		rc = acl_check_ports(cli, config);
	return rc ? rc : acl_open_wanted(cli, config, false, acl);
}

int acl_plan(struct vnep_cli *cli)
{
	struct vnep_acl_config config;
	struct vnep_acl *acl = NULL;
	int rc = with_wanted(cli, &config, &acl);

	if (!rc)
		rc = acl_probe(cli);
	if (!rc)
		rc = compare(cli, acl, false);
	vnep_acl_close(acl);
	return rc;
}

static int refuse_records(struct vnep_cli *cli)
{
	vnep_err_set(&cli->err, VNEP_EUSAGE,
		"a vnep-edge lives on %s: it applies the map, not these records", cli->state);
	return vnep_err_hint(
		&cli->err, "change the map with `vnep-map import`, or apply it again with --map");
}

int acl_apply(struct vnep_cli *cli)
{
	struct vnep_client *client = NULL;
	struct vnep_acl_config config;
	struct vnep_acl *acl = NULL;
	int lock = -1, rc;

	if (cli->dry_run)
		return acl_plan(cli);
	if (vnep_cli_has(cli, "follow"))
		return acl_follow(cli);
	rc = acl_writer(cli, &client, &lock);
	if (!rc && client) {
		rc = vnep_cli_has(cli, "map") ? acl_edge_verb(cli, client, "acl.apply", NULL, false)
					      : refuse_records(cli);
		vnep_client_close(client);
		return rc;
	}
	if (!rc)
		rc = with_wanted(cli, &config, &acl);
	if (!rc)
		rc = acl_do_apply(cli, &config, acl);
	vnep_acl_close(acl);
	if (lock >= 0)
		close(lock);
	return rc;
}

/* What is repaired is what was reported: by the edge that lives here, or by us. */
static int repair(struct vnep_cli *cli, const struct vnep_acl_config *config, struct vnep_acl *acl)
{
	struct vnep_client *client = NULL;
	int lock = -1, rc = acl_writer(cli, &client, &lock);

	if (!rc && client)
		rc = vnep_cli_has(cli, "map") ? acl_edge_verb(cli, client, "acl.apply", NULL, false)
					      : refuse_records(cli);
	else if (!rc)
		rc = acl_do_apply(cli, config, acl);
	vnep_client_close(client);
	if (lock >= 0)
		close(lock);
	return rc;
}

int acl_verify(struct vnep_cli *cli)
{
	struct vnep_acl_config config;
	struct vnep_acl *acl = NULL;
	int rc = with_wanted(cli, &config, &acl);

	if (!rc)
		rc = compare(cli, acl, true);
	if (rc == 1 && vnep_cli_has(cli, "repair"))
		rc = repair(cli, &config, acl);
	vnep_acl_close(acl);
	return rc;
}
