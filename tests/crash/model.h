/*
 * model - what was asked of a journal, what it promised, and whether it kept its word.
 *
 * Every event carries a number of its own, so that whatever is read back can be told from everything that
 * was ever written, and compared octet by octet. Times are operations of the disk: what was acknowledged
 * before operation N must be there after a power cut at N.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk.h"
#include "vnep/journal.h"

enum { MODEL_DEVICES = 3, MODEL_FRAME = 14 + 40 + 8 + 24 };

#define NEVER SIZE_MAX

struct attempt {
	unsigned dev, group;
	uint64_t seq;
	enum vnep_kind kind;
	enum vnep_direction direction;
	size_t begun, acked;
	bool settled; /* somebody tried to settle it */
};

struct cursor_attempt {
	unsigned dev;
	uint64_t resume;
	size_t begun, acked;
};

/* So many octets of this file were promised to be durable. */
struct promise {
	unsigned file;
	uint64_t end;
	size_t acked;
};

struct erasure {
	unsigned dev;
	uint64_t below; /* events before this number may be gone */
	size_t begun, acked;
	bool all; /* once it is acknowledged, not an octet is left */
};

struct model {
	struct attempt *attempts;
	size_t attempt_count;
	struct cursor_attempt *cursors;
	size_t cursor_count;
	struct promise *promises;
	size_t promise_count;
	struct erasure *erasures;
	size_t erasure_count;
	unsigned groups;
};

/* What a journal says about itself. */
struct seen {
	uint64_t *numbers[MODEL_DEVICES]; /* by seq - 1: number of the event + 1; 0 = erased */
	uint64_t head[MODEL_DEVICES], synced[MODEL_DEVICES];
	uint64_t hash; /* of everything: items in order, cursors, what is pending */
	uint8_t *pending; /* by number */
	char wrong[200];  /* "" or the first thing that cannot be */
};

extern const char *const model_devs[MODEL_DEVICES];

void model_event(const struct model *model, size_t number, struct vnep_event *event,
	uint8_t frame[static MODEL_FRAME]);
size_t model_attempt(struct model *model, struct attempt attempt);
void model_cursor(struct model *model, struct cursor_attempt attempt);
void model_promise(struct model *model, struct promise promise);
void model_erasure(struct model *model, struct erasure erasure);
void model_release(struct model *model);

void seen_read(struct seen *seen, const struct model *model, struct vnep_journal *journal);
void seen_release(struct seen *seen);

/* Is this what may be left after a cut at this operation? "" or the invariant that is broken. */
void model_check(const struct model *model, const struct seen *seen, size_t cut, char *wrong, size_t cap);
/* What was erased is nowhere any more. */
void model_check_erased(
	const struct model *model, const struct disk_image *image, size_t cut, char *wrong, size_t cap);
/* I8: octets that were promised are still there, as they were. before: when they were promised. */
void model_check_files(const struct model *model, const struct disk_image *before,
	const struct disk_image *after, size_t cut, char *wrong, size_t cap);

#endif
