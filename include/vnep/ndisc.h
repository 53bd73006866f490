/*
 * ndisc - neighbour discovery messages: read them strictly, build the answers.
 *
 * Shape   whole Ethernet frames (untagged or with one 802.1Q tag). Hop limit 255 in and out.
 * Errors  VNEP_EPROTO: not a message we read; VNEP_ESYNTAX: one that RFC 4861 6.1/7.1 tells to discard
 *         (hop limit, checksum, length, option of length 0, extension headers: RFC 6980), or one with a group
 *         address as source or link-layer address.
 * Source  RFC 4861, RFC 4862 5.5.3 (prefixes), RFC 4443 (echo), RFC 6980.
 */
#ifndef VNEP_NDISC_H
#define VNEP_NDISC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/addr.h"
#include "vnep/frame.h"

enum vnep_ndisc_type {
	VNEP_ND_ROUTER_SOLICIT = 133,
	VNEP_ND_NEIGHBOUR_SOLICIT = 135,
	VNEP_ND_NEIGHBOUR_ADVERT = 136,
};

struct vnep_ndisc {
	enum vnep_ndisc_type type;
	struct in6_addr src, dest, target; /* target: unspecified for a router solicitation */
	struct vnep_mac src_mac;           /* of the Ethernet header */
	bool has_lladdr;
	struct vnep_mac lladdr; /* source (NS, RS) or target (NA) link-layer address option */
	bool solicited, override; /* NA */
	uint16_t vlan;
};

int vnep_ndisc_read(struct vnep_ndisc *out, const uint8_t *data, size_t len);

enum { VNEP_ND_FRAME_MAX = 14 + 4 + 40 + 32 };

/* Frames ready for the wire; return their length. vlan 0 = untagged. at: where the target was last, to ask it
 * alone whether it is still there (RFC 4861 7.3.3); NULL asks everybody. */
size_t vnep_ndisc_solicit(uint8_t out[static VNEP_ND_FRAME_MAX], uint16_t vlan,
	const struct vnep_mac *our_mac, const struct in6_addr *our_addr, const struct in6_addr *target,
	const struct vnep_mac *at);

/* The answer to a solicitation: to its source, or to all nodes if that was unspecified (DAD defence).
 * router: the R flag. */
size_t vnep_ndisc_answer(uint8_t out[static VNEP_ND_FRAME_MAX], const struct vnep_ndisc *solicit,
	const struct vnep_mac *our_mac, bool router);

/* Unsolicited, to all nodes, override set: "this address is here now". */
size_t vnep_ndisc_announce(uint8_t out[static VNEP_ND_FRAME_MAX], uint16_t vlan,
	const struct vnep_mac *our_mac, const struct in6_addr *target);

/* A router advertisement: hop limit 64, medium preference, no flags; a source link-layer address, the MTU unless
 * it is 0, and each prefix as on-link and for SLAAC. */
struct vnep_ndisc_prefix {
	struct vnep_prefix prefix;
	uint32_t valid_s, preferred_s; /* UINT32_MAX = for ever */
};

enum { VNEP_ND_PREFIXES_MAX = 16, VNEP_ND_ROUTER_MAX = 14 + 4 + 40 + 16 + 8 + 8 + 32 * VNEP_ND_PREFIXES_MAX };

struct vnep_ndisc_router {
	uint16_t vlan;
	struct vnep_mac our_mac;
	struct in6_addr our_addr; /* link-local */
	uint16_t lifetime_s;      /* 0 = no router (any more) */
	uint32_t mtu;
	struct vnep_ndisc_prefix prefix[VNEP_ND_PREFIXES_MAX];
	unsigned prefix_count;
};

/* To one node, or with dest and dest_mac NULL to all of them. */
size_t vnep_ndisc_router(uint8_t out[static VNEP_ND_ROUTER_MAX], const struct vnep_ndisc_router *router,
	const struct in6_addr *dest, const struct vnep_mac *dest_mac);

#endif
