/* send - what the two ways of sending share: through ports of our own, and through a living
 * vnep-edge. */
#ifndef SEND_H
#define SEND_H

#include "replay.h"
#include "vnep/client.h"
#include "vnep/inject.h"
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

/* Frames that go together, one behind the other. */
struct send_batch {
	struct replay_item items[SEND_BATCH]; /* without frame and text: those were lent */
	struct vnep_buf bytes;
	size_t len[SEND_BATCH];
	unsigned count, done; /* done: sent or refused */
	size_t port;          /* index: the table of ports may move */
};

struct send_ahead;

struct send {
	struct send_batch own, *batch; /* the one that is being filled */
	struct send_ahead *ahead;      /* NULL: a batch is sent when it is full, and then the next is read */
	unsigned limit;
	uint64_t sent;
	struct replay_lateness lateness;
	int failed;		  /* first error of a port: the run goes on, the exit says so */
	struct vnep_client *edge; /* NULL: nobody lives on the state folder */
	unsigned unanswered;	  /* events the edge has not answered yet */
	struct send_queue queue;
};

/* Send what the batch has from done on. False: the port refuses the next one, and waiting does not help; err says why. */
bool send_push(struct vnep_inject *inject, struct send_batch *batch, struct vnep_err *err);
/* All of it, and say what became of each; then it is empty. */
void send_batch_out(struct replay *replay, struct send *send, struct send_batch *batch);
void send_batch_reset(struct send_batch *batch);

/* ahead.c: a thread sends for --raw at top speed. _start: without it nothing is wrong, only slower. _put: the batch is full,
 * there is another one. _end: all is sent. */
void send_ahead_start(struct send *send, struct vnep_inject *inject);
void send_ahead_put(struct replay *replay, struct send *send);
void send_ahead_end(struct replay *replay, struct send *send);

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
