/* acl-elements - the elements that a wanted state means, one set at a time, sorted by key. */
#include <errno.h>
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

static void add_from_binding(const struct vnep_acl *acl, const struct acl_device *d, unsigned port,
	struct acl_elements *out)
{
	uint8_t key[VNEP_KEY_MAX] = { 0 };

	memcpy(key, &acl->access_index[port], 4);
	memcpy(key + 4, d->mac.octet, sizeof d->mac.octet);
	for (unsigned i = 0; i <= d->more_count; i++) {
		memcpy(key + 12, i ? &d->more[i - 1] : &d->addr, 16);
		acl_elements_add(out, key, d->vep.s6_addr);
	}
}

void acl_elements_device(
	const struct vnep_acl *acl, const struct acl_device *d, struct acl_elements *out)
{
	bool bound = d->class != ACL_NONE;

	switch (out->set) {
	case VNEP_SET_FROM_BINDING:
		if (bound && d->port != ACL_PORT_ANY)
			add_from_binding(acl, d, d->port, out);
		for (unsigned p = 0;
			bound && d->port == ACL_PORT_ANY && p < acl->config.access_count; p++)
			add_from_binding(acl, d, p, out);
		break;
	case VNEP_SET_TO_BINDING:
		if (bound)
			acl_elements_add(out, d->vep.s6_addr, d->addr.s6_addr);
		break;
	case VNEP_SET_TO_PORT:
		if (bound)
			add_verdict(out, &d->vep,
				acl->port_chain[d->port == ACL_PORT_ANY ? 0 : d->port]);
		break;
	case VNEP_SET_CLASS:
		if (bound)
			add_verdict(out, &d->vep, acl->classes[d->class].chain);
		break;
	case VNEP_SET_ENDPOINT: acl_elements_add(out, d->vep.s6_addr, NULL); break;
	case VNEP_SET_KNOWN:
		if (d->has_mac)
			acl_elements_add(out, d->mac.octet, NULL);
		break;
	case VNEP_SET_TAP:
		if (d->tap)
			acl_elements_add(out, d->vep.s6_addr, NULL);
		break;
	default: break; /* live, or constant */
	}
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

	*out = (struct acl_elements){ .set = set };
	for (; types && *types; types++)
		acl_elements_add(out, types, NULL);
	for (size_t i = 0; (d = vnep_table_next(&acl->devices, &i));)
		acl_elements_device(acl, d, out);
	if (out->rc)
		return vnep_err_sys(err, ENOMEM, "elements of %s", vnep_set_specs[set].name);
	acl_elements_sort(out);
	return unite(out, err);
}

/* from_binding is the one set where two devices can meet: the others are by endpoint, or have no
 * data. */
int acl_elements_check(struct vnep_acl *acl, struct vnep_err *err)
{
	struct acl_elements e;
	int rc = acl_elements_want(acl, VNEP_SET_FROM_BINDING, &e, err);

	acl_elements_release(&e);
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
	return !strcmp(there->chain, acl->rs.chains[chain].name);
}
