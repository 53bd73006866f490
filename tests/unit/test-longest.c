/* test-longest - the longest prefix, against a look at each of them. */
#include <stdlib.h>

#include "t.h"
#include "vnep/longest.h"

static void add(struct vnep_longest *all, const char *text, size_t what)
{
	struct vnep_prefix prefix;

	CHECK_INT(vnep_prefix_parse(text, &prefix, NULL), 0);
	CHECK_INT(vnep_longest_add(all, &prefix, what), 0);
}

static long find(const struct vnep_longest *all, const char *text)
{
	const struct vnep_longest_item *item;
	struct in6_addr addr;

	CHECK_INT(vnep_ip6_parse(text, &addr, NULL), 0);
	item = vnep_longest_find(all, &addr);
	return item ? (long)item->what : -1;
}

TEST("the longest that holds the address answers, of equal ones the first")
{
	struct vnep_longest all = { 0 };

	vnep_longest_sort(&all);
	CHECK_INT(find(&all, "2001:db8::1"), -1);
	add(&all, "2001:db8::/33", 1);
	add(&all, "2001:db8:b::/48", 5);
	add(&all, "2001:db8:b::/48", 2);
	add(&all, "2001:db8:b:0:8000::/65", 3);
	add(&all, "2001:db8:b::7/128", 4);
	vnep_longest_sort(&all);
	CHECK_INT(find(&all, "2001:db8:b::7"), 4);
	CHECK_INT(find(&all, "2001:db8:b::8"), 2);
	CHECK_INT(find(&all, "2001:db8:b:0:8000::8"), 3);
	CHECK_INT(find(&all, "2001:db8:a::8"), 1);
	CHECK_INT(find(&all, "2001:db8:8000::8"), -1);
	add(&all, "::/0", 6);
	vnep_longest_sort(&all);
	CHECK_INT(find(&all, "2001:db8:8000::8"), 6);
	CHECK_INT(find(&all, "2001:db8:b::7"), 4);
	vnep_longest_release(&all);
}

TEST("thousands of random ones answer as a look at each does")
{
	struct vnep_longest all = { 0 };
	unsigned wrong = 0;

	srand(7);
	for (size_t i = 0; i < 2000; i++) {
		struct vnep_prefix prefix = { .len = (uint8_t)(rand() % 17) };

		for (unsigned b = 0; b < prefix.len; b++)
			prefix.addr.s6_addr[b / 8] |= (uint8_t)((rand() & 1) << (7 - b % 8));
		CHECK_INT(vnep_longest_add(&all, &prefix, i), 0);
	}
	vnep_longest_sort(&all);
	for (unsigned n = 0; n < 500; n++) {
		const struct vnep_longest_item *found, *best = NULL;
		struct in6_addr addr = { 0 };

		for (unsigned i = 0; i < 4; i++)
			addr.s6_addr[i] = (uint8_t)rand();
		for (size_t i = 0; i < all.count; i++)
			if (vnep_prefix_has(&all.items[i].prefix, &addr) &&
				(!best || all.items[i].prefix.len > best->prefix.len ||
					(all.items[i].prefix.len == best->prefix.len &&
						all.items[i].what < best->what)))
				best = all.items + i;
		found = vnep_longest_find(&all, &addr);
		wrong += found != best;
	}
	CHECK_INT(wrong, 0);
	vnep_longest_release(&all);
}

int main(void)
{
	return t_run();
}
