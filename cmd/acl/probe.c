/* probe - does the kernel have what the rules are made of? */
#include "acl.h"
#include "vnep/nftprobe.h"

static void tell(const struct vnep_err *why, void *arg)
{
	vnep_cli_error(arg, why);
}

int acl_probe(struct vnep_cli *cli)
{
	return vnep_nft_probe_each(tell, cli, &cli->err);
}
