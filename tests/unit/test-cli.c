/* test-cli - a tool of two verbs, run in a child with its output caught. */
#include <limits.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t.h"
#include "vnep/cli.h"
#include "vnep/json.h"
#include "vnep/out.h"

static int show(struct vnep_cli *cli)
{
	struct vnep_buf out;
	uint64_t n = 7;
	int rc = vnep_cli_u64(cli, "count", 1, 9, &n);

	vnep_buf_init(&out);
	for (size_t i = 0; vnep_cli_list(cli, "access", i); i++)
		vnep_buf_printf(&out, "{\"type\":\"t\",\"v\":1,\"if\":\"%s\",\"n\":%d}\n",
			vnep_cli_list(cli, "access", i), (int)n);
	for (unsigned i = 0; i < cli->argc; i++)
		vnep_buf_printf(
			&out, "{\"type\":\"t\",\"v\":1,\"operand\":\"%s\"}\n", cli->argv[i]);
	if (!rc)
		rc = vnep_out_records(cli, &out, false);
	vnep_buf_release(&out);
	return rc;
}

static int echo_line(
	struct vnep_cli *cli, struct vnep_json *json, const char *text, size_t len, void *arg)
{
	struct vnep_buf out;
	int rc;

	(void)arg;
	if (vnep_json_get(json, "bad"))
		return vnep_err_set(&cli->err, VNEP_EVALUE, "bad is not good");
	if (vnep_json_get(json, "disk"))
		return vnep_err_set(&cli->err, VNEP_EKERNEL, "no disk");
	vnep_buf_init(&out);
	vnep_buf_put(&out, text, len);
	vnep_buf_put_u8(&out, '\n');
	rc = vnep_out_records(cli, &out, true);
	vnep_buf_release(&out);
	return rc;
}

static int echo(struct vnep_cli *cli)
{
	cli->answer_errors = vnep_cli_has(cli, "stream");
	return vnep_cli_read(
		cli, vnep_cli_has(cli, "keep-going") || cli->answer_errors, echo_line, NULL);
}

static int silent_no(struct vnep_cli *cli)
{
	(void)cli;
	return VNEP_EDIFFERS;
}

static int status_five(struct vnep_cli *cli)
{
	(void)cli;
	return 5;
}

static const struct vnep_option show_options[] = {
	{ "access", 'i', VNEP_ARG_LIST, "IF", "ports", NULL },
	{ "count", 0, VNEP_ARG_ONE, "N", "a number", NULL },
	{ "format", 0, VNEP_ARG_ONE, "FORMAT", "a form", "json csv" },
	{ 0 },
};

static const struct vnep_option echo_options[] = {
	{ "keep-going", 0, VNEP_ARG_NONE, NULL, "go on", NULL },
	{ "stream", 0, VNEP_ARG_NONE, NULL, "answer", NULL },
	{ 0 },
};

static const struct vnep_verb verbs[] = {
	{ "show", "[WORD]", "show things", show_options, 0, 1, false, show },
	{ "echo", "[FILE...]", "lines again", echo_options, 0, UINT_MAX, true, echo },
	{ "no", "", "say no", NULL, 0, 0, false, silent_no },
	{ "five", "DEV...", "say five", NULL, 1, UINT_MAX, false, status_five },
	{ 0 },
};

static const struct vnep_tool tool = { "vnep-try", "a tool to try", verbs };

static char out[65536], err[65536];

static void slurp(FILE *f, char *to)
{
	size_t n;

	rewind(f);
	n = fread(to, 1, 65535, f);
	to[n] = 0;
	fclose(f);
}

/* argv behind the tool's name, NULL at the end. Returns the exit status, or 1000 + the signal. */
static int run(const char *input, const char *first, ...)
{
	char *argv[16] = { (char *)"vnep-try", (char *)first };
	FILE *in = tmpfile(), *o = tmpfile(), *e = tmpfile();
	int argc = first ? 2 : 1, status;
	va_list ap;
	pid_t pid;

	va_start(ap, first);
	while (first && argc < 15 && (argv[argc] = va_arg(ap, char *)))
		argc++;
	va_end(ap);
	fputs(input, in);
	rewind(in);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(fileno(in), 0);
		dup2(fileno(o), 1);
		dup2(fileno(e), 2);
		setenv("VNEP_STATE", "/nowhere/state", 1);
		exit(vnep_cli_main(&tool, argc, argv));
	}
	waitpid(pid, &status, 0);
	fclose(in);
	slurp(o, out);
	slurp(e, err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST("help and version are on standard output, exit 0, for the tool and each verb")
{
	CHECK_INT(run("", "--help", NULL), 0);
	CHECK(strstr(out, "show things") && strstr(out, "Exit status"));
	CHECK_STR(err, "");
	CHECK_INT(run("", "show", "--help", NULL), 0);
	CHECK(strstr(out, "Usage: vnep-try show [options] [WORD]"));
	CHECK(strstr(out, "-i, --access IF[,...]") && strstr(out, "(json csv)"));
	CHECK(!strstr(out, "--dry-run"));
	CHECK_INT(run("", "echo", "--help", NULL), 0);
	CHECK(strstr(out, "-n, --dry-run"));
	CHECK_INT(run("", "--version", NULL), 0);
	CHECK_STR(out, "vnep-try " VNEP_VERSION "\n");
	CHECK_INT(run("", "echo", "-V", NULL), 0);
	CHECK_STR(out, "vnep-try " VNEP_VERSION "\n");
}

TEST("a usage error is two lines on standard error and exit 2")
{
	CHECK_INT(run("", "shwo", NULL), 2);
	CHECK_STR(err, "vnep-try: unknown verb \"shwo\" (did you mean \"show\"?)\ntry 'vnep-try "
		       "--help'\n");
	CHECK_STR(out, "");
	CHECK_INT(run("", NULL), 2);
	CHECK_STR(err, "vnep-try: which verb?\ntry 'vnep-try --help'\n");
	CHECK_INT(run("", "show", "--acess", "x", NULL), 2);
	CHECK_STR(err, "vnep-try: unknown option --acess (did you mean --access?)\n"
		       "try 'vnep-try show --help'\n");
	CHECK_INT(run("", "show", "--count", NULL), 2);
	CHECK_STR(err, "vnep-try: option --count needs N\ntry 'vnep-try show --help'\n");
	CHECK_INT(run("", "show", "--table=x", NULL), 2);
	CHECK_STR(err, "vnep-try: option --table takes no value\ntry 'vnep-try show --help'\n");
	CHECK_INT(run("", "show", "-x", NULL), 2);
	CHECK_STR(err, "vnep-try: unknown option -x\ntry 'vnep-try show --help'\n");
	CHECK_INT(run("", "show", "--format", "xml", NULL), 2);
	CHECK_STR(err,
		"vnep-try: --format: \"xml\" is none of: json csv\ntry 'vnep-try show --help'\n");
	CHECK_INT(run("", "show", "--count", "12", NULL), 2);
	CHECK_STR(err, "vnep-try: --count: \"12\" is not a number from 1 to 9\ntry 'vnep-try show "
		       "--help'\n");
	CHECK_INT(run("", "show", "a", "b", NULL), 2);
	CHECK(strstr(err, "one operand too many: \"b\""));
	CHECK_INT(run("", "five", NULL), 2);
	CHECK(strstr(err, "five needs DEV..."));
	CHECK_INT(run("", "show", "-n", NULL), 2);
}

TEST("an option is a whole word: abbreviations are refused, wherever they stand")
{
	CHECK_INT(run("", "show", "--acc", "x", NULL), 2);
	CHECK(strstr(err, "unknown option --acc"));
	CHECK_INT(run("", "show", "--acc=x", NULL), 2);
	CHECK_INT(run("", "show", "word", "--tab", NULL), 2);
	CHECK(strstr(err, "unknown option --tab"));
	CHECK_INT(run("", "show", "--", "--tab", NULL), 0);
	CHECK_STR(out, "{\"type\":\"t\",\"v\":1,\"operand\":\"--tab\"}\n");
}

TEST("a list may be repeated or cut by commas; -j is taken and means nothing")
{
	CHECK_INT(run("", "show", "-j", "--access", "a,b", "-i", "c", NULL), 0);
	CHECK_STR(out, "{\"type\":\"t\",\"v\":1,\"if\":\"a\",\"n\":7}\n"
		       "{\"type\":\"t\",\"v\":1,\"if\":\"b\",\"n\":7}\n"
		       "{\"type\":\"t\",\"v\":1,\"if\":\"c\",\"n\":7}\n");
	CHECK_INT(run("", "show", "--access", "a,,b", NULL), 2);
	CHECK(strstr(err, "an empty word"));
}

TEST("completion asks the table")
{
	CHECK_INT(run("", "--complete", NULL), 0);
	CHECK_STR(out, "show\tshow things\necho\tlines again\nno\tsay no\nfive\tsay five\n");
	CHECK_INT(run("", "--complete", "show", NULL), 0);
	CHECK(strstr(out, "--access=\tIF\n--count=\tN\n--format=\tFORMAT\tjson csv\n--help\n"));
	CHECK(!strstr(out, "--dry-run"));
}

TEST("a bad line stops with its place; with keep-going it is counted and the exit is 1")
{
	CHECK_INT(run("{\"a\":1}\n\n{\"bad\":1}\n{\"a\":2}\n", "echo", NULL), 2);
	CHECK_STR(out, "{\"a\":1}\n");
	CHECK_STR(err, "vnep-try: -:3: bad is not good\n");
	CHECK_INT(run("{\"a\":1}\n{\"bad\":1}\n{\"a\":2}", "echo", "--keep-going", NULL), 1);
	CHECK_STR(out, "{\"a\":1}\n{\"a\":2}\n");
	CHECK_INT(run("{\"a\":1\n", "echo", NULL), 2);
	CHECK(!strncmp(err, "vnep-try: -:1:", 14));
	CHECK_INT(run("[1]\n", "echo", NULL), 2);
	CHECK(strstr(err, "a record is an object"));
	CHECK_INT(run("", "echo", "/nowhere/x", NULL), 2);
	CHECK(strstr(err, "cannot open /nowhere/x"));
}

TEST("what no other line could cure stops also with keep-going")
{
	CHECK_INT(run("{\"disk\":1}\n{\"a\":2}\n", "echo", "--keep-going", NULL), 3);
	CHECK_STR(out, "");
}

TEST("a stream answers a bad line with an error record")
{
	CHECK_INT(run("{\"bad\":1}\n{\"a\":2}\n", "echo", "--stream", NULL), 1);
	CHECK(strstr(out, "\"type\":\"error\"") && strstr(out, "\"line\":1") &&
		strstr(out, "{\"a\":2}\n"));
}

TEST("errors come as records where asked for, those of the command line, too")
{
	CHECK_INT(run("{\"bad\":1}\n", "echo", "--error-format=json", NULL), 2);
	CHECK(strstr(err, "\"type\":\"error\"") && strstr(err, "\"exit\":2"));
	CHECK_INT(run("", "shwo", "--error-format", "json", NULL), 2);
	CHECK(!strncmp(err, "{\"type\":\"error\"", 15));
}

TEST("the answer no is silent, a status of the verb is the exit")
{
	CHECK_INT(run("", "no", NULL), 1);
	CHECK_STR(err, "");
	CHECK_INT(run("", "five", "x", NULL), 5);
	CHECK_STR(err, "");
}

TEST("a table has the keys of its rows, and no control byte of theirs")
{
	CHECK_INT(run("{\"type\":\"x\",\"v\":1,\"a\":\"\\u001b[2J\",\"b\":[\"p\",\"q\"]}\n", "echo",
			  "--table", NULL),
		0);
	CHECK_STR(out, "a     b\n?[2J  p,q\n");
}

int main(void)
{
	return t_run();
}
