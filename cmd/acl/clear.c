/* clear - the table and the journal port, away; refused while somebody lives by them. */
#include <linux/netlink.h>
#include <stdio.h>
#include <unistd.h>

#include "acl.h"
#include "vnep/rtnl.h"

static int remove_journal_port(struct vnep_cli *cli, const char *name)
{
	struct vnep_nl *route = NULL;
	int rc = vnep_nl_open(&route, NETLINK_ROUTE, &cli->err);

	if (!rc)
		rc = vnep_rtnl_link_delete(route, name, &cli->err);
	vnep_nl_close(route);
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

/* Which port is the journal's is known from the table, so it is read before the table goes. Where
 * there is no table any more, the port of the default name may still be. */
static int in_kernel(struct vnep_cli *cli)
{
	struct vnep_acl_config config;
	struct vnep_acl *acl = NULL;
	int rc = vnep_acl_config_read(&config, &cli->err);

	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	if (!config.journal_port[0])
		snprintf(config.journal_port, sizeof config.journal_port, "vnep-j0");
	if (cli->dry_run) {
		vnep_cli_say(cli,
			rc ? "there is no table to remove"
			   : "would remove the table and the journal port %s",
			config.journal_port);
		return 0;
	}
	rc = vnep_acl_open(&acl, &config, false, &cli->err);
	if (!rc)
		rc = vnep_acl_clear(acl, &cli->err);
	vnep_acl_close(acl);
	return rc ? rc : remove_journal_port(cli, config.journal_port);
}

int acl_clear(struct vnep_cli *cli)
{
	struct vnep_client *client = NULL;
	int lock = -1, rc = acl_writer(cli, &client, &lock);

	if (!rc && client) {
		rc = vnep_err_set(&cli->err, VNEP_ECONFLICT,
			"a vnep-edge lives on %s and needs the rules", cli->state);
		vnep_err_hint(&cli->err, "`vnep-edge stop` first");
	} else if (!rc) {
		rc = in_kernel(cli);
	}
	vnep_client_close(client);
	if (lock >= 0)
		close(lock);
	return rc;
}
