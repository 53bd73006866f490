/*
 * edge-mld - who listens to which groups: private to edge-mld*.c and edge-verbs-mld.c.
 *
 *     edge-mld.c          the querier of an access port: queries, and reports as they come
 *     edge-mld-state.c    what is known of a device: joined until its time is over, left, refused
 *
 * Every device is known by itself (RFC 3810 A.2 calls that explicit tracking), so its own word that it leaves is enough: the
 * others on the link need not be asked. That does not hold for hosts of the first version, which say nothing where
 * another one said it for them (RFC 2710 4): of those the link is remembered, too, and asked when one leaves.
 */
#ifndef VNEP_EDGE_MLD_H
#define VNEP_EDGE_MLD_H

#include "edge-priv.h"
#include "vnep/mld.h"

enum {
	EDGE_MLD_ROBUSTNESS = 2,      /* RFC 3810 9.1; as many queries, as many reports may be lost */
	EDGE_MLD_LAST_MS = 1000,      /* 9.8: between two queries of a group, and in which answers come */
	EDGE_MLD_DEVICE_MAX = 32,     /* groups that are remembered of a device */
	EDGE_MLD_MAX = 1 << 20,	      /* the same of all */
	EDGE_MLD_LINKS_MAX = 1 << 16, /* groups of links that are asked, or have hosts of the first version */
	EDGE_MLD_NAMES_MAX = 256,     /* of a record, so many groups are looked at */
};

/* A group as a record names it; name "": no record of a device that reported it did. */
struct edge_mld_name {
	char name[VNEP_LABEL_MAX + 1];
	struct in6_addr address;
};
struct edge_mld_group {
	struct edge_mld_name key;
	size_t users;
};

enum edge_listens { EDGE_LISTENS_NOT, EDGE_LISTENS, EDGE_LISTENS_REFUSED };

struct edge_listener {
	struct edge_mld_group *group;
	enum edge_listens state;
	bool v1;
	bool asked; /* it may have left: who says nothing now, has */
	struct vnep_wall since;
	struct vnep_mono expires; /* of who listens */
	uint64_t revision;	  /* of the map, when it was asked for the group */
};

struct edge_mld_device {
	struct vnep_heap_node due; /* the first of those that expire */
	struct edge_device *device;
	struct edge_mld_device *next, **at;
	struct edge_listener *listener;
	unsigned count, room;
	uint64_t near_revision; /* of the map, when it was seen whether */
	bool near;		/* its record names a group of link-local scope; 0: it was not */
};

struct edge_querier {
	struct edge_port *port;
	uint32_t interval_s, response_ms;
	struct vnep_mono at; /* the next general query, or the rest of this one */
	uint32_t vlan;	     /* from here on */
	unsigned startup;    /* of the first queries, which come quickly */
};

/* A group on a link. */
struct edge_mld_link_key {
	struct in6_addr group;
	uint16_t port, vlan;
};
struct edge_mld_link {
	struct edge_mld_link_key key;
	struct vnep_heap_node due;
	unsigned queries;	   /* still to be sent */
	struct vnep_mono v1_heard; /* a report of the first version; 0: none */
};

enum edge_mld_count {
	EDGE_MLD_QUERIES,
	EDGE_MLD_REPORTS,
	EDGE_MLD_JOINED,
	EDGE_MLD_LEFT,
	EDGE_MLD_REFUSED,
	EDGE_MLD_IGNORED,
	EDGE_MLD_MALFORMED,
	EDGE_MLD_UNKEPT,
	EDGE_MLD_COUNTS
};

struct edge_mld {
	struct edge_querier querier[VNEP_PORTS_MAX];
	unsigned querier_count;
	struct vnep_heap devices, links_due;
	struct vnep_table groups, links;
	struct edge_mld_device *first;
	size_t listeners, joined; /* remembered, and of them those that listen */
	uint64_t count[EDGE_MLD_COUNTS];
	struct vnep_watch *timer;
	struct vnep_mono armed; /* when it ends; 0: it does not run */
	bool full;		/* that was told */

	/* Groups of the device that was asked for last. */
	struct in6_addr names_of;
	uint64_t names_revision; /* of the map; 0: nobody was */
	unsigned names_count;
	struct edge_mld_name names[EDGE_MLD_NAMES_MAX];
};

/* edge-mld.c */
struct edge_querier *edge_mld_querier(struct vnep_edge *edge, const struct edge_port *port); /* NULL: there is none */
int64_t edge_mld_interval_ns(const struct edge_querier *q); /* who says nothing for so long does not listen: 9.4 */
struct edge_mld_link *edge_mld_link(struct vnep_edge *edge, const struct edge_device *d,
	const struct in6_addr *group, bool make); /* NULL: there is none, or there are too many */
/* Who listens there says so within a second; others than the one that left, too. */
void edge_mld_ask(struct vnep_edge *edge, const struct edge_device *d, const struct in6_addr *group);

/* edge-mld-state.c */
struct edge_listener *edge_mld_listener(
	const struct edge_device *d, const struct in6_addr *group); /* NULL: nothing is known */
/* A record of a report of it. */
enum edge_mld_said { EDGE_MLD_SAID_NOTHING, EDGE_MLD_SAID_TAKEN, EDGE_MLD_SAID_REFUSED };
enum edge_mld_said edge_mld_said(struct vnep_edge *edge, struct edge_device *d,
	const struct vnep_mld_record *record, bool v1, struct vnep_wall ts);
void edge_mld_expire(struct vnep_edge *edge, struct edge_mld_device *md); /* it is due */
void edge_mld_encode(
	struct vnep_buf *out, const struct edge_device *d, const struct edge_listener *l);

#endif
