/* config - the configuration as run and check see it. */
#include "edge.h"

#define DEFAULT_CONFIG "/etc/vnep/edge.conf"

static const char *const keys[] = { "name", "region", "core", "journal-port", "set-size",
	"segment-octets", "retain-age", "retain-octets", "retain-vpc-octets", "retain-packets",
	"retain-every", "replay-pps", "announce" };

static const char *const lists[] = { "access", "advertise", "mld" };

static int from_options(struct vnep_cli *cli, struct vnep_edge_config *config, struct vnep_err *err)
{
	const char *word;
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof keys / sizeof *keys; i++)
		if (vnep_cli_has(cli, keys[i]))
			rc = vnep_edge_config_set(
				config, keys[i], vnep_cli_str(cli, keys[i], ""), err);
	if (vnep_cli_has(cli, "access"))
		config->acl.access_count = 0; /* the option replaces the file's ports */
	if (vnep_cli_has(cli, "advertise"))
		config->advertise_count = 0;
	if (vnep_cli_has(cli, "mld"))
		config->querier_count = 0;
	for (size_t l = 0; !rc && l < sizeof lists / sizeof *lists; l++)
		for (size_t i = 0; !rc && (word = vnep_cli_list(cli, lists[l], i)); i++)
			rc = vnep_edge_config_set(config, lists[l], word, err);
	return rc;
}

const char *edge_config_file(struct vnep_cli *cli)
{
	return vnep_cli_str(cli, "config", DEFAULT_CONFIG);
}

int edge_config(struct vnep_cli *cli, struct vnep_edge_config *config,
	vnep_edge_config_report *report, void *report_arg)
{
	const char *file = vnep_cli_str(cli, "config", NULL);
	struct vnep_err err = { 0 };
	int rc, options;

	vnep_edge_config_init(config);
	rc = vnep_edge_config_read_all(
		config, file ? file : DEFAULT_CONFIG, file, report, report_arg, &cli->err);
	if (rc && !report)
		return rc;
	options = from_options(cli, config, &err);
	if (options && report)
		report(&err, report_arg);
	if (options && !rc)
		cli->err = err;
	return rc ? rc : options;
}
