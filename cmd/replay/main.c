/* vnep-replay - put it back on the wire. */
#include <limits.h>

#include "replay.h"

static const struct vnep_verb verbs[] = {
	{ "send", "[FILE...]", "send packets to the devices they belong to", replay_send_options, 0,
		UINT_MAX, true, replay_send },
	{ "plan", "[FILE...]", "the same without sending: a pcapng of what would be sent",
		replay_plan_options, 0, UINT_MAX, false, replay_plan },
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct vnep_tool tool = { "vnep-replay", "put packets back on the wire",
		verbs };

	return vnep_cli_main(&tool, argc, argv);
}
