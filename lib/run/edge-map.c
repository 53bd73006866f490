/* edge-map - the map as the daemon has it: its VPCs, and the wanted state of the kernel made of all records. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edge-priv.h"
#include "vnep/recjson.h"

const struct vnep_vpc *edge_vpc(
	const struct vnep_edge *edge, const char *name, const struct in6_addr *vep)
{
	const struct vnep_vpc *found = NULL;

	for (size_t i = 0; i < edge->vpc_count; i++) {
		const struct vnep_vpc *vpc = &edge->vpcs[i];

		if (name[0] && !strcmp(vpc->vpc, name))
			return vpc;
		if (!name[0] && vnep_prefix_has(&vpc->prefix, vep) &&
			(!found || vpc->prefix.len > found->prefix.len))
			found = vpc;
	}
	return found;
}

bool edge_in_its_vpc(const struct vnep_edge *edge, const struct edge_device *d, uint16_t vlan)
{
	const struct vnep_vpc *vpc = edge_vpc(edge, d->vpc, &d->vep);

	return vpc && vpc->core_vlan == vlan;
}

void edge_vlan_used(struct vnep_edge *edge, uint16_t vlan)
{
	edge->vlans[vlan / 8] |= (uint8_t)(1 << vlan % 8);
}

struct loading {
	struct vnep_edge *edge;
	struct vnep_map_txn *txn;
	struct vnep_err *err;
};

static int load_vpc(const char *text, size_t len, void *arg)
{
	struct loading *l = arg;
	struct vnep_edge *edge = l->edge;
	struct vnep_json *json = NULL;
	struct vnep_vpc vpc = { 0 }, *more;
	int rc = vnep_json_parse(text, len, &json, l->err);

	if (!rc)
		rc = vnep_vpc_decode(json, &vpc, l->err);
	if (!rc)
		rc = vnep_acl_want_vpc(edge->acl, &vpc, l->err);
	if (rc == VNEP_EVALUE) { /* nobody else's devices wait for its own */
		edge_warn(edge, "not served", l->err);
		vnep_vpc_release(&vpc);
		vnep_json_free(json);
		return 0;
	}
	more = rc ? NULL : reallocarray(edge->vpcs, edge->vpc_count + 1, sizeof *more);
	if (more) {
		edge->vpcs = more;
		edge->vpcs[edge->vpc_count++] = vpc;
	} else {
		vnep_vpc_release(&vpc);
		rc = rc ? rc : -ENOMEM;
	}
	vnep_json_free(json);
	return rc;
}

/* One without senders hears nobody from the VPCs. */
static int load_group(const char *text, size_t len, void *arg)
{
	struct loading *l = arg;
	struct vnep_edge *edge = l->edge;
	struct vnep_json *json = NULL;
	struct vnep_group group = { 0 }, *more = NULL;
	int rc = vnep_json_parse(text, len, &json, l->err);

	if (!rc)
		rc = vnep_group_decode(json, &group, l->err);
	if (!rc)
		rc = vnep_acl_want_group(edge->acl, &group, l->err);
	if (rc == VNEP_EVALUE) {
		edge_warn(edge, "not served", l->err);
		rc = 0;
	} else if (!rc && group.sender_count) {
		more = reallocarray(edge->groups, edge->group_count + 1, sizeof *more);
		rc = more ? 0 : -ENOMEM;
	}
	if (more) {
		edge->groups = more;
		edge->groups[edge->group_count++] = group;
	} else {
		vnep_group_release(&group);
	}
	vnep_json_free(json);
	return rc;
}

/* The binding counts only if its port is one of ours. Without one the kernel must ask us first, also for a fixed
 * address: its first frame attaches the device. */
static int load_device(const char *text, size_t len, void *arg)
{
	struct loading *l = arg;
	struct vnep_device device = { 0 };
	struct vnep_binding binding, nowhere = { 0 };
	bool bound = false;
	int rc = vnep_map_device_of(l->txn, text, len, &device, l->err);

	if (!rc) {
		edge_vlan_used(l->edge, device.vlan);
		bound = !vnep_map_get_binding(l->txn, device.dev, &binding, NULL) &&
			edge_binding_counts(l->edge, &device, &binding);
		rc = vnep_acl_want_device(
			l->edge->acl, &device, bound ? &binding : &nowhere, l->err);
		if (rc == VNEP_EVALUE) { /* nobody else's devices wait for this one */
			edge_warn(l->edge, "not served", l->err);
			rc = 0;
			bound = false;
		}
	}
	if (!rc && bound && !edge_device_by_vep(l->edge, &device.vep))
		rc = vnep_err_sys(l->err, ENOMEM, "device %s", device.dev);
	vnep_device_release(&device);
	return rc;
}

void edge_vpcs_release(struct vnep_edge *edge)
{
	for (size_t i = 0; i < edge->vpc_count; i++)
		vnep_vpc_release(&edge->vpcs[i]);
	free(edge->vpcs);
	edge->vpcs = NULL;
	edge->vpc_count = 0;
}

void edge_groups_release(struct vnep_edge *edge)
{
	for (size_t i = 0; i < edge->group_count; i++)
		vnep_group_release(&edge->groups[i]);
	free(edge->groups);
	edge->groups = NULL;
	edge->group_count = 0;
}

int edge_groups_again(struct vnep_edge *edge, struct vnep_err *err)
{
	struct loading l = { .edge = edge, .err = err };
	int rc = vnep_map_begin(edge->map, false, &l.txn, err);

	if (rc)
		return rc;
	edge_mld_groups_changed(edge);
	edge_groups_release(edge);
	vnep_acl_groups_forget(edge->acl);
	rc = vnep_map_each(l.txn, VNEP_RECORD_GROUP, false, load_group, &l, err);
	vnep_map_abort(l.txn);
	return rc ? rc : vnep_acl_groups_apply(edge->acl, err);
}

static int map_load(struct vnep_edge *edge, struct vnep_err *err)
{
	struct loading l = { .edge = edge, .err = err };
	int rc = vnep_map_begin(edge->map, false, &l.txn, err);

	if (rc)
		return rc;
	edge_vpcs_release(edge);
	edge_groups_release(edge);
	memset(edge->vlans, 0, sizeof edge->vlans);
	edge->map_revision = vnep_map_revision(l.txn);
	rc = vnep_map_each(l.txn, VNEP_RECORD_VPC, false, load_vpc, &l, err);
	if (!rc)
		rc = vnep_map_each(l.txn, VNEP_RECORD_GROUP, false, load_group, &l, err);
	if (!rc)
		rc = vnep_map_each(l.txn, VNEP_RECORD_DEVICE, false, load_device, &l, err);
	vnep_map_abort(l.txn);
	return rc;
}

/* What the daemon has of the map, beside its rules. */
struct was {
	struct vnep_acl *acl;
	struct vnep_vpc *vpcs;
	struct vnep_group *groups;
	size_t vpc_count, group_count;
	uint64_t revision;
	uint8_t vlans[sizeof((struct vnep_edge *)0)->vlans];
};

static void set_aside(struct vnep_edge *edge, struct was *was)
{
	*was = (struct was){ .acl = edge->acl,
		.vpcs = edge->vpcs,
		.groups = edge->groups,
		.vpc_count = edge->vpc_count,
		.group_count = edge->group_count,
		.revision = edge->map_revision };
	memcpy(was->vlans, edge->vlans, sizeof was->vlans);
	edge->vpcs = NULL;
	edge->groups = NULL;
	edge->vpc_count = edge->group_count = 0;
}

/* The revision, too: so the next change is one from there, and of all that did not fit. */
static void put_back(struct vnep_edge *edge, struct was *was)
{
	vnep_acl_close(edge->acl);
	edge_vpcs_release(edge);
	edge_groups_release(edge);
	edge->acl = was->acl;
	edge->vpcs = was->vpcs;
	edge->groups = was->groups;
	edge->vpc_count = was->vpc_count;
	edge->group_count = was->group_count;
	edge->map_revision = was->revision;
	memcpy(edge->vlans, was->vlans, sizeof was->vlans);
}

static void forget_was(struct was *was)
{
	for (size_t i = 0; i < was->vpc_count; i++)
		vnep_vpc_release(&was->vpcs[i]);
	for (size_t i = 0; i < was->group_count; i++)
		vnep_group_release(&was->groups[i]);
	free(was->vpcs);
	free(was->groups);
	vnep_acl_close(was->acl);
}

int edge_acl_anew(struct vnep_edge *edge, uint64_t *changes, struct vnep_err *err)
{
	struct vnep_acl *fresh = NULL;
	struct was was;
	int rc = vnep_acl_open(&fresh, &edge->config.acl, false, err);

	if (rc)
		return rc;
	if (edge->acl)
		edge_guard_read(edge); /* the old one's own changes; others' are mended now */
	if (edge->acl)
		vnep_acl_keep(edge->acl);
	set_aside(edge, &was);
	edge->acl = fresh;
	rc = map_load(edge, err);
	if (!rc)
		rc = vnep_acl_apply(edge->acl, changes, err);
	/* It does not fit, and nothing was changed: who has rules goes on with them. */
	if (rc == VNEP_EVALUE && was.acl)
		put_back(edge, &was);
	else
		forget_was(&was);
	edge_mld_groups_changed(edge); /* whatever was read before */
	if (!rc) {
		edge_hosts_follow(edge);
		edge_ra_look_at_vpcs(edge);
	}
	return rc;
}

int edge_acl_again(struct vnep_edge *edge, uint64_t *changes, struct vnep_err *err)
{
	int rc = edge_acl_anew(edge, changes, err);

	if (rc != VNEP_EVALUE)
		return rc;
	edge_warn(edge, "ruleset: the map is not in the kernel", err);
	return vnep_acl_apply(edge->acl, changes, err);
}
