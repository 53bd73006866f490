/*
 * cli - one command line for all tools: a table of verbs, each with a table of options.
 *
 * The table makes everything: parsing, --help, --complete and the check of the man pages
 * (tests/…-man.bats asks each tool for its verbs and options and looks them up in the page).
 *
 * --complete        one line a verb:    NAME <tab> HELP
 * --complete VERB   one line an option: --NAME, or --NAME= <tab> VALUE [<tab> WORD WORD …]
 *
 * Common options that every verb has without saying so: --help --version --state DIR --table -q/--quiet
 * --error-format=text|json -j --color=auto|always|never; verbs with .dry also -n/--dry-run.
 * Exit status: vnep_err_exit (0 done/yes, 1 done/no, 2 asked wrongly, 3 failed, 4 conflict, 5 unavailable).
 */
#ifndef VNEP_CLI_H
#define VNEP_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/err.h"

enum vnep_arg { VNEP_ARG_NONE, VNEP_ARG_ONE, VNEP_ARG_LIST }; /* LIST: repeatable, comma-separated */

struct vnep_option {
	const char *name;  /* without dashes; NULL ends a table */
	char letter;       /* 0 = long form only */
	enum vnep_arg arg;
	const char *value; /* what --help calls the argument: "IF", "TIME" */
	const char *help;
	const char *words; /* "json pcapng csv": the allowed words, NULL = free */
};

struct vnep_cli;

struct vnep_verb {
	const char *name; /* NULL ends a table */
	const char *args; /* synopsis of the operands: "[FILE]", "DEV..." */
	const char *help; /* one line */
	const struct vnep_option *options; /* may be NULL */
	unsigned min, max; /* operands; max 0 = none, UINT_MAX = any */
	bool dry;          /* has -n/--dry-run */
	/* 0 or a negative code (err.h), the detail in cli->err (without a text, exit 1 is silent); or the
	 * exit status 1..5 itself, when everything was said already. */
	int (*run)(struct vnep_cli *cli);
};

struct vnep_tool {
	const char *name; /* "vnep-map" */
	const char *help; /* one line */
	const struct vnep_verb *verbs;
};

struct vnep_out_rows;

struct vnep_cli {
	const struct vnep_tool *tool;
	const struct vnep_verb *verb;
	char **argv; /* operands */
	unsigned argc;
	char state[4096 - 64]; /* the state folder, resolved */
	bool table, quiet, dry_run, json_errors, color;
	bool answer_errors; /* a verb that is a stream sets it: error records go to standard output, too */
	unsigned errors; /* lines refused so far (--keep-going, streams): a run with errors exits 1 */
	struct vnep_err err;
	struct vnep_cli_opt *opts; /* private: what was given */
	size_t opt_count;
	struct vnep_out_rows *rows; /* private: what --table holds back */
};

/* main() of every tool is one call of this. SIGPIPE is at its default, stdout is checked at the end. */
int vnep_cli_main(const struct vnep_tool *tool, int argc, char **argv);

/* What was given. _str: the last one, or otherwise. _list: the i-th of a LIST option, NULL behind the
 * last. _has: was it given. name must be in the verb's table (assert). */
bool vnep_cli_has(const struct vnep_cli *cli, const char *name);
const char *vnep_cli_str(const struct vnep_cli *cli, const char *name, const char *otherwise);
const char *vnep_cli_list(const struct vnep_cli *cli, const char *name, size_t i);
int vnep_cli_u64(struct vnep_cli *cli, const char *name, uint64_t min, uint64_t max, uint64_t *out);

/* Messages on standard error: "vnep-map: text", then the hint; JSON with --error-format=json. Without a
 * place of its own the message has none; _say is silent beside JSON errors. */
void vnep_cli_error(struct vnep_cli *cli, const struct vnep_err *err); /* counts in cli->errors */
void vnep_cli_say(const struct vnep_cli *cli, const char *fmt, ...)   /* unless --quiet */
	__attribute__((format(printf, 2, 3)));

/* Read records from FILE operands ("-" or none = standard input), one line at a time, as they come.
 * cb gets the parsed record (an object), its text and, in cli->err, its file and line; a negative return
 * is an error of that line: it stops the run, or with keep_going is printed, counted, and the run goes on.
 * What no other line could cure (exit 3 or 5: disk, kernel, daemon) always stops the run. */
struct vnep_json;
typedef int vnep_line_cb(struct vnep_cli *cli, struct vnep_json *json, const char *text, size_t len,
	void *arg);
int vnep_cli_read(struct vnep_cli *cli, bool keep_going, vnep_line_cb *cb, void *arg);
int vnep_cli_read_file(struct vnep_cli *cli, const char *file, bool keep_going, vnep_line_cb *cb,
	void *arg);

/* The same for lines that are no records (CSV): json is NULL. */
int vnep_cli_read_text(struct vnep_cli *cli, const char *file, bool keep_going, vnep_line_cb *cb,
	void *arg);

/* The folder for sockets: $VNEP_RUNTIME, /run/vnep for root, else $XDG_RUNTIME_DIR/vnep. */
int vnep_cli_runtime(char *out, size_t cap, struct vnep_err *err);

/* Each word of that option is KEY=VALUE, the key of 1 to 127 octets; VNEP_EUSAGE otherwise. */
int vnep_cli_pairs(struct vnep_cli *cli, const char *option);

#endif
