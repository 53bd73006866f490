/* policy - the `allow` list and the routes of a VPC. */
#include <string.h>

#include "vnep/policy.h"

static bool port_allowed(const struct vnep_allow *allow, uint16_t port)
{
	for (unsigned i = 0; i < allow->port_count; i++)
		if (port >= allow->ports[i].first && port <= allow->ports[i].last)
			return true;
	return !allow->port_count;
}

/* RFC 4291 2.5.2, 2.5.3, 2.5.6, 2.7: whatever a list says. */
static bool of_the_link(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_LINKLOCAL(addr) || IN6_IS_ADDR_MULTICAST(addr) ||
	       IN6_IS_ADDR_UNSPECIFIED(addr) || IN6_IS_ADDR_LOOPBACK(addr);
}

/* The kernel looks no further than an authentication header: no rule about UDP lets one pass. */
static uint8_t proto_of(const struct vnep_frame *frame)
{
	return frame->auth ? IPPROTO_AH : frame->proto;
}

enum vnep_reason vnep_policy_allows(const struct vnep_allow *list, size_t count,
	const struct vnep_prefix *vpc_prefix, const struct vnep_frame *frame)
{
	enum vnep_reason reason = VNEP_POLICY_DENIED;

	if (of_the_link(&frame->dest))
		return VNEP_POLICY_DENIED;
	if (!count && vnep_prefix_has(vpc_prefix, &frame->dest))
		return VNEP_REASON_NONE;
	for (size_t i = 0; i < count; i++) {
		if (!vnep_prefix_has(&list[i].to, &frame->dest))
			continue;
		if (list[i].proto && list[i].proto != proto_of(frame))
			continue;
		if (list[i].port_count && !frame->l4)
			reason = VNEP_FRAGMENT;
		else if (port_allowed(&list[i], frame->dest_port))
			return VNEP_REASON_NONE;
	}
	return reason;
}

static bool answers(const struct vnep_policy_end *b, const struct in6_addr *vep, uint8_t proto)
{
	for (size_t i = 0; i < b->allow_count; i++)
		if (vnep_prefix_has(&b->allow[i].to, vep) &&
			(!b->allow[i].proto || b->allow[i].proto == proto))
			return true;
	return false;
}

enum vnep_reason vnep_policy_meets(const struct vnep_policy_end *a, const struct vnep_policy_end *b,
	const struct vnep_frame *frame)
{
	enum vnep_reason reason =
		vnep_policy_allows(a->allow, a->allow_count, &a->vpc->prefix, frame);

	if (reason || !strcmp(a->vpc->vpc, b->vpc->vpc))
		return reason;
	if (!a->vpc->core_vlan != !b->vpc->core_vlan || !answers(b, a->vep, proto_of(frame)))
		return VNEP_POLICY_DENIED;
	return VNEP_REASON_NONE;
}

bool vnep_policy_next_hop(
	const struct vnep_vpc *vpc, const struct in6_addr *dest, struct in6_addr *next_hop)
{
	if (vnep_prefix_has(&vpc->prefix, dest)) {
		*next_hop = *dest;
		return true;
	}
	for (size_t i = 0; i < vpc->route_count; i++) {
		if (vnep_prefix_has(&vpc->routes[i].to, dest)) {
			*next_hop = vpc->routes[i].next_hop;
			return true;
		}
	}
	return false;
}
