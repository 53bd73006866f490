/*
 * journal-walk - the blocks of one segment in order.
 *
 * Damage costs only what it hit: a block that fails its check is stepped over by its own length if
 * block and length still look sane, else by the search for the next block that proves itself
 * (blocks begin at multiples of four). What was stepped over is still part of the group's CRC32, so
 * its mark shows a block that vanished without a trace.
 */
#include <errno.h>
#include <stdio.h>

#include "journal-private.h"
#include "vnep/err.h"

enum { WINDOW_OCTETS = 1 << 18 };

void vnep_jsegment_name(char out[static VNEP_JSEGMENT_LEN], uint32_t segment)
{
	snprintf(out, VNEP_JSEGMENT_LEN, "%010u.pcapng", segment);
}

void vnep_jwalk_init(struct vnep_jwalk *walk, const struct vnep_vio *vio, int fd, uint32_t segment,
	uint64_t at, uint64_t end)
{
	*walk = (struct vnep_jwalk){
		.vio = vio, .fd = fd, .segment = segment, .at = at, .end = end, .base = at
	};
}

static void next_group(struct vnep_jwalk *walk, uint64_t group)
{
	walk->group = group;
	walk->group_start = walk->at;
	walk->crc = vnep_pcapng_crc_file(walk->file);
	walk->mix = 0;
	walk->whole = walk->file != 0;
}

void vnep_jwalk_resume(struct vnep_jwalk *walk, uint64_t file, uint64_t group)
{
	walk->file = file;
	next_group(walk, group);
}

void vnep_jwalk_release(struct vnep_jwalk *walk)
{
	if (walk->fd >= 0)
		walk->vio->close(walk->vio, walk->fd);
	vnep_buf_release(&walk->buf);
	walk->fd = -1;
}

/* At least want octets from position at on, or up to the end. */
static int fill(struct vnep_jwalk *walk, uint64_t at, size_t want, struct vnep_err *err)
{
	struct vnep_buf *buf = &walk->buf;
	size_t more = want > WINDOW_OCTETS ? want : WINDOW_OCTETS;

	if (at + want > walk->end)
		want = (size_t)(walk->end - at);
	if (at + want <= walk->base + buf->len)
		return 0;
	vnep_buf_consume(buf, (size_t)(walk->at - walk->base));
	walk->base = walk->at;
	while (walk->base + buf->len < at + want) {
		uint64_t from = walk->base + buf->len;
		size_t len = from + more > walk->end ? (size_t)(walk->end - from) : more;
		uint8_t *room = vnep_buf_reserve(buf, len);
		ssize_t n;

		if (!room)
			return vnep_err_sys(err, ENOMEM, "journal");
		n = vnep_vio_read_all(walk->vio, walk->fd, room, len, from);
		if (n < 0)
			return vnep_err_sys(err, (int)-n, "cannot read segment %u", walk->segment);
		if (n == 0) { /* shorter than it was told: the caller sees it by at < its end */
			walk->end = from;
			return 0;
		}
		buf->len += (size_t)n;
	}
	return 0;
}

static bool is_known(uint32_t type)
{
	return type == 0x0a0d0d0a || type == 1 || type == 6 || type == 0x0bad;
}

/* The block at position at: 1 it proves itself, 0 it does not (*len: its length if that can be
 * believed). */
static int block_at(struct vnep_jwalk *walk, uint64_t at, struct vnep_pcapng_block *block,
	uint32_t *len, struct vnep_err *err)
{
	size_t want = 12;
	struct vnep_rd rd;
	uint32_t type, tail;
	bool big = walk->big;
	int rc = fill(walk, at, want, err);

	*len = 0;
	if (rc || walk->end - at < want)
		return rc;
	vnep_rd_init(&rd, walk->buf.data + (at - walk->base), 8);
	type = big ? vnep_rd_be32(&rd) : vnep_rd_le32(&rd);
	want = big ? vnep_rd_be32(&rd) : vnep_rd_le32(&rd);
	if (type == 0x0a0d0d0a && want > VNEP_PCAPNG_BLOCK_MAX)
		want = __builtin_bswap32((uint32_t)want); /* it says so itself, further down */
	if (!is_known(type) || want < 12 || want % 4 || want > VNEP_PCAPNG_BLOCK_MAX ||
		want > walk->end - at)
		return 0;
	rc = fill(walk, at, want, err);
	if (rc || walk->end - at < want)
		return rc;
	rc = vnep_pcapng_get(block, &big, walk->buf.data + (at - walk->base), want, NULL);
	if (!rc && block->type != VNEP_PCAPNG_FOREIGN) {
		walk->big = big;
		return 1;
	}
	vnep_rd_init(&rd, walk->buf.data + (at - walk->base) + want - 4, 4);
	tail = big ? vnep_rd_be32(&rd) : vnep_rd_le32(&rd);
	if (tail == want)
		*len = tail;
	return 0;
}

static void take(struct vnep_jwalk *walk, uint64_t len)
{
	walk->crc =
		vnep_pcapng_crc(walk->crc, walk->buf.data + (walk->at - walk->base), (size_t)len);
	walk->at += len;
}

static void damage(struct vnep_jwalk *walk, struct vnep_jfound *out, uint64_t from, uint64_t to,
	uint64_t records)
{
	out->damage = (struct vnep_journal_damage){
		.offset = from, .octets = to - from, .records = records
	};
	vnep_jsegment_name(out->damage.segment, walk->segment);
}

/* Step over what is broken, up to the next block that proves itself. */
static int skip(
	struct vnep_jwalk *walk, struct vnep_jfound *out, uint32_t len, struct vnep_err *err)
{
	uint64_t start = walk->at;
	int rc = 0;

	if (len) {
		take(walk, len);
		rc = walk->at < walk->end ? block_at(walk, walk->at, &out->block, &len, err) : 1;
	}
	while (!rc && walk->at < walk->end) {
		uint64_t step = walk->end - walk->at < 4 ? walk->end - walk->at : 4;

		rc = fill(walk, walk->at, (size_t)step, err);
		if (rc < 0 || walk->at + step > walk->end)
			break;
		take(walk, step);
		rc = walk->at < walk->end ? block_at(walk, walk->at, &out->block, &len, err) : 1;
	}
	if (rc < 0)
		return rc;
	walk->whole = false; /* that the group does not agree is no news now */
	damage(walk, out, start, walk->at, 1);
	return VNEP_JSTEP_DAMAGE;
}

/* A mark or header that was not written here: an old one, or one of another file, where a write was lost. */
static bool is_stale(const struct vnep_jwalk *walk, const struct vnep_pcapng_block *block)
{
	if (block->type == VNEP_PCAPNG_SECTION)
		return walk->at != 0;
	return block->type == VNEP_PCAPNG_SYNC && !VNEP_BUG(7) &&
	       ((walk->file && block->sync.file != walk->file) ||
		       block->sync.start < walk->group_start);
}

/* A mark: does the group in front of it agree? */
static bool agrees(const struct vnep_jwalk *walk, const struct vnep_pcapng_sync *sync)
{
	/* a journal of before the mix has only the one */
	return !walk->whole ||
	       (sync->start == walk->group_start &&
		       (sync->crc == (walk->crc ^ walk->mix) || sync->crc == walk->crc) &&
		       (!walk->group || walk->anew || sync->group == walk->group + 1));
}

int vnep_jwalk_next(struct vnep_jwalk *walk, struct vnep_jfound *out, struct vnep_err *err)
{
	uint32_t len;
	int rc;

	if (walk->at >= walk->end)
		return VNEP_JSTEP_END;
	rc = block_at(walk, walk->at, &out->block, &len, err);
	if (rc < 0)
		return rc;
	if (walk->at >= walk->end)
		return VNEP_JSTEP_END;
	if (!rc || is_stale(walk, &out->block))
		return skip(walk, out, rc ? (uint32_t)out->block.len : len, err);
	out->offset = walk->at;
	if (out->block.type == VNEP_PCAPNG_SECTION) {
		walk->file = out->block.section.file;
		walk->anew = out->block.section.end != 0;
		next_group(walk, walk->group);
	}
	if (out->block.type == VNEP_PCAPNG_SYNC) {
		walk->file = out->block.sync.file; /* its header may be damaged */
		if (!agrees(walk, &out->block.sync)) {
			walk->whole =
				false; /* said once; the mark itself comes with the next call */
			damage(walk, out, walk->group_start, walk->at, 0);
			return VNEP_JSTEP_DAMAGE;
		}
		walk->at += out->block.len;
		next_group(walk, out->block.sync.group);
		return VNEP_JSTEP_BLOCK;
	}
	walk->mix = vnep_pcapng_mix(
		walk->mix, walk->buf.data + (walk->at - walk->base), (size_t)out->block.len);
	take(walk, out->block.len);
	return VNEP_JSTEP_BLOCK;
}
