/* tag - the destination MAC of the journal port, read and written in one place. */
#include "vnep/err.h"
#include "vnep/tag.h"

int vnep_tag_read(struct vnep_tag *out, const uint8_t frame[static 6])
{
	if (frame[0] != 0x02 || frame[1] != 0x00 || frame[2] < VNEP_TAG_DISCOVERY ||
		frame[2] > VNEP_TAG_GROUP ||
		(frame[5] != VNEP_FROM_DEVICE && frame[5] != VNEP_TO_DEVICE))
		return VNEP_EPROTO;
	out->reason = frame[2];
	out->port = (uint16_t)(frame[3] << 8 | frame[4]);
	out->direction = frame[5];
	return 0;
}

void vnep_tag_write(const struct vnep_tag *tag, uint8_t frame[static 6])
{
	frame[0] = 0x02;
	frame[1] = 0x00;
	frame[2] = (uint8_t)tag->reason;
	frame[3] = (uint8_t)(tag->port >> 8);
	frame[4] = (uint8_t)tag->port;
	frame[5] = (uint8_t)tag->direction;
}
