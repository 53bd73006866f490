/* bell: a journal port in a namespace of its own; of what goes in at one end it hears what is urgent. */
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>

#include "vnep/bell.h"
#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/inject.h"
#include "vnep/rtnl.h"
#include "netns.h"

enum {
	WAIT_MS = 10000,
	FRAME = 60,
	LONG = VNEP_BELL_OCTETS + 100,
	PROBE_MS = 20,
	PROBE = 1000,
	READY
};

static struct vnep_inject *out;
static struct vnep_bell *bell;

static void end(void)
{
	vnep_inject_close(out);
	vnep_bell_close(bell);
}

static void put(enum vnep_tag_reason reason, uint16_t port, size_t len)
{
	const struct vnep_tag tag = { reason, port, VNEP_FROM_DEVICE };
	static uint8_t frame[LONG];
	struct iovec io = { frame, len };

	memset(frame, 0, sizeof frame);
	vnep_tag_write(&tag, frame);
	frame[6] = 2;
	vnep_set_be16(frame + 12, 0x88b5);
	CHECK_INT(vnep_inject_send(out, &io, 1, NULL), 1);
}

static size_t take(const struct vnep_ring_frame **frames)
{
	struct pollfd p = { vnep_bell_fd(bell), POLLIN, 0 };

	CHECK_INT(poll(&p, 1, WAIT_MS), 1);
	return vnep_bell_take(bell, frames);
}

/* The port of tag i of those that were heard. */
static unsigned port(const struct vnep_ring_frame *frames, size_t i)
{
	struct vnep_tag tag = { 0 };

	CHECK_INT(vnep_tag_read(&tag, frames[i].data), 0);
	CHECK_INT(tag.reason, VNEP_TAG_WAKE);
	return tag.port;
}

/* A link that is just up may still lose what it is given. Frames of one processor keep their order. */
static void begin(const char *near, const char *far)
{
	const struct vnep_ring_frame *frames;
	struct vnep_nl *nl;
	cpu_set_t one;
	bool made;
	size_t n = 0;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	CHECK(!vnep_nl_open(&nl, NETLINK_ROUTE, NULL));
	CHECK(!vnep_rtnl_journal_port(nl, near, &made, NULL));
	vnep_nl_close(nl);
	CHECK(!vnep_bell_open(&bell, far, VNEP_TAG_WAKE, NULL));
	CHECK(!vnep_inject_open(&out, near, NULL));
	for (unsigned i = 0; i < WAIT_MS / PROBE_MS && !n; i++) {
		struct pollfd p = { vnep_bell_fd(bell), POLLIN, 0 };

		put(VNEP_TAG_WAKE, PROBE, FRAME);
		n = poll(&p, 1, PROBE_MS) > 0;
	}
	put(VNEP_TAG_WAKE, READY, FRAME);
	do
		n = take(&frames);
	while (n && port(frames, n - 1) != READY);
	CHECK(n);
}

TEST("bell: of all that comes it hears its reason, with the time when it is taken")
{
	const struct vnep_ring_frame *frames;
	struct vnep_wall before = vnep_wall_now(), after;

	begin("ba0", "ba1");
	put(VNEP_TAG_TAP, 1, FRAME);
	put(VNEP_TAG_WAKE, 2, FRAME);
	put(VNEP_TAG_NOT_AWAKE, 3, FRAME);
	CHECK_INT(take(&frames), 1);
	after = vnep_wall_now();
	CHECK_INT(port(frames, 0), 2);
	CHECK_INT(frames[0].len, FRAME);
	CHECK_INT(frames[0].wire_len, FRAME);
	CHECK(frames[0].ts.ns >= before.ns && frames[0].ts.ns <= after.ns);
	CHECK_INT(vnep_bell_take(bell, &frames), 0);
	end();
}

TEST("bell: many are taken by turns, in order; of a long one there is the beginning")
{
	const struct vnep_ring_frame *frames;
	unsigned heard = 0;
	size_t n;

	begin("bb0", "bb1");
	for (uint16_t i = 0; i < VNEP_BELL_MAX + 1; i++)
		put(VNEP_TAG_WAKE, i, FRAME);
	while (heard < VNEP_BELL_MAX + 1 && (n = take(&frames)) > 0)
		for (size_t i = 0; i < n; i++)
			CHECK_INT(port(frames, i), heard++);
	CHECK_INT(heard, VNEP_BELL_MAX + 1);
	CHECK_INT(vnep_bell_take(bell, &frames), 0);
	end();
}

TEST("bell: a frame that is too long for it says so")
{
	const struct vnep_ring_frame *frames;

	begin("bc0", "bc1");
	CHECK_INT(system("ip link set bc0 mtu 4000 && ip link set bc1 mtu 4000"), 0);
	put(VNEP_TAG_WAKE, 1, LONG);
	CHECK_INT(take(&frames), 1);
	CHECK_INT(frames[0].len, VNEP_BELL_OCTETS);
	CHECK_INT(frames[0].wire_len, LONG);
	end();
}

TEST("bell: without its link it is not there")
{
	struct vnep_bell *none;
	struct vnep_err err = { 0 };

	CHECK_INT(vnep_bell_open(&none, "nobody0", VNEP_TAG_WAKE, &err), VNEP_ENOTFOUND);
}

int main(void)
{
	return netns_run();
}
