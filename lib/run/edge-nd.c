/*
 * edge-nd - neighbour discovery, the worker's on both sides.
 *
 * Access: it answers for the port's own addresses and fe80::1, the router of every device; what devices say
 * never reaches the kernel's neighbour table. Core: it answers for every endpoint of the map, asleep or awake, and
 * learns hosts of the VPC from what they say; a host is written into the kernel as reachable, so that the
 * kernel itself asks again when it falls silent, and the answer comes here.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

enum { HOST_TRIES = 3, HOST_RETRY_MS = 1000, HOST_FRESH_S = 30 /* RFC 4861 10: REACHABLE_TIME */ };

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

static bool is_own(const struct edge_port *port, const struct in6_addr *addr)
{
	struct in6_addr link_local;

	for (unsigned i = 0; i < port->addr_count; i++)
		if (vnep_ip6_equal(&port->addr[i], addr))
			return true;
	vnep_ip6_link_local(&port->mac, &link_local);
	return vnep_ip6_equal(&link_local, addr) ||
	       (!port->core && vnep_ip6_equal(addr, &edge_router_address));
}

/* The address that neighbour solicitations of a port come from. */
static struct in6_addr source_of(const struct edge_port *port)
{
	struct in6_addr addr;

	vnep_ip6_link_local(&port->mac, &addr);
	return addr;
}

static void solicit_host(struct vnep_edge *edge, const struct in6_addr *target)
{
	struct edge_port *core = edge_core(edge);
	uint8_t out[VNEP_ND_FRAME_MAX];
	struct in6_addr src = source_of(core);

	edge_send(edge, core, out, vnep_ndisc_solicit(out, 0, &core->mac, &src, target));
}

void edge_announce(struct vnep_edge *edge, const struct edge_device *d)
{
	struct edge_port *core = edge_core(edge);
	uint8_t out[VNEP_ND_FRAME_MAX];

	if (d->form == VNEP_FORM_EDGE)
		edge_send(edge, core, out, vnep_ndisc_announce(out, 0, &core->mac, &d->vep));
	for (unsigned i = 0; d->form == VNEP_FORM_HOST && i < d->addr_count; i++)
		edge_send(edge, core, out, vnep_ndisc_announce(out, 0, &core->mac, &d->addr[i]));
}

static void send_queue(struct vnep_edge *edge, struct edge_host *h)
{
	struct edge_port *core = edge_core(edge);

	for (unsigned i = 0; i < h->queued; i++) {
		vnep_frame_set_macs(h->queue[i].data, &h->mac, &core->mac);
		edge->ledger.dropped[VNEP_NO_NEXT_HOP]--;
		if (edge_send(edge, core, h->queue[i].data, h->queue[i].len))
			edge->ledger.sent_on++;
		else
			edge_drop(edge, NULL, VNEP_PORT_DOWN);
		vnep_buf_reset(&h->queue[i]);
	}
	h->queued = 0;
	edge->ledger_dirty = true;
}

/* A host of the VPC said where it is. Only of those that somebody here asked for: nobody fills our tables by talking. */
static void learn(struct vnep_edge *edge, const struct in6_addr *addr, const struct vnep_mac *mac)
{
	struct edge_host *h = vnep_table_get(&edge->hosts, addr);
	struct vnep_err err = { 0 };

	if (!h || mac->octet[0] & 1)
		return;
	if (vnep_rtnl_neigh_set(edge->rt, edge_core(edge)->ifindex, addr, mac, false, &err))
		edge_warn(edge, "neighbour", &err);
	h->mac = *mac;
	h->resolved = true;
	h->tries = 0;
	h->confirmed = vnep_mono_now();
	vnep_heap_remove(&edge->retries, &h->retry);
	send_queue(edge, h);
}

/* Is it a host or a next hop of some VPC here, and nobody for whom we answer? */
static bool is_host(struct vnep_edge *edge, const struct in6_addr *addr)
{
	if (edge_holds(edge, addr))
		return false;
	for (size_t i = 0; i < edge->vpc_count; i++) {
		const struct vnep_vpc *v = &edge->vpcs[i];

		if (vnep_prefix_has(&v->prefix, addr))
			return true;
		for (size_t r = 0; r < v->route_count; r++)
			if (vnep_ip6_equal(&v->routes[r].next_hop, addr))
				return true;
	}
	return false;
}

static void core_discovery(
	struct vnep_edge *edge, struct edge_port *port, const struct vnep_ndisc *nd)
{
	uint8_t out[VNEP_ND_FRAME_MAX];

	switch (nd->type) {
	case VNEP_ND_NEIGHBOUR_ADVERT:
		if (is_host(edge, &nd->target))
			learn(edge, &nd->target, nd->has_lladdr ? &nd->lladdr : &nd->src_mac);
		break;
	case VNEP_ND_NEIGHBOUR_SOLICIT:
		if (nd->has_lladdr && is_host(edge, &nd->src))
			learn(edge, &nd->src, &nd->lladdr);
		if (is_own(port, &nd->target) || edge_holds(edge, &nd->target))
			edge_send(edge, port, out, vnep_ndisc_answer(out, nd, &port->mac, false));
		break;
	case VNEP_ND_ROUTER_SOLICIT: break;
	}
}

static void access_discovery(struct vnep_edge *edge, struct edge_port *port,
	const struct vnep_ndisc *nd, struct vnep_wall ts)
{
	struct edge_device *d = edge_device_by_mac(edge, &nd->src_mac, nd->vlan);
	uint8_t out[VNEP_ND_FRAME_MAX];

	if (nd->type == VNEP_ND_ROUTER_SOLICIT)
		edge_ra_solicited(edge, port, nd);
	if (nd->type == VNEP_ND_NEIGHBOUR_SOLICIT && is_own(port, &nd->target))
		edge_send(edge, port, out, vnep_ndisc_answer(out, nd, &port->mac, true));
	if (!d || !d->bound || d->port != port)
		return;
	if (edge_device_has_addr(d, &nd->src) || IN6_IS_ADDR_LINKLOCAL(&nd->src))
		edge_device_sign(edge, d, ts);
}

void edge_discovery(struct vnep_edge *edge, struct edge_port *port,
	const struct vnep_ring_frame *frame, enum vnep_direction direction)
{
	struct vnep_ndisc nd;
	int rc = vnep_ndisc_read(&nd, frame->data, frame->len);

	if (rc == VNEP_ESYNTAX) {
		edge_drop(edge, NULL, VNEP_MALFORMED);
		return;
	}
	edge->ledger
		.answered++; /* dealt with here, also where it needs no answer (MLD, foreign targets) */
	if (rc)
		return;
	if (direction == VNEP_TO_DEVICE)
		core_discovery(edge, port, &nd);
	else
		access_discovery(edge, port, &nd, frame->ts);
}

static struct edge_host *host_of(struct vnep_edge *edge, const struct in6_addr *addr)
{
	struct edge_host *h = vnep_table_get(&edge->hosts, addr);

	if (h)
		return h;
	h = edge->hosts.count < EDGE_HOSTS_MAX ? calloc(1, sizeof *h) : NULL;
	if (!h)
		return NULL;
	h->addr = *addr;
	if (vnep_table_put(&edge->hosts, h)) {
		free(h);
		return NULL;
	}
	return h;
}

static void host_free(struct edge_host *h)
{
	for (size_t i = 0; i < sizeof h->queue / sizeof *h->queue; i++)
		vnep_buf_release(&h->queue[i]);
	free(h);
}

/* It does not answer: whoever asks next begins anew. */
static void give_up(struct vnep_edge *edge, struct edge_host *h)
{
	vnep_heap_remove(&edge->retries, &h->retry);
	vnep_table_remove(&edge->hosts, h);
	host_free(h);
}

static void ask(struct vnep_edge *edge, struct edge_host *h)
{
	struct vnep_mono at = vnep_mono_now();

	solicit_host(edge, &h->addr);
	h->tries++;
	at.ns += HOST_RETRY_MS * 1000000LL;
	if (vnep_heap_set(&edge->retries, &h->retry, at))
		edge_say(edge, LOG_ERR, "neighbour: no memory for a timer");
}

/* The kernel wants to send to somebody: what we ask for we may learn. */
void edge_solicit(struct vnep_edge *edge, int ifindex, const struct in6_addr *addr)
{
	struct edge_host *h;

	if (ifindex != edge_core(edge)->ifindex || !is_host(edge, addr))
		return;
	h = host_of(edge, addr);
	if (h && !h->retry.slot)
		ask(edge, h);
}

void edge_send_core(
	struct vnep_edge *edge, const struct in6_addr *next_hop, uint8_t *frame, size_t len)
{
	struct edge_host *h = host_of(edge, next_hop);
	struct vnep_buf *slot;

	edge->ledger_dirty = true;
	if (h && h->resolved) {
		if (!h->retry.slot &&
			vnep_mono_now().ns - h->confirmed.ns > HOST_FRESH_S * 1000000000LL)
			ask(edge, h); /* used meanwhile, given up if it does not answer any more */
		vnep_frame_set_macs(frame, &h->mac, &edge_core(edge)->mac);
		if (edge_send(edge, edge_core(edge), frame, len))
			edge->ledger.sent_on++;
		else
			edge_drop(edge, NULL, VNEP_PORT_DOWN);
		return;
	}
	if (!h || h->queued == sizeof h->queue / sizeof *h->queue) {
		edge_drop(edge, NULL, VNEP_NEIGHBOUR_QUEUE);
		return;
	}
	slot = &h->queue[h->queued];
	vnep_buf_put(slot, frame, len);
	if (slot->rc) {
		vnep_buf_reset(slot);
		edge_drop(edge, NULL, VNEP_NEIGHBOUR_QUEUE);
		return;
	}
	h->queued++;
	edge_drop(edge, NULL,
		VNEP_NO_NEXT_HOP); /* until it is sent: a kill must not lose the count */
	if (!h->retry.slot)
		ask(edge, h);
}

void edge_retries(struct vnep_edge *edge)
{
	struct vnep_mono now = vnep_mono_now();
	struct vnep_heap_node *node;

	while ((node = vnep_heap_first(&edge->retries)) && node->at.ns <= now.ns) {
		struct edge_host *h = (void *)((char *)node - offsetof(struct edge_host, retry));

		vnep_heap_remove(&edge->retries, node);
		if (h->tries == HOST_TRIES)
			give_up(edge, h);
		else
			ask(edge, h);
	}
}

void edge_hosts_release(struct vnep_edge *edge)
{
	struct edge_host *h;

	for (size_t i = 0; (h = vnep_table_next(&edge->hosts, &i));)
		host_free(h);
	vnep_table_release(&edge->hosts);
	vnep_heap_release(&edge->retries);
}
