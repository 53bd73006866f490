/* mapstore-read - records by their id, by an index, in order, and by what changed. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mapstore-private.h"

static int get_live(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_map_value *out, struct vnep_err *err)
{
	int rc = vnep_map_value_get(txn, type, id, out, err);

	if (!rc && out->deleted)
		rc = vnep_err_set(
			err, VNEP_ENOTFOUND, "no such %s \"%s\"", vnep_record_type_text(type), id);
	return rc;
}

int vnep_map_get(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_buf *out, struct vnep_err *err)
{
	struct vnep_map_value value;
	int rc = get_live(txn, type, id, &value, err);

	if (rc)
		return rc;
	vnep_buf_put(out, value.json, value.len);
	return out->rc ? vnep_err_sys(err, -out->rc, "reading \"%s\"", id) : 0;
}

static int get_tree(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_json **out, struct vnep_err *err)
{
	struct vnep_map_value value;
	int rc = get_live(txn, type, id, &value, err);

	*out = NULL;
	return rc ? rc : vnep_json_parse(value.json, value.len, out, err);
}

int vnep_map_get_device(
	struct vnep_map_txn *txn, const char *dev, struct vnep_device *out, struct vnep_err *err)
{
	struct vnep_map_value value;
	int rc = get_live(txn, VNEP_RECORD_DEVICE, dev, &value, err);

	return rc ? rc : vnep_map_device_of(txn, value.json, value.len, out, err);
}

bool vnep_map_consents(struct vnep_map_txn *txn, const char *dev)
{
	struct vnep_device device;
	int rc = vnep_map_get_device(txn, dev, &device, NULL);

	return rc ? rc == VNEP_ENOTFOUND : device.consent;
}

int vnep_map_vep_of(struct vnep_map_txn *txn, const char *dev, struct in6_addr *vep)
{
	struct vnep_map_value value;
	struct vnep_json *json = NULL;
	int rc = vnep_map_value_get(txn, VNEP_RECORD_DEVICE, dev, &value, NULL);

	if (!rc)
		rc = vnep_json_parse(value.json, value.len, &json, NULL);
	if (!rc)
		rc = vnep_ip6_parse(vnep_json_get_str(json, "vep", ""), vep, NULL);
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

/* ---- all of a type ---- */

void vnep_map_on_damage(struct vnep_map_txn *txn, vnep_map_damage_cb *cb, void *arg)
{
	txn->damage = cb;
	txn->damage_arg = arg;
}

/* The outcome of reading a value, once somebody was told that it is damaged. */
static int tell_damage(struct vnep_map_txn *txn, int rc, const struct vnep_err *why)
{
	return rc == VNEP_EDAMAGED && txn->damage ? txn->damage(why, txn->damage_arg) : rc;
}

struct walk {
	MDB_cursor *cursor;
	MDB_cursor_op op;
	uint8_t first[VNEP_MAP_KEY_MAX];
	MDB_val key;
	struct vnep_map_value value;
};

/* From that id on, "" = from the first. */
static int walk_begin(struct walk *w, struct vnep_map_txn *txn, enum vnep_record_type type,
	const char *id, struct vnep_err *err)
{
	*w = (struct walk){ .op = MDB_SET_RANGE };
	w->key = (MDB_val){ vnep_map_key(type, id, w->first), w->first };
	return vnep_map_fail(err, mdb_cursor_open(txn->txn, txn->store->dbi[DB_RECORD], &w->cursor),
		"reading the map");
}

/* *damage: what reading the value says. */
static int walk_next(struct walk *w, int *damage, struct vnep_err *err)
{
	MDB_val raw;
	int rc = mdb_cursor_get(w->cursor, &w->key, &raw, w->op);

	w->op = MDB_NEXT;
	if (rc == MDB_NOTFOUND || (!rc && *(const uint8_t *)w->key.mv_data != w->first[0]))
		return VNEP_ENOTFOUND;
	if (rc)
		return vnep_map_fail(err, rc, "reading the map");
	*damage = vnep_map_value_read(&w->key, &raw, &w->value, err);
	return 0;
}

int vnep_map_each(struct vnep_map_txn *txn, enum vnep_record_type type, bool tombstones,
	vnep_map_cb *cb, void *arg, struct vnep_err *err)
{
	struct vnep_err why = { 0 };
	struct walk w;
	int rc = walk_begin(&w, txn, type, "", err), end = 0, damage;

	while (!rc && !end && (rc = walk_next(&w, &damage, txn->damage ? &why : err)) == 0) {
		if (damage)
			rc = tell_damage(txn, damage, &why);
		else if (tombstones || !w.value.deleted)
			end = cb(w.value.json, w.value.len, arg);
	}
	mdb_cursor_close(w.cursor);
	if (!end && rc && rc != VNEP_ENOTFOUND && txn->damage && err)
		*err = why;
	return end || rc == VNEP_ENOTFOUND ? end : rc;
}

int vnep_map_each_id(struct vnep_map_txn *txn, enum vnep_record_type type, vnep_map_id_cb *cb,
	void *arg, struct vnep_err *err)
{
	struct walk w;
	char id[VNEP_URN_MAX + 1];
	int rc = walk_begin(&w, txn, type, "", err), end = 0, damage;

	while (!rc && !end && (rc = walk_next(&w, &damage, NULL)) == 0) {
		if (!damage && w.value.deleted)
			continue;
		vnep_map_dev_unpack((const uint8_t *)w.key.mv_data + 1, w.key.mv_size - 1, id);
		end = cb(id, arg);
	}
	mdb_cursor_close(w.cursor);
	if (!end && rc && rc != VNEP_ENOTFOUND)
		vnep_err_set(err, rc, "cannot read the map: %s", vnep_strerror(rc));
	return end || rc == VNEP_ENOTFOUND ? end : rc;
}

int vnep_map_each_after(struct vnep_map_txn *txn, enum vnep_record_type type, const char *after,
	vnep_map_cb *cb, void *arg, struct vnep_err *err)
{
	uint8_t last[VNEP_MAP_KEY_MAX];
	size_t len = vnep_map_key(type, after, last);
	struct walk w;
	int rc = walk_begin(&w, txn, type, after, err), end = 0, damage;

	while (!rc && !end && (rc = walk_next(&w, &damage, NULL)) == 0)
		if (!damage && !w.value.deleted &&
			(w.key.mv_size != len || memcmp(w.key.mv_data, last, len) != 0))
			end = cb(w.value.json, w.value.len, arg);
	mdb_cursor_close(w.cursor);
	if (!end && rc && rc != VNEP_ENOTFOUND)
		vnep_err_set(err, rc, "cannot read the map: %s", vnep_strerror(rc));
	return end || rc == VNEP_ENOTFOUND ? end : rc;
}

int vnep_map_since(
	struct vnep_map_txn *txn, uint64_t after, vnep_map_cb *cb, void *arg, struct vnep_err *err)
{
	uint64_t be = htobe64(after + 1);
	MDB_val key = { sizeof be, &be }, record_at, value;
	struct vnep_map_value record;
	MDB_cursor *cursor;
	int rc, end = 0;

	if (after && after < txn->meta.forgotten) {
		vnep_err_set(err, VNEP_ECONFLICT,
			"what was deleted up to revision %llu is forgotten: nothing can be "
			"continued from %llu",
			(unsigned long long)txn->meta.forgotten, (unsigned long long)after);
		return vnep_err_hint(err, "begin anew, with the whole map");
	}
	rc = mdb_cursor_open(txn->txn, txn->store->dbi[DB_REVISION], &cursor);
	if (rc)
		return vnep_map_fail(err, rc, "reading the map");
	rc = mdb_cursor_get(cursor, &key, &record_at, MDB_SET_RANGE);
	while (!rc && !end) {
		rc = mdb_get(txn->txn, txn->store->dbi[DB_RECORD], &record_at, &value);
		if (rc)
			break;
		end = vnep_map_value_read(&record_at, &value, &record, err);
		if (!end)
			end = cb(record.json, record.len, arg);
		if (!end)
			rc = mdb_cursor_get(cursor, &key, &record_at, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return end || rc == MDB_NOTFOUND ? end : vnep_map_fail(err, rc, "reading the map");
}

/* ---- by an index, of several words ---- */

/* The devices of one word, in the order of their ids; dev.mv_size 0: no more. */
struct strand {
	MDB_cursor *cursor;
	MDB_val dev;
};

static int strand_next(struct strand *s, const char *word)
{
	MDB_val key = { word ? strlen(word) : 0, (void *)(uintptr_t)word };
	int rc = mdb_cursor_get(s->cursor, &key, &s->dev, word ? MDB_SET : MDB_NEXT_DUP);

	if (rc == MDB_NOTFOUND)
		s->dev.mv_size = 0;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* As LMDB has several values of a key. */
static int compare_dev(const MDB_val *a, const MDB_val *b)
{
	size_t n = a->mv_size < b->mv_size ? a->mv_size : b->mv_size;
	int order = memcmp(a->mv_data, b->mv_data, n);

	return order ? order : (a->mv_size > b->mv_size) - (a->mv_size < b->mv_size);
}

static const MDB_val *first_dev(const struct strand *strands, size_t count)
{
	const MDB_val *first = NULL;

	for (size_t i = 0; i < count; i++)
		if (strands[i].dev.mv_size && (!first || compare_dev(&strands[i].dev, first) < 0))
			first = &strands[i].dev;
	return first;
}

static int each_one(
	struct vnep_map_txn *txn, const char *dev, vnep_map_cb *cb, void *arg, struct vnep_err *err)
{
	struct vnep_err why = { 0 };
	struct vnep_map_value value;
	int rc = vnep_map_value_get(txn, VNEP_RECORD_DEVICE, dev, &value, txn->damage ? &why : err);

	return rc ? tell_damage(txn, rc, &why) : cb(value.json, value.len, arg);
}

/* All strands side by side: a device that several of them have is taken once. *end: what cb said. */
static int merge(struct vnep_map_txn *txn, struct strand *strands, size_t count, vnep_map_cb *cb,
	void *arg, int *end, struct vnep_err *err)
{
	const MDB_val *first;
	int rc = 0;

	while (!rc && !*end && (first = first_dev(strands, count))) {
		MDB_val dev = *first;
		char id[VNEP_URN_MAX + 1];

		vnep_map_dev_unpack(dev.mv_data, dev.mv_size, id);
		*end = each_one(txn, id, cb, arg, err);
		for (size_t i = 0; i < count && !rc; i++)
			if (strands[i].dev.mv_size && !compare_dev(&strands[i].dev, &dev))
				rc = strand_next(&strands[i], NULL);
	}
	return rc;
}

int vnep_map_each_in(struct vnep_map_txn *txn, enum vnep_map_by by, const char *const *words,
	size_t count, vnep_map_cb *cb, void *arg, struct vnep_err *err)
{
	static const enum vnep_map_db db[] = { [VNEP_MAP_BY_VPC] = IX_VPC,
		[VNEP_MAP_BY_REGION] = IX_REGION,
		[VNEP_MAP_BY_GROUP] = IX_GROUP };
	struct strand *strands = calloc(count + 1, sizeof *strands);
	int end = 0, rc = strands ? vnep_map_flush(txn) : ENOMEM;

	for (size_t i = 0; i < count && !rc; i++) {
		if (!*words[i] || strlen(words[i]) > VNEP_LABEL_MAX)
			continue; /* nobody can have that */
		rc = mdb_cursor_open(txn->txn, txn->store->dbi[db[by]], &strands[i].cursor);
		if (!rc)
			rc = strand_next(&strands[i], words[i]);
	}
	if (!rc)
		rc = merge(txn, strands, count, cb, arg, &end, err);
	for (size_t i = 0; strands && i < count; i++)
		if (strands[i].cursor)
			mdb_cursor_close(strands[i].cursor);
	free(strands);
	return end ? end : vnep_map_fail(err, rc, "reading the map");
}
