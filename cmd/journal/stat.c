/* stat - how big the journal is, as stat records. */
#include "journal.h"
#include "vnep/recjson.h"

int journal_stat(struct vnep_cli *cli)
{
	struct vnep_journal *journal = NULL;
	struct vnep_journal_stat stat = { 0 };
	struct vnep_buf out = { 0 };
	int rc = journal_open(cli, VNEP_JOURNAL_READ, &journal);

	if (!rc)
		rc = vnep_journal_stat(journal, &stat, &cli->err);
	if (!rc) {
		vnep_stat_encode(&out, "vnep_journal_segments", NULL, NULL, stat.segments);
		vnep_stat_encode(&out, "vnep_journal_devices", NULL, NULL, stat.devices);
		vnep_stat_encode(&out, "vnep_journal_octets", NULL, NULL, stat.octets);
		vnep_stat_encode(&out, "vnep_journal_events", NULL, NULL, stat.events);
		vnep_stat_encode(&out, "vnep_journal_pending", NULL, NULL, stat.pending);
		if (stat.events) {
			vnep_stat_encode(&out, "vnep_journal_oldest_seconds", NULL, NULL,
				(uint64_t)(stat.oldest.ns / 1000000000));
			vnep_stat_encode(&out, "vnep_journal_newest_seconds", NULL, NULL,
				(uint64_t)(stat.newest.ns / 1000000000));
		}
		rc = vnep_out_records(cli, &out, false);
	}
	vnep_journal_close(journal);
	vnep_buf_release(&out);
	return rc;
}
