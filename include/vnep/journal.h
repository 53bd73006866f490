/*
 * journal - the continuous event stream of every device, on disk, and its checkpoints.
 *
 * Shape   STATE/journal/ holds pcapng segments (NNNNNNNNNN.pcapng, codec/pcapng) and index/, an
 * LMDB environment that can be rebuilt from them: the segments are the truth. seq counts the events
 * of a device from 1 without holes; conn counts its connections. Cursors synced: everything before
 * it is settled (delivered with proof, or given up with an outcome). disconnect: where the last
 * connection ended. Both only grow. Pending a to-device data event is pending when nobody has it:
 * it arrived while the device was not awake (not a copy), or it was forwarded or sent (attempt 1)
 * and no sign of life followed before the disconnect checkpoint. It leaves that state by an outcome
 * or a synced checkpoint behind it. After attempt VNEP_ATTEMPTS it is settled by policy. TCP
 * segments and answers (CoAP responses and acknowledgements, ICMPv6 echo replies and errors) get
 * one attempt: later nobody waits for them. The rules are one pure function over the blocks in file
 * order, so that index, recovery and a reader cannot disagree. Writing begin ..
 * append/checkpoint/outcome .. commit is one group: written at once, fdatasync, then the index;
 * only after commit is anything durable. Writers of several processes take turns group by group
 * (flock on STATE/journal/lock); a writer opened with exclusive keeps the lock. Errors  VNEP_EBUSY
 * (another writer holds it; the text names its pid), VNEP_EDAMAGED, VNEP_ENOTFOUND (no journal, no
 * such device), -ENOSPC, -EIO … A group that failed is as if it never was: the old data is intact,
 * the next group goes to a new segment after a failed sync. Owner   ours (open/close); frames lent
 * to callbacks live during the call.
 */
#ifndef VNEP_JOURNAL_H
#define VNEP_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/buf.h"
#include "vnep/record.h"

struct vnep_err;
struct vnep_journal;

enum { VNEP_ATTEMPTS = 2 };

enum vnep_journal_open {
	VNEP_JOURNAL_READ,	/* what is durable and indexed */
	VNEP_JOURNAL_WRITE,	/* takes the lock group by group, waits up to 5 s for it, then
				   VNEP_EBUSY */
	VNEP_JOURNAL_EXCLUSIVE, /* takes the lock at once and keeps it: the daemon */
};

struct vnep_vio;

struct vnep_journal_config {
	uint64_t segment_octets;    /* a new segment after this many; 0 = 64 MiB */
	uint64_t anchor_octets;     /* opened exclusively: so much is read again after a power cut;
				       0: as the journal grows */
	const struct vnep_vio *vio; /* NULL: the disk (vio.h) */
	const char *boot;	    /* the boot id to go by; NULL: that of the machine */
};

/* state is the state folder. Refuses a folder that is a symlink, not ours or writable for others.
 * Writing recovers: a torn tail is cut (said in *recovered if not NULL: octets cut), the index is
 * brought up to date or rebuilt. */
int vnep_journal_open(struct vnep_journal **out, const char *state, enum vnep_journal_open how,
	const struct vnep_journal_config *config, uint64_t *recovered, struct vnep_err *err);
void vnep_journal_close(struct vnep_journal *journal); /* an open group is dropped */
/* Why the open made anew an index that was there (another version wrote it, it is damaged …); NULL: it did not. Lent. */
const char *vnep_journal_anew(const struct vnep_journal *journal);

int vnep_journal_begin(struct vnep_journal *journal, struct vnep_err *err);
int vnep_journal_commit(struct vnep_journal *journal, struct vnep_err *err);
void vnep_journal_abort(struct vnep_journal *journal);

/* Inside a group. Gives event->seq and, where it is 0, event->conn (a connect event starts the next
 * one). pending (may be NULL) says whether it became pending. An equal datagram that is already
 * pending (same bytes but hop limit; TCP SYN by flow and sequence number) is not stored, but for an instruction:
 * VNEP_EDIFFERS is not an error here, *duplicate is set instead and event->seq names the pending
 * one. Other TCP segments for a device that is not awake: the caller decides (VNEP_NOT_REPLAYABLE).
 */
int vnep_journal_append(struct vnep_journal *journal, struct vnep_event *event, bool *pending,
	bool *duplicate, struct vnep_err *err);

/* resume_seq 0: behind the last event (synced) or as vnep_journal_resume says (disconnect).
 * moved (may be NULL): how many events became pending again or were settled by it. */
struct vnep_journal_moved {
	uint64_t copies;  /* had been forwarded, now pending */
	uint64_t resent;  /* had been sent by replay, now pending */
	uint64_t settled; /* had been pending, now settled */
};
int vnep_journal_checkpoint(struct vnep_journal *journal, struct vnep_checkpoint *checkpoint,
	struct vnep_journal_moved *moved, struct vnep_err *err);
int vnep_journal_outcome(
	struct vnep_journal *journal, struct vnep_outcome *outcome, struct vnep_err *err);

/* A blob of at most 4096 octets kept with the group: the edge's ledger. A group that has anything else in it carries it
 * in the segment, too; one that has not leaves it to the index, which may be lost, unless segment says otherwise. The
 * close writes what only the index has. get: 0 octets if none. */
int vnep_journal_ledger_put(struct vnep_journal *journal, const void *data, size_t len,
	bool segment, struct vnep_err *err);
int vnep_journal_ledger_get(
	struct vnep_journal *journal, void *out, size_t cap, size_t *len, struct vnep_err *err);

/* Inside a group: how many packets of all devices are pending, with what was appended. */
uint64_t vnep_journal_pending_total(const struct vnep_journal *journal);

/* One device, as of the last commit (inside a group: with what was appended). */
struct vnep_journal_device {
	char dev[VNEP_URN_MAX + 1];
	uint64_t head_seq;	  /* last event given */
	uint64_t synced_seq;	  /* resume_seq of the cursor; 1 if it never moved */
	uint64_t disconnect_seq;  /* 0 = never */
	uint64_t life_seq;	  /* last from-device event, 0 = none */
	uint64_t unconfirmed_seq; /* first event sent by replay since the last sign of life, 0 =
				     none */
	uint32_t conn;
	uint64_t pending, pending_octets;
	uint64_t held, held_octets; /* of these, from-device packets whose next hop was away */
	struct vnep_wall first_ts, last_ts, life_ts;
	bool connected; /* a connect event without a disconnect behind it */
	uint32_t number; /* devices are numbered from 0 as they come */
};
int vnep_journal_device(struct vnep_journal *journal, const char *dev,
	struct vnep_journal_device *out, struct vnep_err *err);

/* Where a disconnect now would resume: behind the last sign of life, or at the first replayed event
 * that no sign of life followed. */
uint64_t vnep_journal_resume(const struct vnep_journal_device *device);

typedef int vnep_journal_device_cb(const struct vnep_journal_device *device, void *arg);
int vnep_journal_each_device(struct vnep_journal *journal, bool pending_only,
	vnep_journal_device_cb *cb, void *arg, struct vnep_err *err);

/* Pending to-device events of a device in order of seq, from seq on (inclusive), at most max (0 = all). */
typedef int vnep_journal_event_cb(const struct vnep_event *event, unsigned attempt, void *arg);
int vnep_journal_pending(struct vnep_journal *journal, const char *dev, uint64_t from, size_t max,
	vnep_journal_event_cb *cb, void *arg, struct vnep_err *err);

/* The same of from-device packets that were kept because their next hop was away (event->held): pending until their
 * outcome, sent or given up, whatever the cursors say. None of the other function's. */
int vnep_journal_held(struct vnep_journal *journal, const char *dev, uint64_t from, size_t max,
	vnep_journal_event_cb *cb, void *arg, struct vnep_err *err);

/* Everything of a device by seq, from..to inclusive. */
int vnep_journal_events(struct vnep_journal *journal, const char *dev, uint64_t from, uint64_t to,
	vnep_journal_event_cb *cb, void *arg, struct vnep_err *err);

/* Everything in the order of the files: events, checkpoints, outcomes. A position resumes. Damaged
 * ranges are handed to damage (may be NULL) and skipped. follow: what was written since. */
struct vnep_journal_position {
	uint32_t segment;
	uint64_t offset;
};
struct vnep_journal_item {
	enum vnep_record_type type; /* EVENT, CHECKPOINT, OUTCOME */
	bool range; /* an event that stands for seq .. seq + count - 1: they were erased, or lost (corrupt) */
	struct vnep_event event;
	struct vnep_checkpoint checkpoint;
	struct vnep_outcome outcome;
};
struct vnep_journal_damage {
	char segment[64];
	uint64_t offset, octets, records;
};
typedef int vnep_journal_item_cb(const struct vnep_journal_item *item, void *arg);
typedef int vnep_journal_damage_cb(const struct vnep_journal_damage *damage, void *arg);
int vnep_journal_scan(struct vnep_journal *journal, struct vnep_journal_position *position,
	vnep_journal_item_cb *cb, vnep_journal_damage_cb *damage, void *arg, struct vnep_err *err);

/* Where the first event of a device from seq on stands, so that a scan can begin there.
 * VNEP_ENOTFOUND: there is none (yet); *position is then the end. */
int vnep_journal_seek(struct vnep_journal *journal, const char *dev, uint64_t seq,
	struct vnep_journal_position *position, struct vnep_err *err);

/* An inotify descriptor (nonblocking, the caller closes it) that becomes readable after each commit
 * of any process. Read it empty, then scan on from the last position. A process killed right behind
 * its commit does not tell: look once a second besides. */
int vnep_journal_watch(struct vnep_journal *journal, int *fd, struct vnep_err *err);

/* Retention. Each event that is stored, device by device in order of seq, from *place on ({0}: all), which moves on;
 * about max of them (0 = no limit). 1: there are more. */
struct vnep_journal_place {
	uint32_t number; /* of the device */
	uint64_t seq;
};
struct vnep_journal_stored {
	const char *dev; /* lent */
	uint32_t number; /* of the device */
	uint64_t seq;
	struct vnep_wall ts;
	uint32_t octets; /* on disk */
	uint32_t frame_octets;
	bool pending;
	bool held; /* from the device */
	bool once_more; /* it was sent once, and may be so again if nothing tells that it arrived */
	bool lost; /* somebody took its segment away (not told where the journal was opened to read) */
};
typedef int vnep_journal_stored_cb(const struct vnep_journal_stored *stored, void *arg);
int vnep_journal_each_stored(struct vnep_journal *journal, struct vnep_journal_place *place,
	size_t max, vnep_journal_stored_cb *cb, void *arg, struct vnep_err *err);

/* Take events out: of each device those in front of floor(), but never what is pending; gaps and notes of
 * ports that are older than before. Whole segments are written anew where at least half of them goes, or where the
 * floor set *must; small ones become one. What stays elsewhere goes with a later run. Outside a group. Crash-safe:
 * each segment is replaced as a whole or not at all, and the cursors stay. A segment that somebody took away is made
 * anew with a corrupt range for each device that had events in it, unless one of them is pending; where that fails the rest
 * is done all the same, and the error is told at the end, with what went in *out. */
typedef uint64_t vnep_journal_floor_cb(
	const struct vnep_journal_device *device, bool *must, void *arg);
struct vnep_journal_pruned {
	uint64_t events, octets; /* gone, given back */
	uint64_t segments;	 /* written anew */
	uint64_t lost;	/* events whose segment somebody took away */
};
int vnep_journal_prune(struct vnep_journal *journal, vnep_journal_floor_cb *floor, void *arg,
	struct vnep_wall before, struct vnep_journal_pruned *out, struct vnep_err *err);

/* The same, some of it at a time: a step looks at about max devices, events or blocks; 1: there is more
 * to do. Groups may come between steps where the journal was opened exclusively; otherwise the lock is held to the end.
 * After an error, and after an erasure in between, the only thing to do is the end. */
struct vnep_journal_pruning;
int vnep_journal_prune_start(struct vnep_journal_pruning **out, struct vnep_journal *journal,
	vnep_journal_floor_cb *floor, void *arg, struct vnep_wall before,
	struct vnep_journal_pruned *pruned, struct vnep_err *err);
int vnep_journal_prune_step(struct vnep_journal_pruning *pruning, size_t max, struct vnep_err *err);
void vnep_journal_prune_end(struct vnep_journal_pruning *pruning); /* NULL is fine */

/* Take out everything that the device ever sent and was sent: of its stream only the numbers stay, as an erased
 * range. What was pending is settled by a checkpoint first, which is written to *moved. */
int vnep_journal_erase(struct vnep_journal *journal, const char *dev,
	struct vnep_journal_moved *moved, struct vnep_journal_pruned *out, struct vnep_err *err);

struct vnep_journal_stat {
	uint64_t segments, devices, octets, events, pending;
	struct vnep_wall oldest, newest;
};
int vnep_journal_stat(
	struct vnep_journal *journal, struct vnep_journal_stat *out, struct vnep_err *err);

#endif
