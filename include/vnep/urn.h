/*
 * urn - the name of a device, in the one form that is stored.
 *
 * Shape   lower case; urn:dev:mac: as 16 hex digits with fffe in the middle (12 digits, ffff and fffe
 *         all become that, so one device never has two names); urn:dev:os:, urn:dev:ops:, urn:dev:ow:,
 *         urn:dev:org:, urn:imei: and urn:uuid: as they are, in lower case.
 * Source  RFC 9039, RFC 7254 (imei), RFC 9562 (uuid), RFC 8141 (characters).
 */
#ifndef VNEP_URN_H
#define VNEP_URN_H

#include <stdbool.h>

#include "vnep/addr.h"

enum { VNEP_URN_MAX = 127 }; /* octets, without NUL */

/* 0 or VNEP_EVALUE, saying what is wrong with the text. out may be the same memory as text. */
int vnep_urn_canonical(const char *text, char out[static VNEP_URN_MAX + 1], struct vnep_err *err);

/* The MAC inside urn:dev:mac:; false for the other kinds. urn must be canonical. */
bool vnep_urn_mac(const char *urn, struct vnep_mac *out);

#endif
