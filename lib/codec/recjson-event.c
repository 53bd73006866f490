/* recjson-event - events, checkpoints, outcomes, appended: what the journal takes and gives. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "recjson-keys.h"
#include "recjson-put.h"
#include "vnep/err.h"
#include "vnep/frame.h"
#include "vnep/num.h"
#include "vnep/recjson.h"

/* The instant of a record: ns is exact, us exact to the microsecond, ts is for people. */
static int decode_instant(const struct vnep_json *json, struct vnep_wall *out, struct vnep_err *err)
{
	const char *ns = vnep_json_get_str(json, "ns", NULL),
		   *ts = vnep_json_get_str(json, "ts", NULL);
	int64_t us = vnep_json_get_int(json, "us", -1);
	uint64_t fine;
	int rc;

	if (ns) {
		rc = vnep_num_u64(ns, 0, INT64_MAX, &fine, err);
		if (!rc)
			out->ns = (int64_t)fine;
		return rc;
	}
	if (us < 0)
		return ts ? vnep_wall_parse(ts, out, err) : 0;
	if (__builtin_mul_overflow(us, 1000, &out->ns))
		return vnep_err_set(
			err, VNEP_EVALUE, "\"us\" of %lld is too far in the future", (long long)us);
	return 0;
}

/* ---- event ---- */

static int decode_frame(const struct vnep_json *json, struct vnep_event *out,
	struct vnep_buf *frame, struct vnep_err *err)
{
	const char *text = vnep_json_get_str(json, "frame", NULL);
	size_t n = text ? strlen(text) : 0, len = 0;
	uint8_t *at;

	vnep_buf_reset(frame);
	if (!text)
		return 0;
	at = vnep_buf_reserve(frame, n / 4 * 3 + 1);
	if (!at)
		return vnep_err_sys(err, ENOMEM, "reading an event");
	if (vnep_base64_decode(text, n, at, &len))
		return vnep_err_set(
			err, VNEP_EVALUE, "\"frame\" is not base64 (RFC 4648 section 4)");
	frame->len = len;
	out->frame = frame->data;
	out->frame_len = (uint32_t)len;
	if (!vnep_json_get(json, "length"))
		out->length = (uint32_t)len;
	if (out->length < out->frame_len)
		return vnep_err_set(err, VNEP_EVALUE,
			"\"length\" of %u is less than the %u octets of \"frame\"", out->length,
			out->frame_len);
	return 0;
}

int vnep_event_decode(const struct vnep_json *json, struct vnep_event *out, struct vnep_buf *frame,
	struct vnep_err *err)
{
	struct vnep_event event = { 0 };
	int rc = vnep_keys_decode(vnep_keys_of(VNEP_RECORD_EVENT), json, &event, err);

	if (!rc)
		rc = decode_instant(json, &event.ts, err);
	if (!rc)
		rc = decode_frame(json, &event, frame, err);
	if (!rc)
		*out = event;
	return rc;
}

/* What jq wants to select by, read from the frame: nothing for what is not IPv6. */
static void put_flow(struct vnep_jw *w, const uint8_t *data, size_t len)
{
	struct vnep_frame frame;
	bool ports, icmp;

	if (!data || vnep_frame_parse(&frame, data, len))
		return;
	ports = frame.l4 && (frame.proto == IPPROTO_UDP || frame.proto == IPPROTO_TCP);
	icmp = frame.l4 && frame.proto == IPPROTO_ICMPV6;
	vnep_jw_ip6(w, "src_ip", &frame.src);
	if (ports)
		vnep_jw_u64(w, "src_port", frame.src_port);
	vnep_jw_ip6(w, "dest_ip", &frame.dest);
	if (ports)
		vnep_jw_u64(w, "dest_port", frame.dest_port);
	if (frame.proto)
		vnep_jw_proto(w, frame.proto);
	if (icmp) {
		vnep_jw_u64(w, "icmp_type", frame.icmp_type);
		vnep_jw_u64(w, "icmp_code", frame.icmp_code);
	}
	vnep_jw_u64(w, "hop_limit", frame.hop_limit);
	vnep_jw_opt_u64(w, "vlan", frame.vlan);
}

void vnep_event_encode(struct vnep_buf *out, const struct vnep_event *event)
{
	struct vnep_jw w;
	char ns[24];

	vnep_jw_record(&w, out, "event");
	vnep_jw_opt_str(&w, "dev", event->dev);
	vnep_jw_opt_str(&w, "port", event->port);
	vnep_jw_opt_str(&w, "edge", event->edge);
	vnep_jw_opt_u64(&w, "seq", event->seq);
	vnep_jw_instant(&w, event->ts);
	if (event->ts.ns > 0 && event->ts.ns % 1000) {
		snprintf(ns, sizeof ns, "%lld", (long long)event->ts.ns);
		vnep_jw_str(&w, "ns", ns);
	}
	vnep_jw_opt_u64(&w, "conn", event->conn);
	vnep_jw_str(&w, "kind", vnep_kind_text(event->kind));
	if (event->direction)
		vnep_jw_str(&w, "direction", vnep_direction_text(event->direction));
	if (event->copy)
		vnep_jw_bool(&w, "copy", true);
	if (event->held)
		vnep_jw_bool(&w, "held", true);
	vnep_jw_opt_str(&w, "in_iface", event->in_iface);
	put_flow(&w, event->frame, event->frame_len);
	vnep_jw_opt_u64(&w, "length", event->length);
	vnep_jw_opt_u64(&w, "count", event->count);
	if (event->reason)
		vnep_jw_str(&w, "reason", vnep_reason_text(event->reason));
	vnep_jw_opt_str(&w, "text", event->text);
	if (event->frame)
		vnep_jw_base64(&w, "frame", event->frame, event->frame_len);
	vnep_jw_end_record(&w);
}

/* ---- checkpoint ---- */

int vnep_checkpoint_decode(
	const struct vnep_json *json, struct vnep_checkpoint *out, struct vnep_err *err)
{
	struct vnep_checkpoint checkpoint = { 0 };
	int rc = vnep_keys_decode(vnep_keys_of(VNEP_RECORD_CHECKPOINT), json, &checkpoint, err);

	if (!rc)
		rc = decode_instant(json, &checkpoint.ts, err);
	if (!rc)
		*out = checkpoint;
	return rc;
}

void vnep_checkpoint_encode(struct vnep_buf *out, const struct vnep_checkpoint *checkpoint)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "checkpoint");
	vnep_jw_str(&w, "dev", checkpoint->dev);
	vnep_jw_instant(&w, checkpoint->ts);
	vnep_jw_opt_u64(&w, "conn", checkpoint->conn);
	vnep_jw_str(&w, "cursor", vnep_cursor_text(checkpoint->cursor));
	if (checkpoint->cause)
		vnep_jw_str(&w, "cause", vnep_cause_text(checkpoint->cause));
	vnep_jw_u64(&w, "resume_seq", checkpoint->resume_seq);
	vnep_jw_u64(&w, "head_seq", checkpoint->head_seq);
	vnep_jw_end_record(&w);
}

/* ---- outcome, appended ---- */

int vnep_outcome_decode(
	const struct vnep_json *json, struct vnep_outcome *out, struct vnep_err *err)
{
	struct vnep_outcome outcome = { .attempt = 1 };
	int rc = vnep_keys_decode(vnep_keys_of(VNEP_RECORD_OUTCOME), json, &outcome, err);

	if (!rc)
		rc = decode_instant(json, &outcome.ts, err);
	if (!rc)
		*out = outcome;
	return rc;
}

void vnep_outcome_encode(struct vnep_buf *out, const struct vnep_outcome *outcome)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "outcome");
	vnep_jw_str(&w, "dev", outcome->dev);
	vnep_jw_u64(&w, "seq", outcome->seq);
	vnep_jw_instant(&w, outcome->ts);
	vnep_jw_str(&w, "outcome", vnep_outcome_text(outcome->outcome));
	if (outcome->reason)
		vnep_jw_str(&w, "reason", vnep_reason_text(outcome->reason));
	if (outcome->evidence)
		vnep_jw_str(&w, "evidence", vnep_evidence_text(outcome->evidence));
	vnep_jw_u64(&w, "attempt", outcome->attempt ? outcome->attempt : 1);
	vnep_jw_end_record(&w);
}

void vnep_appended_encode(struct vnep_buf *out, const char *dev, uint64_t seq)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "appended");
	vnep_jw_opt_str(&w, "dev", dev);
	vnep_jw_opt_u64(&w, "seq", seq);
	vnep_jw_bool(&w, "durable", true);
	vnep_jw_end_record(&w);
}
