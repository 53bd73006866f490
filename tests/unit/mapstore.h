/* mapstore - a map of its own for a unit test, what goes in, and what is asked of it. */
#ifndef MAPSTORE_H
#define MAPSTORE_H

#include <unistd.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/mapbatch.h"
#include "vnep/recjson.h"

#define VPC   "{\"type\":\"vpc\",\"v\":1,\"vpc\":\"acme\",\"prefix\":\"2001:db8:b::/64\"}"
#define DEV_A "urn:dev:mac:00005efffe005301"
#define DEV_B "urn:dev:mac:00005efffe005302"
#define A(vep)                                                              \
	"{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV_A "\",\"vep\":\"" vep \
	"\",\"name\":\"a.example.\"}"
#define B(vep)                                                              \
	"{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV_B "\",\"vep\":\"" vep \
	"\",\"groups\":[\"lights\"]}"

static char state[64];
static struct vnep_mapstore *store;
static struct vnep_map_txn *txn;
static struct vnep_err err;

static inline void open_fresh(void)
{
	snprintf(state, sizeof state, "/tmp/test-mapstore-XXXXXX");
	CHECK(mkdtemp(state) != NULL);
	CHECK_INT(vnep_mapstore_open(&store, state, true, &err), 0);
	CHECK_INT(vnep_map_begin(store, true, &txn, &err), 0);
}

static inline void close_all(void)
{
	static const char *const parts[] = { "/map/data.mdb", "/map/lock.mdb", "/map", "" };
	char path[128];

	vnep_map_abort(txn);
	txn = NULL;
	vnep_mapstore_close(store);
	store = NULL;
	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
		snprintf(path, sizeof path, "%s%s", state, parts[i]);
		if (unlink(path))
			rmdir(path);
	}
}

static inline int put_at(const char *text, uint64_t if_revision, bool *changed)
{
	const struct vnep_map_put how = { .if_revision = if_revision };
	struct vnep_json *json;
	int rc = vnep_json_parse(text, strlen(text), &json, &err);

	if (!rc)
		rc = vnep_recjson_check(json, text, strlen(text), &err);
	if (!rc)
		rc = vnep_map_put(txn, json, &how, changed, &err);
	vnep_json_free(json);
	return rc;
}

static inline int put(const char *text)
{
	bool changed;

	return put_at(text, 0, &changed);
}

static inline int commit(void)
{
	int rc = vnep_map_commit(txn, &err);

	txn = NULL;
	CHECK_INT(vnep_map_begin(store, true, &txn, NULL), 0);
	return rc;
}

static inline const char *resolve(const char *word)
{
	static char dev[VNEP_URN_MAX + 1];
	int rc = vnep_map_resolve(txn, word, dev, &err);

	return rc ? vnep_strerror(rc) : dev;
}

#endif
