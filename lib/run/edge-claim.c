/*
 * edge-claim - somebody on the VPC link uses the address of an endpoint: it is told, and the address is defended.
 *
 * Who looks first whether V is free (duplicate address detection) is answered, and leaves it alone. Who does not look,
 * or does not listen, is seen by what it says: an advertisement for V, a solicitation or a packet from V. Hosts may send
 * to it by now what is for the device, so V is announced again, to all (RFC 4862 5.4.4, after the manner of RFC 5227
 * 2.4: hosts take the latest). After each announcement there is a pause; what comes meanwhile is added up, told and
 * answered by one announcement at its end. So many addresses have a pause at a time, and what is beyond is counted
 * only: whatever the claims are, the edge says no more than that.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

enum {
	CLAIMS_MAX = 256,
	PAUSE_MS = 1000, /* RetransTimer of RFC 4861 10 */
	LOG_S = 10,
};

struct edge_claim {
	struct in6_addr addr;
	uint16_t vlan;
	struct vnep_heap_node pause; /* armed: it was announced, or is being answered */
	bool owed;                   /* another announcement, behind the pause */
	uint64_t count[2];           /* not told yet: refused, went on */
	struct in6_addr src, dest;   /* of the latest */
	struct vnep_mac mac;
	uint8_t proto;
};

static struct edge_claim *claim_of(
	struct vnep_edge *edge, const struct in6_addr *addr, uint16_t vlan)
{
	struct edge_claim *c, *free_one = NULL;

	if (!edge->claims)
		edge->claims = calloc(CLAIMS_MAX, sizeof *edge->claims);
	for (size_t i = 0; edge->claims && i < CLAIMS_MAX; i++) {
		c = &edge->claims[i];
		if (!c->pause.slot)
			free_one = c;
		else if (c->vlan == vlan && vnep_ip6_equal(&c->addr, addr))
			return c;
	}
	if (free_one)
		*free_one = (struct edge_claim){ .addr = *addr, .vlan = vlan };
	return free_one;
}

/* False: there was nothing to tell. */
static bool tell(struct vnep_edge *edge, const struct edge_device *d, struct edge_claim *c)
{
	bool any = c->count[0] || c->count[1];
	struct vnep_decision dec = { .ts = vnep_wall_now(),
		.direction = VNEP_TO_DEVICE,
		.reason = VNEP_ADDRESS_IN_USE,
		.has_flow = true,
		.src_ip = c->src,
		.dest_ip = c->dest,
		.proto = c->proto,
		.src_mac = c->mac,
		.vlan = c->vlan };

	memcpy(dec.edge, edge->config.name, sizeof dec.edge);
	memcpy(dec.in_iface, edge_core(edge)->name, sizeof dec.in_iface);
	memcpy(dec.dev, d->dev, sizeof dec.dev);
	for (unsigned went_on = 0; went_on < 2; went_on++) {
		dec.accept = went_on;
		dec.count = c->count[went_on];
		if (dec.count)
			vnep_decision_encode(&edge->told, &dec);
		c->count[went_on] = 0;
	}
	return any;
}

/* The log has one line for all of them, now and then. */
static void log_it(struct vnep_edge *edge, const struct edge_device *d, const struct edge_claim *c)
{
	struct vnep_mono now = vnep_mono_now();
	char addr[VNEP_IP6_LEN], mac[VNEP_MAC_LEN];

	if (edge->claim_logged.ns && now.ns - edge->claim_logged.ns < LOG_S * INT64_C(1000000000))
		return;
	edge->claim_logged = now;
	vnep_ip6_print(&c->addr, addr);
	vnep_mac_print(&c->mac, mac);
	edge_say(edge, LOG_WARNING, "address: %s of %s is used by %s on %s, too", addr, d->dev, mac,
		edge_core(edge)->name);
}

static void announce(struct vnep_edge *edge, struct edge_claim *c)
{
	struct edge_port *core = edge_core(edge);
	uint8_t out[VNEP_ND_FRAME_MAX];

	edge_send(edge, core, out, vnep_ndisc_announce(out, c->vlan, &core->mac, &c->addr));
	c->owed = false;
}

/* From now on it is silent about this address for a while. False: no memory for the timer, nothing is begun. */
static bool begin_pause(struct vnep_edge *edge, struct edge_claim *c)
{
	struct vnep_mono at = vnep_mono_now();

	at.ns += PAUSE_MS * INT64_C(1000000);
	return !vnep_heap_set(&edge->claim_pauses, &c->pause, at);
}

/* seen: whose it is, MAC and flow of the frame. answered: whoever asked was told already, and so were all others. */
static void claimed(struct vnep_edge *edge, const struct edge_device *d,
	const struct edge_claim *seen, bool went_on, bool answered)
{
	struct edge_claim *c = claim_of(edge, &seen->addr, seen->vlan);
	bool fresh = c && !c->pause.slot;

	if (!c || (fresh && !begin_pause(edge, c)))
		return;
	c->src = seen->src;
	c->dest = seen->dest;
	c->mac = seen->mac;
	c->proto = seen->proto;
	c->count[went_on]++;
	c->owed |= !answered;
	if (!fresh)
		return;
	log_it(edge, d, c);
	tell(edge, d, c);
	if (c->owed)
		announce(edge, c);
}

bool edge_claimed(struct vnep_edge *edge, struct edge_port *port, const struct vnep_ndisc *nd)
{
	bool advert = nd->type == VNEP_ND_NEIGHBOUR_ADVERT,
	     probe = !advert && IN6_IS_ADDR_UNSPECIFIED(&nd->src);
	struct edge_claim seen = { .addr = advert || probe ? nd->target : nd->src,
		.vlan = nd->vlan,
		.src = nd->src,
		.dest = nd->dest,
		.mac = nd->has_lladdr ? nd->lladdr : nd->src_mac,
		.proto = IPPROTO_ICMPV6 };
	struct edge_device *d = edge_holder(edge, &seen.addr);
	uint8_t out[VNEP_ND_FRAME_MAX];

	if (!d || !edge_in_its_vpc(edge, d, nd->vlan) || vnep_mac_equal(&seen.mac, &port->mac))
		return false;
	edge_drop(edge, d, VNEP_ADDRESS_IN_USE);
	if (probe)
		edge_send(edge, port, out, vnep_ndisc_answer(out, nd, &port->mac, false));
	claimed(edge, d, &seen, false, probe);
	return true;
}

void edge_claim_seen(
	struct vnep_edge *edge, const struct vnep_ring_frame *frame, const struct vnep_frame *f)
{
	const struct edge_device *d = vnep_table_get(&edge->by_vep, &f->src);
	struct edge_claim seen = {
		.addr = f->src, .vlan = f->vlan, .src = f->src, .dest = f->dest, .proto = f->proto
	};

	if (!d || d->form != VNEP_FORM_EDGE || !edge_in_its_vpc(edge, d, f->vlan))
		return;
	memcpy(seen.mac.octet, frame->data + 6, 6);
	if (!vnep_mac_equal(&seen.mac, &d->l2.mac) &&
		!vnep_mac_equal(&seen.mac, &edge_core(edge)->mac))
		claimed(edge, d, &seen, true, false);
}

void edge_claims_due(struct vnep_edge *edge)
{
	struct vnep_mono now = vnep_mono_now();
	struct edge_claim *c;

	while ((c = vnep_heap_due(&edge->claim_pauses, now, offsetof(struct edge_claim, pause)))) {
		const struct edge_device *d = edge_holder(edge, &c->addr);

		if (!d || !edge_in_its_vpc(edge, d, c->vlan))
			continue; /* it is not ours any more */
		if ((tell(edge, d, c) || c->owed) && begin_pause(edge, c) && c->owed)
			announce(edge, c);
	}
}

void edge_claims_release(struct vnep_edge *edge)
{
	vnep_heap_release(&edge->claim_pauses);
	free(edge->claims);
}
