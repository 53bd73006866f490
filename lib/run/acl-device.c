/*
 * acl-device - one device changed, in a running process.
 *
 * The kernel is asked about each of the few elements before they are changed (9 us each): what an
 * earlier change left, or a lost acknowledgement, or a hand at nft(8), is then simply a part of the
 * difference.
 */
#include <errno.h>

#include "acl-private.h"
#include "vnep/err.h"

static void lists_make(const struct vnep_acl *acl, const struct in6_addr *vep,
	struct acl_elements lists[static VNEP_SET_COUNT])
{
	const struct acl_device *d = vnep_table_get(&acl->devices, vep);

	for (int set = 0; set < VNEP_SET_COUNT; set++) {
		lists[set] = (struct acl_elements){ .set = (enum vnep_set)set };
		if (d)
			acl_elements_device(acl, d, &lists[set]);
		acl_elements_sort(&lists[set]);
	}
}

static void lists_release(struct acl_elements lists[static VNEP_SET_COUNT])
{
	for (int set = 0; set < VNEP_SET_COUNT; set++)
		acl_elements_release(&lists[set]);
}

static int delete_if_there(struct vnep_acl *acl, enum vnep_set set,
	const struct vnep_set_element *old, struct vnep_nft_batch *batch, struct vnep_err *err)
{
	struct vnep_nft_element_info there;
	int rc = vnep_nft_element_get(acl->nl, set, old->key, &there, err);

	if (!rc)
		vnep_nft_elements_delete(batch, set, old, 1);
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

static int put_if_different(struct vnep_acl *acl, enum vnep_set set,
	const struct vnep_set_element *wanted, struct vnep_nft_batch *batch, struct vnep_err *err)
{
	struct vnep_nft_element_info there;
	int rc = vnep_nft_element_get(acl->nl, set, wanted->key, &there, err);

	if (!rc && acl_element_same(acl, set, wanted, &there))
		return 0;
	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	if (!rc)
		vnep_nft_elements_delete(batch, set, wanted, 1);
	vnep_nft_elements_put(batch, &acl->rs, set, wanted, 1, 0);
	return 0;
}

/* The MAC of a device that went may be another's, in another VLAN. */
static bool shared(
	const struct vnep_acl *acl, enum vnep_set set, const struct vnep_set_element *element)
{
	return set == VNEP_SET_KNOWN && vnep_table_get(&acl->by_mac, element->key);
}

static int sync_set(struct vnep_acl *acl, const struct acl_elements *old,
	const struct acl_elements *now, struct vnep_nft_batch *batch, struct vnep_err *err)
{
	int rc = 0;

	if (old->rc || now->rc)
		return vnep_err_sys(err, ENOMEM, "elements of a device");
	for (size_t i = 0; !rc && i < old->count; i++)
		if (!acl_elements_find(now, old->items[i].key) &&
			!shared(acl, old->set, &old->items[i]))
			rc = delete_if_there(acl, old->set, &old->items[i], batch, err);
	for (size_t i = 0; !rc && i < now->count; i++)
		rc = put_if_different(acl, now->set, &now->items[i], batch, err);
	return rc;
}

static int sync_device(struct vnep_acl *acl, const struct acl_elements old[static VNEP_SET_COUNT],
	const struct acl_elements now[static VNEP_SET_COUNT], struct vnep_err *err)
{
	struct vnep_nft_batch *batch = NULL;
	int rc = vnep_nft_batch_new(&batch, acl->nl, err);

	for (int set = 0; !rc && set < VNEP_SET_COUNT; set++)
		rc = sync_set(acl, &old[set], &now[set], batch, err);
	if (!rc)
		rc = vnep_nft_batch_commit(batch, err);
	vnep_nft_batch_free(batch);
	return rc;
}

/* New chains before the elements that lead to them. */
static int rules_before(struct vnep_acl *acl, struct vnep_err *err)
{
	uint64_t changes = 0;
	int rc = acl->built ? 0 : acl_build(acl, err);

	return rc || acl->installed ? rc : acl_sync(acl, ACL_RULES, &changes, err);
}

/* Chains that no element leads to any more. */
static int rules_after(struct vnep_acl *acl, struct vnep_err *err)
{
	uint64_t changes = 0;

	return acl->stale ? acl_sync(acl, ACL_FOREIGN, &changes, err) : 0;
}

int vnep_acl_device_set(struct vnep_acl *acl, const struct vnep_device *device,
	const struct vnep_binding *binding, struct vnep_err *err)
{
	struct acl_elements old[VNEP_SET_COUNT], now[VNEP_SET_COUNT];
	int rc;

	lists_make(acl, &device->vep, old);
	rc = vnep_acl_want_device(acl, device, binding, err);
	if (!rc)
		rc = rules_before(acl, err);
	lists_make(acl, &device->vep, now);
	if (!rc)
		rc = sync_device(acl, old, now, err);
	if (!rc)
		rc = rules_after(acl, err);
	lists_release(old);
	lists_release(now);
	return rc;
}

/* Its awake element goes too: nobody may stay awake whom nobody knows. */
int vnep_acl_device_unset(struct vnep_acl *acl, const struct in6_addr *vep, struct vnep_err *err)
{
	struct acl_elements old[VNEP_SET_COUNT], now[VNEP_SET_COUNT];
	struct vnep_device gone = { .vep = *vep, .deleted = true };
	int rc;

	if (!vnep_table_get(&acl->devices, vep))
		return vnep_acl_awake_remove(acl, vep, err);
	lists_make(acl, vep, old);
	rc = vnep_acl_want_device(acl, &gone, NULL, err);
	lists_make(acl, vep, now);
	if (!rc)
		rc = sync_device(acl, old, now, err);
	if (!rc)
		rc = vnep_acl_awake_remove(acl, vep, err);
	if (!rc)
		rc = rules_after(acl, err);
	lists_release(old);
	lists_release(now);
	return rc;
}
