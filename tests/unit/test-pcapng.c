/* pcapng: what goes in comes out, in both byte orders; nothing damaged passes. */
#include "t.h"
#include "vnep/err.h"
#include "vnep/pcapng.h"

static const uint8_t frame[61] = { 0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2, 0x86, 0xdd };

static const struct vnep_pcapng_packet packet = { .interface = 3,
	.ts.ns = 1767323045678901234,
	.seq = 1017,
	.conn = 7,
	.kind = VNEP_KIND_DATA,
	.direction = VNEP_TO_DEVICE,
	.copy = true,
	.in_iface = "up0",
	.frame = frame,
	.frame_len = sizeof frame,
	.length = 1500 };

static int get(struct vnep_pcapng_block *block, const struct vnep_buf *buf)
{
	bool big = false;

	return vnep_pcapng_get(block, &big, buf->data, buf->len, NULL);
}

static void put_one(struct vnep_buf *buf, unsigned which)
{
	static const struct vnep_pcapng_section section = { .segment = 2,
		.previous = 1,
		.previous_end = 4096,
		.file = 0x1122334455667788,
		.end = 8192,
		.boot = "01234567-89ab-cdef-0123-456789abcdef" };
	static const struct vnep_pcapng_interface interface = { .id = 3,
		.name = "urn:dev:mac:00005efffe005301" };
	static const struct vnep_pcapng_sync sync = {
		.group = 9, .start = 12345678901, .file = 77, .crc = 0xfeedface
	};
	static const char json[] = "{\"type\":\"outcome\",\"v\":1}";

	switch (which) {
	case 0: vnep_pcapng_put_section(buf, &section); break;
	case 1: vnep_pcapng_put_interface(buf, &interface); break;
	case 2: vnep_pcapng_put_packet(buf, &packet); break;
	case 3: vnep_pcapng_put_record(buf, json, sizeof json - 1, "an outcome"); break;
	default: vnep_pcapng_put_sync(buf, &sync);
	}
}

TEST("a section comes back as it was written")
{
	struct vnep_buf buf = { 0 };
	struct vnep_pcapng_block block;

	put_one(&buf, 0);
	CHECK_INT(get(&block, &buf), 0);
	CHECK_INT(block.type, VNEP_PCAPNG_SECTION);
	CHECK_INT(block.len, buf.len);
	CHECK_INT(block.section.segment, 2);
	CHECK_INT(block.section.previous, 1);
	CHECK_INT(block.section.end, 8192);
	CHECK_INT(block.section.previous_end, 4096);
	CHECK(block.section.file == 0x1122334455667788);
	CHECK_STR(block.section.boot, "01234567-89ab-cdef-0123-456789abcdef");
	vnep_buf_release(&buf);
}

TEST("an interface carries the name of its device")
{
	struct vnep_buf buf = { 0 };
	struct vnep_pcapng_block block;

	put_one(&buf, 1);
	CHECK_INT(get(&block, &buf), 0);
	CHECK_INT(block.type, VNEP_PCAPNG_INTERFACE);
	CHECK_INT(block.interface.id, 3);
	CHECK_STR(block.interface.name, "urn:dev:mac:00005efffe005301");
	vnep_buf_release(&buf);
}

TEST("a packet keeps its nanoseconds, direction, number, copy flag and bytes")
{
	struct vnep_buf buf = { 0 };
	struct vnep_pcapng_block block;

	put_one(&buf, 2);
	CHECK_INT(get(&block, &buf), 0);
	CHECK_INT(block.type, VNEP_PCAPNG_PACKET);
	CHECK_INT(block.packet.interface, 3);
	CHECK(block.packet.ts.ns == packet.ts.ns);
	CHECK_INT(block.packet.seq, 1017);
	CHECK_INT(block.packet.conn, 7);
	CHECK_INT(block.packet.kind, VNEP_KIND_DATA);
	CHECK_INT(block.packet.direction, VNEP_TO_DEVICE);
	CHECK(block.packet.copy);
	CHECK_STR(block.packet.in_iface, "up0");
	for (unsigned i = 0; i < 3; i++) { /* what is short, and what is long */
		struct vnep_pcapng_packet other = packet;

		vnep_buf_reset(&buf);
		other.conn = i == 0 ? 65534 : i == 1 ? 65535 : UINT32_MAX;
		strcpy(other.in_iface, i == 0 ? "" : i == 1 ? "acc0" : "fifteen-octets0");
		vnep_pcapng_put_packet(&buf, &other);
		CHECK_INT(get(&block, &buf), 0);
		CHECK_INT(block.packet.conn, other.conn);
		CHECK_STR(block.packet.in_iface, other.in_iface);
	}
	CHECK_INT(block.packet.frame_len, sizeof frame);
	CHECK_INT(block.packet.length, 1500);
	CHECK(!memcmp(block.packet.frame, frame, sizeof frame));
	vnep_buf_release(&buf);
}

TEST("the CRC32 of nothing more is what it was, also without a buffer")
{
	CHECK_INT(vnep_pcapng_crc(0x12345678, NULL, 0), 0x12345678);
}

TEST("the check of a group sees a block of another group in place of one of its own")
{
	struct vnep_buf a = { 0 }, b = { 0 };

	vnep_pcapng_put_record(&a, "{\"type\":\"outcome\",\"v\":1}", 24, NULL);
	vnep_pcapng_put_record(&a, "{\"type\":\"outcome\",\"v\":2}", 24, NULL);
	vnep_pcapng_put_record(&b, "{\"type\":\"outcome\",\"v\":3}", 24, NULL);
	vnep_pcapng_put_record(&b, "{\"type\":\"outcome\",\"v\":2}", 24, NULL);
	CHECK_INT(a.len, b.len);
	CHECK_INT(
		vnep_pcapng_crc(0, a.data, a.len), vnep_pcapng_crc(0, b.data, b.len)); /* so weak */
	CHECK(vnep_pcapng_group_check(7, a.data, a.len) !=
		vnep_pcapng_group_check(7, b.data, b.len));
	CHECK(vnep_pcapng_group_check(7, a.data, a.len) !=
		vnep_pcapng_group_check(8, a.data, a.len));
	vnep_buf_release(&a);
	vnep_buf_release(&b);
}

TEST("records and marks come back as they were written")
{
	struct vnep_buf buf = { 0 };
	struct vnep_pcapng_block block;

	put_one(&buf, 3);
	CHECK_INT(get(&block, &buf), 0);
	CHECK_INT(block.type, VNEP_PCAPNG_RECORD);
	CHECK(block.record.len == 24 &&
		!memcmp(block.record.json, "{\"type\":\"outcome\",\"v\":1}", 24));
	vnep_buf_reset(&buf);
	put_one(&buf, 4);
	CHECK_INT(get(&block, &buf), 0);
	CHECK_INT(block.type, VNEP_PCAPNG_SYNC);
	CHECK_INT(block.sync.group, 9);
	CHECK_INT(block.sync.start, 12345678901);
	CHECK_INT(block.sync.file, 77);
	CHECK_INT(block.sync.crc, 0xfeedface);
	vnep_buf_release(&buf);
}

TEST("every bit of every block is covered: no flip passes as a block of ours")
{
	for (unsigned which = 0; which < 5; which++) {
		struct vnep_buf buf = { 0 };
		unsigned passed = 0;

		put_one(&buf, which);
		for (size_t bit = 0; bit < buf.len * 8; bit++) {
			struct vnep_pcapng_block block;
			int rc;

			buf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			rc = get(&block, &buf);
			passed += !rc && block.type != VNEP_PCAPNG_FOREIGN;
			buf.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		CHECK_INT(passed, 0);
		vnep_buf_release(&buf);
	}
}

TEST("a block cut anywhere is short, never read beyond its end")
{
	for (unsigned which = 0; which < 5; which++) {
		struct vnep_buf buf = { 0 };

		put_one(&buf, which);
		for (size_t len = 0; len < buf.len; len++) {
			struct vnep_pcapng_block block;
			uint8_t *exact =
				malloc(len ? len : 1); /* its end is where the sanitizer looks */
			bool big = false;

			memcpy(exact, buf.data, len);
			CHECK_INT(vnep_pcapng_get(&block, &big, exact, len, NULL), VNEP_ESHORT);
			free(exact);
		}
		vnep_buf_release(&buf);
	}
}

static void put_be_option(struct vnep_buf *buf, uint16_t code, const void *data, uint16_t len)
{
	vnep_buf_put_be16(buf, code);
	vnep_buf_put_be16(buf, len);
	vnep_buf_put(buf, data, len);
	vnep_buf_put_zero(buf, -len & 3u);
}

TEST("big-endian files are read, too")
{
	static const char name[] = "urn:dev:mac:00005efffe005301";
	static const uint8_t resolution = 9;
	struct vnep_pcapng_block block;
	struct vnep_buf buf = { 0 };
	const uint32_t len = 8 + 8 + 4 + 28 + 8 + 4 + 20 + 4 + 4;
	bool big = false;

	vnep_buf_put_be32(&buf, 0x0a0d0d0a);
	vnep_buf_put_be32(&buf, 28);
	vnep_buf_put_be32(&buf, 0x1a2b3c4d);
	vnep_buf_put_be32(&buf, 0x00010000);
	vnep_buf_put_be64(&buf, UINT64_MAX);
	vnep_buf_put_be32(&buf, 28);
	CHECK_INT(vnep_pcapng_get(&block, &big, buf.data, buf.len, NULL), 0);
	CHECK_INT(block.type, VNEP_PCAPNG_FOREIGN);
	CHECK(big);
	vnep_buf_reset(&buf);
	vnep_buf_put_be32(&buf, 1);
	vnep_buf_put_be32(&buf, len);
	vnep_buf_put_be32(&buf, 0x00010000);
	vnep_buf_put_be32(&buf, 0);
	put_be_option(&buf, 2, name, sizeof name - 1);
	put_be_option(&buf, 9, &resolution, 1);
	vnep_buf_put_be16(&buf, 2989);
	vnep_buf_put_be16(&buf, 20);
	vnep_buf_put_be32(&buf, 32473);
	vnep_buf_put_str(&buf, "vnep");
	vnep_buf_put_be32(&buf, 1);
	vnep_buf_put_be32(&buf, 5);
	vnep_buf_put_be32(&buf, vnep_pcapng_crc(0, buf.data, buf.len));
	vnep_buf_put_be32(&buf, 0);
	vnep_buf_put_be32(&buf, len);
	CHECK_INT(buf.len, len);
	CHECK_INT(vnep_pcapng_get(&block, &big, buf.data, buf.len, NULL), 0);
	CHECK_INT(block.type, VNEP_PCAPNG_INTERFACE);
	CHECK_INT(block.interface.id, 5);
	CHECK_STR(block.interface.name, name);
	vnep_buf_release(&buf);
}

TEST("text that is no pcapng is said to be none")
{
	struct vnep_pcapng_block block;
	struct vnep_err err = { 0 };
	bool big = false;

	CHECK_INT(vnep_pcapng_get(&block, &big, (const uint8_t *)"{\"type\":\"event\"}", 16, &err),
		VNEP_ESYNTAX);
	CHECK(err.text[0]);
}

int main(void)
{
	return t_run();
}
