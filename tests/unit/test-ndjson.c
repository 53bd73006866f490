#include <stdint.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/json.h"
#include "vnep/ndjson.h"

/* ---- lines ---- */

TEST("lines: cut at newlines however the bytes come, numbered from 1, empty ones passed over")
{
	static const char text[] = "one\n\n  \t\r\ntwo\r\nthree\nlast";
	static const char *const want[] = { "one", "two", "three", "last" };
	static const unsigned number[] = { 1, 4, 5, 6 };

	for (size_t step = 1; step < sizeof text; step++) {
		struct vnep_lines lines;
		const char *line;
		size_t len, n = 0;

		vnep_lines_init(&lines);
		for (size_t at = 0; at < sizeof text - 1; at += step) {
			size_t left = sizeof text - 1 - at;

			CHECK_INT(vnep_lines_feed(&lines, text + at, left < step ? left : step), 0);
			while (vnep_lines_next(&lines, &line, &len) == 1) {
				CHECK(n < 3 && len == strlen(want[n]) &&
					!memcmp(line, want[n], len));
				CHECK_INT(lines.line, number[n]);
				n++;
			}
		}
		CHECK_INT(vnep_lines_end(&lines, &line, &len), 1);
		CHECK(n == 3 && len == 4 && !memcmp(line, want[3], 4));
		CHECK_INT(lines.line, 6);
		CHECK_INT(vnep_lines_end(&lines, &line, &len), 0);
		vnep_lines_release(&lines);
	}
}

TEST("lines: one that is too long is reported once and skipped, whatever the pieces")
{
	static const size_t steps[] = { 4096, 1000003, 3 << 20 };
	size_t size = VNEP_LINE_MAX + 1 + 1 + 5;
	char *text = malloc(size);

	memset(text, 'x', size);
	memcpy(text + VNEP_LINE_MAX + 1, "\nnext\n", 6);
	for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
		struct vnep_lines lines;
		unsigned big = 0, good = 0;
		const char *line;
		size_t len;
		int rc;

		vnep_lines_init(&lines);
		for (size_t at = 0; at < size; at += steps[s]) {
			vnep_lines_feed(
				&lines, text + at, size - at < steps[s] ? size - at : steps[s]);
			while ((rc = vnep_lines_next(&lines, &line, &len))) {
				if (rc == VNEP_ETOOBIG) {
					CHECK_INT(lines.line, 1);
					big++;
				} else {
					CHECK(len == 4 && !memcmp(line, "next", 4));
					CHECK_INT(lines.line, 2);
					good++;
				}
			}
		}
		CHECK_INT(big, 1);
		CHECK_INT(good, 1);
		CHECK(lines.buf.cap <= 8 << 20);
		vnep_lines_release(&lines);
	}
	free(text);
}

TEST("lines: exactly 1 MiB is taken")
{
	struct vnep_lines lines;
	char *text = malloc(VNEP_LINE_MAX + 1);
	const char *line;
	size_t len = 0;

	memset(text, 'x', VNEP_LINE_MAX);
	text[VNEP_LINE_MAX] = '\n';
	vnep_lines_init(&lines);
	vnep_lines_feed(&lines, text, VNEP_LINE_MAX + 1);
	CHECK_INT(vnep_lines_next(&lines, &line, &len), 1);
	CHECK_INT(len, VNEP_LINE_MAX);
	vnep_lines_release(&lines);
	free(text);
}

/* ---- writer ---- */

static const char *written(struct vnep_buf *buf, const char *value)
{
	struct vnep_jw w;

	vnep_buf_reset(buf);
	vnep_jw_record(&w, buf, "x");
	vnep_jw_str(&w, "s", value);
	vnep_jw_end_record(&w);
	return vnep_buf_str(buf);
}

TEST("writer: any string of octets comes out as JSON that reads back")
{
	struct vnep_buf buf = { 0 };
	struct vnep_json *json;
	char text[3] = "";

	for (unsigned c = 1; c < 65536; c++) {
		text[0] = (char)(c & 0xff);
		text[1] = (char)(c >> 8);
		written(&buf, text);
		json = NULL;
		CHECK_INT(vnep_json_parse((char *)buf.data, buf.len, &json, NULL), 0);
		if ((c & 0xff) < 0x80 && c >> 8 < 0x80)
			CHECK_STR(vnep_json_get_str(json, "s", "?"), text);
		vnep_json_free(json);
	}
	vnep_buf_release(&buf);
}

TEST("writer: control bytes are escaped, what is not UTF-8 becomes U+FFFD")
{
	struct vnep_buf buf = { 0 };

	CHECK_STR(written(&buf, "a\"\\\b\f\n\r\t\x01\x7f"),
		"{\"type\":\"x\",\"v\":1,\"s\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007f\"}\n");
	CHECK_STR(written(&buf, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xa4"),
		"{\"type\":\"x\",\"v\":1,\"s\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xa4\"}\n");
	/* overlong, surrogate, beyond U+10FFFF, cut off */
	CHECK_STR(written(&buf, "\xc0\xaf"),
		"{\"type\":\"x\",\"v\":1,\"s\":\"\xef\xbf\xbd\xef\xbf\xbd\"}\n");
	CHECK_STR(written(&buf, "\xed\xa0\x80"),
		"{\"type\":\"x\",\"v\":1,\"s\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}\n");
	CHECK_STR(written(&buf, "a\xf0\x9f\x92"),
		"{\"type\":\"x\",\"v\":1,\"s\":\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}\n");
	vnep_buf_release(&buf);
}

TEST("writer: every kind of member, nested, with its commas")
{
	struct vnep_buf buf = { 0 };
	struct vnep_jw w;
	struct in6_addr addr;
	struct vnep_mac mac;

	vnep_ip6_parse("2001:db8::1", &addr, NULL);
	vnep_mac_parse("00:00:5e:00:53:01", &mac, NULL);
	vnep_jw_record(&w, &buf, "x");
	vnep_jw_array(&w, "a");
	vnep_jw_u64(&w, NULL, 1);
	vnep_jw_object(&w, NULL);
	vnep_jw_end_object(&w);
	vnep_jw_ip6(&w, NULL, &addr);
	vnep_jw_end_array(&w);
	vnep_jw_object(&w, "o");
	vnep_jw_mac(&w, "m", &mac);
	vnep_jw_bool(&w, "b", false);
	vnep_jw_end_object(&w);
	vnep_jw_opt_str(&w, "none", "");
	vnep_jw_opt_str(&w, "none", NULL);
	vnep_jw_i64(&w, "i", INT64_MIN);
	vnep_jw_ts(&w, "t", (struct vnep_wall){ 0 });
	vnep_jw_raw(&w, "r", "[2]", 3);
	vnep_jw_end_record(&w);
	CHECK_STR(vnep_buf_str(&buf),
		"{\"type\":\"x\",\"v\":1,\"a\":[1,{},\"2001:db8::1\"],"
		"\"o\":{\"m\":\"00:00:5e:00:53:01\",\"b\":false},\"i\":-9223372036854775808,"
		"\"t\":\"1970-01-01T00:00:00.000000Z\",\"r\":[2]}\n");
	vnep_buf_release(&buf);
}

TEST("writer: numbers that a JSON reader would round are decimal strings")
{
	struct vnep_buf buf = { 0 };
	struct vnep_jw w;

	vnep_jw_record(&w, &buf, "x");
	vnep_jw_u64(&w, "a", 9007199254740991);
	vnep_jw_u64(&w, "b", 9007199254740992);
	vnep_jw_u64(&w, "c", UINT64_MAX);
	vnep_jw_end_record(&w);
	CHECK_STR(vnep_buf_str(&buf),
		"{\"type\":\"x\",\"v\":1,\"a\":9007199254740991,"
		"\"b\":\"9007199254740992\",\"c\":\"18446744073709551615\"}\n");
	vnep_buf_release(&buf);
}

/* ---- base64 ---- */

TEST("base64: the vectors of RFC 4648, there and back")
{
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" } };
	uint8_t out[16];
	size_t len;

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct vnep_buf buf = { 0 };
		struct vnep_jw w = { .buf = &buf };

		vnep_jw_base64(&w, NULL, (const uint8_t *)pairs[i][0], strlen(pairs[i][0]));
		CHECK_INT(buf.len, strlen(pairs[i][1]) + 2);
		CHECK(!memcmp(buf.data + 1, pairs[i][1], strlen(pairs[i][1])));
		CHECK_INT(vnep_base64_decode(pairs[i][1], strlen(pairs[i][1]), out, &len), 0);
		CHECK(len == strlen(pairs[i][0]) && !memcmp(out, pairs[i][0], len));
		vnep_buf_release(&buf);
	}
}

TEST("base64: every octet in every place survives")
{
	uint8_t in[768], out[768];
	struct vnep_buf buf = { 0 };
	struct vnep_jw w = { .buf = &buf };
	size_t len;

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i / 3 + i % 3 * 85);
	vnep_jw_base64(&w, NULL, in, sizeof in);
	CHECK_INT(vnep_base64_decode((char *)buf.data + 1, buf.len - 2, out, &len), 0);
	CHECK(len == sizeof in && !memcmp(in, out, len));
	vnep_buf_release(&buf);
}

TEST("base64: padding elsewhere, stray bits, other alphabets and white space are refused")
{
	static const char *const bad[] = { "Z", "Zg",
		"Zg=", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Z=g=", "Zm9v\n", "Zm-_", "Zm 9",
		"=Zg=" };
	uint8_t out[16];
	size_t len;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(vnep_base64_decode(bad[i], strlen(bad[i]), out, &len), VNEP_ESYNTAX);
}

int main(void)
{
	return t_run();
}
