/* edge-queriers - the key `mld` of the configuration: PORT [PORT...] [WORD=VALUE...]. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "edge-config.h"
#include "vnep/err.h"

/* RFC 3810 9.2 and 9.3; answers have come when the next query goes. */
enum {
	INTERVAL_S = 125,
	INTERVAL_MIN_S = 2,
	INTERVAL_MAX_S = 3600,
	RESPONSE_MS = 10000,
	RESPONSE_MIN_MS = 100,
};

static const struct edge_config_word words[] = {
	{ "interval_s", offsetof(struct vnep_querier, interval_s), INTERVAL_MIN_S, INTERVAL_MAX_S },
	{ "response_ms", offsetof(struct vnep_querier, response_ms), RESPONSE_MIN_MS,
		INTERVAL_MAX_S * 1000 },
};

static const struct edge_config_words grammar = { "mld", words, sizeof words / sizeof *words };

static int not_one(const char *value, struct vnep_err *err)
{
	vnep_err_set(
		err, VNEP_EVALUE, "mld is PORT [PORT...] [WORD=VALUE...], not \"%.80s\"", value);
	return vnep_err_hint(err, "such as acc0 acc1 interval_s=125");
}

static int complete(struct vnep_querier *q, uint32_t said, struct vnep_err *err)
{
	uint32_t interval_ms = q->interval_s * 1000;

	if (!edge_config_said(&grammar, said, "response_ms") && q->response_ms >= interval_ms)
		q->response_ms = interval_ms / 2;
	if (q->response_ms < interval_ms)
		return 0;
	vnep_err_set(err, VNEP_EVALUE, "mld: response_ms %u is not less than interval_s %u",
		q->response_ms, q->interval_s);
	return vnep_err_hint(err, "answers to one query would come after the next (RFC 3810 9.3)");
}

/* Lists of names stand with commas elsewhere. */
static int no_commas(const char *value, const char *word, struct vnep_err *err)
{
	if (!strchr(word, ','))
		return 0;
	vnep_err_set(err, VNEP_EVALUE, "mld: ports are separated by blanks: \"%.80s\"", value);
	return vnep_err_hint(err, "such as acc0 acc1 interval_s=125");
}

static int add(struct vnep_edge_config *c, const struct vnep_querier *q, struct vnep_err *err)
{
	for (unsigned i = 0; i < c->querier_count; i++)
		if (!strcmp(c->querier[i].port, q->port))
			return vnep_err_set(err, VNEP_EVALUE, "mld: %s is named twice", q->port);
	if (c->querier_count == VNEP_PORTS_MAX)
		return vnep_err_set(err, VNEP_EVALUE, "mld: more than %d ports", VNEP_PORTS_MAX);
	c->querier[c->querier_count++] = *q;
	return 0;
}

/* All ports of the value or none: those behind count are not there yet. */
int edge_config_mld(struct vnep_edge_config *config, const char *value, struct vnep_err *err)
{
	struct vnep_querier q = { .interval_s = INTERVAL_S, .response_ms = RESPONSE_MS };
	unsigned before = config->querier_count;
	const char *rest = value;
	char word[EDGE_WORD_CAP];
	uint32_t said = 0;
	int rc = 0;

	while (!rc && edge_config_next(&rest, word)) {
		if (strchr(word, '=') || said) {
			rc = edge_config_word(&grammar, word, &said, &q, err);
			continue;
		}
		rc = no_commas(value, word, err);
		if (!rc)
			rc = edge_config_port(q.port, "mld", word, strlen(word), err);
		if (!rc)
			rc = add(config, &q, err);
	}
	if (!rc && config->querier_count == before)
		rc = not_one(value, err);
	if (!rc)
		rc = complete(&q, said, err);
	for (unsigned i = before; !rc && i < config->querier_count; i++) {
		config->querier[i].interval_s = q.interval_s;
		config->querier[i].response_ms = q.response_ms;
	}
	if (rc)
		config->querier_count = before;
	return rc;
}
