/* record - what the structs of record.h own, and the one sum that everything must satisfy. */
#include <stdlib.h>

#include "vnep/record.h"

void vnep_vpc_release(struct vnep_vpc *vpc)
{
	if (!vpc)
		return;
	free(vpc->routes);
	*vpc = (struct vnep_vpc){ 0 };
}

void vnep_device_release(struct vnep_device *device)
{
	if (!device)
		return;
	free(device->groups);
	free(device->allow);
	*device = (struct vnep_device){ 0 };
}

void vnep_group_release(struct vnep_group *group)
{
	if (!group)
		return;
	free(group->senders);
	*group = (struct vnep_group){ 0 };
}

int64_t vnep_ledger_difference(const struct vnep_ledger_terms *terms)
{
	uint64_t out = terms->forwarded + terms->delivered + terms->pending + terms->answered;

	for (int r = 0; r < VNEP_REASON_COUNT; r++)
		out += terms->dropped[r];
	return (int64_t)(terms->arrived + terms->segmented - out);
}
