/*
 * publish - the names of the map in DNS, by UPDATE: only what differs, and nothing that is not ours.
 *
 * A zone at a time: what should it hold, what does the server have, what differs (dnsplan), send that. What the
 * server has is best known from a zone transfer; a server that refuses one is asked for each name that is wanted or
 * was published before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "publish.h"
#include "vnep/num.h"

const struct vnep_option map_publish_options[] = {
	{ "server", 0, VNEP_ARG_ONE, "HOST[:PORT]", "the primary server of the zones", NULL },
	{ "zone", 0, VNEP_ARG_ONE, "ZONE", "publish the names in this zone", NULL },
	{ "reverse", 0, VNEP_ARG_LIST, "ZONE|PREFIX",
		"publish the way back (PTR) in this zone of ip6.arpa", NULL },
	{ "service", 0, VNEP_ARG_LIST, "[REGION=]HOST:PORT",
		"who serves the region: SRV _vnep._udp[.REGION].ZONE", NULL },
	{ "key", 0, VNEP_ARG_ONE, "FILE", "sign with the key in this file (tsig-keygen)", NULL },
	{ "owner", 0, VNEP_ARG_ONE, "WORD", "whose names these are (default STATE/dns/owner)",
		NULL },
	{ "ttl", 0, VNEP_ARG_ONE, "SECONDS", "time to live of the records (default 300)", NULL },
	{ "rate", 0, VNEP_ARG_ONE, "N", "at most N names a second (default: as answered)", NULL },
	{ "timeout", 0, VNEP_ARG_ONE, "TIME", "wait so long for an answer (default 5s)", NULL },
	{ "udp", 0, VNEP_ARG_NONE, NULL, "datagrams instead of a TCP connection", NULL },
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "print the update instead of sending it",
		"nsupdate" },
	{ 0 },
};

/* ---- what is asked for ---- */

static int add_zone(struct publish *p, const char *text, bool reverse)
{
	struct publish_zone *zone = realloc(p->zone, (p->zones + 1) * sizeof *zone);
	int rc;

	if (!zone)
		return vnep_err_sys(&p->cli->err, ENOMEM, "%s", text);
	p->zone = zone;
	zone += p->zones++;
	*zone = (struct publish_zone){ .reverse = reverse };
	rc = reverse ? vnep_dnszone_reverse(text, zone->name, &p->cli->err)
		     : vnep_dnsname_read(text, zone->name, &p->cli->err);
	for (size_t i = 0; i + 1 < p->zones && !rc; i++)
		if (!strcmp(p->zone[i].name, zone->name))
			rc = vnep_err_set(&p->cli->err, VNEP_EUSAGE,
				"the zone \"%s\" is named twice", zone->name);
	return rc;
}

static int read_zones(struct publish *p)
{
	const char *zone = vnep_cli_str(p->cli, "zone", NULL), *reverse;
	int rc = zone ? add_zone(p, zone, false) : 0;

	for (size_t i = 0; !rc && (reverse = vnep_cli_list(p->cli, "reverse", i)); i++)
		rc = add_zone(p, reverse, true);
	if (!rc && !p->zones)
		rc = vnep_err_set(&p->cli->err, VNEP_EUSAGE, "publish needs --zone or --reverse");
	if (!rc && !zone && vnep_cli_has(p->cli, "service"))
		rc = vnep_err_set(&p->cli->err, VNEP_EUSAGE, "--service needs --zone");
	return rc;
}

static int read_options(struct publish *p, struct vnep_dns_config *config)
{
	const char *server = vnep_cli_str(p->cli, "server", NULL),
		   *timeout = vnep_cli_str(p->cli, "timeout", "5s");
	int rc = read_zones(p);

	p->print = vnep_cli_has(p->cli, "format");
	p->udp = config->udp = vnep_cli_has(p->cli, "udp");
	if (!rc && !server && !p->print)
		rc = vnep_err_set(&p->cli->err, VNEP_EUSAGE, "publish needs --server");
	if (!rc && server)
		rc = vnep_dns_server_parse(server, &p->server, &p->cli->err);
	config->server = p->server;
	if (!rc)
		rc = vnep_num_duration_ns(timeout, &config->timeout_ns, &p->cli->err);
	if (!rc && config->timeout_ns < 1000000)
		rc = vnep_err_set(&p->cli->err, VNEP_EUSAGE, "--timeout: at least 1ms");
	if (!rc)
		rc = vnep_cli_u64(p->cli, "ttl", 0, 604800, &p->ttl);
	if (!rc)
		rc = vnep_cli_u64(p->cli, "rate", 1, 1000000, &p->rate);
	return rc;
}

/* ---- what the server has ---- */

static int collect_names(
	struct publish *p, const struct publish_zone *zone, struct vnep_dnsset *names)
{
	const struct vnep_dnsset *more[] = { &zone->want, &zone->shy };
	int rc = publish_names_read(p, zone, names);

	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; i < more[s]->count && !rc; i++) {
			rc = vnep_dnsset_add(names, more[s]->rr[i]->name, VNEP_DNS_ANY, 0, NULL, 0);
			if (rc)
				vnep_err_sys(&p->cli->err, -rc, "%s", zone->name);
		}
	vnep_dnsset_sort(names);
	return rc;
}

static int ask_names(struct publish *p, const struct vnep_dnsset *names, struct vnep_dnsset *have)
{
	const char **list = calloc(names->count + 1, sizeof *list);
	int rc;

	if (!list)
		return vnep_err_sys(&p->cli->err, ENOMEM, "asking for names");
	for (size_t i = 0; i < names->count; i++)
		list[i] = names->rr[i]->name;
	rc = vnep_dns_ask(p->dns, list, names->count, have, &p->cli->err);
	free(list);
	return rc;
}

static int learn(struct publish *p, const struct publish_zone *zone,
	const struct vnep_dnsset *names, struct vnep_dnsset *have)
{
	int rc;

	if (!p->dns)
		return 0;
	rc = vnep_dns_check(p->dns, zone->name, &p->cli->err);
	if (rc)
		return rc;
	rc = p->udp ? VNEP_EPRIV : vnep_dns_transfer(p->dns, zone->name, have, &p->cli->err);
	if (rc == VNEP_EPRIV || rc == -EPROTO)
		rc = ask_names(p, names, have);
	if (!rc)
		vnep_dnsset_sort(have);
	return rc;
}

/* ---- what is done about it ---- */

static void say_left(
	struct publish *p, const struct publish_zone *zone, const struct vnep_dnsplan *plan)
{
	struct vnep_err err = { 0 };

	for (size_t i = 0; i < plan->left_count; i++) {
		vnep_err_set(&err, VNEP_EDIFFERS, "%s: \"%s\" is left alone: it %s", zone->name,
			plan->left[i].name, plan->left[i].why);
		vnep_cli_error(p->cli, &err);
	}
}

static void say_done(struct publish *p, const struct publish_zone *zone,
	const struct vnep_dnsplan *plan, const struct publish_done *done)
{
	vnep_cli_say(p->cli, "%s: %s%llu added, %llu changed, %llu withdrawn, %zu unchanged%s",
		zone->name, p->cli->dry_run ? "would be: " : "",
		(unsigned long long)done->count[VNEP_DNS_ADD],
		(unsigned long long)done->count[VNEP_DNS_CHANGE],
		(unsigned long long)done->count[VNEP_DNS_WITHDRAW], plan->same,
		plan->left_count ? "; some left alone" : "");
}

static int print_plan(
	struct publish *p, const struct publish_zone *zone, const struct vnep_dnsplan *plan)
{
	struct vnep_buf out;
	size_t at = 0;
	int rc;

	vnep_buf_init(&out);
	if (plan->count && p->server.host[0])
		vnep_buf_printf(&out, "server %s %s\n", p->server.host, p->server.port);
	if (plan->count)
		vnep_buf_printf(&out, "zone %s\n", zone->name);
	while (at < plan->count) {
		size_t count = publish_pack(p, zone, plan, at, p->rate);

		for (size_t i = 0; i < (count ? count : 1); i++)
			vnep_dnschange_put(&out, plan, &plan->change[at++]);
		vnep_buf_put_str(&out, "send\n");
	}
	rc = out.rc ? vnep_err_sys(&p->cli->err, -out.rc, "%s", zone->name)
		    : vnep_out_bytes(p->cli, out.data, out.len);
	vnep_buf_release(&out);
	return rc;
}

/* The error of a run that ended early says how far it came. */
static int stopped(struct publish *p, const struct publish_zone *zone,
	const struct vnep_dnsplan *plan, const struct publish_done *done, int rc)
{
	uint64_t count = done->count[0] + done->count[1] + done->count[2];
	struct vnep_err *err = &p->cli->err;
	char text[sizeof err->text], hint[sizeof err->hint];

	snprintf(text, sizeof text, "%.350s", err->text);
	snprintf(hint, sizeof hint, "%s", err->hint);
	vnep_err_set(err, rc, "%s; %s: %llu of %zu changes are made", text, zone->name,
		(unsigned long long)count, plan->count);
	if (rc == VNEP_EUNKNOWN || rc == VNEP_EUNAVAIL)
		vnep_err_hint(err, "run it again: it goes on where it is");
	else if (hint[0])
		vnep_err_hint(err, "%s", hint);
	return rc;
}

/* Names stand in the list from before they are sent; those that are gone leave it when all is well. */
static int carry_out(struct publish *p, const struct publish_zone *zone,
	const struct vnep_dnsplan *plan, const struct vnep_dnsset *names, struct publish_done *done)
{
	uint64_t conflicts = p->conflicts;
	int rc = plan->count ? publish_names_write(p, zone, names) : 0;

	if (rc)
		return rc;
	rc = publish_send(p, zone, plan, done);
	if (rc)
		return stopped(p, zone, plan, done, rc);
	return p->conflicts > conflicts ? 0 : publish_names_write(p, zone, &zone->want);
}

static int publish_zone(struct publish *p, const struct publish_zone *zone)
{
	struct vnep_dnsset names = { 0 }, have = { 0 };
	struct vnep_dnsplan plan = { 0 };
	struct publish_done done = { 0 };
	int rc = collect_names(p, zone, &names);

	if (!rc)
		rc = learn(p, zone, &names, &have);
	if (!rc) {
		rc = vnep_dnsplan_make(&plan, &zone->want, &have, p->owner);
		if (rc)
			vnep_err_sys(&p->cli->err, -rc, "%s", zone->name);
	}
	if (rc)
		goto out;
	say_left(p, zone, &plan);
	rc = zone->reverse ? 0 : publish_want_less(p, &plan);
	if (rc)
		goto out;
	if (p->print) {
		rc = print_plan(p, zone, &plan);
		goto out;
	}
	if (p->cli->dry_run)
		for (size_t i = 0; i < plan.count; i++)
			done.count[plan.change[i].what]++;
	else
		rc = carry_out(p, zone, &plan, &names, &done);
	if (!rc)
		say_done(p, zone, &plan, &done);
out:
	vnep_dnsplan_release(&plan);
	vnep_dnsset_release(&have);
	vnep_dnsset_release(&names);
	return rc;
}

static int open_server(struct publish *p, struct vnep_dns_config *config)
{
	const char *path = vnep_cli_str(p->cli, "key", NULL);
	struct vnep_dnskey key = { 0 };
	int rc = path ? vnep_dnskey_read(path, &key, &p->cli->err) : 0;

	if (path)
		config->key = &key;
	if (!rc && p->server.host[0])
		rc = vnep_dns_open(&p->dns, config, &p->cli->err);
	vnep_dnskey_wipe(&key);
	return rc;
}

int map_publish(struct vnep_cli *cli)
{
	struct publish p = { .cli = cli, .ttl = 300, .lock = -1 };
	struct vnep_dns_config config = { 0 };
	int rc = read_options(&p, &config);

	if (!rc)
		rc = publish_want(&p);
	if (!rc && !p.print && !cli->dry_run)
		rc = publish_lock(&p);
	if (!rc)
		rc = open_server(&p, &config);
	for (size_t i = 0; i < p.zones && !rc; i++)
		rc = publish_zone(&p, &p.zone[i]);
	vnep_dns_close(p.dns);
	for (size_t i = 0; i < p.zones; i++) {
		vnep_dnsset_release(&p.zone[i].want);
		vnep_dnsset_release(&p.zone[i].shy);
	}
	free(p.zone);
	if (p.lock >= 0)
		close(p.lock);
	return rc ? rc : p.conflicts ? vnep_err_exit(VNEP_ECONFLICT) : 0;
}
