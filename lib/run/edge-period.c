/*
 * edge-period - when a device that sleeps is expected, and the word that it did not come.
 *
 * A device with a periodic update says when: T3412 of its record runs from when it went idle (TS 24.301 5.3.5). For others
 * it is learned: two connections in a row that began as far apart as the two before, to a tenth, make a period. It is known
 * as long as the daemon lives. Being late is told once, a tenth of the period behind the time, at least a second and at most
 * the four minutes that a core network waits (mobile reachable timer).
 */
#include <stddef.h>
#include <syslog.h>

#include "edge-priv.h"

#define SECOND INT64_C(1000000000)

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

void edge_period_slept(struct vnep_edge *edge, struct edge_device *d, int64_t idle_ns)
{
	struct vnep_mono now = vnep_mono_now();
	int64_t period = d->t3412_s ? d->t3412_s * SECOND : d->period, left;

	if (!period)
		return;
	left = d->t3412_s ? period - idle_ns : d->came.ns + period - now.ns;
	d->next_expected.ns = vnep_wall_now().ns + left;
	now.ns += left + patience(period);
	if (vnep_heap_set(&edge->overdue, &d->overdue, now))
		edge_say(edge, LOG_ERR, "device: no memory for the timer of %s", d->dev);
}

void edge_period_due(struct vnep_edge *edge)
{
	struct vnep_mono now = vnep_mono_now();
	struct edge_device *d;

	while (!vnep_mono_over(now, EDGE_TURN_MS) &&
		(d = vnep_heap_due(&edge->overdue, now, offsetof(struct edge_device, overdue))))
		edge_tell_presence(edge, d, vnep_life_presence(d->life), VNEP_CAUSE_OVERDUE);
}
