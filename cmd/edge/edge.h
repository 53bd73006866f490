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
int edge_stop(struct vnep_cli *cli);

/* The configuration from file and options, in that order. report as in vnep_edge_config_read. */
int edge_config(struct vnep_cli *cli, struct vnep_edge_config *config, vnep_edge_config_report *report);

#endif
