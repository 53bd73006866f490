/* ask - the request that both verbs make of the same options, and the answers of the edge. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcast.h"
#include "vnep/mapstore.h"
#include "vnep/mcast.h"
#include "vnep/members.h"
#include "vnep/out.h"

static int put_list(struct vnep_cli *cli, const char *option, struct vnep_json *request)
{
	struct vnep_json *list = NULL;
	const char *word;
	int rc = 0;

	for (size_t i = 0; !rc && (word = vnep_cli_list(cli, option, i)); i++) {
		if (!list)
			list = vnep_json_array();
		rc = list ? vnep_json_append(list, vnep_json_string(word)) : -ENOMEM;
	}
	if (!rc && list)
		return vnep_json_set(request, option, list);
	vnep_json_free(list);
	return rc;
}

int mcast_request(struct vnep_cli *cli, uint64_t wait_ms, struct vnep_json **out)
{
	static const char *const lists[] = { "vpc", "region", "match" };
	struct vnep_json *request = vnep_json_object();
	uint64_t port = 0, hops = 1;
	int rc = request ? vnep_cli_pairs(cli, "match") : -ENOMEM;

	if (!rc)
		rc = vnep_cli_u64(cli, "port", 1, UINT16_MAX, &port);
	if (!rc)
		rc = vnep_cli_u64(cli, "hop-limit", 1, UINT8_MAX, &hops);
	if (!rc && vnep_cli_has(cli, "group"))
		rc = vnep_json_set_str(request, "group", vnep_cli_str(cli, "group", ""));
	for (size_t i = 0; !rc && i < sizeof lists / sizeof *lists; i++)
		rc = put_list(cli, lists[i], request);
	if (!rc && vnep_cli_has(cli, "unicast"))
		rc = vnep_json_set_bool(request, "unicast", true);
	if (!rc && port)
		rc = vnep_json_set_int(request, "port", (int64_t)port);
	if (!rc)
		rc = vnep_json_set_int(request, "hop_limit", (int64_t)hops);
	if (!rc && wait_ms)
		rc = vnep_json_set_int(request, "wait_ms", (int64_t)wait_ms);
	if (rc == -ENOMEM)
		vnep_err_sys(&cli->err, ENOMEM, "request");
	if (rc)
		vnep_json_free(request);
	else
		*out = request;
	return rc;
}

char *mcast_members(const struct vnep_json *request)
{
	struct vnep_buf text = { 0 };
	char *members = NULL;

	if (!vnep_json_dump(request, &text) && !text.rc && text.len > 2)
		members = strndup((const char *)text.data + 1, text.len - 2);
	vnep_buf_release(&text);
	return members;
}

void mcast_say_scope(struct vnep_cli *cli, const struct vnep_json *request)
{
	const char *name = vnep_json_get_str(request, "group", NULL);
	struct vnep_mapstore *store = NULL;
	struct vnep_group group = { 0 };
	struct vnep_map_txn *txn = NULL;
	unsigned scope;

	if (!name || cli->quiet || vnep_members_query(request) ||
		vnep_json_get_bool(request, "unicast", false) ||
		vnep_json_get_int(request, "hop_limit", 1) > 1 ||
		vnep_mapstore_open(&store, cli->state, false, NULL))
		return;
	if (!vnep_map_begin(store, false, &txn, NULL) &&
		!vnep_members_group(txn, name, &group, NULL)) {
		scope = vnep_mcast_scope(&group.address);
		if (scope > VNEP_SCOPE_LINK)
			vnep_cli_say(cli,
				"hop limit 1: a router behind an access port would drop it, though "
				"the address of \"%s\" has scope %u (%s); see --hop-limit",
				name, scope, vnep_mcast_scope_text(scope));
	}
	vnep_group_release(&group);
	vnep_map_abort(txn);
	vnep_mapstore_close(store);
}

int mcast_answers(struct vnep_cli *cli, struct vnep_client *client, int *worst)
{
	struct vnep_buf out = { 0 };
	int status = 3, rc = 0;
	const char *line;
	size_t len;

	while (!rc && (rc = vnep_client_next(client, 1, &line, &len, &status, &cli->err)) == 1) {
		struct vnep_err told = { 0 };

		rc = 0;
		if (vnep_client_told(line, len, &told)) {
			vnep_cli_error(cli, &told);
			if (vnep_err_exit(told.code) > *worst)
				*worst = vnep_err_exit(told.code);
			continue;
		}
		vnep_buf_put(&out, line, len);
		vnep_buf_put_u8(&out, '\n');
		rc = vnep_out_records(cli, &out, true);
	}
	vnep_buf_release(&out);
	return rc ? rc : status;
}
