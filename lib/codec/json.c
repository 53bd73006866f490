/* json - jansson behind our own names: strict I-JSON in, compact text out. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/json.h"

enum { DEPTH_MAX = 32 };

/* struct vnep_json is never defined: its pointers are jansson's. */
static json_t *in(const struct vnep_json *json)
{
	return (json_t *)(uintptr_t)json;
}

static struct vnep_json *out(json_t *json)
{
	return (struct vnep_json *)json;
}

/* jansson stops at a nesting of 2048; we want less, and to say so with a column. */
static int check_depth(const char *text, size_t len, struct vnep_err *err)
{
	unsigned depth = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				string = false;
		} else if (c == '"') {
			string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DEPTH_MAX) {
				vnep_err_set(err, VNEP_ESYNTAX, "nested deeper than %d", DEPTH_MAX);
				vnep_err_place(err, NULL, err ? err->line : 0, (unsigned)i + 1);
				return VNEP_ESYNTAX;
			}
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return 0;
}

static unsigned column_of(const json_error_t *e)
{
	return e->position > 0 ? (unsigned)e->position : 1;
}

int vnep_json_parse(const char *text, size_t len, struct vnep_json **json, struct vnep_err *err)
{
	json_error_t e;
	json_t *j;
	int rc;

	if (len > VNEP_LINE_MAX)
		return vnep_err_set(err, VNEP_ETOOBIG, "line of %zu octets is longer than %d", len,
			VNEP_LINE_MAX);
	rc = check_depth(text, len, err);
	if (rc)
		return rc;
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!j) {
		if (json_error_code(&e) == json_error_out_of_memory)
			return vnep_err_sys(err, ENOMEM, "JSON");
		vnep_err_set(err, VNEP_ESYNTAX, "malformed JSON: %s", e.text);
		vnep_err_place(err, NULL, err ? err->line : 0, column_of(&e));
		return VNEP_ESYNTAX;
	}
	*json = out(j);
	return 0;
}

void vnep_json_free(struct vnep_json *json)
{
	json_decref(in(json));
}

struct vnep_json *vnep_json_copy(const struct vnep_json *json)
{
	return out(json_deep_copy(in(json)));
}

bool vnep_json_equal(const struct vnep_json *a, const struct vnep_json *b)
{
	return json_equal(in(a), in(b));
}

enum vnep_json_type vnep_json_type(const struct vnep_json *json)
{
	switch (json_typeof(in(json))) {
	case JSON_OBJECT: return VNEP_JSON_OBJECT;
	case JSON_ARRAY: return VNEP_JSON_ARRAY;
	case JSON_STRING: return VNEP_JSON_STRING;
	case JSON_INTEGER: return VNEP_JSON_INTEGER;
	case JSON_REAL: return VNEP_JSON_REAL;
	case JSON_TRUE:
	case JSON_FALSE: return VNEP_JSON_BOOL;
	case JSON_NULL: return VNEP_JSON_NULL;
	}
	return VNEP_JSON_NULL;
}

const char *vnep_json_type_name(const struct vnep_json *json)
{
	static const char *const names[] = { "null", "a boolean", "an integer", "a number with a fraction",
		"a string", "an array", "an object" };

	return names[vnep_json_type(json)];
}

struct vnep_json *vnep_json_get(const struct vnep_json *json, const char *key)
{
	return out(json_object_get(in(json), key));
}

int vnep_json_each(const struct vnep_json *json, vnep_json_member_cb *cb, void *arg)
{
	json_t *value;
	const char *key;
	int rc;

	json_object_foreach(in(json), key, value) {
		rc = cb(key, out(value), arg);
		if (rc)
			return rc;
	}
	return 0;
}

size_t vnep_json_count(const struct vnep_json *json)
{
	return json_array_size(in(json));
}

struct vnep_json *vnep_json_at(const struct vnep_json *json, size_t i)
{
	return out(json_array_get(in(json), i));
}

const char *vnep_json_str(const struct vnep_json *json)
{
	return json_string_value(in(json));
}

bool vnep_json_int(const struct vnep_json *json, int64_t *value)
{
	if (!json_is_integer(in(json)))
		return false;
	*value = json_integer_value(in(json));
	return true;
}

bool vnep_json_bool(const struct vnep_json *json, bool *value)
{
	if (!json_is_boolean(in(json)))
		return false;
	*value = json_is_true(in(json));
	return true;
}

const char *vnep_json_get_str(const struct vnep_json *json, const char *key, const char *otherwise)
{
	const char *value = json_string_value(json_object_get(in(json), key));

	return value ? value : otherwise;
}

int64_t vnep_json_get_int(const struct vnep_json *json, const char *key, int64_t otherwise)
{
	json_t *value = json_object_get(in(json), key);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool vnep_json_get_bool(const struct vnep_json *json, const char *key, bool otherwise)
{
	json_t *value = json_object_get(in(json), key);

	return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

struct vnep_json *vnep_json_object(void)
{
	return out(json_object());
}

struct vnep_json *vnep_json_array(void)
{
	return out(json_array());
}

int vnep_json_set(struct vnep_json *json, const char *key, struct vnep_json *value)
{
	return json_object_set_new(in(json), key, in(value)) ? -ENOMEM : 0;
}

int vnep_json_set_str(struct vnep_json *json, const char *key, const char *value)
{
	return vnep_json_set(json, key, out(json_string(value)));
}

int vnep_json_set_int(struct vnep_json *json, const char *key, int64_t value)
{
	return vnep_json_set(json, key, out(json_integer(value)));
}

int vnep_json_set_bool(struct vnep_json *json, const char *key, bool value)
{
	return vnep_json_set(json, key, out(json_boolean(value)));
}

int vnep_json_append(struct vnep_json *array, struct vnep_json *value)
{
	return json_array_append_new(in(array), in(value)) ? -ENOMEM : 0;
}

void vnep_json_remove(struct vnep_json *json, const char *key)
{
	json_object_del(in(json), key);
}

static int dump_chunk(const char *data, size_t len, void *arg)
{
	vnep_buf_put(arg, data, len);
	return 0;
}

int vnep_json_dump(const struct vnep_json *json, struct vnep_buf *buf)
{
	if (json_dump_callback(in(json), dump_chunk, buf, JSON_COMPACT | JSON_ENCODE_ANY))
		return -ENOMEM;
	return buf->rc;
}

/* Does the string that begins at text[i] (a quote) spell key? Sets *end to its closing quote. */
static bool spells(const char *text, size_t len, size_t i, const char *key, size_t *end)
{
	size_t start = i + 1, n = strlen(key);

	for (i = start; i < len && text[i] != '"'; i++)
		if (text[i] == '\\')
			i++;
	*end = i;
	return i - start == n && !memcmp(text + start, key, n);
}

static bool is_key(const char *text, size_t len, size_t i)
{
	for (i++; i < len && (text[i] == ' ' || text[i] == '\t'); i++)
		;
	return i < len && text[i] == ':';
}

unsigned vnep_json_column(const char *text, size_t len, const char *parent, const char *key)
{
	unsigned depth = 0, inside = 0; /* inside: the depth of the parent's members */

	for (size_t i = 0; text && i < len; i++) {
		size_t end;

		if (text[i] == '{' || text[i] == '[') {
			depth++;
		} else if (text[i] == '}' || text[i] == ']') {
			if (inside && depth == inside)
				inside = 0;
			depth -= depth > 0;
		} else if (text[i] == '"') {
			bool here = parent ? inside && depth >= inside : depth == 1;

			if (here && spells(text, len, i, key, &end) && is_key(text, len, end))
				return (unsigned)i + 1;
			if (parent && !inside && depth == 1 && spells(text, len, i, parent, &end) &&
				is_key(text, len, end))
				inside = 2;
			spells(text, len, i, "", &end);
			i = end;
		}
	}
	return 0;
}
