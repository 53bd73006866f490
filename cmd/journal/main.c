/* vnep-journal - what happened: the event stream of every device. */
#include <limits.h>

#include "journal.h"

static const struct vnep_verb verbs[] = {
	{ "record", "", "capture packets into the journal", journal_record_options, 0, 0, false,
		journal_record },
	{ "append", "", "take event, checkpoint and outcome records from standard input", NULL, 0,
		0, true, journal_append },
	{ "read", "", "print what the journal holds", journal_read_options, 0, 0, false,
		journal_read },
	{ "watch", "", "print what the journal holds, then what comes", journal_watch_options, 0, 0,
		false, journal_watch },
	{ "checkpoint", "", "move a cursor of a device, or list its checkpoints",
		journal_checkpoint_options, 0, 0, true, journal_checkpoint },
	{ "pending", "", "print a status record for each device that waits for packets", NULL, 0, 0,
		false, journal_pending },
	{ "state", "", "what a device said last, per flow and CoAP path", journal_state_options, 0,
		0, false, journal_state },
	{ "timeline", "", "the life of a device, to be read by people", journal_timeline_options, 0,
		0, false, journal_timeline },
	{ "verify", "", "read everything, check every hash and sequence", NULL, 0, 0, false,
		journal_verify },
	{ "prune", "", "take out what is too old or too much, or all of one device",
		journal_prune_options, 0, 0, true, journal_prune },
	{ "stat", "", "segments, devices, octets, oldest, newest", NULL, 0, 0, false,
		journal_stat },
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct vnep_tool tool = { "vnep-journal", "what happened", verbs };

	return vnep_cli_main(&tool, argc, argv);
}
