/*
 * edge-mld-names - which groups the record of a device names.
 *
 * Kept with the device until its record, or some group of the map, is another one: a report costs no look at the map. Where
 * there is no room for all of them, those that were read first are read again when they are wanted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edge-mld.h"
#include "vnep/members.h"

struct edge_mld_group *edge_mld_group_get(struct edge_mld *mld, const struct edge_mld_name *key)
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

void edge_mld_group_put(struct edge_mld *mld, struct edge_mld_group *g)
{
	if (!g || --g->users)
		return;
	vnep_table_remove(&mld->groups, g);
	free(g);
}

static void release(struct edge_mld *mld, struct edge_mld_group **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		edge_mld_group_put(mld, names[i]);
	free(names);
}

void edge_mld_names_forget(struct edge_mld *mld, struct edge_mld_device *md)
{
	if (!md->has_names)
		return;
	*md->names_at = md->names_next;
	if (md->names_next)
		md->names_next->names_at = md->names_at;
	else
		mld->names_tail = md->names_at;
	mld->names -= md->name_count;
	release(mld, md->names, md->name_count);
	md->names = NULL;
	md->name_count = 0;
	md->has_names = false;
}

static void keep(struct edge_mld *mld, struct edge_mld_device *md, struct edge_mld_group **names,
	unsigned count)
{
	edge_mld_names_forget(mld, md);
	while (mld->names_first && mld->names + count > EDGE_MLD_NAMES_MAX)
		edge_mld_names_forget(mld, mld->names_first);
	md->names = names;
	md->name_count = count;
	md->has_names = true;
	md->names_next = NULL;
	md->names_at = mld->names_tail;
	*md->names_at = md;
	mld->names_tail = &md->names_next;
	mld->names += count;
}

static int compare(const void *a, const void *b)
{
	const struct edge_mld_name *x = &(*(struct edge_mld_group *const *)a)->key,
				   *y = &(*(struct edge_mld_group *const *)b)->key;
	int way = memcmp(&x->address, &y->address, sizeof x->address);

	return way ? way : strcmp(x->name, y->name);
}

/* One that has no address yet, or none that a group can have, is nobody's. */
static int read_group(struct vnep_edge *edge, struct vnep_map_txn *txn, const char *word,
	struct edge_mld_group **out, struct vnep_err *err)
{
	struct vnep_group group = { 0 };
	struct edge_mld_name key = { 0 };
	int rc = vnep_members_group(txn, word, &group, err);

	if (rc)
		return rc;
	key.address = group.address;
	memcpy(key.name, group.group, sizeof key.name);
	vnep_group_release(&group);
	*out = edge_mld_group_get(edge->mld, &key);
	return *out ? 0 : vnep_err_sys(err, ENOMEM, "mld");
}

static int read_all(struct vnep_edge *edge, struct vnep_map_txn *txn,
	const struct vnep_device *record, struct edge_mld_device *md, struct vnep_err *err)
{
	struct edge_mld_group **names = calloc(record->group_count + 1, sizeof *names);
	unsigned count = 0;
	int rc = names ? 0 : vnep_err_sys(err, ENOMEM, "mld");

	for (size_t i = 0; !rc && i < record->group_count; i++) {
		rc = read_group(edge, txn, record->groups[i], &names[count], err);
		count += !rc;
		if (rc == VNEP_EVALUE)
			rc = 0;
	}
	if (rc) {
		release(edge->mld, names, count);
		return rc;
	}
	qsort(names, count, sizeof *names, compare);
	keep(edge->mld, md, names, count);
	return 0;
}

int edge_mld_names_read(struct vnep_edge *edge, struct edge_mld_device *md)
{
	struct vnep_device record = { 0 };
	struct vnep_map_txn *txn = NULL;
	struct vnep_err err = { 0 };
	int rc = vnep_map_begin(edge->map, false, &txn, &err);

	if (!rc)
		rc = vnep_map_get_device(txn, md->device->dev, &record, &err);
	if (rc == VNEP_ENOTFOUND) /* it is on its way out */
		rc = 0;
	if (!rc)
		rc = read_all(edge, txn, &record, md, &err);
	vnep_device_release(&record);
	vnep_map_abort(txn);
	if (rc && !edge->mld->unread)
		edge_warn(edge, "mld: what a record names", &err);
	edge->mld->unread = rc;
	return rc;
}

struct edge_mld_group *edge_mld_named(
	const struct edge_mld_device *md, const struct in6_addr *address, const char *name)
{
	unsigned from = 0, to = md->name_count;

	while (from < to) {
		unsigned middle = from + (to - from) / 2;

		if (memcmp(&md->names[middle]->key.address, address, sizeof *address) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	for (to = from; to < md->name_count && vnep_ip6_equal(&md->names[to]->key.address, address);
		to++)
		if (!strcmp(md->names[to]->key.name, name))
			return md->names[to];
	return to > from ? md->names[from] : NULL;
}
