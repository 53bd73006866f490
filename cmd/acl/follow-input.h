/*
 * follow-input - records of standard input as a map.
 *
 * Owner   the stream is ours (open/close, close also after a failed open); the map lives as long as it.
 * Errors  a line that is refused is told, counted and passed over.
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

/* A record that was refused waits so long for one that makes room for it (-1: none waits); then it is told. */
int acl_stream_timeout_ms(const struct acl_stream *s);
void acl_stream_give_up(struct acl_stream *s);

/* The first state is whole: its sync record came. */
bool acl_stream_synced(const struct acl_stream *s);

uint64_t acl_stream_revision(const struct acl_stream *s); /* the highest that its records had */

#endif
