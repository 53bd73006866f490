/* flow - the tuple of a packet, whether another packet answers it, and the CoAP header inside. */
#include <string.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/flow.h"

enum { ICMP6_ECHO = 128, ICMP6_ECHO_REPLY = 129, COAP_PORT = 5683 };

int vnep_flow_from_frame(struct vnep_flow *out, const struct vnep_frame *frame, const uint8_t *data)
{
	struct vnep_flow flow = { .src = frame->src, .dest = frame->dest, .proto = frame->proto,
		.src_port = frame->src_port, .dest_port = frame->dest_port };

	if (frame->proto == IPPROTO_ICMPV6 && frame->l4 &&
		(frame->icmp_type == ICMP6_ECHO || frame->icmp_type == ICMP6_ECHO_REPLY)) {
		if (frame->l4 + 6u > frame->end)
			return VNEP_ESHORT;
		flow.src_port = flow.dest_port = vnep_be16(data + frame->l4 + 4);
	}
	*out = flow;
	return 0;
}

bool vnep_flow_answers(const struct vnep_flow *answer, const struct vnep_flow *request)
{
	return answer->proto == request->proto && answer->src_port == request->dest_port &&
		answer->dest_port == request->src_port &&
		vnep_ip6_equal(&answer->src, &request->dest) && vnep_ip6_equal(&answer->dest, &request->src);
}

bool vnep_coap_read(struct vnep_coap *out, const struct vnep_frame *frame, const uint8_t *data)
{
	struct vnep_coap coap = { 0 };
	struct vnep_rd rd;
	const uint8_t *token;
	uint8_t first;

	if (frame->proto != IPPROTO_UDP || !frame->l4 || frame->fragment ||
		(frame->src_port != COAP_PORT && frame->dest_port != COAP_PORT))
		return false;
	vnep_rd_init(&rd, data + frame->l4 + 8, (size_t)(frame->end - frame->l4 - 8));
	first = vnep_rd_u8(&rd);
	coap.type = first >> 4 & 3;
	coap.token_len = first & 15;
	coap.code = vnep_rd_u8(&rd);
	coap.mid = vnep_rd_be16(&rd);
	if (first >> 6 != 1 || coap.token_len > 8)
		return false;
	token = vnep_rd_mem(&rd, coap.token_len);
	if (rd.overrun)
		return false;
	memcpy(coap.token, token, coap.token_len);
	*out = coap;
	return true;
}
