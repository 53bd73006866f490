/* check - every mistake of a configuration, whether its ports are there, and what of the map it cannot serve. */
#include <errno.h>
#include <string.h>

#include <linux/netlink.h>

#include "edge.h"
#include "vnep/nftprobe.h"
#include "vnep/rtnl.h"

/* A warning is no mistake. */
static void report(const struct vnep_err *err, void *arg)
{
	struct vnep_cli *cli = arg;

	if (err->code != VNEP_EDIFFERS) {
		vnep_cli_error(cli, err);
		return;
	}
	vnep_cli_say(cli, "%s", err->text);
	if (err->hint[0])
		vnep_cli_say(cli, "hint: %s", err->hint);
}

/* Is more advertised than the port takes? */
static int check_advertised(
	struct vnep_cli *cli, const struct vnep_edge_config *config, const struct vnep_link *link)
{
	int first = 0;

	for (unsigned i = 0; i < config->advertise_count; i++) {
		const struct vnep_advertise *a = &config->advertise[i];
		struct vnep_err err = { 0 };
		int rc = strcmp(a->port, link->name)
				 ? 0
				 : vnep_edge_advertise_fits(config, a, link->mtu, &err);

		if (!rc)
			continue;
		vnep_cli_error(cli, &err);
		first = first ? first : rc;
	}
	return first;
}

/* A port that is missing is worth a word; whether it may come later is for the person to know. */
static int check_ports(struct vnep_cli *cli, const struct vnep_edge_config *config)
{
	const struct vnep_acl_config *a = &config->acl;
	struct vnep_nl *nl = NULL;
	int first = vnep_nl_open(&nl, NETLINK_ROUTE, &cli->err);

	if (first)
		return first;
	for (unsigned i = 0; i <= a->access_count; i++) {
		struct vnep_err err = { 0 };
		struct vnep_link link;
		int rc = vnep_rtnl_link(
			nl, i < a->access_count ? a->access[i] : a->core, &link, &err);

		if (rc) {
			vnep_cli_error(cli, &err);
			rc = VNEP_EVALUE;
		} else if (i < a->access_count) {
			rc = check_advertised(cli, config, &link);
		}
		first = first ? first : rc;
	}
	vnep_nl_close(nl);
	return first;
}

/* What the kernel lacks is told; VNEP_EKERNEL: no edge can run on it. Who may not ask is told so. */
static int check_kernel(struct vnep_cli *cli)
{
	int rc = vnep_nft_probe_each(report, cli, &cli->err);

	if (rc != VNEP_EPRIV)
		return rc;
	vnep_cli_say(cli, "the kernel was not asked what it has: that needs CAP_NET_ADMIN");
	cli->err = (struct vnep_err){ 0 };
	return 0;
}

int edge_check(struct vnep_cli *cli)
{
	struct vnep_edge_config config;
	int rc = edge_config(cli, &config, report, cli), whole;

	if (rc && !cli->errors)
		return rc; /* no such file */
	whole = vnep_edge_config_check(&config, report, cli, NULL);
	if (!whole)
		whole = check_ports(cli, &config);
	if (!whole) {
		whole = vnep_edge_map_check(&config, cli->state, report, cli, &cli->err);
		if (whole && whole != VNEP_EVALUE)
			return whole; /* the map cannot be read */
	}
	if (rc || whole)
		return vnep_err_set(&cli->err, VNEP_EVALUE,
			"the configuration is not good, or not for this map");
	rc = check_kernel(cli);
	if (rc)
		return rc;
	vnep_cli_say(cli, "good: %u access ports, core port %s", config.acl.access_count,
		config.acl.core);
	return 0;
}
