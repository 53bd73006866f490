/* explain-say - a verdict as a decision record. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "vnep/frame.h"
#include "vnep/recjson.h"

static const struct explain_name *name_of(const struct explain *e, const struct in6_addr *vep)
{
	return vnep_table_get(&e->names, vep);
}

static const char *tag_text(enum vnep_tag_reason reason)
{
	switch (reason) {
	case VNEP_TAG_DISCOVERY: return "discovery";
	case VNEP_TAG_HOP_LIMIT: return "hop-limit";
	case VNEP_TAG_ICMP_ERROR: return "icmp-error";
	case VNEP_TAG_ACCESS_REQUEST: return "access-request";
	case VNEP_TAG_WAKE: return "wake";
	case VNEP_TAG_TAP: return "tap";
	case VNEP_TAG_NOT_AWAKE: return "not-awake";
	case VNEP_TAG_SAMPLE: return "sample";
	case VNEP_TAG_NEXT_HOP: return "next-hop";
	case VNEP_TAG_TOO_BIG: return "too-big";
	case VNEP_TAG_BIG_COPY: return "too-big";
	case VNEP_TAG_GROUP: return "group";
	}
	return "?";
}

static bool passes(const struct vnep_verdict *v)
{
	return v->end == VNEP_END_PORT || v->end == VNEP_END_NEIGHBOUR;
}

/* "drop.REASON" or "drop.REASON.PORT" */
static enum vnep_reason reason_of(const struct vnep_verdict *v)
{
	char word[32];
	int reason;

	if (v->end == VNEP_END_UNSEEN)
		return VNEP_MALFORMED;
	if (v->end != VNEP_END_DROP || !v->counter || strncmp(v->counter, "drop.", 5))
		return VNEP_REASON_NONE;
	snprintf(word, sizeof word, "%.*s", (int)strcspn(v->counter + 5, "."), v->counter + 5);
	reason = vnep_reason_parse(word);
	return reason > 0 ? (enum vnep_reason)reason : VNEP_REASON_NONE;
}

static void describe_flow(struct vnep_decision *d, const struct explain_frame *frame)
{
	struct vnep_frame f;

	memcpy(d->src_mac.octet, frame->data + 6, sizeof d->src_mac.octet);
	if (vnep_frame_parse(&f, frame->data, frame->len))
		return;
	d->has_flow = true;
	d->src_ip = f.src;
	d->dest_ip = f.dest;
	d->proto = f.proto;
	d->src_port = f.src_port;
	d->dest_port = f.dest_port;
	d->vlan = f.vlan;
}

static void describe(
	const struct explain *e, struct vnep_decision *d, const struct explain_frame *frame)
{
	const struct vnep_verdict *v = &e->verdict;
	bool core = !strcmp(frame->port, e->config.core);
	const struct explain_name *name = NULL;

	*d = (struct vnep_decision){ .ts = frame->ts,
		.direction = core ? VNEP_TO_DEVICE : VNEP_FROM_DEVICE,
		.accept = passes(v),
		.reason = reason_of(v),
		.count = 1 };
	describe_flow(d, frame);
	snprintf(d->in_iface, sizeof d->in_iface, "%s", frame->port);
	if (core ? v->has_to : v->has_from)
		name = name_of(e, core ? &v->to : &v->from);
	if (name)
		snprintf(d->dev, sizeof d->dev, "%s", name->dev);
}

static void describe_sent(const struct explain *e, struct vnep_why *why)
{
	const struct vnep_verdict *v = &e->verdict;
	const uint8_t *data = vnep_verdict_frame(v, &v->sent);
	struct vnep_frame f;

	why->out_iface = v->sent.port;
	why->has_next_hop = v->end == VNEP_END_NEIGHBOUR;
	why->next_hop = v->neighbour;
	if (!vnep_frame_parse(&f, data, v->sent.len)) {
		why->has_flow = true;
		why->src_ip = f.src;
		why->dest_ip = f.dest;
		why->vlan = f.vlan;
	}
	if (e->frames) {
		why->frame = data;
		why->frame_len = (uint32_t)v->sent.len;
	}
}

static void describe_record(
	const struct explain *e, struct vnep_why *why, const struct explain_frame *frame)
{
	const struct explain_name *name;
	struct vnep_explain_record record;

	vnep_explain_record(e->model, &e->verdict, frame->data, &record);
	name = record.device ? name_of(e, &record.vep) : NULL;
	if (name) {
		why->record_type = "device";
		why->record_name = name->dev;
		why->record_line = name->line;
	} else if (record.vpc) {
		why->record_type = "vpc";
		why->record_name = record.vpc;
	}
}

static const char *verdict_text(const struct vnep_verdict *v)
{
	if (!passes(v))
		return "dropped";
	if (v->end == VNEP_END_NEIGHBOUR)
		return "forwarded";
	return v->tag.reason == VNEP_TAG_NOT_AWAKE ? "journal" : "ask";
}

static void explain_why(
	const struct explain *e, struct vnep_why *why, const struct explain_frame *frame)
{
	const struct vnep_verdict *v = &e->verdict;

	*why = (struct vnep_why){ .verdict = verdict_text(v), .counter = v->counter };
	if (v->rule) {
		why->chain = v->chain->name;
		why->rule = v->rule->comment;
	}
	if (v->end == VNEP_END_PORT && v->tag.reason != VNEP_TAG_NOT_AWAKE) {
		why->ask = tag_text(v->tag.reason);
		why->limit_pps = v->limit_count ? v->limits[v->limit_count - 1] : 0;
	}
	for (unsigned i = 0; i < v->copy_count; i++)
		why->copies[why->copy_count++] = tag_text(v->copies[i].tag.reason);
	if (passes(v))
		describe_sent(e, why);
	describe_record(e, why, frame);
}

int explain_say(struct explain *e, const struct explain_frame *frame)
{
	struct vnep_decision decision;
	struct vnep_why why;
	int rc = vnep_explain_frame(
		e->model, frame->port, frame->data, frame->len, 0, &e->verdict, &e->cli->err);

	if (rc)
		return rc;
	e->dropped = e->dropped || !passes(&e->verdict);
	describe(e, &decision, frame);
	explain_why(e, &why, frame);
	if (!decision.dev[0] && why.record_type && !strcmp(why.record_type, "device"))
		snprintf(decision.dev, sizeof decision.dev, "%s", why.record_name); /* by its MAC */
	vnep_explained_encode(&e->out, &decision, &why);
	return vnep_out_records(e->cli, &e->out, false);
}
