/* get - the records that are asked for by name. */
#include "map.h"
#include "vnep/recjson.h"

const struct vnep_option map_get_options[] = {
	{ "type", 0, VNEP_ARG_ONE, "TYPE", "what kind of record", "device vpc group binding" },
	{ 0 },
};

/* Everything is read before anything is printed: an ambiguous word prints nothing. */
int map_get(struct vnep_cli *cli)
{
	enum vnep_record_type type = vnep_record_type_parse(vnep_cli_str(cli, "type", "device"));
	struct map_reader reader;
	struct vnep_buf out;
	int rc = map_reader_open(&reader, cli);

	vnep_buf_init(&out);
	for (unsigned i = 0; i < cli->argc && !rc; i++) {
		struct vnep_err err = { 0 };
		char id[VNEP_URN_MAX + 1];

		rc = map_resolve(&reader, type, cli->argv[i], id, &err);
		if (!rc)
			rc = vnep_map_get(reader.txn, type, id, &out, &err);
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
