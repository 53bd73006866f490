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

enum { STAMP_LEN = 16, PRUNE_LEAST = 256 };

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

/* The record at a time; VNEP_ENOTFOUND if it was not there. ended: when it did, all zero if it has not. */
static int value_at(struct vnep_map_txn *txn, const MDB_val *key, uint64_t at_us,
	struct vnep_map_value *out, uint8_t ended[static STAMP_LEN], struct vnep_err *err)
{
	uint8_t octets[VNEP_MAP_KEY_MAX + STAMP_LEN];
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
	if (!rc)
		memcpy(ended, (const uint8_t *)at.mv_data + key->mv_size, STAMP_LEN);
	mdb_cursor_close(cursor);
	if (rc == MDB_NOTFOUND) {
		memset(ended, 0, STAMP_LEN);
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

/* Who had this then? An entry of an index names a device and the end of what it was while it had it; it is the
 * answer if that was what it was at the time. So each is judged by itself, however many had it. */
struct asked {
	struct vnep_map_txn *txn;
	enum vnep_map_db db;
	uint8_t key[1 + VNEP_NAME_MAX +
		    1]; /* of DB_PAST_INDEX: the number of the index, then its key */
	size_t len;
	uint64_t at_us;
	struct vnep_map_value *out;
	struct vnep_err *err;
	unsigned found;
	char list[256];
};

static int judge(struct asked *a, const char *dev, const uint8_t ended[static STAMP_LEN])
{
	uint8_t octets[VNEP_MAP_KEY_MAX], really[STAMP_LEN];
	MDB_val key = { vnep_map_key(VNEP_RECORD_DEVICE, dev, octets), octets };
	struct vnep_map_value value;
	size_t n = strlen(a->list);
	int rc = value_at(a->txn, &key, a->at_us, &value, really, a->err);

	if (rc == VNEP_ENOTFOUND || (!rc && memcmp(really, ended, STAMP_LEN)))
		return 0;
	if (rc)
		return rc;
	snprintf(a->list + n, sizeof a->list - n, "%s%s", n ? ", " : "", dev);
	*a->out = value;
	a->found++;
	return 0;
}

static int judge_present(const char *dev, void *arg)
{
	static const uint8_t not_ended[STAMP_LEN];

	return judge(arg, dev, not_ended);
}

/* Those under one key that ended after the time. */
static int judge_past(struct asked *a, MDB_cursor *cursor, MDB_val *key)
{
	uint8_t from[STAMP_LEN];
	MDB_val value = { sizeof from, from };
	int rc;

	stamp(a->at_us + 1, 0, from);
	rc = mdb_cursor_get(cursor, key, &value, MDB_GET_BOTH_RANGE);
	while (!rc) {
		const uint8_t *octets = value.mv_data;
		char dev[VNEP_URN_MAX + 1];

		if (value.mv_size <= STAMP_LEN)
			return MDB_CORRUPTED;
		vnep_map_dev_unpack(octets + STAMP_LEN, value.mv_size - STAMP_LEN, dev);
		rc = judge(a, dev, octets);
		if (!rc)
			rc = mdb_cursor_get(cursor, key, &value, MDB_NEXT_DUP);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int judge_all(struct asked *a)
{
	MDB_val at = { a->len, a->key }, value;
	MDB_cursor *cursor;
	int rc = vnep_map_index_each(a->txn, a->db, a->key + 1, a->len - 1, judge_present, a);

	if (!rc)
		rc = mdb_cursor_open(a->txn->txn, a->txn->store->dbi[DB_PAST_INDEX], &cursor);
	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE);
	/* A MAC is asked for in any VLAN. */
	while (!rc && at.mv_size >= a->len && !memcmp(at.mv_data, a->key, a->len) &&
		(a->db == IX_MAC || at.mv_size == a->len)) {
		rc = judge_past(a, cursor, &at);
		if (!rc)
			rc = mdb_cursor_get(cursor, &at, &value, MDB_NEXT_NODUP);
	}
	mdb_cursor_close(cursor);
	if (rc == MDB_NOTFOUND)
		return 0;
	return rc > 0 || (rc >= MDB_KEYEXIST && rc <= MDB_LAST_ERRCODE)
		       ? vnep_map_fail(a->err, rc, "reading the map")
		       : rc; /* what judge said */
}

static int ask(struct asked *a, enum vnep_map_db db, const void *key, size_t len)
{
	int rc;

	a->db = db;
	a->key[0] = (uint8_t)db;
	memcpy(a->key + 1, key, len);
	a->len = 1 + len;
	rc = judge_all(a);
	if (rc || a->found < 2)
		return rc ? rc : a->found ? 0 : VNEP_ENOTFOUND;
	vnep_err_set(a->err, VNEP_EAMBIGUOUS, "it was %u devices", a->found);
	return vnep_err_hint(a->err, "%s", a->list);
}

static int find_at(struct vnep_map_txn *txn, const char *word, uint64_t at_us,
	struct vnep_map_value *out, struct vnep_err *err)
{
	struct asked a = { .txn = txn, .at_us = at_us, .out = out, .err = err };
	char name[VNEP_NAME_MAX + 1];
	struct in6_addr addr;
	struct vnep_mac mac;
	int rc;

	if (!vnep_mac_parse(word, &mac, NULL))
		return ask(&a, IX_MAC, mac.octet, sizeof mac.octet);
	if (!vnep_ip6_parse(word, &addr, NULL)) {
		rc = ask(&a, IX_VEP, &addr, sizeof addr);
		return rc == VNEP_ENOTFOUND ? ask(&a, IX_ADDR, &addr, sizeof addr) : rc;
	}
	if (strlen(word) <= VNEP_NAME_MAX && vnep_map_name_key(word, name))
		return ask(&a, IX_NAME, name, strlen(name));
	return VNEP_ENOTFOUND;
}

int vnep_map_get_at(struct vnep_map_txn *txn, enum vnep_record_type type, const char *word,
	struct vnep_wall at, struct vnep_buf *out, struct vnep_err *err)
{
	uint64_t at_us = at.ns < 0 ? 0 : (uint64_t)at.ns / 1000;
	uint8_t octets[VNEP_MAP_KEY_MAX];
	uint8_t ended[STAMP_LEN];
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
		rc = value_at(txn, &key, at_us, &value, ended, err);
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
