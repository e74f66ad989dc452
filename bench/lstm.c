/* lstm.c - how long ULMFiT's model takes alone, at full size, with random weights.
 *
 * Reads lines "THREADS CASES ROUNDS" and answers each with a line: the fastest
 * and the median of so many rounds, in ms, each round being CASES texts of so
 * many tokens. bench/ulmfit.py asks it in turns with other stacks, so that all
 * meet the same weather.
 *
 * usage: lstm [TOKENS [KERNEL]] */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/tick.h"
#include "model/ulmfit.h"

enum { TOKENS_MAX = 4096, CASES_MAX = 64, ROUNDS_MAX = 1000, THREADS_MAX = 2 };

static const struct weights_shape SHAPE = {.vocab = 60000,
                                           .width = 400,
                                           .hidden = 1152,
                                           .layers = 3,
                                           .blocks = 2,
                                           .outs = {50, 12},
                                           .bptt = 72,
                                           .max_len = 1440};

static void must(enum error_code code, const struct error *err)
{
    if (code == ERR_NONE) return;
    fprintf(stderr, "%s\n", err->detail);
    exit(error_row(code)->exit_status);
}

static void *take(size_t count, size_t size)
{
    void *data = malloc(count * size);
    if (data == NULL) exit(71);
    return data;
}

/* Uniform weights as torch initialises them: +-1/sqrt of the units or features. */
static void weights_make(struct weights *weights)
{
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    struct rng rng = rng_seed(1);
    weights_begin(weights, &SHAPE);
    size_t count = weights_list(&SHAPE, rows);
    for (size_t i = 0; i < count; i++) {
        size_t items = rows[i].rows * rows[i].columns;
        float *data = take(items, sizeof *data);
        bool one = rows[i].initial == WEIGHTS_INITIAL_ONE;
        for (size_t k = 0; k < items; k++) {
            float unit = (float)(rng_next(&rng) >> 40) * 0x1p-23f - 1;
            data[k] = one ? 1 : unit * 0.04f;
        }
        weights_bind(weights, &rows[i], data);
    }
}

static void pass_open(struct ulmfit_pass *pass, const struct ulmfit *ulmfit, unsigned threads)
{
    struct error err = {0};
    struct arena arena = arena_measure();
    ulmfit_lay(pass, ulmfit, 32, threads, &arena);
    must(arena_open(&arena, arena.used, &err), &err);
    ulmfit_lay(pass, ulmfit, 32, threads, &arena);
    must(team_open(&pass->team, threads, &err), &err);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static uint32_t ids[CASES_MAX][TOKENS_MAX];
    static float logits[CASES_MAX][16];
    static double ms[ROUNDS_MAX];
    struct ulmfit_case cases[CASES_MAX];
    struct error err = {0};
    struct weights weights;
    struct shrink shrink;
    struct ulmfit ulmfit;
    struct ulmfit_pass passes[THREADS_MAX];
    long tokens = argc > 1 ? strtol(argv[1], NULL, 10) : 185;
    if (tokens < 1 || tokens > TOKENS_MAX) return 64;
    weights_make(&weights);
    must(shrink_open(&shrink, &weights, false, &err), &err);
    must(ulmfit_over(&ulmfit, &shrink, argc > 2 ? argv[2] : NULL, &err), &err);
    for (unsigned t = 0; t < THREADS_MAX; t++) pass_open(&passes[t], &ulmfit, t + 1);
    struct rng rng = rng_seed(2);
    for (size_t i = 0; i < CASES_MAX; i++) {
        for (long t = 0; t < tokens; t++) ids[i][t] = 2 + (uint32_t)rng_below(&rng, 59998);
        cases[i] = (struct ulmfit_case){ids[i], (size_t)tokens, logits[i]};
    }
    unsigned threads, count, rounds;
    while (scanf("%u %u %u", &threads, &count, &rounds) == 3) {
        if (threads < 1 || threads > THREADS_MAX || count < 1 || count > CASES_MAX || rounds < 1 ||
            rounds > ROUNDS_MAX)
            return 64;
        for (unsigned r = 0; r < rounds; r++) {
            uint64_t start = tick_now();
            must(ulmfit_forward(&ulmfit, &passes[threads - 1], cases, count, &err), &err);
            ms[r] = tick_seconds_since(start) * 1e3;
        }
        qsort(ms, rounds, sizeof *ms, by_value);
        printf("%.3f %.3f\n", ms[0], ms[rounds / 2]);
        fflush(stdout);
    }
    return 0;
}
