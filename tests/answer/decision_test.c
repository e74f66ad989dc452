/* decision_test.c - one bit of case, model, kernel or answer makes another name. */
// SPDX-License-Identifier: Apache-2.0
#include "answer/decision.h"

#include <math.h>

#include "imported.h"

static struct answer_model model;
static struct case_text text;
static struct answer answer;
static float row[IMPORTED_LABELS];

static void set_up(void)
{
    static char room[1000];
    struct error err;
    struct answer_context context;
    text = imported_case(3, 20, room, sizeof room);
    assert_fine(answer_begin(&context, &model, &err), &err);
    answer_case(&context, &text, &answer);
    memcpy(row, answer.probability, sizeof row);
    answer.probability = row;
    answer_end(&context);
}

static void assert_other(const struct decision *before)
{
    struct decision now = decision_of(&model, &text, &answer);
    assert_false(decision_equal(before, &now));
}

static void it_is_a_kernel_and_digits(void **state)
{
    (void)state;
    struct error err;
    set_up();
    struct decision one = decision_of(&model, &text, &answer), again, parsed;
    assert_string_equal(one.kernel, ulmfit_kernel(&model.ulmfit));
    assert_string_equal(decision_kernel(&one), one.kernel);
    again = decision_of(&model, &text, &answer);
    assert_true(decision_equal(&one, &again));
    char name[100];
    snprintf(name, sizeof name, DECISION_FORMAT, one.kernel, one.digits);
    assert_fine(decision_parse(&parsed, slice_of(name), &err), &err);
    assert_true(decision_equal(&one, &parsed));
}

static void every_part_counts(void **state)
{
    (void)state;
    set_up();
    struct decision before = decision_of(&model, &text, &answer);
    for (int f = 0; f < CASE_FIELDS; f++) {
        struct slice kept = text.field[f];
        text.field[f] = SLICE("something else");
        assert_other(&before);
        text.field[f] = kept;
    }
    struct slice subject = text.field[CASE_SUBJECT]; /* text moved over the border of fields */
    text.field[CASE_SUBJECT] = slice_from(subject, 1);
    text.field[CASE_SEVERITY] = (struct slice){subject.data, 1};
    assert_other(&before);
    text.field[CASE_SUBJECT] = subject, text.field[CASE_SEVERITY] = SLICE("");
    for (size_t c = 0; c < IMPORTED_LABELS; c++) {
        row[c] = nextafterf(row[c], 2);
        assert_other(&before);
        row[c] = answer.best == c ? answer.confidence : nextafterf(row[c], -1);
    }
    answer.abstained = !answer.abstained;
    assert_other(&before);
    answer.abstained = !answer.abstained;
    answer.truncated = !answer.truncated;
    assert_other(&before);
    answer.truncated = !answer.truncated;
    uint32_t best = answer.best;
    answer.best = (best + 1) % IMPORTED_LABELS;
    assert_other(&before);
    answer.best = best;
    model.bundle.checksum[0] ^= 1;
    assert_other(&before);
    model.bundle.checksum[0] ^= 1;
    struct decision after = decision_of(&model, &text, &answer);
    assert_true(decision_equal(&before, &after));
}

static void what_is_no_decision(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "-",
                                        "avx2",
                                        "avx2-",
                                        "-0123456789abcdef0123456789abcdef",
                                        "avx2-0123456789abcdef0123456789abcde",
                                        "avx2-0123456789abcdef0123456789abcdef0",
                                        "avx2-0123456789abcdef0123456789abcdeF",
                                        "avx2-0123456789abcdef0123456789abcdeg",
                                        "avx2_0123456789abcdef0123456789abcdef",
                                        "sixteen.letters.-0123456789abcdef0123456789abcdef"};
    struct error err;
    struct decision decision = {.kernel = "kept"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(decision_parse(&decision, slice_of(wrong[i]), &err), ERR_USAGE, "no decision",
                     &err);
    assert_fails(decision_parse(&decision, SLICE("a\0b-0123456789abcdef0123456789abcdef"), &err),
                 ERR_USAGE, "no decision", &err);
    assert_string_equal(decision.kernel, "kept");
    assert_fine(decision_parse(&decision, SLICE("linear-0123456789abcdef0123456789abcdef"), &err),
                &err);
    assert_null(decision_kernel(&decision));
    assert_fine(decision_parse(&decision, SLICE("neon-dot-0123456789abcdef0123456789abcdef"), &err),
                &err);
    assert_string_equal(decision_kernel(&decision), "neon-dot");
    assert_string_equal(decision.digits, "0123456789abcdef0123456789abcdef");
}

static int make(void **state)
{
    struct error err;
    const char *path = imported_write(true);
    *state = (void *)(size_t)path;
    assert_fine(answer_open(&model, path, NULL, &err), &err);
    return 0;
}

static int give(void **state)
{
    answer_close(&model);
    unlink(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_a_kernel_and_digits),
        cmocka_unit_test(every_part_counts),
        cmocka_unit_test(what_is_no_decision),
    };
    return cmocka_run_group_tests_name("decision", tests, make, give);
}
