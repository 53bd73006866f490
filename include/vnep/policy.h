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

/* May a device send that? list of count entries; count 0: everything in the prefix of its VPC. What never leaves
 * a link is for nobody. REASON_NONE: yes; VNEP_FRAGMENT: only a rule about ports could allow it, and a later
 * fragment shows none; else VNEP_POLICY_DENIED. */
enum vnep_reason vnep_policy_allows(const struct vnep_allow *list, size_t count,
	const struct vnep_prefix *vpc_prefix, const struct vnep_frame *frame);

/* One of two devices that would meet on one edge. */
struct vnep_policy_end {
	const struct in6_addr *vep;
	const struct vnep_vpc *vpc;
	const struct vnep_allow *allow;
	size_t allow_count;
};

/* May a frame of device a (its destination the endpoint of b) go to device b? In one VPC: if a may send it. To
 * another VPC: if b may also send to the endpoint of a by the protocol of the frame (the ports of its rules are
 * about its own sending), and both VPCs are tagged or neither is. */
enum vnep_reason vnep_policy_meets(const struct vnep_policy_end *a, const struct vnep_policy_end *b,
	const struct vnep_frame *frame);

/* The next hop towards dest: dest itself inside the prefix, else the longest route. False: none. */
bool vnep_policy_next_hop(const struct vnep_vpc *vpc, const struct in6_addr *dest, struct in6_addr *next_hop);

#endif
