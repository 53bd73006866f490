/* read - records of outside into a batch, and the map into a read transaction. */
#include <stdio.h>
#include <string.h>

#include "map.h"
#include "vnep/recjson.h"

struct input {
	struct vnep_map_batch *batch;
	struct map_pending *pending; /* NULL: a device without vep is refused */
	const char *file;
	struct vnep_csv csv;
	bool header;     /* the next line of CSV is the header */
	bool bad_header; /* without it no row means anything */
};

/* A live device that nobody gave an address. */
static bool waits(const struct vnep_json *json)
{
	return vnep_recjson_type(json) == VNEP_RECORD_DEVICE && !vnep_json_get(json, "vep") &&
	       !vnep_json_get_bool(json, "deleted", false);
}

static int take_waiting(struct vnep_cli *cli, struct input *in, const char *text, size_t len)
{
	struct vnep_json *json;
	int rc = vnep_json_parse(text, len, &json, &cli->err);

	if (rc)
		return rc;
	if (waits(json))
		rc = map_pending_add(in->pending, in->file, cli->err.line, text, len, &cli->err);
	else
		rc = vnep_map_batch_add(in->batch, json, text, len, &cli->err);
	vnep_json_free(json);
	return rc;
}

static int take_json(
	struct vnep_cli *cli, struct vnep_json *none, const char *text, size_t len, void *arg)
{
	struct input *in = arg;

	(void)none;
	if (in->pending && !vnep_json_column(text, len, NULL, 0, "vep"))
		return take_waiting(cli, in, text, len);
	return vnep_map_batch_add_line(in->batch, text, len, &cli->err);
}

/* The record of a row was refused: as a line it would have had a column, which is that of a field. */
static void find_field(
	struct vnep_cli *cli, struct input *in, struct vnep_json *json, const char *row, size_t len)
{
	struct vnep_buf text = { 0 };
	struct vnep_err again = { 0 };

	if (!vnep_json_dump(json, &text) &&
		vnep_map_batch_add(in->batch, json, (const char *)text.data, text.len, &again) ==
			cli->err.code &&
		again.column)
		cli->err.column = vnep_csv_place(
			&in->csv, row, len, (const char *)text.data, text.len, again.column);
	vnep_buf_release(&text);
}

/* A row as the line that it could have been. */
static int take_row(
	struct vnep_cli *cli, struct input *in, struct vnep_json *json, const char *row, size_t len)
{
	struct vnep_buf text = { 0 };
	int rc;

	if (!in->pending || !waits(json)) {
		rc = vnep_map_batch_add(in->batch, json, NULL, 0, &cli->err);
		if (rc)
			find_field(cli, in, json, row, len);
		return rc;
	}
	in->pending->csv = true;
	rc = vnep_json_dump(json, &text);
	if (!rc)
		rc = map_pending_add(in->pending, in->file, cli->err.line, (const char *)text.data,
			text.len, &cli->err);
	vnep_buf_release(&text);
	return rc;
}

static int take_csv(
	struct vnep_cli *cli, struct vnep_json *none, const char *text, size_t len, void *arg)
{
	struct input *in = arg;
	struct vnep_json *json = NULL;
	int rc;

	(void)none;
	if (in->bad_header)
		return 0;
	if (in->header) {
		rc = vnep_csv_header(&in->csv, text, len, !in->pending, &cli->err);
		in->header = false;
		in->bad_header = rc != 0;
		return rc;
	}
	rc = vnep_csv_record(&in->csv, text, len, &json, &cli->err);
	if (!rc)
		rc = take_row(cli, in, json, text, len);
	vnep_json_free(json);
	return rc;
}

int map_read(struct vnep_cli *cli, struct vnep_map_batch *batch, const char *format,
	bool keep_going, struct map_pending *pending)
{
	vnep_line_cb *take = !format || !strcmp(format, "json") ? take_json : take_csv;
	struct input in = { .batch = batch, .pending = pending };
	int rc = 0;

	for (unsigned i = 0; !rc && (i < cli->argc || i == 0); i++) {
		in.header = true;
		in.file = cli->argc ? cli->argv[i] : "-";
		rc = vnep_cli_read_text(cli, in.file, keep_going, take, &in);
		if (!rc && in.bad_header)
			rc = vnep_err_set(&cli->err, VNEP_EVALUE,
				"no row of %s can be read without its header", in.file);
	}
	return rc;
}

int map_reader_open(struct map_reader *reader, struct vnep_cli *cli)
{
	int rc;

	*reader = (struct map_reader){ 0 };
	rc = vnep_mapstore_open(&reader->store, cli->state, false, &cli->err);
	if (!rc)
		rc = vnep_map_begin(reader->store, false, &reader->txn, &cli->err);
	if (rc)
		map_reader_close(reader);
	return rc;
}

void map_reader_close(struct map_reader *reader)
{
	vnep_map_abort(reader->txn);
	vnep_mapstore_close(reader->store);
	*reader = (struct map_reader){ 0 };
}

int map_resolve(struct map_reader *reader, enum vnep_record_type type, const char *word,
	char id[static VNEP_URN_MAX + 1], struct vnep_err *err)
{
	if (type == VNEP_RECORD_DEVICE || type == VNEP_RECORD_BINDING)
		return vnep_map_resolve(reader->txn, word, id, err);
	if (strlen(word) > VNEP_LABEL_MAX)
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such %s \"%s\"",
			vnep_record_type_text(type), word);
	snprintf(id, VNEP_URN_MAX + 1, "%s", word);
	return 0;
}
