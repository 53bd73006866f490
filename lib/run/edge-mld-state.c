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
#include "vnep/members.h"
#include "vnep/recjson.h"

/* ---- groups ---- */

/* The same for all who name it. NULL: no memory. */
static struct edge_mld_group *group_get(struct edge_mld *mld, const struct edge_mld_name *key)
{
	struct edge_mld_group *g = vnep_table_get(&mld->groups, key);

	if (!g) {
		g = calloc(1, sizeof *g);
		if (!g)
			return NULL;
		g->key = *key;
		if (vnep_table_put(&mld->groups, g)) {
			free(g);
			return NULL;
		}
	}
	g->users++;
	return g;
}

static void group_put(struct edge_mld *mld, struct edge_mld_group *g)
{
	if (!g || --g->users)
		return;
	vnep_table_remove(&mld->groups, g);
	free(g);
}

static void read_names(struct vnep_edge *edge, const struct edge_device *d)
{
	struct edge_mld *mld = edge->mld;
	struct vnep_device record = { 0 };
	struct vnep_map_txn *txn;

	mld->names_of = d->vep;
	mld->names_revision = edge->map_revision;
	mld->names_count = 0;
	if (vnep_map_begin(edge->map, false, &txn, NULL))
		return;
	if (!vnep_map_get_device(txn, d->dev, &record, NULL)) {
		for (size_t i = 0; i < record.group_count && mld->names_count < EDGE_MLD_NAMES_MAX;
			i++) {
			struct edge_mld_name *n = &mld->names[mld->names_count];
			struct vnep_group group = { 0 };

			if (vnep_members_group(txn, record.groups[i], &group, NULL))
				continue; /* it has no address yet */
			*n = (struct edge_mld_name){ .address = group.address };
			memcpy(n->name, group.group, sizeof n->name);
			mld->names_count++;
			vnep_group_release(&group);
		}
	}
	vnep_device_release(&record);
	vnep_map_abort(txn);
	d->mld->near_revision = edge->map_revision;
	d->mld->near = false;
	for (unsigned i = 0; i < mld->names_count; i++)
		d->mld->near |= vnep_mcast_scope(&mld->names[i].address) == VNEP_SCOPE_LINK;
}

/* The group of that address that its record names; name "": none. */
static struct edge_mld_name name_of(
	struct vnep_edge *edge, const struct edge_device *d, const struct in6_addr *address)
{
	const struct edge_mld *mld = edge->mld;

	if (mld->names_revision != edge->map_revision || !mld->names_revision ||
		!vnep_ip6_equal(&mld->names_of, &d->vep))
		read_names(edge, d);
	for (unsigned i = 0; i < mld->names_count; i++)
		if (vnep_ip6_equal(&mld->names[i].address, address))
			return mld->names[i];
	return (struct edge_mld_name){ .address = *address };
}

/* ---- what is remembered ---- */

struct edge_listener *edge_mld_listener(const struct edge_device *d, const struct in6_addr *group)
{
	for (unsigned i = 0; d->mld && i < d->mld->count; i++)
		if (vnep_ip6_equal(&d->mld->listener[i].group->key.address, group))
			return &d->mld->listener[i];
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
	vnep_heap_remove(&mld->devices, &md->due);
	*md->at = md->next;
	if (md->next)
		md->next->at = md->at;
	md->device->mld = NULL;
	free(md->listener);
	free(md);
}

/* Who does not listen makes room, the one of longest ago first. */
static struct edge_listener *take_over(struct edge_mld *mld, struct edge_mld_device *md)
{
	struct edge_listener *oldest = NULL;

	for (unsigned i = 0; i < md->count; i++) {
		struct edge_listener *l = &md->listener[i];

		if (l->state != EDGE_LISTENS && (!oldest || l->since.ns < oldest->since.ns))
			oldest = l;
	}
	if (oldest) {
		group_put(mld, oldest->group);
		*oldest = (struct edge_listener){ 0 };
	}
	return oldest;
}

static struct edge_listener *add(struct vnep_edge *edge, struct edge_device *d)
{
	struct edge_mld_device *md = d->mld;
	struct edge_mld *mld = edge->mld;

	if (md->count == EDGE_MLD_DEVICE_MAX || mld->listeners == EDGE_MLD_MAX)
		return take_over(mld, md);
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

static void drop(struct edge_mld *mld, struct edge_mld_device *md, struct edge_listener *l)
{
	group_put(mld, l->group);
	*l = md->listener[--md->count];
	mld->listeners--;
}

static struct edge_listener *remember(struct vnep_edge *edge, struct edge_device *d,
	struct edge_listener *l, const struct edge_mld_name *name)
{
	struct edge_mld *mld = edge->mld;
	struct edge_mld_group *group = group_get(mld, name);

	if (group && !l)
		l = add(edge, d);
	if (!group || !l) {
		group_put(mld, group);
		mld->count[EDGE_MLD_UNKEPT]++;
		if (!mld->full)
			edge_say(edge, LOG_WARNING,
				"mld: no room for more of what %s listens to, and of others "
				"that may be so, too",
				d->dev);
		mld->full = true;
		return NULL;
	}
	group_put(mld, l->group);
	l->group = group;
	l->revision = edge->map_revision;
	return l;
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
	l->state = is ? state : EDGE_LISTENS_NOT;
	if (was != is) {
		mld->joined += is;
		mld->joined -= was;
		mld->count[is ? EDGE_MLD_JOINED : EDGE_MLD_LEFT]++;
		if (!edge->stopping) /* nobody leaves because of that */
			edge_mld_encode(&edge->memberships, d, l);
	}
	l->state = state;
}

/* Its node in the heap follows the first one that expires. */
static void arm(struct vnep_edge *edge, struct edge_mld_device *md)
{
	struct vnep_mono at = { 0 };

	for (unsigned i = 0; md && i < md->count; i++) {
		const struct edge_listener *l = &md->listener[i];

		if (l->state == EDGE_LISTENS && (!at.ns || l->expires.ns < at.ns))
			at = l->expires;
	}
	if (md && !at.ns)
		vnep_heap_remove(&edge->mld->devices, &md->due);
	else if (md && (!md->due.slot || md->due.at.ns != at.ns) &&
		 vnep_heap_set(&edge->mld->devices, &md->due, at))
		edge_say(edge, LOG_ERR, "mld: no memory for the timer of %s", md->device->dev);
}

/* Until when it listens if it says nothing: what holds for one that sleeps, woke not long ago, or may have kept silent because
 * another one of the first version spoke. */
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
		until.ns = d->came.ns + interval;
	link = l->v1 && !l->asked ? edge_mld_link(edge, d, &l->group->key.address, false) : NULL;
	if (link && link->v1_heard.ns + interval > until.ns)
		until.ns = link->v1_heard.ns + interval;
	if (vnep_life_presence(d->life) == VNEP_STATE_ASLEEP)
		until.ns = now.ns + interval;
	return until;
}

void edge_mld_expire(struct vnep_edge *edge, struct edge_mld_device *md)
{
	struct vnep_mono now = vnep_mono_now();

	for (unsigned i = 0; i < md->count; i++) {
		struct edge_listener *l = &md->listener[i];

		if (l->state != EDGE_LISTENS || l->expires.ns > now.ns)
			continue;
		l->expires = listens_until(edge, md->device, l);
		if (l->expires.ns <= now.ns)
			become(edge, md->device, l, EDGE_LISTENS_NOT, vnep_wall_now());
	}
	arm(edge, md);
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
		group_put(edge->mld, l->group);
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
	if (v1)
		edge_mld_ask(edge, d, &r->group);
	return EDGE_MLD_SAID_TAKEN;
}

/* Some sources less, or all that it listened to: who still does answers a query (RFC 3810 7.6.3). */
static enum edge_mld_said block(struct vnep_edge *edge, struct edge_device *d,
	struct edge_listener *l, const struct vnep_mld_record *r)
{
	struct vnep_mono last = { vnep_mono_now().ns +
				  EDGE_MLD_ROBUSTNESS * EDGE_MLD_LAST_MS * INT64_C(1000000) };

	if (!l || l->state != EDGE_LISTENS)
		return EDGE_MLD_SAID_NOTHING;
	if (last.ns < l->expires.ns)
		l->expires = last;
	l->asked = true;
	edge_mld_ask(edge, d, &r->group);
	return EDGE_MLD_SAID_TAKEN;
}

static enum edge_mld_said join(struct vnep_edge *edge, struct edge_device *d,
	struct edge_listener *l, const struct vnep_mld_record *r, bool v1, struct vnep_wall ts)
{
	const struct edge_querier *q = edge_mld_querier(edge, d->port);
	bool near = vnep_mcast_scope(&r->group) == VNEP_SCOPE_LINK;
	struct edge_mld_link *link;

	if (!l && near && d->mld->near_revision == edge->map_revision && !d->mld->near)
		return EDGE_MLD_SAID_NOTHING;
	if (!l || l->revision != edge->map_revision) {
		struct edge_mld_name name = name_of(edge, d, &r->group);
		bool named = name.name[0];

		if (!named && l && l->state == EDGE_LISTENS)
			become(edge, d, l, EDGE_LISTENS_NOT, ts);
		if (!named && near) {
			if (l)
				drop(edge->mld, d->mld, l);
			return EDGE_MLD_SAID_NOTHING;
		}
		l = remember(edge, d, l, &name);
		if (!l)
			return named ? EDGE_MLD_SAID_NOTHING : EDGE_MLD_SAID_REFUSED;
	}
	if (!l->group->key.name[0]) {
		if (l->state != EDGE_LISTENS_REFUSED)
			become(edge, d, l, EDGE_LISTENS_REFUSED, ts);
		edge->mld->count[EDGE_MLD_REFUSED]++;
		return EDGE_MLD_SAID_REFUSED;
	}
	if (l->state != EDGE_LISTENS)
		become(edge, d, l, EDGE_LISTENS, ts);
	l->v1 = v1;
	l->asked = false;
	l->expires.ns = vnep_mono_now().ns + edge_mld_interval_ns(q);
	link = v1 ? edge_mld_link(edge, d, &r->group, true) : NULL;
	if (link)
		link->v1_heard = vnep_mono_now();
	return EDGE_MLD_SAID_TAKEN;
}

enum edge_mld_said edge_mld_said(struct vnep_edge *edge, struct edge_device *d,
	const struct vnep_mld_record *r, bool v1, struct vnep_wall ts)
{
	struct edge_listener *l = edge_mld_listener(d, &r->group);
	enum edge_mld_said said = EDGE_MLD_SAID_NOTHING;

	if (!device_get(edge, d))
		return said;
	if (joins(r)) {
		if (!vnep_mcast_check(&r->group, NULL))
			said = join(edge, d, l, r, v1, ts);
	} else if (r->kind == VNEP_MLD_TO_INCLUDE) {
		said = leave(edge, d, l, r, v1, ts);
	} else if (r->kind == VNEP_MLD_BLOCK) {
		said = block(edge, d, l, r);
	}
	arm(edge, d->mld);
	return said;
}
