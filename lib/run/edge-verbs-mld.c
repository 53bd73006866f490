/*
 * edge-verbs-mld - who reported to listen to a group, beside who should; and joins and leaves as they happen.
 *
 * There may be a million listeners: they are listed a slice a turn, and no faster than the client takes them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edge-client.h"
#include "edge-mld.h"
#include "vnep/members.h"

/* Who listens, of all groups or of one. */
struct edge_mld_listing {
	struct edge_mld_walk walk;
	struct edge_client *client;
	struct vnep_group group;
	void (*each)(struct edge_mld_listing *listing, struct edge_mld_device *md);
	void (*end)(struct edge_client *client);
};

void edge_mld_listing_end(struct edge_client *client)
{
	struct edge_mld_listing *listing = client->listing;

	if (!listing)
		return;
	edge_mld_walk_end(&listing->walk);
	vnep_group_release(&listing->group);
	free(listing);
	client->listing = NULL;
}

static void slice(struct edge_client *client)
{
	struct edge_mld_listing *listing = client->listing;
	struct vnep_mono began = vnep_mono_now();

	while (listing->walk.at && client->out.len < EDGE_CLIENT_HIGH &&
		!vnep_mono_over(began, EDGE_TURN_MS)) {
		struct edge_mld_device *md = listing->walk.at;

		listing->walk.at = md->next;
		listing->each(listing, md);
	}
	if (listing->walk.at)
		return;
	listing->end(client);
	edge_mld_listing_end(client);
}

static void on_turn(struct vnep_watch *watch, void *arg)
{
	struct edge_client *client = arg;

	(void)watch;
	if (!client->listing)
		return;
	slice(client);
	edge_round_end(client->edge);
	edge_client_push(client);
}

/* NULL: no memory. */
static struct edge_mld_listing *listing_new(struct edge_client *client)
{
	struct edge_mld_listing *listing = calloc(1, sizeof *listing);

	if (!client->turn)
		client->turn = vnep_loop_timer(client->edge->loop, on_turn, client);
	if (!listing || !client->turn) {
		free(listing);
		return NULL;
	}
	listing->client = client;
	client->listing = listing;
	return listing;
}

/* The first slice at once: mostly that is all of it. */
static void begin(struct edge_mld_listing *listing)
{
	edge_mld_walk_begin(listing->client->edge->mld, &listing->walk);
	slice(listing->client);
}

/* ---- members ---- */

static void tell(struct edge_mld_listing *listing, const char *dev, const struct edge_listener *l,
	enum vnep_member_state state)
{
	struct vnep_membership m = { .ts = l ? l->since : vnep_wall_now(), .state = state };
	struct vnep_buf *out = &listing->client->edge->scratch;

	memcpy(m.dev, dev, strlen(dev) + 1);
	memcpy(m.group, listing->group.group, sizeof m.group);
	vnep_membership_encode(out, &m);
	edge_reply(listing->client, out);
}

static int tell_member(const struct vnep_device *device, void *arg)
{
	struct edge_mld_listing *listing = arg;
	const struct edge_device *d = vnep_table_get(&listing->client->edge->by_vep, &device->vep);
	const struct edge_listener *l = d ? edge_mld_listener(d, &listing->group.address) : NULL;

	/* refused by a record that was another one a moment ago */
	if (!l || l->state == EDGE_LISTENS_REFUSED)
		tell(listing, device->dev, NULL, VNEP_MEMBER_SILENT);
	else
		tell(listing, device->dev, l,
			l->state == EDGE_LISTENS ? VNEP_MEMBER_JOINED : VNEP_MEMBER_LEFT);
	return 0;
}

/* Its record names the group, or that cannot be read. */
static bool is_member(struct edge_mld_listing *listing, struct edge_mld_device *md)
{
	const struct edge_mld_group *g;

	if (!md->has_names && edge_mld_names_read(listing->client->edge, md))
		return true;
	g = edge_mld_named(md, &listing->group.address, listing->group.group);
	return g && !strcmp(g->key.name, listing->group.group);
}

/* Who reported its address, and is no member of it. */
static void tell_other(struct edge_mld_listing *listing, struct edge_mld_device *md)
{
	const struct in6_addr *address = &listing->group.address;
	const struct edge_listener *l = edge_mld_listener(md->device, address);

	if (!l || l->state == EDGE_LISTENS_NOT)
		return;
	if (!edge_mld_follow(listing->client->edge, md))
		return;
	l = edge_mld_listener(md->device, address);
	if (!l || l->state == EDGE_LISTENS_NOT ||
		(l->state == EDGE_LISTENS && !strcmp(l->group->key.name, listing->group.group)))
		return;
	if (!is_member(listing, md))
		tell(listing, md->device->dev, l, VNEP_MEMBER_REFUSED);
}

static void members_done(struct edge_client *client)
{
	edge_reply_done(client, 0);
}

static int check(struct vnep_edge *edge, const char *group, struct vnep_err *err)
{
	if (!group)
		return vnep_err_set(err, VNEP_EUSAGE, "of which group? \"group\" must be a name");
	if (edge->mld->querier_count)
		return 0;
	vnep_err_set(err, VNEP_EVALUE, "this edge asks no device what it listens to");
	vnep_err_hint(err, "mld = PORT in its configuration, or vnep-edge run --mld PORT");
	return VNEP_EVALUE;
}

void edge_verb_mcast_members(struct vnep_edge *edge, struct edge_client *client)
{
	const char *group = vnep_json_get_str(client->request, "group", NULL);
	struct edge_mld_listing *listing;
	struct vnep_map_txn *txn = NULL;
	struct vnep_err err = { 0 };
	int rc;

	edge_ingest_all(edge); /* what was reported before */
	rc = check(edge, group, &err);
	listing = rc ? NULL : listing_new(client);
	if (!rc && !listing)
		rc = vnep_err_sys(&err, ENOMEM, "members");
	if (!rc)
		rc = vnep_map_begin(edge->map, false, &txn, &err);
	if (!rc)
		rc = vnep_members_group(txn, group, &listing->group, &err);
	if (!rc)
		rc = vnep_members_each(txn, client->request, tell_member, listing, &err);
	vnep_map_abort(txn);
	if (rc) {
		edge_mld_listing_end(client);
		edge_done_with(client, rc, &err);
		return;
	}
	listing->each = tell_other;
	listing->end = members_done;
	begin(listing);
}

/* ---- watch ---- */

static void tell_listening(struct edge_mld_listing *listing, struct edge_mld_device *md)
{
	struct vnep_buf *out = &listing->client->edge->scratch;

	for (unsigned i = 0; i < md->count; i++)
		if (md->listener[i].state == EDGE_LISTENS)
			edge_mld_encode(out, md->device, &md->listener[i]);
	edge_reply(listing->client, out);
}

static void watch_goes_on(struct edge_client *client)
{
	vnep_sync_encode(&client->edge->scratch, 0);
	edge_reply(client, &client->edge->scratch);
	client->state = client->out.len;
	edge_reply(client, &client->behind);
}

void edge_verb_mcast_watch(struct vnep_edge *edge, struct edge_client *client)
{
	struct edge_mld_listing *listing = listing_new(client);
	struct vnep_err err = { 0 };

	if (!listing) {
		edge_done_with(client, vnep_err_sys(&err, ENOMEM, "watch"), &err);
		return;
	}
	edge_round_end(edge); /* told before, not twice */
	client->watching = EDGE_WATCHES_MEMBERSHIPS;
	listing->each = tell_listening;
	listing->end = watch_goes_on;
	begin(listing);
}
