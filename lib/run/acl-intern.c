/*
 * acl-intern - what many devices share: VPCs, policies, classes, lanes.
 *
 * A device with a binding (or a fixed address: preload) has a class, which is what happens when it
 * speaks, and a lane, which is the way to it. Classes and policies are named by what they say, not by
 * the order in which they came, so that two runs over the same map want the same chains.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

void acl_interned_release(struct vnep_acl *acl)
{
	for (size_t i = 0; i < acl->vpc_count; i++)
		vnep_vpc_release(&acl->vpcs[i].vpc);
	for (size_t i = 0; i < acl->policy_count; i++)
		free(acl->policies[i].allow);
	free(acl->vpcs);
	free(acl->policies);
	free(acl->classes);
	free(acl->lanes);
	acl_index_release(&acl->by_vpc);
	acl_index_release(&acl->by_policy);
	acl_index_release(&acl->by_class);
	acl_index_release(&acl->by_lane);
}

/* FNV-1a, as for names: its low bits depend on all of the key. */
static uint64_t hash_of(const void *key, size_t len)
{
	uint64_t h = vnep_hash(VNEP_HASH_INIT, key, len);

	return h ^ h >> 32;
}

static int no_memory(struct vnep_err *err)
{
	return vnep_err_sys(err, ENOMEM, "the wanted state");
}

/* Room for one more in an array that doubles; NULL: no memory. */
static void *room(void *items, size_t count, size_t size)
{
	return count & (count - 1) ? items : reallocarray(items, count ? count * 2 : 1, size);
}

/* The VPC of that name; undefined, if nobody spoke of it yet. */
uint32_t acl_vpc_slot(struct vnep_acl *acl, const char *name)
{
	uint64_t hash = hash_of(name, strlen(name));
	struct acl_vpc *bigger, *slot;
	size_t probe = 0;
	uint32_t at;

	while ((at = acl_index_next(&acl->by_vpc, hash, &probe)) != ACL_NONE)
		if (!strcmp(acl->vpcs[at].vpc.vpc, name))
			return at;
	bigger = room(acl->vpcs, acl->vpc_count, sizeof *bigger);
	if (bigger)
		acl->vpcs = bigger;
	if (!bigger || acl_index_put(&acl->by_vpc, hash, acl->vpc_count))
		return ACL_NONE;
	slot = &bigger[acl->vpc_count];
	*slot = (struct acl_vpc){ .plain = { ACL_NONE, ACL_NONE } };
	snprintf(slot->vpc.vpc, sizeof slot->vpc.vpc, "%s", name);
	if (vnep_nft_plain(name))
		snprintf(slot->chain, sizeof slot->chain, "vpc_%s", name);
	else
		snprintf(slot->chain, sizeof slot->chain, "vpc_.%016llx",
			(unsigned long long)vnep_hash(VNEP_HASH_INIT, name, strlen(name)));
	acl->built = false;
	return (uint32_t)acl->vpc_count++;
}

uint32_t acl_lane_slot(struct vnep_acl *acl, struct acl_lane_key key)
{
	const uint16_t octets[4] = { key.port, key.vlan, key.host, key.tap };
	uint64_t hash = hash_of(octets, sizeof octets);
	struct acl_lane *bigger;
	size_t probe = 0;
	uint32_t at;

	while ((at = acl_index_next(&acl->by_lane, hash, &probe)) != ACL_NONE) {
		const struct acl_lane_key *k = &acl->lanes[at].key;

		if (k->port == key.port && k->vlan == key.vlan && k->host == key.host &&
			k->tap == key.tap)
			return at;
	}
	bigger = room(acl->lanes, acl->lane_count, sizeof *bigger);
	if (bigger)
		acl->lanes = bigger;
	if (!bigger || acl_index_put(&acl->by_lane, hash, acl->lane_count))
		return ACL_NONE;
	bigger[acl->lane_count] = (struct acl_lane){ .key = key };
	return (uint32_t)acl->lane_count++;
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

/* Form host may send to its V and nowhere else: its list says nothing. */
static size_t allow_count(const struct vnep_device *device)
{
	return device->form == VNEP_FORM_HOST ? 0 : device->allow_count;
}

static void policy_name(const struct vnep_acl *acl, uint32_t vpc, const struct vnep_device *device,
	char out[static VNEP_NFT_NAME_MAX + 1])
{
	const char *name = acl->vpcs[vpc].chain + strlen("vpc_");

	if (allow_count(device))
		snprintf(out, VNEP_NFT_NAME_MAX + 1, "policy_%016llx_%s",
			(unsigned long long)hash_allow(device->allow, device->allow_count), name);
	else
		snprintf(out, VNEP_NFT_NAME_MAX + 1, "policy_%s_%s",
			device->form == VNEP_FORM_HOST ? "host" : "all", name);
}

/* Equal allow lists of one VPC share a policy. */
static int policy_slot(struct vnep_acl *acl, uint32_t vpc, const struct vnep_device *device,
	uint32_t *out, struct vnep_err *err)
{
	char name[VNEP_NFT_NAME_MAX + 1];
	size_t count = allow_count(device), probe = 0;
	uint32_t at, *plain = &acl->vpcs[vpc].plain[device->form == VNEP_FORM_HOST];
	struct acl_policy *p;
	uint64_t hash;

	if (!count && *plain != ACL_NONE) { /* nearly all of a million */
		*out = *plain;
		return 0;
	}
	policy_name(acl, vpc, device, name);
	hash = hash_of(name, strlen(name));
	while ((at = acl_index_next(&acl->by_policy, hash, &probe)) != ACL_NONE) {
		p = &acl->policies[at];
		if (strcmp(p->chain, name))
			continue;
		if (p->vpc != vpc || p->allow_count != count ||
			!same_allow(p->allow, device->allow, p->allow_count))
			return vnep_err_set(err, VNEP_EVALUE,
				"%s: its allow list cannot be told from another's "
				"(equal hashes): change the order of its entries",
				device->dev);
		*out = at;
		return 0;
	}
	p = room(acl->policies, acl->policy_count, sizeof *p);
	if (!p)
		return no_memory(err);
	acl->policies = p;
	p += acl->policy_count;
	*p = (struct acl_policy){
		.vpc = vpc, .host = device->form == VNEP_FORM_HOST, .allow_count = count
	};
	memcpy(p->chain, name, sizeof p->chain);
	if (count) {
		p->allow = reallocarray(NULL, count, sizeof *p->allow);
		if (!p->allow)
			return no_memory(err);
		memcpy(p->allow, device->allow, count * sizeof *p->allow);
	}
	if (acl_index_put(&acl->by_policy, hash, acl->policy_count)) {
		free(p->allow);
		return no_memory(err);
	}
	*out = (uint32_t)acl->policy_count++;
	if (!count)
		*plain = *out;
	return 0;
}

int acl_class_slot(struct vnep_acl *acl, uint32_t vpc, const struct vnep_device *device,
	uint32_t *out, struct vnep_err *err)
{
	struct acl_class c = { .has_psm = device->has_psm,
		.tap = device->journal != VNEP_JOURNAL_ASLEEP };
	char listens[24] = "always";
	struct acl_class *bigger;
	size_t probe = 0;
	uint32_t key[3], at;
	uint64_t hash;
	int rc;

	c.t3324_s = c.has_psm ? device->t3324_s : 0;
	rc = policy_slot(acl, vpc, device, &c.policy, err);
	if (rc)
		return rc;
	key[0] = c.policy;
	key[1] = c.t3324_s;
	key[2] = (uint32_t)c.has_psm << 1 | c.tap;
	hash = hash_of(key, sizeof key);
	while ((at = acl_index_next(&acl->by_class, hash, &probe)) != ACL_NONE) {
		const struct acl_class *o = &acl->classes[at];

		if (o->policy == c.policy && o->has_psm == c.has_psm && o->tap == c.tap &&
			o->t3324_s == c.t3324_s) {
			*out = at;
			return 0;
		}
	}
	bigger = room(acl->classes, acl->class_count, sizeof *bigger);
	if (bigger)
		acl->classes = bigger;
	if (!bigger || acl_index_put(&acl->by_class, hash, acl->class_count))
		return no_memory(err);
	if (c.has_psm)
		snprintf(listens, sizeof listens, "%us", c.t3324_s);
	snprintf(c.name, sizeof c.name, "class_%s_%s_%s", listens, c.tap ? "tap" : "quiet",
		acl->policies[c.policy].chain + strlen("policy_"));
	bigger[acl->class_count] = c;
	*out = (uint32_t)acl->class_count++;
	return 0;
}

/* Counts; says whether that made or unmade what it counts. */
static bool count_user(uint32_t *users, int by)
{
	*users = (uint32_t)((int64_t)*users + by);
	return *users == (by > 0 ? 1 : 0);
}

static void rules_differ(struct vnep_acl *acl, int by)
{
	acl->built = false;
	acl->stale = acl->stale || by < 0;
}

void acl_use(struct vnep_acl *acl, const struct acl_device *d, int by)
{
	struct acl_vpc *v = &acl->vpcs[d->vpc];

	acl_fill(acl, d, by);
	count_user(&v->side[d->vlan != 0].users, by);
	if (d->host && count_user(&v->hosts, by))
		rules_differ(acl, by);
	if (d->class == ACL_NONE)
		return;
	if (count_user(&acl->classes[d->class].users, by)) {
		count_user(&acl->policies[acl->classes[d->class].policy].users, by);
		rules_differ(acl, by);
	}
	if (count_user(&acl->lanes[d->lane].users, by))
		rules_differ(acl, by);
}
