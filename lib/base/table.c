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

/* Multiply and fold: every bit of both goes into every bit of the product. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Never 0: that is a free slot. Where a key belongs is its tag, cut to the size of the table. */
static uint32_t tag_of(const struct vnep_table *table, const void *key)
{
	struct vnep_slice octets = octets_of(table, key);
	const uint8_t *p = octets.data;
	uint64_t h = table->seed ^ octets.len, word;
	size_t left = octets.len;

	for (; left >= sizeof word; left -= sizeof word, p += sizeof word) {
		memcpy(&word, p, sizeof word);
		h = mix(h ^ word, 0x9e3779b97f4a7c15 ^ table->seed);
	}
	word = 0;
	memcpy(&word, left ? p : (const uint8_t *)&word, left);
	h = mix(h ^ word, 0xd6e8feb86659fd93);
	return (uint32_t)h ? (uint32_t)h : 1;
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
	free(table->tags);
	table->slots = NULL;
	table->tags = NULL;
	table->cap = table->count = 0;
}

/* The slot of key, or the free one where it belongs. Other items are only looked at where all 32 bits of the
 * tag agree: a look at an item is a look at memory far away. */
static size_t find(const struct vnep_table *table, const void *key, uint32_t tag)
{
	size_t i = tag & (table->cap - 1);

	while (table->tags[i] &&
		(table->tags[i] != tag || !equal(table, key_of(table, table->slots[i]), key)))
		i = (i + 1) & (table->cap - 1);
	return i;
}

void *vnep_table_get(const struct vnep_table *table, const void *key)
{
	size_t i;

	if (!table->cap)
		return NULL;
	i = find(table, key, tag_of(table, key));
	return table->tags[i] ? table->slots[i] : NULL;
}

static int grow(struct vnep_table *table)
{
	struct vnep_table bigger = *table;

	bigger.cap = table->cap ? table->cap * 2 : 64;
	bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
	bigger.tags = calloc(bigger.cap, sizeof *bigger.tags);
	if (!bigger.slots || !bigger.tags) {
		free(bigger.slots);
		free(bigger.tags);
		return -ENOMEM;
	}
	for (size_t i = 0; i < table->cap; i++) {
		size_t to = table->tags[i] & (bigger.cap - 1);

		if (!table->tags[i])
			continue;
		while (bigger.tags[to])
			to = (to + 1) & (bigger.cap - 1);
		bigger.tags[to] = table->tags[i];
		bigger.slots[to] = table->slots[i];
	}
	free(table->slots);
	free(table->tags);
	*table = bigger;
	return 0;
}

int vnep_table_put(struct vnep_table *table, void *item)
{
	uint32_t tag = tag_of(table, key_of(table, item));
	size_t i;

	if (table->count * 4 >= table->cap * 3) {
		int rc = grow(table);

		if (rc)
			return rc;
	}
	i = find(table, key_of(table, item), tag);
	table->tags[i] = tag;
	table->slots[i] = item;
	table->count++;
	return 0;
}

void vnep_table_remove(struct vnep_table *table, const void *item)
{
	size_t hole, i;

	if (!table->cap)
		return;
	hole = find(table, key_of(table, item), tag_of(table, key_of(table, item)));
	if (table->slots[hole] != item)
		return;
	for (i = (hole + 1) & (table->cap - 1); table->tags[i]; i = (i + 1) & (table->cap - 1)) {
		size_t at = table->tags[i] & (table->cap - 1);

		/* may move into the hole if its home is not between the hole and here */
		if (((i - at) & (table->cap - 1)) >= ((i - hole) & (table->cap - 1))) {
			table->slots[hole] = table->slots[i];
			table->tags[hole] = table->tags[i];
			hole = i;
		}
	}
	table->slots[hole] = NULL;
	table->tags[hole] = 0;
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
