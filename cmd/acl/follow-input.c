/*
 * follow-input - the stream of `vnep-map watch` on standard input as a map of one's own, which follow.c follows.
 *
 * Only what stands in front of the sync record is a whole map: an input that ends before it was cut off, and one that
 * tells what changed after a revision lacks the others; whoever follows either takes all of those away.
 *
 * The map lies in a folder that has no name any more when the first record comes. What one read brings is one
 * transaction, because devices may exchange what they have in its lines; before the sync record, which ends the first
 * state, a transaction is as large as a batch may be. A pipe parts such lines as it likes: so what the map refuses is
 * held, and tried again with what comes next, until it fits or nothing comes any more. What is refused then, is for
 * good: map and source are not one, and whoever follows must begin anew. Bindings are none that anybody imports: they go
 * into the map as an edge writes them.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acl.h"
#include "follow-held.h"
#include "follow-input.h"
#include "vnep/clock.h"
#include "vnep/mapbatch.h"
#include "vnep/ndjson.h"
#include "vnep/recjson.h"

/* While some are held, each try is one of all: so as many must have come as are held, or nothing for a while. */
enum {
	CHUNK_OCTETS = 64 << 10,
	BATCH_RECORDS = 1 << 17,
	HELD_MAX = 100000,
	PAUSE_MS = 20,
	QUIET_MS = 1000
};

struct acl_stream {
	struct vnep_cli *cli;
	struct vnep_mapstore *store;
	struct vnep_lines lines;
	struct vnep_map_batch *batch;
	struct vnep_map_txn *bindings;  /* open while they come */
	struct acl_held gathered, held; /* of the batch; refused, and to be tried again */
	size_t untried;                 /* lines since the last try */
	int64_t heard_ms;               /* when something came, or was tried, last */
	struct vnep_err why;            /* of the first line that the last try refused */
	bool lost;                      /* some are refused for good */
	uint64_t seen, revision; /* the highest that a record had; without any that are held */
	bool synced, end;
	bool tombstones; /* came before the sync record */
	bool part;       /* it says that it does not have the whole map */
};

static int64_t now_ms(void)
{
	return vnep_mono_now().ns / 1000000;
}

static void forget_folder(const char *folder)
{
	static const char *const files[] = { "map/data.mdb", "map/lock.mdb" };
	char path[PATH_MAX + 16];

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/map", folder);
	rmdir(path);
	rmdir(folder);
}

static int open_map(struct acl_stream *s)
{
	char folder[PATH_MAX];
	int rc;

	snprintf(folder, sizeof folder, "%.*s/vnep-acl.XXXXXX", PATH_MAX - 64, acl_temporary());
	if (!mkdtemp(folder))
		return vnep_err_sys(&s->cli->err, errno, "%s", folder);
	rc = vnep_mapstore_open(&s->store, folder, true, &s->cli->err);
	forget_folder(folder);
	return rc;
}

int acl_stream_open(struct vnep_cli *cli, struct acl_stream **out)
{
	struct acl_stream *s = calloc(1, sizeof *s);

	if (!s)
		return vnep_err_sys(&cli->err, ENOMEM, "records");
	s->cli = cli;
	vnep_lines_init(&s->lines);
	acl_held_init(&s->gathered);
	acl_held_init(&s->held);
	*out = s;
	return open_map(s);
}

void acl_stream_close(struct acl_stream *s)
{
	if (!s)
		return;
	vnep_map_abort(s->bindings);
	vnep_map_batch_free(s->batch);
	vnep_mapstore_close(s->store);
	vnep_lines_release(&s->lines);
	acl_held_release(&s->gathered);
	acl_held_release(&s->held);
	free(s);
}

struct vnep_mapstore *acl_stream_map(const struct acl_stream *s)
{
	return s->store;
}

bool acl_stream_synced(const struct acl_stream *s)
{
	return s->synced;
}

uint64_t acl_stream_revision(const struct acl_stream *s)
{
	return s->revision;
}

/* In a stream a line is refused alone. What is no fault of a line ends it. */
static int or_refused(struct acl_stream *s, int rc)
{
	if (rc >= 0 || vnep_err_exit(rc) != 2)
		return rc;
	vnep_cli_error(s->cli, &s->cli->err);
	return 0;
}

static int no_memory(struct acl_stream *s)
{
	return vnep_err_sys(&s->cli->err, ENOMEM, "records that wait for others");
}

/* The lowest line has the message. */
static int hold(struct acl_stream *s, struct acl_held_line *l, const struct vnep_err *why)
{
	if (!s->why.code || why->line < s->why.line)
		s->why = *why;
	return acl_held_put(&s->held, l) ? no_memory(s) : 0;
}

static int refuse(const struct vnep_err *why, void *arg)
{
	struct acl_stream *s = arg;
	struct acl_held_line *l = acl_held_take_line(&s->gathered, why->line);

	if (l)
		return hold(s, l, why);
	vnep_cli_error(s->cli, why);
	return 0;
}

/* All of the batch, because it was refused as a whole: a vpc in it leaves devices without their own. */
static int hold_all(struct acl_stream *s)
{
	const struct vnep_err why = s->cli->err;
	struct acl_held_line *l;
	int rc = 0;

	while (!rc && (l = acl_held_take_any(&s->gathered)))
		rc = hold(s, l, &why);
	return rc;
}

/* What was gathered into the map. */
static int put_gathered(struct acl_stream *s)
{
	const struct vnep_map_apply how = {
		.has_history = true, .refuse = refuse, .arg = s /* and no older records are kept */
	};
	struct vnep_map_txn *bindings = s->bindings;
	struct vnep_map_changes changes;
	int rc = 0;

	s->bindings = NULL;
	if (bindings)
		rc = or_refused(s, vnep_map_commit(bindings, &s->cli->err));
	if (!rc && s->batch)
		rc = vnep_map_batch_apply(s->batch, s->store, &how, &changes, &s->cli->err);
	if (rc < 0 && vnep_err_exit(rc) == 2 && s->gathered.by_line.count)
		rc = hold_all(s);
	rc = or_refused(s, rc);
	vnep_map_batch_free(s->batch);
	s->batch = NULL;
	acl_held_clear(&s->gathered);
	return rc;
}

static int put_binding(struct acl_stream *s, struct vnep_json *json, const char *text, size_t len)
{
	const struct vnep_map_put how = { .as_edge = true };
	bool changed;
	int rc = vnep_recjson_check(json, text, len, &s->cli->err);

	if (!rc && !s->bindings)
		rc = put_gathered(s);
	if (!rc && !s->bindings)
		rc = vnep_map_begin(s->store, true, &s->bindings, &s->cli->err);
	return rc ? rc : vnep_map_put(s->bindings, json, &how, &changed, &s->cli->err);
}

/* A record that is in the batch already is said again: what was said before goes first. */
static int put_other(struct acl_stream *s, const char *text, size_t len)
{
	int rc = 0;

	if (s->bindings || (s->batch && vnep_map_batch_count(s->batch) == BATCH_RECORDS))
		rc = put_gathered(s);
	for (bool again = s->batch; !rc; again = false) {
		if (!s->batch)
			rc = vnep_map_batch_new(&s->batch, &s->cli->err);
		if (!rc)
			rc = vnep_map_batch_add_line(s->batch, text, len, &s->cli->err);
		if (rc != VNEP_EVALUE || !again)
			return rc;
		rc = put_gathered(s);
	}
	return rc;
}

/* What was held goes into the batch, behind what came. */
static int put_held(struct acl_stream *s)
{
	struct vnep_err *err = &s->cli->err;
	size_t count = s->held.by_line.count;
	struct acl_held_line **lines = NULL;
	int rc = 0;

	if (count && !(lines = acl_held_take_all(&s->held)))
		return no_memory(s);
	for (size_t i = 0; i < count; i++) {
		struct acl_held_line *l = lines[i];

		*err = (struct vnep_err){ 0 };
		vnep_err_place(err, "-", l->line, 0);
		if (!rc)
			rc = or_refused(s, put_other(s, l->text, l->len));
		if (rc)
			free(l);
		else if (acl_held_put(&s->gathered, l))
			rc = no_memory(s);
	}
	free(lines);
	return rc;
}

/* All that waits, into the map. */
static int try_all(struct acl_stream *s)
{
	int rc;

	s->why = (struct vnep_err){ 0 };
	s->untried = 0;
	rc = put_held(s);
	if (!rc)
		rc = put_gathered(s);
	if (!rc && !s->held.by_line.count)
		s->revision = s->seen;
	return rc;
}

static bool is_waiting(const struct acl_stream *s)
{
	return s->batch || s->bindings;
}

bool acl_stream_is_behind(const struct acl_stream *s)
{
	return is_waiting(s) || s->held.by_line.count;
}

int acl_stream_timeout_ms(const struct acl_stream *s)
{
	int64_t left;

	if (!acl_stream_is_behind(s))
		return -1;
	left = s->heard_ms + (is_waiting(s) ? PAUSE_MS : QUIET_MS) - now_ms();
	return left > 0 ? (int)left : 0;
}

int acl_stream_quiet(struct acl_stream *s)
{
	bool again = is_waiting(s);
	size_t before;
	int rc;

	do { /* what fits by halves makes room for the rest */
		before = s->held.by_line.count;
		rc = try_all(s);
	} while (!rc && s->held.by_line.count && s->held.by_line.count < before);
	if (!rc)
		s->lost = !again && s->held.by_line.count;
	s->cli->err = (struct vnep_err){ .code = rc };
	return rc;
}

int acl_stream_lost(struct acl_stream *s)
{
	struct vnep_err *err = &s->cli->err;

	if (!s->lost)
		return 0;
	vnep_cli_error(s->cli, &s->why);
	*err = (struct vnep_err){ 0 };
	vnep_err_set(err, VNEP_ECONFLICT,
		"%zu of the records on standard input can not be in one map with what came before: "
		"the kernel is not what the source says",
		s->held.by_line.count);
	return vnep_err_hint(err, "begin again, with the whole map");
}

/* Older watches do not say after which revision they begin; a whole map has no tombstones. */
static bool is_part(const struct acl_stream *s, const struct vnep_json *sync)
{
	int64_t after = vnep_json_get_int(sync, "after_revision", -1);

	return after < 0 ? s->tombstones : after > 0;
}

static int part_error(struct acl_stream *s)
{
	vnep_err_place(&s->cli->err, "-", s->lines.line, 0);
	vnep_err_set(&s->cli->err, VNEP_EVALUE,
		"what came before this sync record is not the whole map but what changed after a "
		"revision: nothing was changed");
	return vnep_err_hint(&s->cli->err, "vnep-map watch without --after-revision");
}

/* What is newer stands for what was refused of the same record. */
static int gather(struct acl_stream *s, const struct vnep_json *json, const char *text, size_t len)
{
	struct acl_held_line *l = acl_held_line(s->lines.line, json, text, len);

	if (!l)
		return no_memory(s);
	acl_held_forget(&s->held, l);
	return acl_held_put(&s->gathered, l) ? no_memory(s) : 0;
}

static int take(struct acl_stream *s, const char *text, size_t len)
{
	enum vnep_record_type type;
	struct vnep_json *json = NULL;
	int64_t revision;
	int rc = vnep_json_parse(text, len, &json, &s->cli->err);

	if (!rc && vnep_json_type(json) != VNEP_JSON_OBJECT)
		rc = vnep_err_set(&s->cli->err, VNEP_ESYNTAX, "a record is an object, this is %s",
			vnep_json_type_name(json));
	if (rc) {
		vnep_json_free(json);
		return rc;
	}
	type = vnep_recjson_type(json);
	revision = vnep_json_get_int(json, "revision", 0);
	if (!s->synced && vnep_json_get_bool(json, "deleted", false))
		s->tombstones = true;
	if (type == VNEP_RECORD_SYNC) {
		s->part = s->part || (!s->synced && is_part(s, json));
		s->synced = true;
	} else if (type == VNEP_RECORD_BINDING) {
		rc = put_binding(s, json, text, len);
	} else {
		rc = put_other(s, text, len);
		if (!rc && s->synced)
			rc = gather(s, json, text, len);
	}
	if (!rc && revision > 0 && (uint64_t)revision > s->seen)
		s->seen = (uint64_t)revision;
	vnep_json_free(json);
	return rc;
}

static int take_line(struct acl_stream *s, int got, const char *text, size_t len)
{
	struct vnep_err *err = &s->cli->err;

	*err = (struct vnep_err){ 0 };
	vnep_err_place(err, "-", s->lines.line, 0);
	if (got < 0)
		return or_refused(
			s, vnep_err_set(err, got, "a line longer than %d octets", VNEP_LINE_MAX));
	return or_refused(s, take(s, text, len));
}

/* What came is tried at once, unless it is little beside what is held. */
static int took(struct acl_stream *s)
{
	size_t held = s->held.by_line.count;
	int rc = 0;

	s->heard_ms = now_ms();
	if (s->end || s->untried >= held)
		rc = try_all(s);
	if (!rc)
		s->lost = s->held.by_line.count > (s->end ? 0 : HELD_MAX);
	return rc;
}

int acl_stream_read(struct acl_stream *s, bool *end)
{
	char chunk[CHUNK_OCTETS];
	ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
	const char *text = NULL;
	size_t len = 0;
	int got, rc = 0;

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return vnep_err_sys(&s->cli->err, errno, "cannot read -");
	s->end = !n;
	if (vnep_lines_feed(&s->lines, chunk, (size_t)n))
		return vnep_err_sys(&s->cli->err, ENOMEM, "cannot read -");
	while (!rc && !s->part && (got = vnep_lines_next(&s->lines, &text, &len)) != 0) {
		rc = take_line(s, got, text, len);
		s->untried++;
	}
	if (!rc && s->end && vnep_lines_end(&s->lines, &text, &len))
		rc = take_line(s, 1, text, len);
	if (!rc && s->part)
		return part_error(s);
	if (!rc && s->synced)
		rc = took(s);
	if (!rc)
		s->cli->err = (struct vnep_err){ 0 };
	*end = s->end;
	return rc;
}
