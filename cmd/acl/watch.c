/*
 * watch - decisions and presence as they happen.
 *
 * Three sources: the tags of the journal port's frames (who wakes, who asks, who is a stranger),
 * the kernel's events about awake (changes by hand), and timers (the end of an active time, which
 * nobody announces). Headers only: what a packet says is never looked at. While a vnep-edge lives
 * on the state folder it is the one who watches.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "vnep/nl.h"
#include "vnep/recjson.h"
#include "vnep/ring.h"
#include "vnep/rtnl.h"
#include "watch.h"

enum { REPORT_MS = 1000 };

void watch_release(struct watch *w)
{
	void *item;

	for (size_t i = 0; (item = vnep_table_next(&w->devices, &i));)
		free(item);
	for (size_t i = 0; (item = vnep_table_next(&w->counters, &i));)
		free(item);
	vnep_table_release(&w->devices);
	vnep_table_release(&w->counters);
	vnep_heap_release(&w->timers);
	vnep_buf_release(&w->out);
	vnep_mapstore_close(w->store);
	vnep_acl_close(w->acl);
}

static int take_frame(struct watch *w, const struct vnep_ring_frame *ring)
{
	struct vnep_frame frame;
	struct vnep_tag tag;

	if (ring->len < 14 || vnep_tag_read(&tag, ring->data) ||
		vnep_frame_parse(&frame, ring->data, ring->len))
		return 0;
	switch (tag.reason) {
	case VNEP_TAG_WAKE:
	case VNEP_TAG_NOT_AWAKE: return watch_presence_frame(w, &tag, &frame);
	case VNEP_TAG_ACCESS_REQUEST: return watch_access_request(w, &tag, ring->data, &frame);
	case VNEP_TAG_SAMPLE: watch_sample(w, &tag, ring->data, &frame); return 0;
	default: return 0;
	}
}

static int take_ring(struct watch *w, struct vnep_ring *ring)
{
	struct vnep_ring_frame frame;
	int rc = 0;

	while (!rc && vnep_ring_next(ring, &frame) == 1)
		rc = take_frame(w, &frame);
	vnep_ring_release(ring);
	return rc;
}

/* Events were lost: what is there now is looked at, as in the beginning. */
static int take_events(struct watch *w, struct vnep_nl *events)
{
	int rc = vnep_acl_events(events, watch_presence_change, w, &w->cli->err);

	return rc == VNEP_EUNKNOWN ? watch_presence_snapshot(w) : rc;
}

/* Until the next timer or the next report. */
static int wait_ms(const struct watch *w, struct vnep_mono report)
{
	const struct vnep_heap_node *first = vnep_heap_first(&w->timers);
	int64_t end = first && first->at.ns < report.ns ? first->at.ns : report.ns;
	int64_t ms = (end - vnep_mono_now().ns + 999999) / 1000000;

	return ms < 0 ? 0 : (int)ms;
}

/* The reader of our output going away ends us as a write would. */
static int wait_for_any(struct watch *w, struct pollfd p[static 3], struct vnep_mono report)
{
	while (poll(p, 3, wait_ms(w, report)) < 0)
		if (errno != EINTR)
			return vnep_err_sys(&w->cli->err, errno, "waiting");
	if (p[2].revents & POLLERR)
		raise(SIGPIPE);
	return 0;
}

static int follow(struct watch *w, struct vnep_ring *ring, struct vnep_nl *events)
{
	struct pollfd p[] = { { vnep_ring_fd(ring), POLLIN, 0 }, { vnep_nl_fd(events), POLLIN, 0 },
		{ STDOUT_FILENO, 0, 0 } };
	struct vnep_mono report = vnep_mono_now();
	int rc = 0;

	while (!rc) {
		rc = wait_for_any(w, p, report);
		if (!rc && p[0].revents & POLLERR)
			rc = vnep_err_set(
				&w->cli->err, VNEP_EUNAVAIL, "the journal port went away or down");
		if (!rc)
			rc = take_ring(w, ring);
		if (!rc)
			rc = take_events(w, events);
		if (!rc)
			rc = watch_presence_timers(w);
		if (!rc && vnep_mono_now().ns >= report.ns) {
			rc = watch_drops(w, true);
			report.ns = vnep_mono_now().ns + REPORT_MS * 1000000LL;
		}
		if (!rc)
			rc = vnep_out_records(w->cli, &w->out, true);
	}
	return rc;
}

static int snapshot(struct watch *w)
{
	int rc = watch_drops(w, false);

	if (!rc)
		rc = watch_presence_snapshot(w);
	if (rc)
		return rc;
	vnep_sync_encode(&w->out, 0);
	return vnep_out_records(w->cli, &w->out, true);
}

/* The sources are open before the snapshot is made: what happens meanwhile waits in them. */
static int watch_kernel(struct watch *w)
{
	const struct vnep_ring_config small = { .block_octets = 64 << 10, .block_count = 64 };
	char peer[VNEP_IF_MAX + 1];
	struct vnep_nl *events = NULL;
	struct vnep_ring *ring = NULL;
	int rc = vnep_acl_open(&w->acl, &w->config, false, &w->cli->err);

	vnep_rtnl_journal_peer(w->config.journal_port, peer);
	if (!rc)
		rc = vnep_acl_events_open(&events, &w->cli->err);
	if (!rc)
		rc = vnep_ring_open(&ring, peer, &small, &w->cli->err);
	if (!rc)
		rc = snapshot(w);
	if (!rc)
		rc = follow(w, ring, events);
	vnep_ring_close(ring);
	vnep_nl_close(events);
	return rc;
}

int acl_watch(struct vnep_cli *cli)
{
	struct watch w = { .cli = cli };
	struct vnep_client *client = NULL;
	int rc = vnep_client_open(&client, cli->state, &cli->err);

	if (!rc && client) {
		rc = acl_edge_verb(cli, client, "watch", NULL, true);
		vnep_client_close(client);
		return rc;
	}
	vnep_buf_init(&w.out);
	vnep_table_init(&w.devices, offsetof(struct watch_device, vep), sizeof(struct in6_addr));
	vnep_table_init(&w.counters, offsetof(struct watch_counter, name),
		sizeof((struct watch_counter *)0)->name);
	if (!rc)
		rc = vnep_acl_config_read(&w.config, &cli->err);
	if (!rc)
		rc = vnep_mapstore_open(&w.store, cli->state, false, &cli->err);
	if (rc == VNEP_ENOTFOUND && w.config.core[0])
		rc = 0; /* no map: devices go by their endpoints */
	if (!rc)
		rc = watch_kernel(&w);
	watch_release(&w);
	return rc;
}
