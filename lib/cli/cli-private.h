/* cli-private - what the files of lib/cli share: the common options and what was given. */
#ifndef VNEP_CLI_PRIVATE_H
#define VNEP_CLI_PRIVATE_H

#include "vnep/cli.h"

struct vnep_cli_opt {
	const struct vnep_option *option;
	char *value; /* NULL for VNEP_ARG_NONE; one entry for each word of a LIST */
};

/* Options that every verb has; the last row belongs to verbs with .dry alone. */
extern const struct vnep_option vnep_cli_common[];

/* The i-th option of a verb: its own ones first, then the common ones. NULL behind the last. */
const struct vnep_option *vnep_cli_option(const struct vnep_verb *verb, size_t i);

void vnep_cli_help_tool(const struct vnep_tool *tool);
void vnep_cli_help_verb(const struct vnep_tool *tool, const struct vnep_verb *verb);

/* What the shell's completion asks: verbs if word is NULL, else the options of that verb. */
int vnep_cli_complete(const struct vnep_tool *tool, const char *word);

/* One message on standard error, as text or as a record. */
void vnep_cli_print(const struct vnep_cli *cli, const struct vnep_err *err);

/* Rows that --table holds back until their column widths are known. */
void vnep_out_release(struct vnep_cli *cli);

#endif
