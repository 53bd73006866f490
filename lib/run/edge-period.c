/*
 * edge-period - when a device that sleeps is expected, and the word that it did not come.
 *
 * A device with a periodic update says when: T3412 of its record runs from when it went idle (TS 24.301 5.3.5). For others
 * it is learned: two connections in a row that began as far apart as the two before, to a tenth, make a period. Being late is
 * told once, a tenth of the period behind the time, at least a second and at most the four minutes that a core network waits
 * (mobile reachable timer).
 *
 * A worker that starts learns from the journal what the one before it knew, device by device beside its other work. Times
 * that went by while nobody looked are skipped.
 */
#include <errno.h>
#include <stddef.h>
#include <syslog.h>

#include "edge-priv.h"
#include "vnep/err.h"

#define SECOND INT64_C(1000000000)
enum {
	RECALL_MS = 100,
	RECALL_DEVICES = 50, /* in that time */
	RECALL_EVENTS = 64,  /* of each, the latest */
};

static int64_t difference(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

static int64_t patience(int64_t period)
{
	int64_t tenth = period / 10;

	return tenth < SECOND ? SECOND : tenth > 240 * SECOND ? 240 * SECOND : tenth;
}

void edge_period_came(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_mono now = vnep_mono_now();
	int64_t apart = d->came.ns ? now.ns - d->came.ns : 0;

	d->period = apart && difference(apart, d->apart) <= d->apart / 10 ? apart : 0;
	d->apart = apart;
	d->came = now;
	d->next_expected.ns = 0;
	vnep_heap_remove(&edge->overdue, &d->overdue);
}

static void expect(
	struct vnep_edge *edge, struct edge_device *d, struct vnep_mono slept, int64_t idle_ns)
{
	struct vnep_mono now = vnep_mono_now();
	int64_t period = d->t3412_s ? d->t3412_s * SECOND : d->period, left;

	if (!period)
		return;
	left = (d->t3412_s ? slept.ns - idle_ns : d->came.ns) + period - now.ns;
	if (left < 0)
		left += (-left / period + 1) * period;
	d->next_expected.ns = vnep_wall_now().ns + left;
	now.ns += left + patience(period);
	if (vnep_heap_set(&edge->overdue, &d->overdue, now))
		edge_say(edge, LOG_ERR, "device: no memory for the timer of %s", d->dev);
}

void edge_period_slept(struct vnep_edge *edge, struct edge_device *d, int64_t idle_ns)
{
	expect(edge, d, vnep_mono_now(), idle_ns);
}

void edge_period_due(struct vnep_edge *edge)
{
	struct vnep_mono now = vnep_mono_now();
	struct edge_device *d;

	while (!vnep_mono_over(now, EDGE_TURN_MS) &&
		(d = vnep_heap_due(&edge->overdue, now, offsetof(struct edge_device, overdue))))
		edge_tell_presence(edge, d, vnep_life_presence(d->life), VNEP_CAUSE_OVERDUE);
}

/* ---- what the worker before this one knew ---- */

struct marks {
	struct vnep_wall came[3], slept; /* the latest at last */
	unsigned count;
};

static int take_mark(const struct vnep_event *event, unsigned attempts, void *arg)
{
	struct marks *m = arg;

	(void)attempts;
	if (event->kind == VNEP_KIND_DISCONNECT)
		m->slept = event->ts;
	if (event->kind != VNEP_KIND_CONNECT)
		return 0;
	m->came[0] = m->came[1];
	m->came[1] = m->came[2];
	m->came[2] = event->ts;
	m->count += m->count < 3;
	return 0;
}

static void recall(struct vnep_edge *edge, struct edge_device *d)
{
	uint64_t from = d->head_seq > RECALL_EVENTS ? d->head_seq - RECALL_EVENTS + 1 : 1;
	struct marks m = { 0 };

	if (d->apart || d->next_expected.ns || !d->head_seq)
		return;
	if (vnep_journal_events(edge->journal, d->dev, from, d->head_seq, take_mark, &m, NULL) ||
		!m.count)
		return;
	d->came = edge_when(edge, m.came[2]);
	if (m.count > 1)
		d->apart = m.came[2].ns - m.came[1].ns;
	if (m.count > 2 && difference(d->apart, m.came[1].ns - m.came[0].ns) <= d->apart / 10)
		d->period = d->apart;
	if (d->life == VNEP_LIFE_ASLEEP && m.slept.ns > m.came[2].ns)
		expect(edge, d, edge_when(edge, m.slept), 0);
}

/* Who comes meanwhile is looked at, too, or not: that changes little. A table that grew has another order. */
static void on_recall(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;
	struct edge_device *d = NULL;

	if (edge->recall_room != edge->by_vep.cap)
		edge->recall_at = 0;
	edge->recall_room = edge->by_vep.cap;
	for (unsigned n = 0; n < RECALL_DEVICES; n++) {
		d = vnep_table_next(&edge->by_vep, &edge->recall_at);
		if (!d)
			break;
		recall(edge, d);
	}
	vnep_timer_set(watch, d ? RECALL_MS : -1);
	edge_round_end(edge);
}

int edge_period_open(struct vnep_edge *edge, struct vnep_err *err)
{
	struct vnep_watch *timer = vnep_loop_timer(edge->loop, on_recall, edge);

	if (!timer)
		return vnep_err_sys(err, ENOMEM, "event loop");
	vnep_timer_set(timer, RECALL_MS);
	return 0;
}
