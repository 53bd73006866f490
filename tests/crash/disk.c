/* disk - the table over memory, and its log. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk-private.h"

enum { FD_BASE = 100000, META_OCTETS = 8192 };

static bool is_real(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && !strcmp(name + n - 4, ".mdb");
}

/* The real index. */

static int index_fd(const struct disk *disk, int flags)
{
	char path[300];

	snprintf(path, sizeof path, "%s/data.mdb", disk->path);
	return open(path, flags | O_CLOEXEC, 0640);
}

void disk_get_index(const struct disk *disk, struct vnep_buf *out)
{
	int fd = index_fd(disk, O_RDONLY);
	struct stat st;
	ssize_t n;

	vnep_buf_reset(out);
	if (fd < 0)
		return;
	if (fstat(fd, &st))
		st.st_size = 0;
	disk_need(vnep_buf_reserve(out, (size_t)st.st_size));
	n = pread(fd, out->data, (size_t)st.st_size, 0);
	out->len = n > 0 ? (size_t)n : 0;
	close(fd);
}

void disk_put_index(const struct disk *disk, const struct vnep_buf *octets)
{
	char path[300];
	int fd;

	snprintf(path, sizeof path, "%s/lock.mdb", disk->path);
	unlink(path);
	snprintf(path, sizeof path, "%s/data.mdb", disk->path);
	unlink(path);
	if (!octets->len)
		return;
	fd = index_fd(disk, O_WRONLY | O_CREAT);
	if (fd < 0 || write(fd, octets->data, octets->len) != (ssize_t)octets->len) {
		perror(path);
		exit(3);
	}
	close(fd);
}

/* The number of the copy that is like the index now. */
static unsigned copy_index(struct disk *disk)
{
	uint8_t meta[META_OCTETS];
	int fd = index_fd(disk, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : pread(fd, meta, sizeof meta, 0);
	uint64_t hash = n > 0 ? disk_hash(0, meta, (size_t)n) : 0;

	if (fd >= 0)
		close(fd);
	if (disk->copy_count && hash == disk->copy_hash)
		return disk->copy_count - 1;
	disk->copies =
		disk_need(realloc(disk->copies, (disk->copy_count + 1) * sizeof *disk->copies));
	disk->copies[disk->copy_count] = (struct vnep_buf){ 0 };
	disk_get_index(disk, &disk->copies[disk->copy_count]);
	disk->copy_hash = hash;
	return disk->copy_count++;
}

void disk_tear_index(const struct disk *disk, size_t cut, uint64_t *random, struct vnep_buf *out)
{
	/* up to the next operation it was written to, too */
	unsigned last = disk->ops[cut < disk->op_count ? cut : cut - 1].index, first = 0;
	size_t len = disk->copies[last].len;

	for (size_t i = 0; i < cut; i++)
		if ((disk->ops[i].what == OP_SYNC && disk->ops[i].file == DISK_INDEX) ||
			(disk->ops[i].what == OP_RENAME && !strcmp(disk->ops[i].to, "clean")))
			first = disk->ops[i].index; /* or LMDB synced it */
	vnep_buf_reset(out);
	disk_need(vnep_buf_reserve(out, len + 1));
	out->len = len;
	for (size_t at = 0; at < len; at += DISK_PAGE) {
		size_t n = len - at < DISK_PAGE ? len - at : DISK_PAGE;
		unsigned copy;

		*random = *random * 6364136223846793005u + 1442695040888963407u;
		copy = first + (unsigned)((*random >> 33) % (last - first + 1));
		while (disk->copies[copy].len < at + n)
			copy++;
		memcpy(out->data + at, disk->copies[copy].data + at, n);
	}
}

static struct disk_op *log_op(struct disk *disk, enum disk_what what)
{
	struct disk_op *op;

	if (disk->op_count == disk->op_cap) {
		disk->op_cap = disk->op_cap ? 2 * disk->op_cap : 64;
		disk->ops = disk_need(realloc(disk->ops, disk->op_cap * sizeof *disk->ops));
	}
	op = &disk->ops[disk->op_count++];
	*op = (struct disk_op){ .what = what, .index = copy_index(disk) };
	if (disk->kill_after && --disk->kill_after == 0)
		disk->dead = true;
	return op;
}

/* The table. */

static struct disk *of(const struct vnep_vio *vio)
{
	return (struct disk *)(uintptr_t)vio;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* Is this the call that is to fail? */
static bool strikes(struct disk *disk, unsigned *count)
{
	if (!*count || --*count)
		return false;
	disk->struck = true;
	if (disk->fault.for_ever)
		*count = 1;
	return true;
}

static enum disk_folder folder_of(const struct disk *disk, int dir)
{
	return dir == disk->folder_fd[FOLDER_INDEX] ? FOLDER_INDEX : FOLDER_JOURNAL;
}

static struct vnep_buf *file_of(struct disk *disk, int fd)
{
	return &disk->now.file[disk->fds[fd - FD_BASE].file];
}

static int sim_folder(const struct vnep_vio *vio, int dir, const char *name)
{
	struct disk *disk = of(vio);
	int fd = vnep_vio_disk.folder(vio, dir, name);

	disk->folder_fd[dir < 0 ? FOLDER_JOURNAL : FOLDER_INDEX] = fd;
	return fd;
}

static int new_fd(struct disk *disk, unsigned file)
{
	for (int i = 0; i < DISK_FDS; i++)
		if (!disk->fds[i].used) {
			disk->fds[i].used = true;
			disk->fds[i].file = file;
			return FD_BASE + i;
		}
	return fail(EMFILE);
}

static int sim_open(const struct vnep_vio *vio, int dir, const char *name, int flags)
{
	struct disk *disk = of(vio);
	enum disk_folder folder = folder_of(disk, dir);
	int i = disk_find_name(&disk->now.folder[folder], name);
	struct disk_op *op;
	unsigned file;
	int fd;

	if (disk->dead && flags & (O_CREAT | O_TRUNC))
		return fail(EIO);
	if (is_real(name)) {
		fd = index_fd(disk, O_RDONLY);
		if (fd < 0)
			return -1;
		close(fd);
		return new_fd(disk, DISK_INDEX);
	}
	if (i >= 0 && flags & O_EXCL)
		return fail(EEXIST);
	if (i < 0 && !(flags & O_CREAT))
		return fail(ENOENT);
	file = i < 0 ? disk->now.files++ : disk->now.folder[folder].item[i].file;
	if (file >= DISK_FILES)
		disk_need(NULL);
	if (i < 0) {
		op = log_op(disk, OP_CREATE);
		op->folder = folder;
		op->file = file;
		snprintf(op->name, sizeof op->name, "%s", name);
		disk_set_name(&disk->now.folder[folder], name, file);
	} else if (flags & O_TRUNC) {
		op = log_op(disk, OP_CUT);
		op->file = file;
		disk_file_cut(&disk->now.file[file], 0);
	}
	return new_fd(disk, file);
}

static int sim_close(const struct vnep_vio *vio, int fd)
{
	if (fd < FD_BASE)
		return close(fd);
	of(vio)->fds[fd - FD_BASE].used = false;
	return 0;
}

static bool is_index(struct disk *disk, int fd)
{
	return disk->fds[fd - FD_BASE].file == DISK_INDEX;
}

/* data.mdb is read and written where LMDB has it. */
static ssize_t index_io(struct disk *disk, void *in, const void *out, size_t len, uint64_t at)
{
	int fd = index_fd(disk, O_RDWR);
	ssize_t n = fd < 0 ? -1
		    : in   ? pread(fd, in, len, (off_t)at)
			   : pwrite(fd, out, len, (off_t)at);

	if (fd >= 0)
		close(fd);
	return n;
}

static ssize_t sim_read(const struct vnep_vio *vio, int fd, void *data, size_t len, uint64_t at)
{
	struct vnep_buf *file;

	if (is_index(of(vio), fd))
		return index_io(of(vio), data, NULL, len, at);
	file = file_of(of(vio), fd);
	if (at >= file->len)
		return 0;
	if (len > file->len - at)
		len = file->len - (size_t)at;
	memcpy(data, file->data + at, len);
	return (ssize_t)len;
}

static ssize_t sim_write(
	const struct vnep_vio *vio, int fd, const void *data, size_t len, uint64_t at)
{
	struct disk *disk = of(vio);
	bool strike = strikes(disk, &disk->fault.write);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	disk->writes++;
	if (strike && !(disk->fault.partly && len > 1))
		return fail(disk->fault.error);
	if (strike ||
		(disk->fault.short_every && len > 1 && disk->writes % disk->fault.short_every == 0))
		len /= 2;
	if (strike) /* what is left fails at the next call */
		disk->fault.write = 1, disk->fault.partly = false;
	if (is_index(disk, fd))
		return index_io(disk, NULL, data, len, at);
	op = log_op(disk, OP_WRITE);
	op->file = disk->fds[fd - FD_BASE].file;
	op->at = at;
	op->len = len;
	op->data = disk_need(malloc(len ? len : 1));
	memcpy(op->data, data, len);
	disk_file_write(file_of(disk, fd), data, len, at);
	return (ssize_t)len;
}

static int sim_allocate(const struct vnep_vio *vio, int fd, uint64_t at, uint64_t len)
{
	struct disk *disk = of(vio);

	(void)fd;
	(void)at;
	(void)len;
	return strikes(disk, &disk->fault.allocate) ? fail(disk->fault.error) : 0;
}

static int sim_cut(const struct vnep_vio *vio, int fd, uint64_t size)
{
	struct disk *disk = of(vio);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	op = log_op(disk, OP_CUT);
	op->file = disk->fds[fd - FD_BASE].file;
	op->at = size;
	disk_file_cut(file_of(disk, fd), size);
	return 0;
}

static int sim_sync(const struct vnep_vio *vio, int fd)
{
	struct disk *disk = of(vio);
	bool strike = strikes(disk, &disk->fault.sync);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	op = log_op(disk, strike ? OP_SYNC_FAILED : OP_SYNC);
	op->file = disk->fds[fd - FD_BASE].file;
	return strike ? fail(disk->fault.error) : 0;
}

static int sim_sync_folder(const struct vnep_vio *vio, int dir)
{
	struct disk *disk = of(vio);

	if (disk->dead)
		return fail(EIO);
	if (strikes(disk, &disk->fault.folder))
		return fail(disk->fault.error);
	log_op(disk, OP_FOLDER)->folder = folder_of(disk, dir);
	return 0;
}

static int sim_size(const struct vnep_vio *vio, int fd, uint64_t *out)
{
	*out = file_of(of(vio), fd)->len;
	return 0;
}

static int sim_stat(const struct vnep_vio *vio, int dir, const char *name, uint64_t *size)
{
	struct disk *disk = of(vio);
	int i = disk_find_name(&disk->now.folder[folder_of(disk, dir)], name);

	if (is_real(name))
		return vnep_vio_disk.stat(vio, dir, name, size);
	if (i < 0)
		return fail(ENOENT);
	*size = disk->now.file[disk->now.folder[folder_of(disk, dir)].item[i].file].len;
	return 0;
}

static int sim_remove(const struct vnep_vio *vio, int dir, const char *name)
{
	struct disk *disk = of(vio);
	enum disk_folder folder = folder_of(disk, dir);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	if (is_real(name))
		return vnep_vio_disk.remove(vio, dir, name);
	if (disk_find_name(&disk->now.folder[folder], name) < 0)
		return fail(ENOENT);
	op = log_op(disk, OP_REMOVE);
	op->folder = folder;
	snprintf(op->name, sizeof op->name, "%s", name);
	disk_drop_name(&disk->now.folder[folder], name);
	return 0;
}

static int sim_rename(const struct vnep_vio *vio, int dir, const char *from, const char *to)
{
	struct disk *disk = of(vio);
	enum disk_folder folder = folder_of(disk, dir);
	int i = disk_find_name(&disk->now.folder[folder], from);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	if (i < 0)
		return fail(ENOENT);
	op = log_op(disk, OP_RENAME);
	op->folder = folder;
	op->file = disk->now.folder[folder].item[i].file;
	snprintf(op->name, sizeof op->name, "%s", from);
	snprintf(op->to, sizeof op->to, "%s", to);
	disk_rename_in(&disk->now.folder[folder], from, to, op->file);
	return 0;
}

static int sim_list(const struct vnep_vio *vio, int dir, vnep_vio_name_cb *cb, void *arg)
{
	struct disk *disk = of(vio);
	struct disk_names names = disk->now.folder[folder_of(disk, dir)];
	int rc = 0;

	for (unsigned i = 0; !rc && i < names.count; i++)
		rc = cb(names.item[i].name, arg);
	return rc;
}

static const struct vnep_vio sim = {
	.folder = sim_folder,
	.open = sim_open,
	.close = sim_close,
	.read = sim_read,
	.write = sim_write,
	.allocate = sim_allocate,
	.cut = sim_cut,
	.sync = sim_sync,
	.sync_folder = sim_sync_folder,
	.size = sim_size,
	.stat = sim_stat,
	.remove = sim_remove,
	.rename = sim_rename,
	.list = sim_list,
};

void disk_init(struct disk *disk, const char *index_path)
{
	*disk = (struct disk){ .vio = sim, .folder_fd = { -1, -1 } };
	snprintf(disk->path, sizeof disk->path, "%s", index_path);
}

static void forget_ops(struct disk *disk)
{
	for (size_t i = 0; i < disk->op_count; i++)
		free(disk->ops[i].data);
	for (unsigned i = 0; i < disk->copy_count; i++)
		vnep_buf_release(&disk->copies[i]);
	free(disk->ops);
	free(disk->copies);
	disk->ops = NULL;
	disk->copies = NULL;
	disk->op_count = disk->op_cap = disk->copy_count = 0;
}

void disk_release(struct disk *disk)
{
	forget_ops(disk);
	disk_image_release(&disk->now);
}

void disk_load(struct disk *disk, const struct disk_image *image)
{
	struct disk_image copy;

	disk_image_copy(&copy, image);
	disk_release(disk);
	disk->now = copy;
	disk->fault = (struct disk_fault){ 0 };
	memset(disk->fds, 0, sizeof disk->fds);
}
