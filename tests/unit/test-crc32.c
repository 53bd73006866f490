/* test-crc32 - the check value, and zlib as the other opinion. */
#include <zlib.h>

#include "t.h"
#include "vnep/crc32.h"

TEST("the check value of the standard, and nothing of nothing")
{
	CHECK(vnep_crc32(0, "123456789", 9) == 0xcbf43926);
	CHECK(vnep_crc32(0, NULL, 0) == 0);
	CHECK(vnep_crc32(7, NULL, 0) == 7);
}

TEST("every length at every alignment is what zlib says, whole and in two parts")
{
	static uint8_t data[1200];
	uint32_t random = 1;

	for (size_t i = 0; i < sizeof data; i++) {
		random = random * 1664525 + 1013904223;
		data[i] = (uint8_t)(random >> 24);
	}
	for (size_t len = 0; len < 700; len++)
		for (size_t from = 0; from < 17; from++) {
			uint32_t want = (uint32_t)crc32_z(0, data + from, len), begun;
			size_t part = len * from / 17;

			if (!len)
				want = 0;
			CHECK(vnep_crc32(0, data + from, len) == want);
			begun = vnep_crc32(0, data + from, part);
			CHECK(vnep_crc32(begun, data + from + part, len - part) == want);
		}
}

int main(void)
{
	return t_run();
}
