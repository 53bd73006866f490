/*
 * presence - awake and asleep, by hand.
 *
 * How long a device listens is read from its class in the kernel, so that the tool and the rules cannot
 * disagree, and no map is needed. All devices are resolved before the first is changed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acl.h"
#include "vnep/ndjson.h"
#include "vnep/recjson.h"

struct target {
	char dev[VNEP_URN_MAX + 1];
	struct in6_addr vep;
	uint64_t listens_ms; /* 0: always */
	bool was;
};

static int listens(struct vnep_cli *cli, struct vnep_acl *acl, const char *word, struct target *t)
{
	uint32_t seconds;
	bool always;
	int rc = vnep_acl_t3324_get(acl, &t->vep, &always, &seconds, &cli->err);

	if (rc)
		return rc;
	if (!always && !seconds) {
		vnep_err_set(&cli->err, VNEP_EVALUE, "%s: its active time is 0 s: it is asleep at once", word);
		return vnep_err_hint(&cli->err, "a psm.t3324_s of at least 1 in its record makes it listen");
	}
	t->listens_ms = seconds * 1000ULL;
	return 0;
}

static int find(struct vnep_cli *cli, struct vnep_acl *acl, struct acl_map *map, const char *word, bool awake,
	struct target *t)
{
	uint64_t left = 0;
	int rc = acl_resolve(cli, map, word, &t->vep, t->dev);

	if (!rc && awake)
		rc = listens(cli, acl, word, t);
	if (!rc)
		rc = vnep_acl_awake_get(acl, &t->vep, &left, &cli->err);
	t->was = left != 0;
	return rc;
}

static int change(struct vnep_cli *cli, struct vnep_acl *acl, const struct target *t, bool awake)
{
	struct vnep_presence presence = { .ts = vnep_wall_now(), .cause = VNEP_CAUSE_ADMIN,
		.state = awake ? VNEP_STATE_AWAKE : VNEP_STATE_ASLEEP,
		.was = t->was ? VNEP_STATE_AWAKE : VNEP_STATE_ASLEEP };
	struct vnep_buf out;
	int rc = 0;

	if (!cli->dry_run)
		rc = awake ? vnep_acl_awake_add(acl, &t->vep, t->listens_ms, &cli->err) :
				   vnep_acl_awake_remove(acl, &t->vep, &cli->err);
	if (rc)
		return rc;
	if (t->dev[0])
		snprintf(presence.dev, sizeof presence.dev, "%s", t->dev);
	else
		vnep_ip6_print(&t->vep, presence.dev); /* all that is known of it */
	vnep_buf_init(&out);
	vnep_presence_encode(&out, &presence);
	rc = vnep_out_records(cli, &out, false);
	vnep_buf_release(&out);
	return rc;
}

static int in_kernel(struct vnep_cli *cli, bool awake)
{
	const struct vnep_acl_config config = { 0 };
	struct target *targets = calloc(cli->argc, sizeof *targets);
	struct acl_map map = { 0 };
	struct vnep_acl *acl = NULL;
	int rc = targets ? acl_map_open(cli, &map) : vnep_err_sys(&cli->err, ENOMEM, "devices");

	if (!rc)
		rc = vnep_acl_open(&acl, &config, false, &cli->err);
	if (!rc)
		rc = vnep_acl_present(acl, &cli->err);
	for (unsigned i = 0; !rc && i < cli->argc; i++)
		rc = find(cli, acl, &map, cli->argv[i], awake, &targets[i]);
	for (unsigned i = 0; !rc && i < cli->argc; i++)
		rc = change(cli, acl, &targets[i], awake);
	vnep_acl_close(acl);
	acl_map_close(&map);
	free(targets);
	return rc;
}

static int by_edge(struct vnep_cli *cli, struct vnep_client *client, bool awake)
{
	struct vnep_buf members;
	struct vnep_jw w = { .buf = &members };
	int rc;

	vnep_buf_init(&members);
	vnep_jw_array(&w, "dev");
	for (unsigned i = 0; i < cli->argc; i++)
		vnep_jw_str(&w, NULL, cli->argv[i]);
	vnep_jw_end_array(&w);
	rc = members.rc ? vnep_err_sys(&cli->err, ENOMEM, "request") :
			  acl_edge_verb(cli, client, awake ? "acl.awake" : "acl.asleep", vnep_buf_str(&members), false);
	vnep_buf_release(&members);
	return rc;
}

static int set(struct vnep_cli *cli, bool awake)
{
	struct vnep_client *client = NULL;
	int lock = -1, rc = acl_writer(cli, &client, &lock);

	if (!rc && client && !cli->dry_run)
		rc = by_edge(cli, client, awake);
	else if (!rc)
		rc = in_kernel(cli, awake);
	vnep_client_close(client);
	if (lock >= 0)
		close(lock);
	return rc;
}

int acl_awake(struct vnep_cli *cli)
{
	return set(cli, true);
}

int acl_asleep(struct vnep_cli *cli)
{
	return set(cli, false);
}
