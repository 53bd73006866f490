/* acl-map - the wanted state of a map. */
#include "vnep/acl.h"
#include "vnep/err.h"
#include "vnep/mapstore.h"
#include "vnep/recjson.h"

struct from_map {
	struct vnep_acl *acl;
	struct vnep_map_txn *txn;
	const struct vnep_acl_from_map *how;
	struct vnep_err *err;
};

static int or_refused(struct from_map *m, int rc)
{
	return rc == VNEP_EVALUE && m->how->refused ? m->how->refused(m->err, m->how->arg) : rc;
}

static int want_vpc(const char *text, size_t len, void *arg)
{
	struct from_map *m = arg;
	struct vnep_json *json = NULL;
	struct vnep_vpc vpc = { 0 };
	int rc = vnep_json_parse(text, len, &json, m->err);

	if (!rc)
		rc = vnep_vpc_decode(json, &vpc, m->err);
	if (!rc)
		rc = or_refused(m, vnep_acl_want_vpc(m->acl, &vpc, m->err));
	vnep_vpc_release(&vpc);
	vnep_json_free(json);
	return rc;
}

static int want_device(const char *text, size_t len, void *arg)
{
	struct from_map *m = arg;
	struct vnep_device device = { 0 };
	struct vnep_binding binding;
	bool bound;
	int rc = vnep_map_device_of(m->txn, text, len, &device, m->err);

	if (rc)
		return rc;
	bound = !vnep_map_get_binding(m->txn, device.dev, &binding, NULL) && !binding.deleted;
	if (!m->how->preload)
		device.addr_count = 0;
	rc = vnep_acl_want_device(m->acl, &device, bound ? &binding : NULL, m->err);
	if (rc)
		rc = or_refused(m, rc);
	else if (m->how->wanted)
		rc = m->how->wanted(&device, m->how->arg);
	vnep_device_release(&device);
	return rc;
}

static int want_group(const char *text, size_t len, void *arg)
{
	struct from_map *m = arg;
	struct vnep_json *json = NULL;
	struct vnep_group group = { 0 };
	int rc = vnep_json_parse(text, len, &json, m->err);

	if (!rc)
		rc = vnep_group_decode(json, &group, m->err);
	if (!rc)
		rc = or_refused(m, vnep_acl_want_group(m->acl, &group, m->err));
	vnep_group_release(&group);
	vnep_json_free(json);
	return rc;
}

int vnep_acl_want_groups(struct vnep_acl *acl, struct vnep_map_txn *txn,
	const struct vnep_acl_from_map *how, struct vnep_err *err)
{
	struct from_map m = { acl, txn, how, err };

	vnep_acl_groups_forget(acl);
	return vnep_map_each(txn, VNEP_RECORD_GROUP, false, want_group, &m, err);
}

int vnep_acl_want_map(struct vnep_acl *acl, struct vnep_map_txn *txn,
	const struct vnep_acl_from_map *how, struct vnep_err *err)
{
	struct from_map m = { acl, txn, how, err };
	int rc = vnep_map_each(txn, VNEP_RECORD_VPC, false, want_vpc, &m, err);

	if (!rc)
		rc = vnep_acl_want_groups(acl, txn, how, err);
	return rc ? rc : vnep_map_each(txn, VNEP_RECORD_DEVICE, false, want_device, &m, err);
}
