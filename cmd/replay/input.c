/* input - packets from records (journal read) and from captures. */
#include <string.h>

#include "replay.h"
#include "vnep/capture.h"
#include "vnep/recjson.h"

/* Reports a refusal and forgets it; other errors end the run. */
static int report(struct replay *replay, int rc)
{
	int status = vnep_err_exit(rc);

	if (!rc || (status != 1 && status != 2))
		return rc;
	vnep_cli_error(replay->cli, &replay->cli->err);
	return 0;
}

static int take_capture_frame(struct replay *replay, const char *file, uint64_t number,
	const struct vnep_capture_frame *frame)
{
	struct replay_item item = { .ts = frame->ts,
		.frame = frame->data,
		.len = frame->len,
		.wire_len = frame->wire_len,
		.attempt = 1 };

	vnep_err_place(
		&replay->cli->err, file, number < 4294967295 ? (unsigned)number : 4294967295, 0);
	return report(replay, replay->take(replay, &item));
}

static int read_capture(struct replay *replay, const char *file)
{
	struct vnep_cli *cli = replay->cli;
	struct vnep_capture_frame frame;
	struct vnep_capture *capture;
	uint64_t number = 0;
	int rc, got;

	cli->err = (struct vnep_err){ 0 };
	rc = vnep_capture_open_file(&capture, file, vnep_cli_str(cli, "filter", NULL), &cli->err);
	if (rc)
		return rc;
	while (!rc && (got = vnep_capture_next(capture, &frame, &cli->err)) != 0)
		rc = got < 0 ? got : take_capture_frame(replay, file, ++number, &frame);
	vnep_capture_close(capture);
	if (!rc)
		cli->err = (struct vnep_err){ 0 };
	return rc;
}

/* Only packets can be put back. What else a journal holds is passed over; what is no record of a
 * journal is a mistake. */
static int no_packet(struct replay *replay, struct vnep_json *json)
{
	const char *type = vnep_json_get_str(json, "type", "");

	switch (vnep_recjson_type(json)) {
	case VNEP_RECORD_CHECKPOINT:
	case VNEP_RECORD_OUTCOME:
	case VNEP_RECORD_APPENDED:
	case VNEP_RECORD_SYNC:
	case VNEP_RECORD_ERROR: replay->passed++; return 0;
	default:
		vnep_err_set(&replay->cli->err, VNEP_EVALUE,
			"a record of type \"%s\" cannot be sent", type);
		vnep_err_hint(
			&replay->cli->err, "events are sent, as vnep-journal read prints them");
		return VNEP_EVALUE;
	}
}

static int check_event(
	struct replay *replay, struct replay_item *item, const struct vnep_event *event)
{
	if (event->kind == VNEP_KIND_CORRUPT)
		return replay_refuse(
			replay, item, VNEP_MALFORMED, true, "the journal holds it damaged");
	if (!replay->raw.on && event->direction == VNEP_FROM_DEVICE)
		return replay_refuse(replay, item, VNEP_NOT_REPLAYABLE, false,
			"it came from the device (vnep-journal read --direction to-device selects "
			"the others)");
	return 0;
}

static int take_record(
	struct vnep_cli *cli, struct vnep_json *json, const char *text, size_t len, void *arg)
{
	struct replay *replay = arg;
	struct replay_item item = { 0 };
	struct vnep_event event;
	struct vnep_buf frame;
	int rc;

	if (vnep_recjson_type(json) != VNEP_RECORD_EVENT)
		return no_packet(replay, json);
	vnep_buf_init(&frame);
	rc = vnep_recjson_check(json, text, len, &cli->err);
	if (!rc)
		rc = vnep_event_decode(json, &event, &frame, &cli->err);
	if (rc)
		goto out;
	if (!event.frame) {
		replay->passed++;
		goto out;
	}
	memcpy(item.dev, event.dev, sizeof item.dev);
	item.seq = event.seq;
	item.attempt = (uint32_t)(vnep_json_get_int(json, "attempt", 0) & 0xffff) + 1;
	item.ts = event.ts;
	item.frame = event.frame;
	item.len = event.frame_len;
	item.wire_len = event.length > event.frame_len ? event.length : event.frame_len;
	item.text = text;
	item.text_len = len;
	rc = check_event(replay, &item, &event);
	if (!rc)
		rc = replay->take(replay, &item);
out:
	vnep_buf_release(&frame);
	return rc;
}

int replay_input(struct replay *replay)
{
	struct vnep_cli *cli = replay->cli;
	const char *file;
	int rc = 0;

	if (!vnep_cli_has(cli, "read"))
		return vnep_cli_read(cli, true, take_record, replay);
	if (cli->argc)
		return vnep_err_set(&cli->err, VNEP_EUSAGE,
			"\"%s\": records and captures (-r) are not read in one run", cli->argv[0]);
	for (size_t i = 0; !rc && (file = vnep_cli_list(cli, "read", i)); i++) {
		rc = read_capture(replay, file);
		/* "asked wrongly, nothing attempted" would be untrue after the first packet */
		if (rc && (i || replay->pace.frames || replay->refused))
			rc = report(replay, rc);
	}
	return rc;
}
