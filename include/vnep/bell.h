/*
 * bell - a plain packet socket that hears urgent frames of the journal port at once.
 *
 * Shape   frames whose tag (tag.h) has one reason. A ring hands frames out when a block closes, milliseconds later; it
 *         has them all, so whatever the bell loses or hears twice does no harm.
 * Owner   _open/_close; _take lends frames until its next call.
 * Errors  VNEP_EPRIV without CAP_NET_RAW, VNEP_ENOTFOUND without the link; -errno of the system.
 * Source  packet(7); DESIGN.md section 3, The journal port.
 */
#ifndef VNEP_BELL_H
#define VNEP_BELL_H

#include "vnep/ring.h"
#include "vnep/tag.h"

enum { VNEP_BELL_MAX = 32, VNEP_BELL_OCTETS = 2048 };

struct vnep_bell;

int vnep_bell_open(struct vnep_bell **out, const char *ifname, enum vnep_tag_reason reason, struct vnep_err *err);
/* The same on a packet socket that somebody else made, not bound and of protocol 0: fd is ours from now on, also when that
 * fails. */
int vnep_bell_open_on(struct vnep_bell **out, int fd, const char *ifname, enum vnep_tag_reason reason,
	struct vnep_err *err);
void vnep_bell_close(struct vnep_bell *bell); /* NULL is fine */
int vnep_bell_fd(const struct vnep_bell *bell);

/* What has come, in order, with the time of now: at most VNEP_BELL_MAX frames, *frames is lent. 0: nothing more. A VLAN tag is not among the
 * octets; of a frame longer than VNEP_BELL_OCTETS there is only the beginning (len < wire_len). */
size_t vnep_bell_take(struct vnep_bell *bell, const struct vnep_ring_frame **frames);

#endif
