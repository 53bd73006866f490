/* nft-refused - which element of a message the kernel refused, in words: its key names the device. */
#include <stdio.h>

#include "nft-msg.h"
#include "vnep/nl.h"

#include <linux/netfilter/nf_tables.h>

static const struct vnep_set_spec *spec_of(const struct nlmsghdr *msg)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	vnep_nl_attrs_message(&walk, msg, sizeof(struct nfgenmsg));
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type != NFTA_SET_ELEM_LIST_SET || !attr.len || attr.data[attr.len - 1])
			continue;
		for (int set = 0; set < VNEP_SET_COUNT; set++)
			if (!strcmp(vnep_set_specs[set].name, (const char *)attr.data))
				return &vnep_set_specs[set];
	}
	return NULL;
}

/* The value inside an attribute of an element. */
static bool value_of(
	const struct vnep_nl_attr *elem, uint16_t type, size_t len, const uint8_t **out)
{
	struct vnep_nl_attrs walk, inner;
	struct vnep_nl_attr attr, value;

	vnep_nl_attrs_init(&walk, elem->data, elem->len);
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type != type)
			continue;
		vnep_nl_attrs_init(&inner, attr.data, attr.len);
		while (vnep_nl_attrs_next(&inner, &value))
			if (value.type == NFTA_DATA_VALUE && value.len == len) {
				*out = value.data;
				return true;
			}
	}
	return false;
}

static void put_part(struct vnep_buf *out, enum vnep_nft_type type, const uint8_t *at)
{
	char text[VNEP_IP6_LEN] = "";
	struct in6_addr addr;
	struct vnep_mac mac;
	uint32_t number;

	switch (type) {
	case VNEP_NFT_IIF:
		memcpy(&number, at, sizeof number);
		vnep_buf_printf(out, "port %u", number);
		break;
	case VNEP_NFT_VLAN: vnep_buf_printf(out, "VLAN %u", vnep_be16(at)); break;
	case VNEP_NFT_ICMP_TYPE: vnep_buf_printf(out, "%u", at[0]); break;
	case VNEP_NFT_MARK:
		memcpy(&number, at, sizeof number);
		vnep_buf_printf(out, "0x%08x", number);
		break;
	case VNEP_NFT_MAC:
		memcpy(mac.octet, at, sizeof mac.octet);
		vnep_mac_print(&mac, text);
		break;
	case VNEP_NFT_IP6:
		memcpy(&addr, at, sizeof addr);
		vnep_ip6_print(&addr, text);
		break;
	case VNEP_NFT_VERDICT:
	case VNEP_NFT_NONE: break;
	}
	vnep_buf_put_str(out, text);
}

bool nft_refused_element(const struct nlmsghdr *msg, size_t offset, struct vnep_buf *out)
{
	const struct vnep_set_spec *spec = spec_of(msg);
	const uint8_t *key, *data;
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr elem;

	if (!spec || offset < sizeof *msg || offset >= msg->nlmsg_len)
		return false;
	vnep_nl_attrs_init(&walk, (const uint8_t *)msg + offset, msg->nlmsg_len - offset);
	if (!vnep_nl_attrs_next(&walk, &elem) || elem.type != NFTA_LIST_ELEM ||
		!value_of(&elem, NFTA_SET_ELEM_KEY, spec->key_len, &key))
		return false;
	vnep_buf_put_str(out, "element ");
	for (int i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++) {
		vnep_buf_put_str(out, i ? " . " : "");
		put_part(out, spec->key[i], key);
		key += vnep_nft_type_len(spec->key[i]);
	}
	if (spec->data == VNEP_NFT_IP6 && value_of(&elem, NFTA_SET_ELEM_DATA, 16, &data)) {
		vnep_buf_put_str(out, " : ");
		put_part(out, VNEP_NFT_IP6, data);
	}
	vnep_buf_printf(out, " of %s", spec->name);
	return true;
}
