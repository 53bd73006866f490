/*
 * crc32 - the CRC32 of IEEE 802.3 (as in zlib, gzip and PNG).
 *
 * Shape   crc is that of the octets in front of these, 0 at the beginning. data may be NULL if len is 0.
 * Source  IEEE 802.3 3.2.9; RFC 1952 8.
 */
#ifndef VNEP_CRC32_H
#define VNEP_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t vnep_crc32(uint32_t crc, const void *data, size_t len);

#endif
