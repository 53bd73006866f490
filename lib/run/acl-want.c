/*
 * acl-want - the wanted state, record by record.
 *
 * A device with a binding (or a fixed address: preload) has a class: what happens when it speaks.
 * Classes and policies are named by what they say, not by the order in which they came, so that two
 * runs over the same map want the same chains.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

void acl_wants_release(struct vnep_acl *acl)
{
	struct acl_device *d;

	for (size_t i = 0; (d = vnep_table_next(&acl->devices, &i));) {
		free(d->more);
		free(d);
	}
	vnep_table_release(&acl->devices);
	for (size_t i = 0; i < acl->vpc_count; i++)
		vnep_vpc_release(&acl->vpcs[i].vpc);
	for (size_t i = 0; i < acl->policy_count; i++)
		free(acl->policies[i].allow);
	free(acl->vpcs);
	free(acl->policies);
	free(acl->classes);
}

static int no_memory(struct vnep_err *err)
{
	return vnep_err_sys(err, ENOMEM, "the wanted state");
}

/* The VPC of that name; made, undefined, if nobody spoke of it yet. ACL_NONE without memory. */
static uint32_t vpc_slot(struct vnep_acl *acl, const char *name)
{
	struct acl_vpc *bigger, *slot;

	for (size_t i = 0; i < acl->vpc_count; i++)
		if (!strcmp(acl->vpcs[i].vpc.vpc, name))
			return (uint32_t)i;
	bigger = reallocarray(acl->vpcs, acl->vpc_count + 1, sizeof *bigger);
	if (!bigger)
		return ACL_NONE;
	acl->vpcs = bigger;
	slot = &bigger[acl->vpc_count];
	*slot = (struct acl_vpc){ 0 };
	snprintf(slot->vpc.vpc, sizeof slot->vpc.vpc, "%s", name);
	if (vnep_nft_plain(name))
		snprintf(slot->chain, sizeof slot->chain, "vpc_%s", name);
	else
		snprintf(slot->chain, sizeof slot->chain, "vpc_.%016llx",
			(unsigned long long)vnep_hash(VNEP_HASH_INIT, name, strlen(name)));
	acl->built = false;
	return (uint32_t)acl->vpc_count++;
}

int vnep_acl_want_vpc(struct vnep_acl *acl, const struct vnep_vpc *vpc, struct vnep_err *err)
{
	struct vnep_route *routes = NULL;
	struct acl_vpc *slot;
	uint32_t i;

	if (vpc->core_vlan)
		return vnep_err_set(err, VNEP_EVALUE,
			"vpc \"%s\": core_vlan %u: only untagged core ports are served", vpc->vpc,
			vpc->core_vlan);
	if (!vpc->deleted && vpc->core_port[0] && strcmp(vpc->core_port, acl->config.core))
		return vnep_err_set(err, VNEP_EVALUE,
			"vpc \"%s\": core_port \"%s\" is not this edge's (\"%s\")", vpc->vpc,
			vpc->core_port, acl->config.core);
	if (vpc->route_count) {
		routes = reallocarray(NULL, vpc->route_count, sizeof *routes);
		if (!routes)
			return no_memory(err);
		memcpy(routes, vpc->routes, vpc->route_count * sizeof *routes);
	}
	i = vpc_slot(acl, vpc->vpc);
	if (i == ACL_NONE) {
		free(routes);
		return no_memory(err);
	}
	slot = &acl->vpcs[i];
	free(slot->vpc.routes);
	slot->vpc = *vpc;
	slot->vpc.routes = routes;
	slot->defined = !vpc->deleted;
	acl->built = false;
	return 0;
}

/* The VPC of a device: the one it names, or the narrowest whose prefix has its endpoint. */
static int device_vpc(
	struct vnep_acl *acl, const struct vnep_device *device, uint32_t *out, struct vnep_err *err)
{
	char vep[VNEP_IP6_LEN];

	*out = ACL_NONE;
	if (device->vpc[0]) {
		*out = vpc_slot(acl, device->vpc);
		if (*out == ACL_NONE)
			return no_memory(err);
	} else {
		for (size_t i = 0; i < acl->vpc_count; i++) {
			const struct acl_vpc *v = &acl->vpcs[i];

			if (v->defined && vnep_prefix_has(&v->vpc.prefix, &device->vep) &&
				(*out == ACL_NONE ||
					v->vpc.prefix.len > acl->vpcs[*out].vpc.prefix.len))
				*out = (uint32_t)i;
		}
		vnep_ip6_print(&device->vep, vep);
		if (*out == ACL_NONE)
			return vnep_err_set(err, VNEP_EVALUE,
				"%s: no vpc record before it has a prefix with %s in it",
				device->dev, vep);
	}
	if (!acl->vpcs[*out].needed_by[0])
		snprintf(acl->vpcs[*out].needed_by, sizeof acl->vpcs[*out].needed_by, "%s",
			device->dev);
	return 0;
}

static uint64_t hash_allow(const struct vnep_allow *allow, size_t count)
{
	uint64_t h = VNEP_HASH_INIT;

	for (size_t i = 0; i < count; i++) {
		h = vnep_hash(h, &allow[i].to.addr, sizeof allow[i].to.addr);
		h = vnep_hash(h, &allow[i].to.len, 1);
		h = vnep_hash(h, &allow[i].proto, 1);
		h = vnep_hash(h, &allow[i].port_count, 1);
		for (unsigned p = 0; p < allow[i].port_count; p++) {
			uint8_t range[4] = { (uint8_t)(allow[i].ports[p].first >> 8),
				(uint8_t)allow[i].ports[p].first,
				(uint8_t)(allow[i].ports[p].last >> 8),
				(uint8_t)allow[i].ports[p].last };

			h = vnep_hash(h, range, sizeof range);
		}
	}
	return h;
}

static bool same_allow(const struct vnep_allow *a, const struct vnep_allow *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!vnep_ip6_equal(&a[i].to.addr, &b[i].to.addr) || a[i].to.len != b[i].to.len ||
			a[i].proto != b[i].proto || a[i].port_count != b[i].port_count)
			return false;
		for (unsigned p = 0; p < a[i].port_count; p++)
			if (a[i].ports[p].first != b[i].ports[p].first ||
				a[i].ports[p].last != b[i].ports[p].last)
				return false;
	}
	return true;
}

static void policy_name(const struct vnep_acl *acl, uint32_t vpc, const struct vnep_device *device,
	char out[static VNEP_NFT_NAME_MAX + 1])
{
	const char *name = acl->vpcs[vpc].chain + strlen("vpc_");

	if (device->allow_count)
		snprintf(out, VNEP_NFT_NAME_MAX + 1, "policy_%016llx_%s",
			(unsigned long long)hash_allow(device->allow, device->allow_count), name);
	else
		snprintf(out, VNEP_NFT_NAME_MAX + 1, "policy_all_%s", name);
}

/* Equal allow lists of one VPC share a policy. */
static int policy_slot(struct vnep_acl *acl, uint32_t vpc, const struct vnep_device *device,
	uint32_t *out, struct vnep_err *err)
{
	char name[VNEP_NFT_NAME_MAX + 1];
	struct acl_policy *p;

	policy_name(acl, vpc, device, name);
	for (size_t i = 0; i < acl->policy_count; i++) {
		p = &acl->policies[i];
		if (strcmp(p->chain, name))
			continue;
		if (p->vpc != vpc || p->allow_count != device->allow_count ||
			!same_allow(p->allow, device->allow, p->allow_count))
			return vnep_err_set(err, VNEP_EVALUE,
				"%s: its allow list cannot be told from another's "
				"(equal hashes): change the order of its entries",
				device->dev);
		*out = (uint32_t)i;
		return 0;
	}
	p = reallocarray(acl->policies, acl->policy_count + 1, sizeof *p);
	if (!p)
		return no_memory(err);
	acl->policies = p;
	p += acl->policy_count;
	*p = (struct acl_policy){ .vpc = vpc, .allow_count = device->allow_count };
	memcpy(p->chain, name, sizeof p->chain);
	if (device->allow_count) {
		p->allow = reallocarray(NULL, device->allow_count, sizeof *p->allow);
		if (!p->allow)
			return no_memory(err);
		memcpy(p->allow, device->allow, device->allow_count * sizeof *p->allow);
	}
	*out = (uint32_t)acl->policy_count++;
	return 0;
}

static int class_slot(struct vnep_acl *acl, uint32_t vpc, const struct vnep_device *device,
	uint32_t *out, struct vnep_err *err)
{
	struct acl_class c = { .has_psm = device->has_psm,
		.tap = device->journal != VNEP_JOURNAL_ASLEEP };
	char listens[24] = "always";
	struct acl_class *bigger;
	int rc;

	c.t3324_s = c.has_psm ? device->t3324_s : 0;
	rc = policy_slot(acl, vpc, device, &c.policy, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < acl->class_count; i++) {
		const struct acl_class *o = &acl->classes[i];

		if (o->policy == c.policy && o->has_psm == c.has_psm && o->tap == c.tap &&
			o->t3324_s == c.t3324_s) {
			*out = (uint32_t)i;
			return 0;
		}
	}
	bigger = reallocarray(acl->classes, acl->class_count + 1, sizeof *bigger);
	if (!bigger)
		return no_memory(err);
	acl->classes = bigger;
	if (c.has_psm)
		snprintf(listens, sizeof listens, "%us", c.t3324_s);
	snprintf(c.name, sizeof c.name, "class_%s_%s_%s", listens, c.tap ? "tap" : "quiet",
		acl->policies[c.policy].chain + strlen("policy_"));
	bigger[acl->class_count] = c;
	*out = (uint32_t)acl->class_count++;
	return 0;
}

/* A class that nobody, or somebody first, uses changes the rules. */
static void class_use(struct vnep_acl *acl, uint32_t class, int by)
{
	struct acl_class *c;

	if (class == ACL_NONE)
		return;
	c = &acl->classes[class];
	if (by > 0 && !c->users++) {
		acl->policies[c->policy].users++;
		acl->built = false;
	} else if (by < 0 && !--c->users) {
		acl->policies[c->policy].users--;
		acl->built = false;
		acl->stale = true;
	}
}

static uint8_t port_slot(const struct vnep_acl *acl, const char *port)
{
	for (unsigned i = 0; i < acl->config.access_count; i++)
		if (!strcmp(acl->config.access[i], port))
			return (uint8_t)i;
	return ACL_PORT_NONE; /* of another edge: here the device is only an endpoint */
}

static int copy_addresses(
	struct acl_device *d, const struct in6_addr *addr, unsigned count, unsigned latest)
{
	if (count > 1) {
		d->more = reallocarray(NULL, count - 1, sizeof *d->more);
		if (!d->more)
			return -ENOMEM;
	}
	d->addr = addr[latest];
	for (unsigned i = 0; i < count; i++)
		if (i != latest)
			d->more[d->more_count++] = addr[i];
	return 0;
}

static int device_binding(struct vnep_acl *acl, struct acl_device *d,
	const struct vnep_device *device, const struct vnep_binding *binding, struct vnep_err *err)
{
	int rc = 0;

	if (binding && binding->vlan)
		return vnep_err_set(err, VNEP_EVALUE,
			"%s: vlan %u: only untagged access ports are served", device->dev,
			binding->vlan);
	if (binding && binding->addr_count) {
		d->port = port_slot(acl, binding->port);
		d->mac = binding->mac;
		d->has_mac = true;
		if (d->port != ACL_PORT_NONE)
			rc = copy_addresses(
				d, binding->addr, binding->addr_count, binding->addr_count - 1);
	} else if (!binding && device->addr_count && device->has_mac) {
		d->port = device->port[0] ? port_slot(acl, device->port) : ACL_PORT_ANY;
		if (d->port != ACL_PORT_NONE)
			rc = copy_addresses(d, device->addr, device->addr_count, 0);
	}
	if (rc)
		return no_memory(err);
	return d->port == ACL_PORT_NONE ? 0 : class_slot(acl, d->vpc, device, &d->class, err);
}

static void device_free(struct acl_device *d)
{
	if (d)
		free(d->more);
	free(d);
}

static int device_new(struct vnep_acl *acl, const struct vnep_device *device,
	const struct vnep_binding *binding, struct acl_device **out, struct vnep_err *err)
{
	struct acl_device *d;
	int rc;

	if (device->form == VNEP_FORM_HOST)
		return vnep_err_set(err, VNEP_EVALUE,
			"%s: form \"host\" is not served: its endpoint is held by a host "
			"of the VPC, this edge holds endpoints itself (form \"edge\")",
			device->dev);
	if (device->vlan)
		return vnep_err_set(err, VNEP_EVALUE,
			"%s: vlan %u: only untagged access ports are served", device->dev,
			device->vlan);
	d = calloc(1, sizeof *d);
	if (!d)
		return no_memory(err);
	d->vep = device->vep;
	d->class = ACL_NONE;
	d->port = ACL_PORT_NONE;
	d->has_mac = device->has_mac;
	d->mac = device->mac;
	rc = device_vpc(acl, device, &d->vpc, err);
	if (!rc)
		rc = device_binding(acl, d, device, binding, err);
	if (rc) {
		device_free(d);
		return rc;
	}
	d->tap = d->class != ACL_NONE && device->journal == VNEP_JOURNAL_BOTH;
	*out = d;
	return 0;
}

static void device_forget(struct vnep_acl *acl, struct acl_device *d)
{
	vnep_table_remove(&acl->devices, d);
	class_use(acl, d->class, -1);
	device_free(d);
}

int vnep_acl_want_device(struct vnep_acl *acl, const struct vnep_device *device,
	const struct vnep_binding *binding, struct vnep_err *err)
{
	struct acl_device *old = vnep_table_get(&acl->devices, &device->vep), *d = NULL;
	int rc;

	if (device->deleted) {
		if (old)
			device_forget(acl, old);
		return 0;
	}
	rc = device_new(acl, device, binding, &d, err);
	if (rc)
		return rc;
	class_use(acl, d->class, +1); /* before the old one lets go: the class they share stays */
	if (old)
		device_forget(acl, old);
	if (vnep_table_put(&acl->devices, d)) {
		class_use(acl, d->class, -1);
		device_free(d);
		return no_memory(err);
	}
	return 0;
}
