/* openflow-device - the flows of one device: what the rules would have found in their sets. */
#include <limits.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "openflow-private.h"

static bool in_binding(enum vnep_set set, const struct vnep_openflow_device *d)
{
	switch (set) {
	case VNEP_SET_FROM_BINDING: return !d->host && !d->vlan;
	case VNEP_SET_FROM_VLAN: return !d->host && d->vlan;
	case VNEP_SET_FROM_HOST: return d->host && !d->vlan;
	case VNEP_SET_FROM_HOST_VLAN: return d->host && d->vlan;
	default: return false;
	}
}

/* Where the map leads from this device; SIZE_MAX: nowhere. */
static size_t in_map(const struct openflow_rule *r, const struct vnep_openflow_device *d)
{
	if (!d->bound || ((r->asks & ASK_AWAKE) && !d->awake))
		return SIZE_MAX;
	switch (r->map) {
	case VNEP_SET_CLASS: return d->class;
	case VNEP_SET_TO_PORT: return d->lane;
	case VNEP_SET_CONSENT: return d->consent;
	default: return SIZE_MAX;
	}
}

/* Is the device of this rule at all? */
static bool concerns(const struct openflow_use *u, const struct vnep_openflow_device *d)
{
	const struct openflow_rule *r = &u->rule;

	if (!d->addr_count)
		return false;
	if ((r->asks & ASK_BINDING) && !(d->bound && d->has_mac && in_binding(r->binding, d)))
		return false;
	if ((r->asks & ASK_PAIR) && !d->host)
		return false;
	if ((r->asks & ASK_MAP) && in_map(r, d) == SIZE_MAX)
		return false;
	if (r->asks & (ASK_TO_BINDING | ASK_MAC))
		return d->bound && d->has_mac && d->lane == u->node->place.chain;
	return true;
}

/* The match of one flow; false: the rule excludes it. addr is one of the device's. */
static bool narrow(const struct openflow_use *u, const struct vnep_openflow_device *d,
	const struct in6_addr *addr, struct openflow_match *m)
{
	const struct openflow_rule *r = &u->rule;
	bool ok = openflow_match_number(&m->type, ETH_P_IPV6);

	if (r->asks & ASK_BINDING) {
		m->mac = &d->mac;
		ok = ok && openflow_match_addr(m, false, addr) &&
		     openflow_match_vlan(m, d->vlan ? TAG_VLAN : TAG_NONE, d->vlan);
	}
	if (r->asks & ASK_PAIR) {
		bool to = r->pair == VNEP_FIELD_DEST; /* L stands there */

		ok = ok && openflow_match_addr(m, to, addr) && openflow_match_addr(m, !to, &d->vep);
	}
	if (r->asks & ASK_MAP)
		ok = ok && openflow_match_addr(m, r->field == VNEP_FIELD_DEST, &d->vep);
	if (r->asks & ASK_TO_BINDING)
		return ok && openflow_match_addr(m, true, &d->vep);
	if (r->asks & ASK_MAC)
		return ok && openflow_match_addr(m, false, &d->vep);
	return ok;
}

static void put_actions(const struct vnep_openflow *o, const struct openflow_use *u,
	const struct vnep_openflow_device *d)
{
	const struct openflow_rule *r = &u->rule;
	struct vnep_buf *out = o->out;
	char text[VNEP_IP6_LEN];

	vnep_buf_put(out, r->pre.data, r->pre.len);
	if (r->asks & ASK_REWRITE) {
		vnep_ip6_print(&d->vep, text);
		vnep_buf_printf(out, "set_field:%s->ipv6_src,", text);
	}
	if (r->asks & ASK_TO_BINDING) {
		vnep_ip6_print(&d->addr[0], text);
		vnep_buf_printf(out, "set_field:%s->ipv6_dst,", text);
	}
	vnep_buf_put(out, r->post.data, r->post.len);
	if (r->asks & ASK_MAC) { /* also back out of the port it came by: hairpin */
		vnep_mac_print(&d->mac, text);
		vnep_buf_printf(out,
			"set_field:%s->eth_dst,load:0->NXM_OF_IN_PORT[],output:\"%s\",", text,
			r->out);
	}
	if (r->end == END_MAP)
		openflow_goto_chain(o, (uint32_t)in_map(r, d), out);
	else
		vnep_buf_put_str(out, u->after);
}

static void put_flow(struct vnep_openflow *o, const struct openflow_use *u,
	const struct vnep_openflow_device *d, const struct in6_addr *addr, unsigned port)
{
	struct openflow_match m = u->rule.match;
	size_t actions;

	if (!narrow(u, d, addr, &m))
		return;
	if (port != UINT_MAX)
		m.in_port = o->ports[port];
	openflow_begin(o, u->node, u->priority, u->rule.cookie, &m);
	actions = o->out->len;
	put_actions(o, u, d);
	openflow_end(o, actions, u->rule.rule->comment);
}

/* A binding is of a port, and of the chains of that port alone. */
static void put_use(
	struct vnep_openflow *o, const struct openflow_use *u, const struct vnep_openflow_device *d)
{
	bool binding = u->rule.asks & ASK_BINDING;
	unsigned addrs = u->rule.asks & (ASK_BINDING | ASK_PAIR) ? d->addr_count : 1;

	for (unsigned p = 0; p < (binding ? o->access_count : 1); p++) {
		if (binding && d->port != UINT_MAX && d->port != p)
			continue;
		if (binding && u->node->port != PORT_SEVERAL && u->node->port != p)
			continue;
		for (unsigned i = 0; i < addrs; i++)
			put_flow(o, u, d, &d->addr[i], binding ? p : UINT_MAX);
	}
}

static void put_fact(struct vnep_openflow *o, int table, const char *match, uint32_t fact)
{
	vnep_buf_printf(o->out,
		"table=%d,priority=1,%s "
		"actions=write_metadata:0x%x00000000/0x%x00000000,goto_table:%d\n",
		table, match, fact, fact, table + 1);
}

void vnep_openflow_device(struct vnep_openflow *o, const struct vnep_openflow_device *d)
{
	char text[16 + VNEP_IP6_LEN] = "dl_src=";

	if (d->has_mac) {
		vnep_mac_print(&d->mac, text + strlen(text));
		put_fact(o, VNEP_OPENFLOW_KNOWN, text, MATCH_KNOWN);
	}
	if (!d->host) {
		memcpy(text, "ipv6,ipv6_dst=", sizeof "ipv6,ipv6_dst=");
		vnep_ip6_print(&d->vep, text + strlen(text));
		put_fact(o, VNEP_OPENFLOW_ENDPOINT, text, MATCH_ENDPOINT);
	}
	for (size_t i = 0; i < o->use_count; i++)
		if (concerns(&o->uses[i], d))
			put_use(o, &o->uses[i], d);
}
