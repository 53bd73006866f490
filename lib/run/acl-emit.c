/* acl-emit - rules in the words of the model. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acl-emit.h"

void emit_in_set(struct vnep_ruleset *rs, enum vnep_field field, enum vnep_set set)
{
	vnep_ruleset_stmt(
		rs, (struct vnep_stmt){ .kind = VNEP_STMT_IN_SET, .field = field, .set = set });
}

void emit_not_in_set(struct vnep_ruleset *rs, enum vnep_field field, enum vnep_set set)
{
	vnep_ruleset_stmt(
		rs, (struct vnep_stmt){ .kind = VNEP_STMT_NOT_IN_SET, .field = field, .set = set });
}

void emit_in_prefix(
	struct vnep_ruleset *rs, enum vnep_field field, const struct vnep_prefix *prefix)
{
	if (prefix->len) /* ::/0 is no condition */
		vnep_ruleset_stmt(rs,
			(struct vnep_stmt){
				.kind = VNEP_STMT_IN_PREFIX, .field = field, .prefix = *prefix });
}

void emit_plain(struct vnep_ruleset *rs, enum vnep_stmt_kind kind)
{
	vnep_ruleset_stmt(rs, (struct vnep_stmt){ .kind = kind });
}

void emit_number(struct vnep_ruleset *rs, enum vnep_stmt_kind kind, uint64_t n, uint64_t n2)
{
	vnep_ruleset_stmt(rs, (struct vnep_stmt){ .kind = kind, .number = n, .number2 = n2 });
}

void emit_by_set(struct vnep_ruleset *rs, enum vnep_stmt_kind kind, enum vnep_set set)
{
	vnep_ruleset_stmt(rs, (struct vnep_stmt){ .kind = kind, .set = set });
}

void emit_by_field(struct vnep_ruleset *rs, enum vnep_stmt_kind kind, enum vnep_field field)
{
	vnep_ruleset_stmt(rs, (struct vnep_stmt){ .kind = kind, .field = field });
}

void emit_go_to(struct vnep_ruleset *rs, const char *fmt, ...)
{
	struct vnep_stmt stmt = { .kind = VNEP_STMT_GOTO };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(stmt.name, sizeof stmt.name, fmt, ap);
	va_end(ap);
	vnep_ruleset_stmt(rs, stmt);
}

void emit_jump(struct vnep_ruleset *rs, const char *fmt, ...)
{
	struct vnep_stmt stmt = { .kind = VNEP_STMT_JUMP };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(stmt.name, sizeof stmt.name, fmt, ap);
	va_end(ap);
	vnep_ruleset_stmt(rs, stmt);
}

void emit_vmap(struct vnep_ruleset *rs, enum vnep_field field, enum vnep_set set)
{
	vnep_ruleset_stmt(
		rs, (struct vnep_stmt){ .kind = VNEP_STMT_VMAP, .field = field, .set = set });
}

void emit_to_journal_port(struct vnep_acl *acl, enum vnep_stmt_kind kind,
	enum vnep_tag_reason reason, uint16_t port, enum vnep_direction direction)
{
	struct vnep_stmt stmt = { .kind = kind, .ifindex = acl->journal_index };

	vnep_ruleset_stmt(&acl->rs,
		(struct vnep_stmt){ .kind = VNEP_STMT_TAG, .tag = { reason, port, direction } });
	snprintf(stmt.name, sizeof stmt.name, "%s", acl->config.journal_port);
	vnep_ruleset_stmt(&acl->rs, stmt);
}

void emit_drop_shared(struct vnep_ruleset *rs, enum vnep_reason reason)
{
	vnep_ruleset_count(rs, "drop.%s", vnep_reason_text(reason));
	emit_plain(rs, VNEP_STMT_DROP);
}

void emit_drop(struct emit_port *p, enum vnep_reason reason)
{
	vnep_ruleset_count(p->rs, "drop.%s.%s", vnep_reason_text(reason), p->label);
	emit_plain(p->rs, VNEP_STMT_DROP);
}

void emit_ask(struct emit_port *p, uint64_t rate, uint64_t burst, enum vnep_tag_reason reason)
{
	emit_number(p->rs, VNEP_STMT_LIMIT, rate, burst);
	vnep_ruleset_count(p->rs, "ask.%s", p->label);
	emit_to_journal_port(p->acl, VNEP_STMT_FWD, reason, p->index, p->direction);
}

static uint32_t widest_mtu(const struct vnep_acl *acl)
{
	uint32_t widest = 0;

	for (unsigned i = 0; i <= acl->config.access_count; i++)
		if (acl->port[i].mtu > widest)
			widest = acl->port[i].mtu;
	return widest;
}

uint32_t emit_narrow_mtu(const struct vnep_acl *acl, unsigned place)
{
	uint32_t mtu = acl->port[place].mtu;

	return mtu < widest_mtu(acl) ? mtu : 0;
}

bool acl_has_side(const struct vnep_acl *acl, bool tagged)
{
	for (size_t i = 0; i < acl->vpc_count; i++)
		if (acl->vpcs[i].defined && (acl->vpcs[i].vpc.core_vlan != 0) == tagged)
			return true;
	return false;
}

const struct acl_vpc *acl_next_vpc(const struct vnep_acl *acl, const struct acl_vpc *last)
{
	const struct acl_vpc *next = NULL;

	for (size_t i = 0; i < acl->vpc_count; i++) {
		const struct acl_vpc *v = &acl->vpcs[i];

		if (v->defined && (!last || strcmp(v->chain, last->chain) > 0) &&
			(!next || strcmp(v->chain, next->chain) < 0))
			next = v;
	}
	return next;
}
