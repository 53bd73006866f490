/* edge-client - one client of the control socket, and the verbs it may ask for. Private to edge-control.c and
 * edge-verbs*.c. */
#ifndef VNEP_EDGE_CLIENT_H
#define VNEP_EDGE_CLIENT_H

#include "edge-priv.h"
#include "vnep/ndjson.h"

enum edge_input {
	EDGE_INPUT_NONE,   /* runs when its request is read */
	EDGE_INPUT_WHOLE,  /* runs once, when all input is there */
	EDGE_INPUT_STREAM, /* runs for each batch of lines, and a last time at the end */
};

struct edge_verb {
	const char *name;
	enum edge_input input;
	void (*run)(struct vnep_edge *edge, struct edge_client *client);
};

enum edge_waits { EDGE_WAITS_NOT, EDGE_WAITS_FOR_STATUS, EDGE_WAITS_FOR_METRICS };

enum edge_watches { EDGE_WATCHES_NOT, EDGE_WATCHES_ALL, EDGE_WATCHES_MEMBERSHIPS };

struct edge_client {
	struct vnep_edge *edge;
	struct edge_client *next;
	int fd;
	struct vnep_watch *watch;
	struct vnep_lines lines;
	struct vnep_json *request;
	const struct edge_verb *verb;
	struct vnep_buf input; /* whole lines */
	unsigned line;         /* of the input, the last one that was handled */
	struct vnep_buf out;
	size_t state; /* of out: what is left of the present state that a watcher gets first */
	struct vnep_buf behind; /* what a watcher is told while it still gets the present state: goes out after that */
	enum edge_watches watching;
	bool finished, eof;
	size_t discarded; /* input behind a refusal */
	unsigned refused; /* lines of a stream */
	unsigned instructions; /* that it waits for */
	struct edge_mld_listing *listing; /* of listeners, a slice a turn, as it takes them; NULL: none */
	struct vnep_watch *turn; /* of the next line of the input, where each has one; or of the next slice */
	bool has_turn;		 /* it comes; what is not read yet waits */
	int instructed;	       /* the worst exit status of those that it does not wait for any more */

	enum edge_waits waits; /* for a quiet point (edge-totals.c) */
	unsigned looks;        /* since then */
};

enum { EDGE_CLIENT_HIGH = 1 << 20 }; /* octets that wait for it: it is given no more, nor read from */

const struct edge_verb *edge_verb_find(const char *name);

/* Totals, or all numbers, once nothing is on the way. */
void edge_totals(struct vnep_edge *edge, struct edge_client *client, enum edge_waits waits);

/* Verbs of the other files. */
void edge_verb_map_put(struct vnep_edge *edge, struct edge_client *client);
void edge_verb_map_delete(struct vnep_edge *edge, struct edge_client *client);
void edge_verb_journal_append(struct vnep_edge *edge, struct edge_client *client);
void edge_verb_mcast_send(struct vnep_edge *edge, struct edge_client *client);
void edge_verb_mcast_plan(struct vnep_edge *edge, struct edge_client *client);
void edge_verb_mcast_members(struct vnep_edge *edge, struct edge_client *client);
void edge_verb_mcast_watch(struct vnep_edge *edge, struct edge_client *client);
void edge_mld_listing_end(struct edge_client *client);
void edge_verb_journal_prune(struct vnep_edge *edge, struct edge_client *client);

/* Lines of the input, one by one; the input is used up. Non-zero from cb ends the walk and is returned. */
int edge_each_line(struct edge_client *client,
	int (*cb)(struct edge_client *client, unsigned line, const char *text, size_t len, void *arg),
	void *arg);

/* The end of an answer: the error if there is one, then done with its exit status. */
void edge_done_with(struct edge_client *client, int rc, const struct vnep_err *err);

/* Send what a timer of the client made ready (outside of its own callback); may free it. */
void edge_client_push(struct edge_client *client);

#endif
