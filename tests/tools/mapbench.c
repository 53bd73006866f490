/*
 * mapbench - the map beside raw LMDB, in one process and on one file (make bench-map).
 *
 *   mapbench gets STATE COUNT     random gets a second: raw LMDB, then the library, in turns
 *   mapbench open STATE COUNT     opening, beginning to read, closing: raw LMDB, then the library
 *   mapbench set STATE COUNT      one changed record a transaction: raw LMDB (one put), then the library
 *   mapbench watch STATE COUNT    from the end of a commit to the line of `vnep-map watch`; beside it a line
 *                                 through a pipe to cat and back
 *
 * Each prints RAW OURS: gets a second, or microseconds (medians).
 */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/mapbatch.h"

enum { TURNS = 5 };

static const char *state;
static unsigned count;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "mapbench: %s: %s\n", what, why);
	exit(3);
}

static void must(int rc, const char *what)
{
	if (rc)
		fail(what, rc > 0 || rc < -30500 ? mdb_strerror(rc) : vnep_strerror(rc));
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *list, unsigned n)
{
	qsort(list, n, sizeof *list, by_number);
	return list[n / 2];
}

static double us_since(struct vnep_mono then)
{
	return (double)(vnep_mono_now().ns - then.ns) / 1000;
}

/* The processor's time, for what waits for nothing: others on the machine count less in it. */
static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- raw ---- */

struct raw {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
};

static void raw_open(struct raw *r, const char *folder, const char *db, bool write)
{
	must(mdb_env_create(&r->env), "raw");
	must(mdb_env_set_maxdbs(r->env, 32), "raw");
	if (write)
		must(mdb_env_set_mapsize(r->env, (size_t)4 << 30), "raw");
	must(mdb_env_open(r->env, folder, MDB_NOTLS | (write ? 0 : MDB_RDONLY), 0600), "raw");
	must(mdb_txn_begin(r->env, NULL, write ? 0 : MDB_RDONLY, &r->txn), "raw");
	must(mdb_dbi_open(r->txn, db, write ? MDB_CREATE : 0, &r->dbi), "raw");
}

static void raw_close(struct raw *r)
{
	mdb_txn_abort(r->txn);
	mdb_env_close(r->env);
}

static const char *map_folder(void)
{
	static char folder[4096];

	snprintf(folder, sizeof folder, "%s/map", state);
	return folder;
}

/* ---- devices of the map, in an order of chance ---- */

struct ids {
	struct vnep_buf text; /* each with its NUL */
	size_t *at;
	size_t n;
	uint64_t revision;
};

static int take_id(const char *id, void *arg)
{
	struct ids *ids = arg;

	vnep_buf_put(&ids->text, id, strlen(id) + 1);
	ids->n++;
	return ids->text.rc;
}

static void read_ids(struct ids *ids)
{
	struct vnep_mapstore *store;
	struct vnep_map_txn *txn;
	uint64_t random = 1;

	*ids = (struct ids){ .n = 0 };
	must(vnep_mapstore_open(&store, state, false, NULL), state);
	must(vnep_map_begin(store, false, &txn, NULL), state);
	must(vnep_map_each_id(txn, VNEP_RECORD_DEVICE, take_id, ids, NULL), state);
	ids->revision = vnep_map_revision(txn);
	vnep_map_abort(txn);
	vnep_mapstore_close(store);
	ids->at = calloc(ids->n ? ids->n : 1, sizeof *ids->at);
	if (!ids->at || !ids->n)
		fail(state, "no devices");
	for (size_t i = 0, at = 0; i < ids->n; i++) {
		ids->at[i] = at;
		at += strlen((char *)ids->text.data + at) + 1;
	}
	for (size_t i = ids->n - 1; i > 0; i--) {
		size_t k, swap = ids->at[i];

		random = random * 6364136223846793005 + 1442695040888963407;
		k = (random >> 33) % (i + 1);
		ids->at[i] = ids->at[k];
		ids->at[k] = swap;
	}
}

static const char *id_at(const struct ids *ids, size_t i)
{
	return (const char *)ids->text.data + ids->at[i % ids->n];
}

/* ---- gets ---- */

static double raw_gets(const struct ids *ids, size_t from)
{
	double start = 0;
	struct vnep_buf out = { 0 };
	uint8_t(*keys)[32] = calloc(count, sizeof *keys);
	size_t *lens = calloc(count, sizeof *lens);
	struct raw r;
	double us;

	if (!keys || !lens)
		fail("gets", "out of memory");
	/* The keys are ready: making them is the library's own business. */
	for (unsigned i = 0; i < count; i++) {
		uint8_t key[VNEP_MAP_KEY_MAX];

		lens[i] = vnep_map_key(VNEP_RECORD_DEVICE, id_at(ids, from + i), key);
		memcpy(keys[i], key, lens[i] < sizeof keys[i] ? lens[i] : sizeof keys[i]);
	}
	raw_open(&r, map_folder(), "record", false);
	for (unsigned i = 0; i < 2 * count; i++) {
		MDB_val key = { lens[i % count], keys[i % count] }, value;

		if (i == count) /* once without the clock: pages come into this process */
			start = cpu_us();

		must(mdb_get(r.txn, r.dbi, &key, &value), "raw get");
		vnep_buf_reset(&out);
		vnep_buf_put(&out, value.mv_data, value.mv_size);
	}
	us = cpu_us() - start;
	raw_close(&r);
	vnep_buf_release(&out);
	free(keys);
	free(lens);
	return count / us * 1e6;
}

static double our_gets(const struct ids *ids, size_t from)
{
	struct vnep_mapstore *store;
	struct vnep_map_txn *txn;
	struct vnep_buf out = { 0 };
	double start = 0;
	char(*devs)[32] = calloc(count, sizeof *devs);
	double us;

	if (!devs)
		fail("gets", "out of memory");
	for (unsigned i = 0; i < count; i++) /* ready and in a row, as the keys of the other */
		snprintf(devs[i], sizeof devs[i], "%s", id_at(ids, from + i));
	must(vnep_mapstore_open(&store, state, false, NULL), state);
	must(vnep_map_begin(store, false, &txn, NULL), state);
	for (unsigned i = 0; i < 2 * count; i++) {
		if (i == count)
			start = cpu_us();
		vnep_buf_reset(&out);
		must(vnep_map_get(txn, VNEP_RECORD_DEVICE, devs[i % count], &out, NULL), "get");
	}
	us = cpu_us() - start;
	vnep_map_abort(txn);
	vnep_mapstore_close(store);
	vnep_buf_release(&out);
	free(devs);
	return count / us * 1e6;
}

static void gets(void)
{
	double raw[TURNS], ours[TURNS];
	struct ids ids;

	read_ids(&ids);
	raw_gets(&ids, 0); /* both find the file in memory */
	for (unsigned i = 0; i < TURNS; i++) {
		raw[i] = raw_gets(&ids, (size_t)i * count);
		ours[i] = our_gets(&ids, (size_t)i * count);
	}
	printf("%.0f %.0f\n", median(raw, TURNS), median(ours, TURNS));
	free(ids.at);
	vnep_buf_release(&ids.text);
}

/* ---- open ---- */

static void open_close(void)
{
	double *raw = calloc(count, sizeof *raw), *ours = calloc(count, sizeof *ours);

	if (!raw || !ours)
		fail("open", "out of memory");
	for (unsigned i = 0; i < count; i++) {
		struct vnep_mono start = vnep_mono_now();
		struct vnep_mapstore *store;
		struct vnep_map_txn *txn;
		struct raw r;

		raw_open(&r, map_folder(), "record", false);
		raw_close(&r);
		raw[i] = us_since(start);
		start = vnep_mono_now();
		must(vnep_mapstore_open(&store, state, false, NULL), state);
		must(vnep_map_begin(store, false, &txn, NULL), state);
		vnep_map_abort(txn);
		vnep_mapstore_close(store);
		ours[i] = us_since(start);
	}
	printf("%.0f %.0f\n", median(raw, count), median(ours, count));
	free(raw);
	free(ours);
}

/* ---- set ---- */

/* One record changed, as vnep-map set does it. Returns at the end of the commit. */
static void set_one(const char *dev)
{
	const struct vnep_map_apply how = { 0 };
	struct vnep_map_changes changes;
	struct vnep_mapstore *store;
	struct vnep_map_batch *batch;
	struct vnep_map_txn *txn;
	struct vnep_json *json;
	struct vnep_buf text = { 0 };
	struct vnep_err err = { 0 };

	must(vnep_mapstore_open(&store, state, true, &err), err.text);
	must(vnep_map_begin(store, false, &txn, NULL), state);
	must(vnep_map_get(txn, VNEP_RECORD_DEVICE, dev, &text, NULL), dev);
	vnep_map_abort(txn);
	must(vnep_json_parse((char *)text.data, text.len, &json, NULL), dev);
	must(vnep_json_set_int(json, "addr_max", 1 + vnep_json_get_int(json, "addr_max", 0) % 16),
		dev);
	must(vnep_map_batch_new(&batch, NULL), dev);
	must(vnep_map_batch_add(batch, json, NULL, 0, &err), err.text);
	must(vnep_map_batch_apply(batch, store, &how, &changes, &err), err.text);
	vnep_map_batch_free(batch);
	vnep_json_free(json);
	vnep_buf_release(&text);
	vnep_mapstore_close(store);
}

/* The yardstick: as many octets into a map of its own, by LMDB alone. */
static void raw_set(const char *folder, const char *dev, unsigned n)
{
	char record[200];
	MDB_val key = { strlen(dev), (void *)(uintptr_t)dev }, value = { sizeof record, record };
	struct raw r;

	memset(record, (int)n, sizeof record);
	raw_open(&r, folder, "record", true);
	must(mdb_put(r.txn, r.dbi, &key, &value, 0), "raw put");
	must(mdb_txn_commit(r.txn), "raw commit");
	mdb_env_close(r.env);
}

static void sets(void)
{
	double *raw = calloc(count, sizeof *raw), *ours = calloc(count, sizeof *ours);
	char folder[4200];
	struct ids ids;

	if (!raw || !ours)
		fail("set", "out of memory");
	read_ids(&ids);
	snprintf(folder, sizeof folder, "%s/raw-XXXXXX", state);
	if (!mkdtemp(folder))
		fail(folder, strerror(errno));
	for (unsigned i = 0; i < count; i++) {
		struct vnep_mono start = vnep_mono_now();

		raw_set(folder, id_at(&ids, i), i);
		raw[i] = us_since(start);
		start = vnep_mono_now();
		set_one(id_at(&ids, i));
		ours[i] = us_since(start);
	}
	printf("%.0f %.0f\n", median(raw, count), median(ours, count));
	for (unsigned i = 0; i < 3; i++) {
		static const char *const parts[] = { "data.mdb", "lock.mdb", "" };
		char path[4300];

		snprintf(path, sizeof path, "%s/%s", folder, parts[i]);
		if (i < 2)
			unlink(path);
		else
			rmdir(folder);
	}
	free(raw);
	free(ours);
	free(ids.at);
	vnep_buf_release(&ids.text);
}

/* ---- watch ---- */

struct child {
	pid_t pid;
	FILE *to, *from;
};

static void start(struct child *c, char *const argv[])
{
	int in[2], out[2];

	if (pipe(in) || pipe(out))
		fail("pipe", strerror(errno));
	c->pid = fork();
	if (!c->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		for (int i = 0; i < 2; i++) {
			close(in[i]);
			close(out[i]);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	c->to = fdopen(in[1], "w");
	c->from = fdopen(out[0], "r");
}

static void end(struct child *c)
{
	kill(c->pid, SIGTERM);
	fclose(c->to);
	fclose(c->from);
	waitpid(c->pid, NULL, 0);
}

static void expect(struct child *c, const char *text)
{
	char line[4096];

	do {
		if (!fgets(line, sizeof line, c->from))
			fail("watch", "ended");
	} while (!strstr(line, text));
}

static void watches(void)
{
	char revision[24];
	char *const watch_argv[] = { "vnep-map", "watch", "--after-revision", revision, "--state",
		(char *)(uintptr_t)state, NULL };
	char *const cat_argv[] = { "cat", NULL };
	double *raw = calloc(count, sizeof *raw), *ours = calloc(count, sizeof *ours);
	struct child watch, cat;
	struct ids ids;

	if (!raw || !ours)
		fail("watch", "out of memory");
	read_ids(&ids);
	snprintf(revision, sizeof revision, "%llu", (unsigned long long)ids.revision);
	start(&watch, watch_argv);
	start(&cat, cat_argv);
	expect(&watch, "\"type\":\"sync\"");
	for (unsigned i = 0; i < count; i++) {
		struct vnep_mono now = vnep_mono_now();

		fprintf(cat.to, "%s\n", id_at(&ids, i));
		fflush(cat.to);
		expect(&cat, id_at(&ids, i));
		raw[i] = us_since(now);
		set_one(id_at(&ids, i));
		now = vnep_mono_now();
		expect(&watch, id_at(&ids, i));
		ours[i] = us_since(now);
	}
	printf("%.0f %.0f\n", median(raw, count), median(ours, count));
	end(&watch);
	end(&cat);
	free(raw);
	free(ours);
	free(ids.at);
	vnep_buf_release(&ids.text);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		void (*run)(void);
	} words[] = { { "gets", gets }, { "open", open_close }, { "set", sets },
		{ "watch", watches } };

	if (argc != 4 || (count = (unsigned)strtoul(argv[3], NULL, 10)) == 0)
		fail("usage", "mapbench gets|open|set|watch STATE COUNT");
	state = argv[2];
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(argv[1], words[i].word)) {
			words[i].run();
			return 0;
		}
	fail(argv[1], "unknown word");
}
