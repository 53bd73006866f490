/*
 * journal-index - what the segments say about each device, in LMDB, so that nothing has to be
 * searched.
 *
 *     meta       "tail", "ledger"
 *     name       URN -> id            urn        id -> URN
 *     device     id -> state          event      id, seq -> place, attempts
 *     pending    id, seq -> ()        equal      id, hash -> seq of a pending event
 *     interface  segment, number -> id  (shares its database with urn: keys of 8 and 4 octets)
 *
 * Keys are big endian, so that a cursor meets them in order. The environment is written without
 * fsync: journal-recover knows when it may be believed.
 */
#include <errno.h>
#include <lmdb.h>
#include <string.h>
#include <sys/statvfs.h>

#include "journal-private.h"
#include "vnep/err.h"

enum { META, NAME, URN, DEVICE, EVENT, PENDING, EQUAL, DBI_COUNT };

#if SIZE_MAX > 0xffffffff
static const size_t map_octets = (size_t)64 << 30; /* address space, not memory */
#else
static const size_t map_octets = (size_t)1 << 30;
#endif

_Static_assert(DBI_COUNT == sizeof((struct vnep_jindex *)0)->dbi / sizeof(unsigned), "one each");
_Static_assert(sizeof(struct vnep_jtail) == 72, "no holes");
_Static_assert(sizeof(struct vnep_jdevice) == 96, "no holes");
_Static_assert(sizeof(struct vnep_jevent) == 40, "no holes");

static int failed(struct vnep_err *err, int rc)
{
	if (rc == MDB_MAP_FULL)
		return vnep_err_set(err, -ENOSPC, "the index of the journal is full");
	if (rc < 0)
		return vnep_err_set(
			err, VNEP_EDAMAGED, "index of the journal: %s", mdb_strerror(rc));
	return vnep_err_sys(err, rc, "index of the journal");
}

static int open_databases(struct vnep_jindex *ix, bool write, struct vnep_err *err)
{
	static const char *const names[DBI_COUNT] = { "meta", "name", "urn", "device", "event",
		"pending", "equal" };
	MDB_txn *txn;
	int rc = mdb_txn_begin(ix->env, NULL, write ? 0 : MDB_RDONLY, &txn);

	if (rc)
		return failed(err, rc);
	for (unsigned i = 0; i < DBI_COUNT && !rc; i++)
		rc = mdb_dbi_open(txn, names[i], write ? MDB_CREATE : 0, &ix->dbi[i]);
	if (rc) {
		mdb_txn_abort(txn);
		return failed(err, rc);
	}
	rc = mdb_txn_commit(txn); /* keeps the handles, for readers too */
	return rc ? failed(err, rc) : 0;
}

int vnep_jindex_open(struct vnep_jindex *ix, const char *path, bool write, struct vnep_err *err)
{
	int dead, rc;

	*ix = (struct vnep_jindex){ 0 };
	rc = mdb_env_create(&ix->env);
	if (!rc)
		rc = mdb_env_set_maxdbs(ix->env, DBI_COUNT);
	if (!rc)
		rc = mdb_env_set_mapsize(ix->env, map_octets);
	if (!rc)
		rc = mdb_env_open(
			ix->env, path, MDB_NOTLS | MDB_NOSYNC | (write ? 0 : MDB_RDONLY), 0640);
	if (!rc && write)
		rc = mdb_reader_check(ix->env, &dead);
	rc = rc ? failed(err, rc) : open_databases(ix, write, err);
	if (rc)
		vnep_jindex_close(ix);
	return rc;
}

void vnep_jindex_close(struct vnep_jindex *ix)
{
	vnep_jindex_abort(ix);
	if (ix->read)
		mdb_txn_abort(ix->read);
	if (ix->env)
		mdb_env_close(ix->env);
	*ix = (struct vnep_jindex){ 0 };
}

int vnep_jindex_sync(struct vnep_jindex *ix, struct vnep_err *err)
{
	int rc = ix->env ? mdb_env_sync(ix->env, 1) : MDB_INVALID;

	return rc ? failed(err, rc) : 0;
}

int vnep_jindex_begin(struct vnep_jindex *ix, struct vnep_err *err)
{
	int rc = ix->env ? mdb_txn_begin(ix->env, NULL, 0, &ix->write) : MDB_INVALID;

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

int vnep_jindex_commit(struct vnep_jindex *ix, struct vnep_err *err)
{
	int rc = name_full_disk(ix, mdb_txn_commit(ix->write));

	ix->write = ix->now = NULL;
	return rc ? failed(err, rc) : 0;
}

void vnep_jindex_abort(struct vnep_jindex *ix)
{
	if (ix->write)
		mdb_txn_abort(ix->write);
	ix->write = ix->now = NULL;
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
	return 0;
}

void vnep_jindex_leave(struct vnep_jindex *ix)
{
	if (ix->write)
		return;
	mdb_txn_reset(ix->read);
	ix->now = NULL;
}

/* Values of a fixed size. */

static int get(struct vnep_jindex *ix, unsigned db, const void *key, size_t key_len, void *out,
	size_t len, struct vnep_err *err)
{
	MDB_val k = { key_len, (void *)(uintptr_t)key }, v;
	int rc = mdb_get(ix->now, ix->dbi[db], &k, &v);

	if (rc == MDB_NOTFOUND)
		return VNEP_ENOTFOUND;
	if (rc)
		return failed(err, rc);
	if (v.mv_size != len)
		return vnep_err_set(err, VNEP_EDAMAGED,
			"index of the journal: a value of %zu octets", v.mv_size);
	memcpy(out, v.mv_data, len);
	return 0;
}

static int put(struct vnep_jindex *ix, unsigned db, const void *key, size_t key_len,
	const void *data, size_t len, struct vnep_err *err)
{
	MDB_val k = { key_len, (void *)(uintptr_t)key }, v = { len, (void *)(uintptr_t)data };
	int rc = mdb_put(ix->now, ix->dbi[db], &k, &v, 0);

	return rc ? failed(err, rc) : 0;
}

static int del(
	struct vnep_jindex *ix, unsigned db, const void *key, size_t key_len, struct vnep_err *err)
{
	MDB_val k = { key_len, (void *)(uintptr_t)key };
	int rc = mdb_del(ix->now, ix->dbi[db], &k, NULL);

	return rc && rc != MDB_NOTFOUND ? failed(err, rc) : 0;
}

/* The first entry whose key is not smaller; key is replaced by its key. */
static int seek(struct vnep_jindex *ix, unsigned db, void *key, size_t key_len, MDB_val *value,
	struct vnep_err *err)
{
	MDB_val k = { key_len, key };
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(ix->now, ix->dbi[db], &cursor);

	if (rc)
		return failed(err, rc);
	rc = mdb_cursor_get(cursor, &k, value, MDB_SET_RANGE);
	if (!rc && k.mv_size == key_len)
		memcpy(key, k.mv_data, key_len);
	mdb_cursor_close(cursor);
	if (rc == MDB_NOTFOUND)
		return VNEP_ENOTFOUND;
	if (rc)
		return failed(err, rc);
	if (k.mv_size != key_len)
		return vnep_err_set(
			err, VNEP_EDAMAGED, "index of the journal: a key of %zu octets", k.mv_size);
	return 0;
}

/* Keys. */

enum { PAIR_LEN = 12 };

static void set_be32(uint8_t *at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> 8 * (3 - i));
}

static void pair(uint8_t key[static PAIR_LEN], uint32_t id, uint64_t number)
{
	set_be32(key, id);
	set_be32(key + 4, (uint32_t)(number >> 32));
	set_be32(key + 8, (uint32_t)number);
}

static uint64_t number_of(const uint8_t key[static PAIR_LEN])
{
	return (uint64_t)vnep_be32(key + 4) << 32 | vnep_be32(key + 8);
}

int vnep_jindex_tail(struct vnep_jindex *ix, struct vnep_jtail *out, struct vnep_err *err)
{
	return get(ix, META, "tail", 4, out, sizeof *out, err);
}

int vnep_jindex_put_tail(
	struct vnep_jindex *ix, const struct vnep_jtail *tail, struct vnep_err *err)
{
	return put(ix, META, "tail", 4, tail, sizeof *tail, err);
}

int vnep_jindex_ledger(
	struct vnep_jindex *ix, void *out, size_t cap, size_t *len, struct vnep_err *err)
{
	MDB_val k = { 6, (void *)(uintptr_t) "ledger" }, v = { 0, NULL };
	int rc = mdb_get(ix->now, ix->dbi[META], &k, &v);

	if (rc && rc != MDB_NOTFOUND)
		return failed(err, rc);
	*len = rc ? 0 : v.mv_size;
	if (*len > cap)
		return vnep_err_set(err, VNEP_ETOOBIG, "the ledger has %zu octets", *len);
	if (*len)
		memcpy(out, v.mv_data, *len);
	return 0;
}

int vnep_jindex_put_ledger(
	struct vnep_jindex *ix, const void *data, size_t len, struct vnep_err *err)
{
	return put(ix, META, "ledger", 6, data, len, err);
}

int vnep_jindex_id(struct vnep_jindex *ix, const char *dev, uint32_t *id, struct vnep_err *err)
{
	return get(ix, NAME, dev, strlen(dev), id, sizeof *id, err);
}

int vnep_jindex_add(struct vnep_jindex *ix, uint32_t id, const char *dev, struct vnep_err *err)
{
	uint8_t key[4];
	int rc = put(ix, NAME, dev, strlen(dev), &id, sizeof id, err);

	set_be32(key, id);
	return rc ? rc : put(ix, URN, key, sizeof key, dev, strlen(dev), err);
}

int vnep_jindex_name(struct vnep_jindex *ix, uint32_t id, char dev[static VNEP_URN_MAX + 1],
	struct vnep_err *err)
{
	uint8_t key[4];
	MDB_val k = { sizeof key, key }, v;
	int rc;

	set_be32(key, id);
	rc = mdb_get(ix->now, ix->dbi[URN], &k, &v);
	if (rc == MDB_NOTFOUND || (!rc && v.mv_size > VNEP_URN_MAX))
		return vnep_err_set(
			err, VNEP_EDAMAGED, "index of the journal: device %u has no name", id);
	if (rc)
		return failed(err, rc);
	memcpy(dev, v.mv_data, v.mv_size);
	dev[v.mv_size] = 0;
	return 0;
}

int vnep_jindex_device(
	struct vnep_jindex *ix, uint32_t id, struct vnep_jdevice *out, struct vnep_err *err)
{
	return get(ix, DEVICE, &id, sizeof id, out, sizeof *out, err);
}

int vnep_jindex_put_device(struct vnep_jindex *ix, uint32_t id, const struct vnep_jdevice *device,
	struct vnep_err *err)
{
	return put(ix, DEVICE, &id, sizeof id, device, sizeof *device, err);
}

int vnep_jindex_event(struct vnep_jindex *ix, uint32_t id, uint64_t seq, struct vnep_jevent *out,
	struct vnep_err *err)
{
	uint8_t key[PAIR_LEN];

	pair(key, id, seq);
	return get(ix, EVENT, key, sizeof key, out, sizeof *out, err);
}

int vnep_jindex_put_event(struct vnep_jindex *ix, uint32_t id, uint64_t seq,
	const struct vnep_jevent *event, struct vnep_err *err)
{
	uint8_t key[PAIR_LEN];

	pair(key, id, seq);
	return put(ix, EVENT, key, sizeof key, event, sizeof *event, err);
}

int vnep_jindex_del_event(struct vnep_jindex *ix, uint32_t id, uint64_t seq, struct vnep_err *err)
{
	uint8_t key[PAIR_LEN];

	pair(key, id, seq);
	return del(ix, EVENT, key, sizeof key, err);
}

int vnep_jindex_next_event(struct vnep_jindex *ix, uint32_t id, uint64_t *seq,
	struct vnep_jevent *out, struct vnep_err *err)
{
	uint8_t key[PAIR_LEN];
	MDB_val v;
	int rc;

	pair(key, id, *seq);
	rc = seek(ix, EVENT, key, sizeof key, &v, err);
	if (rc)
		return rc;
	if (vnep_be32(key) != id)
		return VNEP_ENOTFOUND;
	if (v.mv_size != sizeof *out)
		return vnep_err_set(err, VNEP_EDAMAGED,
			"index of the journal: a value of %zu octets", v.mv_size);
	memcpy(out, v.mv_data, sizeof *out);
	*seq = number_of(key);
	return 0;
}

int vnep_jindex_next_pending(
	struct vnep_jindex *ix, uint32_t id, uint64_t *seq, struct vnep_err *err)
{
	uint8_t key[PAIR_LEN];
	MDB_val v;
	int rc;

	pair(key, id, *seq);
	rc = seek(ix, PENDING, key, sizeof key, &v, err);
	if (rc)
		return rc;
	if (vnep_be32(key) != id)
		return VNEP_ENOTFOUND;
	*seq = number_of(key);
	return 0;
}

int vnep_jindex_next_waiting(struct vnep_jindex *ix, uint32_t *id, struct vnep_err *err)
{
	uint8_t key[PAIR_LEN];
	MDB_val v;
	int rc;

	pair(key, *id, 0);
	rc = seek(ix, PENDING, key, sizeof key, &v, err);
	if (!rc)
		*id = vnep_be32(key);
	return rc;
}

int vnep_jindex_put_pending(
	struct vnep_jindex *ix, uint32_t id, uint64_t seq, uint64_t hash, struct vnep_err *err)
{
	uint8_t key[PAIR_LEN];
	int rc;

	pair(key, id, seq);
	rc = put(ix, PENDING, key, sizeof key, "", 0, err);
	pair(key, id, hash);
	return rc ? rc : put(ix, EQUAL, key, sizeof key, &seq, sizeof seq, err);
}

int vnep_jindex_del_pending(
	struct vnep_jindex *ix, uint32_t id, uint64_t seq, uint64_t hash, struct vnep_err *err)
{
	uint8_t key[PAIR_LEN];
	uint64_t newest;
	int rc;

	pair(key, id, seq);
	rc = del(ix, PENDING, key, sizeof key, err);
	if (!rc)
		rc = vnep_jindex_equal(ix, id, hash, &newest, err);
	if (rc == VNEP_ENOTFOUND || (!rc && newest != seq))
		return 0;
	pair(key, id, hash);
	return rc ? rc : del(ix, EQUAL, key, sizeof key, err);
}

int vnep_jindex_equal(
	struct vnep_jindex *ix, uint32_t id, uint64_t hash, uint64_t *seq, struct vnep_err *err)
{
	uint8_t key[PAIR_LEN];

	pair(key, id, hash);
	return get(ix, EQUAL, key, sizeof key, seq, sizeof *seq, err);
}

int vnep_jindex_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t *id, struct vnep_err *err)
{
	uint8_t key[8];

	set_be32(key, segment);
	set_be32(key + 4, interface);
	return get(ix, URN, key, sizeof key, id, sizeof *id, err);
}

int vnep_jindex_put_interface(struct vnep_jindex *ix, uint32_t segment, uint32_t interface,
	uint32_t id, struct vnep_err *err)
{
	uint8_t key[8];

	set_be32(key, segment);
	set_be32(key + 4, interface);
	return put(ix, URN, key, sizeof key, &id, sizeof id, err);
}
