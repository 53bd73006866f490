/* edge-verbs-journal - records of outside into the journal that the edge has open, and into its ledger. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge-client.h"
#include "vnep/retention.h"

struct appending {
	struct vnep_edge *edge;
	struct vnep_consent consent;
	struct vnep_buf answers;
	struct edge_device *first; /* of those that something was appended to */
};

/* What came by hand was counted at no port: what it adds to the backlog is carried, what it takes from it has a
 * reason. The journal's own total before and after says how much that is. */
static void account(struct vnep_edge *edge, enum vnep_record_type type,
	const struct vnep_outcome *outcome, const struct vnep_journal_moved *moved, uint64_t before)
{
	int64_t grown = (int64_t)(vnep_journal_pending_total(edge->journal) - before);

	if (type == VNEP_RECORD_EVENT) {
		edge->delta.carried += grown;
	} else if (type == VNEP_RECORD_CHECKPOINT) {
		edge->delta.converted += (int64_t)moved->copies;
		edge->delta.delivered -= (int64_t)moved->resent;
		edge->delta.dropped[VNEP_SUPERSEDED] += moved->settled;
	} else if (outcome->outcome == VNEP_OUTCOME_SENT ||
		   outcome->outcome == VNEP_OUTCOME_CONFIRMED) {
		edge->delta.delivered -= grown;
	} else {
		edge->delta.dropped[outcome->reason ? outcome->reason : VNEP_SUPERSEDED] -=
			(uint64_t)grown;
	}
}

/* One that is not loaded reads the journal when it is. */
static void note_device(struct appending *a, const char *dev)
{
	char key[VNEP_URN_MAX + 1] = ""; /* the table compares all of it */
	struct edge_device *d;

	snprintf(key, sizeof key, "%s", dev);
	d = vnep_table_get(&a->edge->by_dev, key);
	if (!d || d->appended)
		return;
	d->appended = true;
	d->appended_link = a->first;
	a->first = d;
}

static void reload_noted(struct appending *a)
{
	for (struct edge_device *d = a->first; d; d = d->appended_link) {
		d->appended = false;
		edge_device_reload(a->edge, d);
	}
	a->first = NULL;
}

static int append_record(struct appending *a, struct vnep_json *json, struct vnep_err *err)
{
	struct vnep_edge *edge = a->edge;
	struct vnep_buf *answers = &a->answers;
	enum vnep_record_type type = vnep_recjson_type(json);
	struct vnep_journal_moved moved = { 0 };
	bool pending = false, duplicate = false;
	struct vnep_outcome outcome = { 0 };
	struct vnep_checkpoint checkpoint;
	struct vnep_buf frame = { 0 };
	struct vnep_event event;
	uint64_t before;
	int rc = edge_group(edge);

	if (rc)
		return vnep_err_set(err, rc, "the journal cannot be written");
	before = vnep_journal_pending_total(edge->journal);
	if (type == VNEP_RECORD_EVENT) {
		rc = vnep_event_decode(json, &event, &frame, err);
		if (!rc && !event.ts.ns)
			event.ts = vnep_wall_now();
		if (!rc && !vnep_consent_may_keep(&a->consent, &event))
			rc = vnep_consent_refuse(&event, err);
		if (!rc)
			rc = vnep_journal_append(edge->journal, &event, &pending, &duplicate, err);
		if (!rc)
			vnep_appended_encode(answers, event.dev, event.seq);
	} else if (type == VNEP_RECORD_CHECKPOINT) {
		rc = vnep_checkpoint_decode(json, &checkpoint, err);
		if (!rc)
			rc = vnep_journal_checkpoint(edge->journal, &checkpoint, &moved, err);
		if (!rc)
			vnep_checkpoint_encode(answers, &checkpoint);
	} else if (type == VNEP_RECORD_OUTCOME) {
		rc = vnep_outcome_decode(json, &outcome, err);
		if (!rc)
			rc = vnep_journal_outcome(edge->journal, &outcome, err);
		if (!rc)
			vnep_outcome_encode(answers, &outcome);
	} else {
		rc = vnep_err_set(err, VNEP_EVALUE,
			"the journal takes event, checkpoint and outcome records, not \"%s\"",
			vnep_json_get_str(json, "type", ""));
	}
	vnep_buf_release(&frame);
	if (rc)
		return rc;
	note_device(a, type == VNEP_RECORD_EVENT        ? event.dev
		       : type == VNEP_RECORD_CHECKPOINT ? checkpoint.dev
							: outcome.dev);
	account(edge, type, &outcome, &moved, before);
	return 0;
}

static int append_line(
	struct edge_client *client, unsigned line, const char *text, size_t len, void *arg)
{
	struct appending *a = arg;
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };
	int rc;

	rc = vnep_json_parse(text, len, &json, &err);
	if (!rc)
		rc = vnep_recjson_check(json, text, len, &err);
	if (!rc)
		rc = append_record(a, json, &err);
	vnep_json_free(json);
	if (!rc)
		return 0;
	vnep_err_place(&err, "-", line, err.column);
	vnep_error_encode(&a->answers, "vnep-edge", &err);
	client->refused++;
	return 0;
}

static void reload_all(struct vnep_edge *edge)
{
	struct edge_device *d;

	for (size_t i = 0; (d = vnep_table_next(&edge->by_vep, &i));)
		edge_device_reload(edge, d);
}

void edge_verb_journal_append(struct vnep_edge *edge, struct edge_client *client)
{
	struct appending a = { .edge = edge };
	struct vnep_err err = { 0 };

	if (vnep_map_begin(edge->map, false, &a.consent.map, &err)) {
		edge_reply_error(client, &err);
		edge_reply_done(client, 3);
		return;
	}
	edge_each_line(client, append_line, &a);
	vnep_map_abort(a.consent.map);
	edge_group_end(edge); /* durable, then said so */
	reload_noted(&a);
	if (edge->group_error) {
		vnep_err_set(&err, edge->group_error, "the journal cannot be written: %s",
			vnep_strerror(edge->group_error));
		edge_reply_error(client, &err);
		edge_reply_done(client, 3);
	} else {
		edge_reply(client, &a.answers);
		if (client->eof)
			edge_reply_done(client, client->refused ? 1 : 0);
	}
	vnep_buf_release(&a.answers);
}

/* ---- journal.prune ---- */

enum { STEP_EVENTS = 65536 };

struct retaining {
	struct vnep_edge *edge;
	struct vnep_buf answers;
};

static int on_settled(const struct vnep_outcome *outcome, uint32_t frame_octets, void *arg)
{
	struct retaining *r = arg;
	int rc = edge_retain_settle(outcome, frame_octets, r->edge);

	if (!rc)
		vnep_outcome_encode(&r->answers, outcome);
	return rc;
}

static void put_figures(
	struct vnep_buf *out, uint64_t settled, const struct vnep_journal_pruned *pruned)
{
	vnep_stat_encode(out, "vnep_journal_settled", NULL, NULL, settled);
	vnep_stat_encode(out, "vnep_journal_taken_out", NULL, NULL, pruned->events);
	vnep_stat_encode(out, "vnep_journal_given_back_octets", NULL, NULL, pruned->octets);
	vnep_stat_encode(out, "vnep_journal_lost", NULL, NULL, pruned->lost);
}

static int erase(
	struct vnep_edge *edge, const char *dev, struct vnep_buf *answers, struct vnep_err *err)
{
	struct vnep_journal_pruned pruned = { 0 };
	struct vnep_journal_moved moved = { 0 };
	int rc = vnep_journal_erase(edge->journal, dev, &moved, &pruned, err);

	edge->ledger.dropped[VNEP_SUPERSEDED] += moved.settled; /* also when it went no further */
	if (!rc)
		put_figures(answers, moved.settled, &pruned);
	return rc;
}

static int retain(struct vnep_edge *edge, const struct vnep_json *request, struct retaining *r,
	struct vnep_err *err)
{
	struct vnep_retention limits = { .before.ns =
						 vnep_json_get_int(request, "before_us", 0) * 1000,
		.octets = (uint64_t)vnep_json_get_int(request, "octets", 0),
		.vpc_octets = (uint64_t)vnep_json_get_int(request, "vpc_octets", 0),
		.packets = (uint64_t)vnep_json_get_int(request, "packets", 0) };
	const struct vnep_retention_result *result;
	struct vnep_retaining *run = NULL;
	struct vnep_map_txn *txn;
	bool settled;
	int more = 1, rc = vnep_map_begin(edge->map, false, &txn, err);

	if (rc)
		return rc;
	rc = vnep_retaining_new(&run, edge->journal, &limits, false, on_settled, r, err);
	while (!rc && more) {
		more = vnep_retaining_step(run, txn, STEP_EVENTS, err);
		settled = edge->group_open;
		edge_group_end(edge); /* what was settled, before it goes */
		rc = more < 0 ? more : settled ? edge->group_error : 0;
	}
	vnep_map_abort(txn);
	if (run) { /* also of a run that failed: what went is gone */
		result = vnep_retaining_result(run);
		put_figures(&r->answers, result->settled, &result->pruned);
	}
	vnep_retaining_free(run);
	return rc;
}

void edge_verb_journal_prune(struct vnep_edge *edge, struct edge_client *client)
{
	const char *dev = vnep_json_get_str(client->request, "erase", "");
	struct retaining r = { .edge = edge };
	struct vnep_err err = { 0 };
	int rc;

	edge_retain_cancel(edge);
	edge_group_end(edge); /* the journal works outside of groups here */
	rc = *dev ? erase(edge, dev, &r.answers, &err) : retain(edge, client->request, &r, &err);
	edge->ledger_dirty = true;
	if (!edge_group(edge)) /* the ledger with what has just become durable */
		edge_group_end(edge);
	edge_reply(client, &r.answers);
	reload_all(edge);
	edge_done_with(client, rc, &err);
	vnep_buf_release(&r.answers);
}
