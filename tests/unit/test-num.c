#include <stdint.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/num.h"

TEST("num: the whole string is a number, or it is none")
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "12x", "1e3",
		"18446744073709551616", "99999999999999999999999" };
	uint64_t v = 42;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(vnep_num_u64(bad[i], 0, UINT64_MAX, &v, NULL), VNEP_EVALUE);
	CHECK_INT(v, 42);
	CHECK_INT(vnep_num_u64("18446744073709551615", 0, UINT64_MAX, &v, NULL), 0);
	CHECK(v == UINT64_MAX);
	CHECK_INT(vnep_num_u64("0007", 0, 9, &v, NULL), 0);
	CHECK_INT(v, 7);
}

TEST("num: the range is inclusive, and the message repeats text and range")
{
	struct vnep_err err = { 0 };
	uint64_t v = 0;

	CHECK_INT(vnep_num_u64("1", 1, 4094, &v, &err), 0);
	CHECK_INT(vnep_num_u64("4094", 1, 4094, &v, &err), 0);
	CHECK_INT(v, 4094);
	CHECK_INT(vnep_num_u64("0", 1, 4094, &v, &err), VNEP_EVALUE);
	CHECK_STR(err.text, "\"0\" is not a number from 1 to 4094");
	CHECK_INT(vnep_num_u64("4095", 1, 4094, &v, &err), VNEP_EVALUE);
}

TEST("num: a duration has its unit; only 0 needs none")
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = { { "0", 0 }, { "5ns", 5 }, { "5us", 5000 }, { "250ms", 250000000 },
		{ "90s", 90000000000 }, { "10m", 600000000000 }, { "12h", 43200000000000 },
		{ "7d", 604800000000000 }, { "0s", 0 } };
	static const char *const bad[] = { "", "s", "10", "1.5s", "-1s", "1 s", "1S", "1w", "1s2",
		"106752d", "9223372036854775808ns", "99999999999999999999s" };
	struct vnep_err err = { 0 };
	int64_t v = 42;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		CHECK_INT(vnep_num_duration_ns(good[i].text, &v, NULL), 0);
		CHECK_INT(v, good[i].ns);
	}
	v = 42;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(vnep_num_duration_ns(bad[i], &v, &err), VNEP_EVALUE);
	CHECK_INT(v, 42);
	CHECK_STR(
		err.text, "\"99999999999999999999s\" is not a duration such as 10s, 250ms or 12h");
}

TEST("num: octets count in powers of 1024")
{
	uint64_t v = 42;

	CHECK_INT(vnep_num_octets("4096", &v, NULL), 0);
	CHECK_INT(v, 4096);
	CHECK_INT(vnep_num_octets("64k", &v, NULL), 0);
	CHECK_INT(v, 65536);
	CHECK_INT(vnep_num_octets("16M", &v, NULL), 0);
	CHECK_INT(v, 16 << 20);
	CHECK_INT(vnep_num_octets("2G", &v, NULL), 0);
	CHECK_INT(v, 2147483648);
	CHECK_INT(vnep_num_octets("2T", &v, NULL), VNEP_EVALUE);
	CHECK_INT(vnep_num_octets("17179869184G", &v, NULL), VNEP_EVALUE);
	CHECK_INT(v, 2147483648);
}

int main(void)
{
	return t_run();
}
