/*
 * holder - a process that outlives its worker: it keeps descriptors for it, starts it again when it dies, and does nothing
 * else.
 *
 * Shape   vnep_holder forks. The worker is a child of the holder and has one end of a socket pair; the other end is the
 *         holder's. SIGTERM, SIGINT and SIGHUP that the holder gets are passed on. Nothing that comes from a network is
 *         read by the holder: the worker asks in requests of a fixed size, one at a time.
 * Ends    the worker ends by itself before it was ready, after it said STOPPING, or with 0: the holder ends with its exit
 *         status. It dies of a signal, or ends otherwise: a new one is started, at once and then with growing pauses of at
 *         most 400 ms; after six in a row that died before they were ready, no more: exit 3. The holder dies: the worker is
 *         killed by the kernel.
 * Owner   held is ours (close).
 * Errors  -errno. Neither process leaves a core file or lets others look into it.
 */
#ifndef VNEP_HOLDER_H
#define VNEP_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vnep_err;
struct vnep_held; /* the worker's end */

enum vnep_tell {
	VNEP_TELL_READY = 1, /* what would kill it at once is behind it */
	VNEP_TELL_STOPPING,  /* from here on any exit status is meant */
};

enum { VNEP_HELD_NOTE = 64 };

struct vnep_holder_config {
	/* Log lines of the holder, as in edge.h. */
	void (*log)(int level, const char *text, void *arg);
	/* Called once, before there is a worker; may be NULL. again: this program came by an upgrade, and has the fences of
	 * the one before it. */
	int (*confine)(bool again, struct vnep_err *err, void *arg);
	void *arg;
};

/* In a worker: 0 and *held. In the holder, when all is over: 0, *held is NULL and *exit_status (128 + signal: what was
 * passed on killed it); or negative: there is no worker. Call it before anything is read, threads are made, or descriptors
 * opened that the holder should not have. */
int vnep_holder(struct vnep_held **held, const struct vnep_holder_config *config, int *exit_status,
	struct vnep_err *err);

void vnep_held_close(struct vnep_held *held); /* in the worker, last of all */

/* A worker starts with SIGHUP withheld: from here on it listens to it. held may be NULL. */
void vnep_held_listens(struct vnep_held *held);

/* Readable only when the holder is gone. */
int vnep_held_fd(const struct vnep_held *held);
/* The main process: who is to be killed or told a signal. */
int vnep_held_holder_pid(const struct vnep_held *held);

/* A new packet socket: SOCK_RAW, not bound, of protocol 0, not blocking. -EPERM: CAP_NET_RAW. */
int vnep_held_packet_socket(struct vnep_held *held, int *fd, struct vnep_err *err);

/* Keep (a copy of) a descriptor, for the next worker; it takes the place of the one of that name. The note is kept with it:
 * at most VNEP_HELD_NOTE octets, names at most 15. */
int vnep_held_keep(struct vnep_held *held, const char *name, int fd, const void *note, size_t len,
	struct vnep_err *err);
/* What is kept: *fd is the caller's, -1 if there is none. note: VNEP_HELD_NOTE octets, 0 behind what was given. */
int vnep_held_get(struct vnep_held *held, const char *name, int *fd, uint8_t note[VNEP_HELD_NOTE],
	struct vnep_err *err);

/* When this worker ends with 0, the program that lies now where the holder's came from is run in its place, with the same
 * arguments, process id and descriptors; the worker is its. If it cannot be run, does not take the arguments, does not know
 * what is handed on, or its first worker is not ready within 20 s, the program of before goes on. -ENOENT, -EACCES: there is none. A program that overwrites itself in place is none of ours: put the new
 * one beside it and rename. */
int vnep_held_upgrade(struct vnep_held *held, struct vnep_err *err);

/* What main() returns instead of exit_status: a holder that thinks of running this program asks it for its --version. */
int vnep_holder_tried(int exit_status);

/* Such changes since the holder was started: the last one's outcome. */
struct vnep_held_upgrades {
	uint32_t count;
	bool failed;
	char how[56]; /* for people; "" if it did not fail */
};
int vnep_held_upgrades(
	struct vnep_held *held, struct vnep_held_upgrades *out, struct vnep_err *err);

/* Not answered, and never waited for. held may be NULL. */
void vnep_held_tell(struct vnep_held *held, enum vnep_tell what);

#endif
