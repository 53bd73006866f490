/* mapwatch - inotify on the folder of the map. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "vnep/err.h"
#include "vnep/mapwatch.h"

enum { NO_RING_MS = 500 };

int vnep_mapwatch_open(struct vnep_mapwatch *watch, const char *state, struct vnep_err *err)
{
	char path[PATH_MAX];

	*watch = (struct vnep_mapwatch){ .fd = -1, .state = state };
	if (snprintf(path, sizeof path, "%s/map", state) >= (int)sizeof path)
		return vnep_err_sys(err, ENAMETOOLONG, "%s", state);
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	/* The folder, not the file: the unlink of a file that somebody has open is news of its folder only. */
	if (watch->fd < 0 || inotify_add_watch(watch->fd, path,
				     IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM |
					     IN_DELETE_SELF | IN_MOVE_SELF) < 0)
		return vnep_err_sys(err, errno, "cannot watch %s", path);
	return 0;
}

void vnep_mapwatch_close(struct vnep_mapwatch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}

int vnep_mapwatch_timeout_ms(const struct vnep_mapwatch *watch)
{
	return watch->unrung ? NO_RING_MS : -1;
}

int vnep_mapwatch_read(struct vnep_mapwatch *watch, struct vnep_err *err)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(watch->fd, events, sizeof events);
	const struct inotify_event *e;

	if (n < 0)
		watch->unrung = false; /* the moment is over */
	for (char *at = events; n > 0 && at < events + n; at += sizeof *e + e->len) {
		e = (const struct inotify_event *)(void *)at;
		if (e->mask & (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF))
			return vnep_err_set(
				err, VNEP_EUNAVAIL, "the map in %s was taken away", watch->state);
		watch->unrung = !(e->mask & IN_ATTRIB);
	}
	return 0;
}
