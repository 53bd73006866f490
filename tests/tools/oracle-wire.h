/* oracle-wire - mouths and ears of oracle.c: frames into the far ends, and what comes out of them. */
#ifndef ORACLE_WIRE_H
#define ORACLE_WIRE_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "oracle.h"
#include "vnep/rtnl.h"

static void read_port(struct oracle *o, struct vnep_nl *nl, unsigned i)
{
	struct vnep_err err = { 0 };
	struct vnep_link link;

	must(vnep_rtnl_link(nl, ports[i], &link, &err), &err);
	o->port_mac[i] = link.mac;
	o->port_mtu[i] = link.mtu;
}

static int listen_at(const char *end)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(end) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one) ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) ||
		bind(fd, (struct sockaddr *)&at, sizeof at))
		die_sys(end);
	return fd;
}

static void open_ends(struct oracle *o)
{
	struct vnep_err err = { 0 };
	struct vnep_nl *nl = NULL;

	must(vnep_nl_open(&nl, NETLINK_ROUTE, &err), &err);
	for (unsigned i = 0; i < EARS; i++)
		o->ear[i] = listen_at(ends[i]);
	for (unsigned i = 0; i < PORTS; i++) {
		must(vnep_inject_open(&o->mouth[i], ends[i], &err), &err);
		read_port(o, nl, i);
	}
	vnep_nl_close(nl);
	must(vnep_inject_open(&o->quiet, "s0", &err), &err);
	o->quiet_ear = listen_at("s1");
}

/* The kernel tells the tag beside the frame: it goes back to where it was. */
static void put_tag(struct heard *h, struct msghdr *msg)
{
	const struct tpacket_auxdata *aux;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		aux = (const void *)CMSG_DATA(c);
		if (!(aux->tp_status & TP_STATUS_VLAN_VALID))
			continue;
		memmove(h->data + 16, h->data + 12, h->len - 12);
		vnep_set_be16(h->data + 12, aux->tp_vlan_tpid);
		vnep_set_be16(h->data + 14, aux->tp_vlan_tci);
		h->len += 4;
	}
}

static bool hear_one(struct oracle *o, unsigned ear)
{
	struct heard *h = &o->heard[o->heard_count];
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = { h->data, sizeof h->data - 4 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control };
	ssize_t n = recvmsg(o->ear[ear], &msg, 0);

	if (n < 14)
		return n >= 0;
	h->ear = ear;
	h->len = (size_t)n;
	put_tag(h, &msg);
	if (o->heard_count < HEARD - 1)
		o->heard_count++;
	return true;
}

static void hear(struct oracle *o)
{
	for (unsigned i = 0; i < EARS; i++)
		while (hear_one(o, i))
			;
}

static void speak(struct vnep_inject *mouth, const uint8_t *data, size_t len)
{
	struct iovec iov = { (void *)data, len };
	struct vnep_err err = { 0 };

	while (vnep_inject_send(mouth, &iov, 1, &err) != 1) {
		struct pollfd p = { vnep_inject_fd(mouth), POLLOUT, 0 };

		if (err.code != -EAGAIN && err.code != -ENOBUFS)
			die(&err);
		poll(&p, 1, 10);
	}
}

/* Twice: what the first found on its way may have put something on the way itself. */
static void settle(struct oracle *o)
{
	static const uint8_t frame[60] = { 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4, 0x88, 0xb5 };
	uint8_t got[64];

	for (unsigned i = 0; i < 3; i++) {
		struct pollfd p = { o->quiet_ear, POLLIN, 0 };

		speak(o->quiet, frame, sizeof frame);
		if (poll(&p, 1, WAIT_MS) != 1) {
			fprintf(stderr, "oracle: s0 is silent\n");
			exit(3);
		}
		while (recv(o->quiet_ear, got, sizeof got, 0) > 0)
			;
	}
	hear(o);
}

#endif
