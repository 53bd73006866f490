/*
 * dnskey - the key that signs DNS messages (TSIG), from a file as BIND, knot and nsupdate have it.
 *
 * Shape   key "name" { algorithm hmac-sha256; secret "base64"; };   as tsig-keygen prints it; comments as in
 *         named.conf. One key a file.
 * Owner   plain value; _wipe it when it is not needed any more. A secret is never part of a message.
 * Errors  VNEP_ESYNTAX and VNEP_EVALUE with line and column; VNEP_EPRIV for a file that everybody may read or
 *         write; -errno.
 * Source  RFC 8945; tsig-keygen(8).
 * Caveat  libldns 1.8.3 computes hmac-sha1, hmac-sha256 and hmac-sha512; the others are refused here.
 */
#ifndef VNEP_DNSKEY_H
#define VNEP_DNSKEY_H

#include <stddef.h>

#include "vnep/dnsrr.h"

enum { VNEP_DNSKEY_SECRET_MAX = 512 }; /* base64, without NUL */

struct vnep_dnskey {
	char name[VNEP_DNS_NAME_LEN];
	char algorithm[16];                        /* "hmac-sha256." */
	char secret[VNEP_DNSKEY_SECRET_MAX + 1];   /* base64 */
};

int vnep_dnskey_parse(const char *text, size_t len, struct vnep_dnskey *out, struct vnep_err *err);
int vnep_dnskey_read(const char *path, struct vnep_dnskey *out, struct vnep_err *err);
void vnep_dnskey_wipe(struct vnep_dnskey *key);

#endif
