/* dns-net - whole DNS messages over one TCP connection, or in datagrams; every wait has a deadline. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns-private.h"

void vnep_dnsnet_close(struct dns_net *net)
{
	if (net->fd >= 0)
		close(net->fd);
	net->fd = -1;
}

bool vnep_dnsnet_usable(const struct dns_net *net)
{
	struct pollfd p = { .fd = net->fd, .events = POLLIN };

	return net->fd >= 0 && (net->udp || poll(&p, 1, 0) == 0);
}

/* 1: ready, 0: the time is over, or -errno. */
static int wait_for(int fd, short events, struct vnep_mono deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left_ms = (deadline.ns - vnep_mono_now().ns + 999999) / 1000000;
		int n = poll(&p, 1, left_ms > 0 ? (int)left_ms : 0);

		if (n >= 0)
			return n;
		if (errno != EINTR)
			return -errno;
	}
}

static int finish_connect(int fd, struct vnep_mono deadline)
{
	int rc = wait_for(fd, POLLOUT, deadline), failure = 0;
	socklen_t len = sizeof failure;

	if (rc <= 0)
		return rc ? rc : -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len))
		return -errno;
	return -failure;
}

/* A connected socket, or -errno. */
static int connect_to(const struct addrinfo *to, struct vnep_mono deadline)
{
	int fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1,
	    rc;

	if (fd < 0)
		return -errno;
	if (to->ai_socktype == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	rc = connect(fd, to->ai_addr, to->ai_addrlen) ? -errno : 0;
	if (rc == -EINPROGRESS)
		rc = finish_connect(fd, deadline);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int vnep_dnsnet_connect(struct dns_net *net, const struct vnep_dns_server *server, bool udp,
	struct vnep_mono deadline, struct vnep_err *err)
{
	struct addrinfo hints = { .ai_socktype = udp ? SOCK_DGRAM : SOCK_STREAM }, *list = NULL;
	int rc = getaddrinfo(server->host, server->port, &hints, &list), fd = -EADDRNOTAVAIL;

	vnep_dnsnet_close(net);
	net->udp = udp;
	snprintf(net->where, sizeof net->where, "%s port %s", server->host, server->port);
	if (rc)
		return vnep_err_set(err, VNEP_EUNAVAIL, "no address of the DNS server \"%s\": %s",
			server->host, gai_strerror(rc));
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = connect_to(a, deadline);
	freeaddrinfo(list);
	if (fd < 0) {
		vnep_err_set(
			err, VNEP_EUNAVAIL, "no DNS server at %s: %s", net->where, strerror(-fd));
		return VNEP_EUNAVAIL;
	}
	net->fd = fd;
	return 0;
}

static int went_away(const struct dns_net *net, int rc, struct vnep_err *err)
{
	return vnep_err_set(err, VNEP_EUNAVAIL, "the DNS server at %s %s", net->where,
		rc == 0 || rc == -EPIPE || rc == -ECONNRESET ? "hung up"
		: rc == -ECONNREFUSED                        ? "is not there"
		: rc == -ETIMEDOUT                           ? "did not answer in time"
							     : strerror(-rc));
}

static int send_all(struct dns_net *net, const uint8_t *at, size_t left, struct vnep_mono deadline)
{
	while (left) {
		ssize_t n = send(net->fd, at, left, MSG_NOSIGNAL);
		int rc;

		if (n >= 0) {
			at += n;
			left -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		rc = wait_for(net->fd, POLLOUT, deadline);
		if (rc <= 0)
			return rc ? rc : -ETIMEDOUT;
	}
	return 0;
}

int vnep_dnsnet_send(struct dns_net *net, const struct vnep_buf *message, struct vnep_mono deadline,
	struct vnep_err *err)
{
	struct vnep_buf framed;
	int rc;

	if (net->udp) {
		rc = send_all(net, message->data, message->len, deadline);
		return rc ? went_away(net, rc, err) : 0;
	}
	vnep_buf_init(&framed);
	vnep_buf_put_be16(&framed, (uint16_t)message->len);
	vnep_buf_put(&framed, message->data, message->len);
	rc = framed.rc ? framed.rc : send_all(net, framed.data, framed.len, deadline);
	vnep_buf_release(&framed);
	return rc ? went_away(net, rc, err) : 0;
}

/* Exactly len octets (a datagram: what it has). */
static int receive_octets(
	struct dns_net *net, struct vnep_buf *in, size_t len, struct vnep_mono deadline, bool *lost)
{
	size_t end = in->len + len;

	while (in->len < end) {
		int rc = wait_for(net->fd, POLLIN, deadline);
		uint8_t *room;
		ssize_t n;

		if (rc <= 0)
			return rc ? rc : -ETIMEDOUT;
		room = vnep_buf_reserve(in, end - in->len);
		if (!room)
			return -ENOMEM;
		n = recv(net->fd, room, end - in->len, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0) {
			*lost = true;
			return n < 0 ? -errno : -ECONNRESET;
		}
		in->len += (size_t)n;
		if (net->udp)
			break;
	}
	return 0;
}

int vnep_dnsnet_receive(struct dns_net *net, struct vnep_buf *in, struct vnep_mono deadline,
	bool *lost, struct vnep_err *err)
{
	size_t len = DNS_MESSAGE_MAX;
	int rc = 0;

	*lost = false;
	vnep_buf_reset(in);
	if (!net->udp) {
		rc = receive_octets(net, in, 2, deadline, lost);
		if (!rc) {
			len = vnep_be16(in->data);
			vnep_buf_reset(in);
		}
	}
	if (!rc)
		rc = receive_octets(net, in, len, deadline, lost);
	return rc ? went_away(net, rc, err) : 0;
}
