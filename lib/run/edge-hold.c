/*
 * edge-hold - the hand-over gate, for devices and for hosts of the VPC alike (models/handover.pml V=3).
 *
 * Whoever is held has its traffic queued by the kernel behind a neighbour that is not there. One membarrier() in a
 * thread serves all that wait: behind it no packet is decided by the old set any more. Then the ring gets the time
 * to close its blocks and is read to its end; what the worker still has is sent, and the neighbour is installed:
 * the kernel sends its queue on, behind everything.
 *
 * The kernel releases such a queue packet by packet, with its lock open in between: what another processor forwards
 * in these microseconds overtakes what is still queued (net/core/neighbour.c, __neigh_update). So the queue is kept
 * short: the hand-over begins in a lull, and until there is one the worker forwards. Only of a stream so dense that the
 * worker does lose packets it is begun without.
 */
#include <stddef.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#include "edge-priv.h"

enum {
	MEMBARRIER_GLOBAL = 1 /* linux/membarrier.h */,
	UNSENT_WAIT_MS = 1,
	JOURNAL_RETRY_MS = 1000,
	SETTLE_US = (2 * EDGE_RETIRE_MS + 1) * 1000,
	ARRIVE_MS = 500, /* a frame may lie so long between the two ends of the journal port */
	LULL_MS = 10,
	TURN_MS = 5,    /* hand-overs at a time: each takes the kernel some ten microseconds */
	CALM_MS = 1000, /* others' packets go first for so long */
	DENSE_FRAMES = 4096,
};

/* ---- waiting for a lull ---- */

/* Looks at the ring's losses every DENSE_FRAMES. */
void edge_hold_came(struct vnep_edge *edge, struct edge_held *held)
{
	held->last = vnep_mono_now();
	if (!held->begin || ++held->counted < DENSE_FRAMES || held->dense)
		return;
	held->dense = vnep_ring_drops(edge->ring) > held->lost_before;
	held->counted = 0;
	if (held->dense && held->lull.slot) /* it is there: only its time changes */
		vnep_heap_set(&edge->lulls, &held->lull, held->last);
}

static void calm_leave(struct vnep_edge *edge, struct edge_held *held)
{
	if (!held->calm_at)
		return;
	*held->calm_at = held->calm_next;
	if (held->calm_next)
		held->calm_next->calm_at = held->calm_at;
	else
		edge->calm_tail = held->calm_at;
	held->calm_at = NULL;
}

static void look_for_lull(struct vnep_edge *edge, struct edge_held *held, struct vnep_mono now)
{
	void (*begin)(struct vnep_edge *, struct edge_held *) = held->begin;
	struct vnep_mono at =
		edge->ring_unread ? now : held->last; /* who knows what is still to be read */

	calm_leave(edge, held);
	at.ns += LULL_MS * 1000000LL;
	if (!held->dense && at.ns > now.ns && !vnep_heap_set(&edge->lulls, &held->lull, at))
		return; /* without memory for a timer order is at stake, not the packets */
	vnep_heap_remove(&edge->lulls, &held->lull);
	held->begin = NULL;
	begin(edge, held);
}

/* False: it waits already. */
static bool begin_to_wait(struct vnep_edge *edge, struct edge_held *held,
	void (*begin)(struct vnep_edge *edge, struct edge_held *held))
{
	if (held->begin)
		return false;
	held->begin = begin;
	held->lost_before = vnep_ring_drops(edge->ring);
	held->counted = 0;
	held->dense = false;
	return true;
}

void edge_hold_in_lull(struct vnep_edge *edge, struct edge_held *held,
	void (*begin)(struct vnep_edge *edge, struct edge_held *held))
{
	if (begin_to_wait(edge, held, begin))
		look_for_lull(edge, held, vnep_mono_now());
}

/* A hand-over takes the kernel as long as some ten packets take us: where thousands wake at once, those who have
 * everything let go first who has nothing yet, and then share a barrier. */
void edge_hold_when_calm(struct vnep_edge *edge, struct edge_held *held,
	void (*begin)(struct vnep_edge *edge, struct edge_held *held))
{
	if (!begin_to_wait(edge, held, begin))
		return;
	held->done = vnep_mono_now();
	held->calm_next = NULL;
	held->calm_at = edge->calm_tail;
	*edge->calm_tail = held;
	edge->calm_tail = &held->calm_next;
}

bool edge_hold_calm(struct vnep_edge *edge, bool calm)
{
	struct vnep_mono began = vnep_mono_now(), now = began;
	struct edge_held *held;

	while ((held = edge->calm_first) &&
		(calm || held->done.ns + CALM_MS * 1000000LL <= now.ns)) {
		if (now.ns - began.ns > TURN_MS * 1000000LL)
			return true;
		look_for_lull(edge, held, now);
		now = vnep_mono_now();
	}
	return false;
}

void edge_hold_lulls(struct vnep_edge *edge)
{
	struct vnep_mono now = vnep_mono_now();
	struct edge_held *held;

	while (!vnep_mono_over(now, EDGE_TURN_MS) &&
		(held = vnep_heap_due(&edge->lulls, now, offsetof(struct edge_held, lull))))
		look_for_lull(edge, held, now);
}

/* ---- the gate ---- */

/*
 * Between the ends of the journal port lies a queue of each processor: on a busy machine a frame may stay there for
 * longer than a ring block is open. The port counts at its near end, so what was on the way at the barrier is what it
 * had carried until then, less what was read.
 */
static uint64_t carried(struct vnep_edge *edge)
{
	char peer[VNEP_IF_MAX + 1];
	struct vnep_link link;

	vnep_rtnl_journal_peer(edge->config.acl.journal_port, peer);
	return vnep_rtnl_link(edge->rt, peer, &link, NULL) ? 0 : link.rx_packets;
}

/* What waits in the ring is counted when it is read. Both numbers are of one moment if the first stood still. */
void edge_ring_opened(struct vnep_edge *edge)
{
	uint64_t before, waiting, after = carried(edge);

	for (int tries = 0; tries < 20; tries++) {
		before = after;
		waiting = vnep_ring_waiting(edge->ring);
		after = carried(edge);
		edge->ring_base = after > waiting ? after - waiting : 0;
		if (after == before)
			return;
	}
}

static void aim(struct vnep_edge *edge)
{
	uint64_t now = carried(edge);

	edge->ring_target = now > edge->ring_base ? now - edge->ring_base : 0;
	edge->ring_lost = vnep_ring_drops(edge->ring);
	edge->ring_until = vnep_mono_now();
	edge->ring_until.ns += ARRIVE_MS * 1000000LL;
}

/* unread: of those that are on their way some are in the ring already. */
static bool arrived(struct vnep_edge *edge, bool unread)
{
	/* while there is more to read, what the ring loses may be younger than that */
	uint64_t lost = unread ? edge->ring_lost : vnep_ring_drops(edge->ring);
	uint64_t came = edge->ring_seen + lost;

	if (came >= edge->ring_target)
		return true;
	if (unread)
		edge->ring_until.ns = vnep_mono_now().ns + ARRIVE_MS * 1000000LL;
	if (unread || vnep_mono_now().ns <= edge->ring_until.ns)
		return false;
	edge_say(edge, LOG_WARNING,
		"hand-over: %llu frames did not come out of the journal port in time: packets may "
		"be overtaken",
		(unsigned long long)(edge->ring_target - came));
	return true;
}

static void barrier_work(void *arg)
{
	(void)arg;
	syscall(SYS_membarrier, MEMBARRIER_GLOBAL, 0, 0);
}

static void barrier_done(void *arg)
{
	struct vnep_edge *edge = arg;

	edge->barrier_out = false;
	if (edge->stopping) /* the loop's timers are on their way out */
		return;
	aim(edge);
	vnep_timer_set(edge->drained, 0);
}

static void barrier_start(struct vnep_edge *edge)
{
	if (edge->barrier_running)
		return;
	edge->barrier_running = edge->barrier_out = true;
	edge->barrier_round++;
	if (vnep_loop_work(edge->loop, barrier_work, barrier_done, edge)) {
		barrier_work(NULL); /* no thread to be had: wait here, order comes first */
		barrier_done(edge);
	}
}

void edge_hold_add(struct vnep_edge *edge, struct edge_held *held,
	bool (*finish)(struct vnep_edge *edge, struct edge_held *held))
{
	edge_hold_remove(edge, held);
	held->finish = finish;
	held->round = edge->barrier_round + 1;
	held->link = edge->hold_first;
	held->link_at = &edge->hold_first;
	if (held->link)
		held->link->link_at = &held->link;
	edge->hold_first = held;
	barrier_start(edge);
}

void edge_hold_remove(struct vnep_edge *edge, struct edge_held *held)
{
	vnep_heap_remove(&edge->lulls, &held->lull);
	calm_leave(edge, held);
	held->begin = NULL;
	if (!held->finish)
		return;
	*held->link_at = held->link;
	if (held->link)
		held->link->link_at = held->link_at;
	held->finish = NULL;
}

void edge_barrier_drained(struct vnep_edge *edge)
{
	bool unread = edge_ingest(edge), later = false, more = false;
	struct vnep_mono began = vnep_mono_now();
	struct edge_held *held, *next;

	if (edge->barrier_out)
		return; /* the timer was set for those who were late: its end sets it again */
	if (!arrived(edge, unread)) {
		vnep_timer_set(edge->drained, unread ? 0 : UNSENT_WAIT_MS);
		return;
	}
	for (held = edge->hold_first; held; held = next) {
		next = held->link;
		if (held->round > edge->barrier_round)
			more = true;
		else if (!held->finish(edge, held))
			later = true;
		if (vnep_mono_over(began, EDGE_TURN_MS)) {
			later = true;
			break;
		}
	}
	edge->barrier_running = false;
	for (held = edge->hold_first; held && !more; held = held->link)
		more = held->round > edge->barrier_round; /* held anew by the one before it */
	if (more)
		barrier_start(edge); /* one that is stuck does not keep the others */
	else if (later)
		vnep_timer_set(
			edge->drained, edge->group_error ? JOURNAL_RETRY_MS : UNSENT_WAIT_MS);
}

void edge_hold_finish(struct vnep_edge *edge)
{
	struct edge_held *held, *next;

	/* One that is taken back is held anew, once. */
	for (int round = 0; edge->hold_first && round < 3; round++) {
		barrier_work(NULL);
		aim(edge);
		do {
			usleep(SETTLE_US);
			edge_ingest_all(edge);
		} while (!arrived(edge, false));
		for (held = edge->hold_first; held; held = next) {
			next = held->link;
			held->finish(edge, held);
		}
	}
}
