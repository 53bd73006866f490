/* steady - see vnep/steady.h. */
#include <string.h>

#include "vnep/steady.h"

#define SET_NS   INT64_C(1000000000) /* nobody slews so much between two looks */
#define SLACK_NS INT64_C(1000000000)

bool vnep_steady_look(struct vnep_steady *steady, struct vnep_mono boot, struct vnep_wall wall)
{
	int64_t offset = wall.ns - boot.ns, off, last;

	if (steady->count) {
		off = offset - steady->era[steady->count - 1].offset_ns;
		last = steady->era[steady->count - 1].until_ns;
		steady->era[steady->count - 1].until_ns = boot.ns;
		if (off < SET_NS && off > -SET_NS) {
			steady->era[steady->count - 1].offset_ns = offset;
			return false;
		}
		if (steady->count == VNEP_STEADY_ERAS)
			memmove(steady->era, steady->era + 1,
				--steady->count * sizeof *steady->era);
	} else {
		last = 0; /* it was so since boot, as far as anybody knows */
	}
	steady->era[steady->count].since_ns = last;
	steady->era[steady->count].until_ns = boot.ns;
	steady->era[steady->count].offset_ns = offset;
	return steady->count++ > 0;
}

int64_t vnep_steady_age_ns(
	const struct vnep_steady *steady, struct vnep_mono now, struct vnep_wall ts)
{
	int64_t inside = -1, least = -1;

	for (unsigned i = 0; i < steady->count; i++) {
		int64_t at = ts.ns - steady->era[i].offset_ns, age = now.ns - at,
			until = i + 1 < steady->count ? steady->era[i].until_ns : now.ns;

		if (age < -SLACK_NS)
			continue;
		age = age < 0 ? 0 : age;
		if (least < 0 || age < least)
			least = age;
		if (at >= steady->era[i].since_ns - SLACK_NS && at <= until + SLACK_NS &&
			(inside < 0 || age < inside))
			inside = age;
	}
	return inside >= 0 ? inside : least >= 0 ? least : 0;
}

struct vnep_wall vnep_steady_limit_at(
	const struct vnep_steady *steady, struct vnep_mono now, int64_t age_ns)
{
	int64_t offset = steady->era[steady->count - 1].offset_ns;

	for (unsigned i = 0; i + 1 < steady->count; i++)
		if (steady->era[i].until_ns >= now.ns - age_ns && steady->era[i].offset_ns < offset)
			offset = steady->era[i].offset_ns;
	return (struct vnep_wall){ now.ns + offset - age_ns };
}

struct vnep_wall vnep_steady_limit(const struct vnep_steady *steady, int64_t age_ns)
{
	return steady ? vnep_steady_limit_at(steady, vnep_mono_now(), age_ns)
		      : (struct vnep_wall){ vnep_wall_now().ns - age_ns };
}
