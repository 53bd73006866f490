/*
 * plan - where an instruction would go: a status record for each member, then a result that counts them.
 *
 * A living edge knows who is awake. Without one nobody is: where a member is bound, the map says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcast.h"
#include "vnep/mapstore.h"
#include "vnep/members.h"
#include "vnep/out.h"
#include "vnep/recjson.h"

enum { FLUSH_OCTETS = 1 << 16 };

const struct vnep_option mcast_plan_options[] = { MCAST_SELECTION, { 0 } };

struct planning {
	struct vnep_cli *cli;
	struct vnep_map_txn *txn;
	struct vnep_buf out;
	struct vnep_result result;
};

static int add_member(const struct vnep_device *device, void *arg)
{
	struct planning *p = arg;
	struct vnep_status status = {
		.ts = vnep_wall_now(),
		.vep = device->vep,
		.vlan = device->vlan,
		.has_mac = device->has_mac,
		.mac = device->mac,
	};
	struct vnep_binding binding;

	memcpy(status.dev, device->dev, sizeof status.dev);
	memcpy(status.port, device->port, sizeof status.port);
	if (!vnep_map_get_binding(p->txn, device->dev, &binding, NULL)) {
		memcpy(status.port, binding.port, sizeof status.port);
		memcpy(status.edge, binding.edge, sizeof status.edge);
		status.state = VNEP_STATE_ASLEEP;
	}
	p->result.members++;
	if (device->form == VNEP_FORM_HOST)
		p->result.failed++;
	else
		p->result.pending++;
	vnep_status_encode(&p->out, &status);
	return p->out.len < FLUSH_OCTETS ? p->out.rc : vnep_out_records(p->cli, &p->out, false);
}

static int plan_by_map(struct vnep_cli *cli, const struct vnep_json *request)
{
	struct planning p = { .cli = cli, .result.id = "plan" };
	const char *group = vnep_json_get_str(request, "group", "");
	struct vnep_mapstore *store = NULL;
	struct vnep_group record = { 0 };
	int rc = vnep_mapstore_open(&store, cli->state, false, &cli->err);

	if (!rc)
		rc = vnep_map_begin(store, false, &p.txn, &cli->err);
	if (!rc && *group)
		rc = vnep_members_group(p.txn, group, &record, &cli->err);
	if (!rc)
		rc = vnep_members_each(p.txn, request, add_member, &p, &cli->err);
	if (!rc && !p.result.members)
		rc = vnep_err_set(&cli->err, VNEP_EVALUE, "%s%s%s has no members",
			*group ? "group \"" : "the selection", group, *group ? "\"" : "");
	if (!rc) {
		strncpy(p.result.group, group, sizeof p.result.group - 1);
		vnep_result_encode(&p.out, &p.result);
		rc = vnep_out_records(cli, &p.out, false);
	}
	vnep_group_release(&record);
	vnep_map_abort(p.txn);
	vnep_mapstore_close(store);
	vnep_buf_release(&p.out);
	return rc;
}

static int plan_by_edge(
	struct vnep_cli *cli, struct vnep_client *client, const struct vnep_json *request)
{
	char *members = mcast_members(request);
	int worst = 0, rc = members ? vnep_client_request(client, "mcast.plan", members, &cli->err)
				    : vnep_err_sys(&cli->err, ENOMEM, "request");

	if (!rc)
		rc = vnep_client_end(client, &cli->err);
	if (!rc)
		rc = mcast_answers(cli, client, &worst);
	free(members);
	return rc;
}

int mcast_plan(struct vnep_cli *cli)
{
	struct vnep_client *client = NULL;
	struct vnep_json *request = NULL;
	int rc = mcast_request(cli, 0, &request);

	if (!rc && !vnep_cli_has(cli, "group") && !vnep_members_query(request))
		rc = vnep_err_set(
			&cli->err, VNEP_EUSAGE, "for whom? --group, or --vpc, --region, --match");
	if (!rc)
		rc = vnep_client_open(&client, cli->state, &cli->err);
	if (!rc)
		rc = client ? plan_by_edge(cli, client, request) : plan_by_map(cli, request);
	if (!rc)
		mcast_say_scope(cli, request);
	vnep_client_close(client);
	vnep_json_free(request);
	return rc;
}
