/*
 * retention-divide - who keeps how much, when there is not enough for all.
 *
 * There is one level: who asks for less gets that, who asks for more gets the level (or his reserve, if that is
 * higher). The highest level at which it fits is found by halving, each half with one pass over the demands. With a
 * million devices a pass takes milliseconds, so all of it stops and goes on.
 */
#include "vnep/retention.h"

void vnep_division_start(struct vnep_division *out, uint64_t limit, const uint64_t *demand,
	const uint64_t *reserve, size_t count, uint64_t *share)
{
	*out = (struct vnep_division){
		.demand = demand, .reserve = reserve, .share = share, .count = count, .limit = limit
	};
}

static uint64_t part(const struct vnep_division *d, size_t i, uint64_t level)
{
	uint64_t most = d->reserve && d->reserve[i] > level ? d->reserve[i] : level;

	return d->demand[i] < most ? d->demand[i] : most;
}

/* The level is at most the biggest demand. */
static void bound(struct vnep_division *d)
{
	if (d->at < d->count) {
		if (d->demand[d->at] > d->high)
			d->high = d->demand[d->at];
		d->at++;
		return;
	}
	d->at = 0;
	d->phase = d->low < d->high ? VNEP_DIVISION_LEVEL : VNEP_DIVISION_SHARE;
}

static void next_level(struct vnep_division *d, bool fits, uint64_t level)
{
	if (fits)
		d->low = level;
	else
		d->high = level - 1;
	d->at = 0;
	d->sum = 0;
	if (d->low >= d->high)
		d->phase = VNEP_DIVISION_SHARE;
}

static void try_level(struct vnep_division *d)
{
	uint64_t level = d->low + (d->high - d->low - 1) / 2 + 1, more;

	if (d->at == d->count) {
		next_level(d, true, level);
		return;
	}
	more = part(d, d->at, level);
	if (more > d->limit - d->sum) {
		next_level(d, false, level);
		return;
	}
	d->sum += more;
	d->at++;
}

int vnep_division_step(struct vnep_division *d, size_t max)
{
	for (size_t done = 0; !max || done < max; done++) {
		if (d->phase == VNEP_DIVISION_BOUND) {
			bound(d);
		} else if (d->phase == VNEP_DIVISION_LEVEL) {
			try_level(d);
		} else if (d->at < d->count) {
			d->share[d->at] = part(d, d->at, d->low);
			d->at++;
		} else {
			return 0;
		}
	}
	return 1;
}
