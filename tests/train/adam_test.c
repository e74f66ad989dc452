/* adam_test.c - the optimiser against the formula in f64, for any number of threads. */
// SPDX-License-Identifier: Apache-2.0
#include "train/adam.h"

#include <math.h>

#include "help.h"
#include "model/golden.h"
#include "train/schedule.h"

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

/* The tiny nets with an optimiser, as fastai trained them. */
struct training {
    struct golden golden;
    struct adam adam;
    struct arena arena;
    json_t *root;
};

static void training_open(struct training *training, const struct weights_shape *shape)
{
    struct error err;
    const struct net_options options = golden_options(shape);
    golden_open(&training->golden, &options, GEMM_TILED, 2);
    training->arena = arena_measure();
    adam_lay(&training->adam, &training->golden.net, &training->arena);
    assert_fine(arena_open(&training->arena, training->arena.used, &err), &err);
    adam_lay(&training->adam, &training->golden.net, &training->arena);
    training->root = golden_json(weights_headless(shape) ? GOLDEN_TRAIN "language.json"
                                                         : GOLDEN_TRAIN "classifier.json");
}

static void training_close(struct training *training)
{
    json_decref(training->root);
    arena_close(&training->arena);
    golden_close(&training->golden);
}

/* Returns the loss. */
static double training_step(struct training *training, size_t batch, const double *rates,
                            double momentum)
{
    static struct golden_clas texts;
    static struct golden_lm stream;
    struct error err = {0};
    struct net_loss loss;
    struct net *net = &training->golden.net;
    if (weights_headless(&net->options.shape)) {
        golden_lm_take(&stream, training->root, batch);
        lm_learn(net, &stream.batch, &loss);
    } else {
        golden_clas_take(&texts, training->root, batch);
        assert_fine(clas_learn(net, &texts.batch, NULL, &loss, &err), &err);
    }
    adam_learn(&training->adam,
               &(struct adam_step){.rates = rates, .momentum = momentum, .decay = 0.01});
    return loss.entropy;
}

static void assert_loss(const struct training *training, const char *run, size_t step, double loss)
{
    double off = fabs(loss - golden_of(training->root, run, "loss", step));
    if (!(off < 2e-4)) fail_msg("%s: the loss of step %zu is off by %g", run, step, off);
}

static void assert_parameters(const struct training *training, const char *path)
{
    golden_within(&training->golden, training->golden.net.parameters, path, false, 2e-4);
}

static const double FLAT[] = {5e-3, 5e-3, 5e-3, 5e-3, 5e-3};

static void test_ten_steps_of_fastai(void **state)
{
    (void)state;
    static struct training clas, lm;
    training_open(&clas, &FILL_TINY_SHAPE);
    training_open(&lm, &GOLDEN_LM_SHAPE);
    for (size_t step = 0; step < 10; step++) {
        assert_loss(&clas, "reg", step, training_step(&clas, step % 2, FLAT, 0.9));
        assert_loss(&lm, "reg", step, training_step(&lm, step % 3, FLAT, 0.9));
        if (step > 1 && step < 9) continue;
        char path[128];
        snprintf(path, sizeof path, GOLDEN_TRAIN "clas_reg_state_after%zu.safetensors", step + 1);
        assert_parameters(&clas, path);
        snprintf(path, sizeof path, GOLDEN_TRAIN "lm_state_after%zu.safetensors", step + 1);
        assert_parameters(&lm, path);
    }
    training_close(&clas);
    training_close(&lm);
}

/* Four epochs of 25 batches. */
static void test_one_cycle_of_fastai(void **state)
{
    (void)state;
    static struct training clas;
    double highest[5], rates[5];
    training_open(&clas, &FILL_TINY_SHAPE);
    schedule_spread(1e-3 / pow(2.6, 4), 1e-3, highest, 5);
    for (size_t step = 0; step < 100; step++) {
        double position = (double)step / 100;
        for (size_t g = 0; g < 5; g++) rates[g] = schedule_rate(highest[g], position);
        assert_loss(&clas, "onecycle", step,
                    training_step(&clas, step % 25 % 2, rates, schedule_momentum(position)));
    }
    assert_parameters(&clas, GOLDEN_TRAIN "clas_onecycle_state_after100.safetensors");
    training_close(&clas);
}

/* Head; last layer, too; the last two; all: the optimiser begins anew each time. */
static void test_gradual_unfreezing_of_fastai(void **state)
{
    (void)state;
    static struct training clas;
    const unsigned first[] = {4, 3, 2, 0};
    double rates[5];
    training_open(&clas, &FILL_TINY_SHAPE);
    json_t *hypers = json_object_get(json_object_get(clas.root, "gradual"), "hypers");
    for (size_t step = 0; step < 8; step++) {
        json_t *groups = json_array_get(hypers, step);
        for (size_t g = 0; g < 5; g++)
            rates[g] = json_number_value(json_object_get(json_array_get(groups, g), "lr"));
        double momentum = json_number_value(json_object_get(json_array_get(groups, 0), "mom"));
        clas.golden.net.first = first[step / 2];
        if (step % 2 == 0) adam_clear(&clas.adam);
        assert_loss(&clas, "gradual", step, training_step(&clas, step % 2, rates, momentum));
    }
    assert_parameters(&clas, GOLDEN_TRAIN "clas_gradual_state_after8.safetensors");
    training_close(&clas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_formula),
        cmocka_unit_test(test_frozen_groups_stay),
        cmocka_unit_test(test_clips),
        cmocka_unit_test(test_ten_steps_of_fastai),
        cmocka_unit_test(test_one_cycle_of_fastai),
        cmocka_unit_test(test_gradual_unfreezing_of_fastai),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
