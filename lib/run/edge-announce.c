/*
 * edge-announce - endpoints are announced on the VPC link: an unsolicited advertisement to all hosts, which keep sending
 * where an endpoint was before (another edge, another port of the edge's machine) until they hear where it is.
 *
 * Each is announced when its device arrives or wakes, and all of the map when the edge starts or the core port comes back.
 * It is the same bucket of tokens for both, `announce` of the configuration a second, so neither a start with 100,000
 * endpoints nor as many devices that wake at once flood the link. Who came stands in a line and goes first; when the line
 * is full, the walk through the map begins anew, and so nobody is forgotten. Whoever asks is answered at once, in any case.
 */
#include <stddef.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

enum { STEP_MS = 20, ONCE_MS = 1000 };
#define NS_PER_MS INT64_C(1000000)

static void arm(struct vnep_edge *edge)
{
	struct edge_announcing *a = &edge->announcing;
	struct vnep_mono at = vnep_mono_now();

	at.ns += STEP_MS * NS_PER_MS;
	if (at.ns < a->next.ns)
		at = a->next; /* less than one a step */
	if (!a->due.slot && vnep_heap_set(&a->timer, &a->due, at))
		edge_say(edge, LOG_ERR, "announcements: no memory for a timer");
}

static bool may_now(struct vnep_edge *edge)
{
	struct edge_announcing *a = &edge->announcing;
	const int64_t apart = 1000 * NS_PER_MS / edge->config.announce_pps,
		      most = 2 * STEP_MS * NS_PER_MS; /* a step that is late loses nothing */
	struct vnep_mono now = vnep_mono_now();

	if (a->next.ns < now.ns)
		a->next = now;
	if (a->next.ns > now.ns && a->next.ns + apart - now.ns > most)
		return false;
	a->next.ns += apart;
	return true;
}

/* L of form host, else V. */
static void say(struct vnep_edge *edge, const char *vpc_name, const struct in6_addr *vep,
	const struct in6_addr *addr, unsigned count)
{
	const struct vnep_vpc *vpc = edge_vpc(edge, vpc_name, vep);
	struct edge_port *core = edge_core(edge);
	uint8_t out[VNEP_ND_FRAME_MAX];

	for (unsigned i = 0; vpc && i < count; i++)
		edge_send(edge, core, out,
			vnep_ndisc_announce(out, vpc->core_vlan, &core->mac, &addr[i]));
}

static void say_device(struct vnep_edge *edge, const struct edge_device *d)
{
	bool host = d->form == VNEP_FORM_HOST;

	say(edge, d->vpc, &d->vep, host ? d->addr : &d->vep, host ? d->addr_count : 1);
	edge->announcing.last = d->vep;
	edge->announcing.last_at = vnep_mono_now();
}

/* A device that arrives also wakes. */
static bool was_just_said(const struct edge_announcing *a, const struct in6_addr *vep)
{
	return a->last_at.ns && vnep_ip6_equal(&a->last, vep) &&
	       vnep_mono_now().ns - a->last_at.ns < ONCE_MS * NS_PER_MS;
}

static bool stands_last(const struct edge_announcing *a, const struct in6_addr *vep)
{
	return a->count &&
	       vnep_ip6_equal(&a->line[(a->first + a->count - 1) % EDGE_ANNOUNCE_LINE], vep);
}

void edge_announce(struct vnep_edge *edge, const struct edge_device *d)
{
	struct edge_announcing *a = &edge->announcing;

	if (!edge->config.announce_pps || !edge_core(edge)->up || was_just_said(a, &d->vep) ||
		stands_last(a, &d->vep))
		return;
	if (!a->count && may_now(edge)) {
		say_device(edge, d);
	} else if (a->count < EDGE_ANNOUNCE_LINE) {
		a->line[(a->first + a->count++) % EDGE_ANNOUNCE_LINE] = d->vep;
		arm(edge);
	} else {
		edge_announce_all(edge);
	}
}

void edge_announce_all(struct vnep_edge *edge)
{
	struct edge_announcing *a = &edge->announcing;

	a->walking = edge->config.announce_pps && edge_core(edge)->up;
	a->after[0] = 0;
	a->walked = 0;
	a->began = vnep_mono_now();
	if (a->walking)
		arm(edge);
}

struct walk {
	struct vnep_edge *edge;
	struct vnep_map_txn *txn;
};

/* 1: the turn ends here. */
static int walk_device(const char *text, size_t len, void *arg)
{
	struct walk *w = arg;
	struct edge_announcing *a = &w->edge->announcing;
	struct vnep_device device = { 0 };
	bool host;
	int rc = 0;

	if (vnep_map_device_of(w->txn, text, len, &device, NULL))
		; /* the start said what is wrong with it */
	else if (!may_now(w->edge))
		rc = 1;
	else {
		host = device.form == VNEP_FORM_HOST;
		say(w->edge, device.vpc, &device.vep, host ? device.addr : &device.vep,
			host ? device.addr_count : 1);
		memcpy(a->after, device.dev, sizeof a->after);
		a->walked++;
	}
	vnep_device_release(&device);
	return rc;
}

static void walk(struct vnep_edge *edge)
{
	struct edge_announcing *a = &edge->announcing;
	struct vnep_err err = { 0 };
	struct walk w = { .edge = edge };
	int rc = vnep_map_begin(edge->map, false, &w.txn, &err);

	if (!rc) {
		rc = vnep_map_each_after(
			w.txn, VNEP_RECORD_DEVICE, a->after, walk_device, &w, &err);
		vnep_map_abort(w.txn);
	}
	if (rc < 0)
		edge_warn(edge, "announcements", &err);
	if (rc > 0)
		return;
	a->walking = false;
	edge_say(edge, LOG_INFO, "announcements: %zu endpoints in %lld ms", a->walked,
		(long long)((vnep_mono_now().ns - a->began.ns) / NS_PER_MS));
}

void edge_announce_due(struct vnep_edge *edge)
{
	struct edge_announcing *a = &edge->announcing;
	struct vnep_heap_node *node = vnep_heap_first(&a->timer);
	const struct edge_device *d;

	if (!node || node->at.ns > vnep_mono_now().ns)
		return;
	vnep_heap_remove(&a->timer, node);
	if (!edge->config.announce_pps ||
		!edge_core(edge)->up) { /* all of them are when it is up again */
		a->count = 0;
		a->walking = false;
		return;
	}
	for (; a->count && may_now(edge);
		a->count--, a->first = (a->first + 1) % EDGE_ANNOUNCE_LINE) {
		d = vnep_table_get(&edge->by_vep, &a->line[a->first]);
		if (d)
			say_device(edge, d);
	}
	if (a->walking && !a->count)
		walk(edge);
	if (a->walking || a->count)
		arm(edge);
}
