/*
 * journal-replace - a segment that was written anew takes the place of those that it stands for.
 *
 * The index is distrusted before the rename and believed again behind it, so whoever comes in between makes it
 * anew. One that cannot be distrusted leaves everything as it is.
 *
 * Of a lost segment only the index knows: made anew in between it would forget what was lost, and give its numbers
 * once more. So the range that tells of it is on the disk before the index is distrusted; a writer that is killed
 * between those two leaves an index that takes the settled events for damaged ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "journal-rewrite.h"
#include "vnep/err.h"

enum { SORTS_A_BLOCK = 16 };

/* The index follows. */

/* Those of each device stay in their order: so a chunk of the index is written once, and its pages are met one after
 * the other. */
static int sort_some(struct follow *f, uint32_t device_count, size_t max, struct vnep_err *err)
{
	const struct vnep_jmove *met = (const struct vnep_jmove *)(const void *)f->met.data;
	size_t count = f->met.len / sizeof *met, until;

	if (!f->at) {
		f->at = calloc((size_t)device_count + 1, sizeof *f->at);
		f->sorted = malloc((count + 1) * sizeof *f->sorted);
		if (!f->at || !f->sorted)
			return vnep_err_sys(err, ENOMEM, "journal");
	}
	until = max && f->counted + max < count ? f->counted + max : count;
	if (f->counted < count) {
		for (; f->counted < until; f->counted++) {
			f->at[met[f->counted].id + 1]++;
			f->sorted[f->counted].seq = 0; /* else the first ones meet all its pages */
		}
		return 1;
	}
	for (uint32_t id = 1; !f->summed && id < device_count; id++)
		f->at[id] += f->at[id - 1];
	f->summed = true;
	until = max && f->placed + max < count ? f->placed + max : count;
	for (; f->placed < until; f->placed++)
		f->sorted[f->at[met[f->placed].id]++] = met[f->placed];
	return f->placed < count;
}

int vnep_jrewriting_sort(struct vnep_jrewriting *w, size_t max, struct vnep_err *err)
{
	int rc;

	do {
		rc = sort_some(&w->moves, w->device_count, max * SORTS_A_BLOCK, err);
		if (!rc)
			rc = sort_some(&w->gone, w->device_count, max * SORTS_A_BLOCK, err);
	} while (rc == 1 && !max);
	return rc;
}

static int index_moves(struct vnep_jrewriting *w, struct vnep_err *err)
{
	const struct vnep_jmove *moves = w->moves.sorted;
	size_t count = w->moves.placed, n;
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i += n) {
		for (n = 1; i + n < count && moves[i + n].id == moves[i].id;)
			n++;
		rc = vnep_jindex_move(&w->journal->index, moves[i].id, w->to, moves + i, n, err);
	}
	return rc;
}

static int index_new(struct vnep_jrewriting *w, struct vnep_err *err)
{
	struct vnep_jindex *ix = &w->journal->index;
	const struct vnep_jmove *gone = w->gone.sorted;
	uint32_t id;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < w->interface_count; i++) {
		memcpy(&id, w->ids.data + i * sizeof id, sizeof id);
		rc = vnep_jindex_put_interface(ix, w->to, i, id, err);
	}
	for (size_t i = 0; !rc && i < w->gone.placed; i++)
		rc = vnep_jindex_forget(ix, gone[i].id, gone[i].seq, gone[i].offset, err);
	return rc ? rc : index_moves(w, err);
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

	journal->started_over++;
	vnep_jindex_close(&journal->index);
	vnep_journal_recover(journal, &cut, NULL); /* else whoever uses it next is told */
}

static int place(struct vnep_jrewriting *w, struct vnep_err *err)
{
	int rc = vnep_journal_distrust(w->journal, err);

	if (rc) { /* nothing has changed: what was true of the index still is */
		vnep_journal_believe(w->journal, NULL); /* else the next one makes it anew */
		return rc;
	}
	w->placed = true;
	return take_place(w, err);
}

/* Where nothing is. What fails is undone: then the segment is as lost as it was. */
static int place_lost(struct vnep_jrewriting *w, struct vnep_err *err)
{
	struct vnep_journal *journal = w->journal;
	const struct vnep_vio *vio = journal->vio;
	char name[VNEP_JSEGMENT_LEN];
	int rc = 0;

	vnep_jsegment_name(name, w->to);
	if (vio->rename(vio, journal->dir, VNEP_JREWRITE, name))
		return vnep_err_sys(err, errno, "cannot make %s/%s", journal->path, name);
	if (vio->sync_folder(vio, journal->dir))
		rc = vnep_err_sys(err, errno, "cannot sync %s", journal->path);
	else
		rc = vnep_journal_distrust(journal, err);
	w->placed = !rc || vio->rename(vio, journal->dir, name, VNEP_JREWRITE);
	if (!w->placed)
		vnep_journal_believe(journal, NULL);
	return rc;
}

int vnep_jrewriting_replace(struct vnep_jrewriting *w, struct vnep_err *err)
{
	struct vnep_journal *journal = w->journal;
	int rc;

	if (journal->fd >= 0 && journal->fd_segment <= w->to) {
		journal->vio->close(journal->vio, journal->fd);
		journal->fd = -1;
	}
	rc = w->lost ? place_lost(w, err) : place(w, err);
	if (!w->placed)
		return rc;
	if (!rc)
		rc = follow(w, err);
	if (!rc)
		rc = vnep_journal_believe(journal, err);
	vnep_journal_forget_read(journal);
	if (rc)
		start_over(journal);
	return rc;
}
