/*
 * inject - whole frames out of a port, in batches (sendmmsg on AF_PACKET).
 *
 * Owner   ours (open/close); frames are lent during the call.
 * Errors  VNEP_EPRIV (CAP_NET_RAW), VNEP_ENOTFOUND, -ENETDOWN, -ENOBUFS, -EMSGSIZE, …
 * Caveat  goes through the port's queueing discipline; order is kept. vnep_inject_unsent says when the
 *         driver has taken everything (SIOCOUTQ).
 */
#ifndef VNEP_INJECT_H
#define VNEP_INJECT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct vnep_err;
struct vnep_inject;

int vnep_inject_open(struct vnep_inject **out, const char *ifname, struct vnep_err *err);
/* The same on a packet socket that somebody else made, not bound and of protocol 0: fd is ours from now on, also when that
 * fails. */
int vnep_inject_open_on(
	struct vnep_inject **out, int fd, const char *ifname, struct vnep_err *err);
void vnep_inject_close(struct vnep_inject *inject);
int vnep_inject_fd(const struct vnep_inject *inject);

/* Returns how many frames were sent (0..count); fewer than count: err says why the next one was not. */
size_t vnep_inject_send(struct vnep_inject *inject, const struct iovec *frames, size_t count,
	struct vnep_err *err);

/* Octets that the kernel still holds (SIOCOUTQ), or a negative code. */
int vnep_inject_unsent(const struct vnep_inject *inject);

#endif
