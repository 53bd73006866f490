/*
 * acl - the map as nf_tables objects in table `netdev vnep`: what is wanted, what is there, the
 * change.
 *
 * Shape   the same few rules whatever the number of devices (DESIGN.md section 3); devices are
 *         elements of from_binding, to_binding, to_port, class, endpoint, known; presence is
 *         `awake`, which apply never touches. Counters are named objects, so a changed rule does
 *         not reset them.
 * Owner   struct vnep_acl is ours (open/close). It holds the wanted state: 64 to 128 octets a
 *         device.
 * Errors  VNEP_EPRIV (CAP_NET_ADMIN), VNEP_EKERNEL with the kernel's text and what it refused,
 *         VNEP_ENOTFOUND (no such port, no such device), VNEP_ECONFLICT (a set is there with
 *         another size: clear first), VNEP_EVALUE (two devices want one binding; a VPC that nobody
 *         described), VNEP_EUNKNOWN (look before going on).
 * Change  one batch, all or nothing; the table and base chains are never deleted on a change,
 *         elements never replaced in place.
 */
#ifndef VNEP_ACL_H
#define VNEP_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/buf.h"
#include "vnep/record.h"

struct vnep_err;
struct vnep_acl;

enum { VNEP_PORTS_MAX = 64 };

struct vnep_acl_config {
	char access[VNEP_PORTS_MAX][VNEP_IF_MAX + 1]; /* port index in tags: 1.. in this order */
	unsigned access_count;
	char core[VNEP_IF_MAX + 1]; /* its index in tags is access_count + 1 */
	char journal_port[VNEP_IF_MAX +
			  1]; /* vnep-j0; its peer gets the chain that drops everything */
	uint32_t set_size;    /* elements a set may hold; 0 = 1,048,576 */
	bool partial; /* a port that is not there is left out until it comes; else VNEP_ENOTFOUND. Its chain,
		       * if the kernel keeps it, stays: so it is shut from its first frame on. */
	const char *spool; /* A folder: the wanted devices wait in a file without a name there, 32 octets of each in memory.
			    * For who compares or applies a map once, and then ends. NULL: they are in memory. Lent. */
	const char *state; /* The state folder, where what was applied last is kept (acl-applied), so that what is not wanted any
			    * more is found without a dump of a million elements. NULL: nowhere. Lent. */
	bool resolve; /* a worker resolves the hosts of the core side: the kernel sends only to those
		       * in `reachable`, and hands over what is for others. Without one (tools by hand)
		       * it sends to every neighbour it finds. */
};

/* offline: for render and plan -n: no kernel is asked, ports need not exist. */
int vnep_acl_open(struct vnep_acl **out, const struct vnep_acl_config *config, bool offline,
	struct vnep_err *err);

/* Before another one is applied beside it: acl-applied is brought up to date. So does close. */
void vnep_acl_keep(struct vnep_acl *acl);
void vnep_acl_close(struct vnep_acl *acl);

/* The wanted state, record by record (before apply, plan, verify, render). A device is wanted as
 * endpoint and known MAC; with a binding (or a MAC and fixed addr in its record: preload) also as
 * binding; a port that is not one of ours means it is bound elsewhere, a binding without addresses
 * that it is attached nowhere: nothing is preloaded. Without a port in its record
 * it may use every access port, and to it goes by the first. VPCs may come later than devices that
 * name them, not later than devices that do not. VNEP_EVALUE: a VLAN, form host, a vpc of another
 * core port: what this edge cannot serve. */
int vnep_acl_want_vpc(struct vnep_acl *acl, const struct vnep_vpc *vpc, struct vnep_err *err);
int vnep_acl_want_device(struct vnep_acl *acl, const struct vnep_device *device,
	const struct vnep_binding *binding, struct vnep_err *err);

/* Who of the VPCs may speak to a group: of its senders those that lie in the prefix of a VPC, wherever that stands among
 * the records; a source tells its VPC, and that its core VLAN. VNEP_EVALUE: the address cannot be that of a group. */
struct vnep_group;
int vnep_acl_want_group(struct vnep_acl *acl, const struct vnep_group *group, struct vnep_err *err);
void vnep_acl_groups_forget(struct vnep_acl *acl); /* all of them */

/* Groups changed, in a running process: those that are wanted now go into the kernel, whose elements of devices are not
 * looked at. */
int vnep_acl_groups_apply(struct vnep_acl *acl, struct vnep_err *err);

/* The record of the next device is there: with a spool, an error says so where the kernel refuses an element of it.
 * file is lent. */
void vnep_acl_want_place(struct vnep_acl *acl, const char *file, unsigned line);

/* All that a map wants. preload: a fixed address without a binding counts as one. */
struct vnep_map_txn;
struct vnep_acl_from_map {
	bool preload;
	/* A record that is VNEP_EVALUE: 0 passes it over. NULL: it is the error. */
	int (*refused)(const struct vnep_err *why, void *arg);
	/* Each device that is wanted now; may be NULL. */
	int (*wanted)(const struct vnep_device *device, void *arg);
	void *arg;
};
int vnep_acl_want_map(struct vnep_acl *acl, struct vnep_map_txn *txn,
	const struct vnep_acl_from_map *how, struct vnep_err *err);

/* Of it the groups alone, in place of those that were wanted. */
int vnep_acl_want_groups(struct vnep_acl *acl, struct vnep_map_txn *txn,
	const struct vnep_acl_from_map *how, struct vnep_err *err);

/* What apply would change, as difference records (what: add, change, delete). Returns VNEP_EDIFFERS
 * if there is something, 0 if not. emit gets whole lines. */
typedef int vnep_acl_emit_cb(struct vnep_buf *lines, void *arg);
int vnep_acl_plan(struct vnep_acl *acl, vnep_acl_emit_cb *emit, void *arg, struct vnep_err *err);

/* Make the kernel hold the wanted state: rules that differ, elements that are missing or foreign.
 * The journal port must be there (rtnl). *changes counts objects. */
int vnep_acl_apply(struct vnep_acl *acl, uint64_t *changes, struct vnep_err *err);

/* Kernel against wanted, as difference records (missing, foreign, different). VNEP_EDIFFERS if any.
 */
int vnep_acl_verify(struct vnep_acl *acl, vnep_acl_emit_cb *emit, void *arg, struct vnep_err *err);

/* The whole ruleset as text for `nft -f -` or as JSON for `nft -j -f -`. */
int vnep_acl_render(
	struct vnep_acl *acl, bool json, vnep_acl_emit_cb *emit, void *arg, struct vnep_err *err);

/* The same as OpenFlow 1.3 for ovs-ofctl (openflow.h); first lost is told each thing that OpenFlow cannot express, a
 * sentence. */
typedef int vnep_acl_lost_cb(const char *text, void *arg);
int vnep_acl_openflow(struct vnep_acl *acl, vnep_acl_emit_cb *emit, vnep_acl_lost_cb *lost, void *arg,
	struct vnep_err *err);

/* One device changed, in a running process: one batch. device may be unwanted again with _unset. */
int vnep_acl_device_set(struct vnep_acl *acl, const struct vnep_device *device,
	const struct vnep_binding *binding, struct vnep_err *err);
int vnep_acl_device_unset(struct vnep_acl *acl, const struct in6_addr *vep, struct vnep_err *err);

/* The fullest of the sets that grow with the map: how many elements the wanted state gives it, of how many that it may
 * hold. True from 80 % on: time to say so. What is beyond is refused, VNEP_EVALUE, by plan, apply, verify and render. */
struct vnep_acl_fill {
	const char *set;
	uint64_t count;
	uint32_t size;
};
bool vnep_acl_filling(struct vnep_acl *acl, struct vnep_acl_fill *out);

/* Presence. t3324_ms 0: no timeout (always listens). Adding what is there, or removing what is not,
 * is done without an error. */
int vnep_acl_awake_add(
	struct vnep_acl *acl, const struct in6_addr *vep, uint64_t t3324_ms, struct vnep_err *err);
int vnep_acl_awake_remove(struct vnep_acl *acl, const struct in6_addr *vep, struct vnep_err *err);

/* Is it a member, and for how long: *left_ms 0 = no (expired), UINT64_MAX = without timeout. */
int vnep_acl_awake_get(
	struct vnep_acl *acl, const struct in6_addr *vep, uint64_t *left_ms, struct vnep_err *err);
typedef int vnep_acl_awake_cb(const struct in6_addr *vep, uint64_t left_ms, void *arg);
int vnep_acl_awake_each(
	struct vnep_acl *acl, vnep_acl_awake_cb *cb, void *arg, struct vnep_err *err);

/* Hosts and next hops of the core side that the worker resolved (config.resolve), by their key: the
 * address under which the kernel looks up the neighbour. It is the address itself, but for link-local
 * ones of a tagged VPC: fe80::1 is somebody else in each VLAN, so the VLAN stands in the third and
 * fourth octet, which RFC 4291 2.5.6 leaves zero. Adding what is there and removing what is not is
 * done without an error. Order: neighbour first, then _add; _remove first, then the neighbour. */
void vnep_acl_host_key(const struct in6_addr *addr, uint16_t vlan, struct in6_addr *key);
int vnep_acl_reachable_add(
	struct vnep_acl *acl, const struct in6_addr *key, struct vnep_err *err);
int vnep_acl_reachable_remove(
	struct vnep_acl *acl, const struct in6_addr *key, struct vnep_err *err);
typedef int vnep_acl_reachable_cb(const struct in6_addr *key, void *arg);
int vnep_acl_reachable_each(
	struct vnep_acl *acl, vnep_acl_reachable_cb *cb, void *arg, struct vnep_err *err);

/* MTU, addresses or index of a port changed: read them anew and change the rules that say so. */
int vnep_acl_ports_changed(struct vnep_acl *acl, struct vnep_err *err);

/* Every named counter of the table, added up as the conservation law needs it (packets, since the
 * table was made; generation tells one making from the next: the table's handle). */
struct vnep_acl_counters {
	uint64_t generation;
	uint64_t arrived;		/* first rule of every port's chain */
	uint64_t forwarded_from_device; /* to the core */
	uint64_t forwarded_to_device;	/* to an access port */
	uint64_t journal;		/* not awake: to the ring */
	uint64_t ask; /* what needs an answer or a decision of the worker: to the ring */
	uint64_t copy_wake, copy_tap_from, copy_tap_to, copy_sample, copy_big;
	uint64_t dropped[VNEP_REASON_COUNT];
};
int vnep_acl_counters(struct vnep_acl *acl, struct vnep_acl_counters *out, struct vnep_err *err);

/* Each named counter: arrived.PORT, ask.PORT, drop.REASON.PORT; shared by all ports: drop.REASON,
 * journal, forwarded.from-device, forwarded.to-device, copy.wake, copy.tap.from-device,
 * copy.tap.to-device, copy.sample. */
typedef int vnep_acl_counter_cb(const char *name, uint64_t packets, uint64_t octets, void *arg);
int vnep_acl_each_counter(
	struct vnep_acl *acl, vnep_acl_counter_cb *cb, void *arg, struct vnep_err *err);

/* How long a bound device listens, by its class in the kernel. always: it has no active time.
 * *t3324_s 0 (and not always): it is asleep at once, so never a member. VNEP_ENOTFOUND: no binding.
 */
int vnep_acl_t3324_get(struct vnep_acl *acl, const struct in6_addr *vep, bool *always,
	uint32_t *t3324_s, struct vnep_err *err);

/* The configuration that the kernel's table was made with. VNEP_ENOTFOUND: no table. */
int vnep_acl_config_read(struct vnep_acl_config *out, struct vnep_err *err);

/* Changes of awake by hand or by another process (not by packets: the kernel is silent about
 * those). The socket is to be polled; VNEP_EUNKNOWN: events were lost, look anew. */
struct vnep_nl;
typedef int vnep_acl_presence_cb(const struct in6_addr *vep, bool awake, void *arg);
int vnep_acl_events_open(struct vnep_nl **out, struct vnep_err *err);
int vnep_acl_events(struct vnep_nl *nl, vnep_acl_presence_cb *cb, void *arg, struct vnep_err *err);

/* The kernel's bindings with their counters and presence (dev is "": the caller's map names it). */
typedef int vnep_acl_element_cb(const struct vnep_element *element, void *arg);
int vnep_acl_each_element(
	struct vnep_acl *acl, vnep_acl_element_cb *cb, void *arg, struct vnep_err *err);

/* How many packets the kernel counted from each of these addresses of a device, since its element was made. */
int vnep_acl_device_use(struct vnep_acl *acl, const struct in6_addr *vep, const struct in6_addr *addr,
	unsigned count, uint64_t *packets, struct vnep_err *err);

/* What happened to the table, read from a socket of vnep_acl_events_open: did somebody else take it, a chain or a rule
 * of it away, or change one? Also where events were lost and the table is not there. */
int vnep_acl_touched(struct vnep_acl *acl, struct vnep_nl *events, bool *touched, struct vnep_err *err);

/* Is the table there, and does it look like ours? 0, VNEP_ENOTFOUND. */
int vnep_acl_present(struct vnep_acl *acl, struct vnep_err *err);

/* Remove the table. 0 also if it was not there. */
int vnep_acl_clear(struct vnep_acl *acl, struct vnep_err *err);

#endif
