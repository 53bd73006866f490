/*
 * journal-rules - what an event, a checkpoint or an outcome changes. Nothing here looks at a clock,
 * a lock or a file: the same blocks in the same order always give the same state, so that writing,
 * recovery and a rebuilt index cannot disagree.
 *
 * A to-device packet lives like this (attempts in brackets):
 *
 *     arrives, device not awake -> pending [0] --sent--> in flight [1]
 *     forwarded, a copy is kept ----------------------> in flight [1]
 *     in flight --outcome, synced checkpoint----------> settled
 *     in flight --no sign of life before a disconnect-> pending, while attempts are left
 *
 * A from-device packet that found its next hop away is held: pending until its one outcome, whatever the cursors say.
 */
#include <string.h>

#include "journal-private.h"
#include "vnep/err.h"
#include "vnep/flow.h"
#include "vnep/frame.h"

enum {
	TCP_SYN = 2,
	TCP_ACK = 16,
	TCP_HEADER_MIN = 20,
	ICMP6_ECHO_REPLY = 129,
	COAP_ACK = 2,
	COAP_RESPONSE = 64
};

static uint64_t word(const uint8_t *data)
{
	uint64_t v;

	memcpy(&v, data, sizeof v); /* the hash never leaves this machine */
	return v;
}

static uint64_t turn(uint64_t h, uint64_t v, uint64_t by)
{
	h = (h ^ v) * by;
	return h << 29 | h >> 35;
}

/* Sixteen octets a round, in two lanes. Who makes two frames of one hash gains nothing: equal means equal octets,
 * and the table that the hash leads into has a key. */
static uint64_t mix(uint64_t h, const uint8_t *data, size_t len)
{
	const uint64_t by[2] = { 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f };
	uint64_t other = h ^ len;
	uint8_t rest[16] = { 0 };

	for (; len >= sizeof rest; data += sizeof rest, len -= sizeof rest) {
		h = turn(h, word(data), by[0]);
		other = turn(other, word(data + 8), by[1]);
	}
	memcpy(rest, data, len);
	h = turn(h, word(rest), by[0]);
	other = turn(other, word(rest + 8), by[1]);
	h ^= other;
	return (h ^ h >> 32) * by[1];
}

static bool is_syn(const struct vnep_frame *f, const uint8_t *frame)
{
	return f->proto == IPPROTO_TCP && f->l4 && !f->fragment &&
	       f->l4 + TCP_HEADER_MIN <= f->end &&
	       (frame[f->l4 + 13] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* An answer to what the device itself asked, or an error about it: at its next waking nobody waits
 * for it. */
static bool is_answer(const struct vnep_frame *f, const uint8_t *frame)
{
	struct vnep_coap coap;

	if (f->proto == IPPROTO_ICMPV6)
		return f->l4 && (f->icmp_type < 128 || f->icmp_type == ICMP6_ECHO_REPLY);
	return vnep_coap_read(&coap, f, frame) &&
	       (coap.type >= COAP_ACK || coap.code >= COAP_RESPONSE);
}

void vnep_jrules_identity(struct vnep_jidentity *out, const uint8_t *frame, size_t len)
{
	struct vnep_frame f;
	uint64_t h = 0xcbf29ce484222325;

	*out = (struct vnep_jidentity){ 0 };
	if (vnep_frame_parse(&f, frame, len)) {
		out->hash = mix(h, frame, len);
		return;
	}
	out->tcp = f.proto == IPPROTO_TCP;
	out->answer = is_answer(&f, frame);
	out->syn = is_syn(&f, frame);
	if (out->syn) { /* addresses, ports, sequence number */
		h = mix(h, (const uint8_t *)&f.src, sizeof f.src);
		h = mix(h, (const uint8_t *)&f.dest, sizeof f.dest);
		out->hash = mix(h, frame + f.l4, 8);
	} else {
		h = mix(h, frame + f.l3, 7);
		out->hash = mix(h, frame + f.l3 + 8, (size_t)(f.end - f.l3 - 8));
	}
}

bool vnep_jrules_same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	struct vnep_frame fa, fb;

	if (vnep_frame_parse(&fa, a, a_len) || vnep_frame_parse(&fb, b, b_len))
		return a_len == b_len && !memcmp(a, b, a_len);
	if (is_syn(&fa, a) && is_syn(&fb, b))
		return vnep_ip6_equal(&fa.src, &fb.src) && vnep_ip6_equal(&fa.dest, &fb.dest) &&
		       !memcmp(a + fa.l4, b + fb.l4, 8);
	return fa.end - fa.l3 == fb.end - fb.l3 && !memcmp(a + fa.l3, b + fb.l3, 7) &&
	       !memcmp(a + fa.l3 + 8, b + fb.l3 + 8, (size_t)(fa.end - fa.l3 - 8));
}

uint64_t vnep_jrules_resume(const struct vnep_jdevice *device)
{
	uint64_t resume = device->life_seq + 1;

	if (device->unconfirmed_seq && device->unconfirmed_seq < resume)
		resume = device->unconfirmed_seq;
	return resume > device->synced_seq ? resume : device->synced_seq;
}

/* One entry more that waits, or one less. */
static void count_pending(struct vnep_jtail *tail, struct vnep_jdevice *device,
	const struct vnep_jevent *entry, int by)
{
	uint64_t one = (uint64_t)(int64_t)by,
		 octets = by > 0 ? entry->octets : -(uint64_t)entry->octets;

	device->pending += one;
	device->pending_octets += octets;
	tail->pending += one;
	if (!(entry->flags & VNEP_JEVENT_HELD))
		return;
	device->held += one;
	device->held_octets += octets;
}

/* The entry is put back as pending, or not; counted if that is news. */
static int put_entry(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, uint64_t seq, struct vnep_jevent *entry, bool pending,
	struct vnep_err *err)
{
	struct vnep_jevent old;
	bool was;
	int rc;

	entry->flags &= (uint8_t)~VNEP_JEVENT_PENDING;
	if (pending)
		entry->flags |= VNEP_JEVENT_PENDING;
	rc = vnep_jindex_put_event(ix, id, seq, entry, &old, err);
	was = old.flags & VNEP_JEVENT_PENDING;
	if (rc || (!was && !pending))
		return rc;
	if (was)
		count_pending(tail, device, &old, -1);
	if (pending)
		count_pending(tail, device, entry, 1);
	return 0;
}

static bool deliverable(const struct vnep_event *event)
{
	return event->direction == VNEP_TO_DEVICE && event->frame &&
	       (event->kind == VNEP_KIND_DATA || event->kind == VNEP_KIND_INSTRUCTION ||
		       event->kind == VNEP_KIND_LATE);
}

/* Towards the VPC: no next hop was there. */
static bool waits_for_core(const struct vnep_event *event)
{
	return event->held && event->direction == VNEP_FROM_DEVICE && event->frame &&
	       event->kind == VNEP_KIND_DATA;
}

static void fill_entry(struct vnep_jevent *entry, const struct vnep_event *event,
	const struct vnep_jidentity *identity, const struct vnep_jplace *place)
{
	struct vnep_jidentity own;

	*entry = (struct vnep_jevent){ .offset = place->offset,
		.segment = place->segment,
		.length = place->length,
		.octets = event->frame_len,
		.ns = event->ts.ns,
		.kind = (uint8_t)event->kind,
		.direction = (uint8_t)event->direction };
	if (event->copy)
		entry->flags |= VNEP_JEVENT_COPY;
	if (waits_for_core(event))
		entry->flags |= VNEP_JEVENT_HELD;
	if (!deliverable(event))
		return;
	if (!identity) {
		vnep_jrules_identity(&own, event->frame, event->frame_len);
		identity = &own;
	}
	entry->hash = identity->hash;
	entry->attempts = event->copy;
	entry->flags |= VNEP_JEVENT_DELIVERABLE;
	if (identity->tcp || identity->answer)
		entry->flags |= VNEP_JEVENT_ONCE;
}

static void note_times(struct vnep_jtail *tail, struct vnep_jdevice *device, struct vnep_wall ts)
{
	if (!ts.ns)
		return;
	if (!device->first_ns)
		device->first_ns = ts.ns;
	if (ts.ns > device->last_ns)
		device->last_ns = ts.ns;
	if (!tail->oldest_ns || ts.ns < tail->oldest_ns)
		tail->oldest_ns = ts.ns;
	if (ts.ns > tail->newest_ns)
		tail->newest_ns = ts.ns;
}

/* A sign of life of that time. It may have stood in the ring while later packets were sent: of those it says nothing,
 * and whether they arrived nobody knows if the device falls silent now. A clock that was set back says nothing either,
 * and must not hold everything up. */
static void confirm(struct vnep_jdevice *device, int64_t ns)
{
	const int64_t late_ns = 60000000000;
	bool older = ns < device->sent_ns && device->sent_ns - ns < late_ns;

	if (older && (!device->mark_seq || ns < device->mark_ns))
		return;
	device->unconfirmed_seq = older ? device->mark_seq : 0;
	device->mark_seq = 0;
}

static void note_sent(struct vnep_jdevice *device, uint64_t seq, int64_t ns)
{
	if (!device->unconfirmed_seq || seq < device->unconfirmed_seq)
		device->unconfirmed_seq = seq;
	if (!device->mark_seq || seq < device->mark_seq) {
		device->mark_seq = seq;
		device->mark_ns = ns;
	}
	device->sent_ns = ns;
}

int vnep_jrules_event(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, const struct vnep_event *event,
	const struct vnep_jidentity *identity, const struct vnep_jplace *place, bool *pending,
	struct vnep_err *err)
{
	bool newest = event->seq > device->head_seq;
	struct vnep_jevent entry;

	*pending = (deliverable(event) && !event->copy) || waits_for_core(event);
	fill_entry(&entry, event, identity, place);
	if (event->seq > device->head_seq)
		device->head_seq = event->seq;
	if (event->conn > device->conn)
		device->conn = event->conn;
	if (event->kind == VNEP_KIND_CONNECT || event->kind == VNEP_KIND_DISCONNECT)
		device->connected = event->kind == VNEP_KIND_CONNECT;
	if (event->kind == VNEP_KIND_DATA && event->direction == VNEP_FROM_DEVICE) {
		device->life_seq = event->seq;
		device->life_ns = event->ts.ns;
		confirm(device, event->ts.ns);
	}
	note_times(tail, device, event->ts);
	tail->events++;
	if (!newest) /* only where blocks stand twice, or somebody else wrote them */
		return put_entry(ix, tail, id, device, event->seq, &entry, *pending, err);
	if (*pending) {
		entry.flags |= VNEP_JEVENT_PENDING;
		count_pending(tail, device, &entry, 1);
	}
	return vnep_jindex_append_event(ix, id, event->seq, &entry, err);
}

static void grow_to(uint64_t *at, uint64_t to)
{
	if (to > *at)
		*at = to;
}

/* What was forwarded or sent behind the last sign of life: once more, or it was the last time. */
static int disconnected(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, uint64_t seq, struct vnep_journal_moved *moved,
	struct vnep_err *err)
{
	const uint8_t mask = VNEP_JEVENT_DELIVERABLE | VNEP_JEVENT_FINAL | VNEP_JEVENT_PENDING;
	struct vnep_jevent entry;
	int rc;

	for (;; seq++) {
		rc = vnep_jindex_next_event(ix, id, &seq, &entry, err);
		if (rc)
			return rc == VNEP_ENOTFOUND ? 0 : rc;
		if ((entry.flags & mask) != VNEP_JEVENT_DELIVERABLE || !entry.attempts)
			continue;
		if (entry.attempts >= VNEP_ATTEMPTS || entry.flags & VNEP_JEVENT_ONCE) {
			entry.flags |= VNEP_JEVENT_FINAL;
			rc = put_entry(ix, tail, id, device, seq, &entry, false, err);
		} else {
			moved->copies += entry.flags & VNEP_JEVENT_COPY ? 1 : 0;
			moved->resent += entry.flags & VNEP_JEVENT_COPY ? 0 : 1;
			rc = put_entry(ix, tail, id, device, seq, &entry, true, err);
		}
		if (rc)
			return rc;
	}
}

static int settle_below(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, uint64_t resume, struct vnep_journal_moved *moved,
	struct vnep_err *err)
{
	struct vnep_jevent entry;
	uint64_t seq = 0;
	int rc;

	for (; !(rc = vnep_jindex_next_pending(ix, id, &seq, &entry, err)) && seq < resume; seq++) {
		if (entry.flags & VNEP_JEVENT_HELD)
			continue; /* the cursor is that of the device */
		entry.flags |= VNEP_JEVENT_FINAL;
		rc = put_entry(ix, tail, id, device, seq, &entry, false, err);
		if (rc)
			return rc;
		moved->settled++;
	}
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

/* The checkpoint that had moved the synced cursor may stand in none of the segments any more, but what it settled in
 * those in front. */
int vnep_jrules_erased(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, const struct vnep_pcapng_erased *erased, struct vnep_err *err)
{
	struct vnep_journal_moved moved = { 0 };

	grow_to(&device->head_seq, erased->seq + erased->count - 1);
	grow_to(&device->synced_seq, erased->synced);
	grow_to(&device->disconnect_seq, erased->disconnect);
	grow_to(&device->life_seq, erased->life);
	if (erased->conn > device->conn)
		device->conn = erased->conn;
	if (erased->life_ts.ns > device->life_ns)
		device->life_ns = erased->life_ts.ns;
	if (erased->connected)
		device->connected = erased->connected == 1;
	note_times(tail, device, erased->first);
	return settle_below(ix, tail, id, device, erased->synced, &moved, err);
}

int vnep_jrules_checkpoint(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, const struct vnep_checkpoint *checkpoint,
	struct vnep_journal_moved *moved, struct vnep_err *err)
{
	uint64_t resume = checkpoint->resume_seq;

	*moved = (struct vnep_journal_moved){ 0 };
	note_times(tail, device, checkpoint->ts);
	if (checkpoint->cursor == VNEP_CURSOR_SYNCED) {
		if (resume > device->synced_seq)
			device->synced_seq = resume;
		if (device->unconfirmed_seq && device->unconfirmed_seq < resume)
			device->unconfirmed_seq = device->mark_seq = 0;
		return settle_below(ix, tail, id, device, resume, moved, err);
	}
	if (resume > device->disconnect_seq)
		device->disconnect_seq = resume;
	device->unconfirmed_seq = device->mark_seq = 0;
	/* What the synced cursor has passed is settled for good. */
	if (resume < device->synced_seq)
		resume = device->synced_seq;
	return disconnected(ix, tail, id, device, resume, moved, err);
}

int vnep_jrules_outcome(struct vnep_jindex *ix, struct vnep_jtail *tail, uint32_t id,
	struct vnep_jdevice *device, const struct vnep_outcome *outcome, struct vnep_err *err)
{
	struct vnep_jevent entry;
	int rc = vnep_jindex_event(ix, id, outcome->seq, &entry, err);

	if (rc)
		return rc;
	note_times(tail, device, outcome->ts);
	if (outcome->outcome == VNEP_OUTCOME_SENT) {
		if (outcome->attempt > entry.attempts)
			entry.attempts = (uint8_t)(outcome->attempt < UINT8_MAX ? outcome->attempt
										: UINT8_MAX);
		if (!(entry.flags & VNEP_JEVENT_HELD))
			note_sent(device, outcome->seq, outcome->ts.ns);
	} else {
		entry.flags |= VNEP_JEVENT_FINAL;
	}
	return put_entry(ix, tail, id, device, outcome->seq, &entry, false, err);
}
