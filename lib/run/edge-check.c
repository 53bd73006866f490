/* edge-check - can an edge of this configuration serve the map? The acl answers, record by record. */
#include <errno.h>

#include "vnep/edge.h"
#include "vnep/err.h"
#include "vnep/mapstore.h"
#include "vnep/recjson.h"

struct checking {
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
	struct vnep_map_txn *txn = NULL;
	int rc = vnep_mapstore_open(&store, state, false, err);

	if (rc == VNEP_ENOTFOUND)
		return 0; /* nothing was imported yet */
	if (!rc)
		rc = vnep_acl_open(&c.acl, &config->acl, true, err);
	if (!rc)
		rc = vnep_map_begin(store, false, &txn, err);
	if (!rc)
		rc = vnep_map_each(txn, VNEP_RECORD_VPC, false, check_vpc, &c, err);
	if (!rc)
		rc = vnep_map_each(txn, VNEP_RECORD_GROUP, false, check_group, &c, err);
	if (!rc)
		rc = vnep_map_each(txn, VNEP_RECORD_DEVICE, false, check_device, &c, err);
	vnep_map_abort(txn);
	vnep_acl_close(c.acl);
	vnep_mapstore_close(store);
	return rc ? rc : c.first;
}
