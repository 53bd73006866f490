/* test-siphash - the vector of the paper, and that key, tweak and every octet count. */
#include "t.h"
#include "vnep/siphash.h"

TEST("siphash: the test vector of the SipHash paper")
{
	uint8_t key[VNEP_SIPHASH_KEY_LEN], text[15];

	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	for (unsigned i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)i;
	CHECK(vnep_siphash(key, 0, text, sizeof text) == 0xa129ca6149be45e5);
}

TEST("siphash: another key, tweak, octet or length is another hash")
{
	uint8_t key[VNEP_SIPHASH_KEY_LEN] = { 1 }, text[40] = { 0 };
	uint64_t one = vnep_siphash(key, 0, text, sizeof text);

	CHECK(vnep_siphash(key, 1, text, sizeof text) != one);
	for (unsigned i = 0; i < sizeof text; i++) {
		text[i] = 1;
		CHECK(vnep_siphash(key, 0, text, sizeof text) != one);
		text[i] = 0;
		CHECK(vnep_siphash(key, 0, text, i) != one);
	}
	key[15] = 1;
	CHECK(vnep_siphash(key, 0, text, sizeof text) != one);
}

int main(void)
{
	return t_run();
}
