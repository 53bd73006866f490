/* mud - a manufacturer's usage description (RFC 8520) as the places that a device may send to. */
#include "vnep/mud.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "vnep/addr.h"
#include "vnep/err.h"
#include "vnep/json.h"

enum { MUD_VERSION = 1 };

/* One entry of a list while it is read. */
struct ace {
	const struct vnep_mud_reader *reader;
	const char *list, *name, *url;
	struct vnep_mud_entry entry;
	char authority[VNEP_MUD_URL_MAX + 1];
	const char *why; /* it cannot be expressed; the first reason stays */
	unsigned
		places; /* how many destinations it names: together they would be an intersection */
};

static void cannot(struct ace *a, const char *why)
{
	if (!a->why)
		a->why = why;
}

static void place(struct ace *a, enum vnep_mud_kind kind, const char *word)
{
	a->entry.kind = kind;
	a->entry.word = word;
	if (++a->places > 1)
		cannot(a, "it names more than one destination, and only what is in all of them is "
			  "meant");
}

void vnep_mud_authority(const char *url, char *out, size_t max)
{
	const char *begin = strstr(url, "://");
	size_t len = begin ? strcspn(begin + 3, "/?#") : 0;

	if (len >= max)
		len = 0;
	if (len)
		memcpy(out, begin + 3, len);
	out[len] = 0;
}

/* ---- the matches of an entry ---- */

static int match_network(const char *key, struct vnep_json *value, void *arg)
{
	const char *text = vnep_json_str(value);
	struct ace *a = arg;
	int64_t number;

	if (!strcmp(key, "protocol")) {
		if (vnep_json_int(value, &number) && number >= 1 && number <= 255 &&
			(!a->entry.allow.proto || a->entry.allow.proto == number))
			a->entry.allow.proto = (uint8_t)number;
		else
			cannot(a, "its protocol is no number from 1 to 255, or not that of its "
				  "ports");
	} else if (!strcmp(key, "destination-ipv6-network")) {
		if (text && !vnep_prefix_parse(text, &a->entry.allow.to, NULL))
			place(a, VNEP_MUD_PREFIX, NULL);
		else
			cannot(a, "its destination-ipv6-network is no prefix");
	} else if (!strcmp(key, "ietf-acldns:dst-dnsname")) {
		if (text)
			place(a, VNEP_MUD_NAME, text);
		else
			cannot(a, "its dst-dnsname is no string");
	} else {
		cannot(a, "it asks for more of the IPv6 header than destination and protocol");
	}
	return 0;
}

static bool port_of(const struct vnep_json *json, const char *key, uint16_t *out)
{
	int64_t number = vnep_json_get_int(json, key, -1);

	if (number < 0 || number > 65535)
		return false;
	*out = (uint16_t)number;
	return true;
}

/* RFC 8519: a range with lower-port and upper-port, or an operator and a port. */
static bool read_ports(const struct vnep_json *json, uint16_t *first, uint16_t *last)
{
	const char *op =
		vnep_json_get_str(json, "operator", vnep_json_get(json, "port") ? "eq" : "");

	if (vnep_json_get(json, "lower-port")) {
		if (!port_of(json, "lower-port", first))
			return false;
		*last = *first;
		return (!vnep_json_get(json, "upper-port") || port_of(json, "upper-port", last)) &&
		       *first <= *last;
	}
	if (!port_of(json, "port", first))
		return false;
	*last = *first;
	if (!strcmp(op, "lte"))
		*first = 0;
	else if (!strcmp(op, "gte"))
		*last = 65535;
	else if (strcmp(op, "eq") != 0)
		return false;
	return true;
}

static int match_ports(const char *key, struct vnep_json *value, void *arg)
{
	struct ace *a = arg;
	struct vnep_allow *allow = &a->entry.allow;

	if (!strcmp(key, "destination-port")) {
		if (read_ports(value, &allow->ports[0].first, &allow->ports[0].last))
			allow->port_count = 1;
		else
			cannot(a, "its destination-port is neither a range nor an eq, lte or gte");
	} else if (!strcmp(key, "ietf-mud:direction-initiated")) {
		const char *side = vnep_json_str(value);

		if (!side || strcmp(side, "from-device") != 0)
			cannot(a, "only answers are meant, and the edge keeps no connections");
	} else {
		cannot(a, "it asks for more of the transport header than the destination port");
	}
	return 0;
}

static void transport(struct ace *a, uint8_t proto, const struct vnep_json *value)
{
	if (a->entry.allow.proto && a->entry.allow.proto != proto)
		cannot(a, "its protocol is no number from 1 to 255, or not that of its ports");
	a->entry.allow.proto = proto;
	vnep_json_each(value, match_ports, a);
}

static int match_mud(const char *key, struct vnep_json *value, void *arg)
{
	const char *text = vnep_json_str(value);
	struct ace *a = arg;

	if (!strcmp(key, "local-networks")) {
		place(a, VNEP_MUD_LOCAL, NULL);
	} else if (!strcmp(key, "my-controller")) {
		place(a, VNEP_MUD_MY_CONTROLLER, a->url);
	} else if (!strcmp(key, "same-manufacturer")) {
		vnep_mud_authority(a->url, a->authority, sizeof a->authority);
		place(a, VNEP_MUD_MANUFACTURER, a->authority);
	} else if (!text) {
		cannot(a, "its ietf-mud match has no word");
	} else if (!strcmp(key, "controller")) {
		place(a, VNEP_MUD_CONTROLLER, text);
	} else if (!strcmp(key, "manufacturer")) {
		place(a, VNEP_MUD_MANUFACTURER, text);
	} else if (!strcmp(key, "model")) {
		place(a, VNEP_MUD_MODEL, text);
	} else {
		cannot(a, "an ietf-mud match that RFC 8520 does not know");
	}
	return 0;
}

static int match(const char *key, struct vnep_json *value, void *arg)
{
	struct ace *a = arg;

	if (!strcmp(key, "ipv6")) {
		vnep_json_each(value, match_network, a);
	} else if (!strcmp(key, "tcp")) {
		transport(a, IPPROTO_TCP, value);
	} else if (!strcmp(key, "udp")) {
		transport(a, IPPROTO_UDP, value);
	} else if (!strcmp(key, "ietf-mud:mud")) {
		vnep_json_each(value, match_mud, a);
	} else if (!strcmp(key, "ipv4")) {
		cannot(a, "it is for IPv4, which an edge does not forward");
	} else if (!strcmp(key, "icmp")) {
		cannot(a, "types of ICMP are not told apart: allow ICMPV6 as a protocol");
	} else {
		cannot(a, "it matches something else than IPv6, TCP, UDP or a class of RFC 8520");
	}
	return 0;
}

/* ---- lists ---- */

static int read_ace(struct ace *a, const struct vnep_json *json)
{
	const struct vnep_json *matches = vnep_json_get(json, "matches");
	const char *forwarding =
		vnep_json_get_str(vnep_json_get(json, "actions"), "forwarding", "");

	a->name = a->entry.name = vnep_json_get_str(json, "name", "?");
	vnep_json_each(matches, match, a);
	if (strcmp(forwarding, "accept") != 0)
		cannot(a, "its action is not `accept`: what no entry allows is dropped anyway, but "
			  "one before the "
			  "others cannot be");
	if (!a->places)
		cannot(a, "it names no destination: say ::/0 where everything is meant");
	return a->why ? a->reader->left(a->list, a->name, a->why, a->reader->arg)
		      : a->reader->entry(&a->entry, a->reader->arg);
}

static int read_list(
	const struct vnep_json *acl, const char *url, const struct vnep_mud_reader *reader)
{
	const struct vnep_json *aces = vnep_json_get(vnep_json_get(acl, "aces"), "ace");
	const char *list = vnep_json_get_str(acl, "name", "?");
	const char *type = vnep_json_get_str(acl, "type", "ipv6-acl-type");
	int rc = 0;

	if (strcmp(type, "ipv6-acl-type") != 0)
		return reader->left(list, NULL,
			strcmp(type, "ipv4-acl-type")
				? "it is no list for IPv6"
				: "it is for IPv4, which an edge does not forward",
			reader->arg);
	for (size_t i = 0; !rc && i < vnep_json_count(aces); i++) {
		struct ace a = { .reader = reader, .list = list, .url = url };

		rc = read_ace(&a, vnep_json_at(aces, i));
	}
	return rc;
}

static const struct vnep_json *find_list(const struct vnep_json *acls, const char *name)
{
	for (size_t i = 0; i < vnep_json_count(acls); i++)
		if (!strcmp(vnep_json_get_str(vnep_json_at(acls, i), "name", ""), name))
			return vnep_json_at(acls, i);
	return NULL;
}

static const struct vnep_json *lists_of(const struct vnep_json *mud, const char *policy)
{
	return vnep_json_get(
		vnep_json_get(vnep_json_get(mud, policy), "access-lists"), "access-list");
}

static int read_file(const struct vnep_json *mud, const struct vnep_json *acls, const char *url,
	const struct vnep_mud_reader *reader)
{
	const struct vnep_json *from = lists_of(mud, "from-device-policy");
	const struct vnep_json *to = lists_of(mud, "to-device-policy");
	int rc = 0;

	for (size_t i = 0; !rc && i < vnep_json_count(from); i++) {
		const char *name = vnep_json_get_str(vnep_json_at(from, i), "name", "?");
		const struct vnep_json *acl = find_list(acls, name);

		rc = acl ? read_list(acl, url, reader)
			 : reader->left(
				   name, NULL, "the file has no list of that name", reader->arg);
	}
	for (size_t i = 0; !rc && i < vnep_json_count(to); i++)
		rc = reader->left(vnep_json_get_str(vnep_json_at(to, i), "name", "?"), NULL,
			"it is for what is sent to the device: its VPC's prefix may, and nobody "
			"else",
			reader->arg);
	return rc;
}

int vnep_mud_read(const char *text, size_t len, const struct vnep_mud_reader *reader,
	char url[static VNEP_MUD_URL_MAX + 1], struct vnep_err *err)
{
	const struct vnep_json *mud, *acls;
	struct vnep_json *json = NULL;
	int64_t version;
	int rc = vnep_json_parse(text, len, &json, err);

	if (rc)
		return rc;
	mud = vnep_json_get(json, "ietf-mud:mud");
	acls = vnep_json_get(vnep_json_get(json, "ietf-access-control-list:acls"), "acl");
	version = vnep_json_get_int(mud, "mud-version", -1);
	snprintf(url, VNEP_MUD_URL_MAX + 1, "%s", vnep_json_get_str(mud, "mud-url", ""));
	if (!mud || vnep_json_type(mud) != VNEP_JSON_OBJECT) {
		rc = vnep_err_set(err, VNEP_ESYNTAX, "no MUD file: it has no \"ietf-mud:mud\"");
		vnep_err_hint(err, "RFC 8520 section 9 has an example");
	} else if (version != MUD_VERSION) {
		rc = vnep_err_set(err, VNEP_EVALUE, "mud-version is not 1, the one of RFC 8520");
	} else if (strncmp(url, "https://", 8) != 0) {
		rc = vnep_err_set(err, VNEP_EVALUE,
			"mud-url is not https://… of at most %d octets (RFC 8520 section 3.5)",
			VNEP_MUD_URL_MAX);
	} else {
		rc = read_file(mud, acls, url, reader);
	}
	vnep_json_free(json);
	return rc;
}
