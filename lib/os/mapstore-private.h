/* mapstore-private - what the files of the map share. LMDB is named here and in mapstore*.c alone. */
#ifndef VNEP_MAPSTORE_PRIVATE_H
#define VNEP_MAPSTORE_PRIVATE_H

#include <lmdb.h>

#include "vnep/err.h"
#include "vnep/mapstore.h"

/* The sub-databases. Those before IX_COUNT are indexes of devices: key -> dev, several devs a key. */
enum vnep_map_db {
	IX_VEP,    /* 16 octets */
	IX_MAC,    /* MAC, VLAN (network order) */
	IX_ADDR,   /* 16 octets, fixed addresses only */
	IX_NAME,   /* lower case, without the final dot */
	IX_VPC,    /* as named in the record */
	IX_REGION,
	IX_GROUP,
	IX_COUNT,
	DB_RECORD = IX_COUNT, /* type letter, id -> CRC32, flags, JSON */
	DB_REVISION,          /* revision (network order) -> key in DB_RECORD */
	DB_META,              /* "map" -> revision and counts */
	DB_COUNT
};

struct vnep_mapstore {
	MDB_env *env;
	MDB_dbi dbi[DB_COUNT];
};

struct vnep_map_vpc {
	char vpc[VNEP_LABEL_MAX + 1];
	struct vnep_prefix prefix;
};

struct vnep_map_txn {
	struct vnep_mapstore *store;
	MDB_txn *txn;
	bool write, unchecked;
	struct vnep_map_stat meta;       /* revision and counts; octets is not used */
	char (*touched)[VNEP_URN_MAX + 1]; /* devices put since the last check */
	size_t touched_count, touched_cap;
	bool vpc_touched;                /* every device must be looked at again */
	struct vnep_map_vpc *vpcs;       /* read when first needed */
	size_t vpc_count;
	bool vpcs_read;
};

/* A stored record, lent until the next change of the transaction. */
struct vnep_map_value {
	const char *json;
	size_t len;
	bool deleted;
};

enum { VNEP_MAP_KEY_MAX = 1 + VNEP_URN_MAX };

/* rc of LMDB as one of our codes. */
int vnep_map_fail(struct vnep_err *err, int rc, const char *what);

int vnep_map_value_get(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_map_value *out, struct vnep_err *err); /* tombstones, too */

/* Add a device to the indexes, or take it out. */
int vnep_map_index(struct vnep_map_txn *txn, const struct vnep_device *device, bool add,
	struct vnep_err *err);
size_t vnep_map_mac_key(const struct vnep_mac *mac, uint16_t vlan, uint8_t key[static 8]);

/* Each dev under a key; key_len may cut the key short (MAC without VLAN). cb's non-zero ends the walk. */
typedef int vnep_map_dev_cb(const char *dev, void *arg);
int vnep_map_index_each(struct vnep_map_txn *txn, enum vnep_map_db db, const void *key, size_t key_len,
	vnep_map_dev_cb *cb, void *arg);

#endif
