/* acl-there - what the kernel's table has besides elements: for acl-diff.c alone. */
#ifndef VNEP_ACL_THERE_H
#define VNEP_ACL_THERE_H

#include "acl-private.h"

/* What the kernel has besides elements. */
struct there {
	struct there_chain {
		struct vnep_nft_chain_info info;
		uint64_t hash; /* of its rules' comments in order */
		size_t rules;
		bool wanted;
		struct vnep_slice key; /* its name */
	} * chains;
	struct vnep_table by_name; /* of chains */
	struct vnep_nft_set_info *sets;
	struct vnep_nft_object_info *objects;
	size_t chain_count, set_count, object_count;
	size_t chain_cap, set_cap, object_cap;
	bool has_table, dormant;
};

/* Reads a zeroed one; release it in any case. */
int there_read(struct vnep_nl *nl, struct there *t, struct vnep_err *err);
void there_release(struct there *t);
struct there_chain *there_find_chain(const struct there *t, const char *name);

#endif
