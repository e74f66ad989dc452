/* tile.c - one loop in the compiler's vectors, for each instruction set and kind of cells.
 *
 * A product is bounded by multiplications only if each number loaded is used several
 * times: six rows of two registers of sums take 8 loads for 12 fused multiplications, and
 * a core does three of those for two of these. Compiled with fused operations allowed
 * (Makefile), as nothing else is.
 *
 * Pairs of bf16 go through the same loop. Where a processor has no instruction for them
 * they are taken apart, which is slower than numbers: for tests, and for a training begun
 * elsewhere. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/tile.h"

#include <stdint.h>
#include <string.h>

#if defined __x86_64__
#include <immintrin.h>
#endif

#include "base/check.h"
#include "nn/tile_amx.h"

/* Cells that are numbers. */
#define NUMBER_ADD(sum, cell, panel) (sum) += *(cell) * (panel)

/* Cells that are pairs: a bf16 is the upper half of a float. */
static inline uint32_t bits_of(const float *cell)
{
    uint32_t bits;
    memcpy(&bits, cell, sizeof bits);
    return bits;
}

static inline float number_of(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

#define PAIR_ADD(sum, cell, panel)                                                                 \
    (sum) += number_of(bits_of(cell) << 16) * (LANES)((BITS)(panel) << 16) +                       \
             number_of(bits_of(cell) & 0xffff0000) * (LANES)((BITS)(panel)&0xffff0000)

#if defined __x86_64__
#define TILE_NAME   avx512
#define TILE_TARGET __attribute__((target("avx512f")))
#define TILE_LANES  16
#define TILE_ROWS   12
#define TILE_ADD    NUMBER_ADD
#include "nn/tile_body.h"

#define TILE_NAME   avx2
#define TILE_TARGET __attribute__((target("avx2,fma")))
#define TILE_LANES  8
#define TILE_ROWS   6
#define TILE_ADD    NUMBER_ADD
#include "nn/tile_body.h"

#define TILE_NAME   avx512_bf16
#define TILE_TARGET __attribute__((target("avx512f,avx512bw,avx512bf16")))
#define TILE_LANES  16
#define TILE_ROWS   12
#define TILE_ADD(sum, cell, panel)                                                                 \
    (sum) = (LANES)_mm512_dpbf16_ps(                                                               \
        (__m512)(sum), (__m512bh)_mm512_set1_epi32((int)bits_of(cell)), (__m512bh)(panel))
#include "nn/tile_body.h"

#define TILE_NAME   avx2_pairs
#define TILE_TARGET __attribute__((target("avx2,fma")))
#define TILE_LANES  8
#define TILE_ROWS   4
#define TILE_ADD    PAIR_ADD
#include "nn/tile_body.h"

static bool here_avx512(void) { return __builtin_cpu_supports("avx512f"); }
static bool here_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static bool here_avx512_bf16(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512bf16");
}

/* Intel's cores take four times as long for it as for a fused multiplication of numbers. */
static bool fast_avx512_bf16(void) { return !__builtin_cpu_is("intel"); }
#endif

/* What every processor of this kind has: SSE2, NEON. */
#define TILE_NAME base
#define TILE_TARGET
#define TILE_LANES 4
#define TILE_ROWS  6
#define TILE_ADD   NUMBER_ADD
#include "nn/tile_body.h"

#define TILE_NAME base_pairs
#define TILE_TARGET
#define TILE_LANES 4
#define TILE_ROWS  4
#define TILE_ADD   PAIR_ADD
#include "nn/tile_body.h"

static bool everywhere(void) { return true; }
static bool nowhere(void) { return false; }

static const struct tile TILES[] = {
#if defined __x86_64__
    {"avx512", PANEL_F32, 12, 32, true, everywhere, here_avx512, avx512},
    {"avx2", PANEL_F32, 6, 16, true, everywhere, here_avx2, avx2},
#endif
    {"base", PANEL_F32, 6, 8, true, everywhere, everywhere, base},
#if defined __x86_64__
    {"amx", PANEL_BF16, 32, 32, false, everywhere, tile_amx_here, tile_amx},
    {"avx512 bf16", PANEL_BF16, 12, 32, true, fast_avx512_bf16, here_avx512_bf16, avx512_bf16},
    {"avx2 pairs", PANEL_BF16, 4, 16, true, nowhere, here_avx2, avx2_pairs},
#endif
    {"base pairs", PANEL_BF16, 4, 8, true, nowhere, everywhere, base_pairs},
};

const struct tile *tile_at(size_t index)
{
    return index < sizeof TILES / sizeof *TILES ? &TILES[index] : NULL;
}

const struct tile *tile_best(enum panel_cells cells)
{
    size_t index = 0;
    while (TILES[index].cells != cells || !TILES[index].here()) index++;
    return &TILES[index];
}
