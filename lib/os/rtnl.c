/*
 * rtnl - links, addresses and neighbours.
 *
 * One decoder of links serves the query and the events, so that the two cannot disagree.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/rtnl.h"

enum { REQUEST_OCTETS = 1024 };

enum { OPER_UP = 6 }; /* IF_OPER_UP of linux/if.h, which does not go with net/if.h */

static uint32_t attr_u32(const struct vnep_nl_attr *attr)
{
	uint32_t v = 0;

	if (attr->len >= sizeof v)
		memcpy(&v, attr->data, sizeof v);
	return v;
}

/* The kernel's struct may be shorter (older) or longer (newer) than ours. */
static void read_stats(struct vnep_link *link, const struct vnep_nl_attr *attr)
{
	struct rtnl_link_stats64 stats = { 0 };

	memcpy(&stats, attr->data, attr->len < sizeof stats ? attr->len : sizeof stats);
	link->rx_packets = stats.rx_packets;
	link->tx_packets = stats.tx_packets;
	link->rx_dropped = stats.rx_dropped;
	link->tx_dropped = stats.tx_dropped;
}

/* False: not a message about a link (bridges send their own about ports). */
static bool link_decode(const struct nlmsghdr *msg, struct vnep_link *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(msg);
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	if ((msg->nlmsg_type != RTM_NEWLINK && msg->nlmsg_type != RTM_DELLINK) ||
		mnl_nlmsg_get_payload_len(msg) < sizeof *info || info->ifi_family != AF_UNSPEC)
		return false;
	*out = (struct vnep_link){ .ifindex = info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
		.running = info->ifi_flags & IFF_RUNNING,
		.gone = msg->nlmsg_type == RTM_DELLINK };
	vnep_nl_attrs_message(&walk, msg, sizeof *info);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		switch (attr.type) {
		case IFLA_IFNAME:
			snprintf(out->name, sizeof out->name, "%.*s", (int)(attr.len & 0xff),
				(const char *)attr.data);
			break;
		case IFLA_ADDRESS:
			if (attr.len == sizeof out->mac)
				memcpy(&out->mac, attr.data, sizeof out->mac);
			break;
		case IFLA_OPERSTATE:
			out->carries = attr.len == 1 && *(const uint8_t *)attr.data == OPER_UP;
			break;
		case IFLA_MTU: out->mtu = attr_u32(&attr); break;
		case IFLA_STATS64: read_stats(out, &attr); break;
		default: break;
		}
	}
	return out->name[0];
}

static int on_link(const struct nlmsghdr *msg, void *arg)
{
	(void)link_decode(msg, arg);
	return 0;
}

int vnep_rtnl_link(
	struct vnep_nl *nl, const char *name, struct vnep_link *out, struct vnep_err *err)
{
	char buf[REQUEST_OCTETS];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct vnep_link link = { 0 };
	int rc;

	if (!*name || strlen(name) > VNEP_IF_MAX)
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such link \"%s\"", name);
	msg->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
	if (!mnl_attr_put_strz_check(msg, sizeof buf, IFLA_IFNAME, name))
		return vnep_err_sys(err, EMSGSIZE, "link \"%s\"", name);
	rc = vnep_nl_dump(nl, msg, on_link, NULL, &link, err);
	if (rc == -ENODEV || (!rc && !link.ifindex))
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such link \"%s\"", name);
	if (!rc)
		*out = link;
	return rc;
}

struct addresses {
	int ifindex;
	struct in6_addr *out;
	unsigned cap, count;
};

static void addresses_restart(void *arg)
{
	struct addresses *a = arg;

	a->count = 0;
}

static int on_address(const struct nlmsghdr *msg, void *arg)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(msg);
	struct addresses *a = arg;
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	if (msg->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(msg) < sizeof *info ||
		info->ifa_family != AF_INET6 || info->ifa_index != (unsigned)a->ifindex ||
		info->ifa_flags & IFA_F_DADFAILED)
		return 0;
	vnep_nl_attrs_message(&walk, msg, sizeof *info);
	while (vnep_nl_attrs_next(&walk, &attr))
		if (attr.type == IFA_ADDRESS && attr.len == sizeof *a->out && a->count < a->cap)
			memcpy(&a->out[a->count++], attr.data, sizeof *a->out);
	return 0;
}

int vnep_rtnl_addresses(
	struct vnep_nl *nl, int ifindex, struct in6_addr *out, unsigned cap, struct vnep_err *err)
{
	struct addresses a = {
		.ifindex = ifindex, .out = out, .cap = cap < INT32_MAX ? cap : INT32_MAX
	};
	char buf[REQUEST_OCTETS];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *info;
	int rc;

	msg->nlmsg_type = RTM_GETADDR;
	msg->nlmsg_flags = NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(msg, sizeof *info);
	info->ifa_family = AF_INET6;
	rc = vnep_nl_dump(nl, msg, on_address, addresses_restart, &a, err);
	return rc ? rc : (int)a.count;
}

static int neigh_request(struct vnep_nl *nl, uint16_t type, uint16_t flags, uint16_t state,
	int ifindex, const struct in6_addr *addr, const struct vnep_mac *mac, struct vnep_err *err)
{
	char buf[REQUEST_OCTETS];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct ndmsg *nd;

	msg->nlmsg_type = type;
	msg->nlmsg_flags = flags;
	nd = mnl_nlmsg_put_extra_header(msg, sizeof *nd);
	nd->ndm_family = AF_INET6;
	nd->ndm_ifindex = ifindex;
	nd->ndm_state = state;
	if (!mnl_attr_put_check(msg, sizeof buf, NDA_DST, sizeof *addr, addr) ||
		(mac && !mnl_attr_put_check(msg, sizeof buf, NDA_LLADDR, sizeof *mac, mac)))
		return vnep_err_sys(err, EMSGSIZE, "neighbour");
	return vnep_nl_request(nl, msg, err);
}

int vnep_rtnl_neigh_set(struct vnep_nl *nl, int ifindex, const struct in6_addr *addr,
	const struct vnep_mac *mac, bool permanent, struct vnep_err *err)
{
	return neigh_request(nl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
		permanent ? NUD_PERMANENT : NUD_REACHABLE, ifindex, addr, mac, err);
}

int vnep_rtnl_neigh_add(struct vnep_nl *nl, int ifindex, const struct in6_addr *addr,
	const struct vnep_mac *mac, struct vnep_err *err)
{
	return neigh_request(nl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, NUD_PERMANENT, ifindex,
		addr, mac, err);
}

int vnep_rtnl_neigh_delete(
	struct vnep_nl *nl, int ifindex, const struct in6_addr *addr, struct vnep_err *err)
{
	int rc = neigh_request(nl, RTM_DELNEIGH, 0, 0, ifindex, addr, NULL, err);

	return rc == -ENOENT ? 0 : rc;
}

/* Times of neighbours are in USER_HZ, which is 100 on every architecture that Debian knows. */
enum { TICK_MS = 10 };

static int on_neigh(const struct nlmsghdr *msg, void *arg)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(msg);
	struct vnep_neigh *out = arg;
	struct nda_cacheinfo cache;
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	if (msg->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(msg) < sizeof *nd)
		return 0;
	out->permanent = nd->ndm_state & NUD_PERMANENT;
	vnep_nl_attrs_message(&walk, msg, sizeof *nd);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type == NDA_LLADDR && attr.len == sizeof out->mac) {
			memcpy(&out->mac, attr.data, sizeof out->mac);
		} else if (attr.type == NDA_CACHEINFO && attr.len >= sizeof cache) {
			memcpy(&cache, attr.data, sizeof cache);
			out->idle_ms = (uint64_t)cache.ndm_used * TICK_MS;
		}
	}
	return 0;
}

int vnep_rtnl_neigh_get(struct vnep_nl *nl, int ifindex, const struct in6_addr *addr,
	struct vnep_neigh *out, struct vnep_err *err)
{
	char buf[REQUEST_OCTETS];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct vnep_neigh neigh = { 0 };
	struct ndmsg *nd;
	int rc;

	msg->nlmsg_type = RTM_GETNEIGH;
	nd = mnl_nlmsg_put_extra_header(msg, sizeof *nd);
	nd->ndm_family = AF_INET6;
	nd->ndm_ifindex = ifindex;
	if (!mnl_attr_put_check(msg, sizeof buf, NDA_DST, sizeof *addr, addr))
		return vnep_err_sys(err, EMSGSIZE, "neighbour");
	rc = vnep_nl_dump(nl, msg, on_neigh, NULL, &neigh, err);
	if (rc == -ENOENT)
		return VNEP_ENOTFOUND;
	if (!rc)
		*out = neigh;
	return rc;
}

/* RTM_GETNEIGH among the events is the kernel asking: app_solicit is not 0 and the entry is
 * unresolved. */
static void solicit_decode(const struct nlmsghdr *msg, const struct vnep_rtnl_events *events)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(msg);
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;
	struct in6_addr addr;

	if (mnl_nlmsg_get_payload_len(msg) < sizeof *nd || nd->ndm_family != AF_INET6)
		return;
	vnep_nl_attrs_message(&walk, msg, sizeof *nd);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type != NDA_DST || attr.len != sizeof addr)
			continue;
		memcpy(&addr, attr.data, sizeof addr);
		events->solicit(nd->ndm_ifindex, &addr, events->arg);
		return;
	}
}

static int on_event(const struct nlmsghdr *msg, void *arg)
{
	const struct vnep_rtnl_events *events = arg;
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(msg);
	struct vnep_link link;

	if (msg->nlmsg_type == RTM_GETNEIGH && events->solicit) {
		solicit_decode(msg, events);
	} else if (msg->nlmsg_type == RTM_NEWADDR || msg->nlmsg_type == RTM_DELADDR) {
		if (events->address && mnl_nlmsg_get_payload_len(msg) >= sizeof *address)
			events->address((int)address->ifa_index, events->arg);
	} else if (events->link && link_decode(msg, &link)) {
		events->link(&link, events->arg);
	}
	return 0;
}

int vnep_rtnl_events(
	struct vnep_nl *nl, const struct vnep_rtnl_events *events, struct vnep_err *err)
{
	return vnep_nl_events(nl, on_event, (void *)events, err);
}
