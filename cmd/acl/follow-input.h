/*
 * follow-input - records of standard input as a map.
 *
 * Owner   the stream is ours (open/close, close also after a failed open); the map lives as long as it.
 * Errors  a line that is no record of the map is told, counted and passed over.
 */
#ifndef VNEP_CMD_ACL_FOLLOW_INPUT_H
#define VNEP_CMD_ACL_FOLLOW_INPUT_H

#include <stdbool.h>
#include <stdint.h>

struct acl_stream;
struct vnep_cli;
struct vnep_mapstore;

int acl_stream_open(struct vnep_cli *cli, struct acl_stream **out);
void acl_stream_close(struct acl_stream *s);
struct vnep_mapstore *acl_stream_map(const struct acl_stream *s);

/* Take what there is, waiting for it, into the map. *end: there will be no more. VNEP_EVALUE: the first state is none,
 * but the changes after a revision. */
int acl_stream_read(struct acl_stream *s, bool *end);

/* Records that the map refuses wait for others that make room for them. Call _quiet when it is _timeout_ms (-1: none
 * waits) that nothing was read. _is_behind: the map lacks some of what was read. */
int acl_stream_timeout_ms(const struct acl_stream *s);
int acl_stream_quiet(struct acl_stream *s);
bool acl_stream_is_behind(const struct acl_stream *s);

/* VNEP_ECONFLICT, and the first is told: some were refused for good. */
int acl_stream_lost(struct acl_stream *s);

/* The first state is whole: its sync record came. */
bool acl_stream_synced(const struct acl_stream *s);

uint64_t acl_stream_revision(const struct acl_stream *s); /* the highest in the map */

#endif
