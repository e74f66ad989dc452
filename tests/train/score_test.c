/* score_test.c - accuracy, F1, coverage, precision and calibration error computed by hand. */
// SPDX-License-Identifier: Apache-2.0
#include "train/score.h"

#include <math.h>

#include "base/fault.h"
#include "fail.h"

static void near(double got, double expected)
{
    if (fabs(got - expected) > 1e-7) fail_msg("%.9g where %.9g was expected", got, expected);
}

/* Nine cases of labels 0, 1, 2; 3 and 4 never met; one case of a label the model does not know. */
static const struct {
    uint32_t truth, best;
    float confidence;
    bool abstained;
} told[] = {
    {0, 0, 0.95f, false}, {0, 0, 0.90f, false}, {0, 1, 0.40f, true},
    {1, 1, 0.80f, false}, {1, 0, 0.70f, false}, {2, 2, 0.60f, true},
    {2, 2, 1.00f, false}, {2, 1, 0.30f, true},  {5, 0, 0.50f, true},
};
enum { LABELS = 5, TOLD = sizeof told / sizeof *told };

static struct score score_of(size_t from, size_t to)
{
    struct score score;
    struct error err;
    assert_fine(score_open(&score, LABELS, &err), &err);
    for (size_t i = from; i < to; i++)
        score_add(&score, told[i].truth, told[i].best, told[i].confidence, told[i].abstained);
    return score;
}

static void sums_are_those_by_hand(void **state)
{
    (void)state;
    struct score score = score_of(0, TOLD);
    struct score_sum sum = score_sum(&score);
    assert_int_equal(sum.cases, 9);
    assert_int_equal(sum.right, 5);
    assert_int_equal(sum.unknown, 1);
    near(sum.accuracy, 5.0 / 9);
    /* F1 = 2 right / (cases + guessed): 0: 4/7, 1: 2/5, 2: 4/5; unknown: 0; labels 3 and 4 not met
     */
    near(score_f1(&score.label[0]), 4.0 / 7);
    near(score_f1(&score.label[1]), 2.0 / 5);
    near(score_f1(&score.label[2]), 4.0 / 5);
    near(score_f1(&score.label[3]), 0);
    near(sum.macro_f1, (4.0 / 7 + 2.0 / 5 + 4.0 / 5 + 0) / 4);
    assert_int_equal(sum.answered, 5);
    near(sum.coverage, 5.0 / 9);
    near(sum.precision, 4.0 / 5);
    assert_int_equal(score.label[0].guessed, 4);
    assert_int_equal(score.label[0].answered, 3);
    assert_int_equal(score.label[0].answered_right, 2);
    /* bins of 1/15: {.95, 1.0} 2 right of 1.95; {.9} 1; {.8} 1; {.7} 0; {.6} 1; {.5}, {.4}, {.3} 0
     */
    near(sum.calibration_error, (0.05 + 0.1 + 0.2 + 0.7 + 0.4 + 0.5 + 0.4 + 0.3) / 9);
    score_close(&score);
}

static void parts_add_up(void **state)
{
    (void)state;
    struct score whole = score_of(0, TOLD), a = score_of(0, 4), b = score_of(4, TOLD);
    score_merge(&a, &b);
    assert_memory_equal(a.label, whole.label, (LABELS + 1) * sizeof *a.label);
    struct score_sum x = score_sum(&a), y = score_sum(&whole);
    near(x.macro_f1, y.macro_f1);
    near(x.calibration_error, y.calibration_error);
    assert_int_equal(x.answered_right, y.answered_right);
    score_close(&whole);
    score_close(&a);
    score_close(&b);
}

static void nothing_is_zero_not_nan(void **state)
{
    (void)state;
    struct score score = score_of(0, 0);
    struct score_sum sum = score_sum(&score);
    near(sum.accuracy, 0);
    near(sum.macro_f1, 0);
    near(sum.coverage, 0);
    near(sum.precision, 0);
    near(sum.calibration_error, 0);
    near(score_ratio(3, 0), 0);
    near(score_ratio(3, 4), 0.75);
    score_close(&score);
}

static void the_edges_of_confidence_have_bins(void **state)
{
    (void)state;
    struct score score = score_of(0, 0);
    score_add(&score, 0, 0, 0.0f, false);
    score_add(&score, 0, 0, 1.0f, false);
    score_add(&score, 0, 0, 0x1.fffffep-1f, false);
    assert_int_equal(score.bin[0].cases, 1);
    assert_int_equal(score.bin[SCORE_BINS - 1].cases, 2);
    score_close(&score);
}

/* There is no bin for it, nor for NaN. */
static void a_confidence_is_a_probability(void **state)
{
    (void)state;
    static const float none[] = {NAN, -NAN, INFINITY, -0.001f, 1.001f};
    struct score score = score_of(0, 0);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_aborts(score_add(&score, 0, 0, none[i], false));
    score_close(&score);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    struct score score;
    struct error err;
    fault_arm(1);
    assert_int_equal(score_open(&score, LABELS, &err), ERR_MEMORY);
    fault_arm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_by_hand),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(nothing_is_zero_not_nan),
        cmocka_unit_test(the_edges_of_confidence_have_bins),
        cmocka_unit_test(a_confidence_is_a_probability),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
