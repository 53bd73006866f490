/*
 * journal-run - the new events of a group, as one value.
 *
 * Among the others an event lies far from its neighbours in the group, and each of them costs a page. So a group
 * writes its events as one run, ordered by device and number; when there are enough of them, they go among the
 * others together. Runs follow each other: what a device has in one is behind what it has in the one before, and
 * all of it behind its chunks. Where a chunk has an event that a run has, too, the chunk is right.
 */
#include <string.h>

#include "journal-index.h"
#include "vnep/err.h"

_Static_assert(sizeof(struct vnep_jnew) == 56, "no holes");

struct run {
	const uint8_t *data; /* lent */
	size_t count;
};

static struct vnep_jnew new_at(const struct run *run, size_t i)
{
	struct vnep_jnew event;

	memcpy(&event, run->data + i * sizeof event, sizeof event);
	return event;
}

/* The first run from *number on; *number becomes that of the next one. */
static int next_run(struct vnep_jindex *ix, uint32_t *number, struct run *out, struct vnep_err *err)
{
	struct vnep_slice value;
	uint8_t key[4];
	int rc;

	vnep_set_be32(key, *number);
	rc = vnep_jdb_seek(ix, VNEP_JDB_RUN, key, sizeof key, &value, err);
	if (rc)
		return rc;
	if (value.len % sizeof(struct vnep_jnew))
		return vnep_err_set(err, VNEP_EDAMAGED,
			"index of the journal: a value of %zu octets", value.len);
	*out = (struct run){ value.data, value.len / sizeof(struct vnep_jnew) };
	*number = vnep_be32(key) + 1;
	return 0;
}

/* The first event that is not in front of id and seq. */
static size_t lower_bound(const struct run *run, uint32_t id, uint64_t seq)
{
	size_t low = 0, high = run->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct vnep_jnew event = new_at(run, middle);

		if (event.id < id || (event.id == id && event.seq < seq))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int vnep_jrun_put(struct vnep_jindex *ix, uint32_t number, const struct vnep_jnew *events,
	size_t count, struct vnep_err *err)
{
	uint8_t key[4];

	vnep_set_be32(key, number);
	return vnep_jdb_put(ix, VNEP_JDB_RUN, key, sizeof key, events, count * sizeof *events, err);
}

int vnep_jrun_next(struct vnep_jindex *ix, uint32_t id, uint64_t *seq, bool pending,
	struct vnep_jevent *out, struct vnep_err *err)
{
	struct vnep_jnew event;
	uint32_t number = 0;
	struct run run;
	int rc;

	while (!(rc = next_run(ix, &number, &run, err)))
		for (size_t i = lower_bound(&run, id, *seq); i < run.count; i++) {
			event = new_at(&run, i);
			if (event.id != id)
				break;
			if (pending && !(event.event.flags & VNEP_JEVENT_PENDING))
				continue;
			*seq = event.seq;
			*out = event.event;
			return 0;
		}
	return rc;
}

/* Those of one device, which follow each other from i on: among the others. *i: behind them. */
static int merge_device(
	struct vnep_jindex *ix, const struct run *run, size_t *i, struct vnep_err *err)
{
	struct vnep_jevent events[VNEP_JCHUNK_EVENTS];
	struct vnep_jnew event = new_at(run, *i);
	uint32_t id = event.id;
	uint64_t last, first = 0;
	size_t count = 0;
	int rc = vnep_jchunk_last(ix, id, &last, err);

	for (; !rc && *i < run->count; ++*i) {
		event = new_at(run, *i);
		if (event.id != id)
			break;
		if (event.seq <= last)
			continue;
		if (count == VNEP_JCHUNK_EVENTS || (count && event.seq != first + count)) {
			rc = vnep_jchunk_append(ix, id, first, events, count, err);
			count = 0;
		}
		if (!count)
			first = event.seq;
		events[count++] = event.event;
	}
	return rc || !count ? rc : vnep_jchunk_append(ix, id, first, events, count, err);
}

static int merge(struct vnep_jindex *ix, const struct vnep_buf *copy, struct vnep_err *err)
{
	struct run run = { copy->data, copy->len / sizeof(struct vnep_jnew) };
	int rc = 0;

	for (size_t i = 0; !rc && i < run.count;)
		rc = merge_device(ix, &run, &i, err);
	return rc;
}

int vnep_jrun_drop(struct vnep_jindex *ix, struct vnep_err *err)
{
	uint32_t number = 0;
	struct run run;
	uint8_t key[4];
	int rc;

	while (!(rc = next_run(ix, &number, &run, err))) {
		vnep_set_be32(key, number - 1);
		rc = vnep_jdb_del(ix, VNEP_JDB_RUN, key, sizeof key, err);
		if (rc)
			return rc;
	}
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

int vnep_jrun_merge(struct vnep_jindex *ix, bool *any, struct vnep_err *err)
{
	struct vnep_buf copy = { 0 }; /* puts take away what is lent */
	uint32_t number = 0;
	struct run run;
	int rc;

	*any = false;
	while (!(rc = next_run(ix, &number, &run, err))) {
		*any = true;
		vnep_buf_reset(&copy);
		vnep_buf_put(&copy, run.data, run.count * sizeof(struct vnep_jnew));
		rc = copy.rc ? vnep_err_sys(err, -copy.rc, "journal") : merge(ix, &copy, err);
		if (rc)
			break;
	}
	vnep_buf_release(&copy);
	if (rc == VNEP_ENOTFOUND)
		rc = *any ? vnep_jrun_drop(ix, err) : 0;
	return rc;
}
