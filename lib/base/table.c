/* table - open addressing with linear probing; removal closes the gap, so there are no tombstones. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vnep/table.h"

static const void *key_of(const struct vnep_table *table, const void *item)
{
	return (const uint8_t *)item + table->key_offset;
}

static struct vnep_slice octets_of(const struct vnep_table *table, const void *key)
{
	if (!table->key_len)
		return *(const struct vnep_slice *)key;
	return (struct vnep_slice){ key, table->key_len };
}

static bool equal(const struct vnep_table *table, const void *a, const void *b)
{
	struct vnep_slice x = octets_of(table, a), y = octets_of(table, b);

	return x.len == y.len && !memcmp(x.data, y.data, x.len);
}

/* FNV-1a over the seed and the key, finished by a multiply-shift so that the low bits depend on all. */
static size_t home(const struct vnep_table *table, const void *key)
{
	struct vnep_slice octets = octets_of(table, key);
	const uint8_t *p = octets.data;
	uint64_t h = 0xcbf29ce484222325 ^ table->seed;

	for (size_t i = 0; i < octets.len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15;
	return (size_t)(h >> 32) & (table->cap - 1);
}

void vnep_table_init(struct vnep_table *table, size_t key_offset, size_t key_len)
{
	*table = (struct vnep_table){ .key_offset = key_offset, .key_len = key_len };
	if (getrandom(&table->seed, sizeof table->seed, GRND_NONBLOCK) != sizeof table->seed)
		table->seed = (uint64_t)(uintptr_t)table; /* early boot: still not a constant */
}

void vnep_table_release(struct vnep_table *table)
{
	free(table->slots);
	table->slots = NULL;
	table->cap = table->count = 0;
}

/* The slot of key, or the free one where it belongs. */
static size_t find(const struct vnep_table *table, const void *key)
{
	size_t i = home(table, key);

	while (table->slots[i] && !equal(table, key_of(table, table->slots[i]), key))
		i = (i + 1) & (table->cap - 1);
	return i;
}

void *vnep_table_get(const struct vnep_table *table, const void *key)
{
	return table->cap ? table->slots[find(table, key)] : NULL;
}

static int grow(struct vnep_table *table)
{
	struct vnep_table bigger = *table;

	bigger.cap = table->cap ? table->cap * 2 : 64;
	bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < table->cap; i++)
		if (table->slots[i])
			bigger.slots[find(&bigger, key_of(table, table->slots[i]))] =
				table->slots[i];
	free(table->slots);
	*table = bigger;
	return 0;
}

int vnep_table_put(struct vnep_table *table, void *item)
{
	if (table->count * 4 >= table->cap * 3) {
		int rc = grow(table);

		if (rc)
			return rc;
	}
	table->slots[find(table, key_of(table, item))] = item;
	table->count++;
	return 0;
}

void vnep_table_remove(struct vnep_table *table, const void *item)
{
	size_t hole, i;

	if (!table->cap)
		return;
	hole = find(table, key_of(table, item));
	if (table->slots[hole] != item)
		return;
	for (i = (hole + 1) & (table->cap - 1); table->slots[i]; i = (i + 1) & (table->cap - 1)) {
		size_t at = home(table, key_of(table, table->slots[i]));

		/* may move into the hole if its home is not between the hole and here */
		if (((i - at) & (table->cap - 1)) >= ((i - hole) & (table->cap - 1))) {
			table->slots[hole] = table->slots[i];
			hole = i;
		}
	}
	table->slots[hole] = NULL;
	table->count--;
}

void *vnep_table_next(const struct vnep_table *table, size_t *i)
{
	while (*i < table->cap) {
		void *item = table->slots[(*i)++];

		if (item)
			return item;
	}
	return NULL;
}
