/*
 * mapset - records of standard input into the map of $VNEP_STATE, a transaction for each, at most PPS a second: for tests
 * that need many changes one after the other. Prints the time in microseconds when each was committed.
 *
 *   mapset [PPS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/mapstore.h"
#include "vnep/num.h"
#include "vnep/recjson.h"

static void must(int rc, const struct vnep_err *err)
{
	char text[1024];

	if (!rc)
		return;
	vnep_err_print(err, text, sizeof text);
	fprintf(stderr, "mapset: %s\n", text);
	exit(3);
}

static void put(struct vnep_mapstore *store, const char *text, size_t len)
{
	const struct vnep_map_put how = { .origin = "" };
	struct vnep_map_txn *txn = NULL;
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };
	bool changed;

	must(vnep_json_parse(text, len, &json, &err), &err);
	must(vnep_recjson_check(json, text, len, &err), &err);
	must(vnep_map_begin(store, true, &txn, &err), &err);
	must(vnep_map_put(txn, json, &how, &changed, &err), &err);
	must(vnep_map_commit(txn, &err), &err);
	printf("%lld\n", (long long)(vnep_wall_now().ns / 1000));
	fflush(stdout);
	vnep_json_free(json);
}

int main(int argc, char **argv)
{
	const char *state = getenv("VNEP_STATE");
	struct vnep_mapstore *store = NULL;
	struct vnep_err err = { 0 };
	uint64_t pps = 1000;
	struct timespec pause = { 0 };
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!state || (argc > 1 && vnep_num_u64(argv[1], 2, 1000000, &pps, NULL))) {
		fprintf(stderr, "usage: mapset [PPS]\n");
		return 2;
	}
	pause.tv_nsec = (long)(1000000000 / pps);
	must(vnep_mapstore_open(&store, state, true, &err), &err);
	while ((n = getline(&line, &cap, stdin)) > 0) {
		put(store, line, (size_t)n - (line[n - 1] == '\n'));
		nanosleep(&pause, NULL);
	}
	free(line);
	vnep_mapstore_close(store);
	return 0;
}
