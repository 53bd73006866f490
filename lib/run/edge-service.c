/* edge-service - the service manager: ready, alive, reloading, and one line that says how it goes. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "edge-priv.h"

enum {
	BEAT_MS = 10000,
	BEATS = 3,
	START_S = 600
}; /* of them in the time that the watchdog gives */

static void say(struct vnep_edge *edge, const char *text)
{
	if (edge->host.notify)
		edge->host.notify(text, edge->host.arg);
}

/* How long the manager may hear nothing. */
static void patience(struct vnep_edge *edge, uint64_t us)
{
	char text[48];

	snprintf(text, sizeof text, "WATCHDOG_USEC=%llu\n", (unsigned long long)us);
	if (edge->host.watchdog_us)
		say(edge, text);
}

/* A worker after the first one starts under a watchdog that runs already, and a journal may need making anew. */
void edge_service_starting(struct vnep_edge *edge)
{
	patience(edge, START_S * UINT64_C(1000000));
}

static void beat(struct vnep_edge *edge, const char *first)
{
	struct vnep_journal_stat journal = { 0 };
	const size_t *n = edge->lives;
	char text[256];

	vnep_journal_stat(edge->journal, &journal, NULL);
	snprintf(text, sizeof text,
		"%sSTATUS=%zu awake, %zu waking, %zu asleep; %llu packets pending\n", first,
		n[VNEP_LIFE_AWAKE], n[VNEP_LIFE_WAKING] + n[VNEP_LIFE_HOLDING], n[VNEP_LIFE_ASLEEP],
		(unsigned long long)journal.pending);
	say(edge, text);
}

void edge_service_reloading(struct vnep_edge *edge)
{
	struct timespec
		now; /* the clock that the manager has: it stands still while the machine sleeps */
	char text[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
		(long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	say(edge, text);
}

void edge_service_stopping(struct vnep_edge *edge)
{
	if (edge->upgrading)
		edge_service_reloading(edge); /* until the next one says that it is ready */
	else
		say(edge, "STOPPING=1");
}

void edge_service_ready(struct vnep_edge *edge)
{
	if (edge->beat)
		beat(edge, "READY=1\n");
}

static void on_beat(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;
	int64_t ms = BEAT_MS;

	beat(edge, edge->host.watchdog_us ? "WATCHDOG=1\n" : "");
	if (edge->host.watchdog_us && (int64_t)(edge->host.watchdog_us / 1000 / BEATS) < ms)
		ms = (int64_t)(edge->host.watchdog_us / 1000 / BEATS);
	vnep_timer_set(watch, ms);
}

int edge_service_open(struct vnep_edge *edge, struct vnep_err *err)
{
	if (!edge->host.notify)
		return 0;
	edge->beat = vnep_loop_timer(edge->loop, on_beat, edge);
	if (!edge->beat)
		return vnep_err_sys(err, ENOMEM, "event loop");
	patience(edge, edge->host.watchdog_us);
	edge_service_ready(edge);
	vnep_timer_set(edge->beat, 0);
	return 0;
}
