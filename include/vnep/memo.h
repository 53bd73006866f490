/*
 * memo - a few hundred octets that outlive the process, not the machine: a file of the state folder as memory.
 *
 * Shape   the last _put that was finished. Who is killed in the middle of one leaves the one before. It is never synced:
 *         after a loss of power it may be anything, so let it carry the boot that it belongs to.
 * Owner   memo is ours (open/close); one writer, who holds the lock of the state folder.
 * Errors  -errno; VNEP_EPRIV: the file is a link. Its space is taken when it is opened, so that a full disk is found out
 *         there and not when it is written.
 */
#ifndef VNEP_MEMO_H
#define VNEP_MEMO_H

#include <stddef.h>

struct vnep_err;
struct vnep_memo;

enum { VNEP_MEMO_MAX = 2000 };

/* STATE/name. */
int vnep_memo_open(
	struct vnep_memo **out, const char *state, const char *name, struct vnep_err *err);
void vnep_memo_close(struct vnep_memo *memo);

void vnep_memo_put(struct vnep_memo *memo, const void *data, size_t len); /* at most VNEP_MEMO_MAX */
/* Its length, 0 = there is none, or it is longer than cap. */
size_t vnep_memo_get(const struct vnep_memo *memo, void *out, size_t cap);

#endif
