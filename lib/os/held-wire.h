/* held-wire - what holder and worker say to each other: one message each way, of one size, a descriptor beside it or not. */
#ifndef VNEP_HELD_WIRE_H
#define VNEP_HELD_WIRE_H

#include <stdint.h>

#include "vnep/holder.h"

enum held_verb { HELD_SOCKET = 1, HELD_KEEP, HELD_GET, HELD_TELL, HELD_UPGRADE, HELD_UPGRADES };

enum { HELD_NAME = 16 };

struct held_request {
	uint32_t verb;
	uint32_t what; /* HELD_TELL: enum vnep_tell */
	char name[HELD_NAME];
	uint8_t note[VNEP_HELD_NOTE];
};

struct held_reply {
	int32_t rc; /* 0 or -errno */
	uint8_t note[VNEP_HELD_NOTE]; /* HELD_UPGRADES: struct vnep_held_upgrades */
};

/* One message. fd: -1 = none. Both: 0, or -errno; receive: 1, and *fd is -1 or the caller's; 0 at the end. */
int held_send(int sock, const void *message, size_t len, int fd);
int held_receive(int sock, void *message, size_t len, int *fd);

#endif
