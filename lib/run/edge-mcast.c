/* edge-mcast - an instruction: its members are frozen, and each one's journal has it before anybody is sent a frame. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "edge-mcast.h"
#include "vnep/coapmake.h"
#include "vnep/members.h"

enum {
	SOURCE_FIRST = 49152,
	COAP_PORT = 5683,
	MIN_MTU = 1280,
	UUID_LEN = 36,
	MAX_MTU = EDGE_FRAME_MAX - (VNEP_DATAGRAM_HEAD - VNEP_DATAGRAM_IP_HEAD)
};

static int no_memory(struct vnep_err *err)
{
	return vnep_err_sys(err, ENOMEM, "instruction");
}

const char *edge_member_name(const struct edge_mcast *mc, const struct edge_member *m)
{
	return (const char *)mc->names.data + m->name;
}

void edge_mcast_free(struct edge_mcast *mc)
{
	struct edge_mcast **p;

	if (!mc)
		return;
	for (p = &mc->edge->mcasts; *p && *p != mc; p = &(*p)->next)
		;
	if (*p)
		*p = mc->next;
	if (mc->client)
		mc->client->instructions--;
	vnep_watch_free(mc->timer);
	vnep_table_release(&mc->by_vep);
	vnep_buf_release(&mc->many);
	vnep_buf_release(&mc->one);
	vnep_buf_release(&mc->names);
	free(mc->members);
	free(mc->shots);
	free(mc->lanes);
	free(mc->order);
	free(mc);
}

void edge_mcasts_release(struct vnep_edge *edge)
{
	while (edge->mcasts)
		edge_mcast_free(edge->mcasts);
	edge_relays_release(edge);
	vnep_sentlog_close(edge->sent);
	vnep_sentlog_close(edge->fanned);
}

/* ---- what it is ---- */

static void make_id(char out[static UUID_LEN + 1], const uint8_t r[static 16])
{
	size_t n = 0;

	for (int i = 0; i < 16; i++) {
		uint8_t octet = r[i];

		if (i == 6)
			octet = (uint8_t)(0x40 | (octet & 15)); /* RFC 9562 5.4 */
		if (i == 8)
			octet = (uint8_t)(0x80 | (octet & 63));
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[n++] = '-';
		n += (size_t)snprintf(out + n, 3, "%02x", octet);
	}
}

static bool source_is_free(const struct vnep_edge *edge, uint16_t source)
{
	for (const struct edge_mcast *mc = edge->mcasts; mc; mc = mc->next)
		if (!mc->relayed && mc->source == source)
			return false;
	return true;
}

/* Both messages, in which all but the type is the same: who got the first one takes the second for a repetition (RFC 7252
 * 4.5). To many a message is never confirmable (8.1). */
static int make_coap(
	struct edge_mcast *mc, const struct vnep_instruction *instruction, struct vnep_err *err)
{
	struct vnep_coap_request request = { .head = mc->head,
		.uri = instruction->uri,
		.content_format = instruction->content_format,
		.payload = instruction->payload,
		.payload_len = instruction->payload_len };
	int rc;

	request.head.type = VNEP_COAP_NON;
	rc = vnep_coap_make(&mc->many, &request, err);
	request.head.type = VNEP_COAP_CON;
	return rc ? rc : vnep_coap_make(&mc->one, &request, err);
}

static int make_payload(
	struct edge_mcast *mc, const struct vnep_instruction *instruction, struct vnep_err *err)
{
	uint8_t r[32];

	if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
		return vnep_err_sys(err, errno, "random numbers");
	if (instruction->id[0])
		memcpy(mc->id, instruction->id, sizeof mc->id);
	else
		make_id(mc->id, r);
	do {
		mc->edge->mcast_source++; /* from a random one on: two edges of a boot differ */
		mc->source = (uint16_t)(SOURCE_FIRST |
					((mc->edge->mcast_source + mc->edge->mcast_seed) & 0x3fff));
	} while (!source_is_free(mc->edge, mc->source));
	mc->coap = instruction->method != 0;
	if (!mc->coap) {
		vnep_buf_put(&mc->many, instruction->payload, instruction->payload_len);
		vnep_buf_put(&mc->one, instruction->payload, instruction->payload_len);
		return mc->many.rc || mc->one.rc ? no_memory(err) : 0;
	}
	mc->head = (struct vnep_coap){ .code = instruction->method,
		.mid = (uint16_t)(r[16] << 8 | r[17]),
		.token_len = sizeof mc->head.token };
	memcpy(mc->head.token, r + 18, sizeof mc->head.token);
	return make_coap(mc, instruction, err);
}

/* NULL: of none it is known. */
static const struct edge_port *narrowest(const struct vnep_edge *edge)
{
	const struct edge_port *narrow = NULL;

	for (unsigned i = 0; i + 1 < edge->port_count; i++)
		if (edge->ports[i].mtu && (!narrow || edge->ports[i].mtu < narrow->mtu))
			narrow = &edge->ports[i];
	return narrow;
}

/* Also of the widest links: there is no more room for a frame with its tag. */
uint32_t edge_mcast_mtu(const struct vnep_edge *edge)
{
	const struct edge_port *narrow = narrowest(edge);
	uint32_t mtu = narrow ? narrow->mtu : MIN_MTU;

	return mtu < MAX_MTU ? mtu : MAX_MTU;
}

static int check_size(const struct edge_mcast *mc, struct vnep_err *err)
{
	const struct edge_port *narrow = narrowest(mc->edge);
	size_t len = VNEP_DATAGRAM_IP_HEAD + mc->many.len;

	if (len <= edge_mcast_mtu(mc->edge))
		return 0;
	return vnep_err_set(err, VNEP_ETOOBIG,
		"the instruction makes packets of %zu octets, and port %s takes at most %u: a "
		"group gets it in one frame",
		len, narrow ? narrow->name : "?", edge_mcast_mtu(mc->edge));
}

/* ---- its members ---- */

static uint32_t *lane_slot(struct edge_mcast *mc, const struct edge_device *d)
{
	if (!mc->lanes)
		mc->lanes =
			calloc(((size_t)mc->edge->port_count + 1) * EDGE_VLANS, sizeof *mc->lanes);
	return mc->lanes ? &mc->lanes[(size_t)d->port->index * EDGE_VLANS + d->l2.vlan] : NULL;
}

int edge_mcast_lane_of(struct edge_mcast *mc, const struct edge_device *d,
	const struct in6_addr *speaker, uint32_t *out, struct vnep_err *err)
{
	uint32_t *lane = lane_slot(mc, d);
	struct edge_shot *more;

	if (!lane)
		return no_memory(err);
	if (*lane) {
		*out = *lane - 1;
		return 0;
	}
	if (mc->shot_count == mc->shot_room) {
		more = reallocarray(mc->shots, mc->shot_room * 2 + 64, sizeof *more);
		if (!more)
			return no_memory(err);
		mc->shots = more;
		mc->shot_room = mc->shot_room * 2 + 64;
	}
	*out = (uint32_t)mc->shot_count++;
	mc->shots[*out] =
		(struct edge_shot){ .port = d->port, .vlan = d->l2.vlan, .speaker = *speaker };
	*lane = *out + 1;
	return 0;
}

int edge_mcast_shot_of(struct edge_mcast *mc, struct edge_device *d, const struct in6_addr *speaker,
	uint32_t *out, struct vnep_err *err)
{
	uint32_t *slot = lane_slot(mc, d), lane = slot ? *slot : 0;
	int rc;

	if (!slot)
		return no_memory(err);
	*slot = 0;
	rc = edge_mcast_lane_of(mc, d, speaker, out, err);
	if (rc)
		return rc;
	*slot = lane;
	mc->shots[*out].device = d;
	return 0;
}

bool edge_mcast_is_alone(const struct edge_device *d)
{
	return d->life == VNEP_LIFE_AWAKE && !d->pending;
}

/* Who gets its backlog at this moment hears what its link hears, too: it is sent the frame, and nothing from the journal. By
 * unicast it gets it behind the rest. */
static bool listens(const struct edge_mcast *mc, const struct edge_device *d)
{
	if (!d || !d->bound || !d->port->up)
		return false;
	if (edge_mcast_is_alone(d))
		return true;
	return !mc->unicast &&
	       (d->life == VNEP_LIFE_AWAKE || vnep_life_presence(d->life) == VNEP_STATE_WAKING);
}

static int choose_way(struct edge_mcast *mc, struct edge_member *m, struct edge_device *d,
	const struct in6_addr *speaker, struct vnep_err *err)
{
	int rc;

	m->way = EDGE_WAY_JOURNAL;
	m->via = VNEP_VIA_REPLAY;
	if (!listens(mc, d))
		return 0;
	if (!mc->unicast) {
		rc = edge_mcast_lane_of(mc, d, speaker, &m->shot, err);
		if (rc)
			return rc;
		if (vnep_ip6_equal(&mc->shots[m->shot].speaker, speaker)) {
			m->way = EDGE_WAY_LANE;
			m->via = VNEP_VIA_MULTICAST;
			mc->awake++;
			return 0;
		}
	}
	/* of another VPC than the frame of its link: that one would not be its own */
	m->way = EDGE_WAY_UNICAST;
	m->via = VNEP_VIA_UNICAST;
	mc->awake++;
	return edge_mcast_shot_of(mc, d, speaker, &m->shot, err);
}

static int add_member(const struct vnep_device *device, void *arg)
{
	struct edge_mcast *mc = arg;
	struct vnep_edge *edge = mc->edge;
	const struct vnep_vpc *vpc = edge_vpc(edge, device->vpc, &device->vep);
	struct edge_device *d = vnep_table_get(&edge->by_vep, &device->vep);
	struct vnep_err *err = mc->err;
	struct edge_member *m;

	if (mc->relayed && vpc != mc->vpc)
		return edge_relay_avoid(mc, d, err);
	if (mc->relayed && edge_relay_had(mc, device))
		return 0;
	if (!vpc || IN6_IS_ADDR_UNSPECIFIED(edge_mcast_speaker(mc, vpc))) {
		vnep_err_set(err, VNEP_EVALUE, "%s: its vpc \"%s\" has no \"speaker\"", device->dev,
			vpc ? vpc->vpc : device->vpc);
		vnep_err_hint(err, "an address of the prefix that nobody has, as whom the edge "
				   "speaks to the devices of the vpc");
		return VNEP_EVALUE;
	}
	if (mc->count == mc->room) {
		size_t room = mc->room ? mc->room * 2 : 256;

		m = reallocarray(mc->members, room, sizeof *m);
		if (!m)
			return no_memory(err);
		mc->members = m;
		mc->room = room;
	}
	m = &mc->members[mc->count++];
	*m = (struct edge_member){
		.vep = device->vep, .name = mc->names.len, .vpc = (uint32_t)(vpc - edge->vpcs)
	};
	vnep_buf_put(&mc->names, device->dev, strlen(device->dev) + 1);
	if (device->form ==
		VNEP_FORM_HOST) { /* it speaks with its endpoint, and with nobody else */
		m->way = EDGE_WAY_NONE;
		m->fate = EDGE_FATE_FAILED;
		return 0;
	}
	if (!d && (device->dl_packet_count || device->dl_octets))
		d = edge_device_by_vep(edge, &device->vep);
	return choose_way(mc, m, d, edge_mcast_speaker(mc, vpc), err);
}

int edge_mcast_index(struct edge_mcast *mc, struct vnep_err *err)
{
	if (mc->names.rc)
		return no_memory(err);
	if (!mc->count)
		return vnep_err_set(err, VNEP_EVALUE, "%s%s%s has no members",
			mc->group[0] ? "group \"" : "the selection", mc->group,
			mc->group[0] ? "\"" : "");
	for (size_t i = 0; i < mc->count; i++)
		if (vnep_table_put(&mc->by_vep, &mc->members[i]))
			return no_memory(err);
	return 0;
}

/* The group gives address and port; without one, or with a query, each member is spoken to alone: what goes to the address
 * of a group all of it hears. */
static int read_group(struct edge_mcast *mc, struct vnep_map_txn *txn,
	const struct edge_mcast_how *how, struct vnep_err *err)
{
	struct vnep_group group = { 0 };
	int rc = mc->group[0] ? vnep_members_group(txn, mc->group, &group, err) : 0;

	mc->unicast = how->unicast || !mc->group[0] || vnep_members_query(how->selection);
	if (!mc->relayed) /* that has what its sender wrote */
		mc->address = group.address;
	mc->hop_limit = how->hop_limit;
	mc->port = how->port ? how->port : group.port ? group.port : COAP_PORT;
	vnep_group_release(&group);
	return rc;
}

int edge_mcast_gather(struct edge_mcast *mc, const struct edge_mcast_how *how, struct vnep_err *err)
{
	struct vnep_map_txn *txn;
	int rc = vnep_map_begin(mc->edge->map, false, &txn, err);

	if (rc)
		return rc;
	snprintf(mc->group, sizeof mc->group, "%s", vnep_json_get_str(how->selection, "group", ""));
	mc->err = err;
	rc = read_group(mc, txn, how, err);
	if (!rc)
		rc = vnep_members_each(txn, how->selection, add_member, mc, err);
	vnep_map_abort(txn);
	return rc;
}

int edge_mcast_freeze(struct edge_mcast *mc, const struct edge_mcast_how *how, struct vnep_err *err)
{
	int rc = edge_mcast_gather(mc, how, err);

	return rc ? rc : edge_mcast_index(mc, err);
}

struct edge_mcast *edge_mcast_new(struct vnep_edge *edge)
{
	struct edge_mcast *mc = calloc(1, sizeof *mc);

	if (!mc)
		return NULL;
	mc->edge = edge;
	mc->start = vnep_mono_now();
	mc->frozen_at = vnep_wall_now();
	vnep_table_init(&mc->by_vep, offsetof(struct edge_member, vep), sizeof(struct in6_addr));
	if (!edge->mcast_seed)
		edge->mcast_seed = (uint32_t)(mc->frozen_at.ns >> 10) | 1;
	return mc;
}

int edge_mcast_plan(struct vnep_edge *edge, const struct edge_mcast_how *how,
	struct edge_mcast **out, struct vnep_err *err)
{
	struct edge_mcast *mc = edge_mcast_new(edge);
	int rc = mc ? edge_mcast_freeze(mc, how, err) : no_memory(err);

	if (rc)
		edge_mcast_free(mc);
	else
		*out = mc;
	return rc;
}

/* ---- the journal ---- */

/* As if a host of the VPC had sent it, and the device slept. */
static size_t make_waiting(struct edge_mcast *mc, const struct edge_member *m, uint8_t *out)
{
	const struct vnep_tag tag = { VNEP_TAG_NOT_AWAKE, 0, VNEP_TO_DEVICE };
	struct vnep_datagram d = { .src = *edge_mcast_speaker(mc, &mc->edge->vpcs[m->vpc]),
		.dest = m->vep,
		.src_port = mc->source,
		.dest_port = mc->port,
		.hop_limit = EDGE_MCAST_HOPS,
		.payload = mc->one.data,
		.payload_len = mc->one.len };
	size_t len = vnep_datagram_make(out, &d);

	vnep_tag_write(&tag, out);
	vnep_mcast_set_until(out, mc->not_after);
	return len;
}

static int store(struct edge_mcast *mc, struct edge_member *m, struct vnep_err *err)
{
	struct vnep_edge *edge = mc->edge;
	struct edge_device *d = vnep_table_get(&edge->by_vep, &m->vep);
	bool pending = false;
	struct vnep_event e = { .kind = VNEP_KIND_INSTRUCTION,
		.direction = VNEP_TO_DEVICE,
		.ts = mc->frozen_at,
		.conn = d ? d->conn : 0,
		.frame = edge->frame };
	int rc;

	e.frame_len = e.length = (uint32_t)make_waiting(mc, m, edge->frame);
	snprintf(e.dev, sizeof e.dev, "%s", edge_member_name(mc, m));
	memcpy(e.in_iface, edge_core(edge)->name, sizeof e.in_iface);
	rc = vnep_journal_append(edge->journal, &e, &pending, NULL, err);
	if (rc)
		return rc;
	m->seq = e.seq;
	m->octets = e.length;
	if (!pending)
		return 0;
	edge->delta.pending++;
	edge->delta.carried++; /* it arrived at no port */
	if (!d)
		return 0;
	d->head_seq = e.seq;
	d->pending++;
	d->pending_octets += e.length;
	if (m->way == EDGE_WAY_JOURNAL)
		edge_journal_limits(edge, d, VNEP_TO_DEVICE);
	return 0;
}

int edge_mcast_store(struct edge_mcast *mc, struct vnep_err *err)
{
	struct vnep_edge *edge = mc->edge;
	int rc;

	if (!mc->relayed)
		edge_group_end(edge); /* what the ring brought is no part of it */
	rc = edge_group(edge);
	for (size_t i = 0; !rc && i < mc->count; i++)
		if (mc->members[i].way != EDGE_WAY_NONE)
			rc = store(mc, &mc->members[i], err);
	if (rc)
		edge_group_drop(edge, rc, err);
	edge_group_end(edge);
	if (!rc && edge->group_error)
		rc = edge->group_error;
	if (rc)
		return vnep_err_set(err, rc < -30000 ? rc : VNEP_EKERNEL,
			"the journal cannot be written (%s): nothing was sent", vnep_strerror(rc));
	return 0;
}

/* Who waits in vain, because it listens but could not be sent its frame, gets it like any packet that came too late; so
 * does who woke while the members were frozen. */
void edge_mcast_look_after(struct edge_mcast *mc)
{
	for (size_t i = 0; i < mc->count; i++) {
		struct edge_member *m = &mc->members[i];
		struct edge_device *d;

		if (m->fate != EDGE_FATE_WAITS)
			continue;
		m->way = EDGE_WAY_JOURNAL;
		m->via = VNEP_VIA_REPLAY;
		d = vnep_table_get(&mc->edge->by_vep, &m->vep);
		if (d && d->life == VNEP_LIFE_AWAKE)
			edge_device_check_awake(mc->edge, d);
		else if (d && d->life == VNEP_LIFE_WAKING)
			edge_replay_start(mc->edge, d);
	}
}

static int check_instruction(
	struct edge_mcast *mc, const struct vnep_instruction *instruction, struct vnep_err *err)
{
	const struct edge_mcast *other;

	if (instruction->not_after.ns && instruction->not_after.ns <= mc->frozen_at.ns)
		return vnep_err_set(err, VNEP_EVALUE,
			"\"not_after\" has passed: nobody would get the instruction");
	for (other = mc->edge->mcasts; other; other = other->next)
		if (instruction->id[0] && !strcmp(other->id, instruction->id))
			return vnep_err_set(err, VNEP_ECONFLICT,
				"instruction \"%s\" is on its way already", instruction->id);
	mc->not_after = instruction->not_after;
	return 0;
}

static struct edge_mcast *oldest_unawaited(const struct vnep_edge *edge)
{
	struct edge_mcast *oldest = NULL;

	for (struct edge_mcast *mc = edge->mcasts; mc; mc = mc->next)
		if (!mc->client && !mc->relayed)
			oldest = mc;
	return oldest;
}

/* Those whose answers nobody waits for make room, if that helps. A single one may have any number of members. */
static bool make_room(struct vnep_edge *edge, size_t members, unsigned *waiting)
{
	size_t kept = members, awaited = members;
	unsigned clients = 0, count = 0;
	struct edge_mcast *mc;

	for (mc = edge->mcasts; mc; mc = mc->next) {
		if (mc->relayed) /* they have their own room */
			continue;
		count++;
		kept += mc->count;
		awaited += mc->client ? mc->count : 0;
		clients += mc->client != NULL;
	}
	*waiting = clients;
	if (clients && (clients >= EDGE_MCAST_MAX || awaited > EDGE_MCAST_MEMBERS_MAX))
		return false;
	while ((count >= EDGE_MCAST_MAX || kept > EDGE_MCAST_MEMBERS_MAX) &&
		(mc = oldest_unawaited(edge))) {
		count--;
		kept -= mc->count;
		edge_mcast_free(mc);
	}
	return true;
}

static int check_room(const struct edge_mcast *mc, struct vnep_err *err)
{
	unsigned waiting;

	if (!edge_mcast_none_owed(mc->edge))
		return vnep_err_set(err, VNEP_EUNAVAIL,
			"the journal does not take what the last instruction did: try again");
	if (!make_room(mc->edge, mc->count, &waiting))
		return vnep_err_set(err, VNEP_EUNAVAIL,
			"%u instructions wait for answers (at most %d, of %d members): try again",
			waiting, EDGE_MCAST_MAX, EDGE_MCAST_MEMBERS_MAX);
	return 0;
}

void edge_mcast_link(struct edge_mcast *mc)
{
	mc->next = mc->edge->mcasts;
	mc->edge->mcasts = mc;
}

int edge_mcast_send(struct vnep_edge *edge, const struct vnep_instruction *instruction,
	const struct edge_mcast_how *how, struct edge_mcast **out, struct vnep_err *err)
{
	struct edge_mcast *mc;
	int rc;

	edge_ingest_all(edge); /* who spoke before is awake */
	mc = edge_mcast_new(edge);
	if (!mc)
		return no_memory(err);
	rc = check_instruction(mc, instruction, err);
	if (!rc)
		rc = edge_mcast_freeze(mc, how, err);
	if (!rc)
		rc = make_payload(mc, instruction, err);
	if (!rc)
		rc = check_size(mc, err);
	if (!rc)
		rc = check_room(mc, err);
	if (!rc) {
		edge_mcast_link(mc); /* the limits of a sleeper may settle it at once */
		rc = edge_mcast_store(mc, err);
	}
	if (rc) {
		edge_mcast_free(mc);
		return rc;
	}
	edge_mcast_fan_out(edge, mc);
	edge_mcast_look_after(mc);
	*out = mc;
	return 0;
}
