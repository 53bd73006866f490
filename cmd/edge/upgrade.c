/* upgrade - the program that lies now where the daemon's came from takes over, under traffic. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "edge.h"
#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/json.h"

enum { PATIENCE_S = 60, PAUSE_NS = 20000000 };

static int take_count(struct vnep_cli *cli, const char *line, size_t len, void *arg)
{
	struct vnep_json *json = NULL;
	int rc = vnep_json_parse(line, len, &json, &cli->err);

	if (!rc)
		*(int64_t *)arg = vnep_json_get_int(json, "value", -1);
	vnep_json_free(json);
	return rc;
}

/* Until the one that lives now says what came of it: who is being replaced does not answer, or "not yet". */
static int outcome(struct vnep_cli *cli, int64_t before)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	const int64_t until = vnep_mono_now().ns + PATIENCE_S * INT64_C(1000000000);
	char members[48];
	int64_t count;
	int rc;

	snprintf(members, sizeof members, "\"after\":%" PRId64, before);
	do {
		nanosleep(&pause, NULL);
		cli->err = (struct vnep_err){ 0 };
		rc = edge_ask(cli, "upgraded", members, EDGE_ASK_QUIETLY, take_count, &count);
	} while ((rc == VNEP_EUNAVAIL || rc == vnep_err_exit(VNEP_EUNAVAIL)) &&
		 vnep_mono_now().ns < until);
	return rc;
}

int edge_upgrade(struct vnep_cli *cli)
{
	const struct vnep_mono began = vnep_mono_now();
	int64_t before = 0;
	int rc = edge_ask(cli, "upgrade", NULL, EDGE_ASK_QUIETLY, take_count, &before);

	if (!rc)
		rc = outcome(cli, before);
	if (!rc && !cli->quiet)
		fprintf(stderr, "vnep-edge: the new program goes on after %.2f s\n",
			(double)(vnep_mono_now().ns - began.ns) / 1e9);
	return cli->err.code ? cli->err.code : rc;
}
