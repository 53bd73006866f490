/*
 * model - what the rules do with frames, for a switch that is no kernel to be compared with.
 *
 *   model RECORDS NEIGHBOURS COUNT [SEED]
 *
 * RECORDS and NEIGHBOURS as oracle.c has them; nobody is asked, every bound device is awake. COUNT frames at random, of
 * those that oracle.c begins with: half of them as they are, half changed. Standard output, a line for each frame:
 *
 *   plain|changed  QUIRK  PORT HEX  drop REASON | unseen | sent PORT HEX
 *
 * A frame for a neighbour has as its source the MAC that it was sent to, and as its destination that of the device, or
 * on the core side the one it came with. QUIRK is what such a switch sees with other eyes, or "-": service-tag,
 * auth (an authentication header), later (a fragment behind the first).
 */
#include "oracle-input.h"
#include "oracle-seeds.h"
#include "vnep/num.h"

static const char *quirk(const struct seed *s)
{
	size_t at = 14, left = 8;
	uint8_t next;

	if (vnep_be16(s->data + 12) == 0x88a8)
		return "service-tag";
	if (vnep_be16(s->data + 12) == 0x8100)
		at += 4;
	if (s->len - at > 1500)
		return "long";
	if (at + 40 > s->len)
		return "-";
	if (s->data[at] >> 4 != 6)
		return "version";
	next = s->data[at + 6];
	for (at += 40; left-- && at + 8 <= s->len;) {
		uint8_t here = next;

		if (here == IPPROTO_AH)
			return "auth";
		if (here == IPPROTO_ROUTING)
			return "routing";
		if (here == IPPROTO_FRAGMENT && vnep_be16(s->data + at + 2) & 0xfff8)
			return "later";
		if (here != IPPROTO_HOPOPTS && here != IPPROTO_DSTOPTS && here != IPPROTO_FRAGMENT)
			break;
		next = s->data[at];
		at += here == IPPROTO_FRAGMENT ? 8 : (s->data[at + 1] + 1u) * 8;
	}
	return "-";
}

static void print_hex(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", data[i]);
}

static void print_sent(const struct oracle *o, const struct seed *s)
{
	const struct vnep_verdict *v = &o->v;
	const uint8_t *out = vnep_verdict_frame(v, &v->sent), *dest = s->data;

	printf("sent %s ", v->sent.port);
	if (v->end == VNEP_END_PORT) {
		print_hex(out, v->sent.len);
		return;
	}
	for (unsigned i = 0; i < o->devices && strcmp(v->sent.port, "up0"); i++)
		if (vnep_ip6_equal(&o->device[i].vep, &v->neighbour))
			dest = o->device[i].mac.octet;
	print_hex(dest, 6);
	print_hex(s->data, 6);
	print_hex(out + 12, v->sent.len - 12);
}

static void print_frame(struct oracle *o, const struct seed *s, const char *kind)
{
	struct vnep_err err = { 0 };
	const char *counter;

	must(vnep_explain_frame(o->explain, ports[s->port], s->data, s->len, 0, &o->v, &err), &err);
	counter = o->v.counter && !strncmp(o->v.counter, "drop.", 5) ? o->v.counter + 5 : "-";
	printf("%s %s %s ", kind, quirk(s), ports[s->port]);
	print_hex(s->data, s->len);
	printf(" ");
	switch (o->v.end) {
	case VNEP_END_DROP: printf("drop %.*s", (int)strcspn(counter, "."), counter); break;
	case VNEP_END_PORT:
	case VNEP_END_NEIGHBOUR: print_sent(o, s); break;
	default: printf("unseen"); break;
	}
	printf("\n");
}

static bool passes(struct oracle *o, const struct seed *s)
{
	struct vnep_err err = { 0 };

	must(vnep_explain_frame(o->explain, ports[s->port], s->data, s->len, 0, &o->v, &err), &err);
	return o->v.end != VNEP_END_DROP;
}

int main(int argc, char **argv)
{
	struct vnep_acl_config config = { .access = { "acc0", "acc1" },
		.access_count = 2,
		.core = "up0",
		.journal_port = "vnep-j0" };
	struct vnep_err err = { 0 };
	static struct seed changed;
	static struct oracle o;
	uint64_t count, seed = 1;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: model RECORDS NEIGHBOURS COUNT [SEED]\n");
		return 2;
	}
	must(vnep_num_u64(argv[3], 1, 1000000000, &count, &err), &err);
	if (argc > 4)
		must(vnep_num_u64(argv[4], 1, UINT32_MAX, &seed, &err), &err);
	random_state = seed * 0x9e3779b97f4a7c15;
	must(vnep_acl_open(&o.acl, &config, true, &err), &err);
	read_records(&o, argv[1]);
	read_neighbours(&o, argv[2]);
	must(vnep_explain_open(&o.explain, o.acl, &err), &err);
	vnep_verdict_init(&o.v);
	o.seeds = calloc(SEEDS, sizeof *o.seeds);
	if (!o.seeds)
		die_sys("memory");
	for (unsigned i = 0; i < PORTS; i++)
		o.port_mac[i] = (struct vnep_mac){ { 0, 0, 0x5e, 0, 0x53, (uint8_t)(0xf0 + i) } };
	fill_pools(&o);
	for (unsigned i = 0; i < o.devices; i++)
		device_seeds(&o, &o.device[i]);
	router_seeds(&o);
	for (uint64_t i = 0; i < count; i++) {
		changed = o.seeds[random_number(o.seed_count)];
		if (random_number(4) && !passes(&o, &changed)) {
			i--;
			continue;
		}
		if (i % 2)
			seed_shake(&changed, &o.pools);
		print_frame(&o, &changed, i % 2 ? "changed" : "plain");
	}
	return 0;
}
