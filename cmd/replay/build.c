/* build - the frame that an item becomes: by the map, or as it is with a few members rewritten
 * (--raw). */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "replay.h"
#include "vnep/forward.h"
#include "vnep/inject.h"
#include "vnep/num.h"
#include "vnep/recjson.h"
#include "vnep/rtnl.h"

static int raw_init(struct replay_raw *raw, struct vnep_cli *cli)
{
	static const char *const words[] = { "interface", "to-mac", "vlan", "to-ip", "hop-limit" };
	uint64_t n;
	int rc = 0;

	raw->on = vnep_cli_has(cli, "raw");
	for (unsigned i = 0; i < sizeof words / sizeof *words && !raw->on; i++)
		if (vnep_cli_has(cli, words[i]))
			return vnep_err_set(&cli->err, VNEP_EUSAGE, "--%s is for --raw", words[i]);
	raw->port = vnep_cli_str(cli, "interface", NULL);
	raw->has_mac = vnep_cli_has(cli, "to-mac");
	raw->has_vlan = vnep_cli_has(cli, "vlan");
	raw->has_ip = vnep_cli_has(cli, "to-ip");
	raw->has_hops = vnep_cli_has(cli, "hop-limit");
	if (raw->has_mac)
		rc = vnep_mac_parse(vnep_cli_str(cli, "to-mac", ""), &raw->mac, &cli->err);
	if (!rc && raw->has_ip)
		rc = vnep_ip6_parse(vnep_cli_str(cli, "to-ip", ""), &raw->ip, &cli->err);
	if (!rc && raw->has_vlan && !(rc = vnep_cli_u64(cli, "vlan", 0, 4094, &n)))
		raw->vlan = (uint16_t)n;
	if (!rc && raw->has_hops && !(rc = vnep_cli_u64(cli, "hop-limit", 1, 255, &n)))
		raw->hops = (uint8_t)n;
	return rc;
}

int replay_init(struct replay *replay, struct vnep_cli *cli, bool planning)
{
	int rc;

	*replay = (struct replay){ .cli = cli, .planning = planning };
	vnep_mids_init(&replay->mids);
	vnep_buf_init(&replay->frame);
	vnep_buf_init(&replay->out);
	if (vnep_cli_has(cli, "filter") && !vnep_cli_has(cli, "read"))
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "--filter is for captures (-r)");
	rc = raw_init(&replay->raw, cli);
	if (!rc)
		rc = replay_pace_init(&replay->pace, cli);
	if (!rc)
		rc = vnep_nl_open(&replay->nl, NETLINK_ROUTE, &cli->err);
	return rc;
}

void replay_release(struct replay *replay)
{
	for (size_t i = 0; i < replay->port_count; i++)
		vnep_inject_close(replay->ports[i].inject);
	free(replay->ports);
	vnep_nl_close(replay->nl);
	vnep_mapstore_close(replay->map);
	vnep_mids_release(&replay->mids);
	vnep_buf_release(&replay->frame);
	vnep_buf_release(&replay->out);
}

static void put_outcome(struct replay *replay, const struct replay_item *item,
	enum vnep_outcome_word word, enum vnep_reason reason, enum vnep_evidence evidence)
{
	struct vnep_outcome outcome;

	/* a packet of a capture has no place in the journal that an outcome could settle */
	if (!item->seq || replay->planning || replay->cli->dry_run || replay->raw.on)
		return;
	outcome = (struct vnep_outcome){ .seq = item->seq,
		.ts = vnep_wall_now(),
		.outcome = word,
		.reason = reason,
		.evidence = evidence,
		.attempt = item->attempt };
	memcpy(outcome.dev, item->dev, sizeof outcome.dev);
	vnep_outcome_encode(&replay->out, &outcome);
}

void replay_outcome(struct replay *replay, const struct replay_item *item,
	enum vnep_outcome_word word, enum vnep_reason reason)
{
	put_outcome(replay, item, word, reason, VNEP_EVIDENCE_NONE);
}

void replay_confirm(
	struct replay *replay, const struct replay_item *item, enum vnep_evidence evidence)
{
	put_outcome(replay, item, VNEP_OUTCOME_CONFIRMED, VNEP_REASON_NONE, evidence);
}

int replay_refuse(struct replay *replay, const struct replay_item *item, enum vnep_reason reason,
	bool final, const char *why)
{
	struct vnep_err *err = &replay->cli->err;

	replay->refused++;
	if (final)
		replay_outcome(replay, item, VNEP_OUTCOME_FAILED, reason);
	if (item->seq)
		return vnep_err_set(err, VNEP_EVALUE, "%s: event %llu not sent: %s: %s", item->dev,
			(unsigned long long)item->seq, vnep_reason_text(reason), why);
	return vnep_err_set(
		err, VNEP_EVALUE, "packet not sent: %s: %s", vnep_reason_text(reason), why);
}

static const char *reason_why(enum vnep_reason reason)
{
	switch ((int)reason) {
	case VNEP_MALFORMED: return "the packet is cut off or damaged";
	case VNEP_NOT_IPV6: return "only IPv6 is carried";
	case VNEP_NOT_FOR_US: return "its destination is not the device's virtual endpoint";
	case VNEP_TOO_BIG: return "it is longer than the port's MTU";
	default: return "its hop limit is used up, or it is TCP other than an opening SYN";
	}
}

/* A plan is made also where the ports are not: their MAC and MTU are then unknown. */
int replay_port_get(struct replay *replay, const char *name, struct replay_port **out)
{
	struct vnep_err *err = &replay->cli->err;
	struct vnep_link link = { 0 };
	struct replay_port *port;
	int rc;

	for (size_t i = 0; i < replay->port_count; i++)
		if (!strcmp(replay->ports[i].name, name)) {
			*out = &replay->ports[i];
			return 0;
		}
	rc = vnep_rtnl_link(replay->nl, name, &link, err);
	if (rc == VNEP_ENOTFOUND && replay->planning)
		vnep_cli_say(replay->cli,
			"port %s is not on this machine: its MAC and MTU are left out", name);
	else if (rc)
		return rc;
	port = realloc(replay->ports, (replay->port_count + 1) * sizeof *port);
	if (!port)
		return vnep_err_sys(err, ENOMEM, "port \"%s\"", name);
	replay->ports = port;
	port += replay->port_count;
	*port = (struct replay_port){ .mac = link.mac, .mtu = link.mtu };
	memcpy(port->name, name, strnlen(name, VNEP_IF_MAX));
	if (!replay->planning && !replay->cli->dry_run) {
		rc = vnep_inject_open(&port->inject, name, err);
		if (rc)
			return rc;
	}
	replay->port_count++;
	*out = port;
	return 0;
}

/* The device a packet of a capture is for, by its addresses. */
static int name_device(struct replay *replay, struct vnep_map_txn *txn, struct replay_item *item)
{
	struct vnep_frame frame;
	int rc = vnep_frame_parse(&frame, item->frame, item->len);
	enum vnep_reason reason = rc == VNEP_ESHORT ? VNEP_MALFORMED : VNEP_NOT_IPV6;

	if (rc)
		return replay_refuse(replay, item, reason, true, reason_why(reason));
	rc = vnep_map_by_ends(txn, &frame.dest, &frame.src, item->dev);
	if (rc == VNEP_ENOTFOUND)
		return replay_refuse(replay, item, VNEP_NO_MAPPING, true,
			"its destination is nobody's virtual endpoint");
	return rc ? vnep_err_set(
			    &replay->cli->err, rc, "cannot read the map: %s", vnep_strerror(rc))
		  : 0;
}

int replay_name_device(struct replay *replay, struct replay_item *item)
{
	struct vnep_map_txn *txn;
	int rc = vnep_map_begin(replay->map, false, &txn, &replay->cli->err);

	if (rc)
		return rc;
	rc = name_device(replay, txn, item);
	vnep_map_abort(txn);
	return rc;
}

/* Where the device of an item is now. The map is read for each item: bindings move. */
static int look_up(struct replay *replay, struct vnep_map_txn *txn, struct replay_item *item,
	struct vnep_device *device, struct vnep_binding *place)
{
	struct vnep_err *err = &replay->cli->err;
	struct vnep_binding binding;
	int rc = item->dev[0] ? 0 : name_device(replay, txn, item);

	if (rc)
		return rc;
	rc = vnep_map_get_device(txn, item->dev, device, err);
	if (rc == VNEP_ENOTFOUND)
		return replay_refuse(
			replay, item, VNEP_NO_MAPPING, false, "the map has no such device");
	if (rc)
		return rc;
	rc = vnep_map_get_binding(txn, item->dev, &binding, err);
	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	if (!vnep_forward_place(device, rc ? NULL : &binding, place, err))
		return 0;
	replay->refused++; /* no outcome: it may be sent when the device is somewhere */
	return VNEP_ENOTFOUND;
}

static int build_for_device(struct replay *replay, struct replay_item *item,
	const struct vnep_device *device, const struct vnep_binding *place,
	struct replay_port **port)
{
	enum vnep_reason reason;
	struct vnep_forward how;
	struct vnep_frame frame;
	uint8_t *room;
	size_t len;
	int rc = replay_port_get(replay, place->port, port);

	if (rc == VNEP_ENOTFOUND)
		return replay_refuse(replay, item, VNEP_PORT_DOWN, false,
			"the port of its binding is not on this machine");
	if (rc)
		return rc;
	vnep_buf_reset(&replay->frame);
	room = vnep_buf_reserve(&replay->frame, item->len + VNEP_FORWARD_ROOM);
	if (!room)
		return vnep_err_sys(&replay->cli->err, ENOMEM, "frame");
	vnep_forward_init(&how, device, place, &(*port)->mac, (*port)->mtu);
	reason = vnep_forward_to_device(&how, item->frame, item->len, room, &len);
	if (!reason && !vnep_frame_parse(&frame, room, len))
		reason = vnep_forward_replayable(&frame, room);
	if (reason)
		return replay_refuse(replay, item, reason, true, reason_why(reason));
	replay->frame.len = len;
	return 0;
}

static int build_by_map(struct replay *replay, struct replay_item *item, struct replay_port **port)
{
	struct vnep_device device = { 0 };
	struct vnep_binding place;
	struct vnep_map_txn *txn;
	int rc = vnep_map_begin(replay->map, false, &txn, &replay->cli->err);

	if (rc)
		return rc;
	rc = look_up(replay, txn, item, &device, &place);
	vnep_map_abort(txn);
	if (!rc)
		rc = build_for_device(replay, item, &device, &place, port);
	vnep_device_release(&device);
	return rc;
}

static int build_raw(struct replay *replay, struct replay_item *item, struct replay_port **port)
{
	const struct replay_raw *raw = &replay->raw;
	struct vnep_frame frame;
	uint8_t *data;
	size_t len = item->len;
	int rc;

	*port = NULL;
	rc = raw->port ? replay_port_get(replay, raw->port, port) : 0;
	if (rc)
		return rc;
	if (len < 14)
		return replay_refuse(replay, item, VNEP_MALFORMED, true, "it is no Ethernet frame");
	vnep_buf_reset(&replay->frame);
	data = vnep_buf_reserve(&replay->frame, len + VNEP_FORWARD_ROOM);
	if (!data)
		return vnep_err_sys(&replay->cli->err, ENOMEM, "frame");
	memcpy(data, item->frame, len);
	if (raw->has_ip || raw->has_hops) {
		rc = vnep_frame_parse(&frame, data, len);
		if (rc)
			return replay_refuse(replay, item,
				rc == VNEP_ESHORT ? VNEP_MALFORMED : VNEP_NOT_IPV6, true,
				"--to-ip and --hop-limit rewrite whole IPv6 packets");
		if (raw->has_ip)
			vnep_frame_set_dest(&frame, data, &raw->ip);
		if (raw->has_hops)
			data[frame.l3 + 7] = raw->hops;
	}
	if (raw->has_mac)
		memcpy(data, raw->mac.octet, sizeof raw->mac.octet);
	if (raw->has_vlan)
		vnep_forward_retag(data, &len, raw->vlan);
	replay->frame.len = len;
	return 0;
}

/* When it will go, as far as that is known before it is built. */
static struct vnep_mono due(const struct replay *replay, const struct replay_item *item)
{
	struct replay_pace pace = replay->pace;
	struct vnep_mono now = vnep_mono_now(), at = replay->start;

	at.ns += replay_pace_next(&pace, item->ts, item->len);
	return replay->planning || at.ns > now.ns ? at : now;
}

/* Its receiver would take it for a repetition. */
static int check_mid(struct replay *replay, const struct replay_item *item)
{
	unsigned ago_s;
	uint16_t mid;
	char why[128];

	if (replay->raw.on || (!replay->planning && vnep_cli_has(replay->cli, "force")) ||
		!vnep_mids_sent(
			&replay->mids, item->frame, item->len, due(replay, item), &mid, &ago_s))
		return 0;
	snprintf(why, sizeof why,
		"its CoAP message id %u was sent %u s ago (--force: all the same)", (unsigned)mid,
		ago_s);
	return replay_refuse(replay, item, VNEP_DUPLICATE, false, why);
}

int replay_build(struct replay *replay, struct replay_item *item, struct replay_port **port)
{
	int rc;

	if (item->wire_len > item->len)
		return replay_refuse(
			replay, item, VNEP_MALFORMED, true, "the capture holds only its beginning");
	rc = check_mid(replay, item);
	if (!rc)
		rc = replay->raw.on ? build_raw(replay, item, port)
				    : build_by_map(replay, item, port);
	return rc;
}
