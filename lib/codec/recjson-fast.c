/*
 * recjson-fast - a device record from its line, without a tree.
 *
 * A million records make trees the larger part of an import. Nearly all of them are plain: keys of the table,
 * strings without escapes. Those are read here in one pass, by the same tables and the same readers of values
 * as the long way (recjson.c). Whatever is not plain is left to the long way, which also has the words for
 * what is wrong; so nothing here has a message, and nothing is decided twice. A test and a fuzz target compare
 * the two.
 */
#include <stdlib.h>
#include <string.h>

#include "recjson-keys.h"
#include "vnep/recjson.h"

enum { KEYS_MAX = 32, DEPTH_MAX = 3, LABELS_MAX = 16, TEXT_MAX = 255 };

/* Octets of a value, or of a key, in the line. */
struct span {
	const char *at;
	size_t len;
};

struct scan {
	const char *at, *end;
};

static void skip_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
}

static bool take(struct scan *s, char c)
{
	skip_space(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* A string of plain characters; out is what stands between the quotes. */
static bool take_string(struct scan *s, struct span *out)
{
	if (!take(s, '"'))
		return false;
	out->at = s->at;
	while (s->at < s->end && *s->at >= ' ' && *s->at < 0x7f && *s->at != '"' && *s->at != '\\')
		s->at++;
	out->len = (size_t)(s->at - out->at);
	return take(s, '"') && s->at == out->at + out->len + 1;
}

/* Anything, with its quotes and brackets, unread: brackets of both kinds count as one. */
static bool take_value(struct scan *s, struct span *out)
{
	unsigned depth = 0;
	struct span inner;

	skip_space(s);
	out->at = s->at;
	do {
		skip_space(s);
		if (s->at == s->end)
			return false;
		if (*s->at == '"') {
			if (!take_string(s, &inner))
				return false;
		} else if (*s->at == '{' || *s->at == '[') {
			if (++depth > DEPTH_MAX)
				return false;
			s->at++;
		} else if (*s->at == '}' || *s->at == ']') {
			if (!depth--)
				return false;
			s->at++;
		} else if (depth) {
			s->at++;
		} else {
			while (s->at < s->end && *s->at != ',' && *s->at != '}' && *s->at != ' ' &&
				*s->at != '\t')
				s->at++;
		}
	} while (depth);
	out->len = (size_t)(s->at - out->at);
	return out->len > 0;
}

static bool is(const struct span *span, const char *text)
{
	size_t n;

	if (!span->len || *span->at != *text) /* nearly always: no call for it */
		return false;
	n = strlen(text);
	return span->len == n && !memcmp(span->at, text, n);
}

static bool is_key(const struct vnep_key *key, const char *name)
{
	return *key->name == *name && !strcmp(key->name, name);
}

/* The number of a key in the table, looked for from where the last one was; -1 if it is none. */
static int find_key(
	const struct vnep_key *keys, unsigned count, unsigned from, const struct span *name)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned k = (from + i) % count;

		if (is(name, keys[k].name))
			return (int)k;
	}
	return -1;
}

/* ---- members of the line, by their place in the table ---- */

struct members {
	const struct vnep_key *keys;
	unsigned count;
	struct span value[KEYS_MAX]; /* len 0: not there */
	struct span type, version;
};

static bool take_member(struct scan *s, struct members *m, bool top, unsigned *from)
{
	struct span name, value, *to;
	int k;

	if (!take_string(s, &name) || !take(s, ':') || !take_value(s, &value))
		return false;
	if (top && is(&name, "type")) {
		to = &m->type;
	} else if (top && is(&name, "v")) {
		to = &m->version;
	} else {
		k = find_key(m->keys, m->count, *from, &name);
		if (k < 0)
			return false;
		to = &m->value[k];
		*from = (unsigned)k + 1;
	}
	if (to->len)
		return false; /* there twice */
	*to = value;
	return true;
}

static bool take_members(struct scan *s, const struct vnep_key *keys, struct members *m, bool top)
{
	unsigned from = 0;

	*m = (struct members){ .keys = keys };
	while (keys[m->count].name)
		if (++m->count > KEYS_MAX)
			return false;
	if (!take(s, '{'))
		return false;
	do {
		if (!take_member(s, m, top, &from))
			return false;
	} while (take(s, ','));
	if (!take(s, '}'))
		return false;
	skip_space(s);
	return s->at == s->end;
}

/* ---- values ---- */

static bool read_number(const struct span *span, int64_t *out)
{
	int64_t n = 0;

	if (!span->len || span->len > 15 || (span->at[0] == '0' && span->len > 1))
		return false;
	for (size_t i = 0; i < span->len; i++) {
		if (span->at[i] < '0' || span->at[i] > '9')
			return false;
		n = n * 10 + (span->at[i] - '0');
	}
	*out = n;
	return true;
}

/* The text between the quotes as a string. */
static bool read_string(const struct span *span, char text[static TEXT_MAX + 1])
{
	size_t n = span->len - 2;

	if (span->len < 2 || span->at[0] != '"' || n > TEXT_MAX)
		return false;
	memcpy(text, span->at + 1, n);
	text[n] = 0;
	return true;
}

static void put_quoted(struct vnep_buf *out, const char *text)
{
	vnep_buf_put_u8(out, '"');
	vnep_buf_put_str(out, text);
	vnep_buf_put_u8(out, '"');
}

/* One value: its canonical form to out, and into the field. */
static bool put_value(const struct vnep_key *key, const struct span *span, struct vnep_buf *out,
	void *field, size_t size)
{
	char text[TEXT_MAX + 1] = "", canonical[256];
	union vnep_value value;
	int64_t number;

	if (key->kind == VNEP_VALUE_BOOL) {
		value.yes = is(span, "true");
		if (!value.yes && !is(span, "false"))
			return false;
		vnep_buf_put(out, span->at, span->len);
	} else if (key->kind == VNEP_VALUE_INT) {
		if (!read_number(span, &number) || !vnep_value_of_int(key, number, &value))
			return false;
		vnep_buf_put(out, span->at, span->len);
	} else {
		if (!read_string(span, text) || !vnep_value_of_text(key, text, &value))
			return false;
		if (vnep_value_print(key, &value, canonical))
			put_quoted(out, canonical);
		else
			vnep_buf_put(out, span->at, span->len);
	}
	if (size)
		vnep_value_store(key, &value, text, field, size);
	return true;
}

/* An array of one to count strings; element i goes to field + i * size. */
static bool put_list(const struct vnep_key *key, const struct span *span, struct vnep_buf *out,
	char *field, size_t size, size_t count, size_t *taken)
{
	struct scan s = { span->at, span->at + span->len };
	struct span text, element;
	size_t n = 0;

	if (!take(&s, '['))
		return false;
	vnep_buf_put_u8(out, '[');
	do {
		if (n == count || !take_string(&s, &text))
			return false;
		if (n)
			vnep_buf_put_u8(out, ',');
		element = (struct span){ text.at - 1, text.len + 2 };
		if (!put_value(key, &element, out, field + n * size, size))
			return false;
		n++;
	} while (take(&s, ','));
	vnep_buf_put_u8(out, ']');
	*taken = n;
	return take(&s, ']') && s.at == s.end;
}

/* An object of strings, none of its keys twice. */
static bool put_labels(const struct span *span, struct vnep_buf *out)
{
	struct scan s = { span->at, span->at + span->len };
	struct span names[LABELS_MAX], value;
	unsigned n = 0;

	if (!take(&s, '{'))
		return false;
	vnep_buf_put_u8(out, '{');
	do {
		if (n == LABELS_MAX || !take_string(&s, &names[n]) || !take(&s, ':') ||
			!take_string(&s, &value))
			return false;
		for (unsigned i = 0; i < n; i++)
			if (names[i].len == names[n].len &&
				!memcmp(names[i].at, names[n].at, names[n].len))
				return false;
		if (n)
			vnep_buf_put_u8(out, ',');
		vnep_buf_put(out, names[n].at - 1, names[n].len + 2);
		vnep_buf_put_u8(out, ':');
		vnep_buf_put(out, value.at - 1, value.len + 2);
		n++;
	} while (take(&s, ','));
	vnep_buf_put_u8(out, '}');
	return take(&s, '}') && s.at == s.end;
}

static bool put_groups(const struct vnep_key *key, const struct span *span, struct vnep_buf *out,
	struct vnep_device *device)
{
	size_t most = 1;

	for (size_t i = 0; i < span->len; i++)
		most += span->at[i] == ',';
	device->groups = calloc(most, sizeof *device->groups);
	return device->groups && put_list(key, span, out, (char *)device->groups,
					 sizeof *device->groups, most, &device->group_count);
}

static bool put_addrs(const struct vnep_key *key, const struct span *span, struct vnep_buf *out,
	struct vnep_device *device)
{
	size_t count = 0;
	bool good = put_list(key, span, out, (char *)device->addr, sizeof device->addr[0],
		VNEP_ADDR_COUNT_MAX, &count);

	device->addr_count = (unsigned)count;
	return good;
}

/* The members of psm, dl_buffering or replay, which are fields of the device. */
static bool put_nested(const struct vnep_key *key, const struct span *span, struct vnep_buf *out,
	struct vnep_device *device)
{
	struct scan s = { span->at, span->at + span->len };
	struct members m;
	bool comma = false;

	if (!take_members(&s, key->nested, &m, false))
		return false;
	vnep_buf_put_u8(out, '{');
	for (unsigned i = 0; i < m.count; i++) {
		const struct vnep_key *k = &m.keys[i];

		if (!m.value[i].len && k->flags & (VNEP_KEY_ID | VNEP_KEY_REQUIRED))
			return false;
		if (!m.value[i].len)
			continue;
		if (k->nested || k->flags & (VNEP_KEY_LIST | VNEP_KEY_NO_ZERO))
			return false; /* no table has such a key inside yet */
		if (comma)
			vnep_buf_put_u8(out, ',');
		comma = true;
		put_quoted(out, k->name);
		vnep_buf_put_u8(out, ':');
		if (!put_value(k, &m.value[i], out, (char *)device + k->at, k->size))
			return false;
	}
	vnep_buf_put_u8(out, '}');
	return true;
}

/* ---- the record ---- */

static bool put_member(const struct vnep_key *key, const struct span *span, struct vnep_buf *out,
	struct vnep_device *device)
{
	size_t start = out->len;

	vnep_buf_put(out, ",\"", 2);
	vnep_buf_put_str(out, key->name);
	vnep_buf_put(out, "\":", 2);
	if (key->kind == VNEP_VALUE_LABELS)
		return put_labels(span, out);
	if (key->kind == VNEP_VALUE_OBJECT)
		return !(key->flags & VNEP_KEY_LIST) && put_nested(key, span, out, device);
	if (is_key(key, "groups"))
		return put_groups(key, span, out, device);
	if (is_key(key, "addr"))
		return put_addrs(key, span, out, device);
	if (key->flags & VNEP_KEY_LIST)
		return false;
	if (!put_value(key, span, out, (char *)device + key->at, key->size))
		return false;
	if (key->flags & VNEP_KEY_NO_ZERO && (is(span, "0") || is(span, "false")))
		out->len = start; /* says the same as absent */
	return true;
}

static bool put_members(const struct members *m, struct vnep_buf *out, struct vnep_device *device,
	struct vnep_recline *line)
{
	bool mac = false, psm = false, journal = false, found = false;
	size_t start = out->len;
	int64_t revision;

	vnep_buf_put_str(out, "{\"type\":\"device\",\"v\":1");
	for (unsigned i = 0; i < m->count; i++) {
		const struct vnep_key *key = &m->keys[i];
		const struct span *span = &m->value[i];

		if (is_key(key, "revision")) {
			line->rev_at = out->len - start;
			found = true;
			if (span->len && !read_number(span, &revision))
				return false;
			line->revision = span->len ? (uint64_t)revision : 0;
			continue;
		}
		if (!span->len && key->flags & (VNEP_KEY_ID | VNEP_KEY_REQUIRED))
			return false;
		if (span->len && !put_member(key, span, out, device))
			return false;
		mac |= span->len && is_key(key, "mac");
		psm |= span->len && is_key(key, "psm");
		journal |= span->len && is_key(key, "journal");
	}
	vnep_buf_put_u8(out, '}');
	device->revision = line->revision;
	vnep_device_defaults(device, mac, psm, journal);
	return found;
}

bool vnep_recjson_fast(const char *text, size_t len, struct vnep_buf *out,
	struct vnep_device *device, struct vnep_recline *line)
{
	struct scan s = { text, text + len };
	size_t start = out->len;
	struct members m;

	*device = (struct vnep_device){ .addr_max = 4, .consent = true };
	if (take_members(&s, vnep_keys_of(VNEP_RECORD_DEVICE), &m, true) &&
		is(&m.type, "\"device\"") && (!m.version.len || is(&m.version, "1")) &&
		put_members(&m, out, device, line) && !device->deleted && !out->rc &&
		(device->form != VNEP_FORM_HOST || device->addr_count))
		return true;
	vnep_device_release(device);
	out->len = start;
	return false;
}
