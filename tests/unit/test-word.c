#include "t.h"
#include "vnep/word.h"

/* Each text parses back to its word, no text comes twice, and what lies outside the list says so. */
#define CHECK_LIST(name, type, count)                                                   \
	do {                                                                            \
		for (int i = 0; i < (count); i++) {                                     \
			CHECK_INT(vnep_##name##_parse(vnep_##name##_text((type)i)), i); \
			CHECK(strcmp(vnep_##name##_text((type)i), "?"));                \
		}                                                                       \
		CHECK_STR(vnep_##name##_text((type)(count)), "?");                      \
		CHECK_STR(vnep_##name##_text((type)-1), "?");                           \
		CHECK_INT(vnep_##name##_parse("?"), -1);                                \
		CHECK_INT(vnep_##name##_parse(""), -1);                                 \
	} while (0)

TEST("word: every word of every list reads back as itself")
{
	CHECK_LIST(reason, enum vnep_reason, VNEP_REASON_COUNT);
	CHECK_LIST(direction, enum vnep_direction, VNEP_TO_DEVICE + 1);
	CHECK_LIST(kind, enum vnep_kind, VNEP_KIND_COUNT);
	CHECK_LIST(cursor, enum vnep_cursor, VNEP_CURSOR_SYNCED + 1);
	CHECK_LIST(cause, enum vnep_cause, VNEP_CAUSE_CLAIMED + 1);
	CHECK_LIST(outcome, enum vnep_outcome_word, VNEP_OUTCOME_FAILED + 1);
	CHECK_LIST(evidence, enum vnep_evidence, VNEP_EVIDENCE_POLICY + 1);
	CHECK_LIST(state, enum vnep_presence_state, VNEP_STATE_GONE + 1);
	CHECK_LIST(journal_mode, enum vnep_journal_mode, VNEP_JOURNAL_BOTH + 1);
}

TEST("word: numbers and texts stand side by side, first and last of each list")
{
	CHECK_STR(vnep_reason_text(VNEP_NO_MAPPING), "no-mapping");
	CHECK_STR(vnep_reason_text(VNEP_RATE_LIMITED), "rate-limited");
	CHECK_STR(vnep_reason_text(VNEP_DL_DURATION), "dl-buffering-duration");
	CHECK_STR(vnep_reason_text(VNEP_POWER_WINDOW), "power-window");
	CHECK_STR(vnep_direction_text(VNEP_TO_DEVICE), "to-device");
	CHECK_STR(vnep_kind_text(VNEP_KIND_NOTE), "note");
	CHECK_STR(vnep_cursor_text(VNEP_CURSOR_SYNCED), "synced");
	CHECK_STR(vnep_cause_text(VNEP_CAUSE_T3324_EXPIRED), "t3324-expired");
	CHECK_STR(vnep_cause_text(VNEP_CAUSE_CLAIMED), "claimed");
	CHECK_STR(vnep_outcome_text(VNEP_OUTCOME_SUPERSEDED), "superseded");
	CHECK_STR(vnep_evidence_text(VNEP_EVIDENCE_TCP_SYN_ACK), "tcp-syn-ack");
	CHECK_STR(vnep_state_text(VNEP_STATE_MOVING_IN), "moving-in");
	CHECK_STR(vnep_journal_mode_text(VNEP_JOURNAL_BOTH), "both");
}

int main(void)
{
	return t_run();
}
