/* dense.c - the reference product.
 *
 * One row of weights is read once for all rows of x. The sum of a product is
 * kept in 16 lanes whatever the width of the machine's registers, and products
 * are not fused with sums, so the wider variants differ in time only. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/dense.h"

#include <string.h>

enum { LANES = 16 };

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE float dot(const float *restrict a, const float *restrict b, size_t count)
{
    typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
    lanes sum = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        lanes x, y;
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        sum += x * y;
    }
    float folded[LANES];
    memcpy(folded, &sum, sizeof folded);
    for (size_t lane = 0; i < count; i++, lane++) folded[lane] += a[i] * b[i];
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t lane = 0; lane < half; lane++) folded[lane] += folded[lane + half];
    return folded[0];
}

ALWAYS_INLINE void product(const float *restrict x, size_t rows, size_t ins,
                           const float *restrict weight, size_t outs, float *restrict out)
{
    for (size_t o = 0; o < outs; o++)
        for (size_t r = 0; r < rows; r++)
            out[r * outs + o] += dot(x + r * ins, weight + o * ins, ins);
}

#if defined __x86_64__
__attribute__((target("avx512f"))) static void product_avx512(const float *x, size_t rows,
                                                              size_t ins, const float *weight,
                                                              size_t outs, float *out)
{
    product(x, rows, ins, weight, outs, out);
}

__attribute__((target("avx2"))) static void
product_avx2(const float *x, size_t rows, size_t ins, const float *weight, size_t outs, float *out)
{
    product(x, rows, ins, weight, outs, out);
}
#endif

void dense_add(const float *x, size_t rows, size_t ins, const float *weight, size_t outs,
               float *out)
{
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512f")) {
        product_avx512(x, rows, ins, weight, outs, out);
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        product_avx2(x, rows, ins, weight, outs, out);
        return;
    }
#endif
    product(x, rows, ins, weight, outs, out);
}

void dense_forward(const float *x, size_t rows, size_t ins, const float *weight, const float *bias,
                   size_t outs, float *out)
{
    for (size_t r = 0; r < rows; r++) {
        if (bias != NULL)
            memcpy(out + r * outs, bias, outs * sizeof *out);
        else
            memset(out + r * outs, 0, outs * sizeof *out);
    }
    dense_add(x, rows, ins, weight, outs, out);
}

/* y += a x */
static void axpy(size_t count, float a, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++) y[i] += a * x[i];
}

void dense_input(const float *dout, size_t rows, size_t outs, const float *weight, size_t ins,
                 float *dx)
{
    memset(dx, 0, rows * ins * sizeof *dx);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < outs; o++)
            axpy(ins, dout[r * outs + o], weight + o * ins, dx + r * ins);
}

void dense_weight(const float *dout, size_t rows, size_t outs, const float *x, size_t ins,
                  float *dweight)
{
    for (size_t o = 0; o < outs; o++)
        for (size_t r = 0; r < rows; r++)
            axpy(ins, dout[r * outs + o], x + r * ins, dweight + o * ins);
}

void dense_relu(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] = x[i] > 0 ? x[i] : 0;
}

void dense_relu_backward(const float *result, size_t count, float *dx)
{
    for (size_t i = 0; i < count; i++) dx[i] = result[i] > 0 ? dx[i] : 0;
}
