/* acl-reachable - the hosts and next hops of the core side that the worker resolved. */
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

void vnep_acl_host_key(const struct in6_addr *addr, uint16_t vlan, struct in6_addr *key)
{
	*key = *addr;
	if (!IN6_IS_ADDR_LINKLOCAL(addr))
		return;
	key->s6_addr[2] = (uint8_t)(vlan >> 8);
	key->s6_addr[3] = (uint8_t)vlan;
}

int vnep_acl_reachable_add(struct vnep_acl *acl, const struct in6_addr *key, struct vnep_err *err)
{
	struct vnep_nft_element_info there;
	int rc = vnep_nft_element_get(acl->nl, VNEP_SET_REACHABLE, key->s6_addr, &there, err);

	if (rc != VNEP_ENOTFOUND)
		return rc;
	return acl_element_change(acl, VNEP_SET_REACHABLE, key, false, true, 0, err);
}

int vnep_acl_reachable_remove(
	struct vnep_acl *acl, const struct in6_addr *key, struct vnep_err *err)
{
	return acl_element_remove(acl, VNEP_SET_REACHABLE, key, err);
}

int vnep_acl_reachable_each(
	struct vnep_acl *acl, vnep_acl_reachable_cb *cb, void *arg, struct vnep_err *err)
{
	struct acl_members m = { 0 };
	int rc = acl_members_read(acl, VNEP_SET_REACHABLE, &m, err);

	for (size_t i = 0; !rc && i < m.count; i++)
		rc = cb(&m.items[i].vep, arg);
	free(m.items);
	return rc;
}
