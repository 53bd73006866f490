/*
 * acl-fill - how full the sets get: a set has a fixed size, and what is beyond it the kernel refuses.
 *
 * Counted as devices come and go, so that the question costs nothing. `awake` never holds more than to_port.
 */
#include "acl-private.h"
#include "vnep/err.h"

enum { WARN_PERCENT = 80 };

static void add(struct vnep_acl *acl, enum vnep_set set, int by, unsigned n)
{
	acl->filled[set] += (uint64_t)((int64_t)by * n);
}

static enum vnep_set binding_set(const struct acl_device *d)
{
	if (d->host)
		return d->vlan ? VNEP_SET_FROM_HOST_VLAN : VNEP_SET_FROM_HOST;
	return d->vlan ? VNEP_SET_FROM_VLAN : VNEP_SET_FROM_BINDING;
}

void acl_fill(struct vnep_acl *acl, const struct acl_device *d, int by)
{
	unsigned addrs = d->more_count + 1u,
		 ports = d->port == ACL_PORT_ANY ? acl->config.access_count : 1;

	if (d->host)
		add(acl, VNEP_SET_HOST_PAIR, by, addrs);
	else
		add(acl, VNEP_SET_ENDPOINT, by, 1);
	if (d->class == ACL_NONE)
		return;
	add(acl, binding_set(d), by, addrs * ports);
	add(acl, VNEP_SET_TO_PORT, by, 1);
	add(acl, VNEP_SET_CLASS, by, 1);
	if (!d->host)
		add(acl, VNEP_SET_TO_BINDING, by, 1);
}

bool vnep_acl_filling(struct vnep_acl *acl, struct vnep_acl_fill *out)
{
	size_t known = acl->spool ? acl_spool_macs(acl->spool) : acl->by_mac.count;

	*out = (struct vnep_acl_fill){ .size = acl->config.set_size };
	for (int set = 0; set < VNEP_SET_COUNT; set++) {
		uint64_t count = set == VNEP_SET_KNOWN ? known : acl->filled[set];

		if (!out->set || count > out->count) {
			out->set = vnep_set_specs[set].name;
			out->count = count;
		}
	}
	return out->count * 100 >= (uint64_t)out->size * WARN_PERCENT;
}

int acl_fill_check(struct vnep_acl *acl, struct vnep_err *err)
{
	struct vnep_acl_fill fill;

	vnep_acl_filling(acl, &fill);
	if (fill.count <= fill.size)
		return 0;
	vnep_err_set(err, VNEP_EVALUE, "set %s would hold %llu elements, and may hold %u", fill.set,
		(unsigned long long)fill.count, fill.size);
	vnep_err_hint(err,
		"a larger --set-size; a table that is there keeps its sizes until `vnep-acl "
		"clear`");
	return VNEP_EVALUE;
}
