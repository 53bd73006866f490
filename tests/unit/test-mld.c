/* mld: reports as hosts send them, one mutation for each rule that tells to discard, and queries bit by bit. */
#include <arpa/inet.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/mld.h"
#include "t.h"

static struct in6_addr ip(const char *text)
{
	struct in6_addr addr;

	CHECK_INT(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static const struct vnep_mac ours = { { 0, 0, 0x5e, 0, 0x53, 0xfe } };
static const char group[] = "ff35:40:2001:db8::8000:1";

enum { L3 = 14, HBH = L3 + 40, L4 = HBH + 8, RECORDS = L4 + 8, MAX = 512 };

/* The frame of a message, its checksum made; src may be NULL: link-local. */
static size_t frame(uint8_t data[MAX], const char *src, const void *message, size_t len)
{
	static const uint8_t alert[] = { 58, 0, 5, 2, 0, 0, 1, 0 };
	struct in6_addr from = ip(src ? src : "fe80::1"), to = ip("ff02::16");
	struct vnep_frame f;

	memset(data, 0, MAX);
	memcpy(data, "\x33\x33\x00\x00\x00\x16\x00\x00\x5e\x00\x53\x01\x86\xdd\x60", 15);
	vnep_set_be16(data + L3 + 4, (uint16_t)(sizeof alert + len));
	data[L3 + 7] = 1;
	memcpy(data + L3 + 8, &from, 16);
	memcpy(data + L3 + 24, &to, 16);
	memcpy(data + HBH, alert, sizeof alert);
	memcpy(data + L4, message, len);
	CHECK_INT(vnep_frame_parse(&f, data, L4 + len), 0);
	vnep_frame_checksum_set(&f, data);
	return L4 + len;
}

static size_t put_record(
	uint8_t *at, uint8_t kind, uint16_t sources, uint8_t aux, const char *address)
{
	struct in6_addr addr = ip(address);

	memset(at, 0, 20);
	at[0] = kind;
	at[1] = aux;
	vnep_set_be16(at + 2, sources);
	memcpy(at + 4, &addr, 16);
	memset(at + 20, 0x20, sources * 16u + aux * 4u);
	return 20 + sources * 16u + aux * 4u;
}

static int read(struct vnep_mld *mld, const uint8_t *data, size_t len)
{
	struct vnep_frame f;

	return vnep_frame_parse(&f, data, len) ? -1 : vnep_mld_read(mld, &f, data);
}

/* The checksum follows a mutation, so that only the mutation is judged. */
static int reread(uint8_t *data, size_t len)
{
	struct vnep_mld mld;
	struct vnep_frame f;

	if (!vnep_frame_parse(&f, data, len))
		vnep_frame_checksum_set(&f, data);
	return read(&mld, data, len);
}

static size_t report(uint8_t data[MAX])
{
	uint8_t message[MAX] = { VNEP_MLD_REPORT };
	size_t len = 8;

	message[7] = 3;
	len += put_record(message + len, VNEP_MLD_IS_EXCLUDE, 0, 0, group);
	len += put_record(message + len, VNEP_MLD_ALLOW, 2, 1, "ff02::db8:1");
	len += put_record(message + len, VNEP_MLD_TO_INCLUDE, 0, 0, "ff05::db8:2");
	return frame(data, NULL, message, len);
}

TEST("mld: every record of a report, sources and auxiliary data passed over")
{
	static const struct vnep_mld_record wanted[] = { { VNEP_MLD_IS_EXCLUDE, { { { 0 } } }, 0 },
		{ VNEP_MLD_ALLOW, { { { 0 } } }, 2 }, { VNEP_MLD_TO_INCLUDE, { { { 0 } } }, 0 } };
	static const char *const groups[] = { group, "ff02::db8:1", "ff05::db8:2" };
	struct vnep_mld_record r;
	struct vnep_mld mld;
	uint8_t data[MAX];
	size_t len = report(data);

	CHECK_INT(read(&mld, data, len), 0);
	CHECK_INT(mld.type, VNEP_MLD_REPORT);
	for (size_t i = 0; i < 3; i++) {
		struct in6_addr addr = ip(groups[i]);

		CHECK(vnep_mld_next(&mld, &r));
		CHECK_INT(r.kind, wanted[i].kind);
		CHECK_INT(r.source_count, wanted[i].source_count);
		CHECK(vnep_ip6_equal(&r.group, &addr));
	}
	CHECK(!vnep_mld_next(&mld, &r));
	CHECK(!vnep_mld_next(&mld, &r));
}

TEST("mld: report and done of the first version are records of the second, tag and all")
{
	for (unsigned type = VNEP_MLD_REPORT_V1; type <= VNEP_MLD_DONE_V1; type++) {
		uint8_t message[24] = { (uint8_t)type }, data[MAX], tagged[MAX];
		struct in6_addr addr = ip(group);
		struct vnep_mld_record r;
		struct vnep_mld mld;
		size_t len;

		memcpy(message + 8, &addr, 16);
		len = frame(data, NULL, message, sizeof message);
		memcpy(tagged, data, 12);
		vnep_set_be16(tagged + 12, 0x8100);
		vnep_set_be16(tagged + 14, 101);
		memcpy(tagged + 16, data + 12, len - 12);
		CHECK_INT(read(&mld, tagged, len + 4), 0);
		CHECK_INT(mld.vlan, 101);
		CHECK(vnep_mld_next(&mld, &r) && vnep_ip6_equal(&r.group, &addr));
		CHECK_INT(r.source_count, 0);
		CHECK_INT(r.kind,
			type == VNEP_MLD_DONE_V1 ? VNEP_MLD_TO_INCLUDE : VNEP_MLD_IS_EXCLUDE);
		CHECK(!vnep_mld_next(&mld, &r));
		CHECK_INT(reread(data, len - 1), -1); /* the payload length says more */
		vnep_set_be16(data + L3 + 4, 8 + 23);
		CHECK_INT(reread(data, len), VNEP_ESYNTAX);
		vnep_set_be16(data + L3 + 4, 8 + 24);
		data[RECORDS] = 0x20; /* not multicast */
		CHECK_INT(reread(data, len), VNEP_ESYNTAX);
	}
}

TEST("mld: what RFC 3810 7.4 tells to discard is discarded, each by its own rule")
{
	static const struct {
		size_t at;
		uint8_t value;
		int rc;
	} mutations[] = {
		{ L3 + 7, 2, VNEP_ESYNTAX },    /* hop limit */
		{ L3 + 8, 0x20, VNEP_ESYNTAX }, /* source not link-local */
		{ HBH + 2, 1, VNEP_ESYNTAX },   /* no router alert: PadN */
		{ HBH + 3, 4, VNEP_ESYNTAX },   /* an option longer than the header */
		{ HBH + 3, 0xff, VNEP_ESYNTAX }, { HBH + 5, 1, VNEP_ESYNTAX }, /* alert of RSVP */
		{ L4 + 7, 4, VNEP_ESYNTAX },         /* one record more than there are */
		{ RECORDS + 3, 200, VNEP_ESYNTAX },  /* sources beyond the end */
		{ RECORDS + 1, 255, VNEP_ESYNTAX },  /* auxiliary data beyond the end */
		{ L4, VNEP_MLD_QUERY, VNEP_EPROTO }, /* of a router */
		{ L4, 135, VNEP_EPROTO },
		{ L4 + 7, 0, 0 }, /* none at all is a report, too, and so are fewer */
		{ L4 + 7, 2, 0 },
		{ RECORDS + 1, 1,
			VNEP_ESYNTAX }, /* all that is behind is moved, and the last one cut off */
	};
	uint8_t data[MAX];
	size_t len = report(data);

	CHECK_INT(reread(data, len), 0);
	for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++) {
		len = report(data);
		data[mutations[i].at] = mutations[i].value;
		CHECK_INT(reread(data, len), mutations[i].rc);
	}
	len = report(data);
	data[L4 + 2] ^= 1; /* checksum */
	CHECK_INT(read(&(struct vnep_mld){ 0 }, data, len), VNEP_ESYNTAX);
}

TEST("mld: a router alert may stand behind other options, and has to be there")
{
	static const uint8_t behind[] = { 58, 0, 0, 0, 5, 2, 0, 0 };
	uint8_t data[MAX];
	size_t len = report(data);

	memcpy(data + HBH, behind, sizeof behind);
	CHECK_INT(reread(data, len), 0);
	memcpy(data + HBH + 2, "\x01\x00\x00\x00\x01\x09",
		6); /* one whose end is beyond the header */
	CHECK_INT(reread(data, len), VNEP_ESYNTAX);
	memcpy(data + HBH, behind, sizeof behind);
	data[L3 + 6] = 60; /* destination options are none */
	CHECK_INT(reread(data, len), VNEP_ESYNTAX);
}

TEST("mld: a node without an address yet says so, and is read")
{
	uint8_t message[8] = { VNEP_MLD_REPORT }, data[MAX];
	struct vnep_mld mld;
	size_t len = frame(data, "::", message, sizeof message);

	CHECK_INT(read(&mld, data, len), 0);
	CHECK(IN6_IS_ADDR_UNSPECIFIED(&mld.src));
}

TEST("mld: kinds that nobody knows and addresses that are no groups are passed over")
{
	uint8_t message[MAX] = { VNEP_MLD_REPORT }, data[MAX];
	struct in6_addr last = ip(group);
	struct vnep_mld_record r;
	struct vnep_mld mld;
	size_t len = 8;

	message[7] = 4;
	len += put_record(message + len, 7, 1, 0, group);
	len += put_record(message + len, 0, 0, 2, group);
	len += put_record(message + len, VNEP_MLD_TO_EXCLUDE, 0, 0, "2001:db8::1");
	len += put_record(message + len, VNEP_MLD_TO_EXCLUDE, 0, 0, group);
	len = frame(data, NULL, message, len);
	CHECK_INT(read(&mld, data, len), 0);
	CHECK(vnep_mld_next(&mld, &r));
	CHECK_INT(r.kind, VNEP_MLD_TO_EXCLUDE);
	CHECK(vnep_ip6_equal(&r.group, &last));
	CHECK(!vnep_mld_next(&mld, &r));
}

static size_t make_query(uint8_t out[VNEP_MLD_QUERY_MAX], uint16_t vlan, const char *address,
	uint32_t response_ms, uint32_t interval_s)
{
	struct vnep_mld_query q = { .vlan = vlan,
		.our_mac = ours,
		.our_addr = ip("fe80::1"),
		.group = ip(address),
		.response_ms = response_ms,
		.interval_s = interval_s,
		.robustness = 2 };

	return vnep_mld_query(out, &q);
}

TEST("mld: a query has hop limit 1, the router alert, a good checksum, and goes to whom it asks")
{
	for (unsigned vlan = 0; vlan <= 101; vlan += 101) {
		uint8_t out[VNEP_MLD_QUERY_MAX];
		size_t len = make_query(out, (uint16_t)vlan, "::", 10000, 125);
		struct in6_addr dest = ip("ff02::1"), src = ip("fe80::1");
		struct vnep_frame f;

		CHECK_INT(len, vlan ? VNEP_MLD_QUERY_MAX : VNEP_MLD_QUERY_MAX - 4);
		CHECK_INT(vnep_frame_parse(&f, out, len), 0);
		CHECK(f.end == len && f.vlan == vlan && f.hop_limit == 1 && f.extended);
		CHECK_INT(f.icmp_type, VNEP_MLD_QUERY);
		CHECK(vnep_frame_checksum_ok(&f, out));
		CHECK(vnep_ip6_equal(&f.dest, &dest) && vnep_ip6_equal(&f.src, &src));
		CHECK(!memcmp(out, "\x33\x33\x00\x00\x00\x01\x00\x00\x5e\x00\x53\xfe", 12));
		CHECK(!memcmp(out + f.l3 + 40, "\x3a\x00\x05\x02\x00\x00", 6));
		CHECK_INT(vnep_be16(out + f.l4 + 4), 10000);
		CHECK_INT(out[f.l4 + 24], 2);
		CHECK_INT(out[f.l4 + 25], 125);
		len = make_query(out, (uint16_t)vlan, group, 1000, 125);
		dest = ip(group);
		CHECK_INT(vnep_frame_parse(&f, out, len), 0);
		CHECK(vnep_ip6_equal(&f.dest, &dest) &&
			!memcmp(out, "\x33\x33\x80\x00\x00\x01", 6));
		CHECK(!memcmp(out + f.l4 + 8, &dest, 16) && vnep_frame_checksum_ok(&f, out));
	}
}

TEST("mld: a query to one alone differs in the MAC that it goes to, and in nothing else")
{
	const struct vnep_mac one = { { 0x02, 0, 0, 0, 0, 9 } };
	uint8_t all[VNEP_MLD_QUERY_MAX], alone[VNEP_MLD_QUERY_MAX];
	struct vnep_mld_query q = { .our_mac = ours,
		.our_addr = ip("fe80::1"),
		.group = ip(group),
		.response_ms = 1000,
		.interval_s = 125,
		.robustness = 2 };
	size_t len = vnep_mld_query(all, &q);

	q.alone = &one;
	CHECK_INT(vnep_mld_query(alone, &q), len);
	CHECK(!memcmp(alone, one.octet, 6) && !memcmp(alone + 6, all + 6, len - 6));
}

/* RFC 3810 5.1.3 and 5.1.9, as a host reads them. */
static uint32_t meant(unsigned code, unsigned bits)
{
	unsigned mantissa = bits - 4;

	if (code < 1u << (bits - 1))
		return code;
	return ((code & ((1u << mantissa) - 1)) | 1u << mantissa) << ((code >> mantissa & 7) + 3);
}

TEST("mld: long times are written as exponent and mantissa, never as more than was meant")
{
	for (uint32_t s = 1; s <= VNEP_MLD_INTERVAL_MAX_S; s++) {
		uint8_t out[VNEP_MLD_QUERY_MAX];
		uint32_t ms = s * (VNEP_MLD_RESPONSE_MAX_MS / VNEP_MLD_INTERVAL_MAX_S), got;
		size_t len = make_query(out, 0, "::", ms, s);

		got = meant(out[len - 3], 8);
		CHECK(got <= s && got + got / 16 >= s);
		got = meant(vnep_be16(out + L4 + 4), 16);
		CHECK(got <= ms && got + got / 4096 >= ms);
	}
}

int main(void)
{
	return t_run();
}
