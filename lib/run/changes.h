/*
 * changes - what the map has and its follower has not yet: for edge-verbs-map.c and follow.c.
 *
 * Few changes are followed one by one; a vpc touches rules of many, and many changes are one pass over all.
 */
#ifndef VNEP_RUN_CHANGES_H
#define VNEP_RUN_CHANGES_H

#include "vnep/mapstore.h"

struct changes {
	struct change {
		char dev[VNEP_URN_MAX + 1];
		struct in6_addr vep; /* of a tombstone: the one it had */
		size_t text, len;    /* the record: place in texts */
		bool known;          /* the follower's */
		bool binding;        /* the record is one: that of the device did not change */
	} * items;
	size_t count, cap;
	size_t max;      /* the caller's: more than so many are not gathered */
	bool with_texts; /* the caller's */
	bool bindings;	 /* the caller's: those of bindings, too; one change a device all the same */
	bool vpcs, groups, many;
	uint64_t revision; /* of the map, of this transaction */
	struct vnep_buf texts;
};

/* Those after a revision into a struct that is zeroed but for what is the caller's; release it in any case. */
int changes_read(struct changes *c, struct vnep_map_txn *txn, uint64_t after, struct vnep_err *err);
void changes_release(struct changes *c);

#endif
