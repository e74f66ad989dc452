/* kernel_avx512.c - vpdpbusd: 64 products an instruction.
 *
 * The instruction wants one side unsigned, so activations are kept with 128
 * added and each sum starts at -128 times the sum of its weights. A tile of 6
 * rows keeps 24 registers of sums: 4 loads of weights and 6 broadcasts feed 24
 * multiplications, so many rows run at the speed of the multiplier and one row
 * at the speed of the cache. */
// SPDX-License-Identifier: Apache-2.0
#if defined __x86_64__
#include <immintrin.h>
#include <string.h>

#define KERNEL_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define KERNEL_ROWS   6
#define KERNEL_ZERO   128
#define KERNEL_WIDE   64

#include "nn/kernel.h"

/* A row's part of the tile; compiled away beyond ROWS. */
#define ROW_START(r)                                                                               \
    if (ROWS > r)                                                                                  \
        for (int g = 0; g < 4; g++) sums[r][g] = start[g];
#define ROW_ADD(r)                                                                                 \
    if (ROWS > r) {                                                                                \
        int32_t four;                                                                              \
        memcpy(&four, rows[r].q + k * KERNEL_QUAD, sizeof four);                                   \
        __m512i x = _mm512_set1_epi32(four);                                                       \
        sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], x, w0);                                       \
        sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], x, w1);                                       \
        sums[r][2] = _mm512_dpbusd_epi32(sums[r][2], x, w2);                                       \
        sums[r][3] = _mm512_dpbusd_epi32(sums[r][3], x, w3);                                       \
    }
#define ROW_END(r)                                                                                 \
    if (ROWS > r)                                                                                  \
        for (int g = 0; g < 4; g++) _mm512_store_si512(&out[r][g * KERNEL_UNITS], sums[r][g]);
#define ROWS_ALL(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)

#define TILE(NAME, COUNT)                                                                          \
    KERNEL_TARGET static void NAME(const int8_t *weights, size_t quads, const int32_t *totals,     \
                                   const struct kernel_row *rows, int32_t(*out)[KERNEL_LANES])     \
    {                                                                                              \
        enum { ROWS = COUNT };                                                                     \
        __m512i sums[6][4], start[4];                                                              \
        for (int g = 0; g < 4; g++)                                                                \
            start[g] = _mm512_mullo_epi32(_mm512_loadu_si512(totals + g * KERNEL_UNITS),           \
                                          _mm512_set1_epi32(-KERNEL_ZERO));                        \
        ROWS_ALL(ROW_START)                                                                        \
        for (size_t k = 0; k < quads; k++, weights += KERNEL_LANES * KERNEL_QUAD) {                \
            __m512i w0 = _mm512_loadu_si512(weights), w1 = _mm512_loadu_si512(weights + 64);       \
            __m512i w2 = _mm512_loadu_si512(weights + 128);                                        \
            __m512i w3 = _mm512_loadu_si512(weights + 192);                                        \
            ROWS_ALL(ROW_ADD)                                                                      \
        }                                                                                          \
        ROWS_ALL(ROW_END)                                                                          \
    }

TILE(tile1, 1)
TILE(tile2, 2)
TILE(tile3, 3)
TILE(tile4, 4)
TILE(tile5, 5)
TILE(tile6, 6)

static void products(const struct kernel_matrix *matrix, size_t block,
                     const struct kernel_row *rows, size_t count, int32_t (*out)[KERNEL_LANES])
{
    static void (*const TILES[])(const int8_t *, size_t, const int32_t *, const struct kernel_row *,
                                 int32_t(*)[KERNEL_LANES]) = {tile1, tile2, tile3,
                                                              tile4, tile5, tile6};
    TILES[count - 1](matrix->weights + block * matrix->quads * KERNEL_LANES * KERNEL_QUAD,
                     matrix->quads, matrix->sums + block * KERNEL_LANES, rows, out);
}

#define KERNEL_CLAMP(x, limit)                                                                     \
    *(x) = (floats)_mm512_max_ps(_mm512_min_ps((__m512) * (x), _mm512_set1_ps(limit)),             \
                                 _mm512_set1_ps(-(limit)))

#include "nn/kernel_body.h"

static bool here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

const struct kernel kernel_avx512 = {"avx512", here, quantise, adopt, input, step};
#else
typedef int kernel_avx512_is_for_x86;
#endif
