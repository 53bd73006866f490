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

/* The closing quote of the string that opens at i; len if it never closes. */
static size_t string_end(const char *text, size_t len, size_t i)
{
	for (i++; i < len && text[i] != '"'; i++)
		if (text[i] == '\\')
			i++;
	return i < len ? i : len;
}

/* jansson stops at a nesting of 2048; we want less, and to say so with a column. */
static int check_depth(const char *text, size_t len, struct vnep_err *err)
{
	unsigned depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '"') {
			i = string_end(text, len, i);
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
	static const char *const names[] = { "null", "a boolean", "an integer",
		"a number with a fraction", "a string", "an array", "an object" };

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

	json_object_foreach(in(json), key, value)
	{
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

struct vnep_json *vnep_json_string(const char *value)
{
	return out(json_string(value));
}

struct vnep_json *vnep_json_integer(int64_t value)
{
	return out(json_integer(value));
}

int vnep_json_set(struct vnep_json *json, const char *key, struct vnep_json *value)
{
	return json_object_set_new(in(json), key, in(value)) ? -ENOMEM : 0;
}

int vnep_json_set_str(struct vnep_json *json, const char *key, const char *value)
{
	return vnep_json_set(json, key, vnep_json_string(value));
}

int vnep_json_set_int(struct vnep_json *json, const char *key, int64_t value)
{
	return vnep_json_set(json, key, vnep_json_integer(value));
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

/* Are the members in the order of keys already, the unknown ones last? */
static bool is_ordered(json_t *object, const char *const *keys)
{
	const char *const *next = keys, *const * k;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		for (k = next; *k && strcmp(*k, key); k++)
			;
		if (*k) {
			next = k + 1;
			continue;
		}
		for (k = keys; k < next && strcmp(*k, key); k++)
			;
		if (k < next)
			return false;
		while (*next) /* an unknown one: no known one may follow */
			next++;
	}
	return true;
}

int vnep_json_order(struct vnep_json *json, const char *const *keys)
{
	json_t *object = in(json), *ordered, *value;
	int rc = 0;

	if (is_ordered(object, keys))
		return 0;
	ordered = json_object();
	if (!ordered)
		return -ENOMEM;
	for (; !rc && *keys; keys++) {
		value = json_object_get(object, *keys);
		if (value)
			rc = json_object_set(ordered, *keys, value);
	}
	if (!rc)
		rc = json_object_update_missing(ordered, object);
	if (!rc)
		rc = json_object_clear(object);
	if (!rc)
		rc = json_object_update(object, ordered);
	json_decref(ordered);
	return rc ? -ENOMEM : 0;
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

/* Is the string that ends at i (its closing quote) a key? Then a colon follows. */
static bool is_key(const char *text, size_t len, size_t i)
{
	for (i++; i < len &&
		  (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n');
		i++)
		;
	return i < len && text[i] == ':';
}

static bool spells(const char *text, size_t i, size_t end, const char *key)
{
	return key && end - i - 1 == strlen(key) && !memcmp(text + i + 1, key, end - i - 1);
}

unsigned vnep_json_column(
	const char *text, size_t len, const char *parent, size_t index, const char *key)
{
	unsigned depth = 0, wanted = parent ? 2 : 1; /* 3: parent holds an array of objects */
	bool inside = !parent;
	size_t element = 0, end;

	for (size_t i = 0; text && i < len; i++) {
		char c = text[i];

		if (c == '{' || c == '[') {
			if (++depth == 2 && parent)
				wanted = c == '[' ? 3 : 2;
		} else if (c == '}' || c == ']') {
			depth -= depth > 0;
		} else if (c == ',') {
			element += depth == 2 && wanted == 3;
		} else if (c == '"') {
			end = string_end(text, len, i);
			if (is_key(text, len, end)) {
				if (inside && depth == wanted && (wanted < 3 || element == index) &&
					spells(text, i, end, key))
					return (unsigned)i + 1;
				if (parent && depth == 1) {
					inside = spells(text, i, end, parent);
					element = 0;
				}
			}
			i = end;
		}
	}
	return 0;
}
