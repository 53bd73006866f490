/* recjson - the check that every record of outside passes: what is allowed, and its one canonical form. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recjson-keys.h"
#include "vnep/err.h"
#include "vnep/recjson.h"

enum { KEYS_MAX = 40 /* more than the longest table; a test counts */ };

static const char *const types[] = { [VNEP_RECORD_VPC] = "vpc",
	[VNEP_RECORD_DEVICE] = "device",
	[VNEP_RECORD_GROUP] = "group",
	[VNEP_RECORD_BINDING] = "binding",
	[VNEP_RECORD_EVENT] = "event",
	[VNEP_RECORD_CHECKPOINT] = "checkpoint",
	[VNEP_RECORD_OUTCOME] = "outcome",
	[VNEP_RECORD_APPENDED] = "appended",
	[VNEP_RECORD_DECISION] = "decision",
	[VNEP_RECORD_PRESENCE] = "presence",
	[VNEP_RECORD_STATUS] = "status",
	[VNEP_RECORD_STAT] = "stat",
	[VNEP_RECORD_SYNC] = "sync",
	[VNEP_RECORD_ERROR] = "error",
	[VNEP_RECORD_ELEMENT] = "element",
	[VNEP_RECORD_DIFFERENCE] = "difference",
	[VNEP_RECORD_DAMAGE] = "damage",
	[VNEP_RECORD_INSTRUCTION] = "instruction",
	[VNEP_RECORD_ACK] = "ack",
	[VNEP_RECORD_RESULT] = "result",
	[VNEP_RECORD_MEMBERSHIP] = "membership" };

const char *vnep_record_type_text(enum vnep_record_type type)
{
	return (size_t)type < sizeof types / sizeof *types && types[type] ? types[type] : "unknown";
}

enum vnep_record_type vnep_record_type_parse(const char *text)
{
	for (size_t i = 1; i < sizeof types / sizeof *types; i++)
		if (!strcmp(text, types[i]))
			return (enum vnep_record_type)i;
	return VNEP_RECORD_UNKNOWN;
}

enum vnep_record_type vnep_recjson_type(const struct vnep_json *json)
{
	return vnep_record_type_parse(vnep_json_get_str(json, "type", ""));
}

/* ---- unknown keys ---- */

/* addrMax and VLAN are near misses too: compare in lower case. */
static bool is_near(const char *key, const char *known)
{
	char plain[VNEP_LABEL_MAX + 1];
	size_t i;

	for (i = 0; key[i] && i < sizeof plain - 1; i++)
		plain[i] = (char)tolower((unsigned char)key[i]);
	plain[i] = 0;
	return !key[i] && (!strcmp(plain, known) || vnep_near(plain, known));
}

struct unknown {
	const struct vnep_place *at;
	const struct vnep_key *keys;
};

static int refuse(const struct vnep_place *at, const char *key, const char *known)
{
	char quoted[80];

	snprintf(quoted, sizeof quoted, "%.60s", key);
	vnep_err_place(at->err, NULL, at->err ? at->err->line : 0,
		vnep_json_column(at->text, at->len, at->parent, at->index, key));
	if (at->parent)
		return vnep_err_set(at->err, VNEP_EVALUE,
			"unknown key \"%s\" in \"%s\" (did you mean \"%s\"?)", quoted, at->parent,
			known);
	return vnep_err_set(
		at->err, VNEP_EVALUE, "unknown key \"%s\" (did you mean \"%s\"?)", quoted, known);
}

/* A typing error must not pass as an extension. What is far from every key may be one. */
static int look_at_key(const char *key, struct vnep_json *value, void *arg)
{
	const struct unknown *u = arg;

	(void)value;
	if (!u->at->parent && (!strcmp(key, "type") || !strcmp(key, "v")))
		return 0;
	for (const struct vnep_key *k = u->keys; k->name; k++)
		if (!strcmp(key, k->name))
			return 0;
	for (const struct vnep_key *k = u->keys; k->name; k++)
		if (is_near(key, k->name))
			return refuse(u->at, key, k->name);
	return 0;
}

/* ---- one object against its table ---- */

static int check_object(const struct vnep_place *at, const struct vnep_key *keys,
	struct vnep_json *json, bool deleted);

static int check_nested(const struct vnep_place *at, const struct vnep_key *key,
	struct vnep_json *json, size_t index)
{
	struct vnep_place inside = *at;
	union vnep_value value;
	int rc = vnep_value_read(at, key, json, &value);

	if (rc)
		return rc;
	inside.parent = key->name;
	inside.index = index;
	inside.indexed = key->flags & VNEP_KEY_LIST;
	return check_object(&inside, key->nested, json, false);
}

static int check_list(const struct vnep_place *at, const struct vnep_key *key,
	struct vnep_json *json, struct vnep_json *member)
{
	size_t count = vnep_json_count(member);
	struct vnep_json *list, *element;
	union vnep_value value;
	int rc = 0;

	if (vnep_json_type(member) != VNEP_JSON_ARRAY)
		return vnep_place_error(at, key, VNEP_ESYNTAX, " must be an array, not %s",
			vnep_json_type_name(member));
	if (key->items && count > key->items)
		return vnep_place_error(
			at, key, VNEP_EVALUE, " has %zu entries, more than %u", count, key->items);
	if (!count) {
		vnep_json_remove(json, key->name);
		return 0;
	}
	for (size_t i = 0; key->nested && i < count && !rc; i++)
		rc = check_nested(at, key, vnep_json_at(member, i), i);
	if (key->nested)
		return rc;
	list = vnep_json_array();
	for (size_t i = 0; list && i < count && !rc; i++) {
		rc = vnep_value_read(at, key, vnep_json_at(member, i), &value);
		if (rc)
			break;
		element = vnep_value_canonical(key, vnep_json_at(member, i), &value, &rc);
		if (!rc && !element)
			element = vnep_json_copy(vnep_json_at(member, i));
		if (!rc)
			rc = vnep_json_append(list, element);
	}
	if (!rc && list)
		return vnep_json_set(json, key->name, list);
	vnep_json_free(list);
	return rc ? rc : -ENOMEM;
}

/* 0 and false where they say the same as absent. */
static bool is_absent(const struct vnep_key *key, const union vnep_value *value)
{
	if (!(key->flags & VNEP_KEY_NO_ZERO))
		return false;
	return key->kind == VNEP_VALUE_BOOL ? !value->yes : !value->number;
}

static int check_member(const struct vnep_place *at, const struct vnep_key *key,
	struct vnep_json *json, struct vnep_json *member)
{
	struct vnep_json *canonical;
	union vnep_value value;
	int rc;

	if (key->flags & VNEP_KEY_LIST)
		return check_list(at, key, json, member);
	if (key->nested)
		return check_nested(at, key, member, 0);
	rc = vnep_value_read(at, key, member, &value);
	if (rc)
		return rc;
	if (is_absent(key, &value)) {
		vnep_json_remove(json, key->name);
		return 0;
	}
	canonical = vnep_value_canonical(key, member, &value, &rc);
	return canonical ? vnep_json_set(json, key->name, canonical) : rc;
}

static int missing(const struct vnep_place *at, const char *key)
{
	vnep_err_place(at->err, NULL, at->err ? at->err->line : 0,
		at->parent ? vnep_json_column(at->text, at->len, NULL, 0, at->parent)
			   : at->text != NULL);
	if (at->parent)
		return vnep_err_set(
			at->err, VNEP_EVALUE, "missing key \"%s\" in \"%s\"", key, at->parent);
	return vnep_err_set(at->err, VNEP_EVALUE, "missing key \"%s\"", key);
}

/* The depth of this recursion is that of the tables (two), not that of the input. */
static int check_object(const struct vnep_place *at, const struct vnep_key *keys,
	struct vnep_json *json, bool deleted)
{
	struct unknown unknown = { at, keys };
	const char *order[KEYS_MAX];
	size_t n = 0;
	int rc = vnep_json_each(json, look_at_key, &unknown);

	if (!at->parent) {
		order[n++] = "type";
		order[n++] = "v";
	}
	for (const struct vnep_key *key = keys; !rc && key->name; key++) {
		struct vnep_json *member = vnep_json_get(json, key->name);
		unsigned required = VNEP_KEY_ID | (deleted ? 0 : VNEP_KEY_REQUIRED);

		order[n++] = key->name;
		if (member)
			rc = check_member(at, key, json, member);
		else if (key->flags & required)
			rc = missing(at, key->name);
	}
	order[n] = NULL;
	return rc ? rc : vnep_json_order(json, order);
}

/* ---- rules between keys ---- */

/* Put an error at a key by its name. */
static int rule_broken(const struct vnep_place *at, const char *key, const char *text)
{
	vnep_err_place(at->err, NULL, at->err ? at->err->line : 0,
		vnep_json_column(at->text, at->len, at->parent, at->index, key));
	return vnep_err_set(at->err, VNEP_EVALUE, "%s", text);
}

static int check_allow(const struct vnep_place *at, const struct vnep_json *allow)
{
	for (size_t i = 0; i < vnep_json_count(allow); i++) {
		const struct vnep_json *entry = vnep_json_at(allow, i);
		const char *proto = vnep_json_get_str(entry, "proto", "");
		struct vnep_place inside = *at;

		inside.parent = "allow";
		inside.index = i;
		if (vnep_json_get(entry, "ports") && strcmp(proto, "UDP") && strcmp(proto, "TCP"))
			return rule_broken(
				&inside, "ports", "\"ports\" needs \"proto\" UDP or TCP");
	}
	return 0;
}

static int check_device(const struct vnep_place *at, const struct vnep_json *json)
{
	if (!strcmp(vnep_json_get_str(json, "form", "edge"), "host") &&
		!vnep_json_get(json, "addr"))
		return rule_broken(at, "form", "\"form\" host needs a fixed \"addr\"");
	return check_allow(at, vnep_json_get(json, "allow"));
}

static int check_vpc(const struct vnep_place *at, const struct vnep_json *json)
{
	const struct vnep_json *quota = vnep_json_get(json, "quota");
	const char *speaker = vnep_json_get_str(json, "speaker", NULL);
	struct vnep_prefix prefix;
	struct in6_addr addr;
	int64_t octets = vnep_json_get_int(quota, "octets", INT64_MAX);

	if (vnep_json_get_int(quota, "reserved_octets", 0) > octets)
		return rule_broken(at, "quota", "\"quota\" reserves more octets than it has");
	if (speaker &&
		(vnep_ip6_parse(speaker, &addr, NULL) ||
			vnep_prefix_parse(vnep_json_get_str(json, "prefix", ""), &prefix, NULL) ||
			!vnep_prefix_has(&prefix, &addr)))
		return rule_broken(at, "speaker", "\"speaker\" is not in the prefix of its vpc");
	return 0;
}

/* What CoAP needs is there, or nothing of it. */
static int check_instruction(const struct vnep_place *at, const struct vnep_json *json)
{
	static const char *const coap[] = { "uri", "content_format" };

	if (vnep_json_get(json, "method"))
		return 0;
	for (size_t i = 0; i < sizeof coap / sizeof *coap; i++)
		if (vnep_json_get(json, coap[i]))
			return missing(at, "method");
	return vnep_json_get(json, "payload") ? 0 : missing(at, "payload");
}

/* ts, us and ns are one instant: a record that says two is refused before anybody sorts by it. */
static int check_instant(const struct vnep_place *at, const struct vnep_json *json)
{
	const char *ts = vnep_json_get_str(json, "ts", NULL),
		   *ns = vnep_json_get_str(json, "ns", NULL);
	int64_t us = vnep_json_get_int(json, "us", -1);
	char text[VNEP_TS_LEN];

	if (ns) {
		int64_t fine = strtoll(ns, NULL, 10) /
			       1000; /* digits that fit: the value was read before */

		if (us >= 0 && us != fine)
			return rule_broken(at, "ns", "\"ns\" and \"us\" are different instants");
		us = fine;
	}
	if (!ts || us < 0)
		return 0;
	vnep_wall_print((struct vnep_wall){ us * 1000 }, text);
	if (strcmp(ts, text))
		return rule_broken(at, "ts",
			ns ? "\"ts\" and \"ns\" are different instants"
			   : "\"ts\" and \"us\" are different instants");
	return 0;
}

static int check_event(const struct vnep_place *at, const struct vnep_json *json)
{
	const char *kind = vnep_json_get_str(json, "kind", "");
	bool packet = !strcmp(kind, "data") || !strcmp(kind, "late");

	if (!vnep_json_get(json, "dev") && strcmp(kind, "gap") && strcmp(kind, "note"))
		return missing(at, "dev");
	if (!vnep_json_get(json, "dev") && !vnep_json_get(json, "port") &&
		!vnep_json_get(json, "edge"))
		return missing(at, "dev");
	if (packet && !vnep_json_get(json, "direction"))
		return missing(at, "direction");
	if (packet && !vnep_json_get(json, "frame"))
		return missing(at, "frame");
	if (!strcmp(kind, "gap") && !vnep_json_get(json, "count"))
		return missing(at, "count");
	return check_instant(at, json);
}

static int check_rules(
	const struct vnep_place *at, enum vnep_record_type type, const struct vnep_json *json)
{
	switch (type) {
	case VNEP_RECORD_DEVICE: return check_device(at, json);
	case VNEP_RECORD_VPC: return check_vpc(at, json);
	case VNEP_RECORD_EVENT: return check_event(at, json);
	case VNEP_RECORD_INSTRUCTION: return check_instruction(at, json);
	case VNEP_RECORD_CHECKPOINT:
	case VNEP_RECORD_OUTCOME:
	case VNEP_RECORD_DECISION:
	case VNEP_RECORD_MEMBERSHIP:
	case VNEP_RECORD_PRESENCE: return check_instant(at, json);
	default: return 0; /* us of an unknown type may be anything */
	}
}

int vnep_recjson_check(struct vnep_json *json, const char *text, size_t len, struct vnep_err *err)
{
	static const struct vnep_key none[] = { { .name = NULL } };
	const struct vnep_place at = { .text = text, .len = len, .err = err };
	enum vnep_record_type type = vnep_recjson_type(json);
	bool deleted = vnep_json_get_bool(json, "deleted", false);
	int rc = 0;

	if (vnep_json_type(json) != VNEP_JSON_OBJECT) {
		vnep_err_place(err, NULL, err ? err->line : 0, 1);
		return vnep_err_set(err, VNEP_ESYNTAX, "a record must be an object, not %s",
			vnep_json_type_name(json));
	}
	if (!vnep_json_get_str(json, "type", NULL))
		return missing(&at, "type");
	if (!vnep_json_get(json, "v")) /* written by hand: there is but one version */
		rc = vnep_json_set_int(json, "v", 1);
	else if (vnep_json_get_int(json, "v", 0) != 1)
		return rule_broken(
			&at, "v", "\"v\" must be 1: this vnep knows no other version of records");
	if (!rc)
		rc = check_object(&at, type == VNEP_RECORD_UNKNOWN ? none : vnep_keys_of(type),
			json, deleted);
	if (rc == -ENOMEM)
		return vnep_err_sys(err, ENOMEM, "checking a record");
	return rc || deleted ? rc : check_rules(&at, type, json);
}
