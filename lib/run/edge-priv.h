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
 *     edge-totals.c   status, at a quiet point     edge-held.c     what outlives the worker
 *     edge-jail.c     what it can still touch      edge-period.c   when a sleeper is expected
 *     edge-bell.c     who wakes is heard at once   edge-claim.c    endpoints that others use, too
 *     edge-announce.c endpoints on the VPC link    edge-mcast*.c   instructions for many
 *     edge-clock.c    how old something is         edge-uplink.c   what devices send while the core is away
 *     edge-mld*.c     who listens to which groups
 *
 * A round: the ring is readable -> every frame is handled (journal records are appended to one group) -> the
 * group is committed -> what is for groups of devices has its turn, each with a group of its own -> the ring's blocks are
 * given back -> what became due is done and told to watchers.
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
#include "vnep/steady.h"
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
	EDGE_TURN_MS = 10,  /* work of one kind, of which there may be much: then the others have their turn */
	EDGE_LINGER_S = 2,  /* how long a device whose active time is 0 may answer what it was sent */
	EDGE_HOSTS_MAX = 4096,
	EDGE_VLANS = 4096,
	EDGE_BIG_FLOWS = 64,
	/* What is held of devices, in all; a quarter of it of those of a VPC. Beyond that nothing is kept. */
	EDGE_HELD_PACKETS = 1 << 18,
	EDGE_HELD_OCTETS = 1 << 28,
	EDGE_ANNOUNCE_LINE = 1024,
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
	struct vnep_mono done;                  /* its backlog was through, while others had one */
	struct edge_held *calm_next, **calm_at; /* calm_at NULL: it waits for nobody else */
	struct edge_held *link, **link_at; /* of all that are held */
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
	uint32_t t3324_s, t3412_s;
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
	/* edge-period.c: when the latest connection began, and how long after the one before it; 0 = not known */
	struct vnep_mono came;
	int64_t apart, period;
	struct vnep_wall next_expected;
	uint64_t ringing; /* the frame by which the bell woke it, until the ring brings it; 0 = none */
	struct vnep_heap_node overdue;
	uint32_t conn;
	uint64_t pending, pending_octets;
	uint64_t head_seq, resume_seq;
	uint64_t accepted, dropped;
	struct edge_mld_device *mld; /* groups that it reported; NULL: it did not */

	uint64_t replay_next; /* first seq not yet looked at in this replay */
	struct edge_pace *pace; /* NULL: as fast as the link takes it (edge-pace.c) */
	struct edge_device *replay_link, **replay_back; /* NULL: in no line */
	struct edge_port *replay_port; /* whose line it stands in, too */
	struct vnep_heap_node expires; /* in the other line, of those whose packets do */
	bool replaying;
	struct edge_held held;
	uint64_t uplink;      /* held packets of it, and octets of them */
	uint64_t uplink_octets;
	struct edge_uplink_share *uplink_share; /* where they are counted; NULL: there are none */
	uint64_t uplink_next; /* first seq not yet looked at by the pass */
	uint64_t uplink_opened; /* of the edge, when the pass that was through with it last began */
	struct edge_device *uplink_link, **uplink_link_at;
	bool uplink_listed;
	struct edge_device *appended_link;
	bool appended; /* to its stream, by hand: look at the journal again */
	/* Its place in @awake ends then: what comes by the ring later is younger than what the kernel queues. */
	struct vnep_mono hold_until;
	bool behind; /* a hand-over is being taken back: the kernel still has what came before */
	struct edge_device *owed_link;
	enum vnep_cause owed; /* a disconnect that is not durable yet; NONE = none */
	struct vnep_wall owed_ts;
	struct edge_sent *sent; /* of this connection, sent_room of them, EDGE_SENT_MAX at most */
	uint8_t sent_count, sent_room;
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
	bool left;    /* some were passed by in this pass, or came since it began */
	bool back;    /* it was there when the port went down: asked as soon as that is up */
	bool refused; /* it is not there: they get their outcome */
	bool may;     /* it took packets (or was refused) when the pass began, and ever since */
	bool has_mac;
	struct vnep_mac mac;
	unsigned tries, failures;
	struct vnep_heap_node timer;
	struct edge_held held;
	struct vnep_buf queue; /* frames that wait, oldest first: length in four octets, frame */
};

/* What is held of the devices of a VPC. */
struct edge_uplink_share {
	char vpc[VNEP_LABEL_MAX + 1]; /* key */
	uint64_t packets, octets;
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
	uint64_t ring_from; /* but behind this one there may be frames for groups that were not */
	uint64_t relay_block, relay_place; /* the frame of it that was relayed to a group last */
	uint64_t dropped[VNEP_REASON_COUNT];
};

/* What the open journal group will change once it is durable. */
struct edge_delta {
	uint64_t arrived; /* packets that would be lost with the group */
	int64_t pending, delivered, converted, carried, answered;
	uint64_t dropped[VNEP_REASON_COUNT];
};

/* edge-announce.c: endpoints that hosts of the VPC shall hear of. */
struct edge_announcing {
	struct in6_addr line[EDGE_ANNOUNCE_LINE]; /* a ring: those that came, the oldest at first */
	unsigned first, count;
	bool walking;                 /* behind them all of the map, */
	char after[VNEP_URN_MAX + 1]; /* behind this device */
	size_t walked;
	struct vnep_mono began;
	struct vnep_mono next; /* the bucket is empty until then */
	struct in6_addr last;  /* announced, and when */
	struct vnep_mono last_at;
	struct vnep_heap_node due;
	struct vnep_heap timer; /* of that one */
};

/* What the journal was like when the last run of retention began. */
struct edge_retained {
	struct vnep_mono at; /* 0: look again */
	uint64_t events, map_revision;
	struct vnep_wall newest;
};

struct edge_client;
struct edge_mcast;
struct edge_relays;
struct edge_mld;
struct edge_mld_device;
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
	struct vnep_bell *bell; /* NULL: there is none */
	struct vnep_mapstore *map;
	struct vnep_journal *journal;
	struct vnep_watch *tick; /* the nearest of all deadlines */
	struct vnep_watch *pump; /* replay has something to do */
	struct vnep_watch *retain; /* the next step of retention, or its next run */
	struct vnep_watch *beat;   /* the service manager is told that we live; NULL: there is none */
	struct vnep_wall started;
	struct vnep_steady steady; /* what the wall clock was, and since when */
	struct vnep_watch *drained; /* the ring had time to close its blocks behind a barrier */

	struct vnep_table uplink_shares;
	uint64_t uplink_packets, uplink_octets; /* held in all */
	struct vnep_watch *uplink;  /* held packets may go */
	size_t recall_at, recall_room; /* of by_vep: where the walk of edge-period.c is, and how large it was then */
	struct edge_device *uplink_first, *uplink_at; /* devices that have some; whose turn it is */
	bool uplink_running, uplink_again; /* a pass is under way; one more is wanted */
	bool uplink_unknown; /* since the start no pass is over, or one found no room for a host: every one may have some */
	bool uplink_missed;  /* that is so in this pass */
	bool uplink_unread;  /* in this pass the journal could not be read: nobody is through */
	bool uplink_all;     /* it looks at everything, for every host */
	uint64_t uplink_opened, uplink_began; /* hosts that answered or are not there, so far; when the pass began */

	struct edge_port ports[VNEP_PORTS_MAX + 1];
	unsigned port_count; /* access ports first, the core port last */
	size_t lives[VNEP_LIFE_AWAKE + 1]; /* devices of the table, by their life */
	struct vnep_vpc *vpcs;
	size_t vpc_count;
	struct vnep_group *groups; /* that somebody may speak to from a VPC */
	size_t group_count;

	struct vnep_table by_vep, by_dev, by_mac, by_l3, hosts;
	struct vnep_table by_addr; /* L of devices of form host */
	struct edge_mld *mld;
	struct edge_ra *ras;       /* a port and VLAN each */
	unsigned ra_count;
	bool withdraw; /* told to stop: devices shall look for another router */
	struct vnep_heap silences, host_timers, adverts, lulls, paced, overdue, claim_pauses;
	struct edge_claim *claims; /* NULL until the first */
	struct vnep_mono claim_logged;
	struct edge_announcing announcing;
	struct vnep_heap expiring; /* no timers: devices that replay, the nearest deadline first */
	bool replay_turn;          /* of that line */
	size_t hosts_asked, hosts_closing; /* so many are in that state */
	size_t hosts_away;                 /* that, and no next hop of a route */
	size_t hosts_octets;               /* in all their queues */
	struct edge_device *replay_first, **replay_tail;
	bool barrier_running, barrier_out; /* from its start to the release; the thread is at it */
	size_t replayed; /* packets of the backlog sent since the start */
	struct vnep_sentlog *sent; /* of them, those in the open group; NULL: there is none */
	struct vnep_sentlog *fanned; /* the same of instructions */
	bool sent_owed;            /* that group failed: they are still to be recorded */
	struct edge_mcast *mcasts; /* instructions whose answers are heard, the latest first */
	uint32_t mcast_seed, mcast_source;
	size_t replay_line;             /* devices that stand in both lines */
	double replay_pps;              /* what the line gets through, of late; 0 = not known */
	struct vnep_mono replay_looked; /* 0: the line was empty */
	uint64_t barrier_round; /* of the one that runs, or ran last */
	uint64_t ring_seen;     /* frames read from the ring */
	uint64_t ring_at, ring_place; /* the one that was read last: its block, and which of it */
	uint64_t ring_stored;   /* blocks up to this one were finished by the worker before, but for frames to groups */
	struct edge_relays *relays; /* frames to groups that wait for their turn; NULL until the first */
	int64_t commit_ms;      /* what was read last was durable after that time */
	uint64_t ring_base;     /* frames that the journal port had carried when it was opened */
	uint64_t ring_lost;     /* by the ring until the barrier */
	bool ring_unread;       /* the last turn left some */
	uint64_t ring_target;   /* ring_seen when all that was on the way at the barrier is read */
	struct vnep_mono ring_until; /* but nobody waits longer than that */
	struct edge_held *calm_first, **calm_tail; /* they wait until nobody replays any more */
	struct edge_held *hold_first; /* devices and hosts that wait for a barrier */
	struct edge_device *owed_first; /* devices whose disconnect is not durable yet */
	bool owed_lost;                 /* its group failed: once more */
	bool stopping, told_to_stop;
	bool upgrading; /* stopping, to make room for another program */
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
	struct vnep_buf memberships; /* the same, also for those who watch nothing else */
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

#include "edge-calls.h"

#endif
