/* openflow-rule - what a rule says, in OpenFlow's words. */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "openflow-private.h"
#include "vnep/err.h"
#include "vnep/word.h"

void openflow_rule_release(struct openflow_rule *r)
{
	vnep_buf_release(&r->pre);
	vnep_buf_release(&r->post);
}

static void lose(struct vnep_openflow *o, enum vnep_openflow_loss loss)
{
	o->lost |= 1u << loss;
}

static void refuse(struct vnep_openflow *o, const struct openflow_rule *r)
{
	if (!o->rc)
		o->rc = vnep_err_set(o->err, VNEP_EVALUE,
			"OpenFlow has no words for the rule \"%s\"", r->rule->comment);
}

static void keep(struct openflow_rule *r, bool possible)
{
	r->conditional = true;
	r->skip = r->skip || !possible;
}

static void alternative(struct vnep_openflow *o, struct openflow_rule *r, const struct vnep_stmt *s)
{
	r->conditional = true;
	if (r->alternative_count == ASK_ALTERNATIVES)
		refuse(o, r);
	else
		r->alternatives[r->alternative_count++] = s;
}

static void read_ether_type(struct vnep_openflow *o, struct openflow_rule *r, uint64_t type)
{
	if (type == ETH_P_8021AD) { /* like the other tag, to OpenFlow */
		lose(o, VNEP_OPENFLOW_TAGS);
		r->skip = true;
	} else if (type == ETH_P_8021Q) {
		keep(r, openflow_match_vlan(&r->match, TAG_SOME, 0));
	} else {
		keep(r, openflow_match_vlan(&r->match, TAG_NONE, 0));
		keep(r, openflow_match_number(&r->match.type, (int)type));
	}
}

static void negate(struct vnep_openflow *o, struct openflow_rule *r, bool type, uint64_t number)
{
	if (r->negative != NOT_NOTHING)
		refuse(o, r);
	r->negative = type ? NOT_TYPE : NOT_PROTO;
	r->negative_number = (int)number;
}

static void ask(struct openflow_rule *r, unsigned what)
{
	r->asks |= what;
	r->conditional = true;
}

static void read_set(struct vnep_openflow *o, struct openflow_rule *r, const struct vnep_stmt *s)
{
	switch (s->set) {
	case VNEP_SET_KNOWN:
		r->match.facts |= MATCH_KNOWN;
		r->conditional = true;
		break;
	case VNEP_SET_ENDPOINT:
		if (s->field != VNEP_FIELD_DEST)
			refuse(o, r);
		r->match.facts |= MATCH_ENDPOINT;
		r->conditional = true;
		break;
	case VNEP_SET_ROUTER:
	case VNEP_SET_SOLICIT:
	case VNEP_SET_ADVERT:
	case VNEP_SET_ERROR: alternative(o, r, s); break;
	case VNEP_SET_AWAKE: /* of who speaks: he is, unless his class never asks */
		lose(o, VNEP_OPENFLOW_PRESENCE);
		r->asks |= ASK_AWAKE;
		break;
	case VNEP_SET_REACHABLE: lose(o, VNEP_OPENFLOW_RESOLVE); break;
	default: refuse(o, r); break;
	}
}

static void read_ports(struct vnep_openflow *o, struct openflow_rule *r, const struct vnep_stmt *s)
{
	int proto = r->match.proto;

	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP) {
		alternative(o, r, s);
		return;
	}
	lose(o, VNEP_OPENFLOW_PORTS);
	r->skip = true;
}

static void read_proto(struct vnep_openflow *o, struct openflow_rule *r, uint64_t proto)
{
	keep(r, openflow_match_number(&r->match.type, ETH_P_IPV6));
	keep(r, openflow_match_number(&r->match.proto, (int)proto));
	lose(o, VNEP_OPENFLOW_HEADERS);
	if (proto != IPPROTO_ICMPV6)
		lose(o, VNEP_OPENFLOW_FRAGMENTS);
}

/* A condition, or false. */
static bool read_condition(
	struct vnep_openflow *o, struct openflow_rule *r, const struct vnep_stmt *s)
{
	struct openflow_match *m = &r->match;

	switch (s->kind) {
	case VNEP_STMT_ETHER_TYPE: read_ether_type(o, r, s->number); break;
	case VNEP_STMT_PROTOCOL: keep(r, openflow_match_number(&m->type, (int)s->number)); break;
	case VNEP_STMT_NOT_IPV6: negate(o, r, true, ETH_P_IPV6); break;
	case VNEP_STMT_NOT_PROTO: negate(o, r, false, s->number); break;
	case VNEP_STMT_NOT_HOST:
		lose(o, VNEP_OPENFLOW_MACS);
		m->cast = CAST_MULTI;
		r->conditional = true;
		break;
	case VNEP_STMT_HOP_LIMIT:
	case VNEP_STMT_ICMP_TYPE: alternative(o, r, s); break;
	case VNEP_STMT_IN_SET: read_set(o, r, s); break;
	case VNEP_STMT_IN_PREFIX:
		keep(r, openflow_match_prefix(m, s->field == VNEP_FIELD_DEST, &s->prefix));
		break;
	case VNEP_STMT_REACHABLE: lose(o, VNEP_OPENFLOW_RESOLVE); break;
	case VNEP_STMT_VLAN: keep(r, openflow_match_vlan(m, TAG_VLAN, (uint16_t)s->number)); break;
	case VNEP_STMT_FRAGMENTED:
		m->frag = FRAG_YES;
		r->conditional = true;
		break;
	case VNEP_STMT_LATER: /* its protocol is not seen, so no rule with one let it pass */
		lose(o, VNEP_OPENFLOW_FRAGMENTS);
		r->skip = true;
		break;
	case VNEP_STMT_LONGER:
		lose(o, VNEP_OPENFLOW_LENGTH);
		r->skip = true;
		break;
	case VNEP_STMT_PROTO: read_proto(o, r, s->number); break;
	case VNEP_STMT_PORTS: read_ports(o, r, s); break;
	case VNEP_STMT_IN_BINDING:
	case VNEP_STMT_FROM_BINDING:
		ask(r, s->kind == VNEP_STMT_FROM_BINDING ? ASK_BINDING | ASK_REWRITE : ASK_BINDING);
		r->binding = s->set;
		break;
	case VNEP_STMT_IN_GROUP: /* the worker would have to be asked without a budget */
		lose(o, VNEP_OPENFLOW_GROUPS);
		r->skip = true;
		break;
	case VNEP_STMT_HOST_PAIR:
		ask(r, ASK_PAIR);
		r->pair = s->field;
		break;
	case VNEP_STMT_TO_BINDING: ask(r, ASK_TO_BINDING); break;
	default: return false;
	}
	return true;
}

static void put_tag(struct vnep_buf *out, const struct vnep_tag *tag)
{
	char text[VNEP_MAC_LEN];
	struct vnep_mac mac;

	vnep_tag_write(tag, mac.octet);
	vnep_mac_print(&mac, text);
	vnep_buf_printf(out, "set_field:%s->eth_dst,", text);
}

/* "drop.REASON.PORT" */
static void read_counter(struct openflow_rule *r, const char *name)
{
	char word[32] = "";
	int reason;

	if (strncmp(name, "drop.", 5))
		return;
	strncat(word, name + 5, strcspn(name + 5, ".") < sizeof word ? strcspn(name + 5, ".") : 0);
	reason = vnep_reason_parse(word);
	r->cookie = reason > 0 ? (uint64_t)reason : 0;
}

/* The edge's own MAC, as the sender knew it, becomes the source: text knows no other. */
#define HOP "dec_ttl,move:NXM_OF_ETH_DST[]->NXM_OF_ETH_SRC[],"

static void read_route(struct openflow_rule *r, struct vnep_buf *out, const struct vnep_stmt *s)
{
	vnep_buf_put_str(out, HOP);
	if (IN6_IS_ADDR_UNSPECIFIED(&s->addr)) {
		vnep_buf_put_str(out, "move:NXM_NX_IPV6_DST[]->NXM_NX_XXREG0[],");
	} else {
		vnep_buf_put_str(out, "set_field:0x");
		for (unsigned i = 0; i < sizeof s->addr.s6_addr; i++)
			vnep_buf_printf(out, "%02x", s->addr.s6_addr[i]);
		vnep_buf_put_str(out, "->xxreg0,");
	}
	r->end = END_NEIGHBOURS;
}

static void go(struct openflow_rule *r, enum openflow_end end, const char *to)
{
	r->end = end;
	r->to = to;
}

static void read_action(struct vnep_openflow *o, struct openflow_rule *r, const struct vnep_stmt *s)
{
	struct vnep_buf *out = r->asks & (ASK_REWRITE | ASK_TO_BINDING) ? &r->post : &r->pre;

	switch (s->kind) {
	case VNEP_STMT_LIMIT:
		lose(o, VNEP_OPENFLOW_LIMITS);
		r->limited = true;
		break;
	case VNEP_STMT_COUNT: read_counter(r, s->name); break;
	case VNEP_STMT_TAG: r->tag = s->tag; break;
	case VNEP_STMT_DUP:
		vnep_buf_put_str(out, "clone(");
		put_tag(out, &r->tag);
		vnep_buf_printf(out, "output:\"%s\"),", s->name);
		break;
	case VNEP_STMT_FWD:
		put_tag(out, &r->tag);
		vnep_buf_printf(out, "output:\"%s\",", s->name);
		r->end = END_HERE;
		break;
	case VNEP_STMT_SET_VLAN:
		vnep_buf_printf(out, "set_field:0x%04x->vlan_vid,", 0x1000u | (unsigned)s->number);
		break;
	case VNEP_STMT_UPDATE_AWAKE: lose(o, VNEP_OPENFLOW_PRESENCE); break;
	case VNEP_STMT_DELIVER:
	case VNEP_STMT_DELIVER_HOST:
		ask(r, ASK_MAC);
		vnep_buf_put_str(out, HOP);
		r->out = s->name;
		r->end = END_HERE;
		break;
	case VNEP_STMT_ROUTE: read_route(r, out, s); break;
	case VNEP_STMT_VMAP:
		if (s->field != VNEP_FIELD_VLAN)
			ask(r, ASK_MAP);
		r->conditional = true;
		r->map = s->set;
		r->field = s->field;
		r->end = END_MAP;
		break;
	case VNEP_STMT_GOTO: go(r, END_GOTO, s->name); break;
	case VNEP_STMT_JUMP: go(r, END_JUMP, s->name); break;
	case VNEP_STMT_RETURN: go(r, END_RETURN, NULL); break;
	case VNEP_STMT_DROP: go(r, END_HERE, NULL); break;
	default: refuse(o, r); break;
	}
}

/* A rule that reads a tag or the IPv6 header is of frames that have one. */
static void read_needs(struct vnep_openflow *o, struct openflow_rule *r)
{
	for (size_t i = r->rule->first; i < r->rule->first + r->rule->count; i++)
		if (vnep_stmt_reads_ip6(&o->rs->stmts[i]))
			keep(r, openflow_match_number(&r->match.type, ETH_P_IPV6));
	if (vnep_rule_reads_vlan(o->rs, r->rule))
		keep(r, openflow_match_vlan(&r->match, TAG_SOME, 0));
}

void openflow_rule_read(
	struct vnep_openflow *o, const struct vnep_rule *rule, struct openflow_rule *r)
{
	*r = (struct openflow_rule){ .rule = rule };
	vnep_buf_init(&r->pre);
	vnep_buf_init(&r->post);
	openflow_match_init(&r->match);
	for (size_t i = rule->first; i < rule->first + rule->count; i++)
		if (!read_condition(o, r, &o->rs->stmts[i]))
			read_action(o, r, &o->rs->stmts[i]);
	read_needs(o, r);
	if (r->negative == NOT_PROTO)
		keep(r, openflow_match_number(&r->match.type, ETH_P_IPV6));
	if (r->limited && r->end == END_NOT) { /* copies without end would drown the worker */
		lose(o, VNEP_OPENFLOW_SAMPLES);
		r->skip = true;
	}
	if (!(r->asks & ~(unsigned)ASK_AWAKE))
		r->asks = 0;
	if (!o->rc && (r->pre.rc || r->post.rc))
		o->rc = vnep_err_sys(o->err, -r->pre.rc, "flows");
}

static unsigned count(const struct vnep_openflow *o, const struct vnep_stmt *s)
{
	const uint8_t *types;
	uint16_t value, mask;
	unsigned n = 0;

	switch (s->kind) {
	case VNEP_STMT_HOP_LIMIT: return (unsigned)s->number + 1;
	case VNEP_STMT_ICMP_TYPE: return 1;
	case VNEP_STMT_PORTS:
		while (openflow_range((uint32_t)s->number, (uint32_t)s->number2, n, &value, &mask))
			n++;
		return n;
	default: break;
	}
	types = vnep_set_constant(s->set);
	if (!types)
		return (unsigned)o->router_count;
	while (types[n])
		n++;
	return n;
}

static bool choose(const struct vnep_openflow *o, const struct vnep_stmt *s, unsigned n,
	struct openflow_match *m)
{
	uint16_t value, mask;

	if (s->kind == VNEP_STMT_HOP_LIMIT)
		return openflow_match_number(&m->hop_limit, (int)n);
	if (s->kind == VNEP_STMT_PORTS) {
		openflow_range((uint32_t)s->number, (uint32_t)s->number2, n, &value, &mask);
		m->port_mask = mask;
		return openflow_match_number(&m->port, value);
	}
	if (s->kind == VNEP_STMT_IN_SET && s->set == VNEP_SET_ROUTER)
		return openflow_match_addr(m, s->field == VNEP_FIELD_DEST, &o->routers[n]);
	return openflow_match_number(&m->proto, IPPROTO_ICMPV6) &&
	       openflow_match_number(&m->icmp_type, s->kind == VNEP_STMT_ICMP_TYPE
							    ? (int)s->number
							    : vnep_set_constant(s->set)[n]);
}

int openflow_rule_way(const struct vnep_openflow *o, const struct openflow_rule *r, unsigned n,
	struct openflow_match *m)
{
	bool possible = true;

	*m = r->match;
	for (unsigned i = 0; i < r->alternative_count; i++) {
		unsigned ways = count(o, r->alternatives[i]);

		if (!ways)
			return -1;
		possible = choose(o, r->alternatives[i], n % ways, m) && possible;
		n /= ways;
	}
	return n ? -1 : possible;
}
