/*
 * edge-bell - a sleeper that speaks is heard at once, and gets the beginning of its backlog before the disk has answered.
 *
 * What the bell hears the ring brings again, milliseconds later: there it is counted, kept and taken as evidence. Here it
 * only wakes who sleeps, and until the ring has brought that frame, what it brings is from before.
 *
 * Nothing is recorded in the group but that the device is there, and what it is sent: both are made durable together. The
 * sent log knows the packets until then, as those of any turn (edge-replay.c).
 */
#include <linux/if_ether.h>

#include "edge-priv.h"
#include "vnep/bell.h"
#include "vnep/holder.h"
#include "vnep/ruleset.h"

#define BELL_NS 1000000000

/* Not 0. A ring has the VLAN tag in its place, a bell has not. */
static uint64_t mark_of(const struct vnep_frame *f, const struct vnep_ring_frame *frame)
{
	size_t len = frame->len < VNEP_BELL_OCTETS ? frame->len : VNEP_BELL_OCTETS;

	len = len < f->end ? len : f->end;
	return vnep_hash(VNEP_HASH_INIT, frame->data + f->l3, len - f->l3) | 1;
}

static void rung(struct vnep_edge *edge, const struct vnep_ring_frame *frame)
{
	enum vnep_reason why;
	struct edge_device *d;
	struct vnep_frame f;
	struct vnep_tag tag;

	if (frame->len < ETH_HLEN || vnep_tag_read(&tag, frame->data) ||
		tag.direction != VNEP_FROM_DEVICE)
		return; /* not from our rules */
	if (frame->len < frame->wire_len || vnep_frame_parse(&f, frame->data, frame->len))
		return;
	d = edge_device_of(edge, &f.src, &f.dest, &why);
	if (why || d->life != VNEP_LIFE_ASLEEP || !d->pending || frame->ts.ns <= d->last_seen.ns)
		return;
	d->ringing = mark_of(&f, frame);
	edge_device_sign(edge, d, frame->ts);
}

/* A ring that lost that frame does not make the device deaf: it is bounded by how long the ring may take. */
bool edge_bell_before(
	struct edge_device *d, const struct vnep_frame *f, const struct vnep_ring_frame *frame)
{
	if (!d->ringing)
		return false;
	if (vnep_mono_now().ns - d->came.ns > BELL_NS) {
		d->ringing = 0;
		return false;
	}
	if (mark_of(f, frame) == d->ringing)
		d->ringing = 0;
	return true;
}

static void on_bell(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;
	const struct vnep_ring_frame *frames;
	size_t count = vnep_bell_take(edge->bell, &frames), waking = edge->replay_line;

	(void)watch;
	for (size_t i = 0; i < count; i++)
		rung(edge, &frames[i]);
	if (edge->replay_line > waking && !edge->group_error)
		edge_replay_pump(edge);
	edge_round_end(edge);
}

void edge_bell_open(struct vnep_edge *edge, const char *ifname)
{
	struct vnep_err err = { 0 };
	int fd, rc = edge->held ? vnep_held_packet_socket(edge->held, &fd, &err) : 0;

	if (!rc)
		rc = edge->held ? vnep_bell_open_on(&edge->bell, fd, ifname, VNEP_TAG_WAKE, &err)
				: vnep_bell_open(&edge->bell, ifname, VNEP_TAG_WAKE, &err);
	if (rc)
		edge_warn(edge, "bell", &err); /* the ring is slower, and enough */
}

bool edge_bell_watch(struct vnep_edge *edge)
{
	return !edge->bell || vnep_loop_fd(edge->loop, vnep_bell_fd(edge->bell), on_bell, edge);
}

void edge_bell_close(struct vnep_edge *edge)
{
	vnep_bell_close(edge->bell);
}
