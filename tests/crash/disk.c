/* disk - the table over memory, its log, and the images that a power cut may leave. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"

enum { FD_BASE = 100000, META_OCTETS = 8192 };

static void *need(void *memory)
{
	if (!memory) {
		fprintf(stderr, "crash: no memory\n");
		exit(3);
	}
	return memory;
}

uint64_t disk_hash(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *octets = data;

	if (!hash)
		hash = 0xcbf29ce484222325;
	for (; len >= 8; octets += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, octets, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 29;
	}
	for (; len; octets++, len--)
		hash = (hash ^ *octets) * 0x100000001b3;
	return hash ? hash : 1;
}

/* Names. */

static int find(const struct disk_names *names, const char *name)
{
	for (unsigned i = 0; i < names->count; i++)
		if (!strcmp(names->item[i].name, name))
			return (int)i;
	return -1;
}

static void set_name(struct disk_names *names, const char *name, unsigned file)
{
	int i = find(names, name);

	if (i < 0) {
		if (names->count == DISK_NAMES)
			need(NULL);
		i = (int)names->count++;
		snprintf(names->item[i].name, DISK_NAME, "%s", name);
	}
	names->item[i].file = file;
}

static void drop_name(struct disk_names *names, const char *name)
{
	int i = find(names, name);

	if (i >= 0)
		names->item[i] = names->item[--names->count];
}

static bool is_real(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && !strcmp(name + n - 4, ".mdb");
}

/* Files. */

static void file_write(struct vnep_buf *file, const void *data, size_t len, uint64_t at)
{
	if (file->len < at + len)
		vnep_buf_put_zero(file, (size_t)(at + len) - file->len);
	need(file->rc ? NULL : file);
	memcpy(file->data + at, data, len);
}

static void file_cut(struct vnep_buf *file, uint64_t size)
{
	if (file->len < size)
		vnep_buf_put_zero(file, (size_t)size - file->len);
	need(file->rc ? NULL : file);
	file->len = (size_t)size;
}

void disk_image_release(struct disk_image *image)
{
	for (unsigned i = 0; i < image->files; i++)
		vnep_buf_release(&image->file[i]);
	*image = (struct disk_image){ 0 };
}

void disk_image_copy(struct disk_image *out, const struct disk_image *image)
{
	*out = (struct disk_image){ .files = image->files };
	memcpy(out->folder, image->folder, sizeof out->folder);
	for (unsigned i = 0; i < image->files; i++)
		vnep_buf_put(&out->file[i], image->file[i].data, image->file[i].len);
}

const struct vnep_buf *disk_image_get(
	const struct disk_image *image, enum disk_folder folder, const char *name)
{
	int i = find(&image->folder[folder], name);

	return i < 0 ? NULL : &image->file[image->folder[folder].item[i].file];
}

/* What can be seen of it: in any order of the names. */
uint64_t disk_image_hash(const struct disk_image *image)
{
	uint64_t sum = 0;

	for (unsigned f = 0; f < FOLDER_COUNT; f++)
		for (unsigned i = 0; i < image->folder[f].count; i++) {
			const struct vnep_buf *file = &image->file[image->folder[f].item[i].file];
			uint64_t h = disk_hash(f + 7, image->folder[f].item[i].name,
				strlen(image->folder[f].item[i].name));

			sum += disk_hash(h, file->data, file->len) ^ file->len;
		}
	return sum;
}

/* The real index. */

static int index_fd(const struct disk *disk, int flags)
{
	char path[300];

	snprintf(path, sizeof path, "%s/data.mdb", disk->path);
	return open(path, flags | O_CLOEXEC, 0640);
}

void disk_get_index(const struct disk *disk, struct vnep_buf *out)
{
	int fd = index_fd(disk, O_RDONLY);
	struct stat st;
	ssize_t n;

	vnep_buf_reset(out);
	if (fd < 0)
		return;
	if (fstat(fd, &st))
		st.st_size = 0;
	need(vnep_buf_reserve(out, (size_t)st.st_size));
	n = pread(fd, out->data, (size_t)st.st_size, 0);
	out->len = n > 0 ? (size_t)n : 0;
	close(fd);
}

void disk_put_index(const struct disk *disk, const struct vnep_buf *octets)
{
	char path[300];
	int fd;

	snprintf(path, sizeof path, "%s/lock.mdb", disk->path);
	unlink(path);
	snprintf(path, sizeof path, "%s/data.mdb", disk->path);
	unlink(path);
	if (!octets->len)
		return;
	fd = index_fd(disk, O_WRONLY | O_CREAT);
	if (fd < 0 || write(fd, octets->data, octets->len) != (ssize_t)octets->len) {
		perror(path);
		exit(3);
	}
	close(fd);
}

/* The number of the copy that is like the index now. */
static unsigned copy_index(struct disk *disk)
{
	uint8_t meta[META_OCTETS];
	int fd = index_fd(disk, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : pread(fd, meta, sizeof meta, 0);
	uint64_t hash = n > 0 ? disk_hash(0, meta, (size_t)n) : 0;

	if (fd >= 0)
		close(fd);
	if (disk->copy_count && hash == disk->copy_hash)
		return disk->copy_count - 1;
	disk->copies = need(realloc(disk->copies, (disk->copy_count + 1) * sizeof *disk->copies));
	disk->copies[disk->copy_count] = (struct vnep_buf){ 0 };
	disk_get_index(disk, &disk->copies[disk->copy_count]);
	disk->copy_hash = hash;
	return disk->copy_count++;
}

static struct disk_op *log_op(struct disk *disk, enum disk_what what)
{
	struct disk_op *op;

	if (disk->op_count == disk->op_cap) {
		disk->op_cap = disk->op_cap ? 2 * disk->op_cap : 64;
		disk->ops = need(realloc(disk->ops, disk->op_cap * sizeof *disk->ops));
	}
	op = &disk->ops[disk->op_count++];
	*op = (struct disk_op){ .what = what, .index = copy_index(disk) };
	if (disk->kill_after && --disk->kill_after == 0)
		disk->dead = true;
	return op;
}

/* The table. */

static struct disk *of(const struct vnep_vio *vio)
{
	return (struct disk *)(uintptr_t)vio;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* Is this the call that is to fail? */
static bool strikes(struct disk *disk, unsigned *count)
{
	if (!*count || --*count)
		return false;
	disk->struck = true;
	if (disk->fault.for_ever)
		*count = 1;
	return true;
}

static enum disk_folder folder_of(const struct disk *disk, int dir)
{
	return dir == disk->folder_fd[FOLDER_INDEX] ? FOLDER_INDEX : FOLDER_JOURNAL;
}

static struct vnep_buf *file_of(struct disk *disk, int fd)
{
	return &disk->now.file[disk->fds[fd - FD_BASE].file];
}

static int sim_folder(const struct vnep_vio *vio, int dir, const char *name)
{
	struct disk *disk = of(vio);
	int fd = vnep_vio_disk.folder(vio, dir, name);

	disk->folder_fd[dir < 0 ? FOLDER_JOURNAL : FOLDER_INDEX] = fd;
	return fd;
}

static int new_fd(struct disk *disk, unsigned file)
{
	for (int i = 0; i < DISK_FDS; i++)
		if (!disk->fds[i].used) {
			disk->fds[i].used = true;
			disk->fds[i].file = file;
			return FD_BASE + i;
		}
	return fail(EMFILE);
}

static int sim_open(const struct vnep_vio *vio, int dir, const char *name, int flags)
{
	struct disk *disk = of(vio);
	enum disk_folder folder = folder_of(disk, dir);
	int i = find(&disk->now.folder[folder], name);
	struct disk_op *op;
	unsigned file;

	if (disk->dead && flags & (O_CREAT | O_TRUNC))
		return fail(EIO);
	if (i >= 0 && flags & O_EXCL)
		return fail(EEXIST);
	if (i < 0 && !(flags & O_CREAT))
		return fail(ENOENT);
	file = i < 0 ? disk->now.files++ : disk->now.folder[folder].item[i].file;
	if (file >= DISK_FILES)
		need(NULL);
	if (i < 0) {
		op = log_op(disk, OP_CREATE);
		op->folder = folder;
		op->file = file;
		snprintf(op->name, sizeof op->name, "%s", name);
		set_name(&disk->now.folder[folder], name, file);
	} else if (flags & O_TRUNC) {
		op = log_op(disk, OP_CUT);
		op->file = file;
		file_cut(&disk->now.file[file], 0);
	}
	return new_fd(disk, file);
}

static int sim_close(const struct vnep_vio *vio, int fd)
{
	if (fd < FD_BASE)
		return close(fd);
	of(vio)->fds[fd - FD_BASE].used = false;
	return 0;
}

static ssize_t sim_read(const struct vnep_vio *vio, int fd, void *data, size_t len, uint64_t at)
{
	struct vnep_buf *file = file_of(of(vio), fd);

	if (at >= file->len)
		return 0;
	if (len > file->len - at)
		len = file->len - (size_t)at;
	memcpy(data, file->data + at, len);
	return (ssize_t)len;
}

static ssize_t sim_write(
	const struct vnep_vio *vio, int fd, const void *data, size_t len, uint64_t at)
{
	struct disk *disk = of(vio);
	bool strike = strikes(disk, &disk->fault.write);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	disk->writes++;
	if (strike && !(disk->fault.partly && len > 1))
		return fail(disk->fault.error);
	if (strike ||
		(disk->fault.short_every && len > 1 && disk->writes % disk->fault.short_every == 0))
		len /= 2;
	if (strike) /* what is left fails at the next call */
		disk->fault.write = 1, disk->fault.partly = false;
	op = log_op(disk, OP_WRITE);
	op->file = disk->fds[fd - FD_BASE].file;
	op->at = at;
	op->len = len;
	op->data = need(malloc(len ? len : 1));
	memcpy(op->data, data, len);
	file_write(file_of(disk, fd), data, len, at);
	return (ssize_t)len;
}

static int sim_allocate(const struct vnep_vio *vio, int fd, uint64_t at, uint64_t len)
{
	struct disk *disk = of(vio);

	(void)fd;
	(void)at;
	(void)len;
	return strikes(disk, &disk->fault.allocate) ? fail(disk->fault.error) : 0;
}

static int sim_cut(const struct vnep_vio *vio, int fd, uint64_t size)
{
	struct disk *disk = of(vio);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	op = log_op(disk, OP_CUT);
	op->file = disk->fds[fd - FD_BASE].file;
	op->at = size;
	file_cut(file_of(disk, fd), size);
	return 0;
}

static int sim_sync(const struct vnep_vio *vio, int fd)
{
	struct disk *disk = of(vio);
	bool strike = strikes(disk, &disk->fault.sync);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	op = log_op(disk, strike ? OP_SYNC_FAILED : OP_SYNC);
	op->file = disk->fds[fd - FD_BASE].file;
	return strike ? fail(disk->fault.error) : 0;
}

static int sim_sync_folder(const struct vnep_vio *vio, int dir)
{
	struct disk *disk = of(vio);

	if (disk->dead)
		return fail(EIO);
	if (strikes(disk, &disk->fault.folder))
		return fail(disk->fault.error);
	log_op(disk, OP_FOLDER)->folder = folder_of(disk, dir);
	return 0;
}

static int sim_size(const struct vnep_vio *vio, int fd, uint64_t *out)
{
	*out = file_of(of(vio), fd)->len;
	return 0;
}

static int sim_stat(const struct vnep_vio *vio, int dir, const char *name, uint64_t *size)
{
	struct disk *disk = of(vio);
	int i = find(&disk->now.folder[folder_of(disk, dir)], name);

	if (is_real(name))
		return vnep_vio_disk.stat(vio, dir, name, size);
	if (i < 0)
		return fail(ENOENT);
	*size = disk->now.file[disk->now.folder[folder_of(disk, dir)].item[i].file].len;
	return 0;
}

static int sim_remove(const struct vnep_vio *vio, int dir, const char *name)
{
	struct disk *disk = of(vio);
	enum disk_folder folder = folder_of(disk, dir);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	if (is_real(name))
		return vnep_vio_disk.remove(vio, dir, name);
	if (find(&disk->now.folder[folder], name) < 0)
		return fail(ENOENT);
	op = log_op(disk, OP_REMOVE);
	op->folder = folder;
	snprintf(op->name, sizeof op->name, "%s", name);
	drop_name(&disk->now.folder[folder], name);
	return 0;
}

static void rename_in(struct disk_names *names, const char *from, const char *to, unsigned file)
{
	set_name(names, to, file);
	drop_name(names, from);
}

static int sim_rename(const struct vnep_vio *vio, int dir, const char *from, const char *to)
{
	struct disk *disk = of(vio);
	enum disk_folder folder = folder_of(disk, dir);
	int i = find(&disk->now.folder[folder], from);
	struct disk_op *op;

	if (disk->dead)
		return fail(EIO);
	if (i < 0)
		return fail(ENOENT);
	op = log_op(disk, OP_RENAME);
	op->folder = folder;
	op->file = disk->now.folder[folder].item[i].file;
	snprintf(op->name, sizeof op->name, "%s", from);
	snprintf(op->to, sizeof op->to, "%s", to);
	rename_in(&disk->now.folder[folder], from, to, op->file);
	return 0;
}

static int sim_list(const struct vnep_vio *vio, int dir, vnep_vio_name_cb *cb, void *arg)
{
	struct disk *disk = of(vio);
	struct disk_names names = disk->now.folder[folder_of(disk, dir)];
	int rc = 0;

	for (unsigned i = 0; !rc && i < names.count; i++)
		rc = cb(names.item[i].name, arg);
	return rc;
}

static const struct vnep_vio sim = {
	.folder = sim_folder,
	.open = sim_open,
	.close = sim_close,
	.read = sim_read,
	.write = sim_write,
	.allocate = sim_allocate,
	.cut = sim_cut,
	.sync = sim_sync,
	.sync_folder = sim_sync_folder,
	.size = sim_size,
	.stat = sim_stat,
	.remove = sim_remove,
	.rename = sim_rename,
	.list = sim_list,
};

void disk_init(struct disk *disk, const char *index_path)
{
	*disk = (struct disk){ .vio = sim, .folder_fd = { -1, -1 } };
	snprintf(disk->path, sizeof disk->path, "%s", index_path);
}

static void forget_ops(struct disk *disk)
{
	for (size_t i = 0; i < disk->op_count; i++)
		free(disk->ops[i].data);
	for (unsigned i = 0; i < disk->copy_count; i++)
		vnep_buf_release(&disk->copies[i]);
	free(disk->ops);
	free(disk->copies);
	disk->ops = NULL;
	disk->copies = NULL;
	disk->op_count = disk->op_cap = disk->copy_count = 0;
}

void disk_release(struct disk *disk)
{
	forget_ops(disk);
	disk_image_release(&disk->now);
}

void disk_load(struct disk *disk, const struct disk_image *image)
{
	struct disk_image copy;

	disk_image_copy(&copy, image);
	disk_release(disk);
	disk->now = copy;
	disk->fault = (struct disk_fault){ 0 };
	memset(disk->fds, 0, sizeof disk->fds);
}

/* Power cuts. */

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
		*atoms = need(realloc(*atoms, (*count + 64) * sizeof **atoms));
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
	file_cut(file, size);
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
	file_write(old, op->data, op->len, op->at);
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
		file_cut(&b->out->file[op->file], op->at);
	else if (op->what == OP_CREATE)
		set_name(names, op->name, op->file);
	else if (op->what == OP_REMOVE)
		drop_name(names, op->name);
	else
		rename_in(names, op->name, op->to, op->file);
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
