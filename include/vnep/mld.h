/*
 * mld - multicast listener discovery: what devices say that they listen to, read strictly, and the queries that ask them.
 *
 * Shape   whole Ethernet frames, untagged or with one 802.1Q tag. Hop limit 1, a router alert in a hop-by-hop header.
 *         Both versions are read as records of the second: a report of the first is IS_EXCLUDE of its group without
 *         sources (it listens to all of them), its done TO_INCLUDE without sources (it does not listen any more).
 * Owner   plain values; the records of a message are lent, as long as the bytes of the frame live.
 * Errors  VNEP_EPROTO: no report; VNEP_ESYNTAX: one that RFC 3810 tells to discard (hop limit, router alert, source, checksum,
 *         cut off inside a record), or whose source is neither link-local nor unspecified.
 * Source  RFC 3810 5 (formats), 6.2 and 7.4 (what is discarded); RFC 2710 3 (the first version); RFC 2711 (router alert);
 *         RFC 3590 (source :: while a node has no address yet: for switches, not for routers).
 */
#ifndef VNEP_MLD_H
#define VNEP_MLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/addr.h"
#include "vnep/frame.h"

enum vnep_mld_type {
	VNEP_MLD_QUERY = 130, /* of routers: built, never read */
	VNEP_MLD_REPORT_V1 = 131,
	VNEP_MLD_DONE_V1 = 132,
	VNEP_MLD_REPORT = 143,
};

/* RFC 3810 5.2.12. */
enum vnep_mld_kind {
	VNEP_MLD_IS_INCLUDE = 1,
	VNEP_MLD_IS_EXCLUDE,
	VNEP_MLD_TO_INCLUDE,
	VNEP_MLD_TO_EXCLUDE,
	VNEP_MLD_ALLOW,
	VNEP_MLD_BLOCK,
};

struct vnep_mld {
	enum vnep_mld_type type;
	struct in6_addr src; /* link-local, or unspecified */
	uint16_t vlan;
	uint16_t left;	   /* records that were not looked at yet */
	const uint8_t *at; /* the next one; the group of a message of the first version */
};

struct vnep_mld_record {
	enum vnep_mld_kind kind;
	struct in6_addr group;
	uint16_t source_count;
};

/* frame: of the same bytes (vnep_frame_parse). All records lie in it, whatever their number is. */
int vnep_mld_read(struct vnep_mld *out, const struct vnep_frame *frame, const uint8_t *data);

/* The next record; false: there is none. Those of a kind that nobody knows (RFC 3810 5.2.12: ignored) and those whose address
 * is not multicast are passed over. */
bool vnep_mld_next(struct vnep_mld *mld, struct vnep_mld_record *out);

struct vnep_mld_query {
	uint16_t vlan;
	struct vnep_mac our_mac;
	struct in6_addr our_addr; /* link-local */
	struct in6_addr group;	  /* unspecified: a general query, to all nodes; else to that group */
	uint32_t response_ms;	  /* in which answers come, spread; at most VNEP_MLD_RESPONSE_MAX_MS */
	uint32_t interval_s;	  /* of general queries; at most VNEP_MLD_INTERVAL_MAX_S */
	uint8_t robustness;	  /* 1 to 7 */
	const struct vnep_mac *alone; /* only this one hears it; NULL: all whom it asks */
};

enum {
	VNEP_MLD_RESPONSE_MAX_MS = 8387584, /* beyond 32,767 and 127 with some of the low bits lost: RFC 3810 5.1.3, 5.1.9 */
	VNEP_MLD_INTERVAL_MAX_S = 31744,
	VNEP_MLD_QUERY_MAX = 14 + 4 + 40 + 8 + 28,
};

/* A query of the second version, which hosts of the first take for one of theirs. Returns the length of the frame. */
size_t vnep_mld_query(uint8_t out[static VNEP_MLD_QUERY_MAX], const struct vnep_mld_query *query);

#endif
