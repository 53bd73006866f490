/* rot - bits flipped and ends cut off in a journal of 64 KiB: each is found, and costs only what it hit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "vnep/err.h"

enum { OCTETS = 1 << 16 };

struct counts {
	unsigned long items, damages, lost;
	uint64_t heads;
};

static int on_item(const struct vnep_journal_item *item, void *arg)
{
	struct counts *c = arg;

	(void)item;
	c->items++;
	return 0;
}

static int on_damage(const struct vnep_journal_damage *damage, void *arg)
{
	struct counts *c = arg;

	c->damages++;
	c->lost += damage->records;
	return 0;
}

static struct counts scan(struct vnep_journal *journal)
{
	struct vnep_journal_position position = { 0 };
	struct counts c = { 0 };

	if (vnep_journal_scan(journal, &position, on_item, on_damage, &c, NULL))
		c.damages++;
	return c;
}

/* One segment of OCTETS and little more, of packets, notes and checkpoints. */
static bool fill(struct vnep_journal *journal, struct model *model, const struct vnep_buf *file)
{
	uint8_t frame[MODEL_FRAME];
	struct vnep_event event;

	while (file->len < OCTETS) {
		struct attempt a = { .dev = (unsigned)model->attempt_count % MODEL_DEVICES,
			.kind = model->attempt_count % 5 ? VNEP_KIND_DATA : VNEP_KIND_NOTE,
			.direction =
				model->attempt_count % 5 ? VNEP_TO_DEVICE : VNEP_DIRECTION_NONE };

		if (vnep_journal_begin(journal, NULL))
			return false;
		for (unsigned i = 0; i < 6; i++) {
			model_event(model, model_attempt(model, a), &event, frame);
			if (vnep_journal_append(journal, &event, NULL, NULL, NULL))
				return false;
		}
		if (vnep_journal_commit(journal, NULL))
			return false;
	}
	return true;
}

int rot_main(const char *state, unsigned long step)
{
	struct vnep_journal_config config = { .boot = run_boot };
	unsigned long flips = 0, cuts = 0, silent = 0, collateral = 0, silent_cuts = 0;
	struct vnep_journal *journal = NULL;
	struct model model = { 0 };
	struct vnep_buf *file;
	struct counts all, c;
	char index[256];
	struct disk disk;
	size_t whole;

	snprintf(index, sizeof index, "%s/journal/index", state);
	disk_init(&disk, index);
	disk_put_index(&disk, &(struct vnep_buf){ 0 });
	config.vio = &disk.vio;
	if (vnep_journal_open(&journal, state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL))
		return 3;
	file = &disk.now.file[1]; /* the first one is index/boot */
	if (!fill(journal, &model, file))
		return 3;
	all = scan(journal);
	for (size_t bit = 0; bit < 8 * file->len; bit += step, flips++) {
		file->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		c = scan(journal);
		silent += !c.damages;
		collateral += c.items + 1 < all.items;
		file->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	whole = file->len;
	for (file->len = 0; file->len < whole; file->len += step, cuts++)
		silent_cuts += !scan(journal).damages;
	file->len = whole;
	c = scan(journal);
	printf("rot: octets=%zu records=%lu flips=%lu undetected=%lu collateral=%lu "
	       "truncations=%lu "
	       "undetected=%lu\n",
		whole, all.items, flips, silent, collateral, cuts, silent_cuts);
	vnep_journal_close(journal);
	model_release(&model);
	disk_release(&disk);
	return silent || collateral || silent_cuts || c.damages || all.damages;
}
