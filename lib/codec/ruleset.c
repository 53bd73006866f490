/* ruleset - the model that both back-ends write: growing arrays, the list of sets, hashes. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/ruleset.h"

const struct vnep_set_spec vnep_set_specs[VNEP_SET_COUNT] = {
	[VNEP_SET_FROM_BINDING] = { .name = "from_binding",
		.comment = "who speaks: anti-spoofing, translation, accounting",
		.key = { VNEP_NFT_IIF, VNEP_NFT_MAC, VNEP_NFT_IP6 },
		.key_len = 28,
		.data = VNEP_NFT_IP6,
		.data_len = 16,
		.counter = true },
	[VNEP_SET_FROM_VLAN] = { .name = "from_vlan",
		.comment = "who speaks, of those behind a tag",
		.key = { VNEP_NFT_IIF, VNEP_NFT_VLAN, VNEP_NFT_MAC, VNEP_NFT_IP6 },
		.key_len = 32,
		.data = VNEP_NFT_IP6,
		.data_len = 16,
		.counter = true },
	[VNEP_SET_FROM_HOST] = { .name = "from_host",
		.comment = "who speaks to a host that holds the endpoint",
		.key = { VNEP_NFT_IIF, VNEP_NFT_MAC, VNEP_NFT_IP6 },
		.key_len = 28,
		.counter = true },
	[VNEP_SET_FROM_HOST_VLAN] = { .name = "from_host_vlan",
		.comment = "the same behind a tag",
		.key = { VNEP_NFT_IIF, VNEP_NFT_VLAN, VNEP_NFT_MAC, VNEP_NFT_IP6 },
		.key_len = 32,
		.counter = true },
	[VNEP_SET_HOST_PAIR] = { .name = "host_pair",
		.comment = "device and the host that holds its endpoint",
		.key = { VNEP_NFT_IP6, VNEP_NFT_IP6 },
		.key_len = 32 },
	[VNEP_SET_TO_BINDING] = { .name = "to_binding",
		.comment = "endpoint to the address on the device's link",
		.key = { VNEP_NFT_IP6 },
		.key_len = 16,
		.data = VNEP_NFT_IP6,
		.data_len = 16 },
	[VNEP_SET_TO_PORT] = { .name = "to_port",
		.comment = "endpoint to its access port, and whether the journal gets a copy",
		.key = { VNEP_NFT_IP6 },
		.key_len = 16,
		.data = VNEP_NFT_VERDICT,
		.data_len = 4,
		.chains = VNEP_SET_PORT_CHAIN },
	[VNEP_SET_CLASS] = { .name = "class",
		.comment = "active time, tap and policy of a device",
		.key = { VNEP_NFT_IP6 },
		.key_len = 16,
		.data = VNEP_NFT_VERDICT,
		.data_len = 4,
		.chains = VNEP_SET_CLASS_CHAIN },
	[VNEP_SET_CONSENT] = { .name = "consent",
		.comment = "endpoints that may be reached from other VPCs",
		.key = { VNEP_NFT_IP6 },
		.key_len = 16,
		.data = VNEP_NFT_VERDICT,
		.data_len = 4,
		.chains = VNEP_SET_CONSENT_CHAIN },
	[VNEP_SET_CORE_VLAN] = { .name = "core_vlan",
		.comment = "the VPCs behind a tag of the core port",
		.key = { VNEP_NFT_VLAN },
		.key_len = 2,
		.data = VNEP_NFT_VERDICT,
		.data_len = 4,
		.size = 4096 },
	[VNEP_SET_ENDPOINT] = { .name = "endpoint",
		.comment = "every endpoint of the region, bound or not",
		.key = { VNEP_NFT_IP6 },
		.key_len = 16 },
	[VNEP_SET_KNOWN] = { .name = "known",
		.comment = "MACs of the map",
		.key = { VNEP_NFT_MAC },
		.key_len = 6 },
	[VNEP_SET_ROUTER] = { .name = "router",
		.comment = "the edge itself: it answers echo requests",
		.key = { VNEP_NFT_IP6 },
		.key_len = 16,
		.size = 4096 },
	[VNEP_SET_AWAKE] = { .name = "awake",
		.comment = "who listens now",
		.key = { VNEP_NFT_IP6 },
		.key_len = 16,
		.timeout = true,
		.live = true },
	[VNEP_SET_REACHABLE] = { .name = "reachable",
		.comment = "hosts and next hops of the core side that are resolved",
		.key = { VNEP_NFT_IP6 },
		.key_len = 16,
		.live = true },
	[VNEP_SET_SOLICIT] = { .name = "solicit",
		.comment = "discovery that asks for an answer",
		.key = { VNEP_NFT_ICMP_TYPE },
		.key_len = 1,
		.size = 8 },
	[VNEP_SET_ADVERT] = { .name = "advert",
		.comment = "discovery that nobody here listens to",
		.key = { VNEP_NFT_ICMP_TYPE },
		.key_len = 1,
		.size = 8 },
	[VNEP_SET_ERROR] = { .name = "error",
		.comment = "ICMPv6 errors",
		.key = { VNEP_NFT_ICMP_TYPE },
		.key_len = 1,
		.size = 8 },
	[VNEP_SET_GROUP] = { .name = "group",
		.comment = "who of the VPC may speak to which group",
		.key = { VNEP_NFT_IP6, VNEP_NFT_IP6_DEST },
		.key_len = 32 },
	[VNEP_SET_GROUP_VLAN] = { .name = "group_vlan",
		.comment = "the same behind a tag of the core port",
		.key = { VNEP_NFT_VLAN, VNEP_NFT_IP6, VNEP_NFT_IP6_DEST },
		.key_len = 36 },
	[VNEP_SET_PORT_CHAIN] = { .name = "to_port_chain",
		.comment = "numbers in to_port",
		.key = { VNEP_NFT_MARK },
		.key_len = 4,
		.data = VNEP_NFT_VERDICT,
		.data_len = 4,
		.kernel = true },
	[VNEP_SET_CLASS_CHAIN] = { .name = "class_chain",
		.comment = "numbers in class",
		.key = { VNEP_NFT_MARK },
		.key_len = 4,
		.data = VNEP_NFT_VERDICT,
		.data_len = 4,
		.kernel = true },
	[VNEP_SET_CONSENT_CHAIN] = { .name = "consent_chain",
		.comment = "numbers in consent",
		.key = { VNEP_NFT_MARK },
		.key_len = 4,
		.data = VNEP_NFT_VERDICT,
		.data_len = 4,
		.kernel = true },
};

bool vnep_set_has_vlan(const struct vnep_set_spec *spec)
{
	for (int i = 0; i < VNEP_KEY_PARTS; i++)
		if (spec->key[i] == VNEP_NFT_VLAN)
			return true;
	return false;
}

bool vnep_set_grows(const struct vnep_set_spec *spec)
{
	return spec->size == 0;
}

bool vnep_stmt_reads_vlan(const struct vnep_stmt *s)
{
	switch (s->kind) {
	case VNEP_STMT_VLAN:
	case VNEP_STMT_SET_VLAN: return true;
	case VNEP_STMT_VMAP: return s->field == VNEP_FIELD_VLAN;
	case VNEP_STMT_FROM_BINDING:
	case VNEP_STMT_IN_GROUP:
	case VNEP_STMT_IN_BINDING: return vnep_set_has_vlan(&vnep_set_specs[s->set]);
	default: return false;
	}
}

bool vnep_stmt_reads_ip6(const struct vnep_stmt *s)
{
	switch (s->kind) {
	case VNEP_STMT_HOP_LIMIT:
	case VNEP_STMT_HOPS_LEFT:
	case VNEP_STMT_ICMP_TYPE:
	case VNEP_STMT_IN_PREFIX:
	case VNEP_STMT_IN_BINDING:
	case VNEP_STMT_HOST_PAIR:
	case VNEP_STMT_IN_GROUP:
	case VNEP_STMT_FRAGMENTED:
	case VNEP_STMT_LATER:
	case VNEP_STMT_UPDATE_AWAKE:
	case VNEP_STMT_FROM_BINDING:
	case VNEP_STMT_TO_BINDING:
	case VNEP_STMT_DELIVER_HOST:
	case VNEP_STMT_ROUTE: return true;
	case VNEP_STMT_VMAP: return s->field != VNEP_FIELD_VLAN;
	case VNEP_STMT_NOT_IN_SET:
	case VNEP_STMT_IN_SET: return s->field != VNEP_FIELD_SRC_MAC;
	default: return false;
	}
}

bool vnep_rule_reads_vlan(const struct vnep_ruleset *rs, const struct vnep_rule *rule)
{
	for (size_t i = rule->first; i < rule->first + rule->count; i++)
		if (vnep_stmt_reads_vlan(&rs->stmts[i]))
			return true;
	return false;
}

/* RFC 2710 (MLD report 131, done 132), RFC 4861 (RS 133, RA 134, NS 135, NA 136, redirect 137), RFC
 * 3810 (MLDv2 report 143), RFC 4443 (errors 1 to 4). */
static const uint8_t solicit_types[] = { 131, 132, 133, 135, 143, 0 };
static const uint8_t advert_types[] = { 130, 134, 136, 137, 0 };
static const uint8_t error_types[] = { 1, 2, 3, 4, 0 };

const uint8_t *vnep_set_constant(enum vnep_set set)
{
	switch (set) {
	case VNEP_SET_SOLICIT: return solicit_types;
	case VNEP_SET_ADVERT: return advert_types;
	case VNEP_SET_ERROR: return error_types;
	default: return NULL;
	}
}

unsigned vnep_nft_type_len(enum vnep_nft_type type)
{
	switch (type) {
	case VNEP_NFT_NONE: return 0;
	case VNEP_NFT_IIF:
	case VNEP_NFT_VLAN:
	case VNEP_NFT_MARK:
	case VNEP_NFT_VERDICT:
	case VNEP_NFT_ICMP_TYPE: return 4;
	case VNEP_NFT_MAC: return 8;
	case VNEP_NFT_IP6:
	case VNEP_NFT_IP6_DEST: return 16;
	}
	return 0;
}

void vnep_ruleset_init(struct vnep_ruleset *rs, uint32_t set_size)
{
	*rs = (struct vnep_ruleset){ .set_size = set_size };
}

void vnep_ruleset_release(struct vnep_ruleset *rs)
{
	if (!rs)
		return;
	free(rs->chains);
	free(rs->rules);
	free(rs->stmts);
	free(rs->counters);
	free(rs->numbers);
	free(rs->past);
	*rs = (struct vnep_ruleset){ 0 };
}

void vnep_ruleset_again(struct vnep_ruleset *rs, uint32_t set_size)
{
	struct vnep_ruleset next = { .set_size = set_size };

	next.past = rs->numbers;
	next.past_cap = rs->number_cap;
	rs->numbers = NULL;
	vnep_ruleset_release(rs);
	*rs = next;
}

/* Room for one more of size octets; false, and rc set, without memory. */
static bool grow(struct vnep_ruleset *rs, void **array, size_t count, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 32;
	void *bigger;

	if (rs->rc)
		return false;
	if (count < *cap)
		return true;
	bigger = reallocarray(*array, more, size);
	if (!bigger) {
		rs->rc = -ENOMEM;
		return false;
	}
	*array = bigger;
	*cap = more;
	return true;
}

/* Where number is, or the free place for it. There is one. */
static struct vnep_chain_number *place_of(
	struct vnep_chain_number *numbers, size_t cap, uint32_t number)
{
	size_t i = number & (cap - 1);

	while (numbers[i].number && numbers[i].number != number)
		i = (i + 1) & (cap - 1);
	return &numbers[i];
}

static bool room_for_number(struct vnep_ruleset *rs)
{
	size_t cap = rs->number_cap ? rs->number_cap * 2 : 64;
	struct vnep_chain_number *numbers;

	if (rs->rc)
		return false;
	if (rs->chain_count < rs->number_cap / 2)
		return true;
	numbers = calloc(cap, sizeof *numbers);
	if (!numbers) {
		rs->rc = -ENOMEM;
		return false;
	}
	for (size_t i = 0; i < rs->number_cap; i++)
		if (rs->numbers[i].number)
			*place_of(numbers, cap, rs->numbers[i].number) = rs->numbers[i];
	free(rs->numbers);
	rs->numbers = numbers;
	rs->number_cap = cap;
	return true;
}

static bool is_free(struct vnep_ruleset *rs, uint32_t number)
{
	return number && !place_of(rs->numbers, rs->number_cap, number)->number;
}

/* Whose it was in the ruleset before; 0: nobody's. */
static uint64_t past_owner(struct vnep_ruleset *rs, uint32_t number)
{
	const struct vnep_chain_number *at =
		rs->past ? place_of(rs->past, rs->past_cap, number) : NULL;

	return at && at->number ? at->owner : 0;
}

/* The number it had; else the hash of the name, or the next that no chain has or had. Never 0, which is what a packet
 * without a mark has. */
static uint32_t take_number(struct vnep_ruleset *rs, const char *name)
{
	enum { STEPS = 16 }; /* nobody had to step aside as often */
	uint64_t owner = vnep_hash(VNEP_HASH_INIT, name, strlen(name));
	uint32_t first = (uint32_t)(owner ^ owner >> 32), number = 0;

	for (uint32_t i = 0; !number && i < STEPS; i++)
		if (past_owner(rs, first + i) == owner && is_free(rs, first + i))
			number = first + i;
	for (uint32_t i = 0; !number; i++)
		if (!past_owner(rs, first + i) && is_free(rs, first + i))
			number = first + i;
	*place_of(rs->numbers, rs->number_cap, number) =
		(struct vnep_chain_number){ .owner = owner, .number = number };
	return number;
}

void vnep_ruleset_chain(
	struct vnep_ruleset *rs, const char *device, const char *comment, const char *fmt, ...)
{
	struct vnep_chain *chain;
	va_list ap;

	if (!room_for_number(rs) ||
		!grow(rs, (void **)&rs->chains, rs->chain_count, &rs->chain_cap, sizeof *chain))
		return;
	chain = &rs->chains[rs->chain_count++];
	*chain = (struct vnep_chain){ .first = rs->rule_count };
	va_start(ap, fmt);
	vsnprintf(chain->name, sizeof chain->name, fmt, ap);
	va_end(ap);
	chain->number = take_number(rs, chain->name);
	snprintf(chain->device, sizeof chain->device, "%s", device ? device : "");
	snprintf(chain->comment, sizeof chain->comment, "%s", comment ? comment : "");
}

void vnep_ruleset_rule(struct vnep_ruleset *rs, const char *comment)
{
	struct vnep_rule *rule;

	if (!grow(rs, (void **)&rs->rules, rs->rule_count, &rs->rule_cap, sizeof *rule))
		return;
	rule = &rs->rules[rs->rule_count++];
	*rule = (struct vnep_rule){ .first = rs->stmt_count };
	snprintf(rule->comment, sizeof rule->comment, "%s", comment);
	rs->chains[rs->chain_count - 1].count++;
}

void vnep_ruleset_shortcut(struct vnep_ruleset *rs, const char *comment)
{
	vnep_ruleset_rule(rs, comment);
	if (!rs->rc)
		rs->rules[rs->rule_count - 1].shortcut = true;
}

void vnep_ruleset_stmt(struct vnep_ruleset *rs, struct vnep_stmt stmt)
{
	if (!grow(rs, (void **)&rs->stmts, rs->stmt_count, &rs->stmt_cap, sizeof stmt))
		return;
	rs->stmts[rs->stmt_count++] = stmt;
	rs->rules[rs->rule_count - 1].count++;
}

static void counter_remember(struct vnep_ruleset *rs, const char *name)
{
	for (size_t i = 0; i < rs->counter_count; i++)
		if (!strcmp(rs->counters[i], name))
			return;
	if (!grow(rs, (void **)&rs->counters, rs->counter_count, &rs->counter_cap,
		    sizeof *rs->counters))
		return;
	snprintf(rs->counters[rs->counter_count++], sizeof *rs->counters, "%s", name);
}

void vnep_ruleset_count(struct vnep_ruleset *rs, const char *fmt, ...)
{
	struct vnep_stmt stmt = { .kind = VNEP_STMT_COUNT };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(stmt.name, sizeof stmt.name, fmt, ap);
	va_end(ap);
	counter_remember(rs, stmt.name);
	vnep_ruleset_stmt(rs, stmt);
}

size_t vnep_ruleset_find(const struct vnep_ruleset *rs, const char *name)
{
	for (size_t i = 0; i < rs->chain_count; i++)
		if (!strcmp(rs->chains[i].name, name))
			return i;
	return SIZE_MAX;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *vnep_ruleset_twice(struct vnep_ruleset *rs)
{
	const char **names = reallocarray(NULL, rs->chain_count + 1, sizeof *names);
	const char *twice = NULL;

	if (!names) {
		rs->rc = -ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < rs->chain_count; i++)
		names[i] = rs->chains[i].name;
	qsort(names, rs->chain_count, sizeof *names, compare_names);
	for (size_t i = 1; i < rs->chain_count && !twice; i++)
		if (!strcmp(names[i - 1], names[i]))
			twice = names[i];
	free(names);
	return twice;
}

bool vnep_ruleset_has_set(const struct vnep_ruleset *rs, enum vnep_set set)
{
	if (!vnep_set_has_vlan(&vnep_set_specs[set]))
		return true;
	for (size_t i = 0; i < rs->stmt_count; i++)
		if ((rs->stmts[i].kind == VNEP_STMT_FROM_BINDING ||
			    rs->stmts[i].kind == VNEP_STMT_IN_BINDING ||
			    rs->stmts[i].kind == VNEP_STMT_IN_GROUP ||
			    rs->stmts[i].kind == VNEP_STMT_VMAP) &&
			rs->stmts[i].set == set)
			return true;
	return false;
}

uint64_t vnep_hash(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3;
	return hash;
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
	uint8_t octet[8];

	for (int i = 0; i < 8; i++)
		octet[i] = (uint8_t)(number >> 8 * i);
	return vnep_hash(hash, octet, sizeof octet);
}

/* Grows when a statement comes to mean other expressions: then every rule in the kernel is one of
 * before. */
enum { FORM = 3 };

/* Member by member: the padding of a struct is nobody's. */
uint64_t vnep_rule_hash(const struct vnep_ruleset *rs, const struct vnep_rule *rule)
{
	uint64_t h = hash_number(VNEP_HASH_INIT, FORM);

	h = vnep_hash(h, rule->comment, strlen(rule->comment));
	for (size_t i = rule->first; i < rule->first + rule->count; i++) {
		const struct vnep_stmt *s = &rs->stmts[i];

		h = hash_number(h, s->kind);
		h = hash_number(h, s->field);
		h = hash_number(h, s->set);
		h = hash_number(h, s->number);
		h = hash_number(h, s->number2);
		h = vnep_hash(h, &s->prefix.addr, sizeof s->prefix.addr);
		h = hash_number(h, s->prefix.len);
		h = vnep_hash(h, &s->addr, sizeof s->addr);
		h = hash_number(h, (uint64_t)s->tag.reason << 32 | (uint64_t)s->tag.port << 8 |
					   s->tag.direction);
		h = vnep_hash(h, s->name, strlen(s->name) + 1);
		h = hash_number(h, s->ifindex);
	}
	return h;
}

void vnep_rule_comment(const struct vnep_ruleset *rs, const struct vnep_rule *rule,
	char out[static VNEP_NFT_COMMENT_MAX + 1 + 18])
{
	snprintf(out, VNEP_NFT_COMMENT_MAX + 1 + 18, "%s #%016llx", rule->comment,
		(unsigned long long)vnep_rule_hash(rs, rule));
}

bool vnep_nft_plain(const char *text)
{
	return *text &&
	       text[strspn(text,
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")] == 0;
}

void vnep_nft_label(const char *port, char out[static VNEP_NFT_NAME_MAX + 1])
{
	if (vnep_nft_plain(port))
		snprintf(out, VNEP_NFT_NAME_MAX + 1, "%s", port);
	else
		snprintf(out, VNEP_NFT_NAME_MAX + 1, ".%016llx",
			(unsigned long long)vnep_hash(VNEP_HASH_INIT, port, strlen(port)));
}
