/* edge-config - key = value, [sections], comments; every mistake with its line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vnep/edge.h"
#include "vnep/err.h"
#include "vnep/num.h"

void vnep_edge_config_init(struct vnep_edge_config *config)
{
	char host[256] = "";

	*config = (struct vnep_edge_config){ .region = "local", .acl.journal_port = "vnep-j0" };
	if (gethostname(host, sizeof host - 1) || !host[0])
		snprintf(host, sizeof host, "edge");
	host[strcspn(host, ".")] = 0;
	snprintf(config->name, sizeof config->name, "%.*s", VNEP_LABEL_MAX, host);
}

static int set_text(char *out, size_t cap, const char *what, const char *value, struct vnep_err *err)
{
	if (!*value || strlen(value) >= cap)
		return vnep_err_set(err, VNEP_EVALUE, "%s needs 1 to %zu characters, not \"%s\"", what, cap - 1,
			value);
	memcpy(out, value, strlen(value) + 1);
	return 0;
}

static int set_name(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return set_text(c->name, sizeof c->name, "name", value, err);
}

static int set_region(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return set_text(c->region, sizeof c->region, "region", value, err);
}

static int set_core(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return set_text(c->acl.core, sizeof c->acl.core, "core", value, err);
}

static int set_journal_port(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	return set_text(c->acl.journal_port, sizeof c->acl.journal_port, "journal-port", value, err);
}

static int set_access(struct vnep_edge_config *c, const char *value, struct vnep_err *err)
{
	while (*value) {
		size_t n = strcspn(value, ", ");
		char name[VNEP_IF_MAX + 2];
		int rc;

		snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), value);
		if (c->acl.access_count == VNEP_PORTS_MAX)
			return vnep_err_set(err, VNEP_EVALUE, "more than %d access ports", VNEP_PORTS_MAX);
		rc = set_text(c->acl.access[c->acl.access_count], sizeof c->acl.access[0], "access", name, err);
		if (rc)
			return rc;
		c->acl.access_count++;
		value += n;
		value += strspn(value, ", ");
	}
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
		rc = vnep_err_set(err, VNEP_EVALUE, "segment-octets is from 1M to 2G, not \"%s\"", value);
	if (!rc)
		c->segment_octets = v;
	return rc;
}

static const struct key {
	const char *section, *name;
	int (*set)(struct vnep_edge_config *, const char *, struct vnep_err *);
} keys[] = {
	{ "edge", "name", set_name },
	{ "edge", "region", set_region },
	{ "ports", "access", set_access },
	{ "ports", "core", set_core },
	{ "ports", "journal-port", set_journal_port },
	{ "acl", "set-size", set_set_size },
	{ "journal", "segment-octets", set_segment },
};

enum { KEYS = sizeof keys / sizeof *keys };

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
			return vnep_err_set(err, VNEP_EVALUE, "unknown %s \"%s\" (did you mean \"%s\"?)",
				what, name, word);
	}
	return rc;
}

int vnep_edge_config_set(struct vnep_edge_config *config, const char *key, const char *value,
	struct vnep_err *err)
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

static int read_section(char *line, char section[static 32], struct vnep_err *err)
{
	size_t n = strlen(line);

	if (line[n - 1] != ']' || n < 3 || n > 32)
		return vnep_err_set(err, VNEP_ESYNTAX, "a section is [name], not \"%s\"", line);
	line[n - 1] = 0;
	for (size_t i = 0; i < KEYS; i++) {
		if (!strcmp(keys[i].section, line + 1)) {
			memcpy(section, line + 1, n - 1);
			return 0;
		}
	}
	return unknown("section", line + 1, true, err);
}

static int read_line(struct vnep_edge_config *config, char *line, char section[static 32],
	struct vnep_err *err)
{
	char *key = trim(line), *equals;
	const struct key *k;

	if (!*key || *key == '#' || *key == ';')
		return 0;
	if (*key == '[')
		return read_section(key, section, err);
	equals = strchr(key, '=');
	if (!equals)
		return vnep_err_set(err, VNEP_ESYNTAX, "\"%s\" is not key = value", key);
	*equals = 0;
	key = trim(key);
	k = find(key);
	if (!k)
		return unknown("key", key, false, err);
	if (section[0] && strcmp(section, k->section)) {
		vnep_err_set(err, VNEP_EVALUE, "key \"%s\" does not belong to [%s]", key, section);
		vnep_err_hint(err, "it belongs to [%s]", k->section);
		return VNEP_EVALUE;
	}
	return k->set(config, trim(equals + 1), err);
}

int vnep_edge_config_read(struct vnep_edge_config *config, const char *path,
	vnep_edge_config_report *report, void *arg, struct vnep_err *err)
{
	FILE *file = fopen(path, "re");
	char *line = NULL, section[32] = "";
	unsigned number = 0;
	size_t cap = 0;
	int first = 0;

	if (!file)
		return vnep_err_sys(err, errno, "cannot read %s", path);
	while (getline(&line, &cap, file) >= 0) {
		struct vnep_err here = { 0 };
		int rc = read_line(config, line, section, &here);

		number++;
		if (!rc)
			continue;
		vnep_err_place(&here, path, number, 0);
		if (!first && err)
			*err = here;
		first = first ? first : rc;
		if (!report)
			break;
		report(&here, arg);
	}
	if (ferror(file) && !first)
		first = vnep_err_sys(err, EIO, "cannot read %s", path);
	free(line);
	fclose(file);
	return first;
}

int vnep_edge_config_check(const struct vnep_edge_config *config, struct vnep_err *err)
{
	const struct vnep_acl_config *a = &config->acl;

	if (!a->access_count || !a->core[0]) {
		vnep_err_set(err, VNEP_EVALUE, "no %s port", a->access_count ? "core" : "access");
		vnep_err_hint(err, "say %s", a->access_count ? "core = IF or --core IF"
							     : "access = IF[,IF...] or --access IF");
		return VNEP_EVALUE;
	}
	for (unsigned i = 0; i < a->access_count; i++) {
		if (!strcmp(a->access[i], a->core) || !strcmp(a->access[i], a->journal_port))
			return vnep_err_set(err, VNEP_EVALUE, "port %s has two uses", a->access[i]);
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(a->access[i], a->access[j]))
				return vnep_err_set(err, VNEP_EVALUE, "access port %s is named twice",
					a->access[i]);
	}
	if (!strcmp(a->core, a->journal_port))
		return vnep_err_set(err, VNEP_EVALUE, "port %s has two uses", a->core);
	return 0;
}
