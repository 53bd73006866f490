/*
 * send-edge - through the vnep-edge that lives on the state folder: it knows who is awake.
 *
 * Events go to it as they came, each at its time; it answers each with an outcome or an error.
 * Answers are read as we go, so that neither side has to keep more than a few.
 */
#include <errno.h>
#include <string.h>

#include "send.h"
#include "vnep/frame.h"
#include "vnep/recjson.h"

enum { UNANSWERED_MAX = 64 };

int send_edge_open(struct replay *replay, struct send *send)
{
	struct vnep_cli *cli = replay->cli;
	const char *verb = vnep_cli_has(cli, "force") ? "replay.force" : "replay.send";
	int rc = vnep_client_open(&send->edge, cli->state, &cli->err);

	return rc || !send->edge ? rc : vnep_client_request(send->edge, verb, NULL, &cli->err);
}

/* A packet of a capture has no sequence number: what became of it is said, but it is no outcome. */
static void answer_captured(struct replay *replay, const char *line, size_t len)
{
	struct vnep_cli *cli = replay->cli;
	struct vnep_json *json = NULL;

	if (vnep_json_parse(line, len, &json, NULL))
		return;
	if (strcmp(vnep_json_get_str(json, "outcome", "failed"), "sent")) {
		vnep_err_set(&cli->err, VNEP_EVALUE, "%s: packet not sent: %s",
			vnep_json_get_str(json, "dev", ""),
			vnep_json_get_str(
				json, "reason", vnep_json_get_str(json, "detail", "refused")));
		vnep_cli_error(cli, &cli->err);
	}
	vnep_json_free(json);
}

/* One answer, to standard output: 1, 0 at the end (*status), or a negative code. */
static int take_answer(struct replay *replay, struct send *send, int *status)
{
	static const char sent[] = "\"outcome\":\"sent\"";
	const char *line;
	size_t len;
	int rc = vnep_client_next(send->edge, 0, &line, &len, status, &replay->cli->err);

	if (rc <= 0)
		return rc;
	if (memmem(line, len, sent, sizeof sent - 1))
		send->sent++;
	else
		replay->refused++;
	if (vnep_cli_has(replay->cli, "read")) {
		answer_captured(replay, line, len);
		return 1;
	}
	vnep_buf_put(&replay->out, line, len);
	vnep_buf_put_str(&replay->out, "\n");
	send_write_out(replay, true);
	return 1;
}

static int send_event(struct replay *replay, struct send *send, const char *text, size_t len)
{
	bool wait = replay->pace.mode != REPLAY_TOPSPEED || send->queue.on;
	unsigned most = wait ? 0 : UNANSWERED_MAX;
	int rc = vnep_client_send(send->edge, text, len, &replay->cli->err), status;

	for (send->unanswered++; !rc && send->unanswered > most; send->unanswered--) {
		rc = take_answer(replay, send, &status);
		if (rc == 0) /* it said it was done before we were */
			return vnep_err_set(&replay->cli->err, VNEP_EUNAVAIL,
				"the vnep-edge of this state folder ended the request");
		if (rc > 0)
			rc = 0;
	}
	return rc;
}

/* A packet of a capture becomes the event it would have been. */
static int send_captured(struct replay *replay, struct send *send, struct replay_item *item)
{
	struct vnep_event event = { .ts = item->ts,
		.kind = VNEP_KIND_DATA,
		.direction = VNEP_TO_DEVICE,
		.frame = item->frame,
		.frame_len = (uint32_t)item->len,
		.length = (uint32_t)item->wire_len };
	struct vnep_buf line;
	int rc;

	memcpy(event.dev, item->dev, sizeof event.dev);
	vnep_buf_init(&line);
	vnep_event_encode(&line, &event);
	rc = line.rc ? vnep_err_sys(&replay->cli->err, ENOMEM, "event")
		     : send_event(replay, send, (const char *)line.data, line.len - 1);
	vnep_buf_release(&line);
	return rc;
}

int send_edge_take(struct replay *replay, struct replay_item *item)
{
	struct send *send = replay->arg;
	uint64_t sent;
	int rc = item->text ? 0 : replay_name_device(replay, item);

	if (rc)
		return rc;
	rc = send->queue.on ? queue_before(replay, send, item, NULL) : 0;
	if (rc)
		return rc;
	send_keep_pace(replay, send, item, item->len);
	sent = send->sent;
	rc = item->text ? send_event(replay, send, item->text, item->text_len)
			: send_captured(replay, send, item);
	if (rc || !send->queue.on || send->sent == sent)
		return rc;
	return queue_after(replay, send, item, item->frame, item->len);
}

int send_edge_finish(struct replay *replay, struct send *send)
{
	int status = 3, rc = vnep_client_end(send->edge, &replay->cli->err);

	if (!rc)
		while ((rc = take_answer(replay, send, &status)) == 1)
			;
	return rc ? rc : status;
}
