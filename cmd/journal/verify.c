/*
 * verify - everything is read, every hash and mark checked, every device's sequence counted.
 *
 * A damage record says where octets are lost; one with a device says whose events are missing,
 * which is the same loss seen from the other side, or one that left no trace in the files.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "vnep/ndjson.h"

struct verifying {
	struct vnep_cli *cli;
	struct vnep_journal *journal;
	struct vnep_journal_position position;
	struct vnep_table sequences;
	struct vnep_buf out;
	struct vnep_mono began, said;
	uint64_t items, ranges, missing;
};

static int print_damage(struct verifying *v, const struct vnep_journal_damage *damage,
	const char *dev, uint64_t seq)
{
	struct vnep_jw w;

	vnep_jw_record(&w, &v->out, "damage");
	vnep_jw_opt_str(&w, "segment", damage->segment);
	if (damage->segment[0]) {
		vnep_jw_u64(&w, "offset", damage->offset);
		vnep_jw_u64(&w, "octets", damage->octets);
	}
	vnep_jw_u64(&w, "records", damage->records);
	vnep_jw_opt_str(&w, "dev", dev);
	if (dev)
		vnep_jw_u64(&w, "seq", seq);
	vnep_jw_end_record(&w);
	return vnep_out_records(v->cli, &v->out, false);
}

static int on_damage(const struct vnep_journal_damage *damage, void *arg)
{
	struct verifying *v = arg;

	v->ranges++;
	return print_damage(v, damage, NULL, 0);
}

static int missing(struct verifying *v, const char *dev, uint64_t seq, uint64_t count)
{
	struct vnep_journal_damage damage = { .records = count };

	v->missing += count;
	return print_damage(v, &damage, dev, seq);
}

/* Long work shows that it goes on: on a terminal, after a second. */
static void progress(struct verifying *v)
{
	struct vnep_mono now = vnep_mono_now();

	if (now.ns - v->began.ns < 1000000000 || now.ns - v->said.ns < 500000000 || v->cli->quiet ||
		!isatty(STDERR_FILENO))
		return;
	v->said = now;
	vnep_cli_say(v->cli, "%llu records checked, segment %u", (unsigned long long)v->items,
		v->position.segment);
}

static int on_item(const struct vnep_journal_item *item, void *arg)
{
	struct verifying *v = arg;
	const struct vnep_event *event = &item->event;
	struct journal_sequence *s;
	uint64_t last;
	int rc = 0;

	if (++v->items % 4096 == 0)
		progress(v);
	if (item->type != VNEP_RECORD_EVENT || !event->seq)
		return 0;
	s = journal_sequence_of(&v->sequences, event->dev);
	if (!s)
		return vnep_err_sys(&v->cli->err, ENOMEM, "verify");
	if (event->seq > s->last + 1)
		rc = missing(v, s->dev, s->last + 1, event->seq - s->last - 1);
	else if (event->seq <= s->last) /* twice the same number: one of them is wrong */
		rc = missing(v, s->dev, event->seq, 1);
	if (!rc && item->range && event->kind == VNEP_KIND_CORRUPT)
		rc = missing(v, s->dev, event->seq, event->count);
	last = journal_sequence_end(item);
	if (last > s->last)
		s->last = last;
	return rc;
}

/* The end of a sequence may be missing, too: the index knows how far it went. */
static int on_device(const struct vnep_journal_device *device, void *arg)
{
	struct verifying *v = arg;
	struct journal_sequence *s = journal_sequence_of(&v->sequences, device->dev);

	if (!s)
		return vnep_err_sys(&v->cli->err, ENOMEM, "verify");
	return device->head_seq > s->last
		       ? missing(v, s->dev, s->last + 1, device->head_seq - s->last)
		       : 0;
}

/* Events that come while we read are behind the scan, and in front of the index: scan once more. */
static int verify_all(struct verifying *v)
{
	struct vnep_err *err = &v->cli->err;
	struct vnep_journal_stat before, after;
	int rc;

	do {
		rc = vnep_journal_stat(v->journal, &before, err);
		if (!rc)
			rc = vnep_journal_scan(
				v->journal, &v->position, on_item, on_damage, v, err);
		if (!rc)
			rc = vnep_journal_stat(v->journal, &after, err);
	} while (!rc && before.events != after.events);
	return rc ? rc : vnep_journal_each_device(v->journal, false, on_device, v, err);
}

int journal_verify(struct vnep_cli *cli)
{
	struct verifying v = { .cli = cli, .began = vnep_mono_now() };
	int rc = journal_open(cli, VNEP_JOURNAL_READ, &v.journal);

	journal_sequences_init(&v.sequences);
	if (!rc)
		rc = verify_all(&v);
	if (!rc)
		vnep_cli_say(cli,
			"%llu records of %zu devices, %llu damaged ranges, %llu events missing",
			(unsigned long long)v.items, v.sequences.count,
			(unsigned long long)v.ranges, (unsigned long long)v.missing);
	if (!rc && (v.ranges || v.missing))
		rc = 1;
	journal_sequences_release(&v.sequences);
	vnep_journal_close(v.journal);
	vnep_buf_release(&v.out);
	return rc;
}
