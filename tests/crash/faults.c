/* faults - ENOSPC, EIO and short writes at each call of a life: nothing is acknowledged that a power cut takes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "vnep/err.h"

struct counting {
	const char *state;
	unsigned long points, violations;
};

static void wrong(struct counting *c, const struct disk_fault *fault, const char *what)
{
	if (c->violations++ < 3)
		fprintf(stderr, "write %u sync %u folder %u allocate %u error %d for ever %d: %s\n",
			fault->write, fault->sync, fault->folder, fault->allocate, fault->error,
			fault->for_ever, what);
}

/* What is left when nothing reaches the disk that was not durable. */
static void left_of(const struct run *run, struct disk_image *out)
{
	struct disk_atom *atoms;
	size_t count = disk_atoms(&run->disk, run->disk.op_count, &atoms);
	uint8_t *keep = calloc(count + 1, 1);

	disk_cut_image(
		&run->disk, &run->base, run->disk.op_count, atoms, count, keep, FILL_ZERO, out);
	free(keep);
	free(atoms);
}

/* False: the fault did not come to pass any more. */
static bool try_fault(struct counting *c, const struct disk_fault *fault)
{
	struct vnep_journal_config config = { .segment_octets = 2500, .boot = run_next_boot };
	static const struct vnep_buf none;
	struct vnep_journal *journal = NULL;
	struct disk_image image;
	struct disk disk;
	struct run run;
	struct seen seen;
	char what[200] = "";
	bool struck;

	run_faulty(&run, c->state, fault);
	struck = run.disk.struck;
	if (run.wrong[0])
		wrong(c, fault, run.wrong);
	left_of(&run, &image);
	disk_init(&disk, run.index);
	disk_load(&disk, &image);
	disk_put_index(&disk, &none);
	config.vio = &disk.vio;
	if (vnep_journal_open(&journal, c->state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL)) {
		wrong(c, fault, "it does not open any more");
	} else {
		seen_read(&seen, &run.model, journal);
		model_check(&run.model, &seen, run.disk.op_count, what, sizeof what);
		if (what[0])
			wrong(c, fault, what);
		seen_release(&seen);
		vnep_journal_close(journal);
	}
	c->points += struck;
	disk_release(&disk);
	disk_image_release(&image);
	run_release(&run);
	return struck;
}

static void try_kind(struct counting *c, unsigned kind, int error, bool for_ever, bool partly)
{
	for (unsigned n = 1;; n++) {
		struct disk_fault fault = {
			.error = error, .for_ever = for_ever, .partly = partly
		};

		*(kind == 0         ? &fault.write
			: kind == 1 ? &fault.sync
			: kind == 2 ? &fault.folder
				    : &fault.allocate) = n;
		if (!try_fault(c, &fault))
			return;
	}
}

int faults_main(const char *state)
{
	static const int errors[] = { ENOSPC, EIO };
	struct counting c = { .state = state };

	for (unsigned kind = 0; kind < 4; kind++)
		for (unsigned e = 0; e < 2; e++)
			for (unsigned how = 0; how < 4; how++)
				if (kind == 0 || how < 2) /* only a write is done partly */
					try_kind(&c, kind, errors[e], how & 1, how & 2);
	for (unsigned every = 1; every < 4; every++)
		try_fault(&c, &(struct disk_fault){ .short_every = every });
	printf("disk-faults: points=%lu false-acks=%lu\n", c.points, c.violations);
	return c.violations != 0 || c.points < 100;
}
