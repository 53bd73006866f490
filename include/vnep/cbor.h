/*
 * cbor - a CBOR item as JSON text.
 *
 * Shape   RFC 8949 6.1: byte strings become base64 (RFC 4648 section 4), tags are dropped, undefined and numbers
 *         that JSON does not have become null, integers beyond 2^53 decimal strings, whole numbers as keys text.
 * Errors  VNEP_ESYNTAX: not one well-formed item, or nothing that I-JSON can hold (keys twice or of other kinds,
 *         nesting deeper than 32, text that is not UTF-8, text with NUL). *out is then as it was. -ENOMEM.
 */
#ifndef VNEP_CBOR_H
#define VNEP_CBOR_H

#include <stddef.h>
#include <stdint.h>

#include "vnep/buf.h"

int vnep_cbor_to_json(struct vnep_buf *out, const uint8_t *data, size_t len);

#endif
