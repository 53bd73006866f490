/*
 * tag - what a rule wrote into the destination MAC of a frame on its way to the journal port.
 *
 * Shape   02:00:<reason>:<port, two octets>:<direction>. port is the index of the edge's configuration
 *         (1-based; 0 = not said: rules shared by all ports cannot know it).
 * Source  DESIGN.md section 3, The journal port; reasons from 9 on are this program's own.
 */
#ifndef VNEP_TAG_H
#define VNEP_TAG_H

#include <stdint.h>

#include "vnep/word.h"

enum vnep_tag_reason {
	VNEP_TAG_DISCOVERY = 1,      /* neighbour and router discovery, MLD: needs an answer */
	VNEP_TAG_HOP_LIMIT = 2,      /* hop limit <= 1 */
	VNEP_TAG_ICMP_ERROR = 3,     /* ICMPv6 error: the address inside needs translation */
	VNEP_TAG_ACCESS_REQUEST = 4, /* known MAC, no binding */
	VNEP_TAG_WAKE = 5,           /* copy: a device that is not awake speaks */
	VNEP_TAG_TAP = 6,            /* copy: traffic of an awake device */
	VNEP_TAG_NOT_AWAKE = 7,      /* for a device that is not awake: journal */
	VNEP_TAG_SAMPLE = 8,         /* copy: sample of a drop */
	VNEP_TAG_NEXT_HOP = 9,       /* from-device, allowed, its host or next hop is not resolved */
	VNEP_TAG_TOO_BIG = 10,       /* longer than the MTU of the port it should leave by */
	VNEP_TAG_BIG_COPY = 11,      /* copy: a TCP super-packet whose segments may be too big */
	VNEP_TAG_GROUP = 12          /* of a sender of the VPC to its group: for each member */
};

struct vnep_tag {
	enum vnep_tag_reason reason;
	uint16_t port;
	enum vnep_direction direction;
};

/* 0, or VNEP_EPROTO if the destination MAC is not one of ours. frame needs six octets. */
int vnep_tag_read(struct vnep_tag *out, const uint8_t frame[static 6]);
void vnep_tag_write(const struct vnep_tag *tag, uint8_t frame[static 6]);

/* Copies are marked forwarded or dropped already and stand outside the conservation law. */
static inline int vnep_tag_is_copy(enum vnep_tag_reason reason)
{
	return reason == VNEP_TAG_WAKE || reason == VNEP_TAG_TAP || reason == VNEP_TAG_SAMPLE ||
	       reason == VNEP_TAG_BIG_COPY;
}

#endif
