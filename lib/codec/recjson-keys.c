/* recjson-keys - the keys of every record type, in the order in which they are written. */
#include <stddef.h>

#include "recjson-keys.h"
#include "vnep/coapmake.h"

/* ---- closed lists ---- */

#define WORDS(name, type, first)                       \
	static const char *name##_word(int word)       \
	{                                              \
		return vnep_##name##_text((type)word); \
	}                                              \
	static const struct vnep_words name##_words = { name##_word, first };

WORDS(reason, enum vnep_reason, VNEP_REASON_NONE + 1)
WORDS(direction, enum vnep_direction, VNEP_DIRECTION_NONE + 1)
WORDS(kind, enum vnep_kind, 0)
WORDS(cursor, enum vnep_cursor, 0)
WORDS(cause, enum vnep_cause, VNEP_CAUSE_NONE + 1)
WORDS(outcome, enum vnep_outcome_word, 0)
WORDS(evidence, enum vnep_evidence, VNEP_EVIDENCE_NONE + 1)
WORDS(state, enum vnep_presence_state, 0)
WORDS(member, enum vnep_member_state, 0)
WORDS(journal_mode, enum vnep_journal_mode, 0)

#define LIST(name, ...)                                                              \
	static const char *name##_word(int word)                                     \
	{                                                                            \
		static const char *const list[] = { __VA_ARGS__ };                   \
		return (size_t)word < sizeof list / sizeof *list ? list[word] : "?"; \
	}                                                                            \
	static const struct vnep_words name##_words = { name##_word, 0 };

LIST(form, [VNEP_FORM_EDGE] = "edge", [VNEP_FORM_HOST] = "host")
LIST(replay_mode, [VNEP_REPLAY_FAST] = "fast", [VNEP_REPLAY_QUEUE] = "queue",
	[VNEP_REPLAY_AS_RECORDED] = "as-recorded")
LIST(replay_keep, [VNEP_KEEP_ALL] = "all", [VNEP_KEEP_LAST] = "last")
LIST(forwarding, "accept", "drop")
LIST(via, [VNEP_VIA_MULTICAST] = "multicast", [VNEP_VIA_UNICAST] = "unicast",
	[VNEP_VIA_REPLAY] = "replay")
LIST(what, "missing", "foreign", "different", "add", "change", "delete")

static const char *method_word(int word)
{
	const char *text = vnep_coap_method_text(word);

	return text ? text : "?";
}
static const struct vnep_words method_words = { method_word, 1 };

/* A presence record of a region or an edge has up or down. */
static const char *presence_word(int word)
{
	switch (word - VNEP_STATE_GONE) {
	case 1: return "up";
	case 2: return "down";
	default: return vnep_state_text((enum vnep_presence_state)word);
	}
}
static const struct vnep_words presence_words = { presence_word, 0 };

/* ---- tables ---- */

#define FIELD(type, member)                         \
	.at = offsetof(struct vnep_##type, member), \
	.size = sizeof(((struct vnep_##type *)0)->member)
#define END                  \
	{                    \
		.name = NULL \
	}

#define ID       .flags = VNEP_KEY_ID
#define REQUIRED .flags = VNEP_KEY_REQUIRED
#define ITEMS    .flags = VNEP_KEY_LIST
#define NO_ZERO  .flags = VNEP_KEY_NO_ZERO

#define KEY(text, value, ...)                                         \
	{                                                             \
		.name = text, .kind = VNEP_VALUE_##value, __VA_ARGS__ \
	}

#define COUNT(text, ...)      KEY(text, INT, .max = VNEP_INT_ANY, __VA_ARGS__)
#define U32(text, ...)        KEY(text, INT, .max = UINT32_MAX, __VA_ARGS__)
#define U16(text, ...)        KEY(text, INT, .max = UINT16_MAX, __VA_ARGS__)
#define U8(text, ...)         KEY(text, INT, .max = UINT8_MAX, __VA_ARGS__)
#define VLAN(text, ...)       KEY(text, INT, NO_ZERO, .min = 1, .max = 4094, __VA_ARGS__)
#define WORD(text, list, ...) KEY(text, WORD, .words = &list##_words, __VA_ARGS__)
#define TEXT(text)            KEY(text, TEXT, .max = VNEP_LINE_MAX)
#define ADDR(text)            KEY(text, UNICAST, ITEMS, .items = VNEP_ADDR_COUNT_MAX)
#define DELETED(type)         KEY("deleted", BOOL, NO_ZERO, FIELD(type, deleted))

/* ts, us and ns are one instant; decode takes the finest (recjson-event.c). us is never wide: no string. */
#define INSTANT KEY("ts", TS), KEY("us", INT, .max = VNEP_INT_ANY - 1)

const struct vnep_key vnep_keys_route[] = {
	KEY("to", PREFIX, REQUIRED, FIELD(route, to)),
	KEY("next_hop", IP6, REQUIRED, FIELD(route, next_hop)),
	END,
};

const struct vnep_key vnep_keys_allow[] = {
	KEY("to", PREFIX, REQUIRED, FIELD(allow, to)),
	KEY("proto", PROTO, FIELD(allow, proto)),
	KEY("ports", PORTS, ITEMS,
		.items = sizeof((struct vnep_allow *)0)->ports /
			 sizeof((struct vnep_allow *)0)->ports[0]),
	END,
};

static const struct vnep_key quota_keys[] = {
	COUNT("octets", FIELD(vpc, quota_octets)),
	COUNT("reserved_octets", FIELD(vpc, quota_reserved_octets)),
	END,
};

static const struct vnep_key vpc_keys[] = {
	KEY("vpc", LABEL, ID, FIELD(vpc, vpc)),
	KEY("prefix", PREFIX, REQUIRED, FIELD(vpc, prefix)),
	KEY("core_port", IFNAME, FIELD(vpc, core_port)),
	VLAN("core_vlan", FIELD(vpc, core_vlan)),
	KEY("routes", OBJECT, ITEMS, .nested = vnep_keys_route),
	KEY("quota", OBJECT, .nested = quota_keys),
	KEY("speaker", UNICAST, FIELD(vpc, speaker)),
	COUNT("revision", FIELD(vpc, revision)),
	KEY("origin", LABEL),
	DELETED(vpc),
	END,
};

/* GPRS timer 2 counts 31 x 6 min at most, timer 3 31 x 320 h (3GPP TS 24.008 10.5.7.3, 10.5.7.4a). */
static const struct vnep_key psm_keys[] = {
	KEY("t3324_s", INT, REQUIRED, FIELD(device, t3324_s), .max = 11160),
	KEY("t3412_s", INT, FIELD(device, t3412_s), .max = 35712000),
	END,
};

static const struct vnep_key dl_buffering_keys[] = {
	U32("duration_s", FIELD(device, dl_duration_s)),
	U32("packet_count", FIELD(device, dl_packet_count)),
	COUNT("octets", FIELD(device, dl_octets)),
	END,
};

static const struct vnep_key replay_keys[] = {
	WORD("mode", replay_mode, FIELD(device, replay_mode)),
	U32("pps", FIELD(device, replay_pps)),
	WORD("keep", replay_keep, FIELD(device, replay_keep)),
	END,
};

static const struct vnep_key device_keys[] = {
	KEY("dev", URN, ID, FIELD(device, dev)),
	KEY("vep", UNICAST, REQUIRED, FIELD(device, vep)),
	KEY("vpc", LABEL, FIELD(device, vpc)),
	WORD("form", form, FIELD(device, form)),
	KEY("mac", MAC, FIELD(device, mac)),
	KEY("port", IFNAME, FIELD(device, port)),
	VLAN("vlan", FIELD(device, vlan)),
	ADDR("addr"),
	KEY("addr_max", INT, FIELD(device, addr_max), .min = 1, .max = VNEP_ADDR_COUNT_MAX),
	KEY("region", LABEL, FIELD(device, region)),
	KEY("name", HOST, FIELD(device, name)),
	KEY("groups", LABEL, ITEMS),
	KEY("labels", LABELS),
	KEY("allow", OBJECT, ITEMS, .nested = vnep_keys_allow),
	WORD("journal", journal_mode, FIELD(device, journal)),
	KEY("consent", BOOL, FIELD(device, consent)),
	KEY("psm", OBJECT, .nested = psm_keys),
	KEY("dl_buffering", OBJECT, .nested = dl_buffering_keys),
	KEY("replay", OBJECT, .nested = replay_keys),
	COUNT("revision", FIELD(device, revision)),
	KEY("origin", LABEL),
	DELETED(device),
	END,
};

static const struct vnep_key group_keys[] = {
	KEY("group", LABEL, ID, FIELD(group, group)),
	KEY("address", MULTICAST, REQUIRED, FIELD(group, address)),
	KEY("port", INT, FIELD(group, port), .min = 1, .max = UINT16_MAX),
	KEY("senders", UNICAST, ITEMS),
	COUNT("revision", FIELD(group, revision)),
	KEY("origin", LABEL),
	DELETED(group),
	END,
};

static const struct vnep_key binding_keys[] = {
	KEY("dev", URN, ID, FIELD(binding, dev)),
	KEY("region", LABEL, FIELD(binding, region)),
	KEY("edge", LABEL, FIELD(binding, edge)),
	COUNT("epoch", FIELD(binding, epoch)),
	KEY("port", IFNAME, REQUIRED, FIELD(binding, port)),
	VLAN("vlan", FIELD(binding, vlan)),
	KEY("mac", MAC, REQUIRED, FIELD(binding, mac)),
	ADDR("addr"),
	KEY("since", TS, FIELD(binding, since)),
	COUNT("revision", FIELD(binding, revision)),
	KEY("origin", LABEL),
	DELETED(binding),
	END,
};

static const struct vnep_key event_keys[] = {
	KEY("dev", URN, FIELD(event, dev)),
	KEY("port", IFNAME, FIELD(event, port)),
	KEY("edge", LABEL, FIELD(event, edge)),
	COUNT("seq", .min = 1, FIELD(event, seq)),
	INSTANT,
	KEY("ns", NS),
	U32("conn", FIELD(event, conn)),
	WORD("kind", kind, REQUIRED, FIELD(event, kind)),
	WORD("direction", direction, FIELD(event, direction)),
	KEY("copy", BOOL, NO_ZERO, FIELD(event, copy)),
	KEY("held", BOOL, NO_ZERO, FIELD(event, held)),
	KEY("in_iface", IFNAME, FIELD(event, in_iface)),
	KEY("src_ip", IP6),
	U16("src_port"),
	KEY("dest_ip", IP6),
	U16("dest_port"),
	KEY("proto", PROTO),
	U8("icmp_type"),
	U8("icmp_code"),
	U8("hop_limit"),
	VLAN("vlan"),
	U32("length", FIELD(event, length)),
	COUNT("count", .min = 1, FIELD(event, count)),
	WORD("reason", reason, FIELD(event, reason)),
	KEY("text", TEXT, FIELD(event, text), .max = sizeof((struct vnep_event *)0)->text - 1),
	KEY("frame", BASE64),
	END,
};

static const struct vnep_key checkpoint_keys[] = {
	KEY("dev", URN, ID, FIELD(checkpoint, dev)),
	INSTANT,
	U32("conn", FIELD(checkpoint, conn)),
	WORD("cursor", cursor, REQUIRED, FIELD(checkpoint, cursor)),
	WORD("cause", cause, FIELD(checkpoint, cause)),
	COUNT("resume_seq", FIELD(checkpoint, resume_seq)),
	COUNT("head_seq", FIELD(checkpoint, head_seq)),
	END,
};

static const struct vnep_key outcome_keys[] = {
	KEY("dev", URN, ID, FIELD(outcome, dev)),
	COUNT("seq", REQUIRED, .min = 1, FIELD(outcome, seq)),
	INSTANT,
	WORD("outcome", outcome, REQUIRED, FIELD(outcome, outcome)),
	WORD("reason", reason, FIELD(outcome, reason)),
	WORD("evidence", evidence, FIELD(outcome, evidence)),
	U32("attempt", .min = 1, FIELD(outcome, attempt)),
	END,
};

static const struct vnep_key appended_keys[] = {
	KEY("dev", URN),
	KEY("port", IFNAME),
	KEY("edge", LABEL),
	COUNT("seq", .min = 1),
	KEY("durable", BOOL),
	END,
};

static const struct vnep_key decision_keys[] = {
	INSTANT,
	KEY("edge", LABEL),
	KEY("dev", URN),
	WORD("direction", direction),
	WORD("forwarding", forwarding, REQUIRED),
	WORD("reason", reason),
	KEY("src_ip", IP6),
	KEY("dest_ip", IP6),
	KEY("proto", PROTO),
	U16("src_port"),
	U16("dest_port"),
	KEY("src_mac", MAC),
	VLAN("vlan"),
	KEY("in_iface", IFNAME),
	COUNT("count"),
	KEY("why", RECORD),
	END,
};

static const struct vnep_key presence_keys[] = {
	INSTANT,
	KEY("region", LABEL),
	KEY("edge", LABEL),
	KEY("dev", URN),
	WORD("state", presence, REQUIRED),
	WORD("was", presence),
	WORD("cause", cause),
	U32("conn"),
	END,
};

/* Of one device, or (the terms of the conservation law) of an edge. */
static const struct vnep_key status_keys[] = {
	KEY("ts", TS),
	KEY("dev", URN),
	KEY("vep", UNICAST),
	KEY("region", LABEL),
	KEY("edge", LABEL),
	WORD("state", state),
	U32("conn"),
	KEY("since", TS),
	KEY("last_seen", TS),
	KEY("port", IFNAME),
	VLAN("vlan"),
	KEY("mac", MAC),
	ADDR("addr"),
	KEY("next_expected", TS),
	COUNT("resume_seq"),
	COUNT("head_seq"),
	COUNT("arrived"),
	COUNT("segmented"),
	COUNT("forwarded"),
	COUNT("delivered"),
	COUNT("pending"),
	COUNT("pending_octets"),
	COUNT("held"),
	COUNT("held_octets"),
	COUNT("answered"),
	COUNT("eta_s"),
	COUNT("accepted"),
	KEY("dropped", DROPS),
	KEY("difference", SIGNED),
	END,
};

static const struct vnep_key stat_keys[] = {
	KEY("name", TEXT, REQUIRED, .max = 255),
	KEY("labels", LABELS),
	COUNT("value", REQUIRED),
	END,
};

static const struct vnep_key sync_keys[] = { COUNT("revision"), COUNT("after_revision"), END };

static const struct vnep_key error_keys[] = {
	TEXT("tool"),
	TEXT("error_tag"),
	TEXT("title"),
	TEXT("detail"),
	TEXT("file"),
	U32("line"),
	U32("column"),
	TEXT("hint"),
	U8("exit"),
	END,
};

static const struct vnep_key element_keys[] = {
	KEY("dev", URN),
	KEY("port", IFNAME),
	VLAN("vlan"),
	KEY("mac", MAC),
	ADDR("addr"),
	KEY("vep", UNICAST),
	COUNT("packets"),
	COUNT("octets"),
	KEY("last_seen", TS),
	WORD("state", state),
	END,
};

static const struct vnep_key difference_keys[] = {
	WORD("what", what, REQUIRED),
	KEY("record", RECORD, REQUIRED),
	END,
};

static const struct vnep_key damage_keys[] = {
	TEXT("segment"),
	COUNT("offset"),
	COUNT("octets"),
	COUNT("records"),
	END,
};

static const struct vnep_key instruction_keys[] = {
	KEY("id", LABEL, FIELD(instruction, id)),
	KEY("group", LABEL, FIELD(instruction, group)),
	WORD("method", method, FIELD(instruction, method)),
	KEY("uri", TEXT, FIELD(instruction, uri),
		.max = sizeof((struct vnep_instruction *)0)->uri - 1),
	KEY("content_format", INT, FIELD(instruction, content_format), .max = UINT16_MAX),
	KEY("payload", BASE64),
	KEY("not_after", TS, FIELD(instruction, not_after)),
	END,
};

static const struct vnep_key ack_keys[] = {
	KEY("id", LABEL, REQUIRED),
	KEY("dev", URN, REQUIRED),
	WORD("via", via),
	WORD("evidence", evidence),
	KEY("code", TEXT, .max = 4),
	COUNT("rtt_us"),
	END,
};

static const struct vnep_key result_keys[] = {
	KEY("id", LABEL, REQUIRED),
	KEY("group", LABEL),
	COUNT("members"),
	COUNT("sent"),
	COUNT("acked"),
	COUNT("pending"),
	COUNT("expired"),
	COUNT("failed"),
	COUNT("elapsed_ms"),
	END,
};

static const struct vnep_key membership_keys[] = {
	INSTANT,
	KEY("dev", URN, REQUIRED),
	KEY("group", LABEL, REQUIRED),
	WORD("state", member, REQUIRED),
	END,
};

const struct vnep_key *vnep_keys_of(enum vnep_record_type type)
{
	switch (type) {
	case VNEP_RECORD_UNKNOWN: break;
	case VNEP_RECORD_VPC: return vpc_keys;
	case VNEP_RECORD_DEVICE: return device_keys;
	case VNEP_RECORD_GROUP: return group_keys;
	case VNEP_RECORD_BINDING: return binding_keys;
	case VNEP_RECORD_EVENT: return event_keys;
	case VNEP_RECORD_CHECKPOINT: return checkpoint_keys;
	case VNEP_RECORD_OUTCOME: return outcome_keys;
	case VNEP_RECORD_APPENDED: return appended_keys;
	case VNEP_RECORD_DECISION: return decision_keys;
	case VNEP_RECORD_PRESENCE: return presence_keys;
	case VNEP_RECORD_STATUS: return status_keys;
	case VNEP_RECORD_STAT: return stat_keys;
	case VNEP_RECORD_SYNC: return sync_keys;
	case VNEP_RECORD_ERROR: return error_keys;
	case VNEP_RECORD_ELEMENT: return element_keys;
	case VNEP_RECORD_DIFFERENCE: return difference_keys;
	case VNEP_RECORD_DAMAGE: return damage_keys;
	case VNEP_RECORD_INSTRUCTION: return instruction_keys;
	case VNEP_RECORD_ACK: return ack_keys;
	case VNEP_RECORD_RESULT: return result_keys;
	case VNEP_RECORD_MEMBERSHIP: return membership_keys;
	}
	return NULL;
}
