/*
 * journal-index - what the segments say about each device, so that nothing has to be searched.
 *
 * Inside a group everything goes through the cache first; readers see LMDB alone. The environment is
 * written without fsync: journal-recover knows when it may be believed.
 */
#include <errno.h>
#include <string.h>

#include "journal-index.h"
#include "vnep/err.h"

static const uint64_t NEVER = UINT64_MAX; /* no transaction has this number */

_Static_assert(sizeof(struct vnep_jtail) == 72, "no holes");
_Static_assert(sizeof(struct vnep_jdevice) == 136, "no holes");

int vnep_jindex_open(struct vnep_jindex *ix, const char *path, bool write, struct vnep_err *err)
{
	int rc;

	*ix = (struct vnep_jindex){ 0 };
	if (write && !(ix->cache = vnep_jcache_new()))
		return vnep_err_sys(err, ENOMEM, "journal");
	rc = vnep_jdb_open(ix, path, write, err);
	if (rc)
		vnep_jindex_close(ix);
	return rc;
}

void vnep_jindex_close(struct vnep_jindex *ix)
{
	vnep_jdb_close(ix);
	vnep_jcache_free(ix->cache);
	*ix = (struct vnep_jindex){ 0 };
}

/* Runs of somebody else, or of ours from before the cache was cleared, go into chunks: behind that, what the cache
 * does not have is there. */
static int start_anew(struct vnep_jindex *ix, struct vnep_err *err)
{
	bool any;
	int rc;

	vnep_jcache_clear(ix->cache);
	rc = vnep_jrun_merge(ix, &any, err);
	ix->cached = any ? NEVER : vnep_jdb_last(ix); /* until it is committed */
	return rc;
}

int vnep_jindex_begin(struct vnep_jindex *ix, struct vnep_err *err)
{
	int rc = vnep_jdb_begin(ix, err);

	return !rc && vnep_jdb_last(ix) != ix->cached ? start_anew(ix, err) : rc;
}

/* The caller has the lock of the journal: nobody commits in between. */
int vnep_jindex_commit(struct vnep_jindex *ix, struct vnep_err *err)
{
	int rc = vnep_jcache_publish(ix, err);

	if (!rc)
		rc = vnep_jdb_commit(ix, err);
	if (rc) {
		vnep_jdb_abort(ix);
		ix->cached = NEVER;
		return rc;
	}
	vnep_jcache_settle(ix->cache);
	ix->cached = vnep_jdb_last(ix);
	return 0;
}

void vnep_jindex_abort(struct vnep_jindex *ix)
{
	vnep_jdb_abort(ix);
	if (ix->cache && vnep_jcache_changed(ix->cache))
		ix->cached = NEVER;
}

/* Meta. */

int vnep_jindex_tail(struct vnep_jindex *ix, struct vnep_jtail *out, struct vnep_err *err)
{
	return vnep_jdb_get_fixed(ix, VNEP_JDB_META, "tail", 4, out, sizeof *out, err);
}

int vnep_jindex_put_tail(
	struct vnep_jindex *ix, const struct vnep_jtail *tail, struct vnep_err *err)
{
	return vnep_jdb_put(ix, VNEP_JDB_META, "tail", 4, tail, sizeof *tail, err);
}

int vnep_jindex_ledger(
	struct vnep_jindex *ix, void *out, size_t cap, size_t *len, struct vnep_err *err)
{
	struct vnep_slice value = { 0 };
	int rc = vnep_jdb_get(ix, VNEP_JDB_META, "ledger", 6, &value, err);

	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	*len = value.len;
	if (*len > cap)
		return vnep_err_set(err, VNEP_ETOOBIG, "the ledger has %zu octets", *len);
	if (*len)
		memcpy(out, value.data, *len);
	return 0;
}

int vnep_jindex_put_ledger(
	struct vnep_jindex *ix, const void *data, size_t len, struct vnep_err *err)
{
	return vnep_jdb_put(ix, VNEP_JDB_META, "ledger", 6, data, len, err);
}

/* Keys. */

void vnep_jpair_set(uint8_t key[static VNEP_JPAIR_LEN], uint32_t id, uint64_t number)
{
	vnep_set_be32(key, id);
	vnep_set_be32(key + 4, (uint32_t)(number >> 32));
	vnep_set_be32(key + 8, (uint32_t)number);
}

uint32_t vnep_jpair_id(const uint8_t key[static VNEP_JPAIR_LEN])
{
	return vnep_be32(key);
}

uint64_t vnep_jpair_number(const uint8_t key[static VNEP_JPAIR_LEN])
{
	return (uint64_t)vnep_be32(key + 4) << 32 | vnep_be32(key + 8);
}

/* Devices. */

static int stored_device(
	struct vnep_jindex *ix, uint32_t id, struct vnep_jdevice *out, struct vnep_err *err)
{
	uint8_t key[4];

	vnep_set_be32(key, id);
	return vnep_jdb_get_fixed(ix, VNEP_JDB_DEVICE, key, sizeof key, out, sizeof *out, err);
}

int vnep_jindex_id(struct vnep_jindex *ix, const char *dev, uint32_t *id, struct vnep_err *err)
{
	struct vnep_jslot *slot = ix->write ? vnep_jcache_by_name(ix->cache, dev) : NULL;
	struct vnep_jdevice device;
	int rc;

	if (slot) {
		*id = slot->id;
		return 0;
	}
	rc = vnep_jdb_get_fixed(ix, VNEP_JDB_NAME, dev, strlen(dev), id, sizeof *id, err);
	if (rc || !ix->write)
		return rc;
	rc = stored_device(ix, *id, &device, err);
	return rc ? rc : vnep_jcache_add(ix, *id, dev, &device, NULL, err);
}

int vnep_jindex_add(struct vnep_jindex *ix, uint32_t id, const char *dev, struct vnep_err *err)
{
	const struct vnep_jdevice fresh = { .synced_seq = 1 };
	struct vnep_jslot *slot;
	uint8_t key[4];
	int rc = vnep_jdb_put(ix, VNEP_JDB_NAME, dev, strlen(dev), &id, sizeof id, err);

	vnep_set_be32(key, id);
	if (!rc)
		rc = vnep_jdb_put(ix, VNEP_JDB_URN, key, sizeof key, dev, strlen(dev), err);
	if (!rc)
		rc = vnep_jcache_add(ix, id, dev, &fresh, &slot, err);
	if (!rc)
		vnep_jcache_touch(ix->cache, slot);
	return rc;
}

int vnep_jindex_name(struct vnep_jindex *ix, uint32_t id, char dev[static VNEP_URN_MAX + 1],
	struct vnep_err *err)
{
	uint8_t key[4];
	struct vnep_slice name;
	int rc;

	vnep_set_be32(key, id);
	rc = vnep_jdb_get(ix, VNEP_JDB_URN, key, sizeof key, &name, err);
	if (rc == VNEP_ENOTFOUND || (!rc && name.len > VNEP_URN_MAX))
		return vnep_err_set(
			err, VNEP_EDAMAGED, "index of the journal: device %u has no name", id);
	if (rc)
		return rc;
	memcpy(dev, name.data, name.len);
	dev[name.len] = 0;
	return 0;
}

int vnep_jindex_device(
	struct vnep_jindex *ix, uint32_t id, struct vnep_jdevice *out, struct vnep_err *err)
{
	struct vnep_jslot *slot = ix->write ? vnep_jcache_by_id(ix->cache, id) : NULL;

	if (!slot)
		return stored_device(ix, id, out, err);
	*out = slot->device;
	return 0;
}

/* The slot of a device that is there. */
static int slot_of(
	struct vnep_jindex *ix, uint32_t id, struct vnep_jslot **out, struct vnep_err *err)
{
	char dev[VNEP_URN_MAX + 1];
	struct vnep_jdevice device;
	int rc;

	*out = vnep_jcache_by_id(ix->cache, id);
	if (*out)
		return 0;
	rc = vnep_jindex_name(ix, id, dev, err);
	if (!rc)
		rc = stored_device(ix, id, &device, err);
	return rc ? rc : vnep_jcache_add(ix, id, dev, &device, out, err);
}

int vnep_jindex_put_device(struct vnep_jindex *ix, uint32_t id, const struct vnep_jdevice *device,
	struct vnep_err *err)
{
	struct vnep_jslot *slot;
	int rc = slot_of(ix, id, &slot, err);

	if (rc)
		return rc;
	slot->device = *device;
	vnep_jcache_touch(ix->cache, slot);
	return 0;
}

int vnep_jindex_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t *id, struct vnep_err *err)
{
	return vnep_jcache_interface(ix, segment, interface, id, err);
}

int vnep_jindex_put_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t id, struct vnep_err *err)
{
	return vnep_jcache_put_interface(ix, segment, interface, id, err);
}

/* Events. */

/* Whoever looks at the events of a device finds the new ones, too. */
static int flush_device(struct vnep_jindex *ix, uint32_t id, struct vnep_err *err)
{
	return ix->write ? vnep_jcache_flush_device(ix, id, err) : 0;
}

int vnep_jindex_event(struct vnep_jindex *ix, uint32_t id, uint64_t seq, struct vnep_jevent *out,
	struct vnep_err *err)
{
	uint64_t found = seq;
	int rc = flush_device(ix, id, err);

	if (!rc)
		rc = vnep_jchunk_get(ix, id, seq, out, err);
	if (rc != VNEP_ENOTFOUND || ix->write)
		return rc;
	rc = vnep_jrun_next(ix, id, &found, false, out, err);
	return rc || found == seq ? rc : VNEP_ENOTFOUND;
}

int vnep_jindex_append_event(struct vnep_jindex *ix, uint32_t id, uint64_t seq,
	const struct vnep_jevent *event, struct vnep_err *err)
{
	struct vnep_jslot *slot;
	int rc = slot_of(ix, id, &slot, err);

	return rc ? rc : vnep_jcache_append(ix, id, seq, event, err);
}

int vnep_jindex_put_event(struct vnep_jindex *ix, uint32_t id, uint64_t seq,
	const struct vnep_jevent *event, struct vnep_jevent *old, struct vnep_err *err)
{
	struct vnep_jslot *slot;
	int rc = slot_of(ix, id, &slot, err);

	if (!rc)
		rc = vnep_jcache_flush_device(ix, id, err);
	if (rc)
		return rc;
	rc = vnep_jchunk_set(ix, id, seq, event, old, err);
	vnep_jcache_touch(ix->cache, slot);
	vnep_jcache_note_first(slot, seq, event);
	if (rc || !slot->hashed)
		return rc;
	if (old->flags & VNEP_JEVENT_PENDING && !(event->flags & VNEP_JEVENT_PENDING))
		vnep_jcache_del_hash(ix->cache, id, old->hash, seq);
	else if (event->flags & VNEP_JEVENT_PENDING)
		rc = vnep_jcache_put_hash(ix->cache, id, event->hash, seq, err);
	return rc;
}

int vnep_jindex_move(struct vnep_jindex *ix, uint32_t id, uint32_t segment,
	const struct vnep_jmove *moves, size_t count, struct vnep_err *err)
{
	struct vnep_jslot *slot;
	int rc = slot_of(ix, id, &slot, err);

	if (!rc)
		rc = vnep_jcache_flush_device(ix, id, err);
	if (!rc)
		rc = vnep_jchunk_move(ix, id, segment, moves, count, err);
	if (rc)
		return rc;
	vnep_jcache_touch(ix->cache, NULL);
	for (size_t i = 0; i < count; i++) { /* the queue has a copy of the first one */
		if (slot->first_is == VNEP_JFIRST_LOST || slot->first.seq != moves[i].seq)
			continue;
		slot->first.event.segment = segment;
		slot->first.event.offset = moves[i].offset;
		slot->first.event.length = moves[i].length;
		slot->first_is = VNEP_JFIRST_NEW;
		vnep_jcache_touch(ix->cache, slot);
	}
	return 0;
}

int vnep_jindex_next_event(struct vnep_jindex *ix, uint32_t id, uint64_t *seq,
	struct vnep_jevent *out, struct vnep_err *err)
{
	int rc = flush_device(ix, id, err);

	if (!rc)
		rc = vnep_jchunk_next(ix, id, seq, out, err);
	return rc == VNEP_ENOTFOUND && !ix->write ? vnep_jrun_next(ix, id, seq, false, out, err)
						  : rc;
}

int vnep_jindex_next_pending(struct vnep_jindex *ix, uint32_t id, uint64_t *seq,
	struct vnep_jevent *out, struct vnep_err *err)
{
	struct vnep_jfirst first;
	uint64_t last;
	uint8_t key[4];
	int rc = flush_device(ix, id, err);

	if (!rc && !ix->write) {
		vnep_set_be32(key, id);
		rc = vnep_jdb_get_fixed(
			ix, VNEP_JDB_QUEUE, key, sizeof key, &first, sizeof first, err);
		if (rc)
			return rc;
		if (first.seq >= *seq) {
			*seq = first.seq;
			*out = first.event;
			return 0;
		}
	}
	if (!rc)
		rc = vnep_jchunk_next_pending(ix, id, seq, out, err);
	if (rc != VNEP_ENOTFOUND || ix->write)
		return rc;
	rc = vnep_jchunk_last(ix, id, &last, err); /* what a chunk has is no more as the run says */
	if (rc)
		return rc;
	if (*seq <= last)
		*seq = last + 1;
	return vnep_jrun_next(ix, id, seq, true, out, err);
}

int vnep_jindex_next_waiting(struct vnep_jindex *ix, uint32_t *id, struct vnep_err *err)
{
	struct vnep_slice value;
	uint8_t key[4];
	int rc = ix->write ? vnep_jcache_flush_states(ix, err) : 0;

	if (rc)
		return rc;
	vnep_set_be32(key, *id);
	rc = vnep_jdb_seek(ix, VNEP_JDB_QUEUE, key, sizeof key, &value, err);
	if (!rc)
		*id = vnep_be32(key);
	return rc;
}

int vnep_jindex_forget(
	struct vnep_jindex *ix, uint32_t id, uint64_t from, uint64_t to, struct vnep_err *err)
{
	int rc = vnep_jcache_flush(ix, err); /* no run may bring them back */

	return rc ? rc : vnep_jchunk_forget(ix, id, from, to, err);
}

/* The hashes of what is pending for the device, once. */
static int load_hashes(struct vnep_jindex *ix, struct vnep_jslot *slot, struct vnep_err *err)
{
	struct vnep_jevent event;
	uint64_t seq = 0;
	int rc = vnep_jcache_flush_device(ix, slot->id, err);

	while (!rc && !(rc = vnep_jchunk_next_pending(ix, slot->id, &seq, &event, err)))
		rc = vnep_jcache_put_hash(ix->cache, slot->id, event.hash, seq++, err);
	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	slot->hashed = true;
	return 0;
}

int vnep_jindex_equal(
	struct vnep_jindex *ix, uint32_t id, uint64_t hash, uint64_t *seq, struct vnep_err *err)
{
	struct vnep_jslot *slot;
	int rc = slot_of(ix, id, &slot, err);

	if (!rc && !slot->hashed)
		rc = load_hashes(ix, slot, err);
	if (rc)
		return rc;
	*seq = vnep_jcache_get_hash(ix->cache, id, hash);
	return *seq ? 0 : VNEP_ENOTFOUND;
}
