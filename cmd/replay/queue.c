/*
 * queue - --queue-mode: one packet at a time, the next on evidence (LwM2M's queue mode).
 *
 * Through ports of our own the answers are captured there. Behind a living vnep-edge it sees them, and its watch tells.
 * A device that does not answer what asks for an answer gets nothing more in this run; what is left of it is refused
 * without an outcome, so that it stays pending.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "send.h"
#include "vnep/capture.h"
#include "vnep/evidence.h"
#include "vnep/frame.h"
#include "vnep/recjson.h"

static const char sync_text[] = "\"type\":\"sync\"";
static const char confirmed_text[] = "\"outcome\":\"confirmed\"";

struct deaf {
	char dev[VNEP_URN_MAX + 1]; /* key, zeros behind the text */
};

int queue_open(struct replay *replay, struct send *send)
{
	struct vnep_cli *cli = replay->cli;
	struct send_queue *q = &send->queue;
	const char *line;
	size_t len;
	int status, rc;

	q->on = vnep_cli_has(cli, "queue-mode") && !cli->dry_run;
	if (q->on && send->edge && vnep_cli_has(cli, "read")) {
		vnep_err_set(&cli->err, VNEP_EUSAGE,
			"--queue-mode: a vnep-edge confirms events, and packets of captures are "
			"none");
		return vnep_err_hint(&cli->err, "vnep-journal read prints events");
	}
	vnep_table_init(&q->deaf, offsetof(struct deaf, dev), VNEP_URN_MAX + 1);
	if (!q->on || !send->edge)
		return 0;
	rc = vnep_client_open(&q->watch, cli->state, &cli->err);
	if (!rc && !q->watch)
		rc = vnep_err_set(&cli->err, VNEP_EUNAVAIL, "the vnep-edge has gone");
	if (!rc)
		rc = vnep_client_request(q->watch, "watch", NULL, &cli->err);
	if (rc)
		return rc;
	while ((rc = vnep_client_next(q->watch, 0, &line, &len, &status, &cli->err)) == 1)
		if (memmem(line, len, sync_text, sizeof sync_text - 1))
			return 0;
	return rc ? rc : vnep_err_set(&cli->err, VNEP_EUNAVAIL, "the vnep-edge ended its watch");
}

void queue_close(struct send *send)
{
	struct deaf *deaf;

	for (size_t i = 0; (deaf = vnep_table_next(&send->queue.deaf, &i));)
		free(deaf);
	vnep_table_release(&send->queue.deaf);
	vnep_client_close(send->queue.watch);
	vnep_capture_close(send->queue.capture);
}

static int64_t left_ms(struct vnep_mono end)
{
	int64_t ns = end.ns - vnep_mono_now().ns;

	return ns > 0 ? ns / 1000000 + 1 : 0;
}

/* What the edge tells until then: 1: it has evidence of this packet, in the journal already. */
static int told(struct send_queue *q, const struct replay_item *item, struct vnep_mono end,
	struct vnep_err *err)
{
	const char *line;
	size_t len;
	int status, rc = 1;
	bool yes = false;

	while (!yes && rc == 1) {
		struct vnep_json *json = NULL;

		rc = vnep_client_next_within(
			q->watch, (int)left_ms(end), &line, &len, &status, err);
		if (rc != 1 || !memmem(line, len, confirmed_text, sizeof confirmed_text - 1) ||
			vnep_json_parse(line, len, &json, NULL))
			continue;
		yes = !strcmp(vnep_json_get_str(json, "dev", ""), item->dev) &&
		      vnep_json_get_int(json, "seq", 0) == (int64_t)item->seq;
		vnep_json_free(json);
	}
	if (!rc)
		rc = vnep_err_set(err, VNEP_EUNAVAIL, "the vnep-edge ended its watch");
	return yes || rc == -ETIMEDOUT ? yes : rc;
}

int queue_before(struct replay *replay, struct send *send, const struct replay_item *item,
	const struct replay_port *port)
{
	struct send_queue *q = &send->queue;
	char dev[VNEP_URN_MAX + 1] = "";

	if (q->watch) { /* what it told meanwhile: an edge does not wait for those who do not listen */
		int rc = told(q, item, vnep_mono_now(), &replay->cli->err);

		if (rc < 0)
			return rc;
	}
	snprintf(dev, sizeof dev, "%s", item->dev);
	if (vnep_table_get(&q->deaf, dev)) {
		replay->refused++;
		return vnep_err_set(&replay->cli->err, VNEP_EVALUE,
			"%s: event %llu not sent: the device did not answer what was sent before "
			"it",
			item->dev, (unsigned long long)item->seq);
	}
	if (!port || (q->capture && !strcmp(q->port, port->name)))
		return 0;
	vnep_capture_close(q->capture);
	q->capture = NULL;
	memcpy(q->port, port->name, sizeof q->port);
	return vnep_capture_open_live(&q->capture, port->name, NULL, &replay->cli->err);
}

/* What comes in by the port until then. */
static enum vnep_evidence hear(
	struct send_queue *q, const struct vnep_expected *expected, struct vnep_mono end)
{
	struct pollfd p = { vnep_capture_fd(q->capture), POLLIN, 0 };
	enum vnep_evidence evidence = VNEP_EVIDENCE_NONE;
	struct vnep_capture_frame frame;
	struct vnep_frame f;

	while (!evidence && left_ms(end) && poll(&p, 1, (int)left_ms(end)) > 0)
		while (!evidence && left_ms(end) &&
			vnep_capture_next(q->capture, &frame, NULL) == 1)
			if (!vnep_frame_parse(&f, frame.data, frame.len))
				evidence = vnep_expected_answer(expected, &f, frame.data);
	return evidence;
}

static int remember(struct send_queue *q, const struct replay_item *item, struct vnep_err *err)
{
	struct deaf *deaf = calloc(1, sizeof *deaf);

	if (!deaf)
		return vnep_err_sys(err, ENOMEM, "device");
	snprintf(deaf->dev, sizeof deaf->dev, "%s", item->dev);
	if (vnep_table_put(&q->deaf, deaf)) {
		free(deaf);
		return vnep_err_sys(err, ENOMEM, "device");
	}
	return 0;
}

int queue_after(struct replay *replay, struct send *send, const struct replay_item *item,
	const uint8_t *data, size_t len)
{
	struct send_queue *q = &send->queue;
	enum vnep_evidence evidence = VNEP_EVIDENCE_NONE;
	struct vnep_mono end = vnep_mono_now();
	struct vnep_expected expected;
	int answered;

	if (vnep_expected_read(&expected, data, len))
		return 0; /* nothing that could be answered */
	end.ns += (expected.asks ? VNEP_ANSWER_MS : VNEP_ONE_WAY_MS) * 1000000LL;
	if (q->watch)
		answered = told(q, item, end, &replay->cli->err);
	else
		answered = (evidence = hear(q, &expected, end)) != VNEP_EVIDENCE_NONE;
	if (answered < 0)
		return answered;
	if (evidence)
		replay_confirm(replay, item, evidence);
	return answered || !expected.asks ? 0 : remember(q, item, &replay->cli->err);
}
