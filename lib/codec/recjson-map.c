/* recjson-map - vpc, device, group and binding records, decoded into their structs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "recjson-keys.h"
#include "recjson-put.h"
#include "vnep/err.h"
#include "vnep/recjson.h"

static int no_memory(struct vnep_err *err)
{
	return vnep_err_sys(err, ENOMEM, "reading a record");
}

static int decode_addrs(enum vnep_record_type type, const struct vnep_json *json,
	struct in6_addr out[static VNEP_ADDR_COUNT_MAX], unsigned *count, struct vnep_err *err)
{
	size_t n = vnep_json_count(vnep_json_get(json, "addr"));

	if (n > VNEP_ADDR_COUNT_MAX)
		return vnep_err_set(err, VNEP_EVALUE, "\"addr\" has %zu entries, more than %d", n,
			VNEP_ADDR_COUNT_MAX);
	for (size_t i = 0; i < n; i++) {
		int rc = vnep_list_decode(
			vnep_keys_of(type), json, "addr", i, &out[i], sizeof out[i], err);

		if (rc)
			return rc;
	}
	*count = (unsigned)n;
	return 0;
}

/* ---- vpc ---- */

static int longest_first(const void *a, const void *b)
{
	const struct vnep_route *x = a, *y = b;

	return y->to.len - x->to.len;
}

static int decode_routes(const struct vnep_json *routes, struct vnep_vpc *out, struct vnep_err *err)
{
	size_t count = vnep_json_count(routes);

	if (!count)
		return 0;
	out->routes = calloc(count, sizeof *out->routes);
	if (!out->routes)
		return no_memory(err);
	for (size_t i = 0; i < count; i++) {
		int rc = vnep_keys_decode(
			vnep_keys_route, vnep_json_at(routes, i), &out->routes[i], err);

		if (rc)
			return rc;
	}
	out->route_count = count;
	qsort(out->routes, count, sizeof *out->routes, longest_first);
	return 0;
}

int vnep_vpc_decode(const struct vnep_json *json, struct vnep_vpc *out, struct vnep_err *err)
{
	struct vnep_vpc vpc = { 0 };
	int rc = vnep_keys_decode(vnep_keys_of(VNEP_RECORD_VPC), json, &vpc, err);

	if (!rc)
		rc = decode_routes(vnep_json_get(json, "routes"), &vpc, err);
	if (rc)
		vnep_vpc_release(&vpc);
	else
		*out = vpc;
	return rc;
}

/* ---- device ---- */

static int decode_ports(const struct vnep_json *entry, struct vnep_allow *out, struct vnep_err *err)
{
	size_t count = vnep_json_count(vnep_json_get(entry, "ports"));

	if (count > sizeof out->ports / sizeof *out->ports)
		return vnep_err_set(err, VNEP_EVALUE, "\"ports\" has %zu entries, more than %zu",
			count, sizeof out->ports / sizeof *out->ports);
	for (size_t i = 0; i < count; i++) {
		int rc = vnep_list_decode(vnep_keys_allow, entry, "ports", i, &out->ports[i],
			sizeof out->ports[i], err);

		if (rc)
			return rc;
	}
	out->port_count = (uint8_t)count;
	return 0;
}

static int decode_allow(
	const struct vnep_json *allow, struct vnep_device *out, struct vnep_err *err)
{
	size_t count = vnep_json_count(allow);

	if (!count)
		return 0;
	out->allow = calloc(count, sizeof *out->allow);
	if (!out->allow)
		return no_memory(err);
	for (size_t i = 0; i < count; i++) {
		const struct vnep_json *entry = vnep_json_at(allow, i);
		int rc = vnep_keys_decode(vnep_keys_allow, entry, &out->allow[i], err);

		if (!rc)
			rc = decode_ports(entry, &out->allow[i], err);
		if (rc)
			return rc;
	}
	out->allow_count = count;
	return 0;
}

static int decode_groups(
	const struct vnep_json *json, struct vnep_device *out, struct vnep_err *err)
{
	size_t count = vnep_json_count(vnep_json_get(json, "groups"));

	if (!count)
		return 0;
	out->groups = calloc(count, sizeof *out->groups);
	if (!out->groups)
		return no_memory(err);
	for (size_t i = 0; i < count; i++) {
		int rc = vnep_list_decode(vnep_keys_of(VNEP_RECORD_DEVICE), json, "groups", i,
			out->groups[i], sizeof out->groups[i], err);

		if (rc)
			return rc;
	}
	out->group_count = count;
	return 0;
}

/* What absence says (RECORDS.md). */
static void device_defaults(const struct vnep_json *json, struct vnep_device *device)
{
	device->has_mac = vnep_json_get(json, "mac") || vnep_urn_mac(device->dev, &device->mac);
	device->has_psm = vnep_json_get(json, "psm");
	device->has_journal = vnep_json_get(json, "journal");
	if (!device->has_journal)
		device->journal = device->has_psm ? VNEP_JOURNAL_BOTH : VNEP_JOURNAL_ASLEEP;
}

int vnep_device_decode(const struct vnep_json *json, struct vnep_device *out, struct vnep_err *err)
{
	struct vnep_device device = { .addr_max = 4, .consent = true };
	int rc = vnep_keys_decode(vnep_keys_of(VNEP_RECORD_DEVICE), json, &device, err);

	if (!rc)
		rc = decode_addrs(VNEP_RECORD_DEVICE, json, device.addr, &device.addr_count, err);
	if (!rc)
		rc = decode_groups(json, &device, err);
	if (!rc)
		rc = decode_allow(vnep_json_get(json, "allow"), &device, err);
	if (rc) {
		vnep_device_release(&device);
		return rc;
	}
	device_defaults(json, &device);
	*out = device;
	return 0;
}

/* ---- group ---- */

int vnep_group_decode(const struct vnep_json *json, struct vnep_group *out, struct vnep_err *err)
{
	const struct vnep_key *keys = vnep_keys_of(VNEP_RECORD_GROUP);
	struct vnep_group group = { 0 };
	size_t count = vnep_json_count(vnep_json_get(json, "senders"));
	int rc = vnep_keys_decode(keys, json, &group, err);

	if (!rc && count) {
		group.senders = calloc(count, sizeof *group.senders);
		if (!group.senders)
			rc = no_memory(err);
	}
	for (size_t i = 0; !rc && i < count; i++)
		rc = vnep_list_decode(
			keys, json, "senders", i, &group.senders[i], sizeof group.senders[i], err);
	group.sender_count = count;
	if (rc)
		vnep_group_release(&group);
	else
		*out = group;
	return rc;
}

/* ---- binding ---- */

int vnep_binding_decode(
	const struct vnep_json *json, struct vnep_binding *out, struct vnep_err *err)
{
	struct vnep_binding binding = { 0 };
	int rc = vnep_keys_decode(vnep_keys_of(VNEP_RECORD_BINDING), json, &binding, err);

	if (!rc)
		rc = decode_addrs(
			VNEP_RECORD_BINDING, json, binding.addr, &binding.addr_count, err);
	if (!rc)
		*out = binding;
	return rc;
}

void vnep_binding_encode(struct vnep_buf *out, const struct vnep_binding *binding)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "binding");
	vnep_jw_str(&w, "dev", binding->dev);
	vnep_jw_opt_str(&w, "region", binding->region);
	vnep_jw_opt_str(&w, "edge", binding->edge);
	vnep_jw_opt_u64(&w, "epoch", binding->epoch);
	vnep_jw_opt_str(&w, "port", binding->port);
	vnep_jw_opt_u64(&w, "vlan", binding->vlan);
	vnep_jw_opt_mac(&w, "mac", &binding->mac);
	vnep_jw_addrs(&w, binding->addr, binding->addr_count);
	vnep_jw_opt_ts(&w, "since", binding->since);
	vnep_jw_opt_u64(&w, "revision", binding->revision);
	if (binding->deleted)
		vnep_jw_bool(&w, "deleted", true);
	vnep_jw_end_record(&w);
}
