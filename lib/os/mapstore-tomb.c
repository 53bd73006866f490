/*
 * mapstore-tomb - tombstones, and when they go.
 *
 * A tombstone is there for followers, and names what it is about (URN, MAC, addresses): so it goes with what the map
 * remembers of before (vnep_map_set_history), and that of a device without consent after VNEP_MAP_TOMB_LEAST_US.
 * A follower that has not come as far as the last one that went may have missed it, and is told so by vnep_map_since.
 *
 * DB_TOMB has them in the order of their age: how long they stay, when they were made, revision -> key of the record.
 * What came back to life, or was deleted again, has another revision: its old entry just goes.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "mapstore-private.h"

enum { AT_SINCE = 1, AT_REVISION = 9, TOMB_LEN = 17, PRUNE_LEAST = 256 };
enum { KEPT_LONG, KEPT_SHORT, KINDS };

static int note(MDB_txn *txn, MDB_dbi dbi, const MDB_val *record, uint64_t since_us,
	uint64_t revision, int kind)
{
	uint64_t since = htobe64(since_us), be = htobe64(revision);
	uint8_t octets[TOMB_LEN] = { (uint8_t)kind };
	MDB_val key = { sizeof octets, octets }, value = *record;

	memcpy(octets + AT_SINCE, &since, sizeof since);
	memcpy(octets + AT_REVISION, &be, sizeof be);
	return mdb_put(txn, dbi, &key, &value, 0);
}

int vnep_map_tomb_note(
	struct vnep_map_txn *txn, const MDB_val *key, uint64_t revision, bool consent)
{
	return note(txn->txn, txn->store->dbi[DB_TOMB], key, (uint64_t)txn->now_us, revision,
		consent ? KEPT_LONG : KEPT_SHORT);
}

int vnep_map_tomb_index(struct vnep_mapstore *store, MDB_txn *txn)
{
	struct vnep_map_value value;
	MDB_val key, raw;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, store->dbi[DB_RECORD], &cursor);

	if (rc)
		return rc;
	while (!(rc = mdb_cursor_get(cursor, &key, &raw, MDB_NEXT))) {
		if (!vnep_map_value_is_deleted(&raw) ||
			vnep_map_value_read(&key, &raw, &value, NULL))
			continue;
		rc = note(txn, store->dbi[DB_TOMB], &key, (uint64_t)value.since_us,
			vnep_map_value_revision(&value), KEPT_LONG);
		if (rc)
			break;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Drop the record, if it still is the tombstone that had this revision. A damaged one goes, too. */
static int drop(struct vnep_map_txn *txn, const MDB_val *record, uint64_t revision)
{
	uint64_t be = htobe64(revision);
	MDB_val key = *record, at = { sizeof be, &be }, raw;
	struct vnep_map_value value;
	int rc = mdb_get(txn->txn, txn->store->dbi[DB_RECORD], &key, &raw);

	if (rc || !vnep_map_value_is_deleted(&raw))
		return rc == MDB_NOTFOUND ? 0 : rc;
	if (!vnep_map_value_read(&key, &raw, &value, NULL) &&
		vnep_map_value_revision(&value) != revision)
		return 0;
	rc = mdb_del(txn->txn, txn->store->dbi[DB_RECORD], &key, NULL);
	if (!rc)
		rc = mdb_del(txn->txn, txn->store->dbi[DB_REVISION], &at, NULL);
	if (rc && rc != MDB_NOTFOUND)
		return rc;
	if (txn->meta.tombstones)
		txn->meta.tombstones--;
	if (revision > txn->meta.forgotten)
		txn->meta.forgotten = revision;
	return 0;
}

/* The oldest of a kind, if it is old enough; otherwise MDB_NOTFOUND. */
static int drop_first(struct vnep_map_txn *txn, int kind, uint64_t limit_us)
{
	uint8_t octets[TOMB_LEN] = { (uint8_t)kind }, record[VNEP_MAP_KEY_MAX];
	MDB_val at = { sizeof octets, octets }, value;
	MDB_cursor *cursor;
	uint64_t since, revision;
	int rc = mdb_cursor_open(txn->txn, txn->store->dbi[DB_TOMB], &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE);
	if (!rc && (at.mv_size != TOMB_LEN || value.mv_size > sizeof record))
		rc = MDB_CORRUPTED;
	if (!rc && *(const uint8_t *)at.mv_data != kind)
		rc = MDB_NOTFOUND;
	if (!rc) {
		memcpy(octets, at.mv_data, sizeof octets);
		memcpy(record, value.mv_data, value.mv_size);
		value.mv_data = record;
		memcpy(&since, octets + AT_SINCE, sizeof since);
		memcpy(&revision, octets + AT_REVISION, sizeof revision);
		rc = be64toh(since) > limit_us ? MDB_NOTFOUND : 0;
	}
	if (!rc)
		rc = mdb_cursor_del(cursor, 0);
	mdb_cursor_close(cursor);
	return rc ? rc : drop(txn, &value, be64toh(revision));
}

static uint64_t age_us(const struct vnep_map_txn *txn, int kind)
{
	uint64_t history = txn->meta.history_us;

	if (!history || (kind == KEPT_SHORT && history > VNEP_MAP_TOMB_LEAST_US))
		return VNEP_MAP_TOMB_LEAST_US;
	return history;
}

/* More than came, as with history: no change has to wait for all of them. */
int vnep_map_tomb_prune(struct vnep_map_txn *txn, struct vnep_err *err)
{
	uint64_t now = (uint64_t)txn->now_us;
	int rc = 0;

	for (int kind = 0; kind < KINDS && (!rc || rc == MDB_NOTFOUND); kind++) {
		uint64_t age = age_us(txn, kind), limit = now > age ? now - age : 0;
		uint64_t most = txn->history_set
					? UINT64_MAX
					: PRUNE_LEAST + 2 * (txn->meta.revision - txn->before);

		for (rc = 0; !rc && most--;)
			rc = drop_first(txn, kind, limit);
	}
	return vnep_map_fail(err, rc == MDB_NOTFOUND ? 0 : rc, "writing the map");
}
