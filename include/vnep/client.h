/*
 * client - a request to the vnep-edge that lives on a state folder, over its control socket.
 *
 * Protocol  JSON lines. The client sends {"type":"request","v":1,"verb":"…", …arguments}, then the verb's
 *           input records if it has any, then shuts its side of the socket down. The edge answers with
 *           records (errors among them, type error) and ends with {"type":"done","v":1,"exit":N}.
 *           Verbs: map.put (input: records; replace, if_revision, dry_run, history_us), map.delete (dev[]),
 *           journal.append (input: event, checkpoint, outcome records), journal.prune (before_us, octets,
 *           vpc_octets, packets; or erase, a dev), acl.apply, acl.awake (dev[]),
 *           acl.asleep (dev[]), replay.send (input: events), mcast.send (group, vpc[], …; input:
 *           instructions), mcast.plan, mcast.members (group), mcast.watch, status (dev[]), metrics, watch, attach (dev, port,
 *           vlan, addr), detach (dev), reload, upgrade, upgraded (after), stop. vnep-edge(8) is the reference.
 * Owner     ours (open/close). Lines are lent until the next call.
 * Errors    VNEP_EUNAVAIL: it lives but does not answer (deadline 10 s without a byte, watch excepted).
 */
#ifndef VNEP_CLIENT_H
#define VNEP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct vnep_err;
struct vnep_client;

/* *out is NULL and the return 0 if no vnep-edge lives on the state folder. */
int vnep_client_open(struct vnep_client **out, const char *state, struct vnep_err *err);
void vnep_client_close(struct vnep_client *client);

/* request: the members behind the verb, such as "\"replace\":true" (no braces), or NULL. */
int vnep_client_request(struct vnep_client *client, const char *verb, const char *members,
	struct vnep_err *err);
int vnep_client_send(struct vnep_client *client, const char *line, size_t len, struct vnep_err *err);
int vnep_client_end(struct vnep_client *client, struct vnep_err *err); /* no more input */

/* 1: *line (without newline), 0: done, *exit_status holds the edge's; negative: an error. wait_forever: for watch. */
int vnep_client_next(struct vnep_client *client, int wait_forever, const char **line, size_t *len,
	int *exit_status, struct vnep_err *err);

/* The same, waiting at most ms (0: not at all) for more to come: then -ETIMEDOUT, and err is not touched. */
int vnep_client_next_within(struct vnep_client *client, int ms, const char **line, size_t *len,
	int *exit_status, struct vnep_err *err);

/* Is this line of an answer an error record? Then *err is what it says. */
bool vnep_client_told(const char *line, size_t len, struct vnep_err *err);

#endif
