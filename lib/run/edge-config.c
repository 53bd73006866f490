/* edge-config - key = value, [sections], comments; every mistake with its line. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge-config.h"
#include "vnep/err.h"
#include "vnep/num.h"

/* As in records: letters, digits, '.', '_' and '-', the first a letter or digit. */
static bool is_label(const char *text)
{
	size_t n = strlen(text);

	if (!n || n > VNEP_LABEL_MAX || !isalnum((unsigned char)*text))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("._-", *text))
			return false;
	return true;
}

/* What the kernel takes as the name of a link, less what does not print. */
static bool is_ifname(const char *text, size_t n)
{
	if (!n || n > VNEP_IF_MAX || *text == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f || text[i] == '/' || text[i] == ':')
			return false;
	return true;
}

void vnep_edge_config_init(struct vnep_edge_config *config)
{
	char host[256] = "";

	*config = (struct vnep_edge_config){
		.region = "local",
		.acl.journal_port = "vnep-j0",
		.acl.resolve = true,
		.acl.partial = true,
		.retain.every_s = 60,
		.announce_pps = 1000,
	};
	if (gethostname(host, sizeof host - 1))
		host[0] = 0;
	host[strcspn(host, ".")] = 0;
	snprintf(config->name, sizeof config->name, "%.*s", VNEP_LABEL_MAX, host);
	if (!is_label(config->name))
		snprintf(config->name, sizeof config->name, "edge");
}

static int set_label(char out[static VNEP_LABEL_MAX + 1], const char *key, const char *value,
	struct vnep_err *err)
{
	if (!is_label(value))
		return vnep_err_set(err, VNEP_EVALUE,
			"%s is 1 to %d letters, digits, '.', '_' and '-', not \"%.80s\"", key,
			VNEP_LABEL_MAX, value);
	memcpy(out, value, strlen(value) + 1);
	return 0;
}

int edge_config_port(char out[static VNEP_IF_MAX + 1], const char *key, const char *value, size_t n,
	struct vnep_err *err)
{
	if (!is_ifname(value, n))
		return vnep_err_set(err, VNEP_EVALUE,
			"%s needs the name of a link, 1 to %d characters, not \"%.*s\"", key,
			VNEP_IF_MAX, (int)(n < 80 ? n : 80), value);
	memcpy(out, value, n);
	out[n] = 0;
	return 0;
}

static int set_name(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return set_label(c->name, "name", value, err);
}

static int set_region(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return set_label(c->region, "region", value, err);
}

static int set_core(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return edge_config_port(c->acl.core, "core", value, strlen(value), err);
}

static int set_journal_port(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return edge_config_port(c->acl.journal_port, "journal-port", value, strlen(value), err);
}

/* All ports of the list or none. */
static int set_access(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	unsigned count = c->acl.access_count;
	int rc;

	do {
		size_t n = strcspn(value, ", \t");

		if (count == VNEP_PORTS_MAX)
			return vnep_err_set(
				err, VNEP_EVALUE, "more than %d access ports", VNEP_PORTS_MAX);
		rc = edge_config_port(c->acl.access[count], "access", value, n, err);
		if (rc)
			return rc;
		count++;
		value += n;
		value += strspn(value, ", \t");
	} while (*value);
	c->acl.access_count = count;
	return 0;
}

static int set_set_size(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	uint64_t v;
	int rc = vnep_num_u64(value, 1024, 1u << 28, &v, err);

	if (!rc)
		c->acl.set_size = (uint32_t)v;
	return rc;
}

static int set_segment(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	uint64_t v;
	int rc = vnep_num_octets(value, &v, err);

	if (!rc && (v < 1 << 20 || v > 1ull << 31))
		rc = vnep_err_set(
			err, VNEP_EVALUE, "segment-octets is from 1M to 2G, not \"%s\"", value);
	if (!rc)
		c->segment_octets = v;
	return rc;
}

/* An amount of octets, or 0: no limit. */
static int set_octets(uint64_t *out, const char *value, struct vnep_err *err)
{
	uint64_t v;
	int rc = vnep_num_octets(value, &v, err);

	if (!rc && v > INT64_MAX)
		rc = vnep_err_set(
			err, VNEP_EVALUE, "\"%s\" is more than a journal can have", value);
	if (!rc)
		*out = v;
	return rc;
}

static int set_retain_octets(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return set_octets(&c->retain.octets, value, err);
}

static int set_retain_vpc_octets(
	struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return set_octets(&c->retain.vpc_octets, value, err);
}

static int set_retain_packets(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return vnep_num_u64(value, 0, UINT32_MAX, &c->retain.packets, err);
}

/* A duration in whole seconds, from min to max of them. */
static int set_seconds(const char *key, const char *value, uint64_t min, uint64_t max,
	uint64_t *out, struct vnep_err *err)
{
	int64_t ns;
	int rc = vnep_num_duration_ns(value, &ns, err);

	if (!rc && ((uint64_t)ns < min * 1000000000 || (uint64_t)ns > max * 1000000000))
		rc = vnep_err_set(err, VNEP_EVALUE, "%s is from %llus to %llus, not \"%s\"", key,
			(unsigned long long)min, (unsigned long long)max, value);
	if (!rc)
		*out = (uint64_t)ns / 1000000000;
	return rc;
}

static int set_retain_age(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	if (!strcmp(value, "0")) {
		c->retain.age_s = 0;
		return 0;
	}
	return set_seconds("retain-age", value, 1, 100ull * 366 * 86400, &c->retain.age_s, err);
}

static int set_retain_every(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	uint64_t s;
	int rc = set_seconds("retain-every", value, 1, 86400, &s, err);

	if (!rc)
		c->retain.every_s = (uint32_t)s;
	return rc;
}

static int set_replay_pps(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	uint64_t v;
	int rc = vnep_num_u64(value, 0, 100000000, &v, err);

	if (!rc)
		c->replay_pps = (uint32_t)v;
	return rc;
}

static int set_announce(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	uint64_t v = 0;
	int rc = strcmp(value, "none") ? vnep_num_u64(value, 1, 100000, &v, err) : 0;

	if (rc)
		return vnep_err_hint(err, "so many endpoints a second, or none");
	c->announce_pps = (uint32_t)v;
	return 0;
}

static void clear_access(struct vnep_edge_config *c)
{
	c->acl.access_count = 0;
}

static void clear_advertise(struct vnep_edge_config *c)
{
	c->advertise_count = 0;
}

static void clear_mld(struct vnep_edge_config *c)
{
	c->querier_count = 0;
}

static const struct key {
	const char *section, *name;
	int (*set)(struct vnep_edge_config *, const char *, struct vnep_err *);
	void (*clear)(struct vnep_edge_config *); /* of a list: forget what it has */
} keys[] = {
	{ "edge", "name", set_name, NULL },
	{ "edge", "region", set_region, NULL },
	{ "ports", "access", set_access, clear_access },
	{ "ports", "advertise", edge_config_advertise, clear_advertise },
	{ "ports", "announce", set_announce, NULL },
	{ "ports", "core", set_core, NULL },
	{ "ports", "mld", edge_config_mld, clear_mld },
	{ "ports", "journal-port", set_journal_port, NULL },
	{ "acl", "set-size", set_set_size, NULL },
	{ "journal", "segment-octets", set_segment, NULL },
	{ "journal", "retain-age", set_retain_age, NULL },
	{ "journal", "retain-octets", set_retain_octets, NULL },
	{ "journal", "retain-vpc-octets", set_retain_vpc_octets, NULL },
	{ "journal", "retain-packets", set_retain_packets, NULL },
	{ "journal", "retain-every", set_retain_every, NULL },
	{ "replay", "replay-pps", set_replay_pps, NULL },
};

enum { KEYS = sizeof keys / sizeof *keys, LINE_MAX_OCTETS = 4096 };

static const struct key *find(const char *name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static int unknown(const char *what, const char *name, bool section, struct vnep_err *err)
{
	int rc = vnep_err_set(err, VNEP_EVALUE, "unknown %s \"%s\"", what, name);

	for (size_t i = 0; i < KEYS; i++) {
		const char *word = section ? keys[i].section : keys[i].name;

		if (vnep_near(name, word))
			return vnep_err_set(err, VNEP_EVALUE,
				"unknown %s \"%s\" (did you mean \"%s\"?)", what, name, word);
	}
	return rc;
}

int vnep_edge_config_set(
	struct vnep_edge_config *config, const char *key, const char *value, struct vnep_err *err)
{
	const struct key *k = find(key);

	return k ? k->set(config, value, err) : unknown("key", key, false, err);
}

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strlen(s);
	while (n && strchr(" \t\r\n", s[n - 1]))
		s[--n] = 0;
	return s;
}

/* What is being read: the section (NULL: none, or one that we do not know) and the line of each key. */
struct reading {
	const char *section;
	unsigned line;
	unsigned set_on[KEYS];
};

static int read_section(char *line, const char **section, struct vnep_err *err)
{
	size_t n = strlen(line);

	*section = NULL;
	if (line[n - 1] != ']' || n < 3)
		return vnep_err_set(err, VNEP_ESYNTAX, "a section is [name], not \"%.80s\"", line);
	line[n - 1] = 0;
	for (size_t i = 0; i < KEYS && !*section; i++)
		if (!strcmp(keys[i].section, line + 1))
			*section = keys[i].section;
	return *section ? 0 : unknown("section", line + 1, true, err);
}

/* Which line set a key, 0 = none yet: a key that is there twice is a mistake, but for the lists. */
static int set_once(const struct key *k, struct reading *r, struct vnep_err *err)
{
	unsigned *line = &r->set_on[k - keys];

	if (*line && !k->clear)
		return vnep_err_set(err, VNEP_EVALUE, "key \"%s\" is set twice (first on line %u)",
			k->name, *line);
	*line = r->line;
	return 0;
}

/* A comment begins the line, or stands behind a blank. */
static void cut_comment(char *line)
{
	for (char *p = line; *p; p++) {
		if ((*p == '#' || *p == ';') && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
			*p = 0;
			return;
		}
	}
}

/* Where those stand that this line brought. */
static void note_places(
	struct vnep_edge_config *config, unsigned advertised, unsigned queriers, unsigned line)
{
	for (unsigned i = advertised; i < config->advertise_count; i++) {
		config->advertise[i].file = config->file_count - 1;
		config->advertise[i].line = line;
	}
	for (unsigned i = queriers; i < config->querier_count; i++) {
		config->querier[i].file = config->file_count - 1;
		config->querier[i].line = line;
	}
}

static int read_line(
	struct vnep_edge_config *config, char *line, struct reading *r, struct vnep_err *err)
{
	unsigned advertised = config->advertise_count, queriers = config->querier_count;
	char *key, *equals, *value;
	const struct key *k;
	int rc;

	cut_comment(line);
	key = trim(line);
	if (!*key)
		return 0;
	if (*key == '[')
		return read_section(key, &r->section, err);
	equals = strchr(key, '=');
	if (!equals)
		return vnep_err_set(err, VNEP_ESYNTAX, "\"%s\" is not key = value", key);
	*equals = 0;
	key = trim(key);
	k = find(key);
	if (!k)
		return unknown("key", key, false, err);
	if (r->section && strcmp(r->section, k->section)) {
		vnep_err_set(
			err, VNEP_EVALUE, "key \"%s\" does not belong to [%s]", key, r->section);
		vnep_err_hint(err, "it belongs to [%s]", k->section);
		return VNEP_EVALUE;
	}
	value = trim(equals + 1);
	rc = set_once(k, r, err);
	if (!rc && !*value && k->clear)
		k->clear(config);
	else if (!rc)
		rc = k->set(config, value, err);
	note_places(config, advertised, queriers, r->line);
	return rc;
}

/* The next line, its end taken off: 1; 0 at the end of the file; negative: this is no text that we can read. */
static int next_line(FILE *file, char line[static LINE_MAX_OCTETS], struct vnep_err *err)
{
	size_t n = 0;
	int c;

	while ((c = getc(file)) != EOF && c != '\n') {
		if (!c)
			return vnep_err_set(err, VNEP_ESYNTAX, "a NUL octet: this is not text");
		if (n == LINE_MAX_OCTETS - 1)
			return vnep_err_set(err, VNEP_ETOOBIG, "a line of more than %d octets",
				LINE_MAX_OCTETS - 1);
		line[n++] = (char)c;
	}
	line[n] = 0;
	if (ferror(file))
		return vnep_err_sys(err, errno, "cannot read");
	return c != EOF || n;
}

int vnep_edge_config_read(struct vnep_edge_config *config, const char *path,
	vnep_edge_config_report *report, void *arg, struct vnep_err *err)
{
	FILE *file;
	struct reading reading = { 0 };
	char line[LINE_MAX_OCTETS];
	int first = 0, got, rc;

	if (config->file_count == VNEP_EDGE_FILES_MAX)
		return vnep_err_set(err, VNEP_ETOOBIG, "%s: more than %d files of a configuration",
			path, VNEP_EDGE_FILES_MAX);
	file = fopen(path, "re");
	if (!file)
		return vnep_err_sys(err, errno, "cannot read %s", path);
	snprintf(config->files[config->file_count++], sizeof *config->files, "%s", path);
	do {
		struct vnep_err here = { 0 };

		reading.line++;
		got = next_line(file, line, &here);
		rc = got == 1 ? read_line(config, line, &reading, &here) : got;
		if (!rc)
			continue;
		vnep_err_place(&here, path, ferror(file) ? 0 : reading.line, 0);
		if (!first && err)
			*err = here;
		first = first ? first : rc;
		if (report)
			report(&here, arg);
	} while (got == 1 && (report || !first));
	fclose(file);
	return first;
}

static int check_ports(const struct vnep_acl_config *a, struct vnep_err *err)
{
	for (unsigned i = 0; i < a->access_count; i++) {
		if (!strcmp(a->access[i], a->core) || !strcmp(a->access[i], a->journal_port))
			return vnep_err_set(err, VNEP_EVALUE, "port %s has two uses", a->access[i]);
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(a->access[i], a->access[j]))
				return vnep_err_set(err, VNEP_EVALUE,
					"access port %s is named twice", a->access[i]);
	}
	if (!strcmp(a->core, a->journal_port))
		return vnep_err_set(err, VNEP_EVALUE, "port %s has two uses", a->core);
	if (a->access_count && a->core[0])
		return 0;
	vnep_err_set(err, VNEP_EVALUE, "no %s port", a->access_count ? "core" : "access");
	return vnep_err_hint(err, "say %s",
		a->access_count ? "core = IF or --core IF" : "access = IF[,IF...] or --access IF");
}

/* The rule of that number: the ports, each advertisement, each querier. */
static int check_rule(const struct vnep_edge_config *c, unsigned n, struct vnep_err *err)
{
	struct edge_config_at at;

	if (!n)
		return check_ports(&c->acl, err);
	if (n <= c->advertise_count) {
		const struct vnep_advertise *a = &c->advertise[n - 1];

		at = (struct edge_config_at){ "advertise", a->port, a->file, a->line };
	} else {
		const struct vnep_querier *q = &c->querier[n - 1 - c->advertise_count];

		at = (struct edge_config_at){ "mld", q->port, q->file, q->line };
	}
	return edge_config_at_access(c, &at, err);
}

int vnep_edge_config_check(const struct vnep_edge_config *config, vnep_edge_config_report *report,
	void *arg, struct vnep_err *err)
{
	int first = 0;

	unsigned rules = 1 + config->advertise_count + config->querier_count;

	for (unsigned i = 0; i < rules && (report || !first); i++) {
		struct vnep_err here = { 0 };
		int rc = check_rule(config, i, &here);

		if (!rc)
			continue;
		if (!first && err)
			*err = here;
		first = first ? first : rc;
		if (report)
			report(&here, arg);
	}
	return first;
}
