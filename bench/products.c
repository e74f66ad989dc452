/* products.c - how fast each arithmetic multiplies, beside the processor's peak.
 *
 * The shapes are those of training: the recurrence with the rows of one thread, inputs
 * and gradients of a whole batch, the decoder. Every round takes all arithmetics in turn;
 * the fastest of the rounds counts, in time of the processor, since others work, too.
 *
 * usage: products [THREADS [ROUNDS]] */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "base/tick.h"
#include "nn/gemm.h"

enum product { FORWARD, INPUT, WEIGHT };

struct shape {
    const char *what;
    enum product product;
    size_t rows, outs, ins;
};

static const struct shape SHAPES[] = {
    {"recurrence, 16 rows", FORWARD, 16, 4608, 1152},
    {"recurrence back, 16 rows", INPUT, 16, 4608, 1152},
    {"recurrence, 8 rows", FORWARD, 8, 4608, 1152},
    {"last layer's recurrence", FORWARD, 16, 1600, 400},
    {"inputs of a batch", FORWARD, 2304, 4608, 1152},
    {"inputs back", INPUT, 2304, 4608, 1152},
    {"weights of a layer", WEIGHT, 2304, 4608, 1152},
    {"weights of the last layer", WEIGHT, 2304, 1600, 400},
    {"decoder", FORWARD, 512, 15000, 400},
    {"decoder back", INPUT, 512, 15000, 400},
    {"decoder's weights", WEIGHT, 512, 15000, 400},
    {"medium: recurrence", FORWARD, 16, 2048, 512},
    {"medium: inputs", FORWARD, 2304, 2048, 200},
    {"small: recurrence", FORWARD, 16, 768, 192},
    {"small: inputs", FORWARD, 2304, 768, 64},
};
enum { SHAPE_COUNT = sizeof SHAPES / sizeof *SHAPES };

static void must(enum error_code code, const struct error *err)
{
    if (code == ERR_NONE) return;
    fprintf(stderr, "%s\n", err->detail);
    exit(error_row(code)->exit_status);
}

static float *numbers(size_t count)
{
    static struct rng rng;
    float *values = malloc(count * sizeof *values);
    if (values == NULL) exit(71);
    for (size_t i = 0; i < count; i++) values[i] = (float)(rng_next(&rng) >> 40) * 0x1p-23f - 1;
    return values;
}

struct operands {
    float *x, *w, *dout, *out;
};

/* An arithmetic with room for one shape. */
struct place {
    struct gemm *gemm;
    struct arena arena;
    struct gemm_matrix matrix;
};

static void lay(struct place *place, const struct shape *shape, const float *w)
{
    const struct gemm_room room = {shape->rows, shape->outs, shape->ins};
    gemm_lay(place->gemm, &room, &place->arena);
    gemm_matrix_lay(place->gemm, &place->matrix, w, shape->outs, shape->ins, &place->arena);
}

static double seconds_of(const struct place *place, const struct shape *shape,
                         const struct operands *o)
{
    uint64_t start = tick_now();
    switch (shape->product) {
    case FORWARD: gemm_forward(place->gemm, &place->matrix, shape->rows, o->x, false, o->out); break;
    case INPUT: gemm_input(place->gemm, &place->matrix, shape->rows, o->dout, false, o->x); break;
    case WEIGHT:
        gemm_weight(place->gemm, shape->rows, o->dout, shape->outs, o->x, shape->ins, true, o->w);
        break;
    }
    return tick_seconds_since(start);
}

static void measure(const struct shape *shape, unsigned threads, unsigned rounds)
{
    struct place places[GEMM_ARITHMETICS];
    double best[GEMM_ARITHMETICS];
    struct error err = {0};
    size_t rows = shape->rows, outs = shape->outs, ins = shape->ins;
    struct operands o = {numbers(rows * ins), numbers(outs * ins), numbers(rows * outs),
                         numbers(rows * outs)};
    for (int a = GEMM_PLAIN + 1; a < GEMM_ARITHMETICS; a++) {
        struct place *place = &places[a];
        best[a] = 1e9;
        place->gemm = NULL;
        if (gemm_open(&place->gemm, (enum gemm_arithmetic)a, threads, &err) != ERR_NONE) continue;
        place->arena = arena_measure();
        lay(place, shape, o.w);
        must(arena_open(&place->arena, place->arena.used, &err), &err);
        lay(place, shape, o.w);
        gemm_renew(place->gemm, &place->matrix);
    }
    for (unsigned r = 0; r < rounds; r++)
        for (int a = GEMM_PLAIN + 1; a < GEMM_ARITHMETICS; a++) {
            if (places[a].gemm == NULL) continue;
            double seconds = seconds_of(&places[a], shape, &o);
            if (seconds < best[a]) best[a] = seconds;
        }
    printf("| %s | %zu x %zu x %zu |", shape->what, rows, outs, ins);
    for (int a = GEMM_PLAIN + 1; a < GEMM_ARITHMETICS; a++) {
        if (places[a].gemm == NULL) {
            printf(" - |");
            continue;
        }
        printf(" %.0f |", 2e-9 * (double)rows * (double)outs * (double)ins / best[a]);
        gemm_close(places[a].gemm);
        arena_close(&places[a].arena);
    }
    printf("\n");
    fflush(stdout);
    free(o.x), free(o.w), free(o.dout), free(o.out);
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 20;
    if (threads < 1 || threads > TEAM_THREADS_MAX || rounds < 1) return 64;
    printf("| product, GFLOP/s, threads: %ld | rows x outs x ins |", threads);
    for (int a = GEMM_PLAIN + 1; a < GEMM_ARITHMETICS; a++)
        printf(" %s |", gemm_name((enum gemm_arithmetic)a));
    printf("\n|---|---|");
    for (int a = GEMM_PLAIN + 1; a < GEMM_ARITHMETICS; a++) printf("---|");
    printf("\n");
    for (size_t s = 0; s < SHAPE_COUNT; s++)
        measure(&SHAPES[s], (unsigned)threads, (unsigned)rounds);
    return 0;
}
