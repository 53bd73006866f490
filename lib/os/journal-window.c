/*
 * journal-window - pieces of segments in memory, for a reader who takes many blocks that lie side by side.
 *
 * Thousands of devices that get their backlog one after the other read as many places as each has packets, and the next
 * device the blocks behind those: a call for each block costs more than the block. Whoever asks for the second time near
 * a place is given what is around it. Only of the writer, who knows how far a segment is durable, and that nobody else
 * replaces one.
 */
#include <stdlib.h>
#include <string.h>

#include "journal-private.h"

enum {
	STEP_OCTETS = 8 << 10,
	WINDOW_OCTETS =
		2 *
		STEP_OCTETS, /* a block that begins in the first step ends in the window, or is a big one */
	WINDOWS = 64,
};

struct window {
	uint64_t step; /* number of it in its segment, + 1; 0: nothing */
	uint32_t segment;
	uint32_t len; /* 0: it was asked for once */
	uint8_t data[WINDOW_OCTETS];
};

struct vnep_jwindows {
	struct window window[WINDOWS];
};

void vnep_jwindows_forget(struct vnep_journal *journal)
{
	free(journal->windows);
	journal->windows = NULL;
}

/* Octets of the segment that no group changes any more. */
static uint64_t settled(const struct vnep_journal *journal, uint32_t segment)
{
	if (segment != journal->tail.segment)
		return UINT64_MAX;
	return journal->in_group ? journal->group_base : journal->tail.offset;
}

static void fill(struct vnep_journal *journal, struct window *w, int fd, uint64_t end)
{
	uint64_t from = (w->step - 1) * STEP_OCTETS;
	size_t len = end - from < WINDOW_OCTETS ? (size_t)(end - from) : WINDOW_OCTETS;
	ssize_t n = vnep_vio_read_all(journal->vio, fd, w->data, len, from);

	w->len = n > 0 ? (uint32_t)n : 0; /* who asks reads it without, and says what is wrong */
}

const uint8_t *vnep_jwindows_get(
	struct vnep_journal *journal, const struct vnep_jevent *entry, int fd)
{
	uint64_t step = entry->offset / STEP_OCTETS + 1, end = settled(journal, entry->segment);
	size_t at = (size_t)(entry->offset % STEP_OCTETS);
	struct window *w;

	if (journal->how != VNEP_JOURNAL_EXCLUSIVE || entry->offset >= end ||
		entry->length > end - entry->offset || entry->length > WINDOW_OCTETS - at)
		return NULL;
	if (!journal->windows)
		journal->windows = calloc(1, sizeof *journal->windows);
	if (!journal->windows)
		return NULL;
	w = &journal->windows->window[(step * 0x9e3779b97f4a7c15ull ^ entry->segment) >> 32 &
				      (WINDOWS - 1)];
	if (w->step != step || w->segment != entry->segment) {
		w->step = step;
		w->segment = entry->segment;
		w->len = 0;
		return NULL;
	}
	if (w->len < at + entry->length) /* also what has grown since */
		fill(journal, w, fd, end);
	return w->len < at + entry->length ? NULL : w->data + at;
}
