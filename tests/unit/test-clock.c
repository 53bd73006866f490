#include <stdint.h>

#include "t.h"
#include "vnep/clock.h"
#include "vnep/err.h"

static int64_t parsed(const char *text)
{
	struct vnep_wall t = { -42 };

	return vnep_wall_parse(text, &t, NULL) ? -1 : t.ns;
}

TEST("clock: an instant prints as RFC 3339 in UTC with six digits")
{
	char text[VNEP_TS_LEN];

	vnep_wall_print((struct vnep_wall){ 1767323045678901234 }, text);
	CHECK_STR(text, "2026-01-02T03:04:05.678901Z");
	vnep_wall_print((struct vnep_wall){ 0 }, text);
	CHECK_STR(text, "1970-01-01T00:00:00.000000Z");
	vnep_wall_print((struct vnep_wall){ INT64_MAX }, text);
	CHECK_STR(text, "2262-04-11T23:47:16.854775Z");
}

TEST("clock: what is printed parses back to the microsecond")
{
	static const int64_t ns[] = { 0, 1000, 1767323045678901000,
		951782400000000000 /* 29 February */, 9214646400000000000 - 1000 };
	char text[VNEP_TS_LEN];

	for (size_t i = 0; i < sizeof ns / sizeof *ns; i++) {
		vnep_wall_print((struct vnep_wall){ ns[i] }, text);
		CHECK_INT(parsed(text), ns[i]);
	}
}

TEST("clock: offsets and one to nine digits of a second are taken")
{
	CHECK_INT(parsed("2026-01-02T03:04:05Z"), 1767323045000000000);
	CHECK_INT(parsed("2026-01-02t03:04:05z"), 1767323045000000000);
	CHECK_INT(parsed("2026-01-02 03:04:05Z"), 1767323045000000000);
	CHECK_INT(parsed("2026-01-02T03:04:05.5Z"), 1767323045500000000);
	CHECK_INT(parsed("2026-01-02T03:04:05.123456789Z"), 1767323045123456789);
	CHECK_INT(parsed("2026-01-02T05:34:05+02:30"), 1767323045000000000);
	CHECK_INT(parsed("2026-01-01T22:04:05-05:00"), 1767323045000000000);
}

TEST("clock: what is no time is refused")
{
	static const char *const bad[] = { "", "2026-01-02", "2026-01-02T03:04:05",
		"2026-1-02T03:04:05Z", "2026-13-02T03:04:05Z", "2026-00-02T03:04:05Z",
		"2026-01-32T03:04:05Z", "2026-02-30T03:04:05Z", "2025-02-29T03:04:05Z",
		"2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:61Z",
		"2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.1234567890Z",
		"2026-01-02T03:04:05+0200", "2026-01-02T03:04:05Zx", "2026-01-02T03:04:05+24:00",
		"2026-01- 2T03:04:05Z", "2026-01-02T+3:04:05Z", "2026-01-02T03:04:05+ 2:00",
		"1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00", "2262-01-01T00:00:00Z", "-10",
		"-x", "yesterday" };
	struct vnep_err err = { 0 };
	struct vnep_wall t = { 42 };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (vnep_wall_parse(bad[i], &t, &err) != VNEP_EVALUE)
			CHECK_STR(bad[i], "refused");
	CHECK_INT(t.ns, 42);
	CHECK_STR(
		err.text, "\"yesterday\" is not a time such as 2026-01-02T03:04:05Z, -10m or now");
}

TEST("clock: now and ages count from the wall clock")
{
	int64_t now = vnep_wall_now().ns;

	CHECK(parsed("now") >= now && parsed("now") < now + 10000000000);
	CHECK(parsed("-10m") >= now - 600000000000 && parsed("-10m") < now - 590000000000);
	CHECK_INT(parsed("-99999d"), -1); /* before 1970 */
}

TEST("clock: monotonic time does not run backwards")
{
	int64_t a = vnep_mono_now().ns, b = vnep_mono_now().ns;

	CHECK(a > 0 && b >= a);
}

int main(void)
{
	return t_run();
}
