/* edge-ingest - the frames of the ring, each to the part that its tag names. */
#include <string.h>

#include "edge-priv.h"

enum {
	COMMITS = 4,
	COMMIT_MAX_MS = 50
}; /* reading takes that many times as long as its commit did last */

/* A packet for a device that the kernel does not believe awake: it becomes pending, or is refused with a reason. */
void edge_to_device(struct vnep_edge *edge, const struct vnep_ring_frame *frame)
{
	struct edge_port *core = edge_core(edge);
	enum vnep_reason why;
	struct edge_device *d;
	struct vnep_frame f;

	if (frame->len < frame->wire_len || vnep_frame_parse(&f, frame->data, frame->len)) {
		edge_deny(edge, core, frame, NULL, VNEP_TO_DEVICE, VNEP_MALFORMED, true);
		return;
	}
	if (edge_mcast_takes(edge, frame, &f))
		return;
	d = edge_device_of(edge, &f.dest, &f.src, &why);
	if (why) {
		edge_deny(edge, core, frame, d, VNEP_TO_DEVICE, why, true);
		return;
	}
	if (d->port && edge_refuse_big(edge, d, frame, VNEP_TO_DEVICE, d->port->mtu))
		return; /* it could never be delivered */
	/* of a sleeper's TCP only the SYN that may open a connection; a waker's connections live */
	if ((vnep_life_presence(d->life) != VNEP_STATE_WAKING || edge_bell_before(d, &f, frame)) &&
		vnep_forward_replayable(&f, frame->data)) {
		edge_deny(edge, core, frame, d, VNEP_TO_DEVICE, VNEP_NOT_REPLAYABLE, true);
		return;
	}
	if (!vnep_frame_checksum_ok(&f, frame->data)) {
		edge_deny(edge, core, frame, d, VNEP_TO_DEVICE, VNEP_MALFORMED, true);
		return;
	}
	edge_claim_seen(edge, frame, &f);
	edge_hold_came(edge, &d->held);
	if (edge_pass(edge, d, frame))
		return;
	d->accepted++;
	edge_journal_data(edge, d, frame, VNEP_TO_DEVICE, false);
	edge_journal_limits(edge, d, VNEP_TO_DEVICE);
	if (d->life == VNEP_LIFE_AWAKE)
		edge_device_check_awake(
			edge, d); /* its active time is over, or a hand-over raced */
	else if (d->life == VNEP_LIFE_WAKING)
		edge_replay_start(edge, d);
}

/* Copies of what the kernel forwards: signs of life, evidence, and the journal's both directions. */
static void copy(
	struct vnep_edge *edge, const struct vnep_tag *tag, const struct vnep_ring_frame *frame)
{
	bool from = tag->direction == VNEP_FROM_DEVICE;
	enum vnep_reason why;
	struct edge_device *d;
	struct vnep_frame f;

	if (vnep_frame_parse(&f, frame->data, frame->len))
		return; /* it was forwarded and counted: only the copy is of no use */
	d = edge_device_of(edge, from ? &f.src : &f.dest, from ? &f.dest : &f.src, &why);
	if (why)
		return;
	if (!from)
		edge_claim_seen(edge, frame, &f);
	if (from && !edge_bell_before(
			    d, &f, frame)) { /* the connection begins before its first frame */
		edge_evidence(edge, d, &f, frame->data);
		edge_device_sign(edge, d, frame->ts);
	}
	if (!from && vnep_life_presence(d->life) == VNEP_STATE_ASLEEP &&
		frame->len == frame->wire_len && !vnep_forward_replayable(&f, frame->data))
		edge_journal_late(edge, d, frame); /* forwarded just before its end was noticed */
	else if (from ? d->journal != VNEP_JOURNAL_ASLEEP : d->journal == VNEP_JOURNAL_BOTH)
		edge_journal_data(edge, d, frame, tag->direction, true);
}

static void handle(struct vnep_edge *edge, const struct vnep_ring_frame *frame)
{
	struct edge_port *port;
	struct vnep_tag tag;

	if (frame->len < 14 || vnep_tag_read(&tag, frame->data))
		return;                     /* not from our rules: nothing counted it */
	if (tag.reason == VNEP_TAG_GROUP) { /* counted when it has its turn */
		edge_relay_came(edge, frame);
		return;
	}
	if (edge->ring_at <= edge->ring_stored)
		return; /* it comes again beside one that had not */
	if (vnep_tag_is_copy(tag.reason))
		edge->ledger.ring_copies++;
	else
		edge->ledger.ring_packets++;
	edge->ledger_dirty = true;
	port = edge_port_by_index(edge, tag.port);
	if (!port)
		port = edge_core(edge);
	switch (tag.reason) {
	case VNEP_TAG_DISCOVERY: edge_discovery(edge, port, frame, tag.direction); break;
	case VNEP_TAG_HOP_LIMIT: edge_hop_limit(edge, port, frame); break;
	case VNEP_TAG_ICMP_ERROR: edge_icmp_error(edge, port, frame, tag.direction); break;
	case VNEP_TAG_ACCESS_REQUEST: edge_access_request(edge, port, frame); break;
	case VNEP_TAG_WAKE:
	case VNEP_TAG_TAP: copy(edge, &tag, frame); break;
	case VNEP_TAG_NOT_AWAKE: edge_to_device(edge, frame); break;
	case VNEP_TAG_NEXT_HOP: edge_next_hop(edge, frame); break;
	case VNEP_TAG_TOO_BIG: edge_too_big(edge, frame, tag.direction); break;
	case VNEP_TAG_BIG_COPY: edge_big_copy(edge, frame, tag.direction); break;
	case VNEP_TAG_GROUP: break;
	case VNEP_TAG_SAMPLE:
		edge_deny(edge, port, frame, NULL, tag.direction, VNEP_NO_MAPPING, false);
		break;
	}
}

/* A turn ends between two blocks: a block that is begun cannot be given back, and whoever comes after us would read all
 * of it. Where the disk takes long a turn does too, or nothing but commits would be done. */
static bool turn_over(struct vnep_edge *edge, struct vnep_mono began)
{
	return vnep_ring_between(edge->ring) &&
	       (edge_relay_full(edge) ||
		       vnep_mono_over(began, EDGE_TURN_MS + COMMITS * edge->commit_ms));
}

/* Which one it is says the same after a kill: blocks come again from their beginning. */
static void count_seen(struct vnep_edge *edge)
{
	uint64_t block = vnep_ring_block(edge->ring);

	edge->ring_seen++;
	edge->ring_place = block == edge->ring_at ? edge->ring_place + 1 : 1;
	edge->ring_at = block;
}

bool edge_ingest(struct vnep_edge *edge)
{
	struct vnep_mono began = vnep_mono_now();
	struct vnep_ring_frame frame;
	bool more = edge_relay_full(edge);

	while (!more && vnep_ring_next(edge->ring, &frame) == 1) {
		count_seen(edge);
		handle(edge, &frame);
		if (edge_ledger_behind(edge))
			edge_ledger_keep(edge);
		more = turn_over(edge, began);
	}
	began = vnep_mono_now();
	edge_group_end(edge); /* durable, or counted: then the blocks may go */
	edge->commit_ms = (vnep_mono_now().ns - began.ns) / 1000000;
	if (edge->commit_ms > COMMIT_MAX_MS)
		edge->commit_ms = COMMIT_MAX_MS;
	edge_ledger_keep(edge);
	if (edge_relay_waits(edge)) {
		edge_relay_turn(edge);
		edge_ledger_keep(edge);
	}
	vnep_ring_release_before(edge->ring, edge_relay_block(edge));
	edge->ring_unread = more;
	return more;
}

void edge_ingest_all(struct vnep_edge *edge)
{
	uint64_t until = edge->ring_seen + vnep_ring_waiting(edge->ring);

	/* what comes meanwhile comes later */
	while (edge_ingest(edge) && edge->ring_seen < until)
		;
}

void edge_ingest_last(struct vnep_edge *edge)
{
	edge_ingest_all(edge);
	while (edge_relay_turn(edge))
		;
	edge_ledger_keep(edge);
	vnep_ring_release(edge->ring);
}
