/* journal-rewrite.h - what the two files of rewriting share: -rewrite makes the new segment, -replace gives it its place. */
#ifndef VNEP_JOURNAL_REWRITE_H
#define VNEP_JOURNAL_REWRITE_H

#include "journal-private.h"

struct range {
	struct vnep_pcapng_erased erased;
	bool open;
};

/* Numbers of a device that are gone. */
struct gone {
	uint32_t id;
	uint64_t seq, count;
};

/* Each one is a step at least. */
enum rewriting { TAKE, FINISH, SORT, REPLACE };

struct vnep_jrewriting {
	enum rewriting phase;
	struct vnep_journal *journal;
	uint64_t *floors;
	bool *looked; /* by id: no packet in front of its floor is pending */
	int64_t port_floor_ns;
	uint32_t floor_count, device_count, from, to;
	uint32_t segment; /* the one that is read; from - 1: none yet */
	struct vnep_jwalk walk;
	bool walking;
	struct range **ranges; /* by id */
	uint32_t *interfaces;  /* by id: number + 1 in the new segment */
	/* what the index will have to know: */
	struct vnep_buf moves; /* struct vnep_jmove */
	struct vnep_jmove *sorted;
	struct vnep_buf gone;
	struct vnep_buf ids; /* of the interfaces, 32 bits each */
	uint32_t interface_count;
	struct vnep_pcapng_section section;
	struct vnep_buf out;
	struct vnep_buf ledger; /* the last one that was read */
	uint64_t base, group; /* where out begins; number of the last group */
	uint64_t synced;      /* so many octets */
	int fd;
	bool placed; /* it has its name, or may have */
	struct vnep_jpruned pruned;
};

/* What moves, device by device. */
int vnep_jrewriting_sort(struct vnep_jrewriting *w, struct vnep_err *err);
/* The new segment is complete and synced, and it was sorted. From here on it is done, or the index is made anew. */
int vnep_jrewriting_replace(struct vnep_jrewriting *w, struct vnep_err *err);

#endif
