/*
 * nfttext - a ruleset as text for `nft -f -`, or as JSON for `nft -j -f -`.
 *
 * Shape   rules first (counters, sets, chains), then elements in as many pieces as you like, then
 *         the end. Loading it twice gives the same table: its rules are flushed first, elements
 *         and counters stay.
 * Differs nft's language cannot keep a value across a rewrite: where the kernel looks up a
 *         device's neighbour by the endpoint it kept in a register, text looks the endpoint up
 *         again, in a map neighbour_<port> (L : V). Rules carry no hash: what nft loads is not
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

/* Elements of neighbour_<port>: key L, data V. */
void vnep_nfttext_neighbours(struct vnep_nfttext *t, const char *port,
	const struct vnep_set_element *elements, size_t count);
void vnep_nfttext_end(struct vnep_nfttext *t);

/* nftjson.c: the same, called from nfttext.c. */
void vnep_nftjson_rules(struct vnep_nfttext *t);
void vnep_nftjson_elements(struct vnep_nfttext *t, const char *name,
	const struct vnep_set_spec *spec, const struct vnep_set_element *elements, size_t count);
void vnep_nftjson_end(struct vnep_nfttext *t);

/* The words of nft(8) for types and fields. */
const char *vnep_nft_type_text(enum vnep_nft_type type);

/* The map that text needs for each port that DELIVER names, and what it is like. */
extern const struct vnep_set_spec vnep_nfttext_neighbour;
void vnep_nfttext_neighbour_name(const char *port, char out[static VNEP_NFT_NAME_MAX + 12]);

#endif
