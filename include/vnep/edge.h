/*
 * edge - the edge node: everything of DESIGN.md sections 3 and 4, in one process and one loop.
 *
 * Shape   vnep_edge_config is a plain struct, filled from defaults, a file (key = value, [sections]) and
 *         options, in that order. vnep_edge_run returns when it was told to stop.
 * Owner   struct vnep_edge is ours (new/free).
 * Errors  VNEP_EVALUE with FILE:LINE for a bad configuration, VNEP_EBUSY when another vnep-edge lives on the
 *         state folder (its pid is named), VNEP_EPRIV, VNEP_EKERNEL, VNEP_ENOTFOUND (no such port).
 */
#ifndef VNEP_EDGE_H
#define VNEP_EDGE_H

#include "vnep/acl.h"

struct vnep_edge;

struct vnep_edge_config {
	char name[VNEP_LABEL_MAX + 1];   /* of this edge in records; default: the host's name */
	char region[VNEP_LABEL_MAX + 1]; /* default: "local" */
	struct vnep_acl_config acl;      /* ports, set size */
	uint64_t segment_octets;         /* of the journal, 0 = its default */
};

void vnep_edge_config_init(struct vnep_edge_config *config);

/* One key, as in the file and as an option: name, region, access, core, journal-port, set-size,
 * segment-octets. access adds ports, separated by commas. A bad value changes nothing. */
int vnep_edge_config_set(struct vnep_edge_config *config, const char *key, const char *value,
	struct vnep_err *err);

/* Read a file: lines of at most 4,095 octets; # and ; begin a comment at the start of a line or behind a
 * blank; a key stands once (access: as often as you like). Stops at the first mistake and names its line, or
 * hands each mistake to report (may be NULL) and goes on; returns the first. */
typedef void vnep_edge_config_report(const struct vnep_err *err, void *arg);
int vnep_edge_config_read(struct vnep_edge_config *config, const char *path,
	vnep_edge_config_report *report, void *arg, struct vnep_err *err);

/* Is it whole: at least one access port, a core port, no port twice. */
int vnep_edge_config_check(const struct vnep_edge_config *config, struct vnep_err *err);

/* Log lines of the daemon: a level as in syslog(3) and one line of text that names the part that speaks. */
typedef void vnep_edge_log(int level, const char *text, void *arg);

/* Take the state folder and the control socket, make the kernel hold the map, resume what was going on. */
int vnep_edge_new(struct vnep_edge **out, const struct vnep_edge_config *config, const char *state,
	const char *socket, vnep_edge_log *log, void *log_arg, struct vnep_err *err);

/* Until SIGTERM, SIGINT or the verb stop. The kernel's table stays: awake devices go on. */
int vnep_edge_run(struct vnep_edge *edge, struct vnep_err *err);
void vnep_edge_free(struct vnep_edge *edge);

#endif
