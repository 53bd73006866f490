/* edge-check - can an edge of this configuration serve the map? The acl answers, record by record. */
#include <errno.h>
#include <stdlib.h>

#include "vnep/edge.h"
#include "vnep/err.h"
#include "vnep/mapstore.h"
#include "vnep/recjson.h"

struct checking {
	struct vnep_map_txn *txn;
	struct vnep_prefix *prefixes; /* of the VPCs */
	size_t prefix_count;
	struct vnep_acl *acl;
	vnep_edge_config_report *report;
	void *arg;
	int first; /* what was reported first */
};

/* What cannot be served is reported, and the walk goes on. */
static int told(struct checking *c, int rc, const struct vnep_err *why)
{
	if (rc != VNEP_EVALUE)
		return rc;
	c->report(why, c->arg);
	c->first = c->first ? c->first : rc;
	return 0;
}

static int keep_prefix(struct checking *c, const struct vnep_prefix *prefix, struct vnep_err *err)
{
	struct vnep_prefix *more =
		reallocarray(c->prefixes, c->prefix_count + 1, sizeof *c->prefixes);

	if (!more)
		return vnep_err_sys(err, ENOMEM, "map");
	c->prefixes = more;
	c->prefixes[c->prefix_count++] = *prefix;
	return 0;
}

static bool in_some_vpc(const struct checking *c, const struct in6_addr *addr)
{
	for (size_t i = 0; i < c->prefix_count; i++)
		if (vnep_prefix_has(&c->prefixes[i], addr))
			return true;
	return false;
}

/* A sender that nobody will ever hear is served, and worth a word. */
static void look_at_sender(
	struct checking *c, const struct vnep_group *group, const struct in6_addr *sender)
{
	char text[VNEP_IP6_LEN], dev[VNEP_URN_MAX + 1];
	struct vnep_err why = { 0 };

	vnep_ip6_print(sender, text);
	if (!in_some_vpc(c, sender)) {
		vnep_err_set(&why, VNEP_EDIFFERS,
			"warning: group \"%s\": its sender %s is in the prefix of no vpc: it is "
			"not heard",
			group->group, text);
		vnep_err_hint(
			&why, "a sender is a host of a vpc, by the address that it has there");
	} else if (!vnep_map_by_vep(c->txn, sender, dev)) {
		vnep_err_set(&why, VNEP_EDIFFERS,
			"warning: group \"%s\": its sender %s is the endpoint of %s: it is not "
			"heard",
			group->group, text, dev);
		vnep_err_hint(&why,
			"devices do not speak to groups, and nobody else does as one of them");
	}
	if (why.code)
		c->report(&why, c->arg);
}

static int check_vpc(const char *text, size_t len, void *arg)
{
	struct vnep_json *json = NULL;
	struct vnep_vpc vpc = { 0 };
	struct checking *c = arg;
	struct vnep_err err = { 0 };
	int rc = vnep_json_parse(text, len, &json, &err);

	if (!rc)
		rc = vnep_vpc_decode(json, &vpc, &err);
	if (!rc)
		rc = keep_prefix(c, &vpc.prefix, &err);
	if (!rc)
		rc = vnep_acl_want_vpc(c->acl, &vpc, &err);
	vnep_vpc_release(&vpc);
	vnep_json_free(json);
	return told(c, rc, &err);
}

static int check_group(const char *text, size_t len, void *arg)
{
	struct vnep_json *json = NULL;
	struct vnep_group group = { 0 };
	struct checking *c = arg;
	struct vnep_err err = { 0 };
	int rc = vnep_json_parse(text, len, &json, &err);

	if (!rc)
		rc = vnep_group_decode(json, &group, &err);
	if (!rc)
		rc = vnep_acl_want_group(c->acl, &group, &err);
	for (size_t i = 0; !rc && i < group.sender_count; i++)
		look_at_sender(c, &group, &group.senders[i]);
	vnep_group_release(&group);
	vnep_json_free(json);
	return told(c, rc, &err);
}

static int check_device(const char *text, size_t len, void *arg)
{
	const struct vnep_binding nowhere = { 0 };
	struct vnep_device device = { 0 };
	struct vnep_json *json = NULL;
	struct checking *c = arg;
	struct vnep_err err = { 0 };
	int rc = vnep_json_parse(text, len, &json, &err);

	if (!rc)
		rc = vnep_device_decode(json, &device, &err);
	if (!rc)
		rc = vnep_acl_want_device(c->acl, &device, &nowhere, &err);
	vnep_device_release(&device);
	vnep_json_free(json);
	return told(c, rc, &err);
}

int vnep_edge_map_check(const struct vnep_edge_config *config, const char *state,
	vnep_edge_config_report *report, void *arg, struct vnep_err *err)
{
	struct checking c = { .report = report, .arg = arg };
	struct vnep_mapstore *store = NULL;
	int rc = vnep_mapstore_open(&store, state, false, err);

	if (rc == VNEP_ENOTFOUND)
		return 0; /* nothing was imported yet */
	if (!rc)
		rc = vnep_acl_open(&c.acl, &config->acl, true, err);
	if (!rc)
		rc = vnep_map_begin(store, false, &c.txn, err);
	if (!rc)
		rc = vnep_map_each(c.txn, VNEP_RECORD_VPC, false, check_vpc, &c, err);
	if (!rc)
		rc = vnep_map_each(c.txn, VNEP_RECORD_GROUP, false, check_group, &c, err);
	if (!rc)
		rc = vnep_map_each(c.txn, VNEP_RECORD_DEVICE, false, check_device, &c, err);
	vnep_map_abort(c.txn);
	free(c.prefixes);
	vnep_acl_close(c.acl);
	vnep_mapstore_close(store);
	return rc ? rc : c.first;
}
