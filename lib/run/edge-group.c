/*
 * edge-group - one journal group a round: what is appended while the ring is read becomes durable at once, and
 * only then counts.
 *
 * A group that fails (full disk, I/O error) takes its packets with it: they are counted as dropped with that
 * reason; what the group would have changed otherwise (outcomes, checkpoints) has not happened, so the devices
 * are read anew from the journal.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

int edge_group(struct vnep_edge *edge)
{
	struct vnep_err err = { 0 };
	int rc;

	if (edge->group_open)
		return 0;
	rc = vnep_journal_begin(edge->journal, &err);
	if (rc) {
		edge->group_error = rc;
		edge->owed_lost = edge->owed_first;
		edge_warn(edge, "journal", &err);
		return rc;
	}
	edge->group_open = true;
	return 0;
}

static enum vnep_reason reason_of(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT ? VNEP_ENOSPC : VNEP_IO_ERROR;
}

static void reload_devices(struct vnep_edge *edge)
{
	struct edge_device *d;

	for (size_t i = 0; (d = vnep_table_next(&edge->by_vep, &i));)
		edge_device_reload(edge, d);
}

static void group_failed(struct vnep_edge *edge, int rc, const struct vnep_err *err)
{
	if (!edge->group_error)
		edge_warn(edge, "journal", err);
	edge->group_error = rc;
	edge->ledger.dropped[reason_of(rc)] += edge->delta.arrived;
	edge->delta = (struct edge_delta){ 0 };
	vnep_buf_reset(&edge->told); /* it has not happened */
	edge->ledger_dirty = true;
	edge->sent_owed = edge->sent || edge->fanned;
	edge->owed_lost = edge->owed_first;
	reload_devices(edge);
}

static void group_done(struct vnep_edge *edge)
{
	struct edge_ledger *l = &edge->ledger;

	if (edge->group_error)
		edge_say(edge, LOG_NOTICE, "journal: writing again");
	edge->group_error = 0;
	if (edge->sent && !edge->sent_owed)
		vnep_sentlog_clear(edge->sent);
	if (edge->fanned && !edge->sent_owed)
		vnep_sentlog_clear(edge->fanned);
	l->pending = edge->ledger_pending;
	l->delivered += (uint64_t)edge->delta.delivered;
	l->converted += (uint64_t)edge->delta.converted;
	l->carried += (uint64_t)edge->delta.carried;
	l->answered += (uint64_t)edge->delta.answered;
	for (int r = 0; r < VNEP_REASON_COUNT; r++)
		l->dropped[r] += edge->delta.dropped[r];
	edge->delta = (struct edge_delta){ 0 };
	edge->ledger_dirty = false;
	while (edge->owed_first && !edge->owed_lost) {
		edge->owed_first->owed = VNEP_CAUSE_NONE;
		edge->owed_first = edge->owed_first->owed_link;
	}
}

/* The ledger is written with the group: with what the group makes of it. */
static int put_ledger(struct vnep_edge *edge, struct vnep_err *err)
{
	struct edge_ledger l = edge->ledger;

	l.pending = edge->ledger_pending = vnep_journal_pending_total(edge->journal);
	l.delivered += (uint64_t)edge->delta.delivered;
	l.converted += (uint64_t)edge->delta.converted;
	l.carried += (uint64_t)edge->delta.carried;
	l.answered += (uint64_t)edge->delta.answered;
	for (int r = 0; r < VNEP_REASON_COUNT; r++)
		l.dropped[r] += edge->delta.dropped[r];
	return edge_ledger_put(edge, &l, err);
}

void edge_group_end(struct vnep_edge *edge)
{
	struct vnep_err err = { 0 };
	int rc;

	if (!edge->group_open)
		return;
	edge->group_open = false;
	rc = put_ledger(edge, &err);
	if (rc)
		vnep_journal_abort(edge->journal);
	else
		rc = vnep_journal_commit(edge->journal, &err);
	if (rc)
		group_failed(edge, rc, &err);
	else
		group_done(edge);
}

void edge_group_drop(struct vnep_edge *edge, int rc, const struct vnep_err *err)
{
	if (!edge->group_open)
		return;
	edge->group_open = false;
	vnep_journal_abort(edge->journal);
	group_failed(edge, rc, err);
}

bool edge_group_works(struct vnep_edge *edge)
{
	edge->ledger_kept.ns = 0; /* a block in a segment: the index alone proves nothing */
	edge->ledger_dirty = true;
	if (edge_group(edge))
		return false;
	edge_group_end(edge);
	return !edge->group_error;
}

static void event_init(
	struct vnep_event *e, const struct edge_device *d, enum vnep_kind kind, struct vnep_wall ts)
{
	*e = (struct vnep_event){ .kind = kind, .ts = ts, .conn = d->conn };
	memcpy(e->dev, d->dev, sizeof e->dev);
}

enum how { ITSELF, COPY, HELD };

/* Append a packet; what it means for the ledger is the caller's. */
static int append_data(struct vnep_edge *edge, struct edge_device *d,
	const struct vnep_ring_frame *frame, enum vnep_direction direction, enum how how,
	bool *pending, bool *duplicate)
{
	const struct edge_port *port =
		direction == VNEP_FROM_DEVICE && d->port ? d->port : edge_core(edge);
	struct vnep_err err = { 0 };
	struct vnep_event e;
	int rc = edge_group(edge);

	if (rc)
		return rc;
	event_init(&e, d, VNEP_KIND_DATA, frame->ts);
	e.direction = direction;
	e.copy = how == COPY;
	e.held = how == HELD;
	memcpy(e.in_iface, port->name, sizeof e.in_iface);
	e.frame = frame->data;
	e.frame_len = frame->len;
	e.length = frame->wire_len;
	rc = vnep_journal_append(edge->journal, &e, pending, duplicate, &err);
	if (rc) {
		edge_warn(edge, "journal", &err);
		return rc;
	}
	if (!*duplicate && e.seq > d->head_seq)
		d->head_seq = e.seq;
	if (!*pending)
		return 0;
	edge->delta.pending++;
	if (how == HELD) {
		edge_uplink_counts(edge, d, d->uplink + 1, d->uplink_octets + frame->wire_len);
		edge_uplink_enter(edge, d);
	} else {
		d->pending++;
		d->pending_octets += frame->wire_len;
	}
	return 0;
}

void edge_journal_keep(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame)
{
	bool pending = false, duplicate = false;
	int rc = append_data(edge, d, frame, VNEP_FROM_DEVICE, HELD, &pending, &duplicate);

	if (rc)
		edge_drop(edge, d, reason_of(rc));
	else
		edge->delta.arrived++;
}

void edge_journal_data(struct vnep_edge *edge, struct edge_device *d,
	const struct vnep_ring_frame *frame, enum vnep_direction direction, bool copy)
{
	bool pending = false, duplicate = false;
	int rc = append_data(edge, d, frame, direction, copy ? COPY : ITSELF, &pending, &duplicate);

	if (copy)
		return; /* forwarded and counted by the kernel, whatever becomes of the copy */
	if (rc)
		edge_drop(edge, d, reason_of(rc));
	else
		edge->delta.arrived++;
	if (duplicate)
		edge->delta.dropped[VNEP_DUPLICATE]++;
}

void edge_journal_late(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame)
{
	bool pending = false, duplicate = false;

	if (!append_data(edge, d, frame, VNEP_TO_DEVICE, ITSELF, &pending, &duplicate) && pending)
		edge->delta
			.converted++; /* it leaves `forwarded`; if the group fails it stays there */
}

void edge_journal_mark(
	struct vnep_edge *edge, struct edge_device *d, enum vnep_kind kind, const char *text)
{
	struct vnep_err err = { 0 };
	struct vnep_event e;

	if (edge_group(edge))
		return;
	event_init(&e, d, kind, vnep_wall_now());
	if (kind == VNEP_KIND_CONNECT)
		e.conn = 0; /* the next one: the journal counts */
	if (text)
		snprintf(e.text, sizeof e.text, "%s", text);
	if (vnep_journal_append(edge->journal, &e, NULL, NULL, &err)) {
		edge_warn(edge, "journal", &err);
		return;
	}
	d->conn = e.conn;
	d->head_seq = e.seq;
}

/* Everything before the first pending packet is settled. */
static void journal_synced(struct vnep_edge *edge, struct edge_device *d, enum vnep_cause cause,
	struct vnep_wall ts, uint64_t first_pending)
{
	struct vnep_checkpoint c = { .ts = ts,
		.conn = d->conn,
		.cursor = VNEP_CURSOR_SYNCED,
		.cause = cause,
		.resume_seq = first_pending };
	struct vnep_journal_moved moved = { 0 };
	struct vnep_err err = { 0 };

	memcpy(c.dev, d->dev, sizeof c.dev);
	if (vnep_journal_checkpoint(edge->journal, &c, &moved, &err))
		edge_warn(edge, "journal", &err);
	d->resume_seq = c.resume_seq;
	vnep_checkpoint_encode(&edge->told, &c);
}

static int first_seq(const struct vnep_event *event, unsigned attempt, void *arg)
{
	(void)attempt;
	*(uint64_t *)arg = event->seq;
	return 1;
}

void edge_journal_disconnect(
	struct vnep_edge *edge, struct edge_device *d, enum vnep_cause cause, struct vnep_wall ts)
{
	struct vnep_checkpoint c = {
		.ts = ts, .conn = d->conn, .cursor = VNEP_CURSOR_DISCONNECT, .cause = cause
	};
	struct vnep_journal_moved moved = { 0 };
	struct vnep_err err = { 0 };
	uint64_t first = 0;

	if (!d->owed) { /* until its group is durable: a full disk must not lose it */
		d->owed = cause;
		d->owed_ts = ts;
		d->owed_link = edge->owed_first;
		edge->owed_first = d;
	}
	edge_journal_mark(edge, d, VNEP_KIND_DISCONNECT, NULL);
	if (edge_group(edge))
		return;
	memcpy(c.dev, d->dev, sizeof c.dev);
	if (vnep_journal_checkpoint(edge->journal, &c, &moved, &err)) {
		edge_warn(edge, "journal", &err);
		return;
	}
	edge->delta.pending += (int64_t)(moved.copies + moved.resent);
	edge->delta.converted += (int64_t)moved.copies;
	edge->delta.delivered -= (int64_t)moved.resent;
	vnep_checkpoint_encode(&edge->told, &c);
	if (vnep_journal_pending(edge->journal, d->dev, 0, 1, first_seq, &first, &err) < 0) {
		edge_warn(edge, "journal",
			&err); /* what is pending is not known: nothing is called settled */
		return;
	}
	journal_synced(edge, d, cause, ts, first);
	edge_device_reload(edge, d);
	if (moved.resent)
		edge_mcast_slept(edge, d);
}

/* Those of the open group are on their way. */
void edge_journal_owed(struct vnep_edge *edge)
{
	if (!edge->owed_lost)
		return;
	edge->owed_lost = false;
	for (struct edge_device *d = edge->owed_first; d; d = d->owed_link)
		if (vnep_life_presence(d->life) == VNEP_STATE_ASLEEP)
			edge_journal_disconnect(edge, d, d->owed, d->owed_ts);
}

struct giving_up {
	struct vnep_edge *edge;
	struct edge_device *d;
	enum vnep_reason reason;
};

static int give_up_one(const struct vnep_event *event, unsigned attempt, void *arg)
{
	struct giving_up *g = arg;

	return edge_journal_uplink(g->edge, g->d, event->seq, event->length, VNEP_OUTCOME_FAILED,
		       g->reason, attempt + 1, vnep_wall_now())
		       ? 0
		       : -EIO;
}

/* No cursor speaks of what it sent itself. */
void edge_journal_give_up_held(
	struct vnep_edge *edge, struct edge_device *d, enum vnep_reason reason)
{
	struct giving_up g = { edge, d, reason };
	struct vnep_err err = { 0 };

	if (d->uplink && vnep_journal_held(edge->journal, d->dev, 0, 0, give_up_one, &g, &err) < 0)
		edge_warn(edge, "journal", &err);
}

void edge_journal_give_up(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_checkpoint c = { .ts = vnep_wall_now(),
		.conn = d->conn,
		.cursor = VNEP_CURSOR_SYNCED,
		.cause = VNEP_CAUSE_DEREGISTERED };
	struct vnep_journal_moved moved = { 0 };
	struct vnep_err err = { 0 };

	edge_journal_give_up_held(edge, d, VNEP_NO_MAPPING);
	if (!d->pending || edge_group(edge))
		return;
	memcpy(c.dev, d->dev, sizeof c.dev);
	if (vnep_journal_checkpoint(edge->journal, &c, &moved, &err)) {
		edge_warn(edge, "journal", &err);
		return;
	}
	edge->delta.pending -= (int64_t)moved.settled;
	edge->delta.dropped[VNEP_NO_MAPPING] += moved.settled;
	vnep_checkpoint_encode(&edge->told, &c);
}

/* o has all but the device. */
static bool put_outcome(struct vnep_edge *edge, struct edge_device *d, struct vnep_outcome *o)
{
	struct vnep_err err = { 0 };

	if (edge_group(edge))
		return false;
	memcpy(o->dev, d->dev, sizeof o->dev);
	if (vnep_journal_outcome(edge->journal, o, &err)) {
		edge_warn(edge, "journal", &err);
		return false;
	}
	if (edge->client_count) /* else nobody watches */
		vnep_outcome_encode(&edge->told, o);
	return true;
}

bool edge_journal_outcome(struct vnep_edge *edge, struct edge_device *d, uint64_t seq,
	enum vnep_outcome_word word, enum vnep_reason reason, enum vnep_evidence evidence,
	uint32_t attempt)
{
	struct vnep_outcome o = { .seq = seq,
		.ts = vnep_wall_now(),
		.outcome = word,
		.reason = reason,
		.evidence = evidence,
		.attempt = attempt };

	return put_outcome(edge, d, &o);
}

static uint64_t less(uint64_t all, uint64_t gone)
{
	return all > gone ? all - gone : 0;
}

static bool settle(struct vnep_edge *edge, struct edge_device *d, enum vnep_direction direction,
	uint32_t octets, struct vnep_outcome *o)
{
	if (!put_outcome(edge, d, o))
		return false;
	edge_mcast_settled(edge, d, o);
	edge->delta.pending--;
	if (direction == VNEP_FROM_DEVICE) {
		edge_uplink_counts(edge, d, less(d->uplink, 1), less(d->uplink_octets, octets));
	} else {
		d->pending = less(d->pending, 1);
		d->pending_octets = less(d->pending_octets, octets);
	}
	if (o->outcome == VNEP_OUTCOME_SENT)
		edge->delta.delivered++;
	else
		edge->delta.dropped[o->reason]++;
	return true;
}

bool edge_journal_settle(struct vnep_edge *edge, struct edge_device *d, uint64_t seq,
	uint32_t octets, enum vnep_outcome_word word, enum vnep_reason reason, uint32_t attempt)
{
	struct vnep_outcome o = { .seq = seq,
		.ts = vnep_wall_now(),
		.outcome = word,
		.reason = reason,
		.attempt = attempt };

	return settle(edge, d, VNEP_TO_DEVICE, octets, &o);
}

bool edge_journal_sent(struct vnep_edge *edge, struct edge_device *d, uint64_t seq, uint32_t octets,
	uint32_t attempt, struct vnep_wall ts)
{
	struct vnep_outcome o = {
		.seq = seq, .ts = ts, .outcome = VNEP_OUTCOME_SENT, .attempt = attempt
	};

	return settle(edge, d, VNEP_TO_DEVICE, octets, &o);
}

bool edge_journal_uplink(struct vnep_edge *edge, struct edge_device *d, uint64_t seq,
	uint32_t octets, enum vnep_outcome_word word, enum vnep_reason reason, uint32_t attempt,
	struct vnep_wall ts)
{
	struct vnep_outcome o = {
		.seq = seq, .ts = ts, .outcome = word, .reason = reason, .attempt = attempt
	};

	return settle(edge, d, VNEP_FROM_DEVICE, octets, &o);
}

struct oldest {
	uint64_t seq;
	uint32_t octets;
	unsigned attempt;
};

static int take_oldest(const struct vnep_event *event, unsigned attempt, void *arg)
{
	*(struct oldest *)arg = (struct oldest){ event->seq, event->length, attempt };
	return 1;
}

/* The oldest that waits in that direction is given up. */
static bool give_up_oldest(struct vnep_edge *edge, struct edge_device *d,
	enum vnep_direction direction, enum vnep_reason reason)
{
	bool up = direction == VNEP_FROM_DEVICE;
	struct vnep_err err = { 0 };
	struct oldest o = { 0 };
	struct vnep_outcome outcome = {
		.ts = vnep_wall_now(), .outcome = VNEP_OUTCOME_FAILED, .reason = reason
	};

	if (edge_group(edge))
		return false;
	if (up)
		vnep_journal_held(edge->journal, d->dev, 0, 1, take_oldest, &o, &err);
	else
		vnep_journal_pending(edge->journal, d->dev, 0, 1, take_oldest, &o, &err);
	outcome.seq = o.seq;
	outcome.attempt = o.attempt + 1;
	return o.seq && settle(edge, d, direction, o.octets, &outcome);
}

/* 3GPP TS 29.244: DL Buffering Suggested Packet Count. What does not fit costs the oldest, and says so. */
void edge_journal_limits(
	struct vnep_edge *edge, struct edge_device *d, enum vnep_direction direction)
{
	const bool up = direction == VNEP_FROM_DEVICE;

	for (;;) {
		uint64_t packets = up ? d->uplink : d->pending,
			 octets = up ? d->uplink_octets : d->pending_octets;
		bool many = d->dl_packet_count && packets > d->dl_packet_count;
		bool large = d->dl_octets && octets > d->dl_octets;

		if ((!many && !large) || !give_up_oldest(edge, d, direction,
						 many ? VNEP_DL_PACKET_COUNT : VNEP_DL_OCTETS))
			return;
	}
}

void edge_journal_gap(
	struct vnep_edge *edge, const char *port, uint64_t count, enum vnep_reason reason)
{
	struct vnep_event e = {
		.kind = VNEP_KIND_GAP, .ts = vnep_wall_now(), .count = count, .reason = reason
	};
	struct vnep_err err = { 0 };

	if (edge_group(edge))
		return;
	snprintf(e.port, sizeof e.port, "%s", port);
	if (vnep_journal_append(edge->journal, &e, NULL, NULL, &err))
		edge_warn(edge, "journal", &err);
	vnep_event_encode(&edge->told, &e);
}
