/* changes - the devices that changed in the map since a revision. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "changes.h"
#include "vnep/err.h"
#include "vnep/recjson.h"

enum { ENOUGH = 1 }; /* ends the walk */

static int keep(struct changes *c, const struct vnep_json *json, const char *text, size_t len)
{
	struct change *item;

	if (c->count == c->max) {
		c->many = true;
		return ENOUGH;
	}
	if (c->count == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 4;
		struct change *bigger = reallocarray(c->items, cap, sizeof *bigger);

		if (!bigger)
			return -ENOMEM;
		c->items = bigger;
		c->cap = cap;
	}
	item = &c->items[c->count++];
	*item = (struct change){ .text = c->texts.len,
		.len = len,
		.binding = vnep_recjson_type(json) == VNEP_RECORD_BINDING };
	snprintf(item->dev, sizeof item->dev, "%s", vnep_json_get_str(json, "dev", ""));
	vnep_ip6_parse(vnep_json_get_str(json, "vep", "::"), &item->vep, NULL);
	if (c->with_texts)
		vnep_buf_put(&c->texts, text, len);
	return c->texts.rc;
}

static int note(const char *text, size_t len, void *arg)
{
	struct changes *c = arg;
	struct vnep_json *json = NULL;
	int rc = vnep_json_parse(text, len, &json, NULL);

	if (!rc && vnep_recjson_type(json) == VNEP_RECORD_VPC)
		c->vpcs = true;
	else if (!rc && vnep_recjson_type(json) == VNEP_RECORD_GROUP)
		c->groups = true;
	else if (!rc && (vnep_recjson_type(json) == VNEP_RECORD_DEVICE ||
				(c->bindings && vnep_recjson_type(json) == VNEP_RECORD_BINDING)))
		rc = keep(c, json, text, len);
	vnep_json_free(json);
	return rc;
}

/* Of one device next to each other, its own record first. */
static int compare_dev(const void *a, const void *b)
{
	const struct change *x = *(struct change *const *)a, *y = *(struct change *const *)b;
	int way = strcmp(x->dev, y->dev);

	return way ? way : (x->binding > y->binding) - (x->binding < y->binding);
}

/* A device and its binding are two records and one change. */
static int merge(struct changes *c)
{
	struct change **by_dev = calloc(c->count + 1, sizeof *by_dev);
	size_t kept = 0;

	if (!by_dev)
		return -ENOMEM;
	for (size_t i = 0; i < c->count; i++)
		by_dev[i] = &c->items[i];
	qsort(by_dev, c->count, sizeof *by_dev, compare_dev);
	for (size_t i = c->count; i-- > 1;)
		if (!strcmp(by_dev[i]->dev, by_dev[i - 1]->dev))
			by_dev[i]->dev[0] = 0; /* no device is called that */
	for (size_t i = 0; i < c->count; i++)
		if (c->items[i].dev[0])
			c->items[kept++] = c->items[i];
	c->count = kept;
	free(by_dev);
	return 0;
}

int changes_read(struct changes *c, struct vnep_map_txn *txn, uint64_t after, struct vnep_err *err)
{
	int rc;

	vnep_buf_init(&c->texts);
	c->revision = vnep_map_revision(txn);
	rc = vnep_map_since(txn, after, note, c, err);
	if (!rc && c->bindings)
		rc = merge(c);
	if (rc == -ENOMEM)
		vnep_err_sys(err, ENOMEM, "changes of the map");
	return rc == ENOUGH ? 0 : rc;
}

void changes_release(struct changes *c)
{
	vnep_buf_release(&c->texts);
	free(c->items);
	c->items = NULL;
}
