/*
 * crc32 - the CRC32 of IEEE 802.3, as fast as the processor can.
 *
 * zlib does it everywhere. On x86 a multiplication without carries folds 64 octets into 64 at a time (Intel: Fast
 * CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction, 2009), some ten times as fast; which of
 * the two it is shows when the first one is asked for.
 */
#include <zlib.h>

#include "vnep/crc32.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <stdbool.h>

enum { LANE = 16, ROUND = 64 };

/* x^n mod P, bits reflected: for folding over 512 and 128 bits, and for the way from 128 to 32. */
static const uint64_t fold_512[2] __attribute__((aligned(16))) = { 0x0154442bd4, 0x01c6e41596 };
static const uint64_t fold_128[2] __attribute__((aligned(16))) = { 0x01751997d0, 0x00ccaa009e };
static const uint64_t fold_64[2] __attribute__((aligned(16))) = { 0x0163cd6124, 0 };
static const uint64_t barrett[2] __attribute__((aligned(16))) = { 0x01db710641, 0x01f7011641 };

#define WITH_CLMUL __attribute__((target("pclmul,sse4.1")))

WITH_CLMUL static inline __m128i load(const void *at)
{
	return _mm_loadu_si128(at);
}

/* x, moved on by the distance of k, and what stands there. */
WITH_CLMUL static inline __m128i fold(__m128i x, __m128i k, __m128i there)
{
	return _mm_xor_si128(
		_mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11)),
		there);
}

WITH_CLMUL static uint32_t reduce(__m128i x)
{
	const __m128i low = _mm_setr_epi32(~0, 0, ~0, 0), poly = load(barrett);
	__m128i y = _mm_clmulepi64_si128(x, load(fold_128), 0x10);

	x = _mm_xor_si128(_mm_srli_si128(x, 8), y);
	y = _mm_srli_si128(x, 4);
	x = _mm_clmulepi64_si128(_mm_and_si128(x, low), load(fold_64), 0x00);
	x = _mm_xor_si128(x, y);
	y = _mm_clmulepi64_si128(_mm_and_si128(x, low), poly, 0x10);
	y = _mm_clmulepi64_si128(_mm_and_si128(y, low), poly, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, y), 1);
}

/* len: at least a round, whole lanes. */
WITH_CLMUL static uint32_t crc_lanes(uint32_t crc, const uint8_t *data, size_t len)
{
	__m128i x[4], k = load(fold_512);

	for (unsigned i = 0; i < 4; i++)
		x[i] = load(data + i * LANE);
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)~crc));
	for (data += ROUND, len -= ROUND; len >= ROUND; data += ROUND, len -= ROUND)
		for (unsigned i = 0; i < 4; i++)
			x[i] = fold(x[i], k, load(data + i * LANE));
	k = load(fold_128);
	for (unsigned i = 1; i < 4; i++)
		x[0] = fold(x[0], k, x[i]);
	for (; len >= LANE; data += LANE, len -= LANE)
		x[0] = fold(x[0], k, load(data));
	return ~reduce(x[0]);
}

static bool has_clmul(void)
{
	return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

uint32_t vnep_crc32(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *octets = data;
	size_t lanes = len & ~(size_t)(LANE - 1);

	if (len >= ROUND && has_clmul()) {
		crc = crc_lanes(crc, octets, lanes);
		octets += lanes;
		len -= lanes;
	}
	return len ? (uint32_t)crc32_z(crc, octets, len) : crc; /* of NULL zlib makes 0 */
}
#else
uint32_t vnep_crc32(uint32_t crc, const void *data, size_t len)
{
	return len ? (uint32_t)crc32_z(crc, data, len) : crc;
}
#endif
