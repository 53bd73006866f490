/*
 * u64s - many numbers: gathered, sorted where they lie, then asked about. Eight octets for each, and no more.
 *
 * Owner   the caller's struct (zeroed; release), its memory ours.
 * Errors  -ENOMEM from add.
 */
#ifndef VNEP_U64S_H
#define VNEP_U64S_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vnep_u64s {
	uint64_t *items;
	size_t count, cap;
};

void vnep_u64s_release(struct vnep_u64s *list);
int vnep_u64s_add(struct vnep_u64s *list, uint64_t number);

/* Smallest first, each as often as it was added. Adding disturbs the order: sort anew. */
void vnep_u64s_sort(struct vnep_u64s *list);

/* Of a sorted list: each number once. How many there were more. */
size_t vnep_u64s_unite(struct vnep_u64s *list);

/* Is it in the sorted list? */
bool vnep_u64s_has(const struct vnep_u64s *list, uint64_t number);

#endif
