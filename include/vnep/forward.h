/*
 * forward - from a journaled or captured frame to the frame that the fast path would have sent.
 *
 * Shape   one address rewritten (V -> L to the device, L -> V from it), hop limit one less, MACs
 * and VLAN of the other side, checksums corrected by the difference. In an ICMPv6 error the packet
 * inside is translated the other way round (RFC 7915 5), or path MTU discovery breaks. Whatever
 * stood in the MAC addresses before (the journal port's tag) is gone. Of form host nothing is
 * rewritten, and both ends must be right: V and one of its addresses. Owner   plain values; input
 * and output are the caller's and must not overlap. Errors  a refusal is a word of the closed lists
 * (word.h), so that it can stand in an outcome: VNEP_MALFORMED cut off, or an ICMPv6 error with a
 * wrong checksum; VNEP_NOT_IPV6; VNEP_NOT_FOR_US the address to rewrite is not there (or an end is wrong); VNEP_TOO_BIG
 * longer than the MTU; VNEP_NOT_REPLAYABLE the hop limit is used up, or (_replayable) TCP other
 * than a first SYN. Source  RFC 8200 3, RFC 1624, RFC 4443 2.4, RFC 7915 5.2.
 */
#ifndef VNEP_FORWARD_H
#define VNEP_FORWARD_H

#include <stdint.h>

#include "vnep/frame.h"
#include "vnep/record.h"

struct vnep_err;

/* What the frame is to become. */
struct vnep_forward {
	struct in6_addr was;	 /* must stand there: V (to the device), L (from it) */
	struct in6_addr becomes; /* L, V */
	struct vnep_mac dest_mac,
		src_mac; /* device and access port; VPC host (or next hop) and core port */
	uint16_t vlan;	 /* 0 = untagged: a tag is taken off */
	uint32_t mtu;	 /* octets of the IPv6 packet that the port takes; 0 = not known */
	bool keep_hop;	 /* the hop limit stays: the first of two rewritings of one packet */
	/* Form host: was (V) is the other end, becomes is not used. Lent; NULL for form edge. */
	const struct in6_addr *host_addr;
	unsigned host_addr_count;
};

enum { VNEP_FORWARD_ROOM = 4 }; /* a tag may be added: out holds len + VNEP_FORWARD_ROOM octets */

/* VNEP_REASON_NONE and *out_len, or why not (then out is not to be used). */
enum vnep_reason vnep_forward_to_device(const struct vnep_forward *how, const uint8_t *frame,
	size_t len, uint8_t *out, size_t *out_len);
enum vnep_reason vnep_forward_from_device(const struct vnep_forward *how, const uint8_t *frame,
	size_t len, uint8_t *out, size_t *out_len);

/* May it be sent again, later? Datagrams may; of TCP only the SYN that opens a connection. */
enum vnep_reason vnep_forward_replayable(const struct vnep_frame *frame, const uint8_t *data);

/* Put a tag in, change it (priority kept) or take it off. In place: data holds *len +
 * VNEP_FORWARD_ROOM octets. The offsets of an earlier vnep_frame_parse are stale afterwards. */
void vnep_forward_retag(uint8_t *data, size_t *len, uint16_t vlan);

/* Where a device is: its binding (may be NULL), else the fixed port and address of its record.
 * Fills port, vlan, mac and addr of *out. VNEP_ENOTFOUND: it has neither, err says what is missing.
 */
int vnep_forward_place(const struct vnep_device *device, const struct vnep_binding *binding,
	struct vnep_binding *out, struct vnep_err *err);

/* The rewriting towards a device at that place; port_mac and mtu are those of the access port.
 * Lends the addresses of device. */
void vnep_forward_init(struct vnep_forward *how, const struct vnep_device *device,
	const struct vnep_binding *place, const struct vnep_mac *port_mac, uint32_t mtu);

#endif
