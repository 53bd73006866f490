/*
 * edge-mld - who listens to which groups: private to edge-mld*.c and edge-verbs-mld.c.
 *
 *     edge-mld.c          the querier of an access port: queries, and reports as they come
 *     edge-mld-state.c    what is known of a device: joined until its time is over, left, refused
 *     edge-mld-names.c    which groups its record names
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
	EDGE_MLD_SLACK_MS = 1500,     /* until the last of these answers is read */
	EDGE_MLD_REST_MS = 5000,      /* after such queries nobody is asked again */
	EDGE_MLD_DEVICE_MAX = 32,     /* groups that are remembered of a device */
	EDGE_MLD_MAX = 1 << 20,	      /* the same of all */
	EDGE_MLD_LINKS_MAX = 1 << 16, /* groups of links that are asked, or have hosts of the first version */
	EDGE_MLD_NAMES_MAX = 1 << 21, /* groups of records that are kept; those of other devices are read when they are wanted */
};

/* A group as records name it; name "": no record of a device that reported it did. */
struct edge_mld_name {
	char name[VNEP_LABEL_MAX + 1];
	struct in6_addr address;
};
struct edge_mld_group {
	struct edge_mld_name key;
	size_t users; /* listeners, and lists of names */
};

/* What somebody may cause, so often a second; one that was not used yet is full. */
struct edge_mld_bucket {
	struct vnep_mono empty; /* until then it fills */
};

enum edge_listens { EDGE_LISTENS_NOT, EDGE_LISTENS, EDGE_LISTENS_REFUSED };

struct edge_listener {
	struct edge_mld_group *group;
	enum edge_listens state;
	bool v1;
	bool exclude; /* it listens to all sources but some */
	bool asked;   /* it may have left: who says nothing now, has */
	bool told;    /* somebody was told that it is refused */
	uint8_t queries; /* still to be sent to it alone */
	uint8_t unheard; /* so often it woke and was asked since it was reported last */
	struct vnep_wall since;
	struct vnep_mono expires;  /* then it listens no more, or is forgotten */
	struct vnep_mono query_at; /* the next query; there is none: not asked before */
};

struct edge_mld_device {
	struct vnep_heap_node due; /* the first of those that expire, or are asked */
	struct edge_device *device;
	struct edge_mld_device *next, **at;
	struct edge_mld_device *idle_next, **idle_at; /* of those with some that do not listen; NULL: it has none */
	struct edge_listener *listener;
	unsigned count, room;
	bool full; /* that was told */

	struct edge_mld_group **names;		      /* by address: those of its record */
	unsigned name_count;
	bool has_names;
	struct edge_mld_device *names_next, **names_at; /* of those that have them, the first read first */
	uint64_t judged; /* state of the map that listeners and names agree with; 0: its record may be another one */
	struct edge_mld_bucket reads, tells;
};

/* A walk over all devices, a slice at a time; those that come meanwhile are not met. */
struct edge_mld_walk {
	struct edge_mld_device *at; /* the next one; NULL: it is over */
	struct edge_mld_walk *next, **link; /* link NULL: none */
};

struct edge_querier {
	struct edge_port *port;
	uint32_t interval_s, response_ms;
	struct vnep_mono at; /* the next general query, or the rest of this one */
	uint32_t vlan;	     /* from here on */
	unsigned startup;    /* of the first queries, which come quickly */
	struct vnep_mono since; /* it asks like this */
	struct edge_mld_bucket asks, wakes; /* queries of groups, and to who woke */
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
	struct vnep_mono rest;	   /* it is not asked before */
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
	struct edge_mld_device *first, *idle_first, **idle_tail, *names_first, **names_tail;
	size_t listeners, joined; /* remembered, and of them those that listen */
	size_t names;		  /* in all lists of them */
	uint64_t count[EDGE_MLD_COUNTS];
	struct vnep_watch *timer;
	struct vnep_mono armed; /* when it ends; 0: it does not run */
	struct vnep_mono full;	/* nobody is told before that there is no room */
	uint64_t judged;	/* the state of the map: another one with each change of groups */
	bool unread;		/* the map could not be read, and that was told */
	struct edge_mld_walk *walks, sweep; /* who looks at all devices: sweep, whether they agree with map and configuration */
	struct vnep_mono sweep_at;
};

/* edge-mld.c */
struct edge_querier *edge_mld_querier(struct vnep_edge *edge, const struct edge_port *port); /* NULL: there is none */
int64_t edge_mld_interval_ns(const struct edge_querier *q); /* who says nothing for so long does not listen: 9.4 */
bool edge_mld_may(struct edge_mld_bucket *bucket, unsigned per_s, unsigned at_once, unsigned wanted);
struct edge_mld_link *edge_mld_link(struct vnep_edge *edge, const struct edge_device *d,
	const struct in6_addr *group, bool make); /* NULL: there is none, or there are too many */
/* Who listens there says so within a second; others than the one that left, too. */
void edge_mld_ask(struct vnep_edge *edge, const struct edge_device *d, const struct in6_addr *group);
/* The same of one, whom nobody else hears asked: at its query_at, if true. That is a rest later where it was asked just now,
 * or others of its port were too often. */
bool edge_mld_ask_alone(struct vnep_edge *edge, const struct edge_device *d, struct edge_listener *l);
void edge_mld_asked(struct vnep_edge *edge, const struct edge_device *d, struct edge_listener *l); /* it is time to */
void edge_mld_tell_refused(struct vnep_edge *edge, const struct edge_device *d, const struct in6_addr *src,
	const struct in6_addr *group, struct vnep_wall ts);
void edge_mld_arm(struct vnep_edge *edge); /* the timer follows */
void edge_mld_walk_begin(struct edge_mld *mld, struct edge_mld_walk *walk);
void edge_mld_walk_end(struct edge_mld_walk *walk);

/* edge-mld-names.c */
struct edge_mld_group *edge_mld_group_get(
	struct edge_mld *mld, const struct edge_mld_name *key); /* NULL: no memory */
void edge_mld_group_put(struct edge_mld *mld, struct edge_mld_group *group);
int edge_mld_names_read(struct vnep_edge *edge, struct edge_mld_device *md); /* an error is told, and changes nothing */
void edge_mld_names_forget(struct edge_mld *mld, struct edge_mld_device *md);
/* The group of that address that its record names: this one if there are several. NULL: it names none. */
struct edge_mld_group *edge_mld_named(
	const struct edge_mld_device *md, const struct in6_addr *address, const char *name);

/* edge-mld-state.c */
struct edge_listener *edge_mld_listener(
	const struct edge_device *d, const struct in6_addr *group); /* NULL: nothing is known */
/* A record of a report of it. */
enum edge_mld_said { EDGE_MLD_SAID_NOTHING, EDGE_MLD_SAID_TAKEN, EDGE_MLD_SAID_REFUSED };
enum edge_mld_said edge_mld_said(struct vnep_edge *edge, struct edge_device *d, const struct vnep_mld *m,
	const struct vnep_mld_record *record, struct vnep_wall ts);
void edge_mld_expire(struct vnep_edge *edge, struct edge_mld_device *md); /* it is due */
void edge_mld_unheard(struct vnep_edge *edge, struct edge_mld_device *md, int64_t answer_ns); /* it woke, and was asked */
/* What is known of it agrees with its record; false: that cannot be read, and all is as it was. */
bool edge_mld_follow(struct vnep_edge *edge, struct edge_mld_device *md);
void edge_mld_encode(
	struct vnep_buf *out, const struct edge_device *d, const struct edge_listener *l);

#endif
