/* read - what the journal holds; pending events by the index, everything else in the order of the
 * files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"

const struct vnep_option journal_read_options[] = {
	{ "dev", 0, VNEP_ARG_ONE, "DEV", "of this device only", NULL },
	{ "pending", 0, VNEP_ARG_NONE, NULL, "events that wait for their device", NULL },
	{ "from", 0, VNEP_ARG_ONE, "SEQ", "from this event of the device on", NULL },
	JOURNAL_SELECT_OPTIONS,
	{ "direction", 0, VNEP_ARG_ONE, "WORD", "packets of this direction only",
		"from-device to-device" },
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "how to print it (default json)",
		"json pcapng csv" },
	{ 0 },
};

struct reading {
	struct vnep_cli *cli;
	struct vnep_journal *journal;
	struct journal_select select;
	struct journal_output output;
	struct vnep_table sequences;
	uint64_t damages;
	bool pending;
};

/* Numbers that are missing in front of this event were lost to damage: said as one corrupt event. */
static int put_hole(struct reading *r, const struct vnep_journal_item *item)
{
	const struct vnep_event *event = &item->event;
	struct vnep_journal_item hole = { .type = VNEP_RECORD_EVENT };
	struct journal_sequence *s = journal_sequence_of(&r->sequences, event->dev);
	uint64_t first;
	int rc = 0;

	if (!s)
		return vnep_err_sys(&r->cli->err, ENOMEM, "read");
	first = s->last ? s->last + 1 : r->select.from > 1 ? event->seq : 1;
	if (event->seq > first) {
		hole.event = (struct vnep_event){ .seq = first,
			.count = event->seq - first,
			.ts = event->ts,
			.kind = VNEP_KIND_CORRUPT,
			.reason = VNEP_IO_ERROR };
		memcpy(hole.event.dev, event->dev, sizeof hole.event.dev);
		rc = journal_select_has(&r->select, &hole) ? journal_output_put(&r->output, &hole)
							   : 0;
	}
	if (journal_sequence_end(item) > s->last)
		s->last = journal_sequence_end(item);
	return rc;
}

static int put_item(const struct vnep_journal_item *item, void *arg)
{
	struct reading *r = arg;
	int rc = 0;

	if (!r->pending && item->type == VNEP_RECORD_EVENT && item->event.seq)
		rc = put_hole(r, item);
	if (rc)
		return rc;
	return journal_select_has(&r->select, item) ? journal_output_put(&r->output, item) : 0;
}

static int count_damage(const struct vnep_journal_damage *damage, void *arg)
{
	struct reading *r = arg;

	(void)damage;
	r->damages++;
	return 0;
}

static int put_event(const struct vnep_event *event, unsigned attempt, void *arg)
{
	struct vnep_journal_item item = { .type = VNEP_RECORD_EVENT, .event = *event };

	(void)attempt;
	return put_item(&item, arg);
}

/* What is for the device, then what is from it. */
static int pending_of(struct reading *r, const char *dev, uint64_t from)
{
	struct vnep_err *err = &r->cli->err;
	int rc = vnep_journal_pending(r->journal, dev, from, 0, put_event, r, err);

	return rc ? rc : vnep_journal_held(r->journal, dev, from, 0, put_event, r, err);
}

static int put_device(const struct vnep_journal_device *device, void *arg)
{
	struct reading *r = arg;

	return pending_of(r, device->dev, 0);
}

static int read_pending(struct reading *r)
{
	struct vnep_err *err = &r->cli->err;

	if (r->select.dev[0])
		return pending_of(r, r->select.dev, r->select.from);
	return vnep_journal_each_device(r->journal, true, put_device, r, err);
}

static int read_all(struct reading *r)
{
	struct vnep_journal_position position = { 0 };
	struct vnep_journal_device device;
	int rc = 0;

	if (r->select.dev[0])
		rc = vnep_journal_device(r->journal, r->select.dev, &device, &r->cli->err);
	if (!rc && r->select.from > 1)
		rc = vnep_journal_seek(
			r->journal, r->select.dev, r->select.from, &position, &r->cli->err);
	if (rc == VNEP_ENOTFOUND && r->select.from > 1 && position.segment)
		return 0; /* it is known, it only has not come so far */
	return rc ? rc
		  : vnep_journal_scan(
			    r->journal, &position, put_item, count_damage, r, &r->cli->err);
}

int journal_read(struct vnep_cli *cli)
{
	struct reading r = { .cli = cli, .pending = vnep_cli_has(cli, "pending") };
	int rc = journal_select_init(&r.select, cli);

	journal_sequences_init(&r.sequences);

	if (!rc)
		rc = journal_output_init(&r.output, cli);
	if (!rc)
		rc = journal_open(cli, VNEP_JOURNAL_READ, &r.journal);
	if (!rc)
		rc = r.pending ? read_pending(&r) : read_all(&r);
	if (!rc)
		rc = journal_output_flush(&r.output, false);
	if (!rc && r.damages)
		rc = journal_damaged(cli, r.damages);
	vnep_journal_close(r.journal);
	journal_output_release(&r.output);
	journal_sequences_release(&r.sequences);
	return rc;
}
