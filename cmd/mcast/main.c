/* vnep-mcast - one instruction, many devices. */
#include <limits.h>

#include "mcast.h"

static const struct vnep_verb verbs[] = {
	{ "send", "[FILE...]", "send instructions to the members of a group, asleep or awake",
		mcast_send_options, 0, UINT_MAX, true, mcast_send },
	{ "plan", "", "where an instruction would go: who is awake, who sleeps", mcast_plan_options,
		0, 0, false, mcast_plan },
	{ "members", "", "who reported to listen to a group, beside who is in it",
		mcast_members_options, 0, 0, false, mcast_show_members },
	{ "watch", "", "joins and leaves as they happen", NULL, 0, 0, false, mcast_watch },
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct vnep_tool tool = { "vnep-mcast", "one instruction, many devices",
		verbs };

	return vnep_cli_main(&tool, argc, argv);
}
