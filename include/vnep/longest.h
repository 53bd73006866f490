/*
 * longest - which of many prefixes is the longest that holds an address.
 *
 * Shape   prefixes, each with a number that means something to the caller. Add all, sort, then ask. Of equal ones the
 *         one with the lowest number answers.
 * Owner   the struct is the caller's; zeroed it is empty; _release gives back what it holds.
 * Errors  -ENOMEM.
 */
#ifndef VNEP_LONGEST_H
#define VNEP_LONGEST_H

#include "vnep/addr.h"

struct vnep_longest {
	struct vnep_longest_item {
		struct vnep_prefix prefix;
		size_t what;
	} * items;
	size_t count, cap;
};

int vnep_longest_add(struct vnep_longest *all, const struct vnep_prefix *prefix, size_t what);
void vnep_longest_sort(struct vnep_longest *all);

/* NULL: none holds it. */
const struct vnep_longest_item *vnep_longest_find(
	const struct vnep_longest *all, const struct in6_addr *addr);

void vnep_longest_release(struct vnep_longest *all); /* empty again */

#endif
