/*
 * frames - a stranger, a spoofer, a listener for tests: frames of any kind out of an interface, and
 * what arrives on one as hex.
 *
 *   frames send IF HEX|-                 one frame, or one a line of standard input
 *   frames udp6 IF SRCMAC DSTMAC SRC DST SPORT DPORT TEXT [COUNT]
 *                                        with a COUNT the texts are "TEXT 1" .. "TEXT COUNT"
 *   frames tcp6 IF SRCMAC DSTMAC SRC DST SPORT DPORT FLAGS(hex)
 *   frames icmp6 IF SRCMAC DSTMAC SRC DST TYPE CODE BODYHEX
 *   frames recv IF COUNT MS [udp|tcp|icmp6]
 *                                        COUNT frames of that protocol in order, at most MS; says
 *                                        "listening" on standard error first; exit 1: fewer came
 *   frames segments DST DPORT COUNT OCTETS
 *                                        from a socket: one send of COUNT lines, each OCTETS long,
 *                                        that the kernel is to cut into datagrams (UDP_SEGMENT)
 * Environment: VLAN=101 tags what udp6, tcp6 and icmp6 make; HOPS=1 their hop limit (64; 255 for
 * icmp6); ALERT=1 puts the router alert of MLD in front of what icmp6 makes. "-" in place of IF prints the frame as hex.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vnep/addr.h"
#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/forward.h"
#include "vnep/frame.h"
#include "vnep/inject.h"
#include "vnep/ring.h"

enum { FRAME_MAX = 66000 };

static void die(const struct vnep_err *err)
{
	char text[1024];

	vnep_err_print(err, text, sizeof text);
	fprintf(stderr, "frames: %s\n", text);
	exit(3);
}

static void usage(void)
{
	fprintf(stderr, "usage: frames send|udp6|tcp6|icmp6|recv|segments ... (see "
			"tests/tools/frames.c)\n");
	exit(2);
}

static unsigned long number(const char *text, int base, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, base);

	if (!*text || *end || n > max)
		usage();
	return n;
}

static unsigned long from_env(const char *name, unsigned long otherwise, unsigned long max)
{
	const char *text = getenv(name);

	return text ? number(text, 10, max) : otherwise;
}

static void put_hex(struct vnep_buf *out, const char *text)
{
	for (; *text && *text != '\n'; text += 2) {
		char pair[3] = { text[0], text[1], 0 };

		if (!text[1] || strspn(pair, "0123456789abcdefABCDEF") != 2)
			usage();
		vnep_buf_put_u8(out, (uint8_t)number(pair, 16, 255));
	}
}

static void print_hex(const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		putchar(digits[data[i] >> 4]);
		putchar(digits[data[i] & 15]);
	}
	putchar('\n');
}

static void transmit(struct vnep_inject *port, const uint8_t *data, size_t len)
{
	struct iovec iov = { (void *)data, len };
	struct vnep_err err = { 0 };

	if (!port) {
		print_hex(data, len);
		return;
	}
	while (vnep_inject_send(port, &iov, 1, &err) != 1) {
		struct pollfd p = { vnep_inject_fd(port), POLLOUT, 0 };

		if (err.code != -EAGAIN)
			die(&err);
		poll(&p, 1, 1000);
	}
}

static struct vnep_inject *open_port(const char *ifname)
{
	struct vnep_inject *port = NULL;
	struct vnep_err err = { 0 };

	if (strcmp(ifname, "-") && vnep_inject_open(&port, ifname, &err))
		die(&err);
	return port;
}

static int send_hex(int argc, char **argv)
{
	struct vnep_inject *port;
	struct vnep_buf frame;
	char line[2 * FRAME_MAX + 2];

	if (argc != 2)
		usage();
	port = open_port(argv[0]);
	vnep_buf_init(&frame);
	if (strcmp(argv[1], "-")) {
		put_hex(&frame, argv[1]);
		transmit(port, frame.data, frame.len);
	} else {
		while (fgets(line, sizeof line, stdin)) {
			vnep_buf_reset(&frame);
			put_hex(&frame, line);
			transmit(port, frame.data, frame.len);
		}
	}
	vnep_buf_release(&frame);
	vnep_inject_close(port);
	return 0;
}

/* argv: SRCMAC DSTMAC SRC DST. The payload length and the checksum come with finish(). */
static void put_headers(struct vnep_buf *out, char **argv, uint8_t proto, uint8_t hops)
{
	struct vnep_mac mac[2];
	struct in6_addr addr[2];
	struct vnep_err err = { 0 };
	unsigned values[6];

	/* a group address is fine as a destination, so no vnep_mac_parse */
	for (unsigned i = 0; i < 2; i++) {
		if (sscanf(argv[i], "%2x:%2x:%2x:%2x:%2x:%2x", &values[0], &values[1], &values[2],
			    &values[3], &values[4], &values[5]) != 6)
			usage();
		for (unsigned k = 0; k < 6; k++)
			mac[i].octet[k] = (uint8_t)values[k];
		if (vnep_ip6_parse(argv[2 + i], &addr[i], &err))
			die(&err);
	}
	vnep_buf_reset(out);
	vnep_buf_put(out, mac[1].octet, 6);
	vnep_buf_put(out, mac[0].octet, 6);
	vnep_buf_put_be16(out, 0x86dd);
	vnep_buf_put_be32(out, 0x60000000);
	vnep_buf_put_be16(out, 0);
	vnep_buf_put_u8(out, proto);
	vnep_buf_put_u8(out, (uint8_t)from_env("HOPS", hops, 255));
	vnep_buf_put(out, &addr[0], 16);
	vnep_buf_put(out, &addr[1], 16);
}

static void finish(struct vnep_buf *out)
{
	uint16_t vlan = (uint16_t)from_env("VLAN", 0, 4094);
	struct vnep_frame f;
	size_t len = out->len;

	vnep_set_be16(out->data + 18, (uint16_t)(len - 54));
	if (vnep_frame_parse(&f, out->data, len))
		usage();
	vnep_frame_checksum_set(&f, out->data);
	vnep_buf_put_zero(out, VNEP_FORWARD_ROOM);
	vnep_forward_retag(out->data, &len, vlan);
	out->len = len;
}

static int udp6(int argc, char **argv)
{
	struct vnep_inject *port;
	struct vnep_buf frame;
	unsigned long count;
	char text[1024];

	if (argc != 8 && argc != 9)
		usage();
	count = argc == 9 ? number(argv[8], 10, 100000000) : 1;
	port = open_port(argv[0]);
	vnep_buf_init(&frame);
	for (unsigned long i = 1; i <= count; i++) {
		if (argc == 9)
			snprintf(text, sizeof text, "%s %lu", argv[7], i);
		else
			snprintf(text, sizeof text, "%s", argv[7]);
		put_headers(&frame, argv + 1, IPPROTO_UDP, 64);
		vnep_buf_put_be16(&frame, (uint16_t)number(argv[5], 10, 65535));
		vnep_buf_put_be16(&frame, (uint16_t)number(argv[6], 10, 65535));
		vnep_buf_put_be16(&frame, (uint16_t)(8 + strlen(text)));
		vnep_buf_put_be16(&frame, 0);
		vnep_buf_put_str(&frame, text);
		finish(&frame);
		transmit(port, frame.data, frame.len);
	}
	vnep_buf_release(&frame);
	vnep_inject_close(port);
	return 0;
}

static int tcp6(int argc, char **argv)
{
	struct vnep_inject *port;
	struct vnep_buf frame;

	if (argc != 8)
		usage();
	port = open_port(argv[0]);
	vnep_buf_init(&frame);
	put_headers(&frame, argv + 1, IPPROTO_TCP, 64);
	vnep_buf_put_be16(&frame, (uint16_t)number(argv[5], 10, 65535));
	vnep_buf_put_be16(&frame, (uint16_t)number(argv[6], 10, 65535));
	vnep_buf_put_be32(&frame, 1);
	vnep_buf_put_be32(&frame, 0);
	vnep_buf_put_be16(&frame, (uint16_t)(0x5000 | number(argv[7], 16, 0xff)));
	vnep_buf_put_be16(&frame, 65535);
	vnep_buf_put_be32(&frame, 0);
	finish(&frame);
	transmit(port, frame.data, frame.len);
	vnep_buf_release(&frame);
	vnep_inject_close(port);
	return 0;
}

static int icmp6(int argc, char **argv)
{
	static const uint8_t alert[] = { IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0 };
	bool alerts = from_env("ALERT", 0, 1);
	struct vnep_inject *port;
	struct vnep_buf frame;

	if (argc != 8)
		usage();
	port = open_port(argv[0]);
	vnep_buf_init(&frame);
	put_headers(&frame, argv + 1, alerts ? IPPROTO_HOPOPTS : IPPROTO_ICMPV6, 255);
	if (alerts)
		vnep_buf_put(&frame, alert, sizeof alert);
	vnep_buf_put_u8(&frame, (uint8_t)number(argv[5], 10, 255));
	vnep_buf_put_u8(&frame, (uint8_t)number(argv[6], 10, 255));
	vnep_buf_put_be16(&frame, 0);
	put_hex(&frame, argv[7]);
	finish(&frame);
	transmit(port, frame.data, frame.len);
	vnep_buf_release(&frame);
	vnep_inject_close(port);
	return 0;
}

static int segments(int argc, char **argv)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	static char lines[65536];
	struct vnep_err err = { 0 };
	size_t count, octets;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), each;

	if (argc != 4)
		usage();
	if (vnep_ip6_parse(argv[0], &to.sin6_addr, &err))
		die(&err);
	to.sin6_port = htons((uint16_t)number(argv[1], 10, 65535));
	count = number(argv[2], 10, 64);
	octets = number(argv[3], 10, sizeof lines);
	if (octets < 32 || count * octets >= sizeof lines)
		usage();
	memset(lines, '.', count * octets);
	for (size_t i = 0; i < count; i++) {
		int n = snprintf(lines + i * octets, octets, "segment %zu", i + 1);

		lines[i * octets + (size_t)n] = '.';
		lines[(i + 1) * octets - 1] = '\n';
	}
	each = (int)octets;
	if (fd < 0 || setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &each, sizeof each) ||
		sendto(fd, lines, count * octets, 0, (struct sockaddr *)&to, sizeof to) < 0) {
		vnep_err_sys(&err, errno, "sending segments");
		die(&err);
	}
	close(fd);
	return 0;
}

static bool wanted(const char *proto, const struct vnep_ring_frame *frame)
{
	struct vnep_frame f;

	if (!proto)
		return true;
	if (vnep_frame_parse(&f, frame->data, frame->len))
		return false;
	return (f.proto == IPPROTO_UDP && !strcmp(proto, "udp")) ||
	       (f.proto == IPPROTO_TCP && !strcmp(proto, "tcp")) ||
	       (f.proto == IPPROTO_ICMPV6 && !strcmp(proto, "icmp6"));
}

static int receive(int argc, char **argv)
{
	int64_t deadline_ns;
	struct vnep_ring *ring;
	struct vnep_ring_frame frame;
	struct vnep_err err = { 0 };
	unsigned long count, got = 0;

	if (argc != 3 && argc != 4)
		usage();
	count = number(argv[1], 10, 100000000);
	deadline_ns = vnep_mono_now().ns + (int64_t)number(argv[2], 10, 3600000) * 1000000;
	if (vnep_ring_open(&ring, argv[0], NULL, &err))
		die(&err);
	fprintf(stderr, "listening\n");
	while (got < count) {
		struct pollfd p = { vnep_ring_fd(ring), POLLIN, 0 };
		int64_t left_ms = (deadline_ns - vnep_mono_now().ns) / 1000000;

		if (left_ms <= 0)
			break;
		poll(&p, 1, (int)left_ms);
		while (got < count && vnep_ring_next(ring, &frame)) {
			if (!wanted(argv[3], &frame))
				continue;
			print_hex(frame.data, frame.len);
			got++;
		}
		vnep_ring_release(ring);
		fflush(stdout);
	}
	vnep_ring_close(ring);
	return got == count ? 0 : 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} verbs[] = { { "send", send_hex }, { "udp6", udp6 }, { "tcp6", tcp6 }, { "icmp6", icmp6 },
		{ "recv", receive }, { "segments", segments } };

	for (unsigned i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 2, argv + 2);
	usage();
}
