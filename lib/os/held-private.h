/* held-private - the worker's end, made by the holder's fork. */
#ifndef VNEP_HELD_PRIVATE_H
#define VNEP_HELD_PRIVATE_H

struct vnep_held {
	int sock;
	int holder_pid;
};

struct vnep_held *held_new(int sock, int holder_pid); /* NULL: no memory */

#endif
