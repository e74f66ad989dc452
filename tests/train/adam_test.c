/* adam_test.c - the optimiser against the formula in f64, for any number of threads. */
// SPDX-License-Identifier: Apache-2.0
#include "train/adam.h"

#include <math.h>

#include "help.h"

enum { ROWS = 4, GROUPS = 3, COUNT = 16 + 700 + 5 + 33, STEPS = 12 };

/* Rows of odd sizes: one that is fixed, one that does not decay. */
static const struct net_row rows[ROWS] = {
    {.offset = 0, .count = 16, .group = 0, .decays = true},
    {.offset = 16, .count = 700, .group = 1, .decays = true},
    {.offset = 716, .count = 5, .group = NET_FIXED},
    {.offset = 721, .count = 33, .group = 2, .decays = false},
};

struct bench {
    struct net net;
    struct adam adam;
    struct arena arena;
    float parameters[COUNT], gradients[COUNT];
};

static void bench_open(struct bench *bench, unsigned threads)
{
    struct error err;
    *bench = (struct bench){0};
    struct net *net = &bench->net;
    memcpy(net->rows, rows, sizeof rows);
    net->row_count = ROWS;
    net->groups = GROUPS;
    net->count = COUNT;
    net->parameters = bench->parameters;
    net->gradients = bench->gradients;
    assert_fine(gemm_open(&net->gemm, GEMM_PLAIN, threads, &err), &err);
    bench->arena = arena_measure();
    adam_lay(&bench->adam, net, &bench->arena);
    assert_fine(arena_open(&bench->arena, bench->arena.used, &err), &err);
    adam_lay(&bench->adam, net, &bench->arena);
    for (size_t i = 0; i < COUNT; i++) bench->parameters[i] = sinf((float)i);
}

static void bench_close(struct bench *bench)
{
    arena_close(&bench->arena);
    gemm_close(bench->net.gemm);
}

/* Gradients of very different sizes; some are zero. */
static float gradient(size_t i, size_t step)
{
    if (i % 7 == 3) return 0;
    return sinf((float)(i * (step + 3))) * powf(10, -(float)(i % 6));
}

static double momentum_of(size_t step) { return 0.8 - 0.01 * (double)step; }

static void bench_step(struct bench *bench, size_t step, double clip)
{
    const double rates[GROUPS] = {1e-3, 4e-3, 2e-2 / (double)(step + 1)};
    for (size_t i = 0; i < COUNT; i++) bench->gradients[i] = gradient(i, step);
    adam_learn(&bench->adam,
               &(struct adam_step){
                   .rates = rates, .momentum = momentum_of(step), .decay = 0.01, .clip = clip});
}

/* What the header says, number by number. */
static double expected(const struct net_row *row, size_t i, size_t steps, double scale)
{
    const double high[GROUPS] = {1e-3, 4e-3, 2e-2};
    double p = sinf((float)i), m = 0, v = 0;
    for (size_t step = 0; step < steps; step++) {
        double rate = row->group == 2 ? high[2] / (double)(step + 1) : high[row->group];
        double g = scale * (double)gradient(i, step), mom = momentum_of(step), t = (double)step + 1;
        if (row->decays) p *= 1 - rate * 0.01;
        m = mom * m + (1 - mom) * g;
        v = 0.99 * v + 0.01 * g * g;
        p -= rate / (1 - pow(mom, t)) * m / (sqrt(v / (1 - pow(0.99, t))) + 1e-5);
    }
    return p;
}

static void compare(const struct bench *bench, size_t steps, double scale)
{
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = rows[r].offset; i < rows[r].offset + rows[r].count; i++) {
            double want = sinf((float)i), got = (double)bench->parameters[i];
            if (rows[r].group != NET_FIXED && rows[r].group >= (int)bench->net.first)
                want = expected(&rows[r], i, steps, scale);
            if (fabs(want - got) > 2e-6) fail_msg("%zu: %.9g is not %.9g", i, got, want);
        }
}

static void test_as_the_formula(void **state)
{
    (void)state;
    static struct bench bench, other;
    bench_open(&bench, 1);
    bench_open(&other, 3);
    for (size_t step = 0; step < STEPS; step++) {
        bench_step(&bench, step, 0);
        bench_step(&other, step, 0);
        compare(&bench, step + 1, 1);
    }
    assert_memory_equal(bench.parameters, other.parameters, sizeof bench.parameters);
    assert_memory_equal(bench.adam.square, other.adam.square, COUNT * sizeof(float));
    /* Begun anew, it steps as if it were the first time. */
    adam_clear(&bench.adam);
    for (size_t i = 0; i < COUNT; i++) bench.parameters[i] = sinf((float)i);
    bench_step(&bench, 0, 0);
    compare(&bench, 1, 1);
    bench_close(&bench);
    bench_close(&other);
}

static void test_frozen_groups_stay(void **state)
{
    (void)state;
    static struct bench bench;
    bench_open(&bench, 2);
    bench.net.first = 2;
    for (size_t step = 0; step < 3; step++) bench_step(&bench, step, 0);
    compare(&bench, 3, 1);
    for (size_t i = 0; i < rows[2].offset; i++) assert_true(bench.adam.average[i] == 0);
    bench_close(&bench);
}

static void test_clips(void **state)
{
    (void)state;
    static struct bench bench;
    double sum = 0;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < rows[r].count && rows[r].group != NET_FIXED; i++)
            sum += pow((double)gradient(rows[r].offset + i, 0), 2);
    bench_open(&bench, 2);
    bench_step(&bench, 0, 0.5);
    compare(&bench, 1, 0.5 / sqrt(sum));
    bench_close(&bench);
    /* A bound that is not reached changes nothing. */
    bench_open(&bench, 2);
    bench_step(&bench, 0, 1e6);
    compare(&bench, 1, 1);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_formula),
        cmocka_unit_test(test_frozen_groups_stay),
        cmocka_unit_test(test_clips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
