/*
 * crowd - many clients of a control socket at once: silent ones, broken ones, endless ones, and some that ask.
 *
 *   crowd SOCKET COUNT     COUNT connections, a quarter of each kind, all open at the same time. Prints
 *                          "asked N answered N refused N": of those that asked, who got an answer and who was told to
 *                          come again. Waits for 30 s at most; the others are held open until the end.
 *
 * Exit 1: somebody who asked got neither, 2: asked wrongly, 3: failed.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vnep/clock.h"
#include "vnep/num.h"

enum { COUNT_MAX = 4096, ANSWER_MAX = 4096, WAIT_MS = 30000 };
enum kind { SILENT, BROKEN, ENDLESS, ASKS, KINDS };

static const char request[] = "{\"type\":\"request\",\"v\":1,\"verb\":\"status\"}\n";
static const char nonsense[] = "nonsense\n{\"type\":\"request\"\n\n\x7f{}\n";

static struct client {
	int fd;
	size_t len;
	char answer[ANSWER_MAX + 1];
} clients[COUNT_MAX];

static int join(const char *path, enum kind kind)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	static const char more[65536] = "x";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof to.sun_path)
		return -1;
	strcpy(to.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
		return -1;
	if (kind == ASKS) {
		send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
	}
	if (kind == BROKEN)
		send(fd, nonsense, sizeof nonsense - 1, MSG_NOSIGNAL);
	if (kind == ENDLESS)
		send(fd, more, sizeof more, MSG_NOSIGNAL | MSG_DONTWAIT);
	return fd;
}

/* True: there is nothing more to come. */
static bool hear(struct client *c)
{
	ssize_t n = recv(c->fd, c->answer + c->len, ANSWER_MAX - c->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0)
		c->len += (size_t)n;
	return n <= 0 || c->len == ANSWER_MAX;
}

static void hear_all(struct client *asking, size_t count)
{
	static struct pollfd poll_fds[COUNT_MAX];
	int64_t until = vnep_mono_now().ns + WAIT_MS * 1000000ll;
	size_t left = count;

	for (size_t i = 0; i < count; i++)
		poll_fds[i] = (struct pollfd){ .fd = asking[i].fd, .events = POLLIN };
	while (left && vnep_mono_now().ns < until) {
		if (poll(poll_fds, count, 1000) <= 0)
			continue;
		for (size_t i = 0; i < count; i++) {
			if (poll_fds[i].fd < 0 || !poll_fds[i].revents || !hear(&asking[i]))
				continue;
			poll_fds[i].fd = -1;
			left--;
		}
	}
}

int main(int argc, char **argv)
{
	struct rlimit files = { COUNT_MAX + 64, COUNT_MAX + 64 };
	size_t asked = 0, answered = 0, refused = 0;
	uint64_t count;

	if (argc != 3 || vnep_num_u64(argv[2], 1, COUNT_MAX, &count, NULL)) {
		fprintf(stderr, "usage: crowd SOCKET COUNT\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	for (uint64_t i = 0; i < count; i++) {
		enum kind kind = (enum kind)(i % KINDS);
		int fd = join(argv[1], kind);

		if (fd < 0) {
			perror("crowd: connect");
			return 3;
		}
		if (kind == ASKS)
			clients[asked++].fd = fd;
	}
	hear_all(clients, asked);
	for (size_t i = 0; i < asked; i++) {
		answered +=
			strstr(clients[i].answer, "\"type\":\"done\",\"v\":1,\"exit\":0}") != NULL;
		refused +=
			strstr(clients[i].answer, "\"type\":\"done\",\"v\":1,\"exit\":5}") != NULL;
	}
	printf("asked %zu answered %zu refused %zu\n", asked, answered, refused);
	return answered + refused == asked ? 0 : 1;
}
