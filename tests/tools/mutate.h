/*
 * mutate - frames that the rules allow, or nearly, field by field; and what can be changed about them. For oracle.c.
 *
 * A seed knows where its fields are, so each can be changed in turn: to nothing, to everything, by one, bit by bit, and
 * to what is right somewhere else (the pools). Then it is cut and padded, and mixed at random.
 */
#ifndef MUTATE_H
#define MUTATE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vnep/addr.h"
#include "vnep/buf.h"
#include "vnep/frame.h"

enum { SEED_MAX = 1518, FIELDS = 48, POOL = 64 };

struct seed {
	uint8_t data[SEED_MAX];
	size_t len;
	unsigned port; /* of those of the edge */
	unsigned field_count;
	struct {
		uint16_t at;
		uint8_t len;
	} field[FIELDS];
	uint16_t ip; /* offset of the IPv6 header */
};

/* What is right somewhere. */
struct pools {
	struct vnep_mac mac[POOL];
	struct in6_addr addr[POOL];
	uint16_t word[POOL]; /* types, VLANs, ports */
	unsigned macs, addrs, words;
};

static uint64_t random_state = 1;

static inline uint32_t random_number(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 16) % below);
}

static inline void seed_put(struct seed *s, const void *data, size_t len)
{
	if (s->len + len > sizeof s->data || s->field_count == FIELDS)
		return;
	memcpy(s->data + s->len, data, len);
	s->field[s->field_count].at = (uint16_t)s->len;
	s->field[s->field_count++].len = (uint8_t)len;
	s->len += len;
}

static inline void seed_put_u8(struct seed *s, unsigned v)
{
	seed_put(s, &(uint8_t){ (uint8_t)v }, 1);
}

static inline void seed_put_be16(struct seed *s, unsigned v)
{
	uint8_t be[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	seed_put(s, be, 2);
}

static inline void seed_begin(struct seed *s, unsigned port, const struct vnep_mac *dest,
	const struct vnep_mac *src, uint16_t vlan)
{
	*s = (struct seed){ .port = port };
	seed_put(s, dest->octet, 6);
	seed_put(s, src->octet, 6);
	if (vlan) {
		seed_put_be16(s, 0x8100);
		seed_put_be16(s, vlan | 0xa000u);
	}
	seed_put_be16(s, 0x86dd);
	s->ip = (uint16_t)s->len;
}

static inline void seed_ip6(struct seed *s, unsigned next, unsigned hops,
	const struct in6_addr *src, const struct in6_addr *dest)
{
	seed_put_be16(s, 0x6000);
	seed_put_be16(s, 0);
	seed_put_be16(s, 0); /* length: seed_end */
	seed_put_u8(s, next);
	seed_put_u8(s, hops);
	seed_put(s, src, 16);
	seed_put(s, dest, 16);
}

/* Hop-by-hop, destination options, routing: eights of octets more; a routing header names type and segments left. */
static inline void seed_options(struct seed *s, unsigned next, unsigned eights)
{
	static const uint8_t pad[8] = { 1, 4 };

	seed_put_u8(s, next);
	seed_put_u8(s, eights);
	seed_put_be16(s, 0x0104);
	seed_put(s, pad + 4, 4);
	for (unsigned i = 0; i < eights; i++)
		seed_put(s, pad, 8);
}

static inline void seed_fragment(struct seed *s, unsigned next, unsigned offset_flags)
{
	static const uint8_t id[4] = { 0, 0, 0, 7 };

	seed_put_u8(s, next);
	seed_put_u8(s, 0);
	seed_put_be16(s, offset_flags);
	seed_put(s, id, 4);
}

static inline void seed_auth(struct seed *s, unsigned next)
{
	static const uint8_t rest[8] = { 0 };

	seed_put_u8(s, next);
	seed_put_u8(s, 1); /* (1 + 2) * 4 octets */
	seed_put_be16(s, 0);
	seed_put(s, rest, 8);
}

static inline void seed_upper(struct seed *s, unsigned proto, unsigned type, unsigned port)
{
	static const uint8_t octets[24] = "payload of the oracle";

	if (proto == IPPROTO_ICMPV6) {
		seed_put_u8(s, type);
		seed_put_u8(s, 0);
		seed_put_be16(s, 0);
	} else if (proto == IPPROTO_UDP) {
		seed_put_be16(s, 40000);
		seed_put_be16(s, port);
		seed_put_be16(s, 8 + sizeof octets);
		seed_put_be16(s, 0);
	} else if (proto == IPPROTO_TCP) {
		seed_put_be16(s, 40000);
		seed_put_be16(s, port);
		seed_put(s, octets, 4);
		seed_put(s, octets, 4);
		seed_put_be16(s, 0x5010);
		seed_put_be16(s, 1000);
		seed_put_be16(s, 0);
		seed_put_be16(s, 0);
	}
	seed_put(s, octets, sizeof octets);
}

/* Length and checksum right; octets more of payload. */
static inline void seed_end(struct seed *s, size_t more)
{
	struct vnep_frame f;

	if (s->len + more > sizeof s->data)
		more = sizeof s->data - s->len;
	s->len += more;
	vnep_set_be16(s->data + s->ip + 4, (uint16_t)(s->len - s->ip - 40));
	if (vnep_frame_parse(&f, s->data, s->len))
		return;
	if (f.l4 && f.proto == IPPROTO_UDP)
		vnep_set_be16(s->data + f.l4 + 4, (uint16_t)(s->len - f.l4));
	vnep_frame_checksum_set(&f, s->data);
}

/* How many ways there are to change this field, and one of them. */
static inline unsigned field_ways(const struct seed *s, unsigned field, const struct pools *pools)
{
	unsigned len = s->field[field].len;

	switch (len) {
	case 1: return 256;
	case 2: return 3 + 16 + pools->words;
	case 6: return 3 + 8 + pools->macs;
	case 16: return 3 + 16 + pools->addrs;
	default: return 3;
	}
}

static inline void field_change(
	struct seed *s, unsigned field, unsigned way, const struct pools *pools)
{
	uint8_t *at = s->data + s->field[field].at;
	size_t len = s->field[field].len;

	if (len == 1) {
		*at = (uint8_t)way;
	} else if (way == 0) {
		memset(at, 0, len);
	} else if (way == 1) {
		memset(at, 0xff, len);
	} else if (way == 2) {
		at[len - 1]++;
	} else if (len == 2 && way < 3 + 16) {
		at[(way - 3) / 8] ^= (uint8_t)(1 << (way - 3) % 8);
	} else if (len == 2) {
		vnep_set_be16(at, pools->word[(way - 19) % POOL]);
	} else if (len == 6 && way < 3 + 8) {
		at[0] ^= (uint8_t)(1 << (way - 3));
	} else if (len == 6) {
		memcpy(at, pools->mac[(way - 11) % POOL].octet, 6);
	} else if (len == 16 && way < 3 + 16) {
		at[way - 3] ^= (uint8_t)(1 << random_number(8));
	} else if (len == 16) {
		memcpy(at, &pools->addr[(way - 19) % POOL], 16);
	}
}

/* Anything at all: of a seed, or of the port alone. */
static inline void seed_shake(struct seed *s, const struct pools *pools)
{
	unsigned changes = 1 + random_number(4);

	for (unsigned i = 0; i < changes; i++) {
		unsigned what = random_number(16), field = random_number(s->field_count);
		size_t behind_macs = s->len > 14 ? s->len - 14 : 0;

		if (what < 10) {
			field_change(s, field, random_number(field_ways(s, field, pools)), pools);
		} else if (what < 12 && behind_macs) {
			s->data[14 + random_number((uint32_t)behind_macs)] =
				(uint8_t)random_number(256);
		} else if (what == 12 && behind_macs) {
			s->len -= random_number((uint32_t)behind_macs + 1);
		} else if (what == 13 && s->len + 64 < sizeof s->data) {
			s->len += random_number(64);
		} else if (what == 14 && s->len > 60) { /* octets taken out of the middle */
			memmove(s->data + 54, s->data + 58, s->len - 58);
			s->len -= 4;
		} else if (what == 15 && behind_macs && !random_number(8)) {
			for (size_t k = 14; k < s->len; k++)
				s->data[k] = (uint8_t)random_number(256);
		}
	}
}

#endif
