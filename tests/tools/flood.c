/*
 * flood - one frame again and again, as fast as one core makes it: the generator of the benchmarks.
 *
 *   flood IF SECONDS HEX [PPS]
 *
 * Batches of sendmmsg on a packet socket that goes past the queueing discipline; with PPS at most so many frames a
 * second, in small ones. SIGTERM ends it early. Prints "FRAMES NANOSECONDS": what the kernel took, and in which time.
 * Exit 2: asked wrongly, 3: failed.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/num.h"

enum { BATCH = 64, PACED_BATCH = 8, FRAME_MAX = 1518, SEND_BUFFER_OCTETS = 4 << 20 };

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

/* Not before so many frames are due. */
static void pace(int64_t start_ns, uint64_t sent, uint64_t pps)
{
	int64_t due_ns = start_ns + (int64_t)(sent * 1000000000 / pps) - vnep_mono_now().ns;
	struct timespec pause = { due_ns / 1000000000, due_ns % 1000000000 };

	if (due_ns > 0)
		nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
	struct mmsghdr batch[BATCH] = { 0 };
	uint8_t frame[FRAME_MAX];
	struct iovec io = { frame, 0 };
	int64_t start_ns, now_ns;
	uint64_t seconds, sent = 0, pps = 0;
	int fd;

	if (argc < 4 || argc > 5 || (argc > 4 && vnep_num_u64(argv[4], 1, 1000000, &pps, NULL)) ||
		vnep_num_u64(argv[2], 1, 3600, &seconds, NULL) ||
		!(io.iov_len = read_hex(argv[3], frame))) {
		fprintf(stderr, "usage: flood IF SECONDS HEX [PPS]\n");
		return 2;
	}
	fd = open_port(argv[1]);
	if (fd < 0)
		return fail(argv[1]);
	for (unsigned i = 0; i < BATCH; i++)
		batch[i].msg_hdr = (struct msghdr){ .msg_iov = &io, .msg_iovlen = 1 };
	signal(SIGTERM, end);
	start_ns = vnep_mono_now().ns;
	do {
		int n = sendmmsg(fd, batch, pps ? PACED_BATCH : BATCH, 0);

		/* a full backlog on the other side is what it is about, not an error */
		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			return fail("sending");
		sent += n > 0 ? (uint64_t)n : 0;
		if (pps)
			pace(start_ns, sent, pps);
		now_ns = vnep_mono_now().ns;
	} while (!ended && now_ns - start_ns < (int64_t)seconds * 1000000000);
	printf("%llu %lld\n", (unsigned long long)sent, (long long)(now_ns - start_ns));
	return 0;
}
