#include "t.h"
#include "vnep/err.h"
#include "vnep/tag.h"

TEST("tag: every reason, port and direction reads back as it was written")
{
	static const uint16_t ports[] = { 0, 1, 255, 256, UINT16_MAX };

	for (int r = VNEP_TAG_DISCOVERY; r <= VNEP_TAG_GROUP; r++)
		for (size_t p = 0; p < sizeof ports / sizeof *ports; p++)
			for (int d = VNEP_FROM_DEVICE; d <= VNEP_TO_DEVICE; d++) {
				struct vnep_tag tag = { (enum vnep_tag_reason)r, ports[p],
					(enum vnep_direction)d };
				struct vnep_tag back = { 0 };
				uint8_t mac[6];

				vnep_tag_write(&tag, mac);
				CHECK_INT(vnep_tag_read(&back, mac), 0);
				CHECK_INT(back.reason, tag.reason);
				CHECK_INT(back.port, tag.port);
				CHECK_INT(back.direction, tag.direction);
			}
}

TEST("tag: the octets are those that the rules write")
{
	static const uint8_t want[] = { 0x02, 0x00, 0x07, 0x01, 0x02, 0x02 };
	const struct vnep_tag tag = { VNEP_TAG_NOT_AWAKE, 0x0102, VNEP_TO_DEVICE };
	uint8_t mac[6];

	vnep_tag_write(&tag, mac);
	CHECK(!memcmp(mac, want, sizeof want));
}

TEST("tag: a frame that came another way is not taken for a tagged one")
{
	static const uint8_t bad[][6] = { { 0x33, 0x33, 1, 0, 1, 1 }, { 0x02, 0x01, 1, 0, 1, 1 },
		{ 0x02, 0x00, 0, 0, 1, 1 }, { 0x02, 0x00, 13, 0, 1, 1 }, { 0x02, 0x00, 1, 0, 1, 0 },
		{ 0x02, 0x00, 1, 0, 1, 3 } };
	struct vnep_tag tag = { .port = 42 };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(vnep_tag_read(&tag, bad[i]), VNEP_EPROTO);
	CHECK_INT(tag.port, 42);
}

TEST("tag: wake, tap, sample and the look at big ones are copies; the rest are the packets "
     "themselves")
{
	CHECK(vnep_tag_is_copy(VNEP_TAG_WAKE));
	CHECK(vnep_tag_is_copy(VNEP_TAG_TAP));
	CHECK(vnep_tag_is_copy(VNEP_TAG_SAMPLE));
	CHECK(!vnep_tag_is_copy(VNEP_TAG_DISCOVERY));
	CHECK(!vnep_tag_is_copy(VNEP_TAG_HOP_LIMIT));
	CHECK(!vnep_tag_is_copy(VNEP_TAG_ICMP_ERROR));
	CHECK(!vnep_tag_is_copy(VNEP_TAG_ACCESS_REQUEST));
	CHECK(!vnep_tag_is_copy(VNEP_TAG_NOT_AWAKE));
	CHECK(!vnep_tag_is_copy(VNEP_TAG_NEXT_HOP));
	CHECK(!vnep_tag_is_copy(VNEP_TAG_TOO_BIG));
	CHECK(vnep_tag_is_copy(VNEP_TAG_BIG_COPY));
	CHECK(!vnep_tag_is_copy(VNEP_TAG_GROUP));
}

int main(void)
{
	return t_run();
}
