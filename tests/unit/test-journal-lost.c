/* journal: a segment that somebody took away stops nobody, and is told of. */
#include <dlfcn.h>
#include <errno.h>

#include "journal-lost.h"
#include "vnep/vio.h"

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
static bool sync_fails, back_fails;

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

	errno = EIO;
	if (!strcmp(from, "0000000002.pcapng") && back_fails) {
		sync_fails = false; /* so that an index can be made anew */
		return -1;
	}
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

static void prune_fails(struct vnep_journal *j, uint64_t floor, uint64_t told)
{
	struct vnep_journal_pruned pruned = { 0 };

	CHECK_INT(vnep_journal_prune(
			  j, lower, &floor, (struct vnep_wall){ INT64_MIN }, &pruned, NULL),
		-EIO);
	CHECK_INT(pruned.lost, told);
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
	prune_fails(j, 1, n); /* of the third one */
	CHECK_INT(renamed, 1);
	renamed = 0;
	rename_errno = 0;
	sync_fails = true;
	prune_fails(j, 1, 0);
	CHECK_INT(renamed, 1);
	sync_fails = false;
	vnep_journal_close(j);
	j = open_vio();
	CHECK_INT(device(j).head_seq, before.head_seq);
	CHECK_INT(device(j).synced_seq, before.synced_seq);
	CHECK_INT(lost(j, 0), n);
	CHECK_INT(prune(j, 1).lost, n);
	sprintf(wanted, "%u+%u corrupt io-error, %u+%u corrupt io-error", (unsigned)n + 1,
		(unsigned)n, (unsigned)n * 2 + 1, (unsigned)n);
	CHECK_STR(ranges(j), wanted);
	vnep_journal_close(j);
}

/* Of three segments in which nothing waits the first two go, and the second one is not there. */
static void rest_goes(struct vnep_journal *j, uint64_t n, uint64_t floor)
{
	struct vnep_journal_pruned pruned = { 0 };
	struct vnep_err err = { 0 };

	CHECK_INT(vnep_journal_prune(
			  j, lower, &floor, (struct vnep_wall){ INT64_MIN }, &pruned, &err),
		-EIO);
	CHECK_INT(err.code, -EIO);
	CHECK(strstr(err.text, "0000000002.pcapng") != NULL);
	CHECK_INT(pruned.lost, 0);
	CHECK_INT(pruned.events, 2 * n);
}

TEST("what else goes does not wait for a lost segment that cannot take its place")
{
	struct vnep_journal *j;
	char wanted[100];
	uint64_t n, floor;

	vnep_journal_close(lose(&n, &floor));
	vio = vnep_vio_disk;
	vio.rename = rename_second;
	rename_errno = EIO;
	j = open_vio();
	rest_goes(j, n, floor);
	CHECK_INT(lost(j, 0), n);
	rename_errno = 0;
	CHECK_INT(prune(j, 1).lost, n);
	sprintf(wanted, "1+%u erased, %u+%u corrupt io-error, %u+%u erased", (unsigned)n,
		(unsigned)n + 1, (unsigned)n, (unsigned)n * 2 + 1, (unsigned)n);
	CHECK_STR(ranges(j), wanted);
	vnep_journal_close(j);
}

TEST("a lost segment that can neither take its place nor leave it ends the run: devices may have "
     "other numbers")
{
	struct vnep_journal *j;
	uint64_t n, floor;
	char told[100];

	vnep_journal_close(lose(&n, &floor));
	sprintf(told, "%u+%u corrupt io-error", (unsigned)n + 1, (unsigned)n);
	vio = vnep_vio_disk;
	vio.rename = rename_second;
	vio.sync_folder = sync_names;
	renamed = 0;
	sync_fails = back_fails = true;
	j = open_vio();
	prune_fails(j, floor, 0);
	CHECK_STR(ranges(j), told); /* and no other */
	vnep_journal_close(j);
	back_fails = false;
	j = open_vio();
	CHECK_INT(lost(j, 0), 0);
	CHECK_INT(prune(j, floor).events, 2 * n);
	vnep_journal_close(j);
}

int main(void)
{
	return journal_run();
}
