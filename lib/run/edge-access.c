/*
 * edge-access - frames that no rule of the kernel could decide: a known MAC without a binding for its source,
 * ICMPv6 errors (the address inside needs translation), hop limits at their end.
 */
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

enum { ICMP6_TIME_EXCEEDED = 3, ICMP6_ERROR_HEADER = 8, IP6_MIN_MTU = 1280 };

void edge_deny(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame,
	struct edge_device *d, enum vnep_direction direction, enum vnep_reason reason, bool counted)
{
	struct vnep_decision dec = {
		.ts = frame->ts, .direction = direction, .reason = reason, .count = 1
	};
	struct vnep_frame f;

	if (counted)
		edge_drop(edge, d, reason);
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
	const struct edge_device *holder = edge_device_by_l3(edge, port, src);
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

/* A frame of a bound device, sent on as the kernel would: source V, one hop less, to where it may go. */
static void send_on(struct vnep_edge *edge, struct edge_device *d, struct edge_port *port,
	const struct vnep_ring_frame *frame)
{
	const struct vnep_vpc *vpc = edge_vpc(edge, d->vpc, &d->vep);
	struct vnep_ring_frame moved = *frame;
	struct edge_device *peer;
	struct in6_addr next_hop;
	struct vnep_frame f;

	if (d->form == VNEP_FORM_HOST) {
		edge_host_send_on(edge, d, port, frame);
		return;
	}
	if (frame->len > sizeof edge->frame || vnep_frame_parse(&f, frame->data, frame->len)) {
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, VNEP_MALFORMED, true);
		return;
	}
	if (!vpc || !vnep_policy_allows(d->allow, d->allow_count, &vpc->prefix, &f)) {
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, VNEP_POLICY_DENIED, true);
		return;
	}
	d->accepted++;
	memcpy(edge->frame, frame->data, frame->len);
	moved.data = edge->frame;
	vnep_frame_set_src(&f, edge->frame, &d->vep);
	peer = vnep_prefix_has(&vpc->prefix, &f.dest) ? edge_device_by_endpoint(edge, &f.dest)
						      : NULL;
	if (peer) {
		edge_to_device(edge, &moved);
		return;
	}
	if (!vnep_policy_next_hop(vpc, &f.dest, &next_hop)) {
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, VNEP_NO_NEXT_HOP, true);
		return;
	}
	vnep_frame_hop(&f, edge->frame); /* > 1: the rule for hop limits came before */
	edge_send_core(edge, &next_hop, edge->frame, frame->len);
}

void edge_access_request(
	struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame)
{
	struct vnep_ring_frame copy = *frame;
	struct vnep_err err = { 0 };
	enum vnep_reason reason;
	struct edge_device *d;
	struct vnep_frame f;
	struct vnep_mac mac;

	if (frame->len < frame->wire_len || frame->len > sizeof edge->frame ||
		vnep_frame_parse(&f, frame->data, frame->len)) {
		edge_deny(edge, port, frame, NULL, VNEP_FROM_DEVICE, VNEP_MALFORMED, true);
		return;
	}
	memcpy(mac.octet, frame->data + 6, 6);
	d = edge_device_by_mac(edge, &mac, f.vlan);
	reason = d ? judge(edge, d, port, &f.src) : VNEP_NO_MAPPING;
	if (reason) {
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, reason, true);
		return;
	}
	if (edge_device_bind(edge, d, port, &f.src, &err)) {
		edge_warn(edge, "attach", &err);
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, VNEP_IO_ERROR, true);
		return;
	}
	memcpy(edge->frame, frame->data, frame->len); /* as a tap would have seen it: from V */
	if (d->form == VNEP_FORM_EDGE)
		vnep_frame_set_src(&f, edge->frame, &d->vep);
	copy.data = edge->frame;
	edge_evidence(edge, d, &f, copy.data);
	edge_device_sign(edge, d, frame->ts);
	if (d->journal != VNEP_JOURNAL_ASLEEP)
		edge_journal_data(edge, d, &copy, VNEP_FROM_DEVICE, true);
	send_on(edge, d, port, frame);
}

static void error_from_device(struct vnep_edge *edge, struct edge_port *port, struct edge_device *d,
	const struct vnep_ring_frame *frame, const struct vnep_frame *f)
{
	struct vnep_forward how = { .was = f->src, .becomes = d->vep };
	const struct vnep_vpc *vpc = edge_vpc(edge, d->vpc, &d->vep);
	struct in6_addr next_hop;
	enum vnep_reason reason;
	size_t len = 0;

	if (d->form == VNEP_FORM_HOST) {
		edge_device_sign(edge, d, frame->ts);
		edge_host_send_on(edge, d, port, frame);
		return;
	}
	if (!vpc || !vnep_policy_allows(d->allow, d->allow_count, &vpc->prefix, f) ||
		!vnep_policy_next_hop(vpc, &f->dest, &next_hop))
		reason = VNEP_POLICY_DENIED;
	else
		reason = vnep_forward_from_device(&how, frame->data, frame->len, edge->frame, &len);
	if (reason) {
		edge_deny(edge, port, frame, d, VNEP_FROM_DEVICE, reason, true);
		return;
	}
	edge_device_sign(edge, d, frame->ts);
	edge_send_core(edge, &next_hop, edge->frame, len);
}

static void error_to_device(struct vnep_edge *edge, struct edge_port *port, struct edge_device *d,
	const struct vnep_ring_frame *frame)
{
	enum vnep_reason reason =
		VNEP_NOT_REPLAYABLE; /* asleep: it speaks of a conversation that is over */
	struct vnep_forward how;
	size_t len = 0;

	if (vnep_life_presence(d->life) == VNEP_STATE_AWAKE ||
		vnep_life_presence(d->life) == VNEP_STATE_WAKING) {
		edge_replay_place(d, &how);
		reason = vnep_forward_to_device(&how, frame->data, frame->len, edge->frame, &len);
	}
	if (!reason && !edge_send(edge, d->port, edge->frame, len))
		reason = VNEP_PORT_DOWN;
	if (reason) {
		edge_deny(edge, port, frame, d, VNEP_TO_DEVICE, reason, true);
		return;
	}
	edge->ledger.sent_on++;
	edge->ledger_dirty = true;
}

void edge_icmp_error(struct vnep_edge *edge, struct edge_port *port,
	const struct vnep_ring_frame *frame, enum vnep_direction direction)
{
	struct edge_device *d;
	enum vnep_reason why;
	struct vnep_frame f;
	struct vnep_mac mac;

	if (frame->len + VNEP_FORWARD_ROOM > sizeof edge->frame ||
		vnep_frame_parse(&f, frame->data, frame->len) || !f.l4) {
		edge_deny(edge, port, frame, NULL, direction, VNEP_MALFORMED, true);
		return;
	}
	if (direction == VNEP_TO_DEVICE) {
		d = edge_device_of(edge, &f.dest, &f.src, &why);
		if (why)
			edge_deny(edge, port, frame, d, direction, why, true);
		else
			error_to_device(edge, port, d, frame);
		return;
	}
	memcpy(mac.octet, frame->data + 6, 6);
	d = edge_device_by_mac(edge, &mac, f.vlan);
	if (!d)
		edge_deny(edge, port, frame, NULL, direction, VNEP_NO_MAPPING, true);
	else if (!d->bound || d->port != port || !edge_device_has_addr(d, &f.src))
		edge_deny(edge, port, frame, d, direction, VNEP_SPOOFED_SOURCE, true);
	else
		error_from_device(edge, port, d, frame, &f);
}

/* RFC 4443 2.4 (e): no error about an error, a multicast, or a source that is not one node. */
static bool may_answer(const struct vnep_frame *f)
{
	if (IN6_IS_ADDR_MULTICAST(&f->dest) || IN6_IS_ADDR_MULTICAST(&f->src) ||
		IN6_IS_ADDR_UNSPECIFIED(&f->src))
		return false;
	return f->proto != IPPROTO_ICMPV6 || f->icmp_type >= 128;
}

/* Time Exceeded from the port's own address: this is how traceroute sees the edge. */
void edge_hop_limit(
	struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame)
{
	uint8_t *out = edge->frame, *icmp = out + 14 + 40;
	size_t quoted;
	struct in6_addr src;
	struct vnep_frame f;

	edge->ledger.answered++;
	if (vnep_frame_parse(&f, frame->data, frame->len) || !may_answer(&f))
		return;
	quoted = (size_t)(f.end - f.l3);
	if (quoted > IP6_MIN_MTU - 40 - ICMP6_ERROR_HEADER)
		quoted = IP6_MIN_MTU - 40 - ICMP6_ERROR_HEADER;
	if (port->addr_count)
		src = port->addr[0];
	else
		vnep_ip6_link_local(&port->mac, &src);
	memcpy(out, frame->data + 6, 6);
	memcpy(out + 6, port->mac.octet, 6);
	vnep_set_be16(out + 12, 0x86dd);
	memset(out + 14, 0, 40 + ICMP6_ERROR_HEADER);
	out[14] = 0x60;
	vnep_set_be16(out + 14 + 4, (uint16_t)(ICMP6_ERROR_HEADER + quoted));
	out[14 + 6] = IPPROTO_ICMPV6;
	out[14 + 7] = 64;
	memcpy(out + 14 + 8, &src, 16);
	memcpy(out + 14 + 24, &f.src, 16);
	icmp[0] = ICMP6_TIME_EXCEEDED;
	memcpy(icmp + ICMP6_ERROR_HEADER, frame->data + f.l3, quoted);
	vnep_set_be16(icmp + 2,
		vnep_checksum6(&src, &f.src, IPPROTO_ICMPV6, icmp, ICMP6_ERROR_HEADER + quoted));
	edge_send(edge, port, out, 14 + 40 + ICMP6_ERROR_HEADER + quoted);
}
