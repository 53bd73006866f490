/* acl-index - places of an array by a hash, open addressing. Nothing is ever taken out. */
#include <errno.h>
#include <stdlib.h>

#include "acl-private.h"

uint32_t acl_index_next(const struct acl_index *index, uint64_t hash, size_t *probe)
{
	while (index->cap) {
		const struct acl_index_slot *slot =
			&index->slots[(hash + (*probe)++) & (index->cap - 1)];

		if (!slot->place)
			break;
		if (slot->hash == hash)
			return slot->place - 1;
	}
	return ACL_NONE;
}

static void enter(struct acl_index *index, struct acl_index_slot slot)
{
	size_t i = slot.hash & (index->cap - 1);

	while (index->slots[i].place)
		i = (i + 1) & (index->cap - 1);
	index->slots[i] = slot;
}

static int grow(struct acl_index *index)
{
	struct acl_index bigger = { .cap = index->cap ? index->cap * 2 : 16,
		.count = index->count };

	bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < index->cap; i++)
		if (index->slots[i].place)
			enter(&bigger, index->slots[i]);
	free(index->slots);
	*index = bigger;
	return 0;
}

int acl_index_put(struct acl_index *index, uint64_t hash, size_t place)
{
	if (index->count * 2 >= index->cap) {
		int rc = grow(index);

		if (rc)
			return rc;
	}
	enter(index, (struct acl_index_slot){ hash, (uint32_t)place + 1 });
	index->count++;
	return 0;
}

void acl_index_release(struct acl_index *index)
{
	free(index->slots);
	*index = (struct acl_index){ 0 };
}
