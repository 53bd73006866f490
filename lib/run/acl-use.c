/* acl-use - which addresses of a device the kernel has seen packets from: the counters of its elements. */
#include <errno.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

/* Each element of a set that counts belongs to the address that its key holds. */
static int add_up(struct vnep_acl *acl, const struct acl_elements *list,
	const struct in6_addr *addr, unsigned count, uint64_t *packets, struct vnep_err *err)
{
	size_t key_len = vnep_set_specs[list->set].key_len;

	for (size_t i = 0; i < list->count; i++) {
		struct vnep_nft_element_info there;
		int rc = vnep_nft_element_get(acl->nl, list->set, list->items[i].key, &there, err);

		if (rc && rc != VNEP_ENOTFOUND)
			return rc;
		for (unsigned a = 0; !rc && a < count; a++)
			if (memmem(list->items[i].key, key_len, &addr[a], sizeof addr[a]))
				packets[a] += there.packets;
	}
	return 0;
}

int vnep_acl_device_use(struct vnep_acl *acl, const struct in6_addr *vep,
	const struct in6_addr *addr, unsigned count, uint64_t *packets, struct vnep_err *err)
{
	const struct acl_device *d = vnep_table_get(&acl->devices, vep);
	int rc = d ? 0 : vnep_err_set(err, VNEP_ENOTFOUND, "no binding of this device");

	memset(packets, 0, count * sizeof *packets);
	for (int set = 0; !rc && set < VNEP_SET_COUNT; set++) {
		struct acl_elements list = { .set = (enum vnep_set)set };

		if (!vnep_set_specs[set].counter)
			continue;
		acl_elements_device(acl, d, &list);
		rc = list.rc ? vnep_err_sys(err, -list.rc, "elements of a device")
			     : add_up(acl, &list, addr, count, packets, err);
		acl_elements_release(&list);
	}
	return rc;
}
