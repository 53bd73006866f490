/* mld - reports of listeners, read as RFC 3810 tells, and queries. */
#include <string.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/mld.h"

enum {
	HOPS = 1,
	ICMP_HEAD = 8,   /* in front of the records; of the first version, of the group */
	RECORD_HEAD = 4, /* kind, auxiliary words, number of sources; then the group */
	QUERY_LEN = 28,
	ALERT_LEN = 8,
};

/* Options of a hop-by-hop header: RFC 8200 4.2, RFC 2711 2.1; the value of MLD is 0. */
enum { OPT_PAD1 = 0, OPT_ROUTER_ALERT = 5 };

static const uint8_t alert_header[ALERT_LEN] = { IPPROTO_ICMPV6, 0, OPT_ROUTER_ALERT, 2, 0, 0, 1,
	0 };

/* Right behind the IPv6 header, where a hop-by-hop header has its place. */
static bool has_alert(const struct vnep_frame *f, const uint8_t *data)
{
	size_t at = f->l3 + 40u, len;
	struct vnep_rd rd;

	if (data[f->l3 + 6] != IPPROTO_HOPOPTS || at + 2 > f->l4)
		return false;
	len = (data[at + 1] + 1u) * 8;
	if (at + len > f->l4)
		return false;
	vnep_rd_init(&rd, data + at + 2, len - 2);
	while (vnep_rd_left(&rd) && !rd.overrun) {
		uint8_t type = vnep_rd_u8(&rd), octets = type == OPT_PAD1 ? 0 : vnep_rd_u8(&rd);
		const uint8_t *body = octets ? vnep_rd_mem(&rd, octets) : NULL;

		if (type == OPT_ROUTER_ALERT && octets == 2 && body)
			return !vnep_be16(body);
	}
	return false;
}

/* Octets of the record, 0: it is cut off. */
static size_t record_len(const uint8_t *at, size_t left)
{
	size_t len = RECORD_HEAD + 16;

	if (left < len)
		return 0;
	len += vnep_be16(at + 2) * 16u + at[1] * 4u;
	return left < len ? 0 : len;
}

static int check_records(const struct vnep_mld *mld, const uint8_t *end)
{
	const uint8_t *at = mld->at;

	for (unsigned i = 0; i < mld->left; i++) {
		size_t len = record_len(at, (size_t)(end - at));

		if (!len)
			return VNEP_ESYNTAX;
		at += len;
	}
	return 0; /* what is behind them is of a later version: RFC 3810 5.2.11 */
}

int vnep_mld_read(struct vnep_mld *out, const struct vnep_frame *f, const uint8_t *data)
{
	struct vnep_mld mld = { .src = f->src, .vlan = f->vlan };
	const uint8_t *icmp = data + f->l4;
	size_t len = (size_t)(f->end - f->l4);

	if (f->proto != IPPROTO_ICMPV6 || !f->l4)
		return VNEP_EPROTO;
	switch (f->icmp_type) {
	case VNEP_MLD_REPORT_V1:
	case VNEP_MLD_DONE_V1:
	case VNEP_MLD_REPORT: break;
	default: return VNEP_EPROTO;
	}
	if (f->hop_limit != HOPS || f->fragment || !has_alert(f, data) || len < ICMP_HEAD ||
		!vnep_frame_checksum_ok(f, data) ||
		!(IN6_IS_ADDR_LINKLOCAL(&f->src) || IN6_IS_ADDR_UNSPECIFIED(&f->src)))
		return VNEP_ESYNTAX;
	mld.type = f->icmp_type;
	mld.at = icmp + ICMP_HEAD;
	mld.left = mld.type == VNEP_MLD_REPORT ? vnep_be16(icmp + 6) : 1;
	if (mld.type == VNEP_MLD_REPORT ? check_records(&mld, icmp + len)
					: len < ICMP_HEAD + 16 || !(mld.at[0] == 0xff))
		return VNEP_ESYNTAX;
	*out = mld;
	return 0;
}

static void first_version(const struct vnep_mld *mld, struct vnep_mld_record *out)
{
	*out = (struct vnep_mld_record){
		.kind = mld->type == VNEP_MLD_DONE_V1 ? VNEP_MLD_TO_INCLUDE : VNEP_MLD_IS_EXCLUDE
	};
	memcpy(&out->group, mld->at, 16);
}

bool vnep_mld_next(struct vnep_mld *mld, struct vnep_mld_record *out)
{
	while (mld->left) {
		const uint8_t *at = mld->at;

		mld->left--;
		if (mld->type != VNEP_MLD_REPORT) {
			first_version(mld, out);
			return true;
		}
		*out = (struct vnep_mld_record){ .kind = at[0], .source_count = vnep_be16(at + 2) };
		memcpy(&out->group, at + RECORD_HEAD, 16);
		mld->at += RECORD_HEAD + 16 + out->source_count * 16u + at[1] * 4u;
		if (at[0] >= VNEP_MLD_IS_INCLUDE && at[0] <= VNEP_MLD_BLOCK &&
			IN6_IS_ADDR_MULTICAST(&out->group))
			return true;
	}
	return false;
}

/* A number in bits: as it is below the highest bit, else 1, three bits of exponent, and a mantissa whose first bit is not
 * written (RFC 3810 5.1.3: 16 bits, 5.1.9: 8). Rounded down. */
static uint16_t code(uint32_t value, unsigned bits)
{
	unsigned mantissa = bits - 4, exponent = 0;

	if (value < 1u << (bits - 1))
		return (uint16_t)value;
	while (value >> (exponent + 3) >= 2u << mantissa)
		exponent++;
	return (uint16_t)(1u << (bits - 1) | exponent << mantissa |
			  (value >> (exponent + 3) & ((1u << mantissa) - 1)));
}

static const struct in6_addr all_nodes = { .s6_addr = { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
						   0, 1 } };

size_t vnep_mld_query(uint8_t out[static VNEP_MLD_QUERY_MAX], const struct vnep_mld_query *query)
{
	const struct in6_addr *dest =
		IN6_IS_ADDR_UNSPECIFIED(&query->group) ? &all_nodes : &query->group;
	size_t l3 = query->vlan ? 18 : 14;
	uint8_t *icmp = out + l3 + 40 + ALERT_LEN;
	struct vnep_mac mac;

	memset(out, 0, VNEP_MLD_QUERY_MAX);
	vnep_ip6_multicast_mac(dest, &mac);
	vnep_frame_set_macs(out, query->alone ? query->alone : &mac, &query->our_mac);
	if (query->vlan) {
		vnep_set_be16(out + 12, 0x8100);
		vnep_set_be16(out + 14, query->vlan);
	}
	vnep_set_be16(out + l3 - 2, 0x86dd);
	out[l3] = 0x60;
	vnep_set_be16(out + l3 + 4, ALERT_LEN + QUERY_LEN);
	out[l3 + 6] = IPPROTO_HOPOPTS;
	out[l3 + 7] = HOPS;
	memcpy(out + l3 + 8, &query->our_addr, 16);
	memcpy(out + l3 + 24, dest, 16);
	memcpy(out + l3 + 40, alert_header, ALERT_LEN);
	icmp[0] = VNEP_MLD_QUERY;
	vnep_set_be16(icmp + 4, code(query->response_ms, 16));
	memcpy(icmp + 8, &query->group, 16);
	icmp[24] = query->robustness & 7; /* S, that others leave their timers alone, is not set */
	icmp[25] = (uint8_t)code(query->interval_s, 8);
	vnep_set_be16(
		icmp + 2, vnep_checksum6(&query->our_addr, dest, IPPROTO_ICMPV6, icmp, QUERY_LEN));
	return l3 + 40 + ALERT_LEN + QUERY_LEN;
}
