/* bugs - their numbers as in VNEP_BUG(n) of lib/os/journal*.c. */
#include <stddef.h>

#include "bugs.h"

unsigned vnep_bug;

static const char *const names[] = {
	"none",
	"commit-does-not-sync-the-segment",
	"new-segment-without-its-folder",
	"recovered-segment-without-its-folder",
	"failed-sync-is-tried-again-and-believed",
	"torn-group-is-taken",
	"tail-without-mark-is-taken",
	"stale-mark-is-believed",
	"clean-outlives-its-index",
	"failed-write-is-acknowledged",
	"next-segment-forgets-the-end",
	"index-of-another-boot-is-believed",
	"recovery-does-not-sync-what-it-took",
	"leftovers-of-a-rewrite-stay",
	"rewritten-segment-is-not-synced",
	"rewritten-segment-without-its-folder",
	"anchor-of-an-index-that-is-not-synced",
	"anchor-without-its-pin",
	"anchor-outlives-its-segments",
};

const char *vnep_bug_name(unsigned bug)
{
	return bug < sizeof names / sizeof *names ? names[bug] : NULL;
}
