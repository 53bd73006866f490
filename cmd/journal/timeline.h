/* timeline - its picture. */
#ifndef TIMELINE_H
#define TIMELINE_H

#include "journal.h"

int journal_timeline_svg(struct vnep_cli *cli, struct vnep_journal *journal,
	const struct journal_select *select, const struct vnep_journal_device *device);

#endif
