/* run - one random life of a journal on a recording disk: what was done, and what was promised when. */
#ifndef RUN_H
#define RUN_H

#include "disk.h"
#include "model.h"

struct run {
	struct disk disk;
	struct disk_image base; /* empty */
	struct model model;
	char state[200], index[256];
	char wrong[200]; /* a promise that was broken without any power cut */
};

extern const char run_boot[], run_next_boot[];

/* A life from this seed; it ends with a crash of the process. */
void run_live(struct run *run, const char *state, uint64_t seed);
/* A plain life of groups on a disk that has this fault from the first group on; it ends with a power cut that
 * leaves only what is durable, and the recovery of that. */
void run_faulty(struct run *run, const char *state, const struct disk_fault *fault);
void run_release(struct run *run);

/* main's other modes: an exit status. */
int rot_main(const char *state, unsigned long step);
int faults_main(const char *state);

uint64_t run_random(uint64_t *seed); /* splitmix64 */

#endif
