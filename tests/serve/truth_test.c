/* truth_test.c - what is right, what is wrong, what is silent, and who was killed before. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/truth.h"

#include <math.h>

#include "base/tick.h"
#include "help.h"

static const struct answer_model *tiny_model(void)
{
    static const uint32_t start[] = {0, 3, 6}, label[] = {1, 0};
    static const float confidence[] = {0.75f, 0.5f};
    static const struct answer_model model = {.label_count = 2,
                                              .label_start = start,
                                              .label_text = "onetwo",
                                              .canary_count = 2,
                                              .canary_label = label,
                                              .canary_confidence = confidence};
    return &model;
}

static void judge(struct truth *truth, uint32_t canary, uint32_t best, float confidence)
{
    struct answer answer = {.model = tiny_model(), .best = best, .confidence = confidence};
    truth_judge(truth, canary, &answer);
}

static void it_follows_the_last_answer(void **state)
{
    (void)state;
    struct error err;
    struct truth truth;
    truth_begin(&truth, 1000);
    assert_fine(truth_ready(&truth, &err), &err);
    assert_int_equal(truth_right(&truth), 0);
    judge(&truth, 0, 1, 0.7509f); /* within 1e-3 */
    judge(&truth, 1, 0, 0.5f);
    assert_fine(truth_ready(&truth, &err), &err);
    assert_int_equal(truth_right(&truth), 2);
    judge(&truth, 0, 0, 0.75f); /* another label */
    assert_fails(truth_ready(&truth, &err), ERR_NOT_READY,
                 "canary 1 is answered one with 0.7500, where the model said two", &err);
    judge(&truth, 1, 0, 0.502f); /* another probability */
    assert_fails(truth_ready(&truth, &err), ERR_NOT_READY, "canary 2 is answered one", &err);
    judge(&truth, 0, 1, (float)NAN);
    assert_int_equal(truth_ready(&truth, &err), ERR_NOT_READY);
    assert_int_equal(truth.wrong, 3);
    judge(&truth, 0, 1, 0.75f);
    assert_fine(truth_ready(&truth, &err), &err);
    assert_int_equal(truth_right(&truth), 3);
}

static void silence_is_not_ready(void **state)
{
    (void)state;
    struct error err;
    struct truth truth;
    truth_begin(&truth, 40);
    truth.last -= 39000000000u;
    assert_fine(truth_ready(&truth, &err), &err);
    truth.last -= 2000000000u;
    assert_fails(truth_ready(&truth, &err), ERR_NOT_READY, "nothing was answered for 41 s", &err);
    assert_false(truth_holds(&truth));
    judge(&truth, 0, 1, 0.75f);
    assert_fine(truth_ready(&truth, &err), &err);
    truth_beat(&truth, truth.last - 39000000000u);
    assert_true(truth_holds(&truth));
    truth_beat(&truth, truth.last - 41000000000u);
    assert_false(truth_holds(&truth));
    assert_fails(truth_ready(&truth, &err), ERR_NOT_READY, "HTTP hangs for 41 s", &err);
    truth_beat(&truth, truth.last);
    assert_true(truth_holds(&truth));
    truth.last = truth.looked -= 50000000000u; /* all of it stood still */
    truth_beat(&truth, truth.last);
    assert_true(truth_holds(&truth));
    truth.woken -= 41000000000u; /* since then it does not */
    truth_beat(&truth, truth.last);
    assert_false(truth_holds(&truth));
    judge(&truth, 0, 1, 0.25f); /* wrong: seen at once */
    assert_false(truth_holds(&truth));
}

/* A canary that a reload took away is no silence, and is made up for. */
static void one_that_is_passed_over_is_asked_again(void **state)
{
    (void)state;
    struct error err;
    struct truth truth;
    truth_begin(&truth, 40);
    assert_false(truth_due(&truth));
    truth.last -= 41000000000u;
    truth_pass(&truth);
    assert_fine(truth_ready(&truth, &err), &err);
    assert_true(truth_due(&truth));
    assert_false(truth_due(&truth));
    judge(&truth, 0, 1, 0.25f); /* what is wrong stays wrong */
    truth_pass(&truth);
    assert_int_equal(truth_ready(&truth, &err), ERR_NOT_READY);
}

static void kills_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *tree;
        long kills;
    } rows[] = {{"tests/doctor/trees/kubernetes", 9},
                {"tests/doctor/trees/docker-v1", 2},
                {"tests/doctor/trees/docker-v2", 0},
                {"tests/golden", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct root root = root_of(rows[i].tree);
        assert_int_equal(truth_kills(&root), rows[i].kills);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_the_last_answer),
        cmocka_unit_test(silence_is_not_ready),
        cmocka_unit_test(one_that_is_passed_over_is_asked_again),
        cmocka_unit_test(kills_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
