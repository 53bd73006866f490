/*
 * edge-uplink - what devices send while the core port is down, or while the next hop of a route is away: kept in the
 * journal (held: pending, from-device), and sent on in the order of each device when it is back.
 *
 * While a host has anything of that kind, it is not in the kernel's set and everything for it goes behind the rest, so
 * nothing overtakes. When it answers, passes over the devices that have held packets send them. A host that took packets
 * during the whole of a pass, and for which nothing was kept since that began, has nothing any more: from then on the
 * worker forwards what comes, behind what it sent just now, and the hand-over to the kernel begins as that of any host
 * (edge-neigh.c). A host on the link itself that does not answer when the port is back is not there: its packets get
 * their outcome.
 *
 * A pass reads what came since the one before, and all there is only if somebody answered since then: a stream to one host
 * is not held up by what waits for another.
 *
 * What was sent is written into the sent log at once, as replay does, so a killed worker sends at most one batch twice.
 * After a start nobody knows which hosts have held packets until the first pass is over: until then everything is kept
 * but what is for a host in the kernel's set. That has none, or it would not be there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

enum {
	SLICE_NS = 5000000, /* then the ring gets its turn */
	PORT_RETRY_MS = 20,
	JOURNAL_RETRY_MS = 1000,
	ROOM_RETRY_MS = 1000, /* then some of the hosts are given up */
};

/* ---- to keep ---- */

static bool is_away(const struct vnep_edge *edge, const struct edge_host *h)
{
	if (!edge->ports[edge->port_count - 1].up || h->uplink)
		return true;
	if (edge->uplink_unknown && !h->open)
		return true;
	return h->route && (h->state == EDGE_HOST_AWAY || (h->failures && !edge_host_ready(h)));
}

static void has_some(struct edge_host *h)
{
	h->uplink = h->left = true;
}

/* One that was never seen has nothing yet. */
static struct edge_uplink_share *share_of(struct vnep_edge *edge, const struct vnep_vpc *vpc)
{
	char key[VNEP_LABEL_MAX + 1] = "";

	if (vpc)
		memcpy(key, vpc->vpc, strlen(vpc->vpc));
	return vnep_table_get(&edge->uplink_shares, key);
}

/* May so many octets more be kept? */
static enum vnep_reason is_full(struct vnep_edge *edge, const struct edge_device *d, uint64_t more)
{
	const struct vnep_vpc *vpc = edge_vpc(edge, d->vpc, &d->vep);
	const struct edge_uplink_share *share = share_of(edge, vpc);
	uint64_t most = EDGE_HELD_OCTETS / 4;

	if (vpc && vpc->quota_octets && vpc->quota_octets < most)
		most = vpc->quota_octets;
	if ((share ? share->octets : 0) + more > most ||
		(share && share->packets >= EDGE_HELD_PACKETS / 4))
		return VNEP_QUOTA_VPC;
	if (edge->uplink_packets >= EDGE_HELD_PACKETS ||
		edge->uplink_octets + more > EDGE_HELD_OCTETS)
		return VNEP_QUOTA_REGION;
	return VNEP_REASON_NONE;
}

static void keep(struct vnep_edge *edge, struct edge_device *d, struct edge_host *h,
	const struct vnep_ring_frame *frame)
{
	enum vnep_reason reason = is_full(edge, d, frame->wire_len);

	if (reason) {
		edge_deny(edge, d->port ? d->port : edge_core(edge), frame, d, VNEP_FROM_DEVICE,
			reason, true);
		return;
	}
	has_some(h);
	edge_journal_keep(edge, d, frame);
	edge_journal_limits(edge, d, VNEP_FROM_DEVICE);
}

bool edge_uplink_keep(struct vnep_edge *edge, struct edge_device *d, struct edge_host *h,
	const struct vnep_ring_frame *frame, const struct vnep_frame *f)
{
	if (!h || !is_away(edge, h) || vnep_forward_replayable(f, frame->data))
		return false;
	if (!h->uplink && h->queue.len)
		edge_queue_keep(edge, h); /* it came before */
	edge_hold_came(edge, &h->held);
	keep(edge, d, h, frame);
	edge_host_want(edge, h);
	if (edge_host_ready(h) && !edge->uplink_unknown)
		edge_uplink_again(edge);
	return true;
}

/* It waited for the answer of its next hop since ts, one hop less already. False: refuse it. */
bool edge_uplink_keep_queued(
	struct vnep_edge *edge, struct edge_host *h, struct vnep_wall ts, uint8_t *data, size_t len)
{
	struct vnep_ring_frame frame = {
		.ts = ts, .data = data, .len = (uint32_t)len, .wire_len = (uint32_t)len
	};
	enum vnep_reason why = VNEP_REASON_NONE;
	struct edge_device *d;
	struct vnep_frame f;

	if (vnep_frame_parse(&f, data, len) || vnep_forward_replayable(&f, data))
		return false;
	d = edge_device_of(edge, &f.src, &f.dest, &why);
	if (!d || why)
		return false;
	data[f.l3 + 7]++; /* as it arrived */
	edge->ledger.dropped[VNEP_NO_NEXT_HOP]--;
	keep(edge, d, h, &frame);
	return true;
}

/* ---- who has some ---- */

/* NULL: no memory; then it counts in all only. */
static struct edge_uplink_share *share_for(struct vnep_edge *edge, const struct vnep_vpc *vpc)
{
	struct edge_uplink_share *share = share_of(edge, vpc);

	if (share)
		return share;
	share = calloc(1, sizeof *share);
	if (!share)
		return NULL;
	if (vpc)
		memcpy(share->vpc, vpc->vpc, strlen(vpc->vpc));
	if (!vnep_table_put(&edge->uplink_shares, share))
		return share;
	free(share);
	return NULL;
}

/* It stays with the VPC that it was in when the first one was held. */
void edge_uplink_counts(
	struct vnep_edge *edge, struct edge_device *d, uint64_t packets, uint64_t octets)
{
	if (d->uplink_share) {
		d->uplink_share->packets -= d->uplink;
		d->uplink_share->octets -= d->uplink_octets;
	}
	if (!packets)
		d->uplink_share = NULL;
	else if (!d->uplink_share)
		d->uplink_share = share_for(edge, edge_vpc(edge, d->vpc, &d->vep));
	if (d->uplink_share) {
		d->uplink_share->packets += packets;
		d->uplink_share->octets += octets;
	}
	edge->uplink_packets += packets - d->uplink;
	edge->uplink_octets += octets - d->uplink_octets;
	d->uplink = packets;
	d->uplink_octets = octets;
}

void edge_uplink_release(struct vnep_edge *edge)
{
	struct edge_uplink_share *share;

	for (size_t i = 0; (share = vnep_table_next(&edge->uplink_shares, &i));)
		free(share);
	vnep_table_release(&edge->uplink_shares);
}

static void on_uplink(struct vnep_watch *watch, void *arg)
{
	(void)watch;
	edge_uplink_pump(arg);
	edge_round_end(arg);
}

void edge_uplink_enter(struct vnep_edge *edge, struct edge_device *d)
{
	if (d->uplink_listed)
		return;
	d->uplink_listed = true;
	d->uplink_next = d->uplink_opened = 0;
	d->uplink_link = edge->uplink_first;
	d->uplink_link_at = &edge->uplink_first;
	if (d->uplink_link)
		d->uplink_link->uplink_link_at = &d->uplink_link;
	edge->uplink_first = d;
}

void edge_uplink_leave(struct vnep_edge *edge, struct edge_device *d)
{
	if (!d->uplink_listed)
		return;
	*d->uplink_link_at = d->uplink_link;
	if (d->uplink_link)
		d->uplink_link->uplink_link_at = d->uplink_link_at;
	if (edge->uplink_at == d)
		edge->uplink_at = d->uplink_link;
	d->uplink_listed = false;
}

void edge_uplink_again(struct vnep_edge *edge)
{
	edge->uplink_again = true;
	if (!edge->uplink_running)
		vnep_timer_set(edge->uplink, edge->group_error ? JOURNAL_RETRY_MS : 0);
}

void edge_uplink_lost(struct vnep_edge *edge)
{
	edge->uplink_missed = edge->uplink_unknown = true;
	edge_uplink_again(edge);
}

bool edge_uplink_watch(struct vnep_edge *edge)
{
	vnep_table_init(&edge->uplink_shares, 0, VNEP_LABEL_MAX + 1);
	edge->uplink_opened = 1;
	edge->uplink = vnep_loop_timer(edge->loop, on_uplink, edge);
	return edge->uplink;
}

static int has_held(const struct vnep_journal_device *device, void *arg)
{
	if (device->held)
		edge_device_by_dev(arg, device->dev); /* loaded, it enters itself */
	return 0;
}

void edge_uplink_open(struct vnep_edge *edge)
{
	struct vnep_err err = { 0 };

	if (vnep_journal_each_device(edge->journal, true, has_held, edge, &err))
		edge_warn(edge, "uplink", &err);
	edge->uplink_unknown = edge->uplink_first;
	if (edge->uplink_unknown)
		edge_uplink_again(edge);
}

/* ---- to send ---- */

struct staged {
	uint64_t seq;
	uint32_t attempt, octets;
	size_t at, len;
};
struct batch {
	struct vnep_edge *edge;
	struct edge_device *d;
	size_t count;
	uint64_t seen; /* seq of the last event looked at */
	struct staged staged[EDGE_REPLAY_BATCH];
};

static void fail(
	struct batch *b, const struct vnep_event *event, enum vnep_reason reason, unsigned attempt)
{
	edge_journal_uplink(b->edge, b->d, event->seq, event->length, VNEP_OUTCOME_FAILED, reason,
		attempt + 1, vnep_wall_now());
}

/* Its endpoint may be another one since then, in another VPC. */
static bool is_its_own(const struct edge_device *d, const struct in6_addr *src)
{
	return d->form == VNEP_FORM_HOST ? edge_device_has_addr(d, src)
					 : vnep_ip6_equal(&d->vep, src);
}

/* Where it goes, or why it does not any more. */
static enum vnep_reason judge(struct batch *b, const struct vnep_event *event, struct vnep_frame *f,
	const struct vnep_vpc **vpc, struct edge_host **h)
{
	struct edge_device *peer;
	struct in6_addr next_hop;

	if (!event->frame || vnep_frame_parse(f, event->frame, event->frame_len))
		return VNEP_IO_ERROR; /* damaged meanwhile */
	if (!is_its_own(b->d, &f->src) || edge_may_send(b->edge, b->d, f, &peer) || peer)
		return VNEP_NOT_REPLAYABLE; /* the map is another one now */
	*vpc = edge_vpc(b->edge, b->d->vpc, &b->d->vep);
	if (!*vpc || !vnep_policy_next_hop(*vpc, &f->dest, &next_hop))
		return VNEP_NO_NEXT_HOP;
	*h = edge_host_of(b->edge, *vpc, &next_hop);
	return VNEP_REASON_NONE;
}

static void tell_unreachable(struct batch *b, const struct vnep_event *event)
{
	edge_answer(b->edge, NULL, event->frame, event->frame_len,
		(struct edge_error){ VNEP_ICMP6_UNREACHABLE, VNEP_ICMP6_ADDRESS_UNREACHABLE, 0 });
}

static int put_frame(struct batch *b, const struct vnep_event *event, struct vnep_frame *f,
	const struct vnep_vpc *vpc, const struct edge_host *h, unsigned attempt)
{
	struct vnep_buf *out = &b->edge->staged;
	size_t len = f->end;
	uint8_t *room = vnep_buf_reserve(out, event->frame_len + VNEP_FORWARD_ROOM);

	if (!room)
		return -ENOMEM;
	memcpy(room, event->frame, event->frame_len);
	vnep_frame_hop(f, room);
	vnep_forward_retag(room, &len, vpc->core_vlan);
	vnep_frame_set_macs(room, &h->mac, &edge_core(b->edge)->mac);
	b->staged[b->count++] = (struct staged){ .seq = event->seq,
		.attempt = attempt + 1,
		.octets = event->length,
		.at = out->len,
		.len = len };
	out->len += len;
	return 0;
}

static int stage(const struct vnep_event *event, unsigned attempt, void *arg)
{
	struct batch *b = arg;
	struct edge_port *core = edge_core(b->edge);
	const struct vnep_vpc *vpc = NULL;
	struct edge_host *h = NULL;
	enum vnep_reason reason;
	struct vnep_frame f;
	int rc = 0;

	if (edge_too_old(b->edge, b->d, event)) {
		edge_journal_uplink(b->edge, b->d, event->seq, event->length, VNEP_OUTCOME_EXPIRED,
			VNEP_DL_DURATION, attempt + 1, vnep_wall_now());
		b->seen = event->seq;
		return 0;
	}
	reason = judge(b, event, &f, &vpc, &h);
	if (reason) {
		fail(b, event, reason, attempt);
	} else if (!h) {
		b->edge->uplink_missed = b->edge->uplink_unknown = true;
	} else if (h->may && h->refused) {
		tell_unreachable(b, event);
		fail(b, event, VNEP_NO_NEXT_HOP, attempt);
	} else if (!h->may || !edge_host_ready(h)) {
		has_some(h);
		edge_host_want(b->edge, h);
	} else if (edge_waits_big(b->edge, event, core->mtu)) {
		fail(b, event, VNEP_TOO_BIG, attempt);
	} else {
		rc = put_frame(b, event, &f, vpc, h, attempt);
	}
	if (!rc)
		b->seen = event->seq;
	return rc;
}

/* Before anything else that takes time. */
static void sent(struct batch *b, size_t from, size_t n, struct vnep_wall ts)
{
	for (size_t i = from; b->edge->sent && i < from + n; i++) {
		const struct vnep_sentlog_entry entry = { b->d->vep, b->staged[i].seq,
			b->staged[i].attempt };

		vnep_sentlog_put(b->edge->sent, &entry);
	}
	for (size_t i = from; i < from + n; i++)
		edge_journal_uplink(b->edge, b->d, b->staged[i].seq, b->staged[i].octets,
			VNEP_OUTCOME_SENT, VNEP_REASON_NONE, b->staged[i].attempt, ts);
}

/* False: the port does not take it now. */
static bool flush(struct batch *b)
{
	struct edge_port *core = edge_core(b->edge);
	struct iovec io[EDGE_REPLAY_BATCH];
	struct vnep_err err = { 0 };
	size_t at = 0, n;

	for (size_t i = 0; i < b->count; i++)
		io[i] = (struct iovec){ b->edge->staged.data + b->staged[i].at, b->staged[i].len };
	while (at < b->count) {
		struct vnep_wall ts = vnep_wall_now();

		n = core->inject ? vnep_inject_send(core->inject, io + at, b->count - at, &err) : 0;
		sent(b, at, n, ts);
		at += n;
		if (at == b->count)
			break;
		if (err.code != -EMSGSIZE)
			return false;
		edge_refused_big(b->edge, b->d, core, b->staged[at].seq);
		edge_journal_uplink(b->edge, b->d, b->staged[at].seq, b->staged[at].octets,
			VNEP_OUTCOME_FAILED, VNEP_TOO_BIG, b->staged[at].attempt, ts);
		at++;
	}
	return true;
}

/* A batch of one device. 1: there may be more, 0: the pass is through with it, negative: not now. */
static int turn(struct vnep_edge *edge, struct edge_device *d)
{
	struct batch b = { .edge = edge, .d = d };
	struct vnep_err err = { 0 };
	int rc;

	if (edge->group_error && !edge_group_works(edge))
		return -EIO;
	if (edge->sent && vnep_sentlog_room(edge->sent) < EDGE_REPLAY_BATCH)
		edge_group_end(edge);
	if (edge->sent_owed)
		edge_replay_recall(edge);
	if (edge->sent_owed || edge_group(edge))
		return -EIO; /* what cannot be recorded is not sent */
	vnep_buf_reset(&edge->staged);
	rc = vnep_journal_held(
		edge->journal, d->dev, d->uplink_next, EDGE_REPLAY_BATCH, stage, &b, &err);
	if (rc < 0 && rc != VNEP_ENOTFOUND) {
		edge_warn(edge, "uplink", &err);
		edge->uplink_unread = true; /* the others are sent; but nobody is through */
		return 0;
	}
	if (!flush(&b))
		return -ENETDOWN;
	if (!edge->sent)
		edge_group_end(edge);
	if (!b.seen)
		return 0;
	d->uplink_next = b.seen + 1;
	return 1;
}

/* ---- passes ---- */

static void begin_pass(struct vnep_edge *edge)
{
	struct edge_port *core = edge_core(edge);
	struct edge_host *h;

	edge->uplink_again = edge->uplink_missed = edge->uplink_unread = false;
	edge->uplink_running = true;
	edge->uplink_all = edge->uplink_unknown;
	edge->uplink_began = edge->uplink_opened;
	edge->uplink_at = edge->uplink_first;
	for (struct edge_device *d = edge->uplink_first; d; d = d->uplink_link)
		if (edge->uplink_all || d->uplink_opened != edge->uplink_began)
			d->uplink_next = 0;
	for (size_t i = 0; (h = vnep_table_next(&edge->hosts, &i));) {
		h->left = false;
		h->may = core->up && (h->refused || edge_host_ready(h));
	}
}

/* The pass is through with it. */
static void end_turn(struct vnep_edge *edge, struct edge_device *d)
{
	edge->uplink_at = d->uplink_link;
	d->uplink_opened = edge->uplink_began;
	if (edge->uplink_unread)
		d->uplink_opened = 0; /* from its beginning, the next time */
	if (!d->uplink)
		edge_uplink_leave(edge, d);
}

static void end_pass(struct vnep_edge *edge)
{
	bool up = edge_core(edge)->up;
	struct edge_host *h;

	edge->uplink_running = false;
	if (edge->uplink_unread) {
		edge->uplink_again = true;
		return;
	}
	edge->uplink_unknown = edge->uplink_missed;
	if (edge->uplink_missed && up)
		edge->uplink_again = true; /* while it is down there will be no more room */
	for (size_t i = 0; (h = vnep_table_next(&edge->hosts, &i));) {
		if (!h->left && (edge->uplink_all || (h->uplink && h->may))) {
			bool stays = h->state != EDGE_HOST_AWAY;

			h->uplink = h->refused = false;
			h->left = true; /* once */
			edge_host_through(edge, h);
			i = stays ? i : 0; /* the table may be another one */
		} else if (h->uplink && up && (h->refused || edge_host_ready(h))) {
			edge->uplink_again = true;
		}
	}
}

void edge_uplink_pump(struct vnep_edge *edge)
{
	struct vnep_mono began = vnep_mono_now();
	int64_t wait = 0;
	int rc = 1;

	if (!edge->uplink_running)
		begin_pass(edge);
	while (edge->uplink_at && rc >= 0 && vnep_mono_now().ns - began.ns < SLICE_NS) {
		struct edge_device *d = edge->uplink_at;

		rc = d->uplink_next > d->head_seq ? 0 : turn(edge, d);
		if (!rc)
			end_turn(edge, d);
	}
	edge_group_end(edge);
	if (edge->group_error && rc >= 0)
		rc = -EIO; /* what was sent is not known as that yet */
	if (rc < 0) {
		wait = rc == -ENETDOWN ? PORT_RETRY_MS : JOURNAL_RETRY_MS;
	} else if (!edge->uplink_at) {
		end_pass(edge);
		wait = edge->uplink_missed || edge->uplink_unread ? ROOM_RETRY_MS : 0;
	}
	if (edge->uplink_running || edge->uplink_again)
		vnep_timer_set(edge->uplink, edge->group_error ? JOURNAL_RETRY_MS : wait);
}
