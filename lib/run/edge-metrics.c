/* edge-metrics - the state of the edge as numbers: what `vnep-edge metrics` and `top` show. */
#include <stdlib.h>

#include "edge-priv.h"
#include "vnep/metrics.h"

static void ledger(struct vnep_edge *edge, struct vnep_buf *out)
{
	uint64_t back = edge->ledger.converted;
	struct vnep_ledger_terms t;
	int64_t difference;

	edge_ledger_terms(edge, &t);
	difference = vnep_ledger_difference(&t);
	vnep_metric_encode(out, VNEP_METRIC_FRAMES, "arrived", t.arrived);
	vnep_metric_encode(out, VNEP_METRIC_FRAMES, "segmented", t.segmented);
	vnep_metric_encode(out, VNEP_METRIC_FRAMES, "forwarded", t.forwarded + back);
	vnep_metric_encode(
		out, VNEP_METRIC_FRAMES, "taken-back", back); /* a counter never shrinks */
	vnep_metric_encode(out, VNEP_METRIC_FRAMES, "delivered", t.delivered);
	vnep_metric_encode(out, VNEP_METRIC_FRAMES, "answered", t.answered);
	for (int r = VNEP_REASON_NONE + 1; r < VNEP_REASON_COUNT; r++)
		vnep_metric_encode(out, VNEP_METRIC_DROPPED, vnep_reason_text((enum vnep_reason)r),
			t.dropped[r]);
	vnep_metric_encode(out, VNEP_METRIC_PENDING, NULL, t.pending);
	vnep_metric_encode(out, VNEP_METRIC_DIFFERENCE, NULL,
		(uint64_t)(difference < 0 ? -difference : difference));
}

static void devices(struct vnep_edge *edge, struct vnep_buf *out)
{
	size_t states[VNEP_STATE_AWAKE + 1] = { 0 };
	struct vnep_map_stat map = { 0 };
	struct vnep_map_txn *txn;

	for (int life = 0; life <= VNEP_LIFE_AWAKE; life++)
		states[vnep_life_presence((enum vnep_life)life)] += edge->lives[life];
	for (int s = VNEP_STATE_UNKNOWN; s <= VNEP_STATE_AWAKE; s++)
		vnep_metric_encode(out, VNEP_METRIC_DEVICES,
			vnep_state_text((enum vnep_presence_state)s), states[s]);
	if (!vnep_map_begin(edge->map, false, &txn, NULL)) {
		vnep_map_stat(txn, &map, NULL);
		vnep_map_abort(txn);
	}
	vnep_metric_encode(out, VNEP_METRIC_MAP_DEVICES, NULL, map.devices);
	vnep_metric_encode(out, VNEP_METRIC_MAP_REVISION, NULL, edge->map_revision);
	vnep_metric_encode(out, VNEP_METRIC_REPLAYING, NULL, edge->replay_line);
	vnep_metric_encode(out, VNEP_METRIC_REPLAYED, NULL, edge->replayed);
}

static void journal(struct vnep_edge *edge, struct vnep_buf *out)
{
	struct vnep_journal_stat j = { 0 };

	vnep_journal_stat(edge->journal, &j, NULL);
	vnep_metric_encode(out, VNEP_METRIC_JOURNAL_EVENTS, NULL, j.events);
	vnep_metric_encode(out, VNEP_METRIC_JOURNAL_OCTETS, NULL, j.octets);
	vnep_metric_encode(out, VNEP_METRIC_JOURNAL_SEGMENTS, NULL, j.segments);
	vnep_metric_encode(
		out, VNEP_METRIC_JOURNAL_OLDEST, NULL, (uint64_t)(j.oldest.ns / 1000000000));
}

void edge_metrics_encode(struct vnep_edge *edge, struct vnep_buf *out)
{
	ledger(edge, out);
	devices(edge, out);
	journal(edge, out);
	for (unsigned i = 0; i < edge->port_count; i++)
		vnep_metric_encode(
			out, VNEP_METRIC_PORT_UP, edge->ports[i].name, edge->ports[i].up);
	for (unsigned i = 0; i + 1 < edge->port_count; i++)
		vnep_metric_encode(out, VNEP_METRIC_PORT_WAKING, edge->ports[i].name,
			edge->ports[i].replay_line);
	edge_mld_metrics(edge, out);
	vnep_metric_encode(out, VNEP_METRIC_CLIENTS, NULL, edge->client_count);
	vnep_metric_encode(out, VNEP_METRIC_START, NULL, (uint64_t)(edge->started.ns / 1000000000));
}
