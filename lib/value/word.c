/* word - the closed lists of RECORDS.md. */
#include <stddef.h>
#include <string.h>

#include "vnep/word.h"

static const char *const reasons[] = { "none", "no-mapping", "spoofed-source", "wrong-vlan",
	"wrong-port", "wrong-region", "policy-denied", "not-ipv6", "not-for-us", "too-big",
	"fragment", "address-in-use", "rate-limited", "dl-buffering-duration",
	"dl-buffering-packet-count", "dl-buffering-octets", "quota-vpc", "quota-region",
	"duplicate", "superseded", "expired", "overrun", "enospc", "io-error", "malformed",
	"not-replayable", "neighbour-queue", "port-down", "no-next-hop", "region-away",
	"power-window" };
static const char *const directions[] = { "none", "from-device", "to-device" };
static const char *const kinds[] = { "data", "instruction", "connect", "disconnect", "gap", "late",
	"corrupt", "erased", "note" };
static const char *const cursors[] = { "disconnect", "synced" };
static const char *const causes[] = { "none", "t3324-expired", "link-down", "admin", "handover",
	"deregistered", "first-frame", "replayed", "overdue", "claimed" };
static const char *const outcomes[] = { "sent", "confirmed", "expired", "superseded", "failed" };
static const char *const evidences[] = { "none", "coap-ack", "coap-response", "icmp-echo-reply",
	"flow-answer", "tcp-syn-ack", "policy" };
static const char *const states[] = { "unknown", "asleep", "waking", "awake", "moving-in", "gone" };
static const char *const members[] = { "joined", "left", "silent", "refused" };
static const char *const journal_modes[] = { "asleep", "from-device", "both" };

_Static_assert(sizeof reasons / sizeof *reasons == VNEP_REASON_COUNT, "one text for each reason");
_Static_assert(sizeof kinds / sizeof *kinds == VNEP_KIND_COUNT, "one text for each kind");

#define WORD_LIST(name, type, list)                                                  \
	const char *vnep_##name##_text(type word)                                    \
	{                                                                            \
		return (size_t)word < sizeof list / sizeof *list ? list[word] : "?"; \
	}                                                                            \
	int vnep_##name##_parse(const char *text)                                    \
	{                                                                            \
		for (size_t i = 0; i < sizeof list / sizeof *list; i++)              \
			if (!strcmp(text, list[i]))                                  \
				return (int)i;                                       \
		return -1;                                                           \
	}

WORD_LIST(reason, enum vnep_reason, reasons)
WORD_LIST(direction, enum vnep_direction, directions)
WORD_LIST(kind, enum vnep_kind, kinds)
WORD_LIST(cursor, enum vnep_cursor, cursors)
WORD_LIST(cause, enum vnep_cause, causes)
WORD_LIST(outcome, enum vnep_outcome_word, outcomes)
WORD_LIST(evidence, enum vnep_evidence, evidences)
WORD_LIST(state, enum vnep_presence_state, states)
WORD_LIST(member, enum vnep_member_state, members)
WORD_LIST(journal_mode, enum vnep_journal_mode, journal_modes)
