/*
 * crash - replays a journal's life up to every operation, with every loss that a disk may answer for.
 *
 *   journal-crash DIR STATES [SEED [BUG]]
 *   journal-crash DIR rot STEP        every STEP-th bit of a journal flipped, every STEP-th truncation of it
 *   journal-crash DIR faults          the disk says no at each write, sync and the like, once and from then on
 *
 * Lives follow each other, seed by seed, until so many different states were tried. Each state is
 * recovered, checked, opened again (which must change nothing), cut once more inside its recovery, and
 * written to, with a power cut right behind the acknowledgement. BUG: one of bugs.h is switched on, and
 * must be found. Prints one line; exit 1 if a violation was found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bugs.h"
#include "run.h"
#include "vnep/err.h"
#include "vnep/state.h"

enum { EXHAUSTIVE = 10, EVERY = 8, MANY = 64, FEW = 4, SEEN_SLOTS = 1 << 17 };

struct trying {
	char state[200], index[256];
	struct disk disk;      /* what is recovered */
	struct vnep_buf first; /* the index that is recovered */
	struct vnep_buf other; /* the index of another journal: believing it would show */
	struct run *run;
	uint64_t random, seed;
	size_t cut;
	unsigned long states, wanted, violations, lives, cuts_in_recovery, anchors;
	uint64_t *seen; /* hashes of the states of this life */
	char wrong[200];
};

static void violation(struct trying *t, const char *what)
{
	if (t->violations++ < 3)
		fprintf(stderr, "seed %llu, cut at operation %zu of %zu: %s\n",
			(unsigned long long)t->seed, t->cut, t->run->disk.op_count, what);
}

/* CRASH_TRACE=1: what a life did, for whoever has to find out why. */
static void trace(const struct disk *disk, const struct model *model)
{
	static const char *const words[] = { "create", "write", "cut", "sync", "sync-failed",
		"remove", "rename", "sync-folder" };

	for (size_t i = 0; i < disk->op_count; i++) {
		const struct disk_op *op = &disk->ops[i];

		fprintf(stderr, "%4zu %-12s file %u folder %d %s %s at %llu len %zu index %u\n", i,
			words[op->what], op->file, op->folder, op->name, op->to,
			(unsigned long long)op->at, op->len, op->index);
	}
	for (size_t n = 0; model && n < model->attempt_count; n++)
		fprintf(stderr, "event %zu: device %u seq %llu group %u begun %zu acked %zd\n", n,
			model->attempts[n].dev, (unsigned long long)model->attempts[n].seq,
			model->attempts[n].group, model->attempts[n].begun,
			(ssize_t)model->attempts[n].acked);
}

static bool is_new(struct trying *t, uint64_t hash)
{
	size_t slot = (size_t)hash % SEEN_SLOTS;

	while (t->seen[slot] && t->seen[slot] != hash)
		slot = (slot + 1) % SEEN_SLOTS;
	if (t->seen[slot])
		return false;
	t->seen[slot] = hash;
	return true;
}

/* Open, read everything, close; "" or what is wrong. */
static void look(
	struct trying *t, const char *boot, bool tidy, struct seen *seen, char *wrong, size_t cap)
{
	struct vnep_journal_config config = {
		.segment_octets = 2500, .vio = &t->disk.vio, .boot = boot
	};
	struct vnep_journal *journal = NULL;
	struct vnep_err err = { 0 };

	*seen = (struct seen){ 0 };
	*wrong = 0;
	if (vnep_journal_open(&journal, t->state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, &err)) {
		snprintf(wrong, cap, "I7: it does not open any more: %.150s", err.text);
		return;
	}
	seen_read(seen, &t->run->model, journal);
	t->disk.dead = !tidy;
	vnep_journal_close(journal);
	t->disk.dead = false;
}

/* What is left of the index: where it is worth believing, the same; where it has an anchor, any of its pages since that;
 * else it is another journal's. before: what was there before the first operation. */
static void put_index_of(struct trying *t, const struct disk *disk, size_t cut,
	const struct disk_image *image, const struct vnep_buf *before)
{
	struct vnep_buf torn = { 0 };
	size_t clean = 0;

	for (size_t i = 0; i < cut; i++)
		if (disk->ops[i].what == OP_RENAME && !strcmp(disk->ops[i].to, "clean"))
			clean = i + 1;
	if (before && cut == 0) {
		disk_put_index(&t->disk, before);
	} else if (disk_image_get(image, FOLDER_INDEX, "clean")) {
		if (clean && disk->ops[cut - 1].index == disk->ops[clean - 1].index)
			disk_put_index(&t->disk, &disk->copies[disk->ops[clean - 1].index]);
		else if (before && !clean && disk->ops[cut - 1].index == 0) /* not yet written to */
			disk_put_index(&t->disk, before);
		else
			disk_put_index(&t->disk, &t->other);
	} else if (disk_image_get(image, FOLDER_INDEX, "anchor")) {
		disk_tear_index(disk, cut, &t->random, &torn);
		disk_put_index(&t->disk, &torn);
		t->anchors++;
	} else {
		disk_put_index(&t->disk, &t->other);
	}
	vnep_buf_release(&torn);
}

static void put_index(struct trying *t, const struct disk_image *image)
{
	put_index_of(t, &t->run->disk, t->cut, image, NULL);
	disk_get_index(&t->disk, &t->first);
}

/* What is left when nothing unsynced reaches the disk. */
static void lose_everything(
	struct disk *disk, const struct disk_image *base, struct disk_image *out)
{
	struct disk_atom *atoms;
	size_t count = disk_atoms(disk, disk->op_count, &atoms);
	uint8_t *keep = calloc(count + 1, 1);

	disk_cut_image(disk, base, disk->op_count, atoms, count, keep, FILL_ZERO, out);
	free(keep);
	free(atoms);
}

/* An event behind the recovery, acknowledged; then the power goes at once. */
static void append_and_cut(
	struct trying *t, const struct disk_image *base, const struct seen *first)
{
	struct vnep_journal_config config = {
		.segment_octets = 2500, .vio = &t->disk.vio, .boot = run_next_boot
	};
	struct vnep_event event = { .kind = VNEP_KIND_NOTE, .text = "behind" };
	const struct vnep_buf none = { 0 };
	struct vnep_journal *journal = NULL;
	struct vnep_journal_device device = { 0 };
	struct disk_image left;
	int rc;

	strcpy(event.dev, model_devs[0]);
	if (vnep_journal_open(&journal, t->state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL)) {
		violation(t, "I7: it does not open again");
		return;
	}
	rc = vnep_journal_begin(journal, NULL);
	if (!rc)
		rc = vnep_journal_append(journal, &event, NULL, NULL, NULL);
	if (!rc)
		rc = vnep_journal_commit(journal, NULL);
	if (rc || event.seq != first->head[0] + 1)
		violation(t, "I7: the next event gets a wrong number, or none");
	lose_everything(&t->disk, base, &left);
	t->disk.dead = true;
	vnep_journal_close(journal);
	t->disk.dead = false;
	/* An index with an anchor need not look at a segment again that was recovered: most of them are lost. */
	if (run_random(&t->random) % 8 == 0)
		put_index_of(t, &t->disk, t->disk.op_count, &left, &t->first);
	else
		disk_put_index(&t->disk, &none);
	disk_load(&t->disk, &left);
	disk_image_release(&left);
	journal = NULL;
	config.boot = run_boot;
	rc = vnep_journal_open(&journal, t->state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL);
	if (!rc)
		rc = vnep_journal_device(journal, model_devs[0], &device, NULL);
	if (rc || device.head_seq != event.seq)
		violation(
			t, "I6: acknowledged behind a recovery, and gone after the next power cut");
	for (unsigned dev = 1; !rc && dev < MODEL_DEVICES; dev++)
		if (first->head[dev] &&
			(vnep_journal_device(journal, model_devs[dev], &device, NULL) ||
				device.head_seq != first->head[dev]))
			violation(t, "I6: recovered, and gone after the next power cut");
	vnep_journal_close(journal);
}

/* The power goes again, in the middle of the recovery. */
static void cut_in_recovery(struct trying *t, const struct disk_image *image,
	const struct disk *recovery, uint64_t hash)
{
	size_t at = (size_t)(run_random(&t->random) % (recovery->op_count + 1));
	struct disk_atom *atoms;
	size_t count = disk_atoms(recovery, at, &atoms);
	uint8_t *keep = calloc(count + 1, 1);
	struct disk_image left;
	struct seen seen;
	char wrong[200];

	for (size_t i = 0; i < count; i++)
		keep[i] = run_random(&t->random) & 1;
	disk_cut_image(recovery, image, at, atoms, count, keep,
		(enum disk_fill)(run_random(&t->random) % FILL_COUNT), &left);
	free(keep);
	free(atoms);
	disk_load(&t->disk, &left);
	put_index_of(t, recovery, at, &left, &t->first);
	disk_image_release(&left);
	look(t, "33333333-3333-3333-3333-333333333333", false, &seen, wrong, sizeof wrong);
	t->cuts_in_recovery++;
	if ((wrong[0] || seen.hash != hash) && getenv("CRASH_TRACE")) {
		fprintf(stderr, "cut at %zu of the recovery:\n", at);
		trace(recovery, NULL);
	}
	if (wrong[0] || seen.hash != hash)
		violation(t,
			wrong[0] ? wrong : "I7: a cut in the recovery changes what is recovered");
	seen_release(&seen);
}

static void take_log(struct disk *from, struct disk *to)
{
	*to = *from;
	from->ops = NULL;
	from->copies = NULL;
	from->op_count = from->op_cap = from->copy_count = 0;
	from->now = (struct disk_image){ 0 };
}

static void try_image(struct trying *t, const struct disk_image *image)
{
	struct disk recovery;
	struct disk_image base;
	struct seen first, second;
	char wrong[200];

	t->states++;
	disk_load(&t->disk, image);
	put_index(t, image);
	look(t, run_next_boot, true, &first, wrong, sizeof wrong);
	if (!wrong[0])
		model_check(&t->run->model, &first, t->cut, wrong, sizeof wrong);
	if (!wrong[0])
		model_check_files(&t->run->model, &t->run->disk.now, &t->disk.now, t->cut, wrong,
			sizeof wrong);
	if (!wrong[0])
		model_check_erased(&t->run->model, &t->disk.now, t->cut, wrong, sizeof wrong);
	if (wrong[0]) {
		violation(t, wrong);
		seen_release(&first);
		return;
	}
	take_log(&t->disk, &recovery);
	disk_load(&t->disk, &recovery.now);
	look(t, run_next_boot, true, &second, wrong, sizeof wrong);
	if (wrong[0] || second.hash != first.hash)
		violation(t, wrong[0] ? wrong : "I7: recovering twice is not recovering once");
	seen_release(&second);
	if (t->states % 4 == 0) {
		disk_image_copy(&base, &t->disk.now);
		disk_load(&t->disk, image);
		put_index(t, image);
		append_and_cut(t, image, &first);
		disk_image_release(&base);
	} else if (t->states % 4 == 1) {
		cut_in_recovery(t, image, &recovery, first.hash);
	}
	disk_release(&recovery);
	seen_release(&first);
}

static void try_keep(
	struct trying *t, const struct disk_atom *atoms, size_t count, const uint8_t *keep)
{
	struct disk_image image;

	for (unsigned how = 0; how < FILL_COUNT && t->states < t->wanted; how++) {
		disk_cut_image(&t->run->disk, &t->run->base, t->cut, atoms, count, keep,
			(enum disk_fill)how, &image);
		if (is_new(t, disk_image_hash(&image) + t->cut))
			try_image(t, &image);
		disk_image_release(&image);
	}
}

/* Every subset of few effects. */
static void try_all(struct trying *t, const struct disk_atom *atoms, size_t count, uint8_t *keep)
{
	for (size_t n = 0; n < (size_t)1 << count; n++) {
		for (size_t i = 0; i < count; i++)
			keep[i] = n >> i & 1;
		try_keep(t, atoms, count, keep);
	}
}

/* None, all; then all but one, only one, the first ones, the last ones, and any. */
static void try_some(struct trying *t, const struct disk_atom *atoms, size_t count, uint8_t *keep,
	unsigned tries)
{
	for (unsigned try = 0; try < tries; try++) {
		uint64_t how = try < 2 ? 2 : run_random(&t->random) % 6;
		size_t n = try == 0 ? 0 : try == 1 ? count : run_random(&t->random) % (count + 1);

		for (size_t i = 0; i < count; i++)
			keep[i] = (uint8_t)(how == 0   ? i != n
					    : how == 1 ? i == n
					    : how == 2 ? i < n
					    : how == 3 ? i >= n
						       : run_random(&t->random) & 1);
		try_keep(t, atoms, count, keep);
	}
}

/* One life in EVERY is tried exhaustively where that is possible, the others by samples. */
static void try_cut(struct trying *t)
{
	struct disk_atom *atoms;
	size_t count = disk_atoms(&t->run->disk, t->cut, &atoms);
	uint8_t *keep = calloc(count + 1, 1);
	bool all = t->lives % EVERY == 0;

	if (all && count <= EXHAUSTIVE)
		try_all(t, atoms, count, keep);
	else
		try_some(t, atoms, count, keep, all ? MANY : FEW);
	free(keep);
	free(atoms);
}

static void try_life(struct trying *t)
{
	struct run run;

	run_live(&run, t->state, t->seed);
	t->run = &run;
	t->lives++;
	memset(t->seen, 0, SEEN_SLOTS * sizeof *t->seen);
	t->cut = run.disk.op_count;
	if (getenv("CRASH_TRACE"))
		trace(&run.disk, &run.model);
	if (run.wrong[0])
		violation(t, run.wrong);
	for (t->cut = 1; t->cut <= run.disk.op_count && t->states < t->wanted; t->cut++) {
		if (vnep_bug && t->violations)
			break;
		try_cut(t);
	}
	run_release(&run);
}

/* The index of another journal: much of the first device, nothing of the others. */
static void make_other(struct trying *t)
{
	struct vnep_journal *journal = NULL;
	struct vnep_event event = { .kind = VNEP_KIND_NOTE, .text = "another" };
	struct disk disk;

	disk_init(&disk, t->index);
	strcpy(event.dev, model_devs[0]);
	if (vnep_journal_open(&journal, t->state, VNEP_JOURNAL_EXCLUSIVE,
		    &(struct vnep_journal_config){ .vio = &disk.vio, .boot = run_boot }, NULL,
		    NULL) ||
		vnep_journal_begin(journal, NULL)) {
		fprintf(stderr, "crash: cannot write in %s\n", t->state);
		exit(3);
	}
	for (unsigned i = 0; i < 1000; i++) {
		event.seq = 0;
		vnep_journal_append(journal, &event, NULL, NULL, NULL);
	}
	vnep_journal_commit(journal, NULL);
	vnep_journal_close(journal);
	disk_get_index(&disk, &t->other);
	disk_release(&disk);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct trying t = { .seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1 };
	double began = seconds();

	if (argc < 3) {
		fprintf(stderr, "usage: journal-crash DIR STATES [SEED [BUG]]\n"
				"       journal-crash DIR rot STEP | faults\n");
		return 2;
	}
	snprintf(t.state, sizeof t.state, "%s/state", argv[1]);
	snprintf(t.index, sizeof t.index, "%s/journal/index", t.state);
	if (vnep_state_check(t.index, true, NULL))
		return 3;
	if (!strcmp(argv[2], "rot"))
		return rot_main(t.state, argc > 3 ? strtoul(argv[3], NULL, 10) : 1);
	if (!strcmp(argv[2], "faults"))
		return faults_main(t.state);
	vnep_bug = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
	if (!vnep_bug_name(vnep_bug))
		return 2;
	t.wanted = strtoul(argv[2], NULL, 10);
	t.random = t.seed;
	t.seen = calloc(SEEN_SLOTS, sizeof *t.seen);
	if (!t.seen)
		return 3;
	disk_init(&t.disk, t.index);
	make_other(&t);
	for (; t.states < t.wanted && !(vnep_bug && t.violations); t.seed++)
		try_life(&t);
	printf("lives=%lu states=%lu cuts-in-recovery=%lu anchors=%lu violations=%lu%s%s "
	       "seconds=%.1f\n",
		t.lives, t.states, t.cuts_in_recovery, t.anchors, t.violations,
		vnep_bug ? " bug=" : "", vnep_bug ? vnep_bug_name(vnep_bug) : "",
		seconds() - began);
	disk_release(&t.disk);
	vnep_buf_release(&t.other);
	vnep_buf_release(&t.first);
	free(t.seen);
	return t.violations != 0;
}
