/* recjson-value - one value of a record: is it allowed, what is its canonical form, which C value is it. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recjson-keys.h"
#include "vnep/err.h"
#include "vnep/ndjson.h"
#include "vnep/num.h"

enum { SHOWN_MAX = 64, WORDS_SHOWN = 12 };

/* ---- messages ---- */

/* "vlan", "psm.t3324_s", "allow[1].proto": jq takes these words behind a dot. */
static void name_key(const struct vnep_place *at, const struct vnep_key *key, char *out, size_t cap)
{
	if (!at->parent)
		snprintf(out, cap, "%s", key->name);
	else if (!at->indexed)
		snprintf(out, cap, "%s.%s", at->parent, key->name);
	else
		snprintf(out, cap, "%s[%zu].%s", at->parent, at->index, key->name);
}

int vnep_place_error(
	const struct vnep_place *at, const struct vnep_key *key, int code, const char *fmt, ...)
{
	char name[128], text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	name_key(at, key, name, sizeof name);
	vnep_err_place(at->err, NULL, at->err ? at->err->line : 0,
		vnep_json_column(at->text, at->len, at->parent, at->index, key->name));
	return vnep_err_set(at->err, code, "\"%s\"%s", name, text);
}

static void list_words(const struct vnep_words *words, char *out, size_t cap)
{
	size_t n = 0;

	for (int i = words->first; *words->text(i) != '?' && n < cap; i++) {
		bool last = *words->text(i + 1) == '?';
		const char *before = i == words->first ? "" : last ? " or " : ", ";

		if (i - words->first >= WORDS_SHOWN) {
			snprintf(out, cap, "a word of the list in vnep-record(5)");
			return;
		}
		n += (size_t)snprintf(out + n, cap - n, "%s%s", before, words->text(i));
	}
}

/* What a value of this key must be, for "must be ...". */
static void describe(const struct vnep_key *key, char *out, size_t cap)
{
	static const char *const kinds[] = {
		[VNEP_VALUE_SIGNED] = "an integer",
		[VNEP_VALUE_NS] = "nanoseconds since 1970 as a decimal string",
		[VNEP_VALUE_BOOL] = "true or false",
		[VNEP_VALUE_LABEL] = "a name of 1 to 63 letters, digits, '.', '_' and '-'",
		[VNEP_VALUE_IFNAME] = "the name of an interface (1 to 15 octets)",
		[VNEP_VALUE_HOST] = "a DNS name",
		[VNEP_VALUE_PROTO] = "UDP, TCP, ICMPV6 or a number from 1 to 255",
		[VNEP_VALUE_PORTS] = "a port from 1 to 65535 or a range such as \"5683-5684\"",
		[VNEP_VALUE_URN] = "a device URN",
		[VNEP_VALUE_MAC] = "a MAC address",
		[VNEP_VALUE_IP6] = "an IPv6 address",
		[VNEP_VALUE_UNICAST] = "a unicast IPv6 address (not link-local)",
		[VNEP_VALUE_MULTICAST] = "an IPv6 multicast address",
		[VNEP_VALUE_PREFIX] = "an IPv6 prefix",
		[VNEP_VALUE_TS] = "a time such as \"2026-01-02T03:04:05Z\"",
		[VNEP_VALUE_BASE64] = "base64 (RFC 4648 section 4)",
		[VNEP_VALUE_LABELS] = "an object of strings",
		[VNEP_VALUE_DROPS] = "a number, or an object of numbers by reason",
		[VNEP_VALUE_RECORD] = "an object",
		[VNEP_VALUE_OBJECT] = "an object",
	};

	if (key->kind == VNEP_VALUE_INT)
		snprintf(out, cap, "an integer from %llu to %llu", (unsigned long long)key->min,
			(unsigned long long)key->max);
	else if (key->kind == VNEP_VALUE_TEXT)
		snprintf(out, cap, "a string of at most %llu octets", (unsigned long long)key->max);
	else if (key->kind == VNEP_VALUE_WORD)
		list_words(key->words, out, cap);
	else
		snprintf(out, cap, "%s", kinds[key->kind]);
}

/* The value as the user wrote it, if it is short; its type otherwise. What a packet carried is not shown. */
static void show(const struct vnep_key *key, const struct vnep_json *json, char *out, size_t cap)
{
	const char *text = vnep_json_str(json);
	int64_t number;
	bool yes;

	if (text && key->kind != VNEP_VALUE_BASE64 && strlen(text) <= SHOWN_MAX)
		snprintf(out, cap, "\"%s\"", text);
	else if (text)
		snprintf(out, cap, "a string of %zu octets", strlen(text));
	else if (vnep_json_int(json, &number))
		snprintf(out, cap, "%lld", (long long)number);
	else if (vnep_json_bool(json, &yes))
		snprintf(out, cap, "%s", yes ? "true" : "false");
	else
		snprintf(out, cap, "%s", vnep_json_type_name(json));
}

/* The word of the list that the user may have meant. */
static const char *near_word(const struct vnep_key *key, const struct vnep_json *json)
{
	const char *text = vnep_json_str(json);

	if (key->kind != VNEP_VALUE_WORD || !text)
		return NULL;
	for (int i = key->words->first; *key->words->text(i) != '?'; i++)
		if (vnep_near(text, key->words->text(i)))
			return key->words->text(i);
	return NULL;
}

static int must_be(const struct vnep_place *at, const struct vnep_key *key,
	const struct vnep_json *json, int code)
{
	const char *word = near_word(key, json);
	char what[256], shown[96];

	describe(key, what, sizeof what);
	show(key, json, shown, sizeof shown);
	vnep_place_error(at, key, code, " must be %s, not %s", what, shown);
	if (word)
		vnep_err_hint(at->err, "did you mean \"%s\"?", word);
	else if (vnep_json_type(json) == VNEP_JSON_NULL)
		vnep_err_hint(at->err, "leave the key out where there is no value");
	return code;
}

/* ---- kinds ---- */

static bool is_name(const char *text, size_t max, const char *more)
{
	size_t n = strlen(text);

	if (!n || n > max || !isalnum((unsigned char)*text))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(more, *text))
			return false;
	return true;
}

/* What the kernel takes (dev_valid_name), less what does not print. */
static bool is_ifname(const char *text)
{
	size_t n = strlen(text);

	if (!n || n > VNEP_IF_MAX || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f || *text == '/' || *text == ':')
			return false;
	return true;
}

/* RFC 1035 2.3.4: labels of 1 to 63 octets, 253 in all without the final dot. RFC 8552 adds '_'. */
static bool read_host(const char *text, char out[static VNEP_NAME_MAX + 1])
{
	size_t n = strlen(text), label = 0;

	if (!n || n > VNEP_NAME_MAX || (n == VNEP_NAME_MAX && text[n - 1] != '.'))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '.' ? !label : !isalnum(c) && c != '-' && c != '_')
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
		out[i] = (char)tolower(c);
	}
	out[n] = 0;
	return true;
}

static const struct {
	uint8_t number;
	const char *word;
} protos[] = { { IPPROTO_UDP, "UDP" }, { IPPROTO_TCP, "TCP" }, { IPPROTO_ICMPV6, "ICMPV6" },
	{ IPPROTO_ICMPV6, "IPV6-ICMP" } /* Suricata's word, taken but not written */ };

void vnep_proto_print(uint8_t proto, char out[static VNEP_PROTO_LEN])
{
	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++)
		if (protos[i].number == proto) {
			snprintf(out, VNEP_PROTO_LEN, "%s", protos[i].word);
			return;
		}
	snprintf(out, VNEP_PROTO_LEN, "%u", proto);
}

static bool read_proto(const struct vnep_json *json, uint64_t *out)
{
	const char *text = vnep_json_str(json);
	int64_t number;

	if (vnep_json_int(json, &number)) {
		*out = (uint64_t)number;
		return number > 0 && number <= UINT8_MAX;
	}
	for (size_t i = 0; text && i < sizeof protos / sizeof *protos; i++)
		if (!strcasecmp(text, protos[i].word)) {
			*out = protos[i].number;
			return true;
		}
	return text && !vnep_num_u64(text, 1, UINT8_MAX, out, NULL);
}

static bool read_ports(const struct vnep_json *json, uint16_t *first, uint16_t *last)
{
	const char *text = vnep_json_str(json), *dash = text ? strchr(text, '-') : NULL;
	uint64_t a, b;
	int64_t number;
	char low[8];

	if (vnep_json_int(json, &number)) {
		*first = *last = (uint16_t)number;
		return number >= 1 && number <= UINT16_MAX;
	}
	if (!text || (dash ? (size_t)(dash - text) : strlen(text)) >= sizeof low)
		return false;
	snprintf(low, sizeof low, "%.*s", dash ? (int)(dash - text) : (int)sizeof low - 1, text);
	if (vnep_num_u64(low, 1, UINT16_MAX, &a, NULL))
		return false;
	b = a;
	if (dash && vnep_num_u64(dash + 1, a, UINT16_MAX, &b, NULL))
		return false;
	*first = (uint16_t)a;
	*last = (uint16_t)b;
	return true;
}

bool vnep_value_of_int(const struct vnep_key *key, int64_t number, union vnep_value *out)
{
	if (key->kind != VNEP_VALUE_INT || number < 0)
		return false;
	out->number = (uint64_t)number;
	return (out->number >= key->min && out->number <= key->max) ||
	       (!number && key->flags & VNEP_KEY_NO_ZERO);
}

/* A number in range; wider ones than JSON readers keep exact come as a decimal string. */
static bool read_int(
	const struct vnep_key *key, const struct vnep_json *json, union vnep_value *out)
{
	const char *text = vnep_json_str(json);
	int64_t number;

	if (key->max == VNEP_INT_ANY && text)
		return !vnep_num_u64(text, VNEP_INT_ANY + 1, UINT64_MAX, &out->number, NULL);
	return vnep_json_int(json, &number) && vnep_value_of_int(key, number, out);
}

static bool read_word(const struct vnep_key *key, const char *text, uint64_t *out)
{
	for (int i = key->words->first; *key->words->text(i) != '?'; i++)
		if (!strcmp(text, key->words->text(i))) {
			*out = (uint64_t)i;
			return true;
		}
	return false;
}

static bool read_base64(const char *text)
{
	size_t n = strlen(text), len;
	uint8_t *out = malloc(n / 4 * 3 + 1);
	bool ok = out && !vnep_base64_decode(text, n, out, &len);

	free(out);
	return ok;
}

static int is_string(const char *key, struct vnep_json *value, void *arg)
{
	(void)key;
	(void)arg;
	return !vnep_json_str(value);
}

static int is_drop(const char *key, struct vnep_json *value, void *arg)
{
	int64_t number;

	(void)arg;
	return vnep_reason_parse(key) <= 0 || !vnep_json_int(value, &number) || number < 0;
}

static bool read_object(const struct vnep_key *key, const struct vnep_json *json)
{
	int64_t number;

	if (key->kind == VNEP_VALUE_DROPS && vnep_json_int(json, &number))
		return number >= 0;
	if (vnep_json_type(json) != VNEP_JSON_OBJECT)
		return false;
	if (key->kind == VNEP_VALUE_LABELS)
		return !vnep_json_each(json, is_string, NULL);
	return key->kind != VNEP_VALUE_DROPS || !vnep_json_each(json, is_drop, NULL);
}

/* RFC 3339 only: "now" and ages are for command lines. */
static bool read_ts(const char *text, struct vnep_wall *out)
{
	return isdigit((unsigned char)*text) && !vnep_wall_parse(text, out, NULL) && out->ns >= 0;
}

/* Strings whose parser knows best what is wrong with them. */
static int read_text(
	const struct vnep_key *key, const char *text, union vnep_value *out, struct vnep_err *why)
{
	uint64_t ns;

	switch (key->kind) {
	case VNEP_VALUE_URN: return vnep_urn_canonical(text, out->text, why);
	case VNEP_VALUE_MAC: return vnep_mac_parse(text, &out->mac, why);
	case VNEP_VALUE_PREFIX: return vnep_prefix_parse(text, &out->prefix, why);
	case VNEP_VALUE_IP6: return vnep_ip6_parse(text, &out->ip6, NULL);
	case VNEP_VALUE_UNICAST:
		return vnep_ip6_parse(text, &out->ip6, NULL) || !vnep_ip6_bindable(&out->ip6);
	case VNEP_VALUE_MULTICAST:
		return vnep_ip6_parse(text, &out->ip6, NULL) || !IN6_IS_ADDR_MULTICAST(&out->ip6);
	case VNEP_VALUE_LABEL:
		if (!is_name(text, VNEP_LABEL_MAX, "._-"))
			return VNEP_EVALUE;
		memcpy(out->text, text, strlen(text) + 1);
		return 0;
	case VNEP_VALUE_IFNAME:
		snprintf(out->text, sizeof out->text, "%s", text);
		return !is_ifname(text);
	case VNEP_VALUE_TEXT:
		snprintf(out->text, sizeof out->text, "%s", text);
		return strlen(text) > key->max;
	case VNEP_VALUE_HOST: return !read_host(text, out->text);
	case VNEP_VALUE_WORD: return !read_word(key, text, &out->number);
	case VNEP_VALUE_TS: return !read_ts(text, &out->wall);
	case VNEP_VALUE_NS:
		if (vnep_num_u64(text, 0, INT64_MAX, &ns, NULL))
			return VNEP_EVALUE;
		out->wall.ns = (int64_t)ns;
		return 0;
	case VNEP_VALUE_BASE64: return !read_base64(text);
	default: return VNEP_EVALUE;
	}
}

bool vnep_value_of_text(const struct vnep_key *key, const char *text, union vnep_value *out)
{
	switch (key->kind) {
	case VNEP_VALUE_INT: /* a wide number */
	case VNEP_VALUE_PROTO:
	case VNEP_VALUE_PORTS: return false;
	default: return !read_text(key, text, out, NULL);
	}
}

/* Is at least the JSON type right? */
static bool is_of_type(const struct vnep_key *key, const struct vnep_json *json)
{
	enum vnep_json_type type = vnep_json_type(json);

	switch (key->kind) {
	case VNEP_VALUE_INT:
	case VNEP_VALUE_SIGNED: return type == VNEP_JSON_INTEGER;
	case VNEP_VALUE_BOOL: return type == VNEP_JSON_BOOL;
	case VNEP_VALUE_PROTO:
	case VNEP_VALUE_PORTS: return type == VNEP_JSON_INTEGER || type == VNEP_JSON_STRING;
	case VNEP_VALUE_LABELS:
	case VNEP_VALUE_DROPS:
	case VNEP_VALUE_RECORD:
	case VNEP_VALUE_OBJECT: return type == VNEP_JSON_OBJECT;
	default: return type == VNEP_JSON_STRING;
	}
}

int vnep_value_read(const struct vnep_place *at, const struct vnep_key *key,
	const struct vnep_json *json, union vnep_value *out)
{
	const char *text = vnep_json_str(json);
	struct vnep_err why = { 0 };
	bool ok;

	switch (key->kind) {
	case VNEP_VALUE_INT: ok = read_int(key, json, out); break;
	case VNEP_VALUE_SIGNED: ok = vnep_json_int(json, &out->integer); break;
	case VNEP_VALUE_BOOL: ok = vnep_json_bool(json, &out->yes); break;
	case VNEP_VALUE_PROTO: ok = read_proto(json, &out->number); break;
	case VNEP_VALUE_PORTS: ok = read_ports(json, &out->ports.first, &out->ports.last); break;
	case VNEP_VALUE_LABELS:
	case VNEP_VALUE_DROPS:
	case VNEP_VALUE_RECORD:
	case VNEP_VALUE_OBJECT: ok = read_object(key, json); break;
	default:
		ok = text && !read_text(key, text, out, &why);
		if (ok || !why.text[0])
			break;
		vnep_place_error(at, key, VNEP_EVALUE, ": %s", why.text);
		if (why.hint[0])
			vnep_err_hint(at->err, "%s", why.hint);
		return VNEP_EVALUE;
	}
	return ok ? 0 : must_be(at, key, json, is_of_type(key, json) ? VNEP_EVALUE : VNEP_ESYNTAX);
}

/* ---- canonical form ---- */

bool vnep_value_print(
	const struct vnep_key *key, const union vnep_value *value, char out[static 256])
{
	switch (key->kind) {
	case VNEP_VALUE_URN:
	case VNEP_VALUE_HOST: memcpy(out, value->text, strlen(value->text) + 1); return true;
	case VNEP_VALUE_MAC: vnep_mac_print(&value->mac, out); return true;
	case VNEP_VALUE_IP6:
	case VNEP_VALUE_UNICAST:
	case VNEP_VALUE_MULTICAST: vnep_ip6_print(&value->ip6, out); return true;
	case VNEP_VALUE_PREFIX: vnep_prefix_print(&value->prefix, out); return true;
	case VNEP_VALUE_TS: vnep_wall_print(value->wall, out); return true;
	case VNEP_VALUE_PROTO: vnep_proto_print((uint8_t)value->number, out); return true;
	case VNEP_VALUE_NS: snprintf(out, 256, "%lld", (long long)value->wall.ns); return true;
	case VNEP_VALUE_PORTS:
		snprintf(out, 256, "%u-%u", value->ports.first, value->ports.last);
		return value->ports.first < value->ports.last;
	default: return false;
	}
}

struct vnep_json *vnep_value_canonical(const struct vnep_key *key, const struct vnep_json *json,
	const union vnep_value *value, int *rc)
{
	const char *text = vnep_json_str(json);
	struct vnep_json *made = NULL;
	char canonical[256];

	*rc = 0;
	if (vnep_value_print(key, value, canonical)) {
		if (text && !strcmp(text, canonical))
			return NULL;
		made = vnep_json_string(canonical);
	} else if (key->kind == VNEP_VALUE_PORTS && text) {
		made = vnep_json_integer(value->ports.first);
	} else {
		return NULL;
	}
	*rc = made ? 0 : -ENOMEM;
	return made;
}

/* ---- into structs ---- */

void vnep_value_store(const struct vnep_key *key, const union vnep_value *value, const char *text,
	void *field, size_t size)
{
	switch (key->kind) {
	case VNEP_VALUE_BOOL: memcpy(field, &value->yes, sizeof value->yes); break;
	case VNEP_VALUE_MAC: memcpy(field, &value->mac, sizeof value->mac); break;
	case VNEP_VALUE_IP6:
	case VNEP_VALUE_UNICAST:
	case VNEP_VALUE_MULTICAST: memcpy(field, &value->ip6, sizeof value->ip6); break;
	case VNEP_VALUE_PREFIX: memcpy(field, &value->prefix, sizeof value->prefix); break;
	case VNEP_VALUE_TS: memcpy(field, &value->wall, sizeof value->wall); break;
	case VNEP_VALUE_PORTS: memcpy(field, &value->ports, sizeof value->ports); break;
	case VNEP_VALUE_INT:
	case VNEP_VALUE_WORD:
	case VNEP_VALUE_PROTO: {
		uint64_t n = value->number;

		switch (size) { /* the ranges of the tables fit their fields: a test reads both ends */
		case 1: memcpy(field, &(uint8_t){ (uint8_t)n }, 1); break;
		case 2: memcpy(field, &(uint16_t){ (uint16_t)n }, 2); break;
		case 4: memcpy(field, &(uint32_t){ (uint32_t)n }, 4); break;
		default: memcpy(field, &n, sizeof n); break;
		}
		break;
	}
	default:
		snprintf(field, size, "%s", key->kind == VNEP_VALUE_TEXT ? text : value->text);
		break;
	}
}

static int decode_key(const struct vnep_key *key, const struct vnep_json *json, void *field,
	size_t size, struct vnep_err *err)
{
	const struct vnep_place at = { .err = err };
	union vnep_value value;
	int rc = vnep_value_read(&at, key, json, &value);

	if (!rc)
		vnep_value_store(key, &value, vnep_json_str(json), field, size);
	return rc;
}

int vnep_keys_decode(
	const struct vnep_key *keys, const struct vnep_json *json, void *out, struct vnep_err *err)
{
	for (; keys->name; keys++) {
		const struct vnep_json *member = vnep_json_get(json, keys->name);
		int rc = 0;

		if (!member)
			continue;
		if (keys->size)
			rc = decode_key(keys, member, (char *)out + keys->at, keys->size, err);
		else if (keys->nested && !(keys->flags & VNEP_KEY_LIST))
			rc = vnep_keys_decode(keys->nested, member, out, err);
		if (rc)
			return rc;
	}
	return 0;
}

int vnep_list_decode(const struct vnep_key *keys, const struct vnep_json *json, const char *name,
	size_t i, void *field, size_t size, struct vnep_err *err)
{
	while (strcmp(keys->name, name))
		keys++;
	return decode_key(keys, vnep_json_at(vnep_json_get(json, name), i), field, size, err);
}
