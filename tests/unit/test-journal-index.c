/*
 * test-journal-index - the index while it is written (runs, chunks, two writers, groups that are dropped), as a
 * reader sees it, and made anew: always the same journal.
 */
#include <dirent.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/journal.h"

enum { DEVICES = 150, GROUPS = 60, EVENTS = 400, FRAME = 700 };

static char base[64], state[80];
static uint64_t seed;

static unsigned upto(unsigned n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (unsigned)(seed >> 33) % n;
}

static void remove_index(void)
{
	char path[400];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof path, "%s/journal/index", state);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof path, "%s/journal/index/%s", state, entry->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
}

static struct vnep_journal *open_as(enum vnep_journal_open how)
{
	struct vnep_journal *journal = NULL;
	struct vnep_err err = { 0 };

	if (vnep_journal_open(&journal, state, how, NULL, NULL, &err))
		printf("# open: %s\n", err.text);
	CHECK(journal != NULL);
	return journal;
}

static void name(char out[static VNEP_URN_MAX + 1], unsigned device)
{
	snprintf(out, VNEP_URN_MAX + 1, "urn:dev:os:32473-%u", device);
}

static void ok(int rc, const struct vnep_err *err)
{
	if (rc)
		printf("# %s\n", err->text);
	CHECK_INT(rc, 0);
}

/* Records keep microseconds, so nothing here has more. */
static struct vnep_wall now(void)
{
	struct vnep_wall ts = vnep_wall_now();

	ts.ns -= ts.ns % 1000;
	return ts;
}

/* A datagram; some are equal to others. */
static void append(
	struct vnep_journal *j, unsigned device, enum vnep_direction direction, bool copy)
{
	static const uint8_t head[] = { 0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2, 0x86, 0xdd,
		0x60, 0, 0, 0, (FRAME - 54) >> 8, (FRAME - 54) & 255, 17, 64, 0x20, 1, 0x0d, 0xb8 };
	uint8_t frame[FRAME] = { 0 };
	uint32_t number = upto(1 << 12);
	struct vnep_event event = { .ts = now(),
		.kind = VNEP_KIND_DATA,
		.direction = direction,
		.copy = copy,
		.frame = frame,
		.frame_len = FRAME };
	struct vnep_err err = { 0 };

	memcpy(frame, head, sizeof head);
	memcpy(frame + 62, &number, sizeof number);
	name(event.dev, device);
	ok(vnep_journal_append(j, &event, NULL, NULL, &err), &err);
}

static int first(const struct vnep_event *event, unsigned attempt, void *arg)
{
	(void)attempt;
	*(uint64_t *)arg = event->seq;
	return 1;
}

static void send_first(struct vnep_journal *j, unsigned device)
{
	struct vnep_outcome outcome = { .ts = now(),
		.outcome = upto(3) ? VNEP_OUTCOME_SENT : VNEP_OUTCOME_CONFIRMED };
	struct vnep_err err = { 0 };

	name(outcome.dev, device);
	if (vnep_journal_pending(j, outcome.dev, 0, 1, first, &outcome.seq, &err) > 0)
		ok(vnep_journal_outcome(j, &outcome, &err), &err);
}

static void checkpoint(struct vnep_journal *j, unsigned device, enum vnep_cursor cursor)
{
	struct vnep_checkpoint checkpoint = { .ts = now(), .cursor = cursor };
	struct vnep_err err = { 0 };

	name(checkpoint.dev, device);
	ok(vnep_journal_checkpoint(j, &checkpoint, NULL, &err), &err);
}

static void group(struct vnep_journal *j)
{
	struct vnep_err err = { 0 };

	ok(vnep_journal_begin(j, &err), &err);
	for (unsigned i = 0; i < EVENTS; i++) {
		unsigned device = upto(DEVICES), what = upto(100);

		if (what < 60)
			append(j, device, VNEP_TO_DEVICE, false);
		else if (what < 75)
			append(j, device, VNEP_TO_DEVICE, true);
		else if (what < 85)
			append(j, device, VNEP_FROM_DEVICE, false);
		else if (what < 93)
			send_first(j, device);
		else
			checkpoint(
				j, device, upto(8) ? VNEP_CURSOR_DISCONNECT : VNEP_CURSOR_SYNCED);
	}
	if (upto(8))
		ok(vnep_journal_commit(j, &err), &err);
	else
		vnep_journal_abort(j);
}

/* What a reader sees, as one number. */
static uint64_t sum;

static void add(uint64_t v)
{
	sum = (sum ^ v) * 0x100000001b3;
}

static int add_event(const struct vnep_event *event, unsigned attempt, void *arg)
{
	(void)arg;
	add(event->seq);
	add(attempt);
	add((uint64_t)event->kind);
	add(event->frame_len);
	return 0;
}

static int add_device(const struct vnep_journal_device *device, void *arg)
{
	(void)arg;
	add(device->number);
	return 0;
}

static uint64_t look(struct vnep_journal *j)
{
	struct vnep_journal_device device;
	struct vnep_err err = { 0 };
	char dev[VNEP_URN_MAX + 1];
	uint64_t from;

	sum = 1;
	ok(vnep_journal_each_device(j, true, add_device, NULL, &err), &err);
	for (unsigned i = 0; i < DEVICES; i++) {
		name(dev, i);
		memset(&device, 0, sizeof device);
		if (vnep_journal_device(j, dev, &device, &err) == VNEP_ENOTFOUND)
			continue;
		for (size_t n = 0; n < sizeof device; n++)
			add(((const uint8_t *)&device)[n]);
		ok(vnep_journal_pending(j, dev, 0, 0, add_event, NULL, &err), &err);
		from = device.head_seq / 2;
		ok(vnep_journal_pending(j, dev, from, 0, add_event, NULL, &err), &err);
		ok(vnep_journal_events(j, dev, from, UINT64_MAX, add_event, NULL, &err), &err);
	}
	return sum;
}

/* In a process of its own: LMDB is opened once in each. writes: a group first. */
static uint64_t look_elsewhere(enum vnep_journal_open how, bool writes)
{
	uint64_t *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		 out;
	struct vnep_journal *j;
	int status = 1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		j = open_as(how);
		if (writes)
			group(j);
		*seen = look(j);
		vnep_journal_close(j);
		fflush(stdout);
		_exit(t_failed);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child && !status);
	out = *seen;
	munmap(seen, sizeof *seen);
	return out;
}

/* In a group that changes nothing: the writer's own view. */
static uint64_t look_inside(struct vnep_journal *j)
{
	struct vnep_err err = { 0 };
	uint64_t seen;

	ok(vnep_journal_begin(j, &err), &err);
	seen = look(j);
	vnep_journal_abort(j);
	return seen;
}

/* others: every third group is another process's. */
static void live(bool others)
{
	struct vnep_journal *j = open_as(VNEP_JOURNAL_WRITE);
	uint64_t seen = 0;

	for (unsigned i = 0; i < GROUPS; i++) {
		if (others && i % 3 == 2) {
			seen = look_elsewhere(VNEP_JOURNAL_WRITE, true);
			CHECK(look(j) == seen);
			upto(2);
		} else {
			group(j);
		}
		if (i % 7)
			continue;
		seen = look(j);
		CHECK(look_elsewhere(VNEP_JOURNAL_READ, false) == seen);
		CHECK(look_inside(j) == seen);
	}
	seen = look(j);
	vnep_journal_close(j);
	CHECK(look_elsewhere(VNEP_JOURNAL_READ, false) == seen);
	remove_index();
	CHECK(look_elsewhere(VNEP_JOURNAL_WRITE, false) == seen);
	CHECK(look_elsewhere(VNEP_JOURNAL_READ, false) == seen);
}

TEST("index: readers, the writer inside a group, and an index made anew say the same")
{
	seed = 1;
	snprintf(state, sizeof state, "%s/one", base);
	live(false);
}

TEST("index: so it is when two writers take turns")
{
	seed = 2;
	snprintf(state, sizeof state, "%s/two", base);
	live(true);
}

/* The index without the journal around it: one of its databases. */
static MDB_txn *raw_begin(const char *name, MDB_dbi *dbi)
{
	MDB_env *env;
	MDB_txn *txn;
	char path[400];

	snprintf(path, sizeof path, "%s/journal/index", state);
	CHECK_INT(mdb_env_create(&env), 0);
	CHECK_INT(mdb_env_set_maxdbs(env, 1), 0);
	CHECK_INT(mdb_env_open(env, path, 0, 0640), 0);
	CHECK_INT(mdb_txn_begin(env, NULL, 0, &txn), 0);
	CHECK_INT(mdb_dbi_open(txn, name, 0, dbi), 0);
	return txn;
}

static void raw_commit(MDB_txn *txn)
{
	MDB_env *env = mdb_txn_env(txn);

	CHECK_INT(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

/* The version is what the first four octets of the value "version" say, in the database "meta". */
static void set_version(uint32_t version)
{
	MDB_val key = { 7, (void *)(uintptr_t) "version" }, value = { sizeof version, &version };
	MDB_dbi dbi;
	MDB_txn *txn = raw_begin("meta", &dbi);

	CHECK_INT(mdb_get(txn, dbi, &key, &value), 0);
	value = (MDB_val){ sizeof version, &version };
	CHECK_INT(mdb_put(txn, dbi, &key, &value, 0), 0);
	raw_commit(txn);
}

TEST("index: one of an older version is made anew, which is said, and loses nothing; nor does one "
     "of a newer version")
{
	static const uint32_t versions[] = { 1, 2, 99 };
	struct vnep_journal *j;
	uint64_t seen;

	seed = 3;
	snprintf(state, sizeof state, "%s/three", base);
	j = open_as(VNEP_JOURNAL_WRITE);
	for (unsigned i = 0; i < GROUPS; i++)
		group(j);
	seen = look(j);
	vnep_journal_close(j);
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		set_version(versions[i]);
		j = open_as(i ? VNEP_JOURNAL_READ : VNEP_JOURNAL_WRITE);
		CHECK(vnep_journal_anew(j) && strstr(vnep_journal_anew(j), "another version"));
		CHECK(look(j) == seen);
		vnep_journal_close(j);
		j = open_as(VNEP_JOURNAL_WRITE);
		CHECK(!vnep_journal_anew(j));
		CHECK(look(j) == seen);
		vnep_journal_close(j);
	}
}

/* Killed in the middle of it, so that nothing is tidied up: what it saw last. */
static uint64_t live_and_die(const char *boot, unsigned groups)
{
	struct vnep_journal_config config = { .boot = boot, .anchor_octets = 20000 };
	struct vnep_journal *j = NULL;
	uint64_t *seen =
		mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t result;
	pid_t pid = fork();

	if (!pid) {
		if (vnep_journal_open(&j, state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL))
			_exit(1);
		for (unsigned i = 0; i < groups; i++)
			group(j);
		*seen = look(j);
		_exit(0);
	}
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	result = *seen;
	munmap(seen, sizeof *seen);
	return result;
}

/* Behind the last sync, the disk may have any state of a page: here no page tells which state is the newest. */
static void scribble(void)
{
	static const uint8_t zeros[8192];
	char path[400];
	FILE *f;

	snprintf(path, sizeof path, "%s/journal/index/data.mdb", state);
	f = fopen(path, "r+");
	CHECK(f && fwrite(zeros, 1, sizeof zeros, f) == sizeof zeros && !fclose(f));
}

static bool made_anew(const char *boot, uint64_t seen)
{
	struct vnep_journal_config config = { .boot = boot };
	struct vnep_journal *j = NULL;
	bool anew;

	CHECK_INT(vnep_journal_open(&j, state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL), 0);
	anew = vnep_journal_anew(j);
	CHECK(look(j) == seen);
	vnep_journal_close(j);
	return anew;
}

TEST("index: behind a power cut it is what its anchor says, and the segments add the rest; one "
     "without its "
     "anchor, or with a torn one, is made anew")
{
	static const char one[] = "11111111-1111-1111-1111-111111111111";
	static const char two[] = "22222222-2222-2222-2222-222222222222";
	char path[400];
	uint64_t seen;

	seed = 4;
	snprintf(state, sizeof state, "%s/four", base);
	seen = live_and_die(one, GROUPS);
	scribble();
	CHECK(!made_anew(two, seen));
	seed = 5;
	seen = live_and_die(one, GROUPS);
	CHECK(!made_anew(two, seen)); /* whatever else was written */
	seed = 6;
	seen = live_and_die(one, GROUPS);
	snprintf(path, sizeof path, "%s/journal/index/anchor", state);
	CHECK_INT(truncate(path, 8000), 0);
	CHECK(made_anew(two, seen));
	seed = 7;
	seen = live_and_die(one, GROUPS);
	CHECK_INT(unlink(path), 0);
	CHECK(made_anew(two, seen));
}

TEST("index: a writer that lets others write leaves no anchor behind")
{
	struct vnep_journal *j;
	char path[400];

	seed = 8;
	snprintf(state, sizeof state, "%s/five", base);
	j = open_as(VNEP_JOURNAL_EXCLUSIVE);
	group(j);
	vnep_journal_close(j);
	j = open_as(VNEP_JOURNAL_EXCLUSIVE);
	group(j);
	snprintf(path, sizeof path, "%s/journal/index/anchor", state);
	CHECK_INT(access(path, F_OK), 0);
	vnep_journal_close(j);
	j = open_as(VNEP_JOURNAL_WRITE);
	group(j);
	CHECK(access(path, F_OK) != 0);
	vnep_journal_close(j);
}

/* A value that cannot be, for each device that has something pending. */
static void spoil_queue(void)
{
	MDB_val key, value;
	MDB_cursor *cursor;
	MDB_dbi dbi;
	MDB_txn *txn = raw_begin("queue", &dbi);

	CHECK_INT(mdb_cursor_open(txn, dbi, &cursor), 0);
	while (!mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		value = (MDB_val){ 3, (void *)(uintptr_t) "bad" };
		CHECK_INT(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), 0);
	}
	mdb_cursor_close(cursor);
	raw_commit(txn);
}

static uint64_t everything(const struct vnep_journal_device *device, bool *must, void *arg)
{
	(void)arg;
	*must = true;
	return device->head_seq + 1;
}

static int prune_all(struct vnep_journal *j, struct vnep_journal_pruned *out)
{
	*out = (struct vnep_journal_pruned){ 0 };
	return vnep_journal_prune(j, everything, NULL, (struct vnep_wall){ INT64_MIN }, out, NULL);
}

TEST("index: one that cannot tell what is pending lets nothing be taken out")
{
	struct vnep_journal_pruned pruned;
	struct vnep_journal *j;
	uint64_t seen;

	seed = 9;
	snprintf(state, sizeof state, "%s/six", base);
	j = open_as(VNEP_JOURNAL_EXCLUSIVE);
	for (unsigned i = 0; i < 5; i++)
		group(j);
	seen = look(j);
	vnep_journal_close(j);
	spoil_queue();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE);
	CHECK_INT(prune_all(j, &pruned), VNEP_EDAMAGED);
	CHECK_INT(pruned.events, 0);
	vnep_journal_close(j);
	remove_index();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE);
	CHECK(look(j) == seen);
	vnep_journal_close(j);
}

static uint64_t some_of_it(const struct vnep_journal_device *device, bool *must, void *arg)
{
	(void)arg;
	*must = upto(2);
	return upto((unsigned)device->head_seq + 2);
}

/* Whatever number a device has, and when it was first heard of. */
static uint64_t look_at_streams(struct vnep_journal *j)
{
	struct vnep_journal_device device;
	struct vnep_err err = { 0 };
	char dev[VNEP_URN_MAX + 1];

	sum = 1;
	for (unsigned i = 0; i < DEVICES; i++) {
		name(dev, i);
		if (vnep_journal_device(j, dev, &device, &err) == VNEP_ENOTFOUND)
			continue;
		add(device.head_seq);
		add(device.pending);
		ok(vnep_journal_pending(j, dev, 0, 0, add_event, NULL, &err), &err);
		ok(vnep_journal_events(j, dev, 0, UINT64_MAX, add_event, NULL, &err), &err);
	}
	return sum;
}

TEST("index: segments that became one in several runs stay what they are when it is made anew")
{
	struct vnep_journal_config config = { .segment_octets = 1000000 };
	struct vnep_journal_pruned pruned;
	struct vnep_journal *j = NULL;
	char path[400];
	uint64_t seen;

	snprintf(state, sizeof state, "%s/eight", base);
	snprintf(path, sizeof path, "%s/journal/index/boot", state);
	seed = 11;
	for (unsigned i = 0; i < 16; i++) {
		CHECK_INT(vnep_journal_open(&j, state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL),
			0);
		for (unsigned n = 0; n < 3; n++)
			group(j);
		CHECK_INT(vnep_journal_prune(j, some_of_it, NULL, (struct vnep_wall){ INT64_MIN },
				  &pruned, NULL),
			0);
		seen = look_at_streams(j);
		vnep_journal_close(j);
		CHECK_INT(unlink(path), 0); /* as a rewriting that a power cut ended */
		CHECK_INT(vnep_journal_open(&j, state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL),
			0);
		CHECK(look_at_streams(j) == seen);
		vnep_journal_close(j);
	}
}

int main(void)
{
	char command[100];
	int rc;

	strcpy(base,
		access("/dev/shm", W_OK) ? "/tmp/vnep-test-XXXXXX" : "/dev/shm/vnep-test-XXXXXX");
	if (!mkdtemp(base)) {
		perror(base);
		return 1;
	}
	rc = t_run();
	snprintf(command, sizeof command, "rm -rf %s", base);
	return system(command) || rc;
}
