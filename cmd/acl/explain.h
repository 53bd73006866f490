/* explain - what explain.c and explain-say.c share. */
#ifndef VNEP_CMD_ACL_EXPLAIN_H
#define VNEP_CMD_ACL_EXPLAIN_H

#include "acl.h"
#include "vnep/explain.h"
#include "vnep/table.h"

/* A device as its record names it. */
struct explain_name {
	struct in6_addr vep; /* key */
	unsigned line;	     /* 0: of the map */
	char dev[];
};

struct explain {
	struct vnep_cli *cli;
	struct vnep_acl_config config;
	struct vnep_acl *acl;
	struct vnep_explain *model;
	struct vnep_table names;
	struct vnep_verdict verdict;
	struct vnep_buf out;
	bool frames; /* the frame that leaves is told, too */
	bool dropped;
};

/* What becomes of a frame, to standard output. */
struct explain_frame {
	const char *port;
	const uint8_t *data;
	size_t len;
	struct vnep_wall ts;
};
int explain_say(struct explain *e, const struct explain_frame *frame);

#endif
