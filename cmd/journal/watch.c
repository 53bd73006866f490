/*
 * watch - what the journal holds, a sync record, then what comes, as it becomes durable.
 *
 * The watch begins before the first scan, so nothing falls between the two. With --format pcapng
 * the stream goes straight into `wireshark -k -i -`.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "journal.h"
#include "vnep/recjson.h"

enum { LOOK_MS = 1000 }; /* for a writer that was killed before it could tell */

const struct vnep_option journal_watch_options[] = {
	{ "dev", 0, VNEP_ARG_ONE, "DEV", "of this device only", NULL },
	{ "after-seq", 0, VNEP_ARG_ONE, "N", "begin behind this event of the device", NULL },
	JOURNAL_SELECT_OPTIONS,
	{ "direction", 0, VNEP_ARG_ONE, "WORD", "packets of this direction only",
		"from-device to-device" },
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "how to print it (default json)",
		"json pcapng csv" },
	{ 0 },
};

struct watching {
	struct vnep_cli *cli;
	struct vnep_journal *journal;
	struct vnep_journal_position position;
	struct journal_select select;
	struct journal_output output;
	int fd;
};

static int put_item(const struct vnep_journal_item *item, void *arg)
{
	struct watching *w = arg;

	return journal_select_has(&w->select, item) ? journal_output_put(&w->output, item) : 0;
}

static int print_news(struct watching *w)
{
	int rc = vnep_journal_scan(w->journal, &w->position, put_item, NULL, w, &w->cli->err);

	return rc ? rc : journal_output_flush(&w->output, true);
}

static int print_sync(struct watching *w)
{
	struct vnep_journal_device device = { 0 };
	struct vnep_journal_stat stat;
	int rc = vnep_journal_stat(w->journal, &stat, &w->cli->err);

	if (rc || w->output.format != JOURNAL_JSON)
		return rc;
	if (w->select.dev[0] && !vnep_journal_device(w->journal, w->select.dev, &device, NULL))
		stat.events = device.head_seq;
	vnep_sync_encode(&w->output.buf, stat.events);
	return journal_output_flush(&w->output, true);
}

/* Sleep until something was committed. Our reader going away ends us as a write would. */
static int wait_commit(struct watching *w)
{
	struct pollfd p[] = { { w->fd, POLLIN, 0 }, { STDOUT_FILENO, 0, 0 } };
	char events[4096];

	while (poll(p, 2, LOOK_MS) < 0)
		if (errno != EINTR)
			return vnep_err_sys(&w->cli->err, errno, "waiting for a commit");
	if (p[1].revents & POLLERR)
		raise(SIGPIPE);
	while (read(w->fd, events, sizeof events) > 0)
		; /* one scan answers all of them */
	return 0;
}

static int start(struct watching *w)
{
	int rc = journal_select_init(&w->select, w->cli);

	if (!rc)
		rc = journal_output_init(&w->output, w->cli);
	if (!rc)
		rc = journal_open(w->cli, VNEP_JOURNAL_READ, &w->journal);
	if (!rc)
		rc = vnep_journal_watch(w->journal, &w->fd, &w->cli->err);
	if (!rc && w->select.from > 1) {
		rc = vnep_journal_seek(
			w->journal, w->select.dev, w->select.from, &w->position, &w->cli->err);
		if (rc == VNEP_ENOTFOUND && w->position.segment)
			rc = 0; /* it has not come so far */
	}
	return rc;
}

int journal_watch(struct vnep_cli *cli)
{
	struct watching w = { .cli = cli, .fd = -1 };
	int rc = start(&w);

	if (!rc)
		rc = print_news(&w);
	if (!rc)
		rc = print_sync(&w);
	while (!rc) {
		rc = wait_commit(&w);
		if (!rc)
			rc = print_news(&w);
	}
	if (w.fd >= 0)
		close(w.fd);
	vnep_journal_close(w.journal);
	journal_output_release(&w.output);
	return rc;
}
