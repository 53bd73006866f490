/* test-recjson-fast - the short way from a line to a record says what the long way says, or nothing. */
#include "../fuzz/recline.h"
#include "t.h"

#define DEV    "\"dev\":\"urn:dev:mac:00005efffe005301\",\"vep\":\"2001:db8:b::77\""
#define DEVICE "{\"type\":\"device\",\"v\":1," DEV

static const char *const taken[] = {
	DEVICE "}",
	" { \"type\" : \"device\" , " DEV " } ",
	"{" DEV ",\"v\":1,\"type\":\"device\"}",
	"{\"type\":\"device\",\"dev\":\"URN:DEV:MAC:00005E005301\",\"vep\":\"2001:DB8:B:0:0::1\"}",
	DEVICE
	",\"vpc\":\"acme\",\"form\":\"edge\",\"mac\":\"00-00-5E-00-53-01\",\"port\":\"acc0\"}",
	DEVICE ",\"vlan\":0,\"deleted\":false,\"consent\":false,\"addr_max\":16}",
	DEVICE ",\"form\":\"host\",\"addr\":[\"2001:db8:a::2\" , \"2001:DB8:a::3\"]}",
	DEVICE ",\"labels\":{ \"model\" : \"T-100\", \"a\":\"\" },\"groups\":[\"lights\",\"b\"]}",
	DEVICE
	",\"psm\":{\"t3412_s\":1,\"t3324_s\":0},\"replay\":{\"keep\":\"last\",\"mode\":\"queue\"}}",
	DEVICE ",\"dl_buffering\":{\"octets\":900719925474099},\"journal\":\"from-device\"}",
	DEVICE ",\"revision\":42,\"origin\":\"east-1\",\"name\":\"A.Example.\",\"region\":\"e\"}",
	"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-1\",\"vep\":\"2001:db8::1\"}",
};

/* Good or bad: the long way has to say. */
static const char *const left[] = {
	"",
	"{",
	"{}",
	"[]",
	DEVICE,
	DEVICE "}}",
	DEVICE "} x",
	DEVICE ",}",
	DEVICE ",\"vlan\":7,\"vlan\":7}",
	DEVICE ",\"type\":\"device\"}",
	DEVICE ",\"vlan\":007}",
	DEVICE ",\"vlan\":7.0}",
	DEVICE ",\"vlan\":-7}",
	DEVICE ",\"vlan\":4095}",
	DEVICE ",\"vlan\":\"7\"}",
	DEVICE ",\"vlan\":}",
	DEVICE ",\"vlan\":null}",
	DEVICE ",\"vlna\":7}",
	DEVICE ",\"x_y\":7}",
	DEVICE ",\"consent\":1}",
	DEVICE ",\"form\":\"host\"}",
	DEVICE ",\"form\":\"hots\"}",
	DEVICE ",\"deleted\":true}",
	DEVICE ",\"addr\":[]}",
	DEVICE ",\"addr\":[\"2001:db8:a::2\",]}",
	DEVICE ",\"addr\":\"2001:db8:a::2\"}",
	DEVICE ",\"groups\":[\"a b\"]}",
	DEVICE ",\"groups\":[[\"a\"]]}",
	DEVICE ",\"labels\":{}}",
	DEVICE ",\"labels\":{\"a\":\"1\",\"a\":\"2\"}}",
	DEVICE ",\"labels\":{\"a\":1}}",
	DEVICE ",\"labels\":{\"a\":\"\\u0041\"}}",
	DEVICE ",\"labels\":{\"a\":\"\xc3\xa4\"}}",
	DEVICE ",\"labels\":{\"a\":\"\t\"}}",
	DEVICE ",\"psm\":{}}",
	DEVICE ",\"psm\":{\"t3412_s\":1}}",
	DEVICE ",\"psm\":{\"t3324_s\":1,\"x\":1}}",
	DEVICE ",\"psm\":[1}}",
	DEVICE ",\"allow\":[{\"to\":\"2001:db8:b::/64\"}]}",
	"{\"type\":\"device\",\"v\":2," DEV "}",
	"{\"type\":\"vpc\",\"v\":1," DEV "}",
	"{\"v\":1," DEV "}",
	"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-1\"}",
};

TEST("recjson-fast: plain device records, just as the long way makes them")
{
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (recline_compare(taken[i], strlen(taken[i])) != 1)
			printf("# %s\n", taken[i]), t_failed = 1;
}

TEST("recjson-fast: everything else is left to the long way, and out is as before")
{
	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		if (recline_compare(left[i], strlen(left[i])) != 0)
			printf("# %s\n", left[i]), t_failed = 1;
}

/* Every cut and every changed octet of a line that has everything. */
TEST("recjson-fast: broken lines are judged alike")
{
	char text[512];
	size_t len = strlen(taken[10]);

	for (size_t i = 0; i < len; i++) {
		CHECK(recline_compare(taken[10], i) == 0);
		for (int c = 0; c < 256; c++) {
			memcpy(text, taken[10], len);
			text[i] = (char)c;
			if (recline_compare(text, len) < 0)
				printf("# %.*s\n", (int)len, text), t_failed = 1;
		}
	}
}

static size_t place_of(const char *text, struct vnep_buf *out)
{
	struct vnep_recline line = { 0 };
	struct vnep_json *json = NULL;

	CHECK_INT(vnep_json_parse(text, strlen(text), &json, NULL), 0);
	CHECK_INT(vnep_recjson_check(json, NULL, 0, NULL), 0);
	vnep_buf_reset(out);
	CHECK_INT(vnep_recjson_line(json, out, &line), 0);
	CHECK_INT(line.revision, 7);
	vnep_json_free(json);
	return line.rev_at;
}

TEST("recjson-line: the revision belongs before origin, deleted and keys of others")
{
	struct vnep_buf out = { 0 };
	size_t at = place_of(DEVICE ",\"revision\":7,\"x\":1}", &out);

	CHECK(!memcmp(out.data + at, ",\"x\":1}", 7));
	at = place_of(DEVICE ",\"a\\\"\\u0001b\":1,\"revision\":7}", &out);
	CHECK(!memcmp(out.data + at, ",\"a\\\"\\u0001b\":1}", 16));
	at = place_of(DEVICE ",\"origin\":\"e\",\"revision\":7,\"deleted\":true}", &out);
	CHECK(!memcmp(out.data + at, ",\"origin\"", 9));
	at = place_of("{\"type\":\"vpc\",\"v\":1,\"vpc\":\"a\",\"prefix\":\"2001:db8::/"
		      "64\",\"revision\":7}",
		&out);
	CHECK(at == out.len - 1 && out.data[at] == '}');
	vnep_buf_release(&out);
}

int main(void)
{
	return t_run();
}
