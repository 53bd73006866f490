/*
 * frame - an Ethernet frame with IPv6 in it: where its parts are, and how to rewrite them.
 *
 * Shape   struct vnep_frame holds offsets into bytes that the caller keeps. Ports in host order.
 *         At most one 802.1Q tag; extension headers (hop-by-hop, routing, fragment, destination
 *         options, AH) are walked, at most 8, without recursion.
 * Owner   plain value; valid as long as the frame's bytes.
 * Errors  VNEP_ESHORT cut off inside a header; VNEP_EPROTO not IPv6, two tags, a tag that is not 802.1Q,
 *         more than 8 extension headers, or a frame of more than 65,535 octets.
 * Source  IEEE 802.1Q, RFC 8200, RFC 4443, RFC 768, RFC 9293; checksums RFC 1071, RFC 1624.
 */
#ifndef VNEP_FRAME_H
#define VNEP_FRAME_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/addr.h"

struct vnep_frame {
	uint16_t vlan;        /* 0 = untagged */
	uint16_t l3;          /* offset of the IPv6 header */
	uint16_t l4;          /* offset of the upper-layer header; 0 if it is not in this fragment */
	uint16_t end;         /* offset behind the packet by its payload length (<= frame length) */
	uint8_t proto;        /* IPPROTO_ of the upper layer */
	uint8_t hop_limit;
	bool fragment;        /* any fragment; non-first ones have l4 = 0 */
	bool extended;        /* extension headers are there */
	bool auth;            /* one of them is an authentication header: to the kernel's rules it is the upper layer */
	bool routed;          /* a routing header names another last hop: dest is not in the checksum */
	uint16_t src_port, dest_port;   /* TCP, UDP; 0 otherwise */
	uint8_t icmp_type, icmp_code;   /* ICMPv6 */
	struct in6_addr src, dest;
};

int vnep_frame_parse(struct vnep_frame *out, const uint8_t *data, size_t len);

/* Is the upper-layer checksum right? True where there is none to check (fragments, other protocols, routed).
 * A UDP checksum of zero and a UDP length that does not fit are wrong. */
bool vnep_frame_checksum_ok(const struct vnep_frame *frame, const uint8_t *data);

/* Compute the upper-layer checksum anew (UDP, TCP, ICMPv6 of unfragmented packets). Nothing is written where
 * no checksum can be right: a UDP length that does not fit, routed. */
void vnep_frame_checksum_set(const struct vnep_frame *frame, uint8_t *data);

/* Replace an address and correct the checksum by the difference, so that right stays right and wrong stays
 * wrong; *frame follows. */
void vnep_frame_set_src(struct vnep_frame *frame, uint8_t *data, const struct in6_addr *addr);
void vnep_frame_set_dest(struct vnep_frame *frame, uint8_t *data, const struct in6_addr *addr);

/* One less, as a router does. False: it was 0 or 1, do not send. */
bool vnep_frame_hop(struct vnep_frame *frame, uint8_t *data);

void vnep_frame_set_macs(uint8_t *data, const struct vnep_mac *dest, const struct vnep_mac *src);

/* RFC 1071 sum over an IPv6 pseudo header and len octets; the complement, ready for the wire
 * (host order). The octets of the checksum field must be zero. */
uint16_t vnep_checksum6(const struct in6_addr *src, const struct in6_addr *dest, uint8_t proto,
	const uint8_t *data, size_t len);

#endif
