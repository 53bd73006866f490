/* frame: where the parts are, and that a rewritten address keeps right checksums right and wrong ones wrong. */
#include <arpa/inet.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/frame.h"
#include "t.h"

static struct in6_addr ip(const char *text)
{
	struct in6_addr addr;

	CHECK_INT(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

enum { HOP = 0, ROUTING = 43, FRAGMENT = 44, AH = 51, NONE = 59, DSTOPTS = 60, MAX = 2048 };

/* What a frame is made of: one 802.1Q tag (0 = none), extension headers in order, an upper layer. */
struct recipe {
	uint16_t vlan;
	uint8_t extensions[10];
	unsigned extension_count;
	uint8_t proto;
	size_t payload;    /* octets behind the upper-layer header */
	size_t padding;    /* octets behind the packet */
	uint16_t fragment; /* the field of the fragment header: offset and M */
	uint8_t segments_left;
};

static size_t header_len(uint8_t proto)
{
	return proto == IPPROTO_TCP      ? 20
	       : proto == IPPROTO_UDP    ? 8
	       : proto == IPPROTO_ICMPV6 ? 8
					 : 0;
}

static size_t sum_offset(uint8_t proto)
{
	return proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : 2;
}

static size_t put_extension(uint8_t *at, uint8_t type, uint8_t next, const struct recipe *r)
{
	size_t len = type == FRAGMENT ? 8 : type == AH ? 24 : type == ROUTING ? 24 : 16;

	memset(at, 0, len);
	at[0] = next;
	if (type == FRAGMENT) {
		vnep_set_be16(at + 2, r->fragment);
		at[7] = 9; /* identification */
	} else if (type == AH) {
		at[1] = 4; /* words less two */
	} else {
		at[1] = (uint8_t)(len / 8 - 1);
		if (type == ROUTING)
			at[3] = r->segments_left;
		else
			at[2] = 1, at[3] = (uint8_t)(len - 4); /* PadN */
	}
	return len;
}

/* An honest sum, a bit at a time and nothing shared with the code it judges. Zero is right. */
static uint16_t naive(const struct in6_addr *src, const struct in6_addr *dest, uint8_t proto,
	const uint8_t *data, size_t len)
{
	uint8_t all[MAX + 64];
	uint32_t sum = 0;

	memset(all, 0, sizeof all);
	memcpy(all, src, 16);
	memcpy(all + 16, dest, 16);
	all[34] = (uint8_t)(len >> 8);
	all[35] = (uint8_t)len;
	all[39] = proto;
	memcpy(all + 40, data, len);
	for (size_t i = 0; i < 40 + len; i += 2) {
		sum += (uint32_t)(all[i] << 8) + all[i + 1];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)(sum == 0xffff ? 0 : sum);
}

/* The frame with a right checksum; the offset of its upper layer in *l4. */
static size_t make(uint8_t out[MAX], const struct recipe *r, size_t *l4)
{
	struct in6_addr src = ip("2001:db8:a::2"), dest = ip("2001:db8:b::77");
	size_t at = 12, l3, len = header_len(r->proto) + r->payload;

	memset(out, 0xee, MAX);
	if (r->vlan) {
		vnep_set_be16(out + at, 0x8100);
		vnep_set_be16(out + at + 2, r->vlan);
		at += 4;
	}
	vnep_set_be16(out + at, 0x86dd);
	l3 = at += 2;
	memset(out + l3, 0, 40);
	out[l3] = 0x60;
	out[l3 + 6] = r->extension_count ? r->extensions[0] : r->proto;
	out[l3 + 7] = 64;
	memcpy(out + l3 + 8, &src, 16);
	memcpy(out + l3 + 24, &dest, 16);
	at += 40;
	for (unsigned i = 0; i < r->extension_count; i++)
		at += put_extension(out + at, r->extensions[i],
			i + 1 < r->extension_count ? r->extensions[i + 1] : r->proto, r);
	*l4 = at;
	for (size_t i = 0; i < len; i++)
		out[at + i] = (uint8_t)(i * 37 + 11);
	if (r->proto == IPPROTO_UDP)
		vnep_set_be16(out + at + 4, (uint16_t)len);
	if (header_len(r->proto)) {
		vnep_set_be16(out + at + sum_offset(r->proto), 0);
		vnep_set_be16(out + at + sum_offset(r->proto),
			(uint16_t)~naive(&src, &dest, r->proto, out + at, len));
	}
	vnep_set_be16(out + l3 + 4, (uint16_t)(at + len - l3 - 40));
	return at + len + r->padding;
}

static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMPV6 };

/* A copy with nothing behind it: the sanitizer sees each octet too far. */
static uint8_t *exact(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	return copy;
}

TEST("frame: an untagged datagram and a tagged one are read to their ports")
{
	struct recipe r = { .proto = IPPROTO_UDP, .payload = 5 };
	uint8_t data[MAX];
	struct vnep_frame f;
	size_t l4, len = make(data, &r, &l4);

	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK_INT(f.vlan, 0);
	CHECK_INT(f.l3, 14);
	CHECK_INT(f.l4, 54);
	CHECK_INT(f.end, len);
	CHECK_INT(f.proto, IPPROTO_UDP);
	CHECK_INT(f.hop_limit, 64);
	CHECK_INT(f.src_port, vnep_be16(data + 54));
	CHECK_INT(f.dest_port, vnep_be16(data + 56));
	CHECK(!f.fragment && !f.extended && !f.routed);
	r.vlan = 0xe065; /* priority 7, VLAN 101 */
	len = make(data, &r, &l4);
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK_INT(f.vlan, 101);
	CHECK_INT(f.l3, 18);
	CHECK_INT(f.l4, 58);
}

TEST("frame: two tags, a provider tag, IPv4 and a version that is not 6 are not read")
{
	struct recipe r = { .vlan = 101, .proto = IPPROTO_UDP, .payload = 5 };
	uint8_t data[MAX];
	struct vnep_frame f = { .vlan = 77 };
	size_t l4, len = make(data, &r, &l4);

	memmove(data + 16, data + 12, len - 12);
	CHECK_INT(vnep_frame_parse(&f, data, len + 4), VNEP_EPROTO);
	len = make(data, &r, &l4);
	vnep_set_be16(data + 12, 0x88a8);
	CHECK_INT(vnep_frame_parse(&f, data, len), VNEP_EPROTO);
	r.vlan = 0;
	len = make(data, &r, &l4);
	vnep_set_be16(data + 12, 0x0800);
	CHECK_INT(vnep_frame_parse(&f, data, len), VNEP_EPROTO);
	len = make(data, &r, &l4);
	data[14] = 0x45;
	CHECK_INT(vnep_frame_parse(&f, data, len), VNEP_EPROTO);
	CHECK_INT(f.vlan, 77); /* written only on success */
}

TEST("frame: padding behind the payload belongs to nobody")
{
	for (unsigned i = 0; i < 3; i++) {
		struct recipe r = { .proto = protos[i], .payload = 3, .padding = 46 };
		uint8_t data[MAX];
		struct vnep_frame f;
		size_t l4, len = make(data, &r, &l4);

		CHECK_INT(vnep_frame_parse(&f, data, len), 0);
		CHECK_INT(f.end, len - 46);
		CHECK(vnep_frame_checksum_ok(&f, data));
		data[len - 1] ^= 0xff;
		CHECK(vnep_frame_checksum_ok(&f, data));
		data[f.end - 1] ^= 0xff;
		CHECK(!vnep_frame_checksum_ok(&f, data));
	}
}

TEST("frame: cut off at any length is short, and nothing behind the end is touched")
{
	static const struct recipe recipes[] = {
		{ .proto = IPPROTO_UDP, .payload = 9 },
		{ .proto = IPPROTO_TCP, .payload = 1, .vlan = 101 },
		{ .proto = IPPROTO_ICMPV6,
			.payload = 4,
			.extensions = { HOP, ROUTING, DSTOPTS },
			.extension_count = 3 },
		{ .proto = IPPROTO_UDP,
			.payload = 2,
			.extensions = { HOP, FRAGMENT, DSTOPTS },
			.extension_count = 3 },
	};

	for (unsigned i = 0; i < sizeof recipes / sizeof *recipes; i++) {
		uint8_t data[MAX], *copy;
		struct vnep_frame f;
		size_t l4, len = make(data, &recipes[i], &l4), l3 = recipes[i].vlan ? 18 : 14;

		for (size_t n = 0; n < len; n++) {
			copy = exact(data, n);
			CHECK_INT(vnep_frame_parse(&f, copy, n), VNEP_ESHORT);
			free(copy);
		}
		/* the same cut, said by the payload length as well */
		for (size_t n = l3 + 40; n < len; n++) {
			copy = exact(data, n);
			vnep_set_be16(copy + l3 + 4, (uint16_t)(n - l3 - 40));
			if (!vnep_frame_parse(&f, copy, n)) {
				CHECK(n >= l4 + (f.proto == IPPROTO_ICMPV6 ? 4u
									   : header_len(f.proto)));
				vnep_frame_checksum_ok(&f, copy);
				vnep_frame_checksum_set(&f, copy);
				vnep_frame_set_src(&f, copy, &f.dest);
			}
			free(copy);
		}
	}
}

TEST("frame: the sum agrees with a naive one at every length, odd ones too")
{
	struct in6_addr src = ip("2001:db8::1"),
			dest = ip("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
	uint8_t data[300];

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(255 - i * 7);
	for (size_t len = 0; len <= sizeof data; len++)
		CHECK_INT((uint16_t)~vnep_checksum6(&src, &dest, 17, data, len) % 0xffff,
			naive(&src, &dest, 17, data, len));
}

/* Rewrite both addresses of what r makes and judge it with the naive sum. */
static void check_rewrite(const struct recipe *r)
{
	struct in6_addr src = ip("2001:db8:c:0:ffff::9"), dest = ip("fe80::1:2:3");
	uint8_t data[MAX], before[MAX];
	struct vnep_frame f;
	size_t l4, len = make(data, r, &l4), end = len - r->padding;

	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK_INT(f.l4, l4);
	CHECK(vnep_frame_checksum_ok(&f, data));
	memcpy(before, data, len);
	vnep_frame_set_src(&f, data, &src);
	vnep_frame_set_dest(&f, data, &dest);
	CHECK(!memcmp(data + f.l3 + 8, &src, 16) && !memcmp(data + f.l3 + 24, &dest, 16));
	CHECK(vnep_ip6_equal(&f.src, &src) && vnep_ip6_equal(&f.dest, &dest));
	CHECK(vnep_frame_checksum_ok(&f, data));
	CHECK_INT(naive(&src, &dest, r->proto, data + l4, end - l4), 0);
	memcpy(before + f.l3 + 8, data + f.l3 + 8, 32);
	memcpy(before + l4 + sum_offset(r->proto), data + l4 + sum_offset(r->proto), 2);
	CHECK(!memcmp(before, data, len)); /* and nothing else moved */
	data[l4 + 1] ^= 0x10;
	CHECK(!vnep_frame_checksum_ok(&f, data));
	vnep_frame_set_src(&f, data, &dest);
	CHECK(!vnep_frame_checksum_ok(&f, data)); /* wrong stays wrong */
}

TEST("frame: AH is an upper layer, as nf_tables sees it")
{
	const struct recipe r = {
		.proto = IPPROTO_UDP, .payload = 4, .extensions = { AH }, .extension_count = 1
	};
	struct in6_addr src = ip("2001:db8:c::9");
	uint8_t data[MAX], before[MAX];
	struct vnep_frame f;
	size_t l4, len = make(data, &r, &l4);

	memcpy(before, data, len);
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK_INT(f.proto, AH);
	CHECK_INT(f.l4, 54);
	CHECK_INT(f.dest_port, 0);
	vnep_frame_set_src(&f, data, &src);
	memcpy(before + 22, src.s6_addr, 16);
	CHECK(!memcmp(before, data, len));
}

TEST("frame: rewritten addresses keep the checksum right, behind each kind of extension header")
{
	static const uint8_t kinds[] = { NONE, HOP, ROUTING, FRAGMENT, DSTOPTS };

	for (unsigned p = 0; p < 3; p++)
		for (unsigned k = 0; k < sizeof kinds; k++)
			for (size_t payload = 0; payload < 34; payload += 3) {
				struct recipe r = { .proto = protos[p],
					.payload = payload,
					.padding = payload % 5,
					.extensions = { kinds[k] },
					.extension_count = kinds[k] != NONE };

				check_rewrite(&r);
			}
}

TEST("frame: a UDP checksum that becomes zero is written as ffff, as RFC 768 tells")
{
	struct recipe r = { .proto = IPPROTO_UDP, .payload = 2 };
	uint8_t data[MAX];
	struct vnep_frame f;
	size_t l4, len = make(data, &r, &l4);
	bool seen = false;

	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	for (unsigned v = 0; v <= 0xffff; v++) {
		struct in6_addr to = f.dest;

		vnep_set_be16(to.s6_addr + 14, (uint16_t)v);
		vnep_frame_set_dest(&f, data, &to);
		CHECK(vnep_be16(data + l4 + 6) != 0);
		CHECK(vnep_frame_checksum_ok(&f, data));
		seen = seen || vnep_be16(data + l4 + 6) == 0xffff;
	}
	CHECK(seen);
}

TEST("frame: a UDP checksum of zero is wrong over IPv6, and a rewrite does not make one up")
{
	struct recipe r = { .proto = IPPROTO_UDP, .payload = 8 };
	struct in6_addr other = ip("2001:db8::5");
	uint8_t data[MAX];
	struct vnep_frame f;
	size_t l4, len = make(data, &r, &l4);

	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	vnep_set_be16(data + l4 + 6, 0);
	CHECK(!vnep_frame_checksum_ok(&f, data));
	vnep_frame_set_dest(&f, data, &other);
	CHECK_INT(vnep_be16(data + l4 + 6), 0);
	CHECK(!vnep_frame_checksum_ok(&f, data));
	vnep_frame_checksum_set(&f, data);
	CHECK(vnep_frame_checksum_ok(&f, data));
}

TEST("frame: the sum of a datagram covers what its UDP length says, not what lies behind")
{
	struct recipe r = { .proto = IPPROTO_UDP, .payload = 8 };
	uint8_t data[MAX];
	struct vnep_frame f;
	size_t l4, len = make(data, &r, &l4);

	vnep_set_be16(data + 14 + 4, 20); /* four octets behind the datagram, inside the packet */
	CHECK_INT(vnep_frame_parse(&f, data, len + 4), 0);
	CHECK(vnep_frame_checksum_ok(&f, data));
	vnep_frame_checksum_set(&f, data);
	CHECK_INT(naive(&f.src, &f.dest, IPPROTO_UDP, data + l4, 16), 0);
	for (unsigned bad = 0; bad < 40; bad++) {
		if (bad >= 8 && bad <= 20)
			continue;
		vnep_set_be16(data + l4 + 4, (uint16_t)bad);
		CHECK(!vnep_frame_checksum_ok(&f, data));
		vnep_frame_checksum_set(&f, data);
		CHECK(!vnep_frame_checksum_ok(&f, data));
	}
}

TEST("frame: with a routing header that is not at its end the destination is not in the sum")
{
	struct recipe r = { .proto = IPPROTO_TCP,
		.payload = 7,
		.extensions = { ROUTING },
		.extension_count = 1,
		.segments_left = 1 };
	struct in6_addr other = ip("2001:db8::5");
	uint8_t data[MAX];
	struct vnep_frame f;
	size_t l4, len = make(data, &r, &l4);
	uint16_t sum;

	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK(f.routed);
	sum = vnep_be16(data + l4 + 16);
	vnep_frame_set_dest(&f, data, &other);
	CHECK_INT(vnep_be16(data + l4 + 16), sum);
	vnep_frame_checksum_set(&f, data);
	CHECK_INT(vnep_be16(data + l4 + 16), sum);
	vnep_frame_set_src(&f, data, &other);
	CHECK(vnep_be16(data + l4 + 16) != sum);
}

TEST("frame: a first fragment has ports and a sum that follows, a later one neither; an atomic one "
     "is whole")
{
	struct recipe r = { .proto = IPPROTO_UDP,
		.payload = 16,
		.extensions = { FRAGMENT },
		.extension_count = 1,
		.fragment = 1 };
	struct in6_addr other = ip("2001:db8::5");
	uint8_t data[MAX];
	struct vnep_frame f;
	size_t l4, len = make(data, &r, &l4);

	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK(f.fragment && f.l4 == l4 && f.src_port);
	vnep_frame_set_src(&f, data, &other);
	CHECK_INT(naive(&other, &f.dest, IPPROTO_UDP, data + l4, 24), 0);
	r.fragment = 8 << 3;
	len = make(data, &r, &l4);
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK(f.fragment && !f.l4 && !f.src_port);
	CHECK_INT(f.proto, IPPROTO_UDP);
	CHECK(vnep_frame_checksum_ok(&f, data));
	vnep_frame_set_src(&f, data, &other);
	CHECK(!memcmp(data + 22, &other, 16));
	r.fragment = 0;
	len = make(data, &r, &l4);
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK(!f.fragment && f.extended && f.l4 == l4 && vnep_frame_checksum_ok(&f, data));
}

TEST("frame: eight extension headers are walked, nine are not")
{
	struct recipe r = { .proto = IPPROTO_UDP, .payload = 1, .extension_count = 8 };
	uint8_t data[MAX];
	struct vnep_frame f;
	size_t l4, len;

	memset(r.extensions, DSTOPTS, sizeof r.extensions);
	len = make(data, &r, &l4);
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK_INT(f.l4, l4);
	r.extension_count = 9;
	len = make(data, &r, &l4);
	CHECK_INT(vnep_frame_parse(&f, data, len), VNEP_EPROTO);
}

TEST("frame: no next header and protocols that we do not know have no ports and no checksum")
{
	static const uint8_t others[] = { NONE, 50, 132 };

	for (unsigned i = 0; i < sizeof others; i++) {
		struct recipe r = { .proto = others[i], .payload = 12 };
		struct in6_addr other = ip("2001:db8::5");
		uint8_t data[MAX], before[MAX];
		struct vnep_frame f;
		size_t l4, len = make(data, &r, &l4);

		CHECK_INT(vnep_frame_parse(&f, data, len), 0);
		CHECK(f.proto == others[i] && !f.src_port && !f.icmp_type);
		CHECK(vnep_frame_checksum_ok(&f, data));
		memcpy(before, data, len);
		vnep_frame_checksum_set(&f, data);
		vnep_frame_set_src(&f, data, &other);
		CHECK(!memcmp(data + l4, before + l4, 12));
	}
}

TEST("frame: a packet of any size that a length field can say is taken, a larger frame is not")
{
	size_t len = 65535;
	uint8_t *data = calloc(1, len + 1);
	struct vnep_frame f;

	data[12] = 0x86;
	data[13] = 0xdd;
	data[14] = 0x60;
	data[20] = NONE;
	vnep_set_be16(data + 18, (uint16_t)(len - 54));
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK_INT(f.end, 65535);
	CHECK_INT(vnep_frame_parse(&f, data, len + 1), VNEP_EPROTO);
	vnep_set_be16(data + 18, 65535);
	CHECK_INT(vnep_frame_parse(&f, data, len), VNEP_ESHORT);
	free(data);
}

TEST("frame: the hop limit goes down to 1 and no further; MACs are put in place")
{
	struct recipe r = { .proto = NONE };
	const struct vnep_mac a = { { 0, 0, 0x5e, 0, 0x53, 1 } },
			      b = { { 0, 0, 0x5e, 0, 0x53, 2 } };
	uint8_t data[MAX];
	struct vnep_frame f;
	size_t l4, len = make(data, &r, &l4);
	unsigned hops = 0;

	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	while (vnep_frame_hop(&f, data))
		hops++;
	CHECK_INT(hops, 63);
	CHECK_INT(data[14 + 7], 1);
	data[14 + 7] = 0;
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK(!vnep_frame_hop(&f, data));
	vnep_frame_set_macs(data, &a, &b);
	CHECK(!memcmp(data, &a, 6) && !memcmp(data + 6, &b, 6));
}

int main(void)
{
	return t_run();
}
