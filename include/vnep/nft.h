/*
 * nft - table `netdev vnep` in the kernel: changes in batches, reading it back.
 *
 * Change  a batch gathers messages and goes to the kernel in one transaction, all or nothing. What
 *         does not fit one message of the socket is cut between units (vnep_nft_batch_cut), never
 *         inside one.
 * Read    callbacks get one object at a time; what they point to is lent during the call. Objects
 *         of other tables and anonymous sets are passed over.
 * Errors  VNEP_EPRIV (CAP_NET_ADMIN), VNEP_EKERNEL with what was refused and the kernel's text,
 *         VNEP_EUNKNOWN (look before going on), VNEP_ENOTFOUND where said, -ENOMEM.
 * Source  linux/netfilter/nf_tables.h, nft(8), Linux 6.1 net/netfilter/nf_tables_api.c.
 */
#ifndef VNEP_NFT_H
#define VNEP_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/nl.h"
#include "vnep/ruleset.h"

struct vnep_err;
struct vnep_nft_batch;

int vnep_nft_batch_new(struct vnep_nft_batch **out, struct vnep_nl *nl, struct vnep_err *err);
void vnep_nft_batch_free(struct vnep_nft_batch *batch);

/* Each put is sticky in its errors; commit says so. _put makes the object or leaves one that is
 * there. */
void vnep_nft_table_put(struct vnep_nft_batch *batch);
void vnep_nft_table_delete(struct vnep_nft_batch *batch);
void vnep_nft_counter_put(struct vnep_nft_batch *batch, const char *name);
void vnep_nft_set_put(struct vnep_nft_batch *batch, enum vnep_set set, uint32_t size);
void vnep_nft_chain_put(struct vnep_nft_batch *batch, const struct vnep_chain *chain);
void vnep_nft_chain_flush(struct vnep_nft_batch *batch, const char *chain);
void vnep_nft_rule_put(struct vnep_nft_batch *batch, const struct vnep_ruleset *rs,
	const struct vnep_chain *chain, const struct vnep_rule *rule);
void vnep_nft_chain_delete(struct vnep_nft_batch *batch, const char *chain);
void vnep_nft_set_delete(struct vnep_nft_batch *batch, const char *set);
void vnep_nft_object_delete(struct vnep_nft_batch *batch, const char *name, uint32_t type);

/* Elements of a set, as many as you have. Verdict data are indexes of rs->chains. timeout_ms 0:
 * none. An element that is there with other data is refused: delete it first, in the same unit. */
void vnep_nft_elements_put(struct vnep_nft_batch *batch, const struct vnep_ruleset *rs,
	enum vnep_set set, const struct vnep_set_element *elements, size_t count,
	uint64_t timeout_ms);
void vnep_nft_elements_delete(struct vnep_nft_batch *batch, enum vnep_set set,
	const struct vnep_set_element *elements, size_t count);

/* How many elements of a set one message takes: what keeps a unit small. */
size_t vnep_nft_elements_max(enum vnep_set set);

/* A unit ends here: if the batch is long enough, it is committed and the next one begun. */
int vnep_nft_batch_cut(struct vnep_nft_batch *batch, struct vnep_err *err);

/* Send what is there (nothing: 0) and be ready for the next. */
int vnep_nft_batch_commit(struct vnep_nft_batch *batch, struct vnep_err *err);

/* After a commit: the element that the kernel refused; false: it refused none, or something else. */
bool vnep_nft_batch_refused(const struct vnep_nft_batch *batch, enum vnep_set *set,
	struct vnep_set_element *element);

struct vnep_nft_table_info {
	uint64_t handle;
	bool dormant;
};
struct vnep_nft_chain_info {
	char name[256];
	char device[VNEP_IF_MAX + 1];
	char comment[128];
	bool base;
	bool drops; /* policy */
	int32_t priority;
	uint32_t hook;
};
struct vnep_nft_rule_info {
	char chain[256];
	char comment[128];
	uint64_t handle;
};
struct vnep_nft_set_info {
	char name[256];
	uint32_t flags, key_len, data_len, size;
	bool verdict, counter;
	bool has_count; /* Linux 6.17 tells how many elements there are */
	uint32_t count;
};
struct vnep_nft_object_info {
	char name[256];
	uint32_t type; /* NFT_OBJECT_COUNTER, … */
	uint64_t packets, octets;
};
struct vnep_nft_element_info {
	uint8_t key[VNEP_KEY_MAX];
	size_t key_len;
	uint8_t data[16];
	size_t data_len;
	char chain[256]; /* goto CHAIN; "" otherwise */
	uint64_t packets, octets;
	bool has_timeout;
	uint64_t timeout_ms, left_ms;
};

/* Messages of the kernel into these: false if it is not of our table, or not what it should be. */
bool vnep_nft_chain_decode(const struct nlmsghdr *msg, struct vnep_nft_chain_info *out);
bool vnep_nft_rule_decode(const struct nlmsghdr *msg, struct vnep_nft_rule_info *out);
bool vnep_nft_set_decode(const struct nlmsghdr *msg, struct vnep_nft_set_info *out);
bool vnep_nft_object_decode(const struct nlmsghdr *msg, struct vnep_nft_object_info *out);
typedef int vnep_nft_element_cb(const struct vnep_nft_element_info *element, void *arg);
int vnep_nft_elements_decode(const struct nlmsghdr *msg, vnep_nft_element_cb *cb, void *arg);

/* Is it an event about our table itself, a chain or a rule of it: made, changed or deleted? */
bool vnep_nft_rules_of(const struct nlmsghdr *msg);

/* Is it an event about elements of this set: made, or *deleted? */
bool vnep_nft_elements_of(const struct nlmsghdr *msg, enum vnep_set set, bool *deleted);

/* VNEP_ENOTFOUND: no such table. */
int vnep_nft_table(struct vnep_nl *nl, struct vnep_nft_table_info *out, struct vnep_err *err);

/* Every object of a kind. restart: the kernel's state moved while it was read, forget what was
 * gathered. A table (or set) that is not there is empty. */
typedef int vnep_nft_chain_cb(const struct vnep_nft_chain_info *chain, void *arg);
typedef int vnep_nft_rule_cb(const struct vnep_nft_rule_info *rule, void *arg);
typedef int vnep_nft_set_cb(const struct vnep_nft_set_info *set, void *arg);
typedef int vnep_nft_object_cb(const struct vnep_nft_object_info *object, void *arg);
int vnep_nft_each_chain(struct vnep_nl *nl, vnep_nft_chain_cb *cb, void (*restart)(void *),
	void *arg, struct vnep_err *err);
int vnep_nft_each_rule(struct vnep_nl *nl, vnep_nft_rule_cb *cb, void (*restart)(void *), void *arg,
	struct vnep_err *err);
int vnep_nft_each_set(struct vnep_nl *nl, vnep_nft_set_cb *cb, void (*restart)(void *), void *arg,
	struct vnep_err *err);
int vnep_nft_each_object(struct vnep_nl *nl, vnep_nft_object_cb *cb, void (*restart)(void *),
	void *arg, struct vnep_err *err);
int vnep_nft_each_element(struct vnep_nl *nl, enum vnep_set set, vnep_nft_element_cb *cb,
	void (*restart)(void *), void *arg, struct vnep_err *err);

/* Elements by their keys: cb gets the place in elements, and what is there (NULL: nothing, also when its time is
 * over), in order. */
enum { VNEP_NFT_ASK_MAX = 48 }; /* in one question: the answers must fit the socket's buffer */
typedef int vnep_nft_answer_cb(
	size_t i, const struct vnep_nft_element_info *element, void *arg);
int vnep_nft_elements_get(struct vnep_nl *nl, enum vnep_set set,
	const struct vnep_set_element *elements, size_t count, vnep_nft_answer_cb *cb, void *arg,
	struct vnep_err *err);

/* One element by its key: 0, VNEP_ENOTFOUND (also when its time is over). */
int vnep_nft_element_get(struct vnep_nl *nl, enum vnep_set set, const uint8_t *key,
	struct vnep_nft_element_info *out, struct vnep_err *err);

#endif
