/*
 * pcapng - blocks of the journal's files, encoded and decoded. No I/O here.
 *
 * Shape   little endian on disk when we write; both orders are read. Blocks: SHB, IDB, EPB and the
 * custom block (0x00000BAD, enterprise number 32473 of RFC 5612) with the magic "vnep". What each
 * block and option carries is written down in vnep-journal(5). Check   every block of ours ends
 * with a custom option that holds the CRC32 of all octets of the block in front of it, so that each
 * block proves itself, even where its neighbours are damaged. The sync mark behind a group holds
 * the CRC32 of the whole group besides: a block that is missing shows. Owner   decoded blocks lend
 * the caller's bytes; fixed-size texts are copies. Errors  VNEP_ESHORT: more bytes are needed;
 * VNEP_ESYNTAX: not pcapng, with the reason in err; VNEP_EDAMAGED: lengths or a hash do not agree.
 * Source  draft-ietf-opsawg-pcapng; RFC 5612.
 */
#ifndef VNEP_PCAPNG_H
#define VNEP_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/buf.h"
#include "vnep/clock.h"
#include "vnep/record.h"

struct vnep_err;

enum {
	VNEP_PCAPNG_FRAME_MAX = 1 << 18, /* octets of one frame */
	VNEP_PCAPNG_BLOCK_MAX = 1 << 19, /* octets of one block of ours */
	VNEP_PCAPNG_BOOT_LEN = 36,	 /* text of /proc/sys/kernel/random/boot_id */
};

/* What a section begins with. previous_end: so many octets of the segment before are the journal;
 * what stands behind them was given up (a group whose sync failed) and is not read. */
struct vnep_pcapng_section {
	uint32_t segment, previous; /* previous 0: this is the first one */
	uint64_t previous_end; /* 0: not known, so it has all that is in it */
	uint64_t file; /* random, part of each group's CRC32: bytes of another file never pass */
	uint64_t end;  /* of a segment that was written anew: where it ends; 0: by growing */
	char boot[VNEP_PCAPNG_BOOT_LEN + 1];
};

struct vnep_pcapng_interface {
	uint32_t id;
	char name[VNEP_URN_MAX + 1];
};

struct vnep_pcapng_packet {
	uint32_t interface;
	struct vnep_wall ts;
	uint64_t seq;
	uint32_t conn;
	enum vnep_kind kind;
	enum vnep_direction direction;
	bool copy, held; /* at most one of them */
	char in_iface[VNEP_IF_MAX + 1];
	const uint8_t *frame; /* lent */
	uint32_t frame_len, length;
};

/* A record without a frame: its JSON, and a sentence for people. */
struct vnep_pcapng_record {
	const char *json; /* lent, not terminated */
	size_t len;
};

/* What is left of events that were taken out of the journal, or lost with their segment: the numbers, and what they had
 * done to the state of their device. */
struct vnep_pcapng_erased {
	char dev[VNEP_URN_MAX + 1];
	uint64_t seq, count;		/* seq .. seq + count - 1 */
	uint64_t synced, disconnect;	/* the cursors, 0 = not moved by them */
	uint64_t life;			/* the last sign of life among them, 0 = none */
	struct vnep_wall first, life_ts;
	uint32_t conn;
	uint32_t connected; /* 0: not changed by them, 1: connected behind them, 2: not */
	bool lost;
};

/* What whoever writes the journal remembers with its groups; the last one counts. */
struct vnep_pcapng_ledger {
	const uint8_t *data; /* lent */
	size_t len;
};

/* Behind each group: the group began at start, and everything before start was durable already. */
struct vnep_pcapng_sync {
	uint64_t group; /* counts from 1 in the whole journal */
	uint64_t start;
	uint64_t file; /* that of the section: a mark of another file, or an old one, is no mark here */
	uint32_t crc;  /* vnep_pcapng_group_check; before that was made: vnep_pcapng_crc over the file number (eight
			  octets, little endian) and the group */
};

enum vnep_pcapng_type {
	VNEP_PCAPNG_SECTION,
	VNEP_PCAPNG_INTERFACE,
	VNEP_PCAPNG_PACKET,
	VNEP_PCAPNG_RECORD,
	VNEP_PCAPNG_SYNC,
	VNEP_PCAPNG_ERASED,
	VNEP_PCAPNG_LEDGER,
	VNEP_PCAPNG_FOREIGN, /* well formed, but not written by us */
};

struct vnep_pcapng_block {
	enum vnep_pcapng_type type;
	size_t len; /* octets of the whole block */
	union {
		struct vnep_pcapng_section section;
		struct vnep_pcapng_interface interface;
		struct vnep_pcapng_packet packet;
		struct vnep_pcapng_record record;
		struct vnep_pcapng_sync sync;
		struct vnep_pcapng_erased erased;
		struct vnep_pcapng_ledger ledger;
	};
};

/* Each appends one block. Errors are the buffer's (sticky). Texts that are too long are cut at the
 * limits of record.h; a frame has at most VNEP_PCAPNG_FRAME_MAX octets (assert). */
void vnep_pcapng_put_section(struct vnep_buf *out, const struct vnep_pcapng_section *section);
void vnep_pcapng_put_interface(struct vnep_buf *out, const struct vnep_pcapng_interface *interface);
void vnep_pcapng_put_packet(struct vnep_buf *out, const struct vnep_pcapng_packet *packet);
void vnep_pcapng_put_record(
	struct vnep_buf *out, const char *json, size_t len, const char *comment);
void vnep_pcapng_put_erased(struct vnep_buf *out, const struct vnep_pcapng_erased *erased);
void vnep_pcapng_put_ledger(struct vnep_buf *out, const struct vnep_pcapng_ledger *ledger);
void vnep_pcapng_put_sync(struct vnep_buf *out, const struct vnep_pcapng_sync *sync);

/* The block at data. *big is the byte order of its section; a section header sets it. */
int vnep_pcapng_get(struct vnep_pcapng_block *out, bool *big, const uint8_t *data, size_t len,
	struct vnep_err *err);

uint32_t vnep_pcapng_crc(uint32_t crc, const void *data, size_t len); /* crc 0 to begin */
uint32_t vnep_pcapng_crc_file(uint64_t file); /* what the CRC32 of a group begins with */

/* The check of a group: its CRC32, and the checks of its blocks, multiplied. Octets behind which stands their own CRC32
 * leave that of the whole as it was, whichever they are: alone it would not see a block of another group in place of one
 * of the same length. vnep_pcapng_mix adds one block; 0 to begin. */
uint32_t vnep_pcapng_mix(uint32_t mix, const uint8_t *block, size_t len);
uint32_t vnep_pcapng_group_check(uint64_t file, const uint8_t *group, size_t len);

#endif
