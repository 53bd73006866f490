/* send - what the two ways of sending share: through ports of our own, and through a living
 * vnep-edge. */
#ifndef SEND_H
#define SEND_H

#include "replay.h"
#include "vnep/client.h"
#include "vnep/table.h"

enum { SEND_BATCH = 64 };

/* --queue-mode: where answers are heard, and who gave none. */
struct send_queue {
	bool on;
	struct vnep_client *watch;    /* behind an edge */
	struct vnep_capture *capture; /* at the port below */
	char port[VNEP_IF_MAX + 1];
	struct vnep_table deaf;
};

struct send {
	struct replay_item items[SEND_BATCH]; /* without frame and text: those were lent */
	struct vnep_buf bytes;		      /* the frames of the batch, one behind the other */
	size_t len[SEND_BATCH];
	unsigned count, limit;
	size_t port; /* index: the table of ports may move */
	uint64_t sent;
	struct replay_lateness lateness;
	int failed;		  /* first error of a port: the run goes on, the exit says so */
	struct vnep_client *edge; /* NULL: nobody lives on the state folder */
	unsigned unanswered;	  /* events the edge has not answered yet */
	struct send_queue queue;
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

/* queue.c. _before refuses what is for a device that gave no answer; port NULL: the edge hears. _after waits, for the
 * answer to the packet that went as data, as it was seen where the answer is looked for. */
int queue_open(struct replay *replay, struct send *send);
void queue_close(struct send *send);
int queue_before(struct replay *replay, struct send *send, const struct replay_item *item,
	const struct replay_port *port);
int queue_after(struct replay *replay, struct send *send, const struct replay_item *item,
	const uint8_t *data, size_t len);

#endif
