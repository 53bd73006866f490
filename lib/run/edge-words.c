/* edge-words - values of the configuration that are a list: words, then WORD=VALUE. */
#include <stdio.h>
#include <string.h>

#include "edge-config.h"
#include "vnep/err.h"
#include "vnep/num.h"

bool edge_config_next(const char **value, char out[static EDGE_WORD_CAP])
{
	size_t n;

	*value += strspn(*value, " \t");
	n = strcspn(*value, " \t");
	snprintf(out, EDGE_WORD_CAP, "%.*s", (int)(n < EDGE_WORD_CAP - 1 ? n : EDGE_WORD_CAP - 1),
		*value);
	*value += n;
	return n > 0;
}

static int unknown_word(
	const struct edge_config_words *grammar, const char *name, struct vnep_err *err)
{
	char all[256] = "";

	for (size_t i = 0; i < grammar->count; i++)
		if (vnep_near(name, grammar->words[i].name))
			return vnep_err_set(err, VNEP_EVALUE,
				"%s: unknown word \"%.80s\" (did you mean \"%s\"?)", grammar->key,
				name, grammar->words[i].name);
	vnep_err_set(err, VNEP_EVALUE, "%s: unknown word \"%.80s\"", grammar->key, name);
	for (size_t i = 0; i < grammar->count; i++)
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "",
			grammar->words[i].name);
	return vnep_err_hint(err, "there are %s", all);
}

int edge_config_word(const struct edge_config_words *grammar, char *text, uint32_t *said, void *out,
	struct vnep_err *err)
{
	const struct edge_config_word *w = grammar->words;
	char *equals = strchr(text, '=');
	struct vnep_err why = { 0 };
	uint64_t v;
	size_t i;

	if (equals)
		*equals = 0;
	for (i = 0; i < grammar->count && strcmp(w[i].name, text); i++)
		;
	if (i == grammar->count)
		return unknown_word(grammar, text, err);
	if (!equals)
		return vnep_err_set(
			err, VNEP_EVALUE, "%s: %s needs a value: %s=N", grammar->key, text, text);
	if (*said & 1u << i)
		return vnep_err_set(err, VNEP_EVALUE, "%s: %s is said twice", grammar->key, text);
	if (vnep_num_u64(equals + 1, w[i].min, w[i].max, &v, &why))
		return vnep_err_set(err, VNEP_EVALUE, "%s: %s: %s", grammar->key, text, why.text);
	*(uint32_t *)(void *)((char *)out + w[i].offset) = (uint32_t)v;
	*said |= 1u << i;
	return 0;
}

bool edge_config_said(const struct edge_config_words *grammar, uint32_t said, const char *name)
{
	for (size_t i = 0; i < grammar->count; i++)
		if (!strcmp(grammar->words[i].name, name))
			return said & 1u << i;
	return false;
}

void edge_config_place(
	const struct vnep_edge_config *config, unsigned file, unsigned line, struct vnep_err *err)
{
	if (line)
		vnep_err_place(err, config->files[file], line, 0);
}

int edge_config_at_access(const struct vnep_edge_config *config, const struct edge_config_at *at,
	struct vnep_err *err)
{
	const struct vnep_acl_config *acl = &config->acl;
	const char *near = NULL;

	for (unsigned i = 0; i < acl->access_count; i++) {
		if (!strcmp(acl->access[i], at->port))
			return 0;
		if (vnep_near(at->port, acl->access[i]))
			near = acl->access[i];
	}
	vnep_err_set(err, VNEP_EVALUE, "%s: %s is not an access port", at->key, at->port);
	if (near)
		vnep_err_hint(err, "did you mean %s?", near);
	else
		vnep_err_hint(err, "name it with access = %s, too", at->port);
	edge_config_place(config, at->file, at->line, err);
	return VNEP_EVALUE;
}
