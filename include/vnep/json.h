/*
 * json - JSON values that came from outside (the only file that knows jansson).
 *
 * Shape   a parsed value is a tree; struct vnep_json is opaque. Integers are 64 bit, reals only survive.
 * Owner   vnep_json_parse gives a tree to free with vnep_json_free; everything _get, _at and _str return
 *         is lent and lives as long as its tree, or until that member is set or removed.
 * Errors  VNEP_ESYNTAX with line (kept from the caller) and column; VNEP_ETOOBIG over 1 MiB; -ENOMEM.
 *         I-JSON (RFC 7493): duplicate keys, bad UTF-8, NUL inside strings, NaN and trailing text are
 *         malformed; nesting deeper than 32 as well.
 */
#ifndef VNEP_JSON_H
#define VNEP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/buf.h"

struct vnep_err;
struct vnep_json;

enum { VNEP_LINE_MAX = 1 << 20 };

enum vnep_json_type {
	VNEP_JSON_NULL,
	VNEP_JSON_BOOL,
	VNEP_JSON_INTEGER,
	VNEP_JSON_REAL,
	VNEP_JSON_STRING,
	VNEP_JSON_ARRAY,
	VNEP_JSON_OBJECT
};

/* One value, the whole of text. err->column is set, file and line are left as they are. */
int vnep_json_parse(const char *text, size_t len, struct vnep_json **out, struct vnep_err *err);
void vnep_json_free(struct vnep_json *json);
struct vnep_json *vnep_json_copy(const struct vnep_json *json); /* deep; NULL without memory */
bool vnep_json_equal(const struct vnep_json *a, const struct vnep_json *b);

enum vnep_json_type vnep_json_type(const struct vnep_json *json);
const char *vnep_json_type_name(const struct vnep_json *json);

/* Members. NULL: not there, or json is no object. Keys in the order of the text. */
struct vnep_json *vnep_json_get(const struct vnep_json *json, const char *key);
typedef int vnep_json_member_cb(const char *key, struct vnep_json *value, void *arg);
int vnep_json_each(const struct vnep_json *json, vnep_json_member_cb *cb, void *arg); /* stops at != 0 */

size_t vnep_json_count(const struct vnep_json *json); /* of an array; 0 otherwise */
struct vnep_json *vnep_json_at(const struct vnep_json *json, size_t i);

/* Values; the second form takes a member and a default for "not there or of another type". */
const char *vnep_json_str(const struct vnep_json *json); /* NULL if it is no string */
bool vnep_json_int(const struct vnep_json *json, int64_t *out);
bool vnep_json_bool(const struct vnep_json *json, bool *out);
const char *vnep_json_get_str(const struct vnep_json *json, const char *key, const char *otherwise);
int64_t vnep_json_get_int(const struct vnep_json *json, const char *key, int64_t otherwise);
bool vnep_json_get_bool(const struct vnep_json *json, const char *key, bool otherwise);

/* New values, NULL without memory; a string that is not UTF-8 is NULL too. */
struct vnep_json *vnep_json_object(void);
struct vnep_json *vnep_json_array(void);
struct vnep_json *vnep_json_string(const char *value);
struct vnep_json *vnep_json_integer(int64_t value);

/* Change an object. 0 or -ENOMEM. A new key goes to the end. _set takes value (also on failure); a value of
 * NULL is the -ENOMEM of the call that made it. */
int vnep_json_set(struct vnep_json *json, const char *key, struct vnep_json *value);
int vnep_json_set_str(struct vnep_json *json, const char *key, const char *value);
int vnep_json_set_int(struct vnep_json *json, const char *key, int64_t value);
int vnep_json_set_bool(struct vnep_json *json, const char *key, bool value);
int vnep_json_append(struct vnep_json *array, struct vnep_json *value);
void vnep_json_remove(struct vnep_json *json, const char *key);

/* Put the members in the order of keys (NULL behind the last); others follow in the order they came. */
int vnep_json_order(struct vnep_json *json, const char *const *keys);

/* Compact, keys in their order, without a newline. */
int vnep_json_dump(const struct vnep_json *json, struct vnep_buf *out);

/* Where (1-based column) the key stands in the text it was parsed from: a member of the object itself if
 * parent is NULL, else of the object in its member parent, or of the object at index in the array there.
 * 0: not found, or text is NULL. For messages only. */
unsigned vnep_json_column(const char *text, size_t len, const char *parent, size_t index,
	const char *key);

#endif
