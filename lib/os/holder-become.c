/*
 * holder-become - one program takes the place of another: same process, same descriptors, another text.
 *
 * What is kept goes through a file in memory, whose descriptor the environment names: exec(3) leaves nothing else. A program
 * that does not know that layout would have the descriptors and not know them: it is asked first (holder_try).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holder-private.h"

#define HANDED_ENV "VNEP_HOLDER"
#define TRIAL_ENV  "VNEP_HOLDER_TRIAL"

enum { ARGS_OCTETS = 128 * 1024, ARGS_MAX = 1024 };

struct handed {
	char layout[16];
	sigset_t before;
	int earlier;
	struct vnep_held_upgrades upgrades;
	char program[PATH_MAX];
	struct kept kept[KEPT_MAX];
};

static const char layout[16] = "vnep-holder 1";

static void find_program(struct holder *h)
{
	static const char gone[] = " (deleted)"; /* it was replaced already */
	ssize_t n = readlink("/proc/self/exe", h->program, sizeof h->program - 1);
	size_t len = n < 0 ? 0 : (size_t)n, tail = sizeof gone - 1;

	if (len > tail && !memcmp(h->program + len - tail, gone, tail))
		len -= tail;
	h->program[len] = 0;
}

/* From offset to the end: whole arguments, or none. */
static void read_args(struct holder *h, int fd, off_t offset)
{
	size_t len = 0;
	ssize_t n;

	free(h->args);
	h->args = malloc(ARGS_OCTETS);
	h->args_len = 0;
	while (h->args && len < ARGS_OCTETS &&
		(n = pread(fd, h->args + len, ARGS_OCTETS - len, offset + (off_t)len)) > 0)
		len += (size_t)n;
	if (len && len < ARGS_OCTETS && !h->args[len - 1])
		h->args_len = len;
}

static bool is_open(int fd)
{
	return fd >= 0 && fcntl(fd, F_GETFD) >= 0;
}

static void take(struct holder *h, const struct handed *handed)
{
	h->handed = true;
	if (handed->program[0] && memchr(handed->program, 0, sizeof handed->program))
		memcpy(h->program, handed->program, sizeof h->program);
	h->before = handed->before;
	h->upgrades = handed->upgrades;
	h->upgrades.how[sizeof h->upgrades.how - 1] = 0;
	if (is_open(handed->earlier)) {
		h->earlier = handed->earlier;
		fcntl(h->earlier, F_SETFD, FD_CLOEXEC);
	}
	for (size_t i = 0; i < KEPT_MAX; i++) {
		const struct kept *k = &handed->kept[i];

		if (!k->name[0] || k->name[HELD_NAME - 1] || !is_open(k->fd))
			continue;
		h->kept[i] = *k;
		fcntl(k->fd, F_SETFD, FD_CLOEXEC);
	}
}

/* Behind the structure come the arguments. */
static void inherit(struct holder *h, int fd)
{
	struct handed handed;
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	if (pread(fd, &handed, sizeof handed, 0) == (ssize_t)sizeof handed &&
		!memcmp(handed.layout, layout, sizeof layout)) {
		take(h, &handed);
		read_args(h, fd, sizeof handed);
	}
	close(fd);
}

void holder_begin(struct holder *h)
{
	const char *text = getenv(HANDED_ENV);
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	char *end;
	long number;

	find_program(h);
	if (fd >= 0) {
		read_args(h, fd, 0);
		close(fd);
	}
	if (!text)
		return;
	number = strtol(text, &end, 10);
	if (*text && !*end && number > 2 && number < 65536)
		inherit(h, (int)number);
	unsetenv(HANDED_ENV);
}

void holder_end(struct holder *h)
{
	free(h->args);
	h->args = NULL;
}

static int arguments(const struct holder *h, char *args[static ARGS_MAX + 1])
{
	size_t count = 0;

	for (size_t at = 0; at < h->args_len; at += strlen(h->args + at) + 1) {
		if (count == ARGS_MAX)
			return -E2BIG;
		args[count++] = h->args + at;
	}
	args[count] = NULL;
	return count ? 0 : -E2BIG;
}

static void hand_on(const struct holder *h, bool on)
{
	int flags = on ? 0 : FD_CLOEXEC;

	for (size_t i = 0; i < KEPT_MAX; i++)
		if (h->kept[i].name[0])
			fcntl(h->kept[i].fd, F_SETFD, flags);
	if (h->earlier >= 0)
		fcntl(h->earlier, F_SETFD, flags);
}

static int write_down(const struct holder *h)
{
	struct handed handed;
	int fd = memfd_create("vnep-holder", 0);

	if (fd < 0)
		return -errno;
	memset(&handed, 0, sizeof handed);
	memcpy(handed.layout, layout, sizeof layout);
	memcpy(handed.kept, h->kept, sizeof handed.kept);
	memcpy(handed.program, h->program, sizeof handed.program);
	handed.before = h->before;
	handed.earlier = h->earlier;
	handed.upgrades = h->upgrades;
	if (write(fd, &handed, sizeof handed) == (ssize_t)sizeof handed &&
		write(fd, h->args, h->args_len) == (ssize_t)h->args_len)
		return fd;
	close(fd);
	return -EIO;
}

int holder_become(struct holder *h, const char *program)
{
	char **args = calloc(ARGS_MAX + 1, sizeof *args), number[16];
	int rc = args ? arguments(h, args) : -ENOMEM, fd = -1;

	if (!rc)
		fd = rc = write_down(h);
	if (rc >= 0) {
		snprintf(number, sizeof number, "%d", fd);
		setenv(HANDED_ENV, number, 1);
		hand_on(h, true);
		execv(program, args); /* signals stay blocked, and wait for the next one */
		rc = -errno;
		hand_on(h, false);
		unsetenv(HANDED_ENV);
		close(fd);
	}
	free(args);
	return rc;
}

void holder_try(struct holder *h)
{
	char *args[ARGS_MAX + 2], version[] = "--version";
	size_t n = 0;

	if (arguments(h, args))
		return;
	while (args[n])
		n++;
	args[n] = version;
	args[n + 1] = NULL;
	setenv(TRIAL_ENV, layout, 1);
	execv(h->program, args);
}

int vnep_holder_tried(int exit_status)
{
	const char *wanted = getenv(TRIAL_ENV);

	return wanted && !exit_status && !strcmp(wanted, layout) ? HOLDER_TRIED : exit_status;
}
