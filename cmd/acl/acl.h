/* acl - what the verbs of vnep-acl share. */
#ifndef VNEP_CMD_ACL_H
#define VNEP_CMD_ACL_H

#include "vnep/acl.h"
#include "vnep/cli.h"
#include "vnep/client.h"
#include "vnep/mapstore.h"
#include "vnep/out.h"

int acl_render(struct vnep_cli *cli);
int acl_plan(struct vnep_cli *cli);
int acl_apply(struct vnep_cli *cli);
int acl_verify(struct vnep_cli *cli);
int acl_import_mud(struct vnep_cli *cli);
int acl_explain(struct vnep_cli *cli);
int acl_list(struct vnep_cli *cli);
int acl_watch(struct vnep_cli *cli);
int acl_awake(struct vnep_cli *cli);
int acl_asleep(struct vnep_cli *cli);
int acl_clear(struct vnep_cli *cli);

extern const struct vnep_option acl_render_options[], acl_plan_options[], acl_apply_options[],
	acl_verify_options[], acl_import_mud_options[], acl_explain_options[];

/* The options that say what is wanted; each verb that has them names them all in its table. */
#define ACL_PORT_OPTIONS                                                                           \
	{ "access", 0, VNEP_ARG_LIST, "IF", "access ports, where devices are", NULL },             \
		{ "core", 0, VNEP_ARG_ONE, "IF", "core port, where the VPC is", NULL },            \
		{ "journal-port", 0, VNEP_ARG_ONE, "IF", "journal port (default vnep-j0)", NULL }, \
	{                                                                                          \
		"set-size", 0, VNEP_ARG_ONE, "N", "elements a set may hold (default 1048576)",     \
			NULL                                                                       \
	}
#define ACL_MAP_OPTION                                                                    \
	{                                                                                 \
		"map", 'm', VNEP_ARG_NONE, NULL, "the records are those of the map", NULL \
	}

/* The ports that were asked for, or with from_kernel those of the table that is there. */
int acl_config(struct vnep_cli *cli, bool from_kernel, struct vnep_acl_config *out);

/* Names what the kernel lacks; VNEP_EKERNEL: no rule can be loaded without it. */
int acl_probe(struct vnep_cli *cli);

/* VNEP_EUSAGE: one of them is not there. */
int acl_check_ports(struct vnep_cli *cli, const struct vnep_acl_config *config);

/* Open, and want what the operands, standard input, or with --map the map says. */
int acl_open_wanted(struct vnep_cli *cli, const struct vnep_acl_config *config, bool offline,
	struct vnep_acl **out);

/* The same from elsewhere, telling who is wanted: records of file instead of the operands (NULL: those). While
 * wanted is called cli->err has the place of the record, but for those of the map. */
typedef int acl_wanted_cb(struct vnep_cli *cli, const struct vnep_device *device, void *arg);
struct acl_source {
	const char *file;
	acl_wanted_cb *wanted; /* may be NULL */
	void *arg;
};
int acl_open_source(struct vnep_cli *cli, const struct vnep_acl_config *config, bool offline,
	const struct acl_source *source, struct vnep_acl **out);

/* The folder for files without a name. */
const char *acl_temporary(void);

/* Difference records to standard output. */
int acl_emit(struct vnep_buf *lines, void *cli);

/* apply --follow */
int acl_follow(struct vnep_cli *cli);

int acl_make_journal_port(struct vnep_cli *cli, const struct vnep_acl_config *config);

/* Change the kernel as asked, made journal port included; prints how many objects changed. */
int acl_do_apply(struct vnep_cli *cli, const struct vnep_acl_config *config, struct vnep_acl *acl);

/* Who changes things here: a living vnep-edge (*client), or we, with the lock of the state folder
 * (*lock). */
int acl_writer(struct vnep_cli *cli, struct vnep_client **client, int *lock);

/* Have the edge do it: its records go to standard output, its errors are ours. Returns the exit
 * status. */
int acl_edge_verb(struct vnep_cli *cli, struct vnep_client *client, const char *verb,
	const char *members, bool follow);

/* A read transaction on the map, if there is one: store and txn are NULL otherwise. */
struct acl_map {
	struct vnep_mapstore *store;
	struct vnep_map_txn *txn;
};
int acl_map_open(struct vnep_cli *cli, struct acl_map *map);
void acl_map_close(struct acl_map *map);

/* The endpoint that DEV stands for, and its URN ("" if no map knows it: then DEV was an address).
 */
int acl_resolve(struct vnep_cli *cli, struct acl_map *map, const char *word, struct in6_addr *vep,
	char dev[static VNEP_URN_MAX + 1]);

#endif
