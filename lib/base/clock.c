/* clock - CLOCK_BOOTTIME and CLOCK_REALTIME, and RFC 3339 for the second. */
#include <stdbool.h>
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

bool vnep_mono_over(struct vnep_mono since, int64_t ms)
{
	return vnep_mono_now().ns - since.ns > ms * 1000000;
}

static char *put_digits(char *at, unsigned value, unsigned count)
{
	for (unsigned i = count; i--; value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + count;
}

/* By hand: a record has one, and vsnprintf would take longer than all the rest of it. */
void vnep_wall_print(struct vnep_wall t, char out[static VNEP_TS_LEN])
{
	time_t s = t.ns < 0 ? 0 : t.ns / 1000000000;
	struct tm tm;
	char *at;

	gmtime_r(&s, &tm);
	at = put_digits(out, (unsigned)(tm.tm_year + 1900), 4);
	*at++ = '-';
	at = put_digits(at, (unsigned)(tm.tm_mon + 1), 2);
	*at++ = '-';
	at = put_digits(at, (unsigned)tm.tm_mday, 2);
	*at++ = 'T';
	at = put_digits(at, (unsigned)tm.tm_hour, 2);
	*at++ = ':';
	at = put_digits(at, (unsigned)tm.tm_min, 2);
	*at++ = ':';
	at = put_digits(at, (unsigned)tm.tm_sec, 2);
	*at++ = '.';
	at = put_digits(at, t.ns < 0 ? 0 : (unsigned)(t.ns % 1000000000 / 1000), 6);
	*at++ = 'Z';
	*at = 0;
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

/* Exactly count digits: no sign and no white space, which scanf would take. */
static int digits(const char *p, unsigned count, int min, int max, int *out)
{
	int v = 0;

	for (; count; count--, p++) {
		if (*p < '0' || *p > '9')
			return -1;
		v = v * 10 + (*p - '0');
	}
	*out = v;
	return v < min || v > max ? -1 : 0;
}

static int offset(const char *p, int64_t *s)
{
	int h, m;

	*s = 0;
	if ((*p == 'Z' || *p == 'z') && !p[1])
		return 0;
	if ((*p != '+' && *p != '-') || digits(p + 1, 2, 0, 23, &h) || p[3] != ':' ||
		digits(p + 4, 2, 0, 59, &m) || p[6])
		return -1;
	*s = (int64_t)(h * 3600 + m * 60) * (*p == '-' ? -1 : 1);
	return 0;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static int absolute(const char *text, struct vnep_wall *out)
{
	struct tm tm = { 0 };
	int64_t ns, off, s;
	const char *p = text + 19;

	if (strlen(text) < 20 || text[4] != '-' || text[7] != '-' || !strchr("Tt ", text[10]) ||
		text[13] != ':' || text[16] != ':')
		return -1;
	if (digits(text, 4, 1970, 2261, &tm.tm_year) || digits(text + 5, 2, 1, 12, &tm.tm_mon) ||
		digits(text + 8, 2, 1, days_in(tm.tm_year, tm.tm_mon), &tm.tm_mday) ||
		digits(text + 11, 2, 0, 23, &tm.tm_hour) ||
		digits(text + 14, 2, 0, 59, &tm.tm_min) ||
		digits(text + 17, 2, 0, 60, &tm.tm_sec)) /* 60: a leap second */
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	s = timegm(&tm);
	if (fraction(&p, &ns) || offset(p, &off) || s < off)
		return -1;
	out->ns = (s - off) * 1000000000 + ns;
	return 0;
}

int vnep_wall_parse(const char *text, struct vnep_wall *out, struct vnep_err *err)
{
	int64_t age, now;

	if (!strcmp(text, "now")) {
		*out = vnep_wall_now();
		return 0;
	}
	if (text[0] == '-' && !vnep_num_duration_ns(text + 1, &age, NULL)) {
		now = vnep_wall_now().ns;
		if (age <= now) {
			out->ns = now - age;
			return 0;
		}
	}
	if (!absolute(text, out))
		return 0;
	return vnep_err_set(err, VNEP_EVALUE,
		"\"%s\" is not a time such as 2026-01-02T03:04:05Z, -10m or now", text);
}
