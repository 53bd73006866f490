/*
 * journal-anchor - a state of the index that a power cut cannot take.
 *
 * The index is written without sync, so after a power cut any of its pages may be old or new. But LMDB never writes
 * over a page that a reader may still see: a reader that stays where it is (the pin) keeps one whole state in its
 * place, whatever is written behind it. When that state was synced, only the two first pages of the file, where LMDB
 * notes which state is the newest, have to be kept apart: that is index/anchor. After a power cut they are put back,
 * the index is what it was then, and only what the segments have behind it is read. Made anew it would have to be
 * read from all of them.
 *
 * Whoever keeps the lock does this, now and then: its pin costs the pages that are written meanwhile. A writer
 * that lets others write must not: its pin would stay when it has nothing to do. An anchor without its pin is
 * removed before anything is written (soil).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "journal-private.h"
#include "vnep/clock.h"
#include "vnep/crc32.h"
#include "vnep/err.h"

static const char magic[8] = { 'v', 'n', 'e', 'p', 'a', 'n', 'c', '1' };

enum { HEAD_OCTETS = 24, META_PAGES = 2, PAGE_MAX = 1 << 16 };
/* A new anchor after a 64th of the journal, but not more often, nor less, than this. */
static const uint64_t interval_min = 16 << 20, interval_max = 64 << 20;
enum { INTERVALS = 64 };
static const int64_t writeback_ns =
	5000000000; /* so long after it was asked for, little is left to sync */

/* magic, CRC32 of what follows, octets of a page, pages of the index; the two pages. */
static void encode(
	struct vnep_buf *out, const struct vnep_jdb_size *size, const uint8_t *pages, size_t len)
{
	uint8_t *head = vnep_buf_reserve(out, HEAD_OCTETS + len);

	if (!head)
		return;
	memcpy(head, magic, sizeof magic);
	vnep_set_be32(head + 12, size->page_octets);
	vnep_set_be32(head + 16, (uint32_t)(size->pages >> 32));
	vnep_set_be32(head + 20, (uint32_t)size->pages);
	memcpy(head + HEAD_OCTETS, pages, len);
	vnep_set_be32(head + 8, vnep_crc32(0, head + 12, HEAD_OCTETS - 12 + len));
	out->len = HEAD_OCTETS + len;
}

/* false: it is cut, or not ours. */
static bool decode(const uint8_t *data, size_t len, struct vnep_jdb_size *size)
{
	if (len < HEAD_OCTETS || memcmp(data, magic, sizeof magic) != 0 ||
		vnep_be32(data + 8) != vnep_crc32(0, data + 12, len - 12))
		return false;
	size->page_octets = vnep_be32(data + 12);
	size->pages = (uint64_t)vnep_be32(data + 16) << 32 | vnep_be32(data + 20);
	return size->page_octets <= PAGE_MAX && size->pages <= UINT64_MAX / PAGE_MAX &&
	       len == HEAD_OCTETS + META_PAGES * (size_t)size->page_octets;
}

/* The two pages as they are, and then everything on the disk. */
static int sync_index(
	struct vnep_journal *journal, struct vnep_buf *pages, size_t len, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	int fd = vio->open(vio, journal->index_dir, "data.mdb", O_RDWR);
	int rc = fd < 0 ? -errno : 0;

	if (!rc && !vnep_buf_reserve(pages, len))
		rc = -ENOMEM;
	if (!rc && vnep_vio_read_all(vio, fd, pages->data, len, 0) != (ssize_t)len)
		rc = -EIO;
	if (!rc && !VNEP_BUG(16) && vio->sync(vio, fd)) {
		rc = -errno;
		vnep_journal_sync_failed(journal);
	}
	if (fd >= 0)
		vio->close(vio, fd);
	return rc ? vnep_err_sys(err, -rc, "cannot sync %s/index", journal->path) : 0;
}

/* How much may be written until the next one. */
static void set_interval(struct vnep_journal *journal)
{
	uint32_t first, last = journal->tail.segment;
	uint64_t octets = 0;

	if (journal->anchor_fixed)
		return;
	if (last && !vnep_journal_next_segment(journal, 1, &first, NULL) && first <= last)
		octets = (last - first + 1) * journal->segment_octets / INTERVALS;
	journal->anchor_octets = octets < interval_min   ? interval_min
				 : octets > interval_max ? interval_max
							 : octets;
}

int vnep_journal_anchor(struct vnep_journal *journal, struct vnep_err *err)
{
	struct vnep_jindex *ix = &journal->index;
	struct vnep_buf pages = { 0 }, file = { 0 };
	struct MDB_txn *pin = NULL;
	struct vnep_jdb_size size;
	size_t len;
	int rc = vnep_jdb_pin(ix, &pin, &size, err);

	journal->behind_anchor = journal->behind_kick = 0;
	journal->kicked = false;
	set_interval(journal);
	if (rc)
		return rc;
	len = META_PAGES * (size_t)size.page_octets;
	rc = sync_index(journal, &pages, len, err);
	if (!rc) {
		encode(&file, &size, pages.data, len);
		rc = file.rc ? vnep_err_sys(err, -file.rc, "journal")
			     : vnep_journal_put_mark_file(
				       journal, "anchor", file.data, file.len, err);
	}
	vnep_buf_release(&pages);
	vnep_buf_release(&file);
	/* Without an anchor no pin is needed; each keeps the index growing. Where it may still be there, one of them stays:
	 * the older one keeps both states. */
	if (rc && !vnep_journal_drop_anchor(journal, NULL) &&
		!journal->vio->sync_folder(journal->vio, journal->index_dir)) {
		vnep_jdb_unpin(pin);
		vnep_jdb_unpin(ix->pin);
		ix->pin = NULL;
		return rc;
	}
	if (rc && ix->pin) {
		vnep_jdb_unpin(pin);
		return rc;
	}
	vnep_jdb_unpin(ix->pin);
	ix->pin = pin;
	journal->anchor_size = size;
	journal->anchor_wanted = false;
	return rc;
}

/* How far the index is ahead of its anchor: by what has to be read again, or by the pages that the pin costs. */
static uint64_t octets_behind(struct vnep_journal *journal)
{
	struct vnep_jdb_size size;
	uint64_t grown;

	if (!journal->index.pin || vnep_jdb_size(&journal->index, &size) ||
		size.pages < journal->anchor_size.pages)
		return journal->behind_anchor;
	grown = (size.pages - journal->anchor_size.pages) * size.page_octets;
	return grown > journal->behind_anchor ? grown : journal->behind_anchor;
}

void vnep_journal_anchor_tick(struct vnep_journal *journal, uint64_t octets)
{
	uint64_t behind;
	int64_t now;

	if (!journal->anchoring || journal->index_unsyncable)
		return;
	journal->behind_anchor += octets;
	behind = octets_behind(journal);
	if (behind < journal->anchor_octets / 4 * 3 && !journal->anchor_wanted)
		return;
	now = vnep_mono_now().ns;
	if (!journal->kicked) { /* the disk gets to know before it is waited for */
		vnep_jdb_start_writing(&journal->index);
		journal->kicked = true;
		journal->kicked_ns = now;
		journal->behind_kick = behind;
	} else if (behind - journal->behind_kick >= journal->anchor_octets / 4 ||
		   now - journal->kicked_ns >= writeback_ns) {
		vnep_journal_anchor(journal, NULL); /* else later, or not: it only saves time */
	}
}

int vnep_journal_drop_anchor(struct vnep_journal *journal, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;

	if (!vio->remove(vio, journal->index_dir, "anchor") || errno == ENOENT)
		return 0;
	return vnep_err_sys(err, errno, "cannot remove %s/index/anchor", journal->path);
}

static int put_back(struct vnep_journal *journal, const uint8_t *pages, size_t len)
{
	const struct vnep_vio *vio = journal->vio;
	int fd = vio->open(vio, journal->index_dir, "data.mdb", O_RDWR), rc;

	if (fd < 0)
		return -errno;
	rc = vnep_vio_write_all(vio, fd, pages, len, 0);
	if (!rc && vio->sync(vio, fd))
		rc = -errno;
	vio->close(vio, fd);
	return rc;
}

bool vnep_journal_restore(struct vnep_journal *journal)
{
	const struct vnep_vio *vio = journal->vio;
	struct vnep_jdb_size size;
	struct vnep_buf file = { 0 };
	uint64_t octets;
	ssize_t n = -1;
	bool done = false;
	int fd;

	if (vio->stat(vio, journal->index_dir, "boot", &octets)) /* it was distrusted */
		return false;
	fd = vio->open(vio, journal->index_dir, "anchor", O_RDONLY);
	if (fd < 0)
		return false;
	if (vnep_buf_reserve(&file, HEAD_OCTETS + META_PAGES * PAGE_MAX + 1))
		n = vnep_vio_read_all(
			vio, fd, file.data, HEAD_OCTETS + META_PAGES * PAGE_MAX + 1, 0);
	vio->close(vio, fd);
	if (n > 0 && decode(file.data, (size_t)n, &size) &&
		!vio->stat(vio, journal->index_dir, "data.mdb", &octets) &&
		octets >= size.pages * size.page_octets)
		done = !put_back(journal, file.data + HEAD_OCTETS, (size_t)n - HEAD_OCTETS) &&
		       !vnep_journal_put_mark_file(journal, "clean", "", 0, NULL);
	vnep_buf_release(&file);
	return done;
}
