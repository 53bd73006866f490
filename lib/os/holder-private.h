/* holder-private - what the holder knows, and how it becomes another program without letting go of anything. */
#ifndef VNEP_HOLDER_PRIVATE_H
#define VNEP_HOLDER_PRIVATE_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "held-wire.h"
#include "vnep/clock.h"
#include "vnep/holder.h"

enum { KEPT_MAX = 8 };

struct kept {
	char name[HELD_NAME]; /* "" = free */
	uint8_t note[VNEP_HELD_NOTE];
	int fd;
};

struct holder {
	const struct vnep_holder_config *config;
	struct kept kept[KEPT_MAX];
	sigset_t before; /* the mask that the worker gets */
	int signals, sock;
	pid_t worker; /* 0: none */
	struct vnep_mono started;
	unsigned deaths, failed; /* in a row: early ones, and before they were ready */
	bool ready, stopping;
	int told_to; /* SIGTERM or SIGINT: the end is wanted; 0: it is not */
	bool hung_up;

	char program
		[PATH_MAX]; /* where this one came from, and the next one does; "" = nobody knows */
	char *args;         /* of the first one, each with its NUL; NULL = nobody knows */
	size_t args_len;
	bool handed; /* there was a program before this one */
	int earlier; /* the program before this one, until a worker of this one is ready; -1 = none */
	bool upgrading; /* when the worker ends with 0 */
	struct vnep_held_upgrades upgrades;
};

/* program, args, and what the program before this one handed on, if there was one. */
void holder_begin(struct holder *h);
void holder_end(struct holder *h);

/* In a child: find out whether program could take our place. It ends with this if so. */
enum { HOLDER_TRIED = 86 };
void holder_try(struct holder *h);

/* Run program in our place, with everything that is kept. Returns only if that failed: -errno. */
int holder_become(struct holder *h, const char *program);

#endif
