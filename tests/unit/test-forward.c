/* forward: what comes out is what the fast path would have sent, or a reason why not. */
#include <arpa/inet.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/forward.h"
#include "t.h"

static struct in6_addr ip(const char *text)
{
	struct in6_addr addr;

	CHECK_INT(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static const struct vnep_mac device_mac = { { 0, 0, 0x5e, 0, 0x53, 0x01 } };
static const struct vnep_mac port_mac = { { 0, 0, 0x5e, 0, 0x53, 0xfe } };

static struct vnep_forward to_device(uint16_t vlan)
{
	return (struct vnep_forward){ .was = ip("2001:db8:b::77"),
		.becomes = ip("2001:db8:a::2"),
		.dest_mac = device_mac,
		.src_mac = port_mac,
		.vlan = vlan,
		.mtu = 1500 };
}

static struct vnep_forward from_device(void)
{
	return (struct vnep_forward){ .was = ip("2001:db8:a::2"),
		.becomes = ip("2001:db8:b::77"),
		.dest_mac = device_mac,
		.src_mac = port_mac,
		.mtu = 1500 };
}

/* A frame with a valid checksum; l4 has its checksum field zero. Padding as Ethernet has it. */
static size_t make(uint8_t out[1600], uint16_t vlan, const char *src, const char *dest,
	uint8_t proto, const uint8_t *l4, size_t len, uint8_t hops)
{
	struct in6_addr s = ip(src), d = ip(dest);
	struct vnep_frame f;
	size_t at = 12, total;

	memset(out, 0, 1600);
	out[0] = 2;
	if (vlan) {
		vnep_set_be16(out + at, 0x8100);
		vnep_set_be16(out + at + 2, vlan);
		at += 4;
	}
	vnep_set_be16(out + at, 0x86dd);
	at += 2;
	out[at] = 0x60;
	vnep_set_be16(out + at + 4, (uint16_t)len);
	out[at + 6] = proto;
	out[at + 7] = hops;
	memcpy(out + at + 8, &s, 16);
	memcpy(out + at + 24, &d, 16);
	memcpy(out + at + 40, l4, len);
	total = at + 40 + len;
	if (!vnep_frame_parse(&f, out, total))
		vnep_frame_checksum_set(&f, out);
	return total < 60 ? 60 : total;
}

static const uint8_t udp[] = { 0x9c, 0x40, 0x16, 0x33, 0, 12, 0, 0, 'p', 'i', 'n', 'g' };

TEST("forward: to the device V becomes L, one hop less, its MACs, a valid checksum, no padding")
{
	struct vnep_forward how = to_device(0);
	uint8_t in[1600], out[1604];
	struct vnep_frame f;
	size_t len = make(in, 0, "2001:db8:b::2", "2001:db8:b::77", 17, udp, sizeof udp, 64),
	       out_len;

	CHECK_INT(vnep_forward_to_device(&how, in, len + 20, out, &out_len), VNEP_REASON_NONE);
	CHECK_INT(out_len, 14 + 40 + sizeof udp);
	CHECK_INT(vnep_frame_parse(&f, out, out_len), 0);
	CHECK(vnep_ip6_equal(&f.dest, &how.becomes));
	CHECK_INT(f.hop_limit, 63);
	CHECK(vnep_frame_checksum_ok(&f, out));
	CHECK(!memcmp(out, device_mac.octet, 6) && !memcmp(out + 6, port_mac.octet, 6));
	CHECK(!memcmp(out + f.l4 + 8, "ping", 4));
}

TEST("forward: from the device L becomes V")
{
	struct vnep_forward how = from_device();
	uint8_t in[1600], out[1604];
	struct vnep_frame f;
	size_t len = make(in, 0, "2001:db8:a::2", "2001:db8:b::2", 17, udp, sizeof udp, 64),
	       out_len;

	CHECK_INT(vnep_forward_from_device(&how, in, len, out, &out_len), VNEP_REASON_NONE);
	CHECK_INT(vnep_frame_parse(&f, out, out_len), 0);
	CHECK(vnep_ip6_equal(&f.src, &how.becomes));
	CHECK(vnep_frame_checksum_ok(&f, out));
}

TEST("forward: tags are put in, changed with their priority kept, and taken off")
{
	static const struct {
		uint16_t in, how, out;
	} cases[] = { { 0, 101, 101 }, { 0xa384, 101, 101 }, { 900, 0, 0 }, { 0, 0, 0 } };

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vnep_forward how = to_device(cases[i].how);
		uint8_t in[1600], out[1604];
		struct vnep_frame f;
		size_t len = make(
			in, cases[i].in, "2001:db8:b::2", "2001:db8:b::77", 17, udp, sizeof udp, 9);
		size_t out_len;

		CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_REASON_NONE);
		CHECK_INT(vnep_frame_parse(&f, out, out_len), 0);
		CHECK_INT(f.vlan, cases[i].out);
		CHECK_INT(out_len, 54 + sizeof udp + (cases[i].out ? 4 : 0));
		CHECK(vnep_frame_checksum_ok(&f, out));
		if (cases[i].in == 0xa384)
			CHECK_INT(out[14] >> 4, 0xa);
	}
}

TEST("forward: of form host nothing is rewritten, both ways, from its V and its addresses alone")
{
	static const char *const addr[] = { "2001:db8:a::2", "2001:db8:a::3" };
	struct in6_addr fixed[] = { ip(addr[0]), ip(addr[1]) };
	struct vnep_forward how = to_device(101);
	uint8_t in[1600], out[1604], same[1604];
	struct vnep_frame f;
	size_t len, out_len;

	how.host_addr = fixed;
	how.host_addr_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		len = make(in, 0, "2001:db8:b::77", addr[i], 17, udp, sizeof udp, 64);
		CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_REASON_NONE);
		CHECK_INT(out_len, 18 + 40 + sizeof udp);
		CHECK_INT(vnep_frame_parse(&f, out, out_len), 0);
		CHECK(f.vlan == 101 && f.hop_limit == 63 && vnep_frame_checksum_ok(&f, out));
		CHECK(!memcmp(out, device_mac.octet, 6) && !memcmp(out + 6, port_mac.octet, 6));
		in[14 + 7]--; /* but for the hop limit it is what went in */
		memcpy(same, in + 14, 40 + sizeof udp);
		CHECK(!memcmp(out + 18, same, 40 + sizeof udp));
		len = make(in, 0, addr[i], "2001:db8:b::77", 17, udp, sizeof udp, 64);
		CHECK_INT(vnep_forward_from_device(&how, in, len, out, &out_len), VNEP_REASON_NONE);
		CHECK_INT(vnep_frame_parse(&f, out, out_len), 0);
		CHECK(vnep_ip6_equal(&f.src, &fixed[i]) && vnep_ip6_equal(&f.dest, &how.was));
	}
	len = make(in, 0, "2001:db8:b::2", addr[0], 17, udp, sizeof udp, 64);
	CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_NOT_FOR_US);
	len = make(in, 0, "2001:db8:b::77", "2001:db8:a::4", 17, udp, sizeof udp, 64);
	CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_NOT_FOR_US);
	len = make(in, 0, "2001:db8:b::2", "2001:db8:b::77", 17, udp, sizeof udp, 64);
	CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_NOT_FOR_US);
	len = make(in, 0, addr[0], "2001:db8:b::2", 17, udp, sizeof udp, 64);
	CHECK_INT(vnep_forward_from_device(&how, in, len, out, &out_len), VNEP_NOT_FOR_US);
}

TEST("forward: an ICMPv6 error of form host quotes what it quoted")
{
	static const char addr[] = "2001:db8:a::2";
	struct in6_addr fixed[] = { ip(addr) };
	struct vnep_forward how = to_device(0);
	uint8_t in[1600], out[1604], inner[1600], error[8 + 40 + sizeof udp] = { 1, 4 };
	size_t len = make(inner, 0, addr, "2001:db8:b::77", 17, udp, sizeof udp, 64), out_len;

	how.host_addr = fixed;
	how.host_addr_count = 1;
	memcpy(error + 8, inner + 14, 40 + sizeof udp);
	len = make(in, 0, "2001:db8:b::77", addr, IPPROTO_ICMPV6, error, sizeof error, 64);
	CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_REASON_NONE);
	CHECK_INT(out_len, 54 + sizeof error);
	CHECK(!memcmp(out + 54, in + 54, sizeof error)); /* with its checksum */
}

TEST("forward: each refusal has its word")
{
	struct vnep_forward how = to_device(0);
	uint8_t in[1600], out[1604];
	size_t len = make(in, 0, "2001:db8:b::2", "2001:db8:b::77", 17, udp, sizeof udp, 1),
	       out_len;

	CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_NOT_REPLAYABLE);
	CHECK_INT(vnep_forward_to_device(&how, in, 50, out, &out_len), VNEP_MALFORMED);
	CHECK_INT(vnep_forward_to_device(&how, in, 0, out, &out_len), VNEP_MALFORMED);
	len = make(in, 0, "2001:db8:b::2", "2001:db8:b::78", 17, udp, sizeof udp, 64);
	CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_NOT_FOR_US);
	vnep_set_be16(in + 12, 0x0800);
	CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_NOT_IPV6);
	len = make(in, 0, "2001:db8:b::2", "2001:db8:b::77", 17, udp, sizeof udp, 64);
	how.mtu = 40 + sizeof udp;
	CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_REASON_NONE);
	how.mtu--;
	CHECK_INT(vnep_forward_to_device(&how, in, len, out, &out_len), VNEP_TOO_BIG);
}

TEST("forward: of TCP only the opening SYN may be sent again")
{
	static const struct {
		uint8_t flags;
		enum vnep_reason reason;
	} cases[] = { { 0x02, VNEP_REASON_NONE }, { 0xc2, VNEP_REASON_NONE },
		{ 0x12, VNEP_NOT_REPLAYABLE }, { 0x10, VNEP_NOT_REPLAYABLE },
		{ 0x04, VNEP_NOT_REPLAYABLE }, { 0x03, VNEP_NOT_REPLAYABLE } };
	uint8_t tcp[20] = { 0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50 }, in[1600];
	struct vnep_frame f;
	size_t len;

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		tcp[13] = cases[i].flags;
		len = make(in, 0, "2001:db8:b::2", "2001:db8:b::77", 6, tcp, sizeof tcp, 64);
		CHECK_INT(vnep_frame_parse(&f, in, len), 0);
		CHECK_INT(vnep_forward_replayable(&f, in), cases[i].reason);
	}
	len = make(in, 0, "2001:db8:b::2", "2001:db8:b::77", 17, udp, sizeof udp, 64);
	CHECK_INT(vnep_frame_parse(&f, in, len), 0);
	CHECK_INT(vnep_forward_replayable(&f, in), VNEP_REASON_NONE);
}

/* Destination unreachable (1/4) around a quoted UDP packet. */
static size_t make_error(uint8_t out[1600], const char *src, const char *dest,
	const char *quoted_src, const char *quoted_dest)
{
	uint8_t quoted[1600], l4[8 + 40 + sizeof udp] = { 1, 4 };
	size_t len = make(quoted, 0, quoted_src, quoted_dest, 17, udp, sizeof udp, 64);

	CHECK(len >= 14 + 40 + sizeof udp);
	memcpy(l4 + 8, quoted + 14, 40 + sizeof udp);
	return make(out, 0, src, dest, 58, l4, sizeof l4, 64);
}

static void check_quoted(const uint8_t *frame, size_t len, const char *src, const char *dest)
{
	struct in6_addr s = ip(src), d = ip(dest);
	struct vnep_frame f, q;
	uint8_t quoted[1600] = { 0 };

	CHECK_INT(vnep_frame_parse(&f, frame, len), 0);
	CHECK(vnep_frame_checksum_ok(&f, frame));
	vnep_set_be16(quoted + 12, 0x86dd);
	memcpy(quoted + 14, frame + f.l4 + 8, 40 + sizeof udp);
	CHECK_INT(vnep_frame_parse(&q, quoted, 54 + sizeof udp), 0);
	CHECK(vnep_ip6_equal(&q.src, &s) && vnep_ip6_equal(&q.dest, &d));
	CHECK(vnep_frame_checksum_ok(&q, quoted));
}

TEST("forward: the packet inside an ICMPv6 error is translated the other way round, checksums "
     "valid")
{
	struct vnep_forward to = to_device(0), from = from_device();
	uint8_t in[1600], out[1604];
	size_t len, out_len;

	len = make_error(in, "2001:db8:b::2", "2001:db8:b::77", "2001:db8:b::77", "2001:db8:b::2");
	CHECK_INT(vnep_forward_to_device(&to, in, len, out, &out_len), VNEP_REASON_NONE);
	check_quoted(out, out_len, "2001:db8:a::2", "2001:db8:b::2");
	len = make_error(in, "2001:db8:a::2", "2001:db8:b::2", "2001:db8:b::2", "2001:db8:a::2");
	CHECK_INT(vnep_forward_from_device(&from, in, len, out, &out_len), VNEP_REASON_NONE);
	check_quoted(out, out_len, "2001:db8:b::2", "2001:db8:b::77");
	in[len - 1] ^= 1;
	CHECK_INT(vnep_forward_from_device(&from, in, len, out, &out_len), VNEP_MALFORMED);
	{
		static const uint8_t stub[12] = { 1, 4 };

		len = make(in, 0, "2001:db8:b::2", "2001:db8:b::77", 58, stub, sizeof stub, 64);
		CHECK_INT(vnep_forward_to_device(&to, in, len, out, &out_len), VNEP_MALFORMED);
	}
}

TEST("forward: a device is where its binding says, else where its record fixes it, else nowhere")
{
	struct vnep_device device = { .dev = "urn:dev:mac:00005efffe005301",
		.has_mac = true,
		.mac = device_mac,
		.addr = { ip("2001:db8:a::2") },
		.addr_count = 1,
		.vlan = 7 };
	struct vnep_binding binding = { .port = "acc1",
		.addr = { ip("2001:db8:a::3"), ip("2001:db8:a::4") },
		.addr_count = 2,
		.mac = device_mac,
		.vlan = 101 },
			    place;
	struct vnep_forward how;
	struct vnep_err err = { 0 };
	struct in6_addr latest = ip("2001:db8:a::4");

	CHECK_INT(vnep_forward_place(&device, NULL, &place, &err), VNEP_ENOTFOUND);
	CHECK(strstr(err.text, "no fixed port"));
	CHECK_INT(vnep_forward_place(&device, &binding, &place, &err), 0);
	CHECK_STR(place.port, "acc1");
	vnep_forward_init(&how, &device, &place, &port_mac, 1500);
	CHECK(vnep_ip6_equal(&how.becomes, &latest));
	CHECK_INT(how.vlan, 101);
	CHECK(!how.host_addr);
	device.form = VNEP_FORM_HOST;
	vnep_forward_init(&how, &device, &place, &port_mac, 1500);
	CHECK(how.host_addr == device.addr && how.host_addr_count == device.addr_count);
	binding.deleted = true;
	strcpy(device.port, "acc0");
	CHECK_INT(vnep_forward_place(&device, &binding, &place, &err), 0);
	CHECK_STR(place.port, "acc0");
	CHECK_INT(place.vlan, 7);
}

int main(void)
{
	return t_run();
}
