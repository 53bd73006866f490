/*
 * bell - recvmmsg on a packet socket with a filter of three instructions. The kernel's time of arrival is not asked for: one
 * socket that wants it makes the kernel look at its clock for every packet of the machine.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packet-private.h"
#include "vnep/bell.h"
#include "vnep/err.h"

enum { BUFFER_OCTETS = 128 << 10, REASON_AT = 2, ACCEPT = 0x40000 };

struct room {
	struct iovec io;
	uint8_t data[VNEP_BELL_OCTETS];
};

struct vnep_bell {
	int fd;
	struct mmsghdr call[VNEP_BELL_MAX];
	struct room room[VNEP_BELL_MAX];
	struct vnep_ring_frame frame[VNEP_BELL_MAX];
};

static int refuse(struct vnep_err *err, int errnum, const char *ifname)
{
	return packet_refuse(err, errnum, ifname, "reading", "packet socket");
}

/* Before it is bound to a protocol: nothing else ever gets in. */
static int set_up(int fd, enum vnep_tag_reason reason)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, REASON_AT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)reason, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ACCEPT),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { sizeof code / sizeof *code, code };
	int on = 1, octets = BUFFER_OCTETS;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets))
		return -errno;
	return 0;
}

static void lay_out(struct vnep_bell *bell)
{
	for (unsigned i = 0; i < VNEP_BELL_MAX; i++) {
		struct room *room = &bell->room[i];

		room->io = (struct iovec){ room->data, sizeof room->data };
		bell->call[i].msg_hdr = (struct msghdr){ .msg_iov = &room->io, .msg_iovlen = 1 };
		bell->frame[i].data = room->data;
	}
}

int vnep_bell_open_on(struct vnep_bell **out, int fd, const char *ifname,
	enum vnep_tag_reason reason, struct vnep_err *err)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct vnep_bell *bell = calloc(1, sizeof *bell);
	int rc = 0;

	if (!bell) {
		close(fd);
		return vnep_err_sys(err, ENOMEM, "bell");
	}
	bell->fd = fd;
	lay_out(bell);
	link.sll_ifindex = (int)if_nametoindex(ifname);
	if (!link.sll_ifindex)
		rc = refuse(err, ENODEV, ifname);
	if (!rc && (rc = set_up(bell->fd, reason)))
		rc = refuse(err, -rc, ifname);
	if (!rc && bind(bell->fd, (struct sockaddr *)&link, sizeof link))
		rc = refuse(err, errno, ifname);
	if (rc) {
		vnep_bell_close(bell);
		return rc;
	}
	*out = bell;
	return 0;
}

int vnep_bell_open(struct vnep_bell **out, const char *ifname, enum vnep_tag_reason reason,
	struct vnep_err *err)
{
	int fd = if_nametoindex(ifname)
			 ? socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
			 : -1;

	return fd < 0 ? refuse(err, errno, ifname)
		      : vnep_bell_open_on(out, fd, ifname, reason, err);
}

void vnep_bell_close(struct vnep_bell *bell)
{
	if (!bell)
		return;
	close(bell->fd);
	free(bell);
}

int vnep_bell_fd(const struct vnep_bell *bell)
{
	return bell->fd;
}

size_t vnep_bell_take(struct vnep_bell *bell, const struct vnep_ring_frame **frames)
{
	struct vnep_wall now = vnep_wall_now();
	int n;

	/* an error, like "network is down", is gone when it was told: the ring has what counts */
	n = recvmmsg(bell->fd, bell->call, VNEP_BELL_MAX, MSG_DONTWAIT | MSG_TRUNC, NULL);
	for (int i = 0; i < n; i++) {
		struct vnep_ring_frame *f = &bell->frame[i];

		f->wire_len = bell->call[i].msg_len;
		f->len = f->wire_len < VNEP_BELL_OCTETS ? f->wire_len : (uint32_t)VNEP_BELL_OCTETS;
		f->ts = now;
	}
	*frames = bell->frame;
	return n > 0 ? (size_t)n : 0;
}
