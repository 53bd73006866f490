/* recjson-keys - the tables behind recjson: private to lib/codec/recjson*.c. */
#ifndef VNEP_RECJSON_KEYS_H
#define VNEP_RECJSON_KEYS_H

#include "vnep/recjson.h"

enum recjson_kind {
	RECJSON_ANY,
	RECJSON_INT,
	RECJSON_BOOL,
	RECJSON_STR,
	RECJSON_WORD,
	RECJSON_URN,
	RECJSON_IP6,
	RECJSON_MAC,
	RECJSON_PREFIX,
	RECJSON_TS,
	RECJSON_IF,
	RECJSON_NAME,
	RECJSON_LABEL,
	RECJSON_PROTO,
	RECJSON_OBJECT,
};

#define RECJSON_INT_MAX 9007199254740991LL /* 2^53 - 1: what jq 1.6 keeps exact */

struct recjson_key {
	const char *name; /* NULL ends a table */
	enum recjson_kind kind;
	bool required, array;
	int64_t min, max;  /* INT: range; arrays: max members, 0 = any */
	const char *words; /* WORD */
	const struct recjson_key *keys; /* OBJECT; NULL = any members */
};

struct recjson_unknown {
	const struct recjson_key *keys;
	struct vnep_err *err;
	const char **bad;
};

/* The table of a type; NULL for types that nobody reads. deleted: it is a tombstone. */
const struct recjson_key *recjson_keys(enum vnep_record_type type, bool *deleted,
	const struct vnep_json *json);

/* Rules between keys of a device. */
int recjson_check_device(const struct vnep_json *json, struct vnep_err *err);

/* UDP, TCP, ICMPV6 (any case) or a number; stored in capitals. */
int recjson_check_proto(struct vnep_json *owner, const char *key, const struct vnep_json *value,
	struct vnep_err *err);
bool recjson_proto_parse(const char *text, uint8_t *out);
bool recjson_ports_parse(const struct vnep_json *json, uint16_t *first, uint16_t *last);
void recjson_proto_print(uint8_t proto, char out[static 8]);

int recjson_string(const char *text, struct vnep_json **out);

#endif
