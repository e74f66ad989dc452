/* window_test.c - truncation and masks against a walk over the columns. */
// SPDX-License-Identifier: Apache-2.0
#include "model/window.h"

#include "base/rng.h"
#include "help.h"

static const struct weights_shape SHAPE = {.vocab = 20,
                                           .width = 4,
                                           .hidden = 4,
                                           .layers = 1,
                                           .blocks = 1,
                                           .outs = {2},
                                           .bptt = 4,
                                           .max_len = 12};

/* fastai's own loop: keep a block if what is left from it on is short enough. */
static size_t walked_start(size_t count)
{
    for (size_t i = 0; i < count; i += SHAPE.bptt)
        if (count - i <= SHAPE.max_len) return i;
    return count;
}

static void agrees_with_the_walk(void **state)
{
    (void)state;
    struct rng rng = rng_seed(3);
    for (int round = 0; round < 2000; round++) {
        uint32_t ids[40];
        size_t count = 1 + rng_below(&rng, 40), steps = 0, tail = 0;
        for (size_t t = 0; t < count; t++)
            ids[t] = rng_below(&rng, 4) == 0 ? WEIGHTS_PAD : 2 + (uint32_t)rng_below(&rng, 18);
        size_t start = walked_start(count);
        for (size_t t = start; t < count; t++) steps += ids[t] != WEIGHTS_PAD;
        for (size_t t = start; t < count; t++)
            tail += t + SHAPE.bptt >= count && ids[t] == WEIGHTS_PAD;
        struct window window = {0};
        struct error err = {0};
        enum error_code code = window_of(&SHAPE, ids, count, &window, &err);
        assert_int_equal(code, steps == 0 ? ERR_EMPTY_CASE : ERR_NONE);
        if (steps == 0) continue;
        assert_int_equal(window.start, start);
        assert_int_equal(window.steps, steps);
        assert_int_equal(window.last, count - 1 - tail);
    }
}

static void shapes_have_bounds(void **state)
{
    (void)state;
    struct error err = {0};
    struct weights_shape shape = SHAPE;
    assert_fine(weights_shape_check(&shape, &err), &err);
    shape.max_len = 3;
    assert_fails(weights_shape_check(&shape, &err), ERR_WEIGHTS, "below bptt", &err);
    shape = SHAPE, shape.layers = 9;
    assert_fails(weights_shape_check(&shape, &err), ERR_WEIGHTS, "LSTM layers", &err);
    shape = SHAPE, shape.outs[0] = 0;
    assert_fails(weights_shape_check(&shape, &err), ERR_WEIGHTS, "classes", &err);
    shape = SHAPE, shape.vocab = WEIGHTS_VOCAB_MAX + 1;
    assert_fails(weights_shape_check(&shape, &err), ERR_WEIGHTS, "words", &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_walk),
        cmocka_unit_test(shapes_have_bounds),
    };
    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
