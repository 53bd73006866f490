/*
 * check - what is wrong with these records, by themselves.
 *
 * What import refuses line by line stops here in the same words. What only the whole shows is looked for when
 * all is read, and all of it is reported: errors (exit 2; with --keep-going exit 1) and warnings (exit 0).
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "vnep/recjson.h"
#include "vnep/table.h"

const struct vnep_option map_check_options[] = {
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "what the input is", "json csv" },
	{ "keep-going", 0, VNEP_ARG_NONE, NULL, "skip and count bad lines (exit 1)", NULL },
	{ 0 },
};

struct group {
	char group[VNEP_LABEL_MAX + 1];
	size_t at; /* record, SIZE_MAX = a device names it and nobody describes it */
	size_t members, first_member;
};

/* A fixed address, and the first device that has it. */
struct held {
	struct in6_addr addr; /* key */
	size_t at;
	bool host;
};

struct check {
	struct vnep_cli *cli;
	struct vnep_map_batch *batch;
	struct vnep_vpc *vpcs;
	size_t vpc_count;
	struct group *groups;
	size_t group_count;
	struct vnep_table held;
	char warned_vpc[VNEP_LABEL_MAX + 1]; /* the missing vpc that was warned of last */
	size_t at;
	unsigned warnings;
};

static void warn(struct check *c, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void warn(struct check *c, size_t at, const char *fmt, ...)
{
	struct vnep_err err = { 0 };
	char text[400], line[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	vnep_err_set(&err, VNEP_EDIFFERS, "warning: %s", text);
	vnep_map_batch_place(c->batch, at, &err);
	vnep_err_print(&err, line, sizeof line);
	vnep_cli_say(c->cli, "%s", line);
	c->warnings++;
}

static void complain(struct check *c, const struct vnep_err *why)
{
	struct vnep_err err = *why;

	vnep_map_batch_place(c->batch, c->at, &err);
	vnep_cli_error(c->cli, &err);
}

static struct group *find_group(struct check *c, const char *name)
{
	for (size_t i = 0; i < c->group_count; i++)
		if (!strcmp(c->groups[i].group, name))
			return &c->groups[i];
	return NULL;
}

static struct group *get_group(struct check *c, const char *name)
{
	struct group *g = find_group(c, name);

	if (g)
		return g;
	g = realloc(c->groups, (c->group_count + 1) * sizeof *g);
	if (!g)
		return NULL;
	c->groups = g;
	g += c->group_count++;
	*g = (struct group){ .at = SIZE_MAX };
	snprintf(g->group, sizeof g->group, "%s", name);
	return g;
}

static int take_vpc(struct check *c, const struct vnep_json *json)
{
	struct vnep_vpc *p = realloc(c->vpcs, (c->vpc_count + 1) * sizeof *p);
	int rc;

	if (!p)
		return vnep_err_sys(&c->cli->err, ENOMEM, "check");
	c->vpcs = p;
	p[c->vpc_count] = (struct vnep_vpc){ 0 };
	rc = vnep_vpc_decode(json, &p[c->vpc_count], &c->cli->err);
	if (!rc)
		c->vpc_count++;
	return rc;
}

static int take_group(struct check *c, const struct vnep_json *json)
{
	struct group *g = get_group(c, vnep_json_get_str(json, "group", ""));

	if (!g)
		return vnep_err_sys(&c->cli->err, ENOMEM, "check");
	g->at = c->at;
	return 0;
}

static const struct vnep_vpc *vpc_of(const struct check *c, const struct vnep_device *d)
{
	const struct vnep_vpc *best = NULL;

	for (size_t i = 0; i < c->vpc_count; i++) {
		const struct vnep_vpc *v = &c->vpcs[i];

		if (d->vpc[0] ? !strcmp(d->vpc, v->vpc)
			      : vnep_prefix_has(&v->prefix, &d->vep) &&
					(!best || v->prefix.len > best->prefix.len))
			best = v;
	}
	return best;
}

static void check_vpc(struct check *c, const struct vnep_device *d)
{
	const struct vnep_vpc *vpc = vpc_of(c, d);
	char vep[VNEP_IP6_LEN], prefix[VNEP_PREFIX_LEN];
	struct vnep_err err = { 0 };

	vnep_ip6_print(&d->vep, vep);
	if (!vpc && d->vpc[0]) {
		if (strcmp(c->warned_vpc, d->vpc))
			warn(c, c->at,
				"vpc \"%s\" is not among these records: nothing was checked "
				"against it",
				d->vpc);
		memcpy(c->warned_vpc, d->vpc, sizeof c->warned_vpc);
		return;
	}
	if (!vpc && c->vpc_count) {
		vnep_err_set(&err, VNEP_EVALUE, "vep %s lies in no vpc's prefix", vep);
		complain(c, &err);
	}
	if (!vpc)
		return;
	if (!vnep_prefix_has(&vpc->prefix, &d->vep)) {
		vnep_prefix_print(&vpc->prefix, prefix);
		vnep_err_set(&err, VNEP_EVALUE, "vep %s is outside %s, the prefix of vpc \"%s\"",
			vep, prefix, vpc->vpc);
		complain(c, &err);
	}
	if (!d->vlan != !vpc->core_vlan) {
		vnep_err_set(&err, VNEP_EVALUE,
			"vlan %u and core_vlan %u of vpc \"%s\": one side is tagged", d->vlan,
			vpc->core_vlan, vpc->vpc);
		vnep_err_hint(&err,
			"tags can be rewritten, not added or removed: tag both sides or none");
		complain(c, &err);
	}
}

/* The address of a device of form host is nobody else's: the VPC has a route to it. Others may share one, on
 * different links. */
static int check_addresses(struct check *c, const struct vnep_device *d)
{
	bool host = d->form == VNEP_FORM_HOST;
	char addr[VNEP_IP6_LEN];

	for (unsigned i = 0; i < d->addr_count; i++) {
		struct held *h = vnep_table_get(&c->held, &d->addr[i]);
		struct vnep_err err = { 0 };

		if (h && (host || h->host)) {
			vnep_ip6_print(&d->addr[i], addr);
			vnep_err_set(&err, VNEP_EVALUE,
				"addr %s of form host is another device's, too (record %zu)", addr,
				h->at + 1);
			complain(c, &err);
		}
		if (h)
			continue;
		h = calloc(1, sizeof *h);
		if (!h)
			return -ENOMEM;
		*h = (struct held){ d->addr[i], c->at, host };
		if (vnep_table_put(&c->held, h)) {
			free(h);
			return -ENOMEM;
		}
	}
	return 0;
}

static void held_release(struct check *c)
{
	struct held *h;

	for (size_t i = 0; (h = vnep_table_next(&c->held, &i));)
		free(h);
	vnep_table_release(&c->held);
}

static int check_device(struct check *c, const struct vnep_json *json)
{
	struct vnep_device d = { 0 };
	int rc = vnep_device_decode(json, &d, &c->cli->err);

	if (!rc && !d.deleted)
		check_vpc(c, &d);
	if (!rc && !d.deleted && check_addresses(c, &d))
		rc = vnep_err_sys(&c->cli->err, ENOMEM, "check");
	for (size_t i = 0; !rc && !d.deleted && i < d.group_count; i++) {
		struct group *g = get_group(c, d.groups[i]);

		if (!g)
			rc = vnep_err_sys(&c->cli->err, ENOMEM, "check");
		else if (!g->members++)
			g->first_member = c->at;
	}
	vnep_device_release(&d);
	return rc;
}

/* Two walks: vpcs and groups first, wherever they stand. */
static int walk(struct check *c, bool devices)
{
	int rc = 0;

	for (c->at = 0; c->at < vnep_map_batch_count(c->batch) && !rc; c->at++) {
		size_t len;
		const char *line = vnep_map_batch_line(c->batch, c->at, &len);
		struct vnep_json *json;

		rc = vnep_json_parse(line, len, &json, &c->cli->err);
		if (rc)
			return rc;
		if (devices && vnep_recjson_type(json) == VNEP_RECORD_DEVICE)
			rc = check_device(c, json);
		else if (!devices && vnep_recjson_type(json) == VNEP_RECORD_VPC)
			rc = take_vpc(c, json);
		else if (!devices && vnep_recjson_type(json) == VNEP_RECORD_GROUP)
			rc = take_group(c, json);
		vnep_json_free(json);
	}
	return rc;
}

static void check_groups(struct check *c)
{
	for (size_t i = 0; i < c->group_count; i++) {
		const struct group *g = &c->groups[i];

		if (g->at == SIZE_MAX)
			warn(c, g->first_member, "group \"%s\" is not among these records",
				g->group);
		else if (!g->members)
			warn(c, g->at, "group \"%s\" has no members", g->group);
	}
}

int map_check(struct vnep_cli *cli)
{
	struct check c = { .cli = cli };
	bool keep_going = vnep_cli_has(cli, "keep-going");
	int rc = vnep_map_batch_new(&c.batch, &cli->err);

	vnep_table_init(&c.held, offsetof(struct held, addr), sizeof(struct in6_addr));
	if (!rc)
		rc = map_read(cli, c.batch, vnep_cli_str(cli, "format", NULL), keep_going, NULL);
	if (!rc)
		rc = walk(&c, false);
	if (!rc)
		rc = walk(&c, true);
	if (!rc)
		check_groups(&c);
	if (!rc)
		vnep_cli_say(cli, "%zu records, %u wrong, %u warnings",
			vnep_map_batch_count(c.batch), cli->errors, c.warnings);
	for (size_t i = 0; i < c.vpc_count; i++)
		vnep_vpc_release(&c.vpcs[i]);
	free(c.vpcs);
	free(c.groups);
	held_release(&c);
	vnep_map_batch_free(c.batch);
	return !rc && cli->errors && !keep_going ? 2 : rc;
}
