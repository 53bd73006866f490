/*
 * recjson - what a record of outside may say, as tables: one row a key, in the order of RECORDS.md.
 *
 * The rows drive everything: types and ranges, canonical forms, the order of keys, near misses of unknown keys.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vnep/err.h"
#include "vnep/ndjson.h"
#include "vnep/num.h"
#include "vnep/recjson.h"

#include "recjson-keys.h"

enum { KEYS_MAX = 64 }; /* of the longest table, with room */

static const char *const type_words[] = { "unknown", "vpc", "device", "group", "binding", "event",
	"checkpoint", "outcome", "appended", "decision", "presence", "status", "stat", "sync", "error",
	"element", "difference", "damage" };

const char *vnep_record_type_text(enum vnep_record_type type)
{
	return (size_t)type < sizeof type_words / sizeof *type_words ? type_words[type] : "unknown";
}

enum vnep_record_type vnep_record_type_parse(const char *text)
{
	for (unsigned i = 1; i < sizeof type_words / sizeof *type_words; i++)
		if (!strcmp(text, type_words[i]))
			return (enum vnep_record_type)i;
	return VNEP_RECORD_UNKNOWN;
}

enum vnep_record_type vnep_recjson_type(const struct vnep_json *json)
{
	const char *type = vnep_json_get_str(json, "type", NULL);

	return type ? vnep_record_type_parse(type) : VNEP_RECORD_UNKNOWN;
}

/* Where a check is: the record's line for columns, the object's name for messages. */
struct place {
	const char *text;
	size_t len;
	const char *parent; /* member of the record that holds the object, NULL = the record */
	size_t index;       /* of the object, where that member is an array */
	struct vnep_err *err;
};

static int at_key(const struct place *p, const char *key, int rc)
{
	if (p->err)
		vnep_err_place(p->err, NULL, p->err->line, 
			vnep_json_column(p->text, p->len, p->parent, p->index, key));
	return rc;
}

static int wrong(const struct place *p, const struct recjson_key *k, const struct vnep_json *value,
	const char *must)
{
	const char *str = vnep_json_str(value);
	int64_t n;

	if (str)
		vnep_err_set(p->err, VNEP_EVALUE, "\"%s\" must be %s, not \"%s\"", k->name, must, str);
	else if (vnep_json_int(value, &n))
		vnep_err_set(p->err, VNEP_EVALUE, "\"%s\" must be %s, not %lld", k->name, must, (long long)n);
	else
		vnep_err_set(p->err, VNEP_EVALUE, "\"%s\" must be %s, not %s", k->name, must,
			vnep_json_type_name(value));
	return at_key(p, k->name, VNEP_EVALUE);
}

static int check_int(const struct place *p, const struct recjson_key *k, const struct vnep_json *value)
{
	char must[80];
	int64_t n;

	if (vnep_json_int(value, &n) && n >= k->min && n <= k->max)
		return 0;
	if (k->max == RECJSON_INT_MAX)
		snprintf(must, sizeof must, "an integer from %lld below 2^53", (long long)k->min);
	else
		snprintf(must, sizeof must, "an integer from %lld to %lld", (long long)k->min,
			(long long)k->max);
	return wrong(p, k, value, must);
}

static bool is_word(const char *words, const char *text)
{
	size_t n = strlen(text);

	for (const char *w = words; *w; w += strcspn(w, " "), w += *w == ' ')
		if (strcspn(w, " ") == n && !memcmp(w, text, n))
			return true;
	return false;
}

static int check_word(const struct place *p, const struct recjson_key *k, const struct vnep_json *value)
{
	const char *text = vnep_json_str(value);
	char must[256];

	if (text && is_word(k->words, text))
		return 0;
	snprintf(must, sizeof must, "one of %s", k->words);
	return wrong(p, k, value, must);
}

/* Letters, digits and - _ . : what names are made of everywhere. */
static bool is_label(const char *text)
{
	size_t n = strlen(text);

	if (!n || n > VNEP_LABEL_MAX)
		return false;
	for (; *text; text++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", *text))
			return false;
	return true;
}

static bool is_dns_name(const char *text)
{
	size_t n = strlen(text), label = 0;

	if (!n || n > VNEP_NAME_MAX)
		return false;
	for (; *text; text++) {
		if (*text == '.') {
			if (!label)
				return false;
			label = 0;
		} else if (++label > 63 || !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
						   "0123456789-_",
							*text)) {
			return false;
		}
	}
	return true;
}

/* The canonical form of a text of this kind into out. 0 or VNEP_EVALUE with the detail. */
static int canonical_text(enum recjson_kind kind, const char *text, char out[static 256],
	struct vnep_err *err)
{
	struct vnep_prefix prefix;
	struct vnep_wall ts;
	struct in6_addr addr;
	struct vnep_mac mac;
	int rc;

	switch (kind) {
	case RECJSON_URN: return vnep_urn_canonical(text, out, err);
	case RECJSON_IP6:
		rc = vnep_ip6_parse(text, &addr, err);
		if (!rc)
			vnep_ip6_print(&addr, out);
		return rc;
	case RECJSON_MAC:
		rc = vnep_mac_parse(text, &mac, err);
		if (!rc)
			vnep_mac_print(&mac, out);
		return rc;
	case RECJSON_PREFIX:
		rc = vnep_prefix_parse(text, &prefix, err);
		if (!rc)
			vnep_prefix_print(&prefix, out);
		return rc;
	case RECJSON_TS:
		rc = vnep_wall_parse(text, &ts, err);
		if (!rc)
			vnep_wall_print(ts, out);
		return rc;
	case RECJSON_IF:
		if (!*text || strlen(text) > VNEP_IF_MAX || strpbrk(text, "/ \t"))
			return vnep_err_set(err, VNEP_EVALUE, "\"%s\" is not the name of a port", text);
		break;
	case RECJSON_NAME:
		if (!is_dns_name(text))
			return vnep_err_set(err, VNEP_EVALUE, "\"%s\" is not a DNS name", text);
		break;
	case RECJSON_LABEL:
		if (!is_label(text))
			return vnep_err_set(err, VNEP_EVALUE,
				"\"%s\" is not a name of 1 to %d letters, digits, - _ .", text,
				VNEP_LABEL_MAX);
		break;
	default: break;
	}
	snprintf(out, 256, "%s", text);
	return 0;
}

static const char *const kind_must[] = { [RECJSON_URN] = "a device URN", [RECJSON_IP6] = "an IPv6 address",
	[RECJSON_MAC] = "a MAC address", [RECJSON_PREFIX] = "an IPv6 prefix", [RECJSON_TS] = "a time (RFC 3339)",
	[RECJSON_IF] = "the name of a port", [RECJSON_NAME] = "a DNS name", [RECJSON_LABEL] = "a name",
	[RECJSON_STR] = "a string" };

static int check_text(const struct place *p, const struct recjson_key *k, const struct vnep_json *value,
	char out[static 256])
{
	const char *text = vnep_json_str(value);
	int rc;

	if (!text)
		return wrong(p, k, value, kind_must[k->kind]);
	rc = canonical_text(k->kind, text, out, p->err);
	return rc ? at_key(p, k->name, rc) : 0;
}

static int check_object(struct vnep_json *json, const struct recjson_key *keys, const struct place *p);

/* An array whose members are of kind k->kind, or objects. */
static int check_array(struct vnep_json *owner, const struct recjson_key *k, struct vnep_json *value,
	const struct place *p)
{
	struct place inner = { p->text, p->len, k->name, 0, p->err };
	size_t n = vnep_json_count(value);
	struct vnep_json *fresh;
	int rc = 0;

	if (vnep_json_type(value) != VNEP_JSON_ARRAY)
		return wrong(p, k, value, "an array");
	if (k->max && n > (size_t)k->max) {
		vnep_err_set(p->err, VNEP_EVALUE, "\"%s\" has %zu members, at most %lld are taken", k->name, n,
			(long long)k->max);
		return at_key(p, k->name, VNEP_EVALUE);
	}
	for (size_t i = 0; k->kind == RECJSON_OBJECT && i < n; i++) {
		struct vnep_json *one = vnep_json_at(value, i);

		if (vnep_json_type(one) != VNEP_JSON_OBJECT)
			return wrong(p, k, one, "an array of objects");
		inner.index = i;
		rc = check_object(one, k->keys, &inner);
		if (rc)
			return rc;
	}
	if (k->kind == RECJSON_OBJECT || k->kind == RECJSON_ANY)
		return 0;
	fresh = vnep_json_array();
	for (size_t i = 0; fresh && !rc && i < n; i++) {
		char text[256];
		struct vnep_json *one = NULL;

		rc = check_text(p, k, vnep_json_at(value, i), text);
		if (!rc)
			rc = recjson_string(text, &one);
		if (!rc)
			rc = vnep_json_append(fresh, one);
	}
	if (!fresh || rc) {
		vnep_json_free(fresh);
		return rc ? rc : -ENOMEM;
	}
	return vnep_json_set(owner, k->name, fresh);
}

static int check_value(struct vnep_json *owner, const struct recjson_key *k, struct vnep_json *value,
	const struct place *p)
{
	const struct place inner = { p->text, p->len, k->name, 0, p->err };
	char text[256];
	int rc;

	if (k->array)
		return check_array(owner, k, value, p);
	switch (k->kind) {
	case RECJSON_ANY: return 0;
	case RECJSON_INT: return check_int(p, k, value);
	case RECJSON_WORD: return check_word(p, k, value);
	case RECJSON_BOOL:
		return vnep_json_type(value) == VNEP_JSON_BOOL ? 0 : wrong(p, k, value, "true or false");
	case RECJSON_OBJECT:
		if (vnep_json_type(value) != VNEP_JSON_OBJECT)
			return wrong(p, k, value, "an object");
		return k->keys ? check_object(value, k->keys, &inner) : 0;
	case RECJSON_STR: return vnep_json_str(value) ? 0 : wrong(p, k, value, "a string");
	case RECJSON_PROTO: return recjson_check_proto(owner, k->name, value, p->err) ? at_key(p, k->name, VNEP_EVALUE) : 0;
	default: break;
	}
	rc = check_text(p, k, value, text);
	if (rc || !strcmp(text, vnep_json_str(value)))
		return rc;
	return vnep_json_set_str(owner, k->name, text);
}

static int check_unknown(const char *key, struct vnep_json *value, void *arg)
{
	const struct recjson_unknown *u = arg;
	const struct recjson_key *k;

	(void)value;
	for (k = u->keys; k->name; k++)
		if (!strcmp(k->name, key))
			return 0;
	for (k = u->keys; k->name; k++) {
		if (vnep_near(key, k->name)) {
			vnep_err_set(u->err, VNEP_EVALUE, "unknown key \"%s\" (did you mean \"%s\"?)", key,
				k->name);
			*u->bad = key;
			return VNEP_EVALUE;
		}
	}
	return 0;
}

/* The known keys in the order of their table, then the unknown ones as they came. */
static int put_in_order(struct vnep_json *json, const struct recjson_key *keys)
{
	const char *names[KEYS_MAX + 1];
	size_t n = 0;

	for (; keys->name && n < KEYS_MAX; keys++)
		names[n++] = keys->name;
	names[n] = NULL;
	return vnep_json_order(json, names);
}

static int check_object(struct vnep_json *json, const struct recjson_key *keys, const struct place *p)
{
	const char *bad = NULL;
	struct recjson_unknown u = { keys, p->err, &bad };
	int rc = vnep_json_each(json, check_unknown, &u);

	if (rc)
		return at_key(p, bad, rc);
	for (const struct recjson_key *k = keys; k->name; k++) {
		struct vnep_json *value = vnep_json_get(json, k->name);

		if (!value) {
			if (!k->required)
				continue;
			return vnep_err_set(p->err, VNEP_EVALUE, "%s%s\"%s\" is missing",
				p->parent ? p->parent : "", p->parent ? ": " : "", k->name);
		}
		rc = check_value(json, k, value, p);
		if (rc)
			return rc;
	}
	return put_in_order(json, keys);
}

int vnep_recjson_check(struct vnep_json *json, const char *text, size_t len, struct vnep_err *err)
{
	const struct place p = { text, len, NULL, 0, err };
	const struct recjson_key *keys;
	enum vnep_record_type type;
	bool deleted;
	int64_t v;
	int rc;

	if (vnep_json_type(json) != VNEP_JSON_OBJECT)
		return vnep_err_set(err, VNEP_ESYNTAX, "a record is an object, not %s", vnep_json_type_name(json));
	if (!vnep_json_get_str(json, "type", NULL))
		return vnep_err_set(err, VNEP_EVALUE, "\"type\" is missing");
	type = vnep_recjson_type(json);
	keys = recjson_keys(type, &deleted, json);
	if (!keys)
		return 0; /* a type that this version does not know, or one that is only written */
	if (!vnep_json_int(vnep_json_get(json, "v"), &v)) {
		if (vnep_json_get(json, "v"))
			return at_key(&p, "v", vnep_err_set(err, VNEP_EVALUE, "\"v\" must be 1"));
		rc = vnep_json_set_int(json, "v", 1);
		if (rc)
			return rc;
		v = 1;
	}
	if (v != 1)
		return at_key(&p, "v",
			vnep_err_set(err, VNEP_EVALUE, "version %lld of record %s is not known here: \"v\" must be 1",
				(long long)v, vnep_record_type_text(type)));
	rc = check_object(json, keys, &p);
	if (!rc && type == VNEP_RECORD_DEVICE && !deleted)
		rc = recjson_check_device(json, err);
	return rc;
}
