/*
 * retention - how long the journal keeps what, and who has to give way when there is too much.
 *
 * What a device is owed  its dl_buffering in the map bounds what may wait for it: duration, packets, octets.
 *                        Beyond that the oldest waiting packets get an outcome, and only theirs.
 * What all share         the journal's octets are divided so that nobody who has little gives way to somebody
 *                        who has much: first between VPCs (none goes below its reserved octets), then between the
 *                        devices of each. Of a device the oldest events go first.
 * No consent             what a device whose record says "consent":false was sent goes as soon as it waits no longer
 *                        and is not sent again; where the device always listens, it is not.
 * Lost                   with a segment that somebody took away: what waited gets its outcome, and each device a range
 *                        of lost numbers in its stream.
 * Told                   each waiting packet that goes gets an outcome first: expired, or failed with a reason.
 */
#ifndef VNEP_RETENTION_H
#define VNEP_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/journal.h"
#include "vnep/steady.h"

struct vnep_err;
struct vnep_map_txn;

struct vnep_retention {
	struct vnep_wall before; /* what is older goes; 0 = nothing by age */
	uint64_t octets;	 /* of the whole journal; 0 = no limit, here and below */
	uint64_t vpc_octets;	 /* of each VPC; its quota in the map goes first */
	uint64_t packets;	 /* events of each device */
	const struct vnep_steady *steady; /* lent: by this is told what is too old to be sent; NULL: by the wall clock */
};

struct vnep_retention_result {
	uint64_t settled; /* packets that waited, and got an outcome */
	uint64_t events;  /* that may go; with dry that is all */
	uint64_t lost;	  /* whose segment somebody took away */
	struct vnep_journal_pruned pruned;
};

/* May this event be journaled? Of a device without consent only what waits for it may, neither copies nor what it
 * said itself. map NULL: nobody was asked. One for each transaction: it remembers the last device. _refuse sets the
 * error for the user. */
struct vnep_consent {
	struct vnep_map_txn *map;
	char dev[VNEP_URN_MAX + 1];
	bool given;
};
bool vnep_consent_may_keep(struct vnep_consent *consent, const struct vnep_event *event);
int vnep_consent_refuse(const struct vnep_event *event, struct vnep_err *err); /* VNEP_EVALUE */

/* map may be NULL: no quotas, no dl_buffering. told (may be NULL) gets each outcome once it is durable. dry: only
 * count, told gets what would be written. */
typedef int vnep_retention_cb(const struct vnep_outcome *outcome, void *arg);
int vnep_retention_apply(struct vnep_journal *journal, struct vnep_map_txn *map,
	const struct vnep_retention *limits, bool dry, vnep_retention_cb *told, void *arg,
	struct vnep_retention_result *out, struct vnep_err *err);

/* The same, some of it at a time, for who has something else to do: a step looks at about max devices, events or blocks (0:
 * all that are left); 1: there is more to do. Outside of a group. settle has to write each
 * outcome, of a packet of so many octets, and the caller to commit them before the next step; then the packet goes. After
 * an error, and after an erasure in between, the only thing to do is to free it. */
struct vnep_retaining;
typedef int vnep_retention_settle(
	const struct vnep_outcome *outcome, uint32_t frame_octets, void *arg);
int vnep_retaining_new(struct vnep_retaining **out, struct vnep_journal *journal,
	const struct vnep_retention *limits, bool dry, vnep_retention_settle *settle, void *arg,
	struct vnep_err *err);
int vnep_retaining_step(struct vnep_retaining *retaining, struct vnep_map_txn *map, size_t max,
	struct vnep_err *err);
const struct vnep_retention_result *vnep_retaining_result(const struct vnep_retaining *retaining);
void vnep_retaining_free(struct vnep_retaining *retaining); /* NULL is fine */

/* Divide limit between count demands: what each may keep is written to share. Nobody gets more than he asks for;
 * who asks for little gets all of it; reserve (may be NULL) is what each gets in any case. A step looks at about max
 * demands (0 = no limit); 1: there is more to do. The arrays stay the caller's. */
struct vnep_division {
	const uint64_t *demand, *reserve;
	uint64_t *share;
	size_t count, at;
	uint64_t limit, low, high, sum; /* the level is in low..high */
	enum { VNEP_DIVISION_BOUND, VNEP_DIVISION_LEVEL, VNEP_DIVISION_SHARE } phase;
};
void vnep_division_start(struct vnep_division *out, uint64_t limit, const uint64_t *demand,
	const uint64_t *reserve, size_t count, uint64_t *share);
int vnep_division_step(struct vnep_division *division, size_t max);

#endif
