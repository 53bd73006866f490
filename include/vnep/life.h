/*
 * life - the life of a device as one pure function: (state, event) -> (state, what to do).
 *
 *     unknown, asleep --sign of life--> waking --backlog empty--> holding --held--> awake
 *     holding --busy--> waking
 *     waking, holding, awake --silence, link down, detach--> asleep
 *
 * holding is the last step of waking (the presence word stays `waking`): the device is in the kernel's
 * @awake set, its neighbour entry is gone, so that the kernel queues what takes the fast path while the ring
 * is drained (DESIGN.md section 4, models/handover.pml V=3).
 *
 * Owner   plain values, no I/O: the caller carries the actions out, in the order of their bits.
 */
#ifndef VNEP_LIFE_H
#define VNEP_LIFE_H

#include <stdbool.h>

#include "vnep/word.h"

enum vnep_life { VNEP_LIFE_UNKNOWN, VNEP_LIFE_ASLEEP, VNEP_LIFE_WAKING, VNEP_LIFE_HOLDING, VNEP_LIFE_AWAKE };

enum vnep_life_event {
	VNEP_LIFE_SIGN,          /* the device spoke, or was attached from outside */
	VNEP_LIFE_PACKET,        /* a packet for it came by the ring although the kernel believes it awake */
	VNEP_LIFE_BACKLOG_EMPTY, /* everything pending was sent */
	VNEP_LIFE_HELD,          /* barrier passed, ring drained, rest sent */
	VNEP_LIFE_BUSY,          /* it got packets meanwhile: the hand-over was taken back */
	VNEP_LIFE_SILENCE,       /* its active time is over */
	VNEP_LIFE_DOWN,          /* link down, or detached from outside */
};

enum vnep_life_action {
	VNEP_DO_UNAWAKE = 1 << 0,    /* take V out of @awake, remove its neighbour */
	VNEP_DO_DISCONNECT = 1 << 1, /* disconnect event and checkpoint */
	VNEP_DO_CONNECT = 1 << 2,    /* connect event: the next connection begins */
	VNEP_DO_REPLAY = 1 << 3,     /* send what is pending */
	VNEP_DO_HOLD = 1 << 4,       /* no neighbour, V into @awake, barrier */
	VNEP_DO_RELEASE = 1 << 5,    /* the kernel has it now */
};

/* never_awake: a device whose active time is 0 is never handed to the kernel: it stays waking until it is silent. */
enum vnep_life vnep_life_step(enum vnep_life now, enum vnep_life_event event, bool never_awake,
	unsigned *actions);

enum vnep_presence_state vnep_life_presence(enum vnep_life life);

#endif
