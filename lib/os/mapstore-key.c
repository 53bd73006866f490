/*
 * mapstore-key - what a record is called in the map.
 *
 * A letter for the type, in the order in which followers need them, then the id. The URN of a MAC, which most
 * devices have, is packed: the letter 1 and the MAC. No other id begins with an octet that small, and
 * "urn:dev:mac:" is the first of all URNs in the order of octets, so packing does not change the order.
 */
#include <stdio.h>
#include <string.h>

#include "mapstore-private.h"

enum { PACKED_MAC = 1, MAC_OCTETS = 6 };

static const char mac_scheme[] = "urn:dev:mac:";

size_t vnep_map_dev_pack(const char *dev, uint8_t out[static VNEP_URN_MAX])
{
	struct vnep_mac mac;
	size_t n;

	if (vnep_urn_mac(dev, &mac) && !memcmp(dev + sizeof mac_scheme - 1 + 6, "fffe", 4)) {
		out[0] = PACKED_MAC;
		memcpy(out + 1, mac.octet, MAC_OCTETS);
		return 1 + MAC_OCTETS;
	}
	n = strnlen(dev, VNEP_URN_MAX);
	memcpy(out, dev, n);
	return n;
}

void vnep_map_dev_unpack(const void *data, size_t len, char dev[static VNEP_URN_MAX + 1])
{
	const uint8_t *o = data;

	if (len == 1 + MAC_OCTETS && o[0] == PACKED_MAC) {
		static const char digits[] = "0123456789abcdef";
		char *at = dev + sizeof mac_scheme - 1;

		memcpy(dev, mac_scheme, sizeof mac_scheme);
		for (unsigned i = 1; i <= MAC_OCTETS; i++) {
			*at++ = digits[o[i] >> 4];
			*at++ = digits[o[i] & 15];
			if (i == 3) {
				memcpy(at, "fffe", 4);
				at += 4;
			}
		}
		*at = 0;
		return;
	}
	if (len > VNEP_URN_MAX)
		len = VNEP_URN_MAX;
	memcpy(dev, data, len);
	dev[len] = 0;
}

static uint8_t letter(enum vnep_record_type type)
{
	switch (type) {
	case VNEP_RECORD_VPC: return '1';
	case VNEP_RECORD_GROUP: return '2';
	case VNEP_RECORD_DEVICE: return '3';
	default: return '4';
	}
}

size_t vnep_map_key(
	enum vnep_record_type type, const char *id, uint8_t key[static VNEP_MAP_KEY_MAX])
{
	key[0] = letter(type);
	return 1 + vnep_map_dev_pack(id, key + 1);
}

void vnep_map_id(enum vnep_record_type type, const uint8_t *key, size_t len,
	char id[static VNEP_URN_MAX + 1])
{
	(void)type; /* all are packed alike */
	vnep_map_dev_unpack(key + 1, len - 1, id);
}
