/*
 * acl-rules - the wanted state as chains: the data path of DESIGN.md section 3, for untagged ports.
 *
 *   access_<port> --> from_device --> class_… --> policy_… --> vpc_… --> core port, or hairpin
 *   core_<port> --> to_endpoint --> to_device --> to_awake --> to_<port>, else journal
 *
 * Every packet that arrives ends in exactly one counted rule: forwarded, journal, ask or drop; a
 * copy (wake, tap, sample) is counted apart. So no chain may run out: each ends with a rule that
 * takes everything. Nothing is accepted anywhere, so nothing that a device sends reaches the edge's
 * own stack.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"
#include "vnep/rtnl.h"

/* Packets a second, and at once: what needs an answer may not drown the worker. Strangers have
 * budgets of their own, so that they cannot use up what known devices need. */
enum {
	DISCOVERY_RATE = 1000,
	DISCOVERY_BURST = 200,
	STRANGER_RATE = 100,
	STRANGER_BURST = 20,
	HOP_LIMIT_RATE = 100,
	HOP_LIMIT_BURST = 20,
	ERROR_RATE = 1000,
	ERROR_BURST = 200,
	ACCESS_RATE = 1000,
	ACCESS_BURST = 200,
	SAMPLE_RATE = 10,
	SAMPLE_BURST = 10,
	NEXT_HOP_RATE = 10000,
	NEXT_HOP_BURST = 2000,
};

/* A base chain being written: its port, with what its rules need to know about it. */
struct port {
	struct vnep_acl *acl;
	struct vnep_ruleset *rs;
	char label[VNEP_NFT_NAME_MAX + 1];
	uint16_t index; /* in tags */
	enum vnep_direction direction;
};

static void in_set(struct vnep_ruleset *rs, enum vnep_field field, enum vnep_set set)
{
	vnep_ruleset_stmt(
		rs, (struct vnep_stmt){ .kind = VNEP_STMT_IN_SET, .field = field, .set = set });
}

static void in_prefix(
	struct vnep_ruleset *rs, enum vnep_field field, const struct vnep_prefix *prefix)
{
	if (prefix->len) /* ::/0 is no condition */
		vnep_ruleset_stmt(rs,
			(struct vnep_stmt){
				.kind = VNEP_STMT_IN_PREFIX, .field = field, .prefix = *prefix });
}

static void plain(struct vnep_ruleset *rs, enum vnep_stmt_kind kind)
{
	vnep_ruleset_stmt(rs, (struct vnep_stmt){ .kind = kind });
}

static void number(struct vnep_ruleset *rs, enum vnep_stmt_kind kind, uint64_t n, uint64_t n2)
{
	vnep_ruleset_stmt(rs, (struct vnep_stmt){ .kind = kind, .number = n, .number2 = n2 });
}

static void go_to(struct vnep_ruleset *rs, const char *chain)
{
	struct vnep_stmt stmt = { .kind = VNEP_STMT_GOTO };

	snprintf(stmt.name, sizeof stmt.name, "%s", chain);
	vnep_ruleset_stmt(rs, stmt);
}

static void vmap(struct vnep_ruleset *rs, enum vnep_field field, enum vnep_set set)
{
	vnep_ruleset_stmt(
		rs, (struct vnep_stmt){ .kind = VNEP_STMT_VMAP, .field = field, .set = set });
}

/* To the journal port under a tag: as it is (FWD), or a copy of it (DUP). */
static void to_journal_port(struct vnep_acl *acl, enum vnep_stmt_kind kind,
	enum vnep_tag_reason reason, uint16_t port, enum vnep_direction direction)
{
	struct vnep_stmt stmt = { .kind = kind, .ifindex = acl->journal_index };

	vnep_ruleset_stmt(&acl->rs,
		(struct vnep_stmt){ .kind = VNEP_STMT_TAG, .tag = { reason, port, direction } });
	snprintf(stmt.name, sizeof stmt.name, "%s", acl->config.journal_port);
	vnep_ruleset_stmt(&acl->rs, stmt);
}

static void drop_shared(struct vnep_ruleset *rs, enum vnep_reason reason)
{
	vnep_ruleset_count(rs, "drop.%s", vnep_reason_text(reason));
	plain(rs, VNEP_STMT_DROP);
}

/* End of a rule of a port's chain: counted with the port's name, dropped. */
static void drop(struct port *p, enum vnep_reason reason)
{
	vnep_ruleset_count(p->rs, "drop.%s.%s", vnep_reason_text(reason), p->label);
	plain(p->rs, VNEP_STMT_DROP);
}

/* End of a rule: the worker answers. The limit comes first: what is beyond it goes on to the next
 * rule. */
static void ask(struct port *p, uint64_t rate, uint64_t burst, enum vnep_tag_reason reason)
{
	number(p->rs, VNEP_STMT_LIMIT, rate, burst);
	vnep_ruleset_count(p->rs, "ask.%s", p->label);
	to_journal_port(p->acl, VNEP_STMT_FWD, reason, p->index, p->direction);
}

static void vlan_rule(struct port *p, uint16_t ether_type)
{
	vnep_ruleset_rule(p->rs, "wrong-vlan: a tag on an untagged port");
	number(p->rs, VNEP_STMT_ETHER_TYPE, ether_type, 0);
	drop(p, VNEP_WRONG_VLAN);
}

static void arrival_rules(struct port *p, const char *comment)
{
	char text[VNEP_NFT_COMMENT_MAX + 1];

	snprintf(text, sizeof text, "%s%u%s", comment, p->index,
		p->direction == VNEP_TO_DEVICE && p->acl->config.resolve ? ACL_COMMENT_RESOLVE : "");
	vnep_ruleset_rule(p->rs, text);
	vnep_ruleset_count(p->rs, "arrived.%s", p->label);
	vlan_rule(p, ETH_P_8021Q);
	vlan_rule(p, ETH_P_8021AD);
	vnep_ruleset_rule(p->rs, "not-ipv6");
	plain(p->rs, VNEP_STMT_NOT_IPV6);
	drop(p, VNEP_NOT_IPV6);
}

static void icmp_over_limit(struct port *p, enum vnep_set set)
{
	vnep_ruleset_rule(p->rs, "rate-limited");
	in_set(p->rs, VNEP_FIELD_ICMP_TYPE, set);
	drop(p, VNEP_RATE_LIMITED);
}

static void not_for_us_rule(struct port *p)
{
	vnep_ruleset_rule(p->rs, "not-for-us: another MAC");
	plain(p->rs, VNEP_STMT_NOT_HOST);
	drop(p, VNEP_NOT_FOR_US);
}

/* A hop limit that ends here: the worker says so to the sender. */
static void hop_limit_rules(struct port *p, bool known_only)
{
	vnep_ruleset_rule(p->rs, "hop limit: the worker answers");
	number(p->rs, VNEP_STMT_HOP_LIMIT, 1, 0);
	if (known_only)
		in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	ask(p, HOP_LIMIT_RATE, HOP_LIMIT_BURST, VNEP_TAG_HOP_LIMIT);
	vnep_ruleset_rule(p->rs, "rate-limited");
	number(p->rs, VNEP_STMT_HOP_LIMIT, 1, 0);
	if (known_only)
		in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	drop(p, VNEP_RATE_LIMITED);
}

static void access_discovery(struct port *p)
{
	vnep_ruleset_rule(p->rs, "discovery of known MACs: the worker answers");
	in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_SOLICIT);
	in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	ask(p, DISCOVERY_RATE, DISCOVERY_BURST, VNEP_TAG_DISCOVERY);
	vnep_ruleset_rule(p->rs, "discovery of strangers: the worker answers");
	in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_SOLICIT);
	ask(p, STRANGER_RATE, STRANGER_BURST, VNEP_TAG_DISCOVERY);
	icmp_over_limit(p, VNEP_SET_SOLICIT);
}

static void access_errors(struct port *p)
{
	vnep_ruleset_rule(p->rs, "ICMPv6 error: the address inside is the worker's");
	in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_ERROR);
	in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	ask(p, ERROR_RATE, ERROR_BURST, VNEP_TAG_ICMP_ERROR);
	vnep_ruleset_rule(p->rs, "rate-limited");
	in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_ERROR);
	in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	drop(p, VNEP_RATE_LIMITED);
}

/* Who is left: a MAC of the map without a binding for this source, or a stranger. */
static void access_unbound(struct port *p)
{
	vnep_ruleset_rule(p->rs, "access request: known MAC, no binding");
	in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	ask(p, ACCESS_RATE, ACCESS_BURST, VNEP_TAG_ACCESS_REQUEST);
	vnep_ruleset_rule(p->rs, "rate-limited");
	in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	drop(p, VNEP_RATE_LIMITED);
	vnep_ruleset_rule(p->rs, "sample of strangers");
	number(p->rs, VNEP_STMT_LIMIT, SAMPLE_RATE, SAMPLE_BURST);
	vnep_ruleset_count(p->rs, "copy.sample");
	to_journal_port(p->acl, VNEP_STMT_DUP, VNEP_TAG_SAMPLE, p->index, p->direction);
	vnep_ruleset_rule(p->rs, "no-mapping");
	drop(p, VNEP_NO_MAPPING);
}

static void access_chain(struct vnep_acl *acl, unsigned i)
{
	struct port p = { .acl = acl,
		.rs = &acl->rs,
		.index = (uint16_t)(i + 1),
		.direction = VNEP_FROM_DEVICE };

	vnep_nft_label(acl->config.access[i], p.label);
	vnep_ruleset_chain(p.rs, acl->config.access[i], NULL, "access_%s", p.label);
	arrival_rules(&p, ACL_COMMENT_ACCESS);
	access_discovery(&p);
	not_for_us_rule(&p);
	vnep_ruleset_rule(p.rs, "not-for-us: advertisements, redirects");
	in_set(p.rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_ADVERT);
	drop(&p, VNEP_NOT_FOR_US);
	hop_limit_rules(&p, true);
	access_errors(&p);
	vnep_ruleset_rule(p.rs, "a binding: source becomes the endpoint");
	plain(p.rs, VNEP_STMT_FROM_BINDING);
	go_to(p.rs, "from_device");
	access_unbound(&p);
}

/* A core port hears solicitations for endpoints and advertisements of the hosts that the worker
 * looks for. */
static void core_discovery(struct port *p)
{
	static const uint8_t types[] = { 135, 136 };

	for (unsigned i = 0; i < sizeof types; i++) {
		struct vnep_stmt type = { .kind = VNEP_STMT_ICMP_TYPE, .number = types[i] };

		vnep_ruleset_rule(p->rs, "discovery: the worker answers");
		vnep_ruleset_stmt(p->rs, type);
		ask(p, DISCOVERY_RATE, DISCOVERY_BURST, VNEP_TAG_DISCOVERY);
		vnep_ruleset_rule(p->rs, "rate-limited");
		vnep_ruleset_stmt(p->rs, type);
		drop(p, VNEP_RATE_LIMITED);
	}
}

static void core_errors(struct port *p)
{
	vnep_ruleset_rule(p->rs, "ICMPv6 error: the address inside is the worker's");
	in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_ERROR);
	in_set(p->rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
	ask(p, ERROR_RATE, ERROR_BURST, VNEP_TAG_ICMP_ERROR);
	vnep_ruleset_rule(p->rs, "rate-limited");
	in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_ERROR);
	in_set(p->rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
	drop(p, VNEP_RATE_LIMITED);
}

static void core_chain(struct vnep_acl *acl)
{
	struct port p = { .acl = acl, .rs = &acl->rs, .direction = VNEP_TO_DEVICE };

	p.index = (uint16_t)(acl->config.access_count + 1);
	vnep_nft_label(acl->config.core, p.label);
	vnep_ruleset_chain(p.rs, acl->config.core, NULL, "core_%s", p.label);
	arrival_rules(&p, ACL_COMMENT_CORE);
	core_discovery(&p);
	not_for_us_rule(&p);
	vnep_ruleset_rule(p.rs, "not-for-us: router advertisements, redirects");
	in_set(p.rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_ADVERT);
	drop(&p, VNEP_NOT_FOR_US);
	hop_limit_rules(&p, false);
	core_errors(&p);
	vnep_ruleset_rule(p.rs, "for an endpoint");
	in_set(p.rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
	go_to(p.rs, "to_endpoint");
	vnep_ruleset_rule(p.rs, "no-mapping");
	drop(&p, VNEP_NO_MAPPING);
}

/* The VPCs in the order of their names, so that the order of the records changes no rule. */
static const struct acl_vpc *next_vpc(const struct vnep_acl *acl, const struct acl_vpc *last)
{
	const struct acl_vpc *next = NULL;

	for (size_t i = 0; i < acl->vpc_count; i++) {
		const struct acl_vpc *v = &acl->vpcs[i];

		if (v->defined && (!last || strcmp(v->chain, last->chain) > 0) &&
			(!next || strcmp(v->chain, next->chain) < 0))
			next = v;
	}
	return next;
}

/* Who may send to an endpoint: its own VPC, and what the VPC has a route to. */
static void to_endpoint_chain(struct vnep_acl *acl)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, "who may send to an endpoint", "to_endpoint");
	for (const struct acl_vpc *v = NULL; (v = next_vpc(acl, v));) {
		vnep_ruleset_rule(rs, v->chain);
		in_prefix(rs, VNEP_FIELD_DEST, &v->vpc.prefix);
		in_prefix(rs, VNEP_FIELD_SRC, &v->vpc.prefix);
		go_to(rs, "to_device");
		for (size_t r = 0; r < v->vpc.route_count; r++) {
			vnep_ruleset_rule(rs, v->chain);
			in_prefix(rs, VNEP_FIELD_DEST, &v->vpc.prefix);
			in_prefix(rs, VNEP_FIELD_SRC, &v->vpc.routes[r].to);
			go_to(rs, "to_device");
		}
	}
	vnep_ruleset_rule(rs, "policy-denied: from elsewhere");
	drop_shared(rs, VNEP_POLICY_DENIED);
}

static void to_device_chains(struct vnep_acl *acl)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, "awake: now; else: journal", "to_device");
	vnep_ruleset_rule(rs, "awake");
	in_set(rs, VNEP_FIELD_DEST, VNEP_SET_AWAKE);
	go_to(rs, "to_awake");
	vnep_ruleset_rule(rs, "not awake");
	go_to(rs, "journal");

	vnep_ruleset_chain(rs, NULL, "copied if tapped, sent to its port", "to_awake");
	vnep_ruleset_rule(rs, "tap");
	in_set(rs, VNEP_FIELD_DEST, VNEP_SET_TAP);
	vnep_ruleset_count(rs, "copy.tap.to-device");
	to_journal_port(acl, VNEP_STMT_DUP, VNEP_TAG_TAP, 0, VNEP_TO_DEVICE);
	vnep_ruleset_rule(rs, "its port");
	vmap(rs, VNEP_FIELD_DEST, VNEP_SET_TO_PORT);
	vnep_ruleset_rule(rs, "no port");
	go_to(rs, "journal");

	vnep_ruleset_chain(rs, NULL, "kept for later", "journal");
	vnep_ruleset_rule(rs, "not awake: journal");
	vnep_ruleset_count(rs, "journal");
	to_journal_port(acl, VNEP_STMT_FWD, VNEP_TAG_NOT_AWAKE, 0, VNEP_TO_DEVICE);
}

/* The count stands behind the look-up, which may end the rule, and before the end. */
static void to_port_chain(struct vnep_acl *acl, unsigned i)
{
	struct vnep_stmt deliver = { .kind = VNEP_STMT_DELIVER, .ifindex = acl->access_index[i] };
	struct vnep_ruleset *rs = &acl->rs;
	char label[VNEP_NFT_NAME_MAX + 1];

	vnep_nft_label(acl->config.access[i], label);
	snprintf(deliver.name, sizeof deliver.name, "%s", acl->config.access[i]);
	vnep_ruleset_chain(rs, NULL, "the neighbour is looked up by the endpoint", "to_%s", label);
	acl->port_chain[i] = rs->chain_count - 1;
	vnep_ruleset_rule(rs, "endpoint becomes the device's address");
	plain(rs, VNEP_STMT_TO_BINDING);
	vnep_ruleset_count(rs, "forwarded.to-device");
	vnep_ruleset_stmt(rs, deliver);
	vnep_ruleset_rule(rs, "no binding");
	go_to(rs, "journal");
}

/* Destinations that never leave a link (RFC 4291 2.5.2, 2.5.3, 2.5.6, 2.7) are not forwarded,
 * whatever a policy says. */
static void from_device_chain(struct vnep_acl *acl)
{
	static const char *const local[] = { "fe80::/10", "ff00::/8", "::/127" };
	struct vnep_ruleset *rs = &acl->rs;
	struct vnep_prefix prefix = { 0 };

	vnep_ruleset_chain(rs, NULL, "the source is an endpoint now", "from_device");
	for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
		if (vnep_prefix_parse(local[i], &prefix, NULL))
			continue;
		vnep_ruleset_rule(rs, "policy-denied: of the link alone");
		in_prefix(rs, VNEP_FIELD_DEST, &prefix);
		drop_shared(rs, VNEP_POLICY_DENIED);
	}
	vnep_ruleset_rule(rs, "its class");
	vmap(rs, VNEP_FIELD_SRC, VNEP_SET_CLASS);
	vnep_ruleset_rule(rs, "no-mapping: a binding without class");
	drop_shared(rs, VNEP_NO_MAPPING);
}

/* What speaking means for devices of this active time and tap. An active time of 0: asleep at once,
 * so never a member of awake and always waking. */
static void class_chain(struct vnep_acl *acl, struct acl_class *c)
{
	const char *policy = acl->policies[c->policy].chain;
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, NULL, "%s", c->name);
	c->chain = rs->chain_count - 1;
	if (!c->has_psm || c->t3324_s) {
		vnep_ruleset_rule(rs, "awake");
		in_set(rs, VNEP_FIELD_SRC, VNEP_SET_AWAKE);
		if (c->has_psm)
			number(rs, VNEP_STMT_UPDATE_AWAKE, (uint64_t)c->t3324_s * 1000, 0);
		if (c->tap) {
			vnep_ruleset_count(rs, "copy.tap.from-device");
			to_journal_port(acl, VNEP_STMT_DUP, VNEP_TAG_TAP, 0, VNEP_FROM_DEVICE);
		}
		go_to(rs, policy);
	}
	vnep_ruleset_rule(rs, "a sleeper speaks: wake");
	vnep_ruleset_count(rs, "copy.wake");
	to_journal_port(acl, VNEP_STMT_DUP, VNEP_TAG_WAKE, 0, VNEP_FROM_DEVICE);
	go_to(rs, policy);
}

static void allow_rule(
	struct vnep_ruleset *rs, const struct vnep_allow *allow, unsigned range, const char *chain)
{
	vnep_ruleset_rule(rs, "allowed");
	if (allow->proto)
		number(rs, VNEP_STMT_PROTO, allow->proto, 0);
	if (allow->port_count)
		number(rs, VNEP_STMT_PORTS, allow->ports[range].first, allow->ports[range].last);
	in_prefix(rs, VNEP_FIELD_DEST, &allow->to);
	go_to(rs, chain);
}

static void policy_chain(struct vnep_acl *acl, const struct acl_policy *p)
{
	const struct acl_vpc *vpc = &acl->vpcs[p->vpc];
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, NULL, "%s", p->chain);
	if (!p->allow_count) {
		vnep_ruleset_rule(rs, "allowed: its VPC");
		in_prefix(rs, VNEP_FIELD_DEST, &vpc->vpc.prefix);
		go_to(rs, vpc->chain);
	}
	for (size_t i = 0; i < p->allow_count; i++) {
		unsigned ranges = p->allow[i].port_count ? p->allow[i].port_count : 1;

		for (unsigned r = 0; r < ranges; r++)
			allow_rule(rs, &p->allow[i], r, vpc->chain);
	}
	vnep_ruleset_rule(rs, "policy-denied");
	drop_shared(rs, VNEP_POLICY_DENIED);
}

static void route(struct vnep_acl *acl, const struct in6_addr *next_hop)
{
	struct vnep_stmt stmt = { .kind = VNEP_STMT_ROUTE, .ifindex = acl->core_index };

	stmt.addr = *next_hop;
	snprintf(stmt.name, sizeof stmt.name, "%s", acl->config.core);
	vnep_ruleset_count(&acl->rs, "forwarded.from-device");
	vnep_ruleset_stmt(&acl->rs, stmt);
}

/* A rule that sends on, and the one for the case that nobody knows where: via :: is the destination. */
static void route_rules(struct vnep_acl *acl, const char *comment, const struct vnep_prefix *to,
	const struct in6_addr *via)
{
	struct vnep_stmt reachable = { .kind = VNEP_STMT_REACHABLE, .addr = *via };
	bool direct = IN6_IS_ADDR_UNSPECIFIED(via);
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_rule(rs, comment);
	in_prefix(rs, VNEP_FIELD_DEST, to);
	if (acl->config.resolve && direct)
		in_set(rs, VNEP_FIELD_DEST, VNEP_SET_REACHABLE);
	else if (acl->config.resolve)
		vnep_ruleset_stmt(rs, reachable);
	route(acl, via);
	if (!acl->config.resolve)
		return;
	vnep_ruleset_rule(rs, "not resolved yet");
	in_prefix(rs, VNEP_FIELD_DEST, to);
	go_to(rs, "next_hop");
}

static void vpc_chain(struct vnep_acl *acl, const struct acl_vpc *v)
{
	static const struct in6_addr direct = IN6ADDR_ANY_INIT;
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, NULL, "%s", v->chain);
	vnep_ruleset_rule(rs, "another device of this edge");
	in_prefix(rs, VNEP_FIELD_DEST, &v->vpc.prefix);
	in_set(rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
	go_to(rs, "to_device");
	route_rules(acl, "on the VPC link", &v->vpc.prefix, &direct);
	for (size_t i = 0; i < v->vpc.route_count; i++) /* longest first, says record.h */
		route_rules(acl, "by a route", &v->vpc.routes[i].to, &v->vpc.routes[i].next_hop);
	vnep_ruleset_rule(rs, "no-next-hop");
	drop_shared(rs, VNEP_NO_NEXT_HOP);
}

/* What is for a host that the worker does not know yet: it asks, and keeps the packet meanwhile. */
static void next_hop_chain(struct vnep_acl *acl)
{
	struct vnep_ruleset *rs = &acl->rs;

	vnep_ruleset_chain(rs, NULL, "not resolved yet: the worker asks", "next_hop");
	vnep_ruleset_rule(rs, "the worker resolves it");
	number(rs, VNEP_STMT_LIMIT, NEXT_HOP_RATE, NEXT_HOP_BURST);
	vnep_ruleset_count(rs, "ask.next-hop");
	to_journal_port(acl, VNEP_STMT_FWD, VNEP_TAG_NEXT_HOP, 0, VNEP_FROM_DEVICE);
	vnep_ruleset_rule(rs, "no-next-hop: too many at once");
	drop_shared(rs, VNEP_NO_NEXT_HOP);
}

/* What reaches the peer of the journal port is for the ring alone, never for the edge's own stack.
 */
static void journal_chain(struct vnep_acl *acl)
{
	char peer[VNEP_IF_MAX + 1], label[VNEP_NFT_NAME_MAX + 1], text[VNEP_NFT_COMMENT_MAX + 1];

	vnep_rtnl_journal_peer(acl->config.journal_port, peer);
	vnep_nft_label(peer, label);
	vnep_ruleset_chain(&acl->rs, peer, NULL, "journal_port_%s", label);
	snprintf(text, sizeof text, ACL_COMMENT_JOURNAL "%s", acl->config.journal_port);
	vnep_ruleset_rule(&acl->rs, text);
	plain(&acl->rs, VNEP_STMT_DROP);
}

static int check_vpcs(const struct vnep_acl *acl, struct vnep_err *err)
{
	const struct acl_device *d;

	for (size_t i = 0; (d = vnep_table_next(&acl->devices, &i));) {
		const struct acl_vpc *v = &acl->vpcs[d->vpc];

		if (!v->defined)
			return vnep_err_set(err, VNEP_EVALUE,
				"vpc \"%s\" of %s is not among the records", v->vpc.vpc,
				v->needed_by);
	}
	return 0;
}

/* The kernel's index of a port; offline its place in the configuration, counted from 1. */
static int read_port(struct vnep_acl *acl, unsigned place, uint32_t *index, struct vnep_err *err)
{
	const char *port =
		place < acl->config.access_count ? acl->config.access[place] : acl->config.core;
	uint32_t now = acl->offline ? place + 1 : if_nametoindex(port);

	if (!now)
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such port: \"%s\"", port);
	acl->built = acl->built && now == *index;
	*index = now;
	return 0;
}

static int read_ports(struct vnep_acl *acl, struct vnep_err *err)
{
	uint32_t journal = acl->offline ? 0 : if_nametoindex(acl->config.journal_port);
	unsigned count = acl->config.access_count;
	int rc = 0;

	for (unsigned i = 0; !rc && i < count; i++)
		rc = read_port(acl, i, &acl->access_index[i], err);
	if (!rc)
		rc = read_port(acl, count, &acl->core_index, err);
	acl->built = acl->built && journal == acl->journal_index;
	acl->journal_index = journal;
	return rc;
}

int acl_build(struct vnep_acl *acl, struct vnep_err *err)
{
	int rc = read_ports(acl, err);

	if (rc || acl->built)
		return rc;
	rc = check_vpcs(acl, err);
	if (rc)
		return rc;
	acl->installed = false;
	vnep_ruleset_release(&acl->rs);
	vnep_ruleset_init(&acl->rs, acl->config.set_size);
	for (unsigned i = 0; i < acl->config.access_count; i++)
		access_chain(acl, i);
	core_chain(acl);
	journal_chain(acl);
	from_device_chain(acl);
	to_endpoint_chain(acl);
	to_device_chains(acl);
	if (acl->config.resolve)
		next_hop_chain(acl);
	for (unsigned i = 0; i < acl->config.access_count; i++)
		to_port_chain(acl, i);
	for (size_t i = 0; i < acl->class_count; i++)
		if (acl->classes[i].users)
			class_chain(acl, &acl->classes[i]);
	for (size_t i = 0; i < acl->policy_count; i++)
		if (acl->policies[i].users)
			policy_chain(acl, &acl->policies[i]);
	for (size_t i = 0; i < acl->vpc_count; i++)
		if (acl->vpcs[i].defined)
			vpc_chain(acl, &acl->vpcs[i]);
	if (acl->rs.rc)
		return vnep_err_sys(err, ENOMEM, "the ruleset");
	acl->built = true;
	return 0;
}

int vnep_acl_ports_changed(struct vnep_acl *acl, struct vnep_err *err)
{
	uint64_t changes = 0;
	int rc = acl_build(acl, err);

	return rc || acl->installed ? rc : acl_sync(acl, ACL_RULES, &changes, err);
}
