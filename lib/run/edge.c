/* edge - start, the loop, and the way out. The parts are listed in edge-priv.h. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "edge-priv.h"
#include "vnep/holder.h"
#include "vnep/retention.h"
#include "vnep/state.h"

void edge_say(struct vnep_edge *edge, int level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	edge->host.log(level, text, edge->host.arg);
}

void edge_warn(struct vnep_edge *edge, const char *what, const struct vnep_err *err)
{
	char text[1024];

	vnep_err_print(err, text, sizeof text);
	edge_say(edge, LOG_WARNING, "%s: %s", what, text);
}

struct edge_port *edge_port_by_index(struct vnep_edge *edge, unsigned index)
{
	return index && index <= edge->port_count ? &edge->ports[index - 1] : NULL;
}

struct edge_port *edge_port_by_name(struct vnep_edge *edge, const char *name)
{
	for (unsigned i = 0; i < edge->port_count; i++)
		if (!strcmp(edge->ports[i].name, name))
			return &edge->ports[i];
	return NULL;
}

struct edge_port *edge_core(struct vnep_edge *edge)
{
	return &edge->ports[edge->port_count - 1];
}

static void read_addresses(struct vnep_edge *edge, struct edge_port *port)
{
	struct vnep_err err = { 0 };
	int n = vnep_rtnl_addresses(edge->rt, port->ifindex, port->addr, EDGE_PORT_ADDRESSES, &err);

	if (n < 0)
		edge_warn(edge, port->name, &err);
	port->addr_count = n > 0 ? (unsigned)n : 0;
}

static int open_port(struct vnep_edge *edge, struct edge_port *port, const char *name, bool core,
	struct vnep_err *err)
{
	struct vnep_link link;
	int rc = vnep_rtnl_link(edge->rt, name, &link, err);

	if (rc == VNEP_ENOTFOUND)
		return vnep_err_set(
			err, VNEP_EVALUE, "no such port \"%s\"", name); /* asked wrongly */
	if (rc)
		return rc;
	*port = (struct edge_port){ .core = core,
		.index = (uint16_t)(edge->port_count + 1),
		.ifindex = link.ifindex,
		.mac = link.mac,
		.mtu = link.mtu,
		.up = link.up && link.running };
	snprintf(port->name, sizeof port->name, "%s", name);
	edge->port_count++;
	rc = edge_inject_open(edge, port, err);
	if (rc)
		return rc;
	if (vnep_rtnl_tune_port(name, err))
		edge_warn(edge, name, err);
	read_addresses(edge, port);
	return 0;
}

static int open_ports(struct vnep_edge *edge, struct vnep_err *err)
{
	const struct vnep_acl_config *c = &edge->config.acl;
	int rc = 0;

	for (unsigned i = 0; i < c->access_count && !rc; i++)
		rc = open_port(edge, &edge->ports[edge->port_count], c->access[i], false, err);
	return rc ? rc : open_port(edge, &edge->ports[edge->port_count], c->core, true, err);
}

/* ---- the loop ---- */

static void arm_tick(struct vnep_edge *edge)
{
	const struct vnep_heap *const heaps[] = { &edge->silences, &edge->host_timers,
		&edge->adverts, &edge->lulls, &edge->paced, &edge->overdue, &edge->claim_pauses,
		&edge->announcing.timer };
	struct vnep_mono now = vnep_mono_now();
	int64_t wait = -1;

	for (size_t i = 0; i < sizeof heaps / sizeof *heaps; i++) {
		const struct vnep_heap_node *first = vnep_heap_first(heaps[i]);
		int64_t due = first ? (first->at.ns - now.ns) / 1000000 + 1 : -1;

		if (first && due < 0)
			due = 0;
		if (first && (wait < 0 || due < wait))
			wait = due;
	}
	if (edge->ledger_dirty && (wait < 0 || wait > 1000))
		wait = 1000; /* answered packets are remembered too, once a second */
	vnep_timer_set(edge->tick, wait);
}

void edge_round_end(struct vnep_edge *edge)
{
	edge_group_end(edge);
	edge_ledger_keep(edge);
	edge_guard_filling(edge);
	edge_control_tell(edge);
	arm_tick(edge);
}

static void on_ring(struct vnep_watch *watch, void *arg)
{
	(void)watch;
	edge_clock_look(arg);
	edge_ingest(arg);
	edge_round_end(arg);
}

static void on_tick(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;

	(void)watch;
	edge_clock_look(edge);
	edge_hold_lulls(edge);
	edge_pace_due(edge);
	edge_silences(edge);
	edge_period_due(edge);
	edge_host_timers(edge);
	edge_ra_due(edge);
	edge_claims_due(edge);
	edge_announce_due(edge);
	edge_journal_owed(edge);
	if (edge->ledger_dirty)
		edge_group(edge);
	edge_round_end(edge);
}

static void on_pump(struct vnep_watch *watch, void *arg)
{
	(void)watch;
	edge_replay_pump(arg);
	edge_round_end(arg);
}

static void on_retain(struct vnep_watch *watch, void *arg)
{
	(void)watch;
	edge_retain(arg);
	edge_round_end(arg);
}

static void on_drained(struct vnep_watch *watch, void *arg)
{
	(void)watch;
	edge_barrier_drained(arg);
	edge_round_end(arg);
}

static void on_stop(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;

	(void)watch;
	if (!edge->told_to_stop) /* a terminal tells every process of ours */
		edge_say(edge, LOG_NOTICE, "stopping: awake devices go on by the kernel");
	edge->told_to_stop = true;
	vnep_loop_stop(edge->loop);
}

static void on_hangup(struct vnep_watch *watch, void *arg)
{
	(void)watch;
	edge_reconfigure_asked(arg);
	edge_round_end(arg);
}

/* A port that came back under another index: rules, elements and sockets were bound to the one that is gone. */
static void rebind(struct vnep_edge *edge, struct edge_port *port, int ifindex)
{
	struct vnep_err err = { 0 };
	uint64_t changes = 0;
	int rc;

	edge_port_down(edge, port); /* its neighbours went with it */
	port->up = false;
	port->ifindex = ifindex;
	vnep_inject_close(port->inject);
	port->inject = NULL;
	rc = edge_inject_open(edge, port, &err);
	if (!rc)
		rc = edge_acl_again(edge, &changes, &err);
	if (!rc && vnep_rtnl_tune_port(port->name, &err))
		edge_warn(edge, port->name, &err);
	if (rc)
		edge_warn(edge, port->name, &err);
	else
		edge_say(edge, LOG_NOTICE, "port: %s is back, %llu kernel objects changed",
			port->name, (unsigned long long)changes);
	port->gone = rc != 0;
	if (!rc)
		edge_tell_note(edge, port, "port is back");
}

/* Deleted, or renamed (becomes): a port is who has its name. Its bindings leave the kernel, so that nothing passes by an
 * interface that is not the edge's any more; the rules of the others are not held up by its absence. */
static void port_gone(struct vnep_edge *edge, struct edge_port *port, const char *becomes)
{
	struct vnep_err err = { 0 };
	uint64_t changes = 0;
	char text[64];

	if (port->gone)
		return;
	port->gone = true;
	port->up = false;
	snprintf(text, sizeof text, becomes ? "port is gone: it is %s now" : "port is gone",
		becomes);
	edge_say(edge, LOG_WARNING, "port: %s: %s", port->name, text);
	edge_port_down(edge, port);
	edge_tell_note(edge, port, text);
	if (edge_acl_again(edge, &changes, &err))
		edge_warn(edge, port->name, &err);
}

/* Rules speak of MTU and addresses. */
static void rules_follow(struct vnep_edge *edge, const struct edge_port *port)
{
	struct vnep_err err = { 0 };

	if (vnep_acl_ports_changed(edge->acl, &err))
		edge_warn(edge, port->name, &err);
}

static void port_changed(
	struct vnep_edge *edge, struct edge_port *port, const struct vnep_link *link)
{
	bool moved = !vnep_mac_equal(&port->mac, &link->mac),
	     other = moved || port->mtu != link->mtu;

	port->mtu = link->mtu;
	port->mac = link->mac;
	if (port->gone || link->ifindex != port->ifindex)
		rebind(edge, port, link->ifindex);
	read_addresses(edge, port);
	if (other)
		rules_follow(edge, port);
	if (moved && port->core && port->up)
		edge_announce_all(edge);
}

static void address_event(int ifindex, void *arg)
{
	struct vnep_edge *edge = arg;

	for (unsigned i = 0; i < edge->port_count; i++) {
		if (edge->ports[i].ifindex != ifindex)
			continue;
		read_addresses(edge, &edge->ports[i]);
		rules_follow(edge, &edge->ports[i]);
	}
}

static struct edge_port *port_by_ifindex(struct vnep_edge *edge, int ifindex)
{
	for (unsigned i = 0; i < edge->port_count; i++)
		if (!edge->ports[i].gone && edge->ports[i].ifindex == ifindex)
			return &edge->ports[i];
	return NULL;
}

static void link_event(const struct vnep_link *link, void *arg)
{
	struct vnep_edge *edge = arg;
	struct edge_port *port = edge_port_by_name(edge, link->name),
			 *was = port_by_ifindex(edge, link->ifindex);
	bool up = link->up && link->running, back;

	if (was && was != port)
		port_gone(edge, was, link->name);
	if (!port)
		return;
	if (link->gone) {
		if (!link->ifindex || link->ifindex == port->ifindex)
			port_gone(edge, port, NULL);
		return;
	}
	if (port->up && !up) {
		edge_say(edge, LOG_WARNING, "port: %s went down", port->name);
		edge_port_down(edge, port);
	} else if (!port->up && up) {
		edge_say(edge, LOG_NOTICE, "port: %s is up", port->name);
	}
	port_changed(edge, port, link);
	back = up && port->inject && !port->up;
	port->up = up && port->inject;
	if (back && port->core) {
		edge_hosts_again(edge);
		edge_announce_all(edge);
	}
	if (back) {
		edge_ra_port_up(edge, port);
		edge_mld_port_up(edge, port);
	}
}

static void read_ports(struct vnep_edge *edge)
{
	for (unsigned i = 0; i < edge->port_count; i++) {
		struct vnep_link link = { .gone = true };

		if (vnep_rtnl_link(edge->rt, edge->ports[i].name, &link, NULL)) {
			link = (struct vnep_link){ .gone = true };
			memcpy(link.name, edge->ports[i].name, sizeof link.name);
		}
		link_event(&link, edge);
	}
}

static void solicit_event(int ifindex, const struct in6_addr *addr, void *arg)
{
	edge_host_wanted(arg, ifindex, addr);
}

static void on_rtnl(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;
	const struct vnep_rtnl_events events = {
		.link = link_event, .solicit = solicit_event, .address = address_event, .arg = edge
	};
	struct vnep_err err = { 0 };

	(void)watch;
	if (vnep_rtnl_events(edge->rt_events, &events, &err)) {
		edge_warn(edge, "rtnetlink", &err);
		read_ports(edge); /* events were lost: look */
	}
	edge_round_end(edge);
}

static void on_guard(struct vnep_watch *watch, void *arg)
{
	(void)watch;
	edge_guard(arg);
	edge_round_end(arg);
}

static int make_watches(struct vnep_edge *edge, struct vnep_err *err)
{
	struct vnep_loop *l = edge->loop;

	edge->tick = vnep_loop_timer(l, on_tick, edge);
	edge->pump = vnep_loop_timer(l, on_pump, edge);
	edge->drained = vnep_loop_timer(l, on_drained, edge);
	edge->retain = vnep_loop_timer(l, on_retain, edge);
	if (!edge_uplink_watch(edge) || !edge->tick || !edge->pump || !edge->drained ||
		!edge->retain || !vnep_loop_fd(l, vnep_ring_fd(edge->ring), on_ring, edge) ||
		!edge_bell_watch(edge) ||
		!vnep_loop_fd(l, vnep_nl_fd(edge->rt_events), on_rtnl, edge) ||
		!vnep_loop_fd(l, vnep_nl_fd(edge->guard), on_guard, edge) ||
		!vnep_loop_signal(l, SIGTERM, on_stop, edge) ||
		!vnep_loop_signal(l, SIGINT, on_stop, edge) ||
		!vnep_loop_signal(l, SIGHUP, on_hangup, edge))
		return vnep_err_sys(err, ENOMEM, "event loop");
	vnep_held_listens(edge->held);
	return edge_held_watch(edge, err);
}

/* ---- start ---- */

static int open_state(struct vnep_edge *edge, struct vnep_err *err)
{
	const struct vnep_journal_config journal = { .segment_octets =
							     edge->config.segment_octets };
	uint64_t cut = 0;
	int rc = vnep_mapstore_open(&edge->map, edge->state, true, err);

	if (!rc)
		rc = vnep_journal_open(
			&edge->journal, edge->state, VNEP_JOURNAL_EXCLUSIVE, &journal, &cut, err);
	if (!rc && cut)
		edge_say(edge, LOG_WARNING,
			"journal: %llu octets behind the last durable group were cut off",
			(unsigned long long)cut);
	if (!rc && edge_sent_open(edge, err))
		edge_warn(edge, "replay", err); /* slower, and exact as before */
	if (!rc && edge_memo_open(edge, err))
		edge_warn(edge, "ledger", err);
	if (!rc && vnep_journal_anew(edge->journal))
		edge_say(edge, LOG_WARNING, "journal: the index was made anew (%s)",
			vnep_journal_anew(edge->journal));
	return rc;
}

static int open_kernel(struct vnep_edge *edge, struct vnep_err *err)
{
	static const unsigned groups[] = { RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV6_IFADDR };
	struct vnep_ring_config ring = { .retire_ms = EDGE_RETIRE_MS,
		.block_octets = EDGE_RING_BLOCK,
		.block_count = EDGE_RING_BLOCKS };
	char peer[VNEP_IF_MAX + 1];
	bool made;
	int rc;

	rc = vnep_nl_open(&edge->rt, NETLINK_ROUTE, err);
	if (!rc)
		rc = vnep_nl_open(&edge->rt_events, NETLINK_ROUTE, err);
	for (size_t i = 0; !rc && i < sizeof groups / sizeof *groups; i++)
		rc = vnep_nl_join(edge->rt_events, groups[i], err);
	if (!rc)
		rc = open_ports(edge, err);
	if (!rc)
		rc = edge_ra_open(edge, err);
	if (!rc)
		rc = edge_mld_open(edge, err);
	if (!rc)
		rc = vnep_rtnl_journal_port(edge->rt, edge->config.acl.journal_port, &made, err);
	if (rc)
		return rc;
	vnep_rtnl_journal_peer(edge->config.acl.journal_port, peer);
	for (unsigned i = 0; i < edge->port_count; i++)
		if (edge->ports[i].mtu > EDGE_RING_BLOCK / 2)
			ring.block_octets = ring.block_count = 0;
	rc = edge_ring_open(edge, peer, &ring, err); /* before any rule sends to it */
	if (!rc)
		edge_bell_open(edge, peer);
	if (!rc)
		rc = vnep_acl_events_open(&edge->guard, err);
	return rc;
}

int vnep_edge_new(struct vnep_edge **out, const struct vnep_edge_config *config, const char *state,
	const char *socket, struct vnep_held *held, const struct vnep_edge_host *host,
	struct vnep_err *err)
{
	struct vnep_edge *edge = calloc(1, sizeof *edge);
	uint64_t changes = 0;
	int rc;

	if (!edge)
		return vnep_err_sys(err, ENOMEM, "edge");
	edge->config = *config;
	edge_clock_look(edge);
	edge->host = *host;
	edge->config.acl.state = edge->state;
	edge->held = held;
	edge->lock_fd = edge->listen_fd = -1;
	edge->replay_tail = &edge->replay_first;
	edge->calm_tail = &edge->calm_first;
	vnep_table_init(&edge->by_vep, offsetof(struct edge_device, vep), sizeof(struct in6_addr));
	vnep_table_init(&edge->by_dev, offsetof(struct edge_device, dev), VNEP_URN_MAX + 1);
	vnep_table_init(&edge->by_mac, offsetof(struct edge_device, l2), sizeof(struct edge_l2));
	vnep_table_init(&edge->by_l3, offsetof(struct edge_l3, key), sizeof(struct edge_l3_key));
	vnep_mids_init(&edge->mids);
	vnep_table_init(&edge->by_addr, 0, sizeof(struct in6_addr)); /* the first member */
	vnep_table_init(
		&edge->hosts, offsetof(struct edge_host, key), sizeof(struct edge_host_key));
	if (snprintf(edge->state, sizeof edge->state, "%s", state) >= (int)sizeof edge->state ||
		snprintf(edge->socket, sizeof edge->socket, "%s", socket) >=
			(int)sizeof edge->socket) {
		rc = vnep_err_sys(err, ENAMETOOLONG, "state folder or socket");
		goto fail;
	}
	edge_service_starting(edge);
	rc = edge_jail_begin(edge, err);
	if (!rc)
		rc = vnep_state_check(edge->state, 1, err);
	if (!rc)
		rc = edge_lock(edge, err);
	if (!rc)
		rc = edge_control_open(edge, err);
	if (!rc)
		rc = edge_jail(edge, err);
	if (!rc)
		rc = open_state(edge, err);
	if (!rc)
		rc = vnep_loop_new(&edge->loop);
	if (!rc)
		rc = open_kernel(edge, err);
	if (!rc)
		rc = make_watches(edge, err);
	if (!rc)
		rc = edge_acl_anew(edge, &changes, err);
	if (rc)
		goto fail;
	edge_ledger_open(edge);
	edge_ring_opened(edge);
	edge_hosts_adopt(edge);
	edge_replay_recall(edge);
	edge_uplink_open(edge);
	rc = edge_resume(edge, err);
	if (!rc)
		rc = edge_control_listen(edge, err);
	if (!rc && edge->ring_taken)
		edge_ingest_last(edge); /* what would kill us, too, does so before we are ready */
	else if (!rc)
		edge_announce_all(edge);
	if (!rc)
		rc = edge_period_open(edge, err);
	if (!rc)
		rc = edge_service_open(edge, err);
	if (rc)
		goto fail;
	edge->started = vnep_wall_now();
	edge_round_end(edge);
	vnep_timer_set(edge->retain, (int64_t)edge->config.retain.every_s * 1000);
	edge_say(edge, LOG_NOTICE,
		"ready: %u access ports, %zu devices bound, %llu kernel objects changed",
		edge->port_count - 1, edge->by_vep.count, (unsigned long long)changes);
	*out = edge;
	return 0;
fail:
	vnep_edge_free(edge);
	return rc;
}

int vnep_edge_run(struct vnep_edge *edge, struct vnep_err *err)
{
	int rc = vnep_loop_run(edge->loop);

	if (!rc && !edge->upgrading)
		vnep_held_tell(edge->held, VNEP_TELL_STOPPING);
	edge_service_stopping(edge);
	edge_ingest_all(edge);
	edge_hold_finish(edge);
	edge_ingest_last(edge);
	if (edge->withdraw)
		edge_ra_withdraw(edge);
	if (edge->ledger_dirty)
		edge_group(edge);
	edge_round_end(edge);
	return rc ? vnep_err_sys(err, -rc, "event loop") : 0;
}

void vnep_edge_free(struct vnep_edge *edge)
{
	if (!edge)
		return;
	edge->stopping = true;
	vnep_retaining_free(edge->retaining);
	edge_control_close(edge);
	edge_devices_release(edge);
	edge_hosts_release(edge);
	edge_uplink_release(edge);
	edge_ra_release(edge);
	edge_mld_release(edge);
	edge_claims_release(edge);
	vnep_heap_release(&edge->announcing.timer);
	edge_vpcs_release(edge);
	edge_groups_release(edge);
	edge_mcasts_release(edge);
	vnep_loop_free(edge->loop);
	vnep_ring_close(edge->ring);
	edge_bell_close(edge);
	vnep_acl_close(edge->acl);
	for (unsigned i = 0; i < edge->port_count; i++)
		vnep_inject_close(edge->ports[i].inject);
	vnep_mids_release(&edge->mids);
	vnep_nl_close(edge->rt);
	vnep_nl_close(edge->rt_events);
	vnep_nl_close(edge->guard);
	vnep_memo_close(edge->memo);
	vnep_journal_close(edge->journal);
	vnep_mapstore_close(edge->map);
	vnep_buf_release(&edge->told);
	vnep_buf_release(&edge->memberships);
	vnep_buf_release(&edge->scratch);
	vnep_buf_release(&edge->staged);
	vnep_buf_release(&edge->packed);
	if (edge->lock_fd >= 0)
		close(edge->lock_fd);
	free(edge);
}
