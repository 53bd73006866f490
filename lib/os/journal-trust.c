/*
 * journal-trust - when the index is believed.
 *
 * It is written without fsync, so it is believed in two cases only: it was written since this boot (what a
 * process wrote is not lost with the process), or its last writer synced it and left the file index/clean, which
 * the next writer removes before it changes anything. An anchor (journal-anchor) makes a clean one of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "journal-private.h"
#include "vnep/err.h"

/* 1: it was written since this boot, 0: since another one, -1: never finished, whatever else lies there. */
static int of_this_boot(struct vnep_journal *journal)
{
	const struct vnep_vio *vio = journal->vio;
	char boot[VNEP_PCAPNG_BOOT_LEN] = "";
	int fd = vio->open(vio, journal->index_dir, "boot", O_RDONLY);
	bool same;

	if (fd < 0)
		return -1;
	same = vnep_vio_read_all(vio, fd, boot, sizeof boot, 0) == sizeof boot &&
	       !memcmp(boot, journal->boot, sizeof boot);
	vio->close(vio, fd);
	return same;
}

bool vnep_journal_index_trusted(struct vnep_journal *journal)
{
	const struct vnep_vio *vio = journal->vio;
	uint64_t size;
	int same;

	if (vio->stat(vio, journal->index_dir, "data.mdb", &size))
		return false;
	same = of_this_boot(journal);
	if (same < 0)
		return false;
	return same || VNEP_BUG(11) || !vio->stat(vio, journal->index_dir, "clean", &size);
}

int vnep_journal_put_mark_file(struct vnep_journal *journal, const char *name, const void *data,
	size_t len, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	int dir = journal->index_dir;
	int fd = vio->open(vio, dir, "new", O_WRONLY | O_CREAT | O_TRUNC);
	int rc = fd < 0 ? -errno : vnep_vio_write_all(vio, fd, data, len, 0);

	if (!rc && vio->sync(vio, fd))
		rc = -errno;
	if (fd >= 0)
		vio->close(vio, fd);
	if (!rc && (vio->rename(vio, dir, "new", name) || vio->sync_folder(vio, dir)))
		rc = -errno;
	return rc ? vnep_err_sys(err, -rc, "cannot write %s/index/%s", journal->path, name) : 0;
}

/* An anchor without its pin, of a writer that was killed or that lets others write, is good only as long as nothing
 * is written. */
static int drop_loose_anchor(struct vnep_journal *journal, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	uint64_t size;
	int rc;

	if (!journal->index.pin && !vio->stat(vio, journal->index_dir, "anchor", &size)) {
		rc = vnep_journal_drop_anchor(journal, err);
		if (rc)
			return rc;
		journal->soiled = false;
	}
	/* Whoever removed a mark may have been killed before that was on the disk. */
	if (!journal->soiled && vio->sync_folder(vio, journal->index_dir))
		return vnep_err_sys(err, errno, "cannot sync %s/index", journal->path);
	journal->soiled = true;
	journal->anchor_wanted = journal->anchor_wanted || !journal->index.pin;
	return 0;
}

/* Not clean any more; the anchor takes its place, where there is to be one. */
static int remove_clean(struct vnep_journal *journal, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	int fd, rc = 0;

	/* One without its pin is of a writer before: should the next one fail, its pages would be written over. */
	if (!journal->index.pin)
		rc = vnep_journal_drop_anchor(journal, err);
	if (rc)
		return rc;
	if (!journal->anchoring || vnep_journal_anchor(journal, NULL))
		rc = journal->index.pin ? 0 : vnep_journal_drop_anchor(journal, err);
	if (rc)
		return rc;
	if (vio->remove(vio, journal->index_dir, "clean"))
		return vnep_err_sys(err, errno, "cannot remove %s/index/clean", journal->path);
	if (!vio->sync_folder(vio, journal->index_dir))
		return 0;
	rc = vnep_err_sys(err, errno, "cannot sync %s/index", journal->path);
	/* It may come back with a power cut: whoever is next has to remove it again, not to find it gone. */
	fd = vio->open(vio, journal->index_dir, "clean", O_WRONLY | O_CREAT);
	if (fd >= 0)
		vio->close(vio, fd);
	return rc;
}

int vnep_journal_soil(struct vnep_journal *journal, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	uint64_t size;
	int rc;

	if (VNEP_BUG(8))
		return 0;
	if (vio->stat(vio, journal->index_dir, "clean", &size))
		return drop_loose_anchor(journal, err);
	if (of_this_boot(journal) ==
		0) { /* believed by "clean" up to now, by the boot from here on */
		rc = vnep_journal_believe(journal, err);
		if (rc)
			return rc;
	}
	return remove_clean(journal, err);
}

void vnep_journal_sync_failed(struct vnep_journal *journal)
{
	const struct vnep_vio *vio = journal->vio;
	int fd = vio->open(vio, journal->index_dir, "unsynced", O_WRONLY | O_CREAT);

	if (fd >=
		0) /* it need not survive this boot: then nothing would believe the index anyway */
		vio->close(vio, fd);
	journal->index_unsyncable = true;
}

bool vnep_journal_has_failed_sync(struct vnep_journal *journal)
{
	uint64_t size;

	return !journal->vio->stat(journal->vio, journal->index_dir, "unsynced", &size);
}

void vnep_journal_clean(struct vnep_journal *journal)
{
	/* A failure only means that the index is made anew when it is opened next. */
	if (journal->index_unsyncable)
		return;
	if (vnep_jindex_sync(&journal->index, NULL))
		vnep_journal_sync_failed(journal);
	else
		vnep_journal_put_mark_file(journal, "clean", "", 0, NULL);
}

int vnep_journal_distrust(struct vnep_journal *journal, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;

	int rc = VNEP_BUG(18) ? 0 : vnep_journal_drop_anchor(journal, err);

	if (rc)
		return rc;
	journal->anchor_wanted = true;
	if ((!vio->remove(vio, journal->index_dir, "boot") || errno == ENOENT) &&
		!vio->sync_folder(vio, journal->index_dir))
		return 0;
	return vnep_err_sys(err, errno, "cannot remove %s/index/boot", journal->path);
}

int vnep_journal_believe(struct vnep_journal *journal, struct vnep_err *err)
{
	return vnep_journal_put_mark_file(
		journal, "boot", journal->boot, strlen(journal->boot), err);
}
