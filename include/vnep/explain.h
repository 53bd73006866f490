/*
 * explain - what the rules of a wanted state do with a frame, and which record of the map it hangs on.
 *
 * Shape   the wanted state of a struct vnep_acl (acl.h), its rules run by verdict.h. Elements are made when a rule
 *         asks for them, by what makes them for the kernel; no set is ever built as a whole.
 * Owner   ours (open/close); it lends the acl, which must not be changed meanwhile. What a verdict points to lives
 *         until the acl changes.
 * State   who is awake is not in the records. Until somebody is named, whoever has a binding is, but for devices
 *         that are asleep at once. The same with hosts that a worker resolved: until one is named, all are.
 * Errors  those of acl.h for the records, of verdict.h for frames.
 */
#ifndef VNEP_EXPLAIN_H
#define VNEP_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "vnep/acl.h"
#include "vnep/verdict.h"

struct vnep_explain;

int vnep_explain_open(struct vnep_explain **out, struct vnep_acl *acl, struct vnep_err *err);
void vnep_explain_close(struct vnep_explain *explain); /* NULL is fine */

/* The rules that are run; lent as the verdicts' names are. */
const struct vnep_ruleset *vnep_explain_rules(const struct vnep_explain *explain);

/* Only those named listen, only those named are resolved (their key: vnep_acl_host_key). _nobody: none. */
int vnep_explain_awake(
	struct vnep_explain *explain, const struct in6_addr *vep, struct vnep_err *err);
void vnep_explain_nobody(struct vnep_explain *explain);
int vnep_explain_reachable(
	struct vnep_explain *explain, const struct in6_addr *key, struct vnep_err *err);

/* Both as this kernel has them now. The acl must not be offline. */
int vnep_explain_live(struct vnep_explain *explain, struct vnep_err *err);

/* A frame that arrives at this port. beyond as in verdict.h. */
int vnep_explain_frame(struct vnep_explain *explain, const char *port, const uint8_t *frame,
	size_t len, uint32_t beyond, struct vnep_verdict *v, struct vnep_err *err);

/* A packet as a sentence says it. */
struct vnep_explain_flow {
	struct in6_addr src, dest;
	uint8_t proto; /* 0: an ICMPv6 echo request */
	uint16_t src_port, dest_port;
	uint8_t hop_limit; /* 0: 64 */
	const char *port;  /* NULL: the access port of the device whose src it is, else the core port */
	bool has_mac, has_vlan; /* else as the records have it */
	struct vnep_mac mac;
	uint16_t vlan;
};

/* The frame of it, into frame (which is reset), and the port that it arrives at. src may be an endpoint: then the
 * device sends from its own address. VNEP_EAMBIGUOUS: several devices use src. */
int vnep_explain_make(struct vnep_explain *explain, const struct vnep_explain_flow *flow,
	struct vnep_buf *frame, const char **port, struct vnep_err *err);

/* The record that decided: a device (by its endpoint) or a VPC (by its name); neither: no record says anything
 * about it. */
struct vnep_explain_record {
	bool device;
	struct in6_addr vep;
	const char *vpc; /* NULL: none */
};
void vnep_explain_record(struct vnep_explain *explain, const struct vnep_verdict *v,
	const uint8_t *frame, struct vnep_explain_record *out);

#endif
