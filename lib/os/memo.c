/* memo - two places in a shared mapping, written in turn; the one with the higher number is the last one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vnep/err.h"
#include "vnep/memo.h"

struct place {
	_Atomic uint64_t number; /* 0: empty, or being written */
	uint64_t len;
	uint8_t data[VNEP_MEMO_MAX];
};

struct table {
	char magic[16];
	struct place place[2];
};

struct vnep_memo {
	struct table *table;
};

static const char magic[16] = "vnep memo 1";

static int map(struct vnep_memo *memo, const char *path, struct vnep_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), rc;
	void *at = MAP_FAILED;

	if (fd < 0)
		return errno == ELOOP ? vnep_err_set(err, VNEP_EPRIV, "%s is a symbolic link", path)
				      : vnep_err_sys(err, errno, "cannot open %s", path);
	rc = posix_fallocate(fd, 0, sizeof *memo->table);
	if (!rc) {
		at = mmap(NULL, sizeof *memo->table, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		rc = at == MAP_FAILED ? errno : 0;
	}
	close(fd);
	if (rc)
		return vnep_err_sys(err, rc, "cannot use %s", path);
	memo->table = at;
	return 0;
}

int vnep_memo_open(
	struct vnep_memo **out, const char *state, const char *name, struct vnep_err *err)
{
	struct vnep_memo *memo = calloc(1, sizeof *memo);
	char path[PATH_MAX];
	int rc;

	if (!memo)
		return vnep_err_sys(err, ENOMEM, "%s", state);
	if (snprintf(path, sizeof path, "%s/%s", state, name) >= (int)sizeof path)
		rc = vnep_err_sys(err, ENAMETOOLONG, "%s", state);
	else
		rc = map(memo, path, err);
	if (rc) {
		free(memo);
		return rc;
	}
	if (memcmp(memo->table->magic, magic, sizeof magic)) {
		memset(memo->table, 0, sizeof *memo->table);
		memcpy(memo->table->magic, magic, sizeof magic);
	}
	*out = memo;
	return 0;
}

void vnep_memo_close(struct vnep_memo *memo)
{
	if (!memo)
		return;
	munmap(memo->table, sizeof *memo->table);
	free(memo);
}

/* The last one that was finished. */
static int last(const struct vnep_memo *memo)
{
	return memo->table->place[1].number > memo->table->place[0].number;
}

void vnep_memo_put(struct vnep_memo *memo, const void *data, size_t len)
{
	int now = last(memo);
	struct place *p = &memo->table->place[!now];
	uint64_t next = memo->table->place[now].number + 1;

	if (len > sizeof p->data)
		return;
	atomic_store(&p->number, 0);
	atomic_thread_fence(memory_order_seq_cst); /* it is empty before it is written */
	p->len = len;
	memcpy(p->data, data, len);
	atomic_store(&p->number, next);
}

size_t vnep_memo_get(const struct vnep_memo *memo, void *out, size_t cap)
{
	const struct place *p = &memo->table->place[last(memo)];

	if (!p->number || p->len > cap || p->len > sizeof p->data)
		return 0;
	memcpy(out, p->data, p->len);
	return p->len;
}
