/*
 * edge-neigh - hosts and next hops of the core side: resolved when somebody sends to them, watched while they are
 * used.
 *
 * The kernel forwards to those in its set `reachable` and hands the rest over. The worker sends to a host that
 * answers, and in the first lull it goes into the set while it has no neighbour, so that the kernel queues; the
 * worker sends what it has, and behind the barrier of edge-hold.c the neighbour is written: nothing is overtaken.
 * Neighbours are permanent, so the worker must notice who went away: every resolved host is asked again about every
 * 30 s, and one that does not answer leaves the set first and its neighbour behind the next barrier. A host to which
 * neither kernel nor worker sent anything for some minutes is forgotten; next hops of routes are not, and are looked
 * for while they are away.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-neigh.h"

enum {
	TRIES = 3,
	RETRY_MS = 1000,
	PROBE_MS = 30000,
	PROBE_JITTER_MS = 7500,
	AWAY_MAX_MS = 30000,
	FORGET_MS = 300000,
};

static void say(struct vnep_edge *edge, int level, const struct edge_host *h, const char *what)
{
	char addr[VNEP_IP6_LEN];

	vnep_ip6_print(&h->key.addr, addr);
	if (h->key.vlan)
		edge_say(edge, level, "next hop: %s in VLAN %u %s", addr, h->key.vlan, what);
	else
		edge_say(edge, level, "next hop: %s %s", addr, what);
}

static bool is_next_hop(const struct vnep_vpc *vpc, const struct in6_addr *addr)
{
	for (size_t r = 0; r < vpc->route_count; r++)
		if (vnep_ip6_equal(&vpc->routes[r].next_hop, addr))
			return true;
	return false;
}

const struct vnep_vpc *edge_neigh_vpc(struct vnep_edge *edge, const struct in6_addr *addr, int vlan)
{
	for (size_t i = 0; i < edge->vpc_count; i++) {
		const struct vnep_vpc *vpc = &edge->vpcs[i];

		if ((vlan < 0 || vpc->core_vlan == vlan) &&
			(vnep_prefix_has(&vpc->prefix, addr) || is_next_hop(vpc, addr)))
			return edge_holder(edge, addr) ? NULL : vpc;
	}
	return NULL;
}

static void count(struct vnep_edge *edge, const struct edge_host *h)
{
	edge->hosts_asked += h->state == EDGE_HOST_ASKED;
	edge->hosts_closing += h->state == EDGE_HOST_CLOSING;
	edge->hosts_away += h->state == EDGE_HOST_AWAY && !h->route;
}

static void uncount(struct vnep_edge *edge, const struct edge_host *h)
{
	edge->hosts_asked -= h->state == EDGE_HOST_ASKED;
	edge->hosts_closing -= h->state == EDGE_HOST_CLOSING;
	edge->hosts_away -= h->state == EDGE_HOST_AWAY && !h->route;
}

void edge_neigh_set_route(struct vnep_edge *edge, struct edge_host *h, bool route)
{
	uncount(edge, h);
	h->route = route;
	count(edge, h);
}

void edge_neigh_set_state(struct vnep_edge *edge, struct edge_host *h, enum edge_host_state state)
{
	uncount(edge, h);
	h->state = state;
	count(edge, h);
	h->may = h->may && (h->refused || edge_host_ready(h));
}

void edge_neigh_free(struct vnep_edge *edge, struct edge_host *h)
{
	edge_queue_drop(edge, h);
	free(h);
}

static void forget(struct vnep_edge *edge, struct edge_host *h)
{
	uncount(edge, h);
	vnep_heap_remove(&edge->host_timers, &h->timer);
	edge_hold_remove(edge, &h->held);
	vnep_table_remove(&edge->hosts, h);
	edge_neigh_free(edge, h);
}

static void arm(struct vnep_edge *edge, struct edge_host *h, int64_t ms)
{
	struct vnep_mono at = vnep_mono_now();

	at.ns += ms * 1000000;
	if (vnep_heap_set(&edge->host_timers, &h->timer, at))
		edge_say(edge, LOG_ERR, "neighbour: no memory for a timer");
}

static void arm_probe(struct vnep_edge *edge, struct edge_host *h)
{
	arm(edge, h, PROBE_MS - PROBE_JITTER_MS + (int64_t)arc4random_uniform(2 * PROBE_JITTER_MS));
}

/* ---- asking ---- */

static void solicit(struct vnep_edge *edge, const struct edge_host *h, bool unicast)
{
	struct edge_port *core = edge_core(edge);
	uint8_t out[VNEP_ND_FRAME_MAX];
	struct in6_addr src;

	vnep_ip6_link_local(&core->mac, &src);
	edge_send(edge, core, out,
		vnep_ndisc_solicit(out, (uint16_t)h->key.vlan, &core->mac, &src, &h->key.addr,
			unicast ? &h->mac : NULL));
}

/* The first try of a probe goes to where it was; it may have moved, so the others go to everybody. */
static void ask(struct vnep_edge *edge, struct edge_host *h)
{
	if (edge_core(edge)->up)
		solicit(edge, h, h->state == EDGE_HOST_KNOWN && !h->tries);
	h->tries++;
	arm(edge, h, RETRY_MS);
}

void edge_neigh_ask(struct vnep_edge *edge, struct edge_host *h)
{
	edge_neigh_set_state(edge, h, EDGE_HOST_ASKED);
	h->has_mac = false;
	h->tries = 0;
	ask(edge, h);
}

void edge_neigh_probe(struct vnep_edge *edge, struct edge_host *h)
{
	h->tries = 0;
	ask(edge, h);
}

static void look_later(struct vnep_edge *edge, struct edge_host *h)
{
	int64_t pause = RETRY_MS;

	for (unsigned i = 1; i < h->failures && pause < AWAY_MAX_MS; i++)
		pause *= 2;
	edge_neigh_set_state(edge, h, EDGE_HOST_AWAY);
	arm(edge, h, pause < AWAY_MAX_MS ? pause : AWAY_MAX_MS);
}

/* ---- open and closed ---- */

static struct edge_host *host_of_held(struct edge_held *held)
{
	return (void *)((char *)held - offsetof(struct edge_host, held));
}

void edge_neigh_write(struct vnep_edge *edge, struct edge_host *h)
{
	struct vnep_err err = { 0 };

	if (vnep_rtnl_neigh_set(
		    edge->rt, edge_core(edge)->ifindex, &h->kernel, &h->mac, true, &err))
		edge_warn(edge, "neighbour", &err);
}

void edge_neigh_delete(struct vnep_edge *edge, const struct in6_addr *kernel)
{
	struct vnep_err err = { 0 };

	if (vnep_rtnl_neigh_delete(edge->rt, edge_core(edge)->ifindex, kernel, &err))
		edge_warn(edge, "neighbour", &err);
}

static bool opened(struct vnep_edge *edge, struct edge_held *held)
{
	struct edge_host *h = host_of_held(held);
	struct edge_port *core = edge_core(edge);

	if (core->inject && vnep_inject_unsent(core->inject) > 0)
		return false;
	edge_hold_remove(edge, held);
	edge_neigh_write(edge, h);
	edge_neigh_set_state(edge, h, EDGE_HOST_KNOWN);
	arm_probe(edge, h);
	return true;
}

/* The kernel takes over. */
static void hold_host(struct vnep_edge *edge, struct edge_held *held)
{
	struct edge_host *h = host_of_held(held);
	struct vnep_err err = { 0 };

	if (h->uplink) { /* in the lull something was kept for it */
		edge->uplink_opened++;
		edge_uplink_again(edge);
		return;
	}
	if (!h->open) {
		edge_neigh_delete(edge, &h->kernel); /* one of ours it is not */
		h->open = !vnep_acl_reachable_add(edge->acl, &h->kernel, &err);
		if (!h->open)
			edge_warn(edge, "neighbour", &err); /* the worker goes on sending */
	}
	edge_hold_add(edge, held, opened);
}

static void to_kernel(struct vnep_edge *edge, struct edge_host *h);

/* It answered: from now on the worker sends at once, and the kernel as soon as it may. */
static void open_host(struct vnep_edge *edge, struct edge_host *h)
{
	if (h->missing)
		say(edge, LOG_NOTICE, h, "is back");
	h->missing = h->refused = h->back = false;
	h->tries = h->failures = 0;
	edge_queue_send(edge, h);
	vnep_heap_remove(&edge->host_timers, &h->timer);
	edge_neigh_set_state(edge, h, EDGE_HOST_OPENING);
	if (h->uplink || edge->uplink_unknown) { /* what waits longer goes first */
		edge->uplink_opened++;
		edge_uplink_again(edge);
	} else {
		to_kernel(edge, h);
	}
}

/* The worker sends everything that is for it. */
static void to_kernel(struct vnep_edge *edge, struct edge_host *h)
{
	if (h->open) /* killed in the middle of it: the kernel queues since then */
		hold_host(edge, &h->held);
	else
		edge_hold_in_lull(edge, &h->held, hold_host);
}

static bool closed(struct vnep_edge *edge, struct edge_held *held)
{
	struct edge_host *h = host_of_held(held);
	bool wanted;

	edge_hold_remove(edge, held);
	edge_neigh_delete(edge, &h->kernel);
	h->back = h->back && edge->hosts_away < EDGE_BACK_MAX;
	wanted = h->queue.len || h->uplink || h->back;
	if (!edge_core(edge)->up && (wanted || h->route))
		edge_neigh_park(edge, h);
	else if (h->has_mac && edge_core(edge)->up)
		open_host(edge, h); /* it spoke meanwhile */
	else if (wanted)
		edge_neigh_ask(edge, h);
	else if (h->route)
		look_later(edge, h);
	else
		forget(edge, h);
	return true;
}

void edge_neigh_close(struct vnep_edge *edge, struct edge_host *h)
{
	struct vnep_err err = { 0 };

	if (h->open && vnep_acl_reachable_remove(edge->acl, &h->kernel, &err))
		edge_warn(edge, "neighbour", &err);
	h->open = h->has_mac = false;
	h->tries = 0;
	vnep_heap_remove(&edge->host_timers, &h->timer);
	edge_neigh_set_state(edge, h, EDGE_HOST_CLOSING);
	edge_hold_add(edge, &h->held, closed);
}

/* The port is back and it is not: what is held for it gets its outcome, by a pass. */
static void not_there(struct vnep_edge *edge, struct edge_host *h)
{
	edge_neigh_set_state(edge, h, EDGE_HOST_AWAY);
	h->refused = true;
	edge->uplink_opened++;
	edge_uplink_again(edge);
}

/* It does not answer. */
static void give_up(struct vnep_edge *edge, struct edge_host *h)
{
	h->failures += h->failures < 8;
	if (h->route && !h->missing) {
		say(edge, LOG_WARNING, h, "does not answer");
		h->missing = true;
	}
	if (h->route || h->uplink)
		edge_queue_keep(edge, h);
	edge_queue_refuse(edge, h); /* of a route what cannot wait, else all of it */
	if (h->open || h->state == EDGE_HOST_KNOWN)
		edge_neigh_close(edge, h);
	else if (h->route)
		look_later(edge, h);
	else if (h->uplink)
		not_there(edge, h);
	else
		forget(edge, h);
}

/* ---- the table ---- */

static int64_t idle_ms(struct vnep_edge *edge, const struct edge_host *h)
{
	int64_t idle = (vnep_mono_now().ns - h->held.last.ns) / 1000000;
	struct vnep_neigh neigh;

	if (!vnep_rtnl_neigh_get(edge->rt, edge_core(edge)->ifindex, &h->kernel, &neigh, NULL) &&
		(int64_t)neigh.idle_ms < idle)
		idle = (int64_t)neigh.idle_ms;
	return idle;
}

/* The one that the worker sent to longest ago makes room. */
static void evict(struct vnep_edge *edge)
{
	struct edge_host *h, *oldest = NULL;

	for (size_t i = 0; (h = vnep_table_next(&edge->hosts, &i));)
		if (h->state == EDGE_HOST_KNOWN && !h->route &&
			(!oldest || h->held.last.ns < oldest->held.last.ns))
			oldest = h;
	if (oldest)
		edge_neigh_close(edge, oldest); /* its place is free behind the barrier */
}

static struct edge_host_key key_of(const struct in6_addr *addr, uint16_t vlan)
{
	return (struct edge_host_key){ *addr, vlan };
}

struct edge_host *edge_neigh_add(struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan)
{
	struct edge_host *h;

	if (edge->hosts.count >= EDGE_HOSTS_MAX && !edge->hosts_closing)
		evict(edge);
	if (edge->hosts.count >= EDGE_HOSTS_MAX)
		return NULL;
	h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	h->key = key_of(addr, vlan);
	h->left = edge->uplink_missed; /* it may be the one that there was no room for */
	h->held.last = vnep_mono_now();
	vnep_acl_host_key(addr, vlan, &h->kernel);
	if (vnep_table_put(&edge->hosts, h)) {
		free(h);
		return NULL;
	}
	count(edge, h);
	return h;
}

struct edge_host *edge_neigh_find(
	struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan)
{
	struct edge_host_key key = key_of(addr, vlan);

	return vnep_table_get(&edge->hosts, &key);
}

struct edge_host *edge_neigh_host(
	struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan)
{
	struct edge_host *h = edge_neigh_find(edge, addr, vlan);

	/* those that are away because the port is will be asked at once */
	if (h || edge->hosts_asked + edge->hosts_away >= EDGE_ASKED_MAX)
		return h;
	return edge_neigh_add(edge, addr, vlan);
}

struct edge_host *edge_host_of(
	struct vnep_edge *edge, const struct vnep_vpc *vpc, const struct in6_addr *next_hop)
{
	return edge_neigh_host(edge, next_hop, vpc->core_vlan);
}

bool edge_host_ready(const struct edge_host *h)
{
	return h->state == EDGE_HOST_OPENING || h->state == EDGE_HOST_KNOWN;
}

void edge_host_want(struct vnep_edge *edge, struct edge_host *h)
{
	if (h->state == EDGE_HOST_AWAY && !h->timer.slot && !h->refused && edge_core(edge)->up)
		edge_neigh_ask(edge, h);
}

void edge_host_through(struct vnep_edge *edge, struct edge_host *h)
{
	if (h->state == EDGE_HOST_OPENING)
		to_kernel(edge, h);
	else if (h->state == EDGE_HOST_AWAY && !h->route && !h->back && !h->timer.slot)
		forget(edge, h);
}

void edge_send_core(struct vnep_edge *edge, const struct vnep_vpc *vpc,
	const struct in6_addr *next_hop, struct vnep_wall ts, uint8_t *frame, size_t len)
{
	struct edge_host *h = edge_neigh_host(edge, next_hop, vpc->core_vlan);

	edge->ledger_dirty = true;
	vnep_forward_retag(frame, &len, vpc->core_vlan);
	if (h)
		edge_hold_came(edge, &h->held);
	if (h && (h->state == EDGE_HOST_KNOWN || h->state == EDGE_HOST_OPENING)) {
		edge_host_send(edge, h, frame, len);
		return;
	}
	if (!h || !edge_queue_put(edge, h, ts, frame, len)) {
		edge_drop(edge, NULL, VNEP_NEIGHBOUR_QUEUE);
		if (h && h->state == EDGE_HOST_AWAY && !h->timer.slot && !h->uplink && !h->route &&
			!h->back)
			forget(edge, h); /* it is new, and nothing would ask for it */
		return;
	}
	edge_drop(edge, NULL,
		VNEP_NO_NEXT_HOP); /* until it is sent: a kill must not lose the count */
	if (h->state == EDGE_HOST_AWAY)
		edge_neigh_ask(edge, h);
}

/* The kernel should send there itself: somebody took the host out of its set. */
void edge_host_reopen(
	struct vnep_edge *edge, const struct vnep_vpc *vpc, const struct in6_addr *next_hop)
{
	struct edge_host_key key = key_of(next_hop, vpc->core_vlan);
	struct edge_host *h = vnep_table_get(&edge->hosts, &key);

	if (!h || h->state != EDGE_HOST_KNOWN || !h->open)
		return;
	h->open = false;
	open_host(edge, h);
}

void edge_host_heard(struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan,
	const struct vnep_mac *mac, bool weak)
{
	struct edge_host_key key = key_of(addr, vlan);
	struct edge_host *h = vnep_table_get(&edge->hosts, &key);
	bool moved = h && h->has_mac && !vnep_mac_equal(&h->mac, mac);

	if (!h || mac->octet[0] & 1 || (moved && weak))
		return; /* only of those that somebody here asked for: nobody fills our tables by talking */
	if (!edge_core(edge)->up)
		return; /* said before the link ended: it is asked when the port is back */
	h->mac = *mac;
	h->has_mac = true;
	if (h->state == EDGE_HOST_AWAY || h->state == EDGE_HOST_ASKED) {
		open_host(edge, h);
	} else if (h->state == EDGE_HOST_KNOWN) {
		if (moved)
			edge_neigh_write(edge, h);
		if (moved || h->tries)
			arm_probe(edge, h);
		h->tries = 0;
	}
}

/* ---- time ---- */

void edge_neigh_park(struct vnep_edge *edge, struct edge_host *h)
{
	edge_queue_keep(edge, h);
	edge_queue_refuse(edge, h);
	if (h->open || h->state == EDGE_HOST_KNOWN) { /* of an earlier daemon: the kernel goes on */
		edge_neigh_close(edge, h);
		return;
	}
	vnep_heap_remove(&edge->host_timers, &h->timer);
	edge_neigh_set_state(edge, h, EDGE_HOST_AWAY);
}

static void timer_due(struct vnep_edge *edge, struct edge_host *h)
{
	switch (h->state) {
	case EDGE_HOST_AWAY:
		if (edge_core(edge)->up)
			edge_neigh_ask(edge, h);
		break; /* else when it is back */
	case EDGE_HOST_KNOWN:
		if (!h->tries && !h->route && idle_ms(edge, h) >= FORGET_MS) {
			edge_neigh_close(edge, h);
			break;
		}
		/* fall through */
	case EDGE_HOST_ASKED:
		if (!edge_core(edge)->up)
			edge_neigh_park(edge, h);
		else if (h->tries >= TRIES)
			give_up(edge, h);
		else
			ask(edge, h);
		break;
	case EDGE_HOST_OPENING:
	case EDGE_HOST_CLOSING: break; /* the barrier is their clock */
	}
}

void edge_host_timers(struct vnep_edge *edge)
{
	struct vnep_mono now = vnep_mono_now();
	struct edge_host *h;

	while ((h = vnep_heap_due(&edge->host_timers, now, offsetof(struct edge_host, timer))))
		timer_due(edge, h);
}
