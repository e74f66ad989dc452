/* calibrator_test.c - a temperature that is known is found, and thresholds reach their target. */
// SPDX-License-Identifier: Apache-2.0
#include "train/calibrator.h"

#include <math.h>

#include "answer/answer.h"
#include "base/fault.h"
#include "base/rng.h"
#include "help.h"

enum { LABELS = 5, CASES = 8000 };

struct drawn {
    float scores[CASES * LABELS], known[CASES];
    uint32_t truth[CASES];
};
static struct drawn first, second; /* to learn from, and others of the same kind */

static double unit(struct rng *rng) { return (double)(rng_next(rng) >> 11) / 9007199254740992.0; }

/* The truth is drawn from softmax(scale known^1.5 scores). */
static struct calibrator_cases draw(struct drawn *drawn, double scale, uint64_t seed)
{
    struct rng rng = rng_seed(seed);
    for (size_t i = 0; i < CASES; i++) {
        float *scores = drawn->scores + i * LABELS;
        double p[LABELS], sum = 0;
        drawn->known[i] = (float)(0.6 + 0.4 * unit(&rng));
        double a = scale * pow((double)drawn->known[i], 1.5);
        for (int c = 0; c < LABELS; c++) {
            scores[c] = (float)(unit(&rng) + unit(&rng) + unit(&rng) - 1.5);
            sum += p[c] = exp(a * (double)scores[c]);
        }
        double at = unit(&rng) * sum;
        uint32_t c = 0;
        while (c + 1 < LABELS && (at -= p[c]) > 0) c++;
        drawn->truth[i] = c;
    }
    return (struct calibrator_cases){drawn->scores, drawn->known, drawn->truth, CASES, LABELS};
}

/* The mean distance of confidence and accuracy over ten equal steps of confidence. */
static double gap(const struct calibrator_cases *cases, const struct calibrate *calibrate)
{
    double claimed[10] = {0}, right[10] = {0}, sum = 0;
    for (size_t i = 0; i < cases->count; i++) {
        float probability[LABELS];
        uint32_t best = calibrate_apply(calibrate, cases->scores + i * LABELS, LABELS,
                                        cases->known[i], probability);
        int bin = (int)fminf(probability[best] * 10, 9);
        claimed[bin] += (double)probability[best];
        right[bin] += best == cases->truth[i];
    }
    for (int b = 0; b < 10; b++) sum += fabs(claimed[b] - right[b]);
    return sum / (double)cases->count;
}

static void a_known_temperature_is_found(void **state)
{
    (void)state;
    static const double scales[] = {1, 3, 9};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        struct calibrator_cases cases = draw(&first, scales[i], 1);
        struct calibrate calibrate = calibrator_fit(&cases);
        /* Half of it is used, for the sake of texts of no label; the line restores the rest. */
        assert_true(fabs((double)calibrate.scale / (0.5 * scales[i]) - 1) < 0.1);
        assert_true(calibrate.slope > 1);
        struct calibrator_cases others = draw(&second, scales[i], 2);
        assert_true(gap(&others, &calibrate) < 0.03);
    }
}

static void scores_that_say_nothing_are_not_believed(void **state)
{
    (void)state;
    struct calibrator_cases cases = draw(&first, 0, 3);
    struct calibrate calibrate = calibrator_fit(&cases);
    assert_true(calibrate.slope >= 0.05f);
    assert_true(gap(&cases, &calibrate) < 0.05);
    float threshold[LABELS];
    struct error err;
    assert_fine(calibrator_thresholds(&cases, &calibrate, 0.9f, threshold, &err), &err);
    for (int c = 0; c < LABELS; c++) assert_true(threshold[c] == ANSWER_NEVER);
}

static void thresholds_reach_the_target_on_other_cases(void **state)
{
    (void)state;
    static const float targets[] = {0.8f, 0.9f, 0.95f};
    double last_covered = 1;
    for (int t = 0; t < 3; t++) {
        struct calibrator_cases cases = draw(&first, 9, 5);
        struct calibrate calibrate = calibrator_fit(&cases);
        float threshold[LABELS];
        struct error err;
        assert_fine(calibrator_thresholds(&cases, &calibrate, targets[t], threshold, &err), &err);
        struct calibrator_cases others = draw(&second, 9, 6);
        double answered = 0, right = 0;
        for (size_t i = 0; i < others.count; i++) {
            float probability[LABELS];
            uint32_t best = calibrate_apply(&calibrate, others.scores + i * LABELS, LABELS,
                                            others.known[i], probability);
            if (probability[best] < threshold[best]) continue;
            answered++;
            right += best == others.truth[i];
        }
        assert_true(right / answered > (double)targets[t] - 0.015);
        assert_true(answered / CASES > 0.1 && answered / CASES < last_covered);
        last_covered = answered / CASES;
    }
}

/* Four cases by hand: two labels guessed, one of them always wrong, one label never guessed. */
static void a_label_always_wrong_is_never_answered(void **state)
{
    (void)state;
    enum { N = 40 };
    float scores[N * 3], known[N], threshold[3];
    uint32_t truth[N];
    for (int i = 0; i < N; i++) {
        uint32_t best = (uint32_t)i % 2;
        for (uint32_t c = 0; c < 3; c++) scores[i * 3 + (int)c] = c == best ? 1 : 0;
        truth[i] = best == 0 ? 0 : 2; /* 0 is right, 1 is wrong */
        known[i] = 1;
    }
    truth[1] = truth[3] = 1;
    scores[1 * 3] = scores[3 * 3] = 9; /* two cases of label 1, taken for 0 */
    struct calibrator_cases cases = {scores, known, truth, N, 3};
    struct calibrate calibrate = {.scale = 4, .gamma = 1, .slope = 1};
    struct error err;
    assert_fine(calibrator_thresholds(&cases, &calibrate, 0.9f, threshold, &err), &err);
    assert_true(threshold[0] <= 1);
    assert_true(threshold[1] == ANSWER_NEVER);
    assert_true(threshold[2] == 0.9f); /* never guessed: its own word must do */
}

/* A label seen once can not have been right when held out: what others were taken for it says
 * nothing about it. */
static void a_label_seen_once_has_no_threshold_of_its_own(void **state)
{
    (void)state;
    enum { N = 12 };
    float scores[N * 2], known[N], threshold[2];
    uint32_t truth[N];
    for (int i = 0; i < N; i++) {
        truth[i] = i == 0;
        known[i] = 1;
        scores[i * 2] = i >= 1 && i <= 3 ? 0 : 1; /* three of label 0 are taken for label 1 */
        scores[i * 2 + 1] = 1 - scores[i * 2];
    }
    struct calibrator_cases cases = {scores, known, truth, N, 2};
    struct calibrate calibrate = {.scale = 4, .gamma = 1, .slope = 1};
    struct error err;
    assert_fine(calibrator_thresholds(&cases, &calibrate, 0.9f, threshold, &err), &err);
    assert_true(threshold[1] == 0.9f);
}

/* Held-out answers that all are right and sure say nothing of less sure ones: only the target does.
 * Where one is wrong, the others' lowest confidence is the threshold, as ever. */
static void answers_that_all_are_right_ask_for_no_more_than_the_target(void **state)
{
    (void)state;
    enum { N = 40 };
    float scores[N * 2], known[N], threshold[2], sure[2];
    uint32_t truth[N];
    for (int i = 0; i < N; i++) {
        int best = i % 2;
        known[i] = 1;
        truth[i] = i == 1 ? 0 : (uint32_t)best; /* one of label 1's is wrong */
        scores[i * 2 + best] = i == 1 ? 1 : 2;  /* and less sure */
        scores[i * 2 + 1 - best] = 0;
    }
    struct calibrator_cases cases = {scores, known, truth, N, 2};
    struct calibrate calibrate = {.scale = 3, .slope = 1};
    struct error err;
    calibrate_apply(&calibrate, scores, 2, 1, sure);
    assert_true(sure[0] > 0.99f);
    assert_fine(calibrator_thresholds(&cases, &calibrate, 0.9f, threshold, &err), &err);
    assert_true(threshold[0] == 0.9f);
    assert_fine(calibrator_thresholds(&cases, &calibrate, 0.97f, threshold, &err), &err);
    assert_true(threshold[0] == 0.97f);
    assert_true(threshold[1] == sure[0]);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    struct calibrator_cases cases = draw(&first, 4, 5);
    struct calibrate calibrate = {.scale = 4, .gamma = 1, .slope = 1};
    struct error err;
    float threshold[LABELS];
    for (long nth = 1; nth <= 3; nth++) {
        fault_arm(nth);
        assert_int_equal(calibrator_thresholds(&cases, &calibrate, 0.9f, threshold, &err),
                         ERR_MEMORY);
        fault_arm(0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_temperature_is_found),
        cmocka_unit_test(scores_that_say_nothing_are_not_believed),
        cmocka_unit_test(thresholds_reach_the_target_on_other_cases),
        cmocka_unit_test(a_label_always_wrong_is_never_answered),
        cmocka_unit_test(a_label_seen_once_has_no_threshold_of_its_own),
        cmocka_unit_test(answers_that_all_are_right_ask_for_no_more_than_the_target),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
