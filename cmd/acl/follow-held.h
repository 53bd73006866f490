/*
 * follow-held - lines of follow-input.c that are on their way into the map, one of each record.
 *
 * Owner   struct acl_held is ours (init/release), and so are the lines in it; a line that is made or taken out is
 *         the caller's, to be put or freed.
 * Errors  -ENOMEM of put, NULL of line and take_all.
 */
#ifndef VNEP_CMD_ACL_FOLLOW_HELD_H
#define VNEP_CMD_ACL_FOLLOW_HELD_H

#include "vnep/table.h"

struct vnep_json;

struct acl_held_line {
	struct vnep_slice key; /* type and id, behind the text */
	unsigned line;
	size_t len;
	char text[];
};

struct acl_held {
	struct vnep_table by_key, by_line;
};

void acl_held_init(struct acl_held *held);
void acl_held_release(struct acl_held *held);
void acl_held_clear(struct acl_held *held);

struct acl_held_line *acl_held_line(
	unsigned line, const struct vnep_json *record, const char *text, size_t len);

/* Instead of that of the same record, of which the later line stays. The line is taken over in any case. */
int acl_held_put(struct acl_held *held, struct acl_held_line *l);

/* The line of the same record, if there is one, goes. */
void acl_held_forget(struct acl_held *held, const struct acl_held_line *l);

struct acl_held_line *acl_held_take_line(struct acl_held *held, unsigned line);
struct acl_held_line *acl_held_take_any(struct acl_held *held);

/* All, in the order of their lines; free the array. */
struct acl_held_line **acl_held_take_all(struct acl_held *held);

#endif
