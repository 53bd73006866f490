/*
 * vpclink - a VPC link with many endpoints, as its hosts see it.
 *
 *   vpclink hear IF COUNT MS        announcements (unsolicited, to all) of the first COUNT endpoints of `handover`, until each
 *                                   was heard or the time is over. "listening" on standard error first; then
 *                                   "heard N ms N max N": how many endpoints, from the first to the last, and at most so many
 *                                   announcements within 100 ms. Exit 1: not all of them
 *   vpclink ask IF COUNT PPS ASKS   solicitations for so many of them, spread over all, so many a second; "asked N answered N
 *                                   p50_us N p99_us N max_us N". Exit 1: not all were answered within two seconds
 *
 * Endpoint n is 2001:db8:b::(n / 65536 + 1):(n % 65536). Exit 2: asked wrongly, 3: failed.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "vnep/buf.h"
#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/inject.h"
#include "vnep/ndisc.h"
#include "vnep/num.h"
#include "vnep/ring.h"

enum { COUNT_MAX = 1 << 24, WINDOW_MS = 100, ANSWER_MS = 2000 };

static const struct vnep_mac our_mac = { { 0, 0, 0x5e, 0, 0x53, 2 } };
static const struct in6_addr prefix = { .s6_addr = { 0x20, 1, 0xd, 0xb8, 0, 0xb } };

static struct vnep_ring *ring;
static struct vnep_err err;

static int fail(void)
{
	char text[1024];

	vnep_err_print(&err, text, sizeof text);
	fprintf(stderr, "vpclink: %s\n", text);
	return 3;
}

/* The number of an endpoint; false: none of the first count. */
static bool number_of(const struct in6_addr *addr, uint64_t count, uint64_t *n)
{
	uint64_t high = vnep_be16(addr->s6_addr + 12);

	*n = (high - 1) << 16 | vnep_be16(addr->s6_addr + 14);
	return !memcmp(addr, &prefix, 12) && high && *n < count;
}

static struct in6_addr endpoint(uint64_t n)
{
	struct in6_addr addr = prefix;

	vnep_set_be16(addr.s6_addr + 12, (uint16_t)(n / 65536 + 1));
	vnep_set_be16(addr.s6_addr + 14, (uint16_t)n);
	return addr;
}

/* The next advertisement until then, and when it came; false: there is none. */
static bool next_advert(struct vnep_mono until, struct vnep_ndisc *nd, int64_t *ns)
{
	struct vnep_ring_frame frame;

	for (;;) {
		struct pollfd p = { vnep_ring_fd(ring), POLLIN, 0 };
		int64_t left_ms = (until.ns - vnep_mono_now().ns + 999999) / 1000000;

		while (vnep_ring_next(ring, &frame))
			if (!vnep_ndisc_read(nd, frame.data, frame.len) &&
				nd->type == VNEP_ND_NEIGHBOUR_ADVERT) {
				*ns = frame.ts.ns;
				return true;
			}
		vnep_ring_release(ring);
		if (left_ms <= 0)
			return false;
		poll(&p, 1, (int)left_ms);
	}
}

static int hear(uint64_t count, uint64_t ms)
{
	struct vnep_mono until = vnep_mono_now();
	int64_t now, first = 0, last = 0, window = 0;
	uint64_t heard = 0, most = 0, in_window = 0, n;
	bool *seen = calloc(count, sizeof *seen);
	struct vnep_ndisc nd;

	if (!seen)
		return 3;
	until.ns += (int64_t)ms * 1000000;
	fprintf(stderr, "listening\n");
	while (heard < count && next_advert(until, &nd, &now)) {
		if (nd.solicited || !number_of(&nd.target, count, &n))
			continue;
		if (now - window >= WINDOW_MS * INT64_C(1000000)) {
			window = now;
			in_window = 0;
		}
		most = ++in_window > most ? in_window : most;
		heard += !seen[n];
		seen[n] = true;
		first = first ? first : now;
		last = now;
	}
	printf("heard %llu ms %lld max %llu\n", (unsigned long long)heard,
		(long long)((last - first) / 1000000), (unsigned long long)most);
	free(seen);
	return heard == count ? 0 : 1;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Takes what comes until then. asked[n]: when that one was, 0 = not, or it was answered. */
static uint64_t take(
	struct vnep_mono until, uint64_t count, int64_t *asked, int64_t *took, uint64_t got)
{
	struct vnep_ndisc nd;
	int64_t now;
	uint64_t n;

	while (next_advert(until, &nd, &now))
		if (nd.solicited && number_of(&nd.target, count, &n) && asked[n]) {
			took[got++] = now - asked[n];
			asked[n] = 0;
		}
	return got;
}

static bool solicit(struct vnep_inject *inject, uint64_t n)
{
	uint8_t frame[VNEP_ND_FRAME_MAX];
	struct in6_addr target = endpoint(n), src;
	struct iovec io = { frame, 0 };

	vnep_ip6_link_local(&our_mac, &src);
	io.iov_len = vnep_ndisc_solicit(frame, 0, &our_mac, &src, &target, NULL);
	return vnep_inject_send(inject, &io, 1, &err) == 1;
}

static int ask(const char *ifname, uint64_t count, uint64_t pps, uint64_t asks)
{
	int64_t *asked = calloc(count, sizeof *asked), *took = calloc(asks, sizeof *took);
	uint64_t got = 0, step = count / asks;
	struct vnep_inject *inject = NULL;
	struct vnep_mono at = vnep_mono_now();

	if (!asked || !took || vnep_inject_open(&inject, ifname, &err)) {
		free(asked);
		free(took);
		return fail();
	}
	for (uint64_t i = 0; i < asks; i++) {
		asked[i * step] = vnep_wall_now().ns;
		if (!solicit(inject, i * step))
			break;
		at.ns += (int64_t)(1000000000 / pps);
		got = take(at, count, asked, took, got);
	}
	for (int64_t end = vnep_mono_now().ns + ANSWER_MS * INT64_C(1000000);
		got < asks && vnep_mono_now().ns < end;) {
		at.ns = vnep_mono_now().ns + 1000000;
		got = take(at, count, asked, took, got);
	}
	qsort(took, got, sizeof *took, by_value);
	printf("asked %llu answered %llu p50_us %lld p99_us %lld max_us %lld\n",
		(unsigned long long)asks, (unsigned long long)got,
		(long long)(got ? took[got / 2] / 1000 : 0),
		(long long)(got ? took[got * 99 / 100] / 1000 : 0),
		(long long)(got ? took[got - 1] / 1000 : 0));
	vnep_inject_close(inject);
	free(asked);
	free(took);
	return got == asks ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct vnep_ring_config quick = { .retire_ms = 1 };
	uint64_t v[3] = { 0, 1, 1 };
	bool hears = argc == 5 && !strcmp(argv[1], "hear"),
	     asks = argc == 6 && !strcmp(argv[1], "ask");
	int rc;

	for (int i = 3; (hears || asks) && i < argc; i++)
		if (vnep_num_u64(argv[i], 1, COUNT_MAX, &v[i - 3], &err))
			return fail() - 1;
	if ((!hears && !asks) || (asks && v[2] > v[0])) {
		fprintf(stderr, "usage: vpclink hear IF COUNT MS | ask IF COUNT PPS ASKS\n");
		return 2;
	}
	if (vnep_ring_open(&ring, argv[2], &quick, &err))
		return fail();
	rc = hears ? hear(v[0], v[1]) : ask(argv[2], v[0], v[1], v[2]);
	vnep_ring_close(ring);
	return rc;
}
