/* peak.c - how many operations a second this processor can do at most: multiplications and
 * additions on registers alone, f32 and bf16.
 *
 * What a training reaches is a share of this; nothing that reads memory gets there.
 *
 * usage: peak [THREADS]     prints "f32 GFLOP/s" and "bf16 GFLOP/s", 0 where there is none */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/tick.h"
#include "nn/team.h"
#include "nn/tile_amx.h"

#if defined __x86_64__
#include <immintrin.h>
#endif

enum { SUMS = 12, REPEATS = 1000000, ROUNDS = 20 }; /* sums: enough to hide a latency */
enum { AMX_REPEATS = REPEATS / 4 };

typedef void burn_loop(float *out);

struct burn {
    const char *name;
    burn_loop *loop;
    double operations; /* of one repeat */
};

#if defined __x86_64__
#define LOOP(name, isa, type, zero, step, store)                                                   \
    __attribute__((target(isa))) static void name(float *out)                                      \
    {                                                                                              \
        type sums[SUMS], total;                                                                    \
        for (int s = 0; s < SUMS; s++) sums[s] = zero;                                             \
        for (long r = 0; r < REPEATS; r++) {                                                       \
            _Pragma("GCC unroll 12") for (int s = 0; s < SUMS; s++) sums[s] = step;                \
        }                                                                                          \
        total = sums[0];                                                                           \
        for (int s = 1; s < SUMS; s++) total = total + sums[s];                                    \
        store(out, total);                                                                         \
    }

LOOP(numbers_avx2, "avx2,fma", __m256, _mm256_set1_ps((float)s),
     _mm256_fmadd_ps(sums[s], _mm256_set1_ps(0.5f), _mm256_set1_ps(1)), _mm256_storeu_ps)
LOOP(numbers_avx512, "avx512f", __m512, _mm512_set1_ps((float)s),
     _mm512_fmadd_ps(sums[s], _mm512_set1_ps(0.5f), _mm512_set1_ps(1)), _mm512_storeu_ps)
LOOP(pairs_avx512, "avx512f,avx512bw,avx512bf16", __m512, _mm512_set1_ps((float)s),
     _mm512_dpbf16_ps(sums[s], (__m512bh)_mm512_set1_epi32(0x3f803f80),
                      (__m512bh)_mm512_set1_epi32(0x3f803f80)),
     _mm512_storeu_ps)

/* Registers of sixteen rows of sixteen pairs, all clear: four of sums, of 16 x 16 x 32 each. */
__attribute__((target("amx-tile,amx-bf16"))) static void pairs_amx(float *out)
{
    static const struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } shapes = {1, 0, {0}, {64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&shapes);
    for (long r = 0; r < AMX_REPEATS; r++) {
        _tile_dpbf16ps(0, 4, 5);
        _tile_dpbf16ps(1, 4, 5);
        _tile_dpbf16ps(2, 4, 5);
        _tile_dpbf16ps(3, 4, 5);
    }
    _tile_release();
    out[0] = 0;
}
#endif

/* The widest there is, or none. */
static struct burn burn_best(int pairs)
{
#if defined __x86_64__
    if (pairs && tile_amx_here())
        return (struct burn){"bf16", pairs_amx, 4.0 * 2 * 16 * 16 * 32 * AMX_REPEATS / REPEATS};
    if (pairs && __builtin_cpu_supports("avx512bf16"))
        return (struct burn){"bf16", pairs_avx512, SUMS * 64};
    if (!pairs && __builtin_cpu_supports("avx512f"))
        return (struct burn){"f32", numbers_avx512, SUMS * 32};
    if (!pairs && __builtin_cpu_supports("fma"))
        return (struct burn){"f32", numbers_avx2, SUMS * 16};
#endif
    return (struct burn){pairs ? "bf16" : "f32", NULL, 0};
}

static void burn_job(void *context, unsigned worker)
{
    static float out[TEAM_THREADS_MAX][32];
    const struct burn *burn = context;
    burn->loop(out[worker]);
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    struct team *team = NULL;
    struct error err = {0};
    if (threads < 1 || threads > TEAM_THREADS_MAX) return 64;
    enum error_code code = team_open(&team, (unsigned)threads, &err);
    if (code != ERR_NONE) {
        fprintf(stderr, "%s\n", err.detail);
        return error_row(code)->exit_status;
    }
    for (int pairs = 0; pairs < 2; pairs++) {
        struct burn burn = burn_best(pairs);
        double best = 0;
        for (int r = 0; r < ROUNDS && burn.loop != NULL; r++) {
            uint64_t start = tick_now();
            team_run(team, burn_job, &burn);
            double rate = burn.operations * REPEATS * (double)threads / tick_seconds_since(start);
            if (rate > best) best = rate;
        }
        printf("%s %.1f\n", burn.name, best * 1e-9);
    }
    team_close(team);
    return 0;
}
