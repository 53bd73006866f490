/* pace - when each frame is due, and how late they were. */
#include <string.h>

#include "replay.h"
#include "vnep/num.h"

enum { NS_PER_S = 1000000000, SPEED_UNIT = 1000 };

/* "2", "0.5", "12.25": at most three digits behind the point, not zero. */
static int parse_speed(struct vnep_cli *cli, const char *text, uint64_t *milli)
{
	const char *point = strchr(text, '.');
	uint64_t whole, fraction = 0;
	char digits[24], part[4] = "000";
	size_t n = point ? (size_t)(point - text) : strlen(text), f = point ? strlen(point + 1) : 0;

	if (n && n < sizeof digits && (!point || (f && f <= 3))) {
		memcpy(digits, text, n);
		digits[n] = 0;
		if (point)
			memcpy(part, point + 1, f);
		if (!vnep_num_u64(digits, 0, 1000000, &whole, NULL) &&
			!vnep_num_u64(part, 0, 999, &fraction, NULL) && whole + fraction) {
			*milli = whole * SPEED_UNIT + fraction;
			return 0;
		}
	}
	return vnep_err_set(&cli->err, VNEP_EUSAGE,
		"--speed: \"%s\" is not a factor such as 2 or 0.5 (0.001 to 1000000)", text);
}

int replay_pace_init(struct replay_pace *pace, struct vnep_cli *cli)
{
	static const char *const words[] = { "topspeed", "as-recorded", "speed", "pps", "bps" };
	const char *given = NULL;
	int rc = 0;

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
		if (!vnep_cli_has(cli, words[i]))
			continue;
		if (given)
			return vnep_err_set(&cli->err, VNEP_EUSAGE,
				"--%s and --%s exclude each other", given, words[i]);
		given = words[i];
	}
	*pace = (struct replay_pace){ .mode = REPLAY_TOPSPEED, .speed_milli = SPEED_UNIT };
	if (vnep_cli_has(cli, "as-recorded")) {
		pace->mode = REPLAY_RECORDED;
	} else if (vnep_cli_has(cli, "speed")) {
		pace->mode = REPLAY_RECORDED;
		rc = parse_speed(cli, vnep_cli_str(cli, "speed", ""), &pace->speed_milli);
	} else if (vnep_cli_has(cli, "pps")) {
		pace->mode = REPLAY_PPS;
		rc = vnep_cli_u64(cli, "pps", 1, 100000000, &pace->rate);
	} else if (vnep_cli_has(cli, "bps")) {
		pace->mode = REPLAY_BPS;
		rc = vnep_cli_u64(cli, "bps", 1, 1000000000000, &pace->rate);
	}
	return rc;
}

/* n / rate seconds in nanoseconds, without the overflow of n * 10^9. */
static int64_t at_rate(uint64_t n, uint64_t rate)
{
	uint64_t s = n / rate;

	if (s > INT64_MAX / NS_PER_S - 1)
		return INT64_MAX / 2;
	return (int64_t)(s * NS_PER_S) + (int64_t)((double)(n % rate) * NS_PER_S / (double)rate);
}

static int64_t scaled(int64_t ns, uint64_t speed_milli)
{
	int64_t speed = (int64_t)speed_milli, whole;

	if (__builtin_mul_overflow(ns / speed, SPEED_UNIT, &whole))
		return INT64_MAX / 2;
	return whole + ns % speed * SPEED_UNIT / speed;
}

int64_t replay_pace_next(struct replay_pace *pace, struct vnep_wall ts, size_t len)
{
	int64_t offset = 0;

	if (!pace->frames)
		pace->first = ts;
	switch (pace->mode) {
	case REPLAY_TOPSPEED: break;
	case REPLAY_RECORDED: offset = scaled(ts.ns - pace->first.ns, pace->speed_milli); break;
	case REPLAY_PPS: offset = at_rate(pace->frames, pace->rate); break;
	case REPLAY_BPS: offset = at_rate(pace->octets * 8, pace->rate); break;
	}
	/* order counts more than time: a clock that went back waits for nobody */
	if (offset > pace->offset_ns)
		pace->offset_ns = offset;
	pace->frames++;
	pace->octets += len;
	return pace->offset_ns;
}

static unsigned bucket_of(uint64_t us)
{
	unsigned shift;

	if (us < 16)
		return (unsigned)us;
	shift = 63 - (unsigned)__builtin_clzll(us) - 4;
	return (shift + 1) * 16 + (unsigned)(us >> shift & 15);
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_top(unsigned i)
{
	unsigned shift = i / 16;

	return shift < 2 ? i : ((16 + i % 16 + 1ull) << (shift - 1)) - 1;
}

void replay_lateness_add(struct replay_lateness *lateness, int64_t late_ns)
{
	uint64_t us = late_ns > 0 ? (uint64_t)late_ns / 1000 : 0;

	lateness->count++;
	lateness->bucket[bucket_of(us)]++;
	if (us > lateness->max_us)
		lateness->max_us = us;
}

uint64_t replay_lateness_us(const struct replay_lateness *lateness, unsigned percent)
{
	uint64_t rank = (lateness->count * percent + 99) / 100, seen = 0;

	for (unsigned i = 0; i < REPLAY_BUCKETS; i++) {
		seen += lateness->bucket[i];
		if (lateness->bucket[i] && seen >= rank)
			return bucket_top(i) < lateness->max_us ? bucket_top(i) : lateness->max_us;
	}
	return 0;
}
