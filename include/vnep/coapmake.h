/*
 * coapmake - CoAP requests made, and the heads of answers read, as the payload of a UDP datagram on any port.
 *
 * Owner   plain values; what is lent lives as long as its caller's.
 * Errors  VNEP_EVALUE: a uri that is no absolute path, a segment of more than 255 octets, a bad percent-encoding.
 * Source  RFC 7252 3 (message), 5.10 (options), 6.4 (uri), 8 (multicast: non-confirmable); RFC 8132 (FETCH, PATCH).
 */
#ifndef VNEP_COAPMAKE_H
#define VNEP_COAPMAKE_H

#include "vnep/buf.h"
#include "vnep/flow.h"

struct vnep_err;

enum vnep_coap_type { VNEP_COAP_CON, VNEP_COAP_NON, VNEP_COAP_ACK, VNEP_COAP_RST };
enum { VNEP_COAP_METHODS = 7, VNEP_COAP_NO_FORMAT = 65536 };

/* "GET" is 1, …, "iPATCH" 7; other numbers: NULL. */
const char *vnep_coap_method_text(int code);

struct vnep_coap_request {
	struct vnep_coap head;
	const char *uri; /* "/a/b?c=d", percent-encoded; NULL or "" is "/" */
	uint32_t content_format; /* VNEP_COAP_NO_FORMAT: not said */
	const uint8_t *payload;
	size_t payload_len;
};

int vnep_coap_make(struct vnep_buf *out, const struct vnep_coap_request *request, struct vnep_err *err);

/* False: no CoAP message. */
bool vnep_coap_head_read(struct vnep_coap *out, const uint8_t *payload, size_t len);

/* "2.04" */
enum { VNEP_COAP_CODE_LEN = 5 };
void vnep_coap_code_print(uint8_t code, char out[static VNEP_COAP_CODE_LEN]);

#endif
