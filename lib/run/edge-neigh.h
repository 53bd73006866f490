/* edge-neigh - what edge-neigh.c and edge-hosts.c do to one host of the core side. Private to them. */
#ifndef VNEP_EDGE_NEIGH_H
#define VNEP_EDGE_NEIGH_H

#include "edge-priv.h"

enum {
	EDGE_ASKED_MAX = EDGE_HOSTS_MAX / 4, /* who scans a prefix must not crowd out the hosts that are there */
	EDGE_BACK_MAX = EDGE_ASKED_MAX / 2, /* hosts that are remembered until the port is back */
};

/* The VPC whose host or next hop that is. NULL: of none here, or an endpoint. vlan < 0: in whatever VLAN. */
const struct vnep_vpc *edge_neigh_vpc(struct vnep_edge *edge, const struct in6_addr *addr, int vlan);

struct edge_host *edge_neigh_find(struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan);
/* A new one, whoever else is looked for. NULL: the table is full. */
struct edge_host *edge_neigh_add(struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan);
/* The one that is there, or a new one. NULL: so many are looked for already. */
struct edge_host *edge_neigh_host(struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan);
void edge_neigh_free(struct vnep_edge *edge, struct edge_host *h); /* it is not in the table any more */

void edge_neigh_set_state(struct vnep_edge *edge, struct edge_host *h, enum edge_host_state state);
void edge_neigh_set_route(struct vnep_edge *edge, struct edge_host *h, bool route);
void edge_neigh_ask(struct vnep_edge *edge, struct edge_host *h);   /* from the first try on */
void edge_neigh_probe(struct vnep_edge *edge, struct edge_host *h); /* the kernel sends there: is it still there? */
void edge_neigh_close(struct vnep_edge *edge, struct edge_host *h); /* it leaves the kernel */
void edge_neigh_park(struct vnep_edge *edge, struct edge_host *h);  /* nobody can be asked until the port is back */
void edge_neigh_write(struct vnep_edge *edge, struct edge_host *h); /* to the kernel's neighbours */
void edge_neigh_delete(struct vnep_edge *edge, const struct in6_addr *kernel);

#endif
