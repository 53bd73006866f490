/*
 * delete - records become tombstones, all or none.
 *
 * The tombstones travel as a batch of their own, so that deletion goes the way of every other change.
 */
#include <errno.h>
#include <string.h>

#include "map.h"
#include "vnep/ndjson.h"
#include "vnep/recjson.h"

const struct vnep_option map_delete_options[] = {
	{ "type", 0, VNEP_ARG_ONE, "TYPE", "what kind of record", "device vpc group" },
	{ "if-revision", 0, VNEP_ARG_ONE, "N",
		"only if the record still has this revision (else exit 4)", NULL },
	{ 0 },
};

/* One device may be named twice, by its URN and by its address. */
static bool is_named(const struct vnep_buf *named, const char id[static VNEP_URN_MAX + 1])
{
	for (size_t at = 0; at < named->len; at += VNEP_URN_MAX + 1)
		if (!memcmp(named->data + at, id, VNEP_URN_MAX + 1))
			return true;
	return false;
}

static int add_tombstone(struct vnep_map_batch *batch, struct map_reader *reader,
	enum vnep_record_type type, const char *word, struct vnep_buf *named, struct vnep_err *err)
{
	char id[VNEP_URN_MAX + 1] = "";
	struct vnep_json *json = NULL;
	struct vnep_buf text;
	int rc = map_resolve(reader, type, word, id, err);

	if (!rc && is_named(named, id))
		return 0;
	vnep_buf_init(&text);
	if (!rc)
		vnep_buf_put(named, id, sizeof id);
	if (!rc && named->rc)
		rc = vnep_err_sys(err, ENOMEM, "delete");
	if (!rc)
		rc = vnep_map_get(reader->txn, type, id, &text, err);
	if (rc == VNEP_EDAMAGED) { /* to delete it is one way out */
		struct vnep_jw w;

		vnep_jw_record(&w, &text, vnep_record_type_text(type));
		vnep_jw_str(
			&w, type == VNEP_RECORD_DEVICE ? "dev" : vnep_record_type_text(type), id);
		vnep_jw_end_record(&w);
		rc = text.rc ? vnep_err_sys(err, ENOMEM, "delete") : 0;
	}
	if (!rc)
		rc = vnep_json_parse((const char *)text.data, text.len, &json, err);
	if (!rc)
		rc = vnep_json_set_bool(json, "deleted", true);
	if (!rc)
		rc = vnep_map_batch_add(batch, json, NULL, 0, err);
	vnep_json_free(json);
	vnep_buf_release(&text);
	return rc;
}

int map_delete(struct vnep_cli *cli)
{
	enum vnep_record_type type = vnep_record_type_parse(vnep_cli_str(cli, "type", "device"));
	struct vnep_map_apply how = { 0 };
	struct vnep_map_batch *batch = NULL;
	struct map_reader reader = { 0 };
	struct vnep_buf named = { 0 };
	int rc = vnep_cli_u64(cli, "if-revision", 1, (1ULL << 53) - 1, &how.if_revision);

	if (!rc)
		rc = vnep_map_batch_new(&batch, &cli->err);
	if (!rc)
		rc = map_reader_open(&reader, cli);
	for (unsigned i = 0; i < cli->argc && !rc; i++)
		rc = add_tombstone(batch, &reader, type, cli->argv[i], &named, &cli->err);
	map_reader_close(&reader);
	vnep_buf_release(&named);
	if (!rc)
		rc = map_write(cli, NULL, batch, &how, false);
	vnep_map_batch_free(batch);
	return rc;
}
