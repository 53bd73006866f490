/*
 * openflow - the ruleset as flows.
 *
 * The rules are walked several times, until each place has its depth, and a last time to print them. What a rule
 * asks of the device is kept as a use, and printed when the device comes.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "openflow-private.h"
#include "vnep/err.h"
#include "vnep/word.h"

enum {
	LEVELS = VNEP_OPENFLOW_NEIGHBOURS - VNEP_OPENFLOW_CHAINS,
	TOP = 0xffff, /* the highest priority; 0 is what is left */
};

void vnep_openflow_init(struct vnep_openflow *o, struct vnep_buf *out,
	const struct vnep_ruleset *rs, const char (*ports)[VNEP_IF_MAX + 1], unsigned access_count)
{
	*o = (struct vnep_openflow){
		.out = out, .rs = rs, .ports = ports, .access_count = access_count
	};
	vnep_table_init(&o->by_name, offsetof(struct openflow_name, name), 0);
	vnep_table_init(
		&o->by_place, offsetof(struct openflow_node, place), sizeof(struct openflow_place));
}

void vnep_openflow_release(struct vnep_openflow *o)
{
	vnep_table_release(&o->by_name);
	vnep_table_release(&o->by_place);
	for (size_t i = 0; i < o->node_count; i++)
		free(o->nodes[i]);
	for (size_t i = 0; i < o->use_count; i++) {
		openflow_rule_release(&o->uses[i].rule);
		free(o->uses[i].after);
	}
	free(o->names);
	free(o->nodes);
	free(o->targets);
	free(o->routers);
	free(o->uses);
	*o = (struct vnep_openflow){ 0 };
}

/* Room for one more, by powers of two; false: o->rc. */
static bool room(struct vnep_openflow *o, void *array, size_t count, size_t size)
{
	void **p = array, *bigger;

	if (o->rc)
		return false;
	if (count & (count - 1) || (count && count < 8))
		return true;
	bigger = reallocarray(*p, count ? count * 2 : 8, size);
	if (!bigger) {
		o->rc = -ENOMEM;
		return false;
	}
	*p = bigger;
	return true;
}

void vnep_openflow_target(struct vnep_openflow *o, enum vnep_set set, size_t chain, uint16_t vlan)
{
	if (room(o, &o->targets, o->target_count, sizeof *o->targets))
		o->targets[o->target_count++] = (struct openflow_target){
			.set = set, .chain = (uint32_t)chain, .vlan = vlan
		};
}

void vnep_openflow_router(struct vnep_openflow *o, const struct in6_addr *addr)
{
	if (room(o, &o->routers, o->router_count, sizeof *o->routers))
		o->routers[o->router_count++] = *addr;
}

/* The node of a place, which from leads to: below it, and of its port. NULL: o->rc. */
static struct openflow_node *reach(
	struct vnep_openflow *o, const struct openflow_node *from, struct openflow_place place)
{
	struct openflow_node *n = vnep_table_get(&o->by_place, &place);

	if (!n) {
		n = room(o, &o->nodes, o->node_count, sizeof(void *)) ? malloc(sizeof *n) : NULL;
		if (n)
			*n = (struct openflow_node){
				.place = place, .port = PORT_NONE, .id = (uint32_t)o->node_count + 1
			};
		if (!n || vnep_table_put(&o->by_place, n)) {
			free(n);
			o->rc = o->rc ? o->rc : -ENOMEM;
			return NULL;
		}
		o->nodes[o->node_count++] = n;
		o->changed = true;
	}
	if (from && n->level <= from->level) {
		n->level = from->level + 1;
		o->changed = true;
	}
	if (from && from->port != PORT_NONE && n->port != from->port && n->port != PORT_SEVERAL) {
		n->port = n->port == PORT_NONE ? from->port : PORT_SEVERAL;
		o->changed = true;
	}
	return n;
}

static struct openflow_node *reach_name(
	struct vnep_openflow *o, const struct openflow_node *from, const char *name, uint32_t back)
{
	const struct vnep_slice key = { name, strlen(name) };
	const struct openflow_name *found = vnep_table_get(&o->by_name, &key);

	if (found)
		return reach(o, from, (struct openflow_place){ found->chain, 0, back });
	if (!o->rc)
		o->rc = vnep_err_set(
			o->err, VNEP_EVALUE, "a rule leads to \"%s\", which is not there", name);
	return NULL;
}

static struct openflow_node *reach_rule(
	struct vnep_openflow *o, const struct openflow_node *n, uint32_t rule)
{
	return reach(o, n, (struct openflow_place){ n->place.chain, rule, n->place.back });
}

static struct openflow_node *reach_back(struct vnep_openflow *o, const struct openflow_node *n)
{
	return n->place.back ? reach(o, n, o->nodes[n->place.back - 1]->place) : NULL;
}

static unsigned table_of(const struct openflow_node *n)
{
	return VNEP_OPENFLOW_CHAINS + n->level;
}

static void put_goto(struct vnep_buf *out, const struct openflow_node *to)
{
	if (to)
		vnep_buf_printf(
			out, "write_metadata:0x%x/0xffffffff,goto_table:%u,", to->id, table_of(to));
}

void openflow_begin(struct vnep_openflow *o, const struct openflow_node *n, unsigned priority,
	uint64_t cookie, const struct openflow_match *m)
{
	vnep_buf_printf(o->out, "table=%u,priority=%u,", table_of(n), priority);
	if (cookie)
		vnep_buf_printf(o->out, "cookie=0x%llx,", (unsigned long long)cookie);
	openflow_match_print(m, n->id, o->out);
	if (!o->out->rc)
		o->out->data[o->out->len - 1] = ' ';
	vnep_buf_put_str(o->out, "actions=");
}

void openflow_goto_chain(const struct vnep_openflow *o, uint32_t chain, struct vnep_buf *out)
{
	const struct openflow_place place = { chain, 0, 0 };

	put_goto(out, vnep_table_get(&o->by_place, &place));
}

void openflow_end(struct vnep_openflow *o, size_t actions, const char *comment)
{
	struct vnep_buf *out = o->out;

	if (out->rc)
		return;
	if (out->len == actions)
		vnep_buf_put_str(out, "drop");
	else
		out->len--;
	vnep_buf_printf(out, " # %s\n", comment);
}

static void put_flow(struct vnep_openflow *o, const struct openflow_node *n, unsigned priority,
	const struct openflow_rule *r, const struct openflow_match *m,
	const struct openflow_node *to)
{
	size_t actions;

	openflow_begin(o, n, priority, r->cookie, m);
	actions = o->out->len;
	vnep_buf_put(o->out, r->pre.data, r->pre.len);
	put_goto(o->out, to);
	if (r->end == END_NEIGHBOURS)
		vnep_buf_printf(o->out, "goto_table:%d,", VNEP_OPENFLOW_NEIGHBOURS);
	openflow_end(o, actions, r->rule->comment);
}

/* What is not so goes on to the next rule, above the flows of the rule. */
static void put_negative(struct vnep_openflow *o, const struct openflow_node *n, unsigned priority,
	const struct openflow_rule *r, const struct openflow_node *next)
{
	static const struct vnep_rule otherwise = { .comment = "otherwise" };
	const struct openflow_rule on = { .rule = &otherwise };
	/* 0 is what Open vSwitch sees of a header chain without end: of no protocol at all */
	const int numbers[] = { r->negative_number, 0 };

	for (int i = 0; i < (r->negative == NOT_PROTO ? 2 : 1); i++) {
		struct openflow_match m;

		openflow_match_init(&m);
		m.type = r->negative == NOT_PROTO ? ETH_P_IPV6 : numbers[i];
		if (r->negative == NOT_PROTO)
			m.proto = numbers[i];
		put_flow(o, n, priority, &on, &m, next);
	}
}

static char *after_text(struct vnep_openflow *o, const struct openflow_node *to)
{
	struct vnep_buf text;
	char *copy = NULL;

	vnep_buf_init(&text);
	put_goto(&text, to);
	vnep_buf_put_u8(&text, 0);
	if (!text.rc)
		copy = strdup((const char *)text.data);
	vnep_buf_release(&text);
	if (!copy)
		o->rc = -ENOMEM;
	return copy;
}

/* It is a flow of each device. The use takes the texts of the rule. */
static void keep_use(struct vnep_openflow *o, const struct openflow_node *n, unsigned priority,
	struct openflow_rule *r, const struct openflow_node *to)
{
	char *after = after_text(o, to);

	if (r->alternative_count && !o->rc)
		o->rc = vnep_err_set(o->err, VNEP_EVALUE,
			"OpenFlow has no words for the rule \"%s\"", r->rule->comment);
	if (!room(o, &o->uses, o->use_count, sizeof *o->uses)) {
		free(after);
		return;
	}
	o->uses[o->use_count++] = (struct openflow_use){
		.rule = *r, .node = n, .priority = priority, .after = after
	};
	vnep_buf_init(&r->pre);
	vnep_buf_init(&r->post);
}

/* A map: of VLANs, whose targets are known; of devices, each of which may lead to any of them. */
static void walk_map(struct vnep_openflow *o, const struct openflow_node *n, unsigned priority,
	const struct openflow_rule *r)
{
	struct openflow_match m;

	for (size_t i = 0; i < o->target_count; i++) {
		const struct openflow_target *t = &o->targets[i];
		const struct openflow_node *to = NULL;

		if (t->set != r->map)
			continue;
		to = reach(o, n, (struct openflow_place){ t->chain, 0, 0 });
		m = r->match;
		if (to && o->printing && !(r->asks & ASK_MAP) &&
			openflow_match_vlan(&m, TAG_VLAN, t->vlan))
			put_flow(o, n, priority, r, &m, to);
	}
}

static void put_ways(struct vnep_openflow *o, const struct openflow_node *n, unsigned priority,
	const struct openflow_rule *r, const struct openflow_node *to)
{
	struct openflow_match m;
	int way;

	for (unsigned i = 0; (way = openflow_rule_way(o, r, i, &m)) >= 0; i++)
		if (way)
			put_flow(o, n, priority, r, &m, to);
}

static const struct openflow_node *walk_end(struct vnep_openflow *o, const struct openflow_node *n,
	const struct openflow_rule *r, uint32_t rule)
{
	const struct openflow_node *next;

	switch (r->end) {
	case END_NOT: return reach_rule(o, n, rule + 1);
	case END_GOTO: return reach_name(o, n, r->to, n->place.back);
	case END_JUMP:
		next = reach_rule(o, n, rule + 1);
		return next ? reach_name(o, n, r->to, next->id) : NULL;
	case END_RETURN: return reach_back(o, n);
	default: return NULL;
	}
}

/* One rule; false: nothing comes to the rules behind it. */
static bool walk_rule(
	struct vnep_openflow *o, const struct openflow_node *n, uint32_t rule, unsigned *priority)
{
	const struct vnep_chain *chain = &o->rs->chains[n->place.chain];
	const struct openflow_node *to, *next = NULL;
	struct openflow_rule r;
	bool on;

	if (o->rs->rules[chain->first + rule].shortcut)
		return true;
	openflow_rule_read(o, &o->rs->rules[chain->first + rule], &r);
	on = r.conditional || r.skip || r.negative;
	if (r.skip || (r.end == END_NOT && !r.pre.len && !r.post.len)) {
		openflow_rule_release(&r);
		return true;
	}
	if (r.negative)
		next = reach_rule(o, n, rule + 1);
	to = walk_end(o, n, &r, rule);
	if (r.end == END_MAP)
		walk_map(o, n, *priority, &r);
	if (o->printing && r.negative)
		put_negative(o, n, (*priority)--, &r, next);
	if (o->printing && r.asks)
		keep_use(o, n, *priority, &r, to);
	else if (o->printing && r.end != END_MAP)
		put_ways(o, n, *priority, &r, to);
	openflow_rule_release(&r);
	if (--*priority < 2 && !o->rc)
		o->rc = vnep_err_set(o->err, VNEP_EVALUE,
			"chain \"%s\" has too many rules for a table", chain->name);
	return on;
}

static void walk(struct vnep_openflow *o, const struct openflow_node *n)
{
	static const struct vnep_rule rest = { .comment = "the end of the chain" };
	const struct openflow_rule r = { .rule = &rest };
	const struct vnep_chain *chain = &o->rs->chains[n->place.chain];
	const struct openflow_node *back;
	struct openflow_match any;
	unsigned priority = TOP;

	if (o->printing)
		vnep_buf_printf(o->out, "\n# %s%s: table %u, metadata 0x%x\n", chain->name,
			n->place.rule ? ", further on" : "", table_of(n), n->id);
	for (uint32_t i = n->place.rule; i < chain->count && !o->rc; i++)
		if (!walk_rule(o, n, i, &priority))
			return;
	back = reach_back(o, n);
	openflow_match_init(&any);
	if (o->printing)
		put_flow(o, n, 0, &r, &any, back);
}

static void name_chains(struct vnep_openflow *o)
{
	o->names = calloc(o->rs->chain_count + 1, sizeof *o->names);
	if (!o->names)
		o->rc = -ENOMEM;
	for (size_t i = 0; i < o->rs->chain_count && !o->rc; i++) {
		const char *name = o->rs->chains[i].name;

		o->names[i] = (struct openflow_name){ { name, strlen(name) }, (uint32_t)i };
		if (vnep_table_put(&o->by_name, &o->names[i]))
			o->rc = -ENOMEM;
	}
}

/* Where packets begin: in the chain of each of our ports. A name must keep its quotes, and its line. */
static void begin_ports(struct vnep_openflow *o)
{
	for (unsigned p = 0; p <= o->access_count && !o->rc; p++) {
		const char *name = o->ports[p];
		struct openflow_node *n;

		for (const char *c = name; *c && !o->rc; c++)
			if (strchr("\"\\#", *c) || *c <= ' ' || *c > '~')
				o->rc = vnep_err_set(o->err, VNEP_EVALUE,
					"port \"%s\": OpenFlow text has no way to write its name",
					name);
		for (uint32_t i = 0; i < o->rs->chain_count && !o->rc; i++) {
			if (strcmp(o->rs->chains[i].device, name))
				continue;
			n = reach(o, NULL, (struct openflow_place){ i, 0, 0 });
			if (n)
				n->port = p;
			if (n && o->printing)
				vnep_buf_printf(o->out,
					"table=0,priority=1,in_port=\"%s\" "
					"actions=write_metadata:0x%x/0xffffffff,goto_table:%d # "
					"%s\n",
					name, n->id, VNEP_OPENFLOW_KNOWN, o->rs->chains[i].name);
		}
	}
}

static void put_head(struct vnep_openflow *o)
{
	const char *lost;

	vnep_buf_put_str(o->out, "# vnep: the map as OpenFlow 1.3, for `ovs-ofctl -O OpenFlow13 "
				 "add-flows BRIDGE FILE`.\n"
				 "# The access ports, the core port and the journal port are ports "
				 "of the bridge; once:\n"
				 "# `ovs-ofctl set-frags BRIDGE nx-match`.\n"
				 "# What is lost:\n");
	for (int i = 0; i < VNEP_OPENFLOW_LOSSES; i++)
		if ((lost = vnep_openflow_lost(o, (enum vnep_openflow_loss)i)))
			vnep_buf_printf(o->out, "# - %s\n", lost);
	vnep_buf_put_str(o->out, "# Cookies say why a flow drops:");
	for (int i = 1; i < VNEP_REASON_COUNT; i++)
		vnep_buf_printf(
			o->out, " 0x%x %s", (unsigned)i, vnep_reason_text((enum vnep_reason)i));
	vnep_buf_put_str(o->out, "\n\n# the ports\n");
	begin_ports(o);
	vnep_buf_printf(o->out,
		"table=%d,priority=0 actions=goto_table:%d # no device's MAC\n"
		"table=%d,priority=0 actions=goto_table:%d # no endpoint\n"
		"table=%d,priority=0 actions=output:\"%s\" # neighbours of the core port: yours to "
		"fill\n",
		VNEP_OPENFLOW_KNOWN, VNEP_OPENFLOW_ENDPOINT, VNEP_OPENFLOW_ENDPOINT,
		VNEP_OPENFLOW_CHAINS, VNEP_OPENFLOW_NEIGHBOURS, o->ports[o->access_count]);
}

int vnep_openflow_rules(struct vnep_openflow *o, struct vnep_err *err)
{
	o->err = err;
	name_chains(o);
	begin_ports(o);
	for (unsigned pass = 0; !o->rc && (o->changed || !pass); pass++) {
		o->changed = false;
		for (size_t i = 0; i < o->node_count && !o->rc; i++) {
			walk(o, o->nodes[i]);
			if (!o->rc && o->nodes[i]->level >= LEVELS)
				o->rc = vnep_err_set(err, VNEP_EVALUE,
					"rules in a circle, or deeper than OpenFlow has tables");
		}
	}
	o->printing = true;
	if (!o->rc)
		put_head(o);
	for (size_t i = 0; i < o->node_count && !o->rc; i++)
		walk(o, o->nodes[i]);
	vnep_buf_put_str(o->out, "\n# the devices\n");
	if (o->rc == -ENOMEM)
		vnep_err_sys(err, ENOMEM, "flows");
	o->err = NULL;
	return o->rc;
}

const char *vnep_openflow_lost(const struct vnep_openflow *o, enum vnep_openflow_loss loss)
{
	if (!(o->lost >> loss & 1))
		return NULL;
	switch (loss) {
	case VNEP_OPENFLOW_PRESENCE:
		return "presence: a bound device counts as awake, unless its active time is 0; "
		       "nothing is "
		       "said of when it spoke last";
	case VNEP_OPENFLOW_LIMITS:
		return "budgets: whatever the worker is asked goes to the journal port, however "
		       "much it is";
	case VNEP_OPENFLOW_SAMPLES:
		return "samples of what strangers send: they are dropped unseen";
	case VNEP_OPENFLOW_LENGTH: return "lengths: what is too big for a port is not found out";
	case VNEP_OPENFLOW_RESOLVE:
		return "resolved hosts: packets go out whether or not somebody is there";
	case VNEP_OPENFLOW_MACS:
		return "the MACs of the ports and of the core side: every unicast frame is for its "
		       "port, and "
		       "out of the core port a frame keeps its destination MAC, unless table 250 "
		       "has a flow "
		       "of yours for the neighbour (xxreg0)";
	case VNEP_OPENFLOW_TAGS:
		return "the kind of a tag: a service tag (802.1ad) passes for any other where "
		       "VLANs are used";
	case VNEP_OPENFLOW_FRAGMENTS:
		return "the protocol of a fragment behind the first: no rule that names one lets "
		       "it pass";
	case VNEP_OPENFLOW_HEADERS:
		return "rare headers: what is behind an authentication header counts as the "
		       "protocol, the version "
		       "field is not looked at, no checksum behind a routing header is corrected";
	case VNEP_OPENFLOW_PORTS:
		return "ports of protocols other than TCP, UDP and SCTP: they do not pass";
	case VNEP_OPENFLOW_GROUPS: return "groups: what hosts of the VPC send to them is dropped";
	case VNEP_OPENFLOW_LOSSES: break;
	}
	return NULL;
}
