/*
 * recjson-keys - the keys of every record type in one table each, and what one value of a key may be.
 *
 * The tables drive everything: which key is required, the order, "did you mean", the type errors, the
 * canonical form, and the field of the struct that decode writes. vnep-record(5) lists the same keys; a test
 * compares the two.
 */
#ifndef VNEP_RECJSON_KEYS_H
#define VNEP_RECJSON_KEYS_H

#include "vnep/json.h"
#include "vnep/record.h"

enum vnep_value_kind {
	VNEP_VALUE_INT,      /* min..max; where max is VNEP_INT_ANY, more than 2^53 - 1 as a decimal string */
	VNEP_VALUE_SIGNED,   /* any integer */
	VNEP_VALUE_NS,       /* nanoseconds as a decimal string */
	VNEP_VALUE_BOOL,
	VNEP_VALUE_TEXT,     /* at most max octets */
	VNEP_VALUE_LABEL,    /* 1..63 of a-z A-Z 0-9 . _ - : a name that is safe in file names and rules */
	VNEP_VALUE_IFNAME,
	VNEP_VALUE_HOST,     /* a DNS name, lower case */
	VNEP_VALUE_WORD,     /* one of words */
	VNEP_VALUE_PROTO,    /* UDP, TCP, ICMPV6, or another number as text */
	VNEP_VALUE_PORTS,    /* one port, or "first-last" */
	VNEP_VALUE_URN,
	VNEP_VALUE_MAC,
	VNEP_VALUE_IP6,
	VNEP_VALUE_UNICAST,  /* an address that a device can have */
	VNEP_VALUE_MULTICAST,
	VNEP_VALUE_PREFIX,
	VNEP_VALUE_TS,
	VNEP_VALUE_BASE64,
	VNEP_VALUE_LABELS,   /* an object of strings */
	VNEP_VALUE_DROPS,    /* a number, or an object of numbers by reason */
	VNEP_VALUE_RECORD,   /* any object */
	VNEP_VALUE_OBJECT,   /* an object of the nested keys */
};

enum vnep_key_flag {
	VNEP_KEY_ID = 1,       /* required, of a tombstone too */
	VNEP_KEY_REQUIRED = 2, /* required unless deleted */
	VNEP_KEY_LIST = 4,     /* an array of 1..items such values */
	VNEP_KEY_NO_ZERO = 8,  /* 0 and false say the same as absent, and are stored so */
};

/* Integers that JSON readers keep exact (RFC 7493 2.2). */
#define VNEP_INT_ANY ((uint64_t)9007199254740991)

/* A closed list: its words by number from first on, "?" behind the last. */
struct vnep_words {
	const char *(*text)(int word);
	int first;
};

struct vnep_key {
	const char *name; /* NULL ends a table */
	enum vnep_value_kind kind;
	unsigned flags;
	uint16_t at, size; /* the field of the struct that decode writes; size 0: none */
	uint32_t items;    /* of a list: how many at most, 0 = as many as the line holds */
	uint64_t min, max;
	const struct vnep_words *words;
	const struct vnep_key *nested; /* its fields are those of the outer struct, of a list its own */
};

/* One value, decoded: the member that belongs to the kind. */
union vnep_value {
	uint64_t number; /* also words and protocols */
	int64_t integer;
	bool yes;
	struct vnep_mac mac;
	struct in6_addr ip6;
	struct vnep_prefix prefix;
	struct vnep_wall wall;
	struct {
		uint16_t first, last;
	} ports;
	char text[256]; /* URN, label, interface, host */
};

/* Where a value stands, for messages. */
struct vnep_place {
	const char *text; /* the line, may be NULL */
	size_t len;
	const char *parent; /* NULL at the top */
	size_t index;       /* of parent's element, if that is a list */
	bool indexed;
	struct vnep_err *err;
};

/* The table of a type (ends with name NULL); NULL for the unknown type. type and v are not in it. */
const struct vnep_key *vnep_keys_of(enum vnep_record_type type);

/* The keys of an allow entry and of a route (decode walks these lists itself). */
extern const struct vnep_key vnep_keys_allow[], vnep_keys_route[];

/* Put an error at a key: column, and the code. Returns code. */
int vnep_place_error(const struct vnep_place *at, const struct vnep_key *key, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Decode one value (of a list: one element). Writes *out only for kinds that have a member there. */
int vnep_value_read(const struct vnep_place *at, const struct vnep_key *key,
	const struct vnep_json *json, union vnep_value *out);

/* The canonical JSON of a value, or NULL if json is canonical as it is; *rc is -ENOMEM without memory. */
struct vnep_json *vnep_value_canonical(const struct vnep_key *key, const struct vnep_json *json,
	const union vnep_value *value, int *rc);

/* The same steps for values that are text or number already (recjson-fast). false: not allowed, or a kind that
 * needs the tree. _print: the canonical text of kinds that have more than one form; false for the others.
 * _store: into the field of a struct; text is what the value was read from. */
bool vnep_value_of_text(const struct vnep_key *key, const char *text, union vnep_value *out);
bool vnep_value_of_int(const struct vnep_key *key, int64_t number, union vnep_value *out);
bool vnep_value_print(
	const struct vnep_key *key, const union vnep_value *value, char out[static 256]);
void vnep_value_store(const struct vnep_key *key, const union vnep_value *value, const char *text,
	void *field, size_t size);

/* What absence says of a device; mac, psm, journal: is the key there? */
void vnep_device_defaults(struct vnep_device *device, bool mac, bool psm, bool journal);

/* The word of an upper-layer protocol as records write it: UDP, TCP, ICMPV6, else its number. */
enum { VNEP_PROTO_LEN = 8 };
void vnep_proto_print(uint8_t proto, char out[static VNEP_PROTO_LEN]);

/* Every key of the table that has a field: json's member into out. Those that are not there stay as they
 * are in out. */
int vnep_keys_decode(const struct vnep_key *keys, const struct vnep_json *json, void *out,
	struct vnep_err *err);

/* Element i of the list member key, into a field of that kind. */
int vnep_list_decode(const struct vnep_key *keys, const struct vnep_json *json, const char *name,
	size_t i, void *field, size_t size, struct vnep_err *err);

#endif
