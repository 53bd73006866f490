/* pending - a status record for each device that waits for packets. */
#include <string.h>

#include "journal.h"
#include "vnep/mapstore.h"
#include "vnep/recjson.h"

struct pending {
	struct vnep_cli *cli;
	struct vnep_map_txn *txn; /* NULL: no map, no endpoints */
	struct vnep_buf out;
	struct vnep_wall now;
};

/* What only the map knows of it. */
static void add_endpoint(struct pending *p, struct vnep_status *status)
{
	struct vnep_device device = { 0 };

	if (!p->txn || vnep_map_get_device(p->txn, status->dev, &device, NULL))
		return;
	status->vep = device.vep;
	memcpy(status->region, device.region, sizeof status->region);
	vnep_device_release(&device);
}

static int print_device(const struct vnep_journal_device *device, void *arg)
{
	struct pending *p = arg;
	struct vnep_status status = { .ts = p->now,
		.conn = device->conn,
		.last_seen = device->life_ts,
		.state = device->connected ? VNEP_STATE_AWAKE : VNEP_STATE_ASLEEP,
		.resume_seq = device->synced_seq,
		.head_seq = device->head_seq,
		.pending = device->pending - device->held,
		.pending_octets = device->pending_octets - device->held_octets,
		.held = device->held,
		.held_octets = device->held_octets };

	memcpy(status.dev, device->dev, sizeof status.dev);
	add_endpoint(p, &status);
	vnep_status_encode(&p->out, &status);
	return vnep_out_records(p->cli, &p->out, false);
}

int journal_pending(struct vnep_cli *cli)
{
	struct pending p = { .cli = cli, .now = vnep_wall_now() };
	struct vnep_mapstore *store = NULL;
	struct vnep_journal *journal = NULL;
	int rc = journal_open(cli, VNEP_JOURNAL_READ, &journal);

	if (!rc)
		rc = vnep_mapstore_open(&store, cli->state, false, &cli->err);
	if (!rc)
		rc = vnep_map_begin(store, false, &p.txn, &cli->err);
	if (!rc || (journal && rc == VNEP_ENOTFOUND))
		rc = vnep_journal_each_device(journal, true, print_device, &p, &cli->err);
	vnep_map_abort(p.txn);
	vnep_mapstore_close(store);
	vnep_journal_close(journal);
	vnep_buf_release(&p.out);
	return rc;
}
