/*
 * nft - changes to table `netdev vnep`, gathered into batches.
 *
 * A batch is BATCH_BEGIN, messages, BATCH_END; the kernel takes all of it or nothing. Only the last
 * message before the end asks for an acknowledgement (kernels before 6.10 do not acknowledge the
 * end itself), refused ones speak up anyway. For each message the batch remembers what it is about,
 * so that an error has a name.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>

#include "nft-msg.h"
#include "vnep/err.h"
#include "vnep/nft.h"

enum {
	MESSAGE_MAX = 64 << 10,
	ELEMENTS_OCTETS = 28 << 10, /* of one element list: far below the 64 KiB of an attribute */
	/* A commit costs a millisecond or more, in which nothing is done: so they get fewer the more there is to do. The
	 * memory is to be small where a map is. */
	BATCH_LEAST = 512 << 10,
	BATCH_MOST = 3 << 20,
	BATCH_PART = 32, /* of what was committed before */
	LABEL_MAX = 192,
};

struct label {
	uint32_t seq;
	char text[LABEL_MAX];
};

struct vnep_nft_batch {
	struct vnep_nl *nl;
	struct vnep_buf buf;
	size_t last;        /* offset of the last message */
	size_t limit, most; /* octets after which a unit's end is the batch's end: now, and ever */
	uint64_t committed; /* octets */
	uint32_t first_seq; /* of BATCH_BEGIN */
	uint32_t last_seq;
	struct label *labels; /* what each message is about */
	size_t label_count, label_cap;
	int rc;
	char refused[LABEL_MAX + 256]; /* first refusal: what, and the kernel's words */
	int refused_errno;
	bool has_element; /* what was refused last is one */
	struct nft_refused element;
};

static void set_limit(struct vnep_nft_batch *batch)
{
	uint64_t limit = batch->committed / BATCH_PART;

	if (limit < BATCH_LEAST)
		limit = BATCH_LEAST;
	batch->limit = limit < batch->most ? (size_t)limit : batch->most;
}

int vnep_nft_batch_new(struct vnep_nft_batch **out, struct vnep_nl *nl, struct vnep_err *err)
{
	struct vnep_nft_batch *batch = calloc(1, sizeof *batch);

	if (!batch)
		return vnep_err_sys(err, ENOMEM, "nf_tables batch");
	batch->nl = nl;
	batch->most = vnep_nl_batch_max(nl) / 4 * 3;
	if (batch->most > BATCH_MOST)
		batch->most = BATCH_MOST;
	set_limit(batch);
	vnep_buf_init(&batch->buf);
	*out = batch;
	return 0;
}

void vnep_nft_batch_free(struct vnep_nft_batch *batch)
{
	if (!batch)
		return;
	vnep_buf_release(&batch->buf);
	free(batch->labels);
	free(batch);
}

/* Count the octets of a message that was written at the end of the buffer. */
static void take(struct vnep_nft_batch *batch, const struct nlmsghdr *head)
{
	batch->last = batch->buf.len;
	batch->last_seq = head->nlmsg_seq;
	batch->buf.len += head->nlmsg_len; /* already a multiple of four */
}

static void batch_mark(struct vnep_nft_batch *batch, uint16_t type)
{
	void *at = vnep_buf_reserve(&batch->buf, MESSAGE_MAX);
	struct nlmsghdr *head;

	if (!at) {
		batch->rc = -ENOMEM;
		return;
	}
	head = nft_head(at, type, 0, vnep_nl_next_seq(batch->nl), 0, NFNL_SUBSYS_NFTABLES);
	if (type == NFNL_MSG_BATCH_BEGIN) {
		batch->first_seq = head->nlmsg_seq;
		take(batch, head);
	} else {
		batch->buf.len += head->nlmsg_len; /* the last message stays the one before */
	}
}

static bool label_keep(
	struct vnep_nft_batch *batch, uint32_t seq, const char *what, const char *name)
{
	struct label *label;

	if (batch->label_count == batch->label_cap) {
		size_t cap = batch->label_cap ? batch->label_cap * 2 : 64;
		struct label *bigger = reallocarray(batch->labels, cap, sizeof *bigger);

		if (!bigger)
			return false;
		batch->labels = bigger;
		batch->label_cap = cap;
	}
	label = &batch->labels[batch->label_count++];
	label->seq = seq;
	snprintf(label->text, sizeof label->text, "%s %s", what, name);
	return true;
}

/* A message of our table; what and name are for errors. An m with full set when there is no room.
 */
static struct nft_msg message(struct vnep_nft_batch *batch, uint16_t type, uint16_t flags,
	const char *what, const char *name)
{
	struct nft_msg m = { .full = true };
	uint32_t seq;
	void *at;

	if (!batch->buf.len)
		batch_mark(batch, NFNL_MSG_BATCH_BEGIN);
	if (batch->rc)
		return m;
	at = vnep_buf_reserve(&batch->buf, MESSAGE_MAX);
	seq = vnep_nl_next_seq(batch->nl);
	if (!at || !label_keep(batch, seq, what, name)) {
		batch->rc = -ENOMEM;
		return m;
	}
	m = (struct nft_msg){ .cap = MESSAGE_MAX };
	m.head = nft_head(
		at, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, seq, NFT_NETDEV, 0);
	return m;
}

static void message_end(struct vnep_nft_batch *batch, struct nft_msg *m)
{
	if (batch->rc)
		return;
	if (m->full)
		batch->rc = -EMSGSIZE;
	else
		take(batch, m->head);
}

void vnep_nft_table_put(struct vnep_nft_batch *batch)
{
	struct nft_msg m = message(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, "table", VNEP_NFT_TABLE);

	nft_put_str(&m, NFTA_TABLE_NAME, VNEP_NFT_TABLE);
	nft_put_u32(&m, NFTA_TABLE_FLAGS, 0);
	message_end(batch, &m);
}

void vnep_nft_table_delete(struct vnep_nft_batch *batch)
{
	struct nft_msg m = message(batch, NFT_MSG_DELTABLE, 0, "table", VNEP_NFT_TABLE);

	nft_put_str(&m, NFTA_TABLE_NAME, VNEP_NFT_TABLE);
	message_end(batch, &m);
}

void vnep_nft_counter_put(struct vnep_nft_batch *batch, const char *name)
{
	struct nft_msg m = message(batch, NFT_MSG_NEWOBJ, NLM_F_CREATE, "counter", name);
	struct nlattr *data;

	nft_put_str(&m, NFTA_OBJ_TABLE, VNEP_NFT_TABLE);
	nft_put_str(&m, NFTA_OBJ_NAME, name);
	nft_put_u32(&m, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	data = nft_nest(&m, NFTA_OBJ_DATA);
	nft_put_u64(&m, NFTA_COUNTER_BYTES, 0);
	nft_put_u64(&m, NFTA_COUNTER_PACKETS, 0);
	nft_end(&m, data);
	message_end(batch, &m);
}

void vnep_nft_object_delete(struct vnep_nft_batch *batch, const char *name, uint32_t type)
{
	struct nft_msg m = message(batch, NFT_MSG_DELOBJ, 0, "object", name);

	nft_put_str(&m, NFTA_OBJ_TABLE, VNEP_NFT_TABLE);
	nft_put_str(&m, NFTA_OBJ_NAME, name);
	nft_put_u32(&m, NFTA_OBJ_TYPE, type);
	message_end(batch, &m);
}

/* How nft(8) calls a type (its src/datatype.h), six bits for each part of a concatenation: so that
 * nft lists our sets in words. */
static uint32_t type_name(enum vnep_nft_type type)
{
	switch (type) {
	case VNEP_NFT_NONE: return 0;
	case VNEP_NFT_IIF: return 20;
	case VNEP_NFT_VLAN: return 4; /* an integer: put_typeof says which */
	case VNEP_NFT_MAC: return 9;
	case VNEP_NFT_IP6:
	case VNEP_NFT_IP6_DEST: return 8;
	case VNEP_NFT_ICMP_TYPE: return 29;
	case VNEP_NFT_MARK: return 19;
	case VNEP_NFT_VERDICT: return NFT_DATA_VERDICT;
	}
	return 0;
}

static uint32_t key_type_name(const struct vnep_set_spec *spec)
{
	uint32_t name = 0;

	for (int i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++)
		name = name << 6 | type_name(spec->key[i]);
	return name;
}

static uint32_t set_flags(const struct vnep_set_spec *spec)
{
	return (spec->data != VNEP_NFT_NONE ? NFT_SET_MAP : 0u) |
	       (vnep_set_grows(spec) ? (uint32_t)NFT_SET_TIMEOUT : 0u) |
	       (spec->timeout ? (uint32_t)NFT_SET_EVAL : 0u) |
	       (spec->counter ? (uint32_t)NFT_SET_EXPR : 0u);
}

void vnep_nft_set_put(struct vnep_nft_batch *batch, enum vnep_set set, uint32_t size)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[set];
	struct nft_msg m = message(batch, NFT_MSG_NEWSET, NLM_F_CREATE, "set", spec->name);
	struct nlattr *desc;

	nft_put_str(&m, NFTA_SET_TABLE, VNEP_NFT_TABLE);
	nft_put_str(&m, NFTA_SET_NAME, spec->name);
	nft_put_u32(&m, NFTA_SET_FLAGS, set_flags(spec));
	nft_put_u32(&m, NFTA_SET_KEY_TYPE, key_type_name(spec));
	nft_put_u32(&m, NFTA_SET_KEY_LEN, spec->key_len);
	if (spec->data != VNEP_NFT_NONE) {
		nft_put_u32(&m, NFTA_SET_DATA_TYPE,
			type_name(spec->chains ? VNEP_NFT_MARK : spec->data));
		if (!vnep_set_has_verdicts(spec))
			nft_put_u32(&m, NFTA_SET_DATA_LEN, spec->data_len);
	}
	nft_put_u32(&m, NFTA_SET_ID, (uint32_t)set + 1);
	desc = nft_nest(&m, NFTA_SET_DESC);
	nft_put_u32(&m, NFTA_SET_DESC_SIZE, spec->size ? spec->size : size);
	nft_end(&m, desc);
	if (vnep_set_grows(spec) && !spec->timeout)
		nft_put_u32(&m, NFTA_SET_GC_INTERVAL, VNEP_SET_GC_MS);
	nft_put_set_udata(&m, spec);
	if (spec->counter)
		nft_put_counter_expr(&m, NFTA_SET_EXPR);
	message_end(batch, &m);
}

void vnep_nft_set_delete(struct vnep_nft_batch *batch, const char *set)
{
	struct nft_msg m = message(batch, NFT_MSG_DELSET, 0, "set", set);

	nft_put_str(&m, NFTA_SET_TABLE, VNEP_NFT_TABLE);
	nft_put_str(&m, NFTA_SET_NAME, set);
	message_end(batch, &m);
}

void vnep_nft_chain_put(struct vnep_nft_batch *batch, const struct vnep_chain *chain)
{
	struct nft_msg m = message(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "chain", chain->name);
	struct nlattr *hook;

	nft_put_str(&m, NFTA_CHAIN_TABLE, VNEP_NFT_TABLE);
	nft_put_str(&m, NFTA_CHAIN_NAME, chain->name);
	if (chain->device[0]) {
		hook = nft_nest(&m, NFTA_CHAIN_HOOK);
		nft_put_u32(&m, NFTA_HOOK_HOOKNUM, 0 /* NF_NETDEV_INGRESS */);
		nft_put_u32(&m, NFTA_HOOK_PRIORITY, 0);
		nft_put_str(&m, NFTA_HOOK_DEV, chain->device);
		nft_end(&m, hook);
		nft_put_u32(&m, NFTA_CHAIN_POLICY, 0 /* NF_DROP */);
		nft_put_str(&m, NFTA_CHAIN_TYPE, "filter");
	}
	nft_put_comment(&m, NFTA_CHAIN_USERDATA, chain->comment);
	message_end(batch, &m);
}

void vnep_nft_chain_delete(struct vnep_nft_batch *batch, const char *chain)
{
	struct nft_msg m = message(batch, NFT_MSG_DELCHAIN, 0, "chain", chain);

	nft_put_str(&m, NFTA_CHAIN_TABLE, VNEP_NFT_TABLE);
	nft_put_str(&m, NFTA_CHAIN_NAME, chain);
	message_end(batch, &m);
}

void vnep_nft_chain_flush(struct vnep_nft_batch *batch, const char *chain)
{
	struct nft_msg m = message(batch, NFT_MSG_DELRULE, 0, "the rules of chain", chain);

	nft_put_str(&m, NFTA_RULE_TABLE, VNEP_NFT_TABLE);
	nft_put_str(&m, NFTA_RULE_CHAIN, chain);
	message_end(batch, &m);
}

void vnep_nft_rule_put(struct vnep_nft_batch *batch, const struct vnep_ruleset *rs,
	const struct vnep_chain *chain, const struct vnep_rule *rule)
{
	char comment[VNEP_NFT_COMMENT_MAX + 1 + 18], label[LABEL_MAX];
	struct nft_msg m;

	snprintf(label, sizeof label, "\"%s\" of chain %s", rule->comment, chain->name);
	m = message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "rule", label);
	nft_put_str(&m, NFTA_RULE_TABLE, VNEP_NFT_TABLE);
	nft_put_str(&m, NFTA_RULE_CHAIN, chain->name);
	nft_put_rule_exprs(&m, rs, rule);
	vnep_rule_comment(rs, rule, comment);
	nft_put_comment(&m, NFTA_RULE_USERDATA, comment);
	message_end(batch, &m);
}

/* An upper bound of what an element takes in a message. */
static size_t element_octets(enum vnep_set set)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[set];
	size_t data = vnep_set_has_verdicts(spec) ? VNEP_NFT_NAME_MAX + 24u : spec->data_len + 12u;

	return 4 + 12 + spec->key_len + data + (spec->timeout ? 12u : 0u);
}

size_t vnep_nft_elements_max(enum vnep_set set)
{
	return ELEMENTS_OCTETS / element_octets(set);
}

static void put_element(struct nft_msg *m, const struct vnep_ruleset *rs,
	const struct vnep_set_spec *spec, const struct vnep_set_element *element,
	uint64_t timeout_ms)
{
	struct nlattr *elem = nft_nest(m, NFTA_LIST_ELEM), *nest = nft_nest(m, NFTA_SET_ELEM_KEY);
	uint32_t chain;

	nft_put(m, NFTA_DATA_VALUE, element->key, spec->key_len);
	nft_end(m, nest);
	if (rs && spec->data == VNEP_NFT_VERDICT) {
		memcpy(&chain, element->data, sizeof chain);
		if (spec->chains) {
			nest = nft_nest(m, NFTA_SET_ELEM_DATA);
			nft_put(m, NFTA_DATA_VALUE, &rs->chains[chain].number,
				sizeof rs->chains[chain].number);
			nft_end(m, nest);
		} else {
			nft_put_goto(m, rs->chains[chain].name);
		}
	} else if (rs && spec->data != VNEP_NFT_NONE) {
		nest = nft_nest(m, NFTA_SET_ELEM_DATA);
		nft_put(m, NFTA_DATA_VALUE, element->data, spec->data_len);
		nft_end(m, nest);
	}
	if (timeout_ms)
		nft_put_u64(m, NFTA_SET_ELEM_TIMEOUT, timeout_ms);
	nft_end(m, elem);
}

/* rs NULL: keys alone, for deletion. */
static void put_elements(struct vnep_nft_batch *batch, uint16_t type, uint16_t flags,
	const struct vnep_ruleset *rs, enum vnep_set set, const struct vnep_set_element *elements,
	size_t count, uint64_t timeout_ms)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[set];
	size_t max = vnep_nft_elements_max(set);

	for (size_t at = 0; at < count && !batch->rc; at += max) {
		size_t n = count - at < max ? count - at : max;
		struct nft_msg m = message(batch, type, flags, "elements of", spec->name);
		struct nlattr *list;

		nft_put_str(&m, NFTA_SET_ELEM_LIST_TABLE, VNEP_NFT_TABLE);
		nft_put_str(&m, NFTA_SET_ELEM_LIST_SET, spec->name);
		list = nft_nest(&m, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (size_t i = 0; i < n; i++)
			put_element(&m, rs, spec, &elements[at + i], timeout_ms);
		nft_end(&m, list);
		message_end(batch, &m);
	}
}

void vnep_nft_elements_put(struct vnep_nft_batch *batch, const struct vnep_ruleset *rs,
	enum vnep_set set, const struct vnep_set_element *elements, size_t count,
	uint64_t timeout_ms)
{
	put_elements(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, rs, set, elements, count, timeout_ms);
}

void vnep_nft_elements_delete(struct vnep_nft_batch *batch, enum vnep_set set,
	const struct vnep_set_element *elements, size_t count)
{
	put_elements(batch, NFT_MSG_DELSETELEM, 0, NULL, set, elements, count, 0);
}

int vnep_nft_batch_cut(struct vnep_nft_batch *batch, struct vnep_err *err)
{
	if (!batch->rc && batch->buf.len < batch->limit)
		return 0;
	return vnep_nft_batch_commit(batch, err);
}

static const struct nlmsghdr *message_of(const struct vnep_nft_batch *batch, uint32_t seq)
{
	const struct nlmsghdr *msg;

	for (size_t at = 0; at < batch->buf.len; at += msg->nlmsg_len) {
		msg = (const struct nlmsghdr *)(const void *)(batch->buf.data + at);
		if (msg->nlmsg_seq == seq)
			return msg;
	}
	return NULL;
}

static void note_refusal(uint32_t seq, int errnum, const char *text, size_t offset, void *arg)
{
	struct vnep_nft_batch *batch = arg;
	const struct nlmsghdr *msg = offset ? message_of(batch, seq) : NULL;
	const char *what = "the change as a whole";
	struct vnep_buf element;

	if (batch->refused_errno)
		return; /* what follows the first is often its consequence */
	for (size_t i = 0; i < batch->label_count; i++)
		if (batch->labels[i].seq == seq)
			what = batch->labels[i].text;
	vnep_buf_init(&element);
	batch->has_element = msg && nft_refused_element(msg, offset, &batch->element);
	if (batch->has_element)
		nft_refused_print(&batch->element, &element);
	if (element.len && !element.rc)
		what = vnep_buf_str(&element);
	batch->refused_errno = errnum;
	snprintf(batch->refused, sizeof batch->refused, "%s%s%s", what, *text ? ": " : "", text);
	vnep_buf_release(&element);
}

/* The errno of a refusal in words that say what to do. */
static int refusal(struct vnep_nft_batch *batch, struct vnep_err *err)
{
	int errnum = batch->refused_errno;

	if (errnum == EPERM)
		return vnep_err_set(err, VNEP_EPRIV,
			"nf_tables: changing the kernel's rules needs CAP_NET_ADMIN");
	if (errnum == EOPNOTSUPP || errnum == EPROTONOSUPPORT || errnum == EAFNOSUPPORT) {
		vnep_err_set(err, VNEP_EKERNEL,
			"this kernel has no nf_tables with family netdev (%s)", batch->refused);
		vnep_err_hint(err, "it needs CONFIG_NF_TABLES, CONFIG_NF_TABLES_NETDEV, "
				   "CONFIG_NFT_FWD_NETDEV and "
				   "CONFIG_NFT_DUP_NETDEV; try `modprobe nf_tables`");
		return VNEP_EKERNEL;
	}
	vnep_err_set(
		err, VNEP_EKERNEL, "the kernel refused %s: %s", batch->refused, strerror(errnum));
	if (errnum == ENFILE)
		vnep_err_hint(err,
			"the set is full: `vnep-acl clear`, then apply with a larger --set-size");
	return VNEP_EKERNEL;
}

static void forget(struct vnep_nft_batch *batch)
{
	vnep_buf_reset(&batch->buf);
	batch->label_count = 0;
	batch->refused_errno = 0;
	batch->rc = 0;
}

int vnep_nft_batch_commit(struct vnep_nft_batch *batch, struct vnep_err *err)
{
	struct nlmsghdr *last;
	int rc = batch->rc;

	if (rc) {
		vnep_err_sys(err, -rc, "nf_tables batch");
		forget(batch);
		return rc;
	}
	if (!batch->buf.len)
		return 0;
	batch_mark(batch, NFNL_MSG_BATCH_END);
	if (batch->rc)
		return vnep_nft_batch_commit(batch, err); /* once: reports and forgets */
	batch->has_element = false;
	last = (struct nlmsghdr *)(void *)(batch->buf.data + batch->last);
	last->nlmsg_flags |= NLM_F_ACK;
	rc = vnep_nl_batch(batch->nl, batch->buf.data, batch->buf.len, batch->first_seq,
		batch->last_seq, note_refusal, batch, err);
	if (batch->refused_errno)
		rc = refusal(batch, err);
	batch->committed += batch->buf.len;
	set_limit(batch);
	forget(batch);
	return rc;
}

bool vnep_nft_batch_refused(
	const struct vnep_nft_batch *batch, enum vnep_set *set, struct vnep_set_element *element)
{
	*set = batch->element.set;
	*element = batch->element.element;
	return batch->has_element;
}
