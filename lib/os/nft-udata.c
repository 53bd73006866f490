/*
 * nft-udata - the user data of objects, which is nft(8)'s: type, length, value, again and again. It has the comments (of type 0, of sets
 * type 7), and what a set's key and data are made of where a type alone does not tell: of which header
 * an integer is (its src/datatype.c, udata in src/payload.c, src/meta.c, src/expression.c).
 */
#include <linux/netfilter/nf_tables.h>

#include "nft-msg.h"

enum {
	UDATA_COMMENT = 0,
	UDATA_SET_KEY_ORDER = 0,
	UDATA_SET_DATA_ORDER = 1,
	UDATA_SET_KEY_TYPEOF = 3,
	UDATA_SET_DATA_TYPEOF = 4,
	UDATA_SET_COMMENT = 7,
	UDATA_MAX = 255,
};

struct udata {
	uint8_t octets[UDATA_MAX];
	size_t len; /* more than UDATA_MAX: it does not fit */
};

static void udata_put(struct udata *u, uint8_t type, const void *data, size_t len)
{
	if (len > 255 || u->len + 2 + len > sizeof u->octets) {
		u->len = sizeof u->octets + 1;
		return;
	}
	u->octets[u->len++] = type;
	u->octets[u->len++] = (uint8_t)len;
	memcpy(u->octets + u->len, data, len);
	u->len += len;
}

/* Numbers in host order, as nft writes them. */
static void udata_put_u32(struct udata *u, uint8_t type, uint32_t v)
{
	udata_put(u, type, &v, sizeof v);
}

/* An expression is two members: its kind, and what that kind says of itself. */
static void udata_put_expr(struct udata *u, uint32_t kind, const struct udata *inside)
{
	udata_put_u32(u, 0, kind);
	udata_put(u, 1, inside->octets, inside->len);
}

/* "iif", "vlan id", "ether saddr", "ip6 saddr", "ip6 daddr", "verdict", as nft numbers them. */
static void udata_put_type(struct udata *u, enum vnep_nft_type type)
{
	enum { VALUE = 1, PAYLOAD = 7, META = 9, IIF = 4, IP6 = 13, VLAN = 16, ETHER = 17 };
	struct udata inside = { 0 };

	switch (type) {
	case VNEP_NFT_IIF:
		udata_put_u32(&inside, 0, IIF);
		udata_put_expr(u, META, &inside);
		break;
	case VNEP_NFT_VLAN:
		udata_put_u32(&inside, 0, VLAN);
		udata_put_u32(&inside, 1, 4);  /* its field "id", */
		udata_put_u32(&inside, 4, 12); /* of 12 bits */
		udata_put_expr(u, PAYLOAD, &inside);
		break;
	case VNEP_NFT_MAC:
		udata_put_u32(&inside, 0, ETHER);
		udata_put_u32(&inside, 1, 2);
		udata_put_expr(u, PAYLOAD, &inside);
		break;
	case VNEP_NFT_IP6:
		udata_put_u32(&inside, 0, IP6);
		udata_put_u32(&inside, 1, 8);
		udata_put_expr(u, PAYLOAD, &inside);
		break;
	case VNEP_NFT_IP6_DEST:
		udata_put_u32(&inside, 0, IP6);
		udata_put_u32(&inside, 1, 9);
		udata_put_expr(u, PAYLOAD, &inside);
		break;
	case VNEP_NFT_VERDICT: udata_put_expr(u, VALUE, &inside); break;
	case VNEP_NFT_ICMP_TYPE:
	case VNEP_NFT_MARK:
	case VNEP_NFT_NONE: break;
	}
}

static void udata_put_key(struct udata *u, const struct vnep_set_spec *spec)
{
	enum { CONCAT = 13 };
	struct udata parts = { 0 };

	if (spec->key[1] == VNEP_NFT_NONE) {
		udata_put_type(u, spec->key[0]);
		return;
	}
	for (uint8_t i = 0; i < VNEP_KEY_PARTS && spec->key[i] != VNEP_NFT_NONE; i++) {
		struct udata part = { 0 };

		udata_put_type(&part, spec->key[i]);
		udata_put(&parts, i, part.octets, part.len);
	}
	udata_put_expr(u, CONCAT, &parts);
}

static void put_udata(struct nft_msg *m, uint16_t attr, const struct udata *u)
{
	if (u->len && u->len <= sizeof u->octets)
		nft_put(m, attr, u->octets, u->len);
}

void nft_put_comment(struct nft_msg *m, uint16_t attr, const char *comment)
{
	struct udata u = { 0 };

	if (*comment)
		udata_put(&u, UDATA_COMMENT, comment, strlen(comment) + 1);
	put_udata(m, attr, &u);
}

void nft_put_set_udata(struct nft_msg *m, const struct vnep_set_spec *spec)
{
	enum { BIG_ENDIAN_ORDER = 2, NO_ORDER = 0 };
	struct udata u = { 0 }, key = { 0 }, data = { 0 };
	bool concat = spec->key[1] != VNEP_NFT_NONE;

	if (vnep_set_has_vlan(spec)) {
		udata_put_u32(&u, UDATA_SET_KEY_ORDER, concat ? NO_ORDER : BIG_ENDIAN_ORDER);
		if (spec->data != VNEP_NFT_NONE)
			udata_put_u32(&u, UDATA_SET_DATA_ORDER,
				spec->data == VNEP_NFT_VERDICT ? NO_ORDER : BIG_ENDIAN_ORDER);
		udata_put_key(&key, spec);
		udata_put(&u, UDATA_SET_KEY_TYPEOF, key.octets, key.len);
		udata_put_type(&data, spec->data);
		if (data.len)
			udata_put(&u, UDATA_SET_DATA_TYPEOF, data.octets, data.len);
	}
	udata_put(&u, UDATA_SET_COMMENT, spec->comment, strlen(spec->comment) + 1);
	put_udata(m, NFTA_SET_USERDATA, &u);
}
