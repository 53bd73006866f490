/*
 * journal-lost - segments that somebody took away.
 *
 * Of their events only the index knows any more. Such a segment is made anew, by the rules of rewriting: it has a
 * range of lost numbers for each device, with its cursors, so that the loss stands in its place for all who read, and
 * an index that is made anew comes to the same numbers and cursors. What the outcomes in it and its disconnects had
 * said of events in front of it, which a cursor has not passed, is not in it: such an index does not know it.
 *
 * Where another segment already stands for it, what the index has of it could not be read when that one was written:
 * the hole in the numbers says so, and the index forgets it. So whatever is written anew behind one that is not told
 * yet does not reach over it: it names it as the one in front, as long as the index has something of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal-rewrite.h"
#include "vnep/err.h"

/* What is known of the segments up to looked, a bit for each. ASKED: the list left it out, and the index has it. */
enum plane { THERE, GONE, ASKED, PLANES };

static uint8_t *octet_of(struct vnep_journal *journal, enum plane plane, uint32_t segment)
{
	return journal->there.data + plane * ((size_t)journal->looked / 8 + 1) + segment / 8;
}

static bool is_marked(struct vnep_journal *journal, enum plane plane, uint32_t segment)
{
	return *octet_of(journal, plane, segment) >> segment % 8 & 1;
}

static void mark(struct vnep_journal *journal, enum plane plane, uint32_t segment)
{
	*octet_of(journal, plane, segment) |= (uint8_t)(1 << segment % 8);
}

static int mark_there(const char *name, void *arg)
{
	struct vnep_journal *journal = arg;
	uint32_t segment = vnep_jsegment_number(name);

	if (segment && segment <= journal->looked)
		mark(journal, THERE, segment);
	return 0;
}

static int list(struct vnep_journal *journal, struct vnep_err *err)
{
	struct vnep_jtail tail;
	size_t octets;
	int rc = vnep_journal_tail(journal, &tail, err);

	if (rc)
		return rc;
	octets = PLANES * ((size_t)tail.segment / 8 + 1);
	vnep_buf_reset(&journal->there);
	if (!vnep_buf_reserve(&journal->there, octets))
		return vnep_err_sys(err, ENOMEM, "journal");
	memset(journal->there.data, 0, octets);
	journal->looked = tail.segment;
	if (!journal->vio->list(journal->vio, journal->dir, mark_there, journal))
		return 0;
	journal->looked = 0;
	return vnep_err_sys(err, errno, "cannot read %s", journal->path);
}

int vnep_jlost_look(struct vnep_journal *journal, struct vnep_err *err)
{
	bool locked = journal->locked;
	int rc;

	journal->looked = 0;
	if (journal->how == VNEP_JOURNAL_READ)
		return 0;
	rc = vnep_journal_lock(journal, err);
	if (rc)
		return rc;
	rc = list(journal, err);
	if (!locked)
		vnep_journal_unlock(journal);
	return rc;
}

/* That nobody can say is no loss. */
static bool is_gone(const struct vnep_journal *journal, uint32_t segment)
{
	char name[VNEP_JSEGMENT_LEN];
	uint64_t size;

	vnep_jsegment_name(name, segment);
	return journal->vio->stat(journal->vio, journal->dir, name, &size) && errno == ENOENT;
}

/* The list left it out; it is asked for by itself, once, before anything is settled for it. */
bool vnep_jlost_is(struct vnep_journal *journal, uint32_t segment)
{
	if (segment > journal->looked || is_marked(journal, THERE, segment))
		return false;
	if (!is_marked(journal, GONE, segment)) {
		mark(journal, ASKED, segment);
		mark(journal, is_gone(journal, segment) ? GONE : THERE, segment);
	}
	return is_marked(journal, GONE, segment);
}

uint32_t vnep_jlost_in_front(struct vnep_journal *journal, uint32_t segment, uint32_t behind)
{
	if (segment > journal->looked + 1)
		segment = journal->looked + 1;
	while (segment > behind + 1)
		/* one that was there when it was looked for was taken away since then */
		if (is_marked(journal, ASKED, --segment) || is_marked(journal, THERE, segment))
			return segment;
	return 0;
}

/* Is one of them pending? 0, 1 or an error. */
static int any_pending(struct vnep_journal *journal, const struct vnep_jlost *lost, size_t count,
	struct vnep_err *err)
{
	struct vnep_jevent entry;
	int rc = vnep_jindex_enter(&journal->index, err);
	bool any = false;

	if (rc)
		return rc;
	for (size_t i = 0; !rc && !any && i < count; i++) {
		uint64_t seq = lost[i].first;

		rc = vnep_jindex_next_pending(&journal->index, lost[i].id, &seq, &entry, err);
		any = !rc && seq <= lost[i].last;
		if (rc == VNEP_ENOTFOUND)
			rc = 0;
	}
	vnep_jindex_leave(&journal->index);
	return rc ? rc : any;
}

/* Was it one of those that a segment behind it was written in place of? */
static bool is_stood_for(struct vnep_journal *journal, uint32_t segment)
{
	struct vnep_pcapng_section section;
	uint32_t next;

	return !vnep_journal_next_segment(journal, segment + 1, &next, NULL) &&
	       vnep_journal_header(journal, next, &section) && section.previous < segment;
}

static int forget(struct vnep_journal *journal, const struct vnep_jlost *lost, size_t count,
	struct vnep_err *err)
{
	struct vnep_jindex *ix = &journal->index;
	struct vnep_jtail tail;
	int rc = vnep_jindex_begin(ix, err);

	if (!rc)
		rc = vnep_jindex_tail(ix, &tail, err);
	for (size_t i = 0; !rc && i < count; i++) {
		rc = vnep_jindex_forget(ix, lost[i].id, lost[i].first, lost[i].last, err);
		tail.events -= lost[i].events < tail.events ? lost[i].events : tail.events;
	}
	if (!rc)
		rc = vnep_jindex_put_tail(ix, &tail, err);
	if (!rc)
		rc = vnep_jindex_commit(ix, err);
	vnep_jindex_abort(ix);
	return rc;
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

/* The cursors as they are now, as far as these events reach: the checkpoints that moved them may be lost, too. */
static int put_range(struct vnep_jrewriting *w, const struct vnep_jlost *lost, struct vnep_err *err)
{
	struct vnep_pcapng_erased erased = { .seq = lost->first,
		.count = lost->last - lost->first + 1,
		.first.ns = lost->ns,
		.lost = true };
	struct vnep_jdevice device;
	int rc = vnep_jindex_device(&w->journal->index, lost->id, &device, err);

	if (rc)
		return rc;
	if (!vnep_jrange_of(w, lost->id))
		return vnep_err_sys(err, ENOMEM, "journal");
	erased.synced = at_most(device.synced_seq, lost->last + 1);
	erased.disconnect = at_most(device.disconnect_seq, lost->last + 1);
	if (device.life_seq >= lost->first && device.life_seq <= lost->last) {
		erased.life = device.life_seq;
		erased.life_ts.ns = device.life_ns;
	}
	if (device.head_seq == lost->last) { /* nothing behind it says more */
		erased.conn = device.conn;
		erased.connected = device.connected ? 1 : 2;
	}
	w->pruned.events += lost->events;
	return vnep_jrange_put_lost(w, lost->id, &erased, err);
}

static int put_ranges(struct vnep_jrewriting *w, const struct vnep_jlost *lost, size_t count,
	struct vnep_err *err)
{
	int rc = vnep_jindex_enter(&w->journal->index, err);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < count; i++)
		rc = put_range(w, &lost[i], err);
	vnep_jindex_leave(&w->journal->index);
	return rc;
}

static int make_anew(struct vnep_journal *journal, const struct vnep_jlost *lost, size_t count,
	struct vnep_err *err)
{
	struct vnep_jpruned pruned = { 0 };
	struct vnep_jrewriting *w = NULL;
	uint32_t segment = lost->segment;
	int rc = vnep_journal_rewrite_start(&w, journal, segment, segment, NULL, 0, INT64_MIN, err);

	if (!rc) {
		w->lost = true;
		rc = put_ranges(w, lost, count, err);
	}
	if (!rc)
		rc = vnep_journal_rewrite_step(w, 0, &pruned, err);
	vnep_journal_rewrite_end(w);
	return rc;
}

int vnep_jlost_tell(struct vnep_journal *journal, const struct vnep_jlost *lost, size_t count,
	uint64_t *events, struct vnep_err *err)
{
	int rc = any_pending(journal, lost, count, err);

	*events = 0;
	if (rc || !is_gone(journal, lost->segment)) /* it may have been put back */
		return rc < 0 ? rc : 0;
	rc = is_stood_for(journal, lost->segment) ? forget(journal, lost, count, err)
						  : make_anew(journal, lost, count, err);
	for (size_t i = 0; !rc && i < count; i++)
		*events += lost[i].events;
	return rc;
}
