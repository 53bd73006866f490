/*
 * edge-totals - status and metrics: numbers that are exact only where nothing is on the way.
 *
 * So who asks waits for a quiet point, for 40 looks at most. However many ask, one timer looks for all of them.
 */
#include <errno.h>

#include "edge-client.h"

enum { LOOKS = 40, LOOK_MS = 2 * EDGE_RETIRE_MS + 1 /* the ring has closed its blocks by then */ };

static void answer(struct vnep_edge *edge, struct edge_client *client)
{
	struct vnep_ledger_terms terms;

	if (client->waits == EDGE_WAITS_FOR_METRICS) {
		edge_metrics_encode(edge, &edge->scratch);
	} else {
		edge_ledger_terms(edge, &terms);
		vnep_ledger_encode(&edge->scratch, edge->config.name, vnep_wall_now(), &terms);
	}
	edge_reply(client, &edge->scratch);
	edge_reply_done(client, 0);
	client->waits = EDGE_WAITS_NOT;
}

static void on_look(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;
	struct edge_client *client, *next;
	struct vnep_err err = { 0 };
	bool unread = edge_ingest(edge), now, waiting = false;

	now = (!unread && edge_ledger_quiet(edge, &edge->looked_at)) ||
	      vnep_acl_counters(edge->acl, &edge->looked_at, &err);
	edge_round_end(edge);
	for (client = edge->clients; client; client = next) {
		next = client->next;
		if (client->waits == EDGE_WAITS_NOT)
			continue;
		if (now || ++client->looks >= LOOKS) {
			answer(edge, client);
			edge_client_push(client);
		} else {
			waiting = true;
		}
	}
	edge->looking = waiting;
	if (waiting)
		vnep_timer_set(watch, LOOK_MS);
}

/* Who comes while others wait is answered with them: what is quiet then, is quiet for all. */
void edge_totals(struct vnep_edge *edge, struct edge_client *client, enum edge_waits waits)
{
	struct vnep_err err = { 0 };
	int rc = 0;

	if (!edge->look)
		edge->look = vnep_loop_timer(edge->loop, on_look, edge);
	if (!edge->look)
		rc = vnep_err_sys(&err, ENOMEM, "event loop");
	if (!rc && !edge->looking)
		rc = vnep_acl_counters(edge->acl, &edge->looked_at, &err);
	if (rc) {
		edge_done_with(client, rc, &err);
		return;
	}
	client->waits = waits;
	client->looks = 0;
	if (!edge->looking)
		vnep_timer_set(edge->look, LOOK_MS);
	edge->looking = true;
}
