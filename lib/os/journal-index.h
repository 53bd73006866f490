/*
 * journal-index.h - what the files of the index share. Each only uses those above it:
 *
 *     journal-db     LMDB: the only file that knows it
 *     journal-chunk  the events of a device, some to a value
 *     journal-run    the new events of a group, as one value
 *     journal-cache  what the open group knows, in memory; with it -hash (what is pending) and -interface
 *     journal-index  all of it as the rest of the journal sees it
 */
#ifndef VNEP_JOURNAL_INDEX_H
#define VNEP_JOURNAL_INDEX_H

#include "journal-private.h"
#include "vnep/table.h"

/*
 * The databases; keys are big endian, so that a cursor meets them in order.
 *
 *     meta       "tail", "ledger", "version"
 *     name       URN -> id            urn        id -> URN
 *     device     id -> state
 *     chunk      id, first seq -> that event and those behind it without a hole
 *     waiting    id, first seq of a chunk that has a pending event -> ()
 *     run        number -> the events of a group that did not go into chunks yet
 *     queue      id of a device that has a pending event -> the first one: found without its chunks
 *     interface  segment, number of a block -> ids of so many interfaces
 */
enum vnep_jdb {
	VNEP_JDB_META,
	VNEP_JDB_NAME,
	VNEP_JDB_URN,
	VNEP_JDB_DEVICE,
	VNEP_JDB_CHUNK,
	VNEP_JDB_WAITING,
	VNEP_JDB_INTERFACE,
	VNEP_JDB_RUN,
	VNEP_JDB_QUEUE
};

/* In a transaction. Values are lent until the next put or del, or the end of the transaction.
 * 0, VNEP_ENOTFOUND (without text) or worse. */
int vnep_jdb_get(struct vnep_jindex *ix, enum vnep_jdb db, const void *key, size_t key_len,
	struct vnep_slice *out, struct vnep_err *err);
int vnep_jdb_get_fixed(struct vnep_jindex *ix, enum vnep_jdb db, const void *key, size_t key_len,
	void *out, size_t len, struct vnep_err *err);
int vnep_jdb_put(struct vnep_jindex *ix, enum vnep_jdb db, const void *key, size_t key_len,
	const void *data, size_t len, struct vnep_err *err);
int vnep_jdb_del(struct vnep_jindex *ix, enum vnep_jdb db, const void *key, size_t key_len,
	struct vnep_err *err);
/* Where all keys have key_len octets: the first one that is not smaller, the last one that is not greater; key
 * is replaced by it. */
int vnep_jdb_seek(struct vnep_jindex *ix, enum vnep_jdb db, void *key, size_t key_len,
	struct vnep_slice *out, struct vnep_err *err);
int vnep_jdb_floor(struct vnep_jindex *ix, enum vnep_jdb db, void *key, size_t key_len,
	struct vnep_slice *out, struct vnep_err *err);

int vnep_jdb_open(struct vnep_jindex *ix, const char *path, bool write, struct vnep_err *err);
void vnep_jdb_close(struct vnep_jindex *ix);
int vnep_jdb_begin(struct vnep_jindex *ix, struct vnep_err *err);
int vnep_jdb_commit(struct vnep_jindex *ix, struct vnep_err *err);
void vnep_jdb_abort(struct vnep_jindex *ix);
/* In a writing transaction: the one in front of it. Else: the last one. */
uint64_t vnep_jdb_last(struct vnep_jindex *ix);

/* id, number */
enum { VNEP_JPAIR_LEN = 12 };
void vnep_jpair_set(uint8_t key[static VNEP_JPAIR_LEN], uint32_t id, uint64_t number);
uint32_t vnep_jpair_id(const uint8_t key[static VNEP_JPAIR_LEN]);
uint64_t vnep_jpair_number(const uint8_t key[static VNEP_JPAIR_LEN]);

/* Chunks. A value keeps below half a page, so that LMDB needs no page of its own for it. */
enum { VNEP_JCHUNK_EVENTS = 32 };

/* Behind everything that is there of the device. */
int vnep_jchunk_append(struct vnep_jindex *ix, uint32_t id, uint64_t first,
	const struct vnep_jevent *events, size_t count, struct vnep_err *err);
int vnep_jchunk_get(struct vnep_jindex *ix, uint32_t id, uint64_t seq, struct vnep_jevent *out,
	struct vnep_err *err);
/* What is there already is replaced and comes back in *old (else *old is zeroed). */
int vnep_jchunk_set(struct vnep_jindex *ix, uint32_t id, uint64_t seq,
	const struct vnep_jevent *event, struct vnep_jevent *old, struct vnep_err *err);
int vnep_jchunk_move(struct vnep_jindex *ix, uint32_t id, uint32_t segment,
	const struct vnep_jmove *moves, size_t count, struct vnep_err *err);
int vnep_jchunk_next(struct vnep_jindex *ix, uint32_t id, uint64_t *seq, struct vnep_jevent *out,
	struct vnep_err *err);
int vnep_jchunk_next_pending(struct vnep_jindex *ix, uint32_t id, uint64_t *seq,
	struct vnep_jevent *out, struct vnep_err *err);
int vnep_jchunk_forget(
	struct vnep_jindex *ix, uint32_t id, uint64_t from, uint64_t to, struct vnep_err *err);

/* The number of the last event, 0 if there is none. */
int vnep_jchunk_last(struct vnep_jindex *ix, uint32_t id, uint64_t *seq, struct vnep_err *err);

/* Runs. */
struct vnep_jnew {
	struct vnep_jevent event;
	uint64_t seq;
	uint32_t id, before; /* before: the cache's own */
};

/* By id and seq; the number behind the last run. */
int vnep_jrun_put(struct vnep_jindex *ix, uint32_t number, const struct vnep_jnew *events,
	size_t count, struct vnep_err *err);
/* The first (pending) event of the device from *seq on, which must be behind its chunks. */
int vnep_jrun_next(struct vnep_jindex *ix, uint32_t id, uint64_t *seq, bool pending,
	struct vnep_jevent *out, struct vnep_err *err);
int vnep_jrun_drop(struct vnep_jindex *ix, struct vnep_err *err);
/* All of them into chunks; any: there were some. */
int vnep_jrun_merge(struct vnep_jindex *ix, bool *any, struct vnep_err *err);

/*
 * The cache of a writer: devices by name and by number, what the open group changed of them, its new events and
 * interfaces, and the hashes of what is pending for devices that were asked for theirs. It holds what is
 * committed as long as nobody else commits; flush writes the rest into the transaction. Bounded: it is flushed
 * and emptied when it grows too big.
 */
struct vnep_jfirst {
	struct vnep_jevent event;
	uint64_t seq;
};
/* first: what the queue has, or will have; FIRST_LOST: it was settled, the next one has to be looked for. */
enum vnep_jfirst_is { VNEP_JFIRST_SAME, VNEP_JFIRST_NEW, VNEP_JFIRST_LOST };
struct vnep_jslot {
	struct vnep_jdevice device;
	struct vnep_jfirst first;
	enum vnep_jfirst_is first_is;
	uint32_t id;
	uint32_t newest, fresh; /* its newest new event (index + 1), how many */
	bool dirty, hashed, queued;
	bool touched, kept; /* in the list of the cache of that name */
	uint8_t dev_len;
	uint32_t dev_at; /* in the names of the cache: most are much shorter than they may be */
};

/* NULL when memory is short. */
struct vnep_jcache *vnep_jcache_new(void);
void vnep_jcache_free(struct vnep_jcache *cache);
void vnep_jcache_clear(struct vnep_jcache *cache);
bool vnep_jcache_changed(
	const struct vnep_jcache *cache);           /* it, or the transaction by it, since settle */
void vnep_jcache_settle(struct vnep_jcache *cache); /* what it holds is committed */

/* NULL: not there. Slots are lent until the next call that may add one. */
struct vnep_jslot *vnep_jcache_by_name(struct vnep_jcache *cache, const char *dev);
struct vnep_jslot *vnep_jcache_by_id(struct vnep_jcache *cache, uint32_t id);
int vnep_jcache_add(struct vnep_jindex *ix, uint32_t id, const char *dev,
	const struct vnep_jdevice *device, struct vnep_jslot **out, struct vnep_err *err);
/* An event of the device was put: is it the first one that is pending, or was it? */
void vnep_jcache_note_first(struct vnep_jslot *slot, uint64_t seq, const struct vnep_jevent *event);
/* NULL: no state has changed, but what LMDB has. */
void vnep_jcache_touch(struct vnep_jcache *cache, struct vnep_jslot *slot);

int vnep_jcache_append(struct vnep_jindex *ix, uint32_t id, uint64_t seq,
	const struct vnep_jevent *event, struct vnep_err *err);
/* The new events of one device; everything; the states of the devices alone. */
int vnep_jcache_flush_device(struct vnep_jindex *ix, uint32_t id, struct vnep_err *err);
int vnep_jcache_flush(struct vnep_jindex *ix, struct vnep_err *err);
int vnep_jcache_flush_states(struct vnep_jindex *ix, struct vnep_err *err);
/* For a commit: everything, but the new events may stay in a run for a while. */
int vnep_jcache_publish(struct vnep_jindex *ix, struct vnep_err *err);

/* Hashes of a device that is hashed: the newest pending event of each. */
int vnep_jcache_put_hash(
	struct vnep_jcache *cache, uint32_t id, uint64_t hash, uint64_t seq, struct vnep_err *err);
void vnep_jcache_del_hash(struct vnep_jcache *cache, uint32_t id, uint64_t hash, uint64_t seq);
uint64_t vnep_jcache_get_hash(
	const struct vnep_jcache *cache, uint32_t id, uint64_t hash); /* 0 = none */

/* Interfaces of the segment that grows. */
int vnep_jcache_put_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t id, struct vnep_err *err);
int vnep_jcache_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t *id, struct vnep_err *err);

#endif
