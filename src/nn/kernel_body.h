/* kernel_body.h - what all kernels share, compiled anew for each instruction set.
 *
 * A kernel's .c defines, before it includes this file,
 *
 *   KERNEL_TARGET  the attribute that names its instruction set
 *   KERNEL_ROWS    how many rows its products take at once (at most 6)
 *   KERNEL_ZERO    what the activation 0 is kept as: 0, or 128 for unsigned ones
 *   products()     the whole-number products of a block with 1 to KERNEL_ROWS rows
 *
 * The arithmetic after the products is written once, on vectors of 16 floats
 * that the compiler cuts to the machine's width: lanes never mix, multiplication
 * and addition are not fused, so all widths give the same bits.
 */
// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "nn/kernel.h"

#define KERNEL_INLINE KERNEL_TARGET static inline __attribute__((always_inline))

typedef float floats __attribute__((vector_size(64)));
typedef int32_t whole __attribute__((vector_size(64)));
typedef int8_t bytes16 __attribute__((vector_size(16)));

/* Functions pass vectors by address: by value they would have another calling
 * convention for each instruction set. */

KERNEL_INLINE void load(floats *to, const float *from) { memcpy(to, from, sizeof *to); }
KERNEL_INLINE void store(float *to, const floats *from) { memcpy(to, from, sizeof *from); }

/* x kept within +-limit. */
KERNEL_INLINE void clamp(floats *x, float limit)
{
    whole over = *x > limit, under = *x < -limit;
    whole bits = (whole)*x;
    floats high = limit - (floats){0}, low = -limit - (floats){0};
    *x = (floats)((bits & ~over & ~under) | ((whole)high & over) | ((whole)low & under));
}

/* Whole numbers next to x, |x| < 2^22: the sum with 1.5 * 2^23 has no room for a fraction. */
KERNEL_INLINE void nearest(floats *x)
{
    const float magic = 12582912.0f;
    floats sum = *x + magic;
    *x = sum - magic;
}

/* e^x for |x| <= 80 within 2 units in the last place: 2^n e^r, |r| <= ln 2 / 2, and a
 * polynomial for e^r (coefficients of Moshier's Cephes, expf). */
KERNEL_INLINE void exponential(floats *x)
{
    floats n = *x * 1.44269504088896341f;
    nearest(&n);
    floats r = *x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    whole power = __builtin_convertvector(n, whole) << 23;
    *x = (floats)((whole)p + power);
}

KERNEL_INLINE void sigmoid(floats *x)
{
    floats minus = -*x;
    clamp(&minus, 80.0f);
    exponential(&minus);
    *x = 1.0f / (1.0f + minus);
}

/* 2 sigmoid(2x) - 1: within 2^-23 of tanh, which is all that int8 can tell. */
KERNEL_INLINE void tangent(floats *x)
{
    floats twice = *x + *x;
    sigmoid(&twice);
    *x = (twice + twice) - 1.0f;
}

KERNEL_TARGET static float quantise(const float *x, size_t count, float highest, uint8_t *q)
{
    float inverse = highest > 0 ? 127.0f / highest : 0.0f;
    size_t stride = kernel_stride(count), i = 0;
    for (; i + KERNEL_UNITS <= count; i += KERNEL_UNITS) {
        floats v;
        load(&v, x + i);
        v = v * inverse;
        nearest(&v);
        whole w = __builtin_convertvector(v, whole) ^ KERNEL_ZERO;
        bytes16 b = __builtin_convertvector(w, bytes16);
        memcpy(q + i, &b, sizeof b);
    }
    for (; i < count; i++) {
        const float magic = 12582912.0f;
        float rounded = x[i] * inverse + magic;
        q[i] = (uint8_t)((int)(rounded - magic) ^ KERNEL_ZERO);
    }
    memset(q + count, KERNEL_ZERO, stride - count);
    return highest / 127.0f;
}

KERNEL_TARGET static void adopt(const int8_t *x, size_t count, uint8_t *q)
{
    for (size_t i = 0; i < count; i++) q[i] = (uint8_t)((uint8_t)x[i] ^ KERNEL_ZERO);
    memset(q + count, KERNEL_ZERO, kernel_stride(count) - count);
}

/* Sums of one row and one gate as a float, to scale. */
KERNEL_INLINE void scaled(floats *out, const int32_t *sums, const float *scales, float scale)
{
    whole w;
    floats s;
    memcpy(&w, sums, sizeof w);
    load(&s, scales);
    *out = __builtin_convertvector(w, floats) * (s * scale);
}

/* Rows are taken in even portions of at most KERNEL_ROWS. */
KERNEL_INLINE size_t portion(size_t count)
{
    size_t portions = (count + KERNEL_ROWS - 1) / KERNEL_ROWS;
    return (count + portions - 1) / portions;
}

KERNEL_TARGET static void input(const struct kernel_matrix *matrix, const float *bias,
                                const struct kernel_share *share, struct kernel_row *rows,
                                size_t count)
{
    int32_t sums[KERNEL_ROWS][KERNEL_LANES] __attribute__((aligned(64)));
    size_t most = count == 0 ? 1 : portion(count);
    for (size_t b = share->from; b < share->to; b++) {
        size_t lane = b * KERNEL_LANES;
        for (size_t first = 0; first < count; first += most) {
            size_t taken = count - first < most ? count - first : most;
            products(matrix, b, rows + first, taken, sums);
            for (size_t r = 0; r < taken; r++)
                for (size_t g = 0; g < KERNEL_LANES; g += KERNEL_UNITS) {
                    floats z, add;
                    scaled(&z, sums[r] + g, matrix->scales + lane + g, rows[first + r].scale);
                    load(&add, bias + lane + g);
                    z = add + z;
                    store(rows[first + r].z + lane + g, &z);
                }
        }
    }
}

/* The cell of 16 units: gates [4][16] of one row, its sums, and the state. */
KERNEL_INLINE void cell(const struct kernel_matrix *matrix, size_t lane, const int32_t *sums,
                        struct kernel_row *row)
{
    floats gates[4], c, h;
    for (size_t g = 0; g < 4; g++) {
        floats z;
        scaled(&gates[g], sums + g * KERNEL_UNITS, matrix->scales + lane + g * KERNEL_UNITS,
               row->scale);
        load(&z, row->z + lane + g * KERNEL_UNITS);
        gates[g] = z + gates[g];
    }
    sigmoid(&gates[0]);
    sigmoid(&gates[1]);
    tangent(&gates[2]);
    sigmoid(&gates[3]);
    size_t unit = lane / 4;
    load(&c, row->c + unit);
    c = gates[1] * c + gates[0] * gates[2];
    store(row->c + unit, &c);
    h = c;
    tangent(&h);
    h = gates[3] * h;
    store(row->h + unit, &h);
}

/* The largest |h| of a share; the largest of many does not depend on the order. */
KERNEL_INLINE float largest(const float *h, size_t from, size_t to)
{
    whole most = {0};
    for (size_t u = from; u < to; u += KERNEL_UNITS) {
        whole bits;
        memcpy(&bits, h + u, sizeof bits);
        bits &= 0x7fffffff; /* magnitudes order as whole numbers do */
        whole more = bits > most;
        most = (bits & more) | (most & ~more);
    }
    int32_t lanes[KERNEL_UNITS], all = 0;
    memcpy(lanes, &most, sizeof lanes);
    for (size_t i = 0; i < KERNEL_UNITS; i++) all = lanes[i] > all ? lanes[i] : all;
    float highest;
    memcpy(&highest, &all, sizeof highest);
    return highest;
}

KERNEL_TARGET static void step(const struct kernel_matrix *matrix, const struct kernel_share *share,
                               struct kernel_row *rows, size_t count)
{
    int32_t sums[KERNEL_ROWS][KERNEL_LANES] __attribute__((aligned(64)));
    size_t most = count == 0 ? 1 : portion(count), blocks = share->to - share->from;
    for (size_t i = 0; i < blocks; i++) {
        size_t b = share->downwards ? share->to - 1 - i : share->from + i;
        for (size_t first = 0; first < count; first += most) {
            size_t taken = count - first < most ? count - first : most;
            products(matrix, b, rows + first, taken, sums);
            for (size_t r = 0; r < taken; r++)
                cell(matrix, b * KERNEL_LANES, sums[r], &rows[first + r]);
        }
    }
    for (size_t r = 0; r < count; r++)
        rows[r].highest = largest(rows[r].h, share->from * KERNEL_UNITS, share->to * KERNEL_UNITS);
}
