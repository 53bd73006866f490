/* flow: what answers what, and the CoAP header inside a datagram. */
#include <arpa/inet.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/flow.h"
#include "t.h"

static struct in6_addr ip(const char *text)
{
	struct in6_addr addr;

	CHECK_INT(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

enum { L4 = 54 };

/* An untagged frame with len octets of l4 behind the IPv6 header; parsed into *f. */
static void make(uint8_t data[256], struct vnep_frame *f, uint8_t proto, const void *l4, size_t len)
{
	struct in6_addr src = ip("2001:db8:b::2"), dest = ip("2001:db8:b::77");

	memset(data, 0, 256);
	vnep_set_be16(data + 12, 0x86dd);
	data[14] = 0x60;
	vnep_set_be16(data + 18, (uint16_t)len);
	data[20] = proto;
	data[21] = 64;
	memcpy(data + 22, &src, 16);
	memcpy(data + 38, &dest, 16);
	memcpy(data + L4, l4, len);
	CHECK_INT(vnep_frame_parse(f, data, L4 + len), 0);
}

/* A datagram from port 40000 to 5683. */
static bool coap(struct vnep_coap *out, const void *message, size_t len)
{
	uint8_t l4[128] = { 0x9c, 0x40, 0x16, 0x33, 0, (uint8_t)(8 + len) }, data[256];
	struct vnep_frame f;

	memcpy(l4 + 8, message, len);
	make(data, &f, IPPROTO_UDP, l4, 8 + len);
	return vnep_coap_read(out, &f, data);
}

static struct vnep_flow turned(const struct vnep_flow *flow)
{
	struct vnep_flow t = *flow;

	t.src = flow->dest;
	t.dest = flow->src;
	t.src_port = flow->dest_port;
	t.dest_port = flow->src_port;
	return t;
}

TEST("flow: the same conversation the other way round is an answer, each other difference is not")
{
	static const uint8_t udp[] = { 0x9c, 0x40, 0x16, 0x33, 0, 8, 0, 0 };
	struct vnep_flow flow, answer, other;
	uint8_t data[256];
	struct vnep_frame f;

	make(data, &f, IPPROTO_UDP, udp, sizeof udp);
	CHECK_INT(vnep_flow_from_frame(&flow, &f, data), 0);
	CHECK_INT(flow.src_port, 40000);
	CHECK_INT(flow.dest_port, 5683);
	answer = turned(&flow);
	CHECK(vnep_flow_answers(&answer, &flow));
	CHECK(!vnep_flow_answers(&flow, &flow));
	for (unsigned i = 0; i < 5; i++) {
		other = answer;
		switch (i) {
		case 0: other.proto = IPPROTO_TCP; break;
		case 1: other.src_port++; break;
		case 2: other.dest_port++; break;
		case 3: other.src.s6_addr[15]++; break;
		case 4: other.dest.s6_addr[0]++; break;
		}
		CHECK(!vnep_flow_answers(&other, &flow));
	}
}

TEST("flow: only an echo reply answers an echo request, by its id")
{
	static const uint8_t request[] = { 128, 0, 0, 0, 0x12, 0x34, 0, 1 };
	struct vnep_flow ping, answer;
	uint8_t data[256];
	struct vnep_frame f;

	make(data, &f, IPPROTO_ICMPV6, request, sizeof request);
	CHECK_INT(vnep_flow_from_frame(&ping, &f, data), 0);
	CHECK_INT(ping.src_port, 0x1234);
	CHECK_INT(ping.dest_port, 0x1234);
	answer = turned(&ping);
	CHECK(!vnep_flow_answers(&answer, &ping)); /* it pings back with the same id */
	answer.icmp_type = 129;
	CHECK(vnep_flow_answers(&answer, &ping));
	answer.src_port = answer.dest_port = 0x1235;
	CHECK(!vnep_flow_answers(&answer, &ping));
}

TEST("flow: an ICMPv6 error does not answer an echo request of id 0")
{
	static const uint8_t request[] = { 128, 0, 0, 0, 0, 0, 0, 1 },
			     error[] = { 1, 4, 0, 0, 0, 0, 0, 0 };
	struct vnep_flow ping, answer;
	uint8_t data[256];
	struct vnep_frame f;

	make(data, &f, IPPROTO_ICMPV6, request, sizeof request);
	CHECK_INT(vnep_flow_from_frame(&ping, &f, data), 0);
	make(data, &f, IPPROTO_ICMPV6, error, sizeof error);
	CHECK_INT(vnep_flow_from_frame(&answer, &f, data), 0);
	answer = turned(&answer);
	CHECK(!vnep_flow_answers(&answer, &ping));
}

TEST("flow: an echo that is cut off before its id is short")
{
	static const uint8_t request[] = { 128, 0, 0, 0, 0x12 };
	struct vnep_flow flow = { .proto = 77 };
	uint8_t data[256];
	struct vnep_frame f;

	make(data, &f, IPPROTO_ICMPV6, request, sizeof request);
	CHECK_INT(vnep_flow_from_frame(&flow, &f, data), VNEP_ESHORT);
	CHECK_INT(flow.proto, 77);
}

TEST("flow: later fragments show no ports and answer nothing")
{
	/* a fragment header: next is UDP, offset 8 */
	static const uint8_t fragment[] = { 17, 0, 0, 64, 0, 0, 0, 1, 'd', 'a', 't', 'a' };
	struct vnep_flow flow, answer;
	uint8_t data[256];
	struct vnep_frame f;
	struct vnep_coap c;

	make(data, &f, 44, fragment, sizeof fragment);
	CHECK(f.fragment && !f.l4);
	CHECK_INT(vnep_flow_from_frame(&flow, &f, data), 0);
	CHECK_INT(flow.proto, IPPROTO_UDP);
	answer = turned(&flow);
	CHECK(!vnep_flow_answers(&answer, &flow));
	CHECK(!vnep_coap_read(&c, &f, data));
}

TEST("coap: type, code, message id and token are read")
{
	struct vnep_coap c;

	CHECK(coap(&c,
		"\x44\x03\x12\x34"
		"abcd"
		"\xb5light\xff"
		"1",
		16));
	CHECK_INT(c.type, 0);
	CHECK_INT(c.code, 3);
	CHECK_INT(c.mid, 0x1234);
	CHECK_INT(c.token_len, 4);
	CHECK(!memcmp(c.token, "abcd", 4));
	CHECK(coap(&c, "\x60\x00\x00\x07", 4)); /* an empty ACK */
	CHECK_INT(c.type, 2);
	CHECK_INT(c.mid, 7);
	CHECK(coap(&c,
		"\x58\x45\x00\x01"
		"12345678",
		12)); /* NON 2.05 with the longest token */
	CHECK_INT(c.type, 1);
	CHECK_INT(c.code, 0x45);
	CHECK_INT(c.token_len, 8);
}

TEST("coap: what RFC 7252 calls malformed is not one")
{
	static const struct {
		const char *why, *message;
		size_t len;
	} cases[] = {
		{ "no octet", "", 0 },
		{ "cut off in the header", "\x40\x01\x12", 3 },
		{ "cut off in the token",
			"\x44\x01\x12\x34"
			"abc",
			7 },
		{ "version 0", "\x00\x01\x12\x34", 4 },
		{ "version 2", "\x80\x01\x12\x34", 4 },
		{ "token of 9",
			"\x49\x01\x12\x34"
			"123456789",
			13 },
		{ "token of 15",
			"\x4f\x01\x12\x34"
			"123456789012345",
			19 },
		{ "empty with a token",
			"\x61\x00\x12\x34"
			"1",
			5 },
		{ "empty with something behind", "\x60\x00\x12\x34\xff", 5 },
		{ "reserved class 1", "\x40\x21\x12\x34", 4 },
		{ "reserved class 6", "\x40\xc1\x12\x34", 4 },
		{ "class 7, of TCP", "\x40\xe1\x12\x34", 4 },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vnep_coap c = { .mid = 77 };

		if (coap(&c, cases[i].message, cases[i].len)) {
			printf("# %s was read\n", cases[i].why);
			CHECK(false);
		}
		CHECK_INT(c.mid, 77);
	}
}

TEST("coap: other ports, other protocols and a UDP length that does not fit are none")
{
	uint8_t l4[] = { 0x9c, 0x40, 0x16, 0x34, 0, 12, 0, 0, 0x40, 1, 0, 1 }, data[256];
	struct vnep_frame f;
	struct vnep_coap c;

	make(data, &f, IPPROTO_UDP, l4, sizeof l4);
	CHECK(!vnep_coap_read(&c, &f, data));
	l4[3] = 0x33;
	make(data, &f, IPPROTO_UDP, l4, sizeof l4);
	CHECK(vnep_coap_read(&c, &f, data));
	f.proto = IPPROTO_TCP;
	CHECK(!vnep_coap_read(&c, &f, data));
	for (unsigned len = 0; len < 20; len++) {
		l4[5] = (uint8_t)len;
		make(data, &f, IPPROTO_UDP, l4, sizeof l4);
		CHECK_INT(vnep_coap_read(&c, &f, data), len == 12);
	}
}

int main(void)
{
	return t_run();
}
