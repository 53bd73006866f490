/* watch - what watch.c (the loop), watch-device.c (presence) and watch-drop.c (decisions) share. */
#ifndef VNEP_CMD_ACL_WATCH_H
#define VNEP_CMD_ACL_WATCH_H

#include "acl.h"
#include "vnep/frame.h"
#include "vnep/heap.h"
#include "vnep/table.h"
#include "vnep/tag.h"

struct watch_device {
	struct in6_addr vep; /* key */
	struct vnep_heap_node timer;
	enum vnep_presence_state state;
	struct vnep_mono waking; /* since; a device that nobody wakes is told of again */
};

struct watch_counter {
	char name[128]; /* key: zeros behind the name */
	uint64_t packets;
};

struct watch_port { /* the last stranger at a port since the last report */
	bool has_sample;
	struct vnep_decision sample;
};

struct watch {
	struct vnep_cli *cli;
	struct vnep_acl *acl;
	struct vnep_acl_config config;
	struct vnep_mapstore *store; /* NULL: no map, nobody has a name */
	struct vnep_table devices, counters;
	struct vnep_heap timers;
	struct watch_port ports[VNEP_PORTS_MAX + 1];
	struct vnep_buf out;
};

/* The port that a tag names, counted from 0; -1 if it names none. */
int watch_port_of(const struct watch *w, uint16_t index);
const char *watch_port_name(const struct watch *w, int port);

/* Presence: the snapshot; a frame of the journal port; a change by hand; timers that are due. */
int watch_presence_snapshot(struct watch *w);
int watch_presence_frame(
	struct watch *w, const struct vnep_tag *tag, const struct vnep_frame *frame);
int watch_presence_change(const struct in6_addr *vep, bool awake, void *watch);
int watch_presence_timers(struct watch *w);

/* Decisions: an access request or a sample of a stranger; once a second, what the counters of drops
 * say. */
int watch_access_request(struct watch *w, const struct vnep_tag *tag, const uint8_t *data,
	const struct vnep_frame *frame);
void watch_sample(struct watch *w, const struct vnep_tag *tag, const uint8_t *data,
	const struct vnep_frame *frame);
int watch_drops(struct watch *w, bool report);

void watch_release(struct watch *w);

#endif
