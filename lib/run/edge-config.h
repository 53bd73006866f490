/* edge-config - what the files of the configuration share. */
#ifndef VNEP_EDGE_CONFIG_H
#define VNEP_EDGE_CONFIG_H

#include "vnep/edge.h"

/* The name of a link, n octets of value; errors name the key. */
int edge_config_port(char out[static VNEP_IF_MAX + 1], const char *key, const char *value, size_t n,
	struct vnep_err *err);

/* edge-words.c: a value that is a list. The next word of it, what fits of it; false at the end. */
enum { EDGE_WORD_CAP = 128 };
bool edge_config_next(const char **value, char out[static EDGE_WORD_CAP]);

struct edge_config_word {
	const char *name;
	size_t offset; /* of a uint32_t in what the key is about */
	uint32_t min, max;
};
struct edge_config_words {
	const char *key;
	const struct edge_config_word *words;
	size_t count; /* at most 32 */
};
/* WORD=VALUE, which is changed on the way. said: a bit for each word that was there. */
int edge_config_word(const struct edge_config_words *grammar, char *text, uint32_t *said, void *out,
	struct vnep_err *err);
bool edge_config_said(const struct edge_config_words *grammar, uint32_t said, const char *name);

/* Where something was said; line 0: in no file. */
void edge_config_place(const struct vnep_edge_config *config, unsigned file, unsigned line,
	struct vnep_err *err);
/* Is that an access port? VNEP_EVALUE, with its place. */
struct edge_config_at {
	const char *key, *port;
	unsigned file, line;
};
int edge_config_at_access(const struct vnep_edge_config *config, const struct edge_config_at *at,
	struct vnep_err *err);

int edge_config_advertise(
	struct vnep_edge_config *config, const char *value, struct vnep_err *err); /* edge-advertise.c */
int edge_config_mld(
	struct vnep_edge_config *config, const char *value, struct vnep_err *err); /* edge-queriers.c */

#endif
