/* fuzz-ndisc - any bytes as neighbour discovery; what is read is answered with what can be read. */
#include "fuzz.h"
#include "vnep/ndisc.h"

static const struct vnep_mac ours = { { 0, 0, 0x5e, 0, 0x53, 0xfe } };

static void answer(const struct vnep_ndisc *nd)
{
	uint8_t out[VNEP_ND_FRAME_MAX];
	struct vnep_ndisc back;
	size_t len = vnep_ndisc_answer(out, nd, &ours, false);

	HOLDS(len <= sizeof out && !vnep_ndisc_read(&back, out, len));
	HOLDS(back.type == VNEP_ND_NEIGHBOUR_ADVERT && back.vlan == nd->vlan);
	HOLDS(!memcmp(&back.target, &nd->target, 16) && !memcmp(&back.lladdr, &ours, 6));
	HOLDS(back.solicited == !IN6_IS_ADDR_UNSPECIFIED(&nd->src));
	HOLDS(back.solicited ? !memcmp(&back.dest, &nd->src, 16)
			     : IN6_IS_ADDR_MULTICAST(&back.dest));
	HOLDS(!(out[0] & 1) || !back.solicited || (nd->src_mac.octet[0] & 1));
	len = vnep_ndisc_announce(out, nd->vlan, &ours, &nd->target);
	HOLDS(len <= sizeof out && !vnep_ndisc_read(&back, out, len));
	HOLDS(back.vlan == nd->vlan && !back.solicited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnep_ndisc nd;
	struct vnep_frame f;
	uint8_t *copy = malloc(size + 1);

	HOLDS(copy);
	if (size)
		memcpy(copy, data, size);
	vnep_ndisc_read(&nd, copy, size);
	/* a mutation rarely hits the checksum: with it made right, the rules behind it are reached */
	if (!vnep_frame_parse(&f, copy, size))
		vnep_frame_checksum_set(&f, copy);
	if (!vnep_ndisc_read(&nd, copy, size)) {
		HOLDS(f.hop_limit == 255 && !f.extended && !IN6_IS_ADDR_MULTICAST(&nd.src));
		if (nd.type == VNEP_ND_NEIGHBOUR_SOLICIT)
			answer(&nd);
	}
	free(copy);
	return 0;
}
