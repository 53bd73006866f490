/*
 * journal-append - events, checkpoints and outcomes into the open group.
 *
 * What is refused is refused before anything changed, so that the rest of the group can go on. An
 * error behind that point breaks the group: its commit fails.
 */
#include <assert.h>
#include <string.h>

#include "journal-private.h"
#include "vnep/err.h"

enum { LEDGER_MAX = 4096 };

static int broke(struct vnep_journal *journal, int rc)
{
	if (rc)
		journal->broken = rc;
	return rc;
}

/* 0 with *known false: a device that the journal has not met. */
static int find(struct vnep_journal *journal, const char *dev, uint32_t *id,
	struct vnep_jdevice *device, bool *known, struct vnep_err *err)
{
	int rc = vnep_jindex_id(&journal->index, dev, id, err);

	*known = !rc;
	if (!rc)
		return vnep_jindex_device(&journal->index, *id, device, err);
	*id = journal->tail.device_count;
	*device = (struct vnep_jdevice){ .synced_seq = 1 };
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

static int add(struct vnep_journal *journal, const char *dev, uint32_t id, struct vnep_err *err)
{
	journal->tail.device_count++;
	return vnep_jindex_add(&journal->index, id, dev, err);
}

/* The number of the device's IDB in this segment; made where there is none. */
static int interface_of(struct vnep_journal *journal, const char *dev, uint32_t id,
	struct vnep_jdevice *device, struct vnep_err *err)
{
	struct vnep_jtail *tail = &journal->tail;
	struct vnep_pcapng_interface interface = { .id = tail->interface_count };

	if (device->interface_segment == tail->segment)
		return 0;
	memcpy(interface.name, dev, strlen(dev) + 1);
	vnep_pcapng_put_interface(&journal->group, &interface);
	device->interface = tail->interface_count++;
	device->interface_segment = tail->segment;
	return vnep_jindex_put_interface(
		&journal->index, tail->segment, device->interface, id, err);
}

static int put_item(struct vnep_journal *journal, const struct vnep_journal_item *item,
	uint32_t interface, struct vnep_jplace *place, struct vnep_err *err)
{
	size_t start = journal->group.len;
	int rc = vnep_jitem_encode(&journal->group, item, interface, err);

	*place = (struct vnep_jplace){ journal->tail.segment,
		(uint32_t)(journal->group.len - start), journal->group_base + start };
	journal->blocks++;
	return rc;
}

static int check_event(const struct vnep_event *event, struct vnep_err *err)
{
	bool packet = event->kind == VNEP_KIND_DATA || event->kind == VNEP_KIND_LATE;

	if (event->frame_len > VNEP_PCAPNG_FRAME_MAX)
		return vnep_err_set(err, VNEP_ETOOBIG, "a frame of %u octets (at most %d)",
			event->frame_len, VNEP_PCAPNG_FRAME_MAX);
	if (packet && !event->frame)
		return vnep_err_set(err, VNEP_EVALUE, "a %s event needs its frame",
			vnep_kind_text(event->kind));
	if (packet && !event->direction)
		return vnep_err_set(err, VNEP_EVALUE, "a %s event needs its direction",
			vnep_kind_text(event->kind));
	if (!event->dev[0] && (event->frame || (!event->port[0] && !event->edge[0])))
		return vnep_err_set(err, VNEP_EVALUE, "an event needs its device%s",
			event->frame ? "" : ", port or edge");
	if (!event->dev[0] && event->kind != VNEP_KIND_GAP && event->kind != VNEP_KIND_NOTE)
		return vnep_err_set(err, VNEP_EVALUE, "a %s event needs its device",
			vnep_kind_text(event->kind));
	return 0;
}

/* A gap or note of a port: kept in file order, without seq. */
static int append_port(struct vnep_journal *journal, struct vnep_event *event, struct vnep_err *err)
{
	struct vnep_journal_item item = { .type = VNEP_RECORD_EVENT, .event = *event };
	struct vnep_jplace place;

	event->seq = item.event.seq = 0;
	journal->tail.events++;
	return broke(journal, put_item(journal, &item, 0, &place, err));
}

/* What may have a duplicate. */
static bool may_repeat(const struct vnep_event *event)
{
	return event->direction == VNEP_TO_DEVICE && !event->copy && event->frame;
}

/* What may be one: an instruction never is, "on, off, on" is not "on, off". */
static bool may_be_repeated(const struct vnep_event *event)
{
	return may_repeat(event) && event->kind != VNEP_KIND_INSTRUCTION;
}

/* Is an equal packet pending already? Then *seq names it. */
static int find_duplicate(struct vnep_journal *journal, uint32_t id, const struct vnep_event *event,
	const struct vnep_jidentity *identity, uint64_t *seq, struct vnep_err *err)
{
	struct vnep_jevent entry;
	struct vnep_event other;
	int rc;

	if (identity->tcp && !identity->syn)
		return VNEP_ENOTFOUND;
	rc = vnep_jindex_equal(&journal->index, id, identity->hash, seq, err);
	if (!rc)
		rc = vnep_jindex_event(&journal->index, id, *seq, &entry, err);
	if (!rc)
		rc = vnep_journal_load(journal, &entry, &journal->scratch, &other, err);
	if (rc == VNEP_EDAMAGED)
		return VNEP_ENOTFOUND; /* what cannot be read is no reason to drop what can */
	if (!rc && !vnep_jrules_same(event->frame, event->frame_len, other.frame, other.frame_len))
		return VNEP_ENOTFOUND;
	return rc;
}

static int put_packet(struct vnep_journal *journal, const struct vnep_event *event, uint32_t id,
	struct vnep_jdevice *device, struct vnep_jplace *place, struct vnep_err *err)
{
	struct vnep_buf *group = &journal->group;
	int rc = interface_of(journal, event->dev, id, device, err);
	size_t start = group->len;

	if (rc)
		return rc;
	vnep_jitem_put_packet(group, event, device->interface);
	*place = (struct vnep_jplace){ journal->tail.segment, (uint32_t)(group->len - start),
		journal->group_base + start };
	journal->blocks++;
	return group->rc ? vnep_err_sys(err, -group->rc, "journal") : 0;
}

static int put_event(struct vnep_journal *journal, const struct vnep_event *event,
	struct vnep_jplace *place, struct vnep_err *err)
{
	struct vnep_journal_item item = { .type = VNEP_RECORD_EVENT, .event = *event };

	return put_item(journal, &item, 0, place, err);
}

static int store_event(struct vnep_journal *journal, const struct vnep_event *event,
	const struct vnep_jidentity *identity, uint32_t id, struct vnep_jdevice *device,
	bool *pending, struct vnep_err *err)
{
	struct vnep_jplace place;
	int rc = event->frame ? put_packet(journal, event, id, device, &place, err)
			      : put_event(journal, event, &place, err);

	if (!rc)
		rc = vnep_jrules_event(&journal->index, &journal->tail, id, device, event, identity,
			&place, pending, err);
	return rc ? rc : vnep_jindex_put_device(&journal->index, id, device, err);
}

int vnep_journal_append(struct vnep_journal *journal, struct vnep_event *event, bool *pending,
	bool *duplicate, struct vnep_err *err)
{
	struct vnep_jidentity identity;
	struct vnep_jdevice device;
	bool known, waits = false, repeats = may_repeat(event);
	uint64_t twin;
	uint32_t id;
	int rc = check_event(event, err);

	assert(journal->in_group);
	if (pending)
		*pending = false;
	if (duplicate)
		*duplicate = false;
	if (rc)
		return rc;
	if (!event->ts.ns)
		event->ts = vnep_wall_now();
	if (event->length < event->frame_len)
		event->length = event->frame_len;
	if (!event->dev[0])
		return append_port(journal, event, err);
	rc = find(journal, event->dev, &id, &device, &known, err);
	if (rc)
		return broke(journal, rc);
	if (repeats)
		vnep_jrules_identity(&identity, event->frame, event->frame_len);
	rc = known && may_be_repeated(event)
		     ? find_duplicate(journal, id, event, &identity, &twin, err)
		     : VNEP_ENOTFOUND;
	if (!rc) {
		event->seq = twin;
		if (duplicate)
			*duplicate = true;
		return 0;
	}
	if (rc != VNEP_ENOTFOUND)
		return broke(journal, rc);
	event->seq = device.head_seq + 1;
	if (!event->conn)
		event->conn = device.conn + (event->kind == VNEP_KIND_CONNECT);
	rc = known ? 0 : add(journal, event->dev, id, err);
	if (!rc)
		rc = store_event(
			journal, event, repeats ? &identity : NULL, id, &device, &waits, err);
	if (pending)
		*pending = waits;
	return broke(journal, rc);
}

static int check_checkpoint(const struct vnep_checkpoint *checkpoint,
	const struct vnep_jdevice *device, struct vnep_err *err)
{
	if (!checkpoint->dev[0])
		return vnep_err_set(err, VNEP_EVALUE, "a checkpoint needs its device");
	if (checkpoint->resume_seq > device->head_seq + 1)
		return vnep_err_set(err, VNEP_EVALUE,
			"resume_seq %llu is beyond the next event of the device (%llu)",
			(unsigned long long)checkpoint->resume_seq,
			(unsigned long long)device->head_seq + 1);
	if (checkpoint->cursor == VNEP_CURSOR_SYNCED && checkpoint->resume_seq &&
		checkpoint->resume_seq < device->synced_seq)
		return vnep_err_set(err, VNEP_EVALUE,
			"resume_seq %llu: the synced cursor is at %llu, and cursors only grow",
			(unsigned long long)checkpoint->resume_seq,
			(unsigned long long)device->synced_seq);
	return 0;
}

int vnep_journal_checkpoint(struct vnep_journal *journal, struct vnep_checkpoint *checkpoint,
	struct vnep_journal_moved *moved, struct vnep_err *err)
{
	struct vnep_journal_item item = { .type = VNEP_RECORD_CHECKPOINT };
	struct vnep_journal_moved local;
	struct vnep_jdevice device;
	struct vnep_jplace place;
	bool known;
	uint32_t id;
	int rc;

	assert(journal->in_group);
	rc = find(journal, checkpoint->dev, &id, &device, &known, err);
	if (rc)
		return broke(journal, rc);
	rc = check_checkpoint(checkpoint, &device, err);
	if (rc)
		return rc;
	if (!checkpoint->ts.ns)
		checkpoint->ts = vnep_wall_now();
	if (!checkpoint->conn)
		checkpoint->conn = device.conn;
	if (!checkpoint->resume_seq)
		checkpoint->resume_seq = checkpoint->cursor == VNEP_CURSOR_SYNCED
						 ? device.head_seq + 1
						 : vnep_jrules_resume(&device);
	checkpoint->head_seq = device.head_seq;
	item.checkpoint = *checkpoint;
	rc = known ? 0 : add(journal, checkpoint->dev, id, err);
	if (!rc)
		rc = put_item(journal, &item, 0, &place, err);
	if (!rc)
		rc = vnep_jrules_checkpoint(&journal->index, &journal->tail, id, &device,
			checkpoint, moved ? moved : &local, err);
	if (!rc)
		rc = vnep_jindex_put_device(&journal->index, id, &device, err);
	return broke(journal, rc);
}

static int no_event(const struct vnep_outcome *outcome, struct vnep_err *err)
{
	return vnep_err_set(err, VNEP_ENOTFOUND, "the journal has no event %llu of %s",
		(unsigned long long)outcome->seq, outcome->dev);
}

/* What was pending and is sent is one attempt more, whatever the sender could know of it. */
static void count_attempt(const struct vnep_jevent *entry, struct vnep_outcome *outcome)
{
	uint32_t least = entry->attempts;

	if (outcome->outcome == VNEP_OUTCOME_SENT && entry->flags & VNEP_JEVENT_PENDING)
		least++;
	if (outcome->attempt < least)
		outcome->attempt = least;
}

int vnep_journal_outcome(
	struct vnep_journal *journal, struct vnep_outcome *outcome, struct vnep_err *err)
{
	struct vnep_journal_item item = { .type = VNEP_RECORD_OUTCOME };
	struct vnep_jdevice device;
	struct vnep_jevent entry;
	struct vnep_jplace place;
	bool known;
	uint32_t id;
	int rc;

	assert(journal->in_group);
	rc = find(journal, outcome->dev, &id, &device, &known, err);
	if (!rc)
		rc = known ? vnep_jindex_event(&journal->index, id, outcome->seq, &entry, err)
			   : VNEP_ENOTFOUND;
	if (rc == VNEP_ENOTFOUND)
		return no_event(outcome, err);
	if (rc)
		return broke(journal, rc);
	if (!(entry.flags & (VNEP_JEVENT_DELIVERABLE | VNEP_JEVENT_HELD)))
		return vnep_err_set(err, VNEP_EVALUE, "event %llu of %s is no packet that waited",
			(unsigned long long)outcome->seq, outcome->dev);
	if (!outcome->ts.ns)
		outcome->ts = vnep_wall_now();
	outcome->ts.ns -= outcome->ts.ns %
			  1000; /* as it is stored: what is read again must come to the same */
	count_attempt(&entry, outcome);
	item.outcome = *outcome;
	rc = put_item(journal, &item, 0, &place, err);
	if (!rc)
		rc = vnep_jrules_outcome(
			&journal->index, &journal->tail, id, &device, outcome, err);
	if (!rc)
		rc = vnep_jindex_put_device(&journal->index, id, &device, err);
	return broke(journal, rc);
}

int vnep_journal_ledger_put(struct vnep_journal *journal, const void *data, size_t len,
	bool segment, struct vnep_err *err)
{
	assert(journal->in_group);
	if (len > LEDGER_MAX)
		return vnep_err_set(
			err, VNEP_ETOOBIG, "a ledger of %zu octets (at most %d)", len, LEDGER_MAX);
	vnep_buf_reset(&journal->ledger_new);
	vnep_buf_put(&journal->ledger_new, data, len);
	if (journal->ledger_new.rc)
		return broke(journal, vnep_err_sys(err, -journal->ledger_new.rc, "journal"));
	journal->ledger_put = true;
	journal->blocks += segment;
	return broke(journal, vnep_jindex_put_ledger(&journal->index, data, len, err));
}

int vnep_journal_ledger_get(
	struct vnep_journal *journal, void *out, size_t cap, size_t *len, struct vnep_err *err)
{
	int rc = vnep_jindex_enter(&journal->index, err);

	if (rc)
		return rc;
	rc = vnep_jindex_ledger(&journal->index, out, cap, len, err);
	vnep_jindex_leave(&journal->index);
	return rc;
}

uint64_t vnep_journal_pending_total(const struct vnep_journal *journal)
{
	return journal->tail.pending;
}
