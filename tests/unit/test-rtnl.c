/* rtnl: the journal port, neighbours, tuning, events, in a namespace of its own. */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "vnep/err.h"
#include "vnep/rtnl.h"
#include "netns.h"

static struct vnep_nl *nl_open(void)
{
	struct vnep_nl *nl = NULL;

	CHECK(!vnep_nl_open(&nl, NETLINK_ROUTE, NULL));
	return nl;
}

TEST("rtnl: the journal port is made once, both ends up, MTU 65535, without IPv6")
{
	struct vnep_nl *nl = nl_open();
	struct vnep_link link;
	struct in6_addr addr[4];
	bool made;

	CHECK(!vnep_rtnl_journal_port(nl, "vnep-j0", &made, NULL));
	CHECK(made);
	for (const char *name = "vnep-j0"; name;
		name = strcmp(name, "vnep-j1") ? "vnep-j1" : NULL) {
		CHECK(!vnep_rtnl_link(nl, name, &link, NULL));
		CHECK_STR(link.name, name);
		CHECK_INT(link.mtu, 65535);
		CHECK(link.up);
		CHECK_INT(vnep_rtnl_addresses(nl, link.ifindex, addr, 4, NULL), 0);
	}
	CHECK(!vnep_rtnl_journal_port(nl, "vnep-j0", &made, NULL));
	CHECK(!made);
	CHECK(!vnep_rtnl_link_delete(nl, "vnep-j0", NULL));
	CHECK_INT(vnep_rtnl_link(nl, "vnep-j1", &link, NULL), VNEP_ENOTFOUND);
	CHECK_INT(vnep_rtnl_link_delete(nl, "vnep-j0", NULL), VNEP_ENOTFOUND);
	vnep_nl_close(nl);
}

TEST("rtnl: a link that merely has the journal port's name is left alone")
{
	struct vnep_nl *nl = nl_open();
	struct vnep_err err = { 0 };
	struct vnep_link link;
	bool made;

	CHECK(!vnep_rtnl_journal_port(nl, "other0", &made, NULL));
	CHECK_INT(vnep_rtnl_journal_port(nl, "other1", &made, &err), VNEP_EVALUE);
	CHECK(strstr(err.text, "\"other2\""));
	CHECK(!vnep_rtnl_link(nl, "other1", &link, NULL));
	CHECK_INT(vnep_rtnl_journal_port(nl, "a-name-too-long-for-it", &made, &err), VNEP_EVALUE);
	CHECK(!vnep_rtnl_link_delete(nl, "other0", NULL));
	vnep_nl_close(nl);
}

TEST("rtnl: the other end counts the last character up and stays a name")
{
	char peer[VNEP_IF_MAX + 1];

	vnep_rtnl_journal_peer("vnep-j0", peer);
	CHECK_STR(peer, "vnep-j1");
	vnep_rtnl_journal_peer("j9", peer);
	CHECK_STR(peer, "j0");
	vnep_rtnl_journal_peer("fifteen-letters", peer);
	CHECK_STR(peer, "fifteen-lettert");
	vnep_rtnl_journal_peer("", peer);
	CHECK_STR(peer, "");
}

struct seen {
	int links, gone, solicits, addresses;
	struct in6_addr asked;
};

static void saw_link(const struct vnep_link *link, void *arg)
{
	struct seen *seen = arg;

	if (!strcmp(link->name, "ev0")) {
		seen->links++;
		seen->gone += link->gone;
	}
}

static void saw_solicit(int ifindex, const struct in6_addr *addr, void *arg)
{
	struct seen *seen = arg;

	(void)ifindex;
	if (addr->s6_addr[0] != 0xff && addr->s6_addr[0] != 0xfe) {
		seen->solicits++;
		seen->asked = *addr;
	}
}

static void saw_address(int ifindex, void *arg)
{
	struct seen *seen = arg;

	seen->addresses += ifindex > 0;
}

TEST("rtnl: neighbours are written and removed, removing what is not there is done")
{
	struct vnep_nl *nl = nl_open();
	struct vnep_mac mac = { { 0, 0, 0x5e, 0, 0x53, 1 } };
	struct vnep_neigh neigh = { 0 };
	struct in6_addr addr;
	struct vnep_link link;
	char line[256] = "";
	bool made;
	FILE *f;

	inet_pton(AF_INET6, "2001:db8:b::77", &addr);
	CHECK(!vnep_rtnl_journal_port(nl, "nb0", &made, NULL));
	CHECK(!vnep_sysctl_set("/proc/sys/net/ipv6/conf/nb0/disable_ipv6", "0", NULL));
	CHECK(!vnep_rtnl_link(nl, "nb0", &link, NULL));
	CHECK(!vnep_rtnl_neigh_delete(nl, link.ifindex, &addr, NULL));
	CHECK(!vnep_rtnl_neigh_set(nl, link.ifindex, &addr, &mac, true, NULL));
	mac.octet[5] = 2;
	CHECK(!vnep_rtnl_neigh_set(nl, link.ifindex, &addr, &mac, true, NULL));
	f = popen("ip -6 neigh show dev nb0 to 2001:db8:b::77", "r");
	CHECK(f && fgets(line, sizeof line, f));
	CHECK(strstr(line, "00:00:5e:00:53:02") && strstr(line, "PERMANENT"));
	if (f)
		pclose(f);
	CHECK(!vnep_rtnl_neigh_get(nl, link.ifindex, &addr, &neigh, NULL));
	CHECK(neigh.permanent && vnep_mac_equal(&neigh.mac, &mac) && neigh.idle_ms < 5000);
	CHECK(!vnep_rtnl_neigh_delete(nl, link.ifindex, &addr, NULL));
	CHECK(!vnep_rtnl_neigh_delete(nl, link.ifindex, &addr, NULL));
	CHECK_INT(vnep_rtnl_neigh_get(nl, link.ifindex, &addr, &neigh, NULL), VNEP_ENOTFOUND);
	CHECK(!vnep_rtnl_link_delete(nl, "nb0", NULL));
	vnep_nl_close(nl);
}

TEST("rtnl: ports hold 8 MiB for a minute and ask user space alone")
{
	struct vnep_nl *nl = nl_open();
	char text[1024];
	size_t n = 0;
	bool made;
	FILE *f;

	CHECK(!vnep_rtnl_journal_port(nl, "tu0", &made, NULL));
	CHECK(!vnep_rtnl_tune_port("tu0", NULL));
	f = popen("ip -s ntable show dev tu0 name ndisc_cache", "r");
	n = f ? fread(text, 1, sizeof text - 1, f) : 0;
	text[n] = 0;
	CHECK(strstr(text, "app_probes 60") && strstr(text, "mcast_probes 0") &&
		strstr(text, "ucast_probes 0"));
	if (f)
		pclose(f);
	CHECK_INT(vnep_rtnl_tune_port("nosuch0", NULL), VNEP_ENOTFOUND);
	CHECK(!vnep_rtnl_link_delete(nl, "tu0", NULL));
	vnep_nl_close(nl);
}

TEST("rtnl: events tell of links and addresses that come and go, and of what the kernel wants "
     "resolved")
{
	struct vnep_nl *nl = nl_open(), *events_nl = nl_open();
	struct seen seen = { 0 };
	struct vnep_rtnl_events events = { saw_link, saw_solicit, saw_address, &seen };
	char text[VNEP_IP6_LEN];
	bool made;

	CHECK(!vnep_nl_join(events_nl, RTNLGRP_LINK, NULL));
	CHECK(!vnep_nl_join(events_nl, RTNLGRP_NEIGH, NULL));
	CHECK(!vnep_nl_join(events_nl, RTNLGRP_IPV6_IFADDR, NULL));
	CHECK(!vnep_rtnl_journal_port(nl, "ev0", &made, NULL));
	CHECK(!vnep_sysctl_set("/proc/sys/net/ipv6/conf/ev0/disable_ipv6", "0", NULL));
	CHECK(!vnep_sysctl_set("/proc/sys/net/ipv6/conf/ev0/accept_dad", "0", NULL));
	CHECK(!vnep_rtnl_tune_port("ev0", NULL));
	CHECK_INT(system("ip addr add 2001:db8:b::1/64 dev ev0 nodad; "
			 "bash -c 'echo x >/dev/udp/2001:db8:b::9/9'"),
		0);
	CHECK(!vnep_rtnl_link_delete(nl, "ev0", NULL));
	CHECK(!vnep_rtnl_events(events_nl, &events, NULL));
	CHECK(seen.links >= 2);
	CHECK_INT(seen.gone, 1);
	CHECK(seen.solicits >= 1);
	CHECK(seen.addresses >= 2); /* it came, and went with the link */
	vnep_ip6_print(&seen.asked, text);
	CHECK_STR(text, "2001:db8:b::9");
	vnep_nl_close(events_nl);
	vnep_nl_close(nl);
}

int main(void)
{
	return netns_run();
}
