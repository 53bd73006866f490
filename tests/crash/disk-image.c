/* disk-image - what a disk holds at one moment: names and files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk-private.h"

void *disk_need(void *memory)
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

int disk_find_name(const struct disk_names *names, const char *name)
{
	for (unsigned i = 0; i < names->count; i++)
		if (!strcmp(names->item[i].name, name))
			return (int)i;
	return -1;
}

void disk_set_name(struct disk_names *names, const char *name, unsigned file)
{
	int i = disk_find_name(names, name);

	if (i < 0) {
		if (names->count == DISK_NAMES)
			disk_need(NULL);
		i = (int)names->count++;
		snprintf(names->item[i].name, DISK_NAME, "%s", name);
	}
	names->item[i].file = file;
}

void disk_drop_name(struct disk_names *names, const char *name)
{
	int i = disk_find_name(names, name);

	if (i >= 0)
		names->item[i] = names->item[--names->count];
}

/* Files. */

void disk_file_write(struct vnep_buf *file, const void *data, size_t len, uint64_t at)
{
	if (file->len < at + len)
		vnep_buf_put_zero(file, (size_t)(at + len) - file->len);
	disk_need(file->rc ? NULL : file);
	memcpy(file->data + at, data, len);
}

void disk_file_cut(struct vnep_buf *file, uint64_t size)
{
	if (file->len < size)
		vnep_buf_put_zero(file, (size_t)size - file->len);
	disk_need(file->rc ? NULL : file);
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
	int i = disk_find_name(&image->folder[folder], name);

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

void disk_rename_in(struct disk_names *names, const char *from, const char *to, unsigned file)
{
	disk_set_name(names, to, file);
	disk_drop_name(names, from);
}
