/* mids: which message ids are known, for how long, and which are forgotten first. */
#include <netinet/in.h>
#include <string.h>

#include "vnep/mids.h"
#include "t.h"

enum { FRAME = 14 + 40 + 8 + 4 };

/* A CoAP message without options, type 0 CON … 3 RST. */
static void message(uint8_t frame[FRAME], uint16_t src_port, unsigned type, uint16_t mid)
{
	memset(frame, 0, FRAME);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[14] = 0x60;
	frame[19] = 12;
	frame[20] = IPPROTO_UDP;
	frame[21] = 64;
	frame[22] = frame[38] = 0x20;
	frame[53] = 1;
	frame[54] = (uint8_t)(src_port >> 8);
	frame[55] = (uint8_t)src_port;
	frame[56] = 5683 >> 8;
	frame[57] = 5683 & 255;
	frame[59] = 12;
	frame[62] = (uint8_t)(0x40 | type << 4);
	frame[63] = 1;
	frame[64] = (uint8_t)(mid >> 8);
	frame[65] = (uint8_t)mid;
}

static struct vnep_mono at(int64_t seconds)
{
	return (struct vnep_mono){ (seconds + 1000) * 1000000000 };
}

static bool sent(struct vnep_mids *mids, const uint8_t *frame, int64_t seconds)
{
	unsigned ago_s;
	uint16_t mid;

	return vnep_mids_sent(mids, frame, FRAME, at(seconds), &mid, &ago_s);
}

TEST("mids: of the same two ends, for 247 seconds from the first time, and of no answer")
{
	uint8_t a[FRAME], b[FRAME], ack[FRAME];
	struct vnep_mids mids;
	unsigned ago_s = 0;
	uint16_t mid = 0;

	message(a, 40000, 0, 7);
	message(b, 40001, 0, 7);
	message(ack, 40000, 2, 9);
	vnep_mids_init(&mids);
	CHECK(!sent(&mids, a, 0));
	vnep_mids_note(&mids, a, FRAME, at(0));
	vnep_mids_note(&mids, ack, FRAME, at(0));
	CHECK(vnep_mids_sent(&mids, a, FRAME, at(246), &mid, &ago_s));
	CHECK_INT(mid, 7);
	CHECK_INT(ago_s, 246);
	CHECK(!sent(&mids, b, 1));
	CHECK(!sent(&mids, ack, 1));
	vnep_mids_note(&mids, a, FRAME, at(100)); /* forced: the first time counts */
	CHECK(!sent(&mids, a, 247));
	CHECK_INT(mids.table.count, 0);
	vnep_mids_release(&mids);
}

TEST("mids: of more than are remembered the oldest are forgotten")
{
	uint8_t frame[FRAME];
	struct vnep_mids mids;

	vnep_mids_init(&mids);
	for (unsigned n = 0; n <= VNEP_MIDS_MAX; n++) {
		message(frame, (uint16_t)(40000 + (n >> 15)), 1, (uint16_t)n);
		vnep_mids_note(&mids, frame, FRAME, at(1));
	}
	CHECK_INT(mids.table.count, VNEP_MIDS_MAX);
	message(frame, 40000, 1, 0);
	CHECK(!sent(&mids, frame, 2));
	message(frame, 40000, 1, 1);
	CHECK(sent(&mids, frame, 2));
	vnep_mids_release(&mids);
}

int main(void)
{
	return t_run();
}
