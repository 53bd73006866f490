/* flow - the tuple of a packet, whether another packet answers it, and the CoAP header inside. */
#include <string.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/flow.h"

enum { ICMP6_ECHO = 128, ICMP6_ECHO_REPLY = 129, UDP_HEADER = 8 };

enum { COAP_PORT = 5683, COAP_VERSION = 1, COAP_TOKEN_MAX = 8 };

int vnep_flow_from_frame(struct vnep_flow *out, const struct vnep_frame *frame, const uint8_t *data)
{
	struct vnep_flow flow = { .src = frame->src,
		.dest = frame->dest,
		.proto = frame->proto,
		.src_port = frame->src_port,
		.dest_port = frame->dest_port };

	if (frame->proto == IPPROTO_ICMPV6 && frame->l4) {
		flow.icmp_type = frame->icmp_type;
		if (frame->icmp_type == ICMP6_ECHO || frame->icmp_type == ICMP6_ECHO_REPLY) {
			if (frame->l4 + 6u > frame->end)
				return VNEP_ESHORT;
			flow.src_port = flow.dest_port = vnep_be16(data + frame->l4 + 4);
		}
	}
	*out = flow;
	return 0;
}

bool vnep_flow_answers(const struct vnep_flow *answer, const struct vnep_flow *request)
{
	if (answer->proto != request->proto || answer->src_port != request->dest_port ||
		answer->dest_port != request->src_port ||
		!vnep_ip6_equal(&answer->src, &request->dest) ||
		!vnep_ip6_equal(&answer->dest, &request->src))
		return false;
	switch (request->proto) {
	case IPPROTO_ICMPV6:
		return request->icmp_type == ICMP6_ECHO && answer->icmp_type == ICMP6_ECHO_REPLY;
	case IPPROTO_TCP:
	case IPPROTO_UDP: /* a later fragment shows no ports: it could be of any conversation */
		return request->src_port || request->dest_port;
	}
	return true;
}

/* RFC 7252 4.1: an empty message is four octets and no more; 12.1: classes 1, 6 and 7 are not in use. */
static bool coap_code_fits(uint8_t code, size_t behind)
{
	uint8_t class = code >> 5;

	return code ? class != 1 && class < 6 : !behind;
}

bool vnep_coap_read(struct vnep_coap *out, const struct vnep_frame *frame, const uint8_t *data)
{
	struct vnep_coap coap = { 0 };
	struct vnep_rd rd;
	const uint8_t *token;
	size_t udp_len;
	uint8_t first;

	if (frame->proto != IPPROTO_UDP || !frame->l4 || frame->fragment ||
		(frame->src_port != COAP_PORT && frame->dest_port != COAP_PORT))
		return false;
	udp_len = vnep_be16(data + frame->l4 + 4);
	if (udp_len < UDP_HEADER || udp_len > (size_t)(frame->end - frame->l4))
		return false;
	vnep_rd_init(&rd, data + frame->l4 + UDP_HEADER, udp_len - UDP_HEADER);
	first = vnep_rd_u8(&rd);
	coap.type = first >> 4 & 3;
	coap.token_len = first & 15;
	coap.code = vnep_rd_u8(&rd);
	coap.mid = vnep_rd_be16(&rd);
	if (rd.overrun || first >> 6 != COAP_VERSION || coap.token_len > COAP_TOKEN_MAX ||
		!coap_code_fits(coap.code, coap.token_len + vnep_rd_left(&rd)))
		return false;
	token = vnep_rd_mem(&rd, coap.token_len);
	if (!token)
		return false;
	memcpy(coap.token, token, coap.token_len);
	*out = coap;
	return true;
}
