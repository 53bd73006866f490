/* cbor: the examples of RFC 8949 appendix A, and what is no CBOR or no JSON. */
#include "t.h"
#include "vnep/cbor.h"
#include "vnep/err.h"

/* "" if it is refused. */
static const char *json(const char *hex)
{
	static struct vnep_buf out;
	uint8_t data[256];
	size_t len = 0;
	unsigned octet;

	for (; *hex; hex += 2) {
		sscanf(hex, "%2x", &octet);
		data[len++] = (uint8_t)octet;
	}
	vnep_buf_reset(&out);
	if (vnep_cbor_to_json(&out, data, len))
		return "";
	return vnep_buf_str(&out);
}

TEST("numbers, as RFC 8949 appendix A has them")
{
	CHECK_STR(json("00"), "0");
	CHECK_STR(json("1818"), "24");
	CHECK_STR(json("1903e8"), "1000");
	CHECK_STR(json("1b000000e8d4a51000"), "1000000000000");
	CHECK_STR(json("1bffffffffffffffff"), "\"18446744073709551615\"");
	CHECK_STR(json("3bffffffffffffffff"), "\"-18446744073709551616\"");
	CHECK_STR(json("20"), "-1");
	CHECK_STR(json("3903e7"), "-1000");
	CHECK_STR(json("f93c00"), "1");
	CHECK_STR(json("f93e00"), "1.5");
	CHECK_STR(json("f97bff"), "65504");
	CHECK_STR(json("f90001"), "5.96046448e-08");
	CHECK_STR(json("fa47c35000"), "100000");
	CHECK_STR(json("fb3ff199999999999a"), "1.1000000000000001");
	CHECK_STR(json("f97c00"), "null");
	CHECK_STR(json("f97e00"), "null");
}

TEST("simple values, strings, tags")
{
	CHECK_STR(json("f4"), "false");
	CHECK_STR(json("f5"), "true");
	CHECK_STR(json("f6"), "null");
	CHECK_STR(json("f7"), "null");
	CHECK_STR(json("c074323031332d30332d32315432303a30343a30305a"), "\"2013-03-21T20:04:00Z\"");
	CHECK_STR(json("4401020304"), "\"AQIDBA==\"");
	CHECK_STR(json("60"), "\"\"");
	CHECK_STR(json("6449455446"), "\"IETF\"");
	CHECK_STR(json("62225c"), "\"\\\"\\\\\"");
	CHECK_STR(json("5f42010243030405ff"), "\"AQIDBAU=\"");
	CHECK_STR(json("7f657374726561646d696e67ff"), "\"streaming\"");
}

TEST("arrays and maps, of known and unknown length")
{
	CHECK_STR(json("80"), "[]");
	CHECK_STR(json("8301820203820405"), "[1,[2,3],[4,5]]");
	CHECK_STR(json("a0"), "{}");
	CHECK_STR(json("a201020304"), "{\"1\":2,\"3\":4}");
	CHECK_STR(json("a26161016162820203"), "{\"a\":1,\"b\":[2,3]}");
	CHECK_STR(json("826161a161626163"), "[\"a\",{\"b\":\"c\"}]");
	CHECK_STR(json("a16161a1616280"), "{\"a\":{\"b\":[]}}");
	CHECK_STR(json("a26161a06162a0"), "{\"a\":{},\"b\":{}}");
	CHECK_STR(json("9fff"), "[]");
	CHECK_STR(json("9f018202039f0405ffff"), "[1,[2,3],[4,5]]");
	CHECK_STR(json("bf61610161629f0203ffff"), "{\"a\":1,\"b\":[2,3]}");
	CHECK_STR(json("bf6346756ef563416d7421ff"), "{\"Fun\":true,\"Amt\":-2}");
	CHECK_STR(json("a16161bfff"), "{\"a\":{}}");
}

TEST("what is cut off, goes on, or has no place in JSON is refused")
{
	static const char *const bad[] = { "", "18", "1901", "62", "6261", "81", "a1", "a161",
		"a16161", "5f4201", "5f6161ff", "ff", "9f", "bf6161ff", "0000", "1c", "fc",
		"a1800000", "a1f500", "a2616101616102", "61ff", "6100", "7b7fffffffffffffff",
		"9bffffffffffffffff", "bb7fffffffffffffff", "df" };
	char deep[128];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_STR(json(bad[i]), "");
	for (unsigned i = 0; i < 40; i++)
		memcpy(deep + 2 * i, "81", 2);
	strcpy(deep + 80, "00");
	CHECK_STR(json(deep), "");
}

int main(void)
{
	return t_run();
}
