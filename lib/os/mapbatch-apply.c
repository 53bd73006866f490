/*
 * mapbatch-apply - a batch into the map, in one transaction.
 *
 * Records are put in the order in which the map has them (vpcs, groups, devices, each by id), whatever the order
 * of their lines: the map then fills page after page. Who wants all or nothing hears of the first line that is
 * to blame, not of the first record.
 *
 * Who goes on without what is refused may lose more with it: a device that keeps its old endpoint is in the way
 * of the next one. So a refused device is taken back in the transaction, and those are looked at again who have
 * by now what it had, and so on. What is left then is written in a second run, from a map as it was: revisions
 * and history know nothing of the try.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mapbatch-private.h"

struct run {
	struct vnep_map_batch *b;
	const struct vnep_map_apply *how;
	struct vnep_map_changes *changes;
	struct vnep_map_txn *txn;
	struct vnep_err *err;
	struct map_sorted *order;
	const struct map_item *blamed; /* whose message err has */
	bool restore;                  /* records keep the revisions that they bring */
	struct vnep_buf back; /* items (pointers) that the check refused, to be taken back */
	bool again;           /* the check of the whole refused some: run once more without them */
	bool last;            /* that run: nothing is left to be refused */
};

/* ---- refusal ---- */

static bool is_before(const struct map_item *a, const struct map_item *b)
{
	return a->file != b->file ? a->file < b->file : a->line < b->line;
}

static int refuse(struct run *r, struct map_item *item, const struct vnep_err *why)
{
	struct vnep_err placed = *why;

	vnep_err_place(&placed, r->b->files[item->file], item->line, 0);
	if (r->how->refuse) {
		item->refused = true;
		r->changes->refused++;
		return r->how->refuse(&placed, r->how->arg);
	}
	if (!r->blamed || is_before(item, r->blamed)) {
		r->blamed = item;
		if (r->err)
			*r->err = placed;
	}
	return 0; /* an earlier line may be to blame, too */
}

/* ---- records ---- */

static int put_live(struct run *r, const struct map_item *item, enum vnep_map_change *what,
	struct vnep_err *why)
{
	const struct vnep_map_put how = { .if_revision = r->how->if_revision,
		.origin = r->how->origin,
		.revision = r->restore ? item->revision : 0 };
	struct vnep_map_line line = { .type = (enum vnep_record_type)item->type,
		.text = map_item_text(item),
		.len = item->len,
		.rev_at = item->rev_at };
	struct vnep_device device = { 0 };
	char id[VNEP_URN_MAX + 1];
	int rc = 0;

	line.id = vnep_map_item_id(item, id);
	if (line.type == VNEP_RECORD_DEVICE) {
		rc = vnep_map_device_of(r->txn, map_item_text(item), item->len, &device, why);
		line.device = &device;
	}
	if (!rc)
		rc = vnep_map_put_line(r->txn, &line, &how, what, why);
	vnep_device_release(&device);
	return rc;
}

static int put_one(struct run *r, struct map_item *item)
{
	enum vnep_map_change what = VNEP_MAP_SAME;
	struct vnep_err why = { 0 };
	char id[VNEP_URN_MAX + 1];
	bool gone = false;
	int rc;

	if (item->deleted) {
		rc = vnep_map_delete(r->txn, (enum vnep_record_type)item->type,
			vnep_map_item_id(item, id), r->how->if_revision, &why);
		gone = !rc;
		rc = rc == VNEP_ENOTFOUND ? 0 : rc; /* then there is nothing to do */
	} else {
		rc = put_live(r, item, &what, &why);
	}
	if (rc && (vnep_err_exit(rc) == 3 || vnep_err_exit(rc) == 5)) {
		if (r->err)
			*r->err = why; /* the disk's fault, not the line's */
		return rc;
	}
	if (rc)
		return refuse(r, item, &why);
	if (gone)
		r->changes->deleted++;
	else if (what == VNEP_MAP_SAME)
		r->changes->unchanged++;
	else if (what == VNEP_MAP_ADDED)
		r->changes->added++;
	else
		r->changes->changed++;
	return 0;
}

/* Ids of the map that the batch lacks, collected first: a walk must not change what it walks over. */
struct lacking {
	struct vnep_map_batch *b;
	struct vnep_buf ids; /* NUL-terminated, one after another */
	enum vnep_record_type type;
};

static int find_lacking(const char *id, void *arg)
{
	struct lacking *l = arg;
	uint8_t key[VNEP_MAP_KEY_MAX];
	struct vnep_slice slice = { key, vnep_map_key(l->type, id, key) };

	if (!vnep_table_get(&l->b->by[BY_KEY], &slice))
		vnep_buf_put(&l->ids, id, strlen(id) + 1);
	return l->ids.rc;
}

static int delete_lacking(struct run *r)
{
	static const enum vnep_record_type types[] = { VNEP_RECORD_DEVICE, VNEP_RECORD_GROUP,
		VNEP_RECORD_VPC };
	struct lacking l = { .b = r->b };
	int rc = 0;

	for (size_t t = 0; t < sizeof types / sizeof *types && !rc; t++) {
		l.type = types[t];
		vnep_buf_reset(&l.ids);
		rc = vnep_map_each_id(r->txn, l.type, find_lacking, &l, r->err);
		for (size_t at = 0; at < l.ids.len && !rc;) {
			const char *id = (const char *)l.ids.data + at;

			rc = vnep_map_delete(r->txn, l.type, id, 0, r->err);
			r->changes->deleted++;
			at += strlen(id) + 1;
		}
	}
	vnep_buf_release(&l.ids);
	return rc;
}

/* The check of the whole names a device; the line of that device is to blame, or that of its vpc. */
static int refused(const char *dev, const struct vnep_err *why, void *arg)
{
	struct run *r = arg;
	uint8_t key[VNEP_MAP_KEY_MAX];
	struct vnep_slice slice = { key, vnep_map_key(VNEP_RECORD_DEVICE, dev, key) };
	struct map_item *item = vnep_table_get(&r->b->by[BY_KEY], &slice);

	if (item && item->refused && !r->last) {
		r->again = true; /* was said already: whether that is enough, the last run knows */
		return 0;
	}
	if (!item || item->refused || r->last) {
		/* A device that is only in the map: the batch took its vpc away, or moved its prefix. */
		if (r->err && !r->blamed) {
			*r->err = *why;
			vnep_err_place(r->err, "", 0, 0);
		}
		return why->code;
	}
	if (r->how->refuse) {
		r->again = true;
		vnep_buf_put(&r->back, &item, sizeof item);
		if (r->back.rc)
			return vnep_err_sys(r->err, ENOMEM, "refusing records");
	}
	return refuse(r, item, why);
}

/* What the check refused becomes what it was, until nobody is refused for it. */
static int take_back(struct run *r, struct vnep_mapstore *store)
{
	struct vnep_map_txn *before = NULL;
	struct map_item *item;
	int rc = vnep_map_begin(store, false, &before, r->err);

	for (size_t at = 0; at < r->back.len && !rc;) {
		for (; at < r->back.len && !rc; at += sizeof item) {
			char id[VNEP_URN_MAX + 1];

			memcpy(&item, r->back.data + at, sizeof item);
			rc = vnep_map_take_back(r->txn, before, vnep_map_item_id(item, id), r->err);
		}
		if (!rc)
			rc = vnep_map_check_new(r->txn, refused, r, r->err);
	}
	vnep_map_abort(before);
	return rc;
}

static int compare_revision(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* A map that was never written takes the revisions of its input, if they can be those of one map: so a copy is
 * the same to the octet. */
static bool is_restore(const struct run *r)
{
	size_t count = r->b->count, i;
	uint64_t *all;
	bool good;

	if (vnep_map_revision(r->txn) || !count || r->how->origin)
		return false;
	for (i = 0; i < count && r->b->items[i]->revision && !r->b->items[i]->deleted; i++)
		;
	all = i == count ? malloc(count * sizeof *all) : NULL;
	if (!all)
		return false;
	for (i = 0; i < count; i++)
		all[i] = r->b->items[i]->revision;
	qsort(all, count, sizeof *all, compare_revision);
	for (i = 1; i < count && all[i] > all[i - 1]; i++)
		;
	good = i == count && all[count - 1] <= VNEP_MAP_REVISION_KEPT;
	free(all);
	return good;
}

static int run_once(struct run *r, struct vnep_mapstore *store)
{
	int rc = vnep_map_begin(store, true, &r->txn, r->err);

	if (rc)
		return rc;
	r->restore = is_restore(r);
	if (r->how->has_history)
		vnep_map_set_history(r->txn, r->how->history_us);
	if (r->how->replace)
		rc = delete_lacking(r);
	for (size_t i = 0; i < r->b->count && !rc; i++)
		if (!r->order[i].item->refused)
			rc = put_one(r, r->order[i].item);
	if (!rc)
		rc = vnep_map_check_each(r->txn, refused, r, r->err);
	if (!rc && r->blamed)
		rc = r->err ? r->err->code : VNEP_EVALUE;
	if (!rc && r->again && !r->last)
		rc = take_back(r, store);
	return rc;
}

/* What a batch takes in the map: records, their indexes, and pages that are half full. One that is scattered over a large
 * map has each of its records copy pages of others, and takes more: nobody knows before how many. */
static uint64_t estimate(const struct vnep_map_batch *b)
{
	return 4 * b->octets + 1024 * (uint64_t)b->count;
}

/* Both runs, and the commit. Leaves no transaction. */
static int run_all(struct run *r, struct vnep_mapstore *store)
{
	int rc = run_once(r, store);

	if (!rc && r->again && !r->last) {
		vnep_map_abort(r->txn);
		r->txn = NULL;
		r->last = true;
		*r->changes = (struct vnep_map_changes){ .refused = r->changes->refused };
		rc = run_once(r, store);
	}
	if (!rc)
		r->changes->revision = vnep_map_revision(r->txn);
	if (!rc && !r->how->dry_run)
		rc = vnep_map_commit(r->txn, r->err);
	else
		vnep_map_abort(r->txn);
	r->txn = NULL;
	return rc;
}

/* As long as the map is too small for it, from the beginning: who was refused stays so, and is not told again. */
static int run_widening(struct run *r, struct vnep_mapstore *store)
{
	const struct vnep_err none = { 0 }, before = r->err ? *r->err : none;
	int rc;

	while ((rc = run_all(r, store)) == VNEP_MAP_EFULL) {
		rc = vnep_map_widen(store, r->err);
		if (rc)
			return rc;
		if (r->err)
			*r->err = before;
		*r->changes = (struct vnep_map_changes){ .refused = r->changes->refused };
		vnep_buf_reset(&r->back);
		r->blamed = NULL;
		r->again = false;
	}
	return rc;
}

int vnep_map_batch_apply(struct vnep_map_batch *b, struct vnep_mapstore *store,
	const struct vnep_map_apply *how, struct vnep_map_changes *changes, struct vnep_err *err)
{
	struct run r = { .b = b, .how = how, .changes = changes, .err = err };
	int rc;

	*changes = (struct vnep_map_changes){ 0 };
	for (int i = BY_VEP; i <= BY_MAC; i++) /* nothing comes in any more */
		vnep_table_release(&b->by[i]);
	vnep_map_arena_release(&b->pairs);
	r.order = vnep_map_batch_sort(b);
	rc = r.order ? vnep_map_reserve(store, estimate(b), err)
		     : vnep_err_sys(err, ENOMEM, "sorting records");
	if (!rc)
		rc = run_widening(&r, store);
	vnep_buf_release(&r.back);
	free(r.order);
	return rc;
}
