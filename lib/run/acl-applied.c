/*
 * acl-applied - the devices that were applied last, in a file: where to look for what is not wanted any more.
 *
 * The kernel tells quickly of an element that it is asked for, and how many a set has, but who is to be found by a
 * dump takes minutes among a million (nft-get.c). What is in a set and is not wanted has nearly always been wanted
 * before. So STATE/acl-applied has the devices of the last comparison that ended with all of them in the kernel, and
 * the elements that they had are asked for first. It is a guess, of which nothing but time depends: the kernel says
 * what is there, its count says whether that is all, and if not there is the dump. So the file is written without a
 * wait for the disk, no error of it is one of the change, and whatever it holds can do no harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acl-private.h"

enum { FLUSH_OCTETS = 64 << 10, SMALL = 65536 };

/* Behind the head devices, each with its further addresses. In the order of octets of this machine: the kernel that
 * the file is about is this one, too. */
struct head {
	char magic[8];
	uint32_t access_count;
	uint32_t ifindex[VNEP_PORTS_MAX];
};

static const char magic[8] = { 'v', 'n', 'e', 'p', 'a', 'c', 'l', 1 };

enum { HAS_MAC = 1, HOST = 2, BOUND = 4 };

struct line {
	struct in6_addr vep, addr;
	struct vnep_mac mac;
	uint16_t vlan;
	uint8_t port, more_count, flags, zero;
};

struct acl_applied {
	FILE *file;
	struct vnep_acl
		like; /* what elements are made from: its ports, and one class that all devices have */
	struct acl_class class;
	struct acl_policy policy;
	struct acl_lane lane;
	struct acl_device device;
	struct in6_addr more[VNEP_ADDR_COUNT_MAX];
};

static bool path_of(const struct vnep_acl *acl, const char *end, char out[static PATH_MAX])
{
	int n = acl->config.state
			? snprintf(out, PATH_MAX, "%s/acl-applied%s", acl->config.state, end)
			: -1;

	return n > 0 && n < PATH_MAX;
}

static bool flush(struct vnep_buf *buf, int fd)
{
	for (size_t at = 0; at < buf->len && !buf->rc;) {
		ssize_t n = write(fd, buf->data + at, buf->len - at);

		if (n < 0 && errno != EINTR)
			return false;
		at += n > 0 ? (size_t)n : 0;
	}
	vnep_buf_reset(buf);
	return !buf->rc;
}

static bool write_all(const struct vnep_acl *acl, int fd)
{
	struct head head = { .access_count = acl->config.access_count };
	const struct acl_device *d;
	struct acl_walk walk;
	struct vnep_buf buf;
	bool good = true;

	memcpy(head.magic, magic, sizeof magic);
	for (unsigned i = 0; i < acl->config.access_count; i++)
		head.ifindex[i] = acl->port[i].index;
	vnep_buf_init(&buf);
	vnep_buf_put(&buf, &head, sizeof head);
	acl_walk_begin(&walk, acl, false);
	while (good && (d = acl_walk_next(&walk))) {
		const struct line line = { .vep = d->vep,
			.addr = d->addr,
			.mac = d->mac,
			.vlan = d->vlan,
			.port = d->port,
			.more_count = d->more_count,
			.flags = (uint8_t)((d->has_mac ? HAS_MAC : 0) | (d->host ? HOST : 0) |
					   (d->class != ACL_NONE ? BOUND : 0)) };

		vnep_buf_put(&buf, &line, sizeof line);
		vnep_buf_put(&buf, d->more, d->more_count * sizeof *d->more);
		good = buf.len < FLUSH_OCTETS || flush(&buf, fd);
	}
	good = good && !walk.rc && flush(&buf, fd);
	acl_walk_end(&walk);
	vnep_buf_release(&buf);
	return good;
}

void acl_applied_write(struct vnep_acl *acl)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	bool good;
	int fd;

	acl->applied_old = false;
	if (!path_of(acl, "", path) || !path_of(acl, ".new", fresh))
		return;
	unlink(fresh); /* of somebody who was killed at this; writers hold the lock of the state folder */
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	good = write_all(acl, fd);
	close(fd);
	if (!good || rename(fresh, path))
		unlink(fresh);
}

static bool read_head(struct acl_applied *applied)
{
	struct head head;

	if (fread(&head, sizeof head, 1, applied->file) != 1 ||
		memcmp(head.magic, magic, sizeof magic) != 0 || head.access_count > VNEP_PORTS_MAX)
		return false;
	applied->like.config.access_count = head.access_count;
	for (unsigned i = 0; i < head.access_count; i++)
		applied->like.port[i].index = head.ifindex[i];
	return true;
}

/* A file of ours, and no longer than what it is about can be: it is read to its end. */
static bool is_ours(int fd, uint64_t elements)
{
	struct stat s;

	return !fstat(fd, &s) && S_ISREG(s.st_mode) && (s.st_uid == geteuid() || s.st_uid == 0) &&
	       (uint64_t)s.st_size / sizeof(struct line) <= elements * 4 + SMALL;
}

struct acl_applied *acl_applied_open(const struct vnep_acl *acl, uint64_t elements)
{
	struct acl_applied *applied;
	char path[PATH_MAX];
	int fd = path_of(acl, "", path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
					: -1;

	if (fd < 0)
		return NULL;
	applied = is_ours(fd, elements) ? calloc(1, sizeof *applied) : NULL;
	if (applied)
		applied->file = fdopen(fd, "r");
	if (!applied || !applied->file) {
		close(fd);
		free(applied);
		return NULL;
	}
	applied->like.classes = &applied->class;
	applied->like.policies = &applied->policy;
	applied->like.lanes = &applied->lane;
	if (read_head(applied))
		return applied;
	acl_applied_close(applied);
	return NULL;
}

void acl_applied_close(struct acl_applied *applied)
{
	if (!applied)
		return;
	fclose(applied->file);
	free(applied);
}

bool acl_applied_next(struct acl_applied *applied, struct acl_elements *out)
{
	struct line line;

	if (fread(&line, sizeof line, 1, applied->file) != 1 ||
		line.more_count > VNEP_ADDR_COUNT_MAX ||
		fread(applied->more, sizeof *applied->more, line.more_count, applied->file) !=
			line.more_count)
		return false;
	applied->device = (struct acl_device){ .vep = line.vep,
		.addr = line.addr,
		.more = applied->more,
		.more_count = line.more_count,
		.mac = line.mac,
		.vlan = line.vlan,
		.port = line.port,
		.has_mac = line.flags & HAS_MAC,
		.host = line.flags & HOST,
		.class = line.flags & BOUND ? 0 : ACL_NONE };
	acl_elements_device(&applied->like, &applied->device, out);
	return true;
}
