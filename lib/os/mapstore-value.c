/*
 * mapstore-value - stored records behind a CRC32.
 *
 * A value is CRC32 (of key and rest, little endian), one octet of flags, since when (microseconds, little
 * endian), canonical JSON.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mapstore-private.h"
#include "vnep/crc32.h"

enum { AT_FLAGS = 4, AT_SINCE = 5, VALUE_HEAD = 13, FLAG_DELETED = 1 };

static uint32_t value_crc(const MDB_val *key, const uint8_t *data, size_t len)
{
	uint32_t crc = vnep_crc32(0, key->mv_data, key->mv_size);

	return vnep_crc32(crc, data, len);
}

static int damaged(const MDB_val *key, struct vnep_err *err)
{
	char id[VNEP_URN_MAX + 1];

	vnep_map_dev_unpack((const uint8_t *)key->mv_data + 1, key->mv_size - 1, id);
	vnep_err_set(err, VNEP_EDAMAGED, "the stored record of \"%s\" is damaged", id);
	return vnep_err_hint(err, "import it again");
}

int vnep_map_value_read(
	const MDB_val *key, const MDB_val *raw, struct vnep_map_value *out, struct vnep_err *err)
{
	const uint8_t *data = raw->mv_data;
	struct vnep_rd rd;

	vnep_rd_init(&rd, data, raw->mv_size);
	if (raw->mv_size <= VALUE_HEAD || raw->mv_size > VNEP_LINE_MAX + VALUE_HEAD ||
		vnep_rd_le32(&rd) != value_crc(key, data + 4, raw->mv_size - 4))
		return damaged(key, err);
	out->deleted = vnep_rd_u8(&rd) & FLAG_DELETED;
	out->since_us = (int64_t)vnep_rd_le64(&rd);
	out->json = (const char *)data + VALUE_HEAD;
	out->len = raw->mv_size - VALUE_HEAD;
	out->raw = *raw;
	return 0;
}

bool vnep_map_value_is_deleted(const MDB_val *raw)
{
	return raw->mv_size > AT_FLAGS && ((const uint8_t *)raw->mv_data)[AT_FLAGS] & FLAG_DELETED;
}

int vnep_map_value_get(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_map_value *out, struct vnep_err *err)
{
	uint8_t octets[VNEP_MAP_KEY_MAX];
	MDB_val key = { vnep_map_key(type, id, octets), octets }, raw;
	int rc = mdb_get(txn->txn, txn->store->dbi[DB_RECORD], &key, &raw);

	if (rc == MDB_NOTFOUND)
		return vnep_err_set(
			err, VNEP_ENOTFOUND, "no such %s \"%s\"", vnep_record_type_text(type), id);
	return rc ? vnep_map_fail(err, rc, "reading the map")
		  : vnep_map_value_read(&key, &raw, out, err);
}

bool vnep_map_is_last(const struct vnep_map_txn *txn, const MDB_val *key)
{
	size_t n = key->mv_size < txn->last_len ? key->mv_size : txn->last_len;
	int order = memcmp(key->mv_data, txn->last, n);

	return order > 0 || (!order && key->mv_size > txn->last_len);
}

int vnep_map_value_put(struct vnep_map_txn *txn, const MDB_val *key, bool deleted,
	const struct vnep_slice *parts, unsigned count)
{
	MDB_val at = *key, raw = { VALUE_HEAD, NULL };
	uint64_t since = htole64((uint64_t)txn->now_us);
	uint8_t *data, *to;
	uint32_t crc;
	bool last;
	int rc;

	for (unsigned i = 0; i < count; i++)
		raw.mv_size += parts[i].len;
	/* Records come in the order of their keys where there are many: then they fill page after page. */
	last = vnep_map_is_last(txn, key);
	rc = mdb_cursor_put(txn->records, &at, &raw, MDB_RESERVE | (last ? MDB_APPEND : 0));
	if (rc)
		return rc;
	if (last) {
		memcpy(txn->last, key->mv_data, key->mv_size);
		txn->last_len = key->mv_size;
	}
	data = raw.mv_data;
	data[AT_FLAGS] = deleted ? FLAG_DELETED : 0;
	memcpy(data + AT_SINCE, &since, sizeof since);
	to = data + VALUE_HEAD;
	for (unsigned i = 0; i < count; i++) {
		memcpy(to, parts[i].data, parts[i].len);
		to += parts[i].len;
	}
	crc = htole32(value_crc(key, data + 4, raw.mv_size - 4));
	memcpy(data, &crc, sizeof crc);
	return 0;
}

/* Ours is the last "revision" that is a key of the record itself, so no look at the whole tree is needed. */
uint64_t vnep_map_value_revision(const struct vnep_map_value *value)
{
	unsigned column = vnep_json_column(value->json, value->len, NULL, 0, "revision");
	uint64_t revision = 0;

	if (!column)
		return 0;
	for (size_t i = column - 1 + sizeof "\"revision\":" - 1; i < value->len; i++) {
		if (value->json[i] < '0' || value->json[i] > '9')
			break;
		revision = revision * 10 + (uint64_t)(value->json[i] - '0');
	}
	return revision;
}

int vnep_map_device_of(struct vnep_map_txn *txn, const char *json, size_t len,
	struct vnep_device *out, struct vnep_err *err)
{
	struct vnep_recline line;
	struct vnep_json *tree;
	int rc;

	vnep_buf_reset(&txn->scratch);
	if (vnep_recjson_fast(json, len, &txn->scratch, out, &line))
		return 0;
	rc = vnep_json_parse(json, len, &tree, err);
	if (rc)
		return rc;
	rc = vnep_device_decode(tree, out, err);
	vnep_json_free(tree);
	return rc;
}
