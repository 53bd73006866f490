/*
 * journal-recover - the index brought up to what the segments say.
 *
 * An index that is not believed (journal-trust) is made anew.
 *
 * Behind the tail of the index there may be groups of a writer that was killed between the sync and
 * the index: they are complete, have their mark, and are taken. What has no mark behind it is a
 * torn tail: nobody was told that it is durable, it is cut. Damage in front of a mark is never cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "journal-private.h"
#include "vnep/err.h"

/* So many are sorted before they go into the index: the more, the fewer pages of it are written twice; but the fewer, the
 * less memory is touched for the first time, which costs more. Each device writes its last page twice, so there are to
 * be two pages of each. */
#ifdef VNEP_BUGS /* the crash test has three devices and short lives */
enum { BLOCKS_MIN = 8, BLOCKS_MAX = 40, BLOCKS_A_DEVICE = 4 };
#else
enum { BLOCKS_MIN = 1 << 17, BLOCKS_MAX = 1 << 21, BLOCKS_A_DEVICE = 128 };
#endif

/* One device of a block; a name that is new gets the next number. */
static int device_of(struct vnep_journal *journal, const char *dev, uint32_t *id,
	struct vnep_jdevice *device, struct vnep_err *err)
{
	struct vnep_jindex *ix = &journal->index;
	int rc = vnep_jindex_id(ix, dev, id, err);

	if (!rc)
		return vnep_jindex_device(ix, *id, device, err);
	if (rc != VNEP_ENOTFOUND)
		return rc;
	*id = journal->tail.device_count++;
	*device = (struct vnep_jdevice){ .synced_seq = 1 };
	return vnep_jindex_add(ix, *id, dev, err);
}

static int apply_interface(struct vnep_journal *journal,
	const struct vnep_pcapng_interface *interface, struct vnep_err *err)
{
	struct vnep_jtail *tail = &journal->tail;
	struct vnep_jdevice device;
	uint32_t id;
	int rc = device_of(journal, interface->name, &id, &device, err);

	if (rc)
		return rc;
	device.interface = interface->id;
	device.interface_segment = tail->segment;
	if (interface->id >= tail->interface_count)
		tail->interface_count = interface->id + 1;
	rc = vnep_jindex_put_interface(&journal->index, tail->segment, interface->id, id, err);
	return rc ? rc : vnep_jindex_put_device(&journal->index, id, &device, err);
}

static int apply_packet(struct vnep_journal *journal, const struct vnep_jblock *block,
	const struct vnep_jplace *place, struct vnep_err *err)
{
	const struct vnep_pcapng_packet *packet = &block->found.block.packet;
	struct vnep_jindex *ix = &journal->index;
	struct vnep_jdevice device;
	struct vnep_event event;
	bool pending;
	uint32_t id;
	int rc = vnep_jindex_interface(ix, place->segment, packet->interface, &id, err);

	if (rc)
		return rc == VNEP_ENOTFOUND ? 0 : rc; /* its IDB is damaged: verify says so */
	rc = vnep_jindex_device(ix, id, &device, err);
	if (rc)
		return rc;
	vnep_jitem_get_packet(&event, packet);
	rc = vnep_jrules_event(ix, &journal->tail, id, &device, &event,
		block->identified ? &block->identity : NULL, place, &pending, err);
	return rc ? rc : vnep_jindex_put_device(ix, id, &device, err);
}

static int apply_record(struct vnep_journal *journal, const struct vnep_jfound *found,
	const struct vnep_jplace *place, struct vnep_err *err)
{
	struct vnep_jindex *ix = &journal->index;
	struct vnep_journal_moved moved;
	struct vnep_journal_item item;
	struct vnep_jdevice device;
	const char *dev;
	bool pending;
	uint32_t id;
	int rc = vnep_jitem_decode(&item, &found->block, err);

	if (rc)
		return 0; /* whole, but not ours to understand: scan reports it */
	dev = item.type == VNEP_RECORD_EVENT        ? item.event.dev
	      : item.type == VNEP_RECORD_CHECKPOINT ? item.checkpoint.dev
						    : item.outcome.dev;
	if (!dev[0]) {
		journal->tail.events++;
		return 0;
	}
	rc = device_of(journal, dev, &id, &device, err);
	if (rc)
		return rc;
	if (item.type == VNEP_RECORD_EVENT)
		rc = vnep_jrules_event(
			ix, &journal->tail, id, &device, &item.event, NULL, place, &pending, err);
	else if (item.type == VNEP_RECORD_CHECKPOINT)
		rc = vnep_jrules_checkpoint(
			ix, &journal->tail, id, &device, &item.checkpoint, &moved, err);
	else
		rc = vnep_jrules_outcome(ix, &journal->tail, id, &device, &item.outcome, err);
	if (rc == VNEP_ENOTFOUND)
		rc = 0; /* the outcome of an event that is damaged */
	return rc ? rc : vnep_jindex_put_device(ix, id, &device, err);
}

static int apply_erased(
	struct vnep_journal *journal, const struct vnep_pcapng_erased *erased, struct vnep_err *err)
{
	struct vnep_jdevice device;
	uint32_t id;
	int rc = device_of(journal, erased->dev, &id, &device, err);

	if (rc)
		return rc;
	rc = vnep_jrules_erased(&journal->index, &journal->tail, id, &device, erased, err);
	return rc ? rc : vnep_jindex_put_device(&journal->index, id, &device, err);
}

static int apply(struct vnep_journal *journal, const struct vnep_jblock *seen, struct vnep_err *err)
{
	const struct vnep_jfound *found = &seen->found;
	struct vnep_jtail *tail = &journal->tail;
	const struct vnep_pcapng_block *block = &found->block;
	struct vnep_jplace place = { tail->segment, (uint32_t)block->len, found->offset };

	switch (block->type) {
	case VNEP_PCAPNG_SECTION:
		tail->file = block->section.file;
		tail->given_up = block->section.end != 0; /* whole as it is */
		return 0;
	case VNEP_PCAPNG_INTERFACE: return apply_interface(journal, &block->interface, err);
	case VNEP_PCAPNG_PACKET: return apply_packet(journal, seen, &place, err);
	case VNEP_PCAPNG_RECORD: return apply_record(journal, found, &place, err);
	case VNEP_PCAPNG_ERASED: return apply_erased(journal, &block->erased, err);
	case VNEP_PCAPNG_LEDGER:
		return vnep_jindex_put_ledger(
			&journal->index, block->ledger.data, block->ledger.len, err);
	case VNEP_PCAPNG_SYNC:
		tail->file = block->sync.file;
		tail->group = block->sync.group;
		tail->offset = found->offset + block->len;
		return 0;
	case VNEP_PCAPNG_FOREIGN: break;
	}
	return 0;
}

/* Everything in front of *end is the journal. *doubt: the last group has its mark but does not agree with
 * it. A mark proves that what is in front of its group was durable, not that its own group was. */
static int last_mark(struct vnep_journal *journal, uint64_t size, uint64_t *end, bool *doubt,
	struct vnep_err *err)
{
	struct vnep_jtail *tail = &journal->tail;
	struct vnep_jfound found;
	struct vnep_jwalk walk;
	uint64_t hurt = 0; /* where the last damage ends */
	int fd, rc = vnep_journal_open_segment(journal, tail->segment, O_RDONLY, &fd, err);

	*end = tail->offset;
	*doubt = false;
	if (rc)
		return rc;
	vnep_jwalk_init(&walk, journal->vio, fd, tail->segment, tail->offset, size);
	if (tail->file)
		vnep_jwalk_resume(&walk, tail->file, tail->group);
	while ((rc = vnep_jwalk_next(&walk, &found, err)) > 0) {
		if (rc == VNEP_JSTEP_DAMAGE)
			hurt = found.damage.offset + found.damage.octets;
		if (rc == VNEP_JSTEP_DAMAGE || found.block.type != VNEP_PCAPNG_SYNC)
			continue;
		*doubt = hurt > found.block.sync.start && !VNEP_BUG(5);
		*end = *doubt ? found.block.sync.start : walk.at;
	}
	if (VNEP_BUG(6))
		*end = size;
	if (*end < tail->offset)
		*end = tail->offset;
	vnep_jwalk_release(&walk);
	return rc;
}

/* Octets that are cut although they may be worth a look: beside the segment. What cannot be kept is cut all
 * the same. */
static void keep_aside(
	struct vnep_journal *journal, int fd, uint32_t segment, uint64_t from, uint64_t to)
{
	const struct vnep_vio *vio = journal->vio;
	struct vnep_buf octets = { 0 };
	char name[VNEP_JSEGMENT_LEN + 16];
	ssize_t n;
	int aside;

	snprintf(name, sizeof name, "%010u-%llu.cut", segment, (unsigned long long)from);
	aside = vio->open(vio, journal->dir, name, O_WRONLY | O_CREAT | O_TRUNC);
	if (aside < 0)
		return;
	if (vnep_buf_reserve(&octets, (size_t)(to - from))) {
		n = vnep_vio_read_all(vio, fd, octets.data, (size_t)(to - from), from);
		if (n > 0)
			vnep_vio_write_all(vio, aside, octets.data, (size_t)n, 0);
	}
	vnep_buf_release(&octets);
	vio->close(vio, aside);
}

static bool is_enough(const struct vnep_journal *journal)
{
	return journal->blocks >= BLOCKS_MAX ||
	       (journal->blocks >= BLOCKS_MIN &&
		       journal->blocks / BLOCKS_A_DEVICE >= journal->tail.device_count);
}

static int commit_so_far(struct vnep_journal *journal, struct vnep_err *err)
{
	int rc = vnep_jindex_put_tail(&journal->index, &journal->tail, err);

	journal->blocks = 0;
	return rc ? rc : vnep_jindex_commit(&journal->index, err);
}

/* Take everything from the tail to end, which is a mark (or the end of a closed segment). What is taken is
 * committed now and then, and by the caller. */
static int take_segment(struct vnep_journal *journal, int fd, uint64_t end, struct vnep_err *err)
{
	struct vnep_jindex *ix = &journal->index;
	const struct vnep_jblock *block;
	struct vnep_jahead *ahead;
	struct vnep_jwalk walk;
	int rc;

	vnep_jwalk_init(&walk, journal->vio, fd, journal->tail.segment, journal->tail.offset, end);
	rc = vnep_jahead_start(&ahead, &walk, end - journal->tail.offset, err);
	while (!rc && (rc = vnep_jahead_next(ahead, &block, err)) > 0) {
		rc = apply(journal, block, err);
		if (rc)
			break;
		journal->blocks++;
		if (block->found.block.type != VNEP_PCAPNG_SYNC || !is_enough(journal))
			continue;
		rc = commit_so_far(journal, err);
		if (!rc)
			rc = vnep_jindex_begin(ix, err);
		if (rc)
			break;
	}
	journal->tail.offset = end;
	vnep_jahead_stop(ahead);
	vnep_jwalk_release(&walk);
	return rc;
}

/* The last segment: everything with a mark is taken, the rest is cut. */
static int take_last(
	struct vnep_journal *journal, int fd, uint64_t size, uint64_t *cut, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	struct vnep_jtail *tail = &journal->tail;
	char name[VNEP_JSEGMENT_LEN];
	uint64_t end;
	bool doubt;
	int rc = last_mark(journal, size, &end, &doubt, err);

	vnep_jsegment_name(name, tail->segment);
	if (rc)
		goto out;
	if (end < size)
		*cut += size - end;
	if (doubt)
		keep_aside(journal, fd, tail->segment, end, size);
	if (end == 0) { /* a segment that was being born */
		if (vio->remove(vio, journal->dir, name) || vio->sync_folder(vio, journal->dir))
			rc = vnep_err_sys(err, errno, "cannot remove %s/%s", journal->path, name);
		goto out;
	}
	/* What is taken may not have been synced, nor its name: from here on it counts as durable. */
	if (vio->cut(vio, fd, end) || (!VNEP_BUG(12) && vio->sync(vio, fd)) ||
		(!VNEP_BUG(3) && vio->sync_folder(vio, journal->dir))) {
		rc = vnep_err_sys(
			err, errno, "cannot cut the torn tail of %s/%s", journal->path, name);
		goto out;
	}
	return take_segment(journal, fd, end, err);
out:
	vio->close(vio, fd);
	return rc;
}

static int take_from(struct vnep_journal *journal, uint32_t segment, bool last, uint64_t *cut,
	struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	struct vnep_jtail *tail = &journal->tail;
	struct vnep_pcapng_section section;
	uint64_t size, end;
	bool anew;
	int fd, rc;

	if (segment != tail->segment) {
		tail->segment = segment;
		tail->offset = tail->file = tail->given_up = tail->interface_count = 0;
	}
	rc = vnep_journal_open_segment(journal, segment, last ? O_RDWR : O_RDONLY, &fd, err);
	if (rc)
		return rc;
	if (vio->size(vio, fd, &size)) {
		rc = vnep_err_sys(err, errno, "%s", journal->path);
		vio->close(vio, fd);
		return rc;
	}
	anew = vnep_journal_header(journal, segment, &section) && section.end;
	if (last && !anew && !tail->given_up && (!tail->offset || size > tail->offset))
		return take_last(journal, fd, size, cut, err);
	last = last && !anew;
	rc = last ? 0 : vnep_journal_segment_end(journal, segment, &end, err);
	if (rc || last || end <= tail->offset) {
		vio->close(vio, fd);
		return rc;
	}
	return take_segment(journal, fd, end, err);
}

/* Was the first group of a segment ever durable? It agrees with its mark, or there is a later mark. */
static int was_born(struct vnep_journal *journal, uint32_t segment, uint64_t size, bool *born,
	struct vnep_err *err)
{
	struct vnep_jfound found;
	struct vnep_jwalk walk;
	unsigned marks = 0;
	bool whole = true;
	int fd, rc = vnep_journal_open_segment(journal, segment, O_RDONLY, &fd, err);

	*born = false;
	if (rc)
		return rc;
	vnep_jwalk_init(&walk, journal->vio, fd, segment, 0, size);
	while (!*born && (rc = vnep_jwalk_next(&walk, &found, err)) > 0) {
		if (rc == VNEP_JSTEP_DAMAGE)
			whole = false;
		else if (found.block.type == VNEP_PCAPNG_SYNC)
			*born = whole || ++marks > 1;
	}
	vnep_jwalk_release(&walk);
	return rc < 0 ? rc : 0;
}

/* The newest segment may be only a name, or its first group torn: then it goes before anything else is looked at,
 * and the one in front of it, which may be the one whose sync failed, is the last. */
static int drop_unborn(struct vnep_journal *journal, uint64_t *cut, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	char name[VNEP_JSEGMENT_LEN];
	uint64_t size;
	uint32_t segment;
	bool born;
	int fd, rc = vnep_journal_last_segment(journal, UINT32_MAX, &segment, err);

	if (rc || segment <= journal->tail.segment ||
		!vnep_journal_has_segment(journal, segment, &size))
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	rc = was_born(journal, segment, size, &born, err);
	if (rc || born)
		return rc;
	if (size && !vnep_journal_open_segment(journal, segment, O_RDONLY, &fd, NULL)) {
		keep_aside(journal, fd, segment, 0, size);
		vio->close(vio, fd);
	}
	*cut += size;
	vnep_jsegment_name(name, segment);
	if (vio->remove(vio, journal->dir, name) || vio->sync_folder(vio, journal->dir))
		return vnep_err_sys(err, errno, "cannot remove %s/%s", journal->path, name);
	return 0;
}

/* The segments from the one of the tail on. */
static int take_all(struct vnep_journal *journal, uint64_t *cut, struct vnep_err *err)
{
	uint32_t segment, next;
	int rc = vnep_journal_next_segment(journal, journal->tail.segment, &segment, err), more;

	while (!rc) {
		more = vnep_journal_next_segment(journal, segment + 1, &next, err);
		if (more && more != VNEP_ENOTFOUND)
			return more;
		rc = take_from(journal, segment, more != 0, cut, err);
		if (rc || more)
			return rc;
		segment = next;
	}
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

int vnep_journal_catch_up(struct vnep_journal *journal, uint64_t *cut, struct vnep_err *err)
{
	struct vnep_jindex *ix = &journal->index;
	int rc = vnep_jindex_enter(ix, err);

	if (rc)
		return rc;
	vnep_jwindows_forget(journal); /* what is behind the tail may be written over */
	rc = vnep_jindex_tail(ix, &journal->tail, err);
	vnep_jindex_leave(ix);
	if (rc == VNEP_ENOTFOUND)
		journal->tail = (struct vnep_jtail){ 0 };
	else if (rc)
		return rc;
	rc = vnep_journal_soil(journal, err);
	if (!rc)
		rc = drop_unborn(journal, cut, err);
	if (!rc)
		rc = vnep_jindex_begin(ix, err);
	if (rc)
		return rc;
	journal->blocks = 0;
	rc = take_all(journal, cut, err);
	if (!rc && journal->tail.segment)
		rc = commit_so_far(journal, err);
	vnep_jindex_abort(ix);
	journal->blocks = 0;
	return rc;
}

int vnep_journal_left_behind(struct vnep_journal *journal, struct vnep_err *err)
{
	struct vnep_jtail tail = { 0 };
	uint64_t octets;
	int rc = vnep_jindex_enter(&journal->index, err);

	if (rc)
		return rc;
	rc = vnep_jindex_tail(&journal->index, &tail, err);
	vnep_jindex_leave(&journal->index);
	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	if (vnep_journal_has_segment(journal, tail.segment + 1, &octets))
		return 1;
	return !tail.given_up && vnep_journal_has_segment(journal, tail.segment, &octets) &&
	       octets > tail.offset;
}

/* A segment that was written anew in place of several says so by the number of the one in front of it: those
 * between the two are leftovers of a writer that was killed before it had removed them. From the newest down. The
 * name of the new one may not be on the disk yet: what is written from here on counts on it. */
static int remove_leftovers(struct vnep_journal *journal, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	struct vnep_pcapng_section section;
	char name[VNEP_JSEGMENT_LEN];
	uint32_t above = UINT32_MAX, keep_below = UINT32_MAX, segment;

	if (vio->remove(vio, journal->dir, VNEP_JREWRITE))
		errno = 0; /* no harm but its space, until somebody writes the next one over it */
	while (!vnep_journal_last_segment(journal, above, &segment, err)) {
		above = segment;
		if (keep_below != UINT32_MAX && segment > keep_below && !VNEP_BUG(13)) {
			vnep_jsegment_name(name, segment);
			if (vio->remove(vio, journal->dir, name))
				return vnep_err_sys(
					err, errno, "cannot remove %s/%s", journal->path, name);
		} else {
			keep_below = vnep_journal_header(journal, segment, &section) && section.end
					     ? section.previous
					     : UINT32_MAX;
		}
	}
	return vio->sync_folder(vio, journal->dir) ? vnep_err_sys(err, errno, "%s", journal->path)
						   : 0;
}

static int remove_index(struct vnep_journal *journal, struct vnep_err *err)
{
	const struct vnep_vio *vio = journal->vio;
	static const char *const names[] = { "boot", "clean", "anchor", "new", "data.mdb",
		"lock.mdb", "unsynced" };

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (vio->remove(vio, journal->index_dir, names[i]) && errno != ENOENT)
			return vnep_err_sys(
				err, errno, "cannot remove %s/index/%s", journal->path, names[i]);
	journal->index_unsyncable = journal->kicked = false;
	journal->behind_anchor = journal->behind_kick = 0;
	return vio->sync_folder(vio, journal->index_dir)
		       ? vnep_err_sys(err, errno, "%s/index", journal->path)
		       : 0;
}

/* known: an index that is believed, so that only what a killed writer left can be missing in it. Where that is
 * nothing, nothing is changed, and nothing has to be synced. */
static int open_and_catch_up(
	struct vnep_journal *journal, bool known, uint64_t *cut, struct vnep_err *err)
{
	char path[4096];
	int rc;

	snprintf(path, sizeof path, "%s/index", journal->path);
	rc = vnep_jindex_open(&journal->index, path, true, err);
	if (rc)
		return rc;
	rc = known ? vnep_journal_left_behind(journal, err) : 1;
	if (rc > 0)
		rc = vnep_journal_catch_up(journal, cut, err);
	if (rc)
		vnep_jindex_close(&journal->index);
	return rc;
}

/* Why an index that is there is not used. */
static void note_why(struct vnep_journal *journal, const struct vnep_err *err)
{
	uint64_t size;

	if (!journal->vio->stat(journal->vio, journal->index_dir, "data.mdb", &size))
		snprintf(journal->anew, sizeof journal->anew, "%.127s",
			err->code ? err->text : "it may not have survived a power cut");
}

int vnep_journal_recover(struct vnep_journal *journal, uint64_t *cut, struct vnep_err *err)
{
	struct vnep_err why = { 0 };
	int rc = VNEP_EDAMAGED;

	*cut = 0;
	if (vnep_journal_has_failed_sync(journal))
		vnep_err_set(&why, VNEP_EDAMAGED, "it could not be synced");
	else if (vnep_journal_index_trusted(journal) || vnep_journal_restore(journal))
		rc = open_and_catch_up(journal, true, cut, &why);
	if (rc != VNEP_EDAMAGED) {
		if (rc && err)
			*err = why;
		return rc;
	}
	note_why(journal, &why);
	rc = remove_index(journal, err);
	if (!rc)
		rc = remove_leftovers(journal, err);
	if (!rc)
		rc = open_and_catch_up(journal, false, cut, err);
	if (rc)
		return rc;
	rc = vnep_journal_believe(journal, err);
	if (rc)
		vnep_jindex_close(&journal->index);
	return rc;
}
