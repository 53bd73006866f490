/*
 * mcast - the addresses of groups, and the datagrams of an instruction.
 *
 * Shape   plain values; addresses in network order, ports in host order.
 * Errors  VNEP_EVALUE: no address that a group of ours may have, the text says which rule.
 * Source  RFC 4291 2.7, RFC 7346 (scopes), RFC 3306 (prefix-based), RFC 3956 (with a rendezvous point), RFC 4607
 *         (source-specific: a prefix of no length); frames RFC 2464 7, RFC 8200, RFC 768.
 */
#ifndef VNEP_MCAST_H
#define VNEP_MCAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/addr.h"
#include "vnep/clock.h"

struct vnep_err;

enum { VNEP_SCOPE_LINK = 2, VNEP_SCOPE_GLOBAL = 14 };

/* May a group have this address? Scopes that never leave an interface (1), and those that are reserved (0, 15), are
 * wrong; so are flags that do not go together, and a prefix that does not look like one. What is assigned for good
 * (ff0X::) is taken, but not what whole links listen to: all nodes, all routers, solicited nodes. */
int vnep_mcast_check(const struct in6_addr *group, struct vnep_err *err);

unsigned vnep_mcast_scope(const struct in6_addr *group);
const char *vnep_mcast_scope_text(unsigned scope);

struct vnep_datagram {
	struct vnep_mac dest_mac, src_mac;
	uint16_t vlan; /* 0 = untagged */
	struct in6_addr src, dest;
	uint16_t src_port, dest_port;
	uint8_t hop_limit;
	const uint8_t *payload; /* lent */
	size_t payload_len;
};

enum {
	VNEP_DATAGRAM_HEAD = 14 + 4 + 40 + 8, /* octets in front of the payload, at most */
	VNEP_DATAGRAM_IP_HEAD = 40 + 8,	      /* of them those that count for the MTU */
	VNEP_DATAGRAM_MAX = 65535 - VNEP_DATAGRAM_HEAD,
};

/* The whole frame, checksum included; out has room for head and payload (at most VNEP_DATAGRAM_MAX octets). Returns its
 * length. */
size_t vnep_datagram_make(uint8_t *out, const struct vnep_datagram *datagram);

/* An instruction in the journal says in the source MAC, which no delivery uses, until when it may be delivered:
 * 06:TT:TT:TT:TT:TT, tenths of a second since 1970, rounded down. No time (ns 0): always. */
void vnep_mcast_set_until(uint8_t *frame, struct vnep_wall until);
bool vnep_mcast_is_over(const uint8_t *frame, size_t len, struct vnep_wall now);

#endif
