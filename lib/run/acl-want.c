/* acl-want - the wanted state, record by record. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

void acl_wants_release(struct vnep_acl *acl)
{
	struct acl_device *d;

	acl_spool_free(acl->spool);
	acl_spool_free(acl->settled);
	for (size_t i = 0; (d = vnep_table_next(&acl->devices, &i));) {
		free(d->more);
		free(d);
	}
	vnep_table_release(&acl->devices);
	vnep_table_release(&acl->by_mac);
	vnep_acl_groups_forget(acl);
	acl_interned_release(acl);
}

static int no_memory(struct vnep_err *err)
{
	return vnep_err_sys(err, ENOMEM, "the wanted state");
}

/* Is this address on the VPC's link: in its prefix, or of the link alone? */
static bool on_link(const struct vnep_vpc *vpc, const struct in6_addr *addr)
{
	return IN6_IS_ADDR_LINKLOCAL(addr) || vnep_prefix_has(&vpc->prefix, addr);
}

/* A next hop that is in no prefix of the port can mean another router in every VLAN. */
static int check_routes(const struct vnep_vpc *vpc, struct vnep_err *err)
{
	char text[VNEP_IP6_LEN];

	for (size_t i = 0; vpc->core_vlan && i < vpc->route_count; i++) {
		if (on_link(vpc, &vpc->routes[i].next_hop))
			continue;
		vnep_ip6_print(&vpc->routes[i].next_hop, text);
		return vnep_err_set(err, VNEP_EVALUE,
			"vpc \"%s\": next_hop %s is neither link-local nor in its prefix: in VLAN "
			"%u "
			"nobody can tell whose it is",
			vpc->vpc, text, vpc->core_vlan);
	}
	return 0;
}

/* A next hop of from that lies on the link of the other VPC. The kernel knows a neighbour by its address alone. */
static int check_next_hops(
	const struct vnep_vpc *from, const struct vnep_vpc *to, struct vnep_err *err)
{
	char text[VNEP_IP6_LEN];

	for (size_t i = 0; i < from->route_count; i++) {
		if (!vnep_prefix_has(&to->prefix, &from->routes[i].next_hop))
			continue;
		vnep_ip6_print(&from->routes[i].next_hop, text);
		return vnep_err_set(err, VNEP_EVALUE,
			"vpc \"%s\": next_hop %s lies in the prefix of vpc \"%s\", which has "
			"another "
			"core VLAN: take its link-local address",
			from->vpc, text, to->vpc);
	}
	return 0;
}

/* Who may talk to an endpoint is decided by prefixes: two VPCs cannot share one. */
static int check_prefix(
	const struct vnep_acl *acl, const struct vnep_vpc *vpc, struct vnep_err *err)
{
	for (size_t i = 0; i < acl->vpc_count; i++) {
		const struct vnep_vpc *o = &acl->vpcs[i].vpc;
		const struct vnep_prefix *wide =
			o->prefix.len < vpc->prefix.len ? &o->prefix : &vpc->prefix;

		int rc = 0;

		if (!acl->vpcs[i].defined || !strcmp(o->vpc, vpc->vpc) ||
			o->core_vlan == vpc->core_vlan)
			continue;
		rc = check_next_hops(vpc, o, err);
		if (!rc)
			rc = check_next_hops(o, vpc, err);
		if (rc)
			return rc;
		if (vnep_prefix_has(wide, wide == &o->prefix ? &vpc->prefix.addr : &o->prefix.addr))
			return vnep_err_set(err, VNEP_EVALUE,
				"vpc \"%s\" and vpc \"%s\" have addresses in common, in core "
				"VLANs %u and %u: one of them needs another prefix",
				vpc->vpc, o->vpc, vpc->core_vlan, o->core_vlan);
	}
	return 0;
}

/* A tag can be changed, not put on or taken off: a device and its VPC have one, or neither has. */
static int check_sides(
	const char *dev, bool tagged, const struct vnep_vpc *vpc, struct vnep_err *err)
{
	if (tagged == (vpc->core_vlan != 0))
		return 0;
	if (tagged)
		vnep_err_set(err, VNEP_EVALUE, "%s has a vlan, but its vpc \"%s\" has no core_vlan",
			dev, vpc->vpc);
	else
		vnep_err_set(err, VNEP_EVALUE,
			"%s has no vlan, but its vpc \"%s\" has core_vlan %u", dev, vpc->vpc,
			vpc->core_vlan);
	vnep_err_hint(err, "tags are changed, not put on or taken off: both sides are tagged, or "
			   "neither is");
	return VNEP_EVALUE;
}

/* As whom the edge speaks: an endpoint without a device, so that what devices answer goes where all goes that no device
 * takes: by the journal port to the worker. */
static int want_speaker(
	struct vnep_acl *acl, const struct vnep_vpc *vpc, bool wanted, struct vnep_err *err)
{
	static const struct vnep_binding nowhere = { 0 };
	struct vnep_device speaker = {
		.vep = vpc->speaker, .vlan = vpc->core_vlan, .deleted = !wanted
	};

	if (IN6_IS_ADDR_UNSPECIFIED(&vpc->speaker))
		return 0;
	memcpy(speaker.vpc, vpc->vpc, sizeof speaker.vpc);
	snprintf(speaker.dev, sizeof speaker.dev, "the speaker of vpc \"%s\"", vpc->vpc);
	return vnep_acl_want_device(acl, &speaker, &nowhere, err);
}

int vnep_acl_want_vpc(struct vnep_acl *acl, const struct vnep_vpc *vpc, struct vnep_err *err)
{
	struct vnep_route *routes = NULL;
	struct acl_vpc *slot;
	uint32_t i;

	int rc = 0;

	if (!vpc->deleted && vpc->core_port[0] && strcmp(vpc->core_port, acl->config.core))
		return vnep_err_set(err, VNEP_EVALUE,
			"vpc \"%s\": core_port \"%s\" is not this edge's (\"%s\")", vpc->vpc,
			vpc->core_port, acl->config.core);
	if (!vpc->deleted)
		rc = check_routes(vpc, err);
	if (!vpc->deleted && !rc)
		rc = check_prefix(acl, vpc, err);
	if (rc)
		return rc;
	if (vpc->route_count) {
		routes = reallocarray(NULL, vpc->route_count, sizeof *routes);
		if (!routes)
			return no_memory(err);
		memcpy(routes, vpc->routes, vpc->route_count * sizeof *routes);
	}
	i = acl_vpc_slot(acl, vpc->vpc);
	if (i == ACL_NONE) {
		free(routes);
		return no_memory(err);
	}
	slot = &acl->vpcs[i];
	if (slot->defined)
		rc = want_speaker(acl, &slot->vpc, false, err);
	for (int tagged = 0; tagged < 2 && !vpc->deleted && !rc; tagged++)
		if (slot->side[tagged].users)
			rc = check_sides(slot->side[tagged].first, tagged, vpc, err);
	if (rc) {
		free(routes);
		if (slot->defined)
			want_speaker(acl, &slot->vpc, true, NULL);
		return rc;
	}
	free(slot->vpc.routes);
	slot->vpc = *vpc;
	slot->vpc.routes = routes;
	slot->defined = !vpc->deleted;
	acl->built = false;
	return vpc->deleted ? 0 : want_speaker(acl, vpc, true, err);
}

/* The VPC of a device: the one it names, or the narrowest whose prefix has its endpoint. */
static int device_vpc(
	struct vnep_acl *acl, const struct vnep_device *device, uint32_t *out, struct vnep_err *err)
{
	char vep[VNEP_IP6_LEN];
	struct acl_side *side;

	*out = ACL_NONE;
	if (device->vpc[0]) {
		*out = acl_vpc_slot(acl, device->vpc);
		if (*out == ACL_NONE)
			return no_memory(err);
	} else {
		for (size_t i = 0; i < acl->vpc_count; i++) {
			const struct acl_vpc *v = &acl->vpcs[i];

			if (v->defined && vnep_prefix_has(&v->vpc.prefix, &device->vep) &&
				(*out == ACL_NONE ||
					v->vpc.prefix.len > acl->vpcs[*out].vpc.prefix.len))
				*out = (uint32_t)i;
		}
		vnep_ip6_print(&device->vep, vep);
		if (*out == ACL_NONE)
			return vnep_err_set(err, VNEP_EVALUE,
				"%s: no vpc record before it has a prefix with %s in it",
				device->dev, vep);
	}
	if (acl->vpcs[*out].defined &&
		check_sides(device->dev, device->vlan != 0, &acl->vpcs[*out].vpc, err))
		return VNEP_EVALUE;
	side = &acl->vpcs[*out].side[device->vlan != 0];
	if (!side->users)
		snprintf(side->first, sizeof side->first, "%s", device->dev);
	return 0;
}

static uint8_t port_slot(const struct vnep_acl *acl, const char *port)
{
	for (unsigned i = 0; i < acl->config.access_count; i++)
		if (!strcmp(acl->config.access[i], port))
			return (uint8_t)i;
	return ACL_PORT_NONE; /* of another edge: here the device is only an endpoint */
}

static int copy_addresses(
	struct acl_device *d, const struct in6_addr *addr, unsigned count, unsigned latest)
{
	if (count > 1) {
		d->more = reallocarray(NULL, count - 1, sizeof *d->more);
		if (!d->more)
			return -ENOMEM;
	}
	d->addr = addr[latest];
	for (unsigned i = 0; i < count; i++)
		if (i != latest)
			d->more[d->more_count++] = addr[i];
	return 0;
}

static int device_binding(struct vnep_acl *acl, struct acl_device *d,
	const struct vnep_device *device, const struct vnep_binding *binding, struct vnep_err *err)
{
	int rc = 0;

	if (binding && binding->addr_count) {
		d->port = port_slot(acl, binding->port);
		d->mac = binding->mac;
		d->has_mac = true;
		if (d->port != ACL_PORT_NONE)
			rc = copy_addresses(
				d, binding->addr, binding->addr_count, binding->addr_count - 1);
	} else if (!binding && device->addr_count && device->has_mac) {
		d->port = device->port[0] ? port_slot(acl, device->port) : ACL_PORT_ANY;
		if (d->port != ACL_PORT_NONE)
			rc = copy_addresses(d, device->addr, device->addr_count, 0);
	}
	if (!rc && d->port == ACL_PORT_NONE &&
		d->host) /* what waits for it is known by both ends */
		rc = copy_addresses(d, device->addr, device->addr_count, 0);
	if (rc)
		return no_memory(err);
	if (d->port == ACL_PORT_NONE)
		return 0;
	d->lane = acl_lane_slot(
		acl, (struct acl_lane_key){ .port = d->port == ACL_PORT_ANY ? 0 : d->port,
			     .vlan = d->vlan,
			     .host = d->host,
			     .tap = device->journal == VNEP_JOURNAL_BOTH });
	if (d->lane == ACL_NONE)
		return no_memory(err);
	return acl_class_slot(acl, d->vpc, device, &d->class, err);
}

static void device_free(struct acl_device *d)
{
	if (d)
		free(d->more);
	free(d);
}

static int device_new(struct vnep_acl *acl, const struct vnep_device *device,
	const struct vnep_binding *binding, struct acl_device **out, struct vnep_err *err)
{
	struct acl_device *d;
	int rc;

	if (device->form == VNEP_FORM_HOST && !device->addr_count)
		return vnep_err_set(err, VNEP_EVALUE,
			"%s: form \"host\" needs a fixed addr: the host of the VPC has a route to "
			"it",
			device->dev);
	d = calloc(1, sizeof *d);
	if (!d)
		return no_memory(err);
	d->vep = device->vep;
	d->class = d->lane = ACL_NONE;
	d->host = device->form == VNEP_FORM_HOST;
	d->vlan = device->vlan;
	d->port = ACL_PORT_NONE;
	d->has_mac = device->has_mac;
	d->mac = device->mac;
	rc = device_vpc(acl, device, &d->vpc, err);
	if (!rc)
		rc = device_binding(acl, d, device, binding, err);
	if (rc) {
		device_free(d);
		return rc;
	}
	*out = d;
	return 0;
}

/* Devices of one MAC, in different VLANs, hang together in a list whose first is in the table. */
static int mac_enter(struct vnep_acl *acl, struct acl_device *d)
{
	struct acl_device *first = d->has_mac ? vnep_table_get(&acl->by_mac, &d->mac) : NULL;

	if (!d->has_mac)
		return 0;
	if (!first)
		return vnep_table_put(&acl->by_mac, d);
	d->same_mac = first->same_mac;
	first->same_mac = d;
	return 0;
}

static void mac_leave(struct vnep_acl *acl, struct acl_device *d)
{
	struct acl_device *first = d->has_mac ? vnep_table_get(&acl->by_mac, &d->mac) : NULL;

	if (!first)
		return;
	if (first != d) {
		while (first->same_mac != d)
			first = first->same_mac;
		first->same_mac = d->same_mac;
		return;
	}
	vnep_table_remove(&acl->by_mac, d);
	if (d->same_mac)
		vnep_table_put(&acl->by_mac, d->same_mac); /* in the place that became free */
}

static void device_forget(struct vnep_acl *acl, struct acl_device *d)
{
	vnep_table_remove(&acl->devices, d);
	mac_leave(acl, d);
	acl_use(acl, d, -1);
	device_free(d);
}

/* Takes d, whose use is counted; on an error, too. */
static int enter(struct vnep_acl *acl, struct acl_device *d, struct vnep_err *err)
{
	struct acl_device *old = vnep_table_get(&acl->devices, &d->vep);
	int rc;

	if (old)
		device_forget(acl, old);
	rc = vnep_table_put(&acl->devices, d);
	if (!rc && mac_enter(acl, d)) {
		vnep_table_remove(&acl->devices, d);
		rc = -ENOMEM;
	}
	if (!rc)
		return 0;
	acl_use(acl, d, -1);
	device_free(d);
	return no_memory(err);
}

int acl_device_enter(struct vnep_acl *acl, const struct acl_device *d, struct vnep_err *err)
{
	struct acl_device *copy = malloc(sizeof *copy);

	if (!copy)
		return no_memory(err);
	*copy = *d;
	copy->more = d->more_count ? reallocarray(NULL, d->more_count, sizeof *d->more) : NULL;
	if (d->more_count && !copy->more) {
		free(copy);
		return no_memory(err);
	}
	if (copy->more)
		memcpy(copy->more, d->more, d->more_count * sizeof *d->more);
	return enter(acl, copy, err);
}

static int forget(struct vnep_acl *acl, const struct in6_addr *vep, struct vnep_err *err)
{
	int rc = acl_spool_settle(acl, err);
	struct acl_device *old = rc ? NULL : vnep_table_get(&acl->devices, vep);

	if (old)
		device_forget(acl, old);
	return rc;
}

void vnep_acl_want_place(struct vnep_acl *acl, const char *file, unsigned line)
{
	acl->place_file = file;
	acl->place_line = line;
}

int vnep_acl_want_device(struct vnep_acl *acl, const struct vnep_device *device,
	const struct vnep_binding *binding, struct vnep_err *err)
{
	struct acl_device *d = NULL;
	int rc;

	if (device->deleted)
		return forget(acl, &device->vep, err);
	rc = device_new(acl, device, binding, &d, err);
	if (rc)
		return rc;
	acl_use(acl, d, +1); /* before an old one lets go: what they share stays */
	if (!acl->spool)
		return enter(acl, d, err);
	rc = acl_spool_put(acl, d, err);
	if (rc)
		acl_use(acl, d, -1);
	device_free(d);
	return rc;
}
