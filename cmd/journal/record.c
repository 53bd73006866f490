/*
 * record - packets from an interface or a capture into the journal.
 *
 * On the journal port a tag in the destination MAC says what each frame is (tag.h). Anywhere else a
 * packet was forwarded by somebody: it is journaled as a copy, for the device that its addresses
 * name in the map. A group is committed when nothing more is there to be read, after 5 ms, or at 1
 * MiB.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "journal.h"
#include "vnep/capture.h"
#include "vnep/frame.h"
#include "vnep/mapstore.h"
#include "vnep/retention.h"
#include "vnep/tag.h"

enum { GROUP_OCTETS = 1 << 20, TCP_FLAGS = 13, TCP_SYN = 2, TCP_ACK = 16 };
static const int64_t group_ns = 5000000;

const struct vnep_option journal_record_options[] = {
	{ "interface", 'i', VNEP_ARG_ONE, "IF", "capture from this interface until interrupted",
		NULL },
	{ "read", 'r', VNEP_ARG_ONE, "FILE", "take a pcap or pcapng file (- is standard input)",
		NULL },
	{ "filter", 0, VNEP_ARG_ONE, "EXPRESSION", "only what pcap-filter(7) lets pass", NULL },
	{ "journal-port", 0, VNEP_ARG_ONE, "IF",
		"the interface whose frames are tagged (default vnep-j1)", NULL },
	{ "tagged", 0, VNEP_ARG_NONE, NULL, "the frames are tagged, whatever the interface", NULL },
	{ 0 },
};

struct recording {
	struct vnep_cli *cli;
	struct vnep_journal *journal;
	struct vnep_mapstore *store;
	struct vnep_map_txn *txn; /* with an open group */
	struct vnep_capture *capture;
	const char *port;
	bool live, tagged, open;
	struct vnep_mono began;
	size_t octets;
	struct vnep_consent consent; /* asks txn */
	uint64_t frames, events, pending, duplicates, not_replayable, answered, foreign, shy, drops;
};

static int begin(struct recording *r)
{
	int rc;

	if (r->open)
		return 0;
	rc = vnep_map_begin(r->store, false, &r->txn, &r->cli->err);
	if (!rc)
		rc = vnep_journal_begin(r->journal, &r->cli->err);
	if (rc) {
		vnep_map_abort(r->txn);
		r->txn = NULL;
		return rc;
	}
	r->consent = (struct vnep_consent){ .map = r->txn };
	r->open = true;
	r->began = vnep_mono_now();
	return 0;
}

static int commit(struct recording *r)
{
	int rc;

	if (!r->open)
		return 0;
	rc = vnep_journal_commit(r->journal, &r->cli->err);
	vnep_map_abort(r->txn);
	r->txn = NULL;
	r->open = false;
	r->octets = 0;
	return rc;
}

/* A TCP segment of a connection that exists: replaying it would help nobody. */
static bool is_segment(const struct vnep_frame *f, const uint8_t *data)
{
	return f->proto == IPPROTO_TCP &&
	       (!f->l4 || f->l4 + TCP_FLAGS >= f->end ||
		       (data[f->l4 + TCP_FLAGS] & (TCP_SYN | TCP_ACK)) != TCP_SYN);
}

static int give_up(struct recording *r, const struct vnep_event *event)
{
	struct vnep_outcome outcome = { .seq = event->seq,
		.ts = event->ts,
		.outcome = VNEP_OUTCOME_FAILED,
		.reason = VNEP_NOT_REPLAYABLE };

	memcpy(outcome.dev, event->dev, sizeof outcome.dev);
	r->not_replayable++;
	return vnep_journal_outcome(r->journal, &outcome, &r->cli->err);
}

static int append(struct recording *r, const struct vnep_capture_frame *frame,
	const struct vnep_frame *parsed, const char *dev, enum vnep_direction direction, bool copy)
{
	struct vnep_event event = { .ts = frame->ts,
		.kind = VNEP_KIND_DATA,
		.direction = direction,
		.copy = copy,
		.frame = frame->data,
		.frame_len = frame->len,
		.length = frame->wire_len };
	bool pending, duplicate;
	int rc;

	memcpy(event.dev, dev, strlen(dev) + 1);
	if (!vnep_consent_may_keep(&r->consent, &event)) {
		r->shy++;
		return 0;
	}
	if (r->live && !r->tagged)
		snprintf(event.in_iface, sizeof event.in_iface, "%s", r->port);
	rc = vnep_journal_append(r->journal, &event, &pending, &duplicate, &r->cli->err);
	if (rc)
		return rc;
	r->duplicates += duplicate;
	r->events += !duplicate;
	r->octets += frame->len;
	if (pending && is_segment(parsed, frame->data))
		return give_up(r, &event);
	r->pending += pending;
	return 0;
}

static bool by_mac(struct recording *r, const uint8_t *octets, uint16_t vlan,
	char dev[static VNEP_URN_MAX + 1])
{
	struct vnep_mac mac;

	memcpy(mac.octet, octets, sizeof mac.octet);
	return !vnep_map_by_mac(r->txn, &mac, vlan, dev);
}

/* One frame of the journal port. */
static int take_tagged(struct recording *r, const struct vnep_capture_frame *frame,
	const struct vnep_frame *parsed)
{
	char dev[VNEP_URN_MAX + 1];
	struct vnep_tag tag;
	bool known;

	if (vnep_tag_read(&tag, frame->data)) {
		r->foreign++;
		return 0;
	}
	if (tag.reason != VNEP_TAG_WAKE && tag.reason != VNEP_TAG_TAP &&
		tag.reason != VNEP_TAG_NOT_AWAKE) {
		r->answered++; /* an edge node's worker answers these; they are nobody's event */
		return 0;
	}
	if (tag.direction == VNEP_TO_DEVICE)
		known = !vnep_map_by_ends(r->txn, &parsed->dest, &parsed->src, dev);
	else
		known = by_mac(r, frame->data + 6, parsed->vlan, dev) ||
			!vnep_map_by_ends(r->txn, &parsed->src, &parsed->dest, dev);
	if (!known) {
		r->foreign++;
		return 0;
	}
	return append(r, frame, parsed, dev, tag.direction, tag.reason != VNEP_TAG_NOT_AWAKE);
}

/* Any other frame: from a device, to one, or (from one to another) both. */
static int take_plain(struct recording *r, const struct vnep_capture_frame *frame,
	const struct vnep_frame *parsed)
{
	char from[VNEP_URN_MAX + 1], to[VNEP_URN_MAX + 1];
	bool is_from = !vnep_map_by_ends(r->txn, &parsed->src, &parsed->dest, from) ||
		       by_mac(r, frame->data + 6, parsed->vlan, from);
	bool is_to = !vnep_map_by_ends(r->txn, &parsed->dest, &parsed->src, to) ||
		     by_mac(r, frame->data, parsed->vlan, to);
	int rc = is_from ? append(r, frame, parsed, from, VNEP_FROM_DEVICE, true) : 0;

	if (!rc && is_to)
		rc = append(r, frame, parsed, to, VNEP_TO_DEVICE, true);
	r->foreign += !is_from && !is_to;
	return rc;
}

/* Has the group's time come? Where packets have waited longer than that in the kernel already, larger groups are what
 * lets the rest of them through soonest. */
static bool is_due(const struct recording *r, const struct vnep_capture_frame *frame)
{
	return vnep_mono_now().ns - r->began.ns >= group_ns &&
	       (!r->live || vnep_wall_now().ns - frame->ts.ns < group_ns);
}

static int take(struct recording *r, const struct vnep_capture_frame *frame)
{
	struct vnep_frame parsed;
	int rc;

	r->frames++;
	if (vnep_frame_parse(&parsed, frame->data, frame->len)) {
		r->foreign++;
		return 0;
	}
	rc = begin(r);
	if (!rc)
		rc = r->tagged ? take_tagged(r, frame, &parsed) : take_plain(r, frame, &parsed);
	if (!rc && (r->octets >= GROUP_OCTETS || is_due(r, frame)))
		rc = commit(r);
	return rc;
}

/* What the kernel could not give us has no device: a gap of the port. */
static int note_drops(struct recording *r)
{
	struct vnep_event gap = { .kind = VNEP_KIND_GAP, .reason = VNEP_OVERRUN };
	uint64_t drops = vnep_capture_drops(r->capture);
	int rc;

	if (drops <= r->drops)
		return 0;
	gap.count = drops - r->drops;
	r->drops = drops;
	snprintf(gap.port, sizeof gap.port, "%s", r->port);
	rc = begin(r);
	return rc ? rc : vnep_journal_append(r->journal, &gap, NULL, NULL, &r->cli->err);
}

/* Everything that is there now. 0, or an error. What came before a damaged place of a file is kept.
 */
static int drain(struct recording *r)
{
	struct vnep_capture_frame frame;
	struct vnep_err why;
	int rc, kept;

	while ((rc = vnep_capture_next(r->capture, &frame, &r->cli->err)) == 1) {
		rc = take(r, &frame);
		if (rc)
			return rc;
	}
	if (!rc && r->live)
		rc = note_drops(r);
	why = r->cli->err;
	kept = commit(r);
	if (rc && !kept)
		r->cli->err = why;
	return kept ? kept : rc;
}

/* Until SIGINT or SIGTERM, which come through stop. */
static int run_live(struct recording *r, int stop)
{
	struct pollfd p[] = { { vnep_capture_fd(r->capture), POLLIN, 0 }, { stop, POLLIN, 0 } };
	int rc = 0;

	while (!rc && !(p[1].revents & POLLIN)) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return vnep_err_sys(&r->cli->err, errno, "waiting for packets");
		rc = drain(r);
	}
	return rc;
}

static int block_signals(struct vnep_cli *cli, int *fd)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return vnep_err_sys(&cli->err, errno, "signals");
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? vnep_err_sys(&cli->err, errno, "signals") : 0;
}

static int open_source(struct recording *r)
{
	struct vnep_cli *cli = r->cli;
	const char *file = vnep_cli_str(cli, "read", NULL),
		   *filter = vnep_cli_str(cli, "filter", NULL);

	r->port = vnep_cli_str(cli, "interface", NULL);
	if (!file == !r->port)
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "say either -i IF or -r FILE");
	r->live = r->port != NULL;
	r->tagged = vnep_cli_has(cli, "tagged") ||
		    (r->live && !strcmp(r->port, vnep_cli_str(cli, "journal-port", "vnep-j1")));
	return r->live ? vnep_capture_open_live(&r->capture, r->port, filter, &cli->err)
		       : vnep_capture_open_file(&r->capture, file, filter, &cli->err);
}

static void say_summary(const struct recording *r)
{
	vnep_cli_say(r->cli,
		"%llu frames: %llu events (%llu pending, %llu not replayable), %llu duplicates, "
		"%llu for the edge to answer, %llu of no device, %llu of devices without consent; "
		"%llu dropped by the kernel",
		(unsigned long long)r->frames, (unsigned long long)r->events,
		(unsigned long long)r->pending, (unsigned long long)r->not_replayable,
		(unsigned long long)r->duplicates, (unsigned long long)r->answered,
		(unsigned long long)r->foreign, (unsigned long long)r->shy,
		(unsigned long long)r->drops);
}

int journal_record(struct vnep_cli *cli)
{
	struct recording r = { .cli = cli };
	int stop = -1, rc;

	rc = vnep_mapstore_open(&r.store, cli->state, false, &cli->err);
	if (rc == VNEP_ENOTFOUND)
		vnep_err_hint(&cli->err, "vnep-map import says which devices there are");
	if (!rc)
		rc = open_source(&r);
	if (!rc)
		rc = journal_open(cli, VNEP_JOURNAL_WRITE, &r.journal);
	if (!rc && r.live)
		rc = block_signals(cli, &stop);
	if (!rc && r.live)
		vnep_cli_say(cli, "recording from %s%s; interrupt to end", r.port,
			r.tagged ? " (tagged)" : "");
	if (!rc)
		rc = r.live ? run_live(&r, stop) : drain(&r);
	if (r.open) {
		vnep_journal_abort(r.journal);
		vnep_map_abort(r.txn);
	}
	if (r.frames || !rc)
		say_summary(&r);
	if (stop >= 0)
		close(stop);
	vnep_capture_close(r.capture);
	vnep_journal_close(r.journal);
	vnep_mapstore_close(r.store);
	return rc;
}
