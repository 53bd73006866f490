/*
 * mapstore - the map of the state folder: who is who. LMDB, several readers, one writer.
 *
 * Shape   STATE/map/ is an LMDB environment. Each record is stored as its canonical JSON (recjson) behind
 *         a CRC32; indexes: vep, mac + vlan, addr (that of hosts once more), name, vpc, region, group,
 *         revision. A tombstone is what a follower needs to take the device out again (addresses, MAC,
 *         port), and nothing more; it stays as long as history does. A map of the format before this one is read as it is, and made one of
 *         this format when it is opened to be written.
 * Owner   store and transactions are ours (open/close, begin/commit or abort).
 * Errors  VNEP_ENOTFOUND, VNEP_EAMBIGUOUS, VNEP_ECONFLICT (if_revision), VNEP_EVALUE (what the check of
 *         a transaction refuses: the text names both records), VNEP_EDAMAGED (a value fails its CRC),
 *         -errno; ENOSPC leaves the old data intact.
 * Caveat  default durability: commit returns after fsync. One writer at a time in all processes (LMDB's
 *         own lock waits). Do not open one folder twice in a process.
 * Follow  each commit ends by setting the times of STATE/map/data.mdb: inotify's IN_ATTRIB on the folder
 *         comes when readers can see the change (IN_MODIFY comes too early), vnep_map_since says what.
 */
#ifndef VNEP_MAPSTORE_H
#define VNEP_MAPSTORE_H

#include <errno.h>
#include "vnep/buf.h"
#include "vnep/clock.h"
#include "vnep/json.h"
#include "vnep/record.h"

struct vnep_mapstore;
struct vnep_map_txn;

/* state is the state folder (not its map/). write: make what is missing (mode 0700); otherwise a folder
 * without a map is VNEP_ENOTFOUND. */
int vnep_mapstore_open(struct vnep_mapstore **out, const char *state, bool write, struct vnep_err *err);
void vnep_mapstore_close(struct vnep_mapstore *store);

/* Make room for a change of about this many octets: LMDB wants the largest size of a map said beforehand. Not
 * while a transaction lives. -ENOMEM: the address space (ulimit -v) does not hold a map of that size. */
int vnep_map_reserve(struct vnep_mapstore *store, uint64_t octets, struct vnep_err *err);

/* What a change says that takes more room than was made: abort it, widen, and do it again. Widen doubles the size of
 * the map; -ENOSPC if the change wanted more than the disk has. */
enum { VNEP_MAP_EFULL = -EXFULL };
int vnep_map_widen(struct vnep_mapstore *store, struct vnep_err *err);

int vnep_map_begin(struct vnep_mapstore *store, bool write, struct vnep_map_txn **out,
	struct vnep_err *err);
int vnep_map_commit(struct vnep_map_txn *txn, struct vnep_err *err); /* ends it, also on failure */
void vnep_map_abort(struct vnep_map_txn *txn);                        /* NULL is fine */

uint64_t vnep_map_revision(struct vnep_map_txn *txn);

/* Store a record that passed recjson_check (vpc, device, group; binding only from the edge: as_edge).
 * Sets its revision (the map's, one more) unless nothing changed: then *changed is false and the
 * revision stays. A record with "deleted":true deletes. if_revision: 0 = any, else the revision the
 * stored one must have. Who else has the vep is asked by the check, so that two devices may swap. */
struct vnep_map_put {
	uint64_t if_revision;
	bool as_edge;
	const char *origin; /* may be NULL */
	uint64_t revision;  /* not 0: the record keeps this one, which nobody else has (a map that is restored) */
};
/* A revision is a number that JSON has without loss; where that ends, so does the map (VNEP_EVALUE). What is
 * restored leaves the upper half of them for what comes. */
#define VNEP_MAP_REVISION_MAX  ((1ULL << 53) - 1)
#define VNEP_MAP_REVISION_KEPT (1ULL << 52)
int vnep_map_put(struct vnep_map_txn *txn, struct vnep_json *record, const struct vnep_map_put *how,
	bool *changed, struct vnep_err *err);

/* The same for a record that is a line already (recjson.h: vnep_recjson_line or _fast), which is how many of
 * them come; cheapest in the order of vnep_map_key. A tombstone goes to vnep_map_delete. */
struct vnep_map_line {
	enum vnep_record_type type;
	const char *id; /* dev, vpc or group */
	const char *text;
	size_t len, rev_at;
	bool deleted;
	const struct vnep_device *device; /* of a live device; else not looked at */
};
enum vnep_map_change { VNEP_MAP_SAME, VNEP_MAP_ADDED, VNEP_MAP_CHANGED };
int vnep_map_put_line(struct vnep_map_txn *txn, const struct vnep_map_line *line,
	const struct vnep_map_put *how, enum vnep_map_change *what, struct vnep_err *err);

/* What put_line would do, without doing it; device is not looked at. */
int vnep_map_compare(struct vnep_map_txn *txn, const struct vnep_map_line *line,
	enum vnep_map_change *what, struct vnep_err *err);

/* What a record is called in the map; octets in the order in which the map has its records: vpcs, groups,
 * devices, bindings, each by id. id must fit a URN. */
enum { VNEP_MAP_KEY_MAX = 1 + VNEP_URN_MAX };
size_t vnep_map_key(
	enum vnep_record_type type, const char *id, uint8_t key[static VNEP_MAP_KEY_MAX]);

void vnep_map_id(enum vnep_record_type type, const uint8_t *key, size_t len,
	char id[static VNEP_URN_MAX + 1]); /* back */

/* The device in a canonical text, tree or not. */
int vnep_map_device_of(struct vnep_map_txn *txn, const char *json, size_t len,
	struct vnep_device *out, struct vnep_err *err);

/* The rules that need the whole input. Commit asks for them where the caller did not; the error names the
 * record.
 *   - nobody else has the vep, or the MAC in that VLAN; the addr of a `host` device is nobody else's
 *   - a device that names a vpc: the vpc is in the map and its prefix holds the vep
 *   - a device that names none: it belongs to the vpc with the longest prefix that holds its vep; a map
 *     without any vpc asks for none
 * Groups need no record of their own: a device may name its groups before somebody gives them an address
 * (`vnep-map check` tells). _each gives every record that fails; cb returning non-zero ends the walk. */
int vnep_map_check(struct vnep_map_txn *txn, struct vnep_err *err);
typedef int vnep_map_refused_cb(const char *dev, const struct vnep_err *why, void *arg);
int vnep_map_check_each(struct vnep_map_txn *txn, vnep_map_refused_cb *cb, void *arg,
	struct vnep_err *err);

/* What a batch that goes on without the records that are refused tries out, in a transaction that it aborts: the
 * record of a device becomes again what it was in before (a read of the same store, begun under txn), its
 * revision and history excepted. check_new is check_each of those who became doubtful since the last check: who
 * has by now what that device had. */
int vnep_map_take_back(struct vnep_map_txn *txn, struct vnep_map_txn *before, const char *dev,
	struct vnep_err *err);
int vnep_map_check_new(struct vnep_map_txn *txn, vnep_map_refused_cb *cb, void *arg,
	struct vnep_err *err);

/* The vpc a device belongs to by these rules; "" if the map has no vpc at all. VNEP_EVALUE says why not. */
int vnep_map_vpc_of(struct vnep_map_txn *txn, const struct vnep_device *device,
	char vpc[static VNEP_LABEL_MAX + 1], struct vnep_err *err);

/* Replace by a tombstone, a device together with its binding. VNEP_ENOTFOUND if it is not there. */
int vnep_map_delete(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	uint64_t if_revision, struct vnep_err *err);

/* Older records stay for a while after they were changed or deleted, and tombstones with them: 30 days unless
 * _set_history says otherwise (0: no history, and tombstones for VNEP_MAP_TOMB_LEAST_US, because there may be
 * followers). What is too old goes with the commit that says so, and later with the next changes. Bindings have no
 * history, nor have devices without consent: when it is withdrawn, theirs is dropped, and their tombstones stay no
 * longer than VNEP_MAP_TOMB_LEAST_US. _get_at: the record that had this id, or for a
 * device any word of vnep_map_resolve or a fixed address, at that time. VNEP_ENOTFOUND: none, or older than
 * history. */
#define VNEP_MAP_HISTORY_US    (30ULL * 86400 * 1000000)
#define VNEP_MAP_TOMB_LEAST_US (3600ULL * 1000000)
void vnep_map_set_history(struct vnep_map_txn *txn, uint64_t us);
int vnep_map_get_at(struct vnep_map_txn *txn, enum vnep_record_type type, const char *word,
	struct vnep_wall at, struct vnep_buf *out, struct vnep_err *err);

/* The canonical JSON of a record, appended to out without a newline. id: dev, vpc or group. */
int vnep_map_get(struct vnep_map_txn *txn, enum vnep_record_type type, const char *id,
	struct vnep_buf *out, struct vnep_err *err);
int vnep_map_get_device(struct vnep_map_txn *txn, const char *dev, struct vnep_device *out,
	struct vnep_err *err);
/* Whether more may be kept of a device than what waits for it: "consent":false says no, and so does a record that
 * cannot be read; who is not in the map was never asked. */
bool vnep_map_consents(struct vnep_map_txn *txn, const char *dev);
int vnep_map_vep_of(struct vnep_map_txn *txn, const char *dev, struct in6_addr *vep); /* or once had */
int vnep_map_get_vpc(struct vnep_map_txn *txn, const char *vpc, struct vnep_vpc *out,
	struct vnep_err *err);
int vnep_map_get_binding(struct vnep_map_txn *txn, const char *dev, struct vnep_binding *out,
	struct vnep_err *err);

/* DEV of CLI.md: a URN, a vep, a MAC (any VLAN) or a name. VNEP_EAMBIGUOUS: the hint lists candidates. */
int vnep_map_resolve(struct vnep_map_txn *txn, const char *word, char dev[static VNEP_URN_MAX + 1],
	struct vnep_err *err);

/* Index reads for the packet path. VNEP_ENOTFOUND if nobody has it. */
int vnep_map_by_vep(struct vnep_map_txn *txn, const struct in6_addr *vep,
	char dev[static VNEP_URN_MAX + 1]);
int vnep_map_by_mac(struct vnep_map_txn *txn, const struct vnep_mac *mac, uint16_t vlan,
	char dev[static VNEP_URN_MAX + 1]);
bool vnep_map_has_mac(struct vnep_map_txn *txn, const struct vnep_mac *mac); /* in whatever VLAN */

/* The device of form host that has this address. */
int vnep_map_by_host(struct vnep_map_txn *txn, const struct in6_addr *addr,
	char dev[static VNEP_URN_MAX + 1]);

/* The device of a packet, by its ends: device_end is the destination of what goes to a device, the source of what
 * comes from one, as seen on the VPC's side. It is a vep (form edge), or an addr of a device of form host whose vep
 * is other_end. */
int vnep_map_by_ends(struct vnep_map_txn *txn, const struct in6_addr *device_end,
	const struct in6_addr *other_end, char dev[static VNEP_URN_MAX + 1]);

/* A damaged record ends the walks below (VNEP_EDAMAGED), unless somebody is there to be told: then they go on,
 * as long as he returns 0. _each_id gives its id in any case. It stays until another one is put in its place,
 * or it is deleted. */
typedef int vnep_map_damage_cb(const struct vnep_err *why, void *arg);
void vnep_map_on_damage(struct vnep_map_txn *txn, vnep_map_damage_cb *cb, void *arg);

/* All records of a type in the order of their id (tombstones only if asked), or all that changed after
 * a revision in the order of revisions (tombstones included). text is lent during the call; a non-zero
 * return of cb ends the walk and is returned. */
typedef int vnep_map_cb(const char *text, size_t len, void *arg);
int vnep_map_each(struct vnep_map_txn *txn, enum vnep_record_type type, bool tombstones,
	vnep_map_cb *cb, void *arg, struct vnep_err *err);
typedef int vnep_map_id_cb(const char *id, void *arg);
int vnep_map_each_id(struct vnep_map_txn *txn, enum vnep_record_type type, vnep_map_id_cb *cb, void *arg,
	struct vnep_err *err); /* without tombstones */
/* A part of it: those behind an id, whether that is there or not. Without tombstones and what fails its checks. */
int vnep_map_each_after(struct vnep_map_txn *txn, enum vnep_record_type type, const char *after,
	vnep_map_cb *cb, void *arg, struct vnep_err *err);
/* VNEP_ECONFLICT: a tombstone behind that revision was dropped, so who goes on from there may miss it, and has to
 * begin anew, with all of the map. Never for 0: who has nothing misses nothing. */
int vnep_map_since(struct vnep_map_txn *txn, uint64_t after, vnep_map_cb *cb, void *arg,
	struct vnep_err *err);

/* The devices that name a vpc, a region or a group, or any of several, in the order of their id, each once. */
enum vnep_map_by { VNEP_MAP_BY_VPC, VNEP_MAP_BY_REGION, VNEP_MAP_BY_GROUP };
int vnep_map_each_in(struct vnep_map_txn *txn, enum vnep_map_by by, const char *const *words,
	size_t count, vnep_map_cb *cb, void *arg, struct vnep_err *err);

struct vnep_map_stat {
	uint64_t revision, devices, vpcs, groups, bindings, tombstones;
	uint64_t past;       /* older records that history has */
	uint64_t history_us; /* how long they are kept */
	uint64_t forgotten;  /* the last revision of a tombstone that was dropped */
	uint64_t octets;
};
int vnep_map_stat(struct vnep_map_txn *txn, struct vnep_map_stat *out, struct vnep_err *err);

#endif
