/*
 * steady - how old something is that has a wall clock's time, while that clock is set forward and back.
 *
 * Shape   the clock's distance from the time since boot, era by era: it is set where one ends and the next one begins. What
 *         an instant was is told by the only era it can lie in; where several can, or none, the latest counts that is not
 *         ahead of now: nothing is older than it may be. Small steps (slewing) belong to their era.
 * Owner   plain value, zeroed to begin with; it never forgets but the oldest of VNEP_STEADY_ERAS.
 * Errors  none.
 */
#ifndef VNEP_STEADY_H
#define VNEP_STEADY_H

#include <stdbool.h>

#include "vnep/clock.h"

enum { VNEP_STEADY_ERAS = 8 };

struct vnep_steady {
	struct {
		int64_t since_ns, until_ns; /* since boot; an era and the next one share the time between two looks */
		int64_t offset_ns;          /* wall less boot */
	} era[VNEP_STEADY_ERAS];
	unsigned count;
};

/* Both clocks, read at once. True: the wall clock was set since the last look. Look before what came since is judged. */
bool vnep_steady_look(struct vnep_steady *steady, struct vnep_mono boot, struct vnep_wall wall);

/* At least one look. Never negative. */
int64_t vnep_steady_age_ns(const struct vnep_steady *steady, struct vnep_mono now, struct vnep_wall ts);

/* What has a time before that is older than so much, in every era that has something younger. It may be kept longer, by as
 * much as the clock was set. steady NULL: by the wall clock alone. */
struct vnep_wall vnep_steady_limit(const struct vnep_steady *steady, int64_t age_ns);
struct vnep_wall vnep_steady_limit_at(
	const struct vnep_steady *steady, struct vnep_mono now, int64_t age_ns);

#endif
