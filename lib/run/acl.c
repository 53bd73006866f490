/* acl - opening and closing, presence. */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

enum { SET_SIZE_DEFAULT = 1 << 20 };

int vnep_acl_open(struct vnep_acl **out, const struct vnep_acl_config *config, bool offline,
	struct vnep_err *err)
{
	struct vnep_acl *acl = calloc(1, sizeof *acl);
	int rc = 0;

	if (!acl)
		return vnep_err_sys(err, ENOMEM, "acl");
	acl->config = *config;
	if (!acl->config.set_size)
		acl->config.set_size = SET_SIZE_DEFAULT;
	acl->offline = offline;
	vnep_table_init(&acl->devices, offsetof(struct acl_device, vep), sizeof(struct in6_addr));
	vnep_table_init(&acl->by_mac, offsetof(struct acl_device, mac), sizeof(struct vnep_mac));
	vnep_table_init(&acl->groups, 0, VNEP_LABEL_MAX + 1);
	if (config->spool && !offline)
		rc = acl_spool_open(acl, err);
	if (!rc && !offline)
		rc = vnep_nl_open(&acl->nl, NETLINK_NETFILTER, err);
	if (rc == -EPROTONOSUPPORT || rc == -EAFNOSUPPORT) {
		rc = vnep_err_set(err, VNEP_EKERNEL, "this kernel has no nf_tables");
		vnep_err_hint(
			err, "try `modprobe nf_tables`, or a kernel with CONFIG_NF_TABLES_NETDEV");
	}
	if (rc) {
		vnep_acl_close(acl);
		return rc;
	}
	*out = acl;
	return 0;
}

void vnep_acl_keep(struct vnep_acl *acl)
{
	if (acl->applied_old && acl->installed && !acl->doubt)
		acl_applied_write(acl);
}

void vnep_acl_close(struct vnep_acl *acl)
{
	if (!acl)
		return;
	vnep_acl_keep(acl);
	vnep_nft_batch_free(acl->batch);
	vnep_nl_close(acl->nl);
	vnep_nl_close(acl->rt);
	vnep_ruleset_release(&acl->rs);
	acl_wants_release(acl);
	free(acl);
}

int vnep_acl_present(struct vnep_acl *acl, struct vnep_err *err)
{
	struct vnep_nft_table_info table;

	return vnep_nft_table(acl->nl, &table, err);
}

int vnep_acl_clear(struct vnep_acl *acl, struct vnep_err *err)
{
	struct vnep_nft_batch *batch = NULL;
	int rc = vnep_acl_present(acl, NULL);

	if (rc)
		return rc == VNEP_ENOTFOUND ? 0 : vnep_acl_present(acl, err);
	acl->installed = false;
	rc = vnep_nft_batch_new(&batch, acl->nl, err);
	if (!rc) {
		vnep_nft_table_delete(batch);
		rc = vnep_nft_batch_commit(batch, err);
	}
	vnep_nft_batch_free(batch);
	return rc;
}

int acl_element_change(struct vnep_acl *acl, enum vnep_set set, const struct in6_addr *key,
	bool delete, bool put, uint64_t timeout_ms, struct vnep_err *err)
{
	struct vnep_set_element element = { 0 };
	struct vnep_nft_batch *batch = NULL;
	int rc = vnep_nft_batch_new(&batch, acl->nl, err);

	if (rc)
		return rc;
	memcpy(element.key, key, sizeof *key);
	if (delete)
		vnep_nft_elements_delete(batch, set, &element, 1);
	if (put)
		vnep_nft_elements_put(batch, &acl->rs, set, &element, 1, timeout_ms);
	rc = vnep_nft_batch_commit(batch, err);
	vnep_nft_batch_free(batch);
	return rc;
}

/* An element may expire between the look and the change, or the change before may have been done
 * and its acknowledgement lost: so a refusal is looked at again. */
enum { TRIES = 3 };

/* An element that is there keeps its timeout (kernels before 6.12 do not even move its end): it is
 * deleted and added in one batch. Who looks it up meanwhile may find neither, and journals. */
int vnep_acl_awake_add(
	struct vnep_acl *acl, const struct in6_addr *vep, uint64_t t3324_ms, struct vnep_err *err)
{
	struct vnep_nft_element_info there;
	int refused = 0;

	for (int tries = 0; tries < TRIES; tries++) {
		int rc = vnep_nft_element_get(acl->nl, VNEP_SET_AWAKE, vep->s6_addr, &there, err);

		if (rc && rc != VNEP_ENOTFOUND)
			return rc;
		if (!rc && !t3324_ms && !there.timeout_ms)
			return 0;
		refused = acl_element_change(acl, VNEP_SET_AWAKE, vep, !rc, true, t3324_ms, err);
		if (!refused || refused == VNEP_EPRIV)
			return refused;
	}
	return refused;
}

int acl_element_remove(
	struct vnep_acl *acl, enum vnep_set set, const struct in6_addr *key, struct vnep_err *err)
{
	struct vnep_nft_element_info there;
	int refused = 0;

	for (int tries = 0; tries < TRIES; tries++) {
		int rc = vnep_nft_element_get(acl->nl, set, key->s6_addr, &there, err);

		if (rc)
			return rc == VNEP_ENOTFOUND ? 0 : rc;
		refused = acl_element_change(acl, set, key, true, false, 0, err);
		if (!refused || refused == VNEP_EPRIV)
			return refused;
	}
	return refused;
}

int vnep_acl_awake_remove(struct vnep_acl *acl, const struct in6_addr *vep, struct vnep_err *err)
{
	return acl_element_remove(acl, VNEP_SET_AWAKE, vep, err);
}

static uint64_t left_ms(const struct vnep_nft_element_info *element)
{
	return element->timeout_ms || element->left_ms ? element->left_ms : UINT64_MAX;
}

int vnep_acl_awake_get(
	struct vnep_acl *acl, const struct in6_addr *vep, uint64_t *left, struct vnep_err *err)
{
	struct vnep_nft_element_info there;
	int rc = vnep_nft_element_get(acl->nl, VNEP_SET_AWAKE, vep->s6_addr, &there, err);

	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	*left = rc ? 0 : left_ms(&there);
	return 0;
}

/* Members are gathered before the caller sees them: a dump may have to be repeated, a callback may
 * not. */
static int member_add(const struct vnep_nft_element_info *element, void *arg)
{
	struct acl_members *m = arg;

	if (element->key_len != sizeof(struct in6_addr))
		return 0;
	if (m->count == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 64;
		struct acl_member *bigger = reallocarray(m->items, cap, sizeof *bigger);

		if (!bigger)
			return -ENOMEM;
		m->items = bigger;
		m->cap = cap;
	}
	memcpy(&m->items[m->count].vep, element->key, sizeof(struct in6_addr));
	m->items[m->count].timeout_ms = element->timeout_ms;
	m->items[m->count++].left_ms = left_ms(element);
	return 0;
}

static void members_forget(void *arg)
{
	((struct acl_members *)arg)->count = 0;
}

int acl_members_read(
	struct vnep_acl *acl, enum vnep_set set, struct acl_members *out, struct vnep_err *err)
{
	return vnep_nft_each_element(acl->nl, set, member_add, members_forget, out, err);
}

int vnep_acl_awake_each(
	struct vnep_acl *acl, vnep_acl_awake_cb *cb, void *arg, struct vnep_err *err)
{
	struct acl_members m = { 0 };
	int rc = acl_members_read(acl, VNEP_SET_AWAKE, &m, err);

	for (size_t i = 0; !rc && i < m.count; i++)
		rc = cb(&m.items[i].vep, m.items[i].left_ms, arg);
	free(m.items);
	return rc;
}
