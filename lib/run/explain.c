/*
 * explain - the sets of a wanted state as the rules ask for them, and the record behind a verdict.
 *
 * Every key has a device in it, by its endpoint or by its MAC: the elements of that device alone are made, and the
 * key is looked for among them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain-private.h"
#include "vnep/err.h"

int vnep_explain_open(struct vnep_explain **out, struct vnep_acl *acl, struct vnep_err *err)
{
	struct vnep_explain *ex = calloc(1, sizeof *ex);
	int rc;

	if (!ex)
		return vnep_err_sys(err, ENOMEM, "explain");
	ex->acl = acl;
	ex->all_awake = ex->all_reachable = true;
	vnep_table_init(&ex->awake, 0, sizeof(struct in6_addr));
	vnep_table_init(&ex->reachable, 0, sizeof(struct in6_addr));
	rc = acl_build(acl, err);
	if (!rc)
		rc = acl_elements_check(acl, err);
	if (!rc)
		rc = acl_elements_want(acl, VNEP_SET_ROUTER, &ex->routers, err);
	if (!rc)
		rc = acl_elements_want(acl, VNEP_SET_CORE_VLAN, &ex->core_vlans, err);
	if (!rc)
		rc = acl_elements_want(acl, VNEP_SET_GROUP, &ex->groups, err);
	if (!rc)
		rc = acl_elements_want(acl, VNEP_SET_GROUP_VLAN, &ex->groups_vlan, err);
	if (rc) {
		vnep_explain_close(ex);
		return rc;
	}
	*out = ex;
	return 0;
}

static void forget(struct vnep_table *table)
{
	struct in6_addr *addr;

	for (size_t i = 0; (addr = vnep_table_next(table, &i));)
		free(addr);
	vnep_table_release(table);
}

void vnep_explain_close(struct vnep_explain *ex)
{
	if (!ex)
		return;
	forget(&ex->awake);
	forget(&ex->reachable);
	acl_elements_release(&ex->routers);
	acl_elements_release(&ex->core_vlans);
	acl_elements_release(&ex->groups);
	acl_elements_release(&ex->groups_vlan);
	free(ex);
}

const struct vnep_ruleset *vnep_explain_rules(const struct vnep_explain *ex)
{
	return &ex->acl->rs;
}

static int enter(struct vnep_table *table, const struct in6_addr *addr, struct vnep_err *err)
{
	struct in6_addr *copy;

	if (vnep_table_get(table, addr))
		return 0;
	copy = malloc(sizeof *copy);
	if (copy)
		*copy = *addr;
	if (copy && !vnep_table_put(table, copy))
		return 0;
	free(copy);
	return vnep_err_sys(err, ENOMEM, "explain");
}

int vnep_explain_awake(struct vnep_explain *ex, const struct in6_addr *vep, struct vnep_err *err)
{
	ex->all_awake = false;
	return enter(&ex->awake, vep, err);
}

void vnep_explain_nobody(struct vnep_explain *ex)
{
	ex->all_awake = false;
}

int vnep_explain_reachable(
	struct vnep_explain *ex, const struct in6_addr *key, struct vnep_err *err)
{
	ex->all_reachable = false;
	return enter(&ex->reachable, key, err);
}

static int live(
	struct vnep_explain *ex, enum vnep_set set, struct vnep_table *table, struct vnep_err *err)
{
	struct acl_members m = { 0 };
	int rc = acl_members_read(ex->acl, set, &m, err);

	for (size_t i = 0; !rc && i < m.count; i++)
		if (m.items[i].left_ms)
			rc = enter(table, &m.items[i].vep, err);
	free(m.items);
	return rc;
}

int vnep_explain_live(struct vnep_explain *ex, struct vnep_err *err)
{
	int rc = live(ex, VNEP_SET_AWAKE, &ex->awake, err);

	ex->all_awake = ex->all_reachable = false;
	return rc ? rc : live(ex, VNEP_SET_REACHABLE, &ex->reachable, err);
}

static bool among(const struct acl_elements *e, const uint8_t *key, struct vnep_set_element *out)
{
	const struct vnep_set_element *item = acl_elements_find(e, key);

	if (item)
		*out = *item;
	return item != NULL;
}

/* Is it an element of this device? */
static bool of_device(struct vnep_explain *ex, const struct acl_device *d, enum vnep_set set,
	const uint8_t *key, struct vnep_set_element *out)
{
	struct acl_elements e = { .set = set };
	bool found;

	acl_elements_device(ex->acl, d, &e);
	acl_elements_sort(&e);
	found = among(&e, key, out);
	acl_elements_release(&e);
	return found;
}

static bool by_vep(struct vnep_explain *ex, enum vnep_set set, const uint8_t *vep,
	const uint8_t *key, struct vnep_set_element *out)
{
	const struct acl_device *d = vnep_table_get(&ex->acl->devices, vep);

	return d && of_device(ex, d, set, key, out);
}

static bool by_mac(struct vnep_explain *ex, enum vnep_set set, const uint8_t *key,
	struct vnep_set_element *out)
{
	const struct acl_device *d;
	struct acl_key parts;

	acl_key_read(set, key, &parts);
	for (d = vnep_table_get(&ex->acl->by_mac, &parts.mac); d; d = d->same_mac)
		if (of_device(ex, d, set, key, out))
			return true;
	return false;
}

/* Devices with an active time of 0 are asleep at once: they are never members. */
static bool awake(struct vnep_explain *ex, const uint8_t *vep)
{
	const struct acl_device *d = vnep_table_get(&ex->acl->devices, vep);
	const struct acl_class *class;

	if (!ex->all_awake)
		return vnep_table_get(&ex->awake, vep) != NULL;
	if (!d || d->class == ACL_NONE)
		return false;
	class = &ex->acl->classes[d->class];
	return !class->has_psm || class->t3324_s;
}

static bool find(void *arg, enum vnep_set set, const uint8_t *key, struct vnep_set_element *out)
{
	struct vnep_explain *ex = arg;

	switch (set) {
	case VNEP_SET_FROM_BINDING:
	case VNEP_SET_FROM_VLAN:
	case VNEP_SET_FROM_HOST:
	case VNEP_SET_FROM_HOST_VLAN:
	case VNEP_SET_KNOWN: return by_mac(ex, set, key, out);
	case VNEP_SET_HOST_PAIR: return by_vep(ex, set, key + 16, key, out);
	case VNEP_SET_TO_BINDING:
	case VNEP_SET_TO_PORT:
	case VNEP_SET_CLASS:
	case VNEP_SET_CONSENT:
	case VNEP_SET_ENDPOINT: return by_vep(ex, set, key, key, out);
	case VNEP_SET_CORE_VLAN: return among(&ex->core_vlans, key, out);
	case VNEP_SET_ROUTER: return among(&ex->routers, key, out);
	case VNEP_SET_GROUP: return among(&ex->groups, key, out);
	case VNEP_SET_GROUP_VLAN: return among(&ex->groups_vlan, key, out);
	case VNEP_SET_AWAKE: return awake(ex, key);
	case VNEP_SET_REACHABLE: return ex->all_reachable || vnep_table_get(&ex->reachable, key);
	case VNEP_SET_SOLICIT: /* constant: never asked for */
	case VNEP_SET_ADVERT:
	case VNEP_SET_ERROR:
	case VNEP_SET_PORT_CHAIN: /* the kernel's alone */
	case VNEP_SET_CLASS_CHAIN:
	case VNEP_SET_CONSENT_CHAIN:
	case VNEP_SET_COUNT: break;
	}
	return false;
}

const struct acl_port *explain_port(const struct vnep_explain *ex, const char *name)
{
	const struct vnep_acl_config *config = &ex->acl->config;

	for (unsigned i = 0; i < config->access_count; i++)
		if (!strcmp(config->access[i], name))
			return &ex->acl->port[i];
	return strcmp(config->core, name) ? NULL : acl_core(ex->acl);
}

int vnep_explain_frame(struct vnep_explain *ex, const char *port, const uint8_t *frame, size_t len,
	uint32_t beyond, struct vnep_verdict *v, struct vnep_err *err)
{
	const struct acl_port *p = explain_port(ex, port);
	struct vnep_verdict_in in = { .port = port,
		.frame = frame,
		.len = len,
		.beyond = beyond,
		.plain = true,
		.find = find,
		.arg = ex };

	if (!p)
		return vnep_err_set(
			err, VNEP_EUSAGE, "\"%s\" is none of the ports of this edge", port);
	in.ifindex = p->index;
	in.mac = p->mac;
	return vnep_verdict_run(v, &ex->acl->rs, &in, err);
}

static const char *vpc_of(const struct vnep_explain *ex, const struct in6_addr *vep)
{
	const struct acl_device *d = vnep_table_get(&ex->acl->devices, vep);

	return d ? ex->acl->vpcs[d->vpc].vpc.vpc : NULL;
}

/* A list of its own decides for a device, or else the prefix of its VPC. */
static bool has_list(const struct vnep_explain *ex, const struct in6_addr *vep)
{
	const struct acl_device *d = vnep_table_get(&ex->acl->devices, vep);
	const struct acl_policy *policy;

	if (!d || d->class == ACL_NONE)
		return false;
	policy = &ex->acl->policies[ex->acl->classes[d->class].policy];
	return policy->host || policy->allow_count;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

enum side { NOBODY, SENDER, RECEIVER, SENDER_VPC, RECEIVER_VPC, BY_MAC };

/* By the chain that decided (acl-rules-port.c, acl-rules-path.c); the first that fits. */
static enum side side_of(const char *chain)
{
	static const struct {
		const char *chain;
		enum side side;
	} sides[] = { { "policy_", SENDER }, { "class_", SENDER }, { "from_device", SENDER },
		{ "from_host", SENDER }, { "consent_", RECEIVER }, { "other_vpc", RECEIVER },
		{ "link_", SENDER_VPC }, { "vpc_", SENDER_VPC }, { "next_hop", SENDER_VPC },
		{ "to_endpoint", RECEIVER_VPC }, { "to_", RECEIVER }, { "tap_", RECEIVER },
		{ "host_", RECEIVER }, { "big_", RECEIVER }, { "journal", RECEIVER },
		{ "unbound_", BY_MAC }, { "hops_", BY_MAC }, { "icmp_", BY_MAC } };

	for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
		if (begins(chain, sides[i].chain) && !begins(chain, "journal_port_"))
			return sides[i].side;
	return NOBODY;
}

void vnep_explain_record(struct vnep_explain *ex, const struct vnep_verdict *v,
	const uint8_t *frame, struct vnep_explain_record *out)
{
	enum side side = v->chain ? side_of(v->chain->name) : NOBODY;
	const struct acl_device *d;

	*out = (struct vnep_explain_record){ 0 };
	if (side == SENDER && v->has_from && begins(v->chain->name, "policy_") &&
		!has_list(ex, &v->from))
		side = SENDER_VPC;
	if (side == SENDER_VPC && v->end == VNEP_END_NEIGHBOUR && has_list(ex, &v->from))
		side = SENDER; /* it leads there, but what let it through is the list */
	if (side == RECEIVER && !v->has_to)
		side = SENDER_VPC; /* too big for the core port */
	switch (side) {
	case SENDER:
		out->device = v->has_from;
		out->vep = v->from;
		break;
	case RECEIVER:
		out->device = v->has_to;
		out->vep = v->to;
		break;
	case SENDER_VPC: out->vpc = v->has_from ? vpc_of(ex, &v->from) : NULL; break;
	case RECEIVER_VPC: out->vpc = v->has_to ? vpc_of(ex, &v->to) : NULL; break;
	case BY_MAC:
		d = vnep_table_get(&ex->acl->by_mac, frame + 6);
		if (d) {
			out->device = true;
			out->vep = d->vep;
		}
		break;
	case NOBODY: break;
	}
}
