/*
 * dnsplan - what to change at a DNS server, and what may not be touched.
 *
 * Receipt  each record of ours is published together with a TXT record at the same name that says so:
 *              lamp.iot.example. AAAA 2001:db8:b::1
 *              lamp.iot.example. TXT  "v=vnep1 owner=OWNER" "2001:db8:b::1"
 *          The second string is the data of the record in its text form. What has no receipt of this owner
 *          is not ours and is never deleted or changed, whatever stands beside it.
 * Rules    a name without any record is taken, if it still has none then; a name with records and no receipt
 *          of ours is left alone; at a name that has one, our records become those that are wanted. A name
 *          that is not wanted any more loses what has our receipts, and nothing else. A name at or below a
 *          delegation (NS records without SOA) is no name of this zone: what is wanted there is left, and what
 *          we have there withdrawn, because nobody would see it.
 * Atomic   each change has the prerequisites under which it was made: the name without records, or its TXT
 *          records as they were. A change of any of these makes the server refuse it.
 * Owner    a plan lends the records of both sets: they must outlive it.
 * Source   RFC 2136 2.4, 2.5.
 */
#ifndef VNEP_DNSPLAN_H
#define VNEP_DNSPLAN_H

#include "vnep/dnsrr.h"

enum { VNEP_DNS_OWNER_MAX = 63 };

enum vnep_dns_op { VNEP_DNS_REQUIRE, VNEP_DNS_DELETE, VNEP_DNS_PUT };

struct vnep_dnsstep {
	enum vnep_dns_op op;
	const struct vnep_dnsrr *rr;
};

enum vnep_dns_what { VNEP_DNS_ADD, VNEP_DNS_CHANGE, VNEP_DNS_WITHDRAW };

/* Everything that happens to one name, prerequisites first, deletions before additions. */
struct vnep_dnschange {
	const char *name;
	enum vnep_dns_what what;
	bool unused; /* prerequisite: nobody uses the name */
	size_t first, count; /* its steps */
};

struct vnep_dnsleft {
	const char *name;
	char why[128];
};

struct vnep_dnsplan {
	struct vnep_dnschange *change;
	size_t count, cap;
	struct vnep_dnsstep *step;
	size_t steps, step_cap;
	struct vnep_dnsleft *left; /* wanted names that belong to somebody else */
	size_t left_count, left_cap;
	size_t same; /* names that are as they should be */
};

/* Add the receipt of each record of the set to it. */
int vnep_dnsplan_receipts(struct vnep_dnsset *want, const char *owner);

/* Has the set a receipt of that owner at this name? (sorted) */
bool vnep_dnsplan_is_ours(const struct vnep_dnsset *have, const char *name, const char *owner);

/* From what a server has to what is wanted (with receipts); both sorted. plan must be zeroed. */
int vnep_dnsplan_make(struct vnep_dnsplan *plan, const struct vnep_dnsset *want,
	const struct vnep_dnsset *have, const char *owner);
void vnep_dnsplan_release(struct vnep_dnsplan *plan); /* safe on a zeroed struct */

/* At most so many octets of an UPDATE message: names are counted in full. */
size_t vnep_dnschange_octets(const struct vnep_dnsplan *plan, const struct vnep_dnschange *change);

/* A change as lines of nsupdate, without "send". */
void vnep_dnschange_put(struct vnep_buf *out, const struct vnep_dnsplan *plan,
	const struct vnep_dnschange *change);

#endif
