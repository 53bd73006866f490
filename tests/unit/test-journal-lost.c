/* journal: a segment that somebody took away stops nobody, and is told of. */
#include <dlfcn.h>
#include <errno.h>

#include "journal.h"
#include "vnep/vio.h"

/* Segments of a few groups each: 1-3, 4-6, … */
enum { GROUPS = 15, SEGMENT_OCTETS = 1000 };

static void write_some(struct vnep_journal *j, unsigned groups)
{
	static uint32_t number;

	for (unsigned i = 0; i < groups; i++) {
		begin(j);
		to_device(j, ++number);
		commit(j);
	}
}

static uint64_t lower(const struct vnep_journal_device *device, bool *must, void *arg)
{
	(void)device;
	*must = true;
	return *(const uint64_t *)arg;
}

static struct vnep_journal_pruned prune(struct vnep_journal *j, uint64_t floor)
{
	struct vnep_journal_pruned pruned = { 0 };
	struct vnep_err err = { 0 };

	if (vnep_journal_prune(j, lower, &floor, (struct vnep_wall){ INT64_MIN }, &pruned, &err))
		printf("# prune: %s\n", err.text);
	CHECK_INT(err.code, 0);
	return pruned;
}

/* The ranges of the stream: "1+3 erased", "4+3 corrupt io-error", … */
static int add_range(const struct vnep_journal_item *item, void *arg)
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

static const char *ranges(struct vnep_journal *j)
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

/* How many events each segment has, by its first number. */
static uint64_t second_begins(struct vnep_journal *j)
{
	struct vnep_journal_position position;
	uint64_t seq = 1;

	do
		CHECK_INT(vnep_journal_seek(j, DEV, seq++, &position, NULL), 0);
	while (position.segment == 1);
	return seq - 1;
}

static void take_away(unsigned segment)
{
	char path[160];

	segment_path(path, segment);
	CHECK_INT(unlink(path), 0);
}

/* Of the settled events of some segments the second one's are lost. */
static struct vnep_journal *lose(uint64_t *size, uint64_t *floor)
{
	struct vnep_journal *j;

	fresh();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE, SEGMENT_OCTETS, NULL);
	write_some(j, GROUPS);
	*size = second_begins(j) - 1;
	CHECK(*size > 1 && *size * 3 < GROUPS);
	begin(j);
	checkpoint(j, VNEP_CURSOR_SYNCED, 0, NULL);
	commit(j);
	take_away(2);
	*floor = *size * 3 + 1;
	return j;
}

TEST("a lost segment becomes a range of lost numbers, what is behind it goes, and an index made "
     "anew agrees")
{
	struct vnep_journal_device before, after;
	struct vnep_journal_pruned pruned;
	struct vnep_journal_stat stat, again;
	struct vnep_journal *j;
	char wanted[100];
	uint64_t n, floor;

	j = lose(&n, &floor);
	pruned = prune(j, n + 1); /* the first one alone */
	CHECK_INT(pruned.lost, n);
	CHECK_INT(pruned.events, n);
	sprintf(wanted, "1+%u erased, %u+%u corrupt io-error", (unsigned)n, (unsigned)n + 1,
		(unsigned)n);
	CHECK_STR(ranges(j), wanted);
	before = device(j);
	CHECK_INT(vnep_journal_stat(j, &stat, NULL), 0);
	vnep_journal_close(j);
	forget_index();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE, SEGMENT_OCTETS, NULL);
	CHECK_STR(ranges(j), wanted);
	after = device(j);
	CHECK_INT(after.head_seq, before.head_seq);
	CHECK_INT(after.synced_seq, before.synced_seq);
	CHECK_INT(after.pending, 0);
	CHECK_INT(vnep_journal_stat(j, &again, NULL), 0);
	CHECK_INT(again.events, stat.events);
	CHECK_INT(again.segments, stat.segments);
	pruned = prune(j, floor); /* and now what is behind it */
	CHECK_INT(pruned.lost, 0);
	CHECK_INT(pruned.events, n);
	sprintf(wanted, "1+%u erased", (unsigned)n * 3);
	CHECK_STR(ranges(j), wanted);
	write_some(j, 1);
	CHECK_INT(device(j).head_seq, before.head_seq + 1);
	vnep_journal_close(j);
}

/* Two devices in all groups; of the second one nothing waits, of the first one only what *seq says. */
static struct vnep_journal *keep_one(uint64_t *size)
{
	struct vnep_checkpoint settled = { .dev = DEV2, .cursor = VNEP_CURSOR_SYNCED };
	struct vnep_outcome o = { .dev = DEV, .outcome = VNEP_OUTCOME_CONFIRMED };
	struct vnep_journal *j;

	fresh();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE, SEGMENT_OCTETS, NULL);
	for (uint32_t i = 0; i < GROUPS; i++) {
		struct vnep_event other = { .dev = DEV2, .kind = VNEP_KIND_CONNECT };

		begin(j);
		to_device(j, i);
		CHECK_INT(append(j, other).rc, 0);
		commit(j);
	}
	*size = second_begins(j) - 1;
	CHECK(*size && *size * 3 < GROUPS);
	begin(j);
	for (o.seq = 1; o.seq <= GROUPS; o.seq++)
		if (o.seq != *size + 1)
			CHECK_INT(vnep_journal_outcome(j, &o, NULL), 0);
	CHECK_INT(vnep_journal_checkpoint(j, &settled, NULL, NULL), 0);
	commit(j);
	return j;
}

TEST("a lost segment in which something is pending waits for its outcome, and others do not wait "
     "for it")
{
	struct vnep_outcome o = {
		.dev = DEV, .outcome = VNEP_OUTCOME_FAILED, .reason = VNEP_IO_ERROR
	};
	struct vnep_journal_pruned pruned;
	struct vnep_journal *j;
	char wanted[100];
	uint64_t n;

	j = keep_one(&n);
	take_away(2);
	pruned = prune(j, n * 3 + 1);
	CHECK_INT(pruned.lost, 0);
	CHECK_INT(pruned.events, 2 * n + n); /* of both; of the other one also what is behind it */
	sprintf(wanted, "%u", (unsigned)n + 1);
	CHECK_STR(pending(j), wanted);
	begin(j);
	o.seq = n + 1;
	CHECK_INT(vnep_journal_outcome(j, &o, NULL), 0);
	commit(j);
	pruned = prune(j, n * 3 + 1);
	CHECK_INT(pruned.lost, 2 * n);
	CHECK_INT(pruned.events, n);
	CHECK_STR(pending(j), "");
	pruned = prune(j, n * 3 + 1);
	CHECK_INT(pruned.lost, 0);
	vnep_journal_close(j);
}

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

/* One event of the device and what settles all of them in the second segment, which is lost; behind it only others. */
static struct vnep_journal *lose_checkpoint(uint64_t *head)
{
	struct vnep_event other = { .dev = DEV2, .kind = VNEP_KIND_CONNECT };
	struct vnep_journal_position position;
	struct vnep_journal *j;
	struct appended last;
	uint32_t number = 0;

	fresh();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE, SEGMENT_OCTETS, NULL);
	do {
		begin(j);
		last = to_device(j, ++number);
		commit(j);
		CHECK_INT(vnep_journal_seek(j, DEV, last.seq, &position, NULL), 0);
	} while (position.segment == 1);
	*head = last.seq;
	begin(j);
	checkpoint(j, VNEP_CURSOR_SYNCED, 0, NULL);
	commit(j);
	for (unsigned i = 0; i < GROUPS; i++) {
		begin(j);
		CHECK_INT(append(j, other).rc, 0);
		commit(j);
	}
	take_away(2);
	return j;
}

TEST("what a lost checkpoint had settled is settled in an index made anew, too")
{
	struct vnep_journal *j;
	uint64_t head;

	j = lose_checkpoint(&head);
	CHECK_STR(pending(j), "");
	CHECK(prune(j, 1).lost > 0);
	vnep_journal_close(j);
	forget_index();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE, SEGMENT_OCTETS, NULL);
	CHECK_STR(pending(j), "");
	CHECK_INT(device(j).pending, 0);
	CHECK_INT(device(j).synced_seq, head + 1);
	CHECK_INT(device(j).head_seq, head);
	vnep_journal_close(j);
}

/* A disk that fails. */

static struct vnep_vio vio;
static int stat_errno, folder_errno, rename_errno;
static unsigned renamed;
static bool sync_fails;

/* In front of the one of the C library. */
struct dirent *readdir(DIR *dir)
{
	static struct dirent *(*real)(DIR * dir);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir");
	errno = folder_errno ? folder_errno : errno;
	return folder_errno ? NULL : real(dir);
}

static int list_without(const struct vnep_vio *v, int dir, vnep_vio_name_cb *cb, void *arg)
{
	(void)v, (void)dir, (void)cb, (void)arg;
	return 0;
}

static int fail_stat(const struct vnep_vio *v, int dir, const char *name, uint64_t *size)
{
	if (stat_errno) {
		errno = stat_errno;
		return -1;
	}
	return vnep_vio_disk.stat(v, dir, name, size);
}

/* Of the second segment only the index knows before it is there again. */
static int rename_second(const struct vnep_vio *v, int dir, const char *from, const char *to)
{
	char path[160];

	if (strcmp(to, "0000000002.pcapng") != 0)
		return vnep_vio_disk.rename(v, dir, from, to);
	snprintf(path, sizeof path, "%s/journal/index/boot", state);
	CHECK_INT(access(path, F_OK), 0);
	renamed++;
	errno = rename_errno;
	return rename_errno ? -1 : vnep_vio_disk.rename(v, dir, from, to);
}

static int sync_names(const struct vnep_vio *v, int dir)
{
	errno = EIO;
	return renamed && sync_fails ? -1 : vnep_vio_disk.sync_folder(v, dir);
}

static struct vnep_journal *open_vio(void)
{
	struct vnep_journal_config config = { .segment_octets = SEGMENT_OCTETS, .vio = &vio };
	struct vnep_journal *j = NULL;

	CHECK_INT(vnep_journal_open(&j, state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL), 0);
	return j;
}

static int count_lost(const struct vnep_journal_stored *stored, void *arg)
{
	*(uint64_t *)arg += stored->lost;
	return 0;
}

static uint64_t lost(struct vnep_journal *j, int rc)
{
	struct vnep_journal_place place = { 0 };
	uint64_t n = 0;

	CHECK_INT(vnep_journal_each_stored(j, &place, 0, count_lost, &n, NULL), rc);
	return n;
}

TEST("what the folder does not say, or the disk cannot, is not lost")
{
	struct vnep_journal *j;
	uint64_t n, floor;

	vnep_journal_close(lose(&n, &floor));
	vio = vnep_vio_disk;
	vio.stat = fail_stat;
	j = open_vio();
	CHECK_INT(lost(j, 0), n);
	vio.list = list_without; /* asked one by one, the others are there */
	CHECK_INT(lost(j, 0), n);
	stat_errno = EIO;
	CHECK_INT(lost(j, 0), 0);
	stat_errno = 0;
	vio.list = vnep_vio_disk.list;
	folder_errno = EIO;
	lost(j, -EIO);
	folder_errno = 0;
	vnep_journal_close(j);
}

static void prune_fails(struct vnep_journal *j, uint64_t floor, int rc)
{
	struct vnep_journal_pruned pruned = { 0 };

	CHECK_INT(vnep_journal_prune(
			  j, lower, &floor, (struct vnep_wall){ INT64_MIN }, &pruned, NULL),
		rc);
	CHECK_INT(pruned.lost, 0);
}

TEST("a lost segment that cannot take its place stays lost, and no number is used twice")
{
	struct vnep_journal_device before;
	struct vnep_journal *j;
	char wanted[100];
	uint64_t n, floor;

	vnep_journal_close(lose(&n, &floor));
	take_away(3);
	vio = vnep_vio_disk;
	vio.rename = rename_second;
	vio.sync_folder = sync_names;
	renamed = 0;
	rename_errno = EIO;
	j = open_vio();
	before = device(j);
	prune_fails(j, 1, -EIO);
	CHECK_INT(renamed, 1);
	renamed = 0;
	rename_errno = 0;
	sync_fails = true;
	prune_fails(j, 1, -EIO);
	CHECK_INT(renamed, 1);
	sync_fails = false;
	vnep_journal_close(j);
	j = open_vio();
	CHECK_INT(device(j).head_seq, before.head_seq);
	CHECK_INT(device(j).synced_seq, before.synced_seq);
	CHECK_INT(lost(j, 0), 2 * n);
	CHECK_INT(prune(j, 1).lost, 2 * n);
	sprintf(wanted, "%u+%u corrupt io-error, %u+%u corrupt io-error", (unsigned)n + 1,
		(unsigned)n, (unsigned)n * 2 + 1, (unsigned)n);
	CHECK_STR(ranges(j), wanted);
	vnep_journal_close(j);
}

int main(void)
{
	return journal_run();
}
