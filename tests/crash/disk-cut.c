/* disk-cut - the images that a power cut may leave. */
#include <stdlib.h>
#include <string.h>

#include "disk-private.h"

static bool of_file(enum disk_what what)
{
	return what == OP_WRITE || what == OP_CUT;
}

static bool of_folder(enum disk_what what)
{
	return what == OP_CREATE || what == OP_REMOVE || what == OP_RENAME;
}

/* Did a sync before cut make the effect of this operation durable? A failed one leaves it open for ever. */
static bool is_durable(const struct disk *disk, size_t n, size_t cut)
{
	const struct disk_op *op = &disk->ops[n];

	for (size_t i = n + 1; i < cut; i++) {
		const struct disk_op *later = &disk->ops[i];

		if (of_folder(op->what) && later->what == OP_FOLDER && later->folder == op->folder)
			return true;
		if (!of_file(op->what) || later->file != op->file)
			continue;
		if (later->what == OP_SYNC)
			return true;
		if (later->what == OP_SYNC_FAILED)
			return false;
	}
	return false;
}

static void add_atom(struct disk_atom **atoms, size_t *count, struct disk_atom atom)
{
	if (*count % 64 == 0)
		*atoms = disk_need(realloc(*atoms, (*count + 64) * sizeof **atoms));
	(*atoms)[(*count)++] = atom;
}

size_t disk_atoms(const struct disk *disk, size_t cut, struct disk_atom **out)
{
	size_t count = 0;

	*out = NULL;
	for (size_t n = 0; n < cut; n++) {
		const struct disk_op *op = &disk->ops[n];

		if ((!of_file(op->what) && !of_folder(op->what)) || is_durable(disk, n, cut))
			continue;
		for (size_t from = 0, len; op->what == OP_WRITE && from < op->len; from += len) {
			len = DISK_SECTOR - (size_t)((op->at + from) % DISK_SECTOR);
			if (len > op->len - from)
				len = op->len - from;
			add_atom(out, &count, (struct disk_atom){ n, from, len });
		}
		add_atom(out, &count, (struct disk_atom){ n, 0, 0 });
	}
	return count;
}

/* Octets that nobody wrote: nothing, something, what stood there before, or a record of the same file. */
static void fill(struct vnep_buf *file, size_t from, size_t to, enum disk_fill how,
	const struct vnep_buf *old)
{
	for (size_t i = from; i < to; i++) {
		uint8_t v = 0;

		if (how == FILL_A5)
			v = 0xa5;
		else if (how == FILL_OLD && i < old->len)
			v = old->data[i];
		else if (how == FILL_RECORD && from)
			v = file->data[i % from];
		file->data[i] = v;
	}
}

/* A write's new size: the octets between the old and the new one are what the disk had there. */
static void grow(
	struct vnep_buf *file, uint64_t size, enum disk_fill how, const struct vnep_buf *old)
{
	size_t from = file->len;

	if (size <= from)
		return;
	disk_file_cut(file, size);
	fill(file, from, (size_t)size, how, old);
}

struct building {
	const struct disk *disk;
	const struct disk_atom *atoms;
	const uint8_t *keep;
	size_t count, next; /* atoms come in the order of the operations */
	enum disk_fill how;
	struct vnep_buf old[DISK_FILES]; /* the most that each file ever held */
	struct disk_image *out;
};

static bool kept(struct building *b, size_t n, size_t from, size_t len, bool durable)
{
	if (durable)
		return true;
	if (b->next < b->count && b->atoms[b->next].op == n && b->atoms[b->next].from == from &&
		b->atoms[b->next].len == len)
		return b->keep[b->next++];
	return false;
}

static void apply_write(struct building *b, size_t n, bool durable)
{
	const struct disk_op *op = &b->disk->ops[n];
	struct vnep_buf *file = &b->out->file[op->file], *old = &b->old[op->file];
	size_t first = b->next;
	bool sized;

	/* the size first: octets beyond it are not there */
	while (!durable && b->next < b->count && b->atoms[b->next].op == n && b->atoms[b->next].len)
		b->next++;
	sized = kept(b, n, 0, 0, durable);
	if (sized)
		grow(file, op->at + op->len, b->how, old);
	for (size_t i = first; i < b->next; i++) {
		const struct disk_atom *atom = &b->atoms[i];

		if (durable || !atom->len || !b->keep[i] || op->at + atom->from >= file->len)
			continue;
		memcpy(file->data + op->at + atom->from, op->data + atom->from,
			op->at + atom->from + atom->len > file->len
				? file->len - (size_t)(op->at + atom->from)
				: atom->len);
	}
	if (durable && op->len)
		memcpy(file->data + op->at, op->data, op->len);
	disk_file_write(old, op->data, op->len, op->at);
}

static void apply(struct building *b, size_t n, size_t cut)
{
	const struct disk_op *op = &b->disk->ops[n];
	struct disk_names *names = &b->out->folder[op->folder];
	bool durable = is_durable(b->disk, n, cut);

	if (op->what == OP_WRITE) {
		apply_write(b, n, durable);
		return;
	}
	if (!(of_file(op->what) || of_folder(op->what)) || !kept(b, n, 0, 0, durable))
		return;
	if (op->what == OP_CUT)
		disk_file_cut(&b->out->file[op->file], op->at);
	else if (op->what == OP_CREATE)
		disk_set_name(names, op->name, op->file);
	else if (op->what == OP_REMOVE)
		disk_drop_name(names, op->name);
	else
		disk_rename_in(names, op->name, op->to, op->file);
}

void disk_cut_image(const struct disk *disk, const struct disk_image *base, size_t cut,
	const struct disk_atom *atoms, size_t atom_count, const uint8_t *keep, enum disk_fill how,
	struct disk_image *out)
{
	struct building b = { disk, atoms, keep, atom_count, 0, how, { { 0 } }, out };

	disk_image_copy(out, base);
	out->files = disk->now.files;
	for (size_t n = 0; n < cut; n++)
		apply(&b, n, cut);
	for (unsigned i = 0; i < DISK_FILES; i++)
		vnep_buf_release(&b.old[i]);
}
