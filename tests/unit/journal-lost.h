/* journal-lost - segments that are taken away, and what is told of them. Include once, in place of journal.h. */
#ifndef JOURNAL_LOST_H
#define JOURNAL_LOST_H

#include "journal.h"

/* Segments of a few groups each: 1-3, 4-6, … */
enum { GROUPS = 15, SEGMENT_OCTETS = 1000 };

static inline void write_some(struct vnep_journal *j, unsigned groups)
{
	static uint32_t number;

	for (unsigned i = 0; i < groups; i++) {
		begin(j);
		to_device(j, ++number);
		commit(j);
	}
}

static inline uint64_t lower(const struct vnep_journal_device *device, bool *must, void *arg)
{
	(void)device;
	*must = true;
	return *(const uint64_t *)arg;
}

static inline struct vnep_journal_pruned prune(struct vnep_journal *j, uint64_t floor)
{
	struct vnep_journal_pruned pruned = { 0 };
	struct vnep_err err = { 0 };

	if (vnep_journal_prune(j, lower, &floor, (struct vnep_wall){ INT64_MIN }, &pruned, &err))
		printf("# prune: %s\n", err.text);
	CHECK_INT(err.code, 0);
	return pruned;
}

/* The ranges of the stream: "1+3 erased", "4+3 corrupt io-error", … */
static inline int add_range(const struct vnep_journal_item *item, void *arg)
{
	const struct vnep_event *event = &item->event;
	char *text = arg;

	if (item->type != VNEP_RECORD_EVENT || !item->range)
		return 0;
	sprintf(text + strlen(text), "%s%llu+%u %s%s%s", text[0] ? ", " : "",
		(unsigned long long)event->seq, (unsigned)event->count, vnep_kind_text(event->kind),
		event->reason ? " " : "", event->reason ? vnep_reason_text(event->reason) : "");
	return 0;
}

static inline const char *ranges(struct vnep_journal *j)
{
	struct vnep_journal_position position = { 0 };
	static char text[1024];
	struct counts c = { 0 };

	text[0] = 0;
	CHECK_INT(vnep_journal_scan(j, &position, add_range, NULL, text, NULL), 0);
	position = (struct vnep_journal_position){ 0 };
	CHECK_INT(vnep_journal_scan(j, &position, count_item, count_damage, &c, NULL), 0);
	CHECK_INT(c.damages, 0);
	return text;
}

static inline void take_away(unsigned segment)
{
	char path[160];

	segment_path(path, segment);
	CHECK_INT(unlink(path), 0);
}

#endif
