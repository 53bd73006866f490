/*
 * members - the devices that an instruction is for, from the map.
 *
 * Shape   a selection is a JSON object (a request of vnep-mcast has the same members): "group", a name, and the query
 *         "vpc", "region", "match", arrays of words. A device is selected if it names the group, one of the VPCs, one of the
 *         regions, and if every "KEY=VALUE" holds of its labels or of its record; what is not there asks for nothing.
 * Owner   the device of the callback is lent.
 * Errors  those of the map; VNEP_EUSAGE: neither group nor query, or a "match" that is no KEY=VALUE.
 * Cost    by a group alone: an index and no tree for each member; a query looks at the record of each.
 */
#ifndef VNEP_MEMBERS_H
#define VNEP_MEMBERS_H

#include "vnep/json.h"
#include "vnep/mapstore.h"

/* Is there more than a group in it? */
bool vnep_members_query(const struct vnep_json *selection);

typedef int vnep_members_cb(const struct vnep_device *device, void *arg);
/* In the order of their URNs; a non-zero return of cb ends the walk and is returned. */
int vnep_members_each(struct vnep_map_txn *txn, const struct vnep_json *selection, vnep_members_cb *cb,
	void *arg, struct vnep_err *err);

/* The group record of that name. VNEP_EVALUE: there is none, or its address cannot be that of a group. */
int vnep_members_group(struct vnep_map_txn *txn, const char *name, struct vnep_group *out,
	struct vnep_err *err);

/* Is value the text, number or truth that text says, or an array that holds that text? NULL is not. */
bool vnep_members_holds(const struct vnep_json *value, const char *text);

#endif
