/*
 * acl-rules-path - from a device to where it may send, and to a device by the way it is reached.
 *
 *   from_device --> class_… --> policy_… --> link_…, vpc_… --> core port, next_hop, or to_device (hairpin)
 *   from_host ----> class_… --^                   '--> consent_… of the other device --^
 *   to_device, to_host --awake--> [tap_]to_<port>[.<vlan>], [tap_]host_<port>[.<vlan>];  else journal
 *
 * Translation stands at the two ends: behind from_binding the source is V, and until the last chain the
 * destination is V. So a policy, a class, a copy for the journal all speak of endpoints.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "acl-emit.h"

static void from_device_chain(struct vnep_acl *acl)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, "the source is an endpoint now", "from_device");
	vnep_ruleset_rule(rs, "its class");
	emit_vmap(rs, VNEP_FIELD_SRC, VNEP_SET_CLASS);
	vnep_ruleset_rule(rs, "no-mapping: a binding without class");
	emit_drop_shared(rs, VNEP_NO_MAPPING);
}

/* L to V: the destination says whose class it is. */
static void from_host_chain(struct vnep_acl *acl)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, "to the host that holds the endpoint", "from_host");
	vnep_ruleset_rule(rs, "its class");
	emit_vmap(rs, VNEP_FIELD_DEST, VNEP_SET_CLASS);
	vnep_ruleset_rule(rs, "no-mapping: a binding without class");
	emit_drop_shared(rs, VNEP_NO_MAPPING);
}

/* To the neighbour of via, or of the destination itself if that is ::. */
static void route(struct vnep_acl *acl, const struct acl_vpc *v, const struct in6_addr *via)
{
	struct vnep_stmt stmt = {
		.kind = VNEP_STMT_ROUTE, .ifindex = acl_core(acl)->index, .addr = *via
	};

	snprintf(stmt.name, sizeof stmt.name, "%s", acl->config.core);
	if (acl_port_absent(
		    acl, acl->config.core)) { /* the kernel would go on with the next rule */
		emit_drop_shared(&acl->rs, VNEP_PORT_DOWN);
		return;
	}
	if (v->vpc.core_vlan)
		emit_number(&acl->rs, VNEP_STMT_SET_VLAN, v->vpc.core_vlan, 0);
	vnep_ruleset_count(&acl->rs, "forwarded.from-device");
	vnep_ruleset_stmt(&acl->rs, stmt);
}

/* An awake device, whether its time is to be renewed, and the copy that goes before all others. */
static void awake_stmts(struct vnep_acl *acl, const struct acl_class *c, enum vnep_field v)
{
	emit_in_set(&acl->rs, v, VNEP_SET_AWAKE);
	if (c->has_psm)
		vnep_ruleset_stmt(&acl->rs, (struct vnep_stmt){ .kind = VNEP_STMT_UPDATE_AWAKE,
						    .field = v,
						    .number = (uint64_t)c->t3324_s * 1000 });
}

static void tap_stmts(struct vnep_acl *acl, const struct acl_class *c)
{
	if (!c->tap)
		return;
	vnep_ruleset_count(&acl->rs, "copy.tap.from-device");
	emit_to_journal_port(acl, VNEP_STMT_DUP, VNEP_TAG_TAP, 0, VNEP_FROM_DEVICE);
}

/* What most packets are: of an awake device that may reach its VPC and nothing else, to a host on the VPC link. Its
 * policy and link_… come to the same, in three rules. */
static void class_shortcut(struct vnep_acl *acl, const struct acl_class *c)
{
	const struct acl_policy *policy = &acl->policies[c->policy];
	const struct acl_vpc *vpc = &acl->vpcs[policy->vpc];
	struct vnep_ruleset *rs = &acl->rs;

	if (policy->host || policy->allow_count || emit_narrow_mtu(acl, acl->config.access_count))
		return;
	vnep_ruleset_shortcut(rs, "shortcut: awake, to a host of its VPC");
	awake_stmts(acl, c, VNEP_FIELD_SRC);
	emit_in_prefix(rs, VNEP_FIELD_DEST, &vpc->vpc.prefix);
	emit_not_in_set(rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
	if (acl->config.resolve)
		emit_in_set(rs, VNEP_FIELD_DEST, VNEP_SET_REACHABLE);
	tap_stmts(acl, c);
	route(acl, vpc, &in6addr_any);
}

/* What speaking means for devices of this active time and tap. An active time of 0: asleep at once,
 * so never a member of awake and always waking. */
static void class_chain(struct vnep_acl *acl, struct acl_class *c)
{
	const struct acl_policy *policy = &acl->policies[c->policy];
	enum vnep_field v = policy->host ? VNEP_FIELD_DEST : VNEP_FIELD_SRC;
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, NULL, "%s", c->name);
	c->chain = rs->chain_count - 1;
	if (!c->has_psm || c->t3324_s) {
		class_shortcut(acl, c);
		vnep_ruleset_rule(rs, "awake");
		awake_stmts(acl, c, v);
		tap_stmts(acl, c);
		emit_go_to(rs, "%s", policy->chain);
	}
	vnep_ruleset_rule(rs, "a sleeper speaks: wake");
	vnep_ruleset_count(rs, "copy.wake");
	emit_to_journal_port(acl, VNEP_STMT_DUP, VNEP_TAG_WAKE, 0, VNEP_FROM_DEVICE);
	emit_go_to(rs, "%s", policy->chain);
}

/* What lies on the VPC link need not be looked for among its routes. */
static void go_to_vpc(
	struct vnep_ruleset *rs, const struct acl_vpc *vpc, const struct vnep_prefix *allowed)
{
	if (allowed->len >= vpc->vpc.prefix.len &&
		vnep_prefix_has(&vpc->vpc.prefix, &allowed->addr))
		emit_go_to(rs, "link_%s", vpc->chain + strlen("vpc_"));
	else
		emit_go_to(rs, "%s", vpc->chain);
}

static void allow_rule(struct vnep_ruleset *rs, const struct vnep_allow *allow, unsigned range,
	const struct acl_vpc *vpc)
{
	vnep_ruleset_rule(rs, "allowed");
	if (allow->proto)
		emit_number(rs, VNEP_STMT_PROTO, allow->proto, 0);
	if (allow->port_count)
		emit_number(
			rs, VNEP_STMT_PORTS, allow->ports[range].first, allow->ports[range].last);
	emit_in_prefix(rs, VNEP_FIELD_DEST, &allow->to);
	go_to_vpc(rs, vpc, &allow->to);
}

/* A fragment behind the first has no ports: no rule with ports can allow it, and the reason is that. */
static void later_fragment_rule(struct vnep_ruleset *rs, const struct vnep_allow *allow)
{
	vnep_ruleset_rule(rs, "fragment: without its ports");
	emit_number(rs, VNEP_STMT_PROTO, allow->proto, 0);
	emit_in_prefix(rs, VNEP_FIELD_DEST, &allow->to);
	emit_plain(rs, VNEP_STMT_LATER);
	emit_drop_shared(rs, VNEP_FRAGMENT);
}

/* The narrower of two prefixes that overlap. */
static const struct vnep_prefix *overlap(const struct vnep_prefix *a, const struct vnep_prefix *b)
{
	const struct vnep_prefix *wide = a->len < b->len ? a : b, *narrow = wide == a ? b : a;

	return vnep_prefix_has(wide, &narrow->addr) ? narrow : NULL;
}

/* Destinations that never leave a link (RFC 4291 2.5.2, 2.5.3, 2.5.6, 2.7) are not forwarded, whatever a policy says:
 * rules for those that it would allow. */
static void link_local_rules(struct vnep_ruleset *rs, const struct acl_policy *p)
{
	static const char *const local[] = { "fe80::/10", "ff00::/8", "::/127" };
	struct vnep_prefix prefix = { 0 };

	for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
		bool allowed = false;

		if (vnep_prefix_parse(local[i], &prefix, NULL))
			continue;
		for (size_t a = 0; a < p->allow_count; a++)
			allowed = allowed || overlap(&p->allow[a].to, &prefix);
		if (!allowed)
			continue;
		vnep_ruleset_rule(rs, "policy-denied: of the link alone");
		emit_in_prefix(rs, VNEP_FIELD_DEST, &prefix);
		emit_drop_shared(rs, VNEP_POLICY_DENIED);
	}
}

static void policy_chain(struct vnep_acl *acl, const struct acl_policy *p)
{
	const struct acl_vpc *vpc = &acl->vpcs[p->vpc];
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, NULL, "%s", p->chain);
	if (p->host || !p->allow_count) {
		vnep_ruleset_rule(rs, p->host ? "allowed: its endpoint" : "allowed: its VPC");
		emit_in_prefix(rs, VNEP_FIELD_DEST, &vpc->vpc.prefix);
		go_to_vpc(rs, vpc, &vpc->vpc.prefix);
	} else {
		link_local_rules(rs, p);
	}
	for (size_t i = 0; i < p->allow_count; i++) {
		unsigned ranges = p->allow[i].port_count ? p->allow[i].port_count : 1;

		for (unsigned r = 0; r < ranges; r++)
			allow_rule(rs, &p->allow[i], r, vpc);
	}
	for (size_t i = 0; i < p->allow_count; i++)
		if (p->allow[i].port_count)
			later_fragment_rule(rs, &p->allow[i]);
	vnep_ruleset_rule(rs, "policy-denied");
	emit_drop_shared(rs, VNEP_POLICY_DENIED);
}

/*
 * Devices of another VPC may reach one of ours where our list has their prefix, too: both allow it. A tag
 * can be changed but not put on or taken off, so tagged VPCs never meet untagged ones.
 */
static void consent_chain(struct vnep_acl *acl, struct acl_policy *p)
{
	const struct acl_vpc *own = &acl->vpcs[p->vpc];
	struct vnep_ruleset *rs = &acl->rs;

	p->consent = SIZE_MAX;
	for (size_t i = 0; i < p->allow_count; i++) {
		const struct vnep_allow *allow = &p->allow[i];

		for (const struct acl_vpc *v = NULL; (v = acl_next_vpc(acl, v));) {
			const struct vnep_prefix *from = overlap(&allow->to, &v->vpc.prefix);

			if (v == own || !from || !v->vpc.core_vlan != !own->vpc.core_vlan)
				continue;
			if (p->consent == SIZE_MAX) {
				vnep_ruleset_chain(
					rs, NULL, NULL, "consent_%s", p->chain + strlen("policy_"));
				p->consent = rs->chain_count - 1;
			}
			vnep_ruleset_rule(rs, v->chain);
			if (allow->proto)
				emit_number(rs, VNEP_STMT_PROTO, allow->proto, 0);
			emit_in_prefix(rs, VNEP_FIELD_SRC, from);
			emit_go_to(rs, "to_device");
		}
	}
	if (p->consent == SIZE_MAX)
		return;
	vnep_ruleset_rule(rs, "policy-denied: the other does not allow it");
	emit_drop_shared(rs, VNEP_POLICY_DENIED);
}

/* A rule that sends on, and the one for the case that nobody knows where. to: NULL is everything. */
static void route_rules(struct vnep_acl *acl, const struct acl_vpc *v, const char *comment,
	const struct vnep_prefix *to, const struct in6_addr *next_hop)
{
	struct vnep_stmt reachable = { .kind = VNEP_STMT_REACHABLE };
	struct vnep_ruleset *rs = &acl->rs;

	if (next_hop)
		vnep_acl_host_key(next_hop, v->vpc.core_vlan, &reachable.addr);
	vnep_ruleset_rule(rs, comment);
	if (to)
		emit_in_prefix(rs, VNEP_FIELD_DEST, to);
	if (acl->config.resolve && !next_hop)
		emit_in_set(rs, VNEP_FIELD_DEST, VNEP_SET_REACHABLE);
	else if (acl->config.resolve)
		vnep_ruleset_stmt(rs, reachable);
	route(acl, v, &reachable.addr);
	if (!acl->config.resolve)
		return;
	vnep_ruleset_rule(rs, "not resolved yet");
	if (to)
		emit_in_prefix(rs, VNEP_FIELD_DEST, to);
	emit_go_to(rs, "next_hop");
}

/* Where a port is narrower than another, what is longer than it takes goes to big_<port>, and comes back if
 * it may pass after all. */
static void big_rule(struct vnep_acl *acl, unsigned place)
{
	const char *port =
		place < acl->config.access_count ? acl->config.access[place] : acl->config.core;
	uint32_t mtu = emit_narrow_mtu(acl, place);
	char label[VNEP_NFT_NAME_MAX + 1];

	if (!mtu)
		return;
	vnep_nft_label(port, label);
	vnep_ruleset_rule(&acl->rs, "longer than the MTU there");
	emit_number(&acl->rs, VNEP_STMT_LONGER, mtu, 0);
	emit_jump(&acl->rs, "big_%s", label);
}

/*
 * A packet that is longer than the port takes may be one that is too big, or a super-packet of the kernel
 * (GSO, GRO), whose segments fit. The journal port makes segments of it, so the worker can tell: it sends on
 * what fits and answers what does not. TCP longer than any port takes can only be a super-packet, and is far too
 * much for the worker: it passes, and a copy now and then tells whether its segments fit.
 */
static void big_chain(struct vnep_acl *acl, unsigned place)
{
	bool core = place == acl->config.access_count;
	enum vnep_direction direction = core ? VNEP_FROM_DEVICE : VNEP_TO_DEVICE;
	struct emit_port p = {
		.acl = acl, .rs = &acl->rs, .index = (uint16_t)(place + 1), .direction = direction
	};
	uint32_t widest = 0;

	if (!emit_narrow_mtu(acl, place))
		return;
	for (unsigned i = 0; i <= acl->config.access_count; i++)
		if (acl->port[i].mtu > widest)
			widest = acl->port[i].mtu;
	vnep_nft_label(core ? acl->config.core : acl->config.access[place], p.label);
	vnep_ruleset_chain(p.rs, NULL, NULL, "big_%s", p.label);
	vnep_ruleset_rule(p.rs, "a super-packet of TCP: do its segments fit?");
	emit_number(p.rs, VNEP_STMT_PROTO, IPPROTO_TCP, 0);
	emit_number(p.rs, VNEP_STMT_LONGER, widest, 0);
	emit_number(p.rs, VNEP_STMT_LIMIT, BIG_COPY_RATE, BIG_COPY_BURST);
	vnep_ruleset_count(p.rs, "copy.too-big");
	emit_to_journal_port(acl, VNEP_STMT_DUP, VNEP_TAG_BIG_COPY, p.index, direction);
	vnep_ruleset_rule(p.rs, "a super-packet of TCP");
	emit_number(p.rs, VNEP_STMT_PROTO, IPPROTO_TCP, 0);
	emit_number(p.rs, VNEP_STMT_LONGER, widest, 0);
	emit_plain(p.rs, VNEP_STMT_RETURN);
	vnep_ruleset_rule(p.rs, "too big, or a super-packet: the worker looks");
	emit_ask(&p, BIG_RATE, BIG_BURST, VNEP_TAG_TOO_BIG);
	vnep_ruleset_rule(p.rs, "rate-limited");
	emit_drop(&p, VNEP_RATE_LIMITED);
}

/* The destination is in the VPC's prefix. */
static void link_chain(struct vnep_acl *acl, const struct acl_vpc *v)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, NULL, "link_%s", v->chain + strlen("vpc_"));
	vnep_ruleset_rule(rs, "another device of its VPC");
	emit_in_set(rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
	emit_go_to(rs, "to_device");
	big_rule(acl, acl->config.access_count);
	route_rules(acl, v, "on the VPC link", NULL, NULL);
	vnep_ruleset_rule(rs, "no-next-hop");
	emit_drop_shared(rs, VNEP_NO_NEXT_HOP);
}

static void vpc_chain(struct vnep_acl *acl, const struct acl_vpc *v)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, NULL, "%s", v->chain);
	vnep_ruleset_rule(rs, "its own link");
	emit_in_prefix(rs, VNEP_FIELD_DEST, &v->vpc.prefix);
	emit_go_to(rs, "link_%s", v->chain + strlen("vpc_"));
	vnep_ruleset_rule(rs, "a device of another VPC");
	emit_in_set(rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
	emit_go_to(rs, "other_vpc");
	big_rule(acl, acl->config.access_count);
	for (size_t i = 0; i < v->vpc.route_count; i++) /* longest first, says record.h */
		route_rules(acl, v, "by a route", &v->vpc.routes[i].to, &v->vpc.routes[i].next_hop);
	vnep_ruleset_rule(rs, "no-next-hop");
	emit_drop_shared(rs, VNEP_NO_NEXT_HOP);
}

static void other_vpc_chain(struct vnep_acl *acl)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, "both must allow it", "other_vpc");
	vnep_ruleset_rule(rs, "what it allows");
	emit_vmap(rs, VNEP_FIELD_DEST, VNEP_SET_CONSENT);
	vnep_ruleset_rule(rs, "policy-denied: it allows no other VPC");
	emit_drop_shared(rs, VNEP_POLICY_DENIED);
}

/* What is for a host that the worker does not know yet: it asks, and keeps the packet meanwhile. */
static void next_hop_chain(struct vnep_acl *acl)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, "not resolved yet: the worker asks", "next_hop");
	vnep_ruleset_rule(rs, "the worker resolves it");
	emit_number(rs, VNEP_STMT_LIMIT, NEXT_HOP_RATE, NEXT_HOP_BURST);
	vnep_ruleset_count(rs, "ask.next-hop");
	emit_to_journal_port(acl, VNEP_STMT_FWD, VNEP_TAG_NEXT_HOP, 0, VNEP_FROM_DEVICE);
	vnep_ruleset_rule(rs, "no-next-hop: too many at once");
	emit_drop_shared(rs, VNEP_NO_NEXT_HOP);
}

void acl_from_device_chains(struct vnep_acl *acl)
{
	bool hosts = false;

	from_device_chain(acl);
	for (size_t i = 0; i < acl->vpc_count; i++)
		hosts = hosts || acl->vpcs[i].hosts;
	if (hosts)
		from_host_chain(acl);
	if (acl->config.resolve)
		next_hop_chain(acl);
	for (size_t i = 0; i < acl->class_count; i++)
		if (acl->classes[i].users)
			class_chain(acl, &acl->classes[i]);
	for (size_t i = 0; i < acl->policy_count; i++) {
		if (!acl->policies[i].users)
			continue;
		policy_chain(acl, &acl->policies[i]);
		consent_chain(acl, &acl->policies[i]);
	}
	other_vpc_chain(acl);
	for (const struct acl_vpc *v = NULL; (v = acl_next_vpc(acl, v));) {
		link_chain(acl, v);
		vpc_chain(acl, v);
	}
	big_chain(acl, acl->config.access_count);
}

/* The count stands behind the look-up, which may end the rule, and before the end. */
static void lane_chain(struct vnep_acl *acl, struct acl_lane *lane)
{
	const struct acl_lane_key *k = &lane->key;
	struct vnep_stmt deliver = { .kind = k->host ? VNEP_STMT_DELIVER_HOST : VNEP_STMT_DELIVER,
		.number = k->vlan,
		.ifindex = acl->port[k->port].index };
	struct vnep_ruleset *rs = &acl->rs;
	char label[VNEP_NFT_NAME_MAX + 1], vlan[8] = "";

	vnep_nft_label(acl->config.access[k->port], label);
	snprintf(deliver.name, sizeof deliver.name, "%s", acl->config.access[k->port]);
	if (k->vlan)
		snprintf(vlan, sizeof vlan, ".%u", k->vlan);
	vnep_ruleset_chain(rs, NULL, "the neighbour is looked up by the endpoint", "%s%s_%s%s",
		k->tap ? "tap_" : "", k->host ? "host" : "to", label, vlan);
	lane->chain = rs->chain_count - 1;
	if (acl_port_absent(acl, acl->config.access[k->port])) {
		vnep_ruleset_rule(rs, "the port is not there");
		emit_go_to(rs, "journal");
		return;
	}
	big_rule(acl, k->port);
	if (k->tap) {
		vnep_ruleset_rule(rs, "tap");
		vnep_ruleset_count(rs, "copy.tap.to-device");
		emit_to_journal_port(acl, VNEP_STMT_DUP, VNEP_TAG_TAP, 0, VNEP_TO_DEVICE);
	}
	vnep_ruleset_rule(rs, k->host ? "to the device" : "endpoint becomes the device's address");
	if (!k->host)
		emit_plain(rs, VNEP_STMT_TO_BINDING);
	if (k->vlan)
		emit_number(rs, VNEP_STMT_SET_VLAN, k->vlan, 0);
	vnep_ruleset_count(rs, "forwarded.to-device");
	vnep_ruleset_stmt(rs, deliver);
	vnep_ruleset_rule(rs, "no binding");
	emit_go_to(rs, "journal");
}

/* Awake: by the way that its map names; without one, or asleep: journal. */
static void presence_chain(
	struct vnep_acl *acl, const char *name, const char *comment, enum vnep_field v)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, comment, "%s", name);
	vnep_ruleset_rule(rs, "awake: its port");
	emit_in_set(rs, v, VNEP_SET_AWAKE);
	emit_vmap(rs, v, VNEP_SET_TO_PORT);
	vnep_ruleset_rule(rs, "not awake");
	emit_go_to(rs, "journal");
}

void acl_to_device_chains(struct vnep_acl *acl)
{
	struct vnep_ruleset *rs = &acl->rs;
	bool hosts = false;

	for (size_t i = 0; i < acl->vpc_count; i++)
		hosts = hosts || acl->vpcs[i].hosts;
	presence_chain(acl, "to_device", "awake: now; else: journal", VNEP_FIELD_DEST);
	if (hosts)
		presence_chain(
			acl, "to_host", "from the host that holds the endpoint", VNEP_FIELD_SRC);
	vnep_ruleset_chain(rs, NULL, "kept for later", "journal");
	vnep_ruleset_rule(rs, "not awake: journal");
	vnep_ruleset_count(rs, "journal");
	emit_to_journal_port(acl, VNEP_STMT_FWD, VNEP_TAG_NOT_AWAKE, 0, VNEP_TO_DEVICE);
	for (size_t i = 0; i < acl->lane_count; i++)
		if (acl->lanes[i].users)
			lane_chain(acl, &acl->lanes[i]);
	for (unsigned i = 0; i < acl->config.access_count; i++)
		big_chain(acl, i);
}
