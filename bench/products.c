/* products.c - how fast each arithmetic multiplies, and oneDNN where it is installed.
 *
 * The shapes are those of training: the recurrence with the rows of one thread, inputs
 * and gradients of a whole batch, the decoder. Every round takes all in turn; the fastest
 * of the rounds counts, by one thread in its own time, since others work, too.
 *
 * usage: products [THREADS [ROUNDS]] */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "nn/gemm.h"
#include "onednn.h"

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

static double now(unsigned threads)
{
    struct timespec time;
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void multiply(const struct place *place, const struct shape *shape, const struct operands *o)
{
    size_t rows = shape->rows, outs = shape->outs, ins = shape->ins;
    switch (shape->product) {
    case FORWARD:
        gemm_forward(place->gemm, &place->matrix, rows, o->x, true, o->out);
        break;
    case INPUT:
        gemm_input(place->gemm, &place->matrix, rows, o->dout, true, o->x);
        break;
    case WEIGHT:
        gemm_weight(place->gemm, rows, o->dout, outs, o->x, ins, true, o->w);
        break;
    }
}

static bool peer_open(struct onednn *peer, const struct shape *shape, bool bf16)
{
    size_t rows = shape->rows, outs = shape->outs, ins = shape->ins;
    struct onednn_shape product = {.bf16 = bf16, .add = true, .packed = true};
    switch (shape->product) {
    case FORWARD:
        product.rows = rows, product.depth = ins, product.columns = outs;
        product.right_sideways = true;
        break;
    case INPUT:
        product.rows = rows, product.depth = outs, product.columns = ins;
        break;
    case WEIGHT:
        product.rows = outs, product.depth = rows, product.columns = ins;
        product.left_sideways = true;
        product.packed = false;
        break;
    }
    return onednn_open(peer, &product);
}

static void tell(const struct shape *shape, double seconds)
{
    double operations = 2 * (double)shape->rows * (double)shape->outs * (double)shape->ins;
    if (seconds < 1e9)
        printf(" %.0f |", 1e-9 * operations / seconds);
    else
        printf(" - |");
}

enum { PEERS = 2, WAYS = GEMM_ARITHMETICS + PEERS }; /* oneDNN, f32 and bf16 */

static void measure(const struct shape *shape, unsigned threads, unsigned rounds)
{
    struct place places[GEMM_ARITHMETICS];
    struct onednn peers[PEERS];
    bool there[WAYS];
    double best[WAYS];
    struct error err = {0};
    size_t rows = shape->rows, outs = shape->outs, ins = shape->ins;
    struct operands o = {numbers(rows * ins), numbers(outs * ins), numbers(rows * outs),
                         numbers(rows * outs)};
    for (int a = GEMM_PLAIN + 1; a < WAYS; a++) best[a] = 1e9;
    for (int a = GEMM_PLAIN + 1; a < GEMM_ARITHMETICS; a++) {
        struct place *place = &places[a];
        there[a] = true;
        must(gemm_open(&place->gemm, (enum gemm_arithmetic)a, threads, &err), &err);
        place->arena = arena_measure();
        lay(place, shape, o.w);
        must(arena_open(&place->arena, place->arena.used, &err), &err);
        lay(place, shape, o.w);
        gemm_renew(place->gemm, &place->matrix);
    }
    for (int p = 0; p < PEERS; p++)
        there[GEMM_ARITHMETICS + p] = threads == 1 && peer_open(&peers[p], shape, p == 1);
    for (unsigned r = 0; r < rounds; r++)
        for (int a = GEMM_PLAIN + 1; a < WAYS; a++) {
            double start = now(threads);
            if (!there[a]) continue;
            if (a < GEMM_ARITHMETICS)
                multiply(&places[a], shape, &o);
            else
                onednn_multiply(&peers[a - GEMM_ARITHMETICS]);
            double seconds = now(threads) - start;
            if (seconds < best[a]) best[a] = seconds;
        }
    printf("| %s | %zu x %zu x %zu |", shape->what, rows, outs, ins);
    for (int a = GEMM_PLAIN + 1; a < WAYS; a++) tell(shape, best[a]);
    printf("\n");
    fflush(stdout);
    for (int a = GEMM_PLAIN + 1; a < WAYS; a++)
        if (there[a] && a < GEMM_ARITHMETICS) {
            gemm_close(places[a].gemm);
            arena_close(&places[a].arena);
        } else if (there[a]) {
            onednn_close(&peers[a - GEMM_ARITHMETICS]);
        }
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
    printf(" oneDNN f32 | oneDNN bf16 |\n|---|---|");
    for (int a = GEMM_PLAIN + 1; a < WAYS; a++) printf("---|");
    printf("\n");
    for (size_t s = 0; s < SHAPE_COUNT; s++)
        measure(&SHAPES[s], (unsigned)threads, (unsigned)rounds);
    return 0;
}
