/*
 * nft-msg - one nf_tables message being written into a bounded place: for the nft-*.c files alone.
 *
 * Errors  sticky: what does not fit sets full, and later puts do nothing.
 */
#ifndef VNEP_NFT_MSG_H
#define VNEP_NFT_MSG_H

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vnep/nl.h"
#include "vnep/ruleset.h"

struct nft_msg {
	struct nlmsghdr *head;
	size_t cap; /* octets at head */
	bool full;
	bool small; /* its answers are */
	int held; /* the address in register 1: 1 + enum vnep_field; 0: another value */
};

enum { NFT_NETDEV = 5 }; /* NFPROTO_NETDEV */

static inline struct nlmsghdr *nft_head(
	void *at, uint16_t type, uint16_t flags, uint32_t seq, uint8_t family, uint16_t res)
{
	struct nlmsghdr *head = mnl_nlmsg_put_header(at);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(head, sizeof *nfg);

	head->nlmsg_type = type;
	head->nlmsg_flags = NLM_F_REQUEST | flags;
	head->nlmsg_seq = seq;
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = (uint16_t)(res >> 8 | res << 8); /* network order */
	return head;
}

static inline void nft_put(struct nft_msg *m, uint16_t type, const void *data, size_t len)
{
	if (!m->full && !mnl_attr_put_check(m->head, m->cap, type, len, data))
		m->full = true;
}

static inline void nft_put_str(struct nft_msg *m, uint16_t type, const char *text)
{
	nft_put(m, type, text, strlen(text) + 1);
}

/* nf_tables numbers are in network order. */
static inline void nft_put_u32(struct nft_msg *m, uint16_t type, uint32_t v)
{
	uint8_t be[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	nft_put(m, type, be, sizeof be);
}

static inline void nft_put_u64(struct nft_msg *m, uint16_t type, uint64_t v)
{
	uint8_t be[8];

	for (int i = 0; i < 8; i++)
		be[i] = (uint8_t)(v >> (56 - 8 * i));
	nft_put(m, type, be, sizeof be);
}

static inline struct nlattr *nft_nest(struct nft_msg *m, uint16_t type)
{
	struct nlattr *nest = m->full ? NULL : mnl_attr_nest_start_check(m->head, m->cap, type);

	if (!nest)
		m->full = true;
	return nest;
}

static inline void nft_end(struct nft_msg *m, struct nlattr *nest)
{
	if (nest && !m->full)
		mnl_attr_nest_end(m->head, nest);
}

/* The expressions of a rule, as NFTA_RULE_EXPRESSIONS. */
void nft_put_rule_exprs(
	struct nft_msg *m, const struct vnep_ruleset *rs, const struct vnep_rule *rule);

/* nft-refused.c: the element whose attribute lies at offset in a message of elements; false: it is none. */
struct nft_refused {
	enum vnep_set set;
	struct vnep_set_element element;
	bool has_addr; /* its data is an address, and is told */
};
bool nft_refused_element(const struct nlmsghdr *msg, size_t offset, struct nft_refused *out);

/* "element KEY of SET" */
void nft_refused_print(const struct nft_refused *refused, struct vnep_buf *out);

/* What nft(8) says of an object, as its user data. */
void nft_put_comment(struct nft_msg *m, uint16_t attr, const char *comment);
void nft_put_set_udata(struct nft_msg *m, const struct vnep_set_spec *spec);

/* "counter" as an expression of a set's elements. */
void nft_put_counter_expr(struct nft_msg *m, uint16_t type);

/* goto CHAIN as data of a map's element. */
void nft_put_goto(struct nft_msg *m, const char *chain);

/* nft-dump.c: a question in the caller's place for it; -ENOENT, without a word, where there is no such thing. */
struct nft_msg nft_question(void *place, size_t cap, uint16_t type, uint16_t flags);
int nft_ask(struct vnep_nl *nl, struct nft_msg *m, vnep_nl_cb *cb, void (*restart)(void *), void *arg,
	struct vnep_err *err);

#endif
