/*
 * prune - what is too old or too much goes, and what a device must be forgotten of.
 *
 * Packets that wait and go get an outcome, which is printed. While a vnep-edge lives it does the work.
 */
#include <stdio.h>
#include <string.h>

#include "journal.h"
#include "vnep/json.h"
#include "vnep/mapstore.h"
#include "vnep/recjson.h"
#include "vnep/retention.h"

const struct vnep_option journal_prune_options[] = {
	{ "age", 0, VNEP_ARG_ONE, "AGE", "what is older goes (30d, 12h)", NULL },
	{ "octets", 0, VNEP_ARG_ONE, "N", "at most so many octets of events in all", NULL },
	{ "vpc-octets", 0, VNEP_ARG_ONE, "N", "of each VPC whose map record says nothing", NULL },
	{ "packets", 0, VNEP_ARG_ONE, "N", "at most so many events of each device", NULL },
	{ "dev", 0, VNEP_ARG_ONE, "DEV", "with --erase: whose", NULL },
	{ "erase", 0, VNEP_ARG_NONE, NULL, "take out everything of one device", NULL },
	{ 0 },
};

static int read_limits(struct vnep_cli *cli, struct vnep_retention *limits)
{
	const char *age = vnep_cli_str(cli, "age", NULL);
	char text[64];
	int rc = 0;

	*limits = (struct vnep_retention){ 0 };
	if (age) {
		snprintf(text, sizeof text, "-%s", age);
		if (*age == '-' || vnep_wall_parse(text, &limits->before, &cli->err))
			return vnep_err_set(&cli->err, VNEP_EUSAGE,
				"\"%s\" is no age: a number with s, m, h or d", age);
	}
	if (vnep_cli_has(cli, "octets"))
		rc = vnep_cli_u64(cli, "octets", 1, INT64_MAX, &limits->octets);
	if (!rc && vnep_cli_has(cli, "vpc-octets"))
		rc = vnep_cli_u64(cli, "vpc-octets", 1, INT64_MAX, &limits->vpc_octets);
	if (!rc && vnep_cli_has(cli, "packets"))
		rc = vnep_cli_u64(cli, "packets", 1, INT64_MAX, &limits->packets);
	return rc;
}

static int print_outcome(const struct vnep_outcome *outcome, void *arg)
{
	struct vnep_cli *cli = arg;
	struct vnep_buf out = { 0 };
	int rc;

	if (cli->quiet)
		return 0;
	vnep_outcome_encode(&out, outcome);
	rc = vnep_out_records(cli, &out, false);
	vnep_buf_release(&out);
	return rc;
}

static void say(struct vnep_cli *cli, uint64_t settled, const struct vnep_journal_pruned *pruned)
{
	vnep_cli_say(cli, "%llu that waited settled, %llu events taken out, %llu octets given back",
		(unsigned long long)settled, (unsigned long long)pruned->events,
		(unsigned long long)pruned->octets);
	if (pruned->lost)
		vnep_cli_say(cli, "%llu events lost with segments that are not there any more",
			(unsigned long long)pruned->lost);
}

static int erase_here(struct vnep_cli *cli, struct vnep_journal *journal, const char *dev)
{
	struct vnep_journal_pruned pruned;
	struct vnep_journal_moved moved;
	int rc = vnep_journal_erase(journal, dev, &moved, &pruned, &cli->err);

	if (!rc)
		say(cli, moved.settled, &pruned);
	return rc;
}

static int retain_here(
	struct vnep_cli *cli, struct vnep_journal *journal, const struct vnep_retention *limits)
{
	struct vnep_retention_result result = { 0 };
	struct vnep_mapstore *store = NULL;
	struct vnep_map_txn *txn = NULL;
	int rc = vnep_mapstore_open(&store, cli->state, false, &cli->err);

	if (!rc)
		rc = vnep_map_begin(store, false, &txn, &cli->err);
	if (!rc || rc == VNEP_ENOTFOUND)
		rc = vnep_retention_apply(
			journal, txn, limits, cli->dry_run, print_outcome, cli, &result, &cli->err);
	if (!rc && cli->dry_run)
		vnep_cli_say(cli, "%llu that wait would be settled, %llu events may go",
			(unsigned long long)result.settled, (unsigned long long)result.events);
	else if (!rc || result.pruned.events || result.pruned.lost)
		say(cli, result.settled,
			&result.pruned); /* also of a run that failed: what went is gone */
	vnep_map_abort(txn);
	vnep_mapstore_close(store);
	return rc;
}

static int here(struct vnep_cli *cli, const char *dev, const struct vnep_retention *limits)
{
	struct vnep_journal_device device;
	struct vnep_journal *journal = NULL;
	struct vnep_journal_stat stat;
	int rc = journal_open(cli, VNEP_JOURNAL_READ, &journal); /* makes none */

	if (!rc && *dev)
		rc = vnep_journal_device(journal, dev, &device, &cli->err);
	else if (!rc)
		rc = vnep_journal_stat(journal, &stat, &cli->err);
	if (!rc && *dev && cli->dry_run) {
		vnep_cli_say(cli, "%llu events of %s would be taken out",
			(unsigned long long)device.head_seq, dev);
	} else if (!rc && !cli->dry_run) {
		vnep_journal_close(journal);
		journal = NULL;
		rc = journal_open(cli, VNEP_JOURNAL_WRITE, &journal);
		if (!rc)
			rc = *dev ? erase_here(cli, journal, dev)
				  : retain_here(cli, journal, limits);
	} else if (!rc) {
		rc = retain_here(cli, journal, limits);
	}
	vnep_journal_close(journal);
	return rc;
}

/* The edge answers with the outcomes, and a stat record for each figure. */
static int print_answers(struct vnep_cli *cli, struct vnep_client *client)
{
	struct vnep_journal_pruned pruned = { 0 };
	uint64_t settled = 0;
	struct vnep_buf out = { 0 };
	const char *line, *name;
	int status = 3, rc;
	size_t len;

	while ((rc = vnep_client_next(client, 1, &line, &len, &status, &cli->err)) == 1) {
		struct vnep_json *json = NULL;

		if (vnep_client_told(line, len, &cli->err)) {
			rc = cli->err.code;
			break;
		}
		rc = vnep_json_parse(line, len, &json, &cli->err);
		if (rc)
			break;
		name = vnep_json_get_str(json, "name", "");
		if (!strcmp(name, "vnep_journal_settled"))
			settled = (uint64_t)vnep_json_get_int(json, "value", 0);
		else if (!strcmp(name, "vnep_journal_taken_out"))
			pruned.events = (uint64_t)vnep_json_get_int(json, "value", 0);
		else if (!strcmp(name, "vnep_journal_given_back_octets"))
			pruned.octets = (uint64_t)vnep_json_get_int(json, "value", 0);
		else if (!strcmp(name, "vnep_journal_lost"))
			pruned.lost = (uint64_t)vnep_json_get_int(json, "value", 0);
		else if (!cli->quiet) {
			vnep_buf_put(&out, line, len);
			vnep_buf_put_u8(&out, '\n');
			rc = vnep_out_records(cli, &out, false);
		}
		vnep_json_free(json);
		if (rc)
			break;
	}
	vnep_buf_release(&out);
	if (!rc && (!status || pruned.events || pruned.lost))
		say(cli, settled, &pruned);
	return rc ? rc : status;
}

static int through_edge(struct vnep_cli *cli, struct vnep_client *client, const char *dev,
	const struct vnep_retention *limits)
{
	char members[512];
	int rc;

	if (*dev)
		snprintf(members, sizeof members, "\"erase\":\"%s\"", dev);
	else
		snprintf(members, sizeof members,
			"\"before_us\":%lld,\"octets\":%llu,\"vpc_octets\":%llu,\"packets\":%llu",
			(long long)(limits->before.ns / 1000), (unsigned long long)limits->octets,
			(unsigned long long)limits->vpc_octets,
			(unsigned long long)limits->packets);
	rc = vnep_client_request(client, "journal.prune", members, &cli->err);
	if (!rc)
		rc = vnep_client_end(client, &cli->err);
	return rc ? rc : print_answers(cli, client);
}

int journal_prune(struct vnep_cli *cli)
{
	bool erase = vnep_cli_has(cli, "erase"), whose = vnep_cli_has(cli, "dev");
	char dev[VNEP_URN_MAX + 1] = "";
	struct vnep_client *client = NULL;
	struct vnep_retention limits;
	int rc = read_limits(cli, &limits);

	if (!rc && erase != whose)
		rc = vnep_err_set(&cli->err, VNEP_EUSAGE, "--dev and --erase go together");
	if (!rc && erase &&
		(limits.before.ns || limits.octets || limits.vpc_octets || limits.packets))
		rc = vnep_err_set(&cli->err, VNEP_EUSAGE,
			"--erase takes out everything of a device: it has no limits");
	if (!rc && erase)
		rc = journal_resolve(cli, vnep_cli_str(cli, "dev", ""), dev);
	if (!rc && !cli->dry_run)
		rc = vnep_client_open(&client, cli->state, &cli->err);
	if (!rc)
		rc = client ? through_edge(cli, client, dev, &limits) : here(cli, dev, &limits);
	vnep_client_close(client);
	return rc;
}
