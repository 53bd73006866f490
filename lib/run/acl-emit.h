/*
 * acl-emit - rules in the words of the model (ruleset.h), for the acl-rules*.c files alone.
 *
 * Each call adds a statement to the rule added last. What ends a rule says so.
 */
#ifndef VNEP_ACL_EMIT_H
#define VNEP_ACL_EMIT_H

#include "acl-private.h"

/* Packets a second, and at once: what needs an answer may not drown the worker. Strangers have
 * budgets of their own, so that they cannot use up what known devices need. */
enum {
	DISCOVERY_RATE = 1000,
	DISCOVERY_BURST = 200,
	STRANGER_RATE = 100,
	STRANGER_BURST = 20,
	HOP_LIMIT_RATE = 100,
	HOP_LIMIT_BURST = 20,
	ERROR_RATE = 1000,
	ERROR_BURST = 200,
	ACCESS_RATE = 1000,
	ACCESS_BURST = 200,
	SAMPLE_RATE = 10,
	SAMPLE_BURST = 10,
	NEXT_HOP_RATE = 10000,
	NEXT_HOP_BURST = 16384, /* more than the worker takes before it lets the kernel do it */
	BIG_RATE = 10000,
	BIG_BURST = 2000,
	BIG_COPY_RATE = 20,
	BIG_COPY_BURST = 5,
	GROUP_RATE = 50, /* of a VPC: each is work for every member */
	GROUP_BURST = 50,
};

/* A port being written: what its rules need to know about it. */
struct emit_port {
	struct vnep_acl *acl;
	struct vnep_ruleset *rs;
	char label[VNEP_NFT_NAME_MAX + 1];
	uint16_t index; /* in tags */
	enum vnep_direction direction;
};

void emit_in_set(struct vnep_ruleset *rs, enum vnep_field field, enum vnep_set set);
void emit_not_in_set(struct vnep_ruleset *rs, enum vnep_field field, enum vnep_set set);
void emit_in_prefix(struct vnep_ruleset *rs, enum vnep_field field, const struct vnep_prefix *prefix);
void emit_plain(struct vnep_ruleset *rs, enum vnep_stmt_kind kind);
void emit_number(struct vnep_ruleset *rs, enum vnep_stmt_kind kind, uint64_t n, uint64_t n2);

/* FROM_BINDING, IN_BINDING */
void emit_by_set(struct vnep_ruleset *rs, enum vnep_stmt_kind kind, enum vnep_set set);

/* HOST_PAIR */
void emit_by_field(struct vnep_ruleset *rs, enum vnep_stmt_kind kind, enum vnep_field field);

/* End, but for jump. */
void emit_go_to(struct vnep_ruleset *rs, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void emit_jump(struct vnep_ruleset *rs, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void emit_vmap(struct vnep_ruleset *rs, enum vnep_field field, enum vnep_set set);

/* To the journal port under a tag: as it is (FWD: end), or a copy of it (DUP). */
void emit_to_journal_port(struct vnep_acl *acl, enum vnep_stmt_kind kind, enum vnep_tag_reason reason,
	uint16_t port, enum vnep_direction direction);

/* End: counted, with the port's name or for all of them, and dropped. */
void emit_drop(struct emit_port *p, enum vnep_reason reason);
void emit_drop_shared(struct vnep_ruleset *rs, enum vnep_reason reason);

/* End: the worker answers. The limit comes first: what is beyond it goes on to the next rule. */
void emit_ask(struct emit_port *p, uint64_t rate, uint64_t burst, enum vnep_tag_reason reason);

/* Is this port narrower than another, so that a packet may be too big for it? Its MTU, or 0. */
uint32_t emit_narrow_mtu(const struct vnep_acl *acl, unsigned place);

/* acl-rules-port.c: what arrives at a port. acl-rules-path.c: what becomes of it. */
void acl_access_chains(struct vnep_acl *acl, unsigned i);
void acl_core_chains(struct vnep_acl *acl);
void acl_from_device_chains(struct vnep_acl *acl);
void acl_to_device_chains(struct vnep_acl *acl);

/* Is there a VPC behind a tag (1), without one (0)? */
bool acl_has_side(const struct vnep_acl *acl, bool tagged);

/* The VPCs in the order of their names, so that the order of the records changes no rule; NULL: the first,
 * and behind the last. */
const struct acl_vpc *acl_next_vpc(const struct vnep_acl *acl, const struct acl_vpc *last);

#endif
