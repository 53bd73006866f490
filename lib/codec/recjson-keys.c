/* recjson-keys - the keys of each record, in the order of RECORDS.md, and the rules between them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "recjson-keys.h"
#include "vnep/err.h"
#include "vnep/num.h"

#define HEAD                                                                                       \
	{ .name = "type", .kind = RECJSON_STR, .required = true },                                 \
	{                                                                                          \
		.name = "v", .kind = RECJSON_INT, .min = 1, .max = 1                               \
	}
#define END { .name = NULL }
#define INT(n, lo, hi)                                                                             \
	{                                                                                          \
		.name = n, .kind = RECJSON_INT, .min = lo, .max = hi                               \
	}
#define COUNT(n) INT(n, 0, RECJSON_INT_MAX)
#define ONE(n, k)                                                                                  \
	{                                                                                          \
		.name = n, .kind = k                                                               \
	}
#define MUST(n, k)                                                                                 \
	{                                                                                          \
		.name = n, .kind = k, .required = true                                             \
	}
#define LIST(n, k, m)                                                                              \
	{                                                                                          \
		.name = n, .kind = k, .array = true, .max = m                                      \
	}
#define WORD(n, w)                                                                                 \
	{                                                                                          \
		.name = n, .kind = RECJSON_WORD, .words = w                                        \
	}
#define OBJ(n, t)                                                                                  \
	{                                                                                          \
		.name = n, .kind = RECJSON_OBJECT, .keys = t                                       \
	}
#define OBJS(n, t, m)                                                                              \
	{                                                                                          \
		.name = n, .kind = RECJSON_OBJECT, .array = true, .keys = t, .max = m              \
	}
#define TAIL COUNT("revision"), ONE("origin", RECJSON_LABEL), ONE("deleted", RECJSON_BOOL)

#define REASONS                                                                                    \
	"none no-mapping spoofed-source wrong-vlan wrong-port wrong-region policy-denied not-ipv6 " \
	"not-for-us too-big fragment address-in-use rate-limited dl-buffering-duration "            \
	"dl-buffering-packet-count dl-buffering-octets quota-vpc quota-region duplicate superseded " \
	"expired overrun enospc io-error malformed not-replayable neighbour-queue port-down "       \
	"no-next-hop region-away power-window"
#define CAUSES                                                                                     \
	"none t3324-expired link-down admin handover deregistered first-frame replayed overdue claimed"

enum { T3324_MAX_S = 11160 /* 31 x 6 min, TS 24.008 10.5.7.3 */, T3412_MAX_S = 35712000 /* 31 x 320 h */ };

static const struct recjson_key route_keys[] = { MUST("to", RECJSON_PREFIX), MUST("next_hop", RECJSON_IP6),
	END };
static const struct recjson_key quota_keys[] = { COUNT("octets"), COUNT("reserved_octets"), END };
static const struct recjson_key allow_keys[] = { MUST("to", RECJSON_PREFIX), ONE("proto", RECJSON_PROTO),
	LIST("ports", RECJSON_ANY, 8), END };
static const struct recjson_key psm_keys[] = { { .name = "t3324_s", .kind = RECJSON_INT, .required = true,
						       .min = 0, .max = T3324_MAX_S },
	INT("t3412_s", 0, T3412_MAX_S), END };
static const struct recjson_key dl_keys[] = { INT("duration_s", 1, 4294967295), INT("packet_count", 1, 4294967295),
	COUNT("octets"), END };
static const struct recjson_key replay_keys[] = { WORD("mode", "fast queue as-recorded"),
	INT("pps", 1, 10000000), WORD("keep", "all last"), END };

static const struct recjson_key vpc_keys[] = { HEAD, MUST("vpc", RECJSON_LABEL), MUST("prefix", RECJSON_PREFIX),
	ONE("core_port", RECJSON_IF), INT("core_vlan", 0, 4094), OBJS("routes", route_keys, 256),
	OBJ("quota", quota_keys), TAIL, END };
static const struct recjson_key device_keys[] = { HEAD, MUST("dev", RECJSON_URN), MUST("vep", RECJSON_IP6),
	ONE("vpc", RECJSON_LABEL), WORD("form", "edge host"), ONE("mac", RECJSON_MAC), ONE("port", RECJSON_IF),
	INT("vlan", 0, 4094), LIST("addr", RECJSON_IP6, VNEP_ADDR_COUNT_MAX),
	INT("addr_max", 1, VNEP_ADDR_COUNT_MAX), ONE("region", RECJSON_LABEL), ONE("name", RECJSON_NAME),
	LIST("groups", RECJSON_LABEL, 64), OBJ("labels", NULL), OBJS("allow", allow_keys, 256),
	WORD("journal", "asleep from-device both"), ONE("consent", RECJSON_BOOL), OBJ("psm", psm_keys),
	OBJ("dl_buffering", dl_keys), OBJ("replay", replay_keys), TAIL, END };
static const struct recjson_key group_keys[] = { HEAD, MUST("group", RECJSON_LABEL), ONE("address", RECJSON_IP6),
	INT("port", 1, 65535), LIST("senders", RECJSON_IP6, 256), TAIL, END };
static const struct recjson_key binding_keys[] = { HEAD, MUST("dev", RECJSON_URN), ONE("region", RECJSON_LABEL),
	ONE("edge", RECJSON_LABEL), COUNT("epoch"), ONE("port", RECJSON_IF), INT("vlan", 0, 4094),
	ONE("mac", RECJSON_MAC), LIST("addr", RECJSON_IP6, VNEP_ADDR_COUNT_MAX), ONE("since", RECJSON_TS), TAIL,
	END };
static const struct recjson_key event_keys[] = { HEAD, ONE("dev", RECJSON_URN), ONE("port", RECJSON_IF),
	ONE("edge", RECJSON_LABEL), COUNT("seq"), ONE("ts", RECJSON_TS), COUNT("us"), ONE("ns", RECJSON_STR),
	INT("conn", 0, 4294967295),
	{ .name = "kind", .kind = RECJSON_WORD, .required = true,
		.words = "data instruction connect disconnect gap late corrupt erased note" },
	WORD("direction", "from-device to-device"), ONE("src_ip", RECJSON_IP6), INT("src_port", 0, 65535),
	ONE("dest_ip", RECJSON_IP6), INT("dest_port", 0, 65535), ONE("proto", RECJSON_STR),
	INT("icmp_type", 0, 255), INT("icmp_code", 0, 255), INT("hop_limit", 0, 255), INT("vlan", 0, 4094),
	ONE("in_iface", RECJSON_IF), INT("length", 0, 4294967295), ONE("copy", RECJSON_BOOL),
	INT("attempt", 0, 4294967295), COUNT("count"), WORD("reason", REASONS), ONE("text", RECJSON_STR),
	ONE("frame", RECJSON_STR), END };
static const struct recjson_key checkpoint_keys[] = { HEAD, MUST("dev", RECJSON_URN), ONE("ts", RECJSON_TS),
	COUNT("us"), INT("conn", 0, 4294967295),
	{ .name = "cursor", .kind = RECJSON_WORD, .required = true, .words = "disconnect synced" },
	WORD("cause", CAUSES), COUNT("resume_seq"), COUNT("head_seq"), END };
static const struct recjson_key outcome_keys[] = { HEAD, MUST("dev", RECJSON_URN),
	{ .name = "seq", .kind = RECJSON_INT, .required = true, .min = 1, .max = RECJSON_INT_MAX },
	ONE("ts", RECJSON_TS), COUNT("us"),
	{ .name = "outcome", .kind = RECJSON_WORD, .required = true,
		.words = "sent confirmed expired superseded failed" },
	WORD("reason", REASONS),
	WORD("evidence", "none coap-ack coap-response icmp-echo-reply flow-answer tcp-syn-ack policy"),
	INT("attempt", 1, 4294967295), END };

/* A tombstone needs only the id of what is gone. */
static const struct recjson_key gone_device_keys[] = { HEAD, MUST("dev", RECJSON_URN), TAIL, END };
static const struct recjson_key gone_vpc_keys[] = { HEAD, MUST("vpc", RECJSON_LABEL), TAIL, END };
static const struct recjson_key gone_group_keys[] = { HEAD, MUST("group", RECJSON_LABEL), TAIL, END };

const struct recjson_key *recjson_keys(enum vnep_record_type type, bool *deleted,
	const struct vnep_json *json)
{
	*deleted = vnep_json_get_bool(json, "deleted", false);
	switch (type) {
	case VNEP_RECORD_VPC: return *deleted ? gone_vpc_keys : vpc_keys;
	case VNEP_RECORD_DEVICE: return *deleted ? gone_device_keys : device_keys;
	case VNEP_RECORD_GROUP: return *deleted ? gone_group_keys : group_keys;
	case VNEP_RECORD_BINDING: return *deleted ? gone_device_keys : binding_keys;
	case VNEP_RECORD_EVENT: return event_keys;
	case VNEP_RECORD_CHECKPOINT: return checkpoint_keys;
	case VNEP_RECORD_OUTCOME: return outcome_keys;
	default: return NULL;
	}
}

int recjson_check_device(const struct vnep_json *json, struct vnep_err *err)
{
	bool host = !strcmp(vnep_json_get_str(json, "form", "edge"), "host");
	const struct vnep_json *allow = vnep_json_get(json, "allow");

	if (host && !vnep_json_count(vnep_json_get(json, "addr")))
		return vnep_err_set(err, VNEP_EVALUE, "form host needs \"addr\": the device's fixed address");
	for (size_t i = 0; i < vnep_json_count(allow); i++) {
		const struct vnep_json *entry = vnep_json_at(allow, i), *ports = vnep_json_get(entry, "ports");
		const char *proto = vnep_json_get_str(entry, "proto", "");

		if (ports && strcmp(proto, "UDP") && strcmp(proto, "TCP"))
			return vnep_err_set(err, VNEP_EVALUE, "allow: \"ports\" needs \"proto\" UDP or TCP");
		for (size_t k = 0; k < vnep_json_count(ports); k++) {
			uint16_t first, last;

			if (!recjson_ports_parse(vnep_json_at(ports, k), &first, &last))
				return vnep_err_set(err, VNEP_EVALUE,
					"allow: \"ports\" holds port numbers and ranges such as \"5683-5684\"");
		}
	}
	return 0;
}

bool recjson_ports_parse(const struct vnep_json *json, uint16_t *first, uint16_t *last)
{
	const char *text = vnep_json_str(json), *dash;
	char low[8];
	uint64_t a, b;
	int64_t n;

	if (vnep_json_int(json, &n)) {
		*first = *last = (uint16_t)n;
		return n >= 0 && n <= 65535;
	}
	dash = text ? strchr(text, '-') : NULL;
	if (!dash || (size_t)(dash - text) >= sizeof low)
		return false;
	snprintf(low, sizeof low, "%.*s", (int)(dash - text), text);
	if (vnep_num_u64(low, 0, 65535, &a, NULL) || vnep_num_u64(dash + 1, a, 65535, &b, NULL))
		return false;
	*first = (uint16_t)a;
	*last = (uint16_t)b;
	return true;
}

static const struct {
	const char *word;
	uint8_t proto;
} protos[] = { { "TCP", 6 }, { "UDP", 17 }, { "ICMPV6", 58 } };

bool recjson_proto_parse(const char *text, uint8_t *out)
{
	uint64_t n;

	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++) {
		if (!strcasecmp(text, protos[i].word)) {
			*out = protos[i].proto;
			return true;
		}
	}
	if (vnep_num_u64(text, 1, 255, &n, NULL))
		return false;
	*out = (uint8_t)n;
	return true;
}

void recjson_proto_print(uint8_t proto, char out[static 8])
{
	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++) {
		if (protos[i].proto == proto) {
			snprintf(out, 8, "%s", protos[i].word);
			return;
		}
	}
	snprintf(out, 8, "%u", proto);
}

int recjson_check_proto(struct vnep_json *owner, const char *key, const struct vnep_json *value,
	struct vnep_err *err)
{
	const char *text = vnep_json_str(value);
	char number[24], canonical[8];
	uint8_t proto;
	int64_t n;

	if (vnep_json_int(value, &n)) {
		snprintf(number, sizeof number, "%lld", (long long)n);
		text = number;
	}
	if (!text || !recjson_proto_parse(text, &proto))
		return vnep_err_set(err, VNEP_EVALUE,
			"\"%s\" must be UDP, TCP, ICMPV6 or a protocol number from 1 to 255, not \"%s\"", key,
			text ? text : vnep_json_type_name(value));
	recjson_proto_print(proto, canonical);
	if (vnep_json_str(value) && !strcmp(canonical, text))
		return 0;
	return vnep_json_set_str(owner, key, canonical);
}

int recjson_string(const char *text, struct vnep_json **out)
{
	struct vnep_json *holder = vnep_json_object();
	int rc = holder ? vnep_json_set_str(holder, "s", text) : -ENOMEM;

	*out = rc ? NULL : vnep_json_copy(vnep_json_get(holder, "s"));
	vnep_json_free(holder);
	return *out ? 0 : -ENOMEM;
}
