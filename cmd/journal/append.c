/*
 * append - records from standard input into the journal, each answered once it is durable.
 *
 * Group commit: what can be read without waiting goes into one group, for at most 5 ms or 1 MiB. So
 * a single line is answered at once, and a flood costs one sync for many. A refused line is
 * answered in its place: what came before it is committed and answered first.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "vnep/clock.h"
#include "vnep/json.h"
#include "vnep/mapstore.h"
#include "vnep/ndjson.h"
#include "vnep/recjson.h"
#include "vnep/retention.h"

enum { GROUP_OCTETS = 1 << 20, CHUNK_OCTETS = 1 << 16 };
static const int64_t group_ns = 5000000;

struct appending {
	struct vnep_cli *cli;
	struct vnep_journal *journal; /* neither: --dry-run */
	struct vnep_client *client;
	struct vnep_mapstore *map; /* where there is one, it says who consents */
	struct vnep_map_txn *txn;  /* with an open group */
	struct vnep_consent consent;
	struct vnep_lines lines;
	struct vnep_buf answers, frame;
	bool open;
	struct vnep_mono began;
	struct vnep_buf sent; /* the line number of each record that the edge got: unsigned */
	size_t octets;
};

static int commit(struct appending *a)
{
	int rc = 0;

	if (a->open) {
		vnep_err_place(&a->cli->err, "", 0, 0); /* no single line is to blame */
		rc = vnep_journal_commit(a->journal, &a->cli->err);
	}
	vnep_map_abort(a->txn);
	a->txn = NULL;
	a->open = false;
	a->octets = 0;
	if (rc || a->cli->quiet) {
		vnep_buf_reset(&a->answers);
		return rc;
	}
	return vnep_out_records(a->cli, &a->answers, true);
}

static int begin(struct appending *a)
{
	int rc;

	if (a->open)
		return 0;
	rc = a->map ? vnep_map_begin(a->map, false, &a->txn, &a->cli->err) : 0;
	if (!rc)
		rc = vnep_journal_begin(a->journal, &a->cli->err);
	a->consent = (struct vnep_consent){ .map = a->txn };
	a->open = !rc;
	a->began = vnep_mono_now();
	return rc;
}

static int append_event(struct appending *a, const struct vnep_json *json)
{
	struct vnep_event event;
	bool pending, duplicate;
	int rc = vnep_event_decode(json, &event, &a->frame, &a->cli->err);

	if (rc || !a->journal)
		return rc;
	if (!vnep_consent_may_keep(&a->consent, &event))
		return vnep_consent_refuse(&event, &a->cli->err);
	rc = vnep_journal_append(a->journal, &event, &pending, &duplicate, &a->cli->err);
	if (!rc)
		vnep_appended_encode(&a->answers, event.dev, event.seq);
	return rc;
}

static int append_checkpoint(struct appending *a, const struct vnep_json *json)
{
	struct vnep_checkpoint checkpoint;
	int rc = vnep_checkpoint_decode(json, &checkpoint, &a->cli->err);

	if (rc || !a->journal)
		return rc;
	rc = vnep_journal_checkpoint(a->journal, &checkpoint, NULL, &a->cli->err);
	if (!rc)
		vnep_checkpoint_encode(&a->answers, &checkpoint);
	return rc;
}

static int append_outcome(struct appending *a, const struct vnep_json *json)
{
	struct vnep_outcome outcome;
	int rc = vnep_outcome_decode(json, &outcome, &a->cli->err);

	if (rc || !a->journal)
		return rc;
	rc = vnep_journal_outcome(a->journal, &outcome, &a->cli->err);
	if (!rc)
		vnep_outcome_encode(&a->answers, &outcome);
	return rc;
}

static int append_record(struct appending *a, struct vnep_json *json, const char *text, size_t len)
{
	struct vnep_cli *cli = a->cli;
	enum vnep_record_type type = vnep_recjson_type(json);
	int rc;

	if (type != VNEP_RECORD_EVENT && type != VNEP_RECORD_CHECKPOINT &&
		type != VNEP_RECORD_OUTCOME)
		return vnep_err_set(&cli->err, VNEP_EVALUE,
			"the journal takes event, checkpoint and outcome records, not \"%s\"",
			vnep_json_get_str(json, "type", ""));
	rc = vnep_recjson_check(json, text, len, &cli->err);
	if (!rc && a->journal)
		rc = begin(a);
	if (rc)
		return rc;
	a->octets += len;
	if (type == VNEP_RECORD_EVENT)
		return append_event(a, json);
	return type == VNEP_RECORD_CHECKPOINT ? append_checkpoint(a, json)
					      : append_outcome(a, json);
}

/* The edge checks and answers, record by record: remember where each stood. */
static int forward(struct appending *a, const char *text, size_t len)
{
	vnep_buf_put(&a->sent, &a->lines.line, sizeof a->lines.line);
	if (a->sent.rc)
		return vnep_err_sys(&a->cli->err, -a->sent.rc, "standard input");
	return vnep_client_send(a->client, text, len, &a->cli->err);
}

/* One line, or the news that it was too long. A refusal is said; what no other line could cure is
 * an error. */
static int take_line(struct appending *a, int got, const char *text, size_t len)
{
	struct vnep_cli *cli = a->cli;
	struct vnep_json *json = NULL;
	struct vnep_err why;
	int rc = got;

	cli->err = (struct vnep_err){ 0 };
	vnep_err_place(&cli->err, "-", a->lines.line, 0);
	if (got < 0)
		vnep_err_set(&cli->err, got, "a line longer than %d octets", VNEP_LINE_MAX);
	else if (a->client)
		return forward(a, text, len);
	else
		rc = vnep_json_parse(text, len, &json, &cli->err);
	if (!rc)
		rc = append_record(a, json, text, len);
	vnep_json_free(json);
	if (!rc || vnep_err_exit(rc) == 3 || vnep_err_exit(rc) == 5)
		return rc;
	why = cli->err;
	rc = commit(a);
	if (!rc)
		vnep_cli_error(cli, &why);
	return rc;
}

static bool group_is_full(const struct appending *a)
{
	return a->octets >= GROUP_OCTETS || vnep_mono_now().ns - a->began.ns >= group_ns;
}

static int take_lines(struct appending *a)
{
	const char *text;
	size_t len;
	int got, rc = 0;

	while (!rc && (got = vnep_lines_next(&a->lines, &text, &len)) != 0) {
		rc = take_line(a, got < 0 ? got : 0, text, len);
		if (!rc && a->open && group_is_full(a))
			rc = commit(a);
	}
	return rc;
}

static int read_input(struct appending *a)
{
	struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
	char chunk[CHUNK_OCTETS];
	const char *text;
	size_t len;
	ssize_t n;
	int rc = 0;

	do {
		if (a->open && poll(&p, 1, 0) == 0)
			rc = commit(a);
		if (rc)
			return rc;
		n = read(STDIN_FILENO, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vnep_err_sys(&a->cli->err, errno, "cannot read standard input");
		rc = vnep_lines_feed(&a->lines, chunk, (size_t)n);
		rc = rc ? vnep_err_sys(&a->cli->err, -rc, "standard input") : take_lines(a);
	} while (!rc && n != 0);
	if (!rc && vnep_lines_end(&a->lines, &text, &len))
		rc = take_line(a, 0, text, len);
	return rc;
}

static int through_edge(struct appending *a)
{
	int rc = vnep_client_request(a->client, "journal.append", NULL, &a->cli->err);

	if (!rc)
		rc = read_input(a);
	if (!rc)
		rc = vnep_client_end(a->client, &a->cli->err);
	return rc ? rc : journal_edge_answers(a->cli, a->client, &a->sent);
}

static int open_map(struct appending *a)
{
	int rc = vnep_mapstore_open(&a->map, a->cli->state, false, &a->cli->err);

	if (rc == VNEP_ENOTFOUND) {
		a->cli->err = (struct vnep_err){ 0 };
		return 0;
	}
	return rc;
}

int journal_append(struct vnep_cli *cli)
{
	struct appending a = { .cli = cli };
	int rc = 0;

	cli->answer_errors = true;
	vnep_lines_init(&a.lines);
	if (!cli->dry_run)
		rc = vnep_client_open(&a.client, cli->state, &cli->err);
	if (!rc && !cli->dry_run && !a.client)
		rc = journal_open(cli, VNEP_JOURNAL_WRITE, &a.journal);
	if (!rc && a.journal)
		rc = open_map(&a);
	if (!rc && a.client)
		rc = through_edge(&a);
	else if (!rc)
		rc = read_input(&a);
	if (!rc)
		rc = commit(&a);
	vnep_map_abort(a.txn);
	vnep_mapstore_close(a.map);
	vnep_journal_close(a.journal);
	vnep_client_close(a.client);
	vnep_lines_release(&a.lines);
	vnep_buf_release(&a.answers);
	vnep_buf_release(&a.frame);
	vnep_buf_release(&a.sent);
	return rc;
}
