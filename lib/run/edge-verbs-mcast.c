/* edge-verbs-mcast - instructions that clients of the control socket have for groups. */
#include <errno.h>
#include <string.h>

#include "edge-mcast.h"

enum {
	NS_MS = 1000000,
	WAIT_MAX_MS = 86400000,
	LEISURE_MS = 6000 /* more than RFC 7252 8.2 allows */,
	HOPS_MAX = 255,
	TURN_MS = 1 /* 0 may be the same turn of the loop */
};

static void read_how(const struct vnep_json *request, struct edge_mcast_how *how)
{
	*how = (struct edge_mcast_how){ .selection = request,
		.port = (uint16_t)vnep_json_get_int(request, "port", 0),
		.hop_limit = (uint8_t)vnep_json_get_int(request, "hop_limit", 1),
		.unicast = vnep_json_get_bool(request, "unicast", false) };
}

static int check_how(const struct vnep_json *request, struct vnep_err *err)
{
	int64_t port = vnep_json_get_int(request, "port", 0),
		hops = vnep_json_get_int(request, "hop_limit", 1),
		wait = vnep_json_get_int(request, "wait_ms", 0);

	if (port < 0 || port > UINT16_MAX || hops < 1 || hops > HOPS_MAX || wait < 0 ||
		wait > WAIT_MAX_MS)
		return vnep_err_set(err, VNEP_EUSAGE,
			"\"port\" is 1 to 65535, \"hop_limit\" 1 to 255, \"wait_ms\" at most %d",
			WAIT_MAX_MS);
	return 0;
}

/* The record may name the group, or the request; both, if it is the same one. */
static int choose_group(struct vnep_json *selection, const struct vnep_instruction *instruction,
	struct vnep_err *err)
{
	const char *group = vnep_json_get_str(selection, "group", NULL);

	if (!instruction->group[0])
		return 0;
	if (group && strcmp(group, instruction->group) != 0)
		return vnep_err_set(err, VNEP_EVALUE,
			"the instruction is for group \"%s\", not for \"%s\"", instruction->group,
			group);
	return group ? 0 : vnep_json_set_str(selection, "group", instruction->group);
}

static void answer_sent(struct edge_client *client, struct edge_mcast *mc)
{
	int64_t wait_ms = vnep_json_get_int(client->request, "wait_ms", 0);
	int64_t linger = wait_ms > EDGE_MCAST_LINGER_MS ? wait_ms : EDGE_MCAST_LINGER_MS;
	int64_t repair = wait_ms / 2 < LEISURE_MS ? wait_ms / 2 : LEISURE_MS;
	struct vnep_result result;

	mc->end_at.ns = mc->start.ns + linger * NS_MS;
	mc->result_at.ns = mc->start.ns + wait_ms * NS_MS;
	mc->repair_at.ns = mc->start.ns + repair * NS_MS;
	if (wait_ms) {
		mc->client = client;
		client->instructions++;
	} else {
		edge_mcast_result(mc, &result);
		vnep_result_encode(&client->edge->scratch, &result);
		edge_reply(client, &client->edge->scratch);
		if (result.failed && !client->instructed)
			client->instructed = 1;
	}
	edge_mcast_wait(mc);
}

static int send_one(struct edge_client *client, const struct vnep_instruction *instruction,
	struct vnep_err *err)
{
	struct vnep_json *selection = vnep_json_copy(client->request);
	struct edge_mcast_how how;
	struct edge_mcast *mc;
	int rc = selection ? choose_group(selection, instruction, err) : -ENOMEM;

	if (!rc)
		rc = check_how(selection, err);
	read_how(selection, &how);
	if (!rc)
		rc = edge_mcast_send(client->edge, instruction, &how, &mc, err);
	if (!rc)
		answer_sent(client, mc);
	vnep_json_free(selection);
	return rc == -ENOMEM && err->code != rc ? vnep_err_sys(err, ENOMEM, "instruction") : rc;
}

/* One that is refused does not keep the others. */
static void send_line(struct edge_client *client, unsigned line, const char *text, size_t len)
{
	struct vnep_instruction instruction;
	struct vnep_buf payload = { 0 };
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };
	int status, rc = vnep_json_parse(text, len, &json, &err);

	if (!rc)
		rc = vnep_recjson_check(json, text, len, &err);
	if (!rc && vnep_recjson_type(json) != VNEP_RECORD_INSTRUCTION)
		rc = vnep_err_set(&err, VNEP_EVALUE, "instructions are wanted, not \"%s\"",
			vnep_json_get_str(json, "type", ""));
	if (!rc)
		rc = vnep_instruction_decode(json, &instruction, &payload, &err);
	if (!rc)
		rc = send_one(client, &instruction, &err);
	if (rc) {
		vnep_err_place(&err, "-", line, err.column);
		edge_reply_error(client, &err);
		status = vnep_err_exit(rc) > 2 ? vnep_err_exit(rc) : 1;
		if (status > client->instructed)
			client->instructed = status;
	}
	vnep_json_free(json);
	vnep_buf_release(&payload);
}

static void on_turn(struct vnep_watch *watch, void *arg)
{
	struct edge_client *client = arg;

	(void)watch;
	client->has_turn = false;
	if (!client->finished)
		edge_verb_mcast_send(client->edge, client);
	edge_round_end(client->edge);
	edge_client_push(client);
}

static void give_turn(struct edge_client *client)
{
	struct vnep_err err = { 0 };

	if (!client->turn)
		client->turn = vnep_loop_timer(client->edge->loop, on_turn, client);
	client->has_turn = client->turn;
	if (client->turn)
		vnep_timer_set(client->turn, TURN_MS);
	else
		edge_done_with(client, vnep_err_sys(&err, ENOMEM, "instruction"), &err);
}

/* One line a turn of the loop: each may take a second, and the others have their turns, too. */
void edge_verb_mcast_send(struct vnep_edge *edge, struct edge_client *client)
{
	const char *text = (const char *)client->input.data;
	const char *end = client->input.len ? memchr(text, '\n', client->input.len) : NULL;

	(void)edge;
	if (client->has_turn)
		return;
	if (end) {
		size_t len = (size_t)(end - text);

		send_line(client, ++client->line, text, len);
		vnep_buf_consume(&client->input, len + 1);
	}
	if (client->input.len)
		give_turn(client);
	else if (client->eof && !client->instructions)
		edge_reply_done(client, client->instructed);
}

/* ---- plan ---- */

static void tell_member(
	struct edge_client *client, struct edge_mcast *mc, const struct edge_member *m)
{
	struct vnep_edge *edge = client->edge;
	const struct edge_device *d = vnep_table_get(&edge->by_vep, &m->vep);
	struct vnep_status status = { .ts = mc->frozen_at, .vep = m->vep };

	strncpy(status.dev, edge_member_name(mc, m), sizeof status.dev - 1);
	memcpy(status.edge, edge->config.name, sizeof status.edge);
	if (d) {
		status.state = vnep_life_presence(d->life);
		status.vlan = d->l2.vlan;
		status.has_mac = d->has_mac;
		status.mac = d->l2.mac;
		status.pending = d->pending;
	}
	if (d && d->port)
		memcpy(status.port, d->port->name, sizeof status.port);
	vnep_status_encode(&edge->scratch, &status);
	edge_reply(client, &edge->scratch);
}

void edge_verb_mcast_plan(struct vnep_edge *edge, struct edge_client *client)
{
	struct vnep_result result = { .id = "plan" };
	struct edge_mcast_how how;
	struct edge_mcast *mc = NULL;
	struct vnep_err err = { 0 };
	int rc = check_how(client->request, &err);

	read_how(client->request, &how);
	if (!rc)
		rc = edge_mcast_plan(edge, &how, &mc, &err);
	if (!rc) {
		for (size_t i = 0; i < mc->count; i++) {
			const struct edge_member *m = &mc->members[i];

			tell_member(client, mc, m);
			result.sent += m->way == EDGE_WAY_LANE || m->way == EDGE_WAY_UNICAST;
			result.pending += m->way == EDGE_WAY_JOURNAL;
			result.failed += m->way == EDGE_WAY_NONE;
		}
		result.members = mc->count;
		memcpy(result.group, mc->group, sizeof result.group);
		vnep_result_encode(&edge->scratch, &result);
		edge_reply(client, &edge->scratch);
		edge_mcast_free(mc);
	}
	edge_done_with(client, rc, &err);
}
