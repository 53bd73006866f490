/* journal - open, close, the lock, the files. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "journal-private.h"
#include "vnep/err.h"
#include "vnep/num.h"
#include "vnep/state.h"

enum { LOCK_WAIT_MS = 5000, LOCK_STEP_US = 2000, PID_TEXT = 16 };

static const uint64_t default_segment_octets = 64 << 20;
static const uint64_t first_anchor_octets = 16 << 20;

static int busy(struct vnep_journal *journal, struct vnep_err *err)
{
	char text[PID_TEXT + 1] = "";
	ssize_t n = pread(journal->lock, text, PID_TEXT, 0);

	text[n > 0 ? strcspn(text, " \n") : 0] = 0;
	vnep_err_set(err, VNEP_EBUSY, "the journal %s is in use by another writer (process %s)",
		journal->path, text[0] ? text : "unknown");
	vnep_err_hint(err, "try again when it is done");
	return VNEP_EBUSY;
}

int vnep_journal_sign(struct vnep_journal *journal)
{
	char text[PID_TEXT + 1];

	snprintf(text, sizeof text, "%-*ld\n", PID_TEXT - 1, (long)getpid());
	return pwrite(journal->lock, text, PID_TEXT, 0) == PID_TEXT ? 0 : -1;
}

int vnep_journal_lock(struct vnep_journal *journal, struct vnep_err *err)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_US * 1000L };

	if (journal->locked)
		return 0;
	for (long waited = 0; flock(journal->lock, LOCK_EX | LOCK_NB); waited += LOCK_STEP_US) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return vnep_err_sys(err, errno, "cannot lock %s", journal->path);
		if (waited >= LOCK_WAIT_MS * 1000L)
			return busy(journal, err);
		nanosleep(&step, NULL);
	}
	journal->locked = true;
	if (vnep_journal_sign(journal) && errno != ENOSPC) {
		vnep_journal_unlock(journal);
		return vnep_err_sys(err, errno, "cannot write %s/lock", journal->path);
	}
	return 0;
}

void vnep_journal_unlock(struct vnep_journal *journal)
{
	if (journal->locked)
		flock(journal->lock, LOCK_UN);
	journal->locked = false;
}

int vnep_journal_open_segment(
	struct vnep_journal *journal, uint32_t segment, int flags, int *fd, struct vnep_err *err)
{
	char name[VNEP_JSEGMENT_LEN];

	vnep_jsegment_name(name, segment);
	*fd = journal->vio->open(journal->vio, journal->dir, name, flags);
	if (*fd < 0)
		return vnep_err_sys(err, errno, "cannot open %s/%s", journal->path, name);
	return 0;
}

uint32_t vnep_jsegment_number(const char *name)
{
	char digits[11], again[VNEP_JSEGMENT_LEN];
	uint64_t number;

	if (strlen(name) < 10)
		return 0;
	memcpy(digits, name, 10);
	digits[10] = 0;
	if (vnep_num_u64(digits, 1, UINT32_MAX, &number, NULL))
		return 0;
	vnep_jsegment_name(again, (uint32_t)number);
	return strcmp(again, name) ? 0 : (uint32_t)number;
}

struct biggest {
	uint32_t below, best;
};

static int take_biggest(const char *name, void *arg)
{
	struct biggest *b = arg;
	uint32_t number = vnep_jsegment_number(name);

	if (number < b->below && number > b->best)
		b->best = number;
	return 0;
}

int vnep_journal_last_segment(
	struct vnep_journal *journal, uint32_t below, uint32_t *out, struct vnep_err *err)
{
	struct biggest b = { below, 0 };

	if (journal->vio->list(journal->vio, journal->dir, take_biggest, &b))
		return vnep_err_sys(err, errno, "cannot read %s", journal->path);
	*out = b.best;
	return b.best ? 0 : VNEP_ENOTFOUND;
}

struct smallest {
	uint32_t from, best;
};

static int take_smallest(const char *name, void *arg)
{
	struct smallest *s = arg;
	uint32_t number = vnep_jsegment_number(name);

	if (number >= s->from && number && number < s->best)
		s->best = number;
	return 0;
}

bool vnep_journal_has_segment(struct vnep_journal *journal, uint32_t segment, uint64_t *octets)
{
	char name[VNEP_JSEGMENT_LEN];

	vnep_jsegment_name(name, segment);
	return segment && !journal->vio->stat(journal->vio, journal->dir, name, octets);
}

int vnep_journal_next_segment(
	struct vnep_journal *journal, uint32_t from, uint32_t *out, struct vnep_err *err)
{
	struct smallest s = { from, UINT32_MAX };
	uint64_t octets;

	if (vnep_journal_has_segment(journal, from, &octets)) { /* nearly always */
		*out = from;
		return 0;
	}
	if (journal->vio->list(journal->vio, journal->dir, take_smallest, &s))
		return vnep_err_sys(err, errno, "cannot read %s", journal->path);
	if (s.best == UINT32_MAX)
		return VNEP_ENOTFOUND;
	*out = s.best;
	return 0;
}

bool vnep_journal_header(
	struct vnep_journal *journal, uint32_t segment, struct vnep_pcapng_section *out)
{
	struct vnep_jfound found;
	struct vnep_jwalk walk;
	uint64_t size;
	bool told;
	int fd;

	if (vnep_journal_open_segment(journal, segment, O_RDONLY, &fd, NULL))
		return false;
	if (journal->vio->size(journal->vio, fd, &size))
		size = 0;
	vnep_jwalk_init(&walk, journal->vio, fd, segment, 0, size);
	told = vnep_jwalk_next(&walk, &found, NULL) == VNEP_JSTEP_BLOCK &&
	       found.block.type == VNEP_PCAPNG_SECTION;
	if (told)
		*out = found.block.section;
	vnep_jwalk_release(&walk);
	return told;
}

int vnep_journal_segment_end(
	struct vnep_journal *journal, uint32_t segment, uint64_t *end, struct vnep_err *err)
{
	struct vnep_pcapng_section section;
	uint32_t next;

	if (vnep_journal_header(journal, segment, &section) && section.end) {
		*end = section.end;
		return 0;
	}
	if (!vnep_journal_next_segment(journal, segment + 1, &next, NULL) &&
		vnep_journal_header(journal, next, &section) && section.previous == segment &&
		section.previous_end) {
		*end = section.previous_end;
		return 0;
	}
	if (vnep_journal_has_segment(journal, segment, end))
		return 0;
	return vnep_err_sys(err, ENOENT, "%s, segment %u", journal->path, segment);
}

int vnep_journal_in_front(struct vnep_journal *journal, uint32_t segment,
	struct vnep_pcapng_section *first, struct vnep_err *err)
{
	uint32_t lost;
	int rc;

	if (vnep_journal_header(journal, segment, first))
		return 0;
	*first = (struct vnep_pcapng_section){ 0 };
	rc = vnep_journal_last_segment(journal, segment, &first->previous, err);
	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	lost = vnep_jlost_in_front(journal, segment, first->previous);
	if (lost)
		first->previous = lost; /* where it ended nobody knows */
	else if (!rc)
		rc = vnep_journal_segment_end(journal, first->previous, &first->previous_end, err);
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

static int read_boot(char out[static VNEP_PCAPNG_BOOT_LEN + 1], struct vnep_err *err)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, VNEP_PCAPNG_BOOT_LEN);

	if (fd >= 0)
		close(fd);
	if (n != VNEP_PCAPNG_BOOT_LEN)
		return vnep_err_set(err, -EIO, "cannot read /proc/sys/kernel/random/boot_id");
	out[VNEP_PCAPNG_BOOT_LEN] = 0;
	return 0;
}

static int no_journal(const char *state, struct vnep_err *err)
{
	return vnep_err_set(err, VNEP_ENOTFOUND, "no journal in %s", state);
}

/* STATE, STATE/journal, STATE/journal/index: ours, no links. The descriptors stay on what was
 * checked. */
static int open_folders(struct vnep_journal *journal, const char *state, struct vnep_err *err)
{
	bool write = journal->how != VNEP_JOURNAL_READ;
	char index[PATH_MAX];
	uint32_t first;
	int rc = vnep_state_check(state, write, err);

	if (rc)
		return rc == VNEP_ENOTFOUND ? no_journal(state, err) : rc;
	if (asprintf(&journal->path, "%s/journal", state) < 0) {
		journal->path = NULL;
		return vnep_err_sys(err, ENOMEM, "journal");
	}
	if (snprintf(index, sizeof index, "%s/index", journal->path) >= (int)sizeof index)
		return vnep_err_sys(err, ENAMETOOLONG, "%s/index", journal->path);
	rc = vnep_state_check(journal->path, write, err);
	if (rc)
		return rc == VNEP_ENOTFOUND ? no_journal(state, err) : rc;
	journal->dir = journal->vio->folder(journal->vio, -1, journal->path);
	if (journal->dir < 0)
		return vnep_err_sys(err, errno, "cannot open %s", journal->path);
	write = write || !vnep_journal_next_segment(journal, 1, &first, err);
	rc = vnep_state_check(
		index, write, err); /* it can be made anew wherever there are segments */
	if (rc)
		return rc == VNEP_ENOTFOUND ? no_journal(state, err) : rc;
	journal->index_dir = journal->vio->folder(journal->vio, journal->dir, "index");
	if (journal->index_dir < 0)
		return vnep_err_sys(err, errno, "cannot open %s/index", journal->path);
	return 0;
}

static int open_lock(struct vnep_journal *journal, struct vnep_err *err)
{
	if (journal->lock >= 0)
		return 0;
	journal->lock =
		openat(journal->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	return journal->lock < 0
		       ? vnep_err_sys(err, errno, "cannot open %s/lock for writing", journal->path)
		       : 0;
}

static int open_to_write(struct vnep_journal *journal, uint64_t *cut, struct vnep_err *err)
{
	int rc = open_lock(journal, err);

	if (!rc)
		rc = vnep_journal_lock(journal, err);
	if (!rc)
		rc = vnep_journal_recover(journal, cut, err);
	if (journal->how != VNEP_JOURNAL_EXCLUSIVE)
		vnep_journal_unlock(journal);
	return rc;
}

/* An index that cannot be believed is made anew by whoever comes first, readers too. */
static int open_to_read(struct vnep_journal *journal, uint64_t *cut, struct vnep_err *err)
{
	char path[PATH_MAX];
	int rc = VNEP_EDAMAGED;

	snprintf(path, sizeof path, "%s/index", journal->path);
	if (vnep_journal_index_trusted(journal))
		rc = vnep_jindex_open(&journal->index, path, false, err);
	if (rc != VNEP_EDAMAGED)
		return rc;
	rc = open_to_write(journal, cut, err);
	if (rc == -EACCES || rc == -EROFS || rc == -EPERM)
		vnep_err_hint(
			err, "its index must be made anew: run vnep-journal stat as its owner");
	return rc;
}

int vnep_journal_open(struct vnep_journal **out, const char *state, enum vnep_journal_open how,
	const struct vnep_journal_config *config, uint64_t *recovered, struct vnep_err *err)
{
	struct vnep_journal *journal = calloc(1, sizeof *journal);
	uint64_t cut = 0;
	int rc;

	if (!journal)
		return vnep_err_sys(err, ENOMEM, "journal");
	journal->how = how;
	journal->dir = journal->index_dir = journal->lock = journal->fd = -1;
	journal->segment_octets =
		config && config->segment_octets ? config->segment_octets : default_segment_octets;
	journal->anchoring = how == VNEP_JOURNAL_EXCLUSIVE;
	journal->anchor_fixed = config && config->anchor_octets;
	journal->anchor_octets =
		journal->anchor_fixed ? config->anchor_octets : first_anchor_octets;
	journal->vio = config && config->vio ? config->vio : &vnep_vio_disk;
	rc = open_folders(journal, state, err);
	if (!rc && config && config->boot)
		snprintf(journal->boot, sizeof journal->boot, "%s", config->boot);
	else if (!rc)
		rc = read_boot(journal->boot, err);
	if (!rc)
		rc = how == VNEP_JOURNAL_READ ? open_to_read(journal, &cut, err)
					      : open_to_write(journal, &cut, err);
	if (rc) {
		vnep_journal_close(journal);
		return rc;
	}
	if (recovered)
		*recovered = cut;
	*out = journal;
	return 0;
}

const char *vnep_journal_anew(const struct vnep_journal *journal)
{
	return journal->anew[0] ? journal->anew : NULL;
}

/* Give back what was allocated behind the end, and leave an index that survives a power cut. */
static void leave_tidy(struct vnep_journal *journal)
{
	uint64_t size;

	if (!journal->locked && flock(journal->lock, LOCK_EX | LOCK_NB))
		return; /* the writer that has the lock will do it */
	journal->locked = true;
	vnep_journal_confirm(journal);
	if (journal->fd >= 0 && !journal->vio->size(journal->vio, journal->fd, &size) &&
		journal->vio->cut(journal->vio, journal->fd, size))
		errno = 0; /* only space that a later group would use anyway */
	vnep_journal_clean(journal);
}

void vnep_journal_close(struct vnep_journal *journal)
{
	if (!journal)
		return;
	vnep_journal_abort(journal);
	if (journal->dirty)
		leave_tidy(journal);
	vnep_jindex_close(&journal->index);
	if (journal->fd >= 0)
		journal->vio->close(journal->vio, journal->fd);
	vnep_journal_forget_read(journal);
	if (journal->lock >= 0)
		close(journal->lock);
	if (journal->index_dir >= 0)
		journal->vio->close(journal->vio, journal->index_dir);
	if (journal->dir >= 0)
		journal->vio->close(journal->vio, journal->dir);
	vnep_buf_release(&journal->group);
	vnep_buf_release(&journal->ledger);
	vnep_buf_release(&journal->ledger_new);
	vnep_buf_release(&journal->scratch);
	vnep_buf_release(&journal->there);
	free(journal->path);
	free(journal);
}
