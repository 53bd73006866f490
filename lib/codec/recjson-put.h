/*
 * recjson-put - members that several records have, written in one place: see recjson-put.c.
 */
#ifndef VNEP_RECJSON_PUT_H
#define VNEP_RECJSON_PUT_H

#include "vnep/ndjson.h"
#include "vnep/record.h"

/* Nothing for 0, and for a MAC or time of zeros. */
void vnep_jw_opt_u64(struct vnep_jw *w, const char *key, uint64_t value);
void vnep_jw_opt_mac(struct vnep_jw *w, const char *key, const struct vnep_mac *mac);
void vnep_jw_opt_ts(struct vnep_jw *w, const char *key, struct vnep_wall ts);

/* "addr":[…]; nothing for none. */
void vnep_jw_addrs(struct vnep_jw *w, const struct in6_addr *addr, unsigned count);

/* "ts" and "us". */
void vnep_jw_instant(struct vnep_jw *w, struct vnep_wall ts);

/* "proto": UDP, TCP, ICMPV6, else the number as text. */
void vnep_jw_proto(struct vnep_jw *w, uint8_t proto);

#endif
