/* kernel_avx2.c - vpmaddubsw without its saturation.
 *
 * The instruction multiplies unsigned by signed bytes and adds two products into
 * 16 bits, where it saturates at 32,767. With the sign of an activation moved over
 * to the weight, |x| w' is at most 127 * 127 and two of them fit; vpmaddwd then
 * adds two such pairs into 32 bits.
 *
 * A tile keeps 8 of the 16 registers for sums: a block for one row, half a block
 * for two. All loops over registers are unrolled, or gcc keeps the sums in memory,
 * which makes a case take four times as long. One row runs at the speed of the
 * third-level cache, and the processor's own prefetching ends with a page: asking
 * for what comes 6 KiB later is a tenth faster. */
// SPDX-License-Identifier: Apache-2.0
#if defined __x86_64__
#include <immintrin.h>
#include <string.h>

#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL_ROWS   2
#define KERNEL_ZERO   0

#include "nn/kernel.h"

enum { AHEAD = 6144 }; /* bytes; asking for what is not there does no harm */

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

/* sum += 8 lanes of 4 products each. */
AVX2_INLINE __m256i multiply(__m256i sum, __m256i weights, __m256i x, __m256i magnitude)
{
    __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(weights, x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* A quad's weights, so far ahead that they come from another page. */
AVX2_INLINE void ask_ahead(const int8_t *weights)
{
    const uintptr_t at = (uintptr_t)weights + AHEAD;
    UNROLLED(uintptr_t line = 0; line < 256; line += 64)
    _mm_prefetch((const char *)(at + line), _MM_HINT_T0);
}

/* VECTORS registers of 8 lanes each, for ROWS rows. */
AVX2_INLINE void tile(const int8_t *weights, size_t quads, const struct kernel_row *rows,
                      const int ROWS, const int VECTORS, int32_t (*out)[KERNEL_LANES], size_t lane)
{
    __m256i sums[2][8];
    UNROLLED(int r = 0; r < ROWS; r++)
    UNROLLED(int v = 0; v < VECTORS; v++) sums[r][v] = _mm256_setzero_si256();
    for (size_t k = 0; k < quads; k++, weights += KERNEL_LANES * KERNEL_QUAD) {
        if (ROWS == 1) ask_ahead(weights);
        UNROLLED(int r = 0; r < ROWS; r++)
        {
            __m256i x = four(rows[r].q + k * KERNEL_QUAD), magnitude = _mm256_abs_epi8(x);
            UNROLLED(int v = 0; v < VECTORS; v++)
            sums[r][v] = multiply(sums[r][v], load32(weights + 32 * v), x, magnitude);
        }
    }
    UNROLLED(int r = 0; r < ROWS; r++)
    UNROLLED(int v = 0; v < VECTORS; v++)
    _mm256_store_si256((void *)&out[r][lane + 8 * (size_t)v], sums[r][v]);
}

KERNEL_TARGET static void products(const struct kernel_matrix *matrix, size_t block,
                                   const struct kernel_row *rows, size_t count,
                                   int32_t (*out)[KERNEL_LANES])
{
    enum { HALF = KERNEL_LANES / 2 };
    const int8_t *weights = matrix->weights + block * matrix->quads * KERNEL_LANES * KERNEL_QUAD;
    if (count == 1) {
        tile(weights, matrix->quads, rows, 1, 8, out, 0);
        return;
    }
    for (size_t lane = 0; lane < KERNEL_LANES; lane += HALF) {
        const int8_t *half = weights + lane * KERNEL_QUAD;
        tile(half, matrix->quads, rows, 2, 4, out, lane);
    }
}

/* gcc 12 takes comparisons of 16 lanes apart, one by one. */
AVX2_INLINE void clamp_half(float *x, float limit)
{
    __m256 kept = _mm256_min_ps(_mm256_loadu_ps(x), _mm256_set1_ps(limit));
    _mm256_storeu_ps(x, _mm256_max_ps(kept, _mm256_set1_ps(-limit)));
}
#define KERNEL_CLAMP(x, limit)                                                                     \
    clamp_half((float *)(x), limit);                                                               \
    clamp_half((float *)(x) + 8, limit)

#include "nn/kernel_body.h"

static bool here(void) { return __builtin_cpu_supports("avx2"); }

const struct kernel kernel_avx2 = {"avx2", here, quantise, adopt, input, step};
#else
typedef int kernel_avx2_is_for_x86;
#endif
