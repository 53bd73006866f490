/* edge-calls - what the files of the edge call of each other, file by file. Included by edge-priv.h, which has the shapes. */
#ifndef VNEP_EDGE_CALLS_H
#define VNEP_EDGE_CALLS_H

/* edge.c */
void edge_say(struct vnep_edge *edge, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void edge_warn(struct vnep_edge *edge, const char *what, const struct vnep_err *err);
void edge_round_end(struct vnep_edge *edge); /* commit, tell, arm timers: ends every callback */
struct edge_port *edge_port_by_index(struct vnep_edge *edge, unsigned index);
struct edge_port *edge_port_by_name(struct vnep_edge *edge, const char *name);
struct edge_port *edge_core(struct vnep_edge *edge);

/* edge-group.c: the journal group of this round */
int edge_group(struct vnep_edge *edge); /* open it if it is not; negative: the journal is away */
void edge_group_end(struct vnep_edge *edge);
void edge_group_drop(struct vnep_edge *edge, int rc, const struct vnep_err *err); /* it is as if it had failed */
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
void edge_journal_give_up_held(struct vnep_edge *edge, struct edge_device *d, enum vnep_reason reason);
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
/* dl_buffering, of each direction by itself: the oldest go. */
void edge_journal_limits(struct vnep_edge *edge, struct edge_device *d, enum vnep_direction direction);
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

/* edge-period.c */
void edge_period_came(struct vnep_edge *edge, struct edge_device *d); /* a connection began */
/* It ended; idle_ns ago it spoke last. */
void edge_period_slept(struct vnep_edge *edge, struct edge_device *d, int64_t idle_ns);
void edge_period_due(struct vnep_edge *edge); /* who did not come is told */
int edge_period_open(struct vnep_edge *edge, struct vnep_err *err); /* what the journal tells of it is looked at, in time */

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
int edge_resume(struct vnep_edge *edge, struct vnep_err *err); /* what the kernel has, after a start */
void edge_device_arm(struct vnep_edge *edge, struct edge_device *d, struct vnep_mono from);

/* A packet of an event was sent to it: an answer will confirm that. _nothing: its connection is over. */
void edge_expect(struct edge_device *d, const struct vnep_event *event, uint32_t attempt);
void edge_expect_nothing(struct edge_device *d);

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
enum edge_pace_word edge_pace_event(struct vnep_edge *edge, struct edge_device *d, const struct vnep_event *event);
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
/* Of a device, its source already V, the hop limit as it arrived: in edge->frame, with room for a tag. True: it is kept in
 * the journal until it can be sent. */
bool edge_forward(struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame);
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
/* Frames that are there, in their order. edge_ingest: for one turn, true if there are more.
 * _all: those that are there when it begins; those for groups may wait still. _last: those, too. */
bool edge_ingest(struct vnep_edge *edge);
void edge_ingest_all(struct vnep_edge *edge);
void edge_ingest_last(struct vnep_edge *edge);
void edge_to_device(struct vnep_edge *edge, const struct vnep_ring_frame *frame);

/* edge-nd.c */
void edge_discovery(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame,
	enum vnep_direction direction);
bool edge_port_is_own(const struct edge_port *port, const struct in6_addr *addr);
/* Of this port, or what another port has beyond its own link. */
bool edge_is_router(const struct vnep_edge *edge, const struct edge_port *port, const struct in6_addr *addr);
/* Is somebody of ours in that VLAN? */
bool edge_vlan_is_ours(const struct vnep_edge *edge, const struct edge_port *port, uint16_t vlan);
bool edge_send(struct vnep_edge *edge, struct edge_port *port, const void *frame, size_t len);

extern const struct in6_addr edge_router_address; /* fe80::1 */

/* edge-announce.c */
void edge_announce(struct vnep_edge *edge, const struct edge_device *d); /* it came */
void edge_announce_all(struct vnep_edge *edge); /* hosts may have an earlier edge's MAC; slowly, and from the beginning */
void edge_announce_due(struct vnep_edge *edge);

/* edge-claim.c: on the VPC link only */
/* Does this message take an address that we hold for its sender's own? Then it is counted, told and answered. */
bool edge_claimed(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ndisc *nd);
/* A packet to a device: is its source an endpoint, and its sender somebody else? It goes its way, but that is told. */
void edge_claim_seen(struct vnep_edge *edge, const struct vnep_ring_frame *frame, const struct vnep_frame *f);
void edge_claims_due(struct vnep_edge *edge);
void edge_claims_release(struct vnep_edge *edge);

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

/* edge-mld*.c */
int edge_mld_open(struct vnep_edge *edge, struct vnep_err *err); /* the ports are open */
/* Is it a report, at a port where somebody asks for those? Then it is counted. */
bool edge_mld_takes(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ring_frame *frame,
	const struct vnep_frame *f);
void edge_mld_gone(struct vnep_edge *edge, struct edge_device *d); /* it is on that link no more */
/* The record of d may be another one, or that of some group: what is known of listeners follows in a moment. */
void edge_mld_changed(struct vnep_edge *edge, struct edge_device *d);
void edge_mld_groups_changed(struct vnep_edge *edge);
void edge_mld_woke(struct vnep_edge *edge, const struct edge_device *d); /* it is asked what it listens to */
void edge_mld_port_up(struct vnep_edge *edge, const struct edge_port *port);
void edge_mld_again(struct vnep_edge *edge); /* config.querier is another one */
void edge_mld_metrics(const struct vnep_edge *edge, struct vnep_buf *out);
void edge_mld_release(struct vnep_edge *edge);

/* edge-neigh.c */
/* Send a frame (its source V, one hop less already; in memory with room for a tag) towards a host of a VPC; it
 * waits while that is resolved. Counts sent_on or dropped[no-next-hop] itself. */
void edge_send_core(struct vnep_edge *edge, const struct vnep_vpc *vpc, const struct in6_addr *next_hop,
	struct vnep_wall ts, uint8_t *frame, size_t len);
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
void edge_hosts_down(struct vnep_edge *edge);   /* the core port went down: nobody is there */
void edge_hosts_release(struct vnep_edge *edge);
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
bool edge_uplink_keep_queued(
	struct vnep_edge *edge, struct edge_host *h, struct vnep_wall ts, uint8_t *data, size_t len);
/* So many are held from it now. */
void edge_uplink_counts(struct vnep_edge *edge, struct edge_device *d, uint64_t packets, uint64_t octets);
void edge_uplink_release(struct vnep_edge *edge);
void edge_uplink_enter(struct vnep_edge *edge, struct edge_device *d); /* it has held packets */
void edge_uplink_leave(struct vnep_edge *edge, struct edge_device *d);
void edge_uplink_again(struct vnep_edge *edge); /* a host is back, or is not there: look at all of them */
void edge_uplink_lost(struct vnep_edge *edge);  /* more wait than were known: every host may have some */
bool edge_uplink_watch(struct vnep_edge *edge); /* false: no memory */
void edge_uplink_open(struct vnep_edge *edge);  /* after a start */
void edge_uplink_pump(struct vnep_edge *edge);

/* edge-queue.c */
bool edge_queue_put(struct vnep_edge *edge, struct edge_host *h, struct vnep_wall ts, const uint8_t *frame,
	size_t len);
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
/* Groups of the map changed: the edge's and those in the kernel are made anew, and nothing else is looked at. */
int edge_groups_again(struct vnep_edge *edge, struct vnep_err *err);
void edge_groups_release(struct vnep_edge *edge);

/* edge-bell.c */
void edge_bell_open(struct vnep_edge *edge, const char *ifname); /* without one wakers wait for the ring */
bool edge_bell_watch(struct vnep_edge *edge);                    /* false: no memory */
void edge_bell_close(struct vnep_edge *edge);
/* Is it the frame by which the bell woke its device, or one before it? What was sent since then it cannot answer. */
bool edge_bell_before(struct edge_device *d, const struct vnep_frame *f,
	const struct vnep_ring_frame *frame);

/* edge-hold.c */
/* begin is called when the worker took nothing for it for a while, at once if that is so already, so that the kernel
 * has little to queue. edge_hold_came() says that a frame came. */
void edge_hold_in_lull(struct vnep_edge *edge, struct edge_held *held,
	void (*begin)(struct vnep_edge *edge, struct edge_held *held));
/* The same when nobody has a backlog that may be sent now, or a second later. */
void edge_hold_when_calm(struct vnep_edge *edge, struct edge_held *held,
	void (*begin)(struct vnep_edge *edge, struct edge_held *held));
bool edge_hold_calm(struct vnep_edge *edge, bool calm); /* is it so? True: some are left for another turn */
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

/* edge-clock.c: of what has a wall clock's time, whatever that was set to since then */
void edge_clock_look(struct vnep_edge *edge);
int64_t edge_age_ns(struct vnep_edge *edge, struct vnep_wall ts);
struct vnep_mono edge_when(struct vnep_edge *edge, struct vnep_wall ts);
/* dl_buffering.duration_s is over: nobody is sent it any more. */
bool edge_too_old(struct vnep_edge *edge, const struct edge_device *d, const struct vnep_event *event);

/* edge-mcast*.c */
int edge_sent_open(struct vnep_edge *edge, struct vnep_err *err);
/* Is it an answer to an instruction, or sent as one? Then it is counted, and nobody else's. */
bool edge_mcast_takes(struct vnep_edge *edge, const struct vnep_ring_frame *frame,
	const struct vnep_frame *f);
/* What a sender of the VPC says to its group is for each member of that VPC. It came: its block stays until it had its turn.
 * _full: no more blocks can be read. _block: of the first that waits, or UINT64_MAX. _turn, between two blocks whose group
 * is durable: some of those that wait, at least one; true if there are more. */
void edge_relay_came(struct vnep_edge *edge, const struct vnep_ring_frame *frame);
bool edge_relay_waits(const struct vnep_edge *edge);
bool edge_relay_full(const struct vnep_edge *edge);
uint64_t edge_relay_block(const struct vnep_edge *edge);
bool edge_relay_turn(struct vnep_edge *edge);
void edge_relays_release(struct vnep_edge *edge);
/* A packet that was pending has an outcome. */
void edge_mcast_settled(
	struct vnep_edge *edge, const struct edge_device *d, const struct vnep_outcome *o);
/* Its connection ended, and packets that were sent are pending again. */
void edge_mcast_slept(struct vnep_edge *edge, const struct edge_device *d);
/* A connection began with a frame of that time: what its link had got already it has heard. */
void edge_mcast_woke(struct vnep_edge *edge, struct edge_device *d, struct vnep_wall ts);
void edge_mcast_client_gone(struct edge_client *client);
void edge_mcasts_release(struct vnep_edge *edge);

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
int edge_config_good(struct vnep_edge *edge, vnep_edge_config_report *report, void *arg); /* would a start take it? */
void edge_reconfigure_asked(struct vnep_edge *edge); /* by a signal: the log says what came of it */

/* edge-service.c */
int edge_service_open(struct vnep_edge *edge, struct vnep_err *err);
void edge_service_starting(struct vnep_edge *edge);
void edge_service_reloading(struct vnep_edge *edge);
void edge_service_stopping(struct vnep_edge *edge);
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

/* edge-jail.c: first of all, and before anything is read that others wrote */
int edge_jail_begin(struct vnep_edge *edge, struct vnep_err *err);
int edge_jail(struct vnep_edge *edge, struct vnep_err *err);

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
int edge_control_open(struct vnep_edge *edge, struct vnep_err *err); /* it has its place and its group */
int edge_control_listen(struct vnep_edge *edge, struct vnep_err *err);
void edge_control_close(struct vnep_edge *edge);
bool edge_control_watched(const struct vnep_edge *edge); /* is there anybody to be told? */
void edge_control_tell(struct vnep_edge *edge); /* edge->told to every watcher */

/* What a verb answers with. */
void edge_reply(struct edge_client *client, struct vnep_buf *lines); /* resets them */
void edge_reply_error(struct edge_client *client, const struct vnep_err *err);
void edge_reply_done(struct edge_client *client, int exit_status);

#endif
