/* kernel_dot.c - 64-bit Arm with sdot: 16 products an instruction.
 *
 * Half of a block at a time for two rows: 16 of the 32 registers hold sums. */
// SPDX-License-Identifier: Apache-2.0
#if defined __aarch64__
#include <arm_neon.h>
#include <string.h>
#include <sys/auxv.h>

#define KERNEL_TARGET __attribute__((target("arch=armv8.2-a+dotprod")))
#define KERNEL_ROWS   2
#define KERNEL_ZERO   0
#define KERNEL_WIDE   16

#include "nn/kernel.h"

enum { HALF = KERNEL_LANES / 2, REGISTERS = HALF / 4 };

KERNEL_TARGET static inline __attribute__((always_inline)) void
tile(const int8_t *weights, size_t quads, const struct kernel_row *rows, const int ROWS,
     int32_t *out0, int32_t *out1)
{
    int32x4_t a[REGISTERS], b[REGISTERS];
    for (int v = 0; v < REGISTERS; v++) a[v] = b[v] = vdupq_n_s32(0);
    for (size_t k = 0; k < quads; k++, weights += KERNEL_LANES * KERNEL_QUAD) {
        int32_t four[2] = {0, 0};
        memcpy(&four[0], rows[0].q + k * KERNEL_QUAD, sizeof *four);
        if (ROWS == 2) memcpy(&four[1], rows[1].q + k * KERNEL_QUAD, sizeof *four);
        int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(four[0]));
        int8x16_t y = vreinterpretq_s8_s32(vdupq_n_s32(four[1]));
        for (int v = 0; v < REGISTERS; v++) {
            int8x16_t w = vld1q_s8(weights + 16 * v);
            a[v] = vdotq_s32(a[v], w, x);
            if (ROWS == 2) b[v] = vdotq_s32(b[v], w, y);
        }
    }
    for (int v = 0; v < REGISTERS; v++) {
        vst1q_s32(out0 + 4 * v, a[v]);
        if (ROWS == 2) vst1q_s32(out1 + 4 * v, b[v]);
    }
}

KERNEL_TARGET static void products(const struct kernel_matrix *matrix, size_t block,
                                   const struct kernel_row *rows, size_t count,
                                   int32_t (*out)[KERNEL_LANES])
{
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

static bool here(void)
{
    enum { DOT_PRODUCT = 1 << 20 }; /* HWCAP_ASIMDDP */
    return (getauxval(AT_HWCAP) & DOT_PRODUCT) != 0;
}

const struct kernel kernel_dot = {"neon-dot", here, quantise, adopt, input, step};
#else
typedef int kernel_dot_is_for_arm;
#endif
