/*
 * journal-write - groups: everything between begin and commit is durable together, or never was.
 *
 * The group grows in memory, its index entries in an LMDB transaction. commit writes the blocks and
 * their mark with one call, syncs the segment, then lets the index follow. What fails before the
 * index is undone by cutting the segment back; when even that fails, or a sync failed, the segment
 * is given up: the next group goes to a new one, whose header says where the old one ends.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "journal-private.h"
#include "vnep/err.h"

enum { ALLOCATE_OCTETS = 1 << 20 };

static void close_segment(struct vnep_journal *journal)
{
	const struct vnep_vio *vio = journal->vio;
	uint64_t size;

	if (journal->fd < 0)
		return;
	if (journal->locked && !vio->size(vio, journal->fd, &size) &&
		vio->cut(vio, journal->fd, size))
		errno = 0; /* allocated space that stays behind the end is no harm */
	vio->close(vio, journal->fd);
	journal->fd = -1;
}

/* Open the segment of the tail; *fresh: it cannot be gone on with. */
static int continue_segment(struct vnep_journal *journal, bool *fresh, struct vnep_err *err)
{
	const struct vnep_jtail *tail = &journal->tail;
	uint64_t size;
	int rc;

	*fresh = true;
	if (!tail->segment || tail->given_up || tail->offset >= journal->segment_octets)
		return 0;
	if (journal->fd < 0 || journal->fd_segment != tail->segment) {
		close_segment(journal);
		rc = vnep_journal_open_segment(journal, tail->segment, O_RDWR, &journal->fd, err);
		if (rc == -ENOENT)
			return 0;
		if (rc)
			return rc;
		journal->fd_segment = tail->segment;
		journal->allocated = 0;
	}
	if (journal->vio->size(journal->vio, journal->fd, &size))
		return vnep_err_sys(err, errno, "%s", journal->path);
	*fresh = size < tail->offset; /* somebody cut it: leave what is there alone */
	return 0;
}

static int start_segment(struct vnep_journal *journal, struct vnep_err *err)
{
	struct vnep_jtail *tail = &journal->tail;
	struct vnep_pcapng_section section = { .segment = tail->segment + 1,
		.previous = tail->segment,
		.previous_end = tail->offset };

	if (VNEP_BUG(10))
		section.previous = 0;

	while (!section.file) /* 0 says: not known */
		if (getrandom(&section.file, sizeof section.file, 0) != sizeof section.file)
			return vnep_err_sys(err, errno, "cannot get random octets");
	memcpy(section.boot, journal->boot, sizeof section.boot);
	vnep_pcapng_put_section(&journal->group, &section);
	tail->segment = section.segment;
	tail->file = section.file;
	tail->offset = tail->interface_count = tail->given_up = 0;
	return 0;
}

static int begin_locked(struct vnep_journal *journal, struct vnep_err *err)
{
	uint64_t cut = 0;
	int rc = vnep_journal_left_behind(journal, err);

	if (rc > 0)
		rc = vnep_journal_catch_up(journal, &cut, err);
	if (!rc)
		rc = vnep_journal_soil(journal, err);
	if (!rc)
		rc = vnep_jindex_begin(&journal->index, err);
	if (rc)
		return rc;
	rc = vnep_jindex_tail(&journal->index, &journal->tail, err);
	if (rc == VNEP_ENOTFOUND) {
		journal->tail = (struct vnep_jtail){ 0 };
		rc = 0;
	}
	journal->before = journal->tail;
	vnep_buf_reset(&journal->group);
	if (!rc)
		rc = continue_segment(journal, &journal->fresh, err);
	if (!rc && journal->fresh)
		rc = start_segment(journal, err);
	journal->group_base = journal->tail.offset;
	return rc;
}

static int commit_group(struct vnep_journal *journal, struct vnep_err *err);

/* A mark behind the last group: that group was durable, so what is wrong in it from now on is damage and no
 * torn tail. Without it nothing is lost, but for a ledger that only the index has: that is worth a segment. */
void vnep_journal_confirm(struct vnep_journal *journal)
{
	journal->segment_octets = UINT64_MAX; /* not a segment of its own */
	if (begin_locked(journal, NULL))
		vnep_jindex_abort(&journal->index);
	else if (!journal->fresh || journal->ledger_owed)
		commit_group(journal, NULL);
	vnep_jindex_abort(&journal->index);
}

static void end_group(struct vnep_journal *journal)
{
	vnep_jindex_abort(&journal->index);
	vnep_buf_reset(&journal->group);
	journal->in_group = journal->ledger_put = false;
	journal->broken = 0;
	journal->blocks = 0;
	if (journal->how != VNEP_JOURNAL_EXCLUSIVE)
		vnep_journal_unlock(journal);
}

int vnep_journal_begin(struct vnep_journal *journal, struct vnep_err *err)
{
	int rc;

	assert(!journal->in_group && journal->how != VNEP_JOURNAL_READ);
	rc = vnep_journal_lock(journal, err);
	if (rc)
		return rc;
	rc = begin_locked(journal, err);
	if (rc)
		end_group(journal);
	else
		journal->in_group = true;
	return rc;
}

void vnep_journal_abort(struct vnep_journal *journal)
{
	if (journal->in_group)
		end_group(journal);
}

/* Space first: a full disk is found out before anything is written, and readers never meet zeros.
 */
static int allocate(struct vnep_journal *journal, uint64_t end)
{
	const struct vnep_vio *vio = journal->vio;
	uint64_t base = journal->group_base,
		 more = (end + ALLOCATE_OCTETS - 1) & ~(ALLOCATE_OCTETS - 1ull);

	if (end <= journal->allocated)
		return 0;
	if (!vio->allocate(vio, journal->fd, base, more - base))
		end = more;
	else if (vio->allocate(vio, journal->fd, base, end - base))
		return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
	journal->allocated = end;
	return 0;
}

/* The segment may be synced never again, or holds something that could not be taken back. */
static void give_up(struct vnep_journal *journal)
{
	struct vnep_jtail tail = journal->before;

	tail.given_up = 1;
	vnep_jindex_abort(&journal->index);
	if (!vnep_jindex_begin(&journal->index, NULL) &&
		!vnep_jindex_put_tail(&journal->index, &tail, NULL))
		vnep_jindex_commit(&journal->index, NULL);
	vnep_jindex_abort(&journal->index);
	journal->vio->close(journal->vio, journal->fd);
	journal->fd = -1;
}

/* As if it never was. */
static void undo(struct vnep_journal *journal, bool sync_failed)
{
	const struct vnep_vio *vio = journal->vio;
	char name[VNEP_JSEGMENT_LEN];
	int fd = journal->fd;

	vnep_jindex_abort(&journal->index);
	vnep_jwindows_forget(journal);
	journal->allocated = 0;
	if (journal->fresh) {
		vnep_jsegment_name(name, journal->tail.segment);
		if (vio->cut(vio, fd, 0) | vio->remove(vio, journal->dir, name) |
			vio->sync_folder(vio, journal->dir))
			errno = 0; /* recovery drops a segment without a mark */
		vio->close(vio, fd);
		journal->fd = -1;
	} else if (vio->cut(vio, fd, journal->before.offset) || sync_failed || vio->sync(vio, fd)) {
		give_up(journal);
	}
}

static int write_group(struct vnep_journal *journal, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	struct vnep_buf *group = &journal->group;
	int rc;

	if (journal->fresh) {
		close_segment(journal);
		rc = vnep_journal_open_segment(journal, journal->tail.segment,
			O_RDWR | O_CREAT | O_EXCL, &journal->fd, err);
		if (rc)
			return rc;
		journal->fd_segment = journal->tail.segment;
		journal->allocated = 0;
	}
	rc = allocate(journal, journal->group_base + group->len);
	if (!rc)
		rc = vnep_vio_write_all(
			vio, journal->fd, group->data, group->len, journal->group_base);
	if (rc && !VNEP_BUG(9)) {
		undo(journal, false);
		return vnep_err_sys(err, -rc, "cannot write to the journal %s", journal->path);
	}
	if ((!VNEP_BUG(1) && vio->sync(vio, journal->fd) &&
		    !(VNEP_BUG(4) && !vio->sync(vio, journal->fd))) ||
		(journal->fresh && !VNEP_BUG(2) && vio->sync_folder(vio, journal->dir))) {
		rc = vnep_err_sys(err, errno, "cannot sync the journal %s", journal->path);
		undo(journal, true);
		return rc;
	}
	return 0;
}

static void put_mark(struct vnep_journal *journal)
{
	struct vnep_jtail *tail = &journal->tail;
	struct vnep_buf *group = &journal->group;
	struct vnep_pcapng_sync sync = {
		.group = ++tail->group, .start = journal->group_base, .file = tail->file
	};

	sync.crc = vnep_pcapng_group_check(tail->file, group->data, group->len);
	vnep_pcapng_put_sync(group, &sync);
}

static int commit_index(struct vnep_journal *journal, struct vnep_err *err)
{
	int rc;

	journal->tail.offset = journal->group_base + journal->group.len;
	rc = vnep_jindex_put_tail(&journal->index, &journal->tail, err);
	if (!rc)
		rc = vnep_jindex_commit(&journal->index, err);
	if (rc)
		undo(journal, false);
	return rc;
}

static void put_ledger(struct vnep_journal *journal)
{
	const struct vnep_buf *buf = journal->ledger_put ? &journal->ledger_new : &journal->ledger;

	if (journal->ledger_put || journal->ledger_owed)
		vnep_pcapng_put_ledger(
			&journal->group, &(struct vnep_pcapng_ledger){ buf->data, buf->len });
}

/* The group is durable, in its segment if it has any blocks. */
static void keep_ledger(struct vnep_journal *journal)
{
	struct vnep_buf old = journal->ledger;

	journal->ledger_owed = (journal->ledger_put || journal->ledger_owed) && !journal->blocks;
	if (!journal->ledger_put)
		return;
	journal->ledger = journal->ledger_new;
	journal->ledger_new = old;
}

static int commit_group(struct vnep_journal *journal, struct vnep_err *err)
{
	int rc;

	put_ledger(journal);
	put_mark(journal);
	rc = journal->group.rc ? vnep_err_sys(err, -journal->group.rc, "journal")
			       : write_group(journal, err);
	return rc ? rc : commit_index(journal, err);
}

int vnep_journal_commit(struct vnep_journal *journal, struct vnep_err *err)
{
	int rc = journal->broken;
	uint64_t octets = 0;

	assert(journal->in_group);
	if (rc) {
		vnep_err_set(err, rc, "the group was given up: %s", vnep_strerror(rc));
	} else if (!journal->blocks) { /* a new segment that nobody used does not come to be */
		rc = vnep_jindex_commit(&journal->index, err);
	} else {
		rc = commit_group(journal, err);
		octets = journal->group.len;
	}
	if (!rc) {
		keep_ledger(journal);
		journal->dirty = true;
		vnep_journal_sign(journal); /* who watches looks again in a second anyway */
	}
	end_group(journal);
	if (!rc)
		vnep_journal_anchor_tick(journal, octets);
	return rc;
}
