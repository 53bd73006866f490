/* follow-held - lines on their way into the map, found by their record and by their number. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "follow-held.h"
#include "vnep/json.h"
#include "vnep/recjson.h"

void acl_held_init(struct acl_held *held)
{
	vnep_table_init(&held->by_key, offsetof(struct acl_held_line, key), 0);
	vnep_table_init(&held->by_line, offsetof(struct acl_held_line, line), sizeof(unsigned));
}

void acl_held_clear(struct acl_held *held)
{
	acl_held_release(held);
	acl_held_init(held);
}

void acl_held_release(struct acl_held *held)
{
	struct acl_held_line *l;

	for (size_t i = 0; (l = vnep_table_next(&held->by_line, &i));)
		free(l);
	vnep_table_release(&held->by_key);
	vnep_table_release(&held->by_line);
}

static const char *id_of(const struct vnep_json *record, enum vnep_record_type type)
{
	return vnep_json_get_str(record,
		type == VNEP_RECORD_VPC     ? "vpc"
		: type == VNEP_RECORD_GROUP ? "group"
					    : "dev",
		"");
}

struct acl_held_line *acl_held_line(
	unsigned line, const struct vnep_json *record, const char *text, size_t len)
{
	enum vnep_record_type type = vnep_recjson_type(record);
	const char *id = id_of(record, type);
	size_t id_len = strlen(id);
	struct acl_held_line *l = malloc(sizeof *l + len + 1 + id_len);

	if (!l)
		return NULL;
	*l = (struct acl_held_line){ { l->text + len, 1 + id_len }, line, len };
	memcpy(l->text, text, len);
	l->text[len] = (char)type;
	memcpy(l->text + len + 1, id, id_len);
	return l;
}

static struct acl_held_line *take(struct acl_held *held, struct acl_held_line *l)
{
	if (l) {
		vnep_table_remove(&held->by_key, l);
		vnep_table_remove(&held->by_line, l);
	}
	return l;
}

void acl_held_forget(struct acl_held *held, const struct acl_held_line *l)
{
	free(take(held, vnep_table_get(&held->by_key, &l->key)));
}

int acl_held_put(struct acl_held *held, struct acl_held_line *l)
{
	const struct acl_held_line *other = vnep_table_get(&held->by_key, &l->key);

	if (other && other->line > l->line) {
		free(l);
		return 0;
	}
	acl_held_forget(held, l);
	if (vnep_table_put(&held->by_key, l)) {
		free(l);
		return -ENOMEM;
	}
	if (vnep_table_put(&held->by_line, l)) {
		vnep_table_remove(&held->by_key, l);
		free(l);
		return -ENOMEM;
	}
	return 0;
}

struct acl_held_line *acl_held_take_line(struct acl_held *held, unsigned line)
{
	return take(held, vnep_table_get(&held->by_line, &line));
}

struct acl_held_line *acl_held_take_any(struct acl_held *held)
{
	size_t i = 0;

	return take(held, vnep_table_next(&held->by_line, &i));
}

static int compare_line(const void *a, const void *b)
{
	unsigned x = (*(struct acl_held_line *const *)a)->line,
		 y = (*(struct acl_held_line *const *)b)->line;

	return (x > y) - (x < y);
}

struct acl_held_line **acl_held_take_all(struct acl_held *held)
{
	size_t count = 0;
	struct acl_held_line *l, **all = calloc(held->by_line.count + 1, sizeof *all);

	if (!all)
		return NULL;
	for (size_t i = 0; (l = vnep_table_next(&held->by_line, &i));)
		all[count++] = l;
	vnep_table_release(&held->by_key);
	vnep_table_release(&held->by_line);
	acl_held_init(held);
	qsort(all, count, sizeof *all, compare_line);
	return all;
}
