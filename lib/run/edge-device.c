/*
 * edge-device - the devices that this edge has to do with, and their lives.
 *
 * A device is read from the map when somebody first asks for it. What it is bound to is a binding record in the
 * map; what it missed is in the journal; whether the kernel believes it awake is membership in @awake.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

bool edge_device_has_addr(const struct edge_device *d, const struct in6_addr *addr)
{
	for (unsigned i = 0; i < d->addr_count; i++)
		if (vnep_ip6_equal(&d->addr[i], addr))
			return true;
	return false;
}

static struct edge_l3 *l3_of(struct vnep_edge *edge, const struct edge_port *port, uint16_t vlan,
	const struct in6_addr *addr)
{
	struct edge_l3_key key = { *addr, port->index, vlan };

	return vnep_table_get(&edge->by_l3, &key);
}

struct edge_device *edge_device_by_l3(struct vnep_edge *edge, const struct edge_port *port,
	uint16_t vlan, const struct in6_addr *addr)
{
	struct edge_l3 *l3 = l3_of(edge, port, vlan, addr);

	return l3 ? l3->device : NULL;
}

static void l3_release(struct vnep_edge *edge, struct edge_device *d)
{
	for (unsigned i = 0; d->port && i < d->addr_count; i++) {
		struct edge_l3 *l3 = l3_of(edge, d->port, d->l2.vlan, &d->addr[i]);

		if (l3 && l3->device == d) {
			vnep_table_remove(&edge->by_l3, l3);
			free(l3);
		}
	}
}

static int l3_claim(struct vnep_edge *edge, struct edge_device *d)
{
	for (unsigned i = 0; i < d->addr_count; i++) {
		struct edge_l3 *l3;

		if (l3_of(edge, d->port, d->l2.vlan, &d->addr[i]))
			continue;
		l3 = calloc(1, sizeof *l3);
		if (!l3)
			return -ENOMEM;
		l3->key = (struct edge_l3_key){ d->addr[i], d->port->index, d->l2.vlan };
		l3->device = d;
		if (vnep_table_put(&edge->by_l3, l3)) {
			free(l3);
			return -ENOMEM;
		}
	}
	return 0;
}

/* What the record says; allow moves over. */
static void take_record(struct edge_device *d, struct vnep_device *r)
{
	memcpy(d->dev, r->dev, sizeof d->dev);
	memcpy(d->vpc, r->vpc, sizeof d->vpc);
	memcpy(d->home_port, r->port, sizeof d->home_port);
	d->form = r->form;
	d->fixed_addr = r->addr_count > 0;
	d->addr_max = (uint8_t)r->addr_max;
	d->has_psm = r->has_psm;
	d->t3324_s = r->t3324_s;
	d->t3412_s = r->t3412_s;
	d->journal = r->journal;
	d->dl_duration_s = r->dl_duration_s;
	d->dl_packet_count = r->dl_packet_count;
	d->dl_octets = r->dl_octets;
	d->replay_pps = r->replay_pps;
	d->replay_mode = r->replay_mode;
	d->replay_keep = r->replay_keep;
	free(d->allow);
	d->allow = r->allow;
	d->allow_count = r->allow_count;
	r->allow = NULL;
	r->allow_count = 0;
	if (d->fixed_addr && !d->bound) {
		memcpy(d->addr, r->addr, sizeof d->addr);
		d->addr_count = r->addr_count;
	}
}

/* Fixed addresses: no others; of form host just these, the kernel has a pair of each. */
static bool may_have(const struct vnep_device *record, const struct in6_addr *addr, unsigned count)
{
	if (record->form == VNEP_FORM_HOST)
		return record->addr_count == count &&
		       !memcmp(record->addr, addr, count * sizeof *addr);
	for (unsigned i = 0; record->addr_count && i < count; i++) {
		unsigned r = 0;

		while (r < record->addr_count && !vnep_ip6_equal(&record->addr[r], &addr[i]))
			r++;
		if (r == record->addr_count)
			return false;
	}
	return true;
}

bool edge_binding_counts(struct vnep_edge *edge, const struct vnep_device *record,
	const struct vnep_binding *binding)
{
	if (!edge_port_by_name(edge, binding->port) ||
		(record->port[0] && strcmp(record->port, binding->port) != 0) ||
		binding->vlan != record->vlan || !vnep_mac_equal(&binding->mac, &record->mac))
		return false;
	return may_have(record, binding->addr, binding->addr_count);
}

static void take_binding(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_binding *b)
{
	d->port = edge_port_by_name(edge, b->port);
	d->bound = true;
	d->epoch = b->epoch;
	d->bound_since = b->since;
	memcpy(d->addr, b->addr, sizeof d->addr);
	d->addr_count = b->addr_count;
	d->life = VNEP_LIFE_ASLEEP;
}

void edge_device_reload(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_journal_device j;
	struct vnep_err err = { 0 };
	bool more;
	int rc = vnep_journal_device(edge->journal, d->dev, &j, &err);

	if (rc == VNEP_ENOTFOUND) { /* also what was counted with a group that failed */
		d->pending = d->pending_octets = 0;
		edge_uplink_counts(edge, d, 0, 0);
	}
	if (rc)
		return;
	d->conn = j.conn;
	d->pending = j.pending - j.held;
	d->pending_octets = j.pending_octets - j.held_octets;
	more = j.held > d->uplink;
	edge_uplink_counts(edge, d, j.held, j.held_octets);
	if (d->uplink)
		edge_uplink_enter(edge, d);
	if (more)
		edge_uplink_lost(edge);
	d->head_seq = j.head_seq;
	d->resume_seq = j.synced_seq;
	if (j.life_ts.ns > d->last_seen.ns)
		d->last_seen = j.life_ts;
}

static void unlink_owed(struct vnep_edge *edge, struct edge_device *d)
{
	struct edge_device **p = &edge->owed_first;

	while (*p && *p != d)
		p = &(*p)->owed_link;
	if (*p)
		*p = d->owed_link;
}

static void forget(struct vnep_edge *edge, struct edge_device *d)
{
	unlink_owed(edge, d);
	edge_mld_gone(edge, d);
	edge_uplink_leave(edge, d);
	edge_uplink_counts(edge, d, 0, 0);
	edge_replay_stop(edge, d);
	vnep_heap_remove(&edge->silences, &d->silence);
	vnep_heap_remove(&edge->overdue, &d->overdue);
	l3_release(edge, d);
	edge_host_leave(edge, d);
	vnep_table_remove(&edge->by_vep, d);
	vnep_table_remove(&edge->by_dev, d);
	if (d->has_mac)
		vnep_table_remove(&edge->by_mac, d);
	edge_pace_end(edge, d);
	edge->lives[d->life]--;
	free(d->allow);
	edge_expect_nothing(d);
	free(d);
}

static int enter(struct vnep_edge *edge, struct edge_device *d)
{
	edge->lives[d->life]++;
	if (vnep_table_put(&edge->by_vep, d) || vnep_table_put(&edge->by_dev, d))
		return -ENOMEM;
	if (d->has_mac && !vnep_table_get(&edge->by_mac, &d->l2) &&
		vnep_table_put(&edge->by_mac, d))
		return -ENOMEM;
	if (edge_host_enter(edge, d))
		return -ENOMEM;
	return d->bound ? l3_claim(edge, d) : 0;
}

static struct edge_device *load(struct vnep_edge *edge, struct vnep_map_txn *txn, const char *dev)
{
	struct vnep_device record = { 0 };
	struct vnep_binding binding;
	struct vnep_err err = { 0 };
	struct edge_device *d;
	bool bound = false;
	int rc;

	rc = vnep_map_get_device(txn, dev, &record, &err);
	if (rc && rc != VNEP_ENOTFOUND) /* a device that is new was not there before */
		edge_warn(edge, "map", &err);
	if (rc)
		return NULL;
	d = vnep_table_get(&edge->by_vep, &record.vep);
	if (d) {
		vnep_device_release(&record);
		return d;
	}
	d = calloc(1, sizeof *d);
	if (d) {
		d->vep = record.vep;
		d->has_mac = record.has_mac;
		d->l2 = (struct edge_l2){ record.mac, record.vlan };
		if (!vnep_map_get_binding(txn, dev, &binding, NULL) &&
			edge_binding_counts(edge, &record, &binding))
			bound = true;
		take_record(d, &record);
		if (bound)
			take_binding(edge, d, &binding);
		if (enter(edge, d)) {
			forget(edge, d);
			d = NULL;
		}
	}
	vnep_device_release(&record);
	if (d)
		edge_device_reload(edge, d);
	return d;
}

struct edge_device *edge_device_by_vep(struct vnep_edge *edge, const struct in6_addr *vep)
{
	struct edge_device *d = vnep_table_get(&edge->by_vep, vep);
	char dev[VNEP_URN_MAX + 1];
	struct vnep_map_txn *txn;

	if (d || vnep_map_begin(edge->map, false, &txn, NULL))
		return d;
	if (!vnep_map_by_vep(txn, vep, dev))
		d = load(edge, txn, dev);
	vnep_map_abort(txn);
	return d;
}

struct edge_device *edge_device_by_dev(struct vnep_edge *edge, const char *dev)
{
	char key[VNEP_URN_MAX + 1] = ""; /* the table compares all of it */
	struct edge_device *d;
	struct vnep_map_txn *txn;

	snprintf(key, sizeof key, "%s", dev);
	d = vnep_table_get(&edge->by_dev, key);
	if (d || vnep_map_begin(edge->map, false, &txn, NULL))
		return d;
	d = load(edge, txn, key);
	vnep_map_abort(txn);
	return d;
}

struct edge_device *edge_device_by_mac(
	struct vnep_edge *edge, const struct vnep_mac *mac, uint16_t vlan)
{
	struct edge_l2 key = { *mac, vlan };
	struct edge_device *d = vnep_table_get(&edge->by_mac, &key);
	char dev[VNEP_URN_MAX + 1];
	struct vnep_map_txn *txn;

	if (d || vnep_map_begin(edge->map, false, &txn, NULL))
		return d;
	if (!vnep_map_by_mac(txn, mac, vlan, dev))
		d = load(edge, txn, dev);
	vnep_map_abort(txn);
	return d;
}

bool edge_device_mac_known(struct vnep_edge *edge, const struct vnep_mac *mac)
{
	struct vnep_map_txn *txn;
	bool known;

	if (vnep_map_begin(edge->map, false, &txn, NULL))
		return false;
	known = vnep_map_has_mac(txn, mac);
	vnep_map_abort(txn);
	return known;
}

static void binding_of(
	const struct vnep_edge *edge, const struct edge_device *d, struct vnep_binding *b)
{
	*b = (struct vnep_binding){ .epoch = d->epoch,
		.vlan = d->l2.vlan,
		.mac = d->l2.mac,
		.addr_count = d->addr_count,
		.since = d->bound_since };
	memcpy(b->dev, d->dev, sizeof b->dev);
	memcpy(b->region, edge->config.region, sizeof b->region);
	memcpy(b->edge, edge->config.name, sizeof b->edge);
	memcpy(b->port, d->port->name, sizeof b->port);
	memcpy(b->addr, d->addr, sizeof b->addr);
}

static int store_binding(
	struct vnep_map_txn *txn, const struct vnep_binding *b, struct vnep_err *err)
{
	const struct vnep_map_put how = { .as_edge = true, .origin = b->edge };
	struct vnep_json *json = NULL;
	struct vnep_buf line = { 0 };
	bool changed;
	int rc;

	vnep_binding_encode(&line, b);
	rc = line.rc ? line.rc : vnep_json_parse((const char *)line.data, line.len, &json, err);
	if (!rc)
		rc = vnep_recjson_check(json, NULL, 0, err);
	if (!rc)
		rc = vnep_map_put(txn, json, &how, &changed, err);
	vnep_json_free(json);
	vnep_buf_release(&line);
	return rc;
}

/* Kernel first, then the map: after a crash in between the start makes the kernel follow the map. Where the map cannot
 * be written, the kernel gets back what it had. */
static int install(struct vnep_edge *edge, struct edge_device *d, const struct edge_device *before,
	struct vnep_err *err)
{
	struct vnep_device record = { 0 };
	struct vnep_map_txn *txn = NULL;
	struct vnep_binding binding, old = { 0 };
	bool set;
	int rc;

	binding_of(edge, d, &binding);
	rc = vnep_map_begin(edge->map, true, &txn, err);
	if (!rc)
		rc = vnep_map_get_device(txn, d->dev, &record, err);
	if (!rc)
		rc = vnep_acl_device_set(edge->acl, &record, &binding, err);
	set = !rc;
	if (!rc)
		rc = store_binding(txn, &binding, err);
	if (!rc)
		rc = vnep_map_commit(txn, err);
	else
		vnep_map_abort(txn);
	if (rc && set) {
		if (before->bound)
			binding_of(edge, before, &old);
		vnep_acl_device_set(edge->acl, &record, &old, NULL);
	}
	vnep_device_release(&record);
	return rc;
}

void edge_device_reorder(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_err err = { 0 };

	if (install(edge, d, d, &err))
		edge_warn(edge, "addresses", &err);
}

int edge_device_bind(struct vnep_edge *edge, struct edge_device *d, struct edge_port *port,
	const struct in6_addr *addr, struct vnep_err *err)
{
	struct edge_device before;
	int rc;

	if (d->bound && d->port == port && edge_device_has_addr(d, addr))
		return 0;
	if (d->bound && d->port != port) /* its neighbour is at the old one */
		edge_device_event(edge, d, VNEP_LIFE_DOWN, VNEP_CAUSE_HANDOVER, vnep_wall_now());
	before = *d;
	l3_release(edge, d);
	if (d->bound && d->port != port && !d->fixed_addr)
		d->addr_count = 0; /* another link, other addresses */
	if (!d->fixed_addr)
		edge_addr_add(d, addr);
	d->port = port;
	d->bound_since = vnep_wall_now();
	d->epoch++;
	rc = install(edge, d, &before, err);
	if (rc) { /* as if it had never asked */
		d->port = before.port;
		d->addr_count = before.addr_count;
		memcpy(d->addr, before.addr, sizeof d->addr);
		memcpy(d->addr_packets, before.addr_packets, sizeof d->addr_packets);
		d->bound_since = before.bound_since;
		d->epoch = before.epoch;
	}
	if (d->port && (rc == 0 || d->bound) && l3_claim(edge, d) && !rc)
		rc = vnep_err_sys(err, ENOMEM, "device %s", d->dev);
	if (rc)
		return rc;
	if (before.port != port)
		edge_mld_gone(edge, d);
	if (!d->bound)
		edge_say(edge, LOG_INFO, "device: %s attached at %s", d->dev, port->name);
	d->bound = true;
	edge_addr_begin(edge, d);
	edge_announce(edge, d);
	return 0;
}

static bool is_other(const struct edge_device *d, const struct vnep_device *record)
{
	return !vnep_ip6_equal(&d->vep, &record->vep) || record->has_mac != d->has_mac ||
	       !vnep_mac_equal(&record->mac, &d->l2.mac) || record->vlan != d->l2.vlan ||
	       record->form != d->form ||
	       (d->bound && record->port[0] && strcmp(record->port, d->port->name) != 0) ||
	       ((d->bound || d->form == VNEP_FORM_HOST) &&
		       !may_have(record, d->addr, d->addr_count));
}

static void deregister(struct vnep_edge *edge, struct edge_device *d)
{
	edge_device_event(edge, d, VNEP_LIFE_DOWN, VNEP_CAUSE_DEREGISTERED, vnep_wall_now());
	edge_journal_give_up(edge, d);
	edge_group_end(edge);
	vnep_acl_device_unset(edge->acl, &d->vep, NULL);
	forget(edge, d);
}

/* No preload, see load_device in edge.c. */
static int set_kernel(struct vnep_edge *edge, struct vnep_device *record,
	const struct vnep_binding *binding, struct vnep_err *err)
{
	static const struct vnep_binding nowhere = { 0 };
	struct edge_device *d;
	int rc = vnep_acl_device_set(edge->acl, record, binding ? binding : &nowhere, err);

	if (rc != VNEP_EVALUE)
		return rc;
	edge_warn(edge, "not served",
		err); /* kept in the map, and nobody else's changes wait for it */
	d = vnep_table_get(&edge->by_vep, &record->vep);
	if (d) { /* nor does it go on by its old record */
		edge_device_event(edge, d, VNEP_LIFE_DOWN, VNEP_CAUSE_ADMIN, vnep_wall_now());
		edge_mld_gone(edge, d);
		l3_release(edge, d);
		d->bound = false;
		d->port = NULL;
	}
	vnep_acl_device_unset(edge->acl, &record->vep, NULL);
	return 0;
}

int edge_device_left(struct vnep_edge *edge, const char *dev, const struct in6_addr *was,
	bool kernel, struct vnep_err *err)
{
	char key[VNEP_URN_MAX + 1] = "", holder[VNEP_URN_MAX + 1];
	struct vnep_device record = { 0 };
	struct vnep_map_txn *txn;
	struct edge_device *d;
	bool gone, held;
	int rc;

	snprintf(key, sizeof key, "%s", dev);
	d = vnep_table_get(&edge->by_dev, key);
	if (!d && !kernel)
		return 0;
	rc = vnep_map_begin(edge->map, false, &txn, err);
	if (rc)
		return rc;
	rc = vnep_map_get_device(txn, dev, &record, err);
	gone = rc == VNEP_ENOTFOUND;
	held = !vnep_map_by_vep(txn, was, holder);
	vnep_map_abort(txn);
	if (rc && !gone)
		return rc;
	if (d && (gone || is_other(d, &record)))
		deregister(edge, d);
	else if (gone && kernel && !held)
		vnep_acl_device_unset(edge->acl, was, NULL);
	vnep_device_release(&record);
	return 0;
}

int edge_device_changed(struct vnep_edge *edge, const char *dev, bool kernel, struct vnep_err *err)
{
	char key[VNEP_URN_MAX + 1] = "";
	struct vnep_device record = { 0 };
	struct vnep_binding binding;
	struct vnep_map_txn *txn;
	struct edge_device *d;
	bool bound;
	int rc;

	snprintf(key, sizeof key, "%s", dev);
	if (!kernel && !vnep_table_get(&edge->by_dev, key))
		return 0;
	rc = vnep_map_begin(edge->map, false, &txn, err);
	if (rc)
		return rc;
	rc = vnep_map_get_device(txn, dev, &record, err);
	bound = !rc && !vnep_map_get_binding(txn, dev, &binding, NULL) &&
		edge_binding_counts(edge, &record, &binding);
	vnep_map_abort(txn);
	if (rc)
		return rc == VNEP_ENOTFOUND ? 0 : rc; /* it left */
	edge_vlan_used(edge, record.vlan);
	if (kernel)
		rc = set_kernel(edge, &record, bound ? &binding : NULL, err);
	d = vnep_table_get(&edge->by_dev, key);
	if (d) {
		bool slept = d->has_psm;

		if (strcmp(d->vpc, record.vpc) != 0) { /* it was for hosts of the other */
			edge_journal_give_up_held(edge, d, VNEP_NOT_REPLAYABLE);
			edge_group_end(edge);
		}
		take_record(d, &record);
		edge_mld_changed(edge, d);
		if (!slept && d->life == VNEP_LIFE_AWAKE && d->has_psm)
			edge_device_arm(
				edge, d, vnep_mono_now()); /* from now on its silence counts */
	}
	vnep_device_release(&record);
	return rc;
}

void edge_device_status(struct vnep_edge *edge, struct edge_device *d, struct vnep_status *out)
{
	*out = (struct vnep_status){ .ts = vnep_wall_now(),
		.vep = d->vep,
		.state = vnep_life_presence(d->life),
		.conn = d->conn,
		.since = d->since,
		.last_seen = d->last_seen,
		.next_expected = d->next_expected,
		.vlan = d->l2.vlan,
		.has_mac = d->has_mac,
		.mac = d->l2.mac,
		.addr_count = d->bound ? d->addr_count : 0,
		.resume_seq = d->resume_seq,
		.head_seq = d->head_seq,
		.pending = d->pending,
		.pending_octets = d->pending_octets,
		.held = d->uplink,
		.held_octets = d->uplink_octets,
		.has_counts = true,
		.accepted = d->accepted,
		.dropped = d->dropped };
	out->has_eta = edge_pace_eta(edge, d, &out->eta_s);
	memcpy(out->dev, d->dev, sizeof out->dev);
	memcpy(out->region, edge->config.region, sizeof out->region);
	memcpy(out->edge, edge->config.name, sizeof out->edge);
	memcpy(out->addr, d->addr, sizeof out->addr);
	if (d->port)
		memcpy(out->port, d->port->name, sizeof out->port);
}

void edge_devices_release(struct vnep_edge *edge)
{
	struct edge_device *d;

	for (size_t i = 0; (d = vnep_table_next(&edge->by_vep, &i)); i = 0)
		forget(edge, d);
	vnep_table_release(&edge->by_vep);
	vnep_table_release(&edge->by_dev);
	vnep_table_release(&edge->by_mac);
	vnep_table_release(&edge->by_l3);
	vnep_table_release(&edge->by_addr);
	vnep_heap_release(&edge->silences);
	vnep_heap_release(&edge->overdue);
}
