/*
 * openflow-match - what a flow matches, for openflow*.c alone.
 *
 * Conditions are added one by one; two that exclude each other are told, so that no flow is made of them.
 */
#ifndef VNEP_OPENFLOW_MATCH_H
#define VNEP_OPENFLOW_MATCH_H

#include "vnep/buf.h"
#include "vnep/ruleset.h"

/* What is found out about a frame before its chains, in the high half of the metadata. */
enum { MATCH_KNOWN = 1, MATCH_ENDPOINT = 2 };

enum openflow_tag { TAG_ANY, TAG_NONE, TAG_SOME, TAG_VLAN };

struct openflow_match {
	const char *in_port; /* NULL: any */
	uint32_t facts;
	enum openflow_tag tag;
	uint16_t vlan;
	enum { CAST_ANY, CAST_UNI, CAST_MULTI } cast;
	const struct vnep_mac *mac; /* of the sender */
	int type, proto, icmp_type, hop_limit; /* -1: any */
	int port, port_mask;		       /* destination; -1: any */
	enum { FRAG_ANY, FRAG_YES, FRAG_LATER } frag;
	bool has_src, has_dest;
	struct vnep_prefix src, dest;
};

void openflow_match_init(struct openflow_match *m);

/* False: nothing can match both. */
bool openflow_match_number(int *field, int number);
bool openflow_match_vlan(struct openflow_match *m, enum openflow_tag tag, uint16_t vlan);
bool openflow_match_prefix(struct openflow_match *m, bool dest, const struct vnep_prefix *prefix);
bool openflow_match_addr(struct openflow_match *m, bool dest, const struct in6_addr *addr);

/* "in_port=…,metadata=…,": each condition with a comma behind it. chain 0: whatever the chain. */
void openflow_match_print(const struct openflow_match *m, uint32_t chain, struct vnep_buf *out);

/* The n-th of the masked numbers that together are first to last; false: there is none. */
bool openflow_range(uint32_t first, uint32_t last, unsigned n, uint16_t *value, uint16_t *mask);

#endif
