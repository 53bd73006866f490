/*
 * mapstore-past - who it was then.
 *
 * A value that is replaced goes to DB_PAST under its record's key, the time until which it held, and its
 * revision: the record at a time is the first one there that held longer, if it held already. What it could be
 * found by goes to DB_PAST_INDEX; DB_PAST_TIME has all of them in the order of their ends, which is the order
 * in which they are dropped.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapstore-private.h"

enum { STAMP_LEN = 16, PRUNE_LEAST = 256, CANDIDATES_MAX = 64 };

/* When it ended, and which revision it was. */
static void stamp(uint64_t until_us, uint64_t revision, uint8_t out[static STAMP_LEN])
{
	until_us = htobe64(until_us);
	revision = htobe64(revision);
	memcpy(out, &until_us, sizeof until_us);
	memcpy(out + sizeof until_us, &revision, sizeof revision);
}

static size_t past_key(const MDB_val *key, const uint8_t ended[static STAMP_LEN],
	uint8_t out[static VNEP_MAP_KEY_MAX + STAMP_LEN])
{
	memcpy(out, key->mv_data, key->mv_size);
	memcpy(out + key->mv_size, ended, STAMP_LEN);
	return key->mv_size + STAMP_LEN;
}

static bool is_of(const MDB_val *key, enum vnep_record_type type)
{
	uint8_t octets[VNEP_MAP_KEY_MAX];

	vnep_map_key(type, "", octets);
	return *(const uint8_t *)key->mv_data == octets[0];
}

/* ---- its index ---- */

struct entries {
	struct vnep_map_txn *txn;
	uint8_t value[STAMP_LEN + VNEP_URN_MAX];
	size_t len;
	bool add;
};

static int change_entry(enum vnep_map_db db, const void *data, size_t len, void *arg)
{
	struct entries *e = arg;
	MDB_dbi dbi = e->txn->store->dbi[DB_PAST_INDEX];
	uint8_t octets[1 + VNEP_NAME_MAX];
	MDB_val key = { len + 1, octets }, value = { e->len, e->value };
	int rc;

	if (db > IX_NAME)
		return 0; /* who was in a group then is not asked */
	octets[0] = (uint8_t)db;
	memcpy(octets + 1, data, len);
	rc = e->add ? mdb_put(e->txn->txn, dbi, &key, &value, MDB_NODUPDATA)
		    : mdb_del(e->txn->txn, dbi, &key, &value);
	return rc == MDB_KEYEXIST || rc == MDB_NOTFOUND ? 0 : rc;
}

static int change_entries(struct vnep_map_txn *txn, const struct vnep_device *device,
	const uint8_t ended[static STAMP_LEN], bool add)
{
	struct entries e = { .txn = txn, .add = add };

	memcpy(e.value, ended, STAMP_LEN);
	e.len = STAMP_LEN + vnep_map_dev_pack(device->dev, e.value + STAMP_LEN);
	return vnep_map_entries(device, change_entry, &e);
}

/* ---- in and out ---- */

int vnep_map_past_keep(struct vnep_map_txn *txn, const MDB_val *key,
	const struct vnep_map_value *value, const struct vnep_device *device, struct vnep_err *err)
{
	uint8_t octets[VNEP_MAP_KEY_MAX + STAMP_LEN], ended[STAMP_LEN];
	MDB_val at = { 0, octets }, raw = value->raw, record = *key;
	int rc;

	if (!txn->meta.history_us || is_of(key, VNEP_RECORD_BINDING) ||
		(device && !device->consent))
		return 0;
	stamp((uint64_t)txn->now_us, vnep_map_value_revision(value), ended);
	at.mv_size = past_key(key, ended, octets);
	rc = mdb_put(txn->txn, txn->store->dbi[DB_PAST], &at, &raw, 0);
	at = (MDB_val){ STAMP_LEN, ended };
	if (!rc)
		rc = mdb_put(txn->txn, txn->store->dbi[DB_PAST_TIME], &at, &record, 0);
	if (!rc && device)
		rc = change_entries(txn, device, ended, true);
	if (!rc)
		txn->meta.past++;
	return vnep_map_fail(err, rc, "writing the map");
}

/* Drop one, with what it could be found by. A damaged one goes, too. */
static int drop(struct vnep_map_txn *txn, const MDB_val *key, const uint8_t ended[static STAMP_LEN])
{
	uint8_t octets[VNEP_MAP_KEY_MAX + STAMP_LEN];
	MDB_val at = { past_key(key, ended, octets), octets }, raw,
		time = { STAMP_LEN, (void *)(uintptr_t)ended };
	struct vnep_map_value value;
	struct vnep_device device = { 0 };
	int rc = mdb_get(txn->txn, txn->store->dbi[DB_PAST], &at, &raw);

	if (!rc && is_of(key, VNEP_RECORD_DEVICE) &&
		!vnep_map_value_read(key, &raw, &value, NULL) &&
		!vnep_map_device_of(txn, value.json, value.len, &device, NULL))
		rc = change_entries(txn, &device, ended, false);
	vnep_device_release(&device);
	if (!rc)
		rc = mdb_del(txn->txn, txn->store->dbi[DB_PAST], &at, NULL);
	if (!rc || rc == MDB_NOTFOUND)
		rc = mdb_del(txn->txn, txn->store->dbi[DB_PAST_TIME], &time, NULL);
	if (!rc && txn->meta.past)
		txn->meta.past--;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int vnep_map_past_forget(struct vnep_map_txn *txn, const MDB_val *key, struct vnep_err *err)
{
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn->txn, txn->store->dbi[DB_PAST], &cursor);

	while (!rc) {
		MDB_val at = *key, raw;
		uint8_t ended[STAMP_LEN];

		rc = mdb_cursor_get(cursor, &at, &raw, MDB_SET_RANGE);
		if (rc || at.mv_size != key->mv_size + STAMP_LEN ||
			memcmp(at.mv_data, key->mv_data, key->mv_size))
			break;
		memcpy(ended, (const uint8_t *)at.mv_data + key->mv_size, STAMP_LEN);
		rc = drop(txn, key, ended);
	}
	mdb_cursor_close(cursor);
	return vnep_map_fail(err, rc == MDB_NOTFOUND ? 0 : rc, "writing the map");
}

/* Nothing is kept any more: all at once. */
static int empty(struct vnep_map_txn *txn)
{
	static const enum vnep_map_db dbs[] = { DB_PAST, DB_PAST_TIME, DB_PAST_INDEX };
	int rc = 0;

	for (size_t i = 0; i < sizeof dbs / sizeof *dbs && !rc; i++)
		rc = mdb_drop(txn->txn, txn->store->dbi[dbs[i]], 0);
	if (!rc)
		txn->meta.past = 0;
	return rc;
}

/* Drop the first to end, if that is long enough ago; otherwise MDB_NOTFOUND. */
static int drop_first(struct vnep_map_txn *txn, uint64_t limit_us)
{
	uint8_t ended[STAMP_LEN], octets[VNEP_MAP_KEY_MAX];
	MDB_val at, value, key = { 0, octets };
	MDB_cursor *cursor;
	uint64_t until;
	int rc = mdb_cursor_open(txn->txn, txn->store->dbi[DB_PAST_TIME], &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &at, &value, MDB_FIRST);
	if (!rc && (at.mv_size != STAMP_LEN || value.mv_size > sizeof octets))
		rc = MDB_CORRUPTED;
	if (!rc) {
		memcpy(ended, at.mv_data, STAMP_LEN);
		memcpy(octets, value.mv_data, value.mv_size);
		key.mv_size = value.mv_size;
	}
	mdb_cursor_close(cursor);
	if (rc)
		return rc;
	memcpy(&until, ended, sizeof until);
	return be64toh(until) > limit_us ? MDB_NOTFOUND : drop(txn, &key, ended);
}

/* As many as were added, and some more: what is due goes soon, and no change has to wait for all of it. Only who
 * just said how long it is to be kept finds nothing older afterwards. */
int vnep_map_past_prune(struct vnep_map_txn *txn, struct vnep_err *err)
{
	uint64_t most = txn->history_set ? UINT64_MAX
					 : PRUNE_LEAST + 2 * (txn->meta.revision - txn->before);
	uint64_t limit = (uint64_t)txn->now_us > txn->meta.history_us
				 ? (uint64_t)txn->now_us - txn->meta.history_us
				 : 0;
	int rc = 0;

	if (!txn->meta.history_us) {
		if (txn->history_set || txn->meta.past)
			rc = empty(txn);
	} else {
		while (!rc && most--)
			rc = drop_first(txn, limit);
	}
	return vnep_map_fail(err, rc == MDB_NOTFOUND ? 0 : rc, "writing the map");
}

void vnep_map_set_history(struct vnep_map_txn *txn, uint64_t us)
{
	txn->meta.history_us = us;
	txn->history_set = true;
}

/* ---- questions ---- */

/* The record at a time; VNEP_ENOTFOUND if it was not there. */
static int value_at(struct vnep_map_txn *txn, const MDB_val *key, uint64_t at_us,
	struct vnep_map_value *out, struct vnep_err *err)
{
	uint8_t octets[VNEP_MAP_KEY_MAX + STAMP_LEN], ended[STAMP_LEN];
	MDB_val at = { 0, octets }, raw;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn->txn, txn->store->dbi[DB_PAST], &cursor);

	if (rc)
		return vnep_map_fail(err, rc, "reading the map");
	stamp(at_us + 1, 0, ended);
	at.mv_size = past_key(key, ended, octets);
	rc = mdb_cursor_get(cursor, &at, &raw, MDB_SET_RANGE);
	if (!rc && (at.mv_size != key->mv_size + STAMP_LEN ||
			   memcmp(at.mv_data, key->mv_data, key->mv_size)))
		rc = MDB_NOTFOUND;
	mdb_cursor_close(cursor);
	if (rc == MDB_NOTFOUND) {
		at = *key;
		rc = mdb_get(txn->txn, txn->store->dbi[DB_RECORD], &at, &raw);
	}
	if (rc == MDB_NOTFOUND)
		return VNEP_ENOTFOUND;
	if (!rc)
		rc = vnep_map_value_read(key, &raw, out, err);
	else
		rc = vnep_map_fail(err, rc, "reading the map");
	if (!rc && (out->deleted || (uint64_t)out->since_us > at_us))
		rc = VNEP_ENOTFOUND;
	return rc;
}

struct asked {
	enum vnep_map_db db;
	uint8_t key[VNEP_NAME_MAX + 1];
	size_t len;
	char dev[CANDIDATES_MAX][VNEP_URN_MAX + 1];
	unsigned count;
};

static int collect(const char *dev, void *arg)
{
	struct asked *a = arg;

	for (unsigned i = 0; i < a->count; i++)
		if (!strcmp(a->dev[i], dev))
			return 0;
	if (a->count < CANDIDATES_MAX)
		snprintf(a->dev[a->count++], sizeof a->dev[0], "%s", dev);
	return 0;
}

/* Those that have it now, and those that had it once. */
static int collect_all(struct vnep_map_txn *txn, struct asked *a)
{
	uint8_t octets[1 + VNEP_NAME_MAX];
	MDB_val at = { a->len + 1, octets }, value;
	MDB_cursor *cursor;
	int rc = vnep_map_index_each(txn, a->db, a->key, a->len, collect, a);

	if (!rc)
		rc = mdb_cursor_open(txn->txn, txn->store->dbi[DB_PAST_INDEX], &cursor);
	if (rc)
		return rc;
	octets[0] = (uint8_t)a->db;
	memcpy(octets + 1, a->key, a->len);
	rc = mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE);
	while (!rc && at.mv_size >= a->len + 1 && !memcmp(at.mv_data, octets, a->len + 1) &&
		(a->db == IX_MAC || at.mv_size == a->len + 1)) {
		char dev[VNEP_URN_MAX + 1];

		if (value.mv_size > STAMP_LEN) {
			vnep_map_dev_unpack((const uint8_t *)value.mv_data + STAMP_LEN,
				value.mv_size - STAMP_LEN, dev);
			collect(dev, a);
		}
		rc = mdb_cursor_get(cursor, &at, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int has_entry(enum vnep_map_db db, const void *key, size_t len, void *arg)
{
	const struct asked *a = arg;

	return db == a->db && len >= a->len && !memcmp(key, a->key, a->len) &&
	       (db == IX_MAC || len == a->len);
}

/* The one candidate that had it at the time. */
static int pick(struct vnep_map_txn *txn, const struct asked *a, uint64_t at_us,
	struct vnep_map_value *out, struct vnep_err *err)
{
	struct vnep_map_value value;
	char list[256] = "";
	unsigned found = 0;

	for (unsigned i = 0; i < a->count; i++) {
		uint8_t octets[VNEP_MAP_KEY_MAX];
		MDB_val key = { vnep_map_key(VNEP_RECORD_DEVICE, a->dev[i], octets), octets };
		struct vnep_device device;
		int rc = value_at(txn, &key, at_us, &value, err);

		if (rc == VNEP_ENOTFOUND)
			continue;
		if (!rc)
			rc = vnep_map_device_of(txn, value.json, value.len, &device, err);
		if (rc)
			return rc;
		if (vnep_map_entries(&device, has_entry, (void *)(uintptr_t)a)) {
			size_t n = strlen(list);

			snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", a->dev[i]);
			*out = value;
			found++;
		}
		vnep_device_release(&device);
	}
	if (found > 1) {
		vnep_err_set(err, VNEP_EAMBIGUOUS, "it was %u devices", found);
		return vnep_err_hint(err, "%s", list);
	}
	return found ? 0 : VNEP_ENOTFOUND;
}

static int find_at(struct vnep_map_txn *txn, const char *word, uint64_t at_us,
	struct vnep_map_value *out, struct vnep_err *err)
{
	struct asked a = { .count = 0 };
	char name[VNEP_NAME_MAX + 1];
	struct in6_addr addr;
	struct vnep_mac mac;
	int rc;

	if (!vnep_mac_parse(word, &mac, NULL)) {
		a.db = IX_MAC;
		a.len = sizeof mac.octet;
		memcpy(a.key, mac.octet, a.len);
	} else if (!vnep_ip6_parse(word, &addr, NULL)) {
		a.db = IX_VEP;
		a.len = sizeof addr;
		memcpy(a.key, &addr, a.len);
	} else if (strlen(word) <= VNEP_NAME_MAX && vnep_map_name_key(word, name)) {
		a.db = IX_NAME;
		a.len = strlen(name);
		memcpy(a.key, name, a.len);
	} else {
		return VNEP_ENOTFOUND;
	}
	rc = collect_all(txn, &a);
	if (!rc)
		rc = pick(txn, &a, at_us, out, err);
	if (rc != VNEP_ENOTFOUND || a.db != IX_VEP)
		return rc;
	a.db = IX_ADDR;
	a.count = 0;
	rc = collect_all(txn, &a);
	return rc ? rc : pick(txn, &a, at_us, out, err);
}

int vnep_map_get_at(struct vnep_map_txn *txn, enum vnep_record_type type, const char *word,
	struct vnep_wall at, struct vnep_buf *out, struct vnep_err *err)
{
	uint64_t at_us = at.ns < 0 ? 0 : (uint64_t)at.ns / 1000;
	uint8_t octets[VNEP_MAP_KEY_MAX];
	char urn[VNEP_URN_MAX + 1], when[VNEP_TS_LEN];
	struct vnep_map_value value;
	MDB_val key = { 0, octets };
	int rc;

	if (type == VNEP_RECORD_DEVICE && strncasecmp(word, "urn:", 4)) {
		rc = find_at(txn, word, at_us, &value, err);
	} else {
		rc = type == VNEP_RECORD_DEVICE ? vnep_urn_canonical(word, urn, err) : 0;
		if (rc)
			return rc;
		key.mv_size = vnep_map_key(type, type == VNEP_RECORD_DEVICE ? urn : word, octets);
		rc = value_at(txn, &key, at_us, &value, err);
	}
	if (rc == VNEP_ENOTFOUND) {
		vnep_wall_print(at, when);
		vnep_err_set(
			err, rc, "no %s \"%s\" at %s", vnep_record_type_text(type), word, when);
		return vnep_err_hint(err, "the map keeps what it was for %llu s",
			(unsigned long long)(txn->meta.history_us / 1000000));
	}
	if (rc)
		return rc;
	vnep_buf_put(out, value.json, value.len);
	return out->rc ? vnep_err_sys(err, -out->rc, "reading \"%s\"", word) : 0;
}
