#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "t.h"
#include "vnep/buf.h"

TEST("buf: width and byte order are what the name says, and read back")
{
	static const uint8_t wire[] = { 0x01, 0x12, 0x34, 0x12, 0x34, 0x56, 0x78, 1, 2, 3, 4, 5, 6,
		7, 8, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 8, 7, 6, 5, 4, 3, 2, 1 };
	struct vnep_buf buf;
	struct vnep_rd rd;

	vnep_buf_init(&buf);
	vnep_buf_put_u8(&buf, 1);
	vnep_buf_put_be16(&buf, 0x1234);
	vnep_buf_put_be32(&buf, 0x12345678);
	vnep_buf_put_be64(&buf, 0x0102030405060708);
	vnep_buf_put_le16(&buf, 0x1234);
	vnep_buf_put_le32(&buf, 0x12345678);
	vnep_buf_put_le64(&buf, 0x0102030405060708);
	CHECK_INT(buf.len, sizeof wire);
	CHECK(!memcmp(buf.data, wire, sizeof wire));
	vnep_rd_init(&rd, buf.data, buf.len);
	CHECK_INT(vnep_rd_u8(&rd), 1);
	CHECK_INT(vnep_rd_be16(&rd), 0x1234);
	CHECK_INT(vnep_rd_be32(&rd), 0x12345678);
	CHECK_INT(vnep_rd_be64(&rd), 0x0102030405060708);
	CHECK_INT(vnep_rd_le16(&rd), 0x1234);
	CHECK_INT(vnep_rd_le32(&rd), 0x12345678);
	CHECK_INT(vnep_rd_le64(&rd), 0x0102030405060708);
	CHECK_INT(vnep_rd_left(&rd), 0);
	CHECK(!rd.overrun);
	vnep_buf_release(&buf);
}

TEST("buf: a reader past the end stays past the end and gives zeros")
{
	static const uint8_t two[] = { 1, 2 };
	struct vnep_rd rd;

	vnep_rd_init(&rd, two, sizeof two);
	CHECK_INT(vnep_rd_be32(&rd), 0);
	CHECK(rd.overrun);
	CHECK_INT(vnep_rd_u8(&rd), 0); /* though an octet is left */
	CHECK(!vnep_rd_mem(&rd, 0));
	vnep_rd_init(&rd, two, sizeof two);
	vnep_rd_skip(&rd, SIZE_MAX);
	CHECK(rd.overrun);
	vnep_rd_init(&rd, NULL, 0);
	CHECK_INT(vnep_rd_left(&rd), 0);
	CHECK(!rd.overrun);
}

TEST("buf: want of memory is remembered until reset")
{
	struct vnep_buf buf;

	vnep_buf_init(&buf);
	vnep_buf_put_str(&buf, "abc");
	CHECK(!vnep_buf_reserve(&buf, SIZE_MAX));
	CHECK_INT(buf.rc, -ENOMEM);
	vnep_buf_put_str(&buf, "def");
	CHECK_INT(buf.len, 3);
	CHECK_STR(vnep_buf_str(&buf), "");
	vnep_buf_reset(&buf);
	vnep_buf_put_str(&buf, "x");
	CHECK_STR(vnep_buf_str(&buf), "x");
	vnep_buf_release(&buf);
}

TEST("buf: room for nothing is not want of memory")
{
	struct vnep_buf buf;

	vnep_buf_init(&buf);
	CHECK(vnep_buf_reserve(&buf, 0));
	vnep_buf_put(&buf, NULL, 0);
	CHECK_INT(buf.rc, 0);
	CHECK_INT(buf.len, 0);
	vnep_buf_release(&buf);
}

TEST("buf: str keeps a NUL behind the content and does not count it")
{
	struct vnep_buf buf;

	vnep_buf_init(&buf);
	CHECK_STR(vnep_buf_str(&buf), "");
	vnep_buf_printf(&buf, "%s-%d", "a", 7);
	CHECK_STR(vnep_buf_str(&buf), "a-7");
	CHECK_INT(buf.len, 3);
	vnep_buf_put_zero(&buf, 2);
	CHECK_INT(buf.len, 5);
	CHECK_INT(buf.data[4], 0);
	vnep_buf_release(&buf);
}

TEST("buf: decimal writes every number as printf does")
{
	static const uint64_t numbers[] = { 0, 9, 10, 1234567890, UINT64_MAX };
	char text[24];

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct vnep_buf buf = { 0 };

		vnep_buf_put_decimal(&buf, numbers[i]);
		snprintf(text, sizeof text, "%llu", (unsigned long long)numbers[i]);
		CHECK_STR(vnep_buf_str(&buf), text);
		vnep_buf_release(&buf);
	}
}

TEST("buf: consume takes from the front, at most what is there")
{
	struct vnep_buf buf;

	vnep_buf_init(&buf);
	vnep_buf_consume(&buf, 1);
	vnep_buf_put_str(&buf, "abcdef");
	vnep_buf_consume(&buf, 2);
	CHECK_STR(vnep_buf_str(&buf), "cdef");
	vnep_buf_consume(&buf, 100);
	CHECK_INT(buf.len, 0);
	vnep_buf_release(&buf);
}

TEST("buf: grows over many small puts without losing an octet")
{
	struct vnep_buf buf;

	vnep_buf_init(&buf);
	for (unsigned i = 0; i < 5000; i++)
		vnep_buf_put_be16(&buf, (uint16_t)i);
	CHECK_INT(buf.len, 10000);
	for (unsigned i = 0; i < 5000; i++)
		CHECK_INT(vnep_be16(buf.data + 2 * i), i);
	vnep_buf_release(&buf);
	vnep_buf_release(&buf);
	vnep_buf_release(NULL);
}

int main(void)
{
	return t_run();
}
