/*
 * edge-ra - router advertisements on the access ports where they are configured: RFC 4861 6.2.
 *
 * One struct edge_ra a port and VLAN. Who solicits with an address of its own is answered alone (RFC 7772 4: a
 * multicast would wake all the others); who has none yet, or is one of too many, is answered by a multicast to all.
 * Multicasts keep three seconds between them, whatever asks for them. Everything that is due stands in one heap.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "edge-priv.h"

/* RFC 4861 10. */
enum {
	INITIAL_COUNT = 3,
	INITIAL_MAX_MS = 16000,
	DELAY_MAX_MS = 500,
	APART_MS = 3000,
	ASKERS = 16,
};

struct edge_ra {
	struct vnep_heap_node due; /* the nearest of next and asker[].at */
	struct edge_port *port;
	struct vnep_ndisc_router says; /* MAC and MTU are the port's, read when it is sent */
	uint32_t mtu, interval_s;      /* mtu 0 = the port's */
	struct vnep_mono next, last;   /* multicasts; last 0 = none so far */
	unsigned initial;              /* of the first three, which come quickly */
	struct asker {
		struct in6_addr addr;
		struct vnep_mac mac;
		struct vnep_mono at;
	} asker[ASKERS];
	unsigned asker_count;
};

/* A random time from 0 to max_ms. */
static int64_t random_ns(int64_t max_ms)
{
	uint64_t r = 0;

	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != sizeof r)
		r = (uint64_t)vnep_mono_now().ns; /* early in boot: any spread will do */
	return (int64_t)(r % (uint64_t)(max_ms * 1000000 + 1));
}

static void arm(struct vnep_edge *edge, struct edge_ra *ra)
{
	struct vnep_mono at = ra->next;

	for (unsigned i = 0; i < ra->asker_count; i++)
		if (ra->asker[i].at.ns < at.ns)
			at = ra->asker[i].at;
	if (vnep_heap_set(&edge->adverts, &ra->due, at))
		edge_say(edge, LOG_ERR, "advertise: no memory for a timer");
}

/* No sooner than delay from now, and three seconds and delay after the last one (6.2.6). */
static void multicast_soon(struct edge_ra *ra, struct vnep_mono now)
{
	int64_t delay = random_ns(DELAY_MAX_MS), at = now.ns + delay;

	if (ra->last.ns && ra->last.ns + APART_MS * 1000000LL + delay > at)
		at = ra->last.ns + APART_MS * 1000000LL + delay;
	ra->next.ns = at;
}

/* dest NULL: to all nodes. */
static void tell(struct vnep_edge *edge, struct edge_ra *ra, uint16_t lifetime_s,
	const struct in6_addr *dest, const struct vnep_mac *mac)
{
	struct vnep_ndisc_router says = ra->says;
	uint8_t out[VNEP_ND_ROUTER_MAX];

	if (!ra->port->up)
		return; /* all hear of us when it comes up */
	says.our_mac = ra->port->mac;
	says.lifetime_s = lifetime_s;
	says.mtu = ra->mtu && ra->mtu < ra->port->mtu ? ra->mtu : ra->port->mtu;
	edge_send(edge, ra->port, out, vnep_ndisc_router(out, &says, dest, mac));
}

/* The next one comes after a random time between a third of the interval and the interval (6.2.1, 6.2.4). */
static void multicast(struct vnep_edge *edge, struct edge_ra *ra, struct vnep_mono now)
{
	int64_t max_ms = ra->interval_s * 1000LL, min_ms = max_ms * 33 / 100, wait;

	if (min_ms < APART_MS)
		min_ms = APART_MS;
	wait = min_ms * 1000000 + random_ns(max_ms - min_ms);
	if (ra->initial < INITIAL_COUNT && ++ra->initial < INITIAL_COUNT &&
		wait > INITIAL_MAX_MS * 1000000LL)
		wait = INITIAL_MAX_MS * 1000000LL;
	tell(edge, ra, ra->says.lifetime_s, NULL, NULL);
	ra->asker_count = 0; /* answered with all the others */
	if (ra->port->up)
		ra->last = now;
	ra->next.ns = now.ns + wait;
}

static void answer(struct vnep_edge *edge, struct edge_ra *ra, struct vnep_mono now)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < ra->asker_count; i++) {
		const struct asker *a = &ra->asker[i];

		if (a->at.ns <= now.ns)
			tell(edge, ra, ra->says.lifetime_s, &a->addr, &a->mac);
		else
			ra->asker[kept++] = *a;
	}
	ra->asker_count = kept;
}

void edge_ra_due(struct vnep_edge *edge)
{
	struct vnep_mono now = vnep_mono_now();
	struct vnep_heap_node *node;

	while ((node = vnep_heap_first(&edge->adverts)) && node->at.ns <= now.ns) {
		struct edge_ra *ra = (void *)((char *)node - offsetof(struct edge_ra, due));

		if (ra->next.ns <= now.ns)
			multicast(edge, ra, now);
		else
			answer(edge, ra, now);
		arm(edge, ra);
	}
}

static struct edge_ra *find(struct vnep_edge *edge, const struct edge_port *port, uint16_t vlan)
{
	for (unsigned i = 0; i < edge->ra_count; i++)
		if (edge->ras[i].port == port && edge->ras[i].says.vlan == vlan)
			return &edge->ras[i];
	return NULL;
}

/* False: there is no room for one more, or nobody to answer alone. */
static bool remember(struct edge_ra *ra, const struct vnep_ndisc *nd, struct vnep_mono at)
{
	struct vnep_mac mac = nd->has_lladdr ? nd->lladdr : nd->src_mac;

	if (IN6_IS_ADDR_UNSPECIFIED(&nd->src) || mac.octet[0] & 1)
		return false;
	for (unsigned i = 0; i < ra->asker_count; i++)
		if (vnep_ip6_equal(&ra->asker[i].addr, &nd->src))
			return true; /* it repeats itself: one answer is on its way */
	if (ra->asker_count == ASKERS)
		return false;
	ra->asker[ra->asker_count++] = (struct asker){ nd->src, mac, at };
	return true;
}

void edge_ra_solicited(
	struct vnep_edge *edge, const struct edge_port *port, const struct vnep_ndisc *nd)
{
	struct edge_ra *ra = find(edge, port, nd->vlan);
	struct vnep_mono now = vnep_mono_now(), at = { now.ns + random_ns(DELAY_MAX_MS) };
	struct vnep_mono planned;

	if (!ra || ra->next.ns <= at.ns)
		return; /* the one that is planned anyway is the answer */
	planned = ra->next;
	if (!remember(ra, nd, at)) {
		multicast_soon(ra, now);
		if (planned.ns < ra->next.ns)
			ra->next = planned;
	}
	arm(edge, ra);
}

void edge_ra_port_up(struct vnep_edge *edge, const struct edge_port *port)
{
	for (unsigned i = 0; i < edge->ra_count; i++) {
		struct edge_ra *ra = &edge->ras[i];

		if (ra->port != port)
			continue;
		ra->initial = ra->asker_count = 0;
		multicast_soon(ra, vnep_mono_now());
		arm(edge, ra);
	}
}

/* 6.2.5: whoever listens looks for another router. The three seconds between multicasts do not hold us up: this is
 * the last one. */
void edge_ra_withdraw(struct vnep_edge *edge)
{
	for (unsigned i = 0; i < edge->ra_count; i++)
		tell(edge, &edge->ras[i], 0, NULL, NULL);
}

/* A device with such an address is turned away, unless it is its own endpoint. */
void edge_ra_look_at_vpcs(struct vnep_edge *edge)
{
	for (unsigned i = 0; i < edge->config.advertise_count; i++) {
		const struct vnep_advertise *a = &edge->config.advertise[i];
		char prefix[VNEP_PREFIX_LEN];

		vnep_prefix_print(&a->prefix, prefix);
		for (size_t v = 0; v < edge->vpc_count; v++)
			if (vnep_prefix_covers(&edge->vpcs[v].prefix, &a->prefix) ||
				vnep_prefix_covers(&a->prefix, &edge->vpcs[v].prefix))
				edge_say(edge, LOG_WARNING,
					"advertise: %s on %s is also of vpc %s: devices with an "
					"address in it are not let in",
					prefix, a->port, edge->vpcs[v].vpc);
	}
}

static int add(struct vnep_edge *edge, const struct vnep_advertise *a, struct vnep_err *err)
{
	struct edge_port *port = edge_port_by_name(edge, a->port);
	struct edge_ra *ra = find(edge, port, (uint16_t)a->vlan);
	int rc = vnep_edge_advertise_fits(&edge->config, a, port->mtu, err);

	if (rc)
		return rc;
	if (!ra) {
		ra = &edge->ras[edge->ra_count++];
		*ra = (struct edge_ra){ .port = port,
			.mtu = a->mtu,
			.interval_s = a->interval_s,
			.says = { .vlan = (uint16_t)a->vlan,
				.our_addr = edge_router_address,
				.lifetime_s = (uint16_t)a->lifetime_s } };
		multicast_soon(ra, vnep_mono_now());
		arm(edge, ra);
	}
	ra->says.prefix[ra->says.prefix_count++] = (struct vnep_ndisc_prefix){
		.prefix = a->prefix, .valid_s = a->valid_s, .preferred_s = a->preferred_s
	};
	return 0;
}

int edge_ra_open(struct vnep_edge *edge, struct vnep_err *err)
{
	const struct vnep_edge_config *c = &edge->config;
	int rc = 0;

	if (!c->advertise_count)
		return 0;
	edge->ras = calloc(c->advertise_count, sizeof *edge->ras);
	if (!edge->ras)
		return vnep_err_sys(err, ENOMEM, "advertise");
	for (unsigned i = 0; i < c->advertise_count && !rc; i++)
		rc = add(edge, &c->advertise[i], err);
	return rc;
}

static bool has_prefix(const struct vnep_ndisc_router *says, const struct vnep_prefix *prefix)
{
	for (unsigned i = 0; i < says->prefix_count; i++)
		if (vnep_ip6_equal(&says->prefix[i].prefix.addr, &prefix->addr))
			return true;
	return false;
}

/* Who was there before and is not any more says so: a router by a lifetime of 0, a prefix by a preferred one of 0
 * (nobody takes a new address from it, RFC 4861 6.2.5 and 12). */
static void farewell(struct vnep_edge *edge, struct edge_ra *was)
{
	struct edge_ra *now = find(edge, was->port, was->says.vlan);
	unsigned gone = 0;

	for (unsigned i = 0; i < was->says.prefix_count; i++) {
		struct vnep_ndisc_prefix p = was->says.prefix[i];

		if (now && has_prefix(&now->says, &p.prefix))
			continue;
		p.preferred_s = 0;
		was->says.prefix[gone++] = p;
	}
	was->says.prefix_count = gone;
	if (!now || gone) {
		tell(edge, was, now ? now->says.lifetime_s : 0, NULL, NULL);
		was->last = vnep_mono_now();
	}
	if (!now)
		return;
	now->last = was->last;
	multicast_soon(now, vnep_mono_now());
	arm(edge, now);
}

int edge_ra_again(struct vnep_edge *edge, struct vnep_err *err)
{
	struct edge_ra *was = edge->ras;
	unsigned count = edge->ra_count;
	int rc;

	vnep_heap_release(&edge->adverts);
	edge->ras = NULL;
	edge->ra_count = 0;
	rc = edge_ra_open(edge, err);
	for (unsigned i = 0; i < count; i++)
		farewell(edge, &was[i]);
	free(was);
	edge_ra_look_at_vpcs(edge);
	return rc;
}

void edge_ra_release(struct vnep_edge *edge)
{
	vnep_heap_release(&edge->adverts);
	free(edge->ras);
	edge->ras = NULL;
	edge->ra_count = 0;
}
