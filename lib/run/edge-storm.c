/*
 * edge-storm - thousands wake at once: who is next, and how much an access port gets.
 *
 * Two lines. In one all stand in turns, each for a batch; in the other those whose packets expire (dl_buffering.duration_s),
 * the nearest deadline first. They are served by turns, so that neither waits for the end of the other.
 *
 * Each access port has a bucket of tokens, one a packet: as many as replay-pps of the configuration a second, at most what
 * is due in BURST_MS.
 */
#include <stddef.h>

#include "edge-priv.h"

enum { BURST_MS = 20, NS_PER_S = 1000000000 };

/* ---- who ---- */

static int take_ts(const struct vnep_event *event, unsigned attempt, void *arg)
{
	(void)attempt;
	*(struct vnep_wall *)arg = event->ts;
	return 1;
}

/* When the oldest packet that waits expires; false: nobody can say. */
static bool deadline(struct vnep_edge *edge, struct edge_device *d, struct vnep_mono *out)
{
	struct vnep_wall oldest = { 0 };

	if (!d->dl_duration_s)
		return false;
	vnep_journal_pending(edge->journal, d->dev, d->replay_next, 1, take_ts, &oldest, NULL);
	if (!oldest.ns)
		return false;
	*out = vnep_mono_now();
	out->ns += (int64_t)d->dl_duration_s * NS_PER_S - edge_age_ns(edge, oldest);
	return true;
}

void edge_storm_enter(struct vnep_edge *edge, struct edge_device *d, bool may_expire)
{
	struct vnep_mono at;

	edge->replay_line++;
	d->replay_port = d->port;
	if (d->port)
		d->port->replay_line++;
	if (may_expire && deadline(edge, d, &at) &&
		!vnep_heap_set(&edge->expiring, &d->expires, at))
		return;
	d->replay_link = NULL;
	d->replay_back = edge->replay_tail;
	*edge->replay_tail = d;
	edge->replay_tail = &d->replay_link;
}

void edge_storm_leave(struct vnep_edge *edge, struct edge_device *d)
{
	if (d->expires.slot) {
		vnep_heap_remove(&edge->expiring, &d->expires);
	} else if (d->replay_back) {
		*d->replay_back = d->replay_link;
		if (d->replay_link)
			d->replay_link->replay_back = d->replay_back;
		else
			edge->replay_tail = d->replay_back;
		d->replay_back = NULL;
	} else {
		return;
	}
	edge->replay_line--;
	if (d->replay_port)
		d->replay_port->replay_line--;
}

struct edge_device *edge_storm_next(struct vnep_edge *edge)
{
	struct vnep_heap_node *node = vnep_heap_first(&edge->expiring);

	edge->replay_turn = !edge->replay_turn;
	if (node && (edge->replay_turn || !edge->replay_first))
		return (void *)((char *)node - offsetof(struct edge_device, expires));
	return edge->replay_first;
}

/* ---- how much ---- */

size_t edge_storm_room(const struct vnep_edge *edge, struct edge_port *port, struct vnep_mono now)
{
	double pps = edge->config.replay_pps, most = pps * BURST_MS / 1000;

	if (!edge->config.replay_pps)
		return EDGE_REPLAY_BATCH;
	port->tokens += (double)(now.ns - port->filled.ns) * pps / NS_PER_S;
	if (port->tokens > most)
		port->tokens = most > 1 ? most : 1;
	port->filled = now;
	return port->tokens < 1                   ? 0
	       : port->tokens < EDGE_REPLAY_BATCH ? (size_t)port->tokens
						  : EDGE_REPLAY_BATCH;
}

void edge_storm_spend(const struct vnep_edge *edge, struct edge_port *port, size_t packets)
{
	if (edge->config.replay_pps)
		port->tokens -= (double)packets;
}

bool edge_storm_dry(struct vnep_edge *edge, struct vnep_mono now)
{
	for (unsigned i = 0; i + 1 < edge->port_count; i++)
		if (edge->ports[i].replay_line && edge_storm_room(edge, &edge->ports[i], now))
			return false;
	return edge->config.replay_pps;
}
