/*
 * mapstore-mend - a damaged record gives way to another one.
 *
 * What it said cannot be believed, so not even which entries of the indexes are its: they are found by a walk over
 * all of them, and the counts are taken anew. That is slow, and seldom.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "mapstore-private.h"

static bool is_equal(const MDB_val *a, const MDB_val *b)
{
	return a->mv_size == b->mv_size && !memcmp(a->mv_data, b->mv_data, a->mv_size);
}

/* The keys of those entries are all that is left of the device: where it was, for those who follow. */
static int keep_trace(struct vnep_json *trace, enum vnep_map_db db, const MDB_val *key)
{
	const uint8_t *octets = key->mv_data;
	struct in6_addr vep;
	struct vnep_mac mac;
	char text[VNEP_IP6_LEN];
	unsigned vlan;
	int rc = 0;

	if (trace && db == IX_VEP && key->mv_size == sizeof vep) {
		memcpy(&vep, octets, sizeof vep);
		vnep_ip6_print(&vep, text);
		rc = vnep_json_set_str(trace, "vep", text);
	} else if (trace && db == IX_MAC && key->mv_size == sizeof mac.octet + 2) {
		memcpy(mac.octet, octets, sizeof mac.octet);
		vlan = (unsigned)octets[6] << 8 | octets[7];
		vnep_mac_print(&mac, text);
		rc = vnep_json_set_str(trace, "mac", text);
		if (!rc && vlan)
			rc = vnep_json_set_int(trace, "vlan", vlan);
	}
	return rc ? ENOMEM : 0;
}

/* Take all entries with this value out of an index. */
static int drop_entries(struct vnep_map_txn *txn, enum vnep_map_db db, const MDB_val *wanted,
	struct vnep_json *trace)
{
	MDB_val key, value;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn->txn, txn->store->dbi[db], &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	while (!rc) {
		if (is_equal(&value, wanted)) {
			rc = keep_trace(trace, db, &key);
			if (!rc)
				rc = mdb_cursor_del(cursor, 0);
		}
		if (!rc)
			rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The counts of what is there; damaged ones are what their flags say. */
static int recount(struct vnep_map_txn *txn)
{
	uint64_t *const live[] = { &txn->meta.vpcs, &txn->meta.groups, &txn->meta.devices,
		&txn->meta.bindings };
	MDB_val key, value;
	int rc;

	for (size_t i = 0; i < sizeof live / sizeof *live; i++)
		*live[i] = 0;
	txn->meta.tombstones = 0;
	rc = mdb_cursor_get(txn->records, &key, &value, MDB_FIRST);
	for (; !rc; rc = mdb_cursor_get(txn->records, &key, &value, MDB_NEXT)) {
		unsigned type = *(const uint8_t *)key.mv_data - (unsigned)'1';

		if (vnep_map_value_is_deleted(&value))
			txn->meta.tombstones++;
		else if (type < sizeof live / sizeof *live)
			++*live[type];
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int vnep_map_mend(struct vnep_map_txn *txn, enum vnep_record_type type, const MDB_val *key,
	struct vnep_json *trace, struct vnep_err *err)
{
	const MDB_val dev = { key->mv_size - 1, (uint8_t *)key->mv_data + 1 };
	MDB_val at = *key;
	int rc = vnep_map_flush(txn);

	for (int db = 0; db < IX_COUNT && !rc && type == VNEP_RECORD_DEVICE; db++)
		rc = drop_entries(txn, (enum vnep_map_db)db, &dev, trace);
	if (!rc)
		rc = drop_entries(txn, DB_REVISION, key, NULL);
	if (!rc)
		rc = mdb_del(txn->txn, txn->store->dbi[DB_RECORD], &at, NULL);
	if (!rc)
		rc = recount(txn);
	if (type == VNEP_RECORD_VPC) { /* which prefix it had nobody knows */
		txn->all_suspect = txn->unchecked = true;
		txn->vpcs_read = txn->all_checked = false;
	}
	return vnep_map_fail(err, rc, "writing the map");
}
