/*
 * journal-chunk - the events of a device, some to a value.
 *
 * A chunk holds up to 32 events whose numbers follow each other, under the number of its first one; chunks of a
 * device do not overlap. A value of one event each would cost a search and a key for every packet; so a device
 * that gets many in a group costs one. Chunks with a pending event stand in a database of their own besides:
 * what waits is found without looking through what does not.
 */
#include <string.h>

#include "journal-index.h"
#include "vnep/err.h"

_Static_assert(sizeof(struct vnep_jevent) == 40, "no holes");

struct chunk {
	uint64_t first;
	size_t count;
	const uint8_t *data; /* lent */
};

static struct vnep_jevent event_at(const struct chunk *chunk, size_t i)
{
	struct vnep_jevent event;

	memcpy(&event, chunk->data + i * sizeof event, sizeof event);
	return event;
}

static bool holds(const struct chunk *chunk, uint64_t seq)
{
	return seq >= chunk->first && seq - chunk->first < chunk->count;
}

static bool has_pending(const struct vnep_jevent *events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (events[i].flags & VNEP_JEVENT_PENDING)
			return true;
	return false;
}

static int check(
	struct chunk *out, uint64_t first, const struct vnep_slice *value, struct vnep_err *err)
{
	size_t count = value->len / sizeof(struct vnep_jevent);

	if (!count || count > VNEP_JCHUNK_EVENTS || value->len % sizeof(struct vnep_jevent) ||
		first > UINT64_MAX - count)
		return vnep_err_set(err, VNEP_EDAMAGED,
			"index of the journal: a value of %zu octets", value->len);
	*out = (struct chunk){ first, count, value->data };
	return 0;
}

/* The last chunk that begins at seq or in front of it. */
static int floor_of(
	struct vnep_jindex *ix, uint32_t id, uint64_t seq, struct chunk *out, struct vnep_err *err)
{
	uint8_t key[VNEP_JPAIR_LEN];
	struct vnep_slice value;
	int rc;

	vnep_jpair_set(key, id, seq);
	rc = vnep_jdb_floor(ix, VNEP_JDB_CHUNK, key, sizeof key, &value, err);
	if (rc)
		return rc;
	return vnep_jpair_id(key) == id ? check(out, vnep_jpair_number(key), &value, err)
					: VNEP_ENOTFOUND;
}

/* The chunk that holds seq, else the first one behind it. */
static int find(
	struct vnep_jindex *ix, uint32_t id, uint64_t seq, struct chunk *out, struct vnep_err *err)
{
	uint8_t key[VNEP_JPAIR_LEN];
	struct vnep_slice value;
	int rc = floor_of(ix, id, seq, out, err);

	if (rc ? rc != VNEP_ENOTFOUND : holds(out, seq))
		return rc;
	vnep_jpair_set(key, id, seq);
	rc = vnep_jdb_seek(ix, VNEP_JDB_CHUNK, key, sizeof key, &value, err);
	if (rc)
		return rc;
	return vnep_jpair_id(key) == id ? check(out, vnep_jpair_number(key), &value, err)
					: VNEP_ENOTFOUND;
}

/* pending: it had some before. */
static int put(struct vnep_jindex *ix, uint32_t id, uint64_t first,
	const struct vnep_jevent *events, size_t count, bool pending, struct vnep_err *err)
{
	bool now = has_pending(events, count);
	uint8_t key[VNEP_JPAIR_LEN];
	int rc;

	vnep_jpair_set(key, id, first);
	rc = vnep_jdb_put(ix, VNEP_JDB_CHUNK, key, sizeof key, events, count * sizeof *events, err);
	if (!rc && now && !pending)
		rc = vnep_jdb_put(ix, VNEP_JDB_WAITING, key, sizeof key, "", 0, err);
	else if (!rc && !now && pending)
		rc = vnep_jdb_del(ix, VNEP_JDB_WAITING, key, sizeof key, err);
	return rc;
}

static int replace(struct vnep_jindex *ix, uint32_t id, uint64_t first,
	const struct vnep_jevent *events, size_t count, struct vnep_err *err)
{
	struct vnep_jevent old;
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		rc = vnep_jchunk_set(ix, id, first + i, &events[i], &old, err);
	return rc;
}

int vnep_jchunk_append(struct vnep_jindex *ix, uint32_t id, uint64_t first,
	const struct vnep_jevent *events, size_t count, struct vnep_err *err)
{
	struct vnep_jevent all[VNEP_JCHUNK_EVENTS];
	struct chunk last;
	size_t n;
	int rc = floor_of(ix, id, first, &last, err);

	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	if (!rc && last.first + last.count == first && last.count < VNEP_JCHUNK_EVENTS) {
		n = VNEP_JCHUNK_EVENTS - last.count < count ? VNEP_JCHUNK_EVENTS - last.count
							    : count;
		memcpy(all, last.data, last.count * sizeof *all);
		memcpy(all + last.count, events, n * sizeof *all);
		rc = put(
			ix, id, last.first, all, last.count + n, has_pending(all, last.count), err);
		if (rc)
			return rc;
		first += n;
		events += n;
		count -= n;
	} else if (!rc &&
		   holds(&last, first)) /* an index that knows more than the device's state */
		return replace(ix, id, first, events, count, err);
	for (rc = 0; count && !rc; count -= n, first += n, events += n) {
		n = count < VNEP_JCHUNK_EVENTS ? count : VNEP_JCHUNK_EVENTS;
		rc = put(ix, id, first, events, n, false, err);
	}
	return rc;
}

int vnep_jchunk_get(struct vnep_jindex *ix, uint32_t id, uint64_t seq, struct vnep_jevent *out,
	struct vnep_err *err)
{
	struct chunk chunk;
	int rc = floor_of(ix, id, seq, &chunk, err);

	if (rc || !holds(&chunk, seq))
		return rc ? rc : VNEP_ENOTFOUND;
	*out = event_at(&chunk, (size_t)(seq - chunk.first));
	return 0;
}

int vnep_jchunk_last(struct vnep_jindex *ix, uint32_t id, uint64_t *seq, struct vnep_err *err)
{
	struct chunk chunk = { 0 };
	int rc = floor_of(ix, id, UINT64_MAX, &chunk, err);

	*seq = rc ? 0 : chunk.first + chunk.count - 1;
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

int vnep_jchunk_set(struct vnep_jindex *ix, uint32_t id, uint64_t seq,
	const struct vnep_jevent *event, struct vnep_jevent *old, struct vnep_err *err)
{
	struct vnep_jevent all[VNEP_JCHUNK_EVENTS];
	struct chunk chunk;
	bool pending;
	int rc = floor_of(ix, id, seq, &chunk, err);

	*old = (struct vnep_jevent){ 0 };
	if (rc == VNEP_ENOTFOUND || (!rc && !holds(&chunk, seq)))
		return put(ix, id, seq, event, 1, false, err);
	if (rc)
		return rc;
	memcpy(all, chunk.data, chunk.count * sizeof *all);
	pending = has_pending(all, chunk.count);
	*old = all[seq - chunk.first];
	all[seq - chunk.first] = *event;
	return put(ix, id, chunk.first, all, chunk.count, pending, err);
}

int vnep_jchunk_move(struct vnep_jindex *ix, uint32_t id, uint32_t segment,
	const struct vnep_jmove *moves, size_t count, struct vnep_err *err)
{
	struct vnep_jevent all[VNEP_JCHUNK_EVENTS];
	struct chunk chunk;
	size_t i = 0;
	int rc = 0;

	while (!rc && i < count) {
		rc = floor_of(ix, id, moves[i].seq, &chunk, err);
		if (rc == VNEP_ENOTFOUND || (!rc && !holds(&chunk, moves[i].seq))) {
			rc = 0;
			i++;
			continue;
		}
		if (rc)
			break;
		memcpy(all, chunk.data, chunk.count * sizeof *all);
		for (; i < count && holds(&chunk, moves[i].seq); i++) {
			struct vnep_jevent *event = &all[moves[i].seq - chunk.first];

			event->segment = segment;
			event->offset = moves[i].offset;
			event->length = moves[i].length;
		}
		rc = put(ix, id, chunk.first, all, chunk.count, has_pending(all, chunk.count), err);
	}
	return rc;
}

int vnep_jchunk_next(struct vnep_jindex *ix, uint32_t id, uint64_t *seq, struct vnep_jevent *out,
	struct vnep_err *err)
{
	struct chunk chunk;
	int rc = find(ix, id, *seq, &chunk, err);

	if (rc)
		return rc;
	if (!holds(&chunk, *seq))
		*seq = chunk.first;
	*out = event_at(&chunk, (size_t)(*seq - chunk.first));
	return 0;
}

/* The first pending event of the chunk from *seq on; false: none. */
static bool first_pending(const struct chunk *chunk, uint64_t *seq, struct vnep_jevent *out)
{
	for (size_t i = *seq > chunk->first ? (size_t)(*seq - chunk->first) : 0; i < chunk->count;
		i++) {
		*out = event_at(chunk, i);
		if (out->flags & VNEP_JEVENT_PENDING) {
			*seq = chunk->first + i;
			return true;
		}
	}
	return false;
}

int vnep_jchunk_next_pending(struct vnep_jindex *ix, uint32_t id, uint64_t *seq,
	struct vnep_jevent *out, struct vnep_err *err)
{
	uint8_t key[VNEP_JPAIR_LEN];
	struct vnep_slice value;
	struct chunk chunk = { 0 };
	int rc;

	vnep_jpair_set(key, id, *seq);
	rc = vnep_jdb_floor(ix, VNEP_JDB_WAITING, key, sizeof key, &value, err);
	for (unsigned i = 0; i < 2; i++) { /* the chunk that holds *seq, else the one behind it */
		if (!rc && vnep_jpair_id(key) == id) {
			rc = vnep_jdb_get(ix, VNEP_JDB_CHUNK, key, sizeof key, &value, err);
			if (rc == VNEP_ENOTFOUND)
				return vnep_err_set(err, VNEP_EDAMAGED,
					"index of the journal: a pending event is not there");
			if (!rc)
				rc = check(&chunk, vnep_jpair_number(key), &value, err);
			if (rc || first_pending(&chunk, seq, out))
				return rc;
		} else if (rc && rc != VNEP_ENOTFOUND) {
			return rc;
		}
		if (i || *seq == UINT64_MAX)
			break;
		vnep_jpair_set(key, id, *seq + 1);
		rc = vnep_jdb_seek(ix, VNEP_JDB_WAITING, key, sizeof key, &value, err);
	}
	return VNEP_ENOTFOUND;
}

int vnep_jchunk_forget(
	struct vnep_jindex *ix, uint32_t id, uint64_t from, uint64_t to, struct vnep_err *err)
{
	struct vnep_jevent all[VNEP_JCHUNK_EVENTS];
	uint8_t key[VNEP_JPAIR_LEN];
	struct chunk chunk;
	int rc;

	while (!(rc = find(ix, id, from, &chunk, err)) && chunk.first <= to) {
		uint64_t first = chunk.first;
		size_t count = chunk.count, head = from > first ? (size_t)(from - first) : 0;
		bool pending;

		memcpy(all, chunk.data, count * sizeof *all);
		pending = has_pending(all, count);
		vnep_jpair_set(key, id, first);
		rc = vnep_jdb_del(ix, VNEP_JDB_CHUNK, key, sizeof key, err);
		if (!rc && pending)
			rc = vnep_jdb_del(ix, VNEP_JDB_WAITING, key, sizeof key, err);
		if (!rc && head)
			rc = put(ix, id, first, all, head, false, err);
		if (!rc && to - first < count - 1) {
			head = (size_t)(to - first) + 1;
			rc = put(ix, id, to + 1, all + head, count - head, false, err);
		}
		if (rc || to - first < count)
			return rc;
		from = first + count;
	}
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}
