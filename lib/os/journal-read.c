/*
 * journal-read - one device by its index, or everything in the order of the files.
 *
 * No transaction is held while a callback runs: each step looks up its next key anew. So callbacks
 * may append, commit and read as they like, and a slow reader keeps no old pages of the index
 * alive.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "journal-private.h"
#include "vnep/err.h"

static void close_read(struct vnep_journal *journal, struct vnep_jreading *reading)
{
	if (reading->segment)
		journal->vio->close(journal->vio, reading->fd);
	reading->segment = 0;
}

/* Another file may stand for a segment. */
void vnep_journal_forget_read(struct vnep_journal *journal)
{
	for (unsigned i = 0; i < VNEP_JREADINGS; i++)
		close_read(journal, &journal->reading[i]);
	vnep_jwindows_forget(journal);
}

/* Thousands of devices that wake read the same few segments in turns. Only the writer knows that nobody else replaces one;
 * others keep the last. */
int vnep_journal_reading(
	struct vnep_journal *journal, uint32_t segment, int *fd, struct vnep_err *err)
{
	unsigned slots = journal->how == VNEP_JOURNAL_EXCLUSIVE ? VNEP_JREADINGS : 1;
	struct vnep_jreading *reading = &journal->reading[segment % slots];
	int rc = 0;

	if (reading->segment != segment) {
		close_read(journal, reading);
		rc = vnep_journal_open_segment(journal, segment, O_RDONLY, &reading->fd, err);
		if (!rc)
			reading->segment = segment;
	}
	*fd = reading->fd;
	return rc;
}

/* The bytes of a block: in the open group, or in its segment. */
static int load_block(struct vnep_journal *journal, const struct vnep_jevent *entry,
	struct vnep_buf *buf, struct vnep_err *err)
{
	const uint8_t *near;
	ssize_t n;
	int fd, rc;

	vnep_buf_reset(buf);
	if (journal->in_group && entry->segment == journal->tail.segment &&
		entry->offset >= journal->group_base) {
		vnep_buf_put(buf, journal->group.data + (entry->offset - journal->group_base),
			entry->length);
		return buf->rc ? vnep_err_sys(err, -buf->rc, "journal") : 0;
	}
	rc = vnep_journal_reading(journal, entry->segment, &fd, err);
	if (rc)
		return rc == -ENOENT ? VNEP_EDAMAGED : rc;
	near = vnep_jwindows_get(journal, entry, fd);
	if (near) {
		vnep_buf_put(buf, near, entry->length);
		return buf->rc ? vnep_err_sys(err, -buf->rc, "journal") : 0;
	}
	if (!vnep_buf_reserve(buf, entry->length))
		return vnep_err_sys(err, ENOMEM, "journal");
	n = vnep_vio_read_all(journal->vio, fd, buf->data, entry->length, entry->offset);
	if (n < 0)
		return vnep_err_sys(err, (int)-n, "cannot read segment %u", entry->segment);
	if ((size_t)n < entry->length)
		return vnep_err_set(err, VNEP_EDAMAGED, "segment %u is too short", entry->segment);
	buf->len = (size_t)n;
	return 0;
}

int vnep_journal_load(struct vnep_journal *journal, const struct vnep_jevent *entry,
	struct vnep_buf *buf, struct vnep_event *out, struct vnep_err *err)
{
	struct vnep_pcapng_block block;
	struct vnep_journal_item item;
	bool big = false;
	int rc = load_block(journal, entry, buf, err);

	if (!rc && vnep_pcapng_get(&block, &big, buf->data, buf->len, err))
		rc = VNEP_EDAMAGED;
	if (!rc)
		rc = vnep_jitem_decode(&item, &block, err);
	if (!rc && item.type != VNEP_RECORD_EVENT)
		rc = vnep_err_set(err, VNEP_EDAMAGED, "the index names a block that is no event");
	if (!rc)
		*out = item.event;
	return rc;
}

/* Devices. */

static struct vnep_journal_device public(const struct vnep_jdevice *device)
{
	return (struct vnep_journal_device){ .head_seq = device->head_seq,
		.synced_seq = device->synced_seq,
		.disconnect_seq = device->disconnect_seq,
		.life_seq = device->life_seq,
		.unconfirmed_seq = device->unconfirmed_seq,
		.conn = device->conn,
		.pending = device->pending,
		.pending_octets = device->pending_octets,
		.held = device->held,
		.held_octets = device->held_octets,
		.first_ts.ns = device->first_ns,
		.last_ts.ns = device->last_ns,
		.life_ts.ns = device->life_ns,
		.connected = device->connected != 0 };
}

int vnep_journal_device_by_id(struct vnep_journal *journal, uint32_t id,
	struct vnep_journal_device *out, struct vnep_err *err)
{
	struct vnep_jdevice device;
	int rc = vnep_jindex_device(&journal->index, id, &device, err);

	if (rc)
		return rc;
	*out = public(&device);
	out->number = id;
	return vnep_jindex_name(&journal->index, id, out->dev, err);
}

static int no_device(const char *dev, struct vnep_err *err)
{
	return vnep_err_set(err, VNEP_ENOTFOUND, "the journal has nothing of \"%s\"", dev);
}

int vnep_journal_device(struct vnep_journal *journal, const char *dev,
	struct vnep_journal_device *out, struct vnep_err *err)
{
	uint32_t id;
	int rc = vnep_jindex_enter(&journal->index, err);

	if (rc)
		return rc;
	rc = vnep_jindex_id(&journal->index, dev, &id, err);
	if (!rc)
		rc = vnep_journal_device_by_id(journal, id, out, err);
	vnep_jindex_leave(&journal->index);
	return rc == VNEP_ENOTFOUND ? no_device(dev, err) : rc;
}

uint64_t vnep_journal_resume(const struct vnep_journal_device *device)
{
	struct vnep_jdevice same = { .life_seq = device->life_seq,
		.synced_seq = device->synced_seq,
		.unconfirmed_seq = device->unconfirmed_seq };

	return vnep_jrules_resume(&same);
}

static int next_device(struct vnep_journal *journal, bool pending_only, uint32_t *id,
	struct vnep_journal_device *out, struct vnep_err *err)
{
	int rc = vnep_jindex_enter(&journal->index, err);

	if (rc)
		return rc;
	if (pending_only)
		rc = vnep_jindex_next_waiting(&journal->index, id, err);
	if (!rc)
		rc = vnep_journal_device_by_id(journal, *id, out, err);
	vnep_jindex_leave(&journal->index);
	return rc;
}

int vnep_journal_each_device(struct vnep_journal *journal, bool pending_only,
	vnep_journal_device_cb *cb, void *arg, struct vnep_err *err)
{
	struct vnep_journal_device device;
	uint32_t id = 0; /* numbers are given without holes */
	int rc;

	while (!(rc = next_device(journal, pending_only, &id, &device, err))) {
		rc = cb(&device, arg);
		if (rc || id++ == UINT32_MAX)
			return rc;
	}
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

/* Events of one device. */

static int find_device(
	struct vnep_journal *journal, const char *dev, uint32_t *id, struct vnep_err *err)
{
	int rc = vnep_jindex_enter(&journal->index, err);

	if (rc)
		return rc;
	rc = vnep_jindex_id(&journal->index, dev, id, err);
	vnep_jindex_leave(&journal->index);
	return rc == VNEP_ENOTFOUND ? no_device(dev, err) : rc;
}

enum which { ALL, PENDING, HELD };

static int next_event(struct vnep_journal *journal, uint32_t id, enum which which, uint64_t *seq,
	struct vnep_jevent *entry, struct vnep_err *err)
{
	int rc = vnep_jindex_enter(&journal->index, err);

	if (rc)
		return rc;
	if (which == ALL)
		rc = vnep_jindex_next_event(&journal->index, id, seq, entry, err);
	else
		while (!(rc = vnep_jindex_next_pending(&journal->index, id, seq, entry, err)) &&
			(entry->flags & VNEP_JEVENT_HELD) != (which == HELD ? VNEP_JEVENT_HELD : 0))
			++*seq;
	vnep_jindex_leave(&journal->index);
	return rc;
}

/* Somebody may have written the segment anew since we looked it up: is there another place now, or another file? */
static bool moved(struct vnep_journal *journal, const char *dev, uint64_t seq,
	struct vnep_jevent *entry, struct vnep_err *err)
{
	uint32_t id;
	int rc = vnep_jindex_enter(&journal->index, err);

	if (rc)
		return false;
	vnep_journal_forget_read(journal);
	rc = vnep_jindex_id(&journal->index, dev, &id, err);
	if (!rc)
		rc = vnep_jindex_event(&journal->index, id, seq, entry, err);
	vnep_jindex_leave(&journal->index);
	return !rc;
}

/* A block that cannot be read any more is given as a corrupt event: the reader learns that it is
 * gone. */
static int give(struct vnep_journal *journal, const char *dev, uint64_t seq,
	struct vnep_jevent *entry, struct vnep_buf *buf, vnep_journal_event_cb *cb, void *arg,
	struct vnep_err *err)
{
	struct vnep_event event;
	int rc = vnep_journal_load(journal, entry, buf, &event, err);

	if (rc == VNEP_EDAMAGED && moved(journal, dev, seq, entry, err))
		rc = vnep_journal_load(journal, entry, buf, &event, err);
	if (rc == VNEP_EDAMAGED)
		event = (struct vnep_event){ .seq = seq,
			.kind = VNEP_KIND_CORRUPT,
			.count = 1,
			.direction = entry->direction,
			.reason = VNEP_IO_ERROR };
	else if (rc)
		return rc;
	memcpy(event.dev, dev, strlen(dev) + 1);
	return cb(&event, entry->attempts, arg);
}

static int each_event(struct vnep_journal *journal, const char *dev, enum which which,
	uint64_t from, uint64_t to, size_t max, vnep_journal_event_cb *cb, void *arg,
	struct vnep_err *err)
{
	struct vnep_buf buf = { 0 };
	struct vnep_jevent entry;
	uint64_t seq = from;
	uint32_t id;
	int rc = find_device(journal, dev, &id, err);

	for (size_t n = 0; !rc && (!max || n < max); n++) {
		rc = next_event(journal, id, which, &seq, &entry, err);
		if (rc == VNEP_ENOTFOUND || (!rc && seq > to)) {
			rc = 0;
			break;
		}
		if (!rc)
			rc = give(journal, dev, seq, &entry, &buf, cb, arg, err);
		if (seq++ == UINT64_MAX)
			break;
	}
	vnep_buf_release(&buf);
	return rc;
}

int vnep_journal_pending(struct vnep_journal *journal, const char *dev, uint64_t from, size_t max,
	vnep_journal_event_cb *cb, void *arg, struct vnep_err *err)
{
	return each_event(journal, dev, PENDING, from, UINT64_MAX, max, cb, arg, err);
}

int vnep_journal_held(struct vnep_journal *journal, const char *dev, uint64_t from, size_t max,
	vnep_journal_event_cb *cb, void *arg, struct vnep_err *err)
{
	return each_event(journal, dev, HELD, from, UINT64_MAX, max, cb, arg, err);
}

int vnep_journal_events(struct vnep_journal *journal, const char *dev, uint64_t from, uint64_t to,
	vnep_journal_event_cb *cb, void *arg, struct vnep_err *err)
{
	return each_event(journal, dev, ALL, from, to, 0, cb, arg, err);
}

/* Everything. */

struct scan {
	struct vnep_journal *journal;
	struct vnep_journal_position *position;
	vnep_journal_item_cb *cb;
	vnep_journal_damage_cb *damage;
	void *arg;
	struct vnep_err *err;
};

static int report(struct scan *scan, uint32_t segment, uint64_t from, uint64_t to, uint64_t records)
{
	struct vnep_journal_damage damage = {
		.offset = from, .octets = to - from, .records = records
	};

	vnep_jsegment_name(damage.segment, segment);
	return scan->damage ? scan->damage(&damage, scan->arg) : 0;
}

/* Whose packet it is: the index knows, even where the IDB is damaged. */
static int name_packet(struct scan *scan, uint32_t segment, uint32_t interface, char *dev)
{
	struct vnep_jindex *ix = &scan->journal->index;
	uint32_t id;
	int rc = vnep_jindex_enter(ix, scan->err);

	if (rc)
		return rc;
	rc = vnep_jindex_interface(ix, segment, interface, &id, scan->err);
	if (!rc)
		rc = vnep_jindex_name(ix, id, dev, scan->err);
	vnep_jindex_leave(ix);
	return rc;
}

static int give_block(struct scan *scan, uint32_t segment, const struct vnep_jfound *found)
{
	const struct vnep_pcapng_block *block = &found->block;
	struct vnep_journal_item item;
	int rc;

	if (block->type != VNEP_PCAPNG_PACKET && block->type != VNEP_PCAPNG_RECORD &&
		block->type != VNEP_PCAPNG_ERASED)
		return 0;
	rc = vnep_jitem_decode(&item, block, scan->err);
	if (!rc && block->type == VNEP_PCAPNG_PACKET)
		rc = name_packet(scan, segment, block->packet.interface, item.event.dev);
	if (rc == VNEP_EDAMAGED || rc == VNEP_ENOTFOUND)
		return report(scan, segment, found->offset, found->offset + block->len, 1);
	return rc ? rc : scan->cb(&item, scan->arg);
}

static int scan_segment(struct scan *scan, int fd, uint64_t end)
{
	struct vnep_journal_position *position = scan->position;
	struct vnep_jfound found;
	struct vnep_jwalk walk;
	int step, rc = 0;

	vnep_jwalk_init(&walk, scan->journal->vio, fd, position->segment, position->offset, end);
	while (!rc && (step = vnep_jwalk_next(&walk, &found, scan->err)) != VNEP_JSTEP_END) {
		if (step < 0) {
			rc = step;
			break;
		}
		position->offset = walk.at;
		if (step == VNEP_JSTEP_BLOCK)
			rc = give_block(scan, position->segment, &found);
		else if (scan->damage)
			rc = scan->damage(&found.damage, scan->arg);
	}
	if (!rc && position->offset < end) {
		rc = report(scan, position->segment, position->offset, end, 1);
		position->offset = end;
	}
	vnep_jwalk_release(&walk);
	return rc;
}

/* From the position to the end of its segment. *more: there is a segment behind it. */
static int scan_step(struct scan *scan, const struct vnep_jtail *tail, bool *more)
{
	struct vnep_journal *journal = scan->journal;
	struct vnep_journal_position *position = scan->position;
	uint64_t end = tail->offset;
	int fd, rc;

	*more = position->segment < tail->segment;
	rc = *more ? vnep_journal_segment_end(journal, position->segment, &end, scan->err) : 0;
	if (rc || position->offset >= end)
		return rc;
	rc = vnep_journal_open_segment(journal, position->segment, O_RDONLY, &fd, scan->err);
	return rc ? rc : scan_segment(scan, fd, end);
}

static int first_segment(struct scan *scan, const struct vnep_jtail *tail)
{
	int rc = vnep_journal_next_segment(scan->journal, 1, &scan->position->segment, scan->err);

	scan->position->offset = 0;
	if (rc == VNEP_ENOTFOUND) /* files taken away under the index */
		scan->position->segment = tail->segment;
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

/* On to the next segment. One that is not there, and that the next one does not stand for, is damage. */
static int next_segment(struct scan *scan, const struct vnep_jtail *tail, uint32_t wanted)
{
	struct vnep_pcapng_section section;
	uint32_t next = 0;
	int rc = vnep_journal_next_segment(scan->journal, wanted, &next, scan->err);

	if (rc == VNEP_ENOTFOUND)
		next = tail->segment;
	else if (rc)
		return rc;
	*scan->position = (struct vnep_journal_position){ next, 0 };
	if (next == wanted ||
		(vnep_journal_header(scan->journal, next, &section) && section.previous < wanted))
		return 0;
	return report(scan, wanted, 0, 0, 0);
}

int vnep_journal_scan(struct vnep_journal *journal, struct vnep_journal_position *position,
	vnep_journal_item_cb *cb, vnep_journal_damage_cb *damage, void *arg, struct vnep_err *err)
{
	struct scan scan = { journal, position, cb, damage, arg, err };
	struct vnep_jtail tail;
	bool more = true;
	int rc = vnep_journal_tail(journal, &tail, err);

	if (rc || !tail.segment)
		return rc;
	if (!position->segment)
		rc = first_segment(&scan, &tail);
	while (!rc && more) {
		rc = scan_step(&scan, &tail, &more);
		if (rc == -ENOENT && !more) /* a whole segment is gone */
			rc = report(&scan, position->segment, 0, 0, 0);
		else if ((!rc || rc == -ENOENT) && more)
			rc = next_segment(&scan, &tail, position->segment + (rc == 0));
	}
	return rc;
}

int vnep_journal_seek(struct vnep_journal *journal, const char *dev, uint64_t seq,
	struct vnep_journal_position *position, struct vnep_err *err)
{
	struct vnep_jevent entry;
	struct vnep_jtail tail;
	uint32_t id;
	int rc = vnep_journal_tail(journal, &tail, err);

	if (!rc)
		rc = find_device(journal, dev, &id, err);
	if (!rc)
		rc = next_event(journal, id, false, &seq, &entry, err);
	if (!rc)
		*position = (struct vnep_journal_position){ entry.segment, entry.offset };
	else if (rc == VNEP_ENOTFOUND)
		*position = (struct vnep_journal_position){ tail.segment, tail.offset };
	return rc;
}

int vnep_journal_watch(struct vnep_journal *journal, int *fd, struct vnep_err *err)
{
	int rc;

	*fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (*fd >= 0 && inotify_add_watch(*fd, journal->path, IN_MODIFY) >= 0)
		return 0;
	rc = vnep_err_sys(err, errno, "cannot watch %s", journal->path);
	if (*fd >= 0)
		close(*fd);
	return rc;
}

int vnep_journal_stat(
	struct vnep_journal *journal, struct vnep_journal_stat *out, struct vnep_err *err)
{
	char name[VNEP_JSEGMENT_LEN];
	struct vnep_jtail tail;
	uint64_t octets;
	uint32_t segment = 0;
	int rc = vnep_journal_tail(journal, &tail, err);

	if (rc)
		return rc;
	*out = (struct vnep_journal_stat){ .devices = tail.device_count,
		.events = tail.events,
		.pending = tail.pending,
		.oldest.ns = tail.oldest_ns,
		.newest.ns = tail.newest_ns };
	while (!(rc = vnep_journal_next_segment(journal, segment + 1, &segment, err))) {
		vnep_jsegment_name(name, segment);
		out->segments++;
		if (!journal->vio->stat(journal->vio, journal->dir, name, &octets))
			out->octets += octets;
	}
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}
