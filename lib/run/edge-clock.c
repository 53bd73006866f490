/*
 * edge-clock - the wall clock may be set a day forward or back while packets wait, and nothing is decided otherwise for it.
 *
 * Timers run on the time since boot. But packets and events have the wall clock's time: how old they are, and which came
 * first, is asked here. A worker that starts knows of no jump before it, and what is older than the boot can only be
 * judged by the wall clock.
 */
#include <syslog.h>

#include "edge-priv.h"

void edge_clock_look(struct vnep_edge *edge)
{
	struct vnep_mono before = vnep_mono_now();
	struct vnep_wall wall = vnep_wall_now();
	struct vnep_mono boot = { before.ns + (vnep_mono_now().ns - before.ns) / 2 };

	if (vnep_steady_look(&edge->steady, boot, wall))
		edge_say(edge, LOG_NOTICE, "clock: it was set; what waits is as old as it was");
}

int64_t edge_age_ns(struct vnep_edge *edge, struct vnep_wall ts)
{
	edge_clock_look(edge);
	return vnep_steady_age_ns(&edge->steady, vnep_mono_now(), ts);
}

struct vnep_mono edge_when(struct vnep_edge *edge, struct vnep_wall ts)
{
	int64_t age = edge_age_ns(edge, ts);

	return (struct vnep_mono){ vnep_mono_now().ns - age };
}

bool edge_too_old(
	struct vnep_edge *edge, const struct edge_device *d, const struct vnep_event *event)
{
	return d->dl_duration_s &&
	       edge_age_ns(edge, event->ts) > (int64_t)d->dl_duration_s * 1000000000;
}
