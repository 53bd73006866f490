/*
 * explain - what becomes of a packet, and why: `ip route get` for the rules.
 *
 * Three ways to say which packet: addresses (a frame is made of them), octets, a capture. The records come from
 * --records or the map; no kernel is asked, unless --live says so.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "explain.h"
#include "vnep/capture.h"
#include "vnep/num.h"

enum { SRC_PORT = 40000 };

const struct vnep_option acl_explain_options[] = {
	ACL_PORT_OPTIONS,
	ACL_MAP_OPTION,
	{ "records", 0, VNEP_ARG_ONE, "FILE", "the records (default -, standard input)", NULL },
	{ "read", 'r', VNEP_ARG_ONE, "FILE", "each packet of a pcap or pcapng file", NULL },
	{ "frame", 0, VNEP_ARG_ONE, "HEX", "this Ethernet frame", NULL },
	{ "port", 0, VNEP_ARG_ONE, "IF", "where it arrives", NULL },
	{ "mac", 0, VNEP_ARG_ONE, "MAC", "of the sender (default: the device's)", NULL },
	{ "vlan", 0, VNEP_ARG_ONE, "N", "its tag, 0 is none (default: as the records say)", NULL },
	{ "hop-limit", 0, VNEP_ARG_ONE, "N", "its hop limit (default 64)", NULL },
	{ "awake", 0, VNEP_ARG_LIST, "DEV", "these devices listen now, and no others", NULL },
	{ "live", 0, VNEP_ARG_NONE, NULL, "ports and presence as this kernel has them", NULL },
	{ 0 },
};

/* Who was wanted, by endpoint, for the names in the answer. */
static int remember(struct vnep_cli *cli, const struct vnep_device *device, void *arg)
{
	struct explain *e = arg;
	struct explain_name *name, *old = vnep_table_get(&e->names, &device->vep);
	size_t len = strlen(device->dev) + 1;

	if (old) {
		vnep_table_remove(&e->names, old);
		free(old);
	}
	if (device->deleted)
		return 0;
	name = malloc(sizeof *name + len);
	if (!name)
		return vnep_err_sys(&cli->err, ENOMEM, "names");
	name->vep = device->vep;
	name->line = vnep_cli_has(cli, "map") ? 0 : cli->err.line;
	memcpy(name->dev, device->dev, len);
	if (!vnep_table_put(&e->names, name))
		return 0;
	free(name);
	return vnep_err_sys(&cli->err, ENOMEM, "names");
}

/* A device by its URN, or an address. */
static int read_end(struct explain *e, const char *word, struct in6_addr *out)
{
	const struct explain_name *name;
	char dev[VNEP_URN_MAX + 1];

	if (!vnep_ip6_parse(word, out, NULL))
		return 0;
	if (strncasecmp(word, "urn:", 4))
		return vnep_err_set(&e->cli->err, VNEP_EUSAGE,
			"\"%s\" is neither an IPv6 address nor the URN of a device", word);
	if (vnep_urn_canonical(word, dev, &e->cli->err))
		return VNEP_EVALUE;
	for (size_t i = 0; (name = vnep_table_next(&e->names, &i));)
		if (!strcmp(name->dev, dev)) {
			*out = name->vep;
			return 0;
		}
	return vnep_err_set(
		&e->cli->err, VNEP_ENOTFOUND, "no such device among the records: \"%s\"", word);
}

static int read_proto(struct vnep_cli *cli, const char *word, uint8_t *out)
{
	static const struct {
		const char *word;
		uint8_t proto;
	} words[] = { { "UDP", IPPROTO_UDP }, { "TCP", IPPROTO_TCP },
		{ "ICMPV6", IPPROTO_ICMPV6 } };
	uint64_t number;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcasecmp(words[i].word, word)) {
			*out = words[i].proto;
			return 0;
		}
	if (vnep_num_u64(word, 1, UINT8_MAX, &number, NULL))
		return vnep_err_set(&cli->err, VNEP_EUSAGE,
			"PROTO is UDP, TCP, ICMPV6 or a number from 1 to 255, not \"%s\"", word);
	*out = (uint8_t)number;
	return 0;
}

static int read_port_number(struct vnep_cli *cli, struct vnep_explain_flow *flow)
{
	bool ports = flow->proto == IPPROTO_UDP || flow->proto == IPPROTO_TCP;
	uint64_t number = 0;

	if (ports != (cli->argc == 4))
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "UDP and TCP have a PORT, nothing else has");
	if (ports && vnep_num_u64(cli->argv[3], 0, UINT16_MAX, &number, &cli->err))
		return cli->err.code = VNEP_EUSAGE;
	flow->dest_port = (uint16_t)number;
	flow->src_port = SRC_PORT;
	return 0;
}

static int read_details(struct vnep_cli *cli, struct vnep_explain_flow *flow)
{
	uint64_t vlan = 0, hops = 0;
	int rc = 0;

	if (vnep_cli_has(cli, "vlan"))
		rc = vnep_cli_u64(cli, "vlan", 0, 4094, &vlan);
	if (!rc && vnep_cli_has(cli, "hop-limit"))
		rc = vnep_cli_u64(cli, "hop-limit", 1, 255, &hops);
	if (!rc && vnep_cli_has(cli, "mac") &&
		vnep_mac_parse(vnep_cli_str(cli, "mac", ""), &flow->mac, &cli->err))
		rc = cli->err.code = VNEP_EUSAGE;
	flow->has_mac = vnep_cli_has(cli, "mac");
	flow->has_vlan = vnep_cli_has(cli, "vlan");
	flow->vlan = (uint16_t)vlan;
	flow->hop_limit = (uint8_t)hops;
	flow->port = vnep_cli_str(cli, "port", NULL);
	return rc;
}

static int explain_flow(struct explain *e)
{
	struct explain_frame frame = { .ts = vnep_wall_now() };
	struct vnep_explain_flow flow = { 0 };
	struct vnep_cli *cli = e->cli;
	struct vnep_buf octets;
	int rc = read_details(cli, &flow);

	vnep_buf_init(&octets);
	if (!rc)
		rc = read_end(e, cli->argv[0], &flow.src);
	if (!rc)
		rc = read_end(e, cli->argv[1], &flow.dest);
	if (!rc && cli->argc > 2)
		rc = read_proto(cli, cli->argv[2], &flow.proto);
	if (!rc)
		rc = read_port_number(cli, &flow);
	if (!rc)
		rc = vnep_explain_make(e->model, &flow, &octets, &frame.port, &cli->err);
	frame.data = octets.data;
	frame.len = octets.len;
	if (!rc)
		rc = explain_say(e, &frame);
	vnep_buf_release(&octets);
	return rc;
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

static int explain_hex(struct explain *e)
{
	const char *hex = vnep_cli_str(e->cli, "frame", "");
	struct explain_frame frame = { .port = vnep_cli_str(e->cli, "port", ""),
		.ts = vnep_wall_now() };
	struct vnep_buf octets;
	int rc = 0;

	vnep_buf_init(&octets);
	for (; !rc && *hex; hex += 2) {
		int high = digit(hex[0]), low = high < 0 ? -1 : digit(hex[1]);

		if (low < 0)
			rc = vnep_err_set(&e->cli->err, VNEP_EUSAGE,
				"--frame: pairs of hex digits are wanted at \"%.8s\"", hex);
		else
			vnep_buf_put_u8(&octets, (uint8_t)(high << 4 | low));
	}
	if (!rc && octets.rc)
		rc = vnep_err_sys(&e->cli->err, ENOMEM, "frame");
	frame.data = octets.data;
	frame.len = octets.len;
	if (!rc)
		rc = explain_say(e, &frame);
	vnep_buf_release(&octets);
	return rc;
}

/* What a short capture left out is zeros here: the rules read headers alone, but they ask how long a packet is. */
static int explain_captured(
	struct explain *e, const struct vnep_capture_frame *c, struct vnep_buf *octets)
{
	struct explain_frame frame = { .port = vnep_cli_str(e->cli, "port", ""), .ts = c->ts };

	vnep_buf_reset(octets);
	vnep_buf_put(octets, c->data, c->len);
	if (c->wire_len > c->len && c->wire_len <= VNEP_VERDICT_FRAME_MAX)
		vnep_buf_put_zero(octets, c->wire_len - c->len);
	if (octets->rc)
		return vnep_err_sys(&e->cli->err, ENOMEM, "frame");
	frame.data = octets->data;
	frame.len = octets->len;
	return explain_say(e, &frame);
}

/* A frame that no link carries is refused alone. */
static int explain_capture(struct explain *e)
{
	struct vnep_capture *capture = NULL;
	struct vnep_capture_frame c;
	struct vnep_buf octets;
	int rc = vnep_capture_open_file(
		&capture, vnep_cli_str(e->cli, "read", ""), NULL, &e->cli->err);

	vnep_buf_init(&octets);
	while (!rc && (rc = vnep_capture_next(capture, &c, &e->cli->err)) == 1) {
		rc = explain_captured(e, &c, &octets);
		if (rc == VNEP_ESHORT || rc == VNEP_ETOOBIG) {
			vnep_cli_error(e->cli, &e->cli->err);
			e->cli->err = (struct vnep_err){ 0 };
			rc = 0;
		}
	}
	vnep_buf_release(&octets);
	vnep_capture_close(capture);
	return rc;
}

static int name_awake(struct explain *e)
{
	struct in6_addr vep;
	const char *word;
	int rc = 0;

	for (size_t i = 0; !rc && (word = vnep_cli_list(e->cli, "awake", i)); i++) {
		rc = read_end(e, word, &vep);
		if (!rc && !vnep_table_get(&e->names, &vep))
			rc = vnep_err_set(&e->cli->err, VNEP_ENOTFOUND,
				"no such device among the records: \"%s\"", word);
		if (!rc)
			rc = vnep_explain_awake(e->model, &vep, &e->cli->err);
	}
	return rc;
}

static int check_usage(struct vnep_cli *cli)
{
	bool octets = vnep_cli_has(cli, "frame"), capture = vnep_cli_has(cli, "read");

	if ((cli->argc != 0) + octets + capture != 1 || cli->argc == 1)
		return vnep_err_set(&cli->err, VNEP_EUSAGE,
			"which packet? SRC DST, --frame HEX or --read FILE, one of them");
	if (!cli->argc && !vnep_cli_has(cli, "port"))
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "--port is needed: where the frames arrive");
	if (!cli->argc && (vnep_cli_has(cli, "mac") || vnep_cli_has(cli, "vlan") ||
				  vnep_cli_has(cli, "hop-limit")))
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "a frame says its MAC, tag and hop limit itself");
	if (vnep_cli_has(cli, "map") && vnep_cli_has(cli, "records"))
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "--map and --records exclude each other");
	if (vnep_cli_has(cli, "awake") && vnep_cli_has(cli, "live"))
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "--awake and --live exclude each other");
	if (capture && !strcmp(vnep_cli_str(cli, "read", ""), "-") && !vnep_cli_has(cli, "map") &&
		!strcmp(vnep_cli_str(cli, "records", "-"), "-"))
		return vnep_err_set(&cli->err, VNEP_EUSAGE,
			"records and capture cannot both come from standard input");
	return 0;
}

static int open_all(struct explain *e)
{
	const struct acl_source source = {
		.file = vnep_cli_str(e->cli, "records", "-"), .wanted = remember, .arg = e
	};
	bool live = vnep_cli_has(e->cli, "live");
	int rc = acl_config(e->cli, live, &e->config);

	if (!rc && live)
		rc = acl_check_ports(e->cli, &e->config);
	if (!rc)
		rc = acl_open_source(e->cli, &e->config, !live, &source, &e->acl);
	if (!rc)
		e->cli->err = (struct vnep_err){ 0 };
	if (!rc)
		rc = vnep_explain_open(&e->model, e->acl, &e->cli->err);
	if (!rc && live)
		rc = vnep_explain_live(e->model, &e->cli->err);
	return rc ? rc : name_awake(e);
}

static void close_all(struct explain *e)
{
	struct explain_name *name;

	for (size_t i = 0; (name = vnep_table_next(&e->names, &i));)
		free(name);
	vnep_table_release(&e->names);
	vnep_verdict_release(&e->verdict);
	vnep_buf_release(&e->out);
	vnep_explain_close(e->model);
	vnep_acl_close(e->acl);
}

int acl_explain(struct vnep_cli *cli)
{
	struct explain e = { .cli = cli, .frames = !cli->argc };
	int rc = check_usage(cli);

	vnep_table_init(&e.names, offsetof(struct explain_name, vep), sizeof(struct in6_addr));
	vnep_verdict_init(&e.verdict);
	vnep_buf_init(&e.out);
	if (!rc)
		rc = open_all(&e);
	if (!rc && cli->argc)
		rc = explain_flow(&e);
	else if (!rc)
		rc = vnep_cli_has(cli, "frame") ? explain_hex(&e) : explain_capture(&e);
	close_all(&e);
	return rc ? rc : e.dropped;
}
