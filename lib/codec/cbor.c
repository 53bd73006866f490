/*
 * cbor - one pass over the item with a stack of open arrays and maps; nothing calls itself.
 *
 * What comes out is parsed once more as JSON: that finds keys that stand twice.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "vnep/cbor.h"
#include "vnep/err.h"
#include "vnep/json.h"
#include "vnep/ndjson.h"

enum { DEPTH_MAX = 32, BREAK = 0xff };
enum { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };
enum { FALSE = 20, TRUE = 21, HALF = 25, SINGLE = 26, DOUBLE = 27, INDEFINITE = 31 };

struct level {
	uint64_t left; /* items that are still to come; of a map two for each pair */
	bool map, indefinite, first;
};

struct decoding {
	struct vnep_buf out;
	struct vnep_rd rd;
	struct level stack[DEPTH_MAX];
	unsigned depth;
	bool key; /* the next item is the key of a pair */
	bool done;
};

/* The argument of a head: in the head itself, or in 1, 2, 4 or 8 octets behind it. */
static bool argument(struct vnep_rd *rd, uint8_t info, uint64_t *out)
{
	switch (info) {
	case 24: *out = vnep_rd_u8(rd); break;
	case 25: *out = vnep_rd_be16(rd); break;
	case 26: *out = vnep_rd_be32(rd); break;
	case 27: *out = vnep_rd_be64(rd); break;
	default:
		if (info > 24)
			return false;
		*out = info;
	}
	return !rd->overrun;
}

/* What stands in front of an item: comma, colon, nothing. */
static void separate(struct decoding *d)
{
	struct level *top = d->depth ? &d->stack[d->depth - 1] : NULL;

	if (!top)
		return;
	if (top->map && !d->key)
		vnep_buf_put_u8(&d->out, ':');
	else if (!top->first)
		vnep_buf_put_u8(&d->out, ',');
	top->first = false;
}

/* An item is complete: so may be the arrays and maps around it. */
static bool complete(struct decoding *d)
{
	while (d->depth) {
		struct level *top = &d->stack[d->depth - 1];

		if (top->map)
			d->key = !d->key;
		if (top->indefinite || --top->left)
			return true;
		vnep_buf_put_u8(&d->out, top->map ? '}' : ']');
		d->depth--;
		d->key = d->depth && d->stack[d->depth - 1].map && d->key;
		if (d->depth && d->stack[d->depth - 1].map)
			d->key = false; /* what is closed was a value: no container is a key */
	}
	d->done = true;
	return true;
}

static bool open_level(struct decoding *d, bool map, bool indefinite, uint64_t count)
{
	if (d->depth == DEPTH_MAX || count > vnep_rd_left(&d->rd))
		return false;
	separate(d);
	vnep_buf_put_u8(&d->out, map ? '{' : '[');
	if (!indefinite && !count) {
		vnep_buf_put_u8(&d->out, map ? '}' : ']');
		return complete(d);
	}
	d->stack[d->depth++] = (struct level){
		.left = map ? 2 * count : count, .map = map, .indefinite = indefinite, .first = true
	};
	d->key = map;
	return true;
}

/* The octets of a string, of one piece or of several. */
static bool collect(struct decoding *d, uint8_t major, uint8_t info, struct vnep_buf *out)
{
	const uint8_t *piece;
	uint64_t len;

	if (info != INDEFINITE) {
		if (!argument(&d->rd, info, &len) || len > vnep_rd_left(&d->rd))
			return false;
		piece = vnep_rd_mem(&d->rd, (size_t)len);
		vnep_buf_put(out, piece, (size_t)len);
		return true;
	}
	for (;;) {
		uint8_t head = vnep_rd_u8(&d->rd);

		if (d->rd.overrun)
			return false;
		if (head == BREAK)
			return true;
		if (head >> 5 != major || (head & 31) == INDEFINITE ||
			!argument(&d->rd, head & 31, &len) || len > vnep_rd_left(&d->rd))
			return false;
		piece = vnep_rd_mem(&d->rd, (size_t)len);
		vnep_buf_put(out, piece, (size_t)len);
	}
}

/* UTF-8 without NUL, as JSON has it. */
static bool is_text(struct vnep_buf *octets)
{
	struct vnep_json *json;

	if (octets->len && memchr(octets->data, 0, octets->len))
		return false;
	json = vnep_json_string(vnep_buf_str(octets));
	vnep_json_free(json);
	return json != NULL;
}

static bool put_string(struct decoding *d, uint8_t major, uint8_t info)
{
	struct vnep_buf octets = { 0 };
	struct vnep_jw w = { .buf = &d->out };
	bool good = collect(d, major, info, &octets);

	if (good && major == TEXT)
		good = is_text(&octets);
	if (good) {
		separate(d);
		if (major == TEXT)
			vnep_jw_str(&w, NULL, vnep_buf_str(&octets));
		else
			vnep_jw_base64(&w, NULL, octets.data, octets.len);
	}
	if (octets.rc)
		d->out.rc = octets.rc;
	vnep_buf_release(&octets);
	return good && complete(d);
}

/* -1 - value does not always fit; beyond 2^53 text, as everywhere. */
static bool put_integer(struct decoding *d, bool negative, uint64_t value)
{
	const uint64_t most = 1ULL << 53;
	bool text = d->key || value >= most;

	separate(d);
	if (text)
		vnep_buf_put_u8(&d->out, '"');
	if (negative && value == UINT64_MAX)
		vnep_buf_put_str(&d->out, "-18446744073709551616");
	else
		vnep_buf_printf(&d->out, "%s%llu", negative ? "-" : "",
			(unsigned long long)(value + negative));
	if (text)
		vnep_buf_put_u8(&d->out, '"');
	return complete(d);
}

static double half(uint16_t bits)
{
	int exponent = bits >> 10 & 31;
	double fraction = bits & 1023, value;

	if (exponent == 31)
		return NAN;
	value = exponent ? ldexp(fraction + 1024, exponent - 25) : ldexp(fraction, -24);
	return bits & 0x8000 ? -value : value;
}

static double number(uint8_t info, uint64_t bits)
{
	uint32_t word = (uint32_t)bits;
	float single;
	double wide;

	if (info == HALF)
		return half((uint16_t)bits);
	if (info == SINGLE) {
		memcpy(&single, &word, sizeof single);
		return (double)single;
	}
	memcpy(&wide, &bits, sizeof wide);
	return wide;
}

static bool put_simple(struct decoding *d, uint8_t info)
{
	uint64_t bits;
	double value;

	if (d->key || info == INDEFINITE || !argument(&d->rd, info, &bits))
		return false;
	separate(d);
	if (info == FALSE || info == TRUE) {
		vnep_buf_put_str(&d->out, info == TRUE ? "true" : "false");
	} else if (info >= HALF) {
		value = number(info, bits);
		if (isfinite(value))
			vnep_buf_printf(&d->out, info == DOUBLE ? "%.17g" : "%.9g", value);
		else
			vnep_buf_put_str(&d->out, "null");
	} else {
		vnep_buf_put_str(&d->out, "null");
	}
	return complete(d);
}

/* The end of an array or map of unknown length; a map ends behind a value. */
static bool take_break(struct decoding *d)
{
	struct level *top = d->depth ? &d->stack[d->depth - 1] : NULL;

	if (!top || !top->indefinite || (top->map && !d->key))
		return false;
	vnep_buf_put_u8(&d->out, top->map ? '}' : ']');
	d->depth--;
	d->key = false;
	return complete(d);
}

static bool step(struct decoding *d)
{
	uint8_t head = vnep_rd_u8(&d->rd), major = head >> 5, info = head & 31;
	bool indefinite = info == INDEFINITE;
	uint64_t value = 0;

	if (d->rd.overrun)
		return false;
	if (head == BREAK)
		return take_break(d);
	if (d->key && (major == ARRAY || major == MAP || major == BYTES))
		return false; /* JSON has no such keys */
	switch (major) {
	case UNSIGNED:
	case NEGATIVE:
		return argument(&d->rd, info, &value) && put_integer(d, major == NEGATIVE, value);
	case BYTES:
	case TEXT: return put_string(d, major, info);
	case ARRAY:
	case MAP:
		return (indefinite || argument(&d->rd, info, &value)) &&
		       open_level(d, major == MAP, indefinite, value);
	case TAG: return argument(&d->rd, info, &value);
	default: return put_simple(d, info);
	}
}

int vnep_cbor_to_json(struct vnep_buf *out, const uint8_t *data, size_t len)
{
	struct decoding d = { 0 };
	struct vnep_json *json = NULL;
	bool good = true;
	int rc = 0;

	vnep_rd_init(&d.rd, data, len);
	while (good && !d.done)
		good = step(&d);
	if (!good || vnep_rd_left(&d.rd))
		rc = VNEP_ESYNTAX;
	else if (d.out.rc)
		rc = d.out.rc;
	else
		rc = vnep_json_parse((const char *)d.out.data, d.out.len, &json, NULL);
	vnep_json_free(json);
	if (!rc)
		vnep_buf_put(out, d.out.data, d.out.len);
	else if (rc != -ENOMEM)
		rc = VNEP_ESYNTAX;
	vnep_buf_release(&d.out);
	return rc;
}
