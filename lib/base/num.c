/* num - strict number parsing. */
#include <stddef.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/num.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Digits up to the first other octet. -1: none, or more than 64 bits. */
static int digits(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -1;
	*text = p;
	*out = v;
	return 0;
}

int vnep_num_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct vnep_err *err)
{
	const char *p = text;
	uint64_t v;

	if (digits(&p, &v) || *p || v < min || v > max)
		return vnep_err_set(err, VNEP_EVALUE, "\"%s\" is not a number from %llu to %llu",
			text, (unsigned long long)min, (unsigned long long)max);
	*out = v;
	return 0;
}

static int with_unit(const char *text, const struct unit *units, size_t count, uint64_t *out)
{
	const char *p = text;
	uint64_t v;

	if (digits(&p, &v))
		return -1;
	if (!*p && v == 0) {
		*out = 0;
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		if (!strcmp(p, units[i].name))
			return __builtin_mul_overflow(v, units[i].factor, out) ? -1 : 0;
	return -1;
}

int vnep_num_duration_ns(const char *text, int64_t *out, struct vnep_err *err)
{
	static const struct unit units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 },
		{ "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
		{ "d", 86400000000000 } };
	uint64_t v;

	if (with_unit(text, units, sizeof units / sizeof *units, &v) || v > INT64_MAX)
		return vnep_err_set(err, VNEP_EVALUE,
			"\"%s\" is not a duration such as 10s, 250ms or 12h", text);
	*out = (int64_t)v;
	return 0;
}

int vnep_num_octets(const char *text, uint64_t *out, struct vnep_err *err)
{
	static const struct unit units[] = { { "", 1 }, { "k", 1 << 10 }, { "K", 1 << 10 },
		{ "M", 1 << 20 }, { "G", 1 << 30 } };
	uint64_t v;

	if (with_unit(text, units, sizeof units / sizeof *units, &v))
		return vnep_err_set(err, VNEP_EVALUE,
			"\"%s\" is not a size in octets such as 4096, 64k or 16M", text);
	*out = v;
	return 0;
}
