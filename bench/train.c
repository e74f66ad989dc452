/* train.c - a step of training at full size, by the code that trains: forward, backward, optimiser.
 *
 * Words and labels are random, which costs the same. Prints the arithmetic and the budget,
 * the memory laid out beforehand; then answers each line of input with the seconds of a step;
 * at the end prints the most memory that was resident. bench/train.py asks it in turns with
 * fastai, so that both meet the same weather.
 *
 * usage: train lm|classifier [VOCAB [THREADS [ARITHMETIC]]]     f32, bf16: else the fastest */
// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/tick.h"
#include "model/clas.h"
#include "model/lm.h"
#include "train/adam.h"

enum { ROWS = 32, STEPS = 72, LENGTH = 128, CLASSES = 12, GROUPS_MAX = 16 };

static const double RATE = 1e-3, MOMENTUM = 0.9, DECAY = 0.01;

/* A training, as train/tune.c and train/labels.c hold it. */
struct bench {
    bool classifier;
    struct gemm *gemm;
    struct arena arena;
    struct net net;
    struct adam adam;
    uint32_t ids[ROWS * (LENGTH + 1)], labels[ROWS];
    struct clas_text texts[ROWS];
};

static void must(enum error_code code, const struct error *err)
{
    if (code == ERR_NONE) return;
    fprintf(stderr, "%s\n", err->detail);
    exit(error_row(code)->exit_status);
}

static void lay(struct bench *bench, uint32_t vocab)
{
    struct net_options options = {.shape = {.vocab = vocab,
                                            .width = 400,
                                            .hidden = 1152,
                                            .layers = 3,
                                            .bptt = STEPS,
                                            .max_len = 20 * STEPS,
                                            .decoder_bias = !bench->classifier},
                                  .rows = ROWS,
                                  .alpha = 2,
                                  .beta = 1,
                                  .seed = 1};
    if (bench->classifier) {
        options.shape.blocks = 2;
        options.shape.outs[0] = 50;
        options.shape.outs[1] = CLASSES;
        options.length = LENGTH;
        options.traces = (LENGTH + STEPS - 1) / STEPS;
        options.drop_head = 0.1f;
    }
    options.drops = net_drops(&options.shape, 1);
    net_lay(&bench->net, &options, bench->gemm, &bench->arena);
    adam_lay(&bench->adam, &bench->net, &bench->arena);
}

static void batch_make(struct bench *bench, uint32_t vocab)
{
    struct rng rng = rng_seed(2);
    for (size_t i = 0; i < sizeof bench->ids / sizeof *bench->ids; i++)
        bench->ids[i] = 2 + (uint32_t)rng_below(&rng, vocab - 2);
    for (size_t r = 0; r < ROWS; r++) {
        bench->labels[r] = (uint32_t)rng_below(&rng, CLASSES);
        bench->texts[r] = (struct clas_text){bench->ids + r * LENGTH, LENGTH};
    }
}

static double step(struct bench *bench, uint64_t draw)
{
    double rates[GROUPS_MAX];
    struct net_loss loss;
    struct error err = {0};
    uint64_t start = tick_now();
    for (size_t g = 0; g < GROUPS_MAX; g++) rates[g] = RATE;
    if (bench->classifier)
        must(clas_learn(&bench->net, &(struct clas_batch){ROWS, bench->texts, bench->labels, draw},
                        NULL, &loss, &err),
             &err);
    else
        lm_learn(&bench->net,
                 &(struct lm_batch){ROWS, STEPS, STEPS + 1, bench->ids, bench->ids + 1, draw},
                 &loss);
    (void)adam_learn(&bench->adam,
                     &(struct adam_step){.rates = rates, .momentum = MOMENTUM, .decay = DECAY});
    double seconds = tick_seconds_since(start);
    if (!isfinite(loss.total)) {
        fprintf(stderr, "the loss is no number\n");
        exit(70);
    }
    return seconds;
}

static unsigned long resident_peak_kib(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0) kib = strtoul(line + 6, NULL, 10);
    if (status != NULL) fclose(status);
    return kib;
}

/* By its name; the fastest without one. */
static enum gemm_arithmetic arithmetic_of(const char *name)
{
    enum gemm_arithmetic arithmetic = gemm_best();
    if (name == NULL || gemm_named(name, &arithmetic)) return arithmetic;
    fprintf(stderr, "no arithmetic is called %s\n", name);
    exit(64);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct error err = {0};
    char line[16];
    uint32_t vocab = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 15000;
    unsigned threads = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
    enum gemm_arithmetic arithmetic = arithmetic_of(argc > 4 ? argv[4] : NULL);
    if (argc < 2 || vocab < 100 || threads < 1 || threads > TEAM_THREADS_MAX) return 64;
    bench.classifier = strcmp(argv[1], "classifier") == 0;
    must(gemm_open(&bench.gemm, arithmetic, threads, &err), &err);
    bench.arena = arena_measure();
    lay(&bench, vocab);
    printf("%s %zu\n", gemm_name(arithmetic), bench.arena.used);
    must(arena_open(&bench.arena, bench.arena.used, &err), &err);
    lay(&bench, vocab);
    net_start(&bench.net, 1);
    adam_clear(&bench.adam);
    batch_make(&bench, vocab);
    for (uint64_t draw = 0; fflush(stdout), fgets(line, sizeof line, stdin) != NULL; draw++)
        printf("%.6f\n", step(&bench, draw));
    printf("%lu\n", resident_peak_kib() * 1024);
    arena_close(&bench.arena);
    gemm_close(bench.gemm);
    return 0;
}
