/*
 * icmp6 - what a router says about packets of others, and what it answers to a ping: ICMPv6 errors, echo
 * replies.
 *
 * Shape   whole Ethernet frames, untagged or with one 802.1Q tag, checksum made, hop limit 64. An error quotes
 *         as much of the packet as fits into 1,280 octets.
 * Owner   plain values; out is the caller's and must not overlap what it answers.
 * Source  RFC 4443 2.4, 3.1 to 3.3, 4.2.
 */
#ifndef VNEP_ICMP6_H
#define VNEP_ICMP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/addr.h"
#include "vnep/frame.h"

enum vnep_icmp6_type {
	VNEP_ICMP6_UNREACHABLE = 1,
	VNEP_ICMP6_TOO_BIG = 2, /* its parameter is the MTU */
	VNEP_ICMP6_TIME_EXCEEDED = 3,
	VNEP_ICMP6_ECHO_REQUEST = 128,
	VNEP_ICMP6_ECHO_REPLY = 129,
};
enum { VNEP_ICMP6_ADDRESS_UNREACHABLE = 3 }; /* code of VNEP_ICMP6_UNREACHABLE */

struct vnep_icmp6_error {
	enum vnep_icmp6_type type;
	uint8_t code;
	uint32_t param;
	struct vnep_mac src_mac, dest_mac;
	struct in6_addr src, dest;
	uint16_t vlan;
};

enum { VNEP_ICMP6_ERROR_MAX = 14 + 4 + 1280 };

/* The frame; packet is what it is about, from its IPv6 header on. Returns its length. */
size_t vnep_icmp6_error(uint8_t out[static VNEP_ICMP6_ERROR_MAX], const struct vnep_icmp6_error *how,
	const uint8_t *packet, size_t len);

/* May there be an error of that type about this frame? Not about an error or a redirect, what went to a group
 * (but for Packet Too Big) or came from none or many; nor where that cannot be seen (a later fragment of
 * ICMPv6). */
bool vnep_icmp6_may_answer(const struct vnep_frame *frame, const uint8_t *data, enum vnep_icmp6_type type);

/* The reply to an echo request, from the address that was asked: id, sequence number and data as they came, no
 * extension headers, the same tag. out holds as many octets as the request. 0: it is not a whole echo request
 * with a right checksum, or came from no one node. */
size_t vnep_icmp6_echo_reply(uint8_t *out, const struct vnep_frame *frame, const uint8_t *data,
	const struct vnep_mac *our_mac);

#endif
