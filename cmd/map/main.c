/* vnep-map - who is who: devices, VPCs and groups. */
#include <limits.h>

#include "map.h"

static const struct vnep_verb verbs[] = {
	{ "import", "[FILE...]", "add or change records, all or nothing", map_import_options, 0,
		UINT_MAX, true, map_import },
	{ "get", "DEV...", "print the records of these devices", map_get_options, 1, UINT_MAX,
		false, map_get },
	{ "list", "", "print all records, or those that match", map_list_options, 0, 0, false,
		map_list },
	{ "set", "[FILE...]", "add or change records, if they are as you read them",
		map_set_options, 0, UINT_MAX, true, map_set },
	{ "delete", "DEV...", "delete devices, VPCs or groups, all or none", map_delete_options, 1,
		UINT_MAX, true, map_delete },
	{ "check", "[FILE...]", "say what is wrong with these records; no map needed",
		map_check_options, 0, UINT_MAX, false, map_check },
	{ "diff", "[FILE...]", "say what import --replace would change", map_diff_options, 0,
		UINT_MAX, false, map_diff },
	{ "watch", "", "print the map, then every change of it", map_watch_options, 0, 0, false,
		map_watch },
	{ "publish", "", "bring the names of the map into DNS", map_publish_options, 0, 0, true,
		map_publish },
	{ "stat", "", "counts, revision and size of the map", NULL, 0, 0, false, map_stat },
	{ 0 },
};

int main(int argc, char **argv)
{
	static const struct vnep_tool tool = { "vnep-map", "who is who", verbs };

	return vnep_cli_main(&tool, argc, argv);
}
