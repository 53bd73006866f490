/*
 * follow-input - the stream of `vnep-map watch` on standard input as a map of one's own, which follow.c follows.
 *
 * Only what stands in front of the sync record is a whole map: an input that ends before it was cut off, and one that
 * tells what changed after a revision lacks the others; whoever follows either takes all of those away.
 *
 * The map lies in a folder that has no name any more when the first record comes. What one read brings is one
 * transaction, because two devices may exchange what they have in two lines of it; before the sync record, which ends
 * the first state, a transaction is as large as a batch may be. A pipe may part such lines all the same: so what the map
 * refuses is tried once more with what comes next, if that comes soon, before it is told. Bindings are none that anybody imports: they go into the
 * map as an edge writes them.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acl.h"
#include "follow-input.h"
#include "vnep/mapbatch.h"
#include "vnep/ndjson.h"
#include "vnep/recjson.h"

enum { CHUNK_OCTETS = 64 << 10, BATCH_RECORDS = 65536, SOON_MS = 200, HELD_MAX = 64 };

/* A line of the batch; or one that the map refused, and why. */
struct line {
	unsigned line;
	size_t at, len; /* its text */
	struct vnep_err why;
};
struct lines {
	struct vnep_buf texts;
	struct line items[HELD_MAX];
	size_t count;
};

struct acl_stream {
	struct vnep_cli *cli;
	struct vnep_mapstore *store;
	struct vnep_lines lines;
	struct vnep_map_batch *batch;
	struct vnep_map_txn *bindings; /* open while they come */
	struct lines gathered, held;   /* of the batch; refused, for now */
	struct lines tried;            /* what was held, while it is tried again */
	uint64_t revision;             /* the highest that a record had */
	bool synced, end;
	bool tombstones; /* came before the sync record */
	bool part;       /* it says that it does not have the whole map */
};

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
	vnep_buf_init(&s->gathered.texts);
	vnep_buf_init(&s->held.texts);
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
	vnep_buf_release(&s->gathered.texts);
	vnep_buf_release(&s->held.texts);
	vnep_buf_release(&s->tried.texts);
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

/* False: there is no room, or no memory. */
static bool keep(struct lines *lines, unsigned line, const void *text, size_t len)
{
	if (lines->count == HELD_MAX)
		return false;
	lines->items[lines->count++] =
		(struct line){ .line = line, .at = lines->texts.len, .len = len };
	vnep_buf_put(&lines->texts, text, len);
	return !lines->texts.rc;
}

static void forget(struct lines *lines)
{
	lines->count = 0;
	vnep_buf_reset(&lines->texts);
}

static int refuse(const struct vnep_err *why, void *arg)
{
	struct acl_stream *s = arg;
	const struct lines *g = &s->gathered;
	size_t i = 0;

	while (i < g->count && g->items[i].line != why->line)
		i++;
	if (s->synced && !s->end && i < g->count && !g->items[i].why.code &&
		keep(&s->held, why->line, g->texts.data + g->items[i].at, g->items[i].len))
		s->held.items[s->held.count - 1].why = *why;
	else
		vnep_cli_error(s->cli, why);
	return 0;
}

int acl_stream_timeout_ms(const struct acl_stream *s)
{
	return s->held.count ? SOON_MS : -1;
}

void acl_stream_give_up(struct acl_stream *s)
{
	for (size_t i = 0; i < s->held.count; i++)
		vnep_cli_error(s->cli, &s->held.items[i].why);
	forget(&s->held);
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
		rc = or_refused(
			s, vnep_map_batch_apply(s->batch, s->store, &how, &changes, &s->cli->err));
	vnep_map_batch_free(s->batch);
	s->batch = NULL;
	forget(&s->gathered);
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

/* What was held goes first into the next batch; marked, so that it is not held again. */
static int put_held(struct acl_stream *s)
{
	struct vnep_err *err = &s->cli->err;
	int rc = 0;

	if (!s->held.count)
		return 0;
	s->tried = s->held;
	s->held = (struct lines){ 0 };
	for (size_t i = 0; i < s->tried.count && !rc; i++) {
		const struct line *l = &s->tried.items[i];
		const char *text = (const char *)s->tried.texts.data + l->at;

		*err = (struct vnep_err){ 0 };
		vnep_err_place(err, "-", l->line, 0);
		rc = or_refused(s, put_other(s, text, l->len));
		if (!rc && keep(&s->gathered, l->line, text, l->len))
			s->gathered.items[s->gathered.count - 1].why = l->why;
	}
	vnep_buf_release(&s->tried.texts);
	return rc;
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
	}
	if (!rc && s->synced && s->batch)
		keep(&s->gathered, s->lines.line, text, len);
	if (!rc && revision > 0 && (uint64_t)revision > s->revision)
		s->revision = (uint64_t)revision;
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
	rc = put_held(s);
	while (!rc && !s->part && (got = vnep_lines_next(&s->lines, &text, &len)) != 0)
		rc = take_line(s, got, text, len);
	if (!rc && s->end && vnep_lines_end(&s->lines, &text, &len))
		rc = take_line(s, 1, text, len);
	if (!rc && s->part)
		return part_error(s);
	if (!rc && s->synced)
		rc = put_gathered(s);
	if (!rc)
		s->cli->err = (struct vnep_err){ 0 };
	*end = s->end;
	return rc;
}
