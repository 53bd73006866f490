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

/* RECORDS.md says it. */
void vnep_device_defaults(struct vnep_device *device, bool mac, bool psm, bool journal)
{
	device->has_mac = mac || vnep_urn_mac(device->dev, &device->mac);
	device->has_psm = psm;
	device->has_journal = journal;
	if (!device->has_journal)
		device->journal = device->has_psm ? VNEP_JOURNAL_BOTH : VNEP_JOURNAL_ASLEEP;
	if (!device->consent) /* what it missed must be kept for it; anything more is history */
		device->journal = VNEP_JOURNAL_ASLEEP;
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
	vnep_device_defaults(&device, vnep_json_get(json, "mac"), vnep_json_get(json, "psm"),
		vnep_json_get(json, "journal"));
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

/* ---- as lines of the map ---- */

struct place {
	const struct vnep_key *keys;
	const char *next; /* the first member behind the place of the revision */
};

static int find_place(const char *key, struct vnep_json *value, void *arg)
{
	struct place *p = arg;

	(void)value;
	if (!strcmp(key, "type") || !strcmp(key, "v"))
		return 0;
	for (const struct vnep_key *k = p->keys; k->name && strcmp(k->name, "revision"); k++)
		if (!strcmp(k->name, key))
			return 0;
	p->next = key;
	return 1;
}

/* Keys beyond our own may be spelled with escapes, which vnep_json_column does not see through: have the
 * revision put into its place, and cut it out of the text. */
static int cut_revision(struct vnep_json *json, struct vnep_buf *out, struct vnep_recline *line)
{
	static const char revision[] = ",\"revision\":0";
	size_t start = out->len, cut = sizeof revision - 1;
	char *at;
	int rc = vnep_json_set_int(json, "revision", 0);

	if (!rc)
		rc = vnep_recjson_check(json, NULL, 0, NULL);
	if (!rc)
		rc = vnep_json_dump(json, out);
	if (rc)
		return rc;
	at = (char *)out->data + start;
	line->rev_at = vnep_json_column(at, out->len - start, NULL, 0, "revision") - 2;
	memmove(at + line->rev_at, at + line->rev_at + cut, out->len - start - line->rev_at - cut);
	out->len -= cut;
	vnep_json_remove(json, "revision");
	return 0;
}

int vnep_recjson_line(struct vnep_json *json, struct vnep_buf *out, struct vnep_recline *line)
{
	struct place place = { .keys = vnep_keys_of(vnep_recjson_type(json)) };
	size_t start = out->len;
	unsigned column;
	int rc;

	line->revision = (uint64_t)vnep_json_get_int(json, "revision", 0);
	vnep_json_remove(json, "revision");
	rc = vnep_json_dump(json, out);
	if (rc)
		return rc;
	line->rev_at = out->len - start - 1;
	if (!place.keys || !vnep_json_each(json, find_place, &place))
		return 0;
	column = vnep_json_column(
		(const char *)out->data + start, out->len - start, NULL, 0, place.next);
	if (column) {
		line->rev_at = column - 2;
		return 0;
	}
	out->len = start;
	return cut_revision(json, out, line);
}
