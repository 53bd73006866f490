/*
 * rtnl - links, addresses and neighbours, read and written by rtnetlink.
 *
 * Shape   addresses in network order, MTU in octets, counters since the link exists.
 * Errors  as in nl.h; VNEP_ENOTFOUND: no such link.
 * Source  rtnetlink(7), linux/if_link.h, linux/neighbour.h, linux/veth.h.
 */
#ifndef VNEP_RTNL_H
#define VNEP_RTNL_H

#include <stdbool.h>

#include "vnep/addr.h"
#include "vnep/nl.h"
#include "vnep/record.h"

struct vnep_link {
	int ifindex;
	char name[VNEP_IF_MAX + 1];
	struct vnep_mac mac;
	uint32_t mtu;
	bool up;      /* administratively */
	bool running; /* carrier */
	bool carries; /* the kernel says that it is operational (RFC 2863 ifOperStatus up), not only that nothing speaks against it */
	bool gone;    /* events: the link was deleted */
	uint64_t rx_packets, tx_packets, rx_dropped, tx_dropped;
};

int vnep_rtnl_link(struct vnep_nl *nl, const char *name, struct vnep_link *out, struct vnep_err *err);

/* IPv6 addresses of a link, at most cap. Returns how many, or a negative code. */
int vnep_rtnl_addresses(struct vnep_nl *nl, int ifindex, struct in6_addr *out, unsigned cap,
	struct vnep_err *err);

/* Write a neighbour (NUD_PERMANENT or NUD_REACHABLE, created or replaced) or remove it (0 if it was not
 * there). */
int vnep_rtnl_neigh_set(struct vnep_nl *nl, int ifindex, const struct in6_addr *addr,
	const struct vnep_mac *mac, bool permanent, struct vnep_err *err);
/* Only if there is none (-EEXIST otherwise, which err says nothing of): so none had anything in its queue. */
int vnep_rtnl_neigh_add(struct vnep_nl *nl, int ifindex, const struct in6_addr *addr,
	const struct vnep_mac *mac, struct vnep_err *err);
int vnep_rtnl_neigh_delete(struct vnep_nl *nl, int ifindex, const struct in6_addr *addr,
	struct vnep_err *err);

/* What the kernel knows of a neighbour. idle_ms: since it last sent something there; frames that rules send
 * with `fwd` count too. mac is zero while it is not resolved. VNEP_ENOTFOUND: no such entry. */
struct vnep_neigh {
	struct vnep_mac mac;
	bool permanent;
	uint64_t idle_ms;
};
int vnep_rtnl_neigh_get(struct vnep_nl *nl, int ifindex, const struct in6_addr *addr,
	struct vnep_neigh *out, struct vnep_err *err);

/* Make the journal port if it is missing: veth NAME <-> PEER (vnep-j0 -> vnep-j1, the last character
 * counted up), IPv6 off, transmit offloads of NAME off (so that the kernel segments GSO packets and
 * completes checksums before the ring sees them), MTU 65535, both up, and carrying, as far as an end takes at most a second for that:
 * a link that has just come up may still lose what it is given. *made says whether it did. */
int vnep_rtnl_journal_port(struct vnep_nl *nl, const char *name, bool *made, struct vnep_err *err);
void vnep_rtnl_journal_peer(const char *name, char peer[static VNEP_IF_MAX + 1]);
int vnep_rtnl_link_delete(struct vnep_nl *nl, const char *name, struct vnep_err *err);

/* /proc/sys/net/ipv6/{conf,neigh}/IF/key = value, and the same for other keys below /proc/sys/net. */
int vnep_sysctl_set(const char *path, const char *value, struct vnep_err *err);

/* What ports need: accept_ra 0, and a queue of 8 MiB for a minute behind a neighbour that is not there yet
 * (hand-over, DESIGN.md 4). Meanwhile the kernel asks user space alone (app_solicit): its own solicitations are
 * untagged, would name endpoints to devices, and nobody lets the answers in. Best effort: the first failure is
 * reported, the rest is tried. */
int vnep_rtnl_tune_port(const char *name, struct vnep_err *err);

/* Events (sockets joined to RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV6_IFADDR). solicit: the kernel asks user
 * space to resolve addr on ifindex (RTM_GETNEIGH of app_solicit). address: one came, went or changed. Each
 * callback may be NULL. */
struct vnep_rtnl_events {
	void (*link)(const struct vnep_link *link, void *arg);
	void (*solicit)(int ifindex, const struct in6_addr *addr, void *arg);
	void (*address)(int ifindex, void *arg);
	void *arg;
};
int vnep_rtnl_events(struct vnep_nl *nl, const struct vnep_rtnl_events *events, struct vnep_err *err);

#endif
