/* recjson-event - what happened: events, checkpoints, outcomes, and everything that is only written. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "recjson-keys.h"
#include "vnep/err.h"
#include "vnep/frame.h"
#include "vnep/ndjson.h"
#include "vnep/num.h"

static void put_instant(struct vnep_jw *w, struct vnep_wall ts, bool with_ns)
{
	char text[24];

	vnep_jw_ts(w, "ts", ts);
	vnep_jw_i64(w, "us", ts.ns / 1000);
	if (!with_ns || ts.ns % 1000 == 0)
		return;
	snprintf(text, sizeof text, "%lld", (long long)ts.ns); /* above 2^53: a string */
	vnep_jw_str(w, "ns", text);
}

/* ns, else us, else ts; 0 where none is there. */
static int get_instant(const struct vnep_json *json, struct vnep_wall *out, struct vnep_err *err)
{
	const char *ns = vnep_json_get_str(json, "ns", NULL), *ts = vnep_json_get_str(json, "ts", NULL);
	int64_t us = vnep_json_get_int(json, "us", -1);
	uint64_t v;
	int rc;

	if (ns) {
		rc = vnep_num_u64(ns, 0, INT64_MAX, &v, err);
		if (!rc)
			out->ns = (int64_t)v;
		return rc;
	}
	if (us >= 0) {
		if (us > INT64_MAX / 1000)
			return vnep_err_set(err, VNEP_EVALUE, "\"us\" is out of range");
		out->ns = us * 1000;
		return 0;
	}
	return ts ? vnep_wall_parse(ts, out, err) : 0;
}

static void get_text(const struct vnep_json *json, const char *key, char *out, size_t cap)
{
	snprintf(out, cap, "%s", vnep_json_get_str(json, key, ""));
}

static int get_word(const struct vnep_json *json, const char *key, int (*parse)(const char *))
{
	const char *text = vnep_json_get_str(json, key, NULL);
	int word = text ? parse(text) : 0;

	return word < 0 ? 0 : word;
}

static int get_frame(const struct vnep_json *json, struct vnep_event *e, struct vnep_buf *frame,
	struct vnep_err *err)
{
	const char *text = vnep_json_get_str(json, "frame", NULL);
	size_t len = text ? strlen(text) : 0, out_len = 0;

	vnep_buf_reset(frame);
	if (!text)
		return 0;
	if (!vnep_buf_reserve(frame, len / 4 * 3 + 1))
		return vnep_err_sys(err, ENOMEM, "frame");
	if (vnep_base64_decode(text, len, frame->data, &out_len) || out_len > UINT16_MAX)
		return vnep_err_set(err, VNEP_EVALUE, "\"frame\" is not the base64 of an Ethernet frame");
	frame->len = out_len;
	e->frame = frame->data;
	e->frame_len = (uint32_t)out_len;
	return 0;
}

int vnep_event_decode(const struct vnep_json *json, struct vnep_event *out, struct vnep_buf *frame,
	struct vnep_err *err)
{
	struct vnep_event e = { 0 };
	int rc;

	get_text(json, "dev", e.dev, sizeof e.dev);
	get_text(json, "port", e.port, sizeof e.port);
	get_text(json, "edge", e.edge, sizeof e.edge);
	get_text(json, "in_iface", e.in_iface, sizeof e.in_iface);
	get_text(json, "text", e.text, sizeof e.text);
	e.seq = (uint64_t)vnep_json_get_int(json, "seq", 0);
	e.conn = (uint32_t)vnep_json_get_int(json, "conn", 0);
	e.kind = (enum vnep_kind)get_word(json, "kind", vnep_kind_parse);
	e.direction = (enum vnep_direction)get_word(json, "direction", vnep_direction_parse);
	e.reason = (enum vnep_reason)get_word(json, "reason", vnep_reason_parse);
	e.copy = vnep_json_get_bool(json, "copy", false);
	e.count = (uint64_t)vnep_json_get_int(json, "count", 0);
	rc = get_instant(json, &e.ts, err);
	if (!rc)
		rc = get_frame(json, &e, frame, err);
	if (rc)
		return rc;
	e.length = (uint32_t)vnep_json_get_int(json, "length", e.frame_len);
	*out = e;
	return 0;
}

static void put_flow(struct vnep_jw *w, const struct vnep_event *e)
{
	struct vnep_frame f;
	char proto[8];

	if (!e->frame || vnep_frame_parse(&f, e->frame, e->frame_len))
		return;
	vnep_jw_ip6(w, "src_ip", &f.src);
	if (f.src_port)
		vnep_jw_u64(w, "src_port", f.src_port);
	vnep_jw_ip6(w, "dest_ip", &f.dest);
	if (f.dest_port)
		vnep_jw_u64(w, "dest_port", f.dest_port);
	recjson_proto_print(f.proto, proto);
	vnep_jw_str(w, "proto", proto);
	if (f.proto == IPPROTO_ICMPV6 && f.l4) {
		vnep_jw_u64(w, "icmp_type", f.icmp_type);
		vnep_jw_u64(w, "icmp_code", f.icmp_code);
	}
	vnep_jw_u64(w, "hop_limit", f.hop_limit);
	if (f.vlan)
		vnep_jw_u64(w, "vlan", f.vlan);
}

void vnep_event_encode(struct vnep_buf *out, const struct vnep_event *e)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "event");
	vnep_jw_opt_str(&w, "dev", e->dev);
	vnep_jw_opt_str(&w, "port", e->port);
	vnep_jw_opt_str(&w, "edge", e->edge);
	if (e->seq)
		vnep_jw_u64(&w, "seq", e->seq);
	put_instant(&w, e->ts, true);
	if (e->conn)
		vnep_jw_u64(&w, "conn", e->conn);
	vnep_jw_str(&w, "kind", vnep_kind_text(e->kind));
	if (e->direction)
		vnep_jw_str(&w, "direction", vnep_direction_text(e->direction));
	put_flow(&w, e);
	vnep_jw_opt_str(&w, "in_iface", e->in_iface);
	if (e->length)
		vnep_jw_u64(&w, "length", e->length);
	if (e->copy)
		vnep_jw_bool(&w, "copy", true);
	if (e->count)
		vnep_jw_u64(&w, "count", e->count);
	if (e->reason)
		vnep_jw_str(&w, "reason", vnep_reason_text(e->reason));
	vnep_jw_opt_str(&w, "text", e->text);
	if (e->frame)
		vnep_jw_base64(&w, "frame", e->frame, e->frame_len);
	vnep_jw_end_record(&w);
}

int vnep_checkpoint_decode(const struct vnep_json *json, struct vnep_checkpoint *out, struct vnep_err *err)
{
	struct vnep_checkpoint c = { 0 };
	int rc = get_instant(json, &c.ts, err);

	get_text(json, "dev", c.dev, sizeof c.dev);
	c.conn = (uint32_t)vnep_json_get_int(json, "conn", 0);
	c.cursor = (enum vnep_cursor)get_word(json, "cursor", vnep_cursor_parse);
	c.cause = (enum vnep_cause)get_word(json, "cause", vnep_cause_parse);
	c.resume_seq = (uint64_t)vnep_json_get_int(json, "resume_seq", 0);
	c.head_seq = (uint64_t)vnep_json_get_int(json, "head_seq", 0);
	if (!rc)
		*out = c;
	return rc;
}

void vnep_checkpoint_encode(struct vnep_buf *out, const struct vnep_checkpoint *c)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "checkpoint");
	vnep_jw_str(&w, "dev", c->dev);
	put_instant(&w, c->ts, false);
	if (c->conn)
		vnep_jw_u64(&w, "conn", c->conn);
	vnep_jw_str(&w, "cursor", vnep_cursor_text(c->cursor));
	if (c->cause)
		vnep_jw_str(&w, "cause", vnep_cause_text(c->cause));
	vnep_jw_u64(&w, "resume_seq", c->resume_seq);
	vnep_jw_u64(&w, "head_seq", c->head_seq);
	vnep_jw_end_record(&w);
}

int vnep_outcome_decode(const struct vnep_json *json, struct vnep_outcome *out, struct vnep_err *err)
{
	struct vnep_outcome o = { 0 };
	int rc = get_instant(json, &o.ts, err);

	get_text(json, "dev", o.dev, sizeof o.dev);
	o.seq = (uint64_t)vnep_json_get_int(json, "seq", 0);
	o.outcome = (enum vnep_outcome_word)get_word(json, "outcome", vnep_outcome_parse);
	o.reason = (enum vnep_reason)get_word(json, "reason", vnep_reason_parse);
	o.evidence = (enum vnep_evidence)get_word(json, "evidence", vnep_evidence_parse);
	o.attempt = (uint32_t)vnep_json_get_int(json, "attempt", 1);
	if (!rc)
		*out = o;
	return rc;
}

void vnep_outcome_encode(struct vnep_buf *out, const struct vnep_outcome *o)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "outcome");
	vnep_jw_str(&w, "dev", o->dev);
	vnep_jw_u64(&w, "seq", o->seq);
	put_instant(&w, o->ts, false);
	vnep_jw_str(&w, "outcome", vnep_outcome_text(o->outcome));
	if (o->reason)
		vnep_jw_str(&w, "reason", vnep_reason_text(o->reason));
	if (o->evidence)
		vnep_jw_str(&w, "evidence", vnep_evidence_text(o->evidence));
	vnep_jw_u64(&w, "attempt", o->attempt ? o->attempt : 1);
	vnep_jw_end_record(&w);
}

void vnep_appended_encode(struct vnep_buf *out, const char *dev, uint64_t seq)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "appended");
	vnep_jw_opt_str(&w, "dev", dev);
	vnep_jw_u64(&w, "seq", seq);
	vnep_jw_bool(&w, "durable", true);
	vnep_jw_end_record(&w);
}

void vnep_decision_encode(struct vnep_buf *out, const struct vnep_decision *d)
{
	static const struct vnep_mac none;
	struct vnep_jw w;
	char proto[8];

	vnep_jw_record(&w, out, "decision");
	put_instant(&w, d->ts, false);
	vnep_jw_opt_str(&w, "edge", d->edge);
	vnep_jw_opt_str(&w, "dev", d->dev);
	if (d->direction)
		vnep_jw_str(&w, "direction", vnep_direction_text(d->direction));
	vnep_jw_str(&w, "forwarding", d->accept ? "accept" : "drop");
	if (d->reason)
		vnep_jw_str(&w, "reason", vnep_reason_text(d->reason));
	if (d->has_flow) {
		vnep_jw_ip6(&w, "src_ip", &d->src_ip);
		vnep_jw_ip6(&w, "dest_ip", &d->dest_ip);
		recjson_proto_print(d->proto, proto);
		vnep_jw_str(&w, "proto", proto);
		if (d->src_port)
			vnep_jw_u64(&w, "src_port", d->src_port);
		if (d->dest_port)
			vnep_jw_u64(&w, "dest_port", d->dest_port);
	}
	if (!vnep_mac_equal(&d->src_mac, &none))
		vnep_jw_mac(&w, "src_mac", &d->src_mac);
	if (d->vlan)
		vnep_jw_u64(&w, "vlan", d->vlan);
	vnep_jw_opt_str(&w, "in_iface", d->in_iface);
	vnep_jw_u64(&w, "count", d->count);
	vnep_jw_end_record(&w);
}

void vnep_presence_encode(struct vnep_buf *out, const struct vnep_presence *p)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "presence");
	put_instant(&w, p->ts, false);
	vnep_jw_opt_str(&w, "edge", p->edge);
	vnep_jw_str(&w, "dev", p->dev);
	vnep_jw_str(&w, "state", vnep_state_text(p->state));
	vnep_jw_str(&w, "was", vnep_state_text(p->was));
	if (p->cause)
		vnep_jw_str(&w, "cause", vnep_cause_text(p->cause));
	if (p->conn)
		vnep_jw_u64(&w, "conn", p->conn);
	vnep_jw_end_record(&w);
}

static void put_addrs(struct vnep_jw *w, const struct in6_addr *addr, unsigned count)
{
	if (!count)
		return;
	vnep_jw_array(w, "addr");
	for (unsigned i = 0; i < count; i++)
		vnep_jw_ip6(w, NULL, &addr[i]);
	vnep_jw_end_array(w);
}

static void put_time(struct vnep_jw *w, const char *key, struct vnep_wall ts)
{
	if (ts.ns)
		vnep_jw_ts(w, key, ts);
}

void vnep_status_encode(struct vnep_buf *out, const struct vnep_status *s)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "status");
	vnep_jw_ts(&w, "ts", s->ts);
	vnep_jw_str(&w, "dev", s->dev);
	if (!IN6_IS_ADDR_UNSPECIFIED(&s->vep))
		vnep_jw_ip6(&w, "vep", &s->vep);
	vnep_jw_opt_str(&w, "region", s->region);
	vnep_jw_opt_str(&w, "edge", s->edge);
	vnep_jw_str(&w, "state", vnep_state_text(s->state));
	if (s->conn)
		vnep_jw_u64(&w, "conn", s->conn);
	put_time(&w, "since", s->since);
	put_time(&w, "last_seen", s->last_seen);
	vnep_jw_opt_str(&w, "port", s->port);
	if (s->vlan)
		vnep_jw_u64(&w, "vlan", s->vlan);
	if (s->has_mac)
		vnep_jw_mac(&w, "mac", &s->mac);
	put_addrs(&w, s->addr, s->addr_count);
	put_time(&w, "next_expected", s->next_expected);
	vnep_jw_u64(&w, "resume_seq", s->resume_seq);
	vnep_jw_u64(&w, "head_seq", s->head_seq);
	vnep_jw_u64(&w, "pending", s->pending);
	vnep_jw_u64(&w, "pending_octets", s->pending_octets);
	if (s->has_counts) {
		vnep_jw_u64(&w, "accepted", s->accepted);
		vnep_jw_u64(&w, "dropped", s->dropped);
	}
	vnep_jw_end_record(&w);
}

void vnep_ledger_encode(struct vnep_buf *out, const char *edge, struct vnep_wall ts,
	const struct vnep_ledger_terms *t)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "status");
	vnep_jw_ts(&w, "ts", ts);
	vnep_jw_opt_str(&w, "edge", edge);
	vnep_jw_u64(&w, "arrived", t->arrived);
	vnep_jw_u64(&w, "segmented", t->segmented);
	vnep_jw_u64(&w, "forwarded", t->forwarded);
	vnep_jw_u64(&w, "delivered", t->delivered);
	vnep_jw_u64(&w, "pending", t->pending);
	vnep_jw_u64(&w, "answered", t->answered);
	vnep_jw_object(&w, "dropped");
	for (int r = 1; r < VNEP_REASON_COUNT; r++)
		if (t->dropped[r])
			vnep_jw_u64(&w, vnep_reason_text((enum vnep_reason)r), t->dropped[r]);
	vnep_jw_end_object(&w);
	vnep_jw_i64(&w, "difference", vnep_ledger_difference(t));
	vnep_jw_end_record(&w);
}

void vnep_element_encode(struct vnep_buf *out, const struct vnep_element *e)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "element");
	vnep_jw_opt_str(&w, "dev", e->dev);
	vnep_jw_opt_str(&w, "port", e->port);
	if (e->vlan)
		vnep_jw_u64(&w, "vlan", e->vlan);
	vnep_jw_mac(&w, "mac", &e->mac);
	put_addrs(&w, e->addr, e->addr_count);
	vnep_jw_ip6(&w, "vep", &e->vep);
	vnep_jw_u64(&w, "packets", e->packets);
	vnep_jw_u64(&w, "octets", e->octets);
	put_time(&w, "last_seen", e->last_seen);
	vnep_jw_str(&w, "state", vnep_state_text(e->state));
	vnep_jw_end_record(&w);
}

void vnep_difference_encode(struct vnep_buf *out, const char *what, const char *record, size_t len)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "difference");
	vnep_jw_str(&w, "what", what);
	vnep_jw_raw(&w, "record", record, len);
	vnep_jw_end_record(&w);
}

void vnep_stat_encode(struct vnep_buf *out, const char *name, const char *label, const char *label_value,
	uint64_t value)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "stat");
	vnep_jw_str(&w, "name", name);
	if (label) {
		vnep_jw_object(&w, "labels");
		vnep_jw_str(&w, label, label_value);
		vnep_jw_end_object(&w);
	}
	vnep_jw_u64(&w, "value", value);
	vnep_jw_end_record(&w);
}

void vnep_sync_encode(struct vnep_buf *out, uint64_t revision)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "sync");
	vnep_jw_u64(&w, "revision", revision);
	vnep_jw_end_record(&w);
}

void vnep_error_encode(struct vnep_buf *out, const char *tool, const struct vnep_err *err)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "error");
	vnep_jw_str(&w, "tool", tool);
	vnep_jw_str(&w, "error_tag", vnep_err_tag(err->code));
	vnep_jw_str(&w, "title", vnep_strerror(err->code));
	vnep_jw_opt_str(&w, "detail", err->text);
	vnep_jw_opt_str(&w, "file", err->file);
	if (err->line)
		vnep_jw_u64(&w, "line", err->line);
	if (err->column)
		vnep_jw_u64(&w, "column", err->column);
	vnep_jw_opt_str(&w, "hint", err->hint);
	vnep_jw_u64(&w, "exit", (uint64_t)vnep_err_exit(err->code));
	vnep_jw_end_record(&w);
}
