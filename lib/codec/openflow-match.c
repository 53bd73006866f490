/* openflow-match - what a flow matches. */
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "openflow-match.h"

void openflow_match_init(struct openflow_match *m)
{
	*m = (struct openflow_match){
		.type = -1, .proto = -1, .icmp_type = -1, .hop_limit = -1, .port = -1
	};
}

bool openflow_match_number(int *field, int number)
{
	if (*field >= 0)
		return *field == number;
	*field = number;
	return true;
}

bool openflow_match_vlan(struct openflow_match *m, enum openflow_tag tag, uint16_t vlan)
{
	if (m->tag == TAG_ANY || (m->tag == TAG_SOME && tag == TAG_VLAN)) {
		m->tag = tag;
		m->vlan = vlan;
		return true;
	}
	if (m->tag == tag)
		return tag != TAG_VLAN || m->vlan == vlan;
	return m->tag == TAG_VLAN && tag == TAG_SOME;
}

bool openflow_match_prefix(struct openflow_match *m, bool dest, const struct vnep_prefix *prefix)
{
	struct vnep_prefix *field = dest ? &m->dest : &m->src;
	bool *has = dest ? &m->has_dest : &m->has_src;

	if (*has && vnep_prefix_covers(prefix, field))
		return true;
	if (*has && !vnep_prefix_covers(field, prefix))
		return false;
	*has = true;
	*field = *prefix;
	return true;
}

bool openflow_match_addr(struct openflow_match *m, bool dest, const struct in6_addr *addr)
{
	const struct vnep_prefix prefix = { .addr = *addr, .len = 128 };

	return openflow_match_prefix(m, dest, &prefix);
}

bool openflow_range(uint32_t first, uint32_t last, unsigned n, uint16_t *value, uint16_t *mask)
{
	for (; first <= last; n--) {
		uint32_t size = 1;

		while (!(first & size) && first + 2 * size - 1 <= last && size < 0x10000)
			size *= 2;
		*value = (uint16_t)first;
		*mask = (uint16_t) ~(size - 1);
		if (!n)
			return true;
		first += size;
	}
	return false;
}

static const char *port_field(int proto)
{
	switch (proto) {
	case IPPROTO_TCP: return "tcp_dst";
	case IPPROTO_SCTP: return "sctp_dst";
	default: return "udp_dst";
	}
}

static void print_vlan(const struct openflow_match *m, struct vnep_buf *out)
{
	switch (m->tag) {
	case TAG_ANY: break;
	case TAG_NONE: vnep_buf_put_str(out, "vlan_vid=0,"); break;
	case TAG_SOME: vnep_buf_put_str(out, "vlan_vid=0x1000/0x1000,"); break;
	case TAG_VLAN: vnep_buf_printf(out, "vlan_vid=0x%04x,", 0x1000u | m->vlan); break;
	}
}

static void print_link(const struct openflow_match *m, struct vnep_buf *out)
{
	char text[VNEP_MAC_LEN];

	if (m->mac) {
		vnep_mac_print(m->mac, text);
		vnep_buf_printf(out, "dl_src=%s,", text);
	}
	if (m->cast != CAST_ANY)
		vnep_buf_printf(out, "dl_dst=%02x:00:00:00:00:00/01:00:00:00:00:00,",
			m->cast == CAST_MULTI);
	if (m->type == ETH_P_IPV6)
		vnep_buf_put_str(out, "ipv6,");
	else if (m->type >= 0)
		vnep_buf_printf(out, "dl_type=0x%04x,", (unsigned)m->type);
}

void openflow_match_print(const struct openflow_match *m, uint32_t chain, struct vnep_buf *out)
{
	char text[VNEP_PREFIX_LEN];

	if (m->in_port)
		vnep_buf_printf(out, "in_port=\"%s\",", m->in_port);
	if (chain)
		vnep_buf_printf(out, "metadata=0x%x%08x/0x%xffffffff,", m->facts, chain, m->facts);
	print_vlan(m, out);
	print_link(m, out);
	if (m->has_src) {
		vnep_prefix_print(&m->src, text);
		vnep_buf_printf(out, "ipv6_src=%s,", text);
	}
	if (m->has_dest) {
		vnep_prefix_print(&m->dest, text);
		vnep_buf_printf(out, "ipv6_dst=%s,", text);
	}
	if (m->proto >= 0)
		vnep_buf_printf(out, "nw_proto=%d,", m->proto);
	if (m->icmp_type >= 0)
		vnep_buf_printf(out, "icmpv6_type=%d,", m->icmp_type);
	if (m->port >= 0 && m->port_mask == 0xffff)
		vnep_buf_printf(out, "%s=%d,", port_field(m->proto), m->port);
	else if (m->port >= 0)
		vnep_buf_printf(out, "%s=0x%x/0x%x,", port_field(m->proto), (unsigned)m->port,
			(unsigned)m->port_mask);
	if (m->hop_limit >= 0)
		vnep_buf_printf(out, "nw_ttl=%d,", m->hop_limit);
	if (m->frag != FRAG_ANY)
		vnep_buf_printf(out, "ip_frag=%s,", m->frag == FRAG_LATER ? "later" : "yes");
}
