/*
 * record - the records of RECORDS.md as plain structs. codec/recjson turns them into JSON and back.
 *
 * Shape   texts are NUL-terminated arrays, "" = absent; times as in clock.h; addresses as in addr.h.
 * Owner   structs with pointers (device, vpc, group) are released with their _release, which is safe on
 *         a zeroed struct; the others are plain values. Frames of events are lent, see each field.
 * Source  RECORDS.md / vnep-record(5).
 */
#ifndef VNEP_RECORD_H
#define VNEP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/addr.h"
#include "vnep/clock.h"
#include "vnep/urn.h"
#include "vnep/word.h"

enum {
	VNEP_LABEL_MAX = 63,    /* vpc, region, group, edge, origin */
	VNEP_NAME_MAX = 254,    /* DNS name with its final dot */
	VNEP_IF_MAX = 15,       /* IFNAMSIZ - 1 */
	VNEP_ADDR_COUNT_MAX = 16,
};

enum vnep_record_type {
	VNEP_RECORD_UNKNOWN, /* a type that this version does not know: filters pass it on */
	VNEP_RECORD_VPC,
	VNEP_RECORD_DEVICE,
	VNEP_RECORD_GROUP,
	VNEP_RECORD_BINDING,
	VNEP_RECORD_EVENT,
	VNEP_RECORD_CHECKPOINT,
	VNEP_RECORD_OUTCOME,
	VNEP_RECORD_APPENDED,
	VNEP_RECORD_DECISION,
	VNEP_RECORD_PRESENCE,
	VNEP_RECORD_STATUS,
	VNEP_RECORD_STAT,
	VNEP_RECORD_SYNC,
	VNEP_RECORD_ERROR,
	VNEP_RECORD_ELEMENT,
	VNEP_RECORD_DIFFERENCE,
	VNEP_RECORD_DAMAGE,
	VNEP_RECORD_INSTRUCTION,
	VNEP_RECORD_ACK,
	VNEP_RECORD_RESULT,
	VNEP_RECORD_MEMBERSHIP,
};

struct vnep_route {
	struct vnep_prefix to;
	struct in6_addr next_hop;
};

struct vnep_vpc {
	char vpc[VNEP_LABEL_MAX + 1];
	struct vnep_prefix prefix;
	char core_port[VNEP_IF_MAX + 1];
	uint16_t core_vlan;
	struct vnep_route *routes; /* longest prefix first */
	size_t route_count;
	uint64_t quota_octets, quota_reserved_octets; /* 0 = not said */
	struct in6_addr speaker; /* as whom the edge speaks to its devices; unspecified: it does not */
	uint64_t revision;
	bool deleted;
};

/* Where a device may send. proto 0 = any; ports: port_count ranges, 0 = any (needs proto TCP or UDP). */
struct vnep_allow {
	struct vnep_prefix to;
	uint8_t proto;
	uint8_t port_count;
	struct {
		uint16_t first, last;
	} ports[8];
};

enum vnep_form { VNEP_FORM_EDGE, VNEP_FORM_HOST };
enum vnep_replay_mode { VNEP_REPLAY_FAST, VNEP_REPLAY_QUEUE, VNEP_REPLAY_AS_RECORDED };
enum vnep_replay_keep { VNEP_KEEP_ALL, VNEP_KEEP_LAST };

struct vnep_device {
	char dev[VNEP_URN_MAX + 1];
	struct in6_addr vep;
	char vpc[VNEP_LABEL_MAX + 1];
	enum vnep_form form;
	bool has_mac;
	struct vnep_mac mac;
	char port[VNEP_IF_MAX + 1];
	uint16_t vlan;
	struct in6_addr addr[VNEP_ADDR_COUNT_MAX];
	unsigned addr_count;
	unsigned addr_max; /* default 4 */
	char region[VNEP_LABEL_MAX + 1];
	char name[VNEP_NAME_MAX + 1];
	char (*groups)[VNEP_LABEL_MAX + 1];
	size_t group_count;
	struct vnep_allow *allow; /* count 0: its VPC's prefix */
	size_t allow_count;
	bool has_journal;
	enum vnep_journal_mode journal; /* as said, or the default: both with psm, else asleep; without
					 * consent asleep, whatever was said */
	bool consent;                   /* default true */
	bool has_psm;
	uint32_t t3324_s, t3412_s;
	uint32_t dl_duration_s, dl_packet_count; /* 0 = not said */
	uint64_t dl_octets;
	enum vnep_replay_mode replay_mode;
	uint32_t replay_pps; /* 0 = as fast as the link takes */
	enum vnep_replay_keep replay_keep;
	uint64_t revision;
	bool deleted;
};

struct vnep_group {
	char group[VNEP_LABEL_MAX + 1];
	struct in6_addr address;
	uint16_t port;
	struct in6_addr *senders;
	size_t sender_count;
	uint64_t revision;
	bool deleted;
};

/* Where a device is now. Written by edges, never imported. */
struct vnep_binding {
	char dev[VNEP_URN_MAX + 1];
	char region[VNEP_LABEL_MAX + 1], edge[VNEP_LABEL_MAX + 1];
	uint64_t epoch;
	char port[VNEP_IF_MAX + 1];
	uint16_t vlan;
	struct vnep_mac mac;
	struct in6_addr addr[VNEP_ADDR_COUNT_MAX]; /* the last one is the latest: to-device uses it */
	unsigned addr_count;
	struct vnep_wall since;
	uint64_t revision;
	bool deleted;
};

struct vnep_event {
	char dev[VNEP_URN_MAX + 1]; /* "" with port: a gap or note of a port */
	char port[VNEP_IF_MAX + 1];
	char edge[VNEP_LABEL_MAX + 1];
	uint64_t seq; /* 0 = not yet given */
	struct vnep_wall ts;
	uint32_t conn;
	enum vnep_kind kind;
	enum vnep_direction direction;
	bool copy; /* a copy of a packet that was forwarded (tap, wake); on a record: "copy":true */
	bool held; /* from-device: kept until the core port or the next hop is back; "held":true */
	char in_iface[VNEP_IF_MAX + 1];
	uint64_t count;           /* gap: how many */
	enum vnep_reason reason;  /* gap, corrupt, erased */
	char text[128];           /* note: what happened */
	const uint8_t *frame;     /* lent; NULL for events without a packet */
	uint32_t frame_len;       /* what is there */
	uint32_t length;          /* what it was on the wire */
};

struct vnep_checkpoint {
	char dev[VNEP_URN_MAX + 1];
	struct vnep_wall ts;
	uint32_t conn;
	enum vnep_cursor cursor;
	enum vnep_cause cause;
	uint64_t resume_seq, head_seq; /* resume_seq is inclusive: the first event to forward */
};

struct vnep_outcome {
	char dev[VNEP_URN_MAX + 1];
	uint64_t seq;
	struct vnep_wall ts;
	enum vnep_outcome_word outcome;
	enum vnep_reason reason;     /* unless sent or confirmed */
	enum vnep_evidence evidence;
	uint32_t attempt;
};

struct vnep_decision {
	struct vnep_wall ts;
	char edge[VNEP_LABEL_MAX + 1];
	char dev[VNEP_URN_MAX + 1];
	enum vnep_direction direction;
	bool accept;
	enum vnep_reason reason;
	struct in6_addr src_ip, dest_ip;
	uint8_t proto; /* IPPROTO_; 0 = not known */
	uint16_t src_port, dest_port;
	bool has_flow; /* src_ip, dest_ip, proto are set */
	struct vnep_mac src_mac;
	uint16_t vlan;
	char in_iface[VNEP_IF_MAX + 1];
	uint64_t count;
};

/* Why a decision is what it is, and what leaves: the answer of `vnep-acl explain`. Texts are lent; NULL: absent. */
struct vnep_why {
	const char *verdict; /* forwarded, journal, ask, dropped */
	const char *chain, *rule, *counter;
	const char *record_type, *record_name; /* the record that decided */
	unsigned record_line;
	uint64_t limit_pps; /* so many a second; what is beyond is rate-limited */
	const char *ask;    /* what the worker is asked about */
	const char *copies[4];
	unsigned copy_count;
	const char *out_iface; /* what leaves, where, to whose MAC */
	bool has_next_hop, has_flow;
	struct in6_addr next_hop, src_ip, dest_ip;
	uint16_t vlan;
	const uint8_t *frame;
	uint32_t frame_len;
};

struct vnep_presence {
	struct vnep_wall ts;
	char edge[VNEP_LABEL_MAX + 1];
	char dev[VNEP_URN_MAX + 1];
	enum vnep_presence_state state, was;
	enum vnep_cause cause;
	uint32_t conn;
};

struct vnep_status {
	struct vnep_wall ts;
	char dev[VNEP_URN_MAX + 1];
	struct in6_addr vep;
	char region[VNEP_LABEL_MAX + 1], edge[VNEP_LABEL_MAX + 1];
	enum vnep_presence_state state;
	uint32_t conn;
	struct vnep_wall since, last_seen, next_expected; /* ns 0 = not known */
	char port[VNEP_IF_MAX + 1];
	uint16_t vlan;
	bool has_mac;
	struct vnep_mac mac;
	struct in6_addr addr[VNEP_ADDR_COUNT_MAX];
	unsigned addr_count;
	uint64_t resume_seq, head_seq, pending, pending_octets;
	uint64_t held, held_octets; /* of what it sent itself */
	bool has_eta;
	uint64_t eta_s; /* until the backlog is through */
	bool has_counts;
	uint64_t accepted, dropped;
};

/* The conservation law (DESIGN.md section 6) of an edge. */
struct vnep_ledger_terms {
	uint64_t arrived, segmented, forwarded, delivered, pending, answered;
	uint64_t dropped[VNEP_REASON_COUNT];
};

struct vnep_element {
	char dev[VNEP_URN_MAX + 1]; /* "" if the map has no such device */
	char port[VNEP_IF_MAX + 1];
	uint16_t vlan;
	struct vnep_mac mac;
	struct in6_addr addr[VNEP_ADDR_COUNT_MAX];
	unsigned addr_count;
	struct in6_addr vep;
	uint64_t packets, octets;
	struct vnep_wall last_seen; /* ns 0 = not known */
	enum vnep_presence_state state;
};

/* What a group is told: a payload, or the CoAP request that method, uri and content_format make of it. */
struct vnep_instruction {
	char id[VNEP_LABEL_MAX + 1];
	char group[VNEP_LABEL_MAX + 1];
	uint8_t method; /* of coapmake.h; 0: the payload goes as it is */
	char uri[1024];
	uint32_t content_format; /* VNEP_COAP_NO_FORMAT: not said */
	const uint8_t *payload; /* lent */
	size_t payload_len;
	struct vnep_wall not_after; /* ns 0: for ever */
};

enum vnep_via { VNEP_VIA_MULTICAST, VNEP_VIA_UNICAST, VNEP_VIA_REPLAY };

/* A member answered. */
struct vnep_ack {
	char id[VNEP_LABEL_MAX + 1];
	char dev[VNEP_URN_MAX + 1];
	enum vnep_via via;
	enum vnep_evidence evidence;
	char code[8]; /* of CoAP, "2.04"; "" = none */
	uint64_t rtt_us; /* since it was sent to it last; 0 = not known */
};

/* What became of an instruction: sent and pending are of members, acked are some of them; of those that are pending some
 * may be acked later. */
struct vnep_result {
	char id[VNEP_LABEL_MAX + 1];
	char group[VNEP_LABEL_MAX + 1];
	uint64_t members, sent, acked, pending, expired, failed, elapsed_ms;
};

/* A device and a group that it reported by MLD, or did not. */
struct vnep_membership {
	struct vnep_wall ts; /* since when; of who is silent: now */
	char dev[VNEP_URN_MAX + 1];
	char group[VNEP_LABEL_MAX + 1];
	enum vnep_member_state state;
};

void vnep_vpc_release(struct vnep_vpc *vpc);
void vnep_device_release(struct vnep_device *device);
void vnep_group_release(struct vnep_group *group);

/* arrived + segmented - (forwarded + delivered + pending + answered + sum(dropped)); must be 0. */
int64_t vnep_ledger_difference(const struct vnep_ledger_terms *terms);

#endif
