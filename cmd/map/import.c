/* import, set - records of outside into the map, in one transaction. */
#include "map.h"

const struct vnep_option map_import_options[] = {
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "what the input is", "json csv" },
	{ "replace", 0, VNEP_ARG_NONE, NULL, "delete what the input lacks", NULL },
	{ "keep-going", 0, VNEP_ARG_NONE, NULL, "skip and count bad lines (exit 1)", NULL },
	{ 0 },
};

const struct vnep_option map_set_options[] = {
	{ "if-revision", 0, VNEP_ARG_ONE, "N",
		"only if the record still has this revision (else exit 4)", NULL },
	{ 0 },
};

static int import_batch(struct vnep_cli *cli, struct vnep_map_batch *batch)
{
	bool keep_going = vnep_cli_has(cli, "keep-going");
	struct vnep_map_apply how = { .replace = vnep_cli_has(cli, "replace") };
	int rc;

	if (how.replace && keep_going) {
		vnep_err_set(
			&cli->err, VNEP_EUSAGE, "--replace would delete what --keep-going skips");
		return vnep_err_hint(&cli->err, "give one of the two");
	}
	rc = map_read(cli, batch, vnep_cli_str(cli, "format", NULL), keep_going);
	if (rc)
		return rc;
	if (how.replace && !vnep_map_batch_count(batch)) {
		vnep_err_set(&cli->err, VNEP_EVALUE, "no records to replace the map with");
		return vnep_err_hint(&cli->err, "vnep-map delete empties a map");
	}
	return map_write(cli, batch, &how, keep_going);
}

int map_import(struct vnep_cli *cli)
{
	struct vnep_map_batch *batch = NULL;
	int rc = vnep_map_batch_new(&batch, &cli->err);

	if (!rc)
		rc = import_batch(cli, batch);
	vnep_map_batch_free(batch);
	return rc;
}

int map_set(struct vnep_cli *cli)
{
	struct vnep_map_apply how = { 0 };
	struct vnep_map_batch *batch = NULL;
	int rc = vnep_cli_u64(cli, "if-revision", 1, (1ULL << 53) - 1, &how.if_revision);

	if (!rc)
		rc = vnep_map_batch_new(&batch, &cli->err);
	if (!rc)
		rc = map_read(cli, batch, NULL, false);
	if (!rc)
		rc = map_write(cli, batch, &how, false);
	vnep_map_batch_free(batch);
	return rc;
}
