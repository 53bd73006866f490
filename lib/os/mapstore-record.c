/*
 * mapstore-record - records in and out, each change with a revision of its own.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapstore-private.h"

static const char *id_key(enum vnep_record_type type)
{
	return type == VNEP_RECORD_VPC ? "vpc" : type == VNEP_RECORD_GROUP ? "group" : "dev";
}

static uint64_t *counter(struct vnep_map_txn *txn, enum vnep_record_type type)
{
	return type == VNEP_RECORD_DEVICE  ? &txn->meta.devices
	       : type == VNEP_RECORD_VPC   ? &txn->meta.vpcs
	       : type == VNEP_RECORD_GROUP ? &txn->meta.groups
					   : &txn->meta.bindings;
}

/* ---- what was there ---- */

struct old {
	uint8_t octets[VNEP_MAP_KEY_MAX];
	MDB_val key;
	bool there;   /* or a tombstone */
	bool damaged; /* then it is as if it was not there, once it is mended */
	struct vnep_map_value value;
	uint64_t revision;
	struct vnep_device device; /* of a live device record */
};

static bool is_live(const struct old *old)
{
	return old->there && !old->value.deleted;
}

static int read_old(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct old *old, struct vnep_err *err)
{
	MDB_val raw;
	int rc = MDB_NOTFOUND;

	*old = (struct old){ .there = false };
	old->key = (MDB_val){ vnep_map_key(type, id, old->octets), old->octets };
	/* Behind the last there is nothing to be found. */
	if (!vnep_map_is_last(txn, &old->key))
		rc = mdb_get(txn->txn, txn->store->dbi[DB_RECORD], &old->key, &raw);
	if (rc)
		return rc == MDB_NOTFOUND ? 0 : vnep_map_fail(err, rc, "reading the map");
	/* A copy: what LMDB lends does not outlive the next change. */
	vnep_buf_reset(&txn->old);
	vnep_buf_put(&txn->old, raw.mv_data, raw.mv_size);
	if (txn->old.rc)
		return vnep_err_sys(err, ENOMEM, "reading the map");
	raw.mv_data = txn->old.data;
	rc = vnep_map_value_read(&old->key, &raw, &old->value, err);
	old->damaged = rc == VNEP_EDAMAGED;
	if (rc)
		return rc;
	old->there = true;
	old->revision = vnep_map_value_revision(&old->value);
	if (type == VNEP_RECORD_DEVICE && !old->value.deleted)
		rc = vnep_map_device_of(txn, old->value.json, old->value.len, &old->device, err);
	return rc;
}

/* The same for who is about to replace it: a damaged one is taken out. Not if its revision is asked for. */
static int read_or_mend(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	uint64_t if_revision, struct vnep_json *trace, struct old *old, struct vnep_err *err)
{
	struct vnep_err why = { 0 };
	int rc = read_old(txn, type, id, old, &why);

	if (old->damaged && !if_revision)
		return vnep_map_mend(txn, type, &old->key, trace, err);
	if (rc && err)
		*err = why;
	return rc;
}

static int check_revision(const char *id, uint64_t stored, uint64_t wanted, struct vnep_err *err)
{
	if (!wanted || stored == wanted)
		return 0;
	if (!stored)
		return vnep_err_set(err, VNEP_ECONFLICT,
			"\"%s\" is not in the map, so not at revision %llu", id,
			(unsigned long long)wanted);
	return vnep_err_set(err, VNEP_ECONFLICT, "\"%s\" is at revision %llu, not %llu", id,
		(unsigned long long)stored, (unsigned long long)wanted);
}

/* ---- is it the same? ---- */

/* The length of a member at the beginning of text, with its comma; 0 if another one is there. */
static size_t member(const char *text, size_t len, const char *before, char end)
{
	size_t n = strlen(before);
	const char *close;

	if (len <= n || memcmp(text, before, n))
		return 0;
	close = memchr(text + n, end, len - n);
	return close ? (size_t)(close - text) + 1 : 0;
}

static size_t origin(const char *text, size_t len)
{
	return member(text, len, ",\"origin\":\"", '"'); /* a name: nothing in it is escaped */
}

static size_t digits(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return n;
}

static bool same_tree(const struct vnep_map_value *old, const struct vnep_map_line *line)
{
	struct vnep_json *a = NULL, *b = NULL;
	bool equal = false;

	if (!vnep_json_parse(old->json, old->len, &a, NULL) &&
		!vnep_json_parse(line->text, line->len, &b, NULL)) {
		vnep_json_remove(a, "revision");
		vnep_json_remove(a, "origin");
		vnep_json_remove(b, "origin");
		equal = vnep_json_equal(a, b);
	}
	vnep_json_free(a);
	vnep_json_free(b);
	return equal;
}

/* Same content? Revision and origin say when and by whom, not what. Equal trees have texts of one length:
 * only the order of labels and keys of others may differ. */
static bool same(const struct vnep_map_value *old, const struct vnep_map_line *line)
{
	static const char revision[] = ",\"revision\":";
	size_t at = line->rev_at, head = sizeof revision - 1, old_left, left;
	const char *old_tail, *tail = line->text + at;

	if (old->len < at + head || memcmp(old->json + at, revision, head))
		return same_tree(old, line);
	old_tail = old->json + at + head;
	old_left = old->len - at - head;
	old_tail += digits(old_tail, old_left);
	old_left = old->len - (size_t)(old_tail - old->json);
	left = line->len - at;
	old_tail += origin(old_tail, old_left);
	old_left = old->len - (size_t)(old_tail - old->json);
	tail += origin(tail, left);
	left = line->len - (size_t)(tail - line->text);
	if (old_left != left)
		return false;
	if (!memcmp(old->json, line->text, at) && !memcmp(old_tail, tail, left))
		return true;
	return same_tree(old, line);
}

/* ---- one change ---- */

/* Move the record to its new revision in the index of revisions. */
static int put_revision(struct vnep_map_txn *txn, const MDB_val *key, uint64_t before, uint64_t now)
{
	MDB_dbi dbi = txn->store->dbi[DB_REVISION];
	uint64_t be = htobe64(before);
	MDB_val at = { sizeof be, &be }, value = *key;
	int rc = before ? mdb_del(txn->txn, dbi, &at, NULL) : 0;

	if (rc && rc != MDB_NOTFOUND)
		return rc;
	be = htobe64(now);
	return mdb_put(txn->txn, dbi, &at, &value,
		now > txn->meta.revision ? MDB_APPEND : MDB_NOOVERWRITE);
}

static int store_line(struct vnep_map_txn *txn, const struct old *old,
	const struct vnep_map_line *line, const struct vnep_map_put *how, struct vnep_err *err)
{
	uint64_t now = how && how->revision ? how->revision : txn->meta.revision + 1;
	bool ours = how && how->origin && *how->origin;
	size_t left = line->len - line->rev_at,
	       skip = ours ? origin(line->text + line->rev_at, left) : 0;
	char members[64 + VNEP_LABEL_MAX];
	int n = snprintf(members, sizeof members, ",\"revision\":%llu%s%s%s",
		(unsigned long long)now, ours ? ",\"origin\":\"" : "", ours ? how->origin : "",
		ours ? "\"" : "");
	const struct vnep_slice parts[] = { { line->text, line->rev_at }, { members, (size_t)n },
		{ line->text + line->rev_at + skip, left - skip } };
	int rc;

	if (line->len + (size_t)n > VNEP_LINE_MAX)
		return vnep_err_set(
			err, VNEP_ETOOBIG, "record of %zu octets", line->len + (size_t)n);
	if (now > VNEP_MAP_REVISION_MAX) {
		vnep_err_set(err, VNEP_EVALUE, "the map is at revision %llu, the last there is",
			(unsigned long long)txn->meta.revision);
		return vnep_err_hint(
			err, "import its list into a new state folder, without revisions");
	}
	rc = vnep_map_value_put(txn, &old->key, line->deleted, parts, 3);
	if (!rc)
		rc = put_revision(txn, &old->key, old->revision, now);
	if (!rc && now > txn->meta.revision)
		txn->meta.revision = now;
	return vnep_map_fail(err, rc, "writing the map");
}

/* What a change of a device, or of a vpc, means for others. */
static int reindex(struct vnep_map_txn *txn, const struct old *old,
	const struct vnep_map_line *line, struct vnep_err *err)
{
	char vpc[VNEP_LABEL_MAX + 1];
	int rc = 0;

	if (line->type == VNEP_RECORD_VPC)
		return vnep_map_vpc_changed(txn, is_live(old) ? &old->value : NULL, line->text,
			line->len, line->deleted);
	if (line->type != VNEP_RECORD_DEVICE)
		return 0;
	if (is_live(old))
		rc = vnep_map_stage(txn, &old->device, false);
	if (!rc && !line->deleted)
		rc = vnep_map_stage(txn, line->device, true);
	if (rc)
		return vnep_map_fail(err, rc, "writing the map");
	txn->unchecked = true;
	if (line->deleted)
		return 0;
	rc = vnep_map_vpc_of(txn, line->device, vpc, err);
	/* Its vpc may still come; the check knows. */
	return rc == VNEP_EVALUE
		       ? vnep_map_fail(err, vnep_map_suspect(txn, line->id), "writing the map")
		       : rc;
}

static int change(struct vnep_map_txn *txn, const struct old *old, const struct vnep_map_line *line,
	const struct vnep_map_put *how, struct vnep_err *err)
{
	int rc = 0;
	bool consent = line->deleted || line->type != VNEP_RECORD_DEVICE || line->device->consent;

	if (is_live(old))
		rc = vnep_map_past_keep(txn, &old->key, &old->value,
			line->type == VNEP_RECORD_DEVICE ? &old->device : NULL, err);
	if (!rc && !consent)
		rc = vnep_map_past_forget(txn, &old->key, err);
	if (!rc)
		rc = reindex(txn, old, line, err);
	if (!rc)
		rc = store_line(txn, old, line, how, err);
	if (rc)
		return rc;
	*counter(txn, line->type) += (uint64_t)!line->deleted - (uint64_t)is_live(old);
	txn->meta.tombstones += (uint64_t)line->deleted;
	txn->meta.tombstones -= (uint64_t)(old->there && old->value.deleted);
	return 0;
}

int vnep_map_put_line(struct vnep_map_txn *txn, const struct vnep_map_line *line,
	const struct vnep_map_put *how, enum vnep_map_change *what, struct vnep_err *err)
{
	struct old old;
	int rc;

	*what = VNEP_MAP_SAME;
	if (!*line->id || strlen(line->id) > VNEP_URN_MAX)
		return vnep_err_set(err, VNEP_EVALUE, "%s of a %s is missing or too long",
			id_key(line->type), vnep_record_type_text(line->type));
	rc = read_or_mend(txn, line->type, line->id, how->if_revision, NULL, &old, err);
	if (!rc)
		rc = check_revision(line->id, old.revision, how->if_revision, err);
	if (!rc && !(is_live(&old) && same(&old.value, line))) {
		*what = is_live(&old) || old.damaged ? VNEP_MAP_CHANGED : VNEP_MAP_ADDED;
		rc = change(txn, &old, line, how, err);
	}
	vnep_device_release(&old.device);
	return rc;
}

int vnep_map_compare(struct vnep_map_txn *txn, const struct vnep_map_line *line,
	enum vnep_map_change *what, struct vnep_err *err)
{
	struct vnep_map_value value;
	int rc = vnep_map_value_get(txn, line->type, line->id, &value, err);
	bool live = !rc && !value.deleted;

	*what = rc == VNEP_EDAMAGED ? VNEP_MAP_CHANGED : VNEP_MAP_ADDED;
	if (rc && rc != VNEP_ENOTFOUND && rc != VNEP_EDAMAGED)
		return rc;
	if (live)
		*what = same(&value, line) ? VNEP_MAP_SAME : VNEP_MAP_CHANGED;
	return 0;
}

/* A tree as a line; text and device are kept by the caller. */
static int line_of(struct vnep_json *record, struct vnep_map_line *line, struct vnep_buf *text,
	struct vnep_device *device, struct vnep_err *err)
{
	struct vnep_recline recline;
	int rc = 0;

	if (line->type == VNEP_RECORD_DEVICE && !line->deleted)
		rc = vnep_device_decode(record, device, err);
	if (rc)
		return rc;
	rc = vnep_recjson_line(record, text, &recline);
	if (rc)
		return vnep_err_sys(err, -rc, "storing a record");
	line->text = (const char *)text->data;
	line->len = text->len;
	line->rev_at = recline.rev_at;
	line->device = device;
	return 0;
}

int vnep_map_put(struct vnep_map_txn *txn, struct vnep_json *record, const struct vnep_map_put *how,
	bool *changed, struct vnep_err *err)
{
	struct vnep_map_line line = { .type = vnep_recjson_type(record) };
	struct vnep_device device = { 0 };
	enum vnep_map_change what;
	char id[VNEP_URN_MAX + 2]; /* one more than fits: put_line sees that it is too long */
	struct vnep_buf text;
	int rc;

	*changed = false;
	if (line.type == VNEP_RECORD_BINDING && !how->as_edge)
		return vnep_err_set(
			err, VNEP_EVALUE, "bindings are written by edges, never imported");
	if (line.type != VNEP_RECORD_DEVICE && line.type != VNEP_RECORD_VPC &&
		line.type != VNEP_RECORD_GROUP && line.type != VNEP_RECORD_BINDING)
		return vnep_err_set(err, VNEP_EVALUE,
			"the map takes vpc, device and group records, not \"%s\"",
			vnep_json_get_str(record, "type", "?"));
	snprintf(id, sizeof id, "%s", vnep_json_get_str(record, id_key(line.type), ""));
	line.id = id;
	if (vnep_json_get_bool(record, "deleted", false)) {
		rc = vnep_map_delete(txn, line.type, id, how->if_revision, err);
		*changed = !rc;
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	}
	vnep_buf_init(&text);
	rc = line_of(record, &line, &text, &device, err);
	if (!rc)
		rc = vnep_map_put_line(txn, &line, how, &what, err);
	*changed = !rc && what != VNEP_MAP_SAME;
	vnep_device_release(&device);
	vnep_buf_release(&text);
	return rc;
}

/* ---- deletion ---- */

/* A follower must still find what to take out; names, labels and policies are gone. */
static int bury(const char *key, struct vnep_json *value, void *arg)
{
	static const char *const kept[] = { "type", "v", "dev", "vep", "vpc", "mac", "port", "vlan",
		"addr", "form", "region", "prefix", "core_port", "core_vlan", "group", "address",
		"edge", "epoch" };
	struct vnep_json *copy;

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (!strcmp(kept[i], key)) {
			copy = vnep_json_copy(value);
			return copy ? vnep_json_set(arg, key, copy) : -ENOMEM;
		}
	return 0;
}

static int make_tombstone(const struct vnep_map_value *value, struct vnep_json *tomb)
{
	struct vnep_json *old = NULL;
	int rc = vnep_json_parse(value->json, value->len, &old, NULL);

	if (!rc)
		rc = vnep_json_each(old, bury, tomb);
	vnep_json_free(old);
	return rc;
}

/* Of a damaged one: tomb has what the indexes knew. */
static int name_tombstone(struct vnep_json *tomb, enum vnep_record_type type, const char *id)
{
	int rc = vnep_json_set_str(tomb, "type", vnep_record_type_text(type));

	if (!rc)
		rc = vnep_json_set_int(tomb, "v", 1);
	return rc ? rc : vnep_json_set_str(tomb, id_key(type), id);
}

/* consent: that of the device, which its binding shares. */
static int delete_one(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	uint64_t if_revision, bool *consent, struct vnep_err *err)
{
	struct vnep_map_line line = { .type = type, .id = id, .deleted = true };
	struct vnep_json *tomb;
	struct vnep_buf text = { 0 };
	struct old old;
	int rc;

	if (strlen(id) > VNEP_URN_MAX)
		return vnep_err_set(
			err, VNEP_ENOTFOUND, "no such %s \"%s\"", vnep_record_type_text(type), id);
	tomb = vnep_json_object();
	if (!tomb)
		return vnep_err_sys(err, ENOMEM, "deleting \"%s\"", id);
	rc = read_or_mend(txn, type, id, if_revision, tomb, &old, err);
	if (!rc)
		rc = check_revision(id, old.revision, if_revision, err);
	if (!rc && !is_live(&old) && !old.damaged)
		rc = vnep_err_set(
			err, VNEP_ENOTFOUND, "no such %s \"%s\"", vnep_record_type_text(type), id);
	if (rc)
		goto out;
	rc = old.damaged ? name_tombstone(tomb, type, id) : make_tombstone(&old.value, tomb);
	if (!rc)
		rc = vnep_json_set_bool(tomb, "deleted", true);
	if (rc)
		vnep_err_set(err, rc, "deleting \"%s\": %s", id, vnep_strerror(rc));
	else
		rc = line_of(tomb, &line, &text, NULL, err);
	if (!rc)
		rc = change(txn, &old, &line, NULL, err);
	if (type == VNEP_RECORD_DEVICE)
		*consent = !old.damaged && old.device.consent;
	if (!rc)
		rc = vnep_map_fail(err,
			vnep_map_tomb_note(txn, &old.key, txn->meta.revision, *consent),
			"writing the map");
out:
	vnep_device_release(&old.device);
	vnep_json_free(tomb);
	vnep_buf_release(&text);
	return rc;
}

int vnep_map_delete(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	uint64_t if_revision, struct vnep_err *err)
{
	struct vnep_map_value binding;
	bool consent = true;
	int rc = delete_one(txn, type, id, if_revision, &consent, err), there;

	if (rc || type != VNEP_RECORD_DEVICE)
		return rc;
	/* Where a device is means nothing once it is gone. */
	there = vnep_map_value_get(txn, VNEP_RECORD_BINDING, id, &binding, NULL);
	if (there ? there != VNEP_EDAMAGED : binding.deleted)
		return 0;
	return delete_one(txn, VNEP_RECORD_BINDING, id, 0, &consent, err);
}

/* ---- a change taken back ---- */

struct rivals {
	struct vnep_map_txn *txn;
	const char *dev;
	bool host;
};

static int suspect_rival(const char *dev, void *arg)
{
	struct rivals *r = arg;

	return strcmp(dev, r->dev) ? vnep_map_suspect(r->txn, dev) : 0;
}

static int suspect_rivals(enum vnep_map_db db, const void *key, size_t len, void *arg)
{
	struct rivals *r = arg;

	if (!vnep_map_is_exclusive(db))
		return 0;
	if (db == IX_ADDR && !r->host)
		db = IX_HOST; /* others may have it, too */
	return vnep_map_index_each(r->txn, db, key, len, suspect_rival, r);
}

static int put_back(struct vnep_map_txn *txn, const MDB_val *key, const struct vnep_map_value *was)
{
	MDB_val at = *key, raw;
	int rc;

	if (!was) {
		rc = mdb_del(txn->txn, txn->store->dbi[DB_RECORD], &at, NULL);
		return rc == MDB_NOTFOUND ? 0 : rc;
	}
	raw = was->raw;
	return mdb_cursor_put(txn->records, &at, &raw, 0);
}

int vnep_map_take_back(struct vnep_map_txn *txn, struct vnep_map_txn *before, const char *dev,
	struct vnep_err *err)
{
	struct vnep_device device = { 0 };
	struct rivals rivals = { .txn = txn, .dev = dev };
	struct vnep_map_value value;
	struct old old;
	bool was, lived;
	int rc = vnep_map_value_get(before, VNEP_RECORD_DEVICE, dev, &value, err);

	was = !rc;
	lived = was && !value.deleted;
	if (lived)
		rc = vnep_map_device_of(txn, value.json, value.len, &device, err);
	else if (rc == VNEP_ENOTFOUND)
		rc = 0;
	if (rc)
		goto out;
	rc = read_old(txn, VNEP_RECORD_DEVICE, dev, &old, err);
	if (!rc) {
		if (is_live(&old))
			rc = vnep_map_stage(txn, &old.device, false);
		if (!rc && lived)
			rc = vnep_map_stage(txn, &device, true);
		if (!rc)
			rc = put_back(txn, &old.key, was ? &value : NULL);
		rivals.host = device.form == VNEP_FORM_HOST;
		if (!rc && lived)
			rc = vnep_map_entries(&device, suspect_rivals, &rivals);
		rc = vnep_map_fail(err, rc, "writing the map");
		*counter(txn, VNEP_RECORD_DEVICE) += (uint64_t)lived - (uint64_t)is_live(&old);
	}
	vnep_device_release(&old.device);
out:
	vnep_device_release(&device);
	return rc;
}
