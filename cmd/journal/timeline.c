/*
 * timeline - the life of a device, to be read by people.
 *
 *     10:02:03.123456     #1  === connected: connection 1
 *     10:02:03.131002     #2  --> UDP to 2001:db8:b::2 port 5683, 71 octets
 *     10:02:13.131002         --- asleep (t3324-expired): goes on at #3
 *     10:03:00.000410     #3  <-- UDP from 2001:db8:b::2 port 40000, 58 octets, kept
 *     10:05:00.010000     #3      sent, 120.010 s after it came
 *
 * --> comes from the device, <-- is for it. Equal lines in a row are one line with their number.
 */
#include <stdio.h>
#include <string.h>

#include "journal.h"
#include "timeline.h"
#include "vnep/flow.h"
#include "vnep/frame.h"

enum { COLUMNS = 100, PLACE_COLUMNS = 28 };

const struct vnep_option journal_timeline_options[] = {
	{ "dev", 0, VNEP_ARG_ONE, "DEV", "whose (required)", NULL },
	JOURNAL_SELECT_OPTIONS,
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "how to show it (default text)", "text svg" },
	{ 0 },
};

struct timeline {
	struct vnep_cli *cli;
	struct vnep_journal *journal;
	struct journal_select select;
	struct vnep_buf out;
	char day[11];
	struct vnep_wall asleep; /* since when; 0: it is not */
	char last[128];          /* the packet line printed last, without its size */
	uint64_t more, more_octets, more_seq;
	struct vnep_wall more_ts;
};

/* "10:02:03.123456     #1  ", and the date where it changes. */
static void put_place(struct timeline *t, struct vnep_wall ts, uint64_t seq)
{
	char text[VNEP_TS_LEN], number[24] = "";

	vnep_wall_print(ts, text);
	if (strncmp(t->day, text, 10)) {
		memcpy(t->day, text, 10);
		vnep_buf_printf(&t->out, "\n%s (UTC)\n", t->day);
	}
	if (seq)
		snprintf(number, sizeof number, "#%llu", (unsigned long long)seq);
	vnep_buf_printf(&t->out, "%.15s %9s  ", text + 11, number);
}

static void put_line(struct timeline *t, const char *text)
{
	vnep_buf_printf(&t->out, "%.*s\n", COLUMNS - PLACE_COLUMNS, text);
}

static void flush_more(struct timeline *t)
{
	char text[128];

	if (t->more) {
		snprintf(text, sizeof text, "... and %llu more like it, %llu octets",
			(unsigned long long)t->more, (unsigned long long)t->more_octets);
		put_place(t, t->more_ts, t->more_seq);
		put_line(t, text);
	}
	t->more = t->more_octets = 0;
	t->last[0] = 0;
}

/* 0.010 s, 2 min 5 s, 3 h 20 min, 4 d 3 h: two units are enough for eyes. */
static const char *span(int64_t ns, char out[static 32])
{
	int64_t s = ns / 1000000000;

	if (ns < 0)
		snprintf(out, 32, "0 s");
	else if (s < 60)
		snprintf(out, 32, "%lld.%03lld s", (long long)s,
			(long long)(ns % 1000000000 / 1000000));
	else if (s < 3600)
		snprintf(out, 32, "%lld min %lld s", (long long)(s / 60), (long long)(s % 60));
	else if (s < 86400)
		snprintf(out, 32, "%lld h %lld min", (long long)(s / 3600),
			(long long)(s % 3600 / 60));
	else
		snprintf(out, 32, "%lld d %lld h", (long long)(s / 86400),
			(long long)(s % 86400 / 3600));
	return out;
}

/* What CoAP says without its payload: "CON GET", "ACK 2.05". */
static void coap_word(const struct vnep_frame *frame, const uint8_t *data, char out[static 32])
{
	static const char *const types[] = { "CON", "NON", "ACK", "RST" };
	static const char *const methods[] = { "empty", "GET", "POST", "PUT", "DELETE", "FETCH",
		"PATCH", "iPATCH" };
	struct vnep_coap coap;

	out[0] = 0;
	if (!vnep_coap_read(&coap, frame, data))
		return;
	if (coap.code < sizeof methods / sizeof *methods)
		snprintf(out, 32, ", CoAP %s %s", types[coap.type & 3], methods[coap.code]);
	else
		snprintf(out, 32, ", CoAP %s %u.%02u", types[coap.type & 3], coap.code >> 5 & 7,
			coap.code & 31);
}

/* What an ICMPv6 message is, where it is one that an engineer meets often. */
static const char *icmp_word(uint8_t type)
{
	switch (type) {
	case 1: return "unreachable";
	case 2: return "too big";
	case 128: return "ping";
	case 129: return "pong";
	default: return "ICMPv6";
	}
}

static void describe(const struct vnep_event *event, char *out, size_t cap)
{
	bool up = event->direction == VNEP_FROM_DEVICE;
	char ip[VNEP_IP6_LEN], coap[32] = "", spare[8];
	const char *arrow = up ? "-->" : "<--", *word = up ? "to" : "from", *proto;
	struct vnep_frame frame;

	if (vnep_frame_parse(&frame, event->frame, event->frame_len)) {
		snprintf(out, cap, "%s a frame without IPv6", arrow);
		return;
	}
	vnep_ip6_print(up ? &frame.dest : &frame.src, ip);
	coap_word(&frame, event->frame, coap);
	proto = frame.proto == IPPROTO_ICMPV6 ? icmp_word(frame.icmp_type)
					      : journal_proto(frame.proto, spare);
	if (frame.src_port || frame.dest_port)
		snprintf(out, cap, "%s %s %s %s port %u%s", arrow, proto, word, ip,
			up ? frame.dest_port : frame.src_port, coap);
	else
		snprintf(out, cap, "%s %s %s %s", arrow, proto, word, ip);
}

static void put_packet(struct timeline *t, const struct vnep_event *event)
{
	bool kept = event->direction == VNEP_TO_DEVICE && !event->copy;
	char text[128], line[192];

	describe(event, text, sizeof text - 8);
	if (kept)
		strcat(text, ", kept");
	if (!strcmp(text, t->last)) {
		t->more++;
		t->more_octets += event->length;
		t->more_ts = event->ts;
		t->more_seq = event->seq;
		return;
	}
	flush_more(t);
	put_place(t, event->ts, event->seq);
	snprintf(line, sizeof line, "%s, %u octets", text, event->length);
	put_line(t, line);
	memcpy(t->last, text, sizeof text);
}

static void put_mark(struct timeline *t, const struct vnep_event *event)
{
	char text[256], slept[32];
	int n;

	put_place(t, event->ts, event->seq);
	switch (event->kind) {
	case VNEP_KIND_CONNECT:
		n = snprintf(text, sizeof text, "=== connected: connection %u", event->conn);
		if (t->asleep.ns)
			n += snprintf(text + n, sizeof text - (size_t)n, ", slept %s",
				span(event->ts.ns - t->asleep.ns, slept));
		t->asleep.ns = 0;
		break;
	case VNEP_KIND_DISCONNECT: n = snprintf(text, sizeof text, "=== disconnected"); break;
	case VNEP_KIND_GAP:
		n = snprintf(text, sizeof text, "!!! %llu lost (%s)",
			(unsigned long long)event->count, vnep_reason_text(event->reason));
		break;
	default: n = snprintf(text, sizeof text, "... %s", vnep_kind_text(event->kind));
	}
	if (event->text[0])
		snprintf(text + n, sizeof text - (size_t)n, ": %s", event->text);
	put_line(t, text);
}

static void put_checkpoint(struct timeline *t, const struct vnep_checkpoint *checkpoint)
{
	unsigned long long resume = checkpoint->resume_seq;
	char text[192];

	put_place(t, checkpoint->ts, 0);
	if (checkpoint->cursor == VNEP_CURSOR_SYNCED) {
		snprintf(text, sizeof text, "--- in step: everything before #%llu is settled",
			resume);
	} else {
		snprintf(text, sizeof text, "--- asleep (%s): goes on at #%llu",
			vnep_cause_text(checkpoint->cause), resume);
		t->asleep = checkpoint->ts;
	}
	put_line(t, text);
}

static int take_time(const struct vnep_event *event, unsigned attempt, void *arg)
{
	struct vnep_wall *ts = arg;

	(void)attempt;
	*ts = event->ts;
	return 0;
}

static int put_outcome(struct timeline *t, const struct vnep_outcome *outcome)
{
	struct vnep_wall came = { 0 };
	char text[192], age[32];
	int n, rc = vnep_journal_events(t->journal, outcome->dev, outcome->seq, outcome->seq,
		       take_time, &came, &t->cli->err);

	if (rc)
		return rc;
	put_place(t, outcome->ts, outcome->seq);
	n = snprintf(text, sizeof text, "    %s", vnep_outcome_text(outcome->outcome));
	if (outcome->evidence)
		n += snprintf(text + n, sizeof text - (size_t)n, " by %s",
			vnep_evidence_text(outcome->evidence));
	if (outcome->reason)
		n += snprintf(text + n, sizeof text - (size_t)n, " (%s)",
			vnep_reason_text(outcome->reason));
	if (outcome->outcome == VNEP_OUTCOME_SENT && outcome->attempt > 1)
		n += snprintf(text + n, sizeof text - (size_t)n, ", attempt %u", outcome->attempt);
	if (came.ns)
		snprintf(text + n, sizeof text - (size_t)n, ", %s after it came",
			span(outcome->ts.ns - came.ns, age));
	put_line(t, text);
	return 0;
}

static int put_item(const struct vnep_journal_item *item, void *arg)
{
	struct timeline *t = arg;
	int rc = 0;

	if (!journal_select_has(&t->select, item))
		return 0;
	if (item->type == VNEP_RECORD_EVENT && item->event.frame) {
		put_packet(t, &item->event);
		return 0;
	}
	flush_more(t);
	if (item->type == VNEP_RECORD_EVENT)
		put_mark(t, &item->event);
	else if (item->type == VNEP_RECORD_CHECKPOINT)
		put_checkpoint(t, &item->checkpoint);
	else
		rc = put_outcome(t, &item->outcome);
	if (!rc)
		rc = vnep_out_bytes(t->cli, t->out.data, t->out.len);
	vnep_buf_reset(&t->out);
	return rc;
}

static int on_damage(const struct vnep_journal_damage *damage, void *arg)
{
	struct timeline *t = arg;

	flush_more(t);
	vnep_buf_printf(&t->out, "%*s!!! damaged: %s, %llu octets from %llu on\n",
		PLACE_COLUMNS - 1, "", damage->segment, (unsigned long long)damage->octets,
		(unsigned long long)damage->offset);
	return 0;
}

static void put_head(struct timeline *t, const struct vnep_journal_device *device)
{
	char ts[VNEP_TS_LEN];

	vnep_buf_printf(&t->out, "%s\n%llu event%s, %u connection%s, %llu pending (%llu octets)",
		device->dev, (unsigned long long)device->head_seq, device->head_seq == 1 ? "" : "s",
		device->conn, device->conn == 1 ? "" : "s", (unsigned long long)device->pending,
		(unsigned long long)device->pending_octets);
	if (device->life_ts.ns) {
		vnep_wall_print(device->life_ts, ts);
		vnep_buf_printf(&t->out, ", last heard %s", ts);
	}
	vnep_buf_put_u8(&t->out, '\n');
}

int journal_timeline(struct vnep_cli *cli)
{
	struct timeline t = { .cli = cli };
	struct vnep_journal_position position = { 0 };
	struct vnep_journal_device device;
	int rc;

	if (!vnep_cli_has(cli, "dev"))
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "whose life? --dev is missing");
	rc = journal_select_init(&t.select, cli);
	if (!rc)
		rc = journal_open(cli, VNEP_JOURNAL_READ, &t.journal);
	if (!rc)
		rc = vnep_journal_device(t.journal, t.select.dev, &device, &cli->err);
	if (!rc && !strcmp(vnep_cli_str(cli, "format", "text"), "svg")) {
		rc = journal_timeline_svg(cli, t.journal, &t.select, &device);
	} else if (!rc) {
		put_head(&t, &device);
		rc = vnep_journal_scan(t.journal, &position, put_item, on_damage, &t, &cli->err);
	}
	if (!rc) {
		flush_more(&t);
		rc = t.out.rc ? vnep_err_sys(&cli->err, -t.out.rc, "timeline")
			      : vnep_out_bytes(cli, t.out.data, t.out.len);
	}
	vnep_journal_close(t.journal);
	vnep_buf_release(&t.out);
	return rc;
}
