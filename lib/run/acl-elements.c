/* acl-elements - the elements that a wanted state means, one set at a time, sorted by key. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

void acl_elements_release(struct acl_elements *e)
{
	free(e->items);
	e->items = NULL;
	e->count = e->cap = 0;
}

void acl_elements_add(struct acl_elements *e, const uint8_t *key, const uint8_t *data)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[e->set];
	struct vnep_set_element *item;

	if (e->count == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 16;
		struct vnep_set_element *bigger = reallocarray(e->items, cap, sizeof *bigger);

		if (!bigger) {
			e->rc = -ENOMEM;
			return;
		}
		e->items = bigger;
		e->cap = cap;
	}
	item = &e->items[e->count++];
	*item = (struct vnep_set_element){ 0 };
	memcpy(item->key, key, spec->key_len);
	if (data)
		memcpy(item->data, data, spec->data_len);
}

static int compare(const void *a, const void *b)
{
	const struct vnep_set_element *x = a, *y = b;

	return memcmp(x->key, y->key, sizeof x->key);
}

void acl_elements_sort(struct acl_elements *e)
{
	if (e->count > 1)
		qsort(e->items, e->count, sizeof *e->items, compare);
}

struct vnep_set_element *acl_elements_find(const struct acl_elements *e, const uint8_t *key)
{
	struct vnep_set_element wanted = { 0 };

	memcpy(wanted.key, key, vnep_set_specs[e->set].key_len);
	return e->count ? bsearch(&wanted, e->items, e->count, sizeof *e->items, compare) : NULL;
}

static void add_verdict(struct acl_elements *out, const struct in6_addr *vep, size_t chain)
{
	uint32_t index = (uint32_t)chain;
	uint8_t data[4];

	memcpy(data, &index, sizeof data);
	acl_elements_add(out, vep->s6_addr, data);
}

void acl_key_write(enum vnep_set set, const struct acl_key *key, uint8_t out[static VNEP_KEY_MAX])
{
	const struct vnep_set_spec *spec = &vnep_set_specs[set];
	const uint8_t vlan[2] = { (uint8_t)(key->vlan >> 8), (uint8_t)key->vlan };

	memset(out, 0, VNEP_KEY_MAX);
	for (int i = 0; i < VNEP_KEY_PARTS; i++) {
		switch (spec->key[i]) {
		case VNEP_NFT_IIF: memcpy(out, &key->ifindex, 4); break;
		case VNEP_NFT_VLAN: memcpy(out, vlan, 2); break;
		case VNEP_NFT_MAC: memcpy(out, key->mac.octet, 6); break;
		case VNEP_NFT_IP6: memcpy(out, &key->addr, 16); break;
		default: return;
		}
		out += vnep_nft_type_len(spec->key[i]);
	}
}

void acl_key_read(enum vnep_set set, const uint8_t *octets, struct acl_key *out)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[set];

	*out = (struct acl_key){ 0 };
	for (int i = 0; i < VNEP_KEY_PARTS; i++) {
		switch (spec->key[i]) {
		case VNEP_NFT_IIF: memcpy(&out->ifindex, octets, 4); break;
		case VNEP_NFT_VLAN: out->vlan = vnep_be16(octets); break;
		case VNEP_NFT_MAC: memcpy(out->mac.octet, octets, 6); break;
		case VNEP_NFT_IP6: memcpy(&out->addr, octets, 16); break;
		default: return;
		}
		octets += vnep_nft_type_len(spec->key[i]);
	}
}

/* Of the four sets of bindings a device is in one. */
static enum vnep_set binding_set(const struct acl_device *d)
{
	if (d->host)
		return d->vlan ? VNEP_SET_FROM_HOST_VLAN : VNEP_SET_FROM_HOST;
	return d->vlan ? VNEP_SET_FROM_VLAN : VNEP_SET_FROM_BINDING;
}

static const struct in6_addr *device_addr(const struct acl_device *d, unsigned i)
{
	return i ? &d->more[i - 1] : &d->addr;
}

static void add_from_binding(const struct vnep_acl *acl, const struct acl_device *d, unsigned port,
	struct acl_elements *out)
{
	struct acl_key key = { .ifindex = acl->port[port].index, .vlan = d->vlan, .mac = d->mac };
	uint8_t octets[VNEP_KEY_MAX];

	for (unsigned i = 0; i <= d->more_count; i++) {
		key.addr = *device_addr(d, i);
		acl_key_write(out->set, &key, octets);
		acl_elements_add(out, octets, d->vep.s6_addr);
	}
}

static void add_pairs(const struct acl_device *d, struct acl_elements *out)
{
	uint8_t octets[VNEP_KEY_MAX];

	memcpy(octets + 16, &d->vep, 16);
	for (unsigned i = 0; i <= d->more_count; i++) {
		memcpy(octets, device_addr(d, i), 16);
		acl_elements_add(out, octets, NULL);
	}
}

static void add_bound(
	const struct vnep_acl *acl, const struct acl_device *d, struct acl_elements *out)
{
	const struct acl_class *class = &acl->classes[d->class];
	size_t consent = acl->policies[class->policy].consent;

	switch (out->set) {
	case VNEP_SET_FROM_BINDING:
	case VNEP_SET_FROM_VLAN:
	case VNEP_SET_FROM_HOST:
	case VNEP_SET_FROM_HOST_VLAN:
		if (binding_set(d) != out->set)
			return;
		for (unsigned p = 0; p < acl->config.access_count; p++)
			if (acl->port[p].index && (d->port == p || d->port == ACL_PORT_ANY))
				add_from_binding(acl, d, p, out);
		break;
	case VNEP_SET_TO_BINDING:
		if (!d->host)
			acl_elements_add(out, d->vep.s6_addr, d->addr.s6_addr);
		break;
	case VNEP_SET_TO_PORT: add_verdict(out, &d->vep, acl->lanes[d->lane].chain); break;
	case VNEP_SET_CLASS: add_verdict(out, &d->vep, class->chain); break;
	case VNEP_SET_CONSENT:
		if (!d->host && consent != SIZE_MAX)
			add_verdict(out, &d->vep, consent);
		break;
	default: break; /* not of bound devices */
	}
}

/* An endpoint of form host is held by a host: it is none of ours. */
void acl_elements_device(
	const struct vnep_acl *acl, const struct acl_device *d, struct acl_elements *out)
{
	if (out->set == VNEP_SET_ENDPOINT && !d->host)
		acl_elements_add(out, d->vep.s6_addr, NULL);
	else if (out->set == VNEP_SET_HOST_PAIR && d->host)
		add_pairs(d, out);
	else if (out->set == VNEP_SET_KNOWN && d->has_mac)
		acl_elements_add(out, d->mac.octet, NULL);
	else if (d->class != ACL_NONE)
		add_bound(acl, d, out);
}

/* fe80::1, the router of every device, and what the ports have: by hand, and from their MACs. */
static void add_routers(const struct vnep_acl *acl, struct acl_elements *out)
{
	static const struct in6_addr router = { { { 0xfe, 0x80, [15] = 1 } } };
	struct in6_addr own;

	acl_elements_add(out, router.s6_addr, NULL);
	for (unsigned p = 0; !acl->offline && p <= acl->config.access_count; p++) {
		if (!acl->port[p].index)
			continue;
		vnep_ip6_link_local(&acl->port[p].mac, &own);
		acl_elements_add(out, own.s6_addr, NULL);
		for (unsigned i = 0; i < acl->port[p].addr_count; i++)
			acl_elements_add(out, acl->port[p].addr[i].s6_addr, NULL);
	}
}

static void add_core_vlans(const struct vnep_acl *acl, struct acl_elements *out)
{
	char name[VNEP_NFT_NAME_MAX + 1];

	for (size_t i = 0; i < acl->vpc_count; i++) {
		const struct vnep_vpc *v = &acl->vpcs[i].vpc;
		uint8_t key[VNEP_KEY_MAX] = { (uint8_t)(v->core_vlan >> 8), (uint8_t)v->core_vlan };
		uint32_t chain;
		uint8_t data[4];

		if (!acl->vpcs[i].defined || !v->core_vlan)
			continue;
		snprintf(name, sizeof name, "core_vlan_%u", v->core_vlan);
		chain = (uint32_t)vnep_ruleset_find(&acl->rs, name);
		memcpy(data, &chain, sizeof data);
		acl_elements_add(out, key, data);
	}
}

static void add_chain(const struct vnep_acl *acl, size_t chain, struct acl_elements *out)
{
	uint32_t index = (uint32_t)chain;
	uint8_t key[4], data[4];

	memcpy(key, &acl->rs.chains[chain].number, sizeof key);
	memcpy(data, &index, sizeof data);
	acl_elements_add(out, key, data);
}

/* What the numbers in to_port, class and consent mean. */
static void add_chains(const struct vnep_acl *acl, struct acl_elements *out)
{
	for (size_t i = 0; out->set == VNEP_SET_PORT_CHAIN && i < acl->lane_count; i++)
		if (acl->lanes[i].users)
			add_chain(acl, acl->lanes[i].chain, out);
	for (size_t i = 0; out->set == VNEP_SET_CLASS_CHAIN && i < acl->class_count; i++)
		if (acl->classes[i].users)
			add_chain(acl, acl->classes[i].chain, out);
	for (size_t i = 0; out->set == VNEP_SET_CONSENT_CHAIN && i < acl->policy_count; i++)
		if (acl->policies[i].users && acl->policies[i].consent != SIZE_MAX)
			add_chain(acl, acl->policies[i].consent, out);
}

/* Sorted: equal keys lie together. With equal data they are one element, with other data somebody
 * is wrong. */
static int unite(struct acl_elements *e, struct vnep_err *err)
{
	char a[VNEP_IP6_LEN], b[VNEP_IP6_LEN];
	size_t kept = 0;

	for (size_t i = 0; i < e->count; i++) {
		struct vnep_set_element *last = kept ? &e->items[kept - 1] : NULL;

		if (!last || compare(last, &e->items[i])) {
			e->items[kept++] = e->items[i];
			continue;
		}
		if (!memcmp(last->data, e->items[i].data, sizeof last->data))
			continue;
		vnep_ip6_print((const struct in6_addr *)(const void *)last->data, a);
		vnep_ip6_print((const struct in6_addr *)(const void *)e->items[i].data, b);
		vnep_err_set(err, VNEP_EVALUE,
			"two virtual endpoints, %s and %s, are bound to the same port, MAC and "
			"address",
			a, b);
		return vnep_err_hint(err, "`vnep-map check` names the records");
	}
	e->count = kept;
	return 0;
}

int acl_elements_want(
	struct vnep_acl *acl, enum vnep_set set, struct acl_elements *out, struct vnep_err *err)
{
	const uint8_t *types = vnep_set_constant(set);
	const struct acl_device *d;
	struct acl_walk walk;

	*out = (struct acl_elements){ .set = set };
	if (set == VNEP_SET_ROUTER)
		add_routers(acl, out);
	else if (set == VNEP_SET_CORE_VLAN)
		add_core_vlans(acl, out);
	else if (set == VNEP_SET_GROUP || set == VNEP_SET_GROUP_VLAN)
		acl_elements_groups(acl, out);
	else if (vnep_set_specs[set].kernel)
		add_chains(acl, out);
	for (; types && *types; types++)
		acl_elements_add(out, types, NULL);
	acl_walk_begin(&walk, acl, false);
	while (acl_of_devices(set) && !out->rc && (d = acl_walk_next(&walk)))
		acl_elements_device(acl, d, out);
	if (walk.rc)
		out->rc = walk.rc;
	acl_walk_end(&walk);
	if (out->rc)
		return vnep_err_sys(err, -out->rc, "elements of %s", vnep_set_specs[set].name);
	acl_elements_sort(out);
	return unite(out, err);
}

static int check_pair(struct vnep_acl *acl, const struct acl_device *a, const struct acl_device *b,
	struct vnep_err *err)
{
	struct acl_elements e = { .set = binding_set(a) };
	int rc;

	if (binding_set(b) != e.set || a->class == ACL_NONE || b->class == ACL_NONE)
		return 0;
	acl_elements_device(acl, a, &e);
	acl_elements_device(acl, b, &e);
	acl_elements_sort(&e);
	rc = e.rc ? vnep_err_sys(err, ENOMEM, "elements of a device") : unite(&e, err);
	acl_elements_release(&e);
	return rc;
}

/* The sets of bindings are where two devices can meet, if they have one MAC: the others are by endpoint, or have no
 * data. */
int acl_elements_check(struct vnep_acl *acl, struct vnep_err *err)
{
	const struct acl_device *first;
	int rc = 0;

	if (acl->spool) /* where no two are equal */
		return 0;
	for (size_t i = 0; !rc && (first = vnep_table_next(&acl->by_mac, &i));)
		for (const struct acl_device *a = first; !rc && a; a = a->same_mac)
			for (const struct acl_device *b = a->same_mac; !rc && b; b = b->same_mac)
				rc = check_pair(acl, a, b, err);
	return rc;
}

bool acl_element_same(const struct vnep_acl *acl, enum vnep_set set,
	const struct vnep_set_element *wanted, const struct vnep_nft_element_info *there)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[set];
	uint32_t chain;

	if (spec->data == VNEP_NFT_NONE)
		return true;
	if (spec->data != VNEP_NFT_VERDICT)
		return there->data_len == spec->data_len &&
		       !memcmp(there->data, wanted->data, spec->data_len);
	memcpy(&chain, wanted->data, sizeof chain);
	if (spec->chains)
		return there->data_len == sizeof acl->rs.chains[chain].number &&
		       !memcmp(there->data, &acl->rs.chains[chain].number, there->data_len);
	return !strcmp(there->chain, acl->rs.chains[chain].name);
}
