/* tile.c - one loop in the compiler's vectors, three instruction sets.
 *
 * A product is bounded by multiplications only if each number loaded is used several
 * times: six rows of two registers of sums take 8 loads for 12 fused multiplications, and
 * a core does three of those for two of these. Compiled with fused operations allowed
 * (Makefile), as nothing else is. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/tile.h"

#include <string.h>

#include "base/check.h"

#if defined __x86_64__
#define TILE_NAME   avx512
#define TILE_TARGET __attribute__((target("avx512f")))
#define TILE_LANES  16
#define TILE_ROWS   12
#include "nn/tile_body.h"

#define TILE_NAME   avx2
#define TILE_TARGET __attribute__((target("avx2,fma")))
#define TILE_LANES  8
#define TILE_ROWS   6
#include "nn/tile_body.h"

static bool here_avx512(void) { return __builtin_cpu_supports("avx512f"); }
static bool here_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

/* What every processor of this kind has: SSE2, NEON. */
#define TILE_NAME base
#define TILE_TARGET
#define TILE_LANES 4
#define TILE_ROWS  6
#include "nn/tile_body.h"

static bool everywhere(void) { return true; }

static const struct tile TILES[] = {
#if defined __x86_64__
    {"avx512", 12, 32, here_avx512, avx512},
    {"avx2", 6, 16, here_avx2, avx2},
#endif
    {"base", 6, 8, everywhere, base},
};

const struct tile *tile_at(size_t index)
{
    return index < sizeof TILES / sizeof *TILES ? &TILES[index] : NULL;
}

const struct tile *tile_best(void)
{
    size_t index = 0;
    while (!TILES[index].here()) index++;
    return &TILES[index];
}
