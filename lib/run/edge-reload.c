/*
 * edge-reload - another configuration while traffic flows.
 *
 * What a frame meets on its way (ports, sets, the journal's place) was opened at the start and stays; limits, paces and
 * advertisements are looked up each time, so they may be others from now on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"

static bool same_ports(const struct vnep_acl_config *a, const struct vnep_acl_config *b)
{
	if (a->access_count != b->access_count)
		return false;
	for (unsigned i = 0; i < a->access_count; i++)
		if (strcmp(a->access[i], b->access[i]) != 0)
			return false;
	return true;
}

/* Each key that cannot follow, told; they keep what they have. */
static int fixed(const struct vnep_edge_config *is, const struct vnep_edge_config *wanted,
	vnep_edge_config_report *report, void *arg)
{
	const struct {
		const char *key;
		bool same;
	} keys[] = {
		{ "name", !strcmp(is->name, wanted->name) },
		{ "region", !strcmp(is->region, wanted->region) },
		{ "access", same_ports(&is->acl, &wanted->acl) },
		{ "core", !strcmp(is->acl.core, wanted->acl.core) },
		{ "journal-port", !strcmp(is->acl.journal_port, wanted->acl.journal_port) },
		{ "set-size", is->acl.set_size == wanted->acl.set_size },
		{ "segment-octets", is->segment_octets == wanted->segment_octets },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct vnep_err err = { 0 };

		if (keys[i].same)
			continue;
		rc = vnep_err_set(&err, VNEP_EDIFFERS,
			"%s cannot change while the edge runs: it stays as it is", keys[i].key);
		vnep_err_hint(&err, "restart vnep-edge: awake devices go on by the kernel");
		report(&err, arg);
	}
	return rc;
}

static bool access_port(struct vnep_edge *edge, const char *name)
{
	const struct edge_port *port = edge_port_by_name(edge, name);

	return port && !port->core;
}

static void not_open(const char *key, const char *port, struct vnep_err *err)
{
	vnep_err_set(
		err, VNEP_EDIFFERS, "%s: %s is no access port of the edge that runs", key, port);
	vnep_err_hint(err, "restart vnep-edge: awake devices go on by the kernel");
}

/* Told, if what is said of that port waits until it is open. */
static bool waits(struct vnep_edge *edge, const char *key, const char *port,
	vnep_edge_config_report *report, void *arg)
{
	struct vnep_err err = { 0 };

	if (access_port(edge, port))
		return false;
	not_open(key, port, &err);
	report(&err, arg);
	return true;
}

/* What belongs to access ports that are not open yet waits for the restart, as the ports do. */
static int wait_for_ports(struct vnep_edge *edge, struct vnep_edge_config *wanted,
	vnep_edge_config_report *report, void *arg)
{
	unsigned advertise = wanted->advertise_count, queriers = wanted->querier_count;

	wanted->advertise_count = wanted->querier_count = 0;
	for (unsigned i = 0; i < advertise; i++)
		if (!waits(edge, "advertise", wanted->advertise[i].port, report, arg))
			wanted->advertise[wanted->advertise_count++] = wanted->advertise[i];
	for (unsigned i = 0; i < queriers; i++)
		if (!waits(edge, "mld", wanted->querier[i].port, report, arg))
			wanted->querier[wanted->querier_count++] = wanted->querier[i];
	return wanted->advertise_count < advertise || wanted->querier_count < queriers
		       ? VNEP_EDIFFERS
		       : 0;
}

static int fits(struct vnep_edge *edge, const struct vnep_edge_config *wanted,
	vnep_edge_config_report *report, void *arg)
{
	int first = 0;

	for (unsigned i = 0; i < wanted->advertise_count; i++) {
		const struct vnep_advertise *a = &wanted->advertise[i];
		struct vnep_err err = { 0 };
		int rc = !access_port(edge, a->port)
				 ? 0
				 : vnep_edge_advertise_fits(
					   wanted, a, edge_port_by_name(edge, a->port)->mtu, &err);

		if (rc)
			report(&err, arg);
		first = first ? first : rc;
	}
	return first;
}

static bool same_advertise(const struct vnep_edge_config *a, const struct vnep_edge_config *b)
{
	if (a->advertise_count != b->advertise_count)
		return false;
	for (unsigned i = 0; i < a->advertise_count; i++) {
		struct vnep_advertise x = a->advertise[i], y = b->advertise[i];

		x.file = x.line = y.file = y.line = 0;
		if (strcmp(x.port, y.port) != 0 ||
			!vnep_ip6_equal(&x.prefix.addr, &y.prefix.addr) || x.vlan != y.vlan ||
			x.lifetime_s != y.lifetime_s || x.interval_s != y.interval_s ||
			x.valid_s != y.valid_s || x.preferred_s != y.preferred_s || x.mtu != y.mtu)
			return false;
	}
	return true;
}

static bool same_queriers(const struct vnep_edge_config *a, const struct vnep_edge_config *b)
{
	if (a->querier_count != b->querier_count)
		return false;
	for (unsigned i = 0; i < a->querier_count; i++)
		if (strcmp(a->querier[i].port, b->querier[i].port) != 0 ||
			a->querier[i].interval_s != b->querier[i].interval_s ||
			a->querier[i].response_ms != b->querier[i].response_ms)
			return false;
	return true;
}

static int take(struct vnep_edge *edge, const struct vnep_edge_config *wanted, struct vnep_err *err)
{
	struct vnep_edge_config *is = &edge->config;
	bool advertise = !same_advertise(is, wanted), queriers = !same_queriers(is, wanted);
	bool retain = memcmp(&is->retain, &wanted->retain, sizeof is->retain) != 0;

	is->retain = wanted->retain;
	is->replay_pps = wanted->replay_pps;
	is->announce_pps = wanted->announce_pps;
	memcpy(is->advertise, wanted->advertise, sizeof is->advertise);
	is->advertise_count = wanted->advertise_count;
	memcpy(is->querier, wanted->querier, sizeof is->querier);
	is->querier_count = wanted->querier_count;
	memcpy(is->files, wanted->files, sizeof is->files);
	is->file_count = wanted->file_count;
	if (retain) {
		edge->retained = (struct edge_retained){ 0 };
		edge_retain_cancel(edge); /* a run under way has the old limits */
		vnep_timer_set(edge->retain, 0);
	}
	if (queriers)
		edge_mld_again(edge);
	vnep_timer_set(edge->pump, 0); /* who waits for a slower pace need not any more */
	return advertise ? edge_ra_again(edge, err) : 0;
}

/* As it stands in its files now. *out is the caller's, also where rc says that it has mistakes. */
static int read_again(struct vnep_edge *edge, struct vnep_edge_config **out,
	vnep_edge_config_report *report, void *arg)
{
	struct vnep_edge_config *wanted = edge->host.configure ? malloc(sizeof *wanted) : NULL;
	struct vnep_err err = { 0 };
	int rc;

	*out = wanted;
	if (!wanted) {
		rc = vnep_err_sys(&err, edge->host.configure ? ENOMEM : ENOSYS, "reload");
		report(&err, arg);
		return rc;
	}
	rc = edge->host.configure(wanted, report, arg, edge->host.arg);
	return rc ? rc : vnep_edge_config_check(wanted, report, arg, NULL);
}

int edge_config_good(struct vnep_edge *edge, vnep_edge_config_report *report, void *arg)
{
	struct vnep_edge_config *wanted;
	int rc = read_again(edge, &wanted, report, arg);

	free(wanted);
	return rc;
}

int edge_reconfigure(struct vnep_edge *edge, vnep_edge_config_report *report, void *arg)
{
	struct vnep_edge_config *wanted;
	struct vnep_err err = { 0 };
	int rc, stays;

	edge_service_reloading(edge);
	rc = read_again(edge, &wanted, report, arg);
	if (!rc)
		rc = fits(edge, wanted, report, arg);
	if (!rc) {
		stays = fixed(&edge->config, wanted, report, arg);
		rc = wait_for_ports(edge, wanted, report, arg);
		stays = stays ? stays : rc;
		rc = take(edge, wanted, &err);
		if (rc)
			report(&err, arg);
		edge_say(edge, LOG_NOTICE, "reload: done%s",
			stays ? ", but for what needs a restart" : "");
		rc = rc ? rc : stays;
	} else {
		edge_say(edge, LOG_WARNING,
			"reload: the configuration has mistakes, it stays as it was");
	}
	free(wanted);
	edge_service_ready(edge);
	return rc;
}

static void log_mistake(const struct vnep_err *err, void *arg)
{
	edge_warn(arg, "reload", err);
}

void edge_reconfigure_asked(struct vnep_edge *edge)
{
	edge_reconfigure(edge, log_mistake, edge);
}
