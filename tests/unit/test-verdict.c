/* verdict: the statements of a ruleset, run over frames. What the kernel makes of the same is 250-acl-oracle's to say. */
#include <arpa/inet.h>

#include "vnep/err.h"
#include "vnep/frame.h"
#include "vnep/verdict.h"
#include "t.h"

enum {
	OFFSET_TYPE = 12,
	OFFSET_IP = 14,
	OFFSET_NEXT = 20,
	OFFSET_HOPS = 21,
	OFFSET_UPPER = 54,
	LEN = 62
};

static const char *const V = "2001:db8:b::70", *const L = "2001:db8:a::2",
			 *const HOST = "2001:db8:b::2";

static struct in6_addr ip(const char *text)
{
	struct in6_addr addr;

	CHECK_INT(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

/* A datagram of the device to the host, its checksum right. */
static void datagram(uint8_t frame[static LEN])
{
	static const uint8_t head[] = { 0, 0, 0x5e, 0, 0x53, 0xfe, 0, 0, 0x5e, 0, 0x53, 1, 0x86,
		0xdd, 0x60, 0, 0, 0, 0, 8, IPPROTO_UDP, 64 };
	static const uint8_t udp[] = { 0x9c, 0x40, 0x16, 0x33, 0, 8, 0, 0 };
	struct in6_addr src = ip(L), dest = ip(HOST);
	struct vnep_frame f;

	memcpy(frame, head, sizeof head);
	memcpy(frame + 22, &src, 16);
	memcpy(frame + 38, &dest, 16);
	memcpy(frame + OFFSET_UPPER, udp, sizeof udp);
	CHECK_INT(vnep_frame_parse(&f, frame, LEN), 0);
	vnep_frame_checksum_set(&f, frame);
}

static void rule(struct vnep_ruleset *rs, const char *comment, struct vnep_stmt match)
{
	vnep_ruleset_rule(rs, comment);
	vnep_ruleset_stmt(rs, match);
}

static void go(struct vnep_ruleset *rs, enum vnep_stmt_kind kind, const char *chain)
{
	struct vnep_stmt s = { .kind = kind };

	snprintf(s.name, sizeof s.name, "%s", chain);
	vnep_ruleset_stmt(rs, s);
}

static void drop(struct vnep_ruleset *rs, const char *counter)
{
	vnep_ruleset_count(rs, "%s", counter);
	vnep_ruleset_stmt(rs, (struct vnep_stmt){ .kind = VNEP_STMT_DROP });
}

/* from_binding has the device, nothing else is in any set. */
static bool find(void *arg, enum vnep_set set, const uint8_t *key, struct vnep_set_element *out)
{
	struct in6_addr src = ip(L), v = ip(V);

	(void)arg;
	if (set != VNEP_SET_FROM_BINDING || key[0] != 7 || memcmp(key + 12, &src, 16))
		return false;
	memcpy(out->data, &v, 16);
	return true;
}

static int run(struct vnep_verdict *v, const struct vnep_ruleset *rs, const uint8_t *frame,
	size_t len, uint32_t beyond)
{
	struct vnep_verdict_in in = { .port = "acc0",
		.ifindex = 7,
		.mac = { { 0, 0, 0x5e, 0, 0x53, 0xfe } },
		.frame = frame,
		.len = len,
		.beyond = beyond,
		.find = find };

	return vnep_verdict_run(v, rs, &in, NULL);
}

static void begin(struct vnep_ruleset *rs, struct vnep_verdict *v)
{
	vnep_ruleset_init(rs, 0);
	vnep_verdict_init(v);
	vnep_ruleset_chain(rs, "acc0", NULL, "base");
}

static void end(struct vnep_ruleset *rs, struct vnep_verdict *v)
{
	vnep_verdict_release(v);
	vnep_ruleset_release(rs);
}

TEST("verdict: the rule that ended it is named, with its counter, and no rule is a drop of its own "
     "kind")
{
	uint8_t frame[LEN];
	struct vnep_ruleset rs;
	struct vnep_verdict v;

	datagram(frame);
	begin(&rs, &v);
	CHECK_INT(run(&v, &rs, frame, LEN, 0), 0);
	CHECK_INT(v.end, VNEP_END_RAN_OUT);
	CHECK(!v.rule && !v.counter);
	rule(&rs, "ICMPv6",
		(struct vnep_stmt){ .kind = VNEP_STMT_PROTO, .number = IPPROTO_ICMPV6 });
	drop(&rs, "drop.a");
	rule(&rs, "UDP", (struct vnep_stmt){ .kind = VNEP_STMT_PROTO, .number = IPPROTO_UDP });
	drop(&rs, "drop.b");
	CHECK_INT(run(&v, &rs, frame, LEN, 0), 0);
	CHECK_INT(v.end, VNEP_END_DROP);
	CHECK_STR(v.rule->comment, "UDP");
	CHECK_STR(v.chain->name, "base");
	CHECK_STR(v.counter, "drop.b");
	CHECK_INT(v.counter_count, 1);
	end(&rs, &v);
}

TEST("verdict: a jump comes back, a goto does not, and a circle ends")
{
	uint8_t frame[LEN];
	struct vnep_ruleset rs;
	struct vnep_verdict v;

	datagram(frame);
	begin(&rs, &v);
	vnep_ruleset_rule(&rs, "there");
	go(&rs, VNEP_STMT_JUMP, "side");
	vnep_ruleset_rule(&rs, "on");
	go(&rs, VNEP_STMT_GOTO, "last");
	vnep_ruleset_rule(&rs, "never");
	drop(&rs, "drop.never");
	vnep_ruleset_chain(&rs, NULL, NULL, "side");
	vnep_ruleset_rule(&rs, "side");
	vnep_ruleset_count(&rs, "copy.side");
	vnep_ruleset_chain(&rs, NULL, NULL, "last");
	CHECK_INT(run(&v, &rs, frame, LEN, 0), 0);
	CHECK_INT(v.end, VNEP_END_RAN_OUT);
	CHECK_INT(v.rule_count, 3);
	CHECK_STR(v.rules[1]->comment, "side");
	CHECK_INT(v.counter_count, 1);
	vnep_ruleset_rule(&rs, "again");
	go(&rs, VNEP_STMT_JUMP, "last");
	CHECK_INT(run(&v, &rs, frame, LEN, 0), VNEP_EVALUE);
	end(&rs, &v);

	begin(&rs, &v);
	vnep_ruleset_rule(&rs, "nowhere");
	go(&rs, VNEP_STMT_GOTO, "nowhere");
	CHECK_INT(run(&v, &rs, frame, LEN, 0), VNEP_EVALUE);
	vnep_ruleset_release(&rs);
	vnep_ruleset_init(&rs, 0);
	CHECK_INT(run(&v, &rs, frame, LEN, 0), VNEP_EVALUE);
	end(&rs, &v);
}

TEST("verdict: a binding rewrites the source and keeps the checksum right, also under a tag")
{
	uint8_t frame[LEN + 4], *out;
	struct vnep_ruleset rs;
	struct vnep_verdict v;
	struct vnep_frame f;
	struct vnep_stmt to = { .kind = VNEP_STMT_ROUTE, .ifindex = 9, .name = "up0" };
	struct in6_addr vep = ip(V), host = ip(HOST);

	datagram(frame);
	begin(&rs, &v);
	rule(&rs, "bound",
		(struct vnep_stmt){ .kind = VNEP_STMT_FROM_BINDING, .set = VNEP_SET_FROM_BINDING });
	vnep_ruleset_stmt(&rs, (struct vnep_stmt){ .kind = VNEP_STMT_TAG,
				       .tag = { VNEP_TAG_TAP, 0, VNEP_FROM_DEVICE } });
	vnep_ruleset_stmt(&rs, (struct vnep_stmt){ .kind = VNEP_STMT_DUP, .name = "vnep-j0" });
	vnep_ruleset_stmt(&rs, to);
	CHECK_INT(run(&v, &rs, frame, LEN, 0), 0);
	CHECK_INT(v.end, VNEP_END_NEIGHBOUR);
	CHECK(vnep_ip6_equal(&v.neighbour, &host) && v.has_from && vnep_ip6_equal(&v.from, &vep));
	CHECK_STR(v.sent.port, "up0");
	CHECK_INT(v.sent.len, LEN);
	out = v.bytes.data + v.sent.at;
	CHECK_INT(vnep_frame_parse(&f, out, v.sent.len), 0);
	CHECK(vnep_ip6_equal(&f.src, &vep) && vnep_frame_checksum_ok(&f, out));
	CHECK_INT(f.hop_limit, 63);
	CHECK_INT(v.copy_count, 1);
	CHECK_INT(vnep_verdict_frame(&v, &v.copies[0].sent)[2], VNEP_TAG_TAP);
	CHECK_INT(vnep_verdict_frame(&v, &v.copies[0].sent)[OFFSET_HOPS], 64);

	memmove(frame + 16, frame + 12, LEN - 12); /* a tag changes nothing but where things are */
	memcpy(frame + 12, (uint8_t[]){ 0x81, 0, 0xa0, 101 }, 4);
	CHECK_INT(run(&v, &rs, frame, LEN + 4, 0), 0);
	CHECK_INT(v.end, VNEP_END_NEIGHBOUR);
	CHECK_INT(v.sent.len, LEN + 4);
	CHECK(!memcmp(v.bytes.data + v.sent.at + 12, frame + 12, 4));
	end(&rs, &v);
}

TEST("verdict: what is not there to be read does not match, and the kernel's limits are its own")
{
	static const size_t lens[] = { 14, 20, 37, 53, 54, 57 };
	uint8_t frame[LEN];
	struct vnep_ruleset rs;
	struct vnep_verdict v;

	datagram(frame);
	begin(&rs, &v);
	rule(&rs, "port",
		(struct vnep_stmt){ .kind = VNEP_STMT_PORTS, .number = 5683, .number2 = 5683 });
	drop(&rs, "drop.port");
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		CHECK_INT(run(&v, &rs, frame, lens[i], 0), 0);
		CHECK_INT(v.end, VNEP_END_RAN_OUT);
	}
	CHECK_INT(run(&v, &rs, frame, LEN, 0), 0);
	CHECK_INT(v.end, VNEP_END_DROP);
	frame[19] = 4; /* cut by its own length, but there is more: padding */
	CHECK_INT(run(&v, &rs, frame, LEN, 0), 0);
	CHECK_INT(v.end, VNEP_END_DROP);
	frame[19] = 9; /* longer than what came */
	CHECK_INT(run(&v, &rs, frame, LEN, 0), 0);
	CHECK_INT(v.end, VNEP_END_RAN_OUT);
	CHECK_INT(run(&v, &rs, frame, 13, 0), VNEP_ESHORT);
	CHECK_INT(run(&v, &rs, frame, VNEP_VERDICT_FRAME_MAX + 1, 0), VNEP_ETOOBIG);
	frame[OFFSET_TYPE] = 0x81;
	frame[OFFSET_TYPE + 1] = 0;
	CHECK_INT(run(&v, &rs, frame, 19, 0), 0);
	CHECK_INT(v.end, VNEP_END_UNSEEN);
	end(&rs, &v);
}

TEST("verdict: a fragment behind the first has a protocol and no ports, an authentication header "
     "hides what follows")
{
	uint8_t frame[LEN + 8] = { 0 };
	struct vnep_ruleset rs;
	struct vnep_verdict v;

	datagram(frame);
	memmove(frame + OFFSET_UPPER + 8, frame + OFFSET_UPPER, 8);
	memcpy(frame + OFFSET_UPPER, (uint8_t[]){ IPPROTO_UDP, 0, 1, 1, 0, 0, 0, 1 }, 8);
	frame[OFFSET_NEXT] = IPPROTO_FRAGMENT;
	frame[19] = 16;
	begin(&rs, &v);
	rule(&rs, "port",
		(struct vnep_stmt){ .kind = VNEP_STMT_PORTS, .number = 0, .number2 = 65535 });
	vnep_ruleset_stmt(
		&rs, (struct vnep_stmt){ .kind = VNEP_STMT_PROTO, .number = IPPROTO_UDP });
	drop(&rs, "drop.port");
	rule(&rs, "later", (struct vnep_stmt){ .kind = VNEP_STMT_LATER });
	vnep_ruleset_stmt(
		&rs, (struct vnep_stmt){ .kind = VNEP_STMT_PROTO, .number = IPPROTO_UDP });
	drop(&rs, "drop.later");
	rule(&rs, "51", (struct vnep_stmt){ .kind = VNEP_STMT_PROTO, .number = IPPROTO_AH });
	drop(&rs, "drop.51");
	CHECK_INT(run(&v, &rs, frame, sizeof frame, 0), 0);
	CHECK_STR(v.counter, "drop.later");
	frame[OFFSET_UPPER + 2] = 0; /* the first one */
	CHECK_INT(run(&v, &rs, frame, sizeof frame, 0), 0);
	CHECK_STR(v.counter, "drop.port");
	frame[OFFSET_NEXT] = IPPROTO_AH;
	CHECK_INT(run(&v, &rs, frame, sizeof frame, 0), 0);
	CHECK_STR(v.counter, "drop.51");
	end(&rs, &v);
}

TEST("verdict: a limit is not used up, unless the caller says so")
{
	uint8_t frame[LEN];
	struct vnep_ruleset rs;
	struct vnep_verdict v;

	datagram(frame);
	begin(&rs, &v);
	rule(&rs, "some",
		(struct vnep_stmt){ .kind = VNEP_STMT_LIMIT, .number = 10, .number2 = 5 });
	drop(&rs, "drop.some");
	vnep_ruleset_rule(&rs, "the others");
	drop(&rs, "drop.others");
	CHECK_INT(run(&v, &rs, frame, LEN, 0), 0);
	CHECK_STR(v.counter, "drop.some");
	CHECK_INT(v.limit_count, 1);
	CHECK_INT(v.limits[0], 10);
	CHECK_INT(run(&v, &rs, frame, LEN, 1), 0);
	CHECK_STR(v.counter, "drop.others");
	end(&rs, &v);
}

int main(void)
{
	return t_run();
}
