/*
 * verdict-packet - a frame as the kernel holds it when the rules see it: the tag beside it, what is behind the
 * link header, and where the upper layer begins.
 */
#ifndef VNEP_VERDICT_PACKET_H
#define VNEP_VERDICT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/addr.h"
#include "vnep/buf.h"

enum { PACKET_LINK = 14 };

struct packet {
	uint8_t link[PACKET_LINK]; /* MACs, and the type behind the tag */
	bool tagged, host;	   /* host: for this port's MAC */
	uint16_t tpid, tci;
	uint16_t protocol; /* what the kernel makes of the type: a length is 802.2 or 802.3 */
	uint8_t *net;
	size_t len; /* of net: padding is part of it */

	bool known; /* the header chain was walked to its end */
	bool later; /* a fragment, and not the first */
	uint8_t upper;
	size_t upper_at;
};

/* net needs len octets and is filled in. False: the kernel throws it away. */
bool packet_arrive(struct packet *p, const struct vnep_mac *mac, const uint8_t *frame, size_t len,
	uint8_t *net);

/* len octets of the IPv6 header or of the upper layer; NULL where the kernel says that a rule does not match. */
const uint8_t *packet_network(const struct packet *p, size_t offset, size_t len);
const uint8_t *packet_upper(const struct packet *p, size_t offset, size_t len);

/* The fragment header, wherever it stands; *at. */
bool packet_fragment(const struct packet *p, size_t *at);

/* An address written at offset, and the checksum corrected by the difference. False: the rule does not match. */
bool packet_write_addr(struct packet *p, size_t offset, const uint8_t addr[static 16]);

/* The frame as it leaves. */
void packet_put(const struct packet *p, const uint8_t macs[static 12], struct vnep_buf *out);

#endif
