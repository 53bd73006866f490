/*
 * flood - one frame again and again, as fast as one core makes it: the generator of the benchmarks.
 *
 *   flood IF SECONDS HEX [PPS [mac]]
 *
 * With PPS not as fast as it can but so many a second, each frame another one: its last eight octets count, in such a way
 * that a checksum over them stays what it was (two words grow, two shrink; they should be letters).
 *
 * With mac each is of another sender, too: the last three octets of its source MAC count.
 *
 * SIGTERM ends it early. Batches of sendmmsg on a packet socket that goes past the queueing discipline. Prints
 * "FRAMES NANOSECONDS": what the kernel took, and in which time. Exit 2: asked wrongly, 3: failed.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/num.h"

enum { BATCH = 64, FRAME_MAX = 1518, SEND_BUFFER_OCTETS = 4 << 20 };

static int fail(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	return 3;
}

/* Number of octets, 0 = this is no hex. */
static size_t read_hex(const char *text, uint8_t out[static FRAME_MAX])
{
	size_t len = strlen(text) / 2;

	if (strlen(text) % 2 || len > FRAME_MAX ||
		strspn(text, "0123456789abcdefABCDEF") != strlen(text))
		return 0;
	for (size_t i = 0; i < len; i++) {
		char pair[3] = { text[2 * i], text[2 * i + 1], 0 };

		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return len;
}

static int open_port(const char *ifname)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET };
	int on = 1, octets = SEND_BUFFER_OCTETS;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	link.sll_ifindex = (int)if_nametoindex(ifname);
	if (fd < 0 || !link.sll_ifindex || bind(fd, (struct sockaddr *)&link, sizeof link) ||
		setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on))
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof octets))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
	return fd;
}

static volatile sig_atomic_t ended;

static void end(int signum)
{
	(void)signum;
	ended = 1;
}

static void add_word(uint8_t *at, int n)
{
	int v = (at[0] << 8 | at[1]) + n;

	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* The frame number n: 14 bits of it in each of two words. */
static void number(uint8_t *out, const uint8_t *frame, size_t len, uint64_t n)
{
	int low = (int)(n & 0x3fff), high = (int)(n >> 14 & 0x3fff);
	uint8_t *tail = out + len - 8;

	memcpy(out, frame, len);
	add_word(tail, high);
	add_word(tail + 2, low);
	add_word(tail + 4, -high);
	add_word(tail + 6, -low);
}

static int paced(
	int fd, const uint8_t *frame, size_t len, uint64_t seconds, uint64_t pps, bool macs)
{
	static uint8_t frames[BATCH][FRAME_MAX];
	struct mmsghdr batch[BATCH] = { 0 };
	struct iovec io[BATCH];
	uint64_t sent = 0, all = seconds * pps;
	int64_t start_ns = vnep_mono_now().ns;

	while (!ended && sent < all) {
		int64_t past_ns = vnep_mono_now().ns - start_ns;
		uint64_t due = (uint64_t)((double)past_ns * (double)pps / 1e9);
		unsigned count;
		int n;

		if (due > all)
			due = all;
		count = due - sent < BATCH ? (unsigned)(due - sent) : BATCH;
		for (unsigned i = 0; i < count; i++) {
			number(frames[i], frame, len, sent + i);
			for (int octet = 0; macs && octet < 3; octet++)
				frames[i][9 + octet] = (uint8_t)((sent + i) >> (8 * (2 - octet)));
			io[i] = (struct iovec){ frames[i], len };
			batch[i].msg_hdr = (struct msghdr){ .msg_iov = &io[i], .msg_iovlen = 1 };
		}
		n = count ? sendmmsg(fd, batch, count, 0) : 0;
		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			return fail("sending");
		sent += n > 0 ? (uint64_t)n : 0;
		if (count < BATCH / 2)
			nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	printf("%llu %lld\n", (unsigned long long)sent, (long long)(vnep_mono_now().ns - start_ns));
	return 0;
}

int main(int argc, char **argv)
{
	struct mmsghdr batch[BATCH] = { 0 };
	uint8_t frame[FRAME_MAX];
	struct iovec io = { frame, 0 };
	int64_t start_ns, now_ns;
	uint64_t seconds, pps = 0, sent = 0;
	int fd;

	if (argc < 4 || argc > 6 || (argc == 6 && strcmp(argv[5], "mac") != 0) ||
		vnep_num_u64(argv[2], 1, 3600, &seconds, NULL) ||
		!(io.iov_len = read_hex(argv[3], frame)) ||
		(argc >= 5 &&
			(io.iov_len < 64 || vnep_num_u64(argv[4], 1, 10000000, &pps, NULL)))) {
		fprintf(stderr, "usage: flood IF SECONDS HEX [PPS [mac]]\n");
		return 2;
	}
	fd = open_port(argv[1]);
	if (fd < 0)
		return fail(argv[1]);
	signal(SIGTERM, end);
	if (pps)
		return paced(fd, frame, io.iov_len, seconds, pps, argc == 6);
	for (unsigned i = 0; i < BATCH; i++)
		batch[i].msg_hdr = (struct msghdr){ .msg_iov = &io, .msg_iovlen = 1 };
	start_ns = vnep_mono_now().ns;
	do {
		int n = sendmmsg(fd, batch, BATCH, 0);

		/* a full backlog on the other side is what it is about, not an error */
		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			return fail("sending");
		sent += n > 0 ? (uint64_t)n : 0;
		now_ns = vnep_mono_now().ns;
	} while (!ended && now_ns - start_ns < (int64_t)seconds * 1000000000);
	printf("%llu %lld\n", (unsigned long long)sent, (long long)(now_ns - start_ns));
	return 0;
}
