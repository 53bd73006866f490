/* explain-private - what explain.c and explain-make.c share. */
#ifndef VNEP_EXPLAIN_PRIVATE_H
#define VNEP_EXPLAIN_PRIVATE_H

#include "acl-private.h"
#include "vnep/explain.h"

struct vnep_explain {
	struct vnep_acl *acl;
	struct acl_elements routers, core_vlans, groups, groups_vlan;
	struct vnep_table awake, reachable; /* struct in6_addr */
	bool all_awake, all_reachable;
};

/* NULL: none of this edge. */
const struct acl_port *explain_port(const struct vnep_explain *ex, const char *name);

#endif
