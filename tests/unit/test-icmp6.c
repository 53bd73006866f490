/* icmp6: errors quote what fits and are sent about what may be answered; a ping comes back. */
#include <arpa/inet.h>

#include "vnep/buf.h"
#include "vnep/icmp6.h"
#include "t.h"

static const struct vnep_mac ours = { { 0, 0, 0x5e, 0, 0x53, 0xfe } },
			     theirs = { { 0, 0, 0x5e, 0, 0x53, 1 } };

enum { MAX = 2000, L3 = 14, L4 = 54 };

static struct in6_addr ip(const char *text)
{
	struct in6_addr addr;

	CHECK_INT(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

/* A frame of that protocol with len octets behind the IPv6 header, the first of them type; checksum right. */
static size_t make(uint8_t out[MAX], uint16_t vlan, const char *src, const char *dest,
	uint8_t proto, uint8_t type, size_t len)
{
	struct in6_addr s = ip(src), d = ip(dest);
	size_t at = vlan ? 18 : 14;
	struct vnep_frame f;

	memset(out, 0, MAX);
	memcpy(out, ours.octet, 6);
	memcpy(out + 6, theirs.octet, 6);
	if (vlan) {
		vnep_set_be16(out + 12, 0x8100);
		vnep_set_be16(out + 14, vlan);
	}
	vnep_set_be16(out + at - 2, 0x86dd);
	out[at] = 0x60;
	vnep_set_be16(out + at + 4, (uint16_t)len);
	out[at + 6] = proto;
	out[at + 7] = 7;
	memcpy(out + at + 8, &s, 16);
	memcpy(out + at + 24, &d, 16);
	for (size_t i = 0; i < len; i++)
		out[at + 40 + i] = (uint8_t)i;
	out[at + 40] = type;
	if (proto == IPPROTO_ICMPV6)
		out[at + 41] = 0;
	CHECK_INT(vnep_frame_parse(&f, out, at + 40 + len), 0);
	vnep_frame_checksum_set(&f, out);
	return at + 40 + len;
}

static bool may(
	const char *src, const char *dest, uint8_t proto, uint8_t type, enum vnep_icmp6_type answer)
{
	uint8_t data[MAX];
	size_t len = make(data, 0, src, dest, proto, type, 64);
	struct vnep_frame f;

	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	return vnep_icmp6_may_answer(&f, data, answer);
}

TEST("icmp6: an error carries type, code, parameter, tag, a right checksum, and the packet as it "
     "came")
{
	struct vnep_icmp6_error how = { .type = VNEP_ICMP6_TOO_BIG,
		.param = 1280,
		.src_mac = ours,
		.dest_mac = theirs,
		.src = ip("2001:db8:b::1"),
		.dest = ip("2001:db8:b::2"),
		.vlan = 900 };
	uint8_t about[MAX], out[VNEP_ICMP6_ERROR_MAX];
	size_t len = make(about, 0, "2001:db8:b::2", "2001:db8:b::77", IPPROTO_UDP, 1, 200), n;
	struct vnep_frame f;

	n = vnep_icmp6_error(out, &how, about + L3, len - L3);
	CHECK_INT(n, 18 + 40 + 8 + len - L3);
	CHECK_INT(vnep_frame_parse(&f, out, n), 0);
	CHECK_INT(f.vlan, 900);
	CHECK_INT(f.icmp_type, VNEP_ICMP6_TOO_BIG);
	CHECK_INT(vnep_be32(out + f.l4 + 4), 1280);
	CHECK(vnep_frame_checksum_ok(&f, out));
	CHECK(!memcmp(out, theirs.octet, 6) && !memcmp(out + 6, ours.octet, 6));
	CHECK(vnep_ip6_equal(&f.src, &how.src) && vnep_ip6_equal(&f.dest, &how.dest));
	CHECK(!memcmp(out + f.l4 + 8, about + L3, len - L3));

	how.vlan = 0;
	len = make(about, 0, "2001:db8:b::2", "2001:db8:b::77", IPPROTO_UDP, 1, 1900);
	n = vnep_icmp6_error(out, &how, about + L3, len - L3);
	CHECK_INT(n, 14 + 1280); /* RFC 4443 2.4 (c) */
	CHECK_INT(vnep_frame_parse(&f, out, n), 0);
	CHECK(vnep_frame_checksum_ok(&f, out));
}

TEST("icmp6: no error about errors and redirects, groups and nobody; Packet Too Big also about "
     "groups")
{
	const char *a = "2001:db8:b::2", *b = "2001:db8:b::77";
	uint8_t data[MAX];
	struct vnep_frame f;
	size_t len;

	CHECK(may(a, b, IPPROTO_UDP, 0, VNEP_ICMP6_TIME_EXCEEDED));
	CHECK(may(a, b, IPPROTO_ICMPV6, VNEP_ICMP6_ECHO_REQUEST, VNEP_ICMP6_UNREACHABLE));
	CHECK(!may(a, b, IPPROTO_ICMPV6, VNEP_ICMP6_UNREACHABLE, VNEP_ICMP6_TIME_EXCEEDED));
	CHECK(!may(a, b, IPPROTO_ICMPV6, 127, VNEP_ICMP6_TOO_BIG));
	CHECK(!may(a, b, IPPROTO_ICMPV6, 137, VNEP_ICMP6_TIME_EXCEEDED));
	CHECK(!may(a, "ff02::1", IPPROTO_UDP, 0, VNEP_ICMP6_TIME_EXCEEDED));
	CHECK(may(a, "ff02::1", IPPROTO_UDP, 0, VNEP_ICMP6_TOO_BIG));
	CHECK(!may("::", b, IPPROTO_UDP, 0, VNEP_ICMP6_TIME_EXCEEDED));
	CHECK(!may("ff02::2", b, IPPROTO_UDP, 0, VNEP_ICMP6_TOO_BIG));

	len = make(data, 0, a, b, IPPROTO_FRAGMENT, IPPROTO_ICMPV6, 64);
	vnep_set_be16(data + L4 + 2, 8); /* a later fragment: what it is part of cannot be seen */
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK(!vnep_icmp6_may_answer(&f, data, VNEP_ICMP6_TOO_BIG));
	data[L4] = IPPROTO_UDP;
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK(vnep_icmp6_may_answer(&f, data, VNEP_ICMP6_TOO_BIG));
}

static size_t echo(uint8_t *out, uint8_t *data, size_t len)
{
	struct vnep_frame f;

	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	return vnep_icmp6_echo_reply(out, &f, data, &ours);
}

TEST("icmp6: an echo request comes back: id, sequence, data and tag as they were, the addresses "
     "turned round")
{
	uint8_t data[MAX], out[MAX];
	size_t len = make(data, 101, "2001:db8:a::2", "fe80::1", IPPROTO_ICMPV6,
		       VNEP_ICMP6_ECHO_REQUEST, 1400),
	       n;
	struct vnep_frame f;

	vnep_set_be16(data + 14, 0xa000 | 101); /* with a priority */
	n = echo(out, data, len);
	CHECK_INT(n, len);
	CHECK_INT(vnep_frame_parse(&f, out, n), 0);
	CHECK_INT(f.icmp_type, VNEP_ICMP6_ECHO_REPLY);
	CHECK(vnep_frame_checksum_ok(&f, out));
	CHECK_INT(vnep_be16(out + 14), 0xa000 | 101);
	CHECK_INT(f.hop_limit, 64);
	CHECK(!memcmp(out, theirs.octet, 6) && !memcmp(out + 6, ours.octet, 6));
	CHECK(!memcmp(out + f.l3 + 8, data + 18 + 24, 16) &&
		!memcmp(out + f.l3 + 24, data + 18 + 8, 16));
	CHECK(!memcmp(out + f.l4 + 4, data + f.l4 + 4, 1396));
}

TEST("icmp6: what is no whole, right echo request of one node gets no reply")
{
	const char *a = "2001:db8:a::2", *b = "fe80::1";
	uint8_t data[MAX], out[MAX];
	size_t len;

	len = make(data, 0, a, b, IPPROTO_ICMPV6, VNEP_ICMP6_ECHO_REPLY, 16);
	CHECK_INT(echo(out, data, len), 0);
	len = make(data, 0, a, b, IPPROTO_ICMPV6, VNEP_ICMP6_ECHO_REQUEST, 7);
	CHECK_INT(echo(out, data, len), 0);
	len = make(data, 0, "::", b, IPPROTO_ICMPV6, VNEP_ICMP6_ECHO_REQUEST, 16);
	CHECK_INT(echo(out, data, len), 0);
	len = make(data, 0, a, "ff02::1", IPPROTO_ICMPV6, VNEP_ICMP6_ECHO_REQUEST, 16);
	CHECK_INT(echo(out, data, len), 0);
	len = make(data, 0, a, b, IPPROTO_ICMPV6, VNEP_ICMP6_ECHO_REQUEST, 16);
	data[L4 + 9] ^= 1;
	CHECK_INT(echo(out, data, len), 0);
}

int main(void)
{
	return t_run();
}
