/* calibrate_test.c - probabilities sum to 1 and the best guess stays the best, whatever the scores.
 */
// SPDX-License-Identifier: Apache-2.0
#include "answer/calibrate.h"

#include <math.h>

#include "base/rng.h"
#include "help.h"

enum { LABELS_MOST = 40 };

static float drawn(struct rng *rng, float span)
{
    return ((float)rng_below(rng, 2000001) / 1e6f - 1) * span;
}

static void sums_to_one_with_the_best_first(void **state)
{
    (void)state;
    struct rng rng = rng_seed(9);
    static const float spans[] = {0, 1e-3f, 1, 30, 1e4f, 1e30f};
    for (int round = 0; round < 20000; round++) {
        uint32_t labels = 2 + (uint32_t)rng_below(&rng, LABELS_MOST - 1);
        float scores[LABELS_MOST], probability[LABELS_MOST], span = spans[rng_below(&rng, 6)];
        for (uint32_t c = 0; c < labels; c++) scores[c] = drawn(&rng, span);
        struct calibrate calibrate = {.scale = 1 + drawn(&rng, 0.99f) * 30 + 30,
                                      .gamma = 1.5f,
                                      .slope = 1.05f + drawn(&rng, 1),
                                      .offset = drawn(&rng, 10)};
        float known = (float)rng_below(&rng, 101) / 100;
        uint32_t best = calibrate_apply(&calibrate, scores, labels, known, probability);
        double sum = 0;
        for (uint32_t c = 0; c < labels; c++) {
            assert_true(scores[c] <= scores[best]);
            assert_true(probability[c] >= 0 && probability[c] <= 1);
            assert_true(c == best || probability[c] < probability[best]);
            sum += (double)probability[c];
        }
        assert_true(fabs(sum - 1) < 1e-5);
        float logit;
        assert_int_equal(calibrate_best(&calibrate, scores, labels, known, &logit), best);
        assert_true(isfinite(logit));
    }
}

static void an_identity_line_is_the_softmax(void **state)
{
    (void)state;
    static const float scores[] = {0.5f, 1.25f, -1, 0};
    struct calibrate calibrate = {.scale = 2, .gamma = 1.5f, .slope = 1, .offset = 0};
    float probability[4], logit;
    double a = 2 * pow(0.64, 1.5), sum = 0;
    for (int c = 0; c < 4; c++) sum += exp(a * (double)scores[c]);
    assert_int_equal(calibrate_apply(&calibrate, scores, 4, 0.64f, probability), 1);
    for (int c = 0; c < 4; c++)
        assert_true(fabs((double)probability[c] - exp(a * (double)scores[c]) / sum) < 1e-6);
    calibrate_best(&calibrate, scores, 4, 0.64f, &logit);
    double p = exp(a * 1.25) / sum;
    assert_true(fabs((double)logit - log(p / (1 - p))) < 1e-5);
}

static void the_line_moves_the_best_and_keeps_the_rest_in_proportion(void **state)
{
    (void)state;
    static const float scores[] = {2, 1, 0};
    struct calibrate plain = {1, 1, 1, 0}, moved = {1, 1, 0.5f, 1};
    float before[3], after[3], logit;
    calibrate_apply(&plain, scores, 3, 1, before);
    calibrate_best(&plain, scores, 3, 1, &logit);
    calibrate_apply(&moved, scores, 3, 1, after);
    assert_true(fabs((double)after[0] - 1 / (1 + exp(-(0.5 * (double)logit + 1)))) < 1e-6);
    assert_true(fabsf(after[1] / after[2] - before[1] / before[2]) < 1e-5f);
}

static void a_strange_text_is_believed_less(void **state)
{
    (void)state;
    static const float scores[] = {1, 0, 0.5f};
    struct calibrate calibrate = {4, 1.5f, 1, 0};
    float last = 1, probability[3];
    for (int known = 10; known >= 0; known--) {
        assert_int_equal(calibrate_apply(&calibrate, scores, 3, (float)known / 10, probability), 0);
        assert_true(probability[0] <= last);
        last = probability[0];
    }
    assert_true(last < 0.34f); /* all but a draw */
}

static void a_draw_goes_to_the_first(void **state)
{
    (void)state;
    static const float scores[] = {1, 3, 3};
    struct calibrate calibrate = {1, 1, 1, -8}; /* hardly believed: the runner-up is as likely */
    float probability[3];
    assert_int_equal(calibrate_apply(&calibrate, scores, 3, 1, probability), 1);
    assert_true(probability[1] > probability[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_to_one_with_the_best_first),
        cmocka_unit_test(an_identity_line_is_the_softmax),
        cmocka_unit_test(the_line_moves_the_best_and_keeps_the_rest_in_proportion),
        cmocka_unit_test(a_strange_text_is_believed_less),
        cmocka_unit_test(a_draw_goes_to_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
