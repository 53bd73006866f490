/*
 * edge-retain - the journal keeps what the configuration and the map say, and no more.
 *
 * Every retain-every a run begins (vnep/retention.h). It goes in steps of a few milliseconds, with three times as long
 * for everything else behind each; only where a segment takes the place of another one, the index follows at once. The next run
 * waits for twenty times as long as this one worked, so a journal of any size costs a twentieth of a processor.
 *
 * Who waits and goes gets an outcome in the edge's own journal group, with its ledger: nothing else counts it.
 */
#include <errno.h>
#include <syslog.h>

#include "edge-priv.h"
#include "vnep/retention.h"

enum { STEP_EVENTS = 512, STEP_US = 3000, REST = 3, RUN_REST = 20 };

int edge_retain_settle(const struct vnep_outcome *outcome, uint32_t frame_octets, void *arg)
{
	struct vnep_edge *edge = arg;
	struct edge_device *d = edge_device_by_dev(edge, outcome->dev);
	struct vnep_outcome o = *outcome;
	struct vnep_err err = { 0 };
	int rc;

	if (d) {
		if (!edge_journal_settle(edge, d, o.seq, frame_octets, o.outcome, o.reason, 0))
			return -EIO;
		if (d->uplink) /* which of the two it was, the journal knows */
			edge_device_reload(edge, d);
		return 0;
	}
	rc = edge_group(edge); /* the map does not know it any more */
	if (!rc)
		rc = vnep_journal_outcome(edge->journal, &o, &err);
	if (rc)
		return rc;
	edge->delta.pending--;
	edge->delta.dropped[o.reason]++;
	vnep_outcome_encode(&edge->told, &o);
	return 0;
}

void edge_retain_cancel(struct vnep_edge *edge)
{
	if (!edge->retaining)
		return;
	vnep_retaining_free(edge->retaining);
	edge->retaining = NULL;
	vnep_timer_set(edge->retain, (int64_t)edge->config.retain.every_s * 1000);
}

static int start(struct vnep_edge *edge, struct vnep_err *err)
{
	const struct vnep_retain *c = &edge->config.retain;
	struct vnep_retention limits = { .steady = &edge->steady,
		.octets = c->octets,
		.vpc_octets = c->vpc_octets,
		.packets = c->packets };

	edge_clock_look(edge);
	if (c->age_s)
		limits.before = vnep_steady_limit(&edge->steady, (int64_t)c->age_s * 1000000000);
	edge->retain_busy_ns = 0;
	return vnep_retaining_new(
		&edge->retaining, edge->journal, &limits, false, edge_retain_settle, edge, err);
}

/* Has nothing happened since the last run, and is nothing too old by now? Then an idle edge sleeps. */
static bool idle(struct vnep_edge *edge)
{
	struct edge_retained *last = &edge->retained;
	struct vnep_journal_stat stat = { 0 };
	int64_t now = vnep_mono_now().ns, age_ns = (int64_t)edge->config.retain.age_s * 1000000000;
	bool same;

	if (vnep_journal_stat(edge->journal, &stat, NULL))
		return false;
	same = last->at.ns && last->events == stat.events && last->newest.ns == stat.newest.ns &&
	       last->map_revision == edge->map_revision && !stat.pending &&
	       (!age_ns || now - last->at.ns < age_ns / 32);
	if (!same)
		*last = (struct edge_retained){ { now }, stat.events, edge->map_revision,
			stat.newest };
	return same;
}

/* 1: there is more to do. */
static int work(struct vnep_edge *edge, int64_t until_ns, struct vnep_err *err)
{
	struct vnep_map_txn *txn;
	bool settled;
	int rc = edge->retaining ? 0 : start(edge, err), more = 1;

	while (!rc && more == 1) {
		rc = vnep_map_begin(edge->map, false, &txn, err);
		if (rc)
			break;
		more = vnep_retaining_step(edge->retaining, txn, STEP_EVENTS, err);
		vnep_map_abort(txn);
		settled = edge->group_open;
		edge_group_end(edge); /* what was settled, before it goes */
		rc = more < 0 ? more : settled ? edge->group_error : 0;
		if (vnep_mono_now().ns >= until_ns)
			break;
	}
	return rc ? rc : more;
}

static void say(struct vnep_edge *edge)
{
	const struct vnep_retention_result *r = vnep_retaining_result(edge->retaining);

	if (r->settled || r->pruned.events)
		edge_say(edge, LOG_INFO,
			"retention: %llu that waited settled, %llu events taken out, %llu octets "
			"given back",
			(unsigned long long)r->settled, (unsigned long long)r->pruned.events,
			(unsigned long long)r->pruned.octets);
	if (r->pruned.lost)
		edge_say(edge, LOG_WARNING,
			"retention: %llu events lost with segments that are not there any more",
			(unsigned long long)r->pruned.lost);
}

void edge_retain(struct vnep_edge *edge)
{
	int64_t began = vnep_mono_now().ns, spent, pause;
	struct vnep_err err = { 0 };
	int more;

	edge_group_end(edge);
	if (!edge->retaining && idle(edge)) {
		vnep_timer_set(edge->retain, (int64_t)edge->config.retain.every_s * 1000);
		return;
	}
	more = work(edge, began + STEP_US * 1000, &err);
	spent = vnep_mono_now().ns - began;
	edge->retain_busy_ns += spent;
	if (more == 1) {
		vnep_timer_set(edge->retain, spent * REST / 1000000 + 1);
		return;
	}
	if (more < 0)
		edge_warn(edge, "retention", &err);
	if (edge->retaining)
		say(edge); /* also of a run that failed */
	if (more < 0 || vnep_retaining_result(edge->retaining)->settled)
		edge->retained.at.ns = 0; /* look again */
	vnep_retaining_free(edge->retaining);
	edge->retaining = NULL;
	pause = edge->retain_busy_ns / 1000000 * RUN_REST;
	if (pause < (int64_t)edge->config.retain.every_s * 1000)
		pause = (int64_t)edge->config.retain.every_s * 1000;
	vnep_timer_set(edge->retain, pause);
}
