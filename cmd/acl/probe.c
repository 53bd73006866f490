/* probe - does the kernel have what the rules are made of? */
#include <linux/netlink.h>

#include "acl.h"
#include "vnep/nftprobe.h"

int acl_probe(struct vnep_cli *cli)
{
	struct vnep_nl *nl = NULL;
	uint32_t missing = 0;
	int vital = 0, rc = vnep_nl_open(&nl, NETLINK_NETFILTER, &cli->err);

	if (!rc)
		rc = vnep_nft_probe(nl, &missing, &cli->err);
	vnep_nl_close(nl);
	for (int f = 0; f < VNEP_NFT_FEATURES && !rc; f++) {
		struct vnep_err err = { 0 };

		if (!(missing >> f & 1))
			continue;
		vnep_nft_feature_missing((enum vnep_nft_feature)f, &err);
		vnep_cli_error(cli, &err);
		vital += vnep_nft_features[f].vital;
	}
	if (vital && !rc)
		rc = vnep_err_set(&cli->err, VNEP_EKERNEL, "this kernel cannot hold the rules");
	return rc;
}
