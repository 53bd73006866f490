/*
 * journal-cache - what the writer knows of the index in memory, and what the open group adds to it.
 *
 * A packet changes little: the state of its device, and one event behind the last one. Both wait here until the
 * group is committed; then they go into LMDB device by device, in the order of the keys, so that a group costs
 * an update for each device and not some for each packet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "journal-cache.h"
#include "vnep/err.h"
#include "vnep/siphash.h"

#ifdef VNEP_BUGS /* the crash test has three devices and short lives */
enum { SLOTS_MAX = 2, EVENTS_MAX = 24, RUNS_MAX = 3, RUN_EVENTS_MAX = 16 };
#else
enum {
	SLOTS_MAX = 1 << 17,
	EVENTS_MAX = 1 << 20,
	RUNS_MAX = 16, /* so many, or so many events in them: then they go into chunks */
	RUN_EVENTS_MAX = 1 << 16
};
#endif
enum { HUGE_PAGE = 1 << 21 };

static void *big_memory(size_t octets)
{
	void *memory;

	if (octets < HUGE_PAGE)
		return malloc(octets);
	octets = (octets + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	memory = aligned_alloc(HUGE_PAGE, octets);
	if (memory)
		madvise(memory, octets, MADV_HUGEPAGE);
	return memory;
}

void *vnep_jbig_new(size_t octets)
{
	void *memory = big_memory(octets);

	return memory ? memset(memory, 0, octets) : NULL;
}

/* A bigger one with the same beginning; NULL: the old one stays. */
static void *big_grow(void *old, size_t used, size_t octets)
{
	void *memory = big_memory(octets);

	if (memory && used)
		memcpy(memory, old, used);
	if (memory)
		free(old);
	return memory;
}

struct vnep_jcache *vnep_jcache_new(void)
{
	struct vnep_jcache *cache = calloc(1, sizeof *cache);

	if (cache && getrandom(cache->secret, sizeof cache->secret, 0) != sizeof cache->secret)
		memset(cache->secret, 1, sizeof cache->secret); /* slow where somebody means harm */
	return cache;
}

void vnep_jcache_clear(struct vnep_jcache *cache)
{
	cache->slot_count = cache->fresh_count = cache->published = 0;
	cache->touched_count = cache->kept_count = 0;
	cache->runs = 0;
	vnep_buf_reset(&cache->names);
	if (cache->table_cap) {
		memset(cache->by_name, 0, cache->table_cap * sizeof *cache->by_name);
		memset(cache->by_id, 0, cache->table_cap * sizeof *cache->by_id);
	}
	vnep_jcache_clear_hashes(cache);
	cache->changed = cache->unflushed = cache->interfaces_changed = false;
	cache->segment = 0;
	vnep_buf_reset(&cache->interfaces);
}

void vnep_jcache_free(struct vnep_jcache *cache)
{
	if (!cache)
		return;
	free(cache->slots);
	free(cache->touched);
	free(cache->kept);
	free(cache->by_name);
	free(cache->by_id);
	free(cache->fresh);
	free(cache->hashed);
	vnep_buf_release(&cache->names);
	vnep_buf_release(&cache->order);
	vnep_buf_release(&cache->events);
	vnep_buf_release(&cache->interfaces);
	free(cache);
}

bool vnep_jcache_changed(const struct vnep_jcache *cache)
{
	return cache->changed;
}

void vnep_jcache_settle(struct vnep_jcache *cache)
{
	cache->changed = false;
}

static int no_memory(struct vnep_err *err)
{
	return vnep_err_sys(err, ENOMEM, "journal");
}

/* Devices. */

static size_t place_of_id(const struct vnep_jcache *cache, uint32_t id)
{
	return (id * 0x9e3779b97f4a7c15ull >> 32) & (cache->table_cap - 1);
}

static size_t place_of_name(const struct vnep_jcache *cache, const char *dev, size_t len)
{
	return vnep_siphash(cache->secret, 0, dev, len) & (cache->table_cap - 1);
}

static const char *name_of(const struct vnep_jcache *cache, const struct vnep_jslot *slot)
{
	return (const char *)cache->names.data + slot->dev_at;
}

static void enter_slot(struct vnep_jcache *cache, size_t n)
{
	struct vnep_jslot *slot = &cache->slots[n];
	size_t mask = cache->table_cap - 1,
	       at = place_of_name(cache, name_of(cache, slot), slot->dev_len);

	while (cache->by_name[at])
		at = (at + 1) & mask;
	cache->by_name[at] = (uint32_t)n + 1;
	at = place_of_id(cache, slot->id);
	while (cache->by_id[at])
		at = (at + 1) & mask;
	cache->by_id[at] = (uint32_t)n + 1;
}

static bool grow_list(uint32_t **list, size_t used, size_t slots)
{
	uint32_t *more = big_grow(*list, used * sizeof *more, slots * sizeof *more);

	if (more)
		*list = more;
	return more;
}

/* Room for one slot more, in tables that are never more than half full. */
static bool grow(struct vnep_jcache *cache)
{
	size_t slots = cache->slot_cap ? cache->slot_cap * 2 : VNEP_JTABLE_MIN / 2;
	struct vnep_jslot *more;

	if (cache->slot_count < cache->slot_cap)
		return true;
	if (!grow_list(&cache->touched, cache->touched_count, slots) ||
		!grow_list(&cache->kept, cache->kept_count, slots))
		return false;
	more = big_grow(cache->slots, cache->slot_count * sizeof *more, slots * sizeof *more);
	if (!more)
		return false;
	cache->slots = more;
	free(cache->by_name);
	free(cache->by_id);
	cache->by_name = vnep_jbig_new(slots * 2 * sizeof *cache->by_name);
	cache->by_id = vnep_jbig_new(slots * 2 * sizeof *cache->by_id);
	cache->table_cap = cache->by_name && cache->by_id ? slots * 2 : 0;
	if (!cache->table_cap)
		return false;
	cache->slot_cap = slots;
	for (size_t n = 0; n < cache->slot_count; n++)
		enter_slot(cache, n);
	return true;
}

struct vnep_jslot *vnep_jcache_by_name(struct vnep_jcache *cache, const char *dev)
{
	size_t len = strlen(dev), at;

	if (!cache->slot_count)
		return NULL;
	for (at = place_of_name(cache, dev, len); cache->by_name[at];
		at = (at + 1) & (cache->table_cap - 1)) {
		struct vnep_jslot *slot = &cache->slots[cache->by_name[at] - 1];

		if (slot->dev_len == len && !memcmp(name_of(cache, slot), dev, len)) {
			cache->last = cache->by_name[at] - 1;
			return slot;
		}
	}
	return NULL;
}

struct vnep_jslot *vnep_jcache_by_id(struct vnep_jcache *cache, uint32_t id)
{
	if (!cache->slot_count)
		return NULL;
	if (cache->last < cache->slot_count && cache->slots[cache->last].id == id)
		return &cache->slots[cache->last]; /* one after the other ask for the same */
	for (size_t at = place_of_id(cache, id); cache->by_id[at];
		at = (at + 1) & (cache->table_cap - 1)) {
		struct vnep_jslot *slot = &cache->slots[cache->by_id[at] - 1];

		if (slot->id == id) {
			cache->last = cache->by_id[at] - 1;
			return slot;
		}
	}
	return NULL;
}

static int load_first(struct vnep_jindex *ix, struct vnep_jslot *slot, struct vnep_err *err)
{
	uint8_t key[4];
	int rc;

	vnep_set_be32(key, slot->id);
	rc = vnep_jdb_get_fixed(
		ix, VNEP_JDB_QUEUE, key, sizeof key, &slot->first, sizeof slot->first, err);
	if (rc == VNEP_ENOTFOUND)
		slot->first_is = VNEP_JFIRST_LOST;
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

int vnep_jcache_add(struct vnep_jindex *ix, uint32_t id, const char *dev,
	const struct vnep_jdevice *device, struct vnep_jslot **out, struct vnep_err *err)
{
	struct vnep_jcache *cache = ix->cache;
	struct vnep_jslot *slot;
	int rc;

	if (cache->slot_count >= SLOTS_MAX) {
		rc = vnep_jcache_flush(ix, err);
		if (rc)
			return rc;
		vnep_jcache_clear(cache);
		cache->changed = true; /* the transaction is */
	}
	if (!grow(cache) || !vnep_buf_reserve(&cache->names, VNEP_URN_MAX)) {
		vnep_jcache_clear(cache);
		cache->changed = true;
		return no_memory(err);
	}
	slot = &cache->slots[cache->slot_count];
	*slot = (struct vnep_jslot){ .device = *device,
		.id = id,
		.dev_len = (uint8_t)strlen(dev),
		.queued = device->pending != 0 };
	slot->dev_at = (uint32_t)cache->names.len;
	vnep_buf_put(&cache->names, dev, slot->dev_len);
	enter_slot(cache, cache->slot_count++);
	if (out)
		*out = slot;
	return slot->queued ? load_first(ix, slot, err) : 0;
}

void vnep_jcache_note_first(struct vnep_jslot *slot, uint64_t seq, const struct vnep_jevent *event)
{
	bool pending = event->flags & VNEP_JEVENT_PENDING;

	if (slot->first_is == VNEP_JFIRST_LOST || (slot->first.seq && seq > slot->first.seq))
		return;
	if (pending) {
		slot->first = (struct vnep_jfirst){ *event, seq };
		slot->first_is = VNEP_JFIRST_NEW;
	} else if (seq == slot->first.seq) {
		slot->first_is = VNEP_JFIRST_LOST;
	}
}

static void list_touched(struct vnep_jcache *cache, struct vnep_jslot *slot)
{
	if (!slot->touched)
		cache->touched[cache->touched_count++] = (uint32_t)(slot - cache->slots);
	slot->touched = true;
}

void vnep_jcache_touch(struct vnep_jcache *cache, struct vnep_jslot *slot)
{
	cache->changed = true;
	if (!slot)
		return;
	slot->dirty = cache->unflushed = true;
	list_touched(cache, slot);
}

/* New events. */

int vnep_jcache_append(struct vnep_jindex *ix, uint32_t id, uint64_t seq,
	const struct vnep_jevent *event, struct vnep_err *err)
{
	struct vnep_jcache *cache = ix->cache;
	struct vnep_jslot *slot;
	struct vnep_jnew *more;
	size_t cap;
	int rc;

	if (cache->fresh_count == EVENTS_MAX) {
		rc = vnep_jcache_flush(ix, err);
		if (rc)
			return rc;
	}
	slot = vnep_jcache_by_id(cache, id);
	if (!slot)
		return vnep_err_set(
			err, VNEP_EDAMAGED, "index of the journal: device %u is not known", id);
	if (cache->fresh_count == cache->fresh_cap) {
		cap = cache->fresh_cap ? cache->fresh_cap * 2 : VNEP_JTABLE_MIN;
		more = big_grow(
			cache->fresh, cache->fresh_count * sizeof *more, cap * sizeof *more);
		if (!more)
			return no_memory(err);
		cache->fresh = more;
		cache->fresh_cap = cap;
	}
	cache->fresh[cache->fresh_count++] = (struct vnep_jnew){ *event, seq, id, slot->newest };
	slot->newest = (uint32_t)cache->fresh_count;
	slot->fresh++;
	cache->changed = cache->unflushed = true;
	list_touched(cache, slot);
	vnep_jcache_note_first(slot, seq, event);
	if (slot->hashed && event->flags & VNEP_JEVENT_PENDING)
		return vnep_jcache_put_hash(cache, id, event->hash, seq, err);
	return 0;
}

static int flush_events(struct vnep_jindex *ix, struct vnep_jslot *slot, struct vnep_err *err)
{
	struct vnep_jcache *cache = ix->cache;
	size_t count = slot->fresh, n = count, end = count;
	struct vnep_jevent *events;
	uint64_t next = 0; /* the first number of those that are taken together */
	int rc = 0;

	if (!count)
		return 0;
	vnep_buf_reset(&cache->events);
	events = (struct vnep_jevent *)(void *)vnep_buf_reserve(
		&cache->events, count * sizeof *events);
	if (!events)
		return no_memory(err);
	/* From the newest back: a device whose numbers have holes is rare, and costs its order in LMDB, no more. */
	for (uint32_t i = slot->newest; i && !rc; i = cache->fresh[i - 1].before) {
		const struct vnep_jnew *fresh = &cache->fresh[i - 1];

		if (n < end && fresh->seq + 1 != next) {
			rc = vnep_jchunk_append(ix, slot->id, next, events + n, end - n, err);
			end = n;
		}
		events[--n] = fresh->event;
		next = fresh->seq;
	}
	if (!rc && n < end)
		rc = vnep_jchunk_append(ix, slot->id, next, events + n, end - n, err);
	slot->newest = slot->fresh = 0;
	cache->changed = true;
	return rc;
}

int vnep_jcache_flush_device(struct vnep_jindex *ix, uint32_t id, struct vnep_err *err)
{
	struct vnep_jslot *slot = vnep_jcache_by_id(ix->cache, id);

	return slot ? flush_events(ix, slot, err) : 0;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void add_to_order(struct vnep_jcache *cache, uint64_t *order, size_t *count, uint32_t n)
{
	const struct vnep_jslot *slot = &cache->slots[n];

	if (slot->dirty || slot->fresh)
		order[(*count)++] = (uint64_t)slot->id << 32 | n;
}

/* The slots that were touched, and those that are kept where they are wanted, too, in the order of their ids. */
static uint64_t *sort_changed(struct vnep_jcache *cache, bool kept, size_t *count)
{
	uint64_t *order;
	bool sorted = true;

	*count = 0;
	vnep_buf_reset(&cache->order);
	order = (uint64_t *)(void *)vnep_buf_reserve(&cache->order,
		(cache->touched_count + (kept ? cache->kept_count : 0)) * sizeof *order);
	if (!order)
		return NULL;
	for (size_t i = 0; i < cache->touched_count; i++)
		add_to_order(cache, order, count, cache->touched[i]);
	for (size_t i = 0; kept && i < cache->kept_count; i++)
		if (!cache->slots[cache->kept[i]].touched)
			add_to_order(cache, order, count, cache->kept[i]);
	for (size_t i = 1; i < *count && sorted; i++)
		sorted = order[i] >= order[i - 1];
	if (!sorted)
		qsort(order, *count, sizeof *order, by_number);
	return order;
}

/* What was touched is in LMDB now; whose events stand in runs alone is kept for the next flush. */
static void keep_touched(struct vnep_jcache *cache)
{
	for (size_t i = 0; i < cache->touched_count; i++) {
		struct vnep_jslot *slot = &cache->slots[cache->touched[i]];

		slot->touched = false;
		if (slot->fresh && !slot->kept) {
			cache->kept[cache->kept_count++] = cache->touched[i];
			slot->kept = true;
		}
	}
	cache->touched_count = 0;
}

static void drop_kept(struct vnep_jcache *cache)
{
	for (size_t i = 0; i < cache->kept_count; i++)
		cache->slots[cache->kept[i]].kept = false;
	cache->kept_count = 0;
}

/* The queue follows the state. */
static int flush_first(struct vnep_jindex *ix, struct vnep_jslot *slot, struct vnep_err *err)
{
	bool waits = slot->device.pending != 0;
	uint8_t key[4];
	int rc = 0;

	vnep_set_be32(key, slot->id);
	if (waits && slot->first_is == VNEP_JFIRST_LOST) {
		slot->first.seq = 0;
		rc = flush_events(ix, slot, err);
		if (!rc)
			rc = vnep_jchunk_next_pending(
				ix, slot->id, &slot->first.seq, &slot->first.event, err);
		if (rc == VNEP_ENOTFOUND) /* nothing to hand out, whatever the state counts */
			rc = 0, waits = false;
		slot->first_is = VNEP_JFIRST_NEW;
	}
	if (!rc && waits && (!slot->queued || slot->first_is == VNEP_JFIRST_NEW))
		rc = vnep_jdb_put(
			ix, VNEP_JDB_QUEUE, key, sizeof key, &slot->first, sizeof slot->first, err);
	else if (!rc && !waits && slot->queued)
		rc = vnep_jdb_del(ix, VNEP_JDB_QUEUE, key, sizeof key, err);
	if (!waits)
		slot->first = (struct vnep_jfirst){ 0 };
	slot->first_is = VNEP_JFIRST_SAME;
	slot->queued = waits;
	return rc;
}

static int flush_state(struct vnep_jindex *ix, struct vnep_jslot *slot, struct vnep_err *err)
{
	uint8_t key[4];
	int rc;

	if (!slot->dirty)
		return 0;
	vnep_set_be32(key, slot->id);
	rc = vnep_jdb_put(
		ix, VNEP_JDB_DEVICE, key, sizeof key, &slot->device, sizeof slot->device, err);
	slot->dirty = false;
	return rc ? rc : flush_first(ix, slot, err);
}

static int flush_states(
	struct vnep_jindex *ix, const uint64_t *order, size_t count, struct vnep_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = flush_state(ix, &ix->cache->slots[(uint32_t)order[i]], err);
	return rc;
}

int vnep_jcache_flush_states(struct vnep_jindex *ix, struct vnep_err *err)
{
	uint64_t *order;
	size_t count;

	if (!ix->cache->unflushed)
		return 0;
	order = sort_changed(ix->cache, false, &count);
	return order ? flush_states(ix, order, count, err) : no_memory(err);
}

int vnep_jcache_flush(struct vnep_jindex *ix, struct vnep_err *err)
{
	struct vnep_jcache *cache = ix->cache;
	uint64_t *order;
	size_t count;
	int rc = 0;

	if (!cache->unflushed && !cache->fresh_count)
		return 0;
	order = sort_changed(cache, true, &count);
	if (!order)
		return no_memory(err);
	for (size_t i = 0; i < count && !rc; i++)
		rc = flush_events(ix, &cache->slots[(uint32_t)order[i]], err);
	if (!rc && cache->runs)
		rc = vnep_jrun_drop(ix, err);
	cache->fresh_count = cache->published = 0;
	cache->runs = 0;
	if (!rc)
		rc = flush_states(ix, order, count, err);
	drop_kept(cache);
	keep_touched(cache);
	cache->unflushed = false;
	cache->changed = true;
	return rc ? rc : vnep_jcache_flush_interfaces(ix, err);
}

/* The new events that are in no run yet, device by device. */
static int put_run(
	struct vnep_jindex *ix, const uint64_t *order, size_t count, struct vnep_err *err)
{
	struct vnep_jcache *cache = ix->cache;
	size_t events = cache->fresh_count - cache->published, end = events;
	struct vnep_jnew *run;
	int rc;

	vnep_buf_reset(&cache->events);
	run = (struct vnep_jnew *)(void *)vnep_buf_reserve(&cache->events, events * sizeof *run);
	if (!run)
		return no_memory(err);
	/* Each device's newest one comes first: from the end of the run to its beginning. */
	while (count--) {
		const struct vnep_jslot *slot = &cache->slots[(uint32_t)order[count]];

		for (uint32_t i = slot->newest; i > cache->published; i = run[end].before)
			run[--end] = cache->fresh[i - 1];
	}
	cache->published = cache->fresh_count;
	if (end == events) /* all of them went into chunks already */
		return 0;
	rc = vnep_jrun_put(ix, cache->runs, run + end, events - end, err);
	cache->runs++;
	return rc;
}

int vnep_jcache_publish(struct vnep_jindex *ix, struct vnep_err *err)
{
	struct vnep_jcache *cache = ix->cache;
	uint64_t *order;
	size_t count;
	int rc = 0;

	if (!cache->unflushed)
		return 0;
	if (cache->fresh_count >= RUN_EVENTS_MAX || cache->runs >= RUNS_MAX)
		return vnep_jcache_flush(ix, err);
	order = sort_changed(cache, false, &count);
	if (!order)
		return no_memory(err);
	if (cache->fresh_count > cache->published)
		rc = put_run(ix, order, count, err);
	if (!rc)
		rc = flush_states(ix, order, count, err);
	keep_touched(cache);
	cache->unflushed = false;
	return rc ? rc : vnep_jcache_flush_interfaces(ix, err);
}
