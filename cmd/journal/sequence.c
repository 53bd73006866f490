/* sequence - how far each device's numbers have come, so that a hole in them shows. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"

void journal_sequences_init(struct vnep_table *sequences)
{
	vnep_table_init(sequences, offsetof(struct journal_sequence, dev), VNEP_URN_MAX + 1);
}

void journal_sequences_release(struct vnep_table *sequences)
{
	void *item;

	for (size_t i = 0; (item = vnep_table_next(sequences, &i));)
		free(item);
	vnep_table_release(sequences);
}

struct journal_sequence *journal_sequence_of(struct vnep_table *sequences, const char *dev)
{
	char key[VNEP_URN_MAX + 1] = { 0 };
	struct journal_sequence *s;

	memcpy(key, dev, strnlen(dev, VNEP_URN_MAX));
	s = vnep_table_get(sequences, key);
	if (s)
		return s;
	s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	memcpy(s->dev, key, sizeof key);
	if (!vnep_table_put(sequences, s))
		return s;
	free(s);
	return NULL;
}

uint64_t journal_sequence_end(const struct vnep_journal_item *item)
{
	return item->range ? item->event.seq + item->event.count - 1 : item->event.seq;
}
