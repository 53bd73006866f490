/* buf - a growing buffer and a bounded reader, both with sticky errors. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/buf.h"

void vnep_buf_init(struct vnep_buf *buf)
{
	*buf = (struct vnep_buf){ 0 };
}

void vnep_buf_release(struct vnep_buf *buf)
{
	if (!buf)
		return;
	free(buf->data);
	*buf = (struct vnep_buf){ 0 };
}

void vnep_buf_reset(struct vnep_buf *buf)
{
	buf->len = 0;
	buf->rc = 0;
}

uint8_t *vnep_buf_reserve(struct vnep_buf *buf, size_t len)
{
	size_t need, cap;
	uint8_t *data;

	if (buf->rc)
		return NULL;
	if (__builtin_add_overflow(buf->len, len, &need) || need > SIZE_MAX / 2) {
		buf->rc = -ENOMEM;
		return NULL;
	}
	if (need > buf->cap || !buf->data) { /* room for nothing is still no NULL */
		cap = buf->cap ? buf->cap : 256;
		while (cap < need)
			cap *= 2;
		data = realloc(buf->data, cap);
		if (!data) {
			buf->rc = -ENOMEM;
			return NULL;
		}
		buf->data = data;
		buf->cap = cap;
	}
	return buf->data + buf->len;
}

void vnep_buf_put(struct vnep_buf *buf, const void *data, size_t len)
{
	uint8_t *at = vnep_buf_reserve(buf, len);

	if (!at || !len)
		return;
	memcpy(at, data, len);
	buf->len += len;
}

void vnep_buf_put_zero(struct vnep_buf *buf, size_t len)
{
	uint8_t *at = vnep_buf_reserve(buf, len);

	if (!at || !len)
		return;
	memset(at, 0, len);
	buf->len += len;
}

void vnep_buf_put_str(struct vnep_buf *buf, const char *text)
{
	vnep_buf_put(buf, text, strlen(text));
}

static void put_be(struct vnep_buf *buf, uint64_t v, unsigned width)
{
	uint8_t b[8];

	for (unsigned i = 0; i < width; i++)
		b[i] = (uint8_t)(v >> 8 * (width - 1 - i));
	vnep_buf_put(buf, b, width);
}

static void put_le(struct vnep_buf *buf, uint64_t v, unsigned width)
{
	uint8_t b[8];

	for (unsigned i = 0; i < width; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	vnep_buf_put(buf, b, width);
}

void vnep_buf_put_u8(struct vnep_buf *buf, uint8_t v)
{
	if (!buf->rc && buf->len < buf->cap)
		buf->data[buf->len++] = v;
	else
		vnep_buf_put(buf, &v, 1);
}

void vnep_buf_put_be16(struct vnep_buf *buf, uint16_t v)
{
	put_be(buf, v, 2);
}

void vnep_buf_put_be32(struct vnep_buf *buf, uint32_t v)
{
	put_be(buf, v, 4);
}

void vnep_buf_put_be64(struct vnep_buf *buf, uint64_t v)
{
	put_be(buf, v, 8);
}

void vnep_buf_put_le16(struct vnep_buf *buf, uint16_t v)
{
	put_le(buf, v, 2);
}

void vnep_buf_put_le32(struct vnep_buf *buf, uint32_t v)
{
	put_le(buf, v, 4);
}

void vnep_buf_put_le64(struct vnep_buf *buf, uint64_t v)
{
	put_le(buf, v, 8);
}

/* Of millions of records: vsnprintf takes ten times as long. */
void vnep_buf_put_decimal(struct vnep_buf *buf, uint64_t v)
{
	char text[20], *at = text + sizeof text;

	do
		*--at = (char)('0' + v % 10);
	while (v /= 10);
	vnep_buf_put(buf, at, (size_t)(text + sizeof text - at));
}

void vnep_buf_printf(struct vnep_buf *buf, const char *fmt, ...)
{
	va_list ap, again;
	uint8_t *at;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	at = n < 0 ? NULL : vnep_buf_reserve(buf, (size_t)n + 1);
	if (at) {
		vsnprintf((char *)at, (size_t)n + 1, fmt, again);
		buf->len += (size_t)n;
	}
	va_end(again);
}

void vnep_buf_consume(struct vnep_buf *buf, size_t len)
{
	if (len > buf->len)
		len = buf->len;
	if (len)
		memmove(buf->data, buf->data + len, buf->len - len);
	buf->len -= len;
}

const char *vnep_buf_str(struct vnep_buf *buf)
{
	uint8_t *at = vnep_buf_reserve(buf, 1);

	if (!at)
		return "";
	*at = 0;
	return (const char *)buf->data;
}

void vnep_rd_init(struct vnep_rd *rd, const void *data, size_t len)
{
	rd->at = data;
	rd->end = data ? rd->at + len : rd->at;
	rd->overrun = false;
}

size_t vnep_rd_left(const struct vnep_rd *rd)
{
	return (size_t)(rd->end - rd->at);
}

const uint8_t *vnep_rd_mem(struct vnep_rd *rd, size_t len)
{
	const uint8_t *at = rd->at;

	if (rd->overrun || len > vnep_rd_left(rd)) {
		rd->overrun = true;
		return NULL;
	}
	rd->at += len;
	return at;
}

void vnep_rd_skip(struct vnep_rd *rd, size_t len)
{
	vnep_rd_mem(rd, len);
}

static uint64_t get_be(struct vnep_rd *rd, unsigned width)
{
	const uint8_t *p = vnep_rd_mem(rd, width);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < width; i++)
		v = v << 8 | p[i];
	return v;
}

static uint64_t get_le(struct vnep_rd *rd, unsigned width)
{
	const uint8_t *p = vnep_rd_mem(rd, width);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < width; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

uint8_t vnep_rd_u8(struct vnep_rd *rd)
{
	return (uint8_t)get_be(rd, 1);
}

uint16_t vnep_rd_be16(struct vnep_rd *rd)
{
	return (uint16_t)get_be(rd, 2);
}

uint32_t vnep_rd_be32(struct vnep_rd *rd)
{
	return (uint32_t)get_be(rd, 4);
}

uint64_t vnep_rd_be64(struct vnep_rd *rd)
{
	return get_be(rd, 8);
}

uint16_t vnep_rd_le16(struct vnep_rd *rd)
{
	return (uint16_t)get_le(rd, 2);
}

uint32_t vnep_rd_le32(struct vnep_rd *rd)
{
	return (uint32_t)get_le(rd, 4);
}

uint64_t vnep_rd_le64(struct vnep_rd *rd)
{
	return get_le(rd, 8);
}
