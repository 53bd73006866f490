/* retention: how octets are divided. */
#include <stdlib.h>
#include <string.h>

#include "t.h"
#include "vnep/retention.h"

static void divide(uint64_t limit, const uint64_t *demand, const uint64_t *reserve, size_t count,
	uint64_t *share)
{
	struct vnep_division division;
	uint64_t again[8];

	vnep_division_start(&division, limit, demand, reserve, count, share);
	CHECK_INT(vnep_division_step(&division, 0), 0);
	vnep_division_start(&division, limit, demand, reserve, count, again);
	while (vnep_division_step(&division, 1))
		continue;
	CHECK(!memcmp(again, share, count * sizeof *share));
	for (size_t i = 0; i < count; i++)
		CHECK(share[i] <= demand[i]);
}

TEST("who asks for little gets all of it, the others as much as each other")
{
	const uint64_t demand[] = { 10, 1000, 500, 0 };
	uint64_t share[4];

	divide(310, demand, NULL, 4, share);
	CHECK_INT(share[0], 10);
	CHECK_INT(share[1], 150);
	CHECK_INT(share[2], 150);
	CHECK_INT(share[3], 0);
}

TEST("without need nobody gives way, and without room everybody does")
{
	const uint64_t demand[] = { 10, 1000, UINT64_MAX };
	uint64_t share[3];

	divide(UINT64_MAX, demand, NULL, 2, share);
	CHECK_INT(share[1], 1000);
	divide(0, demand, NULL, 3, share);
	CHECK_INT(share[0] + share[1] + share[2], 0);
	divide(UINT64_MAX, demand + 2, NULL, 1, share);
	CHECK(share[0] == UINT64_MAX);
}

TEST("a reserved share is kept, whoever else asks")
{
	const uint64_t demand[] = { 400, 1000, 1000 }, reserve[] = { 300, 0, 0 };
	uint64_t share[3];

	divide(500, demand, reserve, 3, share);
	CHECK_INT(share[0], 300);
	CHECK_INT(share[1], 100);
	CHECK_INT(share[2], 100);
}

TEST("a million devices are divided in steps, none of them long")
{
	enum { COUNT = 1000000, STEP = 512 };
	uint64_t *demand = malloc(COUNT * sizeof *demand), *share = malloc(COUNT * sizeof *share);
	struct vnep_division division;
	uint64_t sum = 0, most = 0;
	unsigned long steps = 1;

	CHECK(demand && share);
	for (size_t i = 0; demand && i < COUNT; i++)
		demand[i] = 1 + i % 1000;
	vnep_division_start(&division, 200000000, demand, NULL, COUNT, share);
	while (vnep_division_step(&division, STEP))
		steps++;
	for (size_t i = 0; i < COUNT; i++) {
		sum += share[i];
		most = share[i] > most ? share[i] : most;
	}
	CHECK(sum <= 200000000);
	CHECK(sum + COUNT > 200000000); /* one more for each would be too much */
	CHECK(most < 1000);
	CHECK(steps > 2ul * COUNT / STEP); /* no step looks at all of them */
	free(demand);
	free(share);
}

int main(void)
{
	return t_run();
}
