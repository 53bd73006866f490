/*
 * openflow-private - what the openflow*.c files share.
 *
 *     openflow.c        places, tables, flows    openflow-rule.c    what a rule says
 *     openflow-match.c  what a flow matches      openflow-device.c  the flows of a device
 *
 * A place is a rule of a chain with the place to go back to: what is jumped to from two places is there twice.
 */
#ifndef VNEP_OPENFLOW_PRIVATE_H
#define VNEP_OPENFLOW_PRIVATE_H

#include "openflow-match.h"
#include "vnep/openflow.h"

struct openflow_name {
	struct vnep_slice name; /* key */
	uint32_t chain;
};

struct openflow_node {
	struct openflow_place { /* key */
		uint32_t chain, rule, back; /* back: a node, 0 is none */
	} place;
	uint32_t id; /* from 1 */
	unsigned level;
	unsigned port; /* access port where it all began; below */
};
enum { PORT_NONE = 1000, PORT_SEVERAL };

struct openflow_target {
	enum vnep_set set;
	uint32_t chain;
	uint16_t vlan;
};

/* What a rule asks of the device. */
enum {
	ASK_BINDING = 1, /* FROM_BINDING, IN_BINDING: is the sender in that set */
	ASK_REWRITE = 2, /* FROM_BINDING: and its source becomes V */
	ASK_PAIR = 4,
	ASK_AWAKE = 8,
	ASK_MAP = 16,
	ASK_TO_BINDING = 32,
	ASK_MAC = 64, /* DELIVER, DELIVER_HOST: its MAC becomes the destination */
	ASK_ALTERNATIVES = 4,
};

enum openflow_end { END_NOT, END_HERE, END_GOTO, END_JUMP, END_RETURN, END_MAP, END_NEIGHBOURS };

/* A rule as flows. */
struct openflow_rule {
	const struct vnep_rule *rule;
	struct openflow_match match;
	bool conditional, skip, limited;
	enum { NOT_NOTHING, NOT_TYPE, NOT_PROTO } negative;
	int negative_number;
	const struct vnep_stmt *alternatives[ASK_ALTERNATIVES];
	unsigned alternative_count;

	unsigned asks;
	enum vnep_set binding, map;
	enum vnep_field field, pair; /* of the map */
	struct vnep_tag tag;
	const char *out; /* ASK_MAC: by this port */

	/* with a comma behind each; pre is before what the device makes of it */
	struct vnep_buf pre, post;
	uint64_t cookie;
	enum openflow_end end;
	const char *to; /* chain */
};

/* A rule that is a flow for each device. */
struct openflow_use {
	struct openflow_rule rule;
	const struct openflow_node *node;
	unsigned priority;
	char *after; /* "write_metadata:…,goto_table:…," */
};

void openflow_rule_release(struct openflow_rule *r);

/* What the rule says; VNEP_EVALUE in o->rc: something that has no words. */
void openflow_rule_read(
	struct vnep_openflow *o, const struct vnep_rule *rule, struct openflow_rule *r);

/* The n-th way to match it, into *m: 1; 0: nothing can match that one; -1: there is none. */
int openflow_rule_way(const struct vnep_openflow *o, const struct openflow_rule *r, unsigned n,
	struct openflow_match *m);

/* "table=…,priority=…,cookie=…,MATCH actions=": what follows is the caller's, each with a comma behind it. Then the
 * end: without the last comma, and nothing at all is "drop". */
void openflow_begin(struct vnep_openflow *o, const struct openflow_node *n, unsigned priority,
	uint64_t cookie, const struct openflow_match *m);
void openflow_end(struct vnep_openflow *o, size_t actions, const char *comment);

/* To a chain that a map leads to. */
void openflow_goto_chain(const struct vnep_openflow *o, uint32_t chain, struct vnep_buf *out);

#endif
