/* run - the daemon: state folder, socket, log lines on standard error. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include <linux/capability.h>

#include "edge.h"
#include "vnep/holder.h"
#include "vnep/jail.h"
#include "vnep/state.h"

/* "<5>edge: text": systemd reads the level, a person reads the rest. */
static void log_line(int level, const char *text, void *arg)
{
	const struct vnep_cli *cli = arg;

	if (cli->quiet && level > LOG_WARNING)
		return;
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>vnep-edge: %s\n", level, text);
	else
		fprintf(stderr, "vnep-edge: %s\n", text);
}

/* One socket per state folder: its name is made of the folder's path, so that two edges never share it. */
static int socket_path(struct vnep_cli *cli, char *out, size_t cap)
{
	char folder[4096];
	unsigned hash = 2166136261u;
	int rc = vnep_cli_runtime(folder, sizeof folder, &cli->err);

	if (rc)
		return rc;
	for (const char *p = cli->state; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	if ((size_t)snprintf(out, cap, "%s/edge-%08x.sock", folder, hash) >= cap)
		return vnep_err_sys(&cli->err, ENAMETOOLONG, "runtime folder %s", folder);
	return 0;
}

struct counting {
	vnep_edge_config_report *report;
	void *arg;
	unsigned count;
};

static void count(const struct vnep_err *err, void *arg)
{
	struct counting *counting = arg;

	counting->count++;
	counting->report(err, counting->arg);
}

/* What the options said at the start, and the files as they are now. */
static int configure(struct vnep_edge_config *config, vnep_edge_config_report *report,
	void *report_arg, void *arg)
{
	struct counting counting = { report, report_arg, 0 };
	struct vnep_cli *cli = arg;
	int rc = edge_config(cli, config, count, &counting);

	if (rc && !counting.count) /* there is no such file */
		report(&cli->err, report_arg);
	return rc;
}

static int work(struct vnep_cli *cli, struct vnep_held *held)
{
	const struct vnep_edge_host host = { .log = log_line,
		.configure = configure,
		.notify = getenv("NOTIFY_SOCKET") ? edge_notify : NULL,
		.config_file = edge_config_file(cli),
		.watchdog_us = edge_notify_watchdog(),
		.arg = cli };
	struct vnep_edge_config config;
	struct vnep_edge *edge = NULL;
	char socket[108];
	int rc = edge_config(cli, &config, NULL, NULL);

	if (!rc)
		rc = vnep_edge_config_check(&config, NULL, NULL, &cli->err);
	if (!rc)
		rc = socket_path(cli, socket, sizeof socket);
	if (rc)
		return rc;
	rc = vnep_edge_new(&edge, &config, cli->state, socket, held, &host, &cli->err);
	if (rc)
		return rc;
	vnep_held_tell(held, VNEP_TELL_READY);
	rc = vnep_edge_run(edge, &cli->err);
	vnep_edge_free(edge);
	return rc;
}

/* It writes no file; this is for its workers, and for the program that follows it. Where there is no such folder, and none
 * can be made, the worker is about to say so. */
static int confine_files(const struct vnep_cli *cli, struct vnep_err *err)
{
	char runtime[4096];
	const char *tmp = getenv("TMPDIR");
	const struct vnep_jail_path paths[] = {
		{ "/", .run = true },
		{ cli->state, .write = true },
		{ runtime, .write = true },
		{ tmp && *tmp ? tmp : "/var/tmp", .write = true },
		{ "/proc/sys/net", .write = true },
		{ "/dev/null", .write = true },
	};
	int rc;

	if (vnep_cli_runtime(runtime, sizeof runtime, NULL) || vnep_state_check(runtime, 1, NULL) ||
		vnep_state_check(cli->state, 1, NULL))
		return 0;
	rc = vnep_jail_files(paths, sizeof paths / sizeof *paths, err);
	return rc < 0 ? rc : 0;
}

/* What the workers start with has to be permitted to the holder, too. */
static int confine(bool again, struct vnep_err *err, void *arg)
{
	int rc = vnep_jail_caps(
		VNEP_CAP(CAP_NET_RAW) | VNEP_CAP(CAP_NET_ADMIN) | VNEP_CAP(CAP_CHOWN),
		VNEP_CAP(CAP_NET_RAW), err);

	if (rc || again) /* who follows finds the fences standing */
		return rc;
	rc = confine_files(arg, err);
	return rc ? rc : vnep_jail_calls(VNEP_JAIL_HOLDER, err);
}

int edge_run(struct vnep_cli *cli)
{
	const struct vnep_holder_config config = {
		.log = log_line, .confine = confine, .arg = cli
	};
	struct vnep_held *held = NULL;
	int status = 0, rc;

	signal(SIGPIPE, SIG_IGN);
	rc = vnep_holder(&held, &config, &status, &cli->err);
	if (!held)
		return rc ? rc : status; /* the worker said why */
	rc = work(cli, held);
	vnep_held_close(held);
	return rc;
}
