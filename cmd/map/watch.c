/*
 * watch - the map, a sync record, then every change.
 *
 * Every commit rings by setting the times of data.mdb (mapstore.h): inotify wakes us, and the index of revisions
 * says what is new. A writer that is killed before it rings has written all the same, so a write without a
 * ring is looked at a moment later. A commit between the snapshot and the first sleep is not lost, because
 * the watch is there before the snapshot.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "map.h"
#include "vnep/recjson.h"

enum { FLUSH_OCTETS = 1 << 16, NO_RING_MS = 500 };

const struct vnep_option map_watch_options[] = {
	{ "after-revision", 0, VNEP_ARG_ONE, "N", "begin with what changed after this revision",
		NULL },
	{ 0 },
};

struct watch {
	struct vnep_cli *cli;
	struct vnep_mapstore *store;
	struct vnep_buf out;
	uint64_t revision; /* everything up to here is printed */
	int fd;
	bool unrung; /* written to, and nobody has rung yet */
};

static int put_one(const char *text, size_t len, void *arg)
{
	struct watch *w = arg;

	vnep_buf_put(&w->out, text, len);
	vnep_buf_put_u8(&w->out, '\n');
	return w->out.len < FLUSH_OCTETS ? w->out.rc : vnep_out_records(w->cli, &w->out, false);
}

static int print_all(struct watch *w, struct vnep_map_txn *txn)
{
	static const enum vnep_record_type types[] = { VNEP_RECORD_VPC, VNEP_RECORD_GROUP,
		VNEP_RECORD_DEVICE, VNEP_RECORD_BINDING };
	int rc = 0;

	for (size_t i = 0; i < sizeof types / sizeof *types && !rc; i++)
		rc = vnep_map_each(txn, types[i], false, put_one, w, &w->cli->err);
	return rc;
}

/* The state now, in one transaction: all of it, or what came after w->revision. */
static int print_state(struct watch *w, bool all)
{
	struct vnep_map_txn *txn;
	uint64_t now;
	int rc = vnep_map_begin(w->store, false, &txn, &w->cli->err);

	if (rc)
		return rc;
	now = vnep_map_revision(txn);
	if (!all && w->revision > now)
		rc = vnep_err_set(&w->cli->err, VNEP_ECONFLICT,
			"the map is at revision %llu, so nothing can come after %llu",
			(unsigned long long)now, (unsigned long long)w->revision);
	else if (all)
		rc = print_all(w, txn);
	else if (w->revision < now)
		rc = vnep_map_since(txn, w->revision, put_one, w, &w->cli->err);
	vnep_map_abort(txn);
	w->revision = now;
	return rc;
}

/* Sleep until the map was written to. The reader of our output going away ends us as a write would. */
static int wait_change(struct watch *w)
{
	struct pollfd p[] = { { w->fd, POLLIN, 0 }, { STDOUT_FILENO, 0, 0 } };
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *e;
	ssize_t n;

	while (poll(p, 2, w->unrung ? NO_RING_MS : -1) < 0)
		if (errno != EINTR)
			return vnep_err_sys(&w->cli->err, errno, "waiting for a change");
	if (p[1].revents & POLLERR)
		raise(SIGPIPE);
	n = read(w->fd, events, sizeof events);
	if (n < 0)
		w->unrung = false; /* the moment is over */
	for (char *at = events; n > 0 && at < events + n; at += sizeof *e + e->len) {
		e = (const struct inotify_event *)(void *)at;
		if (e->mask & (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF))
			return vnep_err_set(&w->cli->err, VNEP_EUNAVAIL,
				"the map in %s was taken away", w->cli->state);
		w->unrung = !(e->mask & IN_ATTRIB);
	}
	return 0;
}

static int follow(struct watch *w)
{
	int rc = 0;

	while (!rc) {
		rc = wait_change(w);
		if (!rc)
			rc = print_state(w, false);
		if (!rc)
			rc = vnep_out_records(w->cli, &w->out, true);
	}
	return rc;
}

static int open_watch(struct watch *w)
{
	char path[PATH_MAX];
	int rc = vnep_mapstore_open(&w->store, w->cli->state, false, &w->cli->err);

	if (rc)
		return rc;
	if (snprintf(path, sizeof path, "%s/map", w->cli->state) >= (int)sizeof path)
		return vnep_err_sys(&w->cli->err, ENAMETOOLONG, "%s", w->cli->state);
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	/* The folder, not the file: the unlink of a file that somebody has open is news of its folder only. */
	if (w->fd < 0 || inotify_add_watch(w->fd, path,
				 IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM |
					 IN_DELETE_SELF | IN_MOVE_SELF) < 0)
		return vnep_err_sys(&w->cli->err, errno, "cannot watch %s", path);
	return 0;
}

int map_watch(struct vnep_cli *cli)
{
	struct watch w = { .cli = cli, .fd = -1 };
	bool all = !vnep_cli_has(cli, "after-revision");
	int rc = vnep_cli_u64(cli, "after-revision", 0, (1ULL << 53) - 1, &w.revision);

	vnep_buf_init(&w.out);
	if (!rc)
		rc = open_watch(&w);
	if (!rc)
		rc = print_state(&w, all);
	if (!rc) {
		vnep_sync_encode(&w.out, w.revision);
		rc = vnep_out_records(cli, &w.out, true);
	}
	if (!rc)
		rc = follow(&w);
	if (w.fd >= 0)
		close(w.fd);
	vnep_buf_release(&w.out);
	vnep_mapstore_close(w.store);
	return rc;
}
