/*
 * rtnl-port - the journal port, and what access and core ports need from the kernel.
 *
 * The journal port is a veth pair that only looks slow: with the transmit offloads of its near end
 * switched off the kernel must segment GSO packets and complete checksums before it hands them
 * over, so that what the ring sees is what a wire would have carried.
 *
 * Neighbour parameters are set by netlink (RTM_SETNEIGHTBL): kernels before 6.x hide their files in
 * /proc/sys/net/ipv6/neigh from user namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vnep/err.h"
#include "vnep/rtnl.h"

enum {
	CARRY_MS = 1000,
	REQUEST_OCTETS = 1024,
	JOURNAL_MTU = 65535,
	/* Hand-over (DESIGN.md section 4): what arrives while the neighbour is away waits here. */
	QUEUE_OCTETS = 8 << 20,
	SOLICITATIONS = 60, /* one a second: the queue is kept for a minute */
};

int vnep_sysctl_set(const char *path, const char *value, struct vnep_err *err)
{
	size_t len = strlen(value);
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;
	ssize_t n;

	if (fd < 0)
		return vnep_err_sys(err, errno, "cannot set %s", path);
	n = write(fd, value, len);
	if (n != (ssize_t)len)
		rc = vnep_err_sys(err, n < 0 ? errno : EIO, "cannot set %s to %s", path, value);
	close(fd);
	return rc;
}

static int conf_set(const char *ifname, const char *key, const char *value, struct vnep_err *err)
{
	char path[128];

	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/%s", ifname, key);
	return vnep_sysctl_set(path, value, err);
}

void vnep_rtnl_journal_peer(const char *name, char peer[static VNEP_IF_MAX + 1])
{
	size_t len = strnlen(name, VNEP_IF_MAX);
	char last;

	memcpy(peer, name, len);
	peer[len] = 0;
	if (!len)
		return;
	last = peer[len - 1];
	peer[len - 1] = last == '9'   ? '0'
			: last == 'z' ? 'a'
			: last == 'Z' ? 'A'
				      : (char)(last + 1);
}

static struct nlmsghdr *link_message(char buf[static REQUEST_OCTETS], uint16_t type, uint16_t flags)
{
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);

	msg->nlmsg_type = type;
	msg->nlmsg_flags = flags;
	mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
	return msg;
}

static int make_pair(struct vnep_nl *nl, const char *name, const char *peer, struct vnep_err *err)
{
	char buf[REQUEST_OCTETS];
	struct nlmsghdr *msg = link_message(buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data = NULL, *other = NULL;

	info = mnl_attr_put_strz_check(msg, sizeof buf, IFLA_IFNAME, name)
		       ? mnl_attr_nest_start_check(msg, sizeof buf, IFLA_LINKINFO)
		       : NULL;
	if (info && mnl_attr_put_strz_check(msg, sizeof buf, IFLA_INFO_KIND, "veth"))
		data = mnl_attr_nest_start_check(msg, sizeof buf, IFLA_INFO_DATA);
	if (data)
		other = mnl_attr_nest_start_check(msg, sizeof buf, VETH_INFO_PEER);
	if (!other || msg->nlmsg_len + sizeof(struct ifinfomsg) > sizeof buf)
		return vnep_err_sys(err, EMSGSIZE, "journal port \"%s\"", name);
	mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
	if (!mnl_attr_put_strz_check(msg, sizeof buf, IFLA_IFNAME, peer))
		return vnep_err_sys(err, EMSGSIZE, "journal port \"%s\"", name);
	mnl_attr_nest_end(msg, other);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, info);
	return vnep_nl_request(nl, msg, err);
}

int vnep_rtnl_link_delete(struct vnep_nl *nl, const char *name, struct vnep_err *err)
{
	char buf[REQUEST_OCTETS];
	struct nlmsghdr *msg = link_message(buf, RTM_DELLINK, 0);
	int rc;

	if (!*name || strlen(name) > VNEP_IF_MAX)
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such link \"%s\"", name);
	if (!mnl_attr_put_strz_check(msg, sizeof buf, IFLA_IFNAME, name))
		return vnep_err_sys(err, EMSGSIZE, "link \"%s\"", name);
	rc = vnep_nl_request(nl, msg, err);
	return rc == -ENODEV ? vnep_err_set(err, VNEP_ENOTFOUND, "no such link \"%s\"", name) : rc;
}

static int bring_up(struct vnep_nl *nl, int ifindex, struct vnep_err *err)
{
	char buf[REQUEST_OCTETS];
	struct nlmsghdr *msg = link_message(buf, RTM_NEWLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(msg);

	info->ifi_index = ifindex;
	info->ifi_flags = info->ifi_change = IFF_UP;
	if (!mnl_attr_put_u32_check(msg, sizeof buf, IFLA_MTU, JOURNAL_MTU))
		return vnep_err_sys(err, EMSGSIZE, "journal port");
	return vnep_nl_request(nl, msg, err);
}

static int offloads_off(const char *name, struct vnep_err *err)
{
	static const struct {
		uint32_t command;
		const char *what;
	} offloads[] = { { ETHTOOL_SGSO, "gso" }, { ETHTOOL_STSO, "tso" }, { ETHTOOL_SSG, "sg" },
		{ ETHTOOL_STXCSUM, "tx" } };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return vnep_err_sys(err, errno, "offloads of \"%s\"", name);
	for (unsigned i = 0; i < sizeof offloads / sizeof *offloads && !rc; i++) {
		struct ethtool_value value = { .cmd = offloads[i].command };
		struct ifreq request = { .ifr_data = (void *)&value };

		snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
		if (!ioctl(fd, SIOCETHTOOL, &request))
			continue;
		rc = vnep_err_sys(
			err, errno, "cannot switch %s off on \"%s\"", offloads[i].what, name);
		vnep_err_hint(err, "ethtool -K %s tx off sg off tso off gso off", name);
	}
	close(fd);
	return rc;
}

/* Everything but making the pair, so that one that was left half made is completed. */
static int complete_pair(
	struct vnep_nl *nl, const char *name, const char *peer, struct vnep_err *err)
{
	const char *ends[] = { name, peer };
	struct vnep_link link;
	int rc = offloads_off(name, err);

	for (unsigned i = 0; i < 2 && !rc; i++) {
		rc = conf_set(ends[i], "disable_ipv6", "1", err);
		if (rc == -ENOENT) /* a kernel without IPv6 on links has nothing to switch off */
			rc = 0;
		if (!rc)
			rc = vnep_rtnl_link(nl, ends[i], &link, err);
		if (!rc)
			rc = bring_up(nl, link.ifindex, err);
	}
	return rc;
}

/* Its queue is there when its state says so, some milliseconds behind the last of the two ends. */
static int wait_to_carry(struct vnep_nl *nl, const char *name, struct vnep_err *err)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct vnep_link link = { 0 };
	int rc = vnep_rtnl_link(nl, name, &link, err);

	for (unsigned ms = 0; !rc && !link.carries && ms < CARRY_MS; ms++) {
		nanosleep(&pause, NULL);
		rc = vnep_rtnl_link(nl, name, &link, err);
	}
	return rc;
}

int vnep_rtnl_journal_port(struct vnep_nl *nl, const char *name, bool *made, struct vnep_err *err)
{
	char peer[VNEP_IF_MAX + 1];
	struct vnep_link link;
	int rc;

	*made = false;
	if (!*name || strlen(name) > VNEP_IF_MAX)
		return vnep_err_set(
			err, VNEP_EVALUE, "\"%s\" is not a name for the journal port", name);
	vnep_rtnl_journal_peer(name, peer);
	rc = vnep_rtnl_link(nl, name, &link, err);
	if (!rc && vnep_rtnl_link(nl, peer, &link, err)) {
		vnep_err_set(err, VNEP_EVALUE, "\"%s\" is there, its other end \"%s\" is not", name,
			peer);
		vnep_err_hint(err,
			"name another journal port, or remove this link: ip link delete %s", name);
		return VNEP_EVALUE;
	}
	if (rc == VNEP_ENOTFOUND) {
		rc = make_pair(nl, name, peer, err);
		*made = !rc;
	}
	if (!rc)
		rc = complete_pair(nl, name, peer, err);
	if (!rc)
		rc = wait_to_carry(nl, name, err);
	if (!rc)
		rc = wait_to_carry(nl, peer, err);
	if (rc && *made) {
		(void)vnep_rtnl_link_delete(nl, name, NULL);
		*made = false;
	}
	return rc;
}

/* One parameter of the neighbour table ndisc_cache for one link. */
static int neigh_param(
	struct vnep_nl *nl, int ifindex, uint16_t param, uint32_t value, struct vnep_err *err)
{
	char buf[REQUEST_OCTETS];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct ndtmsg *table;
	struct nlattr *params = NULL;

	msg->nlmsg_type = RTM_SETNEIGHTBL;
	table = mnl_nlmsg_put_extra_header(msg, sizeof *table);
	table->ndtm_family = AF_INET6;
	if (mnl_attr_put_strz_check(msg, sizeof buf, NDTA_NAME, "ndisc_cache"))
		params = mnl_attr_nest_start_check(msg, sizeof buf, NDTA_PARMS);
	if (!params || !mnl_attr_put_u32_check(msg, sizeof buf, NDTPA_IFINDEX, (uint32_t)ifindex) ||
		!mnl_attr_put_u32_check(msg, sizeof buf, param, value))
		return vnep_err_sys(err, EMSGSIZE, "neighbour parameters");
	mnl_attr_nest_end(msg, params);
	return vnep_nl_request(nl, msg, err);
}

static void keep_first(int *rc, int now, struct vnep_err *err, const struct vnep_err *detail)
{
	if (!now || *rc)
		return;
	*rc = now;
	if (err)
		*err = *detail;
}

int vnep_rtnl_tune_port(const char *name, struct vnep_err *err)
{
	const struct {
		uint16_t param;
		uint32_t value;
	} wanted[] = { { NDTPA_QUEUE_LENBYTES, QUEUE_OCTETS }, { NDTPA_MCAST_PROBES, 0 },
		{ NDTPA_UCAST_PROBES, 0 }, { NDTPA_APP_PROBES, SOLICITATIONS } };
	struct vnep_err detail = { 0 };
	struct vnep_link link;
	struct vnep_nl *nl;
	int rc = vnep_nl_open(&nl, NETLINK_ROUTE, err), now;

	if (rc)
		return rc;
	rc = vnep_rtnl_link(nl, name, &link, err);
	if (rc)
		goto out;
	now = conf_set(name, "accept_ra", "0", &detail);
	keep_first(&rc, now, err, &detail);
	for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		now = neigh_param(nl, link.ifindex, wanted[i].param, wanted[i].value, &detail);
		keep_first(&rc, now, err, &detail);
	}
out:
	vnep_nl_close(nl);
	return rc;
}
