/* policy - the `allow` list and the routes of a VPC. */
#include "vnep/policy.h"

static bool port_allowed(const struct vnep_allow *allow, uint16_t port)
{
	for (unsigned i = 0; i < allow->port_count; i++)
		if (port >= allow->ports[i].first && port <= allow->ports[i].last)
			return true;
	return !allow->port_count;
}

bool vnep_policy_allows(const struct vnep_allow *list, size_t count,
	const struct vnep_prefix *vpc_prefix, const struct vnep_frame *frame)
{
	if (!count)
		return vnep_prefix_has(vpc_prefix, &frame->dest);
	for (size_t i = 0; i < count; i++) {
		if (!vnep_prefix_has(&list[i].to, &frame->dest))
			continue;
		if (list[i].proto && list[i].proto != frame->proto)
			continue;
		if (list[i].port_count && !frame->l4)
			continue; /* a later fragment has no ports: no port rule can allow it */
		if (port_allowed(&list[i], frame->dest_port))
			return true;
	}
	return false;
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
