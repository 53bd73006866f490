/*
 * capture - packets from files (pcap, pcapng) and from interfaces with a tcpdump filter. The only file
 * that knows libpcap.
 *
 * Shape   Ethernet frames; ts with nanoseconds where the source has them.
 * Errors  VNEP_ESYNTAX for a damaged or foreign file (what and where), VNEP_EVALUE for a bad filter,
 *         VNEP_EPROTO for a link type other than Ethernet, VNEP_EPRIV, -errno.
 */
#ifndef VNEP_CAPTURE_H
#define VNEP_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "vnep/clock.h"

struct vnep_err;
struct vnep_capture;

struct vnep_capture_frame {
	const uint8_t *data; /* lent until the next call */
	uint32_t len, wire_len;
	struct vnep_wall ts;
};

int vnep_capture_open_file(struct vnep_capture **out, const char *path, const char *filter,
	struct vnep_err *err); /* "-" = standard input; filter may be NULL */
int vnep_capture_open_live(struct vnep_capture **out, const char *ifname, const char *filter,
	struct vnep_err *err);
void vnep_capture_close(struct vnep_capture *capture);
int vnep_capture_fd(const struct vnep_capture *capture); /* live: selectable, else -1 */

/* 1 a frame, 0 end of file (live: nothing there now), negative: an error. */
int vnep_capture_next(struct vnep_capture *capture, struct vnep_capture_frame *out,
	struct vnep_err *err);

/* Live: what the kernel dropped since open. */
uint64_t vnep_capture_drops(struct vnep_capture *capture);

#endif
