/*
 * edge-life - what the steps of life.h mean: kernel, journal, replay, and the word to those who watch.
 *
 * The kernel announces neither a refresh nor an expiry of @awake: one timer a device, and a look when it is due.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

#define SET_BACK_NS INT64_C(60000000000)

void edge_tell_presence(struct vnep_edge *edge, struct edge_device *d, enum vnep_presence_state was,
	enum vnep_cause cause)
{
	struct vnep_presence p = { .ts = vnep_wall_now(),
		.state = vnep_life_presence(d->life),
		.was = was,
		.cause = cause,
		.conn = d->conn };

	memcpy(p.edge, edge->config.name, sizeof p.edge);
	memcpy(p.dev, d->dev, sizeof p.dev);
	vnep_presence_encode(&edge->told, &p);
}

static void unawake(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_err err = { 0 };

	if (vnep_acl_awake_remove(edge->acl, &d->vep, &err))
		edge_warn(edge, "presence", &err);
	if (d->port && vnep_rtnl_neigh_delete(edge->rt, d->port->ifindex, &d->vep, &err))
		edge_warn(edge, "neighbour", &err);
}

static void release(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_err err = { 0 };

	if (vnep_rtnl_neigh_set(edge->rt, d->port->ifindex, &d->vep, &d->l2.mac, true, &err))
		edge_warn(edge, "neighbour", &err);
}

/* How long it listens after it last spoke; 3GPP's 0 still gets the time to answer what it was sent. */
static int64_t active_ns(const struct edge_device *d)
{
	return (int64_t)(d->t3324_s ? d->t3324_s : EDGE_LINGER_S) * 1000000000;
}

/* Its silence is looked at when the active time after the last sign of life is over. */
void edge_device_arm(struct vnep_edge *edge, struct edge_device *d, struct vnep_mono from)
{
	from.ns += active_ns(d) + 1000000;
	if (d->has_psm && vnep_heap_set(&edge->silences, &d->silence, from))
		edge_say(edge, LOG_ERR, "device: no memory for the timer of %s", d->dev);
}

static void carry_out(struct vnep_edge *edge, struct edge_device *d, unsigned actions,
	enum vnep_cause cause, struct vnep_wall ts)
{
	if (actions & VNEP_DO_UNAWAKE)
		unawake(edge, d);
	if (actions & VNEP_DO_DISCONNECT) {
		edge_replay_stop(edge, d);
		edge_pace_end(edge, d);
		vnep_heap_remove(&edge->silences, &d->silence);
		edge_expect_nothing(d);
		edge_journal_disconnect(edge, d, cause, ts);
		edge_addr_slept(edge, d);
		edge_period_slept(edge, d, cause == VNEP_CAUSE_T3324_EXPIRED ? active_ns(d) : 0);
	}
	if (actions & VNEP_DO_CONNECT) {
		edge_journal_mark(edge, d, VNEP_KIND_CONNECT, NULL);
		edge_mcast_woke(edge, d, ts);
		edge_mld_woke(edge, d);
		d->replay_next = 0;
		edge_pace_begin(edge, d);
		edge_device_arm(edge, d, d->last_life);
		edge_period_came(edge, d);
		edge_announce(edge, d);
	}
	if (actions & VNEP_DO_REPLAY)
		edge_replay_start(edge, d);
	if (actions & VNEP_DO_HOLD)
		edge_hold(edge, d);
	if (actions & VNEP_DO_RELEASE)
		edge_pace_end(edge, d); /* its neighbour is there already */
}

void edge_device_live(struct vnep_edge *edge, struct edge_device *d, enum vnep_life life)
{
	edge->lives[d->life]--;
	edge->lives[life]++;
	d->life = life;
}

void edge_device_event(struct vnep_edge *edge, struct edge_device *d, enum vnep_life_event event,
	enum vnep_cause cause, struct vnep_wall ts)
{
	enum vnep_presence_state was = vnep_life_presence(d->life);
	unsigned actions;

	edge_device_live(
		edge, d, vnep_life_step(d->life, event, d->has_psm && !d->t3324_s, &actions));
	carry_out(edge, d, actions, cause, ts);
	if (vnep_life_presence(d->life) != was) {
		d->since = ts;
		edge_tell_presence(edge, d, was, cause);
	}
}

void edge_device_sign(struct vnep_edge *edge, struct edge_device *d, struct vnep_wall ts)
{
	d->last_life = vnep_mono_now();
	/* the ring is a little behind the bell; a clock that was set back is not */
	if (ts.ns > d->last_seen.ns || d->last_seen.ns - ts.ns > SET_BACK_NS)
		d->last_seen = ts;
	if (edge_addr_follow(edge, d))
		edge_device_reorder(edge, d);
	edge_device_event(edge, d, VNEP_LIFE_SIGN, VNEP_CAUSE_FIRST_FRAME, ts);
	edge_pace_sign(edge, d);
}

static void fall_asleep(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_wall end = { d->last_seen.ns + active_ns(d) }, now = vnep_wall_now();

	edge_device_event(
		edge, d, VNEP_LIFE_SILENCE, VNEP_CAUSE_T3324_EXPIRED, end.ns < now.ns ? end : now);
}

void edge_device_check_awake(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_mono now = vnep_mono_now();
	struct vnep_err err = { 0 };
	uint64_t left = 0;

	if (vnep_acl_awake_get(edge->acl, &d->vep, &left, &err)) {
		edge_warn(edge, "presence", &err);
		return;
	}
	if (!left && d->has_psm)
		fall_asleep(edge, d);
	else if (d->pending) /* it listens, but something came by the ring: behind it in order */
		edge_device_event(
			edge, d, VNEP_LIFE_PACKET, VNEP_CAUSE_FIRST_FRAME, vnep_wall_now());
	else if (left != UINT64_MAX && d->has_psm)
		edge_device_arm(edge, d,
			(struct vnep_mono){ now.ns + (int64_t)left * 1000000 -
					    (int64_t)d->t3324_s * 1000000000 });
}

/* The kernel was the only one to see signs of life of a device without a tap: its timeout tells when. */
static void silence_due(struct vnep_edge *edge, struct edge_device *d)
{
	struct vnep_mono now = vnep_mono_now(), end = d->last_life;

	end.ns += active_ns(d);
	if (d->life == VNEP_LIFE_AWAKE)
		edge_device_check_awake(edge, d);
	else if (d->life == VNEP_LIFE_HOLDING || end.ns > now.ns)
		edge_device_arm(edge, d, end.ns > now.ns ? d->last_life : now);
	else if (d->life == VNEP_LIFE_WAKING)
		fall_asleep(edge, d);
}

void edge_silences(struct vnep_edge *edge)
{
	struct vnep_mono now = vnep_mono_now();
	struct edge_device *d;

	while (!vnep_mono_over(now, EDGE_TURN_MS) &&
		(d = vnep_heap_due(&edge->silences, now, offsetof(struct edge_device, silence))))
		silence_due(edge, d);
}

void edge_port_down(struct vnep_edge *edge, struct edge_port *port)
{
	struct edge_device *d;

	if (port->core)
		edge_hosts_down(edge);
	for (size_t i = 0; (d = vnep_table_next(&edge->by_vep, &i));)
		if (d->port == port)
			edge_device_event(
				edge, d, VNEP_LIFE_DOWN, VNEP_CAUSE_LINK_DOWN, vnep_wall_now());
}

/* Killed while a hand-over was taken back: behind a neighbour of ours that is not resolved the kernel may still queue
 * what came before everything that the ring will bring. It sends that, and is not asked any more. */
static void open_queue(struct vnep_edge *edge, struct edge_device *d)
{
	static const struct vnep_mac none;
	struct vnep_neigh neigh;
	struct vnep_err err = { 0 };

	if (vnep_rtnl_neigh_get(edge->rt, d->port->ifindex, &d->vep, &neigh, NULL))
		return;
	if (vnep_mac_equal(&neigh.mac, &none))
		release(edge, d);
	if (vnep_rtnl_neigh_delete(edge->rt, d->port->ifindex, &d->vep, &err))
		edge_warn(edge, "neighbour", &err);
}

/* It did not get all of its backlog, but listens still: the replay goes on as if nobody had been killed. */
static bool wakes_still(struct vnep_edge *edge, struct edge_device *d)
{
	int64_t silent_ns = edge_age_ns(edge, d->last_seen);

	if (!d->port->up || (d->has_psm && silent_ns >= active_ns(d)))
		return false;
	edge_device_live(edge, d, VNEP_LIFE_WAKING);
	d->last_life = vnep_mono_now();
	d->last_life.ns -= silent_ns;
	d->replay_next = 0;
	edge_pace_begin(edge, d);
	edge_device_arm(edge, d, d->last_life);
	edge_replay_start(edge, d);
	return true;
}

/*
 * After a start: the kernel went on without us. What it believes awake and owes nothing stays awake, untouched;
 * what is awake and has a backlog was killed in the middle of a hand-over, and goes on holding; what is not
 * awake was killed while it got its backlog, and gets the rest if it listens still, else the checkpoint that nobody wrote.
 */
static void resume_device(struct vnep_edge *edge, struct edge_device *d, uint64_t awake_left_ms)
{
	struct vnep_journal_device j = { 0 };
	struct vnep_mono now = vnep_mono_now();
	int64_t active = (int64_t)d->t3324_s * 1000000000;

	vnep_journal_device(edge->journal, d->dev, &j, NULL);
	if (!d->bound)
		return;
	if (!awake_left_ms) {
		open_queue(edge, d);
		if (j.connected && !wakes_still(edge, d))
			edge_journal_disconnect(edge, d,
				d->has_psm ? VNEP_CAUSE_T3324_EXPIRED : VNEP_CAUSE_ADMIN,
				vnep_wall_now());
		return;
	}
	edge_device_live(edge, d, VNEP_LIFE_AWAKE);
	d->last_life = now;
	if (d->has_psm && awake_left_ms != UINT64_MAX)
		d->last_life.ns = now.ns + (int64_t)awake_left_ms * 1000000 - active;
	if (d->pending) {
		edge_hold_again(edge, d);
	} else {
		release(edge, d);
		edge_device_arm(edge, d, d->last_life);
	}
}

static int resume_awake(const struct in6_addr *vep, uint64_t left_ms, void *arg)
{
	struct vnep_edge *edge = arg;
	struct edge_device *d = edge_device_by_vep(edge, vep);

	if (d && d->life != VNEP_LIFE_AWAKE)
		resume_device(edge, d, left_ms);
	else if (!d)
		vnep_acl_awake_remove(edge->acl, vep, NULL); /* the map does not know it any more */
	return 0;
}

int edge_resume(struct vnep_edge *edge, struct vnep_err *err)
{
	struct edge_device *d;
	int rc = vnep_acl_awake_each(edge->acl, resume_awake, edge, err);

	for (size_t i = 0; !rc && (d = vnep_table_next(&edge->by_vep, &i));)
		if (d->life == VNEP_LIFE_ASLEEP)
			resume_device(edge, d, 0);
	return rc;
}
