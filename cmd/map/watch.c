/*
 * watch - the map, a sync record, then every change. A commit between the snapshot and the first sleep is not
 * lost, because the watch is there before the snapshot.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "map.h"
#include "vnep/mapwatch.h"
#include "vnep/recjson.h"

enum { FLUSH_OCTETS = 1 << 16 };

const struct vnep_option map_watch_options[] = {
	{ "after-revision", 0, VNEP_ARG_ONE, "N", "begin with what changed after this revision",
		NULL },
	{ 0 },
};

struct watch {
	struct vnep_cli *cli;
	struct vnep_mapstore *store;
	struct vnep_buf out;
	uint64_t revision; /* everything up to here is printed */
	struct vnep_mapwatch map;
};

static int put_one(const char *text, size_t len, void *arg)
{
	struct watch *w = arg;

	vnep_buf_put(&w->out, text, len);
	vnep_buf_put_u8(&w->out, '\n');
	return w->out.len < FLUSH_OCTETS ? w->out.rc : vnep_out_records(w->cli, &w->out, false);
}

static int print_all(struct watch *w, struct vnep_map_txn *txn)
{
	static const enum vnep_record_type types[] = { VNEP_RECORD_VPC, VNEP_RECORD_GROUP,
		VNEP_RECORD_DEVICE, VNEP_RECORD_BINDING };
	int rc = 0;

	for (size_t i = 0; i < sizeof types / sizeof *types && !rc; i++)
		rc = vnep_map_each(txn, types[i], false, put_one, w, &w->cli->err);
	return rc;
}

/* The state now, in one transaction: all of it, or what came after w->revision. */
static int print_state(struct watch *w, bool all)
{
	struct vnep_map_txn *txn;
	uint64_t now;
	int rc = vnep_map_begin(w->store, false, &txn, &w->cli->err);

	if (rc)
		return rc;
	now = vnep_map_revision(txn);
	if (!all && w->revision > now)
		rc = vnep_err_set(&w->cli->err, VNEP_ECONFLICT,
			"the map is at revision %llu, so nothing can come after %llu",
			(unsigned long long)now, (unsigned long long)w->revision);
	else if (all)
		rc = print_all(w, txn);
	else if (w->revision < now)
		rc = vnep_map_since(txn, w->revision, put_one, w, &w->cli->err);
	vnep_map_abort(txn);
	w->revision = now;
	return rc;
}

/* Sleep until the map was written to. The reader of our output going away ends us as a write would. */
static int wait_change(struct watch *w)
{
	struct pollfd p[] = { { w->map.fd, POLLIN, 0 }, { STDOUT_FILENO, 0, 0 } };

	while (poll(p, 2, vnep_mapwatch_timeout_ms(&w->map)) < 0)
		if (errno != EINTR)
			return vnep_err_sys(&w->cli->err, errno, "waiting for a change");
	if (p[1].revents & POLLERR)
		raise(SIGPIPE);
	return vnep_mapwatch_read(&w->map, &w->cli->err);
}

static int follow(struct watch *w)
{
	int rc = 0;

	while (!rc) {
		rc = wait_change(w);
		if (!rc)
			rc = print_state(w, false);
		if (!rc)
			rc = vnep_out_records(w->cli, &w->out, true);
	}
	return rc;
}

int map_watch(struct vnep_cli *cli)
{
	struct watch w = { .cli = cli, .map = { .fd = -1 } };
	bool all = !vnep_cli_has(cli, "after-revision");
	int rc = vnep_cli_u64(cli, "after-revision", 0, (1ULL << 53) - 1, &w.revision);
	uint64_t after = w.revision;

	vnep_buf_init(&w.out);
	if (!rc)
		rc = vnep_mapstore_open(&w.store, cli->state, false, &cli->err);
	if (!rc)
		rc = vnep_mapwatch_open(&w.map, cli->state, &cli->err);
	if (!rc)
		rc = print_state(&w, all);
	if (!rc) {
		if (all)
			vnep_sync_encode(&w.out, w.revision);
		else
			vnep_sync_encode_after(&w.out, w.revision, after);
		rc = vnep_out_records(cli, &w.out, true);
	}
	if (!rc)
		rc = follow(&w);
	vnep_mapwatch_close(&w.map);
	vnep_buf_release(&w.out);
	vnep_mapstore_close(w.store);
	return rc;
}
