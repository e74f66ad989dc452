/* awd_test.c - encoder and head answer as fastai does, every text alone. */
// SPDX-License-Identifier: Apache-2.0
#include "model/awd.h"

#include <math.h>

#include "fill.h"
#include "model/head.h"

struct net {
    struct fill_model model;
    struct arena arena;
    struct awd_scratch awd;
    struct head_scratch head;
    float *pooled, *logits;
};

static void net_lay(struct net *net, const struct weights_shape *shape, struct arena *arena)
{
    awd_lay(&net->awd, shape, arena);
    head_lay(&net->head, shape, arena);
    net->pooled = arena_take(arena, 3 * shape->width, sizeof(float));
    net->logits = arena_take(arena, weights_classes(shape), sizeof(float));
}

static void net_open(struct net *net, const struct weights_shape *shape,
                     const struct fill_scales *scales)
{
    struct error err = {0};
    assert_fine(weights_shape_check(shape, &err), &err);
    fill_open(&net->model, shape, scales);
    struct arena measure = arena_measure();
    net_lay(net, shape, &measure);
    assert_fine(arena_open(&net->arena, measure.used, &err), &err);
    net_lay(net, shape, &net->arena);
    assert_int_equal(net->arena.used, measure.used);
}

static void net_close(struct net *net)
{
    arena_close(&net->arena);
    fill_close(&net->model);
}

/* The worst difference over all lines of the file of at most count_max tokens. */
static double worst_difference(struct net *net, const char *path, size_t count_max)
{
    static struct fill_golden golden;
    const struct weights_shape *shape = &net->model.weights.shape;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    double worst = 0;
    size_t lines = 0;
    while (fill_golden_next(file, shape->vocab, &golden)) {
        struct error err = {0};
        lines++;
        if (golden.count > count_max) continue;
        assert_fine(
            awd_encode(&net->model.weights, golden.ids, golden.count, &net->awd, net->pooled, &err),
            &err);
        head_forward(&net->model.weights, net->pooled, &net->head, net->logits);
        for (size_t c = 0; c < weights_classes(shape); c++)
            worst = fmax(worst, fabs((double)net->logits[c] - golden.logits[c]));
    }
    fclose(file);
    assert_true(lines >= 20);
    return worst;
}

static void tiny_model_within_1e_5(void **state)
{
    (void)state;
    struct net net;
    net_open(&net, &FILL_TINY_SHAPE, &FILL_TINY);
    double worst = worst_difference(&net, "tests/golden/ulmfit/tiny.jsonl", 2048);
    print_message("tiny: worst difference of a logit %.2g\n", worst);
    assert_true(worst < 1e-5);
    net_close(&net);
}

/* All lengths up to 1,600 with GOLDEN_ALL in the environment; else up to 300. */
static void full_size_within_1e_4(void **state)
{
    (void)state;
    struct net net;
    net_open(&net, &FILL_FULL_SHAPE, &FILL_FULL);
    double worst = worst_difference(&net, "tests/golden/ulmfit/full.jsonl",
                                    getenv("GOLDEN_ALL") != NULL ? 2048 : 300);
    print_message("full size: worst difference of a logit %.2g\n", worst);
    assert_true(worst < 1e-4);
    net_close(&net);
}

static void nothing_to_pool_is_refused(void **state)
{
    (void)state;
    struct net net;
    struct error err = {0};
    const uint32_t pads[] = {1, 1, 1};
    net_open(&net, &FILL_TINY_SHAPE, &FILL_TINY);
    assert_fails(awd_encode(&net.model.weights, pads, 0, &net.awd, net.pooled, &err),
                 ERR_EMPTY_CASE, "no tokens", &err);
    assert_fails(awd_encode(&net.model.weights, pads, 3, &net.awd, net.pooled, &err),
                 ERR_EMPTY_CASE, "padding", &err);
    net_close(&net);
}

static void softmax_sums_to_one(void **state)
{
    (void)state;
    float values[] = {1000, 999, -1000};
    head_softmax(values, 3, values);
    assert_float_equal(values[0], 0.7310586f, 1e-6f);
    assert_float_equal(values[0] + values[1] + values[2], 1, 1e-6f);
    assert_true(values[2] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_model_within_1e_5),
        cmocka_unit_test(full_size_within_1e_4),
        cmocka_unit_test(nothing_to_pool_is_refused),
        cmocka_unit_test(softmax_sums_to_one),
    };
    return cmocka_run_group_tests_name("awd", tests, NULL, NULL);
}
