/* test-mapstore-tomb - how long tombstones stay, and that nobody misses one unawares. */
#include <endian.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/mapstore.h"
#include "vnep/recjson.h"

static char state[64];
static struct vnep_mapstore *store;
static struct vnep_map_txn *txn;
static struct vnep_err err;

static void reopen(void)
{
	CHECK_INT(vnep_mapstore_open(&store, state, true, &err), 0);
	CHECK_INT(vnep_map_begin(store, true, &txn, &err), 0);
}

static void open_fresh(void)
{
	snprintf(state, sizeof state, "/tmp/test-maptomb-XXXXXX");
	CHECK(mkdtemp(state) != NULL);
	reopen();
}

static void close_store(void)
{
	vnep_map_abort(txn);
	txn = NULL;
	vnep_mapstore_close(store);
	store = NULL;
}

static void close_all(void)
{
	static const char *const parts[] = { "/map/data.mdb", "/map/lock.mdb", "/map", "" };
	char path[128];

	close_store();
	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
		snprintf(path, sizeof path, "%s%s", state, parts[i]);
		if (unlink(path))
			rmdir(path);
	}
}

static void commit(void)
{
	CHECK_INT(vnep_map_commit(txn, &err), 0);
	CHECK_INT(vnep_map_begin(store, true, &txn, NULL), 0);
}

static void put(const char *dev, const char *more)
{
	const struct vnep_map_put how = { .as_edge = false };
	struct vnep_json *json;
	char text[256];
	bool changed;
	int n = snprintf(text, sizeof text,
		"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-%s\",\"vep\":\"2001:db8:b:"
		":%s\"%s}",
		dev, dev, more);

	CHECK_INT(vnep_json_parse(text, (size_t)n, &json, &err), 0);
	CHECK_INT(vnep_recjson_check(json, text, (size_t)n, &err), 0);
	CHECK_INT(vnep_map_put(txn, json, &how, &changed, &err), 0);
	vnep_json_free(json);
}

static void bury(const char *dev)
{
	char id[64];

	snprintf(id, sizeof id, "urn:dev:os:32473-%s", dev);
	CHECK_INT(vnep_map_delete(txn, VNEP_RECORD_DEVICE, id, 0, &err), 0);
}

static int count_one(const char *text, size_t len, void *arg)
{
	(void)text;
	(void)len;
	++*(int *)arg;
	return 0;
}

/* What comes after a revision; negative: it cannot be said. */
static int since(uint64_t after)
{
	int count = 0, rc = vnep_map_since(txn, after, count_one, &count, &err);

	return rc ? rc : count;
}

static uint64_t tombstones(void)
{
	struct vnep_map_stat stat;

	CHECK_INT(vnep_map_stat(txn, &stat, &err), 0);
	return stat.tombstones;
}

/* Let time pass: every tombstone was made so much earlier. all: as a vnep that did not note them left it. */
static void pass(uint64_t us, bool unnoted)
{
	static MDB_env *env;
	MDB_txn *raw = NULL;
	MDB_dbi dbi;
	MDB_cursor *cursor = NULL;
	MDB_val key, value;
	uint8_t keys[16][17], values[16][256];
	size_t sizes[16], count = 0;
	char path[80];

	close_store();
	snprintf(path, sizeof path, "%s/map", state);
	CHECK(!mdb_env_create(&env) && !mdb_env_set_maxdbs(env, 20) &&
		!mdb_env_open(env, path, 0, 0600) && !mdb_txn_begin(env, NULL, 0, &raw) &&
		!mdb_dbi_open(raw, "tomb", 0, &dbi) && !mdb_cursor_open(raw, dbi, &cursor));
	for (; !mdb_cursor_get(cursor, &key, &value, MDB_NEXT) && count < 16; count++) {
		uint64_t at;

		CHECK_INT(key.mv_size, 17);
		memcpy(keys[count], key.mv_data, 17);
		memcpy(&at, keys[count] + 1, 8);
		at = htobe64(be64toh(at) - us);
		memcpy(keys[count] + 1, &at, 8);
		memcpy(values[count], value.mv_data, value.mv_size);
		sizes[count] = value.mv_size;
	}
	mdb_cursor_close(cursor);
	CHECK(!mdb_drop(raw, dbi, unnoted));
	for (size_t i = 0; i < count && !unnoted; i++) {
		key = (MDB_val){ 17, keys[i] };
		value = (MDB_val){ sizes[i], values[i] };
		CHECK(!mdb_put(raw, dbi, &key, &value, 0));
	}
	if (unnoted) {
		uint8_t format[8] = { 3 };

		key = (MDB_val){ sizeof "format", "format" };
		value = (MDB_val){ 8, format };
		CHECK(!mdb_dbi_open(raw, "meta", 0, &dbi) && !mdb_put(raw, dbi, &key, &value, 0));
	}
	CHECK(!mdb_txn_commit(raw));
	mdb_env_close(env);
	reopen();
}

#define HOUR_US (3600ULL * 1000000)

TEST("a tombstone goes with history, and who did not see it is told to begin anew")
{
	open_fresh();
	put("1", "");
	put("2", "");
	commit();
	bury("1"); /* 3 */
	commit();
	put("3", ""); /* 4 */
	commit();
	pass(29 * 24 * HOUR_US, false);
	commit();
	CHECK_INT(tombstones(), 1);
	CHECK_INT(since(2), 2);
	pass(25 * HOUR_US, false);
	commit();
	CHECK_INT(tombstones(), 0);
	CHECK_INT(since(2), VNEP_ECONFLICT);
	CHECK(strstr(err.text, "what was deleted up to revision 3 is forgotten") && err.hint[0]);
	CHECK_INT(since(3), 1); /* has seen it */
	CHECK_INT(since(0), 2); /* has nothing that could be gone */
	bury("2");              /* 5 */
	commit();
	CHECK_INT(since(3), 2);
	close_all();
}

TEST("of a device without consent it goes after an hour, and so it does without history")
{
	open_fresh();
	put("1", ",\"consent\":false");
	put("2", "");
	commit();
	bury("1");
	bury("2");
	commit();
	pass(HOUR_US / 2, false);
	commit();
	CHECK_INT(tombstones(), 2);
	pass(HOUR_US, false);
	commit();
	CHECK_INT(tombstones(), 1);
	CHECK_INT(since(2), VNEP_ECONFLICT);
	CHECK_INT(since(3), 1);
	vnep_map_set_history(txn, 0);
	commit();
	CHECK_INT(tombstones(), 0);
	close_all();
}

TEST("what came back, or was deleted again, does not go with its old tombstone")
{
	open_fresh();
	put("1", "");
	put("2", "");
	bury("1");
	bury("2");
	commit();
	put("1", ""); /* 5 */
	put("2", ""); /* 6 */
	commit();
	pass(31 * 24 * HOUR_US, false);
	bury("2"); /* 7 */
	commit();
	CHECK_INT(tombstones(), 1);
	CHECK_INT(since(4), 2);
	CHECK_INT(since(1), 2);
	close_all();
}

TEST("those of a map of format 3 are noted once somebody writes")
{
	open_fresh();
	put("1", "");
	bury("1");
	commit();
	pass(0, true);
	CHECK_INT(tombstones(), 1);
	commit();
	pass(31 * 24 * HOUR_US, false);
	commit();
	CHECK_INT(tombstones(), 0);
	CHECK_INT(since(1), VNEP_ECONFLICT);
	close_all();
}

int main(void)
{
	return t_run();
}
