/*
 * policy - may this frame go there? The `allow` list of a device, evaluated in C.
 *
 * The kernel decides for everything it carries; this is for the frames that the worker sends on itself (the
 * first frame of a device, translated errors). It must say what the ruleset says.
 */
#ifndef VNEP_POLICY_H
#define VNEP_POLICY_H

#include <stdbool.h>

#include "vnep/frame.h"
#include "vnep/record.h"

/* list of count entries; count 0: everything in the prefix of the device's VPC. */
bool vnep_policy_allows(const struct vnep_allow *list, size_t count, const struct vnep_prefix *vpc_prefix,
	const struct vnep_frame *frame);

/* The next hop towards dest: dest itself inside the prefix, else the longest route. False: none. */
bool vnep_policy_next_hop(const struct vnep_vpc *vpc, const struct in6_addr *dest, struct in6_addr *next_hop);

#endif
