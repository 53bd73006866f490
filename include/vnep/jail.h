/*
 * jail - what a process gives up for good before it reads what others wrote: capabilities, files, system calls.
 *
 * Shape   three fences, each by itself, each only ever narrower, handed on to every process that is made behind it. In the
 *         order caps, files, calls: the last one shuts the calls that make the others.
 * Errors  -errno. With sanitizers, whose reports need more than a worker does, there are no fences of files and calls.
 * Source  capabilities(7), landlock(7), seccomp(2).
 */
#ifndef VNEP_JAIL_H
#define VNEP_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vnep_err;

#define VNEP_CAP(cap) (UINT64_C(1) << (cap)) /* CAP_… of linux/capability.h */

/* Of those that it has: permitted (and what may be had by exec) are at most these, effective at most those. */
int vnep_jail_caps(uint64_t permitted, uint64_t effective, struct vnep_err *err);

/* A folder with all that is in it, now and later, or a file. */
struct vnep_jail_path {
	const char *path; /* NULL, or one that is not there, gives nothing */
	bool write;       /* and make, rename, remove; else read only */
	bool run;         /* and what may be read may be run */
};

/* All other files, running any other, and TCP are refused: EACCES. 1: this kernel has no Landlock, nothing happened. */
int vnep_jail_files(const struct vnep_jail_path *paths, size_t count, struct vnep_err *err);

enum vnep_jail_role {
	VNEP_JAIL_HOLDER, /* starts workers, and whatever a worker does */
	VNEP_JAIL_WORKER, /* starts nothing, signals nobody; sockets are local or netlink */
};

/* What a role never does is ENOSYS, as on a kernel that does not know it; to run, trace or spy out programs is death
 * (SIGSYS). */
int vnep_jail_calls(enum vnep_jail_role role, struct vnep_err *err);

#endif
