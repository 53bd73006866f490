/*
 * redact - records that can be shown to others (list --redact).
 *
 * URNs and MACs become keyed hashes: the same for the same device as long as the key of the state folder is the
 * same, and nothing that leads back without it. What is often made of a MAC goes with it: the host part of
 * an address (EUI-64, or the octets as they are), the name, labels, groups. Keys that vnep does not know are left out,
 * because nobody knows what is in them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "map.h"
#include "vnep/recjson.h"
#include "vnep/state.h"

enum { AS_DEV = 101, AS_MAC, AS_HOST, AS_NAME, AS_LABEL }; /* tweaks of the hash; two each */
enum { MAC_DIGITS = 12, TAIL_DIGITS = 6, WORD_LEN = 18 };

struct redact {
	const struct map_redact *how;
	struct vnep_json *out;
	bool has_mac;
	struct vnep_mac mac;
	char dev[VNEP_URN_MAX + 1];
	unsigned keep; /* bits of an address that say the network */
	int rc;
};

int map_redact_open(struct map_redact *how, struct vnep_cli *cli)
{
	return vnep_state_key(cli->state, true, how->key, &cli->err);
}

static uint64_t hash(const struct redact *r, uint64_t as, const void *data, size_t len)
{
	return vnep_siphash(r->how->key, as, data, len);
}

static void redact_dev(const struct redact *r, const char *dev, char out[static 64])
{
	uint64_t a = hash(r, AS_DEV, dev, strlen(dev)), b = hash(r, AS_DEV << 8, dev, strlen(dev));

	/* A UUID of version 8 (RFC 9562 5.8): a URN like others, for tools that read the list. */
	snprintf(out, 64, "urn:uuid:%08x-%04x-8%03x-%04x-%012llx", (unsigned)(a >> 32),
		(unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
		(unsigned)(0x8000 | (b >> 48 & 0x3fff)), (unsigned long long)(b & 0xffffffffffff));
}

static void redact_mac(
	const struct redact *r, const struct vnep_mac *mac, char out[static VNEP_MAC_LEN])
{
	uint64_t h = hash(r, AS_MAC, mac->octet, sizeof mac->octet);
	struct vnep_mac other;

	for (unsigned i = 0; i < 6; i++)
		other.octet[i] = (uint8_t)(h >> 8 * i);
	other.octet[0] =
		(uint8_t)((other.octet[0] & 0xfc) | 2); /* nobody's: locally administered */
	vnep_mac_print(&other, out);
}

/* ---- what is made of a MAC ---- */

/* Does the host part tell of a MAC: of this device's, or (ff:fe in the middle) of anybody's? */
static bool tells_of_mac(const struct redact *r, const struct in6_addr *addr)
{
	const uint8_t *host = addr->s6_addr + 8, *mac = r->mac.octet;

	if (host[3] == 0xff && host[4] == 0xfe)
		return true;
	if (!r->has_mac)
		return false;
	return memmem(host, 8, mac, 6) || !memcmp(host + 5, mac + 3, 3);
}

static void redact_host(const struct redact *r, struct in6_addr *addr, unsigned keep)
{
	uint64_t h = hash(r, AS_HOST, addr, sizeof *addr);

	for (unsigned i = 8; i < 16; i++) {
		unsigned kept = keep > i * 8 ? keep - i * 8 : 0;
		uint8_t mask = (uint8_t)(kept >= 8 ? 0 : 0xffu >> kept);

		addr->s6_addr[i] =
			(uint8_t)((addr->s6_addr[i] & ~mask) | ((h >> 8 * (i - 8)) & mask));
	}
}

/* The hex digits of text without what people put between them. */
static size_t digits_of(const char *text, char out[static 256])
{
	size_t n = 0;

	for (; *text && n < 255; text++)
		if (isxdigit((unsigned char)*text))
			out[n++] = (char)tolower((unsigned char)*text);
		else if (!strchr(":-._ ", *text))
			out[n++] = 'x'; /* parts two runs of digits */
	out[n] = 0;
	return n;
}

/* Twelve hex digits in a row, whatever stands between them: a MAC of somebody. */
static bool has_mac(const char *digits)
{
	size_t run = 0;

	for (; *digits && run < MAC_DIGITS; digits++)
		run = *digits == 'x' ? 0 : run + 1;
	return run == MAC_DIGITS;
}

/* Does the text tell which device it is: a MAC, the latter half of its own, or what its URN ends with? */
static bool tells_of_device(const struct redact *r, const char *text)
{
	const uint8_t *o = r->mac.octet;
	const char *own = strrchr(r->dev, ':');
	char digits[256], tail[256], half[8];

	digits_of(text, digits);
	if (has_mac(digits) || !strncasecmp(text, "urn:", 4))
		return true;
	if (own && own[1] && strcasestr(text, own + 1))
		return true;
	if (own && digits_of(own + 1, tail) >= TAIL_DIGITS && strstr(digits, tail))
		return true;
	if (!r->has_mac)
		return false;
	snprintf(half, sizeof half, "%02x%02x%02x", o[3], o[4], o[5]);
	return strstr(digits, half);
}

/* ---- members ---- */

static void set_str(struct redact *r, struct vnep_json *to, const char *key, const char *text)
{
	if (!r->rc)
		r->rc = vnep_json_set_str(to, key, text);
}

static void put_name(struct redact *r, const char *name)
{
	const char *rest = strchr(name, '.');
	char out[VNEP_NAME_MAX + 1];

	snprintf(out, sizeof out, "r%016llx%.200s",
		(unsigned long long)hash(r, AS_NAME, name, strlen(name)),
		rest && !tells_of_device(r, rest) ? rest : ".");
	set_str(r, r->out, "name", out);
}

/* A label, or the name of a group. */
static const char *put_word(const struct redact *r, const char *text, char out[static WORD_LEN])
{
	if (!tells_of_device(r, text))
		return text;
	snprintf(out, WORD_LEN, "r%016llx",
		(unsigned long long)hash(r, AS_LABEL, text, strlen(text)));
	return out;
}

static int put_label(const char *key, struct vnep_json *value, void *arg)
{
	struct redact *r = arg;
	const char *text = vnep_json_str(value);
	char out[WORD_LEN];

	if (text && !tells_of_device(r, key))
		set_str(r, vnep_json_get(r->out, "labels"), key, put_word(r, text, out));
	return r->rc;
}

static const char *put_addr(const struct redact *r, const char *text, char out[static VNEP_IP6_LEN])
{
	struct in6_addr addr;

	if (vnep_ip6_parse(text, &addr, NULL) || !tells_of_mac(r, &addr))
		return text;
	redact_host(r, &addr, r->keep);
	vnep_ip6_print(&addr, out);
	return out;
}

/* A list of addresses, or of groups. */
static void put_list(struct redact *r, const char *key, const struct vnep_json *list)
{
	struct vnep_json *to = vnep_json_array();
	bool groups = !strcmp(key, "groups");
	char addr[VNEP_IP6_LEN], word[WORD_LEN];

	r->rc = to ? r->rc : -ENOMEM;
	for (size_t i = 0; i < vnep_json_count(list) && !r->rc; i++) {
		const char *text = vnep_json_str(vnep_json_at(list, i));

		text = text ? text : "";
		r->rc = vnep_json_append(to, vnep_json_string(groups ? put_word(r, text, word)
								     : put_addr(r, text, addr)));
	}
	if (r->rc)
		vnep_json_free(to);
	else
		r->rc = vnep_json_set(r->out, key, to);
}

/* Where a device may send, or a VPC's routes lead: a prefix as long as an address can be one of a device. */
static int put_ways(struct redact *r, const char *key, struct vnep_json *list)
{
	struct vnep_json *copy = vnep_json_copy(list);

	for (size_t i = 0; copy && i < vnep_json_count(copy) && !r->rc; i++) {
		struct vnep_json *entry = vnep_json_at(copy, i);
		const char *hop = vnep_json_get_str(entry, "next_hop", NULL);
		struct vnep_prefix prefix;
		char text[VNEP_PREFIX_LEN], addr[VNEP_IP6_LEN];

		if (hop)
			set_str(r, entry, "next_hop", put_addr(r, hop, addr));
		if (vnep_prefix_parse(vnep_json_get_str(entry, "to", ""), &prefix, NULL) ||
			prefix.len <= 64 || !tells_of_mac(r, &prefix.addr))
			continue;
		redact_host(r, &prefix.addr, r->keep);
		prefix.len = 128;
		vnep_prefix_print(&prefix, text);
		set_str(r, entry, "to", text);
	}
	return copy ? vnep_json_set(r->out, key, copy) : -ENOMEM;
}

static int put_member(const char *key, struct vnep_json *value, void *arg)
{
	static const char *const plain[] = { "type", "v", "vpc", "prefix", "core_port", "core_vlan",
		"quota", "form", "port", "vlan", "addr_max", "region", "journal", "consent", "psm",
		"dl_buffering", "replay", "revision", "origin", "deleted", "edge", "epoch",
		"since" };
	struct redact *r = arg;
	const char *text = vnep_json_str(value);
	char out[64];

	if (!strcmp(key, "dev")) {
		redact_dev(r, r->dev, out);
		set_str(r, r->out, key, out);
	} else if (!strcmp(key, "mac")) {
		redact_mac(r, &r->mac, out);
		set_str(r, r->out, key, out);
	} else if (!strcmp(key, "name") && text) {
		put_name(r, text);
	} else if ((!strcmp(key, "vep") || !strcmp(key, "address")) && text) {
		set_str(r, r->out, key, put_addr(r, text, out));
	} else if (!strcmp(key, "group") && text) {
		set_str(r, r->out, key, put_word(r, text, out));
	} else if (!strcmp(key, "addr") || !strcmp(key, "senders") || !strcmp(key, "groups")) {
		put_list(r, key, value);
	} else if (!strcmp(key, "allow") || !strcmp(key, "routes")) {
		r->rc = put_ways(r, key, value);
	} else if (!strcmp(key, "labels")) {
		r->rc = vnep_json_set(r->out, key, vnep_json_object());
		if (!r->rc)
			vnep_json_each(value, put_label, r);
	}
	for (size_t i = 0; i < sizeof plain / sizeof *plain && !r->rc; i++)
		if (!strcmp(key, plain[i]))
			r->rc = vnep_json_set(r->out, key, vnep_json_copy(value));
	return r->rc;
}

/* The MAC of the record, said or in its URN. In the copy it must be said: the URN has none any more. */
static void find_mac(struct redact *r, struct vnep_json *record)
{
	const char *mac = vnep_json_get_str(record, "mac", NULL);
	char text[VNEP_MAC_LEN];

	snprintf(r->dev, sizeof r->dev, "%s", vnep_json_get_str(record, "dev", ""));
	if (mac) {
		r->has_mac = !vnep_mac_parse(mac, &r->mac, NULL);
	} else if (vnep_urn_mac(r->dev, &r->mac)) {
		r->has_mac = true;
		vnep_mac_print(&r->mac, text);
		set_str(r, record, "mac", text);
	}
}

/* How much of an address is its network: half, or the prefix of the vpc where that is longer. */
static unsigned network_bits(const struct vnep_json *record, struct vnep_map_txn *txn)
{
	char vpc[VNEP_LABEL_MAX + 1] = "";
	struct vnep_device device = { 0 };
	struct vnep_vpc found = { 0 };
	unsigned bits = 64;

	if (vnep_recjson_type(record) != VNEP_RECORD_DEVICE ||
		vnep_device_decode(record, &device, NULL))
		return bits;
	if (!vnep_map_vpc_of(txn, &device, vpc, NULL) && vpc[0] &&
		!vnep_map_get_vpc(txn, vpc, &found, NULL) && found.prefix.len > bits)
		bits = found.prefix.len;
	vnep_vpc_release(&found);
	vnep_device_release(&device);
	return bits;
}

int map_redact(const struct map_redact *how, struct vnep_map_txn *txn, struct vnep_json *record,
	struct vnep_json **out, struct vnep_err *err)
{
	struct redact r = { .how = how, .out = vnep_json_object() };

	r.rc = r.out ? 0 : -ENOMEM;
	find_mac(&r, record);
	r.keep = network_bits(record, txn);
	if (!r.rc)
		vnep_json_each(record, put_member, &r);
	/* The mac that was added goes to its place. */
	if (!r.rc)
		r.rc = vnep_recjson_check(r.out, NULL, 0, NULL);
	if (r.rc) {
		vnep_json_free(r.out);
		return vnep_err_set(err, r.rc, "redacting a record: %s", vnep_strerror(r.rc));
	}
	*out = r.out;
	return 0;
}
