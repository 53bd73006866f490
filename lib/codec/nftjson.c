/* nftjson - the ruleset in the JSON of libnftables-json(5): one document, one line. */
#include <stdio.h>
#include <string.h>

#include "vnep/nfttext.h"

/* {"add":{"<what>":{"family":"netdev","table":"vnep", … : what follows is the caller's, then end.
 */
static void begin(struct vnep_nfttext *t, const char *command, const char *what)
{
	vnep_jw_object(&t->w, NULL);
	vnep_jw_object(&t->w, command);
	vnep_jw_object(&t->w, what);
	vnep_jw_str(&t->w, "family", "netdev");
	if (strcmp(what, "table"))
		vnep_jw_str(&t->w, "table", VNEP_NFT_TABLE);
}

static void end(struct vnep_nfttext *t)
{
	vnep_jw_end_object(&t->w);
	vnep_jw_end_object(&t->w);
	vnep_jw_end_object(&t->w);
}

static void table(struct vnep_nfttext *t, const char *command)
{
	begin(t, command, "table");
	vnep_jw_str(&t->w, "name", VNEP_NFT_TABLE);
	end(t);
}

static void payload(struct vnep_jw *w, const char *key, const char *protocol, const char *field)
{
	vnep_jw_object(w, key);
	vnep_jw_object(w, "payload");
	vnep_jw_str(w, "protocol", protocol);
	vnep_jw_str(w, "field", field);
	vnep_jw_end_object(w);
	vnep_jw_end_object(w);
}

static void meta(struct vnep_jw *w, const char *key, const char *name)
{
	vnep_jw_object(w, key);
	vnep_jw_object(w, "meta");
	vnep_jw_str(w, "key", name);
	vnep_jw_end_object(w);
	vnep_jw_end_object(w);
}

static void field(struct vnep_jw *w, const char *key, enum vnep_field field)
{
	switch (field) {
	case VNEP_FIELD_SRC: payload(w, key, "ip6", "saddr"); break;
	case VNEP_FIELD_DEST: payload(w, key, "ip6", "daddr"); break;
	case VNEP_FIELD_SRC_MAC: payload(w, key, "ether", "saddr"); break;
	case VNEP_FIELD_ICMP_TYPE: payload(w, key, "icmpv6", "type"); break;
	case VNEP_FIELD_VLAN: payload(w, key, "vlan", "id"); break;
	}
}

/* The expression of which one part of a key is an instance. */
static void part_field(struct vnep_jw *w, const char *key, enum vnep_nft_type type)
{
	switch (type) {
	case VNEP_NFT_IIF: meta(w, key, "iif"); break;
	case VNEP_NFT_VLAN: field(w, key, VNEP_FIELD_VLAN); break;
	case VNEP_NFT_MAC: field(w, key, VNEP_FIELD_SRC_MAC); break;
	case VNEP_NFT_IP6: field(w, key, VNEP_FIELD_SRC); break;
	case VNEP_NFT_IP6_DEST: field(w, key, VNEP_FIELD_DEST); break;
	default: break;
	}
}

/* The key of a set of bindings: iif, perhaps the VLAN, MAC, source; or of groups. */
static void binding(struct vnep_jw *w, const char *key, const struct vnep_set_spec *spec)
{
	if (spec->key[1] == VNEP_NFT_NONE) {
		part_field(w, key, spec->key[0]);
		return;
	}
	vnep_jw_object(w, key);
	vnep_jw_array(w, "concat");
	for (int i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++)
		part_field(w, NULL, spec->key[i]);
	vnep_jw_end_array(w);
	vnep_jw_end_object(w);
}

static void put_set(struct vnep_nfttext *t, const char *name, const struct vnep_set_spec *spec)
{
	struct vnep_jw *w = &t->w;

	begin(t, "add", spec->data == VNEP_NFT_NONE ? "set" : "map");
	vnep_jw_str(w, "name", name);
	if (vnep_set_has_vlan(spec)) {
		vnep_jw_object(w, "type");
		binding(w, "typeof", spec);
		vnep_jw_end_object(w);
	} else if (spec->key[1] == VNEP_NFT_NONE) {
		vnep_jw_str(w, "type", vnep_nft_type_text(spec->key[0]));
	} else {
		vnep_jw_array(w, "type");
		for (int i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++)
			vnep_jw_str(w, NULL, vnep_nft_type_text(spec->key[i]));
		vnep_jw_end_array(w);
	}
	if (spec->data != VNEP_NFT_NONE)
		vnep_jw_str(w, "map", vnep_nft_type_text(spec->data));
	vnep_jw_u64(w, "size", spec->size ? spec->size : t->rs->set_size);
	if (vnep_set_grows(
		    spec)) /* "dynamic" is implied: the JSON of nft 1.0.6 has no word for it */
		vnep_jw_raw(w, "flags", "[\"timeout\"]", 11);
	if (vnep_set_grows(spec) && !spec->timeout)
		vnep_jw_u64(w, "gc-interval", VNEP_SET_GC_MS / 1000);
	if (spec->counter)
		vnep_jw_raw(w, "stmt", "[{\"counter\":null}]", 18);
	end(t);
}

/* "@name" as a value. */
static void reference(struct vnep_jw *w, const char *key, const char *name)
{
	char text[VNEP_NEIGHBOUR_NAME_MAX + 2];

	snprintf(text, sizeof text, "@%s", name);
	vnep_jw_str(w, key, text);
}

static void match(struct vnep_jw *w, const char *op)
{
	vnep_jw_object(w, "match");
	vnep_jw_str(w, "op", op);
}

static void prefix(struct vnep_jw *w, const char *key, const struct vnep_prefix *prefix)
{
	vnep_jw_object(w, key);
	vnep_jw_object(w, "prefix");
	vnep_jw_ip6(w, "addr", &prefix->addr);
	vnep_jw_u64(w, "len", prefix->len);
	vnep_jw_end_object(w);
	vnep_jw_end_object(w);
}

static void ports(struct vnep_jw *w, const struct vnep_stmt *s)
{
	payload(w, "left", "th", "dport");
	if (s->number == s->number2) {
		vnep_jw_u64(w, "right", s->number);
		return;
	}
	vnep_jw_object(w, "right");
	vnep_jw_array(w, "range");
	vnep_jw_u64(w, NULL, s->number);
	vnep_jw_u64(w, NULL, s->number2);
	vnep_jw_end_array(w);
	vnep_jw_end_object(w);
}

/* L . V, where L stands in the field. */
static void host_pair(struct vnep_jw *w, const struct vnep_stmt *s)
{
	vnep_jw_object(w, "left");
	vnep_jw_array(w, "concat");
	field(w, NULL, s->field);
	field(w, NULL, s->field == VNEP_FIELD_SRC ? VNEP_FIELD_DEST : VNEP_FIELD_SRC);
	vnep_jw_end_array(w);
	vnep_jw_end_object(w);
	reference(w, "right", vnep_set_specs[VNEP_SET_HOST_PAIR].name);
}

/* The fragment header, or a field of it. */
static void exthdr(struct vnep_jw *w, const char *name)
{
	vnep_jw_object(w, "left");
	vnep_jw_object(w, "exthdr");
	vnep_jw_str(w, "name", "frag");
	vnep_jw_opt_str(w, "field", name);
	vnep_jw_end_object(w);
	vnep_jw_end_object(w);
}

static void put_match(struct vnep_jw *w, const struct vnep_stmt *s)
{
	static const char *const ops[] = { [VNEP_STMT_NOT_IPV6] = "!=",
		[VNEP_STMT_NOT_HOST] = "!=",
		[VNEP_STMT_HOP_LIMIT] = "<=",
		[VNEP_STMT_HOPS_LEFT] = ">",
		[VNEP_STMT_NOT_IN_SET] = "!=",
		[VNEP_STMT_LONGER] = ">",
		[VNEP_STMT_LATER] = "!=",
		[VNEP_STMT_NOT_PROTO] = "!=",
		[VNEP_STMT_DROP] = NULL };

	match(w, ops[s->kind] ? ops[s->kind] : "==");
	switch (s->kind) {
	case VNEP_STMT_ETHER_TYPE:
		payload(w, "left", "ether", "type");
		vnep_jw_u64(w, "right", s->number);
		break;
	case VNEP_STMT_PROTOCOL:
		meta(w, "left", "protocol");
		vnep_jw_u64(w, "right", s->number);
		break;
	case VNEP_STMT_NOT_IPV6:
		meta(w, "left", "protocol");
		vnep_jw_str(w, "right", "ip6");
		break;
	case VNEP_STMT_HOST:
	case VNEP_STMT_NOT_HOST:
		meta(w, "left", "pkttype");
		vnep_jw_str(w, "right", "host");
		break;
	case VNEP_STMT_HOP_LIMIT:
	case VNEP_STMT_HOPS_LEFT:
		payload(w, "left", "ip6", "hoplimit");
		vnep_jw_u64(w, "right", s->number);
		break;
	case VNEP_STMT_ICMP_TYPE:
		field(w, "left", VNEP_FIELD_ICMP_TYPE);
		vnep_jw_u64(w, "right", s->number);
		break;
	case VNEP_STMT_IN_SET:
	case VNEP_STMT_NOT_IN_SET:
		field(w, "left", s->field);
		reference(w, "right", vnep_set_specs[s->set].name);
		break;
	case VNEP_STMT_IN_PREFIX:
		field(w, "left", s->field);
		prefix(w, "right", &s->prefix);
		break;
	case VNEP_STMT_IN_BINDING:
	case VNEP_STMT_IN_GROUP:
		binding(w, "left", &vnep_set_specs[s->set]);
		reference(w, "right", vnep_set_specs[s->set].name);
		break;
	case VNEP_STMT_HOST_PAIR: host_pair(w, s); break;
	case VNEP_STMT_VLAN:
		field(w, "left", VNEP_FIELD_VLAN);
		vnep_jw_u64(w, "right", s->number);
		break;
	case VNEP_STMT_LONGER:
		meta(w, "left", "length");
		vnep_jw_u64(w, "right", s->number);
		break;
	case VNEP_STMT_FRAGMENTED:
		exthdr(w, NULL);
		vnep_jw_raw(w, "right", "true", 4);
		break;
	case VNEP_STMT_LATER:
		exthdr(w, "frag-off");
		vnep_jw_u64(w, "right", 0);
		break;
	case VNEP_STMT_PROTO:
	case VNEP_STMT_NOT_PROTO:
		meta(w, "left", "l4proto");
		vnep_jw_u64(w, "right", s->number);
		break;
	case VNEP_STMT_PORTS: ports(w, s); break;
	default: break;
	}
	vnep_jw_end_object(w);
}

static void limit(struct vnep_jw *w, const struct vnep_stmt *s)
{
	vnep_jw_object(w, "limit");
	vnep_jw_u64(w, "rate", s->number);
	vnep_jw_str(w, "per", "second");
	vnep_jw_u64(w, "burst", s->number2);
	vnep_jw_end_object(w);
}

static void tag(struct vnep_jw *w, const struct vnep_tag *tag)
{
	struct vnep_mac mac;

	vnep_tag_write(tag, mac.octet);
	vnep_jw_object(w, "mangle");
	payload(w, "key", "ether", "daddr");
	vnep_jw_mac(w, "value", &mac);
	vnep_jw_end_object(w);
}

static void set_vlan(struct vnep_jw *w, uint64_t vlan)
{
	vnep_jw_object(w, "mangle");
	field(w, "key", VNEP_FIELD_VLAN);
	vnep_jw_u64(w, "value", vlan);
	vnep_jw_end_object(w);
}

static void update_awake(struct vnep_jw *w, enum vnep_field v, uint64_t ms)
{
	vnep_jw_object(w, "set");
	vnep_jw_str(w, "op", "update");
	vnep_jw_object(w, "elem");
	vnep_jw_object(w, "elem");
	field(w, "val", v);
	vnep_jw_u64(w, "timeout",
		ms / 1000); /* seconds: all that this JSON knows, and all that a record says */
	vnep_jw_end_object(w);
	vnep_jw_end_object(w);
	reference(w, "set", vnep_set_specs[VNEP_SET_AWAKE].name);
	vnep_jw_end_object(w);
}

/* A field rewritten by a map of itself, or of the whole key of a binding. */
static void translate(struct vnep_jw *w, enum vnep_field which, enum vnep_set set)
{
	vnep_jw_object(w, "mangle");
	field(w, "key", which);
	vnep_jw_object(w, "value");
	vnep_jw_object(w, "map");
	if (set == VNEP_SET_TO_BINDING)
		field(w, "key", which);
	else
		binding(w, "key", &vnep_set_specs[set]);
	reference(w, "data", vnep_set_specs[set].name);
	vnep_jw_end_object(w);
	vnep_jw_end_object(w);
	vnep_jw_end_object(w);
}

static void fwd(struct vnep_jw *w, const struct vnep_stmt *s)
{
	char map[VNEP_NEIGHBOUR_NAME_MAX + 1];

	vnep_jw_object(w, "fwd");
	vnep_jw_str(w, "dev", s->name);
	if (s->kind != VNEP_STMT_FWD)
		vnep_jw_str(w, "family", "ip6");
	if (s->kind == VNEP_STMT_DELIVER) {
		vnep_nfttext_neighbour_name(s->name, s->number, map);
		vnep_jw_object(w, "addr");
		vnep_jw_object(w, "map");
		field(w, "key", VNEP_FIELD_DEST);
		reference(w, "data", map);
		vnep_jw_end_object(w);
		vnep_jw_end_object(w);
	} else if (s->kind == VNEP_STMT_DELIVER_HOST) {
		field(w, "addr", VNEP_FIELD_SRC);
	} else if (s->kind == VNEP_STMT_ROUTE && !IN6_IS_ADDR_UNSPECIFIED(&s->addr)) {
		vnep_jw_ip6(w, "addr", &s->addr);
	} else if (s->kind == VNEP_STMT_ROUTE) {
		field(w, "addr", VNEP_FIELD_DEST);
	}
	vnep_jw_end_object(w);
}

static void verdict_to(struct vnep_jw *w, const char *verdict, const char *chain)
{
	vnep_jw_object(w, verdict);
	vnep_jw_str(w, "target", chain);
	vnep_jw_end_object(w);
}

static void put_stmt(struct vnep_jw *w, const struct vnep_stmt *s)
{
	if (s->kind == VNEP_STMT_REACHABLE)
		return; /* this language cannot look up a constant: it sends to any neighbour */
	vnep_jw_object(w, NULL);
	switch (s->kind) {
	case VNEP_STMT_LIMIT: limit(w, s); break;
	case VNEP_STMT_COUNT: vnep_jw_str(w, "counter", s->name); break;
	case VNEP_STMT_TAG: tag(w, &s->tag); break;
	case VNEP_STMT_DUP:
		vnep_jw_object(w, "dup");
		vnep_jw_str(w, "addr", s->name);
		vnep_jw_end_object(w);
		break;
	case VNEP_STMT_SET_VLAN: set_vlan(w, s->number); break;
	case VNEP_STMT_UPDATE_AWAKE: update_awake(w, s->field, s->number); break;
	case VNEP_STMT_FROM_BINDING: translate(w, VNEP_FIELD_SRC, s->set); break;
	case VNEP_STMT_TO_BINDING: translate(w, VNEP_FIELD_DEST, VNEP_SET_TO_BINDING); break;
	case VNEP_STMT_FWD:
	case VNEP_STMT_DELIVER:
	case VNEP_STMT_DELIVER_HOST:
	case VNEP_STMT_ROUTE: fwd(w, s); break;
	case VNEP_STMT_VMAP:
		vnep_jw_object(w, "vmap");
		field(w, "key", s->field);
		reference(w, "data", vnep_set_specs[s->set].name);
		vnep_jw_end_object(w);
		break;
	case VNEP_STMT_GOTO: verdict_to(w, "goto", s->name); break;
	case VNEP_STMT_JUMP: verdict_to(w, "jump", s->name); break;
	case VNEP_STMT_RETURN: vnep_jw_raw(w, "return", "null", 4); break;
	case VNEP_STMT_DROP: vnep_jw_raw(w, "drop", "null", 4); break;
	default: put_match(w, s); break;
	}
	vnep_jw_end_object(w);
}

static void put_chain(struct vnep_nfttext *t, const struct vnep_chain *chain)
{
	begin(t, "add", "chain");
	vnep_jw_str(&t->w, "name", chain->name);
	if (chain->device[0]) {
		vnep_jw_str(&t->w, "type", "filter");
		vnep_jw_str(&t->w, "hook", "ingress");
		vnep_jw_u64(&t->w, "prio", 0);
		vnep_jw_str(&t->w, "dev", chain->device);
		vnep_jw_str(&t->w, "policy", "drop");
	}
	end(t);
}

/* First: else nft takes the frame for an untagged one. */
static void tagged(struct vnep_jw *w)
{
	vnep_jw_object(w, NULL);
	match(w, "==");
	field(w, "left", VNEP_FIELD_VLAN);
	vnep_jw_raw(w, "right", "{\"range\":[0,4095]}", 18);
	vnep_jw_end_object(w);
	vnep_jw_end_object(w);
}

static void put_rules(struct vnep_nfttext *t, const struct vnep_chain *chain)
{
	for (size_t i = chain->first; i < chain->first + chain->count; i++) {
		const struct vnep_rule *rule = &t->rs->rules[i];

		begin(t, "add", "rule");
		vnep_jw_str(&t->w, "chain", chain->name);
		vnep_jw_array(&t->w, "expr");
		if (vnep_rule_reads_vlan(t->rs, rule))
			tagged(&t->w);
		for (size_t k = rule->first; k < rule->first + rule->count; k++)
			put_stmt(&t->w, &t->rs->stmts[k]);
		vnep_jw_end_array(&t->w);
		vnep_jw_str(&t->w, "comment", rule->comment);
		end(t);
	}
}

void vnep_nftjson_rules(struct vnep_nfttext *t)
{
	const struct vnep_ruleset *rs = t->rs;
	char map[VNEP_NEIGHBOUR_NAME_MAX + 1];

	t->w = (struct vnep_jw){ .buf = t->out };
	vnep_jw_object(&t->w, NULL);
	vnep_jw_array(&t->w, "nftables");
	table(t, "add");
	table(t, "flush");
	for (size_t i = 0; i < rs->counter_count; i++) {
		begin(t, "add", "counter");
		vnep_jw_str(&t->w, "name", rs->counters[i]);
		end(t);
	}
	for (int set = 0; set < VNEP_SET_COUNT; set++)
		if (!vnep_set_specs[set].kernel && vnep_ruleset_has_set(rs, (enum vnep_set)set))
			put_set(t, vnep_set_specs[set].name, &vnep_set_specs[set]);
	for (size_t i = 0; i < rs->stmt_count; i++) {
		if (!vnep_nfttext_first_delivery(rs, i))
			continue;
		vnep_nfttext_neighbour_name(rs->stmts[i].name, rs->stmts[i].number, map);
		put_set(t, map, &vnep_nfttext_neighbour);
	}
	for (size_t i = 0; i < rs->chain_count; i++)
		put_chain(t, &rs->chains[i]);
	for (size_t i = 0; i < rs->chain_count; i++)
		put_rules(t, &rs->chains[i]);
}

static const uint8_t *put_part(struct vnep_nfttext *t, enum vnep_nft_type type, const uint8_t *at)
{
	struct in6_addr addr;
	struct vnep_mac mac;
	uint32_t number;

	switch (type) {
	case VNEP_NFT_IIF:
		memcpy(&number, at, sizeof number);
		vnep_jw_str(&t->w, NULL, t->ports[number - 1]);
		break;
	case VNEP_NFT_VLAN: vnep_jw_u64(&t->w, NULL, vnep_be16(at)); break;
	case VNEP_NFT_MAC:
		memcpy(mac.octet, at, sizeof mac.octet);
		vnep_jw_mac(&t->w, NULL, &mac);
		break;
	case VNEP_NFT_IP6:
	case VNEP_NFT_IP6_DEST:
		memcpy(&addr, at, sizeof addr);
		vnep_jw_ip6(&t->w, NULL, &addr);
		break;
	case VNEP_NFT_ICMP_TYPE: vnep_jw_u64(&t->w, NULL, at[0]); break;
	case VNEP_NFT_VERDICT:
		memcpy(&number, at, sizeof number);
		vnep_jw_object(&t->w, NULL);
		verdict_to(&t->w, "goto", t->rs->chains[number].name);
		vnep_jw_end_object(&t->w);
		break;
	case VNEP_NFT_MARK: /* of sets that text has not */
	case VNEP_NFT_NONE: break;
	}
	return at + vnep_nft_type_len(type);
}

static void put_key(struct vnep_nfttext *t, const struct vnep_set_spec *spec, const uint8_t *at)
{
	bool concat = spec->key[1] != VNEP_NFT_NONE;

	if (concat) {
		vnep_jw_object(&t->w, NULL);
		vnep_jw_array(&t->w, "concat");
	}
	for (int k = 0; k < VNEP_KEY_PARTS && spec->key[k] != VNEP_NFT_NONE; k++)
		at = put_part(t, spec->key[k], at);
	if (concat) {
		vnep_jw_end_array(&t->w);
		vnep_jw_end_object(&t->w);
	}
}

void vnep_nftjson_elements(struct vnep_nfttext *t, const char *name,
	const struct vnep_set_spec *spec, const struct vnep_set_element *elements, size_t count)
{
	begin(t, "add", "element");
	vnep_jw_str(&t->w, "name", name);
	vnep_jw_array(&t->w, "elem");
	for (size_t i = 0; i < count; i++) {
		if (spec->data != VNEP_NFT_NONE)
			vnep_jw_array(&t->w, NULL);
		put_key(t, spec, elements[i].key);
		if (spec->data == VNEP_NFT_NONE)
			continue;
		put_part(t, spec->data, elements[i].data);
		vnep_jw_end_array(&t->w);
	}
	vnep_jw_end_array(&t->w);
	end(t);
}

void vnep_nftjson_end(struct vnep_nfttext *t)
{
	vnep_jw_end_array(&t->w);
	vnep_jw_end_object(&t->w);
	vnep_buf_put_u8(t->out, '\n');
}
