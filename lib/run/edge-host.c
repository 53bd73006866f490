/*
 * edge-host - devices of form `host`: their endpoint V is a machine of the VPC, and the edge joins it to the device.
 *
 * Nothing is rewritten: packets go from L to V and from V to L, and nowhere else. On the VPC link the edge answers for
 * L, so that V needs no more than a route to it over that link; V itself is a host there like any other. L is fixed in
 * the map and nobody else's, so the device of a packet is found by it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edge-priv.h"

/* An address of such a device, whether it is attached or not. */
struct host_addr {
	struct in6_addr addr; /* key */
	struct edge_device *device;
};

int edge_host_enter(struct vnep_edge *edge, struct edge_device *d)
{
	for (unsigned i = 0; d->form == VNEP_FORM_HOST && i < d->addr_count; i++) {
		struct host_addr *a;

		if (vnep_table_get(&edge->by_addr, &d->addr[i]))
			continue;
		a = calloc(1, sizeof *a);
		if (!a)
			return -ENOMEM;
		*a = (struct host_addr){ d->addr[i], d };
		if (vnep_table_put(&edge->by_addr, a)) {
			free(a);
			return -ENOMEM;
		}
	}
	return 0;
}

void edge_host_leave(struct vnep_edge *edge, const struct edge_device *d)
{
	for (unsigned i = 0; d->form == VNEP_FORM_HOST && i < d->addr_count; i++) {
		struct host_addr *a = vnep_table_get(&edge->by_addr, &d->addr[i]);

		if (!a || a->device != d)
			continue;
		vnep_table_remove(&edge->by_addr, a);
		free(a);
	}
}

/* The device with that L; it is read from the map when somebody first asks. */
static struct edge_device *by_addr(struct vnep_edge *edge, const struct in6_addr *addr)
{
	const struct host_addr *a = vnep_table_get(&edge->by_addr, addr);
	char dev[VNEP_URN_MAX + 1];
	struct edge_device *d;
	struct vnep_map_txn *txn;
	int rc;

	if (a)
		return a->device;
	if (vnep_map_begin(edge->map, false, &txn, NULL))
		return NULL;
	rc = vnep_map_by_host(txn, addr, dev);
	vnep_map_abort(txn);
	d = rc ? NULL : edge_device_by_dev(edge, dev);
	return d && d->form == VNEP_FORM_HOST ? d : NULL;
}

struct edge_device *edge_device_by_endpoint(struct vnep_edge *edge, const struct in6_addr *vep)
{
	struct edge_device *d = edge_device_by_vep(edge, vep);

	return d && d->form == VNEP_FORM_EDGE ? d : NULL;
}

struct edge_device *edge_device_of(struct vnep_edge *edge, const struct in6_addr *device_end,
	const struct in6_addr *other_end, enum vnep_reason *why)
{
	struct edge_device *d = edge_device_by_endpoint(edge, device_end);

	*why = VNEP_REASON_NONE;
	if (d)
		return d;
	d = by_addr(edge, device_end);
	if (!d)
		*why = VNEP_NO_MAPPING;
	else if (!vnep_ip6_equal(&d->vep, other_end))
		*why = VNEP_POLICY_DENIED;
	return d;
}

struct edge_device *edge_holder(struct vnep_edge *edge, const struct in6_addr *addr)
{
	struct edge_device *d = edge_device_by_endpoint(edge, addr);

	return d ? d : by_addr(edge, addr);
}

void edge_host_send_on(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_ring_frame *frame)
{
	const struct vnep_vpc *vpc = edge_vpc(edge, d->vpc, &d->vep);
	struct edge_port *core = edge_core(edge);
	enum vnep_reason reason = VNEP_REASON_NONE;
	struct vnep_frame f;

	if (frame->len + VNEP_FORWARD_ROOM > sizeof edge->frame ||
		vnep_frame_parse(&f, frame->data, frame->len))
		reason = VNEP_MALFORMED;
	else if (!vpc || !vnep_ip6_equal(&f.dest, &d->vep))
		reason = VNEP_POLICY_DENIED;
	if (reason) {
		edge_deny(edge, d->port ? d->port : core, frame, d, VNEP_FROM_DEVICE, reason, true);
		return;
	}
	if (edge_refuse_big(edge, d, frame, VNEP_FROM_DEVICE, core->mtu))
		return;
	d->accepted++;
	memmove(edge->frame, frame->data, frame->len); /* it may be there already */
	vnep_frame_hop(&f, edge->frame);	       /* > 1: the rule for hop limits came before */
	edge_send_core(edge, vpc, &d->vep, edge->frame, f.end);
}
