/* nftprobe: what is missing is named, and what is missing with it is not. */
#include <errno.h>
#include <linux/netlink.h>

#include "netns.h"
#include "t.h"
#include "vnep/err.h"
#include "vnep/nft.h"
#include "vnep/nftprobe.h"

static uint32_t judge(int feature, int answer)
{
	int answers[VNEP_NFT_FEATURES] = { 0 };
	uint32_t missing = UINT32_MAX;

	answers[feature] = answer;
	CHECK(vnep_nft_probe_judge(answers, &missing, NULL) == 0);
	return missing;
}

TEST("nftprobe: each thing that is missing is named, with its option and what works without it")
{
	struct vnep_err err = { 0 };

	for (int f = 0; f < VNEP_NFT_FEATURES; f++) {
		CHECK(judge(f, 0) == 0);
		CHECK(judge(f, ENOENT) == 1u << f);
		CHECK(judge(f, EOPNOTSUPP) == 1u << f);
		vnep_nft_feature_missing((enum vnep_nft_feature)f, &err);
		CHECK(err.code == VNEP_EKERNEL);
		CHECK(strstr(err.text, vnep_nft_features[f].name) != NULL);
		CHECK(strstr(err.text, "CONFIG_") != NULL);
		CHECK(strstr(err.text, vnep_nft_features[f].without) != NULL);
	}
}

TEST("nftprobe: what is missing because of another is not named")
{
	int answers[VNEP_NFT_FEATURES];
	uint32_t missing = 0;

	for (int f = 0; f < VNEP_NFT_FEATURES; f++)
		answers[f] = f == VNEP_NFT_TABLES ? EAFNOSUPPORT : ENOENT;
	CHECK(vnep_nft_probe_judge(answers, &missing, NULL) == 0);
	CHECK(missing == 1u << VNEP_NFT_TABLES);
	for (int f = 0; f < VNEP_NFT_FEATURES; f++)
		answers[f] = f == VNEP_NFT_SETS || f == VNEP_NFT_LOOKUP || f == VNEP_NFT_TIMEOUTS ||
					     f == VNEP_NFT_COPY
				     ? ENOENT
				     : 0;
	CHECK(vnep_nft_probe_judge(answers, &missing, NULL) == 0);
	CHECK(missing == (1u << VNEP_NFT_SETS | 1u << VNEP_NFT_COPY));
}

TEST("nftprobe: a refusal for another reason is no answer")
{
	int answers[VNEP_NFT_FEATURES] = { [VNEP_NFT_LIMITS] = ENOMEM };
	struct vnep_err err = { 0 };
	uint32_t missing = 0;

	CHECK(vnep_nft_probe_judge(answers, &missing, &err) == VNEP_EKERNEL);
	CHECK(strstr(err.text, "limit") != NULL);
	answers[VNEP_NFT_LIMITS] = EPERM;
	CHECK(vnep_nft_probe_judge(answers, &missing, &err) == VNEP_EPRIV);
}

TEST("nftprobe: a kernel that has all says so, and keeps nothing of the question")
{
	uint32_t missing = UINT32_MAX;
	struct vnep_nft_table_info info;
	struct vnep_err err = { 0 };
	struct vnep_nl *nl = NULL;

	CHECK(vnep_nl_open(&nl, NETLINK_NETFILTER, &err) == 0);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(vnep_nft_probe(nl, &missing, &err), 0);
		CHECK_INT(missing, 0);
	}
	CHECK_INT(vnep_nft_table(nl, &info, &err), VNEP_ENOTFOUND);
	vnep_nl_close(nl);
}

int main(void)
{
	return netns_run();
}
