/* icmp6 - errors and echo replies, from the Ethernet header to the checksum. */
#include <string.h>

#include "vnep/buf.h"
#include "vnep/icmp6.h"

enum {
	ETHERTYPE_8021Q = 0x8100,
	ETHERTYPE_IP6 = 0x86dd,
	IP6_HEADER = 40,
	ICMP6_HEADER = 8,
	IP6_MIN_MTU = 1280,
	HOP_LIMIT = 64,
	INFORMATIONAL = 128, /* types below are errors (RFC 4443 2.1) */
	REDIRECT = 137,
};

struct headers {
	struct vnep_mac src_mac, dest_mac;
	struct in6_addr src, dest;
	uint16_t tci; /* 0 = untagged */
};

/* Everything before the ICMPv6 message; returns where that begins. */
static size_t put_headers(uint8_t *out, const struct headers *h, size_t icmp_len)
{
	size_t at = 12;

	memcpy(out, h->dest_mac.octet, 6);
	memcpy(out + 6, h->src_mac.octet, 6);
	if (h->tci) {
		vnep_set_be16(out + at, ETHERTYPE_8021Q);
		vnep_set_be16(out + at + 2, h->tci);
		at += 4;
	}
	vnep_set_be16(out + at, ETHERTYPE_IP6);
	at += 2;
	memset(out + at, 0, 8);
	out[at] = 0x60;
	vnep_set_be16(out + at + 4, (uint16_t)icmp_len);
	out[at + 6] = IPPROTO_ICMPV6;
	out[at + 7] = HOP_LIMIT;
	memcpy(out + at + 8, &h->src, 16);
	memcpy(out + at + 24, &h->dest, 16);
	return at + IP6_HEADER;
}

static void put_checksum(uint8_t *icmp, size_t len, const struct headers *h)
{
	vnep_set_be16(icmp + 2, 0);
	vnep_set_be16(icmp + 2, vnep_checksum6(&h->src, &h->dest, IPPROTO_ICMPV6, icmp, len));
}

size_t vnep_icmp6_error(uint8_t out[static VNEP_ICMP6_ERROR_MAX],
	const struct vnep_icmp6_error *how, const uint8_t *packet, size_t len)
{
	const struct headers h = { .src_mac = how->src_mac,
		.dest_mac = how->dest_mac,
		.src = how->src,
		.dest = how->dest,
		.tci = how->vlan };
	size_t quoted = len, at;

	if (quoted > IP6_MIN_MTU - IP6_HEADER - ICMP6_HEADER)
		quoted = IP6_MIN_MTU - IP6_HEADER - ICMP6_HEADER;
	at = put_headers(out, &h, ICMP6_HEADER + quoted);
	out[at] = (uint8_t)how->type;
	out[at + 1] = how->code;
	vnep_set_be16(out + at + 4, (uint16_t)(how->param >> 16));
	vnep_set_be16(out + at + 6, (uint16_t)how->param);
	memcpy(out + at + ICMP6_HEADER, packet, quoted);
	put_checksum(out + at, ICMP6_HEADER + quoted, &h);
	return at + ICMP6_HEADER + quoted;
}

static bool one_node(const struct in6_addr *addr)
{
	return !IN6_IS_ADDR_MULTICAST(addr) && !IN6_IS_ADDR_UNSPECIFIED(addr) &&
	       !IN6_IS_ADDR_LOOPBACK(addr);
}

bool vnep_icmp6_may_answer(
	const struct vnep_frame *f, const uint8_t *data, enum vnep_icmp6_type type)
{
	if (!one_node(&f->src) || data[6] & 1)
		return false;
	if (type != VNEP_ICMP6_TOO_BIG && IN6_IS_ADDR_MULTICAST(&f->dest))
		return false;
	return f->proto != IPPROTO_ICMPV6 ||
	       (f->l4 && f->icmp_type >= INFORMATIONAL && f->icmp_type != REDIRECT);
}

size_t vnep_icmp6_echo_reply(uint8_t *out, const struct vnep_frame *f, const uint8_t *data,
	const struct vnep_mac *our_mac)
{
	struct headers h = { .src_mac = *our_mac, .src = f->dest, .dest = f->src };
	size_t len = (size_t)(f->end - f->l4), at;

	if (f->proto != IPPROTO_ICMPV6 || !f->l4 || f->fragment || len < ICMP6_HEADER ||
		f->icmp_type != VNEP_ICMP6_ECHO_REQUEST || f->icmp_code || f->routed ||
		!one_node(&f->src) || !one_node(&f->dest) || data[6] & 1 ||
		!vnep_frame_checksum_ok(f, data))
		return 0;
	memcpy(h.dest_mac.octet, data + 6, 6);
	if (f->vlan)
		h.tci = vnep_be16(data + 14); /* with its priority */
	at = put_headers(out, &h, len);
	memcpy(out + at, data + f->l4, len);
	out[at] = VNEP_ICMP6_ECHO_REPLY;
	put_checksum(out + at, len, &h);
	return at + len;
}
