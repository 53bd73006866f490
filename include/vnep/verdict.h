/*
 * verdict - what the rules do with a frame: the ruleset run by C instead of by the kernel.
 *
 * Why     the rules that are explained are the rules that are loaded: both come from one struct vnep_ruleset, so they
 *         cannot drift apart. And what the kernel does can be compared with what the rules mean, frame by frame.
 * Shape   a frame as it is on the wire, its tag in it; what comes of it: how it ended and by which rule, what was
 *         counted, what went out where, as octets. Out of a port by a neighbour the MACs are not the rules' to say:
 *         there the first twelve octets are zero, and the neighbour's address stands beside.
 * Octets  those of a frame whose checksum is whole, as it is on the wire. The kernel's own super-packets, whose
 *         checksum and segments are still to be made, are judged as such a frame of their length.
 * Limits  a model has no clock: a limit is not used up, unless the caller says so (beyond). Each that was met is told.
 * Owner   a struct vnep_verdict owns its octets (init/release) and is used again and again. Names it points to are the
 *         ruleset's.
 * Errors  VNEP_EVALUE: a rule goes to a chain that is not there, or in a circle; VNEP_ESHORT, VNEP_ETOOBIG: nothing
 *         that Ethernet could carry; -ENOMEM.
 * Source  Linux 6.18: net/core/dev.c (__netif_receive_skb_core), net/core/skbuff.c (skb_vlan_untag),
 *         net/ethernet/eth.c (eth_type_trans), include/net/netfilter/nf_tables_ipv6.h,
 *         net/ipv6/exthdrs_core.c (ipv6_find_hdr), net/netfilter/nft_payload.c, nft_exthdr.c, nft_fwd_netdev.c.
 */
#ifndef VNEP_VERDICT_H
#define VNEP_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/addr.h"
#include "vnep/buf.h"
#include "vnep/ruleset.h"

struct vnep_err;

enum {
	VNEP_VERDICT_FRAME_MAX = 65535 + 18, /* octets: a super-packet of the kernel, its link header and a tag */
	VNEP_VERDICT_COPIES = 4,
	VNEP_VERDICT_COUNTERS = 8,
	VNEP_VERDICT_LIMITS = 4,
	VNEP_VERDICT_RULES = 24, /* that matched, in order; more are not remembered */
};

/* Is it in the set, and with what data? Asked for all but those of vnep_set_constant. key has the length that the
 * specification of the set says. */
typedef bool vnep_verdict_find(
	void *arg, enum vnep_set set, const uint8_t *key, struct vnep_set_element *out);

struct vnep_verdict_in {
	const char *port; /* where it arrives: the device of a base chain */
	uint32_t ifindex; /* of that port, as the elements have it */
	struct vnep_mac mac; /* of that port; zeros: not known, every unicast frame is for it */
	const uint8_t *frame;
	size_t len;
	uint32_t beyond; /* bit n: the n-th limit that the frame meets is used up */
	bool plain;	 /* without shortcuts: the rules that say why */
	vnep_verdict_find *find;
	void *arg;
};

enum vnep_verdict_end {
	VNEP_END_DROP,	    /* by a rule */
	VNEP_END_RAN_OUT,   /* no rule ended it: the policy of the base chain drops it */
	VNEP_END_UNSEEN,    /* the kernel throws it away before the rules: cut off inside its tag */
	VNEP_END_PORT,	    /* out of a port as it is: the journal port */
	VNEP_END_NEIGHBOUR, /* out of a port to the neighbour of an address */
};

/* A frame that went out: octets of the verdict's bytes. */
struct vnep_verdict_sent {
	const char *port;
	uint32_t ifindex;
	size_t at, len;
};

struct vnep_verdict {
	enum vnep_verdict_end end;
	const struct vnep_chain *chain; /* what decided; NULL unless a rule did */
	const struct vnep_rule *rule;
	const char *counter; /* of that rule; NULL: none */
	struct vnep_verdict_sent sent; /* PORT, NEIGHBOUR */
	struct in6_addr neighbour;     /* NEIGHBOUR: whose MAC is looked up */
	struct vnep_tag tag;	       /* reason 0: none was written; of what goes to the journal port */

	struct vnep_verdict_copy {
		struct vnep_verdict_sent sent;
		struct vnep_tag tag;
	} copies[VNEP_VERDICT_COPIES];
	const char *counters[VNEP_VERDICT_COUNTERS]; /* one more packet each */
	uint64_t limits[VNEP_VERDICT_LIMITS];	     /* packets a second */
	const struct vnep_rule *rules[VNEP_VERDICT_RULES];
	unsigned copy_count, counter_count, limit_count, rule_count;

	/* Who it was about, as far as the rules looked: the endpoint of the sender, and of who shall get it. */
	bool has_from, has_to;
	struct in6_addr from, to;

	struct vnep_buf bytes;
};

void vnep_verdict_init(struct vnep_verdict *v);
void vnep_verdict_release(struct vnep_verdict *v); /* safe on a zeroed struct and on NULL */

int vnep_verdict_run(struct vnep_verdict *v, const struct vnep_ruleset *rs,
	const struct vnep_verdict_in *in, struct vnep_err *err);

static inline const uint8_t *vnep_verdict_frame(
	const struct vnep_verdict *v, const struct vnep_verdict_sent *sent)
{
	return v->bytes.data + sent->at;
}

#endif
