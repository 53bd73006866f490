/*
 * vlan-tap - a host in a VLAN for tests, where the kernel has no 8021q.
 *
 *   vlan-tap DEV VLAN TAP
 *
 * Makes TAP in the network namespace it runs in and carries frames between it and DEV: what the
 * host sends on TAP leaves DEV with a tag, what arrives on DEV with the tag of VLAN reaches TAP
 * without. VLAN 0 is no tag: one more host behind the same link. Every other frame is left alone,
 * so several may share one DEV. It says "ready" once both sides stand; then TAP is a link like any
 * other: it has a MAC of its own, and can be moved into another namespace.
 *
 * Ends on SIGTERM or SIGINT with 0, with 1 when DEV or TAP is gone, with 2 when asked wrongly, with
 * 3 when something could not be made.
 *
 * The kernel takes tags off before a packet socket sees a frame and tells them beside it; so the
 * VLAN is the business of the socket's filter, and what is for others is never copied. Checksums
 * that are not whole yet and segments that are not cut yet cross in both directions as what they
 * are (struct virtio_net_hdr); `ethtool -K TAP tx off` makes them whole at the sender.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/num.h"

enum {
	BATCH = 32,
	MACS = 12,               /* octets before the tag */
	TAG = 4,                 /* octets of it */
	FRAME_MAX = 65536 + 64,  /* a segment that is not cut yet, its headers */
	BUFFER_OCTETS = 8 << 20, /* of the packet socket, each way */
	LEAST = ETH_HLEN,
};

struct slot {
	struct virtio_net_hdr vnet;
	uint8_t data[FRAME_MAX];
	struct iovec io[2];
};

struct bridge {
	const char *dev;
	int ifindex, link, tap, signals;
	uint16_t vlan;
	struct slot slots[BATCH];
	struct mmsghdr messages[BATCH];
};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
	int errnum = errno;
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "vlan-tap: ");
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errnum));
	exit(3);
}

static int open_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("/dev/net/tun");
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr))
		die("%s", name);
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO6))
		die("offloads of %s", name);
	return fd;
}

static int attach(int fd, struct sock_filter *code, size_t count)
{
	struct sock_fprog program = { (unsigned short)count, code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* Frames whose outermost tag is this one, or that have none. */
static int set_filter(int fd, uint16_t vlan)
{
	struct sock_filter untagged[] = {
		BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	struct sock_filter tagged[] = {
		BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 6, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TPID)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, vlan, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	if (!vlan)
		return attach(fd, untagged, sizeof untagged / sizeof *untagged);
	return attach(fd, tagged, sizeof tagged / sizeof *tagged);
}

/* Bound only when the filter stands: nothing of others queues up before. */
static int open_link(struct bridge *b)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int on = 1, octets = BUFFER_OCTETS;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	b->ifindex = (int)if_nametoindex(b->dev);
	if (fd < 0 || !b->ifindex)
		die("%s", b->dev);
	to.sll_ifindex = b->ifindex;
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) ||
		set_filter(fd, b->vlan))
		die("options of a packet socket");
	/* more is welcome, not needed */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
	if (bind(fd, (struct sockaddr *)&to, sizeof to))
		die("%s", b->dev);
	return fd;
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		die("signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		die("signals");
	return fd;
}

/* A link that is down only loses what it is given; one that is gone ends the program. */
static bool gone(const struct bridge *b, int errnum)
{
	char name[IF_NAMESIZE];

	switch (errnum) {
	case EBADFD: return true; /* TAP was deleted */
	case ENETDOWN:
	case ENXIO:
	case ENODEV: return !if_indextoname((unsigned)b->ifindex, name);
	default: return false;
	}
}

static void push_tag(struct slot *s, size_t len, uint16_t vlan)
{
	s->io[1].iov_len = len + TAG;
	memmove(s->data + MACS + TAG, s->data + MACS, len - MACS);
	vnep_set_be16(s->data + MACS, ETH_P_8021Q);
	vnep_set_be16(s->data + MACS + 2, vlan);
	if (s->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		s->vnet.csum_start = (uint16_t)(s->vnet.csum_start + TAG);
	if (s->vnet.hdr_len)
		s->vnet.hdr_len = (uint16_t)(s->vnet.hdr_len + TAG);
}

/* What one frame cannot (too long, link down) must not keep the others: it is lost, as on a wire. */
static bool to_link(struct bridge *b, unsigned count)
{
	unsigned sent = 0;

	while (sent < count) {
		int n = sendmmsg(b->link, b->messages + sent, count - sent, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && gone(b, errno))
			return false;
		sent += n > 0 ? (unsigned)n : 1;
	}
	return true;
}

static bool from_tap(struct bridge *b)
{
	unsigned count = 0;

	while (count < BATCH) {
		struct slot *s = &b->slots[count];
		struct iovec room[] = { { &s->vnet, sizeof s->vnet },
			{ s->data, FRAME_MAX - TAG } };
		ssize_t n = readv(b->tap, room, 2);
		size_t len = n < 0 ? 0 : (size_t)n - sizeof s->vnet;

		if (n < 0 && gone(b, errno))
			return false;
		if (n < 0)
			break;
		if (len < LEAST)
			continue;
		s->io[1].iov_len = len;
		if (b->vlan)
			push_tag(s, len, b->vlan);
		count++;
	}
	return to_link(b, count);
}

static bool from_link(struct bridge *b)
{
	int n;

	for (unsigned i = 0; i < BATCH; i++)
		b->slots[i].io[1].iov_len = FRAME_MAX;
	n = recvmmsg(b->link, b->messages, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return !gone(b, errno);
	for (int i = 0; i < n; i++) {
		struct slot *s = &b->slots[i];

		s->io[1].iov_len = b->messages[i].msg_len - sizeof s->vnet;
		if (writev(b->tap, s->io, 2) < 0 && gone(b, errno))
			return false;
	}
	return true;
}

static int carry(struct bridge *b)
{
	struct pollfd polled[] = { { b->signals, POLLIN, 0 }, { b->tap, POLLIN, 0 },
		{ b->link, POLLIN, 0 } };

	for (;;) {
		if (poll(polled, 3, -1) < 0 && errno != EINTR)
			die("poll");
		if (polled[0].revents)
			return 0;
		if ((polled[1].revents && !from_tap(b)) || (polled[2].revents && !from_link(b)))
			break;
	}
	fprintf(stderr, "vlan-tap: a link is gone\n");
	return 1;
}

int main(int argc, char **argv)
{
	static struct bridge b;
	struct vnep_err err = { 0 };
	uint64_t vlan;

	if (argc != 4 || vnep_num_u64(argv[2], 0, 4094, &vlan, &err)) {
		fprintf(stderr, "usage: vlan-tap DEV VLAN TAP (VLAN from 0 to 4094)\n");
		return 2;
	}
	b.dev = argv[1];
	b.vlan = (uint16_t)vlan;
	for (unsigned i = 0; i < BATCH; i++) {
		struct slot *s = &b.slots[i];

		s->io[0] = (struct iovec){ &s->vnet, sizeof s->vnet };
		s->io[1] = (struct iovec){ s->data, FRAME_MAX };
		b.messages[i].msg_hdr = (struct msghdr){ .msg_iov = s->io, .msg_iovlen = 2 };
	}
	b.signals = open_signals();
	b.link = open_link(&b);
	b.tap = open_tap(argv[3]);
	puts("ready");
	fflush(stdout);
	return carry(&b);
}
