/* mapbatch-diff - a batch in the order of the map, and beside the map. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mapbatch-private.h"

static int compare(const void *a, const void *b)
{
	const struct map_sorted *x = a, *y = b;
	struct vnep_slice p = x->item->key, q = y->item->key;
	int order = (x->prefix > y->prefix) - (x->prefix < y->prefix);

	if (!order)
		order = memcmp(p.data, q.data, p.len < q.len ? p.len : q.len);
	return order ? order : (p.len > q.len) - (p.len < q.len);
}

struct map_sorted *vnep_map_batch_sort(const struct vnep_map_batch *b)
{
	struct map_sorted *order = malloc((b->count ? b->count : 1) * sizeof *order);
	bool sorted = true;

	for (size_t i = 0; order && i < b->count; i++) {
		struct vnep_slice key = b->items[i]->key;
		uint64_t prefix = 0;

		memcpy(&prefix, key.data, key.len < sizeof prefix ? key.len : sizeof prefix);
		order[i] = (struct map_sorted){ be64toh(prefix), b->items[i] };
		sorted = sorted && (!i || compare(order + i - 1, order + i) < 0);
	}
	if (order && !sorted)
		qsort(order, b->count, sizeof *order, compare);
	return order;
}

struct diff {
	const struct vnep_map_batch *b;
	struct vnep_map_txn *txn;
	vnep_map_differ_cb *cb;
	void *arg;
	struct vnep_err *err;
	enum vnep_record_type type;
};

static int diff_item(struct diff *d, const struct map_item *item)
{
	struct vnep_map_line line = { .type = (enum vnep_record_type)item->type,
		.text = map_item_text(item),
		.len = item->len,
		.rev_at = item->rev_at };
	enum vnep_map_change what = VNEP_MAP_ADDED;
	char id[VNEP_URN_MAX + 1];
	int rc = 0;

	if (item->deleted)
		return 0; /* deleted, if it is there: the walk of the map comes to it */
	line.id = vnep_map_item_id(item, id);
	if (d->txn)
		rc = vnep_map_compare(d->txn, &line, &what, d->err);
	if (rc || what == VNEP_MAP_SAME)
		return rc;
	return d->cb(what == VNEP_MAP_ADDED ? "add" : "change", line.text, line.len, d->arg);
}

/* A damaged record is gone, too: its name is all that is known. */
static int name_only(const struct diff *d, const char *id, struct vnep_buf *text)
{
	const char *key = d->type == VNEP_RECORD_VPC     ? "vpc"
			  : d->type == VNEP_RECORD_GROUP ? "group"
							 : "dev";
	struct vnep_json *json = vnep_json_object();
	int rc = json ? vnep_json_set_str(json, "type", vnep_record_type_text(d->type)) : -ENOMEM;

	if (!rc)
		rc = vnep_json_set_int(json, "v", 1);
	if (!rc)
		rc = vnep_json_set_str(json, key, id);
	if (!rc)
		rc = vnep_json_dump(json, text);
	vnep_json_free(json);
	return rc ? vnep_err_sys(d->err, -rc, "comparing \"%s\"", id) : 0;
}

static int diff_stored(const char *id, void *arg)
{
	struct diff *d = arg;
	uint8_t key[VNEP_MAP_KEY_MAX];
	struct vnep_slice slice = { key, vnep_map_key(d->type, id, key) };
	const struct map_item *item = vnep_table_get(&d->b->by[BY_KEY], &slice);
	struct vnep_buf text = { 0 };
	int rc;

	if (item && !item->deleted)
		return 0;
	rc = vnep_map_get(d->txn, d->type, id, &text, d->err);
	if (rc == VNEP_EDAMAGED)
		rc = name_only(d, id, &text);
	if (!rc)
		rc = d->cb("delete", (const char *)text.data, text.len, d->arg);
	vnep_buf_release(&text);
	return rc;
}

int vnep_map_batch_diff(struct vnep_map_batch *b, struct vnep_map_txn *txn, vnep_map_differ_cb *cb,
	void *arg, struct vnep_err *err)
{
	static const enum vnep_record_type types[] = { VNEP_RECORD_VPC, VNEP_RECORD_GROUP,
		VNEP_RECORD_DEVICE };
	struct diff d = { .b = b, .txn = txn, .cb = cb, .arg = arg, .err = err };
	struct map_sorted *order = vnep_map_batch_sort(b);
	int rc = 0;

	if (!order)
		return vnep_err_sys(err, ENOMEM, "sorting records");
	for (size_t i = 0; i < b->count && !rc; i++)
		rc = diff_item(&d, order[i].item);
	for (size_t t = 0; t < sizeof types / sizeof *types && txn && !rc; t++) {
		d.type = types[t];
		rc = vnep_map_each_id(txn, d.type, diff_stored, &d, err);
	}
	free(order);
	return rc;
}
