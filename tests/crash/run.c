/* run - groups, checkpoints, outcomes, re-opens, kills, and a disk that says no now and then. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "run.h"
#include "vnep/err.h"

const char run_boot[] = "11111111-1111-1111-1111-111111111111";
const char run_next_boot[] = "22222222-2222-2222-2222-222222222222";

enum { STEPS = 14, SEGMENT_OCTETS = 2500, ANCHOR_OCTETS = 2000 };

struct living {
	struct run *run;
	struct vnep_journal *journal;
	uint64_t random;
	uint64_t head[MODEL_DEVICES], synced[MODEL_DEVICES]; /* as acknowledged */
};

uint64_t run_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t upto(struct living *l, uint64_t n)
{
	return run_random(&l->random) % n;
}

static size_t now(const struct living *l)
{
	return l->run->disk.op_count;
}

static void wrong(struct living *l, const char *what)
{
	if (!l->run->wrong[0])
		snprintf(l->run->wrong, sizeof l->run->wrong, "%.150s", what);
}

static void open_journal(struct living *l)
{
	struct vnep_journal_config config = { .segment_octets = SEGMENT_OCTETS,
		.anchor_octets = ANCHOR_OCTETS,
		.vio = &l->run->disk.vio,
		.boot = run_boot };
	struct vnep_err err = { 0 };

	if (vnep_journal_open(
		    &l->journal, l->run->state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, &err)) {
		l->journal = NULL;
		wrong(l, err.text);
	}
}

/* Killed: whatever close would tidy up does not happen, neither on the disk nor in the index. */
static void kill_journal(struct living *l)
{
	struct disk *disk = &l->run->disk;
	struct vnep_buf index = { 0 };

	if (disk->dead) /* in the middle of something: the index is what it was then */
		vnep_buf_put(&index, disk->copies[disk->ops[disk->op_count - 1].index].data,
			disk->copies[disk->ops[disk->op_count - 1].index].len);
	else
		disk_get_index(disk, &index);
	disk->dead = true;
	vnep_journal_close(l->journal);
	disk->dead = false;
	disk->kill_after = 0;
	l->journal = NULL;
	disk_put_index(disk, &index);
	vnep_buf_release(&index);
}

/* One event into the open group; its number, or NEVER if it was refused. */
static size_t append(struct living *l)
{
	struct model *model = &l->run->model;
	struct attempt a = { .dev = (unsigned)upto(l, MODEL_DEVICES),
		.group = model->groups,
		.begun = now(l),
		.acked = NEVER };
	uint8_t frame[MODEL_FRAME];
	struct vnep_event event;
	uint64_t what = upto(l, 10);
	size_t number;

	a.kind = what < 7 ? VNEP_KIND_DATA : VNEP_KIND_NOTE;
	if (what < 7)
		a.direction = what < 5 ? VNEP_TO_DEVICE : VNEP_FROM_DEVICE;
	number = model_attempt(model, a);
	model_event(model, number, &event, frame);
	if (vnep_journal_append(l->journal, &event, NULL, NULL, NULL))
		return NEVER;
	model->attempts[number].seq = event.seq;
	return number;
}

static void settle_below(struct living *l, unsigned dev, uint64_t resume)
{
	struct model *model = &l->run->model;

	for (size_t n = 0; n < model->attempt_count; n++)
		if (model->attempts[n].dev == dev && model->attempts[n].seq < resume)
			model->attempts[n].settled = true;
}

/* A synced checkpoint somewhere between where it is and the end, or an outcome of an event. */
static void move(struct living *l, size_t *cursor)
{
	struct model *model = &l->run->model;
	unsigned dev = (unsigned)upto(l, MODEL_DEVICES);
	struct vnep_checkpoint checkpoint = { .cursor = VNEP_CURSOR_SYNCED,
		.cause = VNEP_CAUSE_ADMIN };
	struct vnep_outcome outcome = { .outcome = VNEP_OUTCOME_FAILED, .reason = VNEP_EXPIRED };

	if (!l->head[dev])
		return;
	if (upto(l, 2)) {
		outcome.seq = 1 + upto(l, l->head[dev]);
		strcpy(outcome.dev, model_devs[dev]);
		for (size_t n = 0; n < model->attempt_count; n++)
			if (model->attempts[n].dev == dev && model->attempts[n].seq == outcome.seq)
				model->attempts[n].settled = true;
		vnep_journal_outcome(l->journal, &outcome, NULL);
		return;
	}
	if (l->synced[dev] > l->head[dev] + 1)
		return; /* settled to an end that was there, but not acknowledged */
	strcpy(checkpoint.dev, model_devs[dev]);
	checkpoint.resume_seq = l->synced[dev] + upto(l, l->head[dev] + 2 - l->synced[dev]);
	settle_below(l, dev, checkpoint.resume_seq);
	*cursor = model->cursor_count;
	model_cursor(model, (struct cursor_attempt){ dev, checkpoint.resume_seq, now(l), NEVER });
	if (vnep_journal_checkpoint(l->journal, &checkpoint, NULL, NULL))
		*cursor = NEVER;
}

/* Committed: everything in it is promised, and so are the octets in front of its end. */
static void acknowledge(struct living *l, size_t first, size_t cursor)
{
	struct model *model = &l->run->model;
	struct disk *disk = &l->run->disk;

	for (size_t n = first; n < model->attempt_count; n++) {
		struct attempt *a = &model->attempts[n];

		if (!a->seq)
			continue;
		a->acked = now(l);
		if (a->seq <= l->head[a->dev])
			wrong(l, "I7: a number was given twice");
		l->head[a->dev] = a->seq;
	}
	if (cursor != NEVER) {
		model->cursors[cursor].acked = now(l);
		l->synced[model->cursors[cursor].dev] = model->cursors[cursor].resume;
	}
	for (size_t i = disk->op_count; i-- > 0;)
		if (disk->ops[i].what == OP_WRITE) {
			model_promise(model, (struct promise){ disk->ops[i].file,
						     disk->ops[i].at + disk->ops[i].len, now(l) });
			break;
		}
}

static void group(struct living *l)
{
	struct model *model = &l->run->model;
	size_t first = model->attempt_count, cursor = NEVER;
	uint64_t events = upto(l, 8) == 0 ? 12 : 1 + upto(l, 3);

	model->groups++;
	if (vnep_journal_begin(l->journal, NULL))
		return;
	for (uint64_t i = 0; i < events; i++)
		append(l);
	if (upto(l, 3) == 0)
		move(l, &cursor);
	if (!vnep_journal_commit(l->journal, NULL) && !l->run->disk.dead)
		acknowledge(l, first, cursor);
}

/* Everything of a device goes, what it was sent and its cursor's way there included. */
static void erase(struct living *l)
{
	struct model *model = &l->run->model;
	unsigned dev = (unsigned)upto(l, MODEL_DEVICES);
	struct vnep_journal_pruned pruned;
	struct vnep_journal_moved moved;
	size_t erasure = model->erasure_count, cursor = model->cursor_count;
	struct vnep_journal_device device;
	uint64_t end;

	/* more than was acknowledged may be there, behind a kill */
	if (vnep_journal_device(l->journal, model_devs[dev], &device, NULL))
		return;
	end = device.head_seq + 1;
	settle_below(l, dev, end);
	model_cursor(model, (struct cursor_attempt){ dev, end, now(l), NEVER });
	model_erasure(model, (struct erasure){ dev, end, now(l), NEVER, true });
	if (vnep_journal_erase(l->journal, model_devs[dev], &moved, &pruned, NULL) ||
		l->run->disk.dead)
		return;
	model->erasures[erasure].acked = model->cursors[cursor].acked = now(l);
	l->synced[dev] = end;
}

struct floors {
	struct living *l;
	uint64_t floor[MODEL_DEVICES];
	bool must;
};

static uint64_t floor_of(const struct vnep_journal_device *device, bool *must, void *arg)
{
	struct floors *f = arg;

	*must = f->must;
	for (unsigned dev = 0; dev < MODEL_DEVICES; dev++)
		if (!strcmp(device->dev, model_devs[dev]))
			return f->floor[dev];
	return 0;
}

/* Nothing waits any more: so whole segments may go. */
static void settle_all(struct living *l)
{
	struct model *model = &l->run->model;
	struct vnep_journal_device device;
	size_t first = model->cursor_count;

	if (vnep_journal_begin(l->journal, NULL))
		return;
	for (unsigned dev = 0; dev < MODEL_DEVICES; dev++) {
		struct vnep_checkpoint checkpoint = { .cursor = VNEP_CURSOR_SYNCED,
			.cause = VNEP_CAUSE_ADMIN };

		strcpy(checkpoint.dev, model_devs[dev]);
		if (vnep_journal_device(l->journal, model_devs[dev], &device, NULL))
			continue;
		settle_below(l, dev, device.head_seq + 1);
		model_cursor(
			model, (struct cursor_attempt){ dev, device.head_seq + 1, now(l), NEVER });
		vnep_journal_checkpoint(l->journal, &checkpoint, NULL, NULL);
	}
	if (vnep_journal_commit(l->journal, NULL) || l->run->disk.dead)
		return;
	for (size_t i = first; i < model->cursor_count; i++) {
		model->cursors[i].acked = now(l);
		l->synced[model->cursors[i].dev] = model->cursors[i].resume;
	}
}

/* Groups may come between the steps of a daemon. */
static void prune_in_steps(struct living *l, struct floors *f, bool apart)
{
	struct vnep_journal_pruning *pruning = NULL;
	struct vnep_journal_pruned pruned;

	if (vnep_journal_prune_start(&pruning, l->journal, floor_of, f,
		    (struct vnep_wall){ INT64_MIN }, &pruned, NULL))
		return;
	while (vnep_journal_prune_step(pruning, apart ? 1 + upto(l, 8) : 0, NULL) == 1)
		if (apart && upto(l, 4) == 0)
			group(l);
	vnep_journal_prune_end(pruning);
}

static void prune(struct living *l)
{
	struct floors f = { .l = l, .must = upto(l, 2) };
	bool all = upto(l, 2);

	if (all)
		settle_all(l);
	for (unsigned dev = 0; dev < MODEL_DEVICES; dev++) {
		f.floor[dev] = all ? l->head[dev] + 1 : 1 + upto(l, l->head[dev] + 1);
		model_erasure(&l->run->model,
			(struct erasure){ dev, f.floor[dev], now(l), NEVER, false });
	}
	prune_in_steps(l, &f, upto(l, 2));
}

static void arm(struct living *l)
{
	struct disk_fault *fault = &l->run->disk.fault;

	*fault = (struct disk_fault){ .error = upto(l, 2) ? ENOSPC : EIO, .partly = upto(l, 2) };
	switch (upto(l, 5)) {
	case 0: fault->sync = 1 + (unsigned)upto(l, 2); break;
	case 1: fault->write = 1 + (unsigned)upto(l, 2); break;
	case 2: fault->folder = 1; break;
	case 3: fault->short_every = 1 + (unsigned)upto(l, 3); break;
	default: fault->allocate = 1 + (unsigned)upto(l, 2);
	}
}

static void step(struct living *l)
{
	uint64_t what = upto(l, 20);

	if (what < 2) {
		vnep_journal_close(l->journal);
		open_journal(l);
	} else if (what < 5) {
		l->run->disk.kill_after =
			upto(l, 2) ? 3 : upto(l, 6); /* 3: a new segment without its name */
		if (l->run->disk.kill_after && upto(l, 4)) {
			group(l);
		} else if (l->run->disk.kill_after) {
			l->run->disk.kill_after = 1 + upto(l, 20);
			erase(l);
		}
		kill_journal(l);
		open_journal(l);
	} else if (what < 8) {
		uint64_t how = upto(l, 6);

		arm(l);
		if (how == 0)
			erase(l);
		else if (how == 1)
			prune(l);
		else
			group(l);
		l->run->disk.fault = (struct disk_fault){ 0 };
	} else if (what == 8) {
		erase(l);
	} else if (what < 11) {
		prune(l);
	} else {
		group(l);
	}
}

void run_live(struct run *run, const char *state, uint64_t seed)
{
	struct living l = { .run = run, .random = seed, .synced = { 1, 1, 1 } };
	static const struct vnep_buf none;

	*run = (struct run){ 0 };
	snprintf(run->state, sizeof run->state, "%s", state);
	snprintf(run->index, sizeof run->index, "%s/journal/index", state);
	disk_init(&run->disk, run->index);
	disk_put_index(&run->disk, &none);
	open_journal(&l);
	for (unsigned i = 0; l.journal && i < STEPS; i++)
		step(&l);
	if (l.journal)
		kill_journal(&l);
}

void run_faulty(struct run *run, const char *state, const struct disk_fault *fault)
{
	struct living l = { .run = run, .random = 7, .synced = { 1, 1, 1 } };
	static const struct vnep_buf none;

	*run = (struct run){ 0 };
	snprintf(run->state, sizeof run->state, "%s", state);
	snprintf(run->index, sizeof run->index, "%s/journal/index", state);
	disk_init(&run->disk, run->index);
	disk_put_index(&run->disk, &none);
	open_journal(&l);
	run->disk.fault = *fault;
	for (unsigned i = 0; l.journal && i < STEPS; i++) {
		if (i == STEPS / 3)
			erase(&l);
		else if (i == STEPS / 2)
			prune(&l);
		else
			group(&l);
	}
	if (l.journal)
		kill_journal(&l);
	run->disk.fault = (struct disk_fault){ 0 };
}

void run_release(struct run *run)
{
	disk_release(&run->disk);
	disk_image_release(&run->base);
	model_release(&run->model);
}
