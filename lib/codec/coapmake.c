/* coapmake - a request for many: its options in the order of their numbers, each a step on from the one before. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vnep/coapmake.h"
#include "vnep/err.h"

enum {
	VERSION = 1,
	HEAD_LEN = 4,
	TOKEN_MAX = 8,
	URI_PATH = 11,
	CONTENT_FORMAT = 12,
	URI_QUERY = 15,
	SEGMENT_MAX = 255,
	PAYLOAD_MARKER = 0xff,
};

const char *vnep_coap_method_text(int code)
{
	static const char *const methods[VNEP_COAP_METHODS + 1] = { NULL, "GET", "POST", "PUT",
		"DELETE", "FETCH", "PATCH", "iPATCH" };

	return code < 1 || code > VNEP_COAP_METHODS ? NULL : methods[code];
}

static uint8_t nibble(size_t value)
{
	return value < 13 ? (uint8_t)value : value < 269 ? 13 : 14;
}

static void put_extended(struct vnep_buf *out, size_t value)
{
	if (value >= 269)
		vnep_buf_put_be16(out, (uint16_t)(value - 269));
	else if (value >= 13)
		vnep_buf_put_u8(out, (uint8_t)(value - 13));
}

static void put_option(
	struct vnep_buf *out, unsigned *last, unsigned number, const void *value, size_t len)
{
	unsigned delta = number - *last;

	vnep_buf_put_u8(out, (uint8_t)(nibble(delta) << 4 | nibble(len)));
	put_extended(out, delta);
	put_extended(out, len);
	vnep_buf_put(out, value, len);
	*last = number;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The octets of a percent-encoded text; -1: it is none, or too long. */
static int decode(const char *text, size_t len, uint8_t out[static SEGMENT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++, n++) {
		int high = -1, low = -1;

		if (n == SEGMENT_MAX)
			return -1;
		if (text[i] != '%') {
			out[n] = (uint8_t)text[i];
			continue;
		}
		if (i + 2 < len)
			high = hex_digit(text[i + 1]);
		if (high >= 0)
			low = hex_digit(text[i + 2]);
		if (low < 0)
			return -1;
		out[n] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	return (int)n;
}

/* RFC 7252 5.10.1: a path has none of these. */
static bool is_dots(const uint8_t *octets, int n)
{
	return (n == 1 || n == 2) && octets[0] == '.' && octets[n - 1] == '.';
}

/* The pieces of a text between separators, each an option. */
static int put_pieces(struct vnep_buf *out, unsigned *last, unsigned number, const char *text,
	size_t len, char separator, struct vnep_err *err)
{
	const char *end = text + len;

	for (;;) {
		uint8_t octets[SEGMENT_MAX];
		const char *next = memchr(text, separator, (size_t)(end - text));
		size_t piece = (size_t)((next ? next : end) - text);
		int n = decode(text, piece, octets);

		if (n < 0)
			return vnep_err_set(err, VNEP_EVALUE,
				"\"uri\": \"%.*s\" is longer than 255 octets, or not "
				"percent-encoded",
				piece > 60 ? 60 : (int)piece, text);
		if (number == URI_PATH && is_dots(octets, n))
			return vnep_err_set(err, VNEP_EVALUE,
				"\"uri\": \"%.*s\" is no part of a path: say where it leads", n,
				(const char *)octets);
		put_option(out, last, number, octets, (size_t)n);
		if (!next)
			return 0;
		text = next + 1;
	}
}

static int put_options(
	struct vnep_buf *out, const struct vnep_coap_request *request, struct vnep_err *err)
{
	const char *uri = request->uri && *request->uri ? request->uri : "/",
		   *query = strchr(uri, '?'), *end = query ? query : uri + strlen(uri);
	uint8_t format[2] = { (uint8_t)(request->content_format >> 8),
		(uint8_t)request->content_format };
	unsigned last = 0;
	size_t format_len = !request->content_format ? 0 : request->content_format < 256 ? 1 : 2;
	int rc = 0;

	if (*uri != '/' || strchr(uri, '#'))
		return vnep_err_set(err, VNEP_EVALUE,
			"\"uri\" must be a path such as \"/light?on=1\": where it goes, the group "
			"says");
	if (end > uri + 1)
		rc = put_pieces(out, &last, URI_PATH, uri + 1, (size_t)(end - uri - 1), '/', err);
	if (!rc && request->content_format < VNEP_COAP_NO_FORMAT)
		put_option(out, &last, CONTENT_FORMAT, format + 2 - format_len, format_len);
	if (!rc && query && query[1])
		rc = put_pieces(out, &last, URI_QUERY, query + 1, strlen(query + 1), '&', err);
	return rc;
}

int vnep_coap_make(
	struct vnep_buf *out, const struct vnep_coap_request *request, struct vnep_err *err)
{
	const struct vnep_coap *head = &request->head;
	int rc;

	vnep_buf_put_u8(out, (uint8_t)(VERSION << 6 | (head->type & 3) << 4 | head->token_len));
	vnep_buf_put_u8(out, head->code);
	vnep_buf_put_be16(out, head->mid);
	vnep_buf_put(out, head->token, head->token_len);
	rc = put_options(out, request, err);
	if (!rc && request->payload_len) {
		vnep_buf_put_u8(out, PAYLOAD_MARKER);
		vnep_buf_put(out, request->payload, request->payload_len);
	}
	if (!rc && out->rc)
		rc = vnep_err_sys(err, ENOMEM, "instruction");
	return rc;
}

bool vnep_coap_head_read(struct vnep_coap *out, const uint8_t *payload, size_t len)
{
	struct vnep_coap coap = { 0 };

	if (len < HEAD_LEN || payload[0] >> 6 != VERSION)
		return false;
	coap.type = payload[0] >> 4 & 3;
	coap.token_len = payload[0] & 15;
	coap.code = payload[1];
	coap.mid = vnep_be16(payload + 2);
	if (coap.token_len > TOKEN_MAX || len < HEAD_LEN + (size_t)coap.token_len)
		return false;
	memcpy(coap.token, payload + HEAD_LEN, coap.token_len);
	*out = coap;
	return true;
}

void vnep_coap_code_print(uint8_t code, char out[static VNEP_COAP_CODE_LEN])
{
	snprintf(out, VNEP_COAP_CODE_LEN, "%u.%02u", code >> 5, code & 31u);
}
