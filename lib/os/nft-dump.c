/*
 * nft-dump - table `netdev vnep` read back: messages of the kernel into plain structs.
 *
 * Everything is copied out with its bounds checked: a message is outside data like any other.
 * Unknown attributes are passed over, so a newer kernel does not disturb.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>

#include "nft-msg.h"
#include "vnep/err.h"
#include "vnep/nft.h"

enum { NETDEV = 5 /* NFPROTO_NETDEV */ };

/* Walk the attributes of a message of ours of this type; false if it is another. */
static bool walk_message(const struct nlmsghdr *msg, uint16_t type, struct vnep_nl_attrs *walk)
{
	const struct nfgenmsg *nfg = (const void *)(msg + 1);

	if (msg->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type) ||
		msg->nlmsg_len < sizeof *msg + sizeof *nfg || nfg->nfgen_family != NETDEV)
		return false;
	vnep_nl_attrs_message(walk, msg, sizeof *nfg);
	return true;
}

static void walk_nested(const struct vnep_nl_attr *attr, struct vnep_nl_attrs *walk)
{
	vnep_nl_attrs_init(walk, attr->data, attr->len);
}

static uint32_t get_u32(const struct vnep_nl_attr *attr)
{
	return attr->len >= 4 ? vnep_be32(attr->data) : 0;
}

static uint64_t get_u64(const struct vnep_nl_attr *attr)
{
	return attr->len >= 8 ? (uint64_t)vnep_be32(attr->data) << 32 | vnep_be32(attr->data + 4)
			      : 0;
}

static void get_str(const struct vnep_nl_attr *attr, char *out, size_t cap)
{
	snprintf(out, cap, "%.*s", (int)(attr->len < cap ? attr->len : cap),
		(const char *)attr->data);
}

static bool is_ours(const struct vnep_nl_attr *attr)
{
	return attr->len == sizeof VNEP_NFT_TABLE && !memcmp(attr->data, VNEP_NFT_TABLE, attr->len);
}

/* The comment in nft(8)'s user data: type, length, value, again and again; type 0 is the comment.
 */
static void get_comment(const struct vnep_nl_attr *attr, char *out, size_t cap)
{
	size_t at = 0;

	while (attr->len - at >= 2 && attr->len - at - 2 >= attr->data[at + 1]) {
		struct vnep_nl_attr text = { 0, attr->data + at + 2, attr->data[at + 1] };

		if (attr->data[at] == 0)
			get_str(&text, out, cap);
		at += 2u + attr->data[at + 1];
	}
}

static void decode_hook(const struct vnep_nl_attr *hook, struct vnep_nft_chain_info *out)
{
	struct vnep_nl_attrs walk, inner;
	struct vnep_nl_attr attr, dev;

	out->base = true;
	walk_nested(hook, &walk);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		switch (attr.type) {
		case NFTA_HOOK_HOOKNUM: out->hook = get_u32(&attr); break;
		case NFTA_HOOK_PRIORITY: out->priority = (int32_t)get_u32(&attr); break;
		case NFTA_HOOK_DEV: get_str(&attr, out->device, sizeof out->device); break;
		case NFTA_HOOK_DEVS:
			walk_nested(&attr, &inner);
			if (!out->device[0] && vnep_nl_attrs_next(&inner, &dev))
				get_str(&dev, out->device, sizeof out->device);
			break;
		default: break;
		}
	}
}

bool vnep_nft_chain_decode(const struct nlmsghdr *msg, struct vnep_nft_chain_info *out)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;
	bool ours = false;

	*out = (struct vnep_nft_chain_info){ 0 };
	if (!walk_message(msg, NFT_MSG_NEWCHAIN, &walk))
		return false;
	while (vnep_nl_attrs_next(&walk, &attr)) {
		switch (attr.type) {
		case NFTA_CHAIN_TABLE: ours = is_ours(&attr); break;
		case NFTA_CHAIN_NAME: get_str(&attr, out->name, sizeof out->name); break;
		case NFTA_CHAIN_HOOK: decode_hook(&attr, out); break;
		case NFTA_CHAIN_POLICY: out->drops = attr.len >= 4 && !get_u32(&attr); break;
		case NFTA_CHAIN_USERDATA:
			get_comment(&attr, out->comment, sizeof out->comment);
			break;
		default: break;
		}
	}
	return ours;
}

bool vnep_nft_rule_decode(const struct nlmsghdr *msg, struct vnep_nft_rule_info *out)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;
	bool ours = false;

	*out = (struct vnep_nft_rule_info){ 0 };
	if (!walk_message(msg, NFT_MSG_NEWRULE, &walk))
		return false;
	while (vnep_nl_attrs_next(&walk, &attr)) {
		switch (attr.type) {
		case NFTA_RULE_TABLE: ours = is_ours(&attr); break;
		case NFTA_RULE_CHAIN: get_str(&attr, out->chain, sizeof out->chain); break;
		case NFTA_RULE_HANDLE: out->handle = get_u64(&attr); break;
		case NFTA_RULE_USERDATA:
			get_comment(&attr, out->comment, sizeof out->comment);
			break;
		default: break;
		}
	}
	return ours;
}

static uint32_t decode_set_size(const struct vnep_nl_attr *desc)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;
	uint32_t size = 0;

	walk_nested(desc, &walk);
	while (vnep_nl_attrs_next(&walk, &attr))
		if (attr.type == NFTA_SET_DESC_SIZE)
			size = get_u32(&attr);
	return size;
}

enum { SET_COUNT = 20 }; /* NFTA_SET_COUNT: headers before 6.17 do not have it */

bool vnep_nft_set_decode(const struct nlmsghdr *msg, struct vnep_nft_set_info *out)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;
	bool ours = false;

	*out = (struct vnep_nft_set_info){ 0 };
	if (!walk_message(msg, NFT_MSG_NEWSET, &walk))
		return false;
	while (vnep_nl_attrs_next(&walk, &attr)) {
		switch (attr.type) {
		case NFTA_SET_TABLE: ours = is_ours(&attr); break;
		case NFTA_SET_NAME: get_str(&attr, out->name, sizeof out->name); break;
		case NFTA_SET_FLAGS: out->flags = get_u32(&attr); break;
		case NFTA_SET_KEY_LEN: out->key_len = get_u32(&attr); break;
		case NFTA_SET_DATA_TYPE: out->verdict = get_u32(&attr) == NFT_DATA_VERDICT; break;
		case NFTA_SET_DATA_LEN: out->data_len = get_u32(&attr); break;
		case NFTA_SET_DESC: out->size = decode_set_size(&attr); break;
		case NFTA_SET_EXPR:
		case NFTA_SET_EXPRESSIONS: out->counter = true; break;
		case SET_COUNT:
			out->has_count = true;
			out->count = get_u32(&attr);
			break;
		default: break;
		}
	}
	return ours && !(out->flags & NFT_SET_ANONYMOUS);
}

static void decode_counter(const struct vnep_nl_attr *data, uint64_t *packets, uint64_t *octets)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	walk_nested(data, &walk);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type == NFTA_COUNTER_PACKETS)
			*packets = get_u64(&attr);
		else if (attr.type == NFTA_COUNTER_BYTES)
			*octets = get_u64(&attr);
	}
}

bool vnep_nft_object_decode(const struct nlmsghdr *msg, struct vnep_nft_object_info *out)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr, data = { 0 };
	bool ours = false;

	*out = (struct vnep_nft_object_info){ 0 };
	if (!walk_message(msg, NFT_MSG_NEWOBJ, &walk))
		return false;
	while (vnep_nl_attrs_next(&walk, &attr)) {
		switch (attr.type) {
		case NFTA_OBJ_TABLE: ours = is_ours(&attr); break;
		case NFTA_OBJ_NAME: get_str(&attr, out->name, sizeof out->name); break;
		case NFTA_OBJ_TYPE: out->type = get_u32(&attr); break;
		case NFTA_OBJ_DATA: data = attr; break;
		default: break;
		}
	}
	if (out->type == NFT_OBJECT_COUNTER && data.data)
		decode_counter(&data, &out->packets, &out->octets);
	return ours;
}

/* The expression of an element: only counters mean something to us. */
static void decode_element_expr(const struct vnep_nl_attr *expr, struct vnep_nft_element_info *out)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr, data = { 0 };
	char name[16] = "";

	walk_nested(expr, &walk);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type == NFTA_EXPR_NAME)
			get_str(&attr, name, sizeof name);
		else if (attr.type == NFTA_EXPR_DATA)
			data = attr;
	}
	if (!strcmp(name, "counter") && data.data)
		decode_counter(&data, &out->packets, &out->octets);
}

static void decode_verdict(const struct vnep_nl_attr *verdict, struct vnep_nft_element_info *out)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	walk_nested(verdict, &walk);
	while (vnep_nl_attrs_next(&walk, &attr))
		if (attr.type == NFTA_VERDICT_CHAIN)
			get_str(&attr, out->chain, sizeof out->chain);
}

/* Key or data: at most cap octets are copied, *len says how many were there. */
static void decode_data(const struct vnep_nl_attr *nest, uint8_t *value, size_t cap, size_t *len,
	struct vnep_nft_element_info *out)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	walk_nested(nest, &walk);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type == NFTA_DATA_VALUE) {
			*len = attr.len;
			memcpy(value, attr.data, attr.len < cap ? attr.len : cap);
		} else if (attr.type == NFTA_DATA_VERDICT) {
			decode_verdict(&attr, out);
		}
	}
}

static void decode_element(const struct vnep_nl_attr *elem, struct vnep_nft_element_info *out)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	*out = (struct vnep_nft_element_info){ 0 };
	walk_nested(elem, &walk);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		switch (attr.type) {
		case NFTA_SET_ELEM_KEY:
			decode_data(&attr, out->key, sizeof out->key, &out->key_len, out);
			break;
		case NFTA_SET_ELEM_DATA:
			decode_data(&attr, out->data, sizeof out->data, &out->data_len, out);
			break;
		case NFTA_SET_ELEM_EXPR: decode_element_expr(&attr, out); break;
		case NFTA_SET_ELEM_TIMEOUT:
			out->timeout_ms = get_u64(&attr);
			out->has_timeout = true;
			break;
		case NFTA_SET_ELEM_EXPIRATION:
			out->left_ms = get_u64(&attr);
			out->has_timeout = true;
			break;
		default: break;
		}
	}
}

int vnep_nft_elements_decode(const struct nlmsghdr *msg, vnep_nft_element_cb *cb, void *arg)
{
	struct vnep_nl_attrs walk, list;
	struct vnep_nl_attr attr, elem;
	struct vnep_nft_element_info info;

	if (!walk_message(msg, NFT_MSG_NEWSETELEM, &walk) &&
		!walk_message(msg, NFT_MSG_DELSETELEM, &walk))
		return 0;
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type == NFTA_SET_ELEM_LIST_TABLE && !is_ours(&attr))
			return 0;
		if (attr.type != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		walk_nested(&attr, &list);
		while (vnep_nl_attrs_next(&list, &elem)) {
			int rc;

			decode_element(&elem, &info);
			rc = cb(&info, arg);
			if (rc)
				return rc;
		}
	}
	return 0;
}

/* The table's name is the first attribute of all of these. */
bool vnep_nft_rules_of(const struct nlmsghdr *msg)
{
	static const uint16_t types[] = { NFT_MSG_DELTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN,
		NFT_MSG_NEWRULE, NFT_MSG_DELRULE };
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (!walk_message(msg, types[i], &walk))
			continue;
		while (vnep_nl_attrs_next(&walk, &attr))
			if (attr.type == NFTA_TABLE_NAME)
				return is_ours(&attr);
		return false;
	}
	return false;
}

bool vnep_nft_elements_of(const struct nlmsghdr *msg, enum vnep_set set, bool *deleted)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;
	bool ours = false, same = false;
	char name[256];

	*deleted = walk_message(msg, NFT_MSG_DELSETELEM, &walk);
	if (!*deleted && !walk_message(msg, NFT_MSG_NEWSETELEM, &walk))
		return false;
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type == NFTA_SET_ELEM_LIST_TABLE) {
			ours = is_ours(&attr);
		} else if (attr.type == NFTA_SET_ELEM_LIST_SET) {
			get_str(&attr, name, sizeof name);
			same = !strcmp(name, vnep_set_specs[set].name);
		}
	}
	return ours && same;
}

/* A question in the caller's place for it. */
struct nft_msg nft_question(void *place, size_t cap, uint16_t type, uint16_t flags)
{
	struct nft_msg m = { .head = mnl_nlmsg_put_header(place), .cap = cap };
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(m.head, sizeof *nfg);

	m.head->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	m.head->nlmsg_flags = NLM_F_REQUEST | flags;
	nfg->nfgen_family = NETDEV;
	nfg->version = NFNETLINK_V0;
	return m;
}

/* Ask, and tell of an error only where it is one: no table, set or element is an empty one. */
int nft_ask(struct vnep_nl *nl, struct nft_msg *m, vnep_nl_cb *cb, void (*restart)(void *),
	void *arg, struct vnep_err *err)
{
	struct vnep_err why = { 0 };
	int rc = -EMSGSIZE;

	if (!m->full)
		rc = m->small ? vnep_nl_get_small(nl, m->head, cb, arg, &why)
			      : vnep_nl_dump(nl, m->head, cb, restart, arg, &why);

	if (!rc || rc == -ENOENT)
		return rc;
	if (rc == -EOPNOTSUPP || rc == -EPROTONOSUPPORT || rc == -EAFNOSUPPORT) {
		vnep_err_set(err, VNEP_EKERNEL, "this kernel has no nf_tables");
		vnep_err_hint(
			err, "try `modprobe nf_tables`, or a kernel with CONFIG_NF_TABLES_NETDEV");
		return VNEP_EKERNEL;
	}
	return why.text[0] ? vnep_err_set(err, rc, "%s", why.text) : rc;
}

static int table_message(const struct nlmsghdr *msg, void *arg)
{
	struct vnep_nft_table_info *out = arg;
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	if (!walk_message(msg, NFT_MSG_NEWTABLE, &walk))
		return 0;
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type == NFTA_TABLE_HANDLE)
			out->handle = get_u64(&attr);
		else if (attr.type == NFTA_TABLE_FLAGS)
			out->dormant = get_u32(&attr) & NFT_TABLE_F_DORMANT;
	}
	return 0;
}

int vnep_nft_table(struct vnep_nl *nl, struct vnep_nft_table_info *out, struct vnep_err *err)
{
	uint32_t place[64];
	struct nft_msg m = nft_question(place, sizeof place, NFT_MSG_GETTABLE, 0);
	int rc;

	*out = (struct vnep_nft_table_info){ 0 };
	nft_put_str(&m, NFTA_TABLE_NAME, VNEP_NFT_TABLE);
	rc = nft_ask(nl, &m, table_message, NULL, out, err);
	if (rc == -ENOENT)
		return vnep_err_set(err, VNEP_ENOTFOUND,
			"there is no table netdev " VNEP_NFT_TABLE " in the kernel");
	return rc;
}

/* Which callback, for the four kinds of objects that are dumped alike. */
struct each {
	vnep_nft_chain_cb *chain;
	vnep_nft_rule_cb *rule;
	vnep_nft_set_cb *set;
	vnep_nft_object_cb *object;
	vnep_nft_element_cb *element;
	void (*restart)(void *arg);
	void *arg;
};

static int each_message(const struct nlmsghdr *msg, void *arg)
{
	const struct each *each = arg;
	union {
		struct vnep_nft_chain_info chain;
		struct vnep_nft_rule_info rule;
		struct vnep_nft_set_info set;
		struct vnep_nft_object_info object;
	} info;

	if (each->chain)
		return vnep_nft_chain_decode(msg, &info.chain) ? each->chain(&info.chain, each->arg)
							       : 0;
	if (each->rule)
		return vnep_nft_rule_decode(msg, &info.rule) ? each->rule(&info.rule, each->arg)
							     : 0;
	if (each->set)
		return vnep_nft_set_decode(msg, &info.set) ? each->set(&info.set, each->arg) : 0;
	if (each->object)
		return vnep_nft_object_decode(msg, &info.object)
			       ? each->object(&info.object, each->arg)
			       : 0;
	return vnep_nft_elements_decode(msg, each->element, each->arg);
}

static void each_restart(void *arg)
{
	const struct each *each = arg;

	if (each->restart)
		each->restart(each->arg);
}

/* table_attr 0: the kernel filters nothing, the decoder does. */
static int dump(struct vnep_nl *nl, uint16_t type, uint16_t table_attr, uint16_t set_attr,
	const char *set, struct each *each, struct vnep_err *err)
{
	uint32_t place[128];
	struct nft_msg m = nft_question(place, sizeof place, type, NLM_F_DUMP);
	int rc;

	if (table_attr)
		nft_put_str(&m, table_attr, VNEP_NFT_TABLE);
	if (set_attr)
		nft_put_str(&m, set_attr, set);
	rc = nft_ask(nl, &m, each_message, each_restart, each, err);
	return rc == -ENOENT ? 0 : rc;
}

int vnep_nft_each_chain(struct vnep_nl *nl, vnep_nft_chain_cb *cb, void (*restart)(void *),
	void *arg, struct vnep_err *err)
{
	struct each each = { .chain = cb, .restart = restart, .arg = arg };

	return dump(nl, NFT_MSG_GETCHAIN, 0, 0, NULL, &each, err);
}

int vnep_nft_each_rule(struct vnep_nl *nl, vnep_nft_rule_cb *cb, void (*restart)(void *), void *arg,
	struct vnep_err *err)
{
	struct each each = { .rule = cb, .restart = restart, .arg = arg };

	return dump(nl, NFT_MSG_GETRULE, NFTA_RULE_TABLE, 0, NULL, &each, err);
}

int vnep_nft_each_set(struct vnep_nl *nl, vnep_nft_set_cb *cb, void (*restart)(void *), void *arg,
	struct vnep_err *err)
{
	struct each each = { .set = cb, .restart = restart, .arg = arg };

	return dump(nl, NFT_MSG_GETSET, NFTA_SET_TABLE, 0, NULL, &each, err);
}

int vnep_nft_each_object(struct vnep_nl *nl, vnep_nft_object_cb *cb, void (*restart)(void *),
	void *arg, struct vnep_err *err)
{
	struct each each = { .object = cb, .restart = restart, .arg = arg };

	return dump(nl, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, 0, NULL, &each, err);
}

int vnep_nft_each_element(struct vnep_nl *nl, enum vnep_set set, vnep_nft_element_cb *cb,
	void (*restart)(void *), void *arg, struct vnep_err *err)
{
	struct each each = { .element = cb, .restart = restart, .arg = arg };

	return dump(nl, NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET,
		vnep_set_specs[set].name, &each, err);
}
