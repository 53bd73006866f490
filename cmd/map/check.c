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
#include "vnep/longest.h"
#include "vnep/recjson.h"
#include "vnep/table.h"

const struct vnep_option map_check_options[] = {
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "what the input is", "json csv" },
	{ "keep-going", 0, VNEP_ARG_NONE, NULL, "skip and count bad lines (exit 1)", NULL },
	{ 0 },
};

struct group {
	char group[VNEP_LABEL_MAX + 1]; /* key, zeros behind it */
	struct group *next;             /* in the order in which they were met */
	size_t at; /* record, SIZE_MAX = a device names it and nobody describes it */
	size_t members, first_member;
};

/* A fixed address, and the first device that has it. */
struct held {
	struct in6_addr addr; /* key */
	size_t at;
	bool host;
};

struct vpc {
	char name[VNEP_LABEL_MAX + 1]; /* key, zeros behind it */
	struct vnep_vpc vpc;
};

struct check {
	struct vnep_cli *cli;
	struct vnep_map_batch *batch;
	struct vnep_table vpcs, groups, held;
	struct vpc **vpc;             /* in the order in which they came */
	struct vnep_longest prefixes; /* by their places there */
	struct group *first_group, **last_group;
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

static struct group *get_group(struct check *c, const char *name)
{
	struct group *g = calloc(1, sizeof *g), *old;

	if (!g)
		return NULL;
	snprintf(g->group, sizeof g->group, "%s", name);
	old = vnep_table_get(&c->groups, g->group);
	if (old || vnep_table_put(&c->groups, g)) {
		free(g);
		return old;
	}
	g->at = SIZE_MAX;
	*c->last_group = g;
	c->last_group = &g->next;
	return g;
}

static int list_vpc(struct check *c, struct vpc *v)
{
	size_t at = c->prefixes.count;
	struct vpc **list = reallocarray(c->vpc, at + 1, sizeof *list);

	if (!list)
		return -ENOMEM;
	c->vpc = list;
	list[at] = v;
	return vnep_longest_add(&c->prefixes, &v->vpc.prefix, at);
}

static int take_vpc(struct check *c, const struct vnep_json *json)
{
	struct vpc *v = calloc(1, sizeof *v);
	int rc;

	if (!v)
		return vnep_err_sys(&c->cli->err, ENOMEM, "check");
	rc = vnep_vpc_decode(json, &v->vpc, &c->cli->err);
	if (!rc) {
		snprintf(v->name, sizeof v->name, "%s", v->vpc.vpc);
		if (list_vpc(c, v) || vnep_table_put(&c->vpcs, v))
			rc = vnep_err_sys(&c->cli->err, ENOMEM, "check");
	}
	if (rc) {
		vnep_vpc_release(&v->vpc);
		free(v);
	}
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

/* The one it names, or that with the longest prefix around its endpoint. */
static const struct vnep_vpc *vpc_of(const struct check *c, const struct vnep_device *d)
{
	char name[VNEP_LABEL_MAX + 1] = "";
	const struct vnep_longest_item *longest;
	struct vpc *v;

	if (d->vpc[0]) {
		snprintf(name, sizeof name, "%s", d->vpc);
		v = vnep_table_get(&c->vpcs, name);
		return v ? &v->vpc : NULL;
	}
	longest = vnep_longest_find(&c->prefixes, &d->vep);
	return longest ? &c->vpc[longest->what]->vpc : NULL;
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
	if (!vpc && c->vpcs.count) {
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
		struct vnep_err err = { 0 }, other = { 0 };

		if (h && (host || h->host)) {
			vnep_ip6_print(&d->addr[i], addr);
			vnep_map_batch_place(c->batch, h->at, &other);
			vnep_err_set(&err, VNEP_EVALUE,
				"addr %s of form host is another device's, too: %s:%u", addr,
				other.file, other.line);
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

static void release(struct check *c)
{
	struct group *g;
	struct held *h;
	struct vpc *v;

	for (size_t i = 0; (h = vnep_table_next(&c->held, &i));)
		free(h);
	for (size_t i = 0; (g = vnep_table_next(&c->groups, &i));)
		free(g);
	for (size_t i = 0; (v = vnep_table_next(&c->vpcs, &i));) {
		vnep_vpc_release(&v->vpc);
		free(v);
	}
	vnep_table_release(&c->held);
	vnep_table_release(&c->groups);
	vnep_longest_release(&c->prefixes);
	free(c->vpc);
	vnep_table_release(&c->vpcs);
	vnep_map_batch_free(c->batch);
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
	for (const struct group *g = c->first_group; g; g = g->next) {
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

	c.last_group = &c.first_group;
	vnep_table_init(&c.held, offsetof(struct held, addr), sizeof(struct in6_addr));
	vnep_table_init(&c.groups, offsetof(struct group, group), VNEP_LABEL_MAX + 1);
	vnep_table_init(&c.vpcs, offsetof(struct vpc, name), VNEP_LABEL_MAX + 1);
	if (!rc)
		rc = map_read(cli, c.batch, vnep_cli_str(cli, "format", NULL), keep_going, NULL);
	if (!rc)
		rc = walk(&c, false);
	vnep_longest_sort(&c.prefixes);
	if (!rc)
		rc = walk(&c, true);
	if (!rc)
		check_groups(&c);
	if (!rc)
		vnep_cli_say(cli, "%zu records, %u wrong, %u warnings",
			vnep_map_batch_count(c.batch), cli->errors, c.warnings);
	release(&c);
	return !rc && cli->errors && !keep_going ? 2 : rc;
}
