/* mapbatch - collect, compare with itself, write in one transaction. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/mapbatch.h"
#include "vnep/recjson.h"
#include "vnep/table.h"

/* What no two records of a batch may share. Keys of the tables: fixed length, padded with zeros. */
struct item {
	char id[VNEP_URN_MAX + 2]; /* type letter and dev, vpc or group */
	struct in6_addr vep;
	uint8_t mac[8]; /* and VLAN */
	uint64_t at;    /* in text */
	uint32_t len;
	unsigned line, file;
	bool refused;
};

enum { BY_ID, BY_VEP, BY_MAC, TABLES };

struct vnep_map_batch {
	struct vnep_buf text;
	struct item **items;
	size_t count, cap;
	struct vnep_table by[TABLES];
	char (*files)[256];
	unsigned file_count;
};

int vnep_map_batch_new(struct vnep_map_batch **out, struct vnep_err *err)
{
	struct vnep_map_batch *b = calloc(1, sizeof *b);

	if (!b)
		return vnep_err_sys(err, ENOMEM, "reading records");
	vnep_table_init(&b->by[BY_ID], offsetof(struct item, id), sizeof b->items[0]->id);
	vnep_table_init(&b->by[BY_VEP], offsetof(struct item, vep), sizeof b->items[0]->vep);
	vnep_table_init(&b->by[BY_MAC], offsetof(struct item, mac), sizeof b->items[0]->mac);
	vnep_buf_init(&b->text);
	*out = b;
	return 0;
}

void vnep_map_batch_free(struct vnep_map_batch *b)
{
	if (!b)
		return;
	for (int i = 0; i < TABLES; i++)
		vnep_table_release(&b->by[i]);
	for (size_t i = 0; i < b->count; i++)
		free(b->items[i]);
	free(b->items);
	free(b->files);
	vnep_buf_release(&b->text);
	free(b);
}

size_t vnep_map_batch_count(const struct vnep_map_batch *b)
{
	return b->count;
}

const char *vnep_map_batch_line(const struct vnep_map_batch *b, size_t i, size_t *len)
{
	*len = b->items[i]->len;
	return (const char *)b->text.data + b->items[i]->at;
}

static void place(const struct vnep_map_batch *b, const struct item *item, struct vnep_err *err)
{
	vnep_err_place(err, b->files[item->file], item->line, 0);
}

void vnep_map_batch_place(const struct vnep_map_batch *b, size_t i, struct vnep_err *err)
{
	place(b, b->items[i], err);
}

/* The index of a file name; names come one after another, so the last one is nearly always it. */
static int file_index(struct vnep_map_batch *b, const char *file, unsigned *out)
{
	if (!b->file_count || strcmp(b->files[b->file_count - 1], file)) {
		void *p = realloc(b->files, (b->file_count + 1) * sizeof *b->files);

		if (!p)
			return -ENOMEM;
		b->files = p;
		snprintf(b->files[b->file_count++], sizeof *b->files, "%s", file);
	}
	*out = b->file_count - 1;
	return 0;
}

static void id_of(enum vnep_record_type type, const char *id, char out[static VNEP_URN_MAX + 2])
{
	memset(out, 0, VNEP_URN_MAX + 2);
	out[0] = type == VNEP_RECORD_VPC ? 'v' : type == VNEP_RECORD_GROUP ? 'g' : 'd';
	memcpy(out + 1, id, strnlen(id, VNEP_URN_MAX));
}

static const char *id_key(enum vnep_record_type type)
{
	return type == VNEP_RECORD_VPC ? "vpc" : type == VNEP_RECORD_GROUP ? "group" : "dev";
}

/* "… is that of X on line 4 already": the other line's place as seen from this one. */
static int twice(struct vnep_map_batch *b, const struct item *other, const struct item *now,
	const char *key, const char *text, size_t len, const char *what, struct vnep_err *err)
{
	char where[300];

	if (other->file == now->file)
		snprintf(where, sizeof where, "line %u", other->line);
	else
		snprintf(where, sizeof where, "%s:%u", b->files[other->file], other->line);
	if (text && err)
		err->column = vnep_json_column(text, len, NULL, 0, key);
	if (!strcmp(other->id, now->id))
		return vnep_err_set(err, VNEP_EVALUE, "%s is on %s already", what, where);
	return vnep_err_set(
		err, VNEP_EVALUE, "%s is that of %s on %s already", what, other->id + 1, where);
}

static int find_twice(struct vnep_map_batch *b, const struct item *now,
	const struct vnep_device *device, const char *key, const char *text, size_t len,
	struct vnep_err *err)
{
	char what[VNEP_URN_MAX + 32], addr[VNEP_IP6_LEN];
	const struct item *other = vnep_table_get(&b->by[BY_ID], now->id);

	if (other) {
		snprintf(what, sizeof what, "%s \"%s\"", key, now->id + 1);
		return twice(b, other, now, key, text, len, what, err);
	}
	if (!device || device->deleted)
		return 0;
	other = vnep_table_get(&b->by[BY_VEP], &now->vep);
	if (other) {
		vnep_ip6_print(&device->vep, addr);
		snprintf(what, sizeof what, "vep %s", addr);
		return twice(b, other, now, "vep", text, len, what, err);
	}
	other = device->has_mac ? vnep_table_get(&b->by[BY_MAC], now->mac) : NULL;
	if (other) {
		vnep_mac_print(&device->mac, addr);
		snprintf(what, sizeof what, "MAC %s in VLAN %u", addr, device->vlan);
		return twice(b, other, now,
			vnep_json_column(text, len, NULL, 0, "mac") ? "mac" : "dev", text, len,
			what, err);
	}
	return 0;
}

static int keep(struct vnep_map_batch *b, struct item *item, const struct vnep_device *device,
	const struct vnep_json *json, struct vnep_err *err)
{
	int rc = 0;

	item->at = b->text.len;
	if (b->count == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 64;
		void *p = realloc(b->items, cap * sizeof *b->items);

		if (!p)
			return vnep_err_sys(err, ENOMEM, "reading records");
		b->items = p;
		b->cap = cap;
	}
	rc = vnep_json_dump(json, &b->text);
	if (!rc)
		rc = b->text.rc;
	item->len = (uint32_t)(b->text.len - item->at);
	if (!rc)
		rc = vnep_table_put(&b->by[BY_ID], item);
	if (rc)
		return vnep_err_sys(err, ENOMEM, "reading records");
	b->items[b->count++] = item; /* from here on the batch owns it */
	if (device && !device->deleted) {
		rc = vnep_table_put(&b->by[BY_VEP], item);
		if (!rc && device->has_mac)
			rc = vnep_table_put(&b->by[BY_MAC], item);
	}
	return rc ? vnep_err_sys(err, ENOMEM, "reading records") : 0;
}

static int check_type(
	const struct vnep_json *json, enum vnep_record_type type, struct vnep_err *err)
{
	if (type == VNEP_RECORD_VPC || type == VNEP_RECORD_DEVICE || type == VNEP_RECORD_GROUP)
		return 0;
	if (type == VNEP_RECORD_BINDING)
		return vnep_err_set(
			err, VNEP_EVALUE, "bindings are written by edges, never imported");
	return vnep_err_set(err, VNEP_EVALUE,
		"the map takes vpc, device and group records, not \"%s\"",
		vnep_json_get_str(json, "type", "?"));
}

int vnep_map_batch_add(struct vnep_map_batch *b, struct vnep_json *json, const char *text,
	size_t len, struct vnep_err *err)
{
	struct vnep_err none = { 0 };
	const struct vnep_err *from = err ? err : &none;
	enum vnep_record_type type;
	struct vnep_device device = { 0 };
	struct item *item = NULL;
	size_t count = b->count;
	int rc = vnep_recjson_check(json, text, len, err);

	type = vnep_recjson_type(json);
	if (!rc)
		rc = check_type(json, type, err);
	if (!rc && type == VNEP_RECORD_DEVICE)
		rc = vnep_device_decode(json, &device, err);
	if (rc)
		goto out;
	item = calloc(1, sizeof *item);
	rc = item ? file_index(b, from->file, &item->file) : -ENOMEM;
	if (rc) {
		vnep_err_sys(err, -rc, "reading records");
		goto out;
	}
	item->line = from->line;
	id_of(type, vnep_json_get_str(json, id_key(type), ""), item->id);
	item->vep = device.vep;
	if (device.has_mac)
		memcpy(item->mac, device.mac.octet, 6);
	item->mac[6] = (uint8_t)(device.vlan >> 8);
	item->mac[7] = (uint8_t)device.vlan;
	rc = find_twice(
		b, item, type == VNEP_RECORD_DEVICE ? &device : NULL, id_key(type), text, len, err);
	if (!rc)
		rc = keep(b, item, type == VNEP_RECORD_DEVICE ? &device : NULL, json, err);
out:
	if (b->count == count)
		free(item);
	vnep_device_release(&device);
	return rc;
}

static const char change_name[] = "vnep_map_changes";

void vnep_map_changes_encode(struct vnep_buf *out, const struct vnep_map_changes *c)
{
	vnep_stat_encode(out, change_name, "change", "added", c->added);
	vnep_stat_encode(out, change_name, "change", "changed", c->changed);
	vnep_stat_encode(out, change_name, "change", "unchanged", c->unchanged);
	vnep_stat_encode(out, change_name, "change", "deleted", c->deleted);
	vnep_stat_encode(out, change_name, "change", "refused", c->refused);
	vnep_stat_encode(out, "vnep_map_revision", NULL, NULL, c->revision);
}

void vnep_map_changes_decode(const struct vnep_json *json, struct vnep_map_changes *c)
{
	const char *name = vnep_json_get_str(json, "name", "");
	const char *word = vnep_json_get_str(vnep_json_get(json, "labels"), "change", "");
	uint64_t value = (uint64_t)vnep_json_get_int(json, "value", 0);
	struct {
		const char *word;
		uint64_t *to;
	} const fields[] = { { "added", &c->added }, { "changed", &c->changed },
		{ "unchanged", &c->unchanged }, { "deleted", &c->deleted },
		{ "refused", &c->refused } };

	if (!strcmp(name, "vnep_map_revision"))
		c->revision = value;
	for (size_t i = 0; !strcmp(name, change_name) && i < sizeof fields / sizeof *fields; i++)
		if (!strcmp(word, fields[i].word))
			*fields[i].to = value;
}

struct run {
	struct vnep_map_batch *b;
	const struct vnep_map_apply *how;
	struct vnep_map_changes *changes;
	struct vnep_map_txn *txn;
	struct vnep_err *err;
	bool again; /* a record was refused by the check of the whole: start anew without it */
};

static int refuse(struct run *r, struct item *item, const struct vnep_err *why)
{
	struct vnep_err placed = *why;

	place(r->b, item, &placed);
	if (!r->how->refuse) {
		if (r->err)
			*r->err = placed;
		return placed.code;
	}
	item->refused = true;
	r->changes->refused++;
	return r->how->refuse(&placed, r->how->arg);
}

static int put_one(struct run *r, struct item *item)
{
	const struct vnep_map_put how = { .if_revision = r->how->if_revision,
		.origin = r->how->origin };
	uint64_t before, after;
	struct vnep_map_stat stat;
	struct vnep_err why = { 0 };
	struct vnep_json *json;
	bool changed = false, deleted;
	int rc = vnep_json_parse((const char *)r->b->text.data + item->at, item->len, &json, &why);

	if (rc)
		return refuse(r, item, &why);
	deleted = vnep_json_get_bool(json, "deleted", false);
	vnep_map_stat(r->txn, &stat, NULL);
	before = stat.devices + stat.vpcs + stat.groups;
	rc = vnep_map_put(r->txn, json, &how, &changed, &why);
	vnep_json_free(json);
	if (rc && (vnep_err_exit(rc) == 3 || vnep_err_exit(rc) == 5)) {
		if (r->err)
			*r->err = why; /* the disk's fault, not the line's */
		return rc;
	}
	if (rc)
		return refuse(r, item, &why);
	vnep_map_stat(r->txn, &stat, NULL);
	after = stat.devices + stat.vpcs + stat.groups;
	if (!changed)
		r->changes->unchanged++;
	else if (deleted)
		r->changes->deleted++;
	else if (after > before)
		r->changes->added++;
	else
		r->changes->changed++;
	return 0;
}

/* Ids of the map that the batch lacks, collected first: a walk must not change what it walks over. */
struct lacking {
	struct vnep_map_batch *b;
	struct vnep_buf ids; /* NUL-terminated, one after another */
	enum vnep_record_type type;
};

static int find_lacking(const char *text, size_t len, void *arg)
{
	struct lacking *l = arg;
	char key[VNEP_URN_MAX + 2];
	struct vnep_json *json;
	const char *id;
	int rc = vnep_json_parse(text, len, &json, NULL);

	if (rc)
		return rc;
	id = vnep_json_get_str(json, id_key(l->type), "");
	id_of(l->type, id, key);
	if (!vnep_table_get(&l->b->by[BY_ID], key))
		vnep_buf_put(&l->ids, id, strlen(id) + 1);
	vnep_json_free(json);
	return l->ids.rc;
}

static int delete_lacking(struct run *r)
{
	static const enum vnep_record_type types[] = { VNEP_RECORD_DEVICE, VNEP_RECORD_GROUP,
		VNEP_RECORD_VPC };
	struct lacking l = { .b = r->b };
	int rc = 0;

	vnep_buf_init(&l.ids);
	for (size_t t = 0; t < sizeof types / sizeof *types && !rc; t++) {
		l.type = types[t];
		vnep_buf_reset(&l.ids);
		rc = vnep_map_each(r->txn, l.type, false, find_lacking, &l, r->err);
		for (size_t at = 0; at < l.ids.len && !rc;) {
			const char *id = (const char *)l.ids.data + at;

			rc = vnep_map_delete(r->txn, l.type, id, 0, r->err);
			r->changes->deleted++;
			at += strlen(id) + 1;
		}
	}
	vnep_buf_release(&l.ids);
	return rc;
}

/* The check of the whole names a device; the line of that device is to blame, or that of its vpc. */
static int refused(const char *dev, const struct vnep_err *why, void *arg)
{
	struct run *r = arg;
	char key[VNEP_URN_MAX + 2];
	struct item *item;

	id_of(VNEP_RECORD_DEVICE, dev, key);
	item = vnep_table_get(&r->b->by[BY_ID], key);
	if (!item || item->refused) {
		/* A device that is only in the map: the batch took its vpc away, or moved its prefix. */
		if (r->err) {
			*r->err = *why;
			vnep_err_place(r->err, "", 0, 0);
		}
		return why->code;
	}
	r->again = true;
	return refuse(r, item, why);
}

static int run_once(struct run *r)
{
	int rc = 0;

	if (r->how->replace)
		rc = delete_lacking(r);
	for (size_t i = 0; i < r->b->count && !rc; i++)
		if (!r->b->items[i]->refused)
			rc = put_one(r, r->b->items[i]);
	if (!rc)
		rc = vnep_map_check_each(r->txn, refused, r, r->err);
	return rc;
}

int vnep_map_batch_apply(struct vnep_map_batch *b, struct vnep_mapstore *store,
	const struct vnep_map_apply *how, struct vnep_map_changes *changes, struct vnep_err *err)
{
	struct run r = { .b = b, .how = how, .changes = changes, .err = err };
	uint64_t refused_count;
	int rc;

	*changes = (struct vnep_map_changes){ 0 };
	do {
		refused_count = changes->refused;
		*changes = (struct vnep_map_changes){ .refused = refused_count };
		r.again = false;
		rc = vnep_map_begin(store, true, &r.txn, err);
		if (rc)
			return rc;
		rc = run_once(&r);
		if (rc || r.again)
			vnep_map_abort(r.txn);
	} while (!rc && r.again);
	if (rc)
		return rc;
	changes->revision = vnep_map_revision(r.txn);
	if (!how->dry_run)
		return vnep_map_commit(r.txn, err);
	vnep_map_abort(r.txn);
	return 0;
}
