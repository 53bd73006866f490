/*
 * nl - netlink sockets: one request, one dump, one batch, what happened since.
 *
 * Answers are matched by sequence number and port: an answer of an earlier request that came late
 * (its reader gave up) is passed over, never taken for ours. The kernel works while sendmsg runs,
 * so a missing answer after the timeout means it was lost, and the outcome is unknown.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "vnep/err.h"
#include "vnep/nl.h"

enum {
	RECV_OCTETS = 128 << 10, /* dumps come in messages of at most 32 KiB */
	SOCKET_OCTETS = 4 << 20, /* asked for; without privilege the kernel gives less */
	ANSWER_S = 10,           /* no answer for so long: it was lost */
	DUMP_TRIES = 8,
	TEXT_MAX = 256,
	SLOTS = 64, /* of the buffer, where answers are small */
	SLOT_OCTETS = RECV_OCTETS / SLOTS,
};

/* libmnl's own macros are int. */
#define ALIGN4(n) (((size_t)(n) + 3) & ~(size_t)3)

struct vnep_nl {
	struct mnl_socket *sock;
	uint32_t seq;
	uint32_t portid;
	int protocol;
	char *buf;
};

/* The FORCE form needs privilege outside user namespaces; the plain one is capped by wmem_max,
 * rmem_max. */
static void widen(int fd, int force, int plain)
{
	int octets = SOCKET_OCTETS;

	if (setsockopt(fd, SOL_SOCKET, force, &octets, sizeof octets))
		setsockopt(fd, SOL_SOCKET, plain, &octets, sizeof octets);
}

static void set_options(struct vnep_nl *nl)
{
	int fd = mnl_socket_get_fd(nl->sock), on = 1;
	struct timeval limit = { .tv_sec = ANSWER_S };

	widen(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	widen(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	/* Without these two (kernels before 4.12) errors are only numbers: good enough. */
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &on, sizeof on);
	mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &on, sizeof on);
}

int vnep_nl_open(struct vnep_nl **out, int protocol, struct vnep_err *err)
{
	struct vnep_nl *nl = calloc(1, sizeof *nl);
	int rc;

	if (!nl)
		return vnep_err_sys(err, ENOMEM, "netlink");
	nl->protocol = protocol;
	nl->buf = malloc(RECV_OCTETS);
	nl->sock = nl->buf ? mnl_socket_open2(protocol, SOCK_CLOEXEC) : NULL;
	if (!nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID)) {
		rc = vnep_err_sys(err, nl->buf ? errno : ENOMEM, "cannot open a netlink socket");
		vnep_nl_close(nl);
		return rc;
	}
	nl->portid = mnl_socket_get_portid(nl->sock);
	set_options(nl);
	*out = nl;
	return 0;
}

void vnep_nl_close(struct vnep_nl *nl)
{
	if (!nl)
		return;
	if (nl->sock)
		mnl_socket_close(nl->sock);
	free(nl->buf);
	free(nl);
}

int vnep_nl_fd(const struct vnep_nl *nl)
{
	return mnl_socket_get_fd(nl->sock);
}

uint32_t vnep_nl_portid(const struct vnep_nl *nl)
{
	return nl->portid;
}

uint32_t vnep_nl_next_seq(struct vnep_nl *nl)
{
	if (!++nl->seq) /* 0 belongs to the kernel's own messages */
		nl->seq = 1;
	return nl->seq;
}

size_t vnep_nl_batch_max(const struct vnep_nl *nl)
{
	int octets = 0;
	socklen_t len = sizeof octets;

	if (getsockopt(mnl_socket_get_fd(nl->sock), SOL_SOCKET, SO_SNDBUF, &octets, &len) ||
		octets < 65536)
		return 32 << 10;
	return (size_t)octets / 2; /* the other half is the kernel's bookkeeping */
}

int vnep_nl_join(struct vnep_nl *nl, unsigned group, struct vnep_err *err)
{
	if (mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP, &group, sizeof group))
		return vnep_err_sys(err, errno, "cannot join netlink group %u", group);
	return 0;
}

static const char *protocol_name(const struct vnep_nl *nl)
{
	return nl->protocol == NETLINK_ROUTE ? "rtnetlink" : "nf_tables";
}

/* An errno and perhaps the kernel's own words into code and detail. */
static int refused(const struct vnep_nl *nl, int errnum, const char *text, struct vnep_err *err)
{
	if (errnum == EPERM)
		return vnep_err_set(err, VNEP_EPRIV,
			"%s: changing or reading this needs CAP_NET_ADMIN", protocol_name(nl));
	if (text && *text)
		return vnep_err_set(
			err, -errnum, "%s: %s: %s", protocol_name(nl), strerror(errnum), text);
	return vnep_err_sys(err, errnum, "%s", protocol_name(nl));
}

static int send_all(struct vnep_nl *nl, const void *data, size_t len, struct vnep_err *err)
{
	ssize_t n = mnl_socket_sendto(nl->sock, data, len);

	if (n < 0)
		return errno == EPERM
			       ? refused(nl, EPERM, NULL, err)
			       : vnep_err_sys(err, errno, "%s: cannot send", protocol_name(nl));
	if ((size_t)n != len)
		return vnep_err_set(err, VNEP_EUNKNOWN,
			"%s: the kernel took only a part of the request", protocol_name(nl));
	return 0;
}

/* One datagram into nl->buf: its length; -EAGAIN: there is none (yet); other negative codes: an
 * error. */
static ssize_t receive(struct vnep_nl *nl, int flags, struct vnep_err *err)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { nl->buf, RECV_OCTETS };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t n;

	do
		n = recvmsg(mnl_socket_get_fd(nl->sock), &msg, flags);
	while ((n < 0 && errno == EINTR) ||
		(n >= 0 && from.nl_pid)); /* only the kernel may speak */
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (n < 0 && errno == ENOBUFS)
		return vnep_err_set(err, VNEP_EUNKNOWN,
			"%s: the kernel's answers overran the socket buffer", protocol_name(nl));
	if (n < 0)
		return vnep_err_sys(err, errno, "%s: cannot receive", protocol_name(nl));
	if (msg.msg_flags & MSG_TRUNC)
		return vnep_err_set(err, VNEP_EUNKNOWN,
			"%s: an answer of more than %d octets was cut off", protocol_name(nl),
			RECV_OCTETS);
	return n;
}

/* Several datagrams at once, each into a slot of nl->buf: how many, their lengths in len (0: not of the kernel). A call
 * of the kernel for each small answer costs more than the answer. */
static int receive_small(struct vnep_nl *nl, size_t len[static SLOTS], struct vnep_err *err)
{
	struct sockaddr_nl from[SLOTS] = { 0 };
	struct mmsghdr m[SLOTS] = { 0 };
	struct iovec iov[SLOTS];
	int n;

	for (int i = 0; i < SLOTS; i++) {
		iov[i] = (struct iovec){ nl->buf + i * SLOT_OCTETS, SLOT_OCTETS };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
			.msg_namelen = sizeof from[i],
			.msg_iov = &iov[i],
			.msg_iovlen = 1 };
	}
	do
		n = recvmmsg(mnl_socket_get_fd(nl->sock), m, SLOTS, MSG_WAITFORONE, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return vnep_err_set(err, VNEP_EUNKNOWN, "%s: no answer from the kernel within %d s",
			protocol_name(nl), ANSWER_S);
	if (n < 0 && errno == ENOBUFS)
		return vnep_err_set(err, VNEP_EUNKNOWN,
			"%s: the kernel's answers overran the socket buffer", protocol_name(nl));
	if (n < 0)
		return vnep_err_sys(err, errno, "%s: cannot receive", protocol_name(nl));
	for (int i = 0; i < n; i++) {
		len[i] = from[i].nl_pid ? 0 : m[i].msg_len;
		if (m[i].msg_hdr.msg_flags & MSG_TRUNC)
			return vnep_err_set(err, VNEP_EUNKNOWN,
				"%s: an answer of more than %d octets was cut off",
				protocol_name(nl), SLOT_OCTETS);
	}
	return n;
}

static ssize_t receive_answer(struct vnep_nl *nl, struct vnep_err *err)
{
	ssize_t n = receive(nl, 0, err);

	if (n == -EAGAIN)
		return vnep_err_set(err, VNEP_EUNKNOWN, "%s: no answer from the kernel within %d s",
			protocol_name(nl), ANSWER_S);
	return n;
}

/* Walk the messages of a datagram without squeezing its length through the int of mnl_nlmsg_ok. */
static const struct nlmsghdr *message_at(const char *at, size_t left)
{
	const struct nlmsghdr *msg = (const void *)at;

	if (left < sizeof *msg || msg->nlmsg_len < sizeof *msg || msg->nlmsg_len > left)
		return NULL;
	return msg;
}

static size_t message_step(const struct nlmsghdr *msg, size_t left)
{
	size_t step = ALIGN4(msg->nlmsg_len);

	return step < left ? step : left;
}

void vnep_nl_attrs_init(struct vnep_nl_attrs *walk, const void *data, size_t len)
{
	*walk = (struct vnep_nl_attrs){ data, len };
}

void vnep_nl_attrs_message(struct vnep_nl_attrs *walk, const struct nlmsghdr *msg, size_t offset)
{
	size_t start = sizeof *msg + ALIGN4(offset);

	*walk = (struct vnep_nl_attrs){ 0 };
	if (msg->nlmsg_len > start)
		vnep_nl_attrs_init(walk, (const char *)msg + start, msg->nlmsg_len - start);
}

bool vnep_nl_attrs_next(struct vnep_nl_attrs *walk, struct vnep_nl_attr *out)
{
	struct nlattr head;
	size_t step;

	if (walk->left < sizeof head)
		return false;
	memcpy(&head, walk->at, sizeof head);
	if (head.nla_len < sizeof head || head.nla_len > walk->left) {
		walk->left = 0; /* cut off: what was before it still counts */
		return false;
	}
	*out = (struct vnep_nl_attr){ (uint16_t)(head.nla_type & NLA_TYPE_MASK),
		walk->at + sizeof head, head.nla_len - sizeof head };
	step = ALIGN4(head.nla_len);
	if (step > walk->left)
		step = walk->left;
	walk->at += step;
	walk->left -= step;
	return true;
}

/* The kernel's words behind an error or the end of a dump: attributes from offset on. "" without
 * any. */
static void words(
	const struct nlmsghdr *msg, size_t offset, char text[static TEXT_MAX], size_t *blamed)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;
	uint32_t at;

	text[0] = 0;
	if (!(msg->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	vnep_nl_attrs_message(&walk, msg, offset);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type == NLMSGERR_ATTR_MSG)
			snprintf(text, TEXT_MAX, "%.*s",
				(int)(attr.len < TEXT_MAX ? attr.len : TEXT_MAX),
				(const char *)attr.data);
		if (attr.type == NLMSGERR_ATTR_OFFS && attr.len == sizeof at && blamed) {
			memcpy(&at, attr.data, sizeof at);
			*blamed = at;
		}
	}
}

/* The errno (positive, 0 = acknowledged) of an NLMSG_ERROR; text gets the kernel's words, *blamed (may be NULL) the
 * offset of the attribute. */
static int error_read(const struct nlmsghdr *msg, char text[static TEXT_MAX], size_t *blamed)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(msg);
	size_t offset = sizeof *e;

	text[0] = 0;
	if (mnl_nlmsg_get_payload_len(msg) < sizeof *e)
		return EBADMSG;
	if (!(msg->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > sizeof e->msg)
		offset += ALIGN4(e->msg.nlmsg_len - sizeof e->msg);
	words(msg, offset, text, blamed);
	return e->error < 0 ? -e->error : 0;
}

/* What one message means for a request that is under way. */
struct exchange {
	uint32_t seq;
	vnep_nl_cb *cb;
	void *arg;
	bool done, interrupted;
	int cb_rc;
};

static int exchange_message(
	struct vnep_nl *nl, struct exchange *x, const struct nlmsghdr *msg, struct vnep_err *err)
{
	char text[TEXT_MAX];
	int errnum = 0;

	if (msg->nlmsg_seq != x->seq || msg->nlmsg_pid != nl->portid)
		return 0;
	if (msg->nlmsg_flags & NLM_F_DUMP_INTR)
		x->interrupted = true;
	switch (msg->nlmsg_type) {
	case NLMSG_NOOP: return 0;
	case NLMSG_ERROR:
		errnum = error_read(msg, text, NULL);
		x->done = true;
		return errnum ? refused(nl, errnum, text, err) : 0;
	case NLMSG_DONE:
		if (mnl_nlmsg_get_payload_len(msg) >= sizeof errnum)
			memcpy(&errnum, mnl_nlmsg_get_payload(msg), sizeof errnum);
		words(msg, sizeof errnum, text, NULL);
		x->done = true;
		return errnum < 0 ? refused(nl, -errnum, text, err) : 0;
	default:
		/* After a refusal the rest of the dump is still read, so that the socket is clean.
		 */
		if (x->cb && !x->cb_rc && msg->nlmsg_type >= NLMSG_MIN_TYPE)
			x->cb_rc = x->cb(msg, x->arg);
		x->done = x->cb_rc == VNEP_NL_ENOUGH && !x->interrupted;
		return 0;
	}
}

static int exchange_datagram(
	struct vnep_nl *nl, struct exchange *x, const char *at, size_t left, struct vnep_err *err)
{
	const struct nlmsghdr *msg;

	while (!x->done && (msg = message_at(at, left))) {
		int rc = exchange_message(nl, x, msg, err);
		size_t step = message_step(msg, left);

		if (rc)
			return rc;
		at += step;
		left -= step;
	}
	return 0;
}

static int exchange(struct vnep_nl *nl, struct exchange *x, struct vnep_err *err)
{
	int rc = 0;

	while (!rc && !x->done) {
		ssize_t n = receive_answer(nl, err);

		rc = n < 0 ? (int)n : exchange_datagram(nl, x, nl->buf, (size_t)n, err);
	}
	return rc;
}

int vnep_nl_get_small(
	struct vnep_nl *nl, struct nlmsghdr *msg, vnep_nl_cb *cb, void *arg, struct vnep_err *err)
{
	struct exchange x = { .seq = vnep_nl_next_seq(nl), .cb = cb, .arg = arg };
	size_t len[SLOTS];
	int rc;

	msg->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	msg->nlmsg_seq = x.seq;
	rc = send_all(nl, msg, msg->nlmsg_len, err);
	while (!rc && !x.done) {
		int n = receive_small(nl, len, err);

		rc = n < 0 ? n : 0;
		for (int i = 0; !rc && i < n; i++)
			rc = exchange_datagram(nl, &x, nl->buf + i * SLOT_OCTETS, len[i], err);
	}
	return rc ? rc : x.cb_rc;
}

int vnep_nl_request(struct vnep_nl *nl, struct nlmsghdr *msg, struct vnep_err *err)
{
	struct exchange x = { .seq = vnep_nl_next_seq(nl) };
	int rc;

	msg->nlmsg_seq = x.seq;
	msg->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	rc = send_all(nl, msg, msg->nlmsg_len, err);
	return rc ? rc : exchange(nl, &x, err);
}

int vnep_nl_dump(struct vnep_nl *nl, struct nlmsghdr *msg, vnep_nl_cb *cb,
	void (*restart)(void *arg), void *arg, struct vnep_err *err)
{
	msg->nlmsg_flags |= NLM_F_REQUEST;
	if ((msg->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		msg->nlmsg_flags |=
			NLM_F_ACK; /* the acknowledgement is the end of a single answer */
	for (int i = 0; i < DUMP_TRIES; i++) {
		struct exchange x = { .seq = vnep_nl_next_seq(nl), .cb = cb, .arg = arg };
		int rc;

		if (i && restart)
			restart(arg);
		msg->nlmsg_seq = x.seq;
		rc = send_all(nl, msg, msg->nlmsg_len, err);
		if (!rc)
			rc = exchange(nl, &x, err);
		if (rc == -EINTR || (!rc && x.interrupted))
			continue;
		return rc ? rc : x.cb_rc;
	}
	return vnep_err_set(err, VNEP_ECONFLICT, "%s: it kept changing while it was read, %d times",
		protocol_name(nl), DUMP_TRIES);
}

/* One answer to a batch. True when it was the last that will come. */
static bool batch_message(struct vnep_nl *nl, const struct nlmsghdr *msg, uint32_t first_seq,
	uint32_t last_seq, vnep_nl_refused_cb *cb, void *arg, int *rc, struct vnep_err *err)
{
	char text[TEXT_MAX];
	size_t blamed = 0;
	int errnum;

	if (msg->nlmsg_type != NLMSG_ERROR || msg->nlmsg_pid != nl->portid ||
		msg->nlmsg_seq - first_seq > last_seq - first_seq)
		return false;
	errnum = error_read(msg, text, &blamed);
	if (errnum) {
		if (!*rc)
			*rc = refused(nl, errnum, text, err);
		if (cb)
			cb(msg->nlmsg_seq, errnum, text, blamed, arg);
	}
	/* An error of the first message (the batch's begin) speaks for the whole batch. */
	return msg->nlmsg_seq == last_seq || (errnum && msg->nlmsg_seq == first_seq);
}

int vnep_nl_batch(struct vnep_nl *nl, const void *data, size_t len, uint32_t first_seq,
	uint32_t last_seq, vnep_nl_refused_cb *cb, void *arg, struct vnep_err *err)
{
	int rc = send_all(nl, data, len, err), refusal = 0;
	bool last = false;

	while (!rc && !last) {
		ssize_t n = receive_answer(nl, refusal ? NULL : err);
		size_t left = n > 0 ? (size_t)n : 0;
		const char *at = nl->buf;
		const struct nlmsghdr *msg;

		if (n < 0)
			return refusal ? refusal : (int)n;
		while (!last && (msg = message_at(at, left))) {
			size_t step = message_step(msg, left);

			last = batch_message(nl, msg, first_seq, last_seq, cb, arg, &refusal, err);
			at += step;
			left -= step;
		}
	}
	return rc ? rc : refusal;
}

int vnep_nl_events(struct vnep_nl *nl, vnep_nl_cb *cb, void *arg, struct vnep_err *err)
{
	for (;;) {
		ssize_t n = receive(nl, MSG_DONTWAIT, err);
		size_t left = n > 0 ? (size_t)n : 0;
		const char *at = nl->buf;
		const struct nlmsghdr *msg;

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		while ((msg = message_at(at, left))) {
			size_t step = message_step(msg, left);
			int rc = msg->nlmsg_type >= NLMSG_MIN_TYPE ? cb(msg, arg) : 0;

			if (rc)
				return rc;
			at += step;
			left -= step;
		}
	}
}
