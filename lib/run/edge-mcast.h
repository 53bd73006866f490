/*
 * edge-mcast - one instruction on its way: private to edge-mcast*.c.
 *
 *     edge-mcast.c        what it is, who its members are, and the journal that has it before anybody
 *     edge-mcast-send.c   the frames: one for each port and VLAN, or one for each member
 *     edge-mcast-ack.c    answers, repairs, the result
 *     edge-mcast-relay.c  what a host of the VPC says to a group: an instruction, too, but nobody waits for answers
 *
 * All of it until the last frame is one step of the worker: nobody wakes or falls asleep meanwhile. First every member's
 * journal has the instruction as a packet that waits for it, and that is durable; then the frames go to those who are
 * awake, and their packets are settled as sent. What a kill leaves undone is so in the journal, like any other backlog.
 */
#ifndef VNEP_EDGE_MCAST_H
#define VNEP_EDGE_MCAST_H

#include "edge-client.h"
#include "vnep/mcast.h"

enum {
	EDGE_MCAST_MAX = 64,	/* instructions whose answers are heard */
	EDGE_MCAST_MEMBERS_MAX = 1 << 20, /* of all of them together, but for a single one */
	EDGE_MCAST_BATCH = 32,	/* frames of one call: what a kill in the middle of it sends twice */
	EDGE_MCAST_LINGER_MS = 10000, /* answers are evidence for so long, also if nobody waits */
	EDGE_MCAST_WAKE_MS = 1000, /* so soon behind its frames it is read who spoke before them */
	EDGE_MCAST_MARKS = 1 << 14, /* members whose frames go before they are settled */
	EDGE_MCAST_HOPS = 64, /* of what goes to one member */
	EDGE_RELAYS_MAX = 256, /* from VPCs: what the kernel lets through of two in EDGE_MCAST_WAKE_MS, and more */
};

enum edge_way { EDGE_WAY_LANE, EDGE_WAY_UNICAST, EDGE_WAY_JOURNAL, EDGE_WAY_NONE };
enum edge_fate { EDGE_FATE_WAITS, EDGE_FATE_SENT, EDGE_FATE_EXPIRED, EDGE_FATE_FAILED };

struct edge_member {
	struct in6_addr vep; /* key */
	uint64_t seq;	     /* of its event */
	struct vnep_wall sent;
	size_t name;   /* its URN, in the names */
	uint32_t shot; /* which frame is for it */
	uint32_t octets;
	uint32_t vpc; /* of the edge's, while the worker is at it */
	enum edge_way way;
	enum edge_fate fate;
	enum vnep_via via;
	bool acked, resent; /* resent: its frame went, and its packet waits again */
};

/* A frame: of a port and VLAN, or of a member there. */
struct edge_shot {
	struct edge_port *port;
	uint16_t vlan;
	struct in6_addr speaker;
	struct edge_device *device; /* NULL: of the group. Good until the worker goes on */
	size_t first, count;	    /* members, in the order of the shots */
	struct vnep_wall left;	    /* ns 0: it did not */
	bool shared; /* members of other VPCs are there, who must not hear it */
	bool alone;  /* of a member, when the worker went on */
};

struct edge_mcast {
	struct edge_mcast *next;
	struct vnep_edge *edge;
	struct edge_client *client; /* NULL: nobody waits for a result */
	char id[VNEP_LABEL_MAX + 1], group[VNEP_LABEL_MAX + 1];
	struct in6_addr address;
	uint16_t port, source; /* destination; ours, which no other has */
	uint8_t hop_limit;
	bool unicast, coap;
	bool relayed;	       /* from a host of a VPC, under its own address and port, to members of that VPC alone */
	struct in6_addr from;  /* that host */
	const struct vnep_vpc *vpc; /* of the edge's, while members are frozen */
	struct vnep_coap head; /* of all, and of all sent to one alone: those are confirmable */
	struct vnep_buf many, one;
	struct vnep_wall not_after, frozen_at;
	struct vnep_mono start, sent_at, repair_at, result_at, end_at; /* sent_at: its last frame */

	struct edge_member *members;
	size_t count, room;
	struct vnep_buf names;
	struct vnep_table by_vep;
	struct edge_shot *shots;
	size_t shot_count, shot_room;
	uint32_t *lanes;   /* by port and VLAN; only while they are looked for */
	size_t *order;	   /* members that are awake, in the order of the shots */
	size_t awake;
	size_t acked, repair_next;
	struct vnep_err *err; /* of the freezing */
	struct vnep_watch *timer;
};

const char *edge_member_name(const struct edge_mcast *mc, const struct edge_member *m);

/* As whom it speaks to members of that VPC. */
static inline const struct in6_addr *edge_mcast_speaker(
	const struct edge_mcast *mc, const struct vnep_vpc *vpc)
{
	return mc->relayed ? &mc->from : &vpc->speaker;
}

/* edge-mcast.c: one that is not in the list yet; NULL: no memory. Who is a member, and whether a frame has room for it; in
 * the list from then on, each one's journal, what the others are looked after who were not sent theirs. */
struct edge_mcast_how;
struct edge_mcast *edge_mcast_new(struct vnep_edge *edge);
int edge_mcast_freeze(struct edge_mcast *mc, const struct edge_mcast_how *how, struct vnep_err *err);
/* The two steps of it: those whom the selection names, and what finds each one. */
int edge_mcast_gather(struct edge_mcast *mc, const struct edge_mcast_how *how, struct vnep_err *err);
int edge_mcast_index(struct edge_mcast *mc, struct vnep_err *err);
uint32_t edge_mcast_mtu(const struct vnep_edge *edge);
void edge_mcast_link(struct edge_mcast *mc);
int edge_mcast_shot_of(struct edge_mcast *mc, struct edge_device *d, const struct in6_addr *speaker,
	uint32_t *out, struct vnep_err *err); /* a frame of its own */
int edge_mcast_lane_of(struct edge_mcast *mc, const struct edge_device *d, const struct in6_addr *speaker,
	uint32_t *out, struct vnep_err *err); /* that of its port and VLAN */
bool edge_mcast_is_alone(const struct edge_device *d); /* sent to it alone, it hears it now */
int edge_mcast_store(struct edge_mcast *mc, struct vnep_err *err);
void edge_mcast_look_after(struct edge_mcast *mc);
void edge_mcast_shrink(struct edge_mcast *mc); /* nobody waits for answers: who does not wait for it is forgotten */

/* edge-mcast-send.c: to all who are awake, and settle it. It is stored already: who could not be sent it waits. */
void edge_mcast_fan_out(struct vnep_edge *edge, struct edge_mcast *mc);
/* What went and is not in the journal is brought into it. False: the log of it must not be written. */
bool edge_mcast_none_owed(struct vnep_edge *edge);
/* To one that is awake, by its binding: the payload that is meant for one, or another one. */
bool edge_mcast_to_one(struct vnep_edge *edge, const struct edge_mcast *mc, struct edge_device *d,
	const uint8_t *payload, size_t len);

/* edge-mcast-relay.c: where a device of another VPC is, each member is sent a frame of its own. */
int edge_relay_avoid(struct edge_mcast *mc, const struct edge_device *d, struct vnep_err *err);
int edge_relay_part(struct edge_mcast *mc, struct vnep_err *err);
/* Several groups may have one address and one sender: is it a member of one before this? */
bool edge_relay_had(const struct edge_mcast *mc, const struct vnep_device *device);

/* edge-mcast-ack.c */
void edge_mcast_result(const struct edge_mcast *mc, struct vnep_result *out);
void edge_mcast_wait(struct edge_mcast *mc); /* it was sent: from here on its timer works */

void edge_mcast_free(struct edge_mcast *mc); /* out of the list, too */

/* Freeze, store, send. What is wrong is found before anything is stored. On 0 *out is in the list; lent. */
struct edge_mcast_how {
	const struct vnep_json *selection;
	uint16_t port;	   /* 0: that of the group, else 5683 */
	uint8_t hop_limit; /* of what goes to all */
	bool unicast;
};
int edge_mcast_send(struct vnep_edge *edge, const struct vnep_instruction *instruction,
	const struct edge_mcast_how *how, struct edge_mcast **out, struct vnep_err *err);

/* The same as far as the members: nothing is stored or sent. To be freed. */
int edge_mcast_plan(struct vnep_edge *edge, const struct edge_mcast_how *how,
	struct edge_mcast **out, struct vnep_err *err);

#endif
