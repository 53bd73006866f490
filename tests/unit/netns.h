/*
 * netns - a unit test in network (and user) namespaces of its own: no root needed, nothing left
 * behind. Include before t.h's main: int main(void) { return netns_run(); }
 */
#ifndef NETNS_H
#define NETNS_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t.h"

static int netns_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Root inside is who we are outside; where users may not do that, root does without. */
static int netns_enter(void)
{
	char uid[32];
	unsigned me = getuid();

	snprintf(uid, sizeof uid, "0 %u 1", me);
	if (!unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return netns_write("/proc/self/setgroups", "deny") ||
		       netns_write("/proc/self/uid_map", uid);
	return unshare(CLONE_NEWNET);
}

static int netns_run(void)
{
	if (netns_enter()) {
		printf("1..0 # SKIP no namespaces of our own here (%s): run as root, or allow them "
		       "with "
		       "sysctl user.max_user_namespaces=10000\n",
			strerror(errno));
		return 0;
	}
	return t_run();
}

#endif
