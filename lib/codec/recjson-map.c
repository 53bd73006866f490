/* recjson-map - vpc, device, group and binding as structs, and bindings back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "recjson-keys.h"
#include "vnep/err.h"
#include "vnep/ndjson.h"

static void get_text(const struct vnep_json *json, const char *key, char *out, size_t cap)
{
	const char *text = vnep_json_get_str(json, key, "");
	size_t n = strlen(text);

	if (n >= cap)
		n = cap - 1;
	memcpy(out, text, n);
	out[n] = 0;
}

static uint64_t get_u64(const struct vnep_json *json, const char *key, uint64_t otherwise)
{
	int64_t n = vnep_json_get_int(json, key, -1);

	return n < 0 ? otherwise : (uint64_t)n;
}

static int get_ip6(const struct vnep_json *json, const char *key, struct in6_addr *out, struct vnep_err *err)
{
	const char *text = vnep_json_get_str(json, key, NULL);

	return text ? vnep_ip6_parse(text, out, err) : 0;
}

static int get_addrs(const struct vnep_json *json, struct in6_addr *out, unsigned *count,
	struct vnep_err *err)
{
	const struct vnep_json *list = vnep_json_get(json, "addr");
	size_t n = vnep_json_count(list);

	if (n > VNEP_ADDR_COUNT_MAX)
		n = VNEP_ADDR_COUNT_MAX;
	for (size_t i = 0; i < n; i++) {
		const char *text = vnep_json_str(vnep_json_at(list, i));
		int rc = text ? vnep_ip6_parse(text, &out[i], err) : VNEP_EVALUE;

		if (rc)
			return rc;
	}
	*count = (unsigned)n;
	return 0;
}

static int by_length(const void *a, const void *b)
{
	const struct vnep_route *x = a, *y = b;

	return (int)y->to.len - (int)x->to.len;
}

static int decode_routes(const struct vnep_json *list, struct vnep_vpc *vpc, struct vnep_err *err)
{
	size_t n = vnep_json_count(list);

	if (!n)
		return 0;
	vpc->routes = calloc(n, sizeof *vpc->routes);
	if (!vpc->routes)
		return vnep_err_sys(err, ENOMEM, "routes");
	for (; vpc->route_count < n; vpc->route_count++) {
		const struct vnep_json *one = vnep_json_at(list, vpc->route_count);
		struct vnep_route *r = &vpc->routes[vpc->route_count];
		int rc = vnep_prefix_parse(vnep_json_get_str(one, "to", ""), &r->to, err);

		if (!rc)
			rc = vnep_ip6_parse(vnep_json_get_str(one, "next_hop", ""), &r->next_hop, err);
		if (rc)
			return rc;
	}
	qsort(vpc->routes, n, sizeof *vpc->routes, by_length);
	return 0;
}

int vnep_vpc_decode(const struct vnep_json *json, struct vnep_vpc *out, struct vnep_err *err)
{
	const struct vnep_json *quota = vnep_json_get(json, "quota");
	struct vnep_vpc v = { 0 };
	int rc = 0;

	get_text(json, "vpc", v.vpc, sizeof v.vpc);
	get_text(json, "core_port", v.core_port, sizeof v.core_port);
	v.core_vlan = (uint16_t)get_u64(json, "core_vlan", 0);
	v.quota_octets = get_u64(quota, "octets", 0);
	v.quota_reserved_octets = get_u64(quota, "reserved_octets", 0);
	v.revision = get_u64(json, "revision", 0);
	v.deleted = vnep_json_get_bool(json, "deleted", false);
	if (!v.deleted)
		rc = vnep_prefix_parse(vnep_json_get_str(json, "prefix", ""), &v.prefix, err);
	if (!rc)
		rc = decode_routes(vnep_json_get(json, "routes"), &v, err);
	if (rc)
		vnep_vpc_release(&v);
	else
		*out = v;
	return rc;
}

static int decode_allow(const struct vnep_json *list, struct vnep_device *d, struct vnep_err *err)
{
	size_t n = vnep_json_count(list);

	if (!n)
		return 0;
	d->allow = calloc(n, sizeof *d->allow);
	if (!d->allow)
		return vnep_err_sys(err, ENOMEM, "allow");
	for (; d->allow_count < n; d->allow_count++) {
		const struct vnep_json *one = vnep_json_at(list, d->allow_count);
		const struct vnep_json *ports = vnep_json_get(one, "ports");
		struct vnep_allow *a = &d->allow[d->allow_count];
		int rc = vnep_prefix_parse(vnep_json_get_str(one, "to", ""), &a->to, err);

		if (rc)
			return rc;
		recjson_proto_parse(vnep_json_get_str(one, "proto", ""), &a->proto);
		for (size_t i = 0; i < vnep_json_count(ports) && i < 8; i++)
			if (recjson_ports_parse(vnep_json_at(ports, i), &a->ports[i].first, &a->ports[i].last))
				a->port_count++;
	}
	return 0;
}

static int decode_groups(const struct vnep_json *list, struct vnep_device *d, struct vnep_err *err)
{
	size_t n = vnep_json_count(list);

	if (!n)
		return 0;
	d->groups = calloc(n, sizeof *d->groups);
	if (!d->groups)
		return vnep_err_sys(err, ENOMEM, "groups");
	for (; d->group_count < n; d->group_count++) {
		const char *text = vnep_json_str(vnep_json_at(list, d->group_count));

		if (text && strlen(text) <= VNEP_LABEL_MAX)
			memcpy(d->groups[d->group_count], text, strlen(text) + 1);
	}
	return 0;
}

/* The parts of a device that have objects of their own. */
static void decode_members(const struct vnep_json *json, struct vnep_device *d)
{
	const struct vnep_json *psm = vnep_json_get(json, "psm"), *dl = vnep_json_get(json, "dl_buffering");
	const struct vnep_json *replay = vnep_json_get(json, "replay");
	const char *mode = vnep_json_get_str(replay, "mode", "fast");
	const char *journal = vnep_json_get_str(json, "journal", NULL);

	d->has_psm = psm != NULL;
	d->t3324_s = (uint32_t)get_u64(psm, "t3324_s", 0);
	d->t3412_s = (uint32_t)get_u64(psm, "t3412_s", 0);
	d->dl_duration_s = (uint32_t)get_u64(dl, "duration_s", 0);
	d->dl_packet_count = (uint32_t)get_u64(dl, "packet_count", 0);
	d->dl_octets = get_u64(dl, "octets", 0);
	d->replay_mode = !strcmp(mode, "queue") ? VNEP_REPLAY_QUEUE
		: !strcmp(mode, "as-recorded")  ? VNEP_REPLAY_AS_RECORDED
						: VNEP_REPLAY_FAST;
	d->replay_pps = (uint32_t)get_u64(replay, "pps", 0);
	d->replay_keep = strcmp(vnep_json_get_str(replay, "keep", "all"), "last") ? VNEP_KEEP_ALL
										  : VNEP_KEEP_LAST;
	d->has_journal = journal != NULL;
	d->journal = d->has_psm ? VNEP_JOURNAL_BOTH : VNEP_JOURNAL_ASLEEP;
	if (journal && vnep_journal_mode_parse(journal) >= 0)
		d->journal = (enum vnep_journal_mode)vnep_journal_mode_parse(journal);
}

int vnep_device_decode(const struct vnep_json *json, struct vnep_device *out, struct vnep_err *err)
{
	const char *mac = vnep_json_get_str(json, "mac", NULL);
	struct vnep_device d = { 0 };
	int rc;

	get_text(json, "dev", d.dev, sizeof d.dev);
	get_text(json, "vpc", d.vpc, sizeof d.vpc);
	get_text(json, "port", d.port, sizeof d.port);
	get_text(json, "region", d.region, sizeof d.region);
	get_text(json, "name", d.name, sizeof d.name);
	d.form = strcmp(vnep_json_get_str(json, "form", "edge"), "host") ? VNEP_FORM_EDGE : VNEP_FORM_HOST;
	d.vlan = (uint16_t)get_u64(json, "vlan", 0);
	d.addr_max = (unsigned)get_u64(json, "addr_max", 4);
	d.consent = vnep_json_get_bool(json, "consent", true);
	d.revision = get_u64(json, "revision", 0);
	d.deleted = vnep_json_get_bool(json, "deleted", false);
	decode_members(json, &d);
	rc = get_ip6(json, "vep", &d.vep, err);
	d.has_mac = mac ? true : vnep_urn_mac(d.dev, &d.mac);
	if (!rc && mac)
		rc = vnep_mac_parse(mac, &d.mac, err);
	if (!rc)
		rc = get_addrs(json, d.addr, &d.addr_count, err);
	if (!rc)
		rc = decode_allow(vnep_json_get(json, "allow"), &d, err);
	if (!rc)
		rc = decode_groups(vnep_json_get(json, "groups"), &d, err);
	if (rc)
		vnep_device_release(&d);
	else
		*out = d;
	return rc;
}

int vnep_group_decode(const struct vnep_json *json, struct vnep_group *out, struct vnep_err *err)
{
	const struct vnep_json *list = vnep_json_get(json, "senders");
	size_t n = vnep_json_count(list);
	struct vnep_group g = { 0 };
	int rc;

	get_text(json, "group", g.group, sizeof g.group);
	g.port = (uint16_t)get_u64(json, "port", 0);
	g.revision = get_u64(json, "revision", 0);
	g.deleted = vnep_json_get_bool(json, "deleted", false);
	rc = get_ip6(json, "address", &g.address, err);
	if (!rc && n) {
		g.senders = calloc(n, sizeof *g.senders);
		rc = g.senders ? 0 : vnep_err_sys(err, ENOMEM, "senders");
	}
	for (; !rc && g.sender_count < n; g.sender_count++) {
		const char *text = vnep_json_str(vnep_json_at(list, g.sender_count));

		rc = text ? vnep_ip6_parse(text, &g.senders[g.sender_count], err) : VNEP_EVALUE;
	}
	if (rc)
		vnep_group_release(&g);
	else
		*out = g;
	return rc;
}

int vnep_binding_decode(const struct vnep_json *json, struct vnep_binding *out, struct vnep_err *err)
{
	const char *mac = vnep_json_get_str(json, "mac", NULL), *since = vnep_json_get_str(json, "since", NULL);
	struct vnep_binding b = { 0 };
	int rc = 0;

	get_text(json, "dev", b.dev, sizeof b.dev);
	get_text(json, "region", b.region, sizeof b.region);
	get_text(json, "edge", b.edge, sizeof b.edge);
	get_text(json, "port", b.port, sizeof b.port);
	b.epoch = get_u64(json, "epoch", 0);
	b.vlan = (uint16_t)get_u64(json, "vlan", 0);
	b.revision = get_u64(json, "revision", 0);
	b.deleted = vnep_json_get_bool(json, "deleted", false);
	if (mac)
		rc = vnep_mac_parse(mac, &b.mac, err);
	if (!rc && since)
		rc = vnep_wall_parse(since, &b.since, err);
	if (!rc)
		rc = get_addrs(json, b.addr, &b.addr_count, err);
	if (!rc)
		*out = b;
	return rc;
}

void vnep_binding_encode(struct vnep_buf *out, const struct vnep_binding *b)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "binding");
	vnep_jw_str(&w, "dev", b->dev);
	vnep_jw_opt_str(&w, "region", b->region);
	vnep_jw_opt_str(&w, "edge", b->edge);
	vnep_jw_u64(&w, "epoch", b->epoch);
	vnep_jw_opt_str(&w, "port", b->port);
	if (b->vlan)
		vnep_jw_u64(&w, "vlan", b->vlan);
	vnep_jw_mac(&w, "mac", &b->mac);
	vnep_jw_array(&w, "addr");
	for (unsigned i = 0; i < b->addr_count; i++)
		vnep_jw_ip6(&w, NULL, &b->addr[i]);
	vnep_jw_end_array(&w);
	if (b->since.ns)
		vnep_jw_ts(&w, "since", b->since);
	if (b->revision)
		vnep_jw_u64(&w, "revision", b->revision);
	vnep_jw_end_record(&w);
}
