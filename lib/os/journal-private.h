/*
 * journal-private - what the files of the journal share. Each only uses those above it:
 *
 *     journal-db, -chunk, -cache, -index  the index: journal-index.h
 *     journal-rules    pending, cursors, attempts: a pure function over events in file order
 *     journal-item     blocks <-> events, checkpoints, outcomes
 *     journal-walk     the blocks of one segment in order, damage stepped over
 *     journal-ahead    the same, by a thread of its own where there is much of it
 *     journal-anchor   a state of the index that survives a power cut
 *     journal-trust    when the index is believed
 *     journal-recover  the index brought up to what the segments say
 *     journal-write    groups: begin, commit, what happens when the disk says no
 *     journal-append   events, checkpoints, outcomes into the open group
 *     journal-read     pending, by seq, in file order
 *     journal-stored   walks over all that is stored
 *     journal-rewrite  segments written anew without some of their events: journal-rewrite.h
 *     journal-lost     segments that somebody took away
 *     journal-prune    what is taken out, and which segments that touches
 *     journal          open, close, lock
 */
#ifndef VNEP_JOURNAL_PRIVATE_H
#define VNEP_JOURNAL_PRIVATE_H

#include "vnep/buf.h"
#include "vnep/journal.h"
#include "vnep/pcapng.h"
#include "vnep/vio.h"

/* What the crash test must find (tests/crash/bugs.c): nothing at all in any other build. */
#ifdef VNEP_BUGS
extern unsigned vnep_bug;
#define VNEP_BUG(n) (vnep_bug == (n))
#else
#define VNEP_BUG(n) false
#endif

/* The values of the index. All fixed width, no holes, read and written by memcpy. */

struct vnep_jtail {
	uint64_t offset; /* so many octets of the segment are durable and indexed */
	uint64_t group;  /* number of the last group */
	uint64_t file;   /* of the segment */
	uint64_t events, pending;
	int64_t oldest_ns, newest_ns;
	uint32_t segment;         /* 0: nothing was written yet */
	uint32_t interface_count; /* of the segment */
	uint32_t device_count;
	uint32_t given_up; /* nothing more goes into this segment: go to a new one */
};

struct vnep_jdevice {
	uint64_t head_seq, synced_seq, disconnect_seq, life_seq, unconfirmed_seq;
	uint64_t pending, pending_octets; /* in both directions */
	uint64_t held, held_octets;       /* of these, from the device */
	int64_t first_ns, last_ns, life_ns;
	/* What replay sent: a first event since unconfirmed_seq moved and when, and the time of the newest. */
	uint64_t mark_seq; /* 0: none was sent since */
	int64_t mark_ns, sent_ns;
	uint32_t conn, connected;
	uint32_t interface, interface_segment; /* its IDB; segment 0: none yet */
};

/* ONCE: nobody waits for it any more at the next waking (TCP, answers). PENDING is the index's own: it is
 * changed by put_event alone, which keeps count of what waits. */
enum {
	VNEP_JEVENT_COPY = 1,
	VNEP_JEVENT_ONCE = 2,
	VNEP_JEVENT_FINAL = 4,
	VNEP_JEVENT_DELIVERABLE = 8,
	VNEP_JEVENT_PENDING = 16,
	VNEP_JEVENT_HELD = 32 /* from the device, for who is away */
};

struct vnep_jevent {
	uint64_t offset;
	uint64_t hash;            /* of deliverable events: what duplicates are found by */
	int64_t ns;               /* when it was */
	uint32_t segment, length; /* of the block */
	uint32_t octets;          /* of the frame */
	uint8_t flags, attempts, kind, direction;
};

enum { VNEP_JDB_COUNT = 9 };

struct vnep_jindex {
	struct MDB_env *env;
	struct MDB_txn *write; /* the open group */
	struct MDB_txn *read;  /* kept between reads, renewed for each */
	struct MDB_txn *now;   /* the one in use */
	struct MDB_txn *pin;   /* a reader that stays: journal-anchor */
	struct MDB_cursor *writing[VNEP_JDB_COUNT], *reading[VNEP_JDB_COUNT];
	bool renewed[VNEP_JDB_COUNT];
	unsigned dbi[VNEP_JDB_COUNT];
	struct vnep_jcache *cache; /* of a writer */
	uint64_t cached;           /* the last transaction that the cache knows */
};

/* LMDB itself, as journal-anchor needs it. pin: a reader that stays where it is until unpin (NULL is fine). */
struct vnep_jdb_size {
	uint64_t pages;
	uint32_t page_octets;
};
int vnep_jdb_size(struct vnep_jindex *ix, struct vnep_jdb_size *out);
int vnep_jdb_pin(struct vnep_jindex *ix, struct MDB_txn **out, struct vnep_jdb_size *size,
	struct vnep_err *err);
void vnep_jdb_unpin(struct MDB_txn *pin);
void vnep_jdb_start_writing(struct vnep_jindex *ix); /* to the disk; does not wait */

/* write: the folder is made ready, readers of a killed process are forgotten. */
int vnep_jindex_open(struct vnep_jindex *ix, const char *path, bool write, struct vnep_err *err);
void vnep_jindex_close(struct vnep_jindex *ix);
int vnep_jindex_sync(struct vnep_jindex *ix, struct vnep_err *err);

int vnep_jindex_begin(struct vnep_jindex *ix, struct vnep_err *err);
int vnep_jindex_commit(struct vnep_jindex *ix, struct vnep_err *err);
void vnep_jindex_abort(struct vnep_jindex *ix);

/* Around reads: they see the open group, else what is committed. Never across a callback. */
int vnep_jindex_enter(struct vnep_jindex *ix, struct vnep_err *err);
void vnep_jindex_leave(struct vnep_jindex *ix);

/* 0, VNEP_ENOTFOUND (without text) or worse. */
int vnep_jindex_tail(struct vnep_jindex *ix, struct vnep_jtail *out, struct vnep_err *err);
int vnep_jindex_put_tail(
	struct vnep_jindex *ix, const struct vnep_jtail *tail, struct vnep_err *err);
int vnep_jindex_ledger(
	struct vnep_jindex *ix, void *out, size_t cap, size_t *len, struct vnep_err *err);
int vnep_jindex_put_ledger(
	struct vnep_jindex *ix, const void *data, size_t len, struct vnep_err *err);
int vnep_jindex_id(struct vnep_jindex *ix, const char *dev, uint32_t *id, struct vnep_err *err);
int vnep_jindex_add(struct vnep_jindex *ix, uint32_t id, const char *dev, struct vnep_err *err);
int vnep_jindex_name(struct vnep_jindex *ix, uint32_t id, char dev[static VNEP_URN_MAX + 1],
	struct vnep_err *err);
int vnep_jindex_device(
	struct vnep_jindex *ix, uint32_t id, struct vnep_jdevice *out, struct vnep_err *err);
int vnep_jindex_put_device(struct vnep_jindex *ix, uint32_t id, const struct vnep_jdevice *device,
	struct vnep_err *err);
int vnep_jindex_event(struct vnep_jindex *ix, uint32_t id, uint64_t seq, struct vnep_jevent *out,
	struct vnep_err *err);
/* Behind everything that is known of the device. */
int vnep_jindex_append_event(struct vnep_jindex *ix, uint32_t id, uint64_t seq,
	const struct vnep_jevent *event, struct vnep_err *err);
/* What stands there is replaced; *old is what it was, zeroed if nothing was. */
int vnep_jindex_put_event(struct vnep_jindex *ix, uint32_t id, uint64_t seq,
	const struct vnep_jevent *event, struct vnep_jevent *old, struct vnep_err *err);
/* The first event of a device from *seq on; the first pending one; the first device with pending
 * events from *id on. */
int vnep_jindex_next_event(struct vnep_jindex *ix, uint32_t id, uint64_t *seq,
	struct vnep_jevent *out, struct vnep_err *err);
int vnep_jindex_next_pending(struct vnep_jindex *ix, uint32_t id, uint64_t *seq,
	struct vnep_jevent *out, struct vnep_err *err);
int vnep_jindex_next_waiting(struct vnep_jindex *ix, uint32_t *id, struct vnep_err *err);
/* Events of a device that stand elsewhere now, best in order of seq; those that the index does not have are no news. */
struct vnep_jmove {
	uint64_t seq, offset;
	uint32_t id, length;
};
int vnep_jindex_move(struct vnep_jindex *ix, uint32_t id, uint32_t segment,
	const struct vnep_jmove *moves, size_t count, struct vnep_err *err);
/* Events that are not there any more, from..to inclusive; none of them is pending. */
int vnep_jindex_forget(
	struct vnep_jindex *ix, uint32_t id, uint64_t from, uint64_t to, struct vnep_err *err);
/* Inside a group: the newest pending event that has this hash. */
int vnep_jindex_equal(
	struct vnep_jindex *ix, uint32_t id, uint64_t hash, uint64_t *seq, struct vnep_err *err);
int vnep_jindex_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t *id, struct vnep_err *err);
int vnep_jindex_put_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t id, struct vnep_err *err);

/* Rules. Each changes index, device and tail; the caller stores device and tail. */
struct vnep_jplace {
	uint32_t segment, length;
	uint64_t offset;
};

/* What makes two frames the same delivery: the packet without its hop limit, or the flow and
 * sequence number of a SYN. */
struct vnep_jidentity {
	uint64_t hash;
	bool tcp, syn, answer;
};
void vnep_jrules_identity(struct vnep_jidentity *out, const uint8_t *frame, size_t len);
bool vnep_jrules_same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* identity: of its frame, NULL where the caller does not know it. */
int vnep_jrules_event(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, const struct vnep_event *event,
	const struct vnep_jidentity *identity, const struct vnep_jplace *place, bool *pending,
	struct vnep_err *err);
int vnep_jrules_checkpoint(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, const struct vnep_checkpoint *checkpoint,
	struct vnep_journal_moved *moved, struct vnep_err *err);
int vnep_jrules_outcome(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, const struct vnep_outcome *outcome, struct vnep_err *err);
/* Events that are not there any more: what they had done. */
int vnep_jrules_erased(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, const struct vnep_pcapng_erased *erased, struct vnep_err *err);
uint64_t vnep_jrules_resume(const struct vnep_jdevice *device);

/* Items. encode appends one block; decode lends the block's bytes, dev of a packet is left "". Packets, of which
 * there are many, go without the item. */
void vnep_jitem_put_packet(
	struct vnep_buf *out, const struct vnep_event *event, uint32_t interface);
void vnep_jitem_get_packet(struct vnep_event *out, const struct vnep_pcapng_packet *packet);
int vnep_jitem_encode(struct vnep_buf *out, const struct vnep_journal_item *item,
	uint32_t interface, struct vnep_err *err);
int vnep_jitem_decode(
	struct vnep_journal_item *out, const struct vnep_pcapng_block *block, struct vnep_err *err);

/* Walk through a segment. */
enum { VNEP_JSEGMENT_LEN = 32, VNEP_JREADINGS = 16 };
#define VNEP_JREWRITE "rewrite.new" /* a segment on its way to its name */
void vnep_jsegment_name(char out[static VNEP_JSEGMENT_LEN], uint32_t segment);
uint32_t vnep_jsegment_number(const char *name); /* 0: it is another file */

struct vnep_jwalk {
	const struct vnep_vio *vio;
	int fd;
	uint32_t segment;
	uint64_t at, end; /* next octet, first octet not to read */
	uint64_t group_start;
	uint64_t group; /* number of the last mark seen, 0 = none */
	uint64_t file;
	uint32_t crc, mix;
	bool whole; /* crc covers the group from its start */
	bool anew;  /* the segment was written anew: groups are missing in it */
	bool big;
	struct vnep_buf buf; /* the octets from base on */
	uint64_t base;
};

enum vnep_jstep { VNEP_JSTEP_END, VNEP_JSTEP_BLOCK, VNEP_JSTEP_DAMAGE };

struct vnep_jfound {
	struct vnep_pcapng_block block; /* lends the walk's buffer until the next step */
	struct vnep_journal_damage damage;
	uint64_t offset;
};

void vnep_jwalk_init(struct vnep_jwalk *walk, const struct vnep_vio *vio, int fd, uint32_t segment,
	uint64_t at, uint64_t end);
/* The walk begins behind a mark: this is the file, and that was its group, so the next one can be checked. */
void vnep_jwalk_resume(struct vnep_jwalk *walk, uint64_t file, uint64_t group);
void vnep_jwalk_release(struct vnep_jwalk *walk); /* closes fd */
/* enum vnep_jstep, or a negative error of read(2). A mark whose group does not agree is DAMAGE of
 * the whole group, then the BLOCK. */
int vnep_jwalk_next(struct vnep_jwalk *walk, struct vnep_jfound *out, struct vnep_err *err);

/* A walk that is ahead of its user: whole blocks, one after the other. A block is lent until the next call; of a
 * packet with an identity the frame is not there any more. The walk is not to be touched until stop. */
struct vnep_jblock {
	struct vnep_jfound found;
	struct vnep_jidentity identity;
	bool identified;
};
struct vnep_jahead;
int vnep_jahead_start(struct vnep_jahead **out, struct vnep_jwalk *walk, uint64_t octets,
	struct vnep_err *err); /* octets: how much there may be */
int vnep_jahead_next(
	struct vnep_jahead *ahead, const struct vnep_jblock **out, struct vnep_err *err);
void vnep_jahead_stop(struct vnep_jahead *ahead);

struct vnep_journal {
	const struct vnep_vio *vio;
	char *path; /* STATE/journal */
	int dir, index_dir;
	enum vnep_journal_open how;
	uint64_t segment_octets;
	char boot[VNEP_PCAPNG_BOOT_LEN + 1];
	int lock;
	bool locked;
	struct vnep_jindex index;
	char anew[128]; /* why it was made anew */
	bool soiled;    /* that it is not clean is on the disk */
	unsigned started_over; /* so often since the open: devices may have other numbers */

	/* the anchor of the index */
	bool anchoring;             /* whoever keeps the lock has one */
	bool anchor_wanted, kicked; /* soon; it is on its way to the disk */
	bool index_unsyncable;      /* a sync of it failed: until it is made anew, none says anything */
	struct vnep_jdb_size anchor_size;
	uint64_t anchor_octets; /* a new one after so many */
	bool anchor_fixed;      /* whatever the journal has */
	uint64_t behind_anchor, behind_kick;
	int64_t kicked_ns;

	/* the open group */
	bool in_group, fresh, dirty;
	unsigned long blocks;
	int broken; /* an error inside the group that was not a refusal: commit must fail */
	struct vnep_jtail tail, before;
	struct vnep_buf group;
	struct vnep_buf ledger, ledger_new; /* the committed one, that of this group */
	bool ledger_put;                    /* there is one of this group */
	bool ledger_owed;                   /* only the index has the committed one */
	uint64_t group_base; /* offset of group.data[0] in the segment */
	struct vnep_buf scratch;

	int fd; /* segment that is written */
	uint32_t fd_segment;
	uint64_t allocated;

	struct vnep_jreading {
		uint32_t segment; /* 0: none */
		int fd;
	} reading[VNEP_JREADINGS];
	struct vnep_jwindows *windows;

	struct vnep_buf there; /* what is known of each segment of looked: journal-lost */
	uint32_t looked;
};

/* Our pid into the lock file: for the message of whoever waits in vain, and, behind each commit,
 * for those who watch (LMDB lets readers see a commit only after its last write, so the index
 * itself would tell too early). -1 and errno. */
int vnep_journal_sign(struct vnep_journal *journal);
/* The lock: waits up to 5 s. */
int vnep_journal_lock(struct vnep_journal *journal, struct vnep_err *err);
void vnep_journal_unlock(struct vnep_journal *journal);

/* flags of open(2); *fd is closed by the table of the journal. */
int vnep_journal_open_segment(
	struct vnep_journal *journal, uint32_t segment, int flags, int *fd, struct vnep_err *err);
bool vnep_journal_has_segment(struct vnep_journal *journal, uint32_t segment, uint64_t *octets);
/* The biggest number smaller than below; the smallest one from `from` on: 0, or VNEP_ENOTFOUND. */
int vnep_journal_last_segment(
	struct vnep_journal *journal, uint32_t below, uint32_t *out, struct vnep_err *err);
int vnep_journal_next_segment(
	struct vnep_journal *journal, uint32_t from, uint32_t *out, struct vnep_err *err);
/* What stands at its beginning; false: it is not there, or damaged. */
bool vnep_journal_header(
	struct vnep_journal *journal, uint32_t segment, struct vnep_pcapng_section *out);
/* What stands in front of a segment: as it says itself; where it is damaged or lost, as the folder says, and the index
 * of lost ones. To say that nothing does would make leftovers of all that is there. */
int vnep_journal_in_front(struct vnep_journal *journal, uint32_t segment,
	struct vnep_pcapng_section *out, struct vnep_err *err);
/* Where a closed segment ends: as it says itself, as its successor says, or its size. */
int vnep_journal_segment_end(
	struct vnep_journal *journal, uint32_t segment, uint64_t *end, struct vnep_err *err);

/* With the lock: open the index, or make it anew from the segments. */
int vnep_journal_recover(struct vnep_journal *journal, uint64_t *cut, struct vnep_err *err);
/* With the lock, outside a transaction: whatever stands behind the tail of the index is taken or
 * cut. */
int vnep_journal_catch_up(struct vnep_journal *journal, uint64_t *cut, struct vnep_err *err);
/* 1: there is something behind the tail of the index that a killed writer left. 0, or worse. */
int vnep_journal_left_behind(struct vnep_journal *journal, struct vnep_err *err);
bool vnep_journal_index_trusted(struct vnep_journal *journal);
/* A sync of the index failed. It is what it was as long as this boot lasts, but no later sync says anything about it, so
 * it is neither clean nor has an anchor from here on; whoever opens it next to write makes it anew. */
void vnep_journal_sync_failed(struct vnep_journal *journal);
bool vnep_journal_has_failed_sync(struct vnep_journal *journal);
/* The index is about to change: it is not clean any more, and is believed by the boot. */
int vnep_journal_soil(struct vnep_journal *journal, struct vnep_err *err);
void vnep_journal_clean(struct vnep_journal *journal);
/* A small file beside the index, whole or not there, on the disk. */
int vnep_journal_put_mark_file(struct vnep_journal *journal, const char *name, const void *data,
	size_t len, struct vnep_err *err);
/* Outside a transaction: the index as it is now will be there after a power cut. drop: no more; the folder is not
 * synced yet. tick: so many octets were committed; is it time? */
int vnep_journal_anchor(struct vnep_journal *journal, struct vnep_err *err);
int vnep_journal_drop_anchor(struct vnep_journal *journal, struct vnep_err *err);
void vnep_journal_anchor_tick(struct vnep_journal *journal, uint64_t octets);
/* Nobody has the index open, and it is not believed: is it clean now, as of its anchor? */
bool vnep_journal_restore(struct vnep_journal *journal);
void vnep_journal_confirm(struct vnep_journal *journal);
/* The segments are about to change behind the index: until it is believed again, whoever opens the journal
 * makes it anew. */
int vnep_journal_distrust(struct vnep_journal *journal, struct vnep_err *err);
int vnep_journal_believe(struct vnep_journal *journal, struct vnep_err *err);

/* Which segments are there? Asked once for a walk over the index, under the lock, so that what the index has in
 * none of them is lost and not on its way to another one. Without a lock, in a journal that is read, none is. */
int vnep_jlost_look(struct vnep_journal *journal, struct vnep_err *err);
bool vnep_jlost_is(struct vnep_journal *journal, uint32_t segment);
/* The newest one in front of a segment, behind the one that is in the folder, that vnep_jlost_is was asked for since
 * that look; 0: none. */
uint32_t vnep_jlost_in_front(struct vnep_journal *journal, uint32_t segment, uint32_t behind);
/* Events of one device that the index has in a segment that is lost. */
struct vnep_jlost {
	uint32_t segment, id;
	uint64_t first, last, events;
	int64_t ns; /* of the first one */
};
/* Those of one segment, by id; outside a transaction, with the lock: it is made anew and says so. *events: how many
 * were told; 0: some are pending, or it is there again, nothing has changed. */
int vnep_jlost_tell(struct vnep_journal *journal, const struct vnep_jlost *lost, size_t count,
	uint64_t *events, struct vnep_err *err);

/* The tail as of the last commit; zeroed where nothing was written yet. */
int vnep_journal_tail(struct vnep_journal *journal, struct vnep_jtail *tail, struct vnep_err *err);
/* Every event by device and seq, from *place on, which moves on; about max of them (0 = all). 1: there are more. */
typedef int vnep_jentry_cb(uint32_t id, uint64_t seq, const struct vnep_jevent *entry, void *arg);
int vnep_journal_each_entry(struct vnep_journal *journal, struct vnep_journal_place *place,
	size_t max, vnep_jentry_cb *cb, void *arg, struct vnep_err *err);

/* Write the segments from..to anew as one, numbered to, without the events in front of the floors (by id, of the
 * first floor_count devices; without their outcomes and checkpoints, too). A floor behind a packet that is pending
 * is lowered to it. What cannot be read is left out. The segment of the tail must be given up before. */
struct vnep_jpruned {
	uint64_t events, octets_before, octets_after;
};
struct vnep_jrewriting;
int vnep_journal_rewrite_start(struct vnep_jrewriting **out, struct vnep_journal *journal,
	uint32_t from, uint32_t to, uint64_t *floors, uint32_t floor_count, int64_t port_floor_ns,
	struct vnep_err *err);
/* Some of it: about max blocks (0: all). 1: there is more. 0: it is done and *out says what went; or nothing changed and
 * *out was not touched, because a packet in front of a floor became pending meanwhile. */
int vnep_journal_rewrite_step(struct vnep_jrewriting *rewriting, size_t max,
	struct vnep_jpruned *out, struct vnep_err *err);
void vnep_journal_rewrite_end(struct vnep_jrewriting *rewriting);

/* The segment, open for reading; *fd stays the journal's, until another takes its place. -ENOENT: there is no such file. */
int vnep_journal_reading(
	struct vnep_journal *journal, uint32_t segment, int *fd, struct vnep_err *err);
/* A segment that is open for reading may have been written anew. */
void vnep_journal_forget_read(struct vnep_journal *journal);

/* The block of the entry, whose segment is open as fd, valid until the next call; NULL: it has to be read. */
const uint8_t *vnep_jwindows_get(
	struct vnep_journal *journal, const struct vnep_jevent *entry, int fd);
void vnep_jwindows_forget(struct vnep_journal *journal);

/* Between enter and leave. */
int vnep_journal_device_by_id(struct vnep_journal *journal, uint32_t id,
	struct vnep_journal_device *out, struct vnep_err *err);

/* One event by its place; out->frame lends buf. The name of the device is the caller's. */
int vnep_journal_load(struct vnep_journal *journal, const struct vnep_jevent *entry,
	struct vnep_buf *buf, struct vnep_event *out, struct vnep_err *err);

#endif
