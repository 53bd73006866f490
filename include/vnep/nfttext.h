/*
 * nfttext - a ruleset as text for `nft -f -`, or as JSON for `nft -j -f -`.
 *
 * Shape   rules first (counters, sets, chains), then elements in as many pieces as you like, then
 *         the end. Loading it twice gives the same table: its rules are flushed first, elements
 *         and counters stay.
 * Differs nft's language cannot keep a value across a rewrite: where the kernel looks up a
 *         device's neighbour by the endpoint it kept in a register, text looks the endpoint up
 *         again, in a map neighbour_<port>[.<vlan>] (L : V). It cannot look up a constant either,
 *         so routes send to any neighbour (VNEP_STMT_REACHABLE). Rules carry no hash: what nft loads is not
 *         what apply writes, and apply replaces it.
 * Errors  those of the buffer (sticky). In elements, iif of a key is 1 + the place of its port in
 *         ports.
 */
#ifndef VNEP_NFTTEXT_H
#define VNEP_NFTTEXT_H

#include "vnep/ndjson.h"
#include "vnep/ruleset.h"

struct vnep_nfttext {
	struct vnep_buf *out;
	bool json;
	const struct vnep_ruleset *rs;
	const char (*ports)[VNEP_IF_MAX + 1];
	struct vnep_jw w; /* private */
};

void vnep_nfttext_rules(struct vnep_nfttext *t);
void vnep_nfttext_elements(struct vnep_nfttext *t, enum vnep_set set,
	const struct vnep_set_element *elements, size_t count);

/* Elements of neighbour_<port>[.<vlan>]: key L, data V. vlan 0 = untagged. */
void vnep_nfttext_neighbours(struct vnep_nfttext *t, const char *port, uint16_t vlan,
	const struct vnep_set_element *elements, size_t count);
void vnep_nfttext_end(struct vnep_nfttext *t);

/* nftjson.c: the same, called from nfttext.c. */
void vnep_nftjson_rules(struct vnep_nfttext *t);
void vnep_nftjson_elements(struct vnep_nfttext *t, const char *name,
	const struct vnep_set_spec *spec, const struct vnep_set_element *elements, size_t count);
void vnep_nftjson_end(struct vnep_nfttext *t);

/* Has this statement, a DELIVER, a map that none before it has? */
bool vnep_nfttext_first_delivery(const struct vnep_ruleset *rs, size_t stmt);

/* A part of a key, or data, in nft's language. name: of the port, or of the chain, that it means. */
void vnep_nft_part_put(
	struct vnep_buf *out, enum vnep_nft_type type, const uint8_t *at, const char *name);

/* The words of nft(8) for types and fields. */
const char *vnep_nft_type_text(enum vnep_nft_type type);

/* The map that text needs for each port and VLAN that DELIVER names, and what it is like. */
enum { VNEP_NEIGHBOUR_NAME_MAX = VNEP_NFT_NAME_MAX + 16 };
extern const struct vnep_set_spec vnep_nfttext_neighbour;
void vnep_nfttext_neighbour_name(
	const char *port, uint64_t vlan, char out[static VNEP_NEIGHBOUR_NAME_MAX + 1]);

#endif
