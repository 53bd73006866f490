/*
 * acl-device - one device changed, in a running process.
 *
 * What the kernel has of the device is known: it is what was wanted before. So the difference is
 * written without a question, in one batch, and its cost has nothing to do with how many devices there
 * are. Where the kernel refuses it, or its answer is lost (something else was there: a hand at nft(8), a
 * change whose acknowledgement never came), the kernel is asked about each of the few elements, and the
 * difference to that is written. Where this fails too, the next change compares everything.
 */
#include <errno.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

enum { LOOKS = 3 };

/* Elements of one device, by set. Behind the index of a verdict's chain, which another build of the rules
 * gives anew, is the hash of its name. */
struct lists {
	struct acl_elements of[VNEP_SET_COUNT];
};

static void name_verdicts(const struct vnep_acl *acl, struct acl_elements *e)
{
	for (size_t i = 0; i < e->count; i++) {
		uint8_t *data = e->items[i].data;
		const char *name;
		uint64_t hash;
		uint32_t chain;

		memcpy(&chain, data, sizeof chain);
		if (chain >= acl->rs.chain_count)
			continue; /* no rules were made yet */
		name = acl->rs.chains[chain].name;
		hash = vnep_hash(VNEP_HASH_INIT, name, strlen(name));
		memcpy(data + sizeof chain, &hash, sizeof hash);
	}
}

static void lists_make(const struct vnep_acl *acl, const struct in6_addr *vep, struct lists *lists)
{
	const struct acl_device *d = vnep_table_get(&acl->devices, vep);

	for (int set = 0; set < VNEP_SET_COUNT; set++) {
		lists->of[set] = (struct acl_elements){ .set = (enum vnep_set)set };
		if (d)
			acl_elements_device(acl, d, &lists->of[set]);
		if (vnep_set_specs[set].data == VNEP_NFT_VERDICT)
			name_verdicts(acl, &lists->of[set]);
		acl_elements_sort(&lists->of[set]);
	}
}

static void lists_release(struct lists *lists)
{
	for (int set = 0; set < VNEP_SET_COUNT; set++)
		acl_elements_release(&lists->of[set]);
}

static int lists_check(const struct lists *old, const struct lists *now, struct vnep_err *err)
{
	for (int set = 0; set < VNEP_SET_COUNT; set++)
		if (old->of[set].rc || now->of[set].rc)
			return vnep_err_sys(err, ENOMEM, "elements of a device");
	return 0;
}

/* Does another device want this element? The MAC may be another's, in another VLAN, or the two have exchanged
 * what they had. All other keys are of one endpoint alone. */
static bool shared(
	const struct vnep_acl *acl, enum vnep_set set, const struct vnep_set_element *element)
{
	struct acl_key key;
	bool found = false;

	if (set == VNEP_SET_KNOWN)
		return vnep_table_get(&acl->by_mac, element->key);
	if (set > VNEP_SET_FROM_HOST_VLAN)
		return false;
	acl_key_read(set, element->key, &key);
	for (const struct acl_device *d = vnep_table_get(&acl->by_mac, &key.mac); d && !found;
		d = d->same_mac) {
		struct acl_elements its = { .set = set };

		acl_elements_device(acl, d, &its);
		acl_elements_sort(&its);
		found = its.rc || acl_elements_find(&its, element->key);
		acl_elements_release(&its);
	}
	return found;
}

/* Is what was wanted under this key wanted still? */
static bool same(
	enum vnep_set set, const struct vnep_set_element *a, const struct vnep_set_element *b)
{
	size_t from = vnep_set_specs[set].data == VNEP_NFT_VERDICT ? sizeof(uint32_t) : 0;

	return !memcmp(a->data + from, b->data + from, sizeof a->data - from);
}

static void write_set(struct vnep_acl *acl, const struct lists *old, const struct lists *now,
	enum vnep_set set, struct vnep_nft_batch *batch)
{
	const struct acl_elements *was = &old->of[set], *is = &now->of[set];

	for (size_t i = 0; i < was->count; i++)
		if (!acl_elements_find(is, was->items[i].key) && !shared(acl, set, &was->items[i]))
			vnep_nft_elements_delete(batch, set, &was->items[i], 1);
	for (size_t i = 0; i < is->count; i++) {
		const struct vnep_set_element *before = acl_elements_find(was, is->items[i].key);

		if (before && same(set, before, &is->items[i]))
			continue;
		if (before)
			vnep_nft_elements_delete(batch, set, before, 1);
		vnep_nft_elements_put(batch, &acl->rs, set, &is->items[i], 1, 0);
	}
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

/* The same with a look at what is there. */
static int look_set(struct vnep_acl *acl, const struct acl_elements *was,
	const struct acl_elements *is, struct vnep_nft_batch *batch, struct vnep_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < was->count; i++)
		if (!acl_elements_find(is, was->items[i].key) &&
			!shared(acl, was->set, &was->items[i]))
			rc = delete_if_there(acl, was->set, &was->items[i], batch, err);
	for (size_t i = 0; !rc && i < is->count; i++)
		rc = put_if_different(acl, is->set, &is->items[i], batch, err);
	return rc;
}

static int write_lists(struct vnep_acl *acl, const struct lists *old, const struct lists *now,
	bool look, struct vnep_err *err)
{
	int rc = 0;

	if (!acl->batch)
		rc = vnep_nft_batch_new(&acl->batch, acl->nl, err);
	for (int set = 0; !rc && set < VNEP_SET_COUNT; set++) {
		if (look)
			rc = look_set(acl, &old->of[set], &now->of[set], acl->batch, err);
		else
			write_set(acl, old, now, (enum vnep_set)set, acl->batch);
	}
	if (rc) {
		vnep_nft_batch_free(acl->batch); /* with what it has gathered */
		acl->batch = NULL;
		return rc;
	}
	return vnep_nft_batch_commit(acl->batch, err);
}

static int sync_device(struct vnep_acl *acl, const struct lists *old, const struct lists *now,
	struct vnep_err *err)
{
	uint64_t changes = 0;
	int rc = lists_check(old, now, err);

	if (!rc && acl->doubt)
		return acl_sync(acl, ACL_ELEMENTS | ACL_FOREIGN, &changes, err);
	if (!rc)
		rc = write_lists(acl, old, now, false, err);
	for (int looks = 0; (rc == VNEP_EKERNEL || rc == VNEP_EUNKNOWN) && looks < LOOKS; looks++)
		rc = write_lists(acl, old, now, true, err);
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
	struct lists old, now;
	int rc;

	rc = acl_spool_settle(acl, err);
	if (rc)
		return rc;
	lists_make(acl, &device->vep, &old);
	rc = vnep_acl_want_device(acl, device, binding, err);
	if (rc) { /* it is refused: what was wanted still is */
		lists_release(&old);
		return rc;
	}
	rc = rules_before(acl, err);
	lists_make(acl, &device->vep, &now);
	if (!rc)
		rc = sync_device(acl, &old, &now, err);
	acl->doubt = rc;
	acl->applied_old = true;
	if (!rc)
		rc = rules_after(acl, err);
	lists_release(&old);
	lists_release(&now);
	return rc;
}

/* Its awake element goes too: nobody may stay awake whom nobody knows. */
int vnep_acl_device_unset(struct vnep_acl *acl, const struct in6_addr *vep, struct vnep_err *err)
{
	struct vnep_device gone = { .vep = *vep, .deleted = true };
	struct lists old, now;
	int rc;

	rc = acl_spool_settle(acl, err);
	if (rc)
		return rc;
	if (!vnep_table_get(&acl->devices, vep))
		return vnep_acl_awake_remove(acl, vep, err);
	lists_make(acl, vep, &old);
	rc = vnep_acl_want_device(acl, &gone, NULL, err);
	lists_make(acl, vep, &now);
	if (!rc)
		rc = sync_device(acl, &old, &now, err);
	acl->doubt = rc;
	acl->applied_old = true;
	if (!rc)
		rc = vnep_acl_awake_remove(acl, vep, err);
	if (!rc)
		rc = rules_after(acl, err);
	lists_release(&old);
	lists_release(&now);
	return rc;
}
