/*
 * nftprobe - does this kernel have what the rules are made of?
 *
 * How     one batch with a table of its own and a rule for each thing, which ends in a request that must fail: the kernel
 *         says what it refuses, and takes nothing. Modules that it loads for that stay loaded.
 * Errors  VNEP_EPRIV (CAP_NET_ADMIN), VNEP_EKERNEL (it refused for another reason than not knowing it), VNEP_EUNKNOWN.
 * Source  linux/netfilter/nf_tables.h; Linux 6.1 net/netfilter/Kconfig, nfnetlink.c (nfnetlink_rcv_batch).
 */
#ifndef VNEP_NFTPROBE_H
#define VNEP_NFTPROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "vnep/nl.h"

/* In the order in which they are asked: what others are made of comes first. */
enum vnep_nft_feature {
	VNEP_NFT_TABLES,
	VNEP_NFT_SETS,
	VNEP_NFT_SET_COUNTERS,
	VNEP_NFT_COUNTERS,
	VNEP_NFT_FIELDS,
	VNEP_NFT_REWRITE,
	VNEP_NFT_LOOKUP,
	VNEP_NFT_EXTHDR,
	VNEP_NFT_LIMITS,
	VNEP_NFT_FORWARD,
	VNEP_NFT_COPY,
	VNEP_NFT_TIMEOUTS,
	VNEP_NFT_BYTEORDER,
	VNEP_NFT_FEATURES
};

struct vnep_nft_feature_info {
	const char *name, *option; /* of the kernel's configuration */
	bool vital;		   /* without it no rule is loaded */
	const char *without;	   /* what does not work, and what still does */
};
extern const struct vnep_nft_feature_info vnep_nft_features[VNEP_NFT_FEATURES];

/* A bit for each that is missing. */
int vnep_nft_probe(struct vnep_nl *nl, uint32_t *missing, struct vnep_err *err);

/* The same on a socket of its own: told gets each that is missing as the error that _feature_missing says. VNEP_EKERNEL
 * if one of them is vital. */
typedef void vnep_nft_missing_cb(const struct vnep_err *why, void *arg);
int vnep_nft_probe_each(vnep_nft_missing_cb *told, void *arg, struct vnep_err *err);

/* What the kernel's answers mean: an errno for each, 0 is yes. What is missing only because something that it is made
 * of is missing is not named. */
int vnep_nft_probe_judge(
	const int answers[static VNEP_NFT_FEATURES], uint32_t *missing, struct vnep_err *err);

/* "fwd (CONFIG_NFT_FWD_NETDEV) is missing in this kernel: …", as an error. */
void vnep_nft_feature_missing(enum vnep_nft_feature feature, struct vnep_err *err);

#endif
