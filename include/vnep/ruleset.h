/*
 * ruleset - the rules of table `netdev vnep` as data: chains of rules, rules of statements, a
 * fixed list of sets.
 *
 * Why     two back-ends write it, netlink (os/nft) and text (codec/nfttext, codec/nftjson): one
 *         model, so that what a person reads and what the kernel runs cannot disagree.
 * Shape   chains are added one after the other; rules go to the chain added last, statements to
 *         the rule added last. Rules of a chain, statements of a rule lie side by side. Addresses
 *         in network order.
 * Owner   the ruleset owns everything in it (init/release). Pointers into it live until the next
 *         _add.
 * Errors  sticky, as in buf.h: build everything, then ask rs->rc (0 or -ENOMEM) once.
 */
#ifndef VNEP_RULESET_H
#define VNEP_RULESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/addr.h"
#include "vnep/buf.h"
#include "vnep/record.h"
#include "vnep/tag.h"

enum {
	VNEP_NFT_NAME_MAX = 111,   /* chains and counters; the kernel takes 255 */
	VNEP_NFT_COMMENT_MAX = 63, /* rules, with the hash; the kernel takes 252, nft prints 128 */
};

#define VNEP_NFT_TABLE "vnep"

/* The sets and maps, always in this order; all of them, but see vnep_ruleset_has_set. */
enum vnep_set {
	VNEP_SET_FROM_BINDING, /* iif . ether saddr . ip6 saddr : V, a counter in each element */
	VNEP_SET_FROM_VLAN,    /* the same of tagged devices: iif . vlan id . ether saddr . ip6 saddr */
	VNEP_SET_FROM_HOST,    /* form host: iif . ether saddr . ip6 saddr, a counter in each element */
	VNEP_SET_FROM_HOST_VLAN, /* form host, tagged */
	VNEP_SET_HOST_PAIR,    /* form host: L . V, the two that may talk */
	VNEP_SET_TO_BINDING,   /* V : L */
	VNEP_SET_TO_PORT,      /* V : goto to_<port>[.<vlan>], or host_… for form host */
	VNEP_SET_CLASS,	       /* V : goto class_… */
	VNEP_SET_CONSENT,      /* V : goto consent_…, devices that may talk to other VPCs */
	VNEP_SET_CORE_VLAN,    /* core VLAN : goto core_vlan_… */
	VNEP_SET_ENDPOINT,     /* every V of the region, bound or not */
	VNEP_SET_KNOWN,	  /* MACs of the map, in whatever VLAN: a budget of their own */
	VNEP_SET_ROUTER,  /* addresses of the edge itself, fe80::1 among them: it answers echo */
	VNEP_SET_AWAKE,	  /* V, with a timeout unless the device always listens */
	VNEP_SET_REACHABLE, /* resolved hosts and next hops of the core side: the worker's, not apply's */
	VNEP_SET_SOLICIT, /* ICMPv6 types that ask for an answer: constant */
	VNEP_SET_ADVERT,  /* ICMPv6 types that nobody here listens to: constant */
	VNEP_SET_ERROR,	  /* ICMPv6 errors: constant */
	VNEP_SET_GROUP,	  /* sender . address of a group that it may speak to, from the core port */
	VNEP_SET_GROUP_VLAN, /* core VLAN . sender . address: the same of tagged VPCs */
	VNEP_SET_PORT_CHAIN, /* the kernel's alone: see vnep_set_spec.chains */
	VNEP_SET_CLASS_CHAIN,
	VNEP_SET_CONSENT_CHAIN,
	VNEP_SET_COUNT
};

enum vnep_nft_type {
	VNEP_NFT_NONE,
	VNEP_NFT_IIF,
	VNEP_NFT_VLAN,
	VNEP_NFT_MAC,
	VNEP_NFT_IP6,
	VNEP_NFT_IP6_DEST, /* the same of the destination, in keys that have both ends */
	VNEP_NFT_ICMP_TYPE,
	VNEP_NFT_MARK, /* a number in host order: meta mark */
	VNEP_NFT_VERDICT
};

enum {
	VNEP_KEY_PARTS = 4,
	VNEP_KEY_MAX = 36, /* octets of the longest key: VLAN 2 + 2, two addresses of 16 */
};

struct vnep_set_spec {
	const char *name;
	const char *comment;
	enum vnep_nft_type key[VNEP_KEY_PARTS]; /* VNEP_NFT_NONE behind the last */
	enum vnep_nft_type data;   /* VNEP_NFT_NONE: a set, else a map */
	uint8_t key_len, data_len; /* octets; a verdict's data is an index, see below */
	bool counter;		   /* in each element */
	bool timeout;		   /* with timeouts: rules change it */
	bool live;		   /* its elements come and go by themselves: apply never touches them */
	uint32_t size;		   /* 0 = as configured */
	/* A map of endpoints to verdicts has a second one in the kernel (0: none): the first gives the number of a
	 * chain, the second the verdict of that number. For whenever a verdict is added to a map, the kernel walks
	 * through all of it and what it leads to (nft_table_validate: 48 ms with 100,000 of them, for each batch),
	 * and the second has one for each chain, not one for each device. The number goes by way of the packet's
	 * mark: nft(8) aborts when it lists a look-up of what was looked up. Text has the one map. */
	enum vnep_set chains;
	bool kernel; /* such a second one */
};
extern const struct vnep_set_spec vnep_set_specs[VNEP_SET_COUNT];

/* Does its size follow the configuration? Such sets get the flag `timeout`, also where no element has one: the kernel
 * then lets their hash table grow with what is in it, where it would give others all of it at once (8 octets for each
 * element that a set may hold, 100 MB for a table; net/netfilter/nft_set_hash.c). Then it also walks through them in
 * search of what timed out, once a second: without timeouts, once a day is enough. */
bool vnep_set_grows(const struct vnep_set_spec *spec);

/* Are its data verdicts in the kernel, too? */
static inline bool vnep_set_has_verdicts(const struct vnep_set_spec *spec)
{
	return spec->data == VNEP_NFT_VERDICT && !spec->chains;
}
enum { VNEP_SET_GC_MS = 86400000 };

/* Is a VLAN part of its key? */
bool vnep_set_has_vlan(const struct vnep_set_spec *spec);

/* One element. key: parts as the kernel concatenates them (each padded to four octets). data: an
 * address, or for verdicts the index of the chain in its first four octets (host order), or zeros.
 */
struct vnep_set_element {
	uint8_t key[VNEP_KEY_MAX];
	uint8_t data[16];
	uint32_t flags; /* the caller's */
};

enum vnep_field {
	VNEP_FIELD_SRC,
	VNEP_FIELD_DEST,
	VNEP_FIELD_SRC_MAC,
	VNEP_FIELD_ICMP_TYPE,
	VNEP_FIELD_VLAN, /* of a frame that has a tag: the rules before made sure */
};

enum vnep_stmt_kind {
	VNEP_STMT_ETHER_TYPE,	/* match: the frame's type is number */
	VNEP_STMT_PROTOCOL,	/* match: behind its tag the frame has type number */
	VNEP_STMT_NOT_IPV6,	/* match: behind its tag, if it has one */
	VNEP_STMT_NOT_HOST,	/* match: not for this port's MAC */
	VNEP_STMT_HOST,		/* match: for it */
	VNEP_STMT_HOP_LIMIT,	/* match: hop limit <= number */
	VNEP_STMT_HOPS_LEFT,	/* match: hop limit > number */
	VNEP_STMT_ICMP_TYPE,	/* match: an ICMPv6 message of type number */
	VNEP_STMT_IN_SET,	/* match: field is in set */
	VNEP_STMT_NOT_IN_SET,	/* match: field is not in set */
	VNEP_STMT_IN_PREFIX,	/* match: field is in prefix */
	VNEP_STMT_REACHABLE,	/* match: addr is in `reachable` */
	VNEP_STMT_IN_BINDING,	/* match: the frame is of a binding of set (form host) */
	VNEP_STMT_HOST_PAIR,	/* match: L and V are a pair; field: where L stands, SRC or DEST */
	VNEP_STMT_IN_GROUP,	/* match: source and destination (and VLAN) are in set, group or group_vlan */
	VNEP_STMT_VLAN,		/* match: the tag's VLAN is number */
	VNEP_STMT_LONGER,	/* match: the packet has more than number octets */
	VNEP_STMT_FRAGMENTED,	/* match: it has a fragment header */
	VNEP_STMT_LATER,	/* match: a fragment, and not the first: it has no ports */
	VNEP_STMT_PROTO,	/* match: upper layer protocol is number */
	VNEP_STMT_NOT_PROTO,	/* match: it is known, and it is not number */
	VNEP_STMT_PORTS,	/* match: destination port from number to number2 */
	VNEP_STMT_LIMIT,	/* match: at most number packets a second, number2 at once */
	VNEP_STMT_COUNT,	/* named counter */
	VNEP_STMT_TAG,		/* write the tag into the destination MAC */
	VNEP_STMT_SET_VLAN,	/* write VLAN number into the frame's tag, which is there */
	VNEP_STMT_FWD,		/* end: out of the port (the journal port) as it is */
	VNEP_STMT_DUP,		/* a copy out of the port */
	VNEP_STMT_UPDATE_AWAKE, /* V, which stands in field, listens for number ms from now */
	VNEP_STMT_FROM_BINDING, /* source L becomes V, by set; no binding: the rule ends here */
	VNEP_STMT_TO_BINDING, /* destination V becomes L, V is kept for DELIVER; none: the rule ends
				 here */
	VNEP_STMT_DELIVER,    /* end: out of the port (in VLAN number), the neighbour is looked up by the V kept */
	VNEP_STMT_DELIVER_HOST, /* the same by the source, which is V: form host */
	VNEP_STMT_ROUTE, /* end: out of the port to the destination, or to addr unless it is :: */
	VNEP_STMT_VMAP,	 /* end where the map says: field looked up in set */
	VNEP_STMT_GOTO,	 /* end: chain name */
	VNEP_STMT_JUMP,	 /* chain name, and back when it returns or runs out */
	VNEP_STMT_RETURN, /* end: back to where the jump was */
	VNEP_STMT_DROP	 /* end */
};

struct vnep_stmt {
	enum vnep_stmt_kind kind;
	enum vnep_field field;
	enum vnep_set set;
	uint64_t number, number2;
	struct vnep_prefix prefix;
	struct in6_addr addr;
	struct vnep_tag tag;
	char name[VNEP_NFT_NAME_MAX + 1]; /* counter, chain; port of FWD, DUP, DELIVER, ROUTE */
	uint32_t ifindex;		  /* of that port; 0 when rendering */
};

struct vnep_rule {
	char comment[VNEP_NFT_COMMENT_MAX +
		     1];     /* the short text; the hash is added where it is written */
	size_t first, count; /* statements */
	/* It only comes sooner to what the rules behind it come to: the kernel does less for a packet. Who wants to
	 * know why, and who asks other hardware for the same, may leave it out. */
	bool shortcut;
};

struct vnep_chain {
	char name[VNEP_NFT_NAME_MAX + 1];
	char comment[VNEP_NFT_COMMENT_MAX + 1];
	char device[VNEP_IF_MAX +
		    1]; /* base chain: ingress of this port, policy drop; "" = a regular chain */
	size_t first, count; /* rules */
	uint32_t number; /* for maps: of the name, so mostly the same in every run; no other chain has it */
};

struct vnep_ruleset {
	struct vnep_chain *chains;
	struct vnep_rule *rules;
	struct vnep_stmt *stmts;
	char (*counters)[VNEP_NFT_NAME_MAX + 1]; /* each name once, in the order of first use */
	size_t chain_count, rule_count, stmt_count, counter_count;
	size_t chain_cap, rule_cap, stmt_cap, counter_cap;
	/* Whose number is whose, now and in the ruleset before (vnep_ruleset_again): open addressing. */
	struct vnep_chain_number {
		uint64_t owner; /* the hash of the chain's name */
		uint32_t number; /* 0: free */
	} * numbers, *past;
	size_t number_cap, past_cap;
	uint32_t set_size;
	int rc;
};

/* Does it read or write the tag of the frame? */
bool vnep_stmt_reads_vlan(const struct vnep_stmt *stmt);
bool vnep_rule_reads_vlan(const struct vnep_ruleset *rs, const struct vnep_rule *rule);

/* Does it read or write the IPv6 header? Its rule asks first whether there is one. */
bool vnep_stmt_reads_ip6(const struct vnep_stmt *stmt);

void vnep_ruleset_init(struct vnep_ruleset *rs, uint32_t set_size);
void vnep_ruleset_release(struct vnep_ruleset *rs); /* safe on a zeroed struct */

/* Empty again, but chains that come again keep the numbers they had: elements of the kernel have them. */
void vnep_ruleset_again(struct vnep_ruleset *rs, uint32_t set_size);

void vnep_ruleset_chain(struct vnep_ruleset *rs, const char *device, const char *comment,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void vnep_ruleset_rule(struct vnep_ruleset *rs, const char *comment);
void vnep_ruleset_shortcut(struct vnep_ruleset *rs, const char *comment);
void vnep_ruleset_stmt(struct vnep_ruleset *rs, struct vnep_stmt stmt);
void vnep_ruleset_count(struct vnep_ruleset *rs, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The chain of that name: its index, or SIZE_MAX. */
size_t vnep_ruleset_find(const struct vnep_ruleset *rs, const char *name);

/* A name that two chains have, or NULL: the kernel would make one of them. -ENOMEM in rs->rc. */
const char *vnep_ruleset_twice(struct vnep_ruleset *rs);

/* Is this set wanted? Those with a VLAN in their key only where a rule uses them: the JSON of nft 1.0.6 has
 * no word for such a key (later ones have "typeof"), and untagged edges are read by every version. */
bool vnep_ruleset_has_set(const struct vnep_ruleset *rs, enum vnep_set set);

/* The hash of what a rule does: the same on every machine but for the indexes of the ports in it.
 */
uint64_t vnep_rule_hash(const struct vnep_ruleset *rs, const struct vnep_rule *rule);

/* "short text #0123456789abcdef": the comment of a rule in the kernel and in text. */
void vnep_rule_comment(const struct vnep_ruleset *rs, const struct vnep_rule *rule,
	char out[static VNEP_NFT_COMMENT_MAX + 1 + 18]);

/* FNV-1a, for names that must be the same in every run. Begin with VNEP_HASH_INIT. */
#define VNEP_HASH_INIT 0xcbf29ce484222325
uint64_t vnep_hash(uint64_t hash, const void *data, size_t len);

/* Can it be part of a name in nft's language (letters, digits, - . _)? */
bool vnep_nft_plain(const char *text);

/* A port in names of chains and counters: "acc0", or a hash where nft's language does not take its
 * name. */
void vnep_nft_label(const char *port, char out[static VNEP_NFT_NAME_MAX + 1]);

/* The constant elements of SOLICIT, ADVERT and ERROR: ICMPv6 types, ended by 0. NULL for other
 * sets. */
const uint8_t *vnep_set_constant(enum vnep_set set);

/* Octets that part of a key takes, with its padding. */
unsigned vnep_nft_type_len(enum vnep_nft_type type);

#endif
