/*
 * mids - CoAP message ids that were sent lately, so that none is sent twice in its EXCHANGE_LIFETIME: its receiver would
 *        take the second message for a repetition of the first.
 *
 * Shape   whose id it is: both addresses and ports. Of confirmable and non-confirmable messages only: an answer carries
 *         the id of the other side.
 * Owner   init/release by the caller; safe on a zeroed struct that was initialized.
 * Limits  VNEP_MIDS_MAX are remembered; of more the oldest are forgotten.
 * Source  RFC 7252 4.4, 4.8.2 (247 s with the default parameters).
 */
#ifndef VNEP_MIDS_H
#define VNEP_MIDS_H

#include <stdbool.h>
#include <stdint.h>

#include "vnep/clock.h"
#include "vnep/frame.h"
#include "vnep/table.h"

enum { VNEP_MIDS_MAX = 65536, VNEP_EXCHANGE_LIFETIME_S = 247 };

struct vnep_mid;
struct vnep_mids {
	struct vnep_table table;
	struct vnep_mid *first, *last; /* as they were sent */
};

void vnep_mids_init(struct vnep_mids *mids);
void vnep_mids_release(struct vnep_mids *mids);

/* Was the message id of this frame sent less than EXCHANGE_LIFETIME before now? *mid is it, *ago_s when. */
bool vnep_mids_sent(struct vnep_mids *mids, const uint8_t *frame, size_t len, struct vnep_mono now,
	uint16_t *mid, unsigned *ago_s);

/* It is sent now. Without memory it is not remembered. */
void vnep_mids_note(
	struct vnep_mids *mids, const uint8_t *frame, size_t len, struct vnep_mono now);

#endif
