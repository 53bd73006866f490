/*
 * journal-interface - whose interface it is: numbers of a segment to devices, 256 to a value.
 */
#include <errno.h>
#include <string.h>

#include "journal-cache.h"
#include "vnep/err.h"

enum { INTERFACES_A_BLOCK = 256, NOBODY = -1 };

static uint32_t interface_end(const struct vnep_jcache *cache)
{
	return cache->base + (uint32_t)(cache->interfaces.len / sizeof(uint32_t));
}

static uint32_t interface_at(const struct vnep_jcache *cache, uint32_t interface)
{
	uint32_t id;

	memcpy(&id, cache->interfaces.data + (interface - cache->base) * sizeof id, sizeof id);
	return id;
}

static void block_key(uint8_t key[static 8], uint32_t segment, uint32_t interface)
{
	vnep_set_be32(key, segment);
	vnep_set_be32(key + 4, interface / INTERFACES_A_BLOCK);
}

/* Those of one block; what stands in front of them in it stays. */
static int flush_block(struct vnep_jindex *ix, uint32_t from, uint32_t to, struct vnep_err *err)
{
	struct vnep_jcache *cache = ix->cache;
	uint32_t ids[INTERFACES_A_BLOCK], first = from - from % INTERFACES_A_BLOCK;
	struct vnep_slice old;
	uint8_t key[8];
	int rc = 0;

	block_key(key, cache->segment, from);
	memset(ids, 0xff, sizeof ids); /* nobody's */
	if (from > first) {
		rc = vnep_jdb_get(ix, VNEP_JDB_INTERFACE, key, sizeof key, &old, err);
		if (!rc)
			memcpy(ids, old.data, old.len < sizeof ids ? old.len : sizeof ids);
		else if (rc != VNEP_ENOTFOUND)
			return rc;
	}
	for (uint32_t i = from; i < to; i++)
		ids[i - first] = interface_at(cache, i);
	return vnep_jdb_put(
		ix, VNEP_JDB_INTERFACE, key, sizeof key, ids, (to - first) * sizeof *ids, err);
}

int vnep_jcache_flush_interfaces(struct vnep_jindex *ix, struct vnep_err *err)
{
	struct vnep_jcache *cache = ix->cache;
	uint32_t end = interface_end(cache), to;
	int rc = 0;

	if (!cache->interfaces_changed)
		return 0;
	for (uint32_t from = cache->base; from < end && !rc; from = to) {
		to = from - from % INTERFACES_A_BLOCK + INTERFACES_A_BLOCK;
		to = to < end ? to : end;
		rc = flush_block(ix, from, to, err);
	}
	cache->interfaces_changed = false;
	/* They stay, up to where a block begins: so that the last one is not read for each group. */
	to = end - end % INTERFACES_A_BLOCK;
	if (to > cache->base) {
		vnep_buf_consume(&cache->interfaces, (to - cache->base) * sizeof(uint32_t));
		cache->base = to;
	}
	return rc;
}

int vnep_jcache_put_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t id, struct vnep_err *err)
{
	struct vnep_jcache *cache = ix->cache;
	int rc;

	if (segment != cache->segment || interface != interface_end(cache)) {
		rc = vnep_jcache_flush_interfaces(ix, err);
		if (rc)
			return rc;
		cache->segment = segment;
		cache->base = interface;
		vnep_buf_reset(&cache->interfaces);
	}
	vnep_buf_put(&cache->interfaces, &id, sizeof id);
	cache->changed = cache->unflushed = cache->interfaces_changed = true;
	return cache->interfaces.rc ? vnep_err_sys(err, ENOMEM, "journal") : 0;
}

static int stored_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t *id, struct vnep_err *err)
{
	size_t at = interface % INTERFACES_A_BLOCK * sizeof *id;
	struct vnep_slice ids;
	uint8_t key[8];
	int rc;

	block_key(key, segment, interface);
	rc = vnep_jdb_get(ix, VNEP_JDB_INTERFACE, key, sizeof key, &ids, err);
	if (rc)
		return rc;
	if (at + sizeof *id > ids.len)
		return VNEP_ENOTFOUND;
	memcpy(id, (const uint8_t *)ids.data + at, sizeof *id);
	return *id == (uint32_t)NOBODY ? VNEP_ENOTFOUND : 0;
}

int vnep_jcache_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t *id, struct vnep_err *err)
{
	const struct vnep_jcache *cache = ix->write ? ix->cache : NULL;

	if (!cache || segment != cache->segment || interface < cache->base ||
		interface >= interface_end(cache))
		return stored_interface(ix, segment, interface, id, err);
	*id = interface_at(cache, interface);
	return 0;
}
