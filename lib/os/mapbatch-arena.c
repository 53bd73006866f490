/* mapbatch-arena - the memory of a batch, and the file that takes over where it is much. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mapbatch-private.h"

/* In memory up to here; then the file grows in steps of STEP, whose room is taken before it is used. */
enum { CHUNK_OCTETS = 1 << 20, SPILL_OCTETS = 32 << 20, STEP_OCTETS = 8 << 20, ALIGN = 8 };

struct map_chunk {
	struct map_chunk *before;
	void *mapped; /* NULL: the octets follow */
	size_t size;
	uint64_t data[];
};

static int open_file(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd = open(tmp && *tmp ? tmp : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : -1;
}

/* The next step of the file; NULL where that cannot be. */
static void *map_step(struct map_arena *arena)
{
	void *p;

	if (!arena->fd)
		arena->fd = open_file();
	if (arena->fd < 0)
		return NULL;
	/* A hole on a full disk would be SIGBUS. */
	if (posix_fallocate(arena->fd, (off_t)arena->octets, STEP_OCTETS))
		p = MAP_FAILED;
	else
		p = mmap(NULL, STEP_OCTETS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			arena->fd, (off_t)arena->octets);
	if (p != MAP_FAILED)
		return p;
	close(arena->fd);
	arena->fd = -1;
	return NULL;
}

static bool add_chunk(struct map_arena *arena, size_t size)
{
	bool spill = arena->spill && size <= STEP_OCTETS && arena->octets >= SPILL_OCTETS;
	size_t room = size > CHUNK_OCTETS ? size : CHUNK_OCTETS;
	void *mapped = spill ? map_step(arena) : NULL;
	struct map_chunk *chunk = malloc(sizeof *chunk + (mapped ? 0 : room));

	if (!chunk) {
		if (mapped)
			munmap(mapped, STEP_OCTETS);
		return false;
	}
	*chunk = (struct map_chunk){ arena->last, mapped, mapped ? STEP_OCTETS : room };
	arena->last = chunk;
	arena->at = mapped ? mapped : (void *)chunk->data;
	arena->left = chunk->size;
	arena->octets += chunk->size;
	return true;
}

void *vnep_map_arena_take(struct map_arena *arena, size_t size)
{
	void *at;

	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (size > arena->left && !add_chunk(arena, size))
		return NULL;
	at = arena->at;
	arena->at += size;
	arena->left -= size;
	return at;
}

void vnep_map_arena_release(struct map_arena *arena)
{
	while (arena->last) {
		struct map_chunk *chunk = arena->last;

		arena->last = chunk->before;
		if (chunk->mapped)
			munmap(chunk->mapped, chunk->size);
		free(chunk);
	}
	if (arena->fd > 0)
		close(arena->fd);
	*arena = (struct map_arena){ .spill = arena->spill };
}
