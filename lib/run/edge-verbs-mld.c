/* edge-verbs-mld - who reported to listen to a group, beside who should; and joins and leaves as they happen. */
#include <errno.h>
#include <string.h>

#include "edge-client.h"
#include "edge-mld.h"
#include "vnep/members.h"

struct listing {
	struct edge_client *client;
	struct vnep_group group;
};

static void tell(struct listing *listing, const char *dev, const struct edge_listener *l,
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
	struct listing *listing = arg;
	const struct edge_device *d = vnep_table_get(&listing->client->edge->by_vep, &device->vep);
	const struct edge_listener *l = d ? edge_mld_listener(d, &listing->group.address) : NULL;

	/* refused until its record named the group, and not heard again since then */
	if (!l || l->state == EDGE_LISTENS_REFUSED)
		tell(listing, device->dev, NULL, VNEP_MEMBER_SILENT);
	else
		tell(listing, device->dev, l,
			l->state == EDGE_LISTENS ? VNEP_MEMBER_JOINED : VNEP_MEMBER_LEFT);
	return 0;
}

static bool names(struct vnep_map_txn *txn, const char *dev, const char *group)
{
	struct vnep_device record = { 0 };
	bool found = false;

	if (!vnep_map_get_device(txn, dev, &record, NULL))
		for (size_t i = 0; i < record.group_count && !found; i++)
			found = !strcmp(record.groups[i], group);
	vnep_device_release(&record);
	return found;
}

/* Those that reported its address, and are no members of it. */
static void tell_others(struct listing *listing, struct vnep_map_txn *txn)
{
	const struct edge_mld *mld = listing->client->edge->mld;

	for (const struct edge_mld_device *md = mld->first; md; md = md->next) {
		const struct edge_listener *l =
			edge_mld_listener(md->device, &listing->group.address);

		if (l && l->state != EDGE_LISTENS_NOT &&
			!names(txn, md->device->dev, listing->group.group))
			tell(listing, md->device->dev, l, VNEP_MEMBER_REFUSED);
	}
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
	struct listing listing = { .client = client };
	struct vnep_map_txn *txn = NULL;
	struct vnep_err err = { 0 };
	int rc;

	edge_ingest_all(edge); /* what was reported before */
	rc = check(edge, group, &err);
	if (!rc)
		rc = vnep_map_begin(edge->map, false, &txn, &err);
	if (!rc)
		rc = vnep_members_group(txn, group, &listing.group, &err);
	if (!rc)
		rc = vnep_members_each(txn, client->request, tell_member, &listing, &err);
	if (!rc)
		tell_others(&listing, txn);
	vnep_map_abort(txn);
	vnep_group_release(&listing.group);
	edge_done_with(client, rc, &err);
}

void edge_verb_mcast_watch(struct vnep_edge *edge, struct edge_client *client)
{
	edge_round_end(edge); /* told before, not twice */
	for (const struct edge_mld_device *md = edge->mld->first; md; md = md->next)
		for (unsigned i = 0; i < md->count; i++)
			if (md->listener[i].state == EDGE_LISTENS)
				edge_mld_encode(&edge->scratch, md->device, &md->listener[i]);
	vnep_sync_encode(&edge->scratch, 0);
	edge_reply(client, &edge->scratch);
	client->watching = EDGE_WATCHES_MEMBERSHIPS;
}
