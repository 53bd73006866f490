/* cli-help - what the table says to a person (--help) and to a shell (--complete). */
#include <stdio.h>
#include <string.h>

#include "cli-private.h"

static void print_option(const struct vnep_option *o)
{
	char left[64], letter[8] = "    ";

	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	snprintf(left, sizeof left, "%s--%s%s%s%s", letter, o->name,
		o->arg == VNEP_ARG_NONE ? "" : " ", o->arg == VNEP_ARG_NONE ? "" : o->value,
		o->arg == VNEP_ARG_LIST ? "[,...]" : "");
	printf("  %-28s %s%s%s%s\n", left, o->help, o->words ? " (" : "", o->words ? o->words : "",
		o->words ? ")" : "");
}

static void print_exits(void)
{
	fputs("\nExit status:\n"
	      "  0 done, the answer is yes     3 tried and failed: kernel, disk, privilege\n"
	      "  1 done, the answer is no      4 conflict: it changed under you, read again\n"
	      "  2 asked wrongly               5 daemon or peer unavailable: try later\n",
		stdout);
}

void vnep_cli_help_tool(const struct vnep_tool *tool)
{
	printf("%s - %s\n\nUsage: %s VERB [options] [operands]\n\nVerbs:\n", tool->name, tool->help,
		tool->name);
	for (const struct vnep_verb *v = tool->verbs; v->name; v++)
		printf("  %-12s %s\n", v->name, v->help);
	printf("\n'%s VERB --help' says more; 'man %s' says all.\n", tool->name, tool->name);
	print_exits();
}

void vnep_cli_help_verb(const struct vnep_tool *tool, const struct vnep_verb *verb)
{
	const struct vnep_option *o;

	printf("%s %s - %s\n\nUsage: %s %s [options]%s%s\n\nOptions:\n", tool->name, verb->name,
		verb->help, tool->name, verb->name, verb->args && *verb->args ? " " : "",
		verb->args ? verb->args : "");
	for (size_t i = 0; (o = vnep_cli_option(verb, i)); i++)
		print_option(o);
	print_exits();
}

static void complete_option(const struct vnep_option *o)
{
	if (o->arg == VNEP_ARG_NONE)
		printf("--%s\n", o->name);
	else if (o->words)
		printf("--%s=\t%s\t%s\n", o->name, o->value, o->words);
	else
		printf("--%s=\t%s\n", o->name, o->value);
}

int vnep_cli_complete(const struct vnep_tool *tool, const char *word)
{
	const struct vnep_option *o;

	for (const struct vnep_verb *v = tool->verbs; v->name; v++) {
		if (!word)
			printf("%s\t%s\n", v->name, v->help);
		else if (!strcmp(v->name, word))
			for (size_t i = 0; (o = vnep_cli_option(v, i)); i++)
				complete_option(o);
	}
	return 0;
}
