/*
 * acl-sync - the elements of one small set: what the kernel holds against what is wanted.
 *
 * The wanted ones lie sorted; the dump of the kernel runs past them once and marks them. What is
 * marked differently is deleted and added anew in one unit, never replaced in place: on kernels
 * before late 2025 a look-up during a replacement could find neither value.
 */
#include <errno.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

enum { SAME = 1, DIFFERENT = 2 }; /* marks in flags */

struct sync {
	struct acl_diff *d;
	enum vnep_set set;
	struct acl_elements wanted, foreign;
};

static int see(const struct vnep_nft_element_info *there, void *arg)
{
	struct sync *s = arg;
	const struct vnep_set_spec *spec = &vnep_set_specs[s->set];
	struct vnep_set_element *wanted;

	if (there->key_len != spec->key_len)
		return 0; /* not a set of ours at all: acl-diff speaks of it */
	wanted = acl_elements_find(&s->wanted, there->key);
	if (!wanted)
		acl_elements_add(&s->foreign, there->key, there->data);
	else
		wanted->flags =
			acl_element_same(s->d->acl, s->set, wanted, there) ? SAME : DIFFERENT;
	return s->foreign.rc;
}

static void forget(void *arg)
{
	struct sync *s = arg;

	s->foreign.count = 0;
	for (size_t i = 0; i < s->wanted.count; i++)
		s->wanted.items[i].flags = 0;
}

int acl_diff_item(struct acl_diff *d, enum vnep_set set, enum acl_change change,
	const struct vnep_set_element *item)
{
	const char *chain = NULL;
	uint32_t i;

	if (change != ACL_DELETE && vnep_set_specs[set].data == VNEP_NFT_VERDICT) {
		memcpy(&i, item->data, sizeof i);
		chain = d->acl->rs.chains[i].name;
	}
	return acl_diff_element(d, change, set, item->key, item->data, chain);
}

/* Items [from, to) with this mark gathered to the front of a unit: so many as one message takes. */
static size_t unit(const struct acl_elements *e, uint32_t mark, size_t *at,
	struct vnep_set_element *out, size_t max)
{
	size_t n = 0;

	for (; *at < e->count && n < max; ++*at)
		if (e->items[*at].flags == mark)
			out[n++] = e->items[*at];
	return n;
}

static int change(struct sync *s, const struct acl_elements *e, uint32_t mark,
	enum acl_change change, struct vnep_err *err)
{
	struct vnep_set_element items[256];
	size_t max = vnep_nft_elements_max(s->set), at = 0, n;
	struct vnep_nft_batch *batch = s->d->batch;
	int rc = 0;

	if (max > sizeof items / sizeof *items)
		max = sizeof items / sizeof *items;
	while (!rc && (n = unit(e, mark, &at, items, max)) > 0) {
		for (size_t i = 0; !rc && i < n; i++)
			rc = acl_diff_item(s->d, s->set, change, &items[i]);
		if (rc || s->d->mode != ACL_APPLY)
			continue;
		if (change != ACL_ADD)
			vnep_nft_elements_delete(batch, s->set, items, n);
		if (change != ACL_DELETE)
			vnep_nft_elements_put(batch, &s->d->acl->rs, s->set, items, n, 0);
		rc = vnep_nft_batch_cut(batch, err);
	}
	return rc;
}

int acl_diff_set(struct acl_diff *d, enum vnep_set set, unsigned which, struct vnep_err *err)
{
	struct sync s = { .d = d, .set = set, .foreign = { .set = set } };
	int rc = acl_elements_want(d->acl, set, &s.wanted, err);

	if (!rc)
		rc = vnep_nft_each_element(d->acl->nl, set, see, forget, &s, err);
	if (rc == -ENOMEM)
		vnep_err_sys(err, ENOMEM, "elements of %s", vnep_set_specs[set].name);
	if (!rc && which & ACL_UNWANTED) /* room is made first: the set may be full */
		rc = change(&s, &s.foreign, 0, ACL_DELETE, err);
	if (!rc && which & ACL_WANTED)
		rc = change(&s, &s.wanted, DIFFERENT, ACL_CHANGE, err);
	if (!rc && which & ACL_WANTED)
		rc = change(&s, &s.wanted, 0, ACL_ADD, err);
	acl_elements_release(&s.wanted);
	acl_elements_release(&s.foreign);
	return rc;
}
