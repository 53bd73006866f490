/* select - opening the journal, naming devices, and which items a verb is asked for. */
#include <stdio.h>
#include <string.h>

#include "journal.h"
#include "vnep/clock.h"
#include "vnep/mapstore.h"

int journal_open(struct vnep_cli *cli, enum vnep_journal_open how, struct vnep_journal **out)
{
	uint64_t cut = 0;
	int rc = vnep_journal_open(out, cli->state, how, NULL, &cut, &cli->err);

	if (!rc && cut)
		vnep_cli_say(cli, "cut a torn tail of %llu octets that were never acknowledged",
			(unsigned long long)cut);
	if (!rc && vnep_journal_anew(*out))
		vnep_cli_say(cli, "the index was made anew (%s)", vnep_journal_anew(*out));
	return rc;
}

int journal_damaged(struct vnep_cli *cli, uint64_t ranges)
{
	vnep_err_set(&cli->err, VNEP_EDAMAGED, "%llu damaged ranges were left out",
		(unsigned long long)ranges);
	vnep_err_hint(&cli->err, "vnep-journal verify lists them");
	return VNEP_EDAMAGED;
}

static int resolve_in_map(struct vnep_mapstore *store, const char *word,
	char dev[static VNEP_URN_MAX + 1], struct vnep_err *err)
{
	struct vnep_map_txn *txn;
	int rc = vnep_map_begin(store, false, &txn, err);

	if (rc)
		return rc;
	rc = vnep_map_resolve(txn, word, dev, err);
	vnep_map_abort(txn);
	return rc;
}

int journal_resolve(struct vnep_cli *cli, const char *word, char dev[static VNEP_URN_MAX + 1])
{
	struct vnep_mapstore *store = NULL;
	bool urn = !strncasecmp(word, "urn:", 4), map;
	int rc = vnep_mapstore_open(&store, cli->state, false, &cli->err);

	map = !rc;
	if (!rc)
		rc = resolve_in_map(store, word, dev, &cli->err);
	vnep_mapstore_close(store);
	if (rc == VNEP_ENOTFOUND && urn) /* the journal may know what the map has forgotten */
		rc = vnep_urn_canonical(word, dev, &cli->err);
	else if (rc == VNEP_ENOTFOUND && !map)
		rc = vnep_err_set(&cli->err, VNEP_EUSAGE,
			"\"%s\" is not a URN, and there is no map in %s to look it up in", word,
			cli->state);
	if (!rc)
		cli->err = (struct vnep_err){ 0 };
	return rc;
}

static int time_option(struct vnep_cli *cli, const char *name, struct vnep_wall *out)
{
	const char *text = vnep_cli_str(cli, name, NULL);

	return text ? vnep_wall_parse(text, out, &cli->err) : 0;
}

/* Has this verb the option at all? (Asking for one that is not in its table is a bug.) */
static bool offers(const struct vnep_cli *cli, const char *name)
{
	for (const struct vnep_option *o = cli->verb->options; o && o->name; o++)
		if (!strcmp(o->name, name))
			return vnep_cli_has(cli, name);
	return false;
}

int journal_select_init(struct journal_select *select, struct vnep_cli *cli)
{
	const uint64_t max = (1ULL << 53) - 1;
	uint64_t after = 0;
	int rc = 0;

	*select = (struct journal_select){ .until.ns = INT64_MAX };
	if (offers(cli, "dev"))
		rc = journal_resolve(cli, vnep_cli_str(cli, "dev", ""), select->dev);
	if (!rc && offers(cli, "from"))
		rc = vnep_cli_u64(cli, "from", 1, max, &select->from);
	if (!rc && offers(cli, "after-seq"))
		rc = vnep_cli_u64(cli, "after-seq", 0, max, &after);
	if (!rc && offers(cli, "conn"))
		rc = vnep_cli_u64(cli, "conn", 0, UINT32_MAX, &select->conn);
	if (!rc && (offers(cli, "from") || offers(cli, "after-seq")) && !select->dev[0])
		rc = vnep_err_set(&cli->err, VNEP_EUSAGE,
			"sequence numbers are those of one device: say which with --dev");
	if (rc)
		return rc;
	if (after >= select->from && offers(cli, "after-seq"))
		select->from = after + 1;
	if (offers(cli, "direction"))
		select->direction = (enum vnep_direction)vnep_direction_parse(
			vnep_cli_str(cli, "direction", "none"));
	rc = time_option(cli, "since", &select->since);
	return rc ? rc : time_option(cli, "until", &select->until);
}

const char *journal_item_dev(const struct vnep_journal_item *item)
{
	return item->type == VNEP_RECORD_EVENT        ? item->event.dev
	       : item->type == VNEP_RECORD_CHECKPOINT ? item->checkpoint.dev
						      : item->outcome.dev;
}

struct vnep_wall journal_item_ts(const struct vnep_journal_item *item)
{
	return item->type == VNEP_RECORD_EVENT        ? item->event.ts
	       : item->type == VNEP_RECORD_CHECKPOINT ? item->checkpoint.ts
						      : item->outcome.ts;
}

/* A checkpoint belongs to a connection, not to a sequence number; an outcome the other way round.
 */
bool journal_select_has(const struct journal_select *select, const struct vnep_journal_item *item)
{
	bool event = item->type == VNEP_RECORD_EVENT, outcome = item->type == VNEP_RECORD_OUTCOME;
	struct vnep_wall ts = journal_item_ts(item);
	uint32_t conn = event ? item->event.conn : item->checkpoint.conn;

	if (select->dev[0] && strcmp(select->dev, journal_item_dev(item)))
		return false;
	if (ts.ns < select->since.ns || ts.ns > select->until.ns)
		return false;
	if (select->conn && (outcome || conn != select->conn))
		return false;
	if (select->direction && (!event || item->event.direction != select->direction))
		return false;
	return !(event && item->event.seq < select->from) &&
	       !(outcome && item->outcome.seq < select->from);
}
