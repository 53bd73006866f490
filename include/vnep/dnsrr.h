/*
 * dnsrr - DNS names, and records of the few kinds that vnep publishes, in sets that can be compared.
 *
 * Shape   names are text: lower case, absolute (with their final dot), what is no letter, digit, '-' or '_'
 *         as \DDD. Data are rdata as on the wire, uncompressed, names in it in lower case: equal records
 *         have equal octets. Of kinds that we do not publish a set keeps the name and the type alone.
 * Owner   a set owns its records; they are lent until it is released (sorting does not move them).
 * Errors  VNEP_EVALUE for texts, -ENOMEM.
 * Source  RFC 1035 3.1, 3.3; RFC 2782 (SRV); RFC 3596 2.5 (ip6.arpa); RFC 4343 (case).
 */
#ifndef VNEP_DNSRR_H
#define VNEP_DNSRR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vnep_buf;
struct vnep_err;

enum { VNEP_DNS_NAME_LEN = 256 }; /* a name without escapes, with its dot and NUL */

enum vnep_dns_type {
	VNEP_DNS_NS = 2,
	VNEP_DNS_CNAME = 5,
	VNEP_DNS_SOA = 6,
	VNEP_DNS_PTR = 12,
	VNEP_DNS_TXT = 16,
	VNEP_DNS_AAAA = 28,
	VNEP_DNS_SRV = 33,
	VNEP_DNS_RRSIG = 46,
	VNEP_DNS_NSEC = 47,
	VNEP_DNS_AXFR = 252,
	VNEP_DNS_ANY = 255,
};

/* A host or zone name of a person or a record: lower case, absolute. Not the root. */
int vnep_dnsname_read(const char *text, char out[static VNEP_DNS_NAME_LEN], struct vnep_err *err);

/* Is name the zone, or below it? Both as _read makes them. */
bool vnep_dnsname_in(const char *name, const char *zone);

/* The name of an address below ip6.arpa. */
void vnep_dnsname_reverse(const struct in6_addr *addr, char out[static VNEP_DNS_NAME_LEN]);

/* A zone below ip6.arpa: its name, or the prefix that it is for ("2001:db8:b::/64"; the length must be a
 * multiple of 4, because a label is a hex digit). */
int vnep_dnszone_reverse(const char *text, char out[static VNEP_DNS_NAME_LEN], struct vnep_err *err);

struct vnep_dnsrr {
	uint32_t ttl;
	uint16_t type, len;
	const char *name;
	const uint8_t *data;
};

struct vnep_dnsset {
	struct vnep_dnsrr **rr;
	size_t count, cap;
};

void vnep_dnsset_release(struct vnep_dnsset *set); /* safe on a zeroed struct */
int vnep_dnsset_add(struct vnep_dnsset *set, const char *name, uint16_t type, uint32_t ttl,
	const void *data, size_t len);
int vnep_dnsset_add_aaaa(struct vnep_dnsset *set, const char *name, uint32_t ttl,
	const struct in6_addr *addr);
int vnep_dnsset_add_ptr(struct vnep_dnsset *set, const char *name, uint32_t ttl, const char *target);
int vnep_dnsset_add_srv(struct vnep_dnsset *set, const char *name, uint32_t ttl, uint16_t port,
	const char *target);

/* Two strings of at most 255 octets each. */
int vnep_dnsset_add_txt(struct vnep_dnsset *set, const char *name, uint32_t ttl, const char *first,
	const char *second);

/* Order by name, type and data, and drop what is there twice. _range, after that: the records of a name. */
void vnep_dnsset_sort(struct vnep_dnsset *set);
size_t vnep_dnsset_range(const struct vnep_dnsset *set, const char *name, size_t *count);
int vnep_dnsrr_order(const struct vnep_dnsrr *a, const struct vnep_dnsrr *b); /* as strcmp */

/* The type as a word (TYPE99 for one without), and the data as zone files and nsupdate have them. */
void vnep_dnstype_put(struct vnep_buf *out, uint16_t type);
void vnep_dnsrr_put_data(struct vnep_buf *out, const struct vnep_dnsrr *rr);

#endif
