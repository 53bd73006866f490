/* map - what the verbs of vnep-map share. */
#ifndef VNEP_CMD_MAP_H
#define VNEP_CMD_MAP_H

#include "vnep/cli.h"
#include "vnep/csv.h"
#include "vnep/mapbatch.h"
#include "vnep/out.h"
#include "vnep/siphash.h"

int map_import(struct vnep_cli *cli);
int map_get(struct vnep_cli *cli);
int map_list(struct vnep_cli *cli);
int map_set(struct vnep_cli *cli);
int map_delete(struct vnep_cli *cli);
int map_check(struct vnep_cli *cli);
int map_watch(struct vnep_cli *cli);
int map_publish(struct vnep_cli *cli);
int map_stat(struct vnep_cli *cli);
int map_diff(struct vnep_cli *cli);

extern const struct vnep_option map_import_options[], map_get_options[], map_list_options[],
	map_set_options[], map_delete_options[], map_check_options[], map_watch_options[],
	map_publish_options[], map_diff_options[];

/* Devices that wait for an address of a prefix (import --prefix). _give adds them to the batch. */
struct map_pending {
	struct vnep_prefix prefix;
	struct vnep_buf text, list;
	bool csv; /* the text was made from rows: no column of it means anything */
};
int map_pending_prefix(struct map_pending *pending, const char *text, struct vnep_err *err); /* VNEP_EUSAGE */
int map_pending_add(struct map_pending *pending, const char *file, unsigned line, const char *text,
	size_t len, struct vnep_err *err);
int map_pending_give(struct map_pending *pending, struct vnep_cli *cli, struct vnep_map_batch *batch,
	bool replace, bool keep_going);
void map_pending_release(struct map_pending *pending);

/* Read the operands (or standard input) into a batch; format NULL = json. Devices without vep go to pending, if
 * that is not NULL. */
int map_read(struct vnep_cli *cli, struct vnep_map_batch *batch, const char *format, bool keep_going,
	struct map_pending *pending);

/* Who writes: the vnep-edge that lives on the state folder, or we, under its lock. With -n it may be nobody. */
struct map_writer {
	struct vnep_client *client;
	int lock;
	int choosing; /* lock on STATE/map, see map_writer_choose */
};
int map_writer_open(struct map_writer *writer, struct vnep_cli *cli);
/* From here to _close nobody else chooses addresses of a prefix: where an edge writes, the choice and the change are two
 * requests. */
int map_writer_choose(struct map_writer *writer, struct vnep_cli *cli);
void map_writer_close(struct map_writer *writer);

/* Write a batch, and say what it did. how's dry_run, refuse and arg are filled in. writer NULL: just for this. */
int map_write(struct vnep_cli *cli, struct map_writer *writer, struct vnep_map_batch *batch,
	struct vnep_map_apply *how, bool keep_going);

/* --history, into how. */
int map_history(struct vnep_cli *cli, struct vnep_map_apply *how);
#define MAP_HISTORY_OPTION                                                             \
	{ "history", 0, VNEP_ARG_ONE, "AGE",                                           \
		"keep what records were before for this long from now on, such as 30d", NULL }

/* A read transaction of the state folder's map. */
struct map_reader {
	struct vnep_mapstore *store;
	struct vnep_map_txn *txn;
};
int map_reader_open(struct map_reader *reader, struct vnep_cli *cli);
void map_reader_close(struct map_reader *reader);

/* The id that DEV stands for, or the word itself for other types than device and binding. */
int map_resolve(struct map_reader *reader, enum vnep_record_type type, const char *word,
	char id[static VNEP_URN_MAX + 1], struct vnep_err *err);

/* A record as others may see it (list --redact): *out is the caller's; record gets its mac said. */
struct map_redact {
	uint8_t key[VNEP_SIPHASH_KEY_LEN];
};
int map_redact_open(struct map_redact *how, struct vnep_cli *cli);
int map_redact(const struct map_redact *how, struct vnep_map_txn *txn, struct vnep_json *record,
	struct vnep_json **out, struct vnep_err *err);

#endif
