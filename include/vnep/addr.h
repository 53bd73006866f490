/*
 * addr - MAC addresses, IPv6 addresses and prefixes, as values and as text.
 *
 * Shape   MAC: six octets as on the wire. IPv6: struct in6_addr, network order.
 *         Text: aa:bb:cc:dd:ee:ff, RFC 5952, RFC 4291 2.3 (prefix).
 * Owner   plain values.
 * Errors  parsers: 0 or VNEP_EVALUE with the text repeated; *out is written only on 0.
 */
#ifndef VNEP_ADDR_H
#define VNEP_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct vnep_err;

struct vnep_mac {
	uint8_t octet[6];
};

struct vnep_prefix {
	struct in6_addr addr; /* bits behind len are zero */
	uint8_t len;          /* 0..128 */
};

enum { VNEP_MAC_LEN = 18, VNEP_IP6_LEN = 46, VNEP_PREFIX_LEN = 50 }; /* with NUL */

/* Input may use ':' or '-' and upper case; a group address is refused (it cannot be a source). */
int vnep_mac_parse(const char *text, struct vnep_mac *out, struct vnep_err *err);
void vnep_mac_print(const struct vnep_mac *mac, char out[static VNEP_MAC_LEN]);
bool vnep_mac_equal(const struct vnep_mac *a, const struct vnep_mac *b);

int vnep_ip6_parse(const char *text, struct in6_addr *out, struct vnep_err *err);
void vnep_ip6_print(const struct in6_addr *addr, char out[static VNEP_IP6_LEN]);
bool vnep_ip6_equal(const struct in6_addr *a, const struct in6_addr *b);

/* "2001:db8::/32"; without a slash the length is 128. Bits behind the length must be zero. */
int vnep_prefix_parse(const char *text, struct vnep_prefix *out, struct vnep_err *err);
void vnep_prefix_print(const struct vnep_prefix *prefix, char out[static VNEP_PREFIX_LEN]);
bool vnep_prefix_has(const struct vnep_prefix *prefix, const struct in6_addr *addr);
bool vnep_prefix_covers(const struct vnep_prefix *outer, const struct vnep_prefix *inner);

/* Can this source become a device's L? Neither unspecified, loopback, link-local, multicast nor
 * v4-mapped (DESIGN: the first source of an access request that is none of these is bound). */
bool vnep_ip6_bindable(const struct in6_addr *addr);

/* fe80::/64 with the modified EUI-64 of the MAC (RFC 4291 appendix A). */
void vnep_ip6_link_local(const struct vnep_mac *mac, struct in6_addr *out);

/* ff02::1:ffXX:XXXX (RFC 4291 2.7.1), and the MAC 33:33:… of a multicast address (RFC 2464 7). */
void vnep_ip6_solicited_node(const struct in6_addr *addr, struct in6_addr *out);
void vnep_ip6_multicast_mac(const struct in6_addr *group, struct vnep_mac *out);

#endif
