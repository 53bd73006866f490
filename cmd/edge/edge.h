/* edge - the verbs of vnep-edge, one file each (those that only ask the daemon share ask.c). */
#ifndef CMD_EDGE_H
#define CMD_EDGE_H

#include "vnep/cli.h"
#include "vnep/edge.h"

int edge_run(struct vnep_cli *cli);
int edge_check(struct vnep_cli *cli);
int edge_status(struct vnep_cli *cli);
int edge_watch(struct vnep_cli *cli);
int edge_attach(struct vnep_cli *cli);
int edge_detach(struct vnep_cli *cli);
int edge_metrics(struct vnep_cli *cli);
int edge_top(struct vnep_cli *cli);
int edge_reload(struct vnep_cli *cli);
int edge_stop(struct vnep_cli *cli);
int edge_upgrade(struct vnep_cli *cli);

const char *edge_config_file(struct vnep_cli *cli);

/* The configuration from files and options, in that order. report as in vnep_edge_config_read; NULL: the first mistake
 * is in cli->err. */
int edge_config(struct vnep_cli *cli, struct vnep_edge_config *config, vnep_edge_config_report *report,
	void *report_arg);

/* ask.c: a request to the daemon; each record of its answer, lent and without a newline, goes to each (non-zero ends
 * it), errors among them to standard error, or quietly into cli->err. Returns its exit status, or a negative code. */
enum edge_ask_how { EDGE_ASK_ONCE, EDGE_ASK_FOLLOW, EDGE_ASK_QUIETLY };
typedef int edge_line_cb(struct vnep_cli *cli, const char *line, size_t len, void *arg);
int edge_ask(struct vnep_cli *cli, const char *verb, const char *members, enum edge_ask_how how,
	edge_line_cb *each, void *arg);

/* notify.c: assignments as in sd_notify(3) to the service manager, if there is one; arg is not used. */
void edge_notify(const char *text, void *arg);
uint64_t edge_notify_watchdog(void); /* in microseconds; 0: it does not ask for any */

#endif
