/* acl-read - what the kernel's table tells: counters, elements, and with which configuration it was
 * made. */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/num.h"

/* "drop.no-mapping.acc0": the reason stands between the dots, or ends the name. */
static void count_drop(struct vnep_acl_counters *out, const char *reason, uint64_t packets)
{
	char word[32];
	int which;

	snprintf(word, sizeof word, "%.*s", (int)strcspn(reason, "."), reason);
	which = vnep_reason_parse(word);
	if (which > 0)
		out->dropped[which] += packets;
}

static int count_object(const struct vnep_nft_object_info *object, void *arg)
{
	struct vnep_acl_counters *out = arg;
	const char *name = object->name;
	uint64_t n = object->packets;

	if (!strncmp(name, "arrived.", 8))
		out->arrived += n;
	else if (!strncmp(name, "ask.", 4))
		out->ask += n;
	else if (!strncmp(name, "drop.", 5))
		count_drop(out, name + 5, n);
	else if (!strcmp(name, "forwarded.from-device"))
		out->forwarded_from_device += n;
	else if (!strcmp(name, "forwarded.to-device"))
		out->forwarded_to_device += n;
	else if (!strcmp(name, "journal"))
		out->journal += n;
	else if (!strcmp(name, "copy.wake"))
		out->copy_wake += n;
	else if (!strcmp(name, "copy.tap.from-device"))
		out->copy_tap_from += n;
	else if (!strcmp(name, "copy.tap.to-device"))
		out->copy_tap_to += n;
	else if (!strcmp(name, "copy.sample"))
		out->copy_sample += n;
	else if (!strcmp(name, "copy.too-big"))
		out->copy_big += n;
	return 0;
}

static void count_restart(void *arg)
{
	struct vnep_acl_counters *out = arg;

	*out = (struct vnep_acl_counters){ .generation = out->generation };
}

int vnep_acl_counters(struct vnep_acl *acl, struct vnep_acl_counters *out, struct vnep_err *err)
{
	struct vnep_nft_table_info table;
	int rc = vnep_nft_table(acl->nl, &table, err);

	if (rc)
		return rc;
	*out = (struct vnep_acl_counters){ .generation = table.handle };
	return vnep_nft_each_object(acl->nl, count_object, count_restart, out, err);
}

struct listing {
	enum vnep_set set;
	struct vnep_table awake; /* struct acl_member by vep */
	struct vnep_table pairs; /* struct pair by L */
	struct pair {
		struct in6_addr addr, vep;
	} * pair_items;
	size_t pair_count, pair_cap;
	struct vnep_element *items;
	size_t count, cap, done; /* done: of the sets before */
	struct vnep_wall now;
};

static void *one_more(void **items, size_t count, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 64;
	void *bigger;

	if (count < *cap)
		return (char *)*items + count * size;
	bigger = reallocarray(*items, more, size);
	if (!bigger)
		return NULL;
	*items = bigger;
	*cap = more;
	return (char *)bigger + count * size;
}

static int list_pair(const struct vnep_nft_element_info *element, void *arg)
{
	struct listing *l = arg;
	struct pair *p;

	if (element->key_len != sizeof *p)
		return 0;
	p = one_more((void **)&l->pair_items, l->pair_count, &l->pair_cap, sizeof *p);
	if (!p)
		return -ENOMEM;
	memcpy(p, element->key, sizeof *p);
	l->pair_count++;
	return 0;
}

static void pairs_forget(void *arg)
{
	((struct listing *)arg)->pair_count = 0;
}

static int list_element(const struct vnep_nft_element_info *element, void *arg)
{
	struct listing *l = arg;
	const struct acl_member *member;
	const struct pair *pair;
	struct vnep_element *e;
	char port[IF_NAMESIZE];
	struct acl_key key;

	if (element->key_len != vnep_set_specs[l->set].key_len)
		return 0;
	e = one_more((void **)&l->items, l->count, &l->cap, sizeof *e);
	if (!e)
		return -ENOMEM;
	acl_key_read(l->set, element->key, &key);
	*e = (struct vnep_element){ .addr_count = 1,
		.packets = element->packets,
		.octets = element->octets,
		.vlan = key.vlan,
		.mac = key.mac,
		.addr = { key.addr } };
	if (if_indextoname(key.ifindex, port))
		snprintf(e->port, sizeof e->port, "%s", port);
	pair = vnep_table_get(&l->pairs, &key.addr);
	if (element->data_len == sizeof e->vep)
		memcpy(&e->vep, element->data, sizeof e->vep);
	else if (pair)
		e->vep = pair->vep;
	else
		return 0; /* a binding without its pair: verify speaks of it */
	l->count++;
	member = vnep_table_get(&l->awake, &e->vep);
	e->state = member ? VNEP_STATE_AWAKE : VNEP_STATE_ASLEEP;
	if (member && member->timeout_ms && member->left_ms <= member->timeout_ms)
		e->last_seen.ns =
			l->now.ns - (int64_t)(member->timeout_ms - member->left_ms) * 1000000;
	return 0;
}

static void listing_forget(void *arg)
{
	struct listing *l = arg;

	l->count = l->done;
}

/* Who is awake, and which L is whose: what the bindings alone do not say. */
static int listing_read(
	struct vnep_acl *acl, struct listing *l, struct acl_members *m, struct vnep_err *err)
{
	static const enum vnep_set sets[] = { VNEP_SET_FROM_BINDING, VNEP_SET_FROM_VLAN,
		VNEP_SET_FROM_HOST, VNEP_SET_FROM_HOST_VLAN };
	int rc = acl_members_read(acl, VNEP_SET_AWAKE, m, err);

	for (size_t i = 0; !rc && i < m->count; i++)
		if (!vnep_table_get(&l->awake,
			    &m->items[i].vep)) /* a dump during a resize may repeat one */
			rc = vnep_table_put(&l->awake, &m->items[i]);
	if (!rc)
		rc = vnep_nft_each_element(
			acl->nl, VNEP_SET_HOST_PAIR, list_pair, pairs_forget, l, err);
	for (size_t i = 0; !rc && i < l->pair_count; i++)
		if (!vnep_table_get(&l->pairs, &l->pair_items[i].addr))
			rc = vnep_table_put(&l->pairs, &l->pair_items[i]);
	for (size_t i = 0; !rc && i < sizeof sets / sizeof *sets; i++) {
		l->set = sets[i];
		l->done = l->count;
		rc = vnep_nft_each_element(acl->nl, sets[i], list_element, listing_forget, l, err);
	}
	return rc;
}

int vnep_acl_each_element(
	struct vnep_acl *acl, vnep_acl_element_cb *cb, void *arg, struct vnep_err *err)
{
	struct listing l = { .now = vnep_wall_now() };
	struct acl_members m = { 0 };
	int rc;

	vnep_table_init(&l.awake, offsetof(struct acl_member, vep), sizeof(struct in6_addr));
	vnep_table_init(&l.pairs, offsetof(struct pair, addr), sizeof(struct in6_addr));
	rc = listing_read(acl, &l, &m, err);
	for (size_t i = 0; !rc && i < l.count; i++)
		rc = cb(&l.items[i], arg);
	if (rc == -ENOMEM)
		vnep_err_sys(err, ENOMEM, "the kernel's elements");
	vnep_table_release(&l.awake);
	vnep_table_release(&l.pairs);
	free(l.pair_items);
	free(l.items);
	free(m.items);
	return rc;
}

struct each_counter {
	struct counter {
		char name[VNEP_NFT_NAME_MAX + 1];
		uint64_t packets, octets;
	} * items;
	size_t count, cap;
};

static int take_counter(const struct vnep_nft_object_info *object, void *arg)
{
	struct each_counter *e = arg;

	if (object->type != NFT_OBJECT_COUNTER)
		return 0;
	if (e->count == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 64;
		struct counter *bigger = reallocarray(e->items, cap, sizeof *bigger);

		if (!bigger)
			return -ENOMEM;
		e->items = bigger;
		e->cap = cap;
	}
	e->items[e->count] =
		(struct counter){ .packets = object->packets, .octets = object->octets };
	snprintf(e->items[e->count++].name, sizeof e->items->name, "%.*s", VNEP_NFT_NAME_MAX,
		object->name);
	return 0;
}

static void forget_counters(void *arg)
{
	((struct each_counter *)arg)->count = 0;
}

int vnep_acl_each_counter(
	struct vnep_acl *acl, vnep_acl_counter_cb *cb, void *arg, struct vnep_err *err)
{
	struct each_counter e = { 0 };
	int rc = vnep_nft_each_object(acl->nl, take_counter, forget_counters, &e, err);

	for (size_t i = 0; !rc && i < e.count; i++)
		rc = cb(e.items[i].name, e.items[i].packets, e.items[i].octets, arg);
	free(e.items);
	return rc;
}

/* "class_10s_tap_…", "class_always_…": the names are made in acl-want.c. */
int vnep_acl_t3324_get(struct vnep_acl *acl, const struct in6_addr *vep, bool *always,
	uint32_t *t3324_s, struct vnep_err *err)
{
	struct vnep_nft_element_info there;
	char text[16], vep_text[VNEP_IP6_LEN];
	uint64_t seconds;
	int rc = vnep_nft_element_get(acl->nl, VNEP_SET_CLASS, vep->s6_addr, &there, err);

	if (rc == VNEP_ENOTFOUND) {
		vnep_ip6_print(vep, vep_text);
		return vnep_err_set(err, rc, "%s has no binding in the kernel", vep_text);
	}
	if (!rc)
		rc = vnep_nft_element_get(acl->nl, VNEP_SET_CLASS_CHAIN, there.data, &there, err);
	if (rc)
		return rc == VNEP_ENOTFOUND
			       ? vnep_err_set(err, VNEP_EKERNEL,
					 "a class without a chain: `vnep-acl verify` tells more")
			       : rc;
	*t3324_s = 0;
	*always = !strncmp(there.chain, "class_always_", 13);
	if (*always)
		return 0;
	snprintf(text, sizeof text, "%.*s", (int)strcspn(there.chain + 6, "s"), there.chain + 6);
	if (strncmp(there.chain, "class_", 6) || vnep_num_u64(text, 0, UINT32_MAX, &seconds, NULL))
		return vnep_err_set(err, VNEP_EKERNEL,
			"chain \"%s\" is not one of ours: `vnep-acl verify` tells more",
			there.chain);
	*t3324_s = (uint32_t)seconds;
	return 0;
}

/* The configuration, from the base chains: their devices, and the comments of their first rules. */
struct config_read {
	struct vnep_acl_config *out;
	struct config_chain {
		char name[256], device[VNEP_IF_MAX + 1];
	} chains[VNEP_PORTS_MAX + 2];
	size_t chain_count;
};

static int config_chain(const struct vnep_nft_chain_info *chain, void *arg)
{
	struct config_read *r = arg;

	if (!chain->base || r->chain_count == sizeof r->chains / sizeof *r->chains)
		return 0;
	memcpy(r->chains[r->chain_count].name, chain->name, sizeof chain->name);
	memcpy(r->chains[r->chain_count++].device, chain->device, sizeof chain->device);
	return 0;
}

static void config_port(struct vnep_acl_config *out, const char *device, const char *comment)
{
	char number[8];
	uint64_t index;

	if (!strncmp(comment, ACL_COMMENT_CORE, strlen(ACL_COMMENT_CORE))) {
		snprintf(out->core, sizeof out->core, "%s", device);
		out->resolve = strstr(comment, ACL_COMMENT_RESOLVE);
	} else if (!strncmp(comment, ACL_COMMENT_JOURNAL, strlen(ACL_COMMENT_JOURNAL))) {
		comment += strlen(ACL_COMMENT_JOURNAL);
		snprintf(out->journal_port, sizeof out->journal_port, "%.*s",
			(int)strcspn(comment, " "), comment);
	} else if (!strncmp(comment, ACL_COMMENT_ACCESS, strlen(ACL_COMMENT_ACCESS))) {
		comment += strlen(ACL_COMMENT_ACCESS);
		snprintf(number, sizeof number, "%.*s", (int)strcspn(comment, " "), comment);
		if (vnep_num_u64(number, 1, VNEP_PORTS_MAX, &index, NULL))
			return;
		snprintf(out->access[index - 1], sizeof out->access[0], "%s", device);
		if (out->access_count < index)
			out->access_count = (unsigned)index;
	}
}

static int config_rule(const struct vnep_nft_rule_info *rule, void *arg)
{
	struct config_read *r = arg;

	for (size_t i = 0; i < r->chain_count; i++)
		if (!strcmp(r->chains[i].name, rule->chain))
			config_port(r->out, r->chains[i].device, rule->comment);
	return 0;
}

static int config_set(const struct vnep_nft_set_info *set, void *arg)
{
	struct config_read *r = arg;

	if (!strcmp(set->name, vnep_set_specs[VNEP_SET_ENDPOINT].name))
		r->out->set_size = set->size;
	return 0;
}

static void config_forget(void *arg)
{
	((struct config_read *)arg)->chain_count = 0;
}

int vnep_acl_config_read(struct vnep_acl_config *out, struct vnep_err *err)
{
	struct vnep_acl_config none = { 0 };
	struct config_read r = { .out = out };
	struct vnep_acl *acl = NULL;
	int rc = vnep_acl_open(&acl, &none, false, err);

	*out = none;
	if (!rc)
		rc = vnep_acl_present(acl, err);
	if (!rc)
		rc = vnep_nft_each_chain(acl->nl, config_chain, config_forget, &r, err);
	if (!rc)
		rc = vnep_nft_each_rule(acl->nl, config_rule, NULL, &r, err);
	if (!rc)
		rc = vnep_nft_each_set(acl->nl, config_set, NULL, &r, err);
	vnep_acl_close(acl);
	for (unsigned i = 0; !rc && i < out->access_count; i++)
		if (!out->access[i][0])
			rc = VNEP_ENOTFOUND;
	if (!rc && (!out->access_count || !out->core[0] || !out->journal_port[0]))
		rc = VNEP_ENOTFOUND;
	if (rc == VNEP_ENOTFOUND && err && err->code != rc)
		vnep_err_set(
			err, rc, "the ports cannot be told from the kernel's table: name them");
	return rc;
}

struct events {
	vnep_acl_presence_cb *cb;
	void *arg;
};

struct event_element {
	const struct events *e;
	bool deleted;
};

static int event_element(const struct vnep_nft_element_info *element, void *arg)
{
	const struct event_element *ev = arg;
	struct in6_addr vep;

	if (element->key_len != sizeof vep)
		return 0;
	memcpy(&vep, element->key, sizeof vep);
	return ev->e->cb(&vep, !ev->deleted, ev->e->arg);
}

static int event_message(const struct nlmsghdr *msg, void *arg)
{
	struct event_element ev = { .e = arg };

	if (!vnep_nft_elements_of(msg, VNEP_SET_AWAKE, &ev.deleted))
		return 0;
	return vnep_nft_elements_decode(msg, event_element, &ev);
}

int vnep_acl_events_open(struct vnep_nl **out, struct vnep_err *err)
{
	int rc = vnep_nl_open(out, NETLINK_NETFILTER, err);

	if (!rc)
		rc = vnep_nl_join(*out, NFNLGRP_NFTABLES, err);
	if (rc) {
		vnep_nl_close(*out);
		*out = NULL;
	}
	return rc;
}

struct touch {
	uint32_t own; /* what our own requests caused is no news */
	bool touched;
};

static int touch_message(const struct nlmsghdr *msg, void *arg)
{
	struct touch *t = arg;

	t->touched = t->touched || (msg->nlmsg_pid != t->own && vnep_nft_rules_of(msg));
	return 0;
}

int vnep_acl_touched(
	struct vnep_acl *acl, struct vnep_nl *events, bool *touched, struct vnep_err *err)
{
	struct touch t = { .own = vnep_nl_portid(acl->nl) };
	int rc = vnep_nl_events(events, touch_message, &t, err);

	if (rc == VNEP_EUNKNOWN) {
		rc = vnep_acl_present(acl, err);
		t.touched = rc == VNEP_ENOTFOUND;
		rc = t.touched ? 0 : rc;
	}
	*touched = t.touched;
	return rc;
}

int vnep_acl_events(struct vnep_nl *nl, vnep_acl_presence_cb *cb, void *arg, struct vnep_err *err)
{
	struct events e = { cb, arg };

	return vnep_nl_events(nl, event_message, &e, err);
}
