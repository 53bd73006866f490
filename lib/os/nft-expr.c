/*
 * nft-expr - the statements of a rule as expressions of the kernel.
 *
 * Registers: statements use the four 16-octet registers and assume nothing about what is in them,
 * with one exception: TO_BINDING leaves the virtual endpoint in register 2, where DELIVER takes it
 * as the address whose neighbour is looked up. Nothing but a counter may stand between the two.
 */
#include <netinet/in.h> /* before linux/netfilter.h, which brings linux/in.h */

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "nft-msg.h"

enum {
	MAC_LEN = 6,
	IP6_LEN = 16,
	LINK_DEST = 0, /* offsets into the Ethernet header */
	LINK_SRC = 6,
	LINK_TYPE = 12,
	IP6_HOP_LIMIT = 7, /* offsets into the IPv6 header */
	IP6_SRC = 8,
	IP6_DEST = 24,
	DEST_PORT = 2, /* offset into the transport header */
	ICMP_TYPE = 0,
};

/* One expression: NFTA_LIST_ELEM { NFTA_EXPR_NAME, NFTA_EXPR_DATA { … } }. */
struct expr {
	struct nlattr *elem, *data;
};

static struct expr begin(struct nft_msg *m, const char *name)
{
	struct expr e = { .elem = nft_nest(m, NFTA_LIST_ELEM) };

	nft_put_str(m, NFTA_EXPR_NAME, name);
	e.data = nft_nest(m, NFTA_EXPR_DATA);
	return e;
}

static void end(struct nft_msg *m, struct expr e)
{
	nft_end(m, e.data);
	nft_end(m, e.elem);
}

static void put_value(struct nft_msg *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr *nest = nft_nest(m, type);

	nft_put(m, NFTA_DATA_VALUE, data, len);
	nft_end(m, nest);
}

static void put_verdict(struct nft_msg *m, uint16_t type, int32_t code, const char *chain)
{
	struct nlattr *nest = nft_nest(m, type), *verdict = nft_nest(m, NFTA_DATA_VERDICT);

	nft_put_u32(m, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nft_put_str(m, NFTA_VERDICT_CHAIN, chain);
	nft_end(m, verdict);
	nft_end(m, nest);
}

void nft_put_goto(struct nft_msg *m, const char *chain)
{
	put_verdict(m, NFTA_SET_ELEM_DATA, NFT_GOTO, chain);
}

static void meta(struct nft_msg *m, uint32_t key, uint32_t reg)
{
	struct expr e = begin(m, "meta");

	nft_put_u32(m, NFTA_META_DREG, reg);
	nft_put_u32(m, NFTA_META_KEY, key);
	end(m, e);
}

static void cmp(struct nft_msg *m, uint32_t op, const void *data, size_t len)
{
	struct expr e = begin(m, "cmp");

	nft_put_u32(m, NFTA_CMP_SREG, NFT_REG_1);
	nft_put_u32(m, NFTA_CMP_OP, op);
	put_value(m, NFTA_CMP_DATA, data, len);
	end(m, e);
}

static void cmp_u8(struct nft_msg *m, uint32_t op, uint8_t v)
{
	cmp(m, op, &v, sizeof v);
}

static void cmp_be16(struct nft_msg *m, uint32_t op, uint64_t v)
{
	uint8_t be[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	cmp(m, op, be, sizeof be);
}

static void load(struct nft_msg *m, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct expr e = begin(m, "payload");

	nft_put_u32(m, NFTA_PAYLOAD_DREG, reg);
	nft_put_u32(m, NFTA_PAYLOAD_BASE, base);
	nft_put_u32(m, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(m, NFTA_PAYLOAD_LEN, len);
	end(m, e);
}

/* An address of the IPv6 header; the kernel corrects the checksum of what is above (pseudo header).
 */
static void store_ip6(struct nft_msg *m, uint32_t offset, uint32_t reg)
{
	struct expr e = begin(m, "payload");

	nft_put_u32(m, NFTA_PAYLOAD_SREG, reg);
	nft_put_u32(m, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nft_put_u32(m, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(m, NFTA_PAYLOAD_LEN, IP6_LEN);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_NONE);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_OFFSET, 0);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_FLAGS, NFT_PAYLOAD_L4CSUM_PSEUDOHDR);
	end(m, e);
}

static void immediate(struct nft_msg *m, uint32_t reg, const void *data, size_t len)
{
	struct expr e = begin(m, "immediate");

	nft_put_u32(m, NFTA_IMMEDIATE_DREG, reg);
	put_value(m, NFTA_IMMEDIATE_DATA, data, len);
	end(m, e);
}

static void verdict(struct nft_msg *m, int32_t code, const char *chain)
{
	struct expr e = begin(m, "immediate");

	nft_put_u32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	put_verdict(m, NFTA_IMMEDIATE_DATA, code, chain);
	end(m, e);
}

/* dreg 0: only "is it in". For verdict maps dreg is the verdict register itself, which is 0 too. */
static void lookup(struct nft_msg *m, enum vnep_set set, uint32_t sreg, bool map, uint32_t dreg)
{
	struct expr e = begin(m, "lookup");

	nft_put_str(m, NFTA_LOOKUP_SET, vnep_set_specs[set].name);
	nft_put_u32(m, NFTA_LOOKUP_SREG, sreg);
	if (map)
		nft_put_u32(m, NFTA_LOOKUP_DREG, dreg);
	end(m, e);
}

static uint32_t field_offset(enum vnep_field field)
{
	return field == VNEP_FIELD_SRC ? IP6_SRC : IP6_DEST;
}

/* A field into register 1. An ICMPv6 type is there only in ICMPv6: otherwise the rule ends here. */
static void load_field(struct nft_msg *m, enum vnep_field field)
{
	switch (field) {
	case VNEP_FIELD_SRC:
	case VNEP_FIELD_DEST:
		load(m, NFT_PAYLOAD_NETWORK_HEADER, field_offset(field), IP6_LEN, NFT_REG_1);
		break;
	case VNEP_FIELD_SRC_MAC:
		load(m, NFT_PAYLOAD_LL_HEADER, LINK_SRC, MAC_LEN, NFT_REG_1);
		break;
	case VNEP_FIELD_ICMP_TYPE:
		meta(m, NFT_META_L4PROTO, NFT_REG_1);
		cmp_u8(m, NFT_CMP_EQ, IPPROTO_ICMPV6);
		load(m, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP_TYPE, 1, NFT_REG_1);
		break;
	}
}

/* Only the octets that the prefix covers are loaded; where it ends inside one, all of them and a
 * mask, which is the form that nft(8) knows. */
static void in_prefix(struct nft_msg *m, enum vnep_field field, const struct vnep_prefix *prefix)
{
	size_t len = prefix->len % 8 ? IP6_LEN : prefix->len / 8u;
	uint8_t mask[IP6_LEN] = { 0 }, zero[IP6_LEN] = { 0 };
	struct expr e;

	if (!len)
		return;
	load(m, NFT_PAYLOAD_NETWORK_HEADER, field_offset(field), (uint32_t)len, NFT_REG_1);
	if (prefix->len % 8) {
		memset(mask, 0xff, prefix->len / 8u);
		mask[prefix->len / 8] = (uint8_t)(0xff << (8 - prefix->len % 8));
		e = begin(m, "bitwise");
		nft_put_u32(m, NFTA_BITWISE_SREG, NFT_REG_1);
		nft_put_u32(m, NFTA_BITWISE_DREG, NFT_REG_1);
		nft_put_u32(m, NFTA_BITWISE_LEN, IP6_LEN);
		put_value(m, NFTA_BITWISE_MASK, mask, sizeof mask);
		put_value(m, NFTA_BITWISE_XOR, zero, sizeof zero);
		end(m, e);
	}
	cmp(m, NFT_CMP_EQ, prefix->addr.s6_addr, len);
}

static void limit(struct nft_msg *m, uint64_t rate, uint64_t burst)
{
	struct expr e = begin(m, "limit");

	nft_put_u64(m, NFTA_LIMIT_RATE, rate);
	nft_put_u64(m, NFTA_LIMIT_UNIT, 1); /* seconds */
	nft_put_u32(m, NFTA_LIMIT_BURST, (uint32_t)burst);
	nft_put_u32(m, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nft_put_u32(m, NFTA_LIMIT_FLAGS, 0);
	end(m, e);
}

static void count(struct nft_msg *m, const char *name)
{
	struct expr e = begin(m, "objref");

	nft_put_u32(m, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	nft_put_str(m, NFTA_OBJREF_IMM_NAME, name);
	end(m, e);
}

static void tag(struct nft_msg *m, const struct vnep_tag *tag)
{
	uint8_t mac[MAC_LEN];
	struct expr e;

	vnep_tag_write(tag, mac);
	immediate(m, NFT_REG_1, mac, sizeof mac);
	e = begin(m, "payload");
	nft_put_u32(m, NFTA_PAYLOAD_SREG, NFT_REG_1);
	nft_put_u32(m, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_LL_HEADER);
	nft_put_u32(m, NFTA_PAYLOAD_OFFSET, LINK_DEST);
	nft_put_u32(m, NFTA_PAYLOAD_LEN, MAC_LEN);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_NONE);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_OFFSET, 0);
	end(m, e);
}

static void port_into_reg1(struct nft_msg *m, uint32_t ifindex)
{
	immediate(m, NFT_REG_1, &ifindex, sizeof ifindex);
}

static void fwd(struct nft_msg *m, uint32_t ifindex)
{
	struct expr e;

	port_into_reg1(m, ifindex);
	e = begin(m, "fwd");
	nft_put_u32(m, NFTA_FWD_SREG_DEV, NFT_REG_1);
	end(m, e);
}

/* To the neighbour whose address is in register 2. */
static void fwd_neighbour(struct nft_msg *m, uint32_t ifindex)
{
	struct expr e;

	port_into_reg1(m, ifindex);
	e = begin(m, "fwd");
	nft_put_u32(m, NFTA_FWD_SREG_DEV, NFT_REG_1);
	nft_put_u32(m, NFTA_FWD_SREG_ADDR, NFT_REG_2);
	nft_put_u32(m, NFTA_FWD_NFPROTO, NFPROTO_IPV6);
	end(m, e);
}

static void copy_to(struct nft_msg *m, uint32_t ifindex)
{
	struct expr e;

	port_into_reg1(m, ifindex);
	e = begin(m, "dup");
	nft_put_u32(m, NFTA_DUP_SREG_DEV, NFT_REG_1);
	end(m, e);
}

static void update_awake(struct nft_msg *m, uint64_t timeout_ms)
{
	struct expr e;

	load_field(m, VNEP_FIELD_SRC);
	e = begin(m, "dynset");
	nft_put_str(m, NFTA_DYNSET_SET_NAME, vnep_set_specs[VNEP_SET_AWAKE].name);
	nft_put_u32(m, NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nft_put_u32(m, NFTA_DYNSET_SREG_KEY, NFT_REG_1);
	nft_put_u64(m, NFTA_DYNSET_TIMEOUT, timeout_ms);
	end(m, e);
}

/* The key is a concatenation over 28 octets of registers: iif, MAC with two of padding, address. */
static void from_binding(struct nft_msg *m)
{
	meta(m, NFT_META_IIF, NFT_REG32_00);
	load(m, NFT_PAYLOAD_LL_HEADER, LINK_SRC, MAC_LEN, NFT_REG32_01);
	load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_SRC, IP6_LEN, NFT_REG32_03);
	lookup(m, VNEP_SET_FROM_BINDING, NFT_REG32_00, true, NFT_REG_1);
	store_ip6(m, IP6_SRC, NFT_REG_1);
}

static void to_binding(struct nft_msg *m)
{
	load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_DEST, IP6_LEN, NFT_REG_2);
	lookup(m, VNEP_SET_TO_BINDING, NFT_REG_2, true, NFT_REG_3);
	store_ip6(m, IP6_DEST, NFT_REG_3);
}

static void route(struct nft_msg *m, const struct vnep_stmt *s)
{
	if (IN6_IS_ADDR_UNSPECIFIED(&s->addr))
		load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_DEST, IP6_LEN, NFT_REG_2);
	else
		immediate(m, NFT_REG_2, &s->addr, sizeof s->addr);
	fwd_neighbour(m, s->ifindex);
}

static void put_match(struct nft_msg *m, const struct vnep_stmt *s)
{
	static const uint8_t ip6[2] = { ETH_P_IPV6 >> 8, ETH_P_IPV6 & 0xff };

	switch (s->kind) {
	case VNEP_STMT_ETHER_TYPE:
		load(m, NFT_PAYLOAD_LL_HEADER, LINK_TYPE, 2, NFT_REG_1);
		cmp_be16(m, NFT_CMP_EQ, s->number);
		break;
	case VNEP_STMT_NOT_IPV6:
		meta(m, NFT_META_PROTOCOL, NFT_REG_1);
		cmp(m, NFT_CMP_NEQ, ip6, sizeof ip6);
		break;
	case VNEP_STMT_NOT_HOST:
		meta(m, NFT_META_PKTTYPE, NFT_REG_1);
		cmp_u8(m, NFT_CMP_NEQ, PACKET_HOST);
		break;
	case VNEP_STMT_HOP_LIMIT:
		load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_HOP_LIMIT, 1, NFT_REG_1);
		cmp_u8(m, NFT_CMP_LTE, (uint8_t)s->number);
		break;
	case VNEP_STMT_ICMP_TYPE:
		load_field(m, VNEP_FIELD_ICMP_TYPE);
		cmp_u8(m, NFT_CMP_EQ, (uint8_t)s->number);
		break;
	case VNEP_STMT_IN_SET:
		load_field(m, s->field);
		lookup(m, s->set, NFT_REG_1, false, 0);
		break;
	case VNEP_STMT_IN_PREFIX: in_prefix(m, s->field, &s->prefix); break;
	case VNEP_STMT_REACHABLE:
		immediate(m, NFT_REG_1, &s->addr, sizeof s->addr);
		lookup(m, VNEP_SET_REACHABLE, NFT_REG_1, false, 0);
		break;
	case VNEP_STMT_PROTO:
		meta(m, NFT_META_L4PROTO, NFT_REG_1);
		cmp_u8(m, NFT_CMP_EQ, (uint8_t)s->number);
		break;
	case VNEP_STMT_PORTS:
		load(m, NFT_PAYLOAD_TRANSPORT_HEADER, DEST_PORT, 2, NFT_REG_1);
		cmp_be16(m, s->number == s->number2 ? NFT_CMP_EQ : NFT_CMP_GTE, s->number);
		if (s->number != s->number2)
			cmp_be16(m, NFT_CMP_LTE, s->number2);
		break;
	default: break;
	}
}

static void put_stmt(struct nft_msg *m, const struct vnep_stmt *s)
{
	switch (s->kind) {
	case VNEP_STMT_LIMIT: limit(m, s->number, s->number2); break;
	case VNEP_STMT_COUNT: count(m, s->name); break;
	case VNEP_STMT_TAG: tag(m, &s->tag); break;
	case VNEP_STMT_FWD: fwd(m, s->ifindex); break;
	case VNEP_STMT_DUP: copy_to(m, s->ifindex); break;
	case VNEP_STMT_UPDATE_AWAKE: update_awake(m, s->number); break;
	case VNEP_STMT_FROM_BINDING: from_binding(m); break;
	case VNEP_STMT_TO_BINDING: to_binding(m); break;
	case VNEP_STMT_DELIVER: fwd_neighbour(m, s->ifindex); break;
	case VNEP_STMT_ROUTE: route(m, s); break;
	case VNEP_STMT_VMAP:
		load_field(m, s->field);
		lookup(m, s->set, NFT_REG_1, true, NFT_REG_VERDICT);
		break;
	case VNEP_STMT_GOTO: verdict(m, NFT_GOTO, s->name); break;
	case VNEP_STMT_DROP: verdict(m, NF_DROP, NULL); break;
	default: put_match(m, s); break;
	}
}

static bool reads_link(const struct vnep_stmt *s)
{
	return s->kind == VNEP_STMT_TAG || s->kind == VNEP_STMT_FROM_BINDING ||
	       s->kind == VNEP_STMT_ETHER_TYPE ||
	       (s->kind == VNEP_STMT_IN_SET && s->field == VNEP_FIELD_SRC_MAC);
}

static bool reads_ip6(const struct vnep_stmt *s)
{
	switch (s->kind) {
	case VNEP_STMT_HOP_LIMIT:
	case VNEP_STMT_ICMP_TYPE:
	case VNEP_STMT_IN_PREFIX:
	case VNEP_STMT_UPDATE_AWAKE:
	case VNEP_STMT_FROM_BINDING:
	case VNEP_STMT_TO_BINDING:
	case VNEP_STMT_ROUTE:
	case VNEP_STMT_VMAP: return true;
	case VNEP_STMT_IN_SET: return s->field != VNEP_FIELD_SRC_MAC;
	default: return false;
	}
}

/* What a rule reads it asks for first: Ethernet, IPv6. The base chains have made sure of both; said
 * again, a rule stands alone, and nft(8) lists it in the words of the protocols instead of offsets.
 */
static void put_protocols(
	struct nft_msg *m, const struct vnep_ruleset *rs, const struct vnep_rule *rule)
{
	static const uint8_t ip6[2] = { ETH_P_IPV6 >> 8, ETH_P_IPV6 & 0xff };
	static const uint16_t ether = ARPHRD_ETHER;
	bool link = false, network = false;

	for (size_t i = rule->first; i < rule->first + rule->count; i++) {
		link = link || reads_link(&rs->stmts[i]);
		network = network || reads_ip6(&rs->stmts[i]);
	}
	if (network) {
		meta(m, NFT_META_PROTOCOL, NFT_REG_1);
		cmp(m, NFT_CMP_EQ, ip6, sizeof ip6);
	}
	if (link) {
		meta(m, NFT_META_IIFTYPE, NFT_REG_1);
		cmp(m, NFT_CMP_EQ, &ether, sizeof ether);
	}
}

void nft_put_rule_exprs(
	struct nft_msg *m, const struct vnep_ruleset *rs, const struct vnep_rule *rule)
{
	struct nlattr *list = nft_nest(m, NFTA_RULE_EXPRESSIONS);

	put_protocols(m, rs, rule);
	for (size_t i = rule->first; i < rule->first + rule->count; i++)
		put_stmt(m, &rs->stmts[i]);
	nft_end(m, list);
}

void nft_put_counter_expr(struct nft_msg *m, uint16_t type)
{
	struct nlattr *expr = nft_nest(m, type), *data;

	nft_put_str(m, NFTA_EXPR_NAME, "counter");
	data = nft_nest(m, NFTA_EXPR_DATA);
	nft_put_u64(m, NFTA_COUNTER_BYTES, 0);
	nft_put_u64(m, NFTA_COUNTER_PACKETS, 0);
	nft_end(m, data);
	nft_end(m, expr);
}
