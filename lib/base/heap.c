/* heap - a binary heap whose nodes know their place. */
#include <errno.h>
#include <stdlib.h>

#include "vnep/heap.h"

static void place(struct vnep_heap *heap, size_t slot, struct vnep_heap_node *node)
{
	heap->nodes[slot - 1] = node;
	node->slot = slot;
}

static void up(struct vnep_heap *heap, struct vnep_heap_node *node)
{
	size_t slot = node->slot;

	while (slot > 1 && node->at.ns < heap->nodes[slot / 2 - 1]->at.ns) {
		place(heap, slot, heap->nodes[slot / 2 - 1]);
		slot /= 2;
	}
	place(heap, slot, node);
}

static void down(struct vnep_heap *heap, struct vnep_heap_node *node)
{
	size_t slot = node->slot;

	for (;;) {
		size_t child = slot * 2;

		if (child > heap->count)
			break;
		if (child < heap->count &&
			heap->nodes[child]->at.ns < heap->nodes[child - 1]->at.ns)
			child++;
		if (node->at.ns <= heap->nodes[child - 1]->at.ns)
			break;
		place(heap, slot, heap->nodes[child - 1]);
		slot = child;
	}
	place(heap, slot, node);
}

void vnep_heap_release(struct vnep_heap *heap)
{
	free(heap->nodes);
	*heap = (struct vnep_heap){ 0 };
}

int vnep_heap_set(struct vnep_heap *heap, struct vnep_heap_node *node, struct vnep_mono at)
{
	if (!node->slot) {
		if (heap->count == heap->cap) {
			size_t cap = heap->cap ? heap->cap * 2 : 64;
			struct vnep_heap_node **nodes =
				reallocarray(heap->nodes, cap, sizeof *nodes);

			if (!nodes)
				return -ENOMEM;
			heap->nodes = nodes;
			heap->cap = cap;
		}
		node->slot = ++heap->count;
		heap->nodes[node->slot - 1] = node;
	}
	node->at = at;
	up(heap, node);
	down(heap, node);
	return 0;
}

void vnep_heap_remove(struct vnep_heap *heap, struct vnep_heap_node *node)
{
	struct vnep_heap_node *last;
	size_t slot = node->slot;

	if (!slot)
		return;
	node->slot = 0;
	last = heap->nodes[--heap->count];
	if (last == node)
		return;
	place(heap, slot, last);
	up(heap, last);
	down(heap, last);
}

struct vnep_heap_node *vnep_heap_first(const struct vnep_heap *heap)
{
	return heap->count ? heap->nodes[0] : NULL;
}

void *vnep_heap_due(struct vnep_heap *heap, struct vnep_mono now, size_t offset)
{
	struct vnep_heap_node *node = vnep_heap_first(heap);

	if (!node || node->at.ns > now.ns)
		return NULL;
	vnep_heap_remove(heap, node);
	return (char *)node - offset;
}
