/*
 * buf - bytes going out (a growing buffer) and bytes coming in (a bounded reader).
 *
 * Shape   width and byte order are in the name of each call: be = network order, le = little endian.
 * Owner   vnep_buf owns its memory (init/release); vnep_rd lends the caller's bytes.
 * Errors  both are sticky: put or get as much as you like, then ask once. A vnep_buf that ran out of
 *         memory keeps rc = -ENOMEM; a vnep_rd that ran out of bytes keeps overrun = true and
 *         returns zeros from then on.
 */
#ifndef VNEP_BUF_H
#define VNEP_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vnep_buf {
	uint8_t *data;
	size_t len, cap;
	int rc; /* 0 or -ENOMEM */
};

void vnep_buf_init(struct vnep_buf *buf);
void vnep_buf_release(struct vnep_buf *buf); /* safe on a zeroed struct and on NULL */
void vnep_buf_reset(struct vnep_buf *buf);   /* empty, memory kept, error forgotten */

/* Room for len more octets at the end; NULL when memory is short. The octets are not yet counted. */
uint8_t *vnep_buf_reserve(struct vnep_buf *buf, size_t len);

void vnep_buf_put(struct vnep_buf *buf, const void *data, size_t len);
void vnep_buf_put_zero(struct vnep_buf *buf, size_t len);
void vnep_buf_put_str(struct vnep_buf *buf, const char *text); /* without the NUL */
void vnep_buf_put_u8(struct vnep_buf *buf, uint8_t v);
void vnep_buf_put_be16(struct vnep_buf *buf, uint16_t v);
void vnep_buf_put_be32(struct vnep_buf *buf, uint32_t v);
void vnep_buf_put_be64(struct vnep_buf *buf, uint64_t v);
void vnep_buf_put_le16(struct vnep_buf *buf, uint16_t v);
void vnep_buf_put_le32(struct vnep_buf *buf, uint32_t v);
void vnep_buf_put_le64(struct vnep_buf *buf, uint64_t v);
void vnep_buf_put_decimal(struct vnep_buf *buf, uint64_t v); /* as text */
void vnep_buf_printf(struct vnep_buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Remove the first len octets (len <= buf->len). */
void vnep_buf_consume(struct vnep_buf *buf, size_t len);

/* The content as a string: a NUL is kept behind it, not counted. "" when memory is short. */
const char *vnep_buf_str(struct vnep_buf *buf);

struct vnep_rd {
	const uint8_t *at, *end;
	bool overrun;
};

void vnep_rd_init(struct vnep_rd *rd, const void *data, size_t len);
size_t vnep_rd_left(const struct vnep_rd *rd);

/* len octets in place, lent as long as the underlying bytes live; NULL past the end. */
const uint8_t *vnep_rd_mem(struct vnep_rd *rd, size_t len);
void vnep_rd_skip(struct vnep_rd *rd, size_t len);
uint8_t vnep_rd_u8(struct vnep_rd *rd);
uint16_t vnep_rd_be16(struct vnep_rd *rd);
uint32_t vnep_rd_be32(struct vnep_rd *rd);
uint64_t vnep_rd_be64(struct vnep_rd *rd);
uint16_t vnep_rd_le16(struct vnep_rd *rd);
uint32_t vnep_rd_le32(struct vnep_rd *rd);
uint64_t vnep_rd_le64(struct vnep_rd *rd);

/* The same for bytes whose bounds were checked before. */
static inline uint16_t vnep_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t vnep_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t vnep_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static inline void vnep_set_le64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline void vnep_set_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void vnep_set_be32(uint8_t *p, uint32_t v)
{
	vnep_set_be16(p, (uint16_t)(v >> 16));
	vnep_set_be16(p + 2, (uint16_t)v);
}

#endif
