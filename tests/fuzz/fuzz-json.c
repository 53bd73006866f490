/* fuzz-json - what is taken can be written and read back as the same; a column lies inside the text. */
#include "fuzz.h"
#include "vnep/err.h"
#include "vnep/json.h"

struct text {
	const char *data;
	size_t len;
};

static int find_column(const char *key, struct vnep_json *value, void *arg)
{
	const struct text *text = arg;

	(void)value;
	HOLDS(vnep_json_column(text->data, text->len, NULL, 0, key) <= text->len);
	HOLDS(vnep_json_column(text->data, text->len, key, 1, "to") <= text->len);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = { "type", "v", "dev", "a", NULL };
	struct text text = { (const char *)data, size };
	struct vnep_json *json, *again = NULL, *copy;
	struct vnep_buf buf = { 0 };
	struct vnep_err err = { 0 };

	vnep_json_column(text.data, size, "a", 0, "b");
	if (vnep_json_parse(text.data, size, &json, &err)) {
		HOLDS(err.text[0] &&
			(err.code != VNEP_ESYNTAX || (err.column && err.column <= size + 1)));
		return 0;
	}
	vnep_json_each(json, find_column, &text);
	HOLDS(!vnep_json_dump(json, &buf));
	if (buf.len <= VNEP_LINE_MAX) {
		HOLDS(!vnep_json_parse((const char *)buf.data, buf.len, &again, NULL));
		HOLDS(vnep_json_equal(json, again));
	}
	copy = vnep_json_copy(json);
	if (vnep_json_type(json) == VNEP_JSON_OBJECT)
		HOLDS(!vnep_json_order(json, keys));
	HOLDS(vnep_json_equal(json, copy));
	vnep_json_free(copy);
	vnep_json_free(again);
	vnep_json_free(json);
	vnep_buf_release(&buf);
	return 0;
}
