/* acl-there - what the kernel's table has besides elements: chains with their rules, sets, objects. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "acl-there.h"
#include "vnep/err.h"

static int grow(void **array, size_t count, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 32;
	void *bigger;

	if (count < *cap)
		return 0;
	bigger = reallocarray(*array, more, size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*cap = more;
	return 0;
}

static int see_chain(const struct vnep_nft_chain_info *chain, void *arg)
{
	struct there *t = arg;
	int rc = grow((void **)&t->chains, t->chain_count, &t->chain_cap, sizeof *t->chains);

	if (!rc)
		t->chains[t->chain_count++] =
			(struct there_chain){ .info = *chain, .hash = VNEP_HASH_INIT };
	return rc;
}

struct there_chain *there_find_chain(const struct there *t, const char *name)
{
	const struct vnep_slice key = { name, strlen(name) };

	return vnep_table_get(&t->by_name, &key);
}

/* There may be one for each of ten thousand allow lists. */
static int index_chains(struct there *t)
{
	int rc = 0;

	vnep_table_init(&t->by_name, offsetof(struct there_chain, key), 0);
	for (size_t i = 0; !rc && i < t->chain_count; i++) {
		struct there_chain *chain = &t->chains[i];

		chain->key = (struct vnep_slice){ chain->info.name, strlen(chain->info.name) };
		if (!vnep_table_get(&t->by_name, &chain->key))
			rc = vnep_table_put(&t->by_name, chain);
	}
	return rc;
}

static int see_rule(const struct vnep_nft_rule_info *rule, void *arg)
{
	struct there_chain *chain = there_find_chain(arg, rule->chain);

	if (chain) {
		chain->hash = vnep_hash(chain->hash, rule->comment, strlen(rule->comment) + 1);
		chain->rules++;
	}
	return 0;
}

static int see_set(const struct vnep_nft_set_info *set, void *arg)
{
	struct there *t = arg;
	int rc = grow((void **)&t->sets, t->set_count, &t->set_cap, sizeof *t->sets);

	if (!rc)
		t->sets[t->set_count++] = *set;
	return rc;
}

static int see_object(const struct vnep_nft_object_info *object, void *arg)
{
	struct there *t = arg;
	int rc = grow((void **)&t->objects, t->object_count, &t->object_cap, sizeof *t->objects);

	if (!rc)
		t->objects[t->object_count++] = *object;
	return rc;
}

static void forget_chains(void *arg)
{
	((struct there *)arg)->chain_count = 0;
}

static void forget_rules(void *arg)
{
	struct there *t = arg;

	for (size_t i = 0; i < t->chain_count; i++) {
		t->chains[i].hash = VNEP_HASH_INIT;
		t->chains[i].rules = 0;
	}
}

static void forget_sets(void *arg)
{
	((struct there *)arg)->set_count = 0;
}

static void forget_objects(void *arg)
{
	((struct there *)arg)->object_count = 0;
}

void there_release(struct there *t)
{
	vnep_table_release(&t->by_name);
	free(t->chains);
	free(t->sets);
	free(t->objects);
}

int there_read(struct vnep_nl *nl, struct there *t, struct vnep_err *err)
{
	struct vnep_nft_table_info table;
	int rc = vnep_nft_table(nl, &table, NULL);

	if (rc == VNEP_ENOTFOUND)
		return 0;
	if (rc)
		rc = vnep_nft_table(nl, &table, err); /* for its words */
	if (!rc) {
		t->has_table = true;
		t->dormant = table.dormant;
		rc = vnep_nft_each_chain(nl, see_chain, forget_chains, t, err);
	}
	if (!rc)
		rc = index_chains(t);
	if (!rc)
		rc = vnep_nft_each_rule(nl, see_rule, forget_rules, t, err);
	if (!rc)
		rc = vnep_nft_each_set(nl, see_set, forget_sets, t, err);
	if (!rc)
		rc = vnep_nft_each_object(nl, see_object, forget_objects, t, err);
	if (rc == -ENOMEM)
		vnep_err_sys(err, ENOMEM, "reading the kernel's rules");
	return rc;
}
