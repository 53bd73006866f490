/* nfttext - the ruleset in nft's language. */
#include <stdio.h>
#include <string.h>

#include "vnep/nfttext.h"

const struct vnep_set_spec vnep_nfttext_neighbour = {
	.comment = "in text only: the kernel keeps the endpoint in a register",
	.key = { VNEP_NFT_IP6 },
	.key_len = 16,
	.data = VNEP_NFT_IP6,
	.data_len = 16,
};

const char *vnep_nft_type_text(enum vnep_nft_type type)
{
	switch (type) {
	case VNEP_NFT_NONE: break;
	case VNEP_NFT_IIF: return "iface_index";
	case VNEP_NFT_VLAN: return "integer";
	case VNEP_NFT_MAC: return "ether_addr";
	case VNEP_NFT_IP6:
	case VNEP_NFT_IP6_DEST: return "ipv6_addr";
	case VNEP_NFT_ICMP_TYPE: return "icmpv6_type";
	case VNEP_NFT_MARK: return "mark";
	case VNEP_NFT_VERDICT: return "verdict";
	}
	return "";
}

/* A type by an expression of it: an integer alone does not say how long it is. */
static const char *typeof_text(enum vnep_nft_type type)
{
	switch (type) {
	case VNEP_NFT_NONE: break;
	case VNEP_NFT_IIF: return "iif";
	case VNEP_NFT_VLAN: return "vlan id";
	case VNEP_NFT_MAC: return "ether saddr";
	case VNEP_NFT_IP6: return "ip6 saddr";
	case VNEP_NFT_IP6_DEST: return "ip6 daddr";
	case VNEP_NFT_ICMP_TYPE: return "icmpv6 type";
	case VNEP_NFT_MARK: return "meta mark";
	case VNEP_NFT_VERDICT: return "verdict";
	}
	return "";
}

static const char *field_text(enum vnep_field field)
{
	switch (field) {
	case VNEP_FIELD_SRC: return "ip6 saddr";
	case VNEP_FIELD_DEST: return "ip6 daddr";
	case VNEP_FIELD_SRC_MAC: return "ether saddr";
	case VNEP_FIELD_ICMP_TYPE: return "icmpv6 type";
	case VNEP_FIELD_VLAN: return "vlan id";
	}
	return "";
}

void vnep_nfttext_neighbour_name(
	const char *port, uint64_t vlan, char out[static VNEP_NEIGHBOUR_NAME_MAX + 1])
{
	char label[VNEP_NFT_NAME_MAX + 1];

	vnep_nft_label(port, label);
	if (vlan)
		snprintf(
			out, VNEP_NEIGHBOUR_NAME_MAX + 1, "neighbour_%s.%u", label, (unsigned)vlan);
	else
		snprintf(out, VNEP_NEIGHBOUR_NAME_MAX + 1, "neighbour_%s", label);
}

bool vnep_nfttext_first_delivery(const struct vnep_ruleset *rs, size_t stmt)
{
	if (rs->stmts[stmt].kind != VNEP_STMT_DELIVER)
		return false;
	for (size_t i = 0; i < stmt; i++)
		if (rs->stmts[i].kind == VNEP_STMT_DELIVER &&
			rs->stmts[i].number == rs->stmts[stmt].number &&
			!strcmp(rs->stmts[i].name, rs->stmts[stmt].name))
			return false;
	return true;
}

static void put_set(struct vnep_nfttext *t, const char *name, const struct vnep_set_spec *spec)
{
	const char *(*word)(enum vnep_nft_type) =
		vnep_set_has_vlan(spec) ? typeof_text : vnep_nft_type_text;
	struct vnep_buf *out = t->out;

	vnep_buf_printf(out, "\t%s %s {\n\t\tcomment \"%s\"\n\t\t%s ",
		spec->data == VNEP_NFT_NONE ? "set" : "map", name, spec->comment,
		word == typeof_text ? "typeof" : "type");
	for (int i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++)
		vnep_buf_printf(out, "%s%s", i ? " . " : "", word(spec->key[i]));
	if (spec->data != VNEP_NFT_NONE)
		vnep_buf_printf(out, " : %s", word(spec->data));
	vnep_buf_printf(out, "\n\t\tsize %u\n", spec->size ? spec->size : t->rs->set_size);
	if (spec->timeout)
		vnep_buf_put_str(out, "\t\tflags dynamic,timeout\n");
	else if (vnep_set_grows(spec)) /* nft prints the interval of a map, but does not read it */
		vnep_buf_printf(out, "\t\tflags timeout\n%s",
			spec->data == VNEP_NFT_NONE ? "\t\tgc-interval 1d\n" : "");
	if (spec->counter)
		vnep_buf_put_str(out, "\t\tcounter\n");
	vnep_buf_put_str(out, "\t}\n");
}

/* "iif . vlan id . ether saddr . ip6 saddr": the key of a set of bindings, or of groups. */
static void put_binding(struct vnep_buf *out, enum vnep_set set)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[set];

	for (int i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++)
		vnep_buf_printf(out, "%s%s", i ? " . " : "", typeof_text(spec->key[i]));
}

static void put_match(struct vnep_buf *out, const struct vnep_stmt *s)
{
	char prefix[VNEP_PREFIX_LEN];

	switch (s->kind) {
	case VNEP_STMT_ETHER_TYPE:
		vnep_buf_printf(out, "ether type 0x%04llx", (unsigned long long)s->number);
		break;
	case VNEP_STMT_PROTOCOL:
		vnep_buf_printf(out, "meta protocol 0x%04llx", (unsigned long long)s->number);
		break;
	case VNEP_STMT_NOT_IPV6: vnep_buf_put_str(out, "meta protocol != ip6"); break;
	case VNEP_STMT_NOT_HOST: vnep_buf_put_str(out, "meta pkttype != host"); break;
	case VNEP_STMT_HOST: vnep_buf_put_str(out, "meta pkttype host"); break;
	case VNEP_STMT_HOP_LIMIT:
	case VNEP_STMT_HOPS_LEFT:
		vnep_buf_printf(out, "ip6 hoplimit %s %llu",
			s->kind == VNEP_STMT_HOP_LIMIT ? "<=" : ">", (unsigned long long)s->number);
		break;
	case VNEP_STMT_ICMP_TYPE:
		vnep_buf_printf(out, "icmpv6 type %llu", (unsigned long long)s->number);
		break;
	case VNEP_STMT_IN_SET:
	case VNEP_STMT_NOT_IN_SET:
		vnep_buf_printf(out, "%s %s@%s", field_text(s->field),
			s->kind == VNEP_STMT_IN_SET ? "" : "!= ", vnep_set_specs[s->set].name);
		break;
	case VNEP_STMT_IN_PREFIX:
		vnep_prefix_print(&s->prefix, prefix);
		vnep_buf_printf(out, "%s %s", field_text(s->field), prefix);
		break;
	case VNEP_STMT_IN_BINDING:
	case VNEP_STMT_IN_GROUP:
		put_binding(out, s->set);
		vnep_buf_printf(out, " @%s", vnep_set_specs[s->set].name);
		break;
	case VNEP_STMT_HOST_PAIR:
		vnep_buf_printf(out, "%s @%s",
			s->field == VNEP_FIELD_SRC ? "ip6 saddr . ip6 daddr"
						   : "ip6 daddr . ip6 saddr",
			vnep_set_specs[VNEP_SET_HOST_PAIR].name);
		break;
	case VNEP_STMT_VLAN:
		vnep_buf_printf(out, "vlan id %llu", (unsigned long long)s->number);
		break;
	case VNEP_STMT_LONGER:
		vnep_buf_printf(out, "meta length > %llu", (unsigned long long)s->number);
		break;
	case VNEP_STMT_FRAGMENTED: vnep_buf_put_str(out, "exthdr frag exists"); break;
	case VNEP_STMT_LATER: vnep_buf_put_str(out, "frag frag-off != 0"); break;
	case VNEP_STMT_PROTO:
	case VNEP_STMT_NOT_PROTO:
		vnep_buf_printf(out, "meta l4proto %s%llu",
			s->kind == VNEP_STMT_PROTO ? "" : "!= ", (unsigned long long)s->number);
		break;
	case VNEP_STMT_PORTS:
		vnep_buf_printf(out, "th dport %llu", (unsigned long long)s->number);
		if (s->number2 != s->number)
			vnep_buf_printf(out, "-%llu", (unsigned long long)s->number2);
		break;
	default: break; /* REACHABLE: text cannot look up a constant, it sends to any neighbour */
	}
}

static void put_tag(struct vnep_buf *out, const struct vnep_tag *tag)
{
	char text[VNEP_MAC_LEN];
	struct vnep_mac mac;

	vnep_tag_write(tag, mac.octet);
	vnep_mac_print(&mac, text);
	vnep_buf_printf(out, "ether daddr set %s", text);
}

static void put_route(struct vnep_buf *out, const struct vnep_stmt *s)
{
	char to[VNEP_IP6_LEN] = "ip6 daddr";

	if (!IN6_IS_ADDR_UNSPECIFIED(&s->addr))
		vnep_ip6_print(&s->addr, to);
	vnep_buf_printf(out, "fwd ip6 to %s device \"%s\"", to, s->name);
}

static void put_stmt(struct vnep_buf *out, const struct vnep_stmt *s)
{
	char map[VNEP_NEIGHBOUR_NAME_MAX + 1];

	switch (s->kind) {
	case VNEP_STMT_LIMIT:
		vnep_buf_printf(out, "limit rate %llu/second burst %llu packets",
			(unsigned long long)s->number, (unsigned long long)s->number2);
		break;
	case VNEP_STMT_COUNT: vnep_buf_printf(out, "counter name \"%s\"", s->name); break;
	case VNEP_STMT_TAG: put_tag(out, &s->tag); break;
	case VNEP_STMT_FWD: vnep_buf_printf(out, "fwd to \"%s\"", s->name); break;
	case VNEP_STMT_DUP: vnep_buf_printf(out, "dup to \"%s\"", s->name); break;
	case VNEP_STMT_SET_VLAN:
		vnep_buf_printf(out, "vlan id set %llu", (unsigned long long)s->number);
		break;
	case VNEP_STMT_UPDATE_AWAKE:
		vnep_buf_printf(out, "update @awake { %s timeout %llums }", field_text(s->field),
			(unsigned long long)s->number);
		break;
	case VNEP_STMT_FROM_BINDING:
		vnep_buf_put_str(out, "ip6 saddr set ");
		put_binding(out, s->set);
		vnep_buf_printf(out, " map @%s", vnep_set_specs[s->set].name);
		break;
	case VNEP_STMT_TO_BINDING:
		vnep_buf_put_str(out, "ip6 daddr set ip6 daddr map @to_binding");
		break;
	case VNEP_STMT_DELIVER:
		vnep_nfttext_neighbour_name(s->name, s->number, map);
		vnep_buf_printf(out, "fwd ip6 to ip6 daddr map @%s device \"%s\"", map, s->name);
		break;
	case VNEP_STMT_DELIVER_HOST:
		vnep_buf_printf(out, "fwd ip6 to ip6 saddr device \"%s\"", s->name);
		break;
	case VNEP_STMT_ROUTE: put_route(out, s); break;
	case VNEP_STMT_VMAP:
		vnep_buf_printf(
			out, "%s vmap @%s", field_text(s->field), vnep_set_specs[s->set].name);
		break;
	case VNEP_STMT_GOTO: vnep_buf_printf(out, "goto %s", s->name); break;
	case VNEP_STMT_JUMP: vnep_buf_printf(out, "jump %s", s->name); break;
	case VNEP_STMT_RETURN: vnep_buf_put_str(out, "return"); break;
	case VNEP_STMT_DROP: vnep_buf_put_str(out, "drop"); break;
	default: put_match(out, s); break;
	}
}

static void put_chain(struct vnep_nfttext *t, const struct vnep_chain *chain)
{
	const struct vnep_ruleset *rs = t->rs;

	vnep_buf_printf(t->out, "\n\tchain %s {\n", chain->name);
	if (chain->comment[0])
		vnep_buf_printf(t->out, "\t\tcomment \"%s\"\n", chain->comment);
	if (chain->device[0])
		vnep_buf_printf(t->out,
			"\t\ttype filter hook ingress device \"%s\" priority 0; policy drop;\n",
			chain->device);
	for (size_t i = chain->first; i < chain->first + chain->count; i++) {
		const struct vnep_rule *rule = &rs->rules[i];

		vnep_buf_put_str(t->out, "\t\t");
		if (vnep_rule_reads_vlan(
			    rs, rule)) /* first: else nft takes the frame for an untagged one */
			vnep_buf_put_str(t->out, "vlan id 0-4095 ");
		for (size_t k = rule->first; k < rule->first + rule->count; k++) {
			put_stmt(t->out, &rs->stmts[k]);
			vnep_buf_put_u8(t->out, ' ');
		}
		vnep_buf_printf(t->out, "comment \"%s\"\n", rule->comment);
	}
	vnep_buf_put_str(t->out, "\t}\n");
}

void vnep_nfttext_rules(struct vnep_nfttext *t)
{
	const struct vnep_ruleset *rs = t->rs;
	char map[VNEP_NEIGHBOUR_NAME_MAX + 1];

	if (t->json) {
		vnep_nftjson_rules(t);
		return;
	}
	vnep_buf_put_str(
		t->out, "table netdev vnep {\n}\nflush table netdev vnep\n\ntable netdev vnep {\n");
	for (size_t i = 0; i < rs->counter_count; i++)
		vnep_buf_printf(t->out, "\tcounter %s {\n\t}\n", rs->counters[i]);
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
	vnep_buf_put_str(t->out, "}\n");
}

void vnep_nft_part_put(
	struct vnep_buf *out, enum vnep_nft_type type, const uint8_t *at, const char *name)
{
	char text[VNEP_IP6_LEN] = "";
	struct in6_addr addr;
	struct vnep_mac mac;
	uint32_t number;

	switch (type) {
	case VNEP_NFT_IIF: vnep_buf_printf(out, "\"%s\"", name); break;
	case VNEP_NFT_VLAN: vnep_buf_printf(out, "%u", vnep_be16(at)); break;
	case VNEP_NFT_MAC:
		memcpy(mac.octet, at, sizeof mac.octet);
		vnep_mac_print(&mac, text);
		break;
	case VNEP_NFT_IP6:
	case VNEP_NFT_IP6_DEST:
		memcpy(&addr, at, sizeof addr);
		vnep_ip6_print(&addr, text);
		break;
	case VNEP_NFT_ICMP_TYPE: vnep_buf_printf(out, "%u", at[0]); break;
	case VNEP_NFT_VERDICT: vnep_buf_printf(out, "goto %s", name); break;
	case VNEP_NFT_MARK:
		memcpy(&number, at, sizeof number);
		vnep_buf_printf(out, "0x%08x", number);
		break;
	case VNEP_NFT_NONE: break;
	}
	vnep_buf_put_str(out, text);
}

static const uint8_t *put_part(struct vnep_nfttext *t, enum vnep_nft_type type, const uint8_t *at)
{
	uint32_t number;

	memcpy(&number, at, sizeof number);
	vnep_nft_part_put(t->out, type, at,
		type == VNEP_NFT_IIF       ? t->ports[number - 1]
		: type == VNEP_NFT_VERDICT ? t->rs->chains[number].name
					   : "");
	return at + vnep_nft_type_len(type);
}

static void put_elements(struct vnep_nfttext *t, const char *name, const struct vnep_set_spec *spec,
	const struct vnep_set_element *elements, size_t count)
{
	if (!count)
		return;
	if (t->json) {
		vnep_nftjson_elements(t, name, spec, elements, count);
		return;
	}
	vnep_buf_printf(t->out, "add element netdev vnep %s {\n", name);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = elements[i].key;

		vnep_buf_put_u8(t->out, '\t');
		for (int k = 0; k < VNEP_KEY_PARTS && spec->key[k] != VNEP_NFT_NONE; k++) {
			vnep_buf_put_str(t->out, k ? " . " : "");
			at = put_part(t, spec->key[k], at);
		}
		if (spec->data != VNEP_NFT_NONE) {
			vnep_buf_put_str(t->out, " : ");
			put_part(t, spec->data, elements[i].data);
		}
		vnep_buf_put_str(t->out, i + 1 < count ? ",\n" : "\n}\n");
	}
}

void vnep_nfttext_elements(struct vnep_nfttext *t, enum vnep_set set,
	const struct vnep_set_element *elements, size_t count)
{
	put_elements(t, vnep_set_specs[set].name, &vnep_set_specs[set], elements, count);
}

void vnep_nfttext_neighbours(struct vnep_nfttext *t, const char *port, uint16_t vlan,
	const struct vnep_set_element *elements, size_t count)
{
	char map[VNEP_NEIGHBOUR_NAME_MAX + 1];

	vnep_nfttext_neighbour_name(port, vlan, map);
	put_elements(t, map, &vnep_nfttext_neighbour, elements, count);
}

void vnep_nfttext_end(struct vnep_nfttext *t)
{
	if (t->json)
		vnep_nftjson_end(t);
}
