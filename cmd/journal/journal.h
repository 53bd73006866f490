/* journal - what the verbs of vnep-journal share. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "vnep/buf.h"
#include "vnep/cli.h"
#include "vnep/client.h"
#include "vnep/journal.h"
#include "vnep/out.h"
#include "vnep/table.h"

extern const struct vnep_option journal_record_options[], journal_read_options[],
	journal_watch_options[], journal_checkpoint_options[], journal_timeline_options[],
	journal_prune_options[], journal_state_options[];
int journal_record(struct vnep_cli *cli);
int journal_append(struct vnep_cli *cli);
int journal_read(struct vnep_cli *cli);
int journal_watch(struct vnep_cli *cli);
int journal_checkpoint(struct vnep_cli *cli);
int journal_pending(struct vnep_cli *cli);
int journal_timeline(struct vnep_cli *cli);
int journal_state(struct vnep_cli *cli);
int journal_verify(struct vnep_cli *cli);
int journal_prune(struct vnep_cli *cli);
int journal_stat(struct vnep_cli *cli);

/* Open it and say what was cut. */
int journal_open(struct vnep_cli *cli, enum vnep_journal_open how, struct vnep_journal **out);

/* The error of a reader that left something out. */
int journal_damaged(struct vnep_cli *cli, uint64_t ranges);

/* DEV: by the map where there is one, a URN also without it. */
int journal_resolve(struct vnep_cli *cli, const char *word, char dev[static VNEP_URN_MAX + 1]);

/* Which items are wanted: --dev --from --since --until --conn --direction. Options that a verb does
 * not have are not asked for. */
#define JOURNAL_SELECT_OPTIONS                                                               \
	{ "since", 0, VNEP_ARG_ONE, "TIME", "from this time on (RFC 3339, or -10m)", NULL }, \
		{ "until", 0, VNEP_ARG_ONE, "TIME", "up to this time", NULL },               \
	{                                                                                    \
		"conn", 0, VNEP_ARG_ONE, "N", "of the N-th connection of its device", NULL   \
	}

struct journal_select {
	char dev[VNEP_URN_MAX + 1];
	uint64_t from, conn;
	struct vnep_wall since, until;
	enum vnep_direction direction;
};
int journal_select_init(struct journal_select *select, struct vnep_cli *cli);
bool journal_select_has(const struct journal_select *select, const struct vnep_journal_item *item);

/* The numbers of each device, as they come by. NULL: no memory. */
struct journal_sequence {
	char dev[VNEP_URN_MAX + 1]; /* zeros behind the text: it is the key */
	uint64_t last;
};
void journal_sequences_init(struct vnep_table *sequences);
void journal_sequences_release(struct vnep_table *sequences);
struct journal_sequence *journal_sequence_of(struct vnep_table *sequences, const char *dev);
uint64_t journal_sequence_end(const struct vnep_journal_item *item); /* it may be a range */

/* Items to standard output as records, csv or pcapng. */
enum journal_format { JOURNAL_JSON, JOURNAL_CSV, JOURNAL_PCAPNG };
struct journal_output {
	struct vnep_cli *cli;
	enum journal_format format;
	struct vnep_buf buf;
	struct vnep_table interfaces; /* of pcapng: one for each device seen */
};
int journal_output_init(struct journal_output *output, struct vnep_cli *cli);
int journal_output_put(struct journal_output *output, const struct vnep_journal_item *item);
int journal_output_flush(struct journal_output *output, bool now);
void journal_output_release(struct journal_output *output);

/* The edge's answers to journal.append, once all was sent: printed, refusals counted. lines: the
 * line (unsigned) that each record stood in; NULL: there was no file. 0, or an exit status. */
int journal_edge_answers(
	struct vnep_cli *cli, struct vnep_client *client, const struct vnep_buf *lines);

const char *journal_proto(uint8_t proto, char spare[static 8]);
const char *journal_item_dev(const struct vnep_journal_item *item);
struct vnep_wall journal_item_ts(const struct vnep_journal_item *item);

#endif
