/*
 * siphash - a keyed hash: without the key nobody can say which text it is of, nor find two texts with one hash.
 *
 * Shape   SipHash-2-4, 64 bits; two of them with different tweaks make 128.
 * Source  Aumasson, Bernstein: SipHash: a fast short-input PRF (2012), with its test vector.
 */
#ifndef VNEP_SIPHASH_H
#define VNEP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { VNEP_SIPHASH_KEY_LEN = 16 };

/* tweak separates the uses of one key: other tweak, other hash. */
uint64_t vnep_siphash(const uint8_t key[static VNEP_SIPHASH_KEY_LEN], uint64_t tweak, const void *data,
	size_t len);

#endif
