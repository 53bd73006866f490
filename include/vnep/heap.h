/*
 * heap - many deadlines, the nearest first: what lets one timer serve every device.
 *
 * Shape   a binary heap of nodes that live inside the caller's structs; O(log n) to set and remove.
 * Owner   the heap owns its array of pointers, never the nodes. A zeroed node is "not armed".
 * Errors  -ENOMEM from set.
 */
#ifndef VNEP_HEAP_H
#define VNEP_HEAP_H

#include <stddef.h>

#include "vnep/clock.h"

struct vnep_heap_node {
	struct vnep_mono at;
	size_t slot; /* 1-based place in the heap, 0 = not armed */
};

struct vnep_heap {
	struct vnep_heap_node **nodes;
	size_t count, cap;
};

void vnep_heap_release(struct vnep_heap *heap);
int vnep_heap_set(struct vnep_heap *heap, struct vnep_heap_node *node, struct vnep_mono at);
void vnep_heap_remove(struct vnep_heap *heap, struct vnep_heap_node *node); /* fine if not armed */
struct vnep_heap_node *vnep_heap_first(const struct vnep_heap *heap);       /* NULL when empty */
/* Take the first off that is due: the struct that has its node at offset; NULL: none is. */
void *vnep_heap_due(struct vnep_heap *heap, struct vnep_mono now, size_t offset);

#endif
