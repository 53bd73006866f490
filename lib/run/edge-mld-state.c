/*
 * edge-mld-state - what is known of a device: which groups it listens to, and which it may not.
 *
 * A device may listen to the groups that its record names. What else it reports is refused, and remembered as that; but hosts
 * report much that is no group of ours (each solicited-node address of its own, what routers listen to, all of link-local
 * scope that no record names), and that is passed over. Who sleeps answers no query: its time goes on when it wakes.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-mld.h"
#include "vnep/mcast.h"
#include "vnep/recjson.h"

enum { READS_PER_S = 1, READS_AT_ONCE = 4, TELLS_PER_S = 1, FULL_PAUSE_MS = 60000 };

#define MS INT64_C(1000000)

/* ---- what is remembered ---- */

struct edge_listener *edge_mld_listener(const struct edge_device *d, const struct in6_addr *group)
{
	for (unsigned i = 0; d->mld && i < d->mld->count; i++)
		if (vnep_ip6_equal(&d->mld->listener[i].group->key.address, group))
			return &d->mld->listener[i];
	return NULL;
}

static struct edge_listener *oldest_idle(const struct edge_mld_device *md)
{
	struct edge_listener *oldest = NULL;

	for (unsigned i = 0; i < md->count; i++) {
		struct edge_listener *l = &md->listener[i];

		if (l->state != EDGE_LISTENS && (!oldest || l->since.ns < oldest->since.ns))
			oldest = l;
	}
	return oldest;
}

static void drop(struct edge_mld *mld, struct edge_mld_device *md, struct edge_listener *l)
{
	edge_mld_group_put(mld, l->group);
	*l = md->listener[--md->count];
	mld->listeners--;
	md->full = false;
}

/* In the list of those that have some that do not listen, or not. */
static void idle_follow(struct edge_mld *mld, struct edge_mld_device *md)
{
	bool idle = oldest_idle(md);

	if (idle == (md->idle_at != NULL))
		return;
	if (idle) {
		md->idle_next = NULL;
		md->idle_at = mld->idle_tail;
		*md->idle_at = md;
		mld->idle_tail = &md->idle_next;
		return;
	}
	*md->idle_at = md->idle_next;
	if (md->idle_next)
		md->idle_next->idle_at = md->idle_at;
	else
		mld->idle_tail = md->idle_at;
	md->idle_at = NULL;
}

static struct vnep_mono due_of(const struct edge_listener *l)
{
	return l->queries && l->query_at.ns < l->expires.ns ? l->query_at : l->expires;
}

/* Its node in the heap follows the first one that is due. */
static void arm(struct vnep_edge *edge, struct edge_mld_device *md)
{
	struct vnep_mono at = { 0 };

	for (unsigned i = 0; i < md->count; i++) {
		struct vnep_mono due = due_of(&md->listener[i]);

		if (!at.ns || due.ns < at.ns)
			at = due;
	}
	idle_follow(edge->mld, md);
	if (!md->count)
		vnep_heap_remove(&edge->mld->devices, &md->due);
	else if ((!md->due.slot || md->due.at.ns != at.ns) &&
		 vnep_heap_set(&edge->mld->devices, &md->due, at))
		edge_say(edge, LOG_ERR, "mld: no memory for the timer of %s", md->device->dev);
}

/* Who does not listen makes room: the oldest of its own, else one of others. True: there is room. */
static bool make_room(struct vnep_edge *edge, struct edge_mld_device *md)
{
	struct edge_mld *mld = edge->mld;
	struct edge_listener *own = oldest_idle(md);
	struct edge_mld_device *other = mld->idle_first;

	if (own) {
		drop(mld, md, own);
		return true;
	}
	if (md->count == EDGE_MLD_DEVICE_MAX || !other)
		return false;
	drop(mld, other, oldest_idle(other));
	arm(edge, other);
	return true;
}

static struct edge_listener *add(struct vnep_edge *edge, struct edge_mld_device *md)
{
	struct edge_mld *mld = edge->mld;

	if ((md->count == EDGE_MLD_DEVICE_MAX || mld->listeners == EDGE_MLD_MAX) &&
		!make_room(edge, md))
		return NULL;
	if (md->count == md->room) {
		unsigned room = md->room ? md->room * 2 : 2;
		struct edge_listener *more = reallocarray(md->listener, room, sizeof *more);

		if (!more)
			return NULL;
		md->listener = more;
		md->room = room;
	}
	mld->listeners++;
	md->listener[md->count] = (struct edge_listener){ 0 };
	return &md->listener[md->count++];
}

/* Told once until there was room again, and not each time that somebody wants to fill the log. */
static void tell_full(struct vnep_edge *edge, struct edge_mld_device *md)
{
	struct vnep_mono now = vnep_mono_now();

	edge->mld->count[EDGE_MLD_UNKEPT]++;
	if (md->full || now.ns < edge->mld->full.ns)
		return;
	md->full = true;
	edge->mld->full.ns = now.ns + FULL_PAUSE_MS * MS;
	edge_say(edge, LOG_WARNING,
		"mld: no room for more of what %s listens to, and of others that may be so, too",
		md->device->dev);
}

static struct edge_listener *remember(
	struct vnep_edge *edge, struct edge_mld_device *md, const struct edge_mld_name *name)
{
	struct edge_mld_group *group = edge_mld_group_get(edge->mld, name);
	struct edge_listener *l = group ? add(edge, md) : NULL;

	if (l) {
		l->group = group;
		return l;
	}
	edge_mld_group_put(edge->mld, group);
	tell_full(edge, md);
	return NULL;
}

static struct edge_mld_device *device_get(struct vnep_edge *edge, struct edge_device *d)
{
	struct edge_mld *mld = edge->mld;
	struct edge_mld_device *md = d->mld;

	if (md)
		return md;
	md = calloc(1, sizeof *md);
	if (!md)
		return NULL;
	md->device = d;
	md->next = mld->first;
	md->at = &mld->first;
	if (md->next)
		md->next->at = &md->next;
	mld->first = md;
	d->mld = md;
	return md;
}

static void device_free(struct edge_mld *mld, struct edge_mld_device *md)
{
	for (struct edge_mld_walk *walk = mld->walks; walk; walk = walk->next)
		if (walk->at == md)
			walk->at = md->next;
	edge_mld_names_forget(mld, md);
	md->count = 0;
	idle_follow(mld, md);
	vnep_heap_remove(&mld->devices, &md->due);
	*md->at = md->next;
	if (md->next)
		md->next->at = md->at;
	md->device->mld = NULL;
	free(md->listener);
	free(md);
}

/* ---- joined and left ---- */

void edge_mld_encode(
	struct vnep_buf *out, const struct edge_device *d, const struct edge_listener *l)
{
	static const enum vnep_member_state states[] = { VNEP_MEMBER_LEFT, VNEP_MEMBER_JOINED,
		VNEP_MEMBER_REFUSED };
	struct vnep_membership m = { .ts = l->since, .state = states[l->state] };

	memcpy(m.dev, d->dev, sizeof m.dev);
	memcpy(m.group, l->group->key.name, sizeof m.group);
	vnep_membership_encode(out, &m);
}

static void become(struct vnep_edge *edge, const struct edge_device *d, struct edge_listener *l,
	enum edge_listens state, struct vnep_wall ts)
{
	struct edge_mld *mld = edge->mld;
	bool was = l->state == EDGE_LISTENS, is = state == EDGE_LISTENS;

	l->since = ts;
	l->told = false;
	l->state = is ? state : EDGE_LISTENS_NOT;
	if (was != is) {
		mld->joined += is;
		mld->joined -= was;
		mld->count[is ? EDGE_MLD_JOINED : EDGE_MLD_LEFT]++;
		/* when it stops nobody leaves because of that */
		if (!edge->stopping && edge_control_watched(edge))
			edge_mld_encode(&edge->memberships, d, l);
	}
	l->state = state;
}

/* Until when it listens if it says nothing: what holds for one that sleeps, woke not long ago, was not asked for longer, or may
 * have kept silent because another one of the first version spoke. */
static struct vnep_mono listens_until(
	struct vnep_edge *edge, const struct edge_device *d, const struct edge_listener *l)
{
	const struct edge_querier *q = d->bound ? edge_mld_querier(edge, d->port) : NULL;
	struct vnep_mono now = vnep_mono_now(), until = { 0 };
	const struct edge_mld_link *link;
	int64_t interval;

	if (!q)
		return until;
	interval = edge_mld_interval_ns(q);
	if (!l->asked)
		until.ns = (d->came.ns > q->since.ns ? d->came.ns : q->since.ns) + interval;
	link = l->v1 && !l->asked ? edge_mld_link(edge, d, &l->group->key.address, false) : NULL;
	if (link && link->v1_heard.ns + interval > until.ns)
		until.ns = link->v1_heard.ns + interval;
	if (vnep_life_presence(d->life) == VNEP_STATE_ASLEEP && l->unheard <= EDGE_MLD_ROBUSTNESS)
		until.ns = now.ns + interval;
	return until;
}

/* Who left, or is refused, is remembered as long as who listens: less, where that is not asked any more. */
static struct vnep_mono forget_at(struct vnep_edge *edge, const struct edge_device *d)
{
	const struct edge_querier *q = edge_mld_querier(edge, d->port);

	return (struct vnep_mono){ vnep_mono_now().ns + (q ? edge_mld_interval_ns(q) : 0) };
}

/* Its time is over. False: it was dropped, and the last one is in its place. */
static bool expire(struct vnep_edge *edge, struct edge_mld_device *md, struct edge_listener *l)
{
	if (l->state != EDGE_LISTENS_NOT)
		l->expires = listens_until(edge, md->device, l);
	if (l->expires.ns > vnep_mono_now().ns)
		return true;
	if (l->state != EDGE_LISTENS) {
		drop(edge->mld, md, l);
		return false;
	}
	become(edge, md->device, l, EDGE_LISTENS_NOT, vnep_wall_now());
	l->expires = forget_at(edge, md->device);
	return true;
}

void edge_mld_expire(struct vnep_edge *edge, struct edge_mld_device *md)
{
	struct vnep_mono now = vnep_mono_now();

	if (md->judged != edge->mld->judged)
		edge_mld_follow(edge, md);
	for (unsigned i = 0; i < md->count;) {
		struct edge_listener *l = &md->listener[i];

		if (l->queries && l->query_at.ns <= now.ns)
			edge_mld_asked(edge, md->device, l);
		i += l->expires.ns > now.ns || expire(edge, md, l);
	}
	arm(edge, md);
}

/* Who wakes more often than the interval would listen for ever, whatever it answers. */
void edge_mld_unheard(struct vnep_edge *edge, struct edge_mld_device *md, int64_t answer_ns)
{
	struct vnep_mono last = { vnep_mono_now().ns + answer_ns };

	for (unsigned i = 0; i < md->count; i++) {
		struct edge_listener *l = &md->listener[i];

		if (l->unheard <= EDGE_MLD_ROBUSTNESS)
			l->unheard++;
		if (l->unheard <= EDGE_MLD_ROBUSTNESS || l->state != EDGE_LISTENS || l->asked)
			continue;
		l->asked = true;
		if (last.ns < l->expires.ns)
			l->expires = last;
	}
	arm(edge, md);
	edge_mld_arm(edge);
}

/* ---- its record ---- */

/* g: the group that it names now, if it does. False: it was dropped, and the last one is in its place. */
static bool settle(struct vnep_edge *edge, struct edge_mld_device *md, struct edge_listener *l,
	struct edge_mld_group *g)
{
	struct edge_mld_name unnamed = { .address = l->group->key.address };
	bool near = vnep_mcast_scope(&unnamed.address) == VNEP_SCOPE_LINK;
	enum edge_listens was = l->state;
	struct vnep_wall now = vnep_wall_now();

	if (g == l->group || (!g && !l->group->key.name[0]))
		return true;
	if (was == EDGE_LISTENS) /* by the name that it joined by */
		become(edge, md->device, l, EDGE_LISTENS_NOT, now);
	if (!g && (near || was == EDGE_LISTENS_NOT))
		g = NULL;
	else
		g = edge_mld_group_get(edge->mld, g ? &g->key : &unnamed);
	if (!g) {
		drop(edge->mld, md, l);
		return false;
	}
	edge_mld_group_put(edge->mld, l->group);
	l->group = g;
	if (was != EDGE_LISTENS_NOT)
		become(edge, md->device, l, g->key.name[0] ? EDGE_LISTENS : EDGE_LISTENS_REFUSED,
			now);
	return true;
}

bool edge_mld_follow(struct vnep_edge *edge, struct edge_mld_device *md)
{
	uint64_t judged = edge->mld->judged;

	if (md->judged == judged)
		return true;
	edge_mld_names_forget(edge->mld, md);
	if (edge_mld_names_read(edge, md))
		return false;
	for (unsigned i = 0; i < md->count;) {
		struct edge_listener *l = &md->listener[i];

		i += settle(edge, md, l,
			edge_mld_named(md, &l->group->key.address, l->group->key.name));
	}
	md->judged = judged;
	arm(edge, md);
	return true;
}

void edge_mld_changed(struct vnep_edge *edge, struct edge_device *d)
{
	struct edge_mld_device *md = d->mld;

	if (!md)
		return;
	md->judged = 0;
	if (md->count) /* by the timer: there may be many */
		vnep_heap_set(&edge->mld->devices, &md->due, vnep_mono_now());
	edge_mld_arm(edge);
}

/* What a device makes us read; the map's own changes are read as they come. */
static bool may_read(struct edge_mld_device *md)
{
	return edge_mld_may(&md->reads, READS_PER_S, READS_AT_ONCE, 1);
}

void edge_mld_gone(struct vnep_edge *edge, struct edge_device *d)
{
	struct edge_mld_device *md = d->mld;

	if (!md)
		return;
	for (unsigned i = 0; i < md->count; i++) {
		struct edge_listener *l = &md->listener[i];

		if (l->state == EDGE_LISTENS)
			become(edge, d, l, EDGE_LISTENS_NOT, vnep_wall_now());
		edge_mld_group_put(edge->mld, l->group);
	}
	edge->mld->listeners -= md->count;
	device_free(edge->mld, md);
}

/* ---- what it says ---- */

static bool joins(const struct vnep_mld_record *r)
{
	return r->kind == VNEP_MLD_IS_EXCLUDE || r->kind == VNEP_MLD_TO_EXCLUDE ||
	       (r->source_count && r->kind != VNEP_MLD_BLOCK);
}

static enum edge_mld_said leave(struct vnep_edge *edge, struct edge_device *d,
	struct edge_listener *l, const struct vnep_mld_record *r, bool v1, struct vnep_wall ts)
{
	if (!l || l->state == EDGE_LISTENS_NOT)
		return EDGE_MLD_SAID_NOTHING;
	if (l->state == EDGE_LISTENS_REFUSED) {
		drop(edge->mld, d->mld, l);
		return EDGE_MLD_SAID_NOTHING;
	}
	become(edge, d, l, EDGE_LISTENS_NOT, ts);
	l->expires = forget_at(edge, d);
	l->queries = 0;
	if (v1)
		edge_mld_ask(edge, d, &r->group);
	return EDGE_MLD_SAID_TAKEN;
}

/* Some sources less, or all that it listened to: who still does answers a query (RFC 3810 7.6.3). Who listens to all but some
 * goes on (7.4.2). */
static enum edge_mld_said block(struct vnep_edge *edge, struct edge_device *d,
	struct edge_listener *l, const struct vnep_mld_record *r)
{
	const int64_t ms = EDGE_MLD_ROBUSTNESS * EDGE_MLD_LAST_MS + EDGE_MLD_SLACK_MS;
	struct vnep_mono last;

	if (!r->source_count || !l || l->state != EDGE_LISTENS)
		return EDGE_MLD_SAID_NOTHING;
	if (l->exclude || !edge_mld_ask_alone(edge, d, l))
		return EDGE_MLD_SAID_TAKEN;
	last.ns = l->query_at.ns + ms * MS; /* it may have been asked just now, and has some rest */
	if (last.ns < l->expires.ns)
		l->expires = last;
	l->asked = true;
	return EDGE_MLD_SAID_TAKEN;
}

static enum edge_mld_said refuse(struct vnep_edge *edge, struct edge_device *d,
	struct edge_listener *l, const struct vnep_mld *m, struct vnep_wall ts)
{
	if (l->state != EDGE_LISTENS_REFUSED)
		become(edge, d, l, EDGE_LISTENS_REFUSED, ts);
	l->expires = forget_at(edge, d);
	edge->mld->count[EDGE_MLD_REFUSED]++;
	if (!l->told && edge_mld_may(&d->mld->tells, TELLS_PER_S, EDGE_MLD_DEVICE_MAX, 1)) {
		edge_mld_tell_refused(edge, d, &m->src, &l->group->key.address, ts);
		l->told = true;
	}
	return EDGE_MLD_SAID_REFUSED;
}

/* It is heard of for the first time. NULL: not kept, and *said is why. */
static struct edge_listener *meet(struct vnep_edge *edge, struct edge_mld_device *md,
	const struct in6_addr *address, enum edge_mld_said *said)
{
	struct edge_mld_name unnamed = { .address = *address };
	const struct edge_mld_group *g;
	struct edge_listener *l;

	*said = EDGE_MLD_SAID_NOTHING;
	if (md->judged != edge->mld->judged ||
		(!md->has_names && (!may_read(md) || edge_mld_names_read(edge, md)))) {
		edge->mld->count[EDGE_MLD_UNKEPT]++;
		return NULL;
	}
	g = edge_mld_named(md, address, "");
	if (!g && vnep_mcast_scope(address) == VNEP_SCOPE_LINK)
		return NULL;
	l = remember(edge, md, g ? &g->key : &unnamed);
	if (!l && !g) {
		*said = EDGE_MLD_SAID_REFUSED;
		edge->mld->count[EDGE_MLD_REFUSED]++;
	}
	return l;
}

static enum edge_mld_said join(struct vnep_edge *edge, struct edge_device *d,
	struct edge_listener *l, const struct vnep_mld *m, const struct vnep_mld_record *r,
	struct vnep_wall ts)
{
	const struct edge_querier *q = edge_mld_querier(edge, d->port);
	struct vnep_mono now = vnep_mono_now();
	enum edge_mld_said said;
	struct edge_mld_link *link;

	if (!l)
		l = meet(edge, d->mld, &r->group, &said);
	if (!l)
		return said;
	if (r->kind != VNEP_MLD_ALLOW || l->state == EDGE_LISTENS_NOT)
		l->exclude = r->kind == VNEP_MLD_IS_EXCLUDE || r->kind == VNEP_MLD_TO_EXCLUDE;
	l->v1 = m->type != VNEP_MLD_REPORT;
	l->asked = false;
	l->unheard = 0;
	if (!l->group->key.name[0])
		return refuse(edge, d, l, m, ts);
	if (l->state != EDGE_LISTENS)
		become(edge, d, l, EDGE_LISTENS, ts);
	if (l->queries)
		l->query_at.ns = now.ns + EDGE_MLD_REST_MS * MS;
	l->queries = 0;
	l->expires.ns = now.ns + edge_mld_interval_ns(q);
	link = l->v1 ? edge_mld_link(edge, d, &r->group, true) : NULL;
	if (link)
		link->v1_heard = now;
	return EDGE_MLD_SAID_TAKEN;
}

enum edge_mld_said edge_mld_said(struct vnep_edge *edge, struct edge_device *d,
	const struct vnep_mld *m, const struct vnep_mld_record *r, struct vnep_wall ts)
{
	enum edge_mld_said said = EDGE_MLD_SAID_NOTHING;
	struct edge_mld_device *md = device_get(edge, d);
	struct edge_listener *l;

	if (!md)
		return said;
	if (md->judged != edge->mld->judged && may_read(md))
		edge_mld_follow(edge, md);
	l = edge_mld_listener(d, &r->group);
	if (joins(r)) {
		if (!vnep_mcast_check(&r->group, NULL))
			said = join(edge, d, l, m, r, ts);
	} else if (r->kind == VNEP_MLD_TO_INCLUDE) {
		said = leave(edge, d, l, r, m->type != VNEP_MLD_REPORT, ts);
	} else if (r->kind == VNEP_MLD_BLOCK) {
		said = block(edge, d, l, r);
	}
	arm(edge, md);
	return said;
}
