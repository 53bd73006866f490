/* journal-item - blocks of pcapng <-> the items of a journal. */
#include <string.h>

#include "journal-private.h"
#include "vnep/err.h"
#include "vnep/json.h"
#include "vnep/recjson.h"

/* What Wireshark shows beside the record. */
static void comment(struct vnep_buf *out, const struct vnep_journal_item *item)
{
	const struct vnep_event *event = &item->event;
	const struct vnep_checkpoint *checkpoint = &item->checkpoint;
	const struct vnep_outcome *outcome = &item->outcome;

	if (item->type == VNEP_RECORD_CHECKPOINT) {
		vnep_buf_printf(out, "%s: %s checkpoint, resume at %llu, head %llu",
			checkpoint->dev, vnep_cursor_text(checkpoint->cursor),
			(unsigned long long)checkpoint->resume_seq,
			(unsigned long long)checkpoint->head_seq);
		if (checkpoint->cause)
			vnep_buf_printf(out, " (%s)", vnep_cause_text(checkpoint->cause));
	} else if (item->type == VNEP_RECORD_OUTCOME) {
		vnep_buf_put_str(out, outcome->dev);
		vnep_buf_put_str(out, ": ");
		vnep_buf_put_decimal(out, outcome->seq);
		vnep_buf_put_str(out, " ");
		vnep_buf_put_str(out, vnep_outcome_text(outcome->outcome));
		if (outcome->evidence)
			vnep_buf_printf(out, " by %s", vnep_evidence_text(outcome->evidence));
		if (outcome->reason)
			vnep_buf_printf(out, " (%s)", vnep_reason_text(outcome->reason));
	} else {
		vnep_buf_printf(out, "%s%s%s: ", event->dev, event->dev[0] ? "" : event->port,
			event->dev[0] || event->port[0] ? "" : event->edge);
		if (event->seq)
			vnep_buf_printf(out, "%llu ", (unsigned long long)event->seq);
		vnep_buf_put_str(out, vnep_kind_text(event->kind));
		if (event->count)
			vnep_buf_printf(out, " of %llu", (unsigned long long)event->count);
		if (event->reason)
			vnep_buf_printf(out, " (%s)", vnep_reason_text(event->reason));
		if (event->text[0])
			vnep_buf_printf(out, ", %s", event->text);
	}
}

void vnep_jitem_put_packet(struct vnep_buf *out, const struct vnep_event *event, uint32_t interface)
{
	struct vnep_pcapng_packet packet = { .interface = interface,
		.ts = event->ts,
		.seq = event->seq,
		.conn = event->conn,
		.kind = event->kind,
		.direction = event->direction,
		.copy = event->copy,
		.held = event->held,
		.frame = event->frame,
		.frame_len = event->frame_len,
		.length = event->length };

	memcpy(packet.in_iface, event->in_iface, sizeof packet.in_iface);
	vnep_pcapng_put_packet(out, &packet);
}

int vnep_jitem_encode(struct vnep_buf *out, const struct vnep_journal_item *item,
	uint32_t interface, struct vnep_err *err)
{
	struct vnep_buf json = { 0 }, text = { 0 };
	int rc = 0;

	if (item->type == VNEP_RECORD_EVENT && item->event.frame) {
		vnep_jitem_put_packet(out, &item->event, interface);
		return out->rc ? vnep_err_sys(err, -out->rc, "journal") : 0;
	}
	if (item->type == VNEP_RECORD_EVENT)
		vnep_event_encode(&json, &item->event);
	else if (item->type == VNEP_RECORD_CHECKPOINT)
		vnep_checkpoint_encode(&json, &item->checkpoint);
	else
		vnep_outcome_encode(&json, &item->outcome);
	comment(&text, item);
	vnep_buf_str(&text);
	if (!json.rc && !text.rc)
		vnep_pcapng_put_record(
			out, (const char *)json.data, json.len - 1, (const char *)text.data);
	if (json.rc || text.rc || out->rc)
		rc = vnep_err_sys(err,
			-(json.rc         ? json.rc
				: text.rc ? text.rc
					  : out->rc),
			"journal");
	vnep_buf_release(&json);
	vnep_buf_release(&text);
	return rc;
}

static int from_record(struct vnep_journal_item *out, const struct vnep_pcapng_record *record,
	struct vnep_err *err)
{
	struct vnep_json *json = NULL;
	struct vnep_buf frame = { 0 };
	int rc = vnep_json_parse(record->json, record->len, &json, err);

	if (rc)
		return VNEP_EDAMAGED;
	out->type = vnep_recjson_type(json);
	if (out->type == VNEP_RECORD_EVENT)
		rc = vnep_event_decode(json, &out->event, &frame, err);
	else if (out->type == VNEP_RECORD_CHECKPOINT)
		rc = vnep_checkpoint_decode(json, &out->checkpoint, err);
	else if (out->type == VNEP_RECORD_OUTCOME)
		rc = vnep_outcome_decode(json, &out->outcome, err);
	else
		rc = vnep_err_set(err, VNEP_EDAMAGED, "a record of a type that no journal has");
	out->event.frame = NULL; /* records have none */
	vnep_buf_release(&frame);
	vnep_json_free(json);
	return rc ? VNEP_EDAMAGED : 0;
}

void vnep_jitem_get_packet(struct vnep_event *out, const struct vnep_pcapng_packet *packet)
{
	*out = (struct vnep_event){ .seq = packet->seq,
		.ts = packet->ts,
		.conn = packet->conn,
		.kind = packet->kind,
		.direction = packet->direction,
		.copy = packet->copy,
		.held = packet->held,
		.frame = packet->frame,
		.frame_len = packet->frame_len,
		.length = packet->length };
	memcpy(out->in_iface, packet->in_iface, sizeof out->in_iface);
}

int vnep_jitem_decode(
	struct vnep_journal_item *out, const struct vnep_pcapng_block *block, struct vnep_err *err)
{
	*out = (struct vnep_journal_item){ .type = VNEP_RECORD_EVENT };
	if (block->type == VNEP_PCAPNG_RECORD)
		return from_record(out, &block->record, err);
	if (block->type == VNEP_PCAPNG_ERASED) {
		out->event = (struct vnep_event){ .seq = block->erased.seq,
			.count = block->erased.count,
			.ts = block->erased.first,
			.conn = block->erased.conn,
			.kind = block->erased.lost ? VNEP_KIND_CORRUPT : VNEP_KIND_ERASED,
			.reason = block->erased.lost ? VNEP_IO_ERROR : VNEP_REASON_NONE };
		out->range = true;
		memcpy(out->event.dev, block->erased.dev, sizeof out->event.dev);
		return 0;
	}
	if (block->type != VNEP_PCAPNG_PACKET)
		return vnep_err_set(err, VNEP_EDAMAGED, "not a block of an event");
	vnep_jitem_get_packet(&out->event, &block->packet);
	return 0;
}
