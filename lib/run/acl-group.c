/*
 * acl-group - which hosts of the VPCs may speak to which group.
 *
 * A group belongs to no VPC; a sender does, by its address. What is in the kernel is each pair of the two, so that whoever
 * is no sender is dropped there, whatever the worker does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"
#include "vnep/mcast.h"

struct acl_group {
	char group[VNEP_LABEL_MAX + 1]; /* key: zeros behind the name */
	struct in6_addr address;
	size_t count;
	struct in6_addr senders[];
};

static void forget(struct vnep_acl *acl, struct acl_group *g)
{
	if (!g)
		return;
	acl->filled[VNEP_SET_GROUP] -= g->count;
	vnep_table_remove(&acl->groups, g);
	free(g);
}

void vnep_acl_groups_forget(struct vnep_acl *acl)
{
	struct acl_group *g;

	for (size_t i = 0; (g = vnep_table_next(&acl->groups, &i));)
		free(g);
	vnep_table_release(&acl->groups);
	acl->filled[VNEP_SET_GROUP] = 0;
}

int vnep_acl_want_group(struct vnep_acl *acl, const struct vnep_group *group, struct vnep_err *err)
{
	char key[VNEP_LABEL_MAX + 1] = "";
	struct acl_group *g;
	int rc;

	memcpy(key, group->group, strlen(group->group));
	forget(acl, vnep_table_get(&acl->groups, key));
	if (group->deleted || !group->sender_count)
		return 0;
	rc = vnep_mcast_check(&group->address, err);
	if (rc)
		return rc;
	g = calloc(1, sizeof *g + group->sender_count * sizeof *g->senders);
	if (!g)
		return vnep_err_sys(err, ENOMEM, "group \"%s\"", group->group);
	memcpy(g->group, key, sizeof key);
	g->address = group->address;
	g->count = group->sender_count;
	memcpy(g->senders, group->senders, g->count * sizeof *g->senders);
	if (vnep_table_put(&acl->groups, g)) {
		free(g);
		return vnep_err_sys(err, ENOMEM, "group \"%s\"", group->group);
	}
	acl->filled[VNEP_SET_GROUP] += g->count;
	return 0;
}

/* Prefixes that lie in each other are of one core VLAN (acl-want.c), so any of them tells it. */
static const struct vnep_vpc *vpc_of(const struct vnep_acl *acl, const struct in6_addr *addr)
{
	for (size_t i = 0; i < acl->vpc_count; i++)
		if (acl->vpcs[i].defined && vnep_prefix_has(&acl->vpcs[i].vpc.prefix, addr))
			return &acl->vpcs[i].vpc;
	return NULL;
}

static void add(const struct acl_group *g, const struct in6_addr *sender, uint16_t vlan,
	struct acl_elements *out)
{
	uint8_t key[VNEP_KEY_MAX] = { (uint8_t)(vlan >> 8), (uint8_t)vlan };
	size_t at = vlan ? vnep_nft_type_len(VNEP_NFT_VLAN) : 0;

	memcpy(key + at, sender, sizeof *sender);
	memcpy(key + at + sizeof *sender, &g->address, sizeof g->address);
	acl_elements_add(out, key, NULL);
}

void acl_elements_groups(const struct vnep_acl *acl, struct acl_elements *out)
{
	const struct acl_group *g;

	for (size_t i = 0; (g = vnep_table_next(&acl->groups, &i));)
		for (size_t k = 0; k < g->count; k++) {
			const struct vnep_vpc *vpc = vpc_of(acl, &g->senders[k]);

			if (vpc && (vpc->core_vlan != 0) == (out->set == VNEP_SET_GROUP_VLAN))
				add(g, &g->senders[k], vpc->core_vlan, out);
		}
}

int vnep_acl_groups_apply(struct vnep_acl *acl, struct vnep_err *err)
{
	uint64_t changes = 0;
	int rc = acl_fill_check(acl, err);

	return rc ? rc : acl_sync(acl, ACL_GROUPS, &changes, err);
}
