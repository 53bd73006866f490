/*
 * edge-ledger - the conservation law, exact between quiet points.
 *
 *     arrived + segmented = forwarded + delivered + pending + answered + sum(dropped)
 *
 * The kernel counts what it carries, drops and hands over (named counters, since the table was made); the worker
 * counts what became of what was handed over. What was handed over and never came out of the ring is lost; more
 * coming out than was handed over is segmentation (GSO). Both are known only when nothing is on the way, so they
 * are booked at a quiet point: the counters stand still while the ring has had time to close its blocks.
 *
 * The worker's part is stored with every journal group, in its index. A kill between the group's sync and its index
 * leaves packets that are durable but not in the ledger: what the journal has more than the ledger knew came out of the
 * ring. After a kill the kernel's counters went on: the
 * difference is just what passed while nobody read the ring, and is booked as overrun.
 */
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

enum { LEDGER_VERSION = 2 };

/* now - base, counter by counter: struct vnep_acl_counters is all uint64_t behind its generation. */
static struct vnep_acl_counters since(
	const struct vnep_acl_counters *now, const struct vnep_acl_counters *base)
{
	struct vnep_acl_counters d = *now;

	d.arrived -= base->arrived;
	d.forwarded_from_device -= base->forwarded_from_device;
	d.forwarded_to_device -= base->forwarded_to_device;
	d.journal -= base->journal;
	d.ask -= base->ask;
	for (int r = 0; r < VNEP_REASON_COUNT; r++)
		d.dropped[r] -= base->dropped[r];
	return d;
}

static int counters(struct vnep_edge *edge, struct vnep_acl_counters *out)
{
	struct vnep_err err = { 0 };
	int rc = vnep_acl_counters(edge->acl, out, &err);

	if (rc)
		edge_warn(edge, "counters", &err);
	return rc;
}

static uint64_t pending_now(struct vnep_edge *edge)
{
	struct vnep_journal_stat stat = { 0 };
	struct vnep_err err = { 0 };

	if (vnep_journal_stat(edge->journal, &stat, &err))
		edge_warn(edge, "journal", &err);
	return stat.pending;
}

/* A new interval, with what is pending. */
static void begin(struct vnep_edge *edge, const struct vnep_acl_counters *now)
{
	edge->ledger = (struct edge_ledger){
		.version = LEDGER_VERSION, .base = *now, .carried = pending_now(edge)
	};
	edge->ledger_dirty = true;
}

void edge_ledger_open(struct vnep_edge *edge)
{
	struct edge_ledger *l = &edge->ledger;
	struct vnep_acl_counters now = { 0 };
	struct vnep_err err = { 0 };
	size_t len = 0;

	counters(edge, &now);
	vnep_journal_ledger_get(edge->journal, l, sizeof *l, &len, &err);
	if (len == sizeof *l && l->version == LEDGER_VERSION &&
		l->base.generation == now.generation) {
		l->ring_packets += pending_now(edge) - l->pending;
		edge->ledger_dirty = true;
		return;
	}
	begin(edge, &now); /* another table or none before */
}

bool edge_ledger_follow(struct vnep_edge *edge)
{
	struct vnep_acl_counters now = edge->ledger.base;

	if (counters(edge, &now) || now.generation == edge->ledger.base.generation)
		return false;
	begin(edge, &now);
	return true;
}

void edge_ledger_terms(struct vnep_edge *edge, struct vnep_ledger_terms *out)
{
	const struct edge_ledger *l = &edge->ledger;
	struct vnep_acl_counters now = l->base, k;
	uint64_t handed, came = l->ring_packets + l->lost;

	counters(edge, &now);
	k = since(&now, &l->base);
	handed = k.journal + k.ask;
	*out = (struct vnep_ledger_terms){
		.arrived = k.arrived + l->carried,
		.segmented = came > handed ? came - handed : 0,
		.forwarded =
			k.forwarded_from_device + k.forwarded_to_device + l->sent_on - l->converted,
		.delivered = l->delivered,
		.pending = pending_now(edge),
		.answered = l->answered,
	};
	for (int r = 0; r < VNEP_REASON_COUNT; r++)
		out->dropped[r] = k.dropped[r] + l->dropped[r];
}

bool edge_ledger_quiet(struct vnep_edge *edge, const struct vnep_acl_counters *before)
{
	struct edge_ledger *l = &edge->ledger;
	struct vnep_acl_counters now, k;
	uint64_t handed, came, missing;

	if (counters(edge, &now) || now.journal != before->journal || now.ask != before->ask ||
		now.arrived != before->arrived)
		return false;
	k = since(&now, &l->base);
	handed = k.journal + k.ask;
	came = l->ring_packets + l->lost;
	if (handed <= came)
		return true;
	missing = handed - came;
	l->lost += missing;
	l->dropped[VNEP_OVERRUN] += missing;
	edge_journal_gap(edge, edge->config.acl.journal_port, missing, VNEP_OVERRUN);
	edge_say(edge, LOG_WARNING,
		"ring: %llu packets were lost before they could be read (overrun)",
		(unsigned long long)missing);
	return true;
}

void edge_drop(struct vnep_edge *edge, struct edge_device *d, enum vnep_reason reason)
{
	edge->ledger.dropped[reason]++;
	edge->ledger_dirty = true;
	if (d)
		d->dropped++;
}
