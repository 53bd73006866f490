/* recjson-status - decisions, presence, status, and what verify, list and watch say: written, not read. */
#include <string.h>

#include "recjson-put.h"
#include "vnep/err.h"
#include "vnep/recjson.h"

static void put_decision(
	struct vnep_jw *w, struct vnep_buf *out, const struct vnep_decision *decision)
{
	bool ports = decision->proto == IPPROTO_UDP || decision->proto == IPPROTO_TCP;

	vnep_jw_record(w, out, "decision");
	vnep_jw_instant(w, decision->ts);
	vnep_jw_opt_str(w, "edge", decision->edge);
	vnep_jw_opt_str(w, "dev", decision->dev);
	if (decision->direction)
		vnep_jw_str(w, "direction", vnep_direction_text(decision->direction));
	vnep_jw_str(w, "forwarding", decision->accept ? "accept" : "drop");
	if (decision->reason)
		vnep_jw_str(w, "reason", vnep_reason_text(decision->reason));
	if (decision->has_flow) {
		vnep_jw_ip6(w, "src_ip", &decision->src_ip);
		vnep_jw_ip6(w, "dest_ip", &decision->dest_ip);
	}
	if (decision->has_flow && decision->proto)
		vnep_jw_proto(w, decision->proto);
	if (decision->has_flow && ports) {
		vnep_jw_u64(w, "src_port", decision->src_port);
		vnep_jw_u64(w, "dest_port", decision->dest_port);
	}
	vnep_jw_opt_mac(w, "src_mac", &decision->src_mac);
	vnep_jw_opt_u64(w, "vlan", decision->vlan);
	vnep_jw_opt_str(w, "in_iface", decision->in_iface);
	vnep_jw_u64(w, "count", decision->count);
}

void vnep_decision_encode(struct vnep_buf *out, const struct vnep_decision *decision)
{
	struct vnep_jw w;

	put_decision(&w, out, decision);
	vnep_jw_end_record(&w);
}

static void put_sent(struct vnep_jw *w, const struct vnep_why *why)
{
	vnep_jw_object(w, "sent");
	vnep_jw_str(w, "iface", why->out_iface);
	if (why->has_next_hop)
		vnep_jw_ip6(w, "next_hop", &why->next_hop);
	vnep_jw_opt_u64(w, "vlan", why->vlan);
	if (why->has_flow) {
		vnep_jw_ip6(w, "src_ip", &why->src_ip);
		vnep_jw_ip6(w, "dest_ip", &why->dest_ip);
	}
	if (why->frame)
		vnep_jw_base64(w, "frame", why->frame, why->frame_len);
	vnep_jw_end_object(w);
}

static void put_record(struct vnep_jw *w, const struct vnep_why *why)
{
	vnep_jw_object(w, "record");
	vnep_jw_str(w, "type", why->record_type);
	vnep_jw_str(w, strcmp(why->record_type, "vpc") ? "dev" : "vpc", why->record_name);
	vnep_jw_opt_u64(w, "line", why->record_line);
	vnep_jw_end_object(w);
}

void vnep_explained_encode(
	struct vnep_buf *out, const struct vnep_decision *decision, const struct vnep_why *why)
{
	struct vnep_jw w;

	put_decision(&w, out, decision);
	vnep_jw_object(&w, "why");
	vnep_jw_str(&w, "verdict", why->verdict);
	if (why->record_type)
		put_record(&w, why);
	vnep_jw_opt_str(&w, "chain", why->chain);
	vnep_jw_opt_str(&w, "rule", why->rule);
	vnep_jw_opt_str(&w, "counter", why->counter);
	vnep_jw_opt_u64(&w, "limit_pps", why->limit_pps);
	vnep_jw_opt_str(&w, "ask", why->ask);
	if (why->copy_count)
		vnep_jw_array(&w, "copies");
	for (unsigned i = 0; i < why->copy_count; i++)
		vnep_jw_str(&w, NULL, why->copies[i]);
	if (why->copy_count)
		vnep_jw_end_array(&w);
	if (why->out_iface)
		put_sent(&w, why);
	vnep_jw_end_object(&w);
	vnep_jw_end_record(&w);
}

void vnep_presence_encode(struct vnep_buf *out, const struct vnep_presence *presence)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "presence");
	vnep_jw_instant(&w, presence->ts);
	vnep_jw_opt_str(&w, "edge", presence->edge);
	vnep_jw_str(&w, "dev", presence->dev);
	vnep_jw_str(&w, "state", vnep_state_text(presence->state));
	vnep_jw_str(&w, "was", vnep_state_text(presence->was));
	if (presence->cause)
		vnep_jw_str(&w, "cause", vnep_cause_text(presence->cause));
	vnep_jw_opt_u64(&w, "conn", presence->conn);
	vnep_jw_end_record(&w);
}

void vnep_status_encode(struct vnep_buf *out, const struct vnep_status *status)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "status");
	vnep_jw_ts(&w, "ts", status->ts);
	vnep_jw_str(&w, "dev", status->dev);
	if (!IN6_IS_ADDR_UNSPECIFIED(&status->vep))
		vnep_jw_ip6(&w, "vep", &status->vep);
	vnep_jw_opt_str(&w, "region", status->region);
	vnep_jw_opt_str(&w, "edge", status->edge);
	vnep_jw_str(&w, "state", vnep_state_text(status->state));
	vnep_jw_opt_u64(&w, "conn", status->conn);
	vnep_jw_opt_ts(&w, "since", status->since);
	vnep_jw_opt_ts(&w, "last_seen", status->last_seen);
	vnep_jw_opt_str(&w, "port", status->port);
	vnep_jw_opt_u64(&w, "vlan", status->vlan);
	if (status->has_mac)
		vnep_jw_mac(&w, "mac", &status->mac);
	vnep_jw_addrs(&w, status->addr, status->addr_count);
	vnep_jw_opt_ts(&w, "next_expected", status->next_expected);
	vnep_jw_u64(&w, "resume_seq", status->resume_seq);
	vnep_jw_u64(&w, "head_seq", status->head_seq);
	vnep_jw_u64(&w, "pending", status->pending);
	vnep_jw_u64(&w, "pending_octets", status->pending_octets);
	vnep_jw_opt_u64(&w, "held", status->held);
	vnep_jw_opt_u64(&w, "held_octets", status->held_octets);
	if (status->has_eta)
		vnep_jw_u64(&w, "eta_s", status->eta_s);
	if (status->has_counts) {
		vnep_jw_u64(&w, "accepted", status->accepted);
		vnep_jw_u64(&w, "dropped", status->dropped);
	}
	vnep_jw_end_record(&w);
}

void vnep_ledger_encode(struct vnep_buf *out, const char *edge, struct vnep_wall ts,
	const struct vnep_ledger_terms *terms)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "status");
	vnep_jw_ts(&w, "ts", ts);
	vnep_jw_opt_str(&w, "edge", edge);
	vnep_jw_u64(&w, "arrived", terms->arrived);
	vnep_jw_u64(&w, "segmented", terms->segmented);
	vnep_jw_u64(&w, "forwarded", terms->forwarded);
	vnep_jw_u64(&w, "delivered", terms->delivered);
	vnep_jw_u64(&w, "pending", terms->pending);
	vnep_jw_u64(&w, "answered", terms->answered);
	vnep_jw_object(&w, "dropped");
	for (int r = VNEP_REASON_NONE + 1; r < VNEP_REASON_COUNT; r++)
		vnep_jw_opt_u64(&w, vnep_reason_text((enum vnep_reason)r), terms->dropped[r]);
	vnep_jw_end_object(&w);
	vnep_jw_i64(&w, "difference", vnep_ledger_difference(terms));
	vnep_jw_end_record(&w);
}

void vnep_element_encode(struct vnep_buf *out, const struct vnep_element *element)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "element");
	vnep_jw_opt_str(&w, "dev", element->dev);
	vnep_jw_opt_str(&w, "port", element->port);
	vnep_jw_opt_u64(&w, "vlan", element->vlan);
	vnep_jw_opt_mac(&w, "mac", &element->mac);
	vnep_jw_addrs(&w, element->addr, element->addr_count);
	vnep_jw_ip6(&w, "vep", &element->vep);
	vnep_jw_u64(&w, "packets", element->packets);
	vnep_jw_u64(&w, "octets", element->octets);
	vnep_jw_opt_ts(&w, "last_seen", element->last_seen);
	vnep_jw_str(&w, "state", vnep_state_text(element->state));
	vnep_jw_end_record(&w);
}

void vnep_difference_encode(struct vnep_buf *out, const char *what, const char *record, size_t len)
{
	struct vnep_jw w;

	while (len && record[len - 1] == '\n') /* a whole line of another encoder is welcome */
		len--;
	vnep_jw_record(&w, out, "difference");
	vnep_jw_str(&w, "what", what);
	vnep_jw_raw(&w, "record", record, len);
	vnep_jw_end_record(&w);
}

void vnep_stat_encode(struct vnep_buf *out, const char *name, const char *label,
	const char *label_value, uint64_t value)
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

static void sync_encode(struct vnep_buf *out, uint64_t revision, const uint64_t *after)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "sync");
	vnep_jw_u64(&w, "revision", revision);
	if (after)
		vnep_jw_u64(&w, "after_revision", *after);
	vnep_jw_end_record(&w);
}

void vnep_sync_encode(struct vnep_buf *out, uint64_t revision)
{
	sync_encode(out, revision, NULL);
}

void vnep_sync_encode_after(struct vnep_buf *out, uint64_t revision, uint64_t after)
{
	sync_encode(out, revision, &after);
}

void vnep_error_encode(struct vnep_buf *out, const char *tool, const struct vnep_err *err)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "error");
	vnep_jw_opt_str(&w, "tool", tool);
	vnep_jw_str(&w, "error_tag", vnep_err_tag(err->code));
	vnep_jw_str(&w, "title", vnep_strerror(err->code));
	vnep_jw_opt_str(&w, "detail", err->text);
	vnep_jw_opt_str(&w, "file", err->file);
	vnep_jw_opt_u64(&w, "line", err->line);
	vnep_jw_opt_u64(&w, "column", err->column);
	vnep_jw_opt_str(&w, "hint", err->hint);
	vnep_jw_u64(&w, "exit", (uint64_t)vnep_err_exit(err->code));
	vnep_jw_end_record(&w);
}
