/*
 * vio - the file operations of the journal as a table, so that a test can stand between it and the disk.
 *
 * Shape   a folder and a file are descriptors; names have no slash. Offsets and lengths are octets.
 * Owner   the table is the caller's and lives as long as what uses it; each function gets it back, so that
 *         a table inside a bigger struct finds what it needs. vnep_vio_disk is the real disk.
 * Errors  -1 and errno, as the system call behind each.
 * Source  open(2), pread(2), pwrite(2), fallocate(2), ftruncate(2), fdatasync(2), fsync(2), rename(2).
 */
#ifndef VNEP_VIO_H
#define VNEP_VIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Anything but 0 ends the list and is what list returns. */
typedef int vnep_vio_name_cb(const char *name, void *arg);

struct vnep_vio {
	/* A folder that is no link; dir -1: name is a path. Closed by close. */
	int (*folder)(const struct vnep_vio *vio, int dir, const char *name);
	/* A file that is no link; flags of open(2) but O_CLOEXEC and O_NOFOLLOW, which are always there. */
	int (*open)(const struct vnep_vio *vio, int dir, const char *name, int flags);
	int (*close)(const struct vnep_vio *vio, int fd);
	ssize_t (*read)(const struct vnep_vio *vio, int fd, void *data, size_t len, uint64_t at);
	ssize_t (*write)(const struct vnep_vio *vio, int fd, const void *data, size_t len, uint64_t at);
	int (*allocate)(const struct vnep_vio *vio, int fd, uint64_t at, uint64_t len); /* size stays */
	int (*cut)(const struct vnep_vio *vio, int fd, uint64_t size);
	int (*sync)(const struct vnep_vio *vio, int fd);          /* octets and size of a file */
	int (*sync_folder)(const struct vnep_vio *vio, int dir); /* its names */
	int (*size)(const struct vnep_vio *vio, int fd, uint64_t *out);
	int (*stat)(const struct vnep_vio *vio, int dir, const char *name, uint64_t *size);
	int (*remove)(const struct vnep_vio *vio, int dir, const char *name);
	int (*rename)(const struct vnep_vio *vio, int dir, const char *from, const char *to);
	int (*list)(const struct vnep_vio *vio, int dir, vnep_vio_name_cb *cb, void *arg);
};

extern const struct vnep_vio vnep_vio_disk;

/* All of it, whatever single calls do: 0 or -errno (-EIO where nothing more is taken). */
int vnep_vio_write_all(
	const struct vnep_vio *vio, int fd, const void *data, size_t len, uint64_t at);

/* As much as there is, at most len: octets or -errno. */
ssize_t vnep_vio_read_all(const struct vnep_vio *vio, int fd, void *data, size_t len, uint64_t at);

#endif
