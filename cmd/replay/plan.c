/*
 * plan - what send would put on the wire, as pcapng, without sending.
 *
 * The time of a packet is when it would go: counted from the time of the first one by the pace that
 * was asked for; at top speed, where that says nothing, the time it was recorded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "replay.h"
#include "vnep/out.h"
#include "vnep/pcapng.h"

enum { CHUNK_OCTETS = 1 << 16 };

struct plan {
	struct vnep_buf bytes;
	char (*names)[VNEP_URN_MAX + 1]; /* interface id -> device, or port with --raw */
	uint32_t name_count;
	const char *path; /* NULL: standard output */
	char *part;       /* written here first, so that nothing half-written has the name */
	int fd;
};

const struct vnep_option replay_plan_options[] = {
	{ "write", 'w', VNEP_ARG_ONE, "FILE", "write to FILE instead of standard output", NULL },
	{ "read", 'r', VNEP_ARG_LIST, "FILE",
		"packets from captures (pcap, pcapng; - is standard input)", NULL },
	{ "filter", 'f', VNEP_ARG_ONE, "EXPR",
		"only packets of the captures that match (pcap-filter(7))", NULL },
	{ "topspeed", 't', VNEP_ARG_NONE, NULL, "as fast as the link takes them (the default)",
		NULL },
	{ "as-recorded", 0, VNEP_ARG_NONE, NULL, "with the pauses they came with", NULL },
	{ "speed", 'x', VNEP_ARG_ONE, "X", "as recorded, X times as fast", NULL },
	{ "pps", 'p', VNEP_ARG_ONE, "N", "N packets a second", NULL },
	{ "bps", 0, VNEP_ARG_ONE, "N", "N bits a second", NULL },
	{ "raw", 0, VNEP_ARG_NONE, NULL, "frames as they are, no map needed", NULL },
	{ "interface", 'i', VNEP_ARG_ONE, "IF", "raw: the port they would be sent out of", NULL },
	{ "to-mac", 0, VNEP_ARG_ONE, "MAC", "raw: rewrite the destination MAC", NULL },
	{ "vlan", 0, VNEP_ARG_ONE, "N", "raw: put in or rewrite the VLAN tag; 0 takes it off",
		NULL },
	{ "to-ip", 0, VNEP_ARG_ONE, "ADDR",
		"raw: rewrite the destination address, checksum corrected", NULL },
	{ "hop-limit", 0, VNEP_ARG_ONE, "N", "raw: rewrite the hop limit", NULL },
	{ 0 },
};

static int write_bytes(struct vnep_cli *cli, struct plan *plan)
{
	const uint8_t *at = plan->bytes.data;
	size_t left = plan->bytes.len;
	int rc = 0;

	if (plan->bytes.rc)
		return vnep_err_sys(&cli->err, ENOMEM, "plan");
	if (!plan->path)
		rc = vnep_out_bytes(cli, at, left);
	while (plan->path && left) {
		ssize_t n = write(plan->fd, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vnep_err_sys(&cli->err, errno, "cannot write %s", plan->path);
		at += n;
		left -= (size_t)n;
	}
	vnep_buf_reset(&plan->bytes);
	return rc;
}

static int interface_of(struct vnep_cli *cli, struct plan *plan, const char *name, uint32_t *id)
{
	struct vnep_pcapng_interface interface = { .id = plan->name_count };
	void *names;

	for (*id = 0; *id < plan->name_count; ++*id)
		if (!strcmp(plan->names[*id], name))
			return 0;
	names = realloc(plan->names, (plan->name_count + 1) * sizeof *plan->names);
	if (!names)
		return vnep_err_sys(&cli->err, ENOMEM, "plan");
	plan->names = names;
	snprintf(plan->names[plan->name_count], sizeof *plan->names, "%s", name);
	memcpy(interface.name, plan->names[plan->name_count], sizeof interface.name);
	vnep_pcapng_put_interface(&plan->bytes, &interface);
	plan->name_count++;
	return 0;
}

static int take(struct replay *replay, struct replay_item *item)
{
	struct plan *plan = replay->arg;
	struct vnep_pcapng_packet packet = {
		.seq = item->seq, .kind = VNEP_KIND_DATA, .direction = VNEP_TO_DEVICE
	};
	struct replay_port *port;
	int64_t offset_ns;
	int rc = replay_build(replay, item, &port);

	if (rc)
		return rc;
	if (replay->frame.len > VNEP_PCAPNG_FRAME_MAX)
		return replay_refuse(
			replay, item, VNEP_TOO_BIG, true, "longer than a capture holds");
	rc = interface_of(replay->cli, plan,
		item->dev[0] ? item->dev
		: port       ? port->name
			     : "raw",
		&packet.interface);
	if (rc)
		return rc;
	offset_ns = replay_pace_next(&replay->pace, item->ts, replay->frame.len);
	vnep_mids_note(&replay->mids, item->frame, item->len, (struct vnep_mono){ offset_ns });
	packet.ts = replay->pace.first;
	packet.ts.ns =
		replay->pace.mode == REPLAY_TOPSPEED ? item->ts.ns : packet.ts.ns + offset_ns;
	packet.frame = replay->frame.data;
	packet.frame_len = packet.length = (uint32_t)replay->frame.len;
	vnep_pcapng_put_packet(&plan->bytes, &packet);
	return plan->bytes.len < CHUNK_OCTETS ? 0 : write_bytes(replay->cli, plan);
}

static int plan_open(struct vnep_cli *cli, struct plan *plan)
{
	struct vnep_pcapng_section section = { .segment = 1 };
	const char *path = vnep_cli_str(cli, "write", "-");

	if (strcmp(path, "-")) {
		plan->path = path;
		if (asprintf(&plan->part, "%s.part", path) < 0) {
			plan->part = NULL;
			return vnep_err_sys(&cli->err, ENOMEM, "cannot write %s", path);
		}
		plan->fd = open(
			plan->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (plan->fd < 0)
			return vnep_err_sys(&cli->err, errno, "cannot write %s", plan->part);
	}
	if (getrandom(&section.file, sizeof section.file, 0) < 0)
		return vnep_err_sys(&cli->err, errno, "random numbers");
	vnep_pcapng_put_section(&plan->bytes, &section);
	return 0;
}

static int plan_close(struct vnep_cli *cli, struct plan *plan, int rc)
{
	if (!rc)
		rc = write_bytes(cli, plan);
	if (plan->fd >= 0 && close(plan->fd) && !rc)
		rc = vnep_err_sys(&cli->err, errno, "cannot write %s", plan->path);
	if (plan->fd >= 0 && !rc && rename(plan->part, plan->path))
		rc = vnep_err_sys(&cli->err, errno, "cannot write %s", plan->path);
	if (plan->fd >= 0 && rc)
		unlink(plan->part);
	free(plan->part);
	free(plan->names);
	vnep_buf_release(&plan->bytes);
	return rc;
}

int replay_plan(struct vnep_cli *cli)
{
	struct replay replay;
	struct plan plan = { .fd = -1 };
	int rc = replay_init(&replay, cli, true);

	vnep_buf_init(&plan.bytes);
	replay.take = take;
	replay.arg = &plan;
	if (!rc && !replay.raw.on)
		rc = vnep_mapstore_open(&replay.map, cli->state, false, &cli->err);
	if (!rc)
		rc = plan_open(cli, &plan);
	if (!rc)
		rc = replay_input(&replay);
	rc = plan_close(cli, &plan, rc);
	replay_release(&replay);
	return rc;
}
