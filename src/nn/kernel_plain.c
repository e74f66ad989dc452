/* kernel_plain.c - the products in plain C: what the others are tested against. */
// SPDX-License-Identifier: Apache-2.0
#define KERNEL_TARGET
#define KERNEL_ROWS 4
#define KERNEL_ZERO 0
#define KERNEL_WIDE 16

#include "nn/kernel.h"

static void products(const struct kernel_matrix *matrix, size_t block,
                     const struct kernel_row *rows, size_t count, int32_t (*out)[KERNEL_LANES])
{
    enum { QUAD_BYTES = KERNEL_LANES * KERNEL_QUAD };
    const int8_t *weights = matrix->weights + block * matrix->quads * QUAD_BYTES;
    for (size_t r = 0; r < count; r++) {
        const int8_t *q = (const int8_t *)rows[r].q;
        for (size_t lane = 0; lane < KERNEL_LANES; lane++) out[r][lane] = 0;
        for (size_t k = 0; k < matrix->quads; k++) {
            const int8_t *quad = weights + k * QUAD_BYTES, *x = q + k * KERNEL_QUAD;
            for (size_t lane = 0; lane < KERNEL_LANES; lane++) {
                const int8_t *w = quad + lane * KERNEL_QUAD;
                out[r][lane] += w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + w[3] * x[3];
            }
        }
    }
}

#include "nn/kernel_body.h"

static bool here(void) { return true; }

const struct kernel kernel_plain = {"plain", here, quantise, adopt, input, step};
