/*
 * frame - where the parts of an Ethernet/IPv6 frame are, and how to rewrite them.
 *
 * All reads are bounded by the frame's length *and* by the payload length of the IPv6 header: octets behind
 * it are Ethernet padding and belong to nobody.
 */
#include <string.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/frame.h"

enum {
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_8021Q = 0x8100,
	IP6_HEADER = 40,
	EXTENSIONS_MAX = 8, /* RFC 8504 5.3 lets a host stop at 8 */
};

static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_DSTOPTS || proto == IPPROTO_AH;
}

/* Walk the chain from at; leaves l4 = 0 for non-first fragments. */
static int walk_extensions(struct vnep_frame *f, const uint8_t *data, size_t at, uint8_t next)
{
	for (unsigned n = 0; is_extension(next); n++) {
		size_t len;

		if (n == EXTENSIONS_MAX)
			return VNEP_EPROTO;
		if (at + 8 > f->end)
			return VNEP_ESHORT;
		f->extended = true;
		if (next == IPPROTO_FRAGMENT) {
			uint16_t offset = vnep_be16(data + at + 2);

			len = 8;
			f->fragment =
				f->fragment || offset & 0xfff9; /* an atomic fragment is none */
			if (offset & 0xfff8) {
				f->proto = data[at];
				f->l4 = 0;
				return 0;
			}
		} else if (next == IPPROTO_AH) {
			len = (data[at + 1] + 2u) * 4;
			f->auth = true;
		} else {
			len = (data[at + 1] + 1u) * 8;
			if (next == IPPROTO_ROUTING && data[at + 3])
				f->routed = true;
		}
		next = data[at];
		at += len;
		if (at > f->end)
			return VNEP_ESHORT;
	}
	f->proto = next;
	f->l4 = (uint16_t)at;
	return 0;
}

static int read_l4(struct vnep_frame *f, const uint8_t *data)
{
	const uint8_t *p = data + f->l4;
	size_t left = (size_t)(f->end - f->l4), need;

	if (!f->l4)
		return 0;
	switch (f->proto) {
	case IPPROTO_TCP: need = 20; break;
	case IPPROTO_UDP: need = 8; break;
	case IPPROTO_ICMPV6: need = 4; break;
	default: return 0;
	}
	if (left < need)
		return VNEP_ESHORT;
	if (f->proto == IPPROTO_ICMPV6) {
		f->icmp_type = p[0];
		f->icmp_code = p[1];
	} else {
		f->src_port = vnep_be16(p);
		f->dest_port = vnep_be16(p + 2);
	}
	return 0;
}

int vnep_frame_parse(struct vnep_frame *out, const uint8_t *data, size_t len)
{
	struct vnep_frame f = { 0 };
	uint16_t type;
	size_t at = 14, end;
	int rc;

	if (len < 14)
		return VNEP_ESHORT;
	if (len > UINT16_MAX)
		return VNEP_EPROTO;
	type = vnep_be16(data + 12);
	if (type == ETHERTYPE_8021Q) {
		if (len < 18)
			return VNEP_ESHORT;
		f.vlan = vnep_be16(data + 14) & 0xfff;
		type = vnep_be16(data + 16);
		at = 18;
	}
	if (type != ETHERTYPE_IP6)
		return VNEP_EPROTO;
	if (len < at + IP6_HEADER)
		return VNEP_ESHORT;
	if (data[at] >> 4 != 6)
		return VNEP_EPROTO;
	end = at + IP6_HEADER + vnep_be16(data + at + 4);
	if (end > len)
		return VNEP_ESHORT;
	f.l3 = (uint16_t)at;
	f.end = (uint16_t)end;
	f.hop_limit = data[at + 7];
	memcpy(&f.src, data + at + 8, 16);
	memcpy(&f.dest, data + at + 24, 16);
	rc = walk_extensions(&f, data, at + IP6_HEADER, data[at + 6]);
	if (!rc)
		rc = read_l4(&f, data);
	if (!rc)
		*out = f;
	return rc;
}

static uint64_t sum16(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += vnep_be16(data + i);
	return i < len ? sum + ((uint64_t)data[i] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t pseudo_sum(
	const struct in6_addr *src, const struct in6_addr *dest, uint8_t proto, size_t len)
{
	return sum16(src->s6_addr, 16) + sum16(dest->s6_addr, 16) + (len >> 16) + (len & 0xffff) +
	       proto;
}

uint16_t vnep_checksum6(const struct in6_addr *src, const struct in6_addr *dest, uint8_t proto,
	const uint8_t *data, size_t len)
{
	return (uint16_t)~fold(pseudo_sum(src, dest, proto, len) + sum16(data, len));
}

/* What the checksum covers: UDP says its own length (RFC 8200 8.1); 0 if that cannot be. */
static size_t covered(const struct vnep_frame *f, const uint8_t *data)
{
	size_t len = (size_t)(f->end - f->l4), udp;

	if (f->proto != IPPROTO_UDP)
		return len;
	udp = vnep_be16(data + f->l4 + 4);
	return udp >= 8 && udp <= len ? udp : 0;
}

/* Offset of the checksum field, 0 where the packet has none that we know or is not whole. */
static size_t checksum_at(const struct vnep_frame *f)
{
	size_t field;

	if (!f->l4 || f->fragment)
		return 0;
	switch (f->proto) {
	case IPPROTO_TCP: field = 16; break;
	case IPPROTO_UDP: field = 6; break;
	case IPPROTO_ICMPV6: field = 2; break;
	default: return 0;
	}
	return f->l4 + field;
}

bool vnep_frame_checksum_ok(const struct vnep_frame *f, const uint8_t *data)
{
	size_t at = checksum_at(f), len;

	if (!at || f->routed)
		return true;
	len = covered(f, data);
	if (!len || (f->proto == IPPROTO_UDP && !vnep_be16(data + at)))
		return false; /* RFC 8200 8.1: zero is not allowed over IPv6 */
	return fold(pseudo_sum(&f->src, &f->dest, f->proto, len) + sum16(data + f->l4, len)) ==
	       0xffff;
}

void vnep_frame_checksum_set(const struct vnep_frame *f, uint8_t *data)
{
	size_t at = checksum_at(f), len;
	uint16_t sum;

	if (!at || f->routed)
		return;
	len = covered(f, data);
	if (!len)
		return;
	vnep_set_be16(data + at, 0);
	sum = vnep_checksum6(&f->src, &f->dest, f->proto, data + f->l4, len);
	vnep_set_be16(data + at, sum || f->proto != IPPROTO_UDP ? sum : 0xffff);
}

/*
 * RFC 1624: HC' = ~(~HC + ~m + m'). First fragments carry the checksum of the whole: it follows too. A UDP
 * checksum of zero says "none" and goes on saying it, as in the kernel's rules.
 */
static void set_addr(struct vnep_frame *f, uint8_t *data, size_t offset,
	const struct in6_addr *addr, struct in6_addr *copy, bool in_sum)
{
	struct vnep_frame whole = *f;
	uint8_t *p = data + f->l3 + offset;
	size_t at;

	whole.fragment = false;
	at = in_sum ? checksum_at(&whole) : 0;
	if (at && at + 2 <= f->end && (f->proto != IPPROTO_UDP || vnep_be16(data + at))) {
		uint64_t sum = (uint16_t)~vnep_be16(data + at);
		uint16_t new;

		for (unsigned i = 0; i < 16; i += 2)
			sum += (uint16_t)~vnep_be16(p + i) + (uint64_t)vnep_be16(addr->s6_addr + i);
		new = (uint16_t)~fold(sum);
		vnep_set_be16(data + at, new || f->proto != IPPROTO_UDP ? new : 0xffff);
	}
	memcpy(p, addr, 16);
	*copy = *addr;
}

void vnep_frame_set_src(struct vnep_frame *frame, uint8_t *data, const struct in6_addr *addr)
{
	set_addr(frame, data, 8, addr, &frame->src, true);
}

void vnep_frame_set_dest(struct vnep_frame *frame, uint8_t *data, const struct in6_addr *addr)
{
	set_addr(frame, data, 24, addr, &frame->dest, !frame->routed);
}

bool vnep_frame_hop(struct vnep_frame *frame, uint8_t *data)
{
	if (frame->hop_limit <= 1)
		return false;
	data[frame->l3 + 7] = --frame->hop_limit;
	return true;
}

void vnep_frame_set_macs(uint8_t *data, const struct vnep_mac *dest, const struct vnep_mac *src)
{
	memcpy(data, dest->octet, 6);
	memcpy(data + 6, src->octet, 6);
}
