/*
 * acl-rules - the wanted state as chains: the data path of DESIGN.md section 3.
 *
 * Every packet that arrives ends in exactly one counted rule: forwarded, journal, ask or drop; a
 * copy (wake, tap, sample, a big one) is counted apart. So no chain may run out, but for those that are
 * jumped to. Nothing is accepted anywhere, so nothing that a device sends reaches the edge's own stack.
 *
 * The ports' part is in acl-rules-port.c, the devices' in acl-rules-path.c; here they are put together, with
 * what the kernel says of the ports.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "acl-emit.h"
#include "vnep/err.h"
#include "vnep/rtnl.h"

/* What reaches the peer of the journal port is for the ring alone, never for the edge's own stack.
 */
static void journal_chain(struct vnep_acl *acl)
{
	char peer[VNEP_IF_MAX + 1], label[VNEP_NFT_NAME_MAX + 1], text[VNEP_NFT_COMMENT_MAX + 1];

	vnep_rtnl_journal_peer(acl->config.journal_port, peer);
	vnep_nft_label(peer, label);
	vnep_ruleset_chain(&acl->rs, peer, NULL, "journal_port_%s", label);
	snprintf(text, sizeof text, ACL_COMMENT_JOURNAL "%s", acl->config.journal_port);
	vnep_ruleset_rule(&acl->rs, text);
	emit_plain(&acl->rs, VNEP_STMT_DROP);
}

static int check_vpcs(const struct vnep_acl *acl, struct vnep_err *err)
{
	for (size_t i = 0; i < acl->vpc_count; i++) {
		const struct acl_vpc *v = &acl->vpcs[i];

		if (!v->defined && v->side[0].users + v->side[1].users)
			return vnep_err_set(err, VNEP_EVALUE,
				"vpc \"%s\" of %s is not among the records", v->vpc.vpc,
				v->side[v->side[0].users ? 0 : 1].first);
	}
	return 0;
}

/* What the kernel says of a port; offline its place in the configuration is its index, counted from 1. */
static int read_port(struct vnep_acl *acl, unsigned place, struct vnep_err *err)
{
	const char *name =
		place < acl->config.access_count ? acl->config.access[place] : acl->config.core;
	struct acl_port now = { .index = place + 1 };
	struct vnep_link link;
	int rc = 0, n = 0;

	if (!acl->offline)
		rc = vnep_rtnl_link(acl->rt, name, &link, err);
	if (rc == VNEP_ENOTFOUND && !acl->config.partial)
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such port: \"%s\"", name);
	if (rc == VNEP_ENOTFOUND)
		now.index = 0;
	else if (rc)
		return rc;
	else if (!acl->offline) {
		now = (struct acl_port){
			.index = (uint32_t)link.ifindex, .mtu = link.mtu, .mac = link.mac
		};
		n = vnep_rtnl_addresses(acl->rt, link.ifindex, now.addr, ACL_ADDRESSES, err);
		if (n < 0)
			return n;
		now.addr_count = (unsigned)n;
	}
	acl->built = acl->built && now.index == acl->port[place].index &&
		     now.mtu == acl->port[place].mtu;
	acl->port[place] = now;
	return 0;
}

static int read_ports(struct vnep_acl *acl, struct vnep_err *err)
{
	uint32_t journal = acl->offline ? 0 : if_nametoindex(acl->config.journal_port);
	int rc = 0;

	if (!acl->offline && !acl->rt)
		rc = vnep_nl_open(&acl->rt, NETLINK_ROUTE, err);
	for (unsigned i = 0; !rc && i <= acl->config.access_count; i++)
		rc = read_port(acl, i, err);
	acl->built = acl->built && journal == acl->journal_index;
	acl->journal_index = journal;
	return rc;
}

/* "acc0" with a VLAN 101 and "acc0.101", or a port that is called "device": their rules would run together. */
static int check_names(struct vnep_acl *acl, struct vnep_err *err)
{
	const char *twice = acl->rs.rc ? NULL : vnep_ruleset_twice(&acl->rs);

	if (acl->rs.rc)
		return vnep_err_sys(err, ENOMEM, "the ruleset");
	if (!twice)
		return 0;
	vnep_err_set(
		err, VNEP_EVALUE, "the names of the ports give two chains the name \"%s\"", twice);
	vnep_err_hint(err, "another name for one of the ports helps");
	return VNEP_EVALUE;
}

int acl_build(struct vnep_acl *acl, struct vnep_err *err)
{
	int rc = read_ports(acl, err);

	if (rc || acl->built)
		return rc;
	rc = check_vpcs(acl, err);
	if (rc)
		return rc;
	acl->installed = false;
	vnep_ruleset_again(&acl->rs, acl->config.set_size);
	for (unsigned i = 0; i < acl->config.access_count; i++)
		acl_access_chains(acl, i);
	acl_core_chains(acl);
	journal_chain(acl);
	acl_from_device_chains(acl);
	acl_to_device_chains(acl);
	rc = check_names(acl, err);
	acl->built = !rc;
	return rc;
}

int vnep_acl_ports_changed(struct vnep_acl *acl, struct vnep_err *err)
{
	uint64_t changes = 0;

	return acl_sync(acl, ACL_RULES | ACL_ROUTERS, &changes, err);
}
