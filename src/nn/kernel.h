/* kernel.h - the LSTM in small integers, once for each instruction set.
 *
 * Weights are int8 with a scale a row, activations int8 with a scale a step.
 * Sums of products are whole numbers, so every kernel finds the same; what
 * follows in f32 runs in one order without fused operations. All kernels
 * therefore give the same bits, alone or in any batch, for any share of blocks.
 *
 * A weight matrix [4H, K] is packed so that one pass serves the input product
 * and the recurrence, without sums across a register:
 *
 *   weights [blocks of 16 units][K/4][4 gates i f g o][16 units][4 columns]
 *   scales, sums and biases [blocks][4 gates][16 units]
 *
 * Units and columns beyond H and K are zeros. Neighbours share 16 bits: of the columns 2m and
 * 2m + 1 the weights of one sign add up to KERNEL_SHARED_MAX at most, so that their products
 * with activations of 8 bits without a sign fit. In a matrix of fours the same holds for the
 * columns 8m, 8m + 1, 8m + 4 and 8m + 5, and for the other four of these eight.
 *
 * Memory  the caller's, aligned to 64 bytes
 * Threads any number; threads may share a layer by blocks
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_KERNEL_H
#define NN_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    KERNEL_UNITS = 16,       /* of a block: the lanes of the widest register */
    KERNEL_LANES = 64,       /* four gates of a block */
    KERNEL_QUAD = 4,         /* columns multiplied at once */
    KERNEL_SHARED_MAX = 128, /* 255 * 128 < 2^15 */

    /* 127 * 255 * columns stays below 2^31 far beyond any layer. */
    KERNEL_COLUMNS_MAX = 1 << 16,
};

struct kernel_matrix {
    size_t blocks, quads;
    const int8_t *weights;
    const int32_t *sums; /* of a row's weights, for kernels whose activations are unsigned */
    const float *scales;
    bool fours; /* four columns share 16 bits, not only two: faster, and coarser */
};

/* Blocks [from, to), walked downwards if asked: what the last step left in the
 * cache is then used first. */
struct kernel_share {
    size_t from, to;
    bool downwards;
};

/* One case at one time step. */
struct kernel_row {
    const uint8_t *q; /* activations as this kernel keeps them, kernel_stride() bytes */
    float scale;      /* of q */
    float *z;         /* [blocks][4][16]: what input writes and step reads */
    float *c, *h;     /* [units]: step reads and writes c, and writes h */
    float highest;    /* step: the largest |h| of its share */
};

struct kernel {
    const char *name;
    bool (*here)(void); /* whether this processor can run it */

    /* x [count] as int8, highest being its largest magnitude; returns the scale. */
    float (*quantise)(const float *x, size_t count, float highest, uint8_t *q);
    /* The same for values that are int8 already. */
    void (*adopt)(const int8_t *x, size_t count, uint8_t *q);

    /* z = bias + W q, for all rows. */
    void (*input)(const struct kernel_matrix *matrix, const float *bias,
                  const struct kernel_share *share, struct kernel_row *rows, size_t count);
    /* One step of the cell: z + W q through the gates into c, h and highest. */
    void (*step)(const struct kernel_matrix *matrix, const struct kernel_share *share,
                 struct kernel_row *rows, size_t count);
};

extern const struct kernel kernel_plain;
#if defined __x86_64__
extern const struct kernel kernel_avx2, kernel_avx512;
#elif defined __aarch64__
extern const struct kernel kernel_neon, kernel_dot;
#endif

/* The best kernel here, or the one of this name; ERR_UNAVAILABLE where this
 * processor lacks it, ERR_USAGE where there is none of that name. */
MUST_CHECK enum error_code kernel_pick(const char *name, const struct kernel **out_kernel,
                                       struct error *err);

/* All kernels built for this kind of processor, best first; NULL beyond the last. */
const struct kernel *kernel_at(size_t index);

/* Bytes of a row of so many activations. */
static inline size_t kernel_stride(size_t columns) { return (columns + 63) / 64 * 64; }
static inline size_t kernel_blocks(size_t units)
{
    return (units + KERNEL_UNITS - 1) / KERNEL_UNITS;
}
static inline size_t kernel_quads(size_t columns)
{
    return (columns + KERNEL_QUAD - 1) / KERNEL_QUAD;
}
static inline size_t kernel_matrix_bytes(size_t units, size_t columns)
{
    return kernel_blocks(units) * kernel_quads(columns) * KERNEL_LANES * KERNEL_QUAD;
}

#endif
