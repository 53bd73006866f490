/* test-mapstore-room - a map whose file is as large as LMDB was told, and what has to be written into it. */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/mapbatch.h"
#include "vnep/mapstore.h"

enum { SIZE_FIRST = 64 << 20, SMALL = 4000 };

static char state[64];
static struct vnep_mapstore *store;
static struct vnep_err err;

static void open_fresh(void)
{
	snprintf(state, sizeof state, "/tmp/test-maproom-XXXXXX");
	CHECK(mkdtemp(state) != NULL);
	CHECK_INT(vnep_mapstore_open(&store, state, true, &err), 0);
}

static void close_all(void)
{
	static const char *const parts[] = { "/map/data.mdb", "/map/lock.mdb", "/map", "" };
	char path[128];

	vnep_mapstore_close(store);
	store = NULL;
	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
		snprintf(path, sizeof path, "%s%s", state, parts[i]);
		if (unlink(path))
			rmdir(path);
	}
}

static struct vnep_map_stat stat_of(void)
{
	struct vnep_map_txn *txn;
	struct vnep_map_stat stat = { 0 };

	if (t_failed)
		return stat;
	CHECK_INT(vnep_map_begin(store, false, &txn, &err), 0);
	CHECK_INT(vnep_map_stat(txn, &stat, &err), 0);
	vnep_map_abort(txn);
	return stat;
}

/* Apply COUNT records, each step of the numbers below COUNT x step: devices with a label of width digits, or
 * tombstones. */
static int apply(unsigned count, unsigned step, int width, bool deleted, bool dry_run)
{
	const struct vnep_map_apply how = { .dry_run = dry_run };
	struct vnep_map_changes changes;
	struct vnep_map_batch *batch;
	static char line[2000];
	int rc;

	if (t_failed)
		return -1;
	CHECK_INT(vnep_map_batch_new(&batch, &err), 0);
	for (unsigned i = 0; i < count * step && !t_failed; i += step) {
		int n = deleted ? snprintf(line, sizeof line,
					  "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-"
					  "%06u\",\"deleted\":true}",
					  i)
				: snprintf(line, sizeof line,
					  "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-"
					  "%06u\",\"vep\":\"2001:db8:b::%x:%x\",\"labels\":{\"x\":"
					  "\"%0*u\"}}",
					  i, i >> 16, i & 0xffff, width, i);

		CHECK_INT(vnep_map_batch_add_line(batch, line, (size_t)n, &err), 0);
	}
	rc = vnep_map_batch_apply(batch, store, &how, &changes, &err);
	if (!rc)
		CHECK_INT(deleted ? changes.deleted : changes.added, count);
	vnep_map_batch_free(batch);
	return rc;
}

static void put_raw(MDB_txn *txn, MDB_dbi dbi, uint64_t number, size_t len)
{
	MDB_val key = { sizeof number, &number }, value = { len, NULL };

	CHECK_INT(mdb_put(txn, dbi, &key, &value, MDB_RESERVE), 0);
	if (!t_failed)
		memset(value.mv_data, 0, len);
}

/* Make the file octets long, without free pages in it, by what no vnep looks at. as_3: it is of format 3 then. */
static void stuff(size_t octets, bool as_3)
{
	size_t used = (size_t)stat_of().octets;
	uint8_t format[8] = { 3 };
	MDB_val key = { sizeof "format", "format" }, value = { sizeof format, format };
	MDB_txn *txn;
	MDB_env *env;
	MDB_dbi dbi;
	char path[80];

	vnep_mapstore_close(store);
	store = NULL;
	snprintf(path, sizeof path, "%s/map", state);
	CHECK(!mdb_env_create(&env) && !mdb_env_set_maxdbs(env, 20) &&
		!mdb_env_set_mapsize(env, octets + SIZE_FIRST) &&
		!mdb_env_open(env, path, 0, 0600));
	if (as_3) {
		CHECK(!mdb_txn_begin(env, NULL, 0, &txn) && !mdb_dbi_open(txn, "tomb", 0, &dbi) &&
			!mdb_drop(txn, dbi, 1) && !mdb_dbi_open(txn, "meta", 0, &dbi) &&
			!mdb_put(txn, dbi, &key, &value, 0) && !mdb_txn_commit(txn));
	}
	/* What is free is taken first; what a transaction frees, the one after the next may take. */
	CHECK(!mdb_txn_begin(env, NULL, 0, &txn) && !mdb_dbi_open(txn, "stuff", MDB_CREATE, &dbi));
	put_raw(txn, dbi, 1, 1);
	CHECK(!mdb_txn_commit(txn) && !mdb_txn_begin(env, NULL, 0, &txn));
	for (unsigned i = 1; i <= SMALL && !t_failed; i++)
		put_raw(txn, dbi, i, 3000);
	if (octets > used + SMALL * 4096)
		put_raw(txn, dbi, 0, octets - used - SMALL * 4096);
	CHECK_INT(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	CHECK_INT(vnep_mapstore_open(&store, state, true, &err), 0);
	if (t_failed)
		printf("# %s\n", err.text);
}

TEST("a map of format 3 that fills its size is brought to format 4")
{
	enum { COUNT = 20000 };

	open_fresh();
	CHECK_INT(apply(COUNT, 1, 1, false, false), 0);
	CHECK_INT(apply(COUNT, 1, 1, true, false), 0);
	stuff(SIZE_FIRST + (8 << 20), true);
	CHECK_INT(stat_of().tombstones, COUNT);
	CHECK_INT(apply(1, 1, 1, false, false), 0);
	CHECK_INT(stat_of().tombstones, COUNT - 1);
	close_all();
}

TEST("a change that is scattered over the map grows it, whatever it copies")
{
	enum { COUNT = 9000 };

	open_fresh();
	CHECK_INT(apply(COUNT, 1, 1300, false, false), 0);
	stuff(SIZE_FIRST - (21 << 20), false);
	CHECK_INT(apply(COUNT / 3, 3, 1, true, true), 0);
	CHECK_INT(stat_of().tombstones, 0);
	CHECK_INT(apply(COUNT / 3, 3, 1, true, false), 0);
	CHECK_INT(stat_of().tombstones, COUNT / 3);
	close_all();
}

int main(void)
{
	return t_run();
}
