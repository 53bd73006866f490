/* run - the daemon: state folder, socket, log lines on standard error, readiness to systemd. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "edge.h"
#include "vnep/holder.h"

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

/* sd_notify(3) without its library: one datagram to $NOTIFY_SOCKET. */
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	int fd;

	if (!n || n >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
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

/* In the holder, which is the main process to a service manager: its words, said for the worker. */
static void told(enum vnep_tell what, const char *text, void *arg)
{
	char status[sizeof "STATUS=" + VNEP_HELD_TEXT];

	(void)arg;
	switch (what) {
	case VNEP_TELL_READY: notify("READY=1"); break;
	case VNEP_TELL_STOPPING: notify("STOPPING=1"); break;
	case VNEP_TELL_RELOADING: break;
	case VNEP_TELL_ALIVE: break;
	case VNEP_TELL_STATUS:
		snprintf(status, sizeof status, "STATUS=%s", text);
		notify(status);
		break;
	}
}

static int work(struct vnep_cli *cli, struct vnep_held *held)
{
	struct vnep_edge_config config;
	struct vnep_edge *edge = NULL;
	char socket[108];
	int rc = edge_config(cli, &config, NULL);

	if (!rc)
		rc = vnep_edge_config_check(&config, NULL, NULL, &cli->err);
	if (!rc)
		rc = socket_path(cli, socket, sizeof socket);
	if (rc)
		return rc;
	rc = vnep_edge_new(&edge, &config, cli->state, socket, held, log_line, cli, &cli->err);
	if (rc)
		return rc;
	vnep_held_tell(held, VNEP_TELL_READY, NULL);
	rc = vnep_edge_run(edge, &cli->err);
	vnep_edge_free(edge);
	return rc;
}

int edge_run(struct vnep_cli *cli)
{
	const struct vnep_holder_config config = { .log = log_line, .told = told, .arg = cli };
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
