/*
 * flow - one direction of one conversation, as evidence and duplicates need it.
 *
 * Shape   protocol, two addresses (network order), two ports (host order; 0 in later fragments); ICMPv6: its
 *         type, and of an echo the id in both ports.
 * Owner   plain value.
 * Errors  those of frame.h.
 * Source  RFC 8200 3, RFC 768, RFC 9293 3.1, RFC 4443 4.1; RFC 7252 3 (CoAP).
 */
#ifndef VNEP_FLOW_H
#define VNEP_FLOW_H

#include <stdbool.h>

#include "vnep/frame.h"

struct vnep_flow {
	struct in6_addr src, dest;
	uint16_t src_port, dest_port;
	uint8_t proto;
	uint8_t icmp_type;
};

int vnep_flow_from_frame(struct vnep_flow *out, const struct vnep_frame *frame, const uint8_t *data);

/* The same conversation the other way round. Of ICMPv6 only an echo reply answers, and only an echo request. */
bool vnep_flow_answers(const struct vnep_flow *answer, const struct vnep_flow *request);

/* CoAP header of a UDP frame on either side port 5683 (RFC 7252 3). False: it is not one, or is malformed. */
struct vnep_coap {
	uint8_t type; /* 0 CON, 1 NON, 2 ACK, 3 RST */
	uint8_t code; /* class << 5 | detail */
	uint16_t mid;
	uint8_t token_len, token[8];
};
bool vnep_coap_read(struct vnep_coap *out, const struct vnep_frame *frame, const uint8_t *data);

#endif
