/* u64s: sorted is what qsort would give, and what was added is found, nothing else. */
#include <stdlib.h>

#include "vnep/u64s.h"
#include "t.h"

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Numbers of so many bits: few bits make many equal ones. */
static void check_sorted(unsigned bits, size_t count)
{
	struct vnep_u64s list = { 0 };
	uint64_t *same = calloc(count + 1, sizeof *same), seed = bits * 1000 + count;
	size_t distinct = 0;

	for (size_t i = 0; i < count; i++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		same[i] = (seed ^ seed >> 29) >> (64 - bits);
		CHECK_INT(vnep_u64s_add(&list, same[i]), 0);
	}
	qsort(same, count, sizeof *same, by_size);
	vnep_u64s_sort(&list);
	for (size_t i = 0; i < count; i++) {
		CHECK(list.items[i] == same[i]);
		distinct += !i || same[i] != same[i - 1];
	}
	CHECK_INT(vnep_u64s_unite(&list), count - distinct);
	CHECK_INT(list.count, distinct);
	for (size_t i = 0; i < count; i++) {
		CHECK(vnep_u64s_has(&list, same[i]));
		if (i + 1 < count && same[i] + 1 < same[i + 1])
			CHECK(!vnep_u64s_has(&list, same[i] + 1));
	}
	vnep_u64s_release(&list);
	free(same);
}

TEST("u64s: any numbers are sorted and found, the many and the few, the equal ones once")
{
	static const unsigned bits[] = { 1, 3, 10, 33, 63, 64 };

	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		for (size_t count = 0; count < 3000; count = count * 3 + 1)
			check_sorted(bits[i], count);
}

TEST("u64s: the ends of what a number can be")
{
	struct vnep_u64s list = { 0 };

	CHECK(!vnep_u64s_has(&list, 0));
	vnep_u64s_sort(&list);
	CHECK_INT(vnep_u64s_unite(&list), 0);
	CHECK_INT(vnep_u64s_add(&list, UINT64_MAX), 0);
	CHECK_INT(vnep_u64s_add(&list, 0), 0);
	vnep_u64s_sort(&list);
	CHECK(list.items[0] == 0 && list.items[1] == UINT64_MAX);
	CHECK(vnep_u64s_has(&list, UINT64_MAX));
	CHECK(!vnep_u64s_has(&list, 1));
	vnep_u64s_release(&list);
}

int main(void)
{
	return t_run();
}
