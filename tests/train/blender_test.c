/* blender_test.c - good members share, a bad one gets nothing, one that proves nothing little. */
// SPDX-License-Identifier: Apache-2.0
#include "train/blender.h"

#include <math.h>

#include "base/rng.h"
#include "help.h"

enum { COUNT = 2000, LABELS = 6 };

static float linear[COUNT * LABELS], ulmfit[COUNT * LABELS], pooled[COUNT * LABELS], known[COUNT];
static uint32_t truth[COUNT];

static float noise(struct rng *rng) { return (float)(rng_next(rng) >> 40) * 0x1p-23f - 1; }

/* Scores of a member that sees the truth through so much noise, in units of its own. */
static void make(struct rng *rng, float signal, float unit, float *out)
{
    for (size_t i = 0; i < COUNT; i++)
        for (uint32_t c = 0; c < LABELS; c++) {
            float sum = 0;
            for (int n = 0; n < 4; n++) sum += noise(rng);
            out[i * LABELS + c] = unit * (sum + (c == truth[i] ? signal : 0));
        }
}

static void draw(float linear_signal, float ulmfit_signal)
{
    struct rng rng = rng_seed(7);
    for (size_t i = 0; i < COUNT; i++) {
        truth[i] = (uint32_t)rng_below(&rng, LABELS);
        known[i] = 1;
    }
    make(&rng, linear_signal, 0.3f, linear);
    make(&rng, ulmfit_signal, 4, ulmfit);
}

static struct blender_cases cases_of(size_t count)
{
    return (struct blender_cases){.scores = {linear, ulmfit},
                                  .known = known,
                                  .truth = truth,
                                  .count = count,
                                  .labels = LABELS};
}

static double right(const float *scores)
{
    size_t right = 0;
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t best = 0;
        for (uint32_t c = 1; c < LABELS; c++)
            if (scores[i * LABELS + c] > scores[i * LABELS + best]) best = c;
        right += best == truth[i];
    }
    return (double)right / COUNT;
}

static void equals_share(void **state)
{
    (void)state;
    double share;
    draw(2, 2);
    struct blender_cases cases = cases_of(COUNT);
    struct blend blend = blender_fit(&cases, pooled, &share);
    assert_true(share > 0.4 && share < 0.6);
    /* In units of their own, of which one's are 13 times the other's. */
    assert_true(blend.weight[ANSWER_LINEAR] > 8 * blend.weight[ANSWER_ULMFIT]);
    assert_true(right(pooled) > right(linear) + 0.05 && right(pooled) > right(ulmfit) + 0.05);
}

static void a_bad_one_takes_nothing_away(void **state)
{
    (void)state;
    double share;
    draw(3, 0);
    struct blender_cases cases = cases_of(COUNT);
    blender_fit(&cases, pooled, &share);
    assert_true(share < 0.1);
    assert_true(right(pooled) > right(linear) - 0.005);
    draw(0, 3);
    blender_fit(&cases, pooled, &share);
    assert_true(share > 0.9);
    assert_true(right(pooled) > right(ulmfit) - 0.005);
}

/* Scores so large that no scale within reach tames them, as of a network that diverged. */
static void what_ran_away_gets_nothing(void **state)
{
    (void)state;
    double share;
    draw(2, 0);
    for (size_t i = 0; i < (size_t)COUNT * LABELS; i++) ulmfit[i] *= 1e6f;
    struct blender_cases cases = cases_of(COUNT);
    struct blend blend = blender_fit(&cases, pooled, &share);
    assert_true(share == 0 && blend.weight[ANSWER_ULMFIT] == 0);
    assert_true(blend.weight[ANSWER_LINEAR] > 0);
    assert_true(right(pooled) == right(linear));
}

/* Learnt by heart: every answer right and sure, which says nothing of other cases. */
static void what_may_have_been_seen_gets_little(void **state)
{
    (void)state;
    double share;
    draw(2, 9);
    struct blender_cases cases = cases_of(COUNT);
    struct blend blend = blender_fit_cautiously(&cases, pooled, &share);
    assert_true(share > 0 && share <= 0.35);
    assert_true(blend.calibrate.scale == 1 && blend.calibrate.slope == 1);
    assert_true(blend.weight[ANSWER_LINEAR] > 0 && blend.weight[ANSWER_ULMFIT] > 0);
    blender_fit(&cases, pooled, &share);
    assert_true(share > 0.6);
}

/* A handful of cases: the weights are numbers, and neither member is left out. */
static void few_cases(void **state)
{
    (void)state;
    double share;
    draw(2, 2);
    for (size_t count = 1; count < 6; count++) {
        struct blender_cases cases = cases_of(count);
        struct blend blend = blender_fit(&cases, pooled, &share);
        assert_true(share > 0 && share < 1);
        for (int m = 0; m < ANSWER_MEMBERS; m++)
            assert_true(blend.weight[m] > 0 && isfinite(blend.weight[m]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ran_away_gets_nothing),
        cmocka_unit_test(equals_share),
        cmocka_unit_test(a_bad_one_takes_nothing_away),
        cmocka_unit_test(what_may_have_been_seen_gets_little),
        cmocka_unit_test(few_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
