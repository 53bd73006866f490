/*
 * ring - TPACKET_V3, block by block.
 *
 * The kernel fills blocks in turn and hands each over by setting TP_STATUS_USER; it gets one back
 * when we set TP_STATUS_KERNEL. Three places walk round the ring: oldest (the first block we hold),
 * read (the block the next frame comes from) and, out of our sight, the kernel's. `held` blocks lie
 * between oldest and read, so that a full ring cannot be mistaken for an empty one.
 *
 * The kernel takes VLAN tags off. PACKET_RESERVE leaves room in front of each frame, and the tag is
 * put back there in place: nothing is copied but twelve octets of MAC addresses. The frame's header
 * in the ring is changed to say so.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/ring.h"

enum {
	TAG_OCTETS = 4,
	BLOCK_OCTETS = 128 << 10, /* the longest frame, 65,549 octets and a tag, fits */
	BLOCK_COUNT =
		256, /* with blocks of 2 ms: half a second for a reader that waits for its disk */
	RETIRE_MS = 2,
	FRAME_OCTETS =
		2048, /* V3 packs frames itself: only the kernel's arithmetic wants this number */
};

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
	uint64_t drops;
};

static int refuse(struct vnep_err *err, int errnum, const char *ifname, const char *what)
{
	if (errnum == EPERM || errnum == EACCES) {
		vnep_err_set(err, VNEP_EPRIV, "reading \"%s\" needs CAP_NET_RAW", ifname);
		vnep_err_hint(err, "run it as root, or in a network namespace of your own");
		return VNEP_EPRIV;
	}
	if (errnum == ENODEV || errnum == ENXIO)
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such link \"%s\"", ifname);
	return vnep_err_sys(err, errnum, "%s of \"%s\"", what, ifname);
}

static int set_option(int fd, int name, int value)
{
	return setsockopt(fd, SOL_PACKET, name, &value, sizeof value);
}

static int make_ring(struct vnep_ring *ring, unsigned retire_ms)
{
	struct tpacket_req3 req = { .tp_block_size = ring->block_octets,
		.tp_block_nr = ring->block_count,
		.tp_frame_size = FRAME_OCTETS,
		.tp_retire_blk_tov = retire_ms,
		.tp_frame_nr = ring->block_octets / FRAME_OCTETS * ring->block_count };
	void *map;

	if (set_option(ring->fd, PACKET_VERSION, TPACKET_V3) ||
		set_option(ring->fd, PACKET_RESERVE, TAG_OCTETS) ||
		set_option(ring->fd, PACKET_IGNORE_OUTGOING, 1) ||
		setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof req))
		return -errno;
	ring->map_octets = (size_t)ring->block_octets * ring->block_count;
	map = mmap(NULL, ring->map_octets, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ring->map = map;
	return 0;
}

int vnep_ring_open(struct vnep_ring **out, const char *ifname,
	const struct vnep_ring_config *config, struct vnep_err *err)
{
	struct vnep_ring_config c = config ? *config : (struct vnep_ring_config){ 0 };
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct vnep_ring *ring = calloc(1, sizeof *ring);
	const char *what = "ring";
	int rc;

	if (!ring)
		return vnep_err_sys(err, ENOMEM, "ring");
	ring->block_octets = c.block_octets ? c.block_octets : BLOCK_OCTETS;
	ring->block_count = c.block_count ? c.block_count : BLOCK_COUNT;
	/* protocol 0: nothing arrives before the ring is there and bound to its link */
	ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ring->fd < 0) {
		rc = refuse(err, errno, ifname, "packet socket");
		goto fail;
	}
	link.sll_ifindex = (int)if_nametoindex(ifname);
	if (!link.sll_ifindex) {
		rc = refuse(err, ENODEV, ifname, "index");
		goto fail;
	}
	rc = make_ring(ring, c.retire_ms ? c.retire_ms : RETIRE_MS);
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
	ring->read = (ring->read + 1) % ring->block_count;
	ring->held++;
}

/* Find the next block with frames in it. The kernel may retire an empty one. */
static bool block_begin(struct vnep_ring *ring)
{
	struct tpacket_block_desc *b;

	while (ring->held < ring->block_count) {
		b = block(ring, ring->read);
		if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return false;
		ring->left = b->hdr.bh1.num_pkts;
		ring->at = (uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
		if (ring->left)
			return true;
		block_done(ring);
	}
	return false;
}

static void put_tag_back(struct tpacket3_hdr *h)
{
	uint8_t *frame = (uint8_t *)h + h->tp_mac;
	uint16_t type =
		h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : ETH_P_8021Q;

	if (h->tp_snaplen < 2 * ETH_ALEN)
		return;
	memmove(frame - TAG_OCTETS, frame, 2 * ETH_ALEN);
	vnep_set_be16(frame + 2 * ETH_ALEN - TAG_OCTETS, type);
	vnep_set_be16(frame + 2 * ETH_ALEN - TAG_OCTETS + 2, (uint16_t)h->hv1.tp_vlan_tci);
	h->tp_mac = (uint16_t)(h->tp_mac - TAG_OCTETS);
	h->tp_snaplen += TAG_OCTETS;
	h->tp_len += TAG_OCTETS;
	h->tp_status &= ~(uint32_t)(TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID);
}

int vnep_ring_next(struct vnep_ring *ring, struct vnep_ring_frame *out)
{
	struct tpacket3_hdr *h;

	if (!ring->left && !block_begin(ring)) {
		int error;
		socklen_t len = sizeof error;

		/* "network is down" stays on the socket, readable, until somebody takes it */
		(void)getsockopt(ring->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		return 0;
	}
	h = (struct tpacket3_hdr *)ring->at;
	if (h->tp_status & TP_STATUS_VLAN_VALID)
		put_tag_back(h);
	out->data = ring->at + h->tp_mac;
	out->len = h->tp_snaplen;
	out->wire_len = h->tp_len;
	out->ts.ns = h->tp_sec * 1000000000LL + h->tp_nsec;
	ring->at += h->tp_next_offset;
	if (!--ring->left)
		block_done(ring);
	return 1;
}

void vnep_ring_release(struct vnep_ring *ring)
{
	for (; ring->held; ring->held--) {
		__atomic_store_n(&block(ring, ring->oldest)->hdr.bh1.block_status, TP_STATUS_KERNEL,
			__ATOMIC_RELEASE);
		ring->oldest = (ring->oldest + 1) % ring->block_count;
	}
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
