/*
 * coap - what a CoAP message says behind its header: path, content format, payload.
 *
 * Shape   path is "/a/b" with the octets of its segments as they came ("/" if there is none in a request).
 *         A path longer than VNEP_COAP_PATH_MAX is cut.
 * Owner   payload lends the frame.
 * Source  RFC 7252 3.1 (options), 5.10.1 (Uri-Path), 5.10.3 (Content-Format).
 */
#ifndef VNEP_COAP_H
#define VNEP_COAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/flow.h"

enum { VNEP_COAP_PATH_MAX = 255, VNEP_COAP_JSON = 50, VNEP_COAP_CBOR = 60 };

struct vnep_coap_body {
	struct vnep_coap head;
	char path[VNEP_COAP_PATH_MAX + 1];
	int content_format; /* -1: not said */
	bool whole;         /* the path says all of what it is about: no query, no block of a larger body, no other host */
	const uint8_t *payload;
	size_t payload_len;
};

/* False: no CoAP message, or its options are malformed. */
bool vnep_coap_body_read(
	struct vnep_coap_body *out, const struct vnep_frame *frame, const uint8_t *data);

/* The UDP payload of a frame that is whole; false: it has none. */
bool vnep_udp_payload(const struct vnep_frame *frame, const uint8_t *data, const uint8_t **payload,
	size_t *len);

#endif
