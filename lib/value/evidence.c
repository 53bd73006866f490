/* evidence - answers are found by flow, and among those of CoAP by message id or token. */
#include <netinet/in.h>
#include <string.h>

#include "vnep/evidence.h"
#include "vnep/frame.h"

enum {
	ECHO_REQUEST = 128,
	ECHO_REPLY = 129,
	COAP_CON = 0,
	COAP_ACK = 2,
	COAP_RESPONSES = 64, /* the codes from here on are responses */
	TCP_FLAGS = 13,
	TCP_SYN = 2,
	TCP_SYN_ACK = 0x12,
};

static bool asks(const struct vnep_expected *e, const struct vnep_frame *f, const uint8_t *data)
{
	switch (f->proto) {
	case IPPROTO_ICMPV6: return e->flow.icmp_type == ECHO_REQUEST;
	case IPPROTO_TCP: return f->l4 && (data[f->l4 + TCP_FLAGS] & TCP_SYN_ACK) == TCP_SYN;
	default: return e->has_coap && e->coap.type == COAP_CON;
	}
}

int vnep_expected_read(struct vnep_expected *out, const uint8_t *data, size_t len)
{
	struct vnep_frame f;
	int rc;

	*out = (struct vnep_expected){ 0 };
	rc = vnep_frame_parse(&f, data, len);
	if (!rc)
		rc = vnep_flow_from_frame(&out->flow, &f, data);
	if (!rc)
		out->has_coap = vnep_coap_read(&out->coap, &f, data);
	if (!rc)
		out->asks = asks(out, &f, data);
	return rc;
}

enum vnep_evidence vnep_expected_answer(
	const struct vnep_expected *e, const struct vnep_frame *f, const uint8_t *data)
{
	struct vnep_coap coap;
	struct vnep_flow flow;

	if (!f->l4 || vnep_flow_from_frame(&flow, f, data) || !vnep_flow_answers(&flow, &e->flow))
		return VNEP_EVIDENCE_NONE;
	if (f->proto == IPPROTO_ICMPV6)
		return f->icmp_type == ECHO_REPLY ? VNEP_EVIDENCE_ICMP_ECHO_REPLY
						  : VNEP_EVIDENCE_NONE;
	if (f->proto == IPPROTO_TCP)
		return (data[f->l4 + TCP_FLAGS] & TCP_SYN_ACK) == TCP_SYN_ACK
			       ? VNEP_EVIDENCE_TCP_SYN_ACK
			       : VNEP_EVIDENCE_FLOW_ANSWER;
	if (!e->has_coap || !vnep_coap_read(&coap, f, data))
		return VNEP_EVIDENCE_FLOW_ANSWER;
	if (coap.type == COAP_ACK && coap.mid == e->coap.mid)
		return VNEP_EVIDENCE_COAP_ACK;
	if (coap.code >= COAP_RESPONSES && coap.token_len == e->coap.token_len &&
		!memcmp(coap.token, e->coap.token, coap.token_len))
		return VNEP_EVIDENCE_COAP_RESPONSE;
	return VNEP_EVIDENCE_NONE;
}
