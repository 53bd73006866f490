/* vnep-edge - the edge node: its verbs. */
#include <limits.h>

#include "edge.h"
#include "vnep/holder.h"

static const struct vnep_option run_options[] = {
	{ "config", 'c', VNEP_ARG_ONE, "FILE",
		"the configuration (default /etc/vnep/edge.conf if it is there)", NULL },
	{ "name", 0, VNEP_ARG_ONE, "NAME", "of this edge in records (default: the host's name)",
		NULL },
	{ "region", 0, VNEP_ARG_ONE, "NAME", "the region it belongs to (default: local)", NULL },
	{ "access", 0, VNEP_ARG_LIST, "IF", "ports where devices are", NULL },
	{ "advertise", 0, VNEP_ARG_LIST, "'PORT PREFIX [WORD=N...]'",
		"router advertisements with this /64 on an access port", NULL },
	{ "core", 0, VNEP_ARG_ONE, "IF", "port where the VPCs are", NULL },
	{ "mld", 0, VNEP_ARG_LIST, "'PORT... [WORD=N...]'",
		"access ports on which it asks who listens to which groups", NULL },
	{ "journal-port", 0, VNEP_ARG_ONE, "IF",
		"veth for packets to the journal (default vnep-j0, made if missing)", NULL },
	{ "set-size", 0, VNEP_ARG_ONE, "N", "elements a kernel set may hold (default 1048576)",
		NULL },
	{ "segment-octets", 0, VNEP_ARG_ONE, "SIZE", "size of a journal segment (default 64M)",
		NULL },
	{ "retain-age", 0, VNEP_ARG_ONE, "AGE",
		"the journal keeps nothing that is older (30d, 12h)", NULL },
	{ "retain-octets", 0, VNEP_ARG_ONE, "SIZE", "octets of events that it keeps (512M, 20G)",
		NULL },
	{ "retain-vpc-octets", 0, VNEP_ARG_ONE, "SIZE", "of each VPC whose map record says nothing",
		NULL },
	{ "retain-packets", 0, VNEP_ARG_ONE, "N", "events of each device", NULL },
	{ "retain-every", 0, VNEP_ARG_ONE, "TIME", "how often it looks after that (default 60s)",
		NULL },
	{ "announce", 0, VNEP_ARG_ONE, "N",
		"endpoints announced a second on the core port, or none (default 1000)", NULL },
	{ "replay-pps", 0, VNEP_ARG_ONE, "N",
		"packets a second to all waking devices of an access port (default 0: no limit)",
		NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};

static const struct vnep_option attach_options[] = {
	{ "port", 0, VNEP_ARG_ONE, "IF", "access port where it is", NULL },
	{ "vlan", 0, VNEP_ARG_ONE, "N", "its VLAN: must be the one in the map", NULL },
	{ "addr", 0, VNEP_ARG_ONE, "ADDRESS", "the address it uses on its link", NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};

static const struct vnep_option top_options[] = {
	{ "once", 0, VNEP_ARG_NONE, NULL, "print it once, as text", NULL },
	{ "every", 0, VNEP_ARG_ONE, "TIME", "how often it looks (default 1s)", NULL },
	{ NULL, 0, 0, NULL, NULL, NULL },
};

static const struct vnep_verb verbs[] = {
	{ .name = "run",
		.help = "the daemon, in the foreground",
		.options = run_options,
		.run = edge_run },
	{ .name = "check",
		.help = "is this configuration good",
		.options = run_options,
		.run = edge_check },
	{ .name = "status",
		.args = "[DEV...]",
		.max = UINT_MAX,
		.run = edge_status,
		.help = "totals with the conservation law, or one record per device" },
	{ .name = "watch",
		.help = "decisions, presence, checkpoints, outcomes and memberships as they happen",
		.run = edge_watch },
	{ .name = "top",
		.help = "a live screen: states, rates, backlog, what is dropped and why",
		.options = top_options,
		.run = edge_top },
	{ .name = "metrics", .help = "all numbers as OpenMetrics text", .run = edge_metrics },
	{ .name = "attach",
		.args = "DEV...",
		.min = 1,
		.max = UINT_MAX,
		.options = attach_options,
		.help = "say from outside that a device is there",
		.run = edge_attach },
	{ .name = "detach",
		.args = "DEV...",
		.min = 1,
		.max = UINT_MAX,
		.help = "say from outside that a device is gone to sleep",
		.run = edge_detach },
	{ .name = "reload",
		.help = "read the configuration again, without touching traffic",
		.run = edge_reload },
	{ .name = "upgrade",
		.help = "the program that lies now in the place of the running one takes over, "
			"under traffic",
		.run = edge_upgrade },
	{ .name = "stop",
		.help = "end the daemon; awake devices go on by the kernel",
		.run = edge_stop },
	{ .name = NULL },
};

int main(int argc, char **argv)
{
	static const struct vnep_tool tool = { "vnep-edge",
		"the edge node: forwards, journals, replays", verbs };

	return vnep_holder_tried(vnep_cli_main(&tool, argc, argv));
}
