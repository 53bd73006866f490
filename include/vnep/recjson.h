/*
 * recjson - the records of record.h as JSON, encode and decode side by side.
 *
 * Check   vnep_recjson_check makes a record of outside canonical in place: URN, MAC, addresses in their
 *         one form, type and v first, then the known keys in the order of RECORDS.md, then unknown keys
 *         as they came. It refuses what is not allowed, naming the column of the key (text is the line
 *         the record was parsed from, for columns; may be NULL). An unknown key that is near a known one
 *         is refused ("did you mean"), other unknown keys are kept.
 * Decode  structs from a record that passed check. Absent = the defaults of record.h.
 * Encode  one line with its newline into a buffer; fixed key order, absent instead of null.
 * Errors  VNEP_EVALUE, VNEP_ESYNTAX (wrong JSON type), -ENOMEM.
 */
#ifndef VNEP_RECJSON_H
#define VNEP_RECJSON_H

#include "vnep/buf.h"
#include "vnep/json.h"
#include "vnep/record.h"

enum vnep_record_type vnep_recjson_type(const struct vnep_json *json);
const char *vnep_record_type_text(enum vnep_record_type type);
enum vnep_record_type vnep_record_type_parse(const char *text); /* UNKNOWN if it is none */

int vnep_recjson_check(struct vnep_json *json, const char *text, size_t len, struct vnep_err *err);

/* A checked record as the text that the map keeps: canonical and without its revision, which belongs at
 * text[rev_at]. revision is what the record had (0 = none). json is changed. */
struct vnep_recline {
	size_t rev_at; /* from where the text begins in out */
	uint64_t revision;
};
int vnep_recjson_line(struct vnep_json *json, struct vnep_buf *out, struct vnep_recline *line);

/* The short way from a line to that text and to the struct, for the many: no tree, no memory but out's.
 * true: the text is appended to out, device is filled in, just as parse, check, line and decode would
 * have done it. false: nothing is said about the line, go the long way; out is as before. Taken are live
 * device records without escapes, characters beyond ASCII, unknown keys and allow lists.
 * device: groups are its own as ever (release). */
bool vnep_recjson_fast(const char *text, size_t len, struct vnep_buf *out, struct vnep_device *device,
	struct vnep_recline *line);

int vnep_vpc_decode(const struct vnep_json *json, struct vnep_vpc *out, struct vnep_err *err);
int vnep_device_decode(const struct vnep_json *json, struct vnep_device *out, struct vnep_err *err);
int vnep_group_decode(const struct vnep_json *json, struct vnep_group *out, struct vnep_err *err);
int vnep_binding_decode(const struct vnep_json *json, struct vnep_binding *out, struct vnep_err *err);

/* The frame of an event is decoded into *frame (reset first), out->frame lends it. */
int vnep_event_decode(const struct vnep_json *json, struct vnep_event *out, struct vnep_buf *frame,
	struct vnep_err *err);
int vnep_checkpoint_decode(const struct vnep_json *json, struct vnep_checkpoint *out,
	struct vnep_err *err);
int vnep_outcome_decode(const struct vnep_json *json, struct vnep_outcome *out, struct vnep_err *err);

/* The same for the payload of an instruction. Absent: no method, no content format, no end. */
int vnep_instruction_decode(const struct vnep_json *json, struct vnep_instruction *out,
	struct vnep_buf *payload, struct vnep_err *err);

void vnep_binding_encode(struct vnep_buf *out, const struct vnep_binding *binding);
void vnep_event_encode(struct vnep_buf *out, const struct vnep_event *event);
void vnep_checkpoint_encode(struct vnep_buf *out, const struct vnep_checkpoint *checkpoint);
void vnep_outcome_encode(struct vnep_buf *out, const struct vnep_outcome *outcome);
void vnep_appended_encode(struct vnep_buf *out, const char *dev, uint64_t seq);
void vnep_decision_encode(struct vnep_buf *out, const struct vnep_decision *decision);
/* The same with its `why`. */
void vnep_explained_encode(struct vnep_buf *out, const struct vnep_decision *decision,
	const struct vnep_why *why);
void vnep_presence_encode(struct vnep_buf *out, const struct vnep_presence *presence);
void vnep_status_encode(struct vnep_buf *out, const struct vnep_status *status);
void vnep_ledger_encode(struct vnep_buf *out, const char *edge, struct vnep_wall ts,
	const struct vnep_ledger_terms *terms);
void vnep_element_encode(struct vnep_buf *out, const struct vnep_element *element);
void vnep_difference_encode(struct vnep_buf *out, const char *what, const char *record, size_t len);
void vnep_stat_encode(struct vnep_buf *out, const char *name, const char *label, const char *label_value,
	uint64_t value);
void vnep_instruction_encode(struct vnep_buf *out, const struct vnep_instruction *instruction);
void vnep_ack_encode(struct vnep_buf *out, const struct vnep_ack *ack);
void vnep_membership_encode(struct vnep_buf *out, const struct vnep_membership *membership);
void vnep_result_encode(struct vnep_buf *out, const struct vnep_result *result);
void vnep_sync_encode(struct vnep_buf *out, uint64_t revision);
/* What stood before it is not all, but what came after that revision. */
void vnep_sync_encode_after(struct vnep_buf *out, uint64_t revision, uint64_t after);
void vnep_error_encode(struct vnep_buf *out, const char *tool, const struct vnep_err *err);

#endif
