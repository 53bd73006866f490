/*
 * acl-stream - the elements that devices have in one set: what the kernel holds against what is wanted, without ever
 * having all of either.
 *
 * The devices are walked, and the kernel is asked about a few dozen elements at a time. What it holds beside those it
 * tells by its count: only where that is greater, the elements are asked for that were applied last and are not wanted;
 * only where those are not all (or a kernel before 6.17 says no count), the set is dumped, until as many are found that
 * no device wants. What differs is changed after that, because room is made first: the set may be full. It was noted, or
 * where it is too much for that, a second walk finds it. What is different is deleted and added anew in one unit, never
 * replaced in place: on kernels before late 2025 a look-up during a replacement could find neither value.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"

enum { SAME = 1, DIFFERENT = 2 }; /* marks in flags; 0: missing */
enum { NOTED_MAX = 4096 };

struct stream {
	struct acl_diff *d;
	enum vnep_set set;
	struct acl_elements window, foreign;
	struct acl_elements noted; /* the first that differ */
	struct vnep_u64s wanted;   /* acl_spool_hash of each key, to look for what is foreign */
	uint64_t found, differ;
	uint64_t strange; /* that the kernel has beside those that were found; 0: it did not say */
	bool empty;       /* the kernel has none */
	bool change;      /* the second walk */
};

static int no_elements(const struct stream *s, int rc, struct vnep_err *err)
{
	return vnep_err_sys(err, -rc, "elements of %s", vnep_set_specs[s->set].name);
}

static int mark(size_t i, const struct vnep_nft_element_info *there, void *arg)
{
	struct stream *s = arg;
	struct vnep_set_element *wanted = &s->window.items[i];

	if (!there)
		return 0;
	wanted->flags = acl_element_same(s->d->acl, s->set, wanted, there) ? SAME : DIFFERENT;
	return 0;
}

/* Side by side in one message, if they are: [*at, …) of this mark. */
static size_t run_of(const struct acl_elements *e, size_t *at, uint32_t flags)
{
	size_t n = 0;

	while (*at < e->count && e->items[*at].flags != flags)
		++*at;
	while (*at + n < e->count && e->items[*at + n].flags == flags)
		n++;
	return n;
}

static int change_elements(struct stream *s, const struct acl_elements *w, struct vnep_err *err)
{
	struct vnep_nft_batch *batch = s->d->batch;

	for (size_t at = 0, n; (n = run_of(w, &at, DIFFERENT)); at += n) {
		vnep_nft_elements_delete(batch, s->set, w->items + at, n);
		vnep_nft_elements_put(batch, &s->d->acl->rs, s->set, w->items + at, n, 0);
	}
	for (size_t at = 0, n; (n = run_of(w, &at, 0)); at += n)
		vnep_nft_elements_put(batch, &s->d->acl->rs, s->set, w->items + at, n, 0);
	return vnep_nft_batch_cut(batch, err);
}

static int note(struct stream *s, const struct vnep_set_element *item, struct vnep_err *err)
{
	if (s->d->mode != ACL_APPLY || s->empty || s->differ > NOTED_MAX)
		return 0;
	acl_elements_add(&s->noted, item->key, item->data);
	if (s->noted.rc)
		return no_elements(s, s->noted.rc, err);
	s->noted.items[s->noted.count - 1].flags = item->flags;
	return 0;
}

static int look(struct stream *s, struct vnep_err *err)
{
	struct acl_elements *w = &s->window;
	int rc = s->empty ? 0
			  : vnep_nft_elements_get(
				    s->d->acl->nl, s->set, w->items, w->count, mark, s, err);

	if (!rc && s->change)
		rc = change_elements(s, w, err);
	for (size_t i = 0; !rc && !(s->change && !s->empty) && i < w->count; i++) {
		s->found += w->items[i].flags != 0;
		if (w->items[i].flags == SAME)
			continue;
		s->differ++;
		rc = note(s, &w->items[i], err);
		if (!rc)
			rc = acl_diff_item(s->d, s->set, w->items[i].flags ? ACL_CHANGE : ACL_ADD,
				&w->items[i]);
	}
	w->count = 0;
	return rc;
}

/* One of a device's addresses said twice is one element. */
static void once(struct acl_elements *w, size_t first)
{
	size_t len = vnep_set_specs[w->set].key_len, kept = first;

	for (size_t i = first; i < w->count; i++) {
		size_t k = first;

		while (k < kept && memcmp(w->items[k].key, w->items[i].key, len) != 0)
			k++;
		if (k == kept)
			w->items[kept++] = w->items[i];
	}
	w->count = kept;
}

/* Is there a device that may have elements here? A walk costs a look at each of them. */
static bool some(const struct vnep_acl *acl, enum vnep_set set)
{
	bool tagged = vnep_set_has_vlan(&vnep_set_specs[set]), host, needs = false;

	host = set == VNEP_SET_FROM_HOST || set == VNEP_SET_FROM_HOST_VLAN ||
	       set == VNEP_SET_HOST_PAIR;
	for (size_t i = 0; i < acl->policy_count && set == VNEP_SET_CONSENT; i++)
		if (acl->policies[i].users && acl->policies[i].consent != SIZE_MAX)
			return true;
	for (size_t i = 0; i < acl->vpc_count && (tagged || host); i++)
		needs = needs ||
			((!tagged || acl->vpcs[i].side[1].users) && (!host || acl->vpcs[i].hosts));
	return tagged || host ? needs : set != VNEP_SET_CONSENT;
}

static int walk(struct stream *s, struct vnep_err *err)
{
	const struct vnep_acl *acl = s->d->acl;
	size_t enough = s->empty ? vnep_nft_elements_max(s->set) : VNEP_NFT_ASK_MAX;
	const struct acl_device *d;
	struct acl_walk walk;
	int rc = 0;

	if (!some(acl, s->set))
		return 0;
	/* a MAC is one element, in however many VLANs it is */
	acl_walk_begin(&walk, acl, s->set == VNEP_SET_KNOWN);
	while (!rc && (d = acl_walk_next(&walk))) {
		size_t first = s->window.count;

		acl_elements_device(acl, d, &s->window);
		if (s->window.count > first + 1)
			once(&s->window, first);
		if (s->window.rc)
			walk.rc = s->window.rc;
		else if (s->window.count >= enough)
			rc = look(s, err);
		if (walk.rc)
			break;
	}
	if (walk.rc)
		rc = no_elements(s, walk.rc, err);
	acl_walk_end(&walk);
	return rc ? rc : look(s, err);
}

/* Is a device's element of this key wanted? */
static bool has(const struct vnep_acl *acl, const struct acl_device *d, enum vnep_set set,
	const uint8_t *key)
{
	struct acl_elements its = { .set = set };
	size_t len = vnep_set_specs[set].key_len;
	bool found = false;

	acl_elements_device(acl, d, &its);
	for (size_t i = 0; i < its.count && !found; i++)
		found = !memcmp(its.items[i].key, key, len);
	acl_elements_release(&its);
	return found || its.rc;
}

bool acl_element_wanted(const struct vnep_acl *acl, enum vnep_set set, const uint8_t *key)
{
	const struct acl_device *d;
	struct acl_key parts;

	switch (set) {
	case VNEP_SET_KNOWN: return vnep_table_get(&acl->by_mac, key);
	case VNEP_SET_FROM_BINDING:
	case VNEP_SET_FROM_VLAN:
	case VNEP_SET_FROM_HOST:
	case VNEP_SET_FROM_HOST_VLAN:
		acl_key_read(set, key, &parts);
		d = vnep_table_get(&acl->by_mac, &parts.mac);
		while (d && !has(acl, d, set, key))
			d = d->same_mac;
		return d;
	case VNEP_SET_HOST_PAIR: d = vnep_table_get(&acl->devices, key + 16); break;
	default: d = vnep_table_get(&acl->devices, key); break;
	}
	return d && has(acl, d, set, key);
}

/* In a spool nothing is looked up: there the keys of all that is wanted are gathered first, as hashes. */
static int gather(struct stream *s, struct vnep_err *err)
{
	size_t len = vnep_set_specs[s->set].key_len;
	const struct acl_device *d;
	struct acl_walk walk;

	if (!s->d->acl->spool)
		return 0;
	acl_walk_begin(&walk, s->d->acl, s->set == VNEP_SET_KNOWN);
	while (!walk.rc && (d = acl_walk_next(&walk))) {
		acl_elements_device(s->d->acl, d, &s->window);
		walk.rc = s->window.rc;
		for (size_t i = 0; !walk.rc && i < s->window.count; i++)
			walk.rc = vnep_u64s_add(&s->wanted,
				acl_spool_hash(s->d->acl->spool, s->window.items[i].key, len));
		s->window.count = 0;
	}
	acl_walk_end(&walk);
	vnep_u64s_sort(&s->wanted);
	return walk.rc ? no_elements(s, walk.rc, err) : 0;
}

static bool is_wanted(const struct stream *s, const uint8_t *key)
{
	const struct vnep_acl *acl = s->d->acl;

	if (!acl->spool)
		return acl_element_wanted(acl, s->set, key);
	return vnep_u64s_has(
		&s->wanted, acl_spool_hash(acl->spool, key, vnep_set_specs[s->set].key_len));
}

static int see(const struct vnep_nft_element_info *there, void *arg)
{
	struct stream *s = arg;

	if (there->key_len != vnep_set_specs[s->set].key_len || is_wanted(s, there->key))
		return 0;
	acl_elements_add(&s->foreign, there->key, NULL);
	if (s->foreign.rc)
		return s->foreign.rc;
	return s->foreign.count == s->strange ? VNEP_NL_ENOUGH : 0;
}

static void forget(void *arg)
{
	((struct stream *)arg)->foreign.count = 0;
}

/* It ends with the last that is foreign, where it is known how many those are. */
static int dump(struct stream *s, struct vnep_err *err)
{
	struct vnep_nl *nl = NULL;
	int rc = vnep_nl_open(&nl, NETLINK_NETFILTER, err);

	s->foreign.count = 0;
	if (!rc)
		rc = vnep_nft_each_element(nl, s->set, see, forget, s, err);
	vnep_nl_close(nl);
	if (rc == -ENOMEM)
		no_elements(s, rc, err);
	return rc == VNEP_NL_ENOUGH ? 0 : rc;
}

static int is_there(size_t i, const struct vnep_nft_element_info *there, void *arg)
{
	struct stream *s = arg;

	if (there)
		acl_elements_add(&s->foreign, s->window.items[i].key, NULL);
	return s->foreign.rc;
}

static void each_once(struct acl_elements *e)
{
	size_t kept = 0;

	acl_elements_sort(e);
	for (size_t i = 0; i < e->count; i++)
		if (!kept || memcmp(e->items[kept - 1].key, e->items[i].key,
				     sizeof e->items[i].key) != 0)
			e->items[kept++] = e->items[i];
	e->count = kept;
}

/* Of those that the window holds from first on, the ones that are not wanted. */
static void unwanted(struct stream *s, size_t first)
{
	struct acl_elements *w = &s->window;
	size_t kept = first;

	for (size_t i = first; i < w->count; i++)
		if (!is_wanted(s, w->items[i].key))
			w->items[kept++] = w->items[i];
	w->count = kept;
}

/* What was applied last is asked for; as many as are foreign, or the rest has to be found. */
static int look_at_applied(struct stream *s, struct vnep_err *err)
{
	struct acl_applied *applied =
		s->strange ? acl_applied_open(s->d->acl, s->found + s->strange) : NULL;
	struct acl_elements *w = &s->window;
	bool more = applied;
	int rc = 0;

	while (!rc && more) {
		size_t first = w->count;

		more = acl_applied_next(applied, w);
		unwanted(s, first);
		rc = w->rc;
		if (!rc && (w->count >= VNEP_NFT_ASK_MAX || !more)) {
			rc = vnep_nft_elements_get(
				s->d->acl->nl, s->set, w->items, w->count, is_there, s, err);
			w->count = 0;
		}
	}
	acl_applied_close(applied);
	each_once(&s->foreign);
	return rc == -ENOMEM ? no_elements(s, rc, err) : rc;
}

static int look_for_foreign(struct stream *s, struct vnep_err *err)
{
	int rc = gather(s, err);

	if (!rc)
		rc = look_at_applied(s, err);
	if (rc || (s->strange && s->foreign.count == s->strange))
		return rc;
	rc = dump(s, err);
	if (rc || !s->d->acl->spool || !s->strange || s->foreign.count == s->strange)
		return rc;
	/* somebody else is at work, or a hash is that of two keys: looked up one by one */
	rc = acl_spool_settle(s->d->acl, err);
	return rc ? rc : dump(s, err);
}

static int foreign(struct stream *s, struct vnep_err *err)
{
	size_t max = vnep_nft_elements_max(s->set);
	int rc = look_for_foreign(s, err);

	for (size_t i = 0; !rc && i < s->foreign.count; i++)
		rc = acl_diff_item(s->d, s->set, ACL_DELETE, &s->foreign.items[i]);
	for (size_t at = 0; !rc && s->d->mode == ACL_APPLY && at < s->foreign.count; at += max) {
		size_t n = s->foreign.count - at < max ? s->foreign.count - at : max;

		vnep_nft_elements_delete(s->d->batch, s->set, s->foreign.items + at, n);
		rc = vnep_nft_batch_cut(s->d->batch, err);
	}
	return rc;
}

/* A window at a time, so that the batch can be cut between them. */
static int change_noted(struct stream *s, struct vnep_err *err)
{
	size_t max = vnep_nft_elements_max(s->set);
	int rc = 0;

	for (size_t at = 0; !rc && at < s->noted.count; at += max) {
		struct acl_elements part = s->noted;

		part.items += at;
		part.count = s->noted.count - at < max ? s->noted.count - at : max;
		rc = change_elements(s, &part, err);
	}
	return rc;
}

static int change(struct stream *s, struct vnep_err *err)
{
	s->change = true;
	return s->noted.count == s->differ ? change_noted(s, err) : walk(s, err);
}

int acl_diff_devices(struct acl_diff *d, enum vnep_set set, const struct vnep_nft_set_info *there,
	struct vnep_err *err)
{
	struct stream s = { .d = d,
		.set = set,
		.window = { .set = set },
		.foreign = { .set = set },
		.noted = { .set = set } };
	int rc;

	s.empty = !there || (there->has_count && !there->count);
	s.change = s.empty && d->mode == ACL_APPLY;
	rc = walk(&s, err);
	if (!rc && !s.empty && there->has_count && there->count > s.found)
		s.strange = there->count - s.found;
	if (!rc && !s.empty && (!there->has_count || there->count != s.found))
		rc = foreign(&s, err);
	if (!rc && !s.empty && s.differ && d->mode == ACL_APPLY)
		rc = change(&s, err);
	acl_elements_release(&s.window);
	acl_elements_release(&s.noted);
	acl_elements_release(&s.foreign);
	vnep_u64s_release(&s.wanted);
	return rc;
}
