/*
 * edge-answer - what the router itself says: ICMPv6 errors about frames that end here, and replies to a ping.
 *
 * An error quotes what its receiver sent. A frame of a device may have been rewritten already on its way to here
 * (source V); its device sees its own address in the quotation. What the asker calls the other side stays as it is.
 */
#include <string.h>

#include "edge-priv.h"

/* RFC 4443 2.4 (f), for each port. */
enum { ERRORS_PER_S = 100, ERRORS_AT_ONCE = 50 };

static bool may_now(struct edge_port *port)
{
	const int64_t interval = 1000000000 / ERRORS_PER_S;
	struct vnep_mono now = vnep_mono_now();

	if (port->errors.ns < now.ns)
		port->errors = now;
	if (port->errors.ns - now.ns > (ERRORS_AT_ONCE - 1) * interval)
		return false;
	port->errors.ns += interval;
	return true;
}

/* Whom to tell, and where. */
struct asker {
	struct edge_port *port;
	const struct edge_device *device; /* NULL: not one whose frame was rewritten */
	struct vnep_mac mac;
	struct in6_addr addr;
	uint16_t vlan;
};

static bool find_asker(struct vnep_edge *edge, struct edge_port *port, const struct vnep_frame *f,
	const uint8_t *frame, struct asker *out)
{
	enum vnep_reason why;
	struct edge_device *d = port ? NULL : edge_device_of(edge, &f->src, &f->dest, &why);

	*out = (struct asker){ .port = port, .addr = f->src, .vlan = f->vlan };
	memcpy(out->mac.octet, frame + 6, 6);
	if (d && d->bound && vnep_mac_equal(&d->l2.mac, &out->mac)) {
		out->port = d->port;
		if (d->form == VNEP_FORM_EDGE) {
			out->device = d;
			out->addr = d->addr[d->addr_count - 1];
		}
		out->vlan = d->l2.vlan;
	} else if (!port) {
		out->port = edge_core(edge);
	}
	return out->port->inject;
}

static bool on_link(const struct vnep_edge *edge, const struct asker *a)
{
	if (!a->port->core || IN6_IS_ADDR_LINKLOCAL(&a->addr))
		return true;
	for (size_t i = 0; i < edge->vpc_count; i++)
		if (edge->vpcs[i].core_vlan == a->vlan &&
			vnep_prefix_has(&edge->vpcs[i].prefix, &a->addr))
			return true;
	return false;
}

/* A global address of the port; else its link-local one for who is on the link; routers would not carry that, so
 * the endpoint that was meant speaks for us. */
static struct in6_addr source_for(
	struct vnep_edge *edge, const struct asker *a, const struct vnep_frame *f)
{
	struct in6_addr link_local;

	for (unsigned i = 0; i < a->port->addr_count; i++)
		if (!IN6_IS_ADDR_LINKLOCAL(&a->port->addr[i]))
			return a->port->addr[i];
	vnep_ip6_link_local(&a->port->mac, &link_local);
	if (!on_link(edge, a) && edge_holder(edge, &f->dest))
		return f->dest;
	return link_local;
}

bool edge_answer(struct vnep_edge *edge, struct edge_port *port, const uint8_t *frame, size_t len,
	struct edge_error error)
{
	uint8_t quoted[VNEP_ICMP6_ERROR_MAX], out[VNEP_ICMP6_ERROR_MAX];
	struct vnep_icmp6_error how = {
		.type = error.type, .code = error.code, .param = error.param
	};
	struct vnep_frame f;
	struct asker a;
	size_t kept;

	if (vnep_frame_parse(&f, frame, len) || !vnep_icmp6_may_answer(&f, frame, error.type) ||
		!find_asker(edge, port, &f, frame, &a) || !may_now(a.port))
		return false;
	kept = f.end < sizeof quoted ? f.end : sizeof quoted;
	memcpy(quoted, frame, kept);
	how.src = source_for(edge, &a, &f);
	if (a.device) {
		f.end = (uint16_t)kept;
		vnep_frame_set_src(&f, quoted, &a.addr);
	}
	how.src_mac = a.port->mac;
	how.dest_mac = a.mac;
	how.dest = a.addr;
	how.vlan = a.vlan;
	return edge_send(
		edge, a.port, out, vnep_icmp6_error(out, &how, quoted + f.l3, kept - f.l3));
}

static void refuse(struct vnep_edge *edge, struct edge_port *port,
	const struct vnep_ring_frame *frame, enum vnep_reason reason)
{
	edge_deny(edge, port, frame, NULL, port->core ? VNEP_TO_DEVICE : VNEP_FROM_DEVICE, reason,
		true);
}

/* Time Exceeded: this is how traceroute sees the edge. */
void edge_hop_limit(
	struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame)
{
	const struct edge_error exceeded = { VNEP_ICMP6_TIME_EXCEEDED, 0, 0 };
	struct vnep_frame f;

	if (vnep_frame_parse(&f, frame->data, frame->len)) {
		edge_drop(edge, NULL, VNEP_MALFORMED);
		return;
	}
	if (edge_echo(edge, port, frame, &f))
		return;
	if (!edge_vlan_is_ours(edge, port, f.vlan)) {
		refuse(edge, port, frame, VNEP_WRONG_VLAN);
		return;
	}
	edge->ledger.answered++; /* dealt with, also where there may be no answer */
	if (!vnep_icmp6_may_answer(&f, frame->data, exceeded.type) ||
		edge_answer(edge, port, frame->data, frame->len, exceeded))
		return;
	edge->ledger.answered--;
	edge_drop(edge, NULL, VNEP_RATE_LIMITED);
}

bool edge_is_echo(const struct vnep_frame *f)
{
	return f->proto == IPPROTO_ICMPV6 && f->l4 && f->icmp_type == VNEP_ICMP6_ECHO_REQUEST;
}

bool edge_echo(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame,
	const struct vnep_frame *f)
{
	size_t len;

	if (!edge_is_echo(f) || !edge_is_router(edge, port, &f->dest))
		return false;
	edge->ledger_dirty = true;
	if (!edge_vlan_is_ours(edge, port, f->vlan)) {
		refuse(edge, port, frame, VNEP_WRONG_VLAN);
		return true;
	}
	if (f->fragment) { /* nobody puts packets together here */
		refuse(edge, port, frame, VNEP_FRAGMENT);
		return true;
	}
	len = frame->len <= sizeof edge->out
		      ? vnep_icmp6_echo_reply(edge->out, f, frame->data, &port->mac)
		      : 0;
	if (len)
		edge_send(edge, port, edge->out, len);
	if (len)
		edge->ledger.answered++;
	else
		edge_drop(edge, NULL, VNEP_MALFORMED);
	return true;
}
