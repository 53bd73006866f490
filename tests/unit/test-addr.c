#include <arpa/inet.h>

#include "t.h"
#include "vnep/addr.h"
#include "vnep/err.h"

static struct in6_addr ip6(const char *text)
{
	struct in6_addr addr = { 0 };

	CHECK_INT(vnep_ip6_parse(text, &addr, NULL), 0);
	return addr;
}

static struct vnep_prefix prefix(const char *text)
{
	struct vnep_prefix p = { 0 };

	CHECK_INT(vnep_prefix_parse(text, &p, NULL), 0);
	return p;
}

TEST("addr: addresses are printed as inet_ntop prints them")
{
	uint32_t random = 1;

	for (unsigned n = 0; n < 100000 && !t_failed; n++) {
		char ours[VNEP_IP6_LEN], theirs[VNEP_IP6_LEN];
		struct in6_addr addr;

		/* many zeros, and groups of one to four digits */
		for (unsigned i = 0; i < 16; i++) {
			random = random * 1664525 + 1013904223;
			addr.s6_addr[i] =
				(uint8_t)(random >> 29 < 5 ? 0
							   : random >> (16 + (random >> 12 & 7)));
		}
		vnep_ip6_print(&addr, ours);
		CHECK(inet_ntop(AF_INET6, &addr, theirs, sizeof theirs) != NULL);
		CHECK_STR(ours, theirs);
	}
}

TEST("addr: a MAC has one printed form, whatever it was read from")
{
	struct vnep_mac a, b;
	char text[VNEP_MAC_LEN];

	CHECK_INT(vnep_mac_parse("00-00-5E-00-53-0a", &a, NULL), 0);
	CHECK_INT(vnep_mac_parse("00:00:5e:00:53:0A", &b, NULL), 0);
	CHECK(vnep_mac_equal(&a, &b));
	vnep_mac_print(&a, text);
	CHECK_STR(text, "00:00:5e:00:53:0a");
	b.octet[5]++;
	CHECK(!vnep_mac_equal(&a, &b));
}

TEST("addr: what is no MAC of a sender is refused, repeating it")
{
	static const char *const bad[] = { "", "00:00:5e:00:53", "00:00:5e:00:53:1",
		"00:00:5e:00:53:01:02", "00:00:5e:00:53:0g", "00005e005301", "0:0:5e:0:53:1",
		" 00:00:5e:00:53:01", "00:00:5e:00:53:01 " };
	struct vnep_mac mac = { { 1 } };
	struct vnep_err err = { 0 };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(vnep_mac_parse(bad[i], &mac, &err), VNEP_EVALUE);
	CHECK_STR(err.text, "\"00:00:5e:00:53:01 \" is not a MAC address");
	CHECK_INT(vnep_mac_parse("01:00:5e:00:53:01", &mac, &err), VNEP_EVALUE);
	CHECK_STR(err.text, "MAC \"01:00:5e:00:53:01\" is a group address");
	CHECK_INT(mac.octet[0], 1);
}

TEST("addr: IPv6 prints as RFC 5952 says")
{
	static const char *const pairs[][2] = { { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "2001:db8:0000:0001:0:0:0:1", "2001:db8:0:1::1" }, { "::", "::" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" } };
	char text[VNEP_IP6_LEN];

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct in6_addr addr = ip6(pairs[i][0]);

		vnep_ip6_print(&addr, text);
		CHECK_STR(text, pairs[i][1]);
	}
}

TEST("addr: what is no IPv6 address is refused")
{
	static const char *const bad[] = { "", "192.0.2.1", "2001:db8::g", "2001:db8::1%acc0",
		"2001:db8::1/64", "1:2:3:4:5:6:7:8:9", ":1", "[2001:db8::1]" };
	struct in6_addr addr = ip6("2001:db8::1"), before = addr;
	struct vnep_err err = { 0 };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(vnep_ip6_parse(bad[i], &addr, &err), VNEP_EVALUE);
	CHECK(vnep_ip6_equal(&addr, &before));
	CHECK_STR(err.text, "\"[2001:db8::1]\" is not an IPv6 address");
}

TEST("addr: a prefix has its length, 128 when none is said, and no bits behind it")
{
	static const char *const bad[] = { "", "/", "2001:db8::/", "2001:db8::/129",
		"2001:db8::/-1", "2001:db8::/6 4", "/64", "2001:db8::1/127/1",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/64" };
	struct vnep_prefix p = prefix("2001:DB8::/32");
	struct vnep_err err = { 0 };
	char text[VNEP_PREFIX_LEN];

	vnep_prefix_print(&p, text);
	CHECK_STR(text, "2001:db8::/32");
	p = prefix("2001:db8::1");
	vnep_prefix_print(&p, text);
	CHECK_STR(text, "2001:db8::1/128");
	p = prefix("::/0");
	CHECK_INT(p.len, 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(vnep_prefix_parse(bad[i], &p, &err), VNEP_EVALUE);
	CHECK_INT(vnep_prefix_parse("2001:db8::1/64", &p, &err), VNEP_EVALUE);
	CHECK_STR(err.text, "prefix \"2001:db8::1/64\" has bits behind its length");
	CHECK_INT(vnep_prefix_parse("8000::/0", &p, &err), VNEP_EVALUE);
}

TEST("addr: a prefix has an address by exactly its bits, at every length")
{
	struct in6_addr all;

	memset(&all, 0xff, sizeof all);
	for (unsigned len = 0; len <= 128; len++) {
		struct vnep_prefix p = { .len = (uint8_t)len };
		struct in6_addr addr;

		for (unsigned i = 0; i < len; i++)
			p.addr.s6_addr[i / 8] |= (uint8_t)(0x80 >> i % 8);
		CHECK(vnep_prefix_has(&p, &all));
		for (unsigned flip = 0; flip < 128; flip++) {
			addr = all;
			addr.s6_addr[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
			CHECK(vnep_prefix_has(&p, &addr) == (flip >= len));
		}
	}
}

TEST("addr: a prefix covers itself and longer ones inside, not shorter ones")
{
	struct vnep_prefix p40 = prefix("2001:db8::/40"), p64 = prefix("2001:db8:0:1::/64");
	struct vnep_prefix other = prefix("2001:db8:100::/64"), any = prefix("::/0");

	CHECK(vnep_prefix_covers(&p40, &p40));
	CHECK(vnep_prefix_covers(&p40, &p64));
	CHECK(!vnep_prefix_covers(&p64, &p40));
	CHECK(!vnep_prefix_covers(&p40, &other));
	CHECK(vnep_prefix_covers(&any, &other));
}

TEST("addr: only a global or unique local unicast source can be bound")
{
	static const char *const no[] = { "::", "::1", "fe80::1", "febf::1", "ff02::1",
		"::ffff:192.0.2.1", "::192.0.2.1" };
	struct in6_addr addr = ip6("2001:db8::1");

	CHECK(vnep_ip6_bindable(&addr));
	addr = ip6("fd00::1");
	CHECK(vnep_ip6_bindable(&addr));
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		addr = ip6(no[i]);
		CHECK(!vnep_ip6_bindable(&addr));
	}
}

TEST("addr: addresses made from a MAC or an address are those of the RFCs")
{
	struct in6_addr addr, want;
	struct vnep_mac mac, group;
	char text[VNEP_MAC_LEN];

	vnep_mac_parse("00:00:5e:00:53:01", &mac, NULL);
	vnep_ip6_link_local(&mac, &addr);
	want = ip6("fe80::200:5eff:fe00:5301");
	CHECK(vnep_ip6_equal(&addr, &want));
	want = ip6("2001:db8::12:3456");
	vnep_ip6_solicited_node(&want, &addr);
	want = ip6("ff02::1:ff12:3456");
	CHECK(vnep_ip6_equal(&addr, &want));
	vnep_ip6_multicast_mac(&addr, &group);
	vnep_mac_print(&group, text);
	CHECK_STR(text, "33:33:ff:12:34:56");
}

int main(void)
{
	return t_run();
}
