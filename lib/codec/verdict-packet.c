/*
 * verdict-packet - the kernel's view of a frame, and what it does to it.
 *
 * It differs from frame.h in what it believes: the kernel bounds its reads by what arrived, padding included, walks
 * any number of extension headers, and stops at an authentication header. Each function says whose it is.
 */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "verdict-packet.h"

enum {
	IP6_HEADER = 40,
	IP6_PAYLOAD = 4, /* offsets */
	IP6_NEXT = 6,
	TAG = 4,
	IEEE_802_3_MIN = 0x600, /* from here on it is a type, below a length */
	TCP_CHECK = 16,
	UDP_CHECK = 6,
	UDP_HEADER = 8,
	ICMP6_CHECK = 2,
};

/* eth_type_trans, vlan_set_encap_proto */
static uint16_t protocol_of(uint16_t type, const uint8_t *behind, size_t len)
{
	if (type >= IEEE_802_3_MIN)
		return type;
	return len >= 2 && vnep_be16(behind) == 0xffff ? ETH_P_802_3 : ETH_P_802_2;
}

static bool at_end(uint8_t next)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS: return false;
	default: return true;
	}
}

/* How ipv6_find_hdr is asked: for the fragment header, or for the end, where an AH is one. */
struct walk {
	bool fragment;
	uint8_t next; /* what it came to */
	size_t at;
	bool later;
};

/* One header further. 1: arrived, 0: go on, -1: cut off, or it is not there. */
static int walk_header(const struct packet *p, struct walk *w)
{
	const uint8_t *h = p->net + w->at;

	if (at_end(w->next))
		return w->fragment ? -1 : 1;
	if (w->at + 2 > p->len || (w->next == IPPROTO_ROUTING && w->at + 4 > p->len))
		return -1;
	if (w->next == IPPROTO_FRAGMENT) {
		if (w->at + 4 > p->len)
			return -1;
		if (w->fragment)
			return 1;
		if (vnep_be16(h + 2) & 0xfff8) {
			w->later = true;
			w->next = h[0];
			w->at = 0;
			return at_end(w->next) ? 1 : -1;
		}
		w->at += 8;
	} else if (w->next == IPPROTO_AH) {
		if (!w->fragment)
			return 1;
		w->at += (h[1] + 2u) * 4;
	} else {
		w->at += (h[1] + 1u) * 8;
	}
	w->next = h[0];
	return 0;
}

/* ipv6_find_hdr: every header has at least eight octets, so it ends where the packet does. */
static bool walk_headers(const struct packet *p, struct walk *w)
{
	int rc = 0;

	if (p->len < IP6_HEADER)
		return false;
	w->next = p->net[IP6_NEXT];
	w->at = IP6_HEADER;
	while (!rc)
		rc = walk_header(p, w);
	return rc > 0;
}

/* nft_set_pktinfo_ipv6_validate: what fails is a packet without an upper layer for the rules. */
static void find_upper(struct packet *p)
{
	struct walk w = { 0 };

	if (p->protocol != ETH_P_IPV6 || p->len < IP6_HEADER || p->net[0] >> 4 != 6 ||
		vnep_be16(p->net + IP6_PAYLOAD) + (size_t)IP6_HEADER > p->len ||
		!walk_headers(p, &w) || w.at > UINT16_MAX)
		return;
	p->known = true;
	p->upper = w.next;
	p->upper_at = w.at;
	p->later = w.later;
}

/* __netif_receive_skb_core takes one tag off, of either kind; which frames are ours eth_type_trans says. */
bool packet_arrive(struct packet *p, const struct vnep_mac *mac, const uint8_t *frame, size_t len,
	uint8_t *net)
{
	static const struct vnep_mac unknown;
	uint16_t type = vnep_be16(frame + 12);
	const uint8_t *behind = frame + PACKET_LINK;

	*p = (struct packet){ .net = net, .len = len - PACKET_LINK };
	memcpy(p->link, frame, sizeof p->link);
	p->host =
		!(frame[0] & 1) && (vnep_mac_equal(mac, &unknown) || !memcmp(frame, mac->octet, 6));
	if (type == ETH_P_8021Q || type == ETH_P_8021AD) {
		if (p->len < TAG + 2)
			return false;
		p->tagged = true;
		p->tpid = type;
		p->tci = vnep_be16(behind);
		type = vnep_be16(behind + 2);
		memcpy(p->link + 12, behind + 2, 2);
		behind += TAG;
		p->len -= TAG;
	}
	p->protocol = protocol_of(type, behind, p->len);
	memcpy(net, behind, p->len);
	find_upper(p);
	return true;
}

const uint8_t *packet_network(const struct packet *p, size_t offset, size_t len)
{
	return offset + len <= p->len ? p->net + offset : NULL;
}

const uint8_t *packet_upper(const struct packet *p, size_t offset, size_t len)
{
	if (!p->known || p->later)
		return NULL;
	return packet_network(p, p->upper_at + offset, len);
}

bool packet_fragment(const struct packet *p, size_t *at)
{
	struct walk w = { .fragment = true };

	if (p->protocol != ETH_P_IPV6 || !walk_headers(p, &w))
		return false;
	*at = w.at;
	return true;
}

/* nft_payload_l4csum_offset: 0 where no checksum is corrected. */
static size_t checksum_at(const struct packet *p)
{
	const uint8_t *udp;

	if (!p->known || p->later)
		return 0;
	switch (p->upper) {
	case IPPROTO_TCP: return p->upper_at + TCP_CHECK;
	case IPPROTO_UDP:
		udp = packet_network(p, p->upper_at, UDP_HEADER);
		return udp && vnep_be16(udp + UDP_CHECK) ? p->upper_at + UDP_CHECK : 0;
	case IPPROTO_UDPLITE: return p->upper_at + UDP_CHECK;
	case IPPROTO_ICMPV6: return p->upper_at + ICMP6_CHECK;
	default: return 0;
	}
}

static uint32_t sum(const uint8_t *data, uint16_t invert)
{
	uint32_t s = 0;

	for (unsigned i = 0; i < 16; i += 2)
		s += (uint16_t)(vnep_be16(data + i) ^ invert);
	return s;
}

/* nft_csum_replace: RFC 1624, and a sum of zero is written as its other form. */
static void correct(uint8_t *check, const uint8_t *was, const uint8_t *now)
{
	uint32_t s = (uint16_t)~vnep_be16(check) + sum(was, 0xffff) + sum(now, 0);

	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	s = ~s & 0xffff;
	vnep_set_be16(check, s ? (uint16_t)s : 0xffff);
}

/* nft_payload_set_eval */
bool packet_write_addr(struct packet *p, size_t offset, const uint8_t addr[static 16])
{
	size_t check = checksum_at(p);

	if (!packet_network(p, offset, 16) || (check && !packet_network(p, check, 2)))
		return false;
	if (check)
		correct(p->net + check, p->net + offset, addr);
	memcpy(p->net + offset, addr, 16);
	return true;
}

void packet_put(const struct packet *p, const uint8_t macs[static 12], struct vnep_buf *out)
{
	vnep_buf_put(out, macs, 12);
	if (p->tagged) {
		vnep_buf_put_be16(out, p->tpid);
		vnep_buf_put_be16(out, p->tci);
	}
	vnep_buf_put(out, p->link + 12, 2);
	vnep_buf_put(out, p->net, p->len);
}
