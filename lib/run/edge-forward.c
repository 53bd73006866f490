/*
 * edge-forward - frames that the worker sends on itself: the first of a device, what is for a host that the kernel
 * does not know yet, what is longer than the port it should leave by. What may go where, is said here once.
 */
#include <string.h>

#include "edge-priv.h"
#include "vnep/ruleset.h"

enum { BIG_AGAIN_NS = 100000000, IP6_MIN_MTU = 1280, HOP_LIMIT = 7 };

static size_t packet_len(const struct vnep_frame *f)
{
	return (size_t)(f->end - f->l3);
}

void edge_place(const struct edge_device *d, struct vnep_forward *how)
{
	*how = (struct vnep_forward){ .was = d->vep,
		.becomes = d->addr[d->addr_count - 1],
		.dest_mac = d->l2.mac,
		.src_mac = d->port->mac,
		.vlan = d->l2.vlan,
		.mtu = d->port->mtu };
	if (d->form == VNEP_FORM_HOST) {
		how->host_addr = d->addr;
		how->host_addr_count = d->addr_count;
	}
}

static struct edge_error too_big(uint32_t mtu)
{
	return (struct edge_error){ VNEP_ICMP6_TOO_BIG, 0, mtu < IP6_MIN_MTU ? IP6_MIN_MTU : mtu };
}

static bool is_big(const struct vnep_event *event, uint32_t mtu)
{
	struct vnep_frame f;

	return mtu && !vnep_frame_parse(&f, event->frame, event->frame_len) && packet_len(&f) > mtu;
}

bool edge_may_go(const struct edge_device *d, const struct vnep_event *event)
{
	struct vnep_frame f;

	return !vnep_frame_parse(&f, event->frame, event->frame_len) &&
	       event->frame[f.l3 + HOP_LIMIT] > 1 && !is_big(event, d->port ? d->port->mtu : 0);
}

struct refused_big {
	struct vnep_edge *edge;
	uint32_t mtu;
};

static int tell_big(const struct vnep_event *event, unsigned attempt, void *arg)
{
	const struct refused_big *r = arg;
	uint32_t mtu = r->mtu;
	struct vnep_frame f;

	(void)attempt;
	if (event->frame && !vnep_frame_parse(&f, event->frame, event->frame_len)) {
		if (!mtu || mtu >= packet_len(&f))
			mtu = (uint32_t)packet_len(&f) - 1; /* whatever the port says of itself */
		edge_answer(r->edge, NULL, event->frame, event->frame_len, too_big(mtu));
	}
	return 1;
}

/* The port knew before we did: its MTU changed just now, or a device below it takes less. */
void edge_refused_big(struct vnep_edge *edge, const struct edge_device *d,
	const struct edge_port *port, uint64_t seq)
{
	struct refused_big r = { edge, port->mtu };
	struct vnep_link link;
	struct vnep_err err = { 0 };

	if (!vnep_rtnl_link(edge->rt, port->name, &link, NULL))
		r.mtu = link.mtu;
	if (vnep_journal_events(edge->journal, d->dev, seq, seq, tell_big, &r, &err) < 0)
		edge_warn(edge, "replay", &err);
}

bool edge_waits_big(struct vnep_edge *edge, const struct vnep_event *event, uint32_t mtu)
{
	if (!is_big(event, mtu))
		return false;
	edge_answer(edge, NULL, event->frame, event->frame_len, too_big(mtu));
	return true;
}

bool edge_refuse_big(struct vnep_edge *edge, struct edge_device *d,
	const struct vnep_ring_frame *frame, enum vnep_direction direction, uint32_t mtu)
{
	struct edge_port *port =
		direction == VNEP_FROM_DEVICE && d && d->port ? d->port : edge_core(edge);
	struct vnep_frame f;

	if (!mtu || vnep_frame_parse(&f, frame->data, frame->len) || packet_len(&f) <= mtu)
		return false;
	if (edge_answer(edge, NULL, frame->data, frame->len, too_big(mtu))) {
		edge->ledger.answered++;
		edge->ledger_dirty = true;
	} else {
		edge_deny(edge, port, frame, d, direction, VNEP_TOO_BIG, true);
	}
	return true;
}

/* ---- to a device ---- */

/* Does the kernel forward to it, and is nothing before this frame still to be sent? */
static bool listens(struct vnep_edge *edge, const struct edge_device *d)
{
	uint64_t left_ms = 0;

	return d->bound && d->life == VNEP_LIFE_AWAKE && !d->pending &&
	       !vnep_acl_awake_get(edge->acl, &d->vep, &left_ms, NULL) && left_ms;
}

static enum vnep_reason send_now(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame)
{
	struct vnep_forward how;
	enum vnep_reason reason;
	size_t len = 0;

	edge_place(d, &how);
	if (frame->len + VNEP_FORWARD_ROOM > sizeof edge->out)
		return VNEP_MALFORMED;
	reason = vnep_forward_to_device(&how, frame->data, frame->len, edge->out, &len);
	if (!reason && !edge_send(edge, d->port, edge->out, len))
		reason = VNEP_PORT_DOWN;
	return reason;
}

static void sent_on(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame)
{
	d->accepted++;
	edge->ledger.sent_on++;
	edge->ledger_dirty = true;
	if (d->journal == VNEP_JOURNAL_BOTH)
		edge_journal_data(edge, d, frame, VNEP_TO_DEVICE, true);
}

void edge_deliver(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame)
{
	enum vnep_reason reason;

	if (!listens(edge, d)) {
		edge_to_device(edge, frame);
		return;
	}
	if (edge_refuse_big(edge, d, frame, VNEP_TO_DEVICE, d->port->mtu))
		return;
	reason = send_now(edge, d, frame);
	if (reason)
		edge_deny(edge, edge_core(edge), frame, d, VNEP_TO_DEVICE, reason, true);
	else
		sent_on(edge, d, frame);
}

/* As the kernel will in a moment: it listens, and nothing waits for it. No disk is in the way of such a stream, so the
 * worker keeps up with it until there is a lull for the hand-over. Who listens for no time at all may be asleep already:
 * only the journal brings its packets back. */
bool edge_pass(struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame)
{
	if (vnep_life_presence(d->life) != VNEP_STATE_WAKING || d->pending || d->pace ||
		d->behind || !d->bound || !d->port->up || (d->has_psm && !d->t3324_s) ||
		(d->life == VNEP_LIFE_HOLDING &&
			edge_when(edge, frame->ts).ns >= d->hold_until.ns) ||
		send_now(edge, d, frame))
		return false;
	sent_on(edge, d, frame);
	return true;
}

/* ---- from a device ---- */

enum vnep_reason edge_may_send(struct vnep_edge *edge, const struct edge_device *d,
	const struct vnep_frame *f, struct edge_device **peer)
{
	struct vnep_policy_end a = { &d->vep, edge_vpc(edge, d->vpc, &d->vep), d->allow,
		d->allow_count };
	struct vnep_policy_end b;

	*peer = NULL;
	if (!a.vpc || (d->form == VNEP_FORM_HOST && !vnep_ip6_equal(&f->dest, &d->vep)))
		return VNEP_POLICY_DENIED;
	if (d->form == VNEP_FORM_HOST)
		return VNEP_REASON_NONE;
	*peer = edge_device_by_endpoint(edge, &f->dest);
	if (!*peer)
		return vnep_policy_allows(a.allow, a.allow_count, &a.vpc->prefix, f);
	b = (struct vnep_policy_end){ &(*peer)->vep, edge_vpc(edge, (*peer)->vpc, &(*peer)->vep),
		(*peer)->allow, (*peer)->allow_count };
	return b.vpc ? vnep_policy_meets(&a, &b, f) : VNEP_POLICY_DENIED;
}

/* What is allowed goes on: to another device of this edge, or to the core side. True: it is kept. */
static bool send_on(struct vnep_edge *edge, struct edge_device *d,
	const struct vnep_ring_frame *frame, struct vnep_frame *f, struct edge_device *peer)
{
	const struct vnep_vpc *vpc = edge_vpc(edge, d->vpc, &d->vep);
	struct edge_port *core = edge_core(edge), *port = d->port ? d->port : core;
	struct in6_addr next_hop;

	if (peer) {
		edge_deliver(edge, peer, frame);
		return false;
	}
	if (!vpc || !vnep_policy_next_hop(vpc, &f->dest, &next_hop)) {
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, VNEP_NO_NEXT_HOP, true);
		return false;
	}
	if (edge_refuse_big(edge, d, frame, VNEP_FROM_DEVICE, core->mtu))
		return false;
	if (edge_uplink_keep(edge, d, edge_host_of(edge, vpc, &next_hop), frame, f))
		return true;
	vnep_frame_hop(f, edge->frame); /* > 1: the rule for hop limits came before */
	edge_send_core(edge, vpc, &next_hop, frame->ts, edge->frame, f->end);
	return false;
}

bool edge_forward(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame)
{
	struct edge_port *port = d->port ? d->port : edge_core(edge);
	enum vnep_reason reason;
	struct edge_device *peer;
	struct vnep_frame f;

	if (vnep_frame_parse(&f, frame->data, frame->len)) {
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, VNEP_MALFORMED, true);
		return false;
	}
	reason = edge_may_send(edge, d, &f, &peer);
	if (reason) {
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, reason, true);
		return false;
	}
	d->accepted++;
	return send_on(edge, d, frame, &f, peer);
}

/* A frame that left the access chain (its source is V, but of form host), brought into edge->frame. NULL: it is
 * refused and counted. */
static struct edge_device *take(
	struct vnep_edge *edge, struct vnep_ring_frame *frame, struct vnep_frame *f)
{
	struct edge_device *d;
	enum vnep_reason why;

	if (frame->len < frame->wire_len || frame->len + VNEP_FORWARD_ROOM > sizeof edge->frame ||
		vnep_frame_parse(f, frame->data, frame->len)) {
		edge_deny(
			edge, edge_core(edge), frame, NULL, VNEP_FROM_DEVICE, VNEP_MALFORMED, true);
		return NULL;
	}
	d = edge_device_of(edge, &f->src, &f->dest, &why);
	if (why) {
		edge_deny(edge, edge_core(edge), frame, d, VNEP_FROM_DEVICE, why, true);
		return NULL;
	}
	memcpy(edge->frame, frame->data, frame->len);
	frame->data = edge->frame;
	return d;
}

/* The policy said yes in the kernel. */
void edge_next_hop(struct vnep_edge *edge, const struct vnep_ring_frame *frame)
{
	struct vnep_ring_frame moved = *frame;
	const struct vnep_vpc *vpc;
	struct in6_addr next_hop;
	struct edge_device *d;
	struct vnep_frame f;

	d = take(edge, &moved, &f);
	if (!d)
		return;
	vpc = edge_vpc(edge, d->vpc, &d->vep);
	if (vpc && vnep_policy_next_hop(vpc, &f.dest, &next_hop))
		edge_host_reopen(edge, vpc, &next_hop);
	send_on(edge, d, &moved, &f, NULL);
}

/* ---- longer than the port it should leave by ---- */

void edge_too_big(
	struct vnep_edge *edge, const struct vnep_ring_frame *frame, enum vnep_direction direction)
{
	struct vnep_ring_frame moved = *frame;
	enum vnep_reason why = VNEP_MALFORMED;
	struct edge_device *d = NULL;
	struct vnep_frame f;

	if (direction == VNEP_FROM_DEVICE) {
		d = take(edge, &moved, &f);
		if (d)
			send_on(edge, d, &moved, &f, NULL);
		return;
	}
	if (!vnep_frame_parse(&f, frame->data, frame->len))
		d = edge_device_of(edge, &f.dest, &f.src, &why);
	if (!why)
		edge_deliver(edge, d, frame);
	else
		edge_to_device(edge, frame); /* which says why not */
}

/* A copy: the packet was forwarded, so nothing is counted. */
void edge_big_copy(
	struct vnep_edge *edge, const struct vnep_ring_frame *frame, enum vnep_direction direction)
{
	struct vnep_mono now = vnep_mono_now();
	struct edge_port *port = edge_core(edge);
	enum vnep_reason why;
	struct edge_device *d;
	struct vnep_frame f;
	uint64_t flow;
	size_t slot;

	if (vnep_frame_parse(&f, frame->data, frame->len))
		return;
	if (direction == VNEP_TO_DEVICE) {
		d = edge_device_of(edge, &f.dest, &f.src, &why);
		port = why ? NULL : d->port;
	}
	if (!port || packet_len(&f) <= port->mtu)
		return;
	flow = vnep_hash(VNEP_HASH_INIT, frame->data + f.l3 + 8, 32); /* both addresses */
	flow = vnep_hash(flow, &f.src_port, sizeof f.src_port);
	slot = flow % EDGE_BIG_FLOWS;
	if (edge->big[slot].flow == flow && now.ns - edge->big[slot].at.ns < BIG_AGAIN_NS)
		return; /* it was told just now, for another segment */
	if (!edge_answer(edge, NULL, frame->data, frame->len, too_big(port->mtu)))
		return;
	edge->big[slot].flow = flow;
	edge->big[slot].at = now;
}
