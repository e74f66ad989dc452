/* penalty_test.c - activation regularisation against the formula, and its slopes. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/penalty.h"

#include "slope.h"

enum { ROWS = 3, STEPS = 4, FEATURES = 21, COUNT = STEPS * ROWS * FEATURES };

struct problem {
    struct penalty penalty;
    float out[COUNT], raw[COUNT]; /* [steps, rows, features] */
};

static double loss_of(void *context)
{
    const struct problem *p = context;
    double sum = 0;
    for (size_t t = 0; t < STEPS; t++)
        for (size_t r = 0; r < ROWS; r++) {
            size_t at = (t * ROWS + r) * FEATURES;
            const float *before = t == 0 ? NULL : p->raw + at - ROWS * FEATURES;
            sum += penalty_forward(&p->penalty, FEATURES, p->out + at, before, p->raw + at);
        }
    return sum;
}

static void problem_make(struct problem *p, float alpha, float beta)
{
    struct rng rng = rng_seed(2);
    const struct penalty_shape shape = {ROWS, STEPS, FEATURES};
    p->penalty = penalty_of(alpha, beta, &shape);
    slope_fill(&rng, p->out, COUNT);
    slope_fill(&rng, p->raw, COUNT);
}

static void follows_the_formula(void **state)
{
    (void)state;
    static struct problem p;
    double sizes = 0, changes = 0;
    problem_make(&p, 20, 10);
    for (size_t i = 0; i < COUNT; i++) sizes += pow((double)p.out[i], 2);
    for (size_t i = ROWS * FEATURES; i < COUNT; i++)
        changes += pow((double)p.raw[i] - (double)p.raw[i - ROWS * FEATURES], 2);
    double wanted = 20 * sizes / COUNT + 10 * changes / (COUNT - ROWS * FEATURES);
    assert_true(fabs(loss_of(&p) / wanted - 1) < 1e-6);
    problem_make(&p, 0, 0);
    assert_true(loss_of(&p) == 0);
}

static void gradients_are_slopes(void **state)
{
    (void)state;
    static struct problem p;
    static float dout[COUNT], draw[COUNT];
    const size_t step = (size_t)ROWS * FEATURES;
    problem_make(&p, 20, 10);
    for (size_t at = 0; at < COUNT; at += FEATURES) {
        size_t t = at / step;
        const float *before = t == 0 ? NULL : p.raw + at - step;
        const float *after = t + 1 == STEPS ? NULL : p.raw + at + step;
        penalty_size_backward(&p.penalty, FEATURES, p.out + at, dout + at);
        penalty_change_backward(&p.penalty, FEATURES, before, p.raw + at, after, draw + at);
    }
    slope_check(loss_of, &p, p.out, dout, COUNT, 1, 1e-4);
    slope_check(loss_of, &p, p.raw, draw, COUNT, 1, 1e-4);
}

/* As fastai does, who asks whether there is a second row before it looks at the steps. */
static void a_single_row_is_not_compared(void **state)
{
    (void)state;
    const struct penalty_shape row = {1, STEPS, FEATURES}, step = {ROWS, 1, FEATURES};
    assert_true(penalty_of(1, 1, &row).change == 0 && penalty_of(1, 1, &row).size > 0);
    assert_true(penalty_of(1, 1, &step).change == 0 && penalty_of(1, 1, &step).size > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_formula),
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(a_single_row_is_not_compared),
    };
    return cmocka_run_group_tests_name("penalty", tests, NULL, NULL);
}
