/*
 * handover - what becomes of packets while devices fall asleep and wake: every one has a number.
 *
 *   handover send COUNT SECONDS PPS[/MS],...   to devices 0 … COUNT-1 at 2001:db8:b::1:N, port 7000, from this host; the
 *                                              rates are theirs in turn; with MS so long of every 100 ms, and nothing in
 *                                              the rest of them. Devices with an odd number get as much as is due in one
 *                                              call (UDP_SEGMENT). "sent N" at the end, a line a device before: "N SENT"
 *   handover be IF COUNT PERIOD_MS SINK_MAC    be devices 0 … COUNT-1 on a link: 02:5e:N (32 bits), 2001:db8:a::1:N. Each
 *                                              speaks to 2001:db8:b::2 every PERIOD_MS. "ready" on standard output; SIGTERM
 *                                              ends it: a line a device, "N HEARD LAST LOST DUPLICATED REORDERED"
 *
 *   handover fill IF COUNT PACKETS MAC         PACKETS frames to each of them, by raw frames to MAC, 20,000 a second
 *   handover wake IF COUNT GAP_MS MAC          devices 0 … COUNT-1 speak one after the other; "COUNT P50_US P99_US MAX_US":
 *                                              how long it took until the first packet came
 *   handover storm IF COUNT PACKETS MAC        they all speak at once; when all has come, or nothing for 5 s:
 *                                              "HEARD LOST DUPLICATED REORDERED MS", the time from first to last packet
 *
 * A packet is as many units as were due at once, each of UNIT octets with the number that its device has come to: so it may
 * arrive in one piece or in many. Lost: numbers below the last one that never came. Exit 2: asked wrongly, 3: failed.
 * HANDOVER_PORT: another port than 7000. To 5683 they are CoAP acknowledgements, which no edge sends a second time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vnep/buf.h"
#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/frame.h"
#include "vnep/inject.h"
#include "vnep/num.h"
#include "vnep/ring.h"

enum {
	UNIT = 32,
	GSO_MAX = 32, /* units of a call */
	DEVICES_MAX = 100000,
	FLOWS_MAX = 1000,
	FILL_PPS = 20000,
	IDLE_MS = 5000,
	RATES_MAX = 100,
	SEND_BUFFER_OCTETS = 8 << 20,
	SETTLE_MS = 300,   /* the endpoint's link address is found out meanwhile */
	NUMBERS = 1 << 20, /* of a device, that are told apart; of many devices */
	FEW_NUMBERS = 1 << 10,
	FIRST = 1 << 16, /* interface identifiers begin here */
	PERIOD_MS = 100,
	MS = 1000000,
};

static const char magic[8] = "handover";
static uint16_t port = 7000;
static volatile sig_atomic_t ended;

static void end(int signum)
{
	(void)signum;
	ended = 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: handover send COUNT SECONDS PPS[/MS],... | "
			"handover be IF COUNT PERIOD_MS MAC |\n"
			"       handover fill IF COUNT PACKETS MAC | wake IF COUNT GAP_MS MAC | "
			"storm IF COUNT PACKETS MAC\n");
	return 2;
}

static int fail(const char *what)
{
	fprintf(stderr, "handover: %s: %s\n", what, strerror(errno));
	return 3;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * MS }, NULL);
}

/* ---- the sender ---- */

struct flow {
	int fd;
	uint64_t pps, on_ms, sent;
};

static bool flow_open(struct flow *flow, unsigned n, bool gso)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int octets = SEND_BUFFER_OCTETS, unit = UNIT;

	inet_pton(AF_INET6, "2001:db8:b::", &to.sin6_addr);
	vnep_set_be32(to.sin6_addr.s6_addr + 12, FIRST + n);
	flow->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (flow->fd < 0)
		return false;
	/* what waits in a neighbour's queue stays charged to the socket */
	if (setsockopt(flow->fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof octets))
		(void)setsockopt(flow->fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
	return (!gso || !setsockopt(flow->fd, SOL_UDP, UDP_SEGMENT, &unit, sizeof unit)) &&
	       !connect(flow->fd, (struct sockaddr *)&to, sizeof to);
}

static bool flow_send(struct flow *flow, unsigned n, unsigned count)
{
	uint8_t data[UNIT * GSO_MAX] = { 0 };

	for (unsigned i = 0; i < count; i++) {
		memcpy(data + UNIT * i, magic, sizeof magic);
		vnep_set_be32(data + UNIT * i + 8, n);
		vnep_set_be32(data + UNIT * i + 12, (uint32_t)(flow->sent + 1 + i));
	}
	/* an error that an earlier packet met is told once, and this one not sent */
	for (int tries = 0; send(flow->fd, data, UNIT * count, 0) < 0; tries++)
		if (tries == 1000 || (errno != ENOBUFS && errno != EHOSTUNREACH && errno != EINTR))
			return false;
	flow->sent += count;
	return true;
}

static bool flow_due(struct flow *flow, unsigned n, int64_t past_ns)
{
	int64_t on = (int64_t)flow->on_ms * MS, rest = past_ns % (PERIOD_MS * MS);
	int64_t active = past_ns / (PERIOD_MS * MS) * on + (rest < on ? rest : on);
	uint64_t due = 1 + (uint64_t)((double)active * (double)flow->pps / 1e9);
	unsigned most = n % 2 ? GSO_MAX : 1;

	while (flow->sent < due) {
		uint64_t count = due - flow->sent < most ? due - flow->sent : most;

		if (!flow_send(flow, n, (unsigned)count))
			return false;
	}
	return true;
}

static bool rate(struct flow *flow, char *text)
{
	char *on = strchr(text, '/');

	*flow = (struct flow){ .on_ms = PERIOD_MS };
	if (on)
		*on++ = 0;
	return !vnep_num_u64(text, 1, 1000000, &flow->pps, NULL) &&
	       (!on || !vnep_num_u64(on, 1, PERIOD_MS, &flow->on_ms, NULL));
}

static int sender(unsigned count, uint64_t seconds, char *rates)
{
	static struct flow flows[FLOWS_MAX];
	struct flow kind[RATES_MAX];
	unsigned kinds = 0;
	uint64_t all = 0;
	struct vnep_mono start;

	for (char *at = strtok(rates, ","); at; at = strtok(NULL, ","))
		if (kinds == RATES_MAX || !rate(&kind[kinds++], at))
			return usage();
	if (!kinds)
		return usage();
	for (unsigned n = 0; n < count; n++) {
		flows[n] = kind[n % kinds];
		if (!flow_open(&flows[n], n, n % 2) || !flow_send(&flows[n], n, 1))
			return fail("socket");
	}
	pause_ms(SETTLE_MS);
	start = vnep_mono_now();
	for (int64_t past = 0; !ended && past < (int64_t)seconds * 1000 * MS;
		past = vnep_mono_now().ns - start.ns) {
		for (unsigned n = 0; n < count; n++)
			if (!flow_due(&flows[n], n, vnep_mono_now().ns - start.ns))
				return fail("sending");
		nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
	for (unsigned n = 0; n < count; n++) {
		printf("%u %llu\n", n, (unsigned long long)flows[n].sent);
		all += flows[n].sent;
	}
	printf("sent %llu\n", (unsigned long long)all);
	return 0;
}

/* ---- the devices ---- */

struct device {
	int64_t speaks_ns;
	uint32_t last; /* the highest number so far */
	uint64_t heard, duplicated, reordered;
	uint8_t *came; /* a bit for each number */
};

static uint32_t numbers = NUMBERS;
static uint64_t all_heard;

static void heard(struct device *d, uint32_t seq)
{
	uint8_t bit = (uint8_t)(1 << seq % 8);

	if (!seq || seq >= numbers)
		return;
	if (d->came[seq / 8] & bit) {
		d->duplicated++;
		return;
	}
	d->came[seq / 8] |= bit;
	d->heard++;
	all_heard++;
	if (seq < d->last)
		d->reordered++;
	else
		d->last = seq;
}

static void hear(struct device *devices, unsigned count, const struct vnep_ring_frame *frame)
{
	const uint8_t *at = frame->data + 62, *stop = frame->data + frame->len;

	for (; stop - at >= UNIT && !memcmp(at, magic, sizeof magic); at += UNIT) {
		uint32_t n = vnep_be32(at + 8);

		if (n < count && vnep_be32(frame->data + 2) == n)
			heard(&devices[n], vnep_be32(at + 12));
	}
}

/* UDP from a device to port 9 of 2001:db8:b::2. */
static size_t word(uint8_t *out, unsigned n, const struct vnep_mac *sink)
{
	static const uint8_t head[66] = { 0, 0, 0, 0, 0, 0, 0x02, 0x5e, 0, 0, 0, 0, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 12, 17, 64, 0x20, 1, 0x0d, 0xb8, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 1,
		0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x9c, 0x40, 0, 9,
		0, 12, 0, 0, 'h', 'e', 'r', 'e' };
	struct vnep_frame f;

	memcpy(out, head, sizeof head);
	memcpy(out, sink->octet, 6);
	vnep_set_be32(out + 8, n);
	vnep_set_be32(out + 34, FIRST + n);
	if (!vnep_frame_parse(&f, out, sizeof head))
		vnep_frame_checksum_set(&f, out);
	return sizeof head;
}

static int devices_live(struct vnep_ring *ring, struct vnep_inject *out, struct device *devices,
	unsigned count, int64_t period_ns, const struct vnep_mac *sink)
{
	struct pollfd p = { vnep_ring_fd(ring), POLLIN, 0 };
	struct vnep_ring_frame frame;
	uint8_t data[128];
	struct iovec io = { data, 0 };

	while (!ended) {
		int64_t now = vnep_mono_now().ns;

		for (unsigned n = 0; n < count; n++) {
			if (now < devices[n].speaks_ns)
				continue;
			devices[n].speaks_ns = now + period_ns;
			io.iov_len = word(data, n, sink);
			vnep_inject_send(out, &io, 1, NULL);
		}
		poll(&p, 1, 2);
		while (vnep_ring_next(ring, &frame) == 1)
			hear(devices, count, &frame);
		vnep_ring_release(ring);
	}
	return vnep_ring_drops(ring) ? 3 : 0;
}

static struct device devices[DEVICES_MAX];

struct link {
	struct vnep_ring *ring;
	struct vnep_inject *out;
};

static bool link_open(struct link *link, const char *ifname, unsigned count)
{
	const struct vnep_ring_config config = { .block_octets = 1 << 18, .block_count = 256 };
	struct vnep_err err = { 0 };
	char text[600];

	if (vnep_ring_open(&link->ring, ifname, &config, &err) ||
		vnep_inject_open(&link->out, ifname, &err)) {
		vnep_err_print(&err, text, sizeof text);
		fprintf(stderr, "handover: %s\n", text);
		return false;
	}
	numbers = count > FLOWS_MAX ? FEW_NUMBERS : NUMBERS;
	for (unsigned n = 0; n < count; n++)
		if (!(devices[n].came = calloc(numbers / 8, 1)))
			return false;
	return true;
}

static void link_close(struct link *link)
{
	vnep_inject_close(link->out);
	vnep_ring_close(link->ring);
}

static int be(const char *ifname, unsigned count, uint64_t period_ms, const struct vnep_mac *sink)
{
	int64_t period_ns = (int64_t)period_ms * MS, now = vnep_mono_now().ns;
	struct link link;
	int rc;

	if (!link_open(&link, ifname, count))
		return 3;
	for (unsigned n = 0; n < count; n++)
		devices[n].speaks_ns = now + period_ns * n / count;
	printf("ready\n");
	fflush(stdout);
	rc = devices_live(link.ring, link.out, devices, count, period_ns, sink);
	for (unsigned n = 0; n < count; n++)
		printf("%u %llu %u %llu %llu %llu\n", n, (unsigned long long)devices[n].heard,
			devices[n].last, (unsigned long long)(devices[n].last - devices[n].heard),
			(unsigned long long)devices[n].duplicated,
			(unsigned long long)devices[n].reordered);
	if (rc)
		fprintf(stderr, "handover: the devices did not keep up\n");
	link_close(&link);
	return rc;
}

/* ---- measuring ---- */

static void speak(struct link *link, unsigned n, const struct vnep_mac *sink)
{
	uint8_t data[128];
	struct iovec io = { data, word(data, n, sink) };

	while (vnep_inject_send(link->out, &io, 1, NULL) != 1)
		pause_ms(1);
}

/* UDP from 2001:db8:b::2 to a device, one unit. */
static int fill(const char *ifname, unsigned count, uint64_t packets, const struct vnep_mac *edge)
{
	static const uint8_t head[62] = { 0, 0, 0, 0, 0, 0, 0, 0, 0x5e, 0, 0x53, 2, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 8 + UNIT, 17, 64, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 2, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x9c, 0x40,
		0, 0, 0, 8 + UNIT, 0, 0 };
	uint8_t data[sizeof head + UNIT] = { 0 };
	struct iovec io = { data, sizeof data };
	struct vnep_inject *out;
	struct vnep_frame f;
	int64_t start = vnep_mono_now().ns;
	uint64_t sent = 0;

	if (vnep_inject_open(&out, ifname, NULL))
		return fail(ifname);
	for (uint64_t p = 1; p <= packets; p++)
		for (unsigned n = 0; n < count; n++) {
			memcpy(data, head, sizeof head);
			memcpy(data, edge->octet, 6);
			vnep_set_be32(data + 50, FIRST + n);
			data[56] = (uint8_t)(port >> 8);
			data[57] = (uint8_t)port;
			memcpy(data + sizeof head, magic, sizeof magic);
			vnep_set_be32(data + sizeof head + 8, n);
			vnep_set_be32(data + sizeof head + 12, (uint32_t)p);
			if (!vnep_frame_parse(&f, data, sizeof data))
				vnep_frame_checksum_set(&f, data);
			while (vnep_inject_send(out, &io, 1, NULL) != 1)
				pause_ms(1);
			if ((int64_t)(++sent * 1000000000 / FILL_PPS) > vnep_mono_now().ns - start)
				pause_ms(1);
		}
	vnep_inject_close(out);
	return 0;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void listen_to(struct link *link, unsigned count, int wait_ms)
{
	struct pollfd p = { vnep_ring_fd(link->ring), POLLIN, 0 };
	struct vnep_ring_frame frame;

	poll(&p, 1, wait_ms);
	while (vnep_ring_next(link->ring, &frame) == 1)
		hear(devices, count, &frame);
	vnep_ring_release(link->ring);
}

/* A plain socket hears at once; the ring's blocks close later. */
static int wake(const char *ifname, unsigned count, uint64_t gap_ms, const struct vnep_mac *sink)
{
	static int64_t took[DEVICES_MAX];
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IPV6) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IPV6));
	uint8_t data[2048];
	struct link link;
	unsigned came = 0;

	at.sll_ifindex = (int)if_nametoindex(ifname);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || !link_open(&link, ifname, 1))
		return fail(ifname);
	for (unsigned n = 0; n < count; n++) {
		int64_t start = vnep_mono_now().ns;
		struct pollfd p = { fd, POLLIN, 0 };

		speak(&link, n, sink);
		while (poll(&p, 1, 1000) > 0) {
			ssize_t len = recv(fd, data, sizeof data, 0);

			if (len < 62 + UNIT || memcmp(data + 62, magic, sizeof magic) ||
				vnep_be32(data + 2) != n)
				continue;
			took[came++] = vnep_mono_now().ns - start;
			break;
		}
		pause_ms((long)gap_ms);
	}
	qsort(took, came, sizeof *took, by_size);
	printf("%u %.1f %.1f %.1f\n", came, (double)took[came / 2] / 1e3,
		(double)took[came * 99 / 100] / 1e3, came ? (double)took[came - 1] / 1e3 : 0);
	link_close(&link);
	return came == count ? 0 : 3;
}

static int storm(const char *ifname, unsigned count, uint64_t packets, const struct vnep_mac *sink)
{
	uint64_t came = 0, before, twice = 0, out_of_order = 0, want = count * packets;
	int64_t first = 0, last = 0, quiet = vnep_mono_now().ns;
	struct link link;
	unsigned spoke = 0;

	if (!link_open(&link, ifname, count))
		return 3;
	while (came < want && vnep_mono_now().ns - quiet < (int64_t)IDLE_MS * MS) {
		for (unsigned i = 0; i < 32 && spoke < count; i++)
			speak(&link, spoke++, sink);
		before = came;
		listen_to(&link, count, spoke < count ? 0 : 10);
		came = all_heard;
		if (came > before) {
			last = quiet = vnep_mono_now().ns;
			first = first ? first : last;
		}
	}
	for (unsigned n = 0; n < count; n++) {
		twice += devices[n].duplicated;
		out_of_order += devices[n].reordered;
	}
	printf("%llu %llu %llu %llu %.1f\n", (unsigned long long)came,
		(unsigned long long)(want - came), (unsigned long long)twice,
		(unsigned long long)out_of_order, (double)(last - first) / 1e6);
	link_close(&link);
	return came == want ? 0 : 3;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		int (*run)(const char *, unsigned, uint64_t, const struct vnep_mac *);
	} measures[] = { { "be", be }, { "fill", fill }, { "wake", wake }, { "storm", storm } };
	struct vnep_mac mac;
	const char *to = getenv("HANDOVER_PORT");
	uint64_t count, n;

	if (to && vnep_num_u64(to, 1, UINT16_MAX, &n, NULL))
		return usage();
	if (to)
		port = (uint16_t)n;
	signal(SIGTERM, end);
	if (argc == 5 && !strcmp(argv[1], "send") &&
		!vnep_num_u64(argv[2], 1, FLOWS_MAX, &count, NULL) &&
		!vnep_num_u64(argv[3], 1, 36000, &n, NULL))
		return sender((unsigned)count, n, argv[4]);
	if (argc != 6 || vnep_num_u64(argv[3], 1, DEVICES_MAX, &count, NULL) ||
		vnep_num_u64(argv[4], 1, 3600000, &n, NULL) || vnep_mac_parse(argv[5], &mac, NULL))
		return usage();
	for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
		if (!strcmp(argv[1], measures[i].word))
			return measures[i].run(argv[2], (unsigned)count, n, &mac);
	return usage();
}
