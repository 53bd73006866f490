/*
 * sentlog - what was sent since the last durable journal group: STATE/NAME, a table that the kernel keeps when the process
 * is killed.
 *
 * Shape   max entries behind a header with the boot id. It is never synced: after a loss of power it says
 *         nothing, and what was not durable is sent again. Owner   log is ours (open/close); one writer, who holds the
 *         lock of the state folder. Errors   -errno; VNEP_EPRIV: the file is a link. Its space is taken when it is opened,
 *         so that a full disk is found out there and not when it is written.
 */
#ifndef VNEP_SENTLOG_H
#define VNEP_SENTLOG_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

struct vnep_err;
struct vnep_sentlog;

enum { VNEP_SENTLOG_MAX = 1024 };

struct vnep_sentlog_entry {
	struct in6_addr vep;
	uint64_t seq;
	uint64_t attempt;
};

/* What an earlier process of this boot left is still in it. boot NULL: that of the machine. */
int vnep_sentlog_open(struct vnep_sentlog **out, const char *state, const char *name, size_t max,
	const char *boot, struct vnep_err *err);
void vnep_sentlog_close(struct vnep_sentlog *log);

/* Is there room for one more? Ask before sending. */
size_t vnep_sentlog_room(const struct vnep_sentlog *log);
void vnep_sentlog_put(struct vnep_sentlog *log, const struct vnep_sentlog_entry *entry);
/* Many that are sent with one call: first all are written down (n from 0, nothing counts), then each call that was made
 * says with one store that the first n of them are sent. */
void vnep_sentlog_stage(
	struct vnep_sentlog *log, size_t n, const struct vnep_sentlog_entry *entry);
void vnep_sentlog_count(struct vnep_sentlog *log, size_t n);
void vnep_sentlog_clear(struct vnep_sentlog *log); /* all of it is durable in the journal */

/* Entry n in order; NULL behind the last one. Lent until the next call. */
const struct vnep_sentlog_entry *vnep_sentlog_get(const struct vnep_sentlog *log, size_t n);

#endif
