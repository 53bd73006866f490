/* record: the conservation law as a sum, and the enders. */
#include "vnep/record.h"
#include "t.h"

static struct vnep_ledger_terms balanced(void)
{
	struct vnep_ledger_terms t = { .arrived = 1000,
		.segmented = 40,
		.forwarded = 700,
		.delivered = 100,
		.pending = 60,
		.answered = 80 };

	t.dropped[VNEP_NO_MAPPING] = 70;
	t.dropped[VNEP_OVERRUN] = 30;
	return t;
}

TEST("ledger: in balance the difference is 0, and one packet in any term is seen, with its sign")
{
	struct vnep_ledger_terms t = balanced();
	uint64_t *const in[] = { &t.arrived, &t.segmented };
	uint64_t *const out[] = { &t.forwarded, &t.delivered, &t.pending, &t.answered };

	CHECK_INT(vnep_ledger_difference(&t), 0);
	for (unsigned i = 0; i < 2; i++) {
		++*in[i];
		CHECK_INT(vnep_ledger_difference(&t), 1);
		--*in[i];
	}
	for (unsigned i = 0; i < 4; i++) {
		++*out[i];
		CHECK_INT(vnep_ledger_difference(&t), -1);
		--*out[i];
	}
}

TEST("ledger: each reason of the closed list counts")
{
	struct vnep_ledger_terms t = balanced();

	for (int r = 0; r < VNEP_REASON_COUNT; r++) {
		t.dropped[r]++;
		CHECK_INT(vnep_ledger_difference(&t), -1);
		t.dropped[r]--;
	}
	CHECK_INT(vnep_ledger_difference(&t), 0);
}

TEST("ledger: counters near their end still give the small difference")
{
	struct vnep_ledger_terms t = {
		.arrived = UINT64_MAX, .forwarded = UINT64_MAX - 3, .delivered = 3
	};

	CHECK_INT(vnep_ledger_difference(&t), 0);
	t.segmented = 2; /* the sum went round */
	CHECK_INT(vnep_ledger_difference(&t), 2);
	t.dropped[VNEP_DUPLICATE] = 5;
	CHECK_INT(vnep_ledger_difference(&t), -3);
}

TEST("record: enders take what is zeroed, what is absent, and leave nothing to release twice")
{
	struct vnep_vpc vpc = { .routes = calloc(2, sizeof *vpc.routes), .route_count = 2 };
	struct vnep_device device = { .groups = calloc(1, sizeof *device.groups),
		.allow = calloc(3, sizeof *device.allow),
		.group_count = 1,
		.allow_count = 3 };
	struct vnep_group group = { .senders = calloc(1, sizeof *group.senders),
		.sender_count = 1 };

	for (unsigned i = 0; i < 2; i++) {
		vnep_vpc_release(&vpc);
		vnep_device_release(&device);
		vnep_group_release(&group);
	}
	CHECK(!vpc.routes && !vpc.route_count && !device.allow && !device.groups && !group.senders);
	vnep_vpc_release(NULL);
	vnep_device_release(NULL);
	vnep_group_release(NULL);
}

int main(void)
{
	return t_run();
}
