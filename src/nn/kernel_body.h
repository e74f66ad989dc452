/* kernel_body.h - what all kernels share, compiled anew for each instruction set.
 *
 * A kernel's .c defines, before it includes this file,
 *
 *   KERNEL_TARGET  the attribute that names its instruction set
 *   KERNEL_ROWS    how many rows its products take at once (at most 6)
 *   KERNEL_ZERO    what the activation 0 is kept as: 0, or 128 for unsigned ones
 *   KERNEL_WIDE    bytes of a register
 *   products()     the whole-number products of a block with 1 to KERNEL_ROWS rows
 *
 * The arithmetic after the products is written once, on vectors as wide as the
 * machine's: lanes never mix, multiplication and addition are not fused, so all
 * widths give the same bits. (gcc 12 cuts wider vectors to the machine's width, but
 * copies them through the stack.)
 */
// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "nn/kernel.h"

#define KERNEL_INLINE KERNEL_TARGET static inline __attribute__((always_inline))

typedef float floats __attribute__((vector_size(KERNEL_WIDE)));
typedef int32_t whole __attribute__((vector_size(KERNEL_WIDE)));
typedef int8_t bytes __attribute__((vector_size(KERNEL_WIDE / 4)));

enum { WIDE = KERNEL_WIDE / 4 }; /* lanes; they divide KERNEL_UNITS */

/* Functions pass vectors by address: by value they would have another calling
 * convention for each instruction set. */

KERNEL_INLINE void load(floats *to, const float *from) { memcpy(to, from, sizeof *to); }
KERNEL_INLINE void store(float *to, const floats *from) { memcpy(to, from, sizeof *from); }

/* x kept within +-limit. */
#ifdef KERNEL_CLAMP
KERNEL_INLINE void clamp(floats *x, float limit) { KERNEL_CLAMP(x, limit); }
#else
KERNEL_INLINE void clamp(floats *x, float limit)
{
    whole over = *x > limit, under = *x < -limit, bits = (whole)*x;
    floats high = limit - (floats){0}, low = -limit - (floats){0};
    *x = (floats)((bits & ~over & ~under) | ((whole)high & over) | ((whole)low & under));
}
#endif

/* Added to x, |x| < 2^22, it leaves no room for a fraction: the sum ends in the whole
 * number next to x. */
static const float MAGIC = 12582912.0f; /* 1.5 * 2^23 */

/* e^(rate x), x within +-40 / |rate|, good to 3e-6, which is far less than int8 can tell:
 * with t = rate x log2(e), 2^n times a polynomial for 2^f, n + f = t, |f| <= 1/2. */
KERNEL_INLINE void exponential(floats *x, float rate)
{
    clamp(x, rate < 0 ? -40.0f / rate : 40.0f / rate);
    floats t = *x * (rate * 1.44269504f);
    floats sum = t + MAGIC;
    floats f = t - (sum - MAGIC);
    floats p = f * 1.33335581e-3f + 9.61812911e-3f;
    p = p * f + 5.55041087e-2f;
    p = p * f + 2.40226507e-1f;
    p = p * f + 6.93147181e-1f;
    p = p * f + 1.0f;
    *x = (floats)((whole)p + ((whole)sum << 23)); /* n sits in the low bits of sum */
}

KERNEL_TARGET static float quantise(const float *x, size_t count, float highest, uint8_t *q)
{
    float inverse = highest > 0 ? 127.0f / highest : 0.0f;
    size_t stride = kernel_stride(count), i = 0;
    for (; i + WIDE <= count; i += WIDE) {
        floats v;
        load(&v, x + i);
        v = v * inverse + MAGIC;
        whole w = (whole)v ^ KERNEL_ZERO; /* the lowest byte is the number */
        bytes b = __builtin_convertvector(w, bytes);
        memcpy(q + i, &b, sizeof b);
    }
    for (; i < count; i++) {
        float sum = x[i] * inverse + MAGIC;
        q[i] = (uint8_t)((int)(sum - MAGIC) ^ KERNEL_ZERO);
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
                for (size_t g = 0; g < KERNEL_LANES; g += WIDE) {
                    floats z, add;
                    scaled(&z, sums[r] + g, matrix->scales + lane + g, rows[first + r].scale);
                    load(&add, bias + lane + g);
                    z = add + z;
                    store(rows[first + r].z + lane + g, &z);
                }
        }
    }
}

/* z + W q of one gate of some units. */
KERNEL_INLINE void gate(floats *out, const float *scales, const int32_t *sums, const float *z,
                        float scale)
{
    floats add;
    scaled(out, sums, scales, scale);
    load(&add, z);
    *out = add + *out;
}

/* The cell of WIDE units of a block, from `at`: their gates in one row's sums, and the state. */
KERNEL_INLINE void cell(const struct kernel_matrix *matrix, size_t lane, size_t at,
                        const int32_t *sums, struct kernel_row *row)
{
    floats gates[4], c, h;
    const float *scales = matrix->scales + lane + at, *z = row->z + lane + at;
    sums += at;
    gate(&gates[0], scales, sums, z, row->scale);
    gate(&gates[1], scales + KERNEL_UNITS, sums + KERNEL_UNITS, z + KERNEL_UNITS, row->scale);
    gate(&gates[2], scales + 2 * KERNEL_UNITS, sums + 2 * KERNEL_UNITS, z + 2 * KERNEL_UNITS,
         row->scale);
    gate(&gates[3], scales + 3 * KERNEL_UNITS, sums + 3 * KERNEL_UNITS, z + 3 * KERNEL_UNITS,
         row->scale);
    /* sigmoid(x) = 1 / (1 + e^-x), tanh(x) = (1 - e^-2x) / (1 + e^-2x): products of
     * the two share a division. */
    size_t unit = lane / 4 + at;
    exponential(&gates[0], -1);
    exponential(&gates[1], -1);
    exponential(&gates[2], -2);
    exponential(&gates[3], -1);
    load(&c, row->c + unit);
    c = c / (1.0f + gates[1]) + (1.0f - gates[2]) / ((1.0f + gates[0]) * (1.0f + gates[2]));
    store(row->c + unit, &c);
    h = c;
    exponential(&h, -2);
    h = (1.0f - h) / ((1.0f + gates[3]) * (1.0f + h));
    store(row->h + unit, &h);
}

/* The largest |h| of a share; the largest of many does not depend on the order. */
KERNEL_INLINE float largest(const float *h, size_t from, size_t to)
{
    whole most = {0};
    for (size_t u = from; u < to; u += WIDE) {
        whole bits;
        memcpy(&bits, h + u, sizeof bits);
        bits &= 0x7fffffff; /* magnitudes order as whole numbers do */
        whole more = bits > most;
        most = (bits & more) | (most & ~more);
    }
    int32_t lanes[WIDE], all = 0;
    memcpy(lanes, &most, sizeof lanes);
    for (size_t i = 0; i < WIDE; i++) all = lanes[i] > all ? lanes[i] : all;
    float highest;
    memcpy(&highest, &all, sizeof highest);
    return highest;
}

/* A block's scales and one row's z come from far off; the products hide the way. */
KERNEL_INLINE void ask_for(const float *lanes)
{
    for (size_t line = 0; line < KERNEL_LANES; line += KERNEL_UNITS)
        __builtin_prefetch(lanes + line);
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
            ask_for(matrix->scales + b * KERNEL_LANES);
            for (size_t r = 0; r < taken; r++) ask_for(rows[first + r].z + b * KERNEL_LANES);
            products(matrix, b, rows + first, taken, sums);
            for (size_t r = 0; r < taken; r++)
                for (size_t at = 0; at < KERNEL_UNITS; at += WIDE)
                    cell(matrix, b * KERNEL_LANES, at, sums[r], &rows[first + r]);
        }
    }
    for (size_t r = 0; r < count; r++)
        rows[r].highest = largest(rows[r].h, share->from * KERNEL_UNITS, share->to * KERNEL_UNITS);
}
