/*
 * disk - a disk in memory that remembers every operation, and what may be left of it after a power cut.
 *
 * Rules   a write takes effect sector by sector, in any order, or not at all; its new size apart from its
 *         octets; a name apart from its file. sync makes the octets and the size of a file durable,
 *         sync_folder the names of a folder. After a failed sync each effect in front of it is there or
 *         lost for good: no later sync brings it back.
 * Index   files *.mdb are real ones: LMDB maps them. The disk keeps a copy for each operation that found
 *         them changed. Behind its last sync any page of it may be any that stood there since.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/buf.h"
#include "vnep/vio.h"

enum { DISK_PAGE = 4096, DISK_SECTOR = 512, DISK_NAME = 32, DISK_FILES = 64, DISK_NAMES = 32, DISK_FDS = 64,
	DISK_INDEX = DISK_FILES /* the number of data.mdb */ };

enum disk_folder { FOLDER_JOURNAL, FOLDER_INDEX, FOLDER_COUNT };

enum disk_what { OP_CREATE, OP_WRITE, OP_CUT, OP_SYNC, OP_SYNC_FAILED, OP_REMOVE, OP_RENAME, OP_FOLDER };

struct disk_op {
	enum disk_what what;
	unsigned file;             /* CREATE, WRITE, CUT, SYNC */
	enum disk_folder folder;   /* CREATE, REMOVE, RENAME, FOLDER */
	char name[DISK_NAME], to[DISK_NAME];
	uint64_t at;               /* WRITE, CUT */
	size_t len;
	uint8_t *data;
	unsigned index;            /* number of the copy of the index */
};

struct disk_names {
	struct {
		char name[DISK_NAME];
		unsigned file;
	} item[DISK_NAMES];
	unsigned count;
};

/* One moment's content: files by number, names by folder. */
struct disk_image {
	struct vnep_buf file[DISK_FILES];
	unsigned files;
	struct disk_names folder[FOLDER_COUNT];
};

/* What the disk says no to: the n-th call from now on, once; 0 = never. */
struct disk_fault {
	unsigned sync, write, allocate, folder;
	int error;
	bool for_ever; /* and each one behind it */
	bool partly; /* half of the write that fails is done */
	unsigned short_every; /* each n-th write takes half of what it was given, and says so */
};

struct disk {
	struct vnep_vio vio; /* first: the table finds its disk */
	char path[256];      /* STATE/journal/index, the real folder */
	struct disk_image now;
	struct disk_op *ops;
	size_t op_count, op_cap;
	struct {
		bool used;
		unsigned file;
	} fds[DISK_FDS];
	int folder_fd[FOLDER_COUNT];
	struct vnep_buf *copies; /* of data.mdb; the first one is empty */
	unsigned copy_count;
	uint64_t copy_hash;
	struct disk_fault fault;
	unsigned writes;
	bool struck; /* a fault came to pass */
	bool dead;         /* the process was killed: nothing is done any more */
	size_t kill_after; /* dies behind so many more operations; 0 = never */
};

void disk_init(struct disk *disk, const char *index_path);
void disk_release(struct disk *disk);
/* Start from an image, everything in it durable. */
void disk_load(struct disk *disk, const struct disk_image *image);

/* The parts of what was done before operation cut and may or may not have reached the disk. */
struct disk_atom {
	size_t op;
	size_t from, len; /* of its data; len 0: its size, cut or name */
};
size_t disk_atoms(const struct disk *disk, size_t cut, struct disk_atom **out);

/* What fills octets that a size covers but no write reached. */
enum disk_fill { FILL_ZERO, FILL_A5, FILL_OLD, FILL_RECORD, FILL_COUNT };

/* What is durable at cut, and the atoms whose bit in keep is set. base: what the disk began with. */
void disk_cut_image(const struct disk *disk, const struct disk_image *base, size_t cut,
	const struct disk_atom *atoms, size_t atom_count, const uint8_t *keep, enum disk_fill fill,
	struct disk_image *out);

void disk_image_copy(struct disk_image *out, const struct disk_image *image);
void disk_image_release(struct disk_image *image);
uint64_t disk_image_hash(const struct disk_image *image);
/* The file of that name, or NULL. */
const struct vnep_buf *disk_image_get(
	const struct disk_image *image, enum disk_folder folder, const char *name);

/* The real data.mdb of the disk: octets in it (len 0: none). */
void disk_put_index(const struct disk *disk, const struct vnep_buf *octets);
/* What may be left of it at cut: a page of any copy since the last sync of it (since its beginning if there was none). */
void disk_tear_index(
	const struct disk *disk, size_t cut, uint64_t *random, struct vnep_buf *out);
void disk_get_index(const struct disk *disk, struct vnep_buf *out);

uint64_t disk_hash(uint64_t hash, const void *data, size_t len);

#endif
