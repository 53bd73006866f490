/*
 * ring - TPACKET_V3, block by block.
 *
 * The kernel fills blocks in turn and hands each over by setting TP_STATUS_USER; it gets one back
 * when we set TP_STATUS_KERNEL. Three places walk round the ring: oldest (the first block we hold),
 * read (the block the next frame comes from) and, out of our sight, the kernel's. `held` blocks lie
 * between oldest and read, so that a full ring cannot be mistaken for an empty one.
 *
 * The kernel takes VLAN tags off. PACKET_RESERVE leaves room in front of each frame, and the tag is
 * put back there in place: nothing is copied but twelve octets of MAC addresses. They are saved in
 * front of it first, and the frame's header says so: who is killed at any instruction leaves a frame
 * from which the next reader makes the same again.
 *
 * A ring outlives its reader where somebody else holds its socket. Blocks have numbers that grow by
 * one from 1: the next reader begins at the lowest one that it finds handed over, whenever that
 * comes, and gives those back unread that it is told are dealt with.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packet-private.h"
#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/ring.h"

enum {
	TAG_OCTETS = 4,
	MACS_OCTETS = 2 * ETH_ALEN,
	RESERVE_OCTETS = TAG_OCTETS + MACS_OCTETS,
	BLOCK_OCTETS = 128 << 10, /* the longest frame, 65,549 octets and a tag, fits */
	BLOCK_COUNT =
		256, /* with blocks of 2 ms: half a second for a reader that waits for its disk */
	RETIRE_MS = 2,
	FRAME_OCTETS =
		2048, /* V3 packs frames itself: only the kernel's arithmetic wants this number */
};

/* In the status of a frame: its MACs are saved. The kernel sets the whole word for each frame, and not this bit. */
static const uint32_t macs_saved = 1u << 27;

struct vnep_ring {
	int fd;
	uint8_t *map;
	size_t map_octets;
	unsigned block_octets, block_count;
	unsigned read;   /* index of the block being read */
	unsigned oldest; /* first block not given back */
	unsigned held;   /* blocks read to their end and not given back */
	unsigned left;   /* frames left in the block being read; 0 = not begun */
	uint8_t *at;     /* header of its next frame */
	uint64_t number; /* of that block */
	uint64_t done;   /* number of the last block that was read to its end, or need not be */
	bool seeking;    /* where another one left off: wherever the first block is */
	uint64_t drops;
};

static int refuse(struct vnep_err *err, int errnum, const char *ifname, const char *what)
{
	return packet_refuse(err, errnum, ifname, "reading", what);
}

static int set_option(int fd, int name, int value)
{
	return setsockopt(fd, SOL_PACKET, name, &value, sizeof value);
}

static int map_ring(struct vnep_ring *ring)
{
	void *map;

	ring->map_octets = (size_t)ring->block_octets * ring->block_count;
	map = mmap(NULL, ring->map_octets, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ring->map = map;
	(void)madvise(map, ring->map_octets, MADV_DONTDUMP); /* payloads are for no core file */
	return 0;
}

static int make_ring(struct vnep_ring *ring, unsigned retire_ms)
{
	struct tpacket_req3 req = { .tp_block_size = ring->block_octets,
		.tp_block_nr = ring->block_count,
		.tp_frame_size = FRAME_OCTETS,
		.tp_retire_blk_tov = retire_ms,
		.tp_frame_nr = ring->block_octets / FRAME_OCTETS * ring->block_count };

	if (set_option(ring->fd, PACKET_VERSION, TPACKET_V3) ||
		set_option(ring->fd, PACKET_RESERVE, RESERVE_OCTETS) ||
		set_option(ring->fd, PACKET_IGNORE_OUTGOING, 1) ||
		setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof req))
		return -errno;
	return map_ring(ring);
}

static struct vnep_ring *ring_new(int fd, const struct vnep_ring_config *config)
{
	struct vnep_ring *ring = calloc(1, sizeof *ring);

	if (!ring)
		return NULL;
	ring->fd = fd;
	ring->block_octets = config && config->block_octets ? config->block_octets : BLOCK_OCTETS;
	ring->block_count = config && config->block_count ? config->block_count : BLOCK_COUNT;
	return ring;
}

int vnep_ring_open_on(struct vnep_ring **out, int fd, const char *ifname,
	const struct vnep_ring_config *config, struct vnep_err *err)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct vnep_ring *ring = ring_new(fd, config);
	const char *what = "ring";
	int rc;

	if (!ring) {
		close(fd);
		return vnep_err_sys(err, ENOMEM, "ring");
	}
	link.sll_ifindex = (int)if_nametoindex(ifname);
	if (!link.sll_ifindex) {
		rc = refuse(err, ENODEV, ifname, "index");
		goto fail;
	}
	rc = make_ring(ring, config && config->retire_ms ? config->retire_ms : RETIRE_MS);
	if (!rc && bind(ring->fd, (struct sockaddr *)&link, sizeof link)) {
		what = "binding the ring";
		rc = -errno;
	}
	if (rc) {
		rc = refuse(err, -rc, ifname, what);
		goto fail;
	}
	*out = ring;
	return 0;
fail:
	vnep_ring_close(ring);
	return rc;
}

int vnep_ring_open(struct vnep_ring **out, const char *ifname,
	const struct vnep_ring_config *config, struct vnep_err *err)
{
	/* protocol 0: nothing arrives before the ring is there and bound to its link */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return refuse(err, errno, ifname, "packet socket");
	return vnep_ring_open_on(out, fd, ifname, config, err);
}

int vnep_ring_take(struct vnep_ring **out, int fd, const char *ifname,
	const struct vnep_ring_config *config, struct vnep_err *err)
{
	struct sockaddr_ll link = { 0 };
	socklen_t len = sizeof link;
	struct vnep_ring *ring = ring_new(fd, config);
	int rc;

	if (!ring) {
		close(fd);
		return vnep_err_sys(err, ENOMEM, "ring");
	}
	rc = getsockname(fd, (struct sockaddr *)&link, &len) ? -errno : 0;
	if (!rc && (link.sll_family != AF_PACKET || link.sll_ifindex <= 0 ||
			   link.sll_ifindex != (int)if_nametoindex(ifname)))
		rc = -ENODEV; /* its link is gone, even if one of that name is there */
	if (!rc)
		rc = map_ring(ring); /* of another size: EINVAL */
	if (rc) {
		vnep_ring_close(ring);
		return refuse(err, -rc, ifname, "going on with the ring");
	}
	ring->seeking = true;
	vnep_ring_drops(ring); /* of the reader before */
	ring->drops = 0;
	*out = ring;
	return 0;
}

void vnep_ring_close(struct vnep_ring *ring)
{
	if (!ring)
		return;
	if (ring->map)
		munmap(ring->map, ring->map_octets);
	if (ring->fd >= 0)
		close(ring->fd);
	free(ring);
}

int vnep_ring_fd(const struct vnep_ring *ring)
{
	return ring->fd;
}

static struct tpacket_block_desc *block(const struct vnep_ring *ring, unsigned i)
{
	return (struct tpacket_block_desc *)(ring->map + (size_t)i * ring->block_octets);
}

/* The block was read to its end: it is held until _release. */
static void block_done(struct vnep_ring *ring)
{
	uint64_t number = block(ring, ring->read)->hdr.bh1.seq_num;

	if (number > ring->done)
		ring->done = number;
	ring->read = (ring->read + 1) % ring->block_count;
	ring->held++;
}

static bool handed_over(const struct tpacket_block_desc *b)
{
	return __atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

/* The kernel may have stopped between two blocks, so its place says nothing: the first block that comes does. */
static bool seek(struct vnep_ring *ring)
{
	const struct tpacket_block_desc *b;
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < ring->block_count; i++) {
		b = block(ring, i);
		if (!handed_over(b) || b->hdr.bh1.seq_num >= first)
			continue;
		first = b->hdr.bh1.seq_num;
		ring->read = ring->oldest = i;
	}
	ring->seeking = first == UINT64_MAX;
	return !ring->seeking;
}

/* Find the next block with frames in it. The kernel may retire an empty one. */
static bool block_begin(struct vnep_ring *ring)
{
	struct tpacket_block_desc *b;
	bool known;

	if (ring->seeking && !seek(ring))
		return false;
	while (ring->held < ring->block_count) {
		b = block(ring, ring->read);
		if (!handed_over(b))
			return false;
		known = b->hdr.bh1.seq_num <= ring->done;
		ring->left = known ? 0 : b->hdr.bh1.num_pkts;
		ring->at = (uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
		ring->number = b->hdr.bh1.seq_num;
		if (ring->left)
			return true;
		block_done(ring);
	}
	return false;
}

static bool tagged(const struct tpacket3_hdr *h)
{
	return h->tp_status & TP_STATUS_VLAN_VALID && h->tp_snaplen >= MACS_OCTETS;
}

/* The tag lies where the MACs end, and they over their own old place: made of the copy, as often as one likes. */
static void put_tag_back(struct tpacket3_hdr *h)
{
	uint8_t *frame = (uint8_t *)h + h->tp_mac, *saved = frame - RESERVE_OCTETS;
	uint16_t type =
		h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : ETH_P_8021Q;

	if (!(h->tp_status & macs_saved)) {
		memcpy(saved, frame, MACS_OCTETS);
		__atomic_store_n(&h->tp_status, h->tp_status | macs_saved, __ATOMIC_RELEASE);
		__atomic_signal_fence(__ATOMIC_SEQ_CST); /* what follows overwrites them */
	}
	memcpy(frame - TAG_OCTETS, saved, MACS_OCTETS);
	vnep_set_be16(frame + MACS_OCTETS - TAG_OCTETS, type);
	vnep_set_be16(frame + MACS_OCTETS - TAG_OCTETS + 2, (uint16_t)h->hv1.tp_vlan_tci);
}

int vnep_ring_next(struct vnep_ring *ring, struct vnep_ring_frame *out)
{
	struct tpacket3_hdr *h;
	uint32_t tag = 0;

	if (!ring->left && !block_begin(ring)) {
		int error;
		socklen_t len = sizeof error;

		/* "network is down" stays on the socket, readable, until somebody takes it */
		(void)getsockopt(ring->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		return 0;
	}
	h = (struct tpacket3_hdr *)ring->at;
	if (tagged(h)) {
		put_tag_back(h);
		tag = TAG_OCTETS;
	}
	out->data = ring->at + h->tp_mac - tag;
	out->len = h->tp_snaplen + tag;
	out->wire_len = h->tp_len + tag;
	out->ts.ns = h->tp_sec * 1000000000LL + h->tp_nsec;
	ring->at += h->tp_next_offset;
	if (!--ring->left)
		block_done(ring);
	return 1;
}

void vnep_ring_skip(struct vnep_ring *ring, uint64_t block_number)
{
	ring->done = block_number;
}

uint64_t vnep_ring_block(const struct vnep_ring *ring)
{
	return ring->number;
}

uint64_t vnep_ring_done(const struct vnep_ring *ring)
{
	return ring->done;
}

bool vnep_ring_between(const struct vnep_ring *ring)
{
	return !ring->left;
}

uint64_t vnep_ring_cookie(const struct vnep_ring *ring)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	return getsockopt(ring->fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

/* Beyond what is handed over lies at most one more block that has frames: the one that the kernel fills. */
uint64_t vnep_ring_waiting(const struct vnep_ring *ring)
{
	uint64_t count = 0, last = ring->done;
	uint32_t filling = 0;

	for (unsigned i = 0; i < ring->block_count; i++) {
		const struct tpacket_block_desc *b = block(ring, i);

		if (b->hdr.bh1.seq_num <= ring->done)
			continue;
		if (handed_over(b))
			count += b->hdr.bh1.num_pkts;
		if (b->hdr.bh1.seq_num > last) {
			last = b->hdr.bh1.seq_num;
			filling = handed_over(b) ? 0 : b->hdr.bh1.num_pkts;
		}
	}
	return count + filling;
}

void vnep_ring_release_before(struct vnep_ring *ring, uint64_t block_number)
{
	for (; ring->held; ring->held--) {
		struct tpacket_block_desc *b = block(ring, ring->oldest);

		if (b->hdr.bh1.seq_num >= block_number)
			break;
		__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		ring->oldest = (ring->oldest + 1) % ring->block_count;
	}
}

void vnep_ring_release(struct vnep_ring *ring)
{
	vnep_ring_release_before(ring, UINT64_MAX);
}

bool vnep_ring_is_filling(const struct vnep_ring *ring)
{
	return ring->held > ring->block_count / 2;
}

/* Reading PACKET_STATISTICS clears it. */
uint64_t vnep_ring_drops(struct vnep_ring *ring)
{
	struct tpacket_stats_v3 stats;
	socklen_t len = sizeof stats;

	if (!getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		ring->drops += stats.tp_drops;
	return ring->drops;
}
