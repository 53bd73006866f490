/* fuzz-ndjson - lines do not depend on how the bytes come; the writer's output is always JSON. */
#include "fuzz.h"
#include "vnep/json.h"
#include "vnep/ndjson.h"

static void add(struct vnep_buf *out, const struct vnep_lines *lines, const char *text, size_t len)
{
	vnep_buf_printf(out, "%u:", lines->line);
	vnep_buf_put(out, text, len);
	vnep_buf_put_u8(out, '\n');
}

/* All lines with their numbers, fed in pieces of step octets. */
static void cut(struct vnep_buf *out, const uint8_t *data, size_t size, size_t step)
{
	struct vnep_lines lines;
	const char *text;
	size_t len;
	int rc;

	vnep_lines_init(&lines);
	for (size_t at = 0; at < size; at += step) {
		HOLDS(!vnep_lines_feed(&lines, data + at, size - at < step ? size - at : step));
		while ((rc = vnep_lines_next(&lines, &text, &len)))
			add(out, &lines, rc == 1 ? text : "?", rc == 1 ? len : 1);
	}
	if (vnep_lines_end(&lines, &text, &len))
		add(out, &lines, text, len);
	vnep_lines_release(&lines);
}

static void write_string(const uint8_t *data, size_t size)
{
	struct vnep_buf text = { 0 }, out = { 0 };
	struct vnep_json *json = NULL;
	struct vnep_jw w;

	vnep_buf_put(&text, data, size);
	vnep_jw_record(&w, &out, "x");
	vnep_jw_str(&w, "s", vnep_buf_str(&text));
	vnep_jw_base64(&w, "b", data, size);
	vnep_jw_end_record(&w);
	HOLDS(!vnep_json_parse((const char *)out.data, out.len, &json, NULL));
	HOLDS(vnep_json_get_str(json, "s", NULL));
	vnep_json_free(json);
	vnep_buf_release(&text);
	vnep_buf_release(&out);
}

/* What decodes is the only text of its octets. */
static void read_base64(const uint8_t *data, size_t size)
{
	uint8_t *out = malloc(size / 4 * 3 + 1);
	struct vnep_buf buf = { 0 };
	struct vnep_jw w = { .buf = &buf };
	size_t len;

	if (!vnep_base64_decode((const char *)data, size, out, &len)) {
		vnep_jw_base64(&w, NULL, out, len);
		HOLDS(buf.len == size + 2 && !memcmp(buf.data + 1, data, size));
	}
	vnep_buf_release(&buf);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnep_buf whole = { 0 }, pieces = { 0 };

	if (!size || size > VNEP_LINE_MAX / 8)
		return 0;
	cut(&whole, data + 1, size - 1, size);
	cut(&pieces, data + 1, size - 1, 1 + data[0] % 61);
	HOLDS(whole.len == pieces.len &&
		(!whole.len || !memcmp(whole.data, pieces.data, whole.len)));
	write_string(data + 1, size - 1);
	read_base64(data + 1, size - 1);
	vnep_buf_release(&whole);
	vnep_buf_release(&pieces);
	return 0;
}
