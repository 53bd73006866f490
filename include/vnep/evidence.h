/*
 * evidence - what an answer to a packet would look like, and whether a frame is one.
 *
 * Shape   plain value; frames are seen on one link, both of them: the packet as it was sent there, the answer as it
 *         came in there.
 * Errors  those of frame.h.
 * Source  RFC 7252 4.2 (ACK by message id), 5.3.1 (response by token), RFC 4443 4.2, RFC 9293 3.5.
 */
#ifndef VNEP_EVIDENCE_H
#define VNEP_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "vnep/flow.h"
#include "vnep/word.h"

struct vnep_expected {
	struct vnep_flow flow;
	bool has_coap;
	struct vnep_coap coap;
	bool asks; /* for an answer: a confirmable CoAP message, an echo request, a SYN. Then silence says something */
};

int vnep_expected_read(struct vnep_expected *out, const uint8_t *data, size_t len);

/* How long an answer that was asked for is waited for before the receiver is taken to be deaf: RFC 7252 4.8, ACK_TIMEOUT * ACK_RANDOM_FACTOR;
 * and how long after a packet that asks for none. */
enum { VNEP_ANSWER_MS = 3000, VNEP_ONE_WAY_MS = 200 };

enum vnep_evidence vnep_expected_answer(
	const struct vnep_expected *expected, const struct vnep_frame *frame, const uint8_t *data);

#endif
