/* heap: what comes out is what sorting would give, whatever was moved or taken out in between. */
#include <stdbool.h>
#include <stdint.h>

#include "vnep/heap.h"
#include "t.h"

enum { NODES = 700 };

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Each node knows its place, and none is before its parent. */
static void check_shape(const struct vnep_heap *heap)
{
	for (size_t i = 0; i < heap->count; i++) {
		CHECK_INT(heap->nodes[i]->slot, i + 1);
		if (i)
			CHECK(heap->nodes[(i + 1) / 2 - 1]->at.ns <= heap->nodes[i]->at.ns);
	}
}

TEST("heap: random sets, moves and removals, then everything comes out sorted")
{
	for (uint32_t seed = 1; seed <= 5; seed++) {
		static struct vnep_heap_node nodes[NODES];
		struct vnep_heap heap = { 0 };
		int64_t left[NODES];
		size_t count = 0, out = 0;
		uint32_t random = seed;
		struct vnep_heap_node *first;

		memset(nodes, 0, sizeof nodes);
		for (unsigned n = 0; n < 10000; n++) {
			struct vnep_heap_node *node = &nodes[next(&random) % NODES];
			struct vnep_mono at = { (int64_t)(next(&random) % 300) -
						100 }; /* many equal */

			if (next(&random) % 3)
				CHECK_INT(vnep_heap_set(&heap, node, at), 0);
			else
				vnep_heap_remove(&heap, node);
			CHECK(!node->slot || node->at.ns == at.ns);
			if (n % 101 == 0)
				check_shape(&heap);
		}
		for (unsigned i = 0; i < NODES; i++)
			if (nodes[i].slot)
				left[count++] = nodes[i].at.ns;
		CHECK_INT(heap.count, count);
		qsort(left, count, sizeof *left, by_time);
		while ((first = vnep_heap_first(&heap)) && out < count) {
			CHECK_INT(first->at.ns, left[out++]);
			vnep_heap_remove(&heap, first);
			CHECK_INT(first->slot, 0);
		}
		CHECK_INT(out, count);
		CHECK(!vnep_heap_first(&heap));
		vnep_heap_release(&heap);
	}
}

TEST("heap: taking out the last, the first or what is not in is fine, and twice too")
{
	struct vnep_heap heap = { 0 };
	struct vnep_heap_node a = { 0 }, b = { 0 }, c = { 0 };

	vnep_heap_remove(&heap, &a);
	CHECK(!vnep_heap_first(&heap));
	CHECK_INT(vnep_heap_set(&heap, &a, (struct vnep_mono){ 3 }), 0);
	CHECK_INT(vnep_heap_set(&heap, &b, (struct vnep_mono){ 2 }), 0);
	CHECK_INT(vnep_heap_set(&heap, &c, (struct vnep_mono){ 1 }), 0);
	vnep_heap_remove(&heap, &a);
	vnep_heap_remove(&heap, &a);
	CHECK(vnep_heap_first(&heap) == &c);
	vnep_heap_remove(&heap, &c);
	CHECK(vnep_heap_first(&heap) == &b);
	vnep_heap_remove(&heap, &b);
	CHECK(!vnep_heap_first(&heap) && !heap.count);
	vnep_heap_release(&heap);
	vnep_heap_release(&heap);
}

TEST("heap: a node that is set again moves, both ways")
{
	struct vnep_heap heap = { 0 };
	struct vnep_heap_node nodes[9] = { 0 };

	for (unsigned i = 0; i < 9; i++)
		CHECK_INT(vnep_heap_set(&heap, &nodes[i], (struct vnep_mono){ 10 * (i + 1) }), 0);
	CHECK_INT(vnep_heap_set(&heap, &nodes[8], (struct vnep_mono){ 1 }), 0);
	CHECK(vnep_heap_first(&heap) == &nodes[8]);
	CHECK_INT(vnep_heap_set(&heap, &nodes[8], (struct vnep_mono){ 1000 }), 0);
	CHECK(vnep_heap_first(&heap) == &nodes[0]);
	CHECK_INT(heap.count, 9);
	check_shape(&heap);
	vnep_heap_release(&heap);
}

TEST("heap: what is due is taken off in its order, as the struct that it is in, and nothing else "
     "is")
{
	struct thing {
		int name;
		struct vnep_heap_node timer;
	} things[3] = { { .name = 1 }, { .name = 2 }, { .name = 3 } }, *t;
	struct vnep_heap heap = { 0 };
	const size_t at = offsetof(struct thing, timer);

	CHECK_INT(vnep_heap_set(&heap, &things[0].timer, (struct vnep_mono){ 20 }), 0);
	CHECK_INT(vnep_heap_set(&heap, &things[1].timer, (struct vnep_mono){ 10 }), 0);
	CHECK_INT(vnep_heap_set(&heap, &things[2].timer, (struct vnep_mono){ 21 }), 0);
	CHECK(!vnep_heap_due(&heap, (struct vnep_mono){ 9 }, at));
	t = vnep_heap_due(&heap, (struct vnep_mono){ 20 }, at);
	CHECK(t == &things[1] && !t->timer.slot);
	CHECK(vnep_heap_due(&heap, (struct vnep_mono){ 20 }, at) == &things[0]);
	CHECK(!vnep_heap_due(&heap, (struct vnep_mono){ 20 }, at));
	CHECK_INT(heap.count, 1);
	vnep_heap_release(&heap);
}

int main(void)
{
	return t_run();
}
