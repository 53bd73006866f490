/* fuzz-forward - any bytes translated both ways: bounds, and a checksum that was right stays right. */
#include "fuzz.h"
#include "vnep/err.h"
#include "vnep/forward.h"

static void forward(struct vnep_forward *how, const uint8_t *data, size_t size, bool to_device)
{
	uint8_t *out = malloc(size + VNEP_FORWARD_ROOM);
	struct vnep_frame before, after;
	enum vnep_reason reason;
	size_t len = 0;
	int rc = vnep_frame_parse(&before, data, size);

	HOLDS(out);
	if (!rc)
		how->was = to_device ? before.dest : before.src;
	reason = to_device ? vnep_forward_to_device(how, data, size, out, &len)
			   : vnep_forward_from_device(how, data, size, out, &len);
	HOLDS(!rc || reason);
	if (!reason) {
		HOLDS(len <= size + VNEP_FORWARD_ROOM && !vnep_frame_parse(&after, out, len));
		HOLDS(after.end == len && after.vlan == how->vlan);
		HOLDS(after.hop_limit == before.hop_limit - 1);
		HOLDS(!memcmp(to_device ? &after.dest : &after.src, &how->becomes, 16));
		HOLDS(vnep_frame_checksum_ok(&after, out) ||
			!vnep_frame_checksum_ok(&before, data));
		vnep_forward_replayable(&after, out);
	}
	free(out);
}

/* Of form host: what comes out is what went in, but for hop limit, MACs and tag. */
static void forward_host(struct vnep_forward how, const uint8_t *data, size_t size, bool to_device)
{
	uint8_t *out = malloc(size + VNEP_FORWARD_ROOM);
	struct vnep_frame before, after;
	struct in6_addr addr;
	size_t len = 0;

	HOLDS(out);
	if (!vnep_frame_parse(&before, data, size)) {
		addr = to_device ? before.dest : before.src;
		how.was = to_device ? before.src : before.dest;
		how.host_addr = &addr;
		how.host_addr_count = 1;
		if (!(to_device ? vnep_forward_to_device(&how, data, size, out, &len)
				: vnep_forward_from_device(&how, data, size, out, &len))) {
			HOLDS(!vnep_frame_parse(&after, out, len) && after.end == len);
			HOLDS(!memcmp(out + after.l3 + 8, data + before.l3 + 8,
				(size_t)(before.end - before.l3 - 8)));
		}
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnep_forward how = { .dest_mac = { { 0, 0, 0x5e, 0, 0x53, 1 } },
		.src_mac = { { 0, 0, 0x5e, 0, 0x53, 0xfe } } };
	uint8_t *copy;

	if (size < 18)
		return 0;
	memcpy(&how.becomes, data + size - 16,
		16); /* the last octets say what it becomes, and the VLAN */
	how.vlan = data[size - 18] & 1 ? data[size - 17] : 0;
	size -= 18;
	copy = malloc(size + 1);
	HOLDS(copy);
	memcpy(copy, data, size);
	forward(&how, copy, size, true);
	forward(&how, copy, size, false);
	forward_host(how, copy, size, true);
	forward_host(how, copy, size, false);
	free(copy);
	return 0;
}
