/*
 * fanout - the yardstick of vnep-mcast: frames to many ports and VLANs by nothing but sendmmsg, and how long the frames of
 * somebody else took.
 *
 *   fanout send LANES LEN FIRST_VLAN PER_PORT IF...   LANES frames of LEN octets to 33:33:80:00:00:01, PER_PORT VLANs from
 *                                                     FIRST_VLAN on behind each IF, 64 a call. Prints the microseconds
 *                                                     from before the first call to behind the last.
 *   fanout watch COUNT MS        until COUNT such frames came in by whatever interface of this namespace, MS at most. Says
 *                                "listening" first; prints their number and the microseconds from the first to the last,
 *                                by the kernel's clock. Exit 1: fewer came.
 *   fanout answers IF COUNT TO PORT TEXT   at once, from 02:5e:00:00:00:NN with 2001:db8:a::1:NN, port 5683, for NN from 0
 *                                on, COUNT of them (at most 200): a datagram with that text to TO, by way of
 *                                00:00:5e:00:53:fe.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vnep/clock.h"
#include "vnep/mcast.h"
#include "vnep/num.h"

enum { FRAME_MAX = 1518, BATCH = 64, LANES_MAX = 65536 };

static const uint8_t group[6] = { 0x33, 0x33, 0x80, 0, 0, 1 };

static uint64_t number(const char *text, uint64_t max)
{
	uint64_t n;

	if (!vnep_num_u64(text, 1, max, &n, NULL))
		return n;
	fprintf(stderr, "fanout: \"%s\" is not a number from 1 to %llu\n", text,
		(unsigned long long)max);
	exit(2);
}

static int open_port(const char *ifname)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	at.sll_ifindex = (int)if_nametoindex(ifname);
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof at)) {
		perror(ifname);
		exit(3);
	}
	return fd;
}

static int send_lanes(char **argv, int argc)
{
	uint64_t lanes = number(argv[0], LANES_MAX), len = number(argv[1], FRAME_MAX),
		 vlan = number(argv[2], 4094), per = number(argv[3], 4094);
	static uint8_t frames[BATCH][FRAME_MAX];
	struct mmsghdr batch[BATCH];
	struct iovec io[BATCH];
	int fds[64], ports = argc - 4;
	struct vnep_mono start;
	uint64_t sent = 0;

	for (int i = 0; i < ports; i++)
		fds[i] = open_port(argv[4 + i]);
	memset(batch, 0, sizeof batch);
	for (int i = 0; i < BATCH; i++) {
		memcpy(frames[i], group, sizeof group);
		memcpy(frames[i] + 12, "\x81\x00\x00\x00\x86\xdd\x60", 7);
		io[i] = (struct iovec){ frames[i], len };
		batch[i].msg_hdr.msg_iov = &io[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	start = vnep_mono_now();
	for (int p = 0; p < ports && sent < lanes; p++)
		for (uint64_t at = 0; at < per && sent < lanes;) {
			unsigned n = 0;

			for (; n < BATCH && at + n < per && sent + n < lanes; n++) {
				frames[n][14] = (uint8_t)((vlan + at + n) >> 8);
				frames[n][15] = (uint8_t)(vlan + at + n);
			}
			if (sendmmsg(fds[p], batch, n, 0) != (int)n) {
				perror("sendmmsg");
				return 3;
			}
			at += n;
			sent += n;
		}
	printf("%lld\n", (long long)(vnep_mono_now().ns - start.ns) / 1000);
	return 0;
}

enum { ANSWERS_MAX = 200, TEXT_MAX = 200 };

static int answers(char **argv)
{
	static uint8_t frames[ANSWERS_MAX][VNEP_DATAGRAM_HEAD + TEXT_MAX];
	uint64_t count = number(argv[1], ANSWERS_MAX);
	struct vnep_datagram d = { .dest_mac = { { 0, 0, 0x5e, 0, 0x53, 0xfe } },
		.src_mac = { { 2, 0x5e } },
		.src_port = 5683,
		.dest_port = (uint16_t)number(argv[3], 65535),
		.hop_limit = 64,
		.payload = (const uint8_t *)argv[4],
		.payload_len = strlen(argv[4]) };
	struct mmsghdr batch[ANSWERS_MAX];
	struct iovec io[ANSWERS_MAX];
	int fd = open_port(argv[0]);

	if (vnep_ip6_parse(argv[2], &d.dest, NULL) || d.payload_len > TEXT_MAX ||
		vnep_ip6_parse("2001:db8:a::1:0", &d.src, NULL))
		return 2;
	memset(batch, 0, sizeof batch);
	for (uint64_t n = 0; n < count; n++) {
		d.src_mac.octet[5] = d.src.s6_addr[15] = (uint8_t)n;
		io[n] = (struct iovec){ frames[n], vnep_datagram_make(frames[n], &d) };
		batch[n].msg_hdr.msg_iov = &io[n];
		batch[n].msg_hdr.msg_iovlen = 1;
	}
	return sendmmsg(fd, batch, (unsigned)count, 0) == (int)count ? 0 : 3;
}

static int64_t stamp(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec ts;

			memcpy(&ts, CMSG_DATA(c), sizeof ts);
			return ts.tv_sec * 1000000000LL + ts.tv_nsec;
		}
	return 0;
}

static int watch(uint64_t want, uint64_t ms)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), on = 1,
	    octets = 64 << 20;
	int64_t end = vnep_mono_now().ns + (int64_t)ms * 1000000, first = 0, last = 0;
	uint64_t count = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on)) {
		perror("fanout");
		return 3;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
	fprintf(stderr, "listening\n");
	while (count < want && vnep_mono_now().ns < end) {
		struct pollfd at = { .fd = fd, .events = POLLIN };
		uint8_t frame[64];
		char control[128];
		struct iovec io = { frame, sizeof frame };
		struct msghdr msg = { .msg_iov = &io,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof control };

		if (poll(&at, 1, 50) < 1 || recvmsg(fd, &msg, MSG_DONTWAIT) < 14 ||
			memcmp(frame, group, sizeof group) != 0)
			continue;
		last = stamp(&msg);
		if (!count++)
			first = last;
	}
	printf("%llu %lld\n", (unsigned long long)count, (long long)(last - first) / 1000);
	return count < want;
}

int main(int argc, char **argv)
{
	if (argc > 6 && argc < 71 && !strcmp(argv[1], "send"))
		return send_lanes(argv + 2, argc - 2);
	if (argc == 4 && !strcmp(argv[1], "watch"))
		return watch(number(argv[2], LANES_MAX), number(argv[3], 600000));
	if (argc == 7 && !strcmp(argv[1], "answers"))
		return answers(argv + 2);
	fprintf(stderr, "fanout: see tests/tools/fanout.c\n");
	return 2;
}
