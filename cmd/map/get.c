/* get - the records that are asked for by name. */
#include <string.h>

#include "map.h"
#include "vnep/recjson.h"

const struct vnep_option map_get_options[] = {
	{ "type", 0, VNEP_ARG_ONE, "TYPE", "what kind of record", "device vpc group binding" },
	{ "at", 0, VNEP_ARG_ONE, "TIME", "as it was then, by what the map remembers", NULL },
	{ 0 },
};

static int get_one(struct map_reader *reader, enum vnep_record_type type, const char *word,
	const struct vnep_wall *at, struct vnep_buf *out, struct vnep_err *err)
{
	char id[VNEP_URN_MAX + 1];
	int rc;

	if (at)
		return vnep_map_get_at(reader->txn, type, word, *at, out, err);
	rc = map_resolve(reader, type, word, id, err);
	return rc ? rc : vnep_map_get(reader->txn, type, id, out, err);
}

/* --at: a time in the past. */
static int read_time(struct vnep_cli *cli, struct vnep_wall *at)
{
	const char *text = vnep_cli_str(cli, "at", NULL);
	int rc = text ? vnep_wall_parse(text, at, &cli->err) : 0;

	if (!rc && text && !strcmp(vnep_cli_str(cli, "type", "device"), "binding"))
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "bindings have no history: see vnep-journal");
	if (rc)
		cli->err.code = VNEP_EUSAGE;
	return rc ? VNEP_EUSAGE : 0;
}

/* Everything is read before anything is printed: an ambiguous word prints nothing. */
int map_get(struct vnep_cli *cli)
{
	enum vnep_record_type type = vnep_record_type_parse(vnep_cli_str(cli, "type", "device"));
	struct map_reader reader;
	bool then = vnep_cli_has(cli, "at");
	struct vnep_wall at = { 0 };
	struct vnep_buf out;
	int rc = read_time(cli, &at);

	if (rc)
		return rc;
	rc = map_reader_open(&reader, cli);
	vnep_buf_init(&out);
	for (unsigned i = 0; i < cli->argc && !rc; i++) {
		struct vnep_err err = { 0 };

		rc = get_one(&reader, type, cli->argv[i], then ? &at : NULL, &out, &err);
		if (!rc)
			vnep_buf_put_u8(&out, '\n');
		if (rc == VNEP_ENOTFOUND) {
			vnep_cli_error(cli, &err); /* the others are still of use; the exit is 1 */
			rc = 0;
		} else if (rc) {
			cli->err = err;
		}
	}
	if (!rc)
		rc = vnep_out_records(cli, &out, false);
	vnep_buf_release(&out);
	map_reader_close(&reader);
	return rc;
}
