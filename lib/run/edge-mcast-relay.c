/*
 * edge-mcast-relay - what a host of the VPC sends to the address of a group.
 *
 * The kernel hands over what senders of a group say to it, so many a second, and nothing else. It is an instruction for
 * the members in the VPC of its sender, whose address and port the frames keep: the members answer that host, by the
 * policy of each.
 *
 * Each is a step of the worker and has a journal group of its own, so what else the ring brought must be durable before:
 * the frames of the blocks that were read wait in a line, where they lie, and are worked off between two blocks. Few at a
 * time, so that who else wants something has its turn. The kernel gets no block back while there is a line.
 *
 * After a kill those blocks are read again, for these frames alone. The group that has the members' packets has also which
 * frame they were of, so none is taken twice; who was not sent it finds it in the journal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edge-mcast.h"
#include "vnep/coap.h"

enum { SPENT_MAX_MS = 500, SHARE = 2, NS_MS = 1000000 };

enum {
	ACCOUNTS = 64,
	LINE_MAX = 2048,
	LINE_FULL =
		LINE_MAX / 2, /* one more block, of 128 KiB and frames of 160 octets there, fits */
};

struct relay {
	struct vnep_ring_frame frame; /* lent by the ring */
	uint64_t block, place;
};

/* What a VPC spent of the worker's time: so long it is worked off. */
struct account {
	char vpc[VNEP_LABEL_MAX + 1];
	struct vnep_mono until;
};

struct edge_relays {
	struct account accounts[ACCOUNTS];
	struct relay line[LINE_MAX]; /* a ring */
	unsigned first, count;
};

/* ---- may it be said? ---- */

static bool has_sender(const struct vnep_group *group, const struct in6_addr *addr)
{
	for (size_t i = 0; i < group->sender_count; i++)
		if (vnep_ip6_equal(&group->senders[i], addr))
			return true;
	return false;
}

/* Groups of that address whom that host may speak to: the next one behind *at. */
static const struct vnep_group *next_group(const struct vnep_edge *edge,
	const struct in6_addr *address, const struct in6_addr *sender, size_t *at)
{
	while (*at < edge->group_count) {
		const struct vnep_group *group = &edge->groups[(*at)++];

		if (vnep_ip6_equal(&group->address, address) && has_sender(group, sender))
			return group;
	}
	return NULL;
}

static enum vnep_reason check_frame(const struct vnep_ring_frame *frame, struct vnep_frame *f,
	const uint8_t **payload, size_t *len)
{
	if (frame->len < frame->wire_len || vnep_frame_parse(f, frame->data, frame->len))
		return VNEP_MALFORMED;
	if (f->fragment)
		return VNEP_FRAGMENT;
	if (f->routed || !f->dest_port || !vnep_udp_payload(f, frame->data, payload, len) ||
		!vnep_frame_checksum_ok(f, frame->data))
		return VNEP_MALFORMED;
	return f->hop_limit > 1 ? VNEP_REASON_NONE : VNEP_NOT_FOR_US; /* for its link alone */
}

static enum vnep_reason check_sender(
	struct vnep_edge *edge, const struct vnep_frame *f, const struct vnep_vpc **vpc)
{
	size_t at = 0;

	*vpc = edge_vpc(edge, "", &f->src);
	if (!next_group(edge, &f->dest, &f->src, &at))
		return VNEP_NOT_FOR_US; /* any more */
	if (!*vpc)
		return VNEP_NO_MAPPING;
	if ((*vpc)->core_vlan != f->vlan)
		return VNEP_WRONG_VLAN;
	return edge_device_by_endpoint(edge, &f->src) ? VNEP_SPOOFED_SOURCE : VNEP_REASON_NONE;
}

/* ---- each time ---- */

/* Whose account that is. Where nothing is owed it is free; where all of them owe, the one that owes least is shared. */
static struct account *account_of(
	struct edge_relays *r, const struct vnep_vpc *vpc, struct vnep_mono now)
{
	struct account *least = &r->accounts[0];

	for (unsigned i = 0; i < ACCOUNTS; i++) {
		if (!strcmp(r->accounts[i].vpc, vpc->vpc))
			return &r->accounts[i];
		if (r->accounts[i].until.ns < least->until.ns)
			least = &r->accounts[i];
	}
	if (least->until.ns <= now.ns)
		memcpy(least->vpc, vpc->vpc, sizeof least->vpc);
	return least;
}

static bool is_spent(const struct account *account, struct vnep_mono now)
{
	return account->until.ns - now.ns > (int64_t)SPENT_MAX_MS * NS_MS;
}

/* Half of the time is shared by those who owe some. */
static void spend(struct edge_relays *r, struct account *account, struct vnep_mono since)
{
	int64_t spent_ns = vnep_mono_now().ns - since.ns;
	unsigned sharers = 1;

	for (unsigned i = 0; i < ACCOUNTS; i++)
		sharers += &r->accounts[i] != account && r->accounts[i].until.ns > since.ns;
	if (account->until.ns < since.ns)
		account->until = since;
	account->until.ns += SHARE * sharers * spent_ns;
}

/* Those before it are kept for who woke just then; the oldest go. */
static void make_room(struct vnep_edge *edge, size_t members)
{
	struct edge_mcast *oldest;
	unsigned count;
	size_t kept;

	do {
		oldest = NULL;
		count = 0;
		kept = members;
		for (struct edge_mcast *mc = edge->mcasts; mc; mc = mc->next) {
			if (!mc->relayed)
				continue;
			oldest = mc;
			kept += mc->count;
			count++;
		}
		if (count < EDGE_RELAYS_MAX && kept <= EDGE_MCAST_MEMBERS_MAX)
			return;
		edge_mcast_free(oldest);
	} while (oldest);
}

int edge_relay_avoid(struct edge_mcast *mc, const struct edge_device *d, struct vnep_err *err)
{
	uint32_t lane;
	int rc;

	if (!d || !d->bound)
		return 0;
	rc = edge_mcast_lane_of(mc, d, &mc->from, &lane, err);
	if (!rc)
		mc->shots[lane].shared = true;
	return rc;
}

/* The first one takes over the frame that would have been for all. */
static int part(struct edge_mcast *mc, struct edge_member *m, struct vnep_err *err)
{
	struct edge_device *d = vnep_table_get(&mc->edge->by_vep, &m->vep);

	if (!d || !edge_mcast_is_alone(d)) { /* behind the rest of its backlog */
		m->way = EDGE_WAY_JOURNAL;
		m->via = VNEP_VIA_REPLAY;
		mc->awake--;
		return 0;
	}
	m->way = EDGE_WAY_UNICAST;
	m->via = VNEP_VIA_UNICAST;
	if (mc->shots[m->shot].device)
		return edge_mcast_shot_of(mc, d, &mc->from, &m->shot, err);
	mc->shots[m->shot].device = d;
	return 0;
}

int edge_relay_part(struct edge_mcast *mc, struct vnep_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < mc->count; i++) {
		struct edge_member *m = &mc->members[i];

		if (m->way == EDGE_WAY_LANE && mc->shots[m->shot].shared)
			rc = part(mc, m, err);
	}
	return rc;
}

static bool is_in(const struct vnep_device *device, const struct vnep_group *group)
{
	for (size_t i = 0; i < device->group_count; i++)
		if (!strcmp(device->groups[i], group->group))
			return true;
	return false;
}

bool edge_relay_had(const struct edge_mcast *mc, const struct vnep_device *device)
{
	const struct vnep_group *group;

	for (size_t at = 0; (group = next_group(mc->edge, &mc->address, &mc->from, &at)) &&
			    strcmp(group->group, mc->group) != 0;)
		if (is_in(device, group))
			return true;
	return false;
}

/* Of each group that has this address and this sender. */
static int freeze(struct edge_mcast *mc, struct vnep_err *err)
{
	struct vnep_json *selection = vnep_json_object();
	const struct edge_mcast_how how = {
		.selection = selection, .port = mc->port, .hop_limit = mc->hop_limit
	};
	const struct vnep_group *group;
	int rc = selection ? 0 : -ENOMEM;

	for (size_t at = 0; !rc && (group = next_group(mc->edge, &mc->address, &mc->from, &at));) {
		rc = vnep_json_set_str(selection, "group", group->group);
		if (!rc)
			rc = edge_mcast_gather(mc, &how, err);
	}
	vnep_json_free(selection);
	if (!rc)
		rc = edge_relay_part(mc, err);
	return rc ? rc : edge_mcast_index(mc, err);
}

/* Which frame it was is part of the group, and so is what became of it. */
static int store(struct edge_mcast *mc, struct vnep_err *err)
{
	struct vnep_edge *edge = mc->edge;
	int rc = edge_group(edge);

	if (rc) {
		edge_drop(edge, NULL, rc == -ENOSPC ? VNEP_ENOSPC : VNEP_IO_ERROR);
		return rc;
	}
	edge->delta.arrived++;
	edge->delta.answered++;
	edge->ledger_kept.ns = 0; /* in the segment, too */
	return edge_mcast_store(mc, err);
}

static struct edge_mcast *take(struct vnep_edge *edge, const struct vnep_ring_frame *frame,
	const struct vnep_frame *f, const uint8_t *payload, size_t len)
{
	struct edge_mcast *mc = edge_mcast_new(edge);

	if (!mc)
		return NULL;
	mc->relayed = true;
	mc->from = f->src;
	mc->address = f->dest;
	mc->source = f->src_port;
	mc->port = f->dest_port;
	mc->hop_limit = 1;
	mc->frozen_at = frame->ts;
	vnep_buf_put(&mc->many, payload, len);
	vnep_buf_put(&mc->one, payload, len);
	if (!mc->many.rc && !mc->one.rc)
		return mc;
	edge_mcast_free(mc);
	return NULL;
}

/* True: it was stored, and sent as far as that was possible. */
static bool relay(
	struct edge_mcast *mc, const struct vnep_ring_frame *frame, const struct vnep_vpc *vpc)
{
	struct vnep_edge *edge = mc->edge;
	struct vnep_err err = { 0 };
	int rc;

	mc->vpc = vpc;
	rc = freeze(mc, &err);
	if (rc) {
		edge_deny(edge, edge_core(edge), frame, NULL, VNEP_TO_DEVICE,
			rc == VNEP_EVALUE ? VNEP_NO_MAPPING : VNEP_IO_ERROR, true);
		return false;
	}
	make_room(edge, mc->count);
	edge_mcast_link(mc);
	rc = store(mc, &err);
	if (!rc)
		edge_mcast_fan_out(edge, mc);
	return !rc;
}

static void work(struct vnep_edge *edge, const struct vnep_ring_frame *frame)
{
	struct vnep_mono now = vnep_mono_now();
	struct account *account = NULL;
	const struct vnep_vpc *vpc;
	const uint8_t *payload;
	struct vnep_frame f;
	struct edge_mcast *mc;
	enum vnep_reason why;
	size_t len;

	why = check_frame(frame, &f, &payload, &len);
	if (!why)
		why = check_sender(edge, &f, &vpc);
	if (!why) {
		account = account_of(edge->relays, vpc, now);
		/* while one has its turn nothing is read */
		if (is_spent(account, now) || vnep_ring_is_filling(edge->ring))
			why = VNEP_RATE_LIMITED;
	}
	if (why) {
		edge_deny(edge, edge_core(edge), frame, NULL, VNEP_TO_DEVICE, why, true);
		return;
	}
	if (edge_refuse_big(edge, NULL, frame, VNEP_TO_DEVICE, edge_mcast_mtu(edge)))
		return;
	mc = take(edge, frame, &f, payload, len);
	if (!mc) {
		edge_deny(edge, edge_core(edge), frame, NULL, VNEP_TO_DEVICE, VNEP_IO_ERROR, true);
		return;
	}
	if (relay(mc, frame, vpc)) {
		edge_mcast_look_after(mc);
		edge_mcast_shrink(mc);
		mc->end_at.ns = mc->sent_at.ns + (int64_t)EDGE_MCAST_WAKE_MS * NS_MS;
		edge_mcast_wait(mc);
	} else {
		edge_mcast_free(mc);
	}
	spend(edge->relays, account, now);
}

/* ---- the line ---- */

/* Counted with what becomes of it: the ledger has both or none. */
static void begin(struct vnep_edge *edge, uint64_t block, uint64_t place)
{
	edge->ledger.relay_block = block;
	edge->ledger.relay_place = place;
	edge->ledger.ring_packets++;
	edge->ledger_dirty = true;
}

void edge_relay_came(struct vnep_edge *edge, const struct vnep_ring_frame *frame)
{
	const struct edge_ledger *l = &edge->ledger;
	struct edge_relays *r = edge->relays;

	if (edge->ring_at < l->relay_block ||
		(edge->ring_at == l->relay_block && edge->ring_place <= l->relay_place))
		return; /* read again */
	if (!r)
		r = edge->relays = calloc(1, sizeof *r);
	if (!r || r->count == LINE_MAX) {
		begin(edge, edge->ring_at, edge->ring_place);
		edge_deny(edge, edge_core(edge), frame, NULL, VNEP_TO_DEVICE, VNEP_IO_ERROR, true);
		return;
	}
	r->line[(r->first + r->count++) % LINE_MAX] =
		(struct relay){ *frame, edge->ring_at, edge->ring_place };
}

bool edge_relay_waits(const struct vnep_edge *edge)
{
	return edge->relays && edge->relays->count;
}

bool edge_relay_full(const struct vnep_edge *edge)
{
	return edge->relays && edge->relays->count >= LINE_FULL;
}

uint64_t edge_relay_block(const struct vnep_edge *edge)
{
	return edge_relay_waits(edge) ? edge->relays->line[edge->relays->first].block : UINT64_MAX;
}

bool edge_relay_turn(struct vnep_edge *edge)
{
	struct vnep_mono began = vnep_mono_now();

	while (edge_relay_waits(edge)) {
		struct edge_relays *r = edge->relays;
		struct relay relay = r->line[r->first];

		r->first = (r->first + 1) % LINE_MAX;
		r->count--;
		begin(edge, relay.block, relay.place);
		work(edge, &relay.frame);
		edge_group_end(edge);
		if (vnep_mono_over(began, EDGE_TURN_MS))
			break;
	}
	return edge_relay_waits(edge);
}

void edge_relays_release(struct vnep_edge *edge)
{
	free(edge->relays);
	edge->relays = NULL;
}
