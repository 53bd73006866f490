/*
 * pcapng-private - what the two halves share: pcapng.c writes blocks, pcapng-get.c reads them.
 *
 * Every block of ours has the same frame:
 *
 *     type, length | fixed part, data | public options | PEN, "vnep", fields, CRC32 | end
 *
 * so one pair of functions opens and closes all of them, and one decoder checks all of them before
 * anything inside is believed.
 */
#ifndef VNEP_PCAPNG_PRIVATE_H
#define VNEP_PCAPNG_PRIVATE_H

#include "vnep/pcapng.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	BLOCK_CUSTOM = 0x0bad,

	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_SHB_USERAPPL = 4,
	OPT_IF_NAME = 2,
	OPT_IF_TSRESOL = 9,
	OPT_EPB_FLAGS = 2,
	OPT_EPB_HASH = 3,
	OPT_EPB_PACKETID = 5,
	OPT_CUSTOM = 2989, /* binary, may be copied */

	PEN = 32473, /* RFC 5612: documentation */
	VERSION = 1, /* of our option */
	LINK_ETHERNET = 1,
	TSRESOL_NS = 9,
	HASH_CRC32 = 2,
	FLAG_INBOUND = 1,
	FLAG_OUTBOUND = 2,
	BLOCK_MIN = 12,
	WHAT_RECORD = 1,
	WHAT_SYNC = 2,
	WHAT_ERASED = 3,
	WHAT_LOST = 5,
	WHAT_LEDGER = 4,
	COMMENT_MAX = 256,
	CONN_WIDE = 0xffff, /* the number stands in 32 bits behind it */
	FIELDS_MIN = 16,    /* PEN, magic, version and padding, CRC32 */
	/* a packet without its frame and our option: type, length; the fixed part; three options; the head of
	   ours; the end */
	PACKET_FIXED = 8 + 20 + 8 + 12 + 12 + 4 + 8,
};

#define MAGIC "vnep"
enum { MAGIC_LEN = 4 };
static const uint32_t byte_order = 0x1a2b3c4d;

static inline size_t padding(size_t len)
{
	return -len & 3;
}

#endif
