/* nl against this kernel: what every process may ask, and what only a privileged one may. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <unistd.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/nl.h"

struct link_request {
	struct nlmsghdr head;
	struct ifinfomsg link;
};

static struct link_request link_request(uint16_t type, uint16_t flags, int ifindex)
{
	return (struct link_request){
		.head = { .nlmsg_len = sizeof(struct link_request),
			.nlmsg_type = type,
			.nlmsg_flags = flags },
		.link = { .ifi_index = ifindex },
	};
}

static int count_lo(const struct nlmsghdr *msg, void *arg)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	vnep_nl_attrs_message(&walk, msg, sizeof(struct ifinfomsg));
	while (vnep_nl_attrs_next(&walk, &attr))
		if (attr.type == IFLA_IFNAME && !strcmp((const char *)attr.data, "lo"))
			++*(int *)arg;
	return 0;
}

static int refuse(const struct nlmsghdr *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return -EXDEV;
}

static struct vnep_nl *open_route(void)
{
	struct vnep_nl *nl = NULL;
	struct vnep_err err = { 0 };

	CHECK_INT(vnep_nl_open(&nl, NETLINK_ROUTE, &err), 0);
	if (!nl)
		exit(1);
	return nl;
}

TEST("a dump hands every answer to the callback, once")
{
	struct vnep_nl *nl = open_route();
	struct link_request req = link_request(RTM_GETLINK, NLM_F_DUMP, 0);
	int n = 0;

	CHECK_INT(vnep_nl_dump(nl, &req.head, count_lo, NULL, &n, NULL), 0);
	CHECK_INT(n, 1);
	vnep_nl_close(nl);
}

TEST("a single answer ends with its acknowledgement, and the socket is clean for the next request")
{
	struct vnep_nl *nl = open_route();
	struct link_request req = link_request(RTM_GETLINK, 0, 1);
	int n = 0;

	for (int i = 0; i < 3; i++)
		CHECK_INT(vnep_nl_dump(nl, &req.head, count_lo, NULL, &n, NULL), 0);
	CHECK_INT(n, 3);
	vnep_nl_close(nl);
}

TEST("an error of the kernel is its errno, with a text")
{
	struct vnep_nl *nl = open_route();
	struct link_request req = link_request(RTM_GETLINK, 0, 0x7ffffff0);
	struct vnep_err err = { 0 };
	int n = 0;

	CHECK_INT(vnep_nl_dump(nl, &req.head, count_lo, NULL, &n, &err), -ENODEV);
	CHECK_INT(err.code, -ENODEV);
	CHECK(strstr(err.text, "rtnetlink: No such device") != NULL);
	vnep_nl_close(nl);
}

TEST("a change without the privilege names the capability")
{
	struct vnep_nl *nl = open_route();
	struct link_request req = link_request(RTM_DELLINK, 0, 1);
	struct vnep_err err = { 0 };
	int rc = vnep_nl_request(nl, &req.head, &err);

	if (!geteuid()) {
		CHECK_INT(rc, -EOPNOTSUPP); /* lo cannot be deleted, not even by root */
	} else {
		CHECK_INT(rc, VNEP_EPRIV);
		CHECK(strstr(err.text, "CAP_NET_ADMIN") != NULL);
	}
	vnep_nl_close(nl);
}

TEST("a callback that refuses is reported, and the rest of the dump does not disturb what follows")
{
	struct vnep_nl *nl = open_route();
	struct link_request req = link_request(RTM_GETLINK, NLM_F_DUMP, 0);
	int n = 0;

	CHECK_INT(vnep_nl_dump(nl, &req.head, refuse, NULL, &n, NULL), -EXDEV);
	CHECK_INT(vnep_nl_dump(nl, &req.head, count_lo, NULL, &n, NULL), 0);
	CHECK_INT(n, 1);
	vnep_nl_close(nl);
}

TEST("events: nothing there is no error and does not wait")
{
	struct vnep_nl *nl = open_route();
	int n = 0;

	CHECK_INT(vnep_nl_join(nl, RTNLGRP_LINK, NULL), 0);
	CHECK_INT(vnep_nl_events(nl, count_lo, &n, NULL), 0);
	CHECK_INT(n, 0);
	vnep_nl_close(nl);
}

TEST("attributes: a length past the end stops the walk, what was before it counts")
{
	const uint8_t bytes[] = { 8, 0, 1, 0, 'a', 'b', 'c', 0, 5, 0, 2, 0x80, 'x', 0, 0, 0, 9, 0,
		3, 0, 'y' };
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	vnep_nl_attrs_init(&walk, bytes, sizeof bytes);
	CHECK(vnep_nl_attrs_next(&walk, &attr) && attr.type == 1 && attr.len == 4);
	CHECK(vnep_nl_attrs_next(&walk, &attr) && attr.type == 2 && attr.len == 1);
	CHECK(!vnep_nl_attrs_next(&walk, &attr));
	CHECK(!vnep_nl_attrs_next(&walk, &attr));
}

int main(void)
{
	return t_run();
}
