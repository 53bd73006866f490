/* oracle - what the parts of oracle.c share: the state of a run, and how it ends early. */
#ifndef ORACLE_H
#define ORACLE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "mutate.h"
#include "vnep/err.h"
#include "vnep/explain.h"
#include "vnep/inject.h"

enum {
	PORTS = 3,
	EARS = 4,
	BATCH = 256,
	SEEDS = 16384,
	COUNTERS = 256,
	SHOWN = 10,
	WAIT_MS = 2000
};
enum { FRAME_ROOM = 2048, HEARD = 16, NEIGHBOURS = 64, DEVICES = 64, VPCS = 8, GROUPS = 4, LINK = 14 };

static const char *const ports[PORTS] = { "acc0", "acc1", "up0" };
static const char *const ends[EARS] = { "d0", "d1", "v0", "vnep-j1" };
static const char *const beyond[EARS] = { "acc0", "acc1", "up0", "vnep-j0" }; /* their other side */

struct neighbour {
	char port[VNEP_IF_MAX + 1];
	struct in6_addr addr;
	struct vnep_mac mac;
	bool asleep;
};

struct heard {
	unsigned ear;
	size_t len;
	uint8_t data[FRAME_ROOM];
};

struct oracle {
	struct vnep_acl *acl;
	struct vnep_explain *explain;
	struct vnep_verdict v;
	struct vnep_mac port_mac[PORTS];
	uint32_t port_mtu[PORTS];
	struct vnep_device device[DEVICES];
	struct neighbour neighbour[NEIGHBOURS];
	struct vnep_prefix prefix[VPCS];
	uint16_t core_vlan[VPCS];
	struct in6_addr group[GROUPS];
	unsigned devices, neighbours, vpcs, groups;
	struct pools pools;
	struct seed *seeds;
	unsigned seed_count;
	struct vnep_inject *mouth[PORTS], *quiet;
	int ear[EARS], quiet_ear;
	struct heard heard[HEARD];
	unsigned heard_count;
	struct counter {
		char name[VNEP_NFT_NAME_MAX + 1];
		uint64_t model, kernel;
	} counter[COUNTERS], before[COUNTERS];
	unsigned counters, before_count;
	char (*matched)[VNEP_NFT_COMMENT_MAX + 1];
	uint64_t policies, frames, wrong, sent, dropped, ends[VNEP_END_NEIGHBOUR + 1];
};

static void die(const struct vnep_err *err)
{
	char text[1024];

	vnep_err_print(err, text, sizeof text);
	fprintf(stderr, "oracle: %s\n", text);
	exit(vnep_err_exit(err->code));
}

static void die_sys(const char *what)
{
	struct vnep_err err = { 0 };

	vnep_err_sys(&err, errno, "%s", what);
	die(&err);
}

static void must(int rc, const struct vnep_err *err)
{
	if (rc)
		die(err);
}

static inline bool is_core(const struct neighbour *n)
{
	return !strcmp(n->port, "up0");
}

#endif
