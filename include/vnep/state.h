/*
 * state - the state folder: is it safe, who writes there.
 *
 * Shape   STATE/lock is flock()ed by the one writer (a vnep-edge for its life, a tool for one change) and
 *         holds one JSON line: {"pid":…,"tool":"vnep-edge","socket":"/run/vnep/edge-….sock"}; of a
 *         vnep-edge with "worker":…, the process that does the work for pid.
 * Errors  VNEP_EBUSY (the text names tool and pid), VNEP_EPRIV for a folder that is a symlink, belongs to
 *         somebody else (root may use anybody's) or is writable for others, -errno.
 */
#ifndef VNEP_STATE_H
#define VNEP_STATE_H

#include <stdbool.h>

#include "vnep/siphash.h"

struct vnep_err;

/* Make the folder (and its parents, mode 0700) if it is missing and create is set; check it. */
int vnep_state_check(const char *state, int create, struct vnep_err *err);

/* Take the lock; the descriptor is the lock (close it to let go). socket may be NULL. */
int vnep_state_lock(const char *state, const char *tool, const char *socket, int *fd,
	struct vnep_err *err);

/* The same in a process that works for another one, pid, who is named as the one to be told signals; the file says
 * "worker", too. kept: the descriptor of an earlier worker, -1 = none; if it is that lock, it has not been free in
 * between. It stays the caller's. */
int vnep_state_lock_for(const char *state, const char *tool, const char *socket, int pid, int kept,
	int *fd, struct vnep_err *err);

/* Who holds the lock now: 0 and its socket ("" if it has none), VNEP_ENOTFOUND if nobody does. */
struct vnep_state_owner {
	int pid;
	char tool[32];
	char socket[108];
};
int vnep_state_owner(const char *state, struct vnep_state_owner *out, struct vnep_err *err);

/* The secret of the folder (STATE/key, mode 0600), made when first asked for with create
 * (VNEP_ENOTFOUND otherwise). What is hashed with it (addresses
 * given by import --prefix, names in list --redact) is the same as long as the file stays. VNEP_EPRIV: others
 * can read it; VNEP_EDAMAGED: it is something else. */
int vnep_state_key(const char *state, bool create, uint8_t key[static VNEP_SIPHASH_KEY_LEN],
	struct vnep_err *err);

#endif
