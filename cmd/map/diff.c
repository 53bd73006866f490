/* diff - what import --replace would change. */
#include "map.h"
#include "vnep/recjson.h"

enum { FLUSH_OCTETS = 1 << 16 };

const struct vnep_option map_diff_options[] = {
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "what the input is", "json csv" },
	{ 0 },
};

struct diff {
	struct vnep_cli *cli;
	struct vnep_buf out;
	uint64_t count;
};

static int put_one(const char *what, const char *text, size_t len, void *arg)
{
	struct diff *d = arg;

	d->count++;
	vnep_difference_encode(&d->out, what, text, len);
	return d->out.len < FLUSH_OCTETS ? d->out.rc : vnep_out_records(d->cli, &d->out, false);
}

int map_diff(struct vnep_cli *cli)
{
	struct diff d = { .cli = cli };
	struct vnep_map_batch *batch = NULL;
	struct map_reader reader = { 0 };
	int rc = vnep_map_batch_new(&batch, &cli->err);

	if (!rc)
		rc = map_read(cli, batch, vnep_cli_str(cli, "format", NULL), false, NULL);
	if (!rc) {
		rc = map_reader_open(&reader, cli);
		if (rc == VNEP_ENOTFOUND) /* no map is an empty one */
			rc = 0;
	}
	if (!rc)
		rc = vnep_map_batch_diff(batch, reader.txn, put_one, &d, &cli->err);
	if (!rc)
		rc = vnep_out_records(cli, &d.out, false);
	vnep_buf_release(&d.out);
	map_reader_close(&reader);
	vnep_map_batch_free(batch);
	cli->err = rc ? cli->err : (struct vnep_err){ 0 };
	return rc ? rc : d.count ? 1 : 0;
}
