/* sentlog - a shared mapping: what is written there outlives the process with the very next instruction. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vnep/err.h"
#include "vnep/sentlog.h"

enum { BOOT_LEN = 40 };

static const char magic[16] = "vnep sent 1";

struct table {
	char magic[16];
	char boot[BOOT_LEN];
	_Atomic uint64_t count; /* behind the entries: one that is half written does not count */
	struct vnep_sentlog_entry entry[];
};

struct vnep_sentlog {
	struct table *table;
	size_t max, octets;
};

static int read_boot(char out[static BOOT_LEN], struct vnep_err *err)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool read = file && fgets(out, BOOT_LEN, file);

	if (file)
		fclose(file);
	return read ? 0 : vnep_err_set(err, -EIO, "cannot read /proc/sys/kernel/random/boot_id");
}

static int map(struct vnep_sentlog *log, const char *path, struct vnep_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), rc;
	void *at = MAP_FAILED;

	if (fd < 0)
		return errno == ELOOP ? vnep_err_set(err, VNEP_EPRIV, "%s is a symbolic link", path)
				      : vnep_err_sys(err, errno, "cannot open %s", path);
	rc = posix_fallocate(fd, 0, (off_t)log->octets);
	if (!rc) {
		at = mmap(NULL, log->octets, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		rc = at == MAP_FAILED ? errno : 0;
	}
	close(fd);
	if (rc)
		return vnep_err_sys(err, rc, "cannot use %s", path);
	log->table = at;
	return 0;
}

int vnep_sentlog_open(struct vnep_sentlog **out, const char *state, const char *name, size_t max,
	const char *boot, struct vnep_err *err)
{
	struct vnep_sentlog *log = calloc(1, sizeof *log);
	char path[PATH_MAX], now[BOOT_LEN] = "";
	int rc = 0;

	if (!log)
		return vnep_err_sys(err, ENOMEM, "%s", state);
	log->max = max;
	log->octets = sizeof *log->table + max * sizeof *log->table->entry;
	if (boot)
		snprintf(now, sizeof now, "%s", boot);
	else
		rc = read_boot(now, err);
	if (!rc && snprintf(path, sizeof path, "%s/%s", state, name) >= (int)sizeof path)
		rc = vnep_err_sys(err, ENAMETOOLONG, "%s", state);
	if (!rc)
		rc = map(log, path, err);
	if (rc) {
		free(log);
		return rc;
	}
	if (memcmp(log->table->magic, magic, sizeof magic) ||
		memcmp(log->table->boot, now, sizeof now) || log->table->count > max) {
		log->table->count = 0;
		memcpy(log->table->boot, now, sizeof now);
		memcpy(log->table->magic, magic, sizeof magic);
	}
	*out = log;
	return 0;
}

void vnep_sentlog_close(struct vnep_sentlog *log)
{
	if (!log)
		return;
	munmap(log->table, log->octets);
	free(log);
}

size_t vnep_sentlog_room(const struct vnep_sentlog *log)
{
	return log->max - log->table->count;
}

void vnep_sentlog_put(struct vnep_sentlog *log, const struct vnep_sentlog_entry *entry)
{
	uint64_t n = log->table->count;

	if (n == log->max)
		return;
	log->table->entry[n] = *entry;
	atomic_store_explicit(&log->table->count, n + 1, memory_order_release);
}

void vnep_sentlog_stage(struct vnep_sentlog *log, size_t n, const struct vnep_sentlog_entry *entry)
{
	if (n < log->max)
		log->table->entry[n] = *entry;
}

void vnep_sentlog_count(struct vnep_sentlog *log, size_t n)
{
	atomic_store_explicit(
		&log->table->count, n < log->max ? n : log->max, memory_order_release);
}

void vnep_sentlog_clear(struct vnep_sentlog *log)
{
	log->table->count = 0;
}

const struct vnep_sentlog_entry *vnep_sentlog_get(const struct vnep_sentlog *log, size_t n)
{
	return n < log->table->count ? &log->table->entry[n] : NULL;
}
