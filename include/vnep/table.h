/*
 * table - items found by a key that lies inside them.
 *
 * Shape   open addressing over pointers; the key is key_len octets at key_offset of each item. The hash is
 *         seeded per table, so that nobody outside can choose keys that collide.
 *         Keys of different lengths: key_len 0, and at key_offset lies a struct vnep_slice, which lends them.
 * Owner   the table owns its slots, never the items. A key must not change while its item is in.
 * Errors  -ENOMEM from put; nothing else can fail.
 */
#ifndef VNEP_TABLE_H
#define VNEP_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct vnep_slice {
	const void *data;
	size_t len;
};

struct vnep_table {
	void **slots;
	uint32_t *tags; /* the hash of each slot's key; 0 = free */
	size_t cap, count;
	size_t key_offset, key_len;
	uint64_t seed;
};

void vnep_table_init(struct vnep_table *table, size_t key_offset, size_t key_len);
void vnep_table_release(struct vnep_table *table); /* safe on a zeroed struct */

void *vnep_table_get(const struct vnep_table *table, const void *key); /* key_len 0: a struct vnep_slice */

/* An item with that key must not be in yet. */
int vnep_table_put(struct vnep_table *table, void *item);
void vnep_table_remove(struct vnep_table *table, const void *item);

/* Walk: for (size_t i = 0; (item = vnep_table_next(table, &i));) Do not change the table meanwhile. */
void *vnep_table_next(const struct vnep_table *table, size_t *i);

#endif
