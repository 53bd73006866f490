/*
 * journal - a journal for a unit test in a folder of its own, what goes in, and what is asked of it. Include once:
 * int main(void) { return journal_run(); }
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/journal.h"

#define DEV  "urn:dev:mac:00005efffe005301"
#define DEV2 "urn:dev:mac:00005efffe005302"

enum { FRAME = 14 + 40 + 8 + 4, TCP_FRAME = 14 + 40 + 20 };

static char base[64], state[96];

static inline void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char inner[512];

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) <
				(int)sizeof inner &&
			unlink(inner))
			remove_tree(inner);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static inline void fresh(void)
{
	static unsigned n;

	if (n)
		remove_tree(state);
	snprintf(state, sizeof state, "%s/%u", base, ++n);
}

static inline struct vnep_journal *open_as(
	enum vnep_journal_open how, uint64_t segment_octets, uint64_t *cut)
{
	struct vnep_journal_config config = { .segment_octets = segment_octets };
	struct vnep_journal *journal = NULL;
	struct vnep_err err = { 0 };

	if (vnep_journal_open(&journal, state, how, &config, cut, &err))
		printf("# open: %s\n", err.text);
	CHECK(journal != NULL);
	return journal;
}

static inline struct vnep_journal *open_write(void)
{
	return open_as(VNEP_JOURNAL_WRITE, 0, NULL);
}

/* An IPv6 datagram for 2001:db8:b::77, its payload is number. */
static inline void datagram(uint8_t out[static FRAME], uint8_t hop_limit, uint32_t number)
{
	static const uint8_t head[] = { 0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 12, 17, 64, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 2, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77, 0x9c, 0x40,
		0x16, 0x33, 0, 12, 0, 0 };

	memcpy(out, head, sizeof head);
	out[21] = hop_limit;
	memcpy(out + sizeof head, &number, sizeof number);
}

/* A TCP segment with these flags and this sequence number. */
static inline void segment(uint8_t out[static TCP_FRAME], uint8_t flags, uint8_t seq, uint8_t window)
{
	uint8_t udp[FRAME];

	datagram(udp, 64, 0);
	memset(out, 0, TCP_FRAME);
	memcpy(out, udp, 14 + 40);
	out[19] = 20;
	out[20] = 6;
	out[14 + 40 + 1] = 80;
	out[14 + 40 + 3] = 81;
	out[14 + 40 + 7] = seq;
	out[14 + 40 + 12] = 0x50;
	out[14 + 40 + 13] = flags;
	out[14 + 40 + 15] = window;
}

struct appended {
	int rc;
	uint64_t seq;
	uint32_t conn;
	bool pending, duplicate;
};

static inline struct appended append(struct vnep_journal *journal, struct vnep_event event)
{
	struct appended a = { 0 };

	if (!event.dev[0])
		strcpy(event.dev, DEV);
	a.rc = vnep_journal_append(journal, &event, &a.pending, &a.duplicate, NULL);
	a.seq = event.seq;
	a.conn = event.conn;
	return a;
}

static inline struct appended packet(
	struct vnep_journal *journal, enum vnep_direction direction, bool copy, uint32_t number)
{
	uint8_t frame[FRAME];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = direction,
		.copy = copy,
		.frame = frame,
		.frame_len = sizeof frame };

	datagram(frame, 64, number);
	return append(journal, event);
}

static inline struct appended to_device(struct vnep_journal *journal, uint32_t number)
{
	return packet(journal, VNEP_TO_DEVICE, false, number);
}

static inline struct appended life(struct vnep_journal *journal)
{
	return packet(journal, VNEP_FROM_DEVICE, true, 0);
}

static inline void begin(struct vnep_journal *journal)
{
	CHECK_INT(vnep_journal_begin(journal, NULL), 0);
}

static inline void commit(struct vnep_journal *journal)
{
	CHECK_INT(vnep_journal_commit(journal, NULL), 0);
}

static inline struct vnep_journal_moved checkpoint(
	struct vnep_journal *journal, enum vnep_cursor cursor, uint64_t resume, uint64_t *resumed)
{
	struct vnep_checkpoint c = { .dev = DEV, .cursor = cursor, .resume_seq = resume };
	struct vnep_journal_moved moved = { 0 };

	CHECK_INT(vnep_journal_checkpoint(journal, &c, &moved, NULL), 0);
	if (resumed)
		*resumed = c.resume_seq;
	return moved;
}

static inline int outcome(struct vnep_journal *journal, uint64_t seq, enum vnep_outcome_word word)
{
	struct vnep_outcome o = { .dev = DEV, .seq = seq, .outcome = word };

	return vnep_journal_outcome(journal, &o, NULL);
}

/* What is pending, as "1 2 5". */
static inline int add_seq(const struct vnep_event *event, unsigned attempt, void *arg)
{
	char *text = arg;

	(void)attempt;
	sprintf(text + strlen(text), "%s%llu", text[0] ? " " : "", (unsigned long long)event->seq);
	return 0;
}

static inline const char *pending(struct vnep_journal *journal)
{
	static char text[1024];

	text[0] = 0;
	CHECK_INT(vnep_journal_pending(journal, DEV, 0, 0, add_seq, text, NULL), 0);
	return text;
}

static inline struct vnep_journal_device device(struct vnep_journal *journal)
{
	struct vnep_journal_device d = { 0 };

	CHECK_INT(vnep_journal_device(journal, DEV, &d, NULL), 0);
	return d;
}

struct counts {
	unsigned items, damages;
	uint64_t damaged_octets;
};

static inline int count_item(const struct vnep_journal_item *item, void *arg)
{
	struct counts *c = arg;

	(void)item;
	c->items++;
	return 0;
}

static inline int count_damage(const struct vnep_journal_damage *damage, void *arg)
{
	struct counts *c = arg;

	c->damages++;
	c->damaged_octets += damage->octets;
	return 0;
}

static inline struct counts scan(struct vnep_journal *journal)
{
	struct vnep_journal_position position = { 0 };
	struct counts c = { 0 };

	CHECK_INT(vnep_journal_scan(journal, &position, count_item, count_damage, &c, NULL), 0);
	return c;
}

static inline void segment_path(char out[static 160], unsigned number)
{
	snprintf(out, 160, "%s/journal/%010u.pcapng", state, number);
}

static inline void forget_index(void)
{
	char path[160];

	snprintf(path, sizeof path, "%s/journal/index", state);
	remove_tree(path);
}

static inline int journal_run(void)
{
	int rc;

	/* Thousands of opens: where there is a file system in memory, on that one. */
	strcpy(base,
		access("/dev/shm", W_OK) ? "/tmp/vnep-test-XXXXXX" : "/dev/shm/vnep-test-XXXXXX");
	if (!mkdtemp(base)) {
		perror(base);
		return 1;
	}
	rc = t_run();
	remove_tree(base);
	return rc;
}

#endif
