/*
 * mapstore-stage - changes of the indexes, made in the order of their keys.
 *
 * Devices come in any order of addresses, MACs and groups. Put one by one, a million of them would touch a page
 * of every index at random, again and again. So changes are gathered per index, sorted once, and made in one
 * walk; an index that is empty is written page after page. All removals come first: what an addition then
 * meets under its key is there to stay, so whoever shares a key with somebody is known without a search.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mapstore-private.h"

/* A row: operation, length of key and of value (an octet each), key, value. */
enum { ROW_HEAD = 3, OP_DEL = 0, OP_ADD = 1 };

struct row {
	uint64_t prefix; /* the first octets of the key: most comparisons end here */
	uint64_t at;
};

struct stage {
	struct vnep_map_txn *txn;
	uint8_t dev[VNEP_URN_MAX];
	size_t dev_len;
	uint8_t op;
};

static int stage_entry(enum vnep_map_db db, const void *key, size_t len, void *arg)
{
	struct stage *s = arg;
	struct vnep_buf *to = &s->txn->stage[db];

	vnep_buf_put_u8(to, s->op);
	vnep_buf_put_u8(to, (uint8_t)len);
	vnep_buf_put_u8(to, (uint8_t)s->dev_len);
	vnep_buf_put(to, key, len);
	vnep_buf_put(to, s->dev, s->dev_len);
	return to->rc ? ENOMEM : 0;
}

int vnep_map_stage(struct vnep_map_txn *txn, const struct vnep_device *device, bool add)
{
	struct stage s = { .txn = txn, .op = add ? OP_ADD : OP_DEL };

	s.dev_len = vnep_map_dev_pack(device->dev, s.dev);
	return vnep_map_entries(device, stage_entry, &s);
}

static MDB_val row_key(const uint8_t *row)
{
	return (MDB_val){ row[1], (void *)(uintptr_t)(row + ROW_HEAD) };
}

static MDB_val row_value(const uint8_t *row)
{
	return (MDB_val){ row[2], (void *)(uintptr_t)(row + ROW_HEAD + row[1]) };
}

static int compare_octets(MDB_val a, MDB_val b)
{
	int order = memcmp(a.mv_data, b.mv_data, a.mv_size < b.mv_size ? a.mv_size : b.mv_size);

	return order ? order : (a.mv_size > b.mv_size) - (a.mv_size < b.mv_size);
}

/* By key, value, and time: the first and the last operation on an entry say what becomes of it. */
static int compare_rows(const void *a, const void *b, void *base)
{
	const struct row *x = a, *y = b;
	const uint8_t *p = (const uint8_t *)base + x->at, *q = (const uint8_t *)base + y->at;
	int order = (x->prefix > y->prefix) - (x->prefix < y->prefix);

	if (!order)
		order = compare_octets(row_key(p), row_key(q));
	if (!order)
		order = compare_octets(row_value(p), row_value(q));
	return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* The rows of a stage, sorted; *count of them. NULL without memory. */
static struct row *sort_rows(const struct vnep_buf *stage, size_t *count)
{
	struct row *rows;
	size_t n = 0;

	for (size_t at = 0; at < stage->len; n++)
		at += (size_t)ROW_HEAD + stage->data[at + 1] + stage->data[at + 2];
	rows = malloc(n * sizeof *rows);
	if (!rows)
		return NULL;
	n = 0;
	for (size_t at = 0; at < stage->len; n++) {
		const uint8_t *row = stage->data + at;
		uint64_t prefix = 0;

		memcpy(&prefix, row + ROW_HEAD, row[1] < sizeof prefix ? row[1] : sizeof prefix);
		rows[n] = (struct row){ be64toh(prefix), at };
		at += (size_t)ROW_HEAD + row[1] + row[2];
	}
	qsort_r(rows, n, sizeof *rows, compare_rows, stage->data);
	*count = n;
	return rows;
}

/* Keep one row of each entry: the operation to be made; those that come to nothing are dropped. */
static size_t settle(const struct vnep_buf *stage, struct row *rows, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0, j; i < count; i = j) {
		const uint8_t *first = stage->data + rows[i].at, *last = first;

		for (j = i + 1; j < count; j++) {
			const uint8_t *row = stage->data + rows[j].at;

			if (compare_octets(row_key(first), row_key(row)) ||
				compare_octets(row_value(first), row_value(row)))
				break;
			last = row;
		}
		if (first[0] == last[0])
			rows[kept++] = rows[i];
	}
	return kept;
}

bool vnep_map_is_exclusive(enum vnep_map_db db)
{
	return db == IX_VEP || db == IX_MAC || db == IX_ADDR;
}

static int suspect_row(struct vnep_map_txn *txn, const uint8_t *row)
{
	char dev[VNEP_URN_MAX + 1];

	vnep_map_dev_unpack(row_value(row).mv_data, row[2], dev);
	return vnep_map_suspect(txn, dev);
}

/* A device that came to be of form host had its addresses before, maybe with others. */
static int suspect_host(struct vnep_map_txn *txn, const uint8_t *row)
{
	MDB_val key = row_key(row), value;
	MDB_cursor *cursor;
	size_t count = 0;
	int rc = mdb_cursor_open(txn->txn, txn->store->dbi[IX_ADDR], &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET);
	if (!rc)
		rc = mdb_cursor_count(cursor, &count);
	mdb_cursor_close(cursor);
	if (!rc && count > 1)
		rc = suspect_row(txn, row);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Into an index that was empty. */
static int append_rows(struct vnep_map_txn *txn, enum vnep_map_db db, MDB_cursor *cursor,
	const struct row *rows, size_t count)
{
	const uint8_t *before = NULL;
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++) {
		const uint8_t *row = txn->stage[db].data + rows[i].at;
		MDB_val key = row_key(row), value = row_value(row);
		bool again = before && !compare_octets(row_key(before), key);

		if (row[0] != OP_ADD)
			continue; /* was not there anyway */
		rc = mdb_cursor_put(cursor, &key, &value, again ? MDB_APPENDDUP : MDB_APPEND);
		if (!rc && again && vnep_map_is_exclusive(db))
			rc = suspect_row(txn, row);
		if (!rc && db == IX_HOST)
			rc = suspect_host(txn, row);
		before = row;
	}
	return rc;
}

static int remove_row(MDB_cursor *cursor, const uint8_t *row)
{
	MDB_val key = row_key(row), value = row_value(row);
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_GET_BOTH);

	return rc == MDB_NOTFOUND ? 0 : rc ? rc : mdb_cursor_del(cursor, 0);
}

static int add_row(
	struct vnep_map_txn *txn, enum vnep_map_db db, MDB_cursor *cursor, const uint8_t *row)
{
	MDB_val key = row_key(row), value = row_value(row), there = { 0 };
	int rc = vnep_map_is_exclusive(db) ? mdb_cursor_get(cursor, &key, &there, MDB_SET)
					   : MDB_NOTFOUND;

	if (!rc)
		rc = suspect_row(txn, row);
	else if (rc == MDB_NOTFOUND)
		rc = 0;
	if (!rc && db == IX_HOST)
		rc = suspect_host(txn, row);
	key = row_key(row);
	if (!rc)
		rc = mdb_cursor_put(cursor, &key, &value, MDB_NODUPDATA);
	return rc == MDB_KEYEXIST ? 0 : rc;
}

static int flush_one(struct vnep_map_txn *txn, enum vnep_map_db db)
{
	struct vnep_buf *stage = &txn->stage[db];
	MDB_dbi dbi = txn->store->dbi[db];
	MDB_cursor *cursor;
	struct row *rows;
	MDB_stat stat;
	size_t count;
	int rc = mdb_stat(txn->txn, dbi, &stat);

	if (!rc)
		rc = mdb_cursor_open(txn->txn, dbi, &cursor);
	if (rc)
		return rc;
	rows = sort_rows(stage, &count);
	rc = rows ? 0 : ENOMEM;
	if (!rc)
		count = settle(stage, rows, count);
	if (!rc && !stat.ms_entries) {
		rc = append_rows(txn, db, cursor, rows, count);
	} else {
		for (size_t i = 0; i < count && !rc; i++)
			if (stage->data[rows[i].at] == OP_DEL)
				rc = remove_row(cursor, stage->data + rows[i].at);
		for (size_t i = 0; i < count && !rc; i++)
			if (stage->data[rows[i].at] == OP_ADD)
				rc = add_row(txn, db, cursor, stage->data + rows[i].at);
	}
	free(rows);
	mdb_cursor_close(cursor);
	vnep_buf_release(stage);
	return rc;
}

int vnep_map_flush(struct vnep_map_txn *txn)
{
	int rc = 0;

	for (int db = 0; db < IX_COUNT && !rc; db++)
		if (txn->stage[db].len)
			rc = flush_one(txn, (enum vnep_map_db)db);
	return rc;
}
