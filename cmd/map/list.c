/* list - the map, or the part of it that matches. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "vnep/members.h"
#include "vnep/recjson.h"

enum { FLUSH_OCTETS = 1 << 16 };

const struct vnep_option map_list_options[] = {
	{ "type", 0, VNEP_ARG_LIST, "TYPE", "only these kinds (default: all but bindings)",
		"vpc group device binding" },
	{ "vpc", 0, VNEP_ARG_LIST, "VPC", "only records that name this vpc", NULL },
	{ "region", 0, VNEP_ARG_LIST, "REGION", "only records of this region", NULL },
	{ "group", 0, VNEP_ARG_LIST, "GROUP", "only this group and its members", NULL },
	{ "match", 0, VNEP_ARG_LIST, "KEY=VALUE",
		"only records with this label, or this text, number or truth", NULL },
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "what to print; csv: devices only", "json csv" },
	{ "redact", 0, VNEP_ARG_NONE, NULL, "hashes in place of URNs, MACs and what tells of them",
		NULL },
	{ 0 },
};

struct listing {
	struct vnep_cli *cli;
	struct vnep_map_txn *txn;
	struct vnep_buf out;
	struct map_redact how;
	bool csv, redact, damaged;
};

/* Any of the words given to an option is good; an option that was not given asks for nothing. */
static bool passes(const struct vnep_cli *cli, const char *option, const struct vnep_json *record,
	const char *key, const char *second_key)
{
	const char *word;

	if (!vnep_cli_has(cli, option))
		return true;
	for (size_t i = 0; (word = vnep_cli_list(cli, option, i)); i++)
		if (vnep_members_holds(vnep_json_get(record, key), word) ||
			(second_key && vnep_members_holds(vnep_json_get(record, second_key), word)))
			return true;
	return false;
}

/* Every KEY=VALUE must hold. */
static bool matches(const struct vnep_cli *cli, const struct vnep_json *record)
{
	const char *pair;

	for (size_t i = 0; (pair = vnep_cli_list(cli, "match", i)); i++) {
		const char *eq = strchr(pair, '=');
		char key[128];

		snprintf(key, sizeof key, "%.*s", (int)(eq - pair), pair);
		if (!vnep_members_holds(
			    vnep_json_get(vnep_json_get(record, "labels"), key), eq + 1) &&
			!vnep_members_holds(vnep_json_get(record, key), eq + 1))
			return false;
	}
	return true;
}

static bool selected(const struct vnep_cli *cli, const struct vnep_json *record)
{
	return passes(cli, "vpc", record, "vpc", NULL) &&
	       passes(cli, "region", record, "region", NULL) &&
	       passes(cli, "group", record, "groups", "group") && matches(cli, record);
}

static bool is_filtered(const struct vnep_cli *cli)
{
	return vnep_cli_has(cli, "vpc") || vnep_cli_has(cli, "region") ||
	       vnep_cli_has(cli, "group") || vnep_cli_has(cli, "match");
}

static int put_out(struct listing *l)
{
	int rc;

	if (!l->csv)
		return vnep_out_records(l->cli, &l->out, false);
	rc = l->out.rc ? l->out.rc : vnep_out_bytes(l->cli, l->out.data, l->out.len);
	vnep_buf_reset(&l->out);
	return rc;
}

static int print_tree(struct listing *l, struct vnep_json *json)
{
	struct vnep_json *redacted = NULL;
	int rc = l->redact ? map_redact(&l->how, l->txn, json, &redacted, &l->cli->err) : 0;

	if (rc)
		return rc;
	if (l->csv) {
		vnep_csv_put(&l->out, redacted ? redacted : json);
	} else {
		rc = vnep_json_dump(redacted ? redacted : json, &l->out);
		vnep_buf_put_u8(&l->out, '\n');
	}
	vnep_json_free(redacted);
	return rc;
}

static int list_one(const char *text, size_t len, void *arg)
{
	struct listing *l = arg;
	struct vnep_json *json = NULL;
	int rc = 0;

	if (l->csv || l->redact || is_filtered(l->cli)) {
		rc = vnep_json_parse(text, len, &json, &l->cli->err);
		if (rc)
			return rc;
	}
	if (json && (l->csv || l->redact)) {
		rc = selected(l->cli, json) ? print_tree(l, json) : 0;
	} else if (!json || selected(l->cli, json)) {
		vnep_buf_put(&l->out, text, len);
		vnep_buf_put_u8(&l->out, '\n');
	}
	vnep_json_free(json);
	if (rc)
		return rc;
	return l->out.len < FLUSH_OCTETS ? l->out.rc : put_out(l);
}

/* The rest of the map is not lost with it. */
static int list_damaged(const struct vnep_err *why, void *arg)
{
	struct listing *l = arg;

	l->damaged = true;
	vnep_cli_error(l->cli, why);
	return 0;
}

static bool wanted(const struct vnep_cli *cli, const char *type)
{
	const char *word;

	if (!vnep_cli_has(cli, "type"))
		return strcmp(type, "binding") != 0;
	for (size_t i = 0; (word = vnep_cli_list(cli, "type", i)); i++)
		if (!strcmp(word, type))
			return true;
	return false;
}

/* Devices of groups, regions or vpcs are found by the index, the rest by looking at all. */
static int list_devices(struct listing *l, struct vnep_map_txn *txn)
{
	static const struct {
		const char *option;
		enum vnep_map_by by;
	} indexes[] = { { "group", VNEP_MAP_BY_GROUP }, { "region", VNEP_MAP_BY_REGION },
		{ "vpc", VNEP_MAP_BY_VPC } };

	for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
		const char **words;
		size_t count = 0;
		int rc;

		while (vnep_cli_list(l->cli, indexes[i].option, count))
			count++;
		if (!count)
			continue;
		words = calloc(count, sizeof *words);
		if (!words)
			return vnep_err_sys(&l->cli->err, ENOMEM, "list");
		for (size_t w = 0; w < count; w++)
			words[w] = vnep_cli_list(l->cli, indexes[i].option, w);
		rc = vnep_map_each_in(txn, indexes[i].by, words, count, list_one, l, &l->cli->err);
		free(words);
		return rc;
	}
	return vnep_map_each(txn, VNEP_RECORD_DEVICE, false, list_one, l, &l->cli->err);
}

static int list_all(struct listing *l, struct vnep_map_txn *txn)
{
	static const enum vnep_record_type types[] = { VNEP_RECORD_VPC, VNEP_RECORD_GROUP,
		VNEP_RECORD_DEVICE, VNEP_RECORD_BINDING };
	int rc = 0;

	for (size_t i = 0; i < sizeof types / sizeof *types && !rc; i++) {
		if (l->csv ? types[i] != VNEP_RECORD_DEVICE
			   : !wanted(l->cli, vnep_record_type_text(types[i])))
			continue;
		rc = types[i] == VNEP_RECORD_DEVICE
			     ? list_devices(l, txn)
			     : vnep_map_each(txn, types[i], false, list_one, l, &l->cli->err);
	}
	return rc ? rc : put_out(l);
}

static int check_options(struct vnep_cli *cli, bool csv)
{
	if (csv && vnep_cli_has(cli, "type") &&
		(!wanted(cli, "device") || vnep_cli_list(cli, "type", 1)))
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "--format csv prints devices only");
	return vnep_cli_pairs(cli, "match");
}

int map_list(struct vnep_cli *cli)
{
	struct listing l = { .cli = cli,
		.csv = !strcmp(vnep_cli_str(cli, "format", "json"), "csv"),
		.redact = vnep_cli_has(cli, "redact") };
	struct map_reader reader = { 0 };
	int rc = check_options(cli, l.csv);

	if (!rc)
		rc = map_reader_open(&reader, cli);
	if (!rc && l.redact)
		rc = map_redact_open(&l.how, cli);
	if (rc) {
		map_reader_close(&reader);
		return rc;
	}
	l.txn = reader.txn;
	vnep_map_on_damage(reader.txn, list_damaged, &l);
	if (l.csv)
		vnep_csv_put_header(&l.out);
	rc = list_all(&l, reader.txn);
	vnep_buf_release(&l.out);
	map_reader_close(&reader);
	return rc || !l.damaged ? rc : vnep_err_exit(VNEP_EDAMAGED);
}
