/* fuzz-verdict - any frame through the rules of a small map: no octet too far, and what goes out is what may. */
#include "fuzz.h"
#include "vnep/explain.h"
#include "vnep/frame.h"

static struct vnep_acl *acl;
static struct vnep_explain *ex;
static struct vnep_verdict v;

static void want_vpc(const char *name, const char *prefix, uint16_t vlan)
{
	struct vnep_vpc vpc = { .core_vlan = vlan };

	snprintf(vpc.vpc, sizeof vpc.vpc, "%s", name);
	HOLDS(!vnep_prefix_parse(prefix, &vpc.prefix, NULL));
	HOLDS(!vnep_acl_want_vpc(acl, &vpc, NULL));
}

static void want_device(unsigned n, const char *vep, uint16_t vlan, enum vnep_form form)
{
	struct vnep_device d = { .vlan = vlan,
		.form = form,
		.has_mac = true,
		.mac = { { 0, 0, 0x5e, 0, 0x53, (uint8_t)n } },
		.addr_count = 1,
		.has_psm = n == 1,
		.t3324_s = 60,
		.journal = n == 1 ? VNEP_JOURNAL_BOTH : VNEP_JOURNAL_ASLEEP };

	snprintf(d.dev, sizeof d.dev, "urn:dev:mac:00005efffe0053%02x", n);
	HOLDS(!vnep_ip6_parse(vep, &d.vep, NULL));
	HOLDS(!vnep_ip6_parse("2001:db8:a::1", &d.addr[0], NULL));
	HOLDS(!vnep_acl_want_device(acl, &d, NULL, NULL));
}

static void want_group(void)
{
	struct in6_addr senders[2];
	struct vnep_group group = { .group = "lights", .senders = senders, .sender_count = 2 };

	HOLDS(!vnep_ip6_parse("ff35:40:2001:db8::8000:1", &group.address, NULL));
	HOLDS(!vnep_ip6_parse("2001:db8:b::2", &senders[0], NULL));
	HOLDS(!vnep_ip6_parse("2001:db8:d::2", &senders[1], NULL));
	HOLDS(!vnep_acl_want_group(acl, &group, NULL));
}

static void begin(void)
{
	static const struct vnep_acl_config config = {
		.access = { "acc0" }, .access_count = 1, .core = "up0", .journal_port = "vnep-j0"
	};

	HOLDS(!vnep_acl_open(&acl, &config, true, NULL));
	want_vpc("flat", "2001:db8:b::/64", 0);
	want_vpc("acme", "2001:db8:d::/64", 900);
	want_device(1, "2001:db8:b::71", 0, VNEP_FORM_EDGE);
	want_device(2, "2001:db8:d::72", 101, VNEP_FORM_EDGE);
	want_device(3, "2001:db8:b::73", 0, VNEP_FORM_HOST);
	want_group();
	HOLDS(!vnep_explain_open(&ex, acl, NULL));
	vnep_verdict_init(&v);
}

static void check_sent(const struct vnep_verdict_sent *sent, size_t size)
{
	HOLDS(sent->at + sent->len <= v.bytes.len && sent->len == size && sent->port[0]);
}

/* Nothing that a device sends leaves under an address that is not its own, or for the edge itself. */
static void check_forwarded(const uint8_t *data, bool core, size_t size)
{
	const uint8_t *out = vnep_verdict_frame(&v, &v.sent);
	size_t ip = out[12] == 0x81 ? 18 : 14;

	check_sent(&v.sent, size);
	HOLDS(size >= ip + 40 && out[ip + 7] == data[ip + 7] - 1);
	HOLDS(core ? v.has_to : v.has_from || v.has_to);
	HOLDS(!strcmp(v.sent.port, "acc0") || !core);
	if (!core && out[ip + 13] != 0x0a) /* form host sends as L, whose sixth octet is that */
		HOLDS(v.has_from && !memcmp(out + ip + 8, &v.from, 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *port;
	uint8_t *copy;
	uint32_t beyond;

	if (!acl)
		begin();
	if (size < 15)
		return 0;
	port = data[0] & 1 ? "acc0" : "up0"; /* the first octet says where, and what is used up */
	beyond = data[0] >> 1;
	size--;
	copy = malloc(size);
	HOLDS(copy);
	memcpy(copy, data + 1, size);
	HOLDS(!vnep_explain_frame(ex, port, copy, size, beyond, &v, NULL) ||
		size > VNEP_VERDICT_FRAME_MAX);
	HOLDS(v.end != VNEP_END_RAN_OUT ||
		size > VNEP_VERDICT_FRAME_MAX); /* every packet ends in a counted rule */
	for (unsigned i = 0; i < v.copy_count; i++)
		check_sent(&v.copies[i].sent, size);
	if (v.end == VNEP_END_PORT)
		check_sent(&v.sent, size);
	if (v.end == VNEP_END_NEIGHBOUR)
		check_forwarded(copy, !strcmp(port, "up0"), size);
	free(copy);
	return 0;
}
