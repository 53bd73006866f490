/* mcast - what the verbs of vnep-mcast share. */
#ifndef MCAST_H
#define MCAST_H

#include "vnep/cli.h"
#include "vnep/client.h"
#include "vnep/json.h"

int mcast_plan(struct vnep_cli *cli);
int mcast_send(struct vnep_cli *cli);
int mcast_show_members(struct vnep_cli *cli);
int mcast_watch(struct vnep_cli *cli);

extern const struct vnep_option mcast_plan_options[], mcast_send_options[], mcast_members_options[];

/* The options that say for whom, and how. */
#define MCAST_SELECTION                                                                            \
	{ "group", 'g', VNEP_ARG_ONE, "GROUP", "the members of this group", NULL },                \
		{ "vpc", 0, VNEP_ARG_LIST, "VPC", "only devices of this vpc", NULL },              \
		{ "region", 0, VNEP_ARG_LIST, "REGION", "only devices of this region", NULL },     \
		{ "match", 0, VNEP_ARG_LIST, "KEY=VALUE",                                          \
			"only devices with this label, or this text, number or truth", NULL },     \
		{ "unicast", 0, VNEP_ARG_NONE, NULL,                                               \
			"to each member by its binding, no multicast frames", NULL },              \
		{ "port", 'p', VNEP_ARG_ONE, "N",                                                  \
			"UDP port (default: of the group record, else 5683)", NULL },              \
	{                                                                                          \
		"hop-limit", 0, VNEP_ARG_ONE, "N",                                                 \
			"of multicast frames (default 1: they stay on the access links)", NULL     \
	}

/* What the edge is asked with: an object, to be freed. wait_ms is in it if it is not 0. */
int mcast_request(struct vnep_cli *cli, uint64_t wait_ms, struct vnep_json **out);
/* Its members, as vnep_client_request takes them; to be freed with free(). */
char *mcast_members(const struct vnep_json *request);

/* What a hop limit of 1 means for a group of that scope is said once. */
void mcast_say_scope(struct vnep_cli *cli, const struct vnep_json *request);

/* Answers to standard output, errors to standard error, until the edge is done. Returns its exit status or a code; *worst is
 * the exit status of the worst error, which a stream does not tell. */
int mcast_answers(struct vnep_cli *cli, struct vnep_client *client, int *worst);

#endif
