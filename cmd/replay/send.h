/* send - what the two ways of sending share: through ports of our own, and through a living
 * vnep-edge. */
#ifndef SEND_H
#define SEND_H

#include "replay.h"
#include "vnep/client.h"

enum { SEND_BATCH = 64 };

struct send {
	struct replay_item items[SEND_BATCH]; /* without frame and text: those were lent */
	struct vnep_buf bytes;		      /* the frames of the batch, one behind the other */
	size_t len[SEND_BATCH];
	unsigned count, limit;
	size_t port; /* index: the table of ports may move */
	struct vnep_mono start;
	uint64_t sent;
	struct replay_lateness lateness;
	int failed;		  /* first error of a port: the run goes on, the exit says so */
	struct vnep_client *edge; /* NULL: nobody lives on the state folder */
	unsigned unanswered;	  /* events the edge has not answered yet */
};

/* Wait for the time of a packet of len octets; note how late it is. */
void send_keep_pace(
	struct replay *replay, struct send *send, const struct replay_item *item, size_t len);
void send_write_out(struct replay *replay, bool flush);

int send_edge_open(
	struct replay *replay, struct send *send); /* send->edge stays NULL if there is none */
int send_edge_take(struct replay *replay, struct replay_item *item);
int send_edge_finish(
	struct replay *replay, struct send *send); /* the edge's exit status, or a code */

#endif
