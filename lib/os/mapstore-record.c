/*
 * mapstore-record - records behind a CRC32, each change with a revision of its own.
 *
 * A value is CRC32 (of key and rest, little endian), one octet of flags, canonical JSON.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "mapstore-private.h"
#include "vnep/recjson.h"

enum { VALUE_HEAD = 5, FLAG_DELETED = 1 };

/* One letter a type; the order of the letters is nobody's business. */
static size_t record_key(
	enum vnep_record_type type, const char *id, char key[static VNEP_MAP_KEY_MAX + 1])
{
	const char *letter = type == VNEP_RECORD_DEVICE  ? "d"
			     : type == VNEP_RECORD_VPC   ? "v"
			     : type == VNEP_RECORD_GROUP ? "g"
							 : "b";
	int n = snprintf(key, VNEP_MAP_KEY_MAX + 1, "%s%s", letter, id);

	return n > 0 && n <= VNEP_MAP_KEY_MAX ? (size_t)n : 0;
}

static const char *id_key(enum vnep_record_type type)
{
	return type == VNEP_RECORD_VPC ? "vpc" : type == VNEP_RECORD_GROUP ? "group" : "dev";
}

static uint32_t value_crc(const MDB_val *key, const uint8_t *data, size_t len)
{
	uLong crc = crc32(0, key->mv_data, (uInt)key->mv_size);

	return (uint32_t)crc32(crc, data, (uInt)len);
}

static int value_read(
	const MDB_val *key, const MDB_val *value, struct vnep_map_value *out, struct vnep_err *err)
{
	const uint8_t *data = value->mv_data;
	struct vnep_rd rd;

	vnep_rd_init(&rd, data, value->mv_size);
	if (value->mv_size <= VALUE_HEAD || value->mv_size > VNEP_LINE_MAX + VALUE_HEAD ||
		vnep_rd_le32(&rd) != value_crc(key, data + 4, value->mv_size - 4)) {
		vnep_err_set(err, VNEP_EDAMAGED, "the stored record of \"%.*s\" is damaged",
			(int)key->mv_size - 1, (const char *)key->mv_data + 1);
		return vnep_err_hint(err, "import it again");
	}
	out->deleted = data[4] & FLAG_DELETED;
	out->json = (const char *)data + VALUE_HEAD;
	out->len = value->mv_size - VALUE_HEAD;
	return 0;
}

int vnep_map_value_get(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_map_value *out, struct vnep_err *err)
{
	char text[VNEP_MAP_KEY_MAX + 1];
	MDB_val key = { record_key(type, id, text), text }, value;
	int rc = key.mv_size ? mdb_get(txn->txn, txn->store->dbi[DB_RECORD], &key, &value)
			     : MDB_NOTFOUND;

	if (rc == MDB_NOTFOUND)
		return vnep_err_set(
			err, VNEP_ENOTFOUND, "no such %s \"%s\"", vnep_record_type_text(type), id);
	return rc ? vnep_map_fail(err, rc, "reading the map") : value_read(&key, &value, out, err);
}

static uint64_t *counter(struct vnep_map_txn *txn, enum vnep_record_type type)
{
	return type == VNEP_RECORD_DEVICE  ? &txn->meta.devices
	       : type == VNEP_RECORD_VPC   ? &txn->meta.vpcs
	       : type == VNEP_RECORD_GROUP ? &txn->meta.groups
					   : &txn->meta.bindings;
}

/* The stored tree of a record, NULL if there never was one. */
static int read_old(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_json **out, bool *deleted, struct vnep_err *err)
{
	struct vnep_map_value value;
	int rc = vnep_map_value_get(txn, type, id, &value, err);

	*out = NULL;
	*deleted = false;
	if (rc)
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	*deleted = value.deleted;
	return vnep_json_parse(value.json, value.len, out, err);
}

static int index_json(
	struct vnep_map_txn *txn, const struct vnep_json *record, bool add, struct vnep_err *err)
{
	struct vnep_device device = { 0 };
	int rc = vnep_device_decode(record, &device, err);

	if (!rc)
		rc = vnep_map_index(txn, &device, add, err);
	vnep_device_release(&device);
	return rc;
}

/* What must be looked at before commit. */
static int touch(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id)
{
	txn->unchecked |= type == VNEP_RECORD_VPC || type == VNEP_RECORD_DEVICE;
	if (type == VNEP_RECORD_VPC) {
		txn->vpc_touched = true;
		txn->vpcs_read = false;
	}
	if (type != VNEP_RECORD_DEVICE)
		return 0;
	if (txn->touched_count == txn->touched_cap) {
		size_t cap = txn->touched_cap ? txn->touched_cap * 2 : 64;
		void *p = realloc(txn->touched, cap * sizeof *txn->touched);

		if (!p)
			return ENOMEM;
		txn->touched = p;
		txn->touched_cap = cap;
	}
	snprintf(txn->touched[txn->touched_count++], sizeof *txn->touched, "%s", id);
	return 0;
}

/* Move the record to its new revision in the index of revisions. */
static int put_revision(struct vnep_map_txn *txn, const MDB_val *key, uint64_t before, uint64_t now)
{
	uint64_t be = htobe64(before);
	MDB_val at = { sizeof be, &be }, value = *key;
	int rc = before ? mdb_del(txn->txn, txn->store->dbi[DB_REVISION], &at, NULL) : 0;

	if (rc && rc != MDB_NOTFOUND)
		return rc;
	be = htobe64(now);
	return mdb_put(txn->txn, txn->store->dbi[DB_REVISION], &at, &value, MDB_NOOVERWRITE);
}

static int store_record(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_json *record, bool deleted, uint64_t before, struct vnep_err *err)
{
	char text[VNEP_MAP_KEY_MAX + 1];
	MDB_val key = { record_key(type, id, text), text }, value;
	bool placed = vnep_json_get(record, "revision");
	struct vnep_buf buf;
	int rc;

	if (!key.mv_size)
		return vnep_err_set(err, VNEP_EVALUE, "%s of a %s is missing or too long",
			id_key(type), vnep_record_type_text(type));
	rc = vnep_json_set_int(record, "revision", (int64_t)(txn->meta.revision + 1));
	if (!rc && !placed)
		rc = vnep_recjson_check(record, NULL, 0, err); /* the new key goes to its place */
	if (rc)
		return rc;
	vnep_buf_init(&buf);
	vnep_buf_put_zero(&buf, 4);
	vnep_buf_put_u8(&buf, deleted ? FLAG_DELETED : 0);
	rc = vnep_json_dump(record, &buf);
	if (!rc && buf.len > VNEP_LINE_MAX)
		rc = vnep_err_set(err, VNEP_ETOOBIG, "record of %zu octets", buf.len);
	if (!rc) {
		uint32_t crc = htole32(value_crc(&key, buf.data + 4, buf.len - 4));

		memcpy(buf.data, &crc, sizeof crc);
		value = (MDB_val){ buf.len, buf.data };
		rc = mdb_put(txn->txn, txn->store->dbi[DB_RECORD], &key, &value, 0);
		if (!rc)
			rc = put_revision(txn, &key, before, txn->meta.revision + 1);
		if (!rc)
			rc = touch(txn, type, id);
		rc = vnep_map_fail(err, rc, "writing the map");
	}
	if (!rc)
		txn->meta.revision++;
	vnep_buf_release(&buf);
	return rc;
}

static int check_revision(const char *id, uint64_t stored, uint64_t wanted, struct vnep_err *err)
{
	if (!wanted || stored == wanted)
		return 0;
	if (!stored)
		return vnep_err_set(err, VNEP_ECONFLICT,
			"\"%s\" is not in the map, so not at revision %llu", id,
			(unsigned long long)wanted);
	return vnep_err_set(err, VNEP_ECONFLICT, "\"%s\" is at revision %llu, not %llu", id,
		(unsigned long long)stored, (unsigned long long)wanted);
}

/* Same content? Revision and origin say when and by whom, not what. */
static bool same(struct vnep_json *old, const struct vnep_json *record)
{
	struct vnep_json *copy = vnep_json_copy(record);
	bool equal;

	if (!copy)
		return false;
	for (int i = 0; i < 2; i++) {
		const char *key = i ? "origin" : "revision";

		vnep_json_remove(old, key);
		vnep_json_remove(copy, key);
	}
	equal = vnep_json_equal(old, copy);
	vnep_json_free(copy);
	return equal;
}

static int put_live(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_json *record, const struct vnep_map_put *how, bool *changed,
	struct vnep_err *err)
{
	struct vnep_json *old;
	bool was_deleted;
	uint64_t before;
	int rc = read_old(txn, type, id, &old, &was_deleted, err);

	if (rc)
		return rc;
	before = (uint64_t)vnep_json_get_int(old, "revision", 0);
	rc = check_revision(id, before, how->if_revision, err);
	if (rc || (old && !was_deleted && same(old, record)))
		goto out;
	if (how->origin && *how->origin)
		rc = vnep_json_set_str(record, "origin", how->origin);
	if (!rc && type == VNEP_RECORD_DEVICE && old && !was_deleted)
		rc = index_json(txn, old, false, err);
	if (!rc && type == VNEP_RECORD_DEVICE)
		rc = index_json(txn, record, true, err);
	if (!rc)
		rc = store_record(txn, type, id, record, false, before, err);
	if (rc)
		goto out;
	*changed = true;
	if (!old || was_deleted)
		++*counter(txn, type);
	if (was_deleted)
		txn->meta.tombstones--;
out:
	vnep_json_free(old);
	return rc;
}

int vnep_map_put(struct vnep_map_txn *txn, struct vnep_json *record, const struct vnep_map_put *how,
	bool *changed, struct vnep_err *err)
{
	enum vnep_record_type type = vnep_recjson_type(record);
	char id[VNEP_MAP_KEY_MAX + 1];
	int rc;

	*changed = false;
	if (type == VNEP_RECORD_BINDING && !how->as_edge)
		return vnep_err_set(
			err, VNEP_EVALUE, "bindings are written by edges, never imported");
	if (type != VNEP_RECORD_DEVICE && type != VNEP_RECORD_VPC && type != VNEP_RECORD_GROUP &&
		type != VNEP_RECORD_BINDING)
		return vnep_err_set(err, VNEP_EVALUE,
			"the map takes vpc, device and group records, not \"%s\"",
			vnep_json_get_str(record, "type", "?"));
	snprintf(id, sizeof id, "%s", vnep_json_get_str(record, id_key(type), ""));
	if (!vnep_json_get_bool(record, "deleted", false))
		return put_live(txn, type, id, record, how, changed, err);
	rc = vnep_map_delete(txn, type, id, how->if_revision, err);
	*changed = !rc;
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

/* A follower must still find what to take out; names, labels and policies are gone. */
static int bury(const char *key, struct vnep_json *value, void *arg)
{
	static const char *const kept[] = { "type", "v", "dev", "vep", "vpc", "mac", "port", "vlan",
		"addr", "form", "region", "prefix", "core_port", "core_vlan", "group", "address",
		"edge", "epoch" };
	struct vnep_json *copy;

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (!strcmp(kept[i], key)) {
			copy = vnep_json_copy(value);
			return copy ? vnep_json_set(arg, key, copy) : -ENOMEM;
		}
	return 0;
}

static int delete_one(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	uint64_t if_revision, struct vnep_err *err)
{
	struct vnep_json *old, *tomb = NULL;
	bool was_deleted;
	uint64_t before;
	int rc = read_old(txn, type, id, &old, &was_deleted, err);

	if (rc)
		return rc;
	before = (uint64_t)vnep_json_get_int(old, "revision", 0);
	rc = check_revision(id, before, if_revision, err);
	if (!rc && (!old || was_deleted))
		rc = vnep_err_set(
			err, VNEP_ENOTFOUND, "no such %s \"%s\"", vnep_record_type_text(type), id);
	if (!rc && type == VNEP_RECORD_DEVICE)
		rc = index_json(txn, old, false, err);
	if (rc)
		goto out;
	tomb = vnep_json_object();
	rc = tomb ? vnep_json_each(old, bury, tomb) : -ENOMEM;
	if (!rc)
		rc = vnep_json_set_bool(tomb, "deleted", true);
	if (rc)
		vnep_err_sys(err, -rc, "deleting \"%s\"", id);
	else
		rc = store_record(txn, type, id, tomb, true, before, err);
	if (!rc) {
		--*counter(txn, type);
		txn->meta.tombstones++;
	}
out:
	vnep_json_free(tomb);
	vnep_json_free(old);
	return rc;
}

int vnep_map_delete(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	uint64_t if_revision, struct vnep_err *err)
{
	struct vnep_map_value binding;
	int rc = delete_one(txn, type, id, if_revision, err);

	/* Where a device is means nothing once it is gone. */
	if (rc || type != VNEP_RECORD_DEVICE ||
		vnep_map_value_get(txn, VNEP_RECORD_BINDING, id, &binding, NULL) || binding.deleted)
		return rc;
	return delete_one(txn, VNEP_RECORD_BINDING, id, 0, err);
}

int vnep_map_get(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_buf *out, struct vnep_err *err)
{
	struct vnep_map_value value;
	int rc = vnep_map_value_get(txn, type, id, &value, err);

	if (!rc && value.deleted)
		rc = vnep_err_set(
			err, VNEP_ENOTFOUND, "no such %s \"%s\"", vnep_record_type_text(type), id);
	if (rc)
		return rc;
	vnep_buf_put(out, value.json, value.len);
	return out->rc ? vnep_err_sys(err, -out->rc, "reading \"%s\"", id) : 0;
}

static int get_tree(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_json **out, struct vnep_err *err)
{
	bool deleted;
	int rc = read_old(txn, type, id, out, &deleted, err);

	if (rc || (*out && !deleted))
		return rc;
	vnep_json_free(*out);
	*out = NULL;
	return vnep_err_set(
		err, VNEP_ENOTFOUND, "no such %s \"%s\"", vnep_record_type_text(type), id);
}

int vnep_map_get_device(
	struct vnep_map_txn *txn, const char *dev, struct vnep_device *out, struct vnep_err *err)
{
	struct vnep_json *json;
	int rc = get_tree(txn, VNEP_RECORD_DEVICE, dev, &json, err);

	if (!rc)
		rc = vnep_device_decode(json, out, err);
	vnep_json_free(json);
	return rc;
}

int vnep_map_get_vpc(
	struct vnep_map_txn *txn, const char *vpc, struct vnep_vpc *out, struct vnep_err *err)
{
	struct vnep_json *json;
	int rc = get_tree(txn, VNEP_RECORD_VPC, vpc, &json, err);

	if (!rc)
		rc = vnep_vpc_decode(json, out, err);
	vnep_json_free(json);
	return rc;
}

int vnep_map_get_binding(
	struct vnep_map_txn *txn, const char *dev, struct vnep_binding *out, struct vnep_err *err)
{
	struct vnep_json *json;
	int rc = get_tree(txn, VNEP_RECORD_BINDING, dev, &json, err);

	if (!rc)
		rc = vnep_binding_decode(json, out, err);
	vnep_json_free(json);
	return rc;
}

int vnep_map_each(struct vnep_map_txn *txn, enum vnep_record_type type, bool tombstones,
	vnep_map_cb *cb, void *arg, struct vnep_err *err)
{
	char first[VNEP_MAP_KEY_MAX + 1];
	MDB_val key = { record_key(type, "", first), first }, value;
	struct vnep_map_value record;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn->txn, txn->store->dbi[DB_RECORD], &cursor), end = 0;

	if (rc)
		return vnep_map_fail(err, rc, "reading the map");
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (!rc && !end && *(const char *)key.mv_data == first[0]) {
		end = value_read(&key, &value, &record, err);
		if (!end && (tombstones || !record.deleted))
			end = cb(record.json, record.len, arg);
		if (!end)
			rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return end || rc == MDB_NOTFOUND ? end : vnep_map_fail(err, rc, "reading the map");
}

int vnep_map_since(
	struct vnep_map_txn *txn, uint64_t after, vnep_map_cb *cb, void *arg, struct vnep_err *err)
{
	uint64_t be = htobe64(after + 1);
	MDB_val key = { sizeof be, &be }, record_at, value;
	struct vnep_map_value record;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn->txn, txn->store->dbi[DB_REVISION], &cursor), end = 0;

	if (rc)
		return vnep_map_fail(err, rc, "reading the map");
	rc = mdb_cursor_get(cursor, &key, &record_at, MDB_SET_RANGE);
	while (!rc && !end) {
		rc = mdb_get(txn->txn, txn->store->dbi[DB_RECORD], &record_at, &value);
		if (rc)
			break;
		end = value_read(&record_at, &value, &record, err);
		if (!end)
			end = cb(record.json, record.len, arg);
		if (!end)
			rc = mdb_cursor_get(cursor, &key, &record_at, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return end || rc == MDB_NOTFOUND ? end : vnep_map_fail(err, rc, "reading the map");
}

struct each_in {
	struct vnep_map_txn *txn;
	vnep_map_cb *cb;
	void *arg;
	struct vnep_err *err;
};

static int each_in_one(const char *dev, void *arg)
{
	struct each_in *e = arg;
	struct vnep_map_value value;
	int rc = vnep_map_value_get(e->txn, VNEP_RECORD_DEVICE, dev, &value, e->err);

	return rc ? rc : e->cb(value.json, value.len, e->arg);
}

int vnep_map_each_in(struct vnep_map_txn *txn, enum vnep_map_by by, const char *word,
	vnep_map_cb *cb, void *arg, struct vnep_err *err)
{
	static const enum vnep_map_db db[] = { [VNEP_MAP_BY_VPC] = IX_VPC,
		[VNEP_MAP_BY_REGION] = IX_REGION,
		[VNEP_MAP_BY_GROUP] = IX_GROUP };
	struct each_in e = { txn, cb, arg, err };

	return *word ? vnep_map_index_each(txn, db[by], word, strlen(word), each_in_one, &e) : 0;
}
