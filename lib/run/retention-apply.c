/*
 * retention-apply - all of it at once, for who has nothing else to do: outcomes are made durable group by group, then told.
 */
#include <errno.h>
#include <stdlib.h>

#include "vnep/err.h"
#include "vnep/retention.h"

enum { OUTCOMES_A_GROUP = 1000, EVENTS_A_STEP = 1 << 16 };

struct batch {
	struct vnep_journal *journal;
	struct vnep_outcome *outcomes;
	size_t count;
	bool dry;
	vnep_retention_cb *told;
	void *arg;
	struct vnep_err *err;
};

static int write_batch(struct batch *b)
{
	int rc = b->dry || !b->count ? 0 : vnep_journal_begin(b->journal, b->err);

	for (size_t i = 0; !rc && !b->dry && i < b->count; i++)
		rc = vnep_journal_outcome(b->journal, &b->outcomes[i], b->err);
	if (!rc && !b->dry && b->count)
		rc = vnep_journal_commit(b->journal, b->err);
	else if (!b->dry && b->count)
		vnep_journal_abort(b->journal);
	for (size_t i = 0; !rc && b->told && i < b->count; i++)
		rc = b->told(&b->outcomes[i], b->arg);
	b->count = 0;
	return rc;
}

static int put_in_batch(const struct vnep_outcome *outcome, uint32_t frame_octets, void *arg)
{
	struct batch *b = arg;

	(void)frame_octets;
	b->outcomes[b->count++] = *outcome;
	return b->count == OUTCOMES_A_GROUP ? write_batch(b) : 0;
}

int vnep_retention_apply(struct vnep_journal *journal, struct vnep_map_txn *map,
	const struct vnep_retention *limits, bool dry, vnep_retention_cb *told, void *arg,
	struct vnep_retention_result *out, struct vnep_err *err)
{
	struct batch b = { .journal = journal, .dry = dry, .told = told, .arg = arg, .err = err };
	struct vnep_retaining *r = NULL;
	int rc, more = 1;

	*out = (struct vnep_retention_result){ 0 };
	b.outcomes = calloc(OUTCOMES_A_GROUP, sizeof *b.outcomes);
	if (!b.outcomes)
		return vnep_err_sys(err, ENOMEM, "retention");
	rc = vnep_retaining_new(&r, journal, limits, dry, put_in_batch, &b, err);
	while (!rc && more) {
		more = vnep_retaining_step(r, map, EVENTS_A_STEP, err);
		rc = more < 0 ? more : write_batch(&b);
	}
	if (r)
		*out = *vnep_retaining_result(r);
	vnep_retaining_free(r);
	free(b.outcomes);
	return rc;
}
