/*
 * mapbatch - records on their way into the map: all of them, or none.
 *
 * vnep-map collects its input here and writes it, or sends it to the vnep-edge of the state folder, which
 * collects and writes it with the same calls (map.put): both ways refuse the same things in the same words.
 *
 * Shape   records in canonical form, in the order in which they came, each with its FILE and LINE.
 * Owner   batch is ours (new/free). Lines are lent until the next call of line or add.
 * Errors  add: what recjson_check refuses; VNEP_EVALUE for a record that is there twice, or a vep or a MAC
 *         and VLAN of two devices, naming both lines. apply: those of mapstore.h, with the place of the
 *         record that is to blame.
 */
#ifndef VNEP_MAPBATCH_H
#define VNEP_MAPBATCH_H

#include "vnep/mapstore.h"

struct vnep_map_batch;

int vnep_map_batch_new(struct vnep_map_batch **out, struct vnep_err *err);
void vnep_map_batch_free(struct vnep_map_batch *batch);

/* Check a record of outside and take it in. err->file and err->line say where it comes from (the daemon
 * numbers the lines of a request from 1). text may be NULL: errors have no column then. */
int vnep_map_batch_add(struct vnep_map_batch *batch, struct vnep_json *json, const char *text, size_t len,
	struct vnep_err *err);

/* The same for a line that was not parsed yet: the way for many. */
int vnep_map_batch_add_line(
	struct vnep_map_batch *batch, const char *text, size_t len, struct vnep_err *err);

size_t vnep_map_batch_count(const struct vnep_map_batch *batch);
const char *vnep_map_batch_line(struct vnep_map_batch *batch, size_t i, size_t *len);
void vnep_map_batch_place(const struct vnep_map_batch *batch, size_t i, struct vnep_err *err);

/* Does a device of the batch have this endpoint? */
bool vnep_map_batch_has_vep(const struct vnep_map_batch *batch, const struct in6_addr *vep);

/* What writing the batch in place of the whole map (replace) would change, in the order of the map; records to be
 * deleted last. what: add, change, delete; text: the record as it will be, or was. txn NULL: an empty map. */
typedef int vnep_map_differ_cb(const char *what, const char *text, size_t len, void *arg);
int vnep_map_batch_diff(struct vnep_map_batch *batch, struct vnep_map_txn *txn, vnep_map_differ_cb *cb,
	void *arg, struct vnep_err *err);

/* What a change did, and the record in which an edge says so (stat: vnep_map_changes, one a word). */
struct vnep_map_changes {
	uint64_t added, changed, unchanged, deleted, refused, revision;
};
void vnep_map_changes_encode(struct vnep_buf *out, const struct vnep_map_changes *changes);
void vnep_map_changes_decode(const struct vnep_json *json, struct vnep_map_changes *changes);

/* why has the place of the record; a non-zero return ends the run. */
typedef int vnep_map_refuse_cb(const struct vnep_err *why, void *arg);

struct vnep_map_apply {
	bool replace;             /* delete what the batch lacks (bindings stay where their device does) */
	bool dry_run;             /* do everything but the commit */
	uint64_t if_revision;     /* 0 = any; else of every record of the batch */
	const char *origin;       /* may be NULL */
	bool has_history;         /* keep older records for history_us from now on (vnep_map_set_history) */
	uint64_t history_us;
	vnep_map_refuse_cb *refuse; /* not NULL: go on without the records that the map refuses */
	void *arg;
};

/* One transaction, from begin to commit; nothing is added to the batch afterwards. Revisions are given in the order in which the map has its records. Into
 * a map that was never written the records of a whole map (each with a revision, no two the same) bring
 * theirs. */
int vnep_map_batch_apply(struct vnep_map_batch *batch, struct vnep_mapstore *store,
	const struct vnep_map_apply *how, struct vnep_map_changes *changes, struct vnep_err *err);

#endif
