#include "t.h"
#include "vnep/err.h"
#include "vnep/urn.h"

#define CANONICAL "urn:dev:mac:00005efffe005301"

TEST("urn: twelve digits, ffff and fffe name the same device")
{
	static const char *const same[] = { "urn:dev:mac:00005e005301", "URN:DEV:MAC:00005E005301",
		"urn:dev:mac:00005effff005301", "urn:dev:mac:00005EFFFE005301", CANONICAL };
	char out[VNEP_URN_MAX + 1];

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		CHECK_INT(vnep_urn_canonical(same[i], out, NULL), 0);
		CHECK_STR(out, CANONICAL);
	}
}

TEST("urn: the other kinds are kept, in lower case")
{
	static const char *const kinds[][2] = { { "urn:dev:os:32473-ABC", "urn:dev:os:32473-abc" },
		{ "urn:dev:ops:32473-Refrig-5002", "urn:dev:ops:32473-refrig-5002" },
		{ "urn:dev:ow:10e2073a01080063", "urn:dev:ow:10e2073a01080063" },
		{ "urn:dev:org:32473-foo", "urn:dev:org:32473-foo" },
		{ "urn:imei:90420156-025763-0", "urn:imei:90420156-025763-0" },
		{ "urn:uuid:F81D4FAE-7dec-11d0-a765-00a0c91e6bf6",
			"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6" } };
	char out[VNEP_URN_MAX + 1];
	struct vnep_mac mac;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		CHECK_INT(vnep_urn_canonical(kinds[i][0], out, NULL), 0);
		CHECK_STR(out, kinds[i][1]);
		CHECK(!vnep_urn_mac(out, &mac));
	}
}

TEST("urn: canonical twice is canonical once, in place too")
{
	char out[VNEP_URN_MAX + 1] = "urn:dev:mac:00005E005301";

	CHECK_INT(vnep_urn_canonical(out, out, NULL), 0);
	CHECK_STR(out, CANONICAL);
	CHECK_INT(vnep_urn_canonical(out, out, NULL), 0);
	CHECK_STR(out, CANONICAL);
}

TEST("urn: what is none is refused with what is wrong")
{
	static const char *const bad[][2] = {
		{ "lamp", "\"lamp\" is not a device URN" },
		{ "", "\"\" is not a device URN" },
		{ "urn:dev:os:", "\"urn:dev:os:\" is not a device URN" },
		{ "urn:dev:mac:",
			"URN \"urn:dev:mac:\" needs 12 hex digits, or 16 with fffe in the middle" },
		{ "urn:dev:mac:00005e00530g", "URN \"urn:dev:mac:00005e00530g\" needs 12 hex "
					      "digits, or 16 with fffe in the middle" },
		{ "urn:dev:mac:00005e0000005301", "URN \"urn:dev:mac:00005e0000005301\" has "
						  "neither ffff nor fffe in the middle of its "
						  "16 digits" },
		{ "urn:dev:os:a b",
			"URN \"urn:dev:os:a b\" has characters that RFC 8141 does not allow" },
		{ "urn:dev:os:\xc3\xa4",
			"URN \"urn:dev:os:\xc3\xa4\" has characters that RFC 8141 does not allow" },
	};
	char out[VNEP_URN_MAX + 1] = "untouched";

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct vnep_err err = { 0 };

		CHECK_INT(vnep_urn_canonical(bad[i][0], out, &err), VNEP_EVALUE);
		CHECK_STR(err.text, bad[i][1]);
	}
	CHECK_STR(out, "untouched");
}

TEST("urn: the longest one fits, one octet more is refused")
{
	char text[VNEP_URN_MAX + 2] = "urn:dev:os:", out[VNEP_URN_MAX + 1];

	memset(text + 11, 'a', sizeof text - 12);
	text[VNEP_URN_MAX - 4] = 0;
	CHECK_INT(vnep_urn_canonical(text, out, NULL), 0);
	CHECK_STR(out, text);
	text[VNEP_URN_MAX - 4] = 'a';
	text[VNEP_URN_MAX - 3] = 0;
	CHECK_INT(vnep_urn_canonical(text, out, NULL), VNEP_EVALUE);
}

TEST("urn: urn:dev:mac gives its MAC back")
{
	struct vnep_mac mac;
	char text[VNEP_MAC_LEN];

	CHECK(vnep_urn_mac(CANONICAL, &mac));
	vnep_mac_print(&mac, text);
	CHECK_STR(text, "00:00:5e:00:53:01");
	CHECK(!vnep_urn_mac("urn:dev:mac:00005e005301", &mac)); /* not canonical */
	CHECK(!vnep_urn_mac("", &mac));
}

int main(void)
{
	return t_run();
}
