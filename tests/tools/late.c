/*
 * late - how late frames arrive that were recorded at a steady rate: the stop-watch of bench-replay.
 *
 *   late make FILE COUNT PPS OCTETS   a pcap file: COUNT frames to 00:00:5e:00:53:01 of OCTETS each, PPS a second
 *   late hear IF COUNT PPS            "listening" on standard error; then, once COUNT of them came or none for 3 s,
 *                                     "FRAMES TOTAL_MS P50_US P99_US MAX_US": how long they took from the first to the
 *                                     last, and how much later each was than its time counted from the first
 *
 * The kernel's receive times are what counts. Exit 2: asked wrongly, 3: failed.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/buf.h"
#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/num.h"
#include "vnep/ring.h"

enum { HEAD = 62, FRAME_MAX = 1514, IDLE_MS = 3000, NS_PER_S = 1000000000 };

/* UDP from 2001:db8:b::2 to 2001:db8:a::2, port 9; the payload begins with "late" and the number of the frame. */
static const uint8_t head[HEAD] = { 0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2, 0x86, 0xdd,
	0x60, 0, 0, 0, 0, 0, 17, 64, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	0x20, 1, 0x0d, 0xb8, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x9c, 0x40, 0, 9 };
static const char magic[4] = "late";

static int usage(void)
{
	fprintf(stderr, "usage: late make FILE COUNT PPS OCTETS | late hear IF COUNT PPS\n");
	return 2;
}

static int make(const char *path, uint64_t count, uint64_t pps, uint64_t octets)
{
	const uint32_t file_header[6] = { 0xa1b23c4d, 4u << 16 | 2, 0, 0, FRAME_MAX, 1 };
	uint8_t frame[FRAME_MAX] = { 0 };
	FILE *file = fopen(path, "w");
	bool bad = !file || fwrite(file_header, sizeof file_header, 1, file) != 1;

	memcpy(frame, head, sizeof head);
	frame[18] = frame[58] = (uint8_t)((octets - 54) >> 8);
	frame[19] = frame[59] = (uint8_t)(octets - 54);
	memcpy(frame + HEAD, magic, sizeof magic);
	for (uint64_t i = 0; !bad && i < count; i++) {
		uint32_t n = (uint32_t)i;
		const uint32_t packet_header[4] = { (uint32_t)(1767323045 + i / pps),
			(uint32_t)(i % pps * NS_PER_S / pps), (uint32_t)octets, (uint32_t)octets };

		memcpy(frame + HEAD + sizeof magic, &n, sizeof n);
		bad = fwrite(packet_header, sizeof packet_header, 1, file) != 1 ||
		      fwrite(frame, octets, 1, file) != 1;
	}
	if (file && fclose(file))
		bad = true;
	if (bad)
		fprintf(stderr, "late: %s: %s\n", path, strerror(errno));
	return bad ? 3 : 0;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct hearing {
	uint64_t heard, want, pps;
	struct vnep_wall first, last;
	int64_t *late;
};

static void take(struct hearing *h, const struct vnep_ring_frame *frame)
{
	uint32_t n;

	if (frame->len < HEAD + 8 || memcmp(frame->data + HEAD, magic, sizeof magic))
		return;
	memcpy(&n, frame->data + HEAD + sizeof magic, sizeof n);
	if (!h->heard)
		h->first = frame->ts;
	h->last = frame->ts;
	h->late[h->heard++] =
		frame->ts.ns - h->first.ns - (int64_t)(n * (uint64_t)NS_PER_S / h->pps);
}

static int hear(const char *ifname, struct hearing *h)
{
	const struct vnep_ring_config config = { .block_octets = 1 << 18, .block_count = 256 };
	struct vnep_ring_frame frame;
	struct vnep_err err = { 0 };
	struct vnep_ring *ring;
	struct pollfd p;
	char text[600];

	if (vnep_ring_open(&ring, ifname, &config, &err)) {
		vnep_err_print(&err, text, sizeof text);
		fprintf(stderr, "late: %s\n", text);
		return 3;
	}
	fprintf(stderr, "listening\n");
	p = (struct pollfd){ vnep_ring_fd(ring), POLLIN, 0 };
	while (h->heard < h->want && (poll(&p, 1, h->heard ? IDLE_MS : 60000) > 0)) {
		while (h->heard < h->want && vnep_ring_next(ring, &frame) == 1)
			take(h, &frame);
		vnep_ring_release(ring);
	}
	vnep_ring_close(ring);
	if (!h->heard) {
		fprintf(stderr, "late: nothing came\n");
		return 3;
	}
	qsort(h->late, h->heard, sizeof *h->late, by_size);
	printf("%llu %.3f %.1f %.1f %.1f\n", (unsigned long long)h->heard,
		(double)(h->last.ns - h->first.ns) / 1e6, (double)h->late[h->heard / 2] / 1e3,
		(double)h->late[h->heard * 99 / 100] / 1e3, (double)h->late[h->heard - 1] / 1e3);
	return 0;
}

int main(int argc, char **argv)
{
	struct hearing h = { 0 };
	uint64_t octets = 0;
	int rc;

	if (argc < 5 || vnep_num_u64(argv[3], 1, 100000000, &h.want, NULL) ||
		vnep_num_u64(argv[4], 1, 100000000, &h.pps, NULL))
		return usage();
	if (argc == 6 && !strcmp(argv[1], "make") &&
		!vnep_num_u64(argv[5], HEAD + 8, FRAME_MAX, &octets, NULL))
		return make(argv[2], h.want, h.pps, octets);
	if (argc != 5 || strcmp(argv[1], "hear") != 0)
		return usage();
	h.late = calloc(h.want, sizeof *h.late);
	if (!h.late)
		return 3;
	rc = hear(argv[2], &h);
	free(h.late);
	return rc;
}
