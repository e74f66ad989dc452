/* case_test.c - the fields, and what makes a case one that can be answered. */
// SPDX-License-Identifier: Apache-2.0
#include "text/case.h"

#include "base/limits.h"
#include "fail.h"

static void has_the_eight_fields(void **state)
{
    (void)state;
    static const char *names[] = {"case_language", "case_number", "description", "origin",
                                  "product",       "severity",    "subject",     "version"};
    assert_int_equal(CASE_FIELDS, 8);
    for (enum case_field f = 0; f < CASE_FIELDS; f++) {
        assert_string_equal(case_rows[f].name, names[f]);
        assert_int_equal(case_find(slice_of(names[f])), f);
        assert_true(strlen(case_rows[f].description) > 0);
    }
    assert_int_equal(case_find(SLICE("sbr")), CASE_FIELDS);
    assert_int_equal(case_find(SLICE("")), CASE_FIELDS);
    assert_int_equal(case_find(SLICE("Subject")), CASE_FIELDS);
    assert_int_equal(case_find(SLICE("subject\0")), CASE_FIELDS);
    assert_int_equal(case_find(SLICE("subjec")), CASE_FIELDS);
}

/* subject, description, product, version, severity, origin: ranks 1 to 6, no other field. */
static void ranks_are_fastais(void **state)
{
    (void)state;
    static const enum case_field order[] = {CASE_SUBJECT, CASE_DESCRIPTION, CASE_PRODUCT,
                                            CASE_VERSION, CASE_SEVERITY,    CASE_ORIGIN};
    for (int i = 0; i < 6; i++) assert_int_equal(case_rows[order[i]].rank, i + 1);
    assert_int_equal(case_rows[CASE_NUMBER].rank, 0);
    assert_int_equal(case_rows[CASE_LANGUAGE].rank, 0);
    assert_int_equal(case_rows[CASE_NUMBER].linear, CASE_LINEAR_NONE);
}

static void needs_a_subject_or_a_description(void **state)
{
    (void)state;
    struct error err;
    for (enum case_field f = 0; f < CASE_FIELDS; f++) {
        struct case_text text = {0};
        text.field[f] = SLICE("x");
        if (f == CASE_SUBJECT || f == CASE_DESCRIPTION) {
            assert_fine(case_check(&text, 3, &err), &err);
            continue;
        }
        assert_fails(case_check(&text, 3, &err), ERR_EMPTY_CASE, "both empty", &err);
        assert_int_equal(err.line, 3);
    }
}

static void names_the_field_that_is_no_utf8(void **state)
{
    (void)state;
    for (enum case_field f = 0; f < CASE_FIELDS; f++) {
        struct error err;
        struct case_text text = {
            .field = {[CASE_SUBJECT] = SLICE("s"), [CASE_DESCRIPTION] = SLICE("\xE2\x82\xAC")}};
        text.field[f] = SLICE("abc\xFF");
        char wanted[64];
        snprintf(wanted, sizeof wanted, "%s: byte 4 (0xFF)", case_rows[f].name);
        assert_fails(case_check(&text, 12, &err), ERR_UTF8, wanted, &err);
        assert_int_equal(err.line, 12);
    }
}

static void counts_code_points_over_all_fields(void **state)
{
    (void)state;
    enum { SIZE = 2 * TEXT_CODE_POINTS_MAX };
    struct error err;
    char *umlauts = malloc(SIZE);
    assert_non_null(umlauts);
    for (size_t i = 0; i < SIZE; i += 2) memcpy(umlauts + i, "\xC3\xA4", 2);
    struct case_text text = {.field = {[CASE_DESCRIPTION] = {umlauts, SIZE}}};
    assert_fine(case_check(&text, 0, &err), &err); /* a million exactly */
    text.field[CASE_VERSION] = SLICE("6");
    assert_fails(case_check(&text, 8, &err), ERR_TEXT_LONG, "version makes the case longer", &err);
    assert_int_equal(err.line, 8);
    text.field[CASE_DESCRIPTION].size -= 2;
    assert_fine(case_check(&text, 0, &err), &err);
    free(umlauts);
}

static void a_string_alone_is_checked_too(void **state)
{
    (void)state;
    struct error err;
    assert_fine(case_check_utf8(SLICE("a\0b"), "sbr", 1, &err), &err);
    assert_fine(case_check_utf8((struct slice){NULL, 0}, "sbr", 1, &err), &err);
    assert_fails(case_check_utf8(SLICE("\xED\xA0\x80"), "sbr", 5, &err), ERR_UTF8,
                 "sbr: byte 1 (0xED)", &err);
    assert_int_equal(err.line, 5);
}

static void a_copy_is_one_piece(void **state)
{
    (void)state;
    struct case_text text = {
        .field = {[CASE_SUBJECT] = SLICE("disk"), [CASE_VERSION] = SLICE("9")}};
    struct case_text copy;
    char bytes[6] = "....!";
    assert_int_equal(case_bytes(&text), 5);
    case_copy(&copy, &text, bytes);
    for (enum case_field f = 0; f < CASE_FIELDS; f++) {
        assert_true(slice_equal(copy.field[f], text.field[f]));
        assert_true(copy.field[f].data >= bytes && copy.field[f].data <= bytes + 5);
    }
    case_copy(&copy, &copy, (char[5]){0}); /* text itself */
    assert_int_equal(case_bytes(&copy), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_one_piece),
        cmocka_unit_test(has_the_eight_fields),
        cmocka_unit_test(ranks_are_fastais),
        cmocka_unit_test(needs_a_subject_or_a_description),
        cmocka_unit_test(names_the_field_that_is_no_utf8),
        cmocka_unit_test(counts_code_points_over_all_fields),
        cmocka_unit_test(a_string_alone_is_checked_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
