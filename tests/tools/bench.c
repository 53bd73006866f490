/*
 * bench - figures of the journal beside their yardsticks, all of one run: make bench-journal.
 *
 *   bench append DIR RECORDS OCTETS   records a second into a journal, and write(2) of the same frames
 *   bench pending DIR FEW MANY        the first pending record of one device among 100,000, in journals of so many
 *                                     octets, DIR/small and DIR/big
 *   bench open DIR                    opening that journal: behind a clean stop, and with the index made anew
 *   bench crash DIR OCTETS FRAME DEVICES   opening a journal of OCTETS whose writer was killed; cut off from power;
 *                                     without its index
 *   bench prune DIR DEVICES           the longest step while half of a segment of small records is taken out
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/journal.h"

enum { GROUP_OCTETS = 1 << 20, DEVICES = 100000, ROUNDS = 41, LOOKS = 100, FRAME_MAX = 1500 };

static struct vnep_err err;

static void need(int rc)
{
	char text[600];

	if (!rc)
		return;
	vnep_err_print(&err, text, sizeof text);
	fprintf(stderr, "bench: %s\n", text);
	exit(3);
}

static double seconds(void)
{
	return (double)vnep_mono_now().ns / 1e9;
}

/* A UDP datagram whose payload begins with n. */
static void frame(uint8_t *data, uint32_t octets, uint64_t n)
{
	static const uint8_t head[] = { 0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 0, 17, 64, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 2, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77, 0x9c, 0x40,
		0x16, 0x33 };

	memset(data, 0, octets);
	memcpy(data, head, sizeof head);
	data[18] = (uint8_t)((octets - 54) >> 8);
	data[19] = (uint8_t)(octets - 54);
	data[58] = data[18];
	data[59] = data[19];
	memcpy(data + 62, &n, sizeof n);
}

static void append(struct vnep_journal *journal, uint32_t device, uint32_t octets, uint64_t n)
{
	uint8_t data[FRAME_MAX];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = VNEP_TO_DEVICE,
		.frame = data,
		.frame_len = octets,
		.length = octets };

	frame(data, octets, n);
	event.ts = vnep_wall_now();
	snprintf(event.dev, sizeof event.dev, "urn:dev:os:32473-%u", device);
	need(vnep_journal_append(journal, &event, NULL, NULL, &err));
}

static double append_all(struct vnep_journal *journal, uint64_t records, uint32_t octets)
{
	uint64_t a_group = GROUP_OCTETS / octets;
	double began = seconds();

	for (uint64_t n = 0; n < records; n++) {
		if (n % a_group == 0)
			need(vnep_journal_begin(journal, &err));
		append(journal, (uint32_t)(n % 1000), octets, n);
		if (n % a_group == a_group - 1 || n == records - 1)
			need(vnep_journal_commit(journal, &err));
	}
	return seconds() - began;
}

/* The yardstick: the same frames, as much at once, as often synced. */
static double write_all(const char *dir, uint64_t records, uint32_t octets)
{
	uint64_t a_group = GROUP_OCTETS / octets;
	uint8_t *group = malloc(GROUP_OCTETS);
	double began;
	char path[512];
	size_t len = 0;
	int fd;

	snprintf(path, sizeof path, "%s/yardstick", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (!group || fd < 0)
		exit(3);
	began = seconds();
	for (uint64_t n = 0; n < records; n++) {
		frame(group + len, octets, n);
		len += octets;
		if (n % a_group != a_group - 1 && n != records - 1)
			continue;
		if (write(fd, group, len) != (ssize_t)len || fdatasync(fd))
			exit(3);
		len = 0;
	}
	close(fd);
	free(group);
	unlink(path);
	return seconds() - began;
}

static struct vnep_journal *open_journal(const char *dir, enum vnep_journal_open how)
{
	struct vnep_journal *journal = NULL;

	need(vnep_journal_open(&journal, dir, how, NULL, NULL, &err));
	return journal;
}

static int bench_append(const char *dir, uint64_t records, uint32_t octets)
{
	struct vnep_journal_stat stat;
	struct vnep_journal *journal = open_journal(dir, VNEP_JOURNAL_EXCLUSIVE);
	double took = append_all(journal, records, octets), wrote;

	need(vnep_journal_stat(journal, &stat, &err));
	vnep_journal_close(journal);
	wrote = write_all(dir, records, octets);
	printf("append: octets=%u records=%llu records-a-second=%.0f write-a-second=%.0f "
	       "ratio=%.2f "
	       "on-disk-per-octet=%.2f\n",
		octets, (unsigned long long)records, (double)records / took,
		(double)records / wrote, wrote / took,
		(double)stat.octets / ((double)records * octets));
	return 0;
}

static int take(const struct vnep_event *event, unsigned attempt, void *arg)
{
	(void)attempt;
	*(uint64_t *)arg = event->seq;
	return 1;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(const double *values, size_t count)
{
	double sorted[LOOKS];

	memcpy(sorted, values, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, by_size);
	return sorted[count / 2];
}

/* A round: the median of the looks at some devices, other ones in each round, and how many pages had to be shown for
 * each look. */
struct round {
	double us, faults;
};

static struct round look(struct vnep_journal *journal, unsigned round)
{
	struct rusage before, after;
	double took[LOOKS];
	char dev[64];

	getrusage(RUSAGE_SELF, &before);
	for (unsigned i = 0; i < LOOKS; i++) {
		uint64_t seq = 0;
		double began;

		snprintf(dev, sizeof dev, "urn:dev:os:32473-%u",
			(round * LOOKS + i) * 7919U % DEVICES);
		began = seconds();
		if (vnep_journal_pending(journal, dev, 0, 1, take, &seq, &err) < 0 || !seq)
			need(err.code);
		took[i] = seconds() - began;
	}
	getrusage(RUSAGE_SELF, &after);
	return (struct round){ median(took, LOOKS) * 1e6,
		(double)(after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt) /
			LOOKS };
}

/* What the processor still has of what was looked at or written just now gives way to something else: else it would be
 * compared how long ago that was, not how much there is. */
static void chill(void)
{
	static uint8_t other[256 << 20];

	for (size_t i = 0; i < sizeof other; i += 64)
		other[i]++;
}

/* In a process that has nothing of the journal mapped yet: what a command pays that looks once. */
static struct round look_anew(const char *dir, unsigned round)
{
	struct round *seen =
		mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = seen == MAP_FAILED ? -1 : fork();
	struct round out;

	if (!pid) {
		*seen = look(open_journal(dir, VNEP_JOURNAL_READ), round);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid || seen->us <= 0)
		exit(3);
	out = *seen;
	munmap(seen, sizeof *seen);
	return out;
}

/* For the first time, once more, and by a process that begins. */
enum { FIRST, AGAIN, ANEW, TIMES };

struct looked {
	char dir[4096];
	struct vnep_journal *journal;
	struct vnep_journal_stat stat;
	double us[TIMES][ROUNDS], faults[TIMES][ROUNDS];
};

static void fill_journal(struct looked *l, const char *dir, const char *name, uint64_t octets)
{
	uint64_t n = 0;

	snprintf(l->dir, sizeof l->dir, "%s/%s", dir, name);
	l->journal = open_journal(l->dir, VNEP_JOURNAL_EXCLUSIVE);
	while (l->stat.octets < octets || n < DEVICES) {
		need(vnep_journal_begin(l->journal, &err));
		for (unsigned i = 0; i < 1000; i++, n++)
			append(l->journal, (uint32_t)(n % DEVICES), 1000, n);
		need(vnep_journal_commit(l->journal, &err));
		if (n % 20000 == 0)
			need(vnep_journal_stat(l->journal, &l->stat, &err));
	}
	vnep_journal_close(l->journal);
	l->journal = open_journal(l->dir, VNEP_JOURNAL_EXCLUSIVE);
}

static void look_round(struct looked *l, unsigned round)
{
	for (int time = 0; time < TIMES; time++) {
		struct round seen;

		if (time != AGAIN)
			chill();
		/* another process looks at others, which are as cold */
		seen = time == ANEW ? look_anew(l->dir, ROUNDS + round) : look(l->journal, round);
		l->us[time][round] = seen.us;
		l->faults[time][round] = seen.faults;
	}
}

static void print_looked(const struct looked *l)
{
	printf("pending: devices=%d journal-octets=%llu page-faults=%.1f new-process-faults=%.1f "
	       "new-process-us=%.1f first-time-us=%.1f first-record-us=%.1f\n",
		DEVICES, (unsigned long long)l->stat.octets, median(l->faults[FIRST], ROUNDS),
		median(l->faults[ANEW], ROUNDS), median(l->us[ANEW], ROUNDS),
		median(l->us[FIRST], ROUNDS), median(l->us[AGAIN], ROUNDS));
}

/* Round by round, so that whatever else the machine does meanwhile hits both. */
static double ratio(const struct looked *small, const struct looked *big, int time)
{
	double ratios[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++)
		ratios[i] = big->us[time][i] / small->us[time][i];
	return median(ratios, ROUNDS);
}

static int bench_pending(const char *dir, uint64_t few_octets, uint64_t many_octets)
{
	static struct looked small, big;

	fill_journal(&small, dir, "small", few_octets);
	fill_journal(&big, dir, "big", many_octets);
	for (unsigned round = 0; round < ROUNDS; round++) {
		look_round(&small, round);
		look_round(&big, round);
	}
	print_looked(&small);
	print_looked(&big);
	printf("pending: big to small: first-record=%.2f first-time=%.2f new-process=%.2f "
	       "(medians of %d rounds; wanted: each at most 1.5)\n",
		ratio(&small, &big, AGAIN), ratio(&small, &big, FIRST), ratio(&small, &big, ANEW),
		ROUNDS);
	vnep_journal_close(small.journal);
	vnep_journal_close(big.journal);
	return 0;
}

static int bench_open(const char *dir)
{
	struct vnep_journal_stat stat;
	struct vnep_journal *journal;
	char path[512];
	double began = seconds(), clean, anew;

	journal = open_journal(dir, VNEP_JOURNAL_WRITE);
	clean = seconds() - began;
	need(vnep_journal_stat(journal, &stat, &err));
	vnep_journal_close(journal);
	snprintf(path, sizeof path, "%s/journal/index/boot", dir);
	unlink(path);
	began = seconds();
	vnep_journal_close(open_journal(dir, VNEP_JOURNAL_WRITE));
	anew = seconds() - began;
	printf("open: journal-octets=%llu clean-ms=%.1f anew-s-per-GiB=%.2f\n",
		(unsigned long long)stat.octets, clean * 1e3,
		anew / ((double)stat.octets / (1 << 30)));
	return 0;
}

/* A writer that is killed when the journal has grown by so much. */
static void write_and_die(
	const char *dir, uint64_t octets, uint32_t frame_octets, uint32_t devices, const char *boot)
{
	struct vnep_journal_config config = { .boot = boot };
	struct vnep_journal_stat stat = { 0 };
	struct vnep_journal *journal;
	uint64_t n, end;
	pid_t pid = fork();

	if (pid > 0 && waitpid(pid, NULL, 0) == pid)
		return;
	if (pid)
		exit(3);
	need(vnep_journal_open(&journal, dir, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, &err));
	need(vnep_journal_stat(journal, &stat, &err));
	n = stat.octets; /* none that is pending already */
	for (end = stat.octets + octets; stat.octets < end;) {
		need(vnep_journal_begin(journal, &err));
		for (unsigned i = 0; i < 4000; i++, n++)
			append(journal, (uint32_t)(n * 7919 % devices), frame_octets, n);
		need(vnep_journal_commit(journal, &err));
		need(vnep_journal_stat(journal, &stat, &err));
	}
	kill(getpid(), SIGKILL);
}

static double processor(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* cpu: the same in time of a processor, which others on the machine do not stretch. */
static double time_open(const char *dir, const char *boot, uint64_t *octets, double *cpu)
{
	struct vnep_journal_config config = { .boot = boot };
	struct vnep_journal_stat stat;
	struct vnep_journal *journal;
	double began = seconds(), busy = processor(), took;

	need(vnep_journal_open(&journal, dir, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, &err));
	took = seconds() - began;
	*cpu = processor() - busy;
	need(vnep_journal_stat(journal, &stat, &err));
	*octets = stat.octets;
	vnep_journal_close(journal);
	return took;
}

/* Each kind of crash by itself. The power goes when the most has to be read again: just before the index would have
 * been made safe once more. */
static int bench_crash(const char *dir, uint64_t octets, uint32_t frame_octets, uint32_t devices)
{
	const char *boot = "11111111-1111-1111-1111-111111111111";
	const char *next = "22222222-2222-2222-2222-222222222222";
	static const char *const index[] = { "boot", "clean", "anchor", "data.mdb", "lock.mdb" };
	double killed, cut, anew, gib, cpu[3];
	char path[512];

	write_and_die(dir, octets, frame_octets, devices, boot);
	killed = time_open(dir, boot, &octets, &cpu[0]);
	write_and_die(dir, (uint64_t)15 << 20, frame_octets, devices, boot);
	cut = time_open(dir, next, &octets, &cpu[1]);
	gib = (double)octets / (1 << 30);
	for (unsigned i = 0; i < sizeof index / sizeof *index; i++) {
		snprintf(path, sizeof path, "%s/journal/index/%s", dir, index[i]);
		unlink(path);
	}
	anew = time_open(dir, next, &octets, &cpu[2]);
	printf("crash: octets=%u devices=%u journal-octets=%llu killed-s-per-GiB=%.2f "
	       "power-cut-s-per-GiB=%.2f without-index-s-per-GiB=%.2f power-cut-s=%.2f\n",
		frame_octets, devices, (unsigned long long)octets, killed / gib, cut / gib,
		anew / gib, cut);
	printf("crash: the same in time of a processor: killed-s-per-GiB=%.2f "
	       "power-cut-s-per-GiB=%.2f without-index-s-per-GiB=%.2f power-cut-s=%.2f\n",
		cpu[0] / gib, cpu[1] / gib, cpu[2] / gib, cpu[1]);
	return 0;
}

static uint64_t first_half(const struct vnep_journal_device *device, bool *must, void *arg)
{
	(void)arg;
	*must = true;
	return device->head_seq / 2 + 1;
}

static int settle_all(const struct vnep_journal_device *device, void *arg)
{
	struct vnep_checkpoint checkpoint = { .cursor = VNEP_CURSOR_SYNCED,
		.cause = VNEP_CAUSE_ADMIN };
	struct vnep_buf *devices = arg;

	snprintf(checkpoint.dev, sizeof checkpoint.dev, "%s", device->dev);
	vnep_buf_put(devices, &checkpoint, sizeof checkpoint);
	return 0;
}

/* Half of a segment of small records is taken out, in the steps of a daemon: how long does the longest one take? */
static int bench_prune(const char *dir, uint32_t devices)
{
	struct vnep_journal *journal = open_journal(dir, VNEP_JOURNAL_EXCLUSIVE);
	struct vnep_journal_pruning *pruning = NULL;
	struct vnep_journal_pruned pruned;
	struct vnep_journal_stat stat = { 0 };
	struct vnep_buf settled = { 0 };
	double longest = 0, cpu = 0, began = seconds();
	unsigned long steps = 0;
	int more = 1;

	for (uint64_t n = 0; stat.segments < 2;) {
		need(vnep_journal_begin(journal, &err));
		for (unsigned i = 0; i < 4000; i++, n++)
			append(journal, (uint32_t)(n * 7919 % devices), 128, n);
		need(vnep_journal_commit(journal, &err));
		need(vnep_journal_stat(journal, &stat, &err));
	}
	need(vnep_journal_each_device(journal, false, settle_all, &settled, &err));
	need(vnep_journal_begin(journal, &err));
	for (size_t at = 0; at < settled.len; at += sizeof(struct vnep_checkpoint))
		need(vnep_journal_checkpoint(journal,
			(struct vnep_checkpoint *)(void *)(settled.data + at), NULL, &err));
	need(vnep_journal_commit(journal, &err));
	need(vnep_journal_prune_start(&pruning, journal, first_half, NULL,
		(struct vnep_wall){ INT64_MIN }, &pruned, &err));
	for (; more == 1; steps++) {
		double busy = processor(), took;

		began = seconds();
		more = vnep_journal_prune_step(pruning, 512, &err);
		took = seconds() - began;
		if (took > longest)
			longest = took;
		if (processor() - busy > cpu)
			cpu = processor() - busy;
	}
	need(more);
	vnep_journal_prune_end(pruning);
	printf("prune: devices=%u events-taken-out=%llu steps=%lu longest-step-ms=%.1f "
	       "longest-step-ms-of-a-processor=%.1f\n",
		devices, (unsigned long long)pruned.events, steps, longest * 1e3, cpu * 1e3);
	vnep_journal_close(journal);
	vnep_buf_release(&settled);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "append") && argc == 5)
		return bench_append(
			argv[2], strtoull(argv[3], NULL, 10), (uint32_t)strtoul(argv[4], NULL, 10));
	if (!strcmp(what, "pending") && argc == 5)
		return bench_pending(
			argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	if (!strcmp(what, "crash") && argc == 6)
		return bench_crash(argv[2], strtoull(argv[3], NULL, 10),
			(uint32_t)strtoul(argv[4], NULL, 10), (uint32_t)strtoul(argv[5], NULL, 10));
	if (!strcmp(what, "prune") && argc == 4)
		return bench_prune(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
	if (!strcmp(what, "open"))
		return bench_open(argv[2]);
	fprintf(stderr, "bench: see its first lines\n");
	return 2;
}
