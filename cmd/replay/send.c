/*
 * send - packets back on the wire, each at its time.
 *
 * Frames wait in a batch that is sent when it is full, when the next frame is due later, or at once
 * where records come in as a stream: nobody should have to wait for a packet that is ready. A
 * vnep-edge that lives on the state folder does the sending itself, because it knows who is awake;
 * the pace stays here.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "send.h"
#include "vnep/inject.h"
#include "vnep/out.h"
#include "vnep/recjson.h"

enum { STUCK_MS = 10000, RETRY_MS = 1, NS_PER_S = 1000000000 };

const struct vnep_option replay_send_options[] = {
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
	{ "queue-mode", 0, VNEP_ARG_NONE, NULL, "one at a time, the next when it was answered",
		NULL },
	{ "force", 0, VNEP_ARG_NONE, NULL,
		"also CoAP messages whose message id was sent less than 247 s ago", NULL },
	{ "stats", 0, VNEP_ARG_NONE, NULL,
		"stat records at the end: counts, and how late packets were", NULL },
	{ "raw", 0, VNEP_ARG_NONE, NULL, "frames as they are, no map needed; goes with --interface",
		NULL },
	{ "interface", 'i', VNEP_ARG_ONE, "IF", "raw: send out of this port", NULL },
	{ "to-mac", 0, VNEP_ARG_ONE, "MAC", "raw: rewrite the destination MAC", NULL },
	{ "vlan", 0, VNEP_ARG_ONE, "N", "raw: put in or rewrite the VLAN tag; 0 takes it off",
		NULL },
	{ "to-ip", 0, VNEP_ARG_ONE, "ADDR",
		"raw: rewrite the destination address, checksum corrected", NULL },
	{ "hop-limit", 0, VNEP_ARG_ONE, "N", "raw: rewrite the hop limit", NULL },
	{ 0 },
};

void send_write_out(struct replay *replay, bool flush)
{
	if (replay->out.len)
		vnep_out_records(replay->cli, &replay->out, flush);
}

/* What a port's refusal means for the packet. VNEP_REASON_NONE: it may be sent another day. */
static enum vnep_reason port_reason(int code)
{
	return code == -EMSGSIZE ? VNEP_TOO_BIG : VNEP_REASON_NONE;
}

/* Full queues empty themselves: wait for that, but not for ever. */
static bool retry(struct vnep_inject *inject, int code, unsigned *waited_ms)
{
	struct pollfd p = { vnep_inject_fd(inject), POLLOUT, 0 };

	if ((code != -EAGAIN && code != -ENOBUFS) || *waited_ms >= STUCK_MS)
		return false;
	/* ENOBUFS is the qdisc's: the socket tells nothing about it */
	poll(&p, code == -EAGAIN, RETRY_MS);
	*waited_ms += RETRY_MS;
	return true;
}

static void item_failed(struct replay *replay, struct send *send, const struct replay_item *item,
	const struct vnep_err *why)
{
	enum vnep_reason reason = port_reason(why->code);

	replay->refused++;
	if (reason)
		replay_outcome(replay, item, VNEP_OUTCOME_FAILED, reason);
	else if (!send->failed)
		send->failed = why->code;
	vnep_cli_error(replay->cli, why);
}

bool send_push(struct vnep_inject *inject, struct send_batch *batch, struct vnep_err *err)
{
	struct iovec iov[SEND_BATCH];
	uint8_t *at = batch->bytes.data;
	unsigned waited_ms = 0;

	*err = (struct vnep_err){ 0 };
	for (unsigned i = 0; i < batch->count; at += batch->len[i++])
		iov[i] = (struct iovec){ at, batch->len[i] };
	while (batch->done < batch->count) {
		size_t n = vnep_inject_send(
			inject, iov + batch->done, batch->count - batch->done, err);

		batch->done += (unsigned)n;
		if (n)
			waited_ms = 0;
		if (batch->done < batch->count && !retry(inject, err->code, &waited_ms))
			return false;
	}
	return true;
}

void send_batch_reset(struct send_batch *batch)
{
	batch->count = batch->done = 0;
	vnep_buf_reset(&batch->bytes);
}

void send_batch_out(struct replay *replay, struct send *send, struct send_batch *batch)
{
	struct vnep_inject *inject = batch->count ? replay->ports[batch->port].inject : NULL;
	struct vnep_err err;
	bool all = false;

	while (!all) {
		unsigned i = batch->done;

		all = send_push(inject, batch, &err);
		send->sent += batch->done - i;
		for (; i < batch->done; i++)
			replay_outcome(
				replay, &batch->items[i], VNEP_OUTCOME_SENT, VNEP_REASON_NONE);
		if (!all)
			item_failed(replay, send, &batch->items[batch->done++], &err);
	}
	send_batch_reset(batch);
	send_write_out(replay, send->limit == 1);
}

static void flush_batch(struct replay *replay, struct send *send)
{
	if (send->ahead)
		send_ahead_put(replay, send);
	else
		send_batch_out(replay, send, send->batch);
}

static void wait_until(struct vnep_mono when)
{
	struct timespec t = { .tv_sec = when.ns / NS_PER_S, .tv_nsec = when.ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* The next packet is due offset_ns after the first. Lateness is noted, never passed on. */
void send_keep_pace(
	struct replay *replay, struct send *send, const struct replay_item *item, size_t len)
{
	struct vnep_mono due;

	if (replay->cli->dry_run) {
		replay_pace_next(&replay->pace, item->ts, len);
		return;
	}
	if (!replay->pace.frames)
		replay->start = vnep_mono_now();
	due.ns = replay->start.ns + replay_pace_next(&replay->pace, item->ts, len);
	if (replay->pace.mode == REPLAY_TOPSPEED)
		return;
	if (due.ns > vnep_mono_now().ns) {
		flush_batch(replay, send);
		send_write_out(replay, true);
		wait_until(due);
	}
	replay_lateness_add(&send->lateness, vnep_mono_now().ns - due.ns);
}

static int take_frame(struct replay *replay, struct replay_item *item)
{
	struct send *send = replay->arg;
	struct send_batch *batch;
	struct replay_port *port;
	uint64_t sent;
	int rc = replay_build(replay, item, &port);

	if (rc) {
		send_write_out(replay, true);
		return rc;
	}
	rc = send->queue.on ? queue_before(replay, send, item, port) : 0;
	if (rc)
		return rc;
	send_keep_pace(replay, send, item, replay->frame.len);
	if (replay->cli->dry_run)
		return 0;
	if (send->batch->count && send->batch->port != (size_t)(port - replay->ports))
		flush_batch(replay, send);
	if (!replay->raw.on) /* whoever sends frames as they are may repeat them */
		vnep_mids_note(&replay->mids, item->frame, item->len, vnep_mono_now());
	batch = send->batch;
	batch->port = (size_t)(port - replay->ports);
	batch->items[batch->count] = *item;
	batch->len[batch->count++] = replay->frame.len;
	vnep_buf_put(&batch->bytes, replay->frame.data, replay->frame.len);
	if (batch->bytes.rc)
		return vnep_err_sys(&replay->cli->err, ENOMEM, "frames");
	sent = send->sent;
	if (batch->count == send->limit)
		flush_batch(replay, send);
	return send->queue.on && send->sent > sent
		       ? queue_after(replay, send, item, replay->frame.data, replay->frame.len)
		       : 0;
}

static void put_stats(struct replay *replay, const struct send *send)
{
	static const struct {
		const char *label;
		unsigned percent;
	} quantiles[] = { { "0.5", 50 }, { "0.99", 99 } };
	const char *name = "vnep_replay_lateness_us";

	vnep_stat_encode(&replay->out, "vnep_replay_packets_total", "outcome", "sent", send->sent);
	vnep_stat_encode(
		&replay->out, "vnep_replay_packets_total", "outcome", "refused", replay->refused);
	vnep_stat_encode(&replay->out, "vnep_replay_packets_total", "outcome", "passed-over",
		replay->passed);
	if (!send->lateness.count)
		return;
	for (unsigned i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
		vnep_stat_encode(&replay->out, name, "quantile", quantiles[i].label,
			replay_lateness_us(&send->lateness, quantiles[i].percent));
	vnep_stat_encode(&replay->out, name, "quantile", "1", send->lateness.max_us);
}

static int run_send(struct replay *replay, struct send *send)
{
	struct vnep_cli *cli = replay->cli;
	int rc = 0, status = 0;

	if (!replay->raw.on && !cli->dry_run)
		rc = send_edge_open(replay, send);
	if (!rc && !replay->raw.on && (!send->edge || vnep_cli_has(cli, "read")))
		rc = vnep_mapstore_open(&replay->map, cli->state, false, &cli->err);
	if (rc)
		return rc;
	rc = queue_open(replay, send);
	if (rc)
		return rc;
	replay->take = send->edge ? send_edge_take : take_frame;
	rc = replay_input(replay);
	if (rc && !replay->pace.frames && !replay->refused)
		return rc;
	/* what is ready goes, also when the input ended badly */
	flush_batch(replay, send);
	send_ahead_end(replay, send);
	if (!rc && send->edge)
		status = send_edge_finish(replay, send);
	if (vnep_cli_has(cli, "stats"))
		put_stats(replay, send);
	send_write_out(replay, true);
	if (rc || send->failed)
		return rc ? rc : vnep_err_exit(send->failed);
	return status ? status : 0;
}

/* With --raw everything goes to one port: it is looked for before the first packet is read. */
static int check_raw_port(struct replay *replay)
{
	struct vnep_cli *cli = replay->cli;
	const char *name = replay->raw.port;
	struct replay_port *port;
	int rc;

	if (!name)
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "--raw needs --interface IF to send out of");
	rc = replay_port_get(replay, name, &port);
	return rc == VNEP_ENOTFOUND ? vnep_err_sys(&cli->err, ENODEV, "port \"%s\"", name) : rc;
}

int replay_send(struct vnep_cli *cli)
{
	struct replay replay;
	struct send send = { .limit = 1 };
	int rc = replay_init(&replay, cli, false);

	send.batch = &send.own;
	vnep_buf_init(&send.own.bytes);
	cli->answer_errors = true;
	if (!rc && replay.raw.on)
		rc = check_raw_port(&replay);
	if (rc)
		goto out;
	if (vnep_cli_has(cli, "read") && !vnep_cli_has(cli, "queue-mode"))
		send.limit = SEND_BATCH;
	if (replay.raw.on && send.limit == SEND_BATCH && replay.pace.mode == REPLAY_TOPSPEED &&
		!cli->dry_run)
		send_ahead_start(&send, replay.ports[0].inject);
	/* timers have 50 us of slack by default: too much where packets are 10 us apart */
	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	replay.arg = &send;
	rc = run_send(&replay, &send);
out:
	send_ahead_end(&replay, &send);
	queue_close(&send);
	vnep_client_close(send.edge);
	vnep_buf_release(&send.own.bytes);
	replay_release(&replay);
	return rc;
}
