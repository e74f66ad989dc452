/* recent_test.c - the newest cases are kept, whole, and belong to one model. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/recent.h"

#include "help.h"

static const struct answer_model model, another;
static char bytes[RECENT_CASE_BYTES + 1];

static void note(struct recent *recent, const struct answer_model *by, const char *subject,
                 uint32_t label)
{
    struct answer answer = {.model = by, .best = label};
    struct case_text text = {0};
    text.field[CASE_SUBJECT] = slice_of(subject);
    text.field[CASE_VERSION] = slice_of("7");
    recent_note(recent, &text, &answer);
}

static void assert_case(const struct recent *recent, size_t at, const char *subject, uint32_t label)
{
    const struct recent_case *one = &recent->cases[at];
    assert_true(slice_equal(one->text.field[CASE_SUBJECT], slice_of(subject)));
    assert_true(slice_equal(one->text.field[CASE_VERSION], slice_of("7")));
    assert_int_equal(one->text.field[CASE_PRODUCT].size, 0);
    assert_int_equal(one->label, label);
}

static void the_newest_stay(void **state)
{
    (void)state;
    struct error err;
    struct recent recent;
    assert_fine(recent_open(&recent, 3, &model, &err), &err);
    char subject[] = "a";
    for (uint32_t i = 0; i < 5; i++, subject[0]++) note(&recent, &model, subject, i);
    assert_int_equal(recent.count, 3);
    assert_case(&recent, 0, "d", 3);
    assert_case(&recent, 1, "e", 4);
    assert_case(&recent, 2, "c", 2);
    recent_close(&recent);
}

static void long_ones_and_strangers_are_not_kept(void **state)
{
    (void)state;
    struct error err;
    struct recent recent;
    assert_fine(recent_open(&recent, 3, &model, &err), &err);
    memset(bytes, 'x', sizeof bytes - 1);
    note(&recent, &model, bytes, 1); /* with the version a byte too long */
    note(&recent, &another, "b", 1);
    assert_int_equal(recent.count, 0);
    bytes[sizeof bytes - 2] = '\0';
    note(&recent, &model, bytes, 1);
    assert_int_equal(recent.count, 1);
    assert_case(&recent, 0, bytes, 1);
    recent_close(&recent);
    recent_close(&recent);
    assert_fine(recent_open(&recent, 0, &model, &err), &err); /* none are wanted */
    note(&recent, &model, "a", 1);
    assert_int_equal(recent.count, 0);
    recent_begin(&recent);
    recent_end(&recent, &another, 0);
    recent_close(&recent);
}

static void a_model_takes_over_what_it_has_answered(void **state)
{
    (void)state;
    struct error err;
    struct recent recent;
    assert_fine(recent_open(&recent, 3, &model, &err), &err);
    note(&recent, &model, "a", 1);
    note(&recent, &model, "b", 2);
    recent_begin(&recent);
    note(&recent, &model, "c", 3); /* does not wait */
    assert_int_equal(recent.count, 2);
    recent.cases[0].next_label = 7;
    recent_end(&recent, NULL, 1); /* it was not taken */
    assert_case(&recent, 0, "a", 1);
    assert_case(&recent, 1, "b", 2);
    recent_begin(&recent);
    recent_end(&recent, &another, 1);
    assert_int_equal(recent.count, 1);
    assert_case(&recent, 0, "a", 7);
    note(&recent, &model, "c", 3); /* answered before, told later */
    note(&recent, &another, "d", 4);
    assert_int_equal(recent.count, 2);
    assert_case(&recent, 1, "d", 4);
    recent_close(&recent);
}

static void memory_is_measured(void **state)
{
    (void)state;
    assert_true(recent_bytes(10) >= 10 * sizeof(struct recent_case));
    assert_int_equal(recent_bytes(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_stay),
        cmocka_unit_test(long_ones_and_strangers_are_not_kept),
        cmocka_unit_test(a_model_takes_over_what_it_has_answered),
        cmocka_unit_test(memory_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
