/* ndjson - lines cut from a stream, and records written straight into a buffer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/json.h"
#include "vnep/ndjson.h"

void vnep_lines_init(struct vnep_lines *lines)
{
	*lines = (struct vnep_lines){ 0 };
}

void vnep_lines_release(struct vnep_lines *lines)
{
	vnep_buf_release(&lines->buf);
	*lines = (struct vnep_lines){ 0 };
}

/* Lent lines end when more is fed: only here bytes move. */
int vnep_lines_feed(struct vnep_lines *lines, const void *data, size_t len)
{
	vnep_buf_consume(&lines->buf, lines->at);
	lines->seen -= lines->at;
	lines->at = 0;
	vnep_buf_put(&lines->buf, data, len);
	return lines->buf.rc;
}

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
			return false;
	return true;
}

/* A line without its newline and carriage return, from at to end. */
static bool lend(const struct vnep_lines *lines, size_t end, const char **text, size_t *len)
{
	const char *at = (const char *)lines->buf.data + lines->at;
	size_t n = end - lines->at;

	if (is_blank(at, n))
		return false;
	if (at[n - 1] == '\r')
		n--;
	*text = at;
	*len = n;
	return true;
}

int vnep_lines_next(struct vnep_lines *lines, const char **text, size_t *len)
{
	for (;;) {
		const uint8_t *data = lines->buf.data, *newline;
		size_t left = lines->buf.len - lines->seen, end;
		bool given;

		newline = left ? memchr(data + lines->seen, '\n', left) : NULL;
		if (!newline) {
			lines->seen = lines->buf.len;
			if (lines->skipping) {
				lines->at = lines->seen;
				return 0;
			}
			if (lines->seen - lines->at <= VNEP_LINE_MAX)
				return 0;
			lines->skipping = true;
			lines->at = lines->seen;
			lines->line++;
			return VNEP_ETOOBIG;
		}
		end = (size_t)(newline - data);
		if (lines->skipping) {
			lines->skipping = false;
			lines->at = lines->seen = end + 1;
			continue;
		}
		lines->line++;
		if (end - lines->at > VNEP_LINE_MAX) {
			lines->at = lines->seen = end + 1;
			return VNEP_ETOOBIG;
		}
		given = lend(lines, end, text, len);
		lines->at = lines->seen = end + 1;
		if (given)
			return 1;
	}
}

int vnep_lines_end(struct vnep_lines *lines, const char **text, size_t *len)
{
	bool given = false;

	if (!lines->skipping && lines->buf.len > lines->at) {
		lines->line++;
		given = lend(lines, lines->buf.len, text, len);
	}
	lines->at = lines->seen = lines->buf.len;
	lines->skipping = false;
	return given;
}

/* ---- records out ---- */

/* Length of the valid UTF-8 sequence at p, 0 if it is none (RFC 3629: no surrogates, shortest form). */
static size_t utf8_len(const uint8_t *p)
{
	uint32_t c;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((p[0] & 0xf0) == 0xe0) {
		if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		c = (uint32_t)(p[0] & 15) << 12 | (uint32_t)(p[1] & 63) << 6 | (p[2] & 63u);
		return c >= 0x800 && (c < 0xd800 || c > 0xdfff) ? 3 : 0;
	}
	if ((p[0] & 0xf8) == 0xf0) {
		if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
			return 0;
		c = (uint32_t)(p[0] & 7) << 18 | (uint32_t)(p[1] & 63) << 12 |
		    (uint32_t)(p[2] & 63) << 6 | (p[3] & 63u);
		return c >= 0x10000 && c <= 0x10ffff ? 4 : 0;
	}
	return 0;
}

static void put_escaped(struct vnep_buf *buf, uint8_t c)
{
	static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
	char text[8];

	for (size_t i = 0; i < sizeof named - 1; i += 2) {
		if ((uint8_t)named[i] == c) {
			text[0] = '\\';
			text[1] = named[i + 1];
			vnep_buf_put(buf, text, 2);
			return;
		}
	}
	snprintf(text, sizeof text, "\\u%04x", c);
	vnep_buf_put(buf, text, 6);
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_odd_string(struct vnep_buf *buf, const char *value)
{
	const uint8_t *p = (const uint8_t *)value, *plain = p;

	vnep_buf_put_u8(buf, '"');
	while (*p) {
		size_t n = utf8_len(p);

		if (n && *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f) {
			p += n;
			continue;
		}
		vnep_buf_put(buf, plain, (size_t)(p - plain));
		if (n)
			put_escaped(buf, *p);
		else
			vnep_buf_put_str(buf, "\xef\xbf\xbd");
		plain = ++p;
	}
	vnep_buf_put(buf, plain, (size_t)(p - plain));
	vnep_buf_put_u8(buf, '"');
}

/* Nearly all of them are plain, and a record has some twenty. */
static void put_string(struct vnep_buf *buf, const char *value)
{
	size_t len = 0;
	uint8_t *at;

	while (is_plain((uint8_t)value[len]))
		len++;
	if (value[len]) {
		put_odd_string(buf, value);
		return;
	}
	at = vnep_buf_reserve(buf, len + 2);
	if (!at)
		return;
	at[0] = '"';
	memcpy(at + 1, value, len);
	at[len + 1] = '"';
	buf->len += len + 2;
}

static void member(struct vnep_jw *w, const char *key)
{
	if (w->comma)
		vnep_buf_put_u8(w->buf, ',');
	w->comma = true;
	if (key) {
		put_string(w->buf, key);
		vnep_buf_put_u8(w->buf, ':');
	}
}

void vnep_jw_record(struct vnep_jw *w, struct vnep_buf *buf, const char *type)
{
	*w = (struct vnep_jw){ .buf = buf };
	vnep_buf_put_u8(buf, '{');
	vnep_jw_str(w, "type", type);
	vnep_jw_u64(w, "v", 1);
}

void vnep_jw_end_record(struct vnep_jw *w)
{
	vnep_buf_put(w->buf, "}\n", 2);
}

void vnep_jw_object(struct vnep_jw *w, const char *key)
{
	member(w, key);
	vnep_buf_put_u8(w->buf, '{');
	w->comma = false;
}

void vnep_jw_end_object(struct vnep_jw *w)
{
	vnep_buf_put_u8(w->buf, '}');
	w->comma = true;
}

void vnep_jw_array(struct vnep_jw *w, const char *key)
{
	member(w, key);
	vnep_buf_put_u8(w->buf, '[');
	w->comma = false;
}

void vnep_jw_end_array(struct vnep_jw *w)
{
	vnep_buf_put_u8(w->buf, ']');
	w->comma = true;
}

void vnep_jw_str(struct vnep_jw *w, const char *key, const char *value)
{
	member(w, key);
	put_string(w->buf, value);
}

void vnep_jw_opt_str(struct vnep_jw *w, const char *key, const char *value)
{
	if (value && *value)
		vnep_jw_str(w, key, value);
}

void vnep_jw_u64(struct vnep_jw *w, const char *key, uint64_t value)
{
	bool exact = value < (uint64_t)1 << 53;

	member(w, key);
	if (!exact)
		vnep_buf_put_u8(w->buf, '"');
	vnep_buf_put_decimal(w->buf, value);
	if (!exact)
		vnep_buf_put_u8(w->buf, '"');
}

void vnep_jw_i64(struct vnep_jw *w, const char *key, int64_t value)
{
	member(w, key);
	if (value < 0)
		vnep_buf_put_u8(w->buf, '-');
	vnep_buf_put_decimal(w->buf, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void vnep_jw_bool(struct vnep_jw *w, const char *key, bool value)
{
	member(w, key);
	vnep_buf_put_str(w->buf, value ? "true" : "false");
}

void vnep_jw_ip6(struct vnep_jw *w, const char *key, const struct in6_addr *addr)
{
	char text[VNEP_IP6_LEN];

	vnep_ip6_print(addr, text);
	vnep_jw_str(w, key, text);
}

void vnep_jw_mac(struct vnep_jw *w, const char *key, const struct vnep_mac *mac)
{
	char text[VNEP_MAC_LEN];

	vnep_mac_print(mac, text);
	vnep_jw_str(w, key, text);
}

void vnep_jw_ts(struct vnep_jw *w, const char *key, struct vnep_wall ts)
{
	char text[VNEP_TS_LEN];

	vnep_wall_print(ts, text);
	vnep_jw_str(w, key, text);
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void vnep_jw_base64(struct vnep_jw *w, const char *key, const uint8_t *data, size_t len)
{
	uint8_t *at;
	size_t i;

	member(w, key);
	vnep_buf_put_u8(w->buf, '"');
	at = vnep_buf_reserve(w->buf, (len + 2) / 3 * 4);
	for (i = 0; at && i < len; i += 3) {
		uint32_t v = (uint32_t)data[i] << 16;

		if (i + 1 < len)
			v |= (uint32_t)data[i + 1] << 8;
		if (i + 2 < len)
			v |= data[i + 2];
		*at++ = (uint8_t)base64_digits[v >> 18];
		*at++ = (uint8_t)base64_digits[v >> 12 & 63];
		*at++ = i + 1 < len ? (uint8_t)base64_digits[v >> 6 & 63] : '=';
		*at++ = i + 2 < len ? (uint8_t)base64_digits[v & 63] : '=';
	}
	if (at)
		w->buf->len += (len + 2) / 3 * 4;
	vnep_buf_put_u8(w->buf, '"');
}

void vnep_jw_raw(struct vnep_jw *w, const char *key, const char *json, size_t len)
{
	member(w, key);
	vnep_buf_put(w->buf, json, len);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int vnep_base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
	size_t n = 0;

	if (len % 4)
		return VNEP_ESYNTAX;
	for (size_t i = 0; i < len; i += 4) {
		unsigned pad = i + 4 < len || text[i + 3] != '=' ? 0 : text[i + 2] == '=' ? 2 : 1;
		uint32_t v = 0;

		for (unsigned k = 0; k < 4; k++) {
			int d = k >= 4 - pad ? 0 : base64_value(text[i + k]);

			if (d < 0)
				return VNEP_ESYNTAX;
			v = v << 6 | (uint32_t)d;
		}
		if ((pad == 1 && v & 0xff) || (pad == 2 && v & 0xffff))
			return VNEP_ESYNTAX; /* bits that belong to no octet */
		out[n++] = (uint8_t)(v >> 16);
		if (pad < 2)
			out[n++] = (uint8_t)(v >> 8);
		if (!pad)
			out[n++] = (uint8_t)v;
	}
	*out_len = n;
	return 0;
}
