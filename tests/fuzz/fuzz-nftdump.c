/* fuzz-nftdump - any bytes as what the kernel says about a table: bounds, and texts that end. */
#include <linux/netlink.h>

#include "fuzz.h"
#include "vnep/nft.h"

static int take(const struct vnep_nft_element_info *element, void *arg)
{
	HOLDS(strnlen(element->chain, sizeof element->chain) < sizeof element->chain);
	return ++*(int *)arg > 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnep_nft_chain_info chain;
	struct vnep_nft_rule_info rule;
	struct vnep_nft_set_info set;
	struct vnep_nft_object_info object;
	struct nlmsghdr *msg;
	bool deleted;
	int n = 0;

	if (size < sizeof *msg)
		return 0;
	msg = malloc(size); /* of this length exactly: what reads past it is seen */
	HOLDS(msg);
	memcpy(msg, data, size);
	msg->nlmsg_len = (uint32_t)size;
	if (vnep_nft_chain_decode(msg, &chain))
		HOLDS(strnlen(chain.name, sizeof chain.name) < sizeof chain.name);
	if (vnep_nft_rule_decode(msg, &rule))
		HOLDS(strnlen(rule.comment, sizeof rule.comment) < sizeof rule.comment);
	if (vnep_nft_set_decode(msg, &set))
		HOLDS(strnlen(set.name, sizeof set.name) < sizeof set.name);
	if (vnep_nft_object_decode(msg, &object))
		HOLDS(strnlen(object.name, sizeof object.name) < sizeof object.name);
	vnep_nft_elements_decode(msg, take, &n);
	vnep_nft_elements_of(msg, VNEP_SET_AWAKE, &deleted);
	free(msg);
	return 0;
}
