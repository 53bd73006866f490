/* mcast - which addresses groups may have, and the datagrams that go to them. */
#include <string.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/frame.h"
#include "vnep/mcast.h"

enum {
	FLAG_TRANSIENT = 1,
	FLAG_PREFIX = 2,
	FLAG_RENDEZVOUS = 4,
	FLAG_RESERVED = 8,
	PREFIX_LEN_MAX = 64,
	UNTIL_MARK = 6,
	UNTIL_NS = 100000000,
	MAC_AT = 6,
};

unsigned vnep_mcast_scope(const struct in6_addr *group)
{
	return group->s6_addr[1] & 15;
}

const char *vnep_mcast_scope_text(unsigned scope)
{
	static const char *const texts[16] = { [1] = "interface-local",
		[2] = "link-local",
		[3] = "realm-local",
		[4] = "admin-local",
		[5] = "site-local",
		[8] = "organization-local",
		[14] = "global" };

	return scope > 15 || !texts[scope] ? (scope == 0 || scope >= 15 ? "reserved" : "unassigned")
					   : texts[scope];
}

/* ff02::1, ff02::2, ff02::1:ffXX:XXXX and their like of the other scopes: nobody chose to listen there. Nor to what belongs
 * to a protocol of the link: ff02::16 (MLD), ff02::1:2 (DHCPv6), ff0X::1:3 (its servers; LLMNR). */
static bool is_everybody(const struct in6_addr *group)
{
	static const uint8_t zero[11];
	const uint8_t *a = group->s6_addr;

	if (a[1] & 0xf0 || memcmp(a + 2, zero, 9) != 0)
		return false;
	return (a[11] == 1 && a[12] == 0xff) ||
	       (!a[11] && !a[12] && !a[13] && !a[14] && (a[15] <= 2 || a[15] == 0x16)) ||
	       (!a[11] && !a[12] && a[13] == 1 && !a[14] && (a[15] == 2 || a[15] == 3));
}

/* RFC 3306 4: behind the flags a reserved octet, the length of the prefix and the prefix, no bit more. With a rendezvous point
 * (RFC 3956 4) half of that octet is part of its address, which needs a prefix. */
static bool has_good_prefix(const struct in6_addr *group)
{
	const uint8_t *a = group->s6_addr;
	unsigned len = a[3];

	bool rendezvous = a[1] >> 4 & FLAG_RENDEZVOUS;

	if (len > PREFIX_LEN_MAX || (rendezvous ? !len || a[2] & 0xf0 : a[2] != 0))
		return false;
	for (unsigned bit = len; bit < PREFIX_LEN_MAX; bit++)
		if (a[4 + bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

int vnep_mcast_check(const struct in6_addr *group, struct vnep_err *err)
{
	unsigned flags = group->s6_addr[1] >> 4, scope = vnep_mcast_scope(group);
	char text[VNEP_IP6_LEN];

	vnep_ip6_print(group, text);
	if (group->s6_addr[0] != 0xff)
		return vnep_err_set(err, VNEP_EVALUE, "%s is not a multicast address", text);
	if (scope < VNEP_SCOPE_LINK || scope > VNEP_SCOPE_GLOBAL)
		return vnep_err_set(err, VNEP_EVALUE,
			"%s has scope %u (%s): no device can be reached there", text, scope,
			vnep_mcast_scope_text(scope));
	if (flags & FLAG_RESERVED || (flags & FLAG_RENDEZVOUS && !(flags & FLAG_PREFIX)) ||
		(flags & FLAG_PREFIX && !(flags & FLAG_TRANSIENT)))
		return vnep_err_set(err, VNEP_EVALUE,
			"%s has flags %u, which do not go together (RFC 3306 4, RFC 7371)", text,
			flags);
	if (flags & FLAG_PREFIX && !has_good_prefix(group))
		return vnep_err_set(err, VNEP_EVALUE,
			"%s says a prefix of %u bits, and that is not what it has (RFC 3306 4, "
			"RFC 3956 4)",
			text, group->s6_addr[3]);
	if (is_everybody(group))
		return vnep_err_set(
			err, VNEP_EVALUE, "%s is what all of a link listen to, not a group", text);
	return 0;
}

static uint8_t *put16(uint8_t *at, size_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static uint8_t *put_mem(uint8_t *at, const void *data, size_t len)
{
	if (len)
		memcpy(at, data, len);
	return at + len;
}

size_t vnep_datagram_make(uint8_t *out, const struct vnep_datagram *d)
{
	size_t udp_len = 8 + d->payload_len;
	uint8_t *at = put_mem(out, &d->dest_mac, 6), *udp, *end;
	uint16_t sum;

	at = put_mem(at, &d->src_mac, 6);
	if (d->vlan)
		at = put16(put16(at, 0x8100), d->vlan);
	at = put16(at, 0x86dd);
	at = put16(put16(at, 0x6000), 0); /* version, no traffic class, no flow label */
	at = put16(at, udp_len);
	*at++ = IPPROTO_UDP;
	*at++ = d->hop_limit;
	at = put_mem(put_mem(at, &d->src, 16), &d->dest, 16);
	udp = at;
	at = put16(put16(at, d->src_port), d->dest_port);
	at = put16(put16(at, udp_len), 0);
	end = put_mem(at, d->payload, d->payload_len);
	sum = vnep_checksum6(&d->src, &d->dest, IPPROTO_UDP, udp, udp_len);
	put16(udp + 6, sum ? sum : 0xffff);
	return (size_t)(end - out);
}

void vnep_mcast_set_until(uint8_t *frame, struct vnep_wall until)
{
	uint64_t tenths = until.ns > 0 ? (uint64_t)until.ns / UNTIL_NS : 0;

	frame[MAC_AT] = UNTIL_MARK;
	for (int i = 5; i > 0; i--, tenths >>= 8)
		frame[MAC_AT + i] = (uint8_t)tenths;
}

bool vnep_mcast_is_over(const uint8_t *frame, size_t len, struct vnep_wall now)
{
	uint64_t tenths = 0;

	if (len < 2 * MAC_AT || frame[MAC_AT] != UNTIL_MARK)
		return false;
	for (int i = 1; i < 6; i++)
		tenths = tenths << 8 | frame[MAC_AT + i];
	return tenths && now.ns >= 0 && (uint64_t)now.ns / UNTIL_NS >= tenths;
}
