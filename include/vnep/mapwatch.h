/*
 * mapwatch - wake up when somebody changed the map of a state folder.
 *
 * Shape   every commit rings by setting the times of data.mdb (mapstore.h): inotify wakes us, and
 *         vnep_map_since says what is new. A writer that is killed before it rings has written all the
 *         same, so a write without a ring is looked at a moment later.
 * Owner   the struct is the caller's (open/close). Poll fd for reading, for at most _timeout_ms, then _read.
 *         Open it before the first look at the map: what is committed in between is then not lost.
 * Errors  VNEP_EUNAVAIL: the map was taken away. -errno.
 */
#ifndef VNEP_MAPWATCH_H
#define VNEP_MAPWATCH_H

#include <stdbool.h>

struct vnep_err;

struct vnep_mapwatch {
	int fd;
	const char *state; /* lent */
	bool unrung;       /* written to, and nobody has rung yet */
};

int vnep_mapwatch_open(struct vnep_mapwatch *watch, const char *state, struct vnep_err *err);
void vnep_mapwatch_close(struct vnep_mapwatch *watch); /* also where open failed */

int vnep_mapwatch_timeout_ms(const struct vnep_mapwatch *watch); /* -1: until it rings */

/* Take what woke us; then look at the map. */
int vnep_mapwatch_read(struct vnep_mapwatch *watch, struct vnep_err *err);

#endif
