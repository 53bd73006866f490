/* inject - frames out of a port: sendmmsg on a packet socket, 64 at a time. */
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packet-private.h"
#include "vnep/err.h"
#include "vnep/inject.h"

enum { BATCH = 64, SEND_BUFFER_OCTETS = 4 << 20 };

struct vnep_inject {
	int fd;
	char ifname[IF_NAMESIZE];
};

static int refuse(struct vnep_err *err, int errnum, const char *ifname)
{
	return packet_refuse(err, errnum, ifname, "sending out of", "sending out");
}

int vnep_inject_open_on(struct vnep_inject **out, int fd, const char *ifname, struct vnep_err *err)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET };
	struct vnep_inject *inject = calloc(1, sizeof *inject);
	int octets = SEND_BUFFER_OCTETS, rc;

	if (!inject) {
		close(fd);
		return vnep_err_sys(err, ENOMEM, "port");
	}
	inject->fd = fd;
	link.sll_ifindex = (int)if_nametoindex(ifname);
	if (!link.sll_ifindex) {
		rc = refuse(err, ENODEV, ifname);
		goto fail;
	}
	strcpy(inject->ifname, ifname); /* if_nametoindex took it: it is shorter than IF_NAMESIZE */
	if (bind(inject->fd, (struct sockaddr *)&link, sizeof link)) {
		rc = refuse(err, errno, ifname);
		goto fail;
	}
	/* a larger buffer is welcome, not needed: a full one is -EAGAIN */
	if (setsockopt(inject->fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof octets))
		(void)setsockopt(inject->fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
	*out = inject;
	return 0;
fail:
	vnep_inject_close(inject);
	return rc;
}

int vnep_inject_open(struct vnep_inject **out, const char *ifname, struct vnep_err *err)
{
	/* protocol 0: the socket sends only, nothing queues up on its other side */
	int fd = if_nametoindex(ifname)
			 ? socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
			 : -1;

	if (fd < 0)
		return refuse(err, errno, ifname);
	return vnep_inject_open_on(out, fd, ifname, err);
}

void vnep_inject_close(struct vnep_inject *inject)
{
	if (!inject)
		return;
	if (inject->fd >= 0)
		close(inject->fd);
	free(inject);
}

int vnep_inject_fd(const struct vnep_inject *inject)
{
	return inject->fd;
}

size_t vnep_inject_send(
	struct vnep_inject *inject, const struct iovec *frames, size_t count, struct vnep_err *err)
{
	struct mmsghdr batch[BATCH];
	size_t sent = 0;

	while (sent < count) {
		unsigned n = count - sent < BATCH ? (unsigned)(count - sent) : BATCH;
		int rc;

		memset(batch, 0, n * sizeof *batch);
		for (unsigned i = 0; i < n; i++) {
			batch[i].msg_hdr.msg_iov = (struct iovec *)&frames[sent + i];
			batch[i].msg_hdr.msg_iovlen = 1;
		}
		/* after a short batch the next round asks again and gets the reason */
		rc = sendmmsg(inject->fd, batch, n, MSG_DONTWAIT);
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0) {
			refuse(err, rc < 0 ? errno : EIO, inject->ifname);
			break;
		}
		sent += (size_t)rc;
	}
	return sent;
}

int vnep_inject_unsent(const struct vnep_inject *inject)
{
	int octets;

	return ioctl(inject->fd, SIOCOUTQ, &octets) ? -errno : octets;
}
