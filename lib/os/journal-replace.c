/*
 * journal-replace - a segment that was written anew takes the place of those that it stands for.
 *
 * The index is distrusted before the rename and believed again behind it, so whoever comes in between makes it
 * anew. One that cannot be distrusted leaves everything as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "journal-rewrite.h"
#include "vnep/err.h"

/* The index follows. */

/* An event that stays has a new place; what came before the first one that stays is gone. */
static int move_event(struct vnep_jrewriting *w, uint32_t id, uint64_t seq,
	const struct vnep_jplace *place, struct vnep_err *err)
{
	struct vnep_jevent entry, old;
	int rc = vnep_jindex_event(&w->journal->index, id, seq, &entry, err);

	if (rc)
		return rc == VNEP_ENOTFOUND ? 0 : rc;
	entry.segment = place->segment;
	entry.offset = place->offset;
	entry.length = place->length;
	return vnep_jindex_put_event(&w->journal->index, id, seq, &entry, &old, err);
}

static int forget_range(
	struct vnep_jrewriting *w, const struct vnep_pcapng_erased *erased, struct vnep_err *err)
{
	struct vnep_jindex *ix = &w->journal->index;
	uint32_t id;
	int rc = vnep_jindex_id(ix, erased->dev, &id, err);

	if (!rc)
		rc = vnep_jindex_forget(ix, id, erased->seq, erased->seq + erased->count - 1, err);
	return rc == VNEP_ENOTFOUND ? 0 : rc;
}

static int index_block(struct vnep_jrewriting *w, const struct vnep_jfound *found, uint32_t *ids,
	struct vnep_err *err)
{
	const struct vnep_pcapng_block *block = &found->block;
	struct vnep_jplace place = { w->to, (uint32_t)block->len, found->offset };
	struct vnep_journal_item item;
	uint32_t id;
	int rc;

	if (block->type == VNEP_PCAPNG_INTERFACE) {
		rc = vnep_jindex_id(&w->journal->index, block->interface.name, &id, err);
		ids[block->interface.id] = id;
		return rc ? rc
			  : vnep_jindex_put_interface(
				    &w->journal->index, w->to, block->interface.id, id, err);
	}
	if (block->type == VNEP_PCAPNG_PACKET)
		return move_event(w, ids[block->packet.interface], block->packet.seq, &place, err);
	if (block->type == VNEP_PCAPNG_ERASED)
		return forget_range(w, &block->erased, err);
	if (block->type != VNEP_PCAPNG_RECORD || vnep_jitem_decode(&item, block, NULL) ||
		item.type != VNEP_RECORD_EVENT || !item.event.seq)
		return 0;
	rc = vnep_jindex_id(&w->journal->index, item.event.dev, &id, err);
	return rc ? rc : move_event(w, id, item.event.seq, &place, err);
}

static int index_new(struct vnep_jrewriting *w, struct vnep_err *err)
{
	uint32_t *ids = calloc(w->interface_count + 1, sizeof *ids);
	struct vnep_jfound found;
	struct vnep_jwalk walk;
	int fd, rc = vnep_journal_open_segment(w->journal, w->to, O_RDONLY, &fd, err);

	if (rc || !ids) {
		free(ids);
		return rc ? rc : vnep_err_sys(err, ENOMEM, "journal");
	}
	vnep_jwalk_init(&walk, w->journal->vio, fd, w->to, 0, w->base);
	while ((rc = vnep_jwalk_next(&walk, &found, err)) == VNEP_JSTEP_BLOCK) {
		rc = index_block(w, &found, ids, err);
		if (rc)
			break;
	}
	if (rc == VNEP_JSTEP_DAMAGE)
		rc = vnep_err_set(err, VNEP_EDAMAGED, "segment %u cannot be read back", w->to);
	vnep_jwalk_release(&walk);
	free(ids);
	return rc;
}

static int follow(struct vnep_jrewriting *w, struct vnep_err *err)
{
	struct vnep_journal *journal = w->journal;
	struct vnep_jtail *tail = &journal->tail;
	int rc = vnep_jindex_begin(&journal->index, err);

	if (!rc)
		rc = vnep_jindex_tail(&journal->index, tail, err);
	if (!rc)
		rc = index_new(w, err);
	if (!rc) {
		tail->events -= w->pruned.events < tail->events ? w->pruned.events : tail->events;
		if (tail->segment == w->to) {
			tail->offset = w->base;
			tail->file = w->section.file;
			tail->interface_count = w->interface_count;
		}
		rc = vnep_jindex_put_tail(&journal->index, tail, err);
	}
	if (!rc)
		rc = vnep_jindex_commit(&journal->index, err);
	vnep_jindex_abort(&journal->index);
	return rc;
}

/* The files. */

static int take_place(struct vnep_jrewriting *w, struct vnep_err *err)
{
	struct vnep_journal *journal = w->journal;
	const struct vnep_vio *vio = journal->vio;
	char name[VNEP_JSEGMENT_LEN];
	uint32_t segment = w->from - 1;

	vnep_jsegment_name(name, w->to);
	if (vio->rename(vio, journal->dir, VNEP_JREWRITE, name) ||
		(!VNEP_BUG(15) && vio->sync_folder(vio, journal->dir)))
		return vnep_err_sys(err, errno, "cannot replace %s/%s", journal->path, name);
	while (!vnep_journal_next_segment(journal, segment + 1, &segment, NULL) &&
		segment < w->to) {
		vnep_jsegment_name(name, segment);
		if (vio->remove(vio, journal->dir, name))
			return vnep_err_sys(err, errno, "cannot remove %s/%s", journal->path, name);
	}
	return vio->sync_folder(vio, journal->dir)
		       ? vnep_err_sys(err, errno, "cannot sync %s", journal->path)
		       : 0;
}

/* Files and index may not agree any more: make the index anew, as a new process would. */
static void start_over(struct vnep_journal *journal)
{
	uint64_t cut;

	vnep_jindex_close(&journal->index);
	vnep_journal_recover(journal, &cut, NULL); /* else whoever uses it next is told */
}

int vnep_jrewriting_replace(struct vnep_jrewriting *w, struct vnep_err *err)
{
	struct vnep_journal *journal = w->journal;
	int rc;

	if (journal->fd >= 0 && journal->fd_segment <= w->to) {
		journal->vio->close(journal->vio, journal->fd);
		journal->fd = -1;
	}
	rc = vnep_journal_distrust(journal, err);
	if (rc) { /* nothing has changed: what was true of the index still is */
		vnep_journal_believe(journal, NULL); /* else the next one makes it anew */
		return rc;
	}
	w->placed = true;
	rc = take_place(w, err);
	if (!rc)
		rc = follow(w, err);
	if (!rc)
		rc = vnep_journal_believe(journal, err);
	vnep_journal_forget_read(journal);
	if (rc)
		start_over(journal);
	return rc;
}
