/* fuzz-icmp6 - any frame: what may be answered is answered with a frame that reads back and is right. */
#include "fuzz.h"
#include "vnep/icmp6.h"

static const struct vnep_mac ours = { { 0, 0, 0x5e, 0, 0x53, 0xfe } };

static void error_about(const struct vnep_frame *f, const uint8_t *data)
{
	struct vnep_icmp6_error how = {
		.type = VNEP_ICMP6_TOO_BIG, .param = 1280, .src_mac = ours, .dest = f->src
	};
	uint8_t out[VNEP_ICMP6_ERROR_MAX];
	struct vnep_frame back;
	size_t len;

	how.vlan = f->vlan;
	len = vnep_icmp6_error(out, &how, data + f->l3, (size_t)(f->end - f->l3));
	HOLDS(len <= sizeof out && !vnep_frame_parse(&back, out, len));
	HOLDS(vnep_frame_checksum_ok(&back, out) && back.vlan == f->vlan && back.end == len);
	HOLDS(!vnep_icmp6_may_answer(&back, out, VNEP_ICMP6_TIME_EXCEEDED)); /* no error about it */
}

static void reply_to(const struct vnep_frame *f, const uint8_t *data, size_t size)
{
	uint8_t *out = malloc(size + 1);
	struct vnep_frame back;
	size_t len;

	HOLDS(out);
	len = vnep_icmp6_echo_reply(out, f, data, &ours);
	HOLDS(len <= size);
	if (len) {
		HOLDS(!vnep_frame_parse(&back, out, len) && vnep_frame_checksum_ok(&back, out));
		HOLDS(back.icmp_type == VNEP_ICMP6_ECHO_REPLY && back.vlan == f->vlan);
		HOLDS(!memcmp(&back.src, &f->dest, 16) && !memcmp(&back.dest, &f->src, 16));
		HOLDS(!IN6_IS_ADDR_MULTICAST(&back.src) && !IN6_IS_ADDR_MULTICAST(&back.dest));
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	struct vnep_frame f;

	HOLDS(copy);
	if (size)
		memcpy(copy, data, size);
	if (!vnep_frame_parse(&f, copy, size)) {
		vnep_frame_checksum_set(&f, copy);
		if (vnep_icmp6_may_answer(&f, copy, VNEP_ICMP6_TOO_BIG))
			error_about(&f, copy);
		reply_to(&f, copy, size);
	}
	free(copy);
	return 0;
}
