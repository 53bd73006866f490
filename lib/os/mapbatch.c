/* mapbatch - collect records, and compare each with those before it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapbatch-private.h"

int vnep_map_batch_new(struct vnep_map_batch **out, struct vnep_err *err)
{
	struct vnep_map_batch *b = calloc(1, sizeof *b);

	if (!b)
		return vnep_err_sys(err, ENOMEM, "reading records");
	vnep_table_init(&b->by[BY_KEY], offsetof(struct map_item, key), 0);
	vnep_table_init(&b->by[BY_VEP], offsetof(struct map_pair, vep), sizeof(struct in6_addr));
	vnep_table_init(
		&b->by[BY_MAC], offsetof(struct map_pair, mac), sizeof((struct map_pair *)0)->mac);
	b->texts.spill = true;
	*out = b;
	return 0;
}

void vnep_map_batch_free(struct vnep_map_batch *b)
{
	if (!b)
		return;
	for (int i = 0; i < TABLES; i++)
		vnep_table_release(&b->by[i]);
	vnep_map_arena_release(&b->items_arena);
	vnep_map_arena_release(&b->texts);
	vnep_map_arena_release(&b->pairs);
	free(b->items);
	free(b->files);
	vnep_buf_release(&b->text);
	vnep_buf_release(&b->lent);
	free(b);
}

size_t vnep_map_batch_count(const struct vnep_map_batch *b)
{
	return b->count;
}

const char *vnep_map_batch_line(struct vnep_map_batch *b, size_t i, size_t *len)
{
	const struct map_item *item = b->items[i];

	*len = item->len;
	if (!item->revision)
		return map_item_text(item);
	vnep_buf_reset(&b->lent);
	vnep_buf_put(&b->lent, map_item_text(item), item->rev_at);
	vnep_buf_printf(&b->lent, ",\"revision\":%llu", (unsigned long long)item->revision);
	vnep_buf_put(&b->lent, map_item_text(item) + item->rev_at, item->len - item->rev_at);
	*len = b->lent.len;
	return vnep_buf_str(&b->lent);
}

void vnep_map_batch_place(const struct vnep_map_batch *b, size_t i, struct vnep_err *err)
{
	vnep_err_place(err, b->files[b->items[i]->file], b->items[i]->line, 0);
}

bool vnep_map_batch_has_vep(const struct vnep_map_batch *b, const struct in6_addr *vep)
{
	return vnep_table_get(&b->by[BY_VEP], vep);
}

/* The index of a file name; names come one after another, so the last one is nearly always it. */
static int file_index(struct vnep_map_batch *b, const char *file, uint16_t *out)
{
	if (b->file_count > UINT16_MAX - 1)
		return -E2BIG;
	if (!b->file_count || strcmp(b->files[b->file_count - 1], file)) {
		void *p = realloc(b->files, (b->file_count + 1) * sizeof *b->files);

		if (!p)
			return -ENOMEM;
		b->files = p;
		snprintf(b->files[b->file_count++], sizeof *b->files, "%s", file);
	}
	*out = (uint16_t)(b->file_count - 1);
	return 0;
}

static const char *id_key(enum vnep_record_type type)
{
	return type == VNEP_RECORD_VPC ? "vpc" : type == VNEP_RECORD_GROUP ? "group" : "dev";
}

const char *vnep_map_item_id(const struct map_item *item, char id[static VNEP_URN_MAX + 1])
{
	vnep_map_id((enum vnep_record_type)item->type, item->key.data, item->key.len, id);
	return id;
}

/* A record on its way in. */
struct entry {
	struct map_item item; /* become those of the batch when all is well */
	struct map_pair pair;
	const struct vnep_device *device; /* of a live device */
	const char *id;
	const char *text; /* the line, for columns; may be NULL */
	size_t len;
};

/* "… is that of X on line 4 already": the other line's place as seen from this one. */
static int twice(struct vnep_map_batch *b, const struct map_item *other, const struct entry *now,
	const char *key, const char *what, struct vnep_err *err)
{
	char where[300], id[VNEP_URN_MAX + 1];

	if (other->file == now->item.file)
		snprintf(where, sizeof where, "line %u", other->line);
	else
		snprintf(where, sizeof where, "%s:%u", b->files[other->file], other->line);
	if (now->text && err)
		err->column = vnep_json_column(now->text, now->len, NULL, 0, key);
	vnep_map_item_id(other, id);
	if (other->type == now->item.type && !strcmp(id, now->id))
		return vnep_err_set(err, VNEP_EVALUE, "%s is on %s already", what, where);
	return vnep_err_set(err, VNEP_EVALUE, "%s is that of %s on %s already", what, id, where);
}

static int find_twice(struct vnep_map_batch *b, const struct entry *now, struct vnep_err *err)
{
	const char *key = id_key((enum vnep_record_type)now->item.type);
	const struct vnep_device *device = now->device;
	char what[VNEP_URN_MAX + 32], addr[VNEP_IP6_LEN];
	const struct map_item *other = vnep_table_get(&b->by[BY_KEY], &now->item.key);
	const struct map_pair *pair;

	if (other) {
		snprintf(what, sizeof what, "%s \"%s\"", key, now->id);
		return twice(b, other, now, key, what, err);
	}
	if (!device)
		return 0;
	pair = vnep_table_get(&b->by[BY_VEP], &now->pair.vep);
	if (pair) {
		vnep_ip6_print(&device->vep, addr);
		snprintf(what, sizeof what, "vep %s", addr);
		return twice(b, pair->item, now, "vep", what, err);
	}
	pair = device->has_mac ? vnep_table_get(&b->by[BY_MAC], now->pair.mac) : NULL;
	if (pair) {
		vnep_mac_print(&device->mac, addr);
		snprintf(what, sizeof what, "MAC %s in VLAN %u", addr, device->vlan);
		return twice(b, pair->item, now,
			vnep_json_column(now->text, now->len, NULL, 0, "mac") ? "mac" : "dev", what,
			err);
	}
	return 0;
}

static int room_for_one(struct vnep_map_batch *b)
{
	size_t cap = b->cap ? b->cap * 2 : 64;
	void *p;

	if (b->count < b->cap)
		return 0;
	p = realloc(b->items, cap * sizeof *b->items);
	if (!p)
		return -ENOMEM;
	b->items = p;
	b->cap = cap;
	return 0;
}

static int keep_pair(struct vnep_map_batch *b, const struct entry *now, struct map_item *item)
{
	struct map_pair *pair = vnep_map_arena_take(&b->pairs, sizeof *pair);
	int rc = pair ? 0 : -ENOMEM;

	if (rc)
		return rc;
	*pair = now->pair;
	pair->item = item;
	rc = vnep_table_put(&b->by[BY_VEP], pair);
	if (!rc && now->device->has_mac)
		rc = vnep_table_put(&b->by[BY_MAC], pair);
	return rc;
}

static int keep(struct vnep_map_batch *b, const struct entry *now)
{
	struct map_item *item = vnep_map_arena_take(&b->items_arena, sizeof *item);
	size_t n = now->item.key.len;
	uint8_t *octets = item ? vnep_map_arena_take(&b->texts, n + b->text.len) : NULL;
	int rc = octets ? room_for_one(b) : -ENOMEM;

	if (rc)
		return rc;
	*item = now->item;
	memcpy(octets, now->item.key.data, n);
	memcpy(octets + n, b->text.data, b->text.len);
	item->key.data = octets;
	item->len = (uint32_t)b->text.len;
	b->octets += item->len;
	rc = vnep_table_put(&b->by[BY_KEY], item);
	if (rc)
		return rc;
	b->items[b->count++] = item;
	return now->device ? keep_pair(b, now, item) : 0;
}

/* b->text has the record. */
static int add(struct vnep_map_batch *b, struct entry *now, enum vnep_record_type type,
	const struct vnep_recline *line, struct vnep_err *err)
{
	struct vnep_err none = { 0 };
	const struct vnep_err *from = err ? err : &none;
	uint8_t key[VNEP_MAP_KEY_MAX];
	struct map_item *item = &now->item;
	int rc = file_index(b, from->file, &item->file);

	item->type = (uint8_t)type;
	item->key = (struct vnep_slice){ key, vnep_map_key(type, now->id, key) };
	item->line = from->line;
	item->rev_at = (uint32_t)line->rev_at;
	item->revision = line->revision;
	if (now->device) {
		now->pair.vep = now->device->vep;
		if (now->device->has_mac)
			memcpy(now->pair.mac, now->device->mac.octet, 6);
		now->pair.mac[6] = (uint8_t)(now->device->vlan >> 8);
		now->pair.mac[7] = (uint8_t)now->device->vlan;
	}
	if (!rc) {
		rc = find_twice(b, now, err);
		if (rc)
			return rc;
		rc = keep(b, now);
	}
	return rc ? vnep_err_sys(err, -rc, "reading records") : 0;
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
	struct entry now = { .text = text, .len = len };
	struct vnep_device device = { 0 };
	enum vnep_record_type type;
	struct vnep_recline line;
	int rc;

	type = vnep_recjson_type(json);
	rc = type ? check_type(json, type, err) : 0; /* before what another kind of record lacks */
	if (!rc)
		rc = vnep_recjson_check(json, text, len, err);
	if (!rc)
		rc = check_type(json, type, err);
	if (rc)
		return rc;
	now.id = vnep_json_get_str(json, id_key(type), "");
	now.item.deleted = vnep_json_get_bool(json, "deleted", false);
	if (type == VNEP_RECORD_DEVICE && !now.item.deleted) {
		rc = vnep_device_decode(json, &device, err);
		now.device = &device;
	}
	vnep_buf_reset(&b->text);
	if (!rc && vnep_recjson_line(json, &b->text, &line))
		rc = vnep_err_sys(err, ENOMEM, "reading records");
	if (!rc)
		rc = add(b, &now, type, &line, err);
	vnep_device_release(&device);
	return rc;
}

int vnep_map_batch_add_line(
	struct vnep_map_batch *b, const char *text, size_t len, struct vnep_err *err)
{
	struct entry now = { .text = text, .len = len };
	struct vnep_device device;
	struct vnep_recline line;
	struct vnep_json *json;
	int rc;

	vnep_buf_reset(&b->text);
	if (vnep_recjson_fast(text, len, &b->text, &device, &line)) {
		now.device = &device;
		now.id = device.dev;
		rc = add(b, &now, VNEP_RECORD_DEVICE, &line, err);
		vnep_device_release(&device);
		return rc;
	}
	rc = vnep_json_parse(text, len, &json, err);
	if (rc)
		return rc;
	rc = vnep_map_batch_add(b, json, text, len, err);
	vnep_json_free(json);
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
