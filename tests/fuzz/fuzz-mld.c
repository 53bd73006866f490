/* fuzz-mld - any bytes as a report: what is read has all its records in the frame, each within the bounds of what was sent. */
#include "fuzz.h"
#include "vnep/mld.h"

static void walk(struct vnep_mld mld, const struct vnep_frame *f, const uint8_t *data)
{
	struct vnep_mld_record r;
	unsigned count = 0, most = mld.left;

	while (vnep_mld_next(&mld, &r)) {
		HOLDS(r.kind >= VNEP_MLD_IS_INCLUDE && r.kind <= VNEP_MLD_BLOCK);
		HOLDS(IN6_IS_ADDR_MULTICAST(&r.group));
		count++;
	}
	HOLDS(count <= most && !mld.left);
	HOLDS(mld.at <= data + f->end);
}

/* The query about what it says is one that can be parsed, whatever the numbers are. */
static void ask(const struct vnep_mld *mld, const uint8_t *data, size_t size)
{
	uint8_t out[VNEP_MLD_QUERY_MAX];
	struct vnep_mld_query q = { .vlan = mld->vlan,
		.our_addr = mld->src,
		.response_ms = data[size - 1] * (VNEP_MLD_RESPONSE_MAX_MS / 255u),
		.interval_s = data[size - 2] * (VNEP_MLD_INTERVAL_MAX_S / 255u),
		.robustness = data[size - 3] };
	struct vnep_mld_record r;
	struct vnep_mld copy = *mld;
	struct vnep_frame f;

	if (vnep_mld_next(&copy, &r))
		q.group = r.group;
	HOLDS(!vnep_frame_parse(&f, out, vnep_mld_query(out, &q)));
	HOLDS(f.vlan == mld->vlan && f.hop_limit == 1 && f.icmp_type == VNEP_MLD_QUERY);
	HOLDS(vnep_frame_checksum_ok(&f, out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnep_mld mld;
	struct vnep_frame f;
	uint8_t *copy = malloc(size + 1);

	HOLDS(copy);
	if (size)
		memcpy(copy, data, size);
	if (!vnep_frame_parse(&f, copy, size)) {
		if (!vnep_mld_read(&mld, &f, copy))
			walk(mld, &f, copy);
		/* a mutation rarely hits the checksum: with it made right, the rules behind it are reached */
		vnep_frame_checksum_set(&f, copy);
		if (!vnep_mld_read(&mld, &f, copy)) {
			HOLDS(f.hop_limit == 1 && f.extended);
			walk(mld, &f, copy);
			ask(&mld, copy, size);
		}
	}
	free(copy);
	return 0;
}
