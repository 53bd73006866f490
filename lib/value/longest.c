/* longest - prefixes in the order of their lengths, each length by address: a search for each length that there is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/longest.h"

int vnep_longest_add(struct vnep_longest *all, const struct vnep_prefix *prefix, size_t what)
{
	if (all->count == all->cap) {
		size_t cap = all->cap ? 2 * all->cap : 16;
		struct vnep_longest_item *items = reallocarray(all->items, cap, sizeof *items);

		if (!items)
			return -ENOMEM;
		all->items = items;
		all->cap = cap;
	}
	all->items[all->count++] = (struct vnep_longest_item){ *prefix, what };
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct vnep_longest_item *x = a, *y = b;
	int order = (int)y->prefix.len - (int)x->prefix.len;

	if (!order)
		order = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof x->prefix.addr);
	return order ? order : (x->what > y->what) - (x->what < y->what);
}

void vnep_longest_sort(struct vnep_longest *all)
{
	if (all->count)
		qsort(all->items, all->count, sizeof *all->items, compare);
}

/* The first that is not before the one asked for. */
static size_t lower_bound(const struct vnep_longest *all, const struct vnep_longest_item *asked)
{
	size_t from = 0, to = all->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (compare(all->items + middle, asked) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static void keep_bits(struct in6_addr *addr, unsigned len)
{
	for (unsigned i = 0; i < sizeof addr->s6_addr; i++) {
		unsigned bits = len > 8 * i ? len - 8 * i : 0;

		if (bits < 8)
			addr->s6_addr[i] &= (uint8_t)(0xff00u >> bits);
	}
}

const struct vnep_longest_item *vnep_longest_find(
	const struct vnep_longest *all, const struct in6_addr *addr)
{
	for (size_t at = 0; at < all->count;) {
		struct vnep_longest_item asked = { .prefix = { .addr = *addr } };
		size_t found;

		asked.prefix.len = all->items[at].prefix.len;
		keep_bits(&asked.prefix.addr, asked.prefix.len);
		found = lower_bound(all, &asked);
		if (found < all->count && all->items[found].prefix.len == asked.prefix.len &&
			vnep_prefix_has(&all->items[found].prefix, addr))
			return all->items + found;
		if (!asked.prefix.len--) /* on to the next shorter */
			break;
		memset(&asked.prefix.addr, 0, sizeof asked.prefix.addr);
		at = lower_bound(all, &asked);
	}
	return NULL;
}

void vnep_longest_release(struct vnep_longest *all)
{
	free(all->items);
	*all = (struct vnep_longest){ 0 };
}
