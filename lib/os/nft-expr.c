/* nft-expr - the expressions of the kernel, one function each. */
#include <netinet/in.h> /* before linux/netfilter.h, which brings linux/in.h */

#include <linux/netfilter.h>

#include "nft-expr.h"

enum { IP6_LEN = 16 };

struct nft_expr nft_x_begin(struct nft_msg *m, const char *name)
{
	struct nft_expr e = { .elem = nft_nest(m, NFTA_LIST_ELEM) };

	nft_put_str(m, NFTA_EXPR_NAME, name);
	e.data = nft_nest(m, NFTA_EXPR_DATA);
	return e;
}

void nft_x_end(struct nft_msg *m, struct nft_expr e)
{
	nft_end(m, e.data);
	nft_end(m, e.elem);
}

void nft_x_put_value(struct nft_msg *m, uint16_t type, const void *data, size_t len)
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

void nft_x_meta(struct nft_msg *m, uint32_t key, uint32_t reg)
{
	struct nft_expr e = nft_x_begin(m, "meta");

	nft_put_u32(m, NFTA_META_DREG, reg);
	nft_put_u32(m, NFTA_META_KEY, key);
	nft_x_end(m, e);
}

void nft_x_mark(struct nft_msg *m, uint32_t reg)
{
	struct nft_expr e = nft_x_begin(m, "meta");

	nft_put_u32(m, NFTA_META_KEY, NFT_META_MARK);
	nft_put_u32(m, NFTA_META_SREG, reg);
	nft_x_end(m, e);
}

void nft_x_cmp(struct nft_msg *m, uint32_t op, const void *data, size_t len)
{
	struct nft_expr e = nft_x_begin(m, "cmp");

	nft_put_u32(m, NFTA_CMP_SREG, NFT_REG_1);
	nft_put_u32(m, NFTA_CMP_OP, op);
	nft_x_put_value(m, NFTA_CMP_DATA, data, len);
	nft_x_end(m, e);
}

void nft_x_cmp_u8(struct nft_msg *m, uint32_t op, uint8_t v)
{
	nft_x_cmp(m, op, &v, sizeof v);
}

void nft_x_cmp_be16(struct nft_msg *m, uint32_t op, uint64_t v)
{
	uint8_t be[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	nft_x_cmp(m, op, be, sizeof be);
}

void nft_x_load(struct nft_msg *m, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nft_expr e = nft_x_begin(m, "payload");

	nft_put_u32(m, NFTA_PAYLOAD_DREG, reg);
	nft_put_u32(m, NFTA_PAYLOAD_BASE, base);
	nft_put_u32(m, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(m, NFTA_PAYLOAD_LEN, len);
	nft_x_end(m, e);
}

void nft_x_bitwise(struct nft_msg *m, uint32_t reg, const void *mask, const void * xor, size_t len)
{
	struct nft_expr e = nft_x_begin(m, "bitwise");

	nft_put_u32(m, NFTA_BITWISE_SREG, reg);
	nft_put_u32(m, NFTA_BITWISE_DREG, reg);
	nft_put_u32(m, NFTA_BITWISE_LEN, (uint32_t)len);
	nft_x_put_value(m, NFTA_BITWISE_MASK, mask, len);
	nft_x_put_value(m, NFTA_BITWISE_XOR, xor, len);
	nft_x_end(m, e);
}

/* Octets of the link header, which no checksum covers. */
void nft_x_store_link(struct nft_msg *m, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nft_expr e = nft_x_begin(m, "payload");

	nft_put_u32(m, NFTA_PAYLOAD_SREG, reg);
	nft_put_u32(m, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_LL_HEADER);
	nft_put_u32(m, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(m, NFTA_PAYLOAD_LEN, len);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_NONE);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_OFFSET, 0);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_FLAGS, 0);
	nft_x_end(m, e);
}

/* An address of the IPv6 header; the kernel corrects the checksum of what is above (pseudo header).
 */
void nft_x_store_ip6(struct nft_msg *m, uint32_t offset, uint32_t reg)
{
	struct nft_expr e = nft_x_begin(m, "payload");

	nft_put_u32(m, NFTA_PAYLOAD_SREG, reg);
	nft_put_u32(m, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nft_put_u32(m, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(m, NFTA_PAYLOAD_LEN, IP6_LEN);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_NONE);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_OFFSET, 0);
	nft_put_u32(m, NFTA_PAYLOAD_CSUM_FLAGS, NFT_PAYLOAD_L4CSUM_PSEUDOHDR);
	nft_x_end(m, e);
}

void nft_x_immediate(struct nft_msg *m, uint32_t reg, const void *data, size_t len)
{
	struct nft_expr e = nft_x_begin(m, "immediate");

	nft_put_u32(m, NFTA_IMMEDIATE_DREG, reg);
	nft_x_put_value(m, NFTA_IMMEDIATE_DATA, data, len);
	nft_x_end(m, e);
}

void nft_x_verdict(struct nft_msg *m, int32_t code, const char *chain)
{
	struct nft_expr e = nft_x_begin(m, "immediate");

	nft_put_u32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	put_verdict(m, NFTA_IMMEDIATE_DATA, code, chain);
	nft_x_end(m, e);
}

/* dreg 0: only "is it in". For verdict maps dreg is the verdict register itself, which is 0 too. */
static struct nft_expr lookup(struct nft_msg *m, enum vnep_set set, uint32_t sreg)
{
	struct nft_expr e = nft_x_begin(m, "lookup");

	nft_put_str(m, NFTA_LOOKUP_SET, vnep_set_specs[set].name);
	nft_put_u32(m, NFTA_LOOKUP_SREG, sreg);
	return e;
}

void nft_x_lookup(struct nft_msg *m, enum vnep_set set, uint32_t sreg, bool map, uint32_t dreg)
{
	struct nft_expr e = lookup(m, set, sreg);

	if (map)
		nft_put_u32(m, NFTA_LOOKUP_DREG, dreg);
	nft_x_end(m, e);
}

void nft_x_lookup_not(struct nft_msg *m, enum vnep_set set, uint32_t sreg)
{
	struct nft_expr e = lookup(m, set, sreg);

	nft_put_u32(m, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	nft_x_end(m, e);
}

void nft_x_limit(struct nft_msg *m, uint64_t rate, uint64_t burst)
{
	struct nft_expr e = nft_x_begin(m, "limit");

	nft_put_u64(m, NFTA_LIMIT_RATE, rate);
	nft_put_u64(m, NFTA_LIMIT_UNIT, 1); /* seconds */
	nft_put_u32(m, NFTA_LIMIT_BURST, (uint32_t)burst);
	nft_put_u32(m, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nft_put_u32(m, NFTA_LIMIT_FLAGS, 0);
	nft_x_end(m, e);
}

void nft_x_count(struct nft_msg *m, const char *name)
{
	struct nft_expr e = nft_x_begin(m, "objref");

	nft_put_u32(m, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	nft_put_str(m, NFTA_OBJREF_IMM_NAME, name);
	nft_x_end(m, e);
}

static void port_into_reg1(struct nft_msg *m, uint32_t ifindex)
{
	nft_x_immediate(m, NFT_REG_1, &ifindex, sizeof ifindex);
}

void nft_x_fwd(struct nft_msg *m, uint32_t ifindex)
{
	struct nft_expr e;

	port_into_reg1(m, ifindex);
	e = nft_x_begin(m, "fwd");
	nft_put_u32(m, NFTA_FWD_SREG_DEV, NFT_REG_1);
	nft_x_end(m, e);
}

/* To the neighbour whose address is in register 2. */
void nft_x_fwd_neighbour(struct nft_msg *m, uint32_t ifindex)
{
	struct nft_expr e;

	port_into_reg1(m, ifindex);
	e = nft_x_begin(m, "fwd");
	nft_put_u32(m, NFTA_FWD_SREG_DEV, NFT_REG_1);
	nft_put_u32(m, NFTA_FWD_SREG_ADDR, NFT_REG_2);
	nft_put_u32(m, NFTA_FWD_NFPROTO, NFPROTO_IPV6);
	nft_x_end(m, e);
}

void nft_x_copy_to(struct nft_msg *m, uint32_t ifindex)
{
	struct nft_expr e;

	port_into_reg1(m, ifindex);
	e = nft_x_begin(m, "dup");
	nft_put_u32(m, NFTA_DUP_SREG_DEV, NFT_REG_1);
	nft_x_end(m, e);
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
