/*
 * edge-priv - what the files of the edge share. One struct, one loop, one thread.
 *
 *     edge.c          start, loop, stop            edge-ingest.c   frames of the ring, by their tag
 *     edge-map.c      VPCs; kernel from the map    edge-guard.c    the rules stay ours
 *     edge-config.c   the configuration            edge-access.c   who may attach; ICMPv6 errors of others
 *     edge-device.c   the device table             edge-forward.c  frames that the worker sends on itself
 *     edge-life.c     sleep and waking             edge-answer.c   ICMPv6 errors and echo replies of ours
 *     edge-replay.c   backlog and hand-over        edge-nd.c       neighbour discovery, both sides
 *     edge-hold.c     the gate of hand-overs       edge-neigh.c    hosts and next hops of the core side
 *     edge-group.c    one journal group a round    edge-verbs*.c   what the socket can be asked
 *     edge-ledger.c   the conservation law         edge-queue.c    frames that wait for one of them
 *     edge-control.c  the socket                   edge-ra.c       router advertisements
 *     edge-storm.c    who replays next             edge-pace.c     how fast a device gets it
 *     edge-host.c     endpoints that a machine of  edge-addr.c     the addresses of one device
 *                     the VPC holds                edge-retain.c   what the journal keeps
 *     edge-dropin.c   the configuration's files    edge-reload.c   another configuration while traffic flows
 *     edge-service.c  the service manager          edge-metrics.c  what is told as numbers
 *     edge-totals.c   status, at a quiet point     edge-uplink.c   what devices send while nobody takes it
 *     edge-held.c     what outlives the worker
 *
 * A round: the ring is readable -> every frame is handled (journal records are appended to one group) -> the
 * group is committed -> the ring's blocks are given back -> what became due is done and told to watchers.
 */
#ifndef VNEP_EDGE_PRIV_H
#define VNEP_EDGE_PRIV_H

#include "vnep/acl.h"
#include "vnep/client.h"
#include "vnep/edge.h"
#include "vnep/err.h"
#include "vnep/flow.h"
#include "vnep/forward.h"
#include "vnep/heap.h"
#include "vnep/evidence.h"
#include "vnep/icmp6.h"
#include "vnep/inject.h"
#include "vnep/journal.h"
#include "vnep/life.h"
#include "vnep/loop.h"
#include "vnep/mapstore.h"
#include "vnep/memo.h"
#include "vnep/mids.h"
#include "vnep/ndisc.h"
#include "vnep/policy.h"
#include "vnep/recjson.h"
#include "vnep/ring.h"
#include "vnep/rtnl.h"
#include "vnep/sentlog.h"
#include "vnep/table.h"
#include "vnep/tag.h"

enum {
	EDGE_PORT_ADDRESSES = 16,
	EDGE_REPLAY_BATCH = 32, /* W: what a crash may send twice (RELIABILITY.md G8) */
	EDGE_RING_BLOCK = 1 << 15, /* octets; of frames that may be longer: the default of ring.h */
	EDGE_RING_BLOCKS = 1024,
	EDGE_SENT_MAX = 32,     /* replayed packets that still wait for evidence, per device */
	EDGE_FRAME_MAX = 65536,
	EDGE_RETIRE_MS = 2, /* a ring block closes after this time */
	EDGE_LINGER_S = 2,  /* how long a device whose active time is 0 may answer what it was sent */
	EDGE_HOSTS_MAX = 4096,
	EDGE_VLANS = 4096,
	EDGE_BIG_FLOWS = 64,
};

/* Somebody whose traffic passes from the worker to the kernel (edge-hold.c): first it waits for a lull, then the
 * kernel queues until what is older was sent. */
struct edge_held {
	struct vnep_heap_node lull; /* when to look whether there is one */
	struct vnep_mono last;      /* what the worker took for it last */
	unsigned counted;           /* frames since it waits, a while ago at most */
	uint64_t lost_before;       /* by the ring, when it began to wait */
	bool dense;                 /* the ring lost frames meanwhile: no time to wait */
	void (*begin)(struct vnep_edge *edge, struct edge_held *held); /* NULL: waits for no lull */
	struct edge_held *link;
	uint64_t round; /* the barrier it waits for */
	/* Behind the barrier, the ring read to its end. True: done, and it took itself off the list (or was held
	 * anew); false: again in a moment. NULL: not held. */
	bool (*finish)(struct vnep_edge *edge, struct edge_held *held);
};

struct edge_port {
	char name[VNEP_IF_MAX + 1];
	uint16_t index; /* as in tags: 1.. */
	bool core, up;
	bool gone; /* deleted, or it has another name: nobody is reached there until it is back */
	int ifindex;
	struct vnep_mac mac;
	uint32_t mtu;
	struct in6_addr addr[EDGE_PORT_ADDRESSES];
	unsigned addr_count;
	struct vnep_inject *inject;
	struct vnep_mono errors; /* the bucket of ICMPv6 errors is empty until then */
	double tokens;           /* packets that may be replayed */
	struct vnep_mono filled;
	size_t replay_line; /* devices in the lines that are bound here */
};

struct edge_l2 { /* key of the table by MAC */
	struct vnep_mac mac;
	uint16_t vlan;
};

/* Who uses an address on a port. */
struct edge_l3_key {
	struct in6_addr addr;
	uint16_t port; /* index */
	uint16_t vlan;
};
struct edge_l3 {
	struct edge_l3_key key;
	struct edge_device *device;
};

/* A replayed packet that may still be answered. */
struct edge_sent {
	uint64_t seq;
	uint32_t attempt;
	struct vnep_expected answer;
};

struct edge_device {
	struct in6_addr vep; /* key */
	struct edge_l2 l2;   /* key */
	char dev[VNEP_URN_MAX + 1];
	char vpc[VNEP_LABEL_MAX + 1];
	char home_port[VNEP_IF_MAX + 1]; /* the record's port, "" = any */
	enum vnep_form form;
	bool has_mac, bound, has_psm;
	bool fixed_addr; /* the record names its addresses: nothing is learned */
	uint8_t addr_max;
	uint32_t t3324_s;
	enum vnep_journal_mode journal;
	uint32_t dl_duration_s, dl_packet_count, replay_pps;
	enum vnep_replay_mode replay_mode;
	enum vnep_replay_keep replay_keep;
	uint64_t dl_octets;
	struct vnep_allow *allow;
	size_t allow_count;

	struct edge_port *port; /* where it is bound */
	struct in6_addr addr[VNEP_ADDR_COUNT_MAX]; /* the last one is the latest */
	unsigned addr_count;
	uint64_t addr_packets[VNEP_ADDR_COUNT_MAX]; /* from each, when it was looked at last */
	struct vnep_mono addr_looked;
	struct vnep_wall bound_since;
	uint64_t epoch;

	enum vnep_life life;
	struct vnep_wall since, last_seen;
	struct vnep_mono last_life;
	struct vnep_heap_node silence; /* its presumed end */
	uint32_t conn;
	uint64_t pending, pending_octets;
	uint64_t head_seq, resume_seq;
	uint64_t accepted, dropped;

	uint64_t replay_next; /* first seq not yet looked at in this replay */
	struct edge_pace *pace; /* NULL: as fast as the link takes it (edge-pace.c) */
	struct edge_device *replay_link;
	struct edge_port *replay_port; /* whose line it stands in, too */
	struct vnep_heap_node expires; /* in the other line, of those whose packets do */
	bool replaying;
	struct edge_held held;
	uint64_t uplink;      /* held packets of it, and octets of them */
	uint64_t uplink_octets;
	uint64_t uplink_next; /* first seq not yet looked at in this pass */
	struct edge_device *uplink_link;
	bool uplink_listed;
	struct edge_device *appended_link;
	bool appended; /* to its stream, by hand: look at the journal again */
	/* Its place in @awake ends then: what comes by the ring later is younger than what the kernel queues. */
	struct vnep_wall hold_until;
	bool behind; /* a hand-over is being taken back: the kernel still has what came before */
	struct edge_device *owed_link;
	enum vnep_cause owed; /* a disconnect that is not durable yet; NONE = none */
	struct vnep_wall owed_ts;
	struct edge_sent *sent; /* EDGE_SENT_MAX of them, NULL until the first replay */
	unsigned sent_count;
};

/* A host or next hop of a VPC (edge-neigh.c). */
struct edge_host_key {
	struct in6_addr addr;
	uint32_t vlan; /* of the core port */
};
enum edge_host_state {
	EDGE_HOST_AWAY,    /* nobody asks: a next hop that did not answer, until its timer */
	EDGE_HOST_ASKED,   /* solicited, what is for it waits in its queue */
	EDGE_HOST_OPENING, /* it answered: the worker sends, the kernel queues until the barrier */
	EDGE_HOST_KNOWN,   /* the kernel sends */
	EDGE_HOST_CLOSING, /* out of `reachable`: behind the barrier its neighbour goes */
};
struct edge_host {
	struct edge_host_key key;
	struct in6_addr kernel; /* its key in `reachable` and among the neighbours */
	enum edge_host_state state;
	bool route;   /* next hop of a route: never forgotten */
	bool open;    /* in `reachable` */
	bool missing; /* somebody was told that it does not answer */
	bool uplink;  /* there may be held packets for it: what comes goes behind them */
	bool fresh;   /* there were in this pass, or came since it began */
	bool refused; /* it is not there: they get their outcome */
	bool has_mac;
	struct vnep_mac mac;
	unsigned tries, failures;
	struct vnep_heap_node timer;
	struct edge_held held;
	struct vnep_buf queue; /* frames that wait, oldest first: length in four octets, frame */
};

/* What the worker counts itself; kept with every journal group, so that a restart goes on exactly. */
struct edge_ledger {
	uint64_t boot;    /* whose counters these are */
	uint64_t carried; /* pending when the ledger began */
	uint64_t pending; /* in the journal when this was written */
	struct vnep_acl_counters base;
	uint64_t ring_packets, ring_copies; /* taken from the ring, copies apart */
	uint64_t lost;                      /* sent to the ring, never seen: booked as overrun */
	uint64_t answered, delivered, sent_on, converted;
	uint64_t stamp; /* of two the later one */
	uint64_t ring_cookie, ring_block; /* this block of this ring was finished last */
	uint64_t dropped[VNEP_REASON_COUNT];
};

/* What the open journal group will change once it is durable. */
struct edge_delta {
	uint64_t arrived; /* packets that would be lost with the group */
	int64_t pending, delivered, converted, carried;
	uint64_t dropped[VNEP_REASON_COUNT];
};

/* What the journal was like when the last run of retention began. */
struct edge_retained {
	struct vnep_mono at; /* 0: look again */
	uint64_t events, map_revision;
	struct vnep_wall newest;
};

struct edge_client;
struct vnep_retaining;

struct vnep_edge {
	struct vnep_edge_config config;
	char state[4096];
	char socket[108];
	struct vnep_edge_host host;
	int lock_fd;
	struct vnep_held *held; /* the holder; NULL: this is the only process */

	struct vnep_loop *loop;
	struct vnep_nl *rt, *rt_events;
	struct vnep_nl *guard; /* events of nf_tables */
	bool filling;	       /* a set is nearly full, and that was told */
	struct vnep_acl *acl;
	struct vnep_ring *ring;
	bool ring_taken; /* from the worker before */
	uint64_t ring_cookie;
	struct vnep_mapstore *map;
	struct vnep_journal *journal;
	struct vnep_watch *tick; /* the nearest of all deadlines */
	struct vnep_watch *pump; /* replay has something to do */
	struct vnep_watch *retain; /* the next step of retention, or its next run */
	struct vnep_watch *beat;   /* the service manager is told that we live; NULL: there is none */
	struct vnep_wall started;
	struct vnep_watch *drained; /* the ring had time to close its blocks behind a barrier */

	struct vnep_watch *uplink;  /* held packets may go */
	struct edge_device *uplink_first, *uplink_at; /* devices that have some; whose turn it is */
	bool uplink_running, uplink_again; /* a pass is under way; one more is wanted */
	bool uplink_unknown;               /* since the start no pass is over: every host may have some */

	struct edge_port ports[VNEP_PORTS_MAX + 1];
	unsigned port_count; /* access ports first, the core port last */
	size_t lives[VNEP_LIFE_AWAKE + 1]; /* devices of the table, by their life */
	struct vnep_vpc *vpcs;
	size_t vpc_count;

	struct vnep_table by_vep, by_dev, by_mac, by_l3, hosts;
	struct vnep_table by_addr; /* L of devices of form host */
	struct edge_ra *ras;       /* a port and VLAN each */
	unsigned ra_count;
	bool withdraw; /* told to stop: devices shall look for another router */
	struct vnep_heap silences, host_timers, adverts, lulls, paced;
	struct vnep_heap expiring; /* no timers: devices that replay, the nearest deadline first */
	bool replay_turn;          /* of that line */
	size_t hosts_asked, hosts_closing; /* so many are in that state */
	size_t hosts_octets;               /* in all their queues */
	struct edge_device *replay_first, **replay_tail;
	bool barrier_running, barrier_out; /* from its start to the release; the thread is at it */
	size_t replayed; /* packets of the backlog sent since the start */
	struct vnep_sentlog *sent; /* of them, those in the open group; NULL: there is none */
	bool sent_owed;            /* that group failed: they are still to be recorded */
	size_t replay_line;             /* devices that stand in both lines */
	double replay_pps;              /* what the line gets through, of late; 0 = not known */
	struct vnep_mono replay_looked; /* 0: the line was empty */
	uint64_t barrier_round; /* of the one that runs, or ran last */
	uint64_t ring_seen;     /* frames read from the ring */
	uint64_t ring_base;     /* frames that the journal port had carried when it was opened */
	uint64_t ring_target;   /* ring_seen when all that was on the way at the barrier is read */
	struct vnep_mono ring_until; /* but nobody waits longer than that */
	struct edge_held *hold_first; /* devices and hosts that wait for a barrier */
	struct edge_device *owed_first; /* devices whose disconnect is not durable yet */
	bool owed_lost;                 /* its group failed: once more */
	bool stopping, told_to_stop;
	uint64_t map_revision; /* what kernel and table follow */

	struct edge_ledger ledger;
	struct edge_ledger ledger_memo; /* as it was written to memo last */
	struct vnep_memo *memo;         /* STATE/ledger; NULL: there is none */
	uint64_t ledger_stamp;          /* of the last one that was written anywhere */
	uint64_t ledger_pending;        /* with what the group makes of it */
	struct edge_delta delta;
	bool group_open, ledger_dirty;
	struct vnep_mono ledger_kept; /* when it was written to a segment whatever else there was */
	struct vnep_buf packed;
	struct vnep_retaining *retaining; /* NULL: between two runs */
	struct edge_retained retained;
	int64_t retain_busy_ns;           /* how long this one worked */
	int group_error; /* why the last group failed, 0 = it did not */

	struct vnep_buf told;    /* lines for watchers, told after the commit */
	struct vnep_buf scratch; /* one record being made */
	struct vnep_buf staged;  /* frames of a replay batch */
	uint8_t frame[EDGE_FRAME_MAX]; /* the one being rewritten */
	uint8_t out[EDGE_FRAME_MAX];   /* the one that is made of it */
	uint8_t vlans[EDGE_VLANS / 8]; /* access VLANs that some device has */
	struct {
		uint64_t flow;
		struct vnep_mono at;
	} big[EDGE_BIG_FLOWS]; /* TCP flows that were told lately */

	struct vnep_mids mids; /* CoAP message ids that somebody had sent */
	int listen_fd;
	struct vnep_watch *listen_watch;
	struct edge_client *clients;
	unsigned client_count;
	struct vnep_watch *look; /* for a quiet point, for those who asked for totals */
	struct vnep_acl_counters looked_at;
	bool looking; /* the timer is set */
};

/* edge.c */
void edge_say(struct vnep_edge *edge, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void edge_warn(struct vnep_edge *edge, const char *what, const struct vnep_err *err);
void edge_round_end(struct vnep_edge *edge); /* commit, tell, arm timers: ends every callback */
void edge_resume_device(struct vnep_edge *edge, struct edge_device *d, uint64_t awake_left_ms);
struct edge_port *edge_port_by_index(struct vnep_edge *edge, unsigned index);
struct edge_port *edge_port_by_name(struct vnep_edge *edge, const char *name);
struct edge_port *edge_core(struct vnep_edge *edge);

/* edge-group.c: the journal group of this round */
int edge_group(struct vnep_edge *edge); /* open it if it is not; negative: the journal is away */
void edge_group_end(struct vnep_edge *edge);
bool edge_group_works(struct vnep_edge *edge); /* after an error: does a group become durable again? */
void edge_journal_data(struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame,
	enum vnep_direction direction, bool copy);
/* A from-device packet whose next hop is away: held. */
void edge_journal_keep(struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame);
/* A copy of what the kernel forwarded to a device that turned out to be asleep: it becomes pending. */
void edge_journal_late(struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame);
void edge_journal_mark(struct vnep_edge *edge, struct edge_device *d, enum vnep_kind kind,
	const char *text); /* connect, disconnect, note */
void edge_journal_disconnect(struct vnep_edge *edge, struct edge_device *d, enum vnep_cause cause,
	struct vnep_wall ts);
/* Nobody has the device any more: what was pending is dropped as no-mapping. */
void edge_journal_owed(struct vnep_edge *edge); /* disconnects whose group failed: again */
void edge_journal_give_up(struct vnep_edge *edge, struct edge_device *d);
bool edge_journal_outcome(struct vnep_edge *edge, struct edge_device *d, uint64_t seq,
	enum vnep_outcome_word word, enum vnep_reason reason, enum vnep_evidence evidence,
	uint32_t attempt);
/* A pending packet is sent, or given up with a reason: outcome, counts of the device, ledger. */
bool edge_journal_settle(struct vnep_edge *edge, struct edge_device *d, uint64_t seq, uint32_t octets,
	enum vnep_outcome_word word, enum vnep_reason reason, uint32_t attempt);
/* It was sent, and not before ts: what the device said since then may be its answer. */
bool edge_journal_sent(struct vnep_edge *edge, struct edge_device *d, uint64_t seq, uint32_t octets,
	uint32_t attempt, struct vnep_wall ts);
/* A held packet was sent at ts, or is given up. */
bool edge_journal_uplink(struct vnep_edge *edge, struct edge_device *d, uint64_t seq, uint32_t octets,
	enum vnep_outcome_word word, enum vnep_reason reason, uint32_t attempt, struct vnep_wall ts);
void edge_journal_limits(struct vnep_edge *edge, struct edge_device *d); /* dl_buffering: the oldest go */
void edge_journal_gap(struct vnep_edge *edge, const char *port, uint64_t count, enum vnep_reason reason);

/* edge-retain.c */
void edge_retain(struct vnep_edge *edge);        /* some of it; arms its timer */
void edge_retain_cancel(struct vnep_edge *edge); /* somebody else works on the journal */
int edge_retain_settle(const struct vnep_outcome *outcome, uint32_t frame_octets, void *arg);

/* edge-device.c */
struct edge_device *edge_device_by_vep(struct vnep_edge *edge, const struct in6_addr *vep);
struct edge_device *edge_device_by_mac(struct vnep_edge *edge, const struct vnep_mac *mac, uint16_t vlan);
int edge_device_bind(struct vnep_edge *edge, struct edge_device *d, struct edge_port *port,
	const struct in6_addr *addr, struct vnep_err *err);
/* Who uses that address in that VLAN of that port; NULL: nobody. */
struct edge_device *edge_device_by_l3(struct vnep_edge *edge, const struct edge_port *port, uint16_t vlan,
	const struct in6_addr *addr);
/* Is a binding of the map one of ours, and still what the record says? */
bool edge_binding_counts(struct vnep_edge *edge, const struct vnep_device *record,
	const struct vnep_binding *binding);
bool edge_device_mac_known(struct vnep_edge *edge, const struct vnep_mac *mac); /* in whatever VLAN */
bool edge_device_has_addr(const struct edge_device *d, const struct in6_addr *addr);
/* Records of the map changed or went: table and, unless the caller applies everything anew, kernel follow. First all
 * that have left their endpoint (was: the one that a record which is gone had), then all that are there. */
int edge_device_left(struct vnep_edge *edge, const char *dev, const struct in6_addr *was, bool kernel,
	struct vnep_err *err);
int edge_device_changed(struct vnep_edge *edge, const char *dev, bool kernel,
	struct vnep_err *err);
struct edge_device *edge_device_by_dev(struct vnep_edge *edge, const char *dev); /* loads it */
/* Another life, and counted as such: nobody sets it otherwise once a device is in the table. */
void edge_device_live(struct vnep_edge *edge, struct edge_device *d, enum vnep_life life);
void edge_device_event(struct vnep_edge *edge, struct edge_device *d, enum vnep_life_event event,
	enum vnep_cause cause, struct vnep_wall ts);
void edge_device_sign(struct vnep_edge *edge, struct edge_device *d, struct vnep_wall ts);
void edge_device_check_awake(struct vnep_edge *edge, struct edge_device *d);
void edge_device_reload(struct vnep_edge *edge, struct edge_device *d); /* counts from the journal */
void edge_port_down(struct vnep_edge *edge, struct edge_port *port);
void edge_silences(struct vnep_edge *edge); /* timers that are due */
void edge_device_status(struct vnep_edge *edge, struct edge_device *d, struct vnep_status *out);
void edge_tell_presence(struct vnep_edge *edge, struct edge_device *d, enum vnep_presence_state was,
	enum vnep_cause cause);
void edge_devices_release(struct vnep_edge *edge);

/* It uses another of its addresses: kernel and map follow. */
void edge_device_reorder(struct vnep_edge *edge, struct edge_device *d);

/* edge-addr.c */
/* May it have one more? If it has as many as it may, the oldest that it does not use any more is made the first, which
 * edge_addr_add throws out. */
bool edge_addr_room(struct vnep_edge *edge, struct edge_device *d);
void edge_addr_add(struct edge_device *d, const struct in6_addr *addr); /* behind the others */
void edge_addr_begin(struct vnep_edge *edge, struct edge_device *d);
void edge_addr_slept(struct vnep_edge *edge, struct edge_device *d);
/* It speaks: is the address that it uses the latest one? True: it is now, and was not. */
bool edge_addr_follow(struct vnep_edge *edge, struct edge_device *d);

/* edge-life.c */
void edge_device_arm(struct vnep_edge *edge, struct edge_device *d, struct vnep_mono from);

/* A packet of an event was sent to it: an answer will confirm that. */
void edge_expect(struct edge_device *d, const struct vnep_event *event, uint32_t attempt);

/* edge-pace.c: a device without anything of the kind is passed by */
void edge_pace_begin(struct vnep_edge *edge, struct edge_device *d); /* a connection begins */
void edge_pace_end(struct vnep_edge *edge, struct edge_device *d);
/* How many packets may go now; 0: none yet; -1: it does not answer, and gets nothing until edge_pace_sign. */
int edge_pace_allows(struct vnep_edge *edge, struct edge_device *d, struct vnep_mono now);
/* Nothing may go to it yet: it stands in a heap instead of the line, until its time comes (_due) or it answers. */
bool edge_pace_park(struct vnep_edge *edge, struct edge_device *d, struct vnep_mono now);
bool edge_pace_parked(const struct edge_device *d);
void edge_pace_unpark(struct vnep_edge *edge, struct edge_device *d);
void edge_pace_due(struct vnep_edge *edge);
enum edge_pace_word { EDGE_PACE_GO, EDGE_PACE_LATER, EDGE_PACE_SUPERSEDED };
enum edge_pace_word edge_pace_event(struct edge_device *d, const struct vnep_event *event);
void edge_pace_sent(struct edge_device *d, const struct edge_sent *sent);
void edge_pace_answered(struct vnep_edge *edge, struct edge_device *d, uint64_t seq);
void edge_pace_sign(struct vnep_edge *edge, struct edge_device *d); /* it spoke */
bool edge_pace_silent(const struct edge_device *d);
/* When its backlog will be through; false: nobody can say. */
bool edge_pace_eta(const struct vnep_edge *edge, const struct edge_device *d, uint64_t *seconds);

/* edge-access.c */
void edge_access_request(struct vnep_edge *edge, struct edge_port *port,
	const struct vnep_ring_frame *frame);
void edge_icmp_error(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame,
	enum vnep_direction direction);
void edge_deny(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame,
	struct edge_device *d, enum vnep_direction direction, enum vnep_reason reason, bool counted);
/* The decision alone, for count frames like this one. */
void edge_tell_decision(struct vnep_edge *edge, const struct edge_port *port,
	const struct vnep_ring_frame *frame, const struct edge_device *d, enum vnep_direction direction,
	enum vnep_reason reason, uint64_t count);

/* edge-forward.c: each counts what becomes of the frame. Lent frames may lie in edge->frame, not in edge->out. */
/* Of a device, its source already V, the hop limit as it arrived: in edge->frame, with room for a tag. */
void edge_forward(struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame);
/* For a device, its destination V: sent if it listens, else journaled. */
void edge_deliver(struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame);
/* For a waking device that owes nothing any more: sent at once. False: it must be journaled. */
bool edge_pass(struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame);
enum vnep_reason edge_may_send(struct vnep_edge *edge, const struct edge_device *d,
	const struct vnep_frame *f, struct edge_device **peer);
/* The rewriting towards a device where it is now. */
void edge_place(const struct edge_device *d, struct vnep_forward *how);
void edge_next_hop(struct vnep_edge *edge, const struct vnep_ring_frame *frame);
void edge_too_big(struct vnep_edge *edge, const struct vnep_ring_frame *frame, enum vnep_direction direction);
void edge_big_copy(struct vnep_edge *edge, const struct vnep_ring_frame *frame, enum vnep_direction direction);
/* Longer than the MTU: its sender is told, or it is dropped. False: it fits. */
bool edge_refuse_big(struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame,
	enum vnep_direction direction, uint32_t mtu);

/* Could the packet of this event be sent to it now? */
bool edge_may_go(const struct edge_device *d, const struct vnep_event *event);

/* The same of what waited in the journal, since a larger MTU: its sender is told, and the caller counts it. */
bool edge_waits_big(struct vnep_edge *edge, const struct vnep_event *event, uint32_t mtu);

/* The same of one that the port itself refused (EMSGSIZE), by its event. */
void edge_refused_big(struct vnep_edge *edge, const struct edge_device *d, const struct edge_port *port,
	uint64_t seq);

/* edge-answer.c */
/* An ICMPv6 error to the sender of a frame that came in by a port (NULL: by whichever its source is at). False:
 * there may be none (RFC 4443 2.4), or there were too many. Counts nothing. */
struct edge_error {
	enum vnep_icmp6_type type;
	uint8_t code;
	uint32_t param;
};
bool edge_answer(struct vnep_edge *edge, struct edge_port *port, const uint8_t *frame, size_t len,
	struct edge_error error);
void edge_hop_limit(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame);
/* Is it an echo request to the router itself? Then it is answered and counted. */
bool edge_is_echo(const struct vnep_frame *f); /* a request */
bool edge_echo(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame,
	const struct vnep_frame *f);

/* edge-ingest.c */
void edge_ingest(struct vnep_edge *edge); /* every frame that is there */
void edge_to_device(struct vnep_edge *edge, const struct vnep_ring_frame *frame);

/* edge-nd.c */
void edge_discovery(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame,
	enum vnep_direction direction);
void edge_announce(struct vnep_edge *edge, const struct edge_device *d);
bool edge_port_is_own(const struct edge_port *port, const struct in6_addr *addr);
/* Of this port, or what another port has beyond its own link. */
bool edge_is_router(const struct vnep_edge *edge, const struct edge_port *port, const struct in6_addr *addr);
/* Is somebody of ours in that VLAN? */
bool edge_vlan_is_ours(const struct vnep_edge *edge, const struct edge_port *port, uint16_t vlan);
bool edge_send(struct vnep_edge *edge, struct edge_port *port, const void *frame, size_t len);

extern const struct in6_addr edge_router_address; /* fe80::1 */

/* edge-host.c: devices whose endpoint is a machine of the VPC. */
int edge_host_enter(struct vnep_edge *edge, struct edge_device *d);
void edge_host_leave(struct vnep_edge *edge, const struct edge_device *d);
/* The device whose endpoint the edge holds itself. */
struct edge_device *edge_device_by_endpoint(struct vnep_edge *edge, const struct in6_addr *vep);
/* Whose packet is it, by its ends (device_end: the destination of what goes to a device, the source of what comes
 * from one)? V is an end of form edge; of form host both are, L and V. *why: VNEP_NO_MAPPING (NULL is returned), or
 * VNEP_POLICY_DENIED: L and another than its V. */
struct edge_device *edge_device_of(struct vnep_edge *edge, const struct in6_addr *device_end,
	const struct in6_addr *other_end, enum vnep_reason *why);
/* For which device does the edge answer for this address on the VPC link? NULL: it is not ours. */
struct edge_device *edge_holder(struct vnep_edge *edge, const struct in6_addr *addr);

/* edge-ra.c */
int edge_ra_open(struct vnep_edge *edge, struct vnep_err *err); /* the ports are open */
void edge_ra_solicited(struct vnep_edge *edge, const struct edge_port *port, const struct vnep_ndisc *nd);
void edge_ra_port_up(struct vnep_edge *edge, const struct edge_port *port);
void edge_ra_due(struct vnep_edge *edge);
void edge_ra_withdraw(struct vnep_edge *edge);
int edge_ra_again(struct vnep_edge *edge, struct vnep_err *err); /* config.advertise is another one */
void edge_ra_look_at_vpcs(struct vnep_edge *edge); /* warns of prefixes that let nobody in */
void edge_ra_release(struct vnep_edge *edge);

/* edge-neigh.c */
/* Send a frame (its source V, one hop less already; in memory with room for a tag) towards a host of a VPC; it
 * waits while that is resolved. Counts sent_on or dropped[no-next-hop] itself. */
void edge_send_core(struct vnep_edge *edge, const struct vnep_vpc *vpc, const struct in6_addr *next_hop,
	uint8_t *frame, size_t len);
/* The kernel handed over what it should send itself: the host is not in its set any more. */
void edge_host_reopen(struct vnep_edge *edge, const struct vnep_vpc *vpc, const struct in6_addr *next_hop);
/* A host said where it is; weak: only to say that it is there. */
void edge_host_heard(struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan,
	const struct vnep_mac *mac, bool weak);
void edge_host_wanted(struct vnep_edge *edge, int ifindex, const struct in6_addr *key); /* by the kernel */
void edge_host_timers(struct vnep_edge *edge);
void edge_hosts_follow(struct vnep_edge *edge); /* the VPCs changed */
void edge_hosts_adopt(struct vnep_edge *edge);  /* after a start: what the kernel has */
void edge_hosts_again(struct vnep_edge *edge);  /* the core port came back: the kernel forgot */
void edge_hosts_release(struct vnep_edge *edge);

void edge_hosts_down(struct vnep_edge *edge);   /* the core port went down: nobody is there */
struct edge_host *edge_host_of(struct vnep_edge *edge, const struct vnep_vpc *vpc,
	const struct in6_addr *next_hop); /* NULL: there are too many */
bool edge_host_ready(const struct edge_host *h); /* the worker may send to it, and the kernel does not yet */
void edge_host_want(struct vnep_edge *edge, struct edge_host *h); /* it is asked, if nobody does */
void edge_host_through(struct vnep_edge *edge, struct edge_host *h); /* nothing is held for it any more */

/* edge-uplink.c */
/* A frame of a device (its source V, the hop limit as it arrived) that the host cannot get now is kept, and counted.
 * False: it can, or it is none that may wait. */
bool edge_uplink_keep(struct vnep_edge *edge, struct edge_device *d, struct edge_host *h,
	const struct vnep_ring_frame *frame, const struct vnep_frame *f);
bool edge_uplink_keep_queued(struct vnep_edge *edge, struct edge_host *h, uint8_t *data, size_t len);
void edge_uplink_enter(struct vnep_edge *edge, struct edge_device *d); /* it has held packets */
void edge_uplink_leave(struct vnep_edge *edge, struct edge_device *d);
void edge_uplink_again(struct vnep_edge *edge); /* a host is back, or is not there: look at all of them */
void edge_uplink_open(struct vnep_edge *edge);  /* after a start */
void edge_uplink_pump(struct vnep_edge *edge);

/* edge-queue.c */
bool edge_queue_put(struct vnep_edge *edge, struct edge_host *h, const uint8_t *frame, size_t len);
void edge_queue_send(struct vnep_edge *edge, struct edge_host *h);
void edge_queue_keep(struct vnep_edge *edge, struct edge_host *h);   /* held, as far as they may wait */
void edge_queue_refuse(struct vnep_edge *edge, struct edge_host *h); /* tells each sender */
void edge_queue_drop(struct vnep_edge *edge, struct edge_host *h);
void edge_host_send(struct vnep_edge *edge, struct edge_host *h, uint8_t *frame, size_t len);

/* edge-guard.c */
bool edge_guard_read(struct vnep_edge *edge); /* did somebody else touch the rules since then? */
void edge_guard(struct vnep_edge *edge);      /* then they are restored */
void edge_guard_filling(struct vnep_edge *edge); /* is a set nearly full? */
void edge_tell_note(struct vnep_edge *edge, const struct edge_port *port, const char *text); /* port NULL: of the edge */

/* edge-map.c */
/* The wanted state from the map, made anew, and the kernel made to hold it. VNEP_EVALUE: the map is more than a set may
 * hold; who had a wanted state has it still, and is behind the map. */
int edge_acl_anew(struct vnep_edge *edge, uint64_t *changes, struct vnep_err *err);
/* The same for what happened in the kernel: in that case it is told, and the kernel gets what it had. */
int edge_acl_again(struct vnep_edge *edge, uint64_t *changes, struct vnep_err *err);
void edge_vlan_used(struct vnep_edge *edge, uint16_t vlan); /* by a device of the map */
/* By its name; without one the narrowest that has vep. */
const struct vnep_vpc *edge_vpc(const struct vnep_edge *edge, const char *name, const struct in6_addr *vep);
/* Is that, on the core port, the VLAN of its VPC? */
bool edge_in_its_vpc(const struct vnep_edge *edge, const struct edge_device *d, uint16_t vlan);
void edge_vpcs_release(struct vnep_edge *edge);

/* edge-hold.c */
/* begin is called when the worker took nothing for it for a while, at once if that is so already, so that the kernel
 * has little to queue. edge_hold_came() says that a frame came. */
void edge_hold_in_lull(struct vnep_edge *edge, struct edge_held *held,
	void (*begin)(struct vnep_edge *edge, struct edge_held *held));
void edge_hold_came(struct vnep_edge *edge, struct edge_held *held);
void edge_hold_lulls(struct vnep_edge *edge); /* their time has come */
void edge_hold_add(struct vnep_edge *edge, struct edge_held *held,
	bool (*finish)(struct vnep_edge *edge, struct edge_held *held));
void edge_ring_opened(struct vnep_edge *edge); /* from here on its frames are counted */
void edge_hold_remove(struct vnep_edge *edge, struct edge_held *held);
void edge_barrier_drained(struct vnep_edge *edge);
void edge_hold_finish(struct vnep_edge *edge); /* before a stop: nobody is left holding */

/* edge-replay.c */
void edge_replay_start(struct vnep_edge *edge, struct edge_device *d);
void edge_replay_stop(struct vnep_edge *edge, struct edge_device *d);
void edge_replay_pump(struct vnep_edge *edge);
/* What was sent, but is not durable as that (killed, or a group that failed): it is recorded now. */
void edge_replay_recall(struct vnep_edge *edge);
void edge_hold(struct vnep_edge *edge, struct edge_device *d);
void edge_hold_again(struct vnep_edge *edge, struct edge_device *d); /* after a kill in the middle of it */
void edge_evidence(struct vnep_edge *edge, struct edge_device *d, const struct vnep_frame *f,
	const uint8_t *data);

/* edge-storm.c: the lines of those that replay, and the buckets of the ports */
void edge_storm_enter(struct vnep_edge *edge, struct edge_device *d, bool may_expire);
void edge_storm_leave(struct vnep_edge *edge, struct edge_device *d);
struct edge_device *edge_storm_next(struct vnep_edge *edge); /* NULL: nobody stands there */
size_t edge_storm_room(const struct vnep_edge *edge, struct edge_port *port, struct vnep_mono now);
void edge_storm_spend(const struct vnep_edge *edge, struct edge_port *port, size_t packets);
bool edge_storm_dry(struct vnep_edge *edge, struct vnep_mono now); /* no port with a line has room */

/* edge-reload.c: what may be another one while traffic flows is taken over. Mistakes and what needs a restart go to
 * report; a configuration with mistakes changes nothing. VNEP_EDIFFERS: something needs a restart. */
int edge_reconfigure(struct vnep_edge *edge, vnep_edge_config_report *report, void *arg);
void edge_reconfigure_asked(struct vnep_edge *edge); /* by a signal: the log says what came of it */

/* edge-service.c */
int edge_service_open(struct vnep_edge *edge, struct vnep_err *err);
void edge_service_say(struct vnep_edge *edge, const char *text); /* as in sd_notify(3) */
void edge_service_reloading(struct vnep_edge *edge);
void edge_service_ready(struct vnep_edge *edge);

/* edge-metrics.c: stat records, in the order of vnep/metrics.h */
void edge_metrics_encode(struct vnep_edge *edge, struct vnep_buf *out);

/* edge-held.c: each is made, or was left by the worker before */
int edge_memo_open(struct vnep_edge *edge, struct vnep_err *err);
int edge_lock(struct vnep_edge *edge, struct vnep_err *err);
int edge_inject_open(struct vnep_edge *edge, struct edge_port *port, struct vnep_err *err);
int edge_ring_open(struct vnep_edge *edge, const char *ifname,
	const struct vnep_ring_config *config, struct vnep_err *err);
int edge_held_watch(struct vnep_edge *edge, struct vnep_err *err);

/* edge-ledger.c */
void edge_ledger_open(struct vnep_edge *edge);
int edge_ledger_put(struct vnep_edge *edge, struct edge_ledger *l, struct vnep_err *err);
/* To STATE/ledger, where no group is open: what it says is durable, or has been sent. */
void edge_ledger_keep(struct vnep_edge *edge);
/* After a kill packets come again, from the last block that was finished. What was stored is known, what was sent is not:
 * so not many are sent until that is written down, as far as no disk is in the way (a group is open). True: it is time. */
bool edge_ledger_behind(const struct vnep_edge *edge);
bool edge_ledger_follow(struct vnep_edge *edge); /* is the table another one? Then it begins anew */
void edge_ledger_terms(struct vnep_edge *edge, struct vnep_ledger_terms *out);
bool edge_ledger_quiet(struct vnep_edge *edge, const struct vnep_acl_counters *before);
void edge_drop(struct vnep_edge *edge, struct edge_device *d, enum vnep_reason reason);

/* edge-control.c */
int edge_control_open(struct vnep_edge *edge, struct vnep_err *err);
void edge_control_close(struct vnep_edge *edge);
void edge_control_tell(struct vnep_edge *edge); /* edge->told to every watcher */

/* What a verb answers with. */
void edge_reply(struct edge_client *client, struct vnep_buf *lines); /* resets them */
void edge_reply_error(struct edge_client *client, const struct vnep_err *err);
void edge_reply_done(struct edge_client *client, int exit_status);

#endif
