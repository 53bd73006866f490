/* ndisc: own frames read back, and one mutation for each rule that tells to discard. */
#include <arpa/inet.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/ndisc.h"
#include "t.h"

static struct in6_addr ip(const char *text)
{
	struct in6_addr addr;

	CHECK_INT(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static const struct vnep_mac ours = { { 0, 0, 0x5e, 0, 0x53, 0xfe } },
			     theirs = { { 0, 0, 0x5e, 0, 0x53, 1 } };

enum { L3 = 14, L4 = 54, TARGET = L4 + 8, OPTION = L4 + 24, MAX = 256 };

/* The checksum follows a mutation, so that only the mutation is judged. */
static int reread(struct vnep_ndisc *nd, uint8_t *data, size_t len)
{
	struct vnep_frame f;

	if (!vnep_frame_parse(&f, data, len))
		vnep_frame_checksum_set(&f, data);
	return vnep_ndisc_read(nd, data, len);
}

static size_t solicit(uint8_t data[MAX], uint16_t vlan)
{
	struct in6_addr src = ip("2001:db8:b::1"), target = ip("2001:db8:b::77");

	return vnep_ndisc_solicit(data, vlan, &theirs, &src, &target, NULL);
}

/* An advertisement that answers it, from us. */
static size_t advert(uint8_t data[MAX])
{
	struct vnep_ndisc nd;
	size_t len = solicit(data, 0);

	CHECK_INT(vnep_ndisc_read(&nd, data, len), 0);
	return vnep_ndisc_answer(data, &nd, &ours, true);
}

/* A router solicitation with a source link-layer address: 8 + 8 octets. */
static size_t router_solicit(uint8_t data[MAX])
{
	size_t len = solicit(data, 0);

	data[L4] = VNEP_ND_ROUTER_SOLICIT;
	memmove(data + L4 + 8, data + OPTION, 8);
	vnep_set_be16(data + L3 + 4, 16);
	return len - 16;
}

TEST("ndisc: a probe goes to the one that was there, and is the same question")
{
	struct in6_addr src = ip("2001:db8:b::1"), target = ip("2001:db8:b::77");
	struct vnep_ndisc nd;
	uint8_t data[MAX];
	size_t len = vnep_ndisc_solicit(data, 0, &theirs, &src, &target, &ours);

	CHECK_INT(vnep_ndisc_read(&nd, data, len), 0);
	CHECK(!memcmp(data, ours.octet, 6));
	CHECK(vnep_ip6_equal(&nd.dest, &target) && vnep_ip6_equal(&nd.target, &target));
	CHECK_INT(nd.type, VNEP_ND_NEIGHBOUR_SOLICIT);
}

TEST("ndisc: our solicitation is read back, untagged and tagged")
{
	struct in6_addr src = ip("2001:db8:b::1"), target = ip("2001:db8:b::77"),
			group = ip("ff02::1:ff00:77");

	for (unsigned vlan = 0; vlan <= 900; vlan += 900) {
		uint8_t data[MAX];
		struct vnep_ndisc nd;
		size_t len = solicit(data, (uint16_t)vlan);

		CHECK(len <= VNEP_ND_FRAME_MAX);
		CHECK_INT(vnep_ndisc_read(&nd, data, len), 0);
		CHECK_INT(nd.type, VNEP_ND_NEIGHBOUR_SOLICIT);
		CHECK_INT(nd.vlan, vlan);
		CHECK(vnep_ip6_equal(&nd.src, &src) && vnep_ip6_equal(&nd.target, &target));
		CHECK(vnep_ip6_equal(&nd.dest, &group));
		CHECK(nd.has_lladdr && vnep_mac_equal(&nd.lladdr, &theirs));
		CHECK(vnep_mac_equal(&nd.src_mac, &theirs));
		CHECK(!memcmp(data, "\x33\x33\xff\x00\x00\x77", 6));
	}
}

TEST("ndisc: the answer goes to who asked, on its VLAN, solicited, with the flags of its sender")
{
	struct in6_addr asker = ip("2001:db8:b::1"), target = ip("2001:db8:b::77");
	uint8_t data[MAX];
	struct vnep_ndisc nd, back;

	CHECK_INT(vnep_ndisc_read(&nd, data, solicit(data, 101)), 0);
	nd.lladdr.octet[5] = 9; /* the option counts, not who put the frame on the wire */
	for (unsigned router = 0; router < 2; router++) {
		size_t len = vnep_ndisc_answer(data, &nd, &ours, router);

		CHECK_INT(vnep_ndisc_read(&back, data, len), 0);
		CHECK_INT(back.type, VNEP_ND_NEIGHBOUR_ADVERT);
		CHECK_INT(back.vlan, 101);
		CHECK(back.solicited && back.override);
		CHECK_INT(data[L4 + 4 + 4] >> 7, router);
		CHECK(vnep_ip6_equal(&back.src, &target) && vnep_ip6_equal(&back.target, &target));
		CHECK(vnep_ip6_equal(&back.dest, &asker));
		CHECK(back.has_lladdr && vnep_mac_equal(&back.lladdr, &ours));
		CHECK(!memcmp(data, nd.lladdr.octet, 6));
	}
	nd.has_lladdr = false;
	vnep_ndisc_answer(data, &nd, &ours, false);
	CHECK(!memcmp(data, theirs.octet, 6));
}

TEST("ndisc: duplicate address detection is answered to all nodes, unsolicited")
{
	struct in6_addr none = { 0 }, all = ip("ff02::1");
	uint8_t data[MAX];
	struct vnep_ndisc nd, back;
	size_t len = solicit(data, 0);

	memcpy(data + L3 + 8, &none, 16);
	vnep_set_be16(data + L3 + 4, 24); /* without the option, which may not be there */
	CHECK_INT(reread(&nd, data, len - 8), 0);
	CHECK(IN6_IS_ADDR_UNSPECIFIED(&nd.src) && !nd.has_lladdr);
	len = vnep_ndisc_answer(data, &nd, &ours, false);
	CHECK_INT(vnep_ndisc_read(&back, data, len), 0);
	CHECK(!back.solicited && back.override && back.has_lladdr);
	CHECK(vnep_ip6_equal(&back.dest, &all));
	CHECK(!memcmp(data, "\x33\x33\x00\x00\x00\x01", 6));
}

TEST("ndisc: an announcement says who is where, to all nodes")
{
	struct in6_addr target = ip("2001:db8:b::77");
	uint8_t data[MAX];
	struct vnep_ndisc nd;
	size_t len = vnep_ndisc_announce(data, 900, &ours, &target);

	CHECK_INT(vnep_ndisc_read(&nd, data, len), 0);
	CHECK(nd.type == VNEP_ND_NEIGHBOUR_ADVERT && nd.vlan == 900 && !nd.solicited &&
		nd.override);
	CHECK(vnep_ip6_equal(&nd.target, &target) && vnep_mac_equal(&nd.lladdr, &ours));
}

TEST("ndisc: a router solicitation is read, with and without a source")
{
	uint8_t data[MAX];
	struct in6_addr none = { 0 };
	struct vnep_ndisc nd;
	size_t len = router_solicit(data);

	CHECK_INT(reread(&nd, data, len), 0);
	CHECK_INT(nd.type, VNEP_ND_ROUTER_SOLICIT);
	CHECK(nd.has_lladdr && IN6_IS_ADDR_UNSPECIFIED(&nd.target));
	memcpy(data + L3 + 8, &none, 16);
	CHECK_INT(reread(&nd, data, len), VNEP_ESYNTAX); /* 6.1.1: no option without a source */
	vnep_set_be16(data + L3 + 4, 8);
	CHECK_INT(reread(&nd, data, len - 8), 0);
	vnep_set_be16(data + L3 + 4, 7);
	CHECK_INT(reread(&nd, data, len - 9), VNEP_ESYNTAX);
}

/* One octet changed in a message that was good: RFC 4861 6.1.1, 7.1.1, 7.1.2. */
static void mutate(
	size_t (*make)(uint8_t *), const char *what, size_t at, uint8_t value, int wanted)
{
	uint8_t data[MAX];
	struct vnep_ndisc nd = { .vlan = 77 };
	size_t len = make(data);
	int rc;

	CHECK_INT(reread(&nd, data, len), 0);
	nd.vlan = 77;
	data[at] = value;
	rc = reread(&nd, data, len);
	if (rc != wanted) {
		printf("# %s: %d, not %d\n", what, rc, wanted);
		CHECK(false);
	}
	CHECK_INT(nd.vlan, 77); /* written only on success */
}

static size_t plain_solicit(uint8_t *data)
{
	return solicit(data, 0);
}

TEST("ndisc: each rule of RFC 4861 discards what breaks it alone")
{
	static size_t (*const makes[])(uint8_t *) = { plain_solicit, advert, router_solicit };

	for (unsigned i = 0; i < 3; i++) {
		size_t option = makes[i] == router_solicit ? L4 + 8 : OPTION;

		mutate(makes[i], "hop limit 254", L3 + 7, 254, VNEP_ESYNTAX);
		mutate(makes[i], "hop limit 0", L3 + 7, 0, VNEP_ESYNTAX);
		mutate(makes[i], "code 1", L4 + 1, 1, VNEP_ESYNTAX);
		mutate(makes[i], "option of length 0", option + 1, 0, VNEP_ESYNTAX);
		mutate(makes[i], "option longer than the message", option + 1, 2, VNEP_ESYNTAX);
		mutate(makes[i], "link-layer address of a group", option + 2, 0x33, VNEP_ESYNTAX);
		mutate(makes[i], "source of a group", L3 + 8, 0xff, VNEP_ESYNTAX);
		mutate(makes[i], "another type", L4, 134, VNEP_EPROTO);
		mutate(makes[i], "another protocol", L3 + 6, IPPROTO_UDP, VNEP_EPROTO);
	}
	mutate(plain_solicit, "solicited target of a group", TARGET, 0xff, VNEP_ESYNTAX);
	mutate(advert, "advertised target of a group", TARGET, 0xff, VNEP_ESYNTAX);
	mutate(advert, "solicited, but to a group", L3 + 24, 0xff, VNEP_ESYNTAX);
}

TEST("ndisc: a wrong checksum is discarded")
{
	uint8_t data[MAX];
	struct vnep_ndisc nd;
	size_t len = solicit(data, 0);

	data[L4 + 2] ^= 1;
	CHECK_INT(vnep_ndisc_read(&nd, data, len), VNEP_ESYNTAX);
}

TEST("ndisc: without a source, a solicitation goes to a solicited-node group and has no option")
{
	static const char *const wrong[] = { "2001:db8:b::77", "ff02::1", "ff02::2:ff00:77",
		"ff05::1:ff00:77", "ff02::1:fe00:77" };
	struct in6_addr none = { 0 }, dest;
	uint8_t data[MAX];
	struct vnep_ndisc nd;
	size_t len = solicit(data, 0);

	memcpy(data + L3 + 8, &none, 16);
	CHECK_INT(reread(&nd, data, len), VNEP_ESYNTAX);
	vnep_set_be16(data + L3 + 4, 24);
	CHECK_INT(reread(&nd, data, len - 8), 0);
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		dest = ip(wrong[i]);
		memcpy(data + L3 + 24, &dest, 16);
		CHECK_INT(reread(&nd, data, len - 8), VNEP_ESYNTAX);
	}
}

TEST("ndisc: shorter than 24 octets is discarded, at every length")
{
	for (unsigned which = 0; which < 2; which++) {
		uint8_t data[MAX];
		struct vnep_ndisc nd;

		for (unsigned n = 4; n < 32; n++) {
			uint8_t *copy;

			which ? advert(data) : solicit(data, 0);
			vnep_set_be16(data + L3 + 4, (uint16_t)n);
			copy = malloc(L4 + n);
			memcpy(copy, data, L4 + n);
			CHECK_INT(reread(&nd, copy, L4 + n), n == 24 ? 0 : VNEP_ESYNTAX);
			free(copy);
		}
	}
}

TEST("ndisc: options that we do not know are skipped, ours is found behind them")
{
	uint8_t data[MAX];
	struct vnep_ndisc nd;
	size_t len = solicit(data, 0);

	memmove(data + OPTION + 16, data + OPTION, 8);
	memset(data + OPTION, 0, 16);
	data[OPTION] = 14; /* nonce */
	data[OPTION + 1] = 2;
	vnep_set_be16(data + L3 + 4, 24 + 24);
	CHECK_INT(reread(&nd, data, len + 16), 0);
	CHECK(nd.has_lladdr && vnep_mac_equal(&nd.lladdr, &theirs));
	data[OPTION + 16] = 2; /* a target address in a solicitation is not the sender's */
	CHECK_INT(reread(&nd, data, len + 16), 0);
	CHECK(!nd.has_lladdr);
}

TEST("ndisc: behind an extension header it is discarded: a fragment, an atomic one, hop-by-hop")
{
	static const struct {
		uint8_t type, octets[8];
	} headers[] = {
		{ 44, { 58, 0, 0, 1, 0, 0, 0, 9 } },
		{ 44, { 58, 0, 0, 0, 0, 0, 0, 9 } },
		{ 0, { 58, 0, 5, 2, 0, 0, 0, 0 } },
		{ 60, { 58, 0, 1, 4, 0, 0, 0, 0 } },
	};

	for (unsigned i = 0; i < sizeof headers / sizeof *headers; i++) {
		uint8_t data[MAX];
		struct vnep_ndisc nd;
		size_t len = solicit(data, 0);

		memmove(data + L4 + 8, data + L4, len - L4);
		memcpy(data + L4, headers[i].octets, 8);
		data[L3 + 6] = headers[i].type;
		vnep_set_be16(data + L3 + 4, 40);
		CHECK_INT(reread(&nd, data, len + 8), VNEP_ESYNTAX);
	}
}

/* A router that says everything: octet by octet of RFC 4861 4.2, 4.6.1, 4.6.2, 4.6.4. */
static struct vnep_ndisc_router full_router(void)
{
	struct vnep_ndisc_router r = { .vlan = 101,
		.our_mac = ours,
		.our_addr = ip("fe80::1"),
		.lifetime_s = 1800,
		.mtu = 1280,
		.prefix_count = 2 };

	CHECK_INT(vnep_prefix_parse("2001:db8:a::/64", &r.prefix[0].prefix, NULL), 0);
	r.prefix[0].valid_s = 86400;
	r.prefix[0].preferred_s = 14400;
	CHECK_INT(vnep_prefix_parse("2001:db8:c::/64", &r.prefix[1].prefix, NULL), 0);
	r.prefix[1].valid_s = r.prefix[1].preferred_s = UINT32_MAX;
	return r;
}

TEST("ndisc: a router advertisement has its options, flags and lifetimes where RFC 4861 puts them")
{
	static const uint8_t wanted[] = { 134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, /**/
		1, 1, 0, 0, 0x5e, 0, 0x53, 0xfe,                                             /**/
		5, 1, 0, 0, 0, 0, 5, 0,                                                      /**/
		3, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8,
		0, 0xa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /**/
		3, 4, 64, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0x20, 1,
		0xd, 0xb8, 0, 0xc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct vnep_ndisc_router r = full_router();
	struct in6_addr all = ip("ff02::1");
	uint8_t data[VNEP_ND_ROUTER_MAX];
	size_t len = vnep_ndisc_router(data, &r, NULL, NULL);
	struct vnep_frame f;

	CHECK_INT(len, 18 + 40 + sizeof wanted);
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK_INT(f.vlan, 101);
	CHECK_INT(f.hop_limit, 255);
	CHECK_INT(f.end, len);
	CHECK(vnep_frame_checksum_ok(&f, data));
	CHECK(vnep_ip6_equal(&f.src, &r.our_addr) && vnep_ip6_equal(&f.dest, &all));
	CHECK(!memcmp(data, "\x33\x33\x00\x00\x00\x01", 6) && !memcmp(data + 6, ours.octet, 6));
	data[f.l4 + 2] = data[f.l4 + 3] = 0;
	for (size_t i = 0; i < sizeof wanted; i++)
		CHECK_INT(data[f.l4 + i], wanted[i]);
}

TEST("ndisc: a router advertisement to one node, without MTU and prefix, and the largest one")
{
	struct vnep_ndisc_router r = full_router();
	struct in6_addr asker = ip("fe80::200:5eff:fe00:5301");
	uint8_t data[VNEP_ND_ROUTER_MAX];
	struct vnep_frame f;
	size_t len;

	r.vlan = 0;
	r.mtu = 0;
	r.prefix_count = 0;
	r.lifetime_s = 0;
	len = vnep_ndisc_router(data, &r, &asker, &theirs);
	CHECK_INT(len, 14 + 40 + 16 + 8);
	CHECK_INT(vnep_frame_parse(&f, data, len), 0);
	CHECK(vnep_frame_checksum_ok(&f, data) && vnep_ip6_equal(&f.dest, &asker) && !f.vlan);
	CHECK(!memcmp(data, theirs.octet, 6));
	CHECK(data[f.l4 + 6] == 0 && data[f.l4 + 7] == 0);

	r.vlan = 4094;
	r.mtu = 1500;
	r.prefix_count = VNEP_ND_PREFIXES_MAX;
	for (unsigned i = 0; i < VNEP_ND_PREFIXES_MAX; i++)
		r.prefix[i] = full_router().prefix[0];
	CHECK_INT(vnep_ndisc_router(data, &r, NULL, NULL), VNEP_ND_ROUTER_MAX);
}

TEST("ndisc: an advertisement of another router is none of the messages that are read")
{
	struct vnep_ndisc_router r = full_router();
	uint8_t data[VNEP_ND_ROUTER_MAX];
	struct vnep_ndisc nd;

	CHECK_INT(vnep_ndisc_read(&nd, data, vnep_ndisc_router(data, &r, NULL, NULL)), VNEP_EPROTO);
}

int main(void)
{
	return t_run();
}
