/* acl-openflow - the wanted state as OpenFlow: the same ruleset, and what is in its sets device by device. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"
#include "vnep/openflow.h"

enum { FULL = 64 * 1024 }; /* octets of one call of emit */

struct flows {
	struct vnep_openflow of;
	struct vnep_buf buf;
	char ports[VNEP_PORTS_MAX + 1][VNEP_IF_MAX + 1];
	vnep_acl_emit_cb *emit;
	void *arg;
};

static int hand_out(struct flows *f, struct vnep_err *err)
{
	int rc = f->buf.rc ? vnep_err_sys(err, -f->buf.rc, "flows") : f->emit(&f->buf, f->arg);

	vnep_buf_reset(&f->buf);
	return rc;
}

/* Where the maps may lead. */
static int name_targets(struct vnep_acl *acl, struct flows *f, struct vnep_err *err)
{
	struct acl_elements e;
	int rc = acl_elements_want(acl, VNEP_SET_CORE_VLAN, &e, err);

	for (size_t i = 0; i < e.count; i++) {
		uint32_t chain;

		memcpy(&chain, e.items[i].data, sizeof chain);
		vnep_openflow_target(&f->of, VNEP_SET_CORE_VLAN, chain, vnep_be16(e.items[i].key));
	}
	acl_elements_release(&e);
	for (size_t i = 0; i < acl->class_count; i++)
		if (acl->classes[i].users)
			vnep_openflow_target(&f->of, VNEP_SET_CLASS, acl->classes[i].chain, 0);
	for (size_t i = 0; i < acl->lane_count; i++)
		if (acl->lanes[i].users)
			vnep_openflow_target(&f->of, VNEP_SET_TO_PORT, acl->lanes[i].chain, 0);
	for (size_t i = 0; i < acl->policy_count; i++)
		if (acl->policies[i].users && acl->policies[i].consent != SIZE_MAX)
			vnep_openflow_target(&f->of, VNEP_SET_CONSENT, acl->policies[i].consent, 0);
	return rc;
}

static int name_routers(struct vnep_acl *acl, struct flows *f, struct vnep_err *err)
{
	struct acl_elements e;
	int rc = acl_elements_want(acl, VNEP_SET_ROUTER, &e, err);

	for (size_t i = 0; i < e.count; i++) {
		struct in6_addr addr;

		memcpy(&addr, e.items[i].key, sizeof addr);
		vnep_openflow_router(&f->of, &addr);
	}
	acl_elements_release(&e);
	return rc;
}

static void put_device(const struct vnep_acl *acl, struct flows *f, const struct acl_device *d)
{
	struct in6_addr addr[UINT8_MAX + 1];
	struct vnep_openflow_device out = { .vep = d->vep,
		.addr = addr,
		.has_mac = d->has_mac,
		.host = d->host,
		.bound = d->class != ACL_NONE,
		.mac = d->mac,
		.vlan = d->vlan,
		.port = d->port == ACL_PORT_ANY ? UINT_MAX : d->port,
		.class = SIZE_MAX,
		.consent = SIZE_MAX,
		.lane = SIZE_MAX };

	if (out.bound || d->host) {
		addr[0] = d->addr;
		if (d->more_count)
			memcpy(addr + 1, d->more, d->more_count * sizeof *addr);
		out.addr_count = d->more_count + 1u;
	}
	if (out.bound) {
		const struct acl_class *class = &acl->classes[d->class];

		out.awake = !class->has_psm || class->t3324_s;
		out.class = class->chain;
		out.lane = acl->lanes[d->lane].chain;
		if (!d->host)
			out.consent = acl->policies[class->policy].consent;
	}
	vnep_openflow_device(&f->of, &out);
}

static int compare(const void *a, const void *b)
{
	const struct acl_device *const *x = a, *const *y = b;

	return memcmp(&(*x)->vep, &(*y)->vep, sizeof(struct in6_addr));
}

/* In the order of their endpoints, so that two runs print the same. */
static int put_devices(struct vnep_acl *acl, struct flows *f, struct vnep_err *err)
{
	const struct acl_device **all = calloc(acl->devices.count + 1, sizeof(void *)), *d;
	size_t count = 0;
	int rc = 0;

	if (!all)
		return vnep_err_sys(err, ENOMEM, "flows");
	for (size_t i = 0; (d = vnep_table_next(&acl->devices, &i));)
		all[count++] = d;
	qsort(all, count, sizeof *all, compare);
	for (size_t i = 0; i < count && !rc; i++) {
		put_device(acl, f, all[i]);
		if (f->buf.len > FULL || f->buf.rc || i + 1 == count)
			rc = hand_out(f, err);
	}
	free(all);
	return rc;
}

static int put_lost(struct flows *f, vnep_acl_lost_cb *lost, void *arg)
{
	const char *text;
	int rc = 0;

	for (int i = 0; i < VNEP_OPENFLOW_LOSSES && !rc; i++)
		if ((text = vnep_openflow_lost(&f->of, (enum vnep_openflow_loss)i)))
			rc = lost(text, arg);
	return rc;
}

int vnep_acl_openflow(struct vnep_acl *acl, vnep_acl_emit_cb *emit, vnep_acl_lost_cb *lost,
	void *arg, struct vnep_err *err)
{
	struct flows f = { .emit = emit, .arg = arg };
	int rc = acl->offline ? acl_build(acl, err)
			      : vnep_err_set(err, VNEP_EUSAGE,
					"rendering needs no kernel: open it offline");

	if (!rc)
		rc = acl_elements_check(acl, err);
	if (rc)
		return rc;
	memcpy(f.ports, acl->config.access, sizeof acl->config.access);
	memcpy(f.ports[acl->config.access_count], acl->config.core, sizeof acl->config.core);
	vnep_buf_init(&f.buf);
	vnep_openflow_init(&f.of, &f.buf, &acl->rs, (const char(*)[VNEP_IF_MAX + 1]) f.ports,
		acl->config.access_count);
	rc = name_targets(acl, &f, err);
	if (!rc)
		rc = name_routers(acl, &f, err);
	if (!rc)
		rc = vnep_openflow_rules(&f.of, err);
	if (!rc)
		rc = put_lost(&f, lost, arg);
	if (!rc)
		rc = hand_out(&f, err);
	if (!rc)
		rc = put_devices(acl, &f, err);
	vnep_openflow_release(&f.of);
	vnep_buf_release(&f.buf);
	return rc;
}
