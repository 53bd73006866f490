/* journal-cache.h - what the files of the cache share: journal-cache (devices, new events), -hash, -interface. */
#ifndef VNEP_JOURNAL_CACHE_H
#define VNEP_JOURNAL_CACHE_H

#include "journal-index.h"
#include "vnep/siphash.h"

enum { VNEP_JTABLE_MIN = 1 << 10 };

struct vnep_jhashed {
	uint64_t key; /* of device and hash */
	uint64_t seq; /* 0: free */
};

struct vnep_jcache {
	uint8_t secret[VNEP_SIPHASH_KEY_LEN];
	struct vnep_jslot *slots;
	size_t slot_count, slot_cap, last; /* last: the one that was asked for */
	uint32_t *touched, *kept; /* slots: with something new, with events that stand in runs alone; slot_cap each */
	size_t touched_count, kept_count;
	struct vnep_buf names;
	uint32_t *by_name, *by_id; /* slot + 1 */
	size_t table_cap;
	struct vnep_jnew *fresh;
	size_t fresh_count, fresh_cap;
	size_t published; /* so many of them stand in runs */
	uint32_t runs;
	struct vnep_jhashed *hashed;
	size_t hashed_count, hashed_cap;
	bool changed;   /* abort has to forget it */
	bool unflushed; /* LMDB does not have all of it */

	struct vnep_buf order;  /* slots with changes: id and number, 64 bits each */
	struct vnep_buf events; /* of one device */

	uint32_t segment, base; /* interfaces from base on; those in front of it are in LMDB */
	struct vnep_buf interfaces;
	bool interfaces_changed;
};

/* Zeros; by free. Big tables lie on big pages, where there are some: each look hits another one. */
void *vnep_jbig_new(size_t octets);

void vnep_jcache_clear_hashes(struct vnep_jcache *cache);
int vnep_jcache_flush_interfaces(struct vnep_jindex *ix, struct vnep_err *err);

#endif
