/*
 * edge-mld - the querier on the access ports where it is configured: RFC 3810 7.
 *
 * It asks with fe80::1, in each VLAN that some device of the map has. No device becomes querier: queries of others are dropped
 * by the kernel's rules. A report counts from the MAC, VLAN and port of a binding; its source is a link-local address, which
 * nothing else is known of. One timer serves queries, listeners whose time is over, and groups that are asked for.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-mld.h"
#include "vnep/metrics.h"
#include "vnep/recjson.h"

enum { STARTUP = EDGE_MLD_ROBUSTNESS - 1, VLANS_AT_ONCE = 64, VLANS_PAUSE_MS = 10 };

#define MS INT64_C(1000000)

struct edge_querier *edge_mld_querier(struct vnep_edge *edge, const struct edge_port *port)
{
	struct edge_mld *mld = edge->mld;

	for (unsigned i = 0; mld && i < mld->querier_count; i++)
		if (mld->querier[i].port == port)
			return &mld->querier[i];
	return NULL;
}

int64_t edge_mld_interval_ns(const struct edge_querier *q)
{
	return EDGE_MLD_ROBUSTNESS * (q->interval_s * 1000 * MS) + q->response_ms * MS;
}

/* ---- queries ---- */

static void query(struct vnep_edge *edge, const struct edge_querier *q, uint16_t vlan,
	const struct in6_addr *group)
{
	struct vnep_mld_query says = { .vlan = vlan,
		.our_mac = q->port->mac,
		.our_addr = edge_router_address,
		.response_ms = group ? EDGE_MLD_LAST_MS : q->response_ms,
		.interval_s = q->interval_s,
		.robustness = EDGE_MLD_ROBUSTNESS };
	uint8_t out[VNEP_MLD_QUERY_MAX];

	if (group)
		says.group = *group;
	if (q->port->up && edge_send(edge, q->port, out, vnep_mld_query(out, &says)))
		edge->mld->count[EDGE_MLD_QUERIES]++;
}

/* To all nodes of some VLANs; the others in a moment. */
static void general(struct vnep_edge *edge, struct edge_querier *q, struct vnep_mono now)
{
	int64_t interval = q->interval_s * 1000 * MS;

	for (unsigned n = 0; n < VLANS_AT_ONCE && q->vlan < EDGE_VLANS; q->vlan++) {
		if (!(edge->vlans[q->vlan / 8] & 1 << q->vlan % 8))
			continue;
		query(edge, q, (uint16_t)q->vlan, NULL);
		n++;
	}
	if (q->vlan < EDGE_VLANS) {
		q->at.ns = now.ns + VLANS_PAUSE_MS * MS;
		return;
	}
	q->vlan = 0;
	q->at.ns = now.ns + (q->startup ? interval / 4 : interval); /* 9.6 */
	q->startup -= q->startup > 0;
}

static void begin(struct edge_querier *q)
{
	q->at = vnep_mono_now();
	q->vlan = 0;
	q->startup = STARTUP;
}

struct edge_mld_link *edge_mld_link(struct vnep_edge *edge, const struct edge_device *d,
	const struct in6_addr *group, bool make)
{
	const struct edge_mld_link_key key = { *group, d->port->index, d->l2.vlan };
	struct edge_mld *mld = edge->mld;
	struct edge_mld_link *link = vnep_table_get(&mld->links, &key);

	if (link || !make || mld->links.count == EDGE_MLD_LINKS_MAX)
		return link;
	link = calloc(1, sizeof *link);
	if (!link)
		return NULL;
	link->key = key;
	if (!vnep_table_put(&mld->links, link)) {
		if (!vnep_heap_set(&mld->links_due, &link->due, vnep_mono_now()))
			return link;
		vnep_table_remove(&mld->links, link);
	}
	free(link);
	return NULL;
}

void edge_mld_ask(struct vnep_edge *edge, const struct edge_device *d, const struct in6_addr *group)
{
	struct edge_mld_link *link = edge_mld_link(edge, d, group, true);

	if (!link || link->queries)
		return;
	link->queries = EDGE_MLD_ROBUSTNESS;
	vnep_heap_set(&edge->mld->links_due, &link->due, vnep_mono_now());
}

static void link_due(struct vnep_edge *edge, struct edge_mld_link *link, struct vnep_mono now)
{
	struct edge_port *port = edge_port_by_index(edge, link->key.port);
	const struct edge_querier *q = edge_mld_querier(edge, port);
	struct vnep_mono next = { 0 };

	if (q && link->queries) {
		query(edge, q, link->key.vlan, &link->key.group);
		link->queries--;
		next.ns = now.ns + EDGE_MLD_LAST_MS * MS;
	} else if (q && link->v1_heard.ns) {
		next.ns = link->v1_heard.ns + edge_mld_interval_ns(q);
	}
	if (next.ns > now.ns && !vnep_heap_set(&edge->mld->links_due, &link->due, next))
		return;
	vnep_table_remove(&edge->mld->links, link);
	free(link);
}

/* ---- the timer ---- */

static void sooner(struct vnep_mono *at, struct vnep_mono other)
{
	if (!at->ns || other.ns < at->ns)
		*at = other;
}

static void arm(struct vnep_edge *edge)
{
	struct edge_mld *mld = edge->mld;
	struct vnep_heap_node *device = vnep_heap_first(&mld->devices),
			      *link = vnep_heap_first(&mld->links_due);
	struct vnep_mono at = { 0 };
	int64_t ms;

	for (unsigned i = 0; i < mld->querier_count; i++)
		sooner(&at, mld->querier[i].at);
	if (device)
		sooner(&at, device->at);
	if (link)
		sooner(&at, link->at);
	if (at.ns == mld->armed.ns)
		return;
	mld->armed = at;
	ms = (at.ns - vnep_mono_now().ns) / MS + 1;
	vnep_timer_set(mld->timer, !at.ns ? -1 : ms < 0 ? 0 : ms);
}

static void on_timer(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;
	struct edge_mld *mld = edge->mld;
	struct vnep_mono now = vnep_mono_now();
	void *due;

	(void)watch;
	mld->armed.ns = 0;
	for (unsigned i = 0; i < mld->querier_count; i++)
		if (mld->querier[i].at.ns <= now.ns)
			general(edge, &mld->querier[i], now);
	while (!vnep_mono_over(now, EDGE_TURN_MS) &&
		(due = vnep_heap_due(&mld->links_due, now, offsetof(struct edge_mld_link, due))))
		link_due(edge, due, now);
	while (!vnep_mono_over(now, EDGE_TURN_MS) &&
		(due = vnep_heap_due(&mld->devices, now, offsetof(struct edge_mld_device, due))))
		edge_mld_expire(edge, due);
	arm(edge);
	edge_round_end(edge);
}

/* ---- reports ---- */

/* Whose report it is: bound here, with this MAC in this VLAN. */
static struct edge_device *sender(struct vnep_edge *edge, const struct edge_port *port,
	const uint8_t *frame, const struct vnep_mld *m)
{
	struct edge_device *d;
	struct vnep_mac mac;

	if (IN6_IS_ADDR_UNSPECIFIED(&m->src)) /* it says so again when it has an address */
		return NULL;
	memcpy(mac.octet, frame + 6, 6);
	d = edge_device_by_mac(edge, &mac, m->vlan);
	return d && d->bound && d->port == port ? d : NULL;
}

/* Once a report, with the group in place of the address that all reports go to. */
static void tell_refused(struct vnep_edge *edge, const struct edge_device *d,
	const struct vnep_mld *m, const struct in6_addr *group, struct vnep_wall ts)
{
	struct vnep_decision dec = { .ts = ts,
		.direction = VNEP_FROM_DEVICE,
		.reason = VNEP_POLICY_DENIED,
		.has_flow = true,
		.src_ip = m->src,
		.dest_ip = *group,
		.proto = IPPROTO_ICMPV6,
		.src_mac = d->l2.mac,
		.vlan = d->l2.vlan,
		.count = 1 };

	memcpy(dec.edge, edge->config.name, sizeof dec.edge);
	memcpy(dec.in_iface, d->port->name, sizeof dec.in_iface);
	memcpy(dec.dev, d->dev, sizeof dec.dev);
	vnep_decision_encode(&edge->told, &dec);
}

static void take(
	struct vnep_edge *edge, struct edge_device *d, struct vnep_mld *m, struct vnep_wall ts)
{
	struct vnep_mld_record record;
	struct in6_addr group;
	bool taken = false, refused = false;

	while (vnep_mld_next(m, &record)) {
		enum edge_mld_said said =
			edge_mld_said(edge, d, &record, m->type != VNEP_MLD_REPORT, ts);

		if (said == EDGE_MLD_SAID_REFUSED && !refused)
			group = record.group;
		taken |= said == EDGE_MLD_SAID_TAKEN;
		refused |= said == EDGE_MLD_SAID_REFUSED;
	}
	if (refused)
		tell_refused(edge, d, m, &group, ts);
	if (refused && !taken)
		edge_drop(edge, d, VNEP_POLICY_DENIED);
	else
		edge->ledger.answered++;
}

bool edge_mld_takes(struct vnep_edge *edge, struct edge_port *port,
	const struct vnep_ring_frame *frame, const struct vnep_frame *f)
{
	struct edge_mld *mld = edge->mld;
	struct edge_device *d;
	struct vnep_mld m;
	int rc;

	if (!edge_mld_querier(edge, port))
		return false;
	rc = vnep_mld_read(&m, f, frame->data);
	if (rc == VNEP_EPROTO)
		return false;
	if (rc) {
		mld->count[EDGE_MLD_MALFORMED]++;
		edge_drop(edge, NULL, VNEP_MALFORMED);
		return true;
	}
	d = sender(edge, port, frame->data, &m);
	if (!d) {
		mld->count[EDGE_MLD_IGNORED]++;
		edge->ledger.answered++;
		return true;
	}
	mld->count[EDGE_MLD_REPORTS]++;
	take(edge, d, &m, frame->ts);
	edge_device_sign(edge, d, frame->ts);
	arm(edge);
	return true;
}

/* ---- as the edge begins, changes and ends ---- */

static void configure(struct vnep_edge *edge)
{
	struct edge_mld *mld = edge->mld;

	mld->querier_count = 0;
	for (unsigned i = 0; i < edge->config.querier_count; i++) {
		const struct vnep_querier *c = &edge->config.querier[i];
		struct edge_querier *q = &mld->querier[mld->querier_count++];

		*q = (struct edge_querier){ .port = edge_port_by_name(edge, c->port),
			.interval_s = c->interval_s,
			.response_ms = c->response_ms };
		begin(q);
	}
	arm(edge);
}

int edge_mld_open(struct vnep_edge *edge, struct vnep_err *err)
{
	struct edge_mld *mld = calloc(1, sizeof *mld);

	edge->mld = mld;
	if (!mld)
		return vnep_err_sys(err, ENOMEM, "mld");
	vnep_table_init(
		&mld->groups, offsetof(struct edge_mld_group, key), sizeof(struct edge_mld_name));
	vnep_table_init(
		&mld->links, offsetof(struct edge_mld_link, key), sizeof(struct edge_mld_link_key));
	mld->timer = vnep_loop_timer(edge->loop, on_timer, edge);
	if (!mld->timer)
		return vnep_err_sys(err, ENOMEM, "mld");
	configure(edge);
	return 0;
}

void edge_mld_again(struct vnep_edge *edge)
{
	struct edge_mld_device *next;

	configure(edge);
	for (struct edge_mld_device *md = edge->mld->first; md; md = next) {
		next = md->next;
		if (!edge_mld_querier(edge, md->device->port))
			edge_mld_gone(edge, md->device);
	}
}

void edge_mld_port_up(struct vnep_edge *edge, const struct edge_port *port)
{
	struct edge_querier *q = edge_mld_querier(edge, port);

	if (!q)
		return;
	begin(q);
	arm(edge);
}

void edge_mld_metrics(const struct vnep_edge *edge, struct vnep_buf *out)
{
	static const char *const events[EDGE_MLD_COUNTS] = { "query", "report", "joined", "left",
		"refused", "ignored", "malformed", "not-kept" };

	for (int i = 0; i < EDGE_MLD_COUNTS; i++)
		vnep_metric_encode(out, VNEP_METRIC_MLD, events[i], edge->mld->count[i]);
	vnep_metric_encode(out, VNEP_METRIC_LISTENERS, NULL, edge->mld->joined);
}

void edge_mld_release(struct vnep_edge *edge)
{
	struct edge_mld *mld = edge->mld;
	struct edge_mld_link *link;

	if (!mld)
		return;
	while (mld->first)
		edge_mld_gone(edge, mld->first->device);
	for (size_t i = 0; (link = vnep_table_next(&mld->links, &i));)
		free(link);
	vnep_table_release(&mld->links);
	vnep_table_release(&mld->groups);
	vnep_heap_release(&mld->links_due);
	vnep_heap_release(&mld->devices);
	vnep_watch_free(mld->timer);
	free(mld);
	edge->mld = NULL;
}
