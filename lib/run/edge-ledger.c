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
 * The worker's part is stored with every journal group: in its segment where the group has anything else, every ten
 * seconds and at the end in any case, and in the index always. So an index that is made anew has it, too: what was only
 * answered since then is booked as lost. A kill between the group's sync and its index
 * leaves packets that are durable but not in the ledger: what the journal has more than the ledger knew came out of the
 * ring. After a kill the kernel's counters went on: the
 * difference is just what passed while there was no ring, and is booked as overrun.
 *
 * Where a holder keeps the ring, what the worker did not finish is in it. The ledger says which block was finished last,
 * and from where on there are frames for groups that still wait (edge-mcast-relay.c);
 * beside the journal's it is written to STATE/ledger, which outlives the process, whenever blocks are given back. Each has
 * a number, and the higher one is right.
 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

enum { LEDGER_VERSION = 6, SEGMENT_S = 10 };

/* On disk it is its version and each number that is not 0: one octet says which, eight have it. */
_Static_assert(
	sizeof(struct edge_ledger) % 8 == 0 && sizeof(struct edge_ledger) / 8 < 256, "words");
_Static_assert(
	1 + sizeof(struct edge_ledger) / 8 * 9 <= VNEP_MEMO_MAX, "it fits into STATE/ledger");

static void pack(struct vnep_buf *out, const struct edge_ledger *l)
{
	uint64_t word;

	vnep_buf_reset(out);
	vnep_buf_put_u8(out, LEDGER_VERSION);
	for (size_t i = 0; i < sizeof *l / 8; i++) {
		memcpy(&word, (const uint8_t *)l + 8 * i, 8);
		if (!word)
			continue;
		vnep_buf_put_u8(out, (uint8_t)i);
		vnep_buf_put_le64(out, word);
	}
}

static bool unpack(struct edge_ledger *l, const uint8_t *data, size_t len)
{
	*l = (struct edge_ledger){ 0 };
	if (len % 9 != 1 || data[0] != LEDGER_VERSION)
		return false;
	for (size_t at = 1; at < len; at += 9) {
		uint64_t word = vnep_le64(data + at + 1);

		if (data[at] >= sizeof *l / 8)
			return false;
		memcpy((uint8_t *)l + 8 * data[at], &word, 8);
	}
	return true;
}

/* Blocks that are read again for what is for groups were finished before. */
static uint64_t finished(const struct vnep_edge *edge)
{
	uint64_t done = vnep_ring_done(edge->ring);

	return done > edge->ring_stored ? done : edge->ring_stored;
}

/* What is behind it would have to be read again. */
static uint64_t needed_from(const struct vnep_edge *edge)
{
	uint64_t done = vnep_ring_done(edge->ring), waits = edge_relay_block(edge);

	return done < waits ? done : waits - 1;
}

static void stamp(struct vnep_edge *edge, struct edge_ledger *l)
{
	l->stamp = ++edge->ledger_stamp;
	l->ring_cookie = edge->ring_cookie;
	l->ring_block = finished(edge);
	l->ring_from = needed_from(edge);
}

int edge_ledger_put(struct vnep_edge *edge, struct edge_ledger *l, struct vnep_err *err)
{
	struct vnep_mono now = vnep_mono_now();
	bool segment = now.ns - edge->ledger_kept.ns > (int64_t)SEGMENT_S * 1000000000;

	stamp(edge, l);
	pack(&edge->packed, l);
	if (edge->packed.rc)
		return vnep_err_sys(err, -edge->packed.rc, "ledger");
	if (segment)
		edge->ledger_kept = now;
	return vnep_journal_ledger_put(
		edge->journal, edge->packed.data, edge->packed.len, segment, err);
}

/* The table's handle counts anew after a boot. */
static uint64_t boot(void)
{
	uint64_t h = 0xcbf29ce484222325;
	char text[64] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (file && !fgets(text, sizeof text, file))
		text[0] = 0;
	if (file)
		fclose(file);
	for (const char *p = text; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3;
	return h;
}

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
	edge->ledger = (struct edge_ledger){ .boot = boot(),
		.base = *now,
		.carried = pending_now(edge),
		.relay_block = edge->ledger.relay_block,
		.relay_place = edge->ledger.relay_place };
	edge->ledger_dirty = true;
}

/* The one that was written last, of those that are of this boot. */
static bool read_last(struct vnep_edge *edge, struct edge_ledger *l)
{
	struct edge_ledger memo;
	struct vnep_err err = { 0 };
	uint8_t packed[4096]; /* as much as a group carries */
	size_t len = 0;
	bool there;

	vnep_journal_ledger_get(edge->journal, packed, sizeof packed, &len, &err);
	there = len && unpack(l, packed, len);
	edge->ledger_stamp = l->stamp;
	there = there && l->boot == boot();
	len = edge->memo ? vnep_memo_get(edge->memo, packed, sizeof packed) : 0;
	if (!len || !unpack(&memo, packed, len) || memo.boot != boot() ||
		(there && memo.stamp <= l->stamp))
		return there;
	*l = memo;
	if (memo.stamp > edge->ledger_stamp)
		edge->ledger_stamp = memo.stamp;
	return true;
}

void edge_ledger_open(struct vnep_edge *edge)
{
	struct edge_ledger *l = &edge->ledger;
	struct vnep_acl_counters now = { 0 };

	counters(edge, &now);
	edge->ring_cookie = vnep_ring_cookie(edge->ring);
	if (!read_last(edge, l)) {
		*l = (struct edge_ledger){ 0 };
		begin(edge, &now);
		return;
	}
	if (l->ring_cookie == edge->ring_cookie) {
		vnep_ring_skip(edge->ring, l->ring_from);
		edge->ring_stored = l->ring_block;
	} else {
		l->relay_block = l->relay_place = 0;
	}
	if (l->base.generation != now.generation) {
		begin(edge, &now); /* another table */
		return;
	}
	l->ring_packets += pending_now(edge) - l->pending;
	l->pending = pending_now(edge);
	edge->ledger_dirty = true;
}

void edge_ledger_keep(struct vnep_edge *edge)
{
	struct edge_ledger *l = &edge->ledger;

	if (!edge->memo || edge->group_open || !vnep_ring_between(edge->ring))
		return;
	if (finished(edge) == l->ring_block && needed_from(edge) == l->ring_from &&
		!memcmp(l, &edge->ledger_memo, sizeof *l))
		return;
	stamp(edge, l);
	pack(&edge->packed, l);
	if (edge->packed.rc)
		return;
	edge->ledger_memo = *l;
	vnep_memo_put(edge->memo, edge->packed.data, edge->packed.len);
}

bool edge_ledger_behind(const struct vnep_edge *edge)
{
	const struct edge_ledger *l = &edge->ledger, *memo = &edge->ledger_memo;

	return edge->memo && !edge->group_open && vnep_ring_between(edge->ring) &&
	       l->answered + l->sent_on - memo->answered - memo->sent_on >= EDGE_REPLAY_BATCH;
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

	if (edge_relay_waits(edge) || counters(edge, &now) || now.journal != before->journal ||
		now.ask != before->ask || now.arrived != before->arrived)
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
