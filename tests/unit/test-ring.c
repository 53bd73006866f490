/* ring and inject: a journal port in a namespace of its own; what goes in at one end comes out at
 * the other. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/frame.h"
#include "vnep/inject.h"
#include "vnep/ring.h"
#include "vnep/rtnl.h"
#include "netns.h"

enum { LOSSLESS_COUNT = 20000, GSO_OCTETS = 5000, SEGMENT_OCTETS = 1000 };

static void port_make(const char *name)
{
	struct vnep_nl *nl;
	bool made;

	CHECK(!vnep_nl_open(&nl, NETLINK_ROUTE, NULL));
	CHECK(!vnep_rtnl_journal_port(nl, name, &made, NULL));
	vnep_nl_close(nl);
}

/* An Ethernet frame of an experimental type, with a number in it. */
static size_t numbered(uint8_t frame[64], uint32_t n)
{
	memset(frame, 0, 64);
	frame[0] = 0x02;
	frame[6] = 0x02;
	vnep_set_be16(frame + 12, 0x88b5);
	vnep_set_be16(frame + 14, (uint16_t)(n >> 16));
	vnep_set_be16(frame + 16, (uint16_t)n);
	return 60;
}

static void send_numbered(struct vnep_inject *out, uint32_t from, uint32_t to)
{
	static uint8_t frames[64][64];
	struct iovec iov[64];

	while (from < to) {
		size_t n = 0;

		for (; n < 64 && from + n < to; n++) {
			iov[n].iov_base = frames[n];
			iov[n].iov_len = numbered(frames[n], from + (uint32_t)n);
		}
		CHECK_INT(vnep_inject_send(out, iov, n, NULL), n);
		from += (uint32_t)n;
	}
}

static int wait_block(struct vnep_ring *ring, int ms)
{
	struct pollfd p = { vnep_ring_fd(ring), POLLIN, 0 };

	return poll(&p, 1, ms);
}

/* The kernel may hand out an empty block first: the next frame, whenever it comes. */
static int wait_frame(struct vnep_ring *ring, struct vnep_ring_frame *f)
{
	struct vnep_mono until = vnep_mono_now();
	int rc = 0;

	until.ns += 5000000000;
	while (!(rc = vnep_ring_next(ring, f)) && vnep_mono_now().ns < until.ns) {
		vnep_ring_release(ring);
		wait_block(ring, 10);
	}
	return rc;
}

/* The same, and nothing is given back. */
static int wait_frame_held(struct vnep_ring *ring, struct vnep_ring_frame *f)
{
	int rc = 0;

	for (unsigned i = 0; i < 500 && !(rc = vnep_ring_next(ring, f)); i++)
		wait_block(ring, 10);
	return rc;
}

TEST("ring: 20,000 frames come out complete and in order, none is dropped")
{
	struct vnep_inject *out;
	struct vnep_ring *ring;
	struct vnep_ring_frame f;
	uint32_t next = 0, sent = 0;
	unsigned wrong = 0;

	port_make("ra0");
	CHECK(!vnep_ring_open(&ring, "ra1", NULL, NULL));
	CHECK(!vnep_inject_open(&out, "ra0", NULL));
	while (next < LOSSLESS_COUNT) {
		if (sent < LOSSLESS_COUNT) {
			send_numbered(out, sent, sent + 1000);
			sent += 1000;
		}
		if (wait_block(ring, 2000) <= 0)
			break;
		while (vnep_ring_next(ring, &f))
			wrong += f.len < 60 || vnep_be32(f.data + 14) != next++ ||
				 f.wire_len != f.len;
		vnep_ring_release(ring);
	}
	CHECK_INT(next, LOSSLESS_COUNT);
	CHECK_INT(wrong, 0);
	CHECK_INT(vnep_ring_drops(ring), 0);
	CHECK_INT(vnep_inject_unsent(out), 0);
	vnep_inject_close(out);
	vnep_ring_close(ring);
}

TEST("ring: what is not released is kept, an overrun is counted to the frame, and it goes on "
     "afterwards")
{
	struct vnep_ring_config small = { .block_octets = 16384, .block_count = 4, .retire_ms = 1 };
	struct vnep_inject *out;
	struct vnep_ring *ring;
	struct vnep_ring_frame f;
	uint32_t got = 0, wrong = 0, last = 0;
	const uint8_t *first = NULL;

	port_make("ra0");
	CHECK(!vnep_ring_open(&ring, "ra1", &small, NULL));
	CHECK(!vnep_inject_open(&out, "ra0", NULL));
	send_numbered(out, 0, 2000);
	CHECK(wait_block(ring, 2000) > 0);
	while (vnep_ring_next(ring, &f)) {
		if (!first)
			first = f.data;
		wrong += vnep_be32(f.data + 14) != got++;
	}
	CHECK_INT(wrong, 0);
	CHECK(got > 100 && got < 2000);
	CHECK_INT(vnep_ring_drops(ring), 2000 - got);
	CHECK_INT(vnep_ring_drops(ring),
		2000 - got);            /* reading clears the kernel's counter, not ours */
	send_numbered(out, 2000, 4000); /* no block was given back: nothing may be overwritten */
	CHECK_INT(vnep_ring_next(ring, &f), 0);
	CHECK(first && vnep_be32(first + 14) == 0);
	CHECK_INT(vnep_ring_drops(ring), 4000 - got);
	vnep_ring_release(ring);
	send_numbered(out, 5000, 5010);
	for (int i = 0; i < 100 && last != 5009; i++) {
		wait_block(ring, 100);
		while (vnep_ring_next(ring, &f))
			last = vnep_be32(f.data + 14);
		vnep_ring_release(ring);
	}
	CHECK_INT(last, 5009);
	CHECK_INT(vnep_ring_drops(ring), 4000 - got);
	vnep_inject_close(out);
	vnep_ring_close(ring);
}

TEST("ring: blocks in front of one are given back, that one and those behind it stay; it says when "
     "half of them are held")
{
	struct vnep_ring_config small = { .block_octets = 16384, .block_count = 4, .retire_ms = 1 };
	uint64_t number = 0, from = 0;
	struct vnep_inject *out;
	struct vnep_ring *ring;
	struct vnep_ring_frame f;
	const uint8_t *kept = NULL;
	uint32_t value = 0;

	port_make("ra0");
	CHECK(!vnep_ring_open(&ring, "ra1", &small, NULL));
	CHECK(!vnep_inject_open(&out, "ra0", NULL));
	CHECK(!vnep_ring_is_filling(ring));
	send_numbered(out, 0, 2000);
	CHECK(wait_block(ring, 2000) > 0);
	while (vnep_ring_next(ring, &f)) {
		CHECK(vnep_ring_block(ring) >= number);
		number = vnep_ring_block(ring);
		from = from ? from : number;
		if (number >= from + 2 && !kept) {
			kept = f.data;
			value = vnep_be32(f.data + 14);
		}
	}
	CHECK(kept && vnep_ring_is_filling(ring));
	CHECK_INT(vnep_ring_done(ring), number);
	vnep_ring_release_before(ring, from + 2);
	CHECK(!vnep_ring_is_filling(ring));
	send_numbered(out, 2000, 4000); /* into two blocks */
	CHECK_INT(wait_frame_held(ring, &f), 1);
	CHECK_INT(vnep_ring_block(ring), number + 1);
	while (vnep_ring_next(ring, &f))
		;
	CHECK(vnep_be32(kept + 14) == value);
	CHECK(vnep_ring_is_filling(ring));
	vnep_ring_release(ring);
	CHECK(!vnep_ring_is_filling(ring));
	vnep_inject_close(out);
	vnep_ring_close(ring);
}

TEST("ring: a VLAN tag that the kernel took off stands in the frame again")
{
	struct vnep_inject *out;
	struct vnep_ring *ring;
	struct vnep_ring_frame f;
	uint8_t frame[64];
	struct iovec iov = { frame, 60 };

	port_make("ra0");
	CHECK(!vnep_ring_open(&ring, "ra1", NULL, NULL));
	CHECK(!vnep_inject_open(&out, "ra0", NULL));
	numbered(frame, 7);
	vnep_set_be16(frame + 12, 0x8100);
	vnep_set_be16(frame + 14, 0xa065); /* priority 5, VLAN 101 */
	vnep_set_be16(frame + 16, 0x88b5);
	CHECK_INT(vnep_inject_send(out, &iov, 1, NULL), 1);
	send_numbered(out, 8, 9);
	CHECK_INT(wait_frame(ring, &f), 1);
	CHECK_INT(f.len, 60);
	CHECK_INT(f.wire_len, 60);
	CHECK(!memcmp(f.data, frame, 60));
	CHECK_INT(wait_frame(ring, &f), 1);
	CHECK_INT(vnep_be16(f.data + 12), 0x88b5);
	CHECK_INT(vnep_be32(f.data + 14), 8);
	vnep_inject_close(out);
	vnep_ring_close(ring);
}

enum { TAKEN_COUNT = 400 };

static const struct vnep_ring_config taken = {
	.block_octets = 8192, .block_count = 16, .retire_ms = 1
};

/* The reader dies, somebody else has its socket. */
static int die(struct vnep_ring *ring)
{
	int fd = dup(vnep_ring_fd(ring));

	vnep_ring_close(ring);
	return fd;
}

/* Frames from `next` on, until the one before `end` came, or another one; the number that should come next. Blocks are
 * held meanwhile, so the descriptor does not tell when there is more. */
static uint32_t read_to(struct vnep_ring *ring, uint32_t next, uint32_t end)
{
	struct vnep_mono until = vnep_mono_now();
	struct vnep_ring_frame f;

	until.ns += 5000000000;
	while (next < end && vnep_mono_now().ns < until.ns) {
		if (!vnep_ring_next(ring, &f))
			continue;
		CHECK_INT(vnep_be32(f.data + 14), next);
		if (vnep_be32(f.data + 14) != next++)
			break;
	}
	return next;
}

TEST("ring: the next reader goes on where one died: each frame once, those that were read and not "
     "finished again")
{
	struct vnep_inject *out;
	struct vnep_ring *ring;
	uint32_t next = 0;
	uint64_t done, cookie;

	port_make("ra0");
	CHECK(!vnep_ring_open(&ring, "ra1", &taken, NULL));
	CHECK(!vnep_inject_open(&out, "ra0", NULL));
	cookie = vnep_ring_cookie(ring);
	CHECK(cookie != 0);
	CHECK_INT(vnep_ring_waiting(ring), 0);
	send_numbered(out, 0, TAKEN_COUNT);
	for (int i = 0; i < 5000 && vnep_ring_waiting(ring) < TAKEN_COUNT; i++)
		poll(NULL, 0, 1); /* they pass a queue of the kernel */
	CHECK_INT(vnep_ring_waiting(ring), TAKEN_COUNT);
	for (uint32_t bit = 0;;
		next = bit) { /* to the end of some block, and a bit of the next one, if it has more */
		do
			next = read_to(ring, next, next + 1);
		while (next < TAKEN_COUNT && (next <= 100 || !vnep_ring_between(ring)));
		done = vnep_ring_done(ring);
		CHECK(done > 0);
		bit = read_to(ring, next, next + 3);
		CHECK_INT(bit, next + 3);
		if (bit != next + 3 || (!vnep_ring_between(ring) && vnep_ring_done(ring) == done))
			break;
	}
	CHECK(!vnep_ring_take(&ring, die(ring), "ra1", &taken, NULL));
	CHECK(vnep_ring_cookie(ring) == cookie);
	vnep_ring_skip(ring, done);
	CHECK_INT(vnep_ring_waiting(ring), TAKEN_COUNT - next);
	send_numbered(out, TAKEN_COUNT, TAKEN_COUNT + 50);
	CHECK_INT(read_to(ring, next, TAKEN_COUNT + 50), TAKEN_COUNT + 50);
	CHECK_INT(vnep_ring_drops(ring), 0);
	vnep_ring_release(ring);
	/* nothing was there when it was taken, and not at the place where the ring began */
	CHECK(!vnep_ring_take(&ring, die(ring), "ra1", &taken, NULL));
	send_numbered(out, 1000, 1400);
	CHECK_INT(read_to(ring, 1000, 1400), 1400);
	vnep_inject_close(out);
	vnep_ring_close(ring);
}

TEST("ring: one that the kernel stopped filling is taken over, too, wherever it goes on")
{
	struct vnep_inject *out;
	struct vnep_ring *ring;
	struct vnep_ring_frame f;
	uint64_t done;

	port_make("ra0");
	CHECK(!vnep_ring_open(&ring, "ra1", &taken, NULL));
	CHECK(!vnep_inject_open(&out, "ra0", NULL));
	send_numbered(out, 0, 4000); /* more than it holds */
	CHECK(wait_block(ring, 2000) > 0);
	while (vnep_ring_next(ring, &f))
		;
	CHECK(vnep_ring_drops(ring) > 0);
	done = vnep_ring_done(ring);
	vnep_ring_release(ring);
	CHECK(!vnep_ring_take(&ring, die(ring), "ra1", &taken, NULL));
	vnep_ring_skip(ring, done);
	CHECK_INT(vnep_ring_waiting(ring), 0);
	send_numbered(out, 5000, 5300);
	CHECK_INT(read_to(ring, 5000, 5300), 5300);
	CHECK_INT(vnep_ring_drops(ring), 0);
	vnep_inject_close(out);
	vnep_ring_close(ring);
}

TEST("ring: a tag that was put back once is there when the frame is read again")
{
	struct vnep_inject *out;
	struct vnep_ring *ring;
	struct vnep_ring_frame f;
	uint8_t frame[64];
	struct iovec iov = { frame, 60 };

	port_make("ra0");
	CHECK(!vnep_ring_open(&ring, "ra1", &taken, NULL));
	CHECK(!vnep_inject_open(&out, "ra0", NULL));
	numbered(frame, 7);
	memcpy(frame, "\x02\x01\x02\x03\x04\x05\x02\x11\x12\x13\x14\x15\x81\x00\xa0\x65\x88\xb5",
		18);
	CHECK_INT(vnep_inject_send(out, &iov, 1, NULL), 1);
	CHECK(wait_block(ring, 2000) > 0);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(vnep_ring_next(ring, &f), 1);
		CHECK_INT(f.len, 60);
		CHECK(!memcmp(f.data, frame, 60));
		CHECK(!vnep_ring_take(&ring, die(ring), "ra1", &taken, NULL));
	}
	vnep_inject_close(out);
	vnep_ring_close(ring);
}

TEST("ring: one that was made otherwise, of another link, or of one that is gone is not taken over")
{
	struct vnep_ring_config other = taken;
	struct vnep_ring *ring;

	port_make("ra0");
	other.block_count = 8;
	CHECK(!vnep_ring_open(&ring, "ra1", &taken, NULL));
	CHECK_INT(vnep_ring_take(&ring, die(ring), "ra1", &other, NULL), -EINVAL);
	CHECK(!vnep_ring_open(&ring, "ra1", &taken, NULL));
	CHECK_INT(vnep_ring_take(&ring, die(ring), "ra0", &taken, NULL), VNEP_ENOTFOUND);
	CHECK_INT(vnep_ring_take(&ring, dup(0), "ra1", &taken, NULL), -ENOTSOCK);
	CHECK(!vnep_ring_open(&ring, "ra1", &taken, NULL));
	CHECK_INT(system("ip link del ra0"), 0);
	port_make("ra0");
	CHECK_INT(vnep_ring_take(&ring, die(ring), "ra1", &taken, NULL), VNEP_ENOTFOUND);
}

/* A UDP socket with UDP_SEGMENT out of the near end: the kernel must cut before the ring sees it.
 */
static void send_gso(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(5683) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), segment = SEGMENT_OCTETS;
	char payload[GSO_OCTETS];

	memset(payload, 'x', sizeof payload);
	inet_pton(AF_INET6, "2001:db8:b::77", &to.sin6_addr);
	CHECK(!setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment));
	CHECK_INT(sendto(fd, payload, sizeof payload, 0, (struct sockaddr *)&to, sizeof to),
		GSO_OCTETS);
	close(fd);
}

TEST("ring: one GSO datagram of 5,000 octets arrives as five valid ones")
{
	struct vnep_ring_frame f;
	struct vnep_ring *ring;
	struct vnep_frame frame;
	unsigned got = 0, valid = 0;

	port_make("rg0");
	CHECK(!vnep_sysctl_set("/proc/sys/net/ipv6/conf/rg0/disable_ipv6", "0", NULL));
	CHECK_INT(system("ip addr add 2001:db8:b::2/64 dev rg0 nodad; "
			 "ip neigh add 2001:db8:b::77 lladdr 02:00:07:00:01:02 dev rg0"),
		0);
	CHECK(!vnep_ring_open(&ring, "rg1", NULL, NULL));
	send_gso();
	for (int i = 0; i < 20 && got < 5; i++) {
		wait_block(ring, 100);
		while (vnep_ring_next(ring, &f)) {
			if (vnep_frame_parse(&frame, f.data, f.len) || frame.proto != IPPROTO_UDP)
				continue;
			got++;
			valid += frame.end - frame.l4 == 8 + SEGMENT_OCTETS &&
				 vnep_frame_checksum_ok(&frame, f.data);
		}
		vnep_ring_release(ring);
	}
	CHECK_INT(got, 5);
	CHECK_INT(valid, 5);
	vnep_ring_close(ring);
}

TEST("ring, inject: a link that is not there, and one that is down, are told apart")
{
	struct vnep_err err = { 0 };
	struct vnep_inject *out;
	struct vnep_ring *ring;
	struct vnep_ring_frame f;
	uint8_t frame[64];
	struct iovec iov[2] = { { frame, numbered(frame, 1) }, { frame, 60 } };

	CHECK_INT(vnep_ring_open(&ring, "nosuch0", NULL, &err), VNEP_ENOTFOUND);
	CHECK(strstr(err.text, "nosuch0"));
	CHECK_INT(vnep_inject_open(&out, "nosuch0", &err), VNEP_ENOTFOUND);
	port_make("rd0");
	CHECK(!vnep_inject_open(&out, "rd0", NULL));
	CHECK(!vnep_ring_open(&ring, "rd1", NULL, NULL));
	CHECK_INT(system("ip link set rd0 down; ip link set rd1 down"), 0);
	CHECK_INT(vnep_inject_send(out, iov, 2, &err), 0);
	CHECK_INT(err.code, -ENETDOWN);
	CHECK(wait_block(ring, 1000) > 0); /* said once, so that nobody spins on it */
	CHECK_INT(vnep_ring_next(ring, &f), 0);
	CHECK_INT(wait_block(ring, 10), 0);
	vnep_ring_close(ring);
	vnep_inject_close(out);
}

TEST("inject: what follows a frame that is too long is not sent before it")
{
	static uint8_t huge[66000];
	struct vnep_err err = { 0 };
	struct vnep_inject *out;
	uint8_t frame[64];
	struct iovec iov[3] = { { frame, numbered(frame, 1) }, { huge, sizeof huge },
		{ frame, 60 } };

	port_make("rd0");
	CHECK(!vnep_inject_open(&out, "rd0", NULL));
	CHECK_INT(vnep_inject_send(out, iov, 3, &err), 1);
	CHECK_INT(err.code, -EMSGSIZE);
	vnep_inject_close(out);
}

int main(void)
{
	return netns_run();
}
