/* held - the worker's end of the socket pair, and the messages on it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "held-private.h"
#include "held-wire.h"
#include "vnep/err.h"

int held_send(int sock, const void *message, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof fd)];
	} control = { 0 };
	struct iovec iov = { (void *)message, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof control;
		c = CMSG_FIRSTHDR(&msg);
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int held_receive(int sock, void *message, size_t len, int *fd)
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof *fd)];
	} control = { 0 };
	struct iovec iov = { message, len };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof *fd) }; /* no room for a second one */
	struct cmsghdr *c;
	ssize_t n;

	*fd = -1;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof *fd))
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	if ((size_t)n == len && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 1;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return -EPROTO;
}

struct vnep_held *held_new(int sock, int holder_pid)
{
	struct vnep_held *held = malloc(sizeof *held);

	if (held)
		*held = (struct vnep_held){ .sock = sock, .holder_pid = holder_pid };
	return held;
}

void vnep_held_close(struct vnep_held *held)
{
	if (!held)
		return;
	close(held->sock);
	free(held);
}

void vnep_held_listens(struct vnep_held *held)
{
	sigset_t hup;

	if (!held)
		return;
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &hup, NULL);
}

int vnep_held_fd(const struct vnep_held *held)
{
	return held->sock;
}

int vnep_held_holder_pid(const struct vnep_held *held)
{
	return held->holder_pid;
}

/* A descriptor that a loop watches does not block. */
static int receive(int sock, struct held_reply *reply, int *fd)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int rc;

	while ((rc = held_receive(sock, reply, sizeof *reply, fd)) == -EAGAIN)
		poll(&p, 1, -1);
	return rc;
}

/* The holder answers each at once; fd goes there, *back is what came. */
static int ask(struct vnep_held *held, const struct held_request *request, int fd,
	struct held_reply *reply, int *back, struct vnep_err *err)
{
	int rc = held_send(held->sock, request, sizeof *request, fd);

	if (!rc) {
		rc = receive(held->sock, reply, back);
		rc = rc == 1 ? reply->rc : rc ? rc : -EPIPE;
	}
	return rc ? vnep_err_sys(err, -rc, "the holder") : 0;
}

int vnep_held_packet_socket(struct vnep_held *held, int *fd, struct vnep_err *err)
{
	struct held_request request = { .verb = HELD_SOCKET };
	struct held_reply reply;
	int rc = ask(held, &request, -1, &reply, fd, err);

	return rc || *fd >= 0 ? rc : vnep_err_sys(err, EPROTO, "the holder");
}

int vnep_held_keep(struct vnep_held *held, const char *name, int fd, const void *note, size_t len,
	struct vnep_err *err)
{
	struct held_request request = { .verb = HELD_KEEP };
	struct held_reply reply;
	int back;

	if (len > sizeof request.note || strlen(name) >= sizeof request.name)
		return vnep_err_sys(err, EINVAL, "the holder");
	strcpy(request.name, name);
	if (len)
		memcpy(request.note, note, len);
	return ask(held, &request, fd, &reply, &back, err);
}

int vnep_held_get(struct vnep_held *held, const char *name, int *fd, uint8_t note[VNEP_HELD_NOTE],
	struct vnep_err *err)
{
	struct held_request request = { .verb = HELD_GET };
	struct held_reply reply = { 0 };
	int rc;

	*fd = -1;
	if (strlen(name) >= sizeof request.name)
		return vnep_err_sys(err, EINVAL, "the holder");
	strcpy(request.name, name);
	rc = ask(held, &request, -1, &reply, fd, err);
	memcpy(note, reply.note, sizeof reply.note);
	return rc;
}

int vnep_held_upgrade(struct vnep_held *held, struct vnep_err *err)
{
	struct held_request request = { .verb = HELD_UPGRADE };
	struct held_reply reply;
	int back;

	return ask(held, &request, -1, &reply, &back, err);
}

int vnep_held_upgrades(struct vnep_held *held, struct vnep_held_upgrades *out, struct vnep_err *err)
{
	struct held_request request = { .verb = HELD_UPGRADES };
	struct held_reply reply = { 0 };
	int back, rc = ask(held, &request, -1, &reply, &back, err);

	_Static_assert(sizeof *out <= sizeof reply.note, "note");
	memcpy(out, reply.note, sizeof *out);
	return rc;
}

void vnep_held_tell(struct vnep_held *held, enum vnep_tell what)
{
	struct held_request request = { .verb = HELD_TELL, .what = what };

	if (!held)
		return;
	(void)send(held->sock, &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT);
}
