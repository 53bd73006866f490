/*
 * journal: what survives a torn tail, a flipped bit, a killed writer, a full disk, a failed sync.
 *
 * fdatasync is ours here, so that it can fail or be the last thing a process does.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "journal.h"

static int sync_errno, sync_kills;

int fdatasync(int fd)
{
	if (sync_errno) {
		errno = sync_errno;
		return -1;
	}
	if (syscall(SYS_fdatasync, fd))
		return -1;
	if (sync_kills)
		raise(SIGKILL);
	return 0;
}

/* Three groups of a life with everything in it. Returns the items. */
static unsigned write_life(struct vnep_journal *j)
{
	begin(j);
	append(j, (struct vnep_event){ .kind = VNEP_KIND_CONNECT });
	packet(j, VNEP_TO_DEVICE, true, 1);
	life(j);
	commit(j);
	begin(j);
	packet(j, VNEP_TO_DEVICE, true, 2);
	checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, NULL);
	to_device(j, 3);
	commit(j);
	begin(j);
	outcome(j, 4, VNEP_OUTCOME_SENT);
	to_device(j, 4);
	append(j, (struct vnep_event){ .kind = VNEP_KIND_GAP, .count = 3, .reason = VNEP_OVERRUN });
	commit(j);
	return 9;
}

TEST("an index made anew says the same as the one that was written along")
{
	struct vnep_journal_device before, after;
	char waiting[64];
	struct vnep_journal *j;

	fresh();
	j = open_write();
	write_life(j);
	before = device(j);
	snprintf(waiting, sizeof waiting, "%s", pending(j));
	CHECK_STR(waiting, "5 6");
	vnep_journal_close(j);
	forget_index();
	j = open_as(VNEP_JOURNAL_READ, 0, NULL); /* a reader does it, too */
	after = device(j);
	CHECK(!memcmp(&before, &after, sizeof before));
	CHECK_STR(pending(j), waiting);
	vnep_journal_close(j);
}

TEST("the ledger is kept with its group, and a failed group takes it back")
{
	struct vnep_journal *j;
	char text[16];
	size_t len;

	fresh();
	j = open_write();
	CHECK_INT(vnep_journal_ledger_get(j, text, sizeof text, &len, NULL), 0);
	CHECK_INT(len, 0);
	begin(j);
	CHECK_INT(vnep_journal_ledger_put(j, "seven", 5, false, NULL), 0);
	commit(j);
	begin(j);
	CHECK_INT(vnep_journal_ledger_put(j, "eight", 5, false, NULL), 0);
	vnep_journal_abort(j);
	CHECK_INT(vnep_journal_ledger_get(j, text, sizeof text, &len, NULL), 0);
	CHECK(len == 5 && !memcmp(text, "seven", 5));
	vnep_journal_close(j);
}

static void check_ledger(const char *wanted)
{
	struct vnep_journal *j;
	char text[16];
	size_t len;

	forget_index();
	j = open_write();
	CHECK_INT(vnep_journal_ledger_get(j, text, sizeof text, &len, NULL), 0);
	CHECK(len == strlen(wanted) && !memcmp(text, wanted, len));
	vnep_journal_close(j);
}

TEST("the ledger is there behind an index that is made anew: of the last group, at the end also of "
     "one without events")
{
	struct vnep_journal_pruned pruned;
	struct vnep_journal_moved moved;
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	CHECK_INT(vnep_journal_ledger_put(j, "seven", 5, false, NULL), 0);
	commit(j);
	begin(j);
	to_device(j, 2);
	CHECK_INT(vnep_journal_ledger_put(j, "never", 5, false, NULL), 0);
	vnep_journal_abort(j);
	vnep_journal_close(j);
	check_ledger("seven");
	j = open_write();
	begin(j);
	CHECK_INT(vnep_journal_ledger_put(j, "eight", 5, false, NULL), 0);
	commit(j);
	vnep_journal_close(j);
	check_ledger("eight");
	j = open_write();
	begin(j);
	CHECK_INT(vnep_journal_ledger_put(j, "nine", 4, true, NULL), 0);
	commit(j);
	CHECK_INT(vnep_journal_erase(j, DEV, &moved, &pruned, NULL), 0);
	vnep_journal_close(j);
	check_ledger("nine");
}

TEST("segments follow each other; a position resumes behind what was read")
{
	struct vnep_journal_position position = { 0 };
	struct vnep_journal_stat stat;
	struct counts c = { 0 };
	struct vnep_journal *j;

	fresh();
	j = open_as(VNEP_JOURNAL_WRITE, 1000, NULL);
	for (unsigned i = 0; i < 20; i++) {
		begin(j);
		to_device(j, i);
		commit(j);
	}
	CHECK_INT(vnep_journal_stat(j, &stat, NULL), 0);
	CHECK(stat.segments > 3);
	CHECK_INT(vnep_journal_scan(j, &position, count_item, count_damage, &c, NULL), 0);
	CHECK_INT(c.items, 20);
	CHECK_INT(c.damages, 0);
	begin(j);
	to_device(j, 100);
	commit(j);
	CHECK_INT(vnep_journal_scan(j, &position, count_item, count_damage, &c, NULL), 0);
	CHECK_INT(c.items, 21);
	vnep_journal_close(j);
	forget_index();
	j = open_as(VNEP_JOURNAL_WRITE, 1000, NULL);
	CHECK_INT(device(j).pending, 21);
	vnep_journal_close(j);
}

static size_t load(const char *path, uint8_t *out, size_t cap)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, out, cap);

	close(fd);
	return n < 0 ? 0 : (size_t)n;
}

static void store(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	CHECK(write(fd, data, len) == (ssize_t)len);
	close(fd);
}

TEST("a tail torn at any octet is cut; the groups in front of it are all there")
{
	static uint8_t data[8192];
	struct vnep_journal *j;
	size_t len, mark[4] = { 0 };
	char path[160];
	unsigned marks = 0, failures = 0;

	fresh();
	segment_path(path, 1);
	j = open_write();
	for (uint32_t i = 0; i < 3; i++) {
		begin(j);
		to_device(j, i);
		commit(j);
		mark[++marks] = load(path, data, sizeof data);
	}
	len = mark[3];
	vnep_journal_close(j);
	for (size_t cut = 0; cut <= len; cut++) {
		unsigned whole = 0;
		uint64_t gone;

		while (whole < 3 && mark[whole + 1] <= cut)
			whole++;
		store(path, data, cut);
		forget_index();
		j = open_as(VNEP_JOURNAL_WRITE, 0, &gone);
		failures += gone != cut - mark[whole];
		begin(j);
		failures += to_device(j, 77).seq != whole + 1;
		commit(j);
		failures += scan(j).items != whole + 1 || scan(j).damages;
		vnep_journal_close(j);
	}
	CHECK_INT(failures, 0);
}

TEST("any flipped bit is found, and costs the one record that it hit")
{
	static uint8_t data[8192];
	struct vnep_journal *j;
	unsigned silent = 0, collateral = 0, all;
	char path[160];
	size_t len;

	fresh();
	segment_path(path, 1);
	j = open_write();
	all = write_life(j);
	len = load(path, data, sizeof data);
	CHECK_INT(scan(j).items, all);
	CHECK_INT(scan(j).damages, 0);
	for (size_t at = 0; at < len; at++) {
		struct counts c;

		data[at] ^= (uint8_t)(1 << at % 8);
		store(path, data, len);
		c = scan(j);
		silent += !c.damages;
		collateral += c.items + 1 < all;
		data[at] ^= (uint8_t)(1 << at % 8);
	}
	store(path, data, len);
	vnep_journal_close(j);
	CHECK_INT(silent, 0);
	CHECK_INT(collateral, 0);
}

TEST("damage in front of a mark is never cut, and writing goes on behind it")
{
	static uint8_t data[8192];
	struct vnep_journal *j;
	uint64_t cut = 99;
	unsigned all, failures = 0;
	char path[160];
	size_t len;

	fresh();
	segment_path(path, 1);
	j = open_write();
	all = write_life(j);
	vnep_journal_close(j);
	len = load(path, data, sizeof data);
	for (size_t at = 0; at + 140 < len; at += 41) { /* but not in the closing mark */
		struct counts c;

		data[at] ^= 0x10;
		store(path, data, len);
		forget_index();
		j = open_as(VNEP_JOURNAL_WRITE, 0, &cut);
		failures += cut != 0;
		begin(j);
		to_device(j, 1000);
		commit(j);
		c = scan(j);
		failures +=
			!c.damages || c.items < all - 6; /* an interface takes its packets along */
		vnep_journal_close(j);
		data[at] ^= 0x10;
	}
	CHECK_INT(failures, 0);
}

TEST("a corrupt packet is given as corrupt, the ones around it as they are")
{
	static uint8_t data[8192];
	struct vnep_journal *j;
	char path[160], text[64] = "";
	uint8_t *at;
	size_t len;

	fresh();
	segment_path(path, 1);
	j = open_write();
	begin(j);
	to_device(j, 0x41414141);
	to_device(j, 0x42424242);
	commit(j);
	len = load(path, data, sizeof data);
	at = memmem(data, len, "BBBB", 4);
	CHECK(at != NULL);
	*at ^= 1;
	store(path, data, len);
	CHECK_INT(vnep_journal_events(j, DEV, 1, 2, add_seq, text, NULL), 0);
	CHECK_STR(text, "1 2");
	vnep_journal_close(j);
}

/* ---- writers ---- */

static void child_writes(unsigned groups)
{
	struct vnep_journal *j = open_write();

	for (uint32_t i = 0; i < groups; i++) {
		begin(j);
		to_device(j, (uint32_t)getpid() << 8 | i);
		commit(j);
	}
	vnep_journal_close(j);
	_exit(t_failed);
}

TEST("two writers take turns: no number twice, none missing")
{
	struct vnep_journal *j;
	pid_t child[2];
	int status, failures = 0;

	fresh();
	vnep_journal_close(open_write());
	for (int i = 0; i < 2; i++) {
		fflush(stdout);
		child[i] = fork();
		if (!child[i])
			child_writes(40);
	}
	for (int i = 0; i < 2; i++)
		failures += waitpid(child[i], &status, 0) != child[i] || status;
	CHECK_INT(failures, 0);
	j = open_as(VNEP_JOURNAL_READ, 0, NULL);
	CHECK_INT(device(j).head_seq, 80);
	CHECK_INT(device(j).pending, 80);
	CHECK_INT(scan(j).items, 80);
	CHECK_INT(scan(j).damages, 0);
	vnep_journal_close(j);
}

TEST("a writer killed between the sync and the index loses nothing")
{
	struct vnep_journal *j;
	int status;
	pid_t child;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	commit(j);
	vnep_journal_close(j);
	fflush(stdout);
	child = fork();
	if (!child) {
		j = open_write();
		begin(j);
		to_device(j, 2);
		sync_kills = 1;
		vnep_journal_commit(j, NULL);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	j = open_write();
	CHECK_STR(pending(j), "1 2");
	begin(j);
	CHECK_INT(to_device(j, 3).seq, 3);
	commit(j);
	CHECK_INT(scan(j).damages, 0);
	vnep_journal_close(j);
}

/* The other one is killed behind the sync of its second group, while this one is open. */
static void killed_beside(uint64_t segment_octets)
{
	struct vnep_journal *j, *other;
	int status;
	pid_t child;

	fresh();
	j = open_as(VNEP_JOURNAL_WRITE, segment_octets, NULL);
	fflush(stdout);
	child = fork();
	if (!child) {
		other = open_as(VNEP_JOURNAL_WRITE, segment_octets, NULL);
		begin(other);
		to_device(other, 1);
		commit(other);
		begin(other);
		to_device(other, 2);
		sync_kills = 1;
		vnep_journal_commit(other, NULL);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	begin(j);
	CHECK_INT(to_device(j, 3).seq, 3);
	commit(j);
	CHECK_INT(scan(j).items, 3);
	CHECK_INT(scan(j).damages, 0);
	vnep_journal_close(j);
}

TEST("a writer that is open already takes what a killed one left, and goes on behind it")
{
	killed_beside(0);
}

TEST("so it does when the killed one had just begun a segment")
{
	killed_beside(1);
}

TEST("after a failed sync the group never was, and the next one goes to a new segment")
{
	struct vnep_journal_stat stat;
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	commit(j);
	begin(j);
	to_device(j, 2);
	sync_errno = EIO;
	CHECK_INT(vnep_journal_commit(j, NULL), -EIO);
	sync_errno = 0;
	CHECK_STR(pending(j), "1");
	begin(j);
	CHECK_INT(to_device(j, 3).seq, 2);
	commit(j);
	CHECK_INT(vnep_journal_stat(j, &stat, NULL), 0);
	CHECK_INT(stat.segments, 2);
	CHECK_INT(scan(j).items, 2);
	CHECK_INT(scan(j).damages, 0);
	vnep_journal_close(j);
	forget_index();
	j = open_write();
	CHECK_STR(pending(j), "1 2");
	vnep_journal_close(j);
}

TEST("no room: the group never was, the old data is whole, and it goes on when there is room")
{
	static uint8_t big[60000];
	struct vnep_event event = { .kind = VNEP_KIND_NOTE, .frame = big, .frame_len = sizeof big };
	struct rlimit limit, old;
	struct vnep_journal *j;
	struct stat st;
	char path[160];

	fresh();
	segment_path(path, 1);
	j = open_write();
	begin(j);
	for (int i = 0; i < 10; i++) /* so that the segment, not the index, meets the limit */
		append(j, event);
	commit(j);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)st.st_size + 1000;
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
	begin(j);
	CHECK_INT(append(j, event).seq, 11);
	CHECK_INT(vnep_journal_commit(j, NULL), -EFBIG);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
	CHECK_INT(device(j).head_seq, 10);
	CHECK_INT(scan(j).items, 10);
	CHECK_INT(scan(j).damages, 0);
	begin(j);
	CHECK_INT(append(j, event).seq, 11);
	commit(j);
	CHECK_INT(scan(j).items, 11);
	vnep_journal_close(j);
}

TEST("a folder that is a link, or writable for others, is refused")
{
	struct vnep_journal *j = NULL;
	char other[128];

	fresh();
	snprintf(other, sizeof other, "%s.other", state);
	CHECK_INT(mkdir(other, 0700), 0);
	CHECK_INT(symlink(other, state), 0);
	CHECK_INT(vnep_journal_open(&j, state, VNEP_JOURNAL_WRITE, NULL, NULL, NULL), VNEP_EPRIV);
	unlink(state);
	CHECK_INT(mkdir(state, 0700), 0);
	CHECK_INT(chmod(state, 0707), 0);
	CHECK_INT(vnep_journal_open(&j, state, VNEP_JOURNAL_WRITE, NULL, NULL, NULL), VNEP_EPRIV);
	CHECK_INT(chmod(state, 0700), 0);
	CHECK_INT(
		vnep_journal_open(&j, state, VNEP_JOURNAL_READ, NULL, NULL, NULL), VNEP_ENOTFOUND);
	rmdir(other);
}

int main(void)
{
	return journal_run();
}
