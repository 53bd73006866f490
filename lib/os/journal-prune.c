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
};

struct pruning {
	struct vnep_journal *journal;
	uint64_t *floors; /* by id */
	uint32_t device_count, first, last;
	struct share *shares; /* of the segments from first on */
	int64_t port_floor_ns;
	bool erase;
	uint32_t erased_id;
	struct vnep_journal_pruned *out;
};

/* Every event, in one walk over the index. */
typedef int entry_cb(uint32_t id, uint64_t seq, const struct vnep_jevent *entry, void *arg);

static int each_entry(struct vnep_journal *journal, uint32_t device_count, entry_cb *cb, void *arg,
	struct vnep_err *err)
{
	struct vnep_jevent entry;
	int rc = 0;

	for (uint32_t id = 0; !rc && id < device_count; id++)
		for (uint64_t seq = 0; !rc; seq++) {
			rc = vnep_jindex_enter(&journal->index, err);
			if (rc)
				return rc;
			rc = vnep_jindex_next_event(&journal->index, id, &seq, &entry, err);
			vnep_jindex_leave(&journal->index);
			if (rc == VNEP_ENOTFOUND) {
				rc = 0;
				break;
			}
			if (!rc)
				rc = cb(id, seq, &entry, arg);
		}
	return rc;
}

static int read_tail(struct vnep_journal *journal, struct vnep_jtail *tail, struct vnep_err *err)
{
	int rc = vnep_jindex_enter(&journal->index, err);

	*tail = (struct vnep_jtail){ 0 };
	if (rc)
		return rc;
	rc = vnep_jindex_tail(&journal->index, tail, err);
	vnep_jindex_leave(&journal->index);
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

struct storing {
	struct vnep_journal *journal;
	vnep_journal_stored_cb *cb;
	void *arg;
	char dev[VNEP_URN_MAX + 1];
	uint32_t id;
	struct vnep_err *err;
};

static int name_device(struct storing *s, uint32_t id)
{
	struct vnep_jindex *ix = &s->journal->index;
	int rc = vnep_jindex_enter(ix, s->err);

	if (rc)
		return rc;
	s->id = id;
	rc = vnep_jindex_name(ix, id, s->dev, s->err);
	vnep_jindex_leave(ix);
	return rc;
}

static int give_stored(uint32_t id, uint64_t seq, const struct vnep_jevent *entry, void *arg)
{
	struct storing *s = arg;
	struct vnep_journal_stored stored = { .dev = s->dev,
		.number = id,
		.seq = seq,
		.ts.ns = entry->ns,
		.octets = entry->length,
		.pending = entry->flags & VNEP_JEVENT_PENDING };
	int rc = s->dev[0] && id == s->id ? 0 : name_device(s, id);

	return rc ? rc : s->cb(&stored, s->arg);
}

int vnep_journal_each_stored(
	struct vnep_journal *journal, vnep_journal_stored_cb *cb, void *arg, struct vnep_err *err)
{
	struct storing s = { .journal = journal, .cb = cb, .arg = arg, .err = err };
	struct vnep_jtail tail;
	int rc = read_tail(journal, &tail, err);

	return rc ? rc : each_entry(journal, tail.device_count, give_stored, &s, err);
}

/* Which segments. */

static int count_share(uint32_t id, uint64_t seq, const struct vnep_jevent *entry, void *arg)
{
	struct pruning *p = arg;

	if (entry->segment < p->first || entry->segment > p->last)
		return 0;
	if (seq < p->floors[id])
		p->shares[entry->segment - p->first].gone += entry->length;
	else
		p->shares[entry->segment - p->first].kept += entry->length;
	return 0;
}

static int rewrite(struct pruning *p, uint32_t from, uint32_t to, struct vnep_err *err)
{
	struct vnep_jpruned pruned = { 0 };
	int rc = vnep_journal_rewrite(
		p->journal, from, to, p->floors, p->port_floor_ns, &pruned, err);

	if (rc)
		return rc;
	p->out->events += pruned.events;
	p->out->octets += pruned.octets_before > pruned.octets_after
				  ? pruned.octets_before - pruned.octets_after
				  : 0;
	p->out->segments++;
	return 0;
}

static bool worth_it(const struct share *share)
{
	return share->gone >= share->kept;
}

/* The oldest ones, of which at least half goes, as one segment; each other one by itself. */
static int rewrite_old(struct pruning *p, struct vnep_err *err)
{
	uint64_t kept = 0, gone = 0;
	uint32_t to = p->first - 1;
	int rc = 0;

	while (to < p->last && worth_it(&p->shares[to + 1 - p->first])) {
		const struct share *share = &p->shares[to + 1 - p->first];

		if (kept + share->kept > p->journal->segment_octets)
			break;
		kept += share->kept;
		gone += share->gone;
		to++;
	}
	if (gone)
		rc = rewrite(p, p->first, to, err);
	for (uint32_t segment = to + 1; !rc && segment <= p->last; segment++) {
		const struct share *share = &p->shares[segment - p->first];

		if (share->gone && worth_it(share))
			rc = rewrite(p, segment, segment, err);
	}
	return rc;
}

/* Does the segment hold anything of the device, or anything that nobody can read? */
static int concerns(struct pruning *p, uint32_t segment, bool *yes, struct vnep_err *err)
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

static int rewrite_concerned(struct pruning *p, struct vnep_err *err)
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
			rc = rewrite(p, segment, segment, err);
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

static int prune_all(struct pruning *p, struct vnep_err *err)
{
	const struct vnep_vio *vio = p->journal->vio;
	struct vnep_jtail tail;
	int rc = read_tail(p->journal, &tail, err);

	if (rc || !tail.segment)
		return rc;
	p->last = tail.segment;
	rc = vnep_journal_next_segment(p->journal, 1, &p->first, err);
	if (rc)
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	p->shares = calloc(p->last - p->first + 1, sizeof *p->shares);
	if (!p->shares)
		return vnep_err_sys(err, ENOMEM, "journal");
	rc = each_entry(p->journal, tail.device_count, count_share, p, err);
	if (!rc && (p->erase || worth_it(&p->shares[p->last - p->first])))
		rc = close_tail(p->journal, err);
	else if (!rc)
		p->last--;
	if (!rc)
		rc = p->erase ? rewrite_concerned(p, err) : rewrite_old(p, err);
	if (!rc && p->erase) {
		vio->list(vio, p->journal->dir, remove_cut, p->journal);
		if (vio->sync_folder(vio, p->journal->dir))
			rc = vnep_err_sys(err, errno, "%s", p->journal->path);
	}
	free(p->shares);
	return rc;
}

/* Floors. */

static int set_floors(
	struct pruning *p, vnep_journal_floor_cb *floor, void *arg, struct vnep_err *err)
{
	struct vnep_jindex *ix = &p->journal->index;
	struct vnep_journal_device device;
	struct vnep_jevent entry;
	uint64_t pending;
	int rc = 0;

	for (uint32_t id = 0; !rc && id < p->device_count; id++) {
		rc = vnep_jindex_enter(ix, err);
		if (rc)
			return rc;
		rc = vnep_journal_device_by_id(p->journal, id, &device, err);
		pending = 0;
		if (!rc && vnep_jindex_next_pending(ix, id, &pending, &entry, err))
			pending = UINT64_MAX;
		vnep_jindex_leave(ix);
		if (rc)
			return rc;
		p->floors[id] = floor(&device, arg);
		if (p->floors[id] > device.head_seq + 1)
			p->floors[id] = device.head_seq + 1;
		if (p->floors[id] > pending)
			p->floors[id] = pending;
	}
	return rc;
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

static int prepare(struct pruning *p, struct vnep_err *err)
{
	struct vnep_jtail tail;
	int rc = read_tail(p->journal, &tail, err);

	if (rc)
		return rc;
	*p->out = (struct vnep_journal_pruned){ 0 };
	p->device_count = tail.device_count;
	p->floors = calloc(p->device_count + 1, sizeof *p->floors);
	return p->floors ? 0 : vnep_err_sys(err, ENOMEM, "journal");
}

int vnep_journal_prune(struct vnep_journal *journal, vnep_journal_floor_cb *floor, void *arg,
	struct vnep_wall before, struct vnep_journal_pruned *out, struct vnep_err *err)
{
	struct pruning p = { .journal = journal, .port_floor_ns = before.ns, .out = out };
	enum vnep_journal_open how;
	int rc = hold(journal, &how, err);

	if (!rc)
		rc = prepare(&p, err);
	if (!rc)
		rc = set_floors(&p, floor, arg, err);
	if (!rc)
		rc = prune_all(&p, err);
	free(p.floors);
	let_go(journal, how);
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

int vnep_journal_erase(struct vnep_journal *journal, const char *dev,
	struct vnep_journal_moved *moved, struct vnep_journal_pruned *out, struct vnep_err *err)
{
	struct pruning p = {
		.journal = journal, .port_floor_ns = INT64_MIN, .erase = true, .out = out
	};
	struct vnep_journal_device device;
	enum vnep_journal_open how;
	int rc = hold(journal, &how, err);

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
		rc = prune_all(&p, err);
	}
	free(p.floors);
	let_go(journal, how);
	return rc;
}
