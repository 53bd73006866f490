/*
 * journal-hash - what is pending, by its hash: how duplicates are found.
 *
 * Sixteen octets for each packet, in a table that is never more than three quarters full, for devices that were
 * asked for theirs. The table has a key: nobody can make packets that meet in it.
 */
#include <errno.h>
#include <stdlib.h>

#include "journal-cache.h"
#include "vnep/err.h"
#include "vnep/siphash.h"

void vnep_jcache_clear_hashes(struct vnep_jcache *cache)
{
	free(cache->hashed);
	cache->hashed = NULL;
	cache->hashed_count = cache->hashed_cap = 0;
}

static uint64_t hash_key(const struct vnep_jcache *cache, uint32_t id, uint64_t hash)
{
	return vnep_siphash(cache->secret, id + 1ull, &hash, sizeof hash);
}

static size_t find_hash(const struct vnep_jcache *cache, uint64_t key)
{
	size_t at = key & (cache->hashed_cap - 1);

	while (cache->hashed[at].seq && cache->hashed[at].key != key)
		at = (at + 1) & (cache->hashed_cap - 1);
	return at;
}

/* At most three quarters are used. */
static bool grow_hashes(struct vnep_jcache *cache)
{
	struct vnep_jhashed *old = cache->hashed;
	size_t old_cap = cache->hashed_cap, cap = old_cap ? old_cap * 2 : VNEP_JTABLE_MIN;

	if (cache->hashed_count < old_cap / 4 * 3)
		return true;
	cache->hashed = vnep_jbig_new(cap * sizeof *cache->hashed);
	if (!cache->hashed) {
		cache->hashed = old;
		return false;
	}
	cache->hashed_cap = cap;
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].seq)
			cache->hashed[find_hash(cache, old[i].key)] = old[i];
	free(old);
	return true;
}

int vnep_jcache_put_hash(
	struct vnep_jcache *cache, uint32_t id, uint64_t hash, uint64_t seq, struct vnep_err *err)
{
	uint64_t key = hash_key(cache, id, hash);
	size_t at;

	if (!grow_hashes(cache))
		return vnep_err_sys(err, ENOMEM, "journal");
	at = find_hash(cache, key);
	cache->hashed_count += !cache->hashed[at].seq;
	cache->hashed[at] = (struct vnep_jhashed){ key, seq };
	return 0;
}

/* What stands behind it moves up, so that it is found without it. */
void vnep_jcache_del_hash(struct vnep_jcache *cache, uint32_t id, uint64_t hash, uint64_t seq)
{
	size_t mask = cache->hashed_cap - 1, hole, at;

	if (!cache->hashed_cap)
		return;
	hole = find_hash(cache, hash_key(cache, id, hash));
	if (!cache->hashed[hole].seq || cache->hashed[hole].seq != seq)
		return;
	for (at = (hole + 1) & mask; cache->hashed[at].seq; at = (at + 1) & mask) {
		size_t home = cache->hashed[at].key & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			cache->hashed[hole] = cache->hashed[at];
			hole = at;
		}
	}
	cache->hashed[hole] = (struct vnep_jhashed){ 0 };
	cache->hashed_count--;
}

uint64_t vnep_jcache_get_hash(const struct vnep_jcache *cache, uint32_t id, uint64_t hash)
{
	if (!cache->hashed_cap)
		return 0;
	return cache->hashed[find_hash(cache, hash_key(cache, id, hash))].seq;
}
