/* disk-private - what the files of the disk share: disk-image (one moment), disk (operations), disk-cut (what may be left). */
#ifndef DISK_PRIVATE_H
#define DISK_PRIVATE_H

#include "disk.h"

void *disk_need(void *memory); /* ends the test where there is none */

int disk_find_name(const struct disk_names *names, const char *name); /* -1: not there */
void disk_set_name(struct disk_names *names, const char *name, unsigned file);
void disk_drop_name(struct disk_names *names, const char *name);
void disk_rename_in(struct disk_names *names, const char *from, const char *to, unsigned file);

void disk_file_write(struct vnep_buf *file, const void *data, size_t len, uint64_t at);
void disk_file_cut(struct vnep_buf *file, uint64_t size);

#endif
