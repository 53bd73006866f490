/* u64s - numbers in an array that doubles. Sorted by their bits, from the highest: no memory beside them is needed. */
#include <errno.h>
#include <stdlib.h>

#include "vnep/u64s.h"

void vnep_u64s_release(struct vnep_u64s *list)
{
	free(list->items);
	*list = (struct vnep_u64s){ 0 };
}

int vnep_u64s_add(struct vnep_u64s *list, uint64_t number)
{
	if (list->count == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		uint64_t *bigger = reallocarray(list->items, cap, sizeof *bigger);

		if (!bigger)
			return -ENOMEM;
		list->items = bigger;
		list->cap = cap;
	}
	list->items[list->count++] = number;
	return 0;
}

/* Those without the bit to the front: where those with it begin. Each number is moved, needed or not: what the bit is
 * nobody could guess, and a wrong guess of the processor costs more. */
static size_t part(uint64_t *items, size_t from, size_t to, unsigned bit)
{
	size_t middle = from;

	for (size_t i = from; i < to; i++) {
		uint64_t number = items[i];

		items[i] = items[middle];
		items[middle] = number;
		middle += !(number >> bit & 1);
	}
	return middle;
}

/* A stretch is parted by a bit, and its two halves by the next one: of one half the other waits, so at most one for
 * each bit. */
void vnep_u64s_sort(struct vnep_u64s *list)
{
	struct {
		size_t from, to;
		unsigned bits; /* that are not equal yet in all of it */
	} waiting[65] = { { 0, list->count, 64 } };

	for (size_t n = 1; n;) {
		size_t from = waiting[--n].from, to = waiting[n].to, middle;
		unsigned bits = waiting[n].bits;

		if (to - from < 2 || !bits)
			continue;
		middle = part(list->items, from, to, --bits);
		waiting[n].from = middle;
		waiting[n].to = to;
		waiting[n++].bits = bits;
		waiting[n].from = from;
		waiting[n].to = middle;
		waiting[n++].bits = bits;
	}
}

size_t vnep_u64s_unite(struct vnep_u64s *list)
{
	size_t kept = 0, before = list->count;

	for (size_t i = 0; i < list->count; i++)
		if (!kept || list->items[kept - 1] != list->items[i])
			list->items[kept++] = list->items[i];
	list->count = kept;
	return before - kept;
}

bool vnep_u64s_has(const struct vnep_u64s *list, uint64_t number)
{
	size_t from = 0, to = list->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (list->items[middle] < number)
			from = middle + 1;
		else
			to = middle;
	}
	return from < list->count && list->items[from] == number;
}
