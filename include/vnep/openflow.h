/*
 * openflow - a ruleset as OpenFlow 1.3 flows, in the text that `ovs-ofctl -O OpenFlow13 add-flows` reads.
 *
 * Shape   each chain is a number in the low half of the metadata field, its rules are flows of falling priority.
 *         Tables only go forward (goto_table), so a chain stands in the table of its depth:
 *             0 the port    1 is its MAC known    2 is its destination an endpoint    3.. the chains    250 neighbours
 *         What the rules keep in sets becomes flows of the devices, a handful each. Cookies of flows that drop say
 *         why (enum vnep_reason).
 * Use     _target for each chain that a map may lead to, _rules, _device for each device.
 * Differs OpenFlow has no timers that packets move, no budgets that let the rest go on to the next rule, and no
 *         neighbours. What is lost with that, _lost names; nothing passes that the rules would drop, but for what
 *         it says so of. Of Open vSwitch's own words it uses clone, move, load, xxreg0, nw_ttl and ip_frag.
 * Owner   the caller's (init/release). The ruleset and the ports are lent.
 * Errors  sticky in rc: -ENOMEM; VNEP_EVALUE (a name of a port that the text cannot hold, rules deeper than tables
 *         are, or in a circle). Of the buffer: its own.
 * Source  OpenFlow 1.3.5; ovs-fields(7), ovs-actions(7), ovs-ofctl(8) of Open vSwitch 3.1.
 */
#ifndef VNEP_OPENFLOW_H
#define VNEP_OPENFLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "vnep/buf.h"
#include "vnep/ruleset.h"
#include "vnep/table.h"

struct vnep_err;

enum {
	VNEP_OPENFLOW_KNOWN = 1, /* tables */
	VNEP_OPENFLOW_ENDPOINT = 2,
	VNEP_OPENFLOW_CHAINS = 3,
	VNEP_OPENFLOW_NEIGHBOURS = 250,
};

/* What is lost, each a sentence. */
enum vnep_openflow_loss {
	VNEP_OPENFLOW_PRESENCE,
	VNEP_OPENFLOW_LIMITS,
	VNEP_OPENFLOW_SAMPLES,
	VNEP_OPENFLOW_LENGTH,
	VNEP_OPENFLOW_RESOLVE,
	VNEP_OPENFLOW_MACS,
	VNEP_OPENFLOW_TAGS,
	VNEP_OPENFLOW_FRAGMENTS,
	VNEP_OPENFLOW_HEADERS,
	VNEP_OPENFLOW_PORTS,
	VNEP_OPENFLOW_GROUPS,
	VNEP_OPENFLOW_LOSSES
};

struct vnep_openflow {
	struct vnep_buf *out;
	const struct vnep_ruleset *rs;
	const char (*ports)[VNEP_IF_MAX + 1]; /* access ports, and behind them the core port */
	unsigned access_count;
	int rc;

	/* private */
	uint32_t lost; /* a bit for each loss */
	bool printing;
	struct vnep_err *err;
	struct vnep_table by_name, by_place;
	struct openflow_name *names;
	struct openflow_node **nodes;
	struct openflow_target *targets;
	struct in6_addr *routers;
	struct openflow_use *uses;
	size_t node_count, target_count, router_count, use_count;
	bool changed; /* this walk found a place, or put one further down */
};

void vnep_openflow_init(struct vnep_openflow *o, struct vnep_buf *out, const struct vnep_ruleset *rs,
	const char (*ports)[VNEP_IF_MAX + 1], unsigned access_count);
void vnep_openflow_release(struct vnep_openflow *o);

/* A map may lead to this chain; of core_vlan, from this VLAN. */
void vnep_openflow_target(struct vnep_openflow *o, enum vnep_set set, size_t chain, uint16_t vlan);

/* An address of the edge itself: an element of `router`. */
void vnep_openflow_router(struct vnep_openflow *o, const struct in6_addr *addr);

int vnep_openflow_rules(struct vnep_openflow *o, struct vnep_err *err);

struct vnep_openflow_device {
	struct in6_addr vep;
	const struct in6_addr *addr; /* those it may use; the first is where packets to it go */
	unsigned addr_count;
	bool has_mac, host;
	bool bound; /* else it is an endpoint and a known MAC alone */
	bool awake; /* else packets to it are kept */
	struct vnep_mac mac;
	uint16_t vlan;
	unsigned port; /* index of an access port; UINT_MAX: each of them */
	size_t class, consent, lane; /* chains; SIZE_MAX: none */
};
void vnep_openflow_device(struct vnep_openflow *o, const struct vnep_openflow_device *d);

/* After _rules: is this lost here? The sentence, or NULL. */
const char *vnep_openflow_lost(const struct vnep_openflow *o, enum vnep_openflow_loss loss);

#endif
