/* render - the ruleset as text, without asking the kernel anything. */
#include <stdio.h>
#include <string.h>

#include "acl.h"

const struct vnep_option acl_render_options[] = {
	ACL_PORT_OPTIONS,
	ACL_MAP_OPTION,
	{ "format", 0, VNEP_ARG_ONE, "FORMAT",
		"nft (default) or json, for nft -f or nft -j -f; openflow, for ovs-ofctl",
		"nft json openflow" },
	{ 0 },
};

static int put(struct vnep_buf *bytes, void *cli)
{
	return vnep_out_bytes(cli, bytes->data, bytes->len);
}

static int say_lost(const char *text, void *arg)
{
	struct vnep_cli *cli = arg;

	if (!cli->quiet)
		fprintf(stderr, "%s: lost in OpenFlow: %s\n", cli->tool->name, text);
	return 0;
}

int acl_render(struct vnep_cli *cli)
{
	const char *format = vnep_cli_str(cli, "format", "nft");
	struct vnep_acl_config config;
	struct vnep_acl *acl = NULL;
	int rc = acl_config(cli, false, &config);

	if (!rc)
		rc = acl_open_wanted(cli, &config, true, &acl);
	if (!rc && !strcmp(format, "openflow"))
		rc = vnep_acl_openflow(acl, put, say_lost, cli, &cli->err);
	else if (!rc)
		rc = vnep_acl_render(acl, !strcmp(format, "json"), put, cli, &cli->err);
	vnep_acl_close(acl);
	return rc;
}
