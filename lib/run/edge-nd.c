/*
 * edge-nd - neighbour discovery, the worker's on both sides, in each VLAN by itself.
 *
 * Access: it answers for the port's own addresses and fe80::1, the router of every device, wherever some device is;
 * what devices say never reaches the kernel's neighbour table. Core: it answers for every endpoint of the map,
 * asleep or awake, in the VLAN of its VPC, and tells edge-neigh.c what hosts say of themselves.
 */
#include <string.h>

#include "edge-priv.h"

const struct in6_addr edge_router_address = { .s6_addr = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
						      0, 0, 0, 1 } };

bool edge_send(struct vnep_edge *edge, struct edge_port *port, const void *frame, size_t len)
{
	struct iovec io = { (void *)frame, len };
	struct vnep_err err = { 0 };

	if (!port->inject)
		return false; /* it is gone */
	if (vnep_inject_send(port->inject, &io, 1, &err) == 1)
		return true;
	edge_warn(edge, port->name, &err);
	return false;
}

bool edge_port_is_own(const struct edge_port *port, const struct in6_addr *addr)
{
	struct in6_addr link_local;

	for (unsigned i = 0; i < port->addr_count; i++)
		if (vnep_ip6_equal(&port->addr[i], addr))
			return true;
	vnep_ip6_link_local(&port->mac, &link_local);
	return vnep_ip6_equal(&link_local, addr) ||
	       (!port->core && vnep_ip6_equal(addr, &edge_router_address));
}

bool edge_is_router(
	const struct vnep_edge *edge, const struct edge_port *port, const struct in6_addr *addr)
{
	if (edge_port_is_own(port, addr))
		return true;
	for (unsigned i = 0; !IN6_IS_ADDR_LINKLOCAL(addr) && i < edge->port_count; i++)
		if (edge_port_is_own(&edge->ports[i], addr))
			return true;
	return false;
}

bool edge_vlan_is_ours(const struct vnep_edge *edge, const struct edge_port *port, uint16_t vlan)
{
	if (!vlan)
		return true;
	if (!port->core)
		return edge->vlans[vlan / 8] & 1 << vlan % 8;
	for (size_t i = 0; i < edge->vpc_count; i++)
		if (edge->vpcs[i].core_vlan == vlan)
			return true;
	return false;
}

/* Does this address belong to an endpoint that we hold (or, of form host, to its device), whose VPC is in that VLAN? */
static bool is_endpoint(struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan)
{
	struct edge_device *d = edge_holder(edge, addr);

	return d && edge_in_its_vpc(edge, d, vlan);
}

static void core_discovery(
	struct vnep_edge *edge, struct edge_port *port, const struct vnep_ndisc *nd)
{
	uint8_t out[VNEP_ND_FRAME_MAX];

	switch (nd->type) {
	case VNEP_ND_NEIGHBOUR_ADVERT:
		edge_host_heard(edge, &nd->target, nd->vlan,
			nd->has_lladdr ? &nd->lladdr : &nd->src_mac,
			!nd->has_lladdr || !nd->override);
		break;
	case VNEP_ND_NEIGHBOUR_SOLICIT:
		if (nd->has_lladdr)
			edge_host_heard(edge, &nd->src, nd->vlan, &nd->lladdr, false);
		if (is_endpoint(edge, &nd->target, nd->vlan) ||
			(edge_vlan_is_ours(edge, port, nd->vlan) &&
				edge_port_is_own(port, &nd->target)))
			edge_send(edge, port, out, vnep_ndisc_answer(out, nd, &port->mac, false));
		break;
	case VNEP_ND_ROUTER_SOLICIT: break;
	}
}

static void access_discovery(
	struct vnep_edge *edge, struct edge_port *port, const struct vnep_ndisc *nd)
{
	uint8_t out[VNEP_ND_FRAME_MAX];

	if (nd->type == VNEP_ND_ROUTER_SOLICIT)
		edge_ra_solicited(edge, port, nd);
	if (nd->type == VNEP_ND_NEIGHBOUR_SOLICIT && edge_vlan_is_ours(edge, port, nd->vlan) &&
		edge_port_is_own(port, &nd->target))
		edge_send(edge, port, out, vnep_ndisc_answer(out, nd, &port->mac, true));
}

/* A device that looks for its router, or pings it, is there. */
static void sign_of_life(struct vnep_edge *edge, const struct edge_port *port,
	const struct vnep_ring_frame *frame, const struct vnep_frame *f)
{
	struct edge_device *d;
	struct vnep_mac mac;

	memcpy(mac.octet, frame->data + 6, 6);
	d = edge_device_by_mac(edge, &mac, f->vlan);
	if (d && d->bound && d->port == port &&
		(edge_device_has_addr(d, &f->src) || IN6_IS_ADDR_LINKLOCAL(&f->src)))
		edge_device_sign(edge, d, frame->ts);
}

void edge_discovery(struct vnep_edge *edge, struct edge_port *port,
	const struct vnep_ring_frame *frame, enum vnep_direction direction)
{
	struct vnep_ndisc nd;
	struct vnep_frame f;
	int rc;

	if (vnep_frame_parse(&f, frame->data, frame->len)) {
		edge_drop(edge, NULL, VNEP_MALFORMED);
		return;
	}
	if (edge_echo(edge, port, frame, &f)) {
		if (!port->core)
			sign_of_life(edge, port, frame, &f);
		return;
	}
	if (edge_is_echo(&f)) { /* of an address that this port does not answer for */
		edge_deny(edge, port, frame, NULL, direction, VNEP_NOT_FOR_US, true);
		return;
	}
	if (direction == VNEP_FROM_DEVICE && edge_mld_takes(edge, port, frame, &f))
		return;
	rc = vnep_ndisc_read(&nd, frame->data, frame->len);
	if (rc == VNEP_ESYNTAX) {
		edge_drop(edge, NULL, VNEP_MALFORMED);
		return;
	}
	if (!rc && direction == VNEP_TO_DEVICE && edge_claimed(edge, port, &nd))
		return;
	edge->ledger
		.answered++; /* dealt with here, also where it needs no answer (MLD, foreign targets) */
	if (rc)
		return;
	if (direction == VNEP_TO_DEVICE) {
		core_discovery(edge, port, &nd);
		return;
	}
	access_discovery(edge, port, &nd);
	sign_of_life(edge, port, frame, &f);
}
