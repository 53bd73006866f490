/*
 * mapstore - the LMDB environment of a state folder, and its transactions.
 *
 * LMDB writes a change beside the old pages and then swaps the root: a process killed in between, or a disk
 * that fills up, leaves the map as it was. Its lock file is the one thing that it changes in place, through
 * mmap: on a full disk that would be SIGBUS, so its room is taken before.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "mapstore-private.h"
#include "vnep/state.h"

enum { READERS = 510, LOCK_OCTETS = (READERS + 2) * 64, NO_ROOM_OCTETS = 1 << 20 };

static const char meta_key[] = "map", format_key[] = "format";

int vnep_map_fail(struct vnep_err *err, int rc, const char *what)
{
	switch (rc) {
	case 0: return 0;
	case MDB_NOTFOUND: return vnep_err_set(err, VNEP_ENOTFOUND, "%s: not found", what);
	case MDB_MAP_FULL:
		return vnep_err_set(
			err, VNEP_MAP_EFULL, "%s: the map has reached its largest size", what);
	case MDB_READERS_FULL:
		return vnep_err_set(err, VNEP_EBUSY, "%s: too many processes read the map", what);
	default:
		if (rc > 0)
			return vnep_err_sys(err, rc, "%s", what);
		return vnep_err_set(
			err, VNEP_EDAMAGED, "%s: the map is damaged: %s", what, mdb_strerror(rc));
	}
}

/* Take the room of LMDB's lock file. Content is left alone: somebody may have it open. */
static int reserve_lock(const char *folder, struct vnep_err *err)
{
	char path[PATH_MAX];
	int fd, rc;

	if (snprintf(path, sizeof path, "%s/lock.mdb", folder) >= (int)sizeof path)
		return vnep_err_sys(err, ENAMETOOLONG, "%s/lock.mdb", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return vnep_err_sys(err, errno, "cannot open %s", path);
	rc = posix_fallocate(fd, 0, LOCK_OCTETS);
	close(fd);
	return rc && rc != EOPNOTSUPP && rc != EINVAL
		       ? vnep_err_sys(err, rc, "cannot write %s", path)
		       : 0;
}

/* Where a map begins, and what every change may take: LMDB has its size said beforehand. Address space is all
 * that it costs. */
enum { SIZE_FIRST = 64 << 20, ROOM_LEAST = 16 << 20, UPGRADE_OCTETS = 256 /* a record */ };

/* LMDB lets go of its mapping before it asks for the larger one, and cannot be used any more without: so the address
 * space is asked for before. */
static int resize(MDB_env *env, uint64_t size)
{
	void *room;

	if (size > SIZE_MAX)
		return ENOMEM;
	room = mmap(
		NULL, (size_t)size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return errno;
	munmap(room, (size_t)size);
	return mdb_env_set_mapsize(env, (size_t)size);
}

static int grow(MDB_env *env, uint64_t octets)
{
	uint64_t used, size;
	MDB_envinfo info;
	MDB_stat stat;
	int rc = mdb_env_info(env, &info);

	if (!rc)
		rc = mdb_env_stat(env, &stat);
	if (rc)
		return rc;
	used = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
	for (size = SIZE_FIRST; size < used + octets;)
		size *= 2;
	return size > info.me_mapsize ? resize(env, size) : 0;
}

static int cannot_grow(int rc, uint64_t octets, struct vnep_err *err)
{
	if (rc < 0)
		return vnep_map_fail(err, rc, "growing the map");
	vnep_err_sys(err, rc, "the map cannot grow by %llu MiB", (unsigned long long)octets >> 20);
	if (rc == ENOMEM)
		vnep_err_hint(err, "is the address space limited (ulimit -v)?");
	return -rc;
}

int vnep_map_reserve(struct vnep_mapstore *store, uint64_t octets, struct vnep_err *err)
{
	int rc = store->txns ? 0 : grow(store->env, octets + ROOM_LEAST);

	return rc ? cannot_grow(rc, octets, err) : 0;
}

/* What the disk has for the map behind its used octets: a transaction that was given up may have written there. */
static uint64_t room_on_disk(MDB_env *env, uint64_t used)
{
	struct statvfs fs;
	struct stat st;
	int fd;

	if (mdb_env_get_fd(env, &fd) || fstatvfs(fd, &fs) || fstat(fd, &st))
		return UINT64_MAX;
	return (uint64_t)fs.f_bavail * fs.f_frsize +
	       ((uint64_t)st.st_size > used ? (uint64_t)st.st_size - used : 0);
}

int vnep_map_widen(struct vnep_mapstore *store, struct vnep_err *err)
{
	MDB_envinfo info;
	MDB_stat stat;
	uint64_t used;
	int rc = mdb_env_info(store->env, &info);

	if (!rc)
		rc = mdb_env_stat(store->env, &stat);
	if (rc)
		return vnep_map_fail(err, rc, "growing the map");
	used = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
	if (store->txns)
		return vnep_map_fail(err, MDB_MAP_FULL, "growing the map");
	if (room_on_disk(store->env, used) < info.me_mapsize - used)
		return vnep_err_sys(err, ENOSPC, "writing the map");
	rc = resize(store->env, 2 * (uint64_t)info.me_mapsize);
	return rc ? cannot_grow(rc, info.me_mapsize, err) : 0;
}

static int open_env(MDB_env **out, const char *folder, bool write, struct vnep_err *err)
{
	unsigned flags = MDB_NOTLS | (write ? 0 : MDB_RDONLY);
	MDB_env *env;
	int rc = mdb_env_create(&env);

	if (rc)
		return vnep_map_fail(err, rc, folder);
	rc = mdb_env_set_maxdbs(env, DB_COUNT);
	if (!rc)
		rc = mdb_env_set_maxreaders(env, READERS);
	if (!rc && write)
		rc = mdb_env_set_mapsize(env, SIZE_FIRST);
	if (!rc)
		rc = mdb_env_open(env, folder, flags, 0600);
	if (!rc) {
		*out = env;
		return 0;
	}
	mdb_env_close(env);
	return rc == ENOENT ? VNEP_ENOTFOUND : vnep_map_fail(err, rc, folder);
}

static int begin(struct vnep_mapstore *store, bool write, MDB_txn **out)
{
	unsigned flags = write ? 0 : MDB_RDONLY;
	int rc = mdb_txn_begin(store->env, NULL, flags, out);

	if (rc != MDB_MAP_RESIZED || store->txns)
		return rc;
	/* Another process made the map larger: so do we. */
	rc = mdb_env_set_mapsize(store->env, 0);
	return rc ? rc : mdb_txn_begin(store->env, NULL, flags, out);
}

/* How many records an upgrade of the format has to look at; 0 if there is none to make. */
static int count_to_upgrade(struct vnep_mapstore *store, uint64_t *count)
{
	MDB_val key = { sizeof format_key, (void *)(uintptr_t)format_key }, value;
	MDB_stat stat = { 0 };
	MDB_txn *txn;
	MDB_dbi dbi;
	int rc = begin(store, false, &txn);

	*count = 0;
	if (rc)
		return rc;
	rc = mdb_dbi_open(txn, "meta", 0, &dbi);
	if (!rc)
		rc = mdb_get(txn, dbi, &key, &value);
	if (!rc && value.mv_size == sizeof(uint64_t) && vnep_le64(value.mv_data) < VNEP_MAP_FORMAT)
		rc = mdb_dbi_open(txn, "record", 0, &dbi);
	else if (!rc)
		rc = MDB_NOTFOUND;
	if (!rc)
		rc = mdb_stat(txn, dbi, &stat);
	mdb_txn_abort(txn);
	*count = stat.ms_entries;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* A map is opened at the size that it has: room for what is written as it is opened. */
static int reserve_open(struct vnep_mapstore *store, const char *folder, struct vnep_err *err)
{
	uint64_t count;
	int rc = count_to_upgrade(store, &count);

	return rc ? vnep_map_fail(err, rc, folder)
		  : vnep_map_reserve(store, count * UPGRADE_OCTETS, err);
}

static int write_format(struct vnep_mapstore *store, MDB_txn *txn)
{
	MDB_val key = { sizeof format_key, (void *)(uintptr_t)format_key }, value;
	uint8_t octets[8];

	vnep_set_le64(octets, VNEP_MAP_FORMAT);
	value = (MDB_val){ sizeof octets, octets };
	return mdb_put(txn, store->dbi[DB_META], &key, &value, 0);
}

/* The format of the map, before anything of it is believed. */
static int check_format(struct vnep_mapstore *store, MDB_txn *txn, const char *folder, bool write,
	uint64_t *was, struct vnep_err *err)
{
	MDB_val key = { sizeof format_key, (void *)(uintptr_t)format_key }, value;
	uint64_t format = 0;
	MDB_stat stat;
	int rc = mdb_get(txn, store->dbi[DB_META], &key, &value);

	if (!rc && value.mv_size == sizeof format)
		format = vnep_le64(value.mv_data);
	if (rc == MDB_NOTFOUND) {
		rc = mdb_stat(txn, store->dbi[DB_META], &stat);
		format = !rc && stat.ms_entries ? 1 : VNEP_MAP_FORMAT; /* 1 did not say so */
		if (!rc && write && !stat.ms_entries)
			rc = write_format(store, txn);
	}
	if (rc)
		return vnep_map_fail(err, rc, folder);
	*was = format;
	if (format >= VNEP_MAP_FORMAT_LEAST && format <= VNEP_MAP_FORMAT)
		return 0;
	vnep_err_set(err, -ENOTSUP, "%s: the map is of format %llu, this vnep knows format %d",
		folder, (unsigned long long)format, VNEP_MAP_FORMAT);
	return vnep_err_hint(err, "list it with the vnep that wrote it, and import that here");
}

static int open_dbs(
	struct vnep_mapstore *store, const char *folder, bool write, struct vnep_err *err)
{
	static const char *const names[DB_COUNT] = { "vep", "mac", "addr", "name", "vpc", "region",
		"group", "host", "record", "revision", "meta", "past", "past-time", "past-index",
		"tomb" };
	uint64_t was = VNEP_MAP_FORMAT;
	MDB_txn *txn;
	int rc = begin(store, write, &txn);

	if (rc)
		return vnep_map_fail(err, rc, folder);
	rc = mdb_dbi_open(txn, names[DB_META], write ? MDB_CREATE : 0, &store->dbi[DB_META]);
	rc = rc == MDB_NOTFOUND ? VNEP_ENOTFOUND : vnep_map_fail(err, rc, folder);
	if (!rc)
		rc = check_format(store, txn, folder, write, &was, err);
	for (int i = 0; i < DB_COUNT && !rc; i++) {
		bool several = i < IX_COUNT || i == DB_PAST_INDEX;

		if (i != DB_META && (write || (i != IX_HOST && i != DB_TOMB)))
			rc = mdb_dbi_open(txn, names[i],
				(write ? MDB_CREATE : 0) | (several ? MDB_DUPSORT : 0),
				&store->dbi[i]);
		/* Its maker was killed before the first commit, or lives and has not come to it. */
		rc = rc == MDB_NOTFOUND ? VNEP_ENOTFOUND : vnep_map_fail(err, rc, folder);
	}
	if (!rc && write && was < VNEP_MAP_FORMAT) {
		rc = was < 3 ? vnep_map_index_hosts(store, txn) : 0;
		if (!rc)
			rc = vnep_map_tomb_index(store, txn);
		if (!rc)
			rc = write_format(store, txn);
		rc = vnep_map_fail(err, rc, folder);
	}
	if (!rc)
		return vnep_map_fail(err, mdb_txn_commit(txn), folder);
	mdb_txn_abort(txn);
	return rc;
}

static int no_map(const char *state, struct vnep_err *err)
{
	vnep_err_set(err, VNEP_ENOTFOUND, "no map in %s", state);
	return vnep_err_hint(err, "vnep-map import makes one");
}

int vnep_mapstore_open(
	struct vnep_mapstore **out, const char *state, bool write, struct vnep_err *err)
{
	struct vnep_mapstore *store;
	char folder[PATH_MAX];
	int rc = vnep_state_check(state, write, err), dead;

	if (rc)
		return rc == VNEP_ENOTFOUND ? no_map(state, err) : rc;
	if (snprintf(folder, sizeof folder, "%s/map", state) >= (int)sizeof folder)
		return vnep_err_sys(err, ENAMETOOLONG, "%s/map", state);
	rc = vnep_state_check(folder, write, err);
	if (!rc && write)
		rc = reserve_lock(folder, err);
	if (rc)
		return rc == VNEP_ENOTFOUND ? no_map(state, err) : rc;
	store = calloc(1, sizeof *store);
	if (!store)
		return vnep_err_sys(err, ENOMEM, "map");
	rc = open_env(&store->env, folder, write, err);
	if (!rc && write)
		rc = reserve_open(store, folder, err);
	if (!rc)
		rc = open_dbs(store, folder, write, err);
	if (rc) {
		vnep_mapstore_close(store);
		return rc == VNEP_ENOTFOUND ? no_map(state, err) : rc;
	}
	if (write)
		mdb_reader_check(store->env, &dead); /* slots of killed readers hold old pages */
	*out = store;
	return 0;
}

void vnep_mapstore_close(struct vnep_mapstore *store)
{
	if (!store)
		return;
	if (store->env)
		mdb_env_close(store->env);
	free(store);
}

enum { META_FIELDS = 9, META_FIELDS_3 = 8 }; /* format 3 knew nothing of forgotten */

static void meta_fields(struct vnep_map_stat *meta, uint64_t *field[static META_FIELDS])
{
	uint64_t *all[] = { &meta->revision, &meta->devices, &meta->vpcs, &meta->groups,
		&meta->bindings, &meta->tombstones, &meta->past, &meta->history_us,
		&meta->forgotten };

	memcpy(field, all, sizeof all);
}

static int read_meta(struct vnep_map_txn *txn)
{
	MDB_val key = { sizeof meta_key, (void *)(uintptr_t)meta_key }, value;
	uint64_t *field[META_FIELDS];
	size_t count = META_FIELDS;
	struct vnep_rd rd;
	int rc = mdb_get(txn->txn, txn->store->dbi[DB_META], &key, &value);

	txn->meta.history_us = VNEP_MAP_HISTORY_US;
	if (rc)
		return rc == MDB_NOTFOUND ? 0 : rc;
	meta_fields(&txn->meta, field);
	vnep_rd_init(&rd, value.mv_data, value.mv_size);
	if (value.mv_size == META_FIELDS_3 * sizeof(uint64_t))
		count = META_FIELDS_3;
	for (size_t i = 0; i < count; i++)
		*field[i] = vnep_rd_le64(&rd);
	return rd.overrun ? MDB_CORRUPTED : 0;
}

static int write_meta(struct vnep_map_txn *txn)
{
	MDB_val key = { sizeof meta_key, (void *)(uintptr_t)meta_key }, value;
	uint64_t *field[META_FIELDS];
	struct vnep_buf buf;
	int rc;

	meta_fields(&txn->meta, field);
	vnep_buf_init(&buf);
	for (size_t i = 0; i < META_FIELDS; i++)
		vnep_buf_put_le64(&buf, *field[i]);
	value = (MDB_val){ buf.len, buf.data };
	rc = buf.rc ? ENOMEM : mdb_put(txn->txn, txn->store->dbi[DB_META], &key, &value, 0);
	vnep_buf_release(&buf);
	return rc;
}

static void txn_free(struct vnep_map_txn *txn)
{
	for (int i = 0; i < IX_COUNT; i++)
		vnep_buf_release(&txn->stage[i]);
	vnep_buf_release(&txn->scratch);
	vnep_buf_release(&txn->old);
	vnep_buf_release(&txn->suspects);
	free(txn->vpcs);
	free(txn->ends);
	vnep_longest_release(&txn->prefixes);
	txn->store->txns--;
	free(txn);
}

/* A cursor for the records, and what the last of them is. */
static int begin_write(struct vnep_map_txn *txn)
{
	MDB_val key, value;
	int rc = mdb_cursor_open(txn->txn, txn->store->dbi[DB_RECORD], &txn->records);

	if (!rc)
		rc = mdb_cursor_get(txn->records, &key, &value, MDB_LAST);
	if (rc)
		return rc == MDB_NOTFOUND ? 0 : rc;
	if (key.mv_size > sizeof txn->last)
		return MDB_CORRUPTED;
	memcpy(txn->last, key.mv_data, key.mv_size);
	txn->last_len = key.mv_size;
	return 0;
}

int vnep_map_begin(
	struct vnep_mapstore *store, bool write, struct vnep_map_txn **out, struct vnep_err *err)
{
	struct vnep_map_txn *txn;
	int rc = write ? vnep_map_reserve(store, 0, err) : 0;

	if (rc)
		return rc;
	txn = calloc(1, sizeof *txn);
	if (!txn)
		return vnep_err_sys(err, ENOMEM, "map");
	txn->store = store;
	txn->write = write;
	txn->now_us = vnep_wall_now().ns / 1000;
	rc = begin(store, write, &txn->txn);
	store->txns++;
	if (!rc)
		rc = read_meta(txn);
	txn->before = txn->meta.revision;
	if (!rc && write)
		rc = begin_write(txn);
	if (rc) {
		vnep_map_abort(txn);
		return vnep_map_fail(err, rc, "reading the map");
	}
	*out = txn;
	return 0;
}

/* LMDB calls a write that the file system cut short EIO: it had no room for the rest. */
static int short_write(MDB_env *env, int rc)
{
	const char *folder;
	struct statvfs fs;

	if (rc != EIO || mdb_env_get_path(env, &folder) || statvfs(folder, &fs))
		return rc;
	return (uint64_t)fs.f_bavail * fs.f_frsize < NO_ROOM_OCTETS ? ENOSPC : rc;
}

/* Tell those who watch the folder. The last write of a commit is no news yet: LMDB publishes the transaction
 * to readers after it, and a follower that is quick would look too early and then sleep on. */
static void ring(MDB_env *env)
{
	int fd;

	if (!mdb_env_get_fd(env, &fd))
		futimens(fd, NULL);
}

int vnep_map_commit(struct vnep_map_txn *txn, struct vnep_err *err)
{
	MDB_env *env = txn->store->env;
	bool write = txn->write;
	int rc = txn->unchecked ? vnep_map_check(txn, err) : 0;

	if (!rc && write)
		rc = vnep_map_past_prune(txn, err);
	if (!rc && write)
		rc = vnep_map_tomb_prune(txn, err);
	if (!rc && write)
		rc = vnep_map_fail(err, write_meta(txn), "writing the map");
	if (rc) {
		vnep_map_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn->txn);
	txn_free(txn);
	if (!rc && write)
		ring(env);
	return vnep_map_fail(err, short_write(env, rc), "writing the map");
}

void vnep_map_abort(struct vnep_map_txn *txn)
{
	if (!txn)
		return;
	if (txn->txn)
		mdb_txn_abort(txn->txn);
	txn_free(txn);
}

uint64_t vnep_map_revision(struct vnep_map_txn *txn)
{
	return txn->meta.revision;
}

int vnep_map_stat(struct vnep_map_txn *txn, struct vnep_map_stat *out, struct vnep_err *err)
{
	MDB_envinfo info;
	MDB_stat stat;
	int rc = mdb_env_info(txn->store->env, &info);

	if (!rc)
		rc = mdb_env_stat(txn->store->env, &stat);
	if (rc)
		return vnep_map_fail(err, rc, "reading the map");
	*out = txn->meta;
	out->octets = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
	return 0;
}
