/* nft-refused - which element of a message the kernel refused, and in words: its key names the device. */
#include <net/if.h>
#include <stdio.h>

#include "nft-msg.h"
#include "vnep/nfttext.h"
#include "vnep/nl.h"

#include <linux/netfilter/nf_tables.h>

static int set_of(const struct nlmsghdr *msg)
{
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr attr;

	vnep_nl_attrs_message(&walk, msg, sizeof(struct nfgenmsg));
	while (vnep_nl_attrs_next(&walk, &attr)) {
		if (attr.type != NFTA_SET_ELEM_LIST_SET || !attr.len || attr.data[attr.len - 1])
			continue;
		for (int set = 0; set < VNEP_SET_COUNT; set++)
			if (!strcmp(vnep_set_specs[set].name, (const char *)attr.data))
				return set;
	}
	return -1;
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

bool nft_refused_element(const struct nlmsghdr *msg, size_t offset, struct nft_refused *out)
{
	int set = set_of(msg);
	const struct vnep_set_spec *spec = set < 0 ? NULL : &vnep_set_specs[set];
	const uint8_t *key, *data;
	struct vnep_nl_attrs walk;
	struct vnep_nl_attr elem;

	if (!spec || offset < sizeof *msg || offset >= msg->nlmsg_len)
		return false;
	vnep_nl_attrs_init(&walk, (const uint8_t *)msg + offset, msg->nlmsg_len - offset);
	if (!vnep_nl_attrs_next(&walk, &elem) || elem.type != NFTA_LIST_ELEM ||
		!value_of(&elem, NFTA_SET_ELEM_KEY, spec->key_len, &key))
		return false;
	*out = (struct nft_refused){ .set = (enum vnep_set)set };
	memcpy(out->element.key, key, spec->key_len);
	out->has_addr = spec->data == VNEP_NFT_IP6 &&
			value_of(&elem, NFTA_SET_ELEM_DATA, sizeof out->element.data, &data);
	if (out->has_addr)
		memcpy(out->element.data, data, sizeof out->element.data);
	return true;
}

void nft_refused_print(const struct nft_refused *refused, struct vnep_buf *out)
{
	const struct vnep_set_spec *spec = &vnep_set_specs[refused->set];
	const uint8_t *key = refused->element.key;
	char port[IF_NAMESIZE] = "";
	uint32_t index;

	vnep_buf_put_str(out, "element ");
	for (int i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++) {
		memcpy(&index, key, sizeof index);
		if (spec->key[i] == VNEP_NFT_IIF && !if_indextoname(index, port))
			snprintf(port, sizeof port, "%u", index);
		vnep_buf_put_str(out, i ? " . " : "");
		vnep_nft_part_put(out, spec->key[i], key, port);
		key += vnep_nft_type_len(spec->key[i]);
	}
	if (refused->has_addr) {
		vnep_buf_put_str(out, " : ");
		vnep_nft_part_put(out, VNEP_NFT_IP6, refused->element.data, "");
	}
	vnep_buf_printf(out, " of %s", spec->name);
}
