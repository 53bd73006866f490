/*
 * edge-access - frames that no rule of the kernel could decide: a known MAC without a binding for its source, and
 * ICMPv6 errors of others (the address inside needs translation).
 */
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

void edge_tell_decision(struct vnep_edge *edge, const struct edge_port *port,
	const struct vnep_ring_frame *frame, const struct edge_device *d,
	enum vnep_direction direction, enum vnep_reason reason, uint64_t count)
{
	struct vnep_decision dec = {
		.ts = frame->ts, .direction = direction, .reason = reason, .count = count
	};
	struct vnep_frame f;

	memcpy(dec.edge, edge->config.name, sizeof dec.edge);
	memcpy(dec.in_iface, port->name, sizeof dec.in_iface);
	memcpy(dec.src_mac.octet, frame->data + 6, 6);
	if (d)
		memcpy(dec.dev, d->dev, sizeof dec.dev);
	if (!vnep_frame_parse(&f, frame->data, frame->len)) {
		dec.has_flow = true;
		dec.src_ip = f.src;
		dec.dest_ip = f.dest;
		dec.proto = f.proto;
		dec.src_port = f.src_port;
		dec.dest_port = f.dest_port;
		dec.vlan = f.vlan;
	}
	vnep_decision_encode(&edge->told, &dec);
}

void edge_deny(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame,
	struct edge_device *d, enum vnep_direction direction, enum vnep_reason reason, bool counted)
{
	if (counted)
		edge_drop(edge, d, reason);
	edge_tell_decision(edge, port, frame, d, direction, reason, 1);
}

static bool in_some_vpc(const struct vnep_edge *edge, const struct in6_addr *addr)
{
	for (size_t i = 0; i < edge->vpc_count; i++)
		if (vnep_prefix_has(&edge->vpcs[i].prefix, addr))
			return true;
	return false;
}

/* May this device use this source on this port? REASON_NONE: yes. */
static enum vnep_reason judge(struct vnep_edge *edge, struct edge_device *d,
	const struct edge_port *port, const struct in6_addr *src)
{
	const struct edge_device *holder = edge_device_by_l3(edge, port, d->l2.vlan, src);
	bool listening = d->life != VNEP_LIFE_UNKNOWN && d->life != VNEP_LIFE_ASLEEP;

	if (port->core || (d->home_port[0] && strcmp(d->home_port, port->name)))
		return VNEP_WRONG_PORT;
	if (d->bound && d->port != port && listening)
		return VNEP_WRONG_PORT; /* it cannot be in two places */
	if (!vnep_ip6_bindable(src) || (holder && holder != d))
		return VNEP_SPOOFED_SOURCE;
	if (d->fixed_addr)
		return edge_device_has_addr(d, src) ? VNEP_REASON_NONE : VNEP_SPOOFED_SOURCE;
	if (in_some_vpc(edge, src) && !vnep_ip6_equal(src, &d->vep))
		return VNEP_SPOOFED_SOURCE;
	if (d->bound && !edge_device_has_addr(d, src) && !edge_addr_room(edge, d) && listening)
		return VNEP_SPOOFED_SOURCE;
	return VNEP_REASON_NONE;
}

/* A MAC that the map knows in this VLAN; else why not. */
static enum vnep_reason find_by_mac(
	struct vnep_edge *edge, const uint8_t *frame, uint16_t vlan, struct edge_device **out)
{
	struct vnep_mac mac;

	memcpy(mac.octet, frame + 6, 6);
	*out = edge_device_by_mac(edge, &mac, vlan);
	if (*out)
		return VNEP_REASON_NONE;
	return edge_device_mac_known(edge, &mac) ? VNEP_WRONG_VLAN : VNEP_NO_MAPPING;
}

/* As a tap would have seen it: from V, but of form host. */
static void as_seen(struct vnep_edge *edge, const struct edge_device *d,
	const struct vnep_ring_frame *frame, struct vnep_frame *f)
{
	memcpy(edge->frame, frame->data, frame->len);
	if (d->form == VNEP_FORM_EDGE)
		vnep_frame_set_src(f, edge->frame, &d->vep);
}

static void heard(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame)
{
	struct vnep_frame f;

	if (vnep_frame_parse(&f, frame->data, frame->len))
		return;
	edge_evidence(edge, d, &f, frame->data);
	edge_device_sign(edge, d, frame->ts);
}

void edge_access_request(
	struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame)
{
	struct vnep_ring_frame moved = *frame;
	struct vnep_err err = { 0 };
	enum vnep_reason reason;
	struct edge_device *d;
	struct vnep_frame f;

	if (frame->len < frame->wire_len || frame->len + VNEP_FORWARD_ROOM > sizeof edge->frame ||
		vnep_frame_parse(&f, frame->data, frame->len)) {
		edge_deny(edge, port, frame, NULL, VNEP_FROM_DEVICE, VNEP_MALFORMED, true);
		return;
	}
	reason = find_by_mac(edge, frame->data, f.vlan, &d);
	if (!reason && edge_echo(edge, port, frame, &f))
		return;
	if (!reason)
		reason = judge(edge, d, port, &f.src);
	if (reason) {
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, reason, true);
		return;
	}
	if (edge_device_bind(edge, d, port, &f.src, &err)) {
		edge_warn(edge, "attach", &err);
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, VNEP_IO_ERROR, true);
		return;
	}
	as_seen(edge, d, frame, &f);
	moved.data = edge->frame;
	heard(edge, d, &moved);
	if (edge_forward(edge, d, &moved) || d->journal == VNEP_JOURNAL_ASLEEP)
		return;              /* what is kept is in the journal as it is */
	as_seen(edge, d, frame, &f); /* it went on changed */
	edge_journal_data(edge, d, &moved, VNEP_FROM_DEVICE, true);
}

/* ---- ICMPv6 errors of others ---- */

static bool awake_or_waking(const struct edge_device *d)
{
	return vnep_life_presence(d->life) == VNEP_STATE_AWAKE ||
	       vnep_life_presence(d->life) == VNEP_STATE_WAKING;
}

/* To a device that is asleep it would speak of a conversation that is over. */
static enum vnep_reason to_device(
	struct vnep_edge *edge, struct edge_device *d, const uint8_t *frame, size_t len)
{
	enum vnep_reason reason;
	struct vnep_forward how;

	if (!d->bound || !awake_or_waking(d))
		return VNEP_NOT_REPLAYABLE;
	edge_place(d, &how);
	reason = vnep_forward_to_device(&how, frame, len, edge->out, &len);
	if (!reason && !edge_send(edge, d->port, edge->out, len))
		reason = VNEP_PORT_DOWN;
	if (!reason)
		edge->ledger.sent_on++;
	edge->ledger_dirty = true;
	return reason;
}

/* From L to V outside, the address inside as the receiver knows it; between two devices both are translated. */
static enum vnep_reason from_device(struct vnep_edge *edge, struct edge_device *d,
	const struct vnep_ring_frame *frame, struct vnep_frame *f)
{
	struct vnep_forward how = { .was = f->src, .becomes = d->vep, .vlan = d->l2.vlan };
	const struct vnep_vpc *vpc = edge_vpc(edge, d->vpc, &d->vep);
	struct edge_device *peer;
	struct in6_addr next_hop;
	enum vnep_reason reason = edge_may_send(edge, d, f, &peer);
	size_t len = 0;

	if (!reason && !peer && !vnep_policy_next_hop(vpc, &f->dest, &next_hop))
		reason = VNEP_NO_NEXT_HOP;
	if (d->form == VNEP_FORM_HOST) {
		how.was = d->vep;
		how.host_addr = d->addr;
		how.host_addr_count = d->addr_count;
	}
	how.keep_hop = peer;
	how.mtu = peer ? 0 : edge_core(edge)->mtu;
	if (!reason)
		reason = vnep_forward_from_device(&how, frame->data, frame->len, edge->frame, &len);
	if (reason)
		return reason;
	edge_device_sign(edge, d, frame->ts);
	if (peer)
		return to_device(edge, peer, edge->frame, len);
	edge_send_core(edge, vpc, &next_hop, frame->ts, edge->frame, len);
	return VNEP_REASON_NONE;
}

void edge_icmp_error(struct vnep_edge *edge, struct edge_port *port,
	const struct vnep_ring_frame *frame, enum vnep_direction direction)
{
	struct edge_device *d;
	enum vnep_reason reason;
	struct vnep_frame f;

	if (frame->len < frame->wire_len || frame->len + VNEP_FORWARD_ROOM > sizeof edge->frame ||
		vnep_frame_parse(&f, frame->data, frame->len) || !f.l4) {
		edge_deny(edge, port, frame, NULL, direction, VNEP_MALFORMED, true);
		return;
	}
	if (direction == VNEP_TO_DEVICE) {
		d = edge_device_of(edge, &f.dest, &f.src, &reason);
		/* routers anywhere on the path may speak of it, but they are reached by its VPC's own VLAN */
		if (!reason && !edge_in_its_vpc(edge, d, f.vlan))
			reason = VNEP_WRONG_VLAN;
		if (!reason)
			reason = to_device(edge, d, frame->data, frame->len);
	} else {
		reason = find_by_mac(edge, frame->data, f.vlan, &d);
		if (!reason && (!d->bound || d->port != port || !edge_device_has_addr(d, &f.src)))
			reason = VNEP_SPOOFED_SOURCE;
		if (!reason)
			reason = from_device(edge, d, frame, &f);
	}
	if (reason)
		edge_deny(edge, port, frame, d, direction, reason, true);
}
