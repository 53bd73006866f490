/*
 * prefix - free addresses for devices that come without one (import --prefix).
 *
 * Where a device lies in the prefix is a keyed hash of its URN: the same next time, and nothing that tells of it.
 * The map is where the choice is recorded: who has an address of the prefix there keeps it, and so does who had it
 * when it was deleted, until its tombstone goes. So devices without an address wait until all that have one are read; first come those
 * that the map knows, then the others, each to the first free place that its hashes name.
 */
#include <errno.h>
#include <string.h>

#include "map.h"
#include "vnep/recjson.h"
#include "vnep/state.h"

enum { TRIES_MAX = 4096, WALK_BITS = 16 };

struct pending {
	size_t at; /* in text */
	uint32_t len;
	unsigned line;
	const char *file;
	bool done;
};

int map_pending_prefix(struct map_pending *p, const char *text, struct vnep_err *err)
{
	int rc = vnep_prefix_parse(text, &p->prefix, err);
	const uint8_t *o = p->prefix.addr.s6_addr;

	if (!rc && (o[0] == 0xff || (o[0] == 0xfe && (o[1] & 0xc0) == 0x80))) {
		rc = vnep_err_set(err, VNEP_EVALUE,
			"prefix %s: no device can have a multicast or link-local address", text);
		rc = vnep_err_hint(err, "take a prefix of the VPC");
	}
	return rc ? (err->code = VNEP_EUSAGE) : 0;
}

int map_pending_add(struct map_pending *p, const char *file, unsigned line, const char *text,
	size_t len, struct vnep_err *err)
{
	struct pending one = { p->text.len, (uint32_t)len, line, file, false };

	vnep_buf_put(&p->text, text, len);
	vnep_buf_put(&p->list, &one, sizeof one);
	return p->text.rc || p->list.rc ? vnep_err_sys(err, ENOMEM, "reading records") : 0;
}

void map_pending_release(struct map_pending *p)
{
	vnep_buf_release(&p->text);
	vnep_buf_release(&p->list);
}

struct give {
	struct vnep_cli *cli;
	struct map_pending *pending;
	struct vnep_map_batch *batch;
	struct vnep_map_txn *txn; /* NULL: there is no map yet */
	uint8_t key[VNEP_SIPHASH_KEY_LEN];
	bool replace;
	bool full; /* the whole prefix was walked through in vain */
};

/* The address of the prefix whose host part is host (the lower 64 bits of it). */
static struct in6_addr place(const struct vnep_prefix *prefix, uint64_t low, uint64_t high)
{
	struct in6_addr addr = prefix->addr;

	for (unsigned i = 0; i < 16; i++) {
		unsigned first = i * 8, keep = prefix->len > first ? prefix->len - first : 0;
		uint8_t mask = (uint8_t)(keep >= 8 ? 0 : 0xffu >> keep);
		uint64_t word = i < 8 ? high : low;

		addr.s6_addr[i] = (uint8_t)(addr.s6_addr[i] | ((word >> 8 * (7 - i % 8)) & mask));
	}
	return addr;
}

/* The host part 0 is every router's (RFC 4291 2.6.1). */
static bool is_usable(const struct vnep_prefix *prefix, const struct in6_addr *addr)
{
	return vnep_ip6_bindable(addr) &&
	       (prefix->len >= 127 || !vnep_ip6_equal(addr, &prefix->addr));
}

static bool is_free(const struct give *g, const char *dev, const struct in6_addr *addr)
{
	char other[VNEP_URN_MAX + 1];

	if (!is_usable(&g->pending->prefix, addr) || vnep_map_batch_has_vep(g->batch, addr))
		return false;
	/* What --replace deletes is in nobody's way. */
	return !g->txn || g->replace || vnep_map_by_vep(g->txn, addr, other) || !strcmp(other, dev);
}

static bool find_known(const struct give *g, const char *dev, struct in6_addr *out)
{
	return g->txn && !vnep_map_vep_of(g->txn, dev, out) &&
	       vnep_prefix_has(&g->pending->prefix, out) && is_free(g, dev, out);
}

static bool find_hashed(struct give *g, const char *dev, struct in6_addr *out)
{
	const struct vnep_prefix *prefix = &g->pending->prefix;
	unsigned bits = 128u - prefix->len;
	bool small = bits <= WALK_BITS;
	uint64_t count = small ? (uint64_t)1 << bits : TRIES_MAX, low = 0, high = 0;

	for (uint64_t i = 0; i < count && !g->full; i++) {
		if (!small || !i) {
			low = vnep_siphash(g->key, 2 * i + 1, dev, strlen(dev));
			high = vnep_siphash(g->key, 2 * i + 2, dev, strlen(dev));
		} else {
			low++; /* a small prefix is walked through, so that its last address is found */
		}
		*out = place(prefix, low, high);
		if (is_free(g, dev, out))
			return true;
	}
	g->full = small;
	return false;
}

static int give_one(struct give *g, struct pending *one, bool known)
{
	const char *text = (const char *)g->pending->text.data + one->at;
	struct vnep_err *err = &g->cli->err;
	char dev[VNEP_URN_MAX + 1], shown[VNEP_IP6_LEN], prefix[VNEP_PREFIX_LEN];
	struct vnep_json *json = NULL;
	struct in6_addr vep;
	int rc = vnep_json_parse(text, one->len, &json, err);

	if (rc)
		return rc;
	/* A bad URN is for the check of the whole record to say. */
	if (vnep_urn_canonical(vnep_json_get_str(json, "dev", ""), dev, NULL)) {
		one->done = true;
		rc = vnep_map_batch_add(g->batch, json, text, one->len, err);
	} else if (known ? find_known(g, dev, &vep) : find_hashed(g, dev, &vep)) {
		one->done = true;
		vnep_ip6_print(&vep, shown);
		rc = vnep_json_set_str(json, "vep", shown)
			     ? vnep_err_sys(err, ENOMEM, "reading records")
			     : vnep_map_batch_add(g->batch, json, text, one->len, err);
	} else if (!known) {
		one->done = true;
		vnep_prefix_print(&g->pending->prefix, prefix);
		if (g->full)
			vnep_err_set(err, VNEP_EVALUE,
				"prefix %s is full: no address is left for %s", prefix, dev);
		else
			vnep_err_set(err, VNEP_EVALUE,
				"prefix %s: %d addresses tried for %s, all taken", prefix,
				TRIES_MAX, dev);
		rc = vnep_err_hint(err, "take a shorter prefix, or give the device a \"vep\"");
	}
	vnep_json_free(json);
	return rc;
}

static int give_all(struct give *g, bool keep_going)
{
	struct pending *list = (struct pending *)(void *)g->pending->list.data;
	size_t count = g->pending->list.len / sizeof *list;

	for (size_t n = 0; n < 2 * count; n++) {
		struct pending *one = &list[n % count];
		int rc;

		if (one->done)
			continue;
		g->cli->err = (struct vnep_err){ 0 };
		vnep_err_place(&g->cli->err, one->file, one->line, 0);
		rc = give_one(g, one, n < count);
		if (g->pending->csv)
			g->cli->err.column = 0;
		if (rc && (!keep_going || vnep_err_exit(rc) == 3))
			return rc;
		if (rc)
			vnep_cli_error(g->cli, &g->cli->err);
	}
	g->cli->err = (struct vnep_err){ 0 };
	return 0;
}

int map_pending_give(struct map_pending *p, struct vnep_cli *cli, struct vnep_map_batch *batch,
	bool replace, bool keep_going)
{
	struct give g = { .cli = cli, .pending = p, .batch = batch, .replace = replace };
	struct map_reader reader = { 0 };
	int rc = 0;

	if (!p->list.len)
		return 0;
	rc = vnep_state_key(cli->state, !cli->dry_run, g.key, &cli->err);
	if (rc == VNEP_ENOTFOUND)
		rc = 0; /* -n makes no key, and counts alike with any */
	if (!rc) {
		rc = map_reader_open(&reader, cli);
		if (rc == VNEP_ENOTFOUND)
			rc = 0;
	}
	g.txn = reader.txn;
	if (!rc)
		rc = give_all(&g, keep_going);
	map_reader_close(&reader);
	return rc;
}
