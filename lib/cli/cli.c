/*
 * cli - from argv to a verb that runs, and from its result to an exit status.
 *
 * getopt_long does the work, with two habits of it taken away: it accepts abbreviations (a script
 * that uses one breaks when an option is added), and it prints in its own words.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli-private.h"
#include "vnep/num.h"
#include "vnep/out.h"

enum { OPTIONS_MAX = 64, LONG_BASE = 1000 };

static const struct vnep_verb *find_verb(const struct vnep_tool *tool, const char *name)
{
	for (const struct vnep_verb *v = tool->verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

/* Every message about the command line ends with the command that explains it. */
static int usage_hint(struct vnep_cli *cli)
{
	if (cli->verb)
		return vnep_err_hint(
			&cli->err, "try '%s %s --help'", cli->tool->name, cli->verb->name);
	return vnep_err_hint(&cli->err, "try '%s --help'", cli->tool->name);
}

static int unknown_verb(struct vnep_cli *cli, const char *name)
{
	if (name[0] == '-') {
		vnep_err_set(&cli->err, VNEP_EUSAGE, "\"%s\" stands where a verb should", name);
		return usage_hint(cli);
	}
	for (const struct vnep_verb *v = cli->tool->verbs; v->name; v++)
		if (vnep_near(name, v->name)) {
			vnep_err_set(&cli->err, VNEP_EUSAGE,
				"unknown verb \"%s\" (did you mean \"%s\"?)", name, v->name);
			return usage_hint(cli);
		}
	vnep_err_set(&cli->err, VNEP_EUSAGE, "unknown verb \"%s\"", name);
	return usage_hint(cli);
}

/* text as given, with its dashes; what follows '=' is not part of the name. */
static int unknown_option(struct vnep_cli *cli, const char *text)
{
	const struct vnep_option *o;
	size_t n = strcspn(text, "=");
	char name[64];

	snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), text);
	if (!strncmp(name, "--", 2))
		for (size_t i = 0; (o = vnep_cli_option(cli->verb, i)); i++)
			if (vnep_near(name + 2, o->name))
				return vnep_err_set(&cli->err, VNEP_EUSAGE,
					"unknown option %s (did you mean --%s?)", name, o->name);
	return vnep_err_set(&cli->err, VNEP_EUSAGE, "unknown option %s", name);
}

static bool in_words(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; n && (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

static int give(struct vnep_cli *cli, const struct vnep_option *o, const char *value, size_t len)
{
	struct vnep_cli_opt *opt = &cli->opts[cli->opt_count];

	opt->option = o;
	opt->value = NULL;
	if (value) {
		opt->value = strndup(value, len);
		if (!opt->value)
			return vnep_err_sys(&cli->err, ENOMEM, "reading the command line");
		if (o->words && !in_words(o->words, opt->value)) {
			vnep_err_set(&cli->err, VNEP_EUSAGE, "--%s: \"%s\" is none of: %s", o->name,
				opt->value, o->words);
			free(opt->value);
			return VNEP_EUSAGE;
		}
	}
	cli->opt_count++;
	return 0;
}

static int take_option(struct vnep_cli *cli, const struct vnep_option *o, const char *value)
{
	size_t need = cli->opt_count + 1;
	struct vnep_cli_opt *opts;
	int rc = 0;

	for (const char *p = value; o->arg == VNEP_ARG_LIST && p && *p; p++)
		need += *p == ',';
	opts = realloc(cli->opts, need * sizeof *opts);
	if (!opts)
		return vnep_err_sys(&cli->err, ENOMEM, "reading the command line");
	cli->opts = opts;
	if (o->arg != VNEP_ARG_LIST)
		return give(cli, o, o->arg == VNEP_ARG_NONE ? NULL : value,
			o->arg == VNEP_ARG_NONE ? 0 : strlen(value));
	for (;;) {
		size_t n = strcspn(value, ",");

		if (!n)
			return vnep_err_set(
				&cli->err, VNEP_EUSAGE, "--%s: an empty word in its list", o->name);
		rc = give(cli, o, value, n);
		if (rc || !value[n])
			return rc;
		value += n + 1;
	}
}

struct parser {
	const struct vnep_option *option[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 3];
};

static void parser_init(struct parser *p, const struct vnep_verb *verb)
{
	const struct vnep_option *o;
	char *s = p->shorts;

	memset(p, 0, sizeof *p);
	*s++ = ':';
	*s++ = 'j';
	for (int i = 0; i < OPTIONS_MAX && (o = vnep_cli_option(verb, (size_t)i)); i++) {
		p->option[i] = o;
		p->longs[i] = (struct option){ .name = o->name,
			.has_arg = o->arg == VNEP_ARG_NONE ? no_argument : required_argument,
			.val = LONG_BASE + i };
		if (o->letter) {
			*s++ = o->letter;
			if (o->arg != VNEP_ARG_NONE)
				*s++ = ':';
		}
	}
}

static const struct vnep_option *parser_find(const struct parser *p, int c)
{
	if (c >= LONG_BASE && c < LONG_BASE + OPTIONS_MAX)
		return p->option[c - LONG_BASE];
	for (int i = 0; i < OPTIONS_MAX && p->option[i]; i++)
		if (p->option[i]->letter && p->option[i]->letter == c)
			return p->option[i];
	return NULL;
}

/* Was the long option written in full? getopt_long leaves it just before optind, or before its argument. */
static const char *abbreviated(const struct vnep_option *o, int c, char **argv)
{
	const char *word = argv[optind - (optarg && optarg == argv[optind - 1] ? 2 : 1)];

	if (c < LONG_BASE || (!strncmp(word + 2, o->name, strcspn(word + 2, "=")) &&
				     strcspn(word + 2, "=") == strlen(o->name)))
		return NULL;
	return word;
}

static int refuse_option(struct vnep_cli *cli, const struct parser *p, int c, char **argv)
{
	const struct vnep_option *o = optopt ? parser_find(p, optopt) : NULL;

	if (c == ':' && o)
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "option --%s needs %s", o->name, o->value);
	if (o && optopt >= LONG_BASE)
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "option --%s takes no value", o->name);
	if (optopt && optopt < LONG_BASE)
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "unknown option -%c",
			isprint(optopt) ? optopt : '?');
	return unknown_option(cli, argv[optind - 1]);
}

static int parse_options(struct vnep_cli *cli, int argc, char **argv)
{
	struct parser p;
	int c, rc;

	parser_init(&p, cli->verb);
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, p.shorts, p.longs, NULL)) != -1) {
		const struct vnep_option *o = parser_find(&p, c);
		const char *word;

		if (c == 'j' && !o)
			continue; /* JSON is what we speak: accepted for habit's sake */
		if (c == '?' || c == ':' || !o)
			return refuse_option(cli, &p, c, argv);
		word = abbreviated(o, c, argv);
		if (word)
			return unknown_option(cli, word);
		rc = take_option(cli, o, optarg);
		if (rc)
			return rc;
	}
	cli->argv = argv + optind;
	cli->argc = (unsigned)(argc - optind);
	return 0;
}

static int check_operands(struct vnep_cli *cli)
{
	const struct vnep_verb *v = cli->verb;

	if (cli->argc < v->min)
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "%s needs %s", v->name, v->args);
	if (cli->argc > v->max)
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "%s: one operand too many: \"%s\"",
			v->name, cli->argv[v->max]);
	return 0;
}

static int resolve_state(struct vnep_cli *cli)
{
	const char *given = vnep_cli_str(cli, "state", NULL), *env = getenv("VNEP_STATE");
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const struct passwd *pw;
	int n;

	if (!home || !*home)
		home = (pw = getpwuid(geteuid())) ? pw->pw_dir : NULL;
	if (given && !*given)
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "option --state needs DIR");
	if (given || (env && *env))
		n = snprintf(cli->state, sizeof cli->state, "%s", given ? given : env);
	else if (geteuid() == 0)
		n = snprintf(cli->state, sizeof cli->state, "/var/lib/vnep");
	else if (xdg && *xdg == '/')
		n = snprintf(cli->state, sizeof cli->state, "%s/vnep", xdg);
	else if (home)
		n = snprintf(cli->state, sizeof cli->state, "%s/.local/state/vnep", home);
	else
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "no state folder: give --state DIR");
	if (n < 0 || (size_t)n >= sizeof cli->state)
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "the path of the state folder is too long");
	return 0;
}

static bool want_color(const struct vnep_cli *cli)
{
	const char *when = vnep_cli_str(cli, "color", "auto"), *no = getenv("NO_COLOR");

	if (strcmp(when, "auto"))
		return !strcmp(when, "always");
	return !(no && *no) && isatty(STDOUT_FILENO);
}

static int run_verb(struct vnep_cli *cli, int argc, char **argv)
{
	int rc = parse_options(cli, argc, argv);

	if (rc)
		return rc;
	if (vnep_cli_has(cli, "help")) {
		vnep_cli_help_verb(cli->tool, cli->verb);
		return 0;
	}
	if (vnep_cli_has(cli, "version")) {
		printf("%s %s\n", cli->tool->name, VNEP_VERSION);
		return 0;
	}
	rc = check_operands(cli);
	if (!rc)
		rc = resolve_state(cli);
	if (rc)
		return rc;
	cli->table = vnep_cli_has(cli, "table");
	cli->quiet = vnep_cli_has(cli, "quiet");
	cli->dry_run = cli->verb->dry && vnep_cli_has(cli, "dry-run");
	cli->color = want_color(cli);
	return cli->verb->run(cli);
}

static int dispatch(struct vnep_cli *cli, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	if (!word)
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "which verb?");
	if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
		vnep_cli_help_tool(cli->tool);
		return 0;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		printf("%s %s\n", cli->tool->name, VNEP_VERSION);
		return 0;
	}
	if (!strcmp(word, "--complete"))
		return vnep_cli_complete(cli->tool, argc > 2 ? argv[2] : NULL);
	cli->verb = find_verb(cli->tool, word);
	if (!cli->verb)
		return unknown_verb(cli, word);
	return run_verb(cli, argc - 1, argv + 1);
}

/* With a standard descriptor closed, the next file we open would take its number, and records would be
 * written into the map. A descriptor that fails in the right direction keeps the place. */
static void guard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(3);
}

static int finish(struct vnep_cli *cli, int rc)
{
	int status = rc > 0 ? rc : rc < 0 ? vnep_err_exit(rc) : cli->errors ? 1 : 0, end;

	if (rc < 0) {
		/* A detail that belongs to another code is left over from something that was dealt with. */
		if (cli->err.code != rc)
			cli->err = (struct vnep_err){ .code = rc };
		if (rc == VNEP_EUSAGE && !cli->err.hint[0] && !cli->err.file[0])
			usage_hint(cli);
		if (cli->err.text[0] || status != 1)
			vnep_cli_print(cli, &cli->err);
	}
	end = vnep_out_end(cli);
	if (end < 0 && rc != end) {
		vnep_cli_print(cli, &cli->err);
		status = 3;
	}
	return status;
}

/* The map and the journal's index are read as memory. Where such a file ends too early, or the disk cannot read it,
 * memory has a hole. */
static void on_sigbus(int number)
{
	static const char text[] =
		": a file of the state folder was cut short, or the disk cannot read it\n"
		"hint: if it was journal/index, remove that, and it is made anew; else put a copy "
		"of "
		"the folder back, or remove its map and import the records again\n";

	(void)number;
	if (write(STDERR_FILENO, program_invocation_short_name,
		    strlen(program_invocation_short_name)) < 0 ||
		write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(3);
	_exit(3);
}

int vnep_cli_main(const struct vnep_tool *tool, int argc, char **argv)
{
	struct vnep_cli cli = { .tool = tool };
	int status;

	guard_descriptors();
	signal(SIGPIPE, SIG_DFL);
	signal(SIGBUS, on_sigbus);
	/* Found by eye, because a bad command line is an error to report in that form, too. */
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--error-format=json") ||
			(!strcmp(argv[i], "--error-format") && i + 1 < argc &&
				!strcmp(argv[i + 1], "json")))
			cli.json_errors = true;
	status = finish(&cli, dispatch(&cli, argc, argv));
	vnep_out_release(&cli);
	for (size_t i = 0; i < cli.opt_count; i++)
		free(cli.opts[i].value);
	free(cli.opts);
	return status;
}
