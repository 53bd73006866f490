/*
 * ring - the receiving end of the journal port: a TPACKET_V3 ring on vnep-j1, read block by block.
 *
 * Shape   frames begin with the Ethernet header (a VLAN tag the kernel took off is put back in
 * place before the caller sees it); ts is the kernel's receive time. Owner   ring is ours
 * (open/close). Frames of a block are lent until vnep_ring_release gives the blocks back: the ring
 * is the inbox, release only what is durable. Errors  VNEP_EPRIV (CAP_NET_RAW), VNEP_ENOTFOUND (no
 * such link), -errno. Caveat  a block reaches the reader when it is full or retire_ms after its
 * first frame. While blocks are held the descriptor stays readable: do not wait on it between
 * reading and releasing. A block closes after retire_ms even with one frame in it: however little
 * arrives, a reader that stands still for block_count * retire_ms loses frames (counted). Rather
 * more blocks than larger ones. Source  linux/if_packet.h,
 * Documentation/networking/packet_mmap.rst.
 */
#ifndef VNEP_RING_H
#define VNEP_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/clock.h"

struct vnep_err;
struct vnep_ring;

struct vnep_ring_config {
	unsigned block_octets; /* power of two, multiple of the page size; 0 = 128 KiB */
	unsigned block_count;  /* 0 = 256 */
	unsigned retire_ms;    /* 0 = 2 */
};

struct vnep_ring_frame {
	const uint8_t *data;
	uint32_t len;	   /* octets there */
	uint32_t wire_len; /* octets on the wire; more than len: the ring cut it */
	struct vnep_wall ts;
};

int vnep_ring_open(struct vnep_ring **out, const char *ifname,
	const struct vnep_ring_config *config, struct vnep_err *err);

/* The same on a packet socket that somebody else made, not bound and of protocol 0: fd is ours from now on, also when that
 * fails. */
int vnep_ring_open_on(struct vnep_ring **out, int fd, const char *ifname,
	const struct vnep_ring_config *config, struct vnep_err *err);

/* Go on with the ring of an earlier reader, who is dead, by its socket (fd is ours): where it left off. VNEP_ENOTFOUND:
 * its link is gone; -EINVAL: it was made with another config. Drops are counted from here on. */
int vnep_ring_take(struct vnep_ring **out, int fd, const char *ifname,
	const struct vnep_ring_config *config, struct vnep_err *err);
void vnep_ring_close(struct vnep_ring *ring);
int vnep_ring_fd(const struct vnep_ring *ring); /* readable when a block is there */

/* The next frame of the blocks that are there: 1, or 0 when there is none. */
int vnep_ring_next(struct vnep_ring *ring, struct vnep_ring_frame *out);

/* Give back every block whose frames were all taken with _next; of those only the ones in front of a block. */
void vnep_ring_release(struct vnep_ring *ring);
void vnep_ring_release_before(struct vnep_ring *ring, uint64_t block_number);
/* More than half of the blocks are held: soon the kernel has no place for what comes. */
bool vnep_ring_is_filling(const struct vnep_ring *ring);

/* Blocks have numbers from 1. _block: the one of the latest frame. _done: the last one that was read to its end; _skip,
 * before the first _next: those up to it are given back unread. _between: no block is begun. _cookie: of its socket, no other ring of this boot has it.
 * _waiting: frames that are there, not read, those of the block that is being filled among them. */
uint64_t vnep_ring_block(const struct vnep_ring *ring);
uint64_t vnep_ring_done(const struct vnep_ring *ring);
void vnep_ring_skip(struct vnep_ring *ring, uint64_t block_number);
bool vnep_ring_between(const struct vnep_ring *ring);
uint64_t vnep_ring_cookie(const struct vnep_ring *ring);
uint64_t vnep_ring_waiting(const struct vnep_ring *ring);

/* Frames the kernel could not place since the ring was opened (cumulative). */
uint64_t vnep_ring_drops(struct vnep_ring *ring);

#endif
