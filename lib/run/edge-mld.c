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

enum {
	STARTUP = EDGE_MLD_ROBUSTNESS - 1,
	VLANS_AT_ONCE = 64,
	VLANS_PAUSE_MS = 10,
	SWEEP_PAUSE_MS = 5,
	/* Of each port: queries of groups, which devices cause, and to who woke. */
	ASKS_PER_S = 10,
	ASKS_AT_ONCE = 40,
	WAKES_PER_S = 100,
	WAKES_AT_ONCE = 200,
};

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

bool edge_mld_may(struct edge_mld_bucket *bucket, unsigned per_s, unsigned at_once, unsigned wanted)
{
	const int64_t each = 1000 * MS / per_s;
	struct vnep_mono now = vnep_mono_now();

	if (bucket->empty.ns < now.ns)
		bucket->empty = now;
	if (bucket->empty.ns - now.ns + each * wanted > each * at_once)
		return false;
	bucket->empty.ns += each * wanted;
	return true;
}

/* ---- queries ---- */

/* alone: to this device; NULL: to all that listen. */
static void query(struct vnep_edge *edge, const struct edge_querier *q, uint16_t vlan,
	const struct in6_addr *group, const struct edge_device *alone)
{
	struct vnep_mld_query says = { .vlan = vlan,
		.our_mac = q->port->mac,
		.our_addr = edge_router_address,
		.alone = alone ? &alone->l2.mac : NULL,
		.response_ms = q->response_ms,
		.interval_s = q->interval_s,
		.robustness = EDGE_MLD_ROBUSTNESS };
	uint8_t out[VNEP_MLD_QUERY_MAX];

	if (group)
		says.group = *group;
	if (group || (alone && says.response_ms > EDGE_MLD_LAST_MS))
		says.response_ms = EDGE_MLD_LAST_MS;
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
		query(edge, q, (uint16_t)q->vlan, NULL, NULL);
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

/* Both queries, or none: half of them would take for gone who is there. */
static bool may_ask(struct edge_querier *q)
{
	return q && edge_mld_may(&q->asks, ASKS_PER_S, ASKS_AT_ONCE, EDGE_MLD_ROBUSTNESS);
}

void edge_mld_ask(struct vnep_edge *edge, const struct edge_device *d, const struct in6_addr *group)
{
	struct edge_mld_link *link = edge_mld_link(edge, d, group, false);
	struct vnep_mono now = vnep_mono_now();

	if (link && (link->queries || now.ns < link->rest.ns))
		return;
	if (!may_ask(edge_mld_querier(edge, d->port)))
		return;
	link = edge_mld_link(edge, d, group, true);
	if (!link)
		return;
	link->queries = EDGE_MLD_ROBUSTNESS;
	vnep_heap_set(&edge->mld->links_due, &link->due, now);
}

bool edge_mld_ask_alone(
	struct vnep_edge *edge, const struct edge_device *d, struct edge_listener *l)
{
	struct vnep_mono now = vnep_mono_now();

	if (l->queries || !edge_mld_querier(edge, d->port))
		return false;
	if (l->query_at.ns < now.ns)
		l->query_at = now;
	if (!may_ask(edge_mld_querier(edge, d->port)))
		l->query_at.ns += EDGE_MLD_REST_MS * MS;
	l->queries = EDGE_MLD_ROBUSTNESS;
	return true;
}

void edge_mld_asked(struct vnep_edge *edge, const struct edge_device *d, struct edge_listener *l)
{
	const struct edge_querier *q = edge_mld_querier(edge, d->port);

	if (q)
		query(edge, q, d->l2.vlan, &l->group->key.address, d);
	l->queries--;
	l->query_at.ns =
		vnep_mono_now().ns + (l->queries ? EDGE_MLD_LAST_MS : EDGE_MLD_REST_MS) * MS;
}

void edge_mld_woke(struct vnep_edge *edge, const struct edge_device *d)
{
	struct edge_querier *q = d->bound ? edge_mld_querier(edge, d->port) : NULL;

	if (!q || !edge_mld_may(&q->wakes, WAKES_PER_S, WAKES_AT_ONCE, 1))
		return;
	query(edge, q, d->l2.vlan, NULL, d);
	if (d->mld)
		edge_mld_unheard(edge, d->mld, q->response_ms * MS + EDGE_MLD_SLACK_MS * MS);
}

static void link_due(struct vnep_edge *edge, struct edge_mld_link *link, struct vnep_mono now)
{
	struct edge_port *port = edge_port_by_index(edge, link->key.port);
	const struct edge_querier *q = edge_mld_querier(edge, port);
	struct vnep_mono next = { 0 };

	if (q && link->queries) {
		query(edge, q, link->key.vlan, &link->key.group, NULL);
		link->queries--;
		next.ns = now.ns + EDGE_MLD_LAST_MS * MS;
		link->rest.ns = now.ns + EDGE_MLD_REST_MS * MS;
	} else if (q) {
		next = link->rest;
		if (link->v1_heard.ns && link->v1_heard.ns + edge_mld_interval_ns(q) > next.ns)
			next.ns = link->v1_heard.ns + edge_mld_interval_ns(q);
	}
	if (next.ns > now.ns && !vnep_heap_set(&edge->mld->links_due, &link->due, next))
		return;
	vnep_table_remove(&edge->mld->links, link);
	free(link);
}

/* ---- all devices, a slice at a time ---- */

void edge_mld_walk_begin(struct edge_mld *mld, struct edge_mld_walk *walk)
{
	edge_mld_walk_end(walk);
	walk->at = mld->first;
	walk->next = mld->walks;
	walk->link = &mld->walks;
	if (walk->next)
		walk->next->link = &walk->next;
	mld->walks = walk;
}

void edge_mld_walk_end(struct edge_mld_walk *walk)
{
	if (!walk->link)
		return;
	*walk->link = walk->next;
	if (walk->next)
		walk->next->link = walk->link;
	*walk = (struct edge_mld_walk){ 0 };
}

static void sweep_begin(struct vnep_edge *edge)
{
	edge_mld_walk_begin(edge->mld, &edge->mld->sweep);
	edge->mld->sweep_at = vnep_mono_now();
	edge_mld_arm(edge);
}

/* Who is asked no more, or whose record may name other groups. */
static void sweep(struct vnep_edge *edge, struct vnep_mono now)
{
	struct edge_mld *mld = edge->mld;
	struct vnep_mono began = vnep_mono_now();

	while (mld->sweep.at && !vnep_mono_over(began, EDGE_TURN_MS)) {
		struct edge_mld_device *md = mld->sweep.at;

		mld->sweep.at = md->next;
		if (!edge_mld_querier(edge, md->device->port))
			edge_mld_gone(edge, md->device);
		else if (md->count)
			edge_mld_follow(edge, md);
	}
	mld->sweep_at.ns = now.ns + (EDGE_TURN_MS + SWEEP_PAUSE_MS) * MS;
	if (!mld->sweep.at)
		edge_mld_walk_end(&mld->sweep);
}

/* ---- the timer ---- */

static void sooner(struct vnep_mono *at, struct vnep_mono other)
{
	if (!at->ns || other.ns < at->ns)
		*at = other;
}

void edge_mld_arm(struct vnep_edge *edge)
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
	if (mld->sweep.at)
		sooner(&at, mld->sweep_at);
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
	if (mld->sweep.at && mld->sweep_at.ns <= now.ns)
		sweep(edge, now);
	edge_mld_arm(edge);
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

/* With the group in place of the address that all reports go to. */
void edge_mld_tell_refused(struct vnep_edge *edge, const struct edge_device *d,
	const struct in6_addr *src, const struct in6_addr *group, struct vnep_wall ts)
{
	struct vnep_decision dec = { .ts = ts,
		.direction = VNEP_FROM_DEVICE,
		.reason = VNEP_POLICY_DENIED,
		.has_flow = true,
		.src_ip = *src,
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
	bool taken = false, refused = false;

	while (vnep_mld_next(m, &record)) {
		enum edge_mld_said said = edge_mld_said(edge, d, m, &record, ts);

		taken |= said == EDGE_MLD_SAID_TAKEN;
		refused |= said == EDGE_MLD_SAID_REFUSED;
	}
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
	edge_mld_arm(edge);
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
			.response_ms = c->response_ms,
			.since = vnep_mono_now() };
		begin(q);
	}
	edge_mld_arm(edge);
}

int edge_mld_open(struct vnep_edge *edge, struct vnep_err *err)
{
	struct edge_mld *mld = calloc(1, sizeof *mld);

	edge->mld = mld;
	if (!mld)
		return vnep_err_sys(err, ENOMEM, "mld");
	mld->judged = 1;
	mld->idle_tail = &mld->idle_first;
	mld->names_tail = &mld->names_first;
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
	configure(edge);
	sweep_begin(edge);
}

void edge_mld_groups_changed(struct vnep_edge *edge)
{
	if (!edge->mld)
		return;
	edge->mld->judged++;
	sweep_begin(edge);
}

void edge_mld_port_up(struct vnep_edge *edge, const struct edge_port *port)
{
	struct edge_querier *q = edge_mld_querier(edge, port);

	if (!q)
		return;
	begin(q);
	edge_mld_arm(edge);
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
