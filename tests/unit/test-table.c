/* table: put, get and remove against a naive model, with every key in one slot too. */
#include <stdbool.h>
#include <stddef.h>

#include "vnep/table.h"
#include "t.h"

enum { KEYS = 500 };

struct item {
	char before[3]; /* the key is not where the item begins */
	uint16_t key;
	bool in;
};

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void agree(const struct vnep_table *table, const struct item *items)
{
	size_t count = 0, walked = 0;
	const struct item *item;

	for (unsigned i = 0; i < KEYS; i++) {
		CHECK(vnep_table_get(table, &items[i].key) == (items[i].in ? &items[i] : NULL));
		count += items[i].in;
	}
	CHECK_INT(table->count, count);
	for (size_t i = 0; (item = vnep_table_next(table, &i)); walked++)
		CHECK(item->in);
	CHECK_INT(walked, count);
}

TEST("table: random puts, gets and removals agree with a naive model")
{
	for (uint32_t seed = 1; seed <= 4; seed++) {
		struct item items[KEYS] = { 0 };
		struct vnep_table table;
		uint32_t random = seed;

		vnep_table_init(&table, offsetof(struct item, key), sizeof items->key);
		for (unsigned i = 0; i < KEYS; i++)
			items[i].key = (uint16_t)(i * 131);
		for (unsigned n = 0; n < 20000 && !t_failed; n++) {
			/* up to a full table, down to an empty one, and up again */
			unsigned in_ten = n / 4000 % 2 ? 2 : 8;
			struct item *item = &items[next(&random) % KEYS];

			if (next(&random) % 10 < in_ten && !item->in) {
				CHECK_INT(vnep_table_put(&table, item), 0);
				item->in = true;
			} else if (item->in) {
				vnep_table_remove(&table, item);
				item->in = false;
			}
			if (n % 97 == 0)
				agree(&table, items);
		}
		agree(&table, items);
		vnep_table_release(&table);
	}
}

/* With few slots nearly all keys are neighbours: removal must close each gap without losing anybody behind. */
TEST("table: in a crowded table any order of removal leaves the others to be found")
{
	struct item items[48] = { 0 };

	for (uint32_t seed = 1; seed <= 300; seed++) {
		struct vnep_table table;
		uint32_t random = seed;
		unsigned left = 48, at;

		vnep_table_init(&table, offsetof(struct item, key), sizeof items->key);
		table.seed = seed; /* another order of homes each time */
		for (unsigned i = 0; i < 48; i++) {
			items[i].key = (uint16_t)i;
			items[i].in = true;
			CHECK_INT(vnep_table_put(&table, &items[i]), 0);
		}
		CHECK_INT(table.cap, 64); /* three quarters full: the most there can be */
		while (left && !t_failed) {
			do
				at = next(&random) % 48;
			while (!items[at].in);
			vnep_table_remove(&table, &items[at]);
			items[at].in = false;
			left--;
			for (unsigned i = 0; i < 48; i++)
				CHECK(vnep_table_get(&table, &items[i].key) ==
					(items[i].in ? &items[i] : NULL));
		}
		vnep_table_release(&table);
	}
}

TEST("table: it grows with what is in it, keeps everything, and never fills up")
{
	static struct item items[10000];
	struct vnep_table table;

	vnep_table_init(&table, offsetof(struct item, key), sizeof items->key);
	for (unsigned i = 0; i < 10000; i++) {
		items[i].key = (uint16_t)i;
		CHECK_INT(vnep_table_put(&table, &items[i]), 0);
		CHECK(table.count * 4 <= table.cap * 3);
	}
	for (unsigned i = 0; i < 10000; i++)
		CHECK(vnep_table_get(&table, &items[i].key) == &items[i]);
	vnep_table_release(&table);
	CHECK(!vnep_table_get(&table, &items[0].key));
}

TEST("table: an empty one finds, walks and removes nothing; who has the key of another is not "
     "removed for it")
{
	struct item one = { .key = 7 }, twin = { .key = 7 };
	struct vnep_table table;
	size_t i = 0;

	vnep_table_init(&table, offsetof(struct item, key), sizeof one.key);
	CHECK(!vnep_table_get(&table, &one.key) && !vnep_table_next(&table, &i));
	vnep_table_remove(&table, &one);
	CHECK_INT(vnep_table_put(&table, &one), 0);
	vnep_table_remove(&table, &twin);
	CHECK(vnep_table_get(&table, &twin.key) == &one);
	CHECK_INT(table.count, 1);
	vnep_table_release(&table);
	vnep_table_release(&table);
}

TEST("table: two tables do not share their order of slots")
{
	struct vnep_table a, b;

	vnep_table_init(&a, 0, 2);
	vnep_table_init(&b, 0, 2);
	CHECK(a.seed != b.seed);
}

TEST("table: keys of different lengths, lent by the items")
{
	struct named {
		int before;
		struct vnep_slice key;
	} items[] = { { 0, { "a", 1 } }, { 0, { "ab", 2 } }, { 0, { "b", 1 } }, { 0, { "", 0 } } };
	struct vnep_table table;

	vnep_table_init(&table, offsetof(struct named, key), 0);
	for (unsigned i = 0; i < 4; i++)
		CHECK_INT(vnep_table_put(&table, &items[i]), 0);
	for (unsigned i = 0; i < 4; i++)
		CHECK(vnep_table_get(&table, &items[i].key) == &items[i]);
	CHECK(!vnep_table_get(&table, &(struct vnep_slice){ "abc", 3 }));
	CHECK(vnep_table_get(&table, &(struct vnep_slice){ "abc", 2 }) == &items[1]);
	vnep_table_remove(&table, &items[1]);
	CHECK(!vnep_table_get(&table, &items[1].key));
	CHECK(vnep_table_get(&table, &items[0].key) == &items[0]);
	vnep_table_release(&table);
}

int main(void)
{
	return t_run();
}
