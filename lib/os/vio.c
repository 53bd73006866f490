/* vio - the table for the real disk, and what takes more than one call. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vnep/vio.h"

enum { FILE_MODE = 0640 };

static int disk_folder(const struct vnep_vio *vio, int dir, const char *name)
{
	(void)vio;
	return openat(
		dir < 0 ? AT_FDCWD : dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int disk_open(const struct vnep_vio *vio, int dir, const char *name, int flags)
{
	(void)vio;
	return openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
}

static int disk_close(const struct vnep_vio *vio, int fd)
{
	(void)vio;
	return close(fd);
}

static ssize_t disk_read(const struct vnep_vio *vio, int fd, void *data, size_t len, uint64_t at)
{
	(void)vio;
	return pread(fd, data, len, (off_t)at);
}

static ssize_t disk_write(
	const struct vnep_vio *vio, int fd, const void *data, size_t len, uint64_t at)
{
	(void)vio;
	return pwrite(fd, data, len, (off_t)at);
}

static int disk_allocate(const struct vnep_vio *vio, int fd, uint64_t at, uint64_t len)
{
	(void)vio;
	return fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len);
}

static int disk_cut(const struct vnep_vio *vio, int fd, uint64_t size)
{
	(void)vio;
	return ftruncate(fd, (off_t)size);
}

static int disk_sync(const struct vnep_vio *vio, int fd)
{
	(void)vio;
	return fdatasync(fd);
}

static int disk_sync_folder(const struct vnep_vio *vio, int dir)
{
	(void)vio;
	return fsync(dir);
}

static int disk_size(const struct vnep_vio *vio, int fd, uint64_t *out)
{
	struct stat st;

	(void)vio;
	if (fstat(fd, &st))
		return -1;
	*out = (uint64_t)st.st_size;
	return 0;
}

static int disk_stat(const struct vnep_vio *vio, int dir, const char *name, uint64_t *size)
{
	struct stat st;

	(void)vio;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -1;
	*size = (uint64_t)st.st_size;
	return 0;
}

static int disk_remove(const struct vnep_vio *vio, int dir, const char *name)
{
	(void)vio;
	return unlinkat(dir, name, 0);
}

static int disk_rename(const struct vnep_vio *vio, int dir, const char *from, const char *to)
{
	(void)vio;
	return renameat(dir, from, dir, to);
}

static int disk_list(const struct vnep_vio *vio, int dir, vnep_vio_name_cb *cb, void *arg)
{
	int fd = disk_folder(vio, dir, "."), rc = 0;
	DIR *names = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry = NULL;

	if (!names) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	for (;;) {
		errno = 0; /* else the end and a failure look the same */
		entry = readdir(names);
		if (!entry && errno)
			rc = -1;
		if (!entry || (rc = cb(entry->d_name, arg)))
			break;
	}
	fd = errno;
	closedir(names);
	errno = fd;
	return rc;
}

const struct vnep_vio vnep_vio_disk = {
	.folder = disk_folder,
	.open = disk_open,
	.close = disk_close,
	.read = disk_read,
	.write = disk_write,
	.allocate = disk_allocate,
	.cut = disk_cut,
	.sync = disk_sync,
	.sync_folder = disk_sync_folder,
	.size = disk_size,
	.stat = disk_stat,
	.remove = disk_remove,
	.rename = disk_rename,
	.list = disk_list,
};

int vnep_vio_write_all(
	const struct vnep_vio *vio, int fd, const void *data, size_t len, uint64_t at)
{
	const uint8_t *octets = data;

	while (len) {
		ssize_t n = vio->write(vio, fd, octets, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		octets += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t vnep_vio_read_all(const struct vnep_vio *vio, int fd, void *data, size_t len, uint64_t at)
{
	uint8_t *octets = data;
	size_t done = 0;

	while (done < len) {
		ssize_t n = vio->read(vio, fd, octets + done, len - done, at + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}
