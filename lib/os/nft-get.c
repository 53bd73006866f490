/*
 * nft-get - elements by their keys.
 *
 * A dump of a set begins anew at its first element for each 32 KiB that it tells (nf_tables_dump_set), so that it takes
 * the square of the number of elements: minutes for a million. Questions by key take 0.8 us for each element, whatever
 * the size of the set.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "nft-msg.h"
#include "vnep/err.h"
#include "vnep/nft.h"

struct asked {
	const struct vnep_set_element *elements;
	size_t count, at; /* answers come in the order of the questions; at: the next one's */
	size_t key_len;
	vnep_nft_answer_cb *cb;
	void *arg;
};

static int take_element(const struct vnep_nft_element_info *element, void *arg)
{
	struct asked *a = arg;

	if (a->at == a->count || element->key_len != a->key_len ||
		memcmp(element->key, a->elements[a->at].key, a->key_len) != 0)
		return -EPROTO;
	return a->cb(a->at++, element, a->arg);
}

static int take_message(const struct nlmsghdr *msg, void *arg)
{
	return vnep_nft_elements_decode(msg, take_element, arg);
}

static struct nft_msg keys(uint32_t *place, size_t cap, enum vnep_set set,
	const struct vnep_set_element *elements, size_t count)
{
	struct nft_msg m = nft_question(place, cap, NFT_MSG_GETSETELEM, 0);
	struct nlattr *list, *elem, *nest;

	m.small = true;
	nft_put_str(&m, NFTA_SET_ELEM_LIST_TABLE, VNEP_NFT_TABLE);
	nft_put_str(&m, NFTA_SET_ELEM_LIST_SET, vnep_set_specs[set].name);
	list = nft_nest(&m, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < count; i++) {
		elem = nft_nest(&m, NFTA_LIST_ELEM);
		nest = nft_nest(&m, NFTA_SET_ELEM_KEY);
		nft_put(&m, NFTA_DATA_VALUE, elements[i].key, vnep_set_specs[set].key_len);
		nft_end(&m, nest);
		nft_end(&m, elem);
	}
	nft_end(&m, list);
	return m;
}

/* The kernel answers until the first that is not there, and then says that there is none: it is asked about the rest. */
int vnep_nft_elements_get(struct vnep_nl *nl, enum vnep_set set,
	const struct vnep_set_element *elements, size_t count, vnep_nft_answer_cb *cb, void *arg,
	struct vnep_err *err)
{
	uint32_t place[128 + VNEP_NFT_ASK_MAX * 16];
	struct asked a = { .elements = elements,
		.count = count,
		.key_len = vnep_set_specs[set].key_len,
		.cb = cb,
		.arg = arg };
	int rc = 0;

	while (!rc && a.at < count) {
		size_t n = count - a.at < VNEP_NFT_ASK_MAX ? count - a.at : VNEP_NFT_ASK_MAX;
		size_t end = a.at + n;
		struct nft_msg m = keys(place, sizeof place, set, elements + a.at, n);

		rc = nft_ask(nl, &m, take_message, NULL, &a, err);
		if (rc == -ENOENT || (!rc && a.at < end))
			rc = cb(a.at++, NULL, arg);
	}
	return rc;
}

static int take_one(size_t i, const struct vnep_nft_element_info *element, void *arg)
{
	(void)i;
	if (!element)
		return VNEP_ENOTFOUND;
	memcpy(arg, element, sizeof *element);
	return 0;
}

int vnep_nft_element_get(struct vnep_nl *nl, enum vnep_set set, const uint8_t *key,
	struct vnep_nft_element_info *out, struct vnep_err *err)
{
	struct vnep_set_element element = { 0 };

	memcpy(element.key, key, vnep_set_specs[set].key_len);
	return vnep_nft_elements_get(nl, set, &element, 1, take_one, out, err);
}
