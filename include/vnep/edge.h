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

/* What the journal keeps: 0 = no limit. */
struct vnep_retain {
	uint64_t age_s;
	uint64_t octets, vpc_octets; /* of events */
	uint64_t packets;	     /* events of each device */
	uint32_t every_s;	     /* how often it is looked after */
};

enum { VNEP_ADVERTISE_MAX = 128 };

/* A router advertisement on an access port: one prefix of one VLAN. Those of one port and VLAN are one router: they
 * agree in lifetime, interval and MTU. RFC 4861 6.2.1. */
struct vnep_advertise {
	char port[VNEP_IF_MAX + 1];
	struct vnep_prefix prefix; /* a /64 */
	uint32_t vlan;             /* 0 = untagged */
	uint32_t lifetime_s;       /* of the router; 0: devices take no default route from it */
	uint32_t interval_s;       /* at most so long until the next one */
	uint32_t valid_s, preferred_s; /* of the prefix; UINT32_MAX = for ever */
	uint32_t mtu;                  /* 0 = what the port has */
	unsigned file, line;           /* of the configuration's files; line 0 = it came otherwise */
};

/* An access port on which the edge asks who listens to which groups. RFC 3810 9. */
struct vnep_querier {
	char port[VNEP_IF_MAX + 1];
	uint32_t interval_s;  /* between two general queries */
	uint32_t response_ms; /* in which answers come, less than that */
	unsigned file, line;  /* as of an advertisement */
};

enum { VNEP_EDGE_FILES_MAX = 32 };

struct vnep_edge_config {
	char name[VNEP_LABEL_MAX + 1];   /* of this edge in records; default: the host's name */
	char region[VNEP_LABEL_MAX + 1]; /* default: "local" */
	struct vnep_acl_config acl;      /* ports, set size */
	uint64_t segment_octets;         /* of the journal, 0 = its default */
	struct vnep_retain retain;
	uint32_t replay_pps; /* of an access port, for all its waking devices; 0 = as fast as it takes them */
	uint32_t announce_pps; /* endpoints on the core port; 0 = none */
	struct vnep_advertise advertise[VNEP_ADVERTISE_MAX];
	unsigned advertise_count;
	struct vnep_querier querier[VNEP_PORTS_MAX];
	unsigned querier_count;
	char files[VNEP_EDGE_FILES_MAX][256]; /* those that were read, in their order; for errors */
	unsigned file_count;
};

void vnep_edge_config_init(struct vnep_edge_config *config);

/* One key, as in the file and as an option: name, region, access, advertise, announce, core, mld, journal-port, set-size,
 * segment-octets, retain-age, -octets, -vpc-octets, -packets, -every, replay-pps. access adds ports, separated by commas; advertise adds one PORT PREFIX [WORD=VALUE...],
 * mld the queriers of PORT [PORT...] [WORD=VALUE...].
 * A bad value changes nothing. */
int vnep_edge_config_set(struct vnep_edge_config *config, const char *key, const char *value,
	struct vnep_err *err);

/* Read a file: lines of at most 4,095 octets; # and ; begin a comment at the start of a line or behind a
 * blank; a key stands once in it (access, advertise, mld: as often as you like, and without a value: nothing of what was
 * said before). Stops at the first mistake and names its line, or hands each mistake to report (may be NULL) and goes
 * on; returns the first. Files that are read later win. */
typedef void vnep_edge_config_report(const struct vnep_err *err, void *arg);
int vnep_edge_config_read(struct vnep_edge_config *config, const char *path,
	vnep_edge_config_report *report, void *arg, struct vnep_err *err);

/* The file, if it is there, and then each file of the folder PATH.d whose name ends in ".conf" and begins with no dot,
 * in the order of their names (strcmp); whole: PATH must be there. At most VNEP_EDGE_FILES_MAX in all. */
int vnep_edge_config_read_all(struct vnep_edge_config *config, const char *path, bool whole,
	vnep_edge_config_report *report, void *arg, struct vnep_err *err);

/* Is it whole: at least one access port, a core port, no port twice, nothing advertised, and no querier, but on access ports.
 * Reports as _read does. */
int vnep_edge_config_check(const struct vnep_edge_config *config, vnep_edge_config_report *report,
	void *arg, struct vnep_err *err);

/* Does the port take frames as large as is advertised? VNEP_EVALUE. */
int vnep_edge_advertise_fits(const struct vnep_edge_config *config,
	const struct vnep_advertise *advertise, uint32_t port_mtu, struct vnep_err *err);

/* Can an edge of this configuration serve the map of the state folder? Every record that it cannot (a VLAN on one
 * side only, another core port) goes to report; returns the first VNEP_EVALUE. 0 also where there is no map. A sender of a
 * group whom nobody will ever hear goes to report, too, by VNEP_EDIFFERS, which is no failure. */
int vnep_edge_map_check(const struct vnep_edge_config *config, const char *state,
	vnep_edge_config_report *report, void *arg, struct vnep_err *err);

/* The program that an edge lives in. All but log may be NULL. */
struct vnep_edge_host {
	/* A line of the daemon: a level as in syslog(3), and text that names the part that speaks. */
	void (*log)(int level, const char *text, void *arg);
	/* The configuration as it is now, read as it was read at the start; each mistake goes to report. */
	int (*configure)(struct vnep_edge_config *config, vnep_edge_config_report *report, void *report_arg,
		void *arg);
	/* To the service manager: assignments as in sd_notify(3), a line each. */
	void (*notify)(const char *text, void *arg);
	const char *config_file; /* what _configure reads: its folder stays readable for the worker of a holder */
	uint64_t watchdog_us; /* it wants to hear WATCHDOG=1 within that time; 0: it does not */
	void *arg;
};

/* Take the state folder and the control socket, make the kernel hold the map, resume what was going on. held: the holder,
 * whose worker this process is (holder.h; it stays the caller's); NULL: there is none, and the ring ends with us. *host
 * is copied, what its arg is must live as long as the edge. */
struct vnep_held;
int vnep_edge_new(struct vnep_edge **out, const struct vnep_edge_config *config, const char *state,
	const char *socket, struct vnep_held *held, const struct vnep_edge_host *host, struct vnep_err *err);

/* Until SIGTERM, SIGINT or the verb stop. The kernel's table stays: awake devices go on. SIGHUP: as the verb reload. */
int vnep_edge_run(struct vnep_edge *edge, struct vnep_err *err);
void vnep_edge_free(struct vnep_edge *edge);

#endif
