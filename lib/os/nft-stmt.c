/*
 * nft-stmt - the statements of a rule as expressions of the kernel.
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

#include "nft-expr.h"

enum {
	MAC_LEN = 6,
	IP6_LEN = 16,
	LINK_DEST = 0, /* offsets into the Ethernet header */
	LINK_SRC = 6,
	LINK_TYPE = 12,
	LINK_VLAN = 14, /* of a tagged frame; the kernel keeps the tag apart and makes believe */
	FRAGMENT_OFFSET = 2, /* into the fragment header */
	IP6_HOP_LIMIT = 7,   /* offsets into the IPv6 header */
	IP6_SRC = 8,
	IP6_DEST = 24,
	DEST_PORT = 2, /* offset into the transport header */
	ICMP_TYPE = 0,
};

static void load_vlan(struct nft_msg *m, uint32_t reg)
{
	static const uint8_t vlan[2] = { 0x0f, 0xff }, zero[2] = { 0 };

	nft_x_load(m, NFT_PAYLOAD_LL_HEADER, LINK_VLAN, 2, reg);
	nft_x_bitwise(m, reg, vlan, zero, sizeof vlan);
}

/* Priority and drop eligibility stay as they are. */
static void set_vlan(struct nft_msg *m, uint64_t vlan)
{
	static const uint8_t others[2] = { 0xf0, 0 };
	const uint8_t id[2] = { (uint8_t)(vlan >> 8), (uint8_t)vlan };

	nft_x_load(m, NFT_PAYLOAD_LL_HEADER, LINK_VLAN, 2, NFT_REG_1);
	nft_x_bitwise(m, NFT_REG_1, others, id, sizeof id);
	nft_x_store_link(m, LINK_VLAN, sizeof id, NFT_REG_1);
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
		if (m->held == 1 + (int)field)
			break; /* a look-up leaves its key where it was */
		nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, field_offset(field), IP6_LEN, NFT_REG_1);
		m->held = 1 + (int)field;
		break;
	case VNEP_FIELD_SRC_MAC:
		nft_x_load(m, NFT_PAYLOAD_LL_HEADER, LINK_SRC, MAC_LEN, NFT_REG_1);
		break;
	case VNEP_FIELD_ICMP_TYPE:
		nft_x_meta(m, NFT_META_L4PROTO, NFT_REG_1);
		nft_x_cmp_u8(m, NFT_CMP_EQ, IPPROTO_ICMPV6);
		nft_x_load(m, NFT_PAYLOAD_TRANSPORT_HEADER, ICMP_TYPE, 1, NFT_REG_1);
		break;
	case VNEP_FIELD_VLAN: load_vlan(m, NFT_REG_1); break;
	}
}

/* Only the octets that the prefix covers are loaded; where it ends inside one, all of them and a
 * mask, which is the form that nft(8) knows. */
static void in_prefix(struct nft_msg *m, enum vnep_field field, const struct vnep_prefix *prefix)
{
	size_t len = prefix->len % 8 ? IP6_LEN : prefix->len / 8u;
	uint8_t mask[IP6_LEN] = { 0 }, zero[IP6_LEN] = { 0 };

	if (!len)
		return;
	nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, field_offset(field), (uint32_t)len, NFT_REG_1);
	if (prefix->len % 8) {
		memset(mask, 0xff, prefix->len / 8u);
		mask[prefix->len / 8] = (uint8_t)(0xff << (8 - prefix->len % 8));
		nft_x_bitwise(m, NFT_REG_1, mask, zero, sizeof mask);
	}
	nft_x_cmp(m, NFT_CMP_EQ, prefix->addr.s6_addr, len);
}

static void tag(struct nft_msg *m, const struct vnep_tag *tag)
{
	uint8_t mac[MAC_LEN];

	vnep_tag_write(tag, mac);
	nft_x_immediate(m, NFT_REG_1, mac, sizeof mac);
	nft_x_store_link(m, LINK_DEST, sizeof mac, NFT_REG_1);
}

static void update_awake(struct nft_msg *m, enum vnep_field field, uint64_t timeout_ms)
{
	struct nft_expr e;

	load_field(m, field);
	e = nft_x_begin(m, "dynset");
	nft_put_str(m, NFTA_DYNSET_SET_NAME, vnep_set_specs[VNEP_SET_AWAKE].name);
	nft_put_u32(m, NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nft_put_u32(m, NFTA_DYNSET_SREG_KEY, NFT_REG_1);
	nft_put_u64(m, NFTA_DYNSET_TIMEOUT, timeout_ms);
	nft_x_end(m, e);
}

/* The key of a set of bindings, part behind part from the first 4-octet register on: iif, perhaps the
 * VLAN, MAC with two octets of padding, source. Of a set of groups: perhaps the VLAN, source, destination. */
static void load_binding(struct nft_msg *m, enum vnep_set set)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[set];
	uint32_t reg = NFT_REG32_00;

	for (int i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++) {
		switch (spec->key[i]) {
		case VNEP_NFT_IIF: nft_x_meta(m, NFT_META_IIF, reg); break;
		case VNEP_NFT_VLAN: load_vlan(m, reg); break;
		case VNEP_NFT_MAC:
			nft_x_load(m, NFT_PAYLOAD_LL_HEADER, LINK_SRC, MAC_LEN, reg);
			break;
		case VNEP_NFT_IP6:
			nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_SRC, IP6_LEN, reg);
			break;
		case VNEP_NFT_IP6_DEST:
			nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_DEST, IP6_LEN, reg);
			break;
		default: break;
		}
		reg += vnep_nft_type_len(spec->key[i]) / 4;
	}
}

static void from_binding(struct nft_msg *m, enum vnep_set set)
{
	load_binding(m, set);
	nft_x_lookup(m, set, NFT_REG32_00, true, NFT_REG_1);
	nft_x_store_ip6(m, IP6_SRC, NFT_REG_1);
}

static void host_pair(struct nft_msg *m, enum vnep_field l)
{
	bool first = l == VNEP_FIELD_SRC;

	nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, first ? IP6_SRC : IP6_DEST, IP6_LEN, NFT_REG_1);
	nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, first ? IP6_DEST : IP6_SRC, IP6_LEN, NFT_REG_2);
	nft_x_lookup(m, VNEP_SET_HOST_PAIR, NFT_REG_1, false, 0);
}

/* The kernel's length is in host order; nft(8) compares in network order, and so reads ours. */
static void longer(struct nft_msg *m, uint64_t octets)
{
	const uint8_t be[4] = { (uint8_t)(octets >> 24), (uint8_t)(octets >> 16),
		(uint8_t)(octets >> 8), (uint8_t)octets };
	struct nft_expr e;

	nft_x_meta(m, NFT_META_LEN, NFT_REG_1);
	e = nft_x_begin(m, "byteorder");
	nft_put_u32(m, NFTA_BYTEORDER_SREG, NFT_REG_1);
	nft_put_u32(m, NFTA_BYTEORDER_DREG, NFT_REG_1);
	nft_put_u32(m, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	nft_put_u32(m, NFTA_BYTEORDER_LEN, 4);
	nft_put_u32(m, NFTA_BYTEORDER_SIZE, 4);
	nft_x_end(m, e);
	nft_x_cmp(m, NFT_CMP_GT, be, sizeof be);
}

static void fragment_header(struct nft_msg *m, uint32_t offset, uint32_t len, bool present)
{
	struct nft_expr e = nft_x_begin(m, "exthdr");

	nft_put_u32(m, NFTA_EXTHDR_DREG, NFT_REG_1);
	nft_put(m, NFTA_EXTHDR_TYPE, &(uint8_t){ IPPROTO_FRAGMENT }, 1);
	nft_put_u32(m, NFTA_EXTHDR_OFFSET, offset);
	nft_put_u32(m, NFTA_EXTHDR_LEN, len);
	nft_put_u32(m, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
	nft_put_u32(m, NFTA_EXTHDR_FLAGS, present ? NFT_EXTHDR_F_PRESENT : 0u);
	nft_x_end(m, e);
}

static void later_fragment(struct nft_msg *m)
{
	static const uint8_t offset[2] = { 0xff, 0xf8 }, zero[2] = { 0 };

	fragment_header(m, FRAGMENT_OFFSET, sizeof offset, false);
	nft_x_bitwise(m, NFT_REG_1, offset, zero, sizeof offset);
	nft_x_cmp(m, NFT_CMP_NEQ, zero, sizeof zero);
}

static void to_binding(struct nft_msg *m)
{
	nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_DEST, IP6_LEN, NFT_REG_2);
	nft_x_lookup(m, VNEP_SET_TO_BINDING, NFT_REG_2, true, NFT_REG_3);
	nft_x_store_ip6(m, IP6_DEST, NFT_REG_3);
}

static void route(struct nft_msg *m, const struct vnep_stmt *s)
{
	if (IN6_IS_ADDR_UNSPECIFIED(&s->addr))
		nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_DEST, IP6_LEN, NFT_REG_2);
	else
		nft_x_immediate(m, NFT_REG_2, &s->addr, sizeof s->addr);
	nft_x_fwd_neighbour(m, s->ifindex);
}

static void put_match(struct nft_msg *m, const struct vnep_stmt *s)
{
	static const uint8_t ip6[2] = { ETH_P_IPV6 >> 8, ETH_P_IPV6 & 0xff };

	switch (s->kind) {
	case VNEP_STMT_ETHER_TYPE:
		nft_x_load(m, NFT_PAYLOAD_LL_HEADER, LINK_TYPE, 2, NFT_REG_1);
		nft_x_cmp_be16(m, NFT_CMP_EQ, s->number);
		break;
	case VNEP_STMT_PROTOCOL:
		nft_x_meta(m, NFT_META_PROTOCOL, NFT_REG_1);
		nft_x_cmp_be16(m, NFT_CMP_EQ, s->number);
		break;
	case VNEP_STMT_NOT_IPV6:
		nft_x_meta(m, NFT_META_PROTOCOL, NFT_REG_1);
		nft_x_cmp(m, NFT_CMP_NEQ, ip6, sizeof ip6);
		break;
	case VNEP_STMT_NOT_HOST:
	case VNEP_STMT_HOST:
		nft_x_meta(m, NFT_META_PKTTYPE, NFT_REG_1);
		nft_x_cmp_u8(m, s->kind == VNEP_STMT_HOST ? NFT_CMP_EQ : NFT_CMP_NEQ, PACKET_HOST);
		break;
	case VNEP_STMT_HOP_LIMIT:
	case VNEP_STMT_HOPS_LEFT:
		nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_HOP_LIMIT, 1, NFT_REG_1);
		nft_x_cmp_u8(m, s->kind == VNEP_STMT_HOP_LIMIT ? NFT_CMP_LTE : NFT_CMP_GT,
			(uint8_t)s->number);
		break;
	case VNEP_STMT_ICMP_TYPE:
		load_field(m, VNEP_FIELD_ICMP_TYPE);
		nft_x_cmp_u8(m, NFT_CMP_EQ, (uint8_t)s->number);
		break;
	case VNEP_STMT_IN_SET:
		load_field(m, s->field);
		nft_x_lookup(m, s->set, NFT_REG_1, false, 0);
		break;
	case VNEP_STMT_NOT_IN_SET:
		load_field(m, s->field);
		nft_x_lookup_not(m, s->set, NFT_REG_1);
		break;
	case VNEP_STMT_IN_PREFIX: in_prefix(m, s->field, &s->prefix); break;
	case VNEP_STMT_REACHABLE:
		nft_x_immediate(m, NFT_REG_1, &s->addr, sizeof s->addr);
		nft_x_lookup(m, VNEP_SET_REACHABLE, NFT_REG_1, false, 0);
		break;
	case VNEP_STMT_IN_GROUP:
	case VNEP_STMT_IN_BINDING:
		load_binding(m, s->set);
		nft_x_lookup(m, s->set, NFT_REG32_00, false, 0);
		break;
	case VNEP_STMT_HOST_PAIR: host_pair(m, s->field); break;
	case VNEP_STMT_VLAN:
		load_vlan(m, NFT_REG_1);
		nft_x_cmp_be16(m, NFT_CMP_EQ, s->number);
		break;
	case VNEP_STMT_LONGER: longer(m, s->number); break;
	case VNEP_STMT_FRAGMENTED:
		fragment_header(m, 0, 1, true);
		nft_x_cmp_u8(m, NFT_CMP_EQ, 1);
		break;
	case VNEP_STMT_LATER: later_fragment(m); break;
	case VNEP_STMT_PROTO:
	case VNEP_STMT_NOT_PROTO:
		nft_x_meta(m, NFT_META_L4PROTO, NFT_REG_1);
		nft_x_cmp_u8(m, s->kind == VNEP_STMT_PROTO ? NFT_CMP_EQ : NFT_CMP_NEQ,
			(uint8_t)s->number);
		break;
	case VNEP_STMT_PORTS:
		nft_x_load(m, NFT_PAYLOAD_TRANSPORT_HEADER, DEST_PORT, 2, NFT_REG_1);
		nft_x_cmp_be16(m, s->number == s->number2 ? NFT_CMP_EQ : NFT_CMP_GTE, s->number);
		if (s->number != s->number2)
			nft_x_cmp_be16(m, NFT_CMP_LTE, s->number2);
		break;
	default: break;
	}
}

static void vmap(struct nft_msg *m, enum vnep_set set)
{
	enum vnep_set chains = vnep_set_specs[set].chains;

	if (!chains) {
		nft_x_lookup(m, set, NFT_REG_1, true, NFT_REG_VERDICT);
		return;
	}
	nft_x_lookup(m, set, NFT_REG_1, true, NFT_REG_3);
	nft_x_mark(m, NFT_REG_3);
	nft_x_meta(m, NFT_META_MARK, NFT_REG_3);
	nft_x_lookup(m, chains, NFT_REG_3, true, NFT_REG_VERDICT);
}

static void put_stmt(struct nft_msg *m, const struct vnep_stmt *s)
{
	switch (s->kind) {
	case VNEP_STMT_LIMIT: nft_x_limit(m, s->number, s->number2); break;
	case VNEP_STMT_COUNT: nft_x_count(m, s->name); break;
	case VNEP_STMT_TAG: tag(m, &s->tag); break;
	case VNEP_STMT_FWD: nft_x_fwd(m, s->ifindex); break;
	case VNEP_STMT_DUP: nft_x_copy_to(m, s->ifindex); break;
	case VNEP_STMT_SET_VLAN: set_vlan(m, s->number); break;
	case VNEP_STMT_UPDATE_AWAKE: update_awake(m, s->field, s->number); break;
	case VNEP_STMT_FROM_BINDING: from_binding(m, s->set); break;
	case VNEP_STMT_TO_BINDING: to_binding(m); break;
	case VNEP_STMT_DELIVER: nft_x_fwd_neighbour(m, s->ifindex); break;
	case VNEP_STMT_DELIVER_HOST:
		nft_x_load(m, NFT_PAYLOAD_NETWORK_HEADER, IP6_SRC, IP6_LEN, NFT_REG_2);
		nft_x_fwd_neighbour(m, s->ifindex);
		break;
	case VNEP_STMT_ROUTE: route(m, s); break;
	case VNEP_STMT_VMAP:
		load_field(m, s->field);
		vmap(m, s->set);
		break;
	case VNEP_STMT_GOTO: nft_x_verdict(m, NFT_GOTO, s->name); break;
	case VNEP_STMT_JUMP: nft_x_verdict(m, NFT_JUMP, s->name); break;
	case VNEP_STMT_RETURN: nft_x_verdict(m, NFT_RETURN, NULL); break;
	case VNEP_STMT_DROP: nft_x_verdict(m, NF_DROP, NULL); break;
	default: put_match(m, s); break;
	}
}

static bool reads_link(const struct vnep_stmt *s)
{
	return s->kind == VNEP_STMT_TAG || s->kind == VNEP_STMT_FROM_BINDING ||
	       s->kind == VNEP_STMT_IN_BINDING || s->kind == VNEP_STMT_ETHER_TYPE ||
	       vnep_stmt_reads_vlan(s) ||
	       (s->kind == VNEP_STMT_IN_SET && s->field == VNEP_FIELD_SRC_MAC);
}

/* What a rule reads it asks for first: Ethernet, a tag, IPv6. The base chains have made sure of both; said
 * again, a rule stands alone, and nft(8) lists it in the words of the protocols instead of offsets.
 */
static void put_protocols(
	struct nft_msg *m, const struct vnep_ruleset *rs, const struct vnep_rule *rule)
{
	static const uint8_t ip6[2] = { ETH_P_IPV6 >> 8, ETH_P_IPV6 & 0xff };
	static const uint16_t ether = ARPHRD_ETHER;
	bool link = false, network = false, vlan = vnep_rule_reads_vlan(rs, rule);

	for (size_t i = rule->first; i < rule->first + rule->count; i++) {
		link = link || reads_link(&rs->stmts[i]);
		network = network || vnep_stmt_reads_ip6(&rs->stmts[i]);
	}
	if (network) {
		nft_x_meta(m, NFT_META_PROTOCOL, NFT_REG_1);
		nft_x_cmp(m, NFT_CMP_EQ, ip6, sizeof ip6);
	}
	if (link) {
		nft_x_meta(m, NFT_META_IIFTYPE, NFT_REG_1);
		nft_x_cmp(m, NFT_CMP_EQ, &ether, sizeof ether);
	}
	if (vlan) {
		nft_x_load(m, NFT_PAYLOAD_LL_HEADER, LINK_TYPE, 2, NFT_REG_1);
		nft_x_cmp_be16(m, NFT_CMP_EQ, ETH_P_8021Q);
	}
}

/* Of one address, so that register 1 has it before and behind. */
static bool only_looks_up(const struct vnep_stmt *s)
{
	return (s->kind == VNEP_STMT_IN_SET || s->kind == VNEP_STMT_NOT_IN_SET ||
		       s->kind == VNEP_STMT_VMAP || s->kind == VNEP_STMT_UPDATE_AWAKE) &&
	       (s->field == VNEP_FIELD_SRC || s->field == VNEP_FIELD_DEST);
}

void nft_put_rule_exprs(
	struct nft_msg *m, const struct vnep_ruleset *rs, const struct vnep_rule *rule)
{
	struct nlattr *list = nft_nest(m, NFTA_RULE_EXPRESSIONS);

	put_protocols(m, rs, rule);
	m->held = 0;
	for (size_t i = rule->first; i < rule->first + rule->count; i++) {
		if (!only_looks_up(&rs->stmts[i]))
			m->held = 0;
		put_stmt(m, &rs->stmts[i]);
	}
	nft_end(m, list);
}
