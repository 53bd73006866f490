/*
 * journal-stored - walks over everything that the index has, some of it at a time.
 *
 * Entries are read in batches, and handed out behind the read: so a callback may ask the journal something, and a
 * walk that is gone on with later holds nothing open meanwhile.
 */
#include <string.h>

#include "journal-private.h"
#include "vnep/err.h"

enum { BATCH = 64 };

struct found {
	struct vnep_jevent entry;
	uint64_t seq;
	uint32_t id;
};

/* The next entries from *place on, which moves behind them. */
static int read_batch(struct vnep_journal *journal, struct vnep_journal_place *place,
	uint32_t device_count, struct found out[static BATCH], size_t *count, struct vnep_err *err)
{
	int rc = vnep_jindex_enter(&journal->index, err);

	*count = 0;
	if (rc)
		return rc;
	while (*count < BATCH && place->number < device_count) {
		struct found *f = &out[*count];

		f->id = place->number;
		f->seq = place->seq;
		rc = vnep_jindex_next_event(&journal->index, f->id, &f->seq, &f->entry, err);
		if (rc && rc != VNEP_ENOTFOUND)
			break;
		if (rc) {
			place->number++;
			place->seq = 0;
		} else {
			place->seq = f->seq + 1;
			++*count;
		}
		rc = 0;
	}
	vnep_jindex_leave(&journal->index);
	return rc;
}

int vnep_journal_tail(struct vnep_journal *journal, struct vnep_jtail *tail, struct vnep_err *err)
{
	int rc = vnep_jindex_enter(&journal->index, err);

	*tail = (struct vnep_jtail){ 0 };
	if (rc)
		return rc;
	rc = vnep_jindex_tail(&journal->index, tail, err);
	vnep_jindex_leave(&journal->index);
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

int vnep_journal_each_entry(struct vnep_journal *journal, struct vnep_journal_place *place,
	size_t max, vnep_jentry_cb *cb, void *arg, struct vnep_err *err)
{
	struct found found[BATCH];
	struct vnep_jtail tail;
	size_t count;
	int rc = vnep_journal_tail(journal, &tail, err);

	if (!rc && !place->number && !place->seq)
		rc = vnep_jlost_look(journal, err);
	for (size_t seen = 0; !rc && place->number < tail.device_count; seen += BATCH) {
		if (max && seen >= max)
			return 1;
		rc = read_batch(journal, place, tail.device_count, found, &count, err);
		for (size_t i = 0; !rc && i < count; i++)
			rc = cb(found[i].id, found[i].seq, &found[i].entry, arg);
	}
	return rc;
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

/* Nobody knows whether it arrived, and at the next waking it would be sent once more. */
static bool once_more(const struct vnep_jevent *entry)
{
	const uint8_t mask = VNEP_JEVENT_DELIVERABLE | VNEP_JEVENT_FINAL | VNEP_JEVENT_PENDING |
			     VNEP_JEVENT_ONCE;

	return (entry->flags & mask) == VNEP_JEVENT_DELIVERABLE && entry->attempts &&
	       entry->attempts < VNEP_ATTEMPTS;
}

static int give_stored(uint32_t id, uint64_t seq, const struct vnep_jevent *entry, void *arg)
{
	struct storing *s = arg;
	struct vnep_journal_stored stored = { .dev = s->dev,
		.number = id,
		.seq = seq,
		.ts.ns = entry->ns,
		.octets = entry->length,
		.frame_octets = entry->octets,
		.pending = entry->flags & VNEP_JEVENT_PENDING,
		.held = entry->flags & VNEP_JEVENT_HELD,
		.once_more = once_more(entry),
		.lost = vnep_jlost_is(s->journal, entry->segment) };
	int rc = s->dev[0] && id == s->id ? 0 : name_device(s, id);

	return rc ? rc : s->cb(&stored, s->arg);
}

int vnep_journal_each_stored(struct vnep_journal *journal, struct vnep_journal_place *place,
	size_t max, vnep_journal_stored_cb *cb, void *arg, struct vnep_err *err)
{
	struct storing s = { .journal = journal, .cb = cb, .arg = arg, .err = err };

	return vnep_journal_each_entry(journal, place, max, give_stored, &s, err);
}
