/* edge-verbs - what can be asked of a living edge. vnep-edge(8), CONTROL SOCKET, is their manual. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-client.h"
#include "vnep/holder.h"

void edge_done_with(struct edge_client *client, int rc, const struct vnep_err *err)
{
	if (rc)
		edge_reply_error(client, err);
	edge_reply_done(client, vnep_err_exit(rc));
}

/* Lines of the input, one by one; the input is used up. Non-zero from cb ends the walk. */
int edge_each_line(struct edge_client *client,
	int (*cb)(
		struct edge_client *client, unsigned line, const char *text, size_t len, void *arg),
	void *arg)
{
	const char *at = (const char *)client->input.data, *end = at + client->input.len;
	int rc = 0;

	while (!rc && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		rc = cb(client, ++client->line, at, (size_t)(newline - at), arg);
		at = newline + 1;
	}
	vnep_buf_reset(&client->input);
	return rc;
}

/* A device by any of its names: URN, vep, MAC or name. */
static int find_device(
	struct vnep_edge *edge, const char *word, struct edge_device **out, struct vnep_err *err)
{
	struct vnep_device record = { 0 };
	char dev[VNEP_URN_MAX + 1];
	struct vnep_map_txn *txn;
	int rc = vnep_map_begin(edge->map, false, &txn, err);

	if (rc)
		return rc;
	rc = vnep_map_resolve(txn, word, dev, err);
	if (!rc)
		rc = vnep_map_get_device(txn, dev, &record, err);
	vnep_map_abort(txn);
	if (!rc) {
		*out = edge_device_by_vep(edge, &record.vep);
		rc = *out ? 0 : vnep_err_sys(err, ENOMEM, "device %s", dev);
	}
	vnep_device_release(&record);
	return rc;
}

/* The devices of a request's "dev": a word or an array of words. Returns the worst exit status. */
static int each_device(struct vnep_edge *edge, struct edge_client *client,
	int (*cb)(struct vnep_edge *edge, struct edge_client *client, struct edge_device *d,
		struct vnep_err *err))
{
	const struct vnep_json *dev = vnep_json_get(client->request, "dev");
	size_t n = vnep_json_count(dev);
	const char *single = vnep_json_str(dev);
	int worst = 0;

	for (size_t i = 0; i < (single ? 1 : n); i++) {
		const char *word = single ? single : vnep_json_str(vnep_json_at(dev, i));
		struct vnep_err err = { 0 };
		struct edge_device *d = NULL;
		int rc = word ? find_device(edge, word, &d, &err)
			      : vnep_err_set(&err, VNEP_EUSAGE, "\"dev\" holds names of devices");

		if (!rc)
			rc = cb(edge, client, d, &err);
		if (!rc)
			continue;
		edge_reply_error(client, &err);
		if (vnep_err_exit(rc) > worst)
			worst = vnep_err_exit(rc);
	}
	return worst;
}

/* ---- status, watch, stop ---- */

static int device_status(struct vnep_edge *edge, struct edge_client *client, struct edge_device *d,
	struct vnep_err *err)
{
	struct vnep_status status;

	(void)err;
	edge_device_status(edge, d, &status);
	vnep_status_encode(&edge->scratch, &status);
	edge_reply(client, &edge->scratch);
	return 0;
}

static void verb_status(struct vnep_edge *edge, struct edge_client *client)
{
	if (vnep_json_get(client->request, "dev"))
		edge_reply_done(client, each_device(edge, client, device_status));
	else
		edge_totals(edge, client, EDGE_WAITS_FOR_STATUS);
}

static void verb_metrics(struct vnep_edge *edge, struct edge_client *client)
{
	edge_totals(edge, client, EDGE_WAITS_FOR_METRICS);
}

static void verb_watch(struct vnep_edge *edge, struct edge_client *client)
{
	struct edge_device *d;

	edge_round_end(edge); /* told before, not twice */
	for (size_t i = 0; (d = vnep_table_next(&edge->by_vep, &i));)
		if (d->life != VNEP_LIFE_UNKNOWN)
			edge_tell_presence(edge, d, vnep_life_presence(d->life), VNEP_CAUSE_NONE);
	vnep_sync_encode(&edge->told, 0);
	edge_reply(client, &edge->told);
	client->state = client->out.len;
	client->watching = EDGE_WATCHES_ALL;
}

static void tell_mistake(const struct vnep_err *err, void *arg)
{
	edge_reply_error(arg, err);
}

static void verb_reload(struct vnep_edge *edge, struct edge_client *client)
{
	edge_reply_done(client, vnep_err_exit(edge_reconfigure(edge, tell_mistake, client)));
}

static void verb_stop(struct vnep_edge *edge, struct edge_client *client)
{
	edge_say(edge, LOG_NOTICE, "stopping: asked for; awake devices go on by the kernel");
	edge->withdraw = true;
	edge_reply_done(client, 0);
	vnep_loop_stop(edge->loop);
}

/* ---- another program ---- */

static void answer_count(struct edge_client *client, uint64_t count)
{
	struct vnep_buf *out = &client->edge->scratch;

	vnep_stat_encode(out, "vnep_edge_upgrades", NULL, NULL, count);
	edge_reply(client, out);
	edge_reply_done(client, 0);
}

static void verb_upgrade(struct vnep_edge *edge, struct edge_client *client)
{
	struct vnep_held_upgrades upgrades;
	struct vnep_err err = { 0 };
	int rc;

	/* the next one will read it, too, and cannot go back to another one */
	rc = edge_config_good(edge, tell_mistake, client);
	if (rc) {
		edge_reply_done(client, vnep_err_exit(rc));
		return;
	}
	if (!edge->held)
		rc = vnep_err_set(&err, VNEP_EPROTO, "this vnep-edge has no holder");
	if (!rc)
		rc = vnep_held_upgrades(edge->held, &upgrades, &err);
	if (!rc)
		rc = vnep_held_upgrade(edge->held, &err);
	if (rc) {
		edge_done_with(client, rc, &err);
		return;
	}
	edge_say(edge, LOG_NOTICE, "upgrade: making room for another program");
	answer_count(client, upgrades.count);
	edge->upgrading = true;
	vnep_loop_stop(edge->loop);
}

/* What came of the one that was told "after" as it began. */
static void verb_upgraded(struct vnep_edge *edge, struct edge_client *client)
{
	struct vnep_held_upgrades upgrades = { 0 };
	struct vnep_err err = { 0 };
	int64_t after = vnep_json_get_int(client->request, "after", 0);
	int rc = 0;

	if (edge->held)
		rc = vnep_held_upgrades(edge->held, &upgrades, &err);
	if (!rc && (upgrades.count <= after || edge->upgrading))
		rc = vnep_err_set(&err, VNEP_EUNAVAIL, "still the program of before");
	else if (!rc && upgrades.failed)
		rc = vnep_err_set(&err, VNEP_EKERNEL,
			"the new program: %s; the one before it goes on", upgrades.how);
	if (rc)
		edge_done_with(client, rc, &err);
	else
		answer_count(client, upgrades.count);
}

/* ---- presence ---- */

static int wake(struct vnep_edge *edge, struct edge_client *client, struct edge_device *d,
	struct vnep_err *err)
{
	(void)client;
	if (!d->bound) {
		vnep_err_set(
			err, VNEP_EVALUE, "%s is not attached: where it is, is not known", d->dev);
		vnep_err_hint(err, "vnep-edge attach %s --port IF --addr ADDRESS", d->dev);
		return VNEP_EVALUE;
	}
	d->last_life = vnep_mono_now();
	edge_device_event(edge, d, VNEP_LIFE_SIGN, VNEP_CAUSE_ADMIN, vnep_wall_now());
	return 0;
}

static int sleep_now(struct vnep_edge *edge, struct edge_client *client, struct edge_device *d,
	struct vnep_err *err)
{
	(void)client;
	(void)err;
	edge_device_event(edge, d, VNEP_LIFE_DOWN, VNEP_CAUSE_ADMIN, vnep_wall_now());
	return 0;
}

/* The port that a request names, else the one of the device. */
static int port_for(struct vnep_edge *edge, const struct vnep_json *request,
	const struct edge_device *d, struct edge_port **out, struct vnep_err *err)
{
	const char *name = vnep_json_get_str(request, "port", NULL);

	if (name)
		*out = edge_port_by_name(edge, name);
	else if (d->home_port[0])
		*out = edge_port_by_name(edge, d->home_port);
	else
		*out = d->port ? d->port : edge->port_count == 2 ? &edge->ports[0] : NULL;
	if (*out && !(*out)->core)
		return 0;
	if (name)
		return vnep_err_set(
			err, VNEP_EVALUE, "\"%s\" is not an access port of this edge", name);
	vnep_err_set(err, VNEP_EVALUE, "at which port? this edge has several");
	vnep_err_hint(err, "add --port IF");
	return VNEP_EVALUE;
}

static int attach(struct vnep_edge *edge, struct edge_client *client, struct edge_device *d,
	struct vnep_err *err)
{
	const char *text = vnep_json_get_str(client->request, "addr", NULL);
	struct edge_port *port = NULL;
	struct in6_addr addr;
	int rc = port_for(edge, client->request, d, &port, err);

	if (!rc && !d->has_mac)
		rc = vnep_err_set(err, VNEP_EVALUE, "%s has no MAC in the map", d->dev);
	if (!rc && vnep_json_get_int(client->request, "vlan", d->l2.vlan) != d->l2.vlan)
		rc = vnep_err_set(
			err, VNEP_EVALUE, "%s has VLAN %u in the map", d->dev, d->l2.vlan);
	if (rc)
		return rc;
	if (text) {
		rc = vnep_ip6_parse(text, &addr, err);
	} else if (d->addr_count) {
		addr = d->addr[d->addr_count - 1];
	} else {
		rc = vnep_err_set(
			err, VNEP_EVALUE, "which address does %s use? none is known", d->dev);
		vnep_err_hint(err, "add --addr ADDRESS");
	}
	if (!rc &&
		(!vnep_ip6_bindable(&addr) || (d->fixed_addr && !edge_device_has_addr(d, &addr))))
		rc = vnep_err_set(err, VNEP_EVALUE, "%s cannot be an address of %s", text, d->dev);
	if (!rc && edge_device_by_l3(edge, port, d->l2.vlan, &addr) &&
		edge_device_by_l3(edge, port, d->l2.vlan, &addr) != d)
		rc = vnep_err_set(err, VNEP_ECONFLICT, "%s is the address of another device at %s",
			text ? text : "it", port->name);
	if (!rc)
		rc = edge_device_bind(edge, d, port, &addr, err);
	return rc ? rc : wake(edge, client, d, err);
}

static void verb_attach(struct vnep_edge *edge, struct edge_client *client)
{
	edge_reply_done(client, each_device(edge, client, attach));
}

static void verb_awake(struct vnep_edge *edge, struct edge_client *client)
{
	edge_reply_done(client, each_device(edge, client, wake));
}

static void verb_asleep(struct vnep_edge *edge, struct edge_client *client)
{
	edge_reply_done(client, each_device(edge, client, sleep_now));
}

/* ---- the kernel, replay ---- */

static void verb_acl_apply(struct vnep_edge *edge, struct edge_client *client)
{
	uint64_t changes = 0;
	struct vnep_err err = { 0 };
	int rc = edge_acl_anew(edge, &changes, &err);

	if (!rc) {
		vnep_stat_encode(&edge->scratch, "vnep_acl_changes", NULL, NULL, changes);
		edge_reply(client, &edge->scratch);
	}
	edge_done_with(client, rc, &err);
}

/* Only to a device that listens: for a sleeper the journal has it already. A refusal is an error record, not an
 * outcome: nothing has become of the event. */
static int send_event(struct vnep_edge *edge, const struct vnep_event *event, uint32_t attempt,
	bool force, struct vnep_err *err)
{
	struct vnep_mono now = vnep_mono_now();
	struct edge_device *d = NULL;
	unsigned ago_s;
	uint16_t mid;
	struct vnep_forward how;
	enum vnep_reason reason;
	size_t len = 0;
	int rc = find_device(edge, event->dev, &d, err);

	if (rc)
		return rc;
	if (!event->frame || event->direction != VNEP_TO_DEVICE ||
		event->frame_len + VNEP_FORWARD_ROOM > EDGE_FRAME_MAX)
		return vnep_err_set(err, VNEP_EVALUE, "event %llu has no packet for the device",
			(unsigned long long)event->seq);
	if (d->life != VNEP_LIFE_AWAKE)
		return vnep_err_set(err, VNEP_EDIFFERS, "%s is %s: its packets wait in the journal",
			d->dev, vnep_state_text(vnep_life_presence(d->life)));
	if (!force &&
		vnep_mids_sent(&edge->mids, event->frame, event->frame_len, now, &mid, &ago_s)) {
		vnep_err_set(err, VNEP_EDIFFERS,
			"event %llu cannot be sent: its CoAP message id %u was sent %u s ago",
			(unsigned long long)event->seq, (unsigned)mid, ago_s);
		vnep_err_hint(err, "the device would take it for a repetition; --force sends it "
				   "all the same");
		return VNEP_EDIFFERS;
	}
	edge_place(d, &how);
	reason = vnep_forward_to_device(&how, event->frame, event->frame_len, edge->frame, &len);
	if (reason)
		return vnep_err_set(err, VNEP_EVALUE, "event %llu cannot be sent: %s",
			(unsigned long long)event->seq, vnep_reason_text(reason));
	if (!edge_send(edge, d->port, edge->frame, len))
		return vnep_err_set(err, VNEP_EKERNEL, "port %s does not take it", d->port->name);
	vnep_mids_note(&edge->mids, event->frame, event->frame_len, now);
	edge_expect(d, event, attempt);
	return 0;
}

static void reply_sent(struct vnep_edge *edge, struct edge_client *client,
	const struct vnep_event *event, uint32_t attempt)
{
	struct vnep_outcome o = { .seq = event->seq,
		.ts = vnep_wall_now(),
		.attempt = attempt,
		.outcome = VNEP_OUTCOME_SENT };

	memcpy(o.dev, event->dev, sizeof o.dev);
	vnep_outcome_encode(&edge->scratch, &o);
	edge_reply(client, &edge->scratch);
}

static int send_line(
	struct edge_client *client, unsigned line, const char *text, size_t len, void *arg)
{
	struct vnep_edge *edge = client->edge;
	struct vnep_buf frame = { 0 };
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };
	struct vnep_event event;
	uint32_t attempt;
	int rc;

	rc = vnep_json_parse(text, len, &json, &err);
	attempt = (uint32_t)vnep_json_get_int(json, "attempt", 0) + 1;
	if (!rc)
		rc = vnep_recjson_check(json, text, len, &err);
	if (!rc)
		rc = vnep_event_decode(json, &event, &frame, &err);
	if (!rc)
		rc = send_event(edge, &event, attempt, arg, &err); /* arg: all the same */
	if (!rc) {
		reply_sent(edge, client, &event, attempt);
	} else {
		vnep_err_place(&err, "-", line, err.column);
		edge_reply_error(client, &err);
		client->refused++;
	}
	vnep_json_free(json);
	vnep_buf_release(&frame);
	return 0;
}

/* force: whatever its message id. */
static void send_lines(struct edge_client *client, bool force)
{
	edge_each_line(client, send_line, force ? client : NULL);
	if (client->eof)
		edge_reply_done(client, client->refused ? 1 : 0);
}

static void verb_replay_send(struct vnep_edge *edge, struct edge_client *client)
{
	(void)edge;
	send_lines(client, false);
}

static void verb_replay_force(struct vnep_edge *edge, struct edge_client *client)
{
	(void)edge;
	send_lines(client, true);
}

static const struct edge_verb verbs[] = {
	{ "status", EDGE_INPUT_NONE, verb_status },
	{ "watch", EDGE_INPUT_NONE, verb_watch },
	{ "metrics", EDGE_INPUT_NONE, verb_metrics },
	{ "reload", EDGE_INPUT_NONE, verb_reload },
	{ "stop", EDGE_INPUT_NONE, verb_stop },
	{ "upgrade", EDGE_INPUT_NONE, verb_upgrade },
	{ "upgraded", EDGE_INPUT_NONE, verb_upgraded },
	{ "attach", EDGE_INPUT_NONE, verb_attach },
	{ "detach", EDGE_INPUT_NONE, verb_asleep },
	{ "map.put", EDGE_INPUT_WHOLE, edge_verb_map_put },
	{ "map.delete", EDGE_INPUT_NONE, edge_verb_map_delete },
	{ "journal.append", EDGE_INPUT_STREAM, edge_verb_journal_append },
	{ "journal.prune", EDGE_INPUT_NONE, edge_verb_journal_prune },
	{ "acl.apply", EDGE_INPUT_NONE, verb_acl_apply },
	{ "acl.awake", EDGE_INPUT_NONE, verb_awake },
	{ "acl.asleep", EDGE_INPUT_NONE, verb_asleep },
	{ "replay.send", EDGE_INPUT_STREAM, verb_replay_send },
	{ "replay.force", EDGE_INPUT_STREAM, verb_replay_force },
	{ "mcast.send", EDGE_INPUT_STREAM, edge_verb_mcast_send },
	{ "mcast.plan", EDGE_INPUT_NONE, edge_verb_mcast_plan },
	{ "mcast.members", EDGE_INPUT_NONE, edge_verb_mcast_members },
	{ "mcast.watch", EDGE_INPUT_NONE, edge_verb_mcast_watch },
};

const struct edge_verb *edge_verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}
