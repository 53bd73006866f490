/*
 * clock - two kinds of time that the compiler keeps apart.
 *
 * Shape   vnep_mono counts nanoseconds of CLOCK_BOOTTIME (runs on through suspend, never jumps): ages,
 *         deadlines, presence. vnep_wall counts nanoseconds since 1970 (UTC): records, display.
 * Owner   plain values.
 * Source  clock_gettime(2), RFC 3339.
 */
#ifndef VNEP_CLOCK_H
#define VNEP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct vnep_err;

struct vnep_mono {
	int64_t ns;
};

struct vnep_wall {
	int64_t ns;
};

enum { VNEP_TS_LEN = 28 }; /* "2026-01-02T03:04:05.678901Z" and NUL */

struct vnep_mono vnep_mono_now(void);
struct vnep_wall vnep_wall_now(void);
/* Have more than ms gone by since then? */
bool vnep_mono_over(struct vnep_mono since, int64_t ms);

/* RFC 3339, UTC, six digits. Years 1970 to 2262. */
void vnep_wall_print(struct vnep_wall t, char out[static VNEP_TS_LEN]);

/* RFC 3339 with any offset and up to nine digits; or "now", or an age such as "-10m" (from now).
 * VNEP_EVALUE otherwise. */
int vnep_wall_parse(const char *text, struct vnep_wall *out, struct vnep_err *err);

#endif
