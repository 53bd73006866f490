/* mapbatch-private - what collecting a batch and writing it share. */
#ifndef VNEP_MAPBATCH_PRIVATE_H
#define VNEP_MAPBATCH_PRIVATE_H

#include "vnep/err.h"
#include "vnep/mapbatch.h"
#include "vnep/recjson.h"
#include "vnep/table.h"

/* A record. Key and text lie behind each other in the batch's memory. */
struct map_item {
	struct vnep_slice key; /* of the map (vnep_map_key) */
	uint64_t revision;     /* that it came with; 0 = none */
	uint32_t len, rev_at;  /* of the text: canonical, without its revision */
	uint32_t line;
	uint16_t file;
	uint8_t type;
	bool refused;
	bool deleted;
};

/* What no two devices may share; needed while records come, not when they are written. */
struct map_pair {
	struct map_item *item;
	struct in6_addr vep;
	uint8_t mac[8]; /* and VLAN */
};

/* Memory that is only ever added to: a million items and lines without a million allocations. What grows large
 * lies in an unlinked file, which the kernel may write out where memory is short; where there can be none, it
 * is memory like other. */
struct map_chunk;
struct map_arena {
	struct map_chunk *last;
	uint8_t *at;
	size_t left;
	bool spill; /* the large part may lie in a file */
	int fd;     /* 0 = none yet, -1 = cannot be */
	uint64_t octets;
};

enum { BY_KEY, BY_VEP, BY_MAC, TABLES };

struct vnep_map_batch {
	struct map_arena items_arena, texts, pairs;
	struct map_item **items;
	size_t count, cap;
	uint64_t octets; /* of all texts */
	struct vnep_table by[TABLES];
	char (*files)[256];
	unsigned file_count;
	struct vnep_buf text; /* the line that is being read */
	struct vnep_buf lent; /* what _line gave */
};

/* The items in the order of the map. NULL without memory. */
struct map_sorted {
	uint64_t prefix; /* of the key: nearly always enough */
	struct map_item *item;
};
struct map_sorted *vnep_map_batch_sort(const struct vnep_map_batch *b);

void *vnep_map_arena_take(struct map_arena *arena, size_t size);
void vnep_map_arena_release(struct map_arena *arena);

static inline const char *map_item_text(const struct map_item *item)
{
	return (const char *)item->key.data + item->key.len;
}

const char *vnep_map_item_id(const struct map_item *item, char id[static VNEP_URN_MAX + 1]);

#endif
