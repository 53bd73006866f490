/*
 * word - the closed lists of RECORDS.md, each word once: enum for the code, text for the records.
 *
 * Each list has _text (never NULL; "?" outside the list) and _parse (-1 if it is not a word of the list).
 * The order of enum vnep_reason is part of the journal's ledger on disk: add at the end only.
 */
#ifndef VNEP_WORD_H
#define VNEP_WORD_H

enum vnep_reason {
	VNEP_REASON_NONE,
	/* decisions */
	VNEP_NO_MAPPING,
	VNEP_SPOOFED_SOURCE,
	VNEP_WRONG_VLAN,
	VNEP_WRONG_PORT,
	VNEP_WRONG_REGION,
	VNEP_POLICY_DENIED,
	VNEP_NOT_IPV6,
	VNEP_NOT_FOR_US,
	VNEP_TOO_BIG,
	VNEP_FRAGMENT,
	VNEP_ADDRESS_IN_USE,
	VNEP_RATE_LIMITED,
	/* accepted and not delivered */
	VNEP_DL_DURATION,
	VNEP_DL_PACKET_COUNT,
	VNEP_DL_OCTETS,
	VNEP_QUOTA_VPC,
	VNEP_QUOTA_REGION,
	VNEP_DUPLICATE,
	VNEP_SUPERSEDED,
	VNEP_EXPIRED,
	VNEP_OVERRUN,
	VNEP_ENOSPC,
	VNEP_IO_ERROR,
	VNEP_MALFORMED,
	VNEP_NOT_REPLAYABLE,
	VNEP_NEIGHBOUR_QUEUE,
	VNEP_PORT_DOWN,
	VNEP_NO_NEXT_HOP,
	VNEP_REGION_AWAY,
	VNEP_POWER_WINDOW,
	VNEP_REASON_COUNT
};

enum vnep_direction { VNEP_DIRECTION_NONE, VNEP_FROM_DEVICE, VNEP_TO_DEVICE };

enum vnep_kind {
	VNEP_KIND_DATA,
	VNEP_KIND_INSTRUCTION,
	VNEP_KIND_CONNECT,
	VNEP_KIND_DISCONNECT,
	VNEP_KIND_GAP,
	VNEP_KIND_LATE,
	VNEP_KIND_CORRUPT,
	VNEP_KIND_ERASED,
	VNEP_KIND_NOTE,
	VNEP_KIND_COUNT
};

enum vnep_cursor { VNEP_CURSOR_DISCONNECT, VNEP_CURSOR_SYNCED };

/* Causes of checkpoints and of presence records: one list. */
enum vnep_cause {
	VNEP_CAUSE_NONE,
	VNEP_CAUSE_T3324_EXPIRED,
	VNEP_CAUSE_LINK_DOWN,
	VNEP_CAUSE_ADMIN,
	VNEP_CAUSE_HANDOVER,
	VNEP_CAUSE_DEREGISTERED,
	VNEP_CAUSE_FIRST_FRAME,
	VNEP_CAUSE_REPLAYED,
	VNEP_CAUSE_OVERDUE,
	VNEP_CAUSE_CLAIMED
};

enum vnep_outcome_word {
	VNEP_OUTCOME_SENT,
	VNEP_OUTCOME_CONFIRMED,
	VNEP_OUTCOME_EXPIRED,
	VNEP_OUTCOME_SUPERSEDED,
	VNEP_OUTCOME_FAILED
};

enum vnep_evidence {
	VNEP_EVIDENCE_NONE,
	VNEP_EVIDENCE_COAP_ACK,
	VNEP_EVIDENCE_COAP_RESPONSE,
	VNEP_EVIDENCE_ICMP_ECHO_REPLY,
	VNEP_EVIDENCE_FLOW_ANSWER,
	VNEP_EVIDENCE_TCP_SYN_ACK,
	VNEP_EVIDENCE_POLICY
};

enum vnep_presence_state {
	VNEP_STATE_UNKNOWN,
	VNEP_STATE_ASLEEP,
	VNEP_STATE_WAKING,
	VNEP_STATE_AWAKE,
	VNEP_STATE_MOVING_IN,
	VNEP_STATE_GONE
};

/* Of a device in a group, by what it reported: silent, nothing; refused, its record does not name the group. */
enum vnep_member_state {
	VNEP_MEMBER_JOINED,
	VNEP_MEMBER_LEFT,
	VNEP_MEMBER_SILENT,
	VNEP_MEMBER_REFUSED
};

/* What of an awake device goes to the journal (DESIGN.md section 3). */
enum vnep_journal_mode { VNEP_JOURNAL_ASLEEP, VNEP_JOURNAL_FROM_DEVICE, VNEP_JOURNAL_BOTH };

const char *vnep_reason_text(enum vnep_reason word);
int vnep_reason_parse(const char *text);
const char *vnep_direction_text(enum vnep_direction word);
int vnep_direction_parse(const char *text);
const char *vnep_kind_text(enum vnep_kind word);
int vnep_kind_parse(const char *text);
const char *vnep_cursor_text(enum vnep_cursor word);
int vnep_cursor_parse(const char *text);
const char *vnep_cause_text(enum vnep_cause word);
int vnep_cause_parse(const char *text);
const char *vnep_outcome_text(enum vnep_outcome_word word);
int vnep_outcome_parse(const char *text);
const char *vnep_evidence_text(enum vnep_evidence word);
int vnep_evidence_parse(const char *text);
const char *vnep_state_text(enum vnep_presence_state word);
int vnep_state_parse(const char *text);
const char *vnep_member_text(enum vnep_member_state word);
int vnep_member_parse(const char *text);
const char *vnep_journal_mode_text(enum vnep_journal_mode word);
int vnep_journal_mode_parse(const char *text);

#endif
