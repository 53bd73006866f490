#include <stdint.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/json.h"

static struct vnep_json *parse(const char *text)
{
	struct vnep_json *json = NULL;

	vnep_json_parse(text, strlen(text), &json, NULL);
	return json;
}

/* The tree as text again, in a buffer that the next call takes. */
static const char *dumped(const struct vnep_json *json)
{
	static struct vnep_buf buf;

	vnep_buf_reset(&buf);
	CHECK_INT(vnep_json_dump(json, &buf), 0);
	return vnep_buf_str(&buf);
}

TEST("json: what comes in goes out, keys in their order")
{
	static const char *const same[] = {
		"{\"z\":1,\"a\":[true,false,null,-5],\"m\":{\"y\":\"x\"}}", "\"a\"",
		"9223372036854775807", "-9223372036854775808", "[]", "{}",
		"\"\xc3\xa4 \\\" \\\\ \\u0001\""
	};

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct vnep_json *json = parse(same[i]);

		CHECK(json);
		if (json)
			CHECK_STR(dumped(json), same[i]);
		vnep_json_free(json);
	}
}

TEST("json: what I-JSON forbids is malformed, with line and column")
{
	static const struct {
		const char *text;
		unsigned column;
	} bad[] = { { "", 1 }, { "{", 1 }, { "{\"a\":1,\"a\":2}", 10 }, { "{\"a\":NaN}", 8 },
		{ "[1,]", 4 }, { "{\"a\":1} x", 9 }, { "\"\\u0000\"", 8 }, { "\"\xff\"", 1 },
		{ "\"\xc3\"", 1 }, { "[9223372036854775808]", 20 }, { "\"\\ud800\"", 8 },
		{ "{'a':1}", 2 }, { "[01]", 2 } };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct vnep_json *json = NULL;
		struct vnep_err err = { 0 };

		vnep_err_place(&err, "-", 7, 0);
		CHECK_INT(vnep_json_parse(bad[i].text, strlen(bad[i].text), &json, &err),
			VNEP_ESYNTAX);
		CHECK(!json);
		CHECK_INT(err.line, 7);
		if (err.column != bad[i].column)
			printf("# %s: column %u\n", bad[i].text, err.column), t_failed = 1;
		CHECK(!strncmp(err.text, "malformed JSON: ", 16));
	}
}

TEST("json: a NUL byte inside the text is malformed, not its end")
{
	static const char text[] = "{\"a\":1}\0";
	struct vnep_json *json = NULL;

	CHECK_INT(vnep_json_parse(text, sizeof text - 1, &json, NULL), VNEP_ESYNTAX);
}

TEST("json: 32 levels are taken, 33 refused before anything recurses")
{
	static char deep[200001];
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };

	memset(deep, '[', 32);
	memset(deep + 32, ']', 32);
	CHECK_INT(vnep_json_parse(deep, 64, &json, &err), 0);
	vnep_json_free(json);
	memset(deep, '[', 200000);
	CHECK_INT(vnep_json_parse(deep, 200000, &json, &err), VNEP_ESYNTAX);
	CHECK_INT(err.column, 33);
	CHECK_STR(err.text, "nested deeper than 32");
	json = parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ \\\" [[[\"");
	CHECK(json); /* brackets inside a string are no levels */
	vnep_json_free(json);
}

TEST("json: more than 1 MiB is too big")
{
	struct vnep_json *json = NULL;
	char *big = malloc(VNEP_LINE_MAX + 1);

	memset(big, ' ', VNEP_LINE_MAX + 1);
	big[0] = '1';
	CHECK_INT(vnep_json_parse(big, VNEP_LINE_MAX, &json, NULL), 0);
	vnep_json_free(json);
	CHECK_INT(vnep_json_parse(big, VNEP_LINE_MAX + 1, &json, NULL), VNEP_ETOOBIG);
	free(big);
}

TEST("json: a member of another type is the same as none")
{
	struct vnep_json *json = parse("{\"s\":\"x\",\"i\":7,\"b\":true,\"r\":1.5,\"n\":null}");
	int64_t i = 42;
	bool b = true;

	CHECK_STR(vnep_json_get_str(json, "s", "-"), "x");
	CHECK_STR(vnep_json_get_str(json, "i", "-"), "-");
	CHECK_INT(vnep_json_get_int(json, "i", -1), 7);
	CHECK_INT(vnep_json_get_int(json, "r", -1), -1);
	CHECK_INT(vnep_json_get_int(json, "none", -1), -1);
	CHECK(vnep_json_get_bool(json, "b", false));
	CHECK(vnep_json_get_bool(json, "s", true));
	CHECK(!vnep_json_str(vnep_json_get(json, "i")));
	CHECK(!vnep_json_int(vnep_json_get(json, "s"), &i));
	CHECK(!vnep_json_bool(vnep_json_get(json, "s"), &b));
	CHECK_INT(i, 42);
	CHECK(!vnep_json_get(vnep_json_get(json, "i"), "x"));
	CHECK_INT(vnep_json_type(vnep_json_get(json, "n")), VNEP_JSON_NULL);
	CHECK_INT(vnep_json_type(vnep_json_get(json, "r")), VNEP_JSON_REAL);
	CHECK_STR(vnep_json_type_name(vnep_json_get(json, "b")), "a boolean");
	CHECK_INT(vnep_json_count(json), 0);
	CHECK(!vnep_json_at(json, 0));
	vnep_json_free(json);
}

static int until_b(const char *key, struct vnep_json *value, void *arg)
{
	++*(int *)arg;
	(void)value;
	return strcmp(key, "b") ? 0 : 5;
}

TEST("json: a walk over the members stops where it is told to")
{
	struct vnep_json *json = parse("{\"a\":1,\"b\":2,\"c\":3}");
	int n = 0;

	CHECK_INT(vnep_json_each(json, until_b, &n), 5);
	CHECK_INT(n, 2);
	vnep_json_free(json);
}

TEST("json: a tree is built, changed, copied and compared")
{
	struct vnep_json *a = vnep_json_object(), *list = vnep_json_array(), *b;

	CHECK_INT(vnep_json_set_str(a, "s", "x"), 0);
	CHECK_INT(vnep_json_set_int(a, "i", -7), 0);
	CHECK_INT(vnep_json_append(list, vnep_json_integer(1)), 0);
	CHECK_INT(vnep_json_append(list, vnep_json_string("two")), 0);
	CHECK_INT(vnep_json_set(a, "l", list), 0);
	CHECK_INT(vnep_json_set_bool(a, "b", true), 0);
	CHECK_STR(dumped(a), "{\"s\":\"x\",\"i\":-7,\"l\":[1,\"two\"],\"b\":true}");
	b = vnep_json_copy(a);
	CHECK(vnep_json_equal(a, b));
	vnep_json_remove(b, "s");
	vnep_json_remove(b, "none");
	CHECK(!vnep_json_equal(a, b));
	CHECK_STR(dumped(b), "{\"i\":-7,\"l\":[1,\"two\"],\"b\":true}");
	CHECK(vnep_json_set_str(a, "s", "\xff") < 0); /* not UTF-8 */
	vnep_json_free(a);
	vnep_json_free(b);
	vnep_json_free(NULL);
}

TEST("json: known keys go to the front in their order, the others keep theirs")
{
	static const char *const keys[] = { "type", "v", "a", "b", NULL };
	static const char *const pairs[][2] = { { "{\"type\":1,\"v\":1,\"b\":2}",
							"{\"type\":1,\"v\":1,\"b\":2}" },
		{ "{\"b\":2,\"a\":1,\"v\":1,\"type\":1}", "{\"type\":1,\"v\":1,\"a\":1,\"b\":2}" },
		{ "{\"x\":9,\"b\":2,\"y\":8}", "{\"b\":2,\"x\":9,\"y\":8}" },
		{ "{\"a\":1,\"x\":9,\"b\":2}", "{\"a\":1,\"b\":2,\"x\":9}" },
		{ "{\"y\":1,\"x\":2}", "{\"y\":1,\"x\":2}" }, { "{}", "{}" } };

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct vnep_json *json = parse(pairs[i][0]);

		CHECK_INT(vnep_json_order(json, keys), 0);
		CHECK_STR(dumped(json), pairs[i][1]);
		vnep_json_free(json);
	}
}

static unsigned column(const char *text, const char *parent, size_t index, const char *key)
{
	return vnep_json_column(text, strlen(text), parent, index, key);
}

TEST("json: the column of a key is that of its opening quote, in the right object")
{
	const char *text =
		"{\"a\":{\"b\":1}, \"b\" : "
		"2,\"l\":[{\"b\":3},{\"c\":[{\"b\":0}],\"b\":4}],\"s\":\"{\\\"k\\\":1\"}";

	CHECK_INT(column(text, NULL, 0, "a"), 2);
	CHECK_INT(column(text, NULL, 0, "b"), 15);
	CHECK_INT(column(text, "a", 0, "b"), 7);
	CHECK_INT(column(text, "l", 0, "b"), 29);
	CHECK_INT(column(text, "l", 1, "b"), 51);
	CHECK_INT(column(text, "l", 2, "b"), 0);
	CHECK_INT(column(text, NULL, 0, "k"), 0); /* inside a string */
	CHECK_INT(column(text, NULL, 0, "c"), 0);
	CHECK_INT(column(text, "none", 0, "b"), 0);
	CHECK_INT(column("{\"a\":\"b\",\"b\":1}", NULL, 0, "b"), 10); /* a value is no key */
	CHECK_INT(column("{\"a", NULL, 0, "a"), 0);
	CHECK_INT(vnep_json_column(NULL, 0, NULL, 0, "a"), 0);
}

int main(void)
{
	return t_run();
}
