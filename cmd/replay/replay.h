/*
 * replay - what send and plan share: where packets come from, what they become, when they are due.
 *
 * input.c turns records and captures into items, build.c turns an item into the frame that is due
 * on a port (or says why not), pace.c says when. send.c and plan.c are the two places a frame can
 * go.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/buf.h"
#include "vnep/cli.h"
#include "vnep/clock.h"
#include "vnep/mapstore.h"
#include "vnep/mids.h"
#include "vnep/nl.h"
#include "vnep/record.h"

extern const struct vnep_option replay_send_options[], replay_plan_options[];
int replay_send(struct vnep_cli *cli);
int replay_plan(struct vnep_cli *cli);

/* One packet to put back. frame and text are lent during the call. */
struct replay_item {
	char dev[VNEP_URN_MAX + 1]; /* "" in a capture, until its destination is looked up */
	uint64_t seq;		    /* 0 in a capture */
	uint32_t attempt;	    /* the one that this is */
	struct vnep_wall ts;
	const uint8_t *frame;
	size_t len, wire_len;
	const char *text; /* the record it came in; NULL in a capture */
	size_t text_len;
};

/* When: offsets from the first frame, so that lateness never adds up. */
enum replay_mode { REPLAY_TOPSPEED, REPLAY_RECORDED, REPLAY_PPS, REPLAY_BPS };
struct replay_pace {
	enum replay_mode mode;
	uint64_t speed_milli; /* 1000 = as recorded */
	uint64_t rate;	      /* packets or bits a second */
	uint64_t frames, octets;
	struct vnep_wall first;
	int64_t offset_ns; /* of the last frame */
};
int replay_pace_init(struct replay_pace *pace, struct vnep_cli *cli);
int64_t replay_pace_next(struct replay_pace *pace, struct vnep_wall ts, size_t len);

/* How late: buckets of 1/16 of their power of two, in microseconds. */
enum { REPLAY_BUCKETS = 64 * 16 };
struct replay_lateness {
	uint64_t count, max_us, bucket[REPLAY_BUCKETS];
};
void replay_lateness_add(struct replay_lateness *lateness, int64_t late_ns);
uint64_t replay_lateness_us(const struct replay_lateness *lateness, unsigned percent);

/* A port of this machine. */
struct replay_port {
	char name[VNEP_IF_MAX + 1];
	struct vnep_mac mac;
	uint32_t mtu; /* 0: the port is not on this machine (plan only) */
	struct vnep_inject *inject;
};

struct replay_raw {
	bool on, has_mac, has_vlan, has_ip, has_hops;
	struct vnep_mac mac;
	uint16_t vlan;
	struct in6_addr ip;
	uint8_t hops;
	const char *port; /* -i; may be NULL in a plan */
};

struct replay {
	struct vnep_cli *cli;
	struct replay_pace pace;
	struct replay_raw raw;
	bool planning;
	struct vnep_mapstore *map; /* NULL with --raw and behind a living edge */
	struct vnep_nl *nl;
	struct replay_port *ports;
	size_t port_count;
	struct vnep_mono start;	  /* when the first packet went; in a plan time begins with it */
	struct vnep_mids mids;	  /* CoAP message ids that this run sent; an edge has its own */
	struct vnep_buf frame;	  /* the frame that was built last */
	struct vnep_buf out;	  /* records on their way to standard output */
	uint64_t passed, refused; /* records without a packet; items that were not sent */
	int (*take)(struct replay *replay, struct replay_item *item);
	void *arg; /* of take */
};

int replay_init(struct replay *replay, struct vnep_cli *cli, bool planning);
void replay_release(struct replay *replay);

/* Every item of the input to replay->take. A refusal (exit status 1 or 2) is reported and the run
 * goes on; anything else ends it. */
int replay_input(struct replay *replay);

/* The frame of an item, into replay->frame, and the port it is due on. A refusal has written its
 * outcome, where it is final, and says why in cli->err. */
int replay_build(struct replay *replay, struct replay_item *item, struct replay_port **port);

/* Fill item->dev by the destination of its frame. */
int replay_name_device(struct replay *replay, struct replay_item *item);

/* Refuse an item. final: it will not be better another day, so the outcome says failed. */
int replay_refuse(struct replay *replay, const struct replay_item *item, enum vnep_reason reason,
	bool final, const char *why);
void replay_outcome(struct replay *replay, const struct replay_item *item,
	enum vnep_outcome_word outcome, enum vnep_reason reason);
void replay_confirm(
	struct replay *replay, const struct replay_item *item, enum vnep_evidence evidence);

int replay_port_get(struct replay *replay, const char *name, struct replay_port **out);

#endif
