/* cli-opt - the common options, and asking for what was given. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli-private.h"
#include "vnep/err.h"
#include "vnep/num.h"

enum { PAIR_KEY_MAX = 127 };

const struct vnep_option vnep_cli_common[] = {
	{ "help", 'h', VNEP_ARG_NONE, NULL, "say this and end", NULL },
	{ "version", 'V', VNEP_ARG_NONE, NULL, "print the version and end", NULL },
	{ "state", 0, VNEP_ARG_ONE, "DIR", "the state folder (default $VNEP_STATE)", NULL },
	{ "table", 0, VNEP_ARG_NONE, NULL, "columns for eyes instead of records", NULL },
	{ "color", 0, VNEP_ARG_ONE, "WHEN", "colour in --table", "auto always never" },
	{ "quiet", 'q', VNEP_ARG_NONE, NULL, "no summary on standard error", NULL },
	{ "error-format", 0, VNEP_ARG_ONE, "FORMAT", "errors as lines of text or as records",
		"text json" },
	{ "dry-run", 'n', VNEP_ARG_NONE, NULL, "check everything, change nothing", NULL },
	{ NULL, 0, VNEP_ARG_NONE, NULL, NULL, NULL },
};

const struct vnep_option *vnep_cli_option(const struct vnep_verb *verb, size_t i)
{
	enum { COMMON = sizeof vnep_cli_common / sizeof *vnep_cli_common - 1 };
	size_t own = 0;

	for (; verb->options && verb->options[own].name; own++)
		if (own == i)
			return &verb->options[i];
	i -= own;
	return i < (verb->dry ? COMMON : COMMON - 1) ? &vnep_cli_common[i] : NULL;
}

static bool in_table(const struct vnep_verb *verb, const char *name)
{
	const struct vnep_option *o;

	for (size_t i = 0; (o = vnep_cli_option(verb, i)); i++)
		if (!strcmp(o->name, name))
			return true;
	return false;
}

bool vnep_cli_has(const struct vnep_cli *cli, const char *name)
{
	assert(in_table(cli->verb, name) || !strcmp(name, "dry-run"));
	for (size_t i = 0; i < cli->opt_count; i++)
		if (!strcmp(cli->opts[i].option->name, name))
			return true;
	return false;
}

const char *vnep_cli_str(const struct vnep_cli *cli, const char *name, const char *otherwise)
{
	assert(in_table(cli->verb, name));
	for (size_t i = cli->opt_count; i-- > 0;)
		if (!strcmp(cli->opts[i].option->name, name))
			return cli->opts[i].value;
	return otherwise;
}

const char *vnep_cli_list(const struct vnep_cli *cli, const char *name, size_t i)
{
	assert(in_table(cli->verb, name));
	for (size_t k = 0; k < cli->opt_count; k++)
		if (!strcmp(cli->opts[k].option->name, name) && i-- == 0)
			return cli->opts[k].value;
	return NULL;
}

int vnep_cli_u64(struct vnep_cli *cli, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *text = vnep_cli_str(cli, name, NULL);
	struct vnep_err err = { 0 };

	if (!text || !vnep_num_u64(text, min, max, out, &err))
		return 0;
	return vnep_err_set(&cli->err, VNEP_EUSAGE, "--%s: %s", name, err.text);
}

int vnep_cli_runtime(char *out, size_t cap, struct vnep_err *err)
{
	const char *env = getenv("VNEP_RUNTIME"), *xdg = getenv("XDG_RUNTIME_DIR");
	int n;

	if (env && *env)
		n = snprintf(out, cap, "%s", env);
	else if (geteuid() == 0)
		n = snprintf(out, cap, "/run/vnep");
	else if (xdg && *xdg == '/')
		n = snprintf(out, cap, "%s/vnep", xdg);
	else {
		vnep_err_set(err, VNEP_EUSAGE, "no folder for the control socket");
		return vnep_err_hint(err, "set VNEP_RUNTIME or XDG_RUNTIME_DIR");
	}
	if (n < 0 || (size_t)n >= cap)
		return vnep_err_set(err, VNEP_EUSAGE, "the path of the runtime folder is too long");
	return 0;
}

int vnep_cli_pairs(struct vnep_cli *cli, const char *option)
{
	const char *pair;

	for (size_t i = 0; (pair = vnep_cli_list(cli, option, i)); i++) {
		const char *eq = strchr(pair, '=');

		if (!eq || eq == pair || eq - pair > PAIR_KEY_MAX)
			return vnep_err_set(&cli->err, VNEP_EUSAGE, "--%s: \"%s\" is not KEY=VALUE",
				option, pair);
	}
	return 0;
}
