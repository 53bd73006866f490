/* policy: the allow list and the routes, as the ruleset has them. */
#include <arpa/inet.h>

#include "vnep/policy.h"
#include "t.h"

static struct in6_addr ip(const char *text)
{
	struct in6_addr addr;

	CHECK_INT(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static struct vnep_prefix prefix(const char *text)
{
	struct vnep_prefix p = { .len = 0 };

	CHECK_INT(vnep_prefix_parse(text, &p, NULL), 0);
	return p;
}

static struct vnep_frame to(const char *dest, uint8_t proto, uint16_t port)
{
	return (struct vnep_frame){
		.dest = ip(dest), .proto = proto, .dest_port = port, .l3 = 14, .l4 = 54
	};
}

TEST("policy: without a list a device reaches its VPC's prefix and nothing else")
{
	struct vnep_prefix vpc = prefix("2001:db8:b::/64");
	struct vnep_frame in = to("2001:db8:b::2", IPPROTO_UDP, 1),
			  out = to("2001:db8:c::2", IPPROTO_UDP, 1);

	CHECK_INT(vnep_policy_allows(NULL, 0, &vpc, &in), VNEP_REASON_NONE);
	CHECK_INT(vnep_policy_allows(NULL, 0, &vpc, &out), VNEP_POLICY_DENIED);
}

TEST("policy: what an authentication header hides is not what a list speaks of, as in the kernel")
{
	struct vnep_prefix vpc = prefix("2001:db8:b::/64");
	const struct vnep_allow udp = { .to = vpc, .proto = IPPROTO_UDP },
				auth = { .to = vpc, .proto = IPPROTO_AH }, any = { .to = vpc };
	struct vnep_frame f = to("2001:db8:b::2", IPPROTO_UDP, 5683);

	CHECK_INT(vnep_policy_allows(&udp, 1, &vpc, &f), VNEP_REASON_NONE);
	f.proto = IPPROTO_AH; /* where the chain ends, says frame.h */
	CHECK_INT(vnep_policy_allows(&udp, 1, &vpc, &f), VNEP_POLICY_DENIED);
	CHECK_INT(vnep_policy_allows(&auth, 1, &vpc, &f), VNEP_REASON_NONE);
	CHECK_INT(vnep_policy_allows(&any, 1, &vpc, &f), VNEP_REASON_NONE);
	CHECK_INT(vnep_policy_allows(NULL, 0, &vpc, &f), VNEP_REASON_NONE);
}

TEST("policy: with a list only its entries count, prefix, protocol and ports together")
{
	struct vnep_prefix vpc = prefix("2001:db8:b::/64");
	const struct vnep_allow list[] = {
		{ .to = prefix("2001:db8:c::/48") },
		{ .to = prefix("2001:db8:d::1/128"),
			.proto = IPPROTO_UDP,
			.port_count = 2,
			.ports = { { 5683, 5684 }, { 7000, 7000 } } },
		{ .to = prefix("2001:db8:d::2/128"), .proto = IPPROTO_ICMPV6 },
	};
	const struct {
		const char *dest;
		uint8_t proto;
		uint16_t port;
		bool allowed;
	} cases[] = {
		{ "2001:db8:b::2", IPPROTO_UDP, 1, false }, /* a list replaces the default */
		{ "2001:db8:c:ffff::1", IPPROTO_TCP, 80, true },
		{ "2001:db8:c::1", IPPROTO_ICMPV6, 0, true },
		{ "2001:db8:d::1", IPPROTO_UDP, 5682, false },
		{ "2001:db8:d::1", IPPROTO_UDP, 5683, true },
		{ "2001:db8:d::1", IPPROTO_UDP, 5684, true },
		{ "2001:db8:d::1", IPPROTO_UDP, 5685, false },
		{ "2001:db8:d::1", IPPROTO_UDP, 7000, true },
		{ "2001:db8:d::1", IPPROTO_TCP, 5683, false },
		{ "2001:db8:d::2", IPPROTO_ICMPV6, 0, true },
		{ "2001:db8:d::2", IPPROTO_UDP, 5683, false },
		{ "2001:db8:d::3", IPPROTO_ICMPV6, 0, false },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vnep_frame f = to(cases[i].dest, cases[i].proto, cases[i].port);

		if (vnep_policy_allows(list, 3, &vpc, &f) !=
			(cases[i].allowed ? VNEP_REASON_NONE : VNEP_POLICY_DENIED)) {
			printf("# %s %u %u\n", cases[i].dest, cases[i].proto, cases[i].port);
			CHECK(false);
		}
	}
}

TEST("policy: no rule about ports allows a later fragment, which shows none")
{
	const struct vnep_allow ports = { .to = prefix("::/0"),
		.proto = IPPROTO_UDP,
		.port_count = 1,
		.ports = { { 0, 65535 } } };
	const struct vnep_allow any = { .to = prefix("::/0"), .proto = IPPROTO_UDP };
	struct vnep_frame f = to("2001:db8::1", IPPROTO_UDP, 0);
	struct vnep_prefix vpc = prefix("2001:db8:b::/64");

	f.fragment = true;
	f.l4 = 0;
	CHECK_INT(vnep_policy_allows(&ports, 1, &vpc, &f), VNEP_FRAGMENT);
	CHECK_INT(vnep_policy_allows(&any, 1, &vpc, &f), VNEP_REASON_NONE);
	f.proto = IPPROTO_TCP; /* not even its protocol */
	CHECK_INT(vnep_policy_allows(&ports, 1, &vpc, &f), VNEP_POLICY_DENIED);
}

TEST("policy: what never leaves a link is for nobody, whatever the list says")
{
	const struct vnep_allow any = { .to = prefix("::/0") };
	struct vnep_prefix vpc = prefix("2001:db8:b::/64");
	static const char *const cases[] = { "fe80::1", "ff02::1", "ff0e::1", "::", "::1" };

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vnep_frame f = to(cases[i], IPPROTO_UDP, 1);

		CHECK_INT(vnep_policy_allows(&any, 1, &vpc, &f), VNEP_POLICY_DENIED);
	}
}

TEST("policy: devices of one VPC meet if the sender may; of two, if both allow it and both or "
     "neither are tagged")
{
	struct in6_addr va = ip("2001:db8:b::70"), vb = ip("2001:db8:c::71");
	struct in6_addr vb_here = ip("2001:db8:b::71");
	struct vnep_vpc acme = { .vpc = "acme", .prefix = prefix("2001:db8:b::/64") };
	struct vnep_vpc other = { .vpc = "other", .prefix = prefix("2001:db8:c::/64") };
	const struct vnep_allow to_c = { .to = prefix("2001:db8:c::/64") };
	const struct vnep_allow to_b = { .to = prefix("2001:db8:b::/64"),
		.proto = IPPROTO_UDP,
		.port_count = 1,
		.ports = { { 9, 9 } } };
	struct vnep_policy_end a = { &va, &acme, NULL, 0 }, b = { &vb_here, &acme, NULL, 0 };
	struct vnep_frame near = to("2001:db8:b::71", IPPROTO_UDP, 5683);
	struct vnep_frame far = to("2001:db8:c::71", IPPROTO_UDP, 5683);
	struct vnep_frame far_tcp = to("2001:db8:c::71", IPPROTO_TCP, 80);

	CHECK_INT(vnep_policy_meets(&a, &b, &near), VNEP_REASON_NONE);
	a.allow = &to_c;
	a.allow_count = 1;
	CHECK_INT(vnep_policy_meets(&a, &b, &near), VNEP_POLICY_DENIED);

	b = (struct vnep_policy_end){ &vb, &other, NULL, 0 };
	CHECK_INT(vnep_policy_meets(&a, &b, &far), VNEP_POLICY_DENIED); /* only one side */
	b.allow = &to_b;
	b.allow_count = 1;
	CHECK_INT(vnep_policy_meets(&a, &b, &far), VNEP_REASON_NONE);
	CHECK_INT(vnep_policy_meets(&a, &b, &far_tcp), VNEP_POLICY_DENIED);
	other.core_vlan = 900;
	CHECK_INT(vnep_policy_meets(&a, &b, &far), VNEP_POLICY_DENIED);
	acme.core_vlan = 901;
	CHECK_INT(vnep_policy_meets(&a, &b, &far), VNEP_REASON_NONE);
	a.allow_count = 0;
	CHECK_INT(vnep_policy_meets(&a, &b, &far), VNEP_POLICY_DENIED); /* only the other side */
}

TEST("policy: the next hop is the destination inside the prefix, else that of the longest route, "
     "else none")
{
	struct vnep_route routes[] = {
		/* longest first, as records are decoded */
		{ prefix("2001:db8:c:1::/64"), ip("2001:db8:b::1c") },
		{ prefix("2001:db8:c::/48"), ip("2001:db8:b::c") },
		{ prefix("2001:db8::/32"), ip("2001:db8:b::1") },
	};
	struct vnep_vpc vpc = {
		.prefix = prefix("2001:db8:b::/64"), .routes = routes, .route_count = 3
	};
	static const char *const cases[][2] = {
		{ "2001:db8:b::77", "2001:db8:b::77" },
		{ "2001:db8:c:1::5", "2001:db8:b::1c" },
		{ "2001:db8:c:2::5", "2001:db8:b::c" },
		{ "2001:db8:d::5", "2001:db8:b::1" },
		{ "3fff::1", NULL },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct in6_addr dest = ip(cases[i][0]), hop, wanted;
		bool found = vnep_policy_next_hop(&vpc, &dest, &hop);

		CHECK_INT(found, cases[i][1] != NULL);
		if (found && cases[i][1]) {
			wanted = ip(cases[i][1]);
			CHECK(vnep_ip6_equal(&hop, &wanted));
		}
	}
}

int main(void)
{
	return t_run();
}
