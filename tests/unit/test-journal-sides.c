/* journal: lost segments side by side are told one by one, and what is written anew behind one does not reach over it. */
#include "journal-lost.h"

/* Lost ones side by side: which segments went, and in which of them something is pending; a bit for each number. */
enum { SIDE_GROUPS = 40, SIDES = 6 };

struct side {
	uint64_t first[SIDES + 2]; /* seq of each segment; of SIDES + 1: where the last one ends */
};

static struct vnep_journal *write_sides(struct side *s, unsigned waits)
{
	struct vnep_outcome o = { .dev = DEV, .outcome = VNEP_OUTCOME_CONFIRMED };
	struct vnep_journal_position position;
	struct vnep_journal *j;

	fresh();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE, SEGMENT_OCTETS, NULL);
	write_some(j, SIDE_GROUPS);
	*s = (struct side){ 0 };
	for (uint64_t seq = 1; seq <= SIDE_GROUPS; seq++) {
		CHECK_INT(vnep_journal_seek(j, DEV, seq, &position, NULL), 0);
		if (position.segment <= SIDES + 1 && !s->first[position.segment])
			s->first[position.segment] = seq;
	}
	CHECK(s->first[SIDES + 1]);
	begin(j);
	for (o.seq = 1; o.seq <= SIDE_GROUPS; o.seq++) {
		CHECK_INT(vnep_journal_seek(j, DEV, o.seq, &position, NULL), 0);
		if (!(waits >> position.segment & 1))
			CHECK_INT(vnep_journal_outcome(j, &o, NULL), 0);
	}
	commit(j);
	return j;
}

static void settle(struct vnep_journal *j, const struct side *s, unsigned segment)
{
	struct vnep_outcome o = {
		.dev = DEV, .outcome = VNEP_OUTCOME_FAILED, .reason = VNEP_IO_ERROR
	};

	begin(j);
	for (o.seq = s->first[segment]; o.seq < s->first[segment + 1]; o.seq++)
		CHECK_INT(vnep_journal_outcome(j, &o, NULL), 0);
	commit(j);
}

/* A range for each of them, in their order. */
static const char *sides(const struct side *s, unsigned gone)
{
	static char text[1024];

	text[0] = 0;
	for (unsigned i = 1; i <= SIDES; i++)
		if (gone >> i & 1)
			sprintf(text + strlen(text), "%s%u+%u corrupt io-error",
				text[0] ? ", " : "", (unsigned)s->first[i],
				(unsigned)(s->first[i + 1] - s->first[i]));
	return text;
}

static uint64_t count_sides(const struct side *s, unsigned gone)
{
	uint64_t n = 0;

	for (unsigned i = 1; i <= SIDES; i++)
		n += gone >> i & 1 ? s->first[i + 1] - s->first[i] : 0;
	return n;
}

static struct vnep_journal *reopen(struct vnep_journal *j)
{
	vnep_journal_close(j);
	return open_as(VNEP_JOURNAL_EXCLUSIVE, SEGMENT_OCTETS, NULL);
}

/* Those of which nothing waits are told first, the others one by one as they are settled; at the end each one stands
 * in its place, an index made anew agrees, and no hole is told of. */
static void lose_sides(unsigned gone, unsigned waits, bool backwards, bool again)
{
	struct side s;
	struct vnep_journal *j = write_sides(&s, waits);
	unsigned told = gone & ~waits, i;

	for (i = 1; i <= SIDES; i++)
		if (gone >> i & 1)
			take_away(i);
	CHECK_INT(prune(j, 1).lost, count_sides(&s, told));
	for (unsigned n = 1; n <= SIDES; n++) {
		i = backwards ? SIDES + 1 - n : n;
		if (!(waits >> i & 1))
			continue;
		j = again ? reopen(j) : j;
		CHECK(gone & 2 || scan(j).damages > 0); /* in front of all, nothing is missed */
		settle(j, &s, i);
		CHECK_INT(prune(j, 1).lost, count_sides(&s, 1U << i));
	}
	CHECK_STR(ranges(j), sides(&s, gone));
	CHECK_INT(prune(j, 1).lost, 0);
	vnep_journal_close(j);
	forget_index();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE, SEGMENT_OCTETS, NULL);
	CHECK_STR(ranges(j), sides(&s, gone));
	CHECK_INT(device(j).head_seq, SIDE_GROUPS);
	CHECK_STR(pending(j), "");
	vnep_journal_close(j);
}

TEST("of lost segments side by side each one is told, whichever waits for an outcome")
{
	static const struct {
		unsigned gone, waits;
	} cases[] = {
		{ 1 << 2 | 1 << 3, 1 << 2 },
		{ 1 << 2 | 1 << 3, 1 << 3 },
		{ 1 << 2 | 1 << 3, 1 << 2 | 1 << 3 },
		{ 1 << 1 | 1 << 2, 1 << 1 },
		{ 1 << 5 | 1 << 6, 1 << 5 },
		{ 1 << 2 | 1 << 3 | 1 << 4, 1 << 2 },
		{ 1 << 2 | 1 << 3 | 1 << 4, 1 << 3 },
		{ 1 << 2 | 1 << 3 | 1 << 4, 1 << 2 | 1 << 3 },
		{ 1 << 1 | 1 << 2 | 1 << 3, 1 << 1 | 1 << 2 },
		{ 1 << 2 | 1 << 4, 1 << 2 },
		{ 1 << 2 | 1 << 3 | 1 << 5 | 1 << 6, 1 << 2 | 1 << 5 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (unsigned how = 0; how < 4; how++)
			lose_sides(cases[i].gone, cases[i].waits, how & 1, how & 2);
}

/* The octets of the header, behind its type and length, which still say where it ends. */
static void damage_header(unsigned segment)
{
	char path[160];
	FILE *f;

	segment_path(path, segment);
	f = fopen(path, "r+");
	CHECK(f && !fseek(f, 16, SEEK_SET) && fputs("damaged", f) >= 0 && !fclose(f));
}

enum anew { LOST, DAMAGED, ERASED };

static void write_anew(struct vnep_journal *j, const struct side *s, enum anew how)
{
	struct vnep_event other = { .dev = DEV2, .kind = VNEP_KIND_CONNECT };
	struct vnep_journal_pruned pruned;
	struct vnep_journal_moved moved;

	if (how == LOST)
		take_away(3);
	else
		damage_header(3);
	if (how != ERASED) {
		CHECK_INT(prune(j, how == LOST ? 1 : s->first[4]).lost,
			how == LOST ? s->first[4] - s->first[3] : 0);
		return;
	}
	begin(j);
	CHECK_INT(append(j, other).rc, 0);
	commit(j);
	CHECK_INT(vnep_journal_erase(j, DEV2, &moved, &pruned, NULL), 0);
}

/* The third one is written anew while the second one is away. */
static void come_back(enum anew how)
{
	struct side s;
	struct vnep_journal *j = write_sides(&s, 1 << 2);
	char path[160], aside[200], waits[1024];

	strcpy(waits, pending(j));
	segment_path(path, 2);
	snprintf(aside, sizeof aside, "%s.aside", path);
	CHECK_INT(rename(path, aside), 0);
	write_anew(j, &s, how);
	CHECK_INT(scan(j).damages, 1); /* of the second one */
	vnep_journal_close(j);
	CHECK_INT(rename(aside, path), 0);
	forget_index();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE, SEGMENT_OCTETS, NULL);
	CHECK_INT(scan(j).damages, 0);
	CHECK_STR(pending(j), waits);
	vnep_journal_close(j);
}

TEST("a segment written anew behind a lost one does not stand for it: it may come back")
{
	come_back(LOST);
	come_back(DAMAGED);
	come_back(ERASED);
}

int main(void)
{
	return journal_run();
}
