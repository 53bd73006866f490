/*
 * follow - apply, and then each change of the map as it comes, or of the records on standard input.
 *
 * The lock of the state folder is held for the first comparison alone: the tools that change the map need it. Whoever
 * changes the kernel meanwhile is noticed, and a vnep-edge that begins to live here takes over.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "acl.h"
#include "follow-input.h"
#include "vnep/follow.h"
#include "vnep/mapwatch.h"
#include "vnep/recjson.h"
#include "vnep/state.h"

struct follow {
	struct vnep_cli *cli;
	struct vnep_mapstore *store; /* with a stream NULL, and the watch is not open */
	struct acl_stream *stream;   /* or NULL */
	struct vnep_mapwatch watch;
	struct vnep_follow *kernel;
	uint64_t told; /* the kernel's revision at the last sync record */
	struct vnep_buf out;
	int signals;
};

static int tell_changed(const char *what, const char *record, size_t len, void *arg)
{
	struct follow *f = arg;

	vnep_difference_encode(&f->out, what, record, len);
	return f->out.rc;
}

static int tell_compared(uint64_t changes, void *arg)
{
	struct follow *f = arg;

	vnep_stat_encode(&f->out, "vnep_acl_changes", NULL, NULL, changes);
	return f->out.rc;
}

static int tell_refused(const struct vnep_err *why, void *arg)
{
	struct follow *f = arg;
	int rc = vnep_out_records(f->cli, &f->out, true); /* the order of things */

	vnep_cli_error(f->cli, why);
	return rc;
}

/* So far kernel and map are one. */
static int tell_revision(struct follow *f)
{
	f->told = vnep_follow_revision(f->kernel);
	vnep_sync_encode(&f->out,
		f->stream ? acl_stream_revision(f->stream) : vnep_follow_revision(f->kernel));
	return vnep_out_records(f->cli, &f->out, true);
}

static int edge_took_over(const struct follow *f)
{
	struct vnep_state_owner owner;

	if (vnep_state_owner(f->cli->state, &owner, NULL) || !owner.socket[0])
		return 0;
	vnep_err_set(&f->cli->err, VNEP_ECONFLICT,
		"a vnep-edge lives on %s: it follows the map itself", f->cli->state);
	return VNEP_ECONFLICT;
}

/* Some is in the kernel, but they are not one yet; or never will be. */
static int tell_behind(struct follow *f)
{
	int rc = vnep_out_records(f->cli, &f->out, true);

	return rc ? rc : acl_stream_lost(f->stream);
}

/* readable: or nothing came for as long as the stream, or the watch, wanted to wait. */
static int read_changes(struct follow *f, bool readable, bool *end)
{
	if (!f->stream)
		return vnep_mapwatch_read(&f->watch, &f->cli->err);
	return readable ? acl_stream_read(f->stream, end) : acl_stream_quiet(f->stream);
}

static int follow_map(struct follow *f, bool readable, bool *end)
{
	int rc = read_changes(f, readable, end);

	if (!rc)
		rc = edge_took_over(f);
	if (!rc)
		rc = vnep_follow_map(f->kernel, &f->cli->err);
	if (!rc && f->stream && acl_stream_is_behind(f->stream))
		return tell_behind(f);
	if (!rc && vnep_follow_revision(f->kernel) != f->told)
		rc = tell_revision(f);
	return rc;
}

static int guard(struct follow *f)
{
	bool touched = false;
	int rc = edge_took_over(f);

	if (!rc)
		rc = vnep_follow_guard(f->kernel, &touched, &f->cli->err);
	if (!rc && touched)
		vnep_cli_say(f->cli, "somebody else changed the table: it is restored");
	return rc ? rc : vnep_out_records(f->cli, &f->out, true);
}

static int timeout_ms(const struct follow *f)
{
	return f->stream ? acl_stream_timeout_ms(f->stream) : vnep_mapwatch_timeout_ms(&f->watch);
}

/* Until a signal ends it, or the end of the records. The reader of our output going away ends us as a write would. */
static int loop(struct follow *f)
{
	struct pollfd p[] = { { f->signals, POLLIN, 0 },
		{ f->stream ? STDIN_FILENO : f->watch.fd, POLLIN, 0 },
		{ vnep_follow_fd(f->kernel), POLLIN, 0 }, { STDOUT_FILENO, 0, 0 } };
	bool end = false;
	int rc = 0;

	while (!rc && !end) {
		int n = poll(p, 4, timeout_ms(f));

		if (n < 0 && errno != EINTR)
			return vnep_err_sys(&f->cli->err, errno, "waiting for a change");
		if (n < 0)
			continue;
		if (p[3].revents & POLLERR)
			raise(SIGPIPE);
		if (p[0].revents)
			return 0;
		if (p[2].revents)
			rc = guard(f);
		if (!rc && (p[1].revents || (f->stream ? !timeout_ms(f) : !n)))
			rc = follow_map(f, p[1].revents, &end);
	}
	return rc;
}

static int catch_signals(struct follow *f)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	f->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return f->signals < 0 ? vnep_err_sys(&f->cli->err, errno, "signals") : 0;
}

static int ended_early(struct vnep_cli *cli)
{
	vnep_err_place(&cli->err, "", 0, 0);
	vnep_err_set(&cli->err, VNEP_EUNAVAIL,
		"standard input ended before its sync record, so the map is not whole: nothing was "
		"changed");
	return vnep_err_hint(&cli->err,
		"was the source cut off? vnep-map watch prints the whole map, then a sync record");
}

/* The records of standard input up to the first sync, before anything is changed. *ended: a signal asks to end. That
 * the input ends is an error: half a map, or none, would take away what it lacks. */
static int read_first(struct follow *f, bool *ended)
{
	struct pollfd p[] = { { f->signals, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
	bool end = false;
	int rc = acl_stream_open(f->cli, &f->stream);

	while (!rc && !acl_stream_synced(f->stream)) {
		int n;

		if (end)
			return ended_early(f->cli);
		n = poll(p, 2, -1);
		if (n < 0 && errno != EINTR)
			return vnep_err_sys(&f->cli->err, errno, "waiting for records");
		if (n > 0 && p[0].revents) {
			*ended = true;
			return 0;
		}
		if (n > 0)
			rc = acl_stream_read(f->stream, &end);
	}
	return rc;
}

/* The map of the state folder, or that of the stream. */
static int open_map(struct follow *f)
{
	int rc;

	if (f->stream)
		return 0;
	rc = vnep_mapstore_open(&f->store, f->cli->state, false, &f->cli->err);
	return rc ? rc : vnep_mapwatch_open(&f->watch, f->cli->state, &f->cli->err);
}

static int first(struct follow *f, const struct vnep_acl_config *config)
{
	const struct vnep_follow_events events = { .changed = tell_changed,
		.compared = tell_compared,
		.refused = tell_refused,
		.arg = f };
	struct vnep_client *client = NULL;
	int lock = -1, rc = acl_writer(f->cli, &client, &lock);

	if (!rc && client)
		rc = edge_took_over(f);
	vnep_client_close(client);
	if (!rc)
		rc = open_map(f);
	if (!rc)
		rc = acl_make_journal_port(f->cli, config);
	if (!rc)
		rc = vnep_follow_new(&f->kernel, config,
			f->stream ? acl_stream_map(f->stream) : f->store, &events, &f->cli->err);
	if (!rc)
		rc = tell_revision(f);
	if (lock >= 0)
		close(lock);
	return rc;
}

int acl_follow(struct vnep_cli *cli)
{
	struct follow f = { .cli = cli, .watch = { .fd = -1 }, .signals = -1 };
	struct vnep_acl_config config;
	bool ended = false;
	int rc;

	if (cli->argc)
		return vnep_err_set(&cli->err, VNEP_EUSAGE,
			"--follow follows standard input, or with --map the map: it takes no "
			"files");
	cli->answer_errors = true;
	vnep_buf_init(&f.out);
	rc = acl_config(cli, true, &config);
	if (!rc)
		rc = acl_check_ports(cli, &config);
	if (!rc)
		rc = catch_signals(&f);
	if (!rc && !vnep_cli_has(cli, "map"))
		rc = read_first(&f, &ended);
	if (!rc && !ended)
		rc = first(&f, &config);
	if (!rc && !ended)
		rc = loop(&f);
	vnep_follow_free(f.kernel);
	acl_stream_close(f.stream);
	vnep_mapwatch_close(&f.watch);
	vnep_mapstore_close(f.store);
	vnep_buf_release(&f.out);
	if (f.signals >= 0)
		close(f.signals);
	return rc;
}
