/*
 * edge-mcast-ack - who answered an instruction, who is asked once more, and what came of it.
 *
 * An answer comes from a member's endpoint, which the kernel has checked, by the frame of its MAC, to the speaker's address
 * and the port that this instruction alone was sent from; of CoAP it has the token. Whatever else is sent to a speaker is
 * refused and counted.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "edge-mcast.h"
#include "vnep/coap.h"
#include "vnep/coapmake.h"

enum { STEP_MS = 10, STEP_REPAIRS = 16, NS_MS = 1000000, COAP_RESPONSES = 64 };

/* ---- answers ---- */

static struct edge_mcast *by_source(struct vnep_edge *edge, uint16_t source)
{
	struct edge_mcast *mc = edge->mcasts;

	while (mc && (mc->relayed || mc->source != source))
		mc = mc->next;
	return mc;
}

static enum vnep_evidence evidence_of(
	const struct edge_mcast *mc, const uint8_t *payload, size_t len, struct vnep_coap *coap)
{
	*coap = (struct vnep_coap){ 0 };
	if (!mc->coap)
		return VNEP_EVIDENCE_FLOW_ANSWER;
	if (!vnep_coap_head_read(coap, payload, len) || coap->type == VNEP_COAP_RST)
		return VNEP_EVIDENCE_NONE;
	if (coap->type == VNEP_COAP_ACK && !coap->code && !coap->token_len)
		return coap->mid == mc->head.mid ? VNEP_EVIDENCE_COAP_ACK : VNEP_EVIDENCE_NONE;
	if (coap->code < COAP_RESPONSES || coap->token_len != mc->head.token_len ||
		memcmp(coap->token, mc->head.token, coap->token_len) != 0)
		return VNEP_EVIDENCE_NONE;
	return coap->type == VNEP_COAP_ACK ? VNEP_EVIDENCE_COAP_ACK : VNEP_EVIDENCE_COAP_RESPONSE;
}

/* RFC 7252 4.2: who is confirmable and gets no acknowledgement says it again. */
static void acknowledge(
	struct vnep_edge *edge, struct edge_mcast *mc, struct edge_device *d, uint16_t mid)
{
	const uint8_t ack[4] = { 1 << 6 | VNEP_COAP_ACK << 4, 0, (uint8_t)(mid >> 8),
		(uint8_t)mid };

	edge_mcast_to_one(edge, mc, d, ack, sizeof ack);
}

static void tell(struct edge_mcast *mc, const struct edge_member *m, enum vnep_evidence evidence,
	const struct vnep_coap *coap, struct vnep_wall ts)
{
	struct vnep_ack ack = { .via = m->via, .evidence = evidence };

	if (!mc->client)
		return;
	memcpy(ack.id, mc->id, sizeof ack.id);
	strncpy(ack.dev, edge_member_name(mc, m), sizeof ack.dev - 1);
	if (coap->code)
		vnep_coap_code_print(coap->code, ack.code);
	if (m->sent.ns && ts.ns > m->sent.ns)
		ack.rtt_us = (uint64_t)(ts.ns - m->sent.ns) / 1000;
	vnep_ack_encode(&mc->edge->scratch, &ack);
	edge_reply(mc->client, &mc->edge->scratch);
	vnep_timer_set(mc->timer, 0); /* to send it, and perhaps it was the last one */
}

static int take_seq(const struct vnep_event *event, unsigned attempt, void *arg)
{
	(void)attempt;
	*(uint64_t *)arg = event->seq;
	return 1;
}

static bool is_pending(
	struct vnep_edge *edge, const struct edge_device *d, const struct edge_member *m)
{
	struct vnep_err err = { 0 };
	uint64_t seq = 0;

	return d->pending &&
	       vnep_journal_pending(edge->journal, d->dev, m->seq, 1, take_seq, &seq, &err) >= 0 &&
	       seq == m->seq;
}

/* Its frame went: what the journal has to say of that while its packet waits again (its connection ended meanwhile, or the
 * group that said so failed) settles it first. */
static void outcome(struct vnep_edge *edge, struct edge_device *d, struct edge_member *m,
	enum vnep_outcome_word word, enum vnep_evidence evidence)
{
	m->resent = false;
	if (is_pending(edge, d, m))
		edge_journal_sent(edge, d, m->seq, m->octets, 1, m->sent);
	m->fate = EDGE_FATE_SENT;
	edge_journal_outcome(edge, d, m->seq, word, VNEP_REASON_NONE, evidence, 1);
}

/* False: it is none. */
static bool take_answer(struct edge_mcast *mc, struct edge_device *d,
	const struct vnep_ring_frame *frame, const struct vnep_frame *f)
{
	struct vnep_edge *edge = mc->edge;
	struct edge_member *m = vnep_table_get(&mc->by_vep, &d->vep);
	enum vnep_evidence evidence;
	const uint8_t *payload;
	struct vnep_coap coap;
	size_t len;

	if (!m || f->src_port != mc->port || (m->fate != EDGE_FATE_SENT && !m->resent) ||
		!vnep_udp_payload(f, frame->data, &payload, &len))
		return false;
	evidence = evidence_of(mc, payload, len, &coap);
	if (!evidence)
		return false;
	if (coap.code && coap.type == VNEP_COAP_CON)
		acknowledge(edge, mc, d, coap.mid);
	if (m->acked || (mc->coap && !coap.code)) /* the response itself is still to come */
		return true;
	m->acked = true;
	mc->acked++;
	/* of a replay the journal has it from edge-replay.c */
	if (m->way != EDGE_WAY_JOURNAL || m->resent)
		outcome(edge, d, m, VNEP_OUTCOME_CONFIRMED, evidence);
	tell(mc, m, evidence, &coap, frame->ts);
	return true;
}

static bool is_answer(struct vnep_edge *edge, struct edge_device *d,
	const struct vnep_ring_frame *frame, const struct vnep_frame *f)
{
	struct edge_mcast *mc;
	unsigned expected;

	if (!d || !d->bound || f->proto != IPPROTO_UDP || !f->l4 || frame->len < 12 ||
		memcmp(frame->data + 6, &d->l2.mac, 6) != 0 ||
		!vnep_frame_checksum_ok(f, frame->data))
		return false;
	expected = d->sent_count;
	edge_evidence(edge, d, f, frame->data);
	mc = by_source(edge, f->dest_port);
	return (mc && take_answer(mc, d, frame, f)) || d->sent_count < expected;
}

/* Prefixes may lie in each other: whose it is the address itself says. */
static bool is_speaker(const struct vnep_edge *edge, const struct in6_addr *addr)
{
	for (size_t i = 0; i < edge->vpc_count; i++)
		if (vnep_ip6_equal(&edge->vpcs[i].speaker, addr))
			return true;
	return false;
}

bool edge_mcast_takes(
	struct vnep_edge *edge, const struct vnep_ring_frame *frame, const struct vnep_frame *f)
{
	struct edge_device *d;

	if (IN6_IS_ADDR_UNSPECIFIED(&f->dest) || !is_speaker(edge, &f->dest))
		return false;
	d = edge_device_by_endpoint(edge, &f->src);
	if (is_answer(edge, d, frame, f)) {
		edge->ledger.answered++;
		edge->ledger_dirty = true;
	} else {
		edge_deny(edge, d && d->port ? d->port : edge_core(edge), frame, d,
			VNEP_FROM_DEVICE, VNEP_NOT_FOR_US, true);
	}
	return true;
}

/* ---- what becomes of those who wait ---- */

static enum edge_fate fate_of(enum vnep_outcome_word word)
{
	switch (word) {
	case VNEP_OUTCOME_SENT:
	case VNEP_OUTCOME_CONFIRMED: return EDGE_FATE_SENT;
	case VNEP_OUTCOME_EXPIRED: return EDGE_FATE_EXPIRED;
	case VNEP_OUTCOME_SUPERSEDED:
	case VNEP_OUTCOME_FAILED: break;
	}
	return EDGE_FATE_FAILED;
}

void edge_mcast_settled(
	struct vnep_edge *edge, const struct edge_device *d, const struct vnep_outcome *o)
{
	for (struct edge_mcast *mc = edge->mcasts; mc; mc = mc->next) {
		struct edge_member *m = vnep_table_get(&mc->by_vep, &d->vep);

		if (!m || m->seq != o->seq)
			continue;
		m->fate = fate_of(o->outcome);
		m->sent = o->ts;
		if (m->resent) { /* from the journal this time */
			m->way = EDGE_WAY_JOURNAL;
			m->via = VNEP_VIA_REPLAY;
			m->resent = false;
		}
	}
}

void edge_mcast_slept(struct vnep_edge *edge, const struct edge_device *d)
{
	for (struct edge_mcast *mc = edge->mcasts; mc; mc = mc->next) {
		struct edge_member *m = vnep_table_get(&mc->by_vep, &d->vep);

		if (!m || m->fate != EDGE_FATE_SENT || !is_pending(edge, d, m))
			continue;
		m->fate = EDGE_FATE_WAITS;
		m->resent = true;
	}
}

/* The frame that all of its VPC heard where it is. */
static const struct edge_shot *lane_at(const struct edge_mcast *mc, const struct edge_device *d)
{
	const struct vnep_vpc *vpc = edge_vpc(mc->edge, d->vpc, &d->vep);

	for (size_t i = 0; vpc && i < mc->shot_count; i++)
		if (mc->shots[i].port == d->port && mc->shots[i].vlan == d->l2.vlan &&
			mc->shots[i].count && !mc->shots[i].alone &&
			vnep_ip6_equal(&mc->shots[i].speaker, edge_mcast_speaker(mc, vpc)))
			return &mc->shots[i];
	return NULL;
}

/* Its first frame had left it before the instruction left us, and was read later: it listened already. Only of frames that
 * were waiting at that moment do the times say so: later the clock may have been set back. */
void edge_mcast_woke(struct vnep_edge *edge, struct edge_device *d, struct vnep_wall ts)
{
	int64_t since_ns = vnep_mono_now().ns - (int64_t)EDGE_MCAST_WAKE_MS * NS_MS;

	for (struct edge_mcast *mc = edge->mcasts; mc; mc = mc->next) {
		struct edge_member *m = vnep_table_get(&mc->by_vep, &d->vep);
		const struct edge_shot *lane;

		if (!m || m->way != EDGE_WAY_JOURNAL || m->fate != EDGE_FATE_WAITS || mc->unicast ||
			m->resent || !d->port || mc->sent_at.ns < since_ns)
			continue;
		lane = lane_at(mc, d);
		if (!lane || !lane->left.ns || ts.ns >= lane->left.ns)
			continue;
		m->via = VNEP_VIA_MULTICAST;
		m->way = EDGE_WAY_LANE;
		edge_journal_sent(edge, d, m->seq, m->octets, 1, lane->left);
	}
}

void edge_mcast_shrink(struct edge_mcast *mc)
{
	struct edge_member *less;
	size_t kept = 0;

	for (size_t i = 0; i < mc->count; i++)
		if (mc->members[i].fate == EDGE_FATE_WAITS)
			mc->members[kept++] = mc->members[i];
	vnep_table_release(&mc->by_vep);
	vnep_table_init(&mc->by_vep, offsetof(struct edge_member, vep), sizeof(struct in6_addr));
	mc->count = mc->room = kept;
	less = reallocarray(mc->members, kept ? kept : 1, sizeof *less);
	if (less)
		mc->members = less;
	for (size_t i = 0; i < kept; i++) /* without memory it is not found, and sent it twice */
		(void)vnep_table_put(&mc->by_vep, &mc->members[i]);
	vnep_buf_release(&mc->names);
	vnep_buf_release(&mc->many);
	vnep_buf_release(&mc->one);
	free(mc->order);
	mc->order = NULL;
}

/* ---- repairs, the result ---- */

void edge_mcast_result(const struct edge_mcast *mc, struct vnep_result *out)
{
	struct vnep_wall now = vnep_wall_now();

	*out = (struct vnep_result){ .members = mc->count,
		.acked = mc->acked,
		.elapsed_ms = (uint64_t)(vnep_mono_now().ns - mc->start.ns) / NS_MS };
	memcpy(out->id, mc->id, sizeof out->id);
	memcpy(out->group, mc->group, sizeof out->group);
	for (size_t i = 0; i < mc->count; i++) {
		switch (mc->members[i].fate) {
		case EDGE_FATE_SENT: out->sent++; break;
		case EDGE_FATE_EXPIRED: out->expired++; break;
		case EDGE_FATE_FAILED: out->failed++; break;
		case EDGE_FATE_WAITS:
			if (mc->not_after.ns && now.ns >= mc->not_after.ns)
				out->expired++;
			else
				out->pending++;
		}
	}
}

/* Once, to those who listen still and said nothing: a confirmable message, of which they take the same id for the same one.
 * It is part of the first attempt: who slept unnoticed has the other one still to come. */
static void repair(struct edge_mcast *mc)
{
	unsigned left = STEP_REPAIRS;

	if (mc->not_after.ns && vnep_wall_now().ns >= mc->not_after.ns)
		mc->repair_next = mc->count;
	for (; mc->repair_next < mc->count && left; mc->repair_next++) {
		struct edge_member *m = &mc->members[mc->repair_next];
		struct edge_device *d = vnep_table_get(&mc->edge->by_vep, &m->vep);

		if (m->acked || m->fate != EDGE_FATE_SENT || !d || d->life != VNEP_LIFE_AWAKE ||
			m->way == EDGE_WAY_JOURNAL)
			continue;
		left--;
		if (!edge_mcast_to_one(mc->edge, mc, d, mc->one.data, mc->one.len))
			continue;
		m->via = VNEP_VIA_UNICAST;
		m->sent = vnep_wall_now();
		outcome(mc->edge, d, m, VNEP_OUTCOME_SENT, VNEP_EVIDENCE_NONE);
	}
}

static void arm(struct edge_mcast *mc, struct vnep_mono now)
{
	int64_t at = mc->end_at.ns;

	if (mc->client && mc->result_at.ns < at)
		at = mc->result_at.ns;
	if (mc->client && mc->repair_next < mc->count && mc->repair_at.ns < at)
		at = mc->repair_at.ns;
	vnep_timer_set(mc->timer, at > now.ns ? (at - now.ns) / NS_MS + 1 : 0);
}

/* One client's last result ends its request. */
static void give_result(struct edge_mcast *mc)
{
	struct edge_client *client = mc->client;
	struct vnep_result result;

	edge_mcast_result(mc, &result);
	vnep_result_encode(&mc->edge->scratch, &result);
	edge_reply(client, &mc->edge->scratch);
	if (mc->acked < mc->count && !client->instructed)
		client->instructed = 1;
	mc->client = NULL;
	client->instructions--;
	if (client->eof && !client->instructions && !client->has_turn)
		edge_reply_done(client, client->instructed);
}

static void on_mcast(struct vnep_watch *watch, void *arg)
{
	struct edge_mcast *mc = arg;
	struct vnep_edge *edge = mc->edge;
	struct edge_client *client = mc->client;
	struct vnep_mono now = vnep_mono_now();

	(void)watch;
	if (client && now.ns >= mc->repair_at.ns) {
		repair(mc);
		/* whoever answers meanwhile */
		mc->repair_at.ns = now.ns + (int64_t)STEP_MS * NS_MS;
	}
	edge_round_end(edge);
	if (client && (mc->acked == mc->count || now.ns >= mc->result_at.ns))
		give_result(mc);
	if (now.ns >= mc->end_at.ns && !mc->client)
		edge_mcast_free(mc);
	else
		arm(mc, now);
	if (client)
		edge_client_push(client);
}

void edge_mcast_wait(struct edge_mcast *mc)
{
	mc->timer = vnep_loop_timer(mc->edge->loop, on_mcast, mc);
	if (mc->timer)
		arm(mc, vnep_mono_now());
}

void edge_mcast_client_gone(struct edge_client *client)
{
	for (struct edge_mcast *mc = client->edge->mcasts; mc && client->instructions;
		mc = mc->next)
		if (mc->client == client) {
			mc->client = NULL;
			client->instructions--;
		}
}
