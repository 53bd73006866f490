/*
 * edge-replay - the backlog of a waking device, and the hand-over to the kernel.
 *
 * Devices that replay stand in a line; each turn sends at most EDGE_REPLAY_BATCH packets of one device. What was sent is
 * written into the sent log at once, which a killed worker leaves behind: so it sends at most one batch twice. The
 * outcomes of many turns are made durable together, for a disk may take as long for one as for a thousand; without a
 * sent log those of each batch.
 *
 * Hand-over: remove V's neighbour on the access port and put V into @awake: the kernel queues what takes the fast
 * path. Behind the barrier of edge-hold.c the rest of the backlog is sent and the neighbour installed.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"
#include "vnep/mcast.h"

enum {
	PORT_RETRY_MS = 20,
	JOURNAL_RETRY_MS = 1000,
	PUMP_NS = 5000000, /* then the ring gets its turn */
	REST_TURNS = 16,   /* of a device that is held, at once */
	DRY_MS = 1,        /* until a bucket has tokens again */
};

void edge_replay_start(struct vnep_edge *edge, struct edge_device *d)
{
	if (d->replaying || edge_pace_silent(d) || edge_pace_parked(d))
		return;
	d->replaying = true;
	edge_storm_enter(edge, d, true);
	if (!edge->group_error)
		vnep_timer_set(edge->pump, 0);
	else if (edge->replay_line == 1) /* else its time is set already: nobody makes it shorter */
		vnep_timer_set(edge->pump, JOURNAL_RETRY_MS);
}

void edge_replay_stop(struct vnep_edge *edge, struct edge_device *d)
{
	if (d->replaying)
		edge_storm_leave(edge, d);
	d->replaying = false;
	edge_pace_unpark(edge, d);
	edge_hold_remove(edge, &d->held);
	d->behind = false;
}

/* One batch on its way out. */
struct staged {
	uint64_t seq;
	uint32_t attempt, octets;
	size_t at, len;
	struct edge_sent expect; /* seq 0: nothing that could be answered */
};
struct batch {
	struct vnep_edge *edge;
	struct edge_device *d;
	struct vnep_forward how;
	size_t max, count;
	uint64_t seen; /* seq of the last event looked at */
	bool later;    /* the next one's time has not come */
	struct staged staged[EDGE_REPLAY_BATCH];
};

/* seq stays 0 where there is nothing that could be answered. */
static void read_expected(struct edge_sent *s, const struct vnep_event *event, uint32_t attempt)
{
	*s = (struct edge_sent){ .attempt = attempt };
	if (!vnep_expected_read(&s->answer, event->frame, event->frame_len))
		s->seq = event->seq;
}

static void expect_answer(struct edge_device *d, const struct edge_sent *expected)
{
	struct edge_sent *more;

	if (!expected->seq)
		return;
	if (d->sent_count == d->sent_room && d->sent_room < EDGE_SENT_MAX) {
		more = realloc(d->sent, (d->sent_room ? d->sent_room * 2u : 2u) * sizeof *more);
		if (!more)
			return;
		d->sent = more;
		d->sent_room = (uint8_t)(d->sent_room ? d->sent_room * 2 : 2);
	}
	if (d->sent_count == EDGE_SENT_MAX) {
		memmove(d->sent, d->sent + 1, (EDGE_SENT_MAX - 1) * sizeof *d->sent);
		d->sent_count--;
	}
	d->sent[d->sent_count++] = *expected;
}

void edge_expect_nothing(struct edge_device *d)
{
	free(d->sent);
	d->sent = NULL;
	d->sent_count = d->sent_room = 0;
}

void edge_expect(struct edge_device *d, const struct vnep_event *event, uint32_t attempt)
{
	struct edge_sent expected;

	read_expected(&expected, event, attempt);
	expect_answer(d, &expected);
}

/* A segment of a TCP connection that lived in an earlier connection of the device. */
static bool dead(const struct vnep_event *event)
{
	struct vnep_frame f;

	return !vnep_frame_parse(&f, event->frame, event->frame_len) &&
	       vnep_forward_replayable(&f, event->frame) != VNEP_REASON_NONE;
}

static int stage(const struct vnep_event *event, unsigned attempt, void *arg)
{
	struct batch *b = arg;
	struct vnep_buf *out = &b->edge->staged;
	enum edge_pace_word word;
	enum vnep_reason reason;
	size_t len = 0;
	uint8_t *room;

	if (b->d->life == VNEP_LIFE_HOLDING &&
		edge_when(b->edge, event->ts).ns >= b->d->hold_until.ns)
		return 1; /* the kernel's queue goes first */
	word = edge_pace_event(b->edge, b->d, event);
	b->later = word == EDGE_PACE_LATER;
	if (b->later)
		return 1;
	b->seen = event->seq;
	if (word == EDGE_PACE_SUPERSEDED) {
		edge_journal_settle(b->edge, b->d, event->seq, event->length,
			VNEP_OUTCOME_SUPERSEDED, VNEP_SUPERSEDED, attempt + 1);
		return 0;
	}
	if (event->kind == VNEP_KIND_INSTRUCTION &&
		vnep_mcast_is_over(event->frame, event->frame_len, vnep_wall_now())) {
		edge_journal_settle(b->edge, b->d, event->seq, event->length, VNEP_OUTCOME_EXPIRED,
			VNEP_EXPIRED, attempt + 1);
		return 0;
	}
	if (edge_too_old(b->edge, b->d, event)) {
		edge_journal_settle(b->edge, b->d, event->seq, event->length, VNEP_OUTCOME_EXPIRED,
			VNEP_DL_DURATION, attempt + 1);
		return 0;
	}
	if (event->conn != b->d->conn && dead(event)) {
		edge_journal_settle(b->edge, b->d, event->seq, event->length, VNEP_OUTCOME_FAILED,
			VNEP_NOT_REPLAYABLE, attempt + 1);
		return 0;
	}
	if (edge_waits_big(b->edge, event, b->d->port->mtu)) {
		edge_journal_settle(b->edge, b->d, event->seq, event->length, VNEP_OUTCOME_FAILED,
			VNEP_TOO_BIG, attempt + 1);
		return 0;
	}
	room = vnep_buf_reserve(out, event->frame_len + VNEP_FORWARD_ROOM);
	if (!room)
		return -ENOMEM;
	reason = vnep_forward_to_device(&b->how, event->frame, event->frame_len, room, &len);
	if (reason) {
		edge_journal_settle(b->edge, b->d, event->seq, event->length, VNEP_OUTCOME_FAILED,
			reason, attempt + 1);
		return 0;
	}
	b->staged[b->count] = (struct staged){ .seq = event->seq,
		.attempt = attempt + 1,
		.octets = event->length,
		.at = out->len,
		.len = len };
	read_expected(&b->staged[b->count++].expect, event, attempt + 1);
	out->len += len;
	return b->count == b->max;
}

static void sent(struct batch *b, const struct staged *s, struct vnep_wall ts)
{
	edge_journal_sent(b->edge, b->d, s->seq, s->octets, s->attempt, ts);
	expect_answer(b->d, &s->expect);
	edge_pace_sent(b->d, &s->expect);
}

/* Before anything else that takes time. */
static void remember(struct batch *b, size_t from, size_t n)
{
	for (size_t i = from; b->edge->sent && i < from + n; i++) {
		const struct vnep_sentlog_entry entry = { b->d->vep, b->staged[i].seq,
			b->staged[i].attempt };

		vnep_sentlog_put(b->edge->sent, &entry);
	}
}

/* Send what was staged. False: the port does not take it now. */
static bool flush(struct batch *b)
{
	struct iovec io[EDGE_REPLAY_BATCH];
	struct vnep_err err = { 0 };
	struct vnep_wall ts;
	size_t at = 0, n;

	for (size_t i = 0; i < b->count; i++)
		io[i] = (struct iovec){ b->edge->staged.data + b->staged[i].at, b->staged[i].len };
	while (at < b->count) {
		ts = vnep_wall_now(); /* a device may answer before the call is over */
		n = vnep_inject_send(b->d->port->inject, io + at, b->count - at, &err);
		remember(b, at, n);
		for (size_t i = at; i < at + n; i++)
			sent(b, &b->staged[i], ts);
		b->edge->replayed += n;
		at += n;
		if (at == b->count)
			break;
		if (err.code != -EMSGSIZE)
			return false;
		edge_refused_big(b->edge, b->d, b->d->port, b->staged[at].seq);
		edge_journal_settle(b->edge, b->d, b->staged[at].seq, b->staged[at].octets,
			VNEP_OUTCOME_FAILED, VNEP_TOO_BIG, b->staged[at].attempt);
		at++;
	}
	return true;
}

/* One turn of a device. 1: there may be more, 0: nothing is pending, negative: not now. */
static int turn(struct vnep_edge *edge, struct edge_device *d, size_t max)
{
	struct batch b = { .edge = edge, .d = d, .max = max };
	struct vnep_err err = { 0 };
	int rc;

	if (!d->bound || !d->port->up)
		return -ENETDOWN;
	if (edge->group_error && !edge_group_works(edge))
		return -EIO;
	if (edge->sent_owed)
		edge_replay_recall(edge);
	if (edge->sent_owed || edge_group(edge))
		return -EIO; /* what cannot be recorded is not sent */
	edge_place(d, &b.how);
	vnep_buf_reset(&edge->staged);
	rc = vnep_journal_pending(
		edge->journal, d->dev, d->replay_next, EDGE_REPLAY_BATCH, stage, &b, &err);
	if (rc < 0 && rc != VNEP_ENOTFOUND) {
		edge_warn(edge, "replay", &err);
		return rc;
	}
	if (!b.seen)
		return b.later;
	if (!flush(&b))
		return -ENETDOWN;
	d->replay_next = b.seen + 1;
	return 1;
}

static struct edge_device *device_of(struct edge_held *held)
{
	return (void *)((char *)held - offsetof(struct edge_device, held));
}

static void backlog_empty(struct vnep_edge *edge, struct edge_held *held)
{
	struct edge_device *d = device_of(held);

	/* Otherwise more came, and the next end of the backlog asks again. */
	if (!d->replaying && !edge_pace_parked(d) && !edge_pace_silent(d))
		edge_device_event(
			edge, d, VNEP_LIFE_BACKLOG_EMPTY, VNEP_CAUSE_REPLAYED, vnep_wall_now());
}

/* How fast the line moves: an average over some tens of calls, waits for other work included. */
static void measure(struct vnep_edge *edge, size_t before, struct vnep_mono now)
{
	int64_t ns = now.ns - edge->replay_looked.ns;
	size_t sent = edge->replayed - before;

	if (edge->replay_looked.ns && ns > 0 && sent) {
		double pps = (double)sent * 1e9 / (double)ns;

		edge->replay_pps += ((edge->replay_pps > 0 ? 0.05 : 1) * (pps - edge->replay_pps));
	}
	if (!edge->replay_line)
		edge->replay_looked.ns = 0;
	else if (sent ||
		 !edge->replay_looked.ns) /* else it still waits for tokens, or for the port */
		edge->replay_looked = now;
}

/* How many packets may be sent before their outcomes are durable. */
static size_t group_room(const struct vnep_edge *edge)
{
	size_t room = edge->sent ? vnep_sentlog_room(edge->sent) : EDGE_REPLAY_BATCH;

	return room < EDGE_REPLAY_BATCH ? 0 : room;
}

/* The next device has its turn; *first_again is the first that goes to the end of the line without having sent
 * anything. How long to wait for its next one, -1: it is in no line any more. */
static int64_t pump_one(
	struct vnep_edge *edge, size_t room, struct vnep_mono now, struct edge_device **first_again)
{
	struct edge_device *d = edge_storm_next(edge);
	size_t before = edge->replayed, most = d->port ? edge_storm_room(edge, d->port, now) : 1;
	int max = edge_pace_allows(edge, d, now), rc = 1;

	if (most > room)
		most = room;
	if (max > 0 && most)
		rc = turn(edge, d, (size_t)max < most ? (size_t)max : most);
	if (d->port)
		edge_storm_spend(edge, d->port, edge->replayed - before);
	edge_storm_leave(edge, d);
	d->replaying = false;
	if (max < 0 || (rc > 0 && edge_pace_park(edge, d, now)))
		return -1;
	if (rc == 0) {
		edge_hold_when_calm(edge, &d->held, backlog_empty);
		return -1;
	}
	d->replaying = true;
	edge_storm_enter(edge, d, edge->replayed != before);
	if (edge->replayed != before)
		*first_again = NULL;
	else if (!*first_again)
		*first_again = d;
	return rc > 0 && most ? 0 : rc > 0 ? DRY_MS : PORT_RETRY_MS;
}

/* Did all that are left have their turn in vain? */
static bool round_over(const struct vnep_edge *edge, const struct edge_device *first_again)
{
	return !edge->replay_line || (!edge->expiring.count && edge->replay_first == first_again);
}

/* Turns in their order, for a while or until the sent log is full: then all outcomes are made durable, and the ring gets
 * its turn. */
void edge_replay_pump(struct vnep_edge *edge)
{
	struct edge_device *first_again = NULL;
	struct vnep_mono now = vnep_mono_now(), at = now;
	size_t all = edge->replayed, room = group_room(edge);
	int64_t wait = -1;
	bool dry = edge_storm_dry(edge, now), calm_left;

	while (!dry && !round_over(edge, first_again) && room && at.ns - now.ns < PUMP_NS) {
		int64_t due = pump_one(edge, room, at, &first_again);

		if (due >= 0 && (wait < 0 || due < wait))
			wait = due;
		at = vnep_mono_now();
		dry = edge_storm_dry(edge, at);
		room = edge->sent
			       ? group_room(edge)
			       : room - (edge->replayed - all < room ? edge->replayed - all : room);
	}
	edge_group_end(edge);
	calm_left = edge_hold_calm(edge, dry || !edge->replay_line);
	measure(edge, all, now);
	if (edge->group_error && edge->replay_line)
		wait = JOURNAL_RETRY_MS; /* what cannot be recorded must not be sent again and again */
	else if (dry && edge->replay_line)
		wait = DRY_MS;
	else if (!round_over(edge, first_again)) /* there was no time, or no room, for more */
		wait = edge->replayed == all ? DRY_MS : 0;
	if (calm_left)
		wait = 0;
	vnep_timer_set(edge->pump, wait);
}

struct recalled {
	const struct vnep_sentlog_entry *entry;
	uint32_t octets;
	bool pending, held;
};

/* One that was recorded and then became pending again has as many attempts already. */
static int take_recalled(const struct vnep_event *event, unsigned attempt, void *arg)
{
	struct recalled *r = arg;

	r->pending = event->seq == r->entry->seq && attempt < r->entry->attempt;
	r->octets = event->length;
	r->held = event->held;
	return 1;
}

/* 1: recorded now, 0: there was nothing to do, negative: nobody can say. */
static int recall(struct vnep_edge *edge, const struct vnep_sentlog_entry *entry)
{
	struct edge_device *d = edge_device_by_vep(edge, &entry->vep);
	struct recalled r = { .entry = entry };
	struct vnep_err err = { 0 };
	int rc;

	if (!d)
		return 0;
	rc = vnep_journal_pending(edge->journal, d->dev, entry->seq, 1, take_recalled, &r, &err);
	if (rc < 0 && rc != VNEP_ENOTFOUND) {
		edge_warn(edge, "replay", &err);
		return rc;
	}
	if (!r.pending && rc >= 0)
		rc = vnep_journal_held(
			edge->journal, d->dev, entry->seq, 1, take_recalled, &r, &err);
	if (!r.pending)
		return rc < 0 && rc != VNEP_ENOTFOUND ? rc : 0;
	if (r.held)
		return edge_journal_uplink(edge, d, entry->seq, r.octets, VNEP_OUTCOME_SENT,
			       VNEP_REASON_NONE, (uint32_t)entry->attempt, vnep_wall_now())
			       ? 1
			       : -EIO;
	return edge_journal_settle(edge, d, entry->seq, r.octets, VNEP_OUTCOME_SENT,
		       VNEP_REASON_NONE, (uint32_t)entry->attempt)
		       ? 1
		       : -EIO;
}

static int recall_all(struct vnep_edge *edge, const struct vnep_sentlog *log, size_t *booked)
{
	const struct vnep_sentlog_entry *entry;
	int rc = 0;

	for (size_t n = 0; rc >= 0 && log && (entry = vnep_sentlog_get(log, n)); n++) {
		rc = recall(edge, entry);
		*booked += rc > 0;
	}
	return rc;
}

void edge_replay_recall(struct vnep_edge *edge)
{
	size_t booked = 0;
	int rc;

	edge->sent_owed = true; /* until all of them are in the group */
	rc = recall_all(edge, edge->sent, &booked);
	if (rc >= 0)
		rc = recall_all(edge, edge->fanned, &booked);
	if (booked)
		edge_say(edge, LOG_NOTICE,
			"replay: %zu packets had been sent already, and are recorded now", booked);
	edge->sent_owed = rc < 0;
	edge_group_end(edge);
}

/* It got packets meanwhile, and is a waker again. That says nothing of the device: it listens as long as before. */
static void busy(struct vnep_edge *edge, struct edge_device *d)
{
	edge_device_event(edge, d, VNEP_LIFE_BUSY, VNEP_CAUSE_REPLAYED, vnep_wall_now());
	edge_device_arm(edge, d, d->last_life);
}

/* Behind the barrier nothing goes by the kernel any more: it sends its queue, in order, and the worker what came since. */
static bool taken_back(struct vnep_edge *edge, struct edge_held *held)
{
	struct edge_device *d = device_of(held);
	struct vnep_err err = { 0 };

	edge_hold_remove(edge, held);
	if (vnep_rtnl_neigh_set(edge->rt, d->port->ifindex, &d->vep, &d->l2.mac, true, &err))
		edge_warn(edge, "hand-over", &err);
	d->behind = false;
	busy(edge, d);
	return true;
}

/* The kernel opens its queue packet by packet, with its lock open in between: what another processor forwards in these
 * microseconds would overtake what is still queued (net/core/neighbour.c, __neigh_update). So the neighbour is only
 * installed where there is none, and so no queue. */
static void take_back(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_err err = { 0 };

	if (vnep_acl_awake_remove(edge->acl, &d->vep, &err))
		edge_warn(edge, "hand-over", &err);
	d->behind = true;
	edge_hold_add(edge, &d->held, taken_back);
}

/* Of a stream that the worker loses packets of there will be a queue the next time, too: it gets its packets rather than
 * their order, or it would be taken back for ever. */
static int install(struct vnep_edge *edge, struct edge_device *d, struct vnep_err *err)
{
	if (d->held.dense)
		return vnep_rtnl_neigh_set(
			edge->rt, d->port->ifindex, &d->vep, &d->l2.mac, true, err);
	return vnep_rtnl_neigh_add(edge->rt, d->port->ifindex, &d->vep, &d->l2.mac, err);
}

/* The rest of one device, then its neighbour. False: later. */
static bool finish(struct vnep_edge *edge, struct edge_held *held)
{
	struct edge_device *d = device_of(held);
	struct vnep_err err = { 0 };
	int rc, turns = 0;

	d->replay_next = 0;
	while ((rc = turn(edge, d, EDGE_REPLAY_BATCH)) > 0) {
		edge_group_end(edge);
		if (edge->group_error || ++turns == REST_TURNS)
			return false;
	}
	if (rc < 0 || vnep_inject_unsent(d->port->inject) > 0)
		return false;
	rc = install(edge, d, &err);
	if (rc == -EEXIST) {
		take_back(edge, d);
		return false;
	}
	if (rc)
		edge_warn(edge, "neighbour", &err);
	edge_hold_remove(edge, held);
	if (d->pending) { /* it took so long that its place in @awake is gone */
		busy(edge, d);
		return true;
	}
	edge_device_event(edge, d, VNEP_LIFE_HELD, VNEP_CAUSE_REPLAYED, vnep_wall_now());
	return true;
}

void edge_hold(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_err err = { 0 };

	d->hold_until.ns = INT64_MAX;
	if (d->t3324_s)
		d->hold_until.ns = vnep_mono_now().ns + (int64_t)d->t3324_s * 1000000000;
	if (vnep_rtnl_neigh_delete(edge->rt, d->port->ifindex, &d->vep, &err) ||
		vnep_acl_awake_add(edge->acl, &d->vep, d->t3324_s * 1000ull, &err))
		edge_warn(edge, "hand-over", &err);
	edge_hold_add(edge, &d->held, finish);
}

/* Killed between hold and release: the kernel still queues. Its queue must not be thrown away. */
void edge_hold_again(struct vnep_edge *edge, struct edge_device *d)
{
	edge_device_live(edge, d, VNEP_LIFE_HOLDING);
	d->hold_until = vnep_mono_now(); /* what is in the journal came before */
	edge_hold_add(edge, &d->held, finish);
}

void edge_evidence(struct vnep_edge *edge, struct edge_device *d, const struct vnep_frame *f,
	const uint8_t *data)
{
	for (unsigned i = 0; i < d->sent_count; i++) {
		enum vnep_evidence evidence = vnep_expected_answer(&d->sent[i].answer, f, data);

		if (!evidence)
			continue;
		edge_journal_outcome(edge, d, d->sent[i].seq, VNEP_OUTCOME_CONFIRMED,
			VNEP_REASON_NONE, evidence, d->sent[i].attempt);
		edge_pace_answered(edge, d, d->sent[i].seq);
		memmove(d->sent + i, d->sent + i + 1, (d->sent_count - i - 1) * sizeof *d->sent);
		d->sent_count--;
		return;
	}
}
