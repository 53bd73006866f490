/*
 * write - the one step in which import, set and delete change the map.
 *
 * While a vnep-edge lives on the state folder it is the writer, and gets the same batch that we would have
 * written. Otherwise we take its lock for the change. Another tool that holds the lock is waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "map.h"
#include "vnep/client.h"
#include "vnep/clock.h"
#include "vnep/recjson.h"
#include "vnep/state.h"

enum { LOCK_WAIT_MS = 5000, LOCK_RETRY_MS = 20 };

static int refuse_line(const struct vnep_err *why, void *arg)
{
	vnep_cli_error(arg, why);
	return 0;
}

static void say_changes(const struct vnep_cli *cli, const struct vnep_map_changes *c)
{
	vnep_cli_say(cli, "%s%llu added, %llu changed, %llu deleted, %llu unchanged; revision %llu",
		cli->dry_run ? "would be: " : "", (unsigned long long)c->added,
		(unsigned long long)c->changed, (unsigned long long)c->deleted,
		(unsigned long long)c->unchanged, (unsigned long long)c->revision);
}

/* An error record of the edge as ours. It numbers the records of a request from 1: say where they are from. */
static void edge_error(
	struct vnep_cli *cli, const struct vnep_map_batch *batch, const struct vnep_json *json)
{
	static const int codes[] = { VNEP_ENOTFOUND, VNEP_ENOTFOUND, VNEP_EVALUE, VNEP_EKERNEL,
		VNEP_ECONFLICT, VNEP_EUNAVAIL };
	int64_t line = vnep_json_get_int(json, "line", 0),
		status = vnep_json_get_int(json, "exit", 3);
	struct vnep_err why = { .code = VNEP_EKERNEL };
	const char *title = vnep_json_get_str(json, "title", "refused by the edge");

	if (status >= 0 && (size_t)status < sizeof codes / sizeof *codes)
		why.code = codes[status];
	snprintf(why.text, sizeof why.text, "%s", vnep_json_get_str(json, "detail", title));
	snprintf(why.hint, sizeof why.hint, "%s", vnep_json_get_str(json, "hint", ""));
	if (line > 0 && (uint64_t)line <= vnep_map_batch_count(batch))
		vnep_map_batch_place(batch, (size_t)line - 1, &why);
	vnep_cli_error(cli, &why);
}

static int edge_send(struct vnep_cli *cli, struct vnep_client *client, struct vnep_map_batch *batch,
	const struct vnep_map_apply *how)
{
	char members[192];
	int rc;

	snprintf(members, sizeof members,
		"\"replace\":%s,\"keep_going\":%s,\"dry_run\":%s,\"if_revision\":%llu",
		how->replace ? "true" : "false", how->refuse ? "true" : "false",
		how->dry_run ? "true" : "false", (unsigned long long)how->if_revision);
	if (how->has_history) {
		size_t n = strlen(members);

		snprintf(members + n, sizeof members - n, ",\"history_us\":%llu",
			(unsigned long long)how->history_us);
	}
	rc = vnep_client_request(client, "map.put", members, &cli->err);
	for (size_t i = 0; i < vnep_map_batch_count(batch) && !rc; i++) {
		size_t len;
		const char *line = vnep_map_batch_line(batch, i, &len);

		rc = vnep_client_send(client, line, len, &cli->err);
	}
	return rc ? rc : vnep_client_end(client, &cli->err);
}

static int edge_write(struct vnep_cli *cli, struct vnep_client *client,
	struct vnep_map_batch *batch, const struct vnep_map_apply *how)
{
	struct vnep_map_changes changes = { 0 };
	const char *line;
	size_t len;
	int status = 3, rc = edge_send(cli, client, batch, how);

	while (!rc && (rc = vnep_client_next(client, 0, &line, &len, &status, &cli->err)) == 1) {
		struct vnep_json *json;

		rc = vnep_json_parse(line, len, &json, &cli->err);
		if (rc)
			return rc;
		if (vnep_recjson_type(json) == VNEP_RECORD_ERROR)
			edge_error(cli, batch, json);
		else
			vnep_map_changes_decode(json, &changes);
		vnep_json_free(json);
	}
	if (!rc && status <= 1)
		say_changes(cli, &changes);
	return rc ? rc : status;
}

/* A map to try the change on where there is none yet: -n must not make one. */
static int scratch_write(struct vnep_cli *cli, struct vnep_map_batch *batch,
	const struct vnep_map_apply *how, struct vnep_map_changes *changes)
{
	const char *tmp = getenv("TMPDIR");
	struct vnep_mapstore *store = NULL;
	char state[256], path[300];
	int rc;

	snprintf(
		state, sizeof state, "%s/vnep-map-XXXXXX", tmp && strlen(tmp) < 200 ? tmp : "/tmp");
	if (!mkdtemp(state))
		return vnep_err_sys(&cli->err, errno, "cannot make %s", state);
	rc = vnep_mapstore_open(&store, state, true, &cli->err);
	if (!rc)
		rc = vnep_map_batch_apply(batch, store, how, changes, &cli->err);
	vnep_mapstore_close(store);
	for (int i = 0; i < 4; i++) {
		static const char *const parts[] = { "/map/data.mdb", "/map/lock.mdb", "/map", "" };

		snprintf(path, sizeof path, "%s%s", state, parts[i]);
		if (i < 2)
			unlink(path);
		else
			rmdir(path);
	}
	return rc;
}

static int store_write(
	struct vnep_cli *cli, struct vnep_map_batch *batch, const struct vnep_map_apply *how)
{
	struct vnep_map_changes changes;
	struct vnep_mapstore *store = NULL;
	int rc = 0;

	if (how->dry_run) {
		rc = vnep_mapstore_open(&store, cli->state, false, &cli->err);
		vnep_mapstore_close(store);
		store = NULL;
	}
	if (rc == VNEP_ENOTFOUND) {
		rc = scratch_write(cli, batch, how, &changes);
	} else if (!rc) {
		rc = vnep_mapstore_open(&store, cli->state, true, &cli->err);
		if (!rc)
			rc = vnep_map_batch_apply(batch, store, how, &changes, &cli->err);
		vnep_mapstore_close(store);
	}
	if (!rc)
		say_changes(cli, &changes);
	return rc;
}

static void pause_briefly(void)
{
	const struct timespec pause = { 0, LOCK_RETRY_MS * 1000000L };

	nanosleep(&pause, NULL);
}

/* Somebody who holds the lock without a socket is a tool in the middle of its own change. */
int map_writer_open(struct map_writer *writer, struct vnep_cli *cli)
{
	const int64_t end = vnep_mono_now().ns + LOCK_WAIT_MS * 1000000LL;

	*writer = (struct map_writer){ .lock = -1, .choosing = -1 };
	for (;;) {
		int rc = vnep_client_open(&writer->client, cli->state, &cli->err);

		if (rc || writer->client || cli->dry_run)
			return rc;
		rc = vnep_state_check(cli->state, 1, &cli->err);
		if (!rc)
			rc = vnep_state_lock(
				cli->state, cli->tool->name, NULL, &writer->lock, &cli->err);
		if (rc != VNEP_EBUSY || vnep_mono_now().ns > end)
			return rc;
		pause_briefly();
	}
}

int map_writer_choose(struct map_writer *writer, struct vnep_cli *cli)
{
	const int64_t end = vnep_mono_now().ns + LOCK_WAIT_MS * 1000000LL;
	char path[PATH_MAX];

	if (!writer->client || cli->dry_run)
		return 0; /* alone under our lock, or nothing comes of it */
	if (snprintf(path, sizeof path, "%s/map", cli->state) >= (int)sizeof path)
		return vnep_err_sys(&cli->err, ENAMETOOLONG, "%s/map", cli->state);
	writer->choosing = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (writer->choosing < 0)
		return vnep_err_sys(&cli->err, errno, "cannot open %s", path);
	while (flock(writer->choosing, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return vnep_err_sys(&cli->err, errno, "waiting for %s", path);
		if (vnep_mono_now().ns > end) {
			vnep_err_set(&cli->err, VNEP_EBUSY,
				"%s is in use by another import --prefix", path);
			return vnep_err_hint(&cli->err, "try again when it is done");
		}
		pause_briefly();
	}
	return 0;
}

void map_writer_close(struct map_writer *writer)
{
	vnep_client_close(writer->client);
	if (writer->choosing >= 0)
		close(writer->choosing);
	if (writer->lock >= 0)
		close(writer->lock);
	*writer = (struct map_writer){ .lock = -1, .choosing = -1 };
}

int map_write(struct vnep_cli *cli, struct map_writer *writer, struct vnep_map_batch *batch,
	struct vnep_map_apply *how, bool keep_going)
{
	struct map_writer own = { .lock = -1, .choosing = -1 };
	int rc = writer ? 0 : map_writer_open(&own, cli);

	if (!writer)
		writer = &own;
	how->dry_run = cli->dry_run;
	how->refuse = keep_going ? refuse_line : NULL;
	how->arg = cli;
	if (!rc && writer->client)
		rc = edge_write(cli, writer->client, batch, how);
	else if (!rc)
		rc = store_write(cli, batch, how);
	map_writer_close(&own);
	return rc;
}
