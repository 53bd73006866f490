/* edge-verbs-map - a change of the map by way of the living edge: into the map, then into kernel and table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "changes.h"
#include "edge-client.h"
#include "vnep/mapbatch.h"

enum { SINGLY_MAX = 64 }; /* more changes than this: the wanted state is made anew, in one pass */

static int add_line(
	struct edge_client *client, unsigned line, const char *text, size_t len, void *arg)
{
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };
	int rc;

	vnep_err_place(&err, "-", line, 0);
	rc = vnep_json_parse(text, len, &json, &err);
	if (!rc)
		rc = vnep_map_batch_add(arg, json, text, len, &err);
	if (!rc && line <= SINGLY_MAX && vnep_recjson_type(json) == VNEP_RECORD_DEVICE)
		edge_device_by_dev(
			client->edge, vnep_json_get_str(json, "dev", "")); /* as it was before */
	vnep_json_free(json);
	if (!rc)
		return 0;
	vnep_err_place(&err, "-", line, err.column);
	edge_reply_error(client, &err);
	return rc;
}

/* Tombstones are gone that were never followed: whoever is known here may have left. */
static int doubt_all(struct vnep_edge *edge, struct changes *c, struct vnep_err *err)
{
	const struct edge_device *d;

	free(c->items);
	*c = (struct changes){ .vpcs = true, .max = c->max, .revision = c->revision };
	c->items = calloc(edge->by_dev.count + 1, sizeof *c->items);
	if (!c->items)
		return vnep_err_sys(err, ENOMEM, "changes of the map");
	for (size_t i = 0; (d = vnep_table_next(&edge->by_dev, &i));) {
		struct change *item = &c->items[c->count++];

		memcpy(item->dev, d->dev, sizeof item->dev);
		item->vep = d->vep;
	}
	return 0;
}

/* What the map has and the kernel has not yet. */
static int follow_map(struct vnep_edge *edge, struct vnep_err *err)
{
	struct changes c = { .max = SIZE_MAX };
	struct vnep_map_txn *txn;
	uint64_t changes;
	bool singly;
	int rc = vnep_map_begin(edge->map, false, &txn, err);

	if (rc)
		return rc;
	rc = changes_read(&c, txn, edge->map_revision, err);
	vnep_map_abort(txn);
	if (rc == VNEP_ECONFLICT)
		rc = doubt_all(edge, &c, err);
	singly = !c.vpcs && c.count <= SINGLY_MAX;
	for (size_t i = 0; !rc && i < c.count; i++)
		rc = edge_device_left(edge, c.items[i].dev, &c.items[i].vep, singly, err);
	for (size_t i = 0; !rc && i < c.count;
		i++) /* now each endpoint is free for who has it now */
		rc = edge_device_changed(edge, c.items[i].dev, singly, err);
	if (!rc && singly && c.groups)
		rc = edge_groups_again(edge, err);
	if (!rc && !singly)
		rc = edge_acl_anew(edge, &changes, err);
	if (!rc)
		edge->map_revision = c.revision;
	changes_release(&c);
	return rc;
}

/* The map was changed; what is said of the kernel must not sound as if nothing had been done. */
static int followed(struct vnep_edge *edge, struct vnep_err *err)
{
	int rc = follow_map(edge, err);
	struct vnep_err why = *err;

	if (!rc)
		return 0;
	rc = vnep_err_set(err, vnep_err_exit(rc) == 2 ? VNEP_EKERNEL : rc,
		"the map is changed, the kernel is not: %s", why.text);
	return why.hint[0] ? vnep_err_hint(err, "%s", why.hint) : rc;
}

static int refuse_record(const struct vnep_err *why, void *arg)
{
	struct edge_client *client = arg;

	edge_reply_error(client, why);
	client->refused++;
	return 0;
}

void edge_verb_map_put(struct vnep_edge *edge, struct edge_client *client)
{
	const struct vnep_map_apply how = {
		.replace = vnep_json_get_bool(client->request, "replace", false),
		.dry_run = vnep_json_get_bool(client->request, "dry_run", false),
		.if_revision = (uint64_t)vnep_json_get_int(client->request, "if_revision", 0),
		.origin = edge->config.name,
		.has_history = vnep_json_get(client->request, "history_us"),
		.history_us = (uint64_t)vnep_json_get_int(client->request, "history_us", 0),
		.refuse = vnep_json_get_bool(client->request, "keep_going", false) ? refuse_record
										   : NULL,
		.arg = client,
	};
	struct vnep_map_batch *batch = NULL;
	struct vnep_map_changes changes = { 0 };
	struct vnep_err err = { 0 };
	int rc = vnep_map_batch_new(&batch, &err);

	if (!rc && edge_each_line(client, add_line, batch)) {
		edge_reply_done(client, 2);
		vnep_map_batch_free(batch);
		return;
	}
	if (!rc)
		rc = vnep_map_batch_apply(batch, edge->map, &how, &changes, &err);
	vnep_map_batch_free(batch);
	if (rc) {
		edge_done_with(client, rc, &err);
		return;
	}
	if (!how.dry_run)
		rc = followed(edge, &err);
	vnep_map_changes_encode(&edge->scratch, &changes);
	edge_reply(client, &edge->scratch);
	if (rc)
		edge_done_with(client, rc, &err);
	else
		edge_reply_done(client, client->refused ? 1 : 0);
}

/* dev: the URNs to delete, all or none. */
void edge_verb_map_delete(struct vnep_edge *edge, struct edge_client *client)
{
	const struct vnep_json *dev = vnep_json_get(client->request, "dev");
	struct vnep_map_txn *txn = NULL;
	struct vnep_err err = { 0 };
	int rc = vnep_map_begin(edge->map, true, &txn, &err);

	for (size_t i = 0; !rc && i < vnep_json_count(dev); i++) {
		const char *word = vnep_json_str(vnep_json_at(dev, i));
		char urn[VNEP_URN_MAX + 1];

		rc = vnep_map_resolve(txn, word ? word : "", urn, &err);
		if (!rc)
			rc = vnep_map_delete(txn, VNEP_RECORD_DEVICE, urn, 0, &err);
	}
	if (!rc)
		rc = vnep_map_commit(txn, &err);
	else
		vnep_map_abort(txn);
	if (!rc)
		rc = followed(edge, &err);
	edge_done_with(client, rc, &err);
}
