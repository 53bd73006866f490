/*
 * journal-range - what a segment that is written anew says of the events that it does not have any more.
 *
 * A range of numbers for each device, in front of its next event that stays, with what the missing ones had done to
 * its state.
 */
#include <stdlib.h>

#include "journal-rewrite.h"
#include "vnep/err.h"

struct range *vnep_jrange_of(struct vnep_jrewriting *w, uint32_t id)
{
	if (!w->ranges[id])
		w->ranges[id] = calloc(1, sizeof *w->ranges[id]);
	return w->ranges[id];
}

int vnep_jrange_close(struct vnep_jrewriting *w, uint32_t id, struct vnep_err *err)
{
	struct range *range = w->ranges[id];

	if (!range || !range->open)
		return 0;
	if (range->erased.count) {
		int rc = vnep_jindex_name(&w->journal->index, id, range->erased.dev, err);

		if (rc)
			return rc;
		vnep_pcapng_put_erased(&w->out, &range->erased);
		vnep_buf_put(&w->gone.met,
			&(struct vnep_jmove){ range->erased.seq,
				range->erased.seq + range->erased.count - 1, id, 0 },
			sizeof(struct vnep_jmove));
	}
	*range = (struct range){ 0 };
	return 0;
}

static void note_seq(struct vnep_pcapng_erased *erased, uint64_t seq, uint64_t count)
{
	if (!erased->count) {
		erased->seq = seq;
		erased->count = count;
	} else if (seq + count > erased->seq + erased->count) {
		erased->count = seq + count - erased->seq;
	}
}

void vnep_jrange_drop_event(struct range *range, const struct vnep_event *event)
{
	struct vnep_pcapng_erased *erased = &range->erased;

	range->open = true;
	note_seq(erased, event->seq, 1);
	if (event->conn > erased->conn)
		erased->conn = event->conn;
	if (!erased->first.ns)
		erased->first = event->ts;
	if (event->kind == VNEP_KIND_CONNECT || event->kind == VNEP_KIND_DISCONNECT)
		erased->connected = event->kind == VNEP_KIND_CONNECT ? 1 : 2;
	if (event->kind == VNEP_KIND_DATA && event->direction == VNEP_FROM_DEVICE) {
		erased->life = event->seq;
		erased->life_ts = event->ts;
	}
}

void vnep_jrange_drop_checkpoint(struct range *range, const struct vnep_checkpoint *checkpoint)
{
	uint64_t *cursor = checkpoint->cursor == VNEP_CURSOR_SYNCED ? &range->erased.synced
								    : &range->erased.disconnect;

	range->open = true;
	if (checkpoint->resume_seq > *cursor)
		*cursor = checkpoint->resume_seq;
}

/* A range that is there already goes into the new one. */
void vnep_jrange_merge(struct range *range, const struct vnep_pcapng_erased *old)
{
	struct vnep_pcapng_erased *erased = &range->erased;

	range->open = true;
	note_seq(erased, old->seq, old->count);
	if (old->synced > erased->synced)
		erased->synced = old->synced;
	if (old->disconnect > erased->disconnect)
		erased->disconnect = old->disconnect;
	if (old->life > erased->life) {
		erased->life = old->life;
		erased->life_ts = old->life_ts;
	}
	if (old->conn > erased->conn)
		erased->conn = old->conn;
	if (!erased->first.ns)
		erased->first = old->first;
	if (old->connected)
		erased->connected = old->connected;
}

int vnep_jrange_put_lost(struct vnep_jrewriting *w, uint32_t id,
	const struct vnep_pcapng_erased *lost, struct vnep_err *err)
{
	int rc = vnep_jrange_close(w, id, err);

	if (rc)
		return rc;
	*w->ranges[id] = (struct range){ *lost, true };
	return vnep_jrange_close(w, id, err);
}
