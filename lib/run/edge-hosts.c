/*
 * edge-hosts - the hosts of edge-neigh.c when something happens to all of them: the daemon starts, the map is another
 * one, the core port goes down or comes back.
 *
 * A link that goes down takes the neighbours of the kernel with it. So who was reached by it leaves the kernel's set at
 * once, as far as there is room it is remembered, and asked as soon as the port is up: what comes meanwhile is kept
 * (edge-uplink.c), and nothing of it is left to the kernel of a port that carries nothing.
 */
#include <stddef.h>
#include <string.h>

#include "edge-neigh.h"

/* Next hops of routes are as many as the map says, whoever scans. */
static struct edge_host *host_of_route(struct vnep_edge *edge, const struct vnep_vpc *vpc, size_t r)
{
	const struct in6_addr *next_hop = &vpc->routes[r].next_hop;
	struct edge_host *h = edge_neigh_find(edge, next_hop, vpc->core_vlan);

	return h ? h : edge_neigh_add(edge, next_hop, vpc->core_vlan);
}

void edge_hosts_follow(struct vnep_edge *edge)
{
	struct edge_host *h;

	for (size_t i = 0; (h = vnep_table_next(&edge->hosts, &i));) {
		edge_neigh_set_route(edge, h, false);
		if (h->state != EDGE_HOST_CLOSING &&
			!edge_neigh_vpc(edge, &h->key.addr, (int)h->key.vlan))
			edge_neigh_close(edge, h);
	}
	for (size_t i = 0; i < edge->vpc_count; i++) {
		for (size_t r = 0; r < edge->vpcs[i].route_count; r++) {
			h = host_of_route(edge, &edge->vpcs[i], r);
			if (!h)
				continue;
			edge_neigh_set_route(edge, h, true);
			if (h->state == EDGE_HOST_AWAY && !h->timer.slot)
				edge_neigh_ask(edge, h);
		}
	}
	edge->uplink_opened++;
	if (edge->uplink_first)
		edge_uplink_again(edge); /* some may go another way now, or none */
}

/* Its address and VLAN, from its key in the kernel. */
static struct edge_host *host_of_kernel(struct vnep_edge *edge, const struct in6_addr *kernel)
{
	struct in6_addr addr = *kernel;
	const struct vnep_vpc *vpc;
	int vlan = -1;

	if (IN6_IS_ADDR_LINKLOCAL(kernel)) {
		vlan = vnep_be16(kernel->s6_addr + 2);
		memset(addr.s6_addr + 2, 0, 2);
	}
	vpc = edge_neigh_vpc(edge, &addr, vlan);
	return vpc ? edge_neigh_host(edge, &addr, vpc->core_vlan) : NULL;
}

/* What an earlier daemon resolved goes on undisturbed while it is asked whether it is still there. */
static int adopt(const struct in6_addr *kernel, void *arg)
{
	struct vnep_edge *edge = arg;
	struct edge_host *h = host_of_kernel(edge, kernel);
	struct vnep_neigh neigh;
	struct vnep_err err = { 0 };

	if (!h) {
		if (vnep_acl_reachable_remove(edge->acl, kernel, &err))
			edge_warn(edge, "neighbour", &err);
		edge_neigh_delete(edge, kernel);
		return 0;
	}
	h->open = true;
	h->tries = 0;
	if (!edge_core(edge)->up) {
		h->back = true;
		edge_neigh_close(edge, h); /* no event of the port will do it */
		return 0;
	}
	if (!vnep_rtnl_neigh_get(edge->rt, edge_core(edge)->ifindex, kernel, &neigh, NULL) &&
		neigh.permanent) {
		h->mac = neigh.mac;
		h->has_mac = true;
		edge_neigh_set_state(edge, h, EDGE_HOST_KNOWN);
		edge_neigh_probe(edge, h);
	} else { /* killed in the middle of it: the kernel still queues */
		edge_neigh_ask(edge, h);
	}
	return 0;
}

void edge_hosts_adopt(struct vnep_edge *edge)
{
	struct vnep_err err = { 0 };

	if (vnep_acl_reachable_each(edge->acl, adopt, edge, &err))
		edge_warn(edge, "neighbour", &err);
}

void edge_host_wanted(struct vnep_edge *edge, int ifindex, const struct in6_addr *kernel)
{
	struct edge_host *h;

	if (ifindex != edge_core(edge)->ifindex)
		return;
	h = host_of_kernel(edge, kernel);
	if (h && h->state == EDGE_HOST_KNOWN)
		edge_neigh_write(edge, h); /* somebody removed it */
	else if (h && h->state == EDGE_HOST_AWAY)
		edge_neigh_ask(edge, h);
}

void edge_hosts_down(struct vnep_edge *edge)
{
	struct edge_host *h;

	for (size_t i = 0; (h = vnep_table_next(&edge->hosts, &i));) {
		h->refused = false;
		if (edge_host_ready(h)) {
			h->back = true;
			edge_neigh_close(edge, h);
		} else if (h->state != EDGE_HOST_CLOSING) {
			edge_neigh_park(edge, h);
		}
	}
}

void edge_hosts_again(struct vnep_edge *edge)
{
	struct edge_host *h;

	for (size_t i = 0; (h = vnep_table_next(&edge->hosts, &i));) {
		if (h->state == EDGE_HOST_KNOWN) {
			edge_neigh_write(edge, h);
			edge_neigh_probe(edge, h);
		} else if (h->state == EDGE_HOST_AWAY) {
			h->failures = 0;
			h->refused = false;
			edge_neigh_ask(edge, h);
		}
	}
	if (edge->uplink_first || edge->uplink_unknown)
		edge_uplink_again(edge); /* of some no host may be known */
}

void edge_hosts_release(struct vnep_edge *edge)
{
	struct edge_host *h;

	for (size_t i = 0; (h = vnep_table_next(&edge->hosts, &i));)
		edge_neigh_free(edge, h);
	vnep_table_release(&edge->hosts);
	vnep_heap_release(&edge->host_timers);
	vnep_heap_release(&edge->lulls);
	vnep_heap_release(&edge->paced);
	vnep_heap_release(&edge->expiring);
}
