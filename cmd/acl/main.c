/* vnep-acl - the map in the kernel: who may talk, who listens now. */
#include <limits.h>

#include "acl.h"

static const struct vnep_verb verbs[] = {
	{ "render", "[FILE...]", "print the whole ruleset for these records; needs no privilege",
		acl_render_options, 0, UINT_MAX, false, acl_render },
	{ "plan", "[FILE...]", "say what apply would change in the kernel", acl_plan_options, 0,
		UINT_MAX, false, acl_plan },
	{ "apply", "[FILE...]", "make the kernel's rules those of these records", acl_apply_options,
		0, UINT_MAX, true, acl_apply },
	{ "verify", "[FILE...]", "compare the kernel with these records", acl_verify_options, 0,
		UINT_MAX, false, acl_verify },
	{ "import-mud", "[FILE...]", "print device records that allow what these MUD files say",
		acl_import_mud_options, 0, UINT_MAX, false, acl_import_mud },
	{ "explain", "[SRC DST [PROTO [PORT]]]",
		"say what becomes of a packet, and which rule and record decide",
		acl_explain_options, 0, 4, false, acl_explain },
	{ "list", "", "print the kernel's bindings with their counters", NULL, 0, 0, false,
		acl_list },
	{ "watch", "", "print decisions and presence as they happen", NULL, 0, 0, false,
		acl_watch },
	{ "awake", "DEV...", "say that these devices listen now", NULL, 1, UINT_MAX, true,
		acl_awake },
	{ "asleep", "DEV...", "say that these devices do not listen now", NULL, 1, UINT_MAX, true,
		acl_asleep },
	{ "clear", "", "remove the rules and the journal port", NULL, 0, 0, true, acl_clear },
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct vnep_tool tool = { "vnep-acl", "the map in the kernel", verbs };

	return vnep_cli_main(&tool, argc, argv);
}
