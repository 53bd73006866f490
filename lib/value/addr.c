/* addr - MACs, IPv6 addresses, prefixes. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "vnep/addr.h"
#include "vnep/err.h"
#include "vnep/num.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int vnep_mac_parse(const char *text, struct vnep_mac *out, struct vnep_err *err)
{
	struct vnep_mac mac;
	const char *p = text;

	for (unsigned i = 0; i < 6; i++) {
		int hi = hex(p[0]), lo = hi < 0 ? -1 : hex(p[1]);

		if (lo < 0)
			goto bad;
		mac.octet[i] = (uint8_t)(hi << 4 | lo);
		p += 2;
		if (i < 5 && *p != ':' && *p != '-')
			goto bad;
		if (i < 5)
			p++;
	}
	if (*p)
		goto bad;
	if (mac.octet[0] & 1)
		return vnep_err_set(err, VNEP_EVALUE, "MAC \"%s\" is a group address", text);
	*out = mac;
	return 0;
bad:
	return vnep_err_set(err, VNEP_EVALUE, "\"%s\" is not a MAC address", text);
}

void vnep_mac_print(const struct vnep_mac *mac, char out[static VNEP_MAC_LEN])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < 6; i++) {
		*out++ = digits[mac->octet[i] >> 4];
		*out++ = digits[mac->octet[i] & 15];
		*out++ = i < 5 ? ':' : 0;
	}
}

bool vnep_mac_equal(const struct vnep_mac *a, const struct vnep_mac *b)
{
	return !memcmp(a, b, sizeof *a);
}

int vnep_ip6_parse(const char *text, struct in6_addr *out, struct vnep_err *err)
{
	struct in6_addr addr;

	if (inet_pton(AF_INET6, text, &addr) != 1)
		return vnep_err_set(err, VNEP_EVALUE, "\"%s\" is not an IPv6 address", text);
	*out = addr;
	return 0;
}

/* The longest run of two or more groups of zeros, the first of equals (RFC 5952 4.2). Returns its length. */
static unsigned find_zeros(const uint16_t group[static 8], unsigned *first)
{
	unsigned best = 1;

	*first = 8;
	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;

		while (i + n < 8 && !group[i + n])
			n++;
		if (n > best) {
			best = n;
			*first = i;
		}
		i += n;
	}
	return *first < 8 ? best : 0;
}

static char *put_group(char *at, uint16_t group)
{
	for (int shift = group > 0xfff  ? 12
			 : group > 0xff ? 8
			 : group > 0xf  ? 4
					: 0;
		shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[group >> shift & 15];
	return at;
}

/* inet_ntop formats each group by printf: half of the time that reading a record takes. It still writes what
 * has an IPv4 address inside. */
void vnep_ip6_print(const struct in6_addr *addr, char out[static VNEP_IP6_LEN])
{
	uint16_t group[8];
	unsigned first, zeros;
	char *at = out;

	if (IN6_IS_ADDR_V4MAPPED(addr) || IN6_IS_ADDR_V4COMPAT(addr)) {
		inet_ntop(AF_INET6, addr, out, VNEP_IP6_LEN);
		return;
	}
	for (unsigned i = 0; i < 8; i++)
		group[i] = (uint16_t)(addr->s6_addr[2 * i] << 8 | addr->s6_addr[2 * i + 1]);
	zeros = find_zeros(group, &first);
	for (unsigned i = 0; i < 8; i++) {
		if (zeros && i == first) {
			*at++ = ':';
			i += zeros - 1;
			if (i == 7)
				*at++ = ':';
			continue;
		}
		if (i)
			*at++ = ':';
		at = put_group(at, group[i]);
	}
	*at = 0;
}

bool vnep_ip6_equal(const struct in6_addr *a, const struct in6_addr *b)
{
	return !memcmp(a, b, sizeof *a);
}

/* Are all bits of addr from bit len on zero? */
static bool tail_is_zero(const struct in6_addr *addr, unsigned len)
{
	for (unsigned i = len; i < 128; i++)
		if (addr->s6_addr[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

int vnep_prefix_parse(const char *text, struct vnep_prefix *out, struct vnep_err *err)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct vnep_prefix p;
	uint64_t len = 128;
	char addr[VNEP_IP6_LEN];

	if (n >= sizeof addr)
		return vnep_err_set(err, VNEP_EVALUE, "\"%s\" is not an IPv6 prefix", text);
	memcpy(addr, text, n);
	addr[n] = 0;
	if (inet_pton(AF_INET6, addr, &p.addr) != 1 ||
		(slash && vnep_num_u64(slash + 1, 0, 128, &len, NULL)))
		return vnep_err_set(err, VNEP_EVALUE, "\"%s\" is not an IPv6 prefix", text);
	if (!tail_is_zero(&p.addr, (unsigned)len))
		return vnep_err_set(
			err, VNEP_EVALUE, "prefix \"%s\" has bits behind its length", text);
	p.len = (uint8_t)len;
	*out = p;
	return 0;
}

void vnep_prefix_print(const struct vnep_prefix *prefix, char out[static VNEP_PREFIX_LEN])
{
	char addr[VNEP_IP6_LEN];

	vnep_ip6_print(&prefix->addr, addr);
	snprintf(out, VNEP_PREFIX_LEN, "%s/%u", addr, prefix->len);
}

bool vnep_prefix_has(const struct vnep_prefix *prefix, const struct in6_addr *addr)
{
	unsigned whole = prefix->len / 8, rest = prefix->len % 8;

	if (memcmp(prefix->addr.s6_addr, addr->s6_addr, whole))
		return false;
	return !rest || !((prefix->addr.s6_addr[whole] ^ addr->s6_addr[whole]) >> (8 - rest));
}

bool vnep_prefix_covers(const struct vnep_prefix *outer, const struct vnep_prefix *inner)
{
	return outer->len <= inner->len && vnep_prefix_has(outer, &inner->addr);
}

bool vnep_ip6_bindable(const struct in6_addr *addr)
{
	return !IN6_IS_ADDR_UNSPECIFIED(addr) && !IN6_IS_ADDR_LOOPBACK(addr) &&
	       !IN6_IS_ADDR_LINKLOCAL(addr) && !IN6_IS_ADDR_MULTICAST(addr) &&
	       !IN6_IS_ADDR_V4MAPPED(addr) && !IN6_IS_ADDR_V4COMPAT(addr);
}

void vnep_ip6_link_local(const struct vnep_mac *mac, struct in6_addr *out)
{
	const uint8_t *o = mac->octet;

	*out = (struct in6_addr){ .s6_addr = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, (uint8_t)(o[0] ^ 2),
					  o[1], o[2], 0xff, 0xfe, o[3], o[4], o[5] } };
}

void vnep_ip6_solicited_node(const struct in6_addr *addr, struct in6_addr *out)
{
	const uint8_t *a = addr->s6_addr;

	*out = (struct in6_addr){ .s6_addr = { 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff,
					  a[13], a[14], a[15] } };
}

void vnep_ip6_multicast_mac(const struct in6_addr *group, struct vnep_mac *out)
{
	const uint8_t *a = group->s6_addr;

	*out = (struct vnep_mac){ { 0x33, 0x33, a[12], a[13], a[14], a[15] } };
}
