/*
 * edge-advertise - the key `advertise` of the configuration: PORT PREFIX [WORD=VALUE...].
 *
 * One line is one prefix. Lines of the same port and VLAN are options of one advertisement, so what belongs to the
 * router (its lifetime, the interval, the MTU) is the same on each of them.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "edge-config.h"
#include "vnep/err.h"
#include "vnep/ndisc.h"

/* RFC 4861 6.2.1: the defaults, and what is allowed. A lifetime that is shorter than the interval would leave
 * devices without a router between two advertisements. */
enum {
	INTERVAL_S = 600,
	INTERVAL_MIN_S = 4,
	INTERVAL_MAX_S = 1800,
	LIFETIME_MAX_S = 9000,
	VALID_S = 2592000,
	PREFERRED_S = 604800,
	MTU_MIN = 1280, /* RFC 8200 5 */
};

static const struct edge_config_word words[] = {
	{ "vlan", offsetof(struct vnep_advertise, vlan), 0, 4094 },
	{ "lifetime_s", offsetof(struct vnep_advertise, lifetime_s), 0, LIFETIME_MAX_S },
	{ "interval_s", offsetof(struct vnep_advertise, interval_s), INTERVAL_MIN_S,
		INTERVAL_MAX_S },
	{ "valid_s", offsetof(struct vnep_advertise, valid_s), 0, UINT32_MAX },
	{ "preferred_s", offsetof(struct vnep_advertise, preferred_s), 0, UINT32_MAX },
	{ "mtu", offsetof(struct vnep_advertise, mtu), MTU_MIN, 65535 },
};

static const struct edge_config_words grammar = { "advertise", words,
	sizeof words / sizeof *words };

static int not_one(const char *value, struct vnep_err *err)
{
	vnep_err_set(
		err, VNEP_EVALUE, "advertise is PORT PREFIX [WORD=VALUE...], not \"%.80s\"", value);
	return vnep_err_hint(err, "such as acc0 2001:db8:a::/64 lifetime_s=1800");
}

static int set_prefix(struct vnep_advertise *a, const char *text, struct vnep_err *err)
{
	int rc = vnep_prefix_parse(text, &a->prefix, err);

	if (rc)
		return rc;
	if (!strchr(text, '/') || a->prefix.len != 64) {
		vnep_err_set(err, VNEP_EVALUE, "advertise: \"%.80s\" is not a /64", text);
		return vnep_err_hint(err,
			"devices make their addresses of 64 bits and their own (RFC 4291 2.5.1)");
	}
	if (!vnep_ip6_bindable(&a->prefix.addr))
		return vnep_err_set(err, VNEP_EVALUE,
			"advertise: devices cannot have addresses in %.80s", text);
	return 0;
}

/* What was not said, and what must fit together. */
static int complete(struct vnep_advertise *a, uint32_t said, struct vnep_err *err)
{
	if (!edge_config_said(&grammar, said, "lifetime_s"))
		a->lifetime_s = 3 * a->interval_s;
	if (!edge_config_said(&grammar, said, "preferred_s") && a->preferred_s > a->valid_s)
		a->preferred_s = a->valid_s;
	if (a->preferred_s > a->valid_s) {
		vnep_err_set(err, VNEP_EVALUE, "advertise: preferred_s %u is more than valid_s %u",
			a->preferred_s, a->valid_s);
		return vnep_err_hint(
			err, "an address is preferred as long as it is valid, or shorter");
	}
	if (a->lifetime_s && a->lifetime_s < a->interval_s) {
		vnep_err_set(err, VNEP_EVALUE,
			"advertise: lifetime_s %u is less than interval_s %u", a->lifetime_s,
			a->interval_s);
		return vnep_err_hint(err,
			"devices would lose their router between two advertisements; 0 is none");
	}
	return 0;
}

/* " (line 7)" of an earlier one, "" if it was no line. */
static const char *place(const struct vnep_advertise *a, char out[static 32])
{
	out[0] = 0;
	if (a->line)
		snprintf(out, 32, " (line %u)", a->line);
	return out;
}

static int differs(const struct vnep_advertise *a, const char *word, uint32_t now, uint32_t before,
	const char *where, struct vnep_err *err)
{
	vnep_err_set(err, VNEP_EVALUE, "advertise: %s vlan %u: %s %u, but %u before%s", a->port,
		a->vlan, word, now, before, where);
	return vnep_err_hint(
		err, "prefixes of one port and VLAN share a router: say the same on each");
}

static int check_against(
	const struct vnep_advertise *a, const struct vnep_advertise *before, struct vnep_err *err)
{
	char prefix[VNEP_PREFIX_LEN], line[32];
	const char *where = place(before, line);

	vnep_prefix_print(&a->prefix, prefix);
	if (vnep_ip6_equal(&a->prefix.addr, &before->prefix.addr))
		return vnep_err_set(err, VNEP_EVALUE,
			"advertise: %s on %s vlan %u is there twice%s", prefix, a->port, a->vlan,
			where);
	if (a->lifetime_s != before->lifetime_s)
		return differs(a, "lifetime_s", a->lifetime_s, before->lifetime_s, where, err);
	if (a->interval_s != before->interval_s)
		return differs(a, "interval_s", a->interval_s, before->interval_s, where, err);
	if (a->mtu != before->mtu)
		return differs(a, "mtu", a->mtu, before->mtu, where, err);
	return 0;
}

static int check_others(
	const struct vnep_edge_config *c, const struct vnep_advertise *a, struct vnep_err *err)
{
	unsigned same = 0;
	int rc;

	for (unsigned i = 0; i < c->advertise_count; i++) {
		const struct vnep_advertise *before = &c->advertise[i];

		if (strcmp(before->port, a->port) || before->vlan != a->vlan)
			continue;
		rc = check_against(a, before, err);
		if (rc)
			return rc;
		same++;
	}
	if (same == VNEP_ND_PREFIXES_MAX)
		return vnep_err_set(err, VNEP_EVALUE,
			"advertise: more than %d prefixes on %s vlan %u", VNEP_ND_PREFIXES_MAX,
			a->port, a->vlan);
	if (c->advertise_count == VNEP_ADVERTISE_MAX)
		return vnep_err_set(
			err, VNEP_EVALUE, "advertise: more than %d in all", VNEP_ADVERTISE_MAX);
	return 0;
}

int edge_config_advertise(struct vnep_edge_config *config, const char *value, struct vnep_err *err)
{
	struct vnep_advertise a = {
		.interval_s = INTERVAL_S, .valid_s = VALID_S, .preferred_s = PREFERRED_S
	};
	uint32_t said = 0;
	const char *rest = value;
	char word[128];
	int rc;

	if (!edge_config_next(&rest, word))
		return not_one(value, err);
	rc = edge_config_port(a.port, "advertise", word, strlen(word), err);
	if (rc)
		return rc;
	if (!edge_config_next(&rest, word) || strchr(word, '='))
		return not_one(value, err);
	rc = set_prefix(&a, word, err);
	while (!rc && edge_config_next(&rest, word))
		rc = edge_config_word(&grammar, word, &said, &a, err);
	if (!rc)
		rc = complete(&a, said, err);
	if (!rc)
		rc = check_others(config, &a, err);
	if (!rc)
		config->advertise[config->advertise_count++] = a;
	return rc;
}

int vnep_edge_advertise_fits(const struct vnep_edge_config *config,
	const struct vnep_advertise *advertise, uint32_t port_mtu, struct vnep_err *err)
{
	if (advertise->mtu <= port_mtu)
		return 0;
	vnep_err_set(err, VNEP_EVALUE, "advertise: mtu %u is more than %s has (%u)", advertise->mtu,
		advertise->port, port_mtu);
	vnep_err_hint(err, "leave it out: the port's own is advertised then");
	edge_config_place(config, advertise->file, advertise->line, err);
	return VNEP_EVALUE;
}
