/*
 * journal-rewrite - some segments written anew as one, without some of their events.
 *
 * The new segment has the number of the last one. It is complete and synced under another name before it
 * takes the place of that one by rename(2); only then the others are removed. Its header says where it ends
 * (so nothing is appended to it, and a cut shows), and which segment stands in front of it: those between the
 * two are leftovers (journal-replace).
 *
 * What is left out leaves a range of numbers for each device, in front of its next event that stays, with what
 * the missing ones had done to its state. A checkpoint or outcome goes when everything that it changed goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "journal-rewrite.h"
#include "vnep/err.h"

enum { FLUSH_OCTETS = 1 << 20, SYNC_OCTETS = 8 << 20 };

/* The new file. */

static int flush(struct vnep_jrewriting *w, struct vnep_err *err)
{
	struct vnep_pcapng_sync sync = {
		.group = w->group, .start = w->base, .file = w->section.file
	};
	int rc;

	if (!w->out.len)
		return 0;
	sync.crc = vnep_pcapng_group_check(w->section.file, w->out.data, w->out.len);
	vnep_pcapng_put_sync(&w->out, &sync);
	rc = w->out.rc
		     ? w->out.rc
		     : vnep_vio_write_all(w->journal->vio, w->fd, w->out.data, w->out.len, w->base);
	if (rc)
		return vnep_err_sys(err, -rc, "cannot write to the journal %s", w->journal->path);
	w->base += w->out.len;
	vnep_buf_reset(&w->out);
	return 0;
}

/* The header is a group of its own: it is written once more when the end is known. */
static int put_header(struct vnep_jrewriting *w, uint64_t end, struct vnep_err *err)
{
	uint64_t base = w->base;
	int rc;

	w->section.end = end;
	w->base = 0;
	vnep_buf_reset(&w->out);
	vnep_pcapng_put_section(&w->out, &w->section);
	rc = flush(w, err);
	if (base)
		w->base = base;
	return rc;
}

static int open_new(struct vnep_jrewriting *w, uint32_t from, struct vnep_err *err)
{
	struct vnep_journal *journal = w->journal;
	struct vnep_pcapng_section first;
	int rc = vnep_journal_in_front(journal, from, &first, err);

	if (rc)
		return rc;
	w->section = (struct vnep_pcapng_section){
		.segment = w->to, .previous = first.previous, .previous_end = first.previous_end
	};
	memcpy(w->section.boot, journal->boot, sizeof w->section.boot);
	while (!w->section.file)
		if (getrandom(&w->section.file, sizeof w->section.file, 0) !=
			sizeof w->section.file)
			return vnep_err_sys(err, errno, "cannot get random octets");
	w->fd = journal->vio->open(
		journal->vio, journal->dir, VNEP_JREWRITE, O_RDWR | O_CREAT | O_TRUNC);
	if (w->fd < 0)
		return vnep_err_sys(err, errno, "cannot write %s/" VNEP_JREWRITE, journal->path);
	return put_header(w, UINT64_MAX, err);
}

/* Blocks. */

/* Is anything pending in front of the floor of the device? Then *pending is the first of that. 0, 1 or an error: an
 * index that cannot tell is no leave to take anything out. */
static int pends_below(
	struct vnep_jrewriting *w, uint32_t id, uint64_t *pending, struct vnep_err *err)
{
	struct vnep_jevent entry;
	int rc;

	*pending = 0;
	if (!w->floors[id])
		return 0;
	rc = vnep_jindex_next_pending(&w->journal->index, id, pending, &entry, err);
	if (rc)
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	return *pending < w->floors[id];
}

/* Whoever set the floor may have done it a while ago: what is pending by now stays. */
static int floor_of(struct vnep_jrewriting *w, uint32_t id, uint64_t *floor, struct vnep_err *err)
{
	uint64_t pending;
	int rc;

	*floor = 0;
	if (id >= w->floor_count)
		return 0;
	if (!w->looked[id]) {
		rc = pends_below(w, id, &pending, err);
		if (rc < 0)
			return rc;
		if (rc)
			w->floors[id] = pending;
		w->looked[id] = true;
	}
	*floor = w->floors[id];
	return 0;
}

/* The interface of a device in the new segment. */
static int interface_of(struct vnep_jrewriting *w, uint32_t id, uint32_t *out, struct vnep_err *err)
{
	struct vnep_pcapng_interface interface = { .id = w->interface_count };
	int rc;

	if (!w->interfaces[id]) {
		rc = vnep_jindex_name(&w->journal->index, id, interface.name, err);
		if (rc)
			return rc;
		vnep_pcapng_put_interface(&w->out, &interface);
		w->interfaces[id] = ++w->interface_count;
		vnep_buf_put(&w->ids, &id, sizeof id);
	}
	*out = w->interfaces[id] - 1;
	return 0;
}

/* An event that stays was put behind out's first at octets. */
static void note_move(struct vnep_jrewriting *w, uint32_t id, uint64_t seq, size_t at)
{
	struct vnep_jmove move = { seq, w->base + at, id, (uint32_t)(w->out.len - at) };

	vnep_buf_put(&w->moves.met, &move, sizeof move);
}

static int take_packet(struct vnep_jrewriting *w, uint32_t segment,
	const struct vnep_pcapng_block *block, struct vnep_err *err)
{
	struct vnep_pcapng_packet packet = block->packet;
	struct vnep_journal_item item;
	uint64_t floor;
	uint32_t id;
	size_t at;
	int rc = vnep_jindex_interface(&w->journal->index, segment, packet.interface, &id, err);

	if (rc || id >= w->device_count)
		return rc == VNEP_ENOTFOUND || !rc ? 0
						   : rc; /* whose it was is not known any more */
	rc = floor_of(w, id, &floor, err);
	if (rc)
		return rc;
	if (packet.seq < floor) {
		rc = vnep_jitem_decode(&item, block, err);
		if (!rc && !vnep_jrange_of(w, id))
			rc = vnep_err_sys(err, ENOMEM, "journal");
		if (!rc)
			vnep_jrange_drop_event(w->ranges[id], &item.event);
		w->pruned.events += !rc;
		return rc;
	}
	rc = vnep_jrange_close(w, id, err);
	if (!rc)
		rc = interface_of(w, id, &packet.interface, err);
	if (rc)
		return rc;
	at = w->out.len;
	vnep_pcapng_put_packet(&w->out, &packet);
	note_move(w, id, packet.seq, at);
	return 0;
}

/* Does this record go? Then its traces go into the range of its device. */
static bool drops(struct vnep_jrewriting *w, uint32_t id, uint64_t floor,
	const struct vnep_journal_item *item)
{
	const struct vnep_checkpoint *checkpoint = &item->checkpoint;

	if (item->type == VNEP_RECORD_EVENT && item->event.seq < floor)
		vnep_jrange_drop_event(w->ranges[id], &item->event);
	else if (item->type == VNEP_RECORD_CHECKPOINT && w->ranges[id]->erased.count &&
		 (checkpoint->cursor == VNEP_CURSOR_SYNCED ? checkpoint->resume_seq <= floor
							   : checkpoint->head_seq < floor))
		vnep_jrange_drop_checkpoint(w->ranges[id], checkpoint);
	else
		return item->type == VNEP_RECORD_OUTCOME && item->outcome.seq < floor;
	w->pruned.events += item->type == VNEP_RECORD_EVENT;
	return true;
}

static int take_record(struct vnep_jrewriting *w, const struct vnep_pcapng_block *block,
	const uint8_t *octets, struct vnep_err *err)
{
	struct vnep_journal_item item;
	const char *dev;
	uint64_t floor;
	uint32_t id;
	size_t at;
	int rc = vnep_jitem_decode(&item, block, NULL);

	if (rc)
		return 0; /* as little use to a reader as damage */
	dev = item.type == VNEP_RECORD_EVENT        ? item.event.dev
	      : item.type == VNEP_RECORD_CHECKPOINT ? item.checkpoint.dev
						    : item.outcome.dev;
	if (!dev[0]) { /* of a port */
		if (item.event.ts.ns >= w->port_floor_ns)
			vnep_buf_put(&w->out, octets, block->len);
		else
			w->pruned.events++;
		return 0;
	}
	rc = vnep_jindex_id(&w->journal->index, dev, &id, err);
	if (rc || id >= w->device_count)
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	if (!vnep_jrange_of(w, id))
		return vnep_err_sys(err, ENOMEM, "journal");
	rc = floor_of(w, id, &floor, err);
	if (rc || drops(w, id, floor, &item))
		return rc;
	/* its range has to be in front of it */
	rc = vnep_jrange_close(w, id, err);
	if (rc)
		return rc;
	at = w->out.len;
	vnep_buf_put(&w->out, octets, block->len);
	if (item.type == VNEP_RECORD_EVENT && item.event.seq)
		note_move(w, id, item.event.seq, at);
	return 0;
}

/* What was lost stays told as long as nothing behind it has to go either. */
static int take_erased(
	struct vnep_jrewriting *w, const struct vnep_pcapng_erased *erased, struct vnep_err *err)
{
	uint64_t floor;
	uint32_t id;
	int rc = vnep_jindex_id(&w->journal->index, erased->dev, &id, err);

	if (rc || id >= w->device_count)
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	if (!vnep_jrange_of(w, id))
		return vnep_err_sys(err, ENOMEM, "journal");
	if (!erased->lost) {
		vnep_jrange_merge(w->ranges[id], erased);
		return 0;
	}
	rc = floor_of(w, id, &floor, err);
	if (!rc && erased->seq + erased->count > floor)
		return vnep_jrange_put_lost(w, id, erased, err);
	if (!rc)
		vnep_jrange_merge(w->ranges[id], erased);
	return rc;
}

/* Some of it is synced on the way, so that the end does not take long. */
static int sync_some(struct vnep_jrewriting *w, struct vnep_err *err)
{
	const struct vnep_vio *vio = w->journal->vio;

	if (w->base - w->synced < SYNC_OCTETS)
		return 0;
	w->synced = w->base;
	return vio->sync(vio, w->fd)
		       ? vnep_err_sys(err, errno, "cannot sync the journal %s", w->journal->path)
		       : 0;
}

static int take_block(
	struct vnep_jrewriting *w, const struct vnep_jfound *found, struct vnep_err *err)
{
	const struct vnep_pcapng_block *block = &found->block;
	int rc;

	if (block->type == VNEP_PCAPNG_PACKET)
		return take_packet(w, w->segment, block, err);
	if (block->type == VNEP_PCAPNG_RECORD)
		return take_record(
			w, block, w->walk.buf.data + (found->offset - w->walk.base), err);
	if (block->type == VNEP_PCAPNG_ERASED)
		return take_erased(w, &block->erased, err);
	if (block->type == VNEP_PCAPNG_LEDGER) {
		vnep_buf_reset(&w->ledger);
		vnep_buf_put(&w->ledger, block->ledger.data, block->ledger.len);
	}
	if (block->type != VNEP_PCAPNG_SYNC)
		return w->ledger.rc ? vnep_err_sys(err, -w->ledger.rc, "journal") : 0;
	w->group = block->sync.group;
	if (w->out.len < FLUSH_OCTETS)
		return 0;
	rc = flush(w, err);
	return rc ? rc : sync_some(w, err);
}

static void stop_walking(struct vnep_jrewriting *w)
{
	if (w->walking)
		vnep_jwalk_release(&w->walk);
	w->walking = false;
}

/* VNEP_ENOTFOUND: that was the last one. */
static int next_segment(struct vnep_jrewriting *w, struct vnep_err *err)
{
	uint64_t end;
	int fd, rc = vnep_journal_next_segment(w->journal, w->segment + 1, &w->segment, err);

	if (rc || w->segment > w->to)
		return rc ? rc : VNEP_ENOTFOUND;
	rc = vnep_journal_segment_end(w->journal, w->segment, &end, err);
	if (!rc)
		rc = vnep_journal_open_segment(w->journal, w->segment, O_RDONLY, &fd, err);
	if (rc)
		return rc;
	w->pruned.octets_before += end;
	vnep_jwalk_init(&w->walk, w->journal->vio, fd, w->segment, 0, end);
	w->walking = true;
	return 0;
}

/* About max blocks (0: all). 1: there are more. */
static int take_some(struct vnep_jrewriting *w, size_t max, struct vnep_err *err)
{
	struct vnep_jfound found;
	int rc;

	for (size_t taken = 0; !max || taken < max; taken++) {
		rc = w->walking ? 0 : next_segment(w, err);
		if (rc)
			return rc == VNEP_ENOTFOUND ? 0 : rc;
		rc = vnep_jwalk_next(&w->walk, &found, err);
		if (rc == VNEP_JSTEP_END)
			stop_walking(w);
		else if (rc == VNEP_JSTEP_BLOCK)
			rc = take_block(w, &found, err);
		if (rc < 0)
			return rc;
	}
	return 1;
}

/* Everything was taken: the ranges that are still open, the header with the end, and all of it on the disk. */
static int finish_new(struct vnep_jrewriting *w, struct vnep_err *err)
{
	uint64_t end;
	int rc = 0;

	for (uint32_t id = 0; !rc && id < w->device_count; id++)
		rc = vnep_jrange_close(w, id, err);
	if (!rc && w->ledger.len)
		vnep_pcapng_put_ledger(
			&w->out, &(struct vnep_pcapng_ledger){ w->ledger.data, w->ledger.len });
	if (!rc)
		rc = flush(w, err);
	end = w->base;
	if (!rc)
		rc = put_header(w, end, err);
	if (!rc && !VNEP_BUG(14) && w->journal->vio->sync(w->journal->vio, w->fd))
		rc = vnep_err_sys(err, errno, "cannot sync the journal %s", w->journal->path);
	w->pruned.octets_after += end;
	if (!rc && (w->moves.met.rc || w->gone.met.rc || w->ids.rc))
		rc = vnep_err_sys(err, ENOMEM, "journal");
	return rc;
}

/* Did a checkpoint that came while the segments were read make something pending that is left out? 0, 1 or an error. */
static int overtaken(struct vnep_jrewriting *w, struct vnep_err *err)
{
	uint64_t pending;
	int rc = 0;

	for (uint32_t id = 0; !rc && id < w->floor_count; id++)
		if (w->looked[id])
			rc = pends_below(w, id, &pending, err);
	return rc;
}

static int prepare(struct vnep_jrewriting *w, struct vnep_err *err)
{
	struct vnep_journal *journal = w->journal;
	struct vnep_jtail tail = { 0 };
	int rc = vnep_journal_tail(journal, &tail, err);

	w->device_count = tail.device_count;
	w->ranges = calloc((size_t)w->device_count + 1, sizeof(struct range *));
	w->interfaces = calloc((size_t)w->device_count + 1, sizeof *w->interfaces);
	w->looked = calloc((size_t)w->floor_count + 1, sizeof *w->looked);
	if (!rc && (!w->ranges || !w->interfaces || !w->looked))
		rc = vnep_err_sys(err, ENOMEM, "journal");
	return rc ? rc : open_new(w, w->from, err);
}

int vnep_journal_rewrite_start(struct vnep_jrewriting **out, struct vnep_journal *journal,
	uint32_t from, uint32_t to, uint64_t *floors, uint32_t floor_count, int64_t port_floor_ns,
	struct vnep_err *err)
{
	struct vnep_jrewriting *w = calloc(1, sizeof *w);
	int rc;

	if (!w)
		return vnep_err_sys(err, ENOMEM, "journal");
	*w = (struct vnep_jrewriting){ .journal = journal,
		.floors = floors,
		.floor_count = floor_count,
		.port_floor_ns = port_floor_ns,
		.from = from,
		.to = to,
		.segment = from - 1,
		.fd = -1 };
	rc = prepare(w, err);
	if (rc)
		vnep_journal_rewrite_end(w);
	else
		*out = w;
	return rc;
}

/* Between enter and leave. 1: this phase is not over. */
static int read_and_write(struct vnep_jrewriting *w, size_t max, struct vnep_err *err)
{
	int rc;

	switch (w->phase) {
	case TAKE:
		rc = take_some(w, max, err);
		w->phase = rc ? TAKE : FINISH;
		return rc;
	case FINISH:
		rc = finish_new(w, err);
		w->phase = rc ? FINISH : SORT;
		return rc;
	case SORT:
		rc = vnep_jrewriting_sort(w, max, err);
		w->phase = rc ? SORT : REPLACE;
		return rc;
	case REPLACE: break;
	}
	return 0;
}

/* What came meanwhile is asked for in the same step in which the segment takes its place. */
static int replace_unless_late(
	struct vnep_jrewriting *w, struct vnep_jpruned *out, struct vnep_err *err)
{
	int late, rc = vnep_jindex_enter(&w->journal->index, err);

	if (rc)
		return rc;
	late = overtaken(w, err);
	vnep_jindex_leave(&w->journal->index);
	if (late)
		return late < 0 ? late : 0;
	rc = vnep_jrewriting_replace(w, err);
	if (!rc)
		*out = w->pruned;
	return rc;
}

int vnep_journal_rewrite_step(
	struct vnep_jrewriting *w, size_t max, struct vnep_jpruned *out, struct vnep_err *err)
{
	int rc;

	if (w->phase == REPLACE)
		return replace_unless_late(w, out, err);
	rc = vnep_jindex_enter(&w->journal->index, err);
	if (rc)
		return rc;
	do
		rc = read_and_write(w, max, err);
	while (!rc && !max && w->phase != REPLACE);
	vnep_jindex_leave(&w->journal->index);
	if (rc || max)
		return rc < 0 ? rc : 1;
	return replace_unless_late(w, out, err);
}

static void release_follow(struct follow *follow)
{
	vnep_buf_release(&follow->met);
	free(follow->sorted);
	free(follow->at);
}

void vnep_journal_rewrite_end(struct vnep_jrewriting *w)
{
	if (!w)
		return;
	stop_walking(w);
	if (w->fd >= 0) {
		w->journal->vio->close(w->journal->vio, w->fd);
		if (!w->placed) /* nothing has changed */
			w->journal->vio->remove(w->journal->vio, w->journal->dir, VNEP_JREWRITE);
	}
	for (uint32_t id = 0; w->ranges && id < w->device_count; id++)
		free(w->ranges[id]);
	free(w->ranges);
	free(w->interfaces);
	free(w->looked);
	vnep_buf_release(&w->out);
	vnep_buf_release(&w->ledger);
	release_follow(&w->moves);
	release_follow(&w->gone);
	vnep_buf_release(&w->ids);
	free(w);
}
