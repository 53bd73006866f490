/* import, set - records of outside into the map, in one transaction. */
#include <stdio.h>
#include <string.h>

#include "map.h"

const struct vnep_option map_import_options[] = {
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "what the input is", "json csv" },
	{ "replace", 0, VNEP_ARG_NONE, NULL, "delete what the input lacks", NULL },
	{ "prefix", 0, VNEP_ARG_ONE, "P", "give devices without vep a free address of this prefix",
		NULL },
	{ "keep-going", 0, VNEP_ARG_NONE, NULL, "skip and count bad lines (exit 1)", NULL },
	MAP_HISTORY_OPTION,
	{ 0 },
};

const struct vnep_option map_set_options[] = {
	{ "if-revision", 0, VNEP_ARG_ONE, "N",
		"only if the record still has this revision (else exit 4)", NULL },
	MAP_HISTORY_OPTION,
	{ 0 },
};

int map_history(struct vnep_cli *cli, struct vnep_map_apply *how)
{
	const char *age = vnep_cli_str(cli, "history", NULL);
	struct vnep_wall then, now = vnep_wall_now();
	char text[64];

	if (!age)
		return 0;
	how->has_history = true;
	if (!strcmp(age, "0"))
		return 0;
	snprintf(text, sizeof text, "-%s", age);
	if (strlen(age) > 32 || vnep_wall_parse(text, &then, NULL) || then.ns > now.ns) {
		vnep_err_set(&cli->err, VNEP_EUSAGE, "--history: \"%s\" is no age", age);
		return vnep_err_hint(&cli->err, "such as 90d, 12h, or 0 for no history");
	}
	/* Both looked at the clock, one after the other. */
	how->history_us = (uint64_t)(now.ns - then.ns + 999999999) / 1000000000 * 1000000;
	return 0;
}

/* Which addresses of a prefix are free is asked by the writer, so that nobody else takes them meanwhile. */
static int read_batch(struct vnep_cli *cli, struct map_writer *writer, struct vnep_map_batch *batch,
	bool replace, bool keep_going)
{
	const char *prefix = vnep_cli_str(cli, "prefix", NULL),
		   *format = vnep_cli_str(cli, "format", NULL);
	struct map_pending pending = { 0 };
	int rc;

	if (!prefix)
		return map_read(cli, batch, format, keep_going, NULL);
	rc = map_pending_prefix(&pending, prefix, &cli->err);
	if (rc)
		return rc;
	rc = map_read(cli, batch, format, keep_going, &pending);
	if (!rc)
		rc = map_writer_open(writer, cli);
	if (!rc)
		rc = map_writer_choose(writer, cli);
	if (!rc)
		rc = map_pending_give(&pending, cli, batch, replace, keep_going);
	map_pending_release(&pending);
	return rc;
}

static int import_batch(struct vnep_cli *cli, struct vnep_map_batch *batch)
{
	bool keep_going = vnep_cli_has(cli, "keep-going");
	struct vnep_map_apply how = { .replace = vnep_cli_has(cli, "replace") };
	struct map_writer writer = { .lock = -1, .choosing = -1 };
	bool prefix = vnep_cli_has(cli, "prefix");
	int rc;

	if (how.replace && keep_going) {
		vnep_err_set(
			&cli->err, VNEP_EUSAGE, "--replace would delete what --keep-going skips");
		return vnep_err_hint(&cli->err, "give one of the two");
	}
	rc = map_history(cli, &how);
	if (rc)
		return rc;
	rc = read_batch(cli, &writer, batch, how.replace, keep_going);
	if (!rc && how.replace && !vnep_map_batch_count(batch)) {
		vnep_err_set(&cli->err, VNEP_EVALUE, "no records to replace the map with");
		rc = vnep_err_hint(&cli->err, "vnep-map delete empties a map");
	}
	if (!rc)
		rc = map_write(cli, prefix ? &writer : NULL, batch, &how, keep_going);
	map_writer_close(&writer);
	return rc;
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
		rc = map_history(cli, &how);
	if (!rc)
		rc = vnep_map_batch_new(&batch, &cli->err);
	if (!rc)
		rc = map_read(cli, batch, NULL, false, NULL);
	if (!rc)
		rc = map_write(cli, NULL, batch, &how, false);
	vnep_map_batch_free(batch);
	return rc;
}
