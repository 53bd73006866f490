/*
 * edge - the one who changes things: a vnep-edge that lives on the state folder, or we with its
 * lock.
 *
 * Somebody who holds the lock without a socket is a tool in the middle of its own change: it is
 * waited for.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acl.h"
#include "vnep/clock.h"
#include "vnep/ndjson.h"
#include "vnep/recjson.h"
#include "vnep/state.h"

enum { LOCK_WAIT_MS = 5000, LOCK_RETRY_MS = 20 };

int acl_writer(struct vnep_cli *cli, struct vnep_client **client, int *lock)
{
	const int64_t end = vnep_mono_now().ns + LOCK_WAIT_MS * 1000000LL;
	const struct timespec pause = { 0, LOCK_RETRY_MS * 1000000L };

	*client = NULL;
	*lock = -1;
	for (;;) {
		int rc = vnep_client_open(client, cli->state, &cli->err);

		if (rc || *client || cli->dry_run)
			return rc;
		rc = vnep_state_check(cli->state, 1, &cli->err);
		if (!rc)
			rc = vnep_state_lock(cli->state, cli->tool->name, NULL, lock, &cli->err);
		if (rc != VNEP_EBUSY || vnep_mono_now().ns > end)
			return rc;
		nanosleep(&pause, NULL);
	}
}

/* The records of vnep-acl alone: an edge's watch tells of more. */
static bool is_ours(const char *line, size_t len)
{
	struct vnep_json *json = NULL;
	enum vnep_record_type type;

	if (vnep_json_parse(line, len, &json, NULL))
		return false;
	type = vnep_recjson_type(json);
	vnep_json_free(json);
	return type == VNEP_RECORD_DECISION || type == VNEP_RECORD_PRESENCE ||
	       type == VNEP_RECORD_SYNC || type == VNEP_RECORD_STAT;
}

int acl_edge_verb(struct vnep_cli *cli, struct vnep_client *client, const char *verb,
	const char *members, bool follow)
{
	struct vnep_buf out;
	const char *line;
	size_t len;
	int status = 3, rc = vnep_client_request(client, verb, members, &cli->err);

	vnep_buf_init(&out);
	if (!rc)
		rc = vnep_client_end(client, &cli->err);
	while (!rc &&
		(rc = vnep_client_next(client, follow, &line, &len, &status, &cli->err)) == 1) {
		struct vnep_err told = { 0 };

		rc = 0;
		if (vnep_client_told(line, len, &told)) {
			vnep_cli_error(cli, &told);
		} else if (is_ours(line, len)) {
			vnep_buf_put(&out, line, len);
			vnep_buf_put_u8(&out, '\n');
			rc = vnep_out_records(cli, &out, follow);
		}
	}
	vnep_buf_release(&out);
	return rc ? rc : status;
}

int acl_map_open(struct vnep_cli *cli, struct acl_map *map)
{
	int rc;

	*map = (struct acl_map){ 0 };
	rc = vnep_mapstore_open(&map->store, cli->state, false, &cli->err);
	if (rc == VNEP_ENOTFOUND) {
		cli->err = (struct vnep_err){ 0 };
		return 0;
	}
	if (!rc)
		rc = vnep_map_begin(map->store, false, &map->txn, &cli->err);
	if (rc)
		acl_map_close(map);
	return rc;
}

void acl_map_close(struct acl_map *map)
{
	vnep_map_abort(map->txn);
	vnep_mapstore_close(map->store);
	*map = (struct acl_map){ 0 };
}

int acl_resolve(struct vnep_cli *cli, struct acl_map *map, const char *word, struct in6_addr *vep,
	char dev[static VNEP_URN_MAX + 1])
{
	struct vnep_device device = { 0 };
	int rc;

	dev[0] = 0;
	if (!map->txn || !vnep_ip6_parse(word, vep, NULL)) {
		if (vnep_ip6_parse(word, vep, NULL)) {
			vnep_err_set(&cli->err, VNEP_ENOTFOUND,
				"no such device \"%s\": there is no map in %s", word, cli->state);
			return vnep_err_hint(&cli->err,
				"without a map, a device is named by its virtual endpoint");
		}
		if (map->txn && vnep_map_by_vep(map->txn, vep, dev))
			dev[0] = 0;
		return 0;
	}
	rc = vnep_map_resolve(map->txn, word, dev, &cli->err);
	if (!rc)
		rc = vnep_map_get_device(map->txn, dev, &device, &cli->err);
	*vep = device.vep;
	vnep_device_release(&device);
	return rc;
}
