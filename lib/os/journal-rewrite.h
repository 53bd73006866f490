/*
 * journal-rewrite.h - what the files of rewriting share. Each only uses those above it:
 *
 *     journal-range    what is said of events that are left out
 *     journal-replace  the new segment takes its place
 *     journal-rewrite  the new segment is made
 *     journal-lost     that of a segment that somebody took away
 */
#ifndef VNEP_JOURNAL_REWRITE_H
#define VNEP_JOURNAL_REWRITE_H

#include "journal-private.h"

struct range {
	struct vnep_pcapng_erased erased;
	bool open;
};

/* What the index will have to know, as it was met and device by device. Numbers that are gone are such as "move" to
 * where they end, and have no length. */
struct follow {
	struct vnep_buf met; /* struct vnep_jmove */
	struct vnep_jmove *sorted;
	uint32_t *at; /* by id: where its next one goes */
	size_t counted, placed;
	bool summed;
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
	struct follow moves, gone;
	struct vnep_buf ids; /* of the interfaces, 32 bits each */
	uint32_t interface_count;
	struct vnep_pcapng_section section;
	struct vnep_buf out;
	struct vnep_buf ledger; /* the last one that was read */
	uint64_t base, group; /* where out begins; number of the last group */
	uint64_t synced;      /* so many octets */
	int fd;
	bool placed; /* it has its name, or may have */
	bool lost;   /* somebody took it away: nothing has its name */
	struct vnep_jpruned pruned;
};

/* The range of a device that is open, NULL: no memory. close: it goes into the segment. */
struct range *vnep_jrange_of(struct vnep_jrewriting *w, uint32_t id);
int vnep_jrange_close(struct vnep_jrewriting *w, uint32_t id, struct vnep_err *err);
/* What is left out goes into the range; so does one that stands in a segment that is read. */
void vnep_jrange_drop_event(struct range *range, const struct vnep_event *event);
void vnep_jrange_drop_checkpoint(struct range *range, const struct vnep_checkpoint *checkpoint);
void vnep_jrange_merge(struct range *range, const struct vnep_pcapng_erased *old);
/* A range by itself, behind the one that is open; vnep_jrange_of was asked for before. */
int vnep_jrange_put_lost(struct vnep_jrewriting *w, uint32_t id,
	const struct vnep_pcapng_erased *lost, struct vnep_err *err);

/* What moves and what is gone, device by device, for about as long as max blocks take (0: all of it). 1: there is more. */
int vnep_jrewriting_sort(struct vnep_jrewriting *w, size_t max, struct vnep_err *err);
/* The new segment is complete and synced, and it was sorted. From here on it is done, or the index is made
 * anew; where placed is not set, nothing has changed. */
int vnep_jrewriting_replace(struct vnep_jrewriting *w, struct vnep_err *err);

#endif
