/* oracle-seeds - the frames that oracle.c begins with: of every device and host, to everybody, of every kind. */
#ifndef ORACLE_SEEDS_H
#define ORACLE_SEEDS_H

#include <linux/if_ether.h>

#include "oracle.h"

static struct seed *seed_new(struct oracle *o)
{
	if (o->seed_count == SEEDS) {
		fprintf(stderr, "oracle: too many seeds\n");
		exit(3);
	}
	return &o->seeds[o->seed_count++];
}

/* From, to, by way of a port, in a VLAN. */
struct path {
	unsigned port;
	struct vnep_mac src;
	uint16_t vlan;
	const struct in6_addr *from, *to;
	const struct vnep_mac *dest; /* NULL: the port's */
};

static void plain_seeds(struct oracle *o, const struct path *p)
{
	static const struct {
		uint8_t proto, type, hops;
		uint16_t port;
	} upper[] = { { IPPROTO_UDP, 0, 64, 5683 }, { IPPROTO_UDP, 0, 64, 7 },
		{ IPPROTO_TCP, 0, 64, 8001 }, { IPPROTO_ICMPV6, 128, 255, 0 },
		{ IPPROTO_NONE, 0, 2, 0 } };

	for (unsigned i = 0; i < sizeof upper / sizeof *upper; i++) {
		struct seed *s = seed_new(o);

		seed_begin(s, p->port, p->dest ? p->dest : &o->port_mac[p->port], &p->src, p->vlan);
		seed_ip6(s, upper[i].proto, upper[i].hops, p->from, p->to);
		seed_upper(s, upper[i].proto, upper[i].type, upper[i].port);
		seed_end(s, 0);
	}
}

/* Errors, echo, discovery, MLD. */
static void icmp_seeds(struct oracle *o, const struct path *p)
{
	static const uint8_t types[] = { 1, 2, 3, 4, 128, 129, 131, 133, 134, 135, 136, 137, 143 };

	for (unsigned i = 0; i < sizeof types; i++) {
		struct seed *s = seed_new(o);

		seed_begin(s, p->port, &o->port_mac[p->port], &p->src, p->vlan);
		seed_ip6(s, IPPROTO_ICMPV6, 255, p->from, p->to);
		seed_upper(s, IPPROTO_ICMPV6, types[i], 0);
		seed_end(s, 0);
	}
}

static void extended_seeds(struct oracle *o, const struct path *p)
{
	static const uint8_t uppers[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMPV6 };
	static const uint8_t firsts[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
		IPPROTO_FRAGMENT, IPPROTO_AH };

	for (unsigned i = 0; i < sizeof uppers * sizeof firsts * 3; i++) {
		uint8_t upper = uppers[i % 3], first = firsts[i / 3 % 5], next = upper;
		struct seed *s = seed_new(o);

		seed_begin(s, p->port, p->dest ? p->dest : &o->port_mac[p->port], &p->src, p->vlan);
		seed_ip6(s, i / 15 == 2 ? IPPROTO_DSTOPTS : first, 64, p->from, p->to);
		if (i / 15 == 2) /* two of them */
			seed_options(s, first, 1);
		if (first == IPPROTO_FRAGMENT)
			seed_fragment(s, next, i / 15 == 1 ? 0x0101 : 0x0001);
		else if (first == IPPROTO_AH)
			seed_auth(s, next);
		else
			seed_options(s, next, i / 15);
		seed_upper(s, upper, 128, 5683);
		seed_end(s, 0);
	}
}

/* Around the MTUs that a port may have, and a little over the widest: a link has room for a tag. */
static void long_seeds(struct oracle *o, const struct path *p)
{
	static const uint8_t uppers[] = { IPPROTO_UDP, IPPROTO_TCP };
	static const uint16_t lens[] = { 1400, 1401, 1450, 1451, 1480, 1503 };

	for (unsigned i = 0; i < sizeof uppers * sizeof lens / sizeof *lens; i++) {
		struct seed *s = seed_new(o);

		seed_begin(s, p->port, &o->port_mac[p->port], &p->src, p->vlan);
		seed_ip6(s, uppers[i % 2], 64, p->from, p->to);
		seed_upper(s, uppers[i % 2], 0, 5683);
		seed_end(s, lens[i / 2] - (s->len - s->ip));
	}
}

static void pool_addr(struct oracle *o, const struct in6_addr *addr)
{
	if (o->pools.addrs < POOL)
		o->pools.addr[o->pools.addrs++] = *addr;
}

static void pool_word(struct oracle *o, unsigned word)
{
	for (unsigned i = 0; i < o->pools.words; i++)
		if (o->pools.word[i] == word)
			return;
	if (o->pools.words < POOL)
		o->pools.word[o->pools.words++] = (uint16_t)word;
}

static void pool_mac(struct oracle *o, const struct vnep_mac *mac)
{
	if (o->pools.macs < POOL)
		o->pools.mac[o->pools.macs++] = *mac;
}

static void fill_pools(struct oracle *o)
{
	static const uint16_t words[] = { 0x0800, 0x86dd, 0x8100, 0x88a8, ETH_P_ARP, 0x05dc, 0x0600,
		5682, 5683, 5684, 8000, 8001, 8002, 8003, 900, 901, 902, 0x1000 };
	static const char *const addrs[] = { "::", "::1", "fe80::1", "ff02::1", "ff02::2",
		"ff02::1:ff00:70", "2001:db8:b::99", "2001:db8:ffff::1", "::ffff:192.0.2.1",
		"2001:db8:c:1::9", "2001:db8:f:1::9" };
	static const struct vnep_mac groups[] = { { { 0x33, 0x33, 0, 0, 0, 1 } },
		{ { 255, 255, 255, 255, 255, 255 } }, { { 0, 0, 0x5e, 0, 0x53, 0xee } } };
	struct in6_addr addr;

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		pool_word(o, words[i]);
	for (unsigned i = 0; i < sizeof addrs / sizeof *addrs; i++)
		if (!vnep_ip6_parse(addrs[i], &addr, NULL))
			pool_addr(o, &addr);
	for (unsigned i = 0; i < sizeof groups / sizeof *groups; i++)
		pool_mac(o, &groups[i]);
	for (unsigned i = 0; i < PORTS; i++)
		pool_mac(o, &o->port_mac[i]);
	for (unsigned i = 0; i < o->groups; i++) {
		struct vnep_mac mac;

		vnep_ip6_multicast_mac(&o->group[i], &mac);
		pool_addr(o, &o->group[i]);
		pool_mac(o, &mac);
	}
	for (unsigned i = 0; i < o->neighbours; i++) {
		pool_addr(o, &o->neighbour[i].addr);
		pool_mac(o, &o->neighbour[i].mac);
	}
	for (unsigned i = 0; i < o->devices; i++) {
		pool_word(o, o->device[i].vlan);
		pool_word(o, o->device[i].vlan | 0xe000u);
		for (unsigned k = 0; k < o->device[i].addr_count; k++)
			pool_addr(o, &o->device[i].addr[k]);
	}
}

static uint16_t core_vlan(const struct oracle *o, const struct in6_addr *vep)
{
	for (unsigned i = 0; i < o->vpcs; i++)
		if (vnep_prefix_has(&o->prefix[i], vep))
			return o->core_vlan[i];
	return 0;
}

static void rare_seeds(struct oracle *o, const struct path *p)
{
	icmp_seeds(o, p);
	extended_seeds(o, p);
	long_seeds(o, p);
}

/* To a device, from each host of the core. */
static void to_device_seeds(struct oracle *o, const struct vnep_device *d)
{
	struct path p = { 2, { { 0 } }, core_vlan(o, &d->vep), NULL, &d->vep, NULL };

	for (unsigned i = 0; i < o->neighbours; i++) {
		const struct neighbour *n = &o->neighbour[i];

		if (!is_core(n))
			continue;
		p.src = n->mac;
		p.from = &n->addr;
		p.to = &d->vep;
		plain_seeds(o, &p);
		if (d->form == VNEP_FORM_HOST) {
			p.from = &d->vep;
			p.to = d->addr;
			plain_seeds(o, &p);
		}
		if (vnep_prefix_has(&o->prefix[0], &n->addr) || i + 1 == o->neighbours)
			rare_seeds(o, &p);
	}
}

/* Of each device to whatever there is, and of the hosts of the core to it. */
static void device_seeds(struct oracle *o, const struct vnep_device *d)
{
	unsigned port = strcmp(d->port, "acc1") ? 0 : 1;
	struct path p = { port, d->mac, d->vlan, d->addr_count ? d->addr : &d->vep, NULL, NULL };

	for (unsigned i = 0; i < o->pools.addrs; i++) {
		p.to = &o->pools.addr[i];
		plain_seeds(o, &p);
	}
	for (unsigned i = 0; i < o->neighbours; i++) {
		const struct in6_addr *to = &o->neighbour[i].addr;

		p.to = to;
		if (is_core(&o->neighbour[i]) && core_vlan(o, to) == core_vlan(o, &d->vep) &&
			(to->s6_addr[15] == 2 || vnep_ip6_equal(to, &d->vep)))
			rare_seeds(o, &p);
	}
	to_device_seeds(o, d);
}

/* To a group, from every host of the core and every device. */
static inline void group_seeds(struct oracle *o, const struct in6_addr *group)
{
	struct vnep_mac mac;
	struct path p = { .to = group, .dest = &mac };

	vnep_ip6_multicast_mac(group, &mac);
	for (unsigned i = 0; i < o->neighbours; i++) {
		const struct neighbour *n = &o->neighbour[i];

		p.port = is_core(n) ? 2 : !strcmp(n->port, "acc1");
		p.vlan = core_vlan(o, &n->addr);
		p.src = n->mac;
		p.from = &n->addr;
		plain_seeds(o, &p);
		if (is_core(n))
			extended_seeds(o, &p);
	}
	for (unsigned i = 0; i < o->devices; i++) {
		const struct vnep_device *d = &o->device[i];

		p.port = !strcmp(d->port, "acc1");
		p.vlan = d->vlan;
		p.src = d->mac;
		p.from = d->addr_count ? d->addr : &d->vep;
		plain_seeds(o, &p);
	}
}

static void router_seeds(struct oracle *o)
{
	struct in6_addr router;

	if (vnep_ip6_parse("fe80::1", &router, NULL))
		return;
	for (unsigned i = 0; i < o->devices; i++) {
		struct path p = { strcmp(o->device[i].port, "acc1") ? 0 : 1, o->device[i].mac,
			o->device[i].vlan, &o->device[i].vep, &router, NULL };

		icmp_seeds(o, &p);
	}
}

#endif
