/*
 * acl-private - what the acl-*.c files share.
 *
 *     acl.c            open and close, presence        acl-rules.c        the chains: which, in what order
 *     acl-want.c       the wanted state by records     acl-rules-port.c   what arrives at a port
 *     acl-index.c      places by a hash
 *     acl-intern.c     what many devices share         acl-rules-path.c   from and to devices
 *     acl-elements.c   elements of a wanted state      acl-emit.c         rules in the words of the model
 *     acl-diff.c       kernel against wanted           acl-sync.c         elements of a small set
 *     acl-device.c     one device changed              acl-read.c         what the kernel tells
 *     acl-stream.c     elements of devices in a set    acl-there.c        and what rules it has
 *     acl-reachable.c  resolved hosts                  acl-render.c       text and JSON
 *     acl-openflow.c   flows                           acl-fill.c         how full the sets get
 *     acl-map.c        the wanted state of a map       follow.c           each change of it
 *     acl-spool.c      devices in a file, not in memory
 *     acl-applied.c    what was applied last            acl-group.c        who may speak to which group
 *
 * The wanted state is kept small, because there may be a million devices: a struct acl_device of 72
 * octets in a table by its virtual endpoint and one by its MAC. What many share (VPC, policy, class, lane)
 * is interned and named by an index. Elements are made from that, one set at a time, when they are needed.
 */
#ifndef VNEP_ACL_PRIVATE_H
#define VNEP_ACL_PRIVATE_H

#include <string.h>

#include "vnep/acl.h"
#include "vnep/nft.h"
#include "vnep/ruleset.h"
#include "vnep/table.h"
#include "vnep/u64s.h"

#define ACL_NONE UINT32_MAX

struct acl_vpc {
	struct vnep_vpc vpc;
	bool defined; /* or only named by a device so far */
	/* devices of it without and with a VLAN, and the first of each, for errors */
	struct acl_side {
		uint32_t users;
		char first[VNEP_URN_MAX + 1];
	} side[2];
	uint32_t hosts;			   /* devices of form host */
	uint32_t plain[2]; /* the policies of devices without an allow list, and of those of form host; or ACL_NONE */
	char chain[VNEP_NFT_NAME_MAX + 1]; /* where its packets are routed */
};

struct acl_policy {
	uint32_t vpc;
	bool host;		  /* form host: to its V alone */
	struct vnep_allow *allow; /* count 0: the VPC's prefix */
	size_t allow_count;
	uint32_t users; /* classes */
	size_t consent; /* index in rs.chains since the last build; SIZE_MAX: no other VPC may send */
	char chain[VNEP_NFT_NAME_MAX + 1];
};

struct acl_class {
	uint32_t policy;
	bool has_psm, tap;
	uint32_t t3324_s;
	uint32_t users; /* devices */
	size_t chain;	/* index in rs.chains since the last build */
	char name[VNEP_NFT_NAME_MAX + 1];
};

/* A way out to devices: a port, a VLAN, and by which address the neighbour is known. */
struct acl_lane {
	struct acl_lane_key {
		uint8_t port;
		bool host; /* form host */
		bool tap;  /* a copy of each packet to the journal port */
		uint16_t vlan;
	} key;
	uint32_t users;
	size_t chain; /* index in rs.chains since the last build */
};

enum { ACL_PORT_ANY = 254, ACL_PORT_NONE = 255 }; /* else an index of config.access */

struct acl_device {
	struct in6_addr vep;
	struct in6_addr addr;  /* where to-device packets go */
	struct in6_addr *more; /* further addresses it may use */
	struct acl_device *same_mac; /* the next one, in another VLAN */
	uint32_t class;	       /* ACL_NONE: no binding, only an endpoint */
	uint32_t vpc;	       /* of the VPC it needs */
	uint32_t lane;
	struct vnep_mac mac;
	uint16_t vlan;
	uint8_t more_count;
	uint8_t port;
	bool has_mac, host;
};

enum { ACL_ADDRESSES = 16 }; /* of a port */

struct acl_port { /* what the kernel says of it */
	uint32_t index; /* 0: not there */
	uint32_t mtu;	/* 0: not known (offline) */
	struct vnep_mac mac;
	struct in6_addr addr[ACL_ADDRESSES];
	unsigned addr_count;
};

/* Places in one of the arrays by a hash of what they are known by: there may be thousands. */
struct acl_index {
	struct acl_index_slot {
		uint64_t hash;
		uint32_t place; /* and one: 0 is a free slot */
	} * slots;
	size_t cap, count;
};

struct vnep_acl {
	struct vnep_acl_config config;
	bool offline;
	struct vnep_nl *nl, *rt;
	struct acl_port port[VNEP_PORTS_MAX + 1]; /* access ports, then the core port */
	uint32_t journal_index;			  /* 0: not there */

	struct vnep_table devices, by_mac;
	struct acl_spool *spool; /* where the devices are instead, or NULL */
	struct acl_spool *settled; /* where they were, or NULL */
	const char *place_file;	   /* of the record whose device is wanted next */
	unsigned place_line;
	struct acl_vpc *vpcs;
	struct acl_policy *policies;
	struct acl_class *classes;
	struct acl_lane *lanes;
	size_t vpc_count, policy_count, class_count, lane_count;
	struct acl_index by_vpc, by_policy, by_class, by_lane;
	struct vnep_table groups; /* acl-group.c: those that have senders, by their names */

	uint64_t filled[VNEP_SET_COUNT]; /* acl-fill.c: elements that devices mean, but for known */
	struct vnep_ruleset rs;
	bool built;	/* rs is that of the wanted state */
	bool installed; /* the kernel has the chains of rs, by our own doing */
	bool stale;	/* and some that nobody uses any more */
	bool doubt;	/* a change of elements failed: nobody knows what the kernel has */
	bool applied_old; /* devices have changed since acl-applied was written */
	struct vnep_nft_batch *batch; /* of single changes: kept for its memory */
};

/* Is this one of our ports, and not there now? */
static inline bool acl_port_absent(const struct vnep_acl *acl, const char *device)
{
	for (unsigned i = 0; !acl->offline && i <= acl->config.access_count; i++)
		if (!strcmp(device, i < acl->config.access_count ? acl->config.access[i] : acl->config.core))
			return !acl->port[i].index;
	return false;
}

static inline const struct acl_port *acl_core(const struct vnep_acl *acl)
{
	return &acl->port[acl->config.access_count];
}

/* acl-index.c: the next place of this hash, *probe 0 for the first; ACL_NONE behind the last. */
uint32_t acl_index_next(const struct acl_index *index, uint64_t hash, size_t *probe);
int acl_index_put(struct acl_index *index, uint64_t hash, size_t place);
void acl_index_release(struct acl_index *index);

/* acl-intern.c: slots of what is shared, made if it is not there. ACL_NONE: no memory. */
uint32_t acl_vpc_slot(struct vnep_acl *acl, const char *name);
uint32_t acl_lane_slot(struct vnep_acl *acl, struct acl_lane_key key);
int acl_class_slot(struct vnep_acl *acl, uint32_t vpc, const struct vnep_device *device,
	uint32_t *out, struct vnep_err *err);

/* A device begins (+1) or ceases (-1) to use what its indexes name: rules come and go with that. */
void acl_use(struct vnep_acl *acl, const struct acl_device *d, int by);
void acl_interned_release(struct vnep_acl *acl);

/* acl-fill.c: its elements come (+1) or go (-1). VNEP_EVALUE: a set cannot hold what is wanted. */
void acl_fill(struct vnep_acl *acl, const struct acl_device *d, int by);
int acl_fill_check(struct vnep_acl *acl, struct vnep_err *err);

/* acl-want.c */
void acl_wants_release(struct vnep_acl *acl);

/* A copy of a device, whose use was counted, into the tables. */
int acl_device_enter(struct vnep_acl *acl, const struct acl_device *d, struct vnep_err *err);

/* acl-spool.c */
struct acl_spool {
	int fd;
	struct vnep_buf tail; /* not written yet */
	uint64_t octets;
	struct vnep_u64s macs, seen; /* seen: hashes of what may be one device's only */
	bool sealed;		     /* both are sorted, and nothing was seen twice */
	uint8_t key[16];
};
int acl_spool_open(struct vnep_acl *acl, struct vnep_err *err);
void acl_spool_free(struct acl_spool *spool);
int acl_spool_put(struct vnep_acl *acl, const struct acl_device *d, struct vnep_err *err);
size_t acl_spool_macs(struct acl_spool *spool); /* how many, each once */
uint64_t acl_spool_hash(const struct acl_spool *spool, const void *key, size_t len);

/* Before a walk: all devices are there, each of them once; else they are in the tables. Without a spool: nothing. */
int acl_spool_seal(struct vnep_acl *acl, struct vnep_err *err);

/* Into the tables, for who looks devices up. */
int acl_spool_settle(struct vnep_acl *acl, struct vnep_err *err);

/* The place of the record that an element is of into err, if there is one. */
void acl_spool_place(
	struct vnep_acl *acl, enum vnep_set set, const uint8_t *key, struct vnep_err *err);

/* Each device, or for each MAC one that has it; lent until the next. In the end ask rc (-errno), and release. */
struct acl_walk {
	const struct vnep_acl *acl;
	const struct acl_spool *spool;
	bool by_mac;
	size_t i;
	int rc;
	struct in6_addr *more; /* of device; behind it chunk, of the file: octets [at, len), then those from offset on */
	uint8_t *chunk;
	size_t at, len;
	uint64_t offset;
	struct acl_spooled {
		struct acl_device d;
		const char *file; /* lent */
		unsigned line;
	} device;
};
void acl_walk_begin(struct acl_walk *walk, const struct vnep_acl *acl, bool by_mac);
const struct acl_device *acl_walk_next(struct acl_walk *walk);
void acl_walk_end(struct acl_walk *walk);

/* acl-rules.c: make rs from the wanted state, if it changed. The ports are read anew. */
int acl_build(struct vnep_acl *acl, struct vnep_err *err);

/* The comment of the first rule of a port's chain, by which a later run finds the configuration
 * again. */
#define ACL_COMMENT_ACCESS  "arrived, access port "
#define ACL_COMMENT_CORE    "arrived, core port "
#define ACL_COMMENT_JOURNAL "for the ring of "
#define ACL_COMMENT_RESOLVE ", hosts resolved"

/* acl-elements.c */
struct acl_elements {
	struct vnep_set_element *items; /* sorted by key, each once */
	size_t count, cap;
	enum vnep_set set;
	int rc; /* sticky: 0 or -ENOMEM */
};

/* The wanted elements of a set; rs must be built. VNEP_EVALUE: two devices want one key. */
int acl_elements_want(
	struct vnep_acl *acl, enum vnep_set set, struct acl_elements *out, struct vnep_err *err);

/* Do two devices want one binding? Asked before anything is written. */
int acl_elements_check(struct vnep_acl *acl, struct vnep_err *err);
void acl_elements_add(struct acl_elements *e, const uint8_t *key, const uint8_t *data);
void acl_elements_release(struct acl_elements *e);

/* acl-group.c: those of group, or of group_vlan, appended. */
void acl_elements_groups(const struct vnep_acl *acl, struct acl_elements *out);

/* Those of one device alone, appended. */
void acl_elements_device(
	const struct vnep_acl *acl, const struct acl_device *d, struct acl_elements *out);
void acl_elements_sort(struct acl_elements *e);
struct vnep_set_element *acl_elements_find(const struct acl_elements *e, const uint8_t *key);

/* Is what the kernel holds under this key what is wanted? */
bool acl_element_same(const struct vnep_acl *acl, enum vnep_set set,
	const struct vnep_set_element *wanted, const struct vnep_nft_element_info *there);

/* The parts of a key of from_binding, from_vlan, from_host, from_host_vlan. */
struct acl_key {
	uint32_t ifindex;
	uint16_t vlan; /* 0: the set is for untagged ones */
	struct vnep_mac mac;
	struct in6_addr addr;
};
void acl_key_write(enum vnep_set set, const struct acl_key *key, uint8_t out[static VNEP_KEY_MAX]);
void acl_key_read(enum vnep_set set, const uint8_t *octets, struct acl_key *out);

/* acl.c: one element of a live set put, deleted, or both in one batch; removed if it is there. */
int acl_element_change(struct vnep_acl *acl, enum vnep_set set, const struct in6_addr *key,
	bool delete, bool put, uint64_t timeout_ms, struct vnep_err *err);
int acl_element_remove(struct vnep_acl *acl, enum vnep_set set, const struct in6_addr *key,
	struct vnep_err *err);

/* The members of a live set. items are the caller's to free. */
struct acl_members {
	struct acl_member {
		struct in6_addr vep;
		uint64_t timeout_ms, left_ms;
	} * items;
	size_t count, cap;
};
int acl_members_read(
	struct vnep_acl *acl, enum vnep_set set, struct acl_members *out, struct vnep_err *err);

/* acl-diff.c */
enum acl_mode { ACL_PLAN, ACL_VERIFY, ACL_APPLY };
struct acl_diff {
	struct vnep_acl *acl;
	enum acl_mode mode;
	vnep_acl_emit_cb *emit;
	void *arg;
	struct vnep_nft_batch *batch; /* apply */
	struct vnep_buf line;
	uint64_t changes;
};
enum acl_change { ACL_ADD, ACL_CHANGE, ACL_DELETE };

/* One difference: counted, and reported unless applying. what is "chain", "set", … */
int acl_diff_object(struct acl_diff *d, enum acl_change change, const char *what, const char *name);
int acl_diff_element(struct acl_diff *d, enum acl_change change, enum vnep_set set,
	const uint8_t *key, const uint8_t *data, const char *chain);

/* The same of an element that is wanted, or is not (ACL_DELETE). */
int acl_diff_item(struct acl_diff *d, enum vnep_set set, enum acl_change change,
	const struct vnep_set_element *item);

/* Rules and counters, and what else is said: the elements of all sets, those of the ports or of groups alone, and the
 * removal of what is not wanted any more. */
enum { ACL_RULES = 0, ACL_ELEMENTS = 1, ACL_FOREIGN = 2, ACL_ROUTERS = 4, ACL_GROUPS = 8 };
int acl_sync(struct vnep_acl *acl, unsigned parts, uint64_t *changes, struct vnep_err *err);

/* Are its elements those of devices, one by one, and may be a million? */
static inline bool acl_of_devices(enum vnep_set set)
{
	return set <= VNEP_SET_CONSENT || set == VNEP_SET_ENDPOINT || set == VNEP_SET_KNOWN;
}

/* acl-stream.c: the differences of such a set; there NULL: the kernel does not have it. */
int acl_diff_devices(struct acl_diff *d, enum vnep_set set, const struct vnep_nft_set_info *there,
	struct vnep_err *err);
bool acl_element_wanted(const struct vnep_acl *acl, enum vnep_set set, const uint8_t *key);

/* acl-applied.c: all devices into STATE/acl-applied, if there is a state folder. */
void acl_applied_write(struct vnep_acl *acl);

/* Those that were written last; NULL: nobody knows. */
struct acl_applied;
struct acl_applied *acl_applied_open(
	const struct vnep_acl *acl, uint64_t elements); /* so many are in the set: a much longer file is none of it */
void acl_applied_close(struct acl_applied *applied);

/* The elements of the next of them, appended: their keys alone mean something. */
bool acl_applied_next(struct acl_applied *applied, struct acl_elements *out);

/* acl-sync.c: the differences of another set's elements: of those that are wanted, of those that are not. */
enum { ACL_WANTED = 1, ACL_UNWANTED = 2 };
int acl_diff_set(
	struct acl_diff *d, enum vnep_set set, unsigned which, struct vnep_err *err);

#endif
