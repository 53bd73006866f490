/*
 * journal-db - LMDB, as the index needs it.
 *
 * Cursors are kept: those of a writing transaction for its length (keys come in order, and LMDB finds the next
 * one on the page where it is), those of the reading one for ever, renewed when they are needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/statvfs.h>

#include "journal-index.h"
#include "vnep/err.h"

enum { VERSION = 5 };

#if SIZE_MAX > 0xffffffff
static const size_t map_octets = (size_t)64 << 30; /* address space, not memory */
#else
static const size_t map_octets = (size_t)1 << 30;
#endif

_Static_assert(VNEP_JDB_QUEUE + 1 == VNEP_JDB_COUNT, "one each");

static int failed(struct vnep_err *err, int rc)
{
	if (rc == MDB_MAP_FULL)
		return vnep_err_set(err, -ENOSPC, "the index of the journal is full");
	if (rc < 0)
		return vnep_err_set(
			err, VNEP_EDAMAGED, "index of the journal: %s", mdb_strerror(rc));
	return vnep_err_sys(err, rc, "index of the journal");
}

/* An index of another version is as good as a damaged one: it is made anew. */
static int check_version(struct vnep_jindex *ix, MDB_txn *txn, bool write, struct vnep_err *err)
{
	uint32_t version = VERSION;
	MDB_val k = { 7, (void *)(uintptr_t) "version" }, v;
	MDB_stat stat;
	int rc = mdb_get(txn, ix->dbi[VNEP_JDB_META], &k, &v);

	if (!rc) {
		if (v.mv_size == sizeof version && !memcmp(v.mv_data, &version, sizeof version))
			return 0;
		return vnep_err_set(err, VNEP_EDAMAGED, "index of the journal: another version");
	}
	if (rc == MDB_NOTFOUND)
		rc = mdb_stat(txn, ix->dbi[VNEP_JDB_META], &stat);
	if (rc)
		return failed(err, rc);
	if (stat.ms_entries || !write)
		return vnep_err_set(err, VNEP_EDAMAGED, "index of the journal: without a version");
	v = (MDB_val){ sizeof version, &version };
	rc = mdb_put(txn, ix->dbi[VNEP_JDB_META], &k, &v, 0);
	return rc ? failed(err, rc) : 0;
}

static int open_databases(struct vnep_jindex *ix, bool write, struct vnep_err *err)
{
	static const char *const names[VNEP_JDB_COUNT] = { "meta", "name", "urn", "device", "chunk",
		"waiting", "interface", "run", "queue" };
	MDB_txn *txn;
	int rc = mdb_txn_begin(ix->env, NULL, write ? 0 : MDB_RDONLY, &txn);

	if (rc)
		return failed(err, rc);
	for (unsigned i = 0; i < VNEP_JDB_COUNT && !rc; i++) {
		rc = mdb_dbi_open(txn, names[i], write ? MDB_CREATE : 0, &ix->dbi[i]);
		if (rc)
			rc = failed(err, rc);
		else if (i == VNEP_JDB_META)
			rc = check_version(ix, txn, write, err);
	}
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn); /* keeps the handles, for readers too */
	return rc ? failed(err, rc) : 0;
}

int vnep_jdb_open(struct vnep_jindex *ix, const char *path, bool write, struct vnep_err *err)
{
	int dead, rc;

	rc = mdb_env_create(&ix->env);
	if (!rc)
		rc = mdb_env_set_maxdbs(ix->env, VNEP_JDB_COUNT);
	if (!rc)
		rc = mdb_env_set_mapsize(ix->env, map_octets);
	if (!rc)
		rc = mdb_env_open(
			ix->env, path, MDB_NOTLS | MDB_NOSYNC | (write ? 0 : MDB_RDONLY), 0640);
	if (!rc && write)
		rc = mdb_reader_check(ix->env, &dead);
	return rc ? failed(err, rc) : open_databases(ix, write, err);
}

void vnep_jdb_close(struct vnep_jindex *ix)
{
	vnep_jdb_abort(ix);
	vnep_jdb_unpin(ix->pin);
	ix->pin = NULL;
	for (unsigned i = 0; i < VNEP_JDB_COUNT; i++)
		if (ix->reading[i])
			mdb_cursor_close(ix->reading[i]);
	if (ix->read)
		mdb_txn_abort(ix->read);
	if (ix->env)
		mdb_env_close(ix->env);
}

int vnep_jindex_sync(struct vnep_jindex *ix, struct vnep_err *err)
{
	int rc = ix->env ? mdb_env_sync(ix->env, 1) : MDB_INVALID;

	return rc ? failed(err, rc) : 0;
}

int vnep_jdb_size(struct vnep_jindex *ix, struct vnep_jdb_size *out)
{
	MDB_envinfo info;
	MDB_stat stat;

	if (!ix->env || mdb_env_info(ix->env, &info) || mdb_env_stat(ix->env, &stat))
		return VNEP_EDAMAGED;
	*out = (struct vnep_jdb_size){ info.me_last_pgno + 1, stat.ms_psize };
	return 0;
}

int vnep_jdb_pin(struct vnep_jindex *ix, struct MDB_txn **out, struct vnep_jdb_size *size,
	struct vnep_err *err)
{
	int rc = ix->env ? mdb_txn_begin(ix->env, NULL, MDB_RDONLY, out) : MDB_INVALID;

	if (rc)
		return failed(err, rc);
	if (VNEP_BUG(17))
		mdb_txn_reset(*out);
	rc = vnep_jdb_size(ix, size);
	if (!rc)
		return 0;
	mdb_txn_abort(*out);
	return vnep_err_set(err, rc, "index of the journal: its size is not known");
}

void vnep_jdb_unpin(struct MDB_txn *pin)
{
	if (pin)
		mdb_txn_abort(pin);
}

void vnep_jdb_start_writing(struct vnep_jindex *ix)
{
	mdb_filehandle_t fd;

	if (!mdb_env_get_fd(ix->env, &fd) && sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE))
		errno = 0; /* then the sync takes longer */
}

int vnep_jdb_begin(struct vnep_jindex *ix, struct vnep_err *err)
{
	int rc = ix->env ? mdb_txn_begin(ix->env, NULL, 0, &ix->write) : MDB_INVALID;

	memset(ix->writing, 0, sizeof ix->writing);
	if (rc) {
		ix->write = NULL;
		return failed(err, rc);
	}
	ix->now = ix->write;
	return 0;
}

/* LMDB says EIO of a write that came out short, which is how most full disks begin. */
static int name_full_disk(struct vnep_jindex *ix, int rc)
{
	struct statvfs disk;
	mdb_filehandle_t fd;

	if (rc != EIO || mdb_env_get_fd(ix->env, &fd) || fstatvfs(fd, &disk) || disk.f_bavail)
		return rc;
	return ENOSPC;
}

int vnep_jdb_commit(struct vnep_jindex *ix, struct vnep_err *err)
{
	int rc = name_full_disk(ix, mdb_txn_commit(ix->write));

	ix->write = ix->now = NULL;
	return rc ? failed(err, rc) : 0;
}

void vnep_jdb_abort(struct vnep_jindex *ix)
{
	if (ix->write)
		mdb_txn_abort(ix->write);
	ix->write = ix->now = NULL;
}

uint64_t vnep_jdb_last(struct vnep_jindex *ix)
{
	MDB_envinfo info;

	if (ix->write)
		return mdb_txn_id(ix->write) - 1;
	return mdb_env_info(ix->env, &info) ? 0 : info.me_last_txnid;
}

int vnep_jindex_enter(struct vnep_jindex *ix, struct vnep_err *err)
{
	int rc;

	if (ix->write)
		return 0;
	if (!ix->env)
		rc = MDB_INVALID;
	else if (ix->read)
		rc = mdb_txn_renew(ix->read);
	else
		rc = mdb_txn_begin(ix->env, NULL, MDB_RDONLY, &ix->read);
	if (rc)
		return failed(err, rc);
	ix->now = ix->read;
	memset(ix->renewed, 0, sizeof ix->renewed);
	return 0;
}

void vnep_jindex_leave(struct vnep_jindex *ix)
{
	if (ix->write)
		return;
	mdb_txn_reset(ix->read);
	ix->now = NULL;
}

static int cursor_of(struct vnep_jindex *ix, enum vnep_jdb db, MDB_cursor **out)
{
	struct MDB_cursor **kept = ix->write ? &ix->writing[db] : &ix->reading[db];
	int rc = 0;

	if (!*kept)
		rc = mdb_cursor_open(ix->now, ix->dbi[db], kept);
	else if (!ix->write && !ix->renewed[db])
		rc = mdb_cursor_renew(ix->now, *kept);
	if (rc && !ix->write)
		*kept = NULL;
	ix->renewed[db] = !rc;
	*out = *kept;
	return rc;
}

int vnep_jdb_get(struct vnep_jindex *ix, enum vnep_jdb db, const void *key, size_t key_len,
	struct vnep_slice *out, struct vnep_err *err)
{
	MDB_val k = { key_len, (void *)(uintptr_t)key }, v;
	int rc = mdb_get(ix->now, ix->dbi[db], &k, &v);

	if (rc)
		return rc == MDB_NOTFOUND ? VNEP_ENOTFOUND : failed(err, rc);
	*out = (struct vnep_slice){ v.mv_data, v.mv_size };
	return 0;
}

int vnep_jdb_get_fixed(struct vnep_jindex *ix, enum vnep_jdb db, const void *key, size_t key_len,
	void *out, size_t len, struct vnep_err *err)
{
	struct vnep_slice value;
	int rc = vnep_jdb_get(ix, db, key, key_len, &value, err);

	if (rc)
		return rc;
	if (value.len != len)
		return vnep_err_set(err, VNEP_EDAMAGED,
			"index of the journal: a value of %zu octets", value.len);
	memcpy(out, value.data, len);
	return 0;
}

int vnep_jdb_put(struct vnep_jindex *ix, enum vnep_jdb db, const void *key, size_t key_len,
	const void *data, size_t len, struct vnep_err *err)
{
	MDB_val k = { key_len, (void *)(uintptr_t)key }, v = { len, (void *)(uintptr_t)data };
	MDB_cursor *cursor;
	int rc = cursor_of(ix, db, &cursor);

	if (!rc)
		rc = mdb_cursor_put(cursor, &k, &v, 0);
	return rc ? failed(err, rc) : 0;
}

int vnep_jdb_del(struct vnep_jindex *ix, enum vnep_jdb db, const void *key, size_t key_len,
	struct vnep_err *err)
{
	MDB_val k = { key_len, (void *)(uintptr_t)key };
	int rc = mdb_del(ix->now, ix->dbi[db], &k, NULL);

	return rc && rc != MDB_NOTFOUND ? failed(err, rc) : 0;
}

/* What the cursor stands on. */
static int take(int rc, const MDB_val *k, const MDB_val *v, void *key, size_t key_len,
	struct vnep_slice *out, struct vnep_err *err)
{
	if (rc)
		return rc == MDB_NOTFOUND ? VNEP_ENOTFOUND : failed(err, rc);
	if (k->mv_size != key_len)
		return vnep_err_set(err, VNEP_EDAMAGED, "index of the journal: a key of %zu octets",
			k->mv_size);
	memcpy(key, k->mv_data, key_len);
	*out = (struct vnep_slice){ v->mv_data, v->mv_size };
	return 0;
}

int vnep_jdb_seek(struct vnep_jindex *ix, enum vnep_jdb db, void *key, size_t key_len,
	struct vnep_slice *out, struct vnep_err *err)
{
	MDB_val k = { key_len, key }, v = { 0 };
	MDB_cursor *cursor;
	int rc = cursor_of(ix, db, &cursor);

	if (!rc)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	return take(rc, &k, &v, key, key_len, out, err);
}

int vnep_jdb_floor(struct vnep_jindex *ix, enum vnep_jdb db, void *key, size_t key_len,
	struct vnep_slice *out, struct vnep_err *err)
{
	MDB_val k = { key_len, key }, v = { 0 };
	MDB_cursor *cursor;
	int rc = cursor_of(ix, db, &cursor);

	if (rc)
		return failed(err, rc);
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	if (rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
	else if (!rc && (k.mv_size != key_len || memcmp(k.mv_data, key, key_len)))
		rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
	return take(rc, &k, &v, key, key_len, out, err);
}
