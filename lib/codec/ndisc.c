/* ndisc - neighbour discovery, read as RFC 4861 tells and no further. */
#include <string.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/ndisc.h"

enum {
	OPT_SOURCE_LLADDR = 1,
	OPT_TARGET_LLADDR = 2,
	OPT_PREFIX = 3,
	OPT_MTU = 5,
	ND_HOP_LIMIT = 255,
	ND_ROUTER_ADVERT = 134,
	CUR_HOP_LIMIT = 64, /* what nodes shall use: RFC 4861 4.2, the IANA's recommendation */
};

/* Prefix flags, RFC 4861 4.6.2. */
enum { PREFIX_ON_LINK = 0x80, PREFIX_AUTONOMOUS = 0x40 };

/* NA flags, RFC 4861 4.4. */
enum { NA_ROUTER = 0x80, NA_SOLICITED = 0x40, NA_OVERRIDE = 0x20 };

static int read_options(struct vnep_ndisc *nd, struct vnep_rd *rd)
{
	uint8_t wanted =
		nd->type == VNEP_ND_NEIGHBOUR_ADVERT ? OPT_TARGET_LLADDR : OPT_SOURCE_LLADDR;

	while (vnep_rd_left(rd)) {
		uint8_t type = vnep_rd_u8(rd), len = vnep_rd_u8(rd);
		const uint8_t *body = len ? vnep_rd_mem(rd, len * 8u - 2) : NULL;

		if (!body)
			return VNEP_ESYNTAX; /* length 0, or cut off */
		if (type == wanted && len == 1) {
			if (body[0] & 1)
				return VNEP_ESYNTAX; /* no node has a group address: it would be a fan-out */
			nd->has_lladdr = true;
			memcpy(nd->lladdr.octet, body, 6);
		}
	}
	return 0;
}

/* ff02::1:ff00:0/104 (RFC 4291 2.7.1). */
static bool is_solicited_node(const struct in6_addr *addr)
{
	struct in6_addr wanted;

	vnep_ip6_solicited_node(addr, &wanted);
	return vnep_ip6_equal(addr, &wanted);
}

/* The rules of RFC 4861 6.1.1, 7.1.1 and 7.1.2 that look at more than one field. */
static int check(const struct vnep_ndisc *nd)
{
	bool nowhere = IN6_IS_ADDR_UNSPECIFIED(&nd->src);

	if (IN6_IS_ADDR_MULTICAST(&nd->src) || IN6_IS_ADDR_MULTICAST(&nd->target))
		return VNEP_ESYNTAX;
	if (nd->type == VNEP_ND_NEIGHBOUR_ADVERT)
		return IN6_IS_ADDR_MULTICAST(&nd->dest) && nd->solicited ? VNEP_ESYNTAX : 0;
	if (nowhere && nd->has_lladdr)
		return VNEP_ESYNTAX;
	if (nowhere && nd->type == VNEP_ND_NEIGHBOUR_SOLICIT && !is_solicited_node(&nd->dest))
		return VNEP_ESYNTAX;
	return 0;
}

int vnep_ndisc_read(struct vnep_ndisc *out, const uint8_t *data, size_t len)
{
	struct vnep_ndisc nd = { 0 };
	struct vnep_frame f;
	struct vnep_rd rd;
	const uint8_t *target;
	uint32_t flags;
	int rc = vnep_frame_parse(&f, data, len);

	if (rc || f.proto != IPPROTO_ICMPV6 || !f.l4)
		return VNEP_EPROTO;
	switch (f.icmp_type) {
	case VNEP_ND_ROUTER_SOLICIT:
	case VNEP_ND_NEIGHBOUR_SOLICIT:
	case VNEP_ND_NEIGHBOUR_ADVERT: break;
	default: return VNEP_EPROTO;
	}
	if (f.hop_limit != ND_HOP_LIMIT || f.icmp_code || f.fragment || f.extended ||
		!vnep_frame_checksum_ok(&f, data))
		return VNEP_ESYNTAX;
	nd.type = f.icmp_type;
	nd.src = f.src;
	nd.dest = f.dest;
	nd.vlan = f.vlan;
	memcpy(nd.src_mac.octet, data + 6, 6);
	vnep_rd_init(&rd, data + f.l4 + 4, (size_t)(f.end - f.l4 - 4));
	flags = vnep_rd_be32(&rd);
	if (nd.type != VNEP_ND_ROUTER_SOLICIT) {
		target = vnep_rd_mem(&rd, 16);
		if (!target)
			return VNEP_ESYNTAX;
		memcpy(&nd.target, target, 16);
	}
	if (nd.type == VNEP_ND_NEIGHBOUR_ADVERT) {
		nd.solicited = flags >> 24 & NA_SOLICITED;
		nd.override = flags >> 24 & NA_OVERRIDE;
	}
	rc = rd.overrun ? VNEP_ESYNTAX : read_options(&nd, &rd);
	if (!rc)
		rc = check(&nd);
	if (!rc)
		*out = nd;
	return rc;
}

struct message {
	uint16_t vlan;
	struct vnep_mac src_mac, dest_mac;
	struct in6_addr src, dest, target;
	uint8_t type, flags;
	bool lladdr; /* with the link-layer address option of its kind */
};

/* Everything before the ICMPv6 message, which is icmp_len octets long. Returns where it begins. */
static size_t put_headers(uint8_t *out, const struct message *m, size_t icmp_len)
{
	size_t at = 12;

	memcpy(out, m->dest_mac.octet, 6);
	memcpy(out + 6, m->src_mac.octet, 6);
	if (m->vlan) {
		vnep_set_be16(out + at, 0x8100);
		vnep_set_be16(out + at + 2, m->vlan);
		at += 4;
	}
	vnep_set_be16(out + at, 0x86dd);
	at += 2;
	memset(out + at, 0, 8);
	out[at] = 0x60;
	vnep_set_be16(out + at + 4, (uint16_t)icmp_len);
	out[at + 6] = IPPROTO_ICMPV6;
	out[at + 7] = ND_HOP_LIMIT;
	memcpy(out + at + 8, &m->src, 16);
	memcpy(out + at + 24, &m->dest, 16);
	return at + 40;
}

static void put_checksum(uint8_t *icmp, const struct message *m, size_t icmp_len)
{
	vnep_set_be16(icmp + 2, vnep_checksum6(&m->src, &m->dest, IPPROTO_ICMPV6, icmp, icmp_len));
}

static void put_lladdr(uint8_t *option, uint8_t type, const struct vnep_mac *mac)
{
	option[0] = type;
	option[1] = 1;
	memcpy(option + 2, mac->octet, 6);
}

static size_t build(uint8_t *out, const struct message *m)
{
	size_t icmp_len = 24 + (m->lladdr ? 8 : 0), at = put_headers(out, m, icmp_len);
	uint8_t *icmp = out + at;

	memset(icmp, 0, 8);
	icmp[0] = m->type;
	icmp[4] = m->flags;
	memcpy(icmp + 8, &m->target, 16);
	if (m->lladdr)
		put_lladdr(icmp + 24,
			m->type == VNEP_ND_NEIGHBOUR_ADVERT ? OPT_TARGET_LLADDR : OPT_SOURCE_LLADDR,
			&m->src_mac);
	put_checksum(icmp, m, icmp_len);
	return at + icmp_len;
}

size_t vnep_ndisc_solicit(uint8_t out[static VNEP_ND_FRAME_MAX], uint16_t vlan,
	const struct vnep_mac *our_mac, const struct in6_addr *our_addr,
	const struct in6_addr *target, const struct vnep_mac *at)
{
	struct message m = { .vlan = vlan,
		.src_mac = *our_mac,
		.src = *our_addr,
		.target = *target,
		.type = VNEP_ND_NEIGHBOUR_SOLICIT,
		.lladdr = true };

	if (at) {
		m.dest = *target;
		m.dest_mac = *at;
	} else {
		vnep_ip6_solicited_node(target, &m.dest);
		vnep_ip6_multicast_mac(&m.dest, &m.dest_mac);
	}
	return build(out, &m);
}

static const struct in6_addr all_nodes = { .s6_addr = { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
						   0, 1 } };

size_t vnep_ndisc_answer(uint8_t out[static VNEP_ND_FRAME_MAX], const struct vnep_ndisc *solicit,
	const struct vnep_mac *our_mac, bool router)
{
	struct message m = { .vlan = solicit->vlan,
		.src_mac = *our_mac,
		.src = solicit->target,
		.target = solicit->target,
		.type = VNEP_ND_NEIGHBOUR_ADVERT,
		.lladdr = true };

	m.flags = NA_OVERRIDE;
	if (router)
		m.flags |= NA_ROUTER;
	if (IN6_IS_ADDR_UNSPECIFIED(&solicit->src)) { /* duplicate address detection: defend it */
		m.dest = all_nodes;
		vnep_ip6_multicast_mac(&m.dest, &m.dest_mac);
	} else {
		m.flags |= NA_SOLICITED;
		m.dest = solicit->src;
		m.dest_mac = solicit->has_lladdr ? solicit->lladdr : solicit->src_mac;
	}
	return build(out, &m);
}

size_t vnep_ndisc_announce(uint8_t out[static VNEP_ND_FRAME_MAX], uint16_t vlan,
	const struct vnep_mac *our_mac, const struct in6_addr *target)
{
	struct message m = { .vlan = vlan,
		.src_mac = *our_mac,
		.src = *target,
		.dest = all_nodes,
		.target = *target,
		.type = VNEP_ND_NEIGHBOUR_ADVERT,
		.flags = NA_OVERRIDE,
		.lladdr = true };

	vnep_ip6_multicast_mac(&m.dest, &m.dest_mac);
	return build(out, &m);
}

static void put_prefix(uint8_t option[static 32], const struct vnep_ndisc_prefix *p)
{
	memset(option, 0, 32);
	option[0] = OPT_PREFIX;
	option[1] = 4;
	option[2] = p->prefix.len;
	option[3] = PREFIX_ON_LINK | PREFIX_AUTONOMOUS;
	vnep_set_be32(option + 4, p->valid_s);
	vnep_set_be32(option + 8, p->preferred_s);
	memcpy(option + 16, &p->prefix.addr, 16);
}

size_t vnep_ndisc_router(uint8_t out[static VNEP_ND_ROUTER_MAX],
	const struct vnep_ndisc_router *router, const struct in6_addr *dest,
	const struct vnep_mac *dest_mac)
{
	struct message m = { .vlan = router->vlan,
		.src_mac = router->our_mac,
		.src = router->our_addr,
		.dest = dest ? *dest : all_nodes };
	size_t icmp_len = 16 + 8 + (router->mtu ? 8u : 0) + 32u * router->prefix_count, at;
	uint8_t *icmp, *option;

	if (dest_mac)
		m.dest_mac = *dest_mac;
	else
		vnep_ip6_multicast_mac(&m.dest, &m.dest_mac);
	at = put_headers(out, &m, icmp_len);
	icmp = out + at;
	memset(icmp, 0, 16); /* reachable and retransmission time: not said */
	icmp[0] = ND_ROUTER_ADVERT;
	icmp[4] = CUR_HOP_LIMIT;
	vnep_set_be16(icmp + 6, router->lifetime_s);
	option = icmp + 16;
	put_lladdr(option, OPT_SOURCE_LLADDR, &router->our_mac);
	option += 8;
	if (router->mtu) {
		memset(option, 0, 4);
		option[0] = OPT_MTU;
		option[1] = 1;
		vnep_set_be32(option + 4, router->mtu);
		option += 8;
	}
	for (unsigned i = 0; i < router->prefix_count; i++)
		put_prefix(option + 32 * (size_t)i, &router->prefix[i]);
	put_checksum(icmp, &m, icmp_len);
	return at + icmp_len;
}
