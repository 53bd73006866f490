/* nftprobe - a rule for each thing that rules are made of, and a batch that cannot be committed. */
#include <netinet/in.h> /* before linux/netfilter.h, which brings linux/in.h */

#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>

#include "nft-expr.h"
#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/nftprobe.h"

#define TABLE "vnep-probe" /* never there */
#define CHAIN "c"
#define NO_RULES                                                                                   \
	"without it no rule can be loaded; the map, the journal, `vnep-acl explain` and `render` " \
	"work"

enum {
	ROOM = 64 << 10, /* octets of the batch; it takes 4 KiB */
	PORT = 1,        /* the index of some port: nothing goes there */
	ASKED = VNEP_NFT_FEATURES * 2,
};

const struct vnep_nft_feature_info vnep_nft_features[VNEP_NFT_FEATURES] = {
	[VNEP_NFT_TABLES] = { "nf_tables with family netdev",
		"CONFIG_NF_TABLES, CONFIG_NF_TABLES_NETDEV", true, NO_RULES },
	[VNEP_NFT_SETS] = { "maps with timeouts", "CONFIG_NF_TABLES", true, NO_RULES },
	[VNEP_NFT_SET_COUNTERS] = { "counters of a map's elements", "CONFIG_NF_TABLES, Linux 5.7",
		true, NO_RULES },
	[VNEP_NFT_COUNTERS] = { "objref", "CONFIG_NFT_OBJREF", true, NO_RULES },
	[VNEP_NFT_FIELDS] = { "meta, payload and bitwise", "CONFIG_NF_TABLES", true, NO_RULES },
	[VNEP_NFT_REWRITE] = { "payload that corrects checksums", "CONFIG_NF_TABLES", true,
		NO_RULES },
	[VNEP_NFT_LOOKUP] = { "lookup", "CONFIG_NF_TABLES", true, NO_RULES },
	[VNEP_NFT_EXTHDR] = { "exthdr", "CONFIG_NFT_EXTHDR", true, NO_RULES },
	[VNEP_NFT_LIMITS] = { "limit", "CONFIG_NFT_LIMIT", true, NO_RULES },
	[VNEP_NFT_FORWARD] = { "fwd", "CONFIG_NFT_FWD_NETDEV", true, NO_RULES },
	[VNEP_NFT_COPY] = { "dup", "CONFIG_NFT_DUP_NETDEV", true, NO_RULES },
	[VNEP_NFT_TIMEOUTS] = { "dynset", "CONFIG_NF_TABLES", false,
		"devices with an active time (psm) cannot be served; those that always listen, or "
		"never, can" },
	[VNEP_NFT_BYTEORDER] = { "byteorder", "CONFIG_NF_TABLES", false,
		"ports with different MTUs cannot be served; ports with one MTU can" },
};

struct probe {
	struct vnep_nl *nl;
	uint8_t *data;
	size_t len;
	bool full;
	uint32_t first_seq, last_seq;
	struct {
		uint32_t seq;
		enum vnep_nft_feature feature;
	} asked[ASKED];
	unsigned count;
	int answers[VNEP_NFT_FEATURES];
};

/* A message about a feature; what is written to it is taken by end. */
static struct nft_msg begin(
	struct probe *p, uint16_t type, uint16_t flags, enum vnep_nft_feature feature)
{
	struct nft_msg m = { .cap = ROOM - p->len };

	if (p->full || m.cap < 4096 || p->count == ASKED) {
		p->full = true;
		return (struct nft_msg){ .full = true };
	}
	p->last_seq = vnep_nl_next_seq(p->nl);
	p->asked[p->count].seq = p->last_seq;
	p->asked[p->count++].feature = feature;
	m.head = nft_head(p->data + p->len, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
		p->last_seq, NFT_NETDEV, 0);
	return m;
}

static void end(struct probe *p, const struct nft_msg *m)
{
	p->full = p->full || m->full;
	if (!p->full)
		p->len += m->head->nlmsg_len;
}

static void mark(struct probe *p, uint16_t type)
{
	uint32_t seq = vnep_nl_next_seq(p->nl);
	struct nlmsghdr *head = nft_head(p->data + p->len, type, 0, seq, 0, NFNL_SUBSYS_NFTABLES);

	p->len += head->nlmsg_len;
	if (type == NFNL_MSG_BATCH_BEGIN)
		p->first_seq = seq;
}

static void ask_table(struct probe *p)
{
	struct nft_msg m = begin(p, NFT_MSG_NEWTABLE, NLM_F_CREATE, VNEP_NFT_TABLES);

	nft_put_str(&m, NFTA_TABLE_NAME, TABLE);
	end(p, &m);
	m = begin(p, NFT_MSG_NEWCHAIN, NLM_F_CREATE, VNEP_NFT_TABLES);
	nft_put_str(&m, NFTA_CHAIN_TABLE, TABLE);
	nft_put_str(&m, NFTA_CHAIN_NAME, CHAIN);
	end(p, &m);
}

/* Of addresses, as those of the table are made (nft.c). */
static void ask_set(
	struct probe *p, enum vnep_set set, uint32_t flags, enum vnep_nft_feature feature)
{
	struct nft_msg m = begin(p, NFT_MSG_NEWSET, NLM_F_CREATE, feature);
	struct nlattr *desc;

	nft_put_str(&m, NFTA_SET_TABLE, TABLE);
	nft_put_str(&m, NFTA_SET_NAME, vnep_set_specs[set].name);
	nft_put_u32(&m, NFTA_SET_FLAGS, flags | (uint32_t)NFT_SET_TIMEOUT);
	nft_put_u32(&m, NFTA_SET_KEY_TYPE, 0);
	nft_put_u32(&m, NFTA_SET_KEY_LEN, 16);
	if (flags & NFT_SET_MAP) {
		nft_put_u32(&m, NFTA_SET_DATA_TYPE, 0);
		nft_put_u32(&m, NFTA_SET_DATA_LEN, 16);
	}
	nft_put_u32(&m, NFTA_SET_ID, (uint32_t)set + 1);
	desc = nft_nest(&m, NFTA_SET_DESC);
	nft_put_u32(&m, NFTA_SET_DESC_SIZE, 16);
	nft_end(&m, desc);
	if (flags & NFT_SET_EXPR)
		nft_put_counter_expr(&m, NFTA_SET_EXPR);
	end(p, &m);
}

static void ask_counter(struct probe *p)
{
	struct nft_msg m = begin(p, NFT_MSG_NEWOBJ, NLM_F_CREATE, VNEP_NFT_COUNTERS);
	struct nlattr *data;

	nft_put_str(&m, NFTA_OBJ_TABLE, TABLE);
	nft_put_str(&m, NFTA_OBJ_NAME, CHAIN);
	nft_put_u32(&m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	data = nft_nest(&m, NFTA_OBJ_DATA);
	nft_end(&m, data);
	end(p, &m);
}

/* The statements that need it. */
static const struct vnep_stmt *statements(enum vnep_nft_feature feature)
{
	static const struct vnep_stmt fields = { .kind = VNEP_STMT_VLAN, .number = 1 },
				      rewrite = { .kind = VNEP_STMT_TO_BINDING },
				      lookup = { .kind = VNEP_STMT_IN_SET,
					      .set = VNEP_SET_ENDPOINT,
					      .field = VNEP_FIELD_DEST },
				      exthdr = { .kind = VNEP_STMT_FRAGMENTED },
				      limits = { .kind = VNEP_STMT_LIMIT,
					      .number = 10,
					      .number2 = 10 },
				      forward = { .kind = VNEP_STMT_ROUTE, .ifindex = PORT },
				      copy = { .kind = VNEP_STMT_DUP, .ifindex = PORT },
				      timeouts = { .kind = VNEP_STMT_UPDATE_AWAKE,
					      .field = VNEP_FIELD_SRC,
					      .number = 1000 },
				      byteorder = { .kind = VNEP_STMT_LONGER, .number = 1500 },
				      counters = { .kind = VNEP_STMT_COUNT, .name = CHAIN };

	switch (feature) {
	case VNEP_NFT_COUNTERS: return &counters;
	case VNEP_NFT_FIELDS: return &fields;
	case VNEP_NFT_REWRITE: return &rewrite;
	case VNEP_NFT_LOOKUP: return &lookup;
	case VNEP_NFT_EXTHDR: return &exthdr;
	case VNEP_NFT_LIMITS: return &limits;
	case VNEP_NFT_FORWARD: return &forward;
	case VNEP_NFT_COPY: return &copy;
	case VNEP_NFT_TIMEOUTS: return &timeouts;
	case VNEP_NFT_BYTEORDER: return &byteorder;
	case VNEP_NFT_TABLES:
	case VNEP_NFT_SETS:
	case VNEP_NFT_SET_COUNTERS:
	case VNEP_NFT_FEATURES: break;
	}
	return NULL;
}

static void ask_rule(struct probe *p, enum vnep_nft_feature feature)
{
	const struct vnep_stmt *stmt = statements(feature);
	struct vnep_rule rule = { .count = 1 };
	struct vnep_ruleset rs = { .rules = &rule, .rule_count = 1, .stmt_count = 1 };
	struct vnep_stmt copy;
	struct nft_msg m;

	if (!stmt)
		return;
	copy = *stmt;
	rs.stmts = &copy;
	m = begin(p, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, feature);
	nft_put_str(&m, NFTA_RULE_TABLE, TABLE);
	nft_put_str(&m, NFTA_RULE_CHAIN, CHAIN);
	nft_put_rule_exprs(&m, &rs, &rule);
	end(p, &m);
}

/* To delete what is not there is refused, and with it the whole batch. */
static void ask_for_refusal(struct probe *p)
{
	struct nft_msg m = begin(p, NFT_MSG_DELTABLE, NLM_F_ACK, VNEP_NFT_FEATURES);

	nft_put_str(&m, NFTA_TABLE_NAME, TABLE "-not-there");
	end(p, &m);
}

static void write_batch(struct probe *p)
{
	mark(p, NFNL_MSG_BATCH_BEGIN);
	ask_table(p);
	ask_set(p, VNEP_SET_ENDPOINT, 0, VNEP_NFT_SETS);
	ask_set(p, VNEP_SET_TO_BINDING, NFT_SET_MAP, VNEP_NFT_SETS);
	ask_set(p, VNEP_SET_CLASS, NFT_SET_MAP | NFT_SET_EXPR, VNEP_NFT_SET_COUNTERS);
	ask_set(p, VNEP_SET_AWAKE, NFT_SET_EVAL, VNEP_NFT_TIMEOUTS);
	ask_counter(p);
	for (int f = 0; f < VNEP_NFT_FEATURES; f++)
		ask_rule(p, (enum vnep_nft_feature)f);
	ask_for_refusal(p);
	mark(p, NFNL_MSG_BATCH_END);
}

static void note(uint32_t seq, int errnum, const char *text, size_t offset, void *arg)
{
	struct probe *p = arg;

	(void)text;
	(void)offset;
	if (errnum == EPERM && !p->answers[VNEP_NFT_TABLES])
		p->answers[VNEP_NFT_TABLES] = EPERM; /* of the batch as a whole */
	for (unsigned i = 0; i < p->count; i++)
		if (p->asked[i].seq == seq && p->asked[i].feature < VNEP_NFT_FEATURES &&
			!p->answers[p->asked[i].feature])
			p->answers[p->asked[i].feature] = errnum;
}

int vnep_nft_probe(struct vnep_nl *nl, uint32_t *missing, struct vnep_err *err)
{
	struct probe p = { .nl = nl, .data = calloc(1, ROOM) };
	struct vnep_err refused = { 0 };
	int rc;

	if (!p.data)
		return vnep_err_sys(err, ENOMEM, "nf_tables batch");
	write_batch(&p);
	rc = p.full ? vnep_err_sys(err, EMSGSIZE, "nf_tables batch")
		    : vnep_nl_batch(nl, p.data, p.len, p.first_seq, p.last_seq, note, &p, &refused);
	free(p.data);
	if (p.full)
		return rc;
	if (!rc) /* it cannot be */
		return vnep_err_set(err, VNEP_EKERNEL, "the kernel took what it was to refuse");
	if (rc == VNEP_EPRIV || rc == VNEP_EUNKNOWN) {
		if (err)
			*err = refused;
		return rc;
	}
	return vnep_nft_probe_judge(p.answers, missing, err);
}

/* What it is made of. */
static uint32_t parts_of(enum vnep_nft_feature feature)
{
	switch (feature) {
	case VNEP_NFT_TABLES: return 0;
	case VNEP_NFT_REWRITE:
		return 1u << VNEP_NFT_TABLES | 1u << VNEP_NFT_SETS | 1u << VNEP_NFT_FIELDS;
	case VNEP_NFT_LOOKUP:
	case VNEP_NFT_TIMEOUTS:
		return 1u << VNEP_NFT_TABLES | 1u << VNEP_NFT_SETS | 1u << VNEP_NFT_FIELDS;
	case VNEP_NFT_SET_COUNTERS: return 1u << VNEP_NFT_TABLES | 1u << VNEP_NFT_SETS;
	case VNEP_NFT_FORWARD:
	case VNEP_NFT_EXTHDR:
	case VNEP_NFT_BYTEORDER: return 1u << VNEP_NFT_TABLES | 1u << VNEP_NFT_FIELDS;
	default: return 1u << VNEP_NFT_TABLES;
	}
}

int vnep_nft_probe_judge(
	const int answers[static VNEP_NFT_FEATURES], uint32_t *missing, struct vnep_err *err)
{
	uint32_t no = 0, named = 0;

	for (int f = 0; f < VNEP_NFT_FEATURES; f++) {
		switch (answers[f]) {
		case 0: continue;
		case EPERM:
			return vnep_err_set(err, VNEP_EPRIV,
				"nf_tables: asking the kernel what it has needs CAP_NET_ADMIN");
		case ENOENT:
		case EINVAL:
		case EOPNOTSUPP:
		case EPROTONOSUPPORT:
		case EAFNOSUPPORT: no |= 1u << f; break;
		default:
			return vnep_err_set(err, VNEP_EKERNEL, "the kernel refused to try %s: %s",
				vnep_nft_features[f].name, strerror(answers[f]));
		}
	}
	for (int f = 0; f < VNEP_NFT_FEATURES; f++)
		if ((no >> f & 1) && !(no & parts_of((enum vnep_nft_feature)f)))
			named |= 1u << f;
	*missing = named;
	return 0;
}

void vnep_nft_feature_missing(enum vnep_nft_feature feature, struct vnep_err *err)
{
	const struct vnep_nft_feature_info *info = &vnep_nft_features[feature];

	vnep_err_set(err, VNEP_EKERNEL, "this kernel has no %s (%s): %s", info->name, info->option,
		info->without);
}

int vnep_nft_probe_each(vnep_nft_missing_cb *told, void *arg, struct vnep_err *err)
{
	struct vnep_nl *nl = NULL;
	uint32_t missing = 0;
	bool vital = false;
	int rc = vnep_nl_open(&nl, NETLINK_NETFILTER, err);

	if (!rc)
		rc = vnep_nft_probe(nl, &missing, err);
	vnep_nl_close(nl);
	if (rc)
		return rc;
	for (int f = 0; f < VNEP_NFT_FEATURES; f++) {
		struct vnep_err why = { 0 };

		if (!(missing >> f & 1))
			continue;
		vnep_nft_feature_missing((enum vnep_nft_feature)f, &why);
		told(&why, arg);
		vital = vital || vnep_nft_features[f].vital;
	}
	return vital ? vnep_err_set(err, VNEP_EKERNEL, "this kernel cannot hold the rules") : 0;
}
