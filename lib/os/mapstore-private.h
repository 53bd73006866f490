/* mapstore-private - what the files of the map share. LMDB is named here and in mapstore*.c alone. */
#ifndef VNEP_MAPSTORE_PRIVATE_H
#define VNEP_MAPSTORE_PRIVATE_H

#include <lmdb.h>

#include "vnep/err.h"
#include "vnep/longest.h"
#include "vnep/mapstore.h"
#include "vnep/table.h"
#include "vnep/recjson.h"

/*
 * The sub-databases. Those before IX_COUNT are indexes of devices: key -> dev, several devs a key. A dev is
 * packed there and in the keys of records (vnep_map_key): urn:dev:mac: is seven octets instead of 28, and the
 * order stays that of the text.
 */
enum vnep_map_db {
	IX_VEP,    /* 16 octets */
	IX_MAC,    /* MAC, VLAN (network order) */
	IX_ADDR,   /* 16 octets, fixed addresses only */
	IX_NAME,   /* lower case, without the final dot */
	IX_VPC,    /* as named in the record */
	IX_REGION,
	IX_GROUP,
	IX_HOST, /* as IX_ADDR, of devices of form host; since format 3, for writers */
	IX_COUNT,
	DB_RECORD = IX_COUNT, /* key of the record -> value (mapstore-value.c) */
	DB_REVISION,          /* revision (network order) -> key of the record */
	DB_META,              /* "format"; "map" -> revision and counts */
	DB_PAST,              /* key of the record, until, revision -> the value it had */
	DB_PAST_TIME,         /* until, revision -> key of the record */
	DB_PAST_INDEX,        /* number of an index, its key -> until, revision, dev; several a key */
	DB_TOMB,              /* tombstones by their age (mapstore-tomb.c); since format 4, for writers */
	DB_COUNT
};

/* Format 2 lacks IX_HOST, 3 lacks DB_TOMB: a reader does without, a writer makes it. */
enum { VNEP_MAP_FORMAT = 4, VNEP_MAP_FORMAT_LEAST = 2 };

struct vnep_mapstore {
	MDB_env *env;
	MDB_dbi dbi[DB_COUNT];
	unsigned txns; /* alive: the size of the map may change only at 0 */
};

struct vnep_map_vpc {
	char vpc[VNEP_LABEL_MAX + 1];
	struct vnep_prefix prefix;
	struct in6_addr speaker;
};

/* Whose packet it was that had these ends: a stream asks that again and again. */
enum { VNEP_MAP_ENDS = 256 };
struct vnep_map_ends {
	struct in6_addr device_end, other_end;
	char dev[VNEP_URN_MAX + 1]; /* "": not known */
};

struct vnep_map_txn {
	struct vnep_mapstore *store;
	MDB_txn *txn;
	bool write;
	struct vnep_map_ends *ends; /* of a reading one: VNEP_MAP_ENDS of them, NULL before the first is asked for */
	struct vnep_map_stat meta; /* revision and counts; octets is not used */
	uint64_t before;           /* the revision that it began with */
	int64_t now_us;
	MDB_cursor *records;              /* of a write */
	uint8_t last[VNEP_MAP_KEY_MAX];   /* the last key of DB_RECORD: what lies behind is appended */
	size_t last_len;
	struct vnep_buf stage[IX_COUNT];  /* changes of the indexes that were not made yet */
	struct vnep_buf scratch, old;
	struct vnep_buf suspects;         /* devs to look at before commit, each with its NUL */
	size_t last_suspect, checked;     /* offsets: those before checked were looked at */
	bool all_suspect, all_checked;    /* the vpc of every device */
	bool unchecked, refused;
	bool history_set;
	struct vnep_map_vpc *vpcs;        /* by name; read when first needed */
	struct vnep_longest prefixes;     /* of the same, by their places in vpcs */
	size_t vpc_count;
	bool vpcs_read;
	vnep_map_damage_cb *damage;
	void *damage_arg;
};

/* A stored record, lent until the next change of the transaction. */
struct vnep_map_value {
	const char *json;
	size_t len;
	bool deleted;
	int64_t since_us; /* when it became so */
	MDB_val raw;
};

/* rc of LMDB as one of our codes. */
int vnep_map_fail(struct vnep_err *err, int rc, const char *what);

/* Stored octets into a value; key is that of the record. VNEP_EDAMAGED if they fail their check. */
int vnep_map_value_read(
	const MDB_val *key, const MDB_val *raw, struct vnep_map_value *out, struct vnep_err *err);
int vnep_map_value_get(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_map_value *out, struct vnep_err *err); /* tombstones, too */

/* What it says of itself, believed or not. */
bool vnep_map_value_is_deleted(const MDB_val *raw);

/* Take a damaged record out, and whatever leads to it. trace, if not NULL, gets what the indexes knew of it. */
int vnep_map_mend(struct vnep_map_txn *txn, enum vnep_record_type type, const MDB_val *key,
	struct vnep_json *trace, struct vnep_err *err);

/* Write a record: parts one after another, with head octets before them. */
int vnep_map_value_put(struct vnep_map_txn *txn, const MDB_val *key, bool deleted,
	const struct vnep_slice *parts, unsigned count);

/* The revision in its JSON. */
uint64_t vnep_map_value_revision(const struct vnep_map_value *value);

/* dev as indexes have it, and back. */
size_t vnep_map_dev_pack(const char *dev, uint8_t out[static VNEP_URN_MAX]);
void vnep_map_dev_unpack(const void *data, size_t len, char dev[static VNEP_URN_MAX + 1]);

/* Every entry that a device has in the indexes. */
typedef int vnep_map_entry_cb(enum vnep_map_db db, const void *key, size_t len, void *arg);
int vnep_map_entries(const struct vnep_device *device, vnep_map_entry_cb *cb, void *arg);

/* Add a device to the indexes, or take it out: remembered, and made by flush in the order of the keys. Reads
 * of an index flush by themselves. An entry that meets another device's where there may be but one makes
 * its device a suspect. */
int vnep_map_stage(struct vnep_map_txn *txn, const struct vnep_device *device, bool add);
int vnep_map_flush(struct vnep_map_txn *txn);
int vnep_map_suspect(struct vnep_map_txn *txn, const char *dev);
bool vnep_map_is_exclusive(enum vnep_map_db db); /* two of a key there are to be looked at */
size_t vnep_map_mac_key(const struct vnep_mac *mac, uint16_t vlan, uint8_t key[static 8]);
size_t vnep_map_name_key(const char *name, char key[static VNEP_NAME_MAX + 1]);

/* Each dev under a key; key_len may cut the key short (MAC without VLAN). cb's non-zero ends the walk. */
typedef int vnep_map_dev_cb(const char *dev, void *arg);
int vnep_map_index_each(struct vnep_map_txn *txn, enum vnep_map_db db, const void *key, size_t key_len,
	vnep_map_dev_cb *cb, void *arg);

/* Fill IX_HOST, which is empty, from the records. */
int vnep_map_index_hosts(struct vnep_mapstore *store, MDB_txn *txn);

/* A vpc was stored or deleted: what must be looked at again. */
int vnep_map_vpc_changed(struct vnep_map_txn *txn, const struct vnep_map_value *before,
	const char *json, size_t len, bool deleted);

/* Is the key behind all that are stored? Then nothing can be under it, and it is appended. */
bool vnep_map_is_last(const struct vnep_map_txn *txn, const MDB_val *key);

/* Keep a value that is about to be replaced, for as long as history is kept; device NULL: a record of another
 * type. Nothing is kept of who does not consent: forget drops what there is. prune drops what is too old. */
int vnep_map_past_keep(struct vnep_map_txn *txn, const MDB_val *key,
	const struct vnep_map_value *value, const struct vnep_device *device, struct vnep_err *err);
int vnep_map_past_forget(struct vnep_map_txn *txn, const MDB_val *key, struct vnep_err *err);
int vnep_map_past_prune(struct vnep_map_txn *txn, struct vnep_err *err);

/* A record was deleted, with this revision: consent says how long its tombstone stays. prune drops what is too old;
 * index notes those of a map that did not. */
int vnep_map_tomb_note(
	struct vnep_map_txn *txn, const MDB_val *key, uint64_t revision, bool consent);
int vnep_map_tomb_prune(struct vnep_map_txn *txn, struct vnep_err *err);
int vnep_map_tomb_index(struct vnep_mapstore *store, MDB_txn *txn);

#endif
