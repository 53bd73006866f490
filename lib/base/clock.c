/* clock - CLOCK_BOOTTIME and CLOCK_REALTIME, and RFC 3339 for the second. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/num.h"

static int64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

struct vnep_mono vnep_mono_now(void)
{
	return (struct vnep_mono){ now_ns(CLOCK_BOOTTIME) };
}

struct vnep_wall vnep_wall_now(void)
{
	return (struct vnep_wall){ now_ns(CLOCK_REALTIME) };
}

void vnep_wall_print(struct vnep_wall t, char out[static VNEP_TS_LEN])
{
	time_t s = t.ns / 1000000000;
	struct tm tm;

	if (t.ns < 0)
		s = 0;
	gmtime_r(&s, &tm);
	snprintf(out, VNEP_TS_LEN, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
		(unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		(unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		(unsigned)tm.tm_sec % 100, t.ns < 0 ? 0 : (unsigned)(t.ns % 1000000000 / 1000));
}

/* ".123456789" if there is one: up to nine digits, as nanoseconds. */
static int fraction(const char **text, int64_t *ns)
{
	const char *p = *text;
	int64_t scale = 100000000;

	*ns = 0;
	if (*p != '.')
		return 0;
	for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
		*ns += (*p - '0') * scale;
	if (p == *text + 1 || p > *text + 10)
		return -1;
	*text = p;
	return 0;
}

static int offset(const char *p, int64_t *s)
{
	unsigned h, m;
	int n = 0;

	*s = 0;
	if ((*p == 'Z' || *p == 'z') && !p[1])
		return 0;
	if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2u:%2u%n", &h, &m, &n) != 2 || n != 5 ||
		p[1 + n] || h > 23 || m > 59)
		return -1;
	*s = (int64_t)(h * 3600 + m * 60) * (*p == '-' ? -1 : 1);
	return 0;
}

static int absolute(const char *text, struct vnep_wall *out)
{
	struct tm tm = { 0 };
	int64_t ns, off, s;
	const char *p = text + 19;
	int n = 0;

	if (strlen(text) < 20 ||
		sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			&tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 6 ||
		n != 19)
		return -1;
	if (tm.tm_year < 1970 || tm.tm_year > 2261 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
		tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	s = timegm(&tm);
	if (fraction(&p, &ns) || offset(p, &off))
		return -1;
	out->ns = (s - off) * 1000000000 + ns;
	return 0;
}

int vnep_wall_parse(const char *text, struct vnep_wall *out, struct vnep_err *err)
{
	int64_t age;

	if (!strcmp(text, "now")) {
		*out = vnep_wall_now();
		return 0;
	}
	if (text[0] == '-' && !vnep_num_duration_ns(text + 1, &age, NULL)) {
		out->ns = vnep_wall_now().ns - age;
		return 0;
	}
	if (!absolute(text, out))
		return 0;
	return vnep_err_set(err, VNEP_EVALUE,
		"\"%s\" is not a time such as 2026-01-02T03:04:05Z, -10m or now", text);
}
