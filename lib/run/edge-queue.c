/*
 * edge-queue - frames that wait for a host which is not resolved yet.
 *
 * They are ready but for their MACs, and counted as no-next-hop from the beginning, so that a kill cannot lose the
 * count; what is sent in the end leaves that reason again.
 */
#include <string.h>

#include "edge-priv.h"

enum { QUEUE_OCTETS = 1 << 20, QUEUES_OCTETS = 16 << 20, FRAME_HEAD = 12 };

bool edge_queue_put(struct vnep_edge *edge, struct edge_host *h, struct vnep_wall ts,
	const uint8_t *frame, size_t len)
{
	if (h->queue.len + FRAME_HEAD + len > QUEUE_OCTETS ||
		edge->hosts_octets + FRAME_HEAD + len > QUEUES_OCTETS ||
		!vnep_buf_reserve(&h->queue, FRAME_HEAD + len)) {
		h->queue.rc = 0; /* what is there stays good */
		return false;
	}
	vnep_buf_put_be64(&h->queue, (uint64_t)ts.ns);
	vnep_buf_put_be32(&h->queue, (uint32_t)len);
	vnep_buf_put(&h->queue, frame, len);
	edge->hosts_octets += FRAME_HEAD + len;
	return true;
}

static bool next_queued(struct vnep_rd *rd, struct vnep_wall *ts, uint8_t **frame, size_t *len)
{
	if (!vnep_rd_left(rd))
		return false;
	ts->ns = (int64_t)vnep_rd_be64(rd);
	*len = vnep_rd_be32(rd);
	*frame = (uint8_t *)vnep_rd_mem(rd, *len);
	return *frame;
}

void edge_queue_drop(struct vnep_edge *edge, struct edge_host *h)
{
	edge->hosts_octets -= h->queue.len;
	vnep_buf_release(&h->queue);
	vnep_buf_init(&h->queue);
	edge->ledger_dirty = true;
}

void edge_host_send(struct vnep_edge *edge, struct edge_host *h, uint8_t *frame, size_t len)
{
	vnep_frame_set_macs(frame, &h->mac, &edge_core(edge)->mac);
	if (edge_send(edge, edge_core(edge), frame, len))
		edge->ledger.sent_on++;
	else
		edge_drop(edge, NULL, VNEP_PORT_DOWN);
}

void edge_queue_send(struct vnep_edge *edge, struct edge_host *h)
{
	struct vnep_wall ts;
	struct vnep_rd rd;
	uint8_t *frame;
	size_t len;

	vnep_rd_init(&rd, h->queue.data, h->queue.len);
	while (next_queued(&rd, &ts, &frame, &len)) {
		edge->ledger.dropped[VNEP_NO_NEXT_HOP]--;
		edge_host_send(edge, h, frame, len);
	}
	edge_queue_drop(edge, h);
}

void edge_queue_keep(struct vnep_edge *edge, struct edge_host *h)
{
	struct vnep_buf all = h->queue;
	struct vnep_wall ts;
	struct vnep_rd rd;
	uint8_t *frame;
	size_t len;

	edge->hosts_octets -= all.len;
	vnep_buf_init(&h->queue);
	vnep_rd_init(&rd, all.data, all.len);
	while (next_queued(&rd, &ts, &frame, &len))
		if (!edge_uplink_keep_queued(edge, h, ts, frame, len))
			edge_queue_put(edge, h, ts, frame, len); /* it is counted already */
	vnep_buf_release(&all);
	edge->ledger_dirty = true;
}

/* Frames that are refused one after the other and differ in nothing that a decision says: one decision. */
struct refused {
	struct vnep_ring_frame frame; /* the first of them */
	struct in6_addr src, dest;
	uint64_t count;
};

static void tell_refused(struct vnep_edge *edge, struct refused *r)
{
	enum vnep_reason why;
	struct edge_device *d = r->count ? edge_device_of(edge, &r->src, &r->dest, &why) : NULL;

	if (r->count)
		edge_tell_decision(edge, d && d->port ? d->port : edge_core(edge), &r->frame, d,
			VNEP_FROM_DEVICE, VNEP_NO_NEXT_HOP, r->count);
	r->count = 0;
}

/* Nobody is there: each sender is told, as far as the limits go. The frames are counted already. */
void edge_queue_refuse(struct vnep_edge *edge, struct edge_host *h)
{
	const struct edge_error unreachable = { VNEP_ICMP6_UNREACHABLE,
		VNEP_ICMP6_ADDRESS_UNREACHABLE, 0 };
	struct refused r = { 0 };
	struct vnep_frame f;
	struct vnep_wall ts;
	struct vnep_rd rd;
	uint8_t *data;
	size_t len;

	vnep_rd_init(&rd, h->queue.data, h->queue.len);
	while (next_queued(&rd, &ts, &data, &len)) {
		if (vnep_frame_parse(&f, data, len))
			continue;
		if (!vnep_ip6_equal(&r.src, &f.src) || !vnep_ip6_equal(&r.dest, &f.dest))
			tell_refused(edge, &r);
		if (!r.count++) {
			r.frame.ts = ts;
			r.frame.data = data;
			r.frame.len = r.frame.wire_len = (uint32_t)len;
			r.src = f.src;
			r.dest = f.dest;
		}
		data[f.l3 + 7]++; /* quoted as it arrived */
		edge_answer(edge, NULL, data, len, unreachable);
	}
	tell_refused(edge, &r);
	edge_queue_drop(edge, h);
}
