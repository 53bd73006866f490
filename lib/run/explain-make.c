/* explain-make - a frame from what somebody asked about: where it arrives, from whom, with which tag. */
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "explain-private.h"
#include "vnep/err.h"
#include "vnep/frame.h"

enum { HOP_LIMIT = 64, ECHO_REQUEST = 128, UDP_HEADER = 8, TCP_HEADER = 20, ICMP_HEADER = 8 };

/* Who nobody knows; and a port whose MAC is not known, because no kernel was asked. */
static const struct vnep_mac stranger = { { 0x02, 0, 0, 0, 0, 0x02 } },
			     unknown_port = { { 0x02, 0, 0, 0, 0, 0x01 } };

struct sender {
	const char *port;
	struct vnep_mac mac;
	struct in6_addr addr;
	uint16_t vlan;
};

static bool uses(const struct acl_device *d, const struct in6_addr *addr)
{
	if (vnep_ip6_equal(&d->addr, addr))
		return true;
	for (unsigned i = 0; i < d->more_count; i++)
		if (vnep_ip6_equal(&d->more[i], addr))
			return true;
	return false;
}

/* The device whose own address it is; *several: more than one has it. */
static const struct acl_device *find_user(
	const struct vnep_explain *ex, const struct vnep_explain_flow *flow, bool *several)
{
	const struct acl_device *d, *found = NULL;

	*several = false;
	for (size_t i = 0; (d = vnep_table_next(&ex->acl->devices, &i));) {
		if (d->class == ACL_NONE || !uses(d, &flow->src) ||
			(flow->has_vlan && d->vlan != flow->vlan) ||
			(flow->has_mac && !vnep_mac_equal(&d->mac, &flow->mac)))
			continue;
		*several = *several || found;
		found = d;
	}
	return found;
}

/* An endpoint of form host is a host's address. One that nothing binds is a stranger's with a known MAC. */
static const struct acl_device *find_sender(const struct vnep_explain *ex,
	const struct vnep_explain_flow *flow, struct in6_addr *addr, bool *several)
{
	const struct acl_device *d = vnep_table_get(&ex->acl->devices, &flow->src);

	*several = false;
	*addr = flow->src;
	if (!d || d->host)
		return find_user(ex, flow, several);
	if (d->class != ACL_NONE)
		*addr = d->addr;
	return d;
}

static const char *device_port(const struct vnep_explain *ex, const struct acl_device *d)
{
	return ex->acl->config.access[d->port < ex->acl->config.access_count ? d->port : 0];
}

/* The tag of the VPC that the source is of, or else of the device that it is for. */
static uint16_t core_vlan(const struct vnep_explain *ex, const struct vnep_explain_flow *flow)
{
	const struct acl_device *d = vnep_table_get(&ex->acl->devices, &flow->dest);

	for (size_t i = 0; i < ex->acl->vpc_count; i++)
		if (ex->acl->vpcs[i].defined &&
			vnep_prefix_has(&ex->acl->vpcs[i].vpc.prefix, &flow->src))
			return ex->acl->vpcs[i].vpc.core_vlan;
	return d ? ex->acl->vpcs[d->vpc].vpc.core_vlan : 0;
}

static int choose(const struct vnep_explain *ex, const struct vnep_explain_flow *flow,
	struct sender *s, struct vnep_err *err)
{
	const char *core = ex->acl->config.core;
	const struct acl_device *d;
	bool several;

	*s = (struct sender){ .mac = stranger };
	d = find_sender(ex, flow, &s->addr, &several);
	if (several && !flow->port) {
		vnep_err_set(err, VNEP_EAMBIGUOUS, "several devices send from this address");
		vnep_err_hint(err, "--mac or --vlan says which one, or its endpoint does");
		return VNEP_EAMBIGUOUS;
	}
	s->port = flow->port ? flow->port : d ? device_port(ex, d) : core;
	if (strcmp(s->port, core) && d && !several) {
		s->vlan = d->vlan;
		if (d->has_mac)
			s->mac = d->mac;
	} else if (!strcmp(s->port, core)) {
		s->vlan = core_vlan(ex, flow);
		s->addr = flow->src;
	}
	if (flow->has_vlan)
		s->vlan = flow->vlan;
	if (flow->has_mac)
		s->mac = flow->mac;
	return 0;
}

static void put_upper(struct vnep_buf *out, const struct vnep_explain_flow *flow, uint8_t proto)
{
	if (proto == IPPROTO_ICMPV6) {
		vnep_buf_put_u8(out, ECHO_REQUEST);
		vnep_buf_put_zero(out, ICMP_HEADER - 1);
		return;
	}
	if (proto != IPPROTO_UDP && proto != IPPROTO_TCP)
		return;
	vnep_buf_put_be16(out, flow->src_port);
	vnep_buf_put_be16(out, flow->dest_port);
	if (proto == IPPROTO_UDP) {
		vnep_buf_put_be16(out, UDP_HEADER);
		vnep_buf_put_be16(out, 0);
		return;
	}
	vnep_buf_put_zero(out, 8);
	vnep_buf_put_be16(out, 0x5002); /* SYN */
	vnep_buf_put_zero(out, 6);
}

static uint16_t upper_len(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_ICMPV6: return ICMP_HEADER;
	case IPPROTO_UDP: return UDP_HEADER;
	case IPPROTO_TCP: return TCP_HEADER;
	default: return 0;
	}
}

int vnep_explain_make(struct vnep_explain *ex, const struct vnep_explain_flow *flow,
	struct vnep_buf *frame, const char **port, struct vnep_err *err)
{
	static const struct vnep_mac nobody;
	uint8_t proto = flow->proto ? flow->proto : IPPROTO_ICMPV6;
	const struct acl_port *at;
	const struct vnep_mac *mac;
	struct vnep_mac group;
	struct vnep_frame f;
	struct sender s;
	int rc = choose(ex, flow, &s, err);

	if (rc)
		return rc;
	at = explain_port(ex, s.port);
	if (!at)
		return vnep_err_set(
			err, VNEP_EUSAGE, "\"%s\" is none of the ports of this edge", s.port);
	mac = vnep_mac_equal(&at->mac, &nobody) ? &unknown_port : &at->mac;
	if (IN6_IS_ADDR_MULTICAST(&flow->dest)) {
		vnep_ip6_multicast_mac(&flow->dest, &group);
		mac = &group;
	}
	vnep_buf_reset(frame);
	vnep_buf_put(frame, mac->octet, 6);
	vnep_buf_put(frame, s.mac.octet, 6);
	if (s.vlan) {
		vnep_buf_put_be16(frame, ETH_P_8021Q);
		vnep_buf_put_be16(frame, s.vlan);
	}
	vnep_buf_put_be16(frame, ETH_P_IPV6);
	vnep_buf_put_be32(frame, 0x60000000);
	vnep_buf_put_be16(frame, upper_len(proto));
	vnep_buf_put_u8(frame, proto);
	vnep_buf_put_u8(frame, flow->hop_limit ? flow->hop_limit : HOP_LIMIT);
	vnep_buf_put(frame, &s.addr, 16);
	vnep_buf_put(frame, &flow->dest, 16);
	put_upper(frame, flow, proto);
	if (frame->rc)
		return vnep_err_sys(err, ENOMEM, "frame");
	if (!vnep_frame_parse(&f, frame->data, frame->len))
		vnep_frame_checksum_set(&f, frame->data);
	*port = s.port;
	return 0;
}
