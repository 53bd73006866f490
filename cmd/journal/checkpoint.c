/* checkpoint - move a cursor of a device, or list its checkpoints. */
#include <string.h>

#include "journal.h"
#include "vnep/ndjson.h"
#include "vnep/recjson.h"

const struct vnep_option journal_checkpoint_options[] = {
	{ "dev", 0, VNEP_ARG_ONE, "DEV", "whose (required)", NULL },
	{ "cursor", 0, VNEP_ARG_ONE, "CURSOR", "which one (default synced)", "synced disconnect" },
	{ "cause", 0, VNEP_ARG_ONE, "CAUSE", "why (default admin)",
		"t3324-expired link-down admin handover deregistered" },
	{ "resume-seq", 0, VNEP_ARG_ONE, "N", "the first event to forward", NULL },
	{ "list", 0, VNEP_ARG_NONE, NULL, "print the checkpoints there are, and write none", NULL },
	{ 0 },
};

static int print_checkpoint(struct vnep_cli *cli, const struct vnep_checkpoint *checkpoint)
{
	struct vnep_buf out = { 0 };
	int rc;

	vnep_checkpoint_encode(&out, checkpoint);
	rc = vnep_out_records(cli, &out, false);
	vnep_buf_release(&out);
	return rc;
}

struct listing {
	struct vnep_cli *cli;
	const char *dev;
};

static int list_one(const struct vnep_journal_item *item, void *arg)
{
	struct listing *l = arg;

	if (item->type != VNEP_RECORD_CHECKPOINT || strcmp(item->checkpoint.dev, l->dev))
		return 0;
	return print_checkpoint(l->cli, &item->checkpoint);
}

static int list(struct vnep_cli *cli, const char *dev)
{
	struct listing l = { cli, dev };
	struct vnep_journal_position position = { 0 };
	struct vnep_journal_device device;
	struct vnep_journal *journal = NULL;
	int rc = journal_open(cli, VNEP_JOURNAL_READ, &journal);

	if (!rc)
		rc = vnep_journal_device(journal, dev, &device, &cli->err);
	if (!rc)
		rc = vnep_journal_scan(journal, &position, list_one, NULL, &l, &cli->err);
	vnep_journal_close(journal);
	return rc;
}

/* What would be written. */
static int preview(struct vnep_cli *cli, struct vnep_checkpoint *checkpoint)
{
	struct vnep_journal_device device;
	struct vnep_journal *journal = NULL;
	int rc = journal_open(cli, VNEP_JOURNAL_READ, &journal);

	if (!rc)
		rc = vnep_journal_device(journal, checkpoint->dev, &device, &cli->err);
	vnep_journal_close(journal);
	if (rc)
		return rc;
	checkpoint->ts = vnep_wall_now();
	checkpoint->conn = device.conn;
	checkpoint->head_seq = device.head_seq;
	if (!checkpoint->resume_seq)
		checkpoint->resume_seq = checkpoint->cursor == VNEP_CURSOR_SYNCED
						 ? device.head_seq + 1
						 : vnep_journal_resume(&device);
	return print_checkpoint(cli, checkpoint);
}

static int write_here(struct vnep_cli *cli, struct vnep_checkpoint *checkpoint)
{
	struct vnep_journal_moved moved;
	struct vnep_journal_device device;
	struct vnep_journal *journal = NULL;
	int rc = journal_open(cli, VNEP_JOURNAL_WRITE, &journal);

	if (!rc)
		rc = vnep_journal_begin(journal, &cli->err);
	if (rc)
		goto out;
	rc = vnep_journal_device(journal, checkpoint->dev, &device, &cli->err);
	if (!rc)
		rc = vnep_journal_checkpoint(journal, checkpoint, &moved, &cli->err);
	if (!rc)
		rc = vnep_journal_commit(journal, &cli->err);
	else
		vnep_journal_abort(journal);
	if (!rc)
		rc = cli->quiet ? 0 : print_checkpoint(cli, checkpoint);
	if (!rc && (moved.copies || moved.resent || moved.settled))
		vnep_cli_say(cli, "%llu pending again, %llu settled",
			(unsigned long long)(moved.copies + moved.resent),
			(unsigned long long)moved.settled);
out:
	vnep_journal_close(journal);
	return rc;
}

/* resume_seq 0 is not in the record: the edge says where. */
static void encode_request(struct vnep_buf *out, const struct vnep_checkpoint *checkpoint)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "checkpoint");
	vnep_jw_str(&w, "dev", checkpoint->dev);
	vnep_jw_str(&w, "cursor", vnep_cursor_text(checkpoint->cursor));
	vnep_jw_str(&w, "cause", vnep_cause_text(checkpoint->cause));
	if (checkpoint->resume_seq)
		vnep_jw_u64(&w, "resume_seq", checkpoint->resume_seq);
	vnep_jw_end_record(&w);
}

static int write_through(
	struct vnep_cli *cli, struct vnep_client *client, const struct vnep_checkpoint *checkpoint)
{
	struct vnep_buf line = { 0 };
	int rc = vnep_client_request(client, "journal.append", NULL, &cli->err);

	encode_request(&line, checkpoint);
	if (!rc)
		rc = vnep_client_send(client, (const char *)line.data, line.len - 1, &cli->err);
	if (!rc)
		rc = vnep_client_end(client, &cli->err);
	if (!rc)
		rc = journal_edge_answers(cli, client, NULL);
	vnep_buf_release(&line);
	return rc;
}

int journal_checkpoint(struct vnep_cli *cli)
{
	struct vnep_checkpoint checkpoint = { 0 };
	struct vnep_client *client = NULL;
	int rc;

	if (!vnep_cli_has(cli, "dev"))
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "whose checkpoint? --dev is missing");
	rc = journal_resolve(cli, vnep_cli_str(cli, "dev", ""), checkpoint.dev);
	if (!rc && vnep_cli_has(cli, "resume-seq"))
		rc = vnep_cli_u64(cli, "resume-seq", 1, (1ULL << 53) - 1, &checkpoint.resume_seq);
	if (rc)
		return rc;
	if (vnep_cli_has(cli, "list"))
		return list(cli, checkpoint.dev);
	checkpoint.cursor =
		(enum vnep_cursor)vnep_cursor_parse(vnep_cli_str(cli, "cursor", "synced"));
	checkpoint.cause = (enum vnep_cause)vnep_cause_parse(vnep_cli_str(cli, "cause", "admin"));
	if (cli->dry_run)
		return preview(cli, &checkpoint);
	rc = vnep_client_open(&client, cli->state, &cli->err);
	if (!rc)
		rc = client ? write_through(cli, client, &checkpoint)
			    : write_here(cli, &checkpoint);
	vnep_client_close(client);
	return rc;
}
