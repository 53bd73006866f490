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
#include "vnep/num.h"

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

static const struct word {
	const char *name;
	size_t offset;
	uint32_t min, max;
} words[] = {
	{ "vlan", offsetof(struct vnep_advertise, vlan), 0, 4094 },
	{ "lifetime_s", offsetof(struct vnep_advertise, lifetime_s), 0, LIFETIME_MAX_S },
	{ "interval_s", offsetof(struct vnep_advertise, interval_s), INTERVAL_MIN_S,
		INTERVAL_MAX_S },
	{ "valid_s", offsetof(struct vnep_advertise, valid_s), 0, UINT32_MAX },
	{ "preferred_s", offsetof(struct vnep_advertise, preferred_s), 0, UINT32_MAX },
	{ "mtu", offsetof(struct vnep_advertise, mtu), MTU_MIN, 65535 },
};

enum { WORDS = sizeof words / sizeof *words };

/* The next word of the value, at most 127 octets of it; false at the end. */
static bool next_word(const char **value, char out[static 128])
{
	size_t n;

	*value += strspn(*value, " \t");
	n = strcspn(*value, " \t");
	snprintf(out, 128, "%.*s", (int)(n < 127 ? n : 127), *value);
	*value += n;
	return n > 0;
}

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

static int unknown_word(const char *name, struct vnep_err *err)
{
	for (size_t i = 0; i < WORDS; i++)
		if (vnep_near(name, words[i].name))
			return vnep_err_set(err, VNEP_EVALUE,
				"advertise: unknown word \"%.80s\" (did you mean \"%s\"?)", name,
				words[i].name);
	vnep_err_set(err, VNEP_EVALUE, "advertise: unknown word \"%.80s\"", name);
	return vnep_err_hint(
		err, "there are vlan, lifetime_s, interval_s, valid_s, preferred_s, mtu");
}

/* WORD=VALUE. said: the words that were there before. */
static int set_word(
	struct vnep_advertise *a, char *text, bool said[static WORDS], struct vnep_err *err)
{
	char *equals = strchr(text, '=');
	struct vnep_err why = { 0 };
	uint64_t v;
	size_t i;

	if (equals)
		*equals = 0;
	for (i = 0; i < WORDS && strcmp(words[i].name, text); i++)
		;
	if (i == WORDS)
		return unknown_word(text, err);
	if (!equals)
		return vnep_err_set(
			err, VNEP_EVALUE, "advertise: %s needs a value: %s=N", text, text);
	if (said[i])
		return vnep_err_set(err, VNEP_EVALUE, "advertise: %s is said twice", text);
	if (vnep_num_u64(equals + 1, words[i].min, words[i].max, &v, &why))
		return vnep_err_set(err, VNEP_EVALUE, "advertise: %s: %s", text, why.text);
	*(uint32_t *)(void *)((char *)a + words[i].offset) = (uint32_t)v;
	said[i] = true;
	return 0;
}

static bool was_said(const bool said[static WORDS], size_t offset)
{
	for (size_t i = 0; i < WORDS; i++)
		if (words[i].offset == offset)
			return said[i];
	return false;
}

/* What was not said, and what must fit together. */
static int complete(struct vnep_advertise *a, const bool said[static WORDS], struct vnep_err *err)
{
	if (!was_said(said, offsetof(struct vnep_advertise, lifetime_s)))
		a->lifetime_s = 3 * a->interval_s;
	if (!was_said(said, offsetof(struct vnep_advertise, preferred_s)) &&
		a->preferred_s > a->valid_s)
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
	bool said[WORDS] = { false };
	const char *rest = value;
	char word[128];
	int rc;

	if (!next_word(&rest, word))
		return not_one(value, err);
	rc = edge_config_port(a.port, "advertise", word, strlen(word), err);
	if (rc)
		return rc;
	if (!next_word(&rest, word) || strchr(word, '='))
		return not_one(value, err);
	rc = set_prefix(&a, word, err);
	while (!rc && next_word(&rest, word))
		rc = set_word(&a, word, said, err);
	if (!rc)
		rc = complete(&a, said, err);
	if (!rc)
		rc = check_others(config, &a, err);
	if (!rc)
		config->advertise[config->advertise_count++] = a;
	return rc;
}

static void say_where(
	const struct vnep_edge_config *c, const struct vnep_advertise *a, struct vnep_err *err)
{
	if (a->line)
		vnep_err_place(err, c->files[a->file], a->line, 0);
}

int edge_config_advertised(const struct vnep_edge_config *config,
	const struct vnep_advertise *advertise, struct vnep_err *err)
{
	const struct vnep_acl_config *acl = &config->acl;
	const char *near = NULL;

	for (unsigned i = 0; i < acl->access_count; i++) {
		if (!strcmp(acl->access[i], advertise->port))
			return 0;
		if (vnep_near(advertise->port, acl->access[i]))
			near = acl->access[i];
	}
	vnep_err_set(err, VNEP_EVALUE, "advertise: %s is not an access port", advertise->port);
	if (near)
		vnep_err_hint(err, "did you mean %s?", near);
	else
		vnep_err_hint(err, "name it with access = %s, too", advertise->port);
	say_where(config, advertise, err);
	return VNEP_EVALUE;
}

int vnep_edge_advertise_fits(const struct vnep_edge_config *config,
	const struct vnep_advertise *advertise, uint32_t port_mtu, struct vnep_err *err)
{
	if (advertise->mtu <= port_mtu)
		return 0;
	vnep_err_set(err, VNEP_EVALUE, "advertise: mtu %u is more than %s has (%u)", advertise->mtu,
		advertise->port, port_mtu);
	vnep_err_hint(err, "leave it out: the port's own is advertised then");
	say_where(config, advertise, err);
	return VNEP_EVALUE;
}
