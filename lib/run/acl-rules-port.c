/*
 * acl-rules-port - what arrives at a port, until it is known whose it is.
 *
 *   access_<port> --untagged--> untagged_<port> --> bound_<port> --> from_device, from_host
 *                 --tagged----> tagged_<port> ----> bound_vlan_<port> --^
 *                                    |  ICMPv6 first looks in at icmp_<port>
 *   core_<port> ----untagged--> untagged_<port> --> vpc_side --> to_endpoint, to_host
 *                 --tagged----> tagged_<port> ----> core_vlan_<vlan> --^
 *                                    '--not for its MAC--> group_<port>, group_vlan_<port> --> group_sender_<port>, ...
 *
 * What is rare is looked at in chains that most packets never enter. What most packets are, a shortcut in front has
 * already found: each rule, and what it asks first, costs every packet some nanoseconds. Each says, in one
 * rule, what the rules behind it say in five or seven.
 */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>

#include "acl-emit.h"

enum { ECHO_REQUEST = 128, NEIGHBOUR_SOLICIT = 135, NEIGHBOUR_ADVERT = 136 };

static void wrong_vlan_rule(
	struct emit_port *p, const char *comment, enum vnep_stmt_kind kind, uint64_t n)
{
	vnep_ruleset_rule(p->rs, comment);
	emit_number(p->rs, kind, n, 0);
	emit_drop(p, VNEP_WRONG_VLAN);
}

/* What most packets are: no ICMPv6, for this port, and not at the end of their way. */
static void common_stmts(struct emit_port *p)
{
	emit_number(p->rs, VNEP_STMT_NOT_PROTO, IPPROTO_ICMPV6, 0);
	emit_plain(p->rs, VNEP_STMT_HOST);
	emit_number(p->rs, VNEP_STMT_HOPS_LEFT, 1, 0);
}

/* Of a binding: the five rules until from_device in one. It stands in the base chain, because no policy is in it: an
 * apply writes base chains last, behind all that they lead to. */
static void access_shortcut(struct emit_port *p, bool tagged)
{
	if (p->direction != VNEP_FROM_DEVICE || !acl_has_side(p->acl, tagged))
		return;
	vnep_ruleset_shortcut(p->rs, "shortcut: a binding");
	if (tagged) /* a rule that reads the VLAN asks for a tag first */
		emit_number(p->rs, VNEP_STMT_PROTOCOL, ETH_P_IPV6, 0);
	else
		emit_number(p->rs, VNEP_STMT_ETHER_TYPE, ETH_P_IPV6, 0);
	common_stmts(p);
	emit_by_set(
		p->rs, VNEP_STMT_FROM_BINDING, tagged ? VNEP_SET_FROM_VLAN : VNEP_SET_FROM_BINDING);
	emit_go_to(p->rs, "from_device");
}

/* To an awake device of the VPC: the seven rules until its port in one for each VPC. With many VPCs there are none:
 * each would cost every packet. What a host holds is in awake and to_port, too: it is no endpoint of ours. */
static void untagged_shortcuts(struct emit_port *p)
{
	enum { FEW = 4 };
	unsigned vpcs = 0;

	for (const struct acl_vpc *v = NULL; (v = acl_next_vpc(p->acl, v));)
		vpcs += !v->vpc.core_vlan;
	for (const struct acl_vpc *v = NULL; vpcs <= FEW && (v = acl_next_vpc(p->acl, v));) {
		if (v->vpc.core_vlan)
			continue;
		vnep_ruleset_shortcut(p->rs, "shortcut: to an awake device of its VPC");
		common_stmts(p);
		emit_in_prefix(p->rs, VNEP_FIELD_DEST, &v->vpc.prefix);
		emit_in_prefix(p->rs, VNEP_FIELD_SRC, &v->vpc.prefix);
		emit_in_set(p->rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
		emit_in_set(p->rs, VNEP_FIELD_DEST, VNEP_SET_AWAKE);
		emit_vmap(p->rs, VNEP_FIELD_DEST, VNEP_SET_TO_PORT);
	}
}

/* The tag says which VPCs it may be for. */
static void tagged_shortcut(struct emit_port *p)
{
	vnep_ruleset_shortcut(p->rs, "shortcut: its VLAN");
	emit_number(p->rs, VNEP_STMT_PROTOCOL, ETH_P_IPV6, 0);
	common_stmts(p);
	emit_vmap(p->rs, VNEP_FIELD_VLAN, VNEP_SET_CORE_VLAN);
}

/* The base chain: counted, and by its tag to one of two. */
static void arrival_chain(
	struct emit_port *p, const char *device, const char *side, const char *comment)
{
	char text[VNEP_NFT_COMMENT_MAX + 1];

	vnep_ruleset_chain(p->rs, device, NULL, "%s_%s", side, p->label);
	snprintf(text, sizeof text, "%s%u%s", comment, p->index,
		p->direction == VNEP_TO_DEVICE && p->acl->config.resolve ? ACL_COMMENT_RESOLVE
									 : "");
	vnep_ruleset_rule(p->rs, text);
	vnep_ruleset_count(p->rs, "arrived.%s", p->label);
	access_shortcut(p, false);
	access_shortcut(p, true);
	vnep_ruleset_rule(p->rs, "untagged");
	emit_number(p->rs, VNEP_STMT_ETHER_TYPE, ETH_P_IPV6, 0);
	emit_go_to(p->rs, "untagged_%s", p->label);
	if (acl_has_side(p->acl, true)) {
		vnep_ruleset_rule(p->rs, "tagged");
		emit_number(p->rs, VNEP_STMT_ETHER_TYPE, ETH_P_8021Q, 0);
		emit_go_to(p->rs, "tagged_%s", p->label);
	} else {
		wrong_vlan_rule(p, "wrong-vlan: a tag on an untagged port", VNEP_STMT_ETHER_TYPE,
			ETH_P_8021Q);
	}
	wrong_vlan_rule(p, "wrong-vlan: a service tag", VNEP_STMT_ETHER_TYPE, ETH_P_8021AD);
	vnep_ruleset_rule(p->rs, "not-ipv6");
	emit_drop(p, VNEP_NOT_IPV6);
}

/* ICMPv6 by way of icmp_<port>, all else at once, to the chain of that name. A header chain that does not
 * say what is at its end (RFC 7112) passes no rule that asks: here it ends. */
static void sort_rules(struct emit_port *p, const char *chain)
{
	vnep_ruleset_rule(p->rs, "not ICMPv6");
	emit_number(p->rs, VNEP_STMT_NOT_PROTO, IPPROTO_ICMPV6, 0);
	emit_go_to(p->rs, "%s_%s", chain, p->label);
	vnep_ruleset_rule(p->rs, "ICMPv6: what is for the worker");
	emit_number(p->rs, VNEP_STMT_PROTO, IPPROTO_ICMPV6, 0);
	emit_jump(p->rs, "icmp_%s", p->label);
	vnep_ruleset_rule(p->rs, "other ICMPv6");
	emit_number(p->rs, VNEP_STMT_PROTO, IPPROTO_ICMPV6, 0);
	emit_go_to(p->rs, "%s_%s", chain, p->label);
	vnep_ruleset_rule(p->rs, "fragment: without its headers");
	emit_plain(p->rs, VNEP_STMT_FRAGMENTED);
	emit_drop(p, VNEP_FRAGMENT);
	vnep_ruleset_rule(p->rs, "malformed: headers without end");
	emit_drop(p, VNEP_MALFORMED);
}

/* Priority tags and second tags are nobody's. */
static void tagged_chain(struct emit_port *p, const char *next)
{
	vnep_ruleset_chain(p->rs, NULL, NULL, "tagged_%s", p->label);
	if (p->direction == VNEP_TO_DEVICE)
		tagged_shortcut(p);
	vnep_ruleset_rule(p->rs, "not IPv6 behind the tag");
	emit_plain(p->rs, VNEP_STMT_NOT_IPV6);
	emit_go_to(p->rs, "tagged_other_%s", p->label);
	wrong_vlan_rule(p, "wrong-vlan: a priority tag", VNEP_STMT_VLAN, 0);
	sort_rules(p, next);

	vnep_ruleset_chain(p->rs, NULL, NULL, "tagged_other_%s", p->label);
	wrong_vlan_rule(p, "wrong-vlan: two tags", VNEP_STMT_PROTOCOL, ETH_P_8021Q);
	wrong_vlan_rule(p, "wrong-vlan: two tags", VNEP_STMT_PROTOCOL, ETH_P_8021AD);
	vnep_ruleset_rule(p->rs, "not-ipv6");
	emit_drop(p, VNEP_NOT_IPV6);
}

static void sorted_chains(struct emit_port *p, const char *untagged, const char *tagged)
{
	vnep_ruleset_chain(p->rs, NULL, NULL, "untagged_%s", p->label);
	if (p->direction == VNEP_TO_DEVICE)
		untagged_shortcuts(p);
	sort_rules(p, untagged);
	if (acl_has_side(p->acl, true))
		tagged_chain(p, tagged);
}

static void icmp_over_limit(struct emit_port *p, enum vnep_set set, bool known_only)
{
	vnep_ruleset_rule(p->rs, "rate-limited");
	emit_in_set(p->rs, VNEP_FIELD_ICMP_TYPE, set);
	if (known_only)
		emit_in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	emit_drop(p, VNEP_RATE_LIMITED);
}

static void not_for_us_rule(struct emit_port *p)
{
	vnep_ruleset_rule(p->rs, "not-for-us: another MAC");
	emit_plain(p->rs, VNEP_STMT_NOT_HOST);
	emit_drop(p, VNEP_NOT_FOR_US);
}

static void advert_rule(struct emit_port *p)
{
	vnep_ruleset_rule(p->rs, "not-for-us: advertisements, redirects");
	emit_in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_ADVERT);
	emit_drop(p, VNEP_NOT_FOR_US);
}

/* Echo requests to the edge itself: what everybody tries first. */
static void echo_rules(struct emit_port *p, bool known_only)
{
	for (int over = 0; over < 2; over++) {
		vnep_ruleset_rule(p->rs, over ? "rate-limited" : "echo: the worker answers");
		emit_number(p->rs, VNEP_STMT_ICMP_TYPE, ECHO_REQUEST, 0);
		emit_in_set(p->rs, VNEP_FIELD_DEST, VNEP_SET_ROUTER);
		if (known_only)
			emit_in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
		if (over)
			emit_drop(p, VNEP_RATE_LIMITED);
		else
			emit_ask(p, DISCOVERY_RATE, DISCOVERY_BURST, VNEP_TAG_DISCOVERY);
	}
}

/* A hop limit that ends here: the worker says so to the sender. */
static void hops_rule(struct emit_port *p)
{
	vnep_ruleset_rule(p->rs, "hop limit");
	emit_number(p->rs, VNEP_STMT_HOP_LIMIT, 1, 0);
	emit_go_to(p->rs, "hops_%s", p->label);
}

static void access_discovery(struct emit_port *p)
{
	vnep_ruleset_rule(p->rs, "discovery of known MACs: the worker answers");
	emit_in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_SOLICIT);
	emit_in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	emit_ask(p, DISCOVERY_RATE, DISCOVERY_BURST, VNEP_TAG_DISCOVERY);
	vnep_ruleset_rule(p->rs, "discovery of strangers: the worker answers");
	emit_in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_SOLICIT);
	emit_ask(p, STRANGER_RATE, STRANGER_BURST, VNEP_TAG_DISCOVERY);
	icmp_over_limit(p, VNEP_SET_SOLICIT, false);
}

static void access_icmp_chain(struct emit_port *p)
{
	vnep_ruleset_chain(p->rs, NULL, NULL, "icmp_%s", p->label);
	access_discovery(p);
	not_for_us_rule(p);
	advert_rule(p);
	echo_rules(p, true);
	hops_rule(p);
	vnep_ruleset_rule(p->rs, "ICMPv6 error: the address inside is the worker's");
	emit_in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_ERROR);
	emit_in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	emit_ask(p, ERROR_RATE, ERROR_BURST, VNEP_TAG_ICMP_ERROR);
	icmp_over_limit(p, VNEP_SET_ERROR, true);
}

static void access_hops_chain(struct emit_port *p)
{
	vnep_ruleset_chain(p->rs, NULL, NULL, "hops_%s", p->label);
	vnep_ruleset_rule(p->rs, "hop limit: the worker answers");
	emit_in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	emit_ask(p, HOP_LIMIT_RATE, HOP_LIMIT_BURST, VNEP_TAG_HOP_LIMIT);
	vnep_ruleset_rule(p->rs, "rate-limited");
	emit_in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	emit_drop(p, VNEP_RATE_LIMITED);
	vnep_ruleset_rule(p->rs, "strangers");
	emit_go_to(p->rs, "unbound_%s", p->label);
}

/* Who is left: a MAC of the map without a binding for this source, or a stranger. */
static void unbound_chain(struct emit_port *p)
{
	vnep_ruleset_chain(p->rs, NULL, NULL, "unbound_%s", p->label);
	vnep_ruleset_rule(p->rs, "access request: known MAC, no binding");
	emit_in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	emit_ask(p, ACCESS_RATE, ACCESS_BURST, VNEP_TAG_ACCESS_REQUEST);
	vnep_ruleset_rule(p->rs, "rate-limited");
	emit_in_set(p->rs, VNEP_FIELD_SRC_MAC, VNEP_SET_KNOWN);
	emit_drop(p, VNEP_RATE_LIMITED);
	vnep_ruleset_rule(p->rs, "sample of strangers");
	emit_number(p->rs, VNEP_STMT_LIMIT, SAMPLE_RATE, SAMPLE_BURST);
	vnep_ruleset_count(p->rs, "copy.sample");
	emit_to_journal_port(p->acl, VNEP_STMT_DUP, VNEP_TAG_SAMPLE, p->index, p->direction);
	vnep_ruleset_rule(p->rs, "no-mapping");
	emit_drop(p, VNEP_NO_MAPPING);
}

static bool has_hosts(const struct vnep_acl *acl)
{
	for (size_t i = 0; i < acl->vpc_count; i++)
		if (acl->vpcs[i].hosts)
			return true;
	return false;
}

static void bound_chain(struct emit_port *p, const char *name, bool tagged)
{
	vnep_ruleset_chain(p->rs, NULL, NULL, "%s_%s", name, p->label);
	not_for_us_rule(p);
	hops_rule(p);
	vnep_ruleset_rule(p->rs, "a binding: source becomes the endpoint");
	emit_by_set(
		p->rs, VNEP_STMT_FROM_BINDING, tagged ? VNEP_SET_FROM_VLAN : VNEP_SET_FROM_BINDING);
	emit_go_to(p->rs, "from_device");
	if (has_hosts(p->acl)) {
		vnep_ruleset_rule(p->rs, "a binding of form host, to its endpoint");
		emit_by_set(p->rs, VNEP_STMT_IN_BINDING,
			tagged ? VNEP_SET_FROM_HOST_VLAN : VNEP_SET_FROM_HOST);
		emit_by_field(p->rs, VNEP_STMT_HOST_PAIR, VNEP_FIELD_SRC);
		emit_go_to(p->rs, "from_host");
	}
	vnep_ruleset_rule(p->rs, "no binding");
	emit_go_to(p->rs, "unbound_%s", p->label);
}

void acl_access_chains(struct vnep_acl *acl, unsigned i)
{
	struct emit_port p = { .acl = acl,
		.rs = &acl->rs,
		.index = (uint16_t)(i + 1),
		.direction = VNEP_FROM_DEVICE };

	vnep_nft_label(acl->config.access[i], p.label);
	arrival_chain(&p, acl->config.access[i], "access", ACL_COMMENT_ACCESS);
	sorted_chains(&p, "bound", "bound_vlan");
	access_icmp_chain(&p);
	bound_chain(&p, "bound", false);
	if (acl_has_side(acl, true))
		bound_chain(&p, "bound_vlan", true);
	access_hops_chain(&p);
	unbound_chain(&p);
}

/* A core port hears solicitations for endpoints and advertisements of the hosts that the worker
 * looks for. */
static void core_discovery(struct emit_port *p)
{
	static const uint8_t types[] = { NEIGHBOUR_SOLICIT, NEIGHBOUR_ADVERT };

	for (unsigned i = 0; i < 2 * sizeof types; i++) {
		bool over = i & 1;

		vnep_ruleset_rule(p->rs, over ? "rate-limited" : "discovery: the worker answers");
		emit_number(p->rs, VNEP_STMT_ICMP_TYPE, types[i / 2], 0);
		if (over)
			emit_drop(p, VNEP_RATE_LIMITED);
		else
			emit_ask(p, DISCOVERY_RATE, DISCOVERY_BURST, VNEP_TAG_DISCOVERY);
	}
}

static void core_icmp_chain(struct emit_port *p)
{
	vnep_ruleset_chain(p->rs, NULL, NULL, "icmp_%s", p->label);
	core_discovery(p);
	not_for_us_rule(p);
	advert_rule(p);
	echo_rules(p, false);
	hops_rule(p);
	for (int over = 0; over < 2; over++) {
		vnep_ruleset_rule(p->rs,
			over ? "rate-limited" : "ICMPv6 error: the address inside is the worker's");
		emit_in_set(p->rs, VNEP_FIELD_ICMP_TYPE, VNEP_SET_ERROR);
		emit_in_set(p->rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
		if (over)
			emit_drop(p, VNEP_RATE_LIMITED);
		else
			emit_ask(p, ERROR_RATE, ERROR_BURST, VNEP_TAG_ICMP_ERROR);
	}
}

static void core_hops_chain(struct emit_port *p)
{
	vnep_ruleset_chain(p->rs, NULL, NULL, "hops_%s", p->label);
	vnep_ruleset_rule(p->rs, "hop limit: the worker answers");
	emit_ask(p, HOP_LIMIT_RATE, HOP_LIMIT_BURST, VNEP_TAG_HOP_LIMIT);
	vnep_ruleset_rule(p->rs, "rate-limited");
	emit_drop(p, VNEP_RATE_LIMITED);
}

/* A budget for each VPC, so that none uses up another's. Of prefixes that lie in each other the longer one says whose. */
static void sender_rules(struct emit_port *p, const struct acl_vpc *v)
{
	for (int over = 0; over < 2; over++) {
		vnep_ruleset_rule(p->rs, over ? "rate-limited" : "of a sender to its group");
		emit_in_prefix(p->rs, VNEP_FIELD_SRC, &v->vpc.prefix);
		if (over)
			emit_drop(p, VNEP_RATE_LIMITED);
		else
			emit_ask(p, GROUP_RATE, GROUP_BURST, VNEP_TAG_GROUP);
	}
}

/* What the worker would not pass on uses up nothing. */
static void senders_chain(struct emit_port *p, const char *name, bool tagged)
{
	bool there[129] = { false }; /* prefixes of that length */

	for (size_t i = 0; i < p->acl->vpc_count; i++)
		if (p->acl->vpcs[i].defined)
			there[p->acl->vpcs[i].vpc.prefix.len] = true;
	vnep_ruleset_chain(p->rs, NULL, NULL, "%s_sender_%s", name, p->label);
	vnep_ruleset_rule(p->rs, "not-for-us: for its link alone");
	emit_number(p->rs, VNEP_STMT_HOP_LIMIT, 1, 0);
	emit_drop(p, VNEP_NOT_FOR_US);
	vnep_ruleset_rule(p->rs, "fragment: nobody puts it together");
	emit_plain(p->rs, VNEP_STMT_FRAGMENTED);
	emit_drop(p, VNEP_FRAGMENT);
	for (int len = 128; len >= 0; len--)
		for (const struct acl_vpc *v = NULL; there[len] && (v = acl_next_vpc(p->acl, v));)
			if (v->vpc.prefix.len == len && (v->vpc.core_vlan != 0) == tagged)
				sender_rules(p, v);
	vnep_ruleset_rule(p->rs, "no-mapping");
	emit_drop(p, VNEP_NO_MAPPING);
}

/* What is not for the port's MAC. Of multicast the worker gets what senders of a group say to it, and nobody else can use up
 * their budget: who is none is found here. */
static void group_chain(struct emit_port *p, const char *name, enum vnep_set set)
{
	vnep_ruleset_chain(p->rs, NULL, NULL, "%s_%s", name, p->label);
	vnep_ruleset_rule(p->rs, "of a sender to its group");
	emit_number(p->rs, VNEP_STMT_PROTO, IPPROTO_UDP, 0);
	emit_by_set(p->rs, VNEP_STMT_IN_GROUP, set);
	emit_go_to(p->rs, "%s_sender_%s", name, p->label);
	vnep_ruleset_rule(p->rs, "not-for-us: another MAC");
	emit_drop(p, VNEP_NOT_FOR_US);
	senders_chain(p, name, set == VNEP_SET_GROUP_VLAN);
}

static void to_group_rule(struct emit_port *p, const char *name)
{
	vnep_ruleset_rule(p->rs, "another MAC: for a group, or for nobody here");
	emit_plain(p->rs, VNEP_STMT_NOT_HOST);
	emit_go_to(p->rs, "%s_%s", name, p->label);
}

/* What the VPCs of one core VLAN (0: untagged) may send, and to whom. */
static void core_vlan_rules(struct emit_port *p, uint16_t vlan)
{
	vnep_ruleset_rule(p->rs, "for an endpoint");
	emit_in_set(p->rs, VNEP_FIELD_DEST, VNEP_SET_ENDPOINT);
	if (vlan)
		emit_go_to(p->rs, "to_endpoint.%u", vlan);
	else
		emit_go_to(p->rs, "to_endpoint");
	for (const struct acl_vpc *v = NULL; (v = acl_next_vpc(p->acl, v));) {
		if (!v->hosts || v->vpc.core_vlan != vlan)
			continue;
		vnep_ruleset_rule(p->rs, "from a host that holds an endpoint");
		emit_in_prefix(p->rs, VNEP_FIELD_SRC, &v->vpc.prefix);
		emit_by_field(p->rs, VNEP_STMT_HOST_PAIR, VNEP_FIELD_DEST);
		emit_go_to(p->rs, "to_host");
	}
	vnep_ruleset_rule(p->rs, "no-mapping");
	emit_drop(p, VNEP_NO_MAPPING);
}

/* Who may send to an endpoint: its own VPC, and what the VPC has a route to. */
static void to_endpoint_rules(struct vnep_acl *acl, uint16_t vlan)
{
	struct vnep_ruleset *rs = &acl->rs;

	for (const struct acl_vpc *v = NULL; (v = acl_next_vpc(acl, v));) {
		if (v->vpc.core_vlan != vlan)
			continue;
		vnep_ruleset_rule(rs, v->chain);
		emit_in_prefix(rs, VNEP_FIELD_DEST, &v->vpc.prefix);
		emit_in_prefix(rs, VNEP_FIELD_SRC, &v->vpc.prefix);
		emit_go_to(rs, "to_device");
		for (size_t r = 0; r < v->vpc.route_count; r++) {
			vnep_ruleset_rule(rs, v->chain);
			emit_in_prefix(rs, VNEP_FIELD_DEST, &v->vpc.prefix);
			emit_in_prefix(rs, VNEP_FIELD_SRC, &v->vpc.routes[r].to);
			emit_go_to(rs, "to_device");
		}
	}
	vnep_ruleset_rule(rs, "policy-denied: from elsewhere");
	emit_drop_shared(rs, VNEP_POLICY_DENIED);
}

static void core_vlan_chains(struct emit_port *p)
{
	char name[VNEP_NFT_NAME_MAX + 1];

	for (const struct acl_vpc *v = NULL; (v = acl_next_vpc(p->acl, v));) {
		uint16_t vlan = v->vpc.core_vlan;

		snprintf(name, sizeof name, "core_vlan_%u", vlan);
		if (!vlan || vnep_ruleset_find(p->rs, name) != SIZE_MAX)
			continue;
		vnep_ruleset_chain(p->rs, NULL, NULL, "%s", name);
		core_vlan_rules(p, vlan);
		vnep_ruleset_chain(
			p->rs, NULL, "who may send to an endpoint", "to_endpoint.%u", vlan);
		to_endpoint_rules(p->acl, vlan);
	}
}

void acl_core_chains(struct vnep_acl *acl)
{
	struct emit_port p = { .acl = acl, .rs = &acl->rs, .direction = VNEP_TO_DEVICE };

	p.index = (uint16_t)(acl->config.access_count + 1);
	vnep_nft_label(acl->config.core, p.label);
	arrival_chain(&p, acl->config.core, "core", ACL_COMMENT_CORE);
	sorted_chains(&p, "from_vpc", "from_vpc_vlan");
	core_icmp_chain(&p);
	core_hops_chain(&p);
	group_chain(&p, "group", VNEP_SET_GROUP);
	vnep_ruleset_chain(p.rs, NULL, NULL, "from_vpc_%s", p.label);
	to_group_rule(&p, "group");
	hops_rule(&p);
	core_vlan_rules(&p, 0);
	vnep_ruleset_chain(p.rs, NULL, "who may send to an endpoint", "to_endpoint");
	to_endpoint_rules(acl, 0);
	if (!acl_has_side(acl, true))
		return;
	group_chain(&p, "group_vlan", VNEP_SET_GROUP_VLAN);
	vnep_ruleset_chain(p.rs, NULL, NULL, "from_vpc_vlan_%s", p.label);
	to_group_rule(&p, "group_vlan");
	hops_rule(&p);
	vnep_ruleset_rule(p.rs, "its VLAN");
	emit_vmap(p.rs, VNEP_FIELD_VLAN, VNEP_SET_CORE_VLAN);
	vnep_ruleset_rule(p.rs, "wrong-vlan: no VPC has it");
	emit_drop(&p, VNEP_WRONG_VLAN);
	core_vlan_chains(&p);
}
