/* fuzz-frame - any bytes as a frame: no read past the end, and rewriting keeps right right and wrong wrong. */
#include "fuzz.h"
#include "vnep/flow.h"
#include "vnep/frame.h"
#include "vnep/tag.h"

/* A copy with nothing behind it: the sanitizer sees each octet too far. */
static uint8_t *exact(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	HOLDS(copy);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

static void check_shape(const struct vnep_frame *f, size_t len)
{
	HOLDS(f->end <= len && f->l3 >= 14 && f->l3 + 40u <= f->end);
	HOLDS(!f->l4 || (f->l4 >= f->l3 + 40u && f->l4 <= f->end));
	HOLDS(f->l4 || f->fragment);
	HOLDS(!f->fragment || f->extended);
}

static void rewrite(struct vnep_frame *f, uint8_t *data, size_t len, const struct in6_addr *other)
{
	struct in6_addr src = f->src, dest = f->dest;
	bool right = vnep_frame_checksum_ok(f, data);
	struct vnep_frame again;
	uint8_t *was = exact(data, len);

	vnep_frame_set_src(f, data, other);
	HOLDS(vnep_frame_checksum_ok(f, data) == right);
	vnep_frame_set_dest(f, data, other);
	HOLDS(vnep_frame_checksum_ok(f, data) == right);
	HOLDS(!vnep_frame_parse(&again, data, len) && !memcmp(&again.dest, other, 16));
	vnep_frame_set_src(f, data, &src);
	vnep_frame_set_dest(f, data, &dest);
	HOLDS(vnep_frame_checksum_ok(f, data) == right);
	HOLDS(!memcmp(was, data, f->l3 + 40u));
	vnep_frame_checksum_set(f, data);
	HOLDS(f->proto == IPPROTO_UDP || vnep_frame_checksum_ok(f, data));
	free(was);
}

static void look_inside(struct vnep_frame *f, uint8_t *data)
{
	struct vnep_flow flow;
	struct vnep_coap coap;
	uint8_t hops = f->hop_limit;

	if (!vnep_flow_from_frame(&flow, f, data))
		HOLDS(!memcmp(&flow.src, &f->src, 16));
	if (vnep_coap_read(&coap, f, data))
		HOLDS(coap.token_len <= sizeof coap.token && coap.type < 4);
	HOLDS(vnep_frame_hop(f, data) == (hops > 1));
	HOLDS(data[f->l3 + 7] == (hops > 1 ? hops - 1 : hops));
}

static void read_tag(const uint8_t *data)
{
	struct vnep_tag tag;
	uint8_t back[6];

	if (vnep_tag_read(&tag, data))
		return;
	vnep_tag_write(&tag, back);
	HOLDS(!memcmp(back, data, 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct in6_addr other;
	struct vnep_frame f;
	uint8_t *copy;

	if (size < 16 + 6)
		return 0;
	memcpy(&other, data + size - 16, 16); /* the last octets are the other address */
	size -= 16;
	read_tag(data);
	copy = exact(data, size);
	if (!vnep_frame_parse(&f, copy, size)) {
		check_shape(&f, size);
		rewrite(&f, copy, size, &other);
		look_inside(&f, copy);
	}
	free(copy);
	return 0;
}
