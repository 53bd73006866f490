/*
 * nft-expr - the expressions of the kernel's nf_tables, one function each: for the nft-*.c files alone.
 *
 * Registers are NFT_REG_1 to 4 (16 octets) or NFT_REG32_00 and on (4 octets of the same). What compares,
 * stores or sends takes its value from NFT_REG_1, unless it says otherwise.
 * Source  linux/netfilter/nf_tables.h; `nft --debug=netlink` shows the same words.
 */
#ifndef VNEP_NFT_EXPR_H
#define VNEP_NFT_EXPR_H

#include <linux/netfilter/nf_tables.h>

#include "nft-msg.h"

/* One being written: NFTA_LIST_ELEM { NFTA_EXPR_NAME, NFTA_EXPR_DATA { … } }. */
struct nft_expr {
	struct nlattr *elem, *data;
};

/* A message that has no room becomes full, as nft_msg does. */
struct nft_expr nft_x_begin(struct nft_msg *m, const char *name);
void nft_x_end(struct nft_msg *m, struct nft_expr e);
void nft_x_put_value(struct nft_msg *m, uint16_t type, const void *data, size_t len);
void nft_x_meta(struct nft_msg *m, uint32_t key, uint32_t reg);
void nft_x_mark(struct nft_msg *m, uint32_t reg); /* the packet gets the mark that is in reg */
void nft_x_cmp(struct nft_msg *m, uint32_t op, const void *data, size_t len);
void nft_x_cmp_u8(struct nft_msg *m, uint32_t op, uint8_t v);
void nft_x_cmp_be16(struct nft_msg *m, uint32_t op, uint64_t v);
void nft_x_load(struct nft_msg *m, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg);
void nft_x_bitwise(struct nft_msg *m, uint32_t reg, const void *mask, const void *xor, size_t len);
/* Octets of the link header, which no checksum covers. */
void nft_x_store_link(struct nft_msg *m, uint32_t offset, uint32_t len, uint32_t reg);
/* An address of the IPv6 header from reg; the kernel corrects the checksum of what is above. */
void nft_x_store_ip6(struct nft_msg *m, uint32_t offset, uint32_t reg);
void nft_x_immediate(struct nft_msg *m, uint32_t reg, const void *data, size_t len);
void nft_x_verdict(struct nft_msg *m, int32_t code, const char *chain);
/* Not a map: only "is it in". For verdict maps dreg is the verdict register, which is 0. */
void nft_x_lookup(struct nft_msg *m, enum vnep_set set, uint32_t sreg, bool map, uint32_t dreg);
void nft_x_lookup_not(struct nft_msg *m, enum vnep_set set, uint32_t sreg);
void nft_x_limit(struct nft_msg *m, uint64_t rate, uint64_t burst);
void nft_x_count(struct nft_msg *m, const char *name);
void nft_x_fwd(struct nft_msg *m, uint32_t ifindex);
/* To the neighbour whose address is in register 2. */
void nft_x_fwd_neighbour(struct nft_msg *m, uint32_t ifindex);
void nft_x_copy_to(struct nft_msg *m, uint32_t ifindex);

#endif
