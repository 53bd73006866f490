/*
 * state - what a device said last, rebuilt by playing its stream back: per flow, and per CoAP path.
 *
 * A response of the device has no path of its own: the request that it answers has, and is found by its token.
 * Only the last requests are remembered, as many as REQUESTS; a response to an older one has no path. What is
 * kept grows with what the device distinguishes, at most STATES of it: the oldest one gives way.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "vnep/cbor.h"
#include "vnep/coap.h"
#include "vnep/frame.h"
#include "vnep/json.h"
#include "vnep/ndjson.h"

enum { REQUESTS = 1024, STATES = 65536 };

const struct vnep_option journal_state_options[] = {
	{ "dev", 0, VNEP_ARG_ONE, "DEV", "whose (required)", NULL },
	JOURNAL_SELECT_OPTIONS,
	{ 0 },
};

/* Compared octet by octet: zeros in every hole. */
struct key {
	struct in6_addr dest;
	uint16_t src_port, dest_port;
	uint8_t proto;
	char path[VNEP_COAP_PATH_MAX + 1]; /* CoAP: one for each path, whoever asked */
};

struct last {
	struct key key;
	struct vnep_event event; /* without its frame */
	struct in6_addr dest;
	uint16_t src_port, dest_port;
	bool coap;
	uint8_t code;
	int content_format;
	uint8_t *payload;
	size_t payload_len;
};

struct request {
	struct in6_addr peer;
	uint16_t port;
	uint8_t token_len, token[8];
	char path[VNEP_COAP_PATH_MAX + 1];
};

struct playing {
	struct vnep_cli *cli;
	struct journal_select select;
	struct vnep_table states;
	struct request *requests; /* a ring */
	size_t next;
	uint64_t damages;
};

static void remember(
	struct playing *p, const struct vnep_frame *frame, const struct vnep_coap_body *coap)
{
	struct request *request = &p->requests[p->next++ % REQUESTS];

	*request = (struct request){
		.peer = frame->src, .port = frame->src_port, .token_len = coap->head.token_len
	};
	memcpy(request->token, coap->head.token, sizeof request->token);
	memcpy(request->path, coap->path, sizeof request->path);
}

/* The path of the newest request that this answers; "" if it is not known (any more). */
static const char *path_of(
	const struct playing *p, const struct vnep_frame *frame, const struct vnep_coap *head)
{
	for (size_t i = 1; i <= REQUESTS && i <= p->next; i++) {
		const struct request *request = &p->requests[(p->next - i) % REQUESTS];

		if (request->port == frame->dest_port && request->token_len == head->token_len &&
			!memcmp(request->token, head->token, head->token_len) &&
			vnep_ip6_equal(&request->peer, &frame->dest))
			return request->path;
	}
	return "";
}

static void drop_oldest(struct playing *p)
{
	struct last *last, *oldest = NULL;

	for (size_t i = 0; (last = vnep_table_next(&p->states, &i));)
		if (!oldest || last->event.seq < oldest->event.seq)
			oldest = last;
	vnep_table_remove(&p->states, oldest);
	free(oldest->payload);
	free(oldest);
}

static struct last *last_of(struct playing *p, const struct key *key)
{
	struct last *last = vnep_table_get(&p->states, key);

	if (last)
		return last;
	if (p->states.count >= STATES)
		drop_oldest(p);
	last = calloc(1, sizeof *last);
	if (!last)
		return NULL;
	memcpy(&last->key, key, sizeof *key);
	if (!vnep_table_put(&p->states, last))
		return last;
	free(last);
	return NULL;
}

static int keep(struct playing *p, const struct vnep_event *event, const struct vnep_frame *frame,
	const struct vnep_coap_body *coap, const uint8_t *payload, size_t len)
{
	struct last *last;
	struct key key;
	uint8_t *copy;

	memset(&key, 0, sizeof key);
	if (coap && coap->path[0]) {
		memcpy(key.path, coap->path, strlen(coap->path));
	} else {
		key.dest = frame->dest;
		key.src_port = frame->src_port;
		key.dest_port = frame->dest_port;
	}
	key.proto = frame->proto;
	last = last_of(p, &key);
	copy = malloc(len ? len : 1);
	if (!last || !copy) {
		free(copy);
		return vnep_err_sys(&p->cli->err, ENOMEM, "state");
	}
	memcpy(copy, payload, len);
	free(last->payload);
	last->event = *event;
	last->event.frame = NULL;
	last->dest = frame->dest;
	last->src_port = frame->src_port;
	last->dest_port = frame->dest_port;
	last->coap = coap != NULL;
	last->code = coap ? coap->head.code : 0;
	last->content_format = coap ? coap->content_format : -1;
	last->payload = copy;
	last->payload_len = len;
	return 0;
}

/* Acknowledgements without anything in them say nothing about the device's state. */
static int play(struct playing *p, const struct vnep_event *event)
{
	struct vnep_coap_body coap;
	struct vnep_frame frame;
	const uint8_t *payload;
	size_t len;
	bool is_coap;

	if (vnep_frame_parse(&frame, event->frame, event->frame_len) ||
		!vnep_udp_payload(&frame, event->frame, &payload, &len))
		return 0;
	is_coap = vnep_coap_body_read(&coap, &frame, event->frame);
	if (event->direction == VNEP_TO_DEVICE) {
		if (is_coap && coap.head.code >= 1 && coap.head.code < 32)
			remember(p, &frame, &coap);
		return 0;
	}
	if (!is_coap)
		return keep(p, event, &frame, NULL, payload, len);
	if (!coap.head.code)
		return 0;
	if (coap.head.code >= 64)
		snprintf(coap.path, sizeof coap.path, "%s", path_of(p, &frame, &coap.head));
	return keep(p, event, &frame, &coap, coap.payload, coap.payload_len);
}

static int on_item(const struct vnep_journal_item *item, void *arg)
{
	struct playing *p = arg;

	if (item->type != VNEP_RECORD_EVENT || !item->event.frame ||
		item->event.kind != VNEP_KIND_DATA || !journal_select_has(&p->select, item))
		return 0;
	return play(p, &item->event);
}

static int on_damage(const struct vnep_journal_damage *damage, void *arg)
{
	struct playing *p = arg;

	(void)damage;
	p->damages++;
	return 0;
}

/* The payload as JSON, if it is JSON or CBOR: by its content format, else by trying. */
static bool decode(const struct last *last, struct vnep_buf *out)
{
	const char *text = (const char *)last->payload;
	struct vnep_json *json = NULL;
	int format = last->content_format, rc = VNEP_ESYNTAX;

	if (!last->payload_len)
		return false;
	if (format < 0 || format == VNEP_COAP_JSON) {
		rc = vnep_json_parse(text, last->payload_len, &json, NULL);
		if (!rc)
			rc = vnep_json_dump(json, out);
		vnep_json_free(json);
	}
	/* nearly any octet is some CBOR: unsaid, only maps and arrays are taken for it */
	if (rc && (format == VNEP_COAP_CBOR || (format < 0 && (last->payload[0] >> 5 == 4 ||
								      last->payload[0] >> 5 == 5))))
		rc = vnep_cbor_to_json(out, last->payload, last->payload_len);
	return !rc;
}

static void encode(struct vnep_buf *out, const struct last *last, const char *dev)
{
	struct vnep_buf value = { 0 };
	char code[8], spare[8];
	struct vnep_jw w;

	vnep_jw_record(&w, out, "state");
	vnep_jw_str(&w, "dev", dev);
	vnep_jw_u64(&w, "seq", last->event.seq);
	vnep_jw_ts(&w, "ts", last->event.ts);
	vnep_jw_i64(&w, "us", last->event.ts.ns / 1000);
	if (last->coap) {
		vnep_jw_opt_str(&w, "path", last->key.path);
		snprintf(code, sizeof code, "%u.%02u", last->code >> 5 & 7, last->code & 31);
		vnep_jw_str(&w, "code", code);
	}
	vnep_jw_u64(&w, "src_port", last->src_port);
	vnep_jw_ip6(&w, "dest_ip", &last->dest);
	vnep_jw_u64(&w, "dest_port", last->dest_port);
	vnep_jw_str(&w, "proto", journal_proto(last->key.proto, spare));
	if (last->content_format >= 0)
		vnep_jw_u64(&w, "content_format", (uint64_t)last->content_format);
	vnep_jw_base64(&w, "payload", last->payload, last->payload_len);
	if (decode(last, &value))
		vnep_jw_raw(&w, "value", (const char *)value.data, value.len);
	vnep_jw_end_record(&w);
	vnep_buf_release(&value);
}

static int by_seq(const void *a, const void *b)
{
	const struct last *const *x = a, *const *y = b;

	return ((*x)->event.seq > (*y)->event.seq) - ((*x)->event.seq < (*y)->event.seq);
}

static int print(struct playing *p)
{
	struct last **sorted = calloc(p->states.count + 1, sizeof(struct last *)), *last;
	struct vnep_buf out = { 0 };
	size_t n = 0;
	int rc = 0;

	if (!sorted)
		return vnep_err_sys(&p->cli->err, ENOMEM, "state");
	for (size_t i = 0; (last = vnep_table_next(&p->states, &i));)
		sorted[n++] = last;
	qsort(sorted, n, sizeof(struct last *), by_seq);
	for (size_t i = 0; !rc && i < n; i++) {
		encode(&out, sorted[i], p->select.dev);
		rc = vnep_out_records(p->cli, &out, false);
	}
	vnep_buf_release(&out);
	free(sorted);
	return rc;
}

static void release(struct playing *p)
{
	struct last *last;

	for (size_t i = 0; (last = vnep_table_next(&p->states, &i));) {
		free(last->payload);
		free(last);
	}
	vnep_table_release(&p->states);
	free(p->requests);
}

int journal_state(struct vnep_cli *cli)
{
	struct playing p = { .cli = cli, .requests = calloc(REQUESTS, sizeof(struct request)) };
	struct vnep_journal_position position = { 0 };
	struct vnep_journal_device device;
	struct vnep_journal *journal = NULL;
	int rc;

	vnep_table_init(&p.states, offsetof(struct last, key), sizeof(struct key));
	if (!p.requests)
		rc = vnep_err_sys(&cli->err, ENOMEM, "state");
	else if (!vnep_cli_has(cli, "dev"))
		rc = vnep_err_set(&cli->err, VNEP_EUSAGE, "whose state? --dev is missing");
	else
		rc = journal_select_init(&p.select, cli);
	if (!rc)
		rc = journal_open(cli, VNEP_JOURNAL_READ, &journal);
	if (!rc)
		rc = vnep_journal_device(journal, p.select.dev, &device, &cli->err);
	if (!rc)
		rc = vnep_journal_scan(journal, &position, on_item, on_damage, &p, &cli->err);
	if (!rc)
		rc = print(&p);
	if (!rc && p.damages)
		rc = journal_damaged(cli, p.damages);
	vnep_journal_close(journal);
	release(&p);
	return rc;
}
