/* kernel_avx2.c - vpmaddubsw where it cannot saturate.
 *
 * The instruction multiplies unsigned by signed bytes and adds two products into
 * 16 bits, where it saturates. Activations are kept with 128 added, as for VNNI, and
 * weights are packed so that two products fit; in a matrix of fours (kernel.h) two quads
 * are added in 16 bits before vpmaddwd adds neighbours into 32. Multiplications bound it,
 * of which a processor does two at once: 64 products take three of them, or four.
 *
 * A tile keeps 8 of the 16 registers for sums: a block for one row, a quarter of a
 * block for four. All loops over registers are unrolled, or gcc keeps the sums in
 * memory, which makes a case take four times as long. One row runs at the speed of the
 * third-level cache, and the processor's own prefetching ends with a page: asking for
 * what comes 6 KiB later is a little faster. */
// SPDX-License-Identifier: Apache-2.0
#if defined __x86_64__
#include <immintrin.h>
#include <string.h>

#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL_ROWS   4
#define KERNEL_ZERO   128
#define KERNEL_WIDE   32

#include "nn/kernel.h"

enum {
    QUAD_BYTES = KERNEL_LANES * KERNEL_QUAD,
    AHEAD = 6144, /* bytes; asking for what is not there does no harm */
};

#define AVX2_INLINE KERNEL_TARGET static inline __attribute__((always_inline))
#define UNROLLED    _Pragma("GCC unroll 8") for

AVX2_INLINE __m256i load32(const void *from) { return _mm256_load_si256(from); }

/* Four activations in each lane. */
AVX2_INLINE __m256i four(const uint8_t *q)
{
    int32_t bits;
    memcpy(&bits, q, sizeof bits);
    return _mm256_set1_epi32(bits);
}

/* 8 lanes of 4 products each, in two halves of 16 bits. */
AVX2_INLINE __m256i multiply(__m256i x, const int8_t *weights)
{
    return _mm256_maddubs_epi16(x, load32(weights));
}

AVX2_INLINE __m256i add(__m256i sum, __m256i pairs)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* Two quads' weights, so far ahead that they come from another page. */
AVX2_INLINE void ask_ahead(const int8_t *weights)
{
    const uintptr_t at = (uintptr_t)weights + AHEAD;
    UNROLLED(uintptr_t line = 0; line < 2 * QUAD_BYTES; line += 64)
    _mm_prefetch((const char *)(at + line), _MM_HINT_T0);
}

/* VECTORS registers of 8 lanes each, for ROWS rows. */
AVX2_INLINE void tile(const int8_t *weights, size_t quads, const int32_t *totals,
                      const struct kernel_row *rows, const bool FOURS, const int ROWS,
                      const int VECTORS, int32_t (*out)[KERNEL_LANES], size_t lane)
{
    __m256i sums[KERNEL_ROWS][8];
    weights += lane * KERNEL_QUAD;
    UNROLLED(int v = 0; v < VECTORS; v++)
    {
        __m256i start = _mm256_slli_epi32(load32(totals + lane + 8 * (size_t)v), 7);
        UNROLLED(int r = 0; r < ROWS; r++)
        sums[r][v] = _mm256_sub_epi32(_mm256_setzero_si256(), start);
    }
    size_t k = 0;
    for (; k + 2 <= quads; k += 2, weights += 2 * QUAD_BYTES) {
        if (ROWS == 1) ask_ahead(weights);
        UNROLLED(int r = 0; r < ROWS; r++)
        {
            const uint8_t *q = rows[r].q + k * KERNEL_QUAD;
            __m256i x = four(q), y = four(q + KERNEL_QUAD);
            UNROLLED(int v = 0; v < VECTORS; v++)
            {
                __m256i first = multiply(x, weights + 32 * v);
                __m256i second = multiply(y, weights + QUAD_BYTES + 32 * v);
                if (FOURS)
                    first = _mm256_add_epi16(first, second);
                else
                    sums[r][v] = add(sums[r][v], second);
                sums[r][v] = add(sums[r][v], first);
            }
        }
    }
    if (k < quads) UNROLLED(int r = 0; r < ROWS; r++)
        {
            __m256i x = four(rows[r].q + k * KERNEL_QUAD);
            UNROLLED(int v = 0; v < VECTORS; v++)
            sums[r][v] = add(sums[r][v], multiply(x, weights + 32 * v));
        }
    UNROLLED(int r = 0; r < ROWS; r++)
    UNROLLED(int v = 0; v < VECTORS; v++)
    _mm256_store_si256((void *)&out[r][lane + 8 * (size_t)v], sums[r][v]);
}

#define TILE(NAME, FOURS, ROWS, VECTORS)                                                           \
    KERNEL_TARGET static void NAME(const int8_t *weights, size_t quads, const int32_t *totals,     \
                                   const struct kernel_row *rows, int32_t(*out)[KERNEL_LANES])     \
    {                                                                                              \
        for (size_t lane = 0; lane < KERNEL_LANES; lane += 8 * VECTORS)                            \
            tile(weights, quads, totals, rows, FOURS, ROWS, VECTORS, out, lane);                   \
    }
TILE(twos1, false, 1, 8)
TILE(twos2, false, 2, 4)
TILE(twos3, false, 3, 2)
TILE(twos4, false, 4, 2)
TILE(fours1, true, 1, 8)
TILE(fours2, true, 2, 4)
TILE(fours3, true, 3, 2)
TILE(fours4, true, 4, 2)

KERNEL_TARGET static void products(const struct kernel_matrix *matrix, size_t block,
                                   const struct kernel_row *rows, size_t count,
                                   int32_t (*out)[KERNEL_LANES])
{
    static void (*const TILES[2][KERNEL_ROWS])(const int8_t *, size_t, const int32_t *,
                                               const struct kernel_row *,
                                               int32_t(*)[KERNEL_LANES]) = {
        {twos1, twos2, twos3, twos4}, {fours1, fours2, fours3, fours4}};
    TILES[matrix->fours][count - 1](matrix->weights + block * matrix->quads * QUAD_BYTES,
                                    matrix->quads, matrix->sums + block * KERNEL_LANES, rows, out);
}

/* gcc 12 compares lane by lane. */
#define KERNEL_CLAMP(x, limit)                                                                     \
    *(x) = (floats)_mm256_max_ps(_mm256_min_ps((__m256) * (x), _mm256_set1_ps(limit)),             \
                                 _mm256_set1_ps(-(limit)))

#include "nn/kernel_body.h"

static bool here(void) { return __builtin_cpu_supports("avx2"); }

const struct kernel kernel_avx2 = {"avx2", here, quantise, adopt, input, step};
#else
typedef int kernel_avx2_is_for_x86;
#endif
