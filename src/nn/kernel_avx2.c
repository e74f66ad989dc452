/* kernel_avx2.c - vpmaddubsw without its saturation.
 *
 * The instruction adds two products into 16 bits and saturates at 32,767. With
 * the sign of an activation moved over to the weight, |x| w' is at most
 * 127 * 127 and two of them fit. Two gates are taken at a time, so that two rows
 * keep 8 of the 16 registers for sums. */
// SPDX-License-Identifier: Apache-2.0
#if defined __x86_64__
#include <immintrin.h>
#include <string.h>

#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL_ROWS   2
#define KERNEL_ZERO   0

#include "nn/kernel.h"

#define AVX2_INLINE KERNEL_TARGET static inline __attribute__((always_inline))

/* sum += 8 lanes of 4 products each. */
AVX2_INLINE __m256i multiply(__m256i sum, __m256i weights, __m256i x, __m256i magnitude)
{
    __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(weights, x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* Two gates (32 lanes, half a quad) for ROWS rows. */
AVX2_INLINE void tile(const int8_t *weights, size_t quads, const struct kernel_row *rows,
                      const int ROWS, int32_t *out0, int32_t *out1)
{
    __m256i a[4], b[4];
    for (int v = 0; v < 4; v++) a[v] = b[v] = _mm256_setzero_si256();
    for (size_t k = 0; k < quads; k++, weights += KERNEL_LANES * KERNEL_QUAD) {
        __m256i w[4];
        int32_t four;
        for (int v = 0; v < 4; v++) w[v] = _mm256_loadu_si256((const void *)(weights + 32 * v));
        memcpy(&four, rows[0].q + k * KERNEL_QUAD, sizeof four);
        __m256i x = _mm256_set1_epi32(four), magnitude = _mm256_abs_epi8(x);
        for (int v = 0; v < 4; v++) a[v] = multiply(a[v], w[v], x, magnitude);
        if (ROWS == 1) continue;
        memcpy(&four, rows[1].q + k * KERNEL_QUAD, sizeof four);
        x = _mm256_set1_epi32(four), magnitude = _mm256_abs_epi8(x);
        for (int v = 0; v < 4; v++) b[v] = multiply(b[v], w[v], x, magnitude);
    }
    for (int v = 0; v < 4; v++) {
        _mm256_storeu_si256((void *)(out0 + 8 * v), a[v]);
        if (ROWS == 2) _mm256_storeu_si256((void *)(out1 + 8 * v), b[v]);
    }
}

KERNEL_TARGET static void products(const struct kernel_matrix *matrix, size_t block,
                                   const struct kernel_row *rows, size_t count,
                                   int32_t (*out)[KERNEL_LANES])
{
    enum { HALF = KERNEL_LANES / 2 };
    const int8_t *weights = matrix->weights + block * matrix->quads * KERNEL_LANES * KERNEL_QUAD;
    for (size_t lane = 0; lane < KERNEL_LANES; lane += HALF) {
        const int8_t *half = weights + lane * KERNEL_QUAD;
        if (count == 1)
            tile(half, matrix->quads, rows, 1, out[0] + lane, NULL);
        else
            tile(half, matrix->quads, rows, 2, out[0] + lane, out[1] + lane);
    }
}

#include "nn/kernel_body.h"

static bool here(void) { return __builtin_cpu_supports("avx2"); }

const struct kernel kernel_avx2 = {"avx2", here, quantise, adopt, input, step};
#else
typedef int kernel_avx2_is_for_x86;
#endif
