/* kernel_neon.c - 64-bit Arm without the dot-product instruction.
 *
 * smull makes 8 products of 16 bits, addp adds neighbours (at most 2 * 127 * 127,
 * which fits), sadalp adds neighbours again into sums of 32 bits. */
// SPDX-License-Identifier: Apache-2.0
#if defined __aarch64__
#include <arm_neon.h>
#include <string.h>

#define KERNEL_TARGET
#define KERNEL_ROWS 1
#define KERNEL_ZERO 0
#define KERNEL_WIDE 16

#include "nn/kernel.h"

static void products(const struct kernel_matrix *matrix, size_t block,
                     const struct kernel_row *rows, size_t count, int32_t (*out)[KERNEL_LANES])
{
    enum { QUAD_BYTES = KERNEL_LANES * KERNEL_QUAD, REGISTERS = 16 };
    const int8_t *weights = matrix->weights + block * matrix->quads * QUAD_BYTES;
    const int8_t *q = (const int8_t *)rows->q;
    int32x4_t sums[REGISTERS];
    (void)count;
    for (int v = 0; v < REGISTERS; v++) sums[v] = vdupq_n_s32(0);
    for (size_t k = 0; k < matrix->quads; k++, weights += QUAD_BYTES) {
        int32_t four;
        memcpy(&four, q + k * KERNEL_QUAD, sizeof four);
        int8x8_t x = vreinterpret_s8_s32(vdup_n_s32(four));
        for (int v = 0; v < REGISTERS; v++) {
            int8x16_t w = vld1q_s8(weights + 16 * v);
            int16x8_t low = vmull_s8(vget_low_s8(w), x), high = vmull_s8(vget_high_s8(w), x);
            sums[v] = vpadalq_s16(sums[v], vpaddq_s16(low, high));
        }
    }
    for (int v = 0; v < REGISTERS; v++) vst1q_s32(out[0] + 4 * v, sums[v]);
}

#include "nn/kernel_body.h"

static bool here(void) { return true; }

const struct kernel kernel_neon = {"neon", here, quantise, adopt, input, step};
#else
typedef int kernel_neon_is_for_arm;
#endif
