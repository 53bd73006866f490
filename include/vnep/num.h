/*
 * num - numbers with units, read strictly: the whole string, or an error that repeats it.
 *
 * Errors  -VNEP codes: VNEP_EVALUE with a text such as `"12x" is not a number from 1 to 4094`.
 *         *out is written only on 0.
 */
#ifndef VNEP_NUM_H
#define VNEP_NUM_H

#include <stdint.h>

struct vnep_err;

/* Decimal, no sign, no white space. */
int vnep_num_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct vnep_err *err);

/* A duration with its unit: 90s, 250ms, 5us, 10m, 12h, 7d; "0" needs none. Result in nanoseconds. */
int vnep_num_duration_ns(const char *text, int64_t *out, struct vnep_err *err);

/* Octets: 4096, 64k, 16M, 2G (powers of 1024). */
int vnep_num_octets(const char *text, uint64_t *out, struct vnep_err *err);

#endif
