/*
 * edge-control - the control socket: JSON lines both ways, any number of clients, none of them trusted.
 *
 * The first line of a client is its request; what follows is the verb's input. Verbs without input run at once,
 * the others when the client shuts its side down (streams: as lines come). A watcher that does not read is cut off
 * when WATCH_MAX octets of changes wait for it: nobody is ever waited for. Listeners of groups, of which there may
 * be many, go out in slices, as the client takes them.
 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "edge-client.h"

enum {
	TURN_MS = 1,
	CLIENTS_MAX = 256,
	INPUT_MAX = 256 << 20,
	WATCH_MAX = 4 << 20,
	DISCARD_MAX = 16 << 20,
	CHUNK = 65536,
	BACKLOG = 1024
};

static void client_free(struct edge_client *client)
{
	struct edge_client **p = &client->edge->clients;

	while (*p && *p != client)
		p = &(*p)->next;
	if (*p)
		*p = client->next;
	client->edge->client_count--;
	edge_mcast_client_gone(client);
	edge_mld_listing_end(client);
	vnep_watch_free(client->watch);
	vnep_watch_free(client->turn);
	close(client->fd);
	vnep_lines_release(&client->lines);
	vnep_buf_release(&client->input);
	vnep_buf_release(&client->out);
	vnep_buf_release(&client->behind);
	vnep_json_free(client->request);
	free(client);
}

/* Send what waits. False: the client is gone. */
static bool flush(struct edge_client *client)
{
	while (client->out.len) {
		ssize_t n = send(
			client->fd, client->out.data, client->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return false;
		vnep_buf_consume(&client->out, (size_t)n);
		client->state -= (size_t)n < client->state ? (size_t)n : client->state;
	}
	vnep_watch_writable(client->watch, client->out.len > 0);
	if (!client->eof) /* who does not take our answers is not read from either */
		vnep_watch_readable(
			client->watch, client->out.len < EDGE_CLIENT_HIGH && !client->has_turn);
	if (client->listing && client->out.len < EDGE_CLIENT_HIGH)
		vnep_timer_set(client->turn, TURN_MS);
	if (!client->finished || client->out.len)
		return true;
	if (client->eof || client->discarded > DISCARD_MAX)
		return false;
	shutdown(client->fd, SHUT_WR); /* closing with unread input would take the answer back */
	return true;
}

void edge_reply(struct edge_client *client, struct vnep_buf *lines)
{
	vnep_buf_put(&client->out, lines->data, lines->len);
	vnep_buf_reset(lines);
}

void edge_reply_error(struct edge_client *client, const struct vnep_err *err)
{
	struct vnep_buf line = { 0 };

	vnep_error_encode(&line, "vnep-edge", err);
	edge_reply(client, &line);
	vnep_buf_release(&line);
}

void edge_reply_done(struct edge_client *client, int exit_status)
{
	struct vnep_buf line = { 0 };
	struct vnep_jw w;

	vnep_jw_record(&w, &line, "done");
	vnep_jw_i64(&w, "exit", exit_status);
	vnep_jw_end_record(&w);
	edge_reply(client, &line);
	vnep_buf_release(&line);
	client->finished = true;
}

static void refuse(struct edge_client *client, int code, const char *text)
{
	struct vnep_err err = { 0 };

	vnep_err_set(&err, code, "%s", text);
	edge_reply_error(client, &err);
	edge_reply_done(client, vnep_err_exit(code));
}

static void take_request(struct edge_client *client, const char *text, size_t len)
{
	struct vnep_err err = { 0 };

	if (vnep_json_parse(text, len, &client->request, &err)) {
		edge_reply_error(client, &err);
		edge_reply_done(client, 2);
		return;
	}
	client->verb = edge_verb_find(vnep_json_get_str(client->request, "verb", ""));
	if (!client->verb || strcmp(vnep_json_get_str(client->request, "type", ""), "request"))
		refuse(client, VNEP_EUSAGE,
			"the first line must be {\"type\":\"request\",\"v\":1,\"verb\":...}");
	else if (client->verb->input == EDGE_INPUT_NONE)
		client->verb->run(client->edge, client);
}

static void take_line(struct edge_client *client, const char *text, size_t len)
{
	if (!client->request) {
		take_request(client, text, len);
		return;
	}
	if (client->finished || client->verb->input == EDGE_INPUT_NONE)
		return;
	if (client->input.len + len > INPUT_MAX) {
		refuse(client, VNEP_ETOOBIG,
			"the input of one request is longer than 256 MiB: split it");
		return;
	}
	vnep_buf_put(&client->input, text, len);
	vnep_buf_put(&client->input, "\n", 1);
}

static void take_lines(struct edge_client *client)
{
	const char *text;
	size_t len;
	int rc;

	while (!client->finished && (rc = vnep_lines_next(&client->lines, &text, &len)) != 0) {
		if (rc == 1)
			take_line(client, text, len);
		else
			refuse(client, VNEP_ETOOBIG, "a line is longer than 1 MiB");
	}
}

static void end_of_input(struct edge_client *client)
{
	const char *text;
	size_t len;

	client->eof = true;
	if (!client->finished && vnep_lines_end(&client->lines, &text, &len))
		take_line(client, text, len);
	if (client->finished)
		return;
	if (!client->request)
		client->finished = true; /* said nothing */
	else if (client->verb->input != EDGE_INPUT_NONE)
		client->verb->run(client->edge, client);
}

static bool receive(struct edge_client *client)
{
	char chunk[CHUNK];
	ssize_t n = recv(client->fd, chunk, sizeof chunk, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) {
		vnep_watch_readable(client->watch, false);
		vnep_watch_end(client->watch);
		end_of_input(client);
		return true;
	}
	if (client->finished) {
		client->discarded += (size_t)n;
		return true;
	}
	if (vnep_lines_feed(&client->lines, chunk, (size_t)n))
		return false;
	take_lines(client);
	if (!client->finished && client->verb && client->verb->input == EDGE_INPUT_STREAM &&
		client->input.len)
		client->verb->run(client->edge, client);
	return true;
}

/* Not only half closed: nobody is there who could take an answer. */
static bool hung_up(const struct edge_client *client)
{
	struct pollfd at = { .fd = client->fd };

	return poll(&at, 1, 0) == 1 && at.revents & (POLLHUP | POLLERR);
}

static void on_client(struct vnep_watch *watch, void *arg)
{
	struct edge_client *client = arg;
	struct vnep_edge *edge = client->edge;
	bool alive;

	(void)watch;
	alive = client->eof ? !hung_up(client) : receive(client);
	edge_round_end(edge); /* what a verb changed is durable before its answer goes out */
	if (!alive || !flush(client))
		client_free(client);
}

void edge_client_push(struct edge_client *client)
{
	if (!flush(client))
		client_free(client);
}

/* Room for one more: of those that asked for nothing yet, the one that has been silent for longest goes. */
static bool make_room(struct vnep_edge *edge)
{
	struct edge_client *silent = NULL;

	if (edge->client_count < CLIENTS_MAX)
		return true;
	for (struct edge_client *c = edge->clients; c; c = c->next)
		if (!c->request)
			silent = c;
	if (silent)
		client_free(silent);
	return silent;
}

static void on_listen(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;
	int fd = accept4(edge->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	bool room = fd >= 0 && make_room(edge);
	struct edge_client *client;

	(void)watch;
	if (fd < 0)
		return;
	client = calloc(1, sizeof *client);
	if (!client) {
		close(fd);
		return;
	}
	client->edge = edge;
	client->fd = fd;
	vnep_lines_init(&client->lines);
	client->watch = vnep_loop_fd(edge->loop, fd, on_client, client);
	client->next = edge->clients;
	edge->clients = client;
	edge->client_count++;
	if (client->watch && !room) {
		refuse(client, VNEP_EUNAVAIL, "too many clients, all of them busy: try again");
		client->eof = true; /* told once; it is not read from */
		flush(client);
	}
	if (!client->watch || !room)
		client_free(client);
}

/* Not freed here: this may run inside its own callback. Its descriptor reports the end, and that frees it. */
static void cut_off(struct edge_client *client)
{
	client->watching = EDGE_WATCHES_NOT;
	client->finished = true;
	edge_mld_listing_end(client);
	vnep_buf_reset(&client->out);
	client->state = 0;
	vnep_buf_reset(&client->behind);
	shutdown(client->fd, SHUT_RDWR);
}

bool edge_control_watched(const struct vnep_edge *edge)
{
	for (const struct edge_client *client = edge->clients; client; client = client->next)
		if (client->watching)
			return true;
	return false;
}

/* Judged by the changes that waited before: how much there is to tell at once, or was there when it came, is no fault of its
 * own. */
static void tell(struct vnep_edge *edge, struct edge_client *client)
{
	struct vnep_buf *out = client->listing ? &client->behind : &client->out;
	bool all = client->watching == EDGE_WATCHES_ALL;

	if (!edge->memberships.len && !(all && edge->told.len))
		return;
	if (!flush(client)) {
		cut_off(client);
		return;
	}
	if (client->out.len - client->state + client->behind.len > WATCH_MAX) {
		edge_say(edge, LOG_WARNING, "control: a watcher that does not read was cut off");
		cut_off(client);
		return;
	}
	if (all)
		vnep_buf_put(out, edge->told.data, edge->told.len);
	vnep_buf_put(out, edge->memberships.data, edge->memberships.len);
	if (!flush(client))
		cut_off(client);
}

void edge_control_tell(struct vnep_edge *edge)
{
	struct edge_client *client, *next;

	if (!edge->told.len && !edge->memberships.len)
		return;
	for (client = edge->clients; client; client = next) {
		next = client->next;
		if (client->watching)
			tell(edge, client);
	}
	vnep_buf_reset(&edge->told);
	vnep_buf_reset(&edge->memberships);
}

/* The group is vnep where there is one and we may give things away, else that of the process. 0 or -1 (errno). */
static int give_to_group(const char *path)
{
	const struct group *vnep = getgrnam("vnep");

	if (!vnep || vnep->gr_gid == getegid() || !lchown(path, (uid_t)-1, vnep->gr_gid))
		return 0;
	return errno == EPERM ? 0 : -1;
}

static int make_folder(const char *socket, struct vnep_err *err)
{
	char folder[108];
	char *slash;

	snprintf(folder, sizeof folder, "%s", socket);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return 0;
	*slash = 0;
	if (!mkdir(folder, 0750))
		return give_to_group(folder) ? vnep_err_sys(err, errno, "runtime folder %s", folder)
					     : 0;
	return errno == EEXIST
		       ? 0
		       : vnep_err_sys(err, errno, "cannot make the runtime folder %s", folder);
}

/* For its owner and a group, never for anybody else, not even for a moment. 0 or -1 (errno). */
static int bind_for_group(int fd, const struct sockaddr_un *at)
{
	mode_t mask = umask(0117);
	int rc = bind(fd, (const struct sockaddr *)at, sizeof *at);

	umask(mask);
	if (!rc)
		rc = give_to_group(at->sun_path);
	return rc ? rc : chmod(at->sun_path, 0660);
}

int edge_control_open(struct vnep_edge *edge, struct vnep_err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int rc = make_folder(edge->socket, err);

	if (rc)
		return rc;
	memcpy(at.sun_path, edge->socket, sizeof edge->socket);
	unlink(edge->socket); /* we hold the lock of the state folder: it is a leftover */
	edge->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (edge->listen_fd < 0 || bind_for_group(edge->listen_fd, &at))
		return vnep_err_sys(err, errno, "control socket %s", edge->socket);
	return 0;
}

int edge_control_listen(struct vnep_edge *edge, struct vnep_err *err)
{
	if (listen(edge->listen_fd, BACKLOG))
		return vnep_err_sys(err, errno, "control socket %s", edge->socket);
	edge->listen_watch = vnep_loop_fd(edge->loop, edge->listen_fd, on_listen, edge);
	return edge->listen_watch ? 0 : vnep_err_sys(err, ENOMEM, "control socket");
}

void edge_control_close(struct vnep_edge *edge)
{
	while (edge->clients) {
		if (edge->clients->watching) { /* an end that can be told from a crash */
			refuse(edge->clients, VNEP_EUNAVAIL,
				edge->upgrading
					? "another program of vnep-edge takes over: come again"
					: "vnep-edge was stopped");
			flush(edge->clients);
		}
		client_free(edge->clients);
	}
	if (edge->listen_fd < 0)
		return;
	vnep_watch_free(edge->listen_watch);
	close(edge->listen_fd);
	unlink(edge->socket);
	edge->listen_fd = -1;
}
