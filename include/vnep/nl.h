/*
 * nl - a netlink socket: requests with acknowledgement, dumps, events. The kernel's own words in
 * errors.
 *
 * Owner   struct vnep_nl is ours (open/close). Messages handed to callbacks are lent during the
 *         call.
 * Errors  -errno of the kernel with its extended-ack text in the detail (VNEP_EPRIV for EPERM,
 *         naming CAP_NET_ADMIN); VNEP_EUNKNOWN when an acknowledgement got lost (ENOBUFS, or none
 *         within 10 s): look before going on; VNEP_ECONFLICT for a dump that was interrupted each
 *         time it was tried.
 * Source  netlink(7), libmnl (only the _check putters are used), linux/netlink.h.
 */
#ifndef VNEP_NL_H
#define VNEP_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;
struct vnep_err;
struct vnep_nl;

/* protocol: NETLINK_ROUTE or NETLINK_NETFILTER. */
int vnep_nl_open(struct vnep_nl **out, int protocol, struct vnep_err *err);
void vnep_nl_close(struct vnep_nl *nl);
int vnep_nl_fd(const struct vnep_nl *nl);
uint32_t vnep_nl_portid(const struct vnep_nl *nl); /* in nlmsg_pid of events that its requests caused */
uint32_t vnep_nl_next_seq(struct vnep_nl *nl);

/* Join a multicast group (setsockopt NETLINK_ADD_MEMBERSHIP). */
int vnep_nl_join(struct vnep_nl *nl, unsigned group, struct vnep_err *err);

/* Send one request (NLM_F_ACK is added) and wait for its acknowledgement. */
int vnep_nl_request(struct vnep_nl *nl, struct nlmsghdr *msg, struct vnep_err *err);

/* Send a dump or get request and hand each answer to cb. Interrupted dumps are repeated a few
 * times: restart (may be NULL) is called before each repetition to forget what was gathered.
 * VNEP_NL_ENOUGH from cb ends it there and is returned: then the socket is good for nothing but to be closed. */
enum { VNEP_NL_ENOUGH = 1 };
typedef int vnep_nl_cb(const struct nlmsghdr *msg, void *arg);
int vnep_nl_dump(struct vnep_nl *nl, struct nlmsghdr *msg, vnep_nl_cb *cb,
	void (*restart)(void *arg), void *arg, struct vnep_err *err);

/* Send a get request whose answers are many and small (each below 2 KiB). */
int vnep_nl_get_small(struct vnep_nl *nl, struct nlmsghdr *msg, vnep_nl_cb *cb, void *arg,
	struct vnep_err *err);

/* Send a prepared buffer (an nftables batch) and collect its acknowledgements: cb (may be NULL) is
 * told of each error: sequence number of the refused message, errno, kernel text, and where in the message the
 * attribute lies that is to blame (0: not told; kernels since 5.18 tell it of elements). Returns the first
 * error. first_seq is the begin message; the message of last_seq must carry NLM_F_ACK: its answer
 * is the end. */
typedef void vnep_nl_refused_cb(
	uint32_t seq, int errnum, const char *text, size_t offset, void *arg);
int vnep_nl_batch(struct vnep_nl *nl, const void *data, size_t len, uint32_t first_seq,
	uint32_t last_seq, vnep_nl_refused_cb *cb, void *arg, struct vnep_err *err);

/* How many octets a batch may have: half of the send buffer that the kernel granted. */
size_t vnep_nl_batch_max(const struct vnep_nl *nl);

/* Read what is there (events), without waiting. VNEP_EUNKNOWN after ENOBUFS: events were lost, read
 * the state anew. */
int vnep_nl_events(struct vnep_nl *nl, vnep_nl_cb *cb, void *arg, struct vnep_err *err);

/* Attributes of a message that came from the kernel, walked inside its bounds. type without the
 * nested and byte order bits; data is lent and need not be aligned. offset: the family's own
 * header. */
struct vnep_nl_attrs {
	const uint8_t *at;
	size_t left;
};
struct vnep_nl_attr {
	uint16_t type;
	const uint8_t *data;
	size_t len;
};
void vnep_nl_attrs_init(struct vnep_nl_attrs *walk, const void *data, size_t len);
void vnep_nl_attrs_message(struct vnep_nl_attrs *walk, const struct nlmsghdr *msg, size_t offset);
bool vnep_nl_attrs_next(struct vnep_nl_attrs *walk, struct vnep_nl_attr *out);

#endif
