/*
 * journal-prune - what is taken out of the journal, and which segments that touches.
 *
 * Of each device the oldest events go first, up to a floor: so what stays is the end of its sequence, and one
 * range stands for the rest. The index says how much of each segment goes.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "journal-private.h"
#include "vnep/err.h"

struct share {
	uint64_t kept, gone; /* octets of events */
	bool must;           /* something of it may not stay */
	bool lost;           /* it is not there, but the index has events in it */
};

enum phase { FLOORS, SHARES, LOST, REWRITE };

struct vnep_journal_pruning {
	struct vnep_journal *journal;
	enum vnep_journal_open how; /* before it was held */
	vnep_journal_floor_cb *floor;
	void *arg;
	enum phase phase;
	struct vnep_journal_place place; /* of the walks */
	uint64_t *floors;                /* by id */
	bool *must;
	uint32_t device_count, first, last, next;
	uint32_t growing;                  /* nothing of it can be taken out; 0: there is none */
	struct share *shares;              /* of the segments from first on */
	struct vnep_buf lost;              /* struct vnep_jlost */
	size_t told;                       /* so many of them */
	struct vnep_err failed;            /* the first of them that could not be told */
	unsigned started_over;             /* of the journal, at the beginning */
	struct vnep_jrewriting *rewriting; /* NULL: between two of them */
	int64_t port_floor_ns;
	uint32_t erased_id;
	struct vnep_journal_pruned *out;
};

/* Which segments. */

/* Events of a device come one after the other. */
static int note_lost(
	struct vnep_journal_pruning *p, uint32_t id, uint64_t seq, const struct vnep_jevent *entry)
{
	struct vnep_jlost *last =
		p->lost.len
			? (struct vnep_jlost *)(void *)(p->lost.data + p->lost.len - sizeof *last)
			: NULL;

	if (entry->segment >= p->first && entry->segment <= p->last)
		p->shares[entry->segment - p->first].lost = true;
	if (last && last->id == id && last->segment == entry->segment) {
		last->last = seq;
		last->events++;
		return 0;
	}
	vnep_buf_put(&p->lost, &(struct vnep_jlost){ entry->segment, id, seq, seq, 1, entry->ns },
		sizeof *last);
	return p->lost.rc ? -ENOMEM : 0;
}

static int count_share(uint32_t id, uint64_t seq, const struct vnep_jevent *entry, void *arg)
{
	struct vnep_journal_pruning *p = arg;
	struct share *share;

	if (vnep_jlost_is(p->journal, entry->segment))
		return note_lost(p, id, seq, entry);
	if (entry->segment < p->first || entry->segment > p->last)
		return 0;
	share = &p->shares[entry->segment - p->first];
	if (id < p->device_count && seq < p->floors[id]) {
		share->gone += entry->length;
		share->must = share->must || p->must[id];
	} else {
		share->kept += entry->length;
	}
	return 0;
}

/* About max blocks of the segment that is being written. 1: there are more. */
static int go_on(struct vnep_journal_pruning *p, size_t max, struct vnep_err *err)
{
	struct vnep_jpruned pruned = { 0 };
	int rc = p->rewriting ? vnep_journal_rewrite_step(p->rewriting, max, &pruned, err) : 0;

	if (rc == 1)
		return 1;
	vnep_journal_rewrite_end(p->rewriting);
	p->rewriting = NULL;
	p->out->events += pruned.events;
	p->out->octets += pruned.octets_before > pruned.octets_after
				  ? pruned.octets_before - pruned.octets_after
				  : 0;
	p->out->segments += pruned.octets_before > 0;
	return rc;
}

static int by_segment(const void *a, const void *b)
{
	const struct vnep_jlost *x = a, *y = b;

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* What else goes does not wait for it: the run fails at its end. Unless the index was made anew, in which devices may have
 * other numbers. */
static int could_not_tell(
	struct vnep_journal_pruning *p, int rc, struct vnep_err *why, struct vnep_err *err)
{
	bool goes_on = p->journal->started_over == p->started_over;

	why->code = rc;
	if (goes_on && !p->failed.code)
		p->failed = *why;
	if (!goes_on && err)
		*err = *why;
	return goes_on ? 1 : rc;
}

static int finish(const struct vnep_journal_pruning *p, struct vnep_err *err)
{
	if (p->failed.code && err)
		*err = p->failed;
	return p->failed.code;
}

/* What one of the segments that somebody took away had. Those that cannot be told yet stay for a later run: the one
 * that grows, and such as have something pending. */
static int tell_lost(struct vnep_journal_pruning *p, struct vnep_err *err)
{
	struct vnep_jlost *lost = (struct vnep_jlost *)(void *)p->lost.data;
	size_t count = p->lost.len / sizeof *lost, n = 1;
	struct vnep_err why = { 0 };
	uint64_t events = 0;
	uint32_t segment;
	int rc = 0;

	if (!p->told && count)
		qsort(lost, count, sizeof *lost, by_segment);
	if (p->told == count)
		return 0;
	lost += p->told;
	segment = lost->segment;
	while (p->told + n < count && lost[n].segment == segment)
		n++;
	p->told += n;
	if (segment != p->growing)
		rc = vnep_jlost_tell(p->journal, lost, n, &events, &why);
	p->out->lost += events;
	if (events && segment >= p->first && segment <= p->last)
		p->shares[segment - p->first].lost = false;
	return rc ? could_not_tell(p, rc, &why, err) : 1;
}

/* Numbers that an earlier run left out are none: the new segment takes the place of one that is there, else it would
 * stand between two of which the second one says that nothing does. None is there: nothing starts; a later run finds
 * out that it is lost. */
static int start(struct vnep_journal_pruning *p, uint32_t from, uint32_t to, struct vnep_err *err)
{
	int rc = vnep_journal_next_segment(p->journal, from, &from, err);

	if (!rc)
		rc = vnep_journal_last_segment(p->journal, to + 1, &to, err);
	if (rc || from > to)
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	return vnep_journal_rewrite_start(&p->rewriting, p->journal, from, to, p->floors,
		p->device_count, p->port_floor_ns, err);
}

static bool worth_it(const struct share *share)
{
	return share->must || (share->gone && share->gone >= share->kept);
}

/* The next segments that are written anew as one: such of which at least half goes or something must, and small
 * ones beside them, so that there are never many of those. */
static bool next_run(struct vnep_journal_pruning *p, uint32_t *from, uint32_t *to)
{
	uint64_t kept = 0;
	bool found = false;

	*from = *to = p->next;
	for (uint32_t segment = p->next; segment <= p->last; segment++) {
		const struct share *share = &p->shares[segment - p->first];
		bool joins = !share->lost &&
			     (worth_it(share) || share->kept <= p->journal->segment_octets / 4);

		if (!joins || kept + share->kept > p->journal->segment_octets) {
			if (found)
				break;
			*from = joins ? segment : segment + 1;
			kept = 0;
		}
		kept += joins ? share->kept : 0;
		found = found || (joins && worth_it(share));
		*to = segment;
	}
	p->next = *to + 1;
	return found;
}

/* Does the segment hold anything of the device, or anything that nobody can read? */
static int concerns(
	struct vnep_journal_pruning *p, uint32_t segment, bool *yes, struct vnep_err *err)
{
	struct vnep_journal *journal = p->journal;
	struct vnep_journal_item item;
	struct vnep_jfound found;
	struct vnep_jwalk walk;
	const char *dev;
	uint32_t id;
	uint64_t end;
	int fd, rc = vnep_journal_segment_end(journal, segment, &end, err);

	*yes = false;
	if (!rc)
		rc = vnep_journal_open_segment(journal, segment, O_RDONLY, &fd, err);
	if (rc)
		return rc;
	vnep_jwalk_init(&walk, journal->vio, fd, segment, 0, end);
	while (!*yes && (rc = vnep_jwalk_next(&walk, &found, err)) > 0) {
		if (rc == VNEP_JSTEP_DAMAGE) {
			*yes = true;
		} else if (found.block.type == VNEP_PCAPNG_INTERFACE) {
			*yes = !vnep_jindex_id(
				       &journal->index, found.block.interface.name, &id, NULL) &&
			       id == p->erased_id;
		} else if (found.block.type == VNEP_PCAPNG_RECORD &&
			   !vnep_jitem_decode(&item, &found.block, NULL)) {
			dev = item.type == VNEP_RECORD_EVENT        ? item.event.dev
			      : item.type == VNEP_RECORD_CHECKPOINT ? item.checkpoint.dev
								    : item.outcome.dev;
			*yes = dev[0] && !vnep_jindex_id(&journal->index, dev, &id, NULL) &&
			       id == p->erased_id;
		}
	}
	vnep_jwalk_release(&walk);
	return rc < 0 ? rc : 0;
}

static int rewrite_concerned(struct vnep_journal_pruning *p, struct vnep_err *err)
{
	uint32_t segment = 0;
	bool yes;
	int rc;

	while (!(rc = vnep_journal_next_segment(p->journal, segment + 1, &segment, err)) &&
		segment <= p->last) {
		rc = vnep_jindex_enter(&p->journal->index, err);
		if (rc)
			return rc;
		rc = concerns(p, segment, &yes, err);
		vnep_jindex_leave(&p->journal->index);
		if (!rc && yes)
			rc = start(p, segment, segment, err);
		if (!rc && yes)
			rc = go_on(p, 0, err);
		if (rc)
			return rc;
	}
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

/* Nothing more goes into the segment of the tail, so that it can be written anew. */
static int close_tail(struct vnep_journal *journal, struct vnep_err *err)
{
	struct vnep_jindex *ix = &journal->index;
	struct vnep_jtail tail;
	int rc = vnep_jindex_begin(ix, err);

	if (!rc)
		rc = vnep_jindex_tail(ix, &tail, err);
	if (!rc) {
		tail.given_up = 1;
		rc = vnep_jindex_put_tail(ix, &tail, err);
	}
	if (!rc)
		rc = vnep_jindex_commit(ix, err);
	vnep_jindex_abort(ix);
	return rc;
}

/* What a torn group left beside the segments belongs to nobody, and may be of this device. */
static int remove_cut(const char *name, void *arg)
{
	struct vnep_journal *journal = arg;
	size_t n = strlen(name);

	if (n > 4 && !strcmp(name + n - 4, ".cut"))
		journal->vio->remove(journal->vio, journal->dir, name);
	return 0;
}

/* Floors. */

static int set_floor(struct vnep_journal_pruning *p, uint32_t id, struct vnep_err *err)
{
	struct vnep_jindex *ix = &p->journal->index;
	struct vnep_journal_device device;
	int rc = vnep_jindex_enter(ix, err);

	if (rc)
		return rc;
	rc = vnep_journal_device_by_id(p->journal, id, &device, err);
	vnep_jindex_leave(ix);
	if (rc)
		return rc;
	p->floors[id] = p->floor(&device, &p->must[id], p->arg);
	if (p->floors[id] > device.head_seq + 1)
		p->floors[id] = device.head_seq + 1;
	return 0;
}

static int set_floors(struct vnep_journal_pruning *p, size_t max, struct vnep_err *err)
{
	int rc = 0;

	for (size_t done = 0; !rc && p->place.number < p->device_count; done++) {
		if (max && done >= max)
			return 1;
		rc = set_floor(p, p->place.number++, err);
	}
	return rc;
}

/* Which segments there are. VNEP_ENOTFOUND: none. */
static int prepare_shares(struct vnep_journal_pruning *p, struct vnep_err *err)
{
	struct vnep_jtail tail;
	int rc = vnep_journal_tail(p->journal, &tail, err);

	p->place = (struct vnep_journal_place){ 0 };
	if (rc || !tail.segment)
		return rc ? rc : VNEP_ENOTFOUND;
	p->last = tail.segment;
	rc = vnep_journal_next_segment(p->journal, 1, &p->first, err);
	if (rc)
		return rc;
	p->next = p->first;
	p->shares = calloc(p->last - p->first + 1, sizeof *p->shares);
	return p->shares ? 0 : vnep_err_sys(err, ENOMEM, "journal");
}

/* The newest segment takes part if nothing goes into it any more, by now or from now on. */
static int settle_last(struct vnep_journal_pruning *p, struct vnep_err *err)
{
	struct vnep_jtail tail;
	int rc = vnep_journal_tail(p->journal, &tail, err);

	if (rc || tail.segment != p->last)
		return rc;
	p->growing = p->last;
	if (worth_it(&p->shares[p->last - p->first]))
		return close_tail(p->journal, err);
	p->last--;
	return 0;
}

/* The lock, and an index that is up to date, for longer than a group. */
static int hold(struct vnep_journal *journal, enum vnep_journal_open *how, struct vnep_err *err)
{
	int rc;

	assert(!journal->in_group && journal->how != VNEP_JOURNAL_READ);
	*how = journal->how;
	journal->how = VNEP_JOURNAL_EXCLUSIVE;
	rc = vnep_journal_begin(journal, err);
	if (!rc)
		vnep_journal_abort(journal);
	return rc;
}

static void let_go(struct vnep_journal *journal, enum vnep_journal_open how)
{
	journal->how = how;
	journal->dirty = true;
	if (how != VNEP_JOURNAL_EXCLUSIVE)
		vnep_journal_unlock(journal);
}

static int prepare(struct vnep_journal_pruning *p, struct vnep_err *err)
{
	struct vnep_jtail tail;
	int rc = vnep_journal_tail(p->journal, &tail, err);

	if (rc)
		return rc;
	*p->out = (struct vnep_journal_pruned){ 0 };
	p->started_over = p->journal->started_over;
	p->device_count = tail.device_count;
	p->floors = calloc((size_t)p->device_count + 1, sizeof *p->floors);
	p->must = calloc((size_t)p->device_count + 1, sizeof *p->must);
	return p->floors && p->must ? 0 : vnep_err_sys(err, ENOMEM, "journal");
}

static void release(struct vnep_journal_pruning *p)
{
	vnep_journal_rewrite_end(p->rewriting);
	free(p->floors);
	free(p->must);
	free(p->shares);
	vnep_buf_release(&p->lost);
	let_go(p->journal, p->how);
}

int vnep_journal_prune_start(struct vnep_journal_pruning **out, struct vnep_journal *journal,
	vnep_journal_floor_cb *floor, void *arg, struct vnep_wall before,
	struct vnep_journal_pruned *pruned, struct vnep_err *err)
{
	struct vnep_journal_pruning *p = calloc(1, sizeof *p);
	int rc;

	if (!p)
		return vnep_err_sys(err, ENOMEM, "journal");
	*p = (struct vnep_journal_pruning){ .journal = journal,
		.floor = floor,
		.arg = arg,
		.port_floor_ns = before.ns,
		.out = pruned };
	rc = hold(journal, &p->how, err);
	if (!rc)
		rc = prepare(p, err);
	if (rc)
		vnep_journal_prune_end(p);
	else
		*out = p;
	return rc;
}

int vnep_journal_prune_step(struct vnep_journal_pruning *p, size_t max, struct vnep_err *err)
{
	uint32_t from, to;
	int rc = 0;

	switch (p->phase) {
	case FLOORS:
		rc = set_floors(p, max, err);
		if (!rc)
			rc = prepare_shares(p, err);
		p->phase = rc ? FLOORS : SHARES;
		return rc == VNEP_ENOTFOUND ? 0 : rc ? rc : 1;
	case SHARES:
		rc = vnep_journal_each_entry(p->journal, &p->place, max, count_share, p, err);
		if (!rc)
			rc = settle_last(p, err);
		p->phase = rc ? SHARES : LOST;
		return rc ? rc : 1;
	case LOST:
		rc = tell_lost(p, err);
		p->phase = rc ? LOST : REWRITE;
		return rc ? rc : 1;
	case REWRITE: break;
	}
	if (!p->rewriting && !next_run(p, &from, &to))
		return finish(p, err);
	if (!p->rewriting)
		rc = start(p, from, to, err);
	if (!rc)
		rc = go_on(p, max, err);
	return rc ? rc : 1;
}

void vnep_journal_prune_end(struct vnep_journal_pruning *p)
{
	if (p)
		release(p);
	free(p);
}

int vnep_journal_prune(struct vnep_journal *journal, vnep_journal_floor_cb *floor, void *arg,
	struct vnep_wall before, struct vnep_journal_pruned *out, struct vnep_err *err)
{
	struct vnep_journal_pruning *p = NULL;
	int rc = vnep_journal_prune_start(&p, journal, floor, arg, before, out, err);

	while (!rc && (rc = vnep_journal_prune_step(p, 0, err)) == 1)
		rc = 0;
	vnep_journal_prune_end(p);
	return rc;
}

/* Everything of the device is settled: then nothing of it waits any more. */
static int settle(struct vnep_journal *journal, const char *dev, struct vnep_journal_moved *moved,
	struct vnep_err *err)
{
	struct vnep_checkpoint checkpoint = { .cursor = VNEP_CURSOR_SYNCED,
		.cause = VNEP_CAUSE_ADMIN };
	int rc = vnep_journal_begin(journal, err);

	if (rc)
		return rc;
	memcpy(checkpoint.dev, dev, strlen(dev) + 1);
	rc = vnep_journal_checkpoint(journal, &checkpoint, moved, err);
	if (!rc)
		return vnep_journal_commit(journal, err);
	vnep_journal_abort(journal);
	return rc;
}

/* So that what is lost is known. */
static int ask(uint32_t id, uint64_t seq, const struct vnep_jevent *entry, void *arg)
{
	(void)id;
	(void)seq;
	vnep_jlost_is(arg, entry->segment);
	return 0;
}

/* All segments that have anything of the device. */
static int erase(struct vnep_journal_pruning *p, struct vnep_err *err)
{
	struct vnep_journal *journal = p->journal;
	const struct vnep_vio *vio = journal->vio;
	int rc = prepare_shares(p, err);

	if (rc)
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	rc = vnep_journal_each_entry(journal, &p->place, 0, ask, journal, err);
	if (!rc)
		rc = close_tail(journal, err);
	if (!rc)
		rc = rewrite_concerned(p, err);
	if (rc)
		return rc;
	vio->list(vio, journal->dir, remove_cut, journal);
	return vio->sync_folder(vio, journal->dir) ? vnep_err_sys(err, errno, "%s", journal->path)
						   : 0;
}

int vnep_journal_erase(struct vnep_journal *journal, const char *dev,
	struct vnep_journal_moved *moved, struct vnep_journal_pruned *out, struct vnep_err *err)
{
	struct vnep_journal_pruning p = {
		.journal = journal, .port_floor_ns = INT64_MIN, .out = out
	};
	struct vnep_journal_device device;
	int rc = hold(journal, &p.how, err);

	*moved = (struct vnep_journal_moved){ 0 };
	if (!rc)
		rc = vnep_journal_device(journal, dev, &device, err);
	if (!rc)
		rc = settle(journal, dev, moved, err);
	if (!rc)
		rc = prepare(&p, err);
	if (!rc)
		rc = vnep_jindex_enter(&journal->index, err);
	if (!rc) {
		rc = vnep_jindex_id(&journal->index, dev, &p.erased_id, err);
		vnep_jindex_leave(&journal->index);
	}
	if (!rc) {
		p.floors[p.erased_id] = device.head_seq + 1;
		rc = erase(&p, err);
	}
	release(&p);
	return rc;
}
