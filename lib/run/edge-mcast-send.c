/*
 * edge-mcast-send - the frames of an instruction, port by port, and the settling of those that went.
 *
 * Before the first frame all who will have been sent one are written into a log that a killed worker leaves behind; each
 * call that sent some says how many of them that is (sentlog.h). So between a call and its word, and nowhere else, a kill
 * leaves open whether EDGE_MCAST_BATCH frames went: those are sent again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-mcast.h"

enum { TAG_LEN = 4, MACS_LEN = 12, RETRIES = 50 };

struct fanning {
	struct vnep_edge *edge;
	struct edge_mcast *mc;
	struct in6_addr speaker; /* of the frame that is laid out */
	size_t len;              /* of it, with a tag; 0: none */
	size_t from, to;         /* the shots of this round */
	size_t base;             /* the first member of them, in their order */
	size_t marked;           /* of the log, members whose frame was sent */
	size_t frames;
};

/* Both logs of what was sent; without one of them it is slower, or may go out twice after a kill. */
int edge_sent_open(struct vnep_edge *edge, struct vnep_err *err)
{
	int rc = vnep_sentlog_open(&edge->sent, edge->state, "sent", VNEP_SENTLOG_MAX, NULL, err);

	if (!rc)
		rc = vnep_sentlog_open(
			&edge->fanned, edge->state, "fanned", EDGE_MCAST_MARKS, NULL, err);
	return rc;
}

static int by_port(const void *a, const void *b)
{
	const struct edge_shot *x = a, *y = b;

	if (x->port->index != y->port->index)
		return x->port->index < y->port->index ? -1 : 1;
	if (!x->device != !y->device)
		return x->device ? 1 : -1;
	return x->vlan - y->vlan;
}

/* Shots in the order of the ports, members in that of the shots. */
static int arrange(struct edge_mcast *mc, struct vnep_err *err)
{
	uint32_t *moved = calloc(mc->shot_count ? mc->shot_count : 1, sizeof *moved);
	size_t at = 0;

	mc->order = calloc(mc->awake ? mc->awake : 1, sizeof *mc->order);
	if (!moved || !mc->order) {
		free(moved);
		return vnep_err_sys(err, ENOMEM, "instruction");
	}
	for (size_t i = 0; i < mc->shot_count; i++)
		mc->shots[i].first = i; /* what it was called */
	if (mc->shot_count)
		qsort(mc->shots, mc->shot_count, sizeof *mc->shots, by_port);
	for (size_t i = 0; i < mc->shot_count; i++)
		moved[mc->shots[i].first] = (uint32_t)i;
	for (size_t i = 0; i < mc->count; i++) {
		struct edge_member *m = &mc->members[i];

		if (m->way != EDGE_WAY_LANE && m->way != EDGE_WAY_UNICAST)
			continue;
		m->shot = moved[m->shot];
		mc->shots[m->shot].count++;
	}
	for (size_t i = 0; i < mc->shot_count; i++) {
		mc->shots[i].first = at;
		at += mc->shots[i].count;
		mc->shots[i].count = 0;
	}
	for (size_t i = 0; i < mc->count; i++) {
		struct edge_member *m = &mc->members[i];
		struct edge_shot *s = &mc->shots[m->shot];

		if (m->way == EDGE_WAY_LANE || m->way == EDGE_WAY_UNICAST)
			mc->order[s->first + s->count++] = i;
	}
	free(moved);
	return 0;
}

/* The first time and for another VPC it is built, each time its MAC and VLAN are put in. Returns its length. */
static size_t lane_frame(struct fanning *f, const struct edge_shot *s, uint8_t *out)
{
	struct vnep_edge *edge = f->edge;
	uint8_t *base = edge->out;
	size_t len;

	if (!f->len || !vnep_ip6_equal(&f->speaker, &s->speaker)) {
		struct vnep_datagram d = { .vlan = 1,
			.src = s->speaker,
			.dest = f->mc->address,
			.src_port = f->mc->source,
			.dest_port = f->mc->port,
			.hop_limit = f->mc->hop_limit,
			.payload = f->mc->many.data,
			.payload_len = f->mc->many.len };

		vnep_ip6_multicast_mac(&d.dest, &d.dest_mac);
		f->len = vnep_datagram_make(base, &d);
		f->speaker = s->speaker;
	}
	memcpy(out, base, MACS_LEN + TAG_LEN);
	len = f->len;
	if (s->vlan) {
		out[MACS_LEN + 2] = (uint8_t)(s->vlan >> 8);
		out[MACS_LEN + 3] = (uint8_t)s->vlan;
		memcpy(out + MACS_LEN + TAG_LEN, base + MACS_LEN + TAG_LEN,
			len - MACS_LEN - TAG_LEN);
	} else {
		len -= TAG_LEN;
		memcpy(out + MACS_LEN, base + MACS_LEN + TAG_LEN, len - MACS_LEN);
	}
	memcpy(out + 6, &s->port->mac, 6);
	return len;
}

static size_t one_frame(const struct edge_mcast *mc, const struct edge_device *d,
	const uint8_t *payload, size_t len, uint8_t *out)
{
	const struct vnep_vpc *vpc = edge_vpc(mc->edge, d->vpc, &d->vep);
	struct vnep_datagram one = { .dest_mac = d->l2.mac,
		.src_mac = d->port->mac,
		.vlan = d->l2.vlan,
		.dest = d->addr[d->addr_count - 1],
		.src_port = mc->source,
		.dest_port = mc->port,
		.hop_limit = EDGE_MCAST_HOPS - 1,
		.payload = payload,
		.payload_len = len };

	if (!vpc || IN6_IS_ADDR_UNSPECIFIED(edge_mcast_speaker(mc, vpc)))
		return 0;
	one.src = *edge_mcast_speaker(mc, vpc);
	return vnep_datagram_make(out, &one);
}

bool edge_mcast_to_one(struct vnep_edge *edge, const struct edge_mcast *mc, struct edge_device *d,
	const uint8_t *payload, size_t len)
{
	size_t n = d->bound && d->port->up ? one_frame(mc, d, payload, len, edge->out) : 0;

	return n && edge_send(edge, d->port, edge->out, n);
}

static void mark(struct fanning *f, const struct edge_shot *s)
{
	f->marked = s->first + s->count - f->base;
}

/* What could not be sent stays in the journal: nobody takes it for sent after a kill. */
static void unmark(struct fanning *f, const struct edge_shot *s)
{
	const struct vnep_sentlog_entry none = { 0 };

	for (size_t i = 0; f->edge->fanned && i < s->count; i++)
		vnep_sentlog_stage(f->edge->fanned, s->first + i - f->base, &none);
}

/* Frames of one port, and what of them went. A queue that is full has room again in a moment. */
static size_t send_batch(struct fanning *f, struct edge_shot *shots, struct iovec *io, size_t n)
{
	struct vnep_err err = { 0 };
	size_t sent = 0;

	for (int tries = 0; sent < n && tries < RETRIES; tries++) {
		/* who speaks during the call may not hear it */
		struct vnep_wall ts = vnep_wall_now();
		size_t now = vnep_inject_send(shots->port->inject, io + sent, n - sent, &err);

		for (size_t i = sent; i < sent + now; i++) {
			shots[i].left = ts;
			mark(f, &shots[i]);
		}
		sent += now;
		if (now && f->edge->fanned)
			vnep_sentlog_count(f->edge->fanned, f->marked);
		if (sent < n && err.code != -EAGAIN && err.code != -ENOBUFS)
			break;
	}
	if (sent < n)
		edge_warn(f->edge, "instruction", &err);
	for (size_t i = sent; i < n; i++)
		unmark(f, &shots[i]);
	f->frames += sent;
	return sent;
}

static int send_shots(struct fanning *f, struct vnep_err *err)
{
	struct edge_mcast *mc = f->mc;
	struct vnep_edge *edge = f->edge;
	size_t room = VNEP_DATAGRAM_HEAD + mc->many.len;

	for (size_t at = f->from, n; at < f->to; at += n) {
		struct edge_shot *s = &mc->shots[at];
		struct iovec io[EDGE_MCAST_BATCH];
		uint8_t *out;

		n = 1;
		if (!s->count) /* all of it had to be sent alone */
			continue;
		vnep_buf_reset(&edge->staged);
		out = vnep_buf_reserve(&edge->staged, EDGE_MCAST_BATCH * room);
		if (!out)
			return vnep_err_sys(err, ENOMEM, "instruction");
		for (n = 0; n < EDGE_MCAST_BATCH && at + n < f->to && s[n].port == s->port &&
			    s[n].count;
			n++) {
			io[n].iov_base = out + n * room;
			io[n].iov_len = s[n].device ? one_frame(mc, s[n].device, mc->one.data,
							      mc->one.len, io[n].iov_base)
						    : lane_frame(f, &s[n], io[n].iov_base);
		}
		send_batch(f, s, io, n);
	}
	return 0;
}

/* As many shots as the log has room for the members of, at least one; they are written into it, and nothing counts there
 * before one has left: what was in it is in the journal (edge_mcast_none_owed). */
static void next_round(struct fanning *f)
{
	const struct edge_mcast *mc = f->mc;
	size_t n = 0;

	if (f->edge->fanned)
		vnep_sentlog_clear(f->edge->fanned);
	f->base = mc->shots[f->from].first;
	f->marked = 0;
	for (f->to = f->from; f->to < mc->shot_count; f->to++) {
		if (f->to > f->from && n + mc->shots[f->to].count > EDGE_MCAST_MARKS)
			break;
		n += mc->shots[f->to].count;
	}
	for (size_t i = 0; f->edge->fanned && i < n; i++) {
		const struct edge_member *m = &mc->members[mc->order[f->base + i]];
		const struct vnep_sentlog_entry entry = { m->vep, m->seq, 1 };

		vnep_sentlog_stage(f->edge->fanned, i, &entry);
	}
}

static void settle(const struct fanning *f)
{
	struct vnep_edge *edge = f->edge;
	struct edge_mcast *mc = f->mc;

	for (size_t i = f->from; i < f->to; i++) {
		const struct edge_shot *s = &mc->shots[i];

		for (size_t k = s->first; s->left.ns && k < s->first + s->count; k++) {
			struct edge_member *m = &mc->members[mc->order[k]];
			struct edge_device *d = vnep_table_get(&edge->by_vep, &m->vep);

			m->sent = s->left;
			if (d && m->fate == EDGE_FATE_WAITS)
				edge_journal_sent(edge, d, m->seq, m->octets, 1, s->left);
		}
	}
}

bool edge_mcast_none_owed(struct vnep_edge *edge)
{
	if (edge->sent_owed)
		edge_replay_recall(edge);
	return !edge->sent_owed;
}

/* The group is open before the first frame leaves: what cannot be recorded is not sent. */
void edge_mcast_fan_out(struct vnep_edge *edge, struct edge_mcast *mc)
{
	struct fanning f = { .edge = edge, .mc = mc };
	int64_t stored_ns = vnep_mono_now().ns - mc->start.ns, sent_ns = 0;
	struct vnep_err err = { 0 };
	int rc = arrange(mc, &err);

	for (; !rc && f.from < mc->shot_count; f.from = f.to) {
		struct vnep_mono at = vnep_mono_now();

		if (!edge_mcast_none_owed(edge) || edge_group(edge))
			break;
		next_round(&f);
		rc = send_shots(&f, &err);
		sent_ns += vnep_mono_now().ns - at.ns;
		settle(&f);
		edge_group_end(edge);
	}
	if (rc)
		edge_warn(edge, "instruction", &err);
	mc->sent_at = vnep_mono_now();
	free(mc->lanes);
	mc->lanes = NULL;
	for (size_t i = 0; i < mc->shot_count; i++) {
		mc->shots[i].alone = mc->shots[i].device != NULL;
		mc->shots[i].device = NULL;
	}
	if (mc->relayed) /* so many of them would be all that the log says */
		return;
	edge_say(edge, LOG_INFO,
		"instruction: %zu members, %zu awake: stored in %lld us, %zu frames in %lld us, "
		"all in "
		"%lld us",
		mc->count, mc->awake, (long long)stored_ns / 1000, f.frames,
		(long long)sent_ns / 1000, (long long)(mc->sent_at.ns - mc->start.ns) / 1000);
}
