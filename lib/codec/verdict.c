/*
 * verdict - the rules run in C: nft_do_chain over the statements of the model.
 *
 * A statement does here what its expressions do in the kernel (os/nft-stmt.c); where one of them finds nothing to
 * read, the rule does not match and what it did before stays done. Jumps have a stack of fixed depth, and a ruleset
 * that goes in a circle, which the kernel would refuse, runs into a limit.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/verdict.h"
#include "verdict-packet.h"

enum {
	DEPTH = 16,   /* of jumps, as in the kernel (NFT_JUMP_STACK_SIZE) */
	CHAINS = 256, /* that one frame may enter */
	IP6_HEADER = 40,
	IP6_HOP_LIMIT = 7,
	IP6_SRC = 8,
	IP6_DEST = 24,
	DEST_PORT = 2, /* offset into the transport header */
	LINK_SRC = 6,
	VLAN_ID = 0xfff,
	VLAN_OTHERS = 0xf000, /* priority and drop eligibility */
};

enum outcome { MATCH, NO_MATCH, ENTER, BACK, ENDED, WRONG };

struct run {
	struct vnep_verdict *v;
	const struct vnep_ruleset *rs;
	const struct vnep_verdict_in *in;
	struct vnep_err *err;
	struct packet p;
	struct vnep_tag tag; /* written last */
	const uint8_t *kept; /* TO_BINDING's endpoint, for DELIVER */
	struct in6_addr keep;

	size_t chain, rule; /* rule counts in its chain */
	struct {
		size_t chain, rule;
	} stack[DEPTH];
	unsigned depth, entered;
};

void vnep_verdict_init(struct vnep_verdict *v)
{
	*v = (struct vnep_verdict){ 0 };
	vnep_buf_init(&v->bytes);
}

void vnep_verdict_release(struct vnep_verdict *v)
{
	if (v)
		vnep_buf_release(&v->bytes);
}

/* A field as the kernel loads it; NULL: the rule does not match. */
static const uint8_t *load(struct run *r, enum vnep_field field, uint8_t vlan[static 2])
{
	switch (field) {
	case VNEP_FIELD_SRC: return packet_network(&r->p, IP6_SRC, 16);
	case VNEP_FIELD_DEST: return packet_network(&r->p, IP6_DEST, 16);
	case VNEP_FIELD_SRC_MAC: return r->p.link + LINK_SRC;
	case VNEP_FIELD_ICMP_TYPE:
		if (!r->p.known || r->p.upper != IPPROTO_ICMPV6)
			return NULL;
		return packet_upper(&r->p, 0, 1);
	case VNEP_FIELD_VLAN: vnep_set_be16(vlan, r->p.tci & VLAN_ID); return vlan;
	}
	return NULL;
}

static void notice_from(struct run *r, const uint8_t *vep)
{
	r->v->has_from = true;
	memcpy(&r->v->from, vep, 16);
}

static void notice_to(struct run *r, const uint8_t *vep)
{
	r->v->has_to = true;
	memcpy(&r->v->to, vep, 16);
}

/* Whose frame it is: what a set of endpoints knew. */
static void notice(struct run *r, enum vnep_set set, const uint8_t *key)
{
	switch (set) {
	case VNEP_SET_CLASS: notice_from(r, key); break;
	case VNEP_SET_ENDPOINT:
	case VNEP_SET_TO_PORT: notice_to(r, key); break;
	default: break;
	}
}

static bool find(
	struct run *r, enum vnep_set set, const uint8_t *key, struct vnep_set_element *element)
{
	const uint8_t *types = vnep_set_constant(set);

	for (; types && *types; types++)
		if (*types == *key)
			return true;
	if (vnep_set_constant(set) || !r->in->find(r->in->arg, set, key, element))
		return false;
	notice(r, set, key);
	return true;
}

/* The key of a set of bindings or of groups, part behind part. */
static bool find_binding(struct run *r, enum vnep_set set, struct vnep_set_element *element)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[set];
	const uint8_t *src = packet_network(&r->p, IP6_SRC, 16),
		      *dest = packet_network(&r->p, IP6_DEST, 16);
	uint8_t key[VNEP_KEY_MAX] = { 0 }, *at = key;

	if (!src)
		return false;
	for (int i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++) {
		switch (spec->key[i]) {
		case VNEP_NFT_IIF: memcpy(at, &r->in->ifindex, 4); break;
		case VNEP_NFT_VLAN: vnep_set_be16(at, r->p.tci & VLAN_ID); break;
		case VNEP_NFT_MAC: memcpy(at, r->p.link + LINK_SRC, 6); break;
		case VNEP_NFT_IP6: memcpy(at, src, 16); break;
		case VNEP_NFT_IP6_DEST:
			if (!dest)
				return false;
			memcpy(at, dest, 16);
			break;
		default: return false;
		}
		at += vnep_nft_type_len(spec->key[i]);
	}
	return find(r, set, key, element);
}

static bool from_binding(struct run *r, enum vnep_set set)
{
	struct vnep_set_element element = { 0 };

	if (!find_binding(r, set, &element))
		return false;
	notice_from(r, element.data);
	return packet_write_addr(&r->p, IP6_SRC, element.data);
}

static bool to_binding(struct run *r)
{
	const uint8_t *dest = packet_network(&r->p, IP6_DEST, 16);
	struct vnep_set_element element = { 0 };

	if (!dest)
		return false;
	memcpy(&r->keep, dest, 16);
	r->kept = r->keep.s6_addr;
	return find(r, VNEP_SET_TO_BINDING, dest, &element) &&
	       packet_write_addr(&r->p, IP6_DEST, element.data);
}

/* Of the prefix only the octets that it covers are loaded, unless it ends inside one. */
static bool in_prefix(struct run *r, enum vnep_field field, const struct vnep_prefix *prefix)
{
	size_t len = prefix->len % 8 ? 16 : prefix->len / 8u;
	const uint8_t *at =
		packet_network(&r->p, field == VNEP_FIELD_SRC ? IP6_SRC : IP6_DEST, len);
	struct in6_addr addr = { 0 };

	if (!at)
		return false;
	memcpy(&addr, at, len);
	return vnep_prefix_has(prefix, &addr);
}

static bool host_pair(struct run *r, enum vnep_field field)
{
	const uint8_t *src = packet_network(&r->p, IP6_SRC, 16),
		      *dest = packet_network(&r->p, IP6_DEST, 16);
	struct vnep_set_element element;
	uint8_t key[VNEP_KEY_MAX];

	if (!src || !dest)
		return false;
	memcpy(key, field == VNEP_FIELD_SRC ? src : dest, 16);
	memcpy(key + 16, field == VNEP_FIELD_SRC ? dest : src, 16);
	if (!find(r, VNEP_SET_HOST_PAIR, key, &element))
		return false;
	if (field == VNEP_FIELD_DEST) /* from the host, to the device */
		notice_to(r, key + 16);
	return true;
}

static bool ports(struct run *r, const struct vnep_stmt *s)
{
	const uint8_t *at = packet_upper(&r->p, DEST_PORT, 2);

	return at && vnep_be16(at) >= s->number && vnep_be16(at) <= s->number2;
}

static bool later(const struct packet *p)
{
	const uint8_t *offset;
	size_t at;

	if (!packet_fragment(p, &at))
		return false;
	offset = packet_network(p, at + 2, 2);
	return offset && vnep_be16(offset) & 0xfff8;
}

static bool limit(struct run *r, uint64_t rate)
{
	unsigned n = r->v->limit_count;

	if (n == VNEP_VERDICT_LIMITS)
		return true;
	r->v->limits[r->v->limit_count++] = rate;
	return !(r->in->beyond >> n & 1);
}

static bool field_equals(const uint8_t *at, uint64_t number)
{
	return at && *at == number;
}

static bool matches(struct run *r, const struct vnep_stmt *s)
{
	uint16_t link_type = r->p.tagged ? r->p.tpid : vnep_be16(r->p.link + 12);
	struct vnep_set_element element;
	uint8_t vlan[2];
	const uint8_t *at;
	size_t unused;

	switch (s->kind) {
	case VNEP_STMT_ETHER_TYPE: return link_type == s->number;
	case VNEP_STMT_PROTOCOL: return r->p.protocol == s->number;
	case VNEP_STMT_NOT_IPV6: return r->p.protocol != ETH_P_IPV6;
	case VNEP_STMT_NOT_HOST: return !r->p.host;
	case VNEP_STMT_HOST: return r->p.host;
	case VNEP_STMT_HOP_LIMIT:
	case VNEP_STMT_HOPS_LEFT:
		at = packet_network(&r->p, IP6_HOP_LIMIT, 1);
		return at && (*at <= s->number) == (s->kind == VNEP_STMT_HOP_LIMIT);
	case VNEP_STMT_ICMP_TYPE:
		return field_equals(load(r, VNEP_FIELD_ICMP_TYPE, vlan), s->number);
	case VNEP_STMT_IN_SET:
	case VNEP_STMT_NOT_IN_SET:
		at = load(r, s->field, vlan);
		return at && find(r, s->set, at, &element) == (s->kind == VNEP_STMT_IN_SET);
	case VNEP_STMT_IN_PREFIX: return in_prefix(r, s->field, &s->prefix);
	case VNEP_STMT_REACHABLE: return find(r, VNEP_SET_REACHABLE, s->addr.s6_addr, &element);
	case VNEP_STMT_IN_GROUP:
	case VNEP_STMT_IN_BINDING: return find_binding(r, s->set, &element);
	case VNEP_STMT_HOST_PAIR: return host_pair(r, s->field);
	case VNEP_STMT_VLAN: return (r->p.tci & VLAN_ID) == s->number;
	case VNEP_STMT_LONGER: return r->p.len > s->number;
	case VNEP_STMT_FRAGMENTED: return packet_fragment(&r->p, &unused);
	case VNEP_STMT_LATER: return later(&r->p);
	case VNEP_STMT_PROTO: return r->p.known && r->p.upper == s->number;
	case VNEP_STMT_NOT_PROTO: return r->p.known && r->p.upper != s->number;
	case VNEP_STMT_PORTS: return ports(r, s);
	case VNEP_STMT_LIMIT: return limit(r, s->number);
	case VNEP_STMT_UPDATE_AWAKE: return load(r, s->field, vlan) != NULL;
	case VNEP_STMT_FROM_BINDING: return from_binding(r, s->set);
	case VNEP_STMT_TO_BINDING: return to_binding(r);
	default: return true;
	}
}

static void count(struct vnep_verdict *v, const char *name)
{
	if (v->counter_count < VNEP_VERDICT_COUNTERS)
		v->counters[v->counter_count++] = name;
	v->counter = name;
}

static struct vnep_verdict_sent put(struct run *r, const struct vnep_stmt *s, const uint8_t *macs)
{
	struct vnep_verdict_sent sent = {
		.port = s->name, .ifindex = s->ifindex, .at = r->v->bytes.len
	};

	packet_put(&r->p, macs, &r->v->bytes);
	sent.len = r->v->bytes.len - sent.at;
	return sent;
}

/* nft_fwd_neigh_eval: a router's work, and its refusal. */
static enum outcome deliver(struct run *r, const struct vnep_stmt *s, const uint8_t *neighbour)
{
	static const uint8_t nobody[12];

	if (!neighbour)
		return NO_MATCH;
	if (!packet_network(&r->p, 0, IP6_HEADER) || r->p.net[IP6_HOP_LIMIT] <= 1) {
		r->v->end = VNEP_END_DROP;
		return ENDED;
	}
	memcpy(&r->v->neighbour, neighbour, 16);
	r->p.net[IP6_HOP_LIMIT]--;
	r->v->sent = put(r, s, nobody);
	r->v->end = VNEP_END_NEIGHBOUR;
	return ENDED;
}

static enum outcome route(struct run *r, const struct vnep_stmt *s)
{
	return deliver(r, s,
		IN6_IS_ADDR_UNSPECIFIED(&s->addr) ? packet_network(&r->p, IP6_DEST, 16)
						  : s->addr.s6_addr);
}

static void copy(struct run *r, const struct vnep_stmt *s)
{
	struct vnep_verdict *v = r->v;

	if (v->copy_count == VNEP_VERDICT_COPIES)
		return;
	v->copies[v->copy_count].tag = r->tag;
	v->copies[v->copy_count++].sent = put(r, s, r->p.link);
}

static enum outcome enter(struct run *r, size_t chain, bool jump)
{
	if (chain >= r->rs->chain_count || ++r->entered > CHAINS || (jump && r->depth == DEPTH)) {
		vnep_err_set(r->err, VNEP_EVALUE, "rules that lead nowhere, or in a circle");
		return WRONG;
	}
	if (jump) {
		r->stack[r->depth].chain = r->chain;
		r->stack[r->depth++].rule = r->rule + 1;
	}
	r->chain = chain;
	r->rule = 0;
	return ENTER;
}

static enum outcome by_map(struct run *r, const struct vnep_stmt *s)
{
	struct vnep_set_element element = { 0 };
	uint8_t vlan[2];
	const uint8_t *at = load(r, s->field, vlan);
	uint32_t chain;

	if (!at || !find(r, s->set, at, &element))
		return NO_MATCH;
	memcpy(&chain, element.data, sizeof chain);
	return enter(r, chain, false);
}

static enum outcome run_stmt(struct run *r, const struct vnep_stmt *s)
{
	switch (s->kind) {
	case VNEP_STMT_COUNT: count(r->v, s->name); return MATCH;
	case VNEP_STMT_TAG:
		r->tag = s->tag;
		vnep_tag_write(&s->tag, r->p.link);
		return MATCH;
	case VNEP_STMT_SET_VLAN:
		r->p.tci = (uint16_t)((r->p.tci & VLAN_OTHERS) | (s->number & VLAN_ID));
		return MATCH;
	case VNEP_STMT_DUP: copy(r, s); return MATCH;
	case VNEP_STMT_FWD:
		r->v->tag = r->tag;
		r->v->sent = put(r, s, r->p.link);
		r->v->end = VNEP_END_PORT;
		return ENDED;
	case VNEP_STMT_DELIVER: return deliver(r, s, r->kept);
	case VNEP_STMT_DELIVER_HOST: return deliver(r, s, packet_network(&r->p, IP6_SRC, 16));
	case VNEP_STMT_ROUTE: return route(r, s);
	case VNEP_STMT_VMAP: return by_map(r, s);
	case VNEP_STMT_GOTO: return enter(r, vnep_ruleset_find(r->rs, s->name), false);
	case VNEP_STMT_JUMP: return enter(r, vnep_ruleset_find(r->rs, s->name), true);
	case VNEP_STMT_RETURN: return BACK;
	case VNEP_STMT_DROP: r->v->end = VNEP_END_DROP; return ENDED;
	default: return matches(r, s) ? MATCH : NO_MATCH;
	}
}

/* What a rule reads it asks for first. */
static bool speaks(const struct run *r, const struct vnep_rule *rule)
{
	uint16_t tpid = r->p.tagged ? r->p.tpid : 0;

	for (size_t i = rule->first; i < rule->first + rule->count; i++)
		if (vnep_stmt_reads_ip6(&r->rs->stmts[i]) && r->p.protocol != ETH_P_IPV6)
			return false;
	return tpid == ETH_P_8021Q || !vnep_rule_reads_vlan(r->rs, rule);
}

static enum outcome run_rule(struct run *r, const struct vnep_rule *rule)
{
	enum outcome outcome = MATCH;

	if ((rule->shortcut && r->in->plain) || !speaks(r, rule))
		return NO_MATCH;
	r->v->counter = NULL;
	for (size_t i = rule->first; outcome == MATCH && i < rule->first + rule->count; i++)
		outcome = run_stmt(r, &r->rs->stmts[i]);
	if (outcome != NO_MATCH && r->v->rule_count < VNEP_VERDICT_RULES)
		r->v->rules[r->v->rule_count++] = rule;
	return outcome;
}

/* The end of a chain, or a return: to where the last jump was. False: there was none. */
static bool go_back(struct run *r)
{
	if (!r->depth)
		return false;
	r->chain = r->stack[--r->depth].chain;
	r->rule = r->stack[r->depth].rule;
	return true;
}

static int run_chains(struct run *r)
{
	r->v->end = VNEP_END_RAN_OUT;
	for (;;) {
		const struct vnep_chain *chain = &r->rs->chains[r->chain];
		const struct vnep_rule *rule = &r->rs->rules[chain->first + r->rule];
		enum outcome outcome = r->rule < chain->count ? run_rule(r, rule) : BACK;

		switch (outcome) {
		case MATCH:
		case NO_MATCH: r->rule++; break;
		case ENTER: break;
		case BACK:
			if (!go_back(r))
				return 0;
			break;
		case ENDED:
			r->v->chain = chain;
			r->v->rule = rule;
			return 0;
		case WRONG: return VNEP_EVALUE;
		}
	}
}

static int start(struct run *r)
{
	for (r->chain = 0; r->chain < r->rs->chain_count; r->chain++)
		if (!strcmp(r->rs->chains[r->chain].device, r->in->port))
			return 0;
	return vnep_err_set(r->err, VNEP_EVALUE, "no rules for port \"%s\"", r->in->port);
}

static int check_len(const struct vnep_verdict_in *in, struct vnep_err *err)
{
	if (in->len < PACKET_LINK)
		return vnep_err_set(
			err, VNEP_ESHORT, "a frame has at least %d octets", PACKET_LINK);
	if (in->len > VNEP_VERDICT_FRAME_MAX)
		return vnep_err_set(
			err, VNEP_ETOOBIG, "a frame has at most %d octets", VNEP_VERDICT_FRAME_MAX);
	return 0;
}

int vnep_verdict_run(struct vnep_verdict *v, const struct vnep_ruleset *rs,
	const struct vnep_verdict_in *in, struct vnep_err *err)
{
	struct run r = { .v = v, .rs = rs, .in = in, .err = err };
	struct vnep_buf bytes = v->bytes, packet;
	int rc = check_len(in, err);

	vnep_buf_reset(&bytes);
	*v = (struct vnep_verdict){ .bytes = bytes };
	if (!rc)
		rc = start(&r);
	if (rc)
		return rc;
	vnep_buf_init(&packet);
	if (!vnep_buf_reserve(&packet, in->len))
		return vnep_err_sys(err, ENOMEM, "frame");
	if (!packet_arrive(&r.p, &in->mac, in->frame, in->len, packet.data))
		v->end = VNEP_END_UNSEEN;
	else
		rc = run_chains(&r);
	if (v->end != VNEP_END_DROP && v->end != VNEP_END_PORT && v->end != VNEP_END_NEIGHBOUR)
		v->counter = NULL;
	vnep_buf_release(&packet);
	if (!rc && v->bytes.rc)
		rc = vnep_err_sys(err, ENOMEM, "frame");
	return rc;
}
