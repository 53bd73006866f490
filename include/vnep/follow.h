/*
 * follow - the kernel follows the map: the wanted state of a map, and then each change of it.
 *
 * Shape   a change of a device is the change of its few elements, in one batch, whatever the number of
 *         devices. A vpc, or more than 4,096 changes at once, is one comparison of everything: rules and
 *         elements that differ are changed, the others stay.
 *         What somebody else took away or changed is made again.
 * Owner   struct vnep_follow is ours (new/free); acl, map and callbacks are the caller's and outlive it.
 * Errors  what acl.h says. A record that this edge cannot serve is told to refused and passed over; its
 *         device is wanted no more.
 */
#ifndef VNEP_FOLLOW_H
#define VNEP_FOLLOW_H

#include "vnep/acl.h"
#include "vnep/mapstore.h"

struct vnep_follow;

struct vnep_follow_events {
	/* A record of the map that the kernel follows now: what is "add", "change" or "delete". */
	int (*changed)(const char *what, const char *record, size_t len, void *arg);
	/* Everything was compared: so many objects of the kernel changed. */
	int (*compared)(uint64_t changes, void *arg);
	int (*refused)(const struct vnep_err *why, void *arg); /* a record */
	void *arg;
};

/* Compares everything, so that kernel and map are one when it returns; tells compared. */
int vnep_follow_new(struct vnep_follow **out, const struct vnep_acl_config *config,
	struct vnep_mapstore *map, const struct vnep_follow_events *events, struct vnep_err *err);
void vnep_follow_free(struct vnep_follow *follow);

/* The descriptor that is readable when somebody changed the table; then call _guard. *touched: it was not we. */
int vnep_follow_fd(const struct vnep_follow *follow);
int vnep_follow_guard(struct vnep_follow *follow, bool *touched, struct vnep_err *err);

/* The map may have changed: follow it. */
int vnep_follow_map(struct vnep_follow *follow, struct vnep_err *err);

uint64_t vnep_follow_revision(
	const struct vnep_follow *follow); /* of the map, that the kernel has */

#endif
